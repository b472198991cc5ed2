//! A fault of keylint itself while it looks at one file or blob: that one is named, all others are
//! looked at, and what the fault said is not repeated. The library is given a visitor that panics.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use keylint::config::{Config, tree::Tree};
use keylint::finding::Problem;
use keylint::hygiene::envs::Kind;
use keylint::hygiene::names::Names;
use keylint::hygiene::survey::{Marks, Seen};
use keylint::hygiene::{Root, Subject, judge};
use keylint::progress::Progress;
use keylint::rule::set::RuleSet;
use keylint::scan::Engine;
use keylint::scan::details::Options;
use keylint::source::files::{FileBlob, Walk, walk};
use keylint::source::git::{Checkout, History, HistoryBlob, Visit};
use keylint::source::{Ledger, Limits};

use crate::common::{Place, stderr};

const LIMITS: Limits = Limits { max_size: 1 << 20, binary: false };
/// What stands in the content at which the visitors fail.
const BAIT: &str = "hunter2-and-more";

/// Fails at the bait, and quotes it as a real fault might.
fn look(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(!text.contains(BAIT), "cannot read {text}");
    text.lines().next().unwrap_or_default().to_owned()
}

fn problems(ledger: &Ledger) -> Vec<Problem> {
    let (mut stats, mut problems, mut notices) = Default::default();
    ledger.drain(&mut stats, &mut problems, &mut notices);
    for problem in &problems {
        assert!(problem.message.contains("internal fault"), "{problem:?}");
        assert!(!format!("{problem:?}").contains(BAIT), "{problem:?}");
    }
    problems
}

/// A repository with forty files, two of which hold the bait.
fn tree() -> Place {
    let place = Place::new();
    place.init();
    for n in 0..40 {
        let bait = if [7, 31].contains(&n) { BAIT } else { "" };
        place.write(&format!("d{}/f{n}.txt", n % 5), format!("file {n}\n{bait}\n"));
    }
    place
}

fn others() -> BTreeSet<String> {
    (0..40).filter(|n| ![7, 31].contains(n)).map(|n| format!("file {n}")).collect()
}

#[test]
fn a_fault_in_one_file_is_one_problem() {
    let place = tree();
    let folder = PathBuf::from(".");
    for threads in [0, 1, 8] {
        let config = Config::default();
        let configs = Tree::only(config, std::slice::from_ref(&folder), &folder).unwrap();
        let options = Walk {
            hidden: false,
            no_ignore: false,
            threads,
            limits: LIMITS,
            names: false,
            list_ignored: false,
            archives: 0,
            configs: Arc::new(configs),
        };
        let (ledger, progress) = (Ledger::default(), Progress::default());
        let seen = Mutex::new(BTreeSet::new());
        // A thread's state that a fault met is not used again.
        let on_file = |spoilt: &mut bool, file: &FileBlob<'_>| {
            assert!(!std::mem::replace(spoilt, true), "this state met a fault");
            let line = look(file.bytes);
            *spoilt = false;
            assert!(seen.lock().unwrap().insert(line));
        };
        walk(place.path(), &options, (&ledger, &progress), &|| false, &on_file);
        let named: Vec<String> = problems(&ledger).into_iter().map(|it| it.place).collect();
        assert!(named.len() == 2 && named[0].ends_with("d1/f31.txt"), "{named:?}");
        assert!(named[1].ends_with("d2/f7.txt"), "{named:?}");
        assert_eq!(seen.into_inner().unwrap(), others());
    }
}

#[test]
fn a_fault_in_one_blob_is_one_problem() {
    let place = tree();
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "all"]);
    let id = |path: &str| format!("object {}", place.git(&["rev-parse", &format!("HEAD:{path}")]));
    let mut want = vec![id("d2/f7.txt"), id("d1/f31.txt")];
    want.sort();
    for packed in [false, true] {
        if packed {
            place.git(&["gc", "-q"]);
        }
        let (ledger, progress) = (Ledger::default(), Progress::default());
        let history = History::open(place.path(), None, (&ledger, &progress)).unwrap();
        let visit = |seen: &mut Vec<String>, blob: &HistoryBlob<'_, ()>| {
            seen.push(look(blob.bytes));
            Some(())
        };
        let seen = history.blobs(LIMITS, (&ledger, &progress), &Vec::new, &visit);
        // What a thread had found before the fault stays.
        let seen: BTreeSet<String> = seen.into_iter().flatten().collect();
        assert_eq!(seen, others(), "packed: {packed}");
        let named: Vec<String> = problems(&ledger).into_iter().map(|it| it.place).collect();
        assert_eq!(named, want, "packed: {packed}");
    }
}

#[test]
fn a_fault_in_one_staged_file_is_one_problem() {
    let place = tree();
    place.git(&["add", "-A"]);
    let (ledger, progress) = (Ledger::default(), Progress::default());
    let delta = Checkout::open(&[place.path().to_owned()]).unwrap().staged(false, &ledger).unwrap();
    let changes = &delta.steps[0].changes.files;
    let blobs: Vec<_> = changes.iter().map(|it| (it.blob, bstr::BStr::new(&it.path))).collect();
    for threads in [1, 4] {
        let (limits, archives) = (LIMITS, false);
        let visit = Visit { limits, archives, threads, ledger: &ledger, progress: &progress };
        let on_blob = |seen: &mut Vec<String>, _: (_, &bstr::BStr), bytes: &[u8]| {
            seen.push(look(bytes));
        };
        let seen = delta.blobs(&blobs, visit, &Vec::new, &on_blob);
        assert_eq!(seen.into_iter().flatten().collect::<BTreeSet<_>>(), others());
        let named: Vec<String> = problems(&ledger).into_iter().map(|it| it.place).collect();
        assert_eq!(named, ["d1/f31.txt", "d2/f7.txt"]);
    }
}

#[test]
fn a_fault_in_one_check_is_one_problem() {
    let engine = Engine::new(RuleSet::builtin().unwrap()).unwrap();
    let names = Names::load().unwrap();
    let roots = [Root::new(Place::new().path().to_owned())];
    let seen = [".env.example", "docker-compose.yml"].map(|path| Seen {
        root: 0,
        path: path.into(),
        shown: path.into(),
        marks: Marks { env: Kind::of(path.as_bytes()), ..Marks::default() },
    });
    let token = ["q9Zr4Tn7Wb", "2Xk8Vd5Jm3"].concat();
    let compose = format!("services:\n  a:\n    environment:\n      API_TOKEN: {token}\n");
    // The reader fails where a check asks for the example file.
    let read = |path: &Path| {
        let text = if path.ends_with(".env.example") { BAIT } else { compose.as_str() };
        look(text.as_bytes());
        Some(text.as_bytes().to_vec())
    };
    let ledger = Ledger::default();
    let subject = Subject {
        engine: &engine,
        names: &names,
        roots: &roots,
        seen: &seen,
        built: &[],
        findings: &[],
        past: None,
        read: &read,
        problem: &|place, message| ledger.problem(place, message),
        max_size: 1 << 20,
        options: Options::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let found = judge(&subject);
    assert!(found.iter().any(|finding| finding.check == "env-literal-secret"), "{found:?}");
    let named: Vec<String> = problems(&ledger).into_iter().map(|it| it.place).collect();
    assert!(named.contains(&"check env-example-real-value".to_owned()), "{named:?}");
}

#[test]
#[ignore = "the test below reads what it writes"]
fn a_fault_that_quotes() {
    a_fault_in_one_file_is_one_problem();
}

/// A program that uses the crate has the hook for panics that Rust gives it, which shows their messages.
#[test]
fn what_a_fault_says_is_not_on_standard_error_either() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let args = ["--ignored", "--exact", "--nocapture", "faults::a_fault_that_quotes"];
    let output = command.args(args).env("RUST_BACKTRACE", "1").output().unwrap();
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("keylint: internal fault at tests/faults.rs:"), "{text}");
    assert!(!text.contains(BAIT), "{text}");
}
