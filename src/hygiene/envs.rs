//! Reads the other places that set environment variables: compose files, GitHub Actions workflows,
//! systemd units, Dockerfiles and `vercel.json`.
//!
//! The YAML readers go by lines and indentation: they need names and bytes, not the document.

use crate::hygiene::dotenv::{self, Variable};
use crate::span::Span;

/// Who reads the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `.env`, `.env.local`, `prod.env`, `.envrc`, `.flaskenv`, `.dev.vars`.
    Dotenv,
    /// Compose files: `environment`.
    Compose,
    /// GitHub Actions: `env`.
    Workflow,
    /// systemd: `Environment=`.
    Systemd,
    /// Dockerfiles: `ENV` and `ARG`.
    Dockerfile,
    /// `vercel.json`: `env` and `build.env`.
    Vercel,
}

impl Kind {
    /// The kind of the file at `path`; `None` for files that set no variables.
    pub fn of(path: &[u8]) -> Option<Self> {
        let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
        let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
        let yaml = lower.ends_with(".yml") || lower.ends_with(".yaml");
        let in_workflows = memchr::memmem::find(path, b".github/workflows/").is_some();
        if is_env_file(&lower) {
            Some(Self::Dotenv)
        } else if yaml && (lower.starts_with("docker-compose") || lower.starts_with("compose")) {
            Some(Self::Compose)
        } else if yaml && (in_workflows || lower == "action.yml" || lower == "action.yaml") {
            Some(Self::Workflow)
        } else if lower.ends_with(".service") || lower.ends_with(".service.d/override.conf") {
            Some(Self::Systemd)
        } else if lower == "dockerfile"
            || lower == "containerfile"
            || lower.starts_with("dockerfile.")
            || lower.ends_with(".dockerfile")
        {
            Some(Self::Dockerfile)
        } else {
            (lower == "vercel.json").then_some(Self::Vercel)
        }
    }

    /// The variables that `bytes` set.
    pub fn variables(self, bytes: &[u8]) -> Vec<Variable> {
        match self {
            Self::Dotenv => dotenv::parse(bytes),
            Self::Compose => yaml(bytes, "environment"),
            Self::Workflow => yaml(bytes, "env"),
            Self::Systemd => systemd(bytes),
            Self::Dockerfile => dockerfile(bytes),
            Self::Vercel => vercel(bytes),
        }
    }

    /// What people call such a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dotenv => "env file",
            Self::Compose => "compose file",
            Self::Workflow => "workflow",
            Self::Systemd => "systemd unit",
            Self::Dockerfile => "Dockerfile",
            Self::Vercel => "vercel.json",
        }
    }
}

/// True for the lower-case name of a file in dotenv form; false for code about such files.
fn is_env_file(name: &str) -> bool {
    let code = [
        "ts", "js", "mjs", "cjs", "md", "py", "go", "rs", "rb", "php", "vault", "json", "yml",
        "yaml", "toml", "html",
    ];
    let last = name.rsplit('.').next().unwrap_or_default();
    if code.contains(&last) {
        return false;
    }
    name == ".env"
        || name.starts_with(".env.")
        || name.starts_with(".env-")
        || name.starts_with(".env_")
        || [".envrc", ".flaskenv", ".dev.vars", "env.example", "env.sample"].contains(&name)
        || (name.ends_with(".env") && name.len() > 4)
}

/// True for an env file that is made to be shared: an example or template.
pub fn is_example(path: &[u8]) -> bool {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
    let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
    let parts = lower.split(['.', '-', '_']);
    ["example", "sample", "template", "tpl", "dist", "defaults", "schema", "tmpl", "skel"]
        .iter()
        .any(|word| parts.clone().any(|part| part == *word))
}

/// Lines with their offset, indentation and text, comments and blank lines left out.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let mut at = 0;
    bytes.split_inclusive(|&b| b == b'\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let indent = line.iter().take_while(|&&b| b == b' ').count();
        let text = line[indent..].trim_ascii_end();
        (!text.is_empty() && text[0] != b'#').then_some((start + indent, indent, text))
    })
}

/// The entries of every mapping or list under `key:`.
fn yaml(bytes: &[u8], key: &str) -> Vec<Variable> {
    let mut found = Vec::new();
    let mut block: Option<usize> = None;
    let mut inner: Option<usize> = None;
    for (at, indent, text) in lines(bytes) {
        // A list may stand at the indentation of its key.
        let ends = |open: usize| indent < open || (indent == open && !text.starts_with(b"- "));
        if block.is_some_and(ends) {
            (block, inner) = (None, None);
        }
        let dashed = text.strip_prefix(b"- ").map_or((indent, text), |rest| (indent + 2, rest));
        if let Some(rest) = dashed.1.strip_prefix(key.as_bytes()).and_then(|r| r.strip_prefix(b":"))
        {
            let rest = rest.trim_ascii_start();
            if rest.starts_with(b"{") {
                flow(bytes, at + text.len() - rest.len(), rest, &mut found);
            } else if rest.is_empty() || rest.starts_with(b"&") || rest.starts_with(b"#") {
                (block, inner) = (Some(dashed.0), None);
            }
            continue;
        }
        if block.is_some() && *inner.get_or_insert(indent) == indent {
            found.extend(entry(bytes, at, text));
        }
    }
    found
}

/// `NAME: value`, `- NAME=value` or `- "NAME=value"`.
fn entry(bytes: &[u8], at: usize, text: &[u8]) -> Option<Variable> {
    let (mut from, mut rest) = (at, text);
    let separator = if let Some(item) = rest.strip_prefix(b"- ") {
        from += rest.len() - item.trim_ascii_start().len();
        rest = item.trim_ascii_start();
        b'='
    } else {
        b':'
    };
    if separator == b'=' && (rest.starts_with(b"\"") || rest.starts_with(b"'")) {
        let quote = rest[0];
        let end = rest[1..].iter().position(|&b| b == quote)? + 1;
        (from, rest) = (from + 1, &rest[1..end]);
        return pair(bytes, from, rest, separator, false);
    }
    pair(bytes, from, rest, separator, true)
}

/// A name, a separator and a value in `text`, which stands at `from`.
fn pair(bytes: &[u8], from: usize, text: &[u8], separator: u8, quotes: bool) -> Option<Variable> {
    let cut = text.iter().position(|&b| b == separator)?;
    let name = text[..cut].trim_ascii();
    let bare: &[u8] = name.strip_prefix(b"\"").and_then(|n| n.strip_suffix(b"\"")).unwrap_or(name);
    let part = |b: &u8| b.is_ascii_alphanumeric() || b"_-.".contains(b);
    if bare.is_empty() || !bare.iter().all(part) {
        return None;
    }
    let skipped = text[cut + 1..].iter().take_while(|b| b" \t".contains(b)).count();
    let start = from + cut + 1 + skipped;
    let rest = &text[cut + 1 + skipped..];
    let span = match rest.first() {
        Some(&quote @ (b'"' | b'\'')) if quotes => {
            let end = rest[1..].iter().position(|&b| b == quote)?;
            Span::new(start + 1, start + 1 + end)
        }
        // A block scalar, an alias or a nested mapping is no plain value.
        Some(b'|' | b'>' | b'*' | b'&' | b'[' | b'{') if separator == b':' => return None,
        _ => {
            let comment = memchr::memmem::find(rest, b" #").unwrap_or(rest.len());
            Span::new(start, start + rest[..comment].trim_ascii_end().len())
        }
    };
    let name_at = from + text[..cut].iter().position(|&b| b == bare[0])?;
    let value = String::from_utf8_lossy(span.slice(bytes)).into_owned();
    let value =
        if value.starts_with('$') || value.contains("${{") { default_of(&value) } else { value };
    Some(Variable {
        name: String::from_utf8_lossy(bare).into_owned(),
        at: Span::new(name_at, name_at + bare.len()),
        span,
        value,
    })
}

/// The default in `${X:-default}`; nothing for other references.
fn default_of(value: &str) -> String {
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let default = inner.and_then(|inner| inner.split_once(":-"));
    default.map_or(String::new(), |(_, default)| default.to_owned())
}

/// `{A: b, "C": 'd'}` on one line.
fn flow(bytes: &[u8], at: usize, text: &[u8], found: &mut Vec<Variable>) {
    let inner = text.strip_prefix(b"{").unwrap_or(text);
    let inner = &inner[..inner.iter().rposition(|&b| b == b'}').unwrap_or(inner.len())];
    let mut from = at + 1;
    for part in inner.split(|&b| b == b',') {
        let blank = part.iter().take_while(|b| b.is_ascii_whitespace()).count();
        found.extend(pair(bytes, from + blank, part[blank..].trim_ascii_end(), b':', true));
        from += part.len() + 1;
    }
}

/// `Environment=A=b "C=d e"`.
fn systemd(bytes: &[u8]) -> Vec<Variable> {
    let mut found = Vec::new();
    for (at, _, text) in lines(bytes) {
        let Some(rest) = text.strip_prefix(b"Environment=") else { continue };
        words(bytes, at + text.len() - rest.len(), rest, &mut found);
    }
    found
}

/// `A=b "C=d e"`: assignments between blanks, each of which may be quoted as a whole or in its value.
fn words(bytes: &[u8], at: usize, text: &[u8], found: &mut Vec<Variable>) {
    let mut n = 0;
    while n < text.len() {
        if text[n].is_ascii_whitespace() {
            n += 1;
            continue;
        }
        let start = n;
        let mut quote = None;
        while n < text.len() && (quote.is_some() || !text[n].is_ascii_whitespace()) {
            match (quote, text[n]) {
                (None, b @ (b'"' | b'\'')) => quote = Some(b),
                (Some(open), b) if open == b => quote = None,
                _ => {}
            }
            n += 1;
        }
        let word = &text[start..n];
        if word.len() > 1 && b"\"'".contains(&word[0]) && word.last() == word.first() {
            found.extend(pair(bytes, at + start + 1, &word[1..word.len() - 1], b'=', false));
        } else {
            found.extend(pair(bytes, at + start, word, b'=', true));
        }
    }
}

/// `ENV A=b C=d`, `ENV A b` and `ARG A=b`.
fn dockerfile(bytes: &[u8]) -> Vec<Variable> {
    let mut found = Vec::new();
    let mut goes_on = false;
    for (at, _, text) in lines(bytes) {
        let upper = text.get(..4).unwrap_or_default().to_ascii_uppercase();
        let sets = upper == b"ENV " || upper == b"ARG ";
        if sets || goes_on {
            let from = if sets { 4 } else { 0 };
            let body = text.strip_suffix(b"\\").unwrap_or(text);
            let rest = body.get(from..).unwrap_or_default();
            let before = found.len();
            words(bytes, at + from, rest, &mut found);
            let name = rest.trim_ascii_start().split(|b| b.is_ascii_whitespace()).next();
            if upper == b"ENV "
                && found.len() == before
                && !name.unwrap_or_default().contains(&b'=')
            {
                let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
                found.extend(pair(bytes, at + from + blank, &rest[blank..], b' ', true));
            }
        }
        goes_on = (sets || goes_on) && text.ends_with(b"\\");
    }
    found
}

/// Variables of one object that are looked for: each is a way through the file.
const MOST: usize = 1000;

/// The string values under `env` and `build.env` of a `vercel.json`.
fn vercel(bytes: &[u8]) -> Vec<Variable> {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return Vec::new() };
    let mut found = Vec::new();
    for object in [&json["env"], &json["build"]["env"]] {
        let named = object.as_object().into_iter().flatten().filter(|(name, _)| !name.is_empty());
        for (name, value) in named.take(MOST) {
            let quoted = format!("\"{name}\"");
            let at = memchr::memmem::find(bytes, quoted.as_bytes());
            let Some((at, value)) = at.zip(value.as_str()) else { continue };
            let from = at + quoted.len();
            let Some(start) = memchr::memmem::find(&bytes[from..], value.as_bytes()) else {
                continue;
            };
            // `@name` names a secret of the platform.
            let text = if value.starts_with('@') { "" } else { value };
            found.push(Variable {
                name: name.clone(),
                at: Span::new(at + 1, from - 1),
                span: Span::new(from + start, from + start + value.len()),
                value: text.to_owned(),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(kind: Kind, text: &str) -> Vec<(String, String)> {
        let bytes = text.as_bytes();
        let found = kind.variables(bytes);
        for v in &found {
            assert_eq!(v.at.slice(bytes), v.name.as_bytes());
        }
        found.into_iter().map(|v| (v.name, v.value)).collect()
    }

    fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn kinds_by_path() {
        for (path, want) in [
            (".env", Some(Kind::Dotenv)),
            ("a/.env.production", Some(Kind::Dotenv)),
            ("prod.env", Some(Kind::Dotenv)),
            (".envrc", Some(Kind::Dotenv)),
            ("env.d.ts", None),
            (".env.d.ts", None),
            ("docker-compose.prod.yml", Some(Kind::Compose)),
            (".github/workflows/ci.yml", Some(Kind::Workflow)),
            ("deploy/app.service", Some(Kind::Systemd)),
            ("Dockerfile.dev", Some(Kind::Dockerfile)),
            ("src/main.rs", None),
        ] {
            assert_eq!(Kind::of(path.as_bytes()), want, "{path}");
        }
        assert!(is_example(b"x/.env.example") && !is_example(b".env.local"));
    }

    #[test]
    fn compose_maps_lists_and_defaults() {
        let text = "services:\n  web:\n    environment:\n      A: one\n      B: \"two # x\"\n      C: ${C}\n      D: ${D:-four}\n    image: x\n  db:\n    environment:\n      - E=five # c\n      - \"F=six 6\"\n      - G\n    ports: []\n  q:\n    environment: {H: 'eight', I: nine}\n";
        let want = own(&[
            ("A", "one"),
            ("B", "two # x"),
            ("C", ""),
            ("D", "four"),
            ("E", "five"),
            ("F", "six 6"),
            ("H", "eight"),
            ("I", "nine"),
        ]);
        assert_eq!(pairs(Kind::Compose, text), want);
    }

    #[test]
    fn workflows_units_and_images() {
        let text = "env:\n  A: one\njobs:\n  b:\n    steps:\n    - env:\n        C: ${{ secrets.C }}\n        D: four\n      run: x\n";
        assert_eq!(pairs(Kind::Workflow, text), own(&[("A", "one"), ("C", ""), ("D", "four")]));
        let text = "[Service]\nEnvironment=\"A=one 1\" B=two\nEnvironment=C='x'\n";
        assert_eq!(pairs(Kind::Systemd, text), own(&[("A", "one 1"), ("B", "two"), ("C", "x")]));
        let text = "FROM x\nARG A=one\nENV B=two \\\n    C=\"three 3\"\nENV D four\nARG E\n";
        let want = own(&[("A", "one"), ("B", "two"), ("C", "three 3"), ("D", "four")]);
        assert_eq!(pairs(Kind::Dockerfile, text), want);
        let text = "{\"env\": {\"A\": \"one\", \"B\": \"@b\"}}";
        assert_eq!(pairs(Kind::Vercel, text), own(&[("A", "one"), ("B", "")]));
    }
}
