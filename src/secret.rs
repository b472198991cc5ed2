//! A secret value that cannot be printed by accident.
//!
//! Everything that leaves the program goes through [`Secret::redacted`] unless the user asked for
//! `--show-secrets`; `Debug` never shows the value and the memory is wiped on drop.

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Secrets shorter than this show none of their bytes: four of twelve would be a third of it.
const MIN_PARTIAL: usize = 24;

/// The bytes of a found secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

#[expect(clippy::disallowed_methods, reason = "this is where the rule is made")]
impl Secret {
    /// Takes a copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for the empty secret.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes in clear. Callers are the few places that may: verification and `--show-secrets`.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the bytes, to compare secrets without holding them.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.expose()).into()
    }

    /// A form fit for reports: the first and last four characters of a long token, nothing of a
    /// short one, and the length in bytes.
    pub fn redacted(&self) -> String {
        redact(self.expose())
    }

    /// The value as text when `show` is set, otherwise [`Secret::redacted`].
    pub fn display(&self, show: bool) -> String {
        if show { String::from_utf8_lossy(self.expose()).into_owned() } else { self.redacted() }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({len} bytes)", len = self.len())
    }
}

/// The redacted form of `bytes`, as in [`Secret::redacted`].
pub fn redact(bytes: &[u8]) -> String {
    let len = bytes.len();
    if len == 0 {
        return String::new();
    }
    let plain = |part: &[u8]| part.iter().all(|b| b.is_ascii_graphic());
    let (head, tail) = (&bytes[..len.min(4)], &bytes[len.saturating_sub(4)..]);
    if len >= MIN_PARTIAL && plain(head) && plain(tail) {
        let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
        format!("{head}…{tail}[{len}]", head = text(head), tail = text(tail))
    } else {
        format!("…[{len}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tokens_keep_eight_bytes_at_most() {
        let secret = Secret::new(b"sk-proj-0123456789abcdefghijklmnop");
        assert_eq!(secret.redacted(), "sk-p…mnop[34]");
        assert_eq!(format!("{secret:?}"), "Secret(34 bytes)");
    }

    #[test]
    fn short_and_binary_secrets_show_nothing() {
        assert_eq!(redact(b"hunter2"), "…[7]");
        assert_eq!(redact(&[0xff; 40]), "…[40]");
    }
}
