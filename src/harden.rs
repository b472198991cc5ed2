//! What the process asks of the system for itself: that what a scan holds in memory stays there (no core
//! dump, no other process of the user that attaches), and whether it gets the threads that it wants.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Sets the limit on core dumps to zero and, on Linux, marks the process as one that is not dumped. Where
/// the system refuses, the scan goes on: it is a precaution, and nothing rests on it.
pub fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
    // The limit does not hold where a program takes the dumps, as on most desktops.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// True when `n` more threads can be started now. They are only tried where a limit is set: to start them
/// takes longer than a small scan.
pub fn gives_threads(n: usize) -> bool {
    if !is_limited() {
        return true;
    }
    let gate = Mutex::new(());
    let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let wait = || drop(gate.lock());
        let start = |_| thread::Builder::new().spawn_scoped(scope, wait).is_ok();
        let all = (0..n).all(start);
        drop(closed);
        all
    })
}

/// True where address space is limited, or threads to a number that a machine may have.
#[cfg(unix)]
fn is_limited() -> bool {
    use rustix::process::{Resource, getrlimit};
    const MANY: u64 = 4096;
    let threads = getrlimit(Resource::Nproc).current;
    getrlimit(Resource::As).current.is_some() || threads.is_some_and(|most| most < MANY)
}

#[cfg(not(unix))]
fn is_limited() -> bool {
    false
}
