//! The commit graph, and where it has gaps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::git::commit;
use crate::source::git::groups::Groups;
use crate::source::git::objects::{Number, Objects, OfBase};
use crate::source::git::pack::Kind;

/// No tree.
const NONE: Number = Number::MAX;

/// A commit as the graph needs it; small, since a history has many.
pub(crate) struct Node {
    /// The commit object.
    pub(crate) commit: Number,
    tree: Number,
    time: i64,
    /// Which of all parents are its own: the first one and how many.
    parents: (u32, u32),
}

impl Node {
    /// Its tree, where that is here.
    pub(crate) fn tree(&self) -> Option<Number> {
        Some(self.tree).filter(|tree| *tree != NONE)
    }
}

/// What a commit names and is not here, or is not what it should be.
#[derive(Debug)]
enum Missing {
    Tree(Option<ObjectId>),
    Parent(Option<ObjectId>),
}

/// The commits of the repository.
pub(crate) struct Commits {
    /// Oldest first, by their dates.
    nodes: Vec<Node>,
    /// Parents by their place among the nodes; those that are no commits are not in it.
    parents: Vec<u32>,
    /// Places among the nodes by the numbers of their objects.
    by_object: Vec<u32>,
    missing: Vec<(Number, Missing)>,
}

/// What one thread gathers; parents are objects.
#[derive(Default)]
struct Gathered {
    nodes: Vec<Node>,
    parents: Vec<Number>,
    missing: Vec<(Number, Missing)>,
}

impl Gathered {
    fn add(
        &mut self,
        (commit, tree, time): (Number, Option<Number>, i64),
        parents: impl IntoIterator<Item = Number>,
    ) {
        let first = self.parents.len();
        self.parents.extend(parents);
        let parents = (fit(first), fit(self.parents.len() - first));
        self.nodes.push(Node { commit, tree: tree.unwrap_or(NONE), time, parents });
    }

    fn append(&mut self, other: Self) {
        let first = fit(self.parents.len());
        let moved = |node: Node| Node { parents: (node.parents.0 + first, node.parents.1), ..node };
        self.nodes.extend(other.nodes.into_iter().map(moved));
        self.parents.extend(other.parents);
        self.missing.extend(other.missing);
    }
}

impl Commits {
    /// Decodes all commits.
    pub(crate) fn read(objects: &Objects, (progress, ledger): (&Progress, &Ledger)) -> Self {
        let visit = |gathered: &mut Gathered, number, bytes: &[u8], _: OfBase<'_, ()>| {
            let head = commit::head(bytes);
            let missing = &mut gathered.missing;
            let tree = head.tree.and_then(|tree| objects.lookup(tree.raw()));
            if tree.is_none() {
                missing.push((number, Missing::Tree(head.tree)));
            }
            if head.odd_parent {
                missing.push((number, Missing::Parent(None)));
            }
            let mut parents = Vec::with_capacity(head.parents.len());
            for id in head.parents {
                match objects.lookup(id.raw()) {
                    Some(parent) => parents.push(parent),
                    None => missing.push((number, Missing::Parent(Some(id)))),
                }
            }
            gathered.add((number, tree, head.time), parents);
            None
        };
        let new = Gathered::default;
        let states = objects.walk(Kind::Commit, (progress, ledger), &new, &visit);
        let mut all = Gathered::default();
        states.into_iter().for_each(|state| all.append(state));
        // What was not read for an interruption is not missing.
        Self::join(objects, all, !progress.interrupted())
    }

    /// Sorts what was gathered. With `tell`, parents that are no commits are missing.
    fn join(objects: &Objects, gathered: Gathered, tell: bool) -> Self {
        let Gathered { mut nodes, parents: named, mut missing } = gathered;
        let id = |node: &Node| objects.id(node.commit);
        nodes.sort_unstable_by(|a, b| a.time.cmp(&b.time).then_with(|| id(a).cmp(&id(b))));
        let mut by_object: Vec<u32> = (0..).take(nodes.len()).collect();
        by_object.sort_unstable_by_key(|at| nodes[*at as usize].commit);
        let place: FxHashMap<Number, u32> = nodes.iter().map(|node| node.commit).zip(0..).collect();
        let mut parents = Vec::with_capacity(named.len());
        for node in &mut nodes {
            let first = parents.len();
            let (start, count) = (node.parents.0 as usize, node.parents.1 as usize);
            for parent in &named[start..start + count] {
                match place.get(parent) {
                    Some(at) => parents.push(*at),
                    None if tell => {
                        let odd = Missing::Parent(Some(objects.id(*parent)));
                        missing.push((node.commit, odd));
                    }
                    None => {}
                }
            }
            node.parents = (fit(first), fit(parents.len() - first));
        }
        Self { nodes, parents, by_object, missing }
    }

    /// Says what the commits that `tips` reach name in vain, unless it is a parent that the shallow clone
    /// never had or a tree that the `partial` clone has not. Gives the number of the latter.
    pub(crate) fn announce(
        &self,
        objects: &Objects,
        (tips, shallow, partial): (&[Number], &[ObjectId], bool),
        ledger: &Ledger,
    ) -> usize {
        if self.missing.is_empty() {
            return 0;
        }
        let reached = self.reached(tips);
        let is_reached = |commit| self.place(commit).is_some_and(|at| reached[at as usize]);
        let mut trees = FxHashSet::default();
        for (commit, missing) in self.missing.iter().filter(|(commit, _)| is_reached(*commit)) {
            let id = objects.id(*commit);
            let why = match missing {
                Missing::Parent(_) if shallow.binary_search(&id).is_ok() => continue,
                Missing::Parent(Some(parent)) => {
                    format!("its parent {parent} is no commit that is here; what is behind it")
                }
                Missing::Parent(None) => {
                    "it names a parent that is no object; what is behind it".to_owned()
                }
                Missing::Tree(Some(tree)) if partial => {
                    trees.insert(*tree);
                    continue;
                }
                Missing::Tree(Some(tree)) => format!("its tree {tree} is not here; what it has"),
                Missing::Tree(None) => "it names no tree; what it has".to_owned(),
            };
            ledger
                .problem(format!("commit {id}"), format!("{why} was not scanned; run `git fsck`"));
        }
        trees.len()
    }

    /// True when the object is a commit that could be read.
    pub(crate) fn has(&self, object: Number) -> bool {
        self.place(object).is_some()
    }

    /// The place of a commit among the nodes.
    fn place(&self, object: Number) -> Option<u32> {
        let commit = |at: &u32| self.nodes[*at as usize].commit;
        let at = self.by_object.binary_search_by_key(&object, commit).ok()?;
        Some(self.by_object[at])
    }

    /// How many commits `tips` reach.
    pub(crate) fn count(&self, tips: &[Number]) -> usize {
        self.reached(tips).into_iter().filter(|reached| *reached).count()
    }

    /// By place among the nodes, whether `tips` reach them.
    fn reached(&self, tips: &[Number]) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len()];
        let mut open: Vec<u32> = tips.iter().filter_map(|tip| self.place(*tip)).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut reached[at as usize], true) {
                open.extend(self.parents(at));
            }
        }
        reached
    }

    /// Commits that `tips` reach (all when `tips` is `None`), parents before children and
    /// otherwise oldest first.
    pub(crate) fn oldest_first(&self, tips: Option<&[Number]>) -> Vec<&Node> {
        let wanted = tips.map_or_else(|| vec![true; self.nodes.len()], |tips| self.reached(tips));
        let links = || {
            let nodes = (0..).take(self.nodes.len()).filter(|at| wanted[*at as usize]);
            nodes.flat_map(|child| self.parents(child).map(move |parent| (parent, child)))
        };
        let children = Groups::of(self.nodes.len(), links);
        let mut blocked = vec![0_u32; self.nodes.len()];
        let mut ready = BinaryHeap::new();
        for at in (0..).take(self.nodes.len()).filter(|&at| wanted[at as usize]) {
            blocked[at as usize] = self.nodes[at as usize].parents.1;
            if blocked[at as usize] == 0 {
                ready.push(Reverse(at));
            }
        }
        let mut order = Vec::new();
        // Nodes are sorted by date, so the smallest index is the oldest commit.
        while let Some(Reverse(at)) = ready.pop() {
            order.push(&self.nodes[at as usize]);
            for &child in children.get(at) {
                blocked[child as usize] -= 1;
                if blocked[child as usize] == 0 {
                    ready.push(Reverse(child));
                }
            }
        }
        // Parents of each other: files with false ids can say so.
        let ring = (0..).zip(&self.nodes).filter(|(at, _)| wanted[*at] && blocked[*at] > 0);
        order.extend(ring.map(|(_, node)| node));
        order
    }

    fn parents(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let (first, count) = self.nodes[at as usize].parents;
        self.parents[first as usize..(first + count) as usize].iter().copied()
    }

    /// True when all that they name is here.
    pub(crate) fn are_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// The tree of a commit.
    pub(crate) fn tree(&self, commit: Number) -> Option<Number> {
        self.nodes[self.place(commit)? as usize].tree()
    }
}

/// A repository has no 4 billion commits, nor parents of them.
fn fit(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
