//! `keylint verify`: keys from standard input, a line each, as findings whose vendors are asked.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::blob::Provenance;
use crate::finding::{Excerpt, Finding, Location, Part, Problem, Report, Verification};
use crate::plan::KeysPlan;
use crate::progress::Progress;
use crate::rule::set::Compiled;
use crate::run::{RunError, checks, read_stdin};
use crate::scan::details::{self, Options};
use crate::scan::resolve::resolve;
use crate::secret::Secret;
use crate::span::{Point, Span};

/// A line that names everything.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    rule: String,
    secret: String,
    #[serde(default)]
    parts: BTreeMap<String, String>,
}

/// Bytes of standard input that are read at most.
const MOST: u64 = 64 << 20;

/// Reads standard input and verifies every key in it.
///
/// # Errors
/// [`RunError`] when standard input cannot be read. Lines without a key are problems in the report.
pub fn verify(plan: &KeysPlan, progress: &Progress) -> Result<Report, RunError> {
    let (bytes, whole) = read_stdin(MOST, progress)?;
    let bytes = crate::text::decode(&bytes).into_owned();
    let mut report = Report::default();
    if !whole {
        let message = format!("only the first {MOST} bytes were read");
        report.problems.push(Problem { place: "<stdin>".to_owned(), message });
    }
    let mut start = 0;
    for (number, line) in (1_u32..).zip(bytes.split(|b| *b == b'\n')) {
        match find(plan, (number, start), line) {
            Ok(mut found) => report.findings.append(&mut found),
            Err(message) => {
                let place = format!("line {number}");
                report.problems.push(Problem { place, message });
            }
        }
        start += line.len() + 1;
    }
    progress.add(bytes.len() as u64);
    report.checks = checks(&plan.engine, &report.findings);
    let rules = plan.engine.rules();
    report.notices = plan.verifier.verify(&mut report.findings, rules, progress);
    (report.stats.blobs, report.stats.bytes) = (progress.blobs(), progress.bytes());
    report.interrupted = progress.interrupted();
    Ok(report)
}

/// The keys of one line; no error shows any of its text.
fn find(plan: &KeysPlan, at: (u32, usize), line: &[u8]) -> Result<Vec<Finding>, String> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(Vec::new());
    }
    let rule_of = |id: &str| {
        let all = plan.engine.rules().rules();
        all.iter().find(|compiled| compiled.rule.id() == id)
    };
    if line.starts_with(b"{\"") {
        let named: Option<Named> = serde_json::from_slice(line).ok();
        let named = named.ok_or("not of the form {\"rule\": …, \"secret\": …, \"parts\": {…}}")?;
        let rule = rule_of(&named.rule)
            .ok_or_else(|| format!("no rule `{id}`", id = named.rule.escape_debug()))?;
        return Ok(vec![made(plan, rule, at, (named.secret.as_bytes(), &named.parts))]);
    }
    let mut words = line.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty());
    if let (Some(id), Some(key), None) = (words.next(), words.next(), words.next())
        && let Some(rule) = std::str::from_utf8(id).ok().and_then(rule_of)
    {
        return Ok(vec![made(plan, rule, at, (key, &BTreeMap::new()))]);
    }
    let all = plan.engine.scanner().scan(line);
    let kept = resolve(plan.engine.rules(), &all, None);
    if kept.is_empty() {
        let text = "no key that keylint knows by its form; put its rule id before it";
        return Err(text.to_owned());
    }
    let options = Options { show_secrets: plan.style.show_secrets, ..Options::default() };
    let mut found =
        details::findings(&plan.engine, line, (&kept, &all), &Provenance::Stdin, options);
    for finding in &mut found {
        let place = &mut finding.location;
        (place.start.line, place.end.line) = (at.0, at.0);
        place.span = Span::new(place.span.start + at.1, place.span.end + at.1);
    }
    Ok(found)
}

/// A finding for a key whose rule the line names.
fn made(
    plan: &KeysPlan,
    compiled: &Compiled,
    (line, start): (u32, usize),
    (secret, parts): (&[u8], &BTreeMap<String, String>),
) -> Finding {
    let (rule, secret) = (&compiled.rule, Secret::new(secret));
    let place = |column| Point { line, column };
    let part = |(name, value): (&String, &String)| Part {
        name: name.clone(),
        check: rule.id().to_owned(),
        secret: Secret::new(value.as_bytes()),
        start: place(1),
        end: place(1),
    };
    let text = secret.redacted();
    Finding {
        check: rule.id().to_owned(),
        severity: rule.severity,
        confidence: rule.confidence,
        message: rule.description.clone(),
        fingerprint: plan.engine.fingerprint(rule.id(), &[b""], &secret),
        location: Location {
            provenance: Provenance::Stdin,
            span: Span::new(start, start + secret.len()),
            start: place(1),
            end: place(1),
            excerpt: Excerpt { mark: 0..text.chars().count(), text },
            line_hash: None,
        },
        secret,
        verification: Verification::SKIPPED,
        base: None,
        marker: None,
        key_markers: Vec::new(),
        evidence: Vec::new(),
        candidates: Vec::new(),
        parts: parts.iter().map(part).collect(),
        advice: crate::finding::Advice::default(),
        blobs: 1,
    }
}
