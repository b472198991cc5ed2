//! What a repository consists of, without looking into it: where that is as it was, everything is.
//!
//! Git never changes a pack or an object; it adds files and takes them away. So names, sizes and times of packs,
//! the names of loose objects and what refs name tell whether a history is the one that was seen.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use crate::blob::ObjectId;
use crate::source::Ledger;
use crate::source::git::objects::{folders, loose_files};
use crate::source::git::refs::Refs;

/// Endings of the files of a pack folder that say what is there, or how it has to be read.
const PARTS: [&str; 3] = ["idx", "pack", "promisor"];

/// A digest of all that a repository consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State([u8; 32]);

impl State {
    /// The state of the object folder `objects` with ids of `hash` bytes, and of `refs` as [`of_refs`] has them.
    ///
    /// # Errors
    /// The I/O error where a pack cannot be asked: it is not known then what is there.
    pub(crate) fn of(objects: &Path, hash: usize, refs: &[u8; 32]) -> io::Result<Self> {
        let mut digest = Sha256::new();
        digest.update(refs);
        digest.update([u8::try_from(hash).unwrap_or(0)]);
        // An alternate that is not there is told of by who reads the objects.
        for folder in folders(objects, &Ledger::default()) {
            text(&mut digest, folder.as_os_str().as_encoded_bytes());
            packs(&mut digest, &folder.join("pack"))?;
            let mut loose: Vec<_> =
                loose_files(&folder, hash).into_iter().map(|(id, _)| id).collect();
            loose.sort_unstable();
            digest.update((loose.len() as u64).to_le_bytes());
            loose.iter().for_each(|id| digest.update(id.raw()));
        }
        Ok(Self(digest.finalize().into()))
    }

    /// As bytes.
    pub(crate) fn raw(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A digest of what `refs` name.
pub(crate) fn of_refs(refs: &Refs) -> [u8; 32] {
    let mut digest = Sha256::new();
    text(&mut digest, refs.head.as_ref().map_or(&[], ObjectId::raw));
    for (name, id) in &refs.named {
        text(&mut digest, name.as_bytes());
        digest.update(id.raw());
    }
    digest.finalize().into()
}

/// Adds `bytes` so that they cannot be mistaken for what stands beside them.
fn text(digest: &mut Sha256, bytes: &[u8]) {
    digest.update((bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

/// Adds the files of a pack folder.
fn packs(digest: &mut Sha256, folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|end| PARTS.iter().any(|part| end == *part)) {
            files.push(path);
        }
    }
    files.sort_unstable();
    digest.update((files.len() as u64).to_le_bytes());
    for path in files {
        text(digest, path.file_name().unwrap_or_default().as_encoded_bytes());
        let found = fs::metadata(&path)?;
        digest.update(found.len().to_le_bytes());
        let written = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        digest.update(written.as_nanos().to_le_bytes());
        digest.update(marks(&found));
    }
    Ok(())
}

/// What else changes with a file: times of files may be set.
#[cfg(unix)]
fn marks(found: &Metadata) -> [u8; 24] {
    use std::os::unix::fs::MetadataExt as _;
    let mut marks = [0; 24];
    marks[..8].copy_from_slice(&found.ino().to_le_bytes());
    marks[8..16].copy_from_slice(&found.ctime().to_le_bytes());
    marks[16..].copy_from_slice(&found.ctime_nsec().to_le_bytes());
    marks
}

#[cfg(not(unix))]
fn marks(found: &Metadata) -> [u8; 16] {
    let made = found.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    made.unwrap_or_default().as_nanos().to_le_bytes()
}
