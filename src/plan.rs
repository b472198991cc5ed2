//! Arguments and configuration, compiled and checked: everything is decided here, nothing is run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::GlobSet;

use crate::cli::{
    ConfidenceArg, FilterArgs, FormatArg, HookRun, InputArgs, OutputArgs, ScanArgs, SeverityArg,
    StageArg, VerifyArgs, VerifyCommand,
};
use crate::config::{Config, ConfigError, FILE_NAME};
use crate::finding::{Confidence, Severity};
use crate::hook;
use crate::report::{Format, Style};
use crate::rule::RuleError;
use crate::rule::set::{RuleSet, RuleText};
use crate::scan::Engine;
use crate::source::Limits;
use crate::source::git::Wanted;
use crate::suppress::Suppressions;
use crate::verify::{self, Verifier};

/// Files and blobs above this are skipped with a notice: 64 MiB.
const MAX_SIZE: u64 = 64 << 20;

/// What to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Files and folders.
    Files(Vec<PathBuf>),
    /// Whole histories.
    History(Vec<PathBuf>),
    /// Standard input.
    Stdin,
    /// What is staged, under these paths.
    Staged(Vec<PathBuf>, StagedOptions),
    /// What ranges of commits add, under these paths.
    Range(Vec<PathBuf>, Vec<Wanted>),
}

impl Input {
    /// Where the configuration is looked for, upward.
    fn start(&self) -> &Path {
        match self {
            Self::Files(paths)
            | Self::History(paths)
            | Self::Staged(paths, _)
            | Self::Range(paths, _) => paths.first().map_or(Path::new("."), PathBuf::as_path),
            Self::Stdin => Path::new("."),
        }
    }
}

/// What the arguments say is to be scanned.
fn what(input: &InputArgs) -> Input {
    let paths = if input.paths.is_empty() { vec![PathBuf::from(".")] } else { input.paths.clone() };
    let range = input.range.clone().map(Wanted::Range);
    let range = range.or_else(|| input.since_merge_base.clone().map(Wanted::SinceMergeBase));
    // Without paths all of the repository is meant, not the folder one is in: all is committed.
    let limits = input.paths.clone();
    match range {
        Some(range) => Input::Range(limits, vec![range]),
        None if input.staged => {
            Input::Staged(limits, StagedOptions { full: input.full, hook: false })
        }
        None if input.stdin => Input::Stdin,
        None if input.history => Input::History(paths),
        None => Input::Files(paths),
    }
}

/// How the index is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StagedOptions {
    /// Everything in a changed file counts, not only its new lines.
    pub full: bool,
    /// For a hook: files that are named and not staged count whole, and it is no news that nothing
    /// is staged.
    pub hook: bool,
}

/// A scan that is ready to run.
pub struct Plan {
    /// What to scan.
    pub input: Input,
    /// Rules and placeholder tests.
    pub engine: Engine,
    /// What is allowed.
    pub suppressions: Suppressions,
    /// Limits on what is read.
    pub limits: Limits,
    /// `[scan] exclude`.
    pub exclude: GlobSet,
    /// Walk hidden files.
    pub hidden: bool,
    /// Do not honour ignore files.
    pub no_ignore: bool,
    /// Scan what no ref reaches.
    pub unreachable: bool,
    /// Worker threads.
    pub threads: usize,
    /// Severity from which the exit code is 1.
    pub fail_on: Severity,
    /// Confidence below which nothing is reported.
    pub min_confidence: Confidence,
    /// Form of the report.
    pub format: Format,
    /// File of the report.
    pub output: Option<PathBuf>,
    /// The same report in other forms, with their files.
    pub reports: Vec<(Format, PathBuf)>,
    /// How the report looks.
    pub style: Style,
    /// Asks vendors, where the user wants that.
    pub verifier: Option<Verifier>,
}

/// `keylint verify`, ready to run.
pub struct KeysPlan {
    /// Rules and placeholder tests.
    pub engine: Engine,
    /// Asks vendors.
    pub verifier: Verifier,
    /// Form of the report.
    pub format: Format,
    /// File of the report.
    pub output: Option<PathBuf>,
    /// The same report in other forms, with their files.
    pub reports: Vec<(Format, PathBuf)>,
    /// How the report looks.
    pub style: Style,
}

/// Why a plan cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// An argument.
    #[error("{0}")]
    Argument(String),
}

impl Plan {
    /// Compiles `args`.
    ///
    /// # Errors
    /// [`PlanError`]; nothing was scanned.
    pub fn new(args: ScanArgs) -> Result<Self, PlanError> {
        let ScanArgs { input, filter, verify, verification, output } = args;
        let what = what(&input);
        if let Input::Files(paths) | Input::History(paths) = &what
            && let Some(missing) = paths.iter().find(|path| path.symlink_metadata().is_err())
        {
            let text = format!("{path}: no such file or folder", path = missing.display());
            return Err(PlanError::Argument(text));
        }
        let plan = Self::compile(what, input, filter, output)?;
        let verifier = verify.then(|| verifier(&verification, &plan.engine)).transpose()?;
        if verifier.is_none() && verification.is_given() {
            let text = "the options of verification need --verify".to_owned();
            return Err(PlanError::Argument(text));
        }
        Ok(Self { verifier, ..plan })
    }

    /// Compiles what a hook scans; `stdin` is what git writes to a pre-push hook.
    ///
    /// # Errors
    /// [`PlanError`]; nothing was scanned.
    pub fn of_hook(args: HookRun, stdin: &str) -> Result<Self, PlanError> {
        let HookRun { stage, args, filter, output } = args;
        let revision = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let named = revision("PRE_COMMIT_FROM_REF").zip(revision("PRE_COMMIT_TO_REF"));
        let what = match (stage, named) {
            (_, Some((from, to))) => {
                Input::Range(args, vec![Wanted::Range(format!("{from}..{to}"))])
            }
            (StageArg::PreCommit, None) => {
                Input::Staged(args, StagedOptions { full: false, hook: true })
            }
            (StageArg::PrePush, None) => {
                let remote = args.first().map(|remote| remote.display().to_string());
                let pushed = hook::pushed(stdin, remote.as_deref().unwrap_or("origin"));
                Input::Range(Vec::new(), pushed.map_err(|e| PlanError::Argument(e.to_string()))?)
            }
        };
        Self::compile(what, InputArgs::default(), filter, output)
    }

    /// True when one of the reports is of this form.
    pub fn renders(&self, format: Format) -> bool {
        self.format == format || self.reports.iter().any(|(other, _)| *other == format)
    }

    fn compile(
        what: Input,
        input: InputArgs,
        filter: FilterArgs,
        output: OutputArgs,
    ) -> Result<Self, PlanError> {
        let config = config(filter.config.as_deref(), filter.no_config, what.start())?;
        let engine = Engine::new(rules(&config)?)?.keep_placeholders(filter.placeholders);
        Ok(Self {
            engine,
            verifier: None,
            suppressions: Suppressions::new(&config, !filter.no_inline)?,
            limits: Limits {
                max_size: input.max_size.or(config.scan.max_size).unwrap_or(MAX_SIZE),
                binary: input.text,
            },
            exclude: config.exclude()?,
            hidden: input.hidden,
            no_ignore: input.no_ignore,
            unreachable: input.unreachable,
            threads: input.threads.filter(|&n| n > 0).unwrap_or_else(processors),
            fail_on: filter
                .fail_on
                .map(severity_of)
                .or(config.scan.fail_on)
                .unwrap_or(Severity::Low),
            min_confidence: match filter.min_confidence {
                ConfidenceArg::Low => Confidence::Low,
                ConfidenceArg::Medium => Confidence::Medium,
                ConfidenceArg::High => Confidence::High,
            },
            input: what,
            reports: reports(&output),
            format: format_of(output.format),
            style: style(&output),
            output: output.output,
        })
    }
}

impl KeysPlan {
    /// Compiles `args`.
    ///
    /// # Errors
    /// [`PlanError`]; nobody was asked.
    pub fn new(args: VerifyCommand) -> Result<Self, PlanError> {
        let config = config(args.config.as_deref(), args.no_config, Path::new("."))?;
        let engine = Engine::new(rules(&config)?)?;
        Ok(Self {
            verifier: verifier(&args.verify, &engine)?,
            engine,
            reports: reports(&args.output),
            format: format_of(args.output.format),
            style: style(&args.output),
            output: args.output.output,
        })
    }
}

/// The configuration that the user named, none, or the nearest from `start` upward.
fn config(named: Option<&Path>, none: bool, start: &Path) -> Result<Config, ConfigError> {
    match (named, none) {
        (Some(path), _) => Config::read(path),
        (None, true) => Ok(Config::default()),
        (None, false) => Config::find(start),
    }
}

/// The reports besides the first one.
fn reports(output: &OutputArgs) -> Vec<(Format, PathBuf)> {
    output.report.iter().map(|(format, file)| (format_of(*format), file.clone())).collect()
}

fn style(output: &OutputArgs) -> Style {
    Style {
        show_secrets: output.show_secrets,
        verbose: output.verbose,
        quiet: output.quiet,
        explain: output.explain,
        sarif_history: output.sarif_history,
        width: None,
        started: now(),
    }
}

/// Seconds since 1970, or what `SOURCE_DATE_EPOCH` says in place of them, for reports that are to
/// be the same again.
fn now() -> i64 {
    let named = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    named.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
    })
}

fn verifier(args: &VerifyArgs, engine: &Engine) -> Result<Verifier, PlanError> {
    let folder = (!args.no_cache).then(verify::cache::default_folder).flatten();
    let options = verify::Options {
        endpoints: args.verify_endpoint.clone(),
        allow_hosts: args.verify_allow_host.clone(),
        ca_cert: args.ca_cert.clone(),
        rate: args.verify_rate,
        total: args.verify_concurrency,
        timeout: Duration::from_secs(args.verify_timeout),
        retries: args.verify_retries,
        most: args.verify_max,
        candidates: args.verify_candidates,
        plan: args.verify_plan,
        cache: folder,
        cache_life: Duration::from_secs(args.cache_ttl),
        ..verify::Options::default()
    };
    Verifier::new(options, engine.rules()).map_err(PlanError::Argument)
}

/// The shipped rules plus those of the configuration.
fn rules(config: &Config) -> Result<RuleSet, PlanError> {
    let mut files = Vec::new();
    for file in &config.rules.files {
        for path in rule_files(config.folder().join(file))? {
            let text = read(&path)?;
            files.push(RuleText { name: path.display().to_string(), text });
        }
    }
    if config.has_rules() {
        let name = config.path.as_deref().unwrap_or(Path::new(FILE_NAME)).display().to_string();
        files.push(RuleText { name, text: config.text.clone() });
    }
    let set = match config.rules.builtin {
        true => RuleSet::with_builtin(&files, &config.rules.disable)?,
        false => RuleSet::new(&files, &config.rules.disable)?,
    };
    if let Some(unknown) = config.rules.disable.iter().find(|id| !set.knows(id)) {
        let text = format!("`{unknown}` is no rule; `keylint rules list` shows all");
        return Err(config.error("rules.disable".to_owned(), text).into());
    }
    Ok(set)
}

/// `path`, or the rule files of the folder that it is, sorted by name.
fn rule_files(path: PathBuf) -> Result<Vec<PathBuf>, PlanError> {
    if !path.is_dir() {
        return Ok(vec![path]);
    }
    let fail = |error: std::io::Error| {
        PlanError::Argument(format!("{path}: cannot be read: {error}", path = path.display()))
    };
    let entries = std::fs::read_dir(&path).map_err(fail)?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(fail)?;
    files.retain(|file| file.file_name().is_some_and(crate::rule::is_rule_file));
    files.sort_unstable();
    Ok(files)
}

/// Reads a rule file.
///
/// # Errors
/// [`PlanError::Argument`] naming the file.
pub fn read(path: &Path) -> Result<String, PlanError> {
    std::fs::read_to_string(path).map_err(|error| {
        PlanError::Argument(format!("{path}: cannot be read: {error}", path = path.display()))
    })
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn format_of(format: FormatArg) -> Format {
    match format {
        FormatArg::Human => Format::Human,
        FormatArg::Json => Format::Json,
        FormatArg::Jsonl => Format::Jsonl,
        FormatArg::Sarif => Format::Sarif,
        FormatArg::Gitlab => Format::Gitlab,
        FormatArg::Github => Format::Github,
        FormatArg::Markdown => Format::Markdown,
        FormatArg::Junit => Format::Junit,
        FormatArg::Checkstyle => Format::Checkstyle,
        FormatArg::Rdjsonl => Format::Rdjsonl,
        FormatArg::Csv => Format::Csv,
    }
}

fn severity_of(severity: SeverityArg) -> Severity {
    match severity {
        SeverityArg::Info => Severity::Info,
        SeverityArg::Low => Severity::Low,
        SeverityArg::Medium => Severity::Medium,
        SeverityArg::High => Severity::High,
        SeverityArg::Critical => Severity::Critical,
    }
}
