//! History scans against an oracle: random histories, and git itself asked for every commit.

use std::collections::BTreeMap;

use crate::common::{Place, json, key};

/// A small random number generator; the seed names the history.
struct Dice(u64);

impl Dice {
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
