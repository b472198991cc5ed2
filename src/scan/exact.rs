//! Exact rules: the pattern over the whole of the text, and what their candidates need of each
//! other.

use std::collections::BTreeMap;

use crate::rule::exact::{Exact, Require, Verdict};
use crate::rule::set::{RuleIdx, RuleSet};
use crate::scan::Candidate;
use crate::span::Span;

/// Candidates of an exact rule in `bytes`.
pub(super) fn run(rules: &RuleSet, rule: RuleIdx, bytes: &[u8], found: &mut Vec<Candidate>) {
    let compiled = rules.get(rule);
    let Some(exact) = compiled.exact() else { return };
    let (mut line, mut line_start, mut line_end, mut counted) = (1, 0, 0, 0);
    for hit in compiled.regex().find_iter(bytes) {
        let text = &bytes[hit.range()];
        let lead = text.iter().take_while(|b| **b == b'\n').count();
        let tail = text[lead..].iter().rev().take_while(|b| **b == b'\n').count();
        let whole = Span::new(hit.start() + lead, hit.end() - tail);
        let secret = secret(compiled, whole, bytes);
        for newline in memchr::memchr_iter(b'\n', &bytes[counted..whole.start]) {
            (line, line_start) = (line + 1, counted + newline + 1);
        }
        counted = whole.start;
        let value = secret.slice(bytes);
        if compiled.rule.entropy.is_some_and(|least| entropy(value) <= f64::from(least)) {
            continue;
        }
        // A line may be long and hold many matches: its end is looked for once.
        if line_end < whole.end {
            let rest = memchr::memchr(b'\n', &bytes[whole.end..]);
            line_end = rest.map_or(bytes.len(), |n| whole.end + n);
        }
        let open = match exact.judge(value, whole.slice(bytes), &bytes[line_start..line_end]) {
            Verdict::Allowed => continue,
            Verdict::Open(open) => open,
        };
        let place = (line, whole.start - line_start);
        found.push(Candidate { open, place, ..Candidate::new(compiled, rule, whole, secret) });
    }
}

/// The group of the rule, else the first that is not empty, else all; looked for in the match alone.
fn secret(compiled: &crate::rule::set::Compiled, whole: Span, bytes: &[u8]) -> Span {
    let regex = compiled.regex();
    let mut captures = regex.create_captures();
    regex.captures(whole.slice(bytes), &mut captures);
    let shift = |g: regex_automata::Span| Span::new(whole.start + g.start, whole.start + g.end);
    let group = match compiled.rule.secret_group {
        Some(group) if group > 0 => captures.get_group(group),
        _ => (1..captures.group_len())
            .filter_map(|group| captures.get_group(group))
            .find(|group| !group.is_empty()),
    };
    group.map_or(whole, shift)
}

/// Shannon entropy as gitleaks counts it: of characters, over the length in bytes.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = BTreeMap::new();
    for c in String::from_utf8_lossy(value).chars() {
        *counts.entry(c).or_insert(0_u32) += 1;
    }
    let part = |count: &u32| {
        let share = f64::from(*count) / value.len() as f64;
        -share * share.log2()
    };
    counts.values().map(part).sum()
}

/// Keeps those of `all`, exact candidates of one path, that find what they require and give way to
/// nobody.
pub(super) fn settle(rules: &RuleSet, all: &[Candidate]) -> Vec<Candidate> {
    let complete: Vec<(&Candidate, &Exact)> = all
        .iter()
        .filter_map(|c| Some((c, rules.get(c.rule).rule.exact.as_ref()?)))
        .filter(|(c, exact)| exact.requires.iter().all(|need| has(rules, all, c, need)))
        .filter(|(_, exact)| !exact.silent)
        .collect();
    let mut firm: BTreeMap<u32, Vec<Span>> = BTreeMap::new();
    for (candidate, _) in complete.iter().filter(|(_, exact)| !exact.yields) {
        firm.entry(candidate.place.0).or_default().push(candidate.secret);
    }
    let loses = |c: &Candidate| {
        let beside = firm.get(&c.place.0).map_or(&[][..], Vec::as_slice);
        beside.iter().any(|span| span.start <= c.secret.start && c.secret.end <= span.end)
    };
    let kept = complete.iter().filter(|(c, exact)| !(exact.yields && loses(c)));
    kept.map(|(c, _)| (*c).clone()).collect()
}

/// True when a match of `need` is near enough to `candidate`.
fn has(rules: &RuleSet, all: &[Candidate], candidate: &Candidate, need: &Require) -> bool {
    all.iter().filter(|other| rules.get(other.rule).rule.id() == need.rule).any(|other| {
        let (from, to) = (candidate.place, other.place);
        let columns = u32::try_from(from.1.abs_diff(to.1)).unwrap_or(u32::MAX);
        need.lines.is_none_or(|most| from.0.abs_diff(to.0) <= most)
            && need.columns.is_none_or(|most| columns <= most)
    })
}
