//! What the index or a range of commits adds, blob by blob: the source of `--staged` and `--range`.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use bstr::{BStr, BString, ByteSlice as _};
use rustc_hash::FxHashSet;

use crate::blob::{Commit, ObjectId};
use crate::finding::SkipReason;
use crate::progress::{Progress, Reading};
use crate::source::archive;
use crate::source::git::added::{Added, is_moved};
use crate::source::git::changes::{Change, Changes, Side, compare};
use crate::source::git::commit;
use crate::source::git::pack::Kind;
use crate::source::git::store::{ReadError, Store};
use crate::source::git::tree::{Mode, entries};
use crate::source::{Ledger, Limits};

/// What one commit, or the index, adds.
#[derive(Debug)]
pub struct Step {
    /// The commit; `None` for the index.
    pub commit: Option<ObjectId>,
    /// Its changes.
    pub changes: Changes,
}

/// Changes of a repository, oldest first.
pub struct Delta {
    pub(crate) store: Store,
    /// The commits, or the one step of the index.
    pub steps: Vec<Step>,
    /// Trees at the start and at the end of a range.
    pub(crate) base: Option<ObjectId>,
    pub(crate) tip: Option<ObjectId>,
}

/// How blobs are visited.
#[derive(Clone, Copy)]
pub struct Visit<'v> {
    /// What is read.
    pub limits: Limits,
    /// Whether archives are handed on though they are binary.
    pub archives: bool,
    /// Most worker threads.
    pub threads: usize,
    /// Takes what is left out.
    pub ledger: &'v Ledger,
    /// Counts, and may stop the visit.
    pub progress: &'v Progress,
}

/// Called for every blob, on many threads, with the thread's own state.
pub(super) type OnBlob<'f, S> = dyn Fn(&mut S, (ObjectId, &BStr), &[u8]) + Sync + 'f;

impl Step {
    /// Names the folders that could not be compared.
    pub(super) fn tell_lost(&mut self, ledger: &Ledger) {
        let of = self
            .commit
            .map_or("what is staged there".to_owned(), |id| format!("what commit {id} adds there"));
        for (path, error) in std::mem::take(&mut self.changes.lost) {
            ledger.problem(path.to_string(), format!("{error}; {of} was not scanned"));
        }
    }
}

impl Delta {
    /// Scans each blob of `blobs` (id, and path for messages) once. Blobs that cannot be read are
    /// problems in `ledger`.
    pub fn blobs<S: Send>(
        &self,
        blobs: &[(ObjectId, &BStr)],
        Visit { limits, archives, threads, ledger, progress }: Visit<'_>,
        new: &(dyn Fn() -> S + Sync),
        on_blob: &OnBlob<'_, S>,
    ) -> Vec<S> {
        // A thread costs more than a few blobs do.
        const WORTH: usize = 8;
        let store = &self.store;
        store.raise(limits.max_size);
        progress.expect(blobs.len() as u64);
        let next = AtomicUsize::new(0);
        let spoilt = Mutex::new(Vec::new());
        let work = || {
            let mut state = new();
            while let Some((id, path)) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                if progress.interrupted() {
                    break;
                }
                let place = || path.to_string();
                let _reads = progress.reading(Reading::Named((*path).to_owned()));
                ledger.contain_with((&mut state, new, &spoilt), place, |state| {
                    one(store, (*id, path), (limits, archives), (ledger, progress), &mut |bytes| {
                        on_blob(state, (*id, path), bytes);
                    });
                });
            }
            state
        };
        let threads = threads.min(blobs.len() / WORTH);
        let states = Mutex::new(Vec::new());
        let work = || {
            let state = work();
            states.lock().unwrap_or_else(PoisonError::into_inner).push(state);
        };
        if threads < 2 {
            work();
        } else {
            rayon::scope(|scope| (0..threads).for_each(|_| scope.spawn(|_| work())));
        }
        let mut states = states.into_inner().unwrap_or_else(PoisonError::into_inner);
        states.append(&mut spoilt.into_inner().unwrap_or_else(PoisonError::into_inner));
        states
    }

    /// Reads one blob.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, blob: ObjectId) -> Result<Vec<u8>, ReadError> {
        Ok(self.store.read(blob)?.into_data())
    }

    /// The size of one blob.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn size(&self, blob: ObjectId) -> Result<u64, ReadError> {
        self.store.size(blob)
    }

    /// The new lines of `change`, a change of `step`; `bytes` is its decoded content.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn added(&self, step: &Step, change: &Change, bytes: &[u8]) -> Result<Added, ReadError> {
        Added::of(&self.store, (change, &step.changes.removed), bytes)
    }

    /// The blobs that stood at the path of `change`, a change of `step`, in its parents; where a parent has it
    /// under another name, the blob itself.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn before(&self, step: &Step, change: &Change) -> Result<Vec<ObjectId>, ReadError> {
        let mut all = Vec::new();
        for (at, before) in change.before.iter().enumerate() {
            match before {
                Some(blob) => all.push(*blob),
                None if is_moved(&self.store, step.changes.removed.get(at), change.blob)? => {
                    all.push(change.blob);
                }
                None => {}
            }
        }
        Ok(all)
    }

    /// The new files of the whole range, start against end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn net(&self) -> Result<Changes, ReadError> {
        let Some(tip) = self.tip else { return Ok(Changes::default()) };
        let base: Vec<ObjectId> = self.base.into_iter().collect();
        compare(&self.store, Side::Tree(tip), &base)
    }

    /// The blob at `path` at the end of the range.
    ///
    /// # Errors
    /// [`ReadError`]: a folder on the way.
    pub fn at_tip(&self, path: &BString) -> Result<Option<ObjectId>, ReadError> {
        self.at(self.tip, path)
    }

    /// The blob at `path` at the start of the range.
    ///
    /// # Errors
    /// [`ReadError`]: a folder on the way.
    pub fn at_base(&self, path: &BString) -> Result<Option<ObjectId>, ReadError> {
        self.at(self.base, path)
    }

    fn at(&self, tree: Option<ObjectId>, path: &[u8]) -> Result<Option<ObjectId>, ReadError> {
        let mut open: Vec<(ObjectId, &[u8])> = tree.map(|tree| (tree, path)).into_iter().collect();
        // A name may stand in a tree many times, and may have a slash in it.
        let mut seen = FxHashSet::default();
        while let Some((tree, rest)) = open.pop() {
            if !seen.insert((tree, rest.len())) {
                continue;
            }
            let object = self.store.read(tree)?;
            for (mode, name, id) in entries(object.data(), self.store.hash()) {
                match (rest.strip_prefix(name), mode) {
                    (Some([]), Mode::Blob) => return Ok(Some(id)),
                    (Some([b'/', inside @ ..]), Mode::Tree) => open.push((id, inside)),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    /// The facts of a commit; only the id where it cannot be read.
    pub fn commit(&self, id: ObjectId) -> Commit {
        commit::read(&self.store, id)
    }
}

/// Reads one blob and hands it on, unless it is too large or binary.
fn one(
    store: &Store,
    (id, path): (ObjectId, &BStr),
    (limits, archives): (Limits, bool),
    (ledger, progress): (&Ledger, &Progress),
    hand_on: &mut dyn FnMut(&[u8]),
) {
    let skip = |reason| ledger.skip(reason, path.to_string());
    let lost = |error: ReadError| ledger.problem(path.to_string(), error.to_string());
    match store.size(id) {
        Ok(size) if size > limits.max_size => return skip(SkipReason::TooLarge),
        Ok(_) => {}
        Err(error) => return lost(error),
    }
    match store.read(id) {
        Ok(object) if object.kind() != Kind::Blob => {
            let text = format!(
                "the tree says that it is a file, and it is a {kind}; what it has was not scanned",
                kind = object.kind().name().as_bstr()
            );
            ledger.problem(path.to_string(), text);
        }
        // Members are counted one by one.
        Ok(blob) if archives && archive::kind(blob.data()).is_some() => hand_on(blob.data()),
        Ok(blob) if !limits.binary && crate::text::is_binary(blob.data()) => {
            skip(SkipReason::Binary);
        }
        Ok(blob) => {
            progress.add(blob.data().len() as u64);
            hand_on(blob.data());
        }
        Err(error) => lost(error),
    }
}
