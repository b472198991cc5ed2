//! A history that was scanned before and to which something was added since: only that is read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::fault::locked;
use crate::progress::Progress;
use crate::source::git::earlier::{Earlier, Files};
use crate::source::git::graph::{self, Place};
use crate::source::git::growth::{Added, Growth, HeadChange, Targets};
use crate::source::git::newer::Newer;
use crate::source::git::objects::{Number, Objects};
use crate::source::git::pack::Kind;
use crate::source::git::recall::{Kept, Memory, Record};
use crate::source::git::refs::Refs;
use crate::source::git::settled::{Interest, Settled};
use crate::source::git::state::{Contents, State};
use crate::source::git::stock::{Graph, Stock};
use crate::source::git::store::Store;
use crate::source::git::tree::Mode;
use crate::source::git::{Handle, OnBlob, visit};
use crate::source::{Ledger, Limits};

/// Where one object in so many has come since all of a history was read, it is read again.
const MANY: u64 = 16;
/// Unless they are no more than that.
const FEW: u64 = 4096;

/// All of it.
pub(crate) struct Grown {
    /// The folder of objects.
    folder: PathBuf,
    /// What an earlier scan found, with the places that its blobs have now.
    pub(crate) settled: Settled,
    /// By id, where a blob of that stands.
    known: FxHashMap<ObjectId, Number>,
    /// What has come.
    fresh: Objects,
    /// Where blobs stand that are of no interest so far, in commits that have come.
    places: FxHashMap<ObjectId, Vec<Place>>,
    /// Old blobs that are of interest now.
    aside: Mutex<Vec<ObjectId>>,
    /// Blobs with a name that an audit looks for.
    named: Mutex<Vec<ObjectId>>,
    /// What the scanner noted of old blobs.
    notes: Mutex<Vec<(Number, Box<[u8]>)>>,
    record: Record,
    /// What the next scan is to find.
    stock: Stock,
    /// The sum of the commits that it counts from.
    graph: u32,
}

impl Grown {
    /// Looks at what has come to the repository with the object folder `folder`, which has those `contents` and
    /// `refs`, since it was `kept`; `None` where it has not only grown, or by much.
    pub(crate) fn open(
        kept: &mut Kept,
        (folder, contents, refs): (PathBuf, &Contents, &Refs),
        (store, partial): (&Store, bool),
        progress: &Progress,
    ) -> Option<Self> {
        let (mut settled, old) = kept.grounds()?;
        contents.has_grown_from(&old.contents).then_some(())?;
        let files = Files::open(&old.contents, store.hash()).ok()?;
        let came = old.count.1 + files.came(contents, store.hash()).ok()? as u64;
        (came <= FEW.max(old.count.0 / MANY)).then_some(())?;
        let met = Ledger::default();
        let fresh = Objects::open(&folder, store.hash(), Earlier::Files(&files), &met);
        let table = kept.graph()?;
        let graph = Graph::of(&table, store.hash(), &old)?;
        let targets = Targets::of(refs, &old, store)?;
        let quiet = (progress, &met);
        let growth = Growth::read(&fresh, (&old, &graph), (&targets, store), quiet)?;
        let mut newer = Newer::new(store);
        let added = growth.added(&mut newer)?;
        let is_whole = !partial || growth.is_as_partial(&fresh, &newer.read, quiet);
        let head = growth.head(refs.head, &mut Newer::new(store))?;
        (is_whole && !met.has_problems()).then_some(())?;
        settled.commits = growth.count(settled.commits);
        let places = settled.grow(&growth.lost, added, &head)?;
        let known = settled.interest.iter().map(|blob| blob.id).zip(0..).collect();
        let mut stock = Stock {
            contents: contents.clone(),
            refs: targets.refs,
            direct: old.direct.clone(),
            head: refs.head,
            ends: Vec::new(),
            missing: old.missing.clone(),
            count: (old.count.0, came),
            since: old.since.clone(),
            turned: old.turned.clone(),
        };
        growth.tell(&mut stock);
        let (aside, named, notes) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (record, graph) = (Record::default(), crc32fast::hash(&table));
        Some(Self {
            folder,
            settled,
            known,
            fresh,
            places,
            aside,
            named,
            notes,
            record,
            stock,
            graph,
        })
    }

    /// The number of the first blob that has come, as handles have it.
    fn base(&self) -> Number {
        Number::try_from(self.settled.interest.len()).unwrap_or(Number::MAX)
    }

    /// The number of the first old blob that is of interest now.
    fn aside(&self) -> Number {
        self.base() + Number::try_from(self.fresh.len()).unwrap_or(Number::MAX)
    }

    /// The id of a blob.
    pub(crate) fn id(&self, number: Number) -> ObjectId {
        if let Some(blob) = self.settled.interest.get(number as usize) {
            return blob.id;
        }
        match number.checked_sub(self.aside()) {
            Some(nth) => locked(&self.aside)[nth as usize],
            None => self.fresh.id(number - self.base()),
        }
    }

    /// The number of a blob that is here.
    fn number(&self, id: ObjectId) -> Number {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        if let Some(fresh) = self.fresh.lookup(id.raw()) {
            return self.base() + fresh;
        }
        let mut aside = locked(&self.aside);
        let nth = aside.iter().position(|other| *other == id).unwrap_or(aside.len());
        if nth == aside.len() {
            aside.push(id);
        }
        self.aside() + Number::try_from(nth).unwrap_or(Number::MAX)
    }

    /// Scans what has come, and again what is looked at again; see [`Settled::blobs`].
    pub(crate) fn blobs<S: Send, M>(
        &self,
        store: &Store,
        options: (Limits, bool),
        quiet: (&Ledger, &Progress),
        (new, on_blob): (&(dyn Fn() -> S + Sync), &OnBlob<'_, S, M>),
    ) -> Vec<S> {
        let mut states = self.settled.blobs(store, quiet, new, on_blob);
        quiet.1.expect(self.fresh.count(Kind::Blob) as u64);
        let to = (Some(&self.record), self.base());
        states.append(&mut visit::blobs(&self.fresh, to, options, quiet, (new, on_blob)));
        states
    }

    /// Keeps a note of a blob.
    pub(crate) fn note(&self, number: Number, note: Vec<u8>) {
        match number < self.base() {
            true => locked(&self.notes).push((number, note.into())),
            false => self.record.note(number, note),
        }
    }

    /// Where blobs stand that refs reach.
    pub(crate) fn places(&self, hits: &[Handle], ledger: &Ledger) -> Vec<Vec<Place>> {
        let base = self.base();
        let places = |hit: &Handle| match hit.0 < base {
            true => self.settled.places(&[*hit], false, ledger).pop().unwrap_or_default(),
            false => self.places.get(&self.id(hit.0)).cloned().unwrap_or_default(),
        };
        let all: Vec<Vec<Place>> = hits.iter().map(places).collect();
        let new = || hits.iter().zip(&all).filter(|(hit, _)| hit.0 >= base);
        let numbers: Vec<Number> = new().map(|(hit, _)| hit.0).collect();
        let of_new: Vec<Vec<Place>> = new().map(|(_, places)| places.clone()).collect();
        self.record.interest(&numbers);
        self.record.places(&numbers, false, &of_new);
        all
    }

    /// Every blob that has a name for which `wanted` holds, in any commit.
    pub(crate) fn named(
        &self,
        wanted: &(dyn Fn(&[u8]) -> bool + Sync),
        store: &Store,
        (ledger, progress): (&Ledger, &Progress),
    ) -> Vec<Number> {
        let found = graph::named(&self.fresh, wanted, (&progress.aside(), ledger));
        // One that is not here was told of before, or is what a partial clone does not have.
        let found = found.into_iter().filter(|id| store.kind(*id).is_ok_and(|kind| kind.is_some()));
        let mut numbers: Vec<Number> = found.map(|id| self.number(id)).collect();
        numbers.extend(&self.settled.named);
        numbers.sort_unstable();
        numbers.dedup();
        *locked(&self.named) = numbers.iter().map(|number| self.id(*number)).collect();
        numbers
    }

    /// Keeps in `memory` what was seen, as long as the repository at `place` is in `state`; `refs` is a part of that.
    ///
    /// # Errors
    /// The I/O error.
    pub(crate) fn remember(
        &self,
        memory: &Memory,
        place: &Path,
        (state, refs): (&State, &[u8; 32]),
    ) -> io::Result<()> {
        let objects = (&*self.folder, self.fresh.hash());
        if Contents::still(objects, (state, refs))?.is_none() {
            return Ok(());
        }
        let settled = memory.settle(state, &self.joined());
        memory.renew(place, (&settled, &self.stock), self.graph)
    }

    /// What holds as long as nothing changes.
    fn joined(&self) -> Settled {
        let mut all = self.settled.clone();
        for (number, note) in &*locked(&self.notes) {
            all.interest[*number as usize].note = Some(note.clone());
        }
        let mut new = self.record.settled(&|number| self.id(number), None, &|_| None);
        all.clean = (all.clean.0 + new.clean.0, all.clean.1 + new.clean.1);
        all.left_out.append(&mut new.left_out);
        all.left_out.sort_unstable();
        all.interest.append(&mut new.interest);
        all.interest.sort_by_key(|blob| blob.id);
        let named: FxHashSet<ObjectId> = {
            let before = self.settled.named.iter().map(|at| self.settled.interest[*at as usize].id);
            before.chain(locked(&self.named).iter().copied()).collect()
        };
        let all_ids = all.interest.iter().map(|blob| blob.id);
        all.named =
            (0..).zip(all_ids).filter(|(_, id)| named.contains(id)).map(|(at, _)| at).collect();
        all
    }
}

impl Settled {
    /// Takes in what was added to a history, and what is in HEAD now. Gives the places of blobs that are of no
    /// interest so far; `None` where a blob was first in one of the commits that are `lost`, and may be in another one.
    fn grow(
        &mut self,
        lost: &FxHashSet<ObjectId>,
        added: Vec<Added>,
        head: &HeadChange,
    ) -> Option<FxHashMap<ObjectId, Vec<Place>>> {
        let mut first = self.interest.iter().filter_map(|blob| blob.places[0].as_ref()).flatten();
        if !lost.is_empty() && first.any(|it| it.commit.is_some_and(|it| lost.contains(&it))) {
            return None;
        }
        let mut known: FxHashMap<ObjectId, &mut Interest> =
            self.interest.iter_mut().map(|blob| (blob.id, blob)).collect();
        let mut others: FxHashMap<ObjectId, Vec<Place>> = FxHashMap::default();
        for Added { blob, path, commit, age } in added {
            let places = match known.get_mut(&blob).map(|blob| &mut blob.places[0]) {
                Some(Some(places)) => places,
                // Where it stands was never asked, and is not known now.
                Some(None) => continue,
                None => others.entry(blob).or_default(),
            };
            let (commit, is_there) = (Some(commit), |place: &&mut Place| place.path == path);
            let new = Place { path: path.clone(), commit, age, in_head: false };
            match places.iter_mut().find(is_there) {
                Some(place) if new.since() < place.since() => {
                    *place = Place { in_head: place.in_head, ..new };
                }
                Some(_) => {}
                None => places.push(new),
            }
        }
        let known = known.into_iter().filter_map(|(id, blob)| Some((id, blob.places[0].as_mut()?)));
        let others_too = others.iter_mut().map(|(id, places)| (*id, places));
        for (id, places) in known.chain(others_too) {
            for place in places {
                let is_it = |file: &(Mode, ObjectId)| *file == (Mode::Blob, id);
                let came = head.came.get(&place.path).is_some_and(is_it);
                let gone = head.gone.get(&place.path).is_some_and(is_it);
                place.in_head = came || place.in_head && !gone;
            }
        }
        let modules = |files: &FxHashMap<BString, (Mode, ObjectId)>| {
            let modules = files.iter().filter(|(_, (mode, _))| *mode == Mode::Submodule);
            modules.map(|(path, _)| path.clone()).collect::<Vec<_>>()
        };
        let gone = modules(&head.gone);
        self.submodules.retain(|path| !gone.contains(path));
        self.submodules.append(&mut modules(&head.came));
        self.submodules.sort_unstable();
        Some(others)
    }
}
