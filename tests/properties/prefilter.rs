//! The table of keywords and all that follows from it lose nothing: every rule's pattern over the whole
//! of a text finds the same.

use std::collections::BTreeSet;

use keylint::scan::Candidate;
use keylint::scan::generic::may_follow;
use keylint::span::Span;

use super::{ENGINE, hold, noise};
use crate::fuzz::Dice;

/// Examples and negatives of all rules in random order, some of them cut or with another's end.
fn examples(dice: &mut Dice) -> Vec<Vec<u8>> {
    let rules = ENGINE.rules().rules().iter();
    let texts = rules.flat_map(|c| c.rule.examples.iter().chain(&c.rule.negatives));
    let mut all: Vec<Vec<u8>> = texts.map(|text| text.clone().into_bytes()).collect();
    for at in (1..all.len()).rev() {
        let other = dice.roll(at + 1);
        all.swap(at, other);
    }
    for at in 1..all.len() {
        let cut = dice.roll(all[at].len() + 1);
        match dice.roll(12) {
            0 => all[at].truncate(cut),
            1 => drop(all[at].drain(..cut)),
            2 => {
                let half = all[at - 1].len() / 2;
                let end = all[at - 1].split_off(half);
                all[at].extend(end);
            }
            _ => {}
        }
    }
    all
}

/// What tells candidates apart.
type Found = BTreeSet<(u32, Span, Span)>;

fn found(all: &[Candidate]) -> Found {
    all.iter().map(|c| (c.rule, c.secret, c.whole)).collect()
}

/// Matches of `slow` that their generic rule is not written for: it asks for one of its keywords and for an
/// assignment behind it, and the pattern takes more for one.
fn unasked(text: &[u8], slow: &Found) -> Vec<(u32, Span)> {
    let is_unasked = |&&(rule, _, whole): &&(u32, Span, Span)| {
        let rule = &ENGINE.rules().get(rule).rule;
        let lower = whole.slice(text).to_ascii_lowercase();
        // The keyword that a match is about is the first one in it.
        let ends = rule.keywords.iter().filter_map(|word| {
            let at = memchr::memmem::find(&lower, word.as_bytes())?;
            Some((at, whole.start + at + word.len()))
        });
        let first: BTreeSet<(usize, usize)> = ends.collect();
        let follows = |&(_, end): &(usize, usize)| {
            rule.follow.is_none_or(|follow| may_follow(follow, text, end))
        };
        rule.generic && !first.first().is_some_and(follows)
    };
    slow.iter().filter(is_unasked).map(|&(rule, _, whole)| (rule, whole)).collect()
}

#[test]
fn every_pattern_over_all_of_a_text_finds_the_same() {
    hold(1, |dice| {
        let (mut seen, mut rules) = (0, BTreeSet::new());
        for group in examples(dice).chunks(200) {
            let mut text = Vec::new();
            for example in group {
                text.extend(noise(dice, 12));
                text.extend(example);
            }
            let mut scanner = ENGINE.scanner();
            let mut fast = scanner.scan(&text);
            fast.retain(|c| c.decoded.is_none());
            let slow = scanner.scan_all(&text);
            seen += slow.len();
            rules.extend(slow.iter().map(|c| c.rule));
            let (fast, slow) = (found(&fast), found(&slow));
            let unasked = unasked(&text, &slow);
            let differs = fast.symmetric_difference(&slow).find(|(rule, _, whole)| {
                !unasked.iter().any(|other| other.0 == *rule && other.1.overlaps(whole))
            });
            if let Some(differs) = differs {
                let (rule, from) =
                    (&ENGINE.rules().get(differs.0).rule, differs.2.start.saturating_sub(150));
                panic!(
                    "{id}, by the table: {table}\n{around}",
                    id = rule.id(),
                    table = fast.contains(differs),
                    around = text[from..differs.2.end].escape_ascii()
                );
            }
        }
        assert!(seen > 1500 && rules.len() > 700, "{seen} of {n} rules", n = rules.len());
    });
}
