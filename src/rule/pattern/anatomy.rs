//! What a pattern tells before it runs: where its matches start, how far they reach, and which run of
//! bytes each of them holds. Most keyword hits stand in prose and code; these facts dismiss them
//! without a regex, which is then not even compiled.

use regex_syntax::hir::{Hir, HirKind, Look};

use super::byteset::ByteSet;
use super::lead::{Lead, before};
use super::parse;
use super::program::{Outcome, Program, Tries};
use super::writer::Writer;

/// A match starts at most this many bytes before its keyword; rules are written to that.
const BEFORE: usize = 128;
/// Reach of a pattern of unbounded length.
const DEFAULT_REACH: usize = 512;
/// A shorter run is in nearly every text.
const LEAST_RUN: usize = 8;
/// Beginnings looked at before a pattern counts as one that may begin anyhow.
const MOST_BEGINNINGS: usize = 256;
/// A set of more bytes begins no keyword.
const MOST_LETTERS: usize = 32;

/// Where the matches of a pattern start, seen from a keyword.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the keyword.
    At,
    /// Where the bytes of the set that stand right before the keyword begin, at most so many.
    Run(ByteSet, usize),
    /// Anywhere in so many bytes before the keyword.
    Near(usize),
}

/// Bytes that stand side by side in every match: at least `len`, all of them in `set`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) len: usize,
    pub(crate) set: ByteSet,
}

/// The facts.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Anatomy {
    /// Where matches start.
    pub(crate) start: Start,
    /// Bytes after a keyword in which the end of a match is looked for at first.
    pub(crate) reach: usize,
    pub(crate) run: Option<Run>,
    /// One a keyword, where one stands at a certain place of all matches.
    pub(crate) leads: Box<[Lead]>,
    /// True where of two keywords in one run of bytes before a match the first one tells all.
    pub(crate) goes_on: bool,
}

impl Anatomy {
    /// The facts about `pattern`, which has `keywords` and may say its own `reach`. A pattern that is
    /// no regex gets those that dismiss nothing.
    pub(crate) fn of(pattern: &str, keywords: &[String], reach: Option<usize>) -> Self {
        let Some(hir) = parse(pattern) else {
            let reach = reach.unwrap_or(DEFAULT_REACH);
            let (start, leads) = (Start::Near(BEFORE), Box::default());
            return Self { start, reach, run: None, leads, goes_on: false };
        };
        let longest = || hir.properties().maximum_len().unwrap_or(DEFAULT_REACH).clamp(64, 4096);
        let start = match start(&[&hir], keywords) {
            // An assertion may hold at a later byte of the run only.
            Start::Run(_, most) if !hir.properties().look_set_prefix_any().is_empty() => {
                Start::Near(most)
            }
            start => start,
        };
        let before = before(&hir, keywords);
        let leads = behind(&hir, keywords).map(|behind| {
            let lead = |word: &String| Lead::of(&behind, word.as_bytes(), before.clone());
            keywords.iter().map(lead).collect()
        });
        let goes_on = match &start {
            Start::Run(set, _) => goes_on(&flat(&[&hir]), keywords, set),
            Start::At | Start::Near(_) => false,
        };
        Self {
            start,
            goes_on,
            leads: leads.unwrap_or_default(),
            reach: reach.unwrap_or_else(longest),
            run: run(&hir).filter(|run| run.len >= LEAST_RUN && run.set.is_telling()),
        }
    }

    /// How far from a keyword the bytes lie, at most, that [`Anatomy::window`] looks at or holds.
    pub(crate) fn around(&self) -> usize {
        self.start.distance().saturating_add(self.reach)
    }

    /// How a match goes on from the `nth` keyword of the rule on.
    pub(crate) fn lead(&self, nth: usize) -> Lead {
        self.leads.get(nth).cloned().unwrap_or_default()
    }

    /// The bytes that may stand between two keywords of which the first one tells all.
    pub(crate) fn shadow(&self) -> Option<&ByteSet> {
        match &self.start {
            Start::Run(set, _) => self.goes_on.then_some(set),
            Start::At | Start::Near(_) => None,
        }
    }

    /// False when no match can lie in `window`.
    pub(crate) fn may_match(&self, window: &[u8]) -> bool {
        self.run.as_ref().is_none_or(|run| run.is_in(window))
    }
}

impl Run {
    /// True when `text` holds such a run. Looks at every `len`th byte only, until one is in the set.
    fn is_in(&self, text: &[u8]) -> bool {
        let mut begin = 0_usize;
        while let Some(mut at) = begin.checked_add(self.len).filter(|&end| end <= text.len()) {
            // Backward from where the run would end: the last byte outside moves the begin behind it.
            while at > begin && self.set.has(text[at - 1]) {
                at -= 1;
            }
            if at == begin {
                return true;
            }
            begin = at;
        }
        false
    }
}

/// The parts of `parts`, captures and nested sequences opened.
pub(crate) fn flat<'h>(parts: &[&'h Hir]) -> Vec<&'h Hir> {
    let mut all = Vec::new();
    for part in parts {
        match part.kind() {
            HirKind::Capture(capture) => all.extend(flat(&[&capture.sub])),
            HirKind::Concat(inner) => all.extend(flat(&inner.iter().collect::<Vec<_>>())),
            HirKind::Look(_) | HirKind::Empty => {}
            _ => all.push(*part),
        }
    }
    all
}

/// Where matches of `parts`, one after the other, start.
fn start(parts: &[&Hir], keywords: &[String]) -> Start {
    let parts = flat(parts);
    if leads(&parts, keywords) {
        return Start::At;
    }
    let Some((first, rest)) = parts.split_first() else {
        return Start::Near(BEFORE);
    };
    if let HirKind::Alternation(branches) = first.kind() {
        let mut all = branches.iter().map(|branch| start(&[&[branch], rest].concat(), keywords));
        let one = all.next().unwrap_or(Start::Near(BEFORE));
        return all.fold(one, farther);
    }
    if let HirKind::Repetition(repetition) = first.kind()
        && let HirKind::Class(class) = repetition.sub.kind()
        && let Some(most) = repetition.max
        && repetition.min == 0
        && leads(rest, keywords)
    {
        return Start::Run(ByteSet::of_class(class), most as usize);
    }
    match (first.properties().maximum_len(), start(rest, keywords)) {
        (Some(len), rest) => Start::Near(rest.distance().saturating_add(len).min(BEFORE)),
        (None, _) => Start::Near(BEFORE),
    }
}

/// What stands in all matches of `hir` from one of its keywords on; `None` where no keyword has such a place. A
/// keyword that stands in a match elsewhere, too, tells nothing of it. Assertions may be left out.
pub(crate) fn behind(hir: &Hir, keywords: &[String]) -> Option<Hir> {
    let parts = flat(&[hir]);
    if leads(&parts, keywords) { Some(hir.clone()) } else { behind_of(&parts, keywords) }
}

fn behind_of(parts: &[&Hir], keywords: &[String]) -> Option<Hir> {
    (0..parts.len()).find_map(|at| {
        let (first, rest) = (parts[at], &parts[at + 1..]);
        match first.kind() {
            HirKind::Literal(literal) => (0..literal.0.len()).find_map(|from| {
                let end = Hir::literal(&literal.0[from..]);
                together(&[&[&end], rest].concat(), keywords)
            }),
            HirKind::Alternation(branches) => together(&parts[at..], keywords).or_else(|| {
                let branch = |branch| behind_of(&flat(&[&[branch], rest].concat()), keywords);
                Some(Hir::alternation(branches.iter().map(branch).collect::<Option<_>>()?))
            }),
            _ => together(&parts[at..], keywords),
        }
    })
}

/// `parts` as one pattern, where all it matches begins with a keyword.
fn together(parts: &[&Hir], keywords: &[String]) -> Option<Hir> {
    leads(parts, keywords).then(|| Hir::concat(parts.iter().copied().cloned().collect()))
}

fn farther(a: Start, b: Start) -> Start {
    if a == b { a } else { Start::Near(a.distance().max(b.distance())) }
}

impl Start {
    /// Where a match starts that has its keyword at `at` in `bytes`; no sense for [`Start::Near`].
    pub(crate) fn of(&self, bytes: &[u8], at: usize) -> usize {
        match self {
            Self::Run(set, most) => {
                let before = bytes[..at].iter().rev().take(*most);
                at - before.take_while(|&&byte| set.has(byte)).count()
            }
            Self::At | Self::Near(_) => at,
        }
    }

    /// Most bytes between the start of a match and its keyword.
    pub(crate) fn distance(&self) -> usize {
        match self {
            Self::At => 0,
            Self::Run(_, most) | Self::Near(most) => *most,
        }
    }
}

/// A beginning of keywords: the number of the first one that begins so, and how many of its bytes.
type Beginning = (usize, usize);

/// True when all that `parts` match begins with one of the keywords, whatever the case.
pub(crate) fn leads(parts: &[&Hir], keywords: &[String]) -> bool {
    let mut open: Vec<Beginning> = vec![(0, 0)];
    for part in parts {
        let Some(longer) = extend(open, part, keywords) else {
            return false;
        };
        if longer.is_empty() {
            return true;
        }
        open = longer;
    }
    false
}

/// Beginnings that no keyword is in yet, after `part` has followed those of `open`; `None` when one of
/// them can no longer become a keyword.
fn extend(open: Vec<Beginning>, part: &Hir, keywords: &[String]) -> Option<Vec<Beginning>> {
    if open.is_empty() {
        return Some(open);
    }
    match part.kind() {
        HirKind::Look(_) | HirKind::Empty => Some(open),
        HirKind::Capture(capture) => extend(open, &capture.sub, keywords),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(open, |open, part| extend(open, part, keywords))
        }
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(extend(open.clone(), branch, keywords)?);
            }
            unique(all)
        }
        HirKind::Literal(literal) => {
            literal.0.iter().try_fold(open, |open, &byte| push(&open, &[byte], keywords))
        }
        HirKind::Class(class) => {
            let set = ByteSet::of_class(class);
            if set.len() > MOST_LETTERS {
                return None;
            }
            let bytes: Vec<u8> = (0..=255).filter(|&byte| set.has(byte)).collect();
            push(&open, &bytes, keywords)
        }
        HirKind::Repetition(repetition) => {
            let (least, most) = (repetition.min, repetition.max?);
            let mut all = if least == 0 { open.clone() } else { Vec::new() };
            let mut open = open;
            for count in 1..=most {
                open = extend(open, &repetition.sub, keywords)?;
                if count >= least {
                    all.extend(open.iter().copied());
                }
                if open.is_empty() {
                    break;
                }
            }
            unique(all)
        }
    }
}

/// Each beginning with each of `bytes` behind it, but for those that are a keyword then.
fn push(open: &[Beginning], bytes: &[u8], keywords: &[String]) -> Option<Vec<Beginning>> {
    let mut all = Vec::new();
    for &(nth, len) in open {
        let beginning = &keywords.get(nth)?.as_bytes()[..len];
        for byte in bytes.iter().map(u8::to_ascii_lowercase) {
            let rest = |word: &String| {
                let rest = word.as_bytes().strip_prefix(beginning)?.strip_prefix(&[byte])?;
                Some(rest.len())
            };
            if !keywords.iter().any(|word| rest(word) == Some(0)) {
                all.push((keywords.iter().position(|word| rest(word).is_some())?, len + 1));
            }
        }
    }
    unique(all)
}

fn unique(mut all: Vec<Beginning>) -> Option<Vec<Beginning>> {
    all.sort_unstable();
    all.dedup();
    (all.len() <= MOST_BEGINNINGS).then_some(all)
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
    endless && set.and(&ByteSet::of_class(class)) == *set && are_words(word, keywords)
}

/// True when `hir` matches each of `keywords` whole.
fn are_words(hir: &Hir, keywords: &[String]) -> bool {
    let whole = Hir::concat(vec![hir.clone(), Hir::look(Look::End)]);
    let mut sets: Vec<ByteSet> = Vec::new();
    let code = Writer::write(&whole, &mut |set| {
        sets.push(set.clone());
        u16::try_from(sets.len() - 1).ok()
    });
    let Some(code) = code else { return false };
    let program = Program { code: &code, sets: &sets };
    keywords.iter().all(|word| {
        let mut tries = Tries::new(1000);
        program.at(word.as_bytes(), 0, word.len(), &mut tries).0 == Outcome::Matches
    })
}

/// The longest run that every match of `hir` holds.
fn run(hir: &Hir) -> Option<Run> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Capture(capture) => run(&capture.sub),
        HirKind::Alternation(branches) => {
            let mut all = Run { len: usize::MAX, set: ByteSet::EMPTY };
            for branch in branches {
                let Run { len, set } = run(branch)?;
                all.len = all.len.min(len);
                all.set.add(&set);
            }
            Some(all)
        }
        HirKind::Concat(_) => longest(&flat(&[hir])),
        _ => {
            let (len, set) = piece(hir);
            (len > 0).then_some(Run { len, set })
        }
    }
}

/// The longest telling run in a sequence: of single pieces side by side, or within one of the pieces.
fn longest(parts: &[&Hir]) -> Option<Run> {
    let mut best: Option<Run> = None;
    let mut keep = |run: Run| {
        if run.set.is_telling() && best.as_ref().is_none_or(|best| best.len < run.len) {
            best = Some(run);
        }
    };
    let pieces: Vec<(usize, ByteSet)> = parts.iter().map(|part| piece(part)).collect();
    for (at, part) in parts.iter().enumerate() {
        if matches!(part.kind(), HirKind::Alternation(_)) {
            run(part).into_iter().for_each(&mut keep);
        }
        let mut open = Run { len: 0, set: ByteSet::EMPTY };
        for (len, set) in &pieces[at..] {
            open.len += len;
            open.set.add(set);
            if !open.set.is_telling() {
                break;
            }
            keep(open.clone());
        }
    }
    best
}

/// Least length of what `hir` matches, and all bytes that can be in it.
fn piece(hir: &Hir) -> (usize, ByteSet) {
    let len = hir.properties().minimum_len().unwrap_or(0);
    (len, bytes(hir))
}

/// All bytes that can be in a match of `hir`.
pub(crate) fn bytes(hir: &Hir) -> ByteSet {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => ByteSet::EMPTY,
        HirKind::Literal(literal) => ByteSet::of(&literal.0),
        HirKind::Class(class) => ByteSet::of_class(class),
        HirKind::Capture(capture) => bytes(&capture.sub),
        HirKind::Repetition(repetition) => bytes(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            let mut all = ByteSet::EMPTY;
            parts.iter().for_each(|part| all.add(&bytes(part)));
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anatomy(pattern: &str, keywords: &[&str]) -> Anatomy {
        let keywords: Vec<String> = keywords.iter().map(|&word| word.to_owned()).collect();
        Anatomy::of(pattern, &keywords, None)
    }

    #[test]
    fn the_start_is_as_near_as_the_pattern_says() {
        let start = |pattern, keywords: &[&str]| anatomy(pattern, keywords).start;
        assert!(start("sk-[a-z]{20}", &["sk-"]) == Start::At);
        assert!(start("(?i:acme|ac_me)[a-z]{20}", &["acme", "ac_me"]) == Start::At);
        assert!(start("(?i:ac[_-]?me).{20}", &["acme", "ac_me", "ac-me"]) == Start::At);
        assert!(start(r"\bac(?:me|id)x", &["acme", "acid"]) == Start::At);
        assert!(start("(?:_|-)lob", &["lob"]) == Start::Near(1));
        assert!(matches!(start("(?:_|-)?lob", &["lob"]), Start::Run(_, 1)));
        assert!(start(r"\b[a-z]{0,9}lob", &["lob"]) == Start::Near(9));
        assert!(start("https?://x", &["://"]) == Start::Near(5));
        assert!(start("[a-z]*lob", &["lob"]) == Start::Near(BEFORE));
        let run = start(r"[\w.-]{0,40}?(?:key|token)", &["key", "token"]);
        assert!(matches!(run, Start::Run(set, 40) if set.has(b'_') && !set.has(b' ')));
        // `acme` alone is not announced by the keyword.
        assert!(start("acme(?:_x)?[a-z]", &["acme_x"]) != Start::At);
    }

    #[test]
    fn the_first_keyword_tells_all_only_where_a_name_goes_on() {
        let shadow = |pattern| anatomy(pattern, &["key", "token"]).shadow().cloned();
        let shadowed = |pattern| shadow(pattern).is_some();
        let run = shadow(r"[\w.-]{0,40}?(?:key|token)[\w.-]*=(\w{4,})");
        assert!(run.is_some_and(|set| set.has(b'_') && !set.has(b' ')));
        assert!(shadowed(r"[\w]{0,9}?(?i:key|token)[\w.]*=(\d+)"));
        assert!(!shadowed(r"[\w.]{0,9}?(?:key|token)\w*=(\d+)"));
        assert!(!shadowed(r"[\w]{0,9}?(?:key|token)\w{0,8}=(\d+)"));
        assert!(!shadowed(r"[\w]{0,9}?(?:keys?|token[a-z])\w*=(\d+)"));
    }

    #[test]
    fn a_window_without_the_run_is_dismissed() {
        let facts = anatomy(r#"(?i:key)\s?[=:]\s?"?([0-9a-f]{32}|[A-Z]{20}\.[A-Z]{20})"#, &["key"]);
        assert!(facts.may_match(b"key = 0123456789abcdef0123456789abcdef"));
        assert!(facts.may_match(b"key: ABCDEFGHIJABCDEFGHIJ.ABCDEFGHIJABCDEFGHIJ"));
        assert!(!facts.may_match(b"key = a long text without such a run of characters 0123456789"));
        assert!(
            !facts.may_match(b"0123456789abcdef0123456789abcde ABCDEFGHIJABCDEFGHIJABCDEFGHIJ")
        );
        assert!(anatomy("pass: .{4,}", &["pass"]).may_match(b"pass: x"));
    }
}
