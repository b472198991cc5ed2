//! Git: every unique blob of a history once, and where the interesting ones stand; what the index or
//! a range of commits adds.
//!
//! libgit2 opens the repository and looks up single refs; objects are read here: the bulk of them by
//! `deltas`, which shares delta bases, single ones by `store`. No git program, hook, filter or credential
//! helper is ever run.

mod added;
mod ancestry;
mod changes;
mod children;
mod commit;
mod commits;
mod delta;
mod deltas;
mod environment;
mod error;
mod ewah;
#[cfg(test)]
pub(crate) mod example;
mod forest;
mod graph;
mod hooks;
pub(in crate::source) mod index;
mod instructions;
pub(crate) mod loose;
mod objects;
mod pack;
mod packindex;
mod packs;
mod range;
mod recall;
mod refs;
mod snapshot;
mod staged;
mod store;
mod tips;
mod tree;

use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice as _};

use crate::blob::{Commit, ObjectId};
use crate::finding::SkipReason;
use crate::progress::Progress;
use crate::source::files::slashes;
use crate::source::tracked::ignores_case;
use crate::source::{Ledger, Limits, archive, ignore_files, nested};
use crate::span::Copied;
pub use added::{Added, Versions};
pub use changes::{Change, Changes};
pub use delta::{Delta, Step, Visit};
pub use error::GitError;
use error::open_error;
pub use graph::Place;
pub use hooks::{HooksFolder, Level};
pub use index::IndexError;
pub(in crate::source) use objects::folders;
use objects::{Number, Objects, OfBase};
use pack::Kind;
pub use range::Wanted;
pub use recall::Memory;
use recall::{Known, Record};
use snapshot::What;
pub use snapshot::describe;
pub use staged::Checkout;
pub use store::ReadError;

/// An open repository.
pub struct History {
    repo: git2::Repository,
    objects: Objects,
    store: store::Store,
    commits: commits::Commits,
    tips: tips::Tips,
    memory: Option<Memory>,
    known: Option<Known>,
    /// What is seen, where it is to be kept.
    record: Option<Record>,
    /// Trees of commits that a partial clone does not have.
    trees: usize,
    archives: bool,
}

/// A blob as it is handed to the scanner. `M` is what is remembered of a blob.
pub struct HistoryBlob<'b, M> {
    /// Handle for [`History::places`].
    pub handle: Handle,
    /// The content.
    pub bytes: &'b [u8],
    /// What was remembered of the version it is stored as a change of, and what it takes over.
    pub base: Option<(&'b M, &'b [Copied])>,
    /// What an earlier scan noted of it.
    pub note: Option<&'b [u8]>,
    /// Its id.
    pub id: ObjectId,
    /// True where it is an archive that is to be opened.
    pub archive: bool,
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
        let read = || Self::read_all(repo, memory, (ledger, progress));
        let (nested, mut history) = nested::together(nested, read);
        history.announce(&nested.unwrap_or_default(), ledger);
        Ok(history)
    }

    fn read_all(
        repo: git2::Repository,
        memory: Option<&Memory>,
        (ledger, progress): (&Ledger, &Progress),
    ) -> Self {
        // What is cut off may be there next time, below commits that are known then.
        let memory = memory.filter(|_| !repo.is_shallow()).cloned();
        let hash = store::hash(&repo);
        let old = memory.as_ref().and_then(|memory| memory.read(&place(&repo)));
        let old = old.filter(|old| old.hash == hash);
        let objects = Objects::open(&repo.commondir().join("objects"), hash, old.as_ref(), ledger);
        let known = old.map(|old| Known::new(old, &objects));
        let commits = commits::Commits::read(&objects, known.as_ref(), (progress, ledger));
        let refs = refs::Refs::read(&repo, ledger);
        let store = store::Store::open(&repo, Vec::new());
        let tips = tips::Tips::read(&refs, &store, (&objects, &commits), ledger);
        let record = memory.as_ref().map(|_| Record::default());
        let (trees, archives) = (0, false);
        Self { repo, objects, store, commits, tips, memory, known, record, trees, archives }
    }

    /// Whether archives are handed on though they are binary, and in the next scan again.
    #[must_use]
    pub fn with_archives(self, archives: bool) -> Self {
        Self { archives, ..self }
    }

    /// Keeps what was seen for the next scan, if all of it was. A cache that cannot be written is no
    /// fault of the scan; a notice in `ledger` says why.
    pub fn remember(&self, (ledger, progress): (&Ledger, &Progress)) {
        let (Some(memory), Some(record)) = (&self.memory, &self.record) else { return };
        if progress.interrupted() || ledger.has_problems() || self.partial() {
            return;
        }
        let place = place(&self.repo);
        if self.objects.all_known() && self.known.as_ref().is_some_and(|it| !it.has_shrunk()) {
            return memory.touch(&place);
        }
        let Some(commits) = self.commits.whole() else { return };
        let snapshot = record.snapshot(&self.objects, self.known.as_ref(), commits);
        if let Some(error) = snapshot.and_then(|it| memory.write(&place, &it).err()) {
            let place = place.display();
            ledger.notice(format!("what was seen of {place} cannot be kept: {error}"));
        }
    }

    /// Says what is not scanned; `nested` are the folders of the work tree that are repositories.
    fn announce(&mut self, nested: &[PathBuf], ledger: &Ledger) {
        let place = self.repo.path().display();
        let cuts = refs::shallow(&self.repo);
        if self.repo.is_shallow() {
            ledger.notice(format!(
                "{place} is a shallow clone: history before its cut ({cuts}) was not scanned; \
                 `git fetch --unshallow` brings it",
                cuts = few(&cuts.iter().map(|id| id.short(12)).collect::<Vec<_>>())
            ));
        }
        let tips = (&self.tips.commits[..], &cuts[..], self.partial());
        self.trees = self.commits.announce(&self.objects, tips, ledger);
        let head = self.tips.head.and_then(|head| self.commits.tree(head));
        let head = head.map(|tree| self.objects.id(tree));
        let submodules = self.submodules(head);
        self.announce_nested(nested, &submodules, ledger);
        for path in submodules {
            let top = self.repo.workdir().unwrap_or_else(|| self.repo.path());
            let open = path.to_path().map(|path| ignore_files::submodule(top, path));
            let state = match open {
                Ok(Ok(Some(_))) => "its own history was not scanned",
                Ok(Ok(None)) => "it is not checked out",
                Ok(Err(_)) | Err(_) => "it cannot be opened",
            };
            let name = crate::blob::name(&path);
            ledger.notice(format!("submodule {name}: {state}; name its folder to scan it"));
        }
    }

    /// Says which of the `nested` ones are repositories of their own, besides `submodules`.
    fn announce_nested(&self, nested: &[PathBuf], submodules: &[BString], ledger: &Ledger) {
        let Some(top) = self.repo.workdir() else { return };
        let (here, mut found) = (place(&self.repo), Vec::new());
        for path in nested {
            // Another work tree of this repository has no history of its own.
            let is_own = |repo: git2::Repository| place(&repo) == here;
            let known = ignore_files::submodule(top, path).is_ok_and(|it| it.is_some_and(is_own));
            let name = slashes(path);
            if !known && !submodules.contains(&name) {
                found.push(crate::blob::name(&name));
            }
        }
        let noun = match found.len() {
            0 => return,
            1 => "a git repository of its own",
            _ => "git repositories of their own",
        };
        ledger.notice(format!(
            "nested in the work tree and {noun}: {few}; what their commits hold was not scanned; \
             `keylint scan --history FOLDER` does that",
            few = few(&found)
        ));
    }

    /// Paths of submodules in the tree `head`. What of it cannot be read is named by who reads all trees.
    fn submodules(&self, head: Option<ObjectId>) -> Vec<BString> {
        let store = &self.store;
        let (mut found, mut seen) = (Vec::new(), rustc_hash::FxHashSet::default());
        let mut open: Vec<(ObjectId, BString)> =
            head.map(|id| (id, BString::default())).into_iter().collect();
        while let Some((id, path)) = open.pop() {
            // Ten trees that each name the next one ten times have a billion paths.
            let tree = seen.insert(id).then(|| store.read(id));
            let Some(Ok(tree)) = tree else { continue };
            for (mode, name, id) in tree::entries(tree.data(), store.hash()) {
                let inner = || BString::from([&path[..], name].concat());
                match mode {
                    tree::Mode::Submodule => found.push(inner()),
                    tree::Mode::Tree => {
                        open.push((id, BString::from([&inner()[..], b"/"].concat())));
                    }
                    tree::Mode::Blob => {}
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// How many commits the refs reach.
    pub fn commits(&self) -> u64 {
        self.commits.oldest_first(Some(&self.tips.commits)).len() as u64
    }

    /// True when git may fetch missing objects later: it marks packs of such clones.
    fn partial(&self) -> bool {
        let packs = std::fs::read_dir(self.repo.commondir().join("objects/pack"));
        let promisor = |entry: std::fs::DirEntry| {
            entry.path().extension().is_some_and(|extension| extension == "promisor")
        };
        packs.into_iter().flatten().flatten().any(promisor)
    }

    /// Scans every unique blob once, reachable or not. Runs on the current rayon pool.
    pub fn blobs<S: Send, M>(
        &self,
        limits: Limits,
        (ledger, progress): (&Ledger, &Progress),
        new: &(dyn Fn() -> S + Sync),
        on_blob: &OnBlob<'_, S, M>,
    ) -> Vec<S> {
        progress.expect(self.objects.count(Kind::Blob) as u64);
        self.replay((ledger, progress));
        let (objects, known) = (&self.objects, self.known.as_ref());
        let (keeps, archives) = (self.keeps(), self.archives);
        // For those that are read again.
        self.store.raise(limits.max_size);
        let new = || (new(), Vec::new());
        // Notes what a blob is; false where it is left out.
        let seen = |blobs: &mut Vec<_>, number: Number, what: What, size: u64| {
            if keeps {
                blobs.push((number, what, u32::try_from(size).unwrap_or(u32::MAX)));
            }
            let reason = skipped(what);
            if let Some(reason) = reason {
                ledger.skip(reason, format!("blob {id}", id = objects.id(number)));
            }
            reason.is_none()
        };
        let large = |state: &mut (S, Vec<_>), number: Number, size: u64| {
            seen(&mut state.1, number, What::TooLarge, size);
        };
        let visit = |state: &mut (S, Vec<_>), number: Number, bytes: &[u8], base: OfBase<'_, M>| {
            let what = if bytes.len() as u64 > limits.max_size {
                What::TooLarge
            } else if archives && archive::kind(bytes).is_some() {
                What::Interest
            } else if !limits.binary && crate::text::is_binary(bytes) {
                What::Binary
            } else {
                What::Clean
            };
            if !seen(&mut state.1, number, what, bytes.len() as u64) {
                return None;
            }
            // Members are counted one by one.
            if what == What::Clean {
                progress.add(bytes.len() as u64);
            }
            let note = known.and_then(|known| known.note(number));
            let (handle, id) = (Handle(number), objects.id(number));
            let archive = what == What::Interest;
            on_blob(&mut state.0, &HistoryBlob { handle, bytes, base, note, id, archive })
        };
        let blobs = (Kind::Blob, limits.max_size);
        let states = objects.walk_small(blobs, (progress, ledger), &new, (&visit, &large));
        let split = |(state, blobs)| {
            if let Some(record) = &self.record {
                record.blobs(blobs);
            }
            state
        };
        states.into_iter().map(split).collect()
    }

    /// Keeps a note of a blob for the next scan, which gets it in [`HistoryBlob::note`].
    pub fn note(&self, blob: Handle, note: Vec<u8>) {
        if let Some(record) = &self.record {
            record.note(blob.0, note);
        }
    }

    /// True when what is seen is kept for the next scan, notes included.
    pub fn keeps(&self) -> bool {
        self.record.is_some()
    }

    /// Counts and lists the blobs that are known from before, as if they had been read.
    fn replay(&self, (ledger, progress): (&Ledger, &Progress)) {
        for (number, what, size) in self.known.iter().flat_map(Known::seen) {
            if let Some(reason) = skipped(what) {
                ledger.skip(reason, format!("blob {id}", id = self.objects.id(number)));
            } else if what == What::Clean {
                progress.expect(1);
                progress.add(u64::from(size));
            }
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
        // What was found before an interruption still needs its places, so this is not stopped.
        let progress = &progress.aside();
        let partial = self.partial();
        let numbers: Vec<Number> = hits.iter().map(|hit| hit.0).collect();
        let known = (self.known.as_ref(), &numbers[..]);
        let trees = graph::Trees::read(&self.objects, known, partial, (progress, ledger));
        if let Some(record) = &self.record {
            record.interest(&numbers);
            trees.keep(&numbers, record);
        }
        if partial {
            let mut count = format!("{count} blobs", count = trees.missing());
            if self.trees > 0 {
                count += &format!(", {count} trees and what they have", count = self.trees);
            }
            ledger.notice(format!(
                "{place} is a partial clone: {count} are not here and were not scanned; \
                 `git fetch --refetch --no-filter` brings them",
                place = self.repo.path().display(),
            ));
        }
        let mut order = self.commits.oldest_first(Some(&self.tips.commits));
        if unreachable {
            // Reachable commits come first, so a blob that both reach names a reachable one.
            let reached: rustc_hash::FxHashSet<Number> =
                order.iter().map(|node| node.commit).collect();
            let all = self.commits.oldest_first(None);
            order.extend(all.into_iter().filter(|node| !reached.contains(&node.commit)));
        }
        if !partial {
            trees.announce(&self.objects, (&order, &self.tips.trees), ledger);
        }
        let head = self.tips.head.and_then(|head| self.commits.tree(head));
        let (places, cut) =
            trees.places(&self.objects, hits.len(), &order, (head, &self.tips.trees));
        if cut {
            if let Some(record) = &self.record {
                record.cut();
            }
            ledger.problem(
                self.repo.path().display().to_string(),
                "folders with findings nest deeper than 2048 or are made to have millions of paths; \
                 not all places of findings are listed"
                    .to_owned(),
            );
        }
        places
    }

    /// Every blob that has a name for which `wanted` holds, in any commit.
    pub fn named(
        &self,
        wanted: &(dyn Fn(&[u8]) -> bool + Sync),
        (ledger, progress): (&Ledger, &Progress),
    ) -> Vec<Handle> {
        // The trees are walked a second time, which is not what the bar counts.
        let progress = &progress.aside();
        let found = graph::named(&self.objects, self.known.as_ref(), wanted, (progress, ledger));
        if let Some(record) = &self.record {
            record.named(&found);
        }
        let mut handles: Vec<Handle> = found.into_iter().map(Handle).collect();
        handles.sort_by_key(|handle| self.id(*handle));
        handles
    }

    /// The ref that names the blob itself, such as a tag of a file.
    pub fn named_by(&self, hit: Handle) -> Option<&str> {
        self.tips.name_of(hit.0)
    }

    /// The id of a blob.
    pub fn id(&self, hit: Handle) -> ObjectId {
        self.objects.id(hit.0)
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

/// Why a blob was left out, if it was.
fn skipped(what: What) -> Option<SkipReason> {
    match what {
        What::TooLarge => Some(SkipReason::TooLarge),
        What::Binary => Some(SkipReason::Binary),
        What::Other | What::Clean | What::Interest => None,
    }
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

/// How many things of a kind are named.
const SHOWN: usize = 3;

/// The first of `names`, and how many more there are.
fn few(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
