//! Arguments of `keylint hook`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{FilterArgs, OutputArgs};

/// `keylint hook`.
#[derive(Debug, Subcommand)]
pub enum HookCommand {
    /// Run keylint before every commit (or push) in this repository; hooks that are there stay
    Install {
        /// A pre-push hook that scans what is pushed, instead of a pre-commit hook
        #[arg(long)]
        pre_push: bool,
        /// Also where the hooks folder serves all your repositories, or lefthook writes the hooks
        #[arg(long)]
        force: bool,
    },
    /// Take keylint's hook away and put back the one that stood there
    Uninstall {
        /// The pre-push hook instead of the pre-commit hook
        #[arg(long)]
        pre_push: bool,
    },
    /// What hooks call: scans what is staged, or what is pushed
    Run(Box<HookRun>),
}

/// `keylint hook run`.
#[derive(Debug, Args)]
pub struct HookRun {
    /// The hook
    #[arg(value_enum)]
    pub stage: StageArg,
    /// What git or a hook runner passes: files, or the remote's name and URL
    #[arg(value_name = "ARG")]
    pub args: Vec<PathBuf>,
    /// What counts.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Hooks on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum StageArg {
    PreCommit,
    PrePush,
}
