//! What differs from one file system to the next. These tests run on Linux, macOS and Windows
//! (.github/workflows/ci.yml), so they use nothing that one of them has not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod folds;
mod links;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A key that no vendor has made.
fn key(kind: &str) -> String {
    match kind {
        "openrouter" => {
            ["sk-or-", "v1-5d0c8e2b71f4a9360de85b27c1f93a4ec06b5d8172e94fa3b06d58c17e2f94a0"]
                .concat()
        }
        _ => ["xo", "xb-738462951047-7384629510472-hQ2vT8xKc5LmZr9WsPb4NdYg"].concat(),
    }
}

/// A temporary folder.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path().join(from), self.path().join(to)).unwrap();
    }

    fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"]).args(args);
        command.current_dir(self.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", self.path());
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada");
            command.env(format!("GIT_{who}_EMAIL"), "ada@example.org");
            command.env(format!("GIT_{who}_DATE"), "2024-01-01T12:00:00+00:00");
        }
        let Output { status, stdout, stderr } = command.output().unwrap();
        assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap().trim().to_owned()
    }

    fn commit(&self) {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-q", "-m", "x"]);
    }

    /// The program, run in the folder and with nothing of the user's.
    fn keylint(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keylint"));
        command.current_dir(self.path()).args(args);
        for name in ["HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CACHE_HOME"] {
            command.env(name, self.path());
        }
        command
    }
}

/// The report in JSON.
fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// `path check` of findings, sorted; with `rules` only those of rules.
fn found(report: &Value, rules: bool) -> Vec<String> {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or("").to_owned();
    let all = report["findings"].as_array().unwrap().iter();
    let named = all.map(|it| format!("{} {}", text(it, "path"), text(it, "check")));
    let is_rule = |it: &String| it.ends_with("-token") || it.ends_with("-api-key");
    let mut named: Vec<String> = named.filter(|it| !rules || is_rule(it)).collect();
    named.sort();
    named
}

/// What was left out for `reason`.
fn skipped(report: &Value, reason: &str) -> Vec<String> {
    let all = report["stats"]["skipped"][reason].as_array().cloned().unwrap_or_default();
    all.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}
