//! Archives in the index and in ranges: what their members add.

use std::fs;

use serde_json::Value;

use crate::archives::{gzipped, line, skipped, tarred, zipped};
use crate::common::{Place, json, key, keylint, parsed, places, run, stderr, stdout};
use crate::databases;

fn other() -> String {
    format!("k = '{key}'\n", key = key("openrouter2"))
}

fn commit(place: &Place, day: u32, files: &[(&str, Vec<u8>)]) -> String {
    for (name, bytes) in files {
        place.write(name, bytes);
    }
    place.git(&["add", "-A"]);
    place.git_at(day, &["commit", "-qm", &format!("day {day}")]);
    place.git(&["rev-parse", "HEAD"])
}

fn staged(place: &Place) -> Vec<String> {
    place.git(&["add", "-A"]);
    places(&json(place.path(), &["scan", "--staged", "--archives"]))
}

/// `path:line check commit in_head` of every finding of a range.
fn range(place: &Place, range: &str) -> Vec<String> {
    let report = json(place.path(), &["scan", "--archives", "--range", range]);
    let findings = report["findings"].as_array().unwrap();
    let line = |(place, f): (String, &Value)| {
        format!("{place} {} {}", f["commit"]["id"].as_str().unwrap(), f["commit"]["in_head"])
    };
    places(&report).into_iter().zip(findings).map(line).collect()
}

#[test]
fn staged_members_count_by_their_new_lines() {
    let (place, text) = (Place::new(), line());
    place.init();
    let old = format!("# start\n{text}");
    commit(&place, 1, &[("x.zip", zipped(&[("a.py", old.as_bytes()), ("b.py", b"1\n")]))]);
    assert!(staged(&place).is_empty());
    // The old key moves down, stands in a renamed member, and a new one comes to a member that was there.
    let moved = format!("# other\n{old}");
    let added = format!("1\n{other}", other = other());
    let members = [("z.txt", &b"9"[..]), ("a.py", moved.as_bytes()), ("b.py", added.as_bytes())];
    place.write("x.zip", zipped(&members));
    assert_eq!(staged(&place), ["x.zip!/b.py:2 openrouter-api-key"]);
    let renamed = [("src/a.py", moved.as_bytes()), ("b.py", b"1\n")];
    place.write("x.zip", zipped(&renamed));
    assert!(staged(&place).is_empty(), "{:?}", staged(&place));
    let full = json(place.path(), &["scan", "--staged", "--full", "--archives"]);
    assert_eq!(places(&full), ["x.zip!/src/a.py:3 openrouter-api-key"]);
    assert_eq!(full["findings"][0]["blob"], place.git(&["rev-parse", ":x.zip"]));
    // The same key in a member of its own is new.
    let copied = [("a.py", old.as_bytes()), ("copy.py", old.as_bytes()), ("b.py", b"1\n")];
    place.write("x.zip", zipped(&copied));
    assert_eq!(staged(&place), ["x.zip!/copy.py:2 openrouter-api-key"]);
    // Without --archives they are binary.
    let report = json(place.path(), &["scan", "--staged", "-v"]);
    assert_eq!((places(&report).len(), skipped(&report, "binary").len()), (0, 1));
}

#[test]
fn archives_that_are_new_moved_or_of_another_kind() {
    let (place, text) = (Place::new(), line());
    place.init();
    let inner = zipped(&[("deep.py", text.as_bytes())]);
    let nested = gzipped(&tarred(&[("in.zip", &inner), ("same.py", text.as_bytes())]));
    place.write("x.tar.gz", &nested);
    assert_eq!(staged(&place), ["x.tar.gz!/same.py:1 openrouter-api-key"]);
    let report = json(place.path(), &["scan", "--staged", "--archives=2"]);
    let both = [
        "x.tar.gz!/in.zip!/deep.py:1 openrouter-api-key",
        "x.tar.gz!/same.py:1 openrouter-api-key",
    ];
    assert_eq!(places(&report), both);
    commit(&place, 1, &[("app.db", databases::small()), ("note.txt", b"text\n".to_vec())]);
    place.git(&["mv", "x.tar.gz", "lib.tar.gz"]);
    place.git(&["mv", "app.db", "old.db"]);
    assert!(staged(&place).is_empty());
    // What was a text is an archive now.
    place.write("note.txt", &inner);
    assert_eq!(staged(&place), ["note.txt!/deep.py:1 openrouter-api-key"]);
    // Two members of one name: what one of them had is old in both.
    commit(&place, 2, &[("t.tar", tarred(&[("a", text.as_bytes()), ("a", b"-")]))]);
    let twice = tarred(&[("a", b"-"), ("a", text.as_bytes()), ("a", other().as_bytes())]);
    place.write("t.tar", twice);
    assert_eq!(staged(&place), ["t.tar!/a:1 openrouter-api-key"]);
}

#[test]
fn a_range_shows_members_at_its_end_or_where_they_were_added() {
    let (place, text, other) = (Place::new(), line(), other());
    let third = format!("k = '{key}'\n", key = key("anthropic"));
    place.init();
    let base = commit(&place, 1, &[("old.zip", zipped(&[("a.py", text.as_bytes())]))]);
    let zip = |members: &[(&str, &str)]| {
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        zipped(&members)
    };
    let first = commit(
        &place,
        2,
        &[
            ("stays.zip", zip(&[("a.py", &text), ("gone.py", &other)])),
            ("whole.zip", zip(&[("w.py", &third)])),
            ("old.zip", zip(&[("b.py", "1"), ("a.py", &format!("\n{text}"))])),
        ],
    );
    let more = format!("# one more\n{text}");
    commit(&place, 3, &[("stays.zip", zip(&[("gone.py", "-"), ("a.py", &more)]))]);
    fs::remove_file(place.path().join("whole.zip")).unwrap();
    // The key that stood there before is taken out and put back.
    commit(&place, 4, &[("old.zip", zip(&[("a.py", "-")]))]);
    commit(&place, 5, &[("old.zip", zip(&[("a.py", &text)]))]);
    let want = [
        format!("stays.zip!/a.py:2 openrouter-api-key {first} true"),
        format!("stays.zip!/gone.py:1 openrouter-api-key {first} false"),
        format!("whole.zip!/w.py:1 anthropic-api-key {first} false"),
    ];
    assert_eq!(range(&place, &format!("{base}..HEAD")), want);
    let args = ["scan", "--archives", "--since-merge-base", &base];
    assert_eq!(places(&json(place.path(), &args)).len(), 3);
    assert!(places(&json(place.path(), &["scan", "--since-merge-base", &base])).is_empty());
    // An archive that is moved and a member that is renamed are shown where they are now.
    place.git(&["mv", "stays.zip", "moved.zip"]);
    let key = format!("# one more\n{text}");
    commit(&place, 6, &[]);
    commit(&place, 7, &[("moved.zip", zip(&[("gone.py", "-"), ("src/a.py", &key)]))]);
    let found = range(&place, &format!("{base}..HEAD"));
    let here = format!("moved.zip!/src/a.py:2 openrouter-api-key {first} true");
    assert!(found.contains(&here) && found.len() == 3, "{found:?}");
}

#[test]
fn a_merge_of_archives_adds_what_neither_side_has() {
    let (place, text, other) = (Place::new(), line(), other());
    place.init();
    let member = |text: &str| vec![("x.zip", zipped(&[("a.py", text.as_bytes())]))];
    commit(&place, 1, &member("start\n"));
    place.git(&["checkout", "-q", "-b", "side"]);
    commit(&place, 2, &member(&format!("start\n{text}")));
    place.git(&["checkout", "-q", "main"]);
    commit(&place, 3, &member("main\nstart\n"));
    place.git(&["merge", "-q", "-s", "ours", "--no-commit", "side"]);
    place.write("x.zip", zipped(&[("a.py", format!("main\nstart\n{text}{other}").as_bytes())]));
    assert_eq!(staged(&place), ["x.zip!/a.py:4 openrouter-api-key"]);
}

#[test]
fn damage_and_caps_are_told_and_threads_change_nothing() {
    let (place, text) = (Place::new(), line());
    place.init();
    let whole = zipped(&[("a.py", text.as_bytes()), ("logo.png", b"\x89PNG\0")]);
    let base = commit(&place, 1, &[("seen.zip", whole[..whole.len() - 10].to_vec())]);
    let blanks = vec![b' '; 3 << 20];
    for n in 0..12 {
        let inner = zipped(&[("deep.py", text.as_bytes())]);
        let n = n.to_string();
        let members = [("a.py", text.as_bytes()), ("in.jar", &inner), ("n", n.as_bytes())];
        place.write(&format!("{n}.jar"), zipped(&members));
    }
    place.write("cut.zip", &whole[..whole.len() - 10]);
    let tar = tarred(&[("a.py", text.as_bytes()), ("b.py", &[b'#'; 9000])]);
    place.write("cut.tar", &tar[..tar.len() - 6000]);
    place.write("large.zip", zipped(&[("large.txt", &blanks), ("a.py", text.as_bytes())]));
    // What the parent has of it cannot be read, so all of it is new.
    place.write("seen.zip", &whole);
    place.git(&["add", "-A"]);
    let args = ["-f", "json", "-v", "--archives=1", "--max-size", "1M", "-j"];
    let scan = |what: &[&str], threads: &str| {
        run(place.path(), &[&["scan"], what, &args, &[threads]].concat())
    };
    let check = |what: &[&str]| {
        let output = scan(what, "1");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let report = parsed(&output);
        let (found, problems) = (places(&report), report["problems"].to_string());
        for name in
            ["0.jar!/a.py", "11.jar!/a.py", "cut.tar!/a.py", "large.zip!/a.py", "seen.zip!/a.py"]
        {
            assert!(found.contains(&format!("{name}:1 openrouter-api-key")), "{name}: {found:?}");
        }
        assert_eq!(found.len(), 15, "{found:?}");
        assert!(problems.contains("\"cut.zip\"") && problems.contains("\"cut.tar"), "{problems}");
        assert_eq!(skipped(&report, "too-large"), ["large.zip!/large.txt"]);
        assert_eq!(skipped(&report, "nested").len(), 12);
        assert_eq!(skipped(&report, "binary"), ["seen.zip!/logo.png"]);
        for threads in ["3", "8"] {
            assert_eq!(stdout(&scan(what, threads)), stdout(&output));
        }
    };
    check(&["--staged"]);
    place.git_at(2, &["commit", "-qm", "two"]);
    check(&["--range", &format!("{base}..HEAD")]);
}

#[test]
fn hooks_open_archives_where_the_configuration_says_so() {
    let (place, text) = (Place::new(), line());
    place.init();
    place.write("x.zip", zipped(&[("a.py", text.as_bytes())]));
    place.git(&["add", "-A"]);
    let hook = || keylint(place.path()).args(["hook", "run", "pre-commit"]).output().unwrap();
    assert_eq!(hook().status.code(), Some(0), "{}", stderr(&hook()));
    place.write("keylint.toml", "[scan]\narchives = 1\n");
    let output = hook();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!((stdout(&output) + &stderr(&output)).contains("x.zip!/a.py"), "{}", stdout(&output));
}
