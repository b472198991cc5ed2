//! A gitleaks configuration as keylint's: a rule file, and the `[[allow]]` entries for commits.

use serde::Serialize;

use crate::migrate::gitleaks::{Allow, Config, Rule};
use crate::migrate::go_regex::translate;
use crate::rule::matcher::compile;

/// The rule file.
#[derive(Serialize)]
pub(super) struct RuleFile {
    vendor: Vendor,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow: Vec<AllowOut>,
    rule: Vec<RuleOut>,
}

#[derive(Serialize)]
struct Vendor {
    name: &'static str,
}

#[derive(Serialize)]
struct RuleOut {
    id: String,
    description: String,
    severity: &'static str,
    confidence: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_group: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entropy: Option<f64>,
    exact: ExactOut,
}

#[derive(Serialize)]
struct ExactOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    yields: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    silent: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requires: Vec<RequireOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow: Vec<AllowOut>,
}

#[derive(Serialize)]
struct RequireOut {
    rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<u32>,
}

#[derive(Serialize)]
struct AllowOut {
    reason: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    all: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stopwords: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<String>,
}

/// An entry of `[[allow]]` in `keylint.toml`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<String>,
    pub(super) reason: String,
}

/// Translates `config`; `notes` gets what is not carried over, by name and line.
pub(super) fn rules(config: &Config, notes: &mut Vec<String>) -> (RuleFile, Vec<Entry>) {
    let mut entries = Vec::new();
    let allow = config.allow.iter();
    let allow = allow.filter_map(|a| exception(a, None, (&mut entries, notes))).collect();
    let mut rule = Vec::new();
    for one in config.rules.values() {
        rule.extend(translated(one, (&mut entries, notes)));
    }
    let vendor = Vendor { name: "migrated from gitleaks" };
    (RuleFile { vendor, allow, rule }, entries)
}

fn translated(
    rule: &Rule,
    (entries, notes): (&mut Vec<Entry>, &mut Vec<String>),
) -> Option<RuleOut> {
    let (id, place) = (&rule.id, &rule.place);
    let whose = format!("{place}: rule `{id}`");
    if rule.regex.is_empty() && rule.path.is_empty() {
        notes.push(format!(
            "{whose}: not carried over: it has neither regex nor path and only changes a rule that \
             is not in these files"
        ));
        return None;
    }
    let mut regex = |key: &str, text: &str| -> Result<Option<String>, ()> {
        if text.is_empty() {
            return Ok(None);
        }
        let found = translate(text);
        match compile(&found) {
            Ok(_) => Ok(Some(found)),
            Err(error) => {
                notes.push(format!("{whose}: not carried over: {key} cannot be used: {error}"));
                Err(())
            }
        }
    };
    let (pattern, path) = (regex("regex", &rule.regex).ok()?, regex("path", &rule.path).ok()?);
    let groups = pattern.as_ref().and_then(|text| compile(text).ok()).map(|r| r.captures_len());
    if groups.is_some_and(|groups| rule.secretgroup >= groups) {
        let group = rule.secretgroup;
        notes.push(format!("{whose}: not carried over: the regex has no group {group}"));
        return None;
    }
    let keywords = keywords(rule, &whose, notes);
    let own = rule.allowlists.iter();
    let allow = own.filter_map(|a| exception(a, Some(id), (&mut *entries, &mut *notes))).collect();
    let require = |need: &crate::migrate::gitleaks::Required| RequireOut {
        rule: need.id.clone(),
        lines: need.withinlines,
        columns: need.withincolumns,
    };
    let description = match rule.description.as_str() {
        "" => format!("Matches the rule {id}."),
        text => text.to_owned(),
    };
    Some(RuleOut {
        id: id.clone(),
        description,
        severity: "high",
        confidence: "medium",
        keywords,
        pattern,
        secret_group: Some(rule.secretgroup).filter(|group| *group > 0),
        entropy: Some(rule.entropy).filter(|least| *least != 0.0),
        exact: ExactOut {
            path,
            yields: id.to_lowercase().contains("generic"),
            silent: rule.skipreport,
            requires: rule.required.iter().map(require).collect(),
            allow,
        },
    })
}

/// The keywords as keylint wants them.
fn keywords(rule: &Rule, whose: &str, notes: &mut Vec<String>) -> Vec<String> {
    let mut keywords: Vec<String> = rule.keywords.iter().map(|word| word.to_lowercase()).collect();
    keywords.sort();
    keywords.dedup();
    if keywords.iter().any(|word| word.len() < 2 || !word.is_ascii()) {
        // Without keywords a rule runs on every file, which finds too much rather than too little.
        notes.push(format!(
            "{whose}: runs on all files: one of its keywords is too short or not ASCII"
        ));
        keywords.clear();
    }
    keywords
}

/// One exception; its commits become `entries`.
fn exception(
    allow: &Allow,
    rule: Option<&str>,
    (entries, notes): (&mut Vec<Entry>, &mut Vec<String>),
) -> Option<AllowOut> {
    let (place, all) = (&allow.place, allow.is_all());
    let rest = !(allow.paths.is_empty() && allow.regexes.is_empty() && allow.stopwords.is_empty());
    let reason = match allow.description.as_str() {
        "" => "an allowlist of gitleaks".to_owned(),
        text => text.to_owned(),
    };
    if all && rest && !allow.commits.is_empty() {
        notes.push(format!(
            "{place}: not carried over: an allowlist that ties commits to something else with AND"
        ));
        return None;
    }
    for commit in &allow.commits {
        let (rule, commit) = (rule.map(str::to_owned), Some(commit.trim().to_lowercase()));
        if commit.as_ref().is_some_and(|id| id.len() < 7) {
            notes.push(format!("{place}: not carried over: a commit of fewer than 7 digits"));
            continue;
        }
        entries.push(Entry { rule, commit, reason: reason.clone(), ..Entry::default() });
    }
    if !rest {
        return None;
    }
    let mut regexes = |key: &str, all: &[String]| -> Vec<String> {
        let one = |text: &String| {
            let found = translate(text);
            match compile(&found) {
                Ok(_) => Some(found),
                Err(error) => {
                    notes.push(format!("{place}: not carried over: {key} `{text}`: {error}"));
                    None
                }
            }
        };
        all.iter().filter_map(one).collect()
    };
    let out = AllowOut {
        reason,
        all,
        patterns: regexes("regexes", &allow.regexes),
        on: Some(allow.regextarget.clone()).filter(|on| !on.is_empty() && on != "secret"),
        stopwords: allow.stopwords.clone(),
        paths: regexes("paths", &allow.paths),
    };
    // With a part missing an exception of AND would hold more often.
    let lost = out.patterns.len() < allow.regexes.len() || out.paths.len() < allow.paths.len();
    if all && lost {
        notes.push(format!("{place}: not carried over: the whole allowlist, since it is an AND"));
        return None;
    }
    Some(out)
}
