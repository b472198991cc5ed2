//! Deltas: instructions that build an object out of another one.

use std::io;

use crate::source::git::pack::bad;
use crate::span::{Copied, Span};

/// The sizes of a delta's base and of its object, and how many bytes say so.
fn sizes(delta: &[u8]) -> Option<(u64, u64, usize)> {
    let mut at = 0;
    let mut varint = || {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = *delta.get(at)?;
            at += 1;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
    };
    let (from, to) = (varint()?, varint()?);
    Some((from, to, at))
}

/// The size of the object that a delta builds; its first bytes are enough.
pub(super) fn delta_size(delta: &[u8]) -> Option<u64> {
    sizes(delta).map(|(_, to, _)| to)
}

/// Builds in `out` the object that `delta` describes on `base`; `copies` gets what it takes over
/// from there, in the order of the object.
///
/// # Errors
/// `InvalidData` when the delta does not fit its base or itself.
pub(crate) fn apply_delta(
    base: &[u8],
    delta: &[u8],
    out: &mut Vec<u8>,
    copies: &mut Vec<Copied>,
) -> io::Result<()> {
    let wrong = || bad("a delta does not fit its base");
    let (from, to, mut at) = sizes(delta).ok_or_else(wrong)?;
    if from != base.len() as u64 {
        return Err(wrong());
    }
    let to = usize::try_from(to).map_err(|_| wrong())?;
    out.clear();
    copies.clear();
    // What repeats a part of the base grows as it is made; a size that is a lie makes no room.
    out.reserve(to.min(base.len() + delta.len()));
    while let Some(&op) = delta.get(at) {
        at += 1;
        if op & 0x80 != 0 {
            let mut field = |bits: u8, count: u32| {
                (0..count).filter(|i| bits >> i & 1 == 1).try_fold(0_usize, |value, i| {
                    let byte = *delta.get(at)?;
                    at += 1;
                    Some(value | usize::from(byte) << (8 * i))
                })
            };
            let start = field(op & 15, 4).ok_or_else(wrong)?;
            let len = field(op >> 4 & 7, 3).ok_or_else(wrong)?;
            let len = if len == 0 { 0x10000 } else { len };
            let to = Span::new(out.len(), out.len() + len);
            out.extend_from_slice(base.get(start..start + len).ok_or_else(wrong)?);
            match copies.last_mut() {
                // What is longer than one instruction can say.
                Some(last) if last.to.end == to.start && last.from + last.to.len() == start => {
                    last.to.end = to.end;
                }
                _ => copies.push(Copied { from: start, to }),
            }
        } else if op == 0 {
            return Err(wrong());
        } else {
            let len = usize::from(op);
            out.extend_from_slice(delta.get(at..at + len).ok_or_else(wrong)?);
            at += len;
        }
        if out.len() > to {
            return Err(wrong());
        }
    }
    if out.len() == to { Ok(()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_copy_and_insert() {
        // base 11 bytes, result 9: copy 5 from 6, insert "-new".
        let delta = [11, 9, 0x91, 6, 5, 4, b'-', b'n', b'e', b'w'];
        let (mut out, mut copies) = (Vec::new(), Vec::new());
        apply_delta(b"hello world", &delta, &mut out, &mut copies).unwrap();
        assert_eq!(out, b"world-new");
        assert_eq!(copies, [Copied { from: 6, to: Span::new(0, 5) }]);
        assert!(apply_delta(b"other", &delta, &mut out, &mut copies).is_err());
        assert!(apply_delta(b"hello world", &delta[..4], &mut out, &mut copies).is_err());
        assert!(apply_delta(b"hello world", &[11, 9, 0], &mut out, &mut copies).is_err());
    }
}
