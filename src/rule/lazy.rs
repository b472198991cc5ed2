//! The shipped rules as the program starts with them: of each the id and the keywords. All else is read when
//! it is first asked for, since a hook starts on every commit and most starts ask for next to none.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;

use crate::rule::pattern::{Anatomy, ByteSet, Programs, read, read_programs, read_sets};
use crate::rule::{Follow, Rule, Vendor};

/// What the build made of `rules/`; `build.rs` says how.
static SHIPPED: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.txt"));
static PROGRAMS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/programs.bin"));

/// Something that is read from its JSON text when it is first looked at.
pub struct Lazy<T> {
    text: &'static str,
    full: OnceLock<Box<T>>,
}

/// A rule of which id and keywords are known at once.
pub struct Entry {
    id: Cow<'static, str>,
    keywords: Vec<Cow<'static, str>>,
    claims: Option<Cow<'static, str>>,
    names_only: bool,
    follow: Option<Follow>,
    facts: &'static str,
    programs: &'static str,
    rule: Lazy<Rule>,
}

/// A shipped rule file.
pub(super) struct Shipped {
    /// Its name, such as `acme.toml`.
    pub(super) name: &'static str,
    /// Who issues its secrets.
    pub(super) vendor: Lazy<Vendor>,
    /// Its rules.
    pub(super) rules: Vec<Entry>,
}

/// The shipped rule files, sorted by name.
pub(super) fn shipped() -> Vec<Shipped> {
    let mut files: Vec<Shipped> = Vec::new();
    for line in SHIPPED.lines().skip(1) {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let (first, second, follow) = (next(), next(), next());
        let (facts, programs, text) = (next(), next(), next());
        match files.last_mut().filter(|_| !text.is_empty()) {
            Some(file) => file.rules.push(Entry {
                id: Cow::Borrowed(first),
                keywords: columns.map(Cow::Borrowed).collect(),
                claims: (!second.is_empty()).then_some(Cow::Borrowed(second)),
                names_only: false,
                follow: Follow::named(follow),
                facts,
                programs,
                rule: Lazy::of(text),
            }),
            None => {
                files.push(Shipped { name: first, vendor: Lazy::of(second), rules: Vec::new() });
            }
        }
    }
    files
}

/// The sets of bytes that facts and programs name.
fn sets() -> &'static [ByteSet] {
    static SETS: OnceLock<Vec<ByteSet>> = OnceLock::new();
    let sets = || read_sets(SHIPPED.lines().next()?);
    SETS.get_or_init(|| sets().unwrap_or_default())
}

impl<T> Lazy<T> {
    fn of(text: &'static str) -> Self {
        Self { text, full: OnceLock::new() }
    }
}

impl<T> From<T> for Lazy<T> {
    fn from(full: T) -> Self {
        Self { text: "", full: OnceLock::from(Box::new(full)) }
    }
}

impl<T: DeserializeOwned> Deref for Lazy<T> {
    type Target = T;

    /// # Panics
    /// Never: a test reads all that ships.
    fn deref(&self) -> &T {
        self.full.get_or_init(|| match serde_json::from_str(self.text) {
            Ok(full) => full,
            Err(error) => panic!("the shipped rules: {error}: {text}", text = self.text),
        })
    }
}

impl Entry {
    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The keywords.
    pub(super) fn keywords(&self) -> &[Cow<'static, str>] {
        &self.keywords
    }

    /// Id of the rule whose matches it claims.
    pub(super) fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }

    /// What the build has read from its pattern; `None` for a rule that does not ship.
    pub(super) fn facts(&self) -> Option<Anatomy> {
        read(self.facts, sets())
    }

    /// The programs of its pattern; none for a rule that does not ship.
    pub(crate) fn programs(&self) -> Programs {
        read_programs(self.programs, PROGRAMS, sets()).unwrap_or_default()
    }

    /// What its keywords are followed by where it can match.
    pub(crate) fn follow(&self) -> Option<Follow> {
        self.follow
    }

    /// True for a rule that finds files by their name.
    pub(super) fn is_names_only(&self) -> bool {
        self.names_only
    }
}

impl From<Rule> for Entry {
    fn from(rule: Rule) -> Self {
        Self {
            id: Cow::Owned(rule.id.clone()),
            keywords: rule.keywords.iter().cloned().map(Cow::Owned).collect(),
            claims: rule.provider.as_ref().map(|provider| Cow::Owned(provider.claims.clone())),
            names_only: rule.is_names_only(),
            follow: rule.follow,
            facts: "",
            programs: "",
            rule: rule.into(),
        }
    }
}

impl Deref for Entry {
    type Target = Rule;

    fn deref(&self) -> &Rule {
        &self.rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::set::RuleSet;

    #[test]
    fn what_the_build_has_read_is_what_the_patterns_say() {
        for compiled in RuleSet::builtin().unwrap().rules() {
            let (id, rule) = (compiled.rule.id(), &compiled.rule);
            let facts = Anatomy::of(compiled.pattern(), &rule.rule.keywords, rule.reach);
            assert!(rule.facts().is_some_and(|own| own == facts), "{id}");
            let full = Entry::from(Rule::clone(rule));
            assert_eq!((full.id(), full.keywords()), (id, rule.keywords()));
            assert_eq!((full.claims(), full.is_names_only()), (rule.claims(), false), "{id}");
            assert_eq!(full.follow(), rule.follow(), "{id}");
            assert!(!compiled.vendor.name.is_empty(), "{id}");
        }
    }
}
