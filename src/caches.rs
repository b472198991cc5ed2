//! The user's folder for caches: files that only their owner reads and writes, each whole or not there.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::disk::{self, Access};

/// Ending of the files of histories.
pub(crate) const HISTORY: &str = "history";
/// The file of what vendors answered.
pub(crate) const ANSWERS: &str = "verify.json";

/// What nobody used for so long goes: 90 days.
const LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// The user's folder for caches, `None` where the environment names none.
pub fn default_folder() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        var("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        var("HOME").map(|home| home.join("Library/Caches"))
    } else {
        let xdg = var("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        xdg.or_else(|| var("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("keylint"))
}

/// True for the file of a history.
pub fn is_history(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == HISTORY)
}

/// True for a file of the cache.
pub fn is_ours(path: &Path) -> bool {
    is_history(path) || path.file_name().is_some_and(|name| name == ANSWERS)
}

/// Reads a file of at most `max` bytes.
///
/// # Errors
/// The I/O error; also for what is no file or too large.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, max)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file of at most `max` bytes that nobody else could have written: whoever writes a cache decides what a
/// scan leaves out.
///
/// # Errors
/// The I/O error; also for what is no file, too large or somebody else's.
pub(crate) fn open_own(path: &Path, max: u64) -> io::Result<File> {
    let file = open(path, max)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let found = file.metadata()?;
        // There is no safe way to ask who one is; a folder of one's own tells.
        let owner = path.parent().map(fs::metadata).transpose()?.map(|folder| folder.uid());
        if owner != Some(found.uid()) || found.mode() & 0o022 != 0 {
            return Err(io::Error::other("others may write it"));
        }
    }
    Ok(file)
}

/// Opens a file of at most `max` bytes.
fn open(path: &Path, max: u64) -> io::Result<File> {
    // What is no file may be a pipe, which must not be opened.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let file = File::open(path)?;
    if file.metadata()?.len() > max {
        return Err(io::Error::other("it is too large"));
    }
    Ok(file)
}

/// Writes a file, whole or not at all, and makes its folder where there is none. What is older than
/// 90 days there goes.
///
/// # Errors
/// The I/O error.
pub(crate) fn write_own(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
        expire(folder);
    }
    disk::replace_by(path, Access::Private, write)
}

/// Removes files of histories that nobody used for long.
fn expire(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let age = entry.metadata().and_then(|found| found.modified()).ok();
        let age = age.and_then(|time| SystemTime::now().duration_since(time).ok());
        if is_history(&path) && age.is_some_and(|age| age > LIFE) {
            // Somebody else may have done it.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes a folder that only its owner may enter, and those above it.
///
/// # Errors
/// The I/O error.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
