//! Work trees and standard input.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::common::{Place, json, key, keylint, places, run, stdout};

#[test]
fn ignore_rules_hold_but_not_for_tracked_files() {
    let place = Place::new();
    place.init();
    place.write(".gitignore", "*.log\nbuild/\n");
    place.write("app.py", format!("k = '{}'\n", key("openrouter")));
    place.write("tracked.log", key("slack"));
    place.git(&["add", "-A", "-f"]);
    place.write("loose.log", key("openrouter2"));
    place.write("build/out.js", key("anthropic"));
    let tracked = ["app.py:1 openrouter-api-key", "tracked.log:1 slack-bot-token"];
    assert_eq!(places(&json(place.path(), &["scan"])), tracked);
    assert_eq!(
        json(place.path(), &["scan", "--no-ignore", "--no-hygiene"])["findings"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    // A file that is named is scanned.
    assert_eq!(
        places(&json(place.path(), &["scan", "loose.log"])),
        ["loose.log:1 openrouter-api-key"]
    );
}

#[test]
fn hidden_files_are_counted_and_credential_files_are_scanned() {
    let place = Place::new();
    place.write(".env.local", format!("K={}\n", key("openrouter")));
    place.write(".aws/credentials", format!("# {}\n", key("slack")));
    place.write(".cache/x", key("openrouter2"));
    let report = json(place.path(), &["scan"]);
    let want = [".aws/credentials:1 slack-bot-token", ".env.local:1 openrouter-api-key"];
    assert_eq!(places(&report), want);
    assert_eq!(report["stats"]["skipped"]["hidden"], serde_json::json!([".cache"]));
    assert_eq!(places(&json(place.path(), &["scan", "--hidden"])).len(), 3);
    // A hidden file that git tracks needs no flag.
    place.init().git(&["add", "-f", ".cache/x"]);
    assert_eq!(places(&json(place.path(), &["scan", "--no-hygiene"])).len(), 3);
}

#[test]
fn what_is_skipped_is_counted_and_listed() {
    let place = Place::new();
    place.write("bin", [b"\0\0".as_slice(), key("openrouter").as_bytes()].concat());
    place.write("big.txt", key("openrouter").repeat(100));
    #[cfg(unix)]
    std::os::unix::fs::symlink("big.txt", place.path().join("link")).unwrap();
    let report = json(place.path(), &["scan", "--max-size", "1k"]);
    assert_eq!(report["stats"]["skipped"]["binary"], serde_json::json!(["bin"]));
    assert_eq!(report["stats"]["skipped"]["too-large"], serde_json::json!(["big.txt"]));
    #[cfg(unix)]
    assert_eq!(report["stats"]["skipped"]["symlink"], serde_json::json!(["link"]));
    assert!(places(&report).is_empty());
    assert_eq!(places(&json(place.path(), &["scan", "-a", "bin"])), ["bin:1 openrouter-api-key"]);
}

#[test]
fn standard_input_utf16_and_line_ends() {
    let place = Place::new();
    let text = format!("first\r\n  key = \"{}\"\r\n", key("openrouter"));
    let wide: Vec<u8> =
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    for bytes in [text.clone().into_bytes(), wide] {
        place.write("f.txt", &bytes);
        assert_eq!(places(&json(place.path(), &["scan"])), ["f.txt:2 openrouter-api-key"]);
        let mut child = keylint(place.path())
            .args(["scan", "--stdin", "-f", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(places(&report), ["<stdin>:2 openrouter-api-key"]);
        assert_eq!(report["findings"][0]["start"], serde_json::json!([2, 10]));
    }
}

#[test]
fn bytes_that_are_no_text_do_not_hide_a_key() {
    let place = Place::new();
    let bytes =
        [b"\xff\xfe\xfa caf\xe9 '".as_slice(), key("slack").as_bytes(), b"' \x80\n"].concat();
    place.write("latin1.txt", &bytes[2..]);
    assert_eq!(places(&json(place.path(), &["scan"])), ["latin1.txt:1 slack-bot-token"]);
}

#[test]
fn placeholders_and_look_alikes_are_silent() {
    let place = Place::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/silent");
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
    }
    let report = json(place.path(), &["scan"]);
    assert_eq!(places(&report), Vec::<String>::new());
    assert!(report["stats"]["blobs"].as_u64().unwrap() >= 4);
}

#[test]
fn comments_and_configuration_allow() {
    let place = Place::new();
    let line = |kind: &str, comment: &str| format!("k = '{}' # {comment}\n", key(kind));
    place.write(
        "a.py",
        line("slack", "keylint:allow -- revoked") + &line("slack", "keylint:allow other-rule"),
    );
    place.write("vendor/b.py", line("openrouter", ""));
    let found = |args: &[&str]| places(&json(place.path(), args));
    assert_eq!(found(&["scan"]), ["a.py:2 slack-bot-token", "vendor/b.py:1 openrouter-api-key"]);
    assert_eq!(found(&["scan", "--no-inline"]).len(), 3);
    place.write(
        "keylint.toml",
        "[[allow]]\nrule = \"openrouter-api-key\"\npath = \"vendor/**\"\nreason = \"theirs\"\n\
         [[allow]]\nrule = \"openrouter-api-key\"\npath = \"src/**\"\nreason = \"stale one\"\n",
    );
    assert_eq!(found(&["scan"]), ["a.py:2 slack-bot-token"]);
    let report = json(place.path(), &["scan"]);
    assert_eq!(report["suppressed"].as_array().unwrap().len(), 2);
    assert!(report["notices"].to_string().contains("stale one"));
    assert_eq!(found(&["scan", "--no-config"]).len(), 2);
    place.write(
        "keylint.toml",
        "[scan]\nexclude = [\"vendor/**\"]\n[rules]\ndisable = [\"slack-bot-token\"]\n",
    );
    let report = json(place.path(), &["scan"]);
    assert_eq!(places(&report), Vec::<String>::new());
    assert_eq!(report["stats"]["skipped"]["excluded"], serde_json::json!(["vendor/b.py"]));
}

#[test]
fn user_rules_run_and_bad_ones_are_refused_with_their_line() {
    let place = Place::new();
    place.write("keylint.toml", "[rules]\nfiles = [\"own.toml\"]\n");
    let rule = |pattern: &str| {
        format!(
            "[vendor]\nname = \"Acme\"\n\n[[rule]]\nid = \"acme-key\"\ndescription = \"An Acme key.\"\n\
             severity = \"high\"\nconfidence = \"high\"\nkeywords = [\"acme_\"]\npattern = '{pattern}'\n"
        )
    };
    place.write("own.toml", rule("acme_[a-z0-9]{8}"));
    place.write("x", "a = acme_q7w2k9zp\n");
    assert_eq!(places(&json(place.path(), &["scan"])), ["x:1 acme-key"]);
    // Rules may stand in the configuration itself.
    place
        .write("keylint.toml", rule("acme_[a-z0-9]{8}").replace("[vendor]\nname = \"Acme\"\n", ""));
    assert_eq!(places(&json(place.path(), &["scan", "x"])), ["x:1 acme-key"]);
    place.write("keylint.toml", rule("acme_[a-z"));
    let output = run(place.path(), &["scan"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(crate::common::stderr(&output).contains("keylint.toml:10"), "{output:?}");
    place.write("keylint.toml", "[rules]\nfiles = [\"own.toml\"]\n");
    place.write("own.toml", rule("acme_[a-z"));
    let output = run(place.path(), &["scan"]);
    assert_eq!(output.status.code(), Some(2));
    let text = crate::common::stderr(&output);
    assert!(text.contains("own.toml:10") && text.contains("acme-key"), "{text}");
    place.write("own.toml", rule("acme").replace("severity", "severty"));
    let text = crate::common::stderr(&run(place.path(), &["scan"]));
    assert!(
        text.contains("own.toml:7:") && text.contains("severty") && text.contains("`severity`?"),
        "{text}"
    );
    place.write("keylint.toml", "[scan]\nexlude = []\n");
    let text = crate::common::stderr(&run(place.path(), &["scan"]));
    assert!(text.contains("keylint.toml:2:") && text.contains("exlude"), "{text}");
}

#[test]
fn output_is_the_same_with_one_and_many_threads() {
    let place = Place::new();
    for n in 0..60 {
        let kind = ["openrouter", "slack", "anthropic"][n % 3];
        place.write(&format!("d{}/f{n}.txt", n % 7), format!("{}\n", key(kind)).repeat(n % 5 + 1));
    }
    let report = |threads: &str| run(place.path(), &["scan", "-f", "json", "-j", threads]).stdout;
    let one = report("1");
    for threads in ["2", "8"] {
        assert_eq!(report(threads), one);
    }
}

#[test]
fn an_unreadable_index_makes_the_scan_incomplete() {
    let place = Place::new();
    place.init().commit(1, "a", &key("slack"));
    fs::write(place.path().join(".git/index"), b"DIRCbroken").unwrap();
    let output = run(place.path(), &["scan"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stdout(&output).contains("a:1:1") && stdout(&output).contains("index"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn credentials_of_two_parts_are_one_finding() {
    let place = Place::new();
    let id = ["AK", "IAURLX5MNY5DID6RXV"].concat();
    let secret = ["5hctN7I+HIurjpsgpn", "AU6u2JcBv8DQde+3/LOrz7"].concat();
    let text = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    place.write("pair.ini", &text);
    place.write("alone.ini", format!("aws_access_key_id = {id}\n"));
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(
        places(&report),
        ["alone.ini:1 aws-access-key-id", "pair.ini:3 aws-secret-access-key"]
    );
    let pair = &report["findings"][1];
    assert_eq!(pair["confidence"], "high");
    assert_eq!(pair["parts"][0]["name"], "access key id");
    assert_eq!(pair["parts"][0]["start"], serde_json::json!([2, 21]));
    // In the history, too, and both halves are hidden in every form.
    place.init().commit(1, "pair.ini", &text);
    let history = json(place.path(), &["scan", "--history", "."]);
    let parts: Vec<_> =
        history["findings"].as_array().unwrap().iter().map(|f| &f["parts"]).collect();
    assert!(parts.iter().any(|parts| parts[0]["check"] == "aws-access-key-id"), "{history:#}");
    for format in ["human", "json", "sarif"] {
        let text = stdout(&run(place.path(), &["scan", "--explain", "-f", format, "."]));
        assert!(!text.contains(&id) && !text.contains(&secret), "{format}");
    }
}

#[test]
fn ai_credentials_of_two_parts_are_one_finding() {
    let uuid = "a6f3cf43-0295-3dac-a046-b0075a0d4ebf";
    let letters = "EnUmFY9tbIgm9X8hpXOVcO";
    let long = "aZbZO8qZeUzf0K6GhuW5sxaggbaTJoio";
    for (check, part, text) in [
        (
            "langfuse-secret-key",
            "public key",
            ["LANGFUSE_PUBLIC_KEY=pk", "-lf-", uuid, "\nLANGFUSE_SECRET_KEY=sk", "-lf-", uuid]
                .concat(),
        ),
        (
            "modal-token-secret",
            "token id",
            ["MODAL_TOKEN_ID=ak", "-", letters, "\nMODAL_TOKEN_SECRET=as", "-", letters].concat(),
        ),
        (
            "kling-secret-key",
            "access key",
            ["KLING_ACCESS_KEY=", long, "\nKLING_SECRET_KEY=x", &long[1..], "\n"].concat(),
        ),
    ] {
        let place = Place::new();
        place.write("app.env", &text);
        let report = json(place.path(), &["scan", "."]);
        let found = report["findings"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{check}: {report:#}");
        assert_eq!((&found[0]["check"], &found[0]["confidence"]), (&check.into(), &"high".into()));
        assert_eq!(found[0]["parts"].as_array().unwrap().len(), 1, "{check}: {report:#}");
        assert_eq!(found[0]["parts"][0]["name"], part);
    }
}
