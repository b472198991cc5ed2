//! Decides what of a blob is text: UTF-16 with a byte order mark becomes UTF-8, and a NUL byte
//! near the start means binary. Also makes bytes fit to show.

use std::borrow::Cow;

/// Bytes looked at for a NUL, as git does.
const HEAD: usize = 8000;

/// True when `bytes` are binary: a NUL byte in the first 8,000 and no UTF-16 byte order mark.
pub fn is_binary(bytes: &[u8]) -> bool {
    utf16(bytes).is_none() && memchr::memchr(0, &bytes[..bytes.len().min(HEAD)]).is_some()
}

/// `bytes` as the scanner reads them. Spans of a transcoded blob are those of its UTF-8 form.
pub fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    match utf16(bytes) {
        Some(encoding) => match encoding.decode(bytes).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        None => Cow::Borrowed(bytes),
    }
}

/// `bytes` as text that cannot move a terminal's cursor or reorder what is shown.
pub fn plain(bytes: &[u8]) -> String {
    let safe = |c: char| match c {
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    String::from_utf8_lossy(bytes).chars().map(safe).collect()
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
}
