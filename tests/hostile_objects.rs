//! Commits, trees and tags that git does not make: old conversions, damage, and somebody who wants a scan to
//! end as "clean".

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use sha1::Digest as _;

use crate::archives::bounded;
use crate::common::{Place, key, parsed, run, stderr};

const AUTHOR: &str = "author A <a@example.org> 5 +0000\ncommitter A <a@example.org> 5 +0000\n";

/// Writes a loose object, under `id` where that is not the one of its content; gives the id.
pub(crate) fn put(place: &Place, kind: &str, content: &[u8], id: Option<&str>) -> String {
    let data = [format!("{kind} {}\0", content.len()).as_bytes(), content].concat();
    let hash = sha1::Sha1::digest(&data);
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let id = id.map_or(hash, str::to_owned);
    let path = place.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&data).unwrap();
    fs::write(path, zlib.finish().unwrap()).unwrap();
    id
}

pub(crate) fn raw(id: &str) -> Vec<u8> {
    (0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()).collect()
}

fn entry(mode: &str, name: &[u8], id: &str) -> Vec<u8> {
    [mode.as_bytes(), b" ", name, b"\0", &raw(id)].concat()
}

/// A repository with a blob that holds a key; the blob's id.
pub(crate) fn with_key() -> (Place, String) {
    let place = Place::new();
    place.init();
    let blob = put(&place, "blob", format!("k = '{}'\n", key("openrouter")).as_bytes(), None);
    (place, blob)
}

/// Writes a commit and points `main` at it.
pub(crate) fn commit(place: &Place, tree: &str, more: &str) -> String {
    let text = format!("tree {tree}\n{more}{AUTHOR}\nsubject\n");
    let id = put(place, "commit", text.as_bytes(), None);
    place.write(".git/refs/heads/main", format!("{id}\n"));
    id
}

/// The report of the history and the exit code.
pub(crate) fn scan(place: &Place) -> (Value, i32) {
    let output = run(place.path(), &["scan", "--history", "--no-cache", "-f", "json"]);
    (parsed(&output), output.status.code().unwrap())
}

/// Paths of the findings.
pub(crate) fn paths(report: &Value) -> Vec<String> {
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|finding| finding["path"].as_str().unwrap_or("").to_owned()).collect()
}

/// Places of the problems.
pub(crate) fn lost(report: &Value) -> Vec<String> {
    let all = report["problems"].as_array().unwrap().iter();
    all.map(|problem| problem["place"].as_str().unwrap().to_owned()).collect()
}

/// Header of a commit, and what it says of the author's date.
type Header = (&'static str, &'static [u8], &'static str);

/// Nothing that the scan needs is missing: the key is found, and the report names the commit.
#[test]
fn a_commit_with_a_broken_header_is_named_with_its_key() {
    const EPOCH: &str = "1970-01-01T00:00:05+00:00";
    let headers: [Header; 12] = [
        ("a date beyond all", b"author A <a@b> 99999999999999999999 +0000\ncommitter A <a@b> 99999999999999999999 +0000\n", "99999999999999999999"),
        ("a negative date", b"author A <a@b> -5 +0000\ncommitter A <a@b> -5 +0000\n", "1969-12-31T23:59:55+00:00"),
        ("no date", b"author A <a@b>\ncommitter A <a@b>\n", ""),
        ("an offset beyond all", b"author A <a@b> 5 +9999999999999\ncommitter A <a@b> 5 -9999\n", EPOCH),
        ("no author", b"committer A <a@b> 5 +0000\n", ""),
        ("no committer", b"author A <a@b> 5 +0000\n", EPOCH),
        ("neither", b"", ""),
        ("an empty committer", b"author A <a@b> 5 +0000\ncommitter\n", EPOCH),
        ("a committer of one word", b"author x\ncommitter x\n", ""),
        ("NUL bytes", b"author A\0B <a@b> 5 +0000\ncommitter A\0 <a\0@b> 5 +0000\n", EPOCH),
        ("no UTF-8", b"author \xff\xfe <\xff@b> 5 +0000\ncommitter \xff <a@b> 5 +0000\n", EPOCH),
        ("no address", b"author A 5 +0000\ncommitter A 5 +0000\n", ""),
    ];
    let (place, blob) = with_key();
    let tree = put(&place, "tree", &entry("100644", b"a.py", &blob), None);
    for (what, header, date) in headers {
        let text = [format!("tree {tree}\n").as_bytes(), header, b"\nsubject\n"].concat();
        let id = put(&place, "commit", &text, None);
        place.write(".git/refs/heads/main", &id);
        let (report, code) = scan(&place);
        assert_eq!((code, lost(&report)), (1, vec![]), "{what}");
        let commit = &report["findings"][0]["commit"];
        let facts = [&commit["id"], &commit["date"], &commit["subject"]];
        assert_eq!(facts, [&id, date, "subject"], "{what}");
        for command in [&["scan", "--staged"][..], &["audit", "--no-cache"]] {
            let code = run(place.path(), command).status.code();
            assert!(code.is_some_and(|code| code < 2), "{what}: {command:?}");
        }
    }
}

/// What is behind a commit cannot be scanned where it does not say where that is.
#[test]
fn a_commit_that_leads_nowhere_is_named() {
    let (place, blob) = with_key();
    let tree = put(&place, "tree", &entry("100644", b"a.py", &blob), None);
    let nowhere = "ab".repeat(20);
    let bodies: [(&str, String, &[&str]); 8] = [
        ("no tree", AUTHOR.to_owned(), &[]),
        ("a tree that is no id", format!("tree {}\n{AUTHOR}", &tree[..30]), &[]),
        ("a tree that is not here", format!("tree {nowhere}\n{AUTHOR}"), &[]),
        ("a tree that is a blob", format!("tree {blob}\n{AUTHOR}"), &[]),
        ("empty", String::new(), &[]),
        ("a parent that is a blob", format!("tree {tree}\nparent {blob}\n{AUTHOR}"), &["a.py"]),
        (
            "a parent that is not here",
            format!("tree {tree}\nparent {nowhere}\n{AUTHOR}"),
            &["a.py"],
        ),
        ("a parent that is no id", format!("tree {tree}\nparent x\n{AUTHOR}"), &["a.py"]),
    ];
    for (what, text, found) in bodies {
        let id = put(&place, "commit", format!("{text}\nsubject\n").as_bytes(), None);
        place.write(".git/refs/heads/main", &id);
        let (report, code) = scan(&place);
        assert_eq!(code, 2, "{what}");
        assert_eq!(paths(&report), found, "{what}");
        assert_eq!(lost(&report), [format!("commit {id}")], "{what}: {report:#}");
        // With no ref to it, it is nobody's history.
        fs::remove_file(place.path().join(".git/refs/heads/main")).unwrap();
        assert_eq!(scan(&place).1, 0, "{what}");
    }
}

#[test]
fn names_and_modes_that_no_work_tree_can_have_are_scanned() {
    let names: [&[u8]; 9] =
        [b"..", b".git", b".GIT", b"", b"a/b", b"../../etc/passwd", b"a\nb", b"\xff\xfe", b"con"];
    // A file may be said to be anything, and so may a folder.
    const FOLDERS: [&str; 8] =
        ["040000", "0040000", "40755", "160000", "100644", "120000", "junk", ""];
    let modes = ["100644", "100755", "120000", "100664", "40000", "160000", "0", "junk", ""];
    for (name, mode) in names.iter().map(|n| (*n, "100644")).chain(modes.map(|m| (&b"x"[..], m))) {
        let (place, blob) = with_key();
        commit(&place, &put(&place, "tree", &entry(mode, name, &blob), None), "");
        let (report, code) = scan(&place);
        assert_eq!((paths(&report).len(), code), (1, 1), "{name:?} {mode}");
        let path = paths(&report).remove(0);
        assert!(path.as_bytes() == name || path.starts_with(r"\xff"), "{name:?}: {path}");
    }
    for (name, mode) in
        names.iter().map(|name| (*name, "40000")).chain(FOLDERS.map(|mode| (&b"x"[..], mode)))
    {
        let (place, blob) = with_key();
        let inner = put(&place, "tree", &entry("100644", b"k.py", &blob), None);
        commit(&place, &put(&place, "tree", &entry(mode, name, &inner), None), "");
        let (report, code) = scan(&place);
        assert_eq!((paths(&report).len(), code), (1, 1), "{name:?} {mode}");
        assert!(paths(&report)[0].ends_with("/k.py"), "{name:?} {mode}");
    }
}

/// Packs all objects as they are, whatever trees say of them.
fn pack(place: &Place) {
    let ids = place.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    let folder = place.path().join(".git/objects/pack/pack");
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    let mut command = Command::new("git");
    command.args(["pack-objects", "-q"]).arg(folder).current_dir(place.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all((ids + "\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    place.git(&["prune-packed", "-q"]);
}

/// Also where the folder was seen by an earlier scan, which kept what it saw, and in a pack.
#[test]
fn a_folder_that_is_said_to_be_a_file_is_entered() {
    let (place, blob) = with_key();
    let inner = put(&place, "tree", &entry("100644", b"k.py", &blob), None);
    let first = commit(&place, &put(&place, "tree", &entry("40000", b"d", &inner), None), "");
    let kept = |place: &Place, flag: &[&str]| {
        let args = [&["scan", "--history", "-f", "json"][..], flag].concat();
        let output = run(place.path(), &args);
        let mut found = paths(&parsed(&output));
        found.sort();
        (found, output.status.code())
    };
    assert_eq!(kept(&place, &[]), (vec!["d/k.py".to_owned()], Some(1)));
    let both = [entry("40000", b"d", &inner), entry("100644", b"x", &inner)].concat();
    commit(&place, &put(&place, "tree", &both, None), &format!("parent {first}\n"));
    for packed in [false, true] {
        if packed {
            pack(&place);
        }
        let want = (vec!["d/k.py".to_owned(), "x/k.py".to_owned()], Some(1));
        assert_eq!(kept(&place, &["--no-cache"]), want, "packed: {packed}");
        assert_eq!(kept(&place, &[]), want, "packed: {packed}");
    }
    // A range judges files by what stood there before, so that it is named.
    let output = run(place.path(), &["scan", "--range", "main~1..main", "-f", "json"]);
    assert_eq!((lost(&parsed(&output)), output.status.code()), (vec!["x".to_owned()], Some(2)));
}

/// libgit2 refuses such commits, and with them the whole range.
#[test]
fn a_range_with_a_commit_that_is_not_well_formed_is_scanned() {
    let headers: [&[u8]; 4] = [
        b"author A <a@b> 99999999999999999999 +0000\ncommitter A <a@b> 99999999999999999999 +0000\n",
        b"author A <a@b>\ncommitter A <a@b>\n",
        b"",
        b"author A\0B <a@b> 5 +0000\ncommitter A\0 <a\0@b> 5 +0000\n",
    ];
    for header in headers {
        let (place, blob) = with_key();
        let empty = put(&place, "tree", b"", None);
        let tree = put(&place, "tree", &entry("100644", b"a.py", &blob), None);
        let first = commit(&place, &empty, "");
        let text = format!("tree {tree}\nparent {first}\n");
        let id = put(&place, "commit", &[text.as_bytes(), header, b"\nx\n"].concat(), None);
        for last in [false, true] {
            if last {
                // It stands in the middle now, and what it brought is gone.
                commit(&place, &empty, &format!("parent {id}\n"));
            } else {
                place.write(".git/refs/heads/main", &id);
            }
            let ends = if last { ["main~2..main", "@^^..@"] } else { ["main^..main", "@~1.."] };
            let short = format!("{}...{}", &first[..9], if last { "main" } else { &id[..12] });
            let since = ["--since-merge-base", &first];
            for args in [["--range", ends[0]], ["--range", ends[1]], ["--range", &short], since] {
                let command = [&["scan", "-f", "json"][..], &args].concat();
                let output = run(place.path(), &command);
                assert_eq!(output.status.code(), Some(1), "{args:?} {}", stderr(&output));
                let report = parsed(&output);
                assert_eq!(paths(&report), ["a.py"], "{args:?}");
                assert_eq!(report["findings"][0]["commit"]["id"], id, "{args:?}");
            }
        }
    }
}

/// Also where nothing is found: "clean" would be said of what was never there to be read.
#[test]
fn trees_that_are_cut_and_what_they_name_in_vain_are_named() {
    let (gone_tree, gone_blob) = ("ab".repeat(20), "cd".repeat(20));
    for with_a_finding in [true, false] {
        let (place, blob) = with_key();
        let blob = if with_a_finding { blob } else { put(&place, "blob", b"clean\n", None) };
        let found = entry("100644", b"a.py", &blob);
        let missing =
            [found.clone(), entry("100644", b"b", &gone_blob), entry("40000", b"c", &gone_tree)];
        commit(&place, &put(&place, "tree", &missing.concat(), None), "");
        let (report, code) = scan(&place);
        assert_eq!(code, 2);
        let names = [format!("object {gone_tree}"), format!("object {gone_blob}")];
        assert_eq!(lost(&report), names);
        // A tree that is cut in an entry, and one that ends in what is none.
        let whole = [&found[..], &entry("100644", b"b", &blob)].concat();
        for cut in [&whole[..whole.len() - 3], &[&found[..], b"junk"].concat()] {
            let tree = put(&place, "tree", cut, None);
            commit(&place, &tree, "");
            let (report, code) = scan(&place);
            assert_eq!(code, 2);
            assert!(lost(&report).contains(&format!("object {tree}")));
            assert_eq!(paths(&report).len(), usize::from(with_a_finding));
        }
        // A blob that is said to be a folder.
        commit(
            &place,
            &put(&place, "tree", &entry("40000", b"d", &put(&place, "blob", b"x", None)), None),
            "",
        );
        assert_eq!(scan(&place).1, 2);
    }
}

#[test]
fn tags_may_be_a_chain_lie_and_lead_to_themselves() {
    let (place, blob) = with_key();
    let tree = put(&place, "tree", &entry("100644", b"a.py", &blob), None);
    let head = commit(&place, &tree, "");
    fs::remove_file(place.path().join(".git/refs/heads/main")).unwrap();
    let tag = |object: &str, kind: &str, id: Option<&str>| {
        let text = format!("object {object}\ntype {kind}\ntag t\n\nx\n");
        let id = put(&place, "tag", text.as_bytes(), id);
        place.write(".git/refs/tags/t", &id);
        id
    };
    let mut last = tag(&head, "commit", None);
    for _ in 0..500 {
        last = tag(&last, "tag", None);
    }
    assert_eq!(scan(&place).1, 1, "a chain of 500");
    // With a ref for each of them, and of thousands more.
    let mut packed = String::new();
    for nth in 0..3000 {
        last = tag(&last, "tag", None);
        writeln!(packed, "{last} refs/tags/all/{nth:04}").unwrap();
    }
    place.write(".git/packed-refs", packed);
    let start = std::time::Instant::now();
    assert_eq!(scan(&place).1, 1, "a chain with refs all along");
    // 0.2 s here; a minute where each is followed to the end.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    fs::remove_file(place.path().join(".git/packed-refs")).unwrap();
    for kind in ["blob", "tree", "tag", "junk", ""] {
        tag(&head, kind, None);
        let (report, code) = scan(&place);
        assert_eq!((code, paths(&report)), (1, vec!["a.py".to_owned()]), "a commit as {kind}");
    }
    tag(&blob, "commit", None);
    assert_eq!(scan(&place).1, 1, "a blob as a commit");
    // By its hash no tag can lead to itself, but a file can have any name.
    let ring = "ab".repeat(20);
    tag(&ring, "tag", Some(&ring));
    let (report, code) = scan(&place);
    assert_eq!((code, lost(&report)), (2, vec!["refs/tags/t".to_owned()]));
    tag("x", "commit", None);
    assert_eq!(scan(&place).1, 2, "it names no object");
}

#[test]
fn a_thousand_parents_and_parents_in_a_ring() {
    let (place, blob) = with_key();
    let tree = put(&place, "tree", &entry("100644", b"a.py", &blob), None);
    let empty = put(&place, "tree", b"", None);
    let mut parents = String::new();
    for nth in 0..1000 {
        let text = format!("tree {empty}\n{AUTHOR}\n{nth}\n");
        parents += &format!("parent {}\n", put(&place, "commit", text.as_bytes(), None));
    }
    let last = commit(&place, &tree, "");
    commit(&place, &empty, &format!("{parents}parent {last}\n"));
    let (report, code) = scan(&place);
    assert_eq!((code, paths(&report)), (1, vec!["a.py".to_owned()]));
    assert_eq!(report["stats"]["commits"], 1002);
    assert_eq!(report["findings"][0]["commit"]["id"], last);
    let range = run(place.path(), &["scan", "--range", "HEAD^1..HEAD"]);
    assert_eq!(range.status.code(), Some(1));
    // Two that are each other's parents.
    let (a, b) = ("aa".repeat(20), "bb".repeat(20));
    for (id, parent) in [(&a, &b), (&b, &a)] {
        let text = format!("tree {tree}\nparent {parent}\n{AUTHOR}\nx\n");
        put(&place, "commit", text.as_bytes(), Some(id));
    }
    place.write(".git/refs/heads/main", &b);
    let (report, code) = scan(&place);
    assert_eq!((code, paths(&report)), (1, vec!["a.py".to_owned()]));
    assert_eq!(report["findings"][0]["commit"]["id"], a);
}

/// Trees that each have the next one under ten names: ten billion paths, of a thousand files.
#[test]
fn a_few_trees_with_billions_of_paths_end_no_scan() {
    let (place, blob) = with_key();
    let files = (0..1000).map(|nth| entry("100644", format!("{nth:04}").as_bytes(), &blob));
    let mut tree = put(&place, "tree", &files.collect::<Vec<_>>().concat(), None);
    for _ in 0..7 {
        let names = b"abcdefghij".iter();
        let entries: Vec<Vec<u8>> = names.map(|name| entry("40000", &[*name], &tree)).collect();
        tree = put(&place, "tree", &entries.concat(), None);
    }
    commit(&place, &put(&place, "tree", b"", None), "");
    let first = place.git(&["rev-parse", "HEAD"]);
    commit(&place, &tree, &format!("parent {first}\n"));
    for command in [&["scan", "--range", "HEAD~1..HEAD"][..], &["scan", "--staged"]] {
        let start = std::time::Instant::now();
        let output = run(place.path(), command);
        let code = if command.len() == 3 { 2 } else { 0 };
        assert_eq!(output.status.code(), Some(code), "{command:?}");
        assert!(start.elapsed().as_secs() < 30, "{command:?}");
    }
    // Taken out again, they may be what a new file was renamed from.
    let at_bomb = place.git(&["rev-parse", "HEAD"]);
    let key = put(&place, "blob", format!("other = '{}'\n", key("slack")).as_bytes(), None);
    let tree = put(&place, "tree", &entry("100644", b"k.py", &key), None);
    commit(&place, &tree, &format!("parent {at_bomb}\n"));
    let output = bounded(&place, &["scan", "--range", "HEAD~1..HEAD", "-f", "json"]);
    assert_eq!((output.status.code(), paths(&parsed(&output))), (Some(1), vec!["k.py".to_owned()]));
}

/// The name of one entry that has more folders in it than a stack has room for.
#[test]
fn a_name_with_many_slashes_is_a_path_like_others() {
    let (place, blob) = with_key();
    let name = format!("{}k.py", "a/".repeat(60_000));
    commit(&place, &put(&place, "tree", b"", None), "");
    let first = place.git(&["rev-parse", "HEAD"]);
    let tree = put(&place, "tree", &entry("100644", name.as_bytes(), &blob), None);
    commit(&place, &tree, &format!("parent {first}\n"));
    for args in [
        &["scan", "--history", "--no-cache"][..],
        &["scan", "--range", "HEAD~1..HEAD"],
        &["audit", "--no-cache"],
    ] {
        let output = run(place.path(), &[args, &["-f", "json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
        assert!(paths(&parsed(&output)).contains(&name), "{args:?}");
    }
}

/// Folders, one in the other, beyond what a stack has room for: in commits and in the index.
#[test]
fn folders_that_nest_too_deep_are_named() {
    let (place, blob) = with_key();
    let mut tree = put(&place, "tree", &entry("100644", b"deep.py", &blob), None);
    for _ in 0..3000 {
        tree = put(&place, "tree", &entry("40000", b"d", &tree), None);
    }
    let both = [entry("100644", b"a.py", &blob), entry("40000", b"d", &tree)].concat();
    commit(&place, &put(&place, "tree", b"", None), "");
    let first = place.git(&["rev-parse", "HEAD"]);
    commit(&place, &put(&place, "tree", &both, None), &format!("parent {first}\n"));
    let named = "d/".repeat(1000);
    let check = |args: &[&str]| {
        let output = run(place.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        let report = parsed(&output);
        assert_eq!(paths(&report), ["a.py"], "{args:?}");
        // Of a range, its end is looked at, too.
        let mut lost = lost(&report);
        lost.dedup();
        assert_eq!(lost, [format!("{named}d")], "{args:?}");
    };
    check(&["scan", "--range", "HEAD~1..HEAD", "-f", "json"]);
    fs::remove_file(place.path().join(".git/refs/heads/main")).unwrap();
    for path in ["a.py".to_owned(), format!("{}f.py", "d/".repeat(3000))] {
        place.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
    }
    check(&["scan", "--staged", "-f", "json"]);
    assert_eq!(run(place.path(), &["scan"]).status.code(), Some(0));
}
