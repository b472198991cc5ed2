//! Turns the candidates of one blob into findings: lines and columns, the redacted excerpt, the
//! secret and the fingerprint.

use std::ops::Range;

use regex_automata::Input;

use crate::blob::Provenance;
use crate::finding::{Advice, Excerpt, Finding, Location, Part, Verification};
use crate::marker::{Marker, Markers, Values};
use crate::rule::matcher::compile;
use crate::rule::set::RuleSet;
use crate::scan::{Candidate, Engine, Joined, linehash};
use crate::secret::{Secret, redact};
use crate::span::{LineIndex, Span};
use crate::text::plain;

/// Characters of context kept on each side of a secret.
const CONTEXT: usize = 60;
/// A secret shown in clear is cut after this many characters in an excerpt.
const LONGEST: usize = 120;

/// Bytes on each side of a secret in which `near` of a `verify` block looks.
const NEAR: usize = 4096;

/// What to build besides the bare facts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Leave secrets in excerpts in clear (`--show-secrets`).
    pub show_secrets: bool,
    /// Compute GitHub's line hash.
    pub line_hash: bool,
    /// Marker comments of other tools count, too.
    pub foreign_markers: bool,
}

/// Findings for `kept`, whose bytes are `bytes`. All of `all` are hidden in the excerpts, also
/// those that lost against a more specific rule.
pub fn findings(
    engine: &Engine,
    bytes: &[u8],
    (kept, all): (&[Candidate], &[Candidate]),
    provenance: &Provenance,
    options: Options,
) -> Vec<Finding> {
    if kept.is_empty() {
        return Vec::new();
    }
    let (rules, lines) = (engine.rules(), LineIndex::new(bytes));
    let hide = merged(all);
    let hashes = hashes((engine, bytes), &hide, options);
    let markers = Markers::of(bytes, options.foreign_markers);
    let values = Values::new(hide.iter().map(|span| span.slice(bytes)).collect());
    let shown = |marker: &Marker| marker.clone().without(&values);
    let build = |candidate: &Candidate| {
        let compiled = rules.get(candidate.rule);
        let (span, id) = (candidate.secret, compiled.rule.id());
        let start = lines.point(bytes, span.start);
        let line_hash = hashes.get(start.line as usize - 1).cloned();
        let hidden: &[Span] = if options.show_secrets { &[] } else { &hide };
        // A rule that looks at names only shows none of the content.
        let excerpt = match compiled.rule.is_names_only() {
            true => Excerpt { text: String::new(), mark: 0..0 },
            false => excerpt(bytes, lines.line(bytes, span.start), span, hidden),
        };
        let secret = candidate.value(bytes);
        let end = lines.point(bytes, span.end);
        let provenance = provenance.clone();
        let path = provenance.path().map_or(b"".as_slice(), |path| path.as_slice());
        Finding {
            check: id.to_owned(),
            severity: candidate.severity,
            confidence: candidate.confidence,
            message: compiled.rule.description.clone(),
            fingerprint: engine.fingerprint(id, &[path], &secret),
            secret,
            location: Location { provenance, span, start, end, excerpt, line_hash },
            base: None,
            marker: markers.allowing(id, (start.line, end.line)).map(shown),
            key_markers: markers.of_keys((start.line, end.line)).into_iter().map(shown).collect(),
            evidence: candidate.evidence.clone(),
            candidates: candidate.ranked.clone(),
            parts: parts(rules, bytes, &lines, candidate),
            verification: Verification::SKIPPED,
            advice: Advice::default(),
            blobs: 1,
        }
    };
    kept.iter().map(build).collect()
}

/// GitHub's hashes of all lines, none unless they are wanted. They tell nothing of values in `hide` that
/// can be guessed.
fn hashes((engine, bytes): (&Engine, &[u8]), hide: &[Span], options: Options) -> Vec<String> {
    match options.line_hash {
        true => linehash::line_hashes(&engine.veiled(bytes, hide)),
        false => Vec::new(),
    }
}

/// The other parts of a credential.
fn parts(rules: &RuleSet, bytes: &[u8], lines: &LineIndex, candidate: &Candidate) -> Vec<Part> {
    let part = |joined: &Joined| Part {
        name: joined.name.clone(),
        check: rules.get(joined.rule).rule.id().to_owned(),
        secret: joined.decoded.clone().unwrap_or_else(|| Secret::new(joined.span.slice(bytes))),
        start: lines.point(bytes, joined.span.start),
        end: lines.point(bytes, joined.span.end),
    };
    let mut parts: Vec<Part> = candidate.joined.iter().map(part).collect();
    let compiled = rules.get(candidate.rule);
    if let Some(verify) = &compiled.rule.verify {
        let window = Span::new(
            candidate.secret.start.saturating_sub(NEAR),
            candidate.secret.end.saturating_add(NEAR).min(bytes.len()),
        );
        for (name, pattern) in &verify.near {
            let Some(span) = nearest(pattern, bytes, (window, candidate.secret)) else { continue };
            let start = lines.point(bytes, span.start);
            // A pair has joined it already, and a request finds it by that name.
            let joined = |part: &Part| part.start == start && part.name.replace(' ', "_") == *name;
            if parts.iter().any(joined) {
                continue;
            }
            parts.push(Part {
                name: name.clone(),
                check: compiled.rule.id().to_owned(),
                secret: Secret::new(span.slice(bytes)),
                start,
                end: lines.point(bytes, span.end),
            });
        }
    }
    parts
}

/// The first group of the match of `pattern` in `window` that is nearest to `secret`.
fn nearest(pattern: &str, bytes: &[u8], (window, secret): (Span, Span)) -> Option<Span> {
    let regex = compile(pattern).ok()?;
    let input = Input::new(bytes).range(window.start..window.end);
    let groups = regex.captures_iter(input).filter_map(|found| found.get_group(1));
    let spans = groups.map(|group| Span::new(group.start, group.end));
    spans.min_by_key(|span| {
        span.start.saturating_sub(secret.end).max(secret.start.saturating_sub(span.end))
    })
}

/// The place of `span` in `bytes`, whose excerpt hides `hide`. Unlike the place of a secret it may
/// be a name, which is shown.
pub fn locate(
    (engine, bytes): (&Engine, &[u8]),
    span: Span,
    hide: &[Span],
    provenance: &Provenance,
    options: Options,
) -> Location {
    let lines = LineIndex::new(bytes);
    let start = lines.point(bytes, span.start);
    let hashes = hashes((engine, bytes), hide, options);
    let line = lines.line(bytes, span.start);
    let hidden: &[Span] = if options.show_secrets { &[] } else { hide };
    let secret = hidden.iter().any(|hide| hide.overlaps(&span));
    let excerpt = if secret || hidden.is_empty() {
        excerpt(bytes, line, span, hidden)
    } else {
        let mut shown = excerpt(bytes, line, span, hidden);
        let name: String = plain(span.slice(bytes)).chars().take(LONGEST).collect();
        let (head, tail) = (shown.mark.start, shown.mark.end);
        let text = shown.text.chars();
        let before: String = text.clone().take(head).collect();
        let after: String = text.skip(tail).collect();
        shown.mark = head..head + name.chars().count();
        shown.text = before + &name + &after;
        shown
    };
    Location {
        provenance: provenance.clone(),
        span,
        start,
        end: lines.point(bytes, span.end),
        excerpt,
        line_hash: hashes.get(start.line as usize - 1).cloned(),
    }
}

/// The marker in `bytes` that allows a finding of `check` at `location`, its reason without the
/// values of `hide`.
pub fn allowed(
    bytes: &[u8],
    check: &str,
    location: &Location,
    (hide, options): (&[Span], Options),
) -> Option<Marker> {
    let markers = Markers::of(bytes, options.foreign_markers);
    let values = Values::new(hide.iter().map(|span| span.slice(bytes)).collect());
    let lines = (location.start.line, location.end.line);
    markers.allowing(check, lines).map(|marker| marker.clone().without(&values))
}

/// The spans of all secrets, joined where they overlap, sorted.
fn merged(all: &[Candidate]) -> Vec<Span> {
    join(all.iter().map(|c| c.secret).collect())
}

/// `spans` joined where they overlap, sorted.
pub fn join(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::new();
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

/// The line around `secret`, cropped, with `hidden` spans redacted and control characters blanked.
fn excerpt(bytes: &[u8], line: Span, secret: Span, hidden: &[Span]) -> Excerpt {
    let shown = Span::new(secret.start, secret.end.min(line.end).max(secret.start));
    let left = crop(bytes, Span::new(line.start, shown.start), hidden, Side::Right);
    let right = crop(bytes, Span::new(shown.end, line.end.max(shown.end)), hidden, Side::Left);
    let value = match hidden.is_empty() {
        true => plain(shown.slice(bytes)).chars().take(LONGEST).collect(),
        false => redact(secret.slice(bytes)),
    };
    let from = left.chars().count();
    let mark: Range<usize> = from..from + value.chars().count();
    Excerpt { text: left + &value + &right, mark }
}

/// Which end of a stretch of context stays when it is cropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn crop(bytes: &[u8], part: Span, hidden: &[Span], keep: Side) -> String {
    // Four bytes a character at most, so this much is enough before it is cut to characters.
    let reach = CONTEXT * 4;
    let near = match keep {
        Side::Left => Span::new(part.start, part.end.min(part.start + reach)),
        Side::Right => Span::new(part.start.max(part.end.saturating_sub(reach)), part.end),
    };
    let mut text = String::new();
    let mut at = near.start;
    // They are sorted and apart, so that those in the way are neighbours.
    let first = hidden.partition_point(|hide| hide.end <= near.start);
    for hide in hidden[first..].iter().take_while(|hide| hide.start < near.end) {
        text += &plain(&bytes[at..hide.start.max(at)]);
        text += &redact(hide.slice(bytes));
        at = hide.end.min(near.end).max(at);
    }
    text += &plain(&bytes[at..near.end]);
    let count = text.chars().count();
    if count <= CONTEXT && near == part {
        return text;
    }
    match keep {
        Side::Left => text.chars().take(CONTEXT).chain(['…']).collect(),
        Side::Right => {
            let tail = text.chars().skip(count.saturating_sub(CONTEXT));
            std::iter::once('…').chain(tail).collect()
        }
    }
}
