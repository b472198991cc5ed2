//! OpenPGP keys in their binary form (RFC 9580).

use super::reader::Reader;

/// Secret key, and what may come behind it: signature, secret subkey, trust, user id, attribute.
const SECRET: u8 = 5;
const BEHIND: [u8; 5] = [2, 7, 12, 13, 17];

/// True for bytes that begin with a secret key packet and go on as a key does.
pub(super) fn is_secret(bytes: &[u8]) -> bool {
    let mut at = Reader(bytes);
    let Some((SECRET, body)) = packet(&mut at) else { return false };
    let mut body = Reader(body);
    let (version, _made, algorithm) = (body.u8(), body.u32(), body.u8());
    let fits = matches!(version, Some(4..=6))
        && matches!(algorithm, Some(1..=3 | 16..=19 | 22 | 25..=28))
        && body.0.len() > 32;
    fits && (at.0.is_empty() || packet(&mut at).is_some_and(|(tag, _)| BEHIND.contains(&tag)))
}

/// The next packet: its kind and its body. `None` for lengths in parts, which keys do not have.
fn packet<'b>(at: &mut Reader<'b>) -> Option<(u8, &'b [u8])> {
    let head = at.u8()?;
    let (tag, length) = match head >> 6 {
        0b11 => (head & 63, new_length(at)?),
        0b10 => (head >> 2 & 15, old_length(at, head & 3)?),
        _ => return None,
    };
    Some((tag, at.take(length)?))
}

fn old_length(at: &mut Reader<'_>, kind: u8) -> Option<usize> {
    match kind {
        0 => at.u8().map(usize::from),
        1 => at.u16().map(usize::from),
        2 => usize::try_from(at.u32()?).ok(),
        _ => None,
    }
}

fn new_length(at: &mut Reader<'_>) -> Option<usize> {
    match at.u8()? {
        first @ 0..=191 => Some(usize::from(first)),
        first @ 192..=223 => Some(((usize::from(first) - 192) << 8) + usize::from(at.u8()?) + 192),
        255 => usize::try_from(at.u32()?).ok(),
        _ => None,
    }
}
