//! The baseline: findings that were there before, so that only new ones count.
//!
//! The file has one JSON object a line, so that it reads, sorts and merges line by line: first how
//! ids are made, then an entry each for a secret at a path. Nothing in it changes unless what it
//! says does: no version, no line numbers, no time but the day of a decision. docs/baseline.md argues
//! the choices.

mod identity;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use crate::blob::name;
use crate::disk::{self, Access};
use crate::finding::{Finding, Mark, Status};
use crate::scan::Engine;
use crate::suggest::hint_of_serde;
use identity::{Recipe, is_short};

/// The file's name where no configuration gives another; it stands at the top of the repository.
pub const FILE_NAME: &str = "keylint-baseline.jsonl";

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        error: std::io::Error,
    },
    /// A line that is no entry.
    #[error("{path}:{line}: {message}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what helps.
        message: String,
    },
    /// No randomness for a new file.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// A secret at a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Path as in reports: relative to the top of the repository.
    pub path: String,
    /// Rule that found it.
    pub rule: String,
    /// What stands for the value.
    pub id: String,
    /// What was decided about it; `None` where it was taken over without being looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why it is there; written by people, kept by keylint.
    #[serde(default)]
    pub reason: String,
    /// The day of the decision, such as `2026-01-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

impl Entry {
    /// What it says besides the value that it is for.
    pub fn mark(&self) -> Mark {
        let Self { path: _, rule: _, id: _, status, reason, date, author } = self.clone();
        Mark { status, reason, date, author }
    }

    /// Refuses a date that is none.
    fn check(&self) -> Result<(), String> {
        let date = self.date.as_deref().unwrap_or("2000-01-01");
        let day = date.parse::<jiff::civil::Date>();
        day.map(|_| ()).map_err(|_| format!("date: `{date}` is no date such as 2026-01-31"))
    }
}

/// What a run looked at: decides whether an entry that matched nothing has gone.
pub struct Scope {
    /// Folder that paths start from.
    pub base: Arc<Path>,
    /// Files and folders that were scanned whole, without links.
    pub starts: Vec<PathBuf>,
    /// True when everything was scanned that ever had a path.
    pub all: bool,
}

/// A baseline in use.
pub struct Baseline {
    recipe: Recipe,
    entries: Vec<Entry>,
    /// For each entry, where its secret stands now; empty when it was not seen.
    seen: Vec<BTreeSet<String>>,
}

impl Baseline {
    /// An empty one with a new salt.
    ///
    /// # Errors
    /// [`BaselineError::Random`] when the system has no randomness.
    pub fn new() -> Result<Self, BaselineError> {
        let recipe = Recipe::new().map_err(BaselineError::Random)?;
        Ok(Self { recipe, entries: Vec::new(), seen: Vec::new() })
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`BaselineError`] that names the file and the line.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let io = |error| BaselineError::Io { path: path.to_owned(), error };
        let text = disk::read_text(path).map_err(io)?;
        let mut recipe: Option<Recipe> = None;
        let mut entries = BTreeSet::new();
        for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
            let fail =
                |message: String| BaselineError::Line { path: path.to_owned(), line, message };
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|m| text.starts_with(m)) {
                let text = "a merge conflict; keep the lines of both sides and delete this one";
                return Err(fail(text.to_owned()));
            }
            let wrong = |error: serde_json::Error| {
                let text = error.to_string();
                let hint = hint_of_serde(&text);
                fail(format!("{text}{hint}"))
            };
            if text.contains(identity::MARK) {
                let found: Recipe = serde_json::from_str(text).map_err(wrong)?;
                found.check().map_err(fail)?;
                if recipe.as_ref().is_some_and(|recipe| *recipe != found) {
                    let text = "two baselines were merged that have different salts: delete the \
                                file and run `keylint baseline create`";
                    return Err(fail(text.to_owned()));
                }
                recipe = Some(found);
            } else {
                let entry: Entry = serde_json::from_str(text).map_err(wrong)?;
                entry.check().map_err(fail)?;
                entries.insert(entry);
            }
        }
        let Some(recipe) = recipe else {
            let message =
                format!("no line with {mark}: this is no baseline", mark = identity::MARK);
            return Err(BaselineError::Line { path: path.to_owned(), line: 1, message });
        };
        let entries: Vec<Entry> = entries.into_iter().collect();
        let seen = vec![BTreeSet::new(); entries.len()];
        Ok(Self { recipe, entries, seen })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`BaselineError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), BaselineError> {
        let io = |error| BaselineError::Io { path: path.to_owned(), error };
        let json = |error: serde_json::Error| io(error.into());
        let mut text = serde_json::to_string(&self.recipe).map_err(json)? + "\n";
        let entries: BTreeSet<&Entry> = self.entries.iter().collect();
        for entry in entries {
            text += &(serde_json::to_string(entry).map_err(json)? + "\n");
        }
        disk::replace(path, text.as_bytes(), Access::Usual).map_err(io)
    }

    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries that allow `findings`: for each finding its entry's number. An entry follows its
    /// secret to another file when it is in its old one no longer.
    pub fn matches(
        &mut self,
        findings: &[Finding],
        engine: &Engine,
        scope: &Scope,
    ) -> Vec<Option<usize>> {
        let ids = self.ids(findings, engine);
        let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            by_id.entry(&entry.id).or_default().push(at);
        }
        // A short id says little, so it holds for its rule only.
        let of = |at: usize| -> Vec<usize> {
            let id = ids[at].as_deref().unwrap_or_default();
            let all = by_id.get(id).map_or(&[][..], Vec::as_slice).iter().copied();
            all.filter(|&e| !is_short(id) || self.entries[e].rule == findings[at].check).collect()
        };
        let paths: Vec<String> = findings.iter().map(path_of).collect();
        let mut found: Vec<Option<usize>> = vec![None; findings.len()];
        let mut seen = vec![BTreeSet::new(); self.entries.len()];
        for at in 0..findings.len() {
            let mut here = of(at);
            here.retain(|&e| self.entries[e].path == paths[at]);
            // A merge may leave an entry beside the one that somebody decided on.
            found[at] = here.iter().copied().min_by_key(|&e| self.entries[e].status.is_none());
            for entry in here {
                seen[entry].insert(paths[at].clone());
            }
        }
        for at in 0..findings.len() {
            if found[at].is_some() {
                continue;
            }
            let free = |e: &usize| {
                seen[*e].contains(&paths[at])
                    || (seen[*e].is_empty() && scope.is_gone(&self.entries[*e].path))
            };
            found[at] = of(at).into_iter().find(free);
            if let Some(entry) = found[at] {
                seen[entry].insert(paths[at].clone());
            }
        }
        self.seen = seen;
        found
    }

    /// Ids of `findings`, each value's once; `None` where no entry can have it.
    fn ids(&self, findings: &[Finding], engine: &Engine) -> Vec<Option<String>> {
        let short = self.entries.iter().filter(|entry| is_short(&entry.id));
        let rules: BTreeSet<&str> = short.map(|entry| entry.rule.as_str()).collect();
        let wanted =
            |finding: &Finding| !is_weak(engine, finding) || rules.contains(finding.check.as_str());
        let made = self.made(findings.iter().filter(|finding| wanted(finding)), engine);
        findings.iter().map(|finding| made.get(&value_of(engine, finding)).cloned()).collect()
    }

    /// Ids of the values of `findings`. To make one is slow by design, so each value's is made once.
    fn made<'f>(
        &self,
        findings: impl Iterator<Item = &'f Finding>,
        engine: &Engine,
    ) -> BTreeMap<Value, String> {
        let values: BTreeMap<Value, &Finding> =
            findings.map(|finding| (value_of(engine, finding), finding)).collect();
        let values: Vec<_> = values.into_iter().collect();
        let id = |(value, finding): &(Value, &Finding)| {
            (*value, self.recipe.id(&finding.secret, value.1))
        };
        values.par_iter().map(id).collect()
    }

    /// Entries that matched nothing although all of `scope` was looked at.
    pub fn stale(&self, scope: &Scope) -> Vec<&Entry> {
        let unseen = self.entries.iter().zip(&self.seen).filter(|(_, seen)| seen.is_empty());
        unseen.map(|(entry, _)| entry).filter(|entry| scope.covers(&entry.path)).collect()
    }

    /// Adds an entry each for `findings` that stand at a path; gives how many are new.
    pub fn add(&mut self, findings: &[Finding], engine: &Engine, reason: &str) -> usize {
        let made = self.made(findings.iter(), engine);
        let new = findings.iter().map(|finding| Entry {
            path: path_of(finding),
            rule: finding.check.clone(),
            id: made[&value_of(engine, finding)].clone(),
            status: None,
            reason: reason.to_owned(),
            date: None,
            author: None,
        });
        let new: BTreeSet<Entry> = new.collect();
        let count = new.len();
        self.seen.extend(new.iter().map(|entry| BTreeSet::from([entry.path.clone()])));
        self.entries.extend(new);
        count
    }

    /// Has each mark say what was decided about its finding, in place of all that was said of the
    /// value at its path and at the path that its entry followed it from. Without a mark the finding
    /// counts again.
    pub fn decide(&mut self, decided: &[(&Finding, Option<&str>, Option<Mark>)], engine: &Engine) {
        let made = self.made(decided.iter().map(|(finding, ..)| *finding), engine);
        // A short id holds for its rule only.
        let rule =
            |id: &str, rule: &str| if is_short(id) { rule.to_owned() } else { String::new() };
        let mut gone = BTreeSet::new();
        let mut new = Vec::new();
        for (finding, before, mark) in decided {
            let (path, id) = (path_of(finding), made[&value_of(engine, finding)].clone());
            for path in before.iter().copied().chain([path.as_str()]) {
                gone.insert((id.clone(), rule(&id, &finding.check), path.to_owned()));
            }
            new.extend(mark.clone().map(|Mark { status, reason, date, author }| Entry {
                path,
                rule: finding.check.clone(),
                id,
                status,
                reason,
                date,
                author,
            }));
        }
        self.entries.retain(|entry| {
            let Entry { path, rule: of, id, .. } = entry;
            !gone.contains(&(id.clone(), rule(id, of), path.clone()))
        });
        self.entries.extend(new);
        self.seen = vec![BTreeSet::new(); self.entries.len()];
    }

    /// Lets entries follow their secrets to where they were seen; gives how many moved.
    pub fn follow(&mut self) -> usize {
        let mut moved = 0;
        for (entry, seen) in self.entries.iter_mut().zip(&self.seen) {
            if let Some(path) = seen.first().filter(|_| !seen.contains(&entry.path)) {
                entry.path.clone_from(path);
                moved += 1;
            }
        }
        moved
    }

    /// Removes [`Baseline::stale`] entries; gives how many.
    pub fn prune(&mut self, scope: &Scope) -> usize {
        let before = self.entries.len();
        let stale: BTreeSet<Entry> = self.stale(scope).into_iter().cloned().collect();
        let entries =
            std::mem::take(&mut self.entries).into_iter().zip(std::mem::take(&mut self.seen));
        let kept = entries.filter(|(entry, seen)| !seen.is_empty() || !stale.contains(entry));
        (self.entries, self.seen) = kept.unzip();
        before - self.entries.len()
    }
}

impl Scope {
    fn covers(&self, path: &str) -> bool {
        let whole = self.base.join(path);
        self.all || self.starts.iter().any(|start| whole.starts_with(start))
    }

    /// True when `path` holds its secret no longer: it is not there, or was scanned without.
    fn is_gone(&self, path: &str) -> bool {
        self.covers(path) || self.base.join(path).symlink_metadata().is_err()
    }
}

/// What an id is made of: the digest of a value, and whether it can be guessed.
type Value = ([u8; 32], bool);

fn value_of(engine: &Engine, finding: &Finding) -> Value {
    (finding.secret.digest(), is_weak(engine, finding))
}

fn is_weak(engine: &Engine, finding: &Finding) -> bool {
    engine.is_guessable(&finding.check, &finding.secret)
}

/// The path that an entry for `finding` has; empty where it stands at none.
pub fn path_of(finding: &Finding) -> String {
    finding.location.provenance.path().map(|path| name(path)).unwrap_or_default()
}
