//! The object database as files: packs and loose objects of a repository and its alternates,
//! under one numbering.

use std::fs;
use std::io;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use bstr::{BString, ByteSlice as _};
use rustc_hash::FxHashSet;

use crate::blob::ObjectId;
use crate::disk;
use crate::progress::{Progress, Reading};
use crate::source::Ledger;
use crate::source::git::deltas::{Forest, Object, On, Run};
use crate::source::git::earlier::{Before, Earlier};
use crate::source::git::loose::{self, Content};
use crate::source::git::pack::{Kind, LARGEST, Pack};
use crate::source::git::packs::Packs;
use crate::source::git::snapshot::{ABSENT, Snapshot};
use crate::span::Copied;

/// Alternates may name alternates; deeper than this is a loop.
const DEEPEST_ALTERNATE: usize = 5;

/// Number of an object: its pack's base plus its position there, loose objects last.
pub(crate) type Number = u32;

/// All objects that are on this machine.
pub(crate) struct Objects {
    packs: Vec<(Pack, Forest)>,
    bases: Vec<Number>,
    loose: Vec<(ObjectId, PathBuf)>,
    loose_base: Number,
    hash: usize,
    /// By number; empty where nothing is known from before.
    before: Vec<Before>,
    /// Where loose objects are that git has packed in the meantime.
    later: Packs,
    /// Which packed objects are trees, by number.
    packed_trees: OnceLock<Vec<bool>>,
    /// Which loose objects are trees, as far as a walk has seen them.
    loose_trees: Vec<AtomicBool>,
}

/// What the visit of the object remembered that this one is built on, and what it takes over.
pub(crate) type OfBase<'b, M> = Option<(&'b M, &'b [Copied])>;

/// Called for every object of a kind, once for each id. What it gives is remembered for the objects
/// that are built on this one.
pub(crate) type OnObject<'v, S, M> =
    dyn Fn(&mut S, Number, &[u8], OfBase<'_, M>) -> Option<M> + Sync + 'v;

/// Called for an object that is too large, with its size.
pub(crate) type OnLarge<'v, S> = dyn Fn(&mut S, Number, u64) + Sync + 'v;

impl Objects {
    /// Opens everything under `objects` (the folder) with ids of `hash` bytes. What cannot be
    /// opened goes to `ledger`.
    pub(crate) fn open(objects: &Path, hash: usize, earlier: Earlier<'_>, ledger: &Ledger) -> Self {
        let (mut packs, mut loose, mut before) = (Vec::new(), Vec::new(), Vec::new());
        let all = folders(objects, ledger);
        for folder in &all {
            // Git may pack them while this goes on, but not the other way round.
            loose.extend(loose_files(folder, hash));
            let (place, mut tried) = (folder.join("pack"), FxHashSet::default());
            let new = |tried: &mut FxHashSet<PathBuf>| -> Vec<PathBuf> {
                index_files(&place).into_iter().filter(|it| tried.insert(it.clone())).collect()
            };
            // Packs that come in the meantime may have what others had that are gone.
            while let indices @ [_, ..] = &new(&mut tried)[..] {
                for index in indices.iter().filter(|index| !earlier.has_file(index)) {
                    if let Some((pack, forest, of_pack)) = open(index, (hash, earlier), ledger) {
                        packs.push((pack, forest));
                        before.extend(of_pack.into_iter().flatten());
                    }
                }
            }
            for pack in without_index(&place) {
                let text = "has no index beside it (.idx); its objects were not scanned; \
                            `git index-pack` makes one";
                ledger.problem(pack.display().to_string(), text.to_owned());
            }
        }
        loose.sort_unstable();
        loose.dedup_by_key(|(id, _)| *id);
        loose.retain(|(id, _)| !earlier.has_loose(id));
        match earlier.seen(loose.iter().map(|(id, _)| id.raw()), loose.len()) {
            Ok(of_loose) => before.extend(of_loose.into_iter().flatten()),
            Err(error) => ledger.problem(objects.display().to_string(), error.to_string()),
        }
        let mut bases = Vec::new();
        let mut next = 0;
        for (pack, _) in &packs {
            bases.push(next);
            next += Number::try_from(pack.len()).unwrap_or(Number::MAX);
        }
        let (packed_trees, loose_trees) =
            (OnceLock::new(), loose.iter().map(|_| AtomicBool::new(false)).collect());
        let (loose_base, later) = (next, Packs::new(all, hash));
        Self { packs, bases, loose, loose_base, hash, before, later, packed_trees, loose_trees }
    }

    /// The number of each object of `old`; [`ABSENT`] for those that are not here.
    pub(crate) fn numbers(&self, old: &Snapshot) -> Vec<Number> {
        let mut numbers = vec![ABSENT; old.len()];
        let loose = self.loose.iter().map(|(id, _)| id.raw());
        let mut note = |base: Number, nth: usize, at: usize| {
            numbers[at] = base + Number::try_from(nth).unwrap_or(ABSENT);
        };
        old.meet(loose, |nth, at| note(self.loose_base, nth, at));
        // Of an object in several packs the first one counts, so it is noted last.
        for ((pack, _), base) in self.packs.iter().zip(&self.bases).rev() {
            old.meet(pack.ids(), |nth, at| note(*base, nth, at));
        }
        numbers
    }

    /// True when a walk has to visit an object.
    fn is_wanted(&self, number: Number) -> bool {
        self.before.get(number as usize) != Some(&Before::Known)
    }

    /// True when the object may be a tree, whatever is said of it where it is named. Of loose objects that is
    /// known after a walk.
    pub(crate) fn may_be_tree(&self, number: Number) -> bool {
        if let Some(loose) = number.checked_sub(self.loose_base) {
            return self.loose_trees[loose as usize].load(Ordering::Relaxed);
        }
        let packed = self.packed_trees.get_or_init(|| {
            let mut trees = vec![false; self.loose_base as usize];
            for ((pack, forest), base) in self.packs.iter().zip(&self.bases) {
                forest.each(pack, Kind::Tree, &mut |at| trees[(base + at) as usize] = true);
            }
            trees
        });
        packed[number as usize]
    }

    /// Length of an id in bytes.
    pub(crate) fn hash(&self) -> usize {
        self.hash
    }

    /// How many objects there are, duplicates included.
    pub(crate) fn len(&self) -> usize {
        self.loose_base as usize + self.loose.len()
    }

    /// How many objects of `kind` the packs hold, plus all loose ones, whose kind is not known yet.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.packs.iter().map(|(_, forest)| forest.count(kind)).sum::<usize>() + self.loose.len()
    }

    /// The number of an id.
    pub(crate) fn lookup(&self, id: &[u8]) -> Option<Number> {
        for ((pack, _), base) in self.packs.iter().zip(&self.bases) {
            if let Some(at) = pack.lookup(id) {
                return Some(base + at);
            }
        }
        let at = self.loose.binary_search_by(|(loose, _)| loose.raw().cmp(id)).ok()?;
        Some(self.loose_base + Number::try_from(at).ok()?)
    }

    /// The id of a number.
    pub(crate) fn id(&self, number: Number) -> ObjectId {
        if number >= self.loose_base {
            return self.loose[(number - self.loose_base) as usize].0;
        }
        let pack = self.bases.partition_point(|&base| base <= number) - 1;
        self.packs[pack].0.id(number - self.bases[pack])
    }

    /// Visits every object of `kind` once, on the threads of the current pool. One that is too large to be held
    /// goes to the ledger.
    pub(crate) fn walk<S: Send, M>(
        &self,
        kind: Kind,
        (progress, ledger): (&Progress, &Ledger),
        new: &(dyn Fn() -> S + Sync),
        visit: &OnObject<'_, S, M>,
    ) -> Vec<S> {
        let large = |_: &mut S, number: Number, size: u64| {
            let text = format!("it has {size} bytes, and more than {LARGEST} are not unpacked");
            ledger.problem(format!("object {id}", id = self.id(number)), text);
        };
        self.walk_small((kind, LARGEST), (progress, ledger), new, (visit, &large))
    }

    /// The same for objects of up to `wanted` bytes; others go to `large`.
    pub(crate) fn walk_small<S: Send, M>(
        &self,
        (kind, wanted): (Kind, u64),
        (progress, ledger): (&Progress, &Ledger),
        new: &(dyn Fn() -> S + Sync),
        (visit, large): (&OnObject<'_, S, M>, &OnLarge<'_, S>),
    ) -> Vec<S> {
        let mut states = Vec::new();
        let spoilt = Mutex::new(Vec::new());
        let visit = |state: &mut S, number: Number, bytes: &[u8], base: OfBase<'_, M>| {
            let place = || format!("object {id}", id = self.id(number));
            let done = ledger.contain_with((state, new, &spoilt), place, |state| {
                visit(state, number, bytes, base)
            });
            done.flatten()
        };
        for (nth, ((pack, forest), &base)) in self.packs.iter().zip(&self.bases).enumerate() {
            let run = Run { wanted, pack, progress, ledger };
            // An object may stand in several packs: the first one counts.
            let counts = |at: u32| {
                let first = || nth == 0 || self.lookup(pack.id(at).raw()) == Some(base + at);
                self.is_wanted(base + at) && first()
            };
            let once = |state: &mut S, object: &Object<'_, M>| {
                let number = base + object.at;
                let of_base = object.base;
                counts(object.at).then(|| visit(state, number, object.bytes, of_base)).flatten()
            };
            let too_large = |state: &mut S, at: u32, size: u64| {
                if counts(at) {
                    large(state, base + at, size);
                }
            };
            let on = On { visit: &once, large: &too_large };
            states.append(&mut forest.walk(kind, &run, new, &on));
        }
        if !self.loose.is_empty() {
            let (all, on) = ((kind, wanted), (&visit as &OnObject<'_, S, M>, large));
            states.append(&mut self.walk_loose(all, (progress, ledger), new, on));
        }
        states.append(&mut spoilt.into_inner().unwrap_or_else(PoisonError::into_inner));
        states
    }

    fn walk_loose<S: Send, M>(
        &self,
        (kind, wanted): (Kind, u64),
        (progress, ledger): (&Progress, &Ledger),
        new: &(dyn Fn() -> S + Sync),
        (visit, large): (&OnObject<'_, S, M>, &OnLarge<'_, S>),
    ) -> Vec<S> {
        let next = AtomicUsize::new(0);
        rayon::broadcast(|_| {
            let mut state = new();
            while let Some((id, path)) = self.loose.get(next.fetch_add(1, Ordering::Relaxed)) {
                if progress.interrupted() {
                    break;
                }
                let number = self.lookup(id.raw());
                let is_new = |number| number >= self.loose_base && self.is_wanted(number);
                if !number.is_some_and(is_new) {
                    continue;
                }
                let lost = |error: io::Error| {
                    ledger.problem(
                        format!("object {id}"),
                        format!("cannot be read: {error}; it was not scanned; run `git fsck`"),
                    );
                };
                let _reads = progress.reading(Reading::Object(*id));
                let (found, content) = loose::read((*id, path), (kind, wanted), &self.later);
                let is_tree = found == Some(Kind::Tree);
                if let Some(at) = number.and_then(|it| it.checked_sub(self.loose_base)) {
                    self.loose_trees[at as usize].fetch_or(is_tree, Ordering::Relaxed);
                }
                let number = number.unwrap_or_default();
                match content {
                    Ok(Content::TooLarge(size)) => large(&mut state, number, size),
                    Ok(Content::Bytes(bytes)) => _ = visit(&mut state, number, &bytes, None),
                    Ok(Content::OfOtherKind) => {}
                    Err(error) if kind == Kind::Blob || found == Some(kind) => lost(error),
                    // Its kind is unknown; the walk over blobs reports it.
                    Err(_) => {}
                }
            }
            state
        })
    }
}

/// Opens the pack with that index, with what is known of its objects. One that cannot be opened goes to `ledger`,
/// unless git has taken it away.
fn open(
    index: &Path,
    (hash, earlier): (usize, Earlier<'_>),
    ledger: &Ledger,
) -> Option<(Pack, Forest, Option<Vec<Before>>)> {
    let opened = Pack::open(index, hash).and_then(|pack| {
        let of_pack = earlier.seen(pack.ids(), pack.len())?;
        let wanted = |of_pack: &Vec<Before>| -> Vec<bool> {
            of_pack.iter().map(|it| *it != Before::Known).collect()
        };
        let wanted = of_pack.as_ref().map(wanted);
        Ok((Forest::new(&pack, wanted.as_deref(), ledger)?, pack, of_pack))
    });
    match opened {
        Ok((forest, pack, of_pack)) => {
            tell_cut((index, &pack), ledger);
            Some((pack, forest, of_pack))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !index.exists() => None,
        Err(error) => {
            ledger.problem(
                index.with_extension("pack").display().to_string(),
                format!("cannot be opened: {error}; its objects were not scanned; run `git fsck`"),
            );
            None
        }
    }
}

/// Says that a pack ends before some of its objects.
fn tell_cut((index, pack): (&Path, &Pack), ledger: &Ledger) {
    let (cut, all) = (pack.cut(), pack.len());
    if cut > 0 {
        let text = format!(
            "is cut short: {cut} of its {all} objects are behind its end and were not scanned; run `git fsck`"
        );
        ledger.problem(index.with_extension("pack").display().to_string(), text);
    }
}

/// `objects` and the folders that its alternates name, each once.
pub(crate) fn folders(objects: &Path, ledger: &Ledger) -> Vec<PathBuf> {
    let mut found = vec![objects.to_owned()];
    let mut level = found.clone();
    for _ in 0..DEEPEST_ALTERNATE {
        let mut next = Vec::new();
        for folder in &level {
            let list = disk::read(&folder.join("info/alternates")).unwrap_or_default();
            for line in list.lines().filter(|line| !line.is_empty() && line[0] != b'#') {
                let line = unquoted(line);
                let Ok(path) = line.to_path() else { continue };
                let path = folder.join(path);
                if !path.is_dir() {
                    let text = "named as an alternate but not there; its objects were not scanned";
                    ledger.problem(path.display().to_string(), text.to_owned());
                } else if !found.contains(&path) {
                    found.push(path.clone());
                    next.push(path);
                }
            }
        }
        level = next;
    }
    found
}

/// A path as git writes it: one that begins with a quote has escapes in it, as in C.
pub(super) fn unquoted(text: &[u8]) -> BString {
    let Some(inner) = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return text.into();
    };
    let (mut path, mut rest) = (BString::default(), inner);
    while let [first, more @ ..] = rest {
        let (byte, left) = match (first, more) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', left @ ..]) => {
                ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), left)
            }
            (b'\\', [letter, left @ ..]) => match b"abtnvfr".iter().position(|it| it == letter) {
                Some(at) => (b"\x07\x08\t\n\x0b\x0c\r"[at], left),
                None => (*letter, left),
            },
            _ => (*first, more),
        };
        path.push(byte);
        rest = left;
    }
    path
}

/// Index files of a pack folder, sorted by name so that numbering does not depend on the disk.
pub(super) fn index_files(folder: &Path) -> Vec<PathBuf> {
    files_of(folder, "idx")
}

/// Packs of a pack folder without an index of their own, sorted by name.
fn without_index(folder: &Path) -> Vec<PathBuf> {
    let mut packs = files_of(folder, "pack");
    packs.retain(|pack| !pack.with_extension("idx").exists());
    packs
}

fn files_of(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == end))
        .collect();
    files.sort_unstable();
    files
}

/// The loose objects of a folder: id and file.
pub(crate) fn loose_files(folder: &Path, hash: usize) -> Vec<(ObjectId, PathBuf)> {
    let mut found = Vec::new();
    (0..=255_u8).for_each(|first| found.extend(of_folder(folder, &format!("{first:02x}"), hash)));
    found
}

/// The loose objects of a folder whose ids begin with the two hex digits `first`.
pub(super) fn of_folder(
    folder: &Path,
    first: &str,
    hash: usize,
) -> impl Iterator<Item = (ObjectId, PathBuf)> {
    let entries = fs::read_dir(folder.join(first)).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let hex = format!("{first}{name}", name = entry.file_name().to_string_lossy());
        let id = parse_hex(hex.as_bytes()).filter(|id| id.raw().len() == hash)?;
        Some((id, entry.path()))
    })
}

/// An id from its hex form.
pub(crate) fn parse_hex(hex: &[u8]) -> Option<ObjectId> {
    let digit = |b: u8| (b as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = hex.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    ObjectId::from_raw(&pairs.collect::<Option<Vec<u8>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternates_may_be_relative_quoted_and_commented() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = place.path().join(name);
            fs::create_dir_all(folder.join("info")).unwrap();
            folder
        };
        let (own, named) = (folder("own"), ["a", "with \" and \t", "ü", "last"].map(folder));
        let list = "# a comment\n\n../a\n\"../with \\\" and \\t\"\n\"../\\303\\274\"\n";
        fs::write(own.join("info/alternates"), list).unwrap();
        fs::write(named[2].join("info/alternates"), "../last\n#../nowhere\n").unwrap();
        let ledger = Ledger::default();
        let found = folders(&own, &ledger);
        let found: Vec<PathBuf> = found.iter().map(|it| it.canonicalize().unwrap()).collect();
        let top = place.path().canonicalize().unwrap();
        let wanted = ["own", "a", "with \" and \t", "ü", "last"].map(|name| top.join(name));
        assert_eq!((found.as_slice(), ledger.has_problems()), (&wanted[..], false));
    }

    #[test]
    fn what_git_packs_in_the_meantime_is_read_there() {
        let folder = tempfile::tempdir().unwrap();
        let repo = git2::Repository::init(folder.path()).unwrap();
        let objects = folder.path().join(".git/objects");
        let texts = ["one", "two", "three that is long"];
        let blob = |text: &&str| repo.blob(text.as_bytes()).unwrap();
        let blobs: Vec<git2::Oid> = texts.iter().map(blob).collect();
        let (mut ledger, progress) = (Ledger::default(), Progress::default());
        let before = Objects::open(&objects, 20, Earlier::Nothing, &ledger);
        let mut builder = repo.packbuilder().unwrap();
        blobs.iter().for_each(|blob| builder.insert_object(*blob, None).unwrap());
        let aside = tempfile::tempdir_in(folder.path()).unwrap();
        builder.write(aside.path(), 0o644).unwrap();
        for blob in &blobs {
            let hex = blob.to_string();
            fs::remove_file(objects.join(&hex[..2]).join(&hex[2..])).unwrap();
        }
        let read = |most: u64, ledger: &Ledger| {
            let visit = |seen: &mut Vec<_>, _: Number, bytes: &[u8], _: OfBase<'_, ()>| {
                seen.push(String::from_utf8(bytes.to_vec()).unwrap());
                None
            };
            let large = |seen: &mut Vec<_>, _: Number, size: u64| seen.push(size.to_string());
            let (kind, quiet) = ((Kind::Blob, most), (&progress, ledger));
            let mut seen = before.walk_small(kind, quiet, &Vec::new, (&visit, &large)).concat();
            seen.sort_unstable();
            seen
        };
        assert!(read(9, &ledger).is_empty() && ledger.has_problems(), "they are gone");
        fs::remove_dir_all(objects.join("pack")).unwrap();
        fs::rename(aside.path(), objects.join("pack")).unwrap();
        ledger = Ledger::default();
        assert_eq!(read(9, &ledger), ["18", "one", "two"]);
        assert!(!ledger.has_problems());
    }
}
