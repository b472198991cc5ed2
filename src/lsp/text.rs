//! The text of an open document, and places in it as LSP counts them: lines from 0 that end with
//! LF, CR LF or CR, and columns in the units that were agreed on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::span::{Point, Span};

/// Units of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units, which every client knows.
    #[default]
    Utf16,
}

impl Encoding {
    /// The first one of those that a client names that is known here; UTF-16 where none is.
    pub(super) fn agree(offered: &[String]) -> Self {
        let known = |name: &String| match name.as_str() {
            "utf-8" => Some(Self::Utf8),
            "utf-16" => Some(Self::Utf16),
            _ => None,
        };
        offered.iter().find_map(known).unwrap_or_default()
    }

    /// The protocol's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
        }
    }

    fn len(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
        }
    }
}

/// A place between two characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Position {
    /// Line, from 0.
    pub(super) line: u32,
    /// Column, from 0.
    pub(super) character: u32,
}

/// A stretch of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Range {
    /// Its first character.
    pub(super) start: Position,
    /// Just past its last one.
    pub(super) end: Position,
}

/// A document's content.
pub(super) struct Text {
    text: Arc<str>,
    /// Where lines begin.
    starts: Vec<usize>,
}

impl Text {
    /// Takes `text`.
    pub(super) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        let ends = memchr::memchr2_iter(b'\n', b'\r', bytes);
        let last = |at: &usize| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n');
        starts.extend(ends.filter(last).map(|at| at + 1));
        Self { text: Arc::from(text), starts }
    }

    /// All of it.
    pub(super) fn all(&self) -> &Arc<str> {
        &self.text
    }

    /// The text with `range` replaced by `new`; all of it where there is no range.
    #[must_use]
    pub(super) fn with(&self, range: Option<Range>, new: &str, encoding: Encoding) -> Self {
        let Some(range) = range else { return Self::new(new) };
        let start = self.offset(range.start, encoding);
        let end = self.offset(range.end, encoding).max(start);
        Self::new(&[&self.text[..start], new, &self.text[end..]].concat())
    }

    /// The line `number` from 0, without its end.
    pub(super) fn line(&self, number: usize) -> Span {
        let start = self.starts.get(number).copied().unwrap_or(self.text.len());
        let end = self.starts.get(number + 1).copied().unwrap_or(self.text.len());
        let shown = self.text[start..end].trim_end_matches(['\r', '\n']);
        Span::new(start, start + shown.len())
    }

    /// The line that holds byte `offset`, from 0.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset).saturating_sub(1)
    }

    /// The byte at `position`. One past the end of a line is at its end, as the protocol says; one
    /// within a character is before it.
    pub(super) fn offset(&self, position: Position, encoding: Encoding) -> usize {
        let line = self.line(position.line as usize);
        let mut left = position.character as usize;
        let mut at = line.start;
        for c in self.text[line.start..line.end].chars() {
            if left < encoding.len(c) {
                break;
            }
            left -= encoding.len(c);
            at += c.len_utf8();
        }
        at
    }

    /// The place of byte `offset`, or of the character that it is in.
    pub(super) fn position(&self, offset: usize, encoding: Encoding) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_of(offset);
        let before = self.text[self.starts[line]..offset].chars();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: number(line), character: number(before.map(|c| encoding.len(c)).sum()) }
    }

    /// The stretch of `span`.
    pub(super) fn range(&self, span: Span, encoding: Encoding) -> Range {
        Range { start: self.position(span.start, encoding), end: self.position(span.end, encoding) }
    }

    /// The byte at `point`, whose lines end with LF only.
    pub(super) fn byte(&self, point: Point) -> usize {
        let line = memchr::memchr_iter(b'\n', self.text.as_bytes())
            .nth((point.line as usize).wrapping_sub(2))
            .map_or(0, |at| at + 1);
        let mut chars = self.text[line..].char_indices();
        let column = (point.column as usize).saturating_sub(1);
        chars.nth(column).map_or(self.text.len(), |(at, _)| line + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn columns_are_counted_in_the_units_agreed_on() {
        let text = Text::new("a\r\nä😀b\rc\nd");
        let b = text.all().find('b').unwrap();
        assert_eq!(text.position(b, Encoding::Utf16), at(1, 3));
        assert_eq!(text.position(b, Encoding::Utf8), at(1, 6));
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            for (offset, _) in text.all().char_indices().filter(|(_, c)| !"\r\n".contains(*c)) {
                assert_eq!(text.offset(text.position(offset, encoding), encoding), offset);
            }
        }
        // In a character, past a line, past the end.
        assert_eq!(text.offset(at(1, 2), Encoding::Utf16), b - 4);
        assert_eq!(text.offset(at(1, 99), Encoding::Utf16), b + 1);
        assert_eq!(text.offset(at(9, 9), Encoding::Utf8), text.all().len());
        assert_eq!(text.position(999, Encoding::Utf8), at(3, 1));
        // Lines of reports end with LF only.
        assert_eq!(text.byte(Point { line: 2, column: 3 }), b);
        assert_eq!(text.byte(Point { line: 1, column: 1 }), 0);
        assert_eq!(text.byte(Point { line: 3, column: 1 }), text.all().len() - 1);
    }

    #[test]
    fn changes_replace_ranges() {
        let text = Text::new("one\ntwo\nthree");
        let cut = Range { start: at(0, 3), end: at(1, 1) };
        assert_eq!(&**text.with(Some(cut), "-", Encoding::Utf16).all(), "one-wo\nthree");
        let reversed = Range { start: at(1, 1), end: at(0, 3) };
        assert_eq!(&**text.with(Some(reversed), "-", Encoding::Utf16).all(), "one\nt-wo\nthree");
        assert_eq!(&**text.with(None, "new", Encoding::Utf16).all(), "new");
        assert_eq!(Encoding::agree(&["utf-32".to_owned(), "utf-8".to_owned()]), Encoding::Utf8);
        assert_eq!(Encoding::agree(&[]), Encoding::Utf16);
    }
}
