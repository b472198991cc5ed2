//! `scan --range` and `--since-merge-base`: what commits add, also what they remove again.

use serde_json::Value;

use crate::common::{Place, json, key, places, run, stderr};

fn env(kind: &str) -> String {
    format!("KEY={}\n", key(kind))
}

fn range(place: &Place, range: &str) -> Value {
    json(place.path(), &["scan", "--range", range])
}

/// `path:line check commit in_head` of every finding.
fn commits(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let line = |(place, f): (String, &Value)| {
        format!("{place} {} {}", f["commit"]["id"].as_str().unwrap(), f["commit"]["in_head"])
    };
    places(report).into_iter().zip(findings).map(line).collect()
}

#[test]
fn a_branch_gives_what_it_adds_and_what_it_removed_again() {
    let place = Place::new();
    place.init().commit(1, "old.env", &env("slack"));
    place.git(&["checkout", "-q", "-b", "topic"]);
    let added = place.commit(2, "gone.env", &format!("x\n{}", env("openrouter")));
    place.commit(3, "gone.env", "x\n");
    let stays = place.commit(4, "stays.env", &env("anthropic"));
    place.commit(5, "stays.env", &format!("one\ntwo\n{}", env("anthropic")));
    place.commit(6, "old.env", &format!("more\n{}", env("slack")));
    let want = [
        format!("gone.env:2 openrouter-api-key {added} false"),
        format!("stays.env:3 anthropic-api-key {stays} true"),
    ];
    let report = range(&place, "main..topic");
    assert_eq!(commits(&report), want);
    assert_eq!(report["stats"]["commits"], 5);
    for other in ["main..", "main...topic"] {
        assert_eq!(commits(&range(&place, other)), want, "{other}");
    }
    assert_eq!(commits(&json(place.path(), &["scan", "--since-merge-base", "main"])), want);
    assert_eq!(commits(&range(&place, &format!("{stays}^..{stays}"))).len(), 1);
    let output = run(place.path(), &["scan", "--range", "main..topic"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_main_added_is_not_the_branchs() {
    let place = Place::new();
    place.init().commit(1, "a", "one\n");
    place.git(&["checkout", "-q", "-b", "topic"]);
    let mine = place.commit(2, "mine.env", &env("openrouter"));
    place.git(&["checkout", "-q", "main"]);
    place.commit(3, "theirs.env", &env("slack"));
    place.git(&["checkout", "-q", "topic"]);
    let want = [format!("mine.env:1 openrouter-api-key {mine} true")];
    assert_eq!(commits(&json(place.path(), &["scan", "--since-merge-base", "main"])), want);
    // Merged in, and in the merge commit itself a key that neither side has.
    place.git(&["merge", "-q", "--no-ff", "--no-commit", "main"]);
    place.write("merge.env", env("anthropic"));
    place.git(&["add", "-A"]);
    place.git_at(4, &["commit", "-q", "-m", "merge"]);
    let merge = place.git(&["rev-parse", "HEAD"]);
    let want = [format!("merge.env:1 anthropic-api-key {merge} true"), want[0].clone()];
    for args in [["scan", "--since-merge-base", "main"], ["scan", "--range", "main..topic"]] {
        assert_eq!(commits(&json(place.path(), &args)), want);
    }
}

#[test]
fn moved_files_and_keys_put_back() {
    let place = Place::new();
    let body = "a line of text\n".repeat(9);
    place.init().commit(1, "old.env", &format!("{body}{}", env("slack")));
    let base = place.git(&["rev-parse", "HEAD"]);
    let first = place.commit(2, "a.env", &format!("{body}{}", env("openrouter")));
    place.git(&["mv", "a.env", "b.env"]);
    place.git(&["mv", "old.env", "older.env"]);
    place.git_at(3, &["commit", "-q", "-m", "moved"]);
    let report = range(&place, &format!("{base}..HEAD"));
    assert_eq!(commits(&report), [format!("b.env:10 openrouter-api-key {first} true")]);
    // Taken out and put back: it stood there before the range.
    let base = place.git(&["rev-parse", "HEAD"]);
    place.commit(4, "older.env", &body);
    place.commit(5, "older.env", &format!("{body}{}", env("slack")));
    assert!(commits(&range(&place, &format!("{base}..HEAD"))).is_empty());
}

#[test]
fn ranges_that_cannot_be_are_errors_with_a_remedy() {
    let place = Place::new();
    place.init().commit(1, "a", "one\n");
    let fails = |args: &[&str], want: &str| {
        let output = run(place.path(), &[&["scan"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(want), "{}", stderr(&output));
    };
    fails(&["--range", "main"], "Write A..B");
    fails(&["--range", "nope..main"], "nope: no such commit here. `git fetch`");
    fails(&["--since-merge-base", "origin/main"], "origin/main: no such commit here");
    fails(&["--range", "a..b", "--history"], "cannot be used with");
    for steps in
        ["~\u{e9}", "^\u{e9}", "~99999999999", "~18446744073709551615", "^18446744073709551615"]
    {
        fails(&["--range", &format!("main{steps}..main")], &format!("error: main{steps}: "));
    }
    place.git(&["checkout", "-q", "--orphan", "alone"]);
    place.commit(2, "b", "two\n");
    fails(&["--since-merge-base", "main"], "shares no commit with HEAD");
    let report = range(&place, "HEAD..HEAD");
    assert!(report["notices"][0].as_str().unwrap().contains("holds no commit"));
    assert_eq!(run(place.path(), &["scan", "--range", "HEAD..HEAD"]).status.code(), Some(0));
}

#[test]
fn shallow_clones_compare_what_is_there_and_say_so() {
    let place = Place::new();
    place.init().commit(1, "a", "one\n");
    place.commit(2, "old.env", &env("slack"));
    place.git(&["checkout", "-q", "-b", "topic"]);
    place.commit(3, "gone.env", &env("anthropic"));
    place.commit(4, "gone.env", "\n");
    let tip = place.commit(5, "new.env", &env("openrouter"));
    let (from, base) = (format!("file://{}", place.path().display()), Place::new());
    base.git(&["clone", "-q", "--depth", "1", "--branch", "topic", &from, "clone"]);
    let clone = base.path().join("clone");
    let output = run(&clone, &["scan", "--range", "origin/main..HEAD"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("shallow") && text.contains("git fetch --unshallow"), "{text}");
    // With main's last commit alone: what the branch holds and main does not.
    let fetch = ["fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main"];
    crate::common::git(&clone, 1, &fetch);
    for args in [["--range", "origin/main..HEAD"], ["--since-merge-base", "origin/main"]] {
        let report = json(&clone, &[&["scan"][..], &args].concat());
        assert_eq!(commits(&report), [format!("new.env:1 openrouter-api-key {tip} true")]);
        let notices = report["notices"].to_string();
        assert!(notices.contains("cuts the range off at 1 commits"), "{notices}");
    }
    crate::common::git(&clone, 1, &["fetch", "-q", "--unshallow"]);
    let report = json(&clone, &["scan", "--since-merge-base", "origin/main"]);
    assert_eq!(places(&report), ["gone.env:1 anthropic-api-key", "new.env:1 openrouter-api-key"]);
    assert!(report["notices"].as_array().unwrap().is_empty());
}

#[test]
fn bare_repositories_paths_and_threads() {
    let place = Place::new();
    place.init().commit(1, "a", "one\n");
    for day in 2..25 {
        let kind = ["openrouter", "slack", "anthropic"][day as usize % 3];
        place.commit(day, &format!("d{}/f{day}", day % 4), &env(kind));
    }
    let base = Place::new();
    base.git(&["clone", "-q", "--bare", place.path().to_str().unwrap(), "bare.git"]);
    let bare = base.path().join("bare.git");
    let args = ["scan", "--range", "HEAD~20..HEAD", "-f", "json", "-j"];
    let one = run(&bare, &[&args[..], &["1"]].concat()).stdout;
    assert_eq!(run(&bare, &[&args[..], &["8"]].concat()).stdout, one);
    assert_eq!(run(place.path(), &[&args[..], &["4"]].concat()).stdout, one);
    let report: Value = serde_json::from_slice(&one).unwrap();
    assert_eq!(places(&report).len(), 20);
    let report = json(place.path(), &["scan", "--range", "HEAD~20..HEAD", "d1"]);
    assert!(places(&report).len() == 5 && places(&report).iter().all(|p| p.starts_with("d1/")));
}

#[test]
fn objects_that_are_not_here_make_a_range_incomplete() {
    let place = Place::new();
    place.init().commit(1, "a", "one\n");
    place.commit(2, "k.env", &env("openrouter"));
    place.git(&["config", "uploadpack.allowFilter", "true"]);
    let (from, base) = (format!("file://{}", place.path().display()), Place::new());
    base.git(&["clone", "-q", "--filter=blob:none", "--no-checkout", &from, "partial"]);
    let output = run(&base.path().join("partial"), &["scan", "--range", "HEAD~1..HEAD"]);
    assert_eq!(output.status.code(), Some(2));
    let text = crate::common::stdout(&output);
    assert!(text.contains("k.env: object") && text.contains("git fetch --refetch"), "{text}");
}
