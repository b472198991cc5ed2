//! Nothing is lost in silence by `--range` and `--staged`: reads of objects fail at random, and what is found is
//! what is found without faults, less what the construction says must be missing, which is named.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::common::{Place, json};
use crate::lost::{Found, SEEDS, found, library, outcome, packed_blobs, pick};

/// A key of its own for each number.
fn key(nth: u32) -> String {
    let mut body = String::new();
    let mut state = u64::from(nth) + 7;
    while body.len() < 32 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        body += &format!("{part:08x}", part = state >> 32);
    }
    ["sk-", &body[..32]].concat()
}

fn loose(id: &str) -> String {
    format!("F /objects/{}/{}", &id[..2], &id[2..])
}

/// Ids of the objects that are said to be unreadable.
fn named(report: &Value) -> BTreeSet<String> {
    let all = report["problems"].as_array().unwrap().iter();
    let id = |problem: &Value| {
        let text = format!("{} {}", problem["place"].as_str().unwrap(), problem["message"]);
        let at = text.find("object ").unwrap_or_else(|| panic!("{text}"));
        text[at + 7..at + 47].to_owned()
    };
    all.map(id).collect()
}

/// Faults for one run, by id.
fn faults(place: &Place, packed: bool, ids: &BTreeSet<String>) -> BTreeMap<String, String> {
    match packed {
        true => packed_blobs(place)
            .into_iter()
            .map(|(id, (start, end))| (id, format!("R {start} {end}")))
            .collect(),
        false => ids.iter().map(|id| (id.clone(), loose(id))).collect(),
    }
}

const FILES: u32 = 6;
const DAYS: u32 = 8;

/// A branch of eight commits; each adds a key to each of six files. Half of the files keep all, of the others
/// each commit takes out what the one before it added.
fn branch() -> Place {
    let place = Place::new();
    place.init();
    let mut texts = vec![String::new(); FILES as usize];
    for day in 0..=DAYS {
        for n in 0..FILES {
            let text = &mut texts[n as usize];
            if n % 2 == 1 || day == 0 {
                *text = (0..150).map(|line| format!("line {line} of file {n}\n")).collect();
            }
            *text += &format!("k{day} = '{}'\nmore of {day} in {n}\n", key(day * FILES + n));
            place.write(&format!("f{n}.py"), &*text);
        }
        place.git(&["add", "-A"]);
        place.git_at(day + 1, &["commit", "-q", "-m", "x"]);
    }
    place
}

#[test]
fn of_a_range_only_what_failed_blobs_add_is_missing() {
    let args = ["scan", "--range", "HEAD~8..HEAD"];
    for packed in [false, true] {
        let (place, tools) = (branch(), Place::new());
        let (library, list) = (library(&tools), tools.path().join("list"));
        let id = |day: u32, n: u32| {
            place.git(&["rev-parse", &format!("HEAD~{back}:f{n}.py", back = DAYS - day)])
        };
        let ids: Vec<Vec<String>> =
            (0..=DAYS).map(|day| (0..FILES).map(|n| id(day, n)).collect()).collect();
        if packed {
            place.git(&["repack", "-adfq", "--depth=4"]);
        }
        let all = ids.iter().flatten().cloned().collect();
        let faults = faults(&place, packed, &all);
        // What a version adds needs it, and the one before it.
        let want = |failed: &BTreeSet<String>| -> Found {
            let all = (1..=DAYS).flat_map(|day| (0..FILES).map(move |n| (day, n)));
            let is_there = |(day, n): &(u32, u32)| {
                let of = |day: u32| &ids[day as usize][*n as usize];
                !failed.contains(of(*day)) && !failed.contains(of(day - 1))
            };
            let shown = |(day, n)| (format!("f{n}.py"), redacted(&key(day * FILES + n)));
            all.filter(is_there).map(shown).collect()
        };
        let exact = found(&json(place.path(), &args));
        assert_eq!((&exact, exact.len()), (&want(&BTreeSet::new()), 48));
        let mut missing = 0;
        for seed in 0..SEEDS / 2 {
            let chosen = pick(all.iter(), seed, 12);
            let lines: Vec<String> = chosen.iter().map(|id| faults[id].clone()).collect();
            let (report, code) = outcome(place.path(), &args, (&library, &list), &lines);
            let report = report.unwrap();
            let failed = named(&report);
            assert!(failed.is_superset(&chosen), "seed {seed}: {failed:?} of {chosen:?}");
            assert!(packed || failed == chosen, "seed {seed}");
            assert_eq!(found(&report), want(&failed), "seed {seed}, packed {packed}");
            assert_eq!(code, Some(if failed.is_empty() { 1 } else { 2 }), "seed {seed}");
            missing += usize::from(found(&report) != exact);
        }
        assert!(missing > 5, "{missing} reports are incomplete");
    }
}

/// A key as a report has it.
fn redacted(key: &str) -> String {
    keylint::secret::redact(key.as_bytes())
}

/// The trees of a commit of which two folders change in turn.
struct Version {
    commit: String,
    tree: String,
    folders: [String; 2],
}

/// A key in one of two folders with each commit.
fn folders() -> (Place, Vec<Version>) {
    let place = Place::new();
    place.init();
    for n in 0..2 {
        place.write(&format!("d{n}/f"), format!("{n}\n"));
    }
    let mut versions = Vec::new();
    for day in 0..=DAYS {
        if day > 0 {
            place.write(&format!("d{}/f{day}.py", day % 2), format!("k = '{}'\n", key(day)));
        }
        place.git(&["add", "-A"]);
        place.git_at(day + 1, &["commit", "-q", "-m", "x"]);
        let id = |what: &str| place.git(&["rev-parse", what]);
        let folders = [id("HEAD:d0"), id("HEAD:d1")];
        versions.push(Version { commit: id("HEAD"), tree: id("HEAD^{tree}"), folders });
    }
    (place, versions)
}

/// What is to be found where the objects `failed` cannot be read; `None` where the range is refused.
fn left(versions: &[Version], failed: &BTreeSet<String>) -> Option<Found> {
    let fails = |id: &String| failed.contains(id);
    let (first, last) = (&versions[0], &versions[DAYS as usize]);
    if [first, last].iter().any(|end| fails(&end.commit)) {
        return None;
    }
    let mut all = Found::new();
    for day in (1..=DAYS as usize).rev() {
        let (before, now, at) = (&versions[day - 1], &versions[day], day % 2);
        if fails(&now.commit) {
            // What is behind it cannot be told from what is in no branch.
            break;
        }
        let read = [&before.commit, &before.tree, &now.tree];
        let folders = [&before.folders[at], &now.folders[at]];
        if !read.into_iter().chain(folders).any(fails) {
            all.insert((format!("d{at}/f{day}.py"), redacted(&key(day as u32))));
        }
    }
    Some(all)
}

#[test]
fn of_a_range_only_what_failed_commits_and_trees_add_is_missing() {
    let ((place, versions), tools) = (folders(), Place::new());
    let (library, list) = (library(&tools), tools.path().join("list"));
    // `HEAD~8` would need all commits.
    let ends = format!("{}..HEAD", versions[0].commit);
    let args = ["scan", "--range", &ends];
    let ids: BTreeSet<String> = versions
        .iter()
        .flat_map(|it| [&it.commit, &it.tree].into_iter().chain(&it.folders).cloned())
        .collect();
    let exact = found(&json(place.path(), &args));
    assert_eq!((Some(&exact), exact.len()), (left(&versions, &BTreeSet::new()).as_ref(), 8));
    let (mut missing, mut refused) = (0, 0);
    for seed in 0..2 * SEEDS {
        let failed = pick(ids.iter(), seed, 16);
        let lines: Vec<String> = failed.iter().map(|id| loose(id)).collect();
        let (report, code) = outcome(place.path(), &args, (&library, &list), &lines);
        let want = left(&versions, &failed);
        assert_eq!(report.as_ref().map(found), want, "seed {seed}: {failed:?} {report:#?}");
        let Some(report) = report else {
            refused += 1;
            assert_eq!(code, Some(2), "seed {seed}");
            continue;
        };
        let told = named(&report);
        assert!(told.is_subset(&failed), "seed {seed}: {told:?} of {failed:?}");
        assert_eq!(code, Some(if told.is_empty() { 1 } else { 2 }), "seed {seed}");
        missing += usize::from(want != Some(exact.clone()));
        assert!(want == Some(exact.clone()) || !told.is_empty(), "seed {seed}");
    }
    assert!(missing > 20 && refused > 2, "{missing} are incomplete, {refused} refused");
}

/// Forty files with a key are staged: ten new ones in each of two folders, and twenty that were there.
fn index() -> Place {
    let place = Place::new();
    place.init();
    let lines: String = (0..100).map(|line| format!("line {line}\n")).collect();
    for n in 0..40 {
        place.write(&format!("d{}/old{n}.py", n % 2), format!("{n}\n{lines}"));
    }
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "x"]);
    for n in 0..20 {
        place.write(&format!("d{}/old{n}.py", n % 2), format!("{n}\n{lines}'{}'\n", key(n)));
        place.write(&format!("d{}/new{n}.py", n % 2), format!("{n}\n'{}'\n", key(20 + n)));
    }
    place.git(&["add", "-A"]);
    place
}

/// The id of a path in the index or, with `HEAD`, in the last commit.
fn listed(place: &Place, args: &[&str]) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (facts, path) = line.split_once('\t').unwrap();
        (path.to_owned(), facts.split(' ').find(|word| word.len() == 40).unwrap().to_owned())
    };
    place.git(args).lines().map(line).collect()
}

#[test]
fn of_the_index_only_what_failed_objects_have_is_missing() {
    let (place, tools) = (index(), Place::new());
    let (library, list) = (library(&tools), tools.path().join("list"));
    let args = ["scan", "--staged"];
    let new = listed(&place, &["ls-files", "-s"]);
    let old = listed(&place, &["ls-tree", "-r", "HEAD"]);
    let trees: BTreeMap<String, String> = listed(&place, &["ls-tree", "HEAD"]);
    let exact = found(&json(place.path(), &args));
    assert_eq!(exact.len(), 40);
    let of = |path: &str| {
        let folder = &trees[Path::new(path).parent().unwrap().to_str().unwrap()];
        [Some(&new[path]), old.get(path), Some(folder)]
    };
    let all: BTreeSet<String> =
        exact.iter().flat_map(|(path, _)| of(path)).flatten().cloned().collect();
    let mut missing = 0;
    for seed in 0..SEEDS {
        let failed = pick(all.iter(), seed, 20);
        let lines: Vec<String> = failed.iter().map(|id| loose(id)).collect();
        let (report, code) = outcome(place.path(), &args, (&library, &list), &lines);
        let report = report.unwrap();
        let mut want = exact.clone();
        want.retain(|(path, _)| !of(path).into_iter().flatten().any(|id| failed.contains(id)));
        assert_eq!(found(&report), want, "seed {seed}: {failed:?}");
        let told = named(&report);
        assert!(told.is_subset(&failed), "seed {seed}: {told:?} of {failed:?}");
        // What is below a folder that failed was not asked for.
        let folders = trees.values().any(|id| failed.contains(id));
        let mut asked = failed.clone();
        // Nor is what stood at the path of a file that failed.
        for (path, _) in exact.iter().filter(|(path, _)| failed.contains(&new[path])) {
            old.get(path).map(|id| asked.remove(id));
        }
        assert!(folders || told == asked, "seed {seed}: {told:?} of {failed:?}");
        assert_eq!(code, Some(if failed.is_empty() { 1 } else { 2 }), "seed {seed}");
        missing += usize::from(want != exact);
    }
    assert!(missing > 20, "{missing} reports are incomplete");
}
