//! `keylint.toml`: what to leave out, which rules run, what is allowed, and how a run goes.

pub mod origin;
pub mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::finding::{Confidence, Severity};
use crate::suggest::hint_of_serde;
use crate::text::line_at;

/// The file's name; it is looked for upward from the scanned folder, and below it.
pub const FILE_NAME: &str = "keylint.toml";

/// Why a configuration is refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        error: String,
    },
    /// Not TOML, or an unknown key.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what may be meant.
        message: String,
    },
    /// A value that cannot be used.
    #[error("{path}:{line}: {what}: {message}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        what: String,
        /// What is wrong.
        message: String,
    },
}

impl ConfigError {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. } | Self::Syntax { path, .. } | Self::Value { path, .. } => path,
        }
    }
}

/// The file as written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(title = "keylint.toml")]
pub struct Config {
    /// Do not look for a keylint.toml further up.
    pub root: bool,
    /// What is scanned and what counts.
    pub scan: ScanConfig,
    /// What is printed.
    pub output: OutputConfig,
    /// Which rules run.
    pub rules: RulesConfig,
    /// Findings that are allowed.
    pub allow: Vec<Allow>,
    /// Whose secrets the rules in this file find; read by the rule layer.
    #[schemars(skip)]
    vendor: Option<IgnoredAny>,
    /// Rules; read by the rule layer, which checks the fields.
    #[schemars(skip)]
    rule: Vec<IgnoredAny>,
    /// The text, for those who read rules from it.
    #[serde(skip)]
    pub text: String,
    /// Where it was read; `None` for the defaults.
    #[serde(skip)]
    pub path: Option<PathBuf>,
}

/// What is scanned and what counts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ScanConfig {
    /// Globs of paths that are not scanned, relative to the file's folder; a folder stands for all
    /// below it. Counts for the folder of the file.
    pub exclude: Vec<String>,
    /// Report only findings of this confidence or better. Counts for the folder of the file.
    pub min_confidence: Option<Confidence>,
    /// Severity from which the exit code is 1.
    pub fail_on: Option<Severity>,
    /// Largest file: bytes, or a text such as "64M".
    pub max_size: Option<Size>,
    /// How many archives, one in the other, are opened.
    pub archives: Option<usize>,
    /// Scan hidden files and folders.
    pub hidden: Option<bool>,
    /// Do not honour .gitignore and other ignore files.
    pub no_ignore: Option<bool>,
    /// Scan binary files, too.
    pub text: Option<bool>,
    /// Report placeholders and example values, too.
    pub placeholders: Option<bool>,
    /// Honour `keylint:allow` comments.
    pub inline: Option<bool>,
    /// Honour the comments of other tools, such as `gitleaks:allow`.
    pub foreign_markers: Option<bool>,
    /// The baseline, relative to the file's folder.
    pub baseline: Option<PathBuf>,
}

/// What is printed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct OutputConfig {
    /// Form of the report, as for `--format`.
    pub format: Option<String>,
    /// List what was skipped and what was allowed.
    pub verbose: Option<bool>,
}

/// Which rules run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RulesConfig {
    /// Whether the shipped rules run.
    pub builtin: Option<bool>,
    /// Ids of rules that do not run. Counts for the folder of the file.
    pub disable: Vec<String>,
    /// Severities by rule id, instead of the rules' own. Counts for the folder of the file.
    pub severity: BTreeMap<String, Severity>,
    /// More rule files, or folders of them, relative to this file.
    pub files: Vec<PathBuf>,
}

/// Findings that are allowed: those for which every given field holds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Allow {
    /// Rule id.
    pub rule: Option<String>,
    /// Glob of the path, relative to the file's folder.
    pub path: Option<String>,
    /// Regex on the secret.
    pub pattern: Option<String>,
    /// Fingerprint as reports show it.
    pub fingerprint: Option<String>,
    /// Id of the commit that a finding of the history stands in, or how it begins: 7 digits or more.
    pub commit: Option<String>,
    /// Line of the finding.
    pub line: Option<u32>,
    /// Why this is no problem.
    pub reason: String,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SizeText")]
pub struct Size(pub u64);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum SizeText {
    Bytes(u64),
    Text(String),
}

impl TryFrom<SizeText> for Size {
    type Error = String;

    fn try_from(text: SizeText) -> Result<Self, String> {
        match text {
            SizeText::Bytes(bytes) => Ok(Self(bytes)),
            SizeText::Text(text) => text.parse(),
        }
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    /// Reads `64M` and the like.
    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
            Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
            Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
            _ => (text, 1),
        };
        let number: u64 =
            digits.parse().map_err(|_| "expected a number, such as 64M".to_owned())?;
        number.checked_mul(unit).map(Self).ok_or_else(|| "too large".to_owned())
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        SizeText::json_schema(generator)
    }
}

impl Config {
    /// Reads `path`.
    ///
    /// # Errors
    /// [`ConfigError`]; its text names file and line.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = crate::disk::read_text(path).map_err(|error| ConfigError::Read {
            path: path.to_owned(),
            error: error.to_string(),
        })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let message = error.message().trim_end();
            ConfigError::Syntax {
                path: path.to_owned(),
                line: line_at(&text, at),
                message: format!("{message}{hint}", hint = hint_of_serde(message)),
            }
        })?;
        config.path = Some(path.to_owned());
        config.text = text;
        if let Some(empty) = config.allow.iter().position(Allow::is_empty) {
            let text = "it names no rule, path, pattern, fingerprint or commit and would allow \
                        everything";
            return Err(config.error(&format!("allow.{empty}"), text.to_owned()));
        }
        Ok(config)
    }

    /// The folder that relative paths of the file start from.
    pub fn folder(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new("."))
    }

    /// True when the file holds rules.
    pub fn has_rules(&self) -> bool {
        !self.rule.is_empty() || self.vendor.is_some()
    }

    /// An error that names this file and the line of `key`, such as `rules.disable` or `allow.0`.
    pub fn error(&self, key: &str, message: String) -> ConfigError {
        let line = origin::line_of(&self.text, key);
        let entry =
            key.strip_prefix("allow.").map(|rest| rest.split_once('.').unwrap_or((rest, "")));
        let what = match entry.and_then(|(n, field)| Some((n.parse::<usize>().ok()?, field))) {
            Some((at, "")) => format!("[[allow]] entry {n}", n = at + 1),
            Some((at, field)) => format!("[[allow]] entry {n}: {field}", n = at + 1),
            None => key.to_owned(),
        };
        ConfigError::Value { path: self.path.clone().unwrap_or_default(), line, what, message }
    }

    /// Keys that count only where a run starts in the file's folder, as they stand in the file.
    pub fn run_wide(&self) -> Vec<&'static str> {
        let (scan, output, rules) = (&self.scan, &self.output, &self.rules);
        let keys = [
            ("scan.fail-on", scan.fail_on.is_some()),
            ("scan.max-size", scan.max_size.is_some()),
            ("scan.archives", scan.archives.is_some()),
            ("scan.hidden", scan.hidden.is_some()),
            ("scan.no-ignore", scan.no_ignore.is_some()),
            ("scan.text", scan.text.is_some()),
            ("scan.placeholders", scan.placeholders.is_some()),
            ("scan.inline", scan.inline.is_some()),
            ("scan.foreign-markers", scan.foreign_markers.is_some()),
            ("scan.baseline", scan.baseline.is_some()),
            ("output.format", output.format.is_some()),
            ("output.verbose", output.verbose.is_some()),
            ("rules.builtin", rules.builtin.is_some()),
            ("rules.files", !rules.files.is_empty()),
            ("rule", self.has_rules()),
        ];
        keys.into_iter().filter(|(_, set)| *set).map(|(key, _)| key).collect()
    }
}

impl Allow {
    fn is_empty(&self) -> bool {
        self.rule.is_none()
            && self.path.is_none()
            && self.pattern.is_none()
            && self.fingerprint.is_none()
            && self.commit.is_none()
    }
}
