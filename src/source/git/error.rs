//! Why a repository cannot be scanned.

use std::path::{Path, PathBuf};

use crate::source::git::index::IndexError;
use crate::source::git::store::ReadError;

/// Why a repository cannot be scanned.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is none, or it cannot be opened.
    #[error("{path}: no git repository can be opened here: {message}. {help}")]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// libgit2's words.
        message: String,
        /// What to do.
        help: &'static str,
    },
    /// There is no index.
    #[error(
        "{path}: this repository is bare and has no index; --range and --history scan its commits"
    )]
    Bare {
        /// The repository.
        path: PathBuf,
    },
    /// A path that is not in the repository.
    #[error("{path}: not in the repository {root}; all paths of one scan are in the same one")]
    Outside {
        /// The path.
        path: PathBuf,
        /// Top of the work tree.
        root: PathBuf,
    },
    /// A revision that names no commit here.
    #[error("{revision}: {message}. {help}")]
    Revision {
        /// As the user gave it.
        revision: String,
        /// What is wrong.
        message: String,
        /// What to do.
        help: &'static str,
    },
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// An object.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Anything else, in libgit2's words.
    #[error("git: {text}; check the repository with `git fsck`", text = .0.message())]
    Other(#[from] git2::Error),
}

/// The error of what cannot be opened at `path`.
pub(super) fn open_error(path: &Path, error: &git2::Error) -> GitError {
    let help = match error.code() {
        git2::ErrorCode::Owner => {
            "Its owner is somebody else; add it to git's safe.directory if you trust it"
        }
        git2::ErrorCode::NotFound => {
            "Name a folder inside a repository, or scan without --history, --staged and --range"
        }
        _ => "Check it with `git fsck`",
    };
    GitError::Open { path: path.to_owned(), message: error.message().to_owned(), help }
}
