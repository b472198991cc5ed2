//! Where a `keylint:allow` comment can go: on the line above a finding, else at the end of its line.

use crate::marker::MARKER;
use crate::span::Span;
use crate::syntax::{self, Lang};

use super::text::Text;

/// What begins and ends a comment, by the end of a file's name.
const COMMENTS: [(&[&str], (&str, &str)); 7] = [
    (
        &[
            ".py",
            ".pyw",
            ".pyi",
            ".rb",
            ".rake",
            ".sh",
            ".bash",
            ".zsh",
            ".ksh",
            ".fish",
            ".yml",
            ".yaml",
            ".toml",
            ".r",
            ".pl",
            ".pm",
            ".tf",
            ".tfvars",
            ".hcl",
            ".nix",
            ".ex",
            ".exs",
            ".jl",
            ".cr",
            ".nim",
            ".ps1",
            ".properties",
            ".conf",
            ".cfg",
            ".env",
            ".envrc",
            ".mk",
            ".cmake",
            ".gitignore",
            ".npmrc",
            ".ipynb.py",
            ".graphql",
            ".coffee",
            ".tcl",
        ],
        ("#", ""),
    ),
    (
        &[
            ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".go", ".rs", ".java",
            ".php", ".cs", ".c", ".h", ".cc", ".cpp", ".hpp", ".m", ".mm", ".swift", ".kt", ".kts",
            ".scala", ".dart", ".groovy", ".gradle", ".jsonc", ".json5", ".proto", ".scss",
            ".less", ".zig", ".fs", ".v", ".sol",
        ],
        ("//", ""),
    ),
    (&[".sql", ".lua", ".hs", ".elm", ".adb", ".ads"], ("--", "")),
    (&[".html", ".htm", ".xml", ".md", ".vue", ".svelte", ".plist", ".xaml"], ("<!--", " -->")),
    (&[".css"], ("/*", " */")),
    (&[".ini", ".el", ".lisp", ".clj", ".cljs", ".edn", ".scm", ".asm"], (";", "")),
    (&[".tex", ".erl", ".hrl", ".m4"], ("%", "")),
];

/// Names that say it all.
const NAMES: [&str; 8] = [
    "dockerfile",
    "containerfile",
    "makefile",
    "gemfile",
    "rakefile",
    "vagrantfile",
    "justfile",
    "jenkinsfile",
];

/// An insertion that makes a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Insertion {
    /// Byte before which it goes.
    pub(super) at: usize,
    /// What goes there.
    pub(super) text: String,
}

impl Insertion {
    /// `text` with it.
    pub(super) fn apply(&self, text: &str) -> String {
        [&text[..self.at], &self.text, &text[self.at..]].concat()
    }
}

/// Places for a marker that allows `check` at `span` of the file `path`, the better ones first; none
/// where comments of the file are not known. Where the file can be parsed, each is a comment there.
pub(super) fn places(path: &[u8], text: &Text, (span, check): (Span, &str)) -> Vec<Insertion> {
    let all = text.all();
    let lang = Lang::of(path, all.as_bytes());
    let Some((mut open, mut close)) = comment(path, lang) else { return Vec::new() };
    if open == "<!--" && in_script(&all[..span.start]) {
        (open, close) = ("//", "");
    }
    let line = text.line(text.line_of(span.start));
    let shown = &all[line.start..line.end];
    let indent = &shown[..shown.len() - shown.trim_start().len()];
    let marker = format!("{open} {MARKER} {check}{close}");
    let end = if all.contains("\r\n") { "\r\n" } else { "\n" };
    let last = text.line(text.line_of(span.end.saturating_sub(1).max(span.start))).end;
    let above = Insertion { at: line.start, text: format!("{indent}{marker}{end}") };
    let behind = Insertion { at: last, text: format!("  {marker}") };
    let fits = |new: &Insertion| lang.is_none_or(|lang| is_comment(lang, text, new));
    [above, behind].into_iter().filter(fits).collect()
}

fn comment(path: &[u8], lang: Option<Lang>) -> Option<(&'static str, &'static str)> {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let of_end = |(ends, _): &&(&[&str], _)| ends.iter().any(|end| name.ends_with(end));
    if let Some((_, form)) = COMMENTS.iter().find(of_end) {
        return Some(*form);
    }
    let starts = |known: &&str| name.split('.').next() == Some(known);
    if name.starts_with(".env") || NAMES.iter().any(starts) {
        return Some(("#", ""));
    }
    // A script without an ending.
    match lang? {
        Lang::Shell | Lang::Python | Lang::Ruby => Some(("#", "")),
        _ => Some(("//", "")),
    }
}

/// True when `before`, the beginning of a page, ends in a script.
fn in_script(before: &str) -> bool {
    let lower = before.to_ascii_lowercase();
    lower.rfind("<script") > lower.rfind("</script")
}

/// True when the marker of `new` is a comment of the file, and no more is wrong with it than was.
fn is_comment(lang: Lang, text: &Text, new: &Insertion) -> bool {
    let before = syntax::parse(lang, text.all().as_bytes(), &[]);
    let changed = new.apply(text.all());
    let after = syntax::parse(lang, changed.as_bytes(), &[]);
    let (Some(before), Some(after)) = (before, after) else { return false };
    let at = new.at + new.text.find(MARKER).unwrap_or(0);
    let root = after.root_node();
    let node = root.descendant_for_byte_range(at, at + MARKER.len());
    let kinds = ["comment", "line_comment", "block_comment"];
    syntax::faults(&after) <= syntax::faults(&before)
        && node.is_some_and(|node| syntax::above(root, node, &kinds).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(path: &str, text: &str) -> Option<String> {
        let at = text.find('@').unwrap();
        let text = Text::new(text);
        let found = places(path.as_bytes(), &text, (Span::new(at, at + 1), "a-b"));
        found.first().map(|new| new.apply(text.all()))
    }

    #[test]
    fn comments_go_where_they_are_comments() {
        for (path, text, want) in [
            ("a.py", "def f():\n    k = '@'\n", "def f():\n    # keylint:allow a-b\n    k = '@'\n"),
            ("a.ts", "x\r\nk = '@'\r\n", "x\r\n// keylint:allow a-b\r\nk = '@'\r\n"),
            // The line above is a part of the string.
            ("a.py", "k = '''\n@'''\n", "k = '''\n@'''  # keylint:allow a-b\n"),
            ("a.html", "<a b='@'>", "<!-- keylint:allow a-b -->\n<a b='@'>"),
            (
                "a.vue",
                "<script>\nk = '@'\n</script>\n",
                "<script>\n// keylint:allow a-b\nk = '@'\n</script>\n",
            ),
            (".env.local", "A=@\n", "# keylint:allow a-b\nA=@\n"),
            ("Dockerfile.dev", "ENV A=@\n", "# keylint:allow a-b\nENV A=@\n"),
            ("bin/run", "#!/bin/sh\nA=@\n", "#!/bin/sh\n# keylint:allow a-b\nA=@\n"),
        ] {
            assert_eq!(first(path, text).as_deref(), Some(want), "{path}");
        }
        for (path, text) in [("a.json", "{\"k\": \"@\"}"), ("a.js", "k = `\n@\n`"), ("a", "@")] {
            assert_eq!(first(path, text), None, "{path}");
        }
    }
}
