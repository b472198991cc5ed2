//! Source that reaches the browser and holds or uses a key: literals, requests to AI services with
//! an authorization header, and the SDK flag that allows it.

use std::collections::BTreeMap;

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::client_graph::{Reach, is_test};
use crate::hygiene::page::Page;
use crate::hygiene::survey::Seen;
use crate::hygiene::{Check, Subject};
use crate::span::Span;
use crate::syntax::js::{self, Script, string};
use crate::syntax::{Node, each, span, text};

/// A key in source that reaches the browser.
pub(super) const KEY: Check = Check {
    id: "client-source-key",
    description: "A key stands in source that is sent to browsers.",
    severity: Severity::Critical,
    confidence: Confidence::High,
    remediation: "Rotate the key, move the call into a server route and let the browser call that route.",
};

/// A request that a browser makes with a key.
pub(super) const REQUEST: Check = Check {
    id: "client-ai-request",
    description: "Code that runs in browsers calls an AI service with the key in a header: every visitor can read it.",
    severity: Severity::High,
    confidence: Confidence::Medium,
    remediation: "Move the request into a server route that adds the header, with a limit for each visitor.",
};

/// The flag of an SDK that allows browsers.
pub(super) const ALLOW_BROWSER: Check = Check {
    id: "client-allow-browser",
    description: "`dangerouslyAllowBrowser: true` makes an SDK send its key from browsers.",
    severity: Severity::High,
    confidence: Confidence::High,
    remediation: "Take the flag out and call the service from a server route.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut reaches: BTreeMap<usize, Reach> = BTreeMap::new();
    for seen in subject.seen.iter().filter(|seen| wanted(seen)) {
        let Some(bytes) = (subject.read)(&seen.shown) else { continue };
        let ai = seen.marks.authorization && names_ai_host(subject, &bytes);
        if !ai && !seen.marks.hit && !seen.marks.browser_flag {
            continue;
        }
        let page = Page::file(subject, (seen.shown.clone(), seen.path.clone()), &bytes);
        let Some(script) = Script::parse(&seen.path, &page.bytes) else { continue };
        if seen.marks.browser_flag {
            flags(&page, &script, found);
        }
        if !ai && page.kept.is_empty() {
            continue;
        }
        let reach = reaches.entry(seen.root).or_insert_with(|| Reach::build(subject, seen.root));
        let Some(chain) = reach.chain(&seen.path) else { continue };
        let from = found.len();
        keys(&page, &script, found);
        if ai {
            requests(&page, &script, found);
        }
        for finding in &mut found[from..] {
            let note = match chain.len() {
                1 => format!("{path} is sent to browsers", path = chain[0]),
                _ => format!("reaches browsers by {chain}", chain = chain.join(" → ")),
            };
            finding.advice.notes.push(note);
        }
    }
}

fn wanted(seen: &Seen) -> bool {
    let marks = seen.marks;
    marks.script && !marks.built && (marks.hit || marks.authorization || marks.browser_flag)
}

fn names_ai_host(subject: &Subject<'_>, bytes: &[u8]) -> bool {
    subject
        .names
        .ai_hosts()
        .iter()
        .any(|host| memchr::memmem::find(bytes, host.as_bytes()).is_some())
}

/// Every `dangerouslyAllowBrowser: true`.
fn flags(page: &Page<'_>, script: &Script, found: &mut Vec<Finding>) {
    let test = page.provenance.path().is_some_and(|path| is_test(path));
    each(script.root(), &mut |node| {
        if node.kind() == "pair"
            && let Some(key) = node.child_by_field_name("key")
            && js::key(key, &page.bytes).as_deref() == Some("dangerouslyAllowBrowser")
            && let Some(value) = node.child_by_field_name("value")
            && text(value, &page.bytes) == b"true"
        {
            let message = "This client sends its key from the browser.".to_owned();
            let at = span(node).start.to_string();
            let mut finding =
                page.finding(&ALLOW_BROWSER, (span(node), None), at.as_bytes(), message);
            if test {
                finding.severity = Severity::Low;
            }
            found.push(finding);
        }
        true
    });
}

/// Keys that a rule knows, in code and not in comments.
fn keys(page: &Page<'_>, script: &Script, found: &mut Vec<Finding>) {
    for candidate in &page.kept {
        let rule = page.rule(candidate);
        if rule.public || rule.generic {
            continue;
        }
        let at = candidate.secret;
        let node = script.root().descendant_for_byte_range(at.start, at.end);
        let inside =
            |kinds: &[&str]| node.is_some_and(|node| crate::syntax::above(node, kinds).is_some());
        if inside(&["comment"]) || !inside(&["string", "template_string", "jsx_text"]) {
            continue;
        }
        let message =
            format!("{description} It is sent to every visitor.", description = rule.description);
        let mut finding = page.finding(&KEY, (at, Some(at)), b"", message);
        finding.confidence = candidate.confidence;
        found.push(finding);
    }
}

/// Headers and parameters that carry a key.
const CARRIERS: [&str; 7] = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "xi-api-key",
    "ocp-apim-subscription-key",
    "apikey",
];

/// Calls whose first argument is the URL of an AI service and that carry a key.
fn requests(page: &Page<'_>, script: &Script, found: &mut Vec<Finding>) {
    let constants = script.constants(&page.bytes);
    each(script.root(), &mut |node| {
        if node.kind() != "call_expression" {
            return true;
        }
        let Some(arguments) = node.child_by_field_name("arguments") else { return true };
        let Some(first) = arguments.named_child(0) else { return true };
        let url = url(first, &page.bytes, &constants);
        let Some(host) = url.as_deref().and_then(|url| page.names().ai_host(url)) else {
            return true;
        };
        let in_url =
            url.as_deref().is_some_and(|url| url.contains("?key=") || url.contains("&key="));
        let carrier = carrier(arguments, &page.bytes);
        let (at, value) = match (carrier, in_url) {
            (Some((at, value)), _) => (at, Some(value)),
            (None, true) => (span(first), None),
            (None, false) => return true,
        };
        let message = format!("A request from the browser to {host} carries the key.");
        let mut finding =
            page.finding(&REQUEST, (at, None), at.start.to_string().as_bytes(), message);
        finding.confidence =
            certainty(value.map(|node| text(node, &page.bytes)).unwrap_or_default());
        if finding.confidence == Confidence::Low {
            finding.severity = Severity::Medium;
            let note = "fine only where each visitor brings a key of their own";
            finding.advice.notes.push(note.to_owned());
        }
        found.push(finding);
        true
    });
}

/// How sure it is that the header's value is a key of the site: a literal or the build's
/// environment, not something that the visitor typed.
fn certainty(value: &[u8]) -> Confidence {
    let has = |word: &str| memchr::memmem::find(value, word.as_bytes()).is_some();
    if has("process.env") || has("import.meta.env") || has("sk-") {
        Confidence::High
    } else if value.windows(3).any(|w| w.iter().all(|b| b.is_ascii_uppercase() || *b == b'_')) {
        // A constant by its name: `API_KEY`.
        Confidence::Medium
    } else {
        Confidence::Low
    }
}

/// The URL of a call: a string, a template, a constant of the file, or such at its beginning.
fn url(node: Node<'_>, bytes: &[u8], constants: &BTreeMap<Vec<u8>, String>) -> Option<String> {
    match node.kind() {
        "identifier" => constants.get(text(node, bytes)).cloned(),
        "binary_expression" => url(node.child_by_field_name("left")?, bytes, constants),
        "new_expression" => {
            url(node.child_by_field_name("arguments")?.named_child(0)?, bytes, constants)
        }
        _ => {
            let text = string(node, bytes)?;
            let Some(rest) = text.strip_prefix("${") else { return Some(text) };
            let (name, rest) = rest.split_once('}')?;
            Some(constants.get(name.trim().as_bytes())?.clone() + rest)
        }
    }
}

/// The pair in the arguments that carries a key: its place, and its value.
fn carrier<'t>(arguments: Node<'t>, bytes: &[u8]) -> Option<(Span, Node<'t>)> {
    let mut found = None;
    each(arguments, &mut |node| {
        if node.kind() == "pair"
            && let Some(key) = node.child_by_field_name("key").and_then(|key| js::key(key, bytes))
            && CARRIERS.contains(&key.to_ascii_lowercase().as_str())
            && let Some(value) = node.child_by_field_name("value")
        {
            found.get_or_insert((span(node), value));
        }
        found.is_none()
    });
    found
}
