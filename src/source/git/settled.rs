//! What came of a history as long as nothing of it changes: what was left out, the blobs of interest and where
//! they stand. With this a scan opens no index of a pack and reads no commit and no tree.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bstr::BString;

use crate::blob::ObjectId;
use crate::fault::locked;
use crate::finding::SkipReason;
use crate::progress::{Progress, Reading};
use crate::source::Ledger;
use crate::source::git::coding::{In, Out};
use crate::source::git::commits::Age;
use crate::source::git::graph::Place;
use crate::source::git::snapshot::What;
use crate::source::git::store::Store;
use crate::source::git::{Handle, HistoryBlob, Noted, OnBlob};

/// A blob of interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    /// Its id.
    pub(crate) id: ObjectId,
    /// What it was: [`What::Clean`] for a text and [`What::Interest`] for an archive, both of which are looked at
    /// again; what is anything else is not.
    pub(crate) what: What,
    /// Its size where it was scanned.
    pub(crate) size: u32,
    /// What the scanner noted of it: then it is not read.
    pub(crate) note: Option<Box<[u8]>>,
    /// The ref that names the blob itself.
    pub(crate) named_by: Option<String>,
    /// Where it stands, if that was asked: in what refs reach, and in all commits.
    pub(crate) places: [Option<Vec<Place>>; 2],
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Number of commits that refs reach.
    pub(crate) commits: u64,
    /// Paths of submodules at HEAD.
    pub(crate) submodules: Vec<BString>,
    /// Number and bytes of the blobs in which nothing was found.
    pub(crate) clean: (u64, u64),
    /// Blobs that were left out, sorted.
    pub(crate) left_out: Vec<(SkipReason, ObjectId)>,
    /// Blobs of interest, sorted by id.
    pub(crate) interest: Vec<Interest>,
    /// Which of them have a name that an audit looks for.
    pub(crate) named: Vec<u32>,
    /// Number of objects that a partial clone does not have.
    pub(crate) missing: u64,
}

impl Settled {
    /// Scans the blobs of interest again of which there is no note; what else there was is counted and listed as if it had been read.
    pub(crate) fn blobs<S: Send, M>(
        &self,
        store: &Store,
        (ledger, progress): (&Ledger, &Progress),
        new: &(dyn Fn() -> S + Sync),
        on_blob: &OnBlob<'_, S, M>,
    ) -> Vec<S> {
        for (reason, id) in &self.left_out {
            ledger.skip(*reason, format!("blob {id}"));
        }
        progress.expect(self.clean.0 + self.interest.len() as u64);
        progress.add_all(self.clean.0, self.clean.1);
        let noted = self.interest.iter().filter(|blob| blob.note.is_some());
        noted.for_each(|blob| progress.add(u64::from(blob.size)));
        let (next, spoilt) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let mut states = rayon::broadcast(|_| {
            let mut state = new();
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(blob) = self.interest.get(nth) else { break };
                if progress.interrupted() {
                    break;
                }
                let place = || format!("object {id}", id = blob.id);
                ledger.contain_with((&mut state, new, &spoilt), place, |state| {
                    let handle = Handle(u32::try_from(nth).unwrap_or(u32::MAX));
                    look(blob, handle, (store, ledger, progress), &mut |it| _ = on_blob(state, it));
                });
            }
            state
        });
        states.append(&mut locked(&spoilt));
        states
    }

    /// The blobs of which there is a note.
    pub(crate) fn noted(&self) -> impl Iterator<Item = Noted<'_>> {
        (0..).zip(&self.interest).filter_map(|(at, blob)| {
            Some(Noted { handle: Handle(at), id: blob.id, note: blob.note.as_deref()? })
        })
    }

    /// Where the blobs of `hits` stand. One of which that was not asked before is a problem.
    pub(crate) fn places(
        &self,
        hits: &[Handle],
        unreachable: bool,
        ledger: &Ledger,
    ) -> Vec<Vec<Place>> {
        let places = |hit: &Handle| {
            let blob = &self.interest[hit.0 as usize];
            blob.places[usize::from(unreachable)].clone().unwrap_or_else(|| {
                let text = "the cache does not know where it stands; what it holds was not reported; \
                            run again with --no-cache";
                ledger.problem(format!("object {id}", id = blob.id), text.to_owned());
                Vec::new()
            })
        };
        hits.iter().map(places).collect()
    }

    /// The ref that names a blob itself.
    pub(crate) fn named_by(&self, blob: u32) -> Option<&str> {
        self.interest.get(blob as usize)?.named_by.as_deref()
    }

    /// Adds it to `out`.
    pub(crate) fn encode(&self, out: &mut Out) {
        out.length(self.commits);
        out.length(self.submodules.len() as u64);
        self.submodules.iter().for_each(|path| out.bytes(path));
        out.length(self.clean.0);
        out.length(self.clean.1);
        out.length(self.left_out.len() as u64);
        for (reason, id) in &self.left_out {
            out.byte(u8::from(*reason == SkipReason::Binary));
            out.id(*id);
        }
        out.length(self.interest.len() as u64);
        for Interest { id, what, size, note, named_by, places } in &self.interest {
            out.id(*id);
            out.byte(what.code());
            out.word(*size);
            out.option(note.as_deref());
            out.option(named_by.as_deref().map(str::as_bytes));
            for places in places {
                out.byte(u8::from(places.is_some()));
                out.length(places.as_ref().map_or(0, Vec::len) as u64);
                for Place { path, commit, age, in_head } in places.iter().flatten() {
                    out.bytes(path);
                    out.maybe_id(*commit);
                    age.encode(out);
                    out.byte(u8::from(*in_head));
                }
            }
        }
        out.length(self.named.len() as u64);
        self.named.iter().for_each(|at| out.word(*at));
        out.length(self.missing);
    }

    /// Reads what [`Settled::encode`] made; `None` where it is anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = &mut In(bytes);
        let commits = rest.length()?;
        let submodules = rest.list(|rest| rest.bytes().map(BString::from))?;
        let clean = (rest.length()?, rest.length()?);
        let left_out = rest.list(|rest| {
            let reasons = [SkipReason::TooLarge, SkipReason::Binary];
            Some((*reasons.get(usize::from(rest.byte()?))?, rest.id()?))
        })?;
        let interest = rest.list(interest)?;
        let named = rest.list(In::word)?;
        let missing = rest.length()?;
        let sound = named.iter().all(|at| (*at as usize) < interest.len());
        let read = Self { commits, submodules, clean, left_out, interest, named, missing };
        (sound && rest.0.is_empty()).then_some(read)
    }
}

fn interest(rest: &mut In<'_>) -> Option<Interest> {
    let id = rest.id()?;
    let (what, size) = (What::of(rest.byte()?)?, rest.word()?);
    let note = rest.option()?.map(Box::from);
    let named_by = match rest.option()? {
        Some(name) => Some(String::from_utf8(name.to_vec()).ok()?),
        None => None,
    };
    let mut places = || {
        let asked = rest.byte()? != 0;
        let places = rest.list(|rest| {
            let path = BString::from(rest.bytes()?);
            let commit = rest.maybe_id()?;
            let age = Age::decode(rest)?;
            Some(Place { path, commit, age, in_head: rest.byte()? != 0 })
        })?;
        Some(asked.then_some(places))
    };
    let places = [places()?, places()?];
    Some(Interest { id, what, size, note, named_by, places })
}

/// Reads `blob` and hands it on. One that cannot be read goes to the ledger.
fn look<M>(
    blob: &Interest,
    handle: Handle,
    (store, ledger, progress): (&Store, &Ledger, &Progress),
    on_blob: &mut dyn FnMut(&HistoryBlob<'_, M>),
) {
    let id = &blob.id;
    let archive = match blob.what {
        What::Interest => true,
        What::Clean if blob.note.is_none() => false,
        What::Clean | What::Other | What::Binary | What::TooLarge => return,
    };
    let _reads = progress.reading(Reading::Object(*id));
    let object = match store.read(*id) {
        Ok(object) => object,
        Err(error) => {
            let text = format!("{message}; it was not scanned", message = error.message);
            return ledger.problem(format!("object {id}"), text);
        }
    };
    let bytes = object.data();
    // Members are counted one by one.
    if !archive {
        progress.add(bytes.len() as u64);
    }
    on_blob(&HistoryBlob { handle, bytes, base: None, id: &|| *id, archive });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Settled {
        let [one, two, three] = [b"1", b"2", b"3"].map(|text| ObjectId::of_blob(text));
        let age = Age { unreached: false, time: -7, depth: 3 };
        let place = |commit| Place { path: "a/b".into(), commit, age, in_head: true };
        let blob = |id, what| Interest {
            id,
            what,
            size: 9,
            note: None,
            named_by: None,
            places: [None, None],
        };
        let named = Interest {
            note: Some(Box::from(*b"[]")),
            named_by: Some("refs/tags/x".to_owned()),
            places: [Some(vec![place(Some(three)), place(None)]), None],
            ..blob(one, What::Clean)
        };
        let asked = Interest { places: [None, Some(Vec::new())], ..blob(two, What::Interest) };
        Settled {
            commits: 3,
            submodules: vec!["lib".into()],
            clean: (5, 1 << 40),
            left_out: vec![(SkipReason::Binary, one), (SkipReason::TooLarge, two)],
            interest: vec![named, asked],
            named: vec![1],
            missing: 7,
        }
    }

    #[test]
    fn it_is_read_as_it_was_written_or_not_at_all() {
        let encode = |settled: &Settled| {
            let mut out = Out::default();
            settled.encode(&mut out);
            out.0
        };
        let bytes = encode(&sample());
        assert_eq!(Settled::decode(&bytes), Some(sample()));
        (0..bytes.len()).for_each(|at| assert_eq!(Settled::decode(&bytes[..at]), None, "{at}"));
        assert_eq!(Settled::decode(&[&bytes[..], b"x"].concat()), None);
        assert_eq!(Settled::decode(&encode(&Settled { named: vec![2], ..sample() })), None);
    }

    #[test]
    fn a_place_that_was_not_asked_is_a_problem_and_not_nowhere() {
        let (sample, ledger) = (sample(), Ledger::default());
        let hits = [Handle(0), Handle(1)];
        let places = sample.places(&hits[..1], false, &ledger);
        assert_eq!((places[0].len(), ledger.has_problems()), (2, false));
        assert_eq!(sample.places(&hits[1..], true, &ledger), [Vec::new()]);
        assert!(!ledger.has_problems(), "it was asked and has none");
        assert_eq!(sample.places(&hits, true, &ledger), [Vec::new(), Vec::new()]);
        assert!(ledger.has_problems());
    }
}
