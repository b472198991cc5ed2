//! Signs among letters and digits: those that no token has, and those that people put for letters.

use super::words::Words;
use crate::scan::template::partner;

/// True for twenty characters or more of a token's alphabet among which one or two stand that no
/// token has, as where a key was changed by hand; `=` belongs at the end or behind a name.
pub(super) fn has_stray(value: &[u8]) -> bool {
    let escape = |at: usize| {
        let digits = value.get(at + 1..at + 3);
        value[at] == b'%' && digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    let own = |b: u8| b.is_ascii_alphanumeric() || b"+/=_.~:,|-".contains(&b);
    let strays = (0..value.len()).filter(|&at| !own(value[at]) && !escape(at)).count();
    let strays = strays + usize::from(value.starts_with(b"="));
    value.len() >= 20 && (1..=2).contains(&strays)
}

/// Least length, kinds of signs and changes from a letter or digit to a sign of a jumble.
const JUMBLE: (usize, usize, usize) = (16, 6, 5);
/// What is longer is data or code.
const LONGEST_JUMBLE: usize = 96;

/// True for letters and digits among which signs of many kinds stand as no code, pattern or template has
/// them: their brackets do not pair.
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
        && !pairs(value)
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
            assert_eq!(has_stray(value.as_bytes()), want, "{value}");
        }
    }

    #[test]
    fn jumbles_are_no_code() {
        for (value, want) in [
            ("q}{{t(Wz)u${f]mor(ny[house>-_$#seven}}", true),
            ("4`Tq'}/xKR)Z;b]3EWrd;_&m>pX??]G&8CL=", true),
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
