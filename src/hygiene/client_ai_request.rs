//! Requests to AI services that code in browsers makes with a key in a header or in the URL.

use std::collections::BTreeMap;

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::Check;
use crate::hygiene::page::Page;
use crate::span::Span;
use crate::syntax::js::{self, Script, string};
use crate::syntax::{Node, each, span, text};

/// A request that a browser makes with a key.
pub(super) const CHECK: Check = Check {
    id: "client-ai-request",
    description: "Code that runs in browsers calls an AI service with the key in a header: every visitor can read it.",
    severity: Severity::High,
    confidence: Confidence::Medium,
    remediation: "Move the request into a server route that adds the header, with a limit for each visitor.",
};

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
pub(super) fn judge(page: &Page<'_>, script: &Script, found: &mut Vec<Finding>) {
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
            page.finding(&CHECK, (at, None), at.start.to_string().as_bytes(), message);
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
