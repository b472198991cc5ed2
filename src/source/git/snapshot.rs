//! What a scan of a history leaves for the next one: the ids of all objects with what they are, the
//! commits, and the trees that lead to blobs of interest. It holds no content and no part of a secret.
//!
//! One file a repository, little-endian throughout: a magic line, the key, the repository, lists with
//! their lengths in front, and a CRC-32 of all that. A file is used whole or not at all.

/// Begins every file; the number is that of the format.
const MAGIC: &[u8] = b"keylint history 1\n";

/// In place of a position: the object is not there.
pub(crate) const ABSENT: u32 = u32::MAX;

/// What a scan saw in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A commit, tree or tag.
    Other,
    /// A blob in which nothing was found.
    Clean,
    /// A blob that was skipped as binary.
    Binary,
    /// A blob that was skipped for its size.
    TooLarge,
    /// A blob that is looked at again: something was found in it, or its name matters.
    Interest,
}

impl What {
    const ALL: [Self; 5] = [Self::Other, Self::Clean, Self::Binary, Self::TooLarge, Self::Interest];

    fn code(self) -> u8 {
        self as u8
    }
}

/// A commit. Objects are named by their position in [`Snapshot::ids`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldCommit {
    /// The commit.
    pub(crate) commit: u32,
    /// Its tree.
    pub(crate) tree: u32,
    /// Its parents.
    pub(crate) parents: Vec<u32>,
    /// The committer's time in seconds since 1970.
    pub(crate) time: i64,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Length of an id in bytes.
    pub(crate) hash: usize,
    /// Ids, sorted, one after the other.
    pub(crate) ids: Vec<u8>,
    /// What each object is.
    pub(crate) what: Vec<What>,
    /// Bytes of each blob that was scanned; 0 for all else.
    pub(crate) sizes: Vec<u32>,
    /// The commits.
    pub(crate) commits: Vec<OldCommit>,
    /// Tree, tree in it, and number of its name, where a blob of interest is below.
    pub(crate) edges: Vec<[u32; 3]>,
    /// Tree, blob of interest in it, and number of its name.
    pub(crate) leaves: Vec<[u32; 3]>,
    /// Names in trees.
    pub(crate) names: Vec<Box<[u8]>>,
    /// Blobs with a name that an audit looks for.
    pub(crate) named: Vec<u32>,
    /// What the scanner wants to be told again of blobs of interest, sorted by blob.
    pub(crate) notes: Vec<(u32, Box<[u8]>)>,
}

impl Snapshot {
    /// Number of objects.
    pub(crate) fn len(&self) -> usize {
        self.what.len()
    }

    /// The id at a position.
    pub(crate) fn id(&self, at: usize) -> &[u8] {
        &self.ids[at * self.hash..(at + 1) * self.hash]
    }

    /// Calls `met` with the position in `others` and here of each id that is in both. `others` are
    /// sorted; whatever their number, few ids are looked at.
    pub(crate) fn meet<'i>(
        &self,
        others: impl Iterator<Item = &'i [u8]>,
        mut met: impl FnMut(usize, usize),
    ) {
        let mut low = 0;
        for (nth, id) in others.enumerate() {
            let mut step = 1;
            while low + step < self.len() && self.id(low + step) < id {
                low += step;
                step *= 2;
            }
            let mut high = (low + step + 1).min(self.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if self.id(middle) < id { low = middle + 1 } else { high = middle }
            }
            if low == self.len() {
                break;
            }
            if self.id(low) == id {
                met(nth, low);
            }
        }
    }

    /// The file's bytes. `key` says what the snapshot depends on, `place` is the repository.
    pub(crate) fn encode(&self, key: &[u8; 32], place: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ids.len() + self.len() * 5 + (1 << 16));
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(key);
        let length = |n: usize| u64::try_from(n).unwrap_or(u64::MAX).to_le_bytes();
        let bytes = |out: &mut Vec<u8>, bytes: &[u8]| {
            out.extend_from_slice(&length(bytes.len()));
            out.extend_from_slice(bytes);
        };
        let words = |out: &mut Vec<u8>, words: &mut dyn ExactSizeIterator<Item = u32>| {
            out.extend_from_slice(&length(words.len()));
            words.for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        };
        bytes(&mut out, place);
        out.extend_from_slice(&length(self.hash));
        bytes(&mut out, &self.ids);
        bytes(&mut out, &self.what.iter().map(|what| what.code()).collect::<Vec<u8>>());
        words(&mut out, &mut self.sizes.iter().copied());
        out.extend_from_slice(&length(self.commits.len()));
        for OldCommit { commit, tree, parents, time } in &self.commits {
            out.extend_from_slice(&commit.to_le_bytes());
            out.extend_from_slice(&tree.to_le_bytes());
            out.extend_from_slice(&time.to_le_bytes());
            words(&mut out, &mut parents.iter().copied());
        }
        for links in [&self.edges, &self.leaves] {
            words(&mut out, &mut links.as_flattened().iter().copied());
        }
        out.extend_from_slice(&length(self.names.len()));
        self.names.iter().for_each(|name| bytes(&mut out, name));
        words(&mut out, &mut self.named.iter().copied());
        words(&mut out, &mut self.notes.iter().map(|(blob, _)| *blob));
        self.notes.iter().for_each(|(_, note)| bytes(&mut out, note));
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads what [`Snapshot::encode`] made; `None` where the file is damaged, of another format or
    /// for another key.
    pub(crate) fn decode(file: &[u8], key: &[u8; 32]) -> Option<Self> {
        let mut rest = body(file)?.strip_prefix(key)?;
        let rest = &mut rest;
        bytes(rest)?;
        let hash = length(rest)?;
        let ids = bytes(rest)?.to_vec();
        let code = |code: &u8| What::ALL.get(usize::from(*code)).copied();
        let what: Vec<What> = bytes(rest)?.iter().map(code).collect::<Option<_>>()?;
        let sizes = words(rest)?;
        let whole = matches!(hash, 20 | 32) && ids.len() == what.len().checked_mul(hash)?;
        if !whole || sizes.len() != what.len() || !ids.chunks_exact(hash).is_sorted() {
            return None;
        }
        let mut commits = Vec::new();
        for _ in 0..length(rest)? {
            let (commit, tree) = (word(rest)?, word(rest)?);
            let time = i64::from_le_bytes(take(rest, 8)?.try_into().ok()?);
            commits.push(OldCommit { commit, tree, time, parents: words(rest)? });
        }
        let links = |rest: &mut &[u8]| {
            let words = words(rest)?;
            let (links, odd) = words.as_chunks::<3>();
            odd.is_empty().then(|| links.to_vec())
        };
        let (edges, leaves) = (links(rest)?, links(rest)?);
        let mut names = Vec::new();
        for _ in 0..length(rest)? {
            names.push(Box::from(bytes(rest)?));
        }
        let named = words(rest)?;
        let mut notes = Vec::new();
        for blob in words(rest)? {
            notes.push((blob, Box::from(bytes(rest)?)));
        }
        let read = Self { hash, ids, what, sizes, commits, edges, leaves, names, named, notes };
        (rest.is_empty() && read.is_sound()).then_some(read)
    }

    /// True when every position and every number of a name is one.
    fn is_sound(&self) -> bool {
        let object = |at: &u32| (*at as usize) < self.len();
        let links = self.edges.iter().chain(&self.leaves);
        let commits = self.commits.iter().all(|OldCommit { commit, tree, parents, .. }| {
            object(commit) && (*tree == ABSENT || object(tree)) && parents.iter().all(object)
        });
        let mut linked = links.map(|[tree, inner, name]| {
            object(tree) && object(inner) && (*name as usize) < self.names.len()
        });
        let noted = self.notes.is_sorted_by_key(|(blob, _)| blob)
            && self.notes.iter().all(|(blob, _)| object(blob));
        commits && linked.all(|sound| sound) && self.named.iter().all(object) && noted
    }
}

/// The repository that a file is of and its number of objects, where the file is whole.
pub fn describe(file: &[u8]) -> Option<(&[u8], usize)> {
    let rest = &mut body(file)?.get(32..)?;
    let place = bytes(rest)?;
    let hash = length(rest)?;
    Some((place, bytes(rest)?.len().checked_div(hash)?))
}

/// What stands between the magic line and the sum, if the sum is right.
fn body(file: &[u8]) -> Option<&[u8]> {
    let (file, sum) = file.split_last_chunk::<4>()?;
    let body = file.strip_prefix(MAGIC)?;
    (crc32fast::hash(file) == u32::from_le_bytes(*sum)).then_some(body)
}

fn take<'b>(rest: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?)).ok()
}

fn word(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?))
}

fn bytes<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let len = length(rest)?;
    take(rest, len)
}

fn words(rest: &mut &[u8]) -> Option<Vec<u32>> {
    let len = length(rest)?.checked_mul(4)?;
    let (words, _) = take(rest, len)?.as_chunks::<4>();
    Some(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Snapshot {
        let ids: Vec<u8> = (0..6_u8).flat_map(|n| [n * 40; 20]).collect();
        Snapshot {
            hash: 20,
            ids,
            what: vec![
                What::Other,
                What::Clean,
                What::Binary,
                What::TooLarge,
                What::Interest,
                What::Other,
            ],
            sizes: vec![0, 7, 0, 0, 9, 0],
            commits: vec![OldCommit { commit: 0, tree: 5, parents: vec![0], time: -3 }],
            edges: vec![[5, 5, 1]],
            leaves: vec![[5, 4, 0]],
            names: vec![Box::from(*b".env"), Box::from(*b"src")],
            named: vec![4],
            notes: vec![(4, Box::from(*b"[]"))],
        }
    }

    #[test]
    fn a_file_is_used_whole_or_not_at_all() {
        let (sample, key) = (sample(), [7; 32]);
        let file = sample.encode(&key, b"/repo/.git");
        assert_eq!(Snapshot::decode(&file, &key), Some(sample.clone()));
        assert_eq!(describe(&file), Some((&b"/repo/.git"[..], 6)));
        assert_eq!(Snapshot::decode(&file, &[8; 32]), None, "other rules");
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert_eq!(Snapshot::decode(&damaged, &key), None, "byte {at}");
            assert_eq!(Snapshot::decode(&file[..at], &key), None, "cut at {at}");
        }
        // What no scan writes, with a right sum.
        for wrong in [
            Snapshot { named: vec![6], ..sample.clone() },
            Snapshot { notes: vec![(6, Box::default())], ..sample.clone() },
            Snapshot { edges: vec![[5, 5, 2]], ..sample.clone() },
            Snapshot { sizes: vec![1], ..sample.clone() },
            Snapshot { hash: 10, ..sample },
        ] {
            assert_eq!(Snapshot::decode(&wrong.encode(&key, b""), &key), None, "{wrong:?}");
        }
    }

    #[test]
    fn ids_in_both_are_met_once_and_in_order() {
        let ids: Vec<[u8; 20]> = (0..200_u8).map(|n| [n; 20]).collect();
        for (every, others) in [(1, 1), (1, 7), (7, 1), (3, 5), (50, 1), (1, 90)] {
            let mine: Vec<u8> = ids.iter().step_by(every).flatten().copied().collect();
            let what = vec![What::Clean; mine.len() / 20];
            let snapshot = Snapshot { hash: 20, ids: mine, what, ..Snapshot::default() };
            let mut met = Vec::new();
            snapshot.meet(ids.iter().step_by(others).map(|id| &id[..]), |other, at| {
                met.push((other * others, at * every));
            });
            let both: Vec<(usize, usize)> =
                (0..200).filter(|n| n % every == 0 && n % others == 0).map(|n| (n, n)).collect();
            assert_eq!(met, both, "{every} {others}");
        }
    }
}
