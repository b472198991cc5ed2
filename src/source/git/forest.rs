//! The entries of a pack as a forest: what builds on each, as arrays.

use std::io;
use std::ops::DerefMut;
use std::sync::OnceLock;

use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

use crate::source::Ledger;
use crate::source::git::groups::Groups;
use crate::source::git::pack::{Base, Header, Kind, Pack};

/// No base: a root, or an entry that cannot be read.
pub(super) const NONE: u32 = u32::MAX;

/// What some entries build on, while headers are read.
pub(super) struct Links<'p, B = Vec<u32>> {
    pack: &'p Pack,
    ledger: &'p Ledger,
    /// Nodes by position in id order.
    nodes: &'p OnceLock<Vec<u32>>,
    /// The first entry.
    first: usize,
    pub(super) base: B,
    pub(super) roots: Vec<(u32, Kind)>,
    pub(super) faulty: Vec<usize>,
}

/// Headers are read one by one where fewer than one entry in so many is wanted.
pub(super) const FEW: usize = 16;
/// Headers that a thread reads one after the other.
const PART: usize = 1 << 13;

impl<'p> Links<'p> {
    /// Those of all entries, whose headers are read on all threads.
    ///
    /// # Errors
    /// The I/O error where not even the first one can be read.
    pub(super) fn read(
        (pack, ledger): (&'p Pack, &'p Ledger),
        nodes: &'p OnceLock<Vec<u32>>,
    ) -> io::Result<Self> {
        if pack.len() > 0
            && let Err(error) = pack.header(0)
            && error.kind() != io::ErrorKind::InvalidData
        {
            return Err(error);
        }
        let mut base = vec![NONE; pack.len()];
        let part = |(nth, base): (usize, &mut [u32])| {
            let some = nth * PART..nth * PART + base.len();
            let mut links = Links::new((pack, ledger), nodes, (some.start, base));
            pack.headers(some, |nth, header| links.add(nth, header));
            (links.roots, links.faulty)
        };
        let parts: Vec<_> = base.par_chunks_mut(PART).enumerate().map(part).collect();
        let mut all = Self::new((pack, ledger), nodes, (0, base));
        for (mut roots, mut faulty) in parts {
            all.roots.append(&mut roots);
            all.faulty.append(&mut faulty);
        }
        Ok(all)
    }
}

impl<'p, B: DerefMut<Target = [u32]>> Links<'p, B> {
    /// What is known before headers are read: the entries from `first` on have the bases `base`.
    pub(super) fn new(
        (pack, ledger): (&'p Pack, &'p Ledger),
        nodes: &'p OnceLock<Vec<u32>>,
        (first, base): (usize, B),
    ) -> Self {
        Self { pack, ledger, nodes, first, base, roots: Vec::new(), faulty: Vec::new() }
    }

    fn add(&mut self, nth: usize, header: io::Result<Header>) {
        let pack = self.pack;
        if pack.is_cut(nth) {
            // They are told of together: there may be a million.
            return self.faulty.push(nth);
        }
        match header.map(|header| header.base) {
            Ok(Base::Whole(kind)) => self.roots.push((place(nth), kind)),
            Ok(Base::Offset(offset)) => match pack.find_before(nth, offset) {
                Some(at) => self.base[nth - self.first] = place(at),
                None => self.broken(nth, "its delta base is not in the pack"),
            },
            Ok(Base::Id(id)) => match pack.lookup(id.raw()) {
                Some(at) => {
                    let node = self.nodes.get_or_init(|| inverse(pack))[at as usize];
                    self.base[nth - self.first] = node;
                }
                None => self.broken(nth, &format!("its delta base {id} is not in the pack")),
            },
            Err(error) => self.broken(nth, &error.to_string()),
        }
    }

    pub(super) fn broken(&mut self, nth: usize, why: &str) {
        let id = self.pack.id(self.pack.by_offset()[nth]);
        self.faulty.push(nth);
        self.ledger.problem(format!("object {id}"), format!("{why}; run `git fsck`"));
    }

    /// Marks `wanted` nodes and all that they are built on; with `read`, their headers are read on the
    /// way. What is not marked is taken out.
    pub(super) fn keep(&mut self, wanted: impl Iterator<Item = u32>, read: bool) -> Vec<bool> {
        let mut kept = vec![false; self.base.len()];
        for mut node in wanted {
            while node != NONE && !std::mem::replace(&mut kept[node as usize], true) {
                if read {
                    let header = self.pack.header(node as usize);
                    self.add(node as usize, header);
                }
                node = self.base[node as usize];
            }
        }
        self.roots.retain(|(root, _)| kept[*root as usize]);
        self.roots.sort_unstable_by_key(|(root, _)| *root);
        let left_out = self.base.iter_mut().zip(&kept).filter(|(_, kept)| !**kept);
        left_out.for_each(|(base, _)| *base = NONE);
        kept
    }
}

/// Node (offset order) of each position in id order.
fn inverse(pack: &Pack) -> Vec<u32> {
    let mut nodes = vec![0; pack.len()];
    for (node, &at) in (0..).zip(pack.by_offset()) {
        nodes[at as usize] = node;
    }
    nodes
}

/// Children of every node, those with the fewest descendants first.
pub(super) fn order_children(base: &[u32], weight: &[u32]) -> Groups {
    let links = || {
        let nodes = base.iter().copied().zip(0..);
        nodes.filter(|(parent, _)| *parent != NONE)
    };
    let mut children = Groups::of(base.len(), links);
    children.sort_by_key(|child| weight[child as usize]);
    children
}

/// Number of descendants of every node. A base may stand after its delta, so nodes are taken once
/// all their children were.
pub(super) fn weights(base: &[u32]) -> Vec<u32> {
    let mut open = vec![0_u32; base.len()];
    for &parent in base.iter().filter(|&&parent| parent != NONE) {
        open[parent as usize] += 1;
    }
    let mut weight = vec![0_u32; base.len()];
    let mut ready: Vec<u32> = (0..).zip(&open).filter(|(_, o)| **o == 0).map(|(n, _)| n).collect();
    while let Some(node) = ready.pop() {
        let parent = base[node as usize];
        if parent != NONE {
            weight[parent as usize] += weight[node as usize] + 1;
            open[parent as usize] -= 1;
            if open[parent as usize] == 0 {
                ready.push(parent);
            }
        }
    }
    weight
}

fn place(nth: usize) -> u32 {
    u32::try_from(nth).unwrap_or(NONE)
}
