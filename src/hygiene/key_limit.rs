//! More distinct keys of a provider than its limit allows one user: keys that pile up are keys that
//! nobody retires. The limit is `max_keys` of the rule.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::keys::{counts, like};
use crate::hygiene::{Check, Subject};

/// Too many keys.
pub(super) const CHECK: Check = Check {
    id: "key-limit",
    description: "More distinct keys of one provider than it allows a user.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Delete the keys that nothing uses; keep one for each environment.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let past = subject.past.map(|past| past.findings.as_slice()).unwrap_or_default();
    let named: BTreeSet<&str> =
        subject.findings.iter().chain(past).map(|finding| finding.check.as_str()).collect();
    let rules = subject.engine.rules().rules().iter();
    for compiled in rules.filter(|compiled| named.contains(compiled.rule.id())) {
        let Some(limit) = compiled.rule.max_keys else { continue };
        let own =
            |finding: &&Finding| finding.check == compiled.rule.id() && counts(subject, finding);
        let mut keys: BTreeMap<[u8; 32], &Finding> = BTreeMap::new();
        for finding in subject.findings.iter().chain(past).filter(own) {
            keys.entry(finding.secret.digest()).or_insert(finding);
        }
        if keys.len() <= limit as usize {
            continue;
        }
        let mut all: Vec<&Finding> = keys.values().copied().collect();
        all.sort_by_key(|finding| {
            (finding.location.provenance.shown(), finding.location.span.start)
        });
        let text = format!(
            "{n} distinct keys of {vendor}, which allows {limit} a user.",
            n = keys.len(),
            vendor = compiled.vendor.name
        );
        found.push(like(subject, (all[0], &CHECK), text, &all));
    }
}
