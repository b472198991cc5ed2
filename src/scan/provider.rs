//! Whose key is it? Many providers share the form `sk-…`; what stands around a key tells them
//! apart. Each piece of evidence is weighted and kept, so that a person can see why.
//!
//! A key is given to a provider only when the evidence reaches `ENOUGH` and leads by `LEAD`;
//! otherwise it stays unattributed, with its candidates ranked. Nothing is guessed.

use std::ops::Range;

use crate::finding::{Confidence, Evidence, Ranked};
use crate::rule::claims::{Claims, Sign};
use crate::rule::set::RuleSet;
use crate::scan::Candidate;
use crate::span::Span;

/// Least sum of evidence that names a provider.
const ENOUGH: i32 = 5;
/// Least distance to the next provider.
const LEAD: i32 = 2;
/// From here the confidence is high; a name on the line alone does not reach it.
const SURE: i32 = 9;
/// Lines on each side that count as near.
const LINES: usize = 10;
/// Bytes on each side that are looked at, whatever the lines are.
const REACH: usize = 2048;
/// Start of a file in which imports are looked for.
const HEAD: usize = 8192;
/// How many enclosing brackets belong to one call: headers in options in a call.
const LEVELS: usize = 3;
/// A key that has not the provider's form is not the provider's.
const OTHER_FORM: i32 = -8;

/// Where a sign stands, from near to far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Zone {
    Line,
    Scope,
    Near,
    File,
}

impl Zone {
    fn name(self) -> &'static str {
        match self {
            Self::Line => "on the same line",
            Self::Scope => "in the same call or block",
            Self::Near => "within 10 lines",
            Self::File => "in the file",
        }
    }
}

fn weight(sign: Sign, zone: Zone) -> i32 {
    match (sign, zone) {
        (Sign::Name | Sign::Host, Zone::Line) => 6,
        (Sign::Host, Zone::Scope) => 5,
        (Sign::Model, Zone::Line | Zone::Scope) => 4,
        (Sign::Name, Zone::Scope) | (Sign::Host, Zone::Near) => 3,
        (Sign::Name | Sign::Model, Zone::Near) | (Sign::Import, _) => 2,
        (Sign::Name | Sign::Host | Sign::Model, Zone::File) => 0,
    }
}

/// How the evidence is weighed, in a sentence for a person.
pub fn explained() -> String {
    let at = |zone: Zone| {
        let of = |sign| weight(sign, zone);
        let (name, host, model) = (of(Sign::Name), of(Sign::Host), of(Sign::Model));
        format!("{place}: name {name}, host {host}, model {model}", place = zone.name())
    };
    let zones = [Zone::Line, Zone::Scope, Zone::Near].map(at).join("; ");
    let import = weight(Sign::Import, Zone::File);
    format!(
        "{ENOUGH} points name the provider, {LEAD} more than any other one has.\n\
         A word counts {zones}; an import {import}."
    )
}

/// Gives `candidate` to the provider that the text around it names. A candidate of a form that
/// nobody shares comes back as it is; one that nobody claims and that has not the telling form
/// which it then needs is dropped.
pub fn attribute(rules: &RuleSet, bytes: &[u8], candidate: Candidate) -> Option<Candidate> {
    let Some(claims) = rules.claims(candidate.rule) else { return Some(candidate) };
    let mut scored = score(rules, claims, bytes, candidate.secret);
    // The order of rules breaks ties, so that the ranking is stable.
    scored.sort_by_key(|(claim, _, sum)| (std::cmp::Reverse(*sum), *claim));
    let ranked: Vec<Ranked> = scored
        .iter()
        .filter(|(_, _, sum)| *sum > 0)
        .map(|(claim, _, sum)| {
            let compiled = rules.get(claims.all[*claim].rule);
            Ranked {
                check: compiled.rule.id().to_owned(),
                vendor: compiled.vendor.name.clone(),
                score: *sum,
            }
        })
        .collect();
    let second = scored.get(1).map_or(0, |(_, _, sum)| *sum);
    let best = scored.into_iter().next();
    match best {
        Some((claim, evidence, sum)) if sum >= ENOUGH && sum - second >= LEAD => {
            let compiled = rules.get(claims.all[claim].rule);
            let signs = evidence.iter().filter(|piece| piece.weight > 1).count();
            let sure = sum >= SURE && signs >= 2;
            let confidence = if sure { Confidence::High } else { compiled.rule.confidence };
            Some(Candidate {
                rule: claims.all[claim].rule,
                severity: compiled.rule.severity,
                confidence,
                evidence,
                ranked,
                ..candidate
            })
        }
        best => {
            let alone = claims.alone.as_ref();
            if !alone.is_none_or(|shape| shape.is_match(candidate.secret.slice(bytes))) {
                return None;
            }
            let evidence = best.map(|(_, evidence, _)| evidence).unwrap_or_default();
            Some(Candidate { evidence, ranked, ..candidate })
        }
    }
}

/// Evidence and its sum for every claim.
fn score(
    rules: &RuleSet,
    claims: &Claims,
    bytes: &[u8],
    secret: Span,
) -> Vec<(usize, Vec<Evidence>, i32)> {
    let around = Around::new(bytes, secret);
    let signs = signs(claims, bytes, &around);
    let of_claim = |(at, claim): (usize, &crate::rule::claims::Claim)| {
        let compiled = rules.get(claim.rule);
        let mut evidence = Vec::new();
        // The nearest of a kind counts, once.
        for sign in [Sign::Name, Sign::Host, Sign::Model, Sign::Import] {
            let nearest =
                signs.iter().filter(|s| s.claim == at && s.sign == sign).min_by_key(|s| s.zone);
            if let Some(found) = nearest {
                evidence.push(found.evidence(bytes));
            }
        }
        let value = secret.slice(bytes);
        let whole = compiled.regex().find(value);
        let (text, points) = match whole.is_some_and(|m| m.range() == (0..value.len())) {
            true => ("has the form of", 1),
            false => ("has not the form of", OTHER_FORM),
        };
        let what = format!("the key {text} {vendor}'s", vendor = compiled.vendor.name);
        evidence.push(Evidence { what, weight: points });
        for (regex, absent, points, what) in &claim.marks {
            if regex.is_match(value) != *absent {
                evidence.push(Evidence { what: what.clone(), weight: *points });
            }
        }
        let sum = evidence.iter().map(|piece| piece.weight).sum();
        (at, evidence, sum)
    };
    claims.all.iter().enumerate().map(of_claim).collect()
}

/// A word that names a provider.
struct Found {
    claim: usize,
    sign: Sign,
    zone: Zone,
    span: Range<usize>,
}

impl Found {
    fn evidence(&self, bytes: &[u8]) -> Evidence {
        let kind = match self.sign {
            Sign::Name => "name",
            Sign::Host => "host",
            Sign::Model => "model",
            Sign::Import => "import",
        };
        let word = String::from_utf8_lossy(&bytes[self.span.clone()]).into_owned();
        let what = format!("the {kind} `{word}` {zone}", zone = self.zone.name());
        Evidence { what, weight: weight(self.sign, self.zone) }
    }
}

/// All words around the key that count.
fn signs(claims: &Claims, bytes: &[u8], around: &Around) -> Vec<Found> {
    let near = around.near;
    let mut found: Vec<Found> = Vec::new();
    for (claim, sign, range) in claims.signs_in(near.slice(bytes)) {
        let span = range.start + near.start..range.end + near.start;
        let zone = around.zone(&span);
        if span.start < around.secret.end && around.secret.start < span.end {
            continue;
        }
        // A name or host on a line with a key of its own speaks for that key.
        if zone != Zone::Line && zone != Zone::Scope && has_key(bytes, span.start) {
            continue;
        }
        found.push(Found { claim, sign, zone, span });
    }
    let head = &bytes[..bytes.len().min(HEAD)];
    for (claim, sign, span) in claims.signs_in(head).filter(|(_, sign, _)| *sign == Sign::Import) {
        found.push(Found { claim, sign, zone: Zone::File, span });
    }
    // `deepseek` inside `api.deepseek.com` is the host, not a name.
    let inside = |a: &Found, b: &Found| {
        a.claim == b.claim
            && a.sign == Sign::Name
            && b.sign != Sign::Name
            && b.span.start <= a.span.start
            && a.span.end <= b.span.end
    };
    let lost: Vec<bool> = found.iter().map(|a| found.iter().any(|b| inside(a, b))).collect();
    let mut lost = lost.into_iter();
    found.retain(|_| !lost.next().unwrap_or(false));
    found
}

/// True when the line at `at` holds something of the form `sk-…` itself.
fn has_key(bytes: &[u8], at: usize) -> bool {
    let line = line_of(bytes, at);
    let text = line.slice(bytes);
    memchr::memmem::find_iter(text, b"sk-").any(|at| {
        let body = text[at + 3..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        body >= 16
    })
}

/// The stretches of text around a key.
struct Around {
    secret: Span,
    line: Span,
    scope: Span,
    near: Span,
}

impl Around {
    fn new(bytes: &[u8], secret: Span) -> Self {
        let line = line_of(bytes, secret.start);
        let near = near(bytes, secret);
        let scope = scope(bytes, secret, near);
        Self { secret, line, scope, near }
    }

    fn zone(&self, at: &Range<usize>) -> Zone {
        let inside = |span: Span| span.start <= at.start && at.end <= span.end;
        if inside(self.line) {
            Zone::Line
        } else if inside(self.scope) {
            Zone::Scope
        } else {
            Zone::Near
        }
    }
}

/// The line of `at`, cut to 200 bytes on each side: a minified file is one line.
fn line_of(bytes: &[u8], at: usize) -> Span {
    let from = at.saturating_sub(200);
    let to = (at + 300).min(bytes.len());
    let start = memchr::memrchr(b'\n', &bytes[from..at]).map_or(from, |n| from + n + 1);
    let end = memchr::memchr(b'\n', &bytes[at..to]).map_or(to, |n| at + n);
    Span::new(start, end)
}

/// Ten lines on each side, at most [`REACH`] bytes.
fn near(bytes: &[u8], secret: Span) -> Span {
    let from = secret.start.saturating_sub(REACH);
    let to = (secret.end + REACH).min(bytes.len());
    let back = memchr::memrchr_iter(b'\n', &bytes[from..secret.start]).nth(LINES);
    let start = back.map_or(from, |n| from + n + 1);
    let end = memchr::memchr_iter(b'\n', &bytes[secret.end..to]).nth(LINES);
    Span::new(start, end.map_or(to, |n| secret.end + n))
}

/// The call, object or block of lines that holds the key, inside `near`.
fn scope(bytes: &[u8], secret: Span, near: Span) -> Span {
    let (mut start, mut end, mut levels) = (secret.start, secret.end, 0);
    let (mut back, mut ahead) = (secret.start, secret.end);
    while levels < LEVELS {
        let Some(open) = unmatched(bytes[near.start..back].iter().rev(), b"([{", b")]}") else {
            break;
        };
        back -= open + 1;
        let Some(close) = unmatched(bytes[ahead..near.end].iter(), b")]}", b"([{") else { break };
        ahead += close + 1;
        (start, end, levels) = (back, ahead, levels + 1);
    }
    if levels > 0 {
        // The words before the outermost bracket name what is called.
        return Span::new(line_of(bytes, start).start.max(near.start), end);
    }
    let (mut start, mut end) = (line_of(bytes, secret.start).start, line_of(bytes, secret.end).end);
    while start > near.start {
        let line = line_of(bytes, start - 1);
        if !is_entry(line.slice(bytes)) || line.start >= start {
            break;
        }
        start = line.start.max(near.start);
    }
    while end + 1 < near.end {
        let line = line_of(bytes, end + 1);
        if !is_entry(line.slice(bytes)) || line.end <= end {
            break;
        }
        end = line.end.min(near.end);
    }
    Span::new(start, end)
}

/// True for a line `name=value` or `name: value` of a .env, YAML or properties file: only there do
/// neighbouring lines belong together.
fn is_entry(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"export ").unwrap_or(line);
    let name =
        line.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_.-\"".contains(b)).count();
    name > 0 && matches!(line.get(name), Some(b'=' | b':'))
}

/// How far the first bracket of `wanted` is whose partner was not passed on the way.
fn unmatched<'b>(
    text: impl Iterator<Item = &'b u8>,
    wanted: &[u8],
    partner: &[u8],
) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.enumerate() {
        if partner.contains(byte) {
            depth += 1;
        } else if wanted.contains(byte) {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        }
    }
    None
}
