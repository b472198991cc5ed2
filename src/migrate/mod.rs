//! `keylint migrate`: what people have for gitleaks and detect-secrets, as keylint's files.
//!
//! Nothing is dropped silently: what cannot be carried over is a note with the file and the line.

mod emit;
mod gitleaks;
mod go_regex;
mod known;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::baseline::{self, Baseline, BaselineError};
use crate::cli::{FilterArgs, InputArgs, MigrateArgs, OutputArgs, ScanArgs, VerifyArgs};
use crate::config::FILE_NAME;
use crate::disk::{self, Access};
use crate::ground::PlanError;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::run::{RunError, run};
use emit::Entry;
use known::Known;

/// The file for translated rules.
const RULES: &str = "keylint-rules.toml";

/// Why nothing, or not all, was written.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file that cannot be read, or says something that its program would refuse.
    #[error("{0}")]
    Input(String),
    /// The new configuration is refused by keylint itself.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The scan for the baseline.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The baseline.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
}

/// What was done.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Files that were written, or would be, with a word on what is in them.
    pub written: Vec<String>,
    /// What is not carried over or should be looked at.
    pub notes: Vec<String>,
}

/// `keylint.toml`, as far as a migration writes it.
#[derive(Serialize)]
struct ConfigOut {
    scan: ScanOut,
    rules: RulesOut,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow: Vec<Entry>,
}

#[derive(Serialize)]
struct ScanOut {
    /// Files that hold patterns, which match themselves; gitleaks leaves its own out, too.
    exclude: Vec<String>,
}

#[derive(Serialize)]
struct RulesOut {
    builtin: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disable: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<&'static str>,
}

/// What there is to migrate.
struct Sources {
    config: Option<PathBuf>,
    ignore: Option<PathBuf>,
    baselines: Vec<PathBuf>,
}

/// Reads what is in the folder of `args`, or what they name, and writes keylint's files there.
///
/// # Errors
/// [`MigrateError`] that names the file.
pub fn migrate(args: &MigrateArgs, progress: &Progress) -> Result<Outcome, MigrateError> {
    let sources = Sources::find(args)?;
    let mut outcome = Outcome::default();
    let (mut entries, mut rules) = (Vec::new(), None);
    let mut out = RulesOut { builtin: true, disable: Vec::new(), files: Vec::new() };
    if let Some(path) = &sources.config {
        let config = gitleaks::read(path, args.gitleaks_defaults.as_deref());
        let mut config = config.map_err(MigrateError::Input)?;
        outcome.notes.append(&mut config.notes);
        let (file, commits) = emit::rules(&config, &mut outcome.notes);
        entries.extend(commits);
        out.builtin = config.needs_defaults;
        out.files.push(RULES);
        if config.needs_defaults {
            defaults(path, &config.disabled, &mut out.disable, &mut outcome.notes)?;
        }
        rules = Some(text(&file)?);
    }
    if let Some(path) = &sources.ignore {
        entries.extend(known::ignored(path, &mut outcome.notes).map_err(MigrateError::Input)?);
    }
    let known = sources.baselines.iter().map(|path| known::read(path, &mut outcome.notes));
    let known: Vec<Known> =
        known.collect::<Result<Vec<_>, _>>().map_err(MigrateError::Input)?.concat();
    entries.extend(known.iter().filter_map(Known::entry));
    let config = text(&ConfigOut { scan: sources.excluded(args), rules: out, allow: entries })?;
    let files = [(FILE_NAME, Some(config)), (RULES, rules)];
    for (name, text) in files.iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        let path = args.path.join(name);
        if args.dry_run {
            outcome.written.push(format!("# {path}\n{text}", path = path.display()));
            continue;
        }
        put(&path, text, args.force)?;
        let lines = text.lines().count();
        outcome.written.push(format!("{path}: {lines} lines", path = path.display()));
    }
    if !args.dry_run && !known.is_empty() {
        adopt(args, &known, progress, &mut outcome)?;
    }
    Ok(outcome)
}

/// gitleaks' own rules are not part of keylint: keylint's stand for them.
fn defaults(
    path: &Path,
    disabled: &[String],
    disable: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Result<(), MigrateError> {
    let shown = path.display();
    notes.push(format!(
        "{shown}: extend.useDefault: keylint's rules stand for those of gitleaks; \
         --gitleaks-defaults FILE takes those of a copy of gitleaks' config/gitleaks.toml"
    ));
    let set = crate::rule::set::RuleSet::builtin().map_err(PlanError::from)?;
    for id in disabled {
        match set.knows(id) {
            true => disable.push(id.clone()),
            false => notes.push(format!(
                "{shown}: disabledRules: `{id}` is no rule of keylint; not carried over"
            )),
        }
    }
    Ok(())
}

/// Scans with the new configuration and accepts what the old baselines hold.
fn adopt(
    args: &MigrateArgs,
    known: &[Known],
    progress: &Progress,
    outcome: &mut Outcome,
) -> Result<(), MigrateError> {
    let input = InputArgs {
        paths: vec![args.path.clone()],
        hidden: true,
        no_ignore: true,
        ..InputArgs::default()
    };
    let filter = FilterArgs { no_baseline: true, ..FilterArgs::default() };
    let (verification, output) = (VerifyArgs::default(), OutputArgs::default());
    let mut plan = Plan::new(ScanArgs { input, filter, verify: false, verification, output })?;
    let report = run(&mut plan, progress)?;
    let mut baseline = Baseline::new()?;
    let (mut held, mut used) = (Vec::new(), vec![false; known.len()]);
    for finding in report.findings {
        let fits = known.iter().position(|known| known.is(&finding));
        if let Some(at) = fits {
            used[at] = true;
            held.push(finding);
        }
    }
    let count = baseline.add(&held, &plan.engine, "from a former baseline");
    for (known, _) in known.iter().zip(used).filter(|(known, used)| !used && known.counts()) {
        outcome.notes.push(format!(
            "{place}: {path}: nothing that keylint finds has this value; no entry",
            place = known.place,
            path = known.path
        ));
    }
    let path = args.path.join(baseline::FILE_NAME);
    if path.exists() && !args.force {
        return Err(MigrateError::Input(format!(
            "{}: is there already; --force replaces it",
            path.display()
        )));
    }
    baseline.write(&path)?;
    outcome.written.push(format!("{path}: {count} entries", path = path.display()));
    outcome.notes.extend(report.problems.iter().map(|p| format!("{}: {}", p.place, p.message)));
    Ok(())
}

impl Sources {
    fn find(args: &MigrateArgs) -> Result<Self, MigrateError> {
        let there = |name: &str| Some(args.path.join(name)).filter(|path| path.is_file());
        let found = Self {
            config: args
                .gitleaks_config
                .clone()
                .or_else(|| there(".gitleaks.toml"))
                .or_else(|| there("gitleaks.toml")),
            ignore: there(".gitleaksignore"),
            baselines: there(".secrets.baseline").into_iter().chain(args.report.clone()).collect(),
        };
        if found.config.is_none() && found.ignore.is_none() && found.baselines.is_empty() {
            return Err(MigrateError::Input(format!(
                "{path}: none of .gitleaks.toml, gitleaks.toml, .gitleaksignore and \
                 .secrets.baseline; --gitleaks-config and --report name other files",
                path = args.path.display()
            )));
        }
        Ok(found)
    }
}

impl Sources {
    /// The files of configuration that stand in the folder.
    fn excluded(&self, args: &MigrateArgs) -> ScanOut {
        let own = self.config.as_ref().and_then(|path| path.strip_prefix(&args.path).ok());
        let own = own.map(|path| globset::escape(&path.display().to_string()));
        let new = [FILE_NAME, RULES].map(str::to_owned);
        ScanOut { exclude: own.into_iter().chain(new).collect() }
    }
}

/// `value` as TOML.
fn text<T: Serialize>(value: &T) -> Result<String, MigrateError> {
    toml::to_string_pretty(value).map_err(|error| MigrateError::Input(error.to_string()))
}

/// Writes a file that must not be there, unless `force`.
fn put(path: &Path, text: &str, force: bool) -> Result<(), MigrateError> {
    let shown = path.display();
    if path.exists() && !force {
        return Err(MigrateError::Input(format!("{shown}: is there already; --force replaces it")));
    }
    disk::replace(path, text.as_bytes(), Access::Usual)
        .map_err(|error| MigrateError::Input(format!("{shown}: cannot be written: {error}")))
}
