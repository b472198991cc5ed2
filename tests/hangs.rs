//! Reads that never come back, as on a network file system whose server is gone, and a signal.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Place, json, key, parsed, scrubbed, stderr};
use crate::lost::{findings, history, library, packed_blobs, places_of_problems};

/// Runs `args` until a read hangs, sends `signal`, and waits for the end.
fn hung(
    place: &Place,
    (library, list): (&Path, &Path),
    (args, signal): (&[&str], &str),
    fault: &str,
) -> Output {
    fs::write(list, fault).unwrap();
    // Whoever runs the tests may have it ignored, as nohup does.
    let mut command = scrubbed(Command::new("env"), place.path());
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_keylint")]);
    command.args(args).env("LD_PRELOAD", library).env("FAULTS", list);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mark = list.with_extension("hangs");
    while fs::remove_file(&mark).is_err() {
        std::thread::sleep(Duration::from_millis(20));
    }
    // The other threads come to their end.
    std::thread::sleep(Duration::from_millis(300));
    crate::written::interrupt(&child, signal);
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    output
}

/// The signals side by side: each run waits for seconds.
#[test]
fn what_was_found_before_a_read_that_does_not_come_back_is_reported_at_a_signal() {
    let place = Place::new();
    for n in 0..8 {
        place.write(&format!("f{n}.txt"), key("slack"));
    }
    let all: BTreeSet<String> = (0..8).map(|n| format!("f{n}.txt")).collect();
    let run = |threads: &str, signal: &str, number: i32| {
        let tools = Place::new();
        let (library, list) = (library(&tools), tools.path().join("list"));
        let formats: Vec<String> = ["sarif", "csv", "html", "markdown", "junit"]
            .map(|form| format!("{form}={}", tools.path().join(form).display()))
            .into();
        let mut args = vec!["scan", "-f", "json", "-j", threads];
        formats.iter().for_each(|form| args.extend(["--report", form]));
        let output = hung(&place, (&library, &list), (&args, signal), "H /f3.txt");
        assert_eq!(output.status.code(), Some(128 + number), "{}", stderr(&output));
        let report = parsed(&output);
        assert_eq!(report["interrupted"], true);
        assert_eq!(places_of_problems(&report), BTreeSet::from(["f3.txt".to_owned()]));
        assert!(report["problems"][0]["message"].as_str().unwrap().contains("does not come back"));
        let found: BTreeSet<String> = findings(&report, "path").into_values().collect();
        assert!(found.is_subset(&all) && !found.contains("f3.txt"), "{found:?}");
        // One thread alone may come to that file first.
        assert!(found.len() == 7 || threads == "1", "{found:?}");
        for form in ["sarif", "csv", "html", "markdown", "junit"] {
            let text = fs::read_to_string(tools.path().join(form)).unwrap();
            assert!(found.iter().all(|path| text.contains(path)), "{form}: {found:?}");
        }
    };
    std::thread::scope(|scope| {
        for (threads, signal, number) in [("1", "-TERM", 15), ("4", "-INT", 2), ("4", "-HUP", 1)] {
            scope.spawn(move || run(threads, signal, number));
        }
    });
}

/// A blob in the pack of a history, and one of the index. What is found in a history has no place then.
#[test]
fn what_was_found_in_a_history_before_a_read_that_does_not_come_back_is_reported() {
    let place = history();
    // No blob waits for another one.
    place.git(&["repack", "-adfq", "--window=0"]);
    let blobs = packed_blobs(&place);
    let (start, end) = *blobs.values().max().unwrap();
    let in_pack = format!("Q {start} {end}");
    // Others are read together with it.
    let near = blobs.into_iter().filter(|(_, (other, _))| other + 4096 > start);
    let near: BTreeSet<String> = near.map(|(id, _)| format!("object {id}")).collect();
    assert!(near.len() < 12);
    place.write("staged.txt", key("slack"));
    place.git(&["add", "staged.txt"]);
    let tools = Place::new();
    let library = &library(&tools);
    let exact = findings(&json(place.path(), &["scan", "--history", "--no-cache"]), "secret");
    let secrets: BTreeSet<&String> = exact.values().collect();
    let run = |args: &[&str], fault: &str, list: &str| {
        let output = hung(&place, (library, &tools.path().join(list)), (args, "-TERM"), fault);
        assert_eq!(output.status.code(), Some(143), "{args:?} {}", stderr(&output));
        let report = parsed(&output);
        assert_eq!(report["interrupted"], true);
        report
    };
    std::thread::scope(|scope| {
        for args in [&["scan", "--history"][..], &["audit"]] {
            let (run, secrets, near, in_pack) = (&run, &secrets, &near, &in_pack);
            scope.spawn(move || {
                let args = [args, &["--no-cache", "-f", "json", "-j", "4"]].concat();
                let report = run(&args, in_pack, args[0]);
                let named = places_of_problems(&report);
                assert!(!named.is_empty() && named.is_subset(near), "{report:#}");
                let found = findings(&report, "secret");
                assert!(!found.is_empty() && found.values().all(|it| secrets.contains(it)));
                assert!(found.values().collect::<BTreeSet<_>>().len() > 3, "{found:?}");
                let shown = findings(&report, "shown");
                assert!(shown.values().all(|it| it.starts_with("not placed:")), "{shown:?}");
            });
        }
        let (run, place) = (&run, &place);
        scope.spawn(move || {
            let id = place.git(&["rev-parse", ":staged.txt"]);
            let fault = format!("H /objects/{}/{}", &id[..2], &id[2..]);
            let report = run(&["scan", "--staged", "-f", "json"], &fault, "staged");
            let named = places_of_problems(&report);
            assert!(named.contains("staged.txt"), "{report:#}");
        });
    });
}
