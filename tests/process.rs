//! What the system refuses or takes away: files, memory, threads, streams, the disk, a home.

#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::{Place, key, keylint, parsed, places, scrubbed, stderr, stdout};
use crate::hostile::as_nobody;

/// Runs `keylint ARGS` in a shell after `before`, with `after` behind it.
fn shell(folder: &Path, before: &str, args: &str, after: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_keylint");
    let mut command = scrubbed(Command::new("bash"), folder);
    let script = format!("set -o pipefail; {before}; {program} {args} {after}");
    command.args(["-c", &script]).output().unwrap()
}

fn found(output: &Output) -> usize {
    parsed(output)["findings"].as_array().unwrap().len()
}

/// A repository with 40 keys in 400 files.
fn tree() -> Place {
    let place = Place::new();
    place.init();
    for n in 0..400 {
        let text = if n % 10 == 0 { key("slack") } else { "nothing".to_owned() };
        place.write(&format!("d{}/{n}.txt", n % 20), format!("{text}\n"));
    }
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "all"]);
    place
}

#[test]
fn few_open_files_are_enough() {
    let place = tree();
    for args in ["scan -f json -j 8", "scan --history -f json -j 8", "audit -f json -j 8"] {
        let output = shell(place.path(), "ulimit -n 32", args, "");
        assert_eq!(output.status.code(), Some(1), "{args}: {}", stderr(&output));
        assert!(found(&output) >= 40, "{args}");
    }
}

/// Over a gigabyte of files and 250 MB of history, in 512 MB of address space.
#[test]
fn large_corpora_need_little_memory() {
    let place = Place::new();
    place.init();
    let lines = "a line of a log that says nothing at all\n".repeat(200_000);
    for n in 0..30 {
        place.write(&format!("log{n}"), format!("{n} {}\n{lines}", key("slack")));
    }
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "logs"]);
    for n in 0..120 {
        let name = place.path().join(format!("log{}", n % 30));
        fs::hard_link(name, place.path().join(format!("more{n}"))).unwrap();
    }
    let limit = "ulimit -v 524288";
    for (args, least) in [("scan -f json -j 2", 150), ("scan --history -f json -j 2", 30)] {
        let output = shell(place.path(), limit, args, "");
        assert_eq!(output.status.code(), Some(1), "{args}: {}", stderr(&output));
        assert_eq!(found(&output), least, "{args}");
    }
}

#[test]
fn without_threads_one_does_the_work_or_an_error_says_so() {
    let place = tree();
    let mut seen = std::collections::BTreeSet::new();
    for most in 1..12 {
        let mut command = as_nobody(&place, &["scan", "-j", "4", "-f", "json"]);
        let script = format!("ulimit -u {most}; exec \"$@\"");
        let (program, args) = (command.get_program().to_owned(), command.get_args());
        let args: Vec<_> = args.map(std::ffi::OsStr::to_owned).collect();
        // As another user for each number, so that threads of earlier runs do not count.
        let user = format!("--reuid={id}", id = 70_000 + most);
        let args = args.iter().map(|arg| match arg.to_str() {
            Some("--reuid=65534") => user.clone().into(),
            _ => arg.clone(),
        });
        let setup: Vec<_> = args.collect();
        let split = setup.iter().position(|arg| arg == "--clear-groups").map_or(0, |at| at + 1);
        let mut limited = Command::new(if split > 0 { program.clone() } else { "bash".into() });
        limited.args(&setup[..split]);
        if split > 0 {
            limited.arg("bash");
        }
        limited.args(["-c", &script, "bash"]);
        if split == 0 {
            limited.arg(&program);
        }
        limited.args(&setup[split..]).current_dir(place.path()).stdin(Stdio::null());
        command = limited;
        let output = command.output().unwrap();
        match output.status.code() {
            Some(1) => assert_eq!(found(&output), 40, "{most}"),
            Some(2) => assert!(!stderr(&output).is_empty() && output.stdout.is_empty(), "{most}"),
            other => panic!("{most}: {other:?} {}", stderr(&output)),
        }
        seen.insert(output.status.code());
    }
    assert!(seen.contains(&Some(1)), "no run had threads enough");
}

#[test]
fn closed_streams_change_no_exit_code() {
    let place = tree();
    let code = |args: &str, after: &str| {
        let output = shell(place.path(), "true", args, after);
        assert_eq!(stderr(&output), "", "{args} {after}");
        output.status.code()
    };
    assert_eq!(code("scan", ">&-"), Some(1));
    assert_eq!(code("scan", "2>&-"), Some(1));
    assert_eq!(code("scan", "<&-"), Some(1));
    assert_eq!(code("scan -o report.json -f json", "<&- >&- 2>&-"), Some(1));
    let report: Value =
        serde_json::from_slice(&fs::read(place.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(places(&report).len(), 40);
    fs::remove_file(place.path().join("report.json")).unwrap();
    // A reader that goes away says nothing of what was scanned; the other reports are written.
    assert_eq!(code("scan --report json=second.json", "| head -1 > /dev/null"), Some(1));
    assert!(place.path().join("second.json").exists());
    place.write("clean/a.txt", "nothing\n");
    assert_eq!(code("scan clean", "| true"), Some(0));
}

#[test]
fn no_home_and_a_disk_that_is_read_only() {
    let place = tree();
    let output = Command::new(env!("CARGO_BIN_EXE_keylint"))
        .args(["scan", "--history", "-f", "json"])
        .current_dir(place.path())
        .env_clear()
        .output()
        .unwrap();
    assert_eq!((output.status.code(), found(&output)), (Some(1), 40));
    let output = keylint(place.path())
        .args(["scan", "--history", "-f", "json"])
        .env("HOME", "/proc/no/such/home")
        .output()
        .unwrap();
    assert_eq!((output.status.code(), found(&output)), (Some(1), 40), "{}", stderr(&output));
    // A folder that may not be written, and a file in it.
    let old = place.write("closed/old.json", "old");
    fs::set_permissions(old.parent().unwrap(), fs::Permissions::from_mode(0o555)).unwrap();
    for name in ["closed/old.json", "closed/new.json", "/proc/no.json"] {
        let mut command = as_nobody(&place, &["scan", "d0", "-f", "json", "-o", name]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        let text = stderr(&output);
        assert!(text.contains(&format!("{name}: the report cannot be written")), "{text}");
    }
    fs::set_permissions(old.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::read_to_string(old).unwrap(), "old");
    assert_eq!(fs::read_dir(place.path().join("closed")).unwrap().count(), 1);
}

/// What a run may write nowhere: it reads all the same, and what is to be written is refused.
#[test]
fn a_file_system_that_may_only_be_read_is_scanned() {
    let place = Place::new();
    place.init().commit(1, "a.py", &format!("k = '{}'\n", key("openrouter")));
    place.write("old.json", "old");
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let enter = if is_root { "-m" } else { "-Urm" };
    let closed = |script: &str, args: &[&str]| {
        let mut command = scrubbed(Command::new("unshare"), Path::new("/"));
        let script = format!(
            "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && cd \"$0\" && {script}"
        );
        command.args([enter, "sh", "-c", &script]).arg(place.path());
        command.arg(env!("CARGO_BIN_EXE_keylint")).args(args).env("HOME", place.path());
        command.output().unwrap()
    };
    if !closed("! touch x 2>/dev/null", &[]).status.success() {
        let text = b"skipped: this user may mount nothing\n";
        return std::io::stderr().write_all(text).unwrap();
    }
    for args in
        [&["scan"][..], &["scan", "--history"], &["audit"], &["scan", "--range", "HEAD..HEAD"]]
    {
        let output = closed("exec \"$@\"", &[args, &["-f", "json"]].concat());
        let code = if args.len() == 3 { 0 } else { 1 };
        let report = parsed(&output);
        assert_eq!(report["problems"].to_string(), "[]", "{args:?}");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert_eq!(found(&output) > 0, code == 1, "{args:?}");
    }
    for args in [
        &["scan", "-o", "old.json"][..],
        &["scan", "-o", "new.json"],
        &["baseline", "create"],
        &["fix", "--write"],
        &["hook", "install"],
    ] {
        let output = closed("exec \"$@\"", args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        let said = stdout(&output) + &stderr(&output);
        assert!(said.contains("Read-only file system"), "{args:?}: {said}");
    }
    assert_eq!(fs::read_to_string(place.path().join("old.json")).unwrap(), "old");
    let names = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(names, 3, "something was left");
}
