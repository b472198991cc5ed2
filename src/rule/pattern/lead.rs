//! The bytes with which a pattern begins, place by place. Short keywords stand in text a thousand times
//! for each key: `re_` in `core_dump`, `sk` in `task`. What stands right behind them mostly tells that
//! no match begins there, so that such a hit is not even kept in mind.

use std::sync::Arc;

use regex_syntax::hir::{Hir, HirKind, Look};

use super::anatomy::{flat, leads};
use super::byteset::ByteSet;

/// Bytes behind a keyword that are looked at, at most.
const LONGEST: usize = 16;
/// So many ways to go on are followed; a pattern with more tells nothing from there on.
const MOST_WAYS: usize = 64;
/// A set of more bytes refuses too little to be asked.
const WIDEST: usize = 128;

/// How a match goes on from a keyword on.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Lead {
    /// What each of the first bytes can be; what lies behind them can be anything.
    pub(crate) sets: Arc<[ByteSet]>,
    /// What the byte before the keyword can be, where there is one; `None` for anything.
    pub(crate) before: Option<ByteSet>,
}

/// What is left of a pattern, last part first. The number counts what is done of the part: bytes of a
/// literal, rounds of a repetition.
type Way<'h> = Vec<(&'h Hir, usize)>;

/// The ways to go on, each behind one more byte.
type Ways<'h> = Vec<(ByteSet, Way<'h>)>;

impl Lead {
    /// That of `hir`, whose matches all begin with one of its keywords, where they begin with
    /// `keyword`, whatever its case; one of `before` stands in front of it.
    pub(crate) fn of(hir: &Hir, keyword: &[u8], before: Option<ByteSet>) -> Self {
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
        Self { sets: sets.into(), before }
    }

    /// How many of the first sets hold in all texts that begin with `keyword`, whatever its case.
    pub(crate) fn sure(&self, keyword: &[u8]) -> usize {
        let holds = |(set, byte): &(&ByteSet, &u8)| {
            let both = set.has(byte.to_ascii_lowercase()) && set.has(byte.to_ascii_uppercase());
            both && !is_quote(**byte)
        };
        self.sets.iter().zip(keyword).take_while(holds).count()
    }

    /// True where no match goes on as `text` does behind the byte `before`, nor would if string literals in
    /// it were joined: the byte that is wrong stands before every quote. The first `sure` bytes are as they
    /// should be.
    pub(crate) fn refuses(&self, before: Option<u8>, text: &[u8], sure: usize) -> bool {
        if let (Some(set), Some(before)) = (&self.before, before)
            && !set.has(before)
        {
            return true;
        }
        let (sets, text) = (&self.sets[sure..], text.get(sure..).unwrap_or_default());
        let wrong = sets.iter().zip(text).find(|(set, byte)| !set.has(**byte) || is_quote(**byte));
        wrong.is_some_and(|(_, byte)| !is_quote(*byte))
    }
}

/// What can stand before the keyword in matches of `hir`, which begin with it or one byte earlier: `(?:\b|_)key`.
pub(crate) fn before(hir: &Hir, keywords: &[String]) -> Option<ByteSet> {
    match hir.kind() {
        HirKind::Capture(capture) => before(&capture.sub, keywords),
        HirKind::Alternation(branches) => {
            let all = branches.iter().map(|branch| before(branch, keywords));
            all.reduce(|a, b| Some(a?.or(&b?)))?
        }
        HirKind::Concat(parts) => {
            let (first, rest) = parts.split_first()?;
            match bordering(first, keywords) {
                Some(set) => {
                    leads(&flat(&rest.iter().collect::<Vec<_>>()), keywords).then_some(set)
                }
                // Nested, as the parts of a form are.
                None => before(first, keywords),
            }
        }
        _ => None,
    }
}

/// The bytes that `part` lets stand before a keyword, where that is all it says.
fn bordering(part: &Hir, keywords: &[String]) -> Option<ByteSet> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match part.kind() {
        HirKind::Look(Look::WordAscii) => {
            let all = keywords.iter().all(|word| word.bytes().next().is_some_and(is_word));
            let others: Vec<u8> = (0..=255).filter(|&byte| !is_word(byte)).collect();
            all.then(|| ByteSet::of(&others))
        }
        HirKind::Literal(literal) => (literal.0.len() == 1).then(|| ByteSet::of(&literal.0)),
        HirKind::Class(class) => Some(ByteSet::of_class(class)),
        HirKind::Capture(capture) => bordering(&capture.sub, keywords),
        HirKind::Alternation(branches) => branches
            .iter()
            .map(|branch| bordering(branch, keywords))
            .reduce(|a, b| Some(a?.or(&b?)))?,
        _ => None,
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
        let (hir, keywords) = (super::super::parse(pattern).unwrap(), [keyword.to_owned()]);
        let behind = super::super::behind(&hir, &keywords).unwrap_or_else(|| hir.clone());
        Lead::of(&behind, keyword.as_bytes(), before(&hir, &keywords))
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
            for sure in [0, lead.sure(keyword.as_bytes())] {
                assert!(lead.refuses(None, refused.as_bytes(), sure), "{pattern}: {refused}");
                assert!(!lead.refuses(None, kept.as_bytes(), sure), "{pattern}: {kept}");
            }
        }
    }

    #[test]
    fn the_byte_before_tells_too() {
        let refuses = |pattern, before| lead(pattern, "lob").refuses(Some(before), b"lob", 0);
        for pattern in [r"(?i:(?:(?:\b|_)lob)[a-z ])", r"(?:\b|_)lob|(?:\b|_)lob\d"] {
            assert!(refuses(pattern, b'g') && !refuses(pattern, b'_') && !refuses(pattern, b'='));
            assert!(!lead(pattern, "lob").refuses(None, b"lob", 0), "{pattern}");
        }
        assert!(refuses(r"\blob", b'_') && refuses("[.-]lob", b'_') && !refuses("[.-]lob", b'-'));
        for pattern in [r"(?:\b|_)?lob", r"\blob|lob\d", "[a-z]{0,4}lob", r"\b(?:a|b)lob"] {
            assert!(!refuses(pattern, b'g') && !refuses(pattern, b'='), "{pattern}");
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
            assert!(!lead(pattern, keyword).refuses(None, b"key~~~~~", 0), "{pattern}");
        }
    }
}
