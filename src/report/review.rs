//! reviewdog's diagnostic format, one JSON object a line (rdjsonl).

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::finding::{CheckMeta, Finding, Report, Severity};
use crate::report::{in_checkout, message};

pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        let line = diagnostic(finding, report.checks.get(&finding.check));
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)?;
    }
    for problem in &report.problems {
        let line = json!({
            "message": problem.message,
            "location": { "path": problem.place },
            "severity": "ERROR",
            "source": { "name": "keylint" },
            "code": { "value": "incomplete" },
        });
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)?;
    }
    Ok(())
}

fn diagnostic(finding: &Finding, check: Option<&CheckMeta>) -> Value {
    let place = &finding.location;
    let mut location = json!({ "path": place.provenance.shown() });
    if in_checkout(finding) {
        // Columns are counted in bytes there and in characters here, so lines have to do.
        location["range"] =
            json!({ "start": { "line": place.start.line }, "end": { "line": place.end.line } });
    }
    let mut code = json!({ "value": finding.check });
    if let Some(url) = check.and_then(|check| check.references.first()) {
        code["url"] = json!(url);
    }
    json!({
        "message": message(finding),
        "location": location,
        "severity": match finding.severity {
            Severity::Critical | Severity::High => "ERROR",
            Severity::Medium => "WARNING",
            Severity::Low | Severity::Info => "INFO",
        },
        "source": { "name": "keylint" },
        "code": code,
    })
}
