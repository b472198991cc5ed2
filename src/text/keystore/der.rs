//! Private keys and PKCS#12 stores in DER.

use memchr::memmem;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::password::{KNOWN, wide};
use super::reader::Reader;
use super::{DEBUG_ALIAS, Kind};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const NAME: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The tag [0] around what a name tells the kind of.
const CONTENT: u8 = 0xa0;

/// Object identifiers: data (RFC 5652), private keys in a bag, plain and encrypted (RFC 7292), ways to encrypt under
/// a password (RFC 8018, RFC 7292), digests (RFC 8018).
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const KEY_BAG: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01";
const SHROUDED_BAG: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02";
const PBE: [&[u8]; 2] =
    [b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01"];
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";

/// More rounds of hashing are not tried, since a scan is no attack; where there are many, only the first passwords are.
const MOST_ROUNDS: usize = 10_000;
const MANY_ROUNDS: usize = 2_048;
const FEW: usize = 3;

/// What a DER file is; `None` for certificates, public keys and everything else.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    if is_store(bytes) {
        let alias = wide(DEBUG_ALIAS);
        let debug = memmem::find(bytes, &alias).is_some();
        return Some(if debug { Kind::AndroidDebug } else { Kind::Pkcs12 });
    }
    let mut at = Reader(bytes);
    let inside = value(&mut at, SEQUENCE)?;
    if !at.0.is_empty() {
        return None;
    }
    if is_encrypted(inside).is_some() {
        return Some(Kind::EncryptedDer);
    }
    (is_pkcs8(inside).is_some() || is_traditional(inside).is_some()).then_some(Kind::Der)
}

/// True for a PKCS#12 store that shows a private key. Older programs write it without lengths (BER), so the bag of the key
/// is looked for by its name.
fn is_store(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(64)];
    let version = memmem::find(head, b"\x02\x01\x03\x30");
    let has = |name: &[u8]| memmem::find(bytes, name).is_some();
    version.is_some_and(|at| at <= 6)
        && memmem::find(head, DATA).is_some()
        && (has(SHROUDED_BAG) || has(KEY_BAG))
}

/// PKCS#8 (RFC 5958): version, algorithm, key.
fn is_pkcs8(inside: &[u8]) -> Option<()> {
    let mut at = Reader(inside);
    matches!(value(&mut at, INTEGER)?, [0 | 1]).then_some(())?;
    value(&mut Reader(value(&mut at, SEQUENCE)?), NAME)?;
    (value(&mut at, OCTETS)?.len() >= 24).then_some(())
}

/// PKCS#8 under a password: algorithm, encrypted key.
fn is_encrypted(inside: &[u8]) -> Option<()> {
    let mut at = Reader(inside);
    let name = value(&mut Reader(value(&mut at, SEQUENCE)?), NAME)?;
    PBE.iter().any(|pbe| name.starts_with(pbe)).then_some(())?;
    let key = value(&mut at, OCTETS)?;
    (key.len() >= 32 && at.0.is_empty()).then_some(())
}

/// RSA and DSA keys as rows of numbers (RFC 8017), EC keys (RFC 5915).
fn is_traditional(inside: &[u8]) -> Option<()> {
    let mut at = Reader(inside);
    match value(&mut at, INTEGER)? {
        [0] => {
            let mut numbers = 0;
            while !at.0.is_empty() && numbers < 8 {
                value(&mut at, INTEGER)?;
                numbers += 1;
            }
            (numbers == 8 || numbers == 5).then_some(())
        }
        [1] => (20..=66).contains(&value(&mut at, OCTETS)?.len()).then_some(()),
        _ => None,
    }
}

/// The content of the next value, which must have the tag.
fn value<'b>(at: &mut Reader<'b>, tag: u8) -> Option<&'b [u8]> {
    (at.u8()? == tag).then_some(())?;
    let length = match at.u8()? {
        short @ 0..=0x7f => usize::from(short),
        long @ 0x81..=0x84 => number(at.take(usize::from(long & 0x7f))?),
        _ => return None,
    };
    at.take(length)
}

/// The number that up to four bytes say.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The sum over a PKCS#12 store under its password.
struct Mac<'b> {
    content: &'b [u8],
    is_sha1: bool,
    sum: &'b [u8],
    salt: &'b [u8],
    rounds: usize,
}

fn mac(bytes: &[u8]) -> Option<Mac<'_>> {
    let mut at = Reader(value(&mut Reader(bytes), SEQUENCE)?);
    value(&mut at, INTEGER)?;
    let mut info = Reader(value(&mut at, SEQUENCE)?);
    (value(&mut info, NAME)? == DATA).then_some(())?;
    let content = value(&mut Reader(value(&mut info, CONTENT)?), OCTETS)?;
    let mut data = Reader(value(&mut at, SEQUENCE)?);
    let mut digest = Reader(value(&mut data, SEQUENCE)?);
    let algorithm = value(&mut Reader(value(&mut digest, SEQUENCE)?), NAME)?;
    let (sum, salt) = (value(&mut digest, OCTETS)?, value(&mut data, OCTETS)?);
    let rounds = match value(&mut data, INTEGER) {
        Some(bytes) if bytes.len() <= 4 => number(bytes),
        Some(_) => return None,
        None => 1,
    };
    let is_sha1 = algorithm == SHA1;
    (is_sha1 || algorithm == SHA256).then_some(Mac { content, is_sha1, sum, salt, rounds })
}

/// True where a password that everybody knows is that of the store.
pub(super) fn opens(bytes: &[u8]) -> bool {
    let Some(mac) = mac(bytes).filter(|mac| (1..=MOST_ROUNDS).contains(&mac.rounds)) else {
        return false;
    };
    let tried = if mac.rounds > MANY_ROUNDS { FEW } else { KNOWN.len() };
    KNOWN[..tried].iter().any(|password| match mac.is_sha1 {
        true => sum::<Sha1>(&mac, password) == mac.sum,
        false => sum::<Sha256>(&mac, password) == mac.sum,
    })
}

/// Bytes of a block of both hashes.
const BLOCK: usize = 64;

/// The sum under `password`: HMAC (RFC 2104) with a key that is shorter than a block.
fn sum<D: Digest>(mac: &Mac<'_>, password: &str) -> Vec<u8> {
    let key = derive::<D>(mac, password);
    let pad = |with: u8| {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(&key).for_each(|(pad, byte)| *pad ^= byte);
        D::new().chain_update(block)
    };
    let inner = pad(0x36).chain_update(mac.content).finalize();
    pad(0x5c).chain_update(inner).finalize().to_vec()
}

/// The key of the sum: the first block of RFC 7292, B.2.
fn derive<D: Digest>(mac: &Mac<'_>, password: &str) -> Vec<u8> {
    const FOR_SUMS: u8 = 3;
    let fill = |hash: D, part: &[u8]| {
        let blocks = part.len().div_ceil(BLOCK) * BLOCK;
        let repeated: Vec<u8> = part.iter().copied().cycle().take(blocks).collect();
        hash.chain_update(repeated)
    };
    let password = [wide(password), vec![0, 0]].concat();
    let hash = D::new().chain_update([FOR_SUMS; BLOCK]);
    let mut key = fill(fill(hash, mac.salt), &password).finalize();
    for _ in 1..mac.rounds {
        key = D::digest(&key);
    }
    key.to_vec()
}
