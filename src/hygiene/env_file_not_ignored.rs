//! Env files with secrets that the next `git add .` would take.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::leaks::{env_files, of_file};
use crate::hygiene::{Check, Subject};

/// An env file that the next `git add .` would take.
pub(super) const CHECK: Check = Check {
    id: "env-file-not-ignored",
    description: "An env file holds secrets and no ignore rule keeps it out of git.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Add the file to .gitignore before the next `git add`; `keylint fix --write` does it.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (page, seen) in env_files(subject) {
        let status = subject.roots[seen.root].status();
        if !status.is_some_and(|status| !status.tracks(&seen.path) && !status.ignores(&seen.path)) {
            continue;
        }
        let text = |secrets: &str| {
            format!("{path} holds {secrets} and is not ignored by git.", path = seen.path)
        };
        found.extend(of_file(&page, &CHECK, &text));
    }
}
