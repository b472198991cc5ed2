//! Runs the examples and negatives of rules; behind `keylint rules check` and the rule tests.

use crate::rule::Rule;
use crate::rule::set::RuleIdx;
use crate::scan::resolve::{resolve, settle};
use crate::scan::{Candidate, Engine, generic};

/// Something a rule file gets wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The rule.
    pub rule: String,
    /// What is wrong and what helps.
    pub message: String,
}

/// Tries every rule that `wanted` names on its own examples and negatives, all rules loaded.
pub fn check(engine: &Engine, wanted: &dyn Fn(&str) -> bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, compiled) in (0..).zip(engine.rules().rules()) {
        let rule = &compiled.rule;
        if !wanted(rule.id()) {
            continue;
        }
        let mut fault = |message: String| {
            faults.push(Fault { rule: rule.id().to_owned(), message });
        };
        let stem = compiled.file.rsplit('/').next().unwrap_or_default().trim_end_matches(".toml");
        if compiled.file.starts_with("rules/") && !rule.id().starts_with(stem) {
            fault(format!("its id does not begin with the file's name, `{stem}`"));
        }
        form(rule, &mut fault);
        examples(engine, index, &mut fault);
    }
    faults
}

/// Fields that a complete rule has.
fn form(rule: &Rule, fault: &mut dyn FnMut(String)) {
    if rule.examples.len() < 2 || rule.negatives.len() < 2 {
        fault("needs two examples and two negatives or more".to_owned());
    }
    if rule.description.trim().is_empty() || rule.references.is_empty() {
        fault("needs a description and a reference".to_owned());
    }
}

fn examples(engine: &Engine, index: RuleIdx, fault: &mut dyn FnMut(String)) {
    let rule = &engine.rules().get(index).rule;
    let path = sample_path(rule);
    let file = generic::File::of(path.as_bytes());
    let fires = |text: &str| {
        let all = engine.scanner().scan(text.as_bytes());
        let kept = resolve(engine.rules(), &all, Some(path.as_bytes()));
        let holds = |c: &Candidate| settle(engine.rules(), c, &file).is_some();
        let own = all.iter().filter(|c| c.rule == index && holds(c)).count();
        (own, kept.into_iter().map(|c| c.rule).collect::<Vec<_>>())
    };
    for (nth, text) in (1..).zip(&rule.examples) {
        let (own, kept) = fires(text);
        let names: Vec<&str> = kept.iter().map(|&r| engine.rules().get(r).rule.id()).collect();
        if own == 0 {
            let near = engine.scanner().explain(text.as_bytes(), index);
            fault(format!("example {nth} is not found: {near}"));
        } else if own > 1 {
            fault(format!("example {nth} is found {own} times"));
        } else if !kept.contains(&index) {
            fault(format!("example {nth} is reported as {names:?}, not as this rule"));
        } else if kept.len() > 1 {
            fault(format!("example {nth} gives {count} findings: {names:?}", count = kept.len()));
        }
    }
    for (nth, text) in (1..).zip(&rule.negatives) {
        if fires(text).0 > 0 {
            fault(format!("negative {nth} is reported"));
        }
    }
}

/// A path on which the rule runs.
fn sample_path(rule: &Rule) -> String {
    let first = rule.paths.first().map_or("sample.txt", String::as_str);
    let name = first.rsplit('/').next().unwrap_or("sample.txt");
    name.replace(['*', '?', '{', '}'], "x")
}
