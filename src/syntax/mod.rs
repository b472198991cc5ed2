//! Syntax trees of source files, by tree-sitter. Parsing is left to callers who first found by
//! cheaper means that a file matters.

pub mod js;

use std::ops::ControlFlow;

use tree_sitter::{ParseOptions, ParseState, Parser, Range, Tree};

pub use tree_sitter::Node;

use crate::span::Span;

/// Files above this are not parsed: generated, or nothing that a person edits.
const LARGEST: usize = 4 << 20;

/// A parser that mends faulty text can try for ever; it reports after every hundred operations and may
/// do so this often, and once every four bytes. Counted, not timed: the same input gives the same result.
const STEPS: usize = 2000;

/// A language with a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lang {
    /// JavaScript, also with JSX.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Python.
    Python,
    /// Go.
    Go,
    /// Rust.
    Rust,
    /// Java.
    Java,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// C#.
    CSharp,
    /// sh, bash and what is near them.
    Shell,
}

impl Lang {
    /// The language of a file by its name, and by its first line where the name says nothing.
    pub fn of(path: &[u8], bytes: &[u8]) -> Option<Self> {
        let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
        let dot = name.iter().rposition(|&b| b == b'.');
        let Some(dot) = dot else { return by_first_line(bytes) };
        match name[dot + 1..].to_ascii_lowercase().as_slice() {
            b"js" | b"jsx" | b"mjs" | b"cjs" => Some(Self::JavaScript),
            b"ts" | b"mts" | b"cts" => Some(Self::TypeScript),
            b"tsx" => Some(Self::Tsx),
            b"py" | b"pyw" => Some(Self::Python),
            b"go" => Some(Self::Go),
            b"rs" => Some(Self::Rust),
            b"java" => Some(Self::Java),
            b"rb" | b"rake" => Some(Self::Ruby),
            b"php" => Some(Self::Php),
            b"cs" => Some(Self::CSharp),
            b"sh" | b"bash" | b"zsh" | b"ksh" => Some(Self::Shell),
            _ => by_first_line(bytes),
        }
    }

    /// True for JavaScript and TypeScript.
    pub fn is_js(self) -> bool {
        matches!(self, Self::JavaScript | Self::TypeScript | Self::Tsx)
    }

    fn grammar(self) -> tree_sitter::Language {
        match self {
            Self::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::Go => tree_sitter_go::LANGUAGE.into(),
            Self::Rust => tree_sitter_rust::LANGUAGE.into(),
            Self::Java => tree_sitter_java::LANGUAGE.into(),
            Self::Ruby => tree_sitter_ruby::LANGUAGE.into(),
            Self::Php => tree_sitter_php::LANGUAGE_PHP.into(),
            Self::CSharp => tree_sitter_c_sharp::LANGUAGE.into(),
            Self::Shell => tree_sitter_bash::LANGUAGE.into(),
        }
    }
}

fn by_first_line(bytes: &[u8]) -> Option<Lang> {
    let line = bytes.strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?;
    let has = |word: &str| memchr::memmem::find(line, word.as_bytes()).is_some();
    let shell = ["/sh", "bash", "zsh", "ksh", "env sh"].into_iter().any(has);
    match () {
        () if shell => Some(Lang::Shell),
        () if has("python") => Some(Lang::Python),
        () if has("node") => Some(Lang::JavaScript),
        () if has("ruby") => Some(Lang::Ruby),
        () if has("php") => Some(Lang::Php),
        () => None,
    }
}

/// Parses `bytes`, or only `parts` of them where some are named (the script blocks of a page).
/// `None` when the text is too large or the parser gives up. Offsets are those of `bytes`.
pub fn parse(lang: Lang, bytes: &[u8], parts: &[Span]) -> Option<Tree> {
    if bytes.len() > LARGEST {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&lang.grammar()).ok()?;
    let lines = crate::span::LineIndex::new(bytes);
    let point = |at: usize| {
        let row = lines.point(bytes, at).line as usize - 1;
        tree_sitter::Point { row, column: at - lines.line(bytes, at).start }
    };
    let range = |part: &Span| Range {
        start_byte: part.start,
        end_byte: part.end,
        start_point: point(part.start),
        end_point: point(part.end),
    };
    let ranges: Vec<Range> = parts.iter().map(range).collect();
    parser.set_included_ranges(&ranges).ok()?;
    let (mut steps, most) = (0, STEPS + bytes.len() / 4);
    let mut go_on = |_: &ParseState| {
        steps += 1;
        if steps > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut go_on);
    let mut rest = |at: usize, _| bytes.get(at..).unwrap_or_default();
    parser.parse_with_options(&mut rest, None, Some(options))
}

/// The bytes of a node as a span.
pub fn span(node: Node<'_>) -> Span {
    Span::new(node.start_byte(), node.end_byte())
}

/// The text of a node.
pub fn text<'b>(node: Node<'_>, bytes: &'b [u8]) -> &'b [u8] {
    bytes.get(node.byte_range()).unwrap_or_default()
}

/// Calls `visit` for every named node below and with `node`, parents first; children of a node for
/// which it gives `false` are left out.
pub fn each<'t>(node: Node<'t>, visit: &mut dyn FnMut(Node<'t>) -> bool) {
    let mut cursor = node.walk();
    let mut deeper = visit(cursor.node());
    loop {
        if deeper && cursor.goto_first_child() {
            deeper = cursor.node().is_named() && visit(cursor.node());
            continue;
        }
        loop {
            if cursor.node() == node {
                return;
            }
            if cursor.goto_next_sibling() {
                deeper = cursor.node().is_named() && visit(cursor.node());
                break;
            }
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// Faults in the syntax of a tree: nodes that are missing or in error.
pub fn faults(tree: &Tree) -> usize {
    let mut count = 0;
    if tree.root_node().has_error() {
        each(tree.root_node(), &mut |node| {
            count += usize::from(node.is_error() || node.is_missing());
            node.has_error()
        });
        // An unnamed token may be the missing one, which `each` does not visit.
        count = count.max(1);
    }
    count
}

/// The nearest node at or above `node`, which stands below `root`, of one of `kinds`.
pub fn above<'t>(root: Node<'t>, node: Node<'t>, kinds: &[&str]) -> Option<Node<'t>> {
    // From the root down, once: `Node::parent` goes that way for each node, and trees can be deep.
    let down = |above: &Node<'t>| (*above != node).then(|| above.child_with_descendant(node))?;
    std::iter::successors(Some(root), down).filter(|node| kinds.contains(&node.kind())).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grammar_loads_and_sees_faults() {
        for (path, good, bad) in [
            ("a.js", "f(<b/>)", "f(("),
            ("a.ts", "let a: string = 'x'", "let a: = ("),
            ("a.tsx", "let a = <b c={1}/>", "let a = <b"),
            ("a.py", "x = 1\n", "x = (\n"),
            ("a.go", "package a\nvar x = 1\n", "package a\nvar x = (\n"),
            ("a.rs", "fn a() {}", "fn a( {"),
            ("a.java", "class A {}", "class A {"),
            ("a.rb", "x = 1\n", "def x(\n"),
            ("a.php", "<?php $x = 1;", "<?php $x = (;"),
            ("a.cs", "class A {}", "class A {"),
            ("a.sh", "x=1\n", "if x; then\n"),
        ] {
            let lang = Lang::of(path.as_bytes(), b"").unwrap();
            let count = |text: &str| faults(&parse(lang, text.as_bytes(), &[]).unwrap());
            assert_eq!(count(good), 0, "{path}");
            assert!(count(bad) > 0, "{path}");
        }
        assert_eq!(Lang::of(b"bin/run", b"#!/usr/bin/env bash\n"), Some(Lang::Shell));
        assert_eq!(Lang::of(b"bin/run", b"text"), None);
    }
}
