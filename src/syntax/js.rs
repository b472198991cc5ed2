//! What the checks ask of JavaScript and TypeScript: script blocks of pages and components,
//! imports, directives, and the values of strings.

use std::collections::BTreeMap;

use tree_sitter::Tree;

use crate::span::Span;
use crate::syntax::{Lang, Node, each, parse, text};

/// A parsed script: a file, or the script blocks of a page or component.
pub struct Script {
    tree: Tree,
}

/// One import of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The specifier, such as `./api`.
    pub from: String,
}

impl Script {
    /// Parses `bytes` of the file `path`: a script, or a `.svelte`, `.vue`, `.astro` or `.html`
    /// file with script blocks. `None` for other files and where nothing can be parsed.
    pub fn parse(path: &[u8], bytes: &[u8]) -> Option<Self> {
        if let Some(lang) = Lang::of(path, b"").filter(|lang| lang.is_js()) {
            return Some(Self { tree: parse(lang, bytes, &[])? });
        }
        if !is_page(path) {
            return None;
        }
        let (blocks, lang) = blocks(bytes);
        (!blocks.is_empty())
            .then(|| parse(lang, bytes, &blocks))
            .flatten()
            .map(|tree| Self { tree })
    }

    /// The whole program.
    pub fn root(&self) -> Node<'_> {
        self.tree.root_node()
    }

    /// True when a directive such as `"use client"` stands at the top.
    pub fn has_directive(&self, directive: &str, bytes: &[u8]) -> bool {
        let root = self.root();
        let mut cursor = root.walk();
        let tops = root.named_children(&mut cursor);
        let strings = tops
            .take_while(|node| node.kind() == "comment" || node.kind() == "expression_statement");
        strings.filter_map(|node| node.named_child(0)).any(|node| {
            node.kind() == "string" && string(node, bytes).as_deref() == Some(directive)
        })
    }

    /// Every module that the script imports, in order: `import`, `export … from`, `import()` and
    /// `require()`. Imports of types only do not count, they leave nothing in the output.
    pub fn imports(&self, bytes: &[u8]) -> Vec<Import> {
        let mut found = Vec::new();
        let mut add = |node: Option<Node<'_>>| {
            if let Some(from) = node.and_then(|node| string(node, bytes)) {
                found.push(Import { from });
            }
        };
        each(self.root(), &mut |node| match node.kind() {
            "import_statement" | "export_statement" => {
                let type_only = node.child(1).is_some_and(|node| node.kind() == "type");
                if !type_only {
                    add(node.child_by_field_name("source"));
                }
                node.kind() == "export_statement"
            }
            "call_expression" => {
                let callee = node.child_by_field_name("function");
                let name = callee.map(|callee| text(callee, bytes)).unwrap_or_default();
                if name == b"import" || name == b"require" {
                    let args = node.child_by_field_name("arguments");
                    add(args.and_then(|args| args.named_child(0)));
                }
                true
            }
            _ => true,
        });
        found
    }

    /// Names that are bound once to a string in this script, with the string.
    pub fn constants(&self, bytes: &[u8]) -> BTreeMap<Vec<u8>, String> {
        let mut found = BTreeMap::new();
        each(self.root(), &mut |node| {
            if node.kind() == "variable_declarator"
                && let Some(name) = node.child_by_field_name("name")
                && let Some(value) = node.child_by_field_name("value")
                && let Some(value) = string(value, bytes)
            {
                found.insert(text(name, bytes).to_vec(), value);
            }
            true
        });
        found
    }
}

/// True for files that hold script blocks.
pub fn is_page(path: &[u8]) -> bool {
    [&b".svelte"[..], b".vue", b".astro", b".html", b".htm"].iter().any(|end| path.ends_with(end))
}

/// The text of a string literal or of a template, whose `${…}` parts are left as they are; `None`
/// for other nodes.
pub fn string(node: Node<'_>, bytes: &[u8]) -> Option<String> {
    let raw = text(node, bytes);
    match node.kind() {
        "string" | "template_string" if raw.len() >= 2 => {
            Some(String::from_utf8_lossy(&raw[1..raw.len() - 1]).into_owned())
        }
        "parenthesized_expression" | "as_expression" | "satisfies_expression" => {
            string(node.named_child(0)?, bytes)
        }
        _ => None,
    }
}

/// The name of an object's key, without quotes.
pub fn key(node: Node<'_>, bytes: &[u8]) -> Option<String> {
    match node.kind() {
        "string" => string(node, bytes),
        "property_identifier" | "identifier" | "shorthand_property_identifier" => {
            Some(String::from_utf8_lossy(text(node, bytes)).into_owned())
        }
        "computed_property_name" => string(node.named_child(0)?, bytes),
        _ => None,
    }
}

/// The entries of an object literal: key, and value where there is one.
pub fn entries<'t>(object: Node<'t>, bytes: &[u8]) -> Vec<(String, Node<'t>, Node<'t>)> {
    let mut cursor = object.walk();
    let pairs = object.named_children(&mut cursor).filter(|node| node.kind() == "pair");
    let entry = |pair: Node<'t>| {
        let at = pair.child_by_field_name("key")?;
        Some((key(at, bytes)?, at, pair.child_by_field_name("value")?))
    };
    pairs.filter_map(entry).collect()
}

/// The contents of the script blocks of a page, and their language.
fn blocks(bytes: &[u8]) -> (Vec<Span>, Lang) {
    let (mut found, mut lang) = (Vec::new(), Lang::JavaScript);
    let lower = bytes.to_ascii_lowercase();
    let mut at = 0;
    while let Some(open) = memchr::memmem::find(&lower[at..], b"<script").map(|n| n + at) {
        let Some(close) = memchr::memchr(b'>', &lower[open..]).map(|n| n + open + 1) else { break };
        let end =
            memchr::memmem::find(&lower[close..], b"</script").map_or(lower.len(), |n| n + close);
        let attributes = &lower[open..close];
        let has = |word: &[u8]| memchr::memmem::find(attributes, word).is_some();
        if has(b"lang=\"ts\"") || has(b"lang='ts'") || has(b"lang=\"tsx\"") {
            lang = Lang::Tsx;
        }
        if close < end && !has(b"application/json") && !has(b"importmap") {
            found.push(Span::new(close, end));
        }
        at = end.max(close);
    }
    (found, lang)
}

/// The sources of the scripts that a page loads: `<script src="…">`.
pub fn script_sources(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let tags = text.split("<script").skip(1);
    let source = |tag: &str| {
        let head = tag.split('>').next()?;
        let value = head.split("src=").nth(1)?;
        let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'')?;
        Some(value[1..].split(quote).next()?.to_owned())
    };
    tags.filter_map(source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_all_kinds() {
        let code = b"'use client'\nimport a from './a'\nimport type { T } from './t'\nexport * from \"./b\"\n\
                     const c = require('./c'); async function f() { await import(`./d`) }\n";
        let script = Script::parse(b"x.tsx", code).unwrap();
        let from: Vec<String> = script.imports(code).into_iter().map(|i| i.from).collect();
        assert_eq!(from, ["./a", "./b", "./c", "./d"]);
        assert!(script.has_directive("use client", code));
        assert!(!script.has_directive("use server", code));
    }

    #[test]
    fn script_blocks_keep_their_offsets() {
        let page = b"<p>k</p>\n<script lang=\"ts\">\nlet a: string = 'v'\n</script>\n<b>{a}</b>";
        let script = Script::parse(b"A.svelte", page).unwrap();
        assert_eq!(script.constants(page)[&b"a"[..]], "v");
        let html = b"<script type=\"module\" src=\"/src/main.tsx\"></script>";
        assert_eq!(script_sources(html), ["/src/main.tsx"]);
    }
}
