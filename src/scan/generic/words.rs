//! Does a value read like words? Letters are measured by how much each surprises after the two
//! before it; `rules/trigrams.toml` says how that was counted.

use serde::Deserialize;

use crate::rule::{RuleError, data};

/// Letters and the boundary of a word.
const SYMBOLS: usize = 27;

/// The table of `rules/trigrams.toml`.
pub struct Words {
    /// Half bits for each (before, last, next).
    table: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    table: String,
}

/// What a value is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Mean surprise of a letter, in bits: words of English and of code have 2 to 4, random
    /// letters 6 to 8. 0 without letters.
    pub surprise: f32,
    /// Letters that stand in words: stretches of three or more that do not surprise.
    pub in_words: usize,
    /// Stretches of letters of one word, by the change of case or by what stands between.
    pub runs: usize,
}

impl Words {
    /// Reads the shipped table.
    ///
    /// # Errors
    /// [`RuleError::Syntax`] when the data file is broken; a test holds that it is not.
    pub fn load() -> Result<Self, RuleError> {
        let name = "trigrams.toml";
        let fail = |message: String| RuleError::Syntax { file: name.to_owned(), message };
        let data: Data = data(name)?;
        let digit = |c: char| c.to_digit(36).and_then(|digit| u8::try_from(digit).ok());
        let table: Option<Vec<u8>> =
            data.table.chars().filter(|c| !c.is_whitespace()).map(digit).collect();
        let table = table.ok_or_else(|| fail("not in base 36".to_owned()))?;
        if table.len() != SYMBOLS.pow(3) {
            return Err(fail(format!("{} characters instead of 27³", table.len())));
        }
        Ok(Self { table })
    }

    /// Reads `value`.
    pub fn read(&self, value: &[u8]) -> Reading {
        let (mut bits, mut letters) = (0.0, 0);
        let mut reading = Reading::default();
        for run in runs(value) {
            let surprise = self.bits(run) / (run.len() + 1) as f32;
            bits += surprise * run.len() as f32;
            letters += run.len();
            reading.runs += 1;
            if run.len() >= 3 && surprise < 4.4 {
                reading.in_words += run.len();
            }
        }
        if letters > 0 {
            reading.surprise = bits / letters as f32;
        }
        reading
    }

    /// True when `value` has letters and digits and the letters do not read like words.
    pub fn is_random(&self, value: &[u8]) -> bool {
        let reading = self.read(value);
        let digits = value.iter().any(u8::is_ascii_digit);
        digits && reading.surprise > 4.5 && reading.in_words * 2 < value.len()
    }

    /// Bits of all letters of a run and of its end.
    fn bits(&self, run: &[u8]) -> f32 {
        let symbol = |byte: u8| usize::from(byte.to_ascii_lowercase().saturating_sub(b'a' - 1));
        let (mut before, mut last, mut sum) = (0, 0, 0_u32);
        for next in run.iter().map(|&byte| symbol(byte)).chain([0]) {
            let at = (before * SYMBOLS + last) * SYMBOLS + next;
            sum += u32::from(self.table.get(at).copied().unwrap_or_default());
            (before, last) = (last, next);
        }
        sum as f32 / 2.0
    }
}

/// Stretches of letters; a capital begins one unless a capital stands before it.
fn runs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let joined = |a: &u8, b: &u8| {
        a.is_ascii_alphabetic()
            && b.is_ascii_alphabetic()
            && (b.is_ascii_lowercase() || a.is_ascii_uppercase())
    };
    value.chunk_by(joined).filter(|run| run[0].is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_surprise_less_than_random_letters() {
        let words = Words::load().unwrap();
        for word in ["password", "getUserSettings", "some_module_final", "administrator"] {
            assert!(words.read(word.as_bytes()).surprise < 4.2, "{word}");
        }
        for token in ["sfzldtdgg", "hG7kQ2vX9mB4tR1z", "kwjfrx", "XJQWZPLMVTKB"] {
            assert!(words.read(token.as_bytes()).surprise > 5.2, "{token}");
        }
    }

    #[test]
    fn runs_end_at_capitals_and_digits() {
        let found: Vec<&[u8]> = runs(b"getURLFor7days_x").collect();
        let want: [&[u8]; 4] = [b"get", b"URLFor", b"days", b"x"];
        assert_eq!(found, want);
    }
}
