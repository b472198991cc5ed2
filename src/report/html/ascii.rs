//! JSON that may stand in a script element of a page in any encoding: ASCII only, and without the
//! characters that begin markup.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// Compact JSON whose strings hold escapes for all but harmless ASCII.
pub(super) struct Ascii;

impl Formatter for Ascii {
    // Control characters, quotes and backslashes never come here: serde_json escapes them.
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut from = 0;
        for (at, c) in fragment.char_indices() {
            if c.is_ascii() && !matches!(c, '<' | '>' | '&' | '\u{7f}') {
                continue;
            }
            writer.write_all(&fragment.as_bytes()[from..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            from = at + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[from..])
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize as _;

    use super::*;

    #[test]
    fn nothing_ends_the_element_and_all_comes_back() {
        let hostile = "</script><!-- & \u{2028}\u{202e}\u{7f}\u{9b}\0\x1b\"\\ ä 😀";
        let mut json = Vec::new();
        hostile.serialize(&mut serde_json::Serializer::with_formatter(&mut json, Ascii)).unwrap();
        let text = String::from_utf8(json).unwrap();
        assert!(text.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{text}");
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }
}
