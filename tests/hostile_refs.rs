//! Refs that cannot be read: each is named, and the history behind all others is scanned.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::common::{Place, key, run, stderr};
use crate::hostile_git::{bounded, line, pipe};
use crate::hostile_objects::{lost, scan};

/// A clean commit on `main`, and a key on `other`; the id of the latter's commit.
fn two_branches() -> (Place, String) {
    let place = Place::new();
    place.init().commit(1, "a.py", "x = 1\n");
    place.git(&["checkout", "-q", "-b", "other"]);
    let other = place.commit(2, "k.py", &line());
    place.git(&["checkout", "-q", "main"]);
    (place, other)
}

#[test]
fn a_hundred_thousand_refs_take_seconds() {
    let (place, other) = two_branches();
    let main = place.git(&["rev-parse", "main"]);
    let refs: String = (0..100_000).map(|n| format!("{main} refs/tags/t{n}\n")).collect();
    place.write(
        ".git/packed-refs",
        format!("# pack-refs with: peeled fully-peeled sorted \n{refs}"),
    );
    for nth in 0..1000 {
        place.write(&format!(".git/refs/heads/loose/{nth}"), format!("{main}\n"));
    }
    let start = Instant::now();
    let (report, code) = scan(&place);
    assert_eq!((code, lost(&report)), (1, vec![]));
    assert_eq!(report["findings"][0]["commit"]["id"], other);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

/// Git warns of such a ref and goes on without it; a scan that does the same says "clean".
#[test]
fn a_ref_that_cannot_be_read_is_named() {
    let name = ".git/refs/heads/other";
    for content in
        ["garbage\n", "", "ab\n", "ref: refs/heads/../../../x\n", &"0".repeat(40), &"é".repeat(20)]
    {
        let (place, _) = two_branches();
        place.write(name, content);
        let (report, code) = scan(&place);
        assert_eq!((code, lost(&report)), (2, vec!["refs/heads/other".to_owned()]), "{content}");
    }
    for target in ["/dev/zero", "/nowhere", "other"] {
        let (place, _) = two_branches();
        fs::remove_file(place.path().join(name)).unwrap();
        symlink(target, place.path().join(name)).unwrap();
        let (report, code) = scan(&place);
        assert_eq!((code, lost(&report)), (2, vec!["refs/heads/other".to_owned()]), "{target}");
    }
}

#[test]
fn packed_refs_with_broken_lines_hide_no_other_ref() {
    let (place, other) = two_branches();
    fs::remove_file(place.path().join(".git/refs/heads/other")).unwrap();
    let short = &other[..12];
    let lines = format!(
        "# x\njunk\n{other} refs/heads/other\n^{other}\n{short} refs/heads/z\n{other} \n^\n"
    );
    place.write(".git/packed-refs", lines);
    let (report, code) = scan(&place);
    assert_eq!((code, lost(&report)), (2, vec!["packed-refs".to_owned()]));
    assert_eq!(report["findings"][0]["commit"]["id"], other);
    let problem = report["problems"][0]["message"].as_str().unwrap();
    assert!(problem.contains("4 of its lines") && problem.contains("line 2"), "{problem}");
}

#[test]
fn symbolic_refs_in_a_ring_and_to_nothing() {
    let (place, other) = two_branches();
    place.write(".git/refs/heads/a", "ref: refs/heads/b\n");
    place.write(".git/refs/heads/b", "ref: refs/heads/a\n");
    let (report, code) = scan(&place);
    let ring = ["refs/heads/a", "refs/heads/b"];
    assert_eq!((code, lost(&report)), (2, ring.map(str::to_owned).to_vec()));
    assert_eq!(report["findings"][0]["commit"]["id"], other);
    // A branch that was deleted elsewhere leaves this behind; nothing is lost by it.
    let (place, _) = two_branches();
    place.write(".git/refs/remotes/origin/HEAD", "ref: refs/remotes/origin/gone\n");
    assert_eq!(scan(&place).1, 1);
    // HEAD that names nothing, in five ways; all other refs are scanned.
    let detached = format!("{}\n", "ab".repeat(20));
    for content in ["ref: HEAD\n", "junk\n", "", &detached, "ref: ../../x\n"] {
        place.write(".git/HEAD", content);
        let (report, code) = scan(&place);
        assert_eq!((code, lost(&report)), (2, vec!["HEAD".to_owned()]), "{content}");
        assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{content}");
    }
    place.write(".git/HEAD", "ref: refs/heads/unborn\n");
    assert_eq!(scan(&place).1, 1);
}

#[test]
fn pipes_and_links_among_the_refs_are_not_waited_for() {
    // The branch of HEAD: without it libgit2 opens nothing.
    let (place, _) = two_branches();
    pipe(&place, ".git/refs/heads/main");
    assert_eq!(bounded(&place), [Some(0), Some(2), Some(2)]);
    // Another one, and a link to one: HEAD can be read.
    let (place, other) = two_branches();
    pipe(&place, ".git/pipe");
    symlink("../../pipe", place.path().join(".git/refs/heads/link")).unwrap();
    pipe(&place, ".git/refs/tags/t");
    assert_eq!(bounded(&place)[..2], [Some(0), Some(2)]);
    let (report, _) = scan(&place);
    assert_eq!(lost(&report), ["refs/heads/link", "refs/tags/t"]);
    assert_eq!(report["findings"][0]["commit"]["id"], other);
    let range = run(place.path(), &["scan", "--range", "main..other"]);
    assert_eq!(range.status.code(), Some(2));
    assert!(stderr(&range).contains("no regular file"), "{}", stderr(&range));
    // A folder of refs that leads to itself.
    let (place, _) = two_branches();
    symlink("..", place.path().join(".git/refs/heads/loop")).unwrap();
    assert_eq!(scan(&place).1, 1);
}

/// HEAD of every worktree counts, from wherever the scan starts; the folders themselves may be gone.
#[test]
fn worktrees_are_read_without_their_folders() {
    let (place, _) = two_branches();
    let linked = Place::new();
    let tree = linked.path().join("tree");
    place.git(&["worktree", "add", "-q", "--detach", tree.to_str().unwrap()]);
    fs::write(tree.join("w.py"), format!("k = '{}'\n", key("slack"))).unwrap();
    crate::common::git(&tree, 3, &["add", "-A"]);
    crate::common::git(&tree, 3, &["commit", "-q", "-m", "detached"]);
    // The main worktree is detached, too, on what no branch has.
    place.git(&["checkout", "-q", "--detach"]);
    place.commit(4, "m.py", &format!("k = '{}'\n", key("anthropic")));
    let count = |place: &std::path::Path| {
        let report = crate::common::json(place, &["scan", "--history", "--no-cache"]);
        assert!(lost(&report).is_empty(), "{report:#}");
        report["findings"].as_array().unwrap().len()
    };
    assert_eq!((count(place.path()), count(&tree)), (3, 3));
    fs::remove_dir_all(&tree).unwrap();
    assert_eq!(count(place.path()), 3);
    let head = ".git/worktrees/tree/HEAD";
    place.write(head, "junk");
    let (report, code) = scan(&place);
    assert_eq!((code, lost(&report)), (2, vec!["worktrees/tree/HEAD".to_owned()]));
    for file in [head, ".git/worktrees/tree/gitdir"] {
        pipe(&place, file);
        assert_eq!(bounded(&place)[..2], [Some(1), Some(2)], "{file}");
    }
}
