//! Fits text to a terminal: columns as it counts them, lines cut around a mark, words wrapped.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Narrower terminals are written to as if they were this wide.
const NARROWEST: usize = 40;
/// What stands for text that is cut off.
const CUT: char = '…';

/// Columns that `text` takes on a terminal.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Columns left of `width` after `used`; without limit where no terminal has one.
pub(super) fn room(width: Option<usize>, used: usize) -> usize {
    width.map_or(usize::MAX, |width| width.max(NARROWEST).saturating_sub(used))
}

/// What of a line is shown, and where its mark is, in columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) before: usize,
    pub(super) mark: usize,
}

/// Cuts `text` to `room` columns around the characters `mark`, as much on each side as there is.
pub(super) fn around(text: &str, mark: Range<usize>, room: usize) -> Shown {
    let widths: Vec<usize> = text.chars().map(|c| c.width().unwrap_or(0)).collect();
    let mark = mark.start.min(widths.len())..mark.end.min(widths.len());
    let total = |range: Range<usize>| widths[range].iter().sum::<usize>();
    let mut shown = 0..widths.len();
    if total(shown.clone()) > room {
        shown = mark.start..mark.start;
        // What is cut needs a column on each side.
        let mut left = room.saturating_sub(2);
        let mut take = |width: usize| (width <= left).then(|| left -= width).is_some();
        while shown.end < mark.end && take(widths[shown.end]) {
            shown.end += 1;
        }
        let mut grown = true;
        while std::mem::take(&mut grown) {
            if shown.start > 0 && take(widths[shown.start - 1]) {
                shown.start -= 1;
                grown = true;
            }
            if (mark.end..widths.len()).contains(&shown.end) && take(widths[shown.end]) {
                shown.end += 1;
                grown = true;
            }
        }
    }
    let ends = [shown.start > 0, shown.end < widths.len()];
    let [head, tail] = ends.map(|cut| if cut { CUT.to_string() } else { String::new() });
    let kept: String = text.chars().take(shown.end).skip(shown.start).collect();
    Shown {
        before: head.width() + total(shown.start..mark.start),
        mark: total(mark.start..mark.end.min(shown.end).max(mark.start)),
        text: format!("{head}{kept}{tail}"),
    }
}

/// The words of `text` in lines of at most `first` columns, then of `rest`. A longer word, such as
/// an address, has a line of its own.
pub(super) fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let room = if lines.len() == 1 { first } else { rest };
        let line = lines.last_mut().map_or("", |line| line.as_str());
        if !line.is_empty() && line.width() + 1 + word.width() > room {
            lines.push(word.to_owned());
        } else if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, room: usize) -> (String, usize, usize) {
        let mark = text.find('<').unwrap();
        let start = text[..mark].chars().count();
        let len = text[mark..].chars().take_while(|c| *c != '>').count() + 1;
        let shown = around(text, start..start + len, room);
        (shown.text, shown.before, shown.mark)
    }

    #[test]
    fn lines_are_cut_around_the_mark() {
        assert_eq!(cut("a<k>b", 40), ("a<k>b".to_owned(), 1, 3));
        assert_eq!(cut("abcdefgh<k>ijklmnop", 9), ("…gh<k>ij…".to_owned(), 3, 3));
        // What one side does not need goes to the other.
        assert_eq!(cut("<k>ijklmnop", 9), ("<k>ijkl…".to_owned(), 0, 3));
        assert_eq!(cut("abcdefgh<k>", 9), ("…efgh<k>".to_owned(), 5, 3));
        // Wide characters take two columns, combining ones none.
        assert_eq!(cut("漢字漢字<k>漢字", 11), ("…漢字<k>漢…".to_owned(), 5, 3));
        assert_eq!(cut("e\u{301}<k>", 40), ("e\u{301}<k>".to_owned(), 1, 3));
        // A mark that is too long is cut, too.
        assert_eq!(cut("ab<kkkkkkkkkkkk>", 8), ("…<kkkkk…".to_owned(), 1, 6));
        for room in 0..30 {
            assert!(columns(&cut("abcdefgh<漢k>ijklmnop", room).0) <= room.max(2), "{room}");
        }
    }

    #[test]
    fn words_are_wrapped() {
        let lines = wrap("one two three https://example.org/a/b four", 7, 9);
        assert_eq!(lines, ["one two", "three", "https://example.org/a/b", "four"]);
        assert_eq!(wrap("", 10, 10), [""]);
        assert_eq!(wrap("a b", usize::MAX, usize::MAX), ["a b"]);
    }
}
