//! Env files that end up in a package: npm, wheel or crate.

use std::path::Path;

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::env_file_in_image::{in_folder, matches};
use crate::hygiene::page::Page;
use crate::hygiene::survey::Seen;
use crate::hygiene::{Check, Subject, base_name, folder_of};
use crate::span::Span;

/// An env file in a package.
pub(super) const CHECK: Check = Check {
    id: "env-file-published",
    description: "The package that is built here would hold an env file with secrets.",
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    remediation: "List what is published (`files` in package.json, `include` in Cargo.toml or pyproject.toml) and look at it with `npm pack --dry-run`, `cargo package --list` or `unzip -l` of the wheel.",
};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for seen in subject.seen.iter().filter(|seen| seen.marks.manifest) {
        let judge = match base_name(&seen.path).to_ascii_lowercase().as_slice() {
            b"package.json" => npm,
            b"cargo.toml" => cargo,
            b"pyproject.toml" | b"setup.py" | b"manifest.in" | b"setup.cfg" => wheel,
            _ => continue,
        };
        let folder = seen.shown.parent().unwrap_or(Path::new(""));
        let env_files = in_folder(subject, (folder, folder_of(&seen.path)));
        if env_files.is_empty() {
            continue;
        }
        let Some(bytes) = (subject.read)(&seen.shown) else { continue };
        let package = Package { subject, seen, folder };
        for (name, _) in &env_files {
            let Some((word, why)) = judge(&package, &bytes, name) else { continue };
            let page = Page::file(subject, (seen.shown.clone(), seen.path.clone()), &bytes);
            let at = memchr::memmem::find(&bytes, word.as_bytes()).unwrap_or(0);
            let end = (at + word.len()).min(bytes.len());
            let text = format!("The package takes {name} along: {why}.");
            found.push(page.finding(&CHECK, (Span::new(at, end), None), name.as_bytes(), text));
        }
    }
}

struct Package<'p> {
    subject: &'p Subject<'p>,
    seen: &'p Seen,
    folder: &'p Path,
}

impl Package<'_> {
    /// True when git leaves `name`, beside the manifest, out.
    fn git_ignores(&self, name: &str) -> bool {
        let path = [folder_of(&self.seen.path), name.as_bytes()].concat();
        let status = self.subject.roots[self.seen.root].status();
        status.is_some_and(|status| status.ignores(&path) && !status.tracks(&path))
    }

    fn has_git(&self) -> bool {
        self.subject.roots[self.seen.root].status().is_some()
    }
}

/// What a package says of an env file: a word of the manifest to point at, and why it is taken.
type Verdict = Option<(String, String)>;

/// `files` decides; without it `.npmignore` does, and only without that `.gitignore`.
fn npm(package: &Package<'_>, bytes: &[u8], name: &str) -> Verdict {
    let json: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    if json["private"] == true || json["name"].as_str().is_none() || json["version"].is_null() {
        return None;
    }
    let ignore = crate::disk::read(&package.folder.join(".npmignore")).ok();
    // An app has a name and a version as well; a package has something to import or to run.
    let meant = ["files", "main", "module", "exports", "bin", "publishConfig"];
    if ignore.is_none() && meant.iter().all(|key| json[*key].is_null()) {
        return None;
    }
    if let Some(files) = json["files"].as_array() {
        let entry = files.iter().filter_map(serde_json::Value::as_str).find(|entry| {
            let entry = entry.trim_start_matches("./").trim_end_matches('/');
            entry.is_empty()
                || entry == "."
                || entry == "**"
                || entry == "**/*"
                || matches(entry, name)
        })?;
        return Some((format!("\"{entry}\""), format!("`files` names `{entry}`")));
    }
    if let Some(ignore) = ignore {
        let text = String::from_utf8_lossy(&ignore);
        let out = text.lines().map(str::trim).any(|line| {
            !line.starts_with('#')
                && matches(line.trim_start_matches('/').trim_start_matches("**/"), name)
        });
        let why =
            "there is no `files`, and .npmignore, which replaces .gitignore, does not name it";
        return (!out).then(|| ("\"name\"".to_owned(), why.to_owned()));
    }
    let why = "there is no `files`, and neither .npmignore nor .gitignore leaves it out";
    (!package.git_ignores(name)).then(|| ("\"name\"".to_owned(), why.to_owned()))
}

/// `include` decides, else `exclude` and git's ignore rules.
fn cargo(package: &Package<'_>, bytes: &[u8], name: &str) -> Verdict {
    let toml: toml::Table = toml::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
    let table = toml.get("package")?.as_table()?;
    if table.get("publish").and_then(toml::Value::as_bool) == Some(false) {
        return None;
    }
    let list = |key: &str| {
        let list = table.get(key)?.as_array()?.iter().filter_map(toml::Value::as_str);
        Some(list.map(|p| p.trim_start_matches('/').to_owned()).collect::<Vec<_>>())
    };
    if let Some(include) = list("include") {
        let entry = include.iter().find(|pattern| matches(pattern, name) || *pattern == "**")?;
        return Some((entry.clone(), format!("`include` names `{entry}`")));
    }
    let excluded = list("exclude").unwrap_or_default().iter().any(|pattern| matches(pattern, name));
    // Outside git, cargo leaves hidden files out.
    let taken = package.has_git() && !excluded && !package.git_ignores(name);
    let why = "neither `exclude` nor .gitignore leaves it out";
    taken.then(|| ("[package]".to_owned(), why.to_owned()))
}

/// Only what is named: wheels take package folders, and an env file beside the manifest is in none.
fn wheel(_: &Package<'_>, bytes: &[u8], name: &str) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    let quoted = [format!("\"{name}\""), format!("'{name}'")];
    let strings = text.lines().find_map(|line| {
        let code = line.split('#').next().unwrap_or_default();
        quoted.iter().find(|word| code.contains(word.as_str())).cloned()
    });
    if let Some(word) = strings {
        return Some((word, format!("the build configuration names {name}")));
    }
    let takes = |line: &&str| {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("include" | "global-include") => words.any(|pattern| matches(pattern, name)),
            Some("recursive-include" | "graft") => {
                let folder = words.next().unwrap_or_default();
                folder == "." && (words.clone().next().is_none() || words.any(|p| matches(p, name)))
            }
            _ => false,
        }
    };
    let line = text.lines().find(takes)?;
    Some((line.to_owned(), format!("`{line}` takes it", line = line.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_in_and_quoted_names() {
        let verdict = |text: &str| wheel_of(text).is_some();
        assert!(verdict("include .env\n"));
        assert!(verdict("global-include *\n"));
        assert!(verdict("package_data={'app': ['.env']}\n"));
        assert!(!verdict("include README.md\nexclude .env\n# '.env'\n"));
    }

    fn wheel_of(text: &str) -> Verdict {
        // The verdict on wheels looks at nothing but the text.
        let engine = crate::scan::Engine::new(crate::rule::set::RuleSet::new(&[], &[]).unwrap());
        let names = crate::hygiene::names::Names::load().unwrap();
        let subject = Subject {
            engine: &engine.unwrap(),
            names: &names,
            roots: &[],
            seen: &[],
            built: &[],
            findings: &[],
            past: None,
            read: &|_| None,
            problem: &|_, _| {},
            max_size: 0,
            options: crate::scan::details::Options::default(),
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        let seen = Seen {
            root: 0,
            path: "x".into(),
            shown: "x".into(),
            marks: crate::hygiene::survey::Marks::default(),
        };
        let package = Package { subject: &subject, seen: &seen, folder: Path::new("") };
        wheel(&package, text.as_bytes(), ".env")
    }
}
