//! `keylint fix`: what it shows, what it writes, and the same as SARIF fixes.

use std::fs;
use std::process::Command;

use crate::common::{Place, json, key, run, stdout};

fn project() -> Place {
    let place = Place::new();
    place.init();
    place.write("app.py", format!("client = Client(\"{}\")\n", key("openrouter")));
    place.write("web.js", format!("const h = {{ Authorization: 'Bearer {}' }};\n", key("slack")));
    place.write("run.sh", format!("export SLACK_TOKEN={}\n", key("slack")));
    place.write("notes.py", format!("# {}\nx = 1\n", key("anthropic")));
    place
}

#[test]
fn the_diff_comes_first_and_shows_no_key() {
    let place = project();
    let before = fs::read(place.path().join("app.py")).unwrap();
    let output = run(place.path(), &["fix"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("+client = Client(os.environ['OPENROUTER_API_KEY'])"), "{text}");
    assert!(text.contains("-client = Client(\"sk-o…8c24[73]\")"), "{text}");
    assert!(text.contains("left: notes.py:1:3"), "{text}");
    for kind in ["openrouter", "slack", "anthropic"] {
        assert!(!text.contains(&key(kind)));
    }
    assert_eq!(fs::read(place.path().join("app.py")).unwrap(), before);
    assert!(!place.path().join(".env.example").exists());
}

#[test]
fn written_files_hold_no_key_and_run() {
    let place = project();
    place.write(".env.example", "OPENROUTER_API_KEY=");
    let output = run(place.path(), &["fix", "--write"]);
    // The key in the comment is left.
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    let text = |path: &str| fs::read_to_string(place.path().join(path)).unwrap();
    assert_eq!(text("app.py"), "import os\n\nclient = Client(os.environ['OPENROUTER_API_KEY'])\n");
    assert!(text("web.js").starts_with("const h = { Authorization: `Bearer ${process.env."));
    let example = text(".env.example");
    assert!(
        example.starts_with("OPENROUTER_API_KEY=\n") && example.lines().count() == 2,
        "{example}"
    );
    assert_eq!(text(".gitignore"), ".env\n");
    let left = json(place.path(), &["scan"]);
    assert_eq!(left["findings"].as_array().unwrap().len(), 1, "{left:#}");
    // Node and the shell read the result, and stop or go on as they should.
    let node =
        |args: &[&str]| Command::new("node").args(args).current_dir(place.path()).status().unwrap();
    assert!(node(&["--check", "web.js"]).success());
    let shell =
        Command::new("sh").arg("run.sh").env_clear().current_dir(place.path()).output().unwrap();
    assert!(!shell.status.success(), "a missing variable stops the script");
    // Nothing is left to change.
    let again = stdout(&run(place.path(), &["fix", "--write"]));
    assert!(again.contains("nothing to change"), "{again}");
}

#[test]
fn code_for_browsers_is_left() {
    let place = Place::new();
    place
        .init()
        .write("src/App.vue", format!("<script>\nconst k = '{}'\n</script>\n", key("openrouter")));
    let text = stdout(&run(place.path(), &["fix"]));
    assert!(text.contains("left: src/App.vue:2:12") && text.contains("browsers"), "{text}");
}

#[test]
fn reports_for_tools_carry_the_edits() {
    let place = project();
    let text = stdout(&run(place.path(), &["scan", "app.py", "-f", "sarif"]));
    let sarif: serde_json::Value = serde_json::from_str(&text).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    let change = &result["fixes"][0]["artifactChanges"][0];
    assert_eq!(change["artifactLocation"]["uri"], "app.py");
    let texts: Vec<&str> = change["replacements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["insertedContent"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["os.environ['OPENROUTER_API_KEY']", "import os\n\n"]);
    let region = &change["replacements"][0]["deletedRegion"];
    assert_eq!((&region["startLine"], &region["startColumn"]), (&1.into(), &17.into()));
    let report = json(place.path(), &["scan", "app.py"]);
    assert_eq!(report["findings"][0]["edits"].as_array().unwrap().len(), 2);
    assert!(!text.contains(&key("openrouter")));
}

#[test]
fn reports_say_the_same_as_fix_does() {
    let place = project();
    place.write(".env.example", "A=1\n");
    place.write(".gitignore", "node_modules\n");
    let report = json(place.path(), &["scan"]);
    let mut edits: Vec<(String, usize, usize, String)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|finding| finding["edits"].as_array().cloned().unwrap_or_default())
        .map(|edit| {
            let at = |n: usize| usize::try_from(edit["bytes"][n].as_u64().unwrap()).unwrap();
            let text = |key: &str| edit[key].as_str().unwrap().to_owned();
            (text("path"), at(0), at(1), text("text"))
        })
        .collect();
    edits.sort();
    edits.dedup();
    let read = |path: &str| fs::read_to_string(place.path().join(path)).unwrap();
    let paths = [".env.example", ".gitignore", "app.py", "run.sh", "web.js"];
    let apply = |path: &str| {
        let mut text = read(path);
        // From the end on, so that the places before stay what they are.
        for (_, start, end, new) in edits.iter().rev().filter(|edit| edit.0 == path) {
            text.replace_range(*start..*end, new);
        }
        text
    };
    let want = paths.map(apply);
    run(place.path(), &["fix", "--write"]);
    assert_eq!(paths.map(read), want);
}
