//! The flag of an SDK that lets it send its key from browsers.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::Check;
use crate::hygiene::client_graph::is_test;
use crate::hygiene::page::Page;
use crate::syntax::js::{self, Script};
use crate::syntax::{each, span, text};

/// The flag of an SDK that allows browsers.
pub(super) const CHECK: Check = Check {
    id: "client-allow-browser",
    description: "`dangerouslyAllowBrowser: true` makes an SDK send its key from browsers.",
    severity: Severity::High,
    confidence: Confidence::High,
    remediation: "Take the flag out and call the service from a server route.",
};

/// Every `dangerouslyAllowBrowser: true`.
pub(super) fn judge(page: &Page<'_>, script: &Script, found: &mut Vec<Finding>) {
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
            let mut finding = page.finding(&CHECK, (span(node), None), at.as_bytes(), message);
            if test {
                finding.severity = Severity::Low;
            }
            found.push(finding);
        }
        true
    });
}
