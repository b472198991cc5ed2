//! Repositories that are made to do harm: what they configure is never run, and damage ends no scan.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;

use crate::common::{Place, json, key, places, run, stderr, stdout};

pub(crate) fn line() -> String {
    format!("k = '{key}'\n", key = key("openrouter"))
}

/// All that looks at a repository.
const COMMANDS: [&[&str]; 8] = [
    &["scan"],
    &["scan", "--history", "--no-cache"],
    &["scan", "--staged"],
    &["scan", "--range", "HEAD~1..HEAD"],
    &["scan", "--since-merge-base", "HEAD~1"],
    &["audit", "--no-cache"],
    &["fix"],
    &["hook", "run", "pre-commit"],
];

#[test]
fn nothing_that_a_repository_configures_is_run() {
    let place = Place::new();
    place.init().commit(1, "a.py", "x = 1\n");
    place.write(".gitattributes", "*.py filter=evil diff=evil merge=evil\n");
    place.commit(2, "b.py", &line());
    place.write("c.py", line());
    place.git(&["add", "c.py"]);
    let marker = place.path().join(".git/was-run");
    let script = place.write(
        ".git/evil.sh",
        format!("#!/bin/sh\ntouch '{marker}'\nexec cat\n", marker = marker.display()),
    );
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let evil = script.display();
    let more = place.write(".git/more", format!("[core]\n\tpager = {evil}\n"));
    let config = place.path().join(".git/config");
    let mut text = fs::read_to_string(&config).unwrap();
    text += &format!(
        "[core]\n\tfsmonitor = {evil}\n\thooksPath = .git/evil\n\tsshCommand = {evil}\n\
         \teditor = {evil}\n\tpager = {evil}\n\taskPass = {evil}\n\tgitProxy = {evil}\n\
         [filter \"evil\"]\n\tclean = {evil}\n\tsmudge = {evil}\n\tprocess = {evil}\n\trequired = true\n\
         [diff \"evil\"]\n\ttextconv = {evil}\n\tcommand = {evil}\n[diff]\n\texternal = {evil}\n\
         [merge \"evil\"]\n\tdriver = {evil}\n[credential]\n\thelper = {evil}\n\
         [gpg]\n\tprogram = {evil}\n[log]\n\tshowSignature = true\n[uploadpack]\n\tpackObjectsHook = {evil}\n\
         [remote \"origin\"]\n\turl = ext::{evil}\n\tpromisor = true\n\tpartialclonefilter = blob:none\n\
         [include]\n\tpath = {more}\n",
        more = more.display()
    );
    fs::write(&config, text).unwrap();
    for hook in ["pre-commit", "post-checkout", "post-index-change", "fsmonitor-watchman"] {
        let path = place.write(&format!(".git/evil/{hook}"), fs::read(&script).unwrap());
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // The trap works: git itself falls into it.
    let _ = std::process::Command::new("git")
        .args(["status", "--short"])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(marker.exists(), "git runs what the repository names");
    fs::remove_file(&marker).unwrap();
    for command in COMMANDS {
        let output = run(place.path(), command);
        assert!(!marker.exists(), "{command:?} ran something");
        let text = stdout(&output) + &stderr(&output);
        assert!(text.contains("sk-o…8c24"), "{command:?}: {text}");
    }
}

#[test]
fn a_damaged_pack_ends_no_scan() {
    let place = Place::new();
    place.init();
    for day in 1..9 {
        let body = "some text that packs well\n".repeat(40 * day as usize);
        place.commit(day, &format!("d{}/f.py", day % 3), &format!("{body}{day}\n{}", line()));
    }
    place.git(&["gc", "-q"]);
    let whole = places(&json(place.path(), &["scan", "--history", "--no-cache"]));
    assert_eq!(whole.len(), 3);
    let folder = place.path().join(".git/objects/pack");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut seen = [0; 3];
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e != "rev")) {
        let bytes = fs::read(file).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len() / 45) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            fs::write(file, &damaged).unwrap();
            let output = run(place.path(), &["scan", "--history", "--no-cache", "-f", "json"]);
            let what = format!("{file}, byte {at}", file = file.display());
            assert_eq!(output.status.signal(), None, "{what}");
            assert!(!stderr(&output).contains("panicked"), "{what}: {}", stderr(&output));
            let code = output.status.code().unwrap();
            seen[usize::try_from(code).unwrap()] += 1;
            // Where something was lost it is said; where nothing is, all is found.
            if code == 1 {
                let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
                assert_eq!(places(&report), whole, "{what}");
            }
        }
        for len in [0, 7, bytes.len() / 2, bytes.len() - 1] {
            fs::write(file, &bytes[..len]).unwrap();
            let output = run(place.path(), &["scan", "--history", "--no-cache"]);
            assert_eq!(output.status.code(), Some(2), "{} cut to {len}", file.display());
        }
        fs::write(file, &bytes).unwrap();
    }
    assert!(seen[0] == 0 && seen[2] > 40, "{seen:?}");
}

/// Makes a pipe to which nobody writes.
pub(crate) fn pipe(place: &Place, path: &str) {
    let path = place.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&path);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
}

/// The commands that open the repository, each killed where it waits for ever; gives the exit codes.
pub(crate) fn bounded(place: &Place) -> Vec<Option<i32>> {
    let commands: [&[&str]; 3] =
        [&["scan"], &["scan", "--history", "--no-cache"], &["scan", "--staged", "--full"]];
    let code = |args: &&[&str]| {
        let mut command =
            crate::common::scrubbed(std::process::Command::new("timeout"), place.path());
        command.args(["-s", "KILL", "30", env!("CARGO_BIN_EXE_keylint")]).args(*args);
        command.output().unwrap().status.code()
    };
    commands.iter().map(code).collect()
}

/// Nobody writes to them: who opens one waits for ever.
#[test]
fn pipes_anywhere_in_the_git_folder_are_not_waited_for() {
    const FILES: [&str; 8] = [
        ".git/shallow",
        ".git/info/grafts",
        ".git/info/attributes",
        ".git/objects/info/alternates",
        ".git/objects/info/commit-graph",
        ".git/objects/pack/multi-pack-index",
        ".git/objects/pack/pack-1.idx",
        ".git/logs/refs/stash",
    ];
    for file in FILES {
        let place = Place::new();
        place.init().commit(1, "a.py", &line());
        pipe(&place, file);
        // Files are scanned without git; what needs git says that it cannot be opened.
        assert_eq!(bounded(&place), [Some(1), Some(2), Some(2)], "{file}");
    }
    // Nobody reads this one: submodules are told by their mode.
    let place = Place::new();
    place.init().commit(1, "a.py", &line());
    pipe(&place, ".gitmodules");
    assert_eq!(bounded(&place), [Some(1), Some(1), Some(0)]);
    let place = Place::new();
    place.init().commit(1, "a.py", &line());
    pipe(&place, &format!(".git/objects/aa/{}", "0".repeat(38)));
    let output = run(place.path(), &["scan", "--history", "--no-cache"]);
    assert_eq!(output.status.code(), Some(2), "a loose object that is a pipe is named");
    assert!(stdout(&output).contains("a.py"), "{}", stdout(&output));
    assert!(stderr(&output).contains("no regular file") || stdout(&output).contains("no regular"));
}

/// keylint reports what is stored, not what a local ref or file puts in its place.
#[test]
fn replaced_grafted_and_borrowed_objects_hide_nothing() {
    let place = Place::new();
    place.init().commit(1, "a.py", &line());
    let blob = place.git(&["rev-parse", "HEAD:a.py"]);
    place.commit(2, "b.py", "clean\n");
    let clean = place.git(&["rev-parse", "HEAD:b.py"]);
    place.git(&["rm", "-q", "a.py"]);
    place.git_at(3, &["commit", "-q", "-m", "gone"]);
    let scan = || places(&json(place.path(), &["scan", "--history", "--no-cache"]));
    let want = ["a.py:1 openrouter-api-key"];
    assert_eq!(scan(), want);
    place.git(&["replace", &blob, &clean]);
    assert_eq!(scan(), want, "a replaced blob");
    place.git(&["replace", "-f", "HEAD~2", "HEAD"]);
    assert_eq!(scan(), want, "a replaced commit");
    let head = place.git(&["rev-parse", "HEAD"]);
    fs::write(place.path().join(".git/info/grafts"), format!("{head}\n")).unwrap();
    assert_eq!(scan(), want, "a graft that cuts off the history");
    // Alternates in a ring, and the same folder in many spellings.
    let alternates = place.path().join(".git/objects/info/alternates");
    fs::write(&alternates, "../../.git/objects\n../objects/../objects\n").unwrap();
    assert_eq!(scan(), want, "alternates in a ring");
    fs::write(&alternates, "/nowhere/at/all\n").unwrap();
    let output = run(place.path(), &["scan", "--history", "--no-cache"]);
    assert_eq!(output.status.code(), Some(2), "an alternate that is not there");
}

/// Where `.git` is a file, it leads elsewhere; what it leads to may be nothing, itself or endless.
#[test]
fn a_git_file_that_leads_astray_leaves_the_files_scanned() {
    let place = Place::new();
    place.write("a.py", line());
    for text in ["gitdir: .git", "gitdir: /dev/zero", "gitdir: /nowhere", "gitdir: a.py", "", "x"] {
        place.write(".git", text);
        assert_eq!(bounded(&place), [Some(1), Some(2), Some(2)], "{text}");
    }
    pipe(&place, ".git");
    assert_eq!(bounded(&place), [Some(1), Some(2), Some(2)], "a pipe");
    for target in ["/dev/zero", ".git"] {
        fs::remove_file(place.path().join(".git")).unwrap();
        std::os::unix::fs::symlink(target, place.path().join(".git")).unwrap();
        assert_eq!(bounded(&place), [Some(1), Some(2), Some(2)], "a link to {target}");
    }
}
