//! Rarer forms in which git keeps what it has: what is not understood is named, and nothing is "clean" for that.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use sha1::{Digest as _, Sha1};

use crate::common::{Place, json, key, keylint, places, run, stderr, stdout};

fn env(kind: &str) -> String {
    format!("KEY={}\n", key(kind))
}

fn pack_files(place: &Place, end: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(place.path().join(".git/objects/pack")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == end)).collect()
}

/// A key that is taken out again, one that stands, and a pack of all.
fn packed() -> Place {
    let place = Place::new();
    place.init().commit(1, "a.py", "x = 1\n");
    place.commit(2, "gone.env", &env("slack"));
    place.commit(3, "gone.env", "KEY=\n");
    place.commit(4, "k.env", &env("openrouter"));
    place.git(&["repack", "-adq"]);
    place
}

const KEYS: [&str; 2] = ["gone.env:1 slack-bot-token", "k.env:1 openrouter-api-key"];
const WHOLE: [&[&str]; 2] =
    [&["scan", "--history", "--no-cache"], &["scan", "--range", "HEAD~3..HEAD"]];

#[test]
fn an_index_of_a_pack_may_be_of_the_first_version() {
    let place = packed();
    let pack = pack_files(&place, "pack").remove(0);
    let index = pack.with_extension("idx");
    fs::remove_file(&index).unwrap();
    let names = [pack.to_str().unwrap(), index.to_str().unwrap()];
    place.git(&["index-pack", "--index-version=1", "-o", names[1], names[0]]);
    assert!(!fs::read(&index).unwrap().starts_with(b"\xfftOc"));
    for args in WHOLE {
        assert_eq!(places(&json(place.path(), args)), KEYS, "{args:?}");
    }
}

#[test]
fn a_pack_without_an_index_of_its_own_is_named() {
    let place = packed();
    place.git(&["multi-pack-index", "write"]);
    for args in WHOLE {
        assert_eq!(places(&json(place.path(), args)), KEYS, "{args:?}");
    }
    fs::remove_file(pack_files(&place, "idx").remove(0)).unwrap();
    for args in WHOLE {
        assert_eq!(run(place.path(), args).status.code(), Some(2), "{args:?}");
    }
    let problems = json(place.path(), WHOLE[0])["problems"].to_string();
    assert!(problems.contains("git index-pack"), "{problems}");
}

/// Entries of a pack: kind and content.
fn write_pack(place: &Place, entries: &[(u8, &[u8], u64)]) {
    let (pack, index) = (".git/objects/pack/pack-1.pack", ".git/objects/pack/pack-1.idx");
    let mut file = fs::File::create(place.write(pack, "")).unwrap();
    file.write_all(b"PACK\0\0\0\x02").unwrap();
    file.write_all(&u32::try_from(entries.len()).unwrap().to_be_bytes()).unwrap();
    let mut listed = Vec::new();
    for (kind, bytes, offset) in entries {
        file.seek(SeekFrom::Start(*offset)).unwrap();
        let mut head = vec![kind << 4 | (bytes.len() & 15) as u8];
        let mut size = bytes.len() >> 4;
        while size > 0 {
            *head.last_mut().unwrap() |= 0x80;
            head.push((size & 0x7f) as u8);
            size >>= 7;
        }
        let mut zlib = flate2::write::ZlibEncoder::new(head, flate2::Compression::fast());
        zlib.write_all(bytes).unwrap();
        file.write_all(&zlib.finish().unwrap()).unwrap();
        let name = ["", "commit", "tree", "blob"][usize::from(*kind)];
        let text = [format!("{name} {}\0", bytes.len()).as_bytes(), bytes].concat();
        listed.push((Sha1::digest(text).to_vec(), *offset));
    }
    file.write_all(&[0; 20]).unwrap();
    listed.sort();
    let mut idx = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255_u8 {
        let count = listed.iter().filter(|(id, _)| id[0] <= first).count();
        idx.extend(u32::try_from(count).unwrap().to_be_bytes());
    }
    listed.iter().for_each(|(id, _)| idx.extend(id));
    idx.extend(vec![0; 4 * listed.len()]);
    // All offsets stand in the table of eight bytes.
    (0..listed.len()).for_each(|at| idx.extend((1 << 31 | at as u32).to_be_bytes()));
    listed.iter().for_each(|(_, offset)| idx.extend(offset.to_be_bytes()));
    idx.extend([0; 20]);
    let sum = Sha1::digest(&idx);
    idx.extend(sum);
    place.write(index, idx);
}

/// Two commits with a key each, in a pack with these offsets: commits, then the first tree and its blob, then the
/// second.
fn two_commits(offsets: [u64; 6]) -> Place {
    let place = Place::new();
    place.init();
    let id = |kind: &str, bytes: &[u8]| {
        Sha1::digest([format!("{kind} {}\0", bytes.len()).as_bytes(), bytes].concat()).to_vec()
    };
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let blobs = ["slack", "openrouter"].map(|kind| env(kind).into_bytes());
    let tree = |name: &str, blob: &[u8]| {
        [format!("100644 {name}\0").as_bytes(), &id("blob", blob)].concat()
    };
    let trees = [tree("a.env", &blobs[0]), tree("b.env", &blobs[1])];
    let who = "author A <a@b.c> 5 +0000\ncommitter A <a@b.c> 5 +0000\n\nx\n";
    let commit = |tree: &[u8], parent: &str| {
        format!("tree {}\n{parent}{who}", hex(&id("tree", tree))).into_bytes()
    };
    let first = commit(&trees[0], "");
    let second = commit(&trees[1], &format!("parent {}\n", hex(&id("commit", &first))));
    let entries: [(u8, &[u8]); 6] =
        [(1, &first), (1, &second), (2, &trees[0]), (3, &blobs[0]), (2, &trees[1]), (3, &blobs[1])];
    let entries = entries.iter().zip(offsets).map(|((kind, bytes), at)| (*kind, *bytes, at));
    write_pack(&place, &entries.collect::<Vec<_>>());
    place.write(".git/refs/heads/main", hex(&id("commit", &second)) + "\n");
    place
}

/// Beyond 2 GB offsets have eight bytes. The holes between entries take no memory.
#[test]
fn a_pack_may_be_larger_than_two_gigabytes() {
    let place = two_commits([12, 4096, 8192, 3 << 30, (3 << 30) + 4096, 5 << 30]);
    let command = |args: &[&str]| {
        let script = format!("ulimit -v 2000000; exec \"$0\" {}", args.join(" "));
        let mut shell = crate::common::scrubbed(std::process::Command::new("sh"), place.path());
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_keylint")]);
        crate::common::parsed(&shell.output().unwrap())
    };
    let both = ["a.env:1 slack-bot-token", "b.env:1 openrouter-api-key"];
    assert_eq!(places(&command(&["scan", "--history", "--no-cache", "-f", "json"])), both);
    let range = command(&["scan", "--range", "HEAD~1..HEAD", "-f", "json"]);
    assert_eq!(places(&range), both[1..]);
}

#[test]
fn of_a_pack_that_is_cut_short_what_is_left_is_scanned() {
    let offsets = [12, 400, 800, 1200, 1600, 2000];
    let place = two_commits(offsets);
    let pack = fs::File::options().write(true).open(pack_files(&place, "pack").remove(0)).unwrap();
    for (end, lost) in [(2010, 1), (1610, 2), (1210, 3), (810, 4), (410, 5), (22, 6)] {
        pack.set_len(end).unwrap();
        let report = json(place.path(), WHOLE[0]);
        let found = if lost < 3 { &["a.env:1 slack-bot-token"][..] } else { &[] };
        assert_eq!(places(&report), found, "{lost} lost");
        let said = format!("is cut short: {lost} of its 6 objects");
        let problems = report["problems"].to_string();
        assert!(problems.contains(&said), "{problems}");
        assert_eq!(run(place.path(), WHOLE[0]).status.code(), Some(2));
        let range = run(place.path(), &["scan", "--range", "HEAD~1..HEAD"]);
        assert_eq!(range.status.code(), Some(2), "{lost} lost");
    }
}

/// Refs in tables, which libgit2 does not know.
#[test]
fn a_repository_with_its_refs_in_tables_is_refused() {
    let place = packed();
    place.git(&["config", "core.repositoryFormatVersion", "1"]);
    place.git(&["config", "extensions.refStorage", "reftable"]);
    fs::remove_dir_all(place.path().join(".git/refs")).unwrap();
    place.write(".git/refs/heads", "this repository uses the reftable format\n");
    place.write(".git/HEAD", "ref: refs/heads/.invalid\n");
    place.write(".git/reftable/tables.list", "");
    for args in [WHOLE[0], WHOLE[1], &["scan", "--staged"], &["audit", "--no-cache"]] {
        let output = run(place.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("refstorage"), "{args:?}: {}", stderr(&output));
    }
    let report = json(place.path(), &["scan"]);
    assert_eq!(places(&report), ["k.env:1 openrouter-api-key"]);
    assert!(report["notices"].to_string().contains("git's files were not asked"), "{report:#}");
}

/// What git tracks in spite of an ignore rule, in forms of the index that libgit2 does not read.
#[test]
fn tracked_files_are_found_in_sparse_and_split_indices() {
    let forms: [&[&[&str]]; 3] = [
        &[
            &["sparse-checkout", "init", "--cone", "--sparse-index"],
            &["sparse-checkout", "set", "in"],
        ],
        &[&["update-index", "--split-index"]],
        &[&["config", "index.skipHash", "true"], &["update-index", "--force-write-index"]],
    ];
    for form in forms {
        let place = Place::new();
        place.init().commit(1, "in/k.env", &env("slack"));
        place.commit(2, "out/deep/o.txt", "text\n");
        place.commit(3, ".gitignore", "*.env\n");
        form.iter().for_each(|args| _ = place.git(args));
        let report = json(place.path(), &["scan"]);
        // The check that asks for a single path knows it, too.
        let want = ["in/k.env:1 env-file-tracked", "in/k.env:1 slack-bot-token"];
        assert_eq!(places(&report), want, "{form:?}");
        assert_eq!(report["problems"].to_string(), "[]", "{form:?}");
    }
}

/// Names that differ in case only, in a repository that says that they do not.
#[test]
fn names_that_differ_in_case_are_two_files_also_where_git_ignores_case() {
    let place = Place::new();
    place.init();
    place.write(".gitignore", "*.env\n");
    for (name, kind) in
        [("K.env", "slack"), ("k.env", "openrouter"), ("d/A", "slack"), ("D/a", "slack")]
    {
        place.write(name, env(kind));
    }
    place.git(&["add", "-A", "-f"]);
    place.git(&["config", "core.ignoreCase", "true"]);
    let rules = |report: &serde_json::Value| {
        let mut all = places(report);
        all.retain(|place| !place.contains("env-file"));
        all
    };
    let want = [
        "D/a:1 slack-bot-token",
        "K.env:1 slack-bot-token",
        "d/A:1 slack-bot-token",
        "k.env:1 openrouter-api-key",
    ];
    assert_eq!(rules(&json(place.path(), &["scan"])), want);
    assert_eq!(rules(&json(place.path(), &["scan", "--staged"])), want);
    place.git(&["commit", "-q", "-m", "x"]);
    assert_eq!(rules(&json(place.path(), &["scan", "--history"])), want);
}

/// A file with a repository in it. Its objects are compressed, so it is counted as what was not scanned.
#[test]
fn a_bundle_among_the_files_is_counted() {
    let place = packed();
    place.git(&["bundle", "create", "all.bundle", "--all"]);
    let report = json(place.path(), &["scan"]);
    assert_eq!(report["stats"]["skipped"]["binary"][0], "all.bundle");
    let output = keylint(place.path()).args(["scan", "all.bundle"]).output().unwrap();
    assert!(stdout(&output).contains("1 binary"), "{}", stdout(&output));
}

#[test]
fn alternates_may_be_quoted() {
    let (base, place) = (packed(), Place::new());
    place.init();
    let objects = base.path().join(".git/objects");
    std::os::unix::fs::symlink(&objects, place.path().join("with \"quotes\"")).unwrap();
    place
        .write(".git/objects/info/alternates", "# from elsewhere\n\"../../with \\\"quotes\\\"\"\n");
    let head = base.git(&["rev-parse", "HEAD"]);
    place.write(".git/refs/heads/main", head + "\n");
    place.git(&["cat-file", "-e", "HEAD"]);
    for args in WHOLE {
        assert_eq!(places(&json(place.path(), args)), KEYS, "{args:?}");
    }
}
