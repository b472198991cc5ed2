//! Example env files, made to be shared, with real values.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::envs::{Kind, is_example};
use crate::hygiene::leaks::rated;
use crate::hygiene::page::Page;
use crate::hygiene::{Check, Subject};

/// A real value in an example.
pub(super) const CHECK: Check = Check {
    id: "env-example-real-value",
    description: "An example env file, made to be shared, holds a real value.",
    severity: Severity::High,
    confidence: Confidence::Medium,
    remediation: "Rotate the value, then put a placeholder such as `your-api-key` in its place.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for seen in subject.seen.iter().filter(|seen| seen.marks.env == Some(Kind::Dotenv)) {
        if !is_example(&seen.path) {
            continue;
        }
        let Some(page) = Page::read(subject, seen) else { continue };
        for leak in page.leaks(Kind::Dotenv) {
            if leak.confidence == Confidence::Low {
                continue;
            }
            let (name, at) = (&leak.variable.name, leak.variable.span);
            let text = format!("The example env file sets {name} to what looks like a real value.");
            let finding = page.finding(&CHECK, (at, Some(at)), name.as_bytes(), text);
            found.push(rated(finding, &leak));
        }
    }
}
