//! Secrets written out in files that set environment variables: compose files, workflows, systemd
//! units, Dockerfiles, `vercel.json`.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::envs::Kind;
use crate::hygiene::page::Page;
use crate::hygiene::{Check, Subject};

/// A literal where a reference belongs.
pub(super) const CHECK: Check = Check {
    id: "env-literal-secret",
    description: "A file that sets environment variables for a service or a build holds a secret itself.",
    severity: Severity::High,
    confidence: Confidence::Medium,
    remediation: "Put a reference in its place: `${NAME}` in compose files, `${{ secrets.NAME }}` in workflows, `LoadCredential=` or `EnvironmentFile=` in systemd units, `--mount=type=secret` in Dockerfiles.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for seen in subject.seen {
        let Some(kind) = seen.marks.env.filter(|kind| *kind != Kind::Dotenv) else { continue };
        let Some(page) = Page::read(subject, seen) else { continue };
        for leak in page.leaks(kind) {
            // A rule that knows the key reports it; this is for what no rule knows.
            if page.known(leak.variable.span).is_some() || leak.confidence == Confidence::Low {
                continue;
            }
            let (name, span) = (&leak.variable.name, leak.variable.span);
            let text = format!("The {kind} sets {name} to a literal value.", kind = kind.name());
            let mut finding = page.finding(&CHECK, (span, Some(span)), name.as_bytes(), text);
            finding.severity = Severity::Medium;
            if let Some(reference) = reference(kind, name) {
                finding.advice.notes.push(format!("write instead: {reference}"));
            }
            found.push(finding);
        }
    }
}

fn reference(kind: Kind, name: &str) -> Option<String> {
    match kind {
        Kind::Compose => Some(format!("{name}: ${{{name}}}")),
        Kind::Workflow => Some(format!("{name}: ${{{{ secrets.{name} }}}}")),
        Kind::Systemd => Some("EnvironmentFile=/etc/SERVICE.env, mode 0600".to_owned()),
        Kind::Dockerfile => {
            Some(format!("RUN --mount=type=secret,id={name} …, or pass it at run time"))
        }
        Kind::Vercel | Kind::Dotenv => None,
    }
}
