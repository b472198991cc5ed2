//! Does a value read like a generated token, or like words and code? Used by generic rules only.

use crate::scan::entropy::shannon;

/// Tokens shorter than this cannot be told from words.
const SHORTEST: usize = 10;

/// True when `value` looks generated: mixed classes, entropy near what its length allows, and few
/// pronounceable stretches.
pub fn token_like(value: &[u8]) -> bool {
    if value.len() < SHORTEST || value.iter().any(|b| !b.is_ascii_graphic()) {
        return false;
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    if digits == 0 || letters == 0 || digits + letters < value.len() * 3 / 4 {
        return false;
    }
    // The most a string of this length can have is log2(len); 75 % of it, and never under 3 bits.
    let least = ((value.len() as f32).log2() * 0.75).clamp(3.0, 3.9);
    shannon(value) >= least && word_share(value) < 0.5
}

/// Share of the bytes that stand in stretches of five or more letters of one case with a vowel
/// rhythm, as words have.
fn word_share(value: &[u8]) -> f32 {
    let vowel = |b: &u8| matches!(b.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let same = |a: &u8, b: &u8| {
        a.is_ascii_alphabetic()
            && b.is_ascii_alphabetic()
            && (a.is_ascii_lowercase() == b.is_ascii_lowercase() || a.is_ascii_uppercase())
    };
    let wordy = |run: &[u8]| {
        let vowels = run.iter().filter(|b| vowel(b)).count();
        let longest = run.chunk_by(|a, b| vowel(a) == vowel(b)).map(<[u8]>::len).max();
        run.len() >= 4 && vowels * 5 >= run.len() && longest.unwrap_or(0) <= 3
    };
    let in_words: usize = value.chunk_by(same).filter(|run| wordy(run)).map(<[u8]>::len).sum();
    in_words as f32 / value.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_words() {
        for token in ["hG7kQ2vX9mB4tR1z", "9f86d081884c7d659a2feaa0c55ad015"] {
            assert!(token_like(token.as_bytes()), "{token}");
        }
        for word in ["getUserSettings2", "application/json", "some_module_v2_final", "12345678901234"] {
            assert!(!token_like(word.as_bytes()), "{word}");
        }
    }
}
