//! What each command does, one file a command; they return the exit code.

pub(crate) mod cache;
pub(crate) mod fix;
pub(crate) mod guide;
pub(crate) mod hook;
pub(crate) mod lsp;
mod progress;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod setup;
pub(crate) mod signals;
mod terminal;
pub(crate) mod triage;
pub(crate) mod verify;
