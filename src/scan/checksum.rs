//! Checksums that vendors build into their tokens, recomputed offline.
//!
//! Facts: GitHub's, npm's, GitLab's, Confluent's and Zuplo's forms were recomputed on public samples
//! when the project's notes on key formats were written; the others are stated by peers. A failed checksum lowers the confidence of a finding, it
//! does not hide it.

use sha2::{Digest as _, Sha256};

use crate::rule::Checksum;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// True when `secret` carries the right checksum of `kind`.
pub fn holds(kind: Checksum, secret: &[u8]) -> bool {
    match kind {
        Checksum::Crc32Base62 => crc32_base62(secret),
        Checksum::GithubFineGrained => github_fine_grained(secret),
        Checksum::GitlabRoutable => gitlab_routable(secret),
        Checksum::Confluent => confluent(secret),
        Checksum::Zuplo | Checksum::Cloudflare => hex_after_prefix(secret),
        Checksum::Atlassian => split_tail(secret, 8).map(|(all, tail)| hex_crc(all, tail)),
        Checksum::AgeBech32 => bech32(secret),
    }
    .unwrap_or(false)
}

fn split_tail(secret: &[u8], tail: usize) -> Option<(&[u8], &[u8])> {
    secret.len().checked_sub(tail).map(|at| secret.split_at(at))
}

/// `value` in base `digits.len()`, most significant first, left-padded to `width`.
fn in_base(mut value: u64, digits: &[u8], width: usize) -> Vec<u8> {
    let base = digits.len() as u64;
    let mut text = vec![digits[0]; width];
    for place in text.iter_mut().rev() {
        *place = digits[(value % base) as usize];
        value /= base;
    }
    text
}

fn after_prefix(secret: &[u8]) -> Option<&[u8]> {
    secret.iter().position(|&b| b == b'_').map(|at| &secret[at + 1..])
}

fn crc32_base62(secret: &[u8]) -> Option<bool> {
    let (body, tail) = split_tail(after_prefix(secret)?, 6)?;
    Some(in_base(u64::from(crc32fast::hash(body)), BASE62, 6) == tail)
}

fn hex_crc(body: &[u8], tail: &[u8]) -> bool {
    format!("{:08x}", crc32fast::hash(body)).as_bytes().eq_ignore_ascii_case(tail)
}

fn hex_after_prefix(secret: &[u8]) -> Option<bool> {
    let (body, tail) = split_tail(after_prefix(secret)?, 8)?;
    Some(hex_crc(body.strip_suffix(b"_").unwrap_or(body), tail))
}

/// `github_pat_` + 22 + `_` + 43 + the first 8 base32 characters of the SHA-256 of all before + 8.
fn github_fine_grained(secret: &[u8]) -> Option<bool> {
    let signed = secret.get(..11 + 22 + 1 + 43)?;
    let mark = secret.get(signed.len()..signed.len() + 8)?;
    let hash = Sha256::digest(signed);
    let bits = hash[..5].iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
    Some(in_base(bits, BASE32, 8).eq_ignore_ascii_case(mark))
}

/// `<payload>.01.` + length of the payload (2) + CRC32 of all before (7), both base36.
fn gitlab_routable(secret: &[u8]) -> Option<bool> {
    let (signed, crc) = split_tail(secret, 7)?;
    let (head, length) = split_tail(signed, 2)?;
    let payload = after_dash(head)?.rsplit(|&b| b == b'.').next_back()?;
    let value = u64::from(crc32fast::hash(signed));
    Some(
        in_base(value, BASE36, 7) == crc
            && in_base(payload.len() as u64, BASE36, 2).as_slice() == length,
    )
}

fn after_dash(text: &[u8]) -> Option<&[u8]> {
    text.iter().position(|&b| b == b'-').map(|at| &text[at + 1..])
}

fn confluent(secret: &[u8]) -> Option<bool> {
    let (head, tail) = split_tail(secret, 6)?;
    let (_, body) = split_tail(head, 54)?;
    let value = u64::from(crc32fast::hash(body).swap_bytes()) << 16;
    Some(in_base(value >> 12, BASE64, 6).as_slice() == tail)
}

/// BIP 173's checksum over the lower-case form.
fn bech32(secret: &[u8]) -> Option<bool> {
    let lower = secret.to_ascii_lowercase();
    let at = lower.iter().rposition(|&b| b == b'1')?;
    let (prefix, data) = (&lower[..at], &lower[at + 1..]);
    let mut values: Vec<u8> = prefix.iter().map(|b| b >> 5).collect();
    values.push(0);
    values.extend(prefix.iter().map(|b| b & 31));
    for byte in data {
        values.push(u8::try_from(BECH32.iter().position(|c| c == byte)?).ok()?);
    }
    let generators = [0x3b6a_57b2_u32, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let step = |check: u32, &value: &u8| {
        let top = check >> 25;
        let next = (check & 0x1ff_ffff) << 5 ^ u32::from(value);
        (0..5).filter(|bit| top >> bit & 1 == 1).fold(next, |c, bit| c ^ generators[bit])
    };
    Some(values.iter().fold(1, step) == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bech32_accepts_the_vectors_of_bip_173() {
        assert_eq!(bech32(b"A12UEL5L"), Some(true));
        assert_eq!(
            bech32(b"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"),
            Some(true)
        );
        assert_eq!(
            bech32(b"split1checkupstagehandshakeupstreamerranterredcaperred2y9e2w"),
            Some(false)
        );
    }

    #[test]
    fn crc_forms_hold_and_break() {
        let body = b"Zq8vT2mKx0LrY5nWc7BdHs4JgPf1Ra";
        let crc = in_base(u64::from(crc32fast::hash(body)), BASE62, 6);
        let token = [b"ghp_".as_slice(), body, &crc].concat();
        assert!(holds(Checksum::Crc32Base62, &token));
        let mut wrong = token.clone();
        wrong[6] = b'x';
        assert!(!holds(Checksum::Crc32Base62, &wrong));
        assert!(!holds(Checksum::Crc32Base62, b"short"));
    }
}
