//! What an earlier scan leaves of the objects, so that they are not read again.

use std::io;
use std::path::Path;

use crate::blob::ObjectId;
use crate::source::git::packindex::Index;
use crate::source::git::snapshot::{Snapshot, What};
use crate::source::git::state::Contents;

/// What an earlier scan knows of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    New,
    /// All that is wanted of it.
    Known,
    /// That it is a blob to be looked at again.
    Again,
}

/// What an earlier scan leaves.
#[derive(Clone, Copy)]
pub(crate) enum Earlier<'e> {
    /// Nothing.
    Nothing,
    /// Objects, of which blobs are not visited again but for those of interest.
    Objects(&'e Snapshot),
    /// Files, of which nothing is opened again.
    Files(&'e Files<'e>),
}

/// Packs and loose objects of an earlier scan.
pub(crate) struct Files<'c> {
    contents: &'c Contents,
    indices: Vec<Index>,
}

impl Earlier<'_> {
    /// What there is of an earlier scan.
    pub(crate) fn of(old: Option<&Snapshot>) -> Earlier<'_> {
        old.map_or(Earlier::Nothing, Earlier::Objects)
    }

    /// True for the index of a pack that is not opened again.
    pub(super) fn has_file(&self, index: &Path) -> bool {
        matches!(self, Self::Files(files) if files.contents.has_file(index))
    }

    /// True for a loose object that is not looked at again.
    pub(super) fn has_loose(&self, id: &ObjectId) -> bool {
        matches!(self, Self::Files(files) if files.contents.has_loose(id))
    }

    /// What is known of `count` objects with these ids, if anything is.
    pub(super) fn seen<'i>(
        &self,
        ids: impl Iterator<Item = &'i [u8]>,
        count: usize,
    ) -> io::Result<Option<Vec<Before>>> {
        match self {
            Self::Nothing => Ok(None),
            Self::Objects(old) => Ok(Some(seen(old, ids, count))),
            Self::Files(files) => {
                let known = |id| Ok(if files.has(id)? { Before::Known } else { Before::New });
                ids.map(known).collect::<io::Result<_>>().map(Some)
            }
        }
    }
}

impl<'c> Files<'c> {
    /// The files in `contents`, ids of `hash` bytes.
    ///
    /// # Errors
    /// The I/O error.
    pub(crate) fn open(contents: &'c Contents, hash: usize) -> io::Result<Self> {
        let indices = contents.indices().map(|path| Index::open(&path, hash));
        Ok(Self { contents, indices: indices.collect::<io::Result<_>>()? })
    }

    /// How many objects there are besides in `now`, ids of `hash` bytes.
    ///
    /// # Errors
    /// The I/O error.
    pub(crate) fn came(&self, now: &Contents, hash: usize) -> io::Result<usize> {
        let new = now.indices().filter(|index| !self.contents.has_file(index));
        let packed = new.map(|index| Ok(Index::open(&index, hash)?.count));
        Ok(packed.sum::<io::Result<usize>>()? + now.loose_beside(self.contents))
    }

    /// True when an object is in one of them.
    ///
    /// # Errors
    /// The I/O error.
    pub(crate) fn has(&self, id: &[u8]) -> io::Result<bool> {
        if ObjectId::from_raw(id).is_some_and(|id| self.contents.has_loose(&id)) {
            return Ok(true);
        }
        for index in &self.indices {
            if index.find(id)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What `old` knows of `count` objects with these ids.
fn seen<'i>(old: &Snapshot, ids: impl Iterator<Item = &'i [u8]>, count: usize) -> Vec<Before> {
    let mut before = vec![Before::New; count];
    old.meet(ids, |nth, at| {
        before[nth] = match old.what[at] {
            // What a note says is all that is wanted.
            What::Interest if !old.has_note(at) => Before::Again,
            _ => Before::Known,
        };
    });
    before
}
