//! What an earlier scan of this repository saw, in the numbers of the objects that are here now, and
//! what this scan sees, for the next one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest as _, Sha256};

use crate::blob::ObjectId;
use crate::caches;
use crate::source::git::objects::{Number, Objects};
use crate::source::git::snapshot::{ABSENT, OldCommit, Snapshot, What};
use crate::text::hex;

/// Larger files are not ours: it is what some eighty million objects take.
const MAX_FILE: u64 = 2 << 30;

/// Where snapshots of histories are kept, and what they depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    folder: PathBuf,
    key: [u8; 32],
    use_: &'static str,
}

impl Memory {
    /// A memory in `folder` for one `use_` of a repository, such as an audit. A snapshot counts only as
    /// long as `parts` are the same: the program, its rules, its options.
    pub fn new(folder: PathBuf, use_: &'static str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self { folder, key: hash.finalize().into(), use_ }
    }

    /// The file for the repository whose common folder is `place`.
    fn file(&self, place: &Path) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(self.use_);
        hash.update(place.as_os_str().as_encoded_bytes());
        self.folder.join(hex(&hash.finalize()[..16])).with_extension(caches::HISTORY)
    }

    /// The snapshot of the repository at `place`, where there is one that still counts.
    pub(crate) fn read(&self, place: &Path) -> Option<Snapshot> {
        let file = caches::read_own(&self.file(place), MAX_FILE).ok()?;
        Snapshot::decode(&file, &self.key)
    }

    /// Writes a snapshot, whole or not at all.
    ///
    /// # Errors
    /// The I/O error.
    pub(crate) fn write(&self, place: &Path, snapshot: &Snapshot) -> io::Result<()> {
        let bytes = snapshot.encode(&self.key, place.as_os_str().as_encoded_bytes());
        caches::write_own(&self.file(place), &bytes)
    }

    /// Notes that the snapshot of the repository at `place` was of use.
    pub(crate) fn touch(&self, place: &Path) {
        let now = fs::File::options().append(true).open(self.file(place));
        // A cache whose time cannot be set is only cleared earlier.
        let _ = now.and_then(|file| file.set_modified(std::time::SystemTime::now()));
    }
}

/// What trees have in them: tree, tree or blob, and number of its name.
pub(crate) struct Links<'n> {
    /// Trees in trees.
    pub(crate) edges: Vec<[u32; 3]>,
    /// Blobs of interest in trees.
    pub(crate) leaves: Vec<[u32; 3]>,
    /// Names by number.
    pub(crate) names: &'n [Box<[u8]>],
}

/// An earlier snapshot and the objects of it that are here.
pub(crate) struct Known {
    old: Snapshot,
    numbers: Vec<Number>,
    notes: FxHashMap<Number, u32>,
}

impl Known {
    /// Finds the objects of `old` among `objects`.
    pub(crate) fn new(old: Snapshot, objects: &Objects) -> Self {
        let numbers = objects.numbers(&old);
        let notes = old.notes.iter().zip(0..).map(|((at, _), nth)| (numbers[*at as usize], nth));
        Self { notes: notes.collect(), old, numbers }
    }

    fn number(&self, at: u32) -> Option<Number> {
        self.numbers.get(at as usize).copied().filter(|number| *number != ABSENT)
    }

    /// What was seen in each object that is here, and its size where it was scanned.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (Number, What, u32)> {
        let old = self.numbers.iter().zip(&self.old.what).zip(&self.old.sizes);
        old.map(|((number, what), size)| (*number, *what, *size)).filter(|seen| seen.0 != ABSENT)
    }

    /// True when objects are gone.
    pub(crate) fn has_shrunk(&self) -> bool {
        self.numbers.contains(&ABSENT)
    }

    /// Commits: commit, tree, parents, time.
    pub(crate) fn commits(
        &self,
    ) -> impl Iterator<Item = (Number, Option<Number>, Vec<Number>, i64)> {
        self.old.commits.iter().filter_map(|OldCommit { commit, tree, parents, time }| {
            let parents = parents.iter().filter_map(|at| self.number(*at)).collect();
            Some((self.number(*commit)?, self.number(*tree), parents, *time))
        })
    }

    /// Commits with a tree or a parent that was here and is here no longer: commit, whether it is the tree,
    /// and its id.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = (Number, bool, ObjectId)> {
        let lost = |at: u32| at != ABSENT && self.number(at).is_none();
        self.old
            .commits
            .iter()
            .filter_map(move |old| Some((self.number(old.commit)?, old)))
            .flat_map(move |(commit, old)| {
                let tree = Some((true, old.tree)).into_iter();
                let all = tree.chain(old.parents.iter().map(|parent| (false, *parent)));
                let gone = all.filter(move |(_, at)| lost(*at));
                gone.filter_map(move |(is_tree, at)| {
                    Some((commit, is_tree, ObjectId::from_raw(self.old.id(at as usize))?))
                })
            })
    }

    /// What leads to blobs of interest.
    pub(crate) fn links(&self) -> Links<'_> {
        let here = |links: &[[u32; 3]]| {
            let links = links.iter();
            let here = |[tree, inner, name]: &[u32; 3]| {
                Some([self.number(*tree)?, self.number(*inner)?, *name])
            };
            links.filter_map(here).collect()
        };
        let (edges, leaves) = (here(&self.old.edges), here(&self.old.leaves));
        Links { edges, leaves, names: &self.old.names }
    }

    /// What the scanner noted of a blob.
    pub(crate) fn note(&self, blob: Number) -> Option<&[u8]> {
        self.notes.get(&blob).map(|nth| &*self.old.notes[*nth as usize].1)
    }

    /// Blobs with a name that an audit looks for.
    pub(crate) fn named(&self) -> impl Iterator<Item = Number> {
        self.old.named.iter().filter_map(|at| self.number(*at))
    }
}

/// What this scan sees.
#[derive(Default)]
pub(crate) struct Record(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    blobs: Vec<(Number, What, u32)>,
    interest: FxHashSet<Number>,
    edges: Vec<[u32; 3]>,
    leaves: Vec<[u32; 3]>,
    names: FxHashMap<Box<[u8]>, u32>,
    named: Vec<Number>,
    notes: Vec<(Number, Box<[u8]>)>,
    /// True when not all was seen.
    cut: bool,
}

impl Record {
    /// Adds what was seen in blobs, with their sizes.
    pub(crate) fn blobs(&self, blobs: Vec<(Number, What, u32)>) {
        self.with(|seen| seen.blobs.extend(blobs));
    }

    /// Adds blobs that are to be looked at again.
    pub(crate) fn interest(&self, blobs: &[Number]) {
        self.with(|seen| seen.interest.extend(blobs));
    }

    /// Adds blobs with a name that an audit looks for.
    pub(crate) fn named(&self, blobs: &[Number]) {
        self.with(|seen| seen.named.extend(blobs));
    }

    /// Adds trees with trees in them and blobs of interest in them; numbers of names are those of
    /// `names`.
    pub(crate) fn links(
        &self,
        edges: impl Iterator<Item = [u32; 3]>,
        leaves: impl Iterator<Item = [u32; 3]>,
        names: &[Box<[u8]>],
    ) {
        self.with(|seen| {
            let Seen { edges: all_edges, leaves: all_leaves, names: all_names, .. } = seen;
            let mut renumber = |[tree, inner, name]: [u32; 3]| {
                let next = u32::try_from(all_names.len()).unwrap_or(ABSENT);
                let name = &names[name as usize];
                [tree, inner, *all_names.entry(name.clone()).or_insert(next)]
            };
            all_edges.extend(edges.map(&mut renumber));
            all_leaves.extend(leaves.map(&mut renumber));
        });
    }

    /// Adds what the scanner wants to be told again of a blob.
    pub(crate) fn note(&self, blob: Number, note: Vec<u8>) {
        self.with(|seen| seen.notes.push((blob, note.into())));
    }

    /// Says that not all was seen, so that nothing is kept.
    pub(crate) fn cut(&self) {
        self.with(|seen| seen.cut = true);
    }

    fn with(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The snapshot of `objects` with what is `known` from before and `commits`; `None` where not all
    /// was seen.
    pub(crate) fn snapshot(
        &self,
        objects: &Objects,
        known: Option<&Known>,
        commits: impl Iterator<Item = (Number, Option<Number>, Vec<Number>, i64)>,
    ) -> Option<Snapshot> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.cut {
            return None;
        }
        let mut snapshot = Snapshot { hash: objects.hash(), ..Snapshot::default() };
        let mut position: Vec<u32> = vec![ABSENT; objects.len()];
        for number in objects.sorted() {
            let id = objects.id(number);
            let next = snapshot.ids.len() / snapshot.hash;
            let again = next > 0 && snapshot.ids[(next - 1) * snapshot.hash..] == *id.raw();
            if !again {
                snapshot.ids.extend_from_slice(id.raw());
            }
            position[number as usize] = u32::try_from(next - usize::from(again)).ok()?;
        }
        let count = snapshot.ids.len() / snapshot.hash;
        (snapshot.what, snapshot.sizes) = (vec![What::Other; count], vec![0; count]);
        let before = known.into_iter().flat_map(Known::seen);
        for (number, what, size) in before.chain(seen.blobs.iter().copied()) {
            let at = position[number as usize] as usize;
            (snapshot.what[at], snapshot.sizes[at]) = (what, size);
        }
        for number in &seen.interest {
            snapshot.what[position[*number as usize] as usize] = What::Interest;
        }
        let at = |number: Number| position[number as usize];
        snapshot.commits = commits
            .map(|(commit, tree, parents, time)| OldCommit {
                commit: at(commit),
                tree: tree.map_or(ABSENT, at),
                parents: parents.into_iter().map(at).collect(),
                time,
            })
            .collect();
        let links = |links: &[[u32; 3]]| {
            let mut links: Vec<[u32; 3]> =
                links.iter().map(|[tree, inner, name]| [at(*tree), at(*inner), *name]).collect();
            links.sort_unstable();
            links.dedup();
            links
        };
        (snapshot.edges, snapshot.leaves) = (links(&seen.edges), links(&seen.leaves));
        let mut names: Vec<(&Box<[u8]>, u32)> =
            seen.names.iter().map(|(name, number)| (name, *number)).collect();
        names.sort_unstable_by_key(|(_, number)| *number);
        snapshot.names = names.into_iter().map(|(name, _)| name.clone()).collect();
        snapshot.notes = seen.notes.iter().map(|(blob, note)| (at(*blob), note.clone())).collect();
        snapshot.notes.sort_unstable();
        snapshot.named = seen.named.iter().map(|number| at(*number)).collect();
        Some(snapshot)
    }
}
