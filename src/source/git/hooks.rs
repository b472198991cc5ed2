//! Where git looks for hooks.

use std::path::{Path, PathBuf};

use git2::ConfigLevel;

use crate::source::git::{GitError, open_error};
use crate::source::ignore_files;

/// Whom a setting of git is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One repository.
    Here,
    /// All of a user or a machine.
    Everywhere,
}

/// The folder of a repository's hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HooksFolder {
    /// The folder; it need not exist.
    pub folder: PathBuf,
    /// Where `core.hooksPath` is set, if it is.
    pub level: Option<Level>,
    /// Top of the work tree, where there is one.
    pub root: Option<PathBuf>,
}

impl HooksFolder {
    /// Asks the repository around `place`.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn find(place: &Path) -> Result<Self, GitError> {
        let repo = ignore_files::discover(place).map_err(|error| open_error(place, &error))?;
        let root = repo.workdir().map(Path::to_owned);
        let config = repo.config()?.snapshot()?;
        let Ok(set) = config.get_path("core.hooksPath") else {
            // Linked worktrees share the hooks of the repository.
            let folder = repo.commondir().join("hooks");
            return Ok(Self { folder, level: None, root });
        };
        let level = match config.get_entry("core.hooksPath")?.level() {
            ConfigLevel::Local | ConfigLevel::Worktree | ConfigLevel::App => Level::Here,
            _ => Level::Everywhere,
        };
        // Git runs hooks at the top, and takes the path from there.
        let top = root.as_deref().unwrap_or_else(|| repo.path());
        let folder: PathBuf = top.join(set).components().collect();
        Ok(Self { folder, level: Some(level), root })
    }
}
