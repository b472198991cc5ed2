//! The commit graph, and where it has gaps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::git::commit;
use crate::source::git::objects::{Number, Objects, OfBase};
use crate::source::git::pack::Kind;
use crate::source::git::recall::Known;

/// A commit as the graph needs it.
pub(crate) struct Node {
    /// The commit object.
    pub(crate) commit: Number,
    /// Its tree, where that is here.
    pub(crate) tree: Option<Number>,
    parents: Vec<Number>,
    time: i64,
}

/// What a commit names and is not here, or is not what it should be.
#[derive(Debug)]
enum Missing {
    Tree(Option<ObjectId>),
    Parent(Option<ObjectId>),
}

/// The commits of the repository.
pub(crate) struct Commits {
    nodes: Vec<Node>,
    by_object: FxHashMap<Number, u32>,
    missing: Vec<(Number, Missing)>,
}

/// What one thread gathers.
type Gathered = (Vec<Node>, Vec<(Number, Missing)>);

impl Commits {
    /// Decodes all commits but those that are `known`.
    pub(crate) fn read(
        objects: &Objects,
        known: Option<&Known>,
        (progress, ledger): (&Progress, &Ledger),
    ) -> Self {
        let visit = |(nodes, missing): &mut Gathered, number, bytes: &[u8], _: OfBase<'_, ()>| {
            let head = commit::head(bytes);
            let tree = head.tree.and_then(|tree| objects.lookup(tree.raw()));
            if tree.is_none() {
                missing.push((number, Missing::Tree(head.tree)));
            }
            if head.odd_parent {
                missing.push((number, Missing::Parent(None)));
            }
            let parent = |id: ObjectId| {
                let parent = objects.lookup(id.raw());
                if parent.is_none() {
                    missing.push((number, Missing::Parent(Some(id))));
                }
                parent
            };
            let parents = head.parents.into_iter().filter_map(parent).collect();
            nodes.push(Node { commit: number, tree, parents, time: head.time });
            None
        };
        let new = Gathered::default;
        let states = objects.walk(Kind::Commit, (progress, ledger), &new, &visit);
        let (mut nodes, mut missing): Gathered = (Vec::new(), Vec::new());
        for (more, gaps) in states {
            nodes.extend(more);
            missing.extend(gaps);
        }
        let old = known.into_iter().flat_map(Known::commits);
        nodes.extend(old.map(|(commit, tree, parents, time)| Node { commit, tree, parents, time }));
        let gone = known.into_iter().flat_map(Known::gaps);
        missing.extend(gone.map(|(commit, is_tree, id)| {
            (commit, if is_tree { Missing::Tree(Some(id)) } else { Missing::Parent(Some(id)) })
        }));
        nodes.sort_by_cached_key(|node| (node.time, objects.id(node.commit)));
        let by_object: FxHashMap<Number, u32> =
            (0..).zip(&nodes).map(|(at, node)| (node.commit, at)).collect();
        // What was not read for an interruption is not missing.
        if !progress.interrupted() {
            for node in &nodes {
                let odd = node.parents.iter().filter(|parent| !by_object.contains_key(*parent));
                let odd = odd.map(|parent| Missing::Parent(Some(objects.id(*parent))));
                missing.extend(odd.map(|parent| (node.commit, parent)));
            }
        }
        Self { nodes, by_object, missing }
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
        let reached: FxHashSet<Number> =
            self.oldest_first(Some(tips)).into_iter().map(|node| node.commit).collect();
        let mut trees = FxHashSet::default();
        for (commit, missing) in self.missing.iter().filter(|(commit, _)| reached.contains(commit))
        {
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
        self.by_object.contains_key(&object)
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
        // Parents of each other: files with false ids can say so.
        let ring = (0..).zip(&self.nodes).filter(|(at, _)| wanted[*at] && blocked[*at] > 0);
        order.extend(ring.map(|(_, node)| node));
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
        self.missing.is_empty().then(|| self.nodes.iter().map(facts))
    }

    /// The tree of a commit.
    pub(crate) fn tree(&self, commit: Number) -> Option<Number> {
        self.nodes[*self.by_object.get(&commit)? as usize].tree
    }
}
