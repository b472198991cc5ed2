//! A fault of keylint itself while it looks at one file: that file is named, and the run goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is said of the place. The panic's own message may quote what was scanned, so it is dropped; the
/// program's hook has told where in keylint's source it was.
pub const TEXT: &str = "keylint failed on it (an internal fault): what it holds may not have been \
                        scanned or reported; the rest was; please report this";

/// Runs `work`; `None` where it panics. What `work` was changing is then not to be relied on.
pub fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
