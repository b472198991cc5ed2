//! All integration tests, in one binary: they run the real program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod action;
mod archived;
mod archives;
mod baseline;
mod bombs;
mod book;
mod browser;
mod cli;
mod common;
mod config;
mod databases;
mod decode;
mod docs;
mod dumps;
#[cfg(unix)]
mod environment;
mod faults;
mod fix;
mod formats;
mod fuzz;
mod git;
mod growth;
mod guide;
mod hangs;
mod hook;
mod hostile;
#[cfg(unix)]
mod hostile_clones;
#[cfg(unix)]
mod hostile_git;
mod hostile_objects;
#[cfg(unix)]
mod hostile_refs;
mod html;
mod hygiene;
mod images;
mod keystores;
mod layers;
mod lost;
mod lost_changes;
mod lsp;
mod lsp_client;
mod memory;
mod migrate;
mod mock;
mod nested;
mod oracle;
mod packages;
mod pdfs;
mod process;
mod properties;
mod provider;
mod range;
mod release;
mod repacked;
mod report;
mod rules;
mod scan;
mod sevens;
mod staged;
#[cfg(unix)]
mod stored;
mod supply;
mod terminal;
mod tmux;
mod triage;
mod uses;
mod verify;
mod verify_cache;
mod verify_safety;
mod written;
