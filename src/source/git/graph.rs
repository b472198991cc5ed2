//! Where blobs stand in history: the commit graph, and the first commit of each (blob, path).
//!
//! Only blobs with hits are looked up. All trees are decoded once, in delta order; the edges that
//! lead to a hit are kept, and commits are taken oldest first, so that each (tree, path) is entered
//! once and its first entry gives the first commit. No tree is ever diffed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bstr::{BString, ByteSlice as _};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::git::objects::{Number, Objects, OfBase, parse_hex};
use crate::source::git::pack::Kind;
use crate::source::git::recall::{Known, Links, Record};
use crate::source::git::tree::{Mode, entries};

/// Folders nest at most this deep; git has the same limit (`core.maxTreeDepth`).
const DEEPEST: usize = 2048;
/// Bytes for the paths of hits. Ten trees that each name the next one ten times have a billion paths.
const ROOM: usize = 512 << 20;
/// What a path costs besides its text.
const COST: usize = 64;

/// A commit as the graph needs it.
pub(crate) struct Node {
    /// The commit object.
    pub(crate) commit: Number,
    tree: Option<Number>,
    parents: Vec<Number>,
    time: i64,
    /// True when its tree and all its parents are here.
    whole: bool,
}

/// The commits of the repository.
pub(crate) struct Commits {
    nodes: Vec<Node>,
    by_object: FxHashMap<Number, u32>,
}

/// One place of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path in the repository; empty where a ref names the blob itself.
    pub path: BString,
    /// The first commit that has it there; `None` where only a ref names it.
    pub commit: Option<ObjectId>,
    /// Rank of that commit, oldest first; the same for every thread count.
    pub rank: u32,
    /// True when HEAD has the blob at this path.
    pub in_head: bool,
}

/// What the tree walk of one thread gathers.
#[derive(Default)]
struct Gathered {
    edges: Vec<(Number, Number, u32)>,
    leaves: Vec<(Number, u32, u32)>,
    names: FxHashMap<Box<[u8]>, u32>,
    missing: FxHashSet<ObjectId>,
}

/// The part of the tree graph that leads to hits.
pub(crate) struct Trees {
    edges: FxHashMap<Number, Vec<(Number, u32)>>,
    leaves: FxHashMap<Number, Vec<(u32, u32)>>,
    names: Vec<Box<[u8]>>,
    /// Blobs that trees name but the repository lacks (partial clones).
    pub(crate) missing: usize,
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

impl Commits {
    /// Decodes all commits but those that are `known`.
    pub(crate) fn read(
        objects: &Objects,
        known: Option<&Known>,
        (progress, ledger): (&Progress, &Ledger),
    ) -> Self {
        let visit = |nodes: &mut Vec<Node>, number: Number, bytes: &[u8], _: OfBase<'_, ()>| {
            match parse_commit(objects, number, bytes) {
                Some(node) => nodes.push(node),
                None => ledger.problem(
                    format!("commit {id}", id = objects.id(number)),
                    "cannot be parsed; the history behind it may be missing; run `git fsck`"
                        .to_owned(),
                ),
            }
            None
        };
        let states = objects.walk(Kind::Commit, (progress, ledger), &Vec::new, &visit);
        let mut nodes: Vec<Node> = states.into_iter().flatten().collect();
        let old = known.into_iter().flat_map(Known::commits);
        nodes.extend(old.map(|(commit, tree, parents, time)| Node {
            commit,
            tree,
            parents,
            time,
            whole: true,
        }));
        nodes.sort_by_cached_key(|node| (node.time, objects.id(node.commit)));
        let by_object = (0..).zip(&nodes).map(|(at, node)| (node.commit, at)).collect();
        Self { nodes, by_object }
    }

    /// Commits that `tips` reach (all when `tips` is `None`), parents before children and
    /// otherwise oldest first.
    pub(crate) fn oldest_first(&self, tips: Option<&[Number]>) -> Vec<&Node> {
        let mut wanted = vec![tips.is_none(); self.nodes.len()];
        let mut open: Vec<u32> = tips
            .unwrap_or_default()
            .iter()
            .filter_map(|tip| self.by_object.get(tip))
            .copied()
            .collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut wanted[at as usize], true) {
                open.extend(self.parents(at));
            }
        }
        let mut blocked = vec![0_u32; self.nodes.len()];
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.len()];
        let mut ready = BinaryHeap::new();
        for at in (0..).take(self.nodes.len()).filter(|&at| wanted[at as usize]) {
            for parent in self.parents(at) {
                blocked[at as usize] += 1;
                children[parent as usize].push(at);
            }
            if blocked[at as usize] == 0 {
                ready.push(Reverse(at));
            }
        }
        let mut order = Vec::new();
        // Nodes are sorted by date, so the smallest index is the oldest commit.
        while let Some(Reverse(at)) = ready.pop() {
            order.push(&self.nodes[at as usize]);
            for &child in &children[at as usize] {
                blocked[child as usize] -= 1;
                if blocked[child as usize] == 0 && wanted[child as usize] {
                    ready.push(Reverse(child));
                }
            }
        }
        order
    }

    fn parents(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let parents = &self.nodes[at as usize].parents;
        parents.iter().filter_map(|parent| self.by_object.get(parent)).copied()
    }

    /// Commit, tree, parents and time of each; `None` where some are not here.
    pub(crate) fn whole(
        &self,
    ) -> Option<impl Iterator<Item = (Number, Option<Number>, Vec<Number>, i64)>> {
        let facts = |node: &Node| (node.commit, node.tree, node.parents.clone(), node.time);
        self.nodes.iter().all(|node| node.whole).then(|| self.nodes.iter().map(facts))
    }

    /// The tree of a commit.
    pub(crate) fn tree(&self, commit: Number) -> Option<Number> {
        self.nodes[*self.by_object.get(&commit)? as usize].tree
    }
}

fn parse_commit(objects: &Objects, commit: Number, bytes: &[u8]) -> Option<Node> {
    let (mut tree, mut parents, mut time) = (None, Vec::new(), None);
    let mut whole = true;
    for line in bytes.lines().take_while(|line| !line.is_empty()) {
        let Some((key, value)) = line.split_once_str(" ") else { continue };
        match key {
            b"tree" => tree = Some(parse_hex(value)?),
            // A parent that is not here is where a shallow clone was cut.
            b"parent" => match objects.lookup(parse_hex(value)?.raw()) {
                Some(parent) => parents.push(parent),
                None => whole = false,
            },
            b"committer" => {
                let stamp =
                    value.rsplitn(2, |&b| b == b' ').nth(1)?.rsplit(|&b| b == b' ').next()?;
                time = stamp.to_str().ok()?.parse().ok();
                break;
            }
            _ => {}
        }
    }
    let tree = objects.lookup(tree?.raw());
    let whole = whole && tree.is_some();
    Some(Node { commit, tree, parents, time: time.unwrap_or(0), whole })
}

/// Blobs that some tree has under a name for which `wanted` holds, sorted; `known` ones are taken over.
pub(crate) fn named(
    objects: &Objects,
    known: Option<&Known>,
    wanted: &(dyn Fn(&[u8]) -> bool + Sync),
    (progress, ledger): (&Progress, &Ledger),
) -> Vec<Number> {
    let visit = |found: &mut FxHashSet<Number>, _: Number, bytes: &[u8], _: OfBase<'_, ()>| {
        let named = entries(bytes, objects.hash())
            .filter(|(mode, name, _)| matches!(mode, Mode::Blob) && wanted(name));
        found.extend(named.filter_map(|(_, _, id)| objects.lookup(id.raw())));
        None
    };
    let states = objects.walk(Kind::Tree, (progress, ledger), &FxHashSet::default, &visit);
    let mut found: Vec<Number> = states.into_iter().flatten().collect();
    found.extend(known.into_iter().flat_map(Known::named));
    found.sort_unstable();
    found.dedup();
    found
}

impl Trees {
    /// Decodes all trees but those that are `known`, and keeps what leads to one of `hits`. With
    /// `count_missing`, blobs that are named but absent are counted.
    pub(crate) fn read(
        objects: &Objects,
        (known, hits): (Option<&Known>, &[Number]),
        count_missing: bool,
        (progress, ledger): (&Progress, &Ledger),
    ) -> Self {
        let wanted: FxHashMap<ObjectId, u32> =
            (0..).zip(hits).map(|(at, &hit)| (objects.id(hit), at)).collect();
        let visit = |state: &mut Gathered, number: Number, bytes: &[u8], _: OfBase<'_, ()>| {
            for (mode, name, id) in entries(bytes, objects.hash()) {
                match mode {
                    Mode::Tree => {
                        if let Some(child) = objects.lookup(id.raw()) {
                            let name = state.name(name);
                            state.edges.push((number, child, name));
                        }
                    }
                    Mode::Blob => {
                        if let Some(&hit) = wanted.get(&id) {
                            let name = state.name(name);
                            state.leaves.push((number, hit, name));
                        } else if count_missing && objects.lookup(id.raw()).is_none() {
                            state.missing.insert(id);
                        }
                    }
                    Mode::Submodule => {}
                }
            }
            None
        };
        let new = Gathered::default;
        let mut states = objects.walk(Kind::Tree, (progress, ledger), &new, &visit);
        states.extend(known.map(|known| Gathered::of(known, hits)));
        Self::join(objects, states)
    }

    /// Adds to `record` what leads to `hits`.
    pub(crate) fn keep(&self, hits: &[Number], record: &Record) {
        let edges = self
            .edges
            .iter()
            .flat_map(|(tree, inner)| inner.iter().map(|(inner, name)| [*tree, *inner, *name]));
        let leaves = self.leaves.iter().flat_map(|(tree, leaves)| {
            leaves.iter().map(|(hit, name)| [*tree, hits[*hit as usize], *name])
        });
        record.links(edges, leaves, &self.names);
    }

    /// Joins the threads' parts and drops edges that lead to no hit.
    fn join(objects: &Objects, states: Vec<Gathered>) -> Self {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        let mut number: FxHashMap<Box<[u8]>, u32> = FxHashMap::default();
        let (mut edges, mut leaves) = (Vec::new(), Vec::new());
        let mut missing: FxHashSet<ObjectId> = FxHashSet::default();
        for state in states {
            let mut map = vec![0; state.names.len()];
            for (name, local) in state.names {
                map[local as usize] = *number.entry(name.clone()).or_insert_with(|| {
                    names.push(name);
                    u32::try_from(names.len() - 1).unwrap_or(u32::MAX)
                });
            }
            edges.extend(state.edges.iter().map(|&(p, c, name)| (p, c, map[name as usize])));
            leaves.extend(state.leaves.iter().map(|&(t, hit, name)| (t, hit, map[name as usize])));
            missing.extend(state.missing);
        }
        let mut leads = vec![false; objects.len()];
        leaves.iter().for_each(|&(tree, _, _)| leads[tree as usize] = true);
        // One round a level of nesting; what is nested deeper is cut off below, too.
        for _ in 0..DEEPEST {
            let mut grew = false;
            for &(parent, child, _) in &edges {
                if leads[child as usize] && !leads[parent as usize] {
                    leads[parent as usize] = true;
                    grew = true;
                }
            }
            if !grew {
                break;
            }
        }
        let mut kept: FxHashMap<Number, Vec<(Number, u32)>> = FxHashMap::default();
        for (parent, child, name) in
            edges.into_iter().filter(|(_, child, _)| leads[*child as usize])
        {
            kept.entry(parent).or_default().push((child, name));
        }
        let mut by_tree: FxHashMap<Number, Vec<(u32, u32)>> = FxHashMap::default();
        for (tree, hit, name) in leaves {
            by_tree.entry(tree).or_default().push((hit, name));
        }
        Self { edges: kept, leaves: by_tree, names, missing: missing.len() }
    }

    fn leads(&self, tree: Number) -> bool {
        self.edges.contains_key(&tree) || self.leaves.contains_key(&tree)
    }

    /// The places of `hits` blobs: `order` gives commits oldest first, `head` the tree at HEAD,
    /// `direct` trees and blobs that refs name. True when there were too many, or too deep ones.
    pub(crate) fn places(
        &self,
        objects: &Objects,
        hits: usize,
        order: &[&Node],
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
        for (rank, node) in (0..).zip(order) {
            if let Some(tree) = node.tree.filter(|&tree| self.leads(tree)) {
                finder.enter(tree, Some((objects.id(node.commit), rank)));
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

impl Gathered {
    /// What is known from before of trees that lead to `hits`.
    fn of(known: &Known, hits: &[Number]) -> Self {
        let wanted: FxHashMap<Number, u32> = hits.iter().copied().zip(0..).collect();
        let Links { edges, leaves, names } = known.links();
        let leaf = |[tree, blob, name]: [u32; 3]| Some((tree, *wanted.get(&blob)?, name));
        Self {
            edges: edges.into_iter().map(|[tree, inner, name]| (tree, inner, name)).collect(),
            leaves: leaves.into_iter().filter_map(leaf).collect(),
            names: names.iter().cloned().zip(0..).collect(),
            missing: FxHashSet::default(),
        }
    }

    fn name(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.insert(name.into(), number);
        number
    }
}

impl Finder<'_> {
    /// Notes every hit below `root` that has no place at its path yet.
    fn enter(&mut self, root: Number, commit: Option<(ObjectId, u32)>) {
        self.below(root, &mut |finder, key, path| {
            if finder.placed.contains_key(&key) {
                return;
            }
            let place = Place {
                path,
                commit: commit.map(|(id, _)| id),
                rank: commit.map_or(u32::MAX, |(_, rank)| rank),
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
            for &(hit, name) in self.trees.leaves.get(&tree).into_iter().flatten() {
                let text = self.path(path, name);
                leaf(self, (hit, path, name), text);
            }
            for &(child, name) in self.trees.edges.get(&tree).into_iter().flatten() {
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
