//! The way in for programs that use the crate: text in memory, folders and histories, without the
//! command line.

use std::path::PathBuf;

use bstr::BString;

use crate::blob::Provenance;
use crate::cli::{InputArgs, ScanArgs, VerifyArgs};
use crate::finding::{Finding, Report};
use crate::ground::PlanError;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::rule::RuleError;
use crate::rule::set::{RuleSet, RuleText};
use crate::run::{RunError, run};
use crate::scan::Engine;
use crate::scan::details::{Options, findings};
use crate::scan::resolve::resolve;

/// Finds secrets in text that is in memory. Make one and keep it: rules are compiled when they first
/// run. It can be shared between threads.
///
/// ```
/// let detector = keylint::Detector::new()?;
/// assert!(detector.find("app.py", b"key = read_key()").is_empty());
/// # Ok::<(), keylint::RuleError>(())
/// ```
pub struct Detector {
    engine: Engine,
}

impl Detector {
    /// With the rules that ship with the crate.
    ///
    /// # Errors
    /// [`RuleError`] when the build is broken.
    pub fn new() -> Result<Self, RuleError> {
        Self::with_rules(&[])
    }

    /// With the shipped rules and those of `files`, in the form of `rules/*.toml`.
    ///
    /// # Errors
    /// [`RuleError`] that names the file, the line and what is wrong.
    pub fn with_rules(files: &[RuleText]) -> Result<Self, RuleError> {
        Ok(Self { engine: Engine::new(RuleSet::with_builtin(files, &[])?)? })
    }

    /// With the rules of `files` alone.
    ///
    /// # Errors
    /// As [`Detector::with_rules`].
    pub fn only_rules(files: &[RuleText]) -> Result<Self, RuleError> {
        Ok(Self { engine: Engine::new(RuleSet::new(files, &[])?)? })
    }

    /// What is found in `content`, sorted by position. The `path` is not read: it says what kind of
    /// file the content is, which some rules ask for, and stands in the findings. UTF-16 is decoded.
    /// What a comment such as `keylint:allow` allows is left out; the checks of key hygiene, which
    /// look at more than one file, are not run.
    pub fn find(&self, path: &str, content: &[u8]) -> Vec<Finding> {
        let bytes = crate::text::decode(content);
        let rules = self.engine.rules();
        let all = self.engine.scanner().scan(&bytes);
        let kept = resolve(rules, &all, Some(path.as_bytes()));
        let provenance = Provenance::File { shown: BString::from(path), path: BString::from(path) };
        let options = Options { foreign_markers: true, ..Options::default() };
        let mut found = findings(&self.engine, &bytes, (&kept, &all), &provenance, options);
        found.retain(|finding| finding.marker.is_none());
        found
    }
}

/// Why a [`Scan`] gives no report.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The configuration, a rule, the baseline or a path cannot be used.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Nothing could be scanned.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// A scan of files or histories, as `keylint scan` does it: with the `keylint.toml` files and the
/// baseline that are there, ignore files, the checks of key hygiene and all processors.
pub struct Scan {
    args: ScanArgs,
}

impl Scan {
    /// Scans files and folders.
    pub fn files<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        let paths = paths.into_iter().map(Into::into).collect();
        let input = InputArgs { paths, ..InputArgs::default() };
        // Only the program keeps files of its own in the user's folders.
        let verification = VerifyArgs { no_cache: true, ..VerifyArgs::default() };
        Self { args: ScanArgs { input, verification, ..ScanArgs::default() } }
    }

    /// Scans the whole history of repositories: every blob that a ref reaches, once.
    pub fn history<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut scan = Self::files(paths);
        scan.args.input.history = true;
        scan
    }

    /// Uses this configuration file alone. It may name rule files of its own.
    #[must_use]
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.args.filter.config = Some(file.into());
        self
    }

    /// Uses no configuration file.
    #[must_use]
    pub fn no_config(mut self) -> Self {
        self.args.filter.no_config = true;
        self
    }

    /// Uses this many threads; one for each processor where nothing is said. The report is the same.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.args.input.threads = Some(threads);
        self
    }

    /// Scans. Nothing is sent anywhere and nothing is printed.
    ///
    /// # Errors
    /// [`ScanError`] when nothing could be scanned. A file that cannot be read is a problem in the
    /// report instead.
    pub fn run(self) -> Result<Report, ScanError> {
        self.run_with(&Progress::default())
    }

    /// As [`Scan::run`]. `progress` may be shared with another thread that shows it, or stops the
    /// scan.
    ///
    /// # Errors
    /// As [`Scan::run`].
    pub fn run_with(self, progress: &Progress) -> Result<Report, ScanError> {
        Ok(run(&mut Plan::new(self.args)?, progress)?)
    }
}
