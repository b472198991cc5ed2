//! Files that the walk or libgit2 open by themselves and that cannot be read: a pipe that nobody writes to, a
//! link to an endless device. Whatever is called `.gitignore` is opened, so both are kept away from these.

use std::path::{Component, Path, PathBuf};

use crate::disk;
use crate::source::Ledger;
use crate::source::git::folders;

/// What the walk and libgit2 read of a folder.
const NAMES: [&str; 4] = [".gitignore", ".ignore", ".git/info/exclude", ".git"];
/// Larger ones are no ignore files. Git's own limit is 100 MB; each line costs a pattern in memory.
const LARGEST: u64 = 16 << 20;

/// The first ignore file of `folder` that is no regular file, or too large.
pub(super) fn unreadable(folder: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| folder.join(name)).find(|path| is_unreadable(path))
}

/// True for what is no regular file, or too large. A folder of that name is read by nobody.
pub(super) fn is_unreadable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| !found.is_dir() && (!found.is_file() || found.len() > LARGEST))
}

/// What libgit2 reads of a repository to open it.
const OF_GIT: [&str; 11] = [
    "HEAD",
    "config",
    "config.worktree",
    "index",
    "packed-refs",
    "shallow",
    "commondir",
    "MERGE_HEAD",
    "info/attributes",
    "info/grafts",
    "logs/refs/stash",
];
/// Symbolic refs that lead from one to the next, to a commit; git has a limit of 5.
pub(super) const MOST_STEPS: usize = 10;
/// What it reads of a folder of objects, besides packs and their indices.
const OF_OBJECTS: [&str; 3] = ["info/alternates", "info/commit-graph", "pack/multi-pack-index"];

/// Opens the repository around `place`.
///
/// # Errors
/// What libgit2 says, or that one of its files is no regular file: to read it might never end.
pub(super) fn discover(place: &Path) -> Result<git2::Repository, git2::Error> {
    let folder = git2::Repository::discover_path(place, std::iter::empty::<&Path>())?;
    refuse(special_file(&folder))?;
    git2::Repository::discover(place)
}

/// Opens the repository whose git folder is `folder`.
///
/// # Errors
/// As [`discover`].
pub(super) fn open(folder: &Path) -> Result<git2::Repository, git2::Error> {
    refuse(special_file(folder))?;
    git2::Repository::open(folder)
}

/// Opens the submodule at `path` of the work tree `top`; `None` where it is not checked out there. The path
/// comes with the repository, and like git nothing here follows one that leads out of it or over a link.
///
/// # Errors
/// As [`discover`].
pub(super) fn submodule(top: &Path, path: &Path) -> Result<Option<git2::Repository>, git2::Error> {
    let mut place = top.to_owned();
    for part in path.components() {
        let Component::Normal(part) = part else { return Ok(None) };
        place.push(part);
        if place.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Ok(None);
        }
    }
    if place == top || place.join(".git").symlink_metadata().is_err() {
        return Ok(None);
    }
    let repo = discover(&place)?;
    let root = repo.workdir().and_then(|root| root.canonicalize().ok());
    match root.is_some() && root == place.canonicalize().ok() {
        true => Ok(Some(repo)),
        false => Err(git2::Error::from_str("its .git leads to no repository of this folder")),
    }
}

/// True when `folder` looks like a git folder.
pub(super) fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

fn refuse(path: Option<PathBuf>) -> Result<(), git2::Error> {
    let Some(path) = path else { return Ok(()) };
    let text = format!("{path} is no regular file", path = path.display());
    Err(git2::Error::from_str(&text))
}

/// The first special file that libgit2 would open to open the git folder `folder`.
fn special_file(folder: &Path) -> Option<PathBuf> {
    let blocks = |folder: &Path| {
        let mut files = OF_GIT.iter().map(|name| folder.join(name));
        // An index may be large.
        files.find(|path| is_special(path)).or_else(|| special_object(&folder.join("objects")))
    };
    // A linked worktree shares most files with its repository.
    let common = disk::read_text(&folder.join("commondir")).ok();
    let common = common.map(|common| folder.join(common.trim_end()));
    let head = || special_head(folder, common.as_deref().unwrap_or(folder));
    blocks(folder).or_else(|| common.as_deref().and_then(blocks)).or_else(head)
}

/// The first special file on the way from HEAD to a commit.
fn special_head(folder: &Path, common: &Path) -> Option<PathBuf> {
    let mut path = folder.join("HEAD");
    for _ in 0..MOST_STEPS {
        if is_special(&path) {
            return Some(path);
        }
        let text = disk::read_text(&path).ok()?;
        path = common.join(text.strip_prefix("ref:")?.trim());
    }
    None
}

/// True for a pipe, a socket or a device, and for what leads to one.
pub(super) fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// The first special file that libgit2 would open in `objects` or the folders that its alternates name.
fn special_object(objects: &Path) -> Option<PathBuf> {
    // Alternates that are not there are told of by who reads them.
    folders(objects, &Ledger::default()).iter().find_map(|folder| {
        let packs = folder.join("pack").read_dir().into_iter().flatten().flatten();
        let files = OF_OBJECTS.iter().map(|name| folder.join(name));
        files.chain(packs.map(|entry| entry.path())).find(|path| is_special(path))
    })
}
