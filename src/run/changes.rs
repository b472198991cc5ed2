//! Scans what the index or a range of commits adds.
//!
//! Changed files are scanned whole, since a key is told by what stands around it; only where they
//! have candidates are they compared with what stood there before, and a finding counts when it
//! touches a new line. A key of a range is shown where it stands at the end of it, or, when it is
//! gone again, where it was added.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice as _};

use crate::blob::{Commit, ObjectId, Provenance};
use crate::config::tree;
use crate::finding::{Finding, SkipReason};
use crate::plan::{Plan, StagedOptions};
use crate::progress::Progress;
use crate::run::added::{self, Archives, Inside};
use crate::run::haul::Haul;
use crate::run::resolve_at;
use crate::scan::{Candidate, Scanner, details};
use crate::source::git::{
    Added, Change, Checkout, Delta, GitError, ReadError, Step, Visit, Wanted,
};
use crate::span::LineIndex;
use crate::text;

/// What a candidate is known by across blobs: its rule and the digest of its secret.
pub(super) type Key = (u32, [u8; 32]);

/// A candidate with the digest of its secret.
pub(super) type Suspect = (Candidate, [u8; 32]);

/// The candidates of the blobs that were scanned.
type Suspects = BTreeMap<ObjectId, Vec<Suspect>>;

/// What a thread has while blobs are scanned.
type State<'s> = (Scanner<'s>, Suspects, Archives);

/// A run's plan, ledger and progress.
#[derive(Clone, Copy)]
pub(super) struct Job<'p> {
    pub(super) plan: &'p Plan,
    pub(super) haul: &'p Haul,
    pub(super) progress: &'p Progress,
}

/// Scans the index.
pub(super) fn staged(
    job: Job<'_>,
    paths: &[PathBuf],
    options: StagedOptions,
) -> Result<Vec<Finding>, GitError> {
    let delta = Checkout::open(paths)?.staged(options.hook, &job.haul.ledger)?;
    let (suspects, archives) = job.suspects(&delta);
    let mut found = added::staged(job, (&delta, &archives), options);
    for step in &delta.steps {
        for change in &step.changes.files {
            let Some(candidates) = job.of(&suspects, change) else { continue };
            let (path, blob) = (change.path.clone(), change.blob);
            let provenance = Provenance::Index { path, blob };
            let Some(file) = job.open(&delta, step, change, candidates) else { continue };
            let kept = if options.full { file.all() } else { file.fresh() };
            let made = job.findings(&file, &kept, &provenance);
            job.haul.other(&made);
            found.extend(made);
        }
    }
    Ok(found)
}

/// Scans a range of commits; gives how many there are, too.
pub(super) fn range(
    job: Job<'_>,
    paths: &[PathBuf],
    wanted: &Wanted,
) -> Result<(Vec<Finding>, u64), GitError> {
    let delta = Checkout::open(paths)?.range(wanted, (&job.haul.ledger, job.progress))?;
    let (mut suspects, mut archives) = job.suspects(&delta);
    // The first commit that adds a secret to a path.
    let mut first: BTreeMap<(Key, BString), (usize, usize)> = BTreeMap::new();
    for (at, step) in delta.steps.iter().enumerate() {
        for (nth, change) in step.changes.files.iter().enumerate() {
            let Some(candidates) = job.of(&suspects, change) else { continue };
            let Some(file) = job.open(&delta, step, change, candidates) else { continue };
            for candidate in file.fresh() {
                let key = (file.key(&candidate), change.path.clone());
                first.entry(key).or_insert((at, nth));
            }
        }
    }
    let mut found = added::range(job, &delta, &mut archives);
    let mut commits: BTreeMap<ObjectId, Arc<Commit>> = BTreeMap::new();
    let net = match first.is_empty() {
        true => Vec::new(),
        false => job.net(&delta),
    };
    for ((key, path), (at, nth)) in first {
        let step = &delta.steps[at];
        let Some(id) = step.commit else { continue };
        let commit = commits.entry(id).or_insert_with(|| Arc::new(delta.commit(id)));
        let change = &step.changes.files[nth];
        let place = Place { key, path: &path, commit: Arc::clone(commit) };
        match job.at_tip(&delta, &net, &mut suspects, &place) {
            Tip::Stands(findings) => {
                job.haul.other(&findings);
                found.extend(findings);
            }
            Tip::Old => {}
            Tip::Gone => {
                let Some(candidates) = job.of(&suspects, change) else { continue };
                let Some(file) = job.open(&delta, step, change, candidates) else { continue };
                let mut kept = file.fresh();
                kept.retain(|candidate| file.key(candidate) == key);
                let (commit, path, blob) = (place.commit, path.clone(), change.blob);
                let provenance = Provenance::Commit { commit, path, blob, in_head: false };
                let made = job.findings(&file, &kept, &provenance);
                job.haul.other(&made);
                found.extend(made);
            }
        }
    }
    Ok((found, delta.steps.len() as u64))
}

/// A secret that a commit adds at a path.
struct Place<'p> {
    key: Key,
    path: &'p BString,
    commit: Arc<Commit>,
}

/// What became of an added secret at the end of the range.
enum Tip {
    /// It stands there.
    Stands(Vec<Finding>),
    /// It stands there, and stood at the same path before the range: taken out and put back.
    Old,
    /// It does not.
    Gone,
}

/// A changed file with candidates, its new lines known.
pub(super) struct File<'c> {
    pub(super) bytes: Vec<u8>,
    pub(super) path: &'c BString,
    pub(super) candidates: &'c [Suspect],
    pub(super) added: Added,
    pub(super) kept: Vec<Candidate>,
}

impl File<'_> {
    /// All that is found.
    pub(super) fn all(&self) -> Vec<Candidate> {
        self.kept.clone()
    }

    /// What touches a new line.
    pub(super) fn fresh(&self) -> Vec<Candidate> {
        let index = LineIndex::new(&self.bytes);
        let touches = |c: &&Candidate| self.added.touches(&index, &self.bytes, c.secret);
        self.kept.iter().filter(touches).cloned().collect()
    }

    pub(super) fn key(&self, candidate: &Candidate) -> Key {
        let found = self.candidates.iter().find(|(c, _)| c.is_at(candidate));
        (candidate.rule, found.map(|(_, digest)| *digest).unwrap_or_default())
    }
}

impl Job<'_> {
    pub(super) fn is_excluded(&self, path: &BString) -> bool {
        let (plan, path) = (self.plan, path.as_bstr());
        tree::excludes(&plan.configs.of(&plan.base, Some(path)), &plan.base, path)
    }

    /// The candidates of a change that is to be looked at and has any.
    fn of<'s>(&self, suspects: &'s Suspects, change: &Change) -> Option<&'s [Suspect]> {
        let found = suspects.get(&change.blob).filter(|found| !found.is_empty())?;
        (!self.is_excluded(&change.path)).then_some(found)
    }

    /// What is known of the archive of a change, where it has candidates and is to be looked at.
    pub(super) fn within<'s>(&self, archives: &'s Archives, change: &Change) -> Option<&'s Inside> {
        archives.get(&change.blob).filter(|_| !self.is_excluded(&change.path))
    }

    /// Scans every blob of `delta` once.
    fn suspects(&self, delta: &Delta) -> (Suspects, Archives) {
        let mut blobs: BTreeMap<ObjectId, &BStr> = BTreeMap::new();
        for change in delta.steps.iter().flat_map(|step| &step.changes.files) {
            if self.is_excluded(&change.path) {
                self.haul.ledger.skip(SkipReason::Excluded, change.path.to_string());
            } else {
                blobs.entry(change.blob).or_insert(change.path.as_bstr());
            }
        }
        let blobs: Vec<(ObjectId, &BStr)> = blobs.into_iter().collect();
        let on_blob = |state: &mut State<'_>, (id, path): (ObjectId, &BStr), bytes: &[u8]| {
            let (scanner, found, archives) = state;
            if added::is_open(*self, bytes) {
                let to = (&self.haul.ledger, self.progress);
                archives.extend(added::scan(*self, scanner, (path, bytes), to).map(|it| (id, it)));
                found.insert(id, Vec::new());
            } else {
                found.insert(id, candidates(scanner, bytes));
            }
        };
        let new = || (self.plan.engine.scanner(), Suspects::new(), Archives::new());
        let visit = Visit {
            limits: self.plan.limits,
            archives: self.plan.archives > 0,
            threads: self.plan.threads,
            ledger: &self.haul.ledger,
            progress: self.progress,
        };
        let states = delta.blobs(&blobs, visit, &new, &on_blob);
        let mut all = (Suspects::new(), Archives::new());
        for (_, found, archives) in states {
            all.0.extend(found);
            all.1.extend(archives);
        }
        all
    }

    /// Compares the file of `change` with what stood there. What cannot be read is a problem.
    fn open<'c>(
        &self,
        delta: &Delta,
        step: &Step,
        change: &'c Change,
        candidates: &'c [Suspect],
    ) -> Option<File<'c>> {
        let read = || -> Result<File<'c>, ReadError> {
            let bytes = text::decode(&delta.read(change.blob)?).into_owned();
            let added = delta.added(step, change, &bytes)?;
            let path = &change.path;
            let kept = self.kept(candidates, path);
            Ok(File { bytes, path, candidates, added, kept })
        };
        let lost = |error: ReadError| {
            self.haul
                .ledger
                .problem(change.path.to_string(), format!("{error}; it was not judged"));
        };
        self.haul.ledger.contain(|| change.path.to_string(), read)?.map_err(lost).ok()
    }

    pub(super) fn kept(&self, candidates: &[Suspect], path: &BString) -> Vec<Candidate> {
        let all: Vec<Candidate> = candidates.iter().map(|(c, _)| c.clone()).collect();
        resolve_at(self.plan, &all, (&self.plan.base, Some(path.as_bstr())))
    }

    pub(super) fn findings(
        &self,
        file: &File<'_>,
        kept: &[Candidate],
        provenance: &Provenance,
    ) -> Vec<Finding> {
        let all: Vec<Candidate> = file.candidates.iter().map(|(c, _)| c.clone()).collect();
        let (engine, options) = (&self.plan.engine, self.plan.options());
        let made = || details::findings(engine, &file.bytes, (kept, &all), provenance, options);
        self.haul.ledger.contain(|| provenance.shown(), made).unwrap_or_default()
    }

    /// Looks for the secret of `place` at the end of the range: at its path, or in another file that
    /// the range changes when that path is gone.
    fn at_tip(
        &self,
        delta: &Delta,
        net: &[Change],
        suspects: &mut Suspects,
        place: &Place<'_>,
    ) -> Tip {
        let mut paths: Vec<(&BString, ObjectId)> = Vec::new();
        match self.known(place.path, delta.at_tip(place.path)) {
            Some(Some(blob)) => paths.push((place.path, blob)),
            Some(None) => paths.extend(net.iter().map(|change| (&change.path, change.blob))),
            None => {}
        }
        for (path, blob) in paths {
            let candidates = self.look(delta, suspects, (path, blob));
            if candidates.is_empty() || self.is_excluded(path) {
                continue;
            }
            let Some(bytes) = self.known(path, delta.read(blob)) else { continue };
            let bytes = text::decode(&bytes).into_owned();
            let old =
                delta.at_base(path).and_then(|old| old.map(|old| delta.read(old)).transpose());
            let old = self.known(path, old).flatten();
            let added = old.and_then(|old| Added::between(&old, &bytes).ok());
            let kept = self.kept(candidates, path);
            let added = added.unwrap_or_default();
            let file = File { bytes, path, candidates, added, kept };
            let here = |c: &Candidate| file.key(c) == place.key;
            if !file.kept.iter().any(here) {
                continue;
            }
            let kept: Vec<Candidate> = file.fresh().into_iter().filter(here).collect();
            if kept.is_empty() {
                return Tip::Old;
            }
            let (commit, path) = (Arc::clone(&place.commit), file.path.clone());
            let provenance = Provenance::Commit { commit, path, blob, in_head: true };
            return Tip::Stands(self.findings(&file, &kept, &provenance));
        }
        Tip::Gone
    }

    /// The new files of the whole range.
    pub(super) fn net(&self, delta: &Delta) -> Vec<Change> {
        let changes = self.known(&"the end of the range".into(), delta.net()).unwrap_or_default();
        for (path, error) in &changes.lost {
            self.unknown(path, error);
        }
        changes.files
    }

    /// What was read of `path` at one of the ends of the range, or a problem.
    pub(super) fn known<T>(&self, path: &BString, read: Result<T, ReadError>) -> Option<T> {
        read.map_err(|error| self.unknown(path, &error)).ok()
    }

    fn unknown(&self, path: &BString, error: &ReadError) {
        let text = format!(
            "{error}; what is added there may have stood there before the range, or be gone at its end"
        );
        self.haul.ledger.problem(path.to_string(), text);
    }

    /// The candidates of `blob`, which is scanned unless that was done.
    fn look<'s>(
        &self,
        delta: &Delta,
        suspects: &'s mut Suspects,
        (path, blob): (&BString, ObjectId),
    ) -> &'s [Suspect] {
        suspects.entry(blob).or_insert_with(|| {
            // What is too large was counted where the range brought it.
            let size = self.known(path, delta.size(blob));
            let read = size.filter(|size| *size <= self.plan.limits.max_size);
            let bytes = read.and_then(|_| self.known(path, delta.read(blob)));
            let scan = |bytes: Vec<u8>| candidates(&mut self.plan.engine.scanner(), &bytes);
            bytes.map(scan).unwrap_or_default()
        })
    }
}

/// The candidates of a blob with the digests of their secrets.
pub(super) fn candidates(scanner: &mut Scanner<'_>, bytes: &[u8]) -> Vec<Suspect> {
    let bytes = text::decode(bytes);
    digested(scanner.scan(&bytes), &bytes)
}

/// `candidates` of `bytes`, each with the digest of its secret.
pub(super) fn digested(candidates: Vec<Candidate>, bytes: &[u8]) -> Vec<Suspect> {
    let digest = |candidate: Candidate| {
        let digest = candidate.value(bytes).digest();
        (candidate, digest)
    };
    candidates.into_iter().map(digest).collect()
}
