//! File systems that fold case, as on macOS and Windows: `Config.env` and `config.env` are one file there, of which
//! git may know one spelling and the disk has the other.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use rustc_hash::FxHashMap;

/// True when the disk on which the git folder `folder` lies folds case. As git finds out, by the name of its own file
/// of settings; one that is really called so says nothing.
pub(super) fn is_at(folder: &Path) -> bool {
    const OTHER: &str = "CoNfIg";
    folder.join(OTHER).symlink_metadata().is_ok() && !names(folder).iter().any(|name| name == OTHER)
}

/// `path` in the letters that stand for all that differ in case only.
pub(super) fn key(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

/// Finds out how the disk spells paths.
pub(super) struct Speller {
    root: PathBuf,
    folders: FxHashMap<PathBuf, Vec<OsString>>,
}

impl Speller {
    /// For paths below `root`, which is spelled as the disk does.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), folders: FxHashMap::default() }
    }

    /// `path`, which is there, as the disk spells it.
    pub(super) fn spelled(&mut self, path: &Path) -> PathBuf {
        let Ok(inside) = path.strip_prefix(&self.root) else { return path.to_owned() };
        let mut spelled = self.root.clone();
        for part in inside.components() {
            let Component::Normal(part) = part else { return path.to_owned() };
            let names = self.folders.entry(spelled.clone()).or_insert_with(|| names(&spelled));
            let folded = key(Path::new(part));
            let exact = names.iter().find(|name| name.as_os_str() == part);
            let other = || names.iter().find(|name| key(Path::new(name)) == folded);
            // A system may have rules of its own, such as for letters with accents.
            let name = exact.or_else(other).or_else(|| alias(&spelled, part, names));
            let name = name.map_or(part, OsString::as_os_str).to_owned();
            spelled.push(name);
        }
        spelled
    }
}

/// The names in `folder`.
fn names(folder: &Path) -> Vec<OsString> {
    folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
}

/// The one of `names` in `folder` that is the file `name`.
#[cfg(unix)]
fn alias<'n>(folder: &Path, name: &OsStr, names: &'n [OsString]) -> Option<&'n OsString> {
    use std::os::unix::fs::MetadataExt as _;
    let id = |name: &OsStr| {
        let found = folder.join(name).symlink_metadata().ok()?;
        Some((found.dev(), found.ino()))
    };
    let wanted = id(name)?;
    names.iter().find(|name| id(name) == Some(wanted))
}

#[cfg(not(unix))]
fn alias<'n>(_: &Path, _: &OsStr, _: &'n [OsString]) -> Option<&'n OsString> {
    None
}
