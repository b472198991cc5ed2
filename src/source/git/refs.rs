//! Refs as files: loose ones, packed ones, HEAD of every worktree, the reflog of the stash.
//!
//! libgit2 passes over a loose ref that it cannot read and gives up on all refs where one line is broken; a
//! history without the ref would be "clean". Here each one that cannot be read is a problem of its own.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice as _};
use git2::Repository;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::{ObjectId, path_name};
use crate::disk;
use crate::source::Ledger;
use crate::source::git::objects::parse_hex;
use crate::source::git::store;
use crate::source::ignore_files::{MOST_STEPS, is_special};

/// More bytes are no ref.
const LONGEST: u64 = 4096;

/// What the refs of a repository name.
#[derive(Debug, Default)]
pub(crate) struct Refs {
    /// Names and objects, sorted.
    pub(crate) named: Vec<(String, ObjectId)>,
    /// The object at HEAD.
    pub(crate) head: Option<ObjectId>,
}

/// What a ref's file says.
enum Value {
    Id(ObjectId),
    /// The name of another ref.
    Symbolic(BString),
}

/// Where a symbolic ref leads.
enum End {
    Id(ObjectId),
    /// To a ref that is not there: a branch without a commit.
    Nothing,
}

/// A ref or worktree, and where it is.
type Named = (String, PathBuf);
/// A folder that cannot be listed.
type Unread = (PathBuf, io::Error);

struct Reader<'r> {
    common: &'r Path,
    hash: usize,
    ledger: &'r Ledger,
    packed: FxHashMap<BString, ObjectId>,
    named: Vec<(String, ObjectId)>,
}

impl Refs {
    /// Reads all refs of `repo`. What cannot be read goes to `ledger`.
    pub(crate) fn read(repo: &Repository, ledger: &Ledger) -> Self {
        let (common, hash) = (repo.commondir(), store::hash(repo));
        let packed = FxHashMap::default();
        let mut reader = Reader { common, hash, ledger, packed, named: Vec::new() };
        reader.packed();
        reader.loose(common, "");
        let head = reader.head(repo.path(), "HEAD");
        if repo.path() != common {
            reader.head(common, "main-worktree/HEAD");
        }
        for (name, folder) in worktrees(common) {
            reader.head(&folder, &format!("worktrees/{name}/HEAD"));
            reader.loose(&folder, &format!("worktrees/{name}/"));
        }
        reader.stashes();
        let packed = std::mem::take(&mut reader.packed);
        reader.named.extend(packed.into_iter().map(|(name, id)| (name.to_string(), id)));
        reader.named.sort();
        Self { named: reader.named, head }
    }
}

impl Reader<'_> {
    fn lost(&self, name: String, why: &str) {
        let text = format!("{why}; its history may be missing; run `git fsck`");
        self.ledger.problem(name, text);
    }

    /// The file `name` of the git folder; nothing where it is not there or cannot be read.
    fn file(&self, name: &str) -> Vec<u8> {
        match disk::read(&self.common.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.lost(name.to_owned(), &error.to_string());
                Vec::new()
            }
            read => read.unwrap_or_default(),
        }
    }

    /// Reads `packed-refs`.
    fn packed(&mut self) {
        let bytes = self.file("packed-refs");
        let mut broken = Vec::new();
        for (line, nth) in bytes.lines().zip(1_usize..) {
            // What a tag leads to stands below it.
            let is_peeled = line.strip_prefix(b"^").is_some_and(|id| self.id(id).is_some());
            if line.is_empty() || line[0] == b'#' || is_peeled {
                continue;
            }
            match line.split_once_str(" ").map(|(id, name)| (self.id(id), name)) {
                Some((Some(id), name)) if !name.is_empty() => {
                    self.packed.insert(name.into(), id);
                }
                _ => broken.push(nth),
            }
        }
        if let Some(first) = broken.first() {
            let count = broken.len();
            let why = format!("{count} of its lines are no refs, the first one is line {first}");
            self.lost("packed-refs".to_owned(), &why);
        }
    }

    /// Reads the loose refs of `folder`, which is put as `prefix` before their names.
    fn loose(&mut self, folder: &Path, prefix: &str) {
        let (files, unread) = files(folder);
        for (path, error) in unread {
            self.lost(path_name(&path), &error.to_string());
        }
        for (name, path) in files {
            let shown = format!("{prefix}{name}");
            let end = match self.value(&path) {
                Ok(Value::Id(id)) => Ok(End::Id(id)),
                // Those that lead to refs of this folder are read for themselves.
                Ok(Value::Symbolic(target)) => {
                    let inside = target.starts_with(b"refs/");
                    let end = self.follow(folder, target);
                    end.map(|end| if inside { End::Nothing } else { end })
                }
                Err(error) => Err(error),
            };
            match end {
                Ok(End::Id(id)) => {
                    self.packed.remove(shown.as_bytes().as_bstr());
                    self.named.push((shown, id));
                }
                Ok(End::Nothing) => {}
                Err(error) => self.lost(shown, &error.to_string()),
            }
        }
    }

    /// Reads HEAD of the git folder `folder`.
    fn head(&mut self, folder: &Path, name: &str) -> Option<ObjectId> {
        match self.follow(folder, "HEAD".into()) {
            Ok(End::Id(id)) => {
                self.named.push((name.to_owned(), id));
                Some(id)
            }
            Ok(End::Nothing) => None,
            Err(error) => {
                self.lost(name.to_owned(), &error.to_string());
                None
            }
        }
    }

    /// Follows the ref `name` of the git folder `folder` to an object.
    fn follow(&self, folder: &Path, mut name: BString) -> io::Result<End> {
        for _ in 0..MOST_STEPS {
            let shared = name.starts_with(b"refs/");
            let path = name.to_path().map_err(|_| wrong("it leads to a name that is no path"))?;
            let inside = |part| matches!(part, std::path::Component::Normal(_));
            if !path.components().all(inside) {
                return Err(wrong("it leads out of the git folder"));
            }
            match self.value(&if shared { self.common } else { folder }.join(path)) {
                Ok(Value::Id(id)) => return Ok(End::Id(id)),
                Ok(Value::Symbolic(next)) => name = next,
                // A folder, where there is a branch `a/b` and `a` has no commit yet.
                Err(error) if is_nothing(&error) => {
                    return Ok(self.packed.get(&name).map_or(End::Nothing, |id| End::Id(*id)));
                }
                Err(error) => return Err(error),
            }
        }
        Err(wrong("it leads to itself, or through too many refs"))
    }

    fn value(&self, path: &Path) -> io::Result<Value> {
        let file = disk::open(path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !found.is_file() {
            return Err(wrong("it is no regular file"));
        }
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes)?;
        if let Some(name) = bytes.strip_prefix(b"ref:") {
            return Ok(Value::Symbolic(name.trim().into()));
        }
        let word = bytes.fields().next().unwrap_or_default();
        self.id(word).map(Value::Id).ok_or_else(|| wrong("it names no object"))
    }

    fn id(&self, hex: &[u8]) -> Option<ObjectId> {
        parse_hex(hex).filter(|id| id.raw().len() == self.hash && !is_zero(id))
    }

    /// Older stashes are only in the reflog of `refs/stash`.
    fn stashes(&mut self) {
        let bytes = self.file("logs/refs/stash");
        let lines: Vec<&[u8]> = bytes.lines().collect();
        for (line, nth) in lines.iter().rev().zip(0_usize..) {
            let name = format!("stash@{{{nth}}}");
            let new = line.splitn_str(3, " ").nth(1).and_then(parse_hex);
            match new.filter(|id| id.raw().len() == self.hash) {
                Some(id) if is_zero(&id) => {}
                Some(id) => self.named.push((name, id)),
                None => self.lost(name, "its line of the reflog names no object"),
            }
        }
    }
}

/// The first ref of `repo` that is a pipe, a socket or a device, or leads to one: libgit2 would wait for it.
pub(crate) fn special(repo: &Repository) -> Option<PathBuf> {
    files(repo.commondir()).0.into_iter().map(|(_, path)| path).find(|path| is_special(path))
}

/// Commits whose parents a shallow clone does not have, sorted.
pub(crate) fn shallow(repo: &Repository) -> Vec<ObjectId> {
    let file = disk::read(&repo.commondir().join("shallow")).unwrap_or_default();
    let mut ids: Vec<ObjectId> = file.lines().filter_map(parse_hex).collect();
    ids.sort_unstable();
    ids
}

/// Name and file of each loose ref of the git folder `folder`, sorted, and folders that cannot be listed.
/// Links to folders are followed, each folder once.
fn files(folder: &Path) -> (Vec<Named>, Vec<Unread>) {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    let mut seen = FxHashSet::default();
    let mut open = vec![("refs".to_owned(), folder.join("refs"))];
    while let Some((prefix, folder)) = open.pop() {
        let listed = folder.canonicalize().and_then(|place| match seen.insert(place) {
            true => fs::read_dir(&folder)?.collect::<io::Result<Vec<_>>>(),
            false => Ok(Vec::new()),
        });
        let entries = match listed {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                unread.push((folder, error));
                continue;
            }
        };
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Git takes neither for a ref.
            if name.starts_with('.') || name.ends_with(".lock") {
                continue;
            }
            let (name, path) = (format!("{prefix}/{name}"), entry.path());
            match path.is_dir() {
                true => open.push((name, path)),
                false => found.push((name, path)),
            }
        }
    }
    found.sort_unstable();
    (found, unread)
}

/// Linked worktrees: name and git folder, sorted.
fn worktrees(common: &Path) -> Vec<Named> {
    let entries = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut all: Vec<Named> = folders
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    all.sort_unstable();
    all
}

fn is_zero(id: &ObjectId) -> bool {
    id.raw().iter().all(|byte| *byte == 0)
}

fn is_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | IsADirectory | NotADirectory)
}

fn wrong(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
