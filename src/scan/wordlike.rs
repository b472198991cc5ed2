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
    // Hex has four bits at most, and a short hex string well under that.
    let hex = value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let least = if hex { 2.8 } else { ((value.len() as f32).log2() * 0.75).clamp(3.0, 3.9) };
    shannon(value) >= least && word_share(value) < 0.5
}

/// The commonest letter pairs of English text and of identifiers, sorted. Random letters hit them
/// one time in three, words nine times in ten.
const PAIRS: &str = "\
abacadafagaiakalamanaparasatauavawaybabebiblbobrbsbubycacccechcickclcocrctcudadddedidodr\
dsdudyeaecedeeefegeielemeneoepeqeresetevewexeyfafefffiflfofrftfugageghgiglgngogrgsguhahe\
hihohrhthuhyiaibicidieifigikiliminioipirisitivizjejojukekiknkslaldlelflilllolsltlulymamb\
memimmmompmsmumynancndnenfngninknlnnnonsntnunvnyoaobocodofogoiokolomonoooporosotouovowpa\
pephpiplpoppprpsptpuqurarcrdrergrirkrlrmrnrorrrsrtrurvrysascseshsislsmsospssstsusytateth\
titltotrtstttutwtyuaubucudueuguiulumunupurusutvavevivowawewhwiwnwoxpxtyeyoysze";

/// Share of the bytes that stand in stretches of letters that read like words.
fn word_share(value: &[u8]) -> f32 {
    let same = |a: &u8, b: &u8| {
        a.is_ascii_alphabetic()
            && b.is_ascii_alphabetic()
            && (a.is_ascii_lowercase() == b.is_ascii_lowercase() || a.is_ascii_uppercase())
    };
    let common = |pair: &[u8]| {
        let pair = pair.to_ascii_lowercase();
        PAIRS.as_bytes().chunks_exact(2).any(|known| known == pair)
    };
    let wordy = |run: &[u8]| {
        let pairs = run.windows(2);
        let total = pairs.len();
        run.len() >= 4 && pairs.filter(|pair| common(pair)).count() * 3 >= total * 2
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
        for word in
            ["getUserSettings2", "application/json", "some_module_v2_final", "12345678901234"]
        {
            assert!(!token_like(word.as_bytes()), "{word}");
        }
    }
}
