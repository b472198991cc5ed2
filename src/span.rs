//! Byte spans and their translation to lines and columns.

use std::cell::Cell;

use bstr::ByteSlice as _;
use serde::{Deserialize, Serialize};

/// A half-open range of byte offsets in one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just past the last byte.
    pub end: usize,
}

/// A stretch of bytes that one text takes over from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where it starts in the text that it comes from.
    pub from: usize,
    /// Where it stands in the new text.
    pub to: Span,
}

impl Span {
    /// The range `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// True when the span holds no byte.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// True when the two spans share a byte.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The least span that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// The same place, counted from `start` on, which lies before it.
    #[must_use]
    pub fn since(self, start: usize) -> Self {
        Self::new(self.start - start, self.end - start)
    }

    /// The bytes of `of` under this span.
    pub fn slice<'b>(&self, of: &'b [u8]) -> &'b [u8] {
        &of[self.start..self.end]
    }
}

/// A place as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// Line, from 1.
    pub line: u32,
    /// Column in Unicode code points, from 1. Bytes that are not UTF-8 count one each.
    pub column: u32,
}

/// Start offsets of the lines of one blob; built once for a blob with a hit.
pub struct LineIndex {
    starts: Vec<usize>,
    /// The last point asked for: its line, its offset and the code points before it. On a line of a
    /// megabyte with thousands of points the next one is counted from here.
    last: Cell<(usize, usize, usize)>,
}

impl LineIndex {
    /// Indexes `bytes`; a line ends with LF.
    pub fn new(bytes: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1));
        Self { starts, last: Cell::new((0, 0, 0)) }
    }

    /// Line and column of byte `offset` of the indexed `bytes`.
    pub fn point(&self, bytes: &[u8], offset: usize) -> Point {
        let line = self.starts.partition_point(|&start| start <= offset) - 1;
        let (same, from, known) = self.last.get();
        let (from, known) =
            if same == line && from <= offset { (from, known) } else { (self.starts[line], 0) };
        let before = known + bytes[from..offset].chars().count();
        self.last.set((line, offset, before));
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Point { line: number(line + 1), column: number(before + 1) }
    }

    /// Byte range of the line that holds `offset`, without its line end.
    pub fn line(&self, bytes: &[u8], offset: usize) -> Span {
        let at = self.starts.partition_point(|&start| start <= offset) - 1;
        let start = self.starts[at];
        let end = self.starts.get(at + 1).map_or(bytes.len(), |&next| next - 1);
        let end = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
        Span::new(start, end.max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_count_code_points_from_one() {
        let text = "ab\r\ncäd\n".as_bytes();
        let index = LineIndex::new(text);
        assert_eq!(index.point(text, 0), Point { line: 1, column: 1 });
        assert_eq!(index.point(text, 7), Point { line: 2, column: 3 });
        assert_eq!(index.point(text, 8), Point { line: 2, column: 4 });
        assert_eq!(index.point(text, 4), Point { line: 2, column: 1 });
        assert_eq!(index.line(text, 1), Span::new(0, 2));
        assert_eq!(index.line(text, 5), Span::new(4, 8));
        assert_eq!(index.point(text, text.len()), Point { line: 3, column: 1 });
    }
}
