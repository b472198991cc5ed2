//! Hides found values wherever else they stand: in a file's name, a commit's subject, a message.
//!
//! Excerpts and values are redacted when a finding is made; this is for text that comes from
//! elsewhere and may hold the same value.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::finding::{Finding, Report};
use crate::secret::{Secret, redact};

/// Shorter values are often words of their own.
const SHORTEST: usize = 8;
/// A longer value stands in no name and no subject.
const LONGEST: usize = 512;

/// All values of a report.
pub(super) struct Veil {
    finder: Option<AhoCorasick>,
}

impl Veil {
    /// The values of `report`; with `show` nothing is hidden.
    pub(super) fn new(report: &Report, show: bool) -> Self {
        let allowed = report.suppressed.iter().map(|(finding, _)| finding);
        let all = report.findings.iter().chain(allowed).filter(|_| !show);
        let values: BTreeSet<&[u8]> = all.flat_map(values).filter(|value| telling(value)).collect();
        let build = || AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&values);
        // So many values that they fit into no table do not stand in names.
        Self { finder: if values.is_empty() { None } else { build().ok() } }
    }

    /// `text` with each value in it redacted.
    pub(super) fn over<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(finder) = self.finder.as_ref().filter(|finder| finder.is_match(text)) else {
            return Cow::Borrowed(text);
        };
        let mut hidden = String::new();
        finder.replace_all_with(text, &mut hidden, |_, value, into| {
            into.push_str(&redact(value.as_bytes()));
            true
        });
        Cow::Owned(hidden)
    }
}

#[expect(clippy::disallowed_methods, reason = "the value is looked for to hide it")]
fn values(finding: &Finding) -> impl Iterator<Item = &[u8]> {
    let parts = finding.parts.iter().map(|part| &part.secret);
    std::iter::once(&finding.secret).chain(parts).map(Secret::expose)
}

/// True for what is no word: `postgres` may be a password, and is a folder, too.
fn telling(value: &[u8]) -> bool {
    let has = |wanted: fn(&u8) -> bool| value.iter().any(wanted);
    (SHORTEST..=LONGEST).contains(&value.len())
        && std::str::from_utf8(value).is_ok()
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
}
