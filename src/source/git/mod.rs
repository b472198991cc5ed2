//! Git: every unique blob of a history once, and where the interesting ones stand; what the index or
//! a range of commits adds.
//!
//! libgit2 opens the repository and looks up single refs; objects are read here: the bulk of them by
//! `deltas`, which shares delta bases, single ones by `store`. No git program, hook, filter or credential
//! helper is ever run.

mod added;
mod ancestry;
mod announce;
mod changes;
mod children;
mod coding;
mod commit;
mod commits;
mod delta;
mod deltas;
mod earlier;
mod environment;
mod error;
mod ewah;
#[cfg(test)]
pub(crate) mod example;
mod forest;
mod gather;
mod graph;
mod groups;
mod grown;
mod growth;
mod hooks;
mod ids;
pub(in crate::source) mod index;
mod instructions;
pub(crate) mod loose;
mod newer;
mod objects;
mod offsets;
mod pack;
mod packindex;
mod packs;
mod range;
mod recall;
mod refs;
mod settled;
mod snapshot;
mod staged;
mod state;
mod stock;
mod store;
mod tips;
mod tree;
mod visit;
mod whole;
mod windows;

use std::path::{Path, PathBuf};

use bstr::BString;

use crate::blob::{Commit, ObjectId};
use crate::progress::Progress;
use crate::source::tracked::ignores_case;
use crate::source::{Ledger, Limits, ignore_files, nested};
use crate::span::Copied;
pub use added::{Added, Versions};
pub use changes::{Change, Changes};
pub use commits::Age;
pub use delta::{Delta, Step, Visit};
pub use error::GitError;
use error::open_error;
pub use graph::Place;
use grown::Grown;
pub use hooks::{HooksFolder, Level};
pub use index::IndexError;
use objects::Number;
pub(in crate::source) use objects::folders;
pub use range::Wanted;
pub use recall::Memory;
use settled::Settled;
pub use snapshot::describe;
pub use staged::Checkout;
use state::{Contents, State};
pub use store::ReadError;
use whole::{At, Whole};

/// The history of a repository.
pub struct History {
    /// The folder that all its work trees share.
    place: PathBuf,
    /// The git folder of the one that is scanned.
    git: PathBuf,
    store: store::Store,
    past: Past,
    memory: Option<Memory>,
    /// The state in which it was found, where that is known, and that of its refs.
    state: (Option<State>, [u8; 32]),
    commits: u64,
    submodules: Vec<BString>,
    archives: bool,
}

/// What is known of a history.
enum Past {
    /// What an earlier scan found of the same state.
    Settled(Settled),
    /// What an earlier scan found, and what has come since.
    Grown(Box<Grown>),
    Whole(Box<Whole>),
}

impl Past {
    /// What an earlier scan found, with what holds of it now.
    fn settled(&self) -> Option<&Settled> {
        match self {
            Self::Settled(settled) => Some(settled),
            Self::Grown(grown) => Some(&grown.settled),
            Self::Whole(_) => None,
        }
    }
}

/// A blob as it is handed to the scanner. `M` is what is remembered of a blob.
pub struct HistoryBlob<'b, M> {
    /// Handle for [`History::places`].
    pub handle: Handle,
    /// The content.
    pub bytes: &'b [u8],
    /// What was remembered of the version it is stored as a change of, and what it takes over.
    pub base: Option<(&'b M, &'b [Copied])>,
    /// Looks its id up.
    pub id: &'b dyn Fn() -> ObjectId,
    /// True where it is an archive that is to be opened.
    pub archive: bool,
}

/// A blob of which an earlier scan noted what it is to know of it. It is not read.
pub struct Noted<'h> {
    /// Handle for [`History::places`].
    pub handle: Handle,
    /// Its id.
    pub id: ObjectId,
    /// The note.
    pub note: &'h [u8],
}

/// Names a blob of one [`History`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(Number);

/// Called for every blob, on many threads, with the thread's own state; gives what to remember.
pub type OnBlob<'f, S, M> = dyn Fn(&mut S, &HistoryBlob<'_, M>) -> Option<M> + Sync + 'f;

impl History {
    /// True when `path` is in a git repository, whether it can be read or not.
    pub fn exists(path: &Path) -> bool {
        let found = ignore_files::discover(path);
        !found.is_err_and(|error| error.code() == git2::ErrorCode::NotFound)
    }

    /// Opens the repository around `path` and reads its refs and commits. What `memory` has of it is
    /// not read again.
    ///
    /// # Errors
    /// [`GitError::Open`].
    pub fn open(
        path: &Path,
        memory: Option<&Memory>,
        (ledger, progress): (&Ledger, &Progress),
    ) -> Result<Self, GitError> {
        let repo = ignore_files::discover(path).map_err(|error| open_error(path, &error))?;
        // Nested repositories are looked for in the meantime.
        let (top, case) = (repo.workdir().map(Path::to_owned), ignores_case(&repo));
        let nested = || top.as_deref().map(|top| nested::below(top, case, progress));
        let read = || Self::read_all(&repo, memory, (ledger, progress));
        let (nested, history) = nested::together(nested, read);
        let nested = nested.unwrap_or_default();
        announce::others(&repo, (&nested, &history.submodules), ledger);
        Ok(history)
    }

    fn read_all(
        repo: &git2::Repository,
        memory: Option<&Memory>,
        (ledger, progress): (&Ledger, &Progress),
    ) -> Self {
        // What is cut off may be there next time, below commits that are known then.
        let memory = memory.filter(|_| !repo.is_shallow()).cloned();
        let place = place(repo);
        let refs = refs::Refs::read(repo, ledger);
        let store = store::Store::open(repo, Vec::new());
        let mut kept = memory.as_ref().and_then(|memory| memory.open(&place));
        let (of_refs, at) = (state::of_refs(&refs), At::of(repo));
        let contents = memory.as_ref().and_then(|_| Contents::of(&at.objects(), store.hash()).ok());
        let state = contents.as_ref().map(|now| State::of(now, store.hash(), &of_refs));
        let settled = state.as_ref().zip(kept.as_ref());
        let settled = settled.and_then(|(state, kept)| kept.settled(state)).map(Past::Settled);
        let past = settled.or_else(|| {
            let now = (at.objects(), contents.as_ref()?, &refs);
            let grown = Grown::open(kept.as_mut()?, now, (&store, at.partial()), progress)?;
            Some(Past::Grown(Box::new(grown)))
        });
        let known = past.as_ref().and_then(Past::settled);
        let known = known.map(|settled| (settled.commits, settled.submodules.clone()));
        let (past, commits, submodules) = match past.zip(known) {
            Some((past, (commits, submodules))) => (past, commits, submodules),
            None => {
                let old = (kept.and_then(recall::Kept::snapshot), memory.is_some());
                let (mut whole, submodules) = rayon::join(
                    || Whole::read(at, (&refs, &store), old, (ledger, progress)),
                    || announce::submodules(&store, refs.head),
                );
                announce::gaps(repo, &mut whole, ledger);
                let commits = whole.count();
                (Past::Whole(Box::new(whole)), commits, submodules)
            }
        };
        let state = (state, of_refs);
        let git = repo.path().to_owned();
        Self { place, git, store, past, memory, state, commits, submodules, archives: false }
    }

    /// Whether archives are handed on though they are binary, and in the next scan again.
    #[must_use]
    pub fn with_archives(self, archives: bool) -> Self {
        Self { archives, ..self }
    }

    /// Keeps what was seen for the next scan, if all of it was. A cache that cannot be written is no
    /// fault of the scan; a notice in `ledger` says why.
    pub fn remember(&self, (ledger, progress): (&Ledger, &Progress)) {
        let Some(memory) = &self.memory else { return };
        if progress.interrupted() || ledger.has_problems() {
            return;
        }
        let kept = match (&self.past, &self.state) {
            (Past::Grown(grown), (Some(state), refs)) => {
                grown.remember(memory, &self.place, (state, refs))
            }
            (Past::Settled(_) | Past::Grown(_), _) => return memory.touch(&self.place),
            (Past::Whole(whole), (state, refs)) => {
                let rest = (self.commits, &self.submodules[..]);
                whole.remember(memory, &self.place, (state.as_ref(), refs, rest))
            }
        };
        if let Err(error) = kept {
            let place = self.place.display();
            ledger.notice(format!("what was seen of {place} cannot be kept: {error}"));
        }
    }

    /// How many commits the refs reach.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// The blobs of which an earlier scan noted something.
    pub fn noted(&self) -> Vec<Noted<'_>> {
        match &self.past {
            Past::Settled(settled) => settled.noted().collect(),
            Past::Grown(grown) => grown.settled.noted().collect(),
            Past::Whole(whole) => whole.noted().collect(),
        }
    }

    /// Scans every unique blob once, reachable or not, but for those that are [`History::noted`]. Runs on the current rayon pool.
    pub fn blobs<S: Send, M>(
        &self,
        limits: Limits,
        (ledger, progress): (&Ledger, &Progress),
        new: &(dyn Fn() -> S + Sync),
        on_blob: &OnBlob<'_, S, M>,
    ) -> Vec<S> {
        // For those that are read again.
        self.store.raise(limits.max_size);
        match &self.past {
            Past::Settled(settled) => settled.blobs(&self.store, (ledger, progress), new, on_blob),
            Past::Grown(grown) => {
                let options = (limits, self.archives);
                grown.blobs(&self.store, options, (ledger, progress), (new, on_blob))
            }
            Past::Whole(whole) => {
                whole.blobs((limits, self.archives), (ledger, progress), new, on_blob)
            }
        }
    }

    /// Keeps a note of a blob for the next scan, which gets it from [`History::noted`].
    pub fn note(&self, blob: Handle, note: Vec<u8>) {
        match &self.past {
            Past::Settled(_) => {}
            Past::Grown(grown) => grown.note(blob.0, note),
            Past::Whole(whole) => {
                if let Some(record) = &whole.record {
                    record.note(blob.0, note);
                }
            }
        }
    }

    /// True when what is seen is kept for the next scan, notes included.
    pub fn keeps(&self) -> bool {
        match &self.past {
            Past::Settled(_) => false,
            Past::Grown(_) => true,
            Past::Whole(whole) => whole.record.is_some(),
        }
    }

    /// Where the blobs of `hits` stand, in the order of `hits`; no place for a blob that nothing
    /// reaches, unless `unreachable` commits count too. Goes through all trees also where there are no hits,
    /// for what they name and is not here.
    pub fn places(
        &self,
        hits: &[Handle],
        unreachable: bool,
        (ledger, progress): (&Ledger, &Progress),
    ) -> Vec<Vec<Place>> {
        let missing = self.past.settled().map_or(0, |settled| settled.missing);
        if missing > 0 {
            announce::partial(&self.git, (missing, 0), ledger);
        }
        match &self.past {
            Past::Settled(settled) => settled.places(hits, unreachable, ledger),
            Past::Grown(grown) => grown.places(hits, ledger),
            Past::Whole(whole) => {
                let numbers: Vec<Number> = hits.iter().map(|hit| hit.0).collect();
                whole.places(&numbers, unreachable, (ledger, progress))
            }
        }
    }

    /// Every blob that has a name for which `wanted` holds, in any commit.
    pub fn named(
        &self,
        wanted: &(dyn Fn(&[u8]) -> bool + Sync),
        (ledger, progress): (&Ledger, &Progress),
    ) -> Vec<Handle> {
        let found = match &self.past {
            Past::Settled(settled) => settled.named.clone(),
            Past::Grown(grown) => grown.named(wanted, &self.store, (ledger, progress)),
            Past::Whole(whole) => whole.named(wanted, (ledger, progress)),
        };
        let mut handles: Vec<Handle> = found.into_iter().map(Handle).collect();
        handles.sort_by_key(|handle| self.id(*handle));
        handles
    }

    /// The ref that names the blob itself, such as a tag of a file.
    pub fn named_by(&self, hit: Handle) -> Option<&str> {
        match &self.past {
            Past::Settled(settled) => settled.named_by(hit.0),
            Past::Grown(grown) => grown.settled.named_by(hit.0),
            Past::Whole(whole) => whole.tips.name_of(hit.0),
        }
    }

    /// The id of a blob.
    pub fn id(&self, hit: Handle) -> ObjectId {
        match &self.past {
            Past::Settled(settled) => settled.interest[hit.0 as usize].id,
            Past::Grown(grown) => grown.id(hit.0),
            Past::Whole(whole) => whole.objects.id(hit.0),
        }
    }

    /// Reads one blob again.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, hit: Handle) -> Result<Vec<u8>, ReadError> {
        Ok(self.store.read(self.id(hit))?.into_data())
    }

    /// The facts of a commit; only the id where it cannot be read.
    pub fn commit(&self, id: ObjectId) -> Commit {
        commit::read(&self.store, id)
    }
}

/// The folder that all work trees of a repository share, in one spelling.
fn place(repo: &git2::Repository) -> PathBuf {
    repo.commondir().canonicalize().unwrap_or_else(|_| repo.commondir().to_owned())
}

/// Reads the blob `id` of the repository around `path`, which need not be one that can be scanned.
///
/// # Errors
/// [`GitError`].
pub fn read_blob(path: &Path, id: ObjectId) -> Result<Vec<u8>, GitError> {
    let repo = ignore_files::discover(path).map_err(|error| open_error(path, &error))?;
    let store = store::Store::open(&repo, Vec::new());
    // It was read once before.
    store.raise(u64::MAX);
    Ok(store.read(id)?.into_data())
}
