//! JSON and JSON Lines. The same objects in both.

use std::io::{self, Write};

use serde::Serialize;

use crate::blob::{Provenance, name};
use crate::finding::{
    CheckMeta, Edit, Evidence, Finding, Mark, Part, Problem, Ranked, Report, Stats, Status,
    Suppression, Verification,
};
use crate::report::Style;

/// Raised when a field changes its meaning or goes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'r> {
    version: u32,
    tool: Tool,
    findings: Vec<Item<'r>>,
    suppressed: Vec<Item<'r>>,
    checks: Vec<&'r CheckMeta>,
    problems: &'r [Problem],
    notices: &'r [String],
    stats: &'r Stats,
    interrupted: bool,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

const TOOL: Tool = Tool { name: "keylint", version: env!("CARGO_PKG_VERSION") };

#[derive(Serialize)]
struct Item<'r> {
    check: &'r str,
    severity: &'static str,
    confidence: &'static str,
    message: &'r str,
    path: Option<String>,
    shown: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<CommitItem<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
    start: [u32; 2],
    end: [u32; 2],
    bytes: [usize; 2],
    secret: String,
    excerpt: &'r str,
    fingerprint: &'r str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartItem<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<&'r Verification>,
    evidence: &'r [Evidence],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    candidates: &'r [Ranked],
    blobs: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    edits: Vec<EditItem<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<MarkItem<'r>>,
}

#[derive(Serialize)]
struct MarkItem<'r> {
    status: Status,
    reason: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<&'r str>,
}

#[derive(Serialize)]
struct PartItem<'r> {
    name: &'r str,
    check: &'r str,
    start: [u32; 2],
    end: [u32; 2],
    secret: String,
}

#[derive(Serialize)]
struct EditItem<'r> {
    path: String,
    start: [u32; 2],
    end: [u32; 2],
    bytes: [usize; 2],
    text: &'r str,
}

#[derive(Serialize)]
struct CommitItem<'r> {
    id: String,
    author: &'r str,
    email: &'r str,
    date: &'r str,
    subject: &'r str,
    in_head: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'r> {
    Finding(Item<'r>),
    Suppressed(Item<'r>),
    Problem(&'r Problem),
    Notice { message: &'r str },
    Summary { version: u32, tool: Tool, findings: usize, stats: &'r Stats, interrupted: bool },
}

fn item<'r>(finding: &'r Finding, why: Option<&'r Suppression>, style: Style) -> Item<'r> {
    let location = &finding.location;
    let (commit, blob) = match &location.provenance {
        Provenance::Commit { commit, blob, in_head, .. } => {
            let item = CommitItem {
                id: commit.id.to_string(),
                author: &commit.author,
                email: &commit.email,
                date: &commit.date,
                subject: &commit.subject,
                in_head: *in_head,
            };
            (Some(item), Some(blob.to_string()))
        }
        Provenance::Index { blob, .. } | Provenance::Blob { blob, .. } => {
            (None, Some(blob.to_string()))
        }
        Provenance::File { .. } | Provenance::Member { .. } | Provenance::Stdin => (None, None),
    };
    Item {
        check: &finding.check,
        severity: finding.severity.name(),
        confidence: finding.confidence.name(),
        message: &finding.message,
        path: location.provenance.path().map(|path| name(path)),
        shown: location.provenance.shown(),
        commit,
        blob,
        start: [location.start.line, location.start.column],
        end: [location.end.line, location.end.column],
        bytes: [location.span.start, location.span.end],
        secret: finding.secret.display(style.show_secrets),
        excerpt: &location.excerpt.text,
        fingerprint: &finding.fingerprint.0,
        parts: finding.parts.iter().map(|part| part_item(part, style)).collect(),
        verification: Some(&finding.verification).filter(|v| **v != Verification::SKIPPED),
        evidence: &finding.evidence,
        candidates: &finding.candidates,
        blobs: finding.blobs,
        notes: finding.advice.notes.iter().map(String::as_str).collect(),
        edits: finding.advice.edits.iter().map(edit).collect(),
        suppressed: why.map(|why| match why {
            Suppression::Inline { marker, reason: None } => format!("inline {marker}"),
            Suppression::Inline { marker, reason: Some(why) } => format!("inline {marker}: {why}"),
            Suppression::Config { reason } => format!("config: {reason}"),
            Suppression::Baseline(mark) => match mark.line() {
                None => "baseline".to_owned(),
                Some(why) => format!("baseline: {why}"),
            },
        }),
        mark: why.and_then(mark_item),
    }
}

/// What was decided in a triage.
fn mark_item(why: &Suppression) -> Option<MarkItem<'_>> {
    let Suppression::Baseline(Mark { status: Some(status), reason, date, author }) = why else {
        return None;
    };
    let (date, author) = (date.as_deref(), author.as_deref());
    Some(MarkItem { status: *status, reason, date, author })
}

fn part_item(part: &Part, style: Style) -> PartItem<'_> {
    PartItem {
        name: &part.name,
        check: &part.check,
        start: [part.start.line, part.start.column],
        end: [part.end.line, part.end.column],
        secret: part.secret.display(style.show_secrets),
    }
}

fn edit(edit: &Edit) -> EditItem<'_> {
    EditItem {
        path: name(&edit.path),
        start: [edit.start.line, edit.start.column],
        end: [edit.end.line, edit.end.column],
        bytes: [edit.span.start, edit.span.end],
        text: &edit.text,
    }
}

pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        version: VERSION,
        tool: TOOL,
        findings: report.findings.iter().map(|f| item(f, None, style)).collect(),
        suppressed: report.suppressed.iter().map(|(f, why)| item(f, Some(why), style)).collect(),
        checks: report.checks.values().collect(),
        problems: &report.problems,
        notices: &report.notices,
        stats: &report.stats,
        interrupted: report.interrupted,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

pub(super) fn render_lines(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |line: Line<'_>| {
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)
    };
    for finding in &report.findings {
        line(Line::Finding(item(finding, None, style)))?;
    }
    for (finding, why) in &report.suppressed {
        line(Line::Suppressed(item(finding, Some(why), style)))?;
    }
    for problem in &report.problems {
        line(Line::Problem(problem))?;
    }
    for message in &report.notices {
        line(Line::Notice { message })?;
    }
    line(Line::Summary {
        version: VERSION,
        tool: TOOL,
        findings: report.findings.len(),
        stats: &report.stats,
        interrupted: report.interrupted,
    })
}
