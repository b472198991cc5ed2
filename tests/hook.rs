//! Git hooks: installed beside others, run by git itself and by the pre-commit program.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::{Place, key, keylint, run, stderr, stdout};
use crate::staged::executable;

fn env(kind: &str) -> String {
    format!("KEY={}\n", key(kind))
}

/// A repository with one commit and an identity of its own.
fn place() -> Place {
    let place = Place::new();
    place.init().commit(1, "README", "hello\n");
    place.git(&["config", "user.name", "Ada"]);
    place.git(&["config", "user.email", "ada@example.org"]);
    place
}

/// Git as a user runs it, with the folder of keylint on PATH.
fn git(place: &Place, args: &[&str]) -> Output {
    command("git", place.path()).args(args).output().unwrap()
}

fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let own = Path::new(env!("CARGO_BIN_EXE_keylint")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(own.to_owned()).chain(std::env::split_paths(&path)));
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", path.unwrap())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null());
    command
}

fn says(output: &Output) -> String {
    stdout(output) + &stderr(output)
}

fn hook(place: &Place, args: &[&str]) -> String {
    let output = run(place.path(), &[&["hook"], args].concat());
    assert!(output.status.success(), "{}", says(&output));
    stdout(&output)
}

#[test]
fn a_commit_with_a_key_is_stopped_until_it_is_taken_out() {
    let place = place();
    assert!(hook(&place, &["install"]).starts_with("pre-commit hook installed: "));
    place.write("a.env", env("openrouter"));
    place.git(&["add", "a.env"]);
    let output = git(&place, &["commit", "-m", "key"]);
    assert!(!output.status.success());
    let text = says(&output);
    assert!(text.contains("a.env:1") && text.contains("keylint stopped this"), "{text}");
    assert!(!text.contains(&key("openrouter")));
    place.write("a.env", "KEY=\n");
    place.git(&["add", "a.env"]);
    let output = git(&place, &["commit", "-q", "-m", "no key"]);
    assert!(output.status.success(), "{}", says(&output));
    // Nothing to say: nothing is said, also of an amended message with nothing staged.
    let output = git(&place, &["commit", "-q", "--amend", "-m", "other words"]);
    assert!(output.status.success());
    assert_eq!(says(&output), "");
    assert!(hook(&place, &["uninstall"]).starts_with("pre-commit hook removed: "));
    assert!(!place.path().join(".git/hooks/pre-commit").exists());
    assert!(hook(&place, &["uninstall"]).starts_with("no pre-commit hook of keylint"));
}

#[test]
fn a_hook_that_was_there_runs_first_and_comes_back() {
    let place = place();
    let file = place.write(".git/hooks/pre-commit", "#!/bin/sh\necho first\nexit $FAIL\n");
    executable(&file);
    assert!(hook(&place, &["install"]).contains("the hook that stood there runs first"));
    assert!(hook(&place, &["install"]).contains("written anew"));
    place.write("a.env", env("openrouter"));
    place.git(&["add", "a.env"]);
    let commit = |fail: &str| {
        let mut command = command("git", place.path());
        says(&command.args(["commit", "-q", "-m", "x"]).env("FAIL", fail).output().unwrap())
    };
    let text = commit("0");
    assert!(text.contains("first") && text.contains("a.env:1"), "{text}");
    let text = commit("1");
    assert!(text.contains("first") && !text.contains("a.env:1"), "{text}");
    hook(&place, &["uninstall"]);
    assert!(fs::read_to_string(&file).unwrap().starts_with("#!/bin/sh\necho first"));
    assert!(commit("0").contains("first"));
    assert_eq!(place.git(&["log", "--format=%s", "-1"]), "x");
}

#[test]
fn hooks_go_where_git_looks_for_them() {
    // core.hooksPath, relative to the top, from a folder below it.
    let place = place();
    place.git(&["config", "core.hooksPath", "tools/hooks"]);
    fs::create_dir(place.path().join("sub")).unwrap();
    let output = run(&place.path().join("sub"), &["hook", "install"]);
    assert!(output.status.success(), "{}", says(&output));
    assert!(place.path().join("tools/hooks/pre-commit").exists());
    place.git(&["config", "--unset", "core.hooksPath"]);
    // A linked worktree shares the hooks of the repository.
    let other = Place::new();
    let tree = other.path().join("wt");
    place.git(&["worktree", "add", "-q", "-b", "wt", tree.to_str().unwrap()]);
    assert!(run(&tree, &["hook", "install"]).status.success());
    assert!(place.path().join(".git/hooks/pre-commit").exists());
    fs::write(tree.join("w.env"), env("slack")).unwrap();
    crate::common::git(&tree, 1, &["add", "-A"]);
    let output = command("git", &tree).args(["commit", "-q", "-m", "x"]).output().unwrap();
    assert!(!output.status.success() && says(&output).contains("w.env:1"), "{}", says(&output));
    // A folder of all repositories is left alone unless the user insists.
    let shared = place.path().join("shared hooks");
    fs::write(
        place.path().join(".gitconfig"),
        format!("[core]\n\thooksPath = {}\n", shared.display()),
    )
    .unwrap();
    let output = run(place.path(), &["hook", "install"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("for all your repositories"), "{}", stderr(&output));
    assert!(!shared.exists());
    hook(&place, &["install", "--force"]);
    assert!(shared.join("pre-commit").exists());
    let nothing = Place::new();
    let output = run(nothing.path(), &["hook", "install"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no git repository"));
}

#[test]
fn huskys_files_get_a_block() {
    let place = place();
    fs::create_dir(place.path().join(".husky")).unwrap();
    assert!(hook(&place, &["install"]).contains("before `npx husky` is run"));
    assert!(place.path().join(".husky/pre-commit").exists());
    hook(&place, &["uninstall"]);
    assert!(!place.path().join(".husky/pre-commit").exists());
    place.git(&["config", "core.hooksPath", ".husky/_"]);
    // What husky 9 writes: it calls the file of the user's with `sh -e`.
    let shim = "#!/bin/sh\nexec sh -e \"$(dirname \"$0\")/../pre-commit\" \"$@\"\n";
    executable(&place.write(".husky/_/pre-commit", shim));
    let file = place.write(".husky/pre-commit", "echo tests run");
    hook(&place, &["install"]);
    hook(&place, &["install"]);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("hook run pre-commit").count(), 1, "{text}");
    assert!(text.starts_with("echo tests run\n") && !text.contains(env!("CARGO_BIN_EXE_keylint")));
    place.write("a.env", env("openrouter"));
    place.git(&["add", "a.env"]);
    let output = git(&place, &["commit", "-q", "-m", "x"]);
    let text = says(&output);
    assert!(!output.status.success());
    assert!(text.contains("tests run") && text.contains("a.env:1"), "{text}");
    hook(&place, &["uninstall"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "echo tests run\n");
    assert!(git(&place, &["commit", "-q", "-m", "x"]).status.success());
}

#[test]
fn lefthooks_users_are_told_what_to_add() {
    let place = place();
    place.write("lefthook.yml", "pre-commit:\n  commands: {}\n");
    for (args, want) in [
        (&["install"][..], "run: keylint hook run pre-commit"),
        (&["install", "--pre-push"], "use_stdin: true"),
    ] {
        let output = run(place.path(), &[&["hook"], args].concat());
        assert_eq!(output.status.code(), Some(2));
        let text = stderr(&output);
        assert!(text.contains("add this to lefthook.yml") && text.contains(want), "{text}");
    }
    assert!(!place.path().join(".git/hooks/pre-commit").exists());
}

#[test]
fn a_hook_whose_program_is_gone_stops_and_says_why() {
    let place = place();
    let copy = place.path().join("it's gone");
    // By another process: a file that this one had open for writing could be busy when it is run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_keylint")).arg(&copy).status();
    assert!(copied.unwrap().success());
    let output = Command::new(&copy).args(["hook", "install"]).current_dir(place.path()).output();
    assert!(output.unwrap().status.success());
    let commit = |command: &mut Command| {
        let output = command.args(["commit", "-q", "--allow-empty", "-m", "x"]).output().unwrap();
        (output.status.success(), says(&output))
    };
    assert!(commit(&mut command("git", place.path())).0);
    fs::remove_file(&copy).unwrap();
    let mut bare = command("git", place.path());
    bare.env("PATH", std::env::var_os("PATH").unwrap());
    let (done, text) = commit(&mut bare);
    assert!(!done && text.contains("keylint: not found"), "{text}");
    // The one on PATH stands in.
    assert!(commit(&mut command("git", place.path())).0);
}

#[test]
fn a_push_is_stopped_by_what_it_would_bring() {
    let (place, remote) = (place(), Place::new());
    remote.git(&["init", "-q", "--bare", "-b", "main"]);
    place.git(&["remote", "add", "origin", remote.path().to_str().unwrap()]);
    let first = place.write(".git/hooks/pre-push", "#!/bin/sh\necho \"refs: $(cat)\"\n");
    executable(&first);
    assert!(hook(&place, &["install", "--pre-push"]).starts_with("pre-push hook installed"));
    let push = |args: &[&str]| {
        let output = git(&place, &[&["push", "-q", "origin"], args].concat());
        (output.status.success(), says(&output))
    };
    let (done, text) = push(&["main"]);
    assert!(done && text.contains("refs: refs/heads/main"), "{text}");
    // Added and removed again: it would be on the server all the same.
    let bad = place.commit(2, "gone.env", &env("openrouter"));
    place.commit(3, "gone.env", "\n");
    let (done, text) = push(&["main"]);
    assert!(!done && text.contains("gone.env:1") && text.contains(&bad[..10]), "{text}");
    // A new branch: against all that the remote has.
    place.git(&["checkout", "-q", "-b", "topic", "origin/main"]);
    place.commit(4, "clean", "text\n");
    let (done, text) = push(&["topic"]);
    assert!(done, "{text}");
    place.commit(5, "k.env", &env("slack"));
    let (done, text) = push(&["topic", "main"]);
    assert!(!done && text.contains("k.env:1") && text.contains("gone.env:1"), "{text}");
    let (done, text) = push(&["--delete", "topic"]);
    assert!(done, "{text}");
    let (done, text) = push(&["--no-verify", "main"]);
    assert!(done, "{text}");
    let (done, text) = push(&["main"]);
    assert!(done && !text.contains("gone.env"), "{text}");
}

#[test]
fn a_push_hook_refuses_what_git_does_not_write() {
    let place = place();
    let mut child = keylint(place.path())
        .args(["hook", "run", "pre-push", "origin", "url"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"one two\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no line of a pre-push hook"), "{}", stderr(&output));
}

/// The pre-commit program, as .ci/setup installs it.
fn pre_commit() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/pre-commit");
    assert!(program.exists(), "{} is missing; run .ci/setup", program.display());
    program
}

/// A repository whose pre-commit configuration names keylint's own manifest, `hook` of it.
fn with_pre_commit(hook: &str) -> (Place, Place) {
    let (place, source) = (place(), Place::new());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
    source.write(".pre-commit-hooks.yaml", fs::read_to_string(manifest).unwrap());
    source.init();
    source.git(&["add", "-A"]);
    source.git(&["commit", "-q", "-m", "hooks"]);
    let config = format!(
        "repos:\n- repo: {source}\n  rev: {rev}\n  hooks:\n  - id: {hook}\n",
        source = source.path().display(),
        rev = source.git(&["rev-parse", "HEAD"])
    );
    place.commit(1, ".pre-commit-config.yaml", &config);
    (place, source)
}

fn runs(place: &Place, args: &[&str]) -> (bool, String) {
    let output = command(pre_commit(), place.path()).args(args).output().unwrap();
    (output.status.success(), says(&output))
}

#[test]
fn pre_commit_runs_the_hook_on_commit_on_all_files_and_on_ranges() {
    let (place, _source) = with_pre_commit("keylint-system");
    let (done, text) = runs(&place, &["install"]);
    assert!(done, "{text}");
    place.write("a.env", env("openrouter"));
    place.git(&["add", "a.env"]);
    // Only in the work tree: pre-commit puts it aside, and it is not staged.
    place.write("README", env("anthropic"));
    let output = git(&place, &["commit", "-m", "key"]);
    let text = says(&output);
    assert!(!output.status.success());
    assert!(text.contains("a.env:1") && !text.contains("README:1"), "{text}");
    place.git(&["checkout", "-q", "README"]);
    let output = git(&place, &["commit", "-q", "--no-verify", "-m", "key"]);
    assert!(output.status.success());
    // Nothing is staged now: named files are scanned all the same.
    for args in [&["run", "--all-files"][..], &["run", "--files", "a.env"]] {
        let (done, text) = runs(&place, args);
        assert!(!done && text.contains("a.env:1"), "{args:?}: {text}");
    }
    let (done, text) = runs(&place, &["run", "--from-ref", "HEAD~1", "--to-ref", "HEAD"]);
    assert!(!done && text.contains("a.env:1") && text.contains("first commit"), "{text}");
    // Gone again: pre-commit does not name the file, and the key would be pushed all the same.
    place.git(&["rm", "-q", "a.env"]);
    place.git(&["commit", "-q", "--no-verify", "-m", "gone"]);
    place.write("b.md", "clean\n");
    place.git(&["add", "b.md"]);
    place.git(&["commit", "-q", "--no-verify", "-m", "clean"]);
    let (done, text) = runs(&place, &["run", "--from-ref", "HEAD~3", "--to-ref", "HEAD"]);
    assert!(!done && text.contains("a.env:1") && text.contains("no longer"), "{text}");
    place.write("b.txt", "clean\n");
    place.git(&["add", "b.txt"]);
    let output = git(&place, &["commit", "-m", "clean"]);
    assert!(output.status.success(), "{}", says(&output));
    assert!(says(&output).contains("Passed"), "{}", says(&output));
}

#[test]
fn the_manifest_is_valid_and_no_hook_asks_vendors() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
    let place = Place::new();
    let (done, text) = runs(&place, &["validate-manifest", manifest.to_str().unwrap()]);
    assert!(done, "{text}");
    let text = fs::read_to_string(manifest).unwrap();
    assert!(text.contains("language: rust") && text.contains("language: system"));
    let output = run(place.path(), &["hook", "run", "pre-commit", "--verify"]);
    assert_eq!(output.status.code(), Some(2));
}
