//! `keylint baseline`: scans, then writes what the scan says to the baseline.

use std::path::PathBuf;

use crate::baseline::{Baseline, BaselineError};
use crate::cli::{BaselineArgs, BaselineCommand, OutputArgs, ScanArgs, VerifyArgs};
use crate::finding::Report;
use crate::ground::PlanError;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::run::{RunError, run};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The arguments, the configuration or the baseline.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The scan.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The file.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// The file is there, or is not.
    #[error("{0}")]
    State(String),
}

/// What was done.
pub struct Done {
    /// One line for the user.
    pub text: String,
    /// The scan that it rests on.
    pub report: Report,
}

/// A command, ready to run.
pub struct Adopt {
    kind: Kind,
    reason: String,
    file: PathBuf,
    /// The scan.
    pub plan: Plan,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Create,
    Update,
    Prune,
}

impl Adopt {
    /// Compiles `command`.
    ///
    /// # Errors
    /// [`AdoptError`]; nothing was scanned.
    pub fn new(command: BaselineCommand) -> Result<Self, AdoptError> {
        let (kind, args) = match command {
            BaselineCommand::Create(args) => (Kind::Create, args),
            BaselineCommand::Update(args) => (Kind::Update, args),
            BaselineCommand::Prune(args) => (Kind::Prune, args),
        };
        let BaselineArgs { input, mut filter, reason } = args;
        let named = filter.baseline.take();
        filter.no_baseline = true;
        let (verification, output) = (VerifyArgs::default(), OutputArgs::default());
        let mut plan = Plan::new(ScanArgs { input, filter, verify: false, verification, output })?;
        let file = named.unwrap_or_else(|| plan.baseline_file.clone());
        let shown = file.display();
        plan.baseline = Some(match (kind, file.exists()) {
            (Kind::Create, false) => Baseline::new()?,
            (Kind::Create, true) => {
                let text = format!(
                    "{shown}: is there already; `keylint baseline update` adds new findings to it"
                );
                return Err(AdoptError::State(text));
            }
            (_, true) => Baseline::read(&file)?,
            (_, false) => {
                let text = format!("{shown}: no such file; `keylint baseline create` makes one");
                return Err(AdoptError::State(text));
            }
        });
        Ok(Self { kind, reason, file, plan })
    }

    /// Scans and writes the file.
    ///
    /// # Errors
    /// [`AdoptError`]; the file is as it was.
    pub fn run(&mut self, progress: &Progress) -> Result<Done, AdoptError> {
        let report = run(&mut self.plan, progress)?;
        if report.interrupted {
            let text = "interrupted: nothing is written";
            return Ok(Done { text: text.to_owned(), report });
        }
        let mut baseline = self.plan.baseline.take().map_or_else(Baseline::new, Ok)?;
        let scope = self.plan.scope();
        let complete = report.problems.is_empty();
        let what = match self.kind {
            Kind::Create => {
                baseline.add(&report.findings, &self.plan.engine, &self.reason);
                String::new()
            }
            Kind::Update => {
                let moved = baseline.follow();
                let added = baseline.add(&report.findings, &self.plan.engine, &self.reason);
                let stale = baseline.stale(&scope).len();
                format!(": {added} added, {moved} moved, {stale} stale")
            }
            Kind::Prune if complete && self.plan.min_confidence.is_none() => {
                format!(": {removed} removed", removed = baseline.prune(&scope))
            }
            Kind::Prune => {
                let text = "not everything was looked at, so nothing is removed";
                return Ok(Done { text: text.to_owned(), report });
            }
        };
        progress.unbroken(|| baseline.write(&self.file))?;
        let count = baseline.entries().len();
        let noun = if count == 1 { "entry" } else { "entries" };
        let text = format!("{file}: {count} {noun}{what}", file = self.file.display());
        Ok(Done { text, report })
    }
}
