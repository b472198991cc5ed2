//! Archives in git: members of blobs are scanned like files of their own.

use std::io::Cursor;

use bstr::{BStr, BString, ByteSlice as _};

use crate::plan::Plan;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::archive::{Job, visit};

/// A member of an archive.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// How many members come before it; names may be there twice.
    pub(super) nth: usize,
    /// Where it stands, such as `!/src/app.py`.
    pub(super) at: BString,
}

/// Hands the members of the archive `bytes`, a blob that is shown as `name`, to `each`.
pub(super) fn members(
    plan: &Plan,
    (name, bytes): (&BStr, &[u8]),
    (ledger, progress): (&Ledger, &Progress),
    each: &mut dyn FnMut(Member, &[u8]),
) {
    let (depth, limits, shown) = (plan.archives, plan.limits, name.as_bytes());
    let job = Job { depth, limits, ledger, shown, path: None, layout: None, progress };
    let mut nth = 0;
    visit(&job, &mut Cursor::new(bytes), bytes.len() as u64, &mut |at: &BStr, bytes| {
        each(Member { nth, at: at.to_owned() }, bytes);
        nth += 1;
    });
}
