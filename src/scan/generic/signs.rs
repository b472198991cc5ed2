//! Signs among letters and digits: those that no token has, and those that people put for letters.

use super::words::Words;
use crate::scan::template::partner;

/// True for `least` characters or more of a token's alphabet among which one or two stand that no
/// token has, as where a key was changed by hand; `=` belongs at the end or behind a name.
pub(super) fn has_stray(value: &[u8], least: usize) -> bool {
    let escape = |at: usize| {
        let digits = value.get(at + 1..at + 3);
        value[at] == b'%' && digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    let own = |b: u8| b.is_ascii_alphanumeric() || b"+/=_.~:,|-".contains(&b);
    let strays = (0..value.len()).filter(|&at| !own(value[at]) && !escape(at)).count();
    let strays = strays + usize::from(value.starts_with(b"="));
    value.len() >= least && (1..=2).contains(&strays)
}

/// Least length, kinds of signs and changes from a letter or digit to a sign of a jumble.
const JUMBLE: (usize, usize, usize) = (16, 6, 5);
/// What is longer is data or code.
const LONGEST_JUMBLE: usize = 96;

/// Least length of one without brackets, and least kinds of the signs that neither code nor addresses have
/// many of.
const OPEN_JUMBLE: (usize, usize) = (32, 3);

/// True for letters and digits among which signs of many kinds stand as no code, pattern or template has
/// them: their brackets do not pair, or there are none.
pub(super) fn is_jumble(value: &[u8]) -> bool {
    let mut kinds: Vec<u8> = value.iter().copied().filter(u8::is_ascii_punctuation).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let changes = value
        .windows(2)
        .filter(|two| two[0].is_ascii_alphanumeric() && two[1].is_ascii_punctuation())
        .count();
    let (length, signs, breaks) = JUMBLE;
    let pattern = memchr::memmem::find(value, b"(?").is_some();
    (length..=LONGEST_JUMBLE).contains(&value.len())
        && !pattern
        && kinds.len() >= signs
        && changes >= breaks
        && (!pairs(value) || is_open(value, &kinds))
}

/// True for a long value without brackets, with signs of `kinds` that are seldom beside each other.
fn is_open(value: &[u8], kinds: &[u8]) -> bool {
    let (length, least) = OPEN_JUMBLE;
    let has = |signs: &[u8]| kinds.iter().filter(|b| signs.contains(b)).count();
    value.len() >= length
        && has(b"()[]{}<>\\|") == 0
        && has(b"!@#$%^*~`") >= least
        && memchr::memmem::find(value, b"://").is_none()
        && value.iter().any(u8::is_ascii_digit)
}

/// True where every round, square and curly bracket has its partner.
fn pairs(value: &[u8]) -> bool {
    let mut open = Vec::new();
    for &byte in value {
        if let Some(close) = partner(byte).filter(|_| byte != b'<') {
            open.push(close);
        } else if b")]}".contains(&byte) && open.pop() != Some(byte) {
            return false;
        }
    }
    open.is_empty()
}

/// True for eight characters or more of a word in lower case, behind which up to five digits and signs may
/// stand: `greenfinch`, `greenfinch!7`.
pub(super) fn is_word(value: &[u8]) -> bool {
    let letters = value.iter().take_while(|b| b.is_ascii_lowercase()).count();
    let end = &value[letters..];
    let ends = |b: &u8| b.is_ascii_digit() || b"!@#$%^&*.".contains(b);
    value.len() >= 8 && letters >= 5 && end.len() <= 5 && end.iter().all(ends)
}

/// True for one word in which signs stand for letters, and digits at its end: `super$ecret`.
pub(super) fn is_leet(words: &Words, value: &[u8]) -> bool {
    let letter = |b: &u8| match b {
        b'$' => b's',
        b'@' => b'a',
        b'!' => b'i',
        other => *other,
    };
    let plain: Vec<u8> = value.iter().map(letter).collect();
    let body = value.iter().take_while(|b| !b.is_ascii_digit()).count();
    let inner = value[..body].windows(3).any(|three| {
        let lower = three[0].is_ascii_lowercase() && three[2].is_ascii_lowercase();
        lower && b"$@!".contains(&three[1])
    });
    let reading = words.read(&plain);
    inner
        && plain[..body].iter().all(u8::is_ascii_alphabetic)
        && plain[body..].iter().all(u8::is_ascii_digit)
        && reading.runs == 1
        && reading.in_words >= 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_are_seen_in_tokens() {
        for (value, want) in [
            ("hG7kQ2vX9mB4tR1?zYw8Lp", true),
            ("hG7kQ2vX9m!B4tR1^zYw8Lp", true),
            ("hG7kQ2vX9mB4tR1%2BzYw8Lp", false),
            ("hG7kQ2vX9mB4tR1+zYw8Lp==", false),
            ("h?7k!2vX9m$B4tR1^zYw8Lp", false),
            ("=hG7kQ2vX9mB4tR1zYw8", true),
            ("hG7k?2vX9mB4", false),
        ] {
            assert_eq!(has_stray(value.as_bytes(), 20), want, "{value}");
        }
        assert!(has_stray(b"hG7k?2vX9mB4", 12));
    }

    #[test]
    fn jumbles_are_no_code() {
        for (value, want) in [
            ("q}{{t(Wz)u${f]mor(ny[house>-_$#seven}}", true),
            ("4`Tq'}/xKR)Z;b]3EWrd;_&m>pX??]G&8CL=", true),
            ("xwg*3#75t42!hgf8yav$ioeua@u3o@fz&*hh65q!&%7x_wkduac", true),
            ("page=2&size=10#top?lang=en+us%20x&amp;name=value", false),
            ("^(?=.*[a-z])(?=.*[0-9]).{8,}$", false),
            ("items[0].token(a,b)+\"x\":c", false),
            ("hG7kQ2vX9mB4tR1zYw8Lp", false),
            ("!@#$%^&*()_+-=[]{};:", false),
            ("a(b", false),
        ] {
            assert_eq!(is_jumble(value.as_bytes()), want, "{value}");
        }
    }

    #[test]
    fn words_may_end_in_digits_and_signs() {
        assert!(is_word(b"greenfinch") && is_word(b"finch!77") && is_word(b"finch2024"));
        assert!(!is_word(b"finch") && !is_word(b"Greenfinch7") && !is_word(b"a7greenfinch"));
    }

    #[test]
    fn signs_stand_for_letters() {
        let words = Words::load().unwrap();
        for (value, want) in [
            ("mid$ummer7", true),
            ("super$ecret", true),
            ("midsummer7", false),
            ("user@host.org", false),
            ("xq$zkwvbn", false),
        ] {
            assert_eq!(is_leet(&words, value.as_bytes()), want, "{value}");
        }
    }
}
