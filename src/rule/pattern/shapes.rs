//! The forms of `rules/shapes.toml`: surroundings that many rules share, kept as data.

use serde::Deserialize;

/// The forms, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shapes {
    names: String,
    assigned: String,
    loose: String,
    near: String,
}

/// What a rule says of its pattern.
pub(crate) struct Parts<'r> {
    pub(crate) pattern: Option<&'r str>,
    pub(crate) context: Option<&'r str>,
    pub(crate) names: Option<&'r str>,
    pub(crate) value: Option<&'r str>,
    /// Name of the form.
    pub(crate) form: &'r str,
}

impl Shapes {
    /// The full pattern of a rule.
    ///
    /// # Errors
    /// What is missing or given twice.
    pub(crate) fn pattern(&self, parts: &Parts<'_>) -> Result<String, String> {
        let (context, value) = match (parts.pattern, parts.context, parts.value) {
            (Some(pattern), None, None) => return Ok(pattern.to_owned()),
            (None, Some(context), Some(value)) => (context, value),
            _ => return Err("needs either `pattern`, or `context` and `value`".to_owned()),
        };
        let form = match parts.form {
            "assigned" => format!("{}|{}", self.assigned, self.loose),
            "named" => self.assigned.clone(),
            "near" => self.near.clone(),
            other => return Err(format!("`{other}` is no form")),
        };
        let names = parts.names.unwrap_or(&self.names);
        Ok(form.replace("{context}", context).replace("{names}", names).replace("{value}", value))
    }
}
