//! Gates that need the path, and the choice of one candidate where several overlap.

use std::cmp::Reverse;

use crate::rule::set::RuleSet;
use crate::scan::{Candidate, exact, generic, pair};

/// Keeps the candidates whose rules run on `path` (`None`: standard input, every rule without a
/// `paths` list runs), and of those that share bytes the most specific one: never a generic one
/// beside another, never one that another is written to replace, then the surest, the most severe,
/// the one that saw the most context, the first rule. Sorted by position.
pub fn resolve(rules: &RuleSet, candidates: &[Candidate], path: Option<&[u8]>) -> Vec<Candidate> {
    if candidates.is_empty() {
        return Vec::new();
    }
    let path = path.unwrap_or_default();
    let kinds = rules.kinds(path);
    let runs = |candidate: &&Candidate| rules.applies(candidate.rule, path, &kinds);
    let is_exact = |c: &&Candidate| rules.get(c.rule).exact().is_some();
    let foreign = candidates.iter().filter(|c| match rules.get(c.rule).exact() {
        Some(exact) => rules.applies(c.rule, path, &kinds) && exact.runs_on(path, &c.open),
        None => false,
    });
    let foreign: Vec<Candidate> = foreign.cloned().collect();
    let own = candidates.iter().filter(|c| !is_exact(c)).filter(runs);
    let file = generic::File::of(path);
    let settled = own.filter_map(|c| settle(rules, c, &file));
    let mut left: Vec<Candidate> = settled.collect();
    left.sort_by_key(|c| c.secret);
    let mut kept: Vec<Candidate> = Vec::new();
    let mut rest = left.into_iter().peekable();
    while let Some(first) = rest.next() {
        // Candidates that hang together: only those can be rivals, and a file may have thousands.
        let mut end = first.secret.end;
        let mut group = vec![first];
        while let Some(next) = rest.next_if(|next| next.secret.start < end) {
            end = end.max(next.secret.end);
            group.push(next);
        }
        best(rules, group, &mut kept);
    }
    kept.sort_by_key(|c| (c.secret, c.rule));
    let mut kept = pair::join(rules, kept);
    if !foreign.is_empty() {
        kept.extend(exact::settle(rules, &foreign));
        kept.sort_by_key(|c| (c.secret, c.rule));
    }
    kept
}

/// Adds to `kept` those of `group` that no better one of it overlaps.
fn best(rules: &RuleSet, mut group: Vec<Candidate>, kept: &mut Vec<Candidate>) {
    let mut lost = group
        .iter()
        .map(|c| group.iter().any(|other| replaces(rules, other, c)))
        .collect::<Vec<bool>>()
        .into_iter();
    group.retain(|_| !lost.next().unwrap_or(false));
    group.sort_by_key(|c| {
        let generic = rules.get(c.rule).rule.generic;
        let sure = (Reverse(c.confidence), Reverse(c.severity), Reverse(c.whole.len()));
        (generic, sure, c.rule, c.secret)
    });
    let before = kept.len();
    for candidate in group {
        if !kept[before..].iter().any(|other| other.secret.overlaps(&candidate.secret)) {
            kept.push(candidate);
        }
    }
}

/// `candidate` with what its `file` says of it, or `None` where that makes a generic one too weak.
pub fn settle(rules: &RuleSet, candidate: &Candidate, file: &generic::File) -> Option<Candidate> {
    match rules.get(candidate.rule).rule.generic {
        true => generic::settle(candidate, file),
        false => Some(candidate.clone()),
    }
}

/// True when the rule of `winner` names that of `loser` in its `over` list and both see the same
/// bytes.
fn replaces(rules: &RuleSet, winner: &Candidate, loser: &Candidate) -> bool {
    let over = &rules.get(winner.rule).rule.over;
    winner.secret.overlaps(&loser.secret)
        && over.iter().any(|id| id == rules.get(loser.rule).rule.id())
}
