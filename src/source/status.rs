//! What git says of single paths: tracked, ignored or neither.

use std::path::{Path, PathBuf};

/// A repository around a folder, for questions about a few of its paths.
pub struct Status {
    repo: git2::Repository,
    index: git2::Index,
    root: PathBuf,
}

impl Status {
    /// The repository around `place`; `None` when there is none, it has no work tree or its index
    /// cannot be read (the walk says so).
    pub fn around(place: &Path) -> Option<Self> {
        let repo = git2::Repository::discover(place).ok()?;
        let root = repo.workdir()?.canonicalize().ok()?;
        let index = repo.index().ok()?;
        Some(Self { repo, index, root })
    }

    /// Top of the work tree, canonical.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// True when git tracks `path`, relative to the top of the work tree.
    pub fn tracks(&self, path: &[u8]) -> bool {
        bstr::ByteSlice::to_path(path).is_ok_and(|path| self.index.get_path(path, 0).is_some())
    }

    /// True when an ignore rule keeps `path` out of git.
    pub fn ignores(&self, path: &[u8]) -> bool {
        let path = bstr::ByteSlice::to_path(path);
        path.is_ok_and(|path| self.repo.is_path_ignored(path).unwrap_or(false))
    }
}
