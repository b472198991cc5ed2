//! `keylint triage` in a real terminal, and what a scan makes of its marks.

use std::fs;

use serde_json::Value;

use crate::common::{Place, json, key, keylint, places, run, stderr, stdout};
use crate::mock::{Mock, json as answer};
use crate::tmux::Terminal;
use crate::verify::{at, bearer, words};

const FILE: &str = "keylint-baseline.jsonl";

fn four() -> Place {
    let place = Place::new();
    place.init();
    place.write("a.py", format!("k = '{k}'\nagain = '{k}'\n", k = key("openrouter")));
    place.write("b.py", format!("k = '{}'\n", key("slack")));
    let word = "q8Zt5vKw2mXr";
    place.write("c.py", format!("password = \"{word}\"\n"));
    place.write("sub/d.py", format!("k = '{}'\n", key("anthropic")));
    place
}

fn entries(place: &Place) -> Vec<Value> {
    let text = fs::read_to_string(place.path().join(FILE)).unwrap();
    text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A terminal in which the command runs, up to its first page.
fn start(place: &Place, command: &str) -> Terminal {
    let terminal = Terminal::new(place, (80, 24));
    terminal.enter(&format!("{command}; echo code $?"));
    terminal.wait(" keylint triage  ");
    terminal
}

#[test]
fn findings_are_walked_marked_filtered_and_saved() {
    let place = four();
    let terminal = start(&place, "keylint triage --author ada");
    let page = terminal.wait("1/5  5 open");
    assert!(page.contains("sk-o…8c24[73]") && page.contains("is found 2 times"), "{page}");
    assert!(page.lines().count() == 24 && !page.contains(&key("openrouter")), "{page}");
    terminal.press(&["?"]);
    assert!(terminal.wait("any key closes this").contains("this help"));
    terminal.press(&["z"]);
    // One mark for both places; it needs a reason, and a paste with a line break is no Enter.
    terminal.press(&["f", "Enter"]);
    terminal.wait("a reason is needed");
    terminal.paste("an example\nof the docs");
    terminal.wait("reason, false positive: an example of the docs");
    terminal.press(&["Enter"]);
    terminal.wait("3/5  3 open  1 not saved");
    terminal.press(&["u"]);
    terminal.wait("1/5  5 open");
    terminal.press(&["f", "Up", "Enter"]);
    terminal.wait("3/5  3 open  1 not saved");
    // A filter that means nothing says so; with one, only what it asks for is there.
    terminal.press(&["/"]);
    terminal.enter("severity:hihg");
    terminal.wait("`hihg` is none of");
    terminal.press(&["C-u"]);
    terminal.enter("path:sub/* severity:high");
    let page = terminal.wait("1/1  3 open  4 hidden");
    assert!(page.contains("sub/d.py:1") && !page.contains("b.py:1"), "{page}");
    terminal.press(&["R"]);
    terminal.enter("revoked on the page");
    terminal.wait("marked as rotated");
    terminal.press(&["Escape"]);
    terminal.wait("5/5  2 open  2 not saved");
    terminal.press(&["g", "n"]);
    terminal.wait("3/5");
    terminal.press(&["a"]);
    terminal.enter("a bot of the tests");
    terminal.wait("4/5  1 open  3 not saved");
    terminal.press(&["q"]);
    terminal.wait("3 not saved: s save and leave");
    assert!(!place.path().join(FILE).exists());
    terminal.press(&["s"]);
    let page = terminal.wait("code 0");
    assert!(page.contains("1 of 5 findings are open; the baseline is"), "{page}");
    assert!(!terminal.is_taken());
    let marks: Vec<String> = entries(&place)
        .iter()
        .map(|e| format!("{} {} {} {}", e["path"], e["status"], e["reason"], e["author"]))
        .collect();
    assert_eq!(
        marks,
        [
            r#""a.py" "false-positive" "an example of the docs" "ada""#,
            r#""b.py" "accepted" "a bot of the tests" "ada""#,
            r#""sub/d.py" "rotated" "revoked on the page" "ada""#,
        ]
    );
    scans(&place);
}

#[test]
fn a_rotated_key_that_is_live_counts_again() {
    let place = Place::new();
    place.init();
    let (live, dead) = (key("openrouter"), key("openrouter2"));
    place.write("a.py", format!("k = '{live}'\n"));
    place.write("b.py", format!("k = '{dead}'\n"));
    let terminal = start(&place, "keylint triage");
    terminal.press(&["R"]);
    terminal.enter("deleted in the settings");
    terminal.wait("0 open  2 not saved");
    terminal.press(&["s", "q"]);
    terminal.wait("code 0");
    let mock = Mock::start({
        let live = live.clone();
        move |seen| {
            let status = if bearer(seen) == live { 200 } else { 401 };
            answer(status, "{\"data\":{}}")
        }
    });
    let args = [&words("scan --verify --no-cache -f json")[..], &at(&mock, &place, "openrouter")];
    let output = keylint(place.path()).args(args.concat().iter()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(places(&report), ["a.py:1 openrouter-api-key"]);
    let notes = report["findings"][0]["notes"].to_string();
    assert!(notes.contains("the baseline has it as rotated, but it is live"), "{notes}");
    assert_eq!(report["suppressed"][0]["path"], "b.py");
    assert_eq!(report["suppressed"][0]["verification"]["status"], "revoked");
}

/// What is marked counts no longer; what is rotated and still there is listed.
fn scans(place: &Place) {
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(places(&report), ["c.py:1 generic-secret"]);
    let mark = &report["suppressed"][0]["mark"];
    assert_eq!(mark["status"], "false-positive");
    assert_eq!(mark["date"].as_str().unwrap().len(), 10);
    fs::remove_file(place.path().join("c.py")).unwrap();
    let output = run(place.path(), &["scan", "."]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    let line =
        "rotated[anthropic-api-key] sub/d.py:1:6 still holds it (rotated: revoked on the page (";
    assert!(text.contains(line) && !text.contains("a.py") && !text.contains("b.py"), "{text}");
    assert_eq!(stdout(&run(place.path(), &["scan", "-q", "."])), "");
    fs::remove_file(place.path().join("sub/d.py")).unwrap();
    let text = stdout(&run(place.path(), &["scan", "."]));
    assert!(
        text.contains("sub/d.py: the baseline's anthropic-api-key is there no longer"),
        "{text}"
    );
}

#[test]
fn marks_are_taken_back_and_entries_of_old_files_stay_as_they_are() {
    let place = four();
    run(place.path(), &["baseline", "create", "--reason", "old"]);
    let before = fs::read_to_string(place.path().join(FILE)).unwrap();
    assert!(!before.contains("status"), "{before}");
    let terminal = start(&place, "keylint triage");
    terminal.wait("nothing is open: all of this is in the baseline");
    terminal.press(&["x"]);
    terminal.wait("3/5  2 open  1 not saved".replace("3/5", "1/5").as_str());
    terminal.press(&["G", "r"]);
    terminal.enter("gone");
    terminal.wait("2 not saved");
    // Another one writes an entry in the meantime; saving keeps it.
    place.write("e.py", format!("k = '{}'\n", key("openrouter2")));
    run(place.path(), &["baseline", "update"]);
    terminal.press(&["s"]);
    terminal.wait("2 saved to");
    terminal.press(&["q"]);
    terminal.wait("code 0");
    let after = fs::read_to_string(place.path().join(FILE)).unwrap();
    let paths: Vec<String> = entries(&place).iter().map(|e| e["path"].to_string()).collect();
    assert_eq!(paths, [r#""b.py""#, r#""c.py""#, r#""e.py""#, r#""sub/d.py""#]);
    let kept = before.lines().filter(|l| l.contains("b.py") || l.contains("c.py"));
    assert!(kept.clone().count() == 2 && kept.into_iter().all(|l| after.contains(l)), "{after}");
    assert_eq!(
        places(&json(place.path(), &["scan", "."])),
        ["a.py:1 openrouter-api-key", "a.py:2 openrouter-api-key"]
    );
    // Both lines, as a merge may leave them: the decision counts, and neither is called gone.
    let both = before.lines().find(|l| l.contains("d.py")).unwrap();
    place.write(FILE, format!("{after}{both}\n"));
    let report = json(place.path(), &["scan", "sub"]);
    assert_eq!(report["suppressed"][0]["mark"]["status"], "rotated");
    assert_eq!(report["notices"], serde_json::json!([]));
    place.write(FILE, after.replace("\"date\":\"2", "\"date\":\"x"));
    let error = stderr(&run(place.path(), &["scan", "."]));
    assert!(error.contains("jsonl:5: date: `x"), "{error}");
}

#[test]
fn a_report_chooses_and_hostile_text_does_nothing_to_the_terminal() {
    let place = four();
    let evil = format!("k = '{}' # \x1b[32mgreen\x1b]0;title\x07 \u{202e}\n", key("slack"));
    place.write("ev\x1b[32mil.py", &evil);
    place.commit(1, "old.py", &format!("k = '{}'\n", key("openrouter2")));
    fs::remove_file(place.path().join("old.py")).unwrap();
    let of_files = stdout(&run(place.path(), &["scan", "-f", "json", "."]));
    let of_history = json(place.path(), &["scan", "--history", "."]);
    let mut report: Value = serde_json::from_str(&of_files).unwrap();
    let findings = report["findings"].as_array_mut().unwrap();
    findings.retain(|f| f["path"].as_str().unwrap().ends_with("il.py") || f["path"] == "b.py");
    let old = of_history["findings"].as_array().unwrap();
    findings.extend(old.iter().filter(|f| f["path"] == "old.py").cloned());
    let gone = findings[0].clone();
    findings.push(gone);
    findings.last_mut().unwrap()["fingerprint"] = "00".into();
    assert_eq!(findings.len(), 4);
    place.write("report.json", report.to_string());
    let terminal = start(&place, "keylint triage --report report.json");
    terminal.press(&["j"]);
    let page = terminal.wait("2/3  3 open");
    assert!(page.contains("ev\\u{1b}[32mil.py:1") && page.contains("\u{fffd}[32mgreen"), "{page}");
    assert!(!page.contains("\u{202e}") && !page.contains(&key("slack")), "{page}");
    assert!(!terminal.coloured().contains("\x1b[32m"));
    terminal.press(&["q"]);
    let page = terminal.wait("code 0");
    assert!(page.matches("in the report, but not found now").count() == 1, "{page}");
    let refused = |text: &str, want: &str| {
        place.write("bad.json", text);
        terminal.enter("clear; keylint triage --report bad.json");
        terminal.wait(want);
    };
    refused("{}", "bad.json:1: no JSON report of keylint");
    refused(r#"{"version":7,"findings":[]}"#, "bad.json: version 7 of the report");
}

#[test]
fn the_history_is_walked_too() {
    let place = Place::new();
    place.init().commit(1, "a.py", &format!("k = '{}'\n", key("slack")));
    place.commit(2, "a.py", "gone\n");
    let report = stdout(&run(place.path(), &["scan", "--history", "-f", "json", "."]));
    place.write("report.json", report);
    let terminal = start(&place, "keylint triage --report report.json");
    assert!(
        terminal.wait("1/1  1 open").contains("2024-01-01 Ada: change a.py; no longer at HEAD")
    );
    terminal.press(&["r"]);
    terminal.enter("revoked");
    terminal.wait("1 not saved");
    terminal.press(&["s", "q"]);
    terminal.wait("code 0");
    let output = run(place.path(), &["scan", "--history", "."]);
    assert_eq!(output.status.code(), Some(0));
    // It will stand there for ever: no news.
    assert!(!stdout(&output).contains("still holds it"), "{}", stdout(&output));
}

#[test]
fn it_fits_any_size() {
    let place = four();
    let terminal = start(&place, "keylint triage");
    terminal.resize(50, 12);
    let page = terminal.wait("credit on\nany model.");
    assert!(page.lines().count() == 12 && page.contains("… a.py:2"), "{page}");
    terminal.resize(30, 8);
    terminal.wait("too small: 40 by 10");
    terminal.resize(120, 40);
    terminal.press(&["?"]);
    terminal.wait("any key closes this");
    terminal.press(&["q", "q"]);
    terminal.wait("code 0");
}

#[test]
fn the_terminal_is_given_back_on_a_signal() {
    let place = four();
    let run = "sh -c 'echo $$ > pid; exec keylint triage'";
    let terminal = start(&place, run);
    terminal.press(&["f"]);
    terminal.enter("reason");
    terminal.wait("1 not saved");
    assert!(terminal.is_taken());
    let pid = fs::read_to_string(place.path().join("pid")).unwrap();
    let sent = std::process::Command::new("kill").args(["-TERM", pid.trim()]).status().unwrap();
    assert!(sent.success());
    let page = terminal.wait("code 143");
    assert!(page.contains("ended by a signal; 1 marks are lost"), "{page}");
    is_given_back(&terminal);
    assert!(!place.path().join(FILE).exists());
}

#[test]
fn the_terminal_is_given_back_on_a_panic() {
    let place = Place::new();
    let terminal = Terminal::new(&place, (80, 24));
    let this = std::env::current_exe().unwrap();
    terminal.enter(&format!(
        "{} --ignored --exact --nocapture triage::a_panic; echo code $?",
        this.display()
    ));
    let page = terminal.wait("code 101");
    assert!(page.contains("a panic in a triage"), "the message is readable: {page}");
    is_given_back(&terminal);
}

#[test]
#[ignore = "runs in a terminal of the test above"]
fn a_panic() {
    let _screen = keylint::triage::screen::Screen::open().unwrap();
    panic!("a panic in a triage");
}

/// Lines are edited and shown by the terminal again, and the shell's page is back.
fn is_given_back(terminal: &Terminal) {
    assert!(!terminal.is_taken());
    terminal.enter("stty -a; echo done");
    let page = terminal.wait("\ndone");
    assert!(page.contains("isig icanon iexten echo "), "{page}");
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let place = four();
    let output = run(place.path(), &["triage"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("needs a terminal as standard input and output"));
    let terminal = Terminal::new(&place, (80, 24));
    for (line, want) in [
        ("TERM=dumb keylint triage", "TERM=dumb: this terminal cannot show a page"),
        ("keylint triage --no-baseline", "the baseline is where the marks go"),
        ("keylint triage --baseline no/b.jsonl", "there is no folder no"),
        ("keylint triage nowhere", "nowhere: no such file or folder"),
    ] {
        terminal.enter(&format!("clear; {line}; echo code $?"));
        assert!(terminal.wait(want).contains("error: "));
        terminal.wait("code 2");
    }
    let output = keylint(place.path()).args(["triage", "--help"]).output().unwrap();
    assert!(stdout(&output).contains("keylint triage --report keylint.json"));
}
