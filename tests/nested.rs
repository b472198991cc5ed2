//! Repositories nested in a work tree that are no submodules, as git has them: the outer repository knows nothing
//! of their files; their own ignore rules hold in them.

use crate::common::{Place, git, json, key, places, run};

/// A repository with a nested one, in which `a.env` is ignored, `b.env` is ignored and tracked, `c.env` is
/// hidden and tracked, `d.env` is new and what the outer repository ignores everywhere.
fn nested() -> Place {
    let place = Place::new();
    place.write(".gitignore", "d.env\n/left/\n");
    place.init().commit(1, "outer.py", "x = 1\n");
    for inner in ["in/side", "left"] {
        let env = |kind: &str| format!("TOKEN={}\n", key(kind));
        place.write(&format!("{inner}/.gitignore"), "a.env\nb.env\n");
        for (name, kind) in [
            ("a.env", "slack"),
            ("b.env", "openrouter"),
            (".c/c.env", "anthropic"),
            ("d.env", "slack"),
        ] {
            place.write(&format!("{inner}/{name}"), env(kind));
        }
        place.write(&format!("{inner}/old.env"), env("openrouter2"));
        let folder = place.path().join(inner);
        git(&folder, 1, &["init", "-q", "-b", "main"]);
        git(&folder, 1, &["add", "-f", "b.env", ".c/c.env", "old.env"]);
        git(&folder, 1, &["commit", "-q", "-m", "x"]);
        git(&folder, 1, &["rm", "-q", "old.env"]);
        git(&folder, 1, &["commit", "-q", "-m", "y"]);
    }
    place
}

const FILES: [&str; 3] = [
    "in/side/.c/c.env:1 anthropic-api-key",
    "in/side/b.env:1 openrouter-api-key",
    "in/side/d.env:1 slack-bot-token",
];

fn of_rules(report: &serde_json::Value) -> Vec<String> {
    let mut all = places(report);
    all.retain(|place| place.contains("-api-key") || place.contains("slack-bot-token"));
    all
}

#[test]
fn files_of_nested_repositories_are_scanned_by_their_own_ignore_rules() {
    let place = nested();
    for args in [&["scan"][..], &["scan", "-j", "1"]] {
        let report = json(place.path(), args);
        assert_eq!(of_rules(&report), FILES, "{args:?}");
        assert_eq!(report["problems"].to_string(), "[]");
    }
    // So they are where there is no repository around them.
    std::fs::remove_dir_all(place.path().join(".git")).unwrap();
    std::fs::remove_file(place.path().join(".gitignore")).unwrap();
    let found = of_rules(&json(place.path(), &["scan"]));
    assert_eq!((&found[..3], found.len()), (&FILES.map(str::to_owned)[..], 6));
}

#[test]
fn that_their_history_is_not_scanned_is_said() {
    let place = nested();
    let said = "nested in the work tree and a git repository of its own: in/side;";
    for args in [["scan", "--history"], ["audit", "--no-cache"]] {
        let report = json(place.path(), &args);
        assert!(report["notices"].to_string().contains(said), "{args:?}: {}", report["notices"]);
        assert!(!report.to_string().contains("old.env"), "{args:?}");
    }
    let inner = json(place.path(), &["scan", "--history", "in/side"]);
    assert!(places(&inner).contains(&"old.env:1 openrouter-api-key".to_owned()), "{inner:#}");
    // Another work tree of the same repository has no history of its own.
    place.git(&["worktree", "add", "-q", "tree"]);
    let report = json(place.path(), &["scan", "--history"]);
    assert!(report["notices"].to_string().contains(said), "{}", report["notices"]);
    // Nor is one that git's own index names without a .gitmodules file told of twice.
    place.git(&["add", "in/side"]);
    place.git(&["commit", "-q", "-m", "link"]);
    let notices = json(place.path(), &["scan", "--history"])["notices"].to_string();
    assert!(notices.contains("submodule in/side: its own history was not scanned"), "{notices}");
    assert!(!notices.contains("nested in the work tree"), "{notices}");
}

#[test]
fn nothing_of_a_nested_repository_is_staged_in_the_outer_one() {
    let place = nested();
    place.write("new.env", format!("TOKEN={}\n", key("slack")));
    place.git(&["add", "new.env", "in/side"]);
    let report = json(place.path(), &["scan", "--staged"]);
    assert_eq!(places(&report), ["new.env:1 slack-bot-token"]);
}

/// A `.git` that is none, or that cannot be read, changes nothing but what is said.
#[test]
fn folders_that_only_look_like_repositories_are_folders() {
    let place = Place::new();
    place.init().commit(1, "a.py", "x = 1\n");
    place.write("empty/k.env", format!("TOKEN={}\n", key("slack")));
    std::fs::create_dir(place.path().join("empty/.git")).unwrap();
    place.write("text/.git", "gitdir: nowhere\n");
    place.write("text/k.env", format!("TOKEN={}\n", key("slack")));
    place.git(&["init", "-q", "cut"]);
    place.write("cut/k.env", format!("TOKEN={}\n", key("slack")));
    place.write("cut/.git/index", "DIRC");
    let report = json(place.path(), &["scan"]);
    let want =
        ["cut/k.env", "empty/k.env", "text/k.env"].map(|path| format!("{path}:1 slack-bot-token"));
    assert_eq!(of_rules(&report), want);
    assert!(report["problems"].to_string().contains("index cannot be read"), "{report:#}");
    assert_eq!(run(place.path(), &["scan"]).status.code(), Some(2));
}
