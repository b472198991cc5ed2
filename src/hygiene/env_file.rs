//! Env files that git tracks or would take, and examples with real values.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::envs::{Kind, is_example};
use crate::hygiene::page::{Leak, Page, count, few};
use crate::hygiene::survey::Seen;
use crate::hygiene::{Check, Subject, base_name};

/// A tracked env file.
pub(super) const TRACKED: Check = Check {
    id: "env-file-tracked",
    description: "git tracks an env file that holds secrets: everybody with the repository has them.",
    severity: Severity::High,
    confidence: Confidence::High,
    remediation: "Rotate every value in it first. Then `git rm --cached FILE`, add it to .gitignore, and keep the names alone in .env.example.",
};

/// An env file that the next `git add .` would take.
pub(super) const NOT_IGNORED: Check = Check {
    id: "env-file-not-ignored",
    description: "An env file holds secrets and no ignore rule keeps it out of git.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Add the file to .gitignore before the next `git add`; `keylint fix --write` does it.",
};

/// A real value in an example.
pub(super) const EXAMPLE: Check = Check {
    id: "env-example-real-value",
    description: "An example env file, made to be shared, holds a real value.",
    severity: Severity::High,
    confidence: Confidence::Medium,
    remediation: "Rotate the value, then put a placeholder such as `your-api-key` in its place.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for seen in subject.seen.iter().filter(|seen| seen.marks.env == Some(Kind::Dotenv)) {
        let Some(page) = Page::read(subject, seen) else { continue };
        let leaks = page.leaks(Kind::Dotenv);
        if is_example(&seen.path) {
            found.extend(leaks.iter().filter(|leak| leak.confidence > Confidence::Low).map(
                |leak| {
                    let (name, at) = (&leak.variable.name, leak.variable.span);
                    let text = format!(
                        "The example env file sets {name} to what looks like a real value."
                    );
                    rated(page.finding(&EXAMPLE, (at, Some(at)), name.as_bytes(), text), leak)
                },
            ));
        } else if let Some(worst) = worst(&leaks) {
            let status = subject.roots[seen.root].status();
            let Some(status) = status else { continue };
            let finding = if status.tracks(&seen.path) {
                report(&page, seen, &TRACKED, &leaks, worst)
            } else if !status.ignores(&seen.path) {
                report(&page, seen, &NOT_IGNORED, &leaks, worst)
            } else {
                continue;
            };
            found.push(finding);
        }
    }
}

/// The leak that says most of a file: the surest, then the first.
pub(super) fn worst(leaks: &[Leak]) -> Option<&Leak> {
    leaks.iter().rev().max_by_key(|leak| (leak.confidence, leak.severity))
}

fn report(page: &Page<'_>, seen: &Seen, check: &Check, leaks: &[Leak], worst: &Leak) -> Finding {
    let name = seen.path.to_string();
    let secrets = count(leaks.len(), "secret");
    let text = match check.id == TRACKED.id {
        true => format!("git tracks {name}, which holds {secrets}."),
        false => format!("{name} holds {secrets} and is not ignored by git."),
    };
    let span = worst.variable.span;
    let mut finding = rated(page.finding(check, (worst.variable.at, Some(span)), b"", text), worst);
    if is_test(&seen.path) {
        finding.severity = finding.severity.min(Severity::Low);
    }
    let names: Vec<String> = leaks.iter().map(|leak| leak.variable.name.clone()).collect();
    finding.advice.notes.push(format!("secrets in it: {names}", names = few(&names)));
    if check.id == TRACKED.id {
        finding.advice.notes.push(format!("after rotating: git rm --cached -- {name}"));
    }
    finding
}

/// `finding` with the confidence, and at most the severity, of the leak it is about.
pub(super) fn rated(mut finding: Finding, leak: &Leak) -> Finding {
    finding.confidence = leak.confidence;
    finding.severity = match leak.confidence {
        Confidence::Low => finding.severity.min(Severity::Low),
        _ => finding.severity.min(leak.severity.max(Severity::Medium)),
    };
    finding
}

/// True for env files of tests: their values are mostly made up.
fn is_test(path: &[u8]) -> bool {
    let name = String::from_utf8_lossy(base_name(path)).to_ascii_lowercase();
    name.split(['.', '-', '_']).any(|part| ["test", "testing", "ci", "e2e"].contains(&part))
}
