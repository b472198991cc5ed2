//! docs/uses.md: the three uses, run from nothing as a new user would; the transcript is what came out.
//! `KEYLINT_UPDATE=1 cargo test uses` writes it anew.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::common::{Place, key};
use crate::docs::same;

const HEAD: &str = "\
# Three uses

Generated: each transcript is what the commands printed when `tests/uses.rs` ran them, in an empty home folder. Only the folder
is written as `~`. Keys are synthetic; they are written into the files beforehand, since a document should hold none.

Install keylint first: `cargo install --locked --path .` in its repository, with Rust 1.93 or newer.
";

/// A shell in an empty home.
struct Shell {
    home: Place,
    page: String,
}

impl Shell {
    fn new() -> Self {
        Self { home: Place::new(), page: HEAD.to_owned() }
    }

    fn say(&mut self, text: &str) {
        write!(self.page, "\n{text}\n").unwrap();
    }

    /// Runs `commands` in `folder` and writes them down with what they print and, where it is not
    /// 0, their exit code.
    fn run(&mut self, folder: &str, commands: &[&str]) -> String {
        let mut text = String::new();
        for command in commands {
            writeln!(text, "$ {command}").unwrap();
            text += &self.output(folder, command);
        }
        write!(self.page, "\n```console\n{text}```\n").unwrap();
        text
    }

    fn output(&self, folder: &str, command: &str) -> String {
        let keylint = Path::new(env!("CARGO_BIN_EXE_keylint")).parent().unwrap();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin");
        let path = std::env::var_os("PATH").unwrap();
        let all = [keylint.to_owned(), tools].into_iter().chain(std::env::split_paths(&path));
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(self.home.path().join(folder))
            .env_clear()
            .env("PATH", std::env::join_paths(all).unwrap())
            .env("HOME", self.home.path())
            .env("ACTION", env!("CARGO_MANIFEST_DIR"))
            .env("KEYLINT_BINARY", env!("CARGO_BIN_EXE_keylint"))
            .env("GIT_AUTHOR_DATE", "2026-01-05T09:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-05T09:00:00Z")
            .output()
            .unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        let home = self.home.path().canonicalize().unwrap().display().to_string();
        text = text.replace(&home, "~").replace(&self.home.path().display().to_string(), "~");
        text.retain(|c| c != '\r');
        match output.status.code() {
            Some(0) => text,
            code => format!("{text}[exit code {code}]\n", code = code.unwrap_or(-1)),
        }
    }

    fn silent(&self, folder: &str, command: &str) {
        let text = self.output(folder, command);
        assert!(!text.contains("[exit code"), "{command}: {text}");
    }

    fn write(&self, path: &str, text: &str) {
        self.home.write(path, text);
    }
}

const APP: &str = "import os\nfrom client import Client\n\n";

#[test]
fn the_three_uses_are_as_documented() {
    let mut shell = Shell::new();
    shell.silent(".", "git config --global user.name Ada");
    shell.silent(".", "git config --global user.email ada@example.org");
    shell.silent(".", "git config --global init.defaultBranch main");
    shell.silent(".", "git config --global advice.detachedHead false");
    before_a_commit(&mut shell);
    in_a_pull_request(&mut shell);
    once_over_everything(&mut shell);
    for kind in ["openrouter", "anthropic", "slack"] {
        assert!(!shell.page.contains(&key(kind)[..20]), "the page shows {kind}");
    }
    same("docs/uses.md", &shell.page);
}

fn before_a_commit(shell: &mut Shell) {
    shell.say("## 1. Before a commit");
    shell.say(
        "A hook looks at what is staged, so a key is stopped before it is in the history. `app.py` holds one:",
    );
    shell.write("shop/app.py", &format!("{APP}client = Client(\"{}\")\n", key("openrouter")));
    let text = shell.run(
        "shop",
        &[
            "git init -q",
            "keylint hook install",
            "git add app.py",
            "git commit -q -m 'First version'",
        ],
    );
    assert!(text.contains("keylint stopped this") && text.contains("[exit code 1]"), "{text}");
    shell.say("The key goes into the environment, and the commit passes without a word:");
    shell.write(
        "shop/app.py",
        &format!("{APP}client = Client(os.environ[\"OPENROUTER_API_KEY\"])\n"),
    );
    let text = shell.run("shop", &["git commit -q -a -m 'First version'", "git log --oneline"]);
    assert!(!text.contains("exit code"), "{text}");
    shell.say(
        "`keylint hook install --pre-push` is the same for pushes, `keylint hook uninstall` takes it away again, and hooks that were \
         there stay and run first.\nWith husky, the block goes into the files under `.husky`; with lefthook, keylint says what to add.\n\n\
         With the [pre-commit](https://pre-commit.com) program, add this to `.pre-commit-config.yaml` instead. `keylint` builds it \
         on\nfirst use, `keylint-system` runs the one on your PATH:\n\n\
         ```yaml\nrepos:\n- repo: https://github.com/OWNER/keylint\n  rev: COMMIT\n  hooks:\n  - id: keylint\n```",
    );
    shell.write(
        "hooks/.pre-commit-hooks.yaml",
        &std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml"),
        )
        .unwrap(),
    );
    shell.silent("hooks", "git init -q && git add -A && git commit -q -m hooks");
    shell.silent("shop", "keylint hook uninstall");
    let rev = shell.output("hooks", "git rev-parse HEAD");
    shell.write(
        "shop/.pre-commit-config.yaml",
        &format!("repos:\n- repo: ../hooks\n  rev: {rev}  hooks:\n  - id: keylint-system\n"),
    );
    shell.silent("shop", "git add -A && git commit -q -m 'Use pre-commit'");
    // Else the first run says that it prepares itself.
    shell.silent("shop", "pre-commit install-hooks");
    shell.write("shop/deploy.env", &format!("SLACK_TOKEN={}\n", key("slack")));
    let text = shell.run(
        "shop",
        &["pre-commit install", "git add deploy.env", "git commit -q -m 'Deployment'"],
    );
    assert!(text.contains("Failed") && text.contains("deploy.env:1"), "{text}");
    shell.silent("shop", "pre-commit uninstall && git rm -q -f deploy.env");
}

fn in_a_pull_request(shell: &mut Shell) {
    shell.say("## 2. In a pull request");
    shell.say(
        "`--since-merge-base` looks at each commit since the branch left `main`: also at a key that a later commit took out, since it\n\
         is in the history all the same.",
    );
    shell.silent("shop", "git checkout -q -b topic");
    shell.write("shop/test.py", &format!("KEY = \"{}\"\n", key("anthropic")));
    shell.silent("shop", "git add test.py && git commit -q -m 'A test'");
    shell.write("shop/test.py", "import os\n\nKEY = os.environ[\"ANTHROPIC_API_KEY\"]\n");
    shell.silent("shop", "git add test.py && git commit -q -m 'The key goes'");
    let text =
        shell.run("shop", &["git log --oneline main..", "keylint scan --since-merge-base main"]);
    assert!(text.contains("test.py:1") && text.contains("no longer at HEAD"), "{text}");
    shell.say(
        "On GitHub the action does that for each event, with annotations, a summary and SARIF; \
         [action/example.yml](../action/example.yml) is\na workflow to copy and [action.yml](../action.yml) \
         lists inputs and outputs. It needs no permission but to read, so it works for forks,\nand fetches what a \
         shallow checkout lacks. What it prints for this pull request:",
    );
    let text = shell.run(
        "shop",
        &["GITHUB_EVENT_NAME=pull_request KEYLINT_BASE=$(git rev-parse main) KEYLINT_HEAD=$(git rev-parse topic) \
           $ACTION/action/run.sh scan"],
    );
    assert!(text.contains("::error title=keylint anthropic-api-key::test.py:1"), "{text}");
    shell.say(
        "On GitLab, `keylint scan --range $CI_MERGE_REQUEST_DIFF_BASE_SHA..HEAD --format gitlab --output gl-secret-detection-report.json`\n\
         writes the report that `artifacts:reports:secret_detection` takes. `--format junit`, `checkstyle`, `rdjsonl` (reviewdog), `csv`\n\
         and `markdown` are for others, and `--report FORMAT=FILE` writes more than one from the same scan.",
    );
}

fn once_over_everything(shell: &mut Shell) {
    shell.say("## 3. Once, over everything");
    shell.say(
        "`--history` reads every blob that any branch, tag or stash reaches, once, and says which commit brought a key and whether it is\n\
         still there.",
    );
    let text = shell.run(
        "shop",
        &[
            "keylint scan .",
            "keylint scan --history .",
            "keylint scan --history --format csv . | cut -d, -f1-5,10",
        ],
    );
    assert!(text.contains("no secrets found") && text.contains("no longer at HEAD"), "{text}");
    shell.say(
        "Revoke what was found first: taking it out of the history does not bring it back. The exit code is 0 for nothing, 1 for \
         findings,\n2 where something could not be read. A shallow clone or a missing submodule is said in a notice.",
    );
}
