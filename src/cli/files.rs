//! Arguments of the commands that read and write keylint's own files.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::{FilterArgs, InputArgs};

/// `keylint baseline`.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Write a new file with all present findings
    Create(BaselineArgs),
    /// Add new findings, and let entries follow secrets that moved to another file
    Update(BaselineArgs),
    /// Remove entries whose secret is gone
    Prune(BaselineArgs),
}

/// `keylint baseline create` and the like.
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// What to scan.
    #[command(flatten)]
    pub input: InputArgs,
    /// What counts.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Reason of the entries that are added
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub reason: String,
}

/// `keylint cache`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum CacheCommand {
    /// List the files, with sizes and when they were last used
    Show,
    /// Remove them
    Clear,
}

/// `keylint migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Folder with .gitleaks.toml, .gitleaksignore and .secrets.baseline; keylint's files are
    /// written there
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,
    /// Configuration of gitleaks, where it has another name
    #[arg(long, value_name = "FILE")]
    pub gitleaks_config: Option<PathBuf>,
    /// A copy of gitleaks' own configuration, for `useDefault`; without it keylint's rules stand for
    /// those
    #[arg(long, value_name = "FILE")]
    pub gitleaks_defaults: Option<PathBuf>,
    /// JSON report that gitleaks uses as its baseline, or a baseline of detect-secrets
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
}

/// `keylint config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show what is in force for a path, and where each value comes from
    Show(ConfigShow),
    /// Print the JSON schema of keylint.toml
    Schema,
}

/// `keylint config show`.
#[derive(Debug, Args)]
pub struct ConfigShow {
    /// File or folder
    #[arg(value_name = "PATH", default_value = ".")]
    pub path: PathBuf,
    /// Configuration file instead of all keylint.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
