//! Arguments and configuration, compiled and checked: everything is decided here, nothing is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::baseline::{Baseline, Scope};
use crate::caches;
use crate::cli::{
    AuditArgs, AuditLimits, ConfidenceArg, FilterArgs, HookRun, InputArgs, LinkChoice, OutputArgs,
    ScanArgs, SeverityArg, StageArg, VerifyArgs, VerifyCommand,
};
use crate::config::tree::Tree;
use crate::disk;
use crate::finding::{Confidence, Severity};
use crate::ground::{Ground, PlanError, RunWide, format_of};
use crate::hook;
use crate::report::{Format, Links, Style};
use crate::scan::Engine;
use crate::scan::details::Options;
use crate::source::Limits;
use crate::source::git::{Memory, Wanted};
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
    /// Work trees and histories together.
    Audit(Vec<PathBuf>),
}

impl Input {
    /// Where the configuration is looked for, upward.
    fn starts(&self) -> Vec<PathBuf> {
        match self {
            Self::Files(paths)
            | Self::History(paths)
            | Self::Audit(paths)
            | Self::Staged(paths, _)
            | Self::Range(paths, _)
                if !paths.is_empty() =>
            {
                paths.clone()
            }
            _ => vec![PathBuf::from(".")],
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
    /// Marker comments of other tools count, too.
    pub foreign_markers: bool,
    /// Limits on what is read.
    pub limits: Limits,
    /// All keylint.toml files that count somewhere.
    pub configs: Arc<Tree>,
    /// Places that are scanned; the keylint.toml files of the first hold for the whole run.
    pub starts: Vec<PathBuf>,
    /// Findings that were there before.
    pub baseline: Option<Baseline>,
    /// Where the baseline is, or would be.
    pub baseline_file: PathBuf,
    /// The folder that paths of findings start from, unless they name another.
    pub base: Arc<Path>,
    /// Run the hygiene checks.
    pub hygiene: bool,
    /// The time that ages of keys are counted to.
    pub now: jiff::Timestamp,
    /// Walk hidden files.
    pub hidden: bool,
    /// Do not honour ignore files.
    pub no_ignore: bool,
    /// How many archives, one in the other, are opened.
    pub archives: usize,
    /// Scan what no ref reaches.
    pub unreachable: bool,
    /// Worker threads.
    pub threads: usize,
    /// Severity from which the exit code is 1.
    pub fail_on: Severity,
    /// Confidence below which nothing is reported, where the user named one.
    pub min_confidence: Option<Confidence>,
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
    /// What an editor has open, in place of what is on disk. Paths are absolute.
    pub open: BTreeMap<PathBuf, Arc<str>>,
    /// The folder of what earlier scans saw, where it is to be used.
    pub cache: Option<PathBuf>,
    /// Placeholders are reported, too.
    placeholders: bool,
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
        let cache = (!verification.no_cache).then(caches::default_folder).flatten();
        Ok(Self { verifier, cache, ..plan })
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
                Input::Range(args, vec![Wanted::Listed(format!("{from}..{to}"))])
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
        let ground = Ground::new(what.starts(), filter.config.as_deref(), filter.no_config)?;
        let run = ground.run();
        let placeholders = filter.placeholders || run.flag(|c| c.scan.placeholders);
        let engine = Engine::new(ground.rules()?)?.keep_placeholders(placeholders);
        let named = filter.baseline.as_deref();
        let file = ground.baseline(named);
        let baseline = if filter.no_baseline { None } else { file.read(named.is_some())? };
        Ok(Self {
            engine,
            verifier: None,
            open: BTreeMap::new(),
            cache: None,
            placeholders,
            suppressions: Suppressions::new(
                Arc::clone(&ground.configs),
                Arc::clone(&ground.base),
                !filter.no_inline && run.get(|c| c.scan.inline).unwrap_or(true),
            ),
            foreign_markers: run.get(|c| c.scan.foreign_markers).unwrap_or(true),
            limits: limits(&input, run),
            hygiene: !filter.no_hygiene,
            now: jiff::Timestamp::now(),
            hidden: input.hidden || run.flag(|c| c.scan.hidden),
            no_ignore: input.no_ignore || run.flag(|c| c.scan.no_ignore),
            archives: input.archives.or(run.get(|c| c.scan.archives)).unwrap_or(0),
            unreachable: input.unreachable,
            threads: input.threads.filter(|&n| n > 0).unwrap_or_else(processors),
            fail_on: filter
                .fail_on
                .map(severity_of)
                .or(run.get(|c| c.scan.fail_on))
                .unwrap_or(Severity::Low),
            min_confidence: filter.min_confidence.map(confidence_of),
            input: what,
            reports: reports(&output),
            format: match output.format {
                Some(format) => format_of(format),
                None => run.format()?,
            },
            style: Style {
                verbose: output.verbose > 0
                    || (output.quiet == 0 && run.flag(|c| c.output.verbose)),
                ..style(&output)
            },
            output: output.output,
            baseline,
            baseline_file: file.path,
            starts: ground.starts,
            configs: ground.configs,
            base: ground.base,
        })
    }
}

impl Plan {
    /// Where what was seen of a history is kept for the next scan.
    pub fn memory(&self) -> Option<Memory> {
        let kept_for = match self.input {
            Input::History(_) => "history",
            Input::Audit(_) => "audit",
            _ => return None,
        };
        // The program itself holds most rules, and its version alone does not tell a build.
        let program = std::env::current_exe().and_then(std::fs::metadata).ok()?;
        let built = program.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        let parts: [&[u8]; 7] = [
            env!("CARGO_PKG_VERSION").as_bytes(),
            &program.len().to_le_bytes(),
            &built.as_nanos().to_le_bytes(),
            self.engine.rules().digest(),
            &self.limits.max_size.to_le_bytes(),
            &[u8::from(self.limits.binary), u8::from(self.placeholders)],
            &self.archives.to_le_bytes(),
        ];
        Some(Memory::new(self.cache.clone()?, kept_for, &parts).placing(self.unreachable))
    }
}

impl Plan {
    /// What the baseline may call gone.
    pub fn scope(&self) -> Scope {
        let whole = matches!(self.input, Input::Files(_) | Input::Audit(_));
        let starts = self.starts.iter().filter(|_| whole);
        Scope {
            base: Arc::clone(&self.base),
            starts: starts.filter_map(|start| start.canonicalize().ok()).collect(),
            all: matches!(self.input, Input::History(_)),
        }
    }
}

impl Plan {
    /// Compiles the arguments of an audit.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn audit(args: AuditArgs) -> Result<Self, PlanError> {
        let AuditArgs { paths, as_of, limits, filter, verify, verification, output } = args;
        let now = as_of.map(|day| date(&day)).transpose()?;
        let AuditLimits { archives, max_size, threads } = limits;
        let input = InputArgs { paths, archives, max_size, threads, ..InputArgs::default() };
        let mut plan = Self::new(ScanArgs { input, filter, verify, verification, output })?;
        if let Input::Files(paths) = plan.input {
            plan.input = Input::Audit(paths);
        }
        plan.now = now.unwrap_or(plan.now);
        Ok(plan)
    }

    /// Compiles the arguments of `fix` and `lsp`: a scan of files whose report is not printed.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn fix(paths: Vec<PathBuf>, filter: FilterArgs) -> Result<Self, PlanError> {
        let input = InputArgs { paths, ..InputArgs::default() };
        let (output, verification) = (OutputArgs::default(), VerifyArgs::default());
        Self::new(ScanArgs { input, filter, verify: false, verification, output })
    }

    /// What an editor has open at `path`.
    pub fn opened(&self, path: &Path) -> Option<&Arc<str>> {
        if self.open.is_empty() {
            return None;
        }
        self.open.get(path).or_else(|| self.open.get(&std::path::absolute(path).ok()?))
    }

    /// The content of `path`: what an editor has open, else what is on disk.
    ///
    /// # Errors
    /// Whatever the file system gives.
    pub fn content(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        match self.opened(path) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => disk::read(path),
        }
    }

    /// How locations of findings are built.
    pub fn options(&self) -> Options {
        Options {
            show_secrets: self.style.show_secrets,
            line_hash: self.renders(Format::Sarif),
            foreign_markers: self.foreign_markers,
        }
    }
}

/// The end of the day `text`, in UTC.
fn date(text: &str) -> Result<jiff::Timestamp, PlanError> {
    let end = format!("{text}T23:59:59Z");
    end.parse().map_err(|_| {
        PlanError::Argument(format!("--as-of: `{text}` is no date such as 2026-01-31"))
    })
}

impl KeysPlan {
    /// Compiles `args`.
    ///
    /// # Errors
    /// [`PlanError`]; nobody was asked.
    pub fn new(args: VerifyCommand) -> Result<Self, PlanError> {
        let starts = vec![PathBuf::from(".")];
        let ground = Ground::new(starts, args.config.as_deref(), args.no_config)?;
        let engine = Engine::new(ground.rules()?)?;
        Ok(Self {
            verifier: verifier(&args.verify, &engine)?,
            engine,
            reports: reports(&args.output),
            format: args.output.format.map_or(Format::Human, format_of),
            style: style(&args.output),
            output: args.output.output,
        })
    }
}

/// The reports besides the first one.
fn reports(output: &OutputArgs) -> Vec<(Format, PathBuf)> {
    output.report.iter().map(|(format, file)| (format_of(*format), file.clone())).collect()
}

fn style(output: &OutputArgs) -> Style {
    Style {
        show_secrets: output.show_secrets,
        verbose: output.verbose > 0,
        quiet: output.quiet > 0,
        silent: output.quiet > 1,
        explain: output.explain || output.verbose > 1,
        sarif_history: output.sarif_history,
        width: None,
        links: match output.hyperlink {
            LinkChoice::Auto => None,
            LinkChoice::Always => Some(Links::ALL),
            LinkChoice::Never => Some(Links::NONE),
        },
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
    let folder = (!args.no_cache).then(caches::default_folder).flatten();
    let options = verify::Options {
        endpoints: args.verify_endpoint.clone(),
        allow_hosts: args.verify_allow_host.clone(),
        ca_cert: args.ca_cert.clone(),
        rate: args.verify_rate,
        total: usize::from(args.verify_concurrency),
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

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Limits of the command line, else of the configuration.
fn limits(input: &InputArgs, run: RunWide<'_>) -> Limits {
    let size = input.max_size.or(run.get(|c| c.scan.max_size));
    Limits {
        max_size: size.map_or(MAX_SIZE, |size| size.0),
        binary: input.text || run.flag(|c| c.scan.text),
    }
}

fn confidence_of(confidence: ConfidenceArg) -> Confidence {
    match confidence {
        ConfidenceArg::Low => Confidence::Low,
        ConfidenceArg::Medium => Confidence::Medium,
        ConfidenceArg::High => Confidence::High,
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
