//! Encodings of text: percent, source escapes, notebooks, Secret manifests and joined literals.

use super::alphabet::base64_value;
use super::{REACH, View, run};
use crate::rule::trigger::Encoding;
use crate::span::Span;

/// How far behind a keyword a joint of literals may stand.
const JOINT: usize = 256;
/// White space that a joint may hold, such as a line end and the indentation behind it.
const GAP: usize = 80;
/// Bytes behind a keyword that tell whether there is a joint, at most.
const JOINTS: usize = JOINT + 2 * GAP + 4;

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 16).ok()
}

/// The run without white space and quotes around `at`, `%41` decoded.
pub(super) fn percent(bytes: &[u8], at: usize) -> Option<(View, usize)> {
    let run = run(bytes, at, |b| !b.is_ascii_whitespace() && !b"\"'`<>".contains(&b));
    let mut view = View::new(Encoding::Percent);
    let mut place = run.start;
    while place < run.end {
        place =
            plain(&mut view, bytes, Span::new(place, run.end), |rest| memchr::memchr(b'%', rest));
        let digits = bytes.get(place + 1..place + 3).filter(|_| place + 2 < run.end);
        match digits.and_then(hex_byte) {
            Some(byte) => {
                view.push(byte, place..place + 3);
                place += 3;
            }
            None if place < run.end => {
                view.copy(bytes, place);
                place += 1;
            }
            None => {}
        }
    }
    Some((view, run.end))
}

/// The lines around `at` with their escapes decoded.
pub(super) fn escapes(bytes: &[u8], at: usize) -> Option<(View, usize)> {
    let line = run(bytes, at, |b| b != b'\n');
    let mut view = View::new(Encoding::Escapes);
    let mut place = line.start;
    let escape = |rest: &[u8]| memchr::memchr(b'\\', rest);
    while place < line.end {
        place = plain(&mut view, bytes, Span::new(place, line.end), escape);
        if place < line.end {
            place = unescape(&mut view, bytes, place);
        }
    }
    Some((view, line.end))
}

/// Copies what stands in `span` before the byte that `find` finds to `view`; gives the next place.
fn plain(
    view: &mut View,
    bytes: &[u8],
    span: Span,
    find: impl Fn(&[u8]) -> Option<usize>,
) -> usize {
    let end = find(span.slice(bytes)).map_or(span.end, |n| span.start + n);
    view.copy_all(bytes, Span::new(span.start, end));
    end
}

/// Copies one character at `at` to `view`, an escape as what it stands for; gives the next place.
fn unescape(view: &mut View, bytes: &[u8], at: usize) -> usize {
    let plain = |view: &mut View| {
        view.copy(bytes, at);
        at + 1
    };
    if bytes[at] != b'\\' {
        return plain(view);
    }
    let short = |view: &mut View, byte: u8| {
        view.push(byte, at..at + 2);
        at + 2
    };
    match bytes.get(at + 1) {
        Some(b'n') => short(view, b'\n'),
        Some(b'r') => short(view, b'\r'),
        Some(b't') => short(view, b'\t'),
        Some(&byte @ (b'"' | b'\'' | b'/' | b'\\' | b'`')) => short(view, byte),
        Some(b'x') => match bytes.get(at + 2..at + 4).and_then(hex_byte) {
            Some(byte) => {
                view.push(byte, at..at + 4);
                at + 4
            }
            None => plain(view),
        },
        Some(b'u') => match bytes.get(at + 2..at + 6).map(|digits| (&digits[..2], &digits[2..])) {
            Some((b"00", low)) if hex_byte(low).is_some() => {
                view.push(hex_byte(low).unwrap_or_default(), at..at + 6);
                at + 6
            }
            _ => plain(view),
        },
        _ => plain(view),
    }
}

/// A notebook with its strings unescaped and the lines of a cell joined.
pub(super) fn notebook(bytes: &[u8]) -> (View, usize) {
    let mut view = View::new(Encoding::Notebook);
    let mut at = 0;
    while at < bytes.len() {
        // `…\n",` and the next `"` are the seam between two lines of a cell.
        if view.bytes.last() == Some(&b'\n')
            && bytes[at..].starts_with(b"\",")
            && let Some(next) = seam(bytes, at + 2)
        {
            at = next;
            continue;
        }
        at = unescape(&mut view, bytes, at);
    }
    (view, bytes.len())
}

/// Where the string goes on that opens after the white space at `at`.
fn seam(bytes: &[u8], at: usize) -> Option<usize> {
    let space = bytes[at..].iter().take(GAP).take_while(|b| b.is_ascii_whitespace()).count();
    (bytes.get(at + space) == Some(&b'"')).then_some(at + space + 1)
}

/// The `data` of Secret manifests: `name: value` a line, values decoded. What is not base64 of
/// text is left out.
pub(super) fn manifest(bytes: &[u8]) -> (View, usize) {
    let mut view = View::new(Encoding::Manifest);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        entry(&mut view, bytes, Span::new(start, end));
        start = end + 1;
    }
    (view, bytes.len())
}

/// One line `name: value` of a manifest, YAML or JSON.
fn entry(view: &mut View, bytes: &[u8], line: Span) -> Option<()> {
    let text = line.slice(bytes);
    let colon = memchr::memchr(b':', text)?;
    let edge = |b: &u8| b.is_ascii_whitespace() || b"\"',".contains(b);
    let value = &text[colon + 1..];
    let from = colon + 1 + value.iter().position(|b| !edge(b))?;
    let to = text.iter().rposition(|b| !edge(b))? + 1;
    let decoded = base64_value(bytes, Span::new(line.start + from, line.start + to.max(from)))?;
    let is_text = std::str::from_utf8(&decoded.bytes)
        .is_ok_and(|text| text.chars().all(|c| !c.is_control() || c.is_whitespace()));
    if decoded.bytes.len() < 6 || !is_text {
        return None;
    }
    for at in line.start..line.start + from {
        view.copy(bytes, at);
    }
    for (byte, place) in decoded.bytes.iter().zip(&decoded.origin) {
        view.push(*byte, place.0 as usize..place.1 as usize);
    }
    // The seam stands where the line ends.
    view.push(b'\n', line.end..line.end);
    Some(())
}

/// Finds the joints of string literals, each stretch of the text looked at once: keywords are many.
#[derive(Default)]
pub(in crate::scan) struct Joints {
    /// No joint stands between the last place that was asked for and here, but for `next`.
    clear: usize,
    /// The first joint behind the last place: where it stands and where it ends.
    next: Option<(usize, usize)>,
}

impl Joints {
    /// The text around a keyword at `at` without the joints of its string literals; `None` without
    /// one. Places must be asked for in ascending order.
    pub(super) fn view(&mut self, bytes: &[u8], at: usize) -> Option<(View, usize)> {
        let end = self.end(bytes, at).0?;
        Some(joined(bytes, at, end))
    }

    /// Where the first joint behind a keyword at `at` ends that stands near enough, and where the bytes from
    /// there on end that tell. Places must be asked for in ascending order.
    pub(in crate::scan) fn end(&mut self, bytes: &[u8], at: usize) -> (Option<usize>, usize) {
        self.next = self.next.filter(|joint| joint.0 >= at);
        let far = ((at + JOINT).min(bytes.len()), (at + JOINTS).min(bytes.len()));
        let (limit, looked) = statement_end(bytes, Span::new(at, far.0)).unwrap_or(far);
        let from = self.clear.max(at);
        if self.next.is_none() && from < limit {
            let mut quotes = memchr::memchr2_iter(b'"', b'\'', &bytes[from..limit]);
            self.next = quotes.find_map(|n| Some((from + n, joint(bytes, from + n)?)));
            self.clear = self.next.map_or(limit, |joint| joint.0 + 1);
        }
        (self.next.filter(|joint| joint.0 < limit).map(|(_, end)| end), looked)
    }
}

/// The first line end in `near` behind which no literal of the same statement can stand, and the end of the
/// bytes that tell that: neither does an operator stand before it nor one or a quote behind it. The first
/// line end does not count, since a name may stand on the line above its value.
fn statement_end(bytes: &[u8], near: Span) -> Option<(usize, usize)> {
    let goes_on = |byte: u8| b"+.&~|\\".contains(&byte);
    let mut ends = memchr::memchr_iter(b'\n', near.slice(bytes)).skip(1).map(|at| near.start + at);
    ends.find_map(|at| {
        let before = bytes[..at].iter().rev().find(|byte| !b" \t\r".contains(byte));
        let next = at + 1 + blanks(bytes, at + 1);
        let behind = *bytes.get(next)?;
        let over = !before.is_some_and(|byte| goes_on(*byte)) && !goes_on(behind);
        (over && !b"\"'".contains(&behind) && !behind.is_ascii_whitespace())
            .then_some((at, next + 1))
    })
}

/// The text around a keyword at `at` without the joints, of which the first ends at `first`.
fn joined(bytes: &[u8], at: usize, first: usize) -> (View, usize) {
    let from = at.saturating_sub(JOINT);
    let mut view = View::new(Encoding::Joined);
    let mut place = from;
    let mut last = first;
    let limit = (at + REACH).min(bytes.len());
    // It goes on as long as there are joints, and to the end of the line behind the last one.
    loop {
        // Before the last joint a line end is nothing special.
        let (end, special) = if place < last { (last.min(limit), b'"') } else { (limit, b'\n') };
        let rest = Span::new(place, end.max(place));
        place = plain(&mut view, bytes, rest, |rest| memchr::memchr3(b'"', b'\'', special, rest));
        if place >= limit || (place >= last && bytes[place] == b'\n') {
            return (view, place);
        }
        match joint(bytes, place) {
            Some(next) => {
                place = next;
                last = next.max(last);
            }
            None => {
                view.copy(bytes, place);
                place += 1;
            }
        }
    }
}

/// How much white space stands from `at` on, up to [`GAP`].
fn blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes[at.min(bytes.len())..].iter().take(GAP);
    rest.take_while(|b| b.is_ascii_whitespace()).count()
}

/// Where the next literal's text starts when the quote at `at` closes one and another of the same
/// kind follows: behind `+`, `.`, `..`, `&`, `~`, `||`, a backslash, or nothing but white space.
fn joint(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = *bytes.get(at).filter(|b| b"\"'".contains(b))?;
    let mut next = at + 1;
    let space = blanks(bytes, next);
    next += space;
    let operator = bytes[next.min(bytes.len())..]
        .iter()
        .take(2)
        .take_while(|b| b"+.&~|\\".contains(b))
        .count();
    // A single bar stands between types.
    if operator == 1 && bytes[next] == b'|' {
        return None;
    }
    next += operator;
    next += blanks(bytes, next);
    // `""` is an empty literal or an escaped quote, not a seam.
    if operator == 0 && space == 0 {
        return None;
    }
    (bytes.get(next) == Some(&quote)).then_some(next + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(view: Option<(View, usize)>) -> String {
        String::from_utf8(view.unwrap().0.bytes).unwrap()
    }

    #[test]
    fn escapes_and_percent_are_decoded() {
        assert_eq!(text(escapes(br"k = '\x61\u0062c\/\n'", 8)), "k = 'abc/\n'");
        assert_eq!(text(percent(b"u?a%3Db%2Fc d", 3)), "u?a=b/c");
        assert_eq!(text(percent(b"100%", 3)), "100%");
    }

    #[test]
    fn literals_are_joined() {
        assert_eq!(text(Joints::default().view(b"k = \"ab\" + \"cd\"\nx", 5)), "k = \"abcd\"");
        assert_eq!(text(Joints::default().view(b"k = ('ab'\n     'cd')", 6)), "k = ('abcd')");
        assert!(Joints::default().view(b"k = \"ab\", \"cd\"", 5).is_none());
        let (view, _) = Joints::default().view(b"k = 'ab' . 'cd';", 5).unwrap();
        assert_eq!(view.map(Span::new(5, 9)), Span::new(5, 14));
    }

    #[test]
    fn a_joint_is_looked_for_in_the_statement_and_on_the_next_line() {
        let end = |text: &str| {
            let (end, told) = Joints::default().end(text.as_bytes(), 0);
            assert!(told <= text.len());
            (end.is_some(), told)
        };
        for text in [
            "key = 'ab' + 'cd'",
            "key = (\n  'ab'\n  'cd'",
            "key # it\nk = \"ab\" + \"cd\"",
            "key =\n  f +\n  'ab' + 'cd'",
            "key =\n  f\n  + 'ab' + 'cd'",
            "key(a,\n\n  \"ab\"\n  \"cd\")",
        ] {
            assert!(end(text).0, "{text}");
        }
        // What stands in the next statement but one does not count, and is not looked at.
        for text in ["key = f();\ng();\n", "key\n\n# of it\n\t"] {
            let (found, told) = end(&format!("{text}h('ab' + 'cd')"));
            assert!(!found && told <= text.len() + 1, "{text}: {told}");
        }
    }

    #[test]
    fn manifests_and_notebooks_are_read() {
        let yaml = b"kind: Secret\ndata:\n  password: aHVudGVyMjE=\n  n: 1\n";
        assert_eq!(String::from_utf8(manifest(yaml).0.bytes).unwrap(), "  password: hunter21\n");
        let cell = br#"{"source": ["a = \"x\"\n", "b"], "nbformat": 4}"#;
        let view = String::from_utf8(notebook(cell).0.bytes).unwrap();
        assert_eq!(view, "{\"source\": [\"a = \"x\"\nb\"], \"nbformat\": 4}");
    }
}
