//! Generated documents are up to date. `KEYLINT_UPDATE=1 cargo test docs` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use keylint::rule::set::{Compiled, RuleSet};

use crate::common::{Place, run, stdout};

fn same(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("KEYLINT_UPDATE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let old = fs::read_to_string(&file).unwrap_or_default();
    assert!(old == text, "{path} is old; run `KEYLINT_UPDATE=1 cargo test docs`");
}

fn rule(page: &mut String, compiled: &Compiled) {
    let meta = compiled.rule.meta(&compiled.vendor);
    let (severity, confidence) = (meta.severity.name(), meta.confidence.name());
    writeln!(page, "\n### {}\n\n{}\n", meta.id, meta.description).unwrap();
    writeln!(page, "- Severity {severity}, confidence {confidence}").unwrap();
    if !meta.env.is_empty() {
        writeln!(page, "- Environment: `{}`", meta.env.join("`, `")).unwrap();
    }
    if let Some(rotate) = &meta.rotate {
        writeln!(page, "- Rotate: <{rotate}>").unwrap();
    }
    writeln!(page, "- Remedy: {}", meta.remediation).unwrap();
    for link in &meta.references {
        writeln!(page, "- See <{link}>").unwrap();
    }
}

#[test]
fn docs_of_rules_are_up_to_date() {
    let set = RuleSet::builtin().unwrap();
    let mut page =
        format!("# Rules\n\nGenerated from `rules/*.toml`. {} rules.\n", set.rules().len());
    let mut vendor = "";
    for compiled in set.rules() {
        if compiled.vendor.name != vendor {
            vendor = &compiled.vendor.name;
            writeln!(page, "\n## {vendor}").unwrap();
        }
        rule(&mut page, compiled);
    }
    same("docs/rules.md", &page);
}

#[test]
fn docs_of_the_command_line_are_up_to_date() {
    let place = Place::new();
    let mut page = "# Command line\n\nGenerated from `--help`.\n".to_owned();
    for command in [&["--help"][..], &["scan", "--help"], &["rules", "--help"]] {
        let name = command[..command.len() - 1].join(" ");
        let text = stdout(&run(place.path(), command));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        writeln!(page, "\n## keylint {name}\n\n```text\n{}\n```", lines.join("\n")).unwrap();
    }
    same("docs/cli.md", &page.replace("keylint \n", "keylint\n"));
}
