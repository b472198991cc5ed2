//! The files of a release agree with each other: names of archives, targets, addresses, workflows, image, licences.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{Place, stderr, stdout};
use crate::packages::{done, root, target, tool};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const RELEASE: &str = ".github/workflows/release.yml";

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

pub(crate) fn yaml(path: &str) -> Value {
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let text = done(Command::new(tool("python")).args(["-c", script]).arg(root().join(path)));
    serde_json::from_str(&text).unwrap()
}

fn targets() -> Vec<String> {
    let all: Vec<Value> = serde_json::from_str(&read("packaging/targets.json")).unwrap();
    all.iter().map(|entry| entry["target"].as_str().unwrap().to_owned()).collect()
}

fn archive(target: &str) -> String {
    let suffix = if target.contains("windows") { "zip" } else { "tar.gz" };
    format!("keylint-v{VERSION}-{target}.{suffix}")
}

/// Packs `program` as that of `target`, with the checksums that the workflow makes.
fn pack(out: &Path, target: &str, program: &Path) {
    let path = program.display();
    let guide = env!("CARGO_BIN_EXE_keylint");
    let mut command = Command::new("python3");
    command.arg(root().join("packaging/archive.py")).arg("--out").arg(out);
    done(command.args(["--guide", guide, &format!("{target}={path}")]));
    let name = archive(target);
    let sums = done(Command::new("sha256sum").arg(&name).current_dir(out));
    fs::write(out.join("SHA256SUMS"), sums).unwrap();
}

#[test]
fn names_of_archives_and_targets_agree() {
    let all = targets();
    let build = &yaml(RELEASE)["jobs"]["build"]["strategy"]["matrix"]["include"];
    let built: Vec<&str> =
        build.as_array().unwrap().iter().map(|entry| entry["target"].as_str().unwrap()).collect();
    assert_eq!(built, all);
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let (docs, install, script) =
        (read("docs/release.md"), read("docs/install.md"), read("action/run.sh"));
    for target in &all {
        let fill = |template: &str| {
            template
                .replace("{ repo }", env!("CARGO_PKG_REPOSITORY"))
                .replace("{ version }", VERSION)
                .replace("{ target }", target)
                .replace("{ bin }", "keylint")
                .replace("{ binary-ext }", if target.contains("windows") { ".exe" } else { "" })
        };
        let own = binstall["overrides"].get(target).unwrap_or(binstall);
        let (name, url) = (archive(target), fill(own["pkg-url"].as_str().unwrap()));
        let from = concat!(env!("CARGO_PKG_REPOSITORY"), "/releases/download");
        assert_eq!(url, format!("{from}/v{VERSION}/{name}"));
        let format = if target.contains("windows") { "zip" } else { "tgz" };
        assert_eq!(own["pkg-fmt"].as_str(), Some(format));
        assert!(docs.contains(&format!("| {target} | {name} |")), "docs/release.md: {name}");
        assert!(install.contains(target), "docs/install.md: {target}");
        assert!(script.contains(&format!("target={target}")), "action/run.sh: {target}");
        assert!(script.contains(from), "action/run.sh: {from}");
        // The packer itself: the name, and where in it the program is.
        let place = Place::new();
        pack(place.path(), target, &place.write("program", "a program\n"));
        let list = "import shutil, sys; shutil.unpack_archive(sys.argv[1], sys.argv[2])";
        let unpacked = place.path().join("unpacked");
        done(
            Command::new("python3")
                .args(["-c", list])
                .args([place.path().join(&name), unpacked.clone()]),
        );
        let program = unpacked.join(fill(binstall["bin-dir"].as_str().unwrap()));
        assert_eq!(fs::read_to_string(program).unwrap(), "a program\n");
        let folder = unpacked.join(format!("keylint-v{VERSION}-{target}"));
        for file in ["LICENSE-MIT", "README.md", "man/keylint-scan.1", "completions/_keylint"] {
            assert!(folder.join(file).exists(), "{file}");
        }
    }
    assert!(install.contains(&archive(&all[0])), "docs/install.md shows no archive of {VERSION}");
}

#[test]
fn the_address_of_the_project_is_the_same_everywhere() {
    let own = env!("CARGO_PKG_REPOSITORY").strip_prefix("https://github.com/").unwrap();
    let files = ["README.md", "Cargo.toml", "action/run.sh", "action/example.yml"];
    let docs = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()));
    let mut found = 0;
    for file in files.into_iter().map(str::to_owned).chain(docs) {
        let text = read(&file);
        let mut rest = text.as_str();
        while let Some(at) = rest.find("/keylint") {
            let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
            let owner = &rest[rest[..at].rfind(word).map_or(0, |at| at + 1)..at];
            let before = &rest[..at - owner.len()];
            let named = before.ends_with("github.com/") || before.ends_with("uses: ");
            if named || owner == "OWNER" {
                assert_eq!(format!("{owner}/keylint"), own, "{file}");
                found += 1;
            }
            rest = &rest[at + 1..];
        }
    }
    assert!(found >= 6, "{found}");
}

#[test]
fn an_archive_has_the_same_bytes_each_time() {
    let place = Place::new();
    let program = place.write("program", "a program\n");
    for target in targets() {
        let (one, two) = (place.path().join("one"), place.path().join("two"));
        for out in [&one, &two] {
            pack(out, &target, &program);
        }
        let bytes = |out: &Path| fs::read(out.join("SHA256SUMS")).unwrap();
        assert_eq!(bytes(&one), bytes(&two));
    }
}

#[test]
fn the_program_says_which_build_it_is() {
    let say = |option| done(Command::new(env!("CARGO_BIN_EXE_keylint")).arg(option));
    assert_eq!(say("-V"), format!("keylint {VERSION}\n"));
    let long = say("--version");
    assert!(long.starts_with(&format!("keylint {VERSION} (")) && long.ends_with(")\n"), "{long}");
    assert!(long.contains(std::env::consts::ARCH), "{long}");
}

/// Runs the download of the action for this machine, from the folder `releases`.
fn download(place: &Place, releases: &Path) -> Output {
    let of = |names: &[(&str, &'static str)], from: &str| {
        names.iter().find(|(name, _)| *name == from).unwrap().1
    };
    let os = of(&[("linux", "Linux"), ("macos", "macOS")], std::env::consts::OS);
    let cpu = of(&[("x86_64", "X64"), ("aarch64", "ARM64")], std::env::consts::ARCH);
    Command::new("bash")
        .arg(root().join("action/run.sh"))
        .arg("download")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("RUNNER_TEMP", place.path())
        .envs([("RUNNER_OS", os), ("RUNNER_ARCH", cpu), ("KEYLINT_VERSION", VERSION)])
        .env("KEYLINT_RELEASES", format!("file://{}", releases.display()))
        .output()
        .unwrap()
}

#[test]
fn the_action_downloads_a_release_and_refuses_another_checksum() {
    let (place, target) = (Place::new(), target());
    let releases = place.path().join("releases");
    let folder = releases.join(format!("v{VERSION}"));
    let output = download(&place, &releases);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("cannot be downloaded"), "{}", stdout(&output));
    pack(&folder, &target, Path::new(env!("CARGO_BIN_EXE_keylint")));
    let output = download(&place, &releases);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let program = place.path().join("keylint/bin/keylint");
    assert!(done(Command::new(&program).arg("-V")).contains(VERSION));
    fs::remove_file(&program).unwrap();
    let file = folder.join(archive(&target));
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let output = download(&place, &releases);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("has not the checksum"), "{}", stdout(&output));
    assert!(!program.exists());
}
