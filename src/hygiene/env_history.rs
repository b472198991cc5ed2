//! Env files that were committed once and are gone from HEAD: what they held stays leaked.

use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;

use crate::blob::Provenance;
use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::env_file::{rated, worst};
use crate::hygiene::envs::{Kind, is_example};
use crate::hygiene::page::{Page, count, few};
use crate::hygiene::{Check, Past, Subject};

/// An env file in the history.
pub(super) const CHECK: Check = Check {
    id: "env-file-in-history",
    description: "An env file with secrets was committed once; deleting it later did not take it back.",
    severity: Severity::High,
    confidence: Confidence::High,
    remediation: "Rotate its values first: whoever cloned or forked has them. Rewriting history comes after and does not replace it.",
};

pub(super) fn check(subject: &Subject<'_>, past: &Past, found: &mut Vec<Finding>) {
    let mut by_path: BTreeMap<&BString, Vec<(Page<'_>, bool)>> = BTreeMap::new();
    let mut at_head: BTreeSet<&BString> = BTreeSet::new();
    for file in &past.env_files {
        let Provenance::Commit { path, in_head, .. } = &file.provenance else { continue };
        if is_example(path) {
            continue;
        }
        if *in_head {
            at_head.insert(path);
        }
        let page = Page::new(subject, file.provenance.clone(), &file.bytes);
        by_path.entry(path).or_default().push((page, *in_head));
    }
    for (path, pages) in by_path {
        // What HEAD has is reported as tracked.
        if at_head.contains(path) {
            continue;
        }
        let of_page = |page: &Page<'_>| page.leaks(Kind::Dotenv);
        let Some((page, leaks)) = pages
            .iter()
            .map(|(page, _)| (page, of_page(page)))
            .find(|(_, leaks)| worst(leaks).is_some_and(|leak| leak.confidence > Confidence::Low))
        else {
            continue;
        };
        let Some(worst) = worst(&leaks) else { continue };
        let Provenance::Commit { commit, .. } = &page.provenance else { continue };
        let text = format!(
            "{path} was committed in {id} with {secrets}; deleted since, it stays in the history.",
            id = commit.id.short(10),
            secrets = count(leaks.len(), "secret")
        );
        let at = (worst.variable.at, Some(worst.variable.span));
        let mut finding = rated(page.finding(&CHECK, at, b"", text), worst);
        let names: Vec<String> = leaks.iter().map(|leak| leak.variable.name.clone()).collect();
        finding.blobs = pages.len();
        finding.advice.notes.push(format!("secrets in it: {names}", names = few(&names)));
        finding.advice.notes.push(format!(
            "after rotating: git filter-repo --invert-paths --path '{path}', then a forced push and new clones"
        ));
        found.push(finding);
    }
}
