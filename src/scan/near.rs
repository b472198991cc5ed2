//! Values that miss the form of a vendor's key by a hair. A rule says what that vendor's keys are made
//! of, so a value under the vendor's name that is one character short was cut, changed or made up; what
//! generic rules say of it counts for nothing then. What differs more may be a form that no rule knows.

use serde::Deserialize;

use crate::rule::set::{RuleIdx, RuleSet};
use crate::rule::token::{Fit, Token};
use crate::rule::{RuleError, data};
use crate::scan::generic;
use crate::span::Span;

/// A shorter value may be anything.
const SHORTEST: usize = 8;
/// Least length of a value that a vendor's name makes a key of it.
const SHORTEST_KEY: usize = 16;
/// Bytes before a name in which the vendor may be named.
const BEFORE: usize = 200;
/// Lines before that of the name in which the vendor may be named.
const LINES: usize = 3;

/// `rules/near.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Near {
    plain: Vec<String>,
}

impl Near {
    /// Reads the shipped list.
    ///
    /// # Errors
    /// [`RuleError::Syntax`] when the data file is broken; a test holds that it is not.
    pub(super) fn load() -> Result<Self, RuleError> {
        data("near.toml")
    }

    /// True where `secret`, which a generic rule found in the match at `whole`, misses the form of a
    /// key of the vendor that its name or the text before it names.
    pub(super) fn misses(&self, rules: &RuleSet, bytes: &[u8], whole: Span, secret: Span) -> bool {
        let value = secret.slice(bytes);
        let left = &bytes[whole.start..secret.start];
        let (name, _) = generic::split_name(left);
        if value.len() < SHORTEST || name.is_empty() || name.eq_ignore_ascii_case(b"bearer") {
            return false;
        }
        let mut vendors = self.spoken(rules, bytes, whole.start, name);
        let own = !vendors.is_empty();
        if !own && self.is_plain(name) {
            vendors = self.in_text(rules, bytes, whole.start);
        }
        let tokens: Vec<&Token> =
            vendors.into_iter().flat_map(|rule| rules.get(rule).tokens()).collect();
        let fits: Vec<Fit> = tokens.iter().map(|token| token.fit(value)).collect();
        let near = fits.contains(&Fit::Near) && !fits.contains(&Fit::Whole);
        // Whatever else the vendor issues, it is hardly made of other signs.
        near || own
            && !left.windows(3).any(|three| three == b"://")
            && !tokens.is_empty()
            && tokens.iter().all(|token| token.lacks(value))
    }

    /// The rules of the vendors that `name`, at `start`, is of, or with it the word before it.
    fn spoken(&self, rules: &RuleSet, bytes: &[u8], start: usize, name: &[u8]) -> Vec<RuleIdx> {
        let vendors = self.named(rules, name);
        let before = bytes[..start].strip_suffix(b" ").unwrap_or_default();
        let letters = before.iter().rev().take(BEFORE).take_while(|b| b.is_ascii_alphanumeric());
        let word = &before[before.len() - letters.count()..];
        match vendors.is_empty() && !word.is_empty() && self.is_plain(name) {
            true => self.named(rules, &[word, b"_", name].concat()),
            false => vendors,
        }
    }

    /// The rules of the vendors that `name` is of: what else it says is a key.
    fn named(&self, rules: &RuleSet, name: &[u8]) -> Vec<RuleIdx> {
        let mut found = Vec::new();
        rules.find_keywords(name, |word, at| {
            if !begins(name, at.start) || self.is_plain(at.slice(name)) {
                return;
            }
            let of_it = |rule: &RuleIdx| {
                let end = spelled(&rules.get(*rule).vendor.name, &name[at.start..]);
                let end = at.end.max(at.start + end);
                self.is_plain(&[&name[..at.start], b"_", &name[end..]].concat())
            };
            found.extend(of_vendors(rules, word).filter(of_it));
        });
        found
    }

    /// True where the name of a value, in the match at `whole`, says that `secret` is a key of some
    /// vendor: `acme_key = …`, `acme key …`.
    pub(super) fn names_vendor(
        &self,
        rules: &RuleSet,
        bytes: &[u8],
        whole: Span,
        secret: Span,
    ) -> bool {
        let value = secret.slice(bytes);
        let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
        let (name, _) = generic::split_name(&bytes[whole.start..secret.start]);
        if value.len() < SHORTEST_KEY || digits < 3 || name.is_empty() {
            return false;
        }
        !self.spoken(rules, bytes, whole.start, name).is_empty()
    }

    /// The rules of vendors that the lines before `end` name.
    fn in_text(&self, rules: &RuleSet, bytes: &[u8], end: usize) -> Vec<RuleIdx> {
        let from = end.saturating_sub(BEFORE);
        let lines = memchr::memrchr_iter(b'\n', &bytes[from..end]).nth(LINES);
        let text = &bytes[lines.map_or(from, |at| from + at + 1)..end];
        let mut found = Vec::new();
        rules.find_keywords(text, |word, at| {
            if begins(text, at.start) && !self.is_plain(at.slice(text)) {
                found.extend(of_vendors(rules, word));
            }
        });
        found
    }

    /// True where all words of `name` say a key, also where they are written together.
    fn is_plain(&self, name: &[u8]) -> bool {
        generic::name_words(name).iter().all(|word| self.is_made_of_plain(word))
    }

    fn is_made_of_plain(&self, word: &str) -> bool {
        let rest = |start: &String| word.strip_prefix(start.as_str());
        let mut rests = self.plain.iter().filter_map(rest);
        word.is_empty() || rests.any(|rest| self.is_made_of_plain(rest))
    }
}

/// The rules of a keyword that find keys of one vendor.
fn of_vendors(rules: &RuleSet, word: usize) -> impl Iterator<Item = RuleIdx> {
    rules.of_keyword(word).iter().copied().filter(|&rule| !rules.get(rule).rule.generic)
}

/// How many bytes of `text` spell the first word of `vendor` in any case; 0 where they do not.
fn spelled(vendor: &str, text: &[u8]) -> usize {
    let word = vendor.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let head = text.get(..word.len()).unwrap_or_default();
    if head.eq_ignore_ascii_case(word.as_bytes()) { word.len() } else { 0 }
}

/// True where a word begins at `at`.
fn begins(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| text[before]) else { return true };
    !before.is_ascii_alphanumeric() || before.is_ascii_lowercase() && text[at].is_ascii_uppercase()
}
