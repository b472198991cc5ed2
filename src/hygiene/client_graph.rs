//! Which source files reach the browser: entry points by framework, and what they import.
//!
//! Only relative imports and the usual aliases are followed; what a module on the server side
//! imports is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bstr::{BString, ByteSlice as _};

use crate::hygiene::survey::Seen;
use crate::hygiene::{Subject, base_name, folder_of};
use crate::syntax::js::{self, Script};

/// The files of one root that reach the browser, each with the file that imports it.
pub(super) struct Reach {
    importer: BTreeMap<BString, Option<BString>>,
}

/// What the dependencies of a package say of its framework.
#[derive(Clone, Debug, Default)]
struct Package {
    folder: BString,
    next: bool,
    cra: bool,
    native: bool,
    angular: bool,
    gatsby: bool,
    svelte_kit: bool,
    nuxt: bool,
}

const EXTENSIONS: [&str; 8] = [".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".svelte", ".vue"];

impl Reach {
    /// Finds the entry points of root `root` and follows their imports.
    pub(super) fn build(subject: &Subject<'_>, root: usize) -> Self {
        let own = |seen: &&Seen| seen.root == root;
        let scripts: BTreeMap<&[u8], &Seen> = subject
            .seen
            .iter()
            .filter(|seen| own(seen) && seen.marks.script && !seen.marks.built)
            .filter(|seen| memchr::memmem::find(&seen.path, b"node_modules/").is_none())
            .map(|seen| (seen.path.as_slice(), seen))
            .collect();
        let packages = packages(subject, root);
        let mut importer: BTreeMap<BString, Option<BString>> = BTreeMap::new();
        let mut open: VecDeque<BString> = VecDeque::new();
        for (path, seen) in &scripts {
            let package = package_of(&packages, path);
            if !is_server(path) && is_entry(path, seen, package) {
                importer.insert(BString::from(*path), None);
                open.push_back(BString::from(*path));
            }
        }
        for path in listed(subject, root, &scripts) {
            if importer.insert(path.clone(), None).is_none() {
                open.push_back(path);
            }
        }
        while let Some(path) = open.pop_front() {
            let Some(seen) = scripts.get(path.as_slice()) else { continue };
            let Some(next) = imports(subject, seen, &packages, &scripts) else {
                // It turned out to be none: no directive, or a server module.
                importer.remove(&path);
                continue;
            };
            for target in next {
                if !importer.contains_key(&target) && !is_server(&target) {
                    importer.insert(target.clone(), Some(path.clone()));
                    open.push_back(target);
                }
            }
        }
        Self { importer }
    }

    /// How `path` reaches the browser: the entry point first, `path` last. `None` when it does not.
    pub(super) fn chain(&self, path: &BString) -> Option<Vec<String>> {
        let mut chain = vec![path.to_string()];
        let mut at = self.importer.get(path)?;
        while let Some(importer) = at {
            chain.push(importer.to_string());
            at = self.importer.get(importer)?;
        }
        chain.reverse();
        Some(chain)
    }
}

/// The files that `seen` imports; `None` when it does not run in a browser.
fn imports(
    subject: &Subject<'_>,
    seen: &Seen,
    packages: &[Package],
    scripts: &BTreeMap<&[u8], &Seen>,
) -> Option<BTreeSet<BString>> {
    let bytes = (subject.read)(&seen.shown)?;
    let script = Script::parse(&seen.path, &bytes);
    let mut from: Vec<String> = match &script {
        Some(script) => {
            let directive = |name| script.has_directive(name, &bytes);
            let package = package_of(packages, &seen.path);
            let by_path = is_entry_by_path(&seen.path, package);
            let marked =
                seen.marks.use_client && !by_path && package.next && !directive("use client");
            if directive("use server") || (marked && is_app_file(&seen.path)) {
                return None;
            }
            script.imports(&bytes).into_iter().map(|import| import.from).collect()
        }
        None => Vec::new(),
    };
    if from.iter().any(|from| from == "server-only") {
        return None;
    }
    if seen.path.ends_with(b".html") || seen.path.ends_with(b".htm") {
        from.extend(js::script_sources(&bytes).into_iter().map(|source| {
            if source.starts_with(['.', '/']) { source } else { format!("./{source}") }
        }));
    }
    let package = package_of(packages, &seen.path);
    Some(from.iter().filter_map(|from| resolve(&seen.path, from, package, scripts)).collect())
}

/// The file that the specifier `from` in the file `path` names.
fn resolve(
    path: &[u8],
    from: &str,
    package: &Package,
    scripts: &BTreeMap<&[u8], &Seen>,
) -> Option<BString> {
    let from = from.split(['?', '#']).next().unwrap_or(from);
    let folder = package.folder.to_str_lossy();
    let bases: Vec<String> = if from.starts_with('.') {
        vec![format!("{here}{from}", here = folder_of(path).to_str_lossy())]
    } else if let Some(rest) = from.strip_prefix("$lib/") {
        vec![format!("{folder}src/lib/{rest}")]
    } else if let Some(rest) = from.strip_prefix("@/").or_else(|| from.strip_prefix("~/")) {
        ["src/", "", "app/"].iter().map(|sub| format!("{folder}{sub}{rest}")).collect()
    } else if let Some(rest) = from.strip_prefix('/') {
        ["", "public/"].iter().map(|sub| format!("{folder}{sub}{rest}")).collect()
    } else if from.starts_with("src/") {
        vec![format!("{folder}{from}")]
    } else {
        return None;
    };
    bases.iter().filter_map(|base| normal(base)).find_map(|base| {
        let mut tries = vec![base.clone()];
        // TypeScript names the output of what it imports.
        if let Some(stem) = base.strip_suffix(".js").or_else(|| base.strip_suffix(".jsx")) {
            tries.extend([format!("{stem}.ts"), format!("{stem}.tsx")]);
        }
        tries.extend(EXTENSIONS.iter().map(|end| format!("{base}{end}")));
        tries.extend(EXTENSIONS.iter().map(|end| format!("{base}/index{end}")));
        tries.into_iter().find(|file| scripts.contains_key(file.as_bytes())).map(BString::from)
    })
}

/// `a/./b/../c` as `a/c`; `None` when it leaves the root.
fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The packages of the root, the innermost first.
fn packages(subject: &Subject<'_>, root: usize) -> Vec<Package> {
    let manifests = subject.seen.iter().filter(|seen| {
        seen.root == root && seen.marks.manifest && base_name(&seen.path) == b"package.json"
    });
    let mut found: Vec<Package> = manifests
        .filter_map(|seen| {
            let json: serde_json::Value =
                serde_json::from_slice(&(subject.read)(&seen.shown)?).ok()?;
            let has = |name: &str| {
                !json["dependencies"][name].is_null() || !json["devDependencies"][name].is_null()
            };
            Some(Package {
                folder: BString::from(folder_of(&seen.path)),
                next: has("next"),
                cra: has("react-scripts"),
                native: has("expo") || has("react-native"),
                angular: has("@angular/core"),
                gatsby: has("gatsby"),
                svelte_kit: has("@sveltejs/kit"),
                nuxt: has("nuxt"),
            })
        })
        .collect();
    found.sort_by_key(|package| std::cmp::Reverse(package.folder.len()));
    found.push(Package::default());
    found
}

fn package_of<'p>(packages: &'p [Package], path: &[u8]) -> &'p Package {
    let inside = |package: &&Package| path.starts_with(&package.folder);
    packages.iter().find(inside).unwrap_or(&packages[packages.len() - 1])
}

/// True for modules that run on the server alone.
fn is_server(path: &[u8]) -> bool {
    let text = path.to_str_lossy();
    let name = base_name(path).to_str_lossy();
    let parts = || text.split('/');
    name.contains(".server.")
        || name.starts_with("+server.")
        || name.starts_with("route.")
        || name.contains(".config.")
        || is_test(path)
        || parts().any(|part| part == "server" || part == "node_modules")
        || text.contains("pages/api/")
        || text.contains("app/api/")
}

/// True for tests and stories, which no build ships.
pub(super) fn is_test(path: &[u8]) -> bool {
    let text = path.to_str_lossy();
    let name = base_name(path).to_str_lossy();
    [".test.", ".spec.", ".stories."].iter().any(|word| name.contains(word))
        || text
            .split('/')
            .any(|part| ["test", "tests", "__tests__", "e2e", "__mocks__"].contains(&part))
}

fn is_app_file(path: &[u8]) -> bool {
    path.to_str_lossy().split('/').any(|part| part == "app")
}

fn is_entry(path: &[u8], seen: &Seen, package: &Package) -> bool {
    seen.marks.use_client || is_entry_by_path(path, package)
}

/// True for files that a framework sends to browsers whatever they hold.
fn is_entry_by_path(path: &[u8], package: &Package) -> bool {
    let inside = path[package.folder.len().min(path.len())..].to_str_lossy();
    let name = base_name(path).to_str_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    let within =
        |folder: &str| inside.starts_with(folder) || inside.starts_with(&format!("src/{folder}"));
    // Astro components run on the server but for their script blocks, which is all that is parsed.
    js::is_page(path)
        || within("public/")
        || within("static/")
        || name.contains(".client.")
        || (package.cra && inside.starts_with("src/index."))
        || (package.next && within("pages/") && stem != "_document")
        || (package.native
            && (within("app/") || (!inside.contains('/') && (stem == "App" || stem == "index"))))
        || (package.angular && (inside.starts_with("src/main.") || within("environments/")))
        || (package.gatsby && (within("pages/") || stem == "gatsby-browser"))
        || (package.svelte_kit && ["+page", "+layout"].contains(&stem))
        || (package.nuxt && (within("composables/") || within("pages/")))
}

/// Scripts that the manifest of a browser extension names.
fn listed(subject: &Subject<'_>, root: usize, scripts: &BTreeMap<&[u8], &Seen>) -> Vec<BString> {
    let manifests = subject.seen.iter().filter(|seen| {
        seen.root == root && seen.marks.manifest && base_name(&seen.path) == b"manifest.json"
    });
    let mut found = Vec::new();
    for seen in manifests {
        let Some(bytes) = (subject.read)(&seen.shown) else { continue };
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(&bytes) else { continue };
        if json["manifest_version"].is_null() {
            continue;
        }
        let mut open = vec![&json["background"], &json["content_scripts"]];
        while let Some(value) = open.pop() {
            match value {
                serde_json::Value::String(name) => {
                    let path = format!("{here}{name}", here = folder_of(&seen.path).to_str_lossy());
                    found
                        .extend(normal(&path).filter(|path| scripts.contains_key(path.as_bytes())));
                }
                serde_json::Value::Array(items) => open.extend(items),
                serde_json::Value::Object(entries) => open.extend(entries.values()),
                _ => {}
            }
        }
    }
    found.into_iter().map(BString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_by_framework() {
        let next = Package { next: true, ..Package::default() };
        let native = Package { native: true, ..Package::default() };
        let kit = Package { svelte_kit: true, ..Package::default() };
        assert!(is_entry_by_path(b"pages/index.tsx", &next));
        assert!(!is_entry_by_path(b"lib/db.ts", &next));
        assert!(is_server(b"pages/api/chat.ts") && is_server(b"app/api/x/route.ts"));
        assert!(
            is_entry_by_path(b"App.tsx", &native)
                && is_entry_by_path(b"app/(tabs)/index.tsx", &native)
        );
        assert!(is_entry_by_path(b"src/routes/+page.ts", &kit));
        assert!(is_server(b"src/routes/+page.server.ts"));
        assert!(is_entry_by_path(b"src/App.vue", &Package::default()));
    }

    #[test]
    fn paths_are_made_normal() {
        assert_eq!(normal("src/./a/../b").as_deref(), Some("src/b"));
        assert_eq!(normal("../x"), None);
    }
}
