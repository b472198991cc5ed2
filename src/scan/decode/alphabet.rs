//! Base64 and hex, decoded around a hit and aligned to it.

use super::{View, run};
use crate::rule::trigger::Encoding;

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

/// The run of base64 around `at`, where a group of four starts `shift` characters before.
pub(super) fn base64(bytes: &[u8], at: usize, shift: usize) -> Option<(View, usize)> {
    let run = run(bytes, at, |b| sextet(b).is_some());
    let group = at.checked_sub(shift).filter(|&group| group >= run.start)?;
    let start = run.start + (group - run.start) % 4;
    let mut view = View::new(Encoding::Base64);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for (place, &byte) in bytes.iter().enumerate().take(run.end).skip(start) {
        bits = bits << 6 | sextet(byte)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            let byte = (bits >> count & 0xff) as u8;
            // A byte takes part of two characters.
            view.push(byte, place - 1..place + 1);
        }
    }
    Some((view, run.end))
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
pub(in crate::scan) fn base64_value(bytes: &[u8], span: crate::span::Span) -> Option<View> {
    let text = span.slice(bytes);
    let body = text.iter().rposition(|&b| b != b'=').map_or(0, |at| at + 1);
    if body < 2 || body % 4 == 1 || !text[..body].iter().all(|&b| sextet(b).is_some()) {
        return None;
    }
    base64(bytes, span.start, 0).map(|(view, _)| view)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use crate::span::Span;

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
    fn hex_is_decoded_in_pairs() {
        let (view, _) = hex(b"=6b6579", 3).unwrap();
        assert_eq!(view.bytes, b"key");
        assert_eq!(view.map(Span::new(1, 2)), Span::new(3, 5));
    }
}
