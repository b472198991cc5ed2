//! GitLab's secret detection report, version 15.0.2 of its schema.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::blob::Provenance;
use crate::finding::{CheckMeta, Finding, Fingerprint, Report};
use crate::report::{Style, message};

/// The version of the schema that this is written to.
const SCHEMA: &str = "15.0.2";
/// What GitLab's own analyzer gives as the commit of a file that is not read from one.
const NO_COMMIT: &str = "0000000";
/// Most characters of a name.
const MAX_NAME: usize = 255;

pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let vulnerabilities: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let nth = seen.entry(&finding.fingerprint.0).or_default();
            *nth += 1;
            vulnerability(finding, report.checks.get(&finding.check), *nth)
        })
        .collect();
    let tool = json!({
        "id": "keylint",
        "name": "keylint",
        "version": env!("CARGO_PKG_VERSION"),
        "vendor": { "name": "keylint" },
    });
    let note = |level: &str, value: String| json!({ "level": level, "value": value });
    let problems = report
        .problems
        .iter()
        .map(|p| note("warn", format!("{place}: {text}", place = p.place, text = p.message)));
    let notices = report.notices.iter().map(|text| note("info", text.clone()));
    let complete = report.problems.is_empty() && !report.interrupted;
    let document = json!({
        "version": SCHEMA,
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": "secret_detection",
            "status": if complete { "success" } else { "failure" },
            "start_time": time(style.started),
            "end_time": time(style.started),
            "messages": problems.chain(notices).collect::<Vec<Value>>(),
        },
        "vulnerabilities": vulnerabilities,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn vulnerability(finding: &Finding, check: Option<&CheckMeta>, nth: u32) -> Value {
    let (location, severity) = (&finding.location, finding.severity.name());
    let commit = match &location.provenance {
        Provenance::Commit { commit, .. } => json!({
            "sha": commit.id.to_string(),
            "author": commit.author,
            "date": commit.date,
            "message": commit.subject,
        }),
        _ => json!({ "sha": NO_COMMIT }),
    };
    let mut links: Vec<Value> = Vec::new();
    if let Some(check) = check {
        links.extend(check.rotate.iter().map(|url| json!({ "name": "Rotate", "url": url })));
        links.extend(check.references.iter().map(|url| json!({ "url": url })));
    }
    let mut identifier = json!({
        "type": "keylint_rule_id",
        "name": format!("keylint rule {id}", id = finding.check),
        "value": finding.check,
    });
    if let Some(url) = check.and_then(|check| check.references.first()) {
        identifier["url"] = json!(url);
    }
    json!({
        "id": id(&finding.fingerprint, nth),
        "category": "secret_detection",
        "name": finding.message.chars().take(MAX_NAME).collect::<String>(),
        "description": message(finding),
        "severity": severity[..1].to_uppercase() + &severity[1..],
        "solution": check.map_or("", |check| check.remediation.as_str()),
        "identifiers": [identifier],
        "links": links,
        "location": {
            "file": location.provenance.path().map_or_else(|| location.provenance.shown(), |path| crate::blob::name(path)),
            "commit": commit,
            "start_line": location.start.line,
            "end_line": location.end.line,
        },
        // The schema's word for this is unsanitized; it is what a report may show.
        "raw_source_code_extract": finding.secret.redacted(),
    })
}

/// A UUID that stays the same from run to run: from the fingerprint, counted where one stands twice.
fn id(fingerprint: &Fingerprint, nth: u32) -> String {
    let hash = Fingerprint::of(&[fingerprint.0.as_bytes(), &nth.to_le_bytes()]).0;
    let parts = [&hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..]];
    parts.join("-")
}

/// Seconds since 1970 as the schema wants them: UTC, no zone, no fraction.
fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.to_string().trim_end_matches('Z').to_owned()
}
