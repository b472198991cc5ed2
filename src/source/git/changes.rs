//! What a tree or the index holds that its parents do not: changed paths with what stood there.
//!
//! Folders that equal those of one parent are not entered, in trees as in the index, so the cost is
//! that of the change, not of the repository.

use std::sync::OnceLock;

use bstr::{BString, ByteSlice as _};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::ObjectId;
use crate::source::git::index::{CachedTree, Entry};
use crate::source::git::store::{ReadError, Store};
use crate::source::git::tree::{Mode, entries};

/// Changed paths of one commit. Ten trees that each name the next one ten times have a billion.
const MOST: usize = 4_000_000;
/// Changed paths of all commits of a range, which are held together.
pub(crate) const MOST_OF_ALL: usize = 16_000_000;
/// Folders, one in the other, that are entered: each takes a part of the stack.
const DEEPEST: usize = 1000;

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
    pub(crate) removed: Vec<Removed>,
    /// Folders that cannot be compared, and why: what they have is not among the files.
    pub lost: Vec<(BString, ReadError)>,
}

/// A file or folder that a parent has at a path and the new side has not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone {
    pub(crate) id: ObjectId,
    pub(crate) folder: bool,
}

/// What a parent has and the new side has not.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    all: Vec<Gone>,
    files: OnceLock<Files>,
}

/// Files, each once.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// In their order.
    pub(crate) list: Vec<ObjectId>,
    known: FxHashSet<ObjectId>,
}

impl Files {
    /// True when `id` is one of them.
    pub(crate) fn has(&self, id: &ObjectId) -> bool {
        self.known.contains(id)
    }
}

impl Removed {
    /// All files, folders entered.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(crate) fn files(&self, store: &Store) -> Result<&Files, ReadError> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let (mut files, mut entered) = (Files::default(), FxHashSet::default());
        let mut open: Vec<Gone> = self.all.iter().rev().copied().collect();
        while let Some(Gone { id, folder }) = open.pop() {
            if !folder {
                if files.known.insert(id) {
                    files.list.push(id);
                }
                continue;
            }
            // Ten trees that each name the next one ten times have a billion paths.
            if !entered.insert(id) {
                continue;
            }
            let tree = store.read(id)?;
            open.extend(entries(tree.data(), store.hash()).filter_map(
                |(mode, _, id)| match mode {
                    Mode::Submodule => None,
                    mode => Some(Gone { id, folder: mode == Mode::Tree }),
                },
            ));
        }
        Ok(self.files.get_or_init(|| files))
    }
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
    let mut room = MOST;
    compare_some(store, new, parents, &mut room)
}

/// The same; `room` is how many changed paths there may be, from which those that there are are taken.
///
/// # Errors
/// As [`compare`].
pub(crate) fn compare_some(
    store: &Store,
    new: Side<'_>,
    parents: &[ObjectId],
    room: &mut usize,
) -> Result<Changes, ReadError> {
    let olds: Vec<Option<ObjectId>> = match parents {
        [] => vec![None],
        trees => trees.iter().copied().map(Some).collect(),
    };
    let removed = olds.iter().map(|_| Removed::default()).collect();
    let mut changes = Changes { removed, ..Changes::default() };
    if !matches!(new, Side::Tree(id) if olds.contains(&Some(id))) {
        let (path, most) = (BString::default(), MOST.min(*room));
        let mut walk = Walk { store, path, depth: 0, seen: 0, most, changes };
        let done = walk.folder(new, &olds);
        *room = room.saturating_sub(walk.seen);
        done?;
        changes = walk.changes;
    }
    Ok(changes)
}

struct Walk<'r> {
    store: &'r Store,
    path: BString,
    depth: usize,
    /// Changed paths so far, folders included, and how many there may be.
    seen: usize,
    most: usize,
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
            gone.all.extend(
                old.iter().filter(left).filter_map(|child| {
                    Some(Gone { id: child.id?, folder: child.folder.is_some() })
                }),
            );
        }
        Ok(())
    }

    /// A folder that is in the one that is compared.
    fn inner(&mut self, new: Side<'_>, olds: &[Option<ObjectId>]) -> Result<(), ReadError> {
        if self.depth == DEEPEST {
            let id = match new {
                Side::Tree(id) => Some(id),
                Side::Index(entries, ..) => entries.first().map(|entry| entry.id),
            };
            let message = format!("it is below more than {DEEPEST} folders, one in the other");
            return id.map_or(Ok(()), |id| Err(ReadError { id, message }));
        }
        self.depth += 1;
        let done = self.folder(new, olds);
        self.depth -= 1;
        done
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
        if let Some(id) = child.id.filter(|_| self.seen > self.most) {
            let (what, most) = match self.most < MOST {
                true => ("range", MOST_OF_ALL),
                false => ("commit", MOST),
            };
            let message = format!("it is one of more than {most} changed paths of a {what}");
            return Err(ReadError { id, message });
        }
        match (child.folder, child.id) {
            (Some(side), _) => match self.inner(side, &before) {
                Err(error) if self.seen <= self.most => {
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
    let known = cached.iter().flat_map(|tree| &tree.children);
    let known: FxHashMap<&[u8], &CachedTree> = known.map(|tree| (&tree.name[..], tree)).collect();
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
            let below = known.get(name).copied();
            (below.and_then(|tree| tree.id), Side::Index(inside, prefix + slash + 1, below))
        };
        children.push(Child { name, id, folder: Some(side) });
    }
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commits_of_a_range_share_the_room_for_changed_paths() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<(String, String)> = (0..3).map(|n| (n.to_string(), n.to_string())).collect();
        crate::source::git::example::commit(folder.path(), &files).unwrap();
        let repo = git2::Repository::open(folder.path()).unwrap();
        let tree = repo.head().unwrap().peel_to_tree().unwrap().id();
        let tree = ObjectId::from_raw(tree.as_bytes()).unwrap();
        let store = Store::open(&repo, Vec::new());
        let mut room = 5;
        let changes = compare_some(&store, Side::Tree(tree), &[], &mut room).unwrap();
        assert_eq!((changes.files.len(), room), (3, 2));
        let error = compare_some(&store, Side::Tree(tree), &[], &mut room).unwrap_err();
        assert!(error.message.contains("changed paths of a range"), "{error}");
        assert_eq!(room, 0);
    }
}
