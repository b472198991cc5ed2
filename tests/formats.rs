//! Reports for other programs: each in the form that its reader wants, redacted, well escaped.

use serde_json::Value;

use crate::common::{Place, key, keylint, run, stdout};

const FORMATS: [&str; 7] =
    ["gitlab", "github", "markdown", "junit", "checkstyle", "rdjsonl", "csv"];

/// A repository with a key in the work tree under a hostile name, one that is only in the history,
/// and one that is allowed.
fn place() -> Place {
    let place = Place::new();
    place.init().commit(1, "gone.env", &format!("\nKEY={}\n", key("anthropic")));
    place.commit(2, "gone.env", "\n");
    place.commit(3, HOSTILE, &format!("a\nk = \"{}\"\n", key("openrouter")));
    place.commit(4, "ok.env", &format!("KEY={} # keylint:allow\n", key("slack")));
    place
}

const HOSTILE: &str = "=a, \"b\" <c>&d|e`f`:100%\n::error::x.py";

fn report(place: &Place, format: &str, args: &[&str]) -> String {
    let output = keylint(place.path())
        .args(["scan", "-f", format])
        .args(args)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .unwrap();
    stdout(&output)
}

fn history(format: &str) -> String {
    report(&place(), format, &["--history"])
}

/// What the schema of version 15.0.2 requires, in its own order.
fn assert_gitlab(document: &Value) {
    let text = |value: &Value| assert!(!value.as_str().unwrap().is_empty(), "{value}");
    assert_eq!(document["version"], "15.0.2");
    let scan = &document["scan"];
    for tool in ["analyzer", "scanner"] {
        ["id", "name", "version"].iter().for_each(|field| text(&scan[tool][field]));
        text(&scan[tool]["vendor"]["name"]);
    }
    assert_eq!(scan["type"], "secret_detection");
    assert!(["success", "failure"].contains(&scan["status"].as_str().unwrap()));
    for field in ["start_time", "end_time"] {
        assert_eq!(scan[field], "2023-11-14T22:13:20");
    }
    for message in scan["messages"].as_array().unwrap() {
        assert!(["info", "warn", "fatal"].contains(&message["level"].as_str().unwrap()));
        text(&message["value"]);
    }
    let severities = ["Info", "Unknown", "Low", "Medium", "High", "Critical"];
    for item in document["vulnerabilities"].as_array().unwrap() {
        text(&item["id"]);
        assert!(item["name"].as_str().unwrap().chars().count() <= 255);
        assert!(item["solution"].as_str().unwrap().len() <= 7000);
        assert!(severities.contains(&item["severity"].as_str().unwrap()));
        let identifiers = item["identifiers"].as_array().unwrap();
        assert!(!identifiers.is_empty());
        for identifier in identifiers {
            ["type", "name", "value"].iter().for_each(|field| text(&identifier[field]));
        }
        for link in item["links"].as_array().unwrap() {
            assert!(link["url"].as_str().unwrap().starts_with("http"), "{link}");
        }
        text(&item["location"]["commit"]["sha"]);
        assert!(item["location"]["start_line"].as_u64().unwrap() > 0);
    }
}

#[test]
fn gitlab_has_what_its_schema_requires() {
    let document: Value = serde_json::from_str(&history("gitlab")).unwrap();
    assert_gitlab(&document);
    let items = document["vulnerabilities"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["location"]["file"], HOSTILE);
    assert_eq!(items[1]["location"]["file"], "gone.env");
    assert_eq!(items[1]["location"]["commit"]["message"], "change gone.env");
    assert_eq!(items[1]["severity"], "Critical");
    // Ids are unique, also for a value that stands twice, and the same again.
    let twice = Place::new();
    twice.write("a", format!("{0}\n{0}\n", key("slack")));
    let first = report(&twice, "gitlab", &[]);
    let document: Value = serde_json::from_str(&first).unwrap();
    assert_gitlab(&document);
    let items = document["vulnerabilities"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_ne!(items[0]["id"], items[1]["id"]);
    assert_eq!(report(&twice, "gitlab", &[]), first);
    let incomplete: Value = serde_json::from_str(&report(&twice, "gitlab", &["a", "."])).unwrap();
    assert_gitlab(&incomplete);
}

#[test]
fn junit_and_checkstyle_are_well_formed() {
    let text = history("junit");
    let document = roxmltree::Document::parse(&text).unwrap();
    let cases: Vec<_> =
        document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    assert_eq!(cases.len(), 2);
    let suite = document.root_element().first_element_child().unwrap();
    assert_eq!((suite.attribute("tests"), suite.attribute("failures")), (Some("2"), Some("2")));
    let shown = HOSTILE.replace('\n', "\u{fffd}");
    assert_eq!(cases[0].attribute("file"), Some(shown.as_str()));
    assert_eq!(cases[0].attribute("classname"), Some("openrouter-api-key"));
    let failure = cases[1].first_element_child().unwrap();
    assert_eq!(failure.attribute("type"), Some("critical"));
    assert!(failure.text().unwrap().starts_with("gone.env:2: Anthropic"), "{:?}", failure.text());

    let text = history("checkstyle");
    let document = roxmltree::Document::parse(&text).unwrap();
    let files: Vec<_> = document.descendants().filter(|node| node.has_tag_name("file")).collect();
    assert_eq!(files[0].attribute("name"), Some(shown.as_str()));
    let error = files[0].first_element_child().unwrap();
    let of = |name: &str| error.attribute(name).unwrap();
    assert_eq!((of("line"), of("column"), of("severity")), ("2", "6", "error"));
    assert_eq!(of("source"), "keylint.openrouter-api-key");

    let clean = Place::new();
    clean.write("a", "nothing");
    let text = report(&clean, "junit", &[]);
    let document = roxmltree::Document::parse(&text).unwrap();
    assert!(document.descendants().any(|node| node.attribute("name") == Some("no secrets found")));
    assert!(roxmltree::Document::parse(&report(&clean, "checkstyle", &[])).is_ok());
}

#[test]
fn what_could_not_be_read_is_in_every_report() {
    let place = Place::new();
    place.init().commit(1, "k", &format!("KEY={}\n", key("slack")));
    let id = place.git(&["rev-parse", "HEAD:k"]);
    let file = place.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, b"garbage").unwrap();
    for format in FORMATS.into_iter().filter(|format| *format != "csv") {
        let output = run(place.path(), &["scan", "--history", "-f", format]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stdout(&output).contains(&id), "{format}: {}", stdout(&output));
    }
    for format in ["junit", "checkstyle"] {
        let text = report(&place, format, &["--history"]);
        let document = roxmltree::Document::parse(&text).unwrap();
        assert!(document.descendants().any(|node| node.has_tag_name("error")));
    }
    let document: Value = serde_json::from_str(&report(&place, "gitlab", &["--history"])).unwrap();
    assert_gitlab(&document);
    assert_eq!(document["scan"]["status"], "failure");
}

/// Reads CSV as RFC 4180 says.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty());
    rows
}

#[test]
fn csv_is_quoted_and_no_cell_is_a_formula() {
    let rows = csv(&history("csv"));
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.len() == 16), "{rows:?}");
    assert_eq!(rows[0][..5], ["severity", "confidence", "rule", "path", "line"]);
    assert_eq!(rows[1][3], format!("'{HOSTILE}"));
    assert_eq!(rows[2][3], "gone.env");
    assert_eq!(rows[2][10], "Ada <ada@example.org>");
    assert_eq!(rows[2][12], "false");
}

#[test]
fn github_commands_cannot_be_broken_out_of() {
    let text = history("github");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    // Removed again: no file to show it in.
    let gone = lines.iter().find(|line| line.contains("gone.env")).unwrap();
    assert!(gone.starts_with("::error title=keylint anthropic-api-key::gone.env:2: "), "{gone}");
    assert!(gone.contains("still in the history"));
    let stands = lines.iter().find(|line| line.contains("file=")).unwrap();
    let want = "::error file==a%2C \"b\" <c>&d|e`f`%3A100%25%0A%3A%3Aerror%3A%3Ax.py,line=2,endLine=2,\
                col=6,endColumn=79,title=keylint openrouter-api-key::";
    assert!(stands.starts_with(want), "{stands}");
    assert!(lines[2].starts_with("keylint: 2 findings, 1 allowed, 4 commits"), "{}", lines[2]);
}

#[test]
fn github_lists_the_worst_first() {
    let place = Place::new();
    place.write("a", key("slack"));
    place.write("b", key("openrouter"));
    let text = report(&place, "github", &[]);
    let at = |what: &str| text.find(what).unwrap();
    assert!(at("openrouter-api-key") < at("slack-bot-token"), "{text}");
}

#[test]
fn rdjsonl_has_a_place_only_where_it_can_be_shown() {
    let text = history("rdjsonl");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["location"]["path"], HOSTILE);
    assert_eq!(lines[0]["location"]["range"]["start"]["line"], 2);
    assert_eq!(lines[0]["severity"], "ERROR");
    assert_eq!(lines[0]["code"]["value"], "openrouter-api-key");
    assert_eq!(lines[1]["location"], serde_json::json!({ "path": "gone.env" }));
}

#[test]
fn markdown_shows_names_as_they_are() {
    let text = history("markdown");
    assert!(text.starts_with("## keylint\n\n2 findings, 1 allowed, 4 commits, "), "{text}");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| critical")).collect();
    assert_eq!(rows.len(), 2);
    // Six bars of five cells: the name adds none.
    assert!(rows.iter().all(|row| row.matches('|').count() == 6), "{rows:?}");
    assert!(!text.contains("<c>") && !text.contains("\n::error"), "{text}");
    assert!(rows.iter().any(|row| row.contains("since removed")), "{rows:?}");
}

#[test]
fn reports_that_leave_the_machine_are_redacted_always() {
    let place = place();
    let secrets = [key("openrouter"), key("anthropic"), key("slack")];
    for format in FORMATS {
        let clear = if format == "csv" { &[][..] } else { &["--show-secrets"] };
        for mode in [&[][..], &["--history"], &["--range", "HEAD~3..HEAD"], &["--history", "-v"]] {
            let text = report(&place, format, &[mode, clear].concat());
            assert!(text.contains("sk-o…8c24"), "{format} {mode:?}: {text}");
            for window in secrets.iter().flat_map(|secret| secret.as_bytes().windows(10)) {
                let window = std::str::from_utf8(window).unwrap();
                assert!(!text.contains(window), "{format} {mode:?} shows {window}");
            }
        }
    }
    assert!(report(&place, "csv", &["--show-secrets"]).contains(&key("openrouter")));
}

#[test]
fn a_value_is_hidden_wherever_else_it_stands() {
    let place = Place::new();
    place.init();
    let secret = key("openrouter");
    place.write(
        "f.py",
        format!("k = '{secret}'\nallowed = '{secret}' # keylint:allow: was {secret}\n"),
    );
    place.write(&format!("{secret}.txt"), format!("k = '{secret}'\n"));
    place.write(&format!("{secret}.bin"), "\0");
    place.git(&["add", "-A"]);
    place.git(&[
        "commit",
        "-qm",
        &format!("Adds {secret}"),
        "--author",
        &format!("{secret} <a@b.c>"),
    ]);
    let others = ["human", "json", "jsonl", "sarif", "html"];
    for format in FORMATS.iter().chain(&others) {
        for mode in [&["-v"][..], &["-v", "--explain", "--history"]] {
            let text = report(&place, format, mode);
            assert!(
                text.contains("sk-o…8c24") || text.contains("sk-o\\u20268c24"),
                "{format}: {text}"
            );
            for window in secret.as_bytes().windows(8) {
                let window = std::str::from_utf8(window).unwrap();
                assert!(!text.contains(window), "{format} {mode:?} shows {window}");
            }
        }
    }
    let clear = report(&place, "json", &["--history", "--show-secrets"]);
    assert!(clear.contains(&format!("Adds {secret}")), "{clear}");
}

#[test]
fn every_format_is_the_same_at_any_thread_count() {
    let place = place();
    for format in FORMATS {
        let one = report(&place, format, &["--history", "-j", "1"]);
        assert_eq!(report(&place, format, &["--history", "-j", "8"]), one, "{format}");
    }
}

#[test]
fn one_scan_writes_several_reports() {
    let place = place();
    let files = ["--report", "sarif=out.sarif", "--report", "jsonl=out.jsonl"];
    let text = report(&place, "markdown", &files);
    assert!(text.starts_with("## keylint"));
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    let sarif: Value = serde_json::from_str(&read("out.sarif")).unwrap();
    let prints = &sarif["runs"][0]["results"][0]["partialFingerprints"];
    assert!(prints["primaryLocationLineHash"].is_string(), "{prints}");
    assert!(read("out.jsonl").starts_with("{\"type\":\"finding\""));
    for (bad, want) in
        [("sarif", "expected FORMAT=FILE"), ("xml=f", "`xml` is none of human, json")]
    {
        let output = run(place.path(), &["scan", "--report", bad]);
        assert_eq!(output.status.code(), Some(2));
        let text = crate::common::stderr(&output);
        assert!(text.contains(want), "{text}");
    }
}
