//! JUnit and Checkstyle, for servers that read one of them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::finding::{Finding, Report, Severity};
use crate::report::message;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// A finding is a failed test, something unreadable is an erroneous one; a clean scan has passed one.
pub(super) fn junit(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let (failures, errors) = (report.findings.len(), report.problems.len());
    let tests = (failures + errors).max(1);
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    writeln!(out, "{HEAD}\n<testsuites name=\"keylint\" {counts}>")?;
    writeln!(out, "  <testsuite name=\"keylint\" {counts}>")?;
    for finding in &report.findings {
        let (place, line) = (finding.location.provenance.shown(), finding.location.start.line);
        writeln!(
            out,
            "    <testcase classname=\"{check}\" name=\"{place}:{line}\" file=\"{place}\" line=\"{line}\">",
            check = escape(&finding.check),
            place = escape(&place)
        )?;
        let fix = report.checks.get(&finding.check).map_or("", |check| check.remediation.as_str());
        writeln!(
            out,
            "      <failure type=\"{severity}\" message=\"{text}\">{place}:{line}: {text}\n{fix}</failure>",
            severity = finding.severity.name(),
            text = escape(&message(finding)),
            place = escape(&place),
            fix = escape(fix)
        )?;
        writeln!(out, "    </testcase>")?;
    }
    for problem in &report.problems {
        let (place, text) = (escape(&problem.place), escape(&problem.message));
        writeln!(out, "    <testcase classname=\"incomplete\" name=\"{place}\">")?;
        writeln!(out, "      <error type=\"incomplete\" message=\"{text}\"/>")?;
        writeln!(out, "    </testcase>")?;
    }
    if failures + errors == 0 {
        writeln!(out, "    <testcase classname=\"keylint\" name=\"no secrets found\"/>")?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

/// Findings by file.
pub(super) fn checkstyle(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut files: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        files.entry(finding.location.provenance.shown()).or_default().push(finding);
    }
    writeln!(out, "{HEAD}\n<checkstyle version=\"4.3\">")?;
    for (file, findings) in files {
        writeln!(out, "  <file name=\"{file}\">", file = escape(&file))?;
        for finding in findings {
            let start = finding.location.start;
            writeln!(
                out,
                "    <error line=\"{line}\" column=\"{column}\" severity=\"{severity}\" \
                 message=\"{text}\" source=\"keylint.{check}\"/>",
                line = start.line,
                column = start.column,
                severity = level(finding.severity),
                text = escape(&message(finding)),
                check = escape(&finding.check)
            )?;
        }
        writeln!(out, "  </file>")?;
    }
    for problem in &report.problems {
        let (place, text) = (escape(&problem.place), escape(&problem.message));
        writeln!(out, "  <file name=\"{place}\">")?;
        writeln!(
            out,
            "    <error line=\"1\" severity=\"error\" message=\"{text}\" source=\"keylint.incomplete\"/>"
        )?;
        writeln!(out, "  </file>")?;
    }
    writeln!(out, "</checkstyle>")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

/// `text` for an attribute or an element; what XML 1.0 cannot hold is replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in crate::text::plain(text.as_bytes()).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
