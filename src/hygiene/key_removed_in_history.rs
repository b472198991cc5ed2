//! Keys that are gone from HEAD and from the work tree and still stand in the history.

use std::collections::{BTreeMap, BTreeSet};

use crate::blob::Provenance;
use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::keys::{counts, like};
use crate::hygiene::{Check, Past, Subject};

/// A key that was deleted, not revoked.
pub(super) const CHECK: Check = Check {
    id: "key-removed-in-history",
    description: "A key was taken out of the files and still stands in the history.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Rotate it first: every clone and fork keeps the old history, and so does the host for a while. Rewriting the history is clean-up, no remedy.",
};

pub(super) fn check(subject: &Subject<'_>, past: &Past, found: &mut Vec<Finding>) {
    let mut here: BTreeSet<[u8; 32]> =
        subject.findings.iter().map(|finding| finding.secret.digest()).collect();
    let mut gone: BTreeMap<[u8; 32], Vec<&Finding>> = BTreeMap::new();
    for finding in past.findings.iter().filter(|finding| counts(subject, finding)) {
        match &finding.location.provenance {
            Provenance::Commit { in_head: true, .. } => {
                here.insert(finding.secret.digest());
            }
            _ => gone.entry(finding.secret.digest()).or_default().push(finding),
        }
    }
    for (_, findings) in gone.into_iter().filter(|(digest, _)| !here.contains(digest)) {
        let first = findings[0];
        let text = format!(
            "A key that is no longer at HEAD stands in the history at {n} {noun}.",
            n = findings.len(),
            noun = if findings.len() == 1 { "path" } else { "paths" }
        );
        let mut finding = like(subject, (first, &CHECK), text, &findings);
        finding
            .advice
            .notes
            .push("rotate it first; the next step does not undo the leak".to_owned());
        finding.advice.notes.push(
            "then, with one line `KEY==>REMOVED` in keys.txt: git filter-repo --replace-text keys.txt, \
             a forced push of all refs, and new clones"
                .to_owned(),
        );
        found.push(finding);
    }
}
