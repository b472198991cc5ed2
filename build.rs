//! Turns `rules/*.toml` into one compact JSON document without examples, which the program reads
//! at every start: many times faster than TOML, and a hook starts on every commit. And names the build for
//! `keylint --version`.

use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    let mut all = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(path)?;
        let mut table: toml::Table =
            text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
        // Data files have no vendor.
        if !table.contains_key("vendor") {
            continue;
        }
        let rules = table.get_mut("rule").and_then(toml::Value::as_array_mut);
        for rule in rules.into_iter().flatten().filter_map(toml::Value::as_table_mut) {
            rule.remove("examples");
            rule.remove("negatives");
        }
        all.push((name, table));
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("rules.json");
    Ok(fs::write(out, serde_json::to_vec(&all)?)?)
}
