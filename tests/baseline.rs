//! The baseline: what it allows, what it follows, what it forgets, and what it gives away.

use std::fs;

use serde_json::Value;

use crate::common::{Place, json, key, places, run, stderr, stdout};

const FILE: &str = "keylint-baseline.jsonl";
const WEAK: &str = "password = \"q8Zt5vKw2mXr\"\n";

fn line(kind: &str) -> String {
    format!("k = '{}'\n", key(kind))
}

/// Runs `keylint baseline` and gives its line.
fn baseline(place: &Place, args: &[&str]) -> String {
    let output = run(place.path(), &[&["baseline"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

fn found(place: &Place) -> Vec<String> {
    places(&json(place.path(), &["scan", "."]))
}

fn notices(place: &Place) -> String {
    json(place.path(), &["scan", "."])["notices"].to_string()
}

fn text(place: &Place) -> String {
    fs::read_to_string(place.path().join(FILE)).unwrap()
}

fn three() -> Place {
    let place = Place::new();
    place.init();
    place.write("a.py", line("slack"));
    place.write("sub/b.py", line("openrouter"));
    place.write("c.py", WEAK);
    assert_eq!(found(&place).len(), 3, "{:?}", found(&place));
    assert!(baseline(&place, &["create", "--reason", "old"]).contains("3 entries"));
    place
}

#[test]
fn only_new_findings_count() {
    let place = three();
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(places(&report), Vec::<String>::new());
    assert_eq!(run(place.path(), &["scan", "."]).status.code(), Some(0));
    assert_eq!(report["suppressed"][0]["suppressed"], "baseline: old");
    assert_eq!(report["notices"], serde_json::json!([]));
    assert_eq!(places(&json(place.path(), &["scan", "--no-baseline", "."])).len(), 3);
    let sarif = stdout(&run(place.path(), &["scan", "-f", "sarif", "."]));
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["suppressions"][0]["kind"], "external");
    // Another secret, and the same one in one more file, are new.
    place.write("a.py", line("slack") + &line("openrouter2"));
    place.write("d.py", line("slack"));
    assert_eq!(found(&place), ["a.py:2 openrouter-api-key", "d.py:1 slack-bot-token"]);
    // A changed password is new, too.
    place.write("c.py", WEAK.replace("mXr", "nYs"));
    assert!(found(&place).iter().any(|f| f.starts_with("c.py:1")), "{:?}", found(&place));
    assert_eq!(run(place.path(), &["baseline", "create"]).status.code(), Some(2));
}

#[test]
fn entries_follow_moved_lines_and_renamed_files() {
    let place = three();
    let before = text(&place);
    place.write("a.py", "# one\n\n# two\n".to_owned() + &line("slack"));
    fs::rename(place.path().join("sub/b.py"), place.path().join("new.py")).unwrap();
    fs::rename(place.path().join("c.py"), place.path().join("sub/weak.py")).unwrap();
    assert_eq!(found(&place), Vec::<String>::new());
    assert_eq!(notices(&place), "[]");
    // A scan of part of the tree takes no entry from a file that it did not look at.
    place.write("copy.py", line("slack"));
    let report = json(place.path(), &["scan", "copy.py"]);
    assert_eq!(places(&report), ["copy.py:1 slack-bot-token"]);
    fs::remove_file(place.path().join("copy.py")).unwrap();
    assert_eq!(text(&place), before, "a scan never writes it");
    assert!(baseline(&place, &["update"]).contains("3 entries: 0 added, 2 moved, 0 stale"));
    let after = text(&place);
    assert!(after.contains("\"new.py\"") && after.contains("sub/weak.py"), "{after}");
    assert!(!after.contains("sub/b.py") && after.matches("\"old\"").count() == 3, "{after}");
    assert!(baseline(&place, &["update"]).contains("0 added, 0 moved"));
    assert_eq!(text(&place), after);
}

#[test]
fn entries_that_hold_nothing_are_named_and_pruned() {
    let place = three();
    fs::remove_file(place.path().join("a.py")).unwrap();
    place.write("sub/b.py", "nothing\n");
    place.write("e.py", line("anthropic"));
    let notices = notices(&place);
    assert!(
        notices.contains("a.py: the baseline's slack-bot-token is there no longer"),
        "{notices}"
    );
    assert!(notices.contains("sub/b.py: the baseline's openrouter-api-key"), "{notices}");
    // Only what was looked at may be called gone.
    let part = json(place.path(), &["scan", "sub"])["notices"].to_string();
    assert!(part.contains("sub/b.py") && !part.contains("a.py"), "{part}");
    assert!(baseline(&place, &["prune", "sub"]).contains("2 entries: 1 removed"));
    assert!(baseline(&place, &["prune"]).contains("1 entry: 1 removed"));
    assert_eq!(found(&place), ["e.py:1 anthropic-api-key"]);
    assert!(baseline(&place, &["update"]).contains("2 entries: 1 added, 0 moved, 0 stale"));
    // What could not be read is not gone.
    fs::write(place.path().join(".git/index"), b"DIRCbroken").unwrap();
    fs::remove_file(place.path().join("e.py")).unwrap();
    let before = text(&place);
    let output = run(place.path(), &["baseline", "prune"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("nothing is removed"));
    assert_eq!(text(&place), before);
}

#[test]
fn the_file_is_sorted_merges_by_lines_and_gives_no_value_away() {
    let place = three();
    let first = text(&place);
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("{\"keylint-baseline\":1,\"salt\":\""));
    assert!(
        lines[1..].is_sorted()
            && lines[1].starts_with("{\"path\":\"a.py\",\"rule\":\"slack-bot-token\"")
    );
    for secret in [&key("slack"), &key("openrouter"), "q8Zt5vKw2"] {
        assert!(!first.contains(secret));
    }
    // A token has 128 bits, a password 12: one guess in 4,096 fits.
    let ids: Vec<Value> = lines[1..]
        .iter()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["id"].clone())
        .collect();
    let length = |at: usize| ids[at].as_str().unwrap().len();
    assert_eq!((length(0), length(1), length(2)), (32, 4, 32), "{ids:?}");
    // The same secrets in another repository have other ids.
    let other = three();
    assert_ne!(text(&other).lines().nth(1), first.lines().nth(1));
    // Lines in any order and twice, as a union merge leaves them.
    let mixed = [lines[3], lines[0], lines[1], lines[2], lines[0], lines[1]].join("\n");
    place.write(FILE, mixed);
    assert_eq!(found(&place), Vec::<String>::new());
    baseline(&place, &["update"]);
    assert_eq!(text(&place), first);
}

#[test]
fn what_is_wrong_in_it_is_named_with_its_line() {
    let place = three();
    let good = text(&place);
    let refused = |text: String, want: &str| {
        place.write(FILE, text);
        let output = run(place.path(), &["scan", "."]);
        assert_eq!(output.status.code(), Some(2));
        let error = stderr(&output);
        assert!(error.contains(want), "{error}");
    };
    refused(good.replace("\"rule\":\"slack", "\"rul\":\"slack"), "jsonl:2: unknown field `rul`");
    refused(format!("{good}<<<<<<< HEAD\n"), "jsonl:5: a merge conflict");
    refused("{}\n".to_owned(), "jsonl:1:");
    refused(good.replace(":1,", ":2,"), "jsonl:1: version 2 of the file is not known");
    let salt = &text(&three()).lines().next().unwrap().to_owned();
    refused(format!("{good}{salt}\n"), "jsonl:5: two baselines were merged");
    let output = run(place.path(), &["scan", "--baseline", "none.jsonl", "."]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("none.jsonl"));
}

#[test]
fn the_configuration_names_another_file_and_the_history_has_one_too() {
    let place = Place::new();
    place.init().commit(1, "a.py", &line("slack"));
    place.commit(2, "a.py", "gone\n");
    place.write("keylint.toml", "[scan]\nbaseline = \"ci/known.jsonl\"\n");
    fs::create_dir(place.path().join("ci")).unwrap();
    let of_history = || places(&json(place.path(), &["scan", "--history", "."]));
    assert_eq!(of_history().len(), 1);
    assert!(baseline(&place, &["create", "--history"]).contains("ci/known.jsonl: 1 entry"));
    assert_eq!(of_history(), Vec::<String>::new());
    let first = fs::read_to_string(place.path().join("ci/known.jsonl")).unwrap();
    // In another place and by an argument.
    fs::rename(place.path().join("ci/known.jsonl"), place.path().join("b.jsonl")).unwrap();
    assert_eq!(of_history().len(), 1);
    let report = json(place.path(), &["scan", "--history", "--baseline", "b.jsonl", "."]);
    assert_eq!(places(&report), Vec::<String>::new());
    assert_eq!(fs::read_to_string(place.path().join("b.jsonl")).unwrap(), first);
}
