//! The ids of a pack, sorted. They are hashes, so that where one stands is nearly where its value says.

use std::cmp::Ordering;

use crate::blob::ObjectId;

/// How far from where its value says an id is looked for at first.
const NEAR: usize = 16;

/// Sorted ids.
pub(super) struct Ids {
    /// Bytes of each.
    hash: usize,
    /// How many begin with each byte or a lower one.
    fanout: Vec<u32>,
    all: Vec<u8>,
}

impl Ids {
    /// Those of `hash` bytes that stand in `all`.
    pub(super) fn new(hash: usize, fanout: Vec<u32>, all: Vec<u8>) -> Self {
        Self { hash, fanout, all }
    }

    /// The bytes of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.all.chunks_exact(self.hash)
    }

    fn raw(&self, at: usize) -> &[u8] {
        &self.all[at * self.hash..(at + 1) * self.hash]
    }

    /// The id at a position.
    pub(super) fn of(&self, at: u32) -> ObjectId {
        ObjectId::from_raw(self.raw(at as usize)).expect("20 or 32 bytes")
    }

    /// The position of an id.
    pub(super) fn position(&self, id: &[u8]) -> Option<u32> {
        let wanted = head(id);
        let first = usize::from(*id.first()?);
        let low = if first == 0 { 0 } else { self.fanout[first - 1] as usize };
        let high = (self.fanout[first] as usize).min(self.all.len() / self.hash);
        // The four bytes behind the first one, as a part of all such values.
        let part = (wanted << 8 >> 32) as usize;
        let guess = low + ((high.saturating_sub(low) as u64 * part as u64) >> 32) as usize;
        let compare = |at: usize| {
            let raw = self.raw(at);
            head(raw).cmp(&wanted).then_with(|| raw.cmp(id))
        };
        let (mut low, mut high) = around(low..high, guess, |at| compare(at).is_lt());
        while low < high {
            let middle = low.midpoint(high);
            match compare(middle) {
                Ordering::Equal => return u32::try_from(middle).ok(),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// The first bytes as a number.
fn head(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The part of `all` around `guess` in which the first place lies that is not `before` what is looked for.
fn around(
    all: std::ops::Range<usize>,
    guess: usize,
    before: impl Fn(usize) -> bool,
) -> (usize, usize) {
    let (mut low, mut high, mut step) = (all.start, all.end, NEAR);
    if guess < high && before(guess) {
        low = guess + 1;
        while step < high - low && before(low + step) {
            (low, step) = (low + step + 1, step * 2);
        }
        (low, high.min(low + step + 1))
    } else {
        high = high.min(guess.saturating_add(1));
        while step < high - low && !before(high - 1 - step) {
            (high, step) = (high - step, step * 2);
        }
        low = low.max(high.saturating_sub(step + 1));
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids with the numbers of `all`, which are sorted, at their beginning.
    fn ids(all: &[u64]) -> Ids {
        let mut bytes = Vec::new();
        let mut fanout = vec![0_u32; 256];
        for number in all {
            bytes.extend_from_slice(&number.to_be_bytes());
            bytes.extend_from_slice(&[7; 12]);
            let first = usize::from(number.to_be_bytes()[0]);
            fanout[first..].iter_mut().for_each(|count| *count += 1);
        }
        Ids::new(20, fanout, bytes)
    }

    #[test]
    fn every_id_is_found_and_no_other() {
        let mut state = 9_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        let even: Vec<u64> = (0..3000).map(|_| random()).collect();
        // Somebody may write ids that are no hashes.
        let skewed = (0..3000).map(|n| if n % 3 == 0 { n } else { u64::MAX - n * n }).collect();
        let few = vec![u64::MAX];
        for mut all in [even, skewed, few, Vec::new()] {
            all.sort_unstable();
            all.dedup();
            let ids = ids(&all);
            let id = |number: u64, last: u8| {
                let mut id = [7; 20];
                id[..8].copy_from_slice(&number.to_be_bytes());
                id[19] = last;
                id
            };
            for (at, number) in all.iter().enumerate() {
                assert_eq!(ids.position(&id(*number, 7)), u32::try_from(at).ok());
                assert_eq!(ids.position(&id(*number, 6)), None);
                assert_eq!(ids.position(&id(*number, 8)), None);
            }
            let absent = (0..3000).map(|_| random()).filter(|number| !all.contains(number));
            assert!(absent.chain([1]).all(|number| ids.position(&id(number, 7)).is_none()));
        }
    }
}
