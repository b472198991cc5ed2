//! Bytes in, candidates out: the keyword prefilter, the patterns around its hits, and the gates.
//!
//! No I/O and no paths here: a blob of the history may stand at many paths, so what depends on the
//! path is judged by [`resolve`] once the path is known.

mod barren;
pub mod checksum;
pub mod context;
pub mod cover;
pub mod decode;
pub mod details;
pub mod entropy;
mod exact;
mod fates;
pub mod generic;
mod guess;
pub mod hits;
mod learned;
pub mod linehash;
mod near;
pub mod note;
mod pair;
pub mod placeholder;
pub mod provider;
mod repeats;
pub mod resolve;
mod search;
mod template;
mod yardstick;

use std::cell::RefCell;

use regex_automata::Anchored;
use serde::{Deserialize, Serialize};

use crate::finding::{Confidence, Evidence, Ranked, Severity};
use crate::rule::set::{Compiled, RuleIdx, RuleSet};
use crate::rule::trigger::{Encoding, Trigger};
use crate::rule::{AllowOn, Boundary, Form, Rule, RuleError};
use crate::secret::Secret;
use crate::span::{Copied, Span};
use barren::Barren;
use fates::Fates;
use generic::Words;
use hits::Hits;
use learned::Learned;
use near::Near;
use placeholder::Placeholders;
use repeats::Repeats;

/// The start of an encoded text, which may say that it is none.
const HEAD: usize = 20;

/// A match that passed all gates but those of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The rule.
    pub rule: RuleIdx,
    /// The secret.
    pub secret: Span,
    /// The whole match.
    pub whole: Span,
    /// The rule's severity, lower where a checksum failed.
    pub severity: Severity,
    /// The rule's confidence, lower where a checksum failed.
    pub confidence: Confidence,
    /// What speaks for and against it.
    pub evidence: Vec<Evidence>,
    /// Of a generic rule: what is seen of it, evidence once the path is known. A history has hundreds of
    /// thousands until then.
    pub parts: Vec<generic::Part>,
    /// Providers that share the key's form, likeliest first.
    pub ranked: Vec<Ranked>,
    /// The other parts of the credential.
    pub joined: Vec<Joined>,
    /// True for a value without quotes, judged by generic rules once the path is known.
    pub bare: bool,
    /// The secret itself where it is not written plain under `secret`.
    #[serde(skip)]
    pub decoded: Option<Secret>,
    /// Of an exact rule: exceptions that hold where their paths match.
    pub open: Vec<usize>,
    /// Of an exact rule: line and column where the match starts.
    pub place: (u32, usize),
}

/// Another part of a candidate's credential, such as the id that belongs to a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// What it is called.
    pub name: String,
    /// The rule that found it.
    pub rule: RuleIdx,
    /// Where it stands.
    pub span: Span,
    /// The part itself where it is not written plain.
    #[serde(skip)]
    pub decoded: Option<Secret>,
}

impl Candidate {
    /// What a rule says of a match by itself.
    fn new(compiled: &Compiled, rule: RuleIdx, whole: Span, secret: Span) -> Self {
        Self {
            rule,
            secret,
            whole,
            severity: compiled.rule.severity,
            confidence: compiled.rule.confidence,
            evidence: Vec::new(),
            parts: Vec::new(),
            ranked: Vec::new(),
            joined: Vec::new(),
            bare: false,
            decoded: None,
            open: Vec::new(),
            place: (1, 0),
        }
    }

    /// The secret, in the `bytes` that were scanned or decoded from them.
    pub fn value(&self, bytes: &[u8]) -> Secret {
        self.decoded.clone().unwrap_or_else(|| Secret::new(self.secret.slice(bytes)))
    }

    /// True when `other` is the same match, whatever its path has added to the evidence.
    pub fn is_at(&self, other: &Self) -> bool {
        self.rule == other.rule && self.whole == other.whole && self.secret == other.secret
    }
}

/// Why a match is no candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is part of a longer token.
    Boundary,
    /// Too few digits.
    Digits,
    /// Too little entropy.
    Entropy,
    /// It is a placeholder.
    Placeholder,
    /// It reads like words or code, not like a token.
    Wordlike,
    /// It misses the form of the vendor's keys.
    Misses,
    /// An exception of the rule.
    Allowed,
}

impl Rejection {
    /// What to tell a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boundary => "it is part of a longer token",
            Self::Digits => "too few digits",
            Self::Entropy => "too little entropy",
            Self::Placeholder => "it is a placeholder",
            Self::Wordlike => "it reads like words or code",
            Self::Misses => "it misses the form of the vendor's keys",
            Self::Allowed => "an allow pattern of the rule holds",
        }
    }
}

/// What all threads share: rules and placeholder tests.
pub struct Engine {
    rules: RuleSet,
    placeholders: Placeholders,
    near: Near,
    keep_placeholders: bool,
    words: Words,
}

/// Scans blobs one after the other; one a thread.
pub struct Scanner<'e> {
    engine: &'e Engine,
    hits: Vec<(RuleIdx, usize)>,
    triggers: Vec<(usize, Trigger)>,
    learned: RefCell<Learned>,
    fates: Fates,
    repeats: Repeats,
    barren: Barren,
}

impl Engine {
    /// Wraps `rules`.
    ///
    /// # Errors
    /// [`RuleError`] when a shipped table is broken.
    pub fn new(rules: RuleSet) -> Result<Self, RuleError> {
        let (placeholders, near, words) = (Placeholders::load()?, Near::load()?, Words::load()?);
        Ok(Self { rules, placeholders, near, words, keep_placeholders: false })
    }

    /// Reports placeholders, too, with low confidence: whatever has the form of a secret, however
    /// unlikely its value is.
    #[must_use]
    pub fn keep_placeholders(self, keep: bool) -> Self {
        Self { keep_placeholders: keep, ..self }
    }

    /// The rules.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// A scanner for one thread.
    pub fn scanner(&self) -> Scanner<'_> {
        let (hits, triggers) = (Vec::new(), Vec::new());
        let (learned, fates) = (RefCell::default(), Fates::default());
        let (repeats, barren) = (Repeats::default(), Barren::default());
        Scanner { engine: self, hits, triggers, learned, fates, repeats, barren }
    }
}

impl Scanner<'_> {
    /// The engine.
    pub fn engine(&self) -> &Engine {
        self.engine
    }

    /// All candidates in `bytes`: plain ones sorted by rule and position, then those of views.
    pub fn scan(&mut self, bytes: &[u8]) -> Vec<Candidate> {
        let mut hits = Hits::of(&self.engine.rules, bytes);
        self.scan_view((bytes, &mut hits), 0)
    }

    /// Like [`Scanner::scan`], for a text that takes over stretches of one whose hits are known; gives
    /// its own hits, too.
    pub fn scan_version(
        &mut self,
        bytes: &[u8],
        base: Option<(&Hits, &[Copied])>,
    ) -> (Vec<Candidate>, Hits) {
        let rules = &self.engine.rules;
        let nothing = Hits::default();
        let base = base.unwrap_or((&nothing, &[]));
        let (mut hits, new) = Hits::of_version((rules, &self.repeats), bytes, base);
        let found = self.scan_view((bytes, &mut hits), 0);
        hits.teach(rules, &mut self.repeats, &new);
        (found, hits)
    }

    /// Scans `bytes`, which `depth` decodings led to.
    fn scan_view(&mut self, (bytes, keywords): (&[u8], &mut Hits), depth: usize) -> Vec<Candidate> {
        let rules = &self.engine.rules;
        let (mut hits, mut triggers) =
            (std::mem::take(&mut self.hits), std::mem::take(&mut self.triggers));
        hits.clear();
        triggers.clear();
        let mut fates = std::mem::take(&mut self.fates);
        let alone = |rule, at| self.alone(rule, bytes, at);
        keywords.sift((rules, bytes), (&alone, &mut fates), &mut hits, &mut triggers);
        self.fates = fates;
        let mut found = Vec::new();
        for &rule in rules.names_only().iter().filter(|_| depth == 0) {
            let nothing = Span::new(0, 0);
            found.push(Candidate::new(rules.get(rule), rule, nothing, nothing));
        }
        for &rule in rules.without_keyword() {
            match rules.get(rule).exact() {
                Some(_) if depth == 0 => exact::run(rules, rule, bytes, &mut found),
                Some(_) => {}
                None => {
                    let all = Span::new(0, bytes.len());
                    self.search(rule, bytes, (all, Anchored::No), &mut found);
                }
            }
        }
        hits.sort_unstable();
        for group in hits.chunk_by(|a, b| a.0 == b.0) {
            match rules.get(group[0].0).exact() {
                Some(_) if depth == 0 => exact::run(rules, group[0].0, bytes, &mut found),
                Some(_) => {}
                None => self.run_near(group, bytes, &mut found),
            }
        }
        (self.hits, self.triggers) = (hits, triggers);
        if depth < decode::DEPTH && !self.triggers.is_empty() {
            self.scan_decoded(bytes, depth, &mut found);
        }
        found
    }

    /// Scans the views that the triggers ask for and adds what is not there already.
    fn scan_decoded(&mut self, bytes: &[u8], depth: usize, found: &mut Vec<Candidate>) {
        let mut triggers = std::mem::take(&mut self.triggers);
        // Keyword hits come in no order.
        triggers.sort_unstable();
        triggers.dedup();
        let plain = found.len();
        found.sort_by_key(|c| (c.rule, c.secret));
        for view in decode::views(bytes, &triggers) {
            // What begins in a word such as `dummy` holds what shows a form, too.
            let start = view.map(Span::new(0, 1)).start;
            let head = &bytes[start.saturating_sub(4)..bytes.len().min(start + HEAD)];
            if view.encoding == Encoding::Base64
                && !self.engine.keep_placeholders
                && self.engine.placeholders.says_one(head)
            {
                continue;
            }
            let mark = self.barren.mark(&view.bytes, depth);
            if self.barren.has(mark) {
                continue;
            }
            let mut hits = Hits::of(&self.engine.rules, &view.bytes);
            let inside = self.scan_view((&view.bytes, &mut hits), depth + 1);
            if inside.is_empty() {
                self.barren.keep(mark);
            }
            for candidate in inside {
                let value = candidate.value(&view.bytes);
                let (secret, whole) = (view.map(candidate.secret), view.map(candidate.whole));
                // Those of one rule lie apart and in order.
                let before =
                    |c: &Candidate| (c.rule, c.secret.end) <= (candidate.rule, secret.start);
                let next = found[..plain].get(found[..plain].partition_point(before));
                if next.is_some_and(|c| c.rule == candidate.rule && c.secret.overlaps(&secret)) {
                    continue;
                }
                let what = format!("decoded from {name}", name = view.encoding.name());
                let evidence =
                    [&[Evidence { what, weight: 0 }], candidate.evidence.as_slice()].concat();
                found.push(Candidate {
                    secret,
                    whole,
                    evidence,
                    decoded: Some(value),
                    ..candidate
                });
            }
        }
        self.triggers = triggers;
    }

    /// Why `value` can hardly be a secret of `rule`, by itself.
    fn unlikely(&self, rule: &Rule, value: &[u8], proven: Option<bool>) -> Option<Rejection> {
        if value.iter().filter(|b| b.is_ascii_digit()).count() < rule.min_digits {
            return Some(Rejection::Digits);
        }
        if rule.entropy.is_some_and(|least| entropy::shannon(value) < least) {
            return Some(Rejection::Entropy);
        }
        let placeholder = proven != Some(true) && self.engine.placeholders.matches(value);
        placeholder.then_some(Rejection::Placeholder)
    }

    /// True where `value` is why [`Scanner::judge`] rejects it, whatever stands around it.
    fn is_of_value(&self, why: Rejection, value: &[u8]) -> bool {
        match why {
            Rejection::Digits | Rejection::Entropy => true,
            // Those that come with programs are judged by their place, too.
            Rejection::Placeholder => !self.engine.placeholders.is_default(value),
            _ => false,
        }
    }

    /// The gates that need no path, cheapest first. `bytes` are those around the match, of which the
    /// first one stands at `start`.
    fn judge(
        &self,
        rule: RuleIdx,
        (bytes, start): (&[u8], usize),
        whole: Span,
        secret: Span,
    ) -> Result<Candidate, Rejection> {
        let compiled = self.engine.rules.get(rule);
        let candidate = Candidate::new(compiled, rule, whole, secret);
        let (whole, secret) = (whole.since(start), secret.since(start));
        let (rule_data, value) = (&compiled.rule, secret.slice(bytes));
        if !context::bounded(boundary(rule_data, bytes, secret), bytes, secret) {
            return Err(Rejection::Boundary);
        }
        let proven = rule_data.checksum.map(|kind| checksum::holds(kind, value));
        let unlikely = self.unlikely(rule_data, value, proven);
        let default = rule_data.generic
            && unlikely == Some(Rejection::Placeholder)
            && self.engine.placeholders.is_default(value);
        if let Some(why) = unlikely
            && !default
            && (rule_data.generic || !self.engine.keep_placeholders)
        {
            return Err(why);
        }
        let piece = |why: Rejection| Evidence { what: why.name().into(), weight: -5 };
        let (mut parts, mut evidence) = (Vec::new(), Vec::new());
        match rule_data.generic {
            true => parts = self.judge_generic(bytes, (whole, secret), default)?,
            false => evidence.extend(unlikely.map(piece)),
        }
        if allowed(compiled, bytes, whole, secret) {
            return Err(Rejection::Allowed);
        }
        let (severity, confidence) = if proven == Some(false) || unlikely.is_some() {
            (rule_data.severity.min(Severity::Low), Confidence::Low)
        } else {
            (rule_data.severity, rule_data.confidence)
        };
        Ok(Candidate {
            severity,
            confidence,
            evidence,
            parts,
            bare: rule_data.generic && generic::is_bare(bytes, secret),
            ..candidate
        })
    }

    /// What is seen of the value at `secret` of a generic rule; `default`: it is a password that comes with
    /// programs.
    fn judge_generic(
        &self,
        bytes: &[u8],
        (whole, secret): (Span, Span),
        default: bool,
    ) -> Result<Vec<generic::Part>, Rejection> {
        let (rules, near) = (&self.engine.rules, &self.engine.near);
        let judge =
            |of_vendor| generic::judge(&self.engine.words, bytes, (whole, secret), of_vendor);
        let mut judged = judge(false);
        if !judged.as_deref().is_some_and(generic::is_enough)
            && near.names_vendor(rules, bytes, whole, secret)
        {
            judged = judge(true).or(judged);
        }
        if judged.is_some() && near.misses(rules, bytes, whole, secret) {
            return Err(Rejection::Misses);
        }
        let mut parts = judged.ok_or(Rejection::Wordlike)?;
        if default {
            if !generic::may_be_configured(&parts) {
                return Err(Rejection::Placeholder);
            }
            parts.push(generic::Part::DefaultPassword);
        }
        Ok(parts)
    }
}

/// The sides that must not touch a token: a hyphen before the value is the tie where the form of the
/// rule says that its name comes before.
fn boundary(rule: &Rule, bytes: &[u8], secret: Span) -> Boundary {
    let tied =
        rule.context.is_some() && rule.form != Form::Near && bytes[..secret.start].ends_with(b"-");
    match rule.boundary {
        Boundary::Both if tied => Boundary::Right,
        other => other,
    }
}

/// True when an exception of the rule holds.
fn allowed(compiled: &Compiled, bytes: &[u8], whole: Span, secret: Span) -> bool {
    compiled.allow().iter().any(|(regex, on)| {
        let text = match on {
            AllowOn::Secret => secret.slice(bytes),
            AllowOn::Match => whole.slice(bytes),
            AllowOn::Line => {
                let start = memchr::memrchr(b'\n', &bytes[..secret.start]).map_or(0, |at| at + 1);
                let end = memchr::memchr(b'\n', &bytes[secret.start..]);
                &bytes[start..end.map_or(bytes.len(), |at| secret.start + at)]
            }
        };
        regex.is_match(text)
    })
}
