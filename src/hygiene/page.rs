//! A file as a check looks at it: content, what rules see in it, and findings at its places.

use std::cell::OnceCell;
use std::path::PathBuf;

use bstr::BString;

use crate::blob::Provenance;
use crate::finding::{Advice, Confidence, Finding, Severity, Verification};
use crate::hygiene::dotenv::Variable;
use crate::hygiene::envs::Kind;
use crate::hygiene::names::{Names, Secrecy};
use crate::hygiene::survey::Seen;
use crate::hygiene::{Check, Subject};
use crate::rule::Rule;
use crate::scan::resolve::resolve;
use crate::scan::{Candidate, details};
use crate::secret::Secret;
use crate::span::Span;

/// A file, or a version of one.
pub(super) struct Page<'s> {
    subject: &'s Subject<'s>,
    /// Where it stands.
    pub(super) provenance: Provenance,
    /// Content, as the scanner reads it.
    pub(super) bytes: Vec<u8>,
    scanned: OnceCell<Scanned>,
}

/// What rules see in a file.
struct Scanned {
    kept: Vec<Candidate>,
    hide: Vec<Span>,
}

/// A variable that is set to a secret.
pub(super) struct Leak {
    /// The variable.
    pub(super) variable: Variable,
    /// How sure it is that the value is one.
    pub(super) confidence: Confidence,
    /// How bad.
    pub(super) severity: Severity,
}

impl<'s> Page<'s> {
    /// Reads a file of the walk.
    pub(super) fn read(subject: &'s Subject<'s>, seen: &Seen) -> Option<Self> {
        let bytes = (subject.read)(&seen.shown)?;
        Some(Self::file(subject, (seen.shown.clone(), seen.path.clone()), &bytes))
    }

    /// A file whose content is known.
    pub(super) fn file(
        subject: &'s Subject<'s>,
        (shown, path): (PathBuf, BString),
        bytes: &[u8],
    ) -> Self {
        let shown = crate::blob::path_bytes(&shown);
        Self::new(subject, Provenance::File { shown, path }, bytes)
    }

    /// Content at any place.
    pub(super) fn new(subject: &'s Subject<'s>, provenance: Provenance, bytes: &[u8]) -> Self {
        let bytes = crate::text::decode(bytes).into_owned();
        Self { subject, provenance, bytes, scanned: OnceCell::new() }
    }

    /// The file as the rules see it. Most files have nothing that needs to be asked of them.
    fn scanned(&self) -> &Scanned {
        self.scanned.get_or_init(|| {
            let engine = self.subject.engine;
            let all = engine.scanner().scan(&self.bytes);
            let path = self.provenance.path().map(|path| path.as_slice());
            let kept = resolve(engine.rules(), &all, path);
            let mut hide: Vec<Span> = all.iter().map(|candidate| candidate.secret).collect();
            if let Some(kind) = path.and_then(Kind::of) {
                // No value of a file that holds secrets is shown.
                hide.extend(kind.variables(&self.bytes).iter().map(|variable| variable.span));
            }
            hide.retain(|span| !span.is_empty());
            Scanned { kept, hide }
        })
    }

    /// What rules report in it.
    pub(super) fn kept(&self) -> &[Candidate] {
        &self.scanned().kept
    }

    /// Words and hosts.
    pub(super) fn names(&self) -> &'s Names {
        self.subject.names
    }

    /// The rule of a candidate.
    pub(super) fn rule(&self, candidate: &Candidate) -> &'s Rule {
        &self.subject.engine.rules().get(candidate.rule).rule
    }

    /// What a specific rule sees in `span`: the key, and whether it is public by design.
    pub(super) fn known(&self, span: Span) -> Option<&Candidate> {
        let inside = |candidate: &&Candidate| {
            candidate.secret.overlaps(&span) && !self.rule(candidate).generic
        };
        self.kept().iter().find(inside)
    }

    /// The secret that stands at `span`, decoded where a rule saw it so.
    fn value(&self, span: Span) -> Secret {
        let exact = self.kept().iter().find(|candidate| candidate.secret == span);
        exact.map_or_else(
            || Secret::new(span.slice(&self.bytes)),
            |candidate| candidate.value(&self.bytes),
        )
    }

    /// The variables of an env file, or of another file that sets some, that are set to secrets.
    /// Names with a public prefix are left to their own check.
    pub(super) fn leaks(&self, kind: Kind) -> Vec<Leak> {
        let names = self.subject.names;
        let leak = |variable: Variable| {
            if names.published(&variable.name).is_some() {
                return None;
            }
            if let Some(candidate) = self.known(variable.span).filter(|_| !variable.span.is_empty())
            {
                let rule = self.rule(candidate);
                let (severity, confidence) = (candidate.severity, candidate.confidence);
                return (!rule.public).then_some(Leak { variable, confidence, severity });
            }
            let secrecy = names.secrecy(&variable.name)?;
            if !names.is_real(&variable.value) {
                return None;
            }
            let confidence = match (names.is_token(&variable.value), secrecy) {
                (true, _) => Confidence::Medium,
                (false, Secrecy::Sure) => Confidence::Low,
                (false, Secrecy::Likely) => return None,
            };
            Some(Leak { variable, confidence, severity: Severity::Medium })
        };
        kind.variables(&self.bytes).into_iter().filter_map(leak).collect()
    }

    /// A finding of `check` at `at`. `secret` is the value that it is about, where there is one;
    /// `subject` is what tells it from others of the check in the same file.
    pub(super) fn finding(
        &self,
        check: &Check,
        (at, secret): (Span, Option<Span>),
        identity: &[u8],
        message: String,
    ) -> Finding {
        let mut hide = self.scanned().hide.clone();
        hide.extend(secret);
        let hide = details::join(hide);
        let options = self.subject.options;
        let location = details::locate(
            (self.subject.engine, &self.bytes),
            at,
            &hide,
            &self.provenance,
            options,
        );
        let secret = secret.map_or_else(|| Secret::new(b""), |span| self.value(span));
        let path = self.provenance.path().map_or(b"".as_slice(), |path| path.as_slice());
        let marker = details::allowed(&self.bytes, check.id, &location, (&hide, options));
        Finding {
            check: check.id.to_owned(),
            severity: check.severity,
            confidence: check.confidence,
            message,
            location,
            fingerprint: self.subject.engine.fingerprint(check.id, &[path, identity], &secret),
            secret,
            base: None,
            marker,
            key_markers: Vec::new(),
            evidence: Vec::new(),
            candidates: Vec::new(),
            parts: Vec::new(),
            verification: Verification::SKIPPED,
            advice: Advice::default(),
            blobs: 1,
        }
    }
}

/// `n things`, or `1 thing`.
pub(super) fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// Up to four of `items`, and how many more there are.
pub(super) fn few(items: &[String]) -> String {
    let shown = items.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(4) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
