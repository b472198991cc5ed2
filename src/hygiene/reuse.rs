//! The same key in more than one environment, or in more than one repository.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::{Check, Subject, base_name};

/// One key, several environments.
pub(super) const ENVIRONMENTS: Check = Check {
    id: "key-reuse-environments",
    description: "One key serves several environments: a leak in development is one in production.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Create a key for each environment, with its own limits, and replace this one everywhere.",
};

/// One key, several repositories.
pub(super) const REPOSITORIES: Check = Check {
    id: "key-reuse-repositories",
    description: "One key stands in several repositories: nobody can rotate it in one place.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Create a key for each repository and revoke the shared one.",
};

/// Where one key stands.
#[derive(Default)]
struct Uses<'f> {
    findings: Vec<&'f Finding>,
    environments: BTreeMap<&'static str, &'f Finding>,
    roots: BTreeSet<usize>,
}

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut keys: BTreeMap<[u8; 32], Uses<'_>> = BTreeMap::new();
    for finding in subject.findings.iter().filter(|finding| counts(subject, finding)) {
        let uses = keys.entry(finding.secret.digest()).or_default();
        uses.findings.push(finding);
        if let Some(name) = finding.location.provenance.path().and_then(|path| environment(path)) {
            uses.environments.entry(name).or_insert(finding);
        }
        uses.roots.extend(root_of(subject, finding));
    }
    for uses in keys.values() {
        if uses.environments.len() > 1 {
            let names: Vec<&str> = uses.environments.keys().copied().collect();
            let live = uses.environments.get("production");
            let Some(at) = live.or(uses.environments.values().next()) else { continue };
            let text = format!("The same key is used in {names}.", names = names.join(", "));
            let mut finding = like(at, &ENVIRONMENTS, text, &uses.findings);
            if live.is_some() {
                finding.severity = Severity::High;
            }
            found.push(finding);
        }
        if uses.roots.len() > 1 {
            let text = format!("The same key stands in {n} repositories.", n = uses.roots.len());
            found.push(like(uses.findings[0], &REPOSITORIES, text, &uses.findings));
        }
    }
}

/// True for findings of secrets that a rule knows and that are none by design.
pub(super) fn counts(subject: &Subject<'_>, finding: &Finding) -> bool {
    let rules = subject.engine.rules().rules();
    let rule = rules.iter().find(|rule| rule.rule.id() == finding.check);
    rule.is_some_and(|rule| !rule.rule.public && finding.confidence > Confidence::Low)
}

/// A finding of `check` at the place of `at`, with the other places as a note.
pub(super) fn like(at: &Finding, check: &Check, text: String, all: &[&Finding]) -> Finding {
    let mut finding = at.clone();
    finding.check = check.id.to_owned();
    (finding.severity, finding.confidence) = (check.severity, check.confidence);
    finding.message = text;
    finding.fingerprint =
        crate::finding::Fingerprint::of(&[check.id.as_bytes(), &at.secret.digest()]);
    finding.evidence = Vec::new();
    finding.candidates = Vec::new();
    finding.parts = Vec::new();
    finding.verification = crate::finding::Verification::SKIPPED;
    let place = |other: &&Finding| {
        let location = &other.location;
        format!("{path}:{line}", path = location.provenance.shown(), line = location.start.line)
    };
    let places: Vec<String> = all.iter().map(place).collect();
    finding.advice = crate::finding::Advice::default();
    finding.advice.notes.push(format!("{label}: {check}", label = "the key", check = at.check));
    finding.advice.notes.push(format!("places: {places}", places = super::page::few(&places)));
    finding
}

fn root_of(subject: &Subject<'_>, finding: &Finding) -> Option<usize> {
    if subject.roots.len() < 2 {
        return None;
    }
    let crate::blob::Provenance::File { shown, .. } = &finding.location.provenance else {
        return None;
    };
    let shown = bstr::ByteSlice::to_path(shown.as_slice()).ok()?.canonicalize().ok()?;
    let deepest = |(_, root): &(usize, &crate::hygiene::Root)| root.folder().as_os_str().len();
    let roots =
        subject.roots.iter().enumerate().filter(|(_, root)| shown.starts_with(root.folder()));
    let (_, root) = roots.max_by_key(deepest)?;
    root.status()?;
    // Two folders of one repository are one.
    subject.roots.iter().position(|other| other.folder() == root.folder())
}

/// The environment that a path belongs to, by its name: `.env.production`, `envs/prod/`,
/// `prod.tfvars`, `.github/workflows/`.
fn environment(path: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(path).to_ascii_lowercase();
    let name = String::from_utf8_lossy(base_name(path)).to_ascii_lowercase();
    if text.contains(".github/workflows/")
        || name == ".gitlab-ci.yml"
        || text.contains(".circleci/")
        || name == "jenkinsfile"
        || name == "azure-pipelines.yml"
    {
        return Some("ci");
    }
    let config = name.starts_with(".env")
        || [
            ".env",
            ".tfvars",
            ".yml",
            ".yaml",
            ".json",
            ".toml",
            ".properties",
            ".rb",
            ".py",
            ".ini",
            ".conf",
            ".tf",
        ]
        .iter()
        .any(|end| name.ends_with(end));
    if !config {
        return None;
    }
    text.split(['/', '.', '-', '_']).rev().find_map(|part| match part {
        "production" | "prod" | "live" => Some("production"),
        "staging" | "stage" | "preprod" | "uat" => Some("staging"),
        "development" | "dev" => Some("development"),
        "testing" | "test" | "qa" => Some("test"),
        "preview" => Some("preview"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_by_path() {
        for (path, want) in [
            (".env.production", Some("production")),
            ("deploy/docker-compose.staging.yml", Some("staging")),
            ("terraform/envs/dev/main.tfvars", Some("development")),
            (".github/workflows/deploy.yml", Some("ci")),
            ("config/environments/production.rb", Some("production")),
            (".env", None),
            (".env.local", None),
            ("src/dev/server.go", None),
        ] {
            assert_eq!(environment(path.as_bytes()), want, "{path}");
        }
    }
}
