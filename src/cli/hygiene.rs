//! Arguments of `keylint audit` and `keylint fix`.

use std::path::PathBuf;

use clap::Args;

use super::{FilterArgs, OutputArgs, VerifyArgs};
use crate::config::Size;

/// `keylint audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Repositories or folders; the current folder when none is named
    #[arg(value_name = "REPO")]
    pub paths: Vec<PathBuf>,
    /// Count the ages of keys up to this day instead of today
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<String>,
    /// Limits.
    #[command(flatten)]
    pub limits: AuditLimits,
    /// What counts.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Ask vendors whether found keys are live: each distinct key once, with calls that only read
    #[arg(long, help_heading = "Verification")]
    pub verify: bool,
    /// Whom to ask, and how.
    #[command(flatten)]
    pub verification: VerifyArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Limits of an audit.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct AuditLimits {
    /// Open so many archives, one in the other, in the work tree and in the history; 1 unless a number is given
    #[arg(long, value_name = "DEPTH", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub archives: Option<usize>,
    /// Skip files and blobs larger than this: bytes, or with K, M or G
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<Size>,
    /// Worker threads; one for each processor by default
    #[arg(long, short = 'j', value_name = "N")]
    pub threads: Option<usize>,
}

/// `keylint fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    /// Files and folders; the current folder when none is named
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change the files
    #[arg(long, conflicts_with = "dry_run")]
    pub write: bool,
    /// Only show what would change; this is the default
    #[arg(long)]
    pub dry_run: bool,
    /// Fix the findings of this rule only; may be given more than once
    #[arg(long, value_name = "ID")]
    pub rule: Vec<String>,
    /// Show secrets in clear
    #[arg(long)]
    pub show_secrets: bool,
    /// What counts.
    #[command(flatten)]
    pub filter: FilterArgs,
}
