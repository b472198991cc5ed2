//! Findings of a whole history: blobs first, then the places of those with candidates.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bstr::ByteSlice as _;
use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use super::changes::{self, digested};
use super::digests::Digests;
use super::haul::Haul;
use super::packed;
use super::resolve_at;
use super::suspects::{
    Again, Aside, Commits, Earliest, Group, Kept, Suspect, Suspects, lost, nowhere, object,
};
use crate::blob::{self, ObjectId, Provenance};
use crate::config::tree::{self, base_of};
use crate::finding::Finding;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::scan::Scanner;
use crate::scan::hits::Hits;
use crate::scan::{details, note};
use crate::source::Ledger;
use crate::source::git::{Handle, History, HistoryBlob, Place};

/// A suspect, by its number, with the groups that it is the earliest of.
type Wanted<'w> = (usize, Vec<(&'w Group, &'w Earliest)>);

/// Findings of a whole history, one a (check, secret, path).
pub(super) fn history(
    plan: &Plan,
    (history, path): (&History, &Path),
    (haul, progress): (&Haul, &Progress),
) -> Vec<Finding> {
    let (ledger, base) = (&haul.ledger, &Arc::from(base_of(path)));
    let suspects = haul.suspects(Suspects::of(path));
    let on_blob = |scanner: &mut Scanner<'_>, blob: &HistoryBlob<'_, Hits>| {
        let handle = blob.handle;
        if blob.archive {
            let id = (blob.id)();
            let mut each = |member, bytes: &[u8]| {
                let candidates = changes::candidates(scanner, bytes);
                if !candidates.is_empty() {
                    suspects.push(Suspect::new((handle, id, Some(member)), candidates));
                }
            };
            packed::members(
                plan,
                (named(id).as_str().into(), blob.bytes),
                (ledger, progress),
                &mut each,
            );
            return None;
        }
        let bytes = crate::text::decode(blob.bytes);
        // A transcoded blob has other places than what is stored.
        let plain = matches!(bytes, Cow::Borrowed(_));
        let (candidates, hits) = scanner.scan_version(&bytes, blob.base.filter(|_| plain));
        if !candidates.is_empty() {
            let suspect = (handle, (blob.id)(), None);
            suspects.push(Suspect::new(suspect, digested(candidates, &bytes)));
        }
        Some(hits).filter(|_| plain)
    };
    recall(history, &suspects, ledger);
    history.blobs(plan.limits, (ledger, progress), &|| plan.engine.scanner(), &on_blob);
    let suspects = suspects.sorted();
    let mut handles: Vec<Handle> = suspects.iter().map(|suspect| suspect.handle).collect();
    handles.dedup();
    if handles.is_empty() && progress.interrupted() {
        return Vec::new();
    }
    let places = history.places(&handles, plan.unreachable, (ledger, progress));
    let places = handles.into_iter().zip(places).collect();
    let mut digests = Digests::default();
    let groups = group((plan, base), (history, &mut digests), suspects, (&places, ledger));
    if history.keeps() {
        let notes = digests.notes(suspects);
        notes.for_each(|(suspect, note)| history.note(suspect.handle, note));
    }
    let reporter = Reporter::new((plan, base), (history, suspects), ledger);
    let report = |blob: &&[Wanted<'_>]| {
        let found = reporter.report(blob);
        haul.other(&found);
        found
    };
    let wanted = wanted(&groups);
    let blobs: Vec<&[Wanted<'_>]> = by_blob(&wanted, suspects).collect();
    let found: Vec<Vec<Finding>> = blobs.par_iter().map(report).collect();
    found.into_iter().flatten().collect()
}

/// Takes up what an earlier scan noted of blobs.
fn recall(history: &History, suspects: &Suspects, ledger: &Ledger) {
    history.noted().into_par_iter().for_each(|noted| match Suspect::noted(&noted) {
        Some(suspect) => suspects.push(suspect),
        None => {
            let text = "what the cache has of it is no note; run again with --no-cache";
            ledger.problem(object(noted.id), text.to_owned());
        }
    });
}

/// Findings of `suspects` without their places: what looks for them does not come back. Hands on those of one
/// blob after the other.
pub(super) fn unplaced(
    plan: &Plan,
    suspects: &Suspects,
    ledger: &Ledger,
    each: &mut dyn FnMut(Vec<Finding>),
) {
    let base: Arc<Path> = Arc::from(base_of(&suspects.path));
    let sorted = suspects.sorted();
    let mut groups: BTreeMap<Group, Earliest> = BTreeMap::new();
    let (aside, mut digests) = (Aside(&suspects.path), Digests::default());
    for (at, suspect) in sorted.iter().enumerate() {
        let place = std::iter::once(nowhere());
        let kept = [suspect.kept((plan, &base), place)];
        digests.learn(std::slice::from_ref(suspect), &kept, (&aside, ledger));
        for (place, key) in kept.into_iter().flat_map(|kept| suspect.groups(kept)) {
            let new = Earliest { suspect: at, place, blobs: 0, in_head: false };
            groups.entry(key).or_insert(new).blobs += 1;
        }
    }
    let reporter = Reporter::new((plan, &base), (&aside, sorted), ledger);
    by_blob(&wanted(&groups), sorted).for_each(|blob| each(reporter.report(blob)));
}

/// How a blob is shown where it is no finding.
fn named(blob: ObjectId) -> String {
    format!("blob {blob}")
}

/// One entry a (check, secret, path), at its earliest commit.
fn group(
    (plan, base): (&Plan, &Path),
    (history, digests): (&History, &mut Digests),
    suspects: &[Suspect],
    (places, ledger): (&HashMap<Handle, Vec<Place>>, &Ledger),
) -> BTreeMap<Group, Earliest> {
    let mut groups: BTreeMap<Group, Earliest> = BTreeMap::new();
    let nowhere = [nowhere()];
    let of_suspect = |suspect: &Suspect| {
        let places = places.get(&suspect.handle).map(Vec::as_slice).unwrap_or_default();
        let reported = plan.unreachable || history.named_by(suspect.handle).is_some();
        let places = if places.is_empty() && reported { &nowhere } else { places };
        let excluded = |place: &&Place| {
            let path = place.path.as_bstr();
            tree::excludes(&plan.configs.of(base, Some(path)), base, path)
        };
        let kept = || {
            let places = places.iter().filter(|place| !excluded(place)).cloned();
            suspect.kept((plan, base), places)
        };
        ledger.contain(|| object(suspect.id), kept).unwrap_or_default()
    };
    // What all of them have at all their places may take much memory.
    for (nth, some) in suspects.chunks(AT_ONCE).enumerate() {
        let kept: Vec<Vec<Kept>> = some.par_iter().map(of_suspect).collect();
        digests.learn(some, &kept, (history, ledger));
        for (at, kept) in (nth * AT_ONCE..).zip(kept) {
            for (place, key) in suspects[at].groups(kept) {
                let new = Earliest { suspect: at, place, blobs: 0, in_head: false };
                let entry = groups.entry(key).or_insert_with(|| new.clone());
                let in_head = entry.in_head || new.place.in_head;
                let blobs = entry.blobs + 1;
                if new.place.since() < entry.place.since() {
                    *entry = new;
                }
                (entry.blobs, entry.in_head) = (blobs, in_head);
            }
        }
    }
    groups
}

/// How many suspects are looked at between two joints of the threads.
const AT_ONCE: usize = 512;

/// The suspects that are the earliest of groups, in their order.
fn wanted(groups: &BTreeMap<Group, Earliest>) -> Vec<Wanted<'_>> {
    let mut by_suspect: BTreeMap<usize, Vec<(&Group, &Earliest)>> = BTreeMap::new();
    for (key, earliest) in groups {
        by_suspect.entry(earliest.suspect).or_default().push((key, earliest));
    }
    by_suspect.into_iter().collect()
}

/// Those of `wanted` that are of one blob together, one blob after the other.
fn by_blob<'w>(
    wanted: &'w [Wanted<'w>],
    suspects: &[Suspect],
) -> impl Iterator<Item = &'w [Wanted<'w>]> {
    wanted.chunk_by(|(a, _), (b, _)| suspects[*a].id == suspects[*b].id)
}

/// Builds findings.
struct Reporter<'r> {
    plan: &'r Plan,
    base: &'r Arc<Path>,
    source: &'r dyn Again,
    suspects: &'r [Suspect],
    ledger: &'r Ledger,
    commits: Commits,
}

impl<'r> Reporter<'r> {
    fn new(
        (plan, base): (&'r Plan, &'r Arc<Path>),
        (source, suspects): (&'r dyn Again, &'r [Suspect]),
        ledger: &'r Ledger,
    ) -> Self {
        Self { plan, base, source, suspects, ledger, commits: Mutex::default() }
    }

    /// The findings of suspects that are the same blob, which is read again.
    fn report(&self, wanted: &[Wanted<'_>]) -> Vec<Finding> {
        let mut found = Vec::new();
        let id = self.suspects[wanted[0].0].id;
        self.ledger.contain(|| object(id), || self.blob(wanted, &mut found));
        found.iter_mut().for_each(|finding| finding.base = Some(Arc::clone(self.base)));
        found
    }

    fn blob(&self, wanted: &[Wanted<'_>], found: &mut Vec<Finding>) {
        let Some(first) = wanted.first().map(|(at, _)| &self.suspects[*at]) else { return };
        let bytes = match self.source.read(first) {
            Ok(bytes) => bytes,
            Err(error) => {
                return self.ledger.problem(object(first.id), lost(&error));
            }
        };
        let mut wanted = wanted.iter().peekable();
        if let Some(plain) = wanted.next_if(|(at, _)| self.suspects[*at].member.is_none()) {
            return self.suspect(plain, &bytes, found);
        }
        // What was left out of the archive has been told.
        let (name, unheard) = (named(first.id), (Ledger::default(), Progress::default()));
        let unheard = (&unheard.0, &unheard.1);
        packed::members(
            self.plan,
            (name.as_str().into(), &bytes),
            unheard,
            &mut |member, bytes| {
                let suspects = self.suspects;
                let is_it = |(at, _): &&Wanted<'_>| {
                    suspects[*at].member.as_ref().is_some_and(|wanted| wanted.nth == member.nth)
                };
                if let Some(wanted) = wanted.next_if(is_it) {
                    self.suspect(wanted, bytes, found);
                }
            },
        );
    }

    /// Adds the findings of one suspect with the content `bytes`.
    fn suspect(&self, (at, groups): &Wanted<'_>, bytes: &[u8], found: &mut Vec<Finding>) {
        let (plan, base, ledger) = (self.plan, self.base, self.ledger);
        let options = plan.options();
        let suspect = &self.suspects[*at];
        let bytes = crate::text::decode(bytes);
        let all = &suspect.candidates()[..];
        for (key, earliest) in groups {
            let Some(candidate) = suspect.of_group(all, key) else { continue };
            if !note::fits(all, &bytes) || candidate.value(&bytes).digest() != key.1 {
                ledger.problem(object(suspect.id), lost("it is not what it was"));
                continue;
            }
            let provenance = self.source.provenance(suspect, earliest, &self.commits);
            // Resolved again for what only this path's candidates say, such as the pair of a secret.
            let kept = resolve_at(plan, all, (base, Some(key.2.as_bstr())));
            let kept =
                kept.iter().find(|c| c.is_at(candidate)).map_or(&[][..], std::slice::from_ref);
            let made = ledger.contain(
                || object(suspect.id),
                || details::findings(&plan.engine, &bytes, (kept, all), &provenance, options),
            );
            for mut finding in made.into_iter().flatten() {
                finding.blobs = earliest.blobs;
                finding.advice.notes.extend(self.notes(suspect, &provenance));
                found.push(finding);
            }
        }
    }

    /// What is to be said of a member besides its path.
    fn notes(&self, suspect: &Suspect, provenance: &Provenance) -> Vec<String> {
        let Some(member) = &suspect.member else { return Vec::new() };
        let shown = [named(suspect.id).as_bytes(), &member.at].concat();
        let fate = self.ledger.fate(&shown);
        // Such a blob has no path, so that the member would not be named.
        let unnamed = provenance.path().is_none();
        let name = unnamed.then(|| format!("it stands in {shown}", shown = blob::name(&shown)));
        fate.into_iter().chain(name).collect()
    }
}
