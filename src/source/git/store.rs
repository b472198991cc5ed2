//! Single objects of an open repository, for sources that need few of them.

use git2::{ErrorCode, Odb, OdbObject, Oid, Repository};

use crate::blob::ObjectId;

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
}

impl<'r> Store<'r> {
    /// The objects of `repo`.
    ///
    /// # Errors
    /// libgit2's, when the object folder cannot be opened.
    pub(crate) fn open(repo: &'r Repository) -> Result<Self, git2::Error> {
        Ok(Self { odb: repo.odb()?, hash: hash(repo) })
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
        oid.and_then(|oid| self.odb.read(oid)).map_err(|error| {
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
        let size = Oid::from_bytes(id.raw()).and_then(|oid| self.odb.read_header(oid));
        match size {
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
