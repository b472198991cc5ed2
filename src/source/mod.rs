//! Producers of content: the work tree, standard input and git history.
//!
//! A source knows nothing of rules. It hands bytes to a callback on its worker threads and says
//! what it skipped or could not read.

pub mod archive;
pub mod files;
mod folds;
pub mod git;
mod hidden;
mod ignore_files;
pub mod members;
mod nested;
pub mod status;
pub mod tracked;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bstr::{BStr, ByteSlice as _};

use self::archive::inside;
use self::archive::layers::Images;
use self::archive::layout::{self, Layout};
use crate::fault;
use crate::finding::{Problem, SkipReason, Stats};

/// Limits that every source keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest file or blob that is scanned, in bytes.
    pub max_size: u64,
    /// Scan content with NUL bytes too.
    pub binary: bool,
}

/// What a source left out, gathered from all threads.
#[derive(Debug, Default)]
pub struct Ledger {
    inner: Mutex<Entries>,
    /// Where a test wants a fault: in the contained work of which file, and how many come before it.
    #[cfg(test)]
    trap: Mutex<Option<(&'static str, usize)>>,
}

#[derive(Debug, Default)]
struct Entries {
    skipped: BTreeMap<SkipReason, Vec<String>>,
    problems: Vec<Problem>,
    notices: Vec<String>,
    /// Images by the file that they stand in, or by the folder of their layout.
    images: BTreeMap<Vec<u8>, Images>,
}

impl Ledger {
    /// Counts and lists something left out on purpose.
    pub fn skip(&self, reason: SkipReason, place: String) {
        self.with(|entries| entries.skipped.entry(reason).or_default().push(place));
    }

    /// Takes back what was left out for `reason` and is `wanted` after all, sorted.
    pub fn take(&self, reason: SkipReason, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
        let mut taken = Vec::new();
        self.with(|entries| {
            if let Some(places) = entries.skipped.get_mut(&reason) {
                let all = std::mem::take(places);
                (taken, *places) = all.into_iter().partition(|place| wanted(place));
                if places.is_empty() {
                    entries.skipped.remove(&reason);
                }
            }
        });
        taken.sort_unstable();
        taken
    }

    /// Lists something that could not be read.
    pub fn problem(&self, place: String, message: String) {
        self.with(|entries| entries.problems.push(Problem { place, message }));
    }

    /// Runs `work` on what stands at `place`. Where it panics, that is a problem of this place and `None`.
    #[cfg_attr(test, track_caller)]
    pub fn contain<T>(
        &self,
        place: impl FnOnce() -> String,
        work: impl FnOnce() -> T,
    ) -> Option<T> {
        #[cfg(test)]
        let file = std::panic::Location::caller().file();
        let done = fault::contained(|| {
            #[cfg(test)]
            self.step_on_trap(file);
            work()
        });
        if done.is_none() {
            self.problem(place(), fault::TEXT.to_owned());
        }
        done
    }

    /// The same with a thread's state. A state that `work` may have left in disorder is put aside into
    /// `spoilt`, for what it holds of other places, and a new one takes over.
    pub(crate) fn contain_with<S, T>(
        &self,
        (state, new, spoilt): (&mut S, &(dyn Fn() -> S + Sync), &Mutex<Vec<S>>),
        place: impl FnOnce() -> String,
        work: impl FnOnce(&mut S) -> T,
    ) -> Option<T> {
        let done = self.contain(place, || work(state));
        if done.is_none() {
            let old = std::mem::replace(state, new());
            spoilt.lock().unwrap_or_else(PoisonError::into_inner).push(old);
        }
        done
    }

    /// Makes the work panic that is contained in the source file `file` after `before` others.
    #[cfg(test)]
    pub(crate) fn set_trap(&self, file: &'static str, before: usize) {
        *self.trap.lock().unwrap() = Some((file, before));
    }

    #[cfg(test)]
    fn step_on_trap(&self, file: &str) {
        let mut trap = self.trap.lock().unwrap();
        match &mut *trap {
            Some((end, 0)) if file.ends_with(*end) => {
                *trap = None;
                drop(trap);
                panic!("hunter2-and-more");
            }
            Some((end, left)) if file.ends_with(*end) => *left -= 1,
            _ => {}
        }
    }

    /// True when something could not be read.
    pub fn has_problems(&self) -> bool {
        let mut any = false;
        self.with(|entries| any = !entries.problems.is_empty());
        any
    }

    /// Adds a line for the user that is no fault.
    pub fn notice(&self, text: String) {
        self.with(|entries| entries.notices.push(text));
    }

    /// Takes what the layers of the images in the file `shown` do to each other.
    fn images(&self, shown: &[u8], images: Images) {
        self.with(|entries| _ = entries.images.insert(shown.to_vec(), images));
    }

    /// Changes what is known of the images in the layout `folder`.
    fn layout(&self, folder: &[u8], change: impl FnOnce(&mut Images)) {
        self.with(|entries| change(entries.images.entry(folder.to_vec()).or_default()));
    }

    /// Looks whether `bytes` of the blob `blob` of a layout list the layers of an image.
    fn manifest(&self, Layout { folder, name }: &Layout, bytes: &[u8]) {
        let at = inside(BStr::new(""), name);
        self.layout(folder, |images| images.manifest(at.as_bstr(), bytes));
    }

    /// What is to be said of the member `shown`, such as `image.tar!/LAYER!/app/.env`, where a later layer
    /// deletes or replaces it.
    pub(crate) fn fate(&self, shown: &[u8]) -> Option<String> {
        let mut fate = None;
        self.with(|entries| {
            let mut ends = shown.find_iter("!/");
            fate = ends.find_map(|end| {
                let (file, at) = shown.split_at(end);
                if let Some(images) = entries.images.get(file) {
                    return images.fate(at);
                }
                let Layout { folder, name } = layout::split(file)?;
                let at = [inside(BStr::new(""), &name).as_slice(), at].concat();
                entries.images.get(folder.as_slice())?.fate(&at)
            });
        });
        fate
    }

    /// Moves everything into a report's parts, sorted, so that threads leave no trace.
    pub fn drain(&self, stats: &mut Stats, problems: &mut Vec<Problem>, notices: &mut Vec<String>) {
        self.with(|entries| {
            for (reason, places) in std::mem::take(&mut entries.skipped) {
                stats.skipped.entry(reason).or_default().extend(places);
            }
            problems.append(&mut entries.problems);
            notices.append(&mut entries.notices);
        });
        stats.skipped.values_mut().for_each(|places| {
            places.sort_unstable();
            places.dedup();
        });
        problems.sort_unstable();
        problems.dedup();
        notices.dedup();
    }

    fn with(&self, change: impl FnOnce(&mut Entries)) {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
