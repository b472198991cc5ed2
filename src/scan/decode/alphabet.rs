//! Base64 and hex, decoded around a hit and aligned to it.

use super::{REACH, View, run};
use crate::rule::trigger::Encoding;
use crate::span::Span;

/// Value of a character of either alphabet.
fn sextet(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Least characters of a line of base64 that goes on in the next one, and most blanks before a line.
const LINE: usize = 40;
const INDENT: usize = 40;

/// The run of base64 around `at`, also over the lines that it is wrapped into, where a group of four starts `shift`
/// characters before.
pub(super) fn base64(bytes: &[u8], at: usize, shift: usize) -> Option<(View, usize)> {
    let first = run(bytes, at, |b| sextet(b).is_some());
    let mut lines = lines_before(bytes, first);
    let before: usize = lines.iter().map(Span::len).sum();
    lines.push(first);
    lines.extend(lines_behind(bytes, first));
    let group = (before + at - first.start).checked_sub(shift)?;
    decoded(bytes, &lines, group % 4)
}

/// What `lines` decode to, from `skip` characters on, and where they end.
fn decoded(bytes: &[u8], lines: &[Span], skip: usize) -> Option<(View, usize)> {
    let mut view = View::new(Encoding::Base64);
    let (mut bits, mut count, mut last) = (0_u32, 0_u32, 0);
    for place in lines.iter().flat_map(|line| line.start..line.end).skip(skip) {
        bits = bits << 6 | sextet(bytes[place])?;
        count += 6;
        if count >= 8 {
            count -= 8;
            let byte = (bits >> count & 0xff) as u8;
            // A byte takes part of two characters.
            view.push(byte, last..place + 1);
        }
        last = place;
    }
    Some((view, lines.last()?.end))
}

/// The lines of base64 before `first`, in order. Programs wrap it into lines of one length, but the last, and but the first
/// where a name stands before it.
fn lines_before(bytes: &[u8], first: Span) -> Vec<Span> {
    let (mut lines, mut line) = (Vec::new(), first);
    while line.len() >= LINE && starts_line(bytes, line.start) && first.end - line.start < REACH {
        let blanks = bytes[..line.start].iter().rev().take(INDENT);
        let end = line.start - blanks.take_while(|b| b.is_ascii_whitespace()).count();
        let between = &bytes[end..line.start];
        let next = bytes[..end].iter().rev().take(REACH).take_while(|&&b| sextet(b).is_some());
        let next = Span::new(end - next.count(), end);
        let fits = match starts_line(bytes, next.start) {
            true if line == first => next.len() >= line.len(),
            true => next.len() == line.len(),
            false => true,
        };
        if !is_seam(between) || next.len() < LINE || !fits {
            break;
        }
        lines.push(next);
        line = next;
    }
    lines.reverse();
    lines
}

/// The lines of base64 behind `first`.
fn lines_behind(bytes: &[u8], first: Span) -> Vec<Span> {
    let (mut lines, mut line) = (Vec::new(), first);
    while line.len() >= LINE && line.end - first.start < REACH {
        let rest = &bytes[line.end..];
        let blanks = rest.iter().take(INDENT).take_while(|b| b.is_ascii_whitespace()).count();
        let start = line.end + blanks;
        let length =
            bytes[start..].iter().take(REACH).take_while(|&&b| sextet(b).is_some()).count();
        let next = Span::new(start, start + length);
        let ends = bytes.get(next.end).is_none_or(|b| b"\r\n=\"'<".contains(b));
        let whole = starts_line(bytes, line.start);
        if !is_seam(&rest[..blanks]) || length == 0 || !ends || whole && length > line.len() {
            break;
        }
        lines.push(next);
        if whole && length < line.len() {
            break;
        }
        line = next;
    }
    lines
}

/// True for a line end and the blanks that a line begins with.
fn is_seam(text: &[u8]) -> bool {
    let blanks = text.strip_prefix(b"\r\n").or_else(|| text.strip_prefix(b"\n"));
    blanks.is_some_and(|blanks| blanks.iter().all(|b| b" \t".contains(b)))
}

/// True where nothing but blanks stands before `at` on its line.
fn starts_line(bytes: &[u8], at: usize) -> bool {
    let blanks = bytes[..at].iter().rev().take(INDENT).take_while(|b| b" \t".contains(b)).count();
    at == blanks || bytes[at - blanks - 1] == b'\n'
}

/// The run of hex digits around `at`, read in pairs that start there.
pub(super) fn hex(bytes: &[u8], at: usize) -> Option<(View, usize)> {
    let run = run(bytes, at, |b| b.is_ascii_hexdigit());
    let start = run.start + (at - run.start) % 2;
    let digit = |b: u8| char::from(b).to_digit(16);
    let mut view = View::new(Encoding::Hex);
    for pair in (start..run.end.saturating_sub(1)).step_by(2) {
        let byte = digit(bytes[pair])? << 4 | digit(bytes[pair + 1])?;
        view.push(u8::try_from(byte).ok()?, pair..pair + 2);
    }
    Some((view, run.end))
}

/// Decodes a whole base64 value; `None` where it is none.
pub(in crate::scan) fn base64_value(bytes: &[u8], span: Span) -> Option<View> {
    let text = span.slice(bytes);
    let body = text.iter().rposition(|&b| b != b'=').map_or(0, |at| at + 1);
    if body < 2 || body % 4 == 1 || !text[..body].iter().all(|&b| sextet(b).is_some()) {
        return None;
    }
    decoded(bytes, &[Span::new(span.start, span.start + body)], 0).map(|(view, _)| view)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn base64_is_decoded_at_its_alignment_and_mapped_back() {
        let text =
            [b"x: \"".as_slice(), STANDARD.encode("key=abcdefgh").as_bytes(), b"\""].concat();
        let (view, end) = base64(&text, 8, 0).unwrap();
        assert_eq!(view.bytes, b"key=abcdefgh");
        assert_eq!(end, text.len() - 1);
        // Bytes 3..6 are the second group of four characters.
        assert_eq!(view.map(Span::new(3, 6)), Span::new(8, 12));
    }

    #[test]
    fn wrapped_lines_are_one() {
        let plain: Vec<u8> = (0..150).map(|n| b"key=abcdefghij"[n % 14]).collect();
        let code = STANDARD.encode(&plain);
        let lines: Vec<&str> =
            code.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
        for (before, indent, end) in [
            ("", "", "\n"),
            ("a: |\n  ", "  ", "\nb: c\n"),
            ("K=\"", "", "\"\n"),
            ("x ", "\t", "\r\n"),
        ] {
            let seam = if end == "\r\n" { "\r\n" } else { "\n" };
            let text = [before, &lines.join(&[seam, indent].concat()), end].concat();
            for line in &lines[..3] {
                let at = text.find(line).unwrap();
                let (view, _) = base64(text.as_bytes(), at, 0).unwrap();
                assert_eq!(view.bytes, plain, "{text}");
                // The first line's end and the second one's begin.
                let span = view.map(Span::new(47, 49));
                assert!(text[span.start..span.end].contains(seam));
            }
        }
    }

    #[test]
    fn other_lines_are_not_joined() {
        let one = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq";
        for (text, want) in [
            (format!("{one}\n{one}QUJD\n"), 1),
            (format!("{one}\n\n{one}\n"), 1),
            (format!("{one}\nname: x\n"), 1),
            (format!("{one}=\n{one}\n"), 1),
            (format!("QUJDREVG\nQUJDREVG\n{one}\n"), 1),
            (format!("{one}\nQUJDREVG\n{one}\n"), 2),
            (format!("{one}\n{one}\n"), 2),
        ] {
            let (view, end) = base64(text.as_bytes(), text.find('Q').unwrap(), 0).unwrap();
            let lines = text[..end].matches('\n').count() + 1;
            assert_eq!(lines, want, "{text}");
            assert!(view.bytes.starts_with(b"ABCDEF"));
        }
    }

    #[test]
    fn hex_is_decoded_in_pairs() {
        let (view, _) = hex(b"=6b6579", 3).unwrap();
        assert_eq!(view.bytes, b"key");
        assert_eq!(view.map(Span::new(1, 2)), Span::new(3, 5));
    }
}
