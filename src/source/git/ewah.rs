//! Compressed bitmaps as git writes them into split indexes (EWAH, 64-bit words).

/// Entries of an index that a bitmap speaks of; more is damage that would cost memory.
const MOST: usize = 1 << 26;

/// Reads one bitmap from the front of `bytes`: its bits, and what follows it. `None` when damaged.
pub(crate) fn read(bytes: &[u8]) -> Option<(Vec<bool>, &[u8])> {
    let (bits, rest) = number(bytes).filter(|(bits, _)| *bits <= MOST)?;
    let (count, rest) = number(rest)?;
    let (words, rest) = rest.split_at_checked(count.checked_mul(8)?)?;
    // The position of the last run-length word only helps writers.
    let (_, rest) = number(rest)?;
    let mut words = words
        .chunks_exact(8)
        .map(|word| word.iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte)));
    let mut set = Vec::new();
    while let Some(marker) = words.next() {
        // From the lowest bit: the bit of the run, 32 bits of its length in words, 31 bits that
        // count the plain words behind it.
        let run = usize::try_from(marker >> 1 & 0xffff_ffff).ok()?.checked_mul(64)?;
        if run > bits.next_multiple_of(64).checked_sub(set.len())? {
            return None;
        }
        set.resize(set.len() + run, marker & 1 == 1);
        for _ in 0..marker >> 33 {
            let word = words.next()?;
            set.extend((0..64).map(|bit| word >> bit & 1 == 1));
        }
    }
    set.resize(bits, false);
    Some((set, rest))
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_at_checked(4)?;
    let value = head.iter().fold(0, |all, &byte| all << 8 | u32::from(byte));
    Some((usize::try_from(value).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_plain_words() {
        // 70 bits: one word of ones, then a plain word with bits 1 and 5.
        let mut bytes = vec![0, 0, 0, 70, 0, 0, 0, 2];
        bytes.extend(((1_u64 << 33) | (1 << 1) | 1).to_be_bytes());
        bytes.extend(0b10_0010_u64.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 7]);
        let (bits, rest) = read(&bytes).unwrap();
        assert_eq!((bits.len(), rest), (70, &[7][..]));
        assert!(bits[..64].iter().all(|bit| *bit));
        assert_eq!(&bits[64..], [false, true, false, false, false, true]);
        assert!(read(&bytes[..20]).is_none());
    }

    #[test]
    fn a_bitmap_of_billions_is_damage() {
        let bytes = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(read(&bytes).is_none());
    }

    #[test]
    fn a_run_longer_than_the_bitmap_is_damage() {
        let mut bytes = vec![0, 0, 0, 8, 0, 0, 0, 1];
        bytes.extend((0xffff_ffff_u64 << 1).to_be_bytes());
        bytes.extend([0; 4]);
        assert!(read(&bytes).is_none());
    }
}
