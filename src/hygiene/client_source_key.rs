//! Keys in source that reaches browsers.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::Check;
use crate::hygiene::page::Page;
use crate::syntax::above;
use crate::syntax::js::Script;

/// A key in source that reaches the browser.
pub(super) const CHECK: Check = Check {
    id: "client-source-key",
    description: "A key stands in source that is sent to browsers.",
    severity: Severity::Critical,
    confidence: Confidence::High,
    remediation: "Rotate the key, move the call into a server route and let the browser call that route.",
};

/// Keys that a rule knows, in code and not in comments.
pub(super) fn judge(page: &Page<'_>, script: &Script, found: &mut Vec<Finding>) {
    for candidate in page.kept() {
        let rule = page.rule(candidate);
        if rule.public || rule.generic {
            continue;
        }
        let at = candidate.secret;
        let root = script.root();
        let node = root.descendant_for_byte_range(at.start, at.end);
        let inside = |kinds: &[&str]| node.is_some_and(|node| above(root, node, kinds).is_some());
        if inside(&["comment"]) || !inside(&["string", "template_string", "jsx_text"]) {
            continue;
        }
        let message =
            format!("{description} It is sent to every visitor.", description = rule.description);
        let mut finding = page.finding(&CHECK, (at, Some(at)), b"", message);
        finding.confidence = candidate.confidence;
        found.push(finding);
    }
}
