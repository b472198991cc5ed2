//! Judges one document that an editor has open: rules, checks, markers, configuration and baseline
//! as in a scan of its file, without a walk.

use std::path::Path;
use std::sync::Arc;

use bstr::{BString, ByteSlice as _};

use crate::audit;
use crate::baseline::Scope;
use crate::blob::Provenance;
use crate::config::tree::{self, base_of};
use crate::finding::{Finding, Report, SkipReason};
use crate::hygiene::survey::Survey;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Veil;
use crate::source::Ledger;
use crate::source::files::{FileBlob, slashes};
use crate::source::status::Status;

use super::{RunError, compare, file, judge, settle};

/// What there is to say of a document.
#[derive(Default)]
pub struct Judged {
    /// What a scan of its file would report.
    pub report: Report,
    /// `keylint:allow` comments that do nothing, by line, with what is wrong with them.
    pub strays: Vec<(u32, String)>,
    /// Hides the values in texts that come from elsewhere, such as a path; `None` where there are none.
    pub veil: Option<Veil>,
    /// Why it was not looked at, where it was not.
    pub skipped: Option<SkipReason>,
}

impl Judged {
    fn new(report: Report, strays: Vec<(u32, String)>) -> Self {
        let veil = Veil::new(&report);
        Self { report, strays, veil, skipped: None }
    }

    fn skipped(reason: SkipReason) -> Self {
        Self { skipped: Some(reason), ..Self::default() }
    }
}

/// Judges `text` as the content of `shown`, an absolute path; of no file where there is none. What
/// the configuration excludes, and what is too large or binary, has no findings.
///
/// # Errors
/// [`RunError::Rule`] when a table of the program is broken.
pub fn document(plan: &mut Plan, shown: Option<&Path>, text: &str) -> Result<Judged, RunError> {
    let limits = plan.limits;
    if text.len() as u64 > limits.max_size {
        return Ok(Judged::skipped(SkipReason::TooLarge));
    }
    if !limits.binary && crate::text::is_binary(text.as_bytes()) {
        return Ok(Judged::skipped(SkipReason::Binary));
    }
    let Some(shown) = shown else { return Ok(nameless(plan, text)) };
    let folder = shown.parent().unwrap_or(shown);
    let base: Arc<Path> = Arc::from(base_of(folder));
    let path = slashes(shown.strip_prefix(&base).unwrap_or(shown));
    let chain = plan.configs.of(&base, Some(path.as_bstr()));
    if tree::excludes(&chain, &base, path.as_bstr()) {
        return Ok(Judged::skipped(SkipReason::Excluded));
    }
    let survey = Survey::default();
    let blob =
        FileBlob { shown, path: path.clone(), base: &base, bytes: text.as_bytes(), member: false };
    let found = file(plan, &mut plan.engine.scanner(), &survey, (0, &blob));
    let (mut findings, strays) = found.unwrap_or_default();
    let (ledger, progress) = (Ledger::default(), Progress::default());
    if plan.hygiene {
        let more = audit::judge(plan, survey, &mut findings, None, (&ledger, &progress))?;
        findings.extend(more);
    }
    audit::join(plan, &mut findings, &[]);
    findings.retain(|finding| finding.location.provenance.path() == Some(&path));
    // Of the tree only this file was looked at: no entry of another one has gone.
    let scope = Scope { base, starts: vec![shown.to_owned()], all: false };
    Ok(Judged::new(conclude(plan, findings, &scope), said(shown, strays)))
}

/// Text that no file holds yet.
fn nameless(plan: &mut Plan, text: &str) -> Judged {
    let all = plan.engine.scanner().scan(text.as_bytes());
    let findings = judge(plan, text.as_bytes(), &all, (&Provenance::Stdin, &plan.base));
    let scope = Scope { base: Arc::clone(&plan.base), starts: Vec::new(), all: false };
    Judged::new(conclude(plan, findings, &scope), Vec::new())
}

fn conclude(plan: &mut Plan, findings: Vec<Finding>, scope: &Scope) -> Report {
    let mut report = Report::default();
    settle(plan, findings, &mut report);
    let mut baseline = plan.baseline.take();
    compare((plan, scope), &mut baseline, &mut report);
    plan.baseline = baseline;
    report
}

/// `strays` without the place, which an editor shows itself.
fn said(shown: &Path, strays: Vec<(u32, String)>) -> Vec<(u32, String)> {
    let bare = |(line, text): (u32, String)| {
        let place = format!("{shown}:{line}: ", shown = shown.display());
        (line, text.strip_prefix(&place).unwrap_or(&text).to_owned())
    };
    strays.into_iter().map(bare).collect()
}

/// True when git ignores the file `shown` and does not track it, so that a scan of its folder passes
/// it over.
pub fn is_ignored(shown: &Path) -> bool {
    let status = shown.parent().and_then(Status::around);
    status.is_some_and(|status| {
        let inside = shown.strip_prefix(status.root()).map(slashes);
        inside.is_ok_and(|path: BString| !status.tracks(&path) && status.ignores(&path))
    })
}
