//! Nothing is lost in silence: reads fail at random, and what is reported is what a scan without faults
//! reports, less what stands in the files and objects that are named as failed.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{Place, json, key, keylint, parsed};

/// Runs of each kind.
pub(crate) const SEEDS: u64 = 40;

/// The library that makes reads fail, built by the C compiler that the build needs anyway.
pub(crate) fn library(place: &Place) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/faults.c");
    let library = place.path().join("faults.so");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(command.status().unwrap().success());
    library
}

/// The report of a run in which the reads that `faults` names fail, and its exit code.
pub(crate) fn with_faults(
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
pub(crate) fn pick<'a>(
    all: impl Iterator<Item = &'a String>,
    seed: u64,
    rate: u64,
) -> BTreeSet<String> {
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
pub(crate) fn findings(report: &Value, of: &str) -> BTreeMap<String, String> {
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|f| (f["fingerprint"].to_string(), f[of].as_str().unwrap().to_owned())).collect()
}

pub(crate) fn places_of_problems(report: &Value) -> BTreeSet<String> {
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

/// Places of findings with their values.
pub(crate) type Found = BTreeSet<(String, String)>;

/// A commit, its tree, and its folders with what is found in them.
type Version = (String, String, Vec<(String, Found)>);

/// The place and the value of each finding, by which a construction can tell what is to be found.
pub(crate) fn found(report: &Value) -> Found {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|it| (text(it, "path"), text(it, "secret"))).collect()
}

/// The commits of a history, from the last one back.
struct Versions {
    commits: Vec<Version>,
}

impl Versions {
    /// What is to be found where the objects `failed` cannot be read, and which of them are reached.
    fn without(&self, failed: &BTreeSet<String>) -> (Found, BTreeSet<String>) {
        let (mut left, mut met) = (BTreeSet::new(), BTreeSet::new());
        for (commit, tree, folders) in &self.commits {
            if failed.contains(commit) {
                met.insert(commit.clone());
                break;
            }
            if failed.contains(tree) {
                met.insert(tree.clone());
                continue;
            }
            for (folder, found) in folders {
                match failed.get(folder) {
                    Some(folder) => _ = met.insert(folder.clone()),
                    None => left.extend(found.iter().cloned()),
                }
            }
        }
        (left, met)
    }
}

/// A history of eight commits with two folders each, of which a commit changes one.
fn folders() -> (Place, Versions) {
    let place = Place::new();
    place.init();
    let mut commits = Vec::new();
    for day in 1..=8_u32 {
        let at = day % 2;
        place
            .write(&format!("d{at}/f{day}.py"), format!("k = '{}'\n", key(&format!("nbpro{day}"))));
        if day > 2 {
            std::fs::remove_file(place.path().join(format!("d{at}/f{}.py", day - 2))).unwrap();
        }
        place.git(&["add", "-A"]);
        place.git_at(day, &["commit", "-q", "-m", "x"]);
        let id = |what: &str| place.git(&["rev-parse", what]);
        let report = json(place.path(), &["scan"]);
        let here = found(&report);
        let folders = ["d0", "d1"].into_iter().filter(|folder| day > 1 || *folder == "d1");
        let folders = folders.map(|folder| {
            let inside = here.iter().filter(|(path, _)| path.starts_with(folder)).cloned();
            (id(&format!("HEAD:{folder}")), inside.collect())
        });
        commits.insert(0, (id("HEAD"), id("HEAD^{tree}"), folders.collect()));
    }
    (place, Versions { commits })
}

/// What is missing is what stands below that which is named, and nothing else.
#[test]
fn of_a_history_only_what_is_below_failed_commits_and_trees_is_missing() {
    let ((place, versions), tools) = (folders(), Place::new());
    let (library, list) = (library(&tools), tools.path().join("list"));
    let args = ["scan", "--history", "--no-cache"];
    let (all, _) = versions.without(&BTreeSet::new());
    assert_eq!((found(&json(place.path(), &args)), all.len()), (all, 8));
    let ids: BTreeSet<String> = versions
        .commits
        .iter()
        .flat_map(|(commit, tree, folders)| {
            [commit, tree].into_iter().chain(folders.iter().map(|(id, _)| id)).cloned()
        })
        .collect();
    let mut missing = 0;
    for seed in 0..SEEDS {
        let failed = pick(ids.iter(), seed, 8);
        let fault = |id: &String| format!("F /objects/{}/{}", &id[..2], &id[2..]);
        let faults: Vec<String> = failed.iter().map(fault).collect();
        let (report, code) = with_faults(place.path(), &args, (&library, &list), &faults);
        let (want, met) = versions.without(&failed);
        missing += usize::from(want.len() < 8);
        assert_eq!(found(&report), want, "seed {seed}: {report:#}");
        assert_eq!(code, Some(if failed.is_empty() { 1 } else { 2 }), "seed {seed}");
        let said = report["problems"].to_string();
        for id in &met {
            assert!(said.contains(id.as_str()), "seed {seed}: {id} is not named: {said}");
        }
    }
    assert!(missing > 5, "{missing} reports are incomplete");
}

/// A history of files that change a little, with a key each.
pub(crate) fn history() -> Place {
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

/// The blobs of the one pack, and where they start and end in it.
pub(crate) fn packed_blobs(place: &Place) -> BTreeMap<String, (u64, u64)> {
    let folder = place.git(&["rev-parse", "--git-path", "objects/pack"]);
    let mut files = std::fs::read_dir(place.path().join(folder)).unwrap();
    let index = files.find_map(|entry| {
        let path = entry.unwrap().path();
        path.extension().is_some_and(|end| end == "idx").then_some(path)
    });
    let listing = place.git(&["verify-pack", "-v", index.unwrap().to_str().unwrap()]);
    let blob = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (size, start): (u64, u64) = (words[3].parse().unwrap(), words[4].parse().unwrap());
        (words[0].to_owned(), (start, start + size))
    };
    listing.lines().filter(|line| line.get(41..45) == Some("blob")).map(blob).collect()
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
            blobs = packed_blobs(&place)
                .into_iter()
                .map(|(id, (start, end))| (id, format!("P {start} {end}")))
                .collect();
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
pub(crate) fn outcome(
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
