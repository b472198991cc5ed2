//! `keylint rules`.

use std::io::{self, Write};

use anyhow::Context as _;

use keylint::cli::RulesCommand;
use keylint::ground::read;
use keylint::rule::set::{RuleSet, RuleText, builtin_files};
use keylint::scan::Engine;
use keylint::suggest;

use crate::{CLEAN, FINDINGS};

pub(crate) fn rules(command: RulesCommand) -> anyhow::Result<u8> {
    let mut out = io::stdout().lock();
    match command {
        RulesCommand::List => {
            for rule in RuleSet::builtin()?.rules() {
                let severity = rule.rule.severity.name();
                writeln!(
                    out,
                    "{id:44} {severity:9} {text}",
                    id = rule.rule.id(),
                    text = rule.rule.description
                )?;
            }
            Ok(CLEAN)
        }
        RulesCommand::Show { id } => {
            let set = RuleSet::builtin()?;
            let found = set.rules().iter().find(|rule| rule.rule.id() == id);
            let rule = found.with_context(|| {
                let hint = suggest::hint(&id, set.rules().iter().map(|rule| rule.rule.id()));
                format!("no rule `{id}`; `keylint rules list` shows all{hint}")
            })?;
            keylint::report::rule_page(rule, &mut out)?;
            Ok(CLEAN)
        }
        RulesCommand::Check { files } => check_rules(&files, &mut out),
    }
}

/// Runs the examples and negatives of `files`, or of all shipped rules.
fn check_rules(files: &[std::path::PathBuf], out: &mut dyn Write) -> anyhow::Result<u8> {
    let mut texts = builtin_files();
    let mut wanted: Option<Vec<String>> = None;
    for path in files {
        let text = read(path)?;
        let name =
            format!("rules/{name}", name = path.file_name().unwrap_or_default().to_string_lossy());
        let parsed = keylint::rule::parse(&path.display().to_string(), &text)?;
        wanted.get_or_insert_default().extend(parsed.rule.iter().map(|rule| rule.id().to_owned()));
        // A file under work stands in for the shipped one of the same name.
        texts.retain(|other| other.name != name);
        texts.push(RuleText { name, text });
    }
    let engine = Engine::new(RuleSet::new(&texts, &[])?)?;
    let is_wanted =
        |id: &str| wanted.as_ref().is_none_or(|ids| ids.iter().any(|other| other == id));
    let faults = keylint::selftest::check(&engine, &is_wanted);
    for fault in &faults {
        writeln!(out, "{rule}: {text}", rule = fault.rule, text = fault.message)?;
    }
    let count = engine.rules().rules().iter().filter(|rule| is_wanted(rule.rule.id())).count();
    writeln!(out, "{count} rules checked, {n} faults", n = faults.len())?;
    Ok(if faults.is_empty() { CLEAN } else { FINDINGS })
}
