//! keylint finds API keys in work trees and git history.
//!
//! Modules are listed in layer order: a module uses only those above it (tests/layers.rs holds this).

// layer 0: values
pub mod blob;
pub mod marker;
pub mod progress;
pub mod secret;
pub mod span;
pub mod suggest;
pub mod text;
pub mod trace;
// layer 1: facts
pub mod finding;
// layer 2: knowledge
pub mod config;
pub mod rule;
// layer 3: producers
pub mod scan;
pub mod selftest;
pub mod source;
pub mod syntax;
// layer 4: judges
pub mod baseline;
pub mod fix;
pub mod hook;
pub mod hygiene;
pub mod suppress;
pub mod verify;
// layer 5: renderers
pub mod report;
// layer 6: wiring
pub mod adopt;
pub mod audit;
pub mod cli;
pub mod explain;
pub mod ground;
pub mod keys;
pub mod lsp;
pub mod migrate;
pub mod plan;
pub mod repair;
pub mod run;
pub mod settings;
