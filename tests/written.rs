//! What keylint writes is written whole or not at all, with the right mode, and nothing is left behind.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::common::{Place, key, keylint, run, stderr, stdout};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Names in a folder that keylint makes for a moment.
fn parts(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|n| n.contains(".part")).collect()
}

/// A tree with a key that takes seconds to scan on one thread: many names of one large file.
pub(crate) fn slow() -> Place {
    let place = Place::new();
    place.write("0.py", format!("client = Client(\"{}\")\n", key("openrouter")));
    let big = place.write("big/0", "password secret token api_key\n".repeat(280_000));
    for n in 1..1500 {
        fs::hard_link(&big, place.path().join(format!("big/{n}"))).unwrap();
    }
    place
}

/// Waits until `child` handles SIGINT, then sends `signal`.
pub(crate) fn interrupt(child: &Child, signal: &str) {
    let status = format!("/proc/{id}/status", id = child.id());
    let listens = || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 2 != 0)
    };
    while !listens() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
}

#[test]
fn a_report_keeps_the_mode_and_the_link_and_one_with_secrets_is_private() {
    let place = Place::new();
    place.write("k.txt", key("slack"));
    let real = place.write("reports/real.json", "old");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("reports/real.json", place.path().join("out.json")).unwrap();
    let scan =
        |args: &[&str]| run(place.path(), &[&["scan", "k.txt", "-f", "json"], args].concat());
    assert_eq!(scan(&["-o", "out.json"]).status.code(), Some(1));
    assert!(place.path().join("out.json").symlink_metadata().unwrap().is_symlink());
    assert!(serde_json::from_slice::<Value>(&fs::read(&real).unwrap()).is_ok());
    assert_eq!(mode(&real), 0o640);
    scan(&["-o", "out.json", "--show-secrets", "--report", "csv=new.csv"]);
    assert_eq!(mode(&real), 0o600);
    assert_eq!(mode(&place.path().join("new.csv")), 0o600);
    assert!(fs::read_to_string(&real).unwrap().contains(&key("slack")));
    assert!(parts(&place.path().join("reports")).is_empty() && parts(place.path()).is_empty());
}

#[test]
fn a_disk_that_is_full_is_said_and_leaves_the_old_report() {
    let place = Place::new();
    place.write("k.txt", key("slack"));
    let output = run(place.path(), &["scan", "k.txt", "-o", "/dev/full"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/dev/full: the report cannot be written"));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = keylint(place.path()).args(["scan", "k.txt"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("error"), "{}", stderr(&output));
    // A limit on the size of files stands for a disk that fills up on the way.
    place.write("out.json", "old");
    place.write("many.txt", format!("{}\n", key("slack")).repeat(200));
    let program = env!("CARGO_BIN_EXE_keylint");
    let script = format!("ulimit -f 8; trap '' XFSZ; exec {program} scan -f json -o out.json");
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(place.path())
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("out.json: the report cannot be written"));
    assert_eq!(fs::read_to_string(place.path().join("out.json")).unwrap(), "old");
    assert!(parts(place.path()).is_empty());
}

#[test]
fn whenever_a_run_is_killed_the_old_report_or_the_new_one_is_there() {
    let place = Place::new();
    place.write("many.txt", format!("{}\n", key("slack")).repeat(2000));
    let out = place.path().join("out.json");
    let mut whole = 0;
    for step in 0..12 {
        fs::write(&out, "old").unwrap();
        let mut child =
            keylint(place.path()).args(["scan", "-f", "json", "-o", "out.json"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(step * 40));
        child.kill().unwrap();
        child.wait().unwrap();
        let text = fs::read(&out).unwrap();
        whole += usize::from(text != b"old");
        let is_whole = || serde_json::from_slice::<Value>(&text).is_ok();
        assert!(text == b"old" || is_whole(), "killed after {step} steps");
    }
    // What is left to see is that a run without a signal writes it.
    run(place.path(), &["scan", "-f", "json", "-o", "out.json"]);
    let report: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert!(report["findings"].as_array().unwrap().len() >= 2000, "{whole} runs were faster");
}

#[test]
fn a_signal_to_end_gives_a_whole_report_and_its_own_exit_code() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130), ("-HUP", 129)] {
        let place = slow();
        // Whoever runs the tests under nohup would hand down that SIGHUP is ignored.
        let mut command = crate::common::scrubbed(Command::new("env"), place.path());
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_keylint")]);
        let args = ["scan", "-j1", "-f", "json", "-o", "out.json"];
        let mut child = command.args(args).spawn().unwrap();
        interrupt(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        let text = fs::read(place.path().join("out.json")).unwrap();
        let report: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(report["interrupted"], true, "{signal}");
        assert!(parts(place.path()).is_empty());
    }
}

#[test]
fn under_nohup_a_run_outlives_its_terminal() {
    let place = slow();
    let args = ["scan", "-j1", "-f", "json", "-o", "out.json"];
    let mut command = crate::common::scrubbed(Command::new("nohup"), place.path());
    command.arg(env!("CARGO_BIN_EXE_keylint")).args(args).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    interrupt(&child, "-HUP");
    // It goes on, and a signal that it does not ignore ends it.
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    interrupt(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn what_a_stopped_run_did_not_see_is_neither_fixed_nor_accepted() {
    let place = slow();
    let before = fs::read(place.path().join("0.py")).unwrap();
    for args in [&["fix", "--write"][..], &["baseline", "create"]] {
        let child = keylint(place.path()).args(args).stdout(Stdio::piped()).spawn().unwrap();
        interrupt(&child, "-TERM");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(143), "{args:?}");
        assert!(stdout(&output).contains("interrupted: nothing is written"), "{args:?}");
    }
    assert_eq!(fs::read(place.path().join("0.py")).unwrap(), before);
    assert!(!place.path().join("keylint-baseline.jsonl").exists());
}

#[test]
fn fix_keeps_mode_and_owner_and_leaves_links() {
    let place = Place::new();
    place.init();
    let app = place.write("app.py", format!("client = Client(\"{}\")\n", key("openrouter")));
    fs::set_permissions(&app, fs::Permissions::from_mode(0o750)).unwrap();
    let is_root = fs::metadata(place.path()).unwrap().uid() == 0;
    if is_root {
        std::os::unix::fs::chown(&app, Some(12345), Some(12345)).unwrap();
    }
    let twin = place.write("twin.py", format!("client = Client(\"{}\")\n", key("anthropic")));
    fs::hard_link(&twin, place.path().join("twin.bak")).unwrap();
    // A hostile repository has its files lead out of it.
    let outside = Place::new();
    let profile = outside.write("profile", "export A=1\n");
    symlink(&profile, place.path().join(".gitignore")).unwrap();
    let output = run(place.path(), &["fix", "--write", "app.py", "twin.py"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(fs::read_to_string(&app).unwrap().contains("os.environ['OPENROUTER_API_KEY']"));
    assert_eq!(mode(&app), 0o750);
    if is_root {
        let owner = fs::metadata(&app).unwrap();
        assert_eq!((owner.uid(), owner.gid()), (12345, 12345));
    }
    assert!(text.contains("twin.py: cannot be written: it has more names"), "{text}");
    assert!(fs::read_to_string(&twin).unwrap().contains(&key("anthropic")));
    assert!(text.contains("left: .gitignore: it cannot be added to: it is a symbolic link"));
    assert_eq!(fs::read_to_string(&profile).unwrap(), "export A=1\n");
    assert!(parts(place.path()).is_empty());
}

#[test]
fn a_key_that_stands_twice_is_mended_in_both_places() {
    let place = Place::new();
    let line = format!("Client(\"{}\")\n", key("openrouter"));
    place.write("app.py", format!("a = {line}b = {line}"));
    let report = crate::common::json(place.path(), &["scan"]);
    let starts: Vec<&Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| &finding["edits"][0]["start"][0])
        .collect();
    assert_eq!(starts, [1, 2]);
}
