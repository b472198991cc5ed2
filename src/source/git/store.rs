//! Single objects of an open repository, for sources that need few of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use git2::{ErrorCode, ObjectType, Odb, OdbObject, Oid, Repository};

use crate::blob::ObjectId;
use crate::source::git::loose::Loose;

/// Why an object cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("object {id}: {message}")]
pub struct ReadError {
    /// The object.
    pub id: ObjectId,
    /// libgit2's words, and what helps.
    pub message: String,
}

/// An object that was read.
pub(crate) enum Object<'s> {
    /// From a pack, by libgit2.
    Packed(OdbObject<'s>),
    /// A loose one.
    Loose(ObjectType, Vec<u8>),
}

impl Object<'_> {
    /// Its content.
    pub(crate) fn data(&self) -> &[u8] {
        match self {
            Self::Packed(object) => object.data(),
            Self::Loose(_, bytes) => bytes,
        }
    }

    /// What it is.
    pub(crate) fn kind(&self) -> ObjectType {
        match self {
            Self::Packed(object) => object.kind(),
            Self::Loose(kind, _) => *kind,
        }
    }
}

/// The object database. May be shared by threads.
pub(crate) struct Store<'r> {
    odb: Odb<'r>,
    hash: usize,
    loose: Loose,
}

impl<'r> Store<'r> {
    /// The objects of `repo`.
    ///
    /// # Errors
    /// libgit2's, when the object folder cannot be opened.
    pub(crate) fn open(repo: &'r Repository) -> Result<Self, git2::Error> {
        Ok(Self { odb: repo.odb()?, hash: hash(repo), loose: Loose::of(repo) })
    }

    /// Length of an id in bytes.
    pub(crate) fn hash(&self) -> usize {
        self.hash
    }

    /// Reads an object.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn read(&self, id: ObjectId) -> Result<Object<'_>, ReadError> {
        let packed = || Oid::from_bytes(id.raw()).and_then(|oid| self.odb.read(oid));
        let read = match self.loose.read(id) {
            Ok(Some((kind, bytes))) => Ok(Object::Loose(kind, bytes)),
            Ok(None) => packed().map(Object::Packed),
            Err(error) => Err(error),
        };
        read.map_err(|error| {
            let help = match error.code() {
                ErrorCode::NotFound => {
                    "it is not in this clone; in a partial clone \
                     `git fetch --refetch --no-filter` brings it"
                }
                _ => "check it with `git fsck`",
            };
            let message = format!("cannot be read: {text}; {help}", text = error.message());
            ReadError { id, message }
        })
    }

    /// The size of an object, without reading it where the database can tell.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn size(&self, id: ObjectId) -> Result<u64, ReadError> {
        if let Ok(Some((_, bytes))) = self.loose.read(id) {
            return Ok(bytes.len() as u64);
        }
        let header = |oid| {
            // git2 panics on a damaged pack where libgit2 finds no kind.
            let read = AssertUnwindSafe(|| self.odb.read_header(oid));
            catch_unwind(read).unwrap_or_else(|_| Err(git2::Error::from_str("it has no kind")))
        };
        match Oid::from_bytes(id.raw()).and_then(header) {
            Ok((size, _)) => Ok(size as u64),
            // For the words and the help.
            Err(_) => self.read(id).map(|object| object.data().len() as u64),
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
