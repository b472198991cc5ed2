//! `keylint.toml`: where it is found, what it sets, what it refuses; and marker comments.

use serde_json::Value;

use crate::common::{Place, json, key, places, run, stderr, stdout};

fn line(kind: &str, comment: &str) -> String {
    format!("k = '{}' {comment}\n", key(kind))
}

/// The error of a scan in `place`, which must be refused.
fn refused(place: &Place) -> String {
    let output = run(place.path(), &["scan", "."]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    stderr(&output)
}

fn notices(report: &Value) -> Vec<&str> {
    report["notices"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect()
}

#[test]
fn markers_of_all_tools_allow_their_line_or_the_next() {
    let place = Place::new();
    for (at, (above, beside)) in [
        ("", "# keylint:allow"),
        ("", "# keylint:allow slack-bot-token -- it is revoked"),
        ("  # keylint:allow slack-bot-token -- it is revoked\n", ""),
        ("// keylint:allow\n", ""),
        ("", "# gitleaks:allow"),
        ("", "# betterleaks:allow"),
        ("", "# trufflehog:ignore"),
        ("", "# pragma: allowlist secret"),
        ("# pragma: allowlist nextline secret\n", ""),
    ]
    .into_iter()
    .enumerate()
    {
        place.write(&format!("{at}.py"), format!("first\n{above}{}", line("slack", beside)));
    }
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(places(&report), Vec::<String>::new());
    assert_eq!(report["suppressed"].as_array().unwrap().len(), 9);
    assert_eq!(report["suppressed"][1]["suppressed"], "inline keylint:allow: it is revoked");
    assert_eq!(notices(&report), Vec::<&str>::new());
    assert_eq!(places(&json(place.path(), &["scan", "--no-inline", "."])).len(), 9);
    place.write("keylint.toml", "[scan]\nforeign-markers = false\n");
    assert_eq!(places(&json(place.path(), &["scan", "."])).len(), 5);
    // Counted for people, listed when they ask.
    let text = stdout(&run(place.path(), &["scan", "--no-config", "-v", "."]));
    assert!(text.contains("allowed: 9 findings"), "{text}");
    assert!(text.contains("1.py:2:6 (comment keylint:allow: it is revoked)"), "{text}");
    let sarif = stdout(&run(place.path(), &["scan", "--no-config", "-f", "sarif", "."]));
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let suppression = &sarif["runs"][0]["results"][1]["suppressions"][0];
    assert_eq!(suppression["kind"], "inSource");
    assert_eq!(suppression["justification"], "it is revoked");
}

#[test]
fn markers_that_allow_nothing_are_named() {
    let place = Place::new();
    place.write(
        "a.py",
        [
            "x = 1 # keylint:allow\n",
            &line("slack", "# keylint:allow slack-bot-tokn"),
            &line("slack", "# keylint:allow openrouter-api-key"),
            "see `keylint:allow` in the docs\n",
            "y = 2 # gitleaks:allow\n",
        ]
        .concat(),
    );
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(places(&report).len(), 2);
    assert_eq!(
        notices(&report),
        [
            "a.py:1: keylint:allow allows nothing and can go",
            "a.py:2: keylint:allow names `slack-bot-tokn`, which is no rule; did you mean \
             `slack-bot-token`?",
            "a.py:3: keylint:allow does not name `slack-bot-token`, the rule of the finding there",
        ]
    );
    let one = run(place.path(), &["scan", "-j", "1", "-f", "json", "."]).stdout;
    assert_eq!(one, run(place.path(), &["scan", "-j", "4", "-f", "json", "."]).stdout);
}

#[test]
fn the_reason_of_a_marker_never_shows_a_secret() {
    let place = Place::new();
    place.write("a.js", format!("/* keylint:allow -- old */ k = '{}'\n", key("slack")));
    place.write("b.py", format!("k = '{0}' # keylint:allow -- {0}\n", key("slack")));
    for format in ["human", "json", "sarif", "jsonl"] {
        let text = stdout(&run(place.path(), &["scan", "-f", format, "."]));
        assert!(!text.contains(&key("slack")), "{format}: {text}");
    }
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(report["suppressed"][0]["suppressed"], "inline keylint:allow: old");
}

#[test]
fn files_from_the_folder_to_the_top_count_and_the_nearest_wins() {
    let place = Place::new();
    place.init();
    for path in ["top.py", "sub/a.py", "sub/deep/b.py", "sub/old/c.py", "other/d.py"] {
        place.write(path, line("slack", "") + &line("openrouter", ""));
    }
    place.write(
        "keylint.toml",
        "[rules.severity]\nslack-bot-token = \"low\"\n\
         [[allow]]\npath = \"sub/deep/**\"\nrule = \"slack-bot-token\"\nreason = \"top\"\n",
    );
    place.write(
        "sub/keylint.toml",
        "[scan]\nexclude = [\"old/\"]\n[rules]\ndisable = [\"openrouter-api-key\"]\n\
         [rules.severity]\nslack-bot-token = \"info\"\n",
    );
    let of = |args: &[&str]| {
        let report = json(place.path(), args);
        let severity = |f: &Value| f["severity"].as_str().unwrap().to_owned();
        let severities = report["findings"].as_array().unwrap().iter().map(severity);
        places(&report)
            .into_iter()
            .zip(severities)
            .map(|(p, s)| format!("{p} {s}"))
            .collect::<Vec<_>>()
    };
    let want = [
        "other/d.py:1 slack-bot-token low",
        "other/d.py:2 openrouter-api-key critical",
        "sub/a.py:1 slack-bot-token info",
        "top.py:1 slack-bot-token low",
        "top.py:2 openrouter-api-key critical",
    ];
    assert_eq!(of(&["scan", "."]), want);
    assert_eq!(of(&["scan", "sub", "top.py"])[0], want[2]);
    assert_eq!(of(&["scan", "sub"]), &want[2..3]);
    assert_eq!(of(&["scan", "--no-config", "sub"]).len(), 6);
    // The history asks the files of the work tree.
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "all"]);
    assert_eq!(of(&["scan", "--history", "."]), want);
    // `root` cuts off what is further up.
    place.write("sub/keylint.toml", "root = true\n[scan]\nexclude = [\"old\"]\n");
    assert_eq!(of(&["scan", "sub"]).len(), 4);
    assert_eq!(of(&["scan", "sub"])[0], "sub/a.py:1 slack-bot-token high");
    // A file above the repository is not asked.
    let inner = place.path().join("other/repo");
    std::fs::create_dir_all(inner.join(".git")).unwrap();
    place.write("other/repo/e.py", line("slack", ""));
    let report = json(&inner, &["scan", "."]);
    assert_eq!(report["findings"][0]["severity"], "high");
}

#[test]
fn settings_of_a_run_come_from_where_it_starts() {
    let place = Place::new();
    place.init();
    place.write("sub/a.py", line("slack", ""));
    place.write("sub/.hidden", line("slack", ""));
    place.write(
        "sub/keylint.toml",
        "[scan]\nfail-on = \"critical\"\nhidden = true\nmax-size = \"1M\"\n[output]\nformat = \"jsonl\"\n",
    );
    let output = run(place.path(), &["scan", "sub"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 3);
    assert!(stdout(&output).lines().all(|line| line.starts_with('{')));
    assert_eq!(run(place.path(), &["scan", "--fail-on", "low", "sub"]).status.code(), Some(1));
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(places(&report), ["sub/a.py:1 slack-bot-token"]);
    assert_eq!(
        notices(&report)[..2],
        [
            "sub/keylint.toml:2: `scan.fail-on` counts only for a scan that starts there",
            "sub/keylint.toml:4: `scan.max-size` counts only for a scan that starts there",
        ]
    );
    place.write("sub/keylint.toml", "[scan]\nmin-confidence = \"high\"\nexclude = [\"x\"]\n");
    place.write("sub/b.py", "password = \"q8Zt5vKw2mXr\"\n");
    place.write("b.py", "password = \"q8Zt5vKw2mXr\"\n");
    let all = places(&json(place.path(), &["scan", "--min-confidence", "low", "."]));
    let near = places(&json(place.path(), &["scan", "."]));
    assert!(all.len() > near.len() && near.iter().any(|p| p.starts_with("b.py")), "{near:?}");
    assert!(!near.iter().any(|p| p.starts_with("sub/b.py")), "{near:?}");
}

#[test]
fn mistakes_are_refused_with_file_line_and_what_may_be_meant() {
    let place = Place::new();
    place.write("a.py", line("slack", ""));
    for (text, wants) in [
        ("[scan]\nexlude = []\n", ["keylint.toml:2:", "`exlude`", "did you mean `exclude`?"]),
        ("\n[scna]\n", ["keylint.toml:2:", "`scna`", "did you mean `scan`?"]),
        ("[scan]\nfail-on = \"hgih\"\n", ["keylint.toml:2:", "`hgih`", "did you mean `high`?"]),
        ("[[allow]]\nrule = \"x\"\nreson = \"y\"\n", ["keylint.toml:3:", "`reson`", "`reason`?"]),
        ("[[allow]]\nrule = \"x\"\n", ["keylint.toml:1:", "missing field", "`reason`"]),
        ("[[allow]]\nreason = \"y\"\n", ["keylint.toml:2:", "[[allow]] entry 1", "everything"]),
        (
            "[rules]\ndisable = [\"slack-bot-tokn\"]\n",
            ["keylint.toml:2:", "rules.disable", "did you mean `slack-bot-token`?"],
        ),
        (
            "[rules.severity]\n\"slack-bot-tokn\" = \"low\"\n",
            ["keylint.toml:2:", "`slack-bot-tokn` is no rule", "`slack-bot-token`?"],
        ),
        ("\n[output]\nformat = \"sarf\"\n", ["keylint.toml:3:", "`sarf`", "did you mean `sarif`?"]),
        ("[scan]\nexclude = [\"a[\"]\n", ["keylint.toml:2:", "scan.exclude", "a["]),
        (
            "[[allow]]\nreason = \"\"\npattern = \"(\"\n",
            ["keylint.toml:3:", "[[allow]] entry 1", "unclosed group"],
        ),
        ("[scan]\nmax-size = \"64X\"\n", ["keylint.toml:2:", "such as 64M", ""]),
        ("scan = \n", ["keylint.toml:1:", "", ""]),
        (
            "[[rule]]\nid = \"a-b\"\ndescription = \"\"\nseverty = \"low\"\n",
            ["keylint.toml:4:", "`severty`", "did you mean `severity`?"],
        ),
    ] {
        place.write("keylint.toml", text);
        let error = refused(&place);
        assert!(wants.iter().all(|want| error.contains(want)), "{text}: {error}");
    }
    // In a subfolder it makes the scan incomplete, and nothing is allowed by it.
    place.write("keylint.toml", "");
    place.write("sub/keylint.toml", "[scan]\nexlude = [\"b.py\"]\n");
    place.write("sub/b.py", line("slack", ""));
    let output = run(place.path(), &["scan", "-f", "json", "."]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(places(&report).len(), 2);
    assert!(report["problems"][0]["message"].as_str().unwrap().contains("keylint.toml:2:"));
}

#[test]
fn show_says_what_is_in_force_and_where_from() {
    let place = Place::new();
    place.init();
    place.write(
        "keylint.toml",
        "[scan]\nexclude = [\"vendor/**\"]\nfail-on = \"high\"\n\n[[allow]]\nrule = \"jwt-token\"\nreason = \"r\"\n",
    );
    place.write("sub/keylint.toml", "[scan]\nfail-on = \"low\"\nexclude = [\"old\"]\n");
    let text = stdout(&run(place.path(), &["config", "show", "sub"]));
    for want in [
        "#   keylint.toml\n#   sub/keylint.toml\n",
        "exclude = [\"vendor/**\", \"old\"]          # keylint.toml:2, sub/keylint.toml:3\n",
        "fail-on = \"low\"                         # sub/keylint.toml:2, over \"high\" of keylint.toml:3\n",
        "max-size = \"64M\"                        # default\n",
        "[[allow]] # keylint.toml:6\nrule = \"jwt-token\"\nreason = \"r\"\n",
    ] {
        assert!(text.contains(want), "{want}\nin\n{text}");
    }
    assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    let text = stdout(&run(place.path(), &["config", "show", "--config", "sub/keylint.toml"]));
    assert!(!text.contains("vendor"), "{text}");
    place.write("sub/keylint.toml", "[scan]\nfial-on = \"low\"\n");
    let output = run(place.path(), &["config", "show", "sub"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `fail-on`?"));
}

#[test]
fn the_schema_holds_what_the_program_reads_and_no_more() {
    let place = Place::new();
    let schema: Value =
        serde_json::from_str(&stdout(&run(place.path(), &["config", "schema"]))).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let valid = |text: &str| {
        let table: toml::Table = text.parse().unwrap();
        validator.is_valid(&serde_json::to_value(table).unwrap())
    };
    let own =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/keylint.toml")).unwrap();
    assert!(valid(&own) && valid("") && valid("[scan]\nmax-size = 5\nfail-on = \"high\"\n"));
    let rule =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/aws.toml")).unwrap();
    assert!(valid(&rule));
    for wrong in
        ["[scan]\nexlude = []\n", "[scan]\nfail-on = \"worst\"\n", "[[allow]]\nrule = \"x\"\n"]
    {
        assert!(!valid(wrong), "{wrong}");
    }
    // Every setting of the schema is shown with its default.
    let shown = stdout(&run(place.path(), &["config", "show"]));
    let shown: toml::Table = shown.parse().unwrap();
    for (section, of) in
        [("scan", "ScanConfig"), ("output", "OutputConfig"), ("rules", "RulesConfig")]
    {
        for name in schema["$defs"][of]["properties"].as_object().unwrap().keys() {
            assert!(name == "severity" || shown[section].get(name).is_some(), "{section}.{name}");
        }
    }
}
