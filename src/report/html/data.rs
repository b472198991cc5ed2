//! What the page knows: the report as small objects. What stands in many findings is listed once
//! and named by its number, and fields that say nothing are left out: ten thousand findings have
//! to load at once.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::blob::{Commit, ObjectId, Provenance};
use crate::finding::{
    CheckMeta, Edit, Finding, Problem, Report, SkipReason, Suppression, Verification,
};
use crate::report::{Style, allowed_by, in_checkout};

/// Places listed for each reason to skip; the count is always whole.
const MOST_SKIPPED: usize = 1000;

/// The whole of it.
#[derive(Serialize)]
pub(super) struct Page<'r> {
    version: &'static str,
    /// True when secrets are in clear.
    clear: bool,
    interrupted: bool,
    checks: Vec<&'r CheckMeta>,
    commits: Vec<CommitItem<'r>>,
    findings: Vec<Item<'r>>,
    problems: Vec<ProblemItem<'r>>,
    notices: Vec<&'r str>,
    skipped: Vec<Skipped<'r>>,
    blobs: u64,
    bytes: u64,
    history: u64,
}

#[derive(Serialize)]
struct CommitItem<'r> {
    id: String,
    author: &'r str,
    email: &'r str,
    date: &'r str,
    subject: &'r str,
}

#[derive(Serialize)]
struct ProblemItem<'r> {
    place: &'r str,
    message: &'r str,
}

#[derive(Serialize)]
struct Skipped<'r> {
    reason: &'static str,
    count: usize,
    places: Vec<&'r str>,
}

/// A finding. `None`, `false` and empty lists are left out.
#[derive(Serialize)]
struct Item<'r> {
    /// Number of the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<usize>,
    severity: &'static str,
    confidence: &'static str,
    /// What was found, where it is not what the check says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'r str>,
    place: String,
    /// False for standard input and blobs without a path.
    #[serde(skip_serializing_if = "is_false")]
    file: bool,
    start: [u32; 2],
    excerpt: &'r str,
    mark: [usize; 2],
    #[serde(skip_serializing_if = "String::is_empty")]
    secret: String,
    /// The same number for the same value; says nothing of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<usize>,
    fingerprint: &'r str,
    /// Number of the first commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<usize>,
    /// No longer in the checkout.
    #[serde(skip_serializing_if = "is_false")]
    gone: bool,
    /// Versions of the file that hold it, above one.
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<[&'r str; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<(&'r str, String, u32)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<(i32, &'r str)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<(&'r str, i32)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix<'r>>,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
}

#[derive(Serialize)]
struct Fix<'r> {
    title: &'r str,
    edits: Vec<EditItem<'r>>,
}

#[derive(Serialize)]
struct EditItem<'r> {
    path: String,
    start: [u32; 2],
    /// True where nothing goes.
    insert: bool,
    text: &'r str,
    /// The line as it is and as it would be, where the excerpt shows the whole change.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<[String; 2]>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What of `report` the page shows.
pub(super) fn page<'r>(report: &'r Report, style: Style) -> Page<'r> {
    let mut maker = Maker {
        style,
        checks: report.checks.keys().map(String::as_str).zip(0..).collect(),
        rules: &report.checks,
        commits: Vec::new(),
        known: BTreeMap::new(),
        values: BTreeMap::new(),
    };
    let mut findings: Vec<Item<'r>> =
        report.findings.iter().map(|finding| maker.item(finding, None)).collect();
    findings.extend(report.suppressed.iter().map(|(finding, why)| maker.item(finding, Some(why))));
    let commits = std::mem::take(&mut maker.commits);
    let problem =
        |problem: &'r Problem| ProblemItem { place: &problem.place, message: &problem.message };
    let skipped = |(reason, places): (&SkipReason, &'r Vec<String>)| Skipped {
        reason: reason.name(),
        count: places.len(),
        places: places.iter().take(MOST_SKIPPED).map(String::as_str).collect(),
    };
    Page {
        version: env!("CARGO_PKG_VERSION"),
        clear: style.show_secrets,
        interrupted: report.interrupted,
        checks: report.checks.values().collect(),
        commits: commits.into_iter().map(|commit| commit_item(commit)).collect(),
        findings,
        problems: report.problems.iter().map(problem).collect(),
        notices: report.notices.iter().map(String::as_str).collect(),
        skipped: report.stats.skipped.iter().map(skipped).collect(),
        blobs: report.stats.blobs,
        bytes: report.stats.bytes,
        history: report.stats.commits,
    }
}

fn commit_item(commit: &Commit) -> CommitItem<'_> {
    CommitItem {
        id: commit.id.to_string(),
        author: &commit.author,
        email: &commit.email,
        date: &commit.date,
        subject: &commit.subject,
    }
}

/// Numbers what findings share while they are turned into items.
struct Maker<'r> {
    style: Style,
    checks: BTreeMap<&'r str, usize>,
    rules: &'r BTreeMap<String, CheckMeta>,
    commits: Vec<&'r Commit>,
    known: BTreeMap<ObjectId, usize>,
    values: BTreeMap<[u8; 32], usize>,
}

impl<'r> Maker<'r> {
    fn item(&mut self, finding: &'r Finding, why: Option<&Suppression>) -> Item<'r> {
        let location = &finding.location;
        let own = self.rules.get(&finding.check).map(|rule| rule.description.as_str());
        let excerpt = &location.excerpt;
        let show = self.style.show_secrets;
        let commit = match &location.provenance {
            Provenance::Commit { commit, .. } => Some(commit),
            _ => finding.advice.first.as_ref(),
        };
        let told = |verification: &'r Verification| {
            [verification.name(), verification.detail().unwrap_or_default()]
        };
        Item {
            check: self.checks.get(finding.check.as_str()).copied(),
            severity: finding.severity.name(),
            confidence: finding.confidence.name(),
            message: (own != Some(&finding.message)).then_some(finding.message.as_str()),
            place: location.provenance.shown(),
            file: location.provenance.path().is_some(),
            start: [location.start.line, location.start.column],
            excerpt: &excerpt.text,
            mark: [excerpt.mark.start, excerpt.mark.end],
            secret: finding.secret.display(show),
            value: self.value(finding),
            fingerprint: &finding.fingerprint.0,
            commit: commit.map(|commit| self.commit(commit)),
            gone: !in_checkout(finding),
            versions: (finding.blobs > 1).then_some(finding.blobs),
            verified: (finding.verification != Verification::SKIPPED)
                .then(|| told(&finding.verification)),
            parts: finding
                .parts
                .iter()
                .map(|part| (part.name.as_str(), part.secret.display(show), part.start.line))
                .collect(),
            evidence: finding.evidence.iter().map(|e| (e.weight, e.what.as_str())).collect(),
            candidates: finding.candidates.iter().map(|c| (c.vendor.as_str(), c.score)).collect(),
            notes: finding.advice.notes.iter().map(String::as_str).collect(),
            fix: self.fix(finding),
            allowed: why.map(reason),
        }
    }

    fn value(&mut self, finding: &Finding) -> Option<usize> {
        let next = self.values.len();
        let digest = (!finding.secret.is_empty()).then(|| finding.secret.digest())?;
        Some(*self.values.entry(digest).or_insert(next))
    }

    fn commit(&mut self, commit: &'r Commit) -> usize {
        let next = self.commits.len();
        let at = *self.known.entry(commit.id).or_insert(next);
        if at == next {
            self.commits.push(commit);
        }
        at
    }

    fn fix(&self, finding: &'r Finding) -> Option<Fix<'r>> {
        let edit = |edit: &'r Edit| EditItem {
            path: edit.path.to_string(),
            start: [edit.start.line, edit.start.column],
            insert: edit.span.is_empty(),
            text: &edit.text,
            line: changed(finding, edit),
        };
        let advice = &finding.advice;
        (!advice.edits.is_empty())
            .then(|| Fix { title: &advice.title, edits: advice.edits.iter().map(edit).collect() })
    }
}

/// The line of the finding before and after `edit`; `None` where the excerpt shows less than the
/// edit changes.
fn changed(finding: &Finding, edit: &Edit) -> Option<[String; 2]> {
    let (place, excerpt) = (&finding.location, &finding.location.excerpt);
    let line = place.start.line;
    let one_line = [edit.start.line, edit.end.line, place.end.line].iter().all(|n| *n == line);
    let around = edit.span.start <= place.span.start && edit.span.end >= place.span.end;
    if !one_line || !around || place.provenance.path() != Some(&edit.path) {
        return None;
    }
    let columns = |from: u32, to: u32| usize::try_from(to.checked_sub(from)?).ok();
    let before = columns(edit.start.column, place.start.column)?;
    let after = columns(place.end.column, edit.end.column)?;
    let text: Vec<char> = excerpt.text.chars().collect();
    let (start, end) = (excerpt.mark.start.checked_sub(before)?, excerpt.mark.end + after);
    let known = [text.get(start..excerpt.mark.start)?, text.get(excerpt.mark.end..end)?];
    // There the line is cropped, or something else is redacted and the columns are others.
    if known.iter().any(|part| part.contains(&'…')) {
        return None;
    }
    let join = |part: &[char]| part.iter().collect::<String>();
    let new = format!("{}{}{}", join(&text[..start]), edit.text, join(&text[end..]));
    Some([excerpt.text.clone(), new])
}

/// Why a finding does not count, in words.
fn reason(why: &Suppression) -> String {
    let (what, reason) = allowed_by(why);
    match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what,
    }
}
