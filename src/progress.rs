//! Shared counters of a running scan, and the flag that stops it.
//!
//! Producers only add to the counters; whoever draws them (the progress bar) reads them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The number of the signal that Ctrl-C sends.
const INTERRUPT: u8 = 2;

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
    unbroken: Mutex<()>,
}

impl Progress {
    /// Adds one scanned blob of `bytes` bytes.
    pub fn add(&self, bytes: u64) {
        self.blobs.fetch_add(1, Ordering::Relaxed);
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
