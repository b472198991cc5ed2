//! Hits in stretches that were searched before. Most of what versions add stands in other versions, too,
//! word for word: what one branch added another one took over, and packs hold what was added, taken away and
//! added again anew each time. To hash such a stretch takes a tenth of the time that it takes to search it.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::quality::RandomState;

use crate::scan::hits::{AHEAD, Hit};
use crate::span::Span;

/// Places of the table.
const PLACES: usize = 1 << 16;
/// More hits in one stretch are not kept.
const MOST: usize = 64;

/// The stretches that one thread searched, the last one at each place.
#[derive(Default)]
pub struct Repeats {
    places: Vec<Known>,
    /// Random, so that no text can be written that is taken for another one.
    hashes: RandomState,
}

/// The hits in a stretch: how far behind its start, and of which keyword.
#[derive(Clone, Default)]
struct Known {
    hash: u64,
    hits: Box<[(u32, u32)]>,
}

/// A stretch with all around it that tells which hits are in it.
pub(super) struct Stretch {
    around: Span,
    hash: u64,
}

impl Repeats {
    /// That of `seam` in `bytes`, where of a keyword at most `before` bytes stand before those by which it is
    /// known and `behind` from there on.
    pub(super) fn stretch(
        &self,
        bytes: &[u8],
        seam: Span,
        (before, behind): (usize, usize),
    ) -> Stretch {
        // The byte before a keyword may refuse it, too.
        let start = seam.start.saturating_sub(before + 1);
        let around = Span::new(start, bytes.len().min(seam.end + behind + AHEAD));
        let mut hash = self.hashes.build_hasher();
        hash.write(around.slice(bytes));
        // Where the text begins or ends within reach, that tells, too.
        hash.write_usize(seam.start - around.start);
        hash.write_usize(around.end - seam.end);
        Stretch { around, hash: hash.finish() }
    }

    /// Adds to `hits` those in `stretch`, where it was searched before; gives whether it was.
    pub(super) fn find(&self, stretch: &Stretch, hits: &mut Vec<Hit>) -> bool {
        let known = self.places.get(stretch.hash as usize % PLACES);
        let Some(known) = known.filter(|known| known.hash == stretch.hash) else {
            return false;
        };
        let start = stretch.around.start;
        let hit = |&(at, keyword): &(u32, u32)| Hit::new(start + at as usize, keyword as usize);
        hits.extend(known.hits.iter().map(hit));
        true
    }

    /// Keeps that `hits` are those in `stretch`.
    pub(super) fn keep(&mut self, stretch: &Stretch, hits: &[Hit]) {
        if hits.len() > MOST {
            return;
        }
        if self.places.is_empty() {
            self.places.resize(PLACES, Known::default());
        }
        let start = stretch.around.start as u32;
        let hits = hits.iter().map(|hit| (hit.start - start, hit.keyword)).collect();
        self.places[stretch.hash as usize % PLACES] = Known { hash: stretch.hash, hits };
    }
}
