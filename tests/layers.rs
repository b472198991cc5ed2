//! The order of the layers is a test, not a wish.

use std::fs;
use std::path::Path;

/// Modules from the bottom up; a module uses only modules of lower layers or of its own.
const LAYERS: [&[&str]; 7] = [
    &["blob", "disk", "fault", "harden", "marker", "secret", "span", "suggest", "text", "trace"],
    &["caches", "finding", "progress"],
    &["config", "rule"],
    &["scan", "source", "syntax"],
    &["baseline", "fix", "hook", "hygiene", "selftest", "suppress", "verify"],
    &["report"],
    &[
        "adopt", "api", "audit", "cli", "explain", "ground", "keys", "lsp", "migrate", "plan",
        "repair", "run", "settings", "triage",
    ],
];

/// Uses inside layer 6 go one way: cli < ground < plan < audit, repair < run < keys. Elsewhere modules of a layer stay apart.
const WITHIN: [(&str, &str); 34] = [
    ("plan", "cli"),
    ("audit", "plan"),
    ("repair", "plan"),
    ("run", "plan"),
    ("run", "audit"),
    ("run", "repair"),
    ("run", "cli"),
    ("keys", "plan"),
    ("keys", "run"),
    ("api", "cli"),
    ("api", "ground"),
    ("api", "plan"),
    ("api", "run"),
    ("explain", "cli"),
    ("lsp", "cli"),
    ("lsp", "plan"),
    ("lsp", "repair"),
    ("lsp", "run"),
    ("triage", "cli"),
    ("triage", "ground"),
    ("triage", "plan"),
    ("triage", "run"),
    ("settings", "cli"),
    ("settings", "ground"),
    ("ground", "cli"),
    ("plan", "ground"),
    ("adopt", "cli"),
    ("adopt", "ground"),
    ("adopt", "plan"),
    ("adopt", "run"),
    ("migrate", "cli"),
    ("migrate", "ground"),
    ("migrate", "plan"),
    ("migrate", "run"),
];

fn layer(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|names| names.contains(&module))
        .unwrap_or_else(|| panic!("{module} has no layer"))
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let name = |path: &std::path::PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn modules_use_lower_layers_only() {
    for (file, text) in all() {
        let module = file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if ["main", "lib", "command"].contains(&module.as_str()) {
            continue;
        }
        for used in text.split("crate::").skip(1) {
            let used: String =
                used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let fine = used == module
                || layer(&used) < layer(&module)
                || WITHIN.contains(&(module.as_str(), used.as_str()));
            assert!(fine, "{file} uses {used}");
        }
    }
}

#[test]
fn files_stay_short_and_say_what_they_decide() {
    for (file, text) in all() {
        assert!(text.lines().count() <= 500, "{file} has {} lines", text.lines().count());
        assert!(text.starts_with("//!"), "{file} has no header");
    }
}

#[test]
fn outside_crates_stay_in_their_place() {
    for (file, text) in all() {
        // The examples in the documentation may make a repository and print.
        let code = |line: &&str| !line.trim_start().starts_with("//");
        let text: Vec<&str> = text.lines().filter(code).collect();
        let only = |name: &str, place: &str| {
            assert!(
                !text.iter().any(|line| line.contains(name)) || file.starts_with(place),
                "{file} names {name}"
            );
        };
        only("git2::", "source/");
        only("serde_sarif", "report/sarif");
        only("libdeflater", "source/git/");
        only("indicatif", "command/");
        only("ratatui", "triage/");
        only("reqwest", "verify/");
        only("rustls", "verify/http");
        only("use ring::", "verify/");
        only("println!", "nowhere");
        // No other program is run: SECURITY.md rests on that.
        only("process::Command", "nowhere");
        only("unsafe {", "nowhere");
    }
}
