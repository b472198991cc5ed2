//! Rewriting in shell scripts: `${NAME:?}` stops the script when the variable is missing.

use crate::fix::code::Done;
use crate::fix::{Change, File, Literal};
use crate::syntax::{Node, above, span};

pub(super) fn rewrite(file: &File<'_>, node: Node<'_>, literal: &Literal) -> Done {
    let name = literal.name.clone();
    let inside = format!("${{{name}:?}}");
    let kinds = [
        "string",
        "raw_string",
        "word",
        "concatenation",
        "heredoc_body",
        "number",
        "ansi_c_string",
    ];
    let holder = above(file.root, node, &kinds).ok_or("the key is in no word or string")?;
    let change = match holder.kind() {
        "raw_string" => {
            let text = file.text(holder);
            let whole = text.len() == literal.span.len() + 2;
            match whole {
                true => Change { span: span(holder), text: format!("\"{inside}\"") },
                false => Change { span: literal.span, text: format!("'\"{inside}\"'") },
            }
        }
        "heredoc_body" => {
            let quoted = holder.parent().is_some_and(|redirect| {
                let head = &file.bytes[redirect.start_byte()..holder.start_byte()];
                head.contains(&b'\'') || head.contains(&b'"') || head.contains(&b'\\')
            });
            if quoted {
                return Err("the document is quoted and takes no variables");
            }
            Change { span: literal.span, text: inside }
        }
        "string" => Change { span: literal.span, text: inside },
        "ansi_c_string" => return Err("a literal of this form is not rewritten"),
        _ => Change { span: literal.span, text: format!("\"{inside}\"") },
    };
    Ok((vec![change], name))
}
