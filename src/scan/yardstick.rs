//! Scans without shortcuts, for the tests and for the authors of rules.

use regex_automata::{Anchored, Input};

use crate::rule::set::RuleIdx;
use crate::scan::search::group_span;
use crate::scan::{Candidate, Scanner};
use crate::span::Span;

impl Scanner<'_> {
    /// What [`Scanner::scan`] would find without the keyword prefilter: every rule on every byte.
    /// Slow; the yardstick of the tests.
    pub fn scan_all(&mut self, bytes: &[u8]) -> Vec<Candidate> {
        let mut found = Vec::new();
        for (rule, compiled) in (0..).zip(self.engine.rules.rules()) {
            if compiled.rule.provider.is_some() || compiled.exact().is_some() {
                continue;
            }
            self.search(rule, bytes, (Span::new(0, bytes.len()), Anchored::No), &mut found);
        }
        found
    }

    /// One line that says how far `rule` came in `bytes`, for the authors of rules.
    pub fn explain(&mut self, bytes: &[u8], rule: RuleIdx) -> String {
        let compiled = self.engine.rules.get(rule);
        let rules = &self.engine.rules;
        let mut keyword = false;
        rules.find_keywords(bytes, |word, _| keyword |= rules.of_keyword(word).contains(&rule));
        if compiled.rule.provider.is_some() {
            return "the evidence for this provider is not enough".to_owned();
        }
        if !keyword && !compiled.rule.keywords.is_empty() {
            return "none of the keywords is in it".to_owned();
        }
        let mut captures = compiled.regex().create_captures();
        compiled.regex().search_captures(&Input::new(bytes), &mut captures);
        let Some(found) = captures.get_match() else {
            return "the pattern does not match".to_owned();
        };
        let whole = Span::new(found.start(), found.end());
        if whole.len() > compiled.longest() {
            return "the match is longer than the pattern allows".to_owned();
        }
        let secret = group_span(&captures, compiled.rule.secret_group, whole);
        let near = self.engine.rules.get(rule).around(whole, bytes.len());
        match self.judge(rule, (near.slice(bytes), near.start), whole, secret) {
            Ok(_) => "the match starts too far before its keyword".to_owned(),
            Err(rejection) => format!("the match is refused: {why}", why = rejection.name()),
        }
    }
}
