//! The report for people on a terminal: `script` gives the program a real one.

use std::process::Command;

use crate::common::{Place, json, key, keylint, run, stderr, stdout};

/// What the program writes on standard output, a terminal `columns` wide, with `env` set.
fn on_terminal(place: &Place, columns: usize, env: &[(&str, &str)], args: &str) -> String {
    let program = env!("CARGO_BIN_EXE_keylint");
    let line = format!("stty cols {columns} rows 40 -onlcr; exec {program} 2>/dev/null {args}");
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(place.path())
        .env_clear()
        .env("HOME", place.path())
        .env("SHELL", "/bin/sh")
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(env.iter().copied())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// `text` without the sequences that a report is made of: colours, and links with their addresses.
fn visible(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        shown += before;
        rest = match after.as_bytes()[0] {
            b'[' => after.split_once('m').unwrap().1,
            b']' => after.split_once("\x1b\\").unwrap().1,
            other => panic!("ESC {other:?} in {text:?}"),
        };
    }
    shown + rest
}

/// The addresses of all links.
fn links(text: &str) -> Vec<&str> {
    let starts = text.split("\x1b]8;;").skip(1);
    let addresses = starts.map(|rest| rest.split_once("\x1b\\").unwrap().0);
    addresses.filter(|address| !address.is_empty()).collect()
}

fn leaky() -> Place {
    let place = Place::new();
    let (router, slack) = (key("openrouter"), key("slack"));
    place.write("src/a b.py", format!("import os\nc = Client(\"{router}\")\nt = \"{slack}\"\n"));
    let filler = "漢字 text; ".repeat(30);
    place.write("web/min.js", format!("{filler}f('{slack}'); {filler}\n"));
    place
}

const KITTY: (&str, &str) = ("TERM", "xterm-kitty");

#[test]
fn a_report_fits_its_terminal() {
    let place = leaky();
    for columns in [40, 60, 100] {
        let text = visible(&on_terminal(&place, columns, &[KITTY], "scan"));
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines {
            // Each CJK character takes two columns, all others here one.
            let wide = line.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
            let taken = line.chars().count() + wide;
            // An address is never broken.
            assert!(taken <= columns || line.contains("https://"), "{taken} > {columns}: {line}");
        }
        // The carets are under the value, whatever was cut before it.
        let at = lines.iter().position(|line| line.contains("f('xoxb")).unwrap();
        assert!(lines[at].contains('…') && lines[at].contains('漢'), "{text}");
        let columns_before = |line: &str, end: &str| {
            let before = &line[..line.find(end).unwrap()];
            before
                .chars()
                .map(|c| if ('\u{4e00}'..='\u{9fff}').contains(&c) { 2 } else { 1 })
                .sum::<usize>()
        };
        assert_eq!(columns_before(lines[at], "xoxb"), columns_before(lines[at + 1], "^"), "{text}");
    }
    // Nobody counts columns in a file.
    let piped = stdout(&run(place.path(), &["scan"]));
    assert!(piped.contains("  = fix: Revoke the token with auth.revoke or on the app's page, reinstall the app, and read it from"));
}

#[test]
fn links_open_the_line_and_the_page_where_the_key_is_revoked() {
    let place = leaky();
    let folder = place.path().canonicalize().unwrap();
    let file = |path: &str, line: &str| format!("file://{}/{path}{line}", folder.display());
    let page = "https://api.slack.com/apps".to_owned();
    let router = "https://openrouter.ai/settings/keys".to_owned();
    let all = |line: [&str; 3]| {
        let [one, two, three] = line;
        vec![
            file("src/a%20b.py", one),
            router.clone(),
            file("src/a%20b.py", two),
            page.clone(),
            file("web/min.js", three),
        ]
    };
    let text = on_terminal(&place, 100, &[KITTY], "scan");
    assert_eq!(links(&text), all(["#2", "#3", "#1"]));
    // A terminal that opens files, but not at a line; one that opens none.
    let gnome = [("TERM", "xterm-256color"), ("VTE_VERSION", "7006")];
    assert_eq!(links(&on_terminal(&place, 100, &gnome, "scan")), all(["", "", ""]));
    let remote = on_terminal(&place, 100, &[KITTY, ("SSH_CONNECTION", "a 1 b 2")], "scan");
    assert_eq!(links(&remote), [router.as_str(), &page]);
    let plain = [("TERM", "xterm-256color")];
    assert_eq!(links(&on_terminal(&place, 100, &plain, "scan")), Vec::<&str>::new());
    assert_eq!(links(&on_terminal(&place, 100, &[KITTY], "scan --hyperlink never")).len(), 0);
    assert_eq!(links(&stdout(&run(place.path(), &["scan"]))).len(), 0);
    let always = stdout(&run(place.path(), &["scan", "--hyperlink", "always"]));
    assert_eq!(links(&always), all(["#2", "#3", "#1"]));
    assert!(!always.contains("\x1b["), "links are no colours: {always:?}");
    let report = place.path().join("report.txt");
    run(place.path(), &["scan", "--hyperlink", "always", "-o", "report.txt"]);
    assert!(!std::fs::read_to_string(report).unwrap().contains('\x1b'));
}

#[test]
fn colours_are_where_they_are_wanted() {
    let place = leaky();
    let red = "\x1b[1m\x1b[31mhigh[";
    assert!(on_terminal(&place, 100, &[KITTY], "scan").contains(red));
    let off = on_terminal(&place, 100, &[KITTY, ("NO_COLOR", "1")], "scan");
    assert!(!off.contains("\x1b[") && !links(&off).is_empty(), "{off:?}");
    assert!(!on_terminal(&place, 100, &[("TERM", "dumb")], "scan").contains('\x1b'));
    assert!(!on_terminal(&place, 100, &[KITTY], "scan --color never").contains("\x1b["));
    let forced = keylint(place.path()).arg("scan").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(stdout(&forced).contains(red));
    assert!(!stdout(&run(place.path(), &["scan"])).contains('\x1b'));
}

#[test]
fn nothing_of_a_hostile_repository_acts_on_the_terminal() {
    let place = Place::new();
    let slack = key("slack");
    let hostile = "\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}\u{200b}\x08";
    let name = format!("a{}b\u{202e}.py", "\x1b]8;;https:evil\x1b\\");
    place.write(&name, format!("# {hostile}\nk = '{slack}' # {hostile}\n"));
    place.write("env\x1b[2J/.env", format!("K={slack}\n"));
    place.write("bin\x1b[2J.dat", [0; 9]);
    place.write(
        "keylint.toml",
        "[[allow]]\nrule = \"slack-bot-token\"\npath = \"bad/*\"\nreason = \"\\u001b[2J\\u202e\"\n",
    );
    place.write("bad/a.py", format!("k = '{slack}'\n"));
    place.init();
    for args in ["scan -v", "scan -vv", "scan -q", "audit -v", "fix", "config show"] {
        let text = on_terminal(&place, 80, &[KITTY], args);
        let shown = visible(&text);
        assert!(shown.lines().count() > 3, "{args}: {shown}");
        let acts = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{200b}".contains(c);
        assert!(!shown.contains(acts), "{args}: {shown:?}");
        assert!(!text.contains("\x1b[2J") && !text.contains("evil\x1b"), "{args}: {text:?}");
        assert!(links(&text).iter().all(|address| !address.contains("evil\\")), "{args}");
    }
    let text = stdout(&run(place.path(), &["scan", "-v"]));
    // Each name can still be told from others.
    assert!(text.contains(r"a\u{1b}]8;;https:evil\u{1b}\b\u{202e}.py:2:6"), "{text}");
    assert!(text.contains(r"bin\u{1b}[2J.dat (binary)"), "{text}");
    place.write("keylint.toml", "[scan]\nexclud\u{202e}e = [\"\x1b[2J\"]\n");
    let error = on_terminal(&place, 80, &[KITTY], "scan 2>&1");
    assert!(error.contains("error") && !error.contains("\x1b[2J"), "{error:?}");
    assert!(!error.contains('\u{202e}'), "{error:?}");
}

#[test]
fn quiet_and_verbose_have_levels() {
    let place = leaky();
    place.write("bin.dat", [0; 9]);
    let of = |args: &[&str]| run(place.path(), &[&["scan"], args].concat());
    let text = |args: &[&str]| stdout(&of(args));
    let plain = text(&[]);
    assert!(plain.ends_with("kB\nskipped: 1 binary (--verbose lists them)\n"), "{plain}");
    let quiet = text(&["-q"]);
    assert!(plain.starts_with(&quiet) && quiet.contains("high[") && !quiet.contains("skipped"));
    let silent = of(&["-qq", "--report", "json=r.json"]);
    assert_eq!((silent.status.code(), silent.stdout.len(), silent.stderr.len()), (Some(1), 0, 0));
    assert!(place.path().join("r.json").exists());
    let verbose = of(&["-v"]);
    assert!(stdout(&verbose).ends_with("skipped: 1 binary\n  bin.dat (binary)\n"));
    assert!(stderr(&verbose).starts_with("time: scan "), "{}", stderr(&verbose));
    let weights = |text: &str| text.lines().any(|line| line.starts_with("  =  +"));
    let key = format!("OPENROUTER_API_KEY = '{}'\n", key("nbpro"));
    let evidence = Place::new();
    evidence.write("a.py", key);
    let levels = ["-v", "-vv"].map(|v| weights(&stdout(&run(evidence.path(), &["scan", v]))));
    assert_eq!(levels, [false, true]);
    assert_eq!(of(&["-q", "-v"]).status.code(), Some(2));
}

#[test]
fn verbose_lists_what_ignore_files_leave_out() {
    let place = Place::new();
    place.init().write(".gitignore", "build/\n*.log\nkept.log\n!sub/in.log\n");
    for path in ["build/a.js", "a.log", "sub/deep/b.log", "sub/in.log", "kept.log", ".x/c", "ok.py"]
    {
        place.write(path, "text\n");
    }
    place.git(&["add", "-f", "kept.log"]);
    let report = json(place.path(), &["scan", "-v"]);
    let ignored = serde_json::json!(["a.log", "build/", "sub/deep/b.log"]);
    assert_eq!(report["stats"]["skipped"]["ignored"], ignored);
    assert_eq!(report["stats"]["blobs"], 3);
    let text = |args: &[&str]| stdout(&run(place.path(), &[&["scan"], args].concat()));
    let verbose = text(&["-v"]);
    assert!(
        verbose.contains("skipped: 2 hidden, 3 ignored by git or an ignore file\n"),
        "{verbose}"
    );
    assert!(verbose.contains("\n  build/ (ignored by git or an ignore file)\n"), "{verbose}");
    assert!(!text(&[]).contains("ignored") && !text(&["-v", "--no-ignore"]).contains("ignored"));
    assert!(text(&["-v", "sub"]).contains("  sub/deep/b.log (ignored"));
}

#[test]
fn findings_of_a_file_stand_together_and_a_remedy_is_told_once() {
    let place = leaky();
    place.write("hidden/.x.py", "");
    place.write("allowed.py", format!("k = '{}' # keylint:allow\n", key("slack")));
    let [one, four] = ["1", "4"].map(|n| stdout(&run(place.path(), &["scan", "-j", n])));
    assert_eq!(one, four);
    insta::assert_snapshot!(one);
}

#[test]
fn a_page_of_one_line_is_cut_around_its_key() {
    let place = Place::new();
    let text = format!("{}{}{}", "var a=1;".repeat(100_000), key("slack"), ";b".repeat(100_000));
    place.write("big.js", text);
    let shown = visible(&on_terminal(&place, 70, &[KITTY], "scan"));
    assert!(shown.lines().all(|line| line.chars().count() <= 70), "{shown}");
    assert!(shown.contains("xoxb…"), "{shown}");
}
