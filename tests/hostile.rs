//! Work trees that are made to hang, to crash or to hide something.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::{Place, json, key, keylint, parsed, places, run, scrubbed, stderr, stdout};

/// Runs with a limit of seconds after which it is killed, and of 2 GB of memory; a test fails where that
/// was needed.
pub(crate) fn bounded(folder: &Path, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_keylint");
    let script = "ulimit -v 2000000; exec timeout -s KILL 120 \"$@\"";
    let mut command = scrubbed(Command::new("sh"), folder);
    command.args(["-c", script, "sh", program]).args(args).output().unwrap()
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs the program as a user who is not root: root may read everything.
pub(crate) fn as_nobody(place: &Place, args: &[&str]) -> Command {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        let mut command = keylint(place.path());
        command.args(args);
        return command;
    }
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join(".program");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_keylint"), &program).unwrap();
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .args(args)
        .current_dir(place.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null());
    command
}

#[test]
fn links_in_rings_pipes_sockets_devices_and_huge_files_are_counted() {
    let place = Place::new();
    let at = |path: &str| place.path().join(path);
    place.write("a/b/k.txt", key("slack"));
    symlink("..", at("a/b/up")).unwrap();
    symlink("ring2", at("ring1")).unwrap();
    symlink("ring1", at("ring2")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    fifo(&at("pipe"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    fs::File::create(at("sparse")).unwrap().set_len(4 << 30).unwrap();
    let output = bounded(place.path(), &["scan", "-f", "json"]);
    let report = parsed(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(places(&report), ["a/b/k.txt:1 slack-bot-token"]);
    let skipped = &report["stats"]["skipped"];
    assert_eq!(skipped["special"], serde_json::json!(["pipe", "socket"]));
    assert_eq!(skipped["too-large"], serde_json::json!(["sparse"]));
    let links = serde_json::json!(["a/b/up", "dangling", "ring1", "ring2", "zero"]);
    assert_eq!(skipped["symlink"], links);
    // Named by the user, they are no files either.
    for name in ["pipe", "socket", "zero", "ring1"] {
        let output = bounded(place.path(), &["scan", name, "-f", "json"]);
        let code = output.status.code();
        assert!(code == Some(2) || code == Some(0), "{name}: {code:?} {}", stderr(&output));
    }
}

/// What the walk opens by itself, as something that blocks for ever or never ends.
#[test]
fn an_ignore_file_that_cannot_be_read_stops_nothing_and_hides_nothing() {
    for name in [".gitignore", ".ignore"] {
        let place = Place::new();
        place.init();
        let at = |path: &str| place.path().join(path);
        for folder in ["pipe", "zero", "huge", "fine"] {
            place.write(&format!("{folder}/k.txt"), key("slack"));
            place.write(&format!("{folder}/sub/.env"), format!("A={}\n", key("openrouter")));
        }
        fifo(&at("pipe").join(name));
        symlink("/dev/zero", at("zero").join(name)).unwrap();
        fs::File::create(at("huge").join(name)).unwrap().set_len(1 << 30).unwrap();
        place.write(&format!("fine/{name}"), "k.txt\n");
        let output = bounded(place.path(), &["scan", "-f", "json"]);
        let report = parsed(&output);
        let found = places(&report);
        for folder in ["pipe", "zero", "huge"] {
            assert!(found.contains(&format!("{folder}/k.txt:1 slack-bot-token")), "{found:?}");
            let notices = report["notices"].to_string();
            assert!(notices.contains(&format!("{folder}/{name}: is no regular file")), "{notices}");
        }
        assert!(!found.iter().any(|place| place.starts_with("fine/k.txt")), "{found:?}");
        // The folder that is scanned, and one above it.
        for folder in [at("pipe"), at("pipe/sub")] {
            let output = bounded(&folder, &["scan", "-f", "json"]);
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        }
    }
}

#[test]
fn a_configuration_of_git_that_names_a_pipe_is_not_followed() {
    let place = Place::new();
    place.init();
    let pipe = place.path().join("pipe");
    fifo(&pipe);
    place.git(&["config", "core.excludesFile", pipe.to_str().unwrap()]);
    place.write(".env", format!("A={}\n", key("openrouter")));
    // It asks git whether the file is ignored.
    let output = bounded(place.path(), &["scan", "-f", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let found = places(&parsed(&output));
    assert!(found.iter().any(|place| place.ends_with("env-file-not-ignored")), "{found:?}");
}

#[test]
fn a_repository_whose_own_files_are_pipes_is_scanned_as_a_folder() {
    for name in ["config", "index", "HEAD", "packed-refs"] {
        let place = Place::new();
        place.init().commit(1, "k.txt", &key("slack"));
        let file = place.path().join(".git").join(name);
        // It need not be there.
        drop(fs::remove_file(&file));
        fifo(&file);
        let output = bounded(place.path(), &["scan", "-f", "json"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", stderr(&output));
        let report = parsed(&output);
        assert!(places(&report).contains(&"k.txt:1 slack-bot-token".to_owned()), "{name}");
        let said = report["notices"].to_string().contains("is no regular file");
        // Without a HEAD that is a file it is no repository at all.
        assert!(said || name == "HEAD", "{name}: {report:#}");
        let output = bounded(place.path(), &["scan", "--history"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
}

#[test]
fn settings_that_are_no_files_are_refused_or_passed_over() {
    for name in ["keylint.toml", "keylint-baseline.jsonl", "rules.toml"] {
        let place = Place::new();
        place.write("k.txt", key("slack"));
        if name == "rules.toml" {
            place.write("keylint.toml", "[rules]\nfiles = [\"rules.toml\"]\n");
        }
        let file = place.path().join(name);
        for make in [fifo as fn(&Path), |path| symlink("/dev/zero", path).unwrap()] {
            make(&file);
            let output = bounded(place.path(), &["scan", "-f", "json"]);
            let (code, text) = (output.status.code(), stderr(&output));
            let refused = code == Some(2) && text.contains("it is no regular file");
            assert!(refused || (name == "keylint.toml" && code == Some(1)), "{name}: {text}");
            fs::remove_file(&file).unwrap();
        }
    }
}

#[test]
fn names_that_are_no_utf8_are_told_apart_in_every_format() {
    let place = Place::new();
    let name = |bytes: &[u8]| place.path().join(OsStr::from_bytes(bytes));
    for bytes in
        [&b"a\xff.txt"[..], b"a\xfe.txt", br"a\xff.txt", b"new\nline.txt", b"e\x1b[31m.txt"]
    {
        fs::write(name(bytes), key("slack")).unwrap();
    }
    let report = json(place.path(), &["scan"]);
    let findings = report["findings"].as_array().unwrap();
    let paths: Vec<&str> = findings.iter().map(|f| f["path"].as_str().unwrap()).collect();
    let want = [r"a\\xff.txt", r"a\xfe.txt", r"a\xff.txt", "e\u{1b}[31m.txt", "new\nline.txt"];
    assert_eq!(paths, want);
    let prints: std::collections::BTreeSet<_> =
        findings.iter().map(|f| f["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(prints.len(), 5);
    let text = |format: &str| {
        let output = run(place.path(), &["scan", "-f", format]);
        assert_eq!(output.status.code(), Some(1), "{format}");
        String::from_utf8(output.stdout).unwrap_or_else(|_| panic!("{format} is no UTF-8"))
    };
    let sarif: Value = serde_json::from_str(&text("sarif")).unwrap();
    let uris: Vec<&str> = sarif["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            let place = &r["locations"][0]["physicalLocation"];
            place["artifactLocation"]["uri"].as_str().unwrap()
        })
        .collect();
    let want = ["a%5Cxff.txt", "a%FE.txt", "a%FF.txt", "e%1B%5B31m.txt", "new%0Aline.txt"];
    assert_eq!(uris, want);
    for format in ["gitlab", "jsonl", "rdjsonl"] {
        let text = text(format);
        let lines = if format == "gitlab" { vec![text.as_str()] } else { text.lines().collect() };
        lines.iter().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
        assert!(text.contains(r"a\\xfe.txt") && text.contains(r"a\\\\xff.txt"), "{format}: {text}");
    }
    for format in ["junit", "checkstyle"] {
        roxmltree::Document::parse(&text(format)).unwrap();
    }
    for format in ["human", "github", "markdown", "html", "csv"] {
        let text = text(format);
        let forms = ["a\\xfe.txt", "a\\\\xfe.txt", "a&#92;xfe.txt"];
        assert!(forms.iter().any(|form| text.contains(form)), "{format}");
        assert!(format == "csv" || !text.contains("e\u{1b}[31m"), "{format} moves the cursor");
    }
    // The edits of a file reach it, whatever its name.
    fs::write(name(b"b\xff.py"), format!("Client(\"{}\")\n", key("openrouter"))).unwrap();
    run(place.path(), &["fix", "--write"]);
    assert!(fs::read_to_string(name(b"b\xff.py")).unwrap().contains("os.environ"));
}

#[test]
fn names_that_are_no_utf8_are_told_apart_in_a_history() {
    let place = Place::new();
    place.init();
    for bytes in [&b"a\xff.txt"[..], b"a\xfe.txt"] {
        fs::write(place.path().join(OsStr::from_bytes(bytes)), key("slack")).unwrap();
    }
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "x"]);
    for args in [&["scan", "--history"][..], &["scan"], &["scan", "--range", "HEAD~0..HEAD"]] {
        let report = json(place.path(), args);
        let want = if args.len() > 2 { 0 } else { 2 };
        assert_eq!(report["findings"].as_array().unwrap().len(), want, "{args:?}");
    }
}

#[test]
fn names_that_differ_in_case_only_are_two_files() {
    let place = Place::new();
    place.write("Key.txt", key("slack"));
    place.write("key.txt", key("slack"));
    assert_eq!(places(&json(place.path(), &["scan"])).len(), 2);
}

#[test]
fn what_may_not_be_read_is_named_and_the_rest_is_scanned() {
    let place = Place::new();
    place.write("k.txt", key("slack"));
    let file = place.write("secret.txt", key("slack"));
    let inside = place.write("closed/k.txt", key("slack"));
    let closed = inside.parent().unwrap();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&file, 0o000);
    mode(closed, 0o000);
    let output = as_nobody(&place, &["scan", "-f", "json"]).output().unwrap();
    mode(closed, 0o755);
    assert_eq!(output.status.code(), Some(2));
    let report = parsed(&output);
    assert_eq!(places(&report), ["k.txt:1 slack-bot-token"]);
    let problems: Vec<String> =
        report["problems"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("secret.txt")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("closed")), "{problems:?}");
}

#[test]
fn a_line_of_ten_megabytes_is_a_line() {
    let place = Place::new();
    let half = "x".repeat(5 << 20);
    place.write("long.txt", format!("{half} {} {half}", key("slack")));
    let output = bounded(place.path(), &["scan", "-f", "json"]);
    assert_eq!(places(&parsed(&output)), ["long.txt:1 slack-bot-token"]);
    for format in ["human", "sarif", "html", "csv"] {
        let output = bounded(place.path(), &["scan", "-f", format]);
        assert!(output.stdout.len() < 1 << 20, "{format} prints the line");
    }
}

/// Many keys on one line, each under a name of its own, and many markers: what a key costs does not grow
/// with their number. Before, these took minutes.
#[test]
fn thousands_of_keys_on_one_line_take_seconds() {
    let place = Place::new();
    let keys: Vec<String> = (0..6_000).map(|n| format!("{}{n:04}", &key("slack")[..51])).collect();
    place.write("list.json", format!("[\"{}\"]", keys.join("\",\"")));
    place.write("sum.py", keys[..1_000].join(" - "));
    place.write("marks.txt", format!("{} {}", keys[42], "keylint:allow ".repeat(40_000)));
    let output = bounded(place.path(), &["scan", "-f", "json", "--no-config"]);
    let report = parsed(&output);
    // Those that end in digits such as 0000 are placeholders.
    let count = |list: &str, path: &str| {
        report[list].as_array().unwrap().iter().filter(|finding| finding["path"] == path).count()
    };
    assert!(count("findings", "list.json") > 5_900, "{}", stderr(&output));
    assert!(count("findings", "sum.py") > 950, "{}", stderr(&output));
    assert_eq!(count("suppressed", "marks.txt"), 1, "{}", stderr(&output));
}

/// Files change while they are read: nothing crashes, and what was whole all the time is found.
#[test]
fn files_that_grow_shrink_and_vanish_are_read_or_named() {
    let place = Place::new();
    for n in 0..200 {
        place.write(&format!("still/{n}.txt"), format!("{}\n", key("slack")));
    }
    let big = "nothing to see\n".repeat(100_000);
    let names: Vec<PathBuf> = (0..20).map(|n| place.write(&format!("moving/{n}"), &big)).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    let mut reports = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let file = &names[n % names.len()];
                match n % 4 {
                    0 => drop(fs::write(file, "short")),
                    1 => drop(fs::write(file, &big)),
                    2 => drop(fs::remove_file(file)),
                    _ => drop(fs::File::create(file).and_then(|file| file.set_len(1 << 22))),
                }
                n += 1;
            }
        });
        for _ in 0..15 {
            reports.push(run(place.path(), &["scan", "-f", "json"]));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    for output in &reports {
        let report = parsed(output);
        assert_eq!(report["findings"].as_array().unwrap().len(), 200);
        let problems = report["problems"].as_array().unwrap();
        let moving = |p: &Value| p["place"].as_str().unwrap().contains("moving");
        assert!(problems.iter().all(moving), "{problems:?}");
        assert_eq!(output.status.code(), Some(if problems.is_empty() { 1 } else { 2 }));
    }
}

#[test]
fn a_file_above_the_limit_and_endless_input_take_no_memory() {
    let place = Place::new();
    place.write("k.txt", key("slack"));
    fs::File::create(place.path().join("big")).unwrap().set_len(3 << 30).unwrap();
    let text = stdout(&bounded(place.path(), &["scan", "--verbose"]));
    assert!(text.contains("too large") && text.contains("big"), "{text}");
    let endless = fs::File::open("/dev/zero").unwrap();
    let mut command = keylint(place.path());
    command.args(["scan", "--stdin", "--max-size", "8M", "-f", "json"]).stdin(endless);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let problem = parsed(&output)["problems"][0].to_string();
    assert!(problem.contains("only the first 8"), "{problem}");
}

/// A hundred thousand files; bench/hostile.py does it with a million.
#[test]
fn a_large_tree_is_scanned_whole_in_little_memory() {
    let place = Place::new();
    for folder in 0..200 {
        let folder_path = place.path().join(format!("d{folder}"));
        fs::create_dir(&folder_path).unwrap();
        for n in 0..500 {
            fs::write(folder_path.join(n.to_string()), "nothing\n").unwrap();
        }
    }
    place.write("d199/k.txt", key("slack"));
    let output = bounded(place.path(), &["scan", "-f", "json"]);
    let report = parsed(&output);
    assert_eq!(places(&report), ["d199/k.txt:1 slack-bot-token"]);
    assert_eq!(report["stats"]["blobs"], 100_001);
}
