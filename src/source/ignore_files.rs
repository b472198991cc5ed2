//! Ignore files that cannot be read. The walk opens whatever is called `.gitignore`, also a pipe that nobody
//! writes to or a link to an endless device, so it is kept away from these.

use std::path::{Path, PathBuf};

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
