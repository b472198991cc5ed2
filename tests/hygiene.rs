//! How keys are kept: the layouts under fixtures/layouts and the checks under fixtures/checks, env files in the history, bundles made by
//! a real bundler, apps, reuse and age.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{Place, json, key, places, run, stdout};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Copies a layout: `dot.` at the start of a name is a dot, `@@KEY:name@@` a synthetic key.
fn lay(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let target = match name.strip_prefix("dot.") {
            Some(rest) => to.join(format!(".{rest}")),
            None => to.join(name),
        };
        if path.is_dir() {
            lay(&path, &target);
            continue;
        }
        let mut text = fs::read_to_string(&path).unwrap();
        while let Some((before, rest)) = text.split_once("@@KEY:") {
            let (name, after) = rest.split_once("@@").unwrap();
            text = format!("{before}{key}{after}", key = key(name));
        }
        fs::write(target, text).unwrap();
    }
}

fn layout(name: &str) -> Place {
    let place = Place::new();
    lay(&root().join("fixtures/layouts").join(name), place.path());
    fs::remove_file(place.path().join("expected.txt")).unwrap();
    place.init();
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "all"]);
    place
}

fn audit(place: &Place) -> Value {
    json(place.path(), &["audit", "--as-of", "2024-01-20"])
}

fn of_check<'r>(report: &'r Value, check: &str) -> Vec<&'r Value> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().filter(|finding| finding["check"] == check).collect()
}

fn notes(finding: &Value) -> String {
    let notes = finding["notes"].as_array().cloned().unwrap_or_default();
    notes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// Lays the steps of a check: `1`, `2` are committed on these days, each in place of the one before;
/// `work` comes after and is not committed; each `repo-NAME` is a repository of its own, and their
/// names are the result.
fn steps(name: &str) -> (Place, Vec<String>) {
    let place = Place::new();
    let from = root().join("fixtures/checks").join(name);
    let mut names: Vec<String> = fs::read_dir(&from)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| from.join(name).is_dir())
        .collect();
    names.sort();
    let repositories: Vec<String> =
        names.iter().filter(|name| name.starts_with("repo-")).cloned().collect();
    if repositories.is_empty() {
        place.init();
    }
    for name in &names {
        if let Ok(day) = name.parse() {
            if day > 1 {
                place.git(&["rm", "-q", "-r", "."]);
            }
            lay(&from.join(name), place.path());
            place.git(&["add", "-A", "-f"]);
            place.git_at(day, &["commit", "-q", "-m", name]);
        } else if name == "work" {
            lay(&from.join(name), place.path());
        } else {
            let folder = place.path().join(name);
            lay(&from.join(name), &folder);
            crate::common::git(&folder, 1, &["init", "-q"]);
        }
    }
    (place, repositories)
}

/// What differs between the places of `report` and those that `folder` expects.
fn differences(folder: &Path, report: &Value) -> String {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(folder.join("expected.txt")).unwrap();
    let want: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let found: BTreeSet<String> = places(report).into_iter().collect();
    let missing = want.difference(&found).map(|line| format!("{name}: missing {line}\n"));
    let more = found.difference(&want).map(|line| format!("{name}: too much {line}\n"));
    missing.chain(more).collect()
}

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("fixtures").join(kind)).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn layouts_give_what_they_should_and_nothing_else() {
    let layouts = fixtures("layouts");
    let names = layouts.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
    let want = [
        "django",
        "expo",
        "express",
        "flask",
        "go",
        "nextjs",
        "nuxt",
        "rails",
        "sveltekit",
        "vite-react",
    ];
    assert!(names.clone().eq(want));
    let wrong: String =
        names.zip(&layouts).map(|(name, path)| differences(path, &audit(&layout(name)))).collect();
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn checks_give_what_they_should_and_nothing_else() {
    let mut wrong = String::new();
    for folder in fixtures("checks") {
        let (place, repositories) = steps(folder.file_name().unwrap().to_str().unwrap());
        let day = fs::read_to_string(folder.join("as-of.txt")).unwrap_or("2024-01-20".to_owned());
        let mut args = vec!["audit", "--as-of", day.trim()];
        args.extend(repositories.iter().map(String::as_str));
        wrong += &differences(&folder, &json(place.path(), &args));
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn scan_runs_the_checks_that_need_no_history() {
    let place = layout("nextjs");
    let found = places(&json(place.path(), &["scan"]));
    assert!(found.contains(&"next.config.mjs:2 client-config-env".to_owned()), "{found:?}");
    let bare = places(&json(place.path(), &["scan", "--no-hygiene"]));
    assert_eq!(bare, [".env.production:1 openrouter-api-key"]);
    place.write("keylint.toml", "[rules]\ndisable = [\"client-config-env\"]\n");
    let found = places(&json(place.path(), &["scan"]));
    assert!(!found.iter().any(|line| line.contains("client-config-env")), "{found:?}");
}

#[test]
fn reports_show_no_value_of_an_env_file() {
    let place = Place::new();
    place.init().commit(
        1,
        ".env",
        "DB_PASSWORD=q9Zr4Tn7Wb2Xk8Vd5Jm3 OTHER\nAPI_SECRET='Hq7 x9Zr4Tn7Wb2Xk8'\n",
    );
    for format in ["human", "json", "sarif"] {
        let text = stdout(&run(place.path(), &["audit", "-f", format]));
        assert!(!text.contains("q9Zr") && !text.contains("x9Zr4"), "{text}");
    }
}

#[test]
fn an_env_file_that_was_committed_once_is_named_with_its_commit() {
    let place = Place::new();
    let id = place.init().commit(1, "app/.env", "API_PASSWORD=Hq7x9Zr4Tn7Wb2Xk8\n");
    place.git(&["rm", "-q", "app/.env"]);
    place.git_at(2, &["commit", "-q", "-m", "remove it"]);
    place.commit(3, ".env.example", "API_PASSWORD=\n");
    let report = audit(&place);
    let found = of_check(&report, "env-file-in-history");
    assert_eq!(found.len(), 1, "{report:#}");
    assert_eq!(found[0]["commit"]["id"], id.as_str());
    assert!(found[0]["message"].as_str().unwrap().contains(&id[..10]));
    assert!(notes(found[0]).contains("git filter-repo --invert-paths --path 'app/.env'"));
    // Back again: what git tracks has the commit since which it is leaked.
    place.commit(4, "app/.env", "API_PASSWORD=Hq7x9Zr4Tn7Wb2Xk8\n");
    let report = audit(&place);
    assert!(of_check(&report, "env-file-in-history").is_empty());
    let tracked = of_check(&report, "env-file-tracked");
    let since = format!("committed with secrets since {short}", short = &id[..10]);
    assert!(notes(tracked[0]).contains(&since), "{report:#}");
}

#[test]
fn keys_that_left_head_come_with_the_order_of_steps() {
    let place = Place::new();
    place.init().commit(1, "a.py", &format!("k = '{}'\n", key("openrouter")));
    place.commit(2, "a.py", "k = None\n");
    let report = audit(&place);
    let found = of_check(&report, "key-removed-in-history");
    assert_eq!(found.len(), 1);
    let notes = notes(found[0]);
    let (first, then) = (notes.find("rotate it first"), notes.find("git filter-repo"));
    assert!(first.unwrap() < then.unwrap(), "{notes}");
    // A key that moved is still here.
    place.commit(3, "b.py", &format!("k = '{}'\n", key("openrouter")));
    assert!(of_check(&audit(&place), "key-removed-in-history").is_empty());
}

#[test]
fn keys_get_old() {
    let place = Place::new();
    let line = |kind: &str| format!("NB_PRO_API_KEY={}\n", key(kind));
    place.init().commit(1, "deploy.env", &line("nbpro"));
    let aged = |day: &str| json(place.path(), &["audit", "--as-of", day]);
    assert!(of_check(&aged("2024-03-30"), "key-age").is_empty());
    let report = aged("2024-04-01");
    let found = of_check(&report, "key-age");
    assert_eq!(found.len(), 1);
    let message = found[0]["message"].as_str().unwrap();
    assert!(
        message.contains("since 2024-01-01, 91 days; it should be rotated every 90"),
        "{message}"
    );
    assert!(message.contains("never rotated"), "{message}");
    // A marker there may name the check as well as the rule.
    let marked = format!("{} # keylint:allow key-age -- until May\n", line("nbpro").trim_end());
    place.commit(2, "deploy.env", &marked);
    let report = aged("2024-04-01");
    assert!(of_check(&report, "key-age").is_empty(), "{report:#}");
    let allowed = &report["suppressed"][0];
    assert_eq!(allowed["check"], "key-age", "{report:#}");
    assert!(allowed["suppressed"].to_string().contains("until May"), "{report:#}");
    assert!(!report["notices"].to_string().contains("keylint:allow"), "{report:#}");
    let output = run(place.path(), &["audit", "--as-of", "yesterday"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn more_keys_than_the_vendor_allows() {
    let place = Place::new();
    let line = |n: u32| {
        let body = "7c1e0b5f93a8462dd08f57c1ea3942b";
        format!("NB_PRO_API_KEY={}{body}{n}\n", ["s", "k-"].concat())
    };
    (1..=5).for_each(|n| {
        place.write(&format!("{n}.py"), line(n));
    });
    assert!(of_check(&json(place.path(), &["scan"]), "key-limit").is_empty());
    place.write("6.py", line(6));
    let report = json(place.path(), &["scan"]);
    let found = of_check(&report, "key-limit");
    assert_eq!(found.len(), 1, "{report:#}");
    assert!(found[0]["message"].as_str().unwrap().starts_with("6 distinct keys of NB Pro"));
}

#[test]
fn one_key_in_two_repositories() {
    let place = Place::new();
    for name in ["a", "b"] {
        place.write(&format!("{name}/k.py"), format!("k = '{}'\n", key("openrouter")));
        crate::common::git(&place.path().join(name), 1, &["init", "-q"]);
    }
    let report = json(place.path(), &["scan", "a", "b"]);
    assert_eq!(of_check(&report, "key-reuse-repositories").len(), 1, "{report:#}");
    assert!(
        of_check(&json(place.path(), &["scan", "a", "a"]), "key-reuse-repositories").is_empty()
    );
}

/// Runs the bundler that `.ci/setup` installs.
fn esbuild(place: &Place, args: &[&str]) {
    let program = root().join("target/bundler/node_modules/.bin/esbuild");
    assert!(program.exists(), "no bundler: run .ci/setup");
    let output = Command::new(program).args(args).current_dir(place.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A small app whose third line of `src/api.ts` holds a key.
fn app() -> Place {
    let place = Place::new();
    place.write("package.json", "{\"name\": \"app\", \"private\": true}\n");
    place.write(".gitignore", "dist\n");
    place.write("src/main.ts", "import { ask } from './api';\ndocument.title = await ask('x');\n");
    let code = format!(
        "// calls the model\nexport async function ask(prompt: string): Promise<string> {{\n  \
         const key = '{}';\n  const reply = await fetch('/x', {{ headers: {{ Authorization: 'Bearer ' + key }} }});\n  \
         return prompt + await reply.text();\n}}\n",
        key("openrouter")
    );
    place.write("src/api.ts", code);
    place.init();
    place
}

#[test]
fn a_key_is_found_through_minified_code_and_its_source_map() {
    let place = app();
    let flags = ["src/main.ts", "--bundle", "--minify", "--format=esm", "--outdir=dist/assets"];
    esbuild(&place, &[&flags[..], &["--sourcemap", "--entry-names=[name]-[hash]"]].concat());
    // git ignores dist, and an audit looks at it all the same; so does a scan that names it.
    let report = audit(&place);
    let found = of_check(&report, "client-bundle");
    assert_eq!(found.len(), 1, "{report:#}");
    assert_eq!(
        (&found[0]["severity"], &found[0]["path"]),
        (&"critical".into(), &"src/api.ts".into())
    );
    assert_eq!(found[0]["start"][0], 3);
    assert!(found[0]["message"].as_str().unwrap().contains("dist/assets/main-"));
    assert!(notes(found[0]).contains("comes from src/api.ts:3"), "{report:#}");
    assert!(of_check(&json(place.path(), &["scan"]), "client-bundle").is_empty());
    let named = json(place.path(), &["scan", "dist"]);
    let found = of_check(&named, "client-bundle");
    assert_eq!(found.len(), 1, "{named:#}");
    assert!(found[0]["path"].as_str().unwrap().starts_with("dist/assets/main-"));
    // The rule's own finding in the bundle is critical as well.
    let own = of_check(&named, "openrouter-api-key");
    assert!(!own.is_empty() && own.iter().all(|finding| finding["severity"] == "critical"));
}

#[test]
fn a_source_map_inside_the_bundle_is_read() {
    let place = app();
    let flags = ["src/main.ts", "--bundle", "--minify", "--format=esm", "--outfile=dist/app.js"];
    esbuild(&place, &[&flags[..], &["--sourcemap=inline"]].concat());
    let report = audit(&place);
    let found = of_check(&report, "client-bundle");
    assert_eq!(found.len(), 1, "{report:#}");
    assert!(notes(found[0]).contains("comes from src/api.ts:3"), "{report:#}");
}

#[test]
fn a_bundle_for_node_is_not_said_to_reach_browsers() {
    let place = app();
    let code = format!(
        "import {{ readFileSync }} from 'node:fs';\nconsole.log(readFileSync('x'), '{}');\n",
        key("openrouter")
    );
    place.write("src/main.ts", code);
    let flags = ["src/main.ts", "--bundle", "--minify", "--platform=node", "--outfile=dist/app.js"];
    esbuild(&place, &flags);
    let report = audit(&place);
    let found = of_check(&report, "client-bundle");
    assert_eq!(found.len(), 1, "{report:#}");
    assert_eq!(found[0]["severity"], "high");
    assert!(found[0]["message"].as_str().unwrap().contains("built into"));
}

#[test]
fn apps_and_web_assembly_are_opened() {
    let place = Place::new();
    place.init();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("assets/index.android.bundle", options).unwrap();
    writeln!(zip, "var a='{}';", key("openrouter")).unwrap();
    zip.start_file("resources.arsc", options).unwrap();
    let wide: Vec<u8> = key("slack").encode_utf16().flat_map(u16::to_le_bytes).collect();
    zip.write_all(&[b"\x00\x01\x00".as_slice(), &wide, &[0, 0]].concat()).unwrap();
    place.write("app.apk", zip.finish().unwrap().into_inner());
    let wasm = [b"\0asm\x01\0\0\0\x0b".as_slice(), key("anthropic").as_bytes(), b"\0"].concat();
    place.write("core.wasm", wasm);
    place.write("broken.ipa", b"PK\x03\x04\0\0 no zip");
    let report = json(place.path(), &["scan"]);
    let found: Vec<&str> =
        of_check(&report, "client-bundle").iter().map(|f| f["path"].as_str().unwrap()).collect();
    let want = ["app.apk!assets/index.android.bundle", "app.apk!resources.arsc", "core.wasm"];
    assert_eq!(found, want, "{report:#}");
    assert_eq!(report["problems"][0]["place"], "broken.ipa");
}

#[test]
fn keys_that_are_public_by_design_are_silent() {
    let place = Place::new();
    let publishable = ["pk_", "live_51Hq7x9Zr4Tn7Wb2Xk8Vd5Jm3Lp0Rs6Ty"].concat();
    place.write(".env", format!("VITE_STRIPE_KEY={publishable}\n"));
    place.write("dist/assets/a.js", format!("document.a='{publishable}';\n"));
    place.init().git(&["add", "-f", "-A"]);
    let report = audit(&place);
    let hygiene: Vec<String> =
        places(&report).into_iter().filter(|line| !line.contains("stripe")).collect();
    assert!(hygiene.is_empty(), "{hygiene:?}");
}

#[test]
fn audits_are_the_same_at_any_thread_count() {
    let place = layout("sveltekit");
    let report = |threads| {
        run(place.path(), &["audit", "--as-of", "2024-01-20", "-f", "json", "-j", threads]).stdout
    };
    let one = report("1");
    assert_eq!(report("2"), one);
    assert_eq!(report("8"), one);
}

#[test]
fn every_check_has_its_file_its_heading_and_a_fixture() {
    let page = fs::read_to_string(root().join("docs/hygiene.md")).unwrap();
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let ids: Vec<&str> = keylint::hygiene::CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(headings, ids);
    let expected: Vec<String> = [fixtures("layouts"), fixtures("checks")]
        .concat()
        .iter()
        .map(|folder| fs::read_to_string(folder.join("expected.txt")).unwrap())
        .collect();
    for id in ids {
        let file = format!("src/hygiene/{name}.rs", name = id.replace('-', "_"));
        let code = fs::read_to_string(root().join(&file)).unwrap_or_default();
        assert!(code.contains(&format!("id: \"{id}\"")), "{file} does not hold {id}");
        let fires = |text: &String| text.lines().any(|line| line.ends_with(&format!(" {id}")));
        assert!(expected.iter().any(fires), "no fixture expects {id}");
    }
}
