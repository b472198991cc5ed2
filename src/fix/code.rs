//! Rewriting in programming languages: the literal becomes a look-up, text around the key stays
//! beside it, and a look-up that had the key as its default loses the default.

use crate::fix::{Change, File, Literal};
use crate::span::Span;
use crate::syntax::{Lang, Node, above, span};

/// What the rewriter knows of a language.
struct Grammar {
    /// Node kinds of string literals.
    strings: &'static [&'static str],
    /// Node kinds in which a call cannot stand.
    fixed: &'static [&'static str],
    /// Why.
    why: &'static str,
    /// The operator that joins strings.
    join: &'static str,
}

fn grammar(lang: Lang) -> Grammar {
    let constant = "a constant cannot be read from the environment here: rewrite it by hand";
    let (strings, fixed, join): (&[&str], &[&str], &str) = match lang {
        Lang::JavaScript | Lang::TypeScript | Lang::Tsx => (
            &["string", "template_string"],
            &["import_statement", "literal_type", "enum_body", "enum_assignment"],
            " + ",
        ),
        Lang::Python => (&["string"], &[], " + "),
        Lang::Go => (
            &["interpreted_string_literal", "raw_string_literal"],
            &["import_declaration", "field_declaration"],
            " + ",
        ),
        Lang::Rust => (
            &["string_literal", "raw_string_literal"],
            &["const_item", "static_item", "attribute_item", "match_pattern", "macro_definition"],
            "",
        ),
        Lang::Java => (
            &["string_literal"],
            &["annotation", "annotation_argument_list", "switch_label"],
            " + ",
        ),
        Lang::Ruby => (&["string"], &[], " + "),
        Lang::Php => (
            &["string", "encapsed_string"],
            &[
                "const_declaration",
                "property_declaration",
                "attribute_list",
                "simple_parameter",
                "enum_case",
                "heredoc",
            ],
            " . ",
        ),
        Lang::CSharp => (
            &[
                "string_literal",
                "verbatim_string_literal",
                "interpolated_string_expression",
                "raw_string_literal",
            ],
            &["attribute", "parameter", "case_switch_label", "constant_pattern"],
            " + ",
        ),
        Lang::Shell => (&[], &[], ""),
    };
    Grammar { strings, fixed, why: constant, join }
}

/// The look-up of `name`.
fn lookup(file: &File<'_>, name: &str) -> String {
    match file.lang {
        Lang::JavaScript | Lang::TypeScript | Lang::Tsx => {
            let sure = if file.lang == Lang::JavaScript { "" } else { "!" };
            if memchr::memmem::find(file.bytes, b"Deno.").is_some() {
                format!("Deno.env.get(\"{name}\"){sure}")
            } else {
                format!("process.env.{name}{sure}")
            }
        }
        Lang::Python => format!("os.environ['{name}']"),
        Lang::Go => format!("os.Getenv(\"{name}\")"),
        Lang::Rust => format!("std::env::var(\"{name}\").expect(\"{name} is set\")"),
        Lang::Java => format!("System.getenv(\"{name}\")"),
        Lang::Ruby => format!("ENV.fetch('{name}')"),
        Lang::Php => format!("getenv('{name}')"),
        Lang::CSharp => format!("System.Environment.GetEnvironmentVariable(\"{name}\")"),
        Lang::Shell => format!("${{{name}:?}}"),
    }
}

pub(super) type Done = Result<(Vec<Change>, String), &'static str>;

pub(super) fn rewrite(file: &File<'_>, node: Node<'_>, literal: &Literal) -> Done {
    let grammar = grammar(file.lang);
    let string =
        above(file.root, node, grammar.strings).ok_or("the key is in no string literal")?;
    if is_key(string) {
        return Err("it is the name of an entry, not a value");
    }
    let mut changes = Vec::new();
    if let Some(fallback) = fallback(file, string) {
        return Ok(fallback);
    }
    if above(file.root, string, grammar.fixed).is_some() {
        return Err(grammar.why);
    }
    changes.extend(unfreeze(file, string)?);
    let name = &literal.name;
    let text = file.text(string);
    let whole = inner(text).is_some_and(|inner| {
        let offset = string.start_byte();
        Span::new(offset + inner.start, offset + inner.end) == literal.span
    });
    let change = match whole {
        true => Change { span: span(string), text: value(file, string, name) },
        false => part(file, string, literal, &grammar)?,
    };
    changes.push(change);
    Ok((changes, name.clone()))
}

/// Bytes between the quotes of a literal; `None` for triple quotes and other forms.
fn inner(text: &[u8]) -> Option<Span> {
    let open = text.iter().position(|b| b"\"'`".contains(b))?;
    let hashes = text[..open].iter().filter(|&&b| b == b'#').count();
    let quote = text[open];
    let triple = [quote; 3];
    if text[open..].starts_with(&triple) && text.len() >= open + 6 {
        return Some(Span::new(open + 3, text.len() - 3));
    }
    let end = text.len().checked_sub(1 + hashes)?;
    (text.get(end) == Some(&quote) && end > open).then(|| Span::new(open + 1, end))
}

/// The look-up in place of a whole literal.
fn value(file: &File<'_>, string: Node<'_>, name: &str) -> String {
    let call = lookup(file, name);
    let parent = string.parent().map(|parent| parent.kind()).unwrap_or_default();
    match file.lang {
        Lang::Tsx | Lang::JavaScript if parent == "jsx_attribute" => format!("{{{call}}}"),
        Lang::Python if file.text(string).first().is_some_and(|b| b"bB".contains(b)) => {
            format!("{call}.encode()")
        }
        // A literal is a `&str`, the look-up a `String`; a method call takes either.
        Lang::Rust if parent != "field_expression" => format!("&{call}"),
        _ => call,
    }
}

/// The change for a key that is only a part of its literal.
fn part(
    file: &File<'_>,
    string: Node<'_>,
    literal: &Literal,
    grammar: &Grammar,
) -> Result<Change, &'static str> {
    let (text, offset) = (file.text(string), string.start_byte());
    let inner = inner(text).ok_or("a literal of this form is not rewritten")?;
    let within = Span::new(offset + inner.start, offset + inner.end);
    if literal.span.start < within.start || literal.span.end > within.end {
        return Err("the key is not inside of one literal");
    }
    let (open, close) = (&text[..inner.start], &text[inner.end..]);
    let name = &literal.name;
    let call = lookup(file, name);
    let inside = |text: String| Ok(Change { span: literal.span, text });
    let kind = string.kind();
    let formatted = open.iter().any(|b| b"fF".contains(b));
    match file.lang {
        Lang::JavaScript | Lang::TypeScript | Lang::Tsx if kind == "template_string" => {
            return inside(format!("${{{call}}}"));
        }
        Lang::Python if formatted && open.ends_with(b"\"") => {
            return inside(format!("{{{call}}}"));
        }
        Lang::Python if formatted => return inside(format!("{{os.environ[\"{name}\"]}}")),
        Lang::Ruby if open.ends_with(b"\"") => return inside(format!("#{{{call}}}")),
        Lang::CSharp if kind == "interpolated_string_expression" => {
            return inside(format!("{{{call}}}"));
        }
        Lang::Python if open.iter().any(|b| b"bB".contains(b)) => {
            return Err("a key inside bytes is not rewritten");
        }
        _ => {}
    }
    let before = &text[inner.start..literal.span.start - offset];
    let after = &text[literal.span.end - offset..inner.end];
    let show = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
    let (open, close) = (show(open), show(close));
    let text = match file.lang {
        Lang::JavaScript | Lang::TypeScript | Lang::Tsx => {
            let tick = |part: &[u8]| show(part).replace('`', "\\`").replace("${", "\\${");
            let jsx = string.parent().is_some_and(|parent| parent.kind() == "jsx_attribute");
            let template = format!("`{}${{{call}}}{}`", tick(before), tick(after));
            if jsx { format!("{{{template}}}") } else { template }
        }
        Lang::Rust => {
            if above(file.root, string, &["token_tree"]).is_some() {
                return Err("a key inside a macro's text is not rewritten");
            }
            let brace = |part: &[u8]| show(part).replace('{', "{{").replace('}', "}}");
            format!("&format!({open}{}{{}}{}{close}, {call})", brace(before), brace(after))
        }
        _ => {
            let quoted =
                |part: &[u8]| (!part.is_empty()).then(|| format!("{open}{}{close}", show(part)));
            let parts = [quoted(before), Some(call), quoted(after)];
            let joined = parts.into_iter().flatten().collect::<Vec<_>>().join(grammar.join);
            // Where nothing else can bind tighter, no parentheses are needed.
            match file.lang {
                Lang::Python | Lang::Ruby => format!("({joined})"),
                _ => joined,
            }
        }
    };
    Ok(Change { span: span(string), text })
}

/// True when the literal names an entry of a map.
fn is_key(string: Node<'_>) -> bool {
    let Some(parent) = string.parent() else { return false };
    let key = parent.child_by_field_name("key").or_else(|| match parent.kind() {
        "array_element_initializer" if parent.named_child_count() > 1 => parent.named_child(0),
        _ => None,
    });
    key == Some(string)
}

/// A key that is the default of a look-up: `os.getenv("X", "…")`, `process.env.X || "…"`,
/// `ENV.fetch("X", "…")`, `getenv('X') ?: '…'`. The default goes.
fn fallback(file: &File<'_>, string: Node<'_>) -> Option<(Vec<Change>, String)> {
    let parent = string.parent()?;
    let left = parent.child_by_field_name("left");
    let operator = parent.child_by_field_name("operator").map(|node| file.text(node));
    let either = [&b"||"[..], b"??", b"?:", b"or"];
    if let (Some(left), Some(operator)) = (left, operator)
        && parent.child_by_field_name("right") == Some(string)
        && either.contains(&operator)
    {
        let name = env_name(file.text(left))?;
        return Some((
            vec![Change {
                span: Span::new(left.end_byte(), string.end_byte()),
                text: String::new(),
            }],
            name,
        ));
    }
    // `a ?: b` of PHP is a conditional without its middle.
    if parent.kind() == "conditional_expression"
        && parent.child_by_field_name("alternative") == Some(string)
    {
        let condition = parent.child_by_field_name("condition")?;
        let name = env_name(file.text(condition))?;
        let span = Span::new(condition.end_byte(), string.end_byte());
        return Some((vec![Change { span, text: String::new() }], name));
    }
    let holder = if parent.kind() == "argument" { parent } else { string };
    let list = holder.parent()?;
    let call = list.parent()?;
    let before = holder.prev_named_sibling()?;
    let callee = &file.bytes[call.start_byte()..list.start_byte()];
    let looks_up = ["getenv", "environ.get", "ENV.fetch", "env"]
        .iter()
        .any(|end| callee.ends_with(end.as_bytes()));
    let arguments = ["argument_list", "arguments"].contains(&list.kind());
    if !looks_up || !arguments || callee.ends_with(b"setenv") {
        return None;
    }
    let name = env_name(file.text(before))?;
    let span = Span::new(before.end_byte(), holder.end_byte());
    Some((vec![Change { span, text: String::new() }], name))
}

/// The variable in `process.env.X`, `ENV['X']`, `getenv('X')` or `"X"`.
fn env_name(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let reads = text.contains("env") || text.contains("ENV") || text.starts_with(['"', '\'']);
    let part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let mut words = text.split(|c: char| !part(c)).filter(|word| word.len() > 2 && *word != "ENV");
    words.next_back().filter(|_| reads).map(str::to_owned)
}

/// Constants that have to become variables first.
fn unfreeze(file: &File<'_>, string: Node<'_>) -> Result<Vec<Change>, &'static str> {
    match file.lang {
        Lang::Go => {
            let Some(constant) = above(file.root, string, &["const_declaration"]) else {
                return Ok(Vec::new());
            };
            let grouped = file.text(constant).contains(&b'(');
            if grouped || constant.named_child_count() > 1 {
                return Err("it is in a group of constants: move it to a `var` by hand");
            }
            let start = constant.start_byte();
            Ok(vec![Change { span: Span::new(start, start + 5), text: "var".to_owned() }])
        }
        Lang::CSharp => {
            let kinds = ["field_declaration", "local_declaration_statement"];
            let Some(declaration) = above(file.root, string, &kinds) else { return Ok(Vec::new()) };
            let mut cursor = declaration.walk();
            let modifiers = declaration.children(&mut cursor);
            let constant = modifiers.filter(|node| file.text(*node) == b"const").last();
            let Some(constant) = constant else { return Ok(Vec::new()) };
            let text = match declaration.kind() {
                "field_declaration" => "static readonly".to_owned(),
                _ => return Err("it is a local constant: make it a variable by hand"),
            };
            Ok(vec![Change { span: span(constant), text }])
        }
        _ => Ok(Vec::new()),
    }
}
