//! Findings of a whole history: blobs first, then the places of those with candidates.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bstr::{BString, ByteSlice as _};

use super::resolve_at;
use crate::blob::{Commit, ObjectId, Provenance};
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

/// A blob with candidates, until its places are known.
struct Suspect {
    handle: Handle,
    /// Each candidate with the digest of its secret.
    candidates: Vec<(Candidate, [u8; 32])>,
    /// The candidates for the next scan.
    note: Option<Vec<u8>>,
}

/// What stands for one finding of the history: check, secret and path.
type Group = (u32, [u8; 32], BString);

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
            let digest = |c: Candidate| {
                let digest = c.value(&bytes).digest();
                (c, digest)
            };
            let candidates = candidates.into_iter().map(digest).collect();
            suspects.push(Suspect { handle: blob.handle, candidates, note });
        }
        hits
    };
    let new = || (plan.engine.scanner(), Vec::new());
    let states = history.blobs(plan.limits, (ledger, progress), &new, &on_blob);
    let mut suspects: Vec<Suspect> = states.into_iter().flat_map(|(_, found)| found).collect();
    suspects.sort_by_key(|suspect| history.id(suspect.handle));
    for suspect in &mut suspects {
        if let Some(note) = suspect.note.take() {
            history.note(suspect.handle, note);
        }
    }
    let handles: Vec<Handle> = suspects.iter().map(|suspect| suspect.handle).collect();
    if handles.is_empty() && progress.interrupted() {
        return Vec::new();
    }
    let places = history.places(&handles, plan.unreachable, ledger);
    let groups = group((plan, base), history, &suspects, &places);
    let mut found = report_groups((plan, base), history, &suspects, &groups, ledger);
    found.iter_mut().for_each(|finding| finding.base = Some(Arc::clone(base)));
    found
}

/// One entry a (check, secret, path), at its earliest commit.
fn group(
    (plan, base): (&Plan, &Path),
    history: &History,
    suspects: &[Suspect],
    places: &[Vec<Place>],
) -> BTreeMap<Group, Earliest> {
    let mut groups: BTreeMap<Group, Earliest> = BTreeMap::new();
    for (at, (suspect, places)) in suspects.iter().zip(places).enumerate() {
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
    let mut commits: BTreeMap<ObjectId, Arc<Commit>> = BTreeMap::new();
    let mut by_blob: BTreeMap<usize, Vec<(&Group, &Earliest)>> = BTreeMap::new();
    for (key, earliest) in groups {
        by_blob.entry(earliest.suspect).or_default().push((key, earliest));
    }
    let mut found = Vec::new();
    for (at, members) in by_blob {
        let suspect = &suspects[at];
        let place = || format!("object {id}", id = history.id(suspect.handle));
        let bytes = match history.read(suspect.handle) {
            Ok(bytes) => bytes,
            Err(error) => {
                ledger.problem(
                    place(),
                    format!("cannot be read again: {error}; its findings are lost"),
                );
                continue;
            }
        };
        let bytes = crate::text::decode(&bytes);
        let all: Vec<Candidate> = suspect.candidates.iter().map(|(c, _)| c.clone()).collect();
        for (key, earliest) in members {
            let of_group =
                |(c, digest): &&(Candidate, [u8; 32])| c.rule == key.0 && *digest == key.1;
            let Some((candidate, _)) = suspect.candidates.iter().find(of_group) else { continue };
            let provenance = provenance(history, suspect.handle, earliest, &mut commits);
            // Resolved again for what only this path's candidates say, such as the pair of a secret.
            let kept = resolve_at(plan, &all, (base, Some(key.2.as_bstr())));
            let kept =
                kept.iter().find(|c| c.is_at(candidate)).map_or(&[][..], std::slice::from_ref);
            let made = ledger.contain(place, || {
                details::findings(&plan.engine, &bytes, (kept, &all), &provenance, plan.options())
            });
            let made = made.into_iter().flatten();
            found.extend(made.map(|finding| Finding { blobs: earliest.blobs, ..finding }));
        }
    }
    found
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
