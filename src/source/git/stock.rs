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
    /// Commits that have come since then, with their ages.
    pub(crate) since: Vec<(ObjectId, Age)>,
}

impl Stock {
    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        self.contents.encode(&mut out);
        out.length(self.refs.len() as u64);
        for (id, end) in &self.refs {
            out.bytes(id.raw());
            out.option(end.as_ref().map(ObjectId::raw));
        }
        out.length(self.direct.len() as u64);
        for (name, id) in &self.direct {
            out.bytes(name.as_bytes());
            out.bytes(id.raw());
        }
        out.option(self.head.as_ref().map(ObjectId::raw));
        out.ids(self.ends.iter());
        out.ids(self.missing.iter());
        out.length(self.count.0);
        out.length(self.count.1);
        out.length(self.since.len() as u64);
        for (id, age) in &self.since {
            out.bytes(id.raw());
            age.encode(&mut out);
        }
        out.0
    }

    /// Reads what [`Stock::encode`] made; `None` where it is anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = &mut In(bytes);
        let maybe = |rest: &mut In<'_>| match rest.option()? {
            Some(id) => ObjectId::from_raw(id).map(Some),
            None => Some(None),
        };
        let contents = Contents::decode(rest)?;
        let refs = rest.list(|rest| Some((rest.id()?, maybe(rest)?)))?;
        let name = |rest: &mut In<'_>| String::from_utf8(rest.bytes()?.to_vec()).ok();
        let direct = rest.list(|rest| Some((name(rest)?, rest.id()?)))?;
        let head = maybe(rest)?;
        let (ends, missing) = (rest.ids()?, rest.ids()?);
        let count = (rest.length()?, rest.length()?);
        let since = rest.list(|rest| Some((rest.id()?, Age::decode(rest)?)))?;
        let read = Self { contents, refs, direct, head, ends, missing, count, since };
        rest.0.is_empty().then_some(read)
    }
}

/// The ages of all commits, by id.
pub(crate) struct Ages<'b> {
    /// Sorted records, one after the other: id and age.
    table: &'b [u8],
    hash: usize,
    since: FxHashMap<ObjectId, Age>,
}

impl<'b> Ages<'b> {
    /// Those in `table`, which has what [`Ages::add`] made, with ids of `hash` bytes, and those of `stock`; `None`
    /// where it is none.
    pub(crate) fn of(table: &'b [u8], hash: usize, stock: &Stock) -> Option<Self> {
        let whole = table.len().is_multiple_of(hash + Age::LEN);
        whole.then(|| Self { table, hash, since: stock.since.iter().copied().collect() })
    }

    /// Adds a record to a table.
    pub(crate) fn add(out: &mut Out, id: ObjectId, age: Age) {
        out.0.extend_from_slice(id.raw());
        age.encode(out);
    }

    /// The age of a commit that was here.
    pub(crate) fn get(&self, id: ObjectId) -> Option<Age> {
        if let Some(age) = self.since.get(&id) {
            return Some(*age);
        }
        let size = self.hash + Age::LEN;
        let record = |at: usize| &self.table[at * size..(at + 1) * size];
        let (mut low, mut high) = (0, self.table.len() / size);
        while low < high {
            let middle = usize::midpoint(low, high);
            match record(middle)[..self.hash].cmp(id.raw()) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Age::decode(&mut In(&record(middle)[self.hash..])),
            }
        }
        None
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
            since: vec![(id("i"), age(-4))],
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
    fn every_age_is_found() {
        let names = |from: usize, to: usize| (from..to).map(|n| n.to_string());
        let mut ids: Vec<(ObjectId, i64)> = names(0, 90).map(|n| id(&n)).zip(0..).collect();
        ids.sort_unstable();
        for count in [0, 1, 2, 3, 90] {
            let mut out = Out::default();
            ids[..count].iter().for_each(|(id, time)| Ages::add(&mut out, *id, age(*time)));
            let stock = Stock { since: vec![(id("new"), age(1))], ..Stock::default() };
            let ages = Ages::of(&out.0, 20, &stock).unwrap();
            for (nth, (id, time)) in ids.iter().enumerate() {
                assert_eq!(ages.get(*id), Some(age(*time)).filter(|_| nth < count));
            }
            assert_eq!((ages.get(id("new")), ages.get(id("none"))), (Some(age(1)), None));
            assert!(count == 0 || Ages::of(&out.0[1..], 20, &stock).is_none());
        }
    }
}
