//! Env files that were committed once and whose secrets are gone from HEAD: what they held stays
//! leaked. A file that HEAD still has is the matter of `env-file-tracked`, which is told its commit.

use std::collections::BTreeMap;

use bstr::BString;

use crate::blob::{Commit, Provenance};
use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::envs::is_example;
use crate::hygiene::leaks::of_file;
use crate::hygiene::page::Page;
use crate::hygiene::{Check, Past, PastFile, Subject, env_file_tracked};

/// An env file in the history.
pub(super) const CHECK: Check = Check {
    id: "env-file-in-history",
    description: "An env file with secrets was committed once; deleting it later did not take it back.",
    severity: Severity::High,
    confidence: Confidence::High,
    remediation: "Rotate its values first: whoever cloned or forked has them. Rewriting history comes after and does not replace it.",
};

pub(super) fn check(subject: &Subject<'_>, past: &Past, found: &mut Vec<Finding>) {
    let mut by_path: BTreeMap<&BString, Vec<&PastFile>> = BTreeMap::new();
    for file in &past.env_files {
        let path = file.provenance.path().filter(|path| !is_example(path));
        if let Some(path) = path {
            by_path.entry(path).or_default().push(file);
        }
    }
    for (path, files) in by_path {
        let leaky: Vec<(&PastFile, Finding)> =
            files.iter().filter_map(|file| Some((*file, judge(subject, path, file)?))).collect();
        let Some((first, finding)) = leaky.first() else { continue };
        let Some(commit) = commit(first) else { continue };
        if leaky.iter().any(|(file, _)| is_in_head(file)) {
            tell(found, path, commit);
            continue;
        }
        let mut finding = finding.clone();
        finding.blobs = leaky.len();
        finding.message += match files.iter().any(|file| is_in_head(file)) {
            true => "; emptied since, they stay in the history.",
            false => "; deleted since, it stays in the history.",
        };
        finding.advice.notes.push(format!(
            "after rotating: git filter-repo --invert-paths --path '{path}', then a forced push and new clones"
        ));
        found.push(finding);
    }
}

/// A finding on one version of an env file, when that holds something likely to be real.
fn judge(subject: &Subject<'_>, path: &BString, file: &PastFile) -> Option<Finding> {
    let id = commit(file)?.id.short(10);
    let page = Page::new(subject, file.provenance.clone(), &file.bytes);
    let text = |secrets: &str| format!("{path} was committed in {id} with {secrets}");
    of_file(&page, &CHECK, &text).filter(|finding| finding.confidence > Confidence::Low)
}

/// Adds to the finding on a tracked file the commit since which it is leaked.
fn tell(found: &mut [Finding], path: &BString, commit: &Commit) {
    let day = commit.date.get(..10).unwrap_or(&commit.date);
    let tracked = found.iter_mut().filter(|finding| {
        finding.check == env_file_tracked::CHECK.id
            && finding.location.provenance.path() == Some(path)
    });
    for finding in tracked {
        let text = format!("committed with secrets since {id} of {day}", id = commit.id.short(10));
        finding.advice.notes.push(text);
    }
}

fn commit(file: &PastFile) -> Option<&Commit> {
    match &file.provenance {
        Provenance::Commit { commit, .. } => Some(commit),
        _ => None,
    }
}

fn is_in_head(file: &PastFile) -> bool {
    matches!(file.provenance, Provenance::Commit { in_head: true, .. })
}
