//! The automaton over all keywords, in two forms: one that is built at once and small, and one that
//! is fast. A hook that looks at three files never pays for the second.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::rule::RuleError;

/// Bytes after which the fast form has paid for itself: it takes some 20 ms to build and saves
/// about 2 ms a megabyte.
const WORTH: usize = 8 << 20;

/// The keywords.
pub(super) struct Keywords {
    patterns: Vec<Vec<u8>>,
    small: AhoCorasick,
    fast: OnceLock<Option<AhoCorasick>>,
    seen: AtomicUsize,
}

impl Keywords {
    /// Builds the small form.
    ///
    /// # Errors
    /// [`RuleError::Compile`] when there are too many patterns.
    pub(super) fn new(patterns: Vec<Vec<u8>>) -> Result<Self, RuleError> {
        let small = build(&patterns, AhoCorasickKind::ContiguousNFA)
            .map_err(|error| RuleError::Compile(error.to_string()))?;
        Ok(Self { patterns, small, fast: OnceLock::new(), seen: AtomicUsize::new(0) })
    }

    /// The form for the next `len` bytes. Both find the same.
    pub(super) fn automaton(&self, len: usize) -> &AhoCorasick {
        if self.fast.get().is_none() && self.seen.fetch_add(len, Ordering::Relaxed) + len < WORTH {
            return &self.small;
        }
        let fast = self.fast.get_or_init(|| build(&self.patterns, AhoCorasickKind::DFA).ok());
        fast.as_ref().unwrap_or(&self.small)
    }
}

fn build(
    patterns: &[Vec<u8>],
    kind: AhoCorasickKind,
) -> Result<AhoCorasick, aho_corasick::BuildError> {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(kind))
        .build(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_find_the_same() {
        let words = ["sk-", "token", "api_key", "ken_"].map(|word| word.as_bytes().to_vec());
        let keywords = Keywords::new(words.to_vec()).unwrap();
        let text = b"API_KEY, Token_ and sk-or";
        let hits = |automaton: &AhoCorasick| {
            let mut hits: Vec<_> = automaton
                .find_overlapping_iter(text)
                .map(|hit| (hit.start(), hit.pattern()))
                .collect();
            hits.sort();
            hits
        };
        let small = hits(keywords.automaton(text.len()));
        let fast = hits(keywords.automaton(WORTH));
        assert_eq!(small.len(), 4);
        assert_eq!(small, fast);
    }
}
