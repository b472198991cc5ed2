//! `keylint config`: what is in force and where from, and the schema of `keylint.toml`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use crate::cli::ConfigShow;
use crate::config::origin::leaves;
use crate::config::tree::Chain;
use crate::config::{Config, FILE_NAME};
use crate::ground::{DEFAULTS, Ground, PlanError};
use crate::rule::{Rule, Vendor};
use crate::suppress::shown;

/// Keys whose values of all files count together.
const ADDED: [&str; 3] = ["scan.exclude", "rules.disable", "rules.files"];

/// A value, where it stands, and what it takes the place of.
struct Setting {
    value: String,
    origin: String,
}

/// What is in force for a path, as TOML whose comments say where each value comes from.
///
/// # Errors
/// [`PlanError`] when a file cannot be used or the path does not exist.
pub fn show(args: &ConfigShow) -> Result<String, PlanError> {
    if args.path.symlink_metadata().is_err() {
        let text = format!("{path}: no such file or folder", path = args.path.display());
        return Err(PlanError::Argument(text));
    }
    let ground = Ground::new(vec![args.path.clone()], args.config.as_deref(), false)?;
    Ok(page(ground.chain(), &ground.base))
}

fn page(chain: &Chain, base: &Path) -> String {
    let mut page = String::new();
    let mut line = |text: String| {
        page += &text;
        page.push('\n');
    };
    match chain.is_empty() {
        true => line(format!("# no {FILE_NAME}; the defaults are in force")),
        false => line("# files in force, outermost first; the last one wins:".to_owned()),
    }
    for layer in chain.iter() {
        line(format!("#   {file}", file = shown(layer, base)));
    }
    let mut section = "";
    let settings = settings(chain, base);
    for (key, setting) in &settings {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        if table != section {
            section = table;
            line(format!("\n[{table}]"));
        }
        let text = format!("{name} = {value}", value = setting.value);
        line(format!("{text:39} # {origin}", origin = setting.origin));
    }
    for layer in chain.iter() {
        let file = shown(layer, base);
        let all = leaves(&layer.config.text);
        for at in 0..layer.config.allow.len() {
            line(format!("\n[[allow]] # {file}:{n}", n = layer.line(&format!("allow.{at}"))));
            let prefix = format!("allow.{at}.");
            for leaf in &all {
                if let Some(name) = leaf.key.strip_prefix(&prefix) {
                    line(format!("{name} = {value}", value = leaf.value));
                }
            }
        }
        if layer.config.has_rules() {
            line(format!("\n# and the rules in {file}"));
        }
    }
    page
}

/// All settings by key: defaults, then what each file says.
fn settings(chain: &Chain, base: &Path) -> BTreeMap<String, Setting> {
    let default = |(key, value): &(&str, &str)| {
        let setting = Setting { value: (*value).to_owned(), origin: "default".to_owned() };
        ((*key).to_owned(), setting)
    };
    let mut settings: BTreeMap<String, Setting> = DEFAULTS.iter().map(default).collect();
    for layer in chain.iter() {
        let file = shown(layer, base);
        for leaf in leaves(&layer.config.text) {
            if leaf.key.starts_with("allow.") || leaf.key == "root" {
                continue;
            }
            let origin = format!("{file}:{line}", line = leaf.line);
            let old = settings.remove(&leaf.key).filter(|old| old.origin != "default");
            let setting = match old {
                Some(old) if ADDED.contains(&leaf.key.as_str()) => Setting {
                    value: joined(&old.value, &leaf.value),
                    origin: format!("{first}, {origin}", first = old.origin),
                },
                Some(old) => {
                    let over = format!("{value} of {from}", value = old.value, from = old.origin);
                    Setting { value: leaf.value, origin: format!("{origin}, over {over}") }
                }
                None => Setting { value: leaf.value, origin },
            };
            settings.insert(leaf.key, setting);
        }
    }
    settings
}

/// Two TOML lists as one.
fn joined(first: &str, second: &str) -> String {
    let inside =
        |list: &str| list.trim().trim_start_matches('[').trim_end_matches(']').trim().to_owned();
    let parts = [inside(first), inside(second)];
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    format!("[{all}]", all = parts.join(", "))
}

/// What may stand in a `keylint.toml` besides the settings.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Rules {
    /// Whose secrets the rules in this file find.
    vendor: Option<Vendor>,
    /// Rules of your own, in the form of keylint's rule files.
    rule: Vec<Rule>,
}

/// The JSON schema of `keylint.toml`.
///
/// # Errors
/// [`PlanError::Argument`] when it cannot be written, which does not happen.
pub fn schema() -> Result<String, PlanError> {
    let mut schema = schema_for!(Config).to_value();
    let mut rules = schema_for!(Rules).to_value();
    for part in ["properties", "$defs"] {
        let (Some(into), Some(Value::Object(from))) =
            (schema[part].as_object_mut(), rules.get_mut(part).map(Value::take))
        else {
            continue;
        };
        into.extend(from);
    }
    let mut text = String::new();
    let pretty = serde_json::to_string_pretty(&schema);
    let pretty = pretty.map_err(|error| PlanError::Argument(error.to_string()))?;
    let written = writeln!(text, "{pretty}");
    written.map_err(|error| PlanError::Argument(error.to_string()))?;
    Ok(text)
}
