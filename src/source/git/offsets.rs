//! Where the entries of a pack start, at four bytes an entry.

/// Sorted offsets.
pub(super) struct Offsets {
    /// The low half of each.
    low: Vec<u32>,
    /// The high halves that are not zero: from which entry on, and what.
    high: Vec<(usize, u32)>,
}

impl Offsets {
    /// Those of `sorted`.
    pub(super) fn of(sorted: impl ExactSizeIterator<Item = u64>) -> Self {
        let (mut low, mut high) = (Vec::with_capacity(sorted.len()), Vec::new());
        for (nth, offset) in sorted.enumerate() {
            let [above, below] = [offset >> 32, offset & 0xffff_ffff].map(|half| half as u32);
            if above != high.last().map_or(0, |(_, above)| *above) {
                high.push((nth, above));
            }
            low.push(below);
        }
        Self { low, high }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.low.len()
    }

    /// The `nth` offset.
    pub(super) fn get(&self, nth: usize) -> u64 {
        let above = self.high.partition_point(|(from, _)| *from <= nth);
        let above = above.checked_sub(1).map_or(0, |at| self.high[at].1);
        u64::from(above) << 32 | u64::from(self.low[nth])
    }

    /// Which one before the `nth` is `offset`. The nearer, the sooner it is found.
    pub(super) fn find_before(&self, nth: usize, offset: u64) -> Option<usize> {
        let (mut high, mut step) = (nth, 1);
        let mut low = loop {
            let Some(at) = nth.checked_sub(step) else { break 0 };
            if self.get(at) <= offset {
                break at;
            }
            (high, step) = (at, step * 2);
        };
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle) {
                found if found == offset => return Some(middle),
                found if found < offset => low = middle + 1,
                _ => high = middle,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_given_back_and_found() {
        let gib = |n: u64| n << 30;
        let some: Vec<u64> = (0..40).map(|n| 12 + n * n).collect();
        let wide = [gib(4) - 1, gib(4), gib(5), gib(12), gib(12) + 7, u64::MAX - 3];
        for all in [some.clone(), [some, wide.to_vec()].concat(), wide.to_vec(), Vec::new()] {
            let offsets = Offsets::of(all.iter().copied());
            assert_eq!(offsets.len(), all.len());
            for (nth, offset) in all.iter().enumerate() {
                assert_eq!(offsets.get(nth), *offset);
                for later in nth + 1..=all.len() {
                    assert_eq!(offsets.find_before(later, *offset), Some(nth));
                    assert_eq!(offsets.find_before(later, offset - 1).map(|at| all[at] + 1), {
                        all[..later].contains(&(offset - 1)).then_some(*offset)
                    });
                }
                assert_eq!(offsets.find_before(nth, *offset), None);
            }
        }
    }
}
