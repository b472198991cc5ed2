//! The real program in a scrubbed environment, throw-away folders and repositories, and synthetic
//! secrets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Synthetic keys. Written in two parts so that no scanner of a code host takes them for real.
pub(crate) fn key(kind: &str) -> String {
    match kind {
        "openrouter" => {
            ["sk-or-", "v1-3f9a1c7e5b2d8064af13c95e7b08d2461fa7c3e95b0d824c6e1f39a7d5b08c24"]
                .concat()
        }
        "openrouter2" => {
            ["sk-or-", "v1-c81d5e0a93f74b26d0e8571ca94f3b62e7d058c19a36f4b27d8e0c5193fa6b47"]
                .concat()
        }
        "anthropic" => {
            let body = "u8jzPde0IgxLd6GncfBAepfJBd0Kh8oOOL8dKLzdocJ2isAjIhKtJ0RlgLKOmxgJTeKdNnFRIBXuDL7DxtpYlSXpfKtHF";
            ["sk-ant-", "api03-", body, "AA"].concat()
        }
        "slack" => ["xox", "b-731905284617-402918573640-Zq8vT2mKx0LrY5nWc7BdHs4J"].concat(),
        "nbpro" => ["sk-", "7c1e0b5f93a8462dd08f57c1ea3942b6"].concat(),
        numbered if numbered.starts_with("nbpro") => {
            ["sk-", "7c1e0b5f93a8462dd08f57c1ea3942b", &numbered[5..]].concat()
        }
        other => panic!("no key {other}"),
    }
}

/// A folder that goes when dropped.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        file
    }

    /// Runs git with a fixed identity; `day` is the date of a commit.
    pub(crate) fn git_at(&self, day: u32, args: &[&str]) -> String {
        git(self.path(), day, args)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_at(1, args)
    }

    pub(crate) fn init(&self) -> &Self {
        self.git(&["init", "-q", "-b", "main"]);
        self
    }

    /// Writes a file and commits it on day `day`; gives the commit id.
    pub(crate) fn commit(&self, day: u32, path: &str, content: &str) -> String {
        self.write(path, content);
        self.git(&["add", "-A", "-f"]);
        self.git_at(day, &["commit", "-q", "-m", &format!("change {path}")]);
        self.git(&["rev-parse", "HEAD"])
    }
}

pub(crate) fn git(folder: &Path, day: u32, args: &[&str]) -> String {
    let date = format!("2024-01-{day:02}T12:00:00+00:00");
    let output = Command::new("git")
        .args(["-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_COMMITTER_NAME", "Ada")])
        .envs([("GIT_AUTHOR_EMAIL", "ada@example.org"), ("GIT_COMMITTER_EMAIL", "ada@example.org")])
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The program, without anything of the caller's environment that changes its output.
pub(crate) fn keylint(folder: &Path) -> Command {
    scrubbed(Command::new(env!("CARGO_BIN_EXE_keylint")), folder)
}

/// `command`, run in `folder` without anything of the caller's environment but the path.
pub(crate) fn scrubbed(mut command: Command, folder: &Path) -> Command {
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    keylint(folder).args(args).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs with `--format json` and parses what comes out.
pub(crate) fn json(folder: &Path, args: &[&str]) -> Value {
    parsed(&run(folder, &[args, &["--format", "json"]].concat()))
}

/// The JSON that a run printed.
pub(crate) fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// `path:line check` of every finding.
pub(crate) fn places(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let place = |f: &Value| {
        format!(
            "{}:{} {}",
            f["shown"].as_str().unwrap(),
            f["start"][0],
            f["check"].as_str().unwrap()
        )
    };
    findings.iter().map(place).collect()
}
