//! Comma-separated values (RFC 4180), a line a finding, with a head.

use std::io::{self, Write};

use crate::blob::Provenance;
use crate::finding::{Finding, Report};
use crate::report::Style;

const HEAD: &str = "severity,confidence,rule,path,line,column,end_line,end_column,secret,commit,\
                    author,date,in_head,verification,fingerprint,message";

pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{HEAD}\r\n")?;
    for finding in &report.findings {
        let cells: Vec<String> = row(finding, style).iter().map(|cell| quoted(cell)).collect();
        write!(out, "{line}\r\n", line = cells.join(","))?;
    }
    Ok(())
}

fn row(finding: &Finding, style: Style) -> [String; 16] {
    let (start, end) = (finding.location.start, finding.location.end);
    let (commit, author, date, in_head) = match &finding.location.provenance {
        Provenance::Commit { commit, in_head, .. } => (
            commit.id.to_string(),
            format!("{name} <{email}>", name = commit.author, email = commit.email),
            commit.date.clone(),
            in_head.to_string(),
        ),
        _ => Default::default(),
    };
    [
        finding.severity.name().to_owned(),
        finding.confidence.name().to_owned(),
        finding.check.clone(),
        finding.location.provenance.shown(),
        start.line.to_string(),
        start.column.to_string(),
        end.line.to_string(),
        end.column.to_string(),
        finding.secret.display(style.show_secrets),
        commit,
        author,
        date,
        in_head,
        finding.verification.name().to_owned(),
        finding.fingerprint.0.clone(),
        finding.message.clone(),
    ]
}

/// A cell. One that a spreadsheet would run as a formula gets an apostrophe before it.
fn quoted(cell: &str) -> String {
    let cell = match cell.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') => format!("'{cell}"),
        _ => cell.to_owned(),
    };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{inner}\"", inner = cell.replace('"', "\"\""))
    } else {
        cell
    }
}
