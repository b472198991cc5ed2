//! Findings that other programs were told to pass over: `.gitleaksignore`, reports of gitleaks and
//! baselines of detect-secrets.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use crate::finding::Finding;
use crate::migrate::emit::Entry;
use crate::text::hex;

/// A finding of a former baseline.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// File, and the entry's number or the line in it.
    pub(super) place: String,
    /// Path with `/`.
    pub(super) path: String,
    rule: String,
    line: u32,
    commit: String,
    /// SHA-1 of the value in hex; `None` where the report hides it.
    sha1: Option<String>,
}

/// An entry of a gitleaks report.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reported {
    #[serde(rename = "RuleID")]
    rule_id: String,
    file: String,
    secret: String,
    start_line: u32,
    #[serde(default)]
    commit: String,
}

/// A baseline of detect-secrets.
#[derive(Deserialize)]
struct Detected {
    results: BTreeMap<String, Vec<Hashed>>,
}

#[derive(Deserialize)]
struct Hashed {
    #[serde(rename = "type")]
    kind: String,
    hashed_secret: String,
    #[serde(default)]
    line_number: u32,
}

impl Known {
    /// True when `finding` has its path and its value.
    #[expect(clippy::disallowed_methods, reason = "compared with a hash in a file of the user")]
    pub(super) fn is(&self, finding: &Finding) -> bool {
        let path = finding.location.provenance.path().map(ToString::to_string);
        path.as_ref() == Some(&self.path)
            && self.sha1.as_deref() == Some(&hex(&Sha1::digest(finding.secret.expose())))
    }

    /// True when a baseline can hold it: it has a value, and is in the tree.
    pub(super) fn counts(&self) -> bool {
        self.sha1.is_some() && self.commit.is_empty()
    }

    /// An entry of `keylint.toml` for what a baseline cannot hold.
    pub(super) fn entry(&self) -> Option<Entry> {
        (!self.counts()).then(|| Entry {
            rule: Some(self.rule.clone()),
            path: Some(globset::escape(&self.path)),
            line: Some(self.line),
            commit: Some(self.commit.clone()).filter(|commit| !commit.is_empty()),
            reason: "from a gitleaks baseline".to_owned(),
        })
    }
}

/// Reads a baseline of either kind.
pub(super) fn read(path: &Path, notes: &mut Vec<String>) -> Result<Vec<Known>, String> {
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|e| format!("{shown}: cannot be read: {e}"))?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|e| format!("{shown}: no JSON: {e}; gitleaks writes it with `-f json`"))?;
    let fail = |e: serde_json::Error| {
        format!("{shown}: neither a JSON report of gitleaks nor a baseline of detect-secrets: {e}")
    };
    if value.is_array() {
        let all: Vec<Reported> = serde_json::from_value(value).map_err(fail)?;
        return Ok((1..).zip(all).map(|(n, one)| reported(&shown, n, one, notes)).collect());
    }
    let all: Detected = serde_json::from_value(value).map_err(fail)?;
    let known = |(file, hashed): (&String, Hashed)| Known {
        place: format!(
            "{shown}: {kind} in line {line}",
            kind = hashed.kind,
            line = hashed.line_number
        ),
        path: slashes(file),
        rule: hashed.kind,
        line: hashed.line_number,
        commit: String::new(),
        sha1: Some(hashed.hashed_secret),
    };
    let results = all.results.into_iter();
    Ok(results
        .flat_map(|(file, all)| all.into_iter().map(|h| known((&file, h))).collect::<Vec<_>>())
        .collect())
}

fn reported(shown: &str, number: usize, one: Reported, notes: &mut Vec<String>) -> Known {
    let place = format!("{shown}: entry {number}");
    let hidden = one.secret == "REDACTED" || one.secret.ends_with("...");
    if hidden {
        notes.push(format!(
            "{place}: the value is redacted, so keylint.toml allows its line instead"
        ));
    }
    Known {
        place,
        path: slashes(&one.file),
        rule: one.rule_id,
        line: one.start_line,
        commit: one.commit,
        sha1: (!hidden).then(|| hex(&Sha1::digest(one.secret.as_bytes()))),
    }
}

/// `.gitleaksignore` as entries: `file:rule:line`, before which a commit may stand.
pub(super) fn ignored(path: &Path, notes: &mut Vec<String>) -> Result<Vec<Entry>, String> {
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|e| format!("{shown}: cannot be read: {e}"))?;
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parts: Vec<&str> = line.split(':').collect();
        let (commit, rest) = match parts.as_slice() {
            [commit, rest @ ..] if rest.len() == 3 => (Some((*commit).to_owned()), rest),
            rest => (None, rest),
        };
        let entry = match rest {
            [file, rule, line] => line.parse().ok().map(|line| Entry {
                rule: Some((*rule).to_owned()),
                path: Some(globset::escape(&slashes(file))),
                line: Some(line),
                commit: commit.filter(|id| id.len() >= 7),
                reason: "from .gitleaksignore".to_owned(),
            }),
            _ => None,
        };
        match entry {
            Some(entry) => entries.push(entry),
            None => notes.push(format!(
                "{shown}:{number}: not carried over: not of the form [commit:]file:rule:line"
            )),
        }
    }
    Ok(entries)
}

/// A path with `/` and without `./` before it.
fn slashes(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.strip_prefix("./").unwrap_or(&path).to_owned()
}
