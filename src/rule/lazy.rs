//! The shipped rules as the program starts with them: of each the id and the keywords. All else is read when
//! it is first asked for, since a hook starts on every commit and most starts ask for next to none.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;

use crate::rule::{Rule, Vendor};

/// What the build made of `rules/`; `build.rs` says how.
static SHIPPED: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.txt"));

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
    for line in SHIPPED.lines() {
        let mut columns = line.split('\t');
        let (first, second) =
            (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        match (columns.next(), files.last_mut()) {
            (Some(text), Some(file)) => file.rules.push(Entry {
                id: Cow::Borrowed(first),
                keywords: columns.map(Cow::Borrowed).collect(),
                claims: (!second.is_empty()).then_some(Cow::Borrowed(second)),
                names_only: false,
                rule: Lazy::of(text),
            }),
            _ => files.push(Shipped { name: first, vendor: Lazy::of(second), rules: Vec::new() }),
        }
    }
    files
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
