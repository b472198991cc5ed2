//! The findings that a JSON report chooses: which of those that a scan gives are walked.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::TriageError;
use crate::finding::Finding;

/// What a report says of its findings; the rest of it is not needed.
#[derive(Deserialize)]
struct Document {
    version: u32,
    findings: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    check: String,
    shown: String,
    path: Option<String>,
    start: [u32; 2],
    fingerprint: String,
    commit: Option<serde::de::IgnoredAny>,
    blob: Option<String>,
}

/// The findings of a report.
pub(super) struct Chosen(Vec<Item>);

impl Chosen {
    /// Reads the report in `file`.
    ///
    /// # Errors
    /// [`TriageError::Argument`] that names the file, and the line where it is no report.
    pub(super) fn read(file: &Path) -> Result<Self, TriageError> {
        let shown = file.display();
        let fail = |text: String| TriageError::Argument(format!("{shown}{text}"));
        let text = std::fs::read(file).map_err(|e| fail(format!(": cannot be read: {e}")))?;
        let document: Document = serde_json::from_slice(&text).map_err(|error| {
            let line = error.line();
            fail(format!(
                ":{line}: no JSON report of keylint ({error}); `keylint scan --format json -o FILE` \
                 writes one"
            ))
        })?;
        if document.version != 1 {
            let version = document.version;
            return Err(fail(format!(": version {version} of the report is not known here")));
        }
        Ok(Self(document.findings))
    }

    /// Whether there are findings of a history, and of files.
    pub(super) fn places(&self) -> (bool, bool) {
        let of_history =
            |item: &Item| item.commit.is_some() || (item.blob.is_some() && item.path.is_none());
        (self.0.iter().any(of_history), self.0.is_empty() || !self.0.iter().all(of_history))
    }

    /// Keeps what the report has, too; gives what it has and `findings` have not, as `path:line
    /// check`.
    pub(super) fn keep(&self, findings: &mut Vec<Finding>) -> Vec<String> {
        let wanted: BTreeSet<&str> = self.0.iter().map(|item| item.fingerprint.as_str()).collect();
        findings.retain(|finding| wanted.contains(finding.fingerprint.0.as_str()));
        let found: BTreeSet<&str> = findings.iter().map(|f| f.fingerprint.0.as_str()).collect();
        let missing = self.0.iter().filter(|item| !found.contains(item.fingerprint.as_str()));
        let line = |item: &Item| format!("{}:{} {}", item.shown, item.start[0], item.check);
        missing.map(line).collect()
    }
}
