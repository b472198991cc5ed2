//! The cache of verifications: what it holds, how long, and what happens when it cannot be used.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::common::{Place, keylint, stderr};
use crate::mock::{Mock, json};
use crate::verify::{at, names, nth, verdicts, verify, words};

#[test]
fn answers_are_cached_without_the_key() {
    let place = Place::new();
    let mock = Mock::start(|_| json(401, "{}"));
    let more = at(&mock, &place, "openrouter");
    let line = nth(3);
    for _ in 0..2 {
        assert_eq!(names(&verdicts(&place, &more, &line)), ["revoked"]);
    }
    assert_eq!(mock.seen().len(), 1);
    let file = place.path().join(".cache/keylint/verify.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&line) && !text.contains(&line[9..40]), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    verdicts(&place, &[more.clone(), words("--no-cache")].concat(), &line);
    assert_eq!(mock.seen().len(), 2);
    verdicts(&place, &[more, words("--cache-ttl 0")].concat(), &line);
    assert_eq!(mock.seen().len(), 3);
}

#[test]
fn an_answer_read_from_the_cache_does_not_live_longer() {
    let place = Place::new();
    let mock = Mock::start(|_| json(401, "{}"));
    let more = at(&mock, &place, "openrouter");
    verdicts(&place, &more, &nth(1));
    let file = place.path().join(".cache/keylint/verify.json");
    let mut kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let entry = kept["entries"].as_object_mut().unwrap().values_mut().next().unwrap();
    let old = entry["at"].as_i64().unwrap() - 1800;
    entry["at"] = old.into();
    fs::write(&file, kept.to_string()).unwrap();
    assert_eq!(names(&verdicts(&place, &more, &nth(1))), ["revoked"]);
    assert_eq!(mock.seen().len(), 1);
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let entry = kept["entries"].as_object().unwrap().values().next().unwrap();
    assert_eq!(entry["at"], old);
    verdicts(&place, &[more, words("--cache-ttl 600")].concat(), &nth(1));
    assert_eq!(mock.seen().len(), 2);
}

#[test]
fn a_cache_that_cannot_be_used_is_said_and_stops_nothing() {
    let place = Place::new();
    let mock = Mock::start(|_| json(401, "{}"));
    let more = [at(&mock, &place, "openrouter"), words("-f json")].concat();
    let file = place.path().join(".cache/keylint/verify.json");
    let run = |word: &str| {
        let output = verify(&place, &more, &nth(1));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{report}");
        assert_eq!(report["findings"][0]["verification"]["status"], "revoked");
        let notices = report["notices"].to_string();
        assert!(notices.contains(word), "{word}: {notices}");
    };
    for broken in
        ["", "{", "[]", "{\"salt\": 7, \"entries\": {}}", "\u{0}\u{1}", "{\"entries\": {}}"]
    {
        place.write(".cache/keylint/verify.json", broken);
        run("made anew");
    }
    // Made anew: the next run reads it.
    let before = mock.seen().len();
    run("[]");
    assert_eq!(mock.seen().len(), before);
    // A folder where the file should be, and a file where the folder should be.
    fs::remove_file(&file).unwrap();
    fs::create_dir_all(&file).unwrap();
    run("it is no file");
    fs::remove_dir_all(place.path().join(".cache")).unwrap();
    place.write(".cache", "");
    run("cannot be written");
}

#[test]
fn runs_at_the_same_time_leave_a_whole_cache() {
    let place = Place::new();
    let mock = Mock::start(|_| json(401, "{}"));
    let more = at(&mock, &place, "openrouter");
    // The first run makes the salt that the others share.
    verdicts(&place, &more, &nth(0));
    let children: Vec<_> = (1..9)
        .map(|n| {
            place.write(&format!("in{n}"), nth(n));
            keylint(place.path())
                .arg("verify")
                .args(&more)
                .stdin(fs::File::open(place.path().join(format!("in{n}"))).unwrap())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let folder = place.path().join(".cache/keylint");
    let kept: Value =
        serde_json::from_slice(&fs::read(folder.join("verify.json")).unwrap()).unwrap();
    assert!((2..=9).contains(&kept["entries"].as_object().unwrap().len()), "{kept}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "a part is left");
}
