//! The commit graph, and where it has gaps.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::git::coding::{In, Out};
use crate::source::git::commit;
use crate::source::git::groups::Groups;
use crate::source::git::objects::{Number, Objects, OfBase};
use crate::source::git::pack::Kind;

/// How old a commit is. What it is of follows from the commit and those it is built on, whatever else there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    /// True for what no ref reaches, which comes after all else.
    pub unreached: bool,
    /// The committer's time in seconds since 1970, or the latest of a commit that it is built on.
    pub time: i64,
    /// How many commits it is built on, one on the other.
    pub depth: u32,
}

impl Age {
    /// Bytes of an encoded one.
    pub(crate) const LEN: usize = 13;
    /// That of what no commit has.
    pub const NONE: Self = Self { unreached: true, time: i64::MAX, depth: u32::MAX };

    /// That of a commit of this `time` with these parents.
    pub(crate) fn after(time: i64, parents: impl Iterator<Item = Self>) -> Self {
        parents.fold(Self { unreached: false, time, depth: 0 }, |age, parent| Self {
            time: age.time.max(parent.time),
            depth: age.depth.max(parent.depth.saturating_add(1)),
            ..age
        })
    }

    /// Adds it to `out`.
    pub(crate) fn encode(self, out: &mut Out) {
        out.byte(u8::from(self.unreached));
        out.length(self.time.cast_unsigned());
        out.word(self.depth);
    }

    /// Reads what [`Age::encode`] made.
    pub(crate) fn decode(rest: &mut In<'_>) -> Option<Self> {
        let unreached = rest.byte()? != 0;
        Some(Self { unreached, time: rest.length()?.cast_signed(), depth: rest.word()? })
    }
}

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

    /// Commits that `tips` reach (all when `tips` is `None`) with their ages, the oldest first.
    pub(crate) fn oldest_first(
        &self,
        objects: &Objects,
        tips: Option<&[Number]>,
    ) -> Vec<(Age, &Node)> {
        let wanted = tips.map_or_else(|| vec![true; self.nodes.len()], |tips| self.reached(tips));
        let ages = (0..).zip(self.ages(&wanted)).filter(|(at, _)| wanted[*at]);
        let mut order: Vec<_> = ages.map(|(at, age)| (age, &self.nodes[at])).collect();
        order.sort_unstable_by(|(a, one), (b, other)| {
            a.cmp(b).then_with(|| objects.id(one.commit).cmp(&objects.id(other.commit)))
        });
        order
    }

    /// All commits, sorted by id, with their ages and where their parents begin in the list of those, which has
    /// places in that order; `tips` are what refs reach.
    pub(crate) fn table(
        &self,
        objects: &Objects,
        tips: &[Number],
    ) -> (Vec<(Number, Age, u32)>, Vec<u32>) {
        let (reached, ages) = (self.reached(tips), self.ages(&vec![true; self.nodes.len()]));
        let commit = |at: &u32| self.nodes[*at as usize].commit;
        let mut order: Vec<u32> = (0..).take(self.nodes.len()).collect();
        order.sort_unstable_by_key(|at| objects.id(commit(at)));
        let mut places = vec![0_u32; self.nodes.len()];
        (0..).zip(&order).for_each(|(place, at)| places[*at as usize] = place);
        let mut parents = Vec::with_capacity(self.parents.len());
        let record = |at: &u32| {
            let age = Age { unreached: !reached[*at as usize], ..ages[*at as usize] };
            let start = fit(parents.len());
            parents.extend(self.parents(*at).map(|parent| places[parent as usize]));
            (commit(at), age, start)
        };
        (order.iter().map(record).collect(), parents)
    }

    /// Commits that `tips` reach and that no other one of those is built on.
    pub(crate) fn ends(&self, tips: &[Number]) -> Vec<Number> {
        let mut ends = self.reached(tips);
        let reached: Vec<u32> = (0..).zip(&ends).filter(|(_, it)| **it).map(|(at, _)| at).collect();
        let parents = reached.into_iter().flat_map(|at| self.parents(at));
        parents.for_each(|parent| ends[parent as usize] = false);
        let ends = self.nodes.iter().zip(ends).filter(|(_, is_end)| *is_end);
        ends.map(|(node, _)| node.commit).collect()
    }

    /// The ages of those nodes that are `wanted`, as are their parents.
    fn ages(&self, wanted: &[bool]) -> Vec<Age> {
        let wanted = || (0..).take(self.nodes.len()).filter(|at| wanted[*at as usize]);
        let links = || wanted().flat_map(|at| self.parents(at).map(move |parent| (parent, at)));
        let children = Groups::of(self.nodes.len(), links);
        let mut blocked: Vec<u32> = self.nodes.iter().map(|node| node.parents.1).collect();
        let mut ready: Vec<u32> = wanted().filter(|at| blocked[*at as usize] == 0).collect();
        // Parents of each other stay as they are: files with false ids can say so.
        let mut ages =
            vec![Age { unreached: false, time: i64::MAX, depth: u32::MAX }; blocked.len()];
        while let Some(at) = ready.pop() {
            let parents = self.parents(at).map(|parent| ages[parent as usize]);
            ages[at as usize] = Age::after(self.nodes[at as usize].time, parents);
            for &child in children.get(at) {
                blocked[child as usize] -= 1;
                if blocked[child as usize] == 0 {
                    ready.push(child);
                }
            }
        }
        ages
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
