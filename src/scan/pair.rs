//! Credentials of two parts: joins an id and a secret that stand close to each other.

use crate::finding::Confidence;
use crate::rule::set::RuleSet;
use crate::scan::{Candidate, Joined};
use crate::span::Span;

/// Bytes between the two.
fn distance(a: Span, b: Span) -> usize {
    b.start.saturating_sub(a.end).max(a.start.saturating_sub(b.end))
}

/// Joins each candidate whose rule names a partner with the nearest one in reach, which is then no
/// candidate of its own. A pair is surer than its halves. Half a credential that is nothing alone
/// is dropped.
pub(super) fn join(rules: &RuleSet, mut kept: Vec<Candidate>) -> Vec<Candidate> {
    let mut taken = vec![false; kept.len()];
    for at in 0..kept.len() {
        let Some(pair) = &rules.get(kept[at].rule).rule.pair else { continue };
        let near = |other: usize| distance(kept[at].secret, kept[other].secret);
        // They are sorted by position, and their secrets lie apart: none in reach is behind one that
        // is not.
        let back = (0..at).rev().take_while(|&other| near(other) <= pair.within);
        let forth = (at + 1..kept.len()).take_while(|&other| near(other) <= pair.within);
        let partner = back
            .chain(forth)
            .filter(|&other| !taken[other])
            .filter(|&other| rules.get(kept[other].rule).rule.id() == pair.with)
            .min_by_key(|&other| (near(other), other));
        if let Some(other) = partner {
            taken[other] = true;
            let part = Joined {
                name: pair.name.clone(),
                rule: kept[other].rule,
                span: kept[other].secret,
                decoded: kept[other].decoded.clone(),
            };
            kept[at].confidence = Confidence::High;
            kept[at].joined.push(part);
        }
    }
    let mut at = 0;
    kept.retain(|candidate| {
        let alone = rules.get(candidate.rule).rule.pair.as_ref().is_none_or(|pair| !pair.required);
        let keep = !taken[at] && (alone || !candidate.joined.is_empty());
        at += 1;
        keep
    });
    kept
}
