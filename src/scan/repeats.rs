//! Hits in stretches that were searched before. Most of what versions add stands in other versions, too,
//! word for word: what one branch added another one took over, and packs hold what was added, taken away and
//! added again anew each time. To hash such a stretch takes a tenth of the time that it takes to search it.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::quality::RandomState;

use crate::scan::hits::{AHEAD, Hit};
use crate::span::Span;

/// Places of the table.
const PLACES: usize = 1 << 14;
/// More hits in one stretch are not kept.
const MOST: usize = 16;

/// The stretches that one thread searched, the last one at each place.
#[derive(Default)]
pub(super) struct Repeats {
    /// Apart from the hits, so that what is asked for at every change fits into a near cache.
    known: Vec<u64>,
    /// The hits in a stretch, counted from its start.
    hits: Vec<Box<[Hit]>>,
    /// Random, so that no text can be written that is taken for another one.
    hashes: RandomState,
}

/// A part of a text that tells all of the hits in it.
pub(super) struct Stretch {
    span: Span,
    hash: u64,
    /// Whether the text begins and ends with it.
    ends: (bool, bool),
}

impl Stretch {
    /// Its place in the table.
    fn place(&self) -> usize {
        self.hash as usize % PLACES
    }

    /// `hit` counted from the start of the stretch; `None` where more than the stretch tells that it is one.
    fn relative(&self, hit: Hit, keyword_len: usize) -> Option<Hit> {
        let (span, (first, last)) = (self.span, self.ends);
        let start = hit.start as usize;
        let inside =
            (first || start > span.start) && (last || start + keyword_len + AHEAD <= span.end);
        inside.then(|| hit.since(span, self.ends))
    }
}

impl Repeats {
    /// That of `bytes` in which the hits lie whose bytes by which they are known begin in `seam`: of a keyword
    /// at most `before` bytes stand before those and `behind` from there on.
    pub(super) fn stretch(
        &self,
        bytes: &[u8],
        seam: Span,
        (before, behind): (usize, usize),
    ) -> Stretch {
        // The byte before a keyword may refuse it, too.
        let start = seam.start.saturating_sub(before + 1);
        let span = Span::new(start, bytes.len().min(seam.end + behind + AHEAD));
        let ends = (span.start == 0, span.end == bytes.len());
        let mut hash = self.hashes.build_hasher();
        hash.write(span.slice(bytes));
        hash.write_u8(u8::from(ends.0) | u8::from(ends.1) << 1);
        Stretch { span, hash: hash.finish(), ends }
    }

    /// Adds to `hits` those in `stretch`, where it was searched before; gives whether it was.
    pub(super) fn find(&self, stretch: &Stretch, hits: &mut Vec<Hit>) -> bool {
        let place = stretch.place();
        let known = self.known.get(place) == Some(&stretch.hash);
        if known {
            hits.extend(self.hits[place].iter().map(|hit| hit.at(stretch.span.start)));
        }
        known
    }

    /// Keeps of each of `new` which of the `hits` of its text, all of them in order, lie in it.
    pub(super) fn keep(
        &mut self,
        new: &[Stretch],
        hits: &[Hit],
        keyword_len: impl Fn(usize) -> usize,
    ) {
        if self.known.is_empty() {
            self.known.resize(PLACES, 0);
            self.hits.resize(PLACES, Box::default());
        }
        for stretch in new {
            let from = hits.partition_point(|hit| (hit.start as usize) < stretch.span.start);
            let inside =
                hits[from..].iter().take_while(|hit| (hit.start as usize) < stretch.span.end);
            let inside =
                inside.filter_map(|hit| stretch.relative(*hit, keyword_len(hit.keyword as usize)));
            let hits: Box<[Hit]> = inside.take(MOST + 1).collect();
            if hits.len() <= MOST {
                let place = stretch.place();
                (self.known[place], self.hits[place]) = (stretch.hash, hits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::hits::Fate;

    const REACH: (usize, usize) = (8, 40);

    fn fate(before: usize, behind: usize) -> Option<Fate> {
        Fate::of(200, Span::new(200 - before, 200 + behind), 400, false)
    }

    fn middle(repeats: &Repeats, text: &str) -> Stretch {
        let start = text.find('<').unwrap();
        let seam = Span::new(start, text.find('>').unwrap());
        repeats.stretch(text.as_bytes(), seam, REACH)
    }

    #[test]
    fn a_stretch_is_known_by_all_that_tells_its_hits_and_by_no_more() {
        let mut repeats = Repeats::default();
        let (near, far) = ("n".repeat(8), "f".repeat(REACH.1 + AHEAD));
        let text = format!("other {near}<token>{far} rest");
        let mut hits = Vec::new();
        let new = middle(&repeats, &text);
        assert!(!repeats.find(&new, &mut hits));
        let hit = |text: &str| {
            let start = text.find("token").unwrap();
            Hit { fate: fate(5, 9), ..Hit::new(start, 3) }
        };
        repeats.keep(&[new], &[hit(&text), Hit::new(text.len() - 4, 4)], |_| 5);
        let moved = format!("what stands here tells nothing {near}<token>{far} nor here");
        assert!(repeats.find(&middle(&repeats, &moved), &mut hits));
        assert_eq!(hits, [hit(&moved)]);
        for other in [
            format!("other {near}<taken>{far} rest"),
            format!("other{near}<token>{far} rest"),
            format!("{near}<token>{far} rest"),
            format!("other {near}<token>{}", &far[1..]),
            format!("other {near}<token>{} rest", &far[2..]),
        ] {
            assert!(!repeats.find(&middle(&repeats, &other), &mut hits), "{other}");
        }
    }

    #[test]
    fn a_fate_that_is_told_by_more_is_not_kept() {
        let mut repeats = Repeats::default();
        let text = format!("{}<token>{}", "b".repeat(90), "f".repeat(200));
        let at = text.find("token").unwrap();
        for (reach, kept) in [((10, 93), true), ((11, 93), false), ((10, 94), false)] {
            let mut hits = Vec::new();
            let stretch = middle(&repeats, &text);
            let span = stretch.span;
            assert_eq!((at - span.start, span.end - at), (10, 93));
            let fate = fate(reach.0, reach.1);
            repeats.keep(&[stretch], &[Hit { fate, ..Hit::new(at, 0) }], |_| 5);
            assert!(repeats.find(&middle(&repeats, &text), &mut hits));
            assert_eq!(hits[0].fate.is_some(), kept, "{reach:?}");
        }
    }
}
