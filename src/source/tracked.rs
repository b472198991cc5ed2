//! What git tracks under a folder: the index of the repository around it and of its initialised
//! submodules.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bstr::ByteSlice as _;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::path_name;
use crate::fault::locked;
use crate::source::folds::{self, Speller};
use crate::source::git::index::Index;
use crate::source::{Ledger, ignore_files};

/// Tracked files of one repository and its submodules, and which of them a walk has seen.
pub struct Tracked {
    root: PathBuf,
    files: FxHashMap<PathBuf, AtomicBool>,
    /// The work trees of it and of its submodules.
    roots: Vec<PathBuf>,
    /// Where the disk folds case, how it spells names.
    folded: Option<Folded>,
    /// True when git's ignore rules hold in any case.
    ignores_case: bool,
}

/// What is known of spellings.
#[derive(Default)]
struct Folded {
    /// Tracked files, in letters that stand for all spellings.
    keys: FxHashSet<String>,
    /// What a walk reached and git knows by no such name.
    others: Mutex<FxHashSet<PathBuf>>,
}

impl Tracked {
    /// Looks for a repository around `place`; `None` when there is none or it has no work tree.
    /// What cannot be read is said in `ledger`.
    pub fn around(place: &Path, ledger: &Ledger) -> Option<Self> {
        let repo = match ignore_files::discover(place) {
            Ok(repo) => repo,
            Err(error) if error.code() == git2::ErrorCode::NotFound => return None,
            Err(error) => {
                let place = path_name(place);
                let text = format!("git's files were not asked what it tracks: {error}");
                match error.class() {
                    // It is there and cannot be read: what it tracks in spite of an ignore rule is missing.
                    git2::ErrorClass::Os => ledger.problem(place, text),
                    _ => ledger.notice(format!("{place}: {text}")),
                }
                return None;
            }
        };
        let root = repo.workdir()?.canonicalize().ok()?;
        let (files, roots) = (FxHashMap::default(), Vec::new());
        let folded = folds::is_at(repo.path()).then(Folded::default);
        let ignores_case = ignores_case(&repo);
        let mut tracked = Self { root: root.clone(), files, roots, folded, ignores_case };
        let mut open = vec![(repo, root)];
        while let Some((repo, root)) = open.pop() {
            open.extend(tracked.add(&repo, &root, ledger));
            tracked.roots.push(root);
        }
        if let Some(folded) = &mut tracked.folded {
            folded.keys = tracked.files.keys().map(|path| folds::key(path)).collect();
        }
        Some(tracked)
    }

    /// Adds what the index of `repo` has. Gives the submodules that are checked out.
    fn add(
        &mut self,
        repo: &git2::Repository,
        root: &Path,
        ledger: &Ledger,
    ) -> Vec<(git2::Repository, PathBuf)> {
        let index = match Index::of(repo) {
            Ok(index) => index,
            Err(error) => {
                let text = format!(
                    "the git index cannot be read ({error}); tracked files that an ignore rule \
                     hides were not scanned"
                );
                ledger.problem(root.display().to_string(), text);
                return Vec::new();
            }
        };
        let mut inner = Vec::new();
        for entry in index.entries {
            // 0o160000 marks a submodule, 0o120000 a symbolic link.
            match (entry.mode & 0o170_000, entry.path.to_path()) {
                (0o100_000, Ok(path)) => {
                    self.files.insert(root.join(path), AtomicBool::new(false));
                }
                (0o160_000, Ok(path)) => inner.extend(submodule(root, path, ledger)),
                _ => {}
            }
        }
        inner
    }

    /// The tops of the work tree and of submodules.
    pub fn roots(&self) -> Vec<PathBuf> {
        self.roots.clone()
    }

    /// Top of the work tree, canonical.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// True when git's ignore rules hold in any case.
    pub fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// Notes that a walk reached `path` (canonical parent).
    pub fn see(&self, path: &Path) {
        match (self.files.get(path), &self.folded) {
            (Some(seen), _) => seen.store(true, Ordering::Relaxed),
            (None, Some(folded)) => _ = locked(&folded.others).insert(path.to_owned()),
            (None, None) => {}
        }
    }

    /// True when git tracks the file `path`, which the disk has under this name.
    pub fn has(&self, path: &Path) -> bool {
        let folded = || self.folded.as_ref().is_some_and(|it| it.keys.contains(&folds::key(path)));
        self.files.contains_key(path) || folded()
    }

    /// Tracked files under `folder` that exist and no walk has seen, sorted.
    pub fn unseen(&self, folder: &Path) -> Vec<PathBuf> {
        let missed = |(path, seen): (&PathBuf, &AtomicBool)| {
            let hidden = !seen.load(Ordering::Relaxed) && path.starts_with(folder);
            (hidden && path.symlink_metadata().is_ok_and(|meta| meta.is_file()))
                .then(|| path.clone())
        };
        let mut paths: Vec<PathBuf> = self.files.iter().filter_map(missed).collect();
        if let Some(folded) = &self.folded {
            // One file may have been reached under another spelling, or be tracked under two.
            let (mut speller, others) = (Speller::new(&self.root), locked(&folded.others));
            let reached = |path: &PathBuf| {
                let seen = self.files.get(path).is_some_and(|seen| seen.load(Ordering::Relaxed));
                seen || others.contains(path)
            };
            paths = paths.iter().map(|path| speller.spelled(path)).collect();
            paths.retain(|path| !reached(path));
        }
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}

/// True when git ignores case in `repo`, as `git init` sets it where the disk folds case.
pub(super) fn ignores_case(repo: &git2::Repository) -> bool {
    let found = repo.config().and_then(|config| config.get_bool("core.ignoreCase"));
    found.unwrap_or(false)
}

/// Opens the submodule at `path` of the work tree `root`, where it is checked out.
fn submodule(root: &Path, path: &Path, ledger: &Ledger) -> Option<(git2::Repository, PathBuf)> {
    let shown = path_name(path);
    match ignore_files::submodule(root, path) {
        Ok(Some(repo)) => return Some((repo, root.join(path))),
        Ok(None) => ledger.notice(format!(
            "submodule {shown} is not checked out and was not scanned; \
             `git submodule update --init` brings it"
        )),
        Err(error) => ledger.notice(format!(
            "submodule {shown}: git's files were not asked what it tracks: {error}",
            error = error.message()
        )),
    }
    None
}
