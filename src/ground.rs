//! What a run stands on: the keylint.toml files around the places that it starts from, the rules
//! and the baseline that these name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum as _;

use crate::baseline::{self, Baseline, BaselineError};
use crate::cli::FormatArg;
use crate::config::tree::{self, Chain, Tree};
use crate::config::{Config, ConfigError, FILE_NAME};
use crate::disk;
use crate::report::Format;
use crate::rule::RuleError;
use crate::rule::set::{RuleSet, RuleText};
use crate::suggest;

/// Settings of `keylint.toml` and what holds where no file sets them.
pub const DEFAULTS: [(&str, &str); 17] = [
    ("scan.exclude", "[]"),
    ("scan.min-confidence", "\"low\""),
    ("scan.fail-on", "\"low\""),
    ("scan.max-size", "\"64M\""),
    ("scan.archives", "0"),
    ("scan.hidden", "false"),
    ("scan.no-ignore", "false"),
    ("scan.text", "false"),
    ("scan.placeholders", "false"),
    ("scan.inline", "true"),
    ("scan.foreign-markers", "true"),
    ("scan.baseline", "\"keylint-baseline.jsonl\""),
    ("output.format", "\"human\""),
    ("output.verbose", "false"),
    ("rules.builtin", "true"),
    ("rules.disable", "[]"),
    ("rules.files", "[]"),
];

/// Why a plan cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The baseline.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// An argument.
    #[error("{0}")]
    Argument(String),
}

/// Places, what paths are relative to, and the files that count.
pub struct Ground {
    /// Places that are scanned.
    pub starts: Vec<PathBuf>,
    /// The folder that paths of findings start from.
    pub base: Arc<Path>,
    /// All keylint.toml files that count somewhere.
    pub configs: Arc<Tree>,
    chains: Vec<Chain>,
}

/// Where a baseline is.
pub struct BaselineFile {
    /// The file.
    pub path: PathBuf,
}

impl Ground {
    /// For `starts`, with the configuration that the user named, none, or those around.
    ///
    /// # Errors
    /// [`ConfigError`] when a file cannot be used.
    pub fn new(
        starts: Vec<PathBuf>,
        named: Option<&Path>,
        none: bool,
    ) -> Result<Self, ConfigError> {
        let base: Arc<Path> = Arc::from(tree::base_of(&starts[0]));
        let configs = Arc::new(match (named, none) {
            (Some(path), _) => Tree::only(Config::read(path)?, &starts, &base)?,
            (None, true) => Tree::none(),
            (None, false) => Tree::around(&starts),
        });
        let chains = starts.iter().map(|start| configs.at(&tree::canonical(start))).collect();
        match configs.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(Self { starts, base, configs, chains }),
        }
    }

    /// What holds for the whole run.
    pub fn run(&self) -> RunWide<'_> {
        RunWide(&self.chains[0])
    }

    /// The files that count where the run starts.
    pub fn chain(&self) -> &Chain {
        &self.chains[0]
    }

    /// The shipped rules and those of the files that count where the run starts.
    ///
    /// # Errors
    /// [`PlanError`] that names the file and the line.
    pub fn rules(&self) -> Result<RuleSet, PlanError> {
        rules(&self.chains)
    }

    /// Where the baseline is: what the user named, what the nearest configuration names, or the
    /// default at the top.
    pub fn baseline(&self, named: Option<&Path>) -> BaselineFile {
        let of_config = |layer: &Arc<tree::Layer>| {
            layer.config.scan.baseline.as_ref().map(|path| layer.config.folder().join(path))
        };
        let configured = self.chains[0].iter().rev().find_map(of_config);
        let path = named.map(Path::to_owned).or(configured);
        BaselineFile { path: path.unwrap_or_else(|| self.base.join(baseline::FILE_NAME)) }
    }
}

impl BaselineFile {
    /// Reads it; `None` where it does not exist and need not.
    ///
    /// # Errors
    /// [`BaselineError`] that names the file and the line.
    pub fn read(&self, needed: bool) -> Result<Option<Baseline>, BaselineError> {
        match needed || self.path.exists() {
            true => Baseline::read(&self.path).map(Some),
            false => Ok(None),
        }
    }
}

/// What the files say that count where a run starts; the nearest one first.
#[derive(Clone, Copy)]
pub struct RunWide<'c>(&'c Chain);

impl RunWide<'_> {
    /// The nearest file's value.
    pub fn get<T>(&self, of: impl Fn(&Config) -> Option<T>) -> Option<T> {
        self.0.iter().rev().find_map(|layer| of(&layer.config))
    }

    /// The nearest file's switch; off where there is none.
    pub fn flag(&self, of: impl Fn(&Config) -> Option<bool>) -> bool {
        self.get(of).unwrap_or(false)
    }

    /// Form of the report.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for one that there is not.
    pub fn format(&self) -> Result<Format, ConfigError> {
        let set = self.0.iter().rev().find_map(|l| Some((l, l.config.output.format.as_ref()?)));
        let Some((layer, name)) = set else { return Ok(Format::Human) };
        FormatArg::from_str(name, false).map(format_of).map_err(|_| {
            let known: Vec<String> = FormatArg::value_variants()
                .iter()
                .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
                .collect();
            let hint = suggest::hint(name, known.iter().map(String::as_str));
            let text = format!("`{name}` is none of {all}{hint}", all = known.join(", "));
            layer.config.error("output.format", text)
        })
    }
}

/// The shipped rules plus those of the files that count where the run starts, the first of
/// `chains`. Left out is what is disabled in all of them.
fn rules(chains: &[Chain]) -> Result<RuleSet, PlanError> {
    let mut files = Vec::new();
    for config in chains[0].iter().map(|layer| &layer.config) {
        for file in &config.rules.files {
            for path in rule_files(config.folder().join(file))? {
                let text = read(&path)?;
                files.push(RuleText { name: path.display().to_string(), text });
            }
        }
        if config.has_rules() {
            let path = config.path.as_deref().unwrap_or(Path::new(FILE_NAME));
            files.push(RuleText { name: path.display().to_string(), text: config.text.clone() });
        }
    }
    let named = chains[0].iter().flat_map(|layer| layer.config.rules.disable.iter());
    let everywhere = |id: &&String| chains.iter().all(|chain| tree::disables(chain, id));
    let disabled: Vec<String> = named.filter(everywhere).cloned().collect();
    let set = match RunWide(&chains[0]).get(|c| c.rules.builtin).unwrap_or(true) {
        true => RuleSet::with_builtin(&files, &disabled)?,
        false => RuleSet::new(&files, &disabled)?,
    };
    for config in chains.iter().flat_map(|chain| chain.iter()).map(|layer| &layer.config) {
        known(config, &set)?;
    }
    Ok(set)
}

/// Refuses ids in `config` that are no rules.
fn known(config: &Config, set: &RuleSet) -> Result<(), ConfigError> {
    let disabled = config.rules.disable.iter().map(|id| ("rules.disable".to_owned(), id));
    let changed = config.rules.severity.keys().map(|id| (format!("rules.severity.{id}"), id));
    match disabled
        .chain(changed)
        .find(|(_, id)| !set.knows(id) && crate::hygiene::meta(id).is_none())
    {
        Some((key, unknown)) => {
            let all = set.rules().iter().map(|rule| rule.rule.id());
            let hint = suggest::hint(unknown, all);
            let text = format!("`{unknown}` is no rule; `keylint rules list` shows all{hint}");
            Err(config.error(&key, text))
        }
        None => Ok(()),
    }
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
    disk::read_text(path).map_err(|error| {
        PlanError::Argument(format!("{path}: cannot be read: {error}", path = path.display()))
    })
}

/// The format that an argument names.
pub fn format_of(format: FormatArg) -> Format {
    match format {
        FormatArg::Human => Format::Human,
        FormatArg::Json => Format::Json,
        FormatArg::Jsonl => Format::Jsonl,
        FormatArg::Sarif => Format::Sarif,
        FormatArg::Gitlab => Format::Gitlab,
        FormatArg::Github => Format::Github,
        FormatArg::Markdown => Format::Markdown,
        FormatArg::Html => Format::Html,
        FormatArg::Junit => Format::Junit,
        FormatArg::Checkstyle => Format::Checkstyle,
        FormatArg::Rdjsonl => Format::Rdjsonl,
        FormatArg::Csv => Format::Csv,
    }
}
