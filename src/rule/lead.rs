//! The bytes with which a pattern begins, place by place. Short keywords stand in text a thousand times
//! for each key: `re_` in `core_dump`, `sk` in `task`. What stands right behind them mostly tells that
//! no match begins there, so that such a hit is not even kept in mind.

use std::sync::Arc;

use regex_syntax::hir::{Hir, HirKind};

use crate::rule::Follow;
use crate::rule::anatomy::ByteSet;
use crate::rule::set::Compiled;

/// Bytes behind a keyword that are looked at, at most.
const LONGEST: usize = 16;
/// So many ways to go on are followed; a pattern with more tells nothing from there on.
const MOST_WAYS: usize = 64;
/// A set of more bytes refuses too little to be asked.
const WIDEST: usize = 128;

/// For each of the first bytes of a match what it can be; what lies behind them can be anything.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Lead(Arc<[ByteSet]>);

/// What one rule wants to stand right behind a keyword of it.
pub(crate) struct Sign {
    /// How matches begin.
    pub(crate) lead: Lead,
    /// What follows the keyword.
    pub(crate) follow: Option<Follow>,
}

/// What is left of a pattern, last part first. The number counts what is done of the part: bytes of a
/// literal, rounds of a repetition.
type Way<'h> = Vec<(&'h Hir, usize)>;

/// The ways to go on, each behind one more byte.
type Ways<'h> = Vec<(ByteSet, Way<'h>)>;

impl Sign {
    /// That of `compiled` for `keyword`, one of its keywords.
    pub(super) fn of(compiled: &Compiled, keyword: &[u8]) -> Self {
        let nth = compiled.rule.keywords.iter().position(|word| word.as_bytes() == keyword);
        let nth = nth.filter(|_| compiled.exact().is_none());
        let lead = nth.map(|nth| compiled.anatomy().lead(nth)).unwrap_or_default();
        Self { lead, follow: compiled.rule.follow }
    }
}

impl Lead {
    /// That of `hir`, whose matches all begin with one of its keywords, where they begin with
    /// `keyword`, whatever its case.
    pub(crate) fn of(hir: &Hir, keyword: &[u8]) -> Self {
        let mut sets = Vec::new();
        let mut open: Vec<Way<'_>> = vec![vec![(hir, 0)]];
        while sets.len() < keyword.len() + LONGEST {
            let mut ways = Ways::new();
            // At the end of a match anything may follow.
            if !open.drain(..).all(|way| step(way, &mut ways).is_some()) {
                break;
            }
            let letter = keyword
                .get(sets.len())
                .map(|byte| ByteSet::of(&[byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]));
            let mut here = ByteSet::EMPTY;
            for (set, way) in ways {
                let set = letter.as_ref().map_or(set.clone(), |letter| set.and(letter));
                if !set.is_empty() {
                    here.add(&set);
                    open.push(way);
                }
            }
            open.sort_unstable_by(|a, b| places(a).cmp(places(b)));
            open.dedup_by(|a, b| places(a).eq(places(b)));
            if open.len() > MOST_WAYS || here.len() > WIDEST {
                break;
            }
            sets.push(here);
        }
        Self(sets.into())
    }

    /// True where no match begins with `text`, nor would if string literals in it were joined: the byte
    /// that is wrong stands before every quote.
    pub(crate) fn refuses(&self, text: &[u8]) -> bool {
        let wrong =
            self.0.iter().zip(text).find(|(set, byte)| !set.has(**byte) || is_quote(**byte));
        wrong.is_some_and(|(_, byte)| !is_quote(*byte))
    }
}

fn is_quote(byte: u8) -> bool {
    byte == b'"' || byte == b'\''
}

/// What tells two ways apart: which parts of the pattern are left, and what is done of them.
fn places<'w>(way: &'w Way<'_>) -> impl Iterator<Item = (*const Hir, usize)> + 'w {
    way.iter().map(|&(part, done)| (std::ptr::from_ref(part), done))
}

/// Adds to `ways` how `way` goes on behind each byte that can be its next; `None` where it may be at its
/// end, or does not tell.
fn step<'h>(mut way: Way<'h>, ways: &mut Ways<'h>) -> Option<()> {
    if ways.len() > 4 * MOST_WAYS {
        return None;
    }
    let (part, done) = way.pop()?;
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => step(way, ways),
        HirKind::Literal(literal) => {
            let (byte, next) = (*literal.0.get(done)?, done + 1);
            way.extend((next < literal.0.len()).then_some((part, next)));
            ways.push((ByteSet::of(&[byte]), way));
            Some(())
        }
        HirKind::Class(class) => {
            ways.push((ByteSet::of_class(class), way));
            Some(())
        }
        HirKind::Capture(capture) => {
            way.push((&capture.sub, 0));
            step(way, ways)
        }
        HirKind::Concat(parts) => {
            way.extend(parts.iter().rev().map(|part| (part, 0)));
            step(way, ways)
        }
        HirKind::Alternation(branches) => branches.iter().try_for_each(|branch| {
            let mut way = way.clone();
            way.push((branch, 0));
            step(way, ways)
        }),
        HirKind::Repetition(repetition) => {
            // A round without a byte would have no end.
            repetition.sub.properties().minimum_len().filter(|&least| least > 0)?;
            let (least, most) = (repetition.min as usize, repetition.max.map(|most| most as usize));
            if done >= least {
                step(way.clone(), ways)?;
            }
            if most.is_none_or(|most| done < most) {
                // Without an end, a round beyond the least is like any other.
                way.push((part, if most.is_some() { done + 1 } else { (done + 1).min(least) }));
                way.push((&repetition.sub, 0));
                step(way, ways)?;
            }
            Some(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(pattern: &str, keyword: &str) -> Lead {
        Lead::of(&crate::rule::syntax::parse(pattern).unwrap(), keyword.as_bytes())
    }

    #[test]
    fn what_cannot_begin_a_match_is_refused() {
        for (pattern, keyword, refused, kept) in [
            ("sk_[0-9a-f]{32}", "sk_", "sk_01z", "sk_0123456789abcdef012"),
            ("sk_[0-9a-f]{32}", "sk_", "SK_0", "sk_"),
            ("BSA[0-9]{2}", "bsa", "bsa12", "BSA12 and more"),
            ("(?i:redis_?cloud|redis_?labs)", "redis", "redis.conf", "Redis_Labs"),
            ("(?i:redis_?cloud|redis_?labs)", "redis", "redislouds", "redisCLOUD"),
            ("(?:pk|sk)[01]{3}x", "sk", "sk01x", "sk010x"),
            (r"\bkey(?:=|: ?)?([a-z]{3,})\b", "key", "key=:", "key: abc"),
            ("key[a-z]{2,}=", "key", "keya=", "keyabcdefghijklmnopqrstuvwxyz"),
            // A literal that is joined: the quote stands before what is wrong.
            ("sk_[0-9a-f]{32}", "sk_", "sk_01-", "sk_01\" + \"23"),
        ] {
            let lead = lead(pattern, keyword);
            assert!(lead.refuses(refused.as_bytes()), "{pattern}: {refused}");
            assert!(!lead.refuses(kept.as_bytes()), "{pattern}: {kept}");
        }
    }

    #[test]
    fn a_pattern_that_does_not_tell_refuses_nothing_there() {
        for (pattern, keyword) in [
            ("key", "key"),
            ("key.{9}", "key"),
            ("key(?:a?)*b", "key"),
            ("key(?:a{1,400}|){4}", "key"),
        ] {
            assert!(!lead(pattern, keyword).refuses(b"key~~~~~"), "{pattern}");
        }
    }
}
