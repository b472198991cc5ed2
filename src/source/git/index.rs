//! Reads git's index file: entries in path order, and the tree ids that git keeps with them.
//!
//! Own code, since libgit2 hides the tree ids, and with them a diff need not look at the folders
//! that nobody touched. Versions 2 to 4, sparse and split indexes; the format is that of git's
//! `gitformat-index` manual page.

use std::path::{Path, PathBuf};

use bstr::BString;

use crate::blob::ObjectId;
use crate::source::git::ewah;
use crate::source::git::pack::is_whole;
use crate::source::git::store::hash;

/// What an index says, or why it cannot be read.
type Read<T> = Result<T, Fault>;

/// Where the bytes end too early or make no sense.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) &'static str);

/// One path at one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path from the top of the work tree; a folder of a sparse index ends with `/`.
    pub(crate) path: BString,
    /// File mode as in trees.
    pub(crate) mode: u32,
    /// The blob, or the tree of a sparse folder.
    pub(crate) id: ObjectId,
    /// 0, or 1 to 3 for a path that is not merged yet.
    pub(crate) stage: u8,
    /// `git add --intent-to-add`: no content is staged.
    pub(crate) intent: bool,
}

/// The tree that a folder of the index stands for, where git knows it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CachedTree {
    /// Name in the folder above.
    pub(crate) name: BString,
    /// The tree; `None` where an entry below changed since it was written.
    pub(crate) id: Option<ObjectId>,
    /// Folders below.
    pub(crate) children: Vec<CachedTree>,
}

/// A whole index.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Sorted by path, then stage.
    pub(crate) entries: Vec<Entry>,
    /// The cached tree of the top, where there is one.
    pub(crate) tree: Option<CachedTree>,
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file cannot be read.
    #[error("{path}: the index cannot be read: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        error: std::io::Error,
    },
    /// It is no index, or damaged.
    #[error(
        "{path}: the index cannot be read: {what}; `rm` it and run `git reset` to make it anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

impl Index {
    /// The index of `repo`; an empty one where there is none.
    ///
    /// # Errors
    /// [`IndexError`].
    pub(in crate::source) fn of(repo: &git2::Repository) -> Result<Self, IndexError> {
        Self::read(&repo.path().join("index"), hash(repo))
    }

    /// True when there is an entry for `path` that is merged.
    pub(in crate::source) fn has(&self, path: &[u8]) -> bool {
        let at = self.entries.partition_point(|entry| entry.path.as_slice() < path);
        self.entries.get(at).is_some_and(|entry| entry.path == path && entry.stage == 0)
    }

    /// Reads `path`, ids of `hash` bytes. A repository without an index has an empty one.
    ///
    /// # Errors
    /// [`IndexError`].
    pub(crate) fn read(path: &Path, hash: usize) -> Result<Self, IndexError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| IndexError::Io { path, error }
        };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(io(path)(error)),
        };
        let damaged = |Fault(what)| IndexError::Damaged { path: path.to_owned(), what };
        let (index, link) = parse(&bytes, hash).map_err(damaged)?;
        let Some(link) = link else { return Ok(index) };
        // A split index: this file holds what changed against a shared one beside it.
        let shared = path.with_file_name(format!("sharedindex.{id}", id = link.shared));
        let bytes = std::fs::read(&shared).map_err(io(&shared))?;
        let (base, _) = parse(&bytes, hash).map_err(damaged)?;
        Ok(Self { entries: join(base.entries, index.entries, &link).map_err(damaged)?, ..index })
    }
}

/// The `link` extension of a split index.
struct Link {
    shared: ObjectId,
    deleted: Vec<bool>,
    replaced: Vec<bool>,
}

/// Bytes read from the front.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, n: usize) -> Read<&'b [u8]> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(Fault("it ends too early"))?;
        self.0 = rest;
        Ok(head)
    }

    fn number(&mut self, n: usize) -> Read<u32> {
        Ok(self.take(n)?.iter().fold(0, |all, &byte| all << 8 | u32::from(byte)))
    }

    fn id(&mut self, hash: usize) -> Read<ObjectId> {
        ObjectId::from_raw(self.take(hash)?).ok_or(Fault("it has ids of an unknown length"))
    }

    /// Up to `end`, which is dropped.
    fn until(&mut self, end: u8) -> Read<&'b [u8]> {
        let at = memchr::memchr(end, self.0).ok_or(Fault("it ends too early"))?;
        let text = self.take(at)?;
        self.take(1)?;
        Ok(text)
    }

    /// The offset encoding of packs, which version 4 uses for the length that two paths do not share.
    fn varint(&mut self) -> Read<usize> {
        let mut byte = self.number(1)?;
        let mut value = (byte & 0x7f) as usize;
        while byte & 0x80 != 0 {
            byte = self.number(1)?;
            let above = value
                .checked_add(1)
                .and_then(|above| above.checked_mul(128))
                .ok_or(Fault("a length is too large"))?;
            value = above | (byte & 0x7f) as usize;
        }
        Ok(value)
    }
}

fn parse(file: &[u8], hash: usize) -> Read<(Index, Option<Link>)> {
    let mut bytes = Bytes(file);
    if bytes.take(4)? != b"DIRC" {
        return Err(Fault("it does not begin like an index"));
    }
    let version = bytes.number(4)?;
    if !(2..=4).contains(&version) {
        return Err(Fault("its version is not one of 2, 3 and 4"));
    }
    let count = bytes.number(4)? as usize;
    // Git leaves it out where it is told to (index.skipHash). A flag that is damaged would hide an entry.
    let sum = &file[file.len().saturating_sub(hash)..];
    if sum.iter().any(|byte| *byte != 0) && !is_whole(file, hash) {
        return Err(Fault("it does not match its checksum"));
    }
    let mut index = Index::default();
    index.entries.reserve(count.min(file.len() / 62));
    let mut last = BString::default();
    for _ in 0..count {
        let entry = entry(&mut bytes, (version, hash), &last)?;
        if version == 4 {
            last = entry.path.clone();
        }
        index.entries.push(entry);
    }
    let mut link = None;
    while bytes.0.len() > hash {
        let (name, size) = (bytes.take(4)?, bytes.number(4)? as usize);
        let mut content = Bytes(bytes.take(size)?);
        match name {
            b"TREE" => index.tree = Some(cached(&mut content, hash, 0)?),
            b"link" => link = Some(read_link(&mut content, hash)?),
            // Sparse folders are entries like others.
            b"sdir" => {}
            // Names that begin with a capital may be left out.
            [b'A'..=b'Z', ..] => {}
            _ => return Err(Fault("it has an extension that keylint does not know")),
        }
    }
    Ok((index, link))
}

fn entry(bytes: &mut Bytes<'_>, (version, hash): (u32, usize), last: &BString) -> Read<Entry> {
    let before = bytes.0.len();
    bytes.take(24)?;
    let mode = bytes.number(4)?;
    bytes.take(12)?;
    let id = bytes.id(hash)?;
    let flags = bytes.number(2)?;
    let more = if flags & 0x4000 != 0 { bytes.number(2)? } else { 0 };
    let path = if version == 4 {
        let kept = last.len().checked_sub(bytes.varint()?);
        let kept = &last[..kept.ok_or(Fault("a path is shorter than what it drops"))?];
        [kept, bytes.until(0)?].concat()
    } else {
        let path = bytes.until(0)?;
        // One to eight NUL bytes fill the entry up to a multiple of eight.
        let len = before - bytes.0.len();
        bytes.take(len.next_multiple_of(8) - len)?;
        path.to_vec()
    };
    let stage = u8::try_from(flags >> 12 & 3).unwrap_or(0);
    Ok(Entry { path: path.into(), mode, id, stage, intent: more & 0x2000 != 0 })
}

/// Folders nest at most this deep, so that a damaged file cannot exhaust the stack.
const DEEPEST: usize = 4096;

fn cached(bytes: &mut Bytes<'_>, hash: usize, depth: usize) -> Read<CachedTree> {
    let number = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        text.ok_or(Fault("a cached tree has a count that is no number"))
    };
    if depth > DEEPEST {
        return Err(Fault("its cached trees nest too deep"));
    }
    let name = BString::from(bytes.until(0)?);
    let count = number(bytes.until(b' ')?)?;
    let below = number(bytes.until(b'\n')?)?;
    let id = if count >= 0 { Some(bytes.id(hash)?) } else { None };
    let mut tree = CachedTree { name, id, children: Vec::new() };
    for _ in 0..below {
        tree.children.push(cached(bytes, hash, depth + 1)?);
    }
    Ok(tree)
}

fn read_link(bytes: &mut Bytes<'_>, hash: usize) -> Read<Link> {
    let shared = bytes.id(hash)?;
    let mut bitmap = || -> Read<Vec<bool>> {
        if bytes.0.is_empty() {
            return Ok(Vec::new());
        }
        let (bits, rest) = ewah::read(bytes.0).ok_or(Fault("a bitmap is damaged"))?;
        bytes.0 = rest;
        Ok(bits)
    };
    Ok(Link { shared, deleted: bitmap()?, replaced: bitmap()? })
}

/// The entries of a split index: those of `base` that were neither deleted nor replaced, and `own`.
/// Replacements come first in `own` and have no path: it is that of the entry they replace.
fn join(base: Vec<Entry>, own: Vec<Entry>, link: &Link) -> Read<Vec<Entry>> {
    let set = |bits: &[bool], at: usize| bits.get(at).copied().unwrap_or(false);
    let mut own = own.into_iter();
    let mut all = Vec::with_capacity(base.len() + own.len());
    for (at, old) in base.into_iter().enumerate() {
        if set(&link.replaced, at) {
            let new = own.next().ok_or(Fault("a replaced entry is missing"))?;
            let path = if new.path.is_empty() { old.path } else { new.path.clone() };
            if !set(&link.deleted, at) {
                all.push(Entry { path, ..new });
            }
        } else if !set(&link.deleted, at) {
            all.push(old);
        }
    }
    all.extend(own);
    all.sort_by(|a, b| (&a.path, a.stage).cmp(&(&b.path, b.stage)));
    Ok(all)
}
