//! Env files with secrets that git tracks.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::leaks::{env_files, of_file};
use crate::hygiene::{Check, Subject};

/// A tracked env file.
pub(super) const CHECK: Check = Check {
    id: "env-file-tracked",
    description: "git tracks an env file that holds secrets: everybody with the repository has them.",
    severity: Severity::High,
    confidence: Confidence::High,
    remediation: "Rotate every value in it first. Then `git rm --cached FILE`, add it to .gitignore, and keep the names alone in .env.example.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (page, seen) in env_files(subject) {
        let status = subject.roots[seen.root].status();
        if !status.is_some_and(|status| status.tracks(&seen.path)) {
            continue;
        }
        let text =
            |secrets: &str| format!("git tracks {path}, which holds {secrets}.", path = seen.path);
        let Some(mut finding) = of_file(&page, &CHECK, &text) else { continue };
        finding
            .advice
            .notes
            .push(format!("after rotating: git rm --cached -- {path}", path = seen.path));
        found.push(finding);
    }
}
