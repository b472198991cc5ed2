//! Turns `rules/*.toml` into what the program reads at every start, since a hook starts on every commit: a
//! table of the rules without their examples, and the data files as JSON. And names the build for
//! `keylint --version`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-env-changed=KEYLINT_COMMIT");
    let commit = env::var("KEYLINT_COMMIT").unwrap_or_default();
    let build: Vec<String> =
        [commit, env::var("TARGET")?].into_iter().filter(|part| !part.is_empty()).collect();
    println!(
        "cargo::rustc-env=KEYLINT_BUILD={} ({})",
        env::var("CARGO_PKG_VERSION")?,
        build.join(", ")
    );
    let mut files: Vec<PathBuf> = fs::read_dir("rules")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::create_dir_all(out.join("data"))?;
    let mut lines = String::new();
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(path)?;
        let table: toml::Table =
            text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
        if table.contains_key("vendor") {
            lines += &rules(&name, table).map_err(|error| format!("{name}: {error}"))?;
        } else {
            let json = out.join("data").join(name).with_extension("json");
            fs::write(json, serde_json::to_vec(&table)?)?;
        }
    }
    Ok(fs::write(out.join("rules.txt"), lines)?)
}

/// A rule file as lines of columns between tabs, which JSON has none of. The first line is the file's name and
/// its vendor; each other one a rule: id, the rule whose matches it claims, all of it, and its keywords.
fn rules(name: &str, mut table: toml::Table) -> Result<String, Box<dyn Error>> {
    let vendor = table.remove("vendor").unwrap_or(toml::Value::Boolean(false));
    let mut lines = vec![vec![name.to_owned(), serde_json::to_string(&vendor)?]];
    let Some(toml::Value::Array(rules)) = table.remove("rule") else {
        return Err("has no rules".into());
    };
    if let Some(key) = table.keys().next() {
        return Err(format!("`{key}` is for rules of other programs").into());
    }
    for mut rule in rules.into_iter().filter_map(|rule| rule.try_into::<toml::Table>().ok()) {
        rule.remove("examples");
        rule.remove("negatives");
        let text = |table: &toml::Table, key| {
            table.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
        };
        let id = text(&rule, "id");
        if rule.contains_key("exact") {
            return Err(format!("{id}: exact rules are those of other programs").into());
        }
        let provider = rule.get("provider").and_then(toml::Value::as_table);
        let claims = provider.map(|provider| text(provider, "claims")).unwrap_or_default();
        let words = rule.get("keywords").and_then(toml::Value::as_array);
        let words = words.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned);
        let mut columns: Vec<String> = words.collect();
        if columns.iter().any(|word| word.contains(['\t', '\n'])) {
            return Err(format!("{id}: a keyword holds a tab or a line end").into());
        }
        columns.splice(0..0, [id, claims, serde_json::to_string(&rule)?]);
        lines.push(columns);
    }
    Ok(lines.iter().map(|columns| columns.join("\t") + "\n").collect())
}
