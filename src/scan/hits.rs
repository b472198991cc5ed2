//! Where the keywords of all rules stand in a text. Finding them is the only work that looks at every
//! byte, so a text that takes over stretches of another one takes over the hits in them, too: of a
//! version of a file only what is new is looked at.

use crate::rule::set::RuleSet;
use crate::span::{Copied, Span};

/// The hits in one text, sorted by place.
pub struct Hits(Vec<Hit>);

/// A keyword and where it starts. Blobs above 4 GiB are never scanned, so that offsets fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    start: u32,
    keyword: u32,
}

impl Hit {
    fn new(start: usize, keyword: usize) -> Self {
        let fit = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: fit(start), keyword: fit(keyword) }
    }
}

impl Hits {
    /// The hits in `bytes`. `base` are those of another text and what `bytes` takes over from it, in
    /// order; whether it is given does not change what comes out.
    pub fn of(rules: &RuleSet, bytes: &[u8], base: Option<(&Self, &[Copied])>) -> Self {
        let mut hits = Vec::new();
        if let Some((base, copies)) = base {
            let seams = seams(copies, bytes.len(), rules.longest_keyword());
            if seams.iter().map(Span::len).sum::<usize>() < bytes.len() {
                base.carry(rules, copies, &mut hits);
                for seam in &seams {
                    find_at_seam(rules, bytes, (*seam, copies), &mut hits);
                }
                hits.sort_unstable();
                return Self(hits);
            }
        }
        rules.find_keywords(bytes, |keyword, place| hits.push(Hit::new(place.start, keyword)));
        hits.sort_unstable();
        Self(hits)
    }

    /// Adds to `hits` those that lie in a stretch that was taken over, where they now stand.
    fn carry(&self, rules: &RuleSet, copies: &[Copied], hits: &mut Vec<Hit>) {
        for copy in copies {
            let end = copy.from + copy.to.len();
            let first = self.0.partition_point(|hit| (hit.start as usize) < copy.from);
            let inside = self.0[first..].iter().take_while(|hit| (hit.start as usize) < end);
            hits.extend(inside.filter_map(|hit| {
                let (start, keyword) = (hit.start as usize, hit.keyword as usize);
                let whole = start + rules.keyword_len(keyword) <= end;
                whole.then(|| Hit::new(start - copy.from + copy.to.start, keyword))
            }));
        }
    }

    /// Each hit as the keyword's number and its place.
    pub(crate) fn places<'h>(
        &'h self,
        rules: &'h RuleSet,
    ) -> impl Iterator<Item = (usize, Span)> + 'h {
        self.0.iter().map(|hit| {
            let (start, keyword) = (hit.start as usize, hit.keyword as usize);
            (keyword, Span::new(start, start + rules.keyword_len(keyword)))
        })
    }
}

/// The stretches of a text of `len` bytes in which a keyword of at most `longest` bytes can stand
/// that lies in none of `copies`; in order and apart.
fn seams(copies: &[Copied], len: usize, longest: usize) -> Vec<Span> {
    let margin = longest.saturating_sub(1);
    let starts = std::iter::once(0).chain(copies.iter().map(|copy| copy.to.end));
    let ends = copies.iter().map(|copy| copy.to.start).chain([len]);
    let mut seams: Vec<Span> = Vec::new();
    for (start, end) in starts.zip(ends) {
        // Nothing is cut at the beginning and the end of the text.
        if start == end && (start == 0 || end == len) {
            continue;
        }
        let seam = Span::new(start.saturating_sub(margin), (end + margin).min(len));
        match seams.last_mut() {
            Some(last) if seam.start <= last.end => last.end = seam.end,
            _ => seams.push(seam),
        }
    }
    seams
}

/// Adds to `hits` those in `seam` that lie in none of `copies`.
fn find_at_seam(
    rules: &RuleSet,
    bytes: &[u8],
    (seam, copies): (Span, &[Copied]),
    hits: &mut Vec<Hit>,
) {
    rules.find_keywords(seam.slice(bytes), |keyword, place| {
        let place = Span::new(place.start + seam.start, place.end + seam.start);
        let before = copies.partition_point(|copy| copy.to.start <= place.start);
        let copied = before.checked_sub(1).is_some_and(|at| place.end <= copies[at].to.end);
        if !copied {
            hits.push(Hit::new(place.start, keyword));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of numbers, the same on every run.
    fn random(state: &mut u64, below: usize) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(*state >> 33).unwrap() % below
    }

    /// Text with keywords close to each other, also cut ones.
    fn text(state: &mut u64, len: usize) -> Vec<u8> {
        const WORDS: [&str; 8] = ["password", "sk-", "api_key", " = ", "tok", "en", "\n", "AKIA"];
        let mut text = Vec::new();
        while text.len() < len {
            text.extend_from_slice(WORDS[random(state, WORDS.len())].as_bytes());
        }
        text
    }

    #[test]
    fn a_version_has_the_hits_of_its_text() {
        let rules = RuleSet::builtin().unwrap();
        let state = &mut 7;
        for _ in 0..300 {
            let len = random(state, 900);
            let base = text(state, len);
            let (mut bytes, mut copies) = (Vec::new(), Vec::new());
            for _ in 0..random(state, 6) {
                if random(state, 3) > 0 {
                    let len = random(state, 12);
                    bytes.extend(text(state, len));
                }
                let from = random(state, base.len() + 1);
                let len = random(state, base.len() - from + 1);
                copies.push(Copied { from, to: Span::new(bytes.len(), bytes.len() + len) });
                bytes.extend_from_slice(&base[from..from + len]);
            }
            let of_base = Hits::of(&rules, &base, None);
            let carried = Hits::of(&rules, &bytes, Some((&of_base, &copies)));
            assert_eq!(carried.0, Hits::of(&rules, &bytes, None).0);
        }
    }
}
