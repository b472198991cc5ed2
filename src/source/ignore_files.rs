//! Files that the walk or libgit2 open by themselves and that cannot be read: a pipe that nobody writes to, a
//! link to an endless device. Whatever is called `.gitignore` is opened, so both are kept away from these.

use std::path::{Path, PathBuf};

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
/// What it reads of a folder of objects, besides packs and their indices.
const OF_OBJECTS: [&str; 3] = ["info/alternates", "info/commit-graph", "pack/multi-pack-index"];

/// Opens the repository around `place`.
///
/// # Errors
/// What libgit2 says, or that one of its files is no regular file: to read it might never end.
pub(super) fn discover(place: &Path) -> Result<git2::Repository, git2::Error> {
    let folder = git2::Repository::discover_path(place, std::iter::empty::<&Path>())?;
    let refuse = |path: PathBuf| {
        let text = format!("{path} is no regular file", path = path.display());
        Err(git2::Error::from_str(&text))
    };
    let blocks = |folder: &Path| {
        let mut files = OF_GIT.iter().map(|name| folder.join(name));
        // An index may be large.
        files.find(|path| is_special(path)).or_else(|| special_object(&folder.join("objects")))
    };
    if let Some(path) = blocks(&folder) {
        return refuse(path);
    }
    // A linked worktree shares most files with its repository.
    let common = disk::read_text(&folder.join("commondir")).ok();
    if let Some(path) = common.and_then(|common| blocks(&folder.join(common.trim_end()))) {
        return refuse(path);
    }
    let repo = git2::Repository::discover(place)?;
    // It is read for the submodules.
    let modules = repo.workdir().map(|top| top.join(".gitmodules"));
    modules.filter(|path| is_special(path)).map_or(Ok(repo), refuse)
}

/// True for a pipe, a socket or a device, and for what leads to one.
fn is_special(path: &Path) -> bool {
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
