//! SARIF 2.1.0 as GitHub code scanning reads it.
//!
//! Limits kept: 25,000 results a run and 10 MB gzipped; what is above is cut, worst findings first
//! kept, and said in a notification. Secrets, authors and commit messages are never in it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use bstr::BString;
use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactChange, ArtifactContent, ArtifactLocation, Fix, Invocation, Location, Message,
    MultiformatMessageString, Notification, PhysicalLocation, PropertyBag, Region, Replacement,
    ReportingConfiguration, ReportingDescriptor, Result as SarifResult, ResultLevel, Run,
    RunAutomationDetails, Sarif, Suppression as SarifSuppression, Tool, ToolComponent,
};

use crate::blob::Provenance;
use crate::finding::{
    CheckMeta, Confidence, Finding, Part, Report, Severity, Suppression, Verification,
};
use crate::report::{Style, in_checkout, message};
use crate::text::percent;

/// GitHub refuses runs with more results.
const MAX_RESULTS: usize = 25_000;
/// GitHub refuses larger files, gzipped.
const MAX_GZIPPED: usize = 10_000_000;
/// Most characters of a description.
const MAX_TEXT: usize = 1024;

pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut count = MAX_RESULTS;
    loop {
        let text = serde_json::to_vec_pretty(&document(report, style, count))?;
        if count == 0 || gzipped(&text)? <= MAX_GZIPPED {
            out.write_all(&text)?;
            return writeln!(out);
        }
        count = count.min(report.findings.len()) * 3 / 4;
    }
}

fn gzipped(bytes: &[u8]) -> io::Result<usize> {
    // Nothing that small can gzip above the limit.
    if bytes.len() <= MAX_GZIPPED {
        return Ok(bytes.len());
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn document(report: &Report, style: Style, most: usize) -> Sarif {
    let rules: Vec<&CheckMeta> = report.checks.values().collect();
    let index: BTreeMap<&str, i64> =
        rules.iter().zip(0..).map(|(rule, at)| (rule.id.as_str(), at)).collect();
    let wanted = |finding: &&Finding| style.sarif_history || in_checkout(finding);
    let mut chosen: Vec<&Finding> = report.findings.iter().filter(wanted).collect();
    let left_out = report.findings.len() - chosen.len();
    let cut = chosen.len().saturating_sub(most);
    if cut > 0 {
        // The sort is stable: within a severity the order of places stays.
        chosen.sort_by_key(|finding| {
            (std::cmp::Reverse(finding.severity), std::cmp::Reverse(finding.confidence))
        });
        chosen.truncate(most);
    }
    let mut results: Vec<SarifResult> =
        chosen.iter().map(|finding| result(finding, &index, None)).collect();
    let allowed = report.suppressed.iter().filter(|(finding, _)| wanted(&finding));
    let room = most.saturating_sub(results.len());
    results.extend(allowed.take(room).map(|(finding, why)| result(finding, &index, Some(why))));
    let driver = ToolComponent::builder()
        .name("keylint")
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .version(env!("CARGO_PKG_VERSION"))
        .rules(rules.into_iter().map(descriptor).collect::<Vec<_>>())
        .build();
    let run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .automation_details(RunAutomationDetails::builder().id("keylint/").build())
        .column_kind(json!("unicodeCodePoints"))
        .invocations(vec![invocation(report, left_out, cut)])
        .results(results)
        .build();
    Sarif::builder()
        .schema("https://json.schemastore.org/sarif-2.1.0.json")
        .version(json!("2.1.0"))
        .runs(vec![run])
        .build()
}

/// Problems, notices and what the limits cut, as notifications of the run.
fn invocation(report: &Report, left_out: usize, cut: usize) -> Invocation {
    let note = |level: &str, text: String| {
        let message = Message::builder().text(text).build();
        Notification::builder().level(json!(level)).message(message).build()
    };
    let problem =
        |p: &crate::finding::Problem| format!("{place}: {text}", place = p.place, text = p.message);
    let mut notes: Vec<Notification> =
        report.problems.iter().map(|p| note("error", problem(p))).collect();
    notes.extend(report.notices.iter().map(|text| note("note", text.clone())));
    if left_out > 0 {
        let text = format!(
            "{left_out} findings are only in the history and not in this file; \
             --sarif-history adds them, --format json lists them"
        );
        notes.push(note("note", text));
    }
    if cut > 0 {
        let text = format!(
            "{cut} findings are above code scanning's limits and not in this file; \
             --format json lists all"
        );
        notes.push(note("warning", text));
    }
    Invocation::builder()
        .execution_successful(report.problems.is_empty() && !report.interrupted)
        .tool_execution_notifications(notes)
        .build()
}

fn text(text: &str) -> MultiformatMessageString {
    let short: String = text.chars().take(MAX_TEXT).collect();
    MultiformatMessageString::builder().text(short).build()
}

fn bag(entries: &[(&str, Value)]) -> PropertyBag {
    let additional: BTreeMap<String, Value> =
        entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    PropertyBag::builder().additional_properties(additional).build()
}

fn descriptor(check: &CheckMeta) -> ReportingDescriptor {
    let properties = bag(&[
        ("tags", json!(["security", "secret"])),
        ("precision", json!(precision(check.confidence))),
        ("security-severity", json!(score(check.severity))),
    ]);
    let markdown = {
        let links: String = check.references.iter().map(|link| format!("\n- <{link}>")).collect();
        let rotate =
            check.rotate.as_ref().map_or(String::new(), |page| format!("\n\nRotate: <{page}>"));
        format!("{fix}{rotate}\n{links}", fix = check.remediation)
    };
    let help = MultiformatMessageString::builder()
        .text(check.remediation.clone())
        .markdown(markdown)
        .build();
    let level = ReportingConfiguration::builder().level(json!(level_name(check.severity))).build();
    let builder = ReportingDescriptor::builder()
        .id(check.id.clone())
        .name(check.id.clone())
        .short_description(text(&check.description))
        .full_description(text(&check.description))
        .help(help)
        .default_configuration(level)
        .properties(properties);
    match check.references.first() {
        Some(link) => builder.help_uri(link.clone()).build(),
        None => builder.build(),
    }
}

fn result(
    finding: &Finding,
    index: &BTreeMap<&str, i64>,
    allowed: Option<&Suppression>,
) -> SarifResult {
    let mut properties = vec![
        ("confidence", json!(finding.confidence.name())),
        ("severity", json!(finding.severity.name())),
    ];
    if let Provenance::Commit { commit, in_head, .. } = &finding.location.provenance {
        properties.push(("commit", json!(commit.id.to_string())));
        properties.push(("inHead", json!(in_head)));
    }
    if finding.verification != Verification::SKIPPED {
        properties.push(("verification", json!(finding.verification.name())));
        let detail = finding.verification.detail();
        properties.extend(detail.map(|detail| ("verificationDetail", json!(detail))));
    }
    let mut partial = BTreeMap::from([("keylint/v1".to_owned(), finding.fingerprint.0.clone())]);
    if let Some(hash) = &finding.location.line_hash {
        partial.insert("primaryLocationLineHash".to_owned(), hash.clone());
    }
    let suppressions = allowed.map(|why| {
        let builder = SarifSuppression::builder();
        vec![match why {
            Suppression::Inline { reason: None, .. } => builder.kind(json!("inSource")).build(),
            Suppression::Inline { reason: Some(reason), .. } => {
                builder.kind(json!("inSource")).justification(reason.clone()).build()
            }
            Suppression::Baseline(mark) => match mark.line() {
                None => builder.kind(json!("external")).build(),
                Some(text) => builder.kind(json!("external")).justification(text).build(),
            },
            Suppression::Config { reason } => {
                builder.kind(json!("external")).justification(reason.clone()).build()
            }
        }]
    });
    let base = SarifResult::builder()
        .rule_id(finding.check.clone())
        .rule_index(index.get(finding.check.as_str()).copied().unwrap_or(-1))
        .level(level(finding.severity))
        .message(Message::builder().text(message(finding)).build())
        .locations(vec![location(finding)])
        .related_locations(
            finding.parts.iter().map(|part| related(finding, part)).collect::<Vec<_>>(),
        )
        .partial_fingerprints(partial)
        .properties(bag(&properties));
    let mut result = match suppressions {
        Some(list) => base.suppressions(list).build(),
        None => base.build(),
    };
    result.fixes = fixes(finding);
    result
}

/// What `keylint fix` would do, one change a file.
fn fixes(finding: &Finding) -> Option<Vec<Fix>> {
    let advice = &finding.advice;
    let mut files: BTreeMap<&BString, Vec<Replacement>> = BTreeMap::new();
    for edit in &advice.edits {
        let region = Region::builder()
            .start_line(i64::from(edit.start.line))
            .start_column(i64::from(edit.start.column))
            .end_line(i64::from(edit.end.line))
            .end_column(i64::from(edit.end.column))
            .build();
        let text = ArtifactContent::builder().text(edit.text.clone()).build();
        let change = Replacement::builder().deleted_region(region).inserted_content(text).build();
        files.entry(&edit.path).or_default().push(change);
    }
    let change = |(path, changes): (&BString, Vec<Replacement>)| {
        let place = ArtifactLocation::builder().uri(percent(path)).build();
        ArtifactChange::builder().artifact_location(place).replacements(changes).build()
    };
    let changes: Vec<ArtifactChange> = files.into_iter().map(change).collect();
    let title = Message::builder().text(advice.title.clone()).build();
    let whole = || Fix::builder().description(title).artifact_changes(changes.clone()).build();
    (!changes.is_empty()).then(|| vec![whole()])
}

/// One place with a region on one line: code scanning shows an alert in a pull request only when
/// every line of its region is in the diff.
fn location(finding: &Finding) -> Location {
    let place = &finding.location;
    let multi = place.end.line > place.start.line;
    let region = Region::builder()
        .start_line(i64::from(place.start.line))
        .start_column(i64::from(place.start.column))
        .end_line(i64::from(place.start.line))
        .end_column(match multi {
            true => i64::from(place.start.column) + 1,
            false => i64::from(place.end.column),
        })
        .snippet(ArtifactContent::builder().text(place.excerpt.text.clone()).build())
        .build();
    at(&place.provenance, region)
}

/// Another part of the credential: where it stands, without its text.
fn related(finding: &Finding, part: &Part) -> Location {
    let region = Region::builder()
        .start_line(i64::from(part.start.line))
        .start_column(i64::from(part.start.column))
        .build();
    let message = Message::builder().text(part.name.clone()).build();
    Location { message: Some(message), ..at(&finding.location.provenance, region) }
}

fn at(provenance: &Provenance, region: Region) -> Location {
    let uri = match provenance {
        Provenance::Stdin => "stdin".to_owned(),
        Provenance::Blob { blob, .. } => format!("blob/{blob}"),
        other => other.path().map_or_else(String::new, |path| percent(path)),
    };
    let physical = PhysicalLocation::builder()
        .artifact_location(ArtifactLocation::builder().uri(uri).build())
        .region(region)
        .build();
    Location::builder().physical_location(physical).build()
}

fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Critical | Severity::High => ResultLevel::Error,
        Severity::Medium => ResultLevel::Warning,
        Severity::Low | Severity::Info => ResultLevel::Note,
    }
}

fn level_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "very-high",
        Confidence::Medium => "high",
        Confidence::Low => "low",
    }
}

/// GitHub's bands: above 9.0 critical, from 7.0 high, from 4.0 medium, from 0.1 low.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.1",
    }
}
