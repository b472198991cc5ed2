//! Repositories nested in a folder, besides its submodules. As for git, their own ignore rules hold in them and
//! not those around; what they track in spite of their rules is scanned, too.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;

use ignore::WalkBuilder;
use rustc_hash::FxHashMap;

use crate::progress::Progress;
use crate::source::hidden::is_git_folder;
use crate::source::tracked::Tracked;
use crate::source::{Ledger, ignore_files};

/// The nested repositories that a walk has met.
#[derive(Default)]
pub(super) struct Nested {
    /// Folders that were looked at already: the repository around the walk and its submodules.
    known: Vec<PathBuf>,
    /// By the top of the work tree, canonical.
    met: RwLock<FxHashMap<PathBuf, Tracked>>,
    /// What is to be said of them.
    ledger: Ledger,
}

impl Nested {
    /// None is met yet; the folders `known` are not to be counted.
    pub(super) fn new(known: Vec<PathBuf>) -> Self {
        Self { known, ..Self::default() }
    }

    /// Looks whether the folder `place`, canonical, is the top of a repository. To be asked before what is in
    /// the folder is walked.
    pub(super) fn meet(&self, place: &Path) {
        if !is_top(place) || self.known.iter().any(|known| known == place) {
            return;
        }
        // Where its `.git` is none, the repository around it is found again.
        let found = Tracked::around(place, &self.ledger).filter(|found| found.root() == place);
        if let Some(found) = found {
            let mut met = self.met.write().unwrap_or_else(PoisonError::into_inner);
            met.insert(place.to_owned(), found);
        }
    }

    /// Notes that the walk reached `path`.
    pub(super) fn see(&self, path: &Path) {
        self.ask(path, |tracked| tracked.see(path));
    }

    /// True when one of them tracks `path`.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.ask(path, |tracked| tracked.has(path)).unwrap_or(false)
    }

    /// Asks the repository around `path`.
    fn ask<T>(&self, path: &Path, ask: impl Fn(&Tracked) -> T) -> Option<T> {
        let met = self.met.read().unwrap_or_else(PoisonError::into_inner);
        let mut folders =
            path.ancestors().skip(1).take(if met.is_empty() { 0 } else { usize::MAX });
        folders.find_map(|folder| met.get(folder)).map(ask)
    }

    /// Tracked files under `folder` that exist and no walk has seen, sorted.
    pub(super) fn unseen(&self, folder: &Path) -> Vec<PathBuf> {
        let met = self.met.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<PathBuf> =
            met.values().flat_map(|tracked| tracked.unseen(folder)).collect();
        all.sort_unstable();
        all
    }

    /// Says in `ledger` what is to be said of them.
    pub(super) fn tell(&self, ledger: &Ledger) {
        let (mut stats, mut problems, mut notices) = Default::default();
        self.ledger.drain(&mut stats, &mut problems, &mut notices);
        problems.into_iter().for_each(|it| ledger.problem(it.place, it.message));
        notices.sort_unstable();
        notices.into_iter().for_each(|text| ledger.notice(text));
    }
}

/// True when `folder` has a `.git`.
fn is_top(folder: &Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

/// Runs `work` while `beside` runs on a thread of its own, or before it where the system refuses one.
pub(super) fn together<T: Send, U>(
    beside: impl Fn() -> T + Sync,
    work: impl FnOnce() -> U,
) -> (T, U) {
    let beside = &beside;
    thread::scope(|scope| match thread::Builder::new().spawn_scoped(scope, beside) {
        Ok(other) => {
            let done = work();
            (other.join().unwrap_or_else(|panic| resume_unwind(panic)), done)
        }
        Err(_) => (beside(), work()),
    })
}

/// So many names are looked at before ignore rules are asked, which keep out of folders that are full of others.
const QUICK: usize = 1 << 15;

/// True when no folder below `top`, ignored or not, has a `.git`: most work trees are such, and that is told
/// without the rules. False where it is not told quickly.
fn is_plain(top: &Path, progress: &Progress) -> bool {
    let (mut open, mut left) = (vec![top.to_owned()], QUICK);
    while let Some(folder) = open.pop() {
        // A folder that cannot be listed may be entered all the same.
        let Ok(entries) = fs::read_dir(&folder) else { return false };
        for entry in entries {
            let Ok((name, kind)) = entry.and_then(|it| Ok((it.file_name(), it.file_type()?)))
            else {
                return false;
            };
            left -= 1;
            let is_git = name.eq_ignore_ascii_case(".git");
            let is_own = folder == top && name == ".git";
            if left == 0 || progress.interrupted() || is_git && !is_own {
                return false;
            }
            if kind.is_dir() && !is_git {
                open.push(folder.join(name));
            }
        }
    }
    true
}

/// The outermost folders below `top` that have a `.git` and that no ignore rule hides, sorted, relative to it.
/// With `case` the rules hold in any case.
pub(super) fn below(top: &Path, case: bool, progress: &Progress) -> Vec<PathBuf> {
    if is_plain(top, progress) {
        return Vec::new();
    }
    let met = Arc::new(Mutex::new(Vec::new()));
    let on = top.ancestors().all(|folder| ignore_files::unreadable(folder).is_none());
    let mut builder = WalkBuilder::new(top);
    builder.hidden(false).parents(on).ignore(on).git_ignore(on).git_exclude(on).git_global(false);
    builder.ignore_case_insensitive(case);
    let found = Arc::clone(&met);
    builder.filter_entry(move |entry| {
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        if entry.depth() == 0 || !is_folder || is_git_folder(entry) {
            return entry.depth() == 0;
        }
        let is_top = is_top(entry.path());
        if is_top {
            found.lock().unwrap_or_else(PoisonError::into_inner).push(entry.path().to_owned());
        }
        !is_top && ignore_files::unreadable(entry.path()).is_none()
    });
    let mut entries = builder.build();
    while !progress.interrupted() && entries.next().is_some() {}
    let mut met = std::mem::take(&mut *met.lock().unwrap_or_else(PoisonError::into_inner));
    met.sort_unstable();
    met.iter().filter_map(|path| path.strip_prefix(top).ok()).map(Path::to_owned).collect()
}
