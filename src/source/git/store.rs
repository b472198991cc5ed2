//! Single objects of an open repository, for sources that need few of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use git2::{ErrorCode, Odb, OdbObject, Oid, Repository};

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
    pub(crate) fn read(&self, id: ObjectId) -> Result<OdbObject<'_>, ReadError> {
        let oid = Oid::from_bytes(id.raw());
        let read = |oid| self.loose.check(oid).and_then(|()| self.odb.read(oid));
        oid.and_then(read).map_err(|error| {
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
        let header = |oid| {
            self.loose.check(oid)?;
            // git2 panics on a damaged pack where libgit2 finds no kind.
            let read = AssertUnwindSafe(|| self.odb.read_header(oid));
            catch_unwind(read).unwrap_or_else(|_| Err(git2::Error::from_str("it has no kind")))
        };
        match Oid::from_bytes(id.raw()).and_then(header) {
            Ok((size, _)) => Ok(size as u64),
            // For the words and the help.
            Err(_) => self.read(id).map(|object| object.len() as u64),
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
