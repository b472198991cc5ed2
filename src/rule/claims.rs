//! The rules that claim keys of a shared form, and one automaton over all words that name their
//! providers.

use aho_corasick::{AhoCorasick, MatchKind};
use regex_automata::meta::Regex;

use crate::rule::matcher::compile;
use crate::rule::set::{Compiled, RuleIdx};
use crate::rule::{Provider, RuleError};

/// What a word near a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sign {
    /// Part of a variable, field or file name.
    Name,
    /// An API host.
    Host,
    /// A model id.
    Model,
    /// An SDK import.
    Import,
}

/// One rule that claims.
pub(crate) struct Claim {
    /// The rule.
    pub(crate) rule: RuleIdx,
    /// Features of the key, with their weight and text.
    pub(crate) marks: Vec<(Regex, bool, i32, String)>,
}

/// All claims on the matches of one rule.
pub(crate) struct Claims {
    /// The rules that claim.
    pub(crate) all: Vec<Claim>,
    /// The shape that an unclaimed match must have.
    pub(crate) alone: Option<Regex>,
    words: AhoCorasick,
    of_word: Vec<(usize, Sign)>,
}

impl Claims {
    /// Compiles the claims on `base`.
    ///
    /// # Errors
    /// [`RuleError::Compile`] for a mark that is no regex.
    pub(crate) fn new(base: &Compiled, rules: &[Compiled]) -> Result<Self, RuleError> {
        let mut all = Vec::new();
        let (mut words, mut of_word) = (Vec::new(), Vec::new());
        for (index, compiled) in (0..).zip(rules) {
            if compiled.rule.claims() != Some(base.rule.id()) {
                continue;
            }
            let Some(provider) = &compiled.rule.provider else { continue };
            for (sign, text) in signs(provider) {
                of_word.push((all.len(), sign));
                words.push(text.as_str());
            }
            let marks = provider.marks.iter().map(|mark| {
                compile(&mark.pattern)
                    .map(|regex| (regex, mark.absent, mark.weight, mark.what.clone()))
            });
            let marks = marks.collect::<Result<_, _>>().map_err(RuleError::Compile)?;
            all.push(Claim { rule: index, marks });
        }
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&words)
            .map_err(|error| RuleError::Compile(error.to_string()))?;
        let alone = base.rule.alone.as_deref().map(compile).transpose();
        Ok(Self { all, alone: alone.map_err(RuleError::Compile)?, words, of_word })
    }

    /// All words in `text`: which claim, what kind, and where.
    pub(crate) fn signs_in<'t>(
        &'t self,
        text: &'t [u8],
    ) -> impl Iterator<Item = (usize, Sign, std::ops::Range<usize>)> + 't {
        self.words.find_overlapping_iter(text).map(|hit| {
            let (claim, sign) = self.of_word[hit.pattern().as_usize()];
            (claim, sign, hit.range())
        })
    }
}

fn signs(provider: &Provider) -> impl Iterator<Item = (Sign, &String)> {
    let names = provider.names.iter().map(|word| (Sign::Name, word));
    let hosts = provider.hosts.iter().map(|word| (Sign::Host, word));
    let models = provider.models.iter().map(|word| (Sign::Model, word));
    let imports = provider.imports.iter().map(|word| (Sign::Import, word));
    names.chain(hosts).chain(models).chain(imports)
}
