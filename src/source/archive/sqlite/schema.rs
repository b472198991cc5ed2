//! Names of columns, read from the statement that made a table.

/// Longest name that is kept in bytes: it stands in front of every value.
const LONGEST: usize = 128;
/// Columns that are named; SQLite has no more by default.
const MOST: usize = 2000;
/// What begins a part of the statement that is no column.
const NO_COLUMN: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];

/// The columns of the table that `sql` makes, in the order of its records: those of the key first where
/// it has no row ids. None where the statement is not understood.
pub(crate) fn columns(sql: &str) -> Vec<String> {
    let words = words(sql);
    let Some(open) = words.iter().position(|word| word.text == "(" && !word.quoted) else {
        return Vec::new();
    };
    let (mut parts, mut depth) = (vec![Vec::new()], 1);
    let mut rest = words[open + 1..].iter();
    for word in rest.by_ref() {
        match (word.quoted, word.text.as_str()) {
            (false, "(") => depth += 1,
            (false, ")") => depth -= 1,
            (false, ",") if depth == 1 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if let Some(part) = parts.last_mut() {
            part.push(word);
        }
    }
    let without = rest.any(|word| word.is("rowid"));
    let mut names: Vec<String> = Vec::new();
    let mut key: Vec<String> = Vec::new();
    for part in parts.iter().take(MOST) {
        let Some(first) = part.first() else { continue };
        let at = part.windows(2).position(|two| two[0].is("primary") && two[1].is("key"));
        if NO_COLUMN.iter().any(|word| first.is(word)) {
            let listed = at.map(|at| &part[at + 2..]).unwrap_or_default();
            let split = listed.split(|word| !word.quoted && word.text == ",");
            let first = |part: &[&Word]| {
                let named = part.iter().find(|word| word.quoted || word.text != "(");
                named.map(|word| word.text.clone())
            };
            key.extend(split.filter_map(first));
            continue;
        }
        // What is computed on reading is not stored.
        let computed = part.windows(2).any(|two| two[0].is("as") && two[1].text == "(");
        if computed && !part.iter().any(|word| word.is("stored")) {
            continue;
        }
        key.extend(at.map(|_| first.text.clone()));
        names.push(first.text.clone());
    }
    if without {
        let rank = |name: &String| key.iter().position(|of| of.eq_ignore_ascii_case(name));
        names.sort_by_key(|name| rank(name).unwrap_or(usize::MAX));
    }
    names.iter_mut().for_each(shorten);
    names
}

fn shorten(name: &mut String) {
    let end = (0..=LONGEST.min(name.len())).rev().find(|&at| name.is_char_boundary(at));
    name.truncate(end.unwrap_or(0));
}

/// A word of a statement, without its quotes.
struct Word {
    text: String,
    quoted: bool,
}

impl Word {
    fn is(&self, keyword: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(keyword)
    }
}

/// The words of `sql`; comments are left out, and each other sign is a word.
fn words(sql: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '`' | '\'' => Some(first),
            '[' => Some(']'),
            _ => None,
        };
        if rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if rest.starts_with("/*") {
            rest = rest[2..].split_once("*/").map_or("", |(_, rest)| rest);
        } else if let Some(end) = end {
            let (text, left) = rest[1..].split_once(end).unwrap_or((&rest[1..], ""));
            words.push(Word { text: text.to_owned(), quoted: true });
            rest = left;
        } else if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else {
            let part = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c > '\x7f';
            let len = rest.find(|c| !part(c)).unwrap_or(rest.len()).max(first.len_utf8());
            words.push(Word { text: rest[..len].to_owned(), quoted: false });
            rest = &rest[len..];
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn names_of_columns_are_read_from_the_statement() {
        for (sql, want) in [
            (
                "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, \"api key\" VARCHAR(20, 3))",
                "id|name|api key",
            ),
            (
                "CREATE TABLE t (a, -- not, here\n b /* , */ DEFAULT 'x, y', [c d], `e`)",
                "a|b|c d|e",
            ),
            (
                "create table t(a text check (a in ('x', 'y')), b, UNIQUE (a, b), CHECK (a > b))",
                "a|b",
            ),
            ("CREATE TABLE t(a, b, c, PRIMARY KEY (c, b)) WITHOUT ROWID", "c|b|a"),
            ("CREATE TABLE t(a, b TEXT PRIMARY KEY) WITHOUT ROWID, STRICT", "b|a"),
            ("CREATE TABLE t(a, b GENERATED ALWAYS AS (a + 1), c AS (a) STORED, d)", "a|c|d"),
            ("CREATE TABLE t(ä, \"", "ä|"),
            ("CREATE TABLE t", ""),
            ("CREATE TABLE t(", ""),
            ("", ""),
        ] {
            assert_eq!(columns(sql).join("|"), want, "{sql}");
        }
        let long = format!("CREATE TABLE t({})", "ä".repeat(200));
        assert_eq!(columns(&long)[0].len(), 128);
    }
}
