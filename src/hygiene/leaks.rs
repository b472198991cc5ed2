//! What the checks on env files share: the files, the worst of their secrets, and a finding on a
//! whole file.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::envs::{Kind, is_example};
use crate::hygiene::page::{Leak, Page, count, few};
use crate::hygiene::survey::Seen;
use crate::hygiene::{Check, Subject, base_name};

/// The env files of the walk that are no examples.
pub(super) fn env_files<'s>(
    subject: &'s Subject<'s>,
) -> impl Iterator<Item = (Page<'s>, &'s Seen)> {
    let own = |seen: &&Seen| seen.marks.env == Some(Kind::Dotenv) && !is_example(&seen.path);
    subject.seen.iter().filter(own).filter_map(|seen| Some((Page::read(subject, seen)?, seen)))
}

/// A finding of `check` on the env file `page`, at the worst of its secrets; `None` when it has
/// none. `text` gets their number.
pub(super) fn of_file(
    page: &Page<'_>,
    check: &Check,
    text: &dyn Fn(&str) -> String,
) -> Option<Finding> {
    let leaks = page.leaks(Kind::Dotenv);
    let worst = worst(&leaks)?;
    let at = (worst.variable.at, Some(worst.variable.span));
    let text = text(&count(leaks.len(), "secret"));
    let mut finding = rated(page.finding(check, at, b"", text), worst);
    if page.provenance.path().is_some_and(|path| is_test(path)) {
        finding.severity = finding.severity.min(Severity::Low);
    }
    let names: Vec<String> = leaks.iter().map(|leak| leak.variable.name.clone()).collect();
    finding.advice.notes.push(format!("secrets in it: {names}", names = few(&names)));
    Some(finding)
}

/// The leak that says most of a file: the surest, then the first.
pub(super) fn worst(leaks: &[Leak]) -> Option<&Leak> {
    leaks.iter().rev().max_by_key(|leak| (leak.confidence, leak.severity))
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
