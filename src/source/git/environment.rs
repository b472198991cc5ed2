//! What git says to its hooks by variables of the environment: where the repository is, which index the commit
//! is made from (`git commit -a` and commits of single files have one of their own), and where objects lie that
//! are not in the repository yet (what is pushed, while the hook of the server looks at it).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bstr::{BStr, ByteSlice as _};
use git2::Repository;

use crate::blob::path_bytes;
use crate::source::git::objects::unquoted;
use crate::source::ignore_files;

/// The variables that count.
pub(crate) struct Environment {
    folder: Option<PathBuf>,
    work_tree: Option<PathBuf>,
    index: Option<PathBuf>,
    objects: Vec<PathBuf>,
}

impl Environment {
    /// Those of this process.
    pub(crate) fn read() -> Self {
        Self::of(&|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn of(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        let mut objects: Vec<PathBuf> = path("GIT_OBJECT_DIRECTORY").into_iter().collect();
        if let Some(list) = path("GIT_ALTERNATE_OBJECT_DIRECTORIES") {
            objects.extend(folders(path_bytes(&list).as_bstr()));
        }
        let (folder, work_tree) = (path("GIT_DIR"), path("GIT_WORK_TREE"));
        Self { folder, work_tree, index: path("GIT_INDEX_FILE"), objects }
    }

    /// The git folder, for a scan of `first`: a path that begins at the top of the disk says by itself where it
    /// is.
    pub(crate) fn folder(&self, first: &Path) -> Option<&Path> {
        self.folder.as_deref().filter(|_| first.is_relative())
    }

    /// The work tree, where the git folder is named.
    pub(crate) fn work_tree(&self) -> &Path {
        self.work_tree.as_deref().unwrap_or(Path::new("."))
    }

    /// The index and folders of objects besides those of `repo`; none where it is not the repository that git
    /// runs its hook for.
    pub(crate) fn places(&self, repo: &Repository) -> (Option<PathBuf>, Vec<PathBuf>) {
        if self.index.is_none() && self.objects.is_empty() {
            return (None, Vec::new());
        }
        let meant = match &self.folder {
            Some(folder) => ignore_files::open(folder),
            None => ignore_files::discover(Path::new(".")),
        };
        let place = |repo: &Repository| repo.path().canonicalize().ok();
        match meant.is_ok_and(|meant| place(&meant) == place(repo)) {
            true => (self.index.clone(), self.objects.clone()),
            false => (None, Vec::new()),
        }
    }
}

/// The folders of a list, of which some may be quoted.
fn folders(list: &BStr) -> Vec<PathBuf> {
    let divider = if cfg!(windows) { b';' } else { b':' };
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'"' if at == start => quoted = true,
            b'"' if !escaped => quoted = false,
            _ if byte == divider && !quoted => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        escaped = quoted && byte == b'\\' && !escaped;
    }
    parts.push(&list[start..]);
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.filter_map(|part| Some(unquoted(part).to_path().ok()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn lists_of_folders_may_be_quoted() {
        let list = |text: &str| {
            let all = folders(text.into());
            all.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(list("/a:/b c::d"), ["/a", "/b c", "d"]);
        assert_eq!(list("\"/a:b\":\"c\\\"d:e\":/f"), ["/a:b", "c\"d:e", "/f"]);
        assert!(list("").is_empty());
    }
}
