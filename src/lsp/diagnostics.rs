//! Findings as diagnostics.

use serde_json::{Value, json};

use crate::finding::{Finding, Severity};
use crate::report::message;

use super::Client;
use super::documents::Document;
use crate::span::Span;

/// The parameters of `textDocument/publishDiagnostics` for `document`.
pub(super) fn of(document: &Document, client: Client) -> Value {
    let findings = document.judged.report.findings.iter();
    let mut all: Vec<Value> = findings.map(|finding| one(document, finding, client)).collect();
    all.extend(document.judged.strays.iter().map(|stray| of_marker(document, stray, client)));
    json!({"uri": document.uri, "version": document.version, "diagnostics": all})
}

/// One finding. The value is redacted, as in every report.
pub(super) fn one(document: &Document, finding: &Finding, client: Client) -> Value {
    let (text, encoding) = (&document.text, client.encoding);
    let check = document.judged.report.checks.get(&finding.check);
    let mut lines = vec![message(finding)];
    lines.extend(check.map(|check| check.remediation.clone()));
    lines.extend(finding.advice.notes.iter().cloned());
    let message = hidden(document, lines.join("\n"));
    let mut diagnostic = json!({
        "range": text.range(finding.location.span, encoding),
        "severity": severity(finding.severity),
        "code": finding.check,
        "source": "keylint",
        "message": message,
        "data": {"fingerprint": finding.fingerprint.0},
    });
    let page = check.and_then(|check| check.rotate.as_ref().or(check.references.first()));
    if let Some(page) = page.filter(|page| page.starts_with("https://")) {
        diagnostic["codeDescription"] = json!({"href": page});
    }
    if client.related && !finding.parts.is_empty() {
        let place = |part: &crate::finding::Part| {
            let span = Span::new(text.byte(part.start), text.byte(part.end));
            json!({
                "location": {"uri": document.uri, "range": text.range(span, encoding)},
                "message": format!("{name} {value}", name = part.name, value = part.secret.redacted()),
            })
        };
        diagnostic["relatedInformation"] = finding.parts.iter().map(place).collect();
    }
    diagnostic
}

/// A `keylint:allow` comment that does nothing.
fn of_marker(document: &Document, (line, what): &(u32, String), client: Client) -> Value {
    let start = document.text.byte(crate::span::Point { line: *line, column: 1 });
    let span = document.text.line(document.text.line_of(start));
    json!({
        "range": document.text.range(span, client.encoding),
        "severity": 4,
        "source": "keylint",
        "message": hidden(document, what.clone()),
        // Unnecessary: shown faded.
        "tags": [1],
    })
}

/// `text` with the values of the document redacted: a path in it may hold one.
fn hidden(document: &Document, mut text: String) -> String {
    if let Some(veil) = &document.judged.veil {
        veil.text(&mut text);
    }
    text
}

/// Error, warning, information or hint.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Critical | Severity::High => 1,
        Severity::Medium => 2,
        Severity::Low => 3,
        Severity::Info => 4,
    }
}
