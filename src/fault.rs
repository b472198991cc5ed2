//! A fault of keylint itself while it looks at one file: that file is named, and the run goes on.

use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// What is said of the place. The panic's own message may quote what was scanned, so it is dropped; the
/// hook has told where in keylint's source it was.
pub const TEXT: &str = "keylint failed on it (an internal fault): what it holds may not have been \
                        scanned or reported; the rest was; please report this";

thread_local! {
    /// True while this thread does work whose panics are contained.
    static CONTAINS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` where it panics. What `work` was changing is then not to be relied on. The hook of the
/// process does not hear of the panic, whose message may quote a secret: a line on standard error says where it was.
pub fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match CONTAINS.get() {
            true => tell(panic),
            false => others(panic),
        }));
    });
    let outer = CONTAINS.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    CONTAINS.set(outer);
    done
}

/// What `mutex` holds, also where a thread panicked with it.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says where in the source a panic was, and not what it said.
pub fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    // Nothing is left to do when stderr is gone.
    let _ = writeln!(std::io::stderr(), "keylint: internal fault at {place}; please report it");
}
