//! `keylint.toml`: what to leave out, which rules run, and what is allowed.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::finding::Severity;

/// The file's name; it is looked for upward from the scanned folder.
pub const FILE_NAME: &str = "keylint.toml";

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        error: std::io::Error,
    },
    /// Not TOML, or an unknown key; the text names line and column.
    #[error("{path}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the TOML reader says.
        message: String,
    },
    /// A glob or pattern that cannot be used.
    #[error("{path}: {what}: {message}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        what: String,
        /// What is wrong.
        message: String,
    },
}

/// The file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// `[scan]`.
    #[serde(default)]
    pub scan: ScanConfig,
    /// `[rules]`.
    #[serde(default)]
    pub rules: RulesConfig,
    /// `[[allow]]`.
    #[serde(default)]
    pub allow: Vec<Allow>,
    /// `[vendor]` of the rules in this file; read by the rule layer.
    #[serde(default)]
    vendor: Option<IgnoredAny>,
    /// `[[rule]]`; read by the rule layer, which checks the fields.
    #[serde(default)]
    rule: Vec<IgnoredAny>,
    /// The text, for those who read rules from it.
    #[serde(skip)]
    pub text: String,
    /// Where it was read; `None` for the defaults.
    #[serde(skip)]
    pub path: Option<PathBuf>,
}

/// What is scanned.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScanConfig {
    /// Globs of paths that are not scanned, relative to the file's folder.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Largest file in bytes.
    pub max_size: Option<u64>,
    /// Severity from which the exit code is 1.
    pub fail_on: Option<Severity>,
}

/// Which rules run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RulesConfig {
    /// Whether the shipped rules run.
    pub builtin: bool,
    /// Ids of rules that do not run.
    pub disable: Vec<String>,
    /// More rule files, or folders of them, relative to this file.
    pub files: Vec<PathBuf>,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { builtin: true, disable: Vec::new(), files: Vec::new() }
    }
}

/// Findings that are allowed: those for which every given field holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Allow {
    /// Rule id.
    pub rule: Option<String>,
    /// Glob of the path.
    pub path: Option<String>,
    /// Regex on the secret.
    pub pattern: Option<String>,
    /// Fingerprint as reports show it.
    pub fingerprint: Option<String>,
    /// Why this is no problem.
    pub reason: String,
}

impl Config {
    /// Reads `path`.
    ///
    /// # Errors
    /// [`ConfigError`]; its text names file, line and column.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        config.path = Some(path.to_owned());
        config.text = text;
        if let Some(empty) = config.allow.iter().position(Allow::is_empty) {
            return Err(config.error(
                format!("allow entry {n}", n = empty + 1),
                "it names no rule, path, pattern or fingerprint and would allow everything"
                    .to_owned(),
            ));
        }
        Ok(config)
    }

    /// The nearest file from `start` upward, or the defaults.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn find(start: &Path) -> Result<Self, ConfigError> {
        let start = start.canonicalize().unwrap_or_else(|_| start.to_owned());
        let found =
            start.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file());
        found.map_or_else(|| Ok(Self::default()), |path| Self::read(&path))
    }

    /// The folder that relative paths of the file start from.
    pub fn folder(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new("."))
    }

    /// True when the file holds rules.
    pub fn has_rules(&self) -> bool {
        !self.rule.is_empty() || self.vendor.is_some()
    }

    /// `[scan] exclude`, compiled.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a glob that is none.
    pub fn exclude(&self) -> Result<GlobSet, ConfigError> {
        let mut set = GlobSetBuilder::new();
        for glob in &self.scan.exclude {
            set.add(
                Glob::new(glob)
                    .map_err(|e| self.error("scan.exclude".to_owned(), e.to_string()))?,
            );
        }
        set.build().map_err(|e| self.error("scan.exclude".to_owned(), e.to_string()))
    }

    /// An error that names this file.
    pub fn error(&self, what: String, message: String) -> ConfigError {
        ConfigError::Value { path: self.path.clone().unwrap_or_default(), what, message }
    }
}

impl Allow {
    fn is_empty(&self) -> bool {
        self.rule.is_none()
            && self.path.is_none()
            && self.pattern.is_none()
            && self.fingerprint.is_none()
    }
}
