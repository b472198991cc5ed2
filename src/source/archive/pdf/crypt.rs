//! PDF files that are encrypted so that everybody can open them: with an empty password for users. Who may
//! print or copy is then only asked for, and the text is there for whoever has the file.
//!
//! The standard handler, revisions 2 to 6: RC4, AES of 128 and of 256 bits.

use aes::cipher::consts::U16;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes256};
use md5::{Digest as _, Md5};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::object::{Dict, Value};

/// Stands for what a password lacks to 32 bytes.
const FILL: [u8; 32] = *b"\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08\
                          \x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a";
/// Bytes of a block of AES.
const BLOCK: usize = 16;

/// How a kind of content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    /// Not at all.
    Plain,
    /// RC4, with a key for each object.
    Rc4,
    /// AES of 128 bits, with a key for each object.
    Aes128,
    /// AES of 256 bits, with the key of the file.
    Aes256,
}

/// The key of a file that an empty password opens.
pub(crate) struct Crypt {
    key: Zeroizing<Vec<u8>>,
    texts: Method,
    streams: Method,
    /// Whether the description of the file is encrypted, too.
    metadata: bool,
}

impl Crypt {
    /// The key by the dictionary `encrypt` and the first part of the file's `id`; `None` where a password is
    /// needed, or another way than the standard one.
    pub(crate) fn open(encrypt: &Dict, id: &[u8]) -> Option<Self> {
        if !encrypt.is("Filter", "Standard") {
            return None;
        }
        let (version, revision) = (whole(encrypt, "V")?, whole(encrypt, "R")?);
        let metadata =
            !matches!(encrypt.get("EncryptMetadata"), Some(Value::Word(word)) if word == b"false");
        let key = match (version, revision) {
            (1..=4, 2..=4) => old_key(encrypt, id, (version, revision, metadata))?,
            (5, 5 | 6) => new_key(encrypt, revision == 6)?,
            _ => return None,
        };
        let method = |of: &str| match version {
            1..=3 => Some(Method::Rc4),
            _ => filter(encrypt, of),
        };
        Some(Self { key, texts: method("StrF")?, streams: method("StmF")?, metadata })
    }

    /// Decrypts the strings in `value`, which is object `number` of this generation.
    pub(crate) fn texts(&self, value: &mut Value, object: (u32, u32)) {
        match value {
            Value::Text(text) => {
                let plain = self.plain(self.texts, text, object);
                text.clear();
                text.extend_from_slice(&plain);
            }
            Value::List(all) => all.iter_mut().for_each(|value| self.texts(value, object)),
            Value::Dict(dict) => dict.0.iter_mut().for_each(|(_, value)| self.texts(value, object)),
            _ => {}
        }
    }

    /// The bytes of the stream with the dictionary `dict` as they were before they were encrypted.
    pub(crate) fn stream(
        &self,
        dict: &Dict,
        bytes: &[u8],
        object: (u32, u32),
    ) -> Zeroizing<Vec<u8>> {
        let described = dict.is("Type", "Metadata") && !self.metadata;
        let method = if described || has_own(dict) { Method::Plain } else { self.streams };
        self.plain(method, bytes, object)
    }

    fn plain(
        &self,
        method: Method,
        bytes: &[u8],
        (number, generation): (u32, u32),
    ) -> Zeroizing<Vec<u8>> {
        let own = |salt: &[u8]| {
            let mut hash = Md5::new();
            hash.update(&self.key[..]);
            hash.update(&number.to_le_bytes()[..3]);
            hash.update(&generation.to_le_bytes()[..2]);
            hash.update(salt);
            hash.finalize()[..(self.key.len() + 5).min(16)].to_vec()
        };
        match method {
            Method::Plain => Zeroizing::new(bytes.to_vec()),
            Method::Rc4 => rc4(&own(b""), bytes),
            Method::Aes128 => unblocked(Aes128::new_from_slice(&own(b"sAlT")).ok(), bytes),
            Method::Aes256 => unblocked(Aes256::new_from_slice(&self.key).ok(), bytes),
        }
    }
}

/// The number at `key`, where it is whole.
fn whole(dict: &Dict, key: &str) -> Option<i64> {
    let number = dict.number(key)?;
    (number.fract() == 0.0 && number.abs() < 1e12).then_some(number as i64)
}

fn text<'d>(dict: &'d Dict, key: &str) -> Option<&'d [u8]> {
    match dict.get(key)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// The method that the filter at `of` names.
fn filter(encrypt: &Dict, of: &str) -> Option<Method> {
    let name = match encrypt.get(of) {
        Some(Value::Name(name)) => std::str::from_utf8(name).ok()?,
        _ => "Identity",
    };
    if name == "Identity" {
        return Some(Method::Plain);
    }
    let Some(Value::Name(method)) = encrypt.get("CF")?.dict()?.get(name)?.dict()?.get("CFM") else {
        return Some(Method::Plain);
    };
    match method.as_slice() {
        b"None" => Some(Method::Plain),
        b"V2" => Some(Method::Rc4),
        b"AESV2" => Some(Method::Aes128),
        b"AESV3" => Some(Method::Aes256),
        _ => None,
    }
}

/// True where a stream says for itself that it is not encrypted.
fn has_own(dict: &Dict) -> bool {
    let is_crypt = |value: &Value| matches!(value, Value::Name(name) if name == b"Crypt");
    let named = match dict.get("Filter") {
        Some(Value::List(all)) => all.iter().any(is_crypt),
        Some(value) => is_crypt(value),
        None => false,
    };
    let identity = |value: &Value| {
        value.dict().is_none_or(|it| it.get("Name").is_none() || it.is("Name", "Identity"))
    };
    named
        && match dict.get("DecodeParms") {
            Some(Value::List(all)) => all.iter().any(identity),
            Some(value) => identity(value),
            None => true,
        }
}

/// The key of revisions 2 to 4 for an empty password, where that is the right one.
fn old_key(
    encrypt: &Dict,
    id: &[u8],
    (version, revision, metadata): (i64, i64, bool),
) -> Option<Zeroizing<Vec<u8>>> {
    let (owner, user) = (text(encrypt, "O")?, text(encrypt, "U")?);
    let len = match (version, revision) {
        (1, _) | (_, 2) => 5,
        (4, _) => 16,
        _ => usize::try_from(whole(encrypt, "Length").unwrap_or(40) / 8).ok()?.clamp(5, 16),
    };
    let mut hash = Md5::new();
    hash.update(FILL);
    hash.update(owner.get(..32)?);
    // Permissions are 32 bits with a sign.
    hash.update((whole(encrypt, "P")? as u32).to_le_bytes());
    hash.update(id);
    if revision == 4 && !metadata {
        hash.update([0xff; 4]);
    }
    let mut key = Zeroizing::new(hash.finalize().to_vec());
    if revision > 2 {
        for _ in 0..50 {
            *key = Md5::digest(&key[..len]).to_vec();
        }
    }
    key.truncate(len);
    let right = match revision {
        2 => rc4(&key, &FILL)[..] == *user.get(..32)?,
        _ => {
            let mut sum =
                Zeroizing::new(Md5::new().chain_update(FILL).chain_update(id).finalize().to_vec());
            for round in 0..20 {
                let key: Vec<u8> = key.iter().map(|byte| byte ^ round).collect();
                sum = rc4(&key, &sum);
            }
            sum[..] == *user.get(..16)?
        }
    };
    right.then_some(key)
}

/// The key of revisions 5 and 6 for an empty password, where that is the right one.
fn new_key(encrypt: &Dict, hardened: bool) -> Option<Zeroizing<Vec<u8>>> {
    let (user, packed) = (text(encrypt, "U")?.get(..48)?, text(encrypt, "UE")?.get(..32)?);
    let hash = |salt: &[u8]| match hardened {
        true => hardened_hash(salt),
        false => Some(Sha256::digest(salt).to_vec()),
    };
    if hash(&user[32..40])? != user[..32] {
        return None;
    }
    let cipher = Aes256::new_from_slice(&hash(&user[40..48])?).ok()?;
    Some(chained(&cipher, [0; BLOCK], packed))
}

/// The hash of revision 6 of an empty password with `salt`.
fn hardened_hash(salt: &[u8]) -> Option<Vec<u8>> {
    let mut hash = Sha256::digest(salt).to_vec();
    for round in 0_u32.. {
        let cipher = Aes128::new_from_slice(&hash[..16]).ok()?;
        let mut before: [u8; BLOCK] = hash[16..32].try_into().ok()?;
        let mut coded = hash.repeat(64);
        for block in coded.chunks_exact_mut(BLOCK) {
            block.iter_mut().zip(before).for_each(|(byte, before)| *byte ^= before);
            let mut cell = Array::from(<[u8; BLOCK]>::try_from(&*block).ok()?);
            cipher.encrypt_block(&mut cell);
            before = cell.into();
            block.copy_from_slice(&before);
        }
        // The first bytes as one number, of which 256 leaves 1.
        hash = match coded[..16].iter().map(|&byte| u32::from(byte)).sum::<u32>() % 3 {
            0 => Sha256::digest(&coded).to_vec(),
            1 => Sha384::digest(&coded).to_vec(),
            _ => Sha512::digest(&coded).to_vec(),
        };
        if round >= 63 && coded.last().is_some_and(|&last| u32::from(last) + 31 <= round) {
            break;
        }
    }
    hash.truncate(32);
    Some(hash)
}

/// What AES made of blocks that are chained, behind the start of the chain and filled up at their end. What
/// is no whole block is left out.
fn unblocked(
    cipher: Option<impl BlockCipherDecrypt<BlockSize = U16>>,
    bytes: &[u8],
) -> Zeroizing<Vec<u8>> {
    let (Some(cipher), Some((start, bytes))) = (cipher, bytes.split_first_chunk::<BLOCK>()) else {
        return Zeroizing::default();
    };
    let mut plain = chained(&cipher, *start, bytes);
    let fill = plain.last().map_or(0, |&last| usize::from(last));
    if (1..=BLOCK).contains(&fill) {
        let len = plain.len() - fill;
        plain.truncate(len);
    }
    plain
}

fn chained(
    cipher: &impl BlockCipherDecrypt<BlockSize = U16>,
    start: [u8; BLOCK],
    bytes: &[u8],
) -> Zeroizing<Vec<u8>> {
    let (mut plain, mut before) = (Zeroizing::new(Vec::with_capacity(bytes.len())), start);
    for block in bytes.chunks_exact(BLOCK) {
        let mut cell = Array::try_from(block).unwrap_or_default();
        cipher.decrypt_block(&mut cell);
        plain.extend(cell.iter().zip(before).map(|(byte, before)| byte ^ before));
        before.copy_from_slice(block);
    }
    plain
}

/// RC4, in both directions.
fn rc4(key: &[u8], bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut state: [u8; 256] = std::array::from_fn(|at| at as u8);
    let mut other = 0_u8;
    for at in 0..256 {
        other = other.wrapping_add(state[at]).wrapping_add(key[at % key.len()]);
        state.swap(at, usize::from(other));
    }
    let (mut at, mut other) = (0_u8, 0_u8);
    let coded = bytes.iter().map(|byte| {
        at = at.wrapping_add(1);
        other = other.wrapping_add(state[usize::from(at)]);
        state.swap(usize::from(at), usize::from(other));
        let sum = state[usize::from(at)].wrapping_add(state[usize::from(other)]);
        byte ^ state[usize::from(sum)]
    });
    Zeroizing::new(coded.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc4_is_as_published() {
        // The vectors that everybody uses.
        assert_eq!(rc4(b"Key", b"Plaintext")[..], *b"\xbb\xf3\x16\xe8\xd9\x40\xaf\x0a\xd3");
        assert_eq!(rc4(b"Wiki", b"pedia")[..], *b"\x10\x21\xbf\x04\x20");
    }
}
