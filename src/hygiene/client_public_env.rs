//! Names of secrets behind a prefix that makes a framework publish the value.

use std::collections::BTreeMap;

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::names::Secrecy;
use crate::hygiene::page::Page;
use crate::hygiene::{Check, Subject};
use crate::span::Span;
use crate::syntax::each;
use crate::syntax::js::Script;

/// A secret that is published.
pub(super) const CHECK: Check = Check {
    id: "client-public-env",
    description: "A variable that is named like a secret has a prefix that puts its value into the code of every visitor.",
    severity: Severity::High,
    confidence: Confidence::High,
    remediation: "Take the prefix off, read the value in a server route and let the browser call that route. Rotate the value if a build with it was ever published.",
};

/// What was seen of one name; the best one is reported.
struct Sight {
    rank: (u8, Severity, Confidence),
    finding: Finding,
    places: Vec<String>,
}

type Sights = BTreeMap<(usize, String), Sight>;

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut sights = Sights::new();
    for seen in subject.seen {
        if seen.marks.env.is_none() && !seen.marks.prefix {
            continue;
        }
        let Some(page) = Page::read(subject, seen) else { continue };
        if let Some(kind) = seen.marks.env {
            for variable in kind.variables(&page.bytes) {
                let spans = (variable.at, variable.span);
                let value = (!variable.value.is_empty()).then_some(variable.value.as_str());
                sight(&page, (seen.root, &variable.name), spans, value, &mut sights);
            }
        } else if !seen.marks.built {
            for (name, at) in used(subject, &seen.path, &page.bytes) {
                sight(
                    &page,
                    (seen.root, &name),
                    (at, Span::new(at.end, at.end)),
                    None,
                    &mut sights,
                );
            }
        }
    }
    for sight in sights.into_values() {
        let mut finding = sight.finding;
        if sight.places.len() > 1 {
            let text = format!("also in {places}", places = super::page::few(&sight.places[1..]));
            finding.advice.notes.push(text);
        }
        found.push(finding);
    }
}

/// Notes one place of `name`.
fn sight(
    page: &Page<'_>,
    (root, name): (usize, &str),
    (at, span): (Span, Span),
    value: Option<&str>,
    sights: &mut Sights,
) {
    let names = page.names();
    let Some(published) = names.published(name) else { return };
    let known = (!span.is_empty()).then(|| page.known(span)).flatten();
    let (secrecy, real) = (names.secrecy(name), value.is_some_and(|value| names.is_real(value)));
    let token = real && value.is_some_and(|value| names.is_token(value));
    let (rank, severity, confidence) = match (known, secrecy) {
        (Some(candidate), _) if page.rule(candidate).public => return,
        (Some(candidate), _) => (3, Severity::Critical, candidate.confidence),
        (None, Some(Secrecy::Sure)) if token => (2, Severity::Critical, Confidence::Medium),
        (None, Some(Secrecy::Sure)) if real => (2, Severity::High, Confidence::Medium),
        (None, Some(Secrecy::Likely)) if token => (2, Severity::Medium, Confidence::Low),
        // No value, but the name alone says what a build will publish.
        (None, Some(Secrecy::Sure)) => (1, Severity::Medium, Confidence::Medium),
        (None, _) => return,
    };
    let what = if rank > 1 { "is set and" } else { "" };
    let text = format!(
        "{name} {what} reaches every visitor: {framework} publishes what begins with {prefix}.",
        framework = published.framework,
        prefix = published.prefix
    );
    let text = text.replace("  ", " ");
    let secret = (rank > 1).then_some(span);
    let mut finding = page.finding(&CHECK, (at, secret), name.as_bytes(), text);
    (finding.severity, finding.confidence) = (severity, confidence);
    let bare = &name[published.prefix.len()..];
    finding.advice.notes.push(format!("name it {bare} and read it on the server"));
    let place = format!(
        "{path}:{line}",
        path = finding.location.provenance.shown(),
        line = finding.location.start.line
    );
    let rank = (rank, severity, confidence);
    match sights.get_mut(&(root, name.to_owned())) {
        Some(old) if rank > old.rank => {
            let mut places = vec![place];
            places.append(&mut old.places);
            *old = Sight { rank, finding, places };
        }
        Some(old) => old.places.push(place),
        None => {
            let places = vec![place];
            sights.insert((root, name.to_owned()), Sight { rank, finding, places });
        }
    }
}

/// Names with a public prefix that a script uses, outside comments, each once.
fn used(subject: &Subject<'_>, path: &[u8], bytes: &[u8]) -> Vec<(String, Span)> {
    let mut hits: BTreeMap<String, Span> = BTreeMap::new();
    for prefix in subject.names.prefixes() {
        for at in memchr::memmem::find_iter(bytes, prefix.as_bytes()) {
            let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            if at > 0 && word(&bytes[at - 1]) {
                continue;
            }
            let end = at + bytes[at..].iter().take_while(|b| word(b)).count();
            let name = String::from_utf8_lossy(&bytes[at..end]).into_owned();
            if subject.names.secrecy(&name) == Some(Secrecy::Sure) {
                hits.entry(name).or_insert(Span::new(at, end));
            }
        }
    }
    if hits.is_empty() {
        return Vec::new();
    }
    let Some(script) = Script::parse(path, bytes) else { return Vec::new() };
    let mut comments = Vec::new();
    each(script.root(), &mut |node| {
        if node.kind() == "comment" {
            comments.push(crate::syntax::span(node));
        }
        true
    });
    hits.retain(|_, at| !comments.iter().any(|comment| comment.overlaps(at)));
    hits.into_iter().collect()
}
