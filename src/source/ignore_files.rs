//! Files that the walk or libgit2 open by themselves and that cannot be read: a pipe that nobody writes to, a
//! link to an endless device. Whatever is called `.gitignore` is opened, so both are kept away from these.

use std::path::{Path, PathBuf};

use crate::disk;

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
const OF_GIT: [&str; 7] =
    ["HEAD", "config", "config.worktree", "index", "packed-refs", "shallow", "commondir"];

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
        let files = OF_GIT.iter().map(|name| folder.join(name));
        // An index may be large.
        files.into_iter().find(|path| path.metadata().is_ok_and(|found| !found.is_file()))
    };
    if let Some(path) = blocks(&folder) {
        return refuse(path);
    }
    // A linked worktree shares most files with its repository.
    let common = disk::read_text(&folder.join("commondir")).ok();
    if let Some(path) = common.and_then(|common| blocks(&folder.join(common.trim_end()))) {
        return refuse(path);
    }
    git2::Repository::discover(place)
}
