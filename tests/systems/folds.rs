//! Disks that fold case, as macOS and Windows have them. Linux has none here: a small library that is loaded into
//! the program lets names stand for those that differ in case only (tests/data/folds.c).

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value;

use crate::{Place, found, key, parsed, skipped};

/// The program on a disk that folds case.
#[cfg(target_os = "linux")]
fn keylint(place: &Place, args: &[&str]) -> Command {
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;

    static LIBRARY: OnceLock<(Place, PathBuf)> = OnceLock::new();
    let (_, library) = LIBRARY.get_or_init(|| {
        let place = Place::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/folds.c");
        let library = place.path().join("folds.so");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        assert!(command.status().unwrap().success());
        (place, library)
    });
    let mut command = place.keylint(args);
    command.env("LD_PRELOAD", library).env("FOLDS", place.path().canonicalize().unwrap());
    command
}

#[cfg(not(target_os = "linux"))]
fn keylint(place: &Place, args: &[&str]) -> Command {
    place.keylint(args)
}

fn run(place: &Place, args: &[&str]) -> Output {
    keylint(place, args).output().unwrap()
}

fn json(place: &Place, args: &[&str]) -> Value {
    parsed(&run(place, &[args, &["-f", "json"]].concat()))
}

/// A repository on such a disk; `None` on one that is none.
fn repository() -> Option<Place> {
    let place = Place::new();
    place.git(&["init", "-q", "-b", "main"]);
    place.git(&["config", "core.ignoreCase", "true"]);
    place.write("probe", "");
    if run(&place, &["scan", "PROBE"]).status.code() != Some(0) {
        let text = b"skipped: this disk tells letters from capital letters\n";
        std::io::stderr().write_all(text).unwrap();
        // Here the library is there for it.
        return (cfg!(target_os = "linux")).then(|| panic!("the library does nothing"));
    }
    fs::remove_file(place.path().join("probe")).unwrap();
    Some(place)
}

fn line(kind: &str) -> String {
    format!("KEY={}\n", key(kind))
}

#[test]
fn a_file_that_git_knows_in_other_letters_is_found_once() {
    let Some(place) = repository() else { return };
    place.write("Config.env", line("slack"));
    place.write("Src/In/k.py", line("openrouter"));
    place.commit();
    place.rename("Config.env", "config.env");
    place.rename("Src", "src");
    let want = ["config.env slack-bot-token", "src/In/k.py openrouter-api-key"];
    let check = |args: &[&str]| {
        let report = json(&place, args);
        assert_eq!(found(&report, true), want, "{args:?}: {report:#}");
        assert_eq!(report["problems"].to_string(), "[]", "{args:?}");
        report
    };
    check(&["scan"]);
    // Also where ignore rules hide what git tracks.
    place.write(".gitignore", "*.env\n/SRC/\n");
    let report = check(&["scan", "-v"]);
    assert!(
        found(&report, false).contains(&"config.env env-file-tracked".to_owned()),
        "{report:#}"
    );
    assert_eq!(skipped(&report, "ignored"), ["src/"], "{report:#}");
    check(&["scan", "-j", "1"]);
    check(&["scan", "config.env", "src"]);
    // Git knows of commits and the index, and what they say.
    let known = ["Config.env slack-bot-token", "Src/In/k.py openrouter-api-key"];
    assert_eq!(found(&json(&place, &["scan", "--history", "--no-cache"]), true), known);
    let both = [known, want].concat();
    assert_eq!(found(&json(&place, &["audit", "--no-cache"]), true), both);
}

#[test]
fn of_two_names_that_differ_in_case_a_checkout_has_one() {
    let Some(place) = repository() else { return };
    place.write(".gitignore", "*.env\n");
    for (name, kind) in [("K.env", "slack"), ("k.env", "openrouter")] {
        place.write("text", line(kind));
        let id = place.git(&["hash-object", "-w", "text"]);
        // Git itself takes both names only where it is told to tell them apart.
        let cache = format!("100644,{id},{name}");
        place.git(&["-c", "core.ignoreCase=false", "update-index", "--add", "--cacheinfo", &cache]);
    }
    fs::remove_file(place.path().join("text")).unwrap();
    let both = ["K.env slack-bot-token", "k.env openrouter-api-key"];
    assert_eq!(found(&json(&place, &["scan", "--staged"]), true), both);
    place.git(&["commit", "-q", "-m", "x"]);
    assert_eq!(found(&json(&place, &["scan", "--history", "--no-cache"]), true), both);
    place.write("k.env", line("openrouter"));
    assert_eq!(found(&json(&place, &["scan"]), true), [both[1]]);
    fs::remove_file(place.path().join("k.env")).unwrap();
    place.write("K.env", line("slack"));
    assert_eq!(found(&json(&place, &["scan"]), true), [both[0]]);
}

#[test]
fn ignore_rules_hold_as_git_has_them() {
    let Some(place) = repository() else { return };
    place.write("sub/config.env", line("slack"));
    place.write("k.py", line("openrouter"));
    place.write(".gitignore", "CONFIG.ENV\n");
    let report = json(&place, &["scan", "-v"]);
    assert_eq!(found(&report, true), ["k.py openrouter-api-key"], "{report:#}");
    assert_eq!(skipped(&report, "ignored").len(), 1, "{report:#}");
    place.git(&["config", "core.ignoreCase", "false"]);
    assert_eq!(found(&json(&place, &["scan"]), true).len(), 2);
    place.git(&["config", "core.ignoreCase", "true"]);
    // Git reads such a file there; the walk does not, and scans what it leaves out.
    place.rename(".gitignore", ".GITIGNORE");
    assert_eq!(found(&json(&place, &["scan"]), true).len(), 2);
}

#[test]
fn the_folder_of_git_may_have_other_letters() {
    let Some(place) = repository() else { return };
    place.write("a.env", line("slack"));
    place.commit();
    fs::remove_file(place.path().join("a.env")).unwrap();
    // Where git finds it, it is no part of the work tree.
    place.write(".git/kept.txt", line("openrouter"));
    place.rename(".git", ".GIT");
    let history = json(&place, &["scan", "--history", "--no-cache"]);
    assert_eq!(found(&history, true), ["a.env slack-bot-token"], "{history:#}");
    for args in [&["scan", "--hidden"][..], &["scan", "--hidden", "--no-ignore"]] {
        let report = json(&place, args);
        assert_eq!(found(&report, false), [""; 0], "{args:?}: {report:#}");
    }
}

#[test]
fn files_of_keylint_may_have_other_letters() {
    let Some(place) = repository() else { return };
    place.write("a.py", line("slack"));
    place.write("b.py", line("openrouter"));
    place.write("KEYLINT.TOML", "[scan]\nexclude = [\"b.py\"]\n");
    assert_eq!(found(&json(&place, &["scan"]), true), ["a.py slack-bot-token"]);
    // A report takes the place of an old one, whose name stays or changes; there is one file.
    place.write("report.json", "old");
    let output = run(&place, &["scan", "-f", "json", "-o", "REPORT.JSON"]);
    assert_eq!(output.status.code(), Some(1));
    let names = || {
        let all = fs::read_dir(place.path()).unwrap().map(|it| it.unwrap().file_name());
        all.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<String>>()
    };
    let reports: Vec<String> =
        names().into_iter().filter(|it| it.eq_ignore_ascii_case("report.json")).collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let text = fs::read(place.path().join(&reports[0])).unwrap();
    let report: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(found(&report, true), ["a.py slack-bot-token"]);
    assert!(!names().iter().any(|name| name.contains(".part")), "{:?}", names());
    // What is accepted stays so in a file that is renamed.
    assert_eq!(run(&place, &["baseline", "create"]).status.code(), Some(0));
    assert_eq!(run(&place, &["scan", "a.py"]).status.code(), Some(0));
    place.rename("a.py", "A.py");
    let report = json(&place, &["scan"]);
    assert_eq!(
        (found(&report, true).len(), report["suppressed"].as_array().unwrap().len()),
        (0, 1)
    );
}

#[test]
fn a_path_that_is_named_in_other_letters_is_found_or_said() {
    let Some(place) = repository() else { return };
    place.write("Config.env", line("slack"));
    place.git(&["add", "-f", "Config.env"]);
    assert_eq!(found(&json(&place, &["scan", "config.env"]), true).len(), 1);
    let report = json(&place, &["scan", "--staged", "config.env"]);
    let notices = report["notices"].to_string();
    assert!(notices.contains("config.env is not in the index"), "{report:#}");
}
