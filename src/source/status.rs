//! What git says of single paths: tracked, ignored or neither.

use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;
use rustc_hash::FxHashSet;

use crate::source::git::index::Index;
use crate::source::{folds, ignore_files};

/// A repository around a folder, for questions about a few of its paths.
pub struct Status {
    repo: git2::Repository,
    index: Index,
    root: PathBuf,
    /// Where the disk folds case, what is tracked in letters that stand for all spellings.
    folded: Option<FxHashSet<String>>,
}

impl Status {
    /// The repository around `place`; `None` when there is none, it has no work tree or its index
    /// cannot be read (the walk says so).
    pub fn around(place: &Path) -> Option<Self> {
        let repo = ignore_files::discover(place).ok()?;
        let root = repo.workdir()?.canonicalize().ok()?;
        let index = Index::of(&repo).ok()?;
        let keys = || index.entries.iter().filter(|entry| entry.stage == 0);
        let keys = || keys().map(|entry| folds::key(&entry.path.to_path_lossy())).collect();
        let folded = folds::is_at(repo.path()).then(keys);
        Some(Self { repo, index, root, folded })
    }

    /// Top of the work tree, canonical.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// True when git tracks `path`, relative to the top of the work tree.
    pub fn tracks(&self, path: &[u8]) -> bool {
        let key = || folds::key(&path.to_path_lossy());
        let folded = || self.folded.as_ref().is_some_and(|folded| folded.contains(&key()));
        self.nested(path, Self::tracks).unwrap_or_else(|| self.index.has(path) || folded())
    }

    /// True when an ignore rule keeps `path` out of git. Where one of the ignore files is no file that can
    /// be read, none does.
    pub fn ignores(&self, path: &[u8]) -> bool {
        let unreadable = |path: &Path| {
            let whole = self.root.join(path);
            let folders = whole.ancestors().skip(1).take_while(|f| f.starts_with(&self.root));
            folders.into_iter().any(|folder| ignore_files::unreadable(folder).is_some())
        };
        // The configuration may come with the repository.
        let named = self.repo.config().and_then(|config| config.get_path("core.excludesfile"));
        let named = named.is_ok_and(|path| ignore_files::is_unreadable(&path));
        if named || path.to_path().is_ok_and(unreadable) {
            return false;
        }
        self.nested(path, Self::ignores).unwrap_or_else(|| {
            path.to_path().is_ok_and(|path| self.repo.is_path_ignored(path).unwrap_or(false))
        })
    }

    /// What `ask` says of `path` in the submodule or other nested repository that it is in, if any.
    fn nested(&self, path: &[u8], ask: fn(&Self, &[u8]) -> bool) -> Option<bool> {
        let path = path.to_path().ok()?;
        let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        let folder =
            folders.into_iter().find(|folder| self.root.join(folder).join(".git").exists())?;
        let inner = Self::around(&self.root.join(folder))?;
        // A `.git` that is none, so that the outer repository was found again.
        if inner.root == self.root {
            return None;
        }
        let rest = <[u8]>::from_path(path.strip_prefix(folder).ok()?)?;
        Some(ask(&inner, rest))
    }
}
