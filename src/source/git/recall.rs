//! What an earlier scan of this repository saw, in the numbers of the objects that are here now, and
//! what this scan sees, for the next one.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest as _, Sha256};

use crate::blob::ObjectId;
use crate::caches;
use crate::fault::locked;
use crate::source::git::coding::{Out, Summed};
use crate::source::git::commits::Age;
use crate::source::git::graph::Place;
use crate::source::git::objects::{Number, Objects};
use crate::source::git::settled::{Interest, Settled};
use crate::source::git::snapshot::{self, ABSENT, Head, Snapshot, What};
use crate::source::git::state::State;
use crate::source::git::stock::{Graph, Stock};
use crate::text::hex;

/// Larger files are not ours: it is what some eighty million objects take.
const MAX_FILE: u64 = 2 << 30;

/// Bytes that are copied at once.
const BIT: usize = 1 << 20;

/// Where snapshots of histories are kept, and what they depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    folder: PathBuf,
    key: [u8; 32],
    use_: &'static str,
    unreachable: bool,
}

/// What is kept of a repository.
pub(crate) struct Kept {
    file: fs::File,
    /// Where the head ends.
    start: u64,
    settled: Vec<u8>,
    unreachable: bool,
}

impl Kept {
    /// What holds as long as the repository is in `state`, if it is.
    pub(crate) fn settled(&self, state: &State) -> Option<Settled> {
        let rest = self.settled.strip_prefix(state.raw())?;
        Settled::decode(rest.strip_prefix(&[u8::from(self.unreachable)])?)
    }

    /// What was found in a state that is no more, and what was there then.
    pub(crate) fn grounds(&mut self) -> Option<(Settled, Stock)> {
        // Where places count that only other commits have, all of them may change.
        let rest = self.settled.get(State::LEN..)?;
        let settled = Settled::decode(rest.strip_prefix(&[0]).filter(|_| !self.unreachable)?)?;
        self.file.seek(SeekFrom::Start(self.start)).ok()?;
        Some((settled, Stock::decode(&snapshot::read_part(&mut self.file)?)?))
    }

    /// The commits, behind what [`Kept::grounds`] has read.
    pub(crate) fn graph(&mut self) -> Option<Vec<u8>> {
        snapshot::read_part(&mut self.file)
    }

    /// The snapshot.
    pub(crate) fn snapshot(mut self) -> Option<Snapshot> {
        let mut rest = Vec::new();
        self.file.seek(SeekFrom::Start(self.start)).ok()?;
        snapshot::pass_part(&mut self.file).ok()?;
        snapshot::pass_part(&mut self.file).ok()?;
        self.file.read_to_end(&mut rest).ok()?;
        Snapshot::decode(&rest)
    }
}

impl Memory {
    /// A memory in `folder` for one `use_` of a repository, such as an audit. A snapshot counts only as
    /// long as `parts` are the same: the program, its rules, its options.
    pub fn new(folder: PathBuf, use_: &'static str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self { folder, key: hash.finalize().into(), use_, unreachable: false }
    }

    /// The file for the repository whose common folder is `place`.
    fn file(&self, place: &Path) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(self.use_);
        hash.update(place.as_os_str().as_encoded_bytes());
        self.folder.join(hex(&hash.finalize()[..16])).with_extension(caches::HISTORY)
    }

    /// With `unreachable`, places count that only commits have which no ref reaches.
    #[must_use]
    pub fn placing(self, unreachable: bool) -> Self {
        Self { unreachable, ..self }
    }

    /// What is kept of the repository at `place`, where that still counts.
    pub(crate) fn open(&self, place: &Path) -> Option<Kept> {
        let mut file = caches::open_own(&self.file(place), MAX_FILE).ok()?;
        let (key, _, settled) = snapshot::head(&mut file)?;
        let (start, unreachable) = (file.stream_position().ok()?, self.unreachable);
        (key == self.key).then_some(Kept { file, start, settled, unreachable })
    }

    /// Writes a snapshot of blobs among `objects`, whole or not at all, with what [`Memory::settle`] gave, and the
    /// commits with their parents.
    ///
    /// # Errors
    /// The I/O error.
    pub(crate) fn write(
        &self,
        place: &Path,
        (settled, stock): (&[u8], &Stock),
        (commits, parents): (&[(Number, Age, u32)], &[u32]),
        (snapshot, order, objects): (&Snapshot, &[Number], &Objects),
    ) -> io::Result<()> {
        let ids = (order.len(), order.iter().map(|number| objects.id(*number)));
        caches::write_own(&self.file(place), |out| {
            self.head(place, settled).write(out)?;
            snapshot::write_part(&stock.encode(), out)?;
            let mut table = Summed::new(out);
            table.length(Graph::len(objects.hash(), commits.len(), parents.len()))?;
            table.length(commits.len())?;
            for (commit, age, parents) in commits {
                table.put(|out| Graph::write(out, (objects.id(*commit), *age), *parents))?;
            }
            parents.iter().try_for_each(|place| table.put(|out| out.word(*place)))?;
            table.end()?;
            snapshot.write(ids, out)
        })
    }

    /// As [`Memory::write`], with the commits and the snapshot that are there already; the commits are those with
    /// the sum `graph`, which `stock` counts from. Another scan may have written others since they were read.
    ///
    /// # Errors
    /// The I/O error.
    pub(crate) fn renew(
        &self,
        place: &Path,
        (settled, stock): (&[u8], &Stock),
        graph: u32,
    ) -> io::Result<()> {
        // What is not of the same key or not whole is not written again, but made anew next time.
        let Some(Kept { mut file, .. }) = self.open(place) else { return Ok(()) };
        snapshot::pass_part(&mut file)?;
        let commits = snapshot::read_part(&mut file);
        let Some(commits) = commits.filter(|it| crc32fast::hash(it) == graph) else {
            return Ok(());
        };
        let mut rest = io::BufReader::with_capacity(BIT, file);
        caches::write_own(&self.file(place), |out| {
            self.head(place, settled).write(out)?;
            snapshot::write_part(&stock.encode(), out)?;
            snapshot::write_part(&commits, out)?;
            io::copy(&mut rest, out).map(drop)
        })
    }

    /// What holds as long as the repository is in `state`, to be written.
    pub(crate) fn settle(&self, state: &State, settled: &Settled) -> Vec<u8> {
        let mut out = Out(state.raw().to_vec());
        out.byte(u8::from(self.unreachable));
        settled.encode(&mut out);
        out.0
    }

    fn head<'h>(&'h self, place: &'h Path, settled: &'h [u8]) -> Head<'h> {
        Head { key: &self.key, place: place.as_os_str().as_encoded_bytes(), settled }
    }

    /// Notes that the snapshot of the repository at `place` was of use.
    pub(crate) fn touch(&self, place: &Path) {
        let now = fs::File::options().append(true).open(self.file(place));
        // A cache whose time cannot be set is only cleared earlier.
        let _ = now.and_then(|file| file.set_modified(std::time::SystemTime::now()));
    }
}

/// An earlier snapshot and the objects of it that are here.
pub(crate) struct Known {
    old: Snapshot,
    numbers: Vec<Number>,
    /// Of which there are notes.
    notes: FxHashSet<Number>,
}

impl Known {
    /// Finds the objects of `old` among `objects`.
    pub(crate) fn new(old: Snapshot, objects: &Objects) -> Self {
        let numbers = objects.numbers(&old);
        let notes = old.notes.iter().map(|(at, _)| numbers[*at as usize]);
        Self { notes: notes.collect(), old, numbers }
    }

    fn number(&self, at: u32) -> Option<Number> {
        self.numbers.get(at as usize).copied().filter(|number| *number != ABSENT)
    }

    /// What was seen in each object that is here, and its size where it was scanned.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (Number, What, u32)> {
        let old = self.numbers.iter().zip(&self.old.what).zip(&self.old.sizes);
        old.map(|((number, what), size)| (*number, *what, *size)).filter(|seen| seen.0 != ABSENT)
    }

    /// True when the scanner noted something of a blob.
    pub(crate) fn has_note(&self, blob: Number) -> bool {
        self.notes.contains(&blob)
    }

    /// What the scanner noted of blobs.
    pub(crate) fn noted(&self) -> impl Iterator<Item = (Number, &[u8])> {
        self.old.notes.iter().filter_map(|(at, note)| Some((self.number(*at)?, &**note)))
    }
}

/// What this scan sees.
#[derive(Default)]
pub(crate) struct Record(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    blobs: Vec<(Number, What, u32)>,
    interest: FxHashSet<Number>,
    named: Vec<Number>,
    notes: Vec<(Number, Box<[u8]>)>,
    /// Where blobs stand, and whether in all commits.
    places: Vec<(Number, bool, Vec<Place>)>,
    /// What trees of a partial clone name and is not here, sorted.
    missing: Vec<ObjectId>,
    /// True when not all was seen.
    cut: bool,
}

impl Record {
    /// Adds what was seen in blobs, with their sizes.
    pub(crate) fn blobs(&self, blobs: Vec<(Number, What, u32)>) {
        self.with(|seen| seen.blobs.extend(blobs));
    }

    /// Adds blobs that are to be looked at again.
    pub(crate) fn interest(&self, blobs: &[Number]) {
        self.with(|seen| seen.interest.extend(blobs));
    }

    /// Adds blobs with a name that an audit looks for.
    pub(crate) fn named(&self, blobs: &[Number]) {
        self.with(|seen| seen.named.extend(blobs));
    }

    /// Takes over what trees of a partial clone name and is not here.
    pub(crate) fn missing(&self, ids: impl Iterator<Item = ObjectId>) {
        let mut missing: Vec<ObjectId> = ids.collect();
        missing.sort_unstable();
        missing.dedup();
        self.with(|seen| seen.missing = missing);
    }

    /// Adds what the scanner wants to be told again of a blob.
    pub(crate) fn note(&self, blob: Number, note: Vec<u8>) {
        self.with(|seen| seen.notes.push((blob, note.into())));
    }

    /// Adds where blobs stand, `unreachable` commits included or not.
    pub(crate) fn places(&self, blobs: &[Number], unreachable: bool, places: &[Vec<Place>]) {
        let all =
            blobs.iter().zip(places).map(|(blob, places)| (*blob, unreachable, places.clone()));
        self.with(|seen| seen.places.extend(all));
    }

    /// What trees of a partial clone name and is not here, sorted.
    pub(crate) fn all_missing(&self) -> Vec<ObjectId> {
        locked(&self.0).missing.clone()
    }

    /// What holds as long as nothing changes, but for what is not of blobs; `id` gives the id of a number,
    /// `named_by` the ref that names a blob itself. Where blobs stand is gone then.
    pub(crate) fn settled(
        &self,
        id: &dyn Fn(Number) -> ObjectId,
        known: Option<&Known>,
        named_by: &dyn Fn(Number) -> Option<String>,
    ) -> Settled {
        let mut seen = locked(&self.0);
        let archives = seen.blobs.iter().filter(|(_, what, _)| *what == What::Interest);
        let wanted: FxHashSet<Number> =
            archives.map(|(blob, ..)| *blob).chain(seen.interest.iter().copied()).collect();
        let mut settled = Settled::default();
        // What is not looked at again though it is of interest was not looked at in this scan either.
        let mut looked: FxHashMap<Number, (What, u32)> = FxHashMap::default();
        let before = known.into_iter().flat_map(Known::seen);
        let before = before.map(|blob| (false, blob)).filter(|(_, blob)| blob.1 != What::Interest);
        let all = before.chain(seen.blobs.iter().map(|blob| (true, *blob)));
        for (is_seen, (number, what, size)) in all {
            if let Some(reason) = what.left_out() {
                settled.left_out.push((reason, id(number)));
            } else if is_seen && wanted.contains(&number) {
                looked.insert(number, (what, size));
            } else if what == What::Clean {
                settled.clean.0 += 1;
                settled.clean.1 += u64::from(size);
            }
        }
        settled.left_out.sort_unstable();
        let interest = |number: &Number| {
            let (what, size) = looked.get(number).copied().unwrap_or((What::Other, 0));
            let (id, named_by) = (id(*number), named_by(*number));
            Interest { id, what, size, note: None, named_by, places: [None, None] }
        };
        let mut wanted: Vec<Number> = wanted.into_iter().collect();
        wanted.sort_by_key(|number| id(*number));
        settled.interest = wanted.iter().map(interest).collect();
        let at: FxHashMap<Number, u32> = wanted.into_iter().zip(0..).collect();
        for (blob, note) in &seen.notes {
            if let Some(at) = at.get(blob) {
                settled.interest[*at as usize].note = Some(note.clone());
            }
        }
        let all = std::mem::take(&mut seen.places);
        for (blob, unreachable, places) in all {
            if let Some(at) = at.get(&blob) {
                settled.interest[*at as usize].places[usize::from(unreachable)] = Some(places);
            }
        }
        settled.missing = seen.missing.len() as u64;
        settled.named = seen.named.iter().filter_map(|blob| at.get(blob)).copied().collect();
        settled.named.sort_unstable();
        settled
    }

    /// Says that not all was seen, so that nothing is kept.
    pub(crate) fn cut(&self) {
        self.with(|seen| seen.cut = true);
    }

    /// True when not all was seen.
    pub(crate) fn is_cut(&self) -> bool {
        locked(&self.0).cut
    }

    fn with(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut locked(&self.0));
    }

    /// The snapshot of the blobs of `objects`, with what is `known` from before, and in place of its ids the blobs in
    /// their order. What was seen of them is gone then.
    pub(crate) fn snapshot(
        &self,
        objects: &Objects,
        known: Option<&Known>,
    ) -> (Snapshot, Vec<Number>) {
        let mut seen = locked(&self.0);
        let mut blobs = std::mem::take(&mut seen.blobs);
        // What was seen last counts.
        blobs.reverse();
        blobs.extend(known.into_iter().flat_map(Known::seen));
        blobs.sort_by_key(|(number, ..)| objects.id(*number));
        blobs.dedup_by_key(|(number, ..)| objects.id(*number));
        let at = |number: &Number| {
            let id = objects.id(*number);
            blobs.binary_search_by_key(&id, |(number, ..)| objects.id(*number)).ok()
        };
        let mut snapshot = Snapshot { hash: objects.hash(), ..Snapshot::default() };
        let interest: Vec<usize> = seen.interest.iter().filter_map(at).collect();
        let note = |(blob, note): &(Number, Box<[u8]>)| {
            Some((u32::try_from(at(blob)?).ok()?, note.clone()))
        };
        snapshot.notes = seen.notes.iter().filter_map(note).collect();
        snapshot.notes.sort_unstable();
        snapshot.what = blobs.iter().map(|(_, what, _)| *what).collect();
        snapshot.sizes = blobs.iter().map(|(.., size)| *size).collect();
        interest.into_iter().for_each(|at| snapshot.what[at] = What::Interest);
        (snapshot, blobs.into_iter().map(|(number, ..)| number).collect())
    }
}
