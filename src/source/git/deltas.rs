//! Decodes a whole pack, each entry once, in delta order.
//!
//! Every entry is a node of a forest: whole objects are roots, deltas hang below their base. A
//! worker takes a root and walks its tree depth first, so a base is inflated once for all that
//! build on it and is dropped before the walk goes down its heaviest child: few buffers are alive
//! however long a chain is. Reading ids one by one through a library inflates a chain anew for
//! each member (docs/performance.md has the comparison).

use std::io;
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use libdeflater::Decompressor;

use crate::fault;
use crate::progress::{Progress, Reading};
use crate::source::Ledger;
use crate::source::git::forest::{FEW, Links, NONE, order_children, weights};
use crate::source::git::groups::Groups;
use crate::source::git::instructions::{apply_delta, delta_size};
use crate::source::git::pack::{Kind, LARGEST, Pack, bad};
use crate::source::git::windows::Windows;
use crate::span::Copied;

/// The forest of one pack. Nodes are entries in offset order.
pub(crate) struct Forest {
    /// Whole entries of each kind, sorted by offset.
    roots: Vec<(u32, Kind)>,
    /// How many entries there are of each kind: those and what is built on them.
    counts: [usize; 4],
    /// What is built on each entry, lightest first.
    children: Groups,
}

/// One decoded object. `M` is what a visit remembers of an object.
pub(crate) struct Object<'b, M> {
    /// Its position in id order of its pack.
    pub(crate) at: u32,
    /// Its content.
    pub(crate) bytes: &'b [u8],
    /// What was remembered of the object it is built on, and what it takes over from there.
    pub(crate) base: Option<(&'b M, &'b [Copied])>,
}

/// What is called for objects, with the state of the thread.
pub(crate) struct On<'v, S, M> {
    /// Takes an object; what it gives is shown to the visits of the objects that are built on this one.
    pub(crate) visit: &'v (dyn Fn(&mut S, &Object<'_, M>) -> Option<M> + Sync),
    /// Takes the position in id order of an object that is too large, and its size. It is not unpacked.
    pub(crate) large: &'v (dyn Fn(&mut S, u32, u64) + Sync),
}

/// How a walk is run.
pub(crate) struct Run<'r> {
    /// Larger objects are too large; they are unpacked only where others are built on them.
    pub(crate) wanted: u64,
    /// The pack.
    pub(crate) pack: &'r Pack,
    /// Stops the walk when interrupted.
    pub(crate) progress: &'r Progress,
    /// Takes what cannot be decoded.
    pub(crate) ledger: &'r Ledger,
}

impl Run<'_> {
    /// Inflates the entry of `node` into `out`.
    fn inflate(
        &self,
        node: u32,
        buffers: (&mut Decompressor, &mut Windows),
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let id = || self.pack.id(self.pack.by_offset()[node as usize]);
        let reads = || self.progress.reading(Reading::Object(id()));
        self.pack.inflate(node as usize, buffers, out, reads)
    }

    /// Bytes of the largest object that is unpacked.
    fn most(&self) -> u64 {
        self.wanted.max(LARGEST)
    }

    /// The size of what the entry of `node` inflates to, where that is more than `most`.
    fn beyond(&self, node: u32, most: u64) -> io::Result<Option<u64>> {
        if !self.pack.may_exceed(node as usize, most) {
            return Ok(None);
        }
        Ok(Some(self.pack.header(node as usize)?.size).filter(|size| *size > most))
    }
}

/// Buffers of one worker.
struct Buffers {
    inflater: Decompressor,
    windows: Windows,
    delta: Vec<u8>,
    copies: Vec<Copied>,
    free: Vec<Vec<u8>>,
}

/// A base whose children are being visited.
struct Frame<'f, M> {
    bytes: Vec<u8>,
    memo: Option<M>,
    children: slice::Iter<'f, u32>,
}

impl Forest {
    /// Reads the headers of `pack`. Entries that cannot be placed go to `ledger`. With `wanted`, by
    /// position in id order, the forest has only those objects and what they are built on.
    ///
    /// # Errors
    /// The I/O error when the pack cannot be read at all.
    pub(crate) fn new(pack: &Pack, wanted: Option<&[bool]>, ledger: &Ledger) -> io::Result<Self> {
        let count = pack.len();
        let nodes = OnceLock::new();
        let few = |wanted: &&[bool]| wanted.iter().filter(|it| **it).count() < count / FEW;
        let few = wanted.as_ref().is_some_and(few);
        let mut links = match few {
            true => Links::new((pack, ledger), &nodes, (0, vec![NONE; count])),
            false => Links::read((pack, ledger), &nodes)?,
        };
        let kept = wanted.map(|wanted| {
            let by_offset = pack.by_offset();
            let nodes = (0..).zip(by_offset).filter(|(_, at)| wanted[**at as usize]);
            links.keep(nodes.map(|(node, _)| node), few)
        });
        let weight = weights(&links.base);
        let children = order_children(&links.base, &weight);
        let (roots, mut counts) = (std::mem::take(&mut links.roots), [0; 4]);
        for (root, kind) in &roots {
            counts[*kind as usize] += weight[*root as usize] as usize + 1;
        }
        let forest = Self { roots, counts, children };
        let reached: usize = counts.into_iter().sum();
        let is_kept = |nth: usize| kept.as_ref().is_none_or(|kept| kept[nth]);
        if reached < (0..count).filter(|nth| is_kept(*nth)).count() {
            let mut known = std::mem::take(&mut links.faulty);
            known.sort_unstable();
            let lost = |nth: &usize| is_kept(*nth) && known.binary_search(nth).is_err();
            for nth in forest.unreached(count).filter(lost) {
                links.broken(nth, "what its delta is built on cannot be decoded");
            }
        }
        Ok(forest)
    }

    /// Entries that no whole object leads to: they build on each other, or on what is broken.
    fn unreached(&self, count: usize) -> impl Iterator<Item = usize> {
        let mut seen = vec![false; count];
        let mut open: Vec<u32> = self.roots.iter().map(|&(root, _)| root).collect();
        while let Some(node) = open.pop() {
            seen[node as usize] = true;
            open.extend(self.children.get(node));
        }
        seen.into_iter().enumerate().filter(|(_, seen)| !seen).map(|(nth, _)| nth)
    }

    /// How many objects of `kind` there are: roots and all that builds on them.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.counts[kind as usize]
    }

    /// Calls `found` with the position in id order of every object of `kind` that is decoded.
    pub(crate) fn each(&self, pack: &Pack, kind: Kind, found: &mut dyn FnMut(u32)) {
        let roots = self.roots.iter().filter(|(_, k)| *k == kind);
        let mut open: Vec<u32> = roots.map(|&(root, _)| root).collect();
        while let Some(node) = open.pop() {
            found(pack.by_offset()[node as usize]);
            open.extend(self.children.get(node));
        }
    }

    /// Decodes all objects of `kind` on the threads of the current pool and returns each thread's
    /// state. Each object is handed to one of `on` once.
    pub(crate) fn walk<S: Send, M>(
        &self,
        kind: Kind,
        run: &Run<'_>,
        new: &(dyn Fn() -> S + Sync),
        on: &On<'_, S, M>,
    ) -> Vec<S> {
        let roots: Vec<u32> =
            self.roots.iter().filter(|(_, k)| *k == kind).map(|&(node, _)| node).collect();
        let next = AtomicUsize::new(0);
        rayon::broadcast(|_| {
            let mut state = new();
            let mut buffers = Buffers::new();
            while let Some(&root) = roots.get(next.fetch_add(1, Ordering::Relaxed)) {
                if run.progress.interrupted() {
                    break;
                }
                let tree = || self.tree(root, run, &mut buffers, (&mut state, on));
                if fault::contained(tree).is_none() {
                    self.broken(root, run, &io::Error::other(fault::TEXT));
                    buffers = Buffers::new();
                }
            }
            state
        })
    }

    /// Visits `root` and all that builds on it.
    fn tree<S, M>(
        &self,
        root: u32,
        run: &Run<'_>,
        buffers: &mut Buffers,
        (state, on): (&mut S, &On<'_, S, M>),
    ) {
        let place = |node: u32| run.pack.by_offset()[node as usize];
        let first = match run.beyond(root, run.wanted) {
            Ok(Some(size)) if self.is_leaf(root) || size > run.most() => {
                return self.large((root, size), run, (state, on));
            }
            other => other,
        };
        let mut bytes = buffers.free.pop().unwrap_or_default();
        let Buffers { inflater, windows, .. } = buffers;
        let read = first.and_then(|_| run.inflate(root, (inflater, windows), &mut bytes));
        if let Err(error) = read {
            buffers.free.push(bytes);
            return self.broken(root, run, &error);
        }
        let memo = (on.visit)(state, &Object { at: place(root), bytes: &bytes, base: None });
        let mut stack = vec![Frame { bytes, memo, children: self.children.get(root).iter() }];
        while let Some(top) = stack.last_mut() {
            let Some(&node) = top.children.next() else {
                buffers.recycle(stack.pop());
                continue;
            };
            let last = top.children.as_slice().is_empty();
            let mut bytes = buffers.free.pop().unwrap_or_default();
            match self.build(node, run, buffers, (&top.bytes, &mut bytes)) {
                Ok(None) => {}
                Ok(Some(size)) => {
                    buffers.free.push(bytes);
                    self.large((node, size), run, (state, on));
                    continue;
                }
                Err(error) => {
                    buffers.free.push(bytes);
                    self.broken(node, run, &error);
                    continue;
                }
            }
            let base = top.memo.as_ref().map(|memo| (memo, buffers.copies.as_slice()));
            let memo = (on.visit)(state, &Object { at: place(node), bytes: &bytes, base });
            if last {
                buffers.recycle(stack.pop());
            }
            stack.push(Frame { bytes, memo, children: self.children.get(node).iter() });
        }
    }

    /// Builds the object of `node` on `base`; gives its size instead where it is too large.
    fn build(
        &self,
        node: u32,
        run: &Run<'_>,
        buffers: &mut Buffers,
        (base, bytes): (&[u8], &mut Vec<u8>),
    ) -> io::Result<Option<u64>> {
        if let Some(size) = run.beyond(node, run.most())? {
            return Err(bad(format!("its difference has {size} bytes")));
        }
        let Buffers { inflater, windows, delta, copies, .. } = buffers;
        run.inflate(node, (inflater, windows), delta)?;
        let size = delta_size(delta).unwrap_or(0);
        if size > run.most() || size > run.wanted && self.is_leaf(node) {
            return Ok(Some(size));
        }
        apply_delta(base, delta, bytes, copies).map(|()| None)
    }

    fn is_leaf(&self, node: u32) -> bool {
        self.children.get(node).is_empty()
    }

    /// Hands on `node`, which has `size` bytes, as too large, and what is built on it: that which is not too
    /// large itself is lost.
    fn large<S, M>(
        &self,
        (node, size): (u32, u64),
        run: &Run<'_>,
        (state, on): (&mut S, &On<'_, S, M>),
    ) {
        let mut open = vec![(node, Ok(size))];
        while let Some((node, size)) = open.pop() {
            let at = run.pack.by_offset()[node as usize];
            match size {
                Ok(size) if size > run.wanted => (on.large)(state, at, size),
                Ok(_) => {
                    let text = format!(
                        "is built on an object of more than {most} bytes, which is not unpacked; it was not \
                         scanned; a larger --max-size helps",
                        most = run.most()
                    );
                    run.ledger.problem(format!("object {id}", id = run.pack.id(at)), text);
                }
                Err(error) => run.lost(node, &error),
            }
            let children = self.children.get(node);
            open.extend(children.iter().map(|child| (*child, run.pack.size(*child as usize))));
        }
    }

    /// Lists `node` and all that builds on it as lost.
    fn broken(&self, node: u32, run: &Run<'_>, error: &io::Error) {
        let mut lost = vec![node];
        while let Some(node) = lost.pop() {
            run.lost(node, error);
            lost.extend(self.children.get(node));
        }
    }
}

impl Run<'_> {
    /// Lists the object of `node` as lost.
    fn lost(&self, node: u32, error: &io::Error) {
        let id = self.pack.id(self.pack.by_offset()[node as usize]);
        let text = format!("cannot be decoded: {error}; it was not scanned; run `git fsck`");
        self.ledger.problem(format!("object {id}"), text);
    }
}

impl Buffers {
    fn new() -> Self {
        Self {
            inflater: Decompressor::new(),
            windows: Windows::default(),
            delta: Vec::new(),
            copies: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Keeps the buffer of a finished frame, as long as all that are kept are no burden.
    fn recycle<M>(&mut self, frame: Option<Frame<'_, M>>) {
        const MOST: usize = 8 << 20;
        let kept: usize = self.free.iter().map(Vec::capacity).sum();
        if let Some(Frame { bytes, .. }) = frame
            && kept + bytes.capacity() <= MOST
            && self.free.len() < 64
        {
            self.free.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;

    /// Two texts of which there are versions, so that most are stored as differences.
    fn packed(folder: &std::path::Path) -> Pack {
        let repo = git2::Repository::init(folder).unwrap();
        let mut builder = repo.packbuilder().unwrap();
        for nth in 0..8 {
            let words = if nth % 2 == 0 { ["one", "two"] } else { ["three", "four"] };
            let lines = (0..200).map(|line| format!("{} {line} {}\n", words[0], words[1]));
            let text = format!("{}{nth}\n", lines.collect::<String>());
            builder.insert_object(repo.blob(text.as_bytes()).unwrap(), None).unwrap();
        }
        let packs = folder.join(".git/objects/pack");
        builder.write(&packs, 0o644).unwrap();
        let files = std::fs::read_dir(packs).unwrap().map(|file| file.unwrap().path());
        let index = files.filter(|path| path.extension().is_some_and(|end| end == "idx"));
        Pack::open(&index.last().unwrap(), 20).unwrap()
    }

    #[test]
    fn a_fault_while_a_pack_is_decoded_names_all_that_is_built_on_the_object() {
        let folder = tempfile::tempdir().unwrap();
        let (pack, ledger) = (packed(folder.path()), Ledger::default());
        let forest = Forest::new(&pack, None, &ledger).unwrap();
        let roots = forest.roots.len();
        assert!((2..8).contains(&roots), "{roots} of 8 stand on nothing");
        for at in 0..8 {
            let (ledger, progress) = (Ledger::default(), Progress::default());
            let run = Run { wanted: u64::MAX, pack: &pack, progress: &progress, ledger: &ledger };
            let seen = Mutex::new(BTreeSet::new());
            let visit = |(): &mut (), object: &Object<'_, ()>| {
                assert!(object.at != at, "hunter2-and-more");
                seen.lock().unwrap().insert(format!("object {}", pack.id(object.at)));
                None
            };
            let on = On { visit: &visit, large: &|(), _, _| panic!("no object is") };
            forest.walk(Kind::Blob, &run, &|| (), &on);
            let (mut stats, mut problems, mut notices) = Default::default();
            ledger.drain(&mut stats, &mut problems, &mut notices);
            let named: BTreeSet<String> = problems.iter().map(|it| it.place.clone()).collect();
            assert!(named.contains(&format!("object {}", pack.id(at))), "{named:?}");
            assert!(problems.iter().all(|it| it.message.contains(fault::TEXT)), "{problems:?}");
            // What is in no list is lost, and what is not built on it is looked at.
            let seen = seen.into_inner().unwrap();
            assert_eq!(named.union(&seen).count(), 8);
            let others = named.iter().filter(|it| !it.ends_with(&pack.id(at).to_string()));
            assert!(others.count() < 7, "{named:?}");
        }
    }
}
