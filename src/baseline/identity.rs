//! What stands for a value in a baseline.
//!
//! A random token gets a salted hash: nobody can try all tokens. A value that somebody may have
//! thought of, such as a password, can be tried: of it the file holds 12 bits only, so that in any
//! list of guesses one in 4,096 fits, and each guess costs a memory-hard hash.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Fingerprint};
use crate::rule::RuleError;
use crate::rule::set::RuleSet;
use crate::scan::entropy::shannon;
use crate::scan::generic::Words;
use crate::secret::Secret;
use crate::text::hex;

/// The key that only the first line of a baseline has.
pub(super) const MARK: &str = "\"keylint-baseline\"";
/// Before an id that says little.
const SHORT: char = '~';
/// Least length and bits of a value that nobody can guess.
const STRONG: (usize, f32) = (20, 80.0);

/// The first line: how ids are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Recipe {
    keylint_baseline: u32,
    salt: String,
    /// KiB that one guess at a weak value needs.
    memory: u32,
    /// Passes over that memory.
    passes: u32,
}

impl Recipe {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)?;
        Ok(Self { keylint_baseline: 1, salt: hex(&salt), memory: 8 << 10, passes: 2 })
    }

    /// Refuses what this version cannot compute, or what would take forever.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.keylint_baseline != 1 {
            let n = self.keylint_baseline;
            return Err(format!("version {n} of the file is not known; a newer keylint reads it"));
        }
        if self.salt.len() < 16 {
            return Err("the salt has less than 16 characters".to_owned());
        }
        if !(8..=1 << 20).contains(&self.memory) || !(1..=32).contains(&self.passes) {
            return Err("memory is 8 to 1048576 KiB, passes 1 to 32".to_owned());
        }
        Ok(())
    }

    /// The id of `secret`.
    #[expect(clippy::disallowed_methods, reason = "only a hash of the value is kept")]
    pub(super) fn id(&self, secret: &Secret, weak: bool) -> String {
        let (salt, value) = (self.salt.as_bytes(), secret.expose());
        if !weak {
            return Fingerprint::of(&[salt, value]).0;
        }
        let mut out = [0; 32];
        let params = Params::new(self.memory, self.passes, 1, Some(out.len()));
        let made = params.and_then(|params| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(value, salt, &mut out)
        });
        match made {
            Ok(()) => format!("{SHORT}{bits}", bits = &hex(&out[..2])[..3]),
            // The parameters were checked. What is left is a value above 4 GiB: nobody guesses it.
            Err(_) => Fingerprint::of(&[salt, value]).0,
        }
    }
}

/// True for an id of a weak value.
pub(super) fn is_short(id: &str) -> bool {
    id.starts_with(SHORT)
}

/// Tells values that can be guessed.
pub struct Judge<'r> {
    words: Words,
    rules: &'r RuleSet,
}

impl<'r> Judge<'r> {
    /// For findings of `rules`.
    ///
    /// # Errors
    /// [`RuleError`] when a shipped table is broken.
    pub fn new(rules: &'r RuleSet) -> Result<Self, RuleError> {
        Ok(Self { words: Words::load()?, rules })
    }

    /// True unless the value is surely random: in doubt it counts as weak.
    #[expect(clippy::disallowed_methods, reason = "looks at the characters, keeps nothing")]
    pub(super) fn is_weak(&self, finding: &Finding) -> bool {
        let rule = self.rules.rules().iter().find(|rule| rule.rule.id() == finding.check);
        rule.is_none_or(|rule| rule.rule.generic) || !self.is_strong(finding.secret.expose())
    }

    fn is_strong(&self, value: &[u8]) -> bool {
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"-_.+/=".contains(b);
        value.len() >= STRONG.0
            && value.iter().all(token)
            && shannon(value) * value.len() as f32 >= STRONG.1
            && self.words.is_random(value)
            && !is_encoded_text(value)
    }
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

    fn strong(value: &str) -> bool {
        let rules = RuleSet::new(&[], &[]).unwrap();
        Judge::new(&rules).unwrap().is_strong(value.as_bytes())
    }

    #[test]
    fn what_a_person_may_have_thought_of_is_weak() {
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
            assert!(!strong(weak), "{weak}");
        }
        for random in ["q8Zt5vKw2mXrB7nHs4Jd9fGc", "3f9a1c7e5b2d8064af13c95e7b08d2461fa7c3e9"] {
            assert!(strong(random), "{random}");
        }
    }

    #[test]
    fn ids_depend_on_the_salt_and_weak_ones_are_short() {
        let (a, b) = (Recipe::new().unwrap(), Recipe::new().unwrap());
        let secret = Secret::new(b"hunter2");
        assert_eq!(a.id(&secret, true), a.id(&secret, true));
        assert_eq!(a.id(&secret, true).len(), 4);
        assert_eq!(a.id(&secret, false).len(), 32);
        assert_ne!(a.id(&secret, false), b.id(&secret, false));
    }
}
