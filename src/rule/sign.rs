//! What the rules of a keyword want to stand around it.

use crate::rule::Follow;
use crate::rule::pattern::{Anatomy, Lead, Start};
use crate::rule::set::Compiled;
use crate::span::Span;

/// What one rule wants to stand right behind a keyword of it.
pub(crate) struct Sign {
    /// How matches begin.
    pub(crate) lead: Lead,
    /// So many of the first bytes are as they begin wherever the keyword stands.
    pub(crate) sure: usize,
    /// What follows the keyword.
    pub(crate) follow: Option<Follow>,
}

impl Sign {
    /// That of `compiled` for `keyword`, one of its keywords.
    pub(super) fn of(compiled: &Compiled, keyword: &[u8]) -> Self {
        let nth = compiled.rule.keywords().iter().position(|word| word.as_bytes() == keyword);
        let nth = nth.filter(|_| compiled.exact().is_none());
        let lead = nth.map(|nth| compiled.anatomy().lead(nth)).unwrap_or_default();
        Self { sure: lead.sure(keyword), lead, follow: compiled.rule.follow() }
    }
}

impl Anatomy {
    /// The stretch of `bytes` in which a match is looked for at first that has its keyword at `at`.
    pub(crate) fn window(&self, bytes: &[u8], at: usize) -> Span {
        let (start, end) = match self.start {
            Start::Near(before) => (at.saturating_sub(before), at.saturating_add(self.reach)),
            Start::At | Start::Run(..) => {
                (self.start.of(bytes, at), at.saturating_add(self.around()))
            }
        };
        Span::new(start, end.min(bytes.len()))
    }
}
