//! Passwords of key stores that everybody knows.

/// None at all, those of Java's documentation and of Android's and Google's tools, and what is typed instead of one. Each costs
/// as many hashes as the store asks for.
pub(super) const KNOWN: [&str; 6] = ["changeit", "password", "", "android", "notasecret", "secret"];

/// `password` in UTF-16, big-endian.
pub(super) fn wide(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}
