//! Exit codes, misuse, interruption, and what reaches which stream.

use std::time::{Duration, Instant};

use crate::common::{Place, key, keylint, run, stderr, stdout};

#[test]
fn exit_codes() {
    let place = Place::new();
    place.write("clean.txt", "nothing\n");
    let code = |args: &[&str]| run(place.path(), args).status.code();
    assert_eq!(code(&["scan"]), Some(0));
    place.write("k.txt", key("slack"));
    assert_eq!(code(&["scan"]), Some(1));
    assert_eq!(code(&["scan", "--fail-on", "critical"]), Some(0));
    assert_eq!(code(&["scan", "--fail-on", "high"]), Some(1));
    assert_eq!(code(&["scan", "--no-such-flag"]), Some(2));
    assert_eq!(code(&["scan", "missing"]), Some(2));
    assert_eq!(code(&["scan", "--stdin", "k.txt"]), Some(2));
    assert!(stderr(&run(place.path(), &["scan", "missing"])).contains("missing: no such file"));
}

#[test]
fn reports_go_to_files_whole() {
    let place = Place::new();
    place.write("k.txt", key("slack"));
    let output = run(place.path(), &["scan", "k.txt", "-f", "json", "-o", "out.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let text = std::fs::read_to_string(place.path().join("out.json")).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    let output = run(place.path(), &["scan", "k.txt", "-o", "no/such/folder"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no/such/folder"));
}

#[test]
fn a_pipe_named_for_the_report_is_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;

    let place = Place::new();
    place.write("k.txt", key("slack"));
    let pipe = place.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let reader = pipe.clone();
    let text = std::thread::spawn(move || std::fs::read_to_string(reader).unwrap());
    run(place.path(), &["scan", "k.txt", "-f", "json", "-o", "pipe"]);
    assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(serde_json::from_str::<serde_json::Value>(&text.join().unwrap()).is_ok());
}

#[test]
fn rules_can_be_listed_shown_and_checked() {
    let place = Place::new();
    let text = stdout(&run(place.path(), &["rules", "list"]));
    assert!(text.lines().count() >= 40 && text.contains("nbpro-api-key"));
    let text = stdout(&run(place.path(), &["rules", "show", "nbpro-api-key"]));
    assert!(text.contains("NB_PRO_API_KEY") && text.contains("pattern"));
    assert_eq!(run(place.path(), &["rules", "show", "nope"]).status.code(), Some(2));
    place.write(
        "bad.toml",
        "[vendor]\nname = \"B\"\n[[rule]]\nid = \"bad-key\"\ndescription = \"d\"\nseverity = \"low\"\n\
         confidence = \"low\"\nkeywords = [\"bad_\"]\npattern = 'bad_[a-z]+'\nreferences = [\"x\"]\n\
         examples = [\"bad_abcqkz\", \"good\"]\nnegatives = [\"bad_zkqpwv\", \"y\"]\n",
    );
    let output = run(place.path(), &["rules", "check", "bad.toml"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("example 2 is not found") && text.contains("negative 1 is reported"),
        "{text}"
    );
}

#[test]
fn every_flag_has_help() {
    let place = Place::new();
    let text = stdout(&run(place.path(), &["scan", "--help"]));
    for flag in
        ["--history", "--stdin", "--hidden", "--no-ignore", "--fail-on", "--show-secrets", "130"]
    {
        assert!(text.contains(flag), "{flag}");
    }
}

/// Sends SIGINT once `output` of a helper program; only Unix has it.
#[cfg(unix)]
#[test]
fn ctrl_c_reports_what_was_found_and_exits_130() {
    let place = Place::new();
    place.write("0.txt", key("slack"));
    // Hard links make a tree of many gigabytes out of one file of 8 MB.
    let big = place.write("big/0", "password secret token api_key\n".repeat(280_000));
    for n in 1..1500 {
        std::fs::hard_link(&big, place.path().join(format!("big/{n}"))).unwrap();
    }
    let start = Instant::now();
    let child = keylint(place.path())
        .args(["scan", "-f", "json", "-j", "1"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(60), "it went on");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    let done = report["stats"]["blobs"].as_u64().unwrap();
    assert!(done > 0 && done < 1500, "{done}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_wait_for_standard_input() {
    use std::io::Write as _;
    let place = Place::new();
    let mut child = keylint(place.path())
        .args(["scan", "--stdin", "-f", "json"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{}\n", "x".repeat(1 << 20)).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    drop(stdin);
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let place = Place::new();
    for n in 0..300 {
        place.write(&format!("f{n}"), format!("{}\n", key("slack")).repeat(20));
    }
    let mut child = keylint(place.path())
        .arg("scan")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(1));
}
