//! Views from which nothing came. A file's versions mostly have the same escapes and joined literals.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::quality::RandomState;

/// Places of the table.
const PLACES: usize = 1 << 12;

/// The views of one thread from which nothing came, the last one at each place.
#[derive(Default)]
pub(super) struct Barren {
    known: Vec<u64>,
    /// Random, so that no text can be written that is taken for another one.
    hashes: RandomState,
}

impl Barren {
    /// By what `bytes` are known to which `depth` decodings led.
    pub(super) fn mark(&self, bytes: &[u8], depth: usize) -> u64 {
        let mut hash = self.hashes.build_hasher();
        hash.write(bytes);
        hash.write_usize(depth);
        hash.finish()
    }

    /// True when the view of that mark was kept.
    pub(super) fn has(&self, mark: u64) -> bool {
        self.known.get(mark as usize % PLACES) == Some(&mark)
    }

    /// Keeps the mark of a view from which nothing came.
    pub(super) fn keep(&mut self, mark: u64) {
        if self.known.is_empty() {
            self.known.resize(PLACES, 0);
        }
        self.known[mark as usize % PLACES] = mark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_known_by_its_bytes_and_depth() {
        let mut barren = Barren::default();
        let mark = barren.mark(b"key = 'a'", 1);
        assert!(!barren.has(mark));
        barren.keep(mark);
        assert!(barren.has(barren.mark(b"key = 'a'", 1)));
        assert!(!barren.has(barren.mark(b"key = 'b'", 1)));
        assert!(!barren.has(barren.mark(b"key = 'a'", 2)));
    }
}
