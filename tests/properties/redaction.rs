//! No eight bytes of a secret, nor of the text that encodes it, stand in anything that any command
//! writes.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use bstr::ByteSlice as _;
use serde_json::{Value, json};

use super::hold;
use super::spans::base64;
use crate::common::{Place, json as report, keylint};
use crate::fuzz::Dice;
use crate::lsp_client::Client;
use crate::mock::{Mock, json as answer};
use crate::tmux::Terminal;
use crate::verify::{at as endpoint, feed, words};

/// Secrets, each with what must not be seen of it.
#[derive(Default)]
struct Secrets {
    /// Their values, to see that each is found.
    values: Vec<String>,
    /// Windows of them and of their encoded forms.
    windows: BTreeSet<Vec<u8>>,
    /// The one that is a file's name.
    name: String,
}

impl Secrets {
    fn hide(&mut self, text: &str, size: usize) {
        // What stands between the halves of a literal is no secret.
        let telling = |window: &&[u8]| !window.iter().any(|b| b" \n\"+(".contains(b));
        self.windows.extend(text.as_bytes().windows(size).filter(telling).map(<[u8]>::to_vec));
    }

    /// A key of its own random body, which is hidden.
    fn key(&mut self, dice: &mut Dice, kind: &str) -> String {
        const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let mut letters = |alphabet: &[u8], count: usize| -> String {
            (0..count).map(|_| char::from(*dice.pick(alphabet))).collect()
        };
        let (start, body, end) = match kind {
            "openrouter" => (["sk-or-", "v1-"].concat(), letters(b"0123456789abcdef", 64), ""),
            "anthropic" => (["sk-ant-", "api03-"].concat(), letters(LETTERS, 93), "AA"),
            "slack" => (["xox", "b-731905284617-402918573640-"].concat(), letters(LETTERS, 24), ""),
            "aws" => (String::new(), letters(LETTERS, 40), ""),
            "aws id" => {
                (["AK", "IA"].concat(), letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "")
            }
            _ => (String::new(), letters(LETTERS, 20), ""),
        };
        self.hide(&body, 8);
        self.values.push([&start, body.as_str(), end].concat());
        self.values[self.values.len() - 1].clone()
    }

    /// The first window that `text` shows, with what stands around it.
    fn shown(&self, text: &[u8]) -> Option<String> {
        let sizes: BTreeSet<usize> = self.windows.iter().map(Vec::len).collect();
        sizes.into_iter().find_map(|size| {
            let at = text.windows(size).position(|window| self.windows.contains(window))?;
            let around = &text[at.saturating_sub(200)..(at + 60).min(text.len())];
            Some(around.escape_ascii().to_string())
        })
    }
}

/// Writes files, a history and an index with secrets in all forms.
fn make(dice: &mut Dice, place: &Place) -> Secrets {
    let mut secrets = Secrets::default();
    let s = &mut secrets;
    place.init();
    let gone = s.key(dice, "anthropic");
    place.write("old.py", format!("k = \"{gone}\"\n"));
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", &format!("add {gone}")]);
    fs::remove_file(place.path().join("old.py")).unwrap();
    let (a, b, c) = (s.key(dice, "openrouter"), s.key(dice, "anthropic"), s.key(dice, "slack"));
    place.write(
        "app.py",
        format!(
            "import os\n# see {c}\nclient = Client(\"{a}\"); other = \"{b}\"\nz = \"{b}\"  # keylint:allow anthropic-api-key -- was {a}\n"
        ),
    );
    encoded(dice, place, s);
    let named = s.key(dice, "openrouter");
    place.write(&format!("keys/{named}.txt"), &named);
    place.write(&format!("keys/{named}.bin"), b"\0\0\0\0");
    s.name.clone_from(&named);
    let env = s.key(dice, "openrouter");
    place.write(".env", format!("OPENROUTER_API_KEY={env}\nSLACK={c}\n"));
    place.write(".env.production", format!("OPENROUTER_API_KEY={env}\n"));
    let (id, pair) = (s.key(dice, "aws id"), s.key(dice, "aws"));
    place.write(
        "aws.ini",
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {pair}\n"),
    );
    let password = s.key(dice, "password");
    place.write("db.yml", format!("url: postgres://admin:{password}@db.example.com/app\n"));
    let token = s.key(dice, "password");
    place.write("conf.js", format!("const session_secret = '{token}';\nconst k = `{a}`;\n"));
    let client = s.key(dice, "openrouter");
    place.write("index.html", "<script src=dist/app.js></script>");
    place.write("dist/app.js", format!("!function(){{var e=\"{client}\";fetch(e)}}();\n"));
    place.write("Dockerfile", format!("FROM scratch\nENV OPENROUTER_API_KEY={client}\n"));
    place.git(&["add", "-A", "-f"]);
    place.git(&["commit", "-q", "-m", &format!("Use {a} now")]);
    let staged = s.key(dice, "openrouter");
    place.write("staged.rb", format!("k = '{staged}' # and {b}\n"));
    place.git(&["add", "staged.rb"]);
    place.write(
        "keylint.toml",
        format!(
            "[[allow]]\nrule = \"slack-bot-token\"\npath = \"app.py\"\nreason = \"{a} is in use\"\n"
        ),
    );
    secrets
}

/// Secrets that are written in other ways than plain; what they are written in is hidden, too.
fn encoded(dice: &mut Dice, place: &Place, s: &mut Secrets) {
    let mut write = |s: &mut Secrets,
                     name: &str,
                     size: usize,
                     before: &str,
                     encode: &dyn Fn(&str) -> String,
                     after: &str| {
        let key = s.key(dice, "openrouter");
        let text = encode(&key);
        // What the fixed beginning of a key becomes is no secret.
        s.hide(&text[text.len() / 4..], size);
        place.write(name, format!("{before}{text}{after}\n"));
    };
    let pads =
        |text: &str| base64(text.as_bytes()) + if text.len().is_multiple_of(3) { "" } else { "==" };
    write(s, "b64.txt", 8, "blob: ", &|key| base64(key.as_bytes()), " end");
    write(s, "twice.txt", 8, "blob: ", &|key| base64(base64(key.as_bytes()).as_bytes()), "");
    write(s, "hex.txt", 8, "h = \"", &|key| keylint::text::hex(key.as_bytes()), "\"");
    let wide = |key: &str| key.bytes().map(|b| format!("\\u00{b:02x}")).collect();
    write(s, "u.js", 24, "k = \"", &wide, "\"");
    write(
        s,
        "x.js",
        16,
        "k = \"",
        &|key| key.bytes().map(|b| format!("\\x{b:02x}")).collect(),
        "\"",
    );
    write(s, "url.txt", 12, "https://example.org/?k=", &|key| key.replace('-', "%2D"), "&b=1");
    write(
        s,
        "joined.py",
        8,
        "k = (\"",
        &|key| format!("{}\"\n     \"{}", &key[..30], &key[30..]),
        "\")",
    );
    write(s, "plus.js", 8, "k = \"", &|key| format!("{}\" + \"{}", &key[..30], &key[30..]), "\";");
    write(s, "secret.yaml", 8, "kind: Secret\ndata:\n  OPENROUTER_API_KEY: ", &pads, "");
    let cell =
        |key: &str| format!("k = (\\\"{}\\\"\\n\",\n\"     \\\"{}\\\")", &key[..40], &key[40..]);
    write(s, "a.ipynb", 8, "{\"cells\": [{\"source\": [\"", &cell, "\\n\"]}], \"nbformat\": 4}");
    let mut pem = String::new();
    let (begin, end) = (
        ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat(),
        ["-----END RSA ", "PRIVATE KEY-----"].concat(),
    );
    for _ in 0..12 {
        let line: String =
            (0..64).map(|_| char::from(b"ABCDEFGHabcdefgh0123456789+/"[dice.roll(28)])).collect();
        s.hide(&line, 8);
        pem += &format!("{line}\n");
    }
    place.write("id_rsa", format!("{begin}\n{pem}{end}\n"));
}

/// All that a run writes: both streams and the files named.
fn output(place: &Place, args: &[&str], stdin: &[u8]) -> Vec<u8> {
    let mut command = keylint(place.path());
    command.env("KEYLINT_LOG", "trace").env("RUST_BACKTRACE", "full");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Most runs do not read it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    [output.stdout, b"\n--- stderr ---\n".to_vec(), output.stderr].concat()
}

const FORMATS: [&str; 12] = [
    "human",
    "json",
    "jsonl",
    "sarif",
    "gitlab",
    "github",
    "markdown",
    "html",
    "junit",
    "checkstyle",
    "rdjsonl",
    "csv",
];

#[test]
fn no_part_of_a_secret_is_in_any_output() {
    hold(1, |dice| {
        let place = Place::new();
        let secrets = make(dice, &place);
        fs::create_dir(place.path().join("reports")).unwrap();
        all_are_found(&place, &secrets);
        let mut leaks = Vec::new();
        let mut tell = |what: &str, text: &[u8]| {
            assert!(text.len() > 30, "{what}: nothing is written");
            leaks.extend(secrets.shown(text).map(|shown| format!("{what}:\n{shown}")));
        };
        for args in ["scan -v --explain", "scan --history -v", "audit -v"] {
            let mut args = words(args);
            for format in FORMATS {
                args.extend(["--report".to_owned(), format!("{format}=reports/{format}")]);
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            tell(args[1], &output(&place, &args, b""));
            for format in FORMATS {
                let file = place.path().join("reports").join(format);
                tell(&format!("{} as {format}", args[1]), &fs::read(&file).unwrap());
                fs::remove_file(file).unwrap();
            }
        }
        triaged(&place, &mut tell);
        let app = fs::read(place.path().join("app.py")).unwrap();
        for args in [
            "scan --staged -v",
            "scan --staged -f sarif",
            "scan --range HEAD~1..HEAD -v",
            "scan --range HEAD~1..HEAD -f html",
            "scan --stdin -v",
            "scan --stdin -f json",
            "hook run pre-commit",
            "fix",
            "fix --rule openrouter-api-key",
            "fix --rule slack-bot-token --rule generic-secret",
            "baseline create",
            "scan -v",
            "scan -v -f json",
            "baseline update",
            "baseline prune",
            "cache show",
            "config show",
            "scan --no-cache --history",
        ] {
            tell(
                args,
                &output(&place, &words(args).iter().map(String::as_str).collect::<Vec<_>>(), &app),
            );
        }
        named(&place, &secrets, &mut tell);
        asked(&place, &secrets, &mut tell);
        edited(&place, &mut tell);
        kept(place.path(), &secrets, &mut tell);
        tell("fix --write", &output(&place, &["fix", "--write"], b""));
        assert!(leaks.is_empty(), "{n} leaks\n{all}", n = leaks.len(), all = leaks.join("\n\n"));
    });
}

/// Each page of a triage, in a terminal that folds few lines, and what a mark and a filter say.
fn triaged(place: &Place, tell: &mut dyn FnMut(&str, &[u8])) {
    let terminal = Terminal::new(place, (240, 70));
    terminal.enter("keylint triage --author ada");
    let page = terminal.wait(" 1/");
    let count = page.split(" 1/").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let count: usize = count.parse().unwrap();
    assert!(count > 10, "{page}");
    for nth in 1..=count {
        let page = terminal.wait(&format!(" {nth}/{count}"));
        tell(&format!("triage, page {nth}"), page.as_bytes());
        terminal.press(&["j"]);
    }
    terminal.press(&["/"]);
    terminal.enter("path:app.py");
    tell("triage with a filter", terminal.wait("hidden").as_bytes());
    terminal.press(&["f"]);
    terminal.enter("an example");
    tell("triage with a mark", terminal.wait("not saved").as_bytes());
    terminal.press(&["q", "d"]);
    terminal.wait("the baseline is");
    assert!(!place.path().join("keylint-baseline.jsonl").exists());
}

/// Holds that the secrets are found, so that there is something to hide.
fn all_are_found(place: &Place, secrets: &Secrets) {
    let mut found = String::new();
    for args in [&["scan"][..], &["scan", "--history"], &["scan", "--staged"]] {
        let report = report(place.path(), &[args, &["--show-secrets", "--no-baseline"]].concat());
        found += &report.to_string();
    }
    let missed: Vec<&String> =
        secrets.values.iter().filter(|value| !found.contains(*value)).collect();
    assert!(missed.is_empty(), "{missed:?} are not found");
    assert!(secrets.shown(found.as_bytes()).is_some(), "nothing is shown with --show-secrets");
}

/// Files of the user's that hold keys where none belongs, and are broken.
fn named(place: &Place, secrets: &Secrets, tell: &mut dyn FnMut(&str, &[u8])) {
    let key = &secrets.values[1];
    let rule = |pattern: &str, example: &str| {
        format!(
            "[vendor]\nname = \"Acme\"\n[[rule]]\nid = \"acme-key\"\ndescription = \"d\"\nseverity = \"high\"\nconfidence = \"high\"\n\
             keywords = [\"acme\"]\npattern = '{pattern}'\nexamples = [\"{example}\", \"acme_{key}\"]\nnegatives = [\"{key}\", \"b\"]\n\
             references = [\"https://example.org\"]\n"
        )
    };
    place.write("rules/one.toml", rule("acme_[0-9]{4}", key));
    place.write("rules/two.toml", rule(&format!("acme_(({key}"), "x"));
    place.write("rules/three.toml", rule("acme", &format!("{key}\" oops")));
    place.write(
        "broken/keylint.toml",
        format!("[[allow]]\npattern = \"{key}\" oops\nreason = \"x\"\n"),
    );
    place.write("unknown/keylint.toml", format!("[[allow]]\n{key} = \"x\"\nreason = \"x\"\n"));
    place.write("base.jsonl", format!("{{\"keylint-baseline\":1,\"salt\":\"{key}\"\n{key}\n"));
    place.write("gitleaks.json", format!(
        "[{{\"RuleID\": \"generic-api-key\", \"Secret\": \"{key}\", \"Match\": \"k={key}\", \"File\": \"app.py\", \"StartLine\": 3, \"Commit\": \"\", \"Fingerprint\": \"app.py:generic-api-key:3\"}}]"
    ));
    place.write("gitleaks-broken.json", format!("[{{\"Secret\": {key} }}]"));
    for args in [
        &["rules", "check", "rules/one.toml"][..],
        &["rules", "check", "rules/two.toml"],
        &["rules", "check", "rules/three.toml"],
        &["scan", "--config", "broken/keylint.toml"],
        &["scan", "--config", "unknown/keylint.toml"],
        &["config", "show", "broken"],
        &["scan", "--baseline", "base.jsonl"],
        &["migrate", "--dry-run", "--report", "gitleaks.json"],
        &["migrate", "--dry-run", "--report", "gitleaks-broken.json"],
        &["explain", key],
        &["rules", "show", key],
        &["scan", key],
        &["scan", "--history", key],
        &["scan", "--range", key],
        &["fix", "--rule", key],
        &["scan", "--format", key],
        &["scan", "--config", key],
    ] {
        tell(&args.join(" "), &output(place, args, b""));
    }
    let refs = format!("refs/heads/{key} 0123 refs/heads/{key} 4567\n");
    tell("hook run pre-push", &output(place, &["hook", "run", "pre-push"], refs.as_bytes()));
}

/// Vendors are asked, and answer with what they were sent.
fn asked(place: &Place, secrets: &Secrets, tell: &mut dyn FnMut(&str, &[u8])) {
    let mock = Mock::start(|seen| {
        answer(200, &format!("{{\"label\": \"{}\"}}", seen.header("authorization")))
    });
    let lines: String = secrets.values.iter().map(|value| format!("{value}\n")).collect();
    let lines = lines + &format!("{{\"rule\": \"{}\", \"secret\": 1}}\n", secrets.values[1]);
    for more in [
        "verify --no-cache -f human",
        "verify --no-cache -f json",
        "verify -f html -v",
        "scan --verify -f human",
    ] {
        let args = [words(more), endpoint(&mock, place, "openrouter")].concat();
        let output = feed(place, &args, &[("KEYLINT_LOG", "trace")], &lines);
        tell(more, &[output.stdout, output.stderr].concat());
    }
    assert!(!mock.seen().is_empty());
}

/// An editor hears of a document, and asks for all that it can.
fn edited(place: &Place, tell: &mut dyn FnMut(&str, &[u8])) {
    let mut client = Client::ready(place, json!({}));
    for name in ["app.py", "u.js", "joined.py", "conf.js", ".env", "secret.yaml"] {
        let file = place.path().join(name);
        for found in client.open(&file, &fs::read_to_string(&file).unwrap()) {
            client.actions(&file, &found["range"], &json!({"diagnostics": [found]}));
        }
    }
    let heard = client.heard.iter().map(Value::to_string).collect::<String>();
    tell("lsp", heard.as_bytes());
    client.end();
}

/// Files that the program keeps for itself, and the baseline.
fn kept(folder: &Path, secrets: &Secrets, tell: &mut dyn FnMut(&str, &[u8])) {
    let mut folders = vec![folder.join(".cache")];
    let mut files = vec![folder.join("keylint-baseline.jsonl")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 1, "nothing is kept");
    for file in files {
        // They know files by their names.
        let text = fs::read(&file).unwrap().replace(&secrets.name, "NAME");
        tell(&file.display().to_string(), &text);
    }
}
