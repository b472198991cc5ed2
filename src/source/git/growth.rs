//! Commits that refs reach now and did not when a history was scanned, and what they have that was not there before.
//! All objects that were there have to be there still; where anything is odd, the history is read as a whole, which
//! also tells what it is.

use bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::git::commit::{self, Head};
use crate::source::git::commits::Age;
use crate::source::git::newer::Newer;
use crate::source::git::objects::{Number, Objects, OfBase};
use crate::source::git::pack::Kind;
use crate::source::git::refs::Refs;
use crate::source::git::stock::{Graph, Since, Stock};
use crate::source::git::store::Store;
use crate::source::git::tree::{Mode, entries};

/// A blob at a path where no commit had it before, and the oldest commit that has it there.
pub(crate) struct Added {
    pub(crate) blob: ObjectId,
    pub(crate) path: BString,
    pub(crate) commit: ObjectId,
    pub(crate) age: Age,
}

/// What came to HEAD and went from it: files and submodules, with their paths.
#[derive(Default)]
pub(crate) struct HeadChange {
    pub(crate) came: FxHashMap<BString, (Mode, ObjectId)>,
    pub(crate) gone: FxHashMap<BString, (Mode, ObjectId)>,
}

/// Commits that have come, or that refs reach anew, by id.
pub(crate) struct Growth<'g> {
    store: &'g Store,
    old: &'g Stock,
    graph: &'g Graph<'g>,
    heads: FxHashMap<ObjectId, Head>,
    /// Those that refs reach.
    reached: FxHashSet<ObjectId>,
    /// Old ones that refs do not reach any more.
    pub(crate) lost: FxHashSet<ObjectId>,
    /// Old ones that refs reach anew.
    found: FxHashSet<ObjectId>,
    /// Commits that refs reach and that no other one of those is built on.
    ends: Vec<ObjectId>,
    /// The ages of all of them.
    ages: FxHashMap<ObjectId, Age>,
}

/// Where refs lead.
pub(crate) struct Targets {
    /// What they name, sorted, and where a tag leads in the end.
    pub(crate) refs: Vec<(ObjectId, Option<ObjectId>)>,
    /// Commits that they led to before.
    before: FxHashSet<ObjectId>,
    /// Commits that they lead to now.
    new: Vec<ObjectId>,
}

impl Targets {
    /// Where `refs` lead, of which `old` knows most; `None` where one leads to no commit, or does so no more.
    pub(crate) fn of(refs: &Refs, old: &Stock, store: &Store) -> Option<Self> {
        let is_direct = |id: &ObjectId| old.direct.iter().any(|(_, other)| other == id);
        let direct = refs.named.iter().filter(|(_, id)| is_direct(id));
        if !direct.eq(&old.direct) {
            return None;
        }
        let mut ids: Vec<ObjectId> =
            refs.named.iter().map(|(_, id)| *id).filter(|id| !is_direct(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut targets = Self { refs: Vec::new(), before: FxHashSet::default(), new: Vec::new() };
        // Mostly they are the same, and there may be tens of thousands.
        let mut known = old.refs.iter().peekable();
        for id in ids {
            while known.next_if(|(other, _)| *other < id).is_some() {}
            if let Some((_, end)) = known.next_if(|(other, _)| *other == id) {
                targets.before.insert(end.unwrap_or(id));
                targets.refs.push((id, *end));
                continue;
            }
            // What is read has the id of its content, so that tags are no ring.
            let end = commit::peeled(store, id, usize::MAX).ok()?;
            targets.new.push(end);
            targets.refs.push((id, (end != id).then_some(end)));
        }
        Some(targets)
    }
}

impl<'g> Growth<'g> {
    /// Reads the commits among `fresh` objects, which are not in `old`. Of a commit all has to be here.
    pub(crate) fn read(
        fresh: &Objects,
        (old, graph): (&'g Stock, &'g Graph<'g>),
        (targets, store): (&Targets, &'g Store),
        (progress, ledger): (&Progress, &Ledger),
    ) -> Option<Self> {
        let visit = |heads: &mut Vec<_>, number: Number, bytes: &[u8], _: OfBase<'_, ()>| {
            heads.push((fresh.id(number), commit::head(bytes)));
            None
        };
        let heads = fresh.walk(Kind::Commit, (progress, ledger), &Vec::new, &visit);
        let heads: FxHashMap<ObjectId, Head> = heads.into_iter().flatten().collect();
        let is_whole = |head: &Head| {
            let is_here = |id: &ObjectId| heads.contains_key(id) || graph.age_of(*id).is_some();
            let tree = head.tree.and_then(|tree| store.kind(tree).ok().flatten());
            tree == Some(Kind::Tree) && !head.odd_parent && head.parents.iter().all(is_here)
        };
        if !heads.values().all(is_whole) {
            return None;
        }
        let (reached, lost, found) = <_>::default();
        let (ends, ages) = <_>::default();
        let mut growth = Self { store, old, graph, heads, reached, lost, found, ends, ages };
        if growth.reach(targets).is_none() {
            growth.turn(targets)?;
        }
        growth.date()?;
        Some(growth)
    }

    /// Finds out what refs reach, where they reach all that they reached; else `None`.
    fn reach(&mut self, targets: &Targets) -> Option<()> {
        let mut open = targets.new.clone();
        let ends = self.old.ends.iter().filter(|end| !targets.before.contains(end));
        let mut ends: FxHashSet<ObjectId> = ends.copied().collect();
        while let Some(id) = open.pop() {
            ends.remove(&id);
            match self.heads.get(&id) {
                Some(head) if self.reached.insert(id) => open.extend(&head.parents),
                Some(_) => {}
                // A commit that was out of reach has others behind it.
                None => self.graph.age_of(id).filter(|age| !age.unreached).map(drop)?,
            }
        }
        let parents = self.reached.iter().flat_map(|id| &self.heads[id].parents);
        let parents: FxHashSet<&ObjectId> = parents.collect();
        let all = self.old.ends.iter().chain(&self.reached);
        self.ends = all.filter(|id| !parents.contains(id)).copied().collect();
        ends.is_empty().then_some(())
    }

    /// The same where they may have turned away from some commits and to others.
    fn turn(&mut self, targets: &Targets) -> Option<()> {
        let (mut open, mut inner) = (targets.new.clone(), FxHashSet::default());
        open.extend(&targets.before);
        self.reached.clear();
        // Old commits by place, and whether one that is reached is built on them.
        let (mut known, mut is_known) = (Vec::new(), vec![false; self.graph.count()]);
        let mut is_inner = is_known.clone();
        while let Some(id) = open.pop() {
            if let Some(place) = self.graph.place(id) {
                known.push(place);
            } else if self.reached.insert(id) {
                let since = || self.graph.since(id).map(|since| &since.parents);
                let parents = self.heads.get(&id).map(|head| &head.parents).or_else(since)?;
                inner.extend(parents.iter().copied());
                open.extend(parents);
            }
        }
        inner.iter().filter_map(|id| self.graph.place(*id)).for_each(|at| is_inner[at] = true);
        while let Some(place) = known.pop() {
            if !std::mem::replace(&mut is_known[place], true) {
                let parents = self.graph.parents(place).inspect(|at| is_inner[*at] = true);
                known.extend(parents);
            }
        }
        let mut ends: Vec<ObjectId> = self.reached.difference(&inner).copied().collect();
        for (place, is_reached) in is_known.iter().enumerate() {
            let (id, was_reached) = (self.graph.id(place)?, !self.graph.age(place)?.unreached);
            ends.extend((*is_reached && !is_inner[place]).then_some(id));
            self.found.extend((*is_reached && !was_reached).then_some(id));
            self.lost.extend((!*is_reached && was_reached).then_some(id));
        }
        for since in &self.old.since {
            let is_reached = self.reached.remove(&since.id);
            self.found.extend((is_reached && since.age.unreached).then_some(since.id));
            self.lost.extend((!is_reached && !since.age.unreached).then_some(since.id));
        }
        for id in &self.found {
            let head = self.store.read(*id).ok().filter(|object| object.kind() == Kind::Commit)?;
            self.heads.insert(*id, commit::head(head.data()));
        }
        self.reached.extend(&self.found);
        self.ends = ends;
        Some(())
    }

    /// Finds out the ages.
    fn date(&mut self) -> Option<()> {
        let mut children: FxHashMap<ObjectId, Vec<ObjectId>> = FxHashMap::default();
        let (mut blocked, mut ready) = (FxHashMap::default(), Vec::new());
        for (id, head) in &self.heads {
            let own = head.parents.iter().filter(|parent| self.heads.contains_key(parent));
            let count = own.map(|parent| children.entry(*parent).or_default().push(*id)).count();
            blocked.insert(*id, count);
            ready.extend((count == 0).then_some(*id));
        }
        while let Some(id) = ready.pop() {
            let head = &self.heads[&id];
            let known =
                |id: &ObjectId| self.ages.get(id).copied().or_else(|| self.graph.age_of(*id));
            let age = Age::after(head.time, head.parents.iter().filter_map(known));
            self.ages.insert(id, Age { unreached: !self.reached.contains(&id), ..age });
            for child in children.get(&id).into_iter().flatten() {
                let left = blocked.get_mut(child)?;
                *left -= 1;
                ready.extend((*left == 0).then_some(*child));
            }
        }
        // Files with false ids can say that commits are parents of each other.
        (self.ages.len() == self.heads.len()).then_some(())
    }

    /// How many commits refs reach, which was `before`.
    pub(crate) fn count(&self, before: u64) -> u64 {
        (before + self.reached.len() as u64).saturating_sub(self.lost.len() as u64)
    }

    /// Writes into `stock` what commits there are now.
    pub(crate) fn tell(self, stock: &mut Stock) {
        let mut turned: FxHashSet<ObjectId> = stock.turned.drain(..).collect();
        for since in &mut stock.since {
            let is_lost = self.lost.contains(&since.id);
            since.age.unreached = is_lost || since.age.unreached && !self.found.contains(&since.id);
        }
        let old = |id: &&ObjectId| self.graph.place(**id).is_some();
        for id in self.lost.iter().chain(&self.found).filter(old) {
            if !turned.remove(id) {
                turned.insert(*id);
            }
        }
        let (ages, found) = (&self.ages, &self.found);
        let new = self.heads.into_iter().filter(|(id, _)| !found.contains(id));
        let since = new.map(|(id, head)| Since { id, age: ages[&id], parents: head.parents });
        stock.since.extend(since);
        stock.since.sort_unstable();
        stock.turned = turned.into_iter().collect();
        stock.turned.sort_unstable();
        stock.ends = self.ends;
        stock.ends.sort_unstable();
    }

    /// What commits that refs reach anew have, and no commit had before. What they name has to be here, or among what a
    /// partial clone does not have.
    pub(crate) fn added(&self, newer: &mut Newer<'_>) -> Option<Vec<Added>> {
        let mut order: Vec<(Age, ObjectId)> =
            self.reached.iter().map(|id| (self.ages[id], *id)).collect();
        order.sort_unstable();
        let (mut added, mut sound) = (Vec::new(), FxHashSet::default());
        for (age, commit) in order {
            let head = &self.heads[&commit];
            let tree = |parent: &ObjectId| match self.heads.get(parent) {
                Some(head) => head.tree,
                None => commit::tree_of(self.store, *parent).ok(),
            };
            let others = head.parents.iter().map(tree).collect::<Option<Vec<ObjectId>>>()?;
            newer.than(head.tree?, &others, &mut |mode, path, blob| {
                if !sound.contains(&(mode == Mode::Blob, blob)) {
                    self.is_sound(mode, blob).then_some(())?;
                    sound.insert((mode == Mode::Blob, blob));
                }
                if mode == Mode::Blob {
                    added.push(Added { blob, path, commit, age });
                }
                Some(())
            })?;
        }
        Some(added)
    }

    /// True where an entry of a tree is what it is said to be.
    fn is_sound(&self, mode: Mode, id: ObjectId) -> bool {
        match (mode, self.store.kind(id)) {
            (Mode::Blob, Ok(Some(Kind::Blob)))
            | (Mode::Tree, Ok(Some(Kind::Tree)))
            | (Mode::Submodule, Ok(None)) => true,
            (Mode::Blob, Ok(None)) => self.old.missing.binary_search(&id).is_ok(),
            _ => false,
        }
    }

    /// True where all trees among `fresh` objects but those that were `read` have what they name: of a partial clone
    /// that is counted, also where no ref reaches it. None of what was missing may have come.
    pub(crate) fn is_as_partial(
        &self,
        fresh: &Objects,
        read: &FxHashSet<ObjectId>,
        (progress, ledger): (&Progress, &Ledger),
    ) -> bool {
        let visit = |sound: &mut Vec<bool>, number: Number, bytes: &[u8], _: OfBase<'_, ()>| {
            if !read.contains(&fresh.id(number)) {
                let mut all = entries(bytes, fresh.hash());
                sound.push(all.all(|(mode, _, id)| self.is_sound(mode, id)));
            }
            None
        };
        let came = self.old.missing.iter().any(|id| fresh.lookup(id.raw()).is_some());
        let sound = || fresh.walk(Kind::Tree, (progress, ledger), &Vec::new, &visit);
        !came && sound().into_iter().flatten().all(|sound| sound)
    }

    /// What has come to HEAD since `old`, and what is gone from it, where `head` is there now.
    pub(crate) fn head(&self, head: Option<ObjectId>, newer: &mut Newer<'_>) -> Option<HeadChange> {
        let mut change = HeadChange::default();
        if head == self.old.head {
            return Some(change);
        }
        let tree = |id: Option<ObjectId>| match id {
            Some(id) => commit::tree_of(self.store, id).ok().map(Some),
            None => Some(None),
        };
        let (old, new) = (tree(self.old.head)?, tree(head)?);
        for (tree, other, found) in [(new, old, &mut change.came), (old, new, &mut change.gone)] {
            if let Some(tree) = tree {
                newer.than(tree, other.as_slice(), &mut |mode, path, id| {
                    found.insert(path, (mode, id));
                    Some(())
                })?;
            }
        }
        Some(change)
    }
}
