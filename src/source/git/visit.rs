//! Hands the blobs of a history to the scanner, and notes what each one is.

use crate::progress::Progress;
use crate::source::git::objects::{Number, Objects, OfBase};
use crate::source::git::pack::Kind;
use crate::source::git::recall::Record;
use crate::source::git::snapshot::What;
use crate::source::git::{Handle, HistoryBlob, OnBlob};
use crate::source::{Ledger, Limits, archive};
use crate::text;

/// Where what is seen is noted, if it is to be, and what is added to numbers of objects there and in handles.
pub(crate) type To<'r> = (Option<&'r Record>, Number);

/// Scans every blob of `objects` once that a walk visits. Those that are left out go to `ledger`; `archives` are
/// handed on though they are binary.
pub(crate) fn blobs<S: Send, M>(
    objects: &Objects,
    (record, base): To<'_>,
    (limits, archives): (Limits, bool),
    (ledger, progress): (&Ledger, &Progress),
    (new, on_blob): (&(dyn Fn() -> S + Sync), &OnBlob<'_, S, M>),
) -> Vec<S> {
    let new = || (new(), Vec::new());
    // Notes what a blob is; false where it is left out.
    let seen = |blobs: &mut Vec<_>, number: Number, what: What, size: u64| {
        if record.is_some() {
            blobs.push((base + number, what, u32::try_from(size).unwrap_or(u32::MAX)));
        }
        let reason = what.left_out();
        if let Some(reason) = reason {
            ledger.skip(reason, format!("blob {id}", id = objects.id(number)));
        }
        reason.is_none()
    };
    let large = |state: &mut (S, Vec<_>), number: Number, size: u64| {
        seen(&mut state.1, number, What::TooLarge, size);
    };
    let visit = |state: &mut (S, Vec<_>), number: Number, bytes: &[u8], base_of: OfBase<'_, M>| {
        let what = if bytes.len() as u64 > limits.max_size {
            What::TooLarge
        } else if archives && archive::kind(bytes).is_some() {
            What::Interest
        } else if !limits.binary && text::is_binary(bytes) {
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
        let (handle, id) = (Handle(base + number), &|| objects.id(number));
        let archive = what == What::Interest;
        on_blob(&mut state.0, &HistoryBlob { handle, bytes, base: base_of, id, archive })
    };
    let blobs = (Kind::Blob, limits.max_size);
    let states = objects.walk_small(blobs, (progress, ledger), &new, (&visit, &large));
    let split = |(state, blobs)| {
        if let Some(record) = record {
            record.blobs(blobs);
        }
        state
    };
    states.into_iter().map(split).collect()
}
