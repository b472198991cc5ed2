//! Finds all keywords in a text, whatever their case.
//!
//! Nearly every byte of a text belongs to no keyword, so the work is in passing over those. Each
//! keyword is known by four bytes of it that are rare in text, its gram, or by two or three where it
//! is short. A block of text is sieved twice, and the keywords themselves are compared only where
//! both sieves let a place through:
//!
//! - [`Pairs`] asks one table whether the first two bytes and the two behind them belong to grams of
//!   one group. That is a load and a few steps a byte; about one place of thirty is left.
//! - [`Bits`] asks for the hash of four bytes and for that of three. A hundredth is left.
//!
//! Neither has a branch that depends on the text, and the parts of the tables that text asks for fit
//! into the first-level cache however many keywords there are. They cost next to nothing to build, so
//! that a hook that looks at three files does not pay for an automaton.

use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::rule::pairs::{BLOCK, Gram, LETTERS, Pairs, Places, fold, zeros};
use crate::rule::{RuleError, data};
use crate::span::Span;

/// Words of the tables of hashes: 32 KiB for four bytes, 8 KiB for three.
const LONG: usize = 1 << 13;
const SHORT: usize = 1 << 11;
/// Those of the tables that tell two bytes from three, 1 KiB each.
const EXACT: usize = 1 << 8;

/// Grams begin at one of so many first bytes of a keyword: further ones are hardly rarer, and how far around a
/// change a version of a file is searched again goes by where they stand.
const FIRST: usize = 8;

/// `rules/frequent.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frequent {
    grams: String,
}

/// The keywords.
pub(super) struct Keywords {
    /// All of them, one after the other, and where each is.
    text: Vec<u8>,
    places: Vec<Span>,
    reach: (usize, usize),
    pairs: Pairs,
    long: Bits<LONG>,
    short: Bits<SHORT>,
    exact: [Bits<EXACT>; 2],
    known: Known,
}

/// A keyword, where in it the bytes stand by which it is known, and where it stands itself: all that is needed
/// where these bytes are seen.
#[derive(Clone, Copy)]
struct Anchor {
    pattern: u32,
    offset: u32,
    from: u32,
    len: u32,
}

/// The keywords of each gram. A table of our own, since it is asked at every hundredth byte of text: at
/// most half of the slots are taken, a taken one is passed over, and the keywords of a gram lie side by
/// side.
#[derive(Default)]
struct Known {
    slots: Vec<Slot>,
    anchors: Vec<Anchor>,
}

/// A gram with the first and the number of its anchors; free where there are none.
#[derive(Clone, Copy, Default)]
struct Slot {
    gram: Gram,
    first: u32,
    count: u32,
}

/// A set of hashes.
struct Bits<const WORDS: usize>(Box<[u32; WORDS]>);

impl<const WORDS: usize> Bits<WORDS> {
    /// What is left of a hash for the word and the bit in it.
    const SHIFT: u32 = 32 - 5 - WORDS.trailing_zeros();

    fn place(gram: u32) -> (usize, u32) {
        let hash = gram.wrapping_mul(0x9E37_79B1) >> Self::SHIFT;
        ((hash >> 5) as usize & (WORDS - 1), hash & 31)
    }

    fn add(&mut self, gram: u32) {
        let (word, bit) = Self::place(gram);
        self.0[word] |= 1 << bit;
    }

    #[inline]
    fn has(&self, gram: u32) -> bool {
        let (word, bit) = Self::place(gram);
        self.0[word] >> bit & 1 == 1
    }
}

impl Known {
    fn new(mut all: Vec<(Gram, Anchor)>) -> Self {
        all.sort_by_key(|(gram, _)| *gram);
        let slots = vec![Slot::default(); (all.len() * 2 + 1).next_power_of_two()];
        let mut known = Self { slots, anchors: all.iter().map(|(_, anchor)| *anchor).collect() };
        let mut first = 0;
        for same in all.chunk_by(|a, b| a.0 == b.0) {
            let (at, count) = (known.place(same[0].0), same.len() as u32);
            known.slots[at] = Slot { gram: same[0].0, first, count };
            first += count;
        }
        known
    }

    /// The slot of `gram`, or the free one where it would stand.
    fn place(&self, gram: Gram) -> usize {
        let last = self.slots.len() - 1;
        let mut at = (gram.0.wrapping_mul(0x9E37_79B1) >> 16) as usize & last;
        while self.slots[at].count > 0 && self.slots[at].gram != gram {
            at = (at + 1) & last;
        }
        at
    }

    fn of(&self, gram: Gram) -> &[Anchor] {
        let Slot { first, count, .. } = self.slots[self.place(gram)];
        &self.anchors[first as usize..(first + count) as usize]
    }
}

/// Up to four bytes as a number, folded.
fn gram(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte | 0x20))
}

/// How frequent the letters of `bytes` are in text: the sum of the frequencies' logarithms, roughly.
fn frequency(bytes: &[u8]) -> usize {
    let one = |byte: &u8| {
        let byte = byte.to_ascii_lowercase();
        let rank = LETTERS.iter().position(|&other| other == byte).unwrap_or(LETTERS.len());
        LETTERS.len() - rank
    };
    bytes.iter().map(one).sum()
}

impl Keywords {
    /// Makes the tables for `patterns`, each of two bytes or more; a shorter one is never found.
    ///
    /// # Errors
    /// [`RuleError::Syntax`] when the data file is broken; a test holds that it is not.
    pub(super) fn new<'p>(patterns: impl Iterator<Item = &'p [u8]>) -> Result<Self, RuleError> {
        let data: Frequent = data("frequent.toml")?;
        let frequent = data.grams.split_ascii_whitespace().map(|word| gram(word.as_bytes()));
        let frequent: FxHashSet<u32> = frequent.collect();
        let mut all = Self {
            text: Vec::new(),
            places: Vec::new(),
            reach: (0, 0),
            pairs: Pairs::default(),
            long: Bits(zeros()),
            short: Bits(zeros()),
            exact: [Bits(zeros()), Bits(zeros())],
            known: Known::default(),
        };
        let known = (0..).zip(patterns);
        let known = known.filter_map(|(number, pattern)| all.add(number, pattern, &frequent));
        all.known = Known::new(known.collect());
        let taken = all.known.slots.iter().filter(|slot| slot.count > 0);
        all.pairs = Pairs::new(taken.map(|slot| slot.gram));
        Ok(all)
    }

    /// Adds the gram of `pattern` to the second sieve and gives it; `None` for a pattern that is too short.
    fn add(
        &mut self,
        number: u32,
        pattern: &[u8],
        frequent: &FxHashSet<u32>,
    ) -> Option<(Gram, Anchor)> {
        let (size, from) = (pattern.len().min(4), self.text.len());
        self.text.extend_from_slice(pattern);
        self.places.push(Span::new(from, self.text.len()));
        let rank =
            |(_, bytes): &(usize, &[u8])| (frequent.contains(&gram(bytes)), frequency(bytes));
        let rarest = pattern.windows(size.max(1)).enumerate().take(FIRST).min_by_key(rank);
        let (offset, bytes) = rarest.filter(|_| size >= 2)?;
        let key = gram(bytes);
        match size {
            4 => self.long.add(key),
            3 => {
                self.short.add(key);
                self.exact[1].add(key);
            }
            _ => {
                (0..=255).for_each(|third| self.short.add(key | u32::from(third | 0x20_u8) << 16));
                self.exact[0].add(key);
            }
        }
        self.reach = (self.reach.0.max(offset), self.reach.1.max(pattern.len() - offset));
        // All keywords are far shorter than 4 GiB.
        let [offset, from, len] =
            [offset, from, pattern.len()].map(|number| u32::try_from(number).unwrap_or(0));
        let anchor = Anchor { pattern: number, offset, from, len };
        Some(((key, size as u8), anchor))
    }

    /// How many bytes of a keyword stand before the bytes by which it is known, at most, and how many from
    /// there on.
    pub(super) fn reach(&self) -> (usize, usize) {
        self.reach
    }

    /// A keyword.
    pub(super) fn text(&self, number: usize) -> &[u8] {
        self.places[number].slice(&self.text)
    }

    /// Length of a keyword in bytes.
    pub(super) fn len(&self, number: usize) -> usize {
        self.places[number].len()
    }

    /// Calls `hit` with the number of a keyword and its place, for each place of `bytes` at which one
    /// stands, also inside another, and the bytes by which it is known begin in `within`. In no order that
    /// means anything, but always the same.
    pub(super) fn find(&self, bytes: &[u8], within: Span, mut hit: impl FnMut(usize, Span)) {
        let mut places = [0; BLOCK];
        let windows = bytes.len().saturating_sub(3);
        let last = within.end.min(windows);
        for start in (within.start..last).step_by(BLOCK) {
            let block = &bytes[start..last.min(start + BLOCK) + 3];
            let count = self.pairs.sieve(block, &mut places);
            let count = self.sieve(block, &mut places, count);
            for &place in &places[..count] {
                self.at(bytes, start + usize::from(place), &mut hit);
            }
        }
        // The last three bytes begin no window of four.
        for at in windows.max(within.start)..bytes.len().min(within.end) {
            let rest = &bytes[at..];
            for size in 2..=rest.len() {
                self.compare(bytes, at, (gram(&rest[..size]), size as u8), &mut hit);
            }
        }
    }

    /// Leaves of the first `count` of `places` in `block` those whose hashes are known; gives how many.
    fn sieve(&self, block: &[u8], places: &mut Places, count: usize) -> usize {
        match block.first_chunk::<{ BLOCK + 3 }>() {
            // In a whole block no place needs to be checked.
            Some(block) => self.sieve_by(places, count, |place| {
                let at = usize::from(place) & (BLOCK - 1);
                fold(&[block[at], block[at + 1], block[at + 2], block[at + 3]])
            }),
            None => self.sieve_by(places, count, |place| {
                block[usize::from(place)..].first_chunk().map_or(0, fold)
            }),
        }
    }

    /// The same, where `four` gives the bytes at a place.
    #[inline]
    fn sieve_by(&self, places: &mut Places, count: usize, four: impl Fn(u16) -> u32) -> usize {
        let mut left = 0;
        for nth in 0..count.min(BLOCK) {
            let place = places[nth];
            let four = four(place);
            places[left & (BLOCK - 1)] = place;
            left += usize::from(self.long.has(four) | self.short.has(four & 0x00FF_FFFF));
        }
        left
    }

    /// Reports the keywords that are known by bytes at `at`.
    fn at(&self, bytes: &[u8], at: usize, hit: &mut impl FnMut(usize, Span)) {
        let four = bytes[at..].first_chunk().map_or(0, fold);
        let three = four & 0x00FF_FFFF;
        if self.long.has(four) {
            self.compare(bytes, at, (four, 4), hit);
        }
        for (size, short) in [(3, three), (2, three & 0xFFFF)] {
            if self.exact[size - 2].has(short) {
                self.compare(bytes, at, (short, size as u8), hit);
            }
        }
    }

    /// Reports the keywords that are known by `gram`, which stands at `at`, and are really there.
    fn compare(&self, bytes: &[u8], at: usize, gram: Gram, hit: &mut impl FnMut(usize, Span)) {
        for anchor in self.known.of(gram) {
            let pattern = &self.text[anchor.from as usize..][..anchor.len as usize];
            let Some(start) = at.checked_sub(anchor.offset as usize) else {
                continue;
            };
            let place = Span::new(start, start + pattern.len());
            let text = bytes.get(place.start..place.end);
            if text.is_some_and(|text| text.eq_ignore_ascii_case(pattern)) {
                hit(anchor.pattern as usize, place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aho_corasick::AhoCorasick;

    use super::*;

    fn hits(words: &[&str], text: &[u8]) -> Vec<(usize, usize)> {
        let keywords = Keywords::new(words.iter().map(|word| word.as_bytes())).unwrap();
        let mut hits = Vec::new();
        keywords.find(text, Span::new(0, text.len()), |pattern, at| hits.push((at.start, pattern)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn it_finds_what_an_automaton_finds() {
        let words = ["sk-", "token", "api_key", "ken_", "pw", "://", "key", "ey", "\\x"];
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(words).unwrap();
        let texts: [&[u8]; 9] = [
            b"API_KEY, Token_ and sk-or pw",
            b"",
            b"k",
            b"ey",
            b"sk-",
            b"pw=\\x41 http://key",
            b"tokenkey_token_keypwpw",
            b"sk\r\r`PI_KEY Api\x7fkey",
            &[0xFF; 40],
        ];
        for text in texts {
            let mut expected: Vec<_> = automaton
                .find_overlapping_iter(text)
                .map(|hit| (hit.start(), hit.pattern().as_usize()))
                .collect();
            expected.sort_unstable();
            assert_eq!(hits(&words, text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_keyword_is_found_wherever_the_borders_of_blocks_lie() {
        let words = ["pw", "sk-", "apik", "secret_key", "token"];
        let text = b"pwsk-apikSECRET_KEYtoken";
        let expected = [(0, 0), (2, 1), (5, 2), (9, 3), (19, 4)];
        for before in (0..40).chain(BLOCK - 40..BLOCK + 40).chain(3 * BLOCK - 40..3 * BLOCK) {
            let padded = [&vec![b'.'; before], text.as_slice()].concat();
            let expected = expected.map(|(at, word)| (at + before, word));
            assert_eq!(hits(&words, &padded), expected, "{before}");
        }
    }

    #[test]
    fn a_part_of_a_text_has_the_keywords_that_are_known_there() {
        let words = ["pw", "sk-", "secret_key_of_the_service", "token", "en"];
        let keywords = Keywords::new(words.iter().map(|word| word.as_bytes())).unwrap();
        let text = b"token sk- secret_key_of_the_service pw token sk-en";
        let all = hits(&words, text);
        let (before, behind) = keywords.reach();
        assert!(before <= FIRST && behind <= words[2].len());
        for start in 0..=text.len() {
            for end in start..=text.len() {
                let mut found = Vec::new();
                let within = Span::new(start, end);
                keywords.find(text, within, |pattern, at| found.push((at.start, pattern)));
                // A part and the rest have all of them, and each once.
                keywords
                    .find(text, Span::new(0, start), |pattern, at| found.push((at.start, pattern)));
                let rest = Span::new(end, text.len());
                keywords.find(text, rest, |pattern, at| found.push((at.start, pattern)));
                found.sort_unstable();
                assert_eq!(found, all, "{start} {end}");
            }
        }
    }
}
