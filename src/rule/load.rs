//! From rule files to a list of rules: shipped ones, which tests have looked at, and those of users, which are
//! checked at once.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::rule::exact::Exception;
use crate::rule::lazy::{Lazy, Shipped};
use crate::rule::pattern::Shapes;
use crate::rule::set::{Compiled, RuleText};
use crate::rule::{Rule, RuleError, RuleFile, Vendor, data, exact, line_of};

/// The rules so far.
pub(super) struct Loader<'d> {
    /// The rules, in file and then text order.
    pub(super) rules: Vec<Compiled>,
    /// Ids of those that are disabled.
    pub(super) left_out: Vec<String>,
    disabled: FxHashSet<&'d str>,
    shapes: Arc<Shapes>,
}

impl<'d> Loader<'d> {
    /// No rules; those named in `disabled` will be left out.
    ///
    /// # Errors
    /// [`RuleError::Syntax`] when the shipped data is broken; a test holds that it is not.
    pub(super) fn new(disabled: &'d [String]) -> Result<Self, RuleError> {
        Ok(Self {
            rules: Vec::new(),
            left_out: Vec::new(),
            disabled: disabled.iter().map(String::as_str).collect(),
            shapes: Arc::new(data("shapes.toml")?),
        })
    }

    /// Adds the shipped rules. Nothing is checked: tests do that.
    pub(super) fn add_shipped(&mut self, files: Vec<Shipped>) {
        self.rules.reserve_exact(files.iter().map(|file| file.rules.len()).sum());
        for Shipped { name, vendor, rules } in files {
            let (vendor, file) = (Arc::new(vendor), Arc::<str>::from(format!("rules/{name}")));
            for rule in rules {
                if self.disabled.contains(rule.id()) {
                    self.left_out.push(rule.id().to_owned());
                    continue;
                }
                let of = (Arc::clone(&vendor), Arc::clone(&file));
                self.rules.push(Compiled::new(rule, Arc::clone(&self.shapes), of, true));
            }
        }
    }

    /// Adds the rules of other files.
    ///
    /// # Errors
    /// [`RuleError`] for the first file or rule that cannot be used.
    pub(super) fn add(&mut self, files: &[RuleText]) -> Result<(), RuleError> {
        if files.is_empty() {
            return Ok(());
        }
        let own = |compiled: &Compiled| (compiled.rule.id().to_owned(), Arc::clone(&compiled.file));
        let off = |id: &String| (id.clone(), Arc::from("the shipped rules, disabled"));
        let mut seen: FxHashMap<String, Arc<str>> =
            self.rules.iter().map(own).chain(self.left_out.iter().map(off)).collect();
        for RuleText { name, text } in files {
            let RuleFile { vendor, allow, rule } = crate::rule::parse(name, text)?;
            let shared = exact::exceptions(&allow).map_err(|message| RuleError::Syntax {
                file: name.clone(),
                message: format!("[[allow]]: {message}"),
            })?;
            let (vendor, file) = (Arc::new(Lazy::from(vendor)), Arc::<str>::from(name.as_str()));
            for rule in rule {
                if let Some(first) = seen.insert(rule.id().to_owned(), Arc::clone(&file)) {
                    return Err(RuleError::Duplicate {
                        id: rule.id().to_owned(),
                        first: first.to_string(),
                        second: name.clone(),
                    });
                }
                if self.disabled.contains(rule.id()) {
                    self.left_out.push(rule.id().to_owned());
                    continue;
                }
                let of = (Arc::clone(&vendor), Arc::clone(&file));
                self.rules.push(self.checked(rule, of, (text, &shared))?);
            }
        }
        Ok(())
    }

    /// `rule` of `text`, whose exact rules have the exceptions `shared`.
    fn checked(
        &self,
        rule: Rule,
        of: (Arc<Lazy<Vendor>>, Arc<str>),
        (text, shared): (&str, &[Arc<Exception>]),
    ) -> Result<Compiled, RuleError> {
        let names_only = rule.is_names_only();
        let exact = rule.exact.as_ref().map(|e| exact::Compiled::new(e, names_only, shared));
        let exact =
            exact.transpose().map_err(|message| value_error(&of.1, text, &rule, message))?;
        let mut compiled = Compiled::new(rule.into(), Arc::clone(&self.shapes), of, false);
        compiled.exact = exact.map(Box::new);
        compiled.check(text)?;
        Ok(compiled)
    }
}

/// An error about a value of `rule`, at the line of its pattern in `text`, or of its id.
pub(super) fn value_error(file: &str, text: &str, rule: &Rule, message: String) -> RuleError {
    let line = line_of(text, rule.id(), "pattern");
    RuleError::Value { file: file.to_owned(), line, id: rule.id().to_owned(), message }
}
