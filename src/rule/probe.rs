//! Whether a pattern can match at a keyword, and how many bytes tell that. Nearly every keyword that is
//! looked at stands where nothing matches, and a few bytes behind it say so: an automaton that is run byte
//! by byte tells how few, which the library's search does not. So a later version of the text need not
//! look there again, however near to the place it was changed.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, HirKind};

use crate::rule::matcher::{DFA_CACHE, endless};
use crate::rule::pattern::{Anatomy, ByteSet, Start, behind, flat, parse};

/// What is asked of a pattern at its keywords.
pub(crate) struct Probe {
    dfa: DFA,
    /// Of a pattern that begins with a run of bytes: those that may stand between two of its keywords, of
    /// which then the first one tells all.
    shadow: Option<ByteSet>,
}

/// What was seen behind a keyword.
pub(crate) struct Look {
    /// True when the pattern may match there.
    pub(crate) may_match: bool,
    /// Just behind the last byte that tells that.
    pub(crate) end: usize,
}

impl Probe {
    /// That of `pattern`, whose `keywords` and `anatomy` are given; `None` for a pattern of which no keyword
    /// has a place of its own, and for one that is too large.
    pub(super) fn of(pattern: &str, keywords: &[String], anatomy: &Anatomy) -> Option<Self> {
        let hir = parse(pattern)?;
        let dfa = automaton(&endless(&behind(&hir, keywords)?))?;
        let shadow = match &anatomy.start {
            Start::Run(set, _) if goes_on(&flat(&[&hir]), keywords, set) => Some(set.clone()),
            Start::At | Start::Run(..) | Start::Near(_) => None,
        };
        Some(Self { dfa, shadow })
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

    /// The bytes that may stand between two keywords of which the first one tells all.
    pub(crate) fn shadow(&self) -> Option<&ByteSet> {
        self.shadow.as_ref()
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

/// True when `parts` are a run of bytes of `set`, a keyword, any more bytes of `set`, and what follows: where
/// they match with a second keyword in a run of such bytes they do so with the first one.
fn goes_on(parts: &[&Hir], keywords: &[String], set: &ByteSet) -> bool {
    let [run, word, more, ..] = parts else { return false };
    if !matches!(run.kind(), HirKind::Repetition(_)) {
        return false;
    }
    let HirKind::Repetition(more) = more.kind() else { return false };
    let HirKind::Class(class) = more.sub.kind() else { return false };
    let endless = more.min == 0 && more.max.is_none() && more.greedy;
    let Ok(word) = Regex::builder().build_from_hir(word) else { return false };
    let is_word = |keyword: &String| {
        let input = Input::new(keyword).anchored(Anchored::Yes);
        word.search(&input).is_some_and(|found| found.end() == keyword.len())
    };
    endless && set.and(&ByteSet::of_class(class)) == *set && keywords.iter().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(pattern: &str, keywords: &[&str]) -> Option<Probe> {
        let keywords: Vec<String> = keywords.iter().map(|&word| word.to_owned()).collect();
        Probe::of(pattern, &keywords, &Anatomy::of(pattern, &keywords, None))
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
        assert!(run.shadow().is_some_and(|set| set.has(b'_') && !set.has(b' ')));
        let near =
            probe(r"user=\w+;(?:\w+;){0,3}(?:pwd|password) ?=\d+", &["pwd", "password"]).unwrap();
        assert_eq!(look(&near, "my password is", 3), (false, 13));
        assert_eq!(look(&near, "my password=1;", 3), (true, 14));
        let either = probe(r"a-key=\d|b (?:pwd|key):\d", &["key", "pwd"]).unwrap();
        assert_eq!(look(&either, "pwd=1", 0), (false, 4));
        assert_eq!(look(&either, "key=1 ", 0), (true, 6));
    }

    #[test]
    fn the_first_keyword_tells_all_only_where_a_name_goes_on() {
        let shadowed = |pattern| probe(pattern, &["key", "token"]).unwrap().shadow.is_some();
        assert!(shadowed(r"[\w]{0,9}?(?i:key|token)[\w.]*=(\d+)"));
        assert!(!shadowed(r"[\w.]{0,9}?(?:key|token)\w*=(\d+)"));
        assert!(!shadowed(r"[\w]{0,9}?(?:key|token)\w{0,8}=(\d+)"));
        assert!(!shadowed(r"[\w]{0,9}?(?:keys?|token[a-z])\w*=(\d+)"));
        assert!(probe(r"x.{3}(?:key|tok)=(\d+)", &["key", "token"]).is_none());
    }
}
