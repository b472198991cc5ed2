//! What the project is built with: pinned actions with few rights, a small image, dependencies with known licences.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::Place;
use crate::packages::{done, root, tool};
use crate::release::{read, yaml};

const WORKFLOWS: [&str; 3] =
    [".github/workflows/ci.yml", ".github/workflows/release.yml", "action/example.yml"];

/// Calls `f` with every value of a key `name`, at any depth.
fn each(value: &Value, name: &str, f: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key == name {
                    f(value);
                }
                each(value, name, f);
            }
        }
        Value::Array(all) => all.iter().for_each(|value| each(value, name, f)),
        _ => {}
    }
}

#[test]
fn workflows_pin_their_actions_and_have_few_rights() {
    for path in WORKFLOWS {
        let workflow = yaml(path);
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{path}");
        let mut used = 0;
        each(&workflow["jobs"], "uses", &mut |uses| {
            let commit = uses.as_str().unwrap().split_once('@').unwrap().1;
            assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{uses}");
            used += 1;
        });
        assert!(used > 0, "{path}");
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            let rights = job["permissions"].as_object().unwrap_or_else(|| panic!("{path}: {name}"));
            let writes = rights.values().any(|right| right == "write");
            assert_eq!(writes, name == "release", "{path}: {name}");
        }
    }
    let ci = yaml(WORKFLOWS[0]);
    let mut runs = Vec::new();
    each(&ci["jobs"]["check"], "run", &mut |run| runs.push(run.as_str().unwrap().to_owned()));
    assert_eq!(runs, ["./.ci/run"]);
    // What may write gets files and runs no code of the repository.
    let mut uses = Vec::new();
    let release = &yaml(WORKFLOWS[1])["jobs"]["release"];
    each(release, "uses", &mut |action| uses.push(action.as_str().unwrap().to_owned()));
    assert!(uses.iter().all(|action| !action.contains("checkout")), "{uses:?}");
}

/// The words after `instruction` in each line of the Dockerfile that begins with it.
fn lines<'a>(docker: &'a str, instruction: &str) -> Vec<Vec<&'a str>> {
    let rest = |line: &'a str| Some(line.strip_prefix(instruction)?.split_whitespace().collect());
    docker.lines().filter_map(rest).collect()
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

#[test]
fn the_image_is_built_from_what_is_sent_to_it() {
    let docker = read("Dockerfile");
    done(Command::new(tool("hadolint")).arg("--no-color").arg("Dockerfile").current_dir(root()));
    let ignore = read(".dockerignore");
    let sent: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignore.lines().any(|line| line == "*"), "{ignore}");
    let place = Place::new();
    let mut copied = Vec::new();
    for words in lines(&docker, "COPY ") {
        let (to, from) = words.split_last().unwrap();
        if from[0].starts_with("--from=") {
            continue;
        }
        for source in from {
            let passes = |rule: &&str| match rule.strip_suffix('*') {
                Some(start) => source.starts_with(start),
                None => *rule == *source,
            };
            assert!(sent.iter().any(passes), "{source} is not sent: .dockerignore");
            assert!(root().join(source).exists(), "{source}");
            copied.push((*source).to_owned());
            if !to.starts_with('/') {
                copy(&root().join(source), &place.path().join(source));
            }
        }
    }
    // Cargo takes the manifest with these files and what the image adds to them.
    let adds = docker.lines().find_map(|line| line.strip_prefix("RUN mkdir ")).unwrap();
    done(Command::new("sh").args(["-c", &format!("mkdir {adds}")]).current_dir(place.path()));
    let cargo = ["metadata", "--no-deps", "--locked", "--offline", "--format-version", "1"];
    done(Command::new(env!("CARGO")).args(cargo).current_dir(place.path()));
    for (file, path) in included(&root().join("src")) {
        let path = path.strip_prefix(root()).unwrap();
        assert!(copied.iter().any(|source| path.starts_with(source)), "{file} needs {path:?}");
    }
    // What runs is what was built, by nobody who may do anything.
    let program = "COPY --from=build /src/target/release/keylint ";
    assert!(docker.contains(program) && docker.contains("cargo build --release --locked"));
    let user: u32 =
        lines(&docker, "USER ").last().unwrap()[0].split(':').next().unwrap().parse().unwrap();
    assert!(user > 0);
}

/// Files that sources below `folder` include by a fixed path, each with the source that names it.
fn included(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(included(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for part in fs::read_to_string(&path).unwrap().split("include_str!(\"").skip(1) {
                let name = part.split('"').next().unwrap();
                let target = folder.join(name).canonicalize().unwrap();
                all.push((path.display().to_string(), target));
            }
        }
    }
    all
}

/// True when `words`, a licence expression, can be met with the `allowed` ones alone. AND binds tighter than OR.
fn met(words: &mut std::iter::Peekable<std::slice::Iter<'_, String>>, allowed: &[&str]) -> bool {
    let (mut any, mut all) = (false, true);
    loop {
        let word = words.next().unwrap();
        all &= if word == "(" { met(words, allowed) } else { allowed.contains(&word.as_str()) };
        if words.next_if(|word| *word == "WITH").is_some() {
            // An exception only adds to what is permitted.
            words.next().unwrap();
        }
        match words.next().map(String::as_str) {
            Some("AND") => {}
            Some("OR") => {
                any |= all;
                all = true;
            }
            Some(")") | None => return any | all,
            Some(other) => panic!("{other}"),
        }
    }
}

fn is_met(expression: &str, allowed: &[&str]) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    met(&mut words.iter().peekable(), allowed)
}

#[test]
fn dependencies_are_what_deny_toml_permits() {
    assert!(is_met("(MIT OR GPL-3.0) AND ISC", &["MIT", "ISC"]));
    assert!(!is_met("MIT AND GPL-3.0 OR (ISC AND Zlib)", &["MIT", "ISC"]));
    let deny: toml::Table = read("deny.toml").parse().unwrap();
    let list = |table: &str, name: &str| deny[table][name].as_array().unwrap().clone();
    let allow = list("licenses", "allow");
    let allowed: Vec<&str> = allow.iter().map(|licence| licence.as_str().unwrap()).collect();
    let banned = list("bans", "deny");
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1"];
    let text = done(Command::new(env!("CARGO")).args(arguments).current_dir(root()));
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "{}", packages.len());
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence =
            package["license"].as_str().unwrap_or_else(|| panic!("{name} has no licence"));
        assert!(is_met(licence, &allowed), "{name}: {licence}");
        assert!(banned.iter().all(|ban| ban["name"].as_str() != Some(name)), "{name} is banned");
        let source = package["source"].as_str().unwrap_or("registry+");
        assert!(source.starts_with("registry+"), "{name}: {source}");
    }
    for name in ["unknown-registry", "unknown-git"] {
        assert_eq!(deny["sources"][name].as_str(), Some("deny"));
    }
    // Both judges of advisories make the same exceptions.
    let audit: toml::Table = read(".cargo/audit.toml").parse().unwrap();
    assert_eq!(audit["advisories"]["ignore"], deny["advisories"]["ignore"]);
}
