//! The same history gives the same report, byte for byte, however it is stored.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Place, git, key, keylint, run, stdout};

/// Branches, a merge, a tag, a file that moves, keys that go and one in two files at once.
fn history() -> Place {
    let place = Place::new();
    place.init();
    let text = |day: u32, more: &str| {
        let lines: String = (0..80).map(|n| format!("line {n} of {}\n", day % 3)).collect();
        format!("{lines}{more}\n{lines}")
    };
    let secret = |kind: &str| format!("k = '{}'", key(kind));
    for day in 1..=8 {
        let kind = ["openrouter", "slack", "anthropic"][day as usize % 3];
        place.commit(day, &format!("d{}/f.py", day % 4), &text(day, &secret(kind)));
    }
    place.git(&["checkout", "-q", "-b", "side", "HEAD~3"]);
    place.commit(9, "side.py", &text(9, &secret("openrouter2")));
    place.commit(10, ".env", &format!("TOKEN={}\n", key("slack")));
    place.git(&["checkout", "-q", "main"]);
    place.git_at(11, &["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    place.git(&["mv", "d1/f.py", "moved.py"]);
    place.commit(12, "last.py", "nothing\n");
    place.git(&["tag", "-a", "-m", "x", "v1"]);
    place.git(&["checkout", "-q", "--detach"]);
    place.git(&["checkout", "-q", "main"]);
    place
}

/// Copies the repository to `to`, with what git has of it as loose objects.
fn copy(place: &Place, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    git(to, 1, &["clone", "-q", "--no-local", &place.path().display().to_string(), "."]);
    git(to, 1, &["remote", "remove", "origin"]);
    git(to, 1, &["branch", "side", "HEAD^1^2"]);
    to.to_owned()
}

/// Runs a line of shell in `folder`.
fn sh(folder: &Path, script: &str) {
    let mut command = std::process::Command::new("sh");
    let output = command.args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
}

fn unpack(folder: &Path) {
    sh(
        folder,
        "mkdir .git/aside && mv .git/objects/pack/* .git/aside/ && \
         for pack in .git/aside/*.pack; do git unpack-objects -q < $pack || exit 1; done; \
         rm -rf .git/aside",
    );
}

/// Packs that each hold what one commit more needs, with an index over all.
fn several_packs(folder: &Path) {
    unpack(folder);
    for id in ["side", "side~1", "HEAD~1", "HEAD"] {
        sh(folder, &format!("echo {id} | git pack-objects -q --revs .git/objects/pack/pack"));
    }
    git(folder, 1, &["prune-packed", "-q"]);
    git(folder, 1, &["multi-pack-index", "write"]);
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(".git/objects/pack")).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "pack")).collect()
}

/// A pack and its index under a second name: every object is there twice.
fn twice(folder: &Path) {
    for pack in packs(folder) {
        for extension in ["pack", "idx"] {
            let copy = pack.with_file_name(format!("pack-{}.{extension}", "0".repeat(40)));
            fs::copy(pack.with_extension(extension), copy).unwrap();
        }
    }
}

fn reports(folder: &Path, bare: bool) -> Vec<String> {
    let mut all = Vec::new();
    let commands: [&[&str]; 2] =
        [&["scan", "--history", "--no-cache"], &["audit", "--no-cache", "--as-of", "2024-06-01"]];
    for command in commands.iter().take(if bare { 1 } else { 2 }) {
        for format in ["json", "sarif", "human"] {
            let output = run(folder, &[*command, &["-f", format]].concat());
            assert_eq!(output.status.code(), Some(1), "{command:?} in {}", folder.display());
            all.push(stdout(&output));
        }
    }
    all
}

#[test]
fn a_history_that_is_stored_in_other_ways_gives_the_same_report() {
    let (place, clones) = (history(), Place::new());
    let make = |name: &str, commands: &[&[&str]]| {
        let folder = copy(&place, &clones.path().join(name));
        commands.iter().for_each(|args| _ = git(&folder, 1, args));
        folder
    };
    let one = make("one", &[&["repack", "-adfq"]]);
    let want = reports(&one, false);
    assert!(want[0].len() > 5000 && want.iter().all(|report| report.contains("moved.py")));
    let aggressive: &[&[&str]] = &[&["gc", "-q", "--aggressive", "--prune=now"]];
    let flat: &[&[&str]] = &[&["repack", "-adfq", "--depth=1", "--window=0"]];
    let deep: &[&[&str]] = &[&["repack", "-adfq", "--depth=50", "--window=200"]];
    let graph: &[&[&str]] = &[
        &["repack", "-adbfq"],
        &["commit-graph", "write", "--reachable"],
        &["multi-pack-index", "write"],
        &["pack-refs", "--all"],
    ];
    let several = make("several", &[]);
    several_packs(&several);
    let loose = make("loose", &[]);
    unpack(&loose);
    let doubled = make("doubled", &[&["repack", "-adq"]]);
    twice(&doubled);
    let borrowed = clones.path().join("borrowed");
    git(clones.path(), 1, &["clone", "-q", "--shared", "one", "borrowed"]);
    git(&borrowed, 1, &["remote", "remove", "origin"]);
    git(&borrowed, 1, &["branch", "side", "HEAD^1^2"]);
    assert_eq!((packs(&loose).len(), packs(&one).len(), packs(&several).len()), (0, 1, 4));
    let all = [
        loose,
        make("aggressive", aggressive),
        make("flat", flat),
        make("deep", deep),
        make("graph", graph),
        several,
        doubled,
        borrowed,
    ];
    for folder in &all {
        assert_eq!(reports(folder, false), want, "{}", folder.display());
    }
    git(clones.path(), 1, &["clone", "-q", "--bare", "one", "bare.git"]);
    git(&clones.path().join("bare.git"), 1, &["remote", "remove", "origin"]);
    assert_eq!(reports(&clones.path().join("bare.git"), true)[..], want[..3]);
    // With many threads, and with what one way of storing left in the cache for the next one.
    for folder in &all {
        let mut command = keylint(folder);
        command.args(["scan", "--history", "-f", "json", "-j", "7"]);
        let cached = command.env("XDG_CACHE_HOME", clones.path().join("cache")).output().unwrap();
        assert_eq!(stdout(&cached), want[0], "{}", folder.display());
    }
}

/// All commands work on repositories with ids of SHA-256, as with those of SHA-1.
#[test]
fn sha256_repositories_are_scanned_by_all_commands() {
    let place = Place::new();
    place.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    place.commit(1, "a.py", "x = 1\n");
    let id = place.commit(2, "k.py", &format!("k = '{}'\n", key("openrouter")));
    assert_eq!(id.len(), 64);
    place.commit(3, "k.py", "k = ''\n");
    place.write("s.py", format!("k = '{}'\n", key("slack")));
    place.git(&["add", "-A"]);
    place.git(&["tag", "-a", "-m", "x", "v1"]);
    place.git(&["stash", "-q"]);
    place.git(&["stash", "apply", "-q", "--index"]);
    for _ in 0..2 {
        let commands: [(&[&str], &str); 5] = [
            (&["scan", "--history", "--no-cache"], "k.py"),
            (&["scan", "--range", "HEAD~2..HEAD"], "k.py"),
            (&["scan", "--staged"], "s.py"),
            (&["audit", "--no-cache"], "k.py"),
            (&["scan"], "s.py"),
        ];
        for (command, path) in commands {
            let output = run(place.path(), command);
            assert_eq!(output.status.code(), Some(1), "{command:?}");
            assert!(stdout(&output).contains(path), "{command:?}: {}", stdout(&output));
        }
        place.git(&["gc", "-q"]);
    }
}
