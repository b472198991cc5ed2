//! The first sieve of `keywords`: pairs of bytes by which keywords are known, in groups.

use std::cmp::Reverse;

/// Bytes of text that are sieved at a time.
pub(super) const BLOCK: usize = 1024;

/// Letters of text from frequent to rare; what is not in it is rarer still.
pub(super) const LETTERS: &[u8] = b" etaoinsrlcdupmfhg_bvkwy.x(\"j-=1,q/z0:2'3";

/// Two to four bytes, lower-cased, and how many.
pub(super) type Gram = (u32, u8);

/// Groups of grams.
const GROUPS: usize = 32;

/// Upper case folded into lower case, in four bytes. Folding makes some other bytes alike, too, which
/// the comparison of the whole keyword tells apart.
const FOLD: u32 = 0x2020_2020;

/// For each two bytes, the groups of which a gram begins with them, in the lower half, and those of
/// which a gram has them as its third and fourth byte.
pub(super) struct Pairs(Box<[u64; 1 << 16]>);

/// How often two bytes stand in text, and the grams that begin with them, each with how often the rest of it does.
type Block<'g> = (u64, &'g [(Gram, u64)]);

/// Places in a block, the first ones of the array.
pub(super) type Places = [u16; BLOCK];

/// Zeros on the heap.
pub(super) fn zeros<T: Copy + Default, const N: usize>() -> Box<[T; N]> {
    vec![T::default(); N].try_into().unwrap_or_else(|_| Box::new([T::default(); N]))
}

impl Default for Pairs {
    fn default() -> Self {
        Self(zeros())
    }
}

impl Pairs {
    /// Those of `grams`.
    pub(super) fn new(grams: impl Iterator<Item = Gram>) -> Self {
        let chances = Chances::new();
        let mut grams: Vec<(Gram, u64)> = grams.map(|gram| (gram, chances.behind(gram))).collect();
        grams.sort_unstable_by_key(|&((gram, size), _)| (gram & 0xFFFF, size, gram));
        // Grams that begin alike are in one group, so that most two bytes begin grams of one group.
        let blocks = grams.chunk_by(|a, b| (a.0.0 ^ b.0.0) & 0xFFFF == 0);
        let mut blocks: Vec<Block<'_>> =
            blocks.map(|grams| (chances.of(grams[0].0.0), grams)).collect();
        blocks.sort_by_cached_key(|(begins, grams)| {
            let ends: u64 = grams.iter().map(|(_, chance)| chance).sum();
            (Reverse(begins * ends), grams[0])
        });
        let (mut table, mut any) = (Self::default(), 0);
        let mut groups = [(0, 0); GROUPS];
        for block in blocks {
            let (group, grown) = table.group(&groups, block);
            groups[group] = grown;
            any |= table.add(group, block.1);
        }
        table.0.iter_mut().for_each(|groups| *groups |= any);
        table
    }

    /// The group that lets the least more through with `block` in it, and how often what begins and what ends
    /// its grams stands in text then: it lets through what both are at once.
    fn group(
        &self,
        groups: &[(u64, u64); GROUPS],
        (begins, grams): Block<'_>,
    ) -> (usize, (u64, u64)) {
        let mut ends = groups.map(|group| group.1);
        for &((gram, size), chance) in grams {
            let known = if size == 4 { self.of(gram >> 16) >> GROUPS } else { 0 };
            for (group, ends) in ends.iter_mut().enumerate() {
                *ends += if known >> group & 1 == 1 { 0 } else { chance };
            }
        }
        let grown = |group: usize| (groups[group].0 + begins, ends[group]);
        let more = |group: &usize| {
            let (now, grown) = (groups[*group], grown(*group));
            grown.0 * grown.1 - now.0 * now.1
        };
        let group = (0..GROUPS).min_by_key(more).unwrap_or_default();
        (group, grown(group))
    }

    /// Adds `grams`, which begin alike, to `group`; gives what is then to be added for all pairs.
    fn add(&mut self, group: usize, grams: &[(Gram, u64)]) -> u64 {
        let (begins, ends, mut any) = (1_u64 << group, 1_u64 << (GROUPS + group), 0);
        self.0[(grams[0].0.0 & 0xFFFF) as usize] |= begins;
        for &((gram, size), _) in grams {
            let third = gram >> 16;
            match size {
                4 => self.0[third as usize] |= ends,
                3 => (0..=255).for_each(|next: u8| {
                    self.0[(third | u32::from(next | 0x20) << 8) as usize] |= ends;
                }),
                _ => any |= ends,
            }
        }
        any
    }

    #[inline]
    fn of(&self, pair: u32) -> u64 {
        self.0[(pair & 0xFFFF) as usize]
    }

    /// Writes to `places` where in `block`, which has at most three bytes more than places, a gram may
    /// begin; gives how many places there are.
    pub(super) fn sieve(&self, block: &[u8], places: &mut Places) -> usize {
        let (mut count, mut at) = (0, 0);
        let mut pass = |at: usize, first: u64, third: u64| {
            // Written at every place and kept where the place counts: there is no branch to mispredict.
            places[count & (BLOCK - 1)] = at as u16;
            count += usize::from(first & third >> GROUPS != 0);
        };
        let Some(start) = block.first_chunk().map(fold) else {
            return 0;
        };
        let (mut first, mut second) = (self.of(start), self.of(start >> 8));
        while let Some(bytes) = block.get(at..).and_then(|rest| rest.first_chunk()) {
            let bytes = u64::from_le_bytes(*bytes);
            for nth in 0..4 {
                let third = self.of((bytes >> (8 * nth + 16)) as u32 | FOLD);
                pass(at + nth, first, third);
                (first, second) = (second, third);
            }
            at += 4;
        }
        while let Some(bytes) = block.get(at..).and_then(|rest| rest.first_chunk()) {
            let third = self.of(fold(bytes) >> 16);
            pass(at, first, third);
            (first, second) = (second, third);
            at += 1;
        }
        count
    }
}

/// How often letters stand in text, in parts of some thousand: twice as often every six letters of [`LETTERS`].
struct Chances([u64; 256]);

impl Chances {
    fn new() -> Self {
        let mut all = [1; 256];
        for (rank, byte) in (0..).zip(LETTERS.iter().rev()) {
            let share = ((6 + rank % 6) << (rank / 6) >> 3).max(1);
            all[usize::from(*byte)] = share;
            all[usize::from(byte.to_ascii_uppercase())] = share;
        }
        Self(all)
    }

    /// How often two letters stand side by side, as if by chance.
    fn of(&self, pair: u32) -> u64 {
        self.0[(pair & 0xFF) as usize] * self.0[(pair >> 8 & 0xFF) as usize]
    }

    /// How often what a gram has behind its first two letters stands in text.
    fn behind(&self, (gram, size): Gram) -> u64 {
        const ALL: u64 = 1000;
        match size {
            4 => self.of(gram >> 16),
            3 => self.0[(gram >> 16 & 0xFF) as usize] * ALL,
            _ => ALL * ALL,
        }
    }
}

/// Four bytes as a number, folded.
#[inline]
pub(super) fn fold(bytes: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*bytes) | FOLD
}
