//! A scan of a history that was scanned before: the same report, and only what is new is read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::{Place, key, keylint, stderr, stdout};

/// Runs with the cache of `place`, which lies beside its work tree.
fn scan(place: &Place, args: &[&str]) -> Output {
    let folder = cache(place);
    keylint(place.path()).args(args).env("XDG_CACHE_HOME", folder).output().unwrap()
}

fn cache(place: &Place) -> PathBuf {
    place.path().join(".git/cache")
}

fn kept(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache(place).join("keylint")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// The report with the cache and without it; both have to be the same.
fn both(place: &Place, command: &[&str]) -> String {
    let command = [command, &["-f", "json", "-v"]].concat();
    let with = scan(place, &command);
    let without = scan(place, &[&command[..], &["--no-cache"]].concat());
    assert_eq!(stdout(&with), stdout(&without), "{command:?}");
    assert_eq!(with.status.code(), without.status.code());
    stdout(&with)
}

/// Takes the content of every loose object that is no commit and no tree, so that it cannot be read.
fn blind(place: &Place) -> usize {
    let mut blinded = 0;
    let list = place.git(&["cat-file", "--batch-check", "--batch-all-objects"]);
    for line in list.lines().filter(|line| line.contains(" blob ")) {
        let path = place.path().join(".git/objects").join(&line[..2]).join(&line[2..40]);
        if path.is_file() {
            fs::remove_file(&path).unwrap();
            fs::write(&path, "").unwrap();
            blinded += 1;
        }
    }
    blinded
}

#[test]
fn what_is_known_is_not_read_again() {
    let place = Place::new();
    place.init();
    for day in 1..6 {
        place.commit(day, &format!("f{day}.txt"), &format!("nothing {day}\n"));
    }
    let first = both(&place, &["scan", "--history"]);
    assert_eq!(kept(&place).len(), 1);
    assert_eq!(blind(&place), 5);
    let second = scan(&place, &["scan", "--history", "-f", "json", "-v"]);
    assert_eq!(stdout(&second), first);
    let full = scan(&place, &["scan", "--history", "--no-cache"]);
    assert_eq!(full.status.code(), Some(2), "{}", stderr(&full));
    // What was found is read again, and then it shows.
    place.commit(7, "k.py", &format!("k = '{}'\n", key("openrouter")));
    let third = scan(&place, &["scan", "--history", "-f", "json"]);
    assert!(stdout(&third).contains("openrouter-api-key"));
    assert_eq!(third.status.code(), Some(1), "{}", stderr(&third));
}

#[test]
fn a_history_that_grows_gives_the_same_report() {
    for seed in 1..=6_u64 {
        let place = Place::new();
        place.init();
        let mut state = seed * 7919;
        let mut pick = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let keys = [key("openrouter"), key("slack"), key("anthropic")];
        let mut first = false;
        for day in 1..=14 {
            let path =
                ["a.py", "src/b.py", "src/deep/.env", "tests/c.txt", ".env"][pick(5) as usize];
            let value = &keys[pick(3) as usize];
            let content = match pick(4) {
                0 => format!("# {day}\nTOKEN='{value}'\n"),
                1 => format!("x\n{}\nk = \"{value}\"\n", "line\n".repeat(pick(300) as usize)),
                2 => format!("\0{day}"),
                _ => format!("nothing here {}\n", pick(3)),
            };
            place.commit(day, path, &format!("{content}{day}"));
            match pick(7) {
                0 => drop(place.git(&["gc", "-q", "--prune=now"])),
                1 => drop(place.git(&["repack", "-q", "-d"])),
                2 => drop(place.git(&["checkout", "-q", "-B", &format!("side{}", pick(3))])),
                // A blob that was seen, at a new path.
                3 => fs::rename(place.path().join(path), place.path().join("moved.py")).unwrap(),
                4 if first => drop(place.git(&["reset", "-q", "--hard", "HEAD~1"])),
                5 => drop(place.git(&["tag", "-a", "-f", "-m", "x", &format!("t{}", pick(3))])),
                _ => {}
            }
            first = true;
            if pick(3) == 0 {
                both(&place, &["scan", "--history"]);
            }
            if pick(4) == 0 {
                both(&place, &["audit", "--as-of", "2024-06-01"]);
            }
        }
        place.git(&["reflog", "expire", "--expire=now", "--all"]);
        place.git(&["gc", "-q", "--prune=now"]);
        let report = both(&place, &["scan", "--history"]);
        both(&place, &["scan", "--history", "--unreachable"]);
        both(&place, &["audit", "--as-of", "2024-06-01"]);
        assert!(report.contains("-key\"") || report.contains("-token\""), "{seed}: {report}");
    }
}

#[test]
fn other_rules_and_limits_start_anew() {
    let place = Place::new();
    place.init().commit(1, "a.txt", "marker-1234abcd\n");
    place.commit(2, "b.txt", &"long line\n".repeat(200));
    assert!(!both(&place, &["scan", "--history"]).contains("own-marker"));
    place.write(
        "own.toml",
        "[vendor]\nname = \"Own\"\n\n[[rule]]\nid = \"own-marker\"\ndescription = \"A marker\"\n\
         severity = \"high\"\nconfidence = \"high\"\nkeywords = [\"marker-\"]\n\
         pattern = 'marker-[0-9a-f]{8}'\nremediation = \"Remove it.\"\n\
         references = [\"https://example.org/\"]\n\
         examples = [\"marker-1234abcd\", \"marker-5678abce\"]\n\
         negatives = [\"marker-x\", \"marker\"]\n",
    );
    place.write("keylint.toml", "[rules]\nfiles = [\"own.toml\"]\n");
    let own = both(&place, &["scan", "--history"]);
    let config = stderr(&scan(&place, &["scan", "--history"]));
    assert!(own.contains("own-marker"), "{own} {config}");
    assert!(both(&place, &["scan", "--history", "--max-size", "1k"]).contains("too-large"));
    assert!(!both(&place, &["scan", "--history"]).contains("too-large"));
}

#[test]
fn a_damaged_or_foreign_cache_is_not_used() {
    let place = Place::new();
    place.init().commit(1, "k.py", &format!("k = '{}'\n", key("openrouter")));
    let report = both(&place, &["scan", "--history"]);
    let file = kept(&place).remove(0);
    let whole = fs::read(&file).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 60 + 1) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&file, &damaged).unwrap();
        assert_eq!(both(&place, &["scan", "--history"]), report, "byte {at}");
        // What follows on the head is not looked at as long as nothing has changed.
        let left = if at < snapshot(&whole) { &whole } else { &damaged };
        assert!(fs::read(&file).unwrap() == *left, "byte {at}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        // A file that others may write could hide a finding.
        assert_eq!(blind(&place), 1);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let code = scan(&place, &["scan", "--history"]).status.code();
        assert_eq!(code, Some(2));
    }
}

/// Where the snapshot begins in the file of a history.
fn snapshot(file: &[u8]) -> usize {
    let magic = b"keylint history 2\n".len();
    let head = u64::from_le_bytes(file[magic..magic + 8].try_into().unwrap());
    magic + 8 + usize::try_from(head).unwrap() + 4
}

/// The report, the same with the cache and without; and whether the scan needed the snapshot, which is damaged
/// before, so that it is written anew then.
fn changed(place: &Place, args: &[&str]) -> (String, bool) {
    let file = kept(place).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, &bytes).unwrap();
    let report = both(place, args);
    (report, fs::read(&file).unwrap() != bytes)
}

/// A repository with keys that are noted, written in escapes, and in two-byte characters; a ref names one of the
/// blobs, and some are left out.
fn varied() -> Place {
    let place = Place::new();
    place.init();
    let (plain, coded) = (key("openrouter"), key("anthropic"));
    let escaped: String = coded.bytes().map(|b| format!("\\x{b:02x}")).collect();
    place.commit(1, "k.py", &format!("k = '{plain}'\n"));
    place.commit(2, "src/k.py", &format!("k = '{plain}'\n"));
    place.commit(3, "j.py", &format!("j = '{escaped}'\n"));
    let wide: Vec<u8> =
        format!("\u{feff}# ü\nk = '{coded}'\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(place.path().join("wide.py"), wide).unwrap();
    fs::write(place.path().join("large.txt"), "a line\n".repeat(200_000)).unwrap();
    place.commit(4, "b.bin", "\0");
    place.git(&["tag", "blob", "HEAD~3:k.py"]);
    place
}

#[test]
fn every_change_of_a_repository_is_seen() {
    let place = varied();
    let history = ["scan", "--history", "--max-size", "1000k"];
    let first = both(&place, &history);
    for what in ["src/k.py", "j.py", "wide.py", "too-large", "binary"] {
        assert!(first.contains(what), "{what}: {first}");
    }
    let aside = Place::new();
    aside.init().commit(1, "other.py", &format!("k = '{}'\n", key("slack")));
    let alternates = place.path().join(".git/objects/info/alternates");
    let objects = aside.path().join(".git/objects").display().to_string();
    let git = |args: &'static [&str]| move |place: &Place| drop(place.git(args));
    type Step<'s> = (&'s str, bool, Box<dyn Fn(&Place) + 's>);
    let steps: [Step<'_>; 14] = [
        ("nothing", false, Box::new(|_| ())),
        ("a new ref", true, Box::new(git(&["branch", "side", "HEAD~1"]))),
        ("refs that are packed", false, Box::new(git(&["pack-refs", "--all"]))),
        ("another HEAD", true, Box::new(git(&["checkout", "-q", "side"]))),
        ("a ref that is gone", true, Box::new(git(&["branch", "-D", "main"]))),
        ("a new commit", true, Box::new(|place| _ = place.commit(5, "n.py", "new\n"))),
        ("a new pack", true, Box::new(git(&["repack", "-q", "-d"]))),
        ("an object of no commit", true, Box::new(git(&["hash-object", "-w", ".git/HEAD"]))),
        ("one pack", true, Box::new(git(&["repack", "-q", "-a", "-d", "-f"]))),
        ("nothing again", false, Box::new(|_| ())),
        ("an alternate", true, Box::new(|_| fs::write(&alternates, &objects).unwrap())),
        ("none again", true, Box::new(|_| fs::remove_file(&alternates).unwrap())),
        (
            "a stash",
            true,
            Box::new(|place| {
                place.write("n.py", "newer\n");
                place.git(&["stash", "-q"]);
            }),
        ),
        ("gc", true, Box::new(git(&["gc", "-q", "--prune=now"]))),
    ];
    for (what, is_change, step) in steps {
        step(&place);
        assert_eq!(changed(&place, &history).1, is_change, "{what}");
    }
    // What is asked of it, too.
    place.git(&["stash", "drop", "-q"]);
    place.git(&["checkout", "-q", "--orphan", "new"]);
    place.git(&["rm", "-q", "--cached", "j.py"]);
    place.git(&["commit", "-q", "-m", "x"]);
    place.git(&["branch", "-D", "side"]);
    let without = changed(&place, &history).0;
    let unreachable = [&history[..], &["--unreachable"]].concat();
    let (with, is_change) = changed(&place, &unreachable);
    assert!(is_change && with != without);
    assert_eq!(changed(&place, &unreachable), (with, false));
    assert_eq!(changed(&place, &history), (without, true));
}

#[test]
fn a_snapshot_is_not_written_again_for_a_few_objects() {
    let place = Place::new();
    place.init();
    (0..400).for_each(|nth| _ = place.write(&format!("f{nth}.txt"), format!("{nth}\n")));
    place.commit(1, "k.py", &format!("k = '{}'\n", key("openrouter")));
    let history = ["scan", "--history"];
    both(&place, &history);
    let file = kept(&place).remove(0);
    // What was there is told between the head and the snapshot with the ages of commits.
    let parts = || {
        let mut head = fs::read(&file).unwrap();
        let stock = snapshot(&head);
        let len = u64::from_le_bytes(head[stock..stock + 8].try_into().unwrap());
        let rest = head.split_off(stock + 8 + usize::try_from(len).unwrap() + 4);
        (head, rest)
    };
    let (head, rest) = parts();
    place.commit(2, "j.py", &format!("k = '{}'\n", key("slack")));
    assert!(both(&place, &history).contains("slack"));
    let (head, rest) = (parts().0 == head, parts().1 == rest);
    assert_eq!((head, rest), (false, true));
    let (new, rest) = parts();
    assert!(both(&place, &history).contains("slack"), "what is settled has it");
    assert!(parts() == (new, rest.clone()));
    (0..4100).for_each(|nth| _ = place.write(&format!("g{nth}.txt"), format!("g{nth}\n")));
    place.commit(3, "k.py", &format!("# 3\nk = '{}'\n", key("anthropic")));
    assert!(both(&place, &history).contains("anthropic"));
    assert!(parts().1 != rest, "more has come than is looked at by itself");
}

#[test]
fn a_finding_that_cannot_be_read_again_is_a_problem() {
    let place = Place::new();
    place.init().commit(1, "k.py", &format!("k = '{}'\n", key("openrouter")));
    place.commit(2, "tests/fixtures/a.txt", "nothing\n");
    both(&place, &["scan", "--history"]);
    assert_eq!(blind(&place), 2);
    let output = scan(&place, &["scan", "--history"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert!(text.contains("cannot be read again") && text.contains("findings are lost"), "{text}");
    assert_eq!(text.matches("cannot be read again").count(), 1, "{text}");
}

#[test]
fn of_versions_with_one_secret_few_are_read_again() {
    let place = Place::new();
    place.init();
    for day in 1..9 {
        let lines = format!("# {day}\nk = '{}'\n", key("openrouter"));
        place.commit(day, "k.py", &lines);
    }
    let first = both(&place, &["scan", "--history"]);
    let versions = place.git(&["rev-list", "--reverse", "HEAD"]);
    let mut ids: Vec<String> = versions
        .lines()
        .map(|commit| place.git(&["rev-parse", &format!("{commit}:k.py")]))
        .collect();
    // The oldest one is reported, and the first one by id tells what the secret is.
    let needed = [ids[0].clone(), ids.iter().min().unwrap().clone()];
    ids.retain(|id| !needed.contains(id));
    assert!(ids.len() >= 6);
    for id in &ids {
        let path = place.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
    }
    let second = scan(&place, &["scan", "--history", "-f", "json", "-v"]);
    assert_eq!(stdout(&second), first);
}

#[test]
fn an_audit_of_what_did_not_change_is_the_same() {
    let place = Place::new();
    place.init();
    place.commit(1, ".env", &format!("TOKEN={}\n", key("slack")));
    place.commit(2, "deep/.env", "DEBUG=1\n");
    place.commit(3, "k.py", &format!("k = '{}'\n", key("openrouter")));
    place.git(&["rm", "-q", ".env"]);
    place.commit(4, "k.py", "none\n");
    let audit = ["audit", "--as-of", "2024-06-01"];
    let first = both(&place, &audit);
    assert!(first.contains("env-file-in-history"), "{first}");
    assert_eq!(changed(&place, &audit), (first, false));
    place.commit(5, "deep/.env", "DEBUG=2\n");
    assert!(changed(&place, &audit).1);
}

#[test]
fn no_value_is_kept() {
    let place = Place::new();
    place.init();
    let (plain, coded) = (key("openrouter"), key("anthropic"));
    let escaped: String = coded.bytes().map(|b| format!("\\x{b:02x}")).collect();
    place.commit(1, "k.py", &format!("k = '{plain}'\npassword = 'zT4-q9Lw2x'\nj = '{escaped}'\n"));
    both(&place, &["audit", "--as-of", "2024-06-01"]);
    both(&place, &["scan", "--history"]);
    let files = kept(&place);
    assert_eq!(files.len(), 2);
    for bytes in files.iter().map(|file| fs::read(file).unwrap()) {
        for value in [&plain, &coded, &escaped, "zT4-q9Lw2x"] {
            for window in value.as_bytes().windows(8) {
                assert!(!bytes.windows(8).any(|other| other == window), "{window:?}");
            }
        }
    }
}

#[test]
fn what_was_not_seen_whole_is_not_kept() {
    let place = Place::new();
    place.init();
    for day in 1..4 {
        place.commit(day, "a.txt", &format!("{day}\n"));
    }
    let shallow = Place::new();
    let from = format!("file://{}", place.path().display());
    shallow.git(&["clone", "-q", "--depth", "1", &from, "."]);
    scan(&shallow, &["scan", "--history"]);
    assert!(kept(&shallow).is_empty(), "the rest may come, below commits that would be known");
    blind(&place);
    assert_eq!(scan(&place, &["scan", "--history"]).status.code(), Some(2));
    assert!(kept(&place).is_empty());
    // A library keeps nothing; nor do scans that are of no history.
    let work = Place::new();
    work.init().commit(1, "a.txt", "a\n");
    scan(&work, &["scan"]);
    keylint::Scan::history([work.path()]).run().unwrap();
    assert!(kept(&work).is_empty());
}

#[test]
fn a_partial_clone_is_kept_with_what_it_does_not_have() {
    let (origin, place) = (Place::new(), Place::new());
    origin.init().commit(1, "k.py", &format!("k = '{}'\n", key("openrouter")));
    origin.commit(2, "k.py", "clean\n");
    origin.commit(3, "src/other.py", "nothing\n");
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    let from = format!("file://{}", origin.path().display());
    place.git(&["clone", "-q", "--filter=blob:none", &from, "."]);
    let first = both(&place, &["scan", "--history"]);
    assert!(first.contains("1 blobs are not here"), "{first}");
    assert_eq!(kept(&place).len(), 1);
    // Nothing is read of it again, the packs least of all.
    let (report, written) = changed(&place, &["scan", "--history"]);
    assert!(report.contains("1 blobs are not here") && !written, "{report}");
    // What is new is read, and what was missing is still counted.
    place.commit(4, "src/new.py", &format!("k = '{}'\n", key("slack")));
    let grown = both(&place, &["scan", "--history"]);
    assert!(grown.contains("slack-bot-token") && grown.contains("1 blobs are not here"), "{grown}");
    // What was missing has come, and its place is known though its tree was read before.
    place.git(&["-c", "maintenance.auto=false", "fetch", "-q", "--refetch", "--no-filter"]);
    // What else is wrong is said once.
    let stray = place.path().join(".git/objects/pack/pack-0.pack");
    fs::write(&stray, "").unwrap();
    assert_eq!(both(&place, &["scan", "--history"]).matches("has no index").count(), 1);
    fs::remove_file(&stray).unwrap();
    let whole = both(&place, &["scan", "--history"]);
    assert!(whole.contains("openrouter-api-key") && !whole.contains("are not here"), "{whole}");
    assert_eq!(both(&place, &["scan", "--history"]), whole);
}

#[test]
fn the_cache_is_shown_and_cleared() {
    let place = Place::new();
    place.init().commit(1, "a.txt", "a\n");
    let show = |place: &Place| stdout(&scan(place, &["cache", "show"]));
    assert_eq!(show(&place).lines().count(), 1, "no folder yet");
    scan(&place, &["scan", "--history"]);
    fs::write(cache(&place).join("keylint/notes.txt"), "mine").unwrap();
    let text = show(&place);
    assert!(text.contains("history of ") && text.contains(".git, 1 blobs"), "{text}");
    assert!(text.contains("used   0 days ago"), "{text}");
    let file = kept(&place).into_iter().find(|file| file.extension().unwrap() == "history");
    fs::write(file.unwrap(), "cut").unwrap();
    assert!(show(&place).contains("damaged"));
    let cleared = stdout(&scan(&place, &["cache", "clear"]));
    assert!(cleared.starts_with("1 files removed"), "{cleared}");
    assert_eq!(kept(&place), [cache(&place).join("keylint/notes.txt")], "only what is keylint's");
    let nowhere =
        keylint(place.path()).args(["cache", "show"]).env_remove("HOME").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(stderr(&nowhere).contains("set HOME"), "{}", stderr(&nowhere));
}
