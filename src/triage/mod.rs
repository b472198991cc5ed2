//! `keylint triage`: walks findings in a terminal and writes what is decided about each into the
//! baseline.
//!
//! A scan makes a [`Board`]: the findings, what is decided about each, and the way back. `app` turns
//! keys into decisions, `view` draws, `screen` holds the terminal. A JSON report only chooses among
//! the findings of the scan, since it holds no values and a baseline needs them.

mod app;
mod board;
mod chosen;
mod details;
mod filter;
mod line;
pub mod screen;
mod view;

use std::path::PathBuf;

use crate::baseline::{Baseline, BaselineError};
use crate::cli::{OutputArgs, ScanArgs, TriageArgs, VerifyArgs};
use crate::finding::Problem;
use crate::plan::{Input, Plan};
use crate::progress::Progress;
use crate::report::veiled;
use crate::run::{RunError, run};
pub use board::Board;
use chosen::Chosen;

/// Why there is nothing to walk.
#[derive(Debug, thiserror::Error)]
pub enum TriageError {
    /// The arguments or the configuration.
    #[error(transparent)]
    Plan(#[from] crate::ground::PlanError),
    /// The scan.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The baseline.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// An argument that fits no triage, or a report that is none.
    #[error("{0}")]
    Argument(String),
    /// The terminal.
    #[error("the terminal: {0}")]
    Terminal(#[from] std::io::Error),
}

/// A triage, ready to scan.
pub struct Triage {
    /// The scan; its baseline is left to the triage.
    pub plan: Plan,
    file: PathBuf,
    baseline: Option<Baseline>,
    chosen: Option<Chosen>,
    author: Option<String>,
}

/// What a scan gives to walk.
pub struct Walk {
    /// The findings, and what is decided about them.
    pub board: Board,
    /// Findings of the JSON report that the scan did not find, as `path:line check`.
    pub missing: Vec<String>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// True when the user stopped the scan.
    pub interrupted: bool,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user left.
    Left,
    /// A signal came; so many decisions are lost.
    Interrupted(usize),
}

impl Triage {
    /// Compiles `args`, and reads the report and the baseline that they name.
    ///
    /// # Errors
    /// [`TriageError`]; nothing was scanned.
    pub fn new(args: TriageArgs) -> Result<Self, TriageError> {
        let TriageArgs { mut input, mut filter, report, author } = args;
        let refuse = |text: &str| Err(TriageError::Argument(text.to_owned()));
        if input.stdin {
            return refuse("--stdin: standard input is the keyboard here; name files");
        }
        if filter.no_baseline {
            return refuse(
                "--no-baseline: the baseline is where the marks go; --baseline names it",
            );
        }
        let chosen = report.as_deref().map(Chosen::read).transpose()?;
        let (history, files) = chosen.as_ref().map_or((false, true), Chosen::places);
        let named = input.history || input.staged || input.range.is_some();
        let named = named || input.since_merge_base.is_some();
        input.history |= history && !files && !named;
        let given = filter.baseline.take();
        filter.no_baseline = true;
        let (verification, output) = (VerifyArgs::default(), OutputArgs::default());
        let mut plan = Plan::new(ScanArgs { input, filter, verify: false, verification, output })?;
        if let (Input::Files(paths), true) = (&plan.input, history && !named) {
            plan.input = Input::Audit(paths.clone());
        }
        let file = given.unwrap_or_else(|| plan.baseline_file.clone());
        if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty() && !f.is_dir()) {
            let (file, folder) = (file.display(), folder.display());
            return refuse(&format!("{file}: cannot be written: there is no folder {folder}"));
        }
        let baseline = file.exists().then(|| Baseline::read(&file)).transpose()?;
        Ok(Self { plan, file, baseline, chosen, author })
    }

    /// Scans.
    ///
    /// # Errors
    /// [`TriageError`] when nothing could be scanned.
    pub fn scan(&mut self, progress: &Progress) -> Result<Walk, TriageError> {
        let mut report = run(&mut self.plan, progress)?;
        let missing = self.chosen.take().map(|chosen| chosen.keep(&mut report.findings));
        let (problems, interrupted) = (veiled(&report).problems.clone(), report.interrupted);
        let marks = match &mut self.baseline {
            Some(baseline) => {
                let found =
                    baseline.matches(&report.findings, &self.plan.engine, &self.plan.scope());
                let entries = baseline.entries();
                found.into_iter().map(|at| at.map(|at| entries[at].clone())).collect()
            }
            None => vec![None; report.findings.len()],
        };
        let engine = &self.plan.engine;
        let weak = report.findings.iter().map(|f| engine.is_guessable(&f.check, &f.secret));
        let weak: Vec<bool> = weak.collect();
        let today = self.plan.now.to_string().chars().take(10).collect();
        let board = Board::new(report, (&marks, &weak), (today, self.author.clone()));
        Ok(Walk { board, missing: missing.unwrap_or_default(), problems, interrupted })
    }

    /// Shows `board` in the terminal until the user leaves or `progress` is interrupted; what is not
    /// saved then is forgotten. `color` says whether colours are wanted.
    ///
    /// # Errors
    /// [`TriageError`] when the terminal fails.
    pub fn walk(
        &self,
        board: &mut Board,
        progress: &Progress,
        color: bool,
    ) -> Result<End, TriageError> {
        let save = |board: &mut Board| board.save(&self.file, &self.plan.engine);
        let app = app::App::new(board, &save, self.file.display().to_string());
        let end = screen::walk(app, progress, color)?;
        board.forget();
        Ok(end)
    }

    /// Where marks go.
    pub fn file(&self) -> &std::path::Path {
        &self.file
    }
}
