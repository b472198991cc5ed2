//! Which findings are shown: words such as `severity:high rule:slack path:src/** -path:test`.

use globset::{Glob, GlobMatcher};

use crate::finding::{Severity, Status};

/// What is decided about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing: it counts.
    Open,
    /// It is in the baseline, and nobody looked at it there.
    Unreviewed,
    /// It is marked.
    Marked(Status),
}

/// What a filter looks at.
pub(super) struct Facts<'f> {
    pub(super) severity: Severity,
    pub(super) check: &'f str,
    pub(super) path: &'f str,
    pub(super) state: State,
}

/// A filter; the empty one holds for everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    text: String,
    /// Each with whether it must not hold.
    terms: Vec<(bool, Term)>,
}

#[derive(Clone, Debug)]
enum Term {
    Least(Severity),
    Rule(String),
    Path(String),
    Glob(GlobMatcher),
    State(State),
    Word(String),
}

const SEVERITIES: [Severity; 5] =
    [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

const STATES: [(&str, State); 5] = [
    ("open", State::Open),
    ("unreviewed", State::Unreviewed),
    ("false-positive", State::Marked(Status::FalsePositive)),
    ("accepted", State::Marked(Status::Accepted)),
    ("rotated", State::Marked(Status::Rotated)),
];

impl Filter {
    /// Reads `text`.
    ///
    /// # Errors
    /// What is wrong with the first word that means nothing.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let terms = text.split_whitespace().map(|word| match word.strip_prefix('-') {
            Some(rest) if !rest.is_empty() => Ok((true, Term::parse(rest)?)),
            _ => Ok((false, Term::parse(word)?)),
        });
        let terms = terms.collect::<Result<Vec<_>, String>>()?;
        Ok(Self { text: text.trim().to_owned(), terms })
    }

    /// As it was typed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// True when it names states, so that those of the baseline are meant, too.
    pub(super) fn names_states(&self) -> bool {
        self.terms.iter().any(|(_, term)| matches!(term, Term::State(_)))
    }

    /// True when no term with `-` holds, and of the others one of each kind does.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        self.terms.iter().all(|(not, term)| match not {
            true => !term.holds(facts),
            false => {
                let alike = |(not, other): &&(bool, Term)| !not && other.kind() == term.kind();
                let mut alike = self.terms.iter().filter(alike);
                alike.any(|(_, other)| other.holds(facts))
            }
        })
    }
}

impl Term {
    fn parse(word: &str) -> Result<Self, String> {
        let Some((key, value)) = word.split_once(':') else {
            return Ok(Self::Word(word.to_lowercase()));
        };
        match key {
            "severity" => {
                let found = SEVERITIES.iter().find(|severity| severity.name() == value);
                let names = SEVERITIES.map(Severity::name).join(", ");
                found
                    .map(|severity| Self::Least(*severity))
                    .ok_or_else(|| format!("severity: `{value}` is none of {names}"))
            }
            "rule" => Ok(Self::Rule(value.to_lowercase())),
            "path" if value.contains(['*', '?', '[', '{']) => {
                let glob = Glob::new(value).map_err(|error| format!("path: {error}"))?;
                Ok(Self::Glob(glob.compile_matcher()))
            }
            "path" => Ok(Self::Path(value.to_lowercase())),
            "status" => {
                let found = STATES.iter().find(|(name, _)| *name == value);
                let names = STATES.map(|(name, _)| name).join(", ");
                found
                    .map(|(_, state)| Self::State(*state))
                    .ok_or_else(|| format!("status: `{value}` is none of {names}"))
            }
            _ => Err(format!("`{key}:` is none of severity:, rule:, path: and status:")),
        }
    }

    /// Terms of one kind are alternatives; each word counts for itself.
    fn kind(&self) -> (u8, &str) {
        match self {
            Self::Least(_) => (0, ""),
            Self::Rule(_) => (1, ""),
            Self::Path(_) | Self::Glob(_) => (2, ""),
            Self::State(_) => (3, ""),
            Self::Word(word) => (4, word),
        }
    }

    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Least(severity) => facts.severity >= *severity,
            Self::Rule(part) => facts.check.contains(part),
            Self::Path(part) => facts.path.to_lowercase().contains(part),
            Self::Glob(glob) => glob.is_match(facts.path),
            Self::State(state) => facts.state == *state,
            Self::Word(part) => {
                facts.check.contains(part) || facts.path.to_lowercase().contains(part)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let facts = Facts {
            severity: Severity::High,
            check: "slack-bot-token",
            path: "src/Bot/app.py",
            state: State::Marked(Status::Rotated),
        };
        Filter::parse(text).unwrap().holds(&facts)
    }

    #[test]
    fn terms_of_one_kind_are_alternatives_and_kinds_come_together() {
        for text in [
            "",
            "severity:high",
            "severity:low rule:slack",
            "path:bot",
            "path:src/**",
            "rule:none rule:bot",
            "status:open status:rotated",
            "slack bot/",
            "-path:tests -severity:critical",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "severity:critical",
            "rule:slack path:lib",
            "path:*.js",
            "status:open",
            "slack github",
            "-rule:slack",
            "-path:**/*.py",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_means_nothing_is_named() {
        let error = |text: &str| Filter::parse(text).unwrap_err();
        assert_eq!(
            error("a severity:hihg"),
            "severity: `hihg` is none of info, low, medium, high, critical"
        );
        assert!(error("status:done").contains("`done` is none of open, unreviewed"));
        assert!(error("colour:red").starts_with("`colour:` is none of"));
        assert!(error("path:[").starts_with("path: "));
    }
}
