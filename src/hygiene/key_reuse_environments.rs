//! The same key in more than one environment: env files, configuration by environment, compose
//! profiles, Terraform workspaces, CI files.

use std::collections::BTreeMap;
use std::path::Path;

use bstr::ByteSlice as _;

use crate::blob::Provenance;
use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::envs::Kind;
use crate::hygiene::keys::{by_key, like};
use crate::hygiene::{Check, Subject, base_name};

/// One key, several environments.
pub(super) const CHECK: Check = Check {
    id: "key-reuse-environments",
    description: "One key serves several environments: a leak in development is one in production.",
    severity: Severity::Medium,
    confidence: Confidence::High,
    remediation: "Create a key for each environment, with its own limits, and replace this one everywhere.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for uses in by_key(subject).values().filter(|uses| uses.len() > 1) {
        let mut environments: BTreeMap<String, &Finding> = BTreeMap::new();
        for finding in uses {
            for name in environments_of(subject, finding) {
                environments.entry(name).or_insert(finding);
            }
        }
        if environments.len() < 2 {
            continue;
        }
        let names: Vec<&str> = environments.keys().map(String::as_str).collect();
        let live = environments.get(PRODUCTION);
        let Some(at) = live.or(environments.values().next()) else { continue };
        let text = format!("The same key is used in {names}.", names = names.join(", "));
        let mut finding = like(subject, (at, &CHECK), text, uses);
        if live.is_some() {
            finding.severity = Severity::High;
        }
        found.push(finding);
    }
}

const PRODUCTION: &str = "production";

/// The environments that a finding belongs to: by its path, else by where it stands in its file.
fn environments_of(subject: &Subject<'_>, finding: &Finding) -> Vec<String> {
    let Provenance::File { shown, path } = &finding.location.provenance else { return Vec::new() };
    if let Some(name) = by_path(path) {
        return vec![name];
    }
    let structured = [&b".yml"[..], b".yaml", b".tf", b".tfvars", b".hcl"];
    if !structured.iter().any(|end| path.ends_with(end)) {
        return Vec::new();
    }
    let bytes = shown.to_path().ok().and_then(|shown: &Path| (subject.read)(shown));
    let compose = Kind::of(path) == Some(Kind::Compose);
    bytes.map_or(Vec::new(), |bytes| by_place(&bytes, finding.location.span.start, compose))
}

/// The environment that one word of a name stands for.
fn by_word(word: &str) -> Option<&'static str> {
    match word {
        "production" | "prod" | "live" => Some(PRODUCTION),
        "staging" | "stage" | "preprod" | "uat" => Some("staging"),
        "development" | "dev" => Some("development"),
        "testing" | "test" | "qa" => Some("test"),
        "preview" => Some("preview"),
        _ => None,
    }
}

/// The environment that a path belongs to: `.env.production`, `envs/prod/`, `prod.tfvars`,
/// `terraform.tfstate.d/eu/`, `.github/workflows/`.
fn by_path(path: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(path).to_ascii_lowercase();
    let name = String::from_utf8_lossy(base_name(path)).to_ascii_lowercase();
    let ci = [".gitlab-ci.yml", "jenkinsfile", "azure-pipelines.yml"].contains(&name.as_str());
    if ci || text.contains(".github/workflows/") || text.contains(".circleci/") {
        return Some("ci".to_owned());
    }
    let ends = [
        ".env",
        ".tfvars",
        ".tfstate",
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
    ];
    if !name.starts_with(".env") && !ends.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let known = text.split(['/', '.', '-', '_']).rev().find_map(by_word);
    known.map(str::to_owned).or_else(|| {
        // Terraform keeps the state of each workspace in a folder of its name.
        let (_, rest) = text.split_once("terraform.tfstate.d/")?;
        rest.split_once('/').map(|(workspace, _)| format!("workspace {workspace}"))
    })
}

/// The environments of byte `at` of a YAML or HCL file, by the keys that it stands under; in
/// compose files also by the profiles of its service.
fn by_place(bytes: &[u8], at: usize, compose: bool) -> Vec<String> {
    let lines: Vec<&[u8]> = bytes.lines().collect();
    let own = bytes.get(..at).unwrap_or(bytes).find_iter("\n").count().min(lines.len() - 1);
    // The keys from the inside out: name and line.
    let mut keys = vec![(key(lines[own]), own)];
    let mut depth = indent(lines[own]);
    for n in (0..own).rev().filter(|n| !is_blank(lines[*n])) {
        if indent(lines[n]) < depth {
            depth = indent(lines[n]);
            keys.push((key(lines[n]), n));
        }
    }
    let by_key = keys.iter().find_map(|(name, _)| name.split(['-', '_', '.']).find_map(by_word));
    if let Some(name) = by_key {
        return vec![name.to_owned()];
    }
    let service = keys
        .iter()
        .rposition(|(name, _)| name == "services")
        .and_then(|n| keys.get(n.checked_sub(1)?));
    match service {
        Some((_, line)) if compose => profiles(&lines, *line),
        _ => Vec::new(),
    }
}

fn indent(line: &[u8]) -> usize {
    line.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

fn is_blank(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    text.is_empty() || text.starts_with(b"#") || text.starts_with(b"//")
}

/// What stands before `:`, `=` or `{` of a line, in lower case, without quotes.
fn key(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line).to_ascii_lowercase();
    let text = text.trim().trim_start_matches("- ");
    text.split([':', '=', '{'])
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches(['"', '\''])
        .to_owned()
}

/// The profiles of the compose service whose name is in line `start`.
fn profiles(lines: &[&[u8]], start: usize) -> Vec<String> {
    let inside = |line: &&&[u8]| is_blank(line) || indent(line) > indent(lines[start]);
    let block: Vec<&[u8]> = lines[start + 1..].iter().take_while(inside).copied().collect();
    let Some(at) = block.iter().position(|line| key(line) == "profiles") else { return Vec::new() };
    let items = block[at + 1..].iter().take_while(|line| line.trim_ascii().starts_with(b"- "));
    let listed =
        String::from_utf8_lossy(block[at]).split_once(':').map(|(_, rest)| rest.to_owned());
    let inline = listed.unwrap_or_default();
    let all = inline.split(',').map(str::to_owned).chain(items.map(|line| key(line)));
    all.map(|name| name.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .map(|name| by_word(&name).map_or_else(|| format!("profile {name}"), str::to_owned))
        .collect()
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
            ("infra/terraform.tfstate.d/eu/terraform.tfstate", Some("workspace eu")),
            (".github/workflows/deploy.yml", Some("ci")),
            ("config/environments/production.rb", Some("production")),
            (".env", None),
            (".env.local", None),
            ("src/dev/server.go", None),
        ] {
            assert_eq!(by_path(path.as_bytes()).as_deref(), want, "{path}");
        }
    }

    #[test]
    fn environments_by_place() {
        let place =
            |text: &str, compose| by_place(text.as_bytes(), text.find('@').unwrap(), compose);
        let rails = "default:\n  a: 1\nproduction:\n  llm:\n    key: @\n";
        assert_eq!(place(rails, false), ["production"]);
        let hcl = "locals {\n  keys = {\n    dev = \"x\"\n    prod  = \"@\"\n  }\n}\n";
        assert_eq!(place(hcl, false), ["production"]);
        assert!(place("locals {\n  key = \"@\"\n}\n", false).is_empty());
        let compose = "services:\n  a:\n    profiles: [dev, \"tools\"]\n    environment:\n      K: @\n  b:\n    profiles: [prod]\n";
        assert_eq!(place(compose, true), ["development", "profile tools"]);
        let listed = "services:\n  b:\n    environment:\n      - K=@\n    profiles:\n      - prod\n    ports: []\n";
        assert_eq!(place(listed, true), ["production"]);
        assert!(place("services:\n  b:\n    environment:\n      - K=@\n", true).is_empty());
    }
}
