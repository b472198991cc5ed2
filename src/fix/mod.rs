//! Rewrites hardcoded keys to look-ups in the environment.
//!
//! Input is the content of one file with the places of its keys, output a list of edits, or the
//! reason why a key is left for a person. Nothing is written here.

mod code;
mod imports;
mod shell;

use crate::span::Span;
use crate::syntax::{self, Lang, Node};

/// A key in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Its bytes.
    pub span: Span,
    /// The variable to read it from.
    pub name: String,
}

/// A change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Bytes that go.
    pub span: Span,
    /// What comes in their place.
    pub text: String,
}

/// What becomes of one literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is rewritten by these changes, and read from this variable.
    Rewritten {
        /// Changes, also of imports; those that several literals share stand with each.
        changes: Vec<Change>,
        /// The variable.
        name: String,
    },
    /// It is left as it is; the text says why.
    Left(String),
}

/// Most keys of a file that are rewritten. Each is looked up in the tree of the file, which in a file of
/// thousands of keys, a list that somebody keeps, takes minutes and mends nothing.
const MOST: usize = 200;

/// Rewrites `literals` in the file `path`, in order. The result parses as well as `bytes` did, or
/// everything is left.
pub fn rewrite(path: &[u8], bytes: &[u8], literals: &[Literal]) -> Vec<Outcome> {
    let leave = |why: &str| literals.iter().map(|_| Outcome::Left(why.to_owned())).collect();
    let Some(lang) = Lang::of(path, bytes) else {
        return leave("no rewriter for this kind of file");
    };
    if literals.len() > MOST {
        return leave("the file has more than 200 keys");
    }
    let Some(tree) = syntax::parse(lang, bytes, &[]) else {
        return leave("the file cannot be parsed");
    };
    let root = tree.root_node();
    let file = File { lang, bytes, root };
    let outcomes: Vec<Outcome> = literals.iter().map(|literal| file.literal(literal)).collect();
    let after = apply(bytes, &outcomes);
    let parsed = syntax::parse(lang, &after, &[]);
    match parsed {
        Some(new) if syntax::faults(&new) <= syntax::faults(&tree) => outcomes,
        _ => leave("the rewritten file would not parse"),
    }
}

/// `bytes` with the changes of all outcomes, shared ones once.
pub fn apply(bytes: &[u8], outcomes: &[Outcome]) -> Vec<u8> {
    let mut changes: Vec<&Change> = outcomes
        .iter()
        .flat_map(|outcome| match outcome {
            Outcome::Rewritten { changes, .. } => changes.as_slice(),
            Outcome::Left(_) => &[],
        })
        .collect();
    changes.sort_by(|a, b| (a.span, &a.text).cmp(&(b.span, &b.text)));
    changes.dedup();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for change in changes {
        // Of two changes that overlap, such as two keys in one fallback, the first counts.
        if change.span.start >= at {
            out.extend_from_slice(&bytes[at..change.span.start]);
            out.extend_from_slice(change.text.as_bytes());
            at = change.span.end;
        }
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// A parsed file.
struct File<'f> {
    lang: Lang,
    bytes: &'f [u8],
    root: Node<'f>,
}

impl<'f> File<'f> {
    fn literal(&self, literal: &Literal) -> Outcome {
        let (start, end) = (literal.span.start, literal.span.end);
        let Some(node) = self.root.descendant_for_byte_range(start, end) else {
            return Outcome::Left("the key is in no literal".to_owned());
        };
        if syntax::above(self.root, node, &["comment", "line_comment", "block_comment"]).is_some() {
            return Outcome::Left("it is in a comment: delete it there".to_owned());
        }
        let done = match self.lang {
            Lang::Shell => shell::rewrite(self, node, literal),
            _ => code::rewrite(self, node, literal),
        };
        match done {
            Ok((mut changes, name)) => {
                changes.extend(imports::needed(self, &changes));
                Outcome::Rewritten { changes, name }
            }
            Err(why) => Outcome::Left(why.to_owned()),
        }
    }

    fn text(&self, node: Node<'_>) -> &'f [u8] {
        self.bytes.get(node.byte_range()).unwrap_or_default()
    }
}

/// How far before a key its variable may stand: lines can be megabytes long.
const NEAR: usize = 1024;

/// The variable that a key is assigned to on its line, in the form of an environment variable:
/// `apiKey: "…"` gives `API_KEY`. `None` where nothing is assigned.
pub fn assigned_name(bytes: &[u8], at: usize) -> Option<String> {
    let near = &bytes[at.saturating_sub(NEAR)..at];
    let before = memchr::memrchr(b'\n', near).map_or(near, |at| &near[at + 1..]);
    let mark = before.iter().rposition(|b| b"=:".contains(b))?;
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let left = before[..mark].trim_ascii_end();
    let left = left.strip_suffix(b":").unwrap_or(left);
    let left = left.trim_ascii_end();
    let left = left.strip_suffix(b"]").unwrap_or(left);
    let left = left.strip_suffix(b"\"").or_else(|| left.strip_suffix(b"'")).unwrap_or(left);
    let start = left.iter().rposition(|b| !word(b)).map_or(0, |at| at + 1);
    let name = std::str::from_utf8(&left[start..]).ok()?;
    if name.len() < 3 || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut out = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
        before = c;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "KEY-0123456789";

    /// `text` with every `@` a key that is read from `NAME`, rewritten.
    fn fixed(path: &str, text: &str) -> Result<String, String> {
        // An at sign of the code is written as a section sign.
        let text = text.replace('@', KEY).replace('§', "@");
        let literal = |(at, _): (usize, &str)| Literal {
            span: Span::new(at, at + KEY.len()),
            name: "NAME".to_owned(),
        };
        let literals: Vec<Literal> = text.match_indices(KEY).map(literal).collect();
        let outcomes = rewrite(path.as_bytes(), text.as_bytes(), &literals);
        for outcome in &outcomes {
            if let Outcome::Left(why) = outcome {
                return Err(why.clone());
            }
        }
        Ok(String::from_utf8(apply(text.as_bytes(), &outcomes)).unwrap())
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table of all languages")]
    fn every_language_reads_the_environment() {
        for (path, before, after) in [
            ("a.py", "k = '@'\n", "import os\n\nk = os.environ['NAME']\n"),
            (
                "a.py",
                "\"\"\"d\"\"\"\nfrom __future__ import annotations\nimport os\nh = {'A': f\"Bearer @\"}\n",
                "\"\"\"d\"\"\"\nfrom __future__ import annotations\nimport os\nh = {'A': f\"Bearer {os.environ['NAME']}\"}\n",
            ),
            (
                "a.py",
                "import os\nk = os.getenv(\"X_KEY\", \"@\")\n",
                "import os\nk = os.getenv(\"X_KEY\")\n",
            ),
            (
                "a.py",
                "import os\nh = 'Bearer @'\n",
                "import os\nh = ('Bearer ' + os.environ['NAME'])\n",
            ),
            ("a.js", "const k = \"@\";\n", "const k = process.env.NAME;\n"),
            (
                "a.js",
                "f({ Authorization: 'Bearer @' })\n",
                "f({ Authorization: `Bearer ${process.env.NAME}` })\n",
            ),
            ("a.js", "const k = process.env.X_KEY || '@'\n", "const k = process.env.X_KEY\n"),
            ("a.ts", "const k: string = `@`\n", "const k: string = process.env.NAME!\n"),
            ("a.tsx", "const a = <A k=\"@\"/>\n", "const a = <A k={process.env.NAME!}/>\n"),
            (
                "a.go",
                "package a\n\nimport (\n\t\"fmt\"\n)\n\nconst k = \"@\"\n",
                "package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nvar k = os.Getenv(\"NAME\")\n",
            ),
            (
                "a.go",
                "package a\n\nfunc f() { g(\"Bearer @\") }\n",
                "package a\n\nimport \"os\"\n\nfunc f() { g(\"Bearer \" + os.Getenv(\"NAME\")) }\n",
            ),
            (
                "a.rs",
                "fn f() { let k = \"@\"; g(\"@\".to_owned()) }\n",
                "fn f() { let k = &std::env::var(\"NAME\").expect(\"NAME is set\"); g(std::env::var(\"NAME\").expect(\"NAME is set\").to_owned()) }\n",
            ),
            (
                "A.java",
                "class A { static final String K = \"@\"; }\n",
                "class A { static final String K = System.getenv(\"NAME\"); }\n",
            ),
            (
                "a.rb",
                "k = \"@\"\nh = \"Bearer @\"\nj = 'Bearer @'\n",
                "k = ENV.fetch('NAME')\nh = \"Bearer #{ENV.fetch('NAME')}\"\nj = ('Bearer ' + ENV.fetch('NAME'))\n",
            ),
            (
                "a.php",
                "<?php $k = '@'; f(\"Bearer @\");\n",
                "<?php $k = getenv('NAME'); f(\"Bearer \" . getenv('NAME'));\n",
            ),
            (
                "A.cs",
                "class A { const string K = \"@\"; string H = $\"Bearer @\"; }\n",
                "class A { static readonly string K = System.Environment.GetEnvironmentVariable(\"NAME\"); string H = $\"Bearer {System.Environment.GetEnvironmentVariable(\"NAME\")}\"; }\n",
            ),
            (
                "a.sh",
                "export K=@\ncurl -H \"Authorization: Bearer @\" -H 'X: @ y'\n",
                "export K=\"${NAME:?}\"\ncurl -H \"Authorization: Bearer ${NAME:?}\" -H 'X: '\"${NAME:?}\"' y'\n",
            ),
        ] {
            assert_eq!(fixed(path, before).as_deref(), Ok(after), "{path}: {before}");
        }
    }

    #[test]
    fn what_cannot_be_rewritten_is_left() {
        for (path, text) in [
            ("a.py", "# @\n"),
            ("a.rs", "const K: &str = \"@\";\n"),
            ("a.php", "<?php class A { const K = '@'; private $k = '@'; }\n"),
            ("A.java", "§B(k = \"@\") class A {}\n"),
            ("a.js", "const o = { '@': 1 }\n"),
            ("a.yml", "k: @\n"),
            ("a.go", "package a\nconst (\n\tj = 1\n\tk = \"@\"\n)\n"),
        ] {
            assert!(fixed(path, text).is_err(), "{path}: {text}");
        }
    }

    #[test]
    fn names_come_from_what_is_assigned() {
        for (text, want) in [
            ("apiKey: \"", Some("API_KEY")),
            ("client.secret_token = '", Some("SECRET_TOKEN")),
            ("config[\"authKey\"] = \"", Some("AUTH_KEY")),
            ("'x' => \"", None),
            ("f(\"", None),
            ("k := \"", None),
            ("token := \"", Some("TOKEN")),
        ] {
            assert_eq!(assigned_name(text.as_bytes(), text.len()).as_deref(), want, "{text}");
        }
    }
}
