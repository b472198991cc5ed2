//! What came of hits elsewhere. Most of what a text has stands in other texts, too, word for word: in
//! other versions that are packed as a whole, on branches, in copies of a file. A hit of which nothing came
//! is told again by comparing the bytes that were why.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use crate::scan::hits::Fate;

/// Places of the table, and how many of them are asked for a hit.
const PLACES: usize = 1 << 13;
const WAYS: usize = 4;
/// Bytes before and behind a hit's start by which its places are found.
const BEFORE: usize = 16;
const BEHIND: usize = 96;
/// What was told by more bytes is not kept.
const MOST: usize = 512;

/// The hits of one thread of which nothing came, the last ones at each place.
#[derive(Default)]
pub(super) struct Fates {
    places: Vec<Option<Known>>,
}

/// A hit of which nothing came.
struct Known {
    keyword: u32,
    fate: Fate,
    /// The bytes that are why, and where in them the hit starts.
    why: Vec<u8>,
    at: usize,
}

/// A hit in a text.
#[derive(Clone, Copy)]
pub(super) struct Place<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) start: usize,
    pub(super) keyword: u32,
}

impl<'b> Place<'b> {
    /// The bytes that are why `fate` came of it, and where in them it starts; `None` where it is another's.
    fn why(&self, fate: Fate) -> Option<(&'b [u8], usize)> {
        let why = fate.why(self.start, self.bytes.len())?;
        Some((why.slice(self.bytes), self.start - why.start))
    }

    /// The first of the places for what is told by the bytes behind it, and for what is told by those around it.
    fn of_table(&self) -> [usize; 2] {
        let Self { bytes, start, keyword } = *self;
        let place = |hash: u64| (hash >> 20) as usize % (PLACES / WAYS) * WAYS;
        let mut hash = FxHasher::default();
        hash.write_u32(keyword);
        hash.write(&bytes[start..bytes.len().min(start + BEHIND)]);
        let behind = place(hash.finish());
        hash.write(&bytes[start.saturating_sub(BEFORE)..start]);
        [behind, place(hash.finish())]
    }
}

impl Fates {
    /// What comes of the hit at `place`, where the same came of one before.
    pub(super) fn of(&mut self, place: Place<'_>) -> Option<Fate> {
        let is_it = |known: &Option<Known>| {
            let known = known.as_ref().filter(|known| known.keyword == place.keyword);
            known.is_some_and(|known| {
                place.why(known.fate) == Some((known.why.as_slice(), known.at))
            })
        };
        place.of_table().into_iter().find_map(|first| {
            let ways = self.places.get_mut(first..first + WAYS)?;
            let at = ways.iter().position(is_it)?;
            // What was asked for last is the last to go.
            ways[..=at].rotate_right(1);
            ways[0].as_ref().map(|known| known.fate)
        })
    }

    /// Keeps that `fate` came of the hit at `place`.
    pub(super) fn keep(&mut self, place: Place<'_>, fate: Fate) {
        let Some((why, at)) = place.why(fate).filter(|(why, _)| why.len() <= MOST) else { return };
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        let [behind, around] = place.of_table();
        let first = if at > 1 { around } else { behind };
        let ways = &mut self.places[first..first + WAYS];
        ways.rotate_right(1);
        // In the memory of what was kept there before, where that is not much larger.
        let old = ways[0].take().map(|known| known.why);
        let mut kept = old.filter(|old| old.capacity() <= why.len() * 2).unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(why);
        ways[0] = Some(Known { keyword: place.keyword, fate, why: kept, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::set::RuleSet;
    use crate::scan::Engine;
    use crate::scan::hits::Hits;

    /// What comes of the hits in `text`, and how many of them are kept.
    fn kept(fates: &mut Fates, engine: &Engine, text: &str) -> (usize, usize) {
        let (rules, bytes) = (engine.rules(), text.as_bytes());
        let scanner = engine.scanner();
        let (mut found, mut triggers) = (Vec::new(), Vec::new());
        let alone = |rule, at| scanner.alone(rule, bytes, at);
        let mut hits = Hits::of(rules, bytes);
        hits.sift((rules, bytes), (&alone, fates), &mut found, &mut triggers);
        (found.len(), fates.places.iter().flatten().count())
    }

    #[test]
    fn a_hit_is_told_by_the_same_bytes_and_by_no_others() {
        let engine = Engine::new(RuleSet::builtin().unwrap()).unwrap();
        let mut fates = Fates::default();
        let (before, behind) = ("let a = 1;\n".repeat(40), "let b = 2;\n".repeat(400));
        let line = "password = getpass();\n";
        let once = kept(&mut fates, &engine, &format!("{before}{line}{behind}"));
        assert!(once.0 == 0 && once.1 > 0, "{once:?}");
        // The same line elsewhere is told by what is kept, and at an end of a text it is another.
        let again = kept(&mut fates, &engine, &format!("x\n{before}{line}{behind}y\n"));
        assert_eq!(again, once);
        let first = kept(&mut fates, &engine, &format!("{line}{behind}"));
        assert!(first.0 == 0 && first.1 > once.1, "{first:?}");
        let first = (first, kept(&mut fates, &engine, &format!("{line}{behind}")));
        assert_eq!(first.0, first.1);
        // One byte more makes it a finding.
        let other = concat!("password = \"hG7kQ2", "vX9mB4tR1z\";\n");
        assert!(kept(&mut fates, &engine, &format!("{before}{other}{behind}")).0 > 0);
    }
}
