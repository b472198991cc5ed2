//! Decides what of a blob is text: UTF-16 with a byte order mark becomes UTF-8, a key store a line that says what it is, and
//! a NUL byte near the start means binary. Also makes bytes fit to show.

pub mod keystore;

use std::borrow::Cow;

/// Bytes looked at for a NUL, as git does.
const HEAD: usize = 8000;

/// True when `bytes` are binary: a NUL byte in the first 8,000, no UTF-16 byte order mark, and no key store.
pub fn is_binary(bytes: &[u8]) -> bool {
    has_nul(bytes) && !keystore::is_one(bytes)
}

/// True where a NUL byte is in the first 8,000, and no UTF-16 byte order mark: `bytes` are binary unless they are a key store.
pub fn has_nul(bytes: &[u8]) -> bool {
    utf16(bytes).is_none() && memchr::memchr(0, &bytes[..bytes.len().min(HEAD)]).is_some()
}

/// `bytes` as the scanner reads them. Spans of a transcoded blob are those of its UTF-8 form, those of a key store are in
/// its description.
pub fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    match utf16(bytes) {
        Some(encoding) => match encoding.decode(bytes).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        None => match keystore::describe(bytes) {
            Some(line) => Cow::Owned(line.into_bytes()),
            None => Cow::Borrowed(bytes),
        },
    }
}

/// `bytes` as text that cannot move a terminal's cursor, reorder what is shown or hide in it. Each
/// character becomes one.
pub fn plain(bytes: &[u8]) -> String {
    let safe = |c: char| match c {
        '\t' => ' ',
        c if hides(c) => '\u{fffd}',
        c => c,
    };
    String::from_utf8_lossy(bytes).chars().map(safe).collect()
}

/// A path as a person can tell it from all others: what [`plain`] would hide and bytes that are no
/// UTF-8 are written as escapes.
pub fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            match hides(c) {
                true => text.extend(c.escape_unicode()),
                false => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

/// [`plain`] for text of several lines.
pub fn plain_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| plain(line.as_bytes())).collect();
    lines.join("\n")
}

/// True for characters that act on a terminal, reorder what is shown or take no room.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A path as a relative URI reference.
pub fn percent(path: &[u8]) -> String {
    let mut uri = String::new();
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri += &format!("%{byte:02X}");
        }
    }
    uri
}

/// Line of byte `at` of `text`, from 1.
pub fn line_at(text: &str, at: usize) -> usize {
    memchr::memchr_iter(b'\n', &text.as_bytes()[..at.min(text.len())]).count() + 1
}

/// `bytes` as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn utf16(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] => Some(encoding_rs::UTF_16LE),
        [0xfe, 0xff, ..] => Some(encoding_rs::UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_text_and_nul_is_not() {
        let wide: Vec<u8> = std::iter::once(0xfeff_u16)
            .chain("key=ä".encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(!is_binary(&wide));
        assert_eq!(decode(&wide).as_ref(), "key=ä".as_bytes());
        assert!(is_binary(b"\x7fELF\0\0"));
        assert!(!is_binary(b"plain"));
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        let hostile =
            "a\u{1b}[2J\u{9b}b\u{202e}\u{2066}\u{61c}\u{200b}\u{2028}\u{e0041}\n\r\u{7}ä漢";
        let safe = plain(hostile.as_bytes());
        assert_eq!(safe.chars().count(), hostile.chars().count());
        assert_eq!(safe.replace('\u{fffd}', ""), "a[2Jbä漢");
        assert_eq!(plain(b"a\tb"), "a b");
        assert_eq!(
            shown(b"a\x1b[2J\xff\xe2\x80\xaeb/\xc3\xa4\n"),
            "a\\u{1b}[2J\\xff\\u{202e}b/ä\\u{a}"
        );
        assert_eq!(plain_lines("a\x1b\nb"), "a\u{fffd}\nb");
    }
}
