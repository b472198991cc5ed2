//! Repositories that belong to somebody else, that are cut, that have others in them: what is not scanned is
//! said, and nothing leads a scan out of the repository.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::common::{Place, json, key, places, run, stderr, stdout};
use crate::hostile_git::{bounded, line, pipe};

fn notices(place: &Path, command: &[&str]) -> String {
    json(place, command)["notices"].to_string()
}

/// Gives `path` to another user; `false` where this user may not.
fn give_away(path: &Path) -> bool {
    let output = std::process::Command::new("chown").args(["-Rh", "54321"]).arg(path).output();
    output.is_ok_and(|output| output.status.success())
}

/// Its configuration could be made by somebody else, so like git keylint reads no repository of another user
/// until its own user says in the global configuration that this one is trusted.
#[test]
fn a_repository_of_another_user_is_refused_until_it_is_trusted() {
    let (home, place) = (Place::new(), Place::new());
    place.init().commit(1, "k.py", &line());
    let keylint = |args: &[&str]| {
        let mut command = crate::common::keylint(place.path());
        command.args(args).env("HOME", home.path()).output().unwrap()
    };
    assert_eq!(keylint(&["scan", "--history", "--no-cache"]).status.code(), Some(1));
    if !give_away(place.path()) {
        #[expect(clippy::print_stderr, reason = "a test that tries nothing says so")]
        {
            eprintln!("not tried: only root can give a repository to another user");
        }
        return;
    }
    // It cannot say so itself.
    let config = place.path().join(".git/config");
    let text = fs::read_to_string(&config).unwrap() + "[safe]\n\tdirectory = *\n";
    fs::write(&config, text).unwrap();
    for command in [&["scan", "--history", "--no-cache"][..], &["scan", "--staged"], &["audit"]] {
        let output = keylint(command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        let text = stderr(&output);
        assert!(text.contains("not owned by current user"), "{text}");
        assert!(text.contains("safe.directory"), "{text}");
    }
    // Its files are files like others.
    let output = keylint(&["scan"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("git's files were not asked"), "{}", stdout(&output));
    let trusted = place.path().canonicalize().unwrap();
    home.write(".gitconfig", format!("[safe]\n\tdirectory = {}\n", trusted.display()));
    assert_eq!(keylint(&["scan", "--history", "--no-cache"]).status.code(), Some(1));
}

#[test]
fn a_shallow_clone_says_where_it_is_cut() {
    let place = Place::new();
    place.init().commit(1, "old.py", &line());
    place.commit(2, "old.py", "gone\n");
    place.commit(3, "new.py", &format!("k = '{}'\n", key("slack")));
    let clones = Place::new();
    let from = format!("file://{}", place.path().display());
    clones.git(&["clone", "-q", "--depth", "1", &from, "cut"]);
    let cut = clones.path().join("cut");
    let edge = place.git(&["rev-parse", "--short=12", "HEAD"]);
    for command in [&["scan", "--history", "--no-cache"][..], &["audit", "--no-cache"]] {
        let report = json(&cut, command);
        let all = places(&report);
        assert!(all.iter().any(|place| place == "new.py:1 slack-bot-token"), "{command:?}");
        assert!(all.iter().all(|place| place.starts_with("new.py")), "{command:?}");
        let text = report["notices"].to_string();
        assert!(text.contains(&format!("before its cut ({edge})")), "{command:?}: {text}");
        assert!(report["problems"].as_array().unwrap().is_empty(), "{command:?}");
    }
    let range = run(&cut, &["scan", "--range", "HEAD~1..HEAD"]);
    assert_eq!(range.status.code(), Some(2));
    assert!(stderr(&range).contains("This clone is shallow"), "{}", stderr(&range));
    // Where the file of cuts is wrong or gone, history is missing that nobody said is.
    for content in [Some("ab".repeat(20) + "\n"), Some(String::new()), None] {
        let file = cut.join(".git/shallow");
        match &content {
            Some(content) => fs::write(&file, content).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let output = run(&cut, &["scan", "--history", "--no-cache"]);
        assert_eq!(output.status.code(), Some(2), "{content:?}");
    }
    fs::write(cut.join(".git/shallow"), "junk\n").unwrap();
    assert_eq!(run(&cut, &["scan", "--history"]).status.code(), Some(2));
}

/// A repository with a submodule at `path`, whose commit is nowhere.
fn with_submodule(name: &str, url: &str, path: &str) -> Place {
    let place = Place::new();
    place.init().commit(1, "k.py", &line());
    let text = format!(
        "[submodule \"{name}\"]\n\tpath = {path}\n\turl = {url}\n\tupdate = !touch was-run\n"
    );
    place.write(".gitmodules", text);
    let link = format!("160000,{},sub", "ab".repeat(20));
    place.git(&["update-index", "--add", "--cacheinfo", &link]);
    place.git(&["add", ".gitmodules"]);
    place.git(&["commit", "-q", "-m", "submodule"]);
    place
}

#[test]
fn submodules_lead_nowhere_else() {
    let modules = [
        ("s", "ext::sh -c touch% was-run", "sub"),
        ("../../evil", "https://example.org/", "sub"),
        ("s", "file:///etc", "../.."),
        ("s", "--upload-pack=touch was-run", "/etc"),
        ("s", "x", "."),
        ("s", "x", ".git"),
        ("s", "x", "sub/../.."),
    ];
    for (name, url, path) in modules {
        let place = with_submodule(name, url, path);
        assert_eq!(bounded(&place), [Some(1), Some(1), Some(0)], "{name} {url} {path}");
        assert!(!place.path().join("was-run").exists());
        let text = notices(place.path(), &["scan", "--history", "--no-cache"]);
        assert!(text.contains("submodule sub: it is not checked out"), "{path}: {text}");
        assert!(!text.contains("etc"), "{text}");
    }
    // A link in its place: to the repository itself, which never ends, and to another one.
    let other = Place::new();
    other.init().commit(1, "o.py", &line());
    for target in [Path::new("."), other.path()] {
        let place = with_submodule("s", "x", "sub");
        symlink(target, place.path().join("sub")).unwrap();
        assert_eq!(bounded(&place), [Some(1), Some(1), Some(0)], "{}", target.display());
        assert_eq!(places(&json(place.path(), &["scan"])), ["k.py:1 openrouter-api-key"]);
    }
    // One whose `.git` leads to another repository, or cannot be read.
    let place = with_submodule("s", "x", "sub");
    place.write("sub/.git", format!("gitdir: {}\n", other.path().join(".git").display()));
    assert!(notices(place.path(), &["scan"]).contains("leads to no repository of this folder"));
    for file in ["HEAD", "config", "index"] {
        let place = with_submodule("s", "x", "sub");
        place.git(&["init", "-q", "sub"]);
        pipe(&place, &format!("sub/.git/{file}"));
        assert_eq!(bounded(&place), [Some(1), Some(1), Some(0)], "{file}");
        let text = notices(place.path(), &["scan", "--history", "--no-cache"]);
        assert!(text.contains("submodule sub: it cannot be opened"), "{file}: {text}");
    }
}

/// A repository without a work tree among the files: its objects are compressed, so a scan of files sees
/// nothing of them.
#[test]
fn repositories_among_the_files_are_told_of() {
    let (inner, place) = (Place::new(), Place::new());
    inner.init().commit(1, "k.py", &line());
    place.init().commit(1, "a.py", "x = 1\n");
    let from = inner.path().display().to_string();
    place.git(&["clone", "-q", "--bare", &from, "tests/fixture.git"]);
    for command in [&["scan"][..], &["audit", "--no-cache"], &["scan", "-j", "1"]] {
        let text = notices(place.path(), command);
        assert!(
            text.contains("tests/fixture.git is a git repository without a work tree"),
            "{text}"
        );
    }
    let report = json(place.path(), &["scan", "--history", "tests/fixture.git"]);
    assert_eq!(places(&report), ["k.py:1 openrouter-api-key"]);
    // Of one with a work tree the files are scanned like all others.
    place.git(&["clone", "-q", &from, "nested"]);
    assert_eq!(places(&json(place.path(), &["scan"])), ["nested/k.py:1 openrouter-api-key"]);
}
