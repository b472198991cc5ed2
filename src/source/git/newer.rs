//! What a tree has that those before it do not have.

use bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::source::git::pack::Kind;
use crate::source::git::store::Store;
use crate::source::git::tree::{Mode, entries};

/// Folders nest at most this deep here.
const DEEPEST: usize = 256;
/// Most trees that are read: where there is more, to read all of a history costs less.
const MOST: usize = 1 << 16;

/// Called with an entry that is no folder: what it is, its path and its id. `None` gives up.
pub(crate) type OnEntry<'f> = dyn FnMut(Mode, BString, ObjectId) -> Option<()> + 'f;

/// Compares trees.
pub(crate) struct Newer<'s> {
    store: &'s Store,
    left: usize,
    /// The trees that were read as newer ones.
    pub(crate) read: FxHashSet<ObjectId>,
}

impl<'s> Newer<'s> {
    /// Trees in `store`.
    pub(crate) fn new(store: &'s Store) -> Self {
        Self { store, left: MOST, read: FxHashSet::default() }
    }

    /// Calls `found` for what `root` has at a path where none of `others` has the same; `None` where a tree cannot be
    /// read, is broken, or there are too many.
    pub(crate) fn than(
        &mut self,
        root: ObjectId,
        others: &[ObjectId],
        found: &mut OnEntry<'_>,
    ) -> Option<()> {
        if others.contains(&root) {
            return Some(());
        }
        let mut open = vec![(root, others.to_vec(), BString::default(), 0)];
        while let Some((tree, others, path, depth)) = open.pop() {
            let others: Vec<_> =
                others.into_iter().map(|id| self.tree(id)).collect::<Option<_>>()?;
            self.read.insert(tree);
            for (name, (mode, id)) in self.tree(tree)? {
                let beside = || others.iter().filter_map(|other| other.get(&name));
                if beside().any(|other| *other == (mode, id)) {
                    continue;
                }
                let inner = BString::from([&path[..], &name[..]].concat());
                if mode != Mode::Tree {
                    found(mode, inner, id)?;
                    continue;
                }
                let trees = beside().filter(|(mode, _)| *mode == Mode::Tree);
                let trees = trees.map(|(_, id)| *id).collect();
                let inner = BString::from([&inner[..], b"/"].concat());
                open.push((id, trees, inner, depth + 1));
            }
            (depth < DEEPEST).then_some(())?;
        }
        Some(())
    }

    /// The entries of a tree by name; `None` where it cannot be read or is broken.
    fn tree(&mut self, id: ObjectId) -> Option<FxHashMap<BString, (Mode, ObjectId)>> {
        self.left = self.left.checked_sub(1)?;
        let object = self.store.read(id).ok().filter(|object| object.kind() == Kind::Tree)?;
        let mut all = entries(object.data(), self.store.hash());
        let named: FxHashMap<_, _> =
            all.by_ref().map(|(mode, name, id)| (BString::from(name), (mode, id))).collect();
        (!all.is_cut()).then_some(named)
    }
}
