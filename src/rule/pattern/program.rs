//! Patterns as small programs that need no time to be made ready: the build writes them, and they run where they
//! stand in the program's data. Most patterns that are asked anything are asked a few times, and the library's
//! automaton of one takes as long to build as some ten thousand bytes take to be searched.
//!
//! A program tells by trying whether there is a match, not which one. What is tried is counted, since a pattern
//! may have more ways than there is time for.

use std::ops::Range;

use regex_syntax::hir::Look;

use super::byteset::ByteSet;

/// In place of the number of a set: any byte, or none.
pub(super) const ANY: u16 = u16::MAX;

/// There is a match.
pub(super) const MATCH: u8 = 0;
/// These bytes: their number and they themselves.
pub(super) const TEXT: u8 = 1;
/// The same, whatever the case of letters.
pub(super) const WORD: u8 = 2;
/// A byte of a set: its number.
pub(super) const SET: u8 = 3;
/// Bytes of a set, least and most; without an end where that is [`ANY`].
pub(super) const RUN: u8 = 4;
/// One of several ways to go on: their number, the set of all first bytes, and of each way that of its own and
/// where it is.
pub(super) const EITHER: u8 = 5;
/// Goes on elsewhere.
pub(super) const GO: u8 = 6;
/// An assertion.
pub(super) const LOOK: u8 = 7;

/// A program, and the sets of bytes that it names.
#[derive(Clone, Copy)]
pub(crate) struct Program<'c> {
    pub(crate) code: &'c [u8],
    pub(crate) sets: &'c [ByteSet],
}

/// Ways to go on that are not tried yet: from `low` to `high`, the last one first.
struct Open {
    next: usize,
    low: usize,
    high: usize,
}

/// How much may be tried, and room to do so.
#[derive(Default)]
pub(crate) struct Tries {
    /// Steps that are left.
    pub(crate) left: usize,
    open: Vec<Open>,
}

/// What came of trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is a match.
    Matches,
    /// There is none.
    Fails,
    /// Nothing: there were more ways than tries.
    Unknown,
}

/// The assertions that a program may have, by their number in it.
pub(super) const KNOWN: [Look; 10] = [
    Look::Start,
    Look::End,
    Look::StartLF,
    Look::EndLF,
    Look::WordAscii,
    Look::WordAsciiNegate,
    Look::WordStartAscii,
    Look::WordEndAscii,
    Look::WordStartHalfAscii,
    Look::WordEndHalfAscii,
];

/// True where `look` holds at `at`.
fn holds(look: Look, bytes: &[u8], at: usize) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let before = at.checked_sub(1).map(|before| &bytes[before]);
    let (left, right) = (before.is_some_and(is_word), bytes.get(at).is_some_and(is_word));
    match look {
        Look::Start => before.is_none(),
        Look::End => at == bytes.len(),
        Look::StartLF => before.is_none_or(|byte| *byte == b'\n'),
        Look::EndLF => bytes.get(at).is_none_or(|byte| *byte == b'\n'),
        Look::WordAscii => left != right,
        Look::WordAsciiNegate => left == right,
        Look::WordStartAscii => !left && right,
        Look::WordEndAscii => left && !right,
        Look::WordStartHalfAscii => !left,
        // The writer knows no others.
        _ => !right,
    }
}

/// The two bytes at `at`, as a number.
fn short(code: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([code[at], code[at + 1]])
}

/// What a step led to.
enum Step {
    /// The program goes on there, at that byte.
    On(usize, usize),
    /// This way leads nowhere, or to others that are open now.
    Off,
    /// There is a match.
    Match,
}

/// A search for a match in `text`, the beginning of `bytes`.
struct Search<'s> {
    program: Program<'s>,
    bytes: &'s [u8],
    text: &'s [u8],
    tries: &'s mut Tries,
    /// Whether all ways are tried, also when one has led to a match.
    all: bool,
    /// Behind the last byte that was looked at.
    far: usize,
}

impl Program<'_> {
    /// Whether there is a match that starts at `at` and ends at `end` or before, and the place before which the
    /// bytes lie that tell which one it is, or that there is none.
    pub(crate) fn at(
        &self,
        bytes: &[u8],
        at: usize,
        end: usize,
        tries: &mut Tries,
    ) -> (Outcome, usize) {
        let mut search = self.search(bytes, (at, end), tries);
        search.all = true;
        let outcome = search.run(at);
        (outcome, search.far.min(bytes.len()))
    }

    /// Whether there is a match in `window`, or only one that starts with it where it is `anchored`.
    pub(crate) fn within(
        &self,
        bytes: &[u8],
        (window, anchored): (Range<usize>, bool),
        tries: &mut Tries,
    ) -> Outcome {
        let end = if anchored { window.start + 1 } else { window.end };
        // To see where no match begins takes a fraction of a step.
        if !tries.pay((end - window.start) / 8) {
            return Outcome::Unknown;
        }
        for at in window.start..end {
            if self.may_begin(short(self.code, 0), bytes.get(at)) {
                match self.search(bytes, (at, window.end), tries).run(at) {
                    Outcome::Fails => {}
                    told => return told,
                }
            }
        }
        Outcome::Fails
    }

    fn search<'s>(
        &'s self,
        bytes: &'s [u8],
        (at, end): (usize, usize),
        tries: &'s mut Tries,
    ) -> Search<'s> {
        Search { program: *self, bytes, text: &bytes[..end], tries, all: false, far: at }
    }

    /// True where what begins with a byte of `set` may begin with `byte`.
    fn may_begin(&self, set: u16, byte: Option<&u8>) -> bool {
        set == ANY || byte.is_some_and(|byte| self.sets[usize::from(set)].has(*byte))
    }
}

impl Tries {
    /// So many steps.
    pub(crate) fn new(left: usize) -> Self {
        Self { left, open: Vec::new() }
    }

    /// Takes away `steps`; false when so many were not left.
    fn pay(&mut self, steps: usize) -> bool {
        let enough = steps <= self.left;
        self.left = self.left.saturating_sub(steps);
        enough
    }
}

impl Search<'_> {
    /// Tries the ways from `at`.
    fn run(&mut self, at: usize) -> Outcome {
        let mut outcome = Outcome::Fails;
        self.tries.open.clear();
        self.tries.open.push(Open { next: 2, low: at, high: at });
        while let Some(way) = self.tries.open.last_mut() {
            let (mut next, mut at) = (way.next, way.high);
            if way.high > way.low {
                way.high -= 1;
            } else {
                self.tries.open.pop();
            }
            loop {
                if !self.tries.pay(1) {
                    return Outcome::Unknown;
                }
                match self.step(next, at) {
                    Step::On(then, there) => (next, at) = (then, there),
                    Step::Off => break,
                    Step::Match if self.all => {
                        outcome = Outcome::Matches;
                        break;
                    }
                    Step::Match => return Outcome::Matches,
                }
            }
        }
        // What was too long to be paid for is not known to lead nowhere.
        if self.tries.left == 0 { Outcome::Unknown } else { outcome }
    }

    fn step(&mut self, next: usize, at: usize) -> Step {
        let program = self.program;
        let code = &program.code[next..];
        match code[0] {
            MATCH => Step::Match,
            kind @ (TEXT | WORD) => {
                let len = usize::from(code[1]);
                let text = &self.text[at..];
                let same = |nth: usize| {
                    let (wanted, byte) = (code[2 + nth], text.get(nth));
                    let same = |&byte: &u8| {
                        byte == wanted || kind == WORD && byte.to_ascii_lowercase() == wanted
                    };
                    byte.is_some_and(same)
                };
                let alike = (0..len).take_while(|nth| same(*nth)).count();
                self.saw(at + len.min(alike + 1));
                on(alike == len, next + 2 + len, at + len)
            }
            SET => {
                self.saw(at + 1);
                on(program.may_begin(short(code, 1), self.text.get(at)), next + 3, at + 1)
            }
            RUN => self.many(next, at),
            EITHER => {
                self.saw(at + 1);
                let byte = self.text.get(at);
                if !program.may_begin(short(code, 2), byte) {
                    return Step::Off;
                }
                let ways = code[4..].chunks_exact(4).take(usize::from(code[1]));
                let mut may = ways.filter(|way| program.may_begin(short(way, 0), byte));
                let place = |way: &[u8]| usize::from(short(way, 2));
                let first = may.next().map(place);
                for way in may {
                    self.tries.open.push(Open { next: place(way), low: at, high: at });
                }
                first.map_or(Step::Off, |next| Step::On(next, at))
            }
            GO => Step::On(usize::from(short(code, 1)), at),
            _ => {
                self.saw(at + 1);
                on(holds(KNOWN[usize::from(code[1])], self.bytes, at), next + 2, at)
            }
        }
    }

    /// Bytes of a set side by side: first as many as there are, then fewer.
    fn many(&mut self, next: usize, at: usize) -> Step {
        let code = &self.program.code[next..];
        let set = &self.program.sets[usize::from(short(code, 1))];
        let (least, most) = (usize::from(short(code, 3)), short(code, 5));
        let most = if most == ANY { usize::MAX } else { usize::from(most) };
        let run = self.text[at..].iter().take(most).take_while(|byte| set.has(**byte)).count();
        self.saw(at + most.min(run + 1));
        // A long run is no single step.
        if run < least || !self.tries.pay(run / 16) {
            return Step::Off;
        }
        if run > least {
            self.tries.open.push(Open { next: next + 7, low: at + least, high: at + run - 1 });
        }
        Step::On(next + 7, at + run)
    }

    fn saw(&mut self, end: usize) {
        self.far = self.far.max(end);
    }
}

/// Goes on, or not.
fn on(does: bool, next: usize, at: usize) -> Step {
    if does { Step::On(next, at) } else { Step::Off }
}

#[cfg(test)]
mod tests {
    use regex_automata::{Anchored, Input};

    use super::super::parse;
    use super::super::writer::Writer;
    use super::*;
    use crate::rule::matcher::compile;
    use crate::rule::set::RuleSet;
    use crate::rule::{builtin, parse as parse_rules};

    /// A small generator of numbers, the same on every run.
    fn random(state: &mut u64, below: usize) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(*state >> 33).unwrap() % below
    }

    /// The program of `pattern` and its sets.
    fn written(pattern: &str) -> Option<(Vec<u8>, Vec<ByteSet>)> {
        let mut sets: Vec<ByteSet> = Vec::new();
        let code = Writer::write(&parse(pattern).unwrap(), &mut |set| {
            sets.push(set.clone());
            u16::try_from(sets.len() - 1).ok()
        });
        Some((code?, sets))
    }

    /// The alphabet has what the patterns ask for, and little else.
    fn text(state: &mut u64) -> Vec<u8> {
        let len = random(state, 24);
        (0..len).map(|_| b"abkeyKEY01_=: \n\"-"[random(state, 17)]).collect()
    }

    #[test]
    fn a_program_says_what_the_regex_says() {
        let state = &mut 11;
        let (mut matches, mut fails) = (0, 0);
        for pattern in [
            "key",
            "(?i:key|ke_y|token)=",
            r"\b(?:key|KEY)_?[ab01]{2,5}(?:\b|_)",
            r"(?i:key)[\w-]{0,9}?(?:=|: ?|\s)+([01]{2,}|[ab]{3})$",
            r"(?m:^(?:[abk]+[=:])*?[ey]+$)",
            r"\Bk(?:e(?:y|_)?){1,3}[^\n]{0,4}0",
            r"(?:a|b|ab|k(?:e|ey)){2,4}\b{end}",
            r"\b{start}[key]{2}|\b{start-half}0{3}|1\b{end-half}",
            r#"(?:"[^"]*"|[^" ]+)\z"#,
            "(?:(?:a?b?)k){2}",
        ] {
            let (code, sets) = written(pattern).unwrap();
            let (program, regex) =
                (Program { code: &code, sets: &sets }, compile(pattern).unwrap());
            for _ in 0..3000 {
                let text = text(state);
                let end = if text.is_empty() { 0 } else { random(state, text.len() + 1) };
                let at = random(state, end + 1);
                let input = Input::new(&text).range(at..end);
                let anchored = regex.is_match(input.clone().anchored(Anchored::Yes));
                let told = program.at(&text, at, end, &mut Tries::new(10_000)).0;
                assert_eq!(told == Outcome::Matches, anchored, "{pattern} {at} {end} {text:?}");
                assert_ne!(told, Outcome::Unknown);
                let ask =
                    |anchored| program.within(&text, (at..end, anchored), &mut Tries::new(10_000));
                assert!(ask(true) == told || at == end);
                let told = ask(false);
                // An empty match at the end is not looked for.
                let all = regex.find(input).is_some_and(|found| found.start() < end);
                assert_eq!(told == Outcome::Matches, all, "{pattern} {at} {end} {text:?}");
                *if all { &mut matches } else { &mut fails } += 1;
            }
        }
        assert!(matches > 500 && fails > 1000, "{matches} {fails}");
    }

    #[test]
    fn what_cannot_be_tried_is_not_said() {
        let (code, sets) = written("(?:a|b|ab|ba)*=").unwrap();
        let (program, text) = (Program { code: &code, sets: &sets }, "ab".repeat(40));
        let ask = |tries| program.at(text.as_bytes(), 0, text.len(), &mut Tries::new(tries));
        assert_eq!(ask(1000).0, Outcome::Unknown);
        let (code, sets) = written("a[ab]*=").unwrap();
        let program = Program { code: &code, sets: &sets };
        let ask = |tries| program.at(text.as_bytes(), 0, text.len(), &mut Tries::new(tries));
        assert_eq!((ask(5).0, ask(1000)), (Outcome::Unknown, (Outcome::Fails, text.len())));
        for none in ["(?:a?)*b", "(?:[ab]{2}c){9000}", "[a-z]{70000}"] {
            assert!(written(none).is_none(), "{none}");
        }
    }

    #[test]
    fn the_shipped_programs_say_what_automata_say() {
        let (rules, state) = (RuleSet::builtin().unwrap(), &mut 5);
        let files = builtin().into_iter().flat_map(|(name, text)| parse_rules(name, text));
        let texts: Vec<String> = files
            .flat_map(|file| file.rule)
            .flat_map(|rule| rule.examples.into_iter().chain(rule.negatives))
            .collect();
        let (mut matches, mut fails) = (0, 0);
        for text in &texts {
            let mut bytes = text.clone().into_bytes();
            // Some are as they were, some have one byte of another.
            if random(state, 3) > 0 && !bytes.is_empty() {
                let at = random(state, bytes.len());
                bytes[at] = b" \"x0=-_"[random(state, 7)];
            }
            let mut hits = Vec::new();
            rules.find_keywords(&bytes, |keyword, at| hits.push((keyword, at.start)));
            for (keyword, at) in hits {
                for compiled in rules.of_keyword(keyword).iter().map(|rule| rules.get(*rule)) {
                    let end = compiled.anatomy().window(&bytes, at).end;
                    let Some(program) = compiled.rule.programs().behind else { continue };
                    let probe = compiled.probe().unwrap();
                    let look = probe.look(&mut probe.create_cache(), &bytes, at, end).unwrap();
                    let id = compiled.rule.id();
                    let (told, far) = program.at(&bytes, at, end, &mut Tries::new(200_000));
                    match told {
                        Outcome::Matches => {
                            // The automaton leaves out ways behind a match, but tells it a byte late
                            // and its own end another byte later.
                            let enough = look.may_match && look.end <= far + 2;
                            assert!(enough, "{id}: {text}");
                            matches += 1;
                        }
                        Outcome::Fails => {
                            assert_eq!((look.may_match, look.end), (false, far), "{id}: {text}");
                            fails += 1;
                        }
                        Outcome::Unknown => {}
                    }
                }
            }
        }
        assert!(matches > 1000 && fails > 1000, "{matches} {fails}");
    }
}
