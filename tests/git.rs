//! History: where blobs hide, odd repositories, and clear notices where history is cut.

use std::fs;

use crate::common::{Place, git, json, key, places, run, stderr, stdout};

fn env(kind: &str) -> String {
    format!("one\nKEY={}\n", key(kind))
}

#[test]
fn a_key_that_was_removed_is_found_at_its_first_commit() {
    let place = Place::new();
    place.init().commit(1, "README", "hello");
    let first = place.commit(2, "conf/app.env", &env("openrouter"));
    place.commit(3, "conf/app.env", &(env("openrouter") + "more\n"));
    place.commit(4, "conf/app.env", "KEY=\n");
    let report = json(place.path(), &["scan", "--history"]);
    assert_eq!(places(&report), ["conf/app.env:2 openrouter-api-key"]);
    let finding = &report["findings"][0];
    assert_eq!(finding["commit"]["id"], first);
    assert_eq!(finding["commit"]["author"], "Ada");
    assert_eq!(finding["commit"]["date"], "2024-01-02T12:00:00+00:00");
    assert_eq!(finding["commit"]["in_head"], false);
    assert_eq!(finding["blobs"], 2);
    assert_eq!(report["stats"]["commits"], 4);
}

#[test]
fn merges_tags_stashes_and_detached_worktrees_are_history() {
    let place = Place::new();
    place.init().commit(1, "a", "one\n");
    // Only in a merge commit: neither parent has it.
    place.git(&["checkout", "-q", "-b", "side"]);
    place.commit(2, "b", "side\n");
    place.git(&["checkout", "-q", "main"]);
    place.commit(3, "c", "main\n");
    place.git(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    place.write("merged.txt", env("openrouter"));
    place.git(&["add", "-A"]);
    place.git_at(4, &["commit", "-q", "-m", "merge"]);
    // Only in the older of two stashes.
    place.write("a", env("slack"));
    place.git_at(5, &["stash", "-q"]);
    place.write("a", "other\n");
    place.git_at(6, &["stash", "-q"]);
    // Only as a tagged blob.
    let loose = place.write("x", env("openrouter2"));
    let id = place.git(&["hash-object", "-w", "x"]);
    fs::remove_file(loose).unwrap();
    place.git(&["tag", "blob", &id]);
    // Only on the detached HEAD of a linked worktree.
    let other = Place::new();
    let tree = other.path().join("wt");
    place.git(&["worktree", "add", "-q", "--detach", tree.to_str().unwrap()]);
    fs::write(tree.join("w.txt"), env("anthropic")).unwrap();
    git(&tree, 7, &["add", "-A"]);
    git(&tree, 7, &["commit", "-q", "-m", "detached"]);
    let want = [
        "a:2 slack-bot-token",
        "merged.txt:2 openrouter-api-key",
        "refs/tags/blob:",
        "w.txt:2 anthropic-api-key",
    ];
    let check = |report: &serde_json::Value| {
        let got = places(report);
        assert_eq!(got.len(), want.len(), "{got:?}");
        for (got, want) in got.iter().zip(want) {
            assert!(got.starts_with(want), "{got} is not {want}");
        }
    };
    check(&json(place.path(), &["scan", "--history"]));
    // The linked worktree sees the same repository; packing changes nothing.
    place.git(&["gc", "-q"]);
    check(&json(&tree, &["scan", "--history", "."]));
}

#[test]
fn unreachable_objects_are_found_on_request_only() {
    let place = Place::new();
    place.init().commit(1, "a", "one\n");
    let gone = place.commit(2, "gone.txt", &env("openrouter"));
    place.git(&["reset", "-q", "--hard", "HEAD~1"]);
    place.write("blob", env("slack"));
    place.git(&["hash-object", "-w", "blob"]);
    assert!(places(&json(place.path(), &["scan", "--history"])).is_empty());
    let report = json(place.path(), &["scan", "--history", "--unreachable"]);
    let got = places(&report);
    assert_eq!(got[0], "gone.txt:2 openrouter-api-key");
    assert_eq!(report["findings"][0]["commit"]["id"], gone);
    assert!(
        got[1].starts_with("unreachable:") && got[1].ends_with(":2 slack-bot-token"),
        "{got:?}"
    );
}

#[test]
fn bare_shallow_partial_and_sha256_repositories() {
    let place = Place::new();
    place.init().commit(1, "k", &env("openrouter"));
    place.commit(2, "k", "clean\n");
    place.git(&["config", "uploadpack.allowFilter", "true"]);
    let (from, base) = (format!("file://{}", place.path().display()), Place::new());
    base.git(&["clone", "-q", "--bare", &from, "bare.git"]);
    let report = json(base.path(), &["scan", "--history", "bare.git"]);
    assert_eq!(places(&report), ["k:2 openrouter-api-key"]);
    assert!(report["notices"].as_array().unwrap().is_empty());

    base.git(&["clone", "-q", "--depth", "1", &from, "shallow"]);
    let output = run(base.path(), &["scan", "--history", "shallow"]);
    assert_eq!(output.status.code(), Some(0));
    let cut = place.git(&["rev-parse", "--short=12", "HEAD"]);
    let want = format!("shallow clone: history before its cut ({cut}) was not scanned");
    assert!(stdout(&output).contains(&want), "{}", stdout(&output));

    base.git(&["clone", "-q", "--filter=blob:none", "--no-checkout", &from, "partial"]);
    let output = run(base.path(), &["scan", "--history", "partial"]);
    let text = stdout(&output);
    assert!(text.contains("partial clone: 2 blobs are not here"), "{text}");

    let wide = Place::new();
    wide.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    let id = wide.commit(1, "k", &env("openrouter"));
    for _ in 0..2 {
        let report = json(wide.path(), &["scan", "--history"]);
        assert_eq!(report["findings"][0]["commit"]["id"], id);
        wide.git(&["gc", "-q"]);
    }
}

#[test]
fn alternates_and_several_packs_count_each_blob_once() {
    let place = Place::new();
    place.init().commit(1, "k", &env("openrouter"));
    place.git(&["repack", "-q", "-d"]);
    place.commit(2, "l", &env("slack"));
    place.git(&["repack", "-q"]);
    place.git(&["repack", "-q", "-a"]);
    let base = Place::new();
    base.git(&["clone", "-q", "--shared", place.path().to_str().unwrap(), "shared"]);
    for folder in [place.path(), &base.path().join("shared")] {
        let report = json(folder, &["scan", "--history"]);
        assert_eq!(places(&report), ["k:2 openrouter-api-key", "l:2 slack-bot-token"]);
        assert_eq!(report["stats"]["blobs"], 2);
    }
}

#[test]
fn submodules_are_named_and_their_files_scanned() {
    let inner = Place::new();
    inner.init().commit(1, "deep.env", &env("openrouter"));
    let outer = Place::new();
    outer.init().commit(1, "a", "x\n");
    outer.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "sub"]);
    outer.git(&["commit", "-q", "-m", "sub"]);
    // The submodule's own repository tracks it, which the outer one does not know.
    let want = ["sub/deep.env:2 env-file-tracked", "sub/deep.env:2 openrouter-api-key"];
    assert_eq!(places(&json(outer.path(), &["scan"])), want);
    let report = json(outer.path(), &["scan", "--history"]);
    assert!(report["notices"][0].as_str().unwrap().contains("submodule sub"));
    let report = json(outer.path(), &["scan", "--history", "sub"]);
    assert_eq!(places(&report), ["deep.env:2 openrouter-api-key"]);
}

#[test]
fn a_broken_object_is_reported_and_the_scan_goes_on() {
    let place = Place::new();
    place.init().commit(1, "k", &env("openrouter"));
    place.commit(2, "l", &env("slack"));
    let id = place.git(&["rev-parse", "HEAD:l"]);
    let file = place.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    fs::remove_file(&file).unwrap();
    fs::write(&file, b"garbage").unwrap();
    let output = run(place.path(), &["scan", "--history"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert!(text.contains("k:2") && text.contains(&format!("object {id}")), "{text}");
    assert!(text.contains("git fsck"), "{text}");

    // In a pack: bytes in the middle are wrong, so one or more objects are lost, and named.
    let packed = Place::new();
    packed.init();
    for day in 1..9 {
        packed.commit(
            day,
            &format!("f{day}"),
            &format!("{}{}", "x\n".repeat(500 * day as usize), env("slack")),
        );
    }
    packed.git(&["gc", "-q"]);
    let folder = packed.path().join(".git/objects/pack");
    let pack = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().unwrap() == "pack");
    let pack = pack.unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() - 120;
    bytes[middle..middle + 24].fill(0xff);
    let mut permissions = fs::metadata(&pack).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a throw-away file")]
    permissions.set_readonly(false);
    fs::set_permissions(&pack, permissions).unwrap();
    fs::write(&pack, bytes).unwrap();
    let report = json(packed.path(), &["scan", "--history"]);
    assert!(!report["problems"].as_array().unwrap().is_empty());
}

#[test]
fn no_repository_is_a_clear_error() {
    let place = Place::new();
    let output = run(place.path(), &["scan", "--history"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no git repository"), "{}", stderr(&output));
}

#[test]
fn history_is_the_same_with_one_and_many_threads() {
    let place = Place::new();
    place.init();
    for day in 1..20 {
        let kind = ["openrouter", "slack", "anthropic"][day as usize % 3];
        place.commit(day, &format!("d{}/f{day}", day % 4), &env(kind).repeat(day as usize));
    }
    place.git(&["gc", "-q"]);
    let report = |threads: &str| {
        run(place.path(), &["scan", "--history", "-f", "json", "-j", threads]).stdout
    };
    let one = report("1");
    assert!(one.len() > 1000);
    for threads in ["2", "3", "8"] {
        assert_eq!(report(threads), one);
    }
}
