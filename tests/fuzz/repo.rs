//! Repositories as hostile input: every file below `.git` damaged, and packs made from scratch whose
//! deltas say anything.

use sha1::Digest as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use keylint::progress::Progress;
use keylint::source::git::{Checkout, History, HistoryBlob, Visit, Wanted};
use keylint::source::{Ledger, Limits};

use super::{Seen, drive};
use crate::common::Place;

/// What one pass over a repository gave.
#[derive(Debug, Default)]
struct Pass {
    blobs: usize,
    places: usize,
    staged: usize,
    problems: Vec<String>,
}

/// Everything that keylint reads of a repository.
fn pass(path: &Path) -> Pass {
    let (ledger, progress) = (Ledger::default(), Progress::default());
    let limits = Limits { max_size: 1 << 20, binary: true };
    let mut seen = Pass::default();
    match History::open(path, None, (&ledger, &progress)) {
        Err(error) => ledger.problem(String::new(), error.to_string()),
        Ok(history) => {
            let keep = |state: &mut Vec<_>, blob: &HistoryBlob<'_, Vec<u8>>| {
                state.push(blob.handle);
                if let Some((base, copied)) = blob.base {
                    for copy in copied {
                        let old = &base[copy.from..copy.from + copy.to.len()];
                        assert_eq!(old, copy.to.slice(blob.bytes));
                    }
                }
                Some(blob.bytes.to_vec())
            };
            let states = history.blobs(limits, (&ledger, &progress), &Vec::new, &keep);
            let handles = states.concat();
            seen.blobs = handles.len();
            seen.places =
                history.places(&handles, true, (&ledger, &progress)).iter().map(Vec::len).sum();
            let _ = history.named(&|name| name.starts_with(b"a"), (&ledger, &progress));
            let _ = handles.first().map(|handle| history.read(*handle));
        }
    }
    let paths = [path.to_owned()];
    let open = || Checkout::open(&paths);
    let staged = open().and_then(|checkout| checkout.staged(false, &ledger));
    let wanted = Wanted::Range("HEAD~2..HEAD".to_owned());
    let range = open().and_then(|checkout| checkout.range(&wanted, (&ledger, &progress)));
    for delta in [staged, range] {
        match delta {
            Err(error) => ledger.problem(String::new(), error.to_string()),
            Ok(delta) => {
                let (ledger, progress) = (&ledger, &progress);
                let visit = Visit { limits, archives: true, threads: 1, ledger, progress };
                for step in &delta.steps {
                    for change in &step.changes.files {
                        let (id, path) = (change.blob, change.path.as_ref());
                        let _ = delta.blobs(&[(id, path)], visit, &|| (), &|(), _, _| {});
                        let _ = delta.read(id).map(|bytes| delta.added(step, change, &bytes));
                        seen.staged += 1;
                    }
                }
            }
        }
    }
    let (mut stats, mut problems, mut notices) = Default::default();
    ledger.drain(&mut stats, &mut problems, &mut notices);
    seen.problems = problems.into_iter().map(|p| format!("{} {}", p.place, p.message)).collect();
    seen
}

fn hash(pass: &Pass) -> Seen {
    use std::hash::{Hash as _, Hasher as _};
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    let words = |text: &String| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
    let mut kinds: Vec<String> = pass.problems.iter().map(words).collect();
    kinds.sort();
    kinds.dedup();
    (pass.blobs, pass.places, pass.staged, kinds).hash(&mut hasher);
    hasher.finish()
}

fn repository() -> Place {
    let place = Place::new();
    place.init();
    let body: String = (0..60).map(|n| format!("line {n} of a file\n")).collect();
    for day in 1..7 {
        place.commit(day, "a/b.txt", &format!("{body}{day}\n{body}"));
        place.commit(day, &format!("c{day}"), &format!("{day} {body}"));
    }
    place.git(&["tag", "-a", "-m", "x", "v1"]);
    place.git(&["gc", "-q", "--aggressive", "--prune=now"]);
    place.git(&["config", "index.version", "4"]);
    place.commit(8, "loose.txt", "a loose object\n");
    place.write("a/b.txt", "changed\n");
    place.git(&["add", "-A"]);
    place
}

/// Files below `.git`. Of a pack hardly anything is left then; `git_packs` makes packs that are whole.
fn files(place: &Place) -> Vec<String> {
    let list = std::process::Command::new("find")
        .args([".git", "-type", "f", "-not", "-path", "*/hooks/*", "-not", "-path", "*/logs/*"])
        .args(["-not", "-path", "*/COMMIT_EDITMSG", "-not", "-name", "description"])
        .current_dir(place.path())
        .output()
        .unwrap();
    let mut files: Vec<String> =
        String::from_utf8(list.stdout).unwrap().lines().map(str::to_owned).collect();
    files.sort();
    for file in &files {
        let path = place.path().join(file);
        std::process::Command::new("chmod").arg("u+w").arg(path).status().unwrap();
    }
    files
}

/// A byte that names the file, then its content.
#[test]
fn git_files() {
    let place = repository();
    let files = files(&place);
    let whole: Vec<Vec<u8>> =
        files.iter().map(|file| fs::read(place.path().join(file)).unwrap()).collect();
    let seeds = whole.iter().zip(0_u8..).map(|(content, at)| [&[at], content.as_slice()].concat());
    drive("git_files", seeds.collect(), 150, |input| {
        let Some((first, content)) = input.split_first() else { return 0 };
        let at = usize::from(*first) % files.len();
        place.write(&files[at], content);
        let seen = pass(place.path());
        place.write(&files[at], &whole[at]);
        if content == whole[at] {
            assert!(seen.problems.is_empty(), "{:?}", seen.problems);
            assert!(seen.blobs >= 13 && seen.places >= 13, "{seen:?}");
        }
        hash(&seen)
    });
}

/// An entry of a pack that is made here.
pub(crate) struct Entry {
    pub(crate) kind: u8,
    /// Of deltas: which entry it says it builds on.
    pub(crate) base: usize,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn id(at: usize) -> [u8; 20] {
    let mut id = [0x11; 20];
    id[0] = u8::try_from(at).unwrap();
    id
}

/// Writes the pack and its index, version 2; the sum of the pack is left out, as nobody needs it to read.
pub(crate) fn write_pack(place: &Place, entries: &[Entry]) {
    write_pack_as(place, entries, &id);
}

/// The same with ids of the caller's choice.
pub(crate) fn write_pack_as(place: &Place, entries: &[Entry], id: &dyn Fn(usize) -> [u8; 20]) {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
    let mut offsets: Vec<u32> = Vec::new();
    for entry in entries {
        offsets.push(u32::try_from(pack.len()).unwrap());
        let mut size = entry.payload.len();
        let mut byte = entry.kind << 4 | (size & 15) as u8;
        size >>= 4;
        while size > 0 {
            pack.push(byte | 0x80);
            byte = (size & 0x7f) as u8;
            size >>= 7;
        }
        pack.push(byte);
        match entry.kind {
            // One byte of distance, or more.
            6 => {
                let here = offsets[offsets.len() - 1];
                let mut back = here - offsets.get(entry.base).copied().unwrap_or(here);
                let mut digits = vec![back as u8 & 0x7f];
                while back > 127 {
                    back = (back >> 7) - 1;
                    digits.insert(0, back as u8 & 0x7f | 0x80);
                }
                pack.extend(digits);
            }
            7 => pack.extend(id(entry.base % 256)),
            _ => {}
        }
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&entry.payload).unwrap();
        pack.extend(zlib.finish().unwrap());
    }
    pack.extend([0; 20]);
    let mut sorted: Vec<([u8; 20], u32)> =
        offsets.iter().enumerate().map(|(at, offset)| (id(at), *offset)).collect();
    sorted.sort_unstable();
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255 {
        let count = sorted.iter().filter(|(id, _)| id[0] <= first).count();
        index.extend(u32::try_from(count).unwrap().to_be_bytes());
    }
    sorted.iter().for_each(|(id, _)| index.extend(id));
    index.extend(vec![0; entries.len() * 4]);
    sorted.iter().for_each(|(_, offset)| index.extend(offset.to_be_bytes()));
    index.extend([0; 20]);
    index.extend(sha1::Sha1::digest(&index));
    place.write(".git/objects/pack/pack-1.pack", pack);
    place.write(".git/objects/pack/pack-1.idx", index);
}

/// Entries from bytes: kind, base, length in two bytes, payload.
fn entries(mut bytes: &[u8]) -> Vec<Entry> {
    let mut all = Vec::new();
    while let [kind, base, high, low, rest @ ..] = bytes
        && all.len() < 200
    {
        let len = (usize::from(*high) << 8 | usize::from(*low)).min(rest.len());
        all.push(Entry { kind: kind % 8, base: usize::from(*base), payload: rest[..len].to_vec() });
        bytes = &rest[len..];
    }
    all
}

fn packed(kind: u8, base: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, base], &len[..], payload].concat()
}

#[test]
fn git_packs() {
    let place = Place::new();
    place.init();
    let delta = [11, 9, 0x91, 6, 5, 4, b'-', b'n', b'e', b'w'];
    let tree = [&b"100644 a\0"[..], &id(0), b"40000 d\0", &id(3)].concat();
    let commit = format!(
        "tree 03{rest}\nparent 04{rest}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 99999999999999 +9999\n\nx\n",
        rest = "11".repeat(19)
    );
    let seed = [
        packed(3, 0, b"hello world"),
        packed(6, 0, &delta),
        packed(7, 1, &[9, 9, 0x90, 9]),
        packed(2, 0, &tree),
        packed(1, 0, commit.as_bytes()),
        packed(4, 0, b"object x\ntype blob\ntag v\n\n"),
    ]
    .concat();
    drive("git_packs", vec![seed], 400, |input| {
        let all = entries(input);
        write_pack(&place, &all);
        let seen = pass(place.path());
        hash(&seen)
    });
}

/// Deltas that build on each other, and one that builds on them: none can be decoded, and each is named.
#[test]
fn deltas_in_a_ring_are_reported() {
    let place = Place::new();
    place.init();
    let ring = [
        Entry { kind: 3, base: 0, payload: b"hello world".to_vec() },
        Entry { kind: 7, base: 2, payload: vec![9, 9, 0x90, 9] },
        Entry { kind: 7, base: 1, payload: vec![9, 9, 0x90, 9] },
        Entry { kind: 7, base: 2, payload: vec![9, 9, 0x90, 9] },
        // Its base is nowhere, and the next one builds on it.
        Entry { kind: 7, base: 99, payload: vec![9, 9, 0x90, 9] },
        Entry { kind: 7, base: 4, payload: vec![9, 9, 0x90, 9] },
    ];
    write_pack(&place, &ring);
    let (ledger, progress) = (Ledger::default(), Progress::default());
    let history = History::open(place.path(), None, (&ledger, &progress)).unwrap();
    let limits = Limits { max_size: 1 << 20, binary: true };
    let count = |state: &mut usize, _: &HistoryBlob<'_, ()>| {
        *state += 1;
        None
    };
    let found = history.blobs(limits, (&ledger, &progress), &|| 0, &count);
    assert_eq!(found.iter().sum::<usize>(), 1);
    let (mut stats, mut problems, mut notices) = Default::default();
    ledger.drain(&mut stats, &mut problems, &mut notices);
    let mut named: Vec<&str> = problems.iter().map(|problem| &problem.place[7..9]).collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named, ["01", "02", "03", "04", "05"], "{problems:?}");
}

/// libgit2 goes on for ever over a loose object whose data is damaged: it must not be asked for one.
#[test]
fn damaged_loose_objects_are_reported() {
    let place = Place::new();
    place.init();
    let commit = place.commit(1, "a.txt", "text\n");
    place.commit(2, "b/c.txt", "more\n");
    place.commit(3, "b/c.txt", "most\n");
    let tree = place.git(&["rev-parse", "HEAD^{tree}"]);
    let head = place.git(&["rev-parse", "HEAD"]);
    let blob = place.git(&["rev-parse", "HEAD:b/c.txt"]);
    for id in [&commit, &tree, &head, &blob] {
        let path = place.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        // Cut off in the header, in the content, and a changed byte.
        for cut in [2, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            let seen = pass(place.path());
            assert!(seen.problems.iter().any(|text| text.contains(id)), "{id}: {seen:?}");
            for what in
                [&["scan", "--history", "--no-cache"][..], &["scan", "--range", "HEAD~1..HEAD"]]
            {
                let output = crate::common::run(place.path(), what);
                // The first commit is not behind the range's end alone, so that the range does not need it.
                let needed = *id != commit || what[1] == "--history";
                let code = if needed { 2 } else { 0 };
                assert_eq!(output.status.code(), Some(code), "{what:?}: {id} cut to {cut}");
            }
        }
        fs::write(&path, &whole).unwrap();
        assert!(pass(place.path()).problems.is_empty());
    }
}
