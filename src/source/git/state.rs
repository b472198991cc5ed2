//! What a repository consists of, without looking into it: where that is as it was, everything is.
//!
//! Git never changes a pack or an object; it adds files and takes them away. So names, sizes and times of packs,
//! the names of loose objects and what refs name tell whether a history is the one that was seen.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bstr::ByteSlice as _;
use sha2::{Digest as _, Sha256};

use crate::blob::ObjectId;
use crate::source::Ledger;
use crate::source::git::coding::{In, Out};
use crate::source::git::objects::{folders, loose_files};
use crate::source::git::refs::Refs;

/// Endings of the files of a pack folder that say what is there, or how it has to be read.
const PARTS: [&str; 3] = ["idx", "pack", "promisor"];

/// What the object folders have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    folders: Vec<Vec<u8>>,
    /// The files of packs, each with what changes when it does, sorted.
    files: Vec<(Vec<u8>, Vec<u8>)>,
    /// The loose objects, sorted.
    loose: Vec<ObjectId>,
}

impl Contents {
    /// What the object folder `objects` and its alternates have, with ids of `hash` bytes.
    ///
    /// # Errors
    /// The I/O error where a pack cannot be asked: it is not known then what is there.
    pub(crate) fn of(objects: &Path, hash: usize) -> io::Result<Self> {
        let mut contents = Self::default();
        // An alternate that is not there is told of by who reads the objects.
        for folder in folders(objects, &Ledger::default()) {
            contents.folders.push(folder.as_os_str().as_encoded_bytes().to_vec());
            contents.files.append(&mut packs(&folder.join("pack"))?);
            contents.loose.extend(loose_files(&folder, hash).into_iter().map(|(id, _)| id));
        }
        contents.files.sort_unstable();
        contents.loose.sort_unstable();
        contents.loose.dedup();
        Ok(contents)
    }

    /// The same where a repository with the refs `refs` is still in `state`.
    ///
    /// # Errors
    /// As [`Contents::of`].
    pub(crate) fn still(
        (objects, hash): (&Path, usize),
        (state, refs): (&State, &[u8; 32]),
    ) -> io::Result<Option<Self>> {
        let now = Self::of(objects, hash)?;
        Ok(Some(now).filter(|now| State::of(now, hash, refs) == *state))
    }

    /// True when all of `old` is as it was, beside what may have come.
    pub(crate) fn has_grown_from(&self, old: &Self) -> bool {
        let same = |file: &(Vec<u8>, Vec<u8>)| self.files.binary_search(file).is_ok();
        self.folders == old.folders
            && old.files.iter().all(same)
            && old.loose.iter().all(|id| self.has_loose(id))
    }

    /// True when the file of a pack is one of its.
    pub(crate) fn has_file(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_encoded_bytes();
        self.files.binary_search_by(|(file, _)| file[..].cmp(path)).is_ok()
    }

    /// The indices of packs.
    pub(crate) fn indices(&self) -> impl Iterator<Item = PathBuf> {
        let paths = self.files.iter().map(|(path, _)| path);
        paths
            .filter(|path| path.ends_with(b".idx"))
            .filter_map(|path| path.to_path().ok())
            .map(Path::to_owned)
    }

    /// True when the loose object is one of its.
    pub(crate) fn has_loose(&self, id: &ObjectId) -> bool {
        self.loose.binary_search(id).is_ok()
    }

    /// How many loose objects are not among those of `old`.
    pub(crate) fn loose_beside(&self, old: &Self) -> usize {
        self.loose.iter().filter(|id| !old.has_loose(id)).count()
    }

    /// Adds it to `out`.
    pub(crate) fn encode(&self, out: &mut Out) {
        out.length(self.folders.len() as u64);
        self.folders.iter().for_each(|folder| out.bytes(folder));
        out.length(self.files.len() as u64);
        for (path, marks) in &self.files {
            out.bytes(path);
            out.bytes(marks);
        }
        out.ids(self.loose.iter());
    }

    /// Reads what [`Contents::encode`] made.
    pub(crate) fn decode(rest: &mut In<'_>) -> Option<Self> {
        let folders = rest.list(|rest| rest.bytes().map(<[u8]>::to_vec))?;
        let files = rest.list(|rest| Some((rest.bytes()?.to_vec(), rest.bytes()?.to_vec())))?;
        Some(Self { folders, files, loose: rest.ids()? })
    }
}

/// A digest of all that a repository consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State([u8; 32]);

impl State {
    /// Bytes of one.
    pub(crate) const LEN: usize = 32;

    /// The state of a repository with those `contents` of its object folders, ids of `hash` bytes, and `refs` as
    /// [`of_refs`] has them.
    pub(crate) fn of(contents: &Contents, hash: usize, refs: &[u8; 32]) -> Self {
        let (mut digest, mut out) = (Sha256::new(), Out::default());
        digest.update(refs);
        digest.update([u8::try_from(hash).unwrap_or(0)]);
        contents.encode(&mut out);
        digest.update(&out.0);
        Self(digest.finalize().into())
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

/// The files of a pack folder, each with what changes when it does.
fn packs(folder: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|end| PARTS.iter().any(|part| end == *part)) {
            let found = fs::metadata(&path)?;
            let written = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let (len, written) = (found.len().to_le_bytes(), written.as_nanos().to_le_bytes());
            let marks = [&len[..], &written[..], &marks(&found)[..]].concat();
            files.push((path.as_os_str().as_encoded_bytes().to_vec(), marks));
        }
    }
    Ok(files)
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
