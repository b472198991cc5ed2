//! Values that a scheme names instead of a variable: Basic and Bearer authorization, addresses.

use super::part::Part;
use crate::scan::decode;
use crate::span::Span;

/// Parts that the scheme before the value gives, and the password to judge; `None` where `left`,
/// the text from the start of the match, ends in no scheme.
pub(super) fn judge(bytes: &[u8], whole: Span, secret: Span) -> Option<(Part, Vec<u8>)> {
    let left = &bytes[whole.start..secret.start];
    let value = secret.slice(bytes);
    let name = left.trim_ascii_end();
    if name.eq_ignore_ascii_case(b"bearer") {
        return Some((Part::SchemeBearer, value.to_vec()));
    }
    if name.eq_ignore_ascii_case(b"basic") {
        return Some(match basic(bytes, secret) {
            Some(password) => (Part::SchemeBasic, password),
            None => (Part::SchemeBroken, value.to_vec()),
        });
    }
    memchr::memmem::find(left, b"://")?;
    Some((Part::UserInfo, value.to_vec()))
}

/// The password in credentials of Basic authorization.
fn basic(bytes: &[u8], secret: Span) -> Option<Vec<u8>> {
    let pair = decode::base64_value(bytes, secret)?.bytes;
    let colon = pair.iter().position(|b| *b == b':')?;
    let text = pair.iter().all(|b| (b' '..127).contains(b)) || std::str::from_utf8(&pair).is_ok();
    (text && colon > 0).then(|| pair[colon + 1..].to_vec())
}

/// True where the host behind a password, at `after`, is a machine of its own or an example.
pub(super) fn local(after: &[u8]) -> bool {
    const LOCAL: [&str; 5] = ["localhost", "127.", "0.0.0.0", "[::1", "example."];
    const WORDS: [&str; 4] = ["host", "your", "my", "some"];
    let host: Vec<u8> = after.iter().skip(1).take(60).map(u8::to_ascii_lowercase).collect();
    let first = host.split(|b| b"/:?\"' ".contains(b)).next().unwrap_or_default();
    let word = first.split(|b| !b.is_ascii_alphabetic()).next().unwrap_or_default();
    LOCAL.iter().any(|name| first.starts_with(name.as_bytes()))
        || WORDS.iter().any(|name| name.as_bytes() == word)
        || memchr::memmem::find(first, b"example").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str, secret: &str) -> Option<Part> {
        let start = text.find(secret).unwrap();
        let span = Span::new(start, start + secret.len());
        judge(text.as_bytes(), Span::new(0, text.len()), span).map(|(part, _)| part)
    }

    #[test]
    fn schemes() {
        let pair = "c3ZjOnpROXhMdzNUcjJLcDdWYg==";
        assert_eq!(part(&format!("Basic {pair}"), pair), Some(Part::SchemeBasic));
        assert_eq!(part("basic knowledge", "knowledge"), Some(Part::SchemeBroken));
        assert_eq!(part("Bearer q8Wn4Zr7", "q8Wn4Zr7"), Some(Part::SchemeBearer));
        assert_eq!(part("ftp://me:q8Wn4Zr7@host", "q8Wn4Zr7"), Some(Part::UserInfo));
        assert_eq!(part("token = q8Wn4Zr7", "q8Wn4Zr7"), None);
    }

    #[test]
    fn hosts_of_their_own() {
        assert!(local(b"@localhost:5432/db"));
        assert!(local(b"@db.example.org"));
        assert!(local(b"@my-cluster.net") && local(b"@host:5432"));
        assert!(!local(b"@db.internal.corp"));
        assert!(!local(b"@mysql.internal.corp:3306"));
    }
}
