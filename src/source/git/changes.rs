//! What a tree or the index holds that its parents do not: changed paths with what stood there.
//!
//! Folders that equal those of one parent are not entered, in trees as in the index, so the cost is
//! that of the change, not of the repository.

use bstr::{BString, ByteSlice as _};

use crate::blob::ObjectId;
use crate::source::git::index::{CachedTree, Entry};
use crate::source::git::store::{ReadError, Store};
use crate::source::git::tree::{Mode, entries};

/// Changed paths of one commit. Ten trees that each name the next one ten times have a billion.
const MOST: usize = 4_000_000;

/// A path whose content is in no parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Path in the repository.
    pub path: BString,
    /// The new content.
    pub blob: ObjectId,
    /// What stood at the path in each parent; at least one entry.
    pub before: Vec<Option<ObjectId>>,
}

/// The changes of one commit, or of the index.
#[derive(Debug, Default)]
pub struct Changes {
    /// New and changed files, in path order within each folder.
    pub files: Vec<Change>,
    /// For each parent what is no longer at its path: sources of renames.
    pub(crate) removed: Vec<Vec<Gone>>,
    /// Folders that cannot be compared, and why: what they have is not among the files.
    pub lost: Vec<(BString, ReadError)>,
}

/// A file or folder that a parent has at a path and the new side has not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone {
    pub(crate) id: ObjectId,
    pub(crate) folder: bool,
}

/// A folder of the new side.
#[derive(Clone, Copy)]
pub(crate) enum Side<'s> {
    /// A tree object.
    Tree(ObjectId),
    /// Entries of the index with this prefix length, and the tree that git keeps for them.
    Index(&'s [Entry], usize, Option<&'s CachedTree>),
}

/// What stands at a name: files, links and folders; submodules are left out.
struct Child<'s> {
    name: &'s [u8],
    /// The blob or tree; `None` for a folder of the index whose tree is not known.
    id: Option<ObjectId>,
    /// A folder's content.
    folder: Option<Side<'s>>,
}

/// Compares `new` with the trees `parents` (none for a first commit).
///
/// # Errors
/// A tree at the top that cannot be read, or too many changes.
pub(crate) fn compare(
    store: &Store,
    new: Side<'_>,
    parents: &[ObjectId],
) -> Result<Changes, ReadError> {
    let olds: Vec<Option<ObjectId>> = match parents {
        [] => vec![None],
        trees => trees.iter().copied().map(Some).collect(),
    };
    let mut walk = Walk { store, path: BString::default(), seen: 0, changes: Changes::default() };
    walk.changes.removed = vec![Vec::new(); olds.len()];
    if !matches!(new, Side::Tree(id) if olds.contains(&Some(id))) {
        walk.folder(new, &olds)?;
    }
    Ok(walk.changes)
}

struct Walk<'r> {
    store: &'r Store,
    path: BString,
    /// Changed paths so far, folders included.
    seen: usize,
    changes: Changes,
}

impl Walk<'_> {
    fn folder(&mut self, new: Side<'_>, olds: &[Option<ObjectId>]) -> Result<(), ReadError> {
        let store = self.store;
        let tree;
        let children = match new {
            Side::Tree(id) => {
                tree = store.read(id)?;
                let (children, cut) = of_tree(tree.data(), store.hash());
                if cut {
                    let message = "this tree is broken; check it with `git fsck`".to_owned();
                    return Err(ReadError { id, message });
                }
                children
            }
            Side::Index(entries, prefix, cached) => of_index(entries, prefix, cached),
        };
        let trees = olds.iter().map(|id| id.map(|id| store.read(id)).transpose());
        let trees = trees.collect::<Result<Vec<_>, _>>()?;
        let mut old: Vec<Vec<Child<'_>>> = Vec::with_capacity(trees.len());
        for tree in &trees {
            let bytes = tree.as_ref().map(|tree| tree.data()).unwrap_or_default();
            // Of a broken one the rest counts as not there, so that all of the new side is new.
            let (mut children, _) = of_tree(bytes, store.hash());
            children.sort_by_key(|child| child.name);
            old.push(children);
        }
        for child in &children {
            self.child(child, &old)?;
        }
        let mut kept: Vec<(&[u8], bool)> =
            children.iter().map(|child| (child.name, child.folder.is_some())).collect();
        kept.sort_unstable();
        for (gone, old) in self.changes.removed.iter_mut().zip(&old) {
            let left = |c: &&Child<'_>| kept.binary_search(&(c.name, c.folder.is_some())).is_err();
            gone.extend(
                old.iter().filter(left).filter_map(|child| {
                    Some(Gone { id: child.id?, folder: child.folder.is_some() })
                }),
            );
        }
        Ok(())
    }

    fn child(&mut self, child: &Child<'_>, old: &[Vec<Child<'_>>]) -> Result<(), ReadError> {
        let is_folder = child.folder.is_some();
        let at_name = |old: &Vec<Child<'_>>| {
            let at = old.binary_search_by_key(&child.name, |child| child.name).ok()?;
            old[at].id.filter(|_| old[at].folder.is_some() == is_folder)
        };
        let before: Vec<Option<ObjectId>> = old.iter().map(at_name).collect();
        if child.id.is_some() && before.contains(&child.id) {
            return Ok(());
        }
        let above = self.path.len();
        if above > 0 {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(child.name);
        self.seen += 1;
        if let Some(id) = child.id.filter(|_| self.seen > MOST) {
            let message = format!("it is one of more than {MOST} changed paths of a commit");
            return Err(ReadError { id, message });
        }
        match (child.folder, child.id) {
            (Some(side), _) => match self.folder(side, &before) {
                Err(error) if self.seen <= MOST => {
                    self.changes.lost.push((self.path.clone(), error));
                }
                done => done?,
            },
            (None, Some(blob)) => {
                self.changes.files.push(Change { path: self.path.clone(), blob, before });
            }
            // Only a folder of the index has no id.
            (None, None) => {}
        }
        self.path.truncate(above);
        Ok(())
    }
}

/// The children in a tree, and whether it is broken behind them.
fn of_tree(tree: &[u8], hash: usize) -> (Vec<Child<'_>>, bool) {
    let child = |(mode, name, id)| match mode {
        Mode::Tree => Some(Child { name, id: Some(id), folder: Some(Side::Tree(id)) }),
        Mode::Blob => Some(Child { name, id: Some(id), folder: None }),
        Mode::Submodule => None,
    };
    let mut all = entries(tree, hash);
    let children = all.by_ref().filter_map(child).collect();
    (children, all.is_cut())
}

/// The children of the folder whose `entries` share the first `prefix` bytes of their paths.
fn of_index<'s>(
    entries: &'s [Entry],
    prefix: usize,
    cached: Option<&'s CachedTree>,
) -> Vec<Child<'s>> {
    let mut children = Vec::new();
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let tail = &first.path[prefix..];
        let Some(slash) = tail.find_byte(b'/') else {
            rest = &rest[1..];
            if first.mode & 0o170_000 != 0o160_000 {
                children.push(Child { name: tail, id: Some(first.id), folder: None });
            }
            continue;
        };
        let (name, start) = (&tail[..slash], &first.path[..=prefix + slash]);
        let len = rest.partition_point(|entry| entry.path.starts_with(start));
        let (inside, behind) = rest.split_at(len);
        rest = behind;
        // A sparse index has one entry for a folder that is not checked out.
        let (id, side) = if first.mode & 0o170_000 == 0o040_000 {
            (Some(first.id), Side::Tree(first.id))
        } else {
            let below = cached.and_then(|tree| tree.children.iter().find(|c| c.name == name));
            (below.and_then(|tree| tree.id), Side::Index(inside, prefix + slash + 1, below))
        };
        children.push(Child { name, id, folder: Some(side) });
    }
    children
}
