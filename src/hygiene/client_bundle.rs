//! Keys in what a build ships: bundles, their source maps, WebAssembly, and the members of apps and
//! browser extensions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bstr::{BString, ByteSlice as _};

use crate::blob::Provenance;
use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::keys::like;
use crate::hygiene::page::{Page, few};
use crate::hygiene::source_map::{inline, sources};
use crate::hygiene::{Check, Subject, base_name};
use crate::source::members;
use crate::span::LineIndex;

/// A key in a built file.
pub(super) const CHECK: Check = Check {
    id: "client-bundle",
    description: "A key is in built code that is sent to browsers or installed on phones.",
    severity: Severity::Critical,
    confidence: Confidence::High,
    remediation: "Rotate the key now if this build was ever published. Move the call to a server, build again, and look for the key in the new output.",
};

/// Apps and extensions: zip archives.
const ARCHIVES: [&str; 6] = [".apk", ".ipa", ".aab", ".xap", ".xpi", ".crx"];
/// Files that are output of a build wherever they stand.
const OUTPUTS: [&str; 12] = [
    ".min.js",
    ".min.mjs",
    ".bundle.js",
    ".chunk.js",
    ".js.map",
    ".mjs.map",
    ".cjs.map",
    ".css.map",
    ".wasm",
    ".jsbundle",
    ".android.bundle",
    ".hbc",
];
/// Folders of output, for files with one of [`SHIPPED`].
const FOLDERS: [&str; 9] = [
    "dist",
    "build",
    "out",
    "web-build",
    "storybook-static",
    "_next",
    "www-dist",
    ".next",
    ".output",
];
const SHIPPED: [&str; 6] = [".js", ".mjs", ".cjs", ".css", ".html", ".json"];
/// Parts of paths that are sent to browsers.
const CLIENT: [&str; 15] = [
    ".next/static/",
    "_next/static/",
    ".output/public/",
    "output/client/",
    "dist/client/",
    "build/client/",
    "static/js/",
    "public/",
    "assets/",
    "web-build/",
    "storybook-static/",
    "dist/browser/",
    "build/static/",
    "dist/js/",
    "out/_next/",
];
/// Parts of paths that stay on the server.
const SERVER: [&str; 6] = [
    ".next/server/",
    ".next/cache/",
    ".output/server/",
    "output/server/",
    "dist/server/",
    "build/server/",
];

/// Folders of build output, looked for in audits beside each package.json even where git ignores
/// them.
pub const BUILD_FOLDERS: [&str; 11] = [
    "dist",
    "build",
    "out",
    ".next/static",
    ".output/public",
    ".svelte-kit/output/client",
    "public/build",
    "web-build",
    "storybook-static",
    "www",
    ".nuxt/dist/client",
];

/// True for the path of a built file.
pub fn is_built(path: &[u8]) -> bool {
    let lower = path.to_ascii_lowercase();
    let ends = |list: &[&str]| list.iter().any(|end| lower.ends_with(end.as_bytes()));
    if ends(&ARCHIVES) || ends(&OUTPUTS) {
        return true;
    }
    let within = |part: &str| memchr::memmem::find(&lower, part.as_bytes()).is_some();
    if SERVER.iter().any(|part| within(part)) || within("node_modules/") {
        return false;
    }
    let folders = &lower[..lower.len() - base_name(&lower).len()];
    let output =
        folders.split(|&b| b == b'/').any(|part| FOLDERS.iter().any(|f| part == f.as_bytes()));
    ends(&SHIPPED) && (output || within("output/client/") || within("public/build/"))
}

/// True for binary files that are worth opening: what the walk leaves out as binary.
pub fn is_binary_output(path: &[u8]) -> bool {
    let lower = path.to_ascii_lowercase();
    let ends = |end: &&str| lower.ends_with(end.as_bytes());
    ARCHIVES.iter().any(&ends) || [".wasm", ".hbc", ".jsbundle", ".android.bundle"].iter().any(ends)
}

/// One key at one built place.
struct Hit {
    finding: Finding,
    /// The original file and line, where a source map gives them.
    source: Option<(String, u32)>,
    /// Whether it is sent to browsers or phones, not only built.
    shipped: bool,
}

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut hits: BTreeMap<[u8; 32], Vec<Hit>> = BTreeMap::new();
    let walked = subject.seen.iter().filter(|seen| seen.marks.built && seen.marks.hit);
    let walked = walked.map(|seen| (&seen.shown, &seen.path));
    let apart = subject.built.iter().map(|built| (&built.shown, &built.path));
    for (shown, path) in walked.chain(apart) {
        let Some(bytes) = (subject.read)(shown) else { continue };
        for hit in in_file(subject, (shown.clone(), path.clone()), &bytes) {
            hits.entry(hit.finding.secret.digest()).or_default().push(hit);
        }
    }
    let mut all: Vec<Finding> =
        hits.into_values().filter_map(|hits| report(subject, hits)).collect();
    found.append(&mut all);
}

/// The keys in one built file.
fn in_file(subject: &Subject<'_>, (shown, path): (PathBuf, BString), bytes: &[u8]) -> Vec<Hit> {
    let lower = path.to_ascii_lowercase();
    if !ARCHIVES.iter().any(|end| lower.ends_with(end.as_bytes())) {
        return in_text(subject, (shown, path), bytes);
    }
    let mut hits = Vec::new();
    let wanted = |name: &str| {
        let media =
            [".png", ".jpg", ".webp", ".ttf", ".otf", ".mp3", ".mp4", ".ogg", ".wav", ".gif"];
        !media.iter().any(|end| name.to_ascii_lowercase().ends_with(end))
    };
    let mut each = |name: &str, content: &[u8]| {
        let inside = PathBuf::from(format!("{outer}!{name}", outer = shown.display()));
        let member = BString::from(format!("{path}!{name}"));
        let mut text = content.to_vec();
        if name.ends_with(".arsc") {
            // Android keeps resources in UTF-16 or UTF-8.
            text.extend(wide_strings(content));
        }
        hits.extend(in_text(subject, (inside, member), &text));
    };
    // An extension of Chrome has a header before the zip, which the reader skips.
    if let Err(message) = members::visit(bytes, subject.max_size, &wanted, &mut each) {
        (subject.problem)(shown.display().to_string(), message);
    }
    hits.iter_mut().for_each(|hit| hit.shipped = true);
    hits
}

fn in_text(subject: &Subject<'_>, (shown, path): (PathBuf, BString), bytes: &[u8]) -> Vec<Hit> {
    let page = Page::file(subject, (shown.clone(), path.clone()), bytes);
    if page.kept().is_empty() {
        return Vec::new();
    }
    let maps = match path.ends_with(b".map") {
        true => sources(&page.bytes),
        false => inline(&page.bytes).map(|map| sources(&map)).unwrap_or_default(),
    };
    let shipped = is_shipped(&path, &page.bytes);
    let mut origin: BTreeMap<[u8; 32], (String, u32)> = BTreeMap::new();
    for (name, content) in &maps {
        let inner = Page::file(
            subject,
            (PathBuf::from(name), BString::from(name.as_str())),
            content.as_bytes(),
        );
        let lines = LineIndex::new(&inner.bytes);
        for candidate in inner.kept() {
            let line = lines.point(&inner.bytes, candidate.secret.start).line;
            let digest = candidate.value(&inner.bytes).digest();
            origin.entry(digest).or_insert((name.clone(), line));
        }
    }
    let mut hits: Vec<Hit> = Vec::new();
    for candidate in page.kept() {
        let rule = page.rule(candidate);
        if rule.public || rule.generic {
            continue;
        }
        let at = candidate.secret;
        let finding = page.finding(&CHECK, (at, Some(at)), b"", rule.description.clone());
        let finding = Finding { confidence: candidate.confidence, ..finding };
        let source = origin.get(&finding.secret.digest()).cloned();
        if hits.iter().all(|hit| hit.finding.secret != finding.secret) {
            hits.push(Hit { finding, source, shipped });
        }
    }
    hits
}

/// True when a built file goes to browsers: by its folder, or because its code speaks to a page.
/// Node programs are built as well, into the same folders.
fn is_shipped(path: &[u8], bytes: &[u8]) -> bool {
    let lower = path.to_ascii_lowercase();
    let within = |part: &&str| memchr::memmem::find(&lower, part.as_bytes()).is_some();
    let says = |word: &&str| memchr::memmem::find(bytes, word.as_bytes()).is_some();
    let page = ["document.", "window.", "navigator.", "<html", "<script", "localStorage"];
    let node = [
        "require(\"fs\")",
        "require('fs')",
        "node:fs",
        "createServer(",
        "process.argv",
        "from\"fs\"",
        "from \"fs\"",
    ];
    CLIENT.iter().any(within)
        || lower.ends_with(b".html")
        || lower.ends_with(b".wasm")
        || (page.iter().any(&says) && !node.iter().any(says))
}

/// One finding for a key in all its built places: at the line of the source that it comes from
/// where that is known and still holds it, else at the first built place.
fn report(subject: &Subject<'_>, hits: Vec<Hit>) -> Option<Finding> {
    let shipped = hits.iter().any(|hit| hit.shipped);
    let places: Vec<String> = hits
        .iter()
        .map(|hit| {
            let location = &hit.finding.location;
            let (path, at) = (location.provenance.shown(), location.start);
            format!("{path}:{line}:{column}", line = at.line, column = at.column)
        })
        .collect();
    let source = hits.iter().find_map(|hit| hit.source.clone());
    // Code before its map, so that the place is one that a person can look at.
    let first = hits.iter().min_by_key(|hit| {
        let path = hit.finding.location.provenance.shown();
        (path.ends_with(".map"), path)
    })?;
    let own = subject.findings.iter().find(|finding| {
        let Provenance::File { path, .. } = &finding.location.provenance else { return false };
        let named = source.as_ref().is_some_and(|(name, _)| ends_path(path, name));
        named && finding.secret == first.finding.secret
    });
    let description = &first.finding.message;
    let mut finding = match own {
        Some(own) => like(subject, (own, &CHECK), String::new(), &[own]),
        None => first.finding.clone(),
    };
    finding.advice.notes.clear();
    finding.confidence = first.finding.confidence;
    let to = if shipped { "It is shipped in" } else { "It is built into" };
    finding.message = format!("{description} {to} {place}.", place = places[0]);
    if !shipped {
        finding.severity = Severity::High;
        finding.confidence = finding.confidence.min(Confidence::Medium);
    }
    if places.len() > 1 {
        finding.advice.notes.push(format!("built places: {places}", places = few(&places)));
    }
    if let Some((name, line)) = source {
        finding.advice.notes.push(format!("the source map says that it comes from {name}:{line}"));
    }
    Some(finding)
}

/// True when `name` is the end of `path`, or the other way round, by whole parts.
fn ends_path(path: &BString, name: &str) -> bool {
    let (path, name) = (path.to_str_lossy(), name);
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    ends(&path, name) || ends(name, &path)
}

/// Runs of at least 16 printable characters in UTF-16, as lines of ASCII.
fn wide_strings(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![b'\n'];
    for odd in [0, 1] {
        let pairs = bytes.get(odd..).unwrap_or_default().chunks_exact(2);
        let mut run = Vec::new();
        for pair in pairs {
            if pair[1] == 0 && pair[0].is_ascii_graphic() {
                run.push(pair[0]);
                continue;
            }
            if run.len() >= 16 {
                out.extend_from_slice(&run);
                out.push(b'\n');
            }
            run.clear();
        }
    }
    out
}

/// Marks the findings of rules in built files that the check reports as shipped.
pub fn escalate(findings: &mut [Finding], found: &[Finding]) {
    let shipped =
        |finding: &Finding| finding.check == CHECK.id && finding.severity == Severity::Critical;
    let digests: Vec<[u8; 32]> =
        found.iter().filter(|finding| shipped(finding)).map(|f| f.secret.digest()).collect();
    for finding in findings {
        let built = finding.location.provenance.path().is_some_and(|path| is_built(path));
        if built && digests.contains(&finding.secret.digest()) {
            finding.severity = Severity::Critical;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_paths() {
        for path in [
            "dist/assets/index-1a.js",
            "web/.next/static/chunks/1.js",
            "a.min.js",
            "x/app.apk",
            "m.wasm",
            "a/b.js.map",
        ] {
            assert!(is_built(path.as_bytes()), "{path}");
        }
        for path in [
            "src/build.rs",
            "build.py",
            "build/lib/app.py",
            "dist/server/x.js",
            "src/app.js",
            "node_modules/x/dist/y.js",
        ] {
            assert!(!is_built(path.as_bytes()), "{path}");
        }
        assert!(is_binary_output(b"a/b.APK") && !is_binary_output(b"a.png"));
    }

    #[test]
    fn servers_and_browsers() {
        assert!(is_shipped(b"dist/app.js", b"document.title=1"));
        assert!(!is_shipped(b"dist/app.js", b"require(\"fs\");window.x"));
        assert!(is_shipped(b".next/static/chunks/1.js", b""));
        assert!(ends_path(&BString::from("web/src/a.ts"), "src/a.ts"));
        assert!(!ends_path(&BString::from("web/src/aa.ts"), "a.ts"));
    }

    #[test]
    fn utf16_strings_become_lines() {
        let text: Vec<u8> =
            "key-0123456789abcdef".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let shifted = [b"\x01".as_slice(), &text, &[1, 1, 1]].concat();
        assert_eq!(wide_strings(&shifted), b"\nkey-0123456789abcdef\n");
    }
}
