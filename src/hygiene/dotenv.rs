//! Reads `.env` files and `.envrc`: the assignments with the bytes of their names and values.
//!
//! Understood are `export`, single, double and back quotes, values over several lines, escapes,
//! comments, interpolation (`$X`, `${X}`, `${X:-default}`) and carriage returns. Other lines of a
//! shell script are passed over.

use crate::span::Span;

/// One variable and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Bytes of the name.
    pub at: Span,
    /// Bytes of the value, without quotes.
    pub span: Span,
    /// The value, escapes resolved; the default of a `${X:-default}`, empty for other references.
    pub value: String,
}

/// All assignments of `bytes`, in order.
pub fn parse(bytes: &[u8]) -> Vec<Variable> {
    let mut found = Vec::new();
    let mut at = bytes.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3);
    while at < bytes.len() {
        let line = line_end(bytes, at);
        match assignment(bytes, at, line) {
            Some((variable, next)) => {
                found.push(variable);
                at = line_end(bytes, next) + 1;
            }
            None => at = line + 1,
        }
    }
    found
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at.min(bytes.len())..]).map_or(bytes.len(), |n| at + n)
}

/// The assignment of the line `at..line`, and where its value ends.
fn assignment(bytes: &[u8], at: usize, line: usize) -> Option<(Variable, usize)> {
    let blank = |at: usize| at + bytes[at..line].iter().take_while(|b| b" \t".contains(b)).count();
    let mut start = blank(at);
    if bytes[start..line].starts_with(b"export ") {
        start = blank(start + 7);
    }
    let part = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
    let end = start + bytes[start..line].iter().take_while(|b| part(b)).count();
    let equals = blank(end);
    if end == start || bytes[start].is_ascii_digit() || bytes.get(equals) != Some(&b'=') {
        return None;
    }
    let name = String::from_utf8_lossy(&bytes[start..end]).into_owned();
    let from = blank(equals + 1);
    let (span, next) = match bytes.get(from).filter(|_| from < line) {
        Some(&quote @ (b'"' | b'\'' | b'`')) => quoted(bytes, from, quote)?,
        _ => bare(bytes, from, line),
    };
    let raw = String::from_utf8_lossy(span.slice(bytes)).into_owned();
    let single = bytes.get(from) == Some(&b'\'') && span.start > from;
    let double = bytes.get(from) == Some(&b'"') && span.start > from;
    let text = if double { unescape(&raw) } else { raw };
    let value = if single { text } else { resolve(&text) };
    Some((Variable { name, at: Span::new(start, end), span, value }, next))
}

/// A quoted value; it may go over several lines. `None` when the quote never closes.
fn quoted(bytes: &[u8], from: usize, quote: u8) -> Option<(Span, usize)> {
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 2,
            b if b == quote => return Some((Span::new(from + 1, at), at + 1)),
            _ => at += 1,
        }
    }
    None
}

/// A value without quotes: to the end of the line or to a comment.
fn bare(bytes: &[u8], from: usize, line: usize) -> (Span, usize) {
    let text = &bytes[from..line];
    let comment =
        (0..text.len()).find(|&n| text[n] == b'#' && (n == 0 || b" \t".contains(&text[n - 1])));
    let mut end = from + comment.unwrap_or(text.len());
    while end > from && bytes[end - 1].is_ascii_whitespace() {
        end -= 1;
    }
    (Span::new(from, end), line)
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

/// `text` with references taken out: a default stays, a name does not.
fn resolve(text: &str) -> String {
    let Some(rest) = text.strip_prefix("${") else {
        return if text.starts_with('$') { String::new() } else { text.to_owned() };
    };
    let Some(inner) = rest.strip_suffix('}') else { return text.to_owned() };
    let default = inner.split_once(":-").or_else(|| inner.split_once('-'));
    default.map_or(String::new(), |(_, default)| default.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_dotenv() {
        let text = b"\xef\xbb\xbf# c\nA=1\r\n export B = 'x # y' # c\nC=\"l1\nl2\\t\\\"q\\\"\"\nD=a#b # c\nE=\n\
                     F=${X:-dflt}\nG=$X\nH=`b t`\nPATH_add bin\nif [ -f x ]; then\nI='$raw'\nJ=\"open\n";
        let found = parse(text);
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|v| (v.name.as_str(), v.value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("A", "1"),
                ("B", "x # y"),
                ("C", "l1\nl2\t\"q\""),
                ("D", "a#b"),
                ("E", ""),
                ("F", "dflt"),
                ("G", ""),
                ("H", "b t"),
                ("I", "$raw"),
            ]
        );
        assert_eq!(found[3].span.slice(text), b"a#b");
        assert_eq!(found[1].at.slice(text), b"B");
    }
}
