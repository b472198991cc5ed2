//! Files that are keys as a whole: key stores, private keys in DER, key rings, password safes, keytabs, wallets. They are told by
//! what they hold, never by their names: a store of certificates alone is none.
//!
//! The scanner reads a line of text in their place, `keylint: KIND, N bytes, sha256:…`, for which `rules/key-store.toml` has the
//! rules. So a key store takes the way of every other blob, from the walk to the report.

mod der;
mod java;
mod password;
mod pgp;
mod reader;

use memchr::memmem;
use sha2::{Digest as _, Sha256};

use reader::Reader;

/// What a file is, as its line says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pkcs12,
    Java,
    AndroidDebug,
    Der,
    EncryptedDer,
    OpenPgp,
    GnuPg,
    KeePass,
    PasswordSafe,
    Keychain,
    Keytab,
    Wallet,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Pkcs12 => "PKCS#12 key store",
            Self::Java => "Java key store",
            Self::AndroidDebug => "Android debug key store",
            Self::Der => "private key in DER",
            Self::EncryptedDer => "encrypted private key in DER",
            Self::OpenPgp => "OpenPGP secret key",
            Self::GnuPg => "GnuPG private key",
            Self::KeePass => "KeePass database",
            Self::PasswordSafe => "Password Safe database",
            Self::Keychain => "macOS keychain",
            Self::Keytab => "Kerberos keytab",
            Self::Wallet => "Bitcoin wallet",
        }
    }
}

/// The alias of the key that Android's tools make for debug builds; its password is public.
const DEBUG_ALIAS: &str = "androiddebugkey";

/// What tells the kind of a file by all of its bytes; `None` where it holds no key.
type Look = fn(&[u8]) -> Option<Kind>;

/// What to ask of a file that begins with `head`; `None` where it is no key store however it goes on.
fn look(head: &[u8]) -> Option<Look> {
    Some(match head {
        // KeePass 1, KeePass 2 before its release and KeePass 2.
        [0x03, 0xd9, 0xa2, 0x9a, 0x65..=0x67, 0xfb, 0x4b, 0xb5, ..] => |_| Some(Kind::KeePass),
        [b'k', b'y', b'c', b'h', 0, 1, 0, 0, ..] => |_| Some(Kind::Keychain),
        [b'P', b'W', b'S', b'3', rest @ ..] if is_safe(rest) => |_| Some(Kind::PasswordSafe),
        // S-expressions of GnuPG's private-keys-v1.d.
        [b'(', b'2', b'1', rest @ ..] if rest.starts_with(b":protected-private-key(") => {
            |_| Some(Kind::GnuPg)
        }
        [b'(', b'1', b'1', rest @ ..] if rest.starts_with(b":private-key(") => {
            |_| Some(Kind::GnuPg)
        }
        [0x30, 0x20..=0xff, ..] => der::kind,
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => java::kind,
        [0x05, 0x02, ..] => |bytes| is_keytab(bytes).then_some(Kind::Keytab),
        [0x94..=0x96 | 0xc5, ..] => |bytes| pgp::is_secret(bytes).then_some(Kind::OpenPgp),
        _ if head.get(12..16) == Some(&WALLET_MAGIC) => {
            |bytes| is_wallet(bytes).then_some(Kind::Wallet)
        }
        [0, 0, 0, 1 | 2, 0, 0, 0, 20, ..] => |bytes| java::is_bouncy(bytes).then_some(Kind::Java),
        _ => return None,
    })
}

fn kind(bytes: &[u8]) -> Option<Kind> {
    look(bytes)?(bytes)
}

/// True for the first bytes of a file that may be a key store.
pub fn may_be(head: &[u8]) -> bool {
    look(head).is_some()
}

/// The line that stands for `bytes`; `None` where they are no key store.
pub fn describe(bytes: &[u8]) -> Option<String> {
    let kind = kind(bytes)?;
    let opens = match kind {
        Kind::Pkcs12 => der::opens(bytes),
        Kind::Java => java::opens(bytes),
        _ => false,
    };
    let open = if opens { " under a well-known password" } else { "" };
    let (name, size) = (kind.name(), bytes.len());
    let digest = super::hex(&Sha256::digest(bytes));
    Some(format!("keylint: {name}{open}, {size} bytes, sha256:{digest}\n"))
}

/// True where [`describe`] gives a line.
pub fn is_one(bytes: &[u8]) -> bool {
    kind(bytes).is_some()
}

/// True for a salt of 32 bytes and a sensible number of iterations, as Password Safe 3 writes them.
fn is_safe(rest: &[u8]) -> bool {
    let count = rest.get(32..36).and_then(|count| count.try_into().ok()).map(u32::from_le_bytes);
    count.is_some_and(|count| (1024..1 << 26).contains(&count))
}

/// True for a keytab of version 2 whose first entry is a key (MIT krb5, "The Kerberos keytab binary file format").
fn is_keytab(bytes: &[u8]) -> bool {
    let first = || {
        let mut at = Reader(bytes.get(2..)?);
        let mut entry = Reader(at.long()?);
        let parts = entry.u16()?;
        for _ in 0..=parts {
            let text = entry.short()?;
            text.iter().all(|byte| (b' '..=b'~').contains(byte)).then_some(())?;
        }
        // The kind of name, the time and the version of the key.
        entry.take(4 + 4 + 1)?;
        let (cipher, length) = (entry.u16()?, entry.u16()?);
        let is_key = matches!(length, 8 | 16 | 24 | 32) && entry.0.len() >= usize::from(length);
        Some((1..=8).contains(&parts) && (1..=26).contains(&cipher) && is_key)
    };
    first().unwrap_or(false)
}

/// Of the page of metadata of a B-tree in Berkeley DB.
const WALLET_MAGIC: [u8; 4] = [0x62, 0x31, 0x05, 0x00];

/// True for a B-tree of Berkeley DB with the records of a Bitcoin wallet.
fn is_wallet(bytes: &[u8]) -> bool {
    memmem::find(bytes, b"\x07keymeta").is_some()
        || memmem::find(bytes, b"\x0adefaultkey").is_some()
}

#[cfg(test)]
mod tests;
