//! Commits and their parents by our own reading. libgit2 refuses a whole range for one commit that is not
//! well-formed; what is here takes over where it does.

use std::collections::BTreeSet;

use git2::{ObjectType, Oid, Repository};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::source::git::commit;
use crate::source::git::objects::parse_hex;
use crate::source::git::store::{ReadError, Store};

/// Tags that lead to tags.
const MOST_TAGS: usize = 10_000;

/// Parents and time of the commits that were read.
pub(crate) struct Ancestry<'s> {
    store: &'s Store<'s>,
    /// Commits of which a shallow clone has no parents, sorted.
    edges: &'s [ObjectId],
    known: FxHashMap<ObjectId, (Vec<ObjectId>, i64)>,
}

impl<'s> Ancestry<'s> {
    /// Nothing is read yet.
    pub(crate) fn new(store: &'s Store<'s>, edges: &'s [ObjectId]) -> Self {
        Self { store, edges, known: FxHashMap::default() }
    }

    /// Reads all commits that `tips` reach, themselves included.
    fn reach(&mut self, tips: &[ObjectId]) -> Result<FxHashSet<ObjectId>, ReadError> {
        let mut open = tips.to_vec();
        let mut reached = FxHashSet::default();
        while let Some(id) = open.pop() {
            if !reached.insert(id) {
                continue;
            }
            if !self.known.contains_key(&id) {
                let object = self.store.read(id)?;
                let mut head = commit::head(object.data());
                if self.edges.binary_search(&id).is_ok() {
                    head.parents.clear();
                }
                self.known.insert(id, (head.parents, head.time));
            }
            open.extend(self.known.get(&id).into_iter().flat_map(|(parents, _)| parents));
        }
        Ok(reached)
    }

    /// The commits that `tip` reaches and none of `hidden` does: parents before children, otherwise oldest
    /// first.
    ///
    /// # Errors
    /// A commit that cannot be read.
    pub(crate) fn between(
        &mut self,
        tip: ObjectId,
        hidden: &[ObjectId],
    ) -> Result<Vec<ObjectId>, ReadError> {
        let (all, hidden) = (self.reach(&[tip])?, self.reach(hidden)?);
        let wanted: FxHashSet<ObjectId> = all.difference(&hidden).copied().collect();
        let mut children: FxHashMap<ObjectId, Vec<ObjectId>> = FxHashMap::default();
        let mut blocked: FxHashMap<ObjectId, usize> = FxHashMap::default();
        for id in &wanted {
            let parents: BTreeSet<&ObjectId> =
                self.known[id].0.iter().filter(|parent| wanted.contains(*parent)).collect();
            blocked.insert(*id, parents.len());
            parents.into_iter().for_each(|it| children.entry(*it).or_default().push(*id));
        }
        let timed = |id: ObjectId| (self.known[&id].1, id);
        let free = blocked.iter().filter(|(_, parents)| **parents == 0);
        let mut ready: BTreeSet<(i64, ObjectId)> = free.map(|(id, _)| timed(*id)).collect();
        let mut order = Vec::new();
        while let Some((_, id)) = ready.pop_first() {
            order.push(id);
            for child in children.remove(&id).into_iter().flatten() {
                let left = blocked.entry(child).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.insert(timed(child));
                }
            }
        }
        Ok(order)
    }

    /// The youngest commit that `tip` and one of `others` both reach; `None` where there is none, or not all
    /// can be read.
    pub(crate) fn fork(&mut self, tip: ObjectId, others: &[ObjectId]) -> Option<ObjectId> {
        let (mine, theirs) = (self.reach(&[tip]).ok()?, self.reach(others).ok()?);
        let mut common: FxHashSet<ObjectId> = mine.intersection(&theirs).copied().collect();
        // What another one reaches is further back, whatever the dates say.
        let behind: Vec<ObjectId> =
            common.iter().flat_map(|id| self.known[id].0.iter().copied()).collect();
        behind.iter().for_each(|id| _ = common.remove(id));
        common.into_iter().max_by_key(|id| (self.known[id].1, *id))
    }

    /// The commit that `revision` names: a ref or an id, and steps to parents such as `~2` and `^2`.
    pub(crate) fn find(&self, repo: &Repository, revision: &str) -> Option<ObjectId> {
        let end = revision.find(['~', '^']).unwrap_or(revision.len());
        let (base, mut steps) = revision.split_at(end);
        let mut id = self.commit(named(repo, if base == "@" { "HEAD" } else { base })?)?;
        while let Some(kind) = steps.chars().next() {
            let rest = &steps[1..];
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (count, left) = rest.split_at(digits);
            let count: usize = if count.is_empty() { 1 } else { count.parse().ok()? };
            match (kind, count) {
                ('~', _) => {
                    for _ in 0..count {
                        id = self.parent(id, 0)?;
                    }
                }
                ('^', 0) => {}
                ('^', _) => id = self.parent(id, count - 1)?,
                _ => return None,
            }
            steps = left;
        }
        self.commit(id)
    }

    fn parent(&self, id: ObjectId, nth: usize) -> Option<ObjectId> {
        if self.edges.binary_search(&id).is_ok() {
            return None;
        }
        let object = self.store.read(id).ok()?;
        commit::head(object.data()).parents.get(nth).copied()
    }

    /// The commit that `id` is, or leads to as a tag.
    fn commit(&self, mut id: ObjectId) -> Option<ObjectId> {
        for _ in 0..MOST_TAGS {
            let object = self.store.read(id).ok()?;
            match object.kind() {
                ObjectType::Commit => return Some(id),
                ObjectType::Tag => id = commit::tagged(object.data())?,
                _ => return None,
            }
        }
        None
    }
}

/// What a ref or an id that may be cut names.
fn named(repo: &Repository, base: &str) -> Option<ObjectId> {
    if let Ok(found) = repo.resolve_reference_from_short_name(base) {
        return ObjectId::from_raw(found.resolve().ok()?.target()?.as_bytes());
    }
    if let Some(id) = parse_hex(base.as_bytes()) {
        return Some(id);
    }
    let is_hex = base.len() >= 4 && base.bytes().all(|byte| byte.is_ascii_hexdigit());
    let short = Oid::from_str(base).ok().filter(|_| is_hex)?;
    let full = repo.odb().ok()?.exists_prefix(short, base.len()).ok()?;
    ObjectId::from_raw(full.as_bytes())
}
