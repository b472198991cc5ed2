//! Where in a file a key stands, and all that a file sets.

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::text::line_at;

/// One value of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Dotted key; entries of arrays of tables by number, as in `allow.0.rule`.
    pub key: String,
    /// The value as TOML.
    pub value: String,
    /// Line from 1.
    pub line: usize,
}

/// Line of `key` in `text`, or of the nearest table around it, or 1.
pub fn line_of(text: &str, key: &str) -> usize {
    let all = leaves(text);
    let inside = |key: &str| {
        let deeper = format!("{key}.");
        let mut at = all.iter().filter(|leaf| leaf.key == key || leaf.key.starts_with(&deeper));
        at.next().map(|leaf| leaf.line)
    };
    let mut key = key;
    loop {
        if let Some(line) = inside(key) {
            return line;
        }
        match key.rsplit_once('.') {
            Some((outer, _)) => key = outer,
            None => return 1,
        }
    }
}

/// All values of a file in the order of its text, without its rules; empty where it is no TOML.
pub fn leaves(text: &str) -> Vec<Leaf> {
    let mut found = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        of_table(text, table.get_ref(), "", &mut found);
    }
    found.sort_by_key(|leaf| leaf.line);
    found
}

fn of_table(text: &str, table: &DeTable<'_>, prefix: &str, found: &mut Vec<Leaf>) {
    for (name, value) in table {
        if prefix.is_empty() && matches!(name.get_ref().as_ref(), "rule" | "vendor") {
            continue;
        }
        let key = format!("{prefix}{name}", name = name.get_ref());
        of_value(text, value, (key, name.span().start), found);
    }
}

fn of_value(
    text: &str,
    value: &Spanned<DeValue<'_>>,
    (key, at): (String, usize),
    found: &mut Vec<Leaf>,
) {
    match value.get_ref() {
        DeValue::Table(table) => of_table(text, table, &format!("{key}."), found),
        DeValue::Array(list) if list.iter().any(|v| matches!(v.get_ref(), DeValue::Table(_))) => {
            for (number, entry) in list.iter().enumerate() {
                let at = entry.span().start;
                of_value(text, entry, (format!("{key}.{number}"), at), found);
            }
        }
        _ => {
            let written = text.get(value.span()).unwrap_or_default();
            let value = compact(written);
            found.push(Leaf { key, value, line: line_at(text, at) });
        }
    }
}

/// A value on one line and without comments.
fn compact(written: &str) -> String {
    let parsed = format!("v = {written}").parse::<Table>().ok();
    let value = parsed.and_then(|mut table| table.remove("v"));
    value.map_or_else(|| written.to_owned(), |value: Value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_lines() {
        let text = "root = true\n[scan]\nexclude = [ # some\n 'a',\n 'b']\n[[allow]]\nrule = 'x'\n\
                    reason = 'y'\n[rules.severity]\n\"a-b\" = 'low'\n";
        let all: Vec<_> = leaves(text).into_iter().map(|l| (l.key, l.value, l.line)).collect();
        let want = [
            ("root", "true", 1),
            ("scan.exclude", "[\"a\", \"b\"]", 3),
            ("allow.0.rule", "\"x\"", 7),
            ("allow.0.reason", "\"y\"", 8),
            ("rules.severity.a-b", "\"low\"", 10),
        ];
        let want = want.map(|(k, v, l)| (k.to_owned(), v.to_owned(), l));
        assert_eq!(all, want);
        assert_eq!(line_of(text, "allow.0"), 7);
        assert_eq!(line_of(text, "scan.nothing"), 3);
        assert_eq!(line_of(text, "other"), 1);
    }
}
