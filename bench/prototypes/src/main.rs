//! Times other ways to read a repository and to find keywords beside keylint's own, in one run.
//!
//!     prototypes readers REPO... [--runs N] [--threads N...]
//!     prototypes matchers [--tree DIR...] [--history REPO...] [--runs N] [--megabytes N]
//!     prototypes patterns [--tree DIR...] [--history REPO...] [--megabytes N]
//!
//! Whoever measures binds it to processors (`taskset`) and keeps the machine quiet. Each prints a table
//! with medians, least and greatest, and the median of the ratios to keylint of the same round.

mod corpus;
mod matchers;
mod patterns;
mod readers;
mod rule;
mod span;
mod table;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use peak_alloc::PeakAlloc;

/// Counts what an automaton takes.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All blobs of repositories, in processes of their own.
    Readers {
        repos: Vec<PathBuf>,
        #[arg(long, default_value_t = 3)]
        runs: usize,
        #[arg(long, num_args = 1.., default_values_t = [1, 2])]
        threads: Vec<usize>,
        /// This reader, and keylint.
        #[arg(long)]
        only: Vec<String>,
    },
    /// One run of one reader; what `readers` starts.
    #[command(hide = true)]
    Read { reader: String, repo: PathBuf, ids: PathBuf, threads: usize },
    /// The keywords of all rules, in texts in memory.
    Matchers {
        #[command(flatten)]
        texts: Texts,
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// The patterns of all rules at once.
    Patterns {
        #[command(flatten)]
        texts: Texts,
        /// Limit of the DFA, in MiB.
        #[arg(long, default_value_t = 1024)]
        limit: usize,
    },
}

/// What is searched.
#[derive(Args)]
struct Texts {
    /// Files of a folder.
    #[arg(long)]
    tree: Vec<PathBuf>,
    /// Blobs of a history, taken by their id.
    #[arg(long)]
    history: Vec<PathBuf>,
    /// Most text of one folder or history.
    #[arg(long, default_value_t = 48)]
    megabytes: usize,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Readers { repos, runs, threads, only } => {
            readers::compare(&repos, runs, &threads, &only)
        }
        Command::Read { reader, repo, ids, threads } => {
            readers::read(&reader, &repo, &ids, threads)
        }
        Command::Matchers { texts, runs } => matchers::compare(&texts.read()?, runs),
        Command::Patterns { texts, limit } => patterns::compare(&texts.read()?, limit << 20),
    }
}

impl Texts {
    fn read(&self) -> anyhow::Result<Vec<corpus::Corpus>> {
        let most = self.megabytes << 20;
        let trees = self.tree.iter().map(|path| corpus::tree(path, most));
        trees.chain(self.history.iter().map(|path| corpus::history(path, most))).collect()
    }
}
