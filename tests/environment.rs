//! What git says to hooks by variables of the environment, and what it does not say.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{Place, git, json, key, keylint, parsed, places};

fn env(kind: &str) -> String {
    format!("KEY={}\n", key(kind))
}

/// The report of a run with `variables`.
fn with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Value {
    let mut command = keylint(folder);
    command.args(args).args(["-f", "json"]).envs(variables.iter().copied());
    parsed(&command.output().unwrap())
}

#[test]
fn the_index_that_git_names_counts_for_its_own_repository_only() {
    let (place, other) = (Place::new(), Place::new());
    for (place, kind) in [(&place, "slack"), (&other, "openrouter")] {
        place.init().commit(1, "a.py", "x = 1\n");
        place.write("k.env", env(kind));
        place.git(&["add", "-A"]);
    }
    let aside = place.path().join(".git/aside");
    let mut command = Command::new("git");
    command.args(["read-tree", "HEAD"]).current_dir(place.path()).env("GIT_INDEX_FILE", &aside);
    assert!(command.status().unwrap().success());
    let staged = ["scan", "--staged"];
    assert_eq!(places(&json(place.path(), &staged)), ["k.env:1 slack-bot-token"]);
    let index = [("GIT_INDEX_FILE", ".git/aside")];
    assert!(places(&with(place.path(), &staged, &index)).is_empty());
    // Another repository has an index of its own.
    let there = other.path().to_str().unwrap();
    let named = ["scan", "--staged", there];
    assert_eq!(places(&with(place.path(), &named, &index)), ["k.env:1 openrouter-api-key"]);
    let all = [("GIT_INDEX_FILE", ".git/aside"), ("GIT_DIR", ".git")];
    assert_eq!(places(&with(place.path(), &named, &all)), ["k.env:1 openrouter-api-key"]);
    assert!(places(&with(place.path(), &staged, &all)).is_empty());
    // A file that is no index is named, not passed over.
    let output = keylint(place.path()).args(staged).env("GIT_INDEX_FILE", "a.py").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// What is pushed lies aside until the hook of the server has said yes.
#[test]
fn objects_that_git_keeps_aside_are_found() {
    let (place, server) = (Place::new(), Place::new());
    place.init().commit(1, "a.py", "x = 1\n");
    let from = place.path().to_str().unwrap();
    server.git(&["clone", "-q", "--bare", from, "s.git"]);
    let bare = server.path().join("s.git");
    let hook = format!(
        "#!/bin/sh\nread old new ref\n'{program}' scan --range $old..$new -f json > '{out}'\nexit 0\n",
        program = env!("CARGO_BIN_EXE_keylint"),
        out = server.path().join("report").display()
    );
    let file = server.write("s.git/hooks/pre-receive", hook);
    crate::staged::executable(&file);
    for (day, pack) in [(2, "unpackLimit=1"), (3, "unpackLimit=1000")] {
        place.commit(day, &format!("k{day}.env"), &env("slack"));
        git(&bare, 1, &["config", &format!("transfer.{}", &pack[..11]), &pack[12..]]);
        let there = bare.to_str().unwrap();
        place.git(&["push", "-q", there, "main"]);
        let report = std::fs::read(server.path().join("report")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(places(&report), [format!("k{day}.env:1 slack-bot-token")], "{pack}");
    }
}

/// Of everything else a scan takes no notice: it names what it scans.
#[test]
fn variables_redirect_no_scan_of_files_and_histories() {
    let (place, other) = (Place::new(), Place::new());
    place.init().commit(1, "k.env", &env("slack"));
    other.init().commit(1, "o.env", &env("openrouter"));
    let (git, objects) = (other.path().join(".git"), other.path().join(".git/objects"));
    let (git, objects) = (git.to_str().unwrap(), objects.to_str().unwrap());
    let variables = [
        ("GIT_DIR", git),
        ("GIT_WORK_TREE", other.path().to_str().unwrap()),
        ("GIT_OBJECT_DIRECTORY", objects),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects),
        ("GIT_INDEX_FILE", "nowhere"),
        ("GIT_CEILING_DIRECTORIES", place.path().parent().unwrap().to_str().unwrap()),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.bare"),
        ("GIT_CONFIG_VALUE_0", "true"),
        ("GIT_NAMESPACE", "x"),
        ("GIT_SHALLOW_FILE", "nowhere"),
    ];
    for args in [&["scan"][..], &["scan", "--history", "--no-cache"], &["audit", "--no-cache"]] {
        let exact = json(place.path(), args);
        assert!(!places(&exact).is_empty());
        assert_eq!(with(place.path(), args, &variables), exact, "{args:?}");
    }
}
