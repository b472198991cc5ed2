//! Nothing is lost in silence: reads fail at random, and what is reported is what a scan without faults
//! reports, less what stands in the files and objects that are named as failed.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Place, json, key, keylint, parsed, stderr};

/// Runs of each kind.
const SEEDS: u64 = 40;

/// The library that makes reads fail, built by the C compiler that the build needs anyway.
fn library(place: &Place) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/faults.c");
    let library = place.path().join("faults.so");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(command.status().unwrap().success());
    library
}

/// The report of a run in which the reads that `faults` names fail, and its exit code.
fn with_faults(
    folder: &Path,
    args: &[&str],
    (library, list): (&Path, &Path),
    faults: &[String],
) -> (Value, Option<i32>) {
    std::fs::write(list, faults.join("\n")).unwrap();
    let mut command = keylint(folder);
    command.args(args).args(["-f", "json"]).env("LD_PRELOAD", library).env("FAULTS", list);
    let output = command.output().unwrap();
    (parsed(&output), output.status.code())
}

/// Picks about one in `rate` of `all`, by seed (splitmix64).
fn pick<'a>(all: impl Iterator<Item = &'a String>, seed: u64, rate: u64) -> BTreeSet<String> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    all.filter(|_| next().is_multiple_of(rate)).cloned().collect()
}

/// What tells findings apart, by the file or blob that they stand in.
fn findings(report: &Value, of: &str) -> BTreeMap<String, String> {
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|f| (f["fingerprint"].to_string(), f[of].as_str().unwrap().to_owned())).collect()
}

fn places_of_problems(report: &Value) -> BTreeSet<String> {
    let all = report["problems"].as_array().unwrap().iter();
    all.map(|p| p["place"].as_str().unwrap().to_owned()).collect()
}

fn check(
    exact: &Value,
    (report, code): (&Value, Option<i32>),
    of: &str,
    failed: &BTreeSet<String>,
) {
    let mut want = findings(exact, of);
    want.retain(|_, place| !failed.contains(place));
    assert_eq!(findings(report, of), want);
    assert_eq!(code, Some(if failed.is_empty() { 1 } else { 2 }));
}

#[test]
fn files_whose_reads_fail_are_named_and_only_their_findings_are_missing() {
    let (place, tools) = (Place::new(), Place::new());
    let (library, list) = (library(&tools), tools.path().join("list"));
    for n in 0..60 {
        place.write(
            &format!("d{}/f{n}.txt", n % 7),
            format!("{n} {}\n", key(&format!("nbpro{}", n % 10))),
        );
    }
    let exact = json(place.path(), &["scan"]);
    let files: BTreeSet<String> = findings(&exact, "path").into_values().collect();
    assert_eq!(files.len(), 60);
    for seed in 0..SEEDS {
        let failed = pick(files.iter(), seed, 6);
        let faults: Vec<String> = failed.iter().map(|path| format!("F /{path}")).collect();
        let (report, code) = with_faults(place.path(), &["scan"], (&library, &list), &faults);
        assert_eq!(places_of_problems(&report), failed, "seed {seed}");
        check(&exact, (&report, code), "path", &failed);
    }
}

/// A history of files that change a little, with a key each.
fn history() -> Place {
    let place = Place::new();
    place.init();
    for day in 1..=8 {
        for n in 0..6 {
            let lines: String = (0..200).map(|line| format!("line {line} of file {n}\n")).collect();
            let text = format!(
                "{lines}version {day}\nk{n}_{day} = '{}'\n",
                key(&format!("nbpro{}", n + day as usize % 4))
            );
            place.write(&format!("f{n}.py"), text);
        }
        place.git(&["add", "-A"]);
        place.git_at(day, &["commit", "-q", "-m", "x"]);
    }
    place
}

/// Ids of blobs in a report's problems; panics at other problems.
fn blobs_of_problems(report: &Value) -> BTreeSet<String> {
    let object = |place: String| {
        let id = place.strip_prefix("object ").unwrap_or_else(|| panic!("{place}"));
        id.to_owned()
    };
    places_of_problems(report).into_iter().map(object).collect()
}

#[test]
fn objects_of_a_history_whose_reads_fail_are_named() {
    for packed in [true, false] {
        let (place, tools) = (history(), Place::new());
        let (library, list) = (library(&tools), tools.path().join("list"));
        let args = ["scan", "--history", "--no-cache"];
        let mut blobs: BTreeMap<String, String> = BTreeMap::new();
        if packed {
            place.git(&["repack", "-adfq", "--depth=4"]);
            let index = place.git(&["rev-parse", "--git-path", "objects/pack"]);
            let index = std::fs::read_dir(place.path().join(index)).unwrap();
            let index = index
                .map(|e| e.unwrap().path())
                .find(|p| p.extension().is_some_and(|e| e == "idx"));
            let listing = place.git(&["verify-pack", "-v", index.unwrap().to_str().unwrap()]);
            for line in listing.lines().filter(|line| line.get(41..45) == Some("blob")) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let (size, start): (u64, u64) =
                    (words[3].parse().unwrap(), words[4].parse().unwrap());
                blobs.insert(words[0].to_owned(), format!("P {start} {end}", end = start + size));
            }
        } else {
            let all = "--batch-check=%(objectname) %(objecttype)";
            let listing = place.git(&["cat-file", "--batch-all-objects", all]);
            for id in listing.lines().filter_map(|line| line.strip_suffix(" blob")) {
                let path = format!("F /objects/{}/{}", &id[..2], &id[2..]);
                blobs.insert(id.to_owned(), path);
            }
        }
        assert_eq!(blobs.len(), 48);
        let exact = json(place.path(), &args);
        let held: BTreeSet<String> = findings(&exact, "blob").into_values().collect();
        for seed in 0..SEEDS {
            let chosen = pick(blobs.keys(), seed, 10);
            let faults: Vec<String> = chosen.iter().map(|id| blobs[id].clone()).collect();
            let (report, code) = with_faults(place.path(), &args, (&library, &list), &faults);
            let failed = blobs_of_problems(&report);
            // Versions that are stored as differences to a failed one fail with it, and are named.
            assert!(failed.is_superset(&chosen), "seed {seed}: {failed:?} of {chosen:?}");
            assert!(packed || failed == chosen, "seed {seed}");
            assert_eq!(code, Some(if failed.is_empty() { 1 } else { 2 }), "seed {seed}");
            let (got, mut want) = (findings(&report, "blob"), findings(&exact, "blob"));
            want.retain(|_, blob| !failed.contains(blob));
            // A key whose first version failed is reported where it stands next.
            let missing = want.keys().find(|print| !got.contains_key(*print));
            assert_eq!(missing, None, "seed {seed}, packed {packed}");
            let beyond = got.keys().find(|print| !findings(&exact, "blob").contains_key(*print));
            assert_eq!(beyond, None, "seed {seed}");
        }
        assert!(!held.is_empty());
    }
}

/// The report and the exit code, or only that where there is no report.
fn outcome(
    folder: &Path,
    args: &[&str],
    (library, list): (&Path, &Path),
    faults: &[String],
) -> (Option<Value>, Option<i32>) {
    std::fs::write(list, faults.join("\n")).unwrap();
    let mut command = keylint(folder);
    command.args(args).args(["-f", "json"]).env("LD_PRELOAD", library).env("FAULTS", list);
    let output = command.output().unwrap();
    (serde_json::from_slice(&output.stdout).ok(), output.status.code())
}

#[test]
fn where_a_file_of_git_cannot_be_read_nothing_is_missing_in_silence() {
    let (place, tools) = (Place::new(), Place::new());
    let (library, list) = (library(&tools), tools.path().join("list"));
    place.init();
    place.commit(1, "kept/a.txt", &key("nbpro1"));
    place.git(&["branch", "old"]);
    place.git(&["checkout", "-q", "-b", "side"]);
    place.commit(2, "side.txt", &key("nbpro2"));
    place.git(&["pack-refs", "--all"]);
    place.git(&["checkout", "-q", "--detach", "main"]);
    place.commit(3, "detached.txt", &key("nbpro3"));
    place.git(&["branch", "loose", "HEAD"]);
    place.commit(4, "last.txt", &key("nbpro4"));
    place.write(".gitignore", "kept/\n");
    place.write("staged.txt", key("nbpro5"));
    place.git(&["add", "staged.txt"]);
    let runs: [&[&str]; 5] = [
        &["scan"],
        &["scan", "--staged"],
        &["scan", "--history", "--no-cache"],
        &["scan", "--range", "HEAD~1..HEAD"],
        &["audit", "--no-cache"],
    ];
    let (mut refused, mut missing) = (0, 0);
    for args in runs {
        let exact = findings(&json(place.path(), args), "path");
        assert!(!exact.is_empty(), "{args:?}");
        for name in ["HEAD", "index", "config", "packed-refs", "refs/heads/loose"] {
            let faults = [format!("F /.git/{name}")];
            let (report, code) = outcome(place.path(), args, (&library, &list), &faults);
            let Some(report) = report else {
                assert_eq!(code, Some(2), "{args:?}, {name}");
                refused += 1;
                continue;
            };
            let got = findings(&report, "path");
            missing += usize::from(got != exact);
            assert!(got == exact || code == Some(2), "{args:?}, {name}: {code:?}");
            assert!(got.keys().all(|print| exact.contains_key(print)), "{args:?}, {name}");
        }
    }
    assert!(refused > 2 && missing > 2, "{refused} were refused, {missing} are incomplete");
}

#[test]
fn where_commits_and_trees_cannot_be_read_nothing_is_missing_in_silence() {
    let (place, tools) = (history(), Place::new());
    let (library, list) = (library(&tools), tools.path().join("list"));
    let all = "--batch-check=%(objectname) %(objecttype)";
    let listing = place.git(&["cat-file", "--batch-all-objects", all]);
    let ids = listing.lines().filter(|line| !line.ends_with(" blob"));
    let ids: Vec<String> = ids.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 16);
    let runs: [&[&str]; 2] =
        [&["scan", "--history", "--no-cache"], &["scan", "--range", "HEAD~6..HEAD"]];
    let mut missing = 0;
    for args in runs {
        let exact = findings(&json(place.path(), args), "path");
        for seed in 0..SEEDS / 2 {
            let chosen = pick(ids.iter(), seed, 8);
            let fault = |id: &String| format!("F /objects/{}/{}", &id[..2], &id[2..]);
            let faults: Vec<String> = chosen.iter().map(fault).collect();
            let (report, code) = outcome(place.path(), args, (&library, &list), &faults);
            let Some(report) = report else {
                assert_eq!(code, Some(2), "{args:?}, seed {seed}");
                continue;
            };
            let got = findings(&report, "path");
            missing += usize::from(got != exact);
            assert!(got == exact || code == Some(2), "{args:?}, seed {seed}: {code:?}");
            // What is named did fail.
            let said = report["problems"].to_string();
            assert_eq!(said == "[]", code == Some(1), "{args:?}, seed {seed}: {said}");
            let named = chosen.iter().any(|id| said.contains(id.as_str()));
            assert!(said == "[]" || named, "{args:?}, seed {seed}: {said}");
        }
    }
    assert!(missing > 5, "{missing} reports are incomplete");
}

#[test]
fn a_read_that_does_not_come_back_is_left_at_a_signal() {
    let (place, tools) = (Place::new(), Place::new());
    let (library, list) = (library(&tools), tools.path().join("list"));
    for n in 0..8 {
        place.write(&format!("f{n}.txt"), key("slack"));
    }
    std::fs::write(&list, "H /f3.txt").unwrap();
    for threads in ["1", "4"] {
        let mut command = keylint(place.path());
        command.args(["scan", "-f", "json", "-j", threads]).env("LD_PRELOAD", &library);
        command.env("FAULTS", &list).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let mark = tools.path().join("list.hangs");
        while std::fs::remove_file(&mark).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        crate::written::interrupt(&child, "-TERM");
        let start = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        assert_eq!(output.status.code(), Some(143));
        assert!(stderr(&output).contains("a read does not come back"), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}
