//! Workflow commands of GitHub Actions, which it shows as annotations: the worst findings first,
//! since only the first ten of a level are shown.

use std::io::{self, Write};

use crate::finding::{Finding, Report, Severity};
use crate::report::{in_checkout, message, tell, worst_first};

pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for finding in worst_first(report) {
        let level = match finding.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low | Severity::Info => "notice",
        };
        writeln!(
            out,
            "::{level} {place}::{text}",
            place = place(finding),
            text = data(&text(finding, report))
        )?;
    }
    for problem in &report.problems {
        let text = format!("{place}: {text}", place = problem.place, text = problem.message);
        writeln!(out, "::error title=keylint is incomplete::{text}", text = data(&text))?;
    }
    for notice in &report.notices {
        writeln!(out, "::notice title=keylint::{text}", text = data(notice))?;
    }
    writeln!(out, "keylint: {summary}", summary = data(&tell(report)))
}

/// File and region; nothing but a title for what is not in the checkout.
fn place(finding: &Finding) -> String {
    let (location, check) = (&finding.location, property(&finding.check));
    let title = format!("title=keylint {check}");
    let Some(path) = location.provenance.path().filter(|_| in_checkout(finding)) else {
        return title;
    };
    let (path, start, end) = (property(&crate::blob::name(path)), location.start, location.end);
    let mut place =
        format!("file={path},line={line},endLine={last}", line = start.line, last = end.line);
    // Columns are only taken for a region on one line.
    if start.line == end.line {
        place += &format!(",col={from},endColumn={to}", from = start.column, to = end.column);
    }
    format!("{place},{title}")
}

fn text(finding: &Finding, report: &Report) -> String {
    let mut text = message(finding);
    if !in_checkout(finding) {
        let (shown, line) = (finding.location.provenance.shown(), finding.location.start.line);
        text = format!("{shown}:{line}: {text} It is still in the history.");
    }
    match report.checks.get(&finding.check) {
        Some(check) => format!("{text} {fix}", fix = check.remediation),
        None => text,
    }
}

/// The message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value among the properties of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
