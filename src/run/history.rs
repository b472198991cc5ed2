//! Findings of a whole history: blobs first, then the places of those with candidates.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use bstr::{BString, ByteSlice as _};

use super::packed::{self, Member};
use super::resolve_at;
use crate::blob::{self, Commit, ObjectId, Provenance};
use crate::config::tree;
use crate::finding::Finding;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::scan::details;
use crate::scan::hits::Hits;
use crate::scan::note;
use crate::scan::{Candidate, Scanner};
use crate::source::Ledger;
use crate::source::git::{Handle, History, HistoryBlob, Place};

/// A blob with candidates, or a member of one that is an archive, until its places are known.
struct Suspect {
    handle: Handle,
    member: Option<Member>,
    /// Each candidate with the digest of its secret.
    candidates: Vec<(Candidate, [u8; 32])>,
    /// The candidates for the next scan.
    note: Option<Vec<u8>>,
}

/// What stands for one finding of the history: check, secret and path.
type Group = (u32, [u8; 32], BString);

/// A suspect, by its number, with the groups that it is the earliest of.
type Wanted<'w> = (usize, Vec<(&'w Group, &'w Earliest)>);

/// The earliest blob of a group.
#[derive(Clone)]
struct Earliest {
    suspect: usize,
    place: Place,
    blobs: usize,
    in_head: bool,
}

/// Findings of a whole history, one a (check, secret, path).
pub(super) fn history(
    plan: &Plan,
    (history, base): (&History, &Arc<Path>),
    (ledger, progress): (&Ledger, &Progress),
) -> Vec<Finding> {
    let keeps = history.keeps();
    let on_blob = |(scanner, suspects): &mut (Scanner<'_>, Vec<Suspect>),
                   blob: &HistoryBlob<'_, Hits>| {
        if let Some(id) = blob.archive {
            let name = named(id);
            let mut each = |member, bytes: &[u8]| {
                let bytes = crate::text::decode(bytes);
                let candidates = digested(scanner.scan(&bytes), &bytes);
                if !candidates.is_empty() {
                    let member = Some(member);
                    suspects.push(Suspect { handle: blob.handle, member, candidates, note: None });
                }
            };
            packed::members(plan, (&name, blob.bytes), (ledger, progress), &mut each);
            return None;
        }
        let bytes = crate::text::decode(blob.bytes);
        // A transcoded blob has other places than what is stored.
        let plain = matches!(bytes, Cow::Borrowed(_));
        let noted = blob.note.and_then(|note| note::read(note, &bytes));
        let (candidates, hits) = match noted {
            Some(candidates) => (candidates, None),
            None => {
                let (candidates, hits) = scanner.scan_version(&bytes, blob.base.filter(|_| plain));
                (candidates, Some(hits).filter(|_| plain))
            }
        };
        if !candidates.is_empty() {
            let note = keeps.then(|| note::write(&candidates)).flatten();
            let candidates = digested(candidates, &bytes);
            suspects.push(Suspect { handle: blob.handle, member: None, candidates, note });
        }
        hits
    };
    let new = || (plan.engine.scanner(), Vec::new());
    let states = history.blobs(plan.limits, (ledger, progress), &new, &on_blob);
    let mut suspects: Vec<Suspect> = states.into_iter().flat_map(|(_, found)| found).collect();
    // Members of one blob come from one thread, and stay in their order.
    suspects.sort_by_key(|suspect| history.id(suspect.handle));
    for suspect in &mut suspects {
        if let Some(note) = suspect.note.take() {
            history.note(suspect.handle, note);
        }
    }
    let mut handles: Vec<Handle> = suspects.iter().map(|suspect| suspect.handle).collect();
    handles.dedup();
    if handles.is_empty() && progress.interrupted() {
        return Vec::new();
    }
    let places = history.places(&handles, plan.unreachable, ledger);
    let places = handles.into_iter().zip(places).collect();
    let groups = group((plan, base), history, &suspects, &places);
    let mut found = report_groups((plan, base), history, &suspects, &groups, ledger);
    found.iter_mut().for_each(|finding| finding.base = Some(Arc::clone(base)));
    found
}

/// `candidates` of `bytes`, each with the digest of its secret.
fn digested(candidates: Vec<Candidate>, bytes: &[u8]) -> Vec<(Candidate, [u8; 32])> {
    let digest = |c: Candidate| {
        let digest = c.value(bytes).digest();
        (c, digest)
    };
    candidates.into_iter().map(digest).collect()
}

/// How a blob is shown where it is no finding.
fn named(blob: ObjectId) -> String {
    format!("blob {blob}")
}

/// One entry a (check, secret, path), at its earliest commit.
fn group(
    (plan, base): (&Plan, &Path),
    history: &History,
    suspects: &[Suspect],
    places: &HashMap<Handle, Vec<Place>>,
) -> BTreeMap<Group, Earliest> {
    let mut groups: BTreeMap<Group, Earliest> = BTreeMap::new();
    for (at, suspect) in suspects.iter().enumerate() {
        let places = places.get(&suspect.handle).map(Vec::as_slice).unwrap_or_default();
        let all: Vec<Candidate> = suspect.candidates.iter().map(|(c, _)| c.clone()).collect();
        let nowhere =
            Place { path: BString::default(), commit: None, rank: u32::MAX, in_head: false };
        let reported = plan.unreachable || history.named_by(suspect.handle).is_some();
        let places =
            if places.is_empty() && reported { std::slice::from_ref(&nowhere) } else { places };
        let excluded = |place: &&Place| {
            let path = place.path.as_bstr();
            tree::excludes(&plan.configs.of(base, Some(path)), base, path)
        };
        for place in places.iter().filter(|place| !excluded(place)) {
            let inside = suspect.member.as_ref().map(|member| member.at.as_slice());
            let path = [place.path.as_slice(), inside.unwrap_or_default()].concat();
            let place = Place { path: path.into(), ..place.clone() };
            for kept in resolve_at(plan, &all, (base, Some(place.path.as_bstr()))) {
                let digest =
                    suspect.candidates.iter().find(|(c, _)| c.is_at(&kept)).map(|(_, d)| *d);
                let key = (kept.rule, digest.unwrap_or_default(), place.path.clone());
                let new = Earliest { suspect: at, place: place.clone(), blobs: 0, in_head: false };
                let entry = groups.entry(key).or_insert_with(|| new.clone());
                let (blobs, in_head) = (entry.blobs + 1, entry.in_head || place.in_head);
                if place.rank < entry.place.rank {
                    *entry = new;
                }
                (entry.blobs, entry.in_head) = (blobs, in_head);
            }
        }
    }
    groups
}

/// Reads the earliest blob of each group again and builds its finding.
fn report_groups(
    (plan, base): (&Plan, &Path),
    history: &History,
    suspects: &[Suspect],
    groups: &BTreeMap<Group, Earliest>,
    ledger: &Ledger,
) -> Vec<Finding> {
    let mut by_suspect: BTreeMap<usize, Vec<(&Group, &Earliest)>> = BTreeMap::new();
    for (key, earliest) in groups {
        by_suspect.entry(earliest.suspect).or_default().push((key, earliest));
    }
    let wanted: Vec<Wanted<'_>> = by_suspect.into_iter().collect();
    let commits = BTreeMap::new();
    let found = Vec::new();
    let mut reporter = Reporter { plan, base, history, suspects, ledger, commits, found };
    for blob in wanted.chunk_by(|(a, _), (b, _)| suspects[*a].handle == suspects[*b].handle) {
        reporter.blob(blob);
    }
    reporter.found
}

/// Builds findings.
struct Reporter<'r> {
    plan: &'r Plan,
    base: &'r Path,
    history: &'r History,
    suspects: &'r [Suspect],
    ledger: &'r Ledger,
    commits: BTreeMap<ObjectId, Arc<Commit>>,
    found: Vec<Finding>,
}

impl Reporter<'_> {
    /// Adds the findings of suspects that are the same blob.
    fn blob(&mut self, wanted: &[Wanted<'_>]) {
        let Some(handle) = wanted.first().map(|(at, _)| self.suspects[*at].handle) else { return };
        let bytes = match self.history.read(handle) {
            Ok(bytes) => bytes,
            Err(error) => {
                let text = format!("cannot be read again: {error}; its findings are lost");
                return self.ledger.problem(self.place(handle), text);
            }
        };
        let mut wanted = wanted.iter().peekable();
        if let Some(plain) = wanted.next_if(|(at, _)| self.suspects[*at].member.is_none()) {
            return self.suspect(plain, &bytes);
        }
        // What was left out of the archive has been told.
        let (name, unheard) =
            (named(self.history.id(handle)), (Ledger::default(), Progress::default()));
        let unheard = (&unheard.0, &unheard.1);
        packed::members(self.plan, (&name, &bytes), unheard, &mut |member, bytes| {
            let suspects = self.suspects;
            let is_it = |(at, _): &&Wanted<'_>| {
                suspects[*at].member.as_ref().is_some_and(|wanted| wanted.nth == member.nth)
            };
            if let Some(wanted) = wanted.next_if(is_it) {
                self.suspect(wanted, bytes);
            }
        });
    }

    fn place(&self, handle: Handle) -> String {
        format!("object {id}", id = self.history.id(handle))
    }

    /// Adds the findings of one suspect with the content `bytes`.
    fn suspect(&mut self, (at, groups): &Wanted<'_>, bytes: &[u8]) {
        let (plan, base, ledger) = (self.plan, self.base, self.ledger);
        let options = plan.options();
        let suspect = &self.suspects[*at];
        let bytes = crate::text::decode(bytes);
        let all: Vec<Candidate> = suspect.candidates.iter().map(|(c, _)| c.clone()).collect();
        for (key, earliest) in groups {
            let of_group =
                |(c, digest): &&(Candidate, [u8; 32])| c.rule == key.0 && *digest == key.1;
            let Some((candidate, _)) = suspect.candidates.iter().find(of_group) else { continue };
            let provenance = provenance(self.history, suspect.handle, earliest, &mut self.commits);
            // Resolved again for what only this path's candidates say, such as the pair of a secret.
            let kept = resolve_at(plan, &all, (base, Some(key.2.as_bstr())));
            let kept =
                kept.iter().find(|c| c.is_at(candidate)).map_or(&[][..], std::slice::from_ref);
            let made = ledger.contain(
                || self.place(suspect.handle),
                || details::findings(&plan.engine, &bytes, (kept, &all), &provenance, options),
            );
            for mut finding in made.into_iter().flatten() {
                finding.blobs = earliest.blobs;
                finding.advice.notes.extend(self.notes(suspect, &provenance));
                self.found.push(finding);
            }
        }
    }

    /// What is to be said of a member besides its path.
    fn notes(&self, suspect: &Suspect, provenance: &Provenance) -> Vec<String> {
        let Some(member) = &suspect.member else { return Vec::new() };
        let shown = [named(self.history.id(suspect.handle)).as_bytes(), &member.at].concat();
        let fate = self.ledger.fate(&shown);
        // Such a blob has no path, so that the member would not be named.
        let unnamed = provenance.path().is_none();
        let name = unnamed.then(|| format!("it stands in {shown}", shown = blob::name(&shown)));
        fate.into_iter().chain(name).collect()
    }
}

fn provenance(
    history: &History,
    handle: Handle,
    earliest: &Earliest,
    commits: &mut BTreeMap<ObjectId, Arc<Commit>>,
) -> Provenance {
    let blob = history.id(handle);
    match earliest.place.commit {
        Some(id) => Provenance::Commit {
            commit: Arc::clone(commits.entry(id).or_insert_with(|| Arc::new(history.commit(id)))),
            path: earliest.place.path.clone(),
            blob,
            in_head: earliest.in_head,
        },
        None => Provenance::Blob {
            blob,
            via: history.named_by(handle).unwrap_or("unreachable").to_owned(),
        },
    }
}
