//! The command line: clap types only. No other module but `plan` sees them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds API keys hardcoded in source, in git history and in .env files.
#[derive(Debug, Parser)]
#[command(name = "keylint", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// When to colour.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, help_heading = "Global")]
    pub color: ColorChoice,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Scan files, a repository's history, or standard input
    #[command(after_help = EXAMPLES)]
    Scan(Box<ScanArgs>),
    /// List, show and check rules
    Rules {
        /// What to do with them.
        #[command(subcommand)]
        command: RulesCommand,
    },
}

const EXAMPLES: &str = "\
Examples:
  keylint scan .                          the work tree, honouring .gitignore
  keylint scan --history .                every blob of every ref, each once
  git diff | keylint scan --stdin         whatever comes in
  keylint scan --format sarif -o out.sarif .

Exit codes:
  0    nothing found at or above --fail-on
  1    findings at or above --fail-on
  2    incomplete (something could not be read) or misused
  130  interrupted; what was found so far is reported";

/// `keylint rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List all rules
    List,
    /// Show one rule
    Show {
        /// Its id.
        id: String,
    },
    /// Run the examples and negatives of rule files
    Check {
        /// Rule files; all shipped rules when none is named.
        files: Vec<PathBuf>,
    },
}

/// `keylint scan`.
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// What to scan.
    #[command(flatten)]
    pub input: InputArgs,
    /// What counts.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What to scan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// Files and folders; the current folder when none is named
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Scan the whole history of the repositories instead of their work trees
    #[arg(long, conflicts_with = "stdin")]
    pub history: bool,
    /// With --history: scan objects that no ref reaches, too
    #[arg(long, requires = "history")]
    pub unreachable: bool,
    /// Scan standard input
    #[arg(long, conflicts_with = "paths")]
    pub stdin: bool,
    /// Scan hidden files and folders; .env and other well-known credential files always are
    #[arg(long, short = '.')]
    pub hidden: bool,
    /// Do not honour .gitignore and other ignore files
    #[arg(long)]
    pub no_ignore: bool,
    /// Scan binary files, too
    #[arg(long, short = 'a')]
    pub text: bool,
    /// Skip files and blobs larger than this: bytes, or with K, M or G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_size: Option<u64>,
    /// Worker threads; one for each processor by default
    #[arg(long, short = 'j', value_name = "N")]
    pub threads: Option<usize>,
}

/// What counts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub struct FilterArgs {
    /// Configuration file instead of the nearest keylint.toml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Use no configuration file
    #[arg(long)]
    pub no_config: bool,
    /// Exit with 1 only for findings of this severity or worse
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<SeverityArg>,
    /// Report only findings of this confidence or better
    #[arg(long, value_enum, value_name = "CONFIDENCE", default_value_t = ConfidenceArg::Low)]
    pub min_confidence: ConfidenceArg,
    /// Report placeholders and example values, too, with low confidence
    #[arg(long)]
    pub placeholders: bool,
    /// Ignore `keylint:allow` comments
    #[arg(long)]
    pub no_inline: bool,
}

/// What is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Form of the report
    #[arg(long, short, value_enum, default_value_t = FormatArg::Human)]
    pub format: FormatArg,
    /// Write the report to a file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show secrets in clear
    #[arg(long)]
    pub show_secrets: bool,
    /// Put findings that are only in the history into SARIF, too
    #[arg(long)]
    pub sarif_history: bool,
    /// Show why each finding was reported as what it is: the evidence for and against
    #[arg(long)]
    pub explain: bool,
    /// List what was skipped
    #[arg(long, short)]
    pub verbose: bool,
    /// Print findings only, no summary and no progress
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On terminals that want it
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Report formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// For people
    Human,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// SARIF 2.1.0
    Sarif,
}

/// Severities on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SeverityArg {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// Confidences on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ConfidenceArg {
    Low,
    Medium,
    High,
}

/// Reads `64M` and the like.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a number, such as 64M".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "too large".to_owned())
}
