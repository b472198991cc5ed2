//! The same key in more than one of the repositories that are scanned together.

use std::collections::BTreeSet;

use crate::blob::Provenance;
use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::keys::{by_key, like};
use crate::hygiene::{Check, Root, Subject};

/// One key, several repositories.
pub(super) const CHECK: Check = Check {
    id: "key-reuse-repositories",
    description: "One key stands in several repositories: nobody can rotate it in one place.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Create a key for each repository and revoke the shared one.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    if subject.roots.len() < 2 {
        return;
    }
    for uses in by_key(subject).values() {
        let roots: BTreeSet<usize> =
            uses.iter().filter_map(|finding| root_of(subject, finding)).collect();
        if roots.len() > 1 {
            let text = format!("The same key stands in {n} repositories.", n = roots.len());
            found.push(like(subject, (uses[0], &CHECK), text, uses));
        }
    }
}

fn root_of(subject: &Subject<'_>, finding: &Finding) -> Option<usize> {
    let Provenance::File { shown, .. } = &finding.location.provenance else {
        return None;
    };
    let shown = bstr::ByteSlice::to_path(shown.as_slice()).ok()?.canonicalize().ok()?;
    let deepest = |(_, root): &(usize, &Root)| root.folder().as_os_str().len();
    let roots =
        subject.roots.iter().enumerate().filter(|(_, root)| shown.starts_with(root.folder()));
    let (_, root) = roots.max_by_key(deepest)?;
    root.status()?;
    // Two folders of one repository are one.
    subject.roots.iter().position(|other| other.folder() == root.folder())
}
