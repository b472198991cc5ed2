//! Values that miss the form of a vendor's key by a hair. A rule says what that vendor's keys are made
//! of, so a value under the vendor's name that is one character short was cut, changed or made up; what
//! generic rules say of it counts for nothing then. What differs more may be a form that no rule knows.

use crate::rule::set::{RuleIdx, RuleSet};
use crate::rule::token::Fit;
use crate::scan::generic;
use crate::span::Span;

/// A shorter value may be anything.
const SHORTEST: usize = 8;
/// Bytes before a name in which the vendor may be named.
const BEFORE: usize = 200;
/// Lines before that of the name in which the vendor may be named.
const LINES: usize = 3;
/// Words of names that say a key and nothing of what it is for.
const PLAIN: &[&str] = &[
    "access",
    "account",
    "admin",
    "api",
    "app",
    "application",
    "auth",
    "authorization",
    "client",
    "default",
    "dev",
    "header",
    "id",
    "key",
    "keys",
    "live",
    "my",
    "personal",
    "private",
    "prod",
    "production",
    "rest",
    "secret",
    "server",
    "service",
    "test",
    "the",
    "token",
    "tokens",
    "user",
    "value",
    "x",
];

/// True where `secret`, which a generic rule found in the match at `whole`, misses the form of a key
/// of the vendor that its name or the text before it names.
pub(super) fn misses(rules: &RuleSet, bytes: &[u8], whole: Span, secret: Span) -> bool {
    let value = secret.slice(bytes);
    let left = &bytes[whole.start..secret.start];
    let in_name = |b: &&u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
    let name = &left[..left.iter().take_while(in_name).count()];
    let mut fits = Vec::new();
    if value.len() < SHORTEST || name.is_empty() || name.eq_ignore_ascii_case(b"bearer") {
        return false;
    }
    let mut vendors = named(rules, name);
    if vendors.is_empty() && is_plain(name) {
        vendors = in_text(rules, bytes, whole.start);
    }
    for rule in vendors {
        fits.extend(rules.get(rule).tokens().iter().map(|token| token.fit(value)));
    }
    fits.contains(&Fit::Near) && !fits.contains(&Fit::Whole)
}

/// The rules of the vendors that `name` is of: what else it says is a key.
fn named(rules: &RuleSet, name: &[u8]) -> Vec<RuleIdx> {
    let mut found = Vec::new();
    rules.find_keywords(name, |word, at| {
        let rest = [&name[..at.start], b"_", &name[at.end..]].concat();
        if begins(name, at.start) && !is_plain(at.slice(name)) && is_plain(&rest) {
            found.extend(of_vendors(rules, word));
        }
    });
    found
}

/// The rules of vendors that the lines before `end` name.
fn in_text(rules: &RuleSet, bytes: &[u8], end: usize) -> Vec<RuleIdx> {
    let from = end.saturating_sub(BEFORE);
    let lines = memchr::memrchr_iter(b'\n', &bytes[from..end]).nth(LINES);
    let text = &bytes[lines.map_or(from, |at| from + at + 1)..end];
    let mut found = Vec::new();
    rules.find_keywords(text, |word, at| {
        if begins(text, at.start) && !is_plain(at.slice(text)) {
            found.extend(of_vendors(rules, word));
        }
    });
    found
}

/// The rules of a keyword that find keys of one vendor.
fn of_vendors(rules: &RuleSet, word: usize) -> impl Iterator<Item = RuleIdx> {
    rules.of_keyword(word).iter().copied().filter(|&rule| !rules.get(rule).rule.generic)
}

/// True where a word begins at `at`.
fn begins(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| text[before]) else { return true };
    !before.is_ascii_alphanumeric() || before.is_ascii_lowercase() && text[at].is_ascii_uppercase()
}

/// True where all words of `name` say a key, also where they are written together.
fn is_plain(name: &[u8]) -> bool {
    generic::name_words(name).iter().all(|word| is_made_of_plain(word))
}

fn is_made_of_plain(word: &str) -> bool {
    word.is_empty()
        || PLAIN.iter().any(|start| word.strip_prefix(start).is_some_and(is_made_of_plain))
}
