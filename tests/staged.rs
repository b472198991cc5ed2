//! `scan --staged`: the index and only what it adds.

use std::fs;

use sha1::{Digest as _, Sha1};

use crate::common::{Place, git, json, key, keylint, places, run, stderr, stdout};

fn env(kind: &str) -> String {
    format!("KEY={}\n", key(kind))
}

fn staged(place: &Place) -> Vec<String> {
    places(&json(place.path(), &["scan", "--staged"]))
}

fn notices(place: &Place) -> String {
    json(place.path(), &["scan", "--staged"])["notices"].to_string()
}

#[test]
fn the_index_counts_and_not_the_work_tree() {
    let place = Place::new();
    place.init().commit(1, "a.env", "KEY=\n");
    place.write("a.env", env("openrouter"));
    place.git(&["add", "-A"]);
    fs::remove_file(place.path().join("a.env")).unwrap();
    place.write("b.env", env("slack"));
    let report = json(place.path(), &["scan", "--staged"]);
    assert_eq!(places(&report), ["a.env:1 openrouter-api-key"]);
    assert_eq!(report["findings"][0]["blob"], place.git(&["rev-parse", ":a.env"]));
    assert_eq!(run(place.path(), &["scan", "--staged"]).status.code(), Some(1));
}

#[test]
fn only_new_lines_count_unless_full() {
    let place = Place::new();
    place.init().commit(1, "a.env", &format!("one\n{}two\n", env("openrouter")));
    place.write("a.env", format!("zero\none\n{}two\n{}", env("openrouter"), env("slack")));
    place.git(&["add", "-A"]);
    assert_eq!(staged(&place), ["a.env:5 slack-bot-token"]);
    let report = json(place.path(), &["scan", "--staged", "--full"]);
    assert_eq!(places(&report), ["a.env:3 openrouter-api-key", "a.env:5 slack-bot-token"]);
    // Other line ends, and a line behind one that had none, make no old line new.
    place.git(&["reset", "-q", "--hard"]);
    place.write("a.env", format!("one\r\n{}\r\ntwo\r\nmore", env("openrouter").trim_end()));
    place.git(&["add", "-A"]);
    assert!(staged(&place).is_empty());
}

#[test]
fn renames_mode_changes_and_removals_add_nothing() {
    let place = Place::new();
    let body = format!("{}{}", env("openrouter"), "line of text\n".repeat(20));
    place.init().commit(1, "old/a.env", &body);
    place.commit(1, "same.env", &env("slack"));
    place.git(&["mv", "old/a.env", "new.env"]);
    place.git(&["mv", "same.env", "moved.env"]);
    place.write("new.env", format!("{body}one more\n"));
    place.git(&["add", "-A"]);
    assert!(staged(&place).is_empty(), "{:?}", staged(&place));
    place.git(&["commit", "-q", "-m", "moved"]);
    place.git(&["update-index", "--chmod=+x", "moved.env"]);
    place.git(&["rm", "-q", "--cached", "new.env"]);
    assert!(staged(&place).is_empty());
    // A renamed file with a new key: only the key counts.
    place.git(&["reset", "-q", "--hard"]);
    place.git(&["mv", "new.env", "again.env"]);
    place.write("again.env", format!("{body}{}", env("anthropic")));
    place.git(&["add", "-A"]);
    assert_eq!(staged(&place), ["again.env:22 anthropic-api-key"]);
}

#[test]
fn a_first_commit_is_wholly_new() {
    let place = Place::new();
    place.init();
    assert!(notices(&place).contains("nothing is staged"));
    place.write("deep/er/a.env", env("openrouter"));
    place.git(&["add", "-A"]);
    assert_eq!(staged(&place), ["deep/er/a.env:1 openrouter-api-key"]);
}

#[test]
fn intended_and_unmerged_paths_are_named_and_not_scanned() {
    let place = Place::new();
    place.init().commit(1, "a.env", "KEY=\n");
    place.write("later.env", env("slack"));
    place.git(&["add", "-N", "later.env"]);
    assert!(staged(&place).is_empty());
    assert!(notices(&place).contains("1 path (later.env)"), "{}", notices(&place));
    fs::remove_file(place.path().join("later.env")).unwrap();
    place.git(&["reset", "-q"]);
    place.git(&["checkout", "-q", "-b", "side"]);
    place.commit(2, "a.env", "KEY=side\n");
    place.commit(2, "side.env", &env("openrouter"));
    place.git(&["checkout", "-q", "main"]);
    place.commit(3, "a.env", "KEY=main\n");
    let merge = std::process::Command::new("git")
        .args(["merge", "-q", "side"])
        .current_dir(place.path())
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_COMMITTER_NAME", "Ada")])
        .envs([("GIT_AUTHOR_EMAIL", "a@example.org"), ("GIT_COMMITTER_EMAIL", "a@example.org")])
        .output()
        .unwrap();
    assert!(!merge.status.success());
    // side.env is the other branch's, so the merge does not add it.
    assert!(staged(&place).is_empty());
    assert!(notices(&place).contains("not merged yet and not scanned: 1 path (a.env)"));
    place.write("a.env", format!("KEY=both\n{}", env("anthropic")));
    place.git(&["add", "a.env"]);
    assert_eq!(staged(&place), ["a.env:2 anthropic-api-key"]);
}

#[test]
fn sub_folders_worktrees_and_paths() {
    let place = Place::new();
    place.init().commit(1, "x/a.txt", "one\n");
    place.write("x/a.txt", env("openrouter"));
    place.write("y/b.txt", env("slack"));
    place.git(&["add", "-A"]);
    let both = ["x/a.txt:1 openrouter-api-key", "y/b.txt:1 slack-bot-token"];
    assert_eq!(places(&json(&place.path().join("x"), &["scan", "--staged"])), both);
    let args = ["scan", "--staged", "."];
    assert_eq!(places(&json(&place.path().join("x"), &args)), both[..1]);
    let args = ["scan", "--staged", "../y/b.txt"];
    assert_eq!(places(&json(&place.path().join("x"), &args)), both[1..]);
    let output = run(place.path(), &["scan", "--staged", "/"]);
    assert!(stderr(&output).contains("git repository"), "{}", stderr(&output));

    let other = Place::new();
    let tree = other.path().join("wt");
    place.git(&["commit", "-q", "-m", "keys"]);
    place.git(&["worktree", "add", "-q", "-b", "wt", tree.to_str().unwrap()]);
    fs::write(tree.join("w.txt"), env("anthropic")).unwrap();
    git(&tree, 1, &["add", "-A"]);
    assert_eq!(places(&json(&tree, &["scan", "--staged"])), ["w.txt:1 anthropic-api-key"]);
    assert!(staged(&place).is_empty());
}

#[test]
fn the_index_that_git_names_is_read() {
    // `git commit -a` and commits of single files hand hooks an index of their own.
    let place = Place::new();
    place.init().commit(1, "a.env", "KEY=\n");
    place.write("a.env", env("openrouter"));
    place.write("b.env", env("slack"));
    place.git(&["add", "b.env"]);
    let hook = place.path().join(".git/hooks/pre-commit");
    fs::write(
        &hook,
        format!("#!/bin/sh\nexec '{}' scan --staged\n", env!("CARGO_BIN_EXE_keylint")),
    )
    .unwrap();
    executable(&hook);
    let refused = |args: &[&str]| {
        let output = std::process::Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-m", "x"])
            .args(args)
            .current_dir(place.path())
            .env("HOME", place.path())
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output)
    };
    let text = refused(&["a.env"]);
    assert!(text.contains("a.env:1") && !text.contains("b.env"), "{text}");
    let text = refused(&["-a"]);
    assert!(text.contains("a.env:1") && text.contains("b.env:1"), "{text}");
}

pub(crate) fn executable(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn submodules_are_left_out_and_bare_repositories_refused() {
    let inner = Place::new();
    inner.init().commit(1, "deep.env", &env("openrouter"));
    let place = Place::new();
    place.init().commit(1, "a", "x\n");
    place.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "sub"]);
    assert!(staged(&place).is_empty());
    let bare = Place::new();
    bare.git(&["init", "-q", "--bare"]);
    let output = run(bare.path(), &["scan", "--staged"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("bare and has no index"), "{}", stderr(&output));
    let nothing = Place::new();
    let output = run(nothing.path(), &["scan", "--staged"]);
    assert!(stderr(&output).contains("no git repository"), "{}", stderr(&output));
}

#[test]
fn every_form_of_index_is_read() {
    let place = Place::new();
    place.init();
    for folder in ["a", "b", "b/c", "d"] {
        place.commit(1, &format!("{folder}/old.env"), &env("openrouter"));
    }
    place.write("b/c/new.env", env("slack"));
    place.write("z.env", env("anthropic"));
    place.git(&["add", "-A"]);
    let want = ["b/c/new.env:1 slack-bot-token", "z.env:1 anthropic-api-key"];
    for version in ["2", "3", "4"] {
        place.git(&["update-index", "--index-version", version]);
        assert_eq!(staged(&place), want, "version {version}");
    }
    place.git(&["update-index", "--split-index"]);
    assert!(fs::read(place.path().join(".git/index")).unwrap().windows(4).any(|w| w == b"link"));
    assert_eq!(staged(&place), want);
    place.write("a/old.env", env("openrouter") + "more\n");
    place.git(&["rm", "-q", "--cached", "d/old.env"]);
    place.git(&["add", "a/old.env"]);
    place.write("y.env", env("slack"));
    place.git(&["add", "y.env"]);
    let more = [want[0], "y.env:1 slack-bot-token", want[1]];
    assert_eq!(staged(&place), more);
    assert_eq!(
        place.git(&["diff", "--cached", "--name-only", "--diff-filter=d"]).lines().count(),
        4
    );
    place.git(&["update-index", "--no-split-index"]);
    assert_eq!(staged(&place), more);
    // Without the trees that git keeps: everything is compared.
    let file = place.path().join(".git/index");
    let bytes = fs::read(&file).unwrap();
    let at = bytes.windows(4).position(|four| four == b"TREE").unwrap();
    for sum in [Sha1::digest(&bytes[..at]).to_vec(), vec![0; 20]] {
        fs::write(&file, [&bytes[..at], &sum].concat()).unwrap();
        assert_eq!(staged(&place), more);
    }
    let flagged = [&bytes[..bytes.len() - 30], b"x", &bytes[bytes.len() - 29..]].concat();
    for damaged in [&bytes[..at - 7], &flagged] {
        fs::write(&file, damaged).unwrap();
        for command in [&["scan", "--staged"][..], &["scan"]] {
            let output = run(place.path(), command);
            assert_eq!(output.status.code(), Some(2));
            let text = stderr(&output) + &stdout(&output);
            assert!(text.contains("index cannot be read"), "{text}");
        }
    }
}

#[test]
fn sparse_indexes_are_read() {
    let place = Place::new();
    place.init();
    for folder in ["in", "out", "out/deep"] {
        place.commit(1, &format!("{folder}/a.txt"), "text\n");
    }
    place.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
    place.git(&["sparse-checkout", "set", "in"]);
    place.write("in/k.env", env("openrouter"));
    place.git(&["add", "in/k.env"]);
    let bytes = fs::read(place.path().join(".git/index")).unwrap();
    assert!(bytes.windows(4).any(|four| four == b"sdir"));
    assert_eq!(staged(&place), ["in/k.env:1 openrouter-api-key"]);
}

#[test]
fn sha256_repositories_have_an_index_too() {
    let place = Place::new();
    place.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    place.commit(1, "a.env", "KEY=\n");
    place.write("a.env", env("openrouter"));
    place.git(&["add", "-A"]);
    assert_eq!(staged(&place), ["a.env:1 openrouter-api-key"]);
}

#[test]
fn configuration_markers_and_limits_hold() {
    let place = Place::new();
    let config = "[scan]\nexclude = [\"skip/**\"]\n\n[[allow]]\npath = \"never\"\nreason = \"x\"\n";
    place.init().commit(1, "keylint.toml", config);
    place.write("skip/a.env", env("openrouter"));
    place.write("b.env", format!("{} # keylint:allow", env("slack").trim_end()));
    place.write("bin", [b"\0\0", key("anthropic").as_bytes()].concat());
    place.git(&["add", "-A"]);
    let report = json(place.path(), &["scan", "--staged"]);
    assert!(places(&report).is_empty());
    assert_eq!(report["suppressed"].as_array().unwrap().len(), 1);
    assert_eq!(report["stats"]["skipped"]["excluded"][0], "skip/a.env");
    assert_eq!(report["stats"]["skipped"]["binary"][0], "bin");
    // Most entries allow what is not staged: they are not called unused.
    assert_eq!(report["notices"], serde_json::json!([]));
}

#[test]
fn many_files_give_the_same_report_at_any_thread_count() {
    let place = Place::new();
    place.init();
    for at in 0..60 {
        place.write(&format!("d{}/f{at}.env", at % 7), env(["openrouter", "slack"][at % 2]));
    }
    place.git(&["add", "-A"]);
    let report = |threads: &str| {
        run(place.path(), &["scan", "--staged", "-f", "json", "-j", threads]).stdout
    };
    let one = report("1");
    assert!(one.len() > 10_000);
    assert_eq!(report("2"), one);
    assert_eq!(report("8"), one);
}

#[test]
fn a_staged_path_in_the_report_is_that_of_the_repository() {
    let place = Place::new();
    place.init();
    place.write("x/a.env", env("openrouter"));
    place.git(&["add", "-A"]);
    let sarif = stdout(&run(&place.path().join("x"), &["scan", "--staged", "-f", "sarif"]));
    assert!(sarif.contains("\"x/a.env\""), "{sarif}");
    let output = keylint(place.path()).args(["scan", "--staged", "--stdin"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
