//! What was there when a history was scanned. Where it is still there, and more has come, only that is looked at.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use crate::blob::ObjectId;
use crate::source::git::coding::{In, Out};
use crate::source::git::commits::Age;
use crate::source::git::state::Contents;

/// All of it but the ages of most commits, which are many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stock {
    /// The files.
    pub(crate) contents: Contents,
    /// What refs named, sorted, and where a tag leads in the end.
    pub(crate) refs: Vec<(ObjectId, Option<ObjectId>)>,
    /// Refs that led to a tree or a blob, and what they named.
    pub(crate) direct: Vec<(String, ObjectId)>,
    /// The object at HEAD.
    pub(crate) head: Option<ObjectId>,
    /// Commits that refs reached and that no other one of those was built on.
    pub(crate) ends: Vec<ObjectId>,
    /// What trees of a partial clone name and is not here, sorted.
    pub(crate) missing: Vec<ObjectId>,
    /// Number of objects when the snapshot was written, and of those that have come since.
    pub(crate) count: (u64, u64),
    /// Commits that have come since then, sorted.
    pub(crate) since: Vec<Since>,
    /// Older commits that refs reach now, and did not then, or the other way round; sorted.
    pub(crate) turned: Vec<ObjectId>,
}

/// A commit that has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Since {
    pub(crate) id: ObjectId,
    pub(crate) age: Age,
    pub(crate) parents: Vec<ObjectId>,
}

impl Stock {
    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        self.contents.encode(&mut out);
        out.length(self.refs.len() as u64);
        for (id, end) in &self.refs {
            out.id(*id);
            out.maybe_id(*end);
        }
        out.length(self.direct.len() as u64);
        for (name, id) in &self.direct {
            out.bytes(name.as_bytes());
            out.id(*id);
        }
        out.maybe_id(self.head);
        out.ids(self.ends.iter());
        out.ids(self.missing.iter());
        out.length(self.count.0);
        out.length(self.count.1);
        out.length(self.since.len() as u64);
        for Since { id, age, parents } in &self.since {
            out.id(*id);
            age.encode(&mut out);
            out.ids(parents.iter());
        }
        out.ids(self.turned.iter());
        out.0
    }

    /// Reads what [`Stock::encode`] made; `None` where it is anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = &mut In(bytes);
        let contents = Contents::decode(rest)?;
        let refs = rest.list(|rest| Some((rest.id()?, rest.maybe_id()?)))?;
        let name = |rest: &mut In<'_>| String::from_utf8(rest.bytes()?.to_vec()).ok();
        let direct = rest.list(|rest| Some((name(rest)?, rest.id()?)))?;
        let head = rest.maybe_id()?;
        let (ends, missing) = (rest.ids()?, rest.ids()?);
        let count = (rest.length()?, rest.length()?);
        let since = rest.list(|rest| {
            let (id, age) = (rest.id()?, Age::decode(rest)?);
            Some(Since { id, age, parents: rest.ids()? })
        })?;
        let turned = rest.ids()?;
        let read = Self { contents, refs, direct, head, ends, missing, count, since, turned };
        rest.0.is_empty().then_some(read)
    }
}

/// The commits that were there when the snapshot was written, by their place in the order of ids, and those that
/// have come since.
pub(crate) struct Graph<'b> {
    /// Sorted records, one after the other: id, age, and where its parents begin.
    records: &'b [u8],
    /// Places of parents, four bytes each.
    parents: &'b [u8],
    hash: usize,
    since: FxHashMap<ObjectId, &'b Since>,
    turned: &'b [ObjectId],
}

impl<'b> Graph<'b> {
    /// Bytes of a record besides the id.
    const REST: usize = Age::LEN + 4;

    /// That in `table`, which has what [`Graph::write`] made, with ids of `hash` bytes, and in `stock`; `None` where it
    /// is none.
    pub(crate) fn of(table: &'b [u8], hash: usize, stock: &'b Stock) -> Option<Self> {
        let rest = &mut In(table);
        let count = usize::try_from(rest.length()?).ok()?;
        let records = rest.take(count.checked_mul(hash + Self::REST)?)?;
        let (parents, turned) = (rest.0, &stock.turned[..]);
        let since = stock.since.iter().map(|since| (since.id, since)).collect();
        let graph = Self { records, parents, hash, since, turned };
        let last = count.checked_sub(1).map_or(Some(0), |last| graph.start(last))?;
        let places = parents.as_chunks::<4>().0;
        let is_place = |place: &[u8; 4]| (u32::from_le_bytes(*place) as usize) < count;
        (last <= places.len() && places.iter().all(is_place)).then_some(graph)
    }

    /// How many bytes so many commits with so many parents take.
    pub(crate) fn len(hash: usize, commits: usize, parents: usize) -> usize {
        8 + commits * (hash + Self::REST) + 4 * parents
    }

    /// Adds a commit to a table, whose parents begin at that place in the list of all.
    pub(crate) fn write(out: &mut Out, (id, age): (ObjectId, Age), parents: u32) {
        out.0.extend_from_slice(id.raw());
        age.encode(out);
        out.word(parents);
    }

    fn record(&self, at: usize) -> Option<&'b [u8]> {
        let size = self.hash + Self::REST;
        self.records.get(at * size..(at + 1) * size)
    }

    /// Where the parents of a commit begin.
    fn start(&self, at: usize) -> Option<usize> {
        let place = self.record(at)?[self.hash + Age::LEN..].try_into().ok()?;
        usize::try_from(u32::from_le_bytes(place)).ok()
    }

    /// How many old commits there are.
    pub(crate) fn count(&self) -> usize {
        self.records.len() / (self.hash + Self::REST)
    }

    /// The place of an old commit.
    pub(crate) fn place(&self, id: ObjectId) -> Option<usize> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.record(middle)?[..self.hash].cmp(id.raw()) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// The id of an old commit.
    pub(crate) fn id(&self, place: usize) -> Option<ObjectId> {
        ObjectId::from_raw(&self.record(place)?[..self.hash])
    }

    /// The age of an old commit.
    pub(crate) fn age(&self, place: usize) -> Option<Age> {
        let age = Age::decode(&mut In(&self.record(place)?[self.hash..]))?;
        let has_turned = self.turned.binary_search(&self.id(place)?).is_ok();
        Some(Age { unreached: age.unreached != has_turned, ..age })
    }

    /// The places of the parents of an old commit.
    pub(crate) fn parents(&self, place: usize) -> impl Iterator<Item = usize> + use<'b> {
        let all = self.parents.as_chunks::<4>().0;
        let start = self.start(place).unwrap_or(all.len());
        let end = self.start(place + 1).unwrap_or(all.len());
        let own = all.get(start..end).unwrap_or_default();
        own.iter().map(|place| u32::from_le_bytes(*place) as usize)
    }

    /// A commit that has come since.
    pub(crate) fn since(&self, id: ObjectId) -> Option<&'b Since> {
        self.since.get(&id).copied()
    }

    /// The age of a commit that was here.
    pub(crate) fn age_of(&self, id: ObjectId) -> Option<Age> {
        self.since(id).map(|since| since.age).or_else(|| self.age(self.place(id)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ObjectId {
        ObjectId::of_blob(text.as_bytes())
    }

    fn age(time: i64) -> Age {
        Age { unreached: time % 3 == 0, time, depth: 5 }
    }

    #[test]
    fn it_is_read_as_it_was_written_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("pack")).unwrap();
        std::fs::write(folder.path().join("pack/pack-1.idx"), "x").unwrap();
        let contents = Contents::of(folder.path(), 20).unwrap();
        let stock = Stock {
            contents: contents.clone(),
            refs: vec![(id("a"), None), (id("b"), Some(id("c")))],
            direct: vec![("refs/tags/x".to_owned(), id("d"))],
            head: Some(id("e")),
            ends: vec![id("f")],
            missing: vec![id("g"), id("h")],
            count: (7, 8),
            since: vec![Since { id: id("i"), age: age(-4), parents: vec![id("j")] }],
            turned: vec![id("k")],
        };
        let bytes = stock.encode();
        assert_eq!(Stock::decode(&bytes), Some(stock));
        (0..bytes.len()).for_each(|at| assert_eq!(Stock::decode(&bytes[..at]), None, "{at}"));
        assert_eq!(Stock::decode(&[&bytes[..], b"x"].concat()), None);
        // A file more is growth; one that is written anew or gone is none.
        let grown = || Contents::of(folder.path(), 20).unwrap().has_grown_from(&contents);
        std::fs::write(folder.path().join("pack/pack-2.pack"), "x").unwrap();
        assert!(grown());
        std::fs::write(folder.path().join("pack/pack-1.idx"), "xx").unwrap();
        assert!(!grown());
        std::fs::remove_file(folder.path().join("pack/pack-1.idx")).unwrap();
        assert!(!grown());
    }

    #[test]
    fn every_commit_is_found() {
        let names = |from: usize, to: usize| (from..to).map(|n| n.to_string());
        let mut ids: Vec<(ObjectId, i64)> = names(0, 90).map(|n| id(&n)).zip(0..).collect();
        ids.sort_unstable();
        let since = Since { id: id("new"), age: age(1), parents: vec![id("3")] };
        let stock = Stock { since: vec![since], turned: vec![ids[1].0], ..Stock::default() };
        for count in [0_usize, 1, 2, 3, 90] {
            let (mut out, mut parents) = (Out::default(), Out::default());
            out.length(count as u64);
            // Of each third commit the one before it is a parent, and the first one.
            for (nth, (id, time)) in ids[..count].iter().enumerate() {
                let start = u32::try_from(parents.0.len() / 4).unwrap();
                Graph::write(&mut out, (*id, age(*time)), start);
                if nth > 0 && nth % 3 == 0 {
                    parents.word(u32::try_from(nth - 1).unwrap());
                    parents.word(0);
                }
            }
            let table = [&out.0[..], &parents.0].concat();
            assert_eq!(table.len(), Graph::len(20, count, parents.0.len() / 4));
            let graph = Graph::of(&table, 20, &stock).unwrap();
            for (nth, (id, time)) in ids.iter().enumerate() {
                let unreached = (time % 3 == 0) != (nth == 1);
                let known = Some(Age { unreached, ..age(*time) }).filter(|_| nth < count);
                assert_eq!(graph.age_of(*id), known);
                assert_eq!(graph.place(*id), Some(nth).filter(|_| nth < count));
                let wanted =
                    if nth > 0 && nth % 3 == 0 && nth < count { vec![nth - 1, 0] } else { vec![] };
                assert_eq!(graph.parents(nth).collect::<Vec<_>>(), wanted);
            }
            assert_eq!((graph.age_of(id("new")), graph.age_of(id("none"))), (Some(age(1)), None));
            assert!(Graph::of(&table[..table.len() - 1], 20, &stock).is_none() || count > 3);
            let wrong = [&table[..], &u32::MAX.to_le_bytes()].concat();
            assert!(Graph::of(&wrong, 20, &stock).is_none());
        }
    }
}
