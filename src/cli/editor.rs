//! Arguments of the commands that people and editors hold a conversation with.

use std::path::PathBuf;

use clap::Args;

use super::{FilterArgs, InputArgs};

/// `keylint lsp`.
#[derive(Debug, Args)]
pub struct LspArgs {
    /// What counts.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Given by clients that know several transports; there is only this one
    #[arg(long, hide = true)]
    pub stdio: bool,
}

/// `keylint triage`.
#[derive(Debug, Args)]
pub struct TriageArgs {
    /// What to scan.
    #[command(flatten)]
    pub input: InputArgs,
    /// What counts.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Walk only the findings of this report of `keylint scan --format json`; their values are read
    /// from the files or the history again
    #[arg(long, value_name = "FILE", help_heading = "Triage")]
    pub report: Option<PathBuf>,
    /// Who decides; written beside each mark
    #[arg(long, value_name = "NAME", help_heading = "Triage")]
    pub author: Option<String>,
}
