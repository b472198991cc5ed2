//! The forms of `rules/shapes.toml`: surroundings that many rules share, kept as data.

use serde::Deserialize;

use crate::rule::{Form, Rule, RuleError, data};

/// The forms, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shapes {
    names: String,
    assigned: String,
    loose: String,
    near: String,
}

impl Shapes {
    /// Reads the shipped file.
    ///
    /// # Errors
    /// [`RuleError::Syntax`] when it is broken; a test holds that it is not.
    pub(super) fn load() -> Result<Self, RuleError> {
        data("shapes.toml")
    }

    /// The full pattern of `rule`.
    ///
    /// # Errors
    /// What is missing or given twice.
    pub(super) fn pattern(&self, rule: &Rule) -> Result<String, String> {
        if rule.is_names_only() {
            return Ok(String::new());
        }
        match (&rule.pattern, &rule.context, &rule.value) {
            (Some(pattern), None, None) => Ok(pattern.clone()),
            (None, Some(context), Some(value)) => {
                let form = match rule.form {
                    Form::Assigned => format!("{}|{}", self.assigned, self.loose),
                    Form::Named => self.assigned.clone(),
                    Form::Near => self.near.clone(),
                };
                let names = rule.names.as_ref().unwrap_or(&self.names);
                Ok(form
                    .replace("{context}", context)
                    .replace("{names}", names)
                    .replace("{value}", value))
            }
            _ => Err("needs either `pattern`, or `context` and `value`".to_owned()),
        }
    }
}
