//! Imports that a look-up needs and the file does not have.

use crate::fix::{Change, File};
use crate::span::Span;
use crate::syntax::{Lang, Node};

/// The import that `changes` need, if any.
pub(super) fn needed(file: &File<'_>, changes: &[Change]) -> Option<Change> {
    let uses = |word: &str| changes.iter().any(|change| change.text.contains(word));
    match file.lang {
        Lang::Python if uses("os.environ") => python(file),
        Lang::Go if uses("os.Getenv") => go(file),
        _ => None,
    }
}

fn insert(at: usize, text: String) -> Option<Change> {
    Some(Change { span: Span::new(at, at), text })
}

fn tops<'f>(file: &File<'f>) -> Vec<Node<'f>> {
    let mut cursor = file.root.walk();
    file.root.named_children(&mut cursor).collect()
}

/// The line end that the file uses.
fn newline(file: &File<'_>) -> &'static str {
    if memchr::memmem::find(file.bytes, b"\r\n").is_some() { "\r\n" } else { "\n" }
}

/// `import os` after the docstring, the `__future__` imports and before everything else.
fn python(file: &File<'_>) -> Option<Change> {
    let tops = tops(file);
    let imports_os = |node: &Node<'_>| {
        node.kind() == "import_statement"
            && file.text(*node)[6..].split(|&b| b == b',').any(|name| name.trim_ascii() == b"os")
    };
    if tops.iter().any(imports_os) {
        return None;
    }
    let end = newline(file);
    let skipped = |node: &&Node<'_>| {
        let text = file.text(**node);
        let docstring = node.kind() == "expression_statement"
            && node.named_child(0).is_some_and(|child| child.kind() == "string");
        node.kind() == "comment" || docstring || text.starts_with(b"from __future__")
    };
    let head = tops.iter().take_while(skipped).last();
    let first = tops.iter().find(|node| !skipped(node))?;
    let import = matches!(first.kind(), "import_statement" | "import_from_statement");
    let gap = if import { "" } else { end };
    match head {
        // Comments right above a statement belong to it only when nothing separates them.
        Some(head) if head.kind() != "comment" => {
            insert(head.end_byte(), format!("{end}import os"))
        }
        _ => insert(first.start_byte(), format!("import os{end}{gap}")),
    }
}

/// `"os"` in the import block, or an import of its own.
fn go(file: &File<'_>) -> Option<Change> {
    let tops = tops(file);
    let imports: Vec<&Node<'_>> =
        tops.iter().filter(|node| node.kind() == "import_declaration").collect();
    if imports.iter().any(|node| memchr::memmem::find(file.text(**node), b"\"os\"").is_some()) {
        return None;
    }
    let end = newline(file);
    let Some(import) = imports.first() else {
        let package = tops.iter().find(|node| node.kind() == "package_clause")?;
        return insert(package.end_byte(), format!("{end}{end}import \"os\""));
    };
    let list = import.named_child(0).filter(|node| node.kind() == "import_spec_list");
    match list {
        Some(list) => {
            // Sorted, as gofmt leaves it.
            let mut cursor = list.walk();
            let specs: Vec<Node<'_>> = list.named_children(&mut cursor).collect();
            let mut before = specs.iter().filter(|spec| file.text(**spec) < b"\"os\"".as_slice());
            match before.next_back() {
                Some(spec) => insert(spec.end_byte(), format!("{end}\t\"os\"")),
                None => insert(list.start_byte() + 1, format!("{end}\t\"os\"")),
            }
        }
        None => insert(import.end_byte(), format!("{end}import \"os\"")),
    }
}
