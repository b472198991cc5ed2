//! Shared counters of a running scan, and the flag that stops it.
//!
//! Producers only add to the counters; whoever draws them (the progress bar) reads them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use bstr::BString;

use crate::blob::{self, ObjectId};

/// The number of the signal that Ctrl-C sends.
const INTERRUPT: u8 = 2;

/// Lists of what is read, by thread: threads that share one seldom wait for each other.
const LISTS: usize = 32;

/// What a thread is reading.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// A file, as it is shown.
    Named(BString),
    /// An object of git.
    Object(ObjectId),
}

impl Reading {
    /// What a person is shown.
    pub fn shown(&self) -> String {
        match self {
            Self::Named(name) => blob::name(name),
            Self::Object(id) => format!("object {id}"),
        }
    }
}

/// Counters of one run. All orderings are relaxed: nothing else is published through them.
#[derive(Debug, Default)]
pub struct Progress {
    blobs: AtomicU64,
    bytes: AtomicU64,
    total: AtomicU64,
    keys: AtomicU64,
    all_keys: AtomicU64,
    /// The signal that ends the run; 0 before there is one.
    stop: AtomicU8,
    finished: AtomicBool,
    /// True while somebody waits for a run that may be given up.
    awaited: AtomicBool,
    given_up: AtomicBool,
    unbroken: Mutex<()>,
    reading: Arc<[List; LISTS]>,
}

/// What the threads that share a list read.
type List = Mutex<Vec<(ThreadId, Reading)>>;

/// While it lives, the thread that made it reads something.
#[must_use]
pub struct Read<'p> {
    list: &'p List,
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        let me = thread::current().id();
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one: a file may be read while an archive is.
        if let Some(at) = list.iter().rposition(|(thread, _)| *thread == me) {
            list.remove(at);
        }
    }
}

impl Progress {
    /// Adds one scanned blob of `bytes` bytes.
    pub fn add(&self, bytes: u64) {
        self.blobs.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds `blobs` scanned blobs that have `bytes` bytes together.
    pub(crate) fn add_all(&self, blobs: u64, bytes: u64) {
        self.blobs.fetch_add(blobs, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Announces `blobs` more to come, for the ETA.
    pub fn expect(&self, blobs: u64) {
        self.total.fetch_add(blobs, Ordering::Relaxed);
    }

    /// Blobs done so far.
    pub fn blobs(&self) -> u64 {
        self.blobs.load(Ordering::Relaxed)
    }

    /// Bytes scanned so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Blobs announced so far; 0 when the number is not known.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Announces `keys` to verify.
    pub fn expect_keys(&self, keys: u64) {
        self.all_keys.fetch_add(keys, Ordering::Relaxed);
    }

    /// Adds one verified key.
    pub fn add_key(&self) {
        self.keys.fetch_add(1, Ordering::Relaxed);
    }

    /// Keys verified so far, and announced so far.
    pub fn keys(&self) -> (u64, u64) {
        (self.keys.load(Ordering::Relaxed), self.all_keys.load(Ordering::Relaxed))
    }

    /// Asks every producer to stop at its next blob, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.interrupt_by(INTERRUPT);
    }

    /// The same for the signal of number `signal`.
    pub fn interrupt_by(&self, signal: u8) {
        self.stop.store(signal, Ordering::Relaxed);
    }

    /// The signal that asked for the end; that of Ctrl-C where there was none.
    pub fn signal(&self) -> u8 {
        match self.stop.load(Ordering::Relaxed) {
            0 => INTERRUPT,
            signal => signal,
        }
    }

    /// Says that all is looked at; what is left is to report it.
    pub fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    /// True once [`Progress::finish`] was called.
    pub fn finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// Notes that this thread reads `what` as long as the answer lives.
    pub fn reading(&self, what: Reading) -> Read<'_> {
        thread_local! {
            static LIST: usize = {
                static NEXT: AtomicUsize = AtomicUsize::new(0);
                NEXT.fetch_add(1, Ordering::Relaxed) % LISTS
            };
        }
        let list = &self.reading[LIST.with(|list| *list)];
        let entry = (thread::current().id(), what);
        list.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        Read { list }
    }

    /// Counters of their own for work that is not stopped; what it reads is known here, too.
    pub(crate) fn aside(&self) -> Self {
        Self { reading: Arc::clone(&self.reading), ..Self::default() }
    }

    /// What is being read, sorted.
    pub fn readings(&self) -> Vec<Reading> {
        let of_list = |list: &List| {
            let list = list.lock().unwrap_or_else(PoisonError::into_inner);
            list.iter().map(|(_, what)| what.clone()).collect::<Vec<Reading>>()
        };
        let mut all: Vec<Reading> = self.reading.iter().flat_map(of_list).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Runs `wait`, which returns soon after [`Progress::give_up`].
    pub fn awaiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.awaited.store(true, Ordering::Relaxed);
        let done = wait();
        self.awaited.store(false, Ordering::Relaxed);
        done
    }

    /// Says that the threads that look will not come back. False where nobody can go on without them.
    pub fn give_up(&self) -> bool {
        let awaited = self.awaited.load(Ordering::Relaxed);
        self.given_up.fetch_or(awaited, Ordering::Relaxed);
        awaited
    }

    /// True once [`Progress::give_up`] was heard.
    pub fn given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Runs `work` to its end before any other work of this kind begins: while a file is written, the
    /// program is not ended.
    pub fn unbroken<T>(&self, work: impl FnOnce() -> T) -> T {
        let _held = self.unbroken.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// True once [`Progress::interrupt`] was called.
    pub fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed) != 0
    }
}
