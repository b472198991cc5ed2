//! What the checks that look at keys as a whole share: which findings are keys, where each key
//! stands, and a finding on a key in all its places.

use std::collections::BTreeMap;

use crate::finding::{Advice, Confidence, Finding, Verification};
use crate::hygiene::page::few;
use crate::hygiene::{Check, Subject};

/// The findings in files, by key.
pub(super) fn by_key<'s>(subject: &'s Subject<'_>) -> BTreeMap<[u8; 32], Vec<&'s Finding>> {
    let mut keys: BTreeMap<[u8; 32], Vec<&Finding>> = BTreeMap::new();
    for finding in subject.findings.iter().filter(|finding| counts(subject, finding)) {
        keys.entry(finding.secret.digest()).or_default().push(finding);
    }
    keys
}

/// True for findings of secrets that a rule knows and that are none by design.
pub(super) fn counts(subject: &Subject<'_>, finding: &Finding) -> bool {
    let rules = subject.engine.rules().rules();
    let rule = rules.iter().find(|rule| rule.rule.id() == finding.check);
    rule.is_some_and(|rule| !rule.rule.public && finding.confidence > Confidence::Low)
}

/// A finding of `check` at the place of `at`, with the other places as a note.
pub(super) fn like(
    subject: &Subject<'_>,
    (at, check): (&Finding, &Check),
    text: String,
    all: &[&Finding],
) -> Finding {
    let mut finding = at.clone();
    finding.check = check.id.to_owned();
    (finding.severity, finding.confidence) = (check.severity, check.confidence);
    finding.message = text;
    finding.fingerprint = subject.engine.fingerprint(check.id, &[], &at.secret);
    let lines = (finding.location.start.line, finding.location.end.line);
    let named = std::mem::take(&mut finding.key_markers);
    let mut markers = finding.marker.take().into_iter().chain(named);
    finding.marker = markers.find(|marker| marker.allows(check.id, lines.0, lines.1));
    finding.evidence = Vec::new();
    finding.candidates = Vec::new();
    finding.parts = Vec::new();
    finding.verification = Verification::SKIPPED;
    let place = |other: &&Finding| {
        let location = &other.location;
        format!("{path}:{line}", path = location.provenance.shown(), line = location.start.line)
    };
    let places: Vec<String> = all.iter().map(place).collect();
    finding.advice = Advice::default();
    finding.advice.notes.push(format!("{label}: {check}", label = "the key", check = at.check));
    finding.advice.notes.push(format!("places: {places}", places = few(&places)));
    finding
}
