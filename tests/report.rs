//! Renderers: the SARIF schema, stable fingerprints, redaction in every form.

use keylint::scan::linehash::line_hashes;
use serde_json::Value;

use crate::common::{Place, json, key, places, run, stdout};

fn sarif(place: &Place, args: &[&str]) -> Value {
    let output = run(place.path(), &[&["scan", "-f", "sarif"], args].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn sarif_is_valid_and_carries_what_code_scanning_wants() {
    let place = Place::new();
    place.init();
    place.write("src/a b.py", format!("x = 1\nk = '{}'\n", key("openrouter")));
    place.write("allowed.py", format!("k = '{}' # keylint:allow\n", key("slack")));
    place.git(&["add", "-A"]);
    let document = sarif(&place, &[]);
    let mut schema: Value = serde_json::from_str(include_str!("data/sarif-2.1.0.json")).unwrap();
    // The official file's pattern of this property is no valid regex (a stray bracket).
    for holder in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][holder]["properties"]["language"];
        language.as_object_mut().unwrap().remove("pattern");
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let run = &document["runs"][0];
    let result = &run["results"][0];
    assert_eq!(
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "src/a%20b.py"
    );
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!((&region["startLine"], &region["startColumn"]), (&2.into(), &6.into()));
    let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
    assert_eq!(rule["id"], "openrouter-api-key");
    assert_eq!(rule["properties"]["security-severity"], "9.5");
    assert!(rule["help"]["text"].as_str().unwrap().len() > 10);
    assert_eq!(run["results"][1]["suppressions"][0]["kind"], "inSource");
    assert_eq!(run["automationDetails"]["id"], "keylint/");
}

#[test]
fn fingerprints_stay_when_lines_move() {
    let place = Place::new();
    let prints = |text: String| {
        place.write("a.py", text);
        sarif(&place, &[])["runs"][0]["results"][0]["partialFingerprints"].clone()
    };
    let line = format!("key = '{}'\nend of it\n", key("openrouter"));
    let before = prints(line.clone());
    let after = prints(format!("one\r\n\n# two\n{line}"));
    assert!(before["keylint/v1"].as_str().unwrap().len() == 32);
    assert!(before["primaryLocationLineHash"].as_str().unwrap().ends_with(":1"));
    assert_eq!(before, after);
    let other = prints(line.replace(&key("openrouter"), &key("openrouter2")));
    assert_ne!(before["keylint/v1"], other["keylint/v1"]);
}

#[test]
fn line_hashes_follow_githubs_definition() {
    // Worked out by hand from the definition: 100 units, the rest zeros, base 37, wrapping.
    let by_hand = |units: &[u16]| {
        let padded = units.iter().copied().chain(std::iter::repeat(0)).take(100);
        format!("{:x}", padded.fold(0_u64, |h, u| h.wrapping_mul(37).wrapping_add(u.into())))
    };
    let unit = |text: &str| text.encode_utf16().collect::<Vec<_>>();
    assert_eq!(line_hashes(b""), [by_hand(&[0xffff]) + ":1"]);
    let rest = [unit("ab\ncd\n"), vec![0xffff]].concat();
    assert_eq!(
        line_hashes(b"a b\r\n\tcd\r"),
        [by_hand(&rest) + ":1", by_hand(&rest[3..]) + ":1", by_hand(&[0xffff]) + ":1"]
    );
    let many = line_hashes("same line that is long\n".repeat(30).as_bytes());
    assert!(many[0].ends_with(":1") && many[5].ends_with(":6"), "{many:?}");
}

#[test]
fn history_only_findings_stay_out_of_sarif_unless_asked_for() {
    let place = Place::new();
    place.init().commit(1, "a", &key("openrouter"));
    place.commit(2, "a", "clean\n");
    let document = sarif(&place, &["--history"]);
    assert_eq!(document["runs"][0]["results"], serde_json::json!([]));
    let note = document["runs"][0]["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(note.contains("1 findings are only in the history"), "{note}");
    let document = sarif(&place, &["--history", "--sarif-history"]);
    assert_eq!(document["runs"][0]["results"].as_array().unwrap().len(), 1);
}

#[test]
fn sarif_keeps_code_scannings_limits_and_says_so() {
    let place = Place::new();
    place.write("many.txt", format!("{}\n", key("slack")).repeat(25_010));
    place.write("worst.txt", key("openrouter"));
    let document = sarif(&place, &[]);
    let run = &document["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), 25_000);
    assert_eq!(run["results"][0]["ruleId"], "openrouter-api-key");
    assert!(run["invocations"].to_string().contains("11 findings are above"));
}

#[test]
fn no_report_shows_eight_bytes_of_a_secret() {
    let place = Place::new();
    place.init();
    let secrets = [key("openrouter"), key("slack"), key("anthropic"), "zT4-q9Lw2x".to_owned()];
    let line = format!(
        "a = '{}'; b = '{}'; c = '{}'; d = 'postgres://svc:{}@db.acme-net.org/x'\n",
        secrets[0], secrets[1], secrets[2], secrets[3]
    );
    place.commit(1, "f.py", &line);
    for format in ["human", "json", "jsonl", "sarif"] {
        for mode in
            [&["scan", "-v"][..], &["scan", "--history"], &["scan", "--history", "--sarif-history"]]
        {
            let output = run(place.path(), &[mode, &["-f", format]].concat());
            let text = stdout(&output) + &crate::common::stderr(&output);
            assert!(text.contains("f.py"), "{format}");
            for secret in &secrets {
                for window in secret.as_bytes().windows(8) {
                    let window = std::str::from_utf8(window).unwrap();
                    assert!(!text.contains(window), "{format} {mode:?} shows {window}");
                }
            }
        }
    }
    let clear = stdout(&run(place.path(), &["scan", "-f", "json", "--show-secrets"]));
    assert!(secrets.iter().all(|secret| clear.contains(secret)), "{clear}");
}

#[test]
fn json_lines_are_one_object_each() {
    let place = Place::new();
    place.write("a", key("slack"));
    let text = stdout(&run(place.path(), &["scan", "-f", "jsonl"]));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["type"], "finding");
    assert_eq!(lines.last().unwrap()["type"], "summary");
}

#[test]
fn human_report() {
    let place = Place::new();
    place.init();
    place.write(
        "src/app.py",
        format!("import os\nclient = Client(\"{}\")  # x\n", key("openrouter")),
    );
    place.git(&["add", "-A"]);
    let text = stdout(&run(place.path(), &["scan"]));
    insta::assert_snapshot!(text, @r#"
    critical[openrouter-api-key]: OpenRouter API key: spends the owner's credit on any model. (high confidence)
     --> src/app.py:2:18
      |
    2 | client = Client("sk-o…8c24[73]")  # x
      |                  ^^^^^^^^^^^^^
      = fix: Delete the key in the settings, create a new one with a credit limit and read it from OPENROUTER_API_KEY.
      = env: read it from OPENROUTER_API_KEY
      = rotate: https://openrouter.ai/settings/keys

    1 finding (1 critical) in 1 file, 108 B
    "#);
}

#[test]
fn colour_follows_the_flag() {
    let place = Place::new();
    place.write("a", key("slack"));
    assert!(!stdout(&run(place.path(), &["scan"])).contains('\x1b'));
    assert!(stdout(&run(place.path(), &["scan", "--color", "always"])).contains("\x1b["));
}

#[test]
fn hostile_file_names_and_lines_stay_text() {
    let place = Place::new();
    place.write("a\x1b[2Jb\u{202e}.py", format!("\x1b[31m\u{202e} k='{}'\n", key("slack")));
    let text = stdout(&run(place.path(), &["scan"]));
    assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text:?}");
    assert_eq!(places(&json(place.path(), &["scan"])).len(), 1);
}
