//! The command line: clap types only. No other module but `plan` sees them.

mod editor;
mod files;
pub mod help;
mod hook;
mod hygiene;
pub mod pages;
mod topics;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{
    ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};

pub use clap_complete::Shell;
pub use editor::{LspArgs, TriageArgs};
pub use hook::{HookCommand, HookRun, StageArg};
pub use hygiene::{AuditArgs, AuditLimits, FixArgs};

use crate::config::Size;
use crate::scan::cover::covered;
pub use files::{
    BaselineArgs, BaselineCommand, CacheCommand, ConfigCommand, ConfigShow, MigrateArgs,
};

/// Finds API keys hardcoded in source, in git history and in .env files.
#[derive(Debug, Parser)]
#[command(name = "keylint", version, long_version = env!("KEYLINT_BUILD"), about, max_term_width = 100)]
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
    Scan(Box<ScanArgs>),
    /// Ask vendors whether keys from standard input are live
    Verify(Box<VerifyCommand>),
    /// Install, remove or run git hooks
    Hook {
        /// What to do with them.
        #[command(subcommand)]
        command: HookCommand,
    },
    /// Scan work tree and history together and check how keys are kept
    Audit(Box<AuditArgs>),
    /// Rewrite hardcoded keys to look-ups in the environment; shows a diff, --write applies it
    Fix(Box<FixArgs>),
    /// List, show and check rules
    Rules {
        /// What to do with them.
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Accept the findings that are there, so that only new ones count
    Baseline {
        /// What to do with the file.
        #[command(subcommand)]
        command: BaselineCommand,
    },
    /// Walk findings in the terminal and mark each as false positive, accepted or rotated
    Triage(Box<TriageArgs>),
    /// Run as a language server on standard input and output, for editors
    Lsp(Box<LspArgs>),
    /// Turn what there is for gitleaks and detect-secrets into keylint's files
    Migrate(MigrateArgs),
    /// Show what keylint.toml files set, and their schema
    Config {
        /// What to show.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Show or clear what is kept between runs: what was seen of histories, answers of vendors
    Cache {
        /// What to do.
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Explain a rule, a check or an exit code: what it means, how it is found, what to do
    Explain {
        /// Id of a rule or check, or an exit code
        #[arg(value_name = "RULE|CHECK|CODE")]
        name: String,
    },
    /// Print the completion script of a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the man page, or write those of all commands
    Man {
        /// Write the pages of all commands to this folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// The command line with examples and exit codes.
pub fn command() -> clap::Command {
    help::dress(Cli::command())
}

impl Cli {
    /// Reads the arguments of this process; for `--help` and misuse it prints and ends the process.
    pub fn read() -> Self {
        let matches = command().try_get_matches();
        let read = matches.and_then(|mut matches| Self::from_arg_matches_mut(&mut matches));
        read.unwrap_or_else(|error| leave(&error))
    }
}

/// Prints the help, or what is wrong with the arguments, and ends the process. Where a key is one of them
/// it is not repeated.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "as clap does")]
fn leave(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    // Nothing is left to do when stderr is gone.
    let _ =
        write!(anstream::stderr(), "{text}", text = covered(&error.render().ansi().to_string()));
    std::process::exit(error.exit_code())
}

/// `keylint verify`.
#[derive(Debug, Args)]
pub struct VerifyCommand {
    /// Whom to ask, and how.
    #[command(flatten)]
    pub verify: VerifyArgs,
    /// Configuration file instead of the nearest keylint.toml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config", help_heading = "Rules")]
    pub config: Option<PathBuf>,
    /// Use no configuration file
    #[arg(long, help_heading = "Rules")]
    pub no_config: bool,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How keys are verified.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Verification")]
pub struct VerifyArgs {
    /// Ask the providers that a key may belong to, likeliest first, where none is evident: this
    /// shows the key to companies it was not made for
    #[arg(long)]
    pub verify_candidates: bool,
    /// Only say what would be asked
    #[arg(long)]
    pub verify_plan: bool,
    /// Ask URL in place of the provider's own host: a gateway or proxy of yours, which may have a
    /// private address; PROVIDER is a rule id or how it begins
    #[arg(long, value_name = "PROVIDER=URL", value_parser = parse_endpoint)]
    pub verify_endpoint: Vec<(String, String)>,
    /// Allow a host that comes from scanned text or from your own rules; `*.` and a domain allow
    /// all below it
    #[arg(long, value_name = "HOST")]
    pub verify_allow_host: Vec<String>,
    /// Trust the certificates in this PEM file, too
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// Requests a second, for each host
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    pub verify_rate: f64,
    /// Requests at the same time, in all; a host gets 4 at most
    #[arg(long, value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=256))]
    pub verify_concurrency: u16,
    /// Seconds for one request
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub verify_timeout: u64,
    /// Tries after the first one, where the answer shows nothing
    #[arg(long, value_name = "N", default_value_t = 2,
        value_parser = clap::value_parser!(u32).range(..=10))]
    pub verify_retries: u32,
    /// Most keys to ask about
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub verify_max: usize,
    /// Neither read nor write what is kept between runs: answers of vendors, what was seen of histories
    #[arg(long)]
    pub no_cache: bool,
    /// Seconds for which an answer in the cache holds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub cache_ttl: u64,
}

impl VerifyArgs {
    /// True when one is given that does nothing unless something is verified.
    pub fn is_given(&self) -> bool {
        self.verify_candidates
            || self.verify_plan
            || self.ca_cert.is_some()
            || !self.verify_endpoint.is_empty()
            || !self.verify_allow_host.is_empty()
    }
}

/// Reads `PROVIDER=URL`.
fn parse_endpoint(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((provider, url)) if !provider.is_empty() && !url.is_empty() => {
            Ok((provider.to_owned(), url.to_owned()))
        }
        _ => Err("expected PROVIDER=URL, such as openai=https://gateway.example".to_owned()),
    }
}

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
#[derive(Debug, Default, Args)]
pub struct ScanArgs {
    /// What to scan.
    #[command(flatten)]
    pub input: InputArgs,
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

/// What to scan.
#[derive(Debug, Default, Args)]
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
    /// Scan what is staged: the lines that the next commit adds or changes, read from the index
    #[arg(long, conflicts_with_all = ["stdin", "history", "range", "since_merge_base"])]
    pub staged: bool,
    /// With --staged: everything in the changed files, not only their new lines
    #[arg(long, requires = "staged")]
    pub full: bool,
    /// Scan what the commits add that B reaches and A does not, also what they remove again
    #[arg(long, value_name = "A..B", conflicts_with_all = ["stdin", "history", "since_merge_base"])]
    pub range: Option<String>,
    /// The same for HEAD, from where it forked from REV: what a pull request adds
    #[arg(long, value_name = "REV", conflicts_with_all = ["stdin", "history"])]
    pub since_merge_base: Option<String>,
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
    /// Open so many archives, one in the other; 1 unless a number is given. One that is named as a path
    /// is opened always
    #[arg(long, value_name = "DEPTH", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub archives: Option<usize>,
    /// Skip files and blobs larger than this: bytes, or with K, M or G
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<Size>,
    /// Worker threads; one for each processor by default
    #[arg(long, short = 'j', value_name = "N")]
    pub threads: Option<usize>,
}

/// What counts.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Rules")]
pub struct FilterArgs {
    /// Configuration file instead of all keylint.toml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Use no configuration file
    #[arg(long)]
    pub no_config: bool,
    /// Baseline instead of the one that keylint.toml names, or keylint-baseline.jsonl
    #[arg(long, value_name = "FILE", conflicts_with = "no_baseline")]
    pub baseline: Option<PathBuf>,
    /// Use no baseline
    #[arg(long)]
    pub no_baseline: bool,
    /// Exit with 1 only for findings of this severity or worse
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<SeverityArg>,
    /// Report only findings of this confidence or better; all by default
    #[arg(long, value_enum, value_name = "CONFIDENCE")]
    pub min_confidence: Option<ConfidenceArg>,
    /// Report placeholders and example values, too, with low confidence
    #[arg(long)]
    pub placeholders: bool,
    /// Run the rules alone, without the checks of docs/hygiene.md
    #[arg(long)]
    pub no_hygiene: bool,
    /// Ignore `keylint:allow` comments and those of other tools
    #[arg(long)]
    pub no_inline: bool,
}

/// What is printed.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Form of the report; human by default
    #[arg(long, short, value_enum)]
    pub format: Option<FormatArg>,
    /// Write the report to a file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the report to FILE in another form, too; may be given more than once
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_report)]
    pub report: Vec<(FormatArg, PathBuf)>,
    /// Show secrets in clear
    #[arg(long)]
    pub show_secrets: bool,
    /// Put findings that are only in the history into SARIF, too
    #[arg(long)]
    pub sarif_history: bool,
    /// Show why each finding was reported as what it is: the evidence for and against
    #[arg(long)]
    pub explain: bool,
    /// List what was skipped and what was allowed, and say how long it took; twice: the evidence, too
    #[arg(long, short, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print findings and errors only, no summary and no progress; twice: nothing, the exit code says it
    #[arg(long, short, action = ArgAction::Count, conflicts_with = "verbose")]
    pub quiet: u8,
    /// Links in the report for people: to the line of each file, and to the page where a key is revoked
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = LinkChoice::Auto)]
    pub hyperlink: LinkChoice,
}

/// When to write links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LinkChoice {
    /// On terminals that are known to open them
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
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
    /// GitLab's secret detection report
    Gitlab,
    /// Annotations of GitHub Actions
    Github,
    /// A summary in Markdown
    Markdown,
    /// One page for a browser: overview, filters and each finding
    Html,
    /// JUnit's XML
    Junit,
    /// Checkstyle's XML
    Checkstyle,
    /// reviewdog's diagnostics, one JSON object a line
    Rdjsonl,
    /// Comma-separated values
    Csv,
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

/// Reads `FORMAT=FILE`.
fn parse_report(text: &str) -> Result<(FormatArg, PathBuf), String> {
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or_else(|| "expected FORMAT=FILE, such as sarif=keylint.sarif".to_owned())?;
    let names: Vec<String> = FormatArg::value_variants()
        .iter()
        .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
        .collect();
    let format = FormatArg::from_str(format, false)
        .map_err(|_| format!("`{format}` is none of {names}", names = names.join(", ")))?;
    Ok((format, PathBuf::from(file)))
}
