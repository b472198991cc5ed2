//! What stands for a value in a baseline.
//!
//! A random token gets a salted hash: nobody can try all tokens. A value that somebody may have
//! thought of, such as a password, can be tried: of it the file holds 12 bits only, so that in any
//! list of guesses one in 4,096 fits, and each guess costs a memory-hard hash.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

use crate::finding::Fingerprint;
use crate::secret::Secret;
use crate::text::hex;

/// The key that only the first line of a baseline has.
pub(super) const MARK: &str = "\"keylint-baseline\"";
/// Before an id that says little.
const SHORT: char = '~';

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

#[cfg(test)]
mod tests {
    use super::*;

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
