//! Rules that came from other programs: the pattern alone decides, as it does there.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use regex_automata::meta::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::rule::AllowOn;
use crate::rule::matcher::compile;

/// What makes a rule exact: its pattern runs over the whole of a file that holds a keyword, nothing
/// is decoded, and no test but these is made. Exact rules do not compete with others for a value.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exact {
    /// Regex on the path. A rule with this and no pattern finds files by their name.
    pub path: Option<String>,
    /// Gives way to an exact rule without this that sees the same value on the same line.
    pub yields: bool,
    /// Finds nothing itself; others require it.
    pub silent: bool,
    /// Rules of which each must match, too.
    pub requires: Vec<Require>,
    /// Matches that are no findings.
    pub allow: Vec<ExactAllow>,
}

/// Another rule that must match, too.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// Its id.
    pub rule: String,
    /// Most lines between the starts of the matches.
    pub lines: Option<u32>,
    /// Most columns between the starts of the matches.
    pub columns: Option<u32>,
}

/// An exception: one of its lists holds, or with `all` each list that is not empty.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExactAllow {
    /// Why this is no finding.
    pub reason: String,
    /// Each list that is not empty must hold.
    pub all: bool,
    /// Regexes.
    pub patterns: Vec<String>,
    /// What the patterns are tried on.
    pub on: AllowOn,
    /// Words in the secret, in any case.
    pub stopwords: Vec<String>,
    /// Regexes on the path.
    pub paths: Vec<String>,
}

/// An [`Exact`], compiled.
pub(crate) struct Compiled {
    path: Option<Regex>,
    exceptions: Vec<Arc<Exception>>,
}

/// An [`ExactAllow`], compiled.
pub(crate) struct Exception {
    all: bool,
    on: AllowOn,
    patterns: Vec<Regex>,
    stopwords: Option<AhoCorasick>,
    paths: Vec<Regex>,
}

/// What the text of a match says of a rule's exceptions.
pub(crate) enum Verdict {
    /// One holds.
    Allowed,
    /// None does, but those with these numbers do where their paths match.
    Open(Vec<usize>),
}

/// Compiles exceptions; the error says which pattern cannot be used.
pub(crate) fn exceptions(all: &[ExactAllow]) -> Result<Vec<Arc<Exception>>, String> {
    let regexes = |patterns: &[String]| -> Result<Vec<Regex>, String> {
        patterns.iter().map(|p| compile(p).map_err(|e| format!("`{p}`: {e}"))).collect()
    };
    let one = |allow: &ExactAllow| {
        let stopwords = (!allow.stopwords.is_empty()).then(|| {
            let mut builder = AhoCorasick::builder();
            builder.ascii_case_insensitive(true).build(&allow.stopwords)
        });
        Ok(Arc::new(Exception {
            all: allow.all,
            on: allow.on,
            patterns: regexes(&allow.patterns)?,
            stopwords: stopwords.transpose().map_err(|error| error.to_string())?,
            paths: regexes(&allow.paths)?,
        }))
    };
    all.iter().map(one).collect()
}

impl Compiled {
    /// `shared` are the exceptions of the file.
    pub(crate) fn new(
        exact: &Exact,
        names_only: bool,
        shared: &[Arc<Exception>],
    ) -> Result<Self, String> {
        if names_only && exact.path.is_none() {
            return Err("needs a `pattern`, or `path` under `exact`".to_owned());
        }
        let path = exact.path.as_deref().map(compile).transpose()?;
        let exceptions = [shared, &exceptions(&exact.allow)?].concat();
        Ok(Self { path, exceptions })
    }

    /// What the exceptions say of a match.
    pub(crate) fn judge(&self, secret: &[u8], whole: &[u8], line: &[u8]) -> Verdict {
        let mut open = Vec::new();
        for (at, exception) in self.exceptions.iter().enumerate() {
            let text = match exception.on {
                AllowOn::Secret => secret,
                AllowOn::Match => whole,
                AllowOn::Line => line,
            };
            let words = exception.stopwords.as_ref();
            let hit = (!exception.patterns.is_empty())
                .then(|| exception.patterns.iter().any(|regex| regex.is_match(text)));
            let word = words.map(|words| words.is_match(secret));
            let holds = match exception.all {
                true => hit.unwrap_or(true) && word.unwrap_or(true),
                false => hit.unwrap_or(false) || word.unwrap_or(false),
            };
            match (holds, exception.all && !exception.paths.is_empty()) {
                (true, false) => return Verdict::Allowed,
                (true, true) => open.push(at),
                (false, _) => {}
            }
        }
        Verdict::Open(open)
    }

    /// True when the rule runs on `path` and no exception for it holds; `open` is from the match.
    pub(crate) fn runs_on(&self, path: &[u8], open: &[usize]) -> bool {
        let allowed = |(at, exception): (usize, &Arc<Exception>)| {
            (!exception.all || open.contains(&at))
                && exception.paths.iter().any(|regex| regex.is_match(path))
        };
        self.path.as_ref().is_none_or(|regex| regex.is_match(path))
            && !self.exceptions.iter().enumerate().any(allowed)
    }
}
