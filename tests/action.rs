//! The GitHub Action: its script as each event runs it, with the values that action.yml gives it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Place, git, key, stderr, stdout};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn env(kind: &str) -> String {
    format!("KEY={}\n", key(kind))
}

/// The values that action.yml gives the scan: `a || b` of inputs and of parts of the event.
fn values(event: &Value, inputs: &Value) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("action.yml")).unwrap();
    let block = text.rsplit_once("\n      env:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let value = |expression: &str| {
        let term = |term: &str| {
            let term = term.trim();
            if let Some(name) = term.strip_prefix("inputs.") {
                let default = default_of(&text, name);
                return inputs[name].as_str().map_or(default, str::to_owned);
            }
            let path = term.strip_prefix("github.event.").unwrap();
            let pointer = format!("/{}", path.replace('.', "/"));
            event.pointer(&pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        expression.split("||").map(term).find(|text| !text.is_empty()).unwrap_or_default()
    };
    let lines = block.lines().map(|line| {
        let (name, rest) = line.trim().split_once(": ").unwrap();
        let expression = rest.strip_prefix("${{ ").unwrap().strip_suffix(" }}").unwrap();
        (name.to_owned(), value(expression))
    });
    let values: Vec<(String, String)> = lines.collect();
    assert!(values.len() >= 15, "{values:?}");
    values
}

/// The default of an input.
fn default_of(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once(&format!("\n  {name}:\n")).unwrap();
    let line = rest.lines().find(|line| line.trim().starts_with("default:")).unwrap();
    line.trim().strip_prefix("default:").unwrap().trim().trim_matches('"').to_owned()
}

/// What a run of the action leaves.
struct Ran {
    code: i32,
    log: String,
    output: String,
    summary: String,
    sarif: Option<Value>,
}

impl Ran {
    fn out(&self, name: &str) -> &str {
        let line = self.output.lines().find(|line| line.starts_with(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("no {name}: {} {}", self.output, self.log))
            .split_once('=')
            .unwrap()
            .1
    }

    /// The lines that GitHub shows as annotations of a file.
    fn annotations(&self) -> Vec<&str> {
        self.log.lines().filter(|line| line.contains("file=")).collect()
    }

    fn check(&self, code: i32, mode: &str, findings: &str, coverage: &str) {
        assert_eq!(self.code, code, "{}", self.log);
        assert_eq!(self.out("exit-code"), code.to_string());
        assert_eq!((self.out("mode"), self.out("findings")), (mode, findings), "{}", self.log);
        assert_eq!(self.out("coverage"), coverage, "{}", self.log);
    }
}

fn action(checkout: &Path, (name, event): (&str, &Value), inputs: &Value) -> Ran {
    let temp = Place::new();
    let file = |name: &str| temp.path().join(name);
    let mut inputs = inputs.clone();
    inputs["binary"] = json!(env!("CARGO_BIN_EXE_keylint"));
    let output = Command::new("bash")
        .arg(root().join("action/run.sh"))
        .arg("scan")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", temp.path())
        .envs(values(event, &inputs))
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", name)
        .env("GITHUB_REF", event["ref"].as_str().unwrap_or_default())
        .env("GITHUB_WORKSPACE", checkout)
        .env("GITHUB_OUTPUT", file("output"))
        .env("GITHUB_STEP_SUMMARY", file("summary"))
        .env("RUNNER_TEMP", temp.path())
        .output()
        .unwrap();
    let read = |name: &str| fs::read_to_string(file(name)).unwrap_or_default();
    Ran {
        code: output.status.code().unwrap(),
        log: stdout(&output) + &stderr(&output),
        output: read("output"),
        summary: read("summary"),
        sarif: serde_json::from_str(&read("keylint.sarif")).ok(),
    }
}

/// A repository on a server: main with an old key, a branch of a pull request that adds one key and
/// one that it removes again, and the merge that GitHub makes of it.
struct Server {
    place: Place,
    base: String,
    head: String,
    merge: String,
}

impl Server {
    fn new() -> Self {
        let place = Place::new();
        place.init().commit(1, "README", "hello\n");
        place.commit(2, "old.conf", &env("slack"));
        // As on GitHub: any commit that is reachable can be fetched by its id.
        place.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        place.git(&["checkout", "-q", "-b", "topic"]);
        place.commit(3, "gone.conf", &env("anthropic"));
        place.commit(4, "gone.conf", "\n");
        place.commit(5, "src/new.conf", &format!("a\n{}", env("openrouter")));
        let head = place.commit(6, "README", "hello there\n");
        place.git(&["checkout", "-q", "main"]);
        place.commit(7, "main.txt", "more\n");
        let base = place.commit(8, "other.conf", &env("slack").repeat(2));
        place.git(&["checkout", "-q", "--detach"]);
        place.git_at(9, &["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
        let merge = place.git(&["rev-parse", "HEAD"]);
        place.git(&["update-ref", "refs/pull/7/merge", &merge]);
        place.git(&["checkout", "-q", "main"]);
        Self { place, base, head, merge }
    }

    /// What actions/checkout makes of `revision`: `depth` commits of it, nothing else.
    fn checkout(&self, revision: &str, depth: Option<u32>) -> (Place, PathBuf) {
        let place = Place::new();
        let folder = place.path().join("checkout");
        fs::create_dir(&folder).unwrap();
        let run = |args: &[&str]| git(&folder, 1, args);
        run(&["init", "-q"]);
        run(&["remote", "add", "origin", &format!("file://{}", self.place.path().display())]);
        let depth = depth.map(|depth| format!("--depth={depth}"));
        let all = ["fetch", "-q", "--no-tags", "origin"];
        let refs: &[&str] = match depth.as_deref() {
            Some(depth) => &[depth, revision],
            None => &["+refs/heads/*:refs/remotes/origin/*", revision],
        };
        run(&[&all[..], refs].concat());
        run(&["checkout", "-q", "--detach", &self.place.git(&["rev-parse", revision])]);
        (place, folder)
    }

    fn pull_request(&self) -> Value {
        json!({
            "pull_request": { "base": { "sha": self.base }, "head": { "sha": self.head } },
            "repository": { "default_branch": "main" },
        })
    }
}

fn push(before: &str, after: &str, branch: &str) -> Value {
    json!({
        "before": before,
        "after": after,
        "ref": format!("refs/heads/{branch}"),
        "repository": { "default_branch": "main" },
    })
}

const ZERO: &str = "0000000000000000000000000000000000000000";

#[test]
fn a_pull_request_shows_what_it_adds_at_any_depth() {
    let server = Server::new();
    for depth in [Some(1), Some(2), Some(50), None] {
        let (_place, checkout) = server.checkout(&server.merge, depth);
        let ran = action(&checkout, ("pull_request", &server.pull_request()), &json!({}));
        ran.check(1, "diff", "2", "complete");
        let shown = ran.annotations();
        assert_eq!(shown.len(), 1, "{}", ran.log);
        assert!(shown[0].starts_with("::error file=src/new.conf,line=2,endLine=2,col=5,"));
        assert!(ran.log.contains("gone.conf:1") && !ran.log.contains("old.conf"), "{}", ran.log);
        assert!(ran.summary.contains("## keylint\n\n2 findings"), "{}", ran.summary);
        let sarif = ran.sarif.unwrap();
        assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
        for text in [&ran.log, &ran.summary, &ran.output] {
            assert!(!text.contains(&key("openrouter")) && !text.contains(&key("anthropic")));
        }
    }
}

#[test]
fn without_leave_to_fetch_what_is_missing_is_said() {
    let server = Server::new();
    let (_place, checkout) = server.checkout(&server.merge, Some(2));
    let inputs = json!({ "deepen": "false" });
    let ran = action(&checkout, ("pull_request", &server.pull_request()), &inputs);
    // The merge and its parents are there: what is added in all, not what was removed again.
    ran.check(1, "diff", "1", "partial");
    assert!(ran.log.contains("cuts the range off"), "{}", ran.log);
    let (_place, checkout) = server.checkout(&server.merge, Some(1));
    let ran = action(&checkout, ("pull_request", &server.pull_request()), &inputs);
    ran.check(1, "tree", "4", "partial");
    assert!(ran.log.contains("::notice title=keylint::the commit where the range starts"));
}

#[test]
fn a_push_is_scanned_from_where_the_branch_was() {
    let server = Server::new();
    let before = server.place.git(&["rev-parse", "topic~2"]);
    for depth in [Some(1), None] {
        let (_place, checkout) = server.checkout("topic", depth);
        let event = push(&before, &server.head, "topic");
        let ran = action(&checkout, ("push", &event), &json!({}));
        ran.check(1, "diff", "1", "complete");
        // A new branch: against the default one.
        let ran = action(&checkout, ("push", &push(ZERO, &server.head, "topic")), &json!({}));
        ran.check(1, "diff", "2", "complete");
        // Nothing new.
        let event = push(&server.head, &server.head, "topic");
        let ran = action(&checkout, ("push", &event), &json!({}));
        ran.check(0, "diff", "0", "complete");
        let ran = action(&checkout, ("push", &push(&server.head, ZERO, "topic")), &json!({}));
        ran.check(0, "nothing", "0", "complete");
        // What was there before a force push is nowhere any more.
        let event = push(&"1".repeat(40), &server.head, "topic");
        let ran = action(&checkout, ("push", &event), &json!({}));
        ran.check(1, "tree", "2", "partial");
    }
    let (_place, checkout) = server.checkout("main", Some(1));
    let ran = action(&checkout, ("push", &push(ZERO, &server.base, "main")), &json!({}));
    ran.check(1, "tree", "3", "complete");
}

#[test]
fn merge_queues_schedules_and_other_events() {
    let server = Server::new();
    let event = json!({
        "merge_group": { "base_sha": server.base, "head_sha": server.merge },
        "repository": { "default_branch": "main" },
    });
    let (_place, checkout) = server.checkout(&server.merge, Some(1));
    action(&checkout, ("merge_group", &event), &json!({})).check(1, "diff", "2", "complete");
    let event = json!({ "repository": { "default_branch": "main" } });
    let (_place, checkout) = server.checkout(&server.merge, Some(1));
    let ran = action(&checkout, ("schedule", &event), &json!({}));
    ran.check(1, "tree", "4", "complete");
    assert!(ran.log.contains("this checkout is shallow"), "{}", ran.log);
    let (_place, checkout) = server.checkout(&server.merge, None);
    let ran = action(&checkout, ("schedule", &event), &json!({}));
    ran.check(1, "history", "4", "complete");
    let ran = action(&checkout, ("workflow_dispatch", &event), &json!({ "mode": "tree" }));
    ran.check(1, "tree", "4", "complete");
    let inputs = json!({ "mode": "tree", "path": "src", "min-confidence": "high" });
    action(&checkout, ("schedule", &event), &inputs).check(1, "tree", "1", "complete");
}

#[test]
fn inputs_reach_the_program() {
    let server = Server::new();
    let (_place, checkout) = server.checkout(&server.merge, None);
    let event = server.pull_request();
    let with = |inputs: Value| action(&checkout, ("pull_request", &event), &inputs);
    let ran = with(json!({ "annotations": "false", "summary": "false" }));
    assert_eq!(ran.code, 1);
    assert!(!ran.log.contains("::error") && ran.log.contains("src/new.conf:2:5"), "{}", ran.log);
    assert_eq!(ran.summary, "");
    // Uploads are of all files, since code scanning takes what is missing for mended.
    let ran = with(json!({ "upload-sarif": "true" }));
    ran.check(1, "diff", "2", "complete");
    assert_eq!(ran.sarif.unwrap()["runs"][0]["results"].as_array().unwrap().len(), 4);
    let ran = with(json!({ "base": server.head.clone() }));
    ran.check(0, "diff", "0", "complete");
    // With a baseline of what the whole history holds, nothing is new.
    let made = crate::common::run(&checkout, &["baseline", "create", "--history"]);
    assert!(made.status.success(), "{}", stderr(&made));
    fs::rename(checkout.join("keylint-baseline.jsonl"), checkout.join("known.jsonl")).unwrap();
    let ran = with(json!({ "baseline": "known.jsonl" }));
    ran.check(0, "diff", "0", "complete");
    let ran = with(json!({ "mode": "everything" }));
    assert_eq!(ran.code, 2);
    assert!(ran.log.contains("::error title=keylint::mode: `everything` is none of"));
    let ran = with(json!({ "config": "no-such.toml" }));
    ran.check(2, "diff", "0", "partial");
    assert!(ran.log.contains("no-such.toml"), "{}", ran.log);
    let nothing = Place::new();
    let ran = action(nothing.path(), ("push", &json!({})), &json!({}));
    assert_eq!(ran.code, 2);
    assert!(ran.log.contains("run actions/checkout"), "{}", ran.log);
}

#[test]
fn the_name_of_the_build_follows_the_sources() {
    let place = Place::new();
    let name = |folder: &Path| {
        let out = place.path().join("out");
        fs::write(&out, "").unwrap();
        let mut command = Command::new("bash");
        command.arg(folder.join("action/run.sh")).arg("key").env("GITHUB_OUTPUT", &out);
        assert!(command.status().unwrap().success());
        fs::read_to_string(&out).unwrap()
    };
    place.write("docs/hygiene.md", "one");
    for file in ["Cargo.toml", "Cargo.lock", "build.rs", "src/a.rs", "rules/b.toml", "README"] {
        place.write(file, "one");
    }
    place.write("action/run.sh", fs::read(root().join("action/run.sh")).unwrap());
    let first = name(place.path());
    assert!(first.starts_with("key=") && first.len() > 40, "{first}");
    place.write("README", "two");
    assert_eq!(name(place.path()), first);
    place.write("rules/b.toml", "two");
    assert_ne!(name(place.path()), first);
}

#[test]
fn zizmor_finds_nothing_in_the_action_the_examples_and_the_workflows() {
    let program = root().join("target/tools/bin/zizmor");
    assert!(program.exists(), "{} is missing; run .ci/setup", program.display());
    let output = Command::new(program)
        .args(["--offline", "--no-progress", "--persona", "pedantic"])
        .args(["action.yml", "action/example.yml", ".github"])
        .current_dir(root())
        .output()
        .unwrap();
    let text = stdout(&output) + &stderr(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("No findings to report"), "{text}");
}

#[test]
fn the_program_is_built_with_the_dependencies_that_are_locked() {
    let (place, bare) = (Place::new(), Place::new());
    let cargo = place.write("bin/cargo", "#!/bin/sh\necho \"cargo $*\"\n");
    crate::staged::executable(&cargo);
    let build = |path: std::ffi::OsString| {
        let mut command = Command::new("/bin/bash");
        command.arg(root().join("action/run.sh")).arg("build").env_clear();
        let output = command.env("PATH", path).env("RUNNER_TEMP", "/t").output().unwrap();
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    let tools = std::env::split_paths("/usr/bin:/bin").collect::<Vec<_>>();
    let with = std::iter::once(place.path().join("bin")).chain(tools);
    let (code, text) = build(std::env::join_paths(with).unwrap());
    assert_eq!(code, Some(0), "{text}");
    let want =
        format!("cargo install --locked --quiet --path {} --root /t/keylint", root().display());
    assert!(text.starts_with(&want), "{text}");
    for tool in ["dirname", "rm"] {
        std::os::unix::fs::symlink(format!("/usr/bin/{tool}"), bare.path().join(tool)).unwrap();
    }
    let (code, text) = build(bare.path().into());
    assert_eq!(code, Some(2));
    assert!(text.contains("::error title=keylint::cargo is missing"), "{text}");
}
