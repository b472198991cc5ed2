//! Histories that grow in every way git offers: the report is that of a scan that knows nothing, and what was there is
//! not read again.

use std::fs;

use crate::common::{Place, key, keylint, stdout};

/// Numbers that are the same on every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn of<'l, T: ?Sized>(&mut self, list: &[&'l T]) -> &'l T {
        list[self.below(list.len())]
    }
}

/// A repository, another one that is a clone of it, and what is known of them.
struct Grower {
    place: Place,
    other: Place,
    chance: Chance,
    commits: Vec<String>,
    nth: usize,
}

const PATHS: [&str; 7] =
    ["a.py", "src/b.py", "src/deep/.env", "tests/c.txt", ".env", "lib/src/b.py", "notes.txt"];

impl Grower {
    fn new(seed: u64) -> Self {
        let (place, other) = (Place::new(), Place::new());
        place.init().commit(1, "a.py", "first\n");
        let from = place.path().display().to_string();
        other.git(&["clone", "-q", &from, "."]);
        let commits = vec![place.git(&["rev-parse", "HEAD"])];
        Self { place, other, chance: Chance(seed), commits, nth: 0 }
    }

    fn git(&self, args: &[&str]) -> String {
        self.place.git(args)
    }

    fn day(&mut self) -> u32 {
        // Clocks of committers differ.
        u32::try_from(1 + self.chance.below(28)).unwrap()
    }

    fn content(&mut self) -> String {
        let value = key(self.chance.of(&["openrouter", "slack", "anthropic"]));
        match self.chance.below(4) {
            0 => format!("# {nth}\nTOKEN='{value}'\n", nth = self.nth),
            1 => format!("x\n{}\nk = \"{value}\"\n", "line\n".repeat(self.chance.below(300))),
            2 => format!("\0{nth}", nth = self.nth),
            _ => format!("nothing here {}\n", self.chance.below(3)),
        }
    }

    fn commit(&mut self) {
        let (day, path, content) = (self.day(), self.chance.of(&PATHS), self.content());
        let at = self.place.path().join(path);
        // It may be a folder, or below what is a file now.
        if !at.is_dir() && fs::create_dir_all(at.parent().unwrap()).is_ok() {
            fs::write(at, format!("{content}{nth}", nth = self.nth)).unwrap();
        }
        self.record(day);
    }

    fn record(&mut self, day: u32) {
        self.git(&["add", "-A", "-f"]);
        self.place.git_at(day, &["commit", "-q", "--allow-empty", "-m", "x"]);
        self.commits.push(self.git(&["rev-parse", "HEAD"]));
    }

    fn old(&mut self) -> String {
        let nth = self.chance.below(self.commits.len());
        self.commits[nth].clone()
    }

    /// A commit with the tree of one and others for parents; some of them may be gone.
    fn woven(&mut self) {
        let (tree, one, two, day) = (self.old(), self.old(), self.old(), self.day());
        let there = |id: &String| {
            self.git(&["cat-file", "--batch-check", "--batch-all-objects"]).contains(id)
        };
        if [&tree, &one, &two].into_iter().all(there) {
            let tree = format!("{tree}^{{tree}}");
            let args = ["commit-tree", &tree, "-m", "x", "-p", &one, "-p", &two];
            let args = if one == two { &args[..6] } else { &args[..] };
            let id = self.place.git_at(day, args);
            let branch = format!("refs/heads/w{}", self.chance.below(3));
            self.git(&["update-ref", &branch, &id]);
            self.commits.push(id);
        }
    }

    /// Commits in the clone, which come in a pack.
    fn fetch(&mut self) {
        let from = self.place.path().display().to_string();
        self.other.git(&["fetch", "-q", &from, "HEAD"]);
        self.other.git(&["checkout", "-q", "-f", "--detach", "FETCH_HEAD"]);
        for more in 0..1 + self.chance.below(3) {
            let (day, content) = (self.day(), self.content());
            let content = format!("{content}{nth} {more}", nth = self.nth);
            self.other.commit(day, &format!("other{}.py", self.chance.below(2)), &content);
        }
        let to = self.other.path().display().to_string();
        let branch = format!("HEAD:refs/remotes/o/b{}", self.chance.below(3));
        self.git(&["-c", "fetch.unpackLimit=1", "fetch", "-q", "-f", &to, &branch]);
    }

    fn step(&mut self) {
        self.nth += 1;
        match self.chance.below(4) {
            0 => self.turn(),
            1 => self.rearrange(),
            2 => self.change(),
            _ => self.commit(),
        }
    }

    /// Something that happens to refs.
    fn turn(&mut self) {
        let side = format!("side{}", self.chance.below(3));
        match self.chance.below(7) {
            0 => drop(self.git(&["checkout", "-q", "-f", "-B", &side])),
            1 => drop(self.git(&["checkout", "-q", "-f", "--detach"])),
            2 => drop(self.git(&["update-ref", "refs/heads/back", "HEAD"])),
            3 => drop(self.git(&["commit", "-q", "--amend", "--allow-empty", "-m", "y"])),
            4 => {
                let all = self.git(&["for-each-ref", "--format=%(refname)", "refs/heads/"]);
                let head = self.git(&["rev-parse", "--symbolic-full-name", "HEAD"]);
                let all: Vec<&str> = all.lines().filter(|name| *name != head).collect();
                if !all.is_empty() {
                    let gone = self.chance.of(&all);
                    self.git(&["update-ref", "-d", gone]);
                }
            }
            5 => {
                let what = self.chance.of(&["HEAD", "HEAD^{tree}", "HEAD:a.py"]).to_owned();
                if self.place.path().join("a.py").is_file() {
                    let plain = ["tag", "-f", &side, &what];
                    let noted = ["tag", "-f", "-a", "-m", "x", &side, &what];
                    let args = if self.chance.below(2) == 0 { &plain[..] } else { &noted };
                    self.git(args);
                }
            }
            _ => {
                let old = self.old();
                // It may be gone.
                let _ = std::process::Command::new("git")
                    .args(["checkout", "-q", "-f", &old])
                    .current_dir(self.place.path())
                    .output();
            }
        }
    }

    /// Something that happens to objects, whatever they hold.
    fn rearrange(&mut self) {
        match self.chance.below(6) {
            0 => drop(self.git(&["pack-refs", "--all"])),
            1 => drop(self.git(&["repack", "-q", "-d"])),
            2 if self.chance.below(3) == 0 => drop(self.git(&["gc", "-q", "--prune=now"])),
            3 => {
                let content = self.content();
                self.place.write("loose", content);
                self.git(&["hash-object", "-w", "loose"]);
            }
            _ => self.fetch(),
        }
    }

    /// A commit that is none of a file alone.
    fn change(&mut self) {
        match self.chance.below(5) {
            0 => {
                let heads = "--format=%(objectname)";
                let tips = self.git(&["for-each-ref", heads, "refs/heads"]) + "\nHEAD";
                let tips: Vec<&str> = tips.trim().lines().collect();
                let (tip, day) = (self.chance.of(&tips).to_owned(), self.day());
                let merge = ["merge", "-q", "--no-ff", "--allow-unrelated-histories", "-s", "ours"];
                self.place.git_at(day, &[&merge[..], &["-m", "x", &tip]].concat());
                self.commits.push(self.git(&["rev-parse", "HEAD"]));
            }
            1 => {
                let id = format!("{:040x}", 1 + self.chance.below(1000));
                let entry = format!("160000,{id},sub{}", self.chance.below(2));
                self.git(&["update-index", "--add", "--cacheinfo", &entry]);
                self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
            }
            2 => {
                let (from, to) = (self.chance.of(&PATHS), self.chance.of(&PATHS));
                let at = |path: &str| self.place.path().join(path);
                let _ = fs::create_dir_all(at(to).parent().unwrap());
                let _ = fs::rename(at(from), at(to));
                let day = self.day();
                self.record(day);
            }
            _ => self.woven(),
        }
    }

    /// The report with a cache and without; both have to be the same.
    fn both(&self, command: &[&str]) {
        let command = [command, &["-f", "json", "-v"]].concat();
        let run = |args: &[&str]| {
            let cache = self.place.path().join(".git/cache");
            keylint(self.place.path()).args(args).env("XDG_CACHE_HOME", cache).output().unwrap()
        };
        let with = run(&command);
        let without = run(&[&command[..], &["--no-cache"]].concat());
        assert_eq!(stdout(&with), stdout(&without), "{command:?} after step {}", self.nth);
        assert_eq!(with.status.code(), without.status.code());
    }

    /// The files of the cache behind their heads, without what was there.
    fn kept(&self) -> Vec<Vec<u8>> {
        let files = fs::read_dir(self.place.path().join(".git/cache/keylint"));
        let files = files.into_iter().flatten().flatten();
        let part = |bytes: &[u8], at: usize| {
            at + 12
                + usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()))
                    .unwrap()
        };
        let rest = |bytes: Vec<u8>| {
            let stock = part(&bytes, b"keylint history 5\n".len());
            bytes[part(&bytes, stock)..].to_vec()
        };
        files.map(|file| rest(fs::read(file.path()).unwrap())).collect()
    }
}

#[test]
fn whatever_comes_the_report_is_that_of_a_new_scan() {
    let (mut grown, mut whole) = (0, 0);
    for seed in 1..=4 {
        let mut grower = Grower::new(seed);
        for _ in 0..40 {
            grower.step();
            if grower.chance.below(2) == 0 {
                let before = grower.kept();
                grower.both(&["scan", "--history"]);
                let same = grower.kept().iter().any(|file| before.contains(file));
                if same { grown += 1 } else { whole += 1 }
            }
            if grower.chance.below(4) == 0 {
                grower.both(&["audit", "--as-of", "2024-06-01"]);
            }
            if grower.chance.below(16) == 0 {
                grower.both(&["scan", "--history", "--unreachable"]);
            }
        }
    }
    assert!(grown > 50 && whole > 2, "{grown} {whole}");
}
