//! A pattern, compiled. A long upper bound, as in `[a-z]{20,8000}`, would make automata of as many states, megabytes
//! that take milliseconds to build. So none is in what is compiled, and how long a match is decides instead whether
//! it is one.

use regex_automata::meta::{Config, Regex};
use regex_syntax::hir::Hir;

use crate::rule::pattern::{endless, parser};

/// Bytes that a thread may keep for what one regex has learned of texts; `scan::learned` bounds the sum. A
/// quarter of this makes a history take half as long again.
pub(super) const DFA_CACHE: usize = 256 << 10;

/// What finds the matches of a rule.
pub(super) struct Matcher {
    pub(super) regex: Regex,
    /// Bytes of the longest match that the pattern allows; longer ones are none.
    pub(super) longest: usize,
}

impl Matcher {
    /// That of `pattern`, with its long upper bounds where it is `exact`.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub(super) fn of(pattern: &str, exact: bool) -> Result<Self, String> {
        let tree = parser().parse(pattern).map_err(|error| error.to_string())?;
        let longest = tree.properties().maximum_len().unwrap_or(usize::MAX);
        let tree = if exact { tree } else { endless(&tree) };
        Ok(Self { regex: build(&tree)?, longest })
    }
}

/// Compiles a pattern as it stands, with byte semantics: no Unicode classes, invalid UTF-8 may match.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    Matcher::of(pattern, true).map(|matcher| matcher.regex)
}

/// Compiles several patterns as one, which is a match where one of them is: half the time that each by itself takes.
///
/// # Errors
/// What is wrong with the first pattern that is none.
pub(crate) fn any_of<'p>(patterns: impl Iterator<Item = &'p str>) -> Result<Regex, String> {
    let parse = |pattern| parser().parse(pattern).map_err(|error| error.to_string());
    build(&Hir::alternation(patterns.map(parse).collect::<Result<_, _>>()?))
}

fn build(tree: &Hir) -> Result<Regex, String> {
    let config = Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(32 << 20))
        .hybrid_cache_capacity(DFA_CACHE)
        // Matches whose groups are asked for are few, and most patterns are compiled for a few hits.
        .onepass(false);
    Regex::builder().configure(config).build_from_hir(tree).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_one() {
        let regex = any_of(["^a$", "(?ix) B  # the last letter", "c+"].into_iter()).unwrap();
        assert!(regex.is_match("a") && regex.is_match("xb") && regex.is_match("xcc"));
        assert!(!regex.is_match("xa") && !any_of(std::iter::empty()).unwrap().is_match("a"));
        assert!(any_of(["a", "("].into_iter()).is_err());
    }

    #[test]
    fn only_long_bounds_are_left_out() {
        let matcher = Matcher::of("(?:a{2,999}|b{2,5000}?c)(d{1,1000})", false).unwrap();
        assert_eq!(matcher.longest, 6001);
        let len = |text: String| matcher.regex.find(&text).map(|found| found.len());
        assert_eq!(len(format!("{}d", "a".repeat(1200))), Some(1000));
        assert_eq!(len(format!("{}cd", "b".repeat(6000))), Some(6002));
        assert_eq!(len(format!("aa{}", "d".repeat(3000))), Some(3002));
        assert_eq!(len("ad".to_owned()), None);
        let exact = Matcher::of("b{2,5000}", true).unwrap();
        assert_eq!(exact.regex.find(&"b".repeat(6000)).map(|found| found.len()), Some(5000));
        // What it is for.
        let heavy = Matcher::of("b{2,5000}", false).unwrap().regex.memory_usage();
        assert!(heavy * 20 < exact.regex.memory_usage(), "{heavy}");
    }
}
