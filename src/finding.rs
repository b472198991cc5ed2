//! What a scan finds, and the report that carries it to the renderers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::blob::{Commit, Provenance};
use crate::marker::Marker;
use crate::secret::Secret;
use crate::span::{Point, Span};
use crate::text::hex;

/// How bad it is if the finding is real. Ordered from harmless to worst.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing: keys that are public by design.
    Info,
    /// Little can be done with it.
    Low,
    /// Needs context or gives limited access.
    Medium,
    /// Gives access to a service or its data.
    High,
    /// Gives broad access, or spends money.
    Critical,
}

impl Severity {
    /// Lower-case name, as in rule files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How sure a rule is. Ordered from guess to proof.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A heuristic.
    Low,
    /// Shape and context agree.
    Medium,
    /// The shape alone, or a checksum, proves it.
    High,
}

impl Confidence {
    /// Lower-case name, as in rule files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a report says of a rule or check, once per report.
#[derive(Clone, Debug, Serialize)]
pub struct CheckMeta {
    /// Kebab-case id.
    pub id: String,
    /// Vendor or topic, for headings.
    pub vendor: String,
    /// One sentence: what was found and what it opens.
    pub description: String,
    /// Severity of its findings.
    pub severity: Severity,
    /// Confidence of its findings.
    pub confidence: Confidence,
    /// What to do about it.
    pub remediation: String,
    /// Page where the key is revoked or rotated.
    pub rotate: Option<String>,
    /// Where the facts come from.
    pub references: Vec<String>,
    /// Environment variables that should hold the value instead.
    pub env: Vec<String>,
}

/// Identity of a finding that survives moved lines: a hash of check, path and secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Fingerprint(pub String);

impl Fingerprint {
    /// Hashes length-prefixed `parts` with SHA-256 and keeps 128 bits as hex.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hex(&hash.finalize()[..16]))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of context, with every secret in it already redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, cropped around the secret when it is long.
    pub text: String,
    /// Where the secret stands in `text`, in code points.
    pub mark: std::ops::Range<usize>,
}

/// A place in a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Where the blob was read.
    pub provenance: Provenance,
    /// Bytes of the secret.
    pub span: Span,
    /// First character of the secret.
    pub start: Point,
    /// Just past its last character.
    pub end: Point,
    /// The line, redacted.
    pub excerpt: Excerpt,
    /// GitHub code scanning's hash of the line, `None` where the file is not in the work tree.
    pub line_hash: Option<String>,
}

/// One observation for or against what a finding says, shown by `--explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was seen, such as ``the name `DEEPSEEK_API_KEY` on the same line``. Holds no part of
    /// the secret.
    pub what: String,
    /// How much it counts; negative when it speaks against the finding.
    pub weight: i32,
}

/// A provider that a key of a shared form may belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    /// Id of the provider's rule.
    pub check: String,
    /// Display name.
    pub vendor: String,
    /// Sum of the evidence.
    pub score: i32,
}

/// A further part of a credential, such as the key id that belongs to a secret key.
#[derive(Clone, Debug)]
pub struct Part {
    /// What it is called, such as `access key id`.
    pub name: String,
    /// Id of the rule that found it.
    pub check: String,
    /// The value.
    pub secret: Secret,
    /// First character, in the blob of the finding.
    pub start: Point,
    /// Just past its last character.
    pub end: Point,
}

/// What asking the vendor showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Verification {
    /// The vendor was not asked.
    NotTried {
        /// Why not, where somebody wanted to know.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The key works.
    Live {
        /// What else the answer says, such as that no credit is left.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The key works, but may not do what was asked.
    LiveRestricted {
        /// What else the answer says.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The vendor refuses the key: revoked, expired or never issued.
    Revoked {
        /// What else the answer says.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The vendor was asked, and the answer shows neither.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl Verification {
    /// Nobody asked.
    pub const SKIPPED: Self = Self::NotTried { reason: None };

    /// Kebab-case name, as in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotTried { .. } => "not-tried",
            Self::Live { .. } => "live",
            Self::LiveRestricted { .. } => "live-restricted",
            Self::Revoked { .. } => "revoked",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What there is to say besides the name.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::NotTried { reason: detail }
            | Self::Live { detail }
            | Self::LiveRestricted { detail }
            | Self::Revoked { detail } => detail.as_deref(),
            Self::Unknown { reason } => Some(reason),
        }
    }

    /// True for a key that works, restricted or not.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. } | Self::LiveRestricted { .. })
    }
}

/// A change of text that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file, as in [`Provenance::path`].
    pub path: bstr::BString,
    /// Bytes that go.
    pub span: Span,
    /// First character that goes.
    pub start: Point,
    /// Just past the last one.
    pub end: Point,
    /// What comes in their place.
    pub text: String,
}

/// What helps with one finding, besides the remediation of its check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// Facts and commands, one a line.
    pub notes: Vec<String>,
    /// What the edits do, when there are any.
    pub title: String,
    /// Edits that `keylint fix` would make; all of them or none.
    pub edits: Vec<Edit>,
    /// The first commit of the history that holds a finding of a file, where both were looked at.
    pub first: Option<Arc<Commit>>,
}

/// One problem to show.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Id of the rule or check.
    pub check: String,
    /// Severity here; a rule's own unless context changed it.
    pub severity: Severity,
    /// Confidence here; a rule's own unless context changed it.
    pub confidence: Confidence,
    /// One line: what was found.
    pub message: String,
    /// Where.
    pub location: Location,
    /// The value.
    /// Empty where a name or a file is the finding.
    pub secret: Secret,
    /// What asking the vendor showed.
    pub verification: Verification,
    /// Identity across runs.
    pub fingerprint: Fingerprint,
    /// The folder on disk that the path of the location starts from; `None` for that of the run.
    pub base: Option<Arc<Path>>,
    /// The marker comment that allows it, where there is one.
    pub marker: Option<Marker>,
    /// Marker comments there that name a check on keys.
    pub key_markers: Vec<Marker>,
    /// Why it was reported as what it is: decodings, provider evidence, parts of a score.
    pub evidence: Vec<Evidence>,
    /// Providers that share the key's form, likeliest first; empty where the form names one.
    pub candidates: Vec<Ranked>,
    /// The other parts of a credential of several.
    pub parts: Vec<Part>,
    /// What helps here.
    pub advice: Advice,
    /// In how many distinct blobs of the history it stands at this path; 1 elsewhere.
    pub blobs: usize,
}

/// What somebody decided about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is no secret, or none that opens anything.
    FalsePositive,
    /// It is a secret, and may stay where it is.
    Accepted,
    /// It is a secret that works no longer; it should still go.
    Rotated,
}

impl Status {
    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Self::FalsePositive => "false positive",
            Self::Accepted => "accepted",
            Self::Rotated => "rotated",
        }
    }
}

/// What an entry of a baseline says besides the value that it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// What was decided; `None` where the finding was taken over without being looked at.
    pub status: Option<Status>,
    /// Why, as somebody wrote it; may be empty.
    pub reason: String,
    /// The day of the decision, such as `2026-01-31`.
    pub date: Option<String>,
    /// Who decided.
    pub author: Option<String>,
}

impl Mark {
    /// Status, reason, date and author in one line; `None` where there is nothing of them.
    pub fn line(&self) -> Option<String> {
        let status = self.status.map(|status| status.words().to_owned());
        let reason = Some(self.reason.clone()).filter(|reason| !reason.is_empty());
        let told: Vec<String> = status.into_iter().chain(reason).collect();
        let made: Vec<&str> = self.date.iter().chain(&self.author).map(String::as_str).collect();
        match (told.is_empty(), made.is_empty()) {
            (true, true) => None,
            (_, true) => Some(told.join(": ")),
            (_, false) => {
                Some(format!("{told} ({made})", told = told.join(": "), made = made.join(", ")))
            }
        }
    }
}

/// Why a finding is not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suppression {
    /// A marker comment on its line.
    Inline {
        /// The marker, such as `keylint:allow`.
        marker: &'static str,
        /// The reason that it gives.
        reason: Option<String>,
    },
    /// An entry of the baseline.
    Baseline(Mark),
    /// An `[[allow]]` entry of keylint.toml.
    Config {
        /// The entry's reason.
        reason: String,
    },
}

/// Something that could not be read. The scan went on; the result is incomplete.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// File, object or repository.
    pub place: String,
    /// What went wrong and what helps.
    pub message: String,
}

/// Why content was left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// A NUL byte in the first 8 KiB.
    Binary,
    /// Larger than `--max-size`.
    TooLarge,
    /// A hidden file or folder, without `--hidden`.
    Hidden,
    /// A symbolic link; its target is scanned where it stands.
    Symlink,
    /// A FIFO, socket or device.
    Special,
    /// Named by `[scan] exclude` in keylint.toml.
    Excluded,
    /// A member of an archive that needs a password.
    Encrypted,
    /// An archive in more archives than are opened.
    Nested,
    /// An archive, or a member of one, that is packed in a way that is not read.
    Unread,
    /// Left out by .gitignore or another ignore file; listed with `--verbose` only.
    Ignored,
}

impl SkipReason {
    /// How a summary names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::TooLarge => "too large",
            Self::Hidden => "hidden",
            Self::Symlink => "symbolic link",
            Self::Special => "special file",
            Self::Excluded => "excluded by keylint.toml",
            Self::Encrypted => "encrypted",
            Self::Nested => "nested too deep",
            Self::Unread => "packed in a way that is not read",
            Self::Ignored => "ignored by git or an ignore file",
        }
    }
}

/// What was scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Files or blobs scanned.
    pub blobs: u64,
    /// Bytes scanned.
    pub bytes: u64,
    /// Commits whose trees were considered; 0 outside history scans.
    pub commits: u64,
    /// What was left out on purpose, by reason, sorted.
    pub skipped: BTreeMap<SkipReason, Vec<String>>,
}

/// The result of a run: all that renderers see.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Findings in report order.
    pub findings: Vec<Finding>,
    /// Findings that a marker or the configuration allows.
    pub suppressed: Vec<(Finding, Suppression)>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Things the user should know that are no faults, such as a shallow clone.
    pub notices: Vec<String>,
    /// What was scanned.
    pub stats: Stats,
    /// Facts of every check named in the findings, by id.
    pub checks: BTreeMap<String, CheckMeta>,
    /// True when the user stopped the run.
    pub interrupted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_separate_their_parts() {
        assert_ne!(Fingerprint::of(&[b"ab", b"c"]), Fingerprint::of(&[b"a", b"bc"]));
        assert_eq!(Fingerprint::of(&[b"ab"]).0.len(), 32);
    }
}
