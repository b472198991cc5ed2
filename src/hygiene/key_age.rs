//! Keys that are in use for longer than their rule's rotation period, by the history.

use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;
use jiff::Timestamp;

use crate::blob::Provenance;
use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::keys::{counts, like};
use crate::hygiene::{Check, Past, Subject};

/// A key past its rotation period.
pub(super) const CHECK: Check = Check {
    id: "key-age",
    description: "A key is in use for longer than it should be without rotation.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Create a new key, deploy it, then revoke this one; put the next date into the calendar.",
};

/// Days after which any key of a specific rule has been kept too long.
const DEFAULT_DAYS: u32 = 365;

pub(super) fn check(subject: &Subject<'_>, past: &Past, found: &mut Vec<Finding>) {
    let mut first: BTreeMap<[u8; 32], (Timestamp, &Finding)> = BTreeMap::new();
    let mut values: BTreeMap<(&str, &BString), BTreeSet<[u8; 32]>> = BTreeMap::new();
    let mut in_use: BTreeSet<[u8; 32]> =
        subject.findings.iter().map(|finding| finding.secret.digest()).collect();
    for finding in past.findings.iter().filter(|finding| counts(subject, finding)) {
        let Provenance::Commit { commit, path, in_head, .. } = &finding.location.provenance else {
            continue;
        };
        let digest = finding.secret.digest();
        values.entry((&finding.check, path)).or_default().insert(digest);
        if *in_head {
            in_use.insert(digest);
        }
        if let Ok(date) = commit.date.parse::<Timestamp>() {
            let entry = first.entry(digest).or_insert((date, finding));
            if date < entry.0 {
                *entry = (date, finding);
            }
        }
    }
    for (digest, (date, finding)) in first.iter().filter(|(digest, _)| in_use.contains(*digest)) {
        let days = (subject.now.as_second() - date.as_second()) / 86_400;
        let rules = subject.engine.rules().rules();
        let rule = rules.iter().find(|rule| rule.rule.id() == finding.check);
        let Some(rule) = rule.filter(|rule| !rule.rule.generic) else { continue };
        let period = rule.rule.rotate_days;
        let sure = period.is_some() || finding.confidence == Confidence::High;
        if !sure || days <= i64::from(period.unwrap_or(DEFAULT_DAYS)) {
            continue;
        }
        let path = finding.location.provenance.path();
        let alone = path.and_then(|path| values.get(&(finding.check.as_str(), path)));
        let never = alone.is_some_and(|values| values.len() == 1 && values.contains(digest));
        let day = date.to_string().get(..10).unwrap_or_default().to_owned();
        let text = format!(
            "This key is in the repository since {day}, {days} days{limit}{never}.",
            limit = period.map_or(String::new(), |n| format!("; it should be rotated every {n}")),
            never = if never { ", and was never rotated" } else { "" }
        );
        let current = subject.findings.iter().find(|other| other.secret.digest() == *digest);
        let at = current.unwrap_or(finding);
        let mut aged = like(subject, (at, &CHECK), text, &[at]);
        if period.is_none() {
            (aged.severity, aged.confidence) = (Severity::Low, Confidence::Medium);
        }
        if let Provenance::Commit { commit, .. } = &finding.location.provenance {
            aged.advice.notes.push(format!("first commit {id}", id = commit.id.short(10)));
        }
        found.push(aged);
    }
}
