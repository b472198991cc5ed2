//! What the index or a range of commits adds to archives: members with candidates are compared with those of
//! the same name in the parents' archives of the same path, line by line as files are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice as _};

use super::changes::{File, Job, Key, Suspect, candidates};
use super::packed::{self, Member};
use crate::blob::{ObjectId, Provenance};
use crate::finding::Finding;
use crate::plan::StagedOptions;
use crate::progress::Progress;
use crate::scan::{Candidate, Scanner};
use crate::source::Ledger;
use crate::source::archive::kind;
use crate::source::git::{Added, Change, Delta, GitError, ReadError, Versions};
use crate::text;

/// Bytes of members that are held to be compared together; a member may be larger.
const HELD: usize = 64 << 20;

/// The archives with candidates.
pub(super) type Archives = BTreeMap<ObjectId, Inside>;

/// What is known of an archive that was scanned.
#[derive(Default)]
pub(super) struct Inside {
    /// Where its members stand.
    names: BTreeSet<BString>,
    /// Those with candidates, in their order.
    parts: Vec<Part>,
}

/// A member with candidates.
struct Part {
    member: Member,
    candidates: Vec<Suspect>,
}

/// True when the content `bytes` is opened as an archive.
pub(super) fn is_open(job: Job<'_>, bytes: &[u8]) -> bool {
    job.plan.archives > 0 && kind(bytes).is_some()
}

/// Scans the members of the archive `bytes`, shown as `path`; `None` where none has candidates.
pub(super) fn scan(
    job: Job<'_>,
    scanner: &mut Scanner<'_>,
    (path, bytes): (&BStr, &[u8]),
    (ledger, progress): (&Ledger, &Progress),
) -> Option<Inside> {
    let mut inside = Inside::default();
    packed::members(job.plan, (path, bytes), (ledger, progress), &mut |member, bytes| {
        inside.names.insert(member.at.clone());
        let candidates = candidates(scanner, bytes);
        if !candidates.is_empty() {
            inside.parts.push(Part { member, candidates });
        }
    });
    Some(inside).filter(|inside| !inside.parts.is_empty())
}

/// The findings of the archives that are staged.
pub(super) fn staged(
    job: Job<'_>,
    (delta, archives): (&Delta, &Archives),
    options: StagedOptions,
) -> Vec<Finding> {
    let mut all = Vec::new();
    for step in &delta.steps {
        for change in &step.changes.files {
            let Some(inside) = job.within(archives, change) else { continue };
            let olds = || delta.before(step, change);
            let found = members(job, delta, (change, inside), &olds, &mut |_, file| {
                let (path, blob) = (file.path.clone(), change.blob);
                let kept = if options.full { file.all() } else { file.fresh() };
                job.findings(file, &kept, &Provenance::Index { path, blob })
            });
            job.haul.other(&found);
            all.extend(found);
        }
    }
    all
}

/// The first commit that adds a secret to a member, and what became of it at the end of the range.
struct Entry {
    path: BString,
    key: Key,
    /// Where the member stands in the archive.
    at: BString,
    adds: Adds,
    /// What is known of the same member at the end of the range.
    same: Option<Tip>,
    /// What is known of others.
    other: Option<Tip>,
}

/// The commit that adds something: its place in the range, that of the change in it, and its id.
type Adds = (usize, usize, ObjectId);

/// A secret that stands at the end of the range.
enum Tip {
    /// It is new there.
    Stands(Vec<Finding>),
    /// It stood there before the range.
    Old,
}

/// The findings of archives that a range adds.
pub(super) fn range(job: Job<'_>, delta: &Delta, archives: &mut Archives) -> Vec<Finding> {
    let mut entries = first(job, delta, archives);
    if entries.is_empty() {
        return Vec::new();
    }
    let mut gone = Vec::new();
    for group in entries.chunk_by_mut(|a, b| a.path == b.path) {
        let path = group[0].path.clone();
        match job.known(&path, delta.at_tip(&path)) {
            Some(Some(blob)) => {
                let mut group: Vec<&mut Entry> = group.iter_mut().collect();
                at_tip(job, (delta, archives), (&path, blob), &mut group);
            }
            Some(None) => gone.extend(group),
            None => {}
        }
    }
    if !gone.is_empty() {
        for change in job.net(delta) {
            if !job.is_excluded(&change.path) && archives.contains_key(&change.blob) {
                at_tip(job, (delta, archives), (&change.path, change.blob), &mut gone);
            }
        }
    }
    drop(gone);
    let mut all = Vec::new();
    let mut lost: BTreeMap<Adds, Vec<Entry>> = BTreeMap::new();
    for mut entry in entries {
        match entry.same.take().or(entry.other.take()) {
            Some(Tip::Stands(found)) => all.extend(found),
            Some(Tip::Old) => {}
            None => lost.entry(entry.adds).or_default().push(entry),
        }
    }
    for ((at, nth, commit), entries) in lost {
        let step = &delta.steps[at];
        let change = &step.changes.files[nth];
        let Some(inside) = archives.get(&change.blob) else { continue };
        let commit = Arc::new(delta.commit(commit));
        let olds = || delta.before(step, change);
        all.extend(members(job, delta, (change, inside), &olds, &mut |member, file| {
            let is_one = |c: &Candidate| {
                let key = file.key(c);
                entries.iter().any(|entry| entry.at == member.at && entry.key == key)
            };
            let mut kept = file.fresh();
            kept.retain(is_one);
            let (commit, path) = (Arc::clone(&commit), file.path.clone());
            let blob = change.blob;
            job.findings(file, &kept, &Provenance::Commit { commit, path, blob, in_head: false })
        }));
    }
    job.haul.other(&all);
    all
}

/// The first commits that add secrets to members, by path.
fn first(job: Job<'_>, delta: &Delta, archives: &Archives) -> Vec<Entry> {
    let mut first: BTreeMap<(BString, Key, BString), Adds> = BTreeMap::new();
    for (at, step) in delta.steps.iter().enumerate() {
        for (nth, change) in step.changes.files.iter().enumerate() {
            let Some(inside) = job.within(archives, change) else { continue };
            let Some(commit) = step.commit else { continue };
            let olds = || delta.before(step, change);
            members(job, delta, (change, inside), &olds, &mut |member, file| {
                for candidate in file.fresh() {
                    let key = (change.path.clone(), file.key(&candidate), member.at.clone());
                    first.entry(key).or_insert((at, nth, commit));
                }
                Vec::new()
            });
        }
    }
    let entry = |((path, key, at), adds)| Entry { path, key, at, adds, same: None, other: None };
    first.into_iter().map(entry).collect()
}

/// Looks for the secrets of `entries` in the archive `blob`, which stands at `path` at the end of the range.
fn at_tip(
    job: Job<'_>,
    (delta, archives): (&Delta, &mut Archives),
    (path, blob): (&BString, ObjectId),
    entries: &mut [&mut Entry],
) {
    if job.is_excluded(path) {
        return;
    }
    let inside = archives.entry(blob).or_insert_with(|| look(job, delta, (path, blob)));
    let mut wanted: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        wanted.entry(entry.key).or_default().push(at);
    }
    let change = Change { path: path.clone(), blob, before: Vec::new() };
    let olds = || Ok(delta.at_base(path)?.into_iter().collect());
    members(job, delta, (&change, inside), &olds, &mut |member, file| {
        let here: BTreeSet<Key> = file.kept.iter().map(|c| file.key(c)).collect();
        let fresh = file.fresh();
        for (key, at) in here.iter().filter_map(|key| wanted.get_key_value(key)) {
            for at in at {
                let entry = &mut entries[*at];
                let same = entry.path == *path && entry.at == member.at;
                let slot = if same { &mut entry.same } else { &mut entry.other };
                // Of members with one name the first that is new counts.
                if matches!(slot, Some(Tip::Stands(_))) || (slot.is_some() && !same) {
                    continue;
                }
                let kept: Vec<Candidate> =
                    fresh.iter().filter(|c| file.key(c) == *key).cloned().collect();
                if kept.is_empty() {
                    *slot = Some(Tip::Old);
                    continue;
                }
                let (commit, path) = (Arc::new(delta.commit(entry.adds.2)), file.path.clone());
                let provenance = Provenance::Commit { commit, path, blob, in_head: true };
                *slot = Some(Tip::Stands(job.findings(file, &kept, &provenance)));
            }
        }
        Vec::new()
    });
}

/// Scans an archive that the range did not bring.
fn look(job: Job<'_>, delta: &Delta, (path, blob): (&BString, ObjectId)) -> Inside {
    let (ledger, progress) = (Ledger::default(), Progress::default());
    let scan = |bytes: Vec<u8>| {
        let mut scanner = job.plan.engine.scanner();
        scan(job, &mut scanner, (BStr::new(""), &bytes), (&ledger, &progress))
    };
    let bytes = job.known(path, delta.read(blob)).filter(|bytes| is_open(job, bytes));
    bytes.and_then(scan).unwrap_or_default()
}

/// What [`members`] calls for a member, which it has compared; gives findings.
type OnMember<'m> = dyn FnMut(&Member, &File<'_>) -> Vec<Finding> + 'm;

/// Unpacks the archive of `change` again and hands its members with candidates to `each`, compared with those
/// of the archives `olds`; gives the findings. What cannot be read is a problem.
fn members(
    job: Job<'_>,
    delta: &Delta,
    (change, inside): (&Change, &Inside),
    olds: &dyn Fn() -> Result<Vec<ObjectId>, ReadError>,
    each: &mut OnMember<'_>,
) -> Vec<Finding> {
    let mut all = Vec::new();
    let place = || change.path.to_string();
    let read = || -> Result<(), GitError> {
        let (bytes, olds) = (delta.read(change.blob)?, olds()?);
        // What was left out of the archive has been told.
        let (unheard, progress) = (Ledger::default(), Progress::default());
        let mut batch = Batch { job, delta, change, inside, olds: &olds, held: Vec::new(), len: 0 };
        let mut parts = inside.parts.iter().peekable();
        let mut fault = None;
        let archive = (change.path.as_bstr(), &*bytes);
        packed::members(job.plan, archive, (&unheard, &progress), &mut |member, bytes| {
            let Some(part) = parts.next_if(|part| part.member.nth == member.nth) else { return };
            batch.hold(part, text::decode(bytes).into_owned());
            if batch.len > HELD && fault.is_none() {
                fault = batch.hand_on(each, &mut all).err();
            }
        });
        if fault.is_none() {
            fault = batch.hand_on(each, &mut all).err();
        }
        for finding in &mut all {
            let path = finding.location.provenance.path();
            finding.advice.notes.extend(path.and_then(|path| unheard.fate(path)));
        }
        fault.map_or(Ok(()), Err)
    };
    let done = job.haul.ledger.contain(place, read);
    if let Some(Err(error)) = done {
        job.haul.ledger.problem(place(), format!("{error}; it was not judged"));
    }
    all
}

/// Members that are compared together, so that the old archives are not unpacked for each of them.
struct Batch<'b> {
    job: Job<'b>,
    delta: &'b Delta,
    change: &'b Change,
    inside: &'b Inside,
    olds: &'b [ObjectId],
    held: Vec<(&'b Part, Vec<u8>)>,
    len: usize,
}

impl<'b> Batch<'b> {
    fn hold(&mut self, part: &'b Part, bytes: Vec<u8>) {
        self.len += bytes.len();
        self.held.push((part, bytes));
    }

    /// Compares what is held and hands it on.
    fn hand_on(&mut self, each: &mut OnMember<'_>, all: &mut Vec<Finding>) -> Result<(), GitError> {
        let held = std::mem::take(&mut self.held);
        self.len = 0;
        let mut added: Vec<Added> = held.iter().map(|_| Added::default()).collect();
        for old in self.olds {
            let texts =
                held.iter().map(|(part, bytes)| (part.member.at.as_bstr(), bytes.as_slice()));
            let mut versions = Versions::of(texts);
            let bytes = self.delta.read(*old)?;
            let (unheard, progress) = (Ledger::default(), Progress::default());
            let archive = (self.change.path.as_bstr(), &*bytes);
            if is_open(self.job, &bytes) {
                packed::members(
                    self.job.plan,
                    archive,
                    (&unheard, &progress),
                    &mut |member, old| {
                        let gone = !self.inside.names.contains(&member.at);
                        versions.see(member.at.as_bstr(), &text::decode(old), gone);
                    },
                );
            }
            for (added, old) in added.iter_mut().zip(versions.ended()?) {
                added.join(old);
            }
        }
        for ((part, bytes), added) in held.into_iter().zip(added) {
            let path = BString::from([self.change.path.as_slice(), &part.member.at].concat());
            let kept = self.job.kept(&part.candidates, &path);
            let file = File { bytes, path: &path, candidates: &part.candidates, added, kept };
            all.extend(each(&part.member, &file));
        }
        Ok(())
    }
}
