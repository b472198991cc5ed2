//! A summary in Markdown, for the summary page of a pipeline or a comment.

use std::io::{self, Write};

use crate::blob::Provenance;
use crate::finding::{Finding, Report};
use crate::report::{in_checkout, tell, worst_first};
use crate::text::plain;

/// Rows shown; GitHub takes a summary of 1 MiB at most.
const MOST: usize = 500;

pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## keylint\n\n{summary}", summary = escape(&tell(report)))?;
    let findings = worst_first(report);
    if !findings.is_empty() {
        writeln!(out, "\n| severity | rule | place | value | what to do |\n|---|---|---|---|---|")?;
    }
    for finding in findings.iter().take(MOST) {
        row(finding, report, out)?;
    }
    if findings.len() > MOST {
        writeln!(out, "\nand {more} more", more = findings.len() - MOST)?;
    }
    if !report.problems.is_empty() {
        writeln!(out, "\n**Incomplete**: could not be read\n")?;
        for problem in report.problems.iter().take(MOST) {
            let (place, text) = (escape(&problem.place), escape(&problem.message));
            writeln!(out, "- <code>{place}</code>: {text}")?;
        }
    }
    if !report.notices.is_empty() {
        writeln!(out)?;
    }
    for notice in report.notices.iter().take(MOST) {
        writeln!(out, "> {text}\n", text = escape(notice))?;
    }
    Ok(())
}

fn row(finding: &Finding, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let check = report.checks.get(&finding.check);
    let place = format!(
        "{path}:{line}",
        path = finding.location.provenance.shown(),
        line = finding.location.start.line
    );
    let commit = match &finding.location.provenance {
        Provenance::Commit { commit, .. } if in_checkout(finding) => {
            format!(" since {id}", id = commit.id.short(10))
        }
        Provenance::Commit { commit, .. } => {
            format!(" in {id}, since removed", id = commit.id.short(10))
        }
        _ => String::new(),
    };
    let fix = check.map_or("", |check| check.remediation.as_str());
    let rotate = check.and_then(|check| check.rotate.as_ref());
    let rotate = rotate.map_or(String::new(), |url| format!(" <{url}>"));
    writeln!(
        out,
        "| {severity} | {check} | <code>{place}</code>{commit} | <code>{value}</code> | {fix}{rotate} |",
        severity = finding.severity.name(),
        check = escape(&finding.check),
        place = escape(&place),
        value = escape(&finding.secret.redacted()),
        fix = escape(fix)
    )
}

/// `text` so that it is shown as it is: no mark-up, no mention, no new table cell.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text.as_bytes()).chars() {
        match c {
            '&' | '<' | '>' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '\\' | '@' | '#' | '!' => {
                escaped += &format!("&#{code};", code = u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
