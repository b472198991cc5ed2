//! Tells values that somebody could guess. Whoever reads a hash of such a value may try a list of
//! passwords against it, so what leaves the program says less of it.

use std::borrow::Cow;

use crate::finding::Fingerprint;
use crate::scan::Engine;
use crate::scan::entropy::shannon;
use crate::secret::Secret;
use crate::span::Span;
use crate::text::hex;

/// Least length and bits of a value that nobody can guess.
const STRONG: (usize, f32) = (20, 80.0);
/// Hex digits of a guessable value's hash that may be known: 12 bits, so that of any list of guesses one
/// in 4,096 fits.
const DIGITS: usize = 3;

impl Engine {
    /// True unless the value that the rule or check `id` found is surely random: in doubt it can be
    /// guessed.
    pub fn is_guessable(&self, id: &str, secret: &Secret) -> bool {
        let rule = self.rules.rules().iter().find(|rule| rule.rule.id() == id);
        rule.is_some_and(|rule| rule.rule.generic) || !self.is_random(secret)
    }

    #[expect(clippy::disallowed_methods, reason = "looks at the characters, keeps nothing")]
    fn is_random(&self, secret: &Secret) -> bool {
        let value = secret.expose();
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"-_.+/=".contains(b);
        value.len() >= STRONG.0
            && value.iter().all(token)
            && shannon(value) * value.len() as f32 >= STRONG.1
            && self.words.is_random(value)
            && !is_encoded_text(value)
    }

    /// The fingerprint of a finding of `id` about `secret`; `place` tells it from others of the value.
    pub fn fingerprint(&self, id: &str, place: &[&[u8]], secret: &Secret) -> Fingerprint {
        let digest = secret.digest();
        let few = few_digits(&digest);
        let value = match secret.is_empty() || !self.is_guessable(id, secret) {
            true => digest.as_slice(),
            false => few.as_bytes(),
        };
        Fingerprint::of(&[&[id.as_bytes()], place, &[value]].concat())
    }

    /// `bytes` with the values at `spans` replaced by as little as may be known of them where they can be
    /// guessed; lines stay where they are.
    pub(super) fn veiled<'b>(&self, bytes: &'b [u8], spans: &[Span]) -> Cow<'b, [u8]> {
        let mut veiled = Cow::Borrowed(bytes);
        for span in spans {
            let secret = Secret::new(span.slice(bytes));
            if self.is_random(&secret) {
                continue;
            }
            let few = few_digits(&secret.digest());
            let stands = few.bytes().chain(std::iter::repeat(b'*'));
            for (byte, stands) in veiled.to_mut()[span.start..span.end].iter_mut().zip(stands) {
                if !matches!(byte, b'\n' | b'\r') {
                    *byte = stands;
                }
            }
        }
        veiled
    }
}

fn few_digits(digest: &[u8; 32]) -> String {
    hex(digest)[..DIGITS].to_owned()
}

/// True for base64 of text, such as `user:password`.
fn is_encoded_text(value: &[u8]) -> bool {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let bare: &[u8] = value.trim_ascii_end();
    let end = bare.iter().rposition(|b| *b != b'=').map_or(0, |at| at + 1);
    let decoded =
        STANDARD_NO_PAD.decode(&bare[..end]).or_else(|_| URL_SAFE_NO_PAD.decode(&bare[..end]));
    decoded.is_ok_and(|text| text.iter().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::set::RuleSet;

    fn engine() -> Engine {
        Engine::new(RuleSet::new(&[], &[]).unwrap()).unwrap()
    }

    #[test]
    fn what_a_person_may_have_thought_of_can_be_guessed() {
        let engine = engine();
        let random = |value: &str| engine.is_random(&Secret::new(value.as_bytes()));
        for weak in [
            "hunter2",
            "correcthorsebatterystaple",
            "P@ssw0rd2024!admin#db01x",
            "postgres://app:summer2024@db.example.org/app",
            // user:password and a colon, in base64
            "YWRtaW46c3VtbWVyMjAyNC1pcy1jb21pbmc=",
            "00000000000000000000000000000000",
            "super-secret-production-password-1",
        ] {
            assert!(!random(weak), "{weak}");
        }
        for strong in ["q8Zt5vKw2mXrB7nHs4Jd9fGc", "3f9a1c7e5b2d8064af13c95e7b08d2461fa7c3e9"] {
            assert!(random(strong), "{strong}");
        }
    }

    #[test]
    fn a_fingerprint_confirms_no_guess() {
        let engine = engine();
        let of =
            |value: &str| engine.fingerprint("check", &[b"path"], &Secret::new(value.as_bytes())).0;
        assert_ne!(of("hunter2"), of("hunter3"));
        // With 12 bits, thousands of other values have the fingerprint of this one.
        let others = (0..100_000).filter(|n| of(&format!("guess-{n}")) == of("hunter2")).count();
        assert!((5..60).contains(&others), "{others}");
        let strong = "q8Zt5vKw2mXrB7nHs4Jd9fGc";
        let digest = Secret::new(strong.as_bytes()).digest();
        assert_eq!(of(strong), Fingerprint::of(&[b"check", b"path", &digest]).0);
    }

    #[test]
    fn only_values_that_can_be_guessed_are_veiled_and_lines_stay() {
        let engine = engine();
        let text = b"a = \"hun\nter2\"\nb = q8Zt5vKw2mXrB7nHs4Jd9fGc\n";
        let veiled = engine.veiled(text, &[Span::new(5, 13), Span::new(19, 43)]);
        let few = few_digits(&Secret::new(b"hun\nter2").digest());
        let want = format!("a = \"{few}\n****\"\nb = q8Zt5vKw2mXrB7nHs4Jd9fGc\n");
        assert_eq!(String::from_utf8_lossy(&veiled), want);
        assert!(matches!(engine.veiled(text, &[]), Cow::Borrowed(_)));
    }
}
