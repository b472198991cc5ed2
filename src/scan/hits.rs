//! Where the keywords of all rules stand in a text. Finding them is the only work that looks at every
//! byte, so a text that takes over stretches of another one takes over the hits in them, too: of a
//! version of a file only what is new is looked at. What comes of a hit depends on what stands around it,
//! so that it is taken over, too, where it is nothing, which it nearly always is.

use std::num::NonZeroU16;
use std::sync::LazyLock;

use memchr::memmem;

use crate::rule::pattern::Start;
use crate::rule::set::{RuleIdx, RuleSet};
use crate::rule::sign::Sign;
use crate::rule::trigger::{Encoding, Trigger};
use crate::scan::decode::Joints;
use crate::scan::fates::{Fates, Place};
use crate::scan::generic;
use crate::scan::repeats::{Repeats, Stretch};
use crate::span::{Copied, Span};

/// Bytes behind a keyword that may tell that no rule of it can match there. Such a hit, and most are
/// such, is not kept; so what a version takes over counts only up to so many bytes before its end, and from
/// its second byte on, since the one before a keyword may tell that, too.
pub(super) const AHEAD: usize = 48;

/// The hits in one text of which something may come, sorted by place.
#[derive(Default)]
pub struct Hits {
    all: Vec<Hit>,
    /// Length of the text.
    len: usize,
}

/// A keyword and where it starts. Blobs above 4 GiB are never scanned, so that offsets fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) start: u32,
    pub(super) keyword: u32,
    pub(super) fate: Option<Fate>,
}

/// What is known to come of a hit, and why; small, since hits are kept by the million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fate {
    /// The bytes before the hit's start that are why, one more where the start of the text is; below
    /// [`JOINT`], which is added where the literals behind the hit are to be joined. Nothing else comes of it.
    before: u16,
    /// The bytes from the hit's start on that are why, one more where the end of the text is.
    behind: NonZeroU16,
}

/// More than what a fate counts before a hit.
const JOINT: u16 = 1 << 15;

impl Hit {
    pub(super) fn new(start: usize, keyword: usize) -> Self {
        let fit = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: fit(start), keyword: fit(keyword), fate: None }
    }

    /// Counted from the start of `part` of a text, in which it lies, with its fate only where the bytes of `part`
    /// tell it; `ends`: whether the text begins and ends there.
    pub(super) fn since(self, part: Span, (first, last): (bool, bool)) -> Self {
        let start = self.start as usize;
        let fate = self.fate.filter(|fate| {
            let (before, behind) = fate.reach();
            (first || start >= part.start + before) && (last || start + behind <= part.end)
        });
        Self { fate, ..Self::new(start - part.start, self.keyword as usize) }
    }

    /// In a text where what it is counted from stands at `place`.
    pub(super) fn at(self, place: usize) -> Self {
        let start = place + self.start as usize;
        Self { fate: self.fate, ..Self::new(start, self.keyword as usize) }
    }
}

impl Fate {
    /// That of a hit at `start` in a text of `len` bytes, of which `looked` are why; `None` where they are
    /// too many.
    pub(super) fn of(start: usize, looked: Span, len: usize, joint: bool) -> Option<Self> {
        let before = start - looked.start + usize::from(looked.start == 0);
        let behind = looked.end - start + usize::from(looked.end == len);
        let before = u16::try_from(before).ok().filter(|&before| before < JOINT)?;
        let behind = NonZeroU16::new(u16::try_from(behind).ok()?)?;
        Some(Self { before: if joint { before | JOINT } else { before }, behind })
    }

    fn is_joint(self) -> bool {
        self.before >= JOINT
    }

    /// The bytes that are why, of a hit at `start` in a text of `len` bytes; `None` where the text has fewer.
    pub(super) fn why(self, start: usize, len: usize) -> Option<Span> {
        let (before, behind) = self.reach();
        let has = before <= start + 1 && behind <= len - start + 1;
        has.then(|| Span::new(start.saturating_sub(before), len.min(start + behind)))
    }

    /// How far before and behind the hit's start it reaches.
    fn reach(self) -> (usize, usize) {
        (usize::from(self.before % JOINT), usize::from(self.behind.get()))
    }
}

/// What may come of a rule at its keyword at a place, were there no other: the bytes that tell that it is
/// nothing, or `None`.
pub(super) type Alone<'a> = dyn Fn(RuleIdx, usize) -> Option<Span> + 'a;

impl Hits {
    /// The hits in `bytes`.
    pub fn of(rules: &RuleSet, bytes: &[u8]) -> Self {
        let mut all = Vec::new();
        find_in(rules, bytes, Span::new(0, bytes.len()), &mut all);
        all.sort_unstable();
        Self { all, len: bytes.len() }
    }

    /// The same, where `base` are the hits in another text and `copies` what `bytes` takes over from it, in
    /// order; `repeats` remembers what was searched before. Gives what it does not know, too.
    pub(super) fn of_version(
        (rules, repeats): (&RuleSet, &Repeats),
        bytes: &[u8],
        (base, copies): (&Self, &[Copied]),
    ) -> (Self, Vec<Stretch>) {
        let reach = rules.reach_of_keywords();
        let (mut hits, mut new) = (Vec::new(), Vec::new());
        for seam in seams(copies, bytes.len(), reach) {
            for piece in pieces(bytes, seam) {
                let stretch = repeats.stretch(bytes, piece, reach);
                if !repeats.find(&stretch, &mut hits) {
                    find_in(rules, bytes, piece, &mut hits);
                    new.push(stretch);
                }
            }
        }
        hits.retain(|hit| !is_copied(rules, copies, *hit));
        hits.sort_unstable_by_key(|hit| (hit.start, hit.keyword, hit.fate.is_none()));
        // Where stretches overlap, each has all that is in it.
        hits.dedup_by_key(|hit| (hit.start, hit.keyword));
        let all = base.carried((rules, copies), bytes.len(), &hits);
        (Self { all, len: bytes.len() }, new)
    }

    /// Those that lie in a stretch that was taken over, where they now stand in a text of `len` bytes, together
    /// with the `new` ones, which are sorted.
    fn carried(
        &self,
        (rules, copies): (&RuleSet, &[Copied]),
        len: usize,
        mut new: &[Hit],
    ) -> Vec<Hit> {
        let mut all = Vec::with_capacity(self.all.len() + new.len());
        for copy in copies {
            let end = copy.from + copy.to.len();
            // What stood at an end of the text and stands there again.
            let (first, last) =
                (copy.from == 0 && copy.to.start == 0, end == self.len && copy.to.end == len);
            let part = Span::new(copy.from, end);
            let from = self.all.partition_point(|hit| (hit.start as usize) < copy.from);
            let inside = self.all[from..].iter().take_while(|hit| (hit.start as usize) < end);
            for hit in inside.filter(|hit| is_whole(rules, **hit, (part, first))) {
                let hit = hit.since(part, (first, last)).at(copy.to.start);
                while let Some((next, rest)) = new.split_first().filter(|(next, _)| **next < hit) {
                    all.push(*next);
                    new = rest;
                }
                all.push(hit);
            }
        }
        all.extend_from_slice(new);
        all
    }

    /// Has `repeats` keep what is known by now of the `new` stretches of the text.
    pub(super) fn teach(&self, rules: &RuleSet, repeats: &mut Repeats, new: &[Stretch]) {
        repeats.keep(new, &self.all, |keyword| rules.keyword_len(keyword));
    }

    /// Adds to `found` the hits around which their rules may match, each `alone`, and to `triggers` those
    /// that ask for a view. Keeps in mind which hits are neither, so that no other version looks at them.
    pub(super) fn sift(
        &mut self,
        (rules, bytes): (&RuleSet, &[u8]),
        (alone, fates): (&Alone<'_>, &mut Fates),
        found: &mut Vec<(RuleIdx, usize)>,
        triggers: &mut Vec<(usize, Trigger)>,
    ) {
        let mut joints = Joints::default();
        for nth in 0..self.all.len() {
            let (before, rest) = self.all.split_at_mut(nth);
            let hit = &mut rest[0];
            let (start, keyword) = (hit.start as usize, hit.keyword as usize);
            let joined = (start, Trigger::of(Encoding::Joined));
            if let Some(fate) = hit.fate {
                triggers.extend(fate.is_joint().then_some(joined));
                continue;
            }
            let place = Span::new(start, start + rules.keyword_len(keyword));
            if rules.of_keyword(keyword).is_empty() {
                let trigger = rules.trigger(keyword, place.slice(bytes));
                triggers.extend(trigger.map(|trigger| (start, trigger)));
                continue;
            }
            let known = found.len();
            let around = Around { rules, bytes, alone, before };
            let of_text = Place { bytes, start, keyword: hit.keyword };
            let near = match around.near((keyword, place), (of_text, fates), found) {
                Ok(near) => near,
                Err(fate) => {
                    hit.fate = Some(fate);
                    triggers.extend(fate.is_joint().then_some(joined));
                    continue;
                }
            };
            let (joint, told) =
                if near.follows { joints.end(bytes, start) } else { (None, place.end) };
            triggers.extend(joint.map(|_| joined));
            if found.len() == known {
                let looked = near.looked.hull(Span::new(start, told));
                hit.fate = Fate::of(start, looked, bytes.len(), joint.is_some());
                if let Some(fate) = hit.fate.filter(|_| near.follows) {
                    fates.keep(of_text, fate);
                }
            }
        }
    }
}

/// True where none of the rules of a keyword can match at `place`, whatever stands more than [`AHEAD`]
/// bytes behind it.
fn refused(rules: &RuleSet, bytes: &[u8], (keyword, place): (usize, Span)) -> bool {
    let signs = rules.signs(keyword);
    let before = place.start.checked_sub(1).map(|before| bytes[before]);
    let ahead = Span::new(place.start, bytes.len().min(place.end + AHEAD)).slice(bytes);
    let refuses = |sign: &Sign| {
        sign.lead.refuses(before, ahead, sign.sure)
            || sign.follow.is_some_and(|follow| generic::refuses(follow, &ahead[place.len()..]))
    };
    !signs.is_empty() && signs.iter().all(refuses)
}

/// What was looked at around a hit.
struct Near {
    looked: Span,
    /// True when what stands behind it is what one of the rules wants there.
    follows: bool,
}

/// A text and the hits in it before the one that is looked at.
struct Around<'a> {
    rules: &'a RuleSet,
    bytes: &'a [u8],
    alone: &'a Alone<'a>,
    before: &'a [Hit],
}

impl Around<'_> {
    /// Adds to `found` the rules of a keyword at `place` that may match there, or gives what came of the same
    /// hit in another text.
    fn near(
        &self,
        (keyword, place): (usize, Span),
        (of_text, fates): (Place<'_>, &mut Fates),
        found: &mut Vec<(RuleIdx, usize)>,
    ) -> Result<Near, Fate> {
        let mut near = Near { looked: place, follows: false };
        for &rule in self.rules.of_keyword(keyword) {
            let compiled = self.rules.get(rule);
            if let Some(follow) = compiled.rule.follow() {
                let (may, far) = generic::follows(follow, self.bytes, place.end);
                near.looked.end = near.looked.end.max(self.bytes.len().min(place.end + far));
                if !may {
                    continue;
                }
            }
            if !near.follows
                && let Some(fate) = fates.of(of_text)
            {
                return Err(fate);
            }
            near.follows = true;
            if compiled.exact().is_some() {
                found.push((rule, place.start));
                continue;
            }
            let window = compiled.anatomy().window(self.bytes, place.start);
            let nothing = match compiled.anatomy().may_match(window.slice(self.bytes)) {
                false => Some(window),
                true => self.shadowed(rule, place).or_else(|| (self.alone)(rule, place.start)),
            };
            match nothing {
                Some(looked) => near.looked = near.looked.hull(looked),
                None => found.push((rule, place.start)),
            }
        }
        Ok(near)
    }

    /// The bytes up to a keyword that show that an earlier one tells all that `rule` finds at this one.
    fn shadowed(&self, rule: RuleIdx, place: Span) -> Option<Span> {
        let compiled = self.rules.get(rule);
        let set = compiled.anatomy().shadow()?;
        let start = match compiled.anatomy().start {
            Start::Run(..) => compiled.anatomy().start.of(self.bytes, place.start),
            Start::At | Start::Near(_) => return None,
        };
        let is_first = |hit: &Hit| {
            let (at, keyword) = (hit.start as usize, hit.keyword as usize);
            let end = at + self.rules.keyword_len(keyword);
            let follow = |follow| generic::may_follow(follow, self.bytes, end);
            self.rules.of_keyword(keyword).contains(&rule)
                && compiled.rule.follow().is_none_or(follow)
        };
        let mut earlier = self.before.iter().rev().take_while(|hit| hit.start as usize >= start);
        let inside = place.slice(self.bytes).iter().all(|&byte| set.has(byte));
        (inside && earlier.any(is_first)).then(|| Span::new(start.saturating_sub(1), place.end))
    }
}

/// The stretches of a text of `len` bytes in which the bytes begin by which a keyword is known that lies in
/// none of `copies` with the byte before it and the [`AHEAD`] bytes behind it; in order and apart. Of a
/// keyword at most so many bytes stand before those bytes and from there on.
fn seams(copies: &[Copied], len: usize, (before, behind): (usize, usize)) -> Vec<Span> {
    let starts = std::iter::once(0).chain(copies.iter().map(|copy| copy.to.end));
    let ends = copies.iter().map(|copy| copy.to.start).chain([len]);
    let mut seams: Vec<Span> = Vec::new();
    for (start, end) in starts.zip(ends) {
        // Nothing is cut at the beginning of the text where it was the beginning before.
        if end == 0 && copies.first().is_none_or(|copy| copy.from == 0) {
            continue;
        }
        let start = start.saturating_sub((behind + AHEAD).saturating_sub(1));
        let seam = Span::new(start, (end + before + 1).min(len));
        match seams.last_mut() {
            Some(last) if seam.start <= last.end => last.end = seam.end,
            _ => seams.push(seam),
        }
    }
    seams
}

/// A shorter stretch is not cut, and no piece but the last is shorter than the second.
const PIECE: (usize, usize) = (1024, 256);

/// `seam` cut where a text says so by itself: behind some of its empty lines.
fn pieces(bytes: &[u8], seam: Span) -> impl Iterator<Item = Span> {
    static EMPTY: LazyLock<memmem::Finder<'static>> =
        LazyLock::new(|| memmem::Finder::new(b"\n\n"));
    let long = Span::new(seam.start, if seam.len() < PIECE.0 { seam.start } else { seam.end });
    let mut last = seam.start;
    let ends = EMPTY.find_iter(long.slice(bytes)).filter_map(move |at| {
        let at = seam.start + at + 2;
        let four = bytes[..seam.end].get(at..)?.first_chunk()?;
        let cut = u32::from_le_bytes(*four).wrapping_mul(0x9E37_79B1) >> 30 == 0;
        let cut = cut && at - last >= PIECE.1;
        last = if cut { at } else { last };
        cut.then_some(at)
    });
    let mut start = seam.start;
    ends.chain([seam.end]).map(move |end| Span::new(std::mem::replace(&mut start, end), end))
}

/// Adds to `hits` those known by bytes that begin in `within`.
fn find_in(rules: &RuleSet, bytes: &[u8], within: Span, hits: &mut Vec<Hit>) {
    rules.find_keywords_in(bytes, within, |keyword, place| {
        if !refused(rules, bytes, (keyword, place)) {
            hits.push(Hit::new(place.start, keyword));
        }
    });
}

/// True for a hit that lies in one of `copies` whole.
fn is_copied(rules: &RuleSet, copies: &[Copied], hit: Hit) -> bool {
    let before = copies.partition_point(|copy| copy.to.start <= hit.start as usize);
    before.checked_sub(1).map(|at| copies[at]).is_some_and(|copy| {
        let first = copy.from == 0 && copy.to.start == 0;
        is_whole(rules, hit, (copy.to, first))
    })
}

/// True for a hit in `part` with the byte before it, unless the text begins there (`first`), and the [`AHEAD`]
/// bytes behind it.
fn is_whole(rules: &RuleSet, hit: Hit, (part, first): (Span, bool)) -> bool {
    let start = hit.start as usize;
    let (before, behind) = rules.reach_of_keywords();
    // Mostly there is no need to know how long the keyword is.
    let ends = |len: usize| start + len + AHEAD <= part.end;
    (first || start > part.start)
        && (ends(before + behind) || ends(rules.keyword_len(hit.keyword as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Engine, Scanner};

    /// A small generator of numbers, the same on every run.
    fn random(state: &mut u64, below: usize) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(*state >> 33).unwrap() % below
    }

    /// Text with keywords close to each other, also cut ones.
    fn text(state: &mut u64, len: usize) -> Vec<u8> {
        #[rustfmt::skip] // a word a line would be half of the test
        const WORDS: [&str; 20] = [
            "password", "sk-", "api_key", " = ", "tok", "en", "\n", "AKIA", " + '", "' ", " prose ",
            "=\"", "\"\n", "hG7kQ2vX9mB4", "changed", "user=svc; ", "\n# ", "api ", "\n\n", "\n\nfn",
        ];
        let mut text = Vec::new();
        while text.len() < len {
            text.extend_from_slice(WORDS[random(state, WORDS.len())].as_bytes());
        }
        text
    }

    fn places(hits: &Hits) -> Vec<(u32, u32)> {
        hits.all.iter().map(|hit| (hit.start, hit.keyword)).collect()
    }

    type Sifted = (Vec<(RuleIdx, usize)>, Vec<(usize, Trigger)>);

    fn sifted(
        scanner: &Scanner<'_>,
        (bytes, fates): (&[u8], &mut Fates),
        hits: &mut Hits,
    ) -> Sifted {
        let mut sifted = (Vec::new(), Vec::new());
        let alone = |rule, at| scanner.alone(rule, bytes, at);
        let alone: (&Alone<'_>, _) = (&alone, fates);
        hits.sift((scanner.engine().rules(), bytes), alone, &mut sifted.0, &mut sifted.1);
        sifted
    }

    #[test]
    fn a_version_has_the_hits_of_its_text() {
        let engine = Engine::new(RuleSet::builtin().unwrap()).unwrap();
        let (rules, scanner) = (engine.rules(), engine.scanner());
        let state = &mut 7;
        let (mut dead, mut joints, mut live, mut kept) = (0, 0, 0, Fates::default());
        let (mut repeats, mut repeated) = (Repeats::default(), 0);
        // What versions add stands in several of them.
        let added: Vec<_> = [0, 4, 12, 300, 900, 2500].map(|len| text(state, len)).into();
        for _ in 0..300 {
            let len = random(state, 9000);
            let base = text(state, len);
            let (mut bytes, mut copies) = (Vec::new(), Vec::new());
            for nth in 0..random(state, 6) {
                if random(state, 3) > 0 {
                    bytes.extend_from_slice(&added[random(state, added.len())]);
                }
                // Some versions begin or end as their base does.
                let from =
                    if nth == 0 { random(state, 2) * 9 } else { random(state, base.len() + 1) };
                let from = from.min(base.len());
                let most = base.len() - from;
                let len = if random(state, 4) == 0 { most } else { random(state, most + 1) };
                copies.push(Copied { from, to: Span::new(bytes.len(), bytes.len() + len) });
                bytes.extend_from_slice(&base[from..from + len]);
            }
            let mut of_base = Hits::of(rules, &base);
            let _ = sifted(&scanner, (&base, &mut kept), &mut of_base);
            let (mut carried, new) =
                Hits::of_version((rules, &repeats), &bytes, (&of_base, &copies));
            let mut fresh = Hits::of(rules, &bytes);
            assert_eq!(places(&carried), places(&fresh));
            let whole = (&Hits::default(), [].as_slice());
            let whole = Hits::of_version((rules, &Repeats::default()), &bytes, whole);
            assert_eq!(places(&whole.0), places(&fresh));
            let fates: Vec<Fate> = carried.all.iter().filter_map(|hit| hit.fate).collect();
            let of_base = of_base.carried((rules, &copies), bytes.len(), &[]);
            repeated += fates.len() - of_base.iter().filter(|hit| hit.fate.is_some()).count();
            let expected = sifted(&scanner, (&bytes, &mut Fates::default()), &mut fresh);
            assert_eq!(sifted(&scanner, (&bytes, &mut kept), &mut carried), expected);
            carried.teach(rules, &mut repeats, &new);
            dead += fates.iter().filter(|fate| !fate.is_joint()).count();
            joints += fates.iter().filter(|fate| fate.is_joint()).count();
            live += expected.0.len();
        }
        assert!(
            dead > 5000 && joints > 500,
            "{dead} dead hits and {joints} joints were taken over"
        );
        assert!(live > 500, "{live} were alive");
        assert!(repeated > 100, "{repeated} of stretches that were searched before");
    }
}
