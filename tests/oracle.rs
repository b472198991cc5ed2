//! History scans against an oracle: random histories, and git itself asked for every commit.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::common::{Place, json, key};

/// A small random number generator; the seed names the history.
struct Dice(u64);

impl Dice {
    /// A key that nobody has seen.
    fn key(&mut self) -> String {
        let body: String = (0..64).map(|_| format!("{:x}", self.roll(16))).collect();
        ["sk-or-", "v1-", &body].concat()
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Makes a history of branches and merges in which keys come, move and go.
fn make(seed: u64) -> Place {
    let place = Place::new();
    place.init();
    let mut dice = Dice(seed);
    place.commit(1, "README", "start\n");
    let files = ["a.py", "src/b.js", "src/deep/c.env", "d.txt"];
    for day in 2..26 {
        let file = files[dice.roll(4) as usize];
        let secret = match dice.roll(4) {
            0 => key("openrouter"),
            1 => key("slack"),
            _ => "nothing".to_owned(),
        };
        place.write(file, format!("# {day}\nvalue = \"{secret}\"\nend {}\n", dice.roll(3)));
        place.git(&["add", "-A"]);
        place.git_at(day, &["commit", "-q", "--allow-empty", "-m", "c"]);
        match dice.roll(6) {
            0 => drop(place.git(&["checkout", "-q", "-b", &format!("b{day}")])),
            1 => drop(place.git(&["checkout", "-q", "main"])),
            2 => {
                let side = place.git(&["rev-parse", "HEAD~1"]);
                place.git_at(day, &["merge", "-q", "-s", "ours", "--no-edit", &side]);
            }
            3 => drop(place.git(&["gc", "-q"])),
            _ => {}
        }
    }
    place
}

/// (path, secret) -> first commit, by asking git for every file of every commit.
fn oracle(place: &Place) -> BTreeMap<(String, &'static str), String> {
    let commits = place.git(&["rev-list", "--all", "--topo-order", "--date-order", "--reverse"]);
    let mut first = BTreeMap::new();
    for commit in commits.lines() {
        for file in place.git(&["ls-tree", "-r", "--name-only", commit]).lines() {
            let text = place.git(&["show", &format!("{commit}:{file}")]);
            for kind in ["openrouter", "slack"] {
                if text.contains(&key(kind)) {
                    first.entry((file.to_owned(), kind)).or_insert_with(|| commit.to_owned());
                }
            }
        }
    }
    first
}

#[test]
fn findings_and_first_commits_are_gits() {
    for seed in 1..=6 {
        let place = make(seed);
        let report = json(place.path(), &["scan", "--history"]);
        let mut got = BTreeMap::new();
        for finding in report["findings"].as_array().unwrap() {
            let kind = match finding["check"].as_str().unwrap() {
                "slack-bot-token" => "slack",
                "openrouter-api-key" => "openrouter",
                other => panic!("{other}"),
            };
            let path = finding["path"].as_str().unwrap().to_owned();
            got.insert((path, kind), finding["commit"]["id"].as_str().unwrap().to_owned());
        }
        assert_eq!(got, oracle(&place), "seed {seed}");
        let objects = place.git(&[
            "rev-list",
            "--objects",
            "--all",
            "--filter=object:type=blob",
            "--no-object-names",
        ]);
        let mut blobs: Vec<&str> = objects.lines().collect();
        let commits = place.git(&["rev-list", "--all"]);
        blobs.retain(|id| !commits.contains(id));
        assert_eq!(report["stats"]["blobs"], blobs.len(), "seed {seed}: each blob once");
    }
}

/// Changes a few of `lines`: some come, with keys or without, some go, some are swapped.
fn edit(dice: &mut Dice, lines: &mut Vec<String>) {
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(lines.len() as u64 + 1) as usize;
        match dice.roll(5) {
            0 | 1 => lines.insert(at, format!("key = \"{}\"", dice.key())),
            2 => lines.insert(at, format!("text {}", dice.roll(1_000_000))),
            3 if at < lines.len() => drop(lines.remove(at)),
            _ if at + 1 < lines.len() => lines.swap(at, at + 1),
            _ => {}
        }
    }
}

/// Writes the files of a random state; now and then one goes, or comes back.
fn shuffle(dice: &mut Dice, place: &Place, files: &mut [(String, Vec<String>)]) {
    for (path, lines) in files.iter_mut() {
        match dice.roll(5) {
            0 => {}
            1 => drop(std::fs::remove_file(place.path().join(path.as_str()))),
            _ => {
                edit(dice, lines);
                let end = ["\n", ""][dice.roll(2) as usize];
                place.write(path, lines.join("\n") + end);
            }
        }
    }
    place.git(&["add", "-A"]);
}

/// The keys in the added lines of a diff of git's.
fn added(diff: &str) -> BTreeSet<String> {
    let lines = diff.lines().filter(|line| line.starts_with("+key = "));
    lines.map(|line| line.trim_start_matches("+key = ").trim_matches('"').to_owned()).collect()
}

fn keys(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["secret"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_staged_and_what_ranges_add_is_gits() {
    let mut seen = 0;
    for seed in 1..=4 {
        let (mut dice, place) = (Dice(seed), Place::new());
        place.init();
        let names = ["a.py", "b/c.txt", "b/d.js", "e/f/g.env"];
        let mut files: Vec<(String, Vec<String>)> =
            names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        place.commit(1, "README", "start\n");
        for day in 2..14 {
            shuffle(&mut dice, &place, &mut files);
            // Git counts a line as changed whose line end alone changes; keylint does not.
            let diff = ["diff", "--cached", "-U0", "--no-renames", "--ignore-space-at-eol"];
            let want = added(&place.git(&diff));
            let got = keys(&json(place.path(), &["scan", "--staged", "--show-secrets"]));
            let old = place.git(&["grep", "-h", "-e", "", "HEAD"]);
            let missed: Vec<&String> =
                want.difference(&got).filter(|k| !old.contains(*k)).collect();
            assert!(missed.is_empty(), "seed {seed}, day {day}: {missed:?}");
            let more: Vec<&String> = got.difference(&want).collect();
            assert!(more.is_empty(), "seed {seed}, day {day}: {more:?}");
            seen += got.len();
            place.git_at(day, &["commit", "-q", "--allow-empty", "-m", "c"]);
        }
        let args = ["scan", "--range", "HEAD~9..HEAD", "--show-secrets"];
        let got = keys(&json(place.path(), &args));
        let log = place.git(&["log", "-p", "-U0", "--no-renames", "HEAD~9..HEAD"]);
        let before = place.git(&["grep", "-h", "-e", "", "HEAD~9"]);
        let want: BTreeSet<String> =
            added(&log).into_iter().filter(|key| !before.contains(key.as_str())).collect();
        let got: BTreeSet<String> =
            got.into_iter().filter(|key| !before.contains(key.as_str())).collect();
        assert_eq!(got, want, "seed {seed}");
    }
    assert!(seen > 50, "{seen}");
}
