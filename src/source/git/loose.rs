//! Loose objects, which libgit2 must not be given: it goes on for ever over one whose data is damaged, and
//! keeps 20 kB for each. So they are read here; before libgit2 looks something up they are looked at first.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::ByteSlice as _;
use flate2::bufread::ZlibDecoder;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::blob::ObjectId;
use crate::disk;
use crate::source::git::objects::{loose_files, of_folder};
use crate::source::git::pack::{DENSEST, Kind, bad, held};
use crate::source::git::packs::Packs;

/// Longest header: a kind, a space, twenty digits and a NUL, with room to spare.
const HEADER: u64 = 32;

/// The folders with the loose objects of a repository.
pub(crate) struct Loose {
    folders: Vec<PathBuf>,
    hash: usize,
}

impl Loose {
    /// Those in `folders`, with ids of `hash` bytes.
    pub(crate) fn new(folders: Vec<PathBuf>, hash: usize) -> Self {
        Self { folders, hash }
    }

    /// Kind and content of the object `id`, where it is loose; `most` bytes at most.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` for what is damaged or too large.
    pub(crate) fn read(&self, id: ObjectId, most: u64) -> io::Result<Option<(Kind, Vec<u8>)>> {
        self.ask(id, |path| whole(path, id, most))
    }

    /// The size that the object `id` states, where it is loose.
    ///
    /// # Errors
    /// As [`Loose::read`].
    pub(crate) fn size(&self, id: ObjectId) -> io::Result<Option<u64>> {
        self.ask(id, |path| Ok(Opened::open(path)?.size))
    }

    /// What the object `id` is, where it is loose.
    ///
    /// # Errors
    /// As [`Loose::read`].
    pub(crate) fn kind(&self, id: ObjectId) -> io::Result<Option<Kind>> {
        let kind =
            |path: &Path| Kind::of(&Opened::open(path)?.kind).ok_or_else(|| bad("broken header"));
        self.ask(id, kind)
    }

    /// Asks the first file of the object `id`.
    fn ask<T>(
        &self,
        id: ObjectId,
        answer: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let hex = id.to_string();
        for folder in &self.folders {
            match answer(&folder.join(&hex[..2]).join(&hex[2..])) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(damaged(&hex, &error)),
                Ok(found) => return Ok(Some(found)),
            }
        }
        Ok(None)
    }

    /// Adds the ids of objects that begin with the hex digits `prefix`, two at least, to `found`.
    pub(crate) fn with_prefix(&self, prefix: &str, found: &mut Vec<ObjectId>) {
        let all = self.folders.iter().flat_map(|folder| of_folder(folder, &prefix[..2], self.hash));
        found.extend(all.map(|(id, _)| id).filter(|id| id.to_string().starts_with(prefix)));
    }

    /// Refuses a repository with a damaged loose object that is no blob, or cannot be told from one: libgit2,
    /// which looks up what we do not, would read it.
    ///
    /// # Errors
    /// As [`Loose::read`].
    pub(crate) fn check_graph(&self) -> io::Result<()> {
        for folder in &self.folders {
            for (id, path) in loose_files(folder, self.hash) {
                sound(&path).map_err(|error| damaged(&id.to_string(), &error))?;
            }
        }
        Ok(())
    }
}

/// What of an object is wanted.
pub(super) enum Content {
    /// Nothing: it is of another kind.
    OfOtherKind,
    /// Nothing: it has so many bytes.
    TooLarge(u64),
    Bytes(Vec<u8>),
}

/// Reads the object `id` at `path` if it is of `kind` and has at most `most` bytes; from one of `packs`, where git
/// has packed it in the meantime. Gives what it is, too, where that can be told.
///
/// # Errors
/// The I/O error, or `InvalidData` for what is damaged.
pub(super) fn read(
    (id, path): (ObjectId, &Path),
    (kind, most): (Kind, u64),
    packs: &Packs,
) -> (Option<Kind>, io::Result<Content>) {
    let object = match Opened::open(path) {
        Ok(object) => object,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let found = packs.kind(id).ok().flatten();
            return (found, found.map_or(Err(error), |_| packed(id, (found, kind, most), packs)));
        }
        Err(error) => return (None, Err(error)),
    };
    let found = Kind::of(&object.kind);
    let content = match object.size {
        _ if found != Some(kind) => Ok(Content::OfOtherKind),
        size if size > most => Ok(Content::TooLarge(size)),
        _ => {
            let mut bytes = Vec::new();
            object.inflate(&mut bytes).map(|()| Content::Bytes(bytes))
        }
    };
    (found, content)
}

/// Reads an object of the kind `found` out of `packs`.
fn packed(
    id: ObjectId,
    (found, kind, most): (Option<Kind>, Kind, u64),
    packs: &Packs,
) -> io::Result<Content> {
    match packs.size(id)? {
        _ if found != Some(kind) => Ok(Content::OfOtherKind),
        Some(size) if size > most => Ok(Content::TooLarge(size)),
        _ => match packs.read(id, most)? {
            Some((_, bytes)) => Ok(Content::Bytes(Arc::unwrap_or_clone(bytes))),
            None => Err(io::ErrorKind::NotFound.into()),
        },
    }
}

fn damaged(id: &str, error: &io::Error) -> io::Error {
    bad(format!("loose object {id} is damaged: {error}"))
}

/// Inflates the object at `path` to its end, unless it is a blob.
fn sound(path: &Path) -> io::Result<()> {
    let object = Opened::open(path)?;
    match object.kind == b"blob" {
        true => Ok(()),
        false => object.inflate(&mut io::sink()),
    }
}

/// Reads the object at `path`, which is to be `id`.
fn whole(path: &Path, id: ObjectId, most: u64) -> io::Result<(Kind, Vec<u8>)> {
    let object = Opened::open(path)?;
    held(object.size, most)?;
    let kind = Kind::of(&object.kind).ok_or_else(|| bad("broken header"))?;
    let mut bytes = Vec::new();
    object.inflate(&mut bytes)?;
    match is_named(id, kind, &bytes) {
        true => Ok((kind, bytes)),
        false => Err(bad("it is not what its name says")),
    }
}

/// A loose object of which the header was read.
pub(super) struct Opened {
    /// `blob`, `tree`, `commit` or `tag`.
    pub(super) kind: Vec<u8>,
    /// Bytes of its content, as it says.
    pub(super) size: u64,
    /// Content that was read with the header.
    start: Vec<u8>,
    reader: ZlibDecoder<BufReader<File>>,
}

impl Opened {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` where there is no header.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = disk::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(bad("it is no regular file"));
        }
        let packed = meta.len();
        let mut reader = ZlibDecoder::new(BufReader::new(file));
        let mut head = Vec::new();
        reader.by_ref().take(HEADER).read_to_end(&mut head)?;
        let nul = head.find_byte(0).ok_or_else(|| bad("broken header"))?;
        let start = head.split_off(nul + 1);
        head.truncate(nul);
        let (kind, digits) = head.split_once_str(" ").ok_or_else(|| bad("broken header"))?;
        let size = digits.to_str().ok().and_then(|digits| digits.parse().ok());
        let size: u64 = size.ok_or_else(|| bad("broken header"))?;
        if size / DENSEST > packed {
            return Err(bad("it claims a size that its data cannot have"));
        }
        Ok(Self { kind: kind.to_vec(), size, start, reader })
    }

    /// Writes the content to `out`.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` where the size is a lie.
    pub(super) fn inflate(self, out: &mut dyn io::Write) -> io::Result<()> {
        let start = self.start.len() as u64;
        out.write_all(&self.start)?;
        // One byte more than stated is enough to see that the size is a lie.
        let left = self.size.saturating_add(1).saturating_sub(start);
        match start + io::copy(&mut self.reader.take(left), out)? == self.size {
            true => Ok(()),
            false => Err(bad("it inflates to another size than it states")),
        }
    }
}

/// True when `id` is the id of an object of `kind` with the content `bytes`.
pub(super) fn is_named(id: ObjectId, kind: Kind, bytes: &[u8]) -> bool {
    let head = [kind.name(), b" ", bytes.len().to_string().as_bytes(), b"\0"].concat();
    match id.raw().len() {
        20 => Sha1::new().chain_update(&head).chain_update(bytes).finalize()[..] == *id.raw(),
        _ => Sha256::new().chain_update(&head).chain_update(bytes).finalize()[..] == *id.raw(),
    }
}
