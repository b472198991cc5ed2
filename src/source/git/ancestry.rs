//! Commits and their parents: which commits a range has, where two sides forked, what a revision names.
//!
//! As git does, commits are taken from the youngest back, and no further than is needed. Own code, since
//! libgit2 refuses a whole range for one commit that is not well-formed, and maps packs.

use std::collections::{BTreeSet, BinaryHeap};

use git2::Repository;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::source::git::commit;
use crate::source::git::objects::parse_hex;
use crate::source::git::store::{ReadError, Short, Store};

/// Tags that lead to tags.
const MOST_TAGS: usize = 10_000;
/// Hidden commits that are looked at when no wanted one is left: where clocks were wrong, one of them may
/// lead to what was taken for wanted.
const SLOP: usize = 256;

/// The commit is reached from the first side of a fork, or from the other one.
const MINE: u8 = 1;
const THEIRS: u8 = 2;
/// It is behind a commit that both reach.
const STALE: u8 = 4;

/// A commit as it was read.
#[derive(Clone, Default)]
struct Node {
    parents: Vec<ObjectId>,
    /// The committer's time; 0 where there is none.
    time: i64,
}

impl Node {
    /// The time for the order in which commits are taken. One without a date comes first: nothing is wrong with
    /// a commit that is taken too early.
    fn turn(&self) -> i64 {
        if self.time == 0 { i64::MAX } else { self.time }
    }
}

/// A range of commits.
pub(crate) struct Span {
    /// Its commits: parents before children, otherwise oldest first.
    pub(crate) commits: Vec<ObjectId>,
    /// Commits of it that cannot be read: what is behind them is not in the list.
    pub(crate) lost: Vec<ReadError>,
}

/// Parents and time of the commits that were read.
pub(crate) struct Ancestry<'s> {
    store: &'s Store,
    /// Commits of which a shallow clone has no parents, sorted.
    edges: &'s [ObjectId],
    known: FxHashMap<ObjectId, Node>,
}

impl<'s> Ancestry<'s> {
    /// Nothing is read yet.
    pub(crate) fn new(store: &'s Store, edges: &'s [ObjectId]) -> Self {
        Self { store, edges, known: FxHashMap::default() }
    }

    fn node(&mut self, id: ObjectId) -> Result<Node, ReadError> {
        if let Some(node) = self.known.get(&id) {
            return Ok(node.clone());
        }
        let head = commit::head(self.store.read(id)?.data());
        let mut node = Node { parents: head.parents, time: head.time };
        if self.edges.binary_search(&id).is_ok() {
            node.parents.clear();
        }
        self.known.insert(id, node.clone());
        Ok(node)
    }

    /// The same of a commit that may be unreadable, which is told by whoever needs what it has.
    fn node_or_end(&mut self, id: ObjectId) -> Node {
        self.node(id).unwrap_or_default()
    }

    /// The commits that `tip` reaches and none of `hidden` does.
    ///
    /// # Errors
    /// A hidden commit that cannot be read: what it reaches would be taken for new.
    pub(crate) fn between(
        &mut self,
        tip: ObjectId,
        hidden: &[ObjectId],
    ) -> Result<Span, ReadError> {
        let mut walk = Walk::default();
        hidden.iter().for_each(|id| walk.see(self, *id, true));
        walk.see(self, tip, false);
        let mut lost = FxHashMap::default();
        let (mut oldest, mut slop) = (i64::MAX, SLOP);
        while let Some((turn, id, is_hidden)) = walk.next() {
            let node = self.node(id).unwrap_or_else(|error| {
                if !is_hidden || walk.wanted > 0 {
                    lost.insert(id, error);
                }
                Node::default()
            });
            if !is_hidden {
                oldest = oldest.min(turn);
            }
            node.parents.into_iter().for_each(|parent| walk.see(self, parent, is_hidden));
            let is_behind = walk.open.peek().is_none_or(|(turn, _)| *turn < oldest);
            if walk.wanted == 0 && is_behind {
                slop -= 1;
                if slop == 0 {
                    break;
                }
            }
        }
        let mut lost: Vec<(ObjectId, ReadError)> = lost.into_iter().collect();
        lost.sort_by_key(|(id, _)| *id);
        if let Some(at) = lost.iter().position(|(id, _)| walk.seen[id]) {
            return Err(lost.swap_remove(at).1);
        }
        let wanted = walk.seen.iter().filter(|(_, is_hidden)| !**is_hidden);
        let wanted = wanted.map(|(id, _)| *id).filter(|id| self.known.contains_key(id)).collect();
        let lost = lost.into_iter().map(|(_, error)| error).collect();
        Ok(Span { commits: self.order(&wanted), lost })
    }

    /// `wanted` commits: parents before children, otherwise oldest first. Those in a ring, which files with
    /// false ids can make, come last.
    fn order(&self, wanted: &FxHashSet<ObjectId>) -> Vec<ObjectId> {
        let mut children: FxHashMap<ObjectId, Vec<ObjectId>> = FxHashMap::default();
        let mut blocked: FxHashMap<ObjectId, usize> = FxHashMap::default();
        for id in wanted {
            let parents: BTreeSet<&ObjectId> =
                self.known[id].parents.iter().filter(|parent| wanted.contains(*parent)).collect();
            blocked.insert(*id, parents.len());
            parents.into_iter().for_each(|it| children.entry(*it).or_default().push(*id));
        }
        let timed = |id: ObjectId| (self.known[&id].time, id);
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
        let ring = blocked.iter().filter(|(_, parents)| **parents > 0);
        let ring: BTreeSet<(i64, ObjectId)> = ring.map(|(id, _)| timed(*id)).collect();
        order.extend(ring.into_iter().map(|(_, id)| id));
        order
    }

    /// The youngest of the commits that `tip` and one of `others` both reach and that are behind no other such
    /// one; `None` where there is none. Commits that cannot be read lead nowhere.
    pub(crate) fn fork(&mut self, tip: ObjectId, others: &[ObjectId]) -> Option<ObjectId> {
        let mut flags: FxHashMap<ObjectId, u8> = FxHashMap::default();
        let mut open: BTreeSet<(i64, ObjectId)> = BTreeSet::new();
        let mut fresh: BTreeSet<ObjectId> = BTreeSet::new();
        for (id, side) in others.iter().map(|id| (*id, THEIRS)).chain([(tip, MINE)]) {
            *flags.entry(id).or_default() |= side;
            open.insert((self.node_or_end(id).turn(), id));
            fresh.insert(id);
        }
        let mut common = Vec::new();
        while !fresh.is_empty() {
            let Some((_, id)) = open.pop_last() else { break };
            fresh.remove(&id);
            let mut of_parents = flags[&id];
            if of_parents == MINE | THEIRS {
                common.push(id);
                of_parents |= STALE;
            }
            for parent in self.node_or_end(id).parents {
                let flag = flags.entry(parent).or_default();
                if *flag & of_parents == of_parents {
                    continue;
                }
                *flag |= of_parents;
                let is_stale = *flag & STALE != 0;
                open.insert((self.node_or_end(parent).turn(), parent));
                if is_stale {
                    fresh.remove(&parent)
                } else {
                    fresh.insert(parent)
                };
            }
        }
        common.retain(|id| flags[id] & STALE == 0 && self.known.contains_key(id));
        if common.len() > 1 {
            let behind = self.behind(&common);
            common.retain(|id| !behind.contains(id));
        }
        common.into_iter().max_by_key(|id| (self.known[id].time, *id))
    }

    /// What is behind one of `all`, as far as that can be told without going far behind the oldest of them.
    fn behind(&self, all: &[ObjectId]) -> FxHashSet<ObjectId> {
        let end = all.iter().map(|id| self.known[id].time).min().unwrap_or(i64::MIN);
        let mut open: Vec<ObjectId> =
            all.iter().flat_map(|id| &self.known[id].parents).copied().collect();
        let mut seen = FxHashSet::default();
        while let Some(next) = open.pop() {
            let node = self.known.get(&next).filter(|node| node.turn() >= end);
            if let Some(node) = node.filter(|_| seen.insert(next)) {
                open.extend(&node.parents);
            }
        }
        seen
    }

    /// The commit that `revision` names: a ref or an id, which may be short, and steps such as `~2`, `^2` and
    /// `^{}`; `None` where it is written in another way.
    ///
    /// # Errors
    /// Why it names no commit.
    pub(crate) fn find(
        &self,
        repo: &Repository,
        revision: &str,
    ) -> Option<Result<ObjectId, String>> {
        let end = revision.find(['~', '^']).unwrap_or(revision.len());
        let (base, mut steps) = revision.split_at(end);
        if base.contains("@{") || base.contains(':') || base.contains("-g") {
            return None;
        }
        let start = match self.named(repo, if base == "@" { "HEAD" } else { base }) {
            Ok(id) => id,
            Err(why) => return Some(Err(why)),
        };
        let mut found = self.commit(start);
        while let Some(kind) = steps.chars().next() {
            let rest = &steps[kind.len_utf8()..];
            if kind == '^' && rest.starts_with('{') {
                let peeled = ["{}", "{commit}"].iter().find_map(|kind| rest.strip_prefix(kind));
                // Others look for what a commit says.
                steps = peeled?;
                continue;
            }
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (count, left) = rest.split_at(digits);
            let count: usize = if count.is_empty() { 1 } else { count.parse().ok()? };
            let (times, nth) = match (kind, count) {
                ('~', times) => (times, 0),
                ('^', 0) => (0, 0),
                ('^', nth) => (1, nth - 1),
                _ => return None,
            };
            found = found.and_then(|id| (0..times).try_fold(id, |id, _| self.parent(id, nth)));
            steps = left;
        }
        Some(found)
    }

    fn parent(&self, id: ObjectId, nth: usize) -> Result<ObjectId, String> {
        let object = self.store.read(id).map_err(|error| error.to_string())?;
        let parents = match self.edges.binary_search(&id) {
            Ok(_) => Vec::new(),
            Err(_) => commit::head(object.data()).parents,
        };
        parents.get(nth).copied().ok_or_else(|| NOTHING.to_owned())
    }

    /// The commit that `id` is, or leads to as a tag.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn commit(&self, id: ObjectId) -> Result<ObjectId, String> {
        commit::peeled(self.store, id, MOST_TAGS)
    }

    /// What an id or a ref names. As for git, a whole id is none of the refs of this name.
    fn named(&self, repo: &Repository, base: &str) -> Result<ObjectId, String> {
        let whole = parse_hex(base.as_bytes()).filter(|id| id.raw().len() == self.store.hash());
        if let Some(id) = whole {
            return Ok(id);
        }
        if let Ok(found) = repo.resolve_reference_from_short_name(base) {
            let found = found.resolve().map_err(|error| error.message().to_owned())?;
            let id = found.target().and_then(|id| ObjectId::from_raw(id.as_bytes()));
            return id.ok_or_else(|| "it names no object".to_owned());
        }
        let is_hex = base.len() >= 4 && base.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || base.len() > 2 * self.store.hash() {
            return Err(NOTHING.to_owned());
        }
        match self.store.short(&base.to_ascii_lowercase()) {
            Short::One(id) => Ok(id),
            Short::Nothing => Err(NOTHING.to_owned()),
            Short::Several => Err("several objects begin so".to_owned()),
        }
    }
}

/// Said of a revision that names nothing.
pub(crate) const NOTHING: &str = "no such commit here";

/// Commits on the way back: those that are wanted, and those that are hidden.
#[derive(Default)]
struct Walk {
    /// True for those that are hidden.
    seen: FxHashMap<ObjectId, bool>,
    /// Those whose parents were not looked at, by turn.
    open: BinaryHeap<(i64, ObjectId)>,
    done: FxHashSet<ObjectId>,
    /// How many of `open` are wanted.
    wanted: usize,
}

impl Walk {
    /// The youngest commit whose parents were not looked at, and whether it is hidden.
    fn next(&mut self) -> Option<(i64, ObjectId, bool)> {
        let (turn, id) = self.open.pop()?;
        self.done.insert(id);
        let is_hidden = self.seen[&id];
        self.wanted -= usize::from(!is_hidden);
        Some((turn, id, is_hidden))
    }

    /// Notes that `id` is reached from one of the sides.
    fn see(&mut self, ancestry: &mut Ancestry<'_>, id: ObjectId, is_hidden: bool) {
        match self.seen.get(&id) {
            None => {
                self.seen.insert(id, is_hidden);
                self.wanted += usize::from(!is_hidden);
                self.open.push((ancestry.node_or_end(id).turn(), id));
            }
            Some(false) if is_hidden => self.hide(ancestry, id),
            Some(_) => {}
        }
    }

    /// Hides `first`, which was wanted, and what it is known to reach.
    fn hide(&mut self, ancestry: &mut Ancestry<'_>, first: ObjectId) {
        let mut open = vec![first];
        while let Some(id) = open.pop() {
            match self.seen.get_mut(&id) {
                Some(is_hidden) if !*is_hidden => *is_hidden = true,
                _ => continue,
            }
            match self.done.contains(&id) {
                true => open.extend(ancestry.node_or_end(id).parents),
                false => self.wanted -= 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A merge of as many commits on both sides, all of which are best common ones.
    #[test]
    fn a_hundred_thousand_common_commits_are_told_apart_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Repository::init(folder.path()).unwrap(), Vec::new());
        let mut ancestry = Ancestry::new(&store, &[]);
        let id = |nth: u32| ObjectId::of_blob(&nth.to_le_bytes());
        let parents: Vec<ObjectId> = (0..100_000).map(id).collect();
        for (nth, parent) in (1..).zip(&parents) {
            ancestry.known.insert(*parent, Node { parents: Vec::new(), time: nth });
        }
        // The youngest one has all others behind it.
        let (tip, other, youngest) = (id(100_000), id(100_001), id(100_002));
        ancestry.known.insert(youngest, Node { parents: parents[..10].to_vec(), time: 200_000 });
        for merge in [tip, other] {
            let parents = [&parents[..], &[youngest]].concat();
            ancestry.known.insert(merge, Node { parents, time: 300_000 });
        }
        assert_eq!(ancestry.fork(tip, &[other]), Some(youngest));
        ancestry.known.get_mut(&tip).unwrap().parents.pop();
        assert_eq!(ancestry.fork(tip, &[other]), Some(parents[99_999]));
    }
}
