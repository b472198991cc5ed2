//! `keylint migrate`: configurations written for the tests, in all forms that gitleaks reads.

use std::fs;

use crate::common::{Place, json, key, places, run, stderr};

/// Runs `keylint migrate`; gives its notes.
fn migrate(place: &Place, args: &[&str]) -> String {
    let output = run(place.path(), &[&["migrate"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stderr(&output)
}

fn found(place: &Place) -> Vec<String> {
    let report = json(place.path(), &["scan", "--no-ignore", "--hidden", "src"]);
    assert_eq!(report["problems"], serde_json::json!([]));
    places(&report)
}

/// A rule of gitleaks for `NAME_` and some letters or digits.
fn rule(id: &str, name: &str, more: &str) -> String {
    format!(
        "[[rules]]\nid = \"{id}\"\ndescription = \"d\"\nregex = '''{name}_([a-z0-9]{{4,}})'''\nkeywords = [\"{name}_\"]\n{more}\n"
    )
}

#[test]
fn rules_find_what_they_found() {
    let place = Place::new();
    place.init();
    place.write("src/a.txt", "one_aaaa\none_abcd1\nx one_q7w2k9 far below two_zzzz9\n");
    place.write("src/b.py", "three_abcd1\nfour_abcd1 four_aaaa\n");
    place.write("src/cert.key", b"\x30\x82\x00\x01");
    place.write(
        ".gitleaks.toml",
        rule("one", "one", "entropy = 1.5")
            + &rule("two", "two", "secretGroup = 1")
            + &rule("three", "three", "path = '''\\.txt$'''")
            + &rule("generic-four", "four", "")
            + "[[rules]]\nid = \"four\"\nregex = '''four_abcd1'''\n"
            + "[[rules]]\nid = \"names\"\npath = '''\\.key$'''\n",
    );
    assert_eq!(migrate(&place, &[]), "");
    assert_eq!(
        found(&place),
        [
            "src/a.txt:2 one",
            "src/a.txt:3 one",
            "src/a.txt:3 two",
            "src/b.py:2 four",
            "src/b.py:2 generic-four",
            "src/cert.key:1 names",
        ]
    );
    // The files that hold the patterns are not scanned.
    let all = places(&json(place.path(), &["scan", "--no-ignore", "--hidden"]));
    assert!(all.iter().all(|place| place.starts_with("src/")), "{all:?}");
    let again = run(place.path(), &["migrate"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
}

#[test]
fn allowlists_of_both_forms_hold() {
    let place = Place::new();
    place.init();
    place.write("src/a.txt", "one_stop1\none_good1\none_line1 # fine\none_abcd1\n");
    place.write("src/skip/b.txt", "one_abcd1\ntwo_abcd1\n");
    place.write("src/c.test", "two_abcd1\ntwo_other2\n");
    let text = |global: &str| {
        rule("one", "one", "[rules.allowlist]\nstopwords = [\"STOP\"]\nregexes = ['''^good1$''']\n")
            + &rule(
                "two",
                "two",
                "[[rules.allowlists]]\ncondition = \"AND\"\npaths = ['''\\.test$''']\nregexes = ['''abcd''']\n",
            )
            + global
    };
    place.write(
        ".gitleaks.toml",
        text("[allowlist]\ndescription = \"old\"\nregexTarget = \"line\"\nregexes = ['''# fine''']\npaths = ['''/skip/''']\n"),
    );
    assert_eq!(migrate(&place, &[]), "");
    assert_eq!(found(&place), ["src/a.txt:4 one", "src/c.test:2 two"]);
    place.write(
        ".gitleaks.toml",
        text("[[allowlists]]\ntargetRules = [\"one\"]\nregexTarget = \"match\"\nregexes = ['''one_(line|abcd)''']\n"),
    );
    assert_eq!(migrate(&place, &["--force"]), "");
    assert_eq!(found(&place), ["src/c.test:2 two", "src/skip/b.txt:2 two"]);
}

#[test]
fn composite_rules_need_their_parts() {
    let place = Place::new();
    place.init();
    let parts = "skipReport = true";
    let composite = |need: &str| {
        rule("id", "id", parts)
            + &rule("key", "key", &format!("[[rules.required]]\nid = \"id\"\n{need}\n"))
    };
    place.write("src/near.txt", "id_abcd1\nkey_abcd1\n");
    place.write("src/far.txt", format!("id_abcd1\n{}key_abcd1\n", "\n".repeat(9)));
    place.write("src/none.txt", "key_abcd1\n");
    place.write(".gitleaks.toml", composite("withinLines = 3"));
    assert_eq!(migrate(&place, &[]), "");
    assert_eq!(found(&place), ["src/near.txt:2 key"]);
    place.write(".gitleaks.toml", composite(""));
    migrate(&place, &["--force"]);
    assert_eq!(found(&place), ["src/far.txt:11 key", "src/near.txt:2 key"]);
}

#[test]
fn extended_files_are_merged_as_there() {
    let place = Place::new();
    place.init();
    place.write(
        "base.toml",
        rule("one", "one", "") + &rule("two", "two", "") + &rule("three", "three", ""),
    );
    place.write(
        ".gitleaks.toml",
        "[extend]\npath = \"base.toml\"\ndisabledRules = [\"two\", \"nine\"]\n".to_owned()
            + "[[rules]]\nid = \"one\"\n[[rules.allowlists]]\nregexes = ['''abcd''']\n"
            + "[[rules]]\nid = \"three\"\nregex = '''drei_[a-z0-9]+'''\nkeywords = [\"drei_\"]\n",
    );
    place.write("src/a", "one_abcd1\none_wxyz2\ntwo_abcd1\nthree_abcd1 drei_abcd1\n");
    let notes = migrate(&place, &[]);
    assert!(notes.contains("disabledRules names `nine`"), "{notes}");
    assert_eq!(found(&place), ["src/a:2 one", "src/a:4 three"]);
}

#[test]
fn what_is_not_carried_over_is_named_with_its_line() {
    let place = Place::new();
    place.init();
    place.write("src/a", format!("one_abcd1\nk = '{}'\n", key("slack")));
    place.write(
        ".gitleaks.toml",
        "colour = 1\n[extend]\nuseDefault = true\ndisabledRules = [\"slack-bot-token\", \"other\"]\n".to_owned()
            + &rule("one", "one", "[[rules.allowlists]]\ncondition = \"AND\"\ncommits = [\"0123456789\"]\npaths = [\"x\"]")
            + "[[rules]]\nid = \"shipped\"\nentropy = 4\n"
            + "[[rules]]\nid = \"group\"\nregex = '(a)'\nsecretGroup = 2\n"
            + "[[rules]]\nid = \"broken\"\nregex = '''(?=a)'''\n"
            + "[[allowlists]]\ntargetRules = [\"shipped-too\"]\npaths = [\"x\"]\n"
            + "[[allowlists]]\ncommits = [\"89abcdef01234567\"]\n",
    );
    let notes = migrate(&place, &[]);
    for want in [
        ".gitleaks.toml:1: `colour` is no key of gitleaks",
        "useDefault: keylint's rules stand for those of gitleaks",
        "disabledRules: `other` is no rule of keylint",
        ".gitleaks.toml:6: rule `one`: not carried over: an allowlist that ties commits",
        ".gitleaks.toml:15: rule `shipped`: not carried over: it has neither regex nor path",
        ".gitleaks.toml:22: rule `broken`: not carried over: regex cannot be used",
        ".gitleaks.toml:18: rule `group`: not carried over: the regex has no group 2",
        "an allowlist is for rule `shipped-too`",
    ] {
        assert!(notes.contains(want), "{want}\nin\n{notes}");
    }
    let config = fs::read_to_string(place.path().join("keylint.toml")).unwrap();
    assert!(
        config.contains("builtin = true") && config.contains("\"slack-bot-token\""),
        "{config}"
    );
    assert!(config.contains("commit = \"89abcdef01234567\""), "{config}");
    assert_eq!(found(&place), ["src/a:1 one"]);
    // A copy of the defaults makes it exact.
    place.write("defaults.toml", rule("shipped", "slk", "") + &rule("shipped-too", "x9", ""));
    place.write("src/b", "slk_abcdefghij0123456789\n");
    let notes = migrate(&place, &["--force", "--gitleaks-defaults", "defaults.toml"]);
    assert!(!notes.contains("useDefault") && !notes.contains("shipped"), "{notes}");
    assert_eq!(found(&place), ["src/a:1 one", "src/b:1 shipped"]);
    // What gitleaks refuses is refused.
    for (text, want) in [
        ("[[allowlists]]\ncondition = \"AND\"\n", ":1: an allowlist has none of"),
        ("[[allowlists]]\nregexTarget = \"x\"\nregexes = [\"a\"]\n", ":1: regexTarget is"),
        ("[[rules]]\nregex = \"a\"\n", "a rule has no id"),
        ("[[rules]\n", ".gitleaks.toml:1:"),
    ] {
        place.write(".gitleaks.toml", text);
        let output = run(place.path(), &["migrate", "--force"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(want), "{want}: {}", stderr(&output));
    }
}

#[test]
fn former_baselines_and_ignore_files_hold() {
    let place = Place::new();
    place.init();
    let secret = key("openrouter");
    place.write("src/a.txt", "one_abcd1\none_wxyz2\none_wxyz2 again\none_last3\none_hide4\n");
    place.write("src/s.py", format!("k = '{secret}'\n"));
    place.write(
        ".gitleaks.toml",
        "[extend]\nuseDefault = true\n".to_owned() + &rule("one", "one", ""),
    );
    place.write(".gitleaksignore", "# known\nsrc/a.txt:one:1\nnonsense\n");
    let entry = |rule: &str, file: &str, secret: &str, line: u32| serde_json::json!({"RuleID": rule, "File": file, "Secret": secret, "StartLine": line, "Commit": ""});
    let report = serde_json::json!([
        entry("one", "src/a.txt", "wxyz2", 2),
        entry("one", "src/a.txt", "REDACTED", 5),
    ]);
    place.write("report.json", report.to_string());
    let hash = |text: &str| {
        use sha1::Digest as _;
        sha1::Sha1::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let detected = serde_json::json!({"version": "1.5.0", "results": {"src/s.py": [
        {"type": "Secret Keyword", "hashed_secret": hash(&secret), "line_number": 1},
        {"type": "Secret Keyword", "hashed_secret": hash("gone"), "line_number": 9},
    ]}});
    place.write(".secrets.baseline", detected.to_string());
    let notes = migrate(&place, &["--report", "report.json"]);
    for want in [
        ".gitleaksignore:3: not carried over",
        "report.json: entry 2: the value is redacted",
        ".secrets.baseline: Secret Keyword in line 9: src/s.py: nothing that keylint finds",
    ] {
        assert!(notes.contains(want), "{want}\nin\n{notes}");
    }
    assert_eq!(found(&place), ["src/a.txt:4 one"]);
    let text = fs::read_to_string(place.path().join("keylint-baseline.jsonl")).unwrap();
    assert!(!text.contains("wxyz2") && !text.contains(&secret), "{text}");
}
