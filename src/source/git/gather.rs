//! Reads trees for what leads to blobs of interest. A tree that is a delta takes over what its base has: only the
//! entries that differ are read.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::source::Ledger;
use crate::source::git::children::Children;
use crate::source::git::objects::{Number, Objects, OfBase};
use crate::source::git::tree::{Entries, Mode, RawEntry, entries};
use crate::span::Copied;

/// Ids of which it is remembered what they are.
const TOLD: usize = 1 << 14;
/// In place of a tree's number.
pub(super) const ANY: Number = Number::MAX;

/// What trees are read for.
pub(super) struct Wanted<'w> {
    pub(super) objects: &'w Objects,
    /// Blobs of interest, each with its number among them.
    pub(super) hits: FxHashMap<ObjectId, u32>,
    /// Of a partial clone it matters only how much is not here.
    pub(super) partial: bool,
    pub(super) ledger: &'w Ledger,
}

/// What the tree walk of one thread gathers.
#[derive(Default)]
pub(super) struct Gathered {
    /// Trees in trees.
    pub(super) edges: Children,
    /// Hits in trees.
    pub(super) leaves: Children,
    pub(super) names: FxHashMap<Box<[u8]>, u32>,
    /// Submodules whose commit is an object of this repository: it may be no commit.
    pub(super) odd: Children,
    /// Trees that were read.
    pub(super) read: Vec<Number>,
    /// What trees name and is not here, with the tree; of a partial clone without.
    pub(super) missing: FxHashSet<(ObjectId, Number)>,
    /// Blobs that lead nowhere, and trees: what is new in one tree is mostly new in others, too.
    told: Told,
    /// Whose names the numbers are.
    own: Arc<()>,
}

/// Ids that were looked up, each at a place that its bytes say; the number is that of a tree.
#[derive(Default)]
struct Told(Vec<Option<(ObjectId, Option<Number>)>>);

/// What was seen in a tree.
pub(super) struct Seen {
    /// Where each entry starts, and where the last one ends.
    starts: Vec<u32>,
    /// The entries that lead somewhere, in order.
    kept: Vec<Kept>,
    /// Whose names the numbers are.
    of: Arc<()>,
}

/// An entry that is a tree, or a hit.
#[derive(Clone, Copy)]
struct Kept {
    start: u32,
    is_hit: bool,
    child: u32,
    name: u32,
}

/// What an entry is.
enum Is {
    /// Nothing that leads anywhere.
    Nothing,
    Tree(Number),
    Hit(u32),
    /// What is not here, or may be a tree and is said to be a submodule.
    Odd,
}

impl Gathered {
    /// Adds what the tree of that number has, which is the content `bytes`. Gives what the trees built on it may
    /// take over.
    pub(super) fn add(
        &mut self,
        wanted: &Wanted<'_>,
        (number, bytes): (Number, &[u8]),
        base: OfBase<'_, Seen>,
    ) -> Option<Seen> {
        self.read.push(number);
        let base = base.filter(|(seen, _)| Arc::ptr_eq(&seen.of, &self.own));
        let mut seen = Seen::like(base.map(|(seen, _)| seen), Arc::clone(&self.own));
        let (mut at, mut is_plain) = (0, true);
        loop {
            if let Some((base, copies)) = base
                && let Some(end) = seen.take_over(base, copies, at)
            {
                at = end;
                continue;
            }
            let mut all = entries(&bytes[at..], wanted.objects.hash());
            let Some(entry) = all.next_raw() else {
                is_plain &= !tell_cut(&all, || wanted.objects.id(number), wanted.ledger);
                break;
            };
            let start = fit(at);
            let is = self.look(wanted, number, &entry);
            is_plain &= !matches!(is, Is::Odd);
            if let Is::Tree(child) | Is::Hit(child) = is {
                let (is_hit, name) = (matches!(is, Is::Hit(_)), self.name(entry.1));
                seen.kept.push(Kept { start, is_hit, child, name });
            }
            seen.starts.push(start);
            at = bytes.len() - all.left();
        }
        seen.starts.push(fit(at));
        for kept in &seen.kept {
            let links = if kept.is_hit { &mut self.leaves } else { &mut self.edges };
            links.add(number, (kept.child, kept.name));
        }
        is_plain.then_some(seen)
    }

    /// What an entry of `tree` is.
    fn look(&mut self, wanted: &Wanted<'_>, tree: Number, entry: &RawEntry<'_>) -> Is {
        let (objects, (mode, name, raw)) = (wanted.objects, *entry);
        match (mode, self.told.of(raw)) {
            (Mode::Blob, Some(None)) => return Is::Nothing,
            (Mode::Tree, Some(Some(tree))) => return Is::Tree(tree),
            _ => {}
        }
        let Some(id) = ObjectId::from_raw(raw) else { return Is::Nothing };
        // Whatever it is said to be.
        if let Some(&hit) = wanted.hits.get(&id) {
            return Is::Hit(hit);
        }
        match objects.lookup(raw) {
            Some(child) if mode == Mode::Blob && !objects.may_be_tree(child) => {
                self.told.keep(id, None);
                Is::Nothing
            }
            Some(child) if mode == Mode::Submodule => {
                let name = self.name(name);
                self.odd.add(tree, (child, name));
                Is::Odd
            }
            Some(child) => {
                if mode == Mode::Tree {
                    self.told.keep(id, Some(child));
                }
                Is::Tree(child)
            }
            None if mode == Mode::Submodule => Is::Nothing,
            None => {
                self.missing.insert((id, if wanted.partial { ANY } else { tree }));
                Is::Odd
            }
        }
    }

    fn name(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let number = fit(self.names.len());
        self.names.insert(name.into(), number);
        number
    }
}

impl Told {
    fn place(raw: &[u8]) -> usize {
        raw.iter().take(2).fold(0, |place, byte| place << 8 | usize::from(*byte)) % TOLD
    }

    /// What is remembered of an id, given as its bytes.
    fn of(&self, raw: &[u8]) -> Option<Option<Number>> {
        let (id, tree) = self.0.get(Self::place(raw))?.as_ref()?;
        (id.raw() == raw).then_some(*tree)
    }

    /// Remembers `id` in place of what was remembered there.
    fn keep(&mut self, id: ObjectId, tree: Option<Number>) {
        self.0.resize(TOLD, None);
        self.0[Self::place(id.raw())] = Some((id, tree));
    }
}

impl Seen {
    /// Nothing yet, with room for what `base` has.
    fn like(base: Option<&Self>, of: Arc<()>) -> Self {
        let (starts, kept) = base.map_or((0, 0), |base| (base.starts.len(), base.kept.len()));
        Self { starts: Vec::with_capacity(starts + 1), kept: Vec::with_capacity(kept + 1), of }
    }

    /// Takes the entries over that stand in `base`, too, in one of `copies`, from `at` on; gives where the last one
    /// ends, or `None` where there is none.
    fn take_over(&mut self, base: &Self, copies: &[Copied], at: usize) -> Option<usize> {
        let nth = copies.partition_point(|copy| copy.to.end <= at);
        let copy = copies.get(nth).filter(|copy| copy.to.start <= at)?;
        let from = copy.from + (at - copy.to.start);
        let first = base.starts.binary_search(&fit(from)).ok()?;
        let end = fit(copy.from + copy.to.len());
        // Entries but for the last one end where the next one starts.
        let last = base.starts.partition_point(|start| *start <= end).checked_sub(1)?;
        if last <= first {
            return None;
        }
        let moved = |start: u32| fit(start as usize + at - from);
        let whole = first..last;
        self.starts.extend(base.starts[whole.clone()].iter().map(|start| moved(*start)));
        let bounds = [base.starts[first], base.starts[last]];
        let [first_kept, last_kept] =
            bounds.map(|bound| base.kept.partition_point(|kept| kept.start < bound));
        let kept = base.kept[first_kept..last_kept].iter();
        self.kept.extend(kept.map(|kept| Kept { start: moved(kept.start), ..*kept }));
        Some(moved(base.starts[last]) as usize)
    }
}

/// Trees above 4 GiB are never unpacked.
fn fit(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Says that `tree` is broken behind the entries that were read, if it is.
pub(super) fn tell_cut(
    entries: &Entries<'_>,
    tree: impl FnOnce() -> ObjectId,
    ledger: &Ledger,
) -> bool {
    let is_cut = entries.is_cut();
    if is_cut {
        let text = "this tree is broken behind its first entries; what it has there was not placed; \
                    run `git fsck`";
        ledger.problem(format!("object {tree}", tree = tree()), text.to_owned());
    }
    is_cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::git::earlier::Earlier;
    use crate::span::Span;

    /// A small generator of numbers, the same on every run.
    fn random(state: &mut u64, below: usize) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(*state >> 33).unwrap() % below
    }

    fn id(number: u8) -> [u8; 20] {
        [number; 20]
    }

    /// The entries of a random tree: some are hits, others submodules, of which none is here.
    fn entry(state: &mut u64) -> Vec<u8> {
        let name = format!("{:x}", random(state, 0xfffff));
        let (mode, number) = match random(state, 3) {
            0 => ("100644", 1 + random(state, 9)),
            1 => ("40000", 1 + random(state, 9)),
            _ => ("160000", 100 + random(state, 100)),
        };
        let number = u8::try_from(number).unwrap();
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &id(number)].concat()
    }

    /// What `bytes` and `other` have in common at the start and at the end, as a delta may take it over.
    fn copies(bytes: &[u8], other: &[u8]) -> Vec<Copied> {
        let same = |(a, b): &(&u8, &u8)| a == b;
        let start = bytes.iter().zip(other).take_while(same).count();
        let rest = bytes.len().min(other.len()) - start;
        let end = bytes.iter().rev().zip(other.iter().rev()).take(rest).take_while(same).count();
        let of_start = Copied { from: 0, to: Span::new(0, start) };
        let at = bytes.len() - end;
        let of_end = Copied { from: other.len() - end, to: Span::new(at, bytes.len()) };
        [of_start, of_end].into_iter().filter(|copy| !copy.to.is_empty()).collect()
    }

    /// A hit in a tree: the tree, the hit and its name.
    type Found = (Number, (u32, Box<[u8]>));

    fn gathered(mut all: Gathered) -> Vec<Found> {
        all.leaves.close();
        let name = |nth: u32| all.names.iter().find(|(_, other)| **other == nth).unwrap().0.clone();
        let mut found: Vec<Found> =
            all.leaves.iter().map(|(tree, (hit, n))| (tree, (hit, name(n)))).collect();
        // Parts come from the last to the first; in a tree the order stays.
        found.sort_by_key(|(tree, _)| *tree);
        found
    }

    #[test]
    fn a_tree_that_takes_over_has_what_it_has_by_itself() {
        let (folder, ledger) = (tempfile::tempdir().unwrap(), Ledger::default());
        let objects = &Objects::open(folder.path(), 20, Earlier::Nothing, &ledger);
        let hits = (1..10).map(|n| (ObjectId::from_raw(&id(n)).unwrap(), u32::from(n))).collect();
        let wanted = Wanted { objects, hits, partial: false, ledger: &ledger };
        let (state, mut taken) = (&mut 11, 0);
        for _ in 0..100 {
            let mut parts: Vec<Vec<u8>> = (0..random(state, 30)).map(|_| entry(state)).collect();
            let (mut alone, mut chain) = (Gathered::default(), Gathered::default());
            let mut base: Option<(Seen, Vec<u8>)> = None;
            for number in 0..20 {
                for _ in 0..random(state, 3) {
                    let at = random(state, parts.len() + 1);
                    match random(state, 3) {
                        0 => parts.insert(at, entry(state)),
                        1 if at < parts.len() => _ = parts.remove(at),
                        _ => parts.iter_mut().skip(at).take(1).for_each(|it| *it = entry(state)),
                    }
                }
                let bytes = parts.concat();
                alone.add(&wanted, (number, &bytes), None);
                let copies = base.as_ref().map(|(_, other)| copies(&bytes, other));
                let of_base = base.as_ref().zip(copies.as_ref());
                let of_base = of_base.map(|((seen, _), copies)| (seen, copies.as_slice()));
                let seen = chain.add(&wanted, (number, &bytes), of_base).unwrap();
                if let Some((base, copies)) = of_base {
                    let mut other = Seen::like(None, Arc::clone(&seen.of));
                    taken += usize::from(other.take_over(base, copies, 0).is_some());
                }
                base = Some((seen, bytes));
            }
            assert_eq!(gathered(chain), gathered(alone));
        }
        assert!(taken > 500, "{taken}");
        assert!(!ledger.has_problems());
    }

    #[test]
    fn what_others_saw_is_not_taken_over() {
        let (folder, ledger) = (tempfile::tempdir().unwrap(), Ledger::default());
        let objects = &Objects::open(folder.path(), 20, Earlier::Nothing, &ledger);
        let hits = [(ObjectId::from_raw(&id(1)).unwrap(), 0)].into_iter().collect();
        let wanted = Wanted { objects, hits, partial: false, ledger: &ledger };
        let (mut one, mut two) = (Gathered::default(), Gathered::default());
        let tree = |name: &str| [b"100644 ", name.as_bytes(), b"\0", &id(1)].concat();
        one.name(b"another");
        let bytes = tree("a");
        let seen = one.add(&wanted, (0, &bytes), None).unwrap();
        let all = [Copied { from: 0, to: Span::new(0, bytes.len()) }];
        two.add(&wanted, (1, &bytes), Some((&seen, &all)));
        assert_eq!(gathered(two), [(1, (0, Box::from(&b"a"[..])))]);
        // One in which something is missing is none to take over.
        let lacks = [tree("a"), b"100644 b\0".to_vec(), id(9).to_vec()].concat();
        assert!(one.add(&wanted, (2, &lacks), None).is_none());
        assert_eq!(one.missing.len(), 1);
    }
}
