//! A gitleaks configuration with all that it extends, as gitleaks puts it together.
//!
//! Source: gitleaks' `config/config.go` and its README; keys are read in any case, as there.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

/// How far configurations extend each other.
const DEPTH: usize = 2;

/// A file as written, keys in lower case.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    extend: Extend,
    rules: Vec<Rule>,
    allowlist: Option<Allow>,
    allowlists: Vec<Allow>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extend {
    path: String,
    url: String,
    usedefault: bool,
    disabledrules: Vec<String>,
}

/// A rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) path: String,
    pub(super) regex: String,
    pub(super) secretgroup: usize,
    pub(super) entropy: f64,
    pub(super) keywords: Vec<String>,
    pub(super) tags: Vec<String>,
    allowlist: Option<Allow>,
    pub(super) allowlists: Vec<Allow>,
    pub(super) required: Vec<Required>,
    pub(super) skipreport: bool,
    /// File and line that it comes from.
    #[serde(skip)]
    pub(super) place: String,
}

/// Another rule that must match, too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Required {
    pub(super) id: String,
    pub(super) withinlines: Option<u32>,
    pub(super) withincolumns: Option<u32>,
}

/// An exception.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Allow {
    pub(super) targetrules: Vec<String>,
    pub(super) description: String,
    pub(super) condition: String,
    pub(super) commits: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) regextarget: String,
    pub(super) regexes: Vec<String>,
    pub(super) stopwords: Vec<String>,
    /// File and line that it comes from.
    #[serde(skip)]
    pub(super) place: String,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Rules by id.
    pub(super) rules: BTreeMap<String, Rule>,
    /// Exceptions of all rules.
    pub(super) allow: Vec<Allow>,
    /// True when gitleaks' own rules are meant and were not given.
    pub(super) needs_defaults: bool,
    /// Rules that are disabled of those.
    pub(super) disabled: Vec<String>,
    /// What is not carried over or should be looked at.
    pub(super) notes: Vec<String>,
}

/// Reads `path`; `defaults` is a copy of gitleaks' own configuration, where there is one.
///
/// # Errors
/// A text that names the file, and the line where there is one.
pub(super) fn read(path: &Path, defaults: Option<&Path>) -> Result<Config, String> {
    let config = load(path, defaults, 0)?;
    for rule in config.rules.values() {
        let (id, place) = (&rule.id, &rule.place);
        if let Some(need) = rule.required.iter().find(|need| !config.rules.contains_key(&need.id)) {
            return Err(format!(
                "{place}: rule `{id}` requires `{need}`, which there is not",
                need = need.id
            ));
        }
    }
    Ok(config)
}

fn load(path: &Path, defaults: Option<&Path>, depth: usize) -> Result<Config, String> {
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|e| format!("{shown}: cannot be read: {e}"))?;
    let fail = |error: toml::de::Error| {
        let line = crate::text::line_at(&text, error.span().map_or(0, |span| span.start));
        format!("{shown}:{line}: {message}", message = error.message())
    };
    let table: Table = text.parse().map_err(fail)?;
    let mut config = Config::default();
    unknown(&table, (&shown, &text), &mut config.notes);
    let lower = lower(Value::Table(table));
    let file: File = lower.try_into().map_err(fail)?;
    gather(file.rules, &mut config, (&shown, &text))?;
    let targeted = globals((file.allowlist, file.allowlists), &mut config, (&shown, &text))?;
    let extend = file.extend;
    if !extend.url.is_empty() {
        config.notes.push(format!("{shown}: extend.url is not followed, as in gitleaks"));
    }
    let base = base(&extend, path, (defaults, depth), &mut config)?;
    if let Some(base) = base {
        merge(&mut config, base, &extend.disabledrules);
    }
    for allow in targeted {
        for id in &allow.targetrules {
            match config.rules.get_mut(id) {
                Some(rule) => rule.allowlists.push(allow.clone()),
                None => {
                    let place = &allow.place;
                    config.notes.push(format!(
                        "{place}: an allowlist is for rule `{id}`, which is not in these files; not carried over"
                    ));
                }
            }
        }
    }
    Ok(config)
}

/// Adds the exceptions of all rules; gives those that are for some.
fn globals(
    (old, new): (Option<Allow>, Vec<Allow>),
    config: &mut Config,
    (shown, text): (&str, &str),
) -> Result<Vec<Allow>, String> {
    let mut global = new;
    if let Some(old) = old {
        if !global.is_empty() {
            return Err(format!("{shown}: [allowlist] and [[allowlists]] exclude each other"));
        }
        global.push(old);
    }
    let mut targeted = Vec::new();
    for (number, mut allow) in (1..).zip(global) {
        let line = line_of(text, "", &["[allowlist]", "[[allowlists]]"], number);
        allow.place = format!("{shown}:{line}");
        check(&allow)?;
        match allow.targetrules.is_empty() {
            true => config.allow.push(allow),
            false => targeted.push(allow),
        }
    }
    Ok(targeted)
}

/// The configuration that a file extends, where it is there.
fn base(
    extend: &Extend,
    path: &Path,
    (defaults, depth): (Option<&Path>, usize),
    config: &mut Config,
) -> Result<Option<Config>, String> {
    let shown = path.display();
    Ok(match (extend.usedefault, extend.path.as_str()) {
        _ if depth >= DEPTH => None,
        (true, "") => match defaults {
            Some(file) => Some(load(file, None, depth + 1)?),
            None => {
                config.needs_defaults = true;
                config.disabled.clone_from(&extend.disabledrules);
                None
            }
        },
        (true, _) => {
            return Err(format!("{shown}: extend.path and extend.useDefault exclude each other"));
        }
        (false, "") => None,
        // Relative to where gitleaks is run, which is where the file is for most.
        (false, other) => {
            let beside = path.parent().unwrap_or(Path::new("")).join(other);
            let from = if Path::new(other).is_file() { Path::new(other) } else { &beside };
            Some(load(from, defaults, depth + 1)?)
        }
    })
}

/// Checks the rules of a file and adds them.
fn gather(
    rules: Vec<Rule>,
    config: &mut Config,
    (shown, text): (&str, &str),
) -> Result<(), String> {
    for mut rule in rules {
        let id = rule.id.clone();
        let line = line_of(text, &id, &["id", "[[rules]]"], 1);
        rule.place = format!("{shown}:{line}");
        if id.trim().is_empty() {
            return Err(format!("{shown}: a rule has no id"));
        }
        if let Some(old) = rule.allowlist.take() {
            if !rule.allowlists.is_empty() {
                return Err(format!(
                    "{shown}:{line}: rule `{id}`: [rules.allowlist] and [[rules.allowlists]] exclude each other"
                ));
            }
            rule.allowlists.push(old);
        }
        for allow in &mut rule.allowlists {
            allow.place = format!("{shown}:{line}: rule `{id}`");
            check(allow)?;
        }
        config.rules.insert(id, rule);
    }
    Ok(())
}

fn check(allow: &Allow) -> Result<(), String> {
    let place = &allow.place;
    if allow.commits.is_empty()
        && allow.paths.is_empty()
        && allow.regexes.is_empty()
        && allow.stopwords.is_empty()
    {
        return Err(format!(
            "{place}: an allowlist has none of commits, paths, regexes, stopwords"
        ));
    }
    if !["", "secret", "match", "line"].contains(&allow.regextarget.as_str()) {
        return Err(format!("{place}: regexTarget is secret, match or line"));
    }
    if !["", "AND", "&&", "OR", "||"].contains(&allow.condition.to_uppercase().as_str()) {
        return Err(format!("{place}: condition is AND or OR"));
    }
    Ok(())
}

impl Allow {
    /// True when every list that is not empty must hold.
    pub(super) fn is_all(&self) -> bool {
        ["AND", "&&"].contains(&self.condition.to_uppercase().as_str())
    }
}

/// Puts `config` over `base`: what it says of a rule wins, lists add up.
fn merge(config: &mut Config, base: Config, disabled: &[String]) {
    for id in disabled.iter().filter(|id| !base.rules.contains_key(*id)) {
        config.notes.push(format!("disabledRules names `{id}`, which the extended file has not"));
    }
    for (id, mut rule) in base.rules {
        if disabled.contains(&id) {
            continue;
        }
        if let Some(over) = config.rules.remove(&id) {
            let pick = |over: String, old: &mut String| {
                if !over.is_empty() {
                    *old = over;
                }
            };
            pick(over.description, &mut rule.description);
            pick(over.regex, &mut rule.regex);
            pick(over.path, &mut rule.path);
            if over.entropy != 0.0 {
                rule.entropy = over.entropy;
            }
            if over.secretgroup != 0 {
                rule.secretgroup = over.secretgroup;
            }
            rule.tags.extend(over.tags);
            rule.keywords.extend(over.keywords);
            rule.allowlists.extend(over.allowlists);
        }
        config.rules.insert(id, rule);
    }
    config.allow.extend(base.allow);
    config.notes.extend(base.notes);
    config.needs_defaults |= base.needs_defaults;
    config.disabled.extend(base.disabled);
}

/// Notes keys that gitleaks does not know, which it passes over.
fn unknown(table: &Table, (shown, text): (&str, &str), notes: &mut Vec<String>) {
    const TOP: [&str; 7] =
        ["title", "description", "extend", "rules", "allowlist", "allowlists", "minversion"];
    const RULE: [&str; 12] = [
        "id",
        "description",
        "path",
        "regex",
        "secretgroup",
        "entropy",
        "keywords",
        "tags",
        "allowlist",
        "allowlists",
        "required",
        "skipreport",
    ];
    let mut note = |key: &String, known: &[&str], whose: &str| {
        if !known.contains(&key.to_lowercase().as_str()) {
            let line = line_of(text, "", &[key], 1);
            notes
                .push(format!("{shown}:{line}: {whose}`{key}` is no key of gitleaks; passed over"));
        }
    };
    table.keys().for_each(|key| note(key, &TOP, ""));
    let rules = table.iter().find(|(key, _)| key.to_lowercase() == "rules");
    let rules = rules.and_then(|(_, rules)| rules.as_array());
    for rule in rules.into_iter().flatten().filter_map(Value::as_table) {
        let id = rule.get("id").and_then(Value::as_str).unwrap_or_default();
        rule.keys().for_each(|key| note(key, &RULE, &format!("rule `{id}`: ")));
    }
}

/// All keys in lower case.
fn lower(value: Value) -> Value {
    match value {
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(k, v)| (k.to_lowercase(), lower(v))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(lower).collect()),
        other => other,
    }
}

/// Line of the `number`th line that begins with one of `keys` and, unless empty, holds `id` quoted.
fn line_of(text: &str, id: &str, keys: &[&str], number: usize) -> usize {
    let quoted = [format!("\"{id}\""), format!("'{id}'")];
    let fits = |line: &str| {
        keys.iter().any(|key| line.starts_with(key))
            && (id.is_empty() || quoted.iter().any(|quoted| line.contains(quoted)))
    };
    let mut lines = text.lines().map(str::trim_start).zip(1..).filter(|(line, _)| fits(line));
    lines.nth(number - 1).map_or(1, |(_, number)| number)
}
