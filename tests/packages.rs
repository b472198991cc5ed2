//! What is shipped is packed from the built program, installed as a user does it, without a network, and run.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::{Place, key, stderr, stdout};
use crate::staged::executable;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keylint");
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of the folder that `.ci/setup` fills.
pub(crate) fn tool(name: &str) -> PathBuf {
    let program = root().join("target/tools/bin").join(name);
    assert!(program.exists(), "{} is missing; run .ci/setup", program.display());
    program
}

/// Runs `command`, which must succeed, and gives what it prints.
pub(crate) fn done(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// Runs an installed program in an environment without anything else on the path but `path`.
fn installed(program: &Path, path: &str, folder: &Path, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .output()
        .unwrap()
}

/// An installed program says its version, and finds and does not find a key.
fn works(program: &Path, path: &str) {
    let place = Place::new();
    let version = installed(program, path, place.path(), &["--version"]);
    assert_eq!(version.status.code(), Some(0), "{}", stderr(&version));
    assert!(stdout(&version).starts_with(&format!("keylint {VERSION}")), "{}", stdout(&version));
    assert_eq!(installed(program, path, place.path(), &["scan"]).status.code(), Some(0));
    place.write("a.conf", format!("KEY={}\n", key("openrouter")));
    let found = installed(program, path, place.path(), &["scan", "-f", "jsonl"]);
    assert_eq!(found.status.code(), Some(1), "{}", stderr(&found));
    assert!(stdout(&found).contains("openrouter-api-key"), "{}", stdout(&found));
}

/// Cargo for maturin: where that would compile the program anew, since the tests have built it with more features of its
/// dependencies, it gets that of the tests. Everything else is asked of cargo itself.
const CARGO: &str = r#"#!/bin/bash
set -o pipefail
[ "$1" = rustc ] || exec "$REAL_CARGO" "$@"
"$REAL_CARGO" build --profile test --locked --offline --test main --message-format json-render-diagnostics |
    grep -vF '"kind":["test"]' | sed "s|$PROGRAM|$COPY|g"
"#;

#[test]
fn a_wheel_is_built_installed_and_run() {
    let place = Place::new();
    let wheels = place.path().join("wheels");
    let shim = place.write("bin/cargo", CARGO);
    executable(&shim);
    let mut maturin = Command::new(tool("maturin"));
    // What cargo says to this test is news to the build scripts of crates, which would run again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_MANIFEST_")
            || name.starts_with("CARGO_PKG_")
            || name == "OUT_DIR"
        {
            maturin.env_remove(&*name);
        }
    }
    maturin.args(["build", "--locked", "--offline", "--compatibility", "linux", "--out"]);
    maturin.arg(&wheels).env("CARGO", &shim).env("REAL_CARGO", env!("CARGO"));
    // It moves the program away for a moment, which the other tests run meanwhile.
    let program = Path::new(env!("CARGO_BIN_EXE_keylint"));
    let copy = place.path().join("keylint");
    fs::copy(program, &copy).unwrap();
    maturin.env("PROGRAM", program).env("COPY", &copy);
    done(maturin.current_dir(root()));
    let wheel = fs::read_dir(&wheels).unwrap().next().unwrap().unwrap().path();
    let name = wheel.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(&format!("keylint-{VERSION}-py3-none-")), "{name}");
    let venv = place.path().join("venv");
    done(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&venv));
    let python = venv.join("bin/python");
    done(
        Command::new(tool("pip"))
            .arg("--python")
            .arg(&python)
            .args(["install", "-q", "--no-index", "--disable-pip-version-check"])
            .arg(&wheel),
    );
    works(&venv.join("bin/keylint"), "/nowhere");
    let metadata = done(
        Command::new(&python)
            .args(["-c", "import importlib.metadata as m; print(m.metadata('keylint'))"]),
    );
    for line in [
        &format!("Version: {VERSION}"),
        concat!("Summary: ", env!("CARGO_PKG_DESCRIPTION")),
        concat!("License-Expression: ", env!("CARGO_PKG_LICENSE")),
        concat!("Project-URL: Source Code, ", env!("CARGO_PKG_REPOSITORY")),
        "License-File: LICENSE-APACHE",
        "License-File: LICENSE-MIT",
    ] {
        assert!(metadata.lines().any(|other| other == line), "{line} is not in\n{metadata}");
    }
    // The list of dependencies that the release publishes.
    let list = "import importlib.metadata as m; print([f.read_text() for f in m.files('keylint') \
        if f.name == 'keylint.cyclonedx.json'][0])";
    let bom: Value = serde_json::from_str(&done(Command::new(&python).args(["-c", list]))).unwrap();
    assert_eq!(bom["metadata"]["component"]["version"], VERSION);
    let parts = bom["components"].as_array().unwrap();
    for name in ["git2", "regex-automata", "rustls"] {
        assert!(parts.iter().any(|part| part["name"] == name), "{name} is not in the SBOM");
    }
}

/// The name that node gives this machine's kind.
fn node(what: &str) -> String {
    done(Command::new("node").args(["-p", what]))
}

/// The target of packaging/targets.json for this machine; on Linux the program is not really that of musl.
pub(crate) fn target() -> String {
    let (os, cpu) = (node("process.platform"), node("process.arch"));
    let text = fs::read_to_string(root().join("packaging/targets.json")).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let here = all.iter().find(|entry| entry["os"] == os.trim() && entry["cpu"] == cpu.trim());
    here.unwrap_or_else(|| panic!("no package for {os}{cpu}"))["target"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Packs `program` and installs both packages, as a project that depends on keylint does.
fn npm(program: &Path) -> Place {
    let place = Place::new();
    let out = place.path().join("packed");
    let pair = format!("{}={}", target(), program.display());
    done(
        Command::new("python3")
            .arg(root().join("packaging/npm.py"))
            .arg("--out")
            .arg(&out)
            .arg(pair)
            .current_dir(place.path()),
    );
    let tarballs: Vec<PathBuf> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(tarballs.len(), 2, "{tarballs:?}");
    place.write("app/package.json", "{\"private\": true}\n");
    done(
        Command::new("npm")
            .args(["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(tarballs)
            .current_dir(place.path().join("app")),
    );
    place
}

fn launcher(place: &Place) -> PathBuf {
    place.path().join("app/node_modules/.bin/keylint")
}

fn path() -> String {
    std::env::var("PATH").unwrap()
}

#[test]
fn npm_packages_are_packed_installed_and_run() {
    let place = npm(Path::new(PROGRAM));
    works(&launcher(&place), &path());
    let modules = place.path().join("app/node_modules");
    let read = |path: &str| -> Value {
        serde_json::from_slice(&fs::read(modules.join(path).join("package.json")).unwrap()).unwrap()
    };
    let main = read("keylint");
    let optional = main["optionalDependencies"].as_object().unwrap();
    assert_eq!(optional.len(), 5, "{optional:?}");
    assert!(optional.values().all(|version| version == VERSION));
    let own =
        format!("@keylint/{}-{}", node("process.platform").trim(), node("process.arch").trim());
    assert_eq!((&main["version"], &read(&own)["version"]), (&VERSION.into(), &VERSION.into()));
    assert!(
        modules.join("keylint/LICENSE-MIT").exists()
            && modules.join(&own).join("LICENSE-MIT").exists()
    );
    // An installation that left out what is optional says what is missing.
    fs::remove_dir_all(modules.join(&own)).unwrap();
    let output = installed(&launcher(&place), &path(), place.path(), &["--version"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains(&format!("the package {own} is missing")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_launcher_of_npm_hands_on_signals_and_how_the_program_ends() {
    use std::os::unix::process::ExitStatusExt as _;

    let place = Place::new();
    let script = "#!/bin/sh\n[ \"$1\" = die ] && kill -KILL $$\ntrap 'exit 7' TERM\necho ready\n\
        while :; do sleep 0.1; done\n";
    let program = place.write("program", script);
    executable(&program);
    let place = npm(&program);
    let start = |args: &[&str]| {
        Command::new(launcher(&place)).args(args).stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut child = start(&["wait"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    done(Command::new("kill").args(["-TERM", &child.id().to_string()]));
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(start(&["die"]).wait().unwrap().signal(), Some(9));
}
