//! Whether a pattern can match at a keyword, and how many bytes tell that. Nearly every keyword that is
//! looked at stands where nothing matches, and a few bytes behind it say so: an automaton that is run byte
//! by byte tells how few, which the library's search does not. So a later version of the text need not
//! look there again, however near to the place it was changed.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::Hir;

use crate::rule::matcher::DFA_CACHE;
use crate::rule::pattern::{behind, endless, parse};

/// What is asked of a pattern at its keywords.
pub(crate) struct Probe {
    dfa: DFA,
}

/// What was seen behind a keyword.
pub(crate) struct Look {
    /// True when the pattern may match there.
    pub(crate) may_match: bool,
    /// Just behind the last byte that tells that.
    pub(crate) end: usize,
}

impl Probe {
    /// That of `pattern`, whose `keywords` are given; `None` for a pattern of which no keyword has a place of
    /// its own, and for one that is too large.
    pub(super) fn of(pattern: &str, keywords: &[String]) -> Option<Self> {
        let behind = behind(&parse(pattern)?, keywords)?;
        Some(Self { dfa: automaton(&endless(&behind))? })
    }

    /// What `cache` has to be for [`Probe::look`].
    pub(crate) fn create_cache(&self) -> Cache {
        self.dfa.create_cache()
    }

    /// Looks at the bytes from `at`, where a keyword stands, to `end`; `None` when it cannot be told.
    pub(crate) fn look(
        &self,
        cache: &mut Cache,
        bytes: &[u8],
        at: usize,
        end: usize,
    ) -> Option<Look> {
        let input = Input::new(bytes).range(at..end).anchored(Anchored::Yes);
        let mut state = self.dfa.start_state_forward(cache, &input).ok()?;
        let mut may_match = false;
        for (nth, &byte) in (at + 1..).zip(&bytes[at..end]) {
            state = self.dfa.next_state(cache, state, byte).ok()?;
            if state.is_tagged() {
                may_match |= state.is_match();
                if state.is_dead() {
                    return Some(Look { may_match, end: nth });
                }
                if state.is_quit() {
                    return None;
                }
            }
        }
        // An assertion at the end asks for one byte more.
        state = match bytes.get(end) {
            Some(&byte) => self.dfa.next_state(cache, state, byte).ok()?,
            None => self.dfa.next_eoi_state(cache, state).ok()?,
        };
        Some(Look { may_match: may_match || state.is_match(), end: bytes.len().min(end + 1) })
    }
}

/// An automaton for matches of `hir` that start where it is run.
fn automaton(hir: &Hir) -> Option<DFA> {
    let config = thompson::Config::new()
        .utf8(false)
        .nfa_size_limit(Some(32 << 20))
        .which_captures(thompson::WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).ok()?;
    let config = DFA::config().cache_capacity(DFA_CACHE).skip_cache_capacity_check(true);
    DFA::builder().configure(config).build_from_nfa(nfa).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(pattern: &str, keywords: &[&str]) -> Option<Probe> {
        let keywords: Vec<String> = keywords.iter().map(|&word| word.to_owned()).collect();
        Probe::of(pattern, &keywords)
    }

    fn look(probe: &Probe, text: &str, at: usize) -> (bool, usize) {
        let look = probe.look(&mut probe.create_cache(), text.as_bytes(), at, text.len()).unwrap();
        (look.may_match, look.end)
    }

    #[test]
    fn it_says_how_many_bytes_tell_that_nothing_matches() {
        let at = probe(r"\bsk-[a-f0-9]{8}(?:\W|$)", &["sk-"]).unwrap();
        assert_eq!(look(&at, "a sk-0123z and more", 2), (false, 10));
        assert_eq!(look(&at, "a sk-01234567 and more", 2), (true, 16));
        assert_eq!(look(&at, "a sk-01234567", 2), (true, 13), "the end of the text is seen");
        assert_eq!(look(&at, "a sk-0123", 2), (false, 9));
        let run = probe(r"[\w.-]{0,40}?(?:key|token)[\w.-]*=(\w{4,})", &["key", "token"]).unwrap();
        assert_eq!(look(&run, "my_key_b = abcd", 3), (false, 9));
        assert_eq!(look(&run, "my_key_b=abcd;", 3), (true, 14));
        let near =
            probe(r"user=\w+;(?:\w+;){0,3}(?:pwd|password) ?=\d+", &["pwd", "password"]).unwrap();
        assert_eq!(look(&near, "my password is", 3), (false, 13));
        assert_eq!(look(&near, "my password=1;", 3), (true, 14));
        let either = probe(r"a-key=\d|b (?:pwd|key):\d", &["key", "pwd"]).unwrap();
        assert_eq!(look(&either, "pwd=1", 0), (false, 4));
        assert_eq!(look(&either, "key=1 ", 0), (true, 6));
    }

    #[test]
    fn a_pattern_whose_keywords_stand_anywhere_has_none() {
        assert!(probe(r"x.{3}(?:key|tok)=(\d+)", &["key", "token"]).is_none());
    }
}
