//! Splits findings into those that count and those that are allowed, and reports entries that
//! allowed nothing.

use globset::GlobMatcher;
use regex_automata::meta::Regex;

use crate::config::{Allow, Config, ConfigError};
use crate::finding::{Finding, Suppression};
use crate::marker::MARKER;

/// The `[[allow]]` entries, compiled.
#[derive(Default)]
pub struct Suppressions {
    entries: Vec<Entry>,
    inline: bool,
}

struct Entry {
    allow: Allow,
    path: Option<GlobMatcher>,
    pattern: Option<Regex>,
    used: bool,
}

impl Suppressions {
    /// Compiles the entries of `config`; `inline` says whether marker comments count.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a glob or pattern that cannot be used.
    pub fn new(config: &Config, inline: bool) -> Result<Self, ConfigError> {
        let compile = |(at, allow): (usize, &Allow)| {
            let fail =
                |message: String| config.error(format!("allow entry {n}", n = at + 1), message);
            let glob = |glob: &String| globset::Glob::new(glob).map(|glob| glob.compile_matcher());
            let path =
                allow.path.as_ref().map(glob).transpose().map_err(|e| fail(e.to_string()))?;
            let pattern = allow.pattern.as_deref().map(Regex::new).transpose();
            let pattern = pattern.map_err(|e| fail(e.to_string()))?;
            Ok(Entry { allow: allow.clone(), path, pattern, used: false })
        };
        let entries = config.allow.iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { entries, inline })
    }

    /// Why `finding` is allowed, if it is.
    pub fn judge(&mut self, finding: &Finding) -> Option<Suppression> {
        if self.inline && finding.allowed_inline() {
            return Some(Suppression::Inline { marker: MARKER });
        }
        let entry = self.entries.iter_mut().find(|entry| entry.holds(finding))?;
        entry.used = true;
        Some(Suppression::Config { reason: entry.allow.reason.clone() })
    }

    /// A line for each entry that allowed nothing.
    pub fn unused(&self) -> Vec<String> {
        let unused = self.entries.iter().filter(|entry| !entry.used);
        let line = |entry: &Entry| {
            format!(
                "an [[allow]] entry matched nothing and can go: {reason:?}",
                reason = entry.allow.reason
            )
        };
        unused.map(line).collect()
    }
}

impl Entry {
    #[expect(clippy::disallowed_methods, reason = "a user's pattern is tried on the value")]
    fn holds(&self, finding: &Finding) -> bool {
        let path =
            || finding.location.provenance.path().map(|path| path.to_string()).unwrap_or_default();
        self.allow.rule.as_ref().is_none_or(|rule| *rule == finding.check)
            && self.allow.fingerprint.as_ref().is_none_or(|f| *f == finding.fingerprint.0)
            && self.path.as_ref().is_none_or(|glob| glob.is_match(path()))
            && self.pattern.as_ref().is_none_or(|regex| regex.is_match(finding.secret.expose()))
    }
}
