//! Single objects of a repository, for sources that need few of them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use git2::Repository;

use crate::blob::ObjectId;
use crate::source::Ledger;
use crate::source::git::loose::Loose;
use crate::source::git::objects::folders;
use crate::source::git::pack::{Kind, LARGEST};
use crate::source::git::packs::Packs;

/// Why an object cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("object {id}: {message}")]
pub struct ReadError {
    /// The object.
    pub id: ObjectId,
    /// What is wrong, and what helps.
    pub message: String,
}

impl ReadError {
    fn damaged(id: ObjectId, error: &io::Error) -> Self {
        Self { id, message: format!("cannot be read: {error}; check it with `git fsck`") }
    }

    fn absent(id: ObjectId) -> Self {
        let message = "cannot be read: it is not in this clone; in a partial clone \
                       `git fetch --refetch --no-filter` brings it";
        Self { id, message: message.to_owned() }
    }
}

/// An object that was read.
pub(crate) struct Object {
    kind: Kind,
    bytes: Arc<Vec<u8>>,
}

impl Object {
    /// Its content.
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes
    }

    /// Its content.
    pub(crate) fn into_data(self) -> Vec<u8> {
        Arc::unwrap_or_clone(self.bytes)
    }

    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

/// What a short id stands for.
pub(crate) enum Short {
    /// One object.
    One(ObjectId),
    /// None that is here.
    Nothing,
    /// Several.
    Several,
}

/// The object database. May be shared by threads.
pub(crate) struct Store {
    hash: usize,
    loose: Loose,
    packs: Packs,
    /// Objects above this size are not read.
    most: AtomicU64,
}

impl Store {
    /// The objects of `repo` and those in the folders `aside`, with their alternates.
    pub(crate) fn open(repo: &Repository, aside: Vec<PathBuf>) -> Self {
        let (own, hash) = (repo.commondir().join("objects"), hash(repo));
        // An alternate that is not there is reported where its objects are looked for.
        let mut all: Vec<PathBuf> = Vec::new();
        let places = std::iter::once(own).chain(aside);
        for folder in places.flat_map(|place| folders(&place, &Ledger::default())) {
            if !all.contains(&folder) {
                all.push(folder);
            }
        }
        let (loose, packs) = (Loose::new(all.clone(), hash), Packs::new(all, hash));
        Self { hash, loose, packs, most: AtomicU64::new(LARGEST) }
    }

    /// Lets objects of up to `most` bytes be read, if those that always may be are smaller.
    pub(crate) fn raise(&self, most: u64) {
        self.most.fetch_max(most, Ordering::Relaxed);
    }

    /// The size up to which objects are read.
    pub(crate) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Length of an id in bytes.
    pub(crate) fn hash(&self) -> usize {
        self.hash
    }

    /// The loose ones.
    pub(crate) fn loose(&self) -> &Loose {
        &self.loose
    }

    /// Reads an object.
    ///
    /// # Errors
    /// [`ReadError`], also for what is too large to be held.
    pub(crate) fn read(&self, id: ObjectId) -> Result<Object, ReadError> {
        let most = self.most();
        let loose = || {
            let found = self.loose.read(id, most)?;
            Ok(found.map(|(kind, bytes)| (kind, Arc::new(bytes))))
        };
        let found = self.either(id, loose, || self.packs.read(id, most))?;
        let (kind, bytes) = found.ok_or_else(|| ReadError::absent(id))?;
        Ok(Object { kind, bytes })
    }

    /// The size of an object, which is not read for that.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn size(&self, id: ObjectId) -> Result<u64, ReadError> {
        let found = self.either(id, || self.loose.size(id), || self.packs.size(id))?;
        found.ok_or_else(|| ReadError::absent(id))
    }

    /// What an object is, which is not read for that; `None` where it is not here.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn kind(&self, id: ObjectId) -> Result<Option<Kind>, ReadError> {
        self.either(id, || self.loose.kind(id), || self.packs.kind(id))
    }

    /// What one of the two says of `id`. A loose object that git has just packed is in both.
    fn either<T>(
        &self,
        id: ObjectId,
        loose: impl Fn() -> io::Result<Option<T>>,
        packed: impl Fn() -> io::Result<Option<T>>,
    ) -> Result<Option<T>, ReadError> {
        let damaged = |error: io::Error| ReadError::damaged(id, &error);
        match loose() {
            Ok(None) => packed().map_err(damaged),
            Ok(found) => Ok(found),
            Err(error) => match packed() {
                Ok(Some(found)) => Ok(Some(found)),
                _ => Err(damaged(error)),
            },
        }
    }

    /// The object whose id begins with the hex digits `prefix`, four at least.
    pub(crate) fn short(&self, prefix: &str) -> Short {
        let mut found = Vec::new();
        self.loose.with_prefix(prefix, &mut found);
        self.packs.with_prefix(prefix, &mut found);
        found.sort_unstable();
        found.dedup();
        match found[..] {
            [] => Short::Nothing,
            [id] => Short::One(id),
            _ => Short::Several,
        }
    }
}

/// Length of the ids of `repo` in bytes.
pub(crate) fn hash(repo: &Repository) -> usize {
    match repo.object_format() {
        git2::ObjectFormat::Sha256 => 32,
        _ => 20,
    }
}
