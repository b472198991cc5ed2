//! Env files that a Dockerfile copies into an image.

use std::path::Path;

use bstr::BString;

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::envs::{self, Kind};
use crate::hygiene::page::Page;
use crate::hygiene::survey::Seen;
use crate::hygiene::{Check, Subject, base_name, folder_of};
use crate::span::Span;

/// An env file in an image.
pub(super) const CHECK: Check = Check {
    id: "env-file-in-image",
    description: "A Dockerfile copies an env file with secrets into the image: whoever pulls the image reads it.",
    severity: Severity::High,
    confidence: Confidence::High,
    remediation: "Add `.env*` to .dockerignore and pass the values at run time (`--env-file`, the orchestrator's secrets).",
};

/// Names that env files have; ignored ones are not in the walk and are looked for by name.
const NAMES: [&str; 9] = [
    ".env",
    ".env.local",
    ".env.production",
    ".env.production.local",
    ".env.development",
    ".env.development.local",
    ".env.staging",
    ".env.prod",
    ".env.dev",
];

/// The env files with secrets in a folder, ignored or not.
pub(super) fn in_folder<'s>(
    subject: &'s Subject<'s>,
    (shown, path): (&Path, &[u8]),
) -> Vec<(&'static str, Page<'s>)> {
    let page = |name: &&'static str| {
        let file = shown.join(name);
        if !file.is_file() {
            return None;
        }
        let bytes = (subject.read)(&file)?;
        let inside = BString::from([path, name.as_bytes()].concat());
        let page = Page::file(subject, (file, inside), &bytes);
        let real = page.leaks(Kind::Dotenv).iter().any(|leak| leak.confidence > Confidence::Low);
        real.then_some((*name, page))
    };
    NAMES.iter().filter_map(page).collect()
}

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for seen in subject.seen.iter().filter(|seen| is_dockerfile(seen)) {
        let Some(bytes) = (subject.read)(&seen.shown) else { continue };
        let copies = copies(&bytes);
        if copies.is_empty() {
            continue;
        }
        let folder = seen.shown.parent().unwrap_or(Path::new(""));
        let context = in_folder(subject, (folder, folder_of(&seen.path)));
        let ignore = crate::disk::read(&folder.join(".dockerignore")).unwrap_or_default();
        let page = Page::file(subject, (seen.shown.clone(), seen.path.clone()), &bytes);
        for copy in &copies {
            let Some(name) = copied(copy, &context, &ignore) else { continue };
            let text = format!("`{what}` puts {name} into the image.", what = copy.what);
            let mut finding = page.finding(&CHECK, (copy.span, None), name.as_bytes(), text);
            if context.iter().all(|(own, _)| *own != name) {
                // The file is named but not here: on another machine it will be.
                finding.confidence = Confidence::Medium;
            }
            found.push(finding);
        }
    }
}

fn is_dockerfile(seen: &Seen) -> bool {
    let name = String::from_utf8_lossy(base_name(&seen.path)).to_ascii_lowercase();
    seen.marks.env == Some(Kind::Dockerfile) || name.starts_with("dockerfile")
}

/// A `COPY` or `ADD` from the build context.
struct Copy {
    span: Span,
    what: String,
    sources: Vec<String>,
}

fn copies(bytes: &[u8]) -> Vec<Copy> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let text = String::from_utf8_lossy(line).trim().to_owned();
        let mut words = text.split_whitespace();
        let command = words.next().unwrap_or_default().to_ascii_uppercase();
        if (command == "COPY" || command == "ADD") && !text.contains("--from=") {
            let args: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
            let clean = |word: &&str| word.trim_matches(['[', ']', ',', '"']).to_owned();
            let sources = args.split_last().map(|(_, rest)| rest).unwrap_or_default();
            let blank = line.len() - line.trim_ascii_start().len();
            found.push(Copy {
                span: Span::new(at + blank, at + blank + line.trim_ascii().len()),
                sources: sources.iter().map(clean).collect(),
                what: text,
            });
        }
        at += line.len();
    }
    found
}

/// The env file that a copy takes along.
fn copied(copy: &Copy, context: &[(&'static str, Page<'_>)], ignore: &[u8]) -> Option<String> {
    for source in &copy.sources {
        let source = source.trim_start_matches("./");
        let whole = source.is_empty() || source == "." || source == "*" || source == "/";
        if whole {
            let taken = context.iter().find(|(name, _)| !ignored(ignore, name));
            if let Some((name, _)) = taken {
                return Some((*name).to_owned());
            }
        }
        let name = source.rsplit('/').next().unwrap_or(source);
        let is_env = Kind::of(name.as_bytes()) == Some(Kind::Dotenv);
        if is_env && !envs::is_example(name.as_bytes()) && !ignored(ignore, source) {
            return Some(source.to_owned());
        }
    }
    None
}

/// True when the last pattern of a `.dockerignore` that matches `name` leaves it out.
fn ignored(ignore: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(ignore);
    let mut out = false;
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (negated, pattern) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let pattern = pattern.trim_start_matches('/').trim_end_matches('/');
        if matches(pattern, name) {
            out = !negated;
        }
    }
    out
}

/// A glob in which `*` stays within a folder.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerignore_takes_the_last_word() {
        assert!(ignored(b"# c\n.env*\n", ".env.local"));
        assert!(!ignored(b".env*\n!.env.local\n", ".env.local"));
        assert!(ignored(b"**/.env\n", ".env"));
        assert!(!ignored(b"node_modules\n", ".env"));
        assert!(ignored(b"*\n!src\n", ".env"));
    }

    #[test]
    fn copies_are_read() {
        let found =
            copies(b"FROM x\n COPY --chown=a . /app\nCOPY --from=b /x /y\nADD [\".env\", \"/\"]\n");
        let sources: Vec<&[String]> = found.iter().map(|copy| copy.sources.as_slice()).collect();
        assert_eq!(sources, [[".".to_owned()], [".env".to_owned()]]);
        assert_eq!(copied(&found[1], &[], b""), Some(".env".to_owned()));
        assert_eq!(copied(&found[1], &[], b".env"), None);
    }
}
