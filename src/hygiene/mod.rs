//! Checks on how keys are kept: env files, what reaches browsers, reuse and age.
//!
//! A check looks at files that a scan has seen, at the findings of rules and, in an audit, at the
//! history. Nothing is read that the path or a cheap test of bytes has not marked.

mod client_ai_request;
mod client_allow_browser;
pub mod client_bundle;
mod client_config_env;
mod client_graph;
mod client_public_env;
mod client_source;
mod client_source_key;
pub mod dotenv;
mod env_example_real_value;
mod env_file_in_history;
mod env_file_in_image;
mod env_file_not_ignored;
mod env_file_published;
mod env_file_tracked;
mod env_literal_secret;
pub mod envs;
mod key_age;
mod key_limit;
mod key_removed_in_history;
mod key_reuse_environments;
mod key_reuse_repositories;
mod keys;
mod leaks;
pub mod names;
mod page;
mod source_map;
pub mod survey;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::blob::Provenance;
use crate::fault;
use crate::finding::{CheckMeta, Confidence, Finding, Severity};
use crate::scan::Engine;
use crate::scan::details::Options;
use crate::source::status::Status;
use names::Names;
use survey::Seen;

/// A check: what a report says of it, and how bad its findings are.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Kebab-case id; also its heading in docs/hygiene.md.
    pub id: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Usual severity.
    pub severity: Severity,
    /// Usual confidence.
    pub confidence: Confidence,
    /// What to do.
    pub remediation: &'static str,
}

/// All checks, in the order of docs/hygiene.md.
pub const CHECKS: [&Check; 18] = [
    &env_file_tracked::CHECK,
    &env_file_not_ignored::CHECK,
    &env_example_real_value::CHECK,
    &env_file_in_history::CHECK,
    &env_file_in_image::CHECK,
    &env_file_published::CHECK,
    &env_literal_secret::CHECK,
    &client_public_env::CHECK,
    &client_config_env::CHECK,
    &client_source_key::CHECK,
    &client_ai_request::CHECK,
    &client_allow_browser::CHECK,
    &client_bundle::CHECK,
    &key_reuse_environments::CHECK,
    &key_reuse_repositories::CHECK,
    &key_limit::CHECK,
    &key_age::CHECK,
    &key_removed_in_history::CHECK,
];

impl Check {
    /// What a report says of it.
    pub fn meta(&self) -> CheckMeta {
        CheckMeta {
            id: self.id.to_owned(),
            vendor: "Key hygiene".to_owned(),
            description: self.description.to_owned(),
            severity: self.severity,
            confidence: self.confidence,
            remediation: self.remediation.to_owned(),
            rotate: None,
            references: Vec::new(),
            env: Vec::new(),
        }
    }
}

/// The facts of the check `id`.
pub fn meta(id: &str) -> Option<CheckMeta> {
    CHECKS.iter().find(|check| check.id == id).map(|check| check.meta())
}

/// One of the folders that were scanned.
pub struct Root {
    folder: PathBuf,
    status: OnceCell<Option<Status>>,
}

impl Root {
    /// The root for `folder`, which is canonical. The repository is opened when first asked for.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, status: OnceCell::new() }
    }

    /// The repository around it, where there is one.
    pub fn status(&self) -> Option<&Status> {
        self.status.get_or_init(|| Status::around(&self.folder)).as_ref()
    }

    /// What paths are relative to: the top of the repository, or the folder.
    pub fn folder(&self) -> &Path {
        self.status().map_or(&self.folder, Status::root)
    }
}

/// A version of an env file in the history.
pub struct PastFile {
    /// Its first commit.
    pub provenance: Provenance,
    /// Content.
    pub bytes: Vec<u8>,
}

/// What an audit knows of the history.
#[derive(Default)]
pub struct Past {
    /// Findings of rules, one a (check, secret, path), at their first commits.
    pub findings: Vec<Finding>,
    /// Every version of every env file, oldest first.
    pub env_files: Vec<PastFile>,
}

/// Reads a file; `None` when it cannot be read, which the reader has noted.
pub type Read<'s> = &'s dyn Fn(&Path) -> Option<Vec<u8>>;

/// A built file that was scanned apart from the walk: a binary, or a file in an ignored build
/// folder.
pub struct Built {
    /// As the user would type it.
    pub shown: PathBuf,
    /// Relative to the root.
    pub path: bstr::BString,
    /// Index of the root.
    pub root: usize,
}

/// Everything that checks look at.
pub struct Subject<'s> {
    /// Rules.
    pub engine: &'s Engine,
    /// Words and hosts.
    pub names: &'s Names,
    /// The folders.
    pub roots: &'s [Root],
    /// Files of the walk that a check may want, sorted by path.
    pub seen: &'s [Seen],
    /// Built files beside those of the walk.
    pub built: &'s [Built],
    /// Findings of rules in files.
    pub findings: &'s [Finding],
    /// The history, in an audit.
    pub past: Option<&'s Past>,
    /// Reads a file as the user would type it.
    pub read: Read<'s>,
    /// Notes what could not be read: place and message.
    pub problem: &'s dyn Fn(String, String),
    /// Largest content that is read.
    pub max_size: u64,
    /// How locations are built.
    pub options: Options,
    /// The time that ages are counted to.
    pub now: Timestamp,
}

type OfFiles = fn(&Subject<'_>, &mut Vec<Finding>);
type OfHistory = fn(&Subject<'_>, &Past, &mut Vec<Finding>);

/// What looks at files, in the order of findings.
const OF_FILES: [(&str, OfFiles); 10] = [
    (env_file_tracked::CHECK.id, env_file_tracked::check),
    (env_file_not_ignored::CHECK.id, env_file_not_ignored::check),
    (env_example_real_value::CHECK.id, env_example_real_value::check),
    (env_file_in_image::CHECK.id, env_file_in_image::check),
    (env_file_published::CHECK.id, env_file_published::check),
    (env_literal_secret::CHECK.id, env_literal_secret::check),
    (client_public_env::CHECK.id, client_public_env::check),
    (client_config_env::CHECK.id, client_config_env::check),
    ("client-source", client_source::check),
    (client_bundle::CHECK.id, client_bundle::check),
];
/// What looks at keys, wherever they stand.
const OF_KEYS: [(&str, OfFiles); 3] = [
    (key_reuse_environments::CHECK.id, key_reuse_environments::check),
    (key_reuse_repositories::CHECK.id, key_reuse_repositories::check),
    (key_limit::CHECK.id, key_limit::check),
];
/// What needs the history.
const OF_HISTORY: [(&str, OfHistory); 3] = [
    (env_file_in_history::CHECK.id, env_file_in_history::check),
    (key_age::CHECK.id, key_age::check),
    (key_removed_in_history::CHECK.id, key_removed_in_history::check),
];

/// Runs all checks that apply. A fault in one is a problem of that check.
pub fn judge(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut run = |name: &str, check: &dyn Fn(&mut Vec<Finding>)| {
        // A check may add to what those before it found, so all share one list.
        if fault::contained(|| check(&mut found)).is_none() {
            (subject.problem)(format!("check {name}"), fault::TEXT.to_owned());
        }
    };
    if !subject.seen.is_empty() || !subject.built.is_empty() {
        for (name, check) in OF_FILES {
            run(name, &|found| check(subject, found));
        }
    }
    for (name, check) in OF_KEYS {
        run(name, &|found| check(subject, found));
    }
    if let Some(past) = subject.past {
        for (name, check) in OF_HISTORY {
            run(name, &|found| check(subject, past, found));
        }
    }
    found
}

/// The file name in a path.
fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

/// The folder of a path: empty, or with `/` at its end.
fn folder_of(path: &[u8]) -> &[u8] {
    &path[..path.len() - base_name(path).len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_know_the_checks_on_keys() {
        let of_keys = CHECKS.iter().map(|check| check.id).filter(|id| id.starts_with("key-"));
        assert_eq!(of_keys.collect::<Vec<_>>(), crate::marker::KEY_CHECKS);
    }
}
