//! keylint's search for keywords, the very file, since the crate does not offer it; and the keywords.

use std::collections::BTreeSet;

pub use keylint::rule::RuleError;
use keylint::rule::set::RuleSet;
use keylint::span::Span;
use serde::de::DeserializeOwned;

#[path = "../../../src/rule/keywords.rs"]
#[allow(dead_code, reason = "keylint uses more of it")]
mod keywords;

/// The one data file that the search reads.
fn data<T: DeserializeOwned>(name: &str) -> Result<T, RuleError> {
    toml::from_str(include_str!("../../../rules/frequent.toml"))
        .map_err(|error| RuleError::Syntax { file: name.to_owned(), message: error.to_string() })
}

/// keylint's table.
pub struct Table(keywords::Keywords);

impl Table {
    pub fn new(words: &[Vec<u8>]) -> Result<Self, RuleError> {
        keywords::Keywords::new(words.to_vec()).map(Self)
    }

    /// Calls `hit` with the number of a word and its end.
    pub fn find(&self, text: &[u8], mut hit: impl FnMut(usize, usize)) {
        let all = Span::new(0, text.len());
        self.0.find(text, all, |word, place| hit(word, place.end));
    }
}

/// The keywords of all rules and the signs of encodings, in lower case, each once.
pub fn words() -> anyhow::Result<Vec<Vec<u8>>> {
    let rules = RuleSet::builtin()?;
    let of_rules = rules.rules().iter().flat_map(|rule| &rule.rule.keywords);
    let mut words: BTreeSet<Vec<u8>> = of_rules.map(|word| word.clone().into_bytes()).collect();
    words.extend(keylint::rule::trigger::keywords()?.into_iter().map(|keyword| keyword.text));
    let lower: BTreeSet<Vec<u8>> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    Ok(lower.into_iter().collect())
}

/// The patterns of all rules.
pub fn patterns() -> anyhow::Result<Vec<String>> {
    let rules = RuleSet::builtin()?;
    let own = rules.rules().iter().filter(|rule| rule.rule.provider.is_none());
    Ok(own.map(|rule| rule.pattern().to_owned()).filter(|pattern| !pattern.is_empty()).collect())
}
