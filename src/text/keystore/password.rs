//! Passwords of key stores that everybody knows.

/// Those of Java's documentation and what is typed instead of one, none at all, those of Android's and Google's tools.
pub(super) const KNOWN: [&str; 6] = ["changeit", "password", "secret", "", "android", "notasecret"];

/// `password` in UTF-16, big-endian.
pub(super) fn wide(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}
