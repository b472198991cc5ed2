//! Finds all keywords in a text, whatever their case.
//!
//! Nearly every byte of a text belongs to no keyword, so the work is in passing over those. Each
//! keyword is known by four bytes of it that are rare in text, or by three where it is short. At
//! every place of the text a hash of the next four bytes, and one of the next three, ask a table of
//! bits whether any keyword is known by them; only then the keywords themselves are compared. The
//! tables fit into the first-level cache however many keywords there are, and cost next to nothing
//! to build, so that a hook that looks at three files does not pay for an automaton.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

use crate::rule::{RuleError, data_file};
use crate::span::Span;

/// Bits of the tables' addresses: 32 KiB for four bytes, 8 KiB for three.
const LONG: u32 = 18;
const SHORT: u32 = 16;

/// Letters of text from frequent to rare; what is not in it is rarer still.
const LETTERS: &[u8] = b" etaoinsrlcdupmfhg_bvkwy.x(\"j-=1,q/z0:2'3";

/// `rules/frequent.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frequent {
    grams: String,
}

/// The keywords.
pub(super) struct Keywords {
    patterns: Vec<Box<[u8]>>,
    longest: usize,
    long: Bits,
    short: Bits,
    known: FxHashMap<Gram, Vec<Anchor>>,
}

/// Two to four bytes, lower-cased, and how many.
type Gram = (u32, u8);

/// A keyword and where in it the bytes stand by which it is known.
#[derive(Clone, Copy)]
struct Anchor {
    pattern: u32,
    offset: u32,
}

/// A set of hashes.
struct Bits {
    words: Box<[u64]>,
    shift: u32,
}

impl Bits {
    fn new(bits: u32) -> Self {
        Self { words: vec![0; 1 << (bits - 6)].into_boxed_slice(), shift: 32 - bits }
    }

    fn place(&self, gram: u32) -> (usize, u32) {
        let hash = gram.wrapping_mul(0x9E37_79B1) >> self.shift;
        ((hash >> 6) as usize & (self.words.len() - 1), hash & 63)
    }

    fn add(&mut self, gram: u32) {
        let (word, bit) = self.place(gram);
        self.words[word] |= 1 << bit;
    }

    #[inline]
    fn has(&self, gram: u32) -> bool {
        let (word, bit) = self.place(gram);
        self.words[word] >> bit & 1 == 1
    }
}

/// `bytes` as a number, upper case folded into lower case. Folding makes some other bytes alike, too,
/// which the comparison of the whole keyword tells apart.
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
    pub(super) fn new(patterns: Vec<Vec<u8>>) -> Result<Self, RuleError> {
        let name = "frequent.toml";
        let data: Frequent = toml::from_str(data_file(name)?).map_err(|error| {
            RuleError::Syntax { file: name.to_owned(), message: error.to_string() }
        })?;
        let frequent = data.grams.split_ascii_whitespace().map(|word| gram(word.as_bytes()));
        let frequent: FxHashSet<u32> = frequent.collect();
        let patterns: Vec<Box<[u8]>> = patterns.into_iter().map(Vec::into_boxed_slice).collect();
        let mut all = Self {
            patterns: Vec::new(),
            longest: patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0),
            long: Bits::new(LONG),
            short: Bits::new(SHORT),
            known: FxHashMap::default(),
        };
        for (number, pattern) in (0..).zip(&patterns) {
            all.add(number, pattern, &frequent);
        }
        all.patterns = patterns;
        Ok(all)
    }

    fn add(&mut self, number: u32, pattern: &[u8], frequent: &FxHashSet<u32>) {
        let size = pattern.len().min(4);
        let rank =
            |(_, bytes): &(usize, &[u8])| (frequent.contains(&gram(bytes)), frequency(bytes));
        let rarest = pattern.windows(size.max(1)).enumerate().min_by_key(rank);
        let Some((offset, bytes)) = rarest.filter(|_| size >= 2) else {
            return;
        };
        let key = gram(bytes);
        match size {
            4 => self.long.add(key),
            3 => self.short.add(key),
            _ => (0..=255).for_each(|third| self.short.add(key | u32::from(third | 0x20_u8) << 16)),
        }
        // Keywords are far shorter than 4 GiB.
        let offset = u32::try_from(offset).unwrap_or(0);
        let anchor = Anchor { pattern: number, offset };
        self.known.entry((key, size as u8)).or_default().push(anchor);
    }

    /// Length of the longest keyword, in bytes.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Length of a keyword in bytes.
    pub(super) fn len(&self, number: usize) -> usize {
        self.patterns[number].len()
    }

    /// Calls `hit` with the number of a keyword and its place, for each place of `bytes` at which one
    /// stands, also inside another. In no order that means anything, but always the same.
    pub(super) fn find(&self, bytes: &[u8], mut hit: impl FnMut(usize, Span)) {
        for (at, window) in bytes.windows(4).enumerate() {
            let four = u32::from_le_bytes([window[0], window[1], window[2], window[3]])
                | u32::from_le_bytes([0x20; 4]);
            let three = four & 0x00FF_FFFF;
            let (long, short) = (self.long.has(four), self.short.has(three));
            // One branch that is nearly never taken, not two.
            if long | short {
                if long {
                    self.compare(bytes, at, (four, 4), &mut hit);
                }
                if short {
                    self.compare(bytes, at, (three, 3), &mut hit);
                    self.compare(bytes, at, (three & 0xFFFF, 2), &mut hit);
                }
            }
        }
        // The last three bytes begin no window of four.
        for at in bytes.len().saturating_sub(3)..bytes.len() {
            let rest = &bytes[at..];
            for size in 2..=rest.len() {
                self.compare(bytes, at, (gram(&rest[..size]), size as u8), &mut hit);
            }
        }
    }

    /// Reports the keywords that are known by `gram`, which stands at `at`, and are really there.
    fn compare(&self, bytes: &[u8], at: usize, gram: Gram, hit: &mut impl FnMut(usize, Span)) {
        for anchor in self.known.get(&gram).map_or(&[][..], Vec::as_slice) {
            let pattern = &self.patterns[anchor.pattern as usize];
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
        let keywords =
            Keywords::new(words.iter().map(|word| word.as_bytes().to_vec()).collect()).unwrap();
        let mut hits = Vec::new();
        keywords.find(text, |pattern, at| hits.push((at.start, pattern)));
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
}
