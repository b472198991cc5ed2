//! Where blobs stand in history: the first commit of each (blob, path).
//!
//! Only blobs with hits are looked up. All trees are decoded once, in delta order; the edges that
//! lead to a hit are kept, and commits are taken oldest first, so that each (tree, path) is entered
//! once and its first entry gives the first commit. No tree is diffed.

use bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::git::children::{ByTree, Children};
use crate::source::git::commits::{Age, Node};
use crate::source::git::gather::{ANY, Gathered, Seen, Wanted, tell_cut};
use crate::source::git::objects::{Number, Objects, OfBase};
use crate::source::git::pack::Kind;
use crate::source::git::tree::{Mode, entries};

/// Folders nest at most this deep; git has the same limit (`core.maxTreeDepth`).
const DEEPEST: usize = 2048;
/// Bytes for the paths of hits. Ten trees that each name the next one ten times have a billion paths.
const ROOM: usize = 512 << 20;
/// What a path costs besides its text.
const COST: usize = 64;

/// One place of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path in the repository; empty where a ref names the blob itself.
    pub path: BString,
    /// The first commit that has it there; `None` where only a ref names it.
    pub commit: Option<ObjectId>,
    /// The age of that commit.
    pub age: Age,
    /// True when HEAD has the blob at this path.
    pub in_head: bool,
}

impl Place {
    /// What it is older by than another place.
    pub fn since(&self) -> (Age, Option<ObjectId>) {
        (self.age, self.commit)
    }
}

/// The part of the tree graph that leads to hits.
pub(crate) struct Trees {
    edges: ByTree,
    leaves: ByTree,
    names: Vec<Box<[u8]>>,
    /// True for trees that were read.
    read: Vec<bool>,
    /// What trees name but the repository lacks.
    missing: Vec<(ObjectId, Number)>,
    /// Trees in trees that lead to what is missing.
    inside: Vec<(Number, Number)>,
}

/// Called with the finder, the hit with its folder and name, and its path.
type OnLeaf<'l, F> = dyn FnMut(&mut F, (u32, u32, u32), BString) + 'l;

/// Finds places while commits are taken in order.
struct Finder<'t> {
    trees: &'t Trees,
    /// Folder above, name, and how deep it is.
    paths: Vec<(u32, u32, usize)>,
    path_of: FxHashMap<(u32, u32), u32>,
    seen: FxHashSet<(Number, u32)>,
    placed: FxHashMap<(u32, u32, u32), usize>,
    places: Vec<Vec<Place>>,
    /// Bytes that are left for paths.
    room: usize,
    /// True when folders were left out.
    cut: bool,
}

/// Ids of blobs that some tree has under a name for which `wanted` holds.
pub(crate) fn named(
    objects: &Objects,
    wanted: &(dyn Fn(&[u8]) -> bool + Sync),
    (progress, ledger): (&Progress, &Ledger),
) -> FxHashSet<ObjectId> {
    let visit = |found: &mut FxHashSet<ObjectId>, tree: Number, bytes: &[u8], _: OfBase<'_, ()>| {
        let mut all = entries(bytes, objects.hash());
        let named =
            all.by_ref().filter(|(mode, name, _)| matches!(mode, Mode::Blob) && wanted(name));
        found.extend(named.map(|(_, _, id)| id));
        tell_cut(&all, || objects.id(tree), ledger);
        None
    };
    let states = objects.walk(Kind::Tree, (progress, ledger), &FxHashSet::default, &visit);
    states.into_iter().flatten().collect()
}

impl Trees {
    /// Decodes all trees, and keeps what leads to one of `hits`. Of a `partial`
    /// clone it matters only how much is not here.
    pub(crate) fn read(
        objects: &Objects,
        hits: &[Number],
        partial: bool,
        (progress, ledger): (&Progress, &Ledger),
    ) -> Self {
        let hits_by_id = (0..).zip(hits).map(|(at, &hit)| (objects.id(hit), at)).collect();
        let wanted = Wanted { objects, hits: hits_by_id, partial, ledger };
        let visit = |state: &mut Gathered, number: Number, bytes: &[u8], base: OfBase<'_, Seen>| {
            state.add(&wanted, (number, bytes), base)
        };
        let new = Gathered::default;
        let states = objects.walk(Kind::Tree, (progress, ledger), &new, &visit);
        Self::join(objects, states)
    }

    /// What trees name and is not here.
    pub(crate) fn missing(&self) -> impl Iterator<Item = ObjectId> {
        self.missing.iter().map(|(id, _)| *id)
    }

    /// Says what the trees of `commits`, and those that are `direct`, name in vain.
    pub(crate) fn announce(
        &self,
        objects: &Objects,
        (commits, direct): (&[(Age, &Node)], &[Number]),
        ledger: &Ledger,
    ) {
        for (_, node) in commits {
            if let Some(tree) = node.tree().filter(|tree| !self.read[*tree as usize]) {
                let (commit, tree) = (objects.id(node.commit), objects.id(tree));
                let text = format!(
                    "its tree {tree} is no tree that can be read; what it has was not placed; run `git fsck`"
                );
                ledger.problem(format!("commit {commit}"), text);
            }
        }
        if self.missing.is_empty() {
            return;
        }
        let mut inner: FxHashMap<Number, Vec<Number>> = FxHashMap::default();
        for (tree, child) in &self.inside {
            inner.entry(*tree).or_default().push(*child);
        }
        let roots = commits.iter().filter_map(|(_, node)| node.tree());
        let mut open: Vec<Number> = roots.chain(direct.iter().copied()).collect();
        let mut reached = FxHashSet::default();
        while let Some(tree) = open.pop() {
            if reached.insert(tree) {
                open.extend(inner.get(&tree).into_iter().flatten());
            }
        }
        for (id, tree) in self.missing.iter().filter(|(_, tree)| reached.contains(tree)) {
            let text = format!(
                "the tree {tree} names it, and it is not here or not what the tree says; it was not \
                 scanned; run `git fsck`",
                tree = objects.id(*tree)
            );
            ledger.problem(format!("object {id}"), text);
        }
    }

    /// Joins the threads' parts and drops edges that lead to no hit.
    fn join(objects: &Objects, states: Vec<Gathered>) -> Self {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        let mut number: FxHashMap<Box<[u8]>, u32> = FxHashMap::default();
        let mut missing: FxHashSet<(ObjectId, Number)> = FxHashSet::default();
        let (mut edges, mut odd, mut leaves) = (Vec::new(), Vec::new(), ByTree::default());
        let mut read = vec![false; objects.len()];
        let mut maps = Vec::new();
        for mut state in states {
            let mut map = vec![0; state.names.len()];
            for (name, local) in state.names {
                map[local as usize] = *number.entry(name.clone()).or_insert_with(|| {
                    names.push(name);
                    u32::try_from(names.len() - 1).unwrap_or(u32::MAX)
                });
            }
            let lists = [&mut state.edges, &mut state.odd, &mut state.leaves];
            lists.into_iter().for_each(Children::close);
            leaves.add(state.leaves, &map, |_| true);
            edges.push(state.edges);
            odd.push(state.odd);
            maps.push(map);
            missing.extend(state.missing);
            state.read.iter().for_each(|&tree| read[tree as usize] = true);
        }
        drop(number);
        leaves.sort();
        let all = edges.iter().flat_map(Children::iter);
        let lost = all.filter(|(_, (child, _))| !read[*child as usize]);
        missing.extend(lost.map(|(tree, (child, _))| (objects.id(child), tree)));
        edges.append(&mut odd);
        // Odd ones that are no trees lead nowhere.
        let leads = leading(objects.len(), &edges, leaves.trees());
        let inside = to_gaps(objects.len(), &edges, &missing);
        let mut kept = ByTree::default();
        for (list, map) in edges.into_iter().zip(maps.iter().cycle()) {
            kept.add(list, map, |child| leads[child as usize]);
        }
        kept.sort();
        let missing = missing.into_iter().collect();
        Self { edges: kept, leaves, names, read, missing, inside }
    }

    fn leads(&self, tree: Number) -> bool {
        self.edges.has(tree) || self.leaves.has(tree)
    }

    /// The places of `hits` blobs: `order` gives commits oldest first, `head` the tree at HEAD,
    /// `direct` trees and blobs that refs name. True when there were too many, or too deep ones.
    pub(crate) fn places(
        &self,
        objects: &Objects,
        hits: usize,
        order: &[(Age, &Node)],
        (head, direct): (Option<Number>, &[Number]),
    ) -> (Vec<Vec<Place>>, bool) {
        let mut finder = Finder {
            trees: self,
            paths: vec![(0, 0, 0)],
            path_of: FxHashMap::default(),
            seen: FxHashSet::default(),
            placed: FxHashMap::default(),
            places: vec![Vec::new(); hits],
            room: ROOM,
            cut: false,
        };
        for (age, node) in order {
            if let Some(tree) = node.tree().filter(|&tree| self.leads(tree)) {
                finder.enter(tree, Some((objects.id(node.commit), *age)));
            }
        }
        direct.iter().for_each(|&tree| finder.enter(tree, None));
        finder.seen.clear();
        if let Some(head) = head {
            finder.mark_head(head);
        }
        (finder.places, finder.cut)
    }
}

/// Trees in trees that lead to those in which something is `missing`.
fn to_gaps(
    objects: usize,
    edges: &[Children],
    missing: &FxHashSet<(ObjectId, Number)>,
) -> Vec<(Number, Number)> {
    // Mostly nothing is, and there are millions of edges.
    if missing.is_empty() {
        return Vec::new();
    }
    let gaps = missing.iter().map(|(_, tree)| *tree).filter(|tree| *tree != ANY);
    let leads = leading(objects, edges, gaps);
    let all = edges.iter().flat_map(Children::iter);
    let inside = all.filter(|(_, (child, _))| leads[*child as usize]);
    inside.map(|(tree, (child, _))| (tree, child)).collect()
}

/// By number, whether a tree is one of `wanted` or leads to one.
fn leading(objects: usize, edges: &[Children], wanted: impl Iterator<Item = Number>) -> Vec<bool> {
    let mut leads = vec![false; objects];
    wanted.for_each(|tree| leads[tree as usize] = true);
    // One round a level of nesting; what is nested deeper is cut off below, too.
    for _ in 0..DEEPEST {
        let mut grew = false;
        // Packs have trees before those in them, so the last ones come first.
        for (parent, mut own) in edges.iter().flat_map(Children::trees) {
            if !leads[parent as usize] && own.any(|(child, _)| leads[child as usize]) {
                leads[parent as usize] = true;
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    leads
}

impl Finder<'_> {
    /// Notes every hit below `root` that has no place at its path yet.
    fn enter(&mut self, root: Number, commit: Option<(ObjectId, Age)>) {
        self.below(root, &mut |finder, key, path| {
            if finder.placed.contains_key(&key) {
                return;
            }
            let place = Place {
                path,
                commit: commit.map(|(id, _)| id),
                age: commit.map_or(Age::NONE, |(_, age)| age),
                in_head: false,
            };
            finder.spend(place.path.len());
            let places = &mut finder.places[key.0 as usize];
            finder.placed.insert(key, places.len());
            places.push(place);
        });
    }

    /// Marks the places that the tree at HEAD has.
    fn mark_head(&mut self, root: Number) {
        self.below(root, &mut |finder, key, _| {
            if let Some(&at) = finder.placed.get(&key) {
                finder.places[key.0 as usize][at].in_head = true;
            }
        });
    }

    /// Calls `leaf` for every hit below `root`, entering each (tree, path) once for all calls.
    fn below(&mut self, root: Number, leaf: &mut OnLeaf<'_, Self>) {
        let mut open = vec![(root, 0_u32)];
        while let Some((tree, path)) = open.pop() {
            if !self.seen.insert((tree, path)) {
                continue;
            }
            for (hit, name) in self.trees.leaves.of(tree) {
                let text = self.path(path, name);
                leaf(self, (hit, path, name), text);
            }
            for (child, name) in self.trees.edges.of(tree) {
                let next = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
                let depth = self.paths[path as usize].2 + 1;
                if depth > DEEPEST || self.room == 0 {
                    self.cut = true;
                    continue;
                }
                let inner = *self.path_of.entry((path, name)).or_insert(next);
                if inner == next {
                    self.paths.push((path, name, depth));
                    self.spend(0);
                }
                open.push((child, inner));
            }
        }
    }

    /// Takes the memory of a path of `len` bytes from what is left.
    fn spend(&mut self, len: usize) {
        self.room = self.room.saturating_sub(len + COST);
    }

    fn path(&self, folder: u32, name: u32) -> BString {
        let mut parts = vec![self.trees.names[name as usize].as_ref()];
        let mut at = folder;
        while at != 0 {
            let (parent, name, _) = self.paths[at as usize];
            parts.push(self.trees.names[name as usize].as_ref());
            at = parent;
        }
        parts.reverse();
        BString::from(bstr::join("/", parts))
    }
}
