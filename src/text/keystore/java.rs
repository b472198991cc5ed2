//! Key stores of Java: JKS and JCEKS of the JDK, BKS of Bouncy Castle. All list their entries in clear, so that a store of
//! certificates alone is told from one with keys.

use sha1::{Digest as _, Sha1};

use super::password::{KNOWN, wide};
use super::reader::Reader;
use super::{DEBUG_ALIAS, Kind};

/// What a store has.
#[derive(Default)]
struct Entries {
    keys: usize,
    debug: bool,
}

/// The kind of a JKS or JCEKS store; `None` without a key in it.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    let entries = entries(bytes)?;
    match entries {
        Entries { keys: 0, .. } => None,
        Entries { debug: true, keys: 1 } => Some(Kind::AndroidDebug),
        _ => Some(Kind::Java),
    }
}

/// The entries of a store as the JDK writes it (`sun.security.provider.JavaKeyStore`).
fn entries(bytes: &[u8]) -> Option<Entries> {
    let mut at = Reader(bytes.get(4..)?);
    let (version, count) = (at.u32()?, at.u32()?);
    let mut found = Entries::default();
    if !(1..=2).contains(&version) {
        return None;
    }
    for _ in 0..count {
        let tag = at.u32()?;
        let alias = at.short()?;
        at.take(8)?;
        match tag {
            1 => {
                found.keys += 1;
                found.debug |= alias == DEBUG_ALIAS.as_bytes();
                at.long()?;
                for _ in 0..at.u32()? {
                    certificate(&mut at, version)?;
                }
            }
            2 => certificate(&mut at, version)?,
            // A secret key is a Java object, whose end only Java finds.
            3 => return Some(Entries { keys: found.keys + 1, debug: false }),
            _ => return None,
        }
    }
    Some(found)
}

fn certificate(at: &mut Reader<'_>, version: u32) -> Option<()> {
    if version == 2 {
        at.short()?;
    }
    at.long().map(drop)
}

/// True where a password that everybody knows is that of the store: its sum is over the password, three words and the content.
pub(super) fn opens(bytes: &[u8]) -> bool {
    let Some((content, sum)) = bytes.split_last_chunk::<20>() else { return false };
    let fits = |password: &&str| {
        let hash = Sha1::new().chain_update(wide(password)).chain_update(b"Mighty Aphrodite");
        hash.chain_update(content).finalize()[..] == *sum
    };
    KNOWN.iter().any(fits)
}

/// True for a BKS store with a key in it (`org.bouncycastle.jcajce.provider.keystore.bc.BcKeyStoreSpi`).
pub(super) fn is_bouncy(bytes: &[u8]) -> bool {
    let has_key = || {
        let mut at = Reader(bytes);
        at.u32()?;
        at.long()?;
        // Iterations of the password's hash.
        (1..1 << 20).contains(&at.u32()?).then_some(())?;
        loop {
            match at.u8()? {
                1 => {}
                2..=4 => return at.short().map(|alias| !alias.is_empty()),
                _ => return None,
            }
            at.short()?;
            at.take(8)?;
            for _ in 0..=at.u32()? {
                certificate(&mut at, 2)?;
            }
        }
    };
    has_key().unwrap_or(false)
}
