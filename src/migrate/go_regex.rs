//! A regex of Go (RE2) as one of keylint: the same language, where the two syntaxes differ.
//!
//! keylint matches bytes, Go characters: beyond ASCII a dot and a negated class take one byte.
//! Source: the syntax pages of Go's package `regexp/syntax` and of the crate `regex`.

/// Go's `\s`, inside brackets; ours has the vertical tab, too.
const SPACE: &str = r"\t\n\f\r ";

struct Reader<'p> {
    rest: std::iter::Peekable<std::str::Chars<'p>>,
    out: String,
}

/// Translates `pattern`. What Go refuses, the compiler of keylint refuses, too.
pub(super) fn translate(pattern: &str) -> String {
    let mut reader = Reader { rest: pattern.chars().peekable(), out: String::new() };
    while let Some(c) = reader.rest.next() {
        match c {
            '\\' => reader.escape(),
            '[' => reader.class(),
            '{' if !reader.is_count() => reader.out += "\\{",
            c => reader.literal(c),
        }
    }
    reader.out
}

impl Reader<'_> {
    fn push(&mut self, text: &str) {
        self.out += text;
    }

    fn literal(&mut self, c: char) {
        if !c.is_ascii() && self.rest.peek().is_some_and(|next| "*+?{".contains(*next)) {
            // A quantifier is for the whole character, not for its last byte.
            let text = format!("(?:{c})");
            return self.push(&text);
        }
        self.out.push(c);
    }

    /// True when a count such as `{2,5}` follows; Go takes any other brace as it is.
    fn is_count(&mut self) -> bool {
        let mut ahead = self.rest.clone();
        let digits = |ahead: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut count = 0;
            while ahead.next_if(char::is_ascii_digit).is_some() {
                count += 1;
            }
            count
        };
        if digits(&mut ahead) == 0 {
            return false;
        }
        if ahead.next_if_eq(&',').is_some() {
            digits(&mut ahead);
        }
        ahead.next() == Some('}')
    }

    fn escape(&mut self) {
        let Some(c) = self.rest.next() else { return self.push("\\") };
        match c {
            's' => self.push(&format!("[{SPACE}]")),
            'S' => self.push(&format!("[^{SPACE}]")),
            'Q' => self.quoted(),
            'C' => self.push("(?s-u:.)"),
            'p' | 'P' => {
                let name = self.property(c);
                self.push(&format!("(?u:{name})"));
            }
            // In Rust these are the ends of words.
            '<' | '>' => self.out.push(c),
            '0'..='7' => {
                let text = self.octal(c);
                self.push(&text);
            }
            'x' => {
                let text = self.hex();
                self.push(&text);
            }
            c => {
                self.push("\\");
                self.out.push(c);
            }
        }
    }

    /// `\Q...\E`: everything between is literal.
    fn quoted(&mut self) {
        let mut text = String::new();
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            text.push(c);
        }
        let text = regex_syntax::escape(&text);
        self.push(&text);
    }

    /// The name of a Unicode class after `\p` or `\P`.
    fn property(&mut self, kind: char) -> String {
        let mut name = format!("\\{kind}");
        match self.rest.next() {
            Some('{') => {
                let inside: String = self.rest.by_ref().take_while(|c| *c != '}').collect();
                name += &format!("{{{inside}}}");
            }
            Some(c) => name.push(c),
            None => {}
        }
        name
    }

    fn octal(&mut self, first: char) -> String {
        let mut value = first.to_digit(8).unwrap_or_default();
        for _ in 0..2 {
            let Some(c) = self.rest.next_if(|c| c.is_digit(8)) else { break };
            value = value * 8 + c.to_digit(8).unwrap_or_default();
        }
        code_point(value)
    }

    fn hex(&mut self) -> String {
        let digits: String = if self.rest.next_if_eq(&'{').is_some() {
            self.rest.by_ref().take_while(|c| *c != '}').collect()
        } else {
            (0..2).filter_map(|_| self.rest.next_if(char::is_ascii_hexdigit)).collect()
        };
        u32::from_str_radix(&digits, 16).map_or_else(|_| format!("\\x{{{digits}}}"), code_point)
    }

    /// A class in brackets, in which Rust knows operators that Go does not.
    fn class(&mut self) {
        let (mut text, mut unicode) = (String::from("["), false);
        if self.rest.next_if_eq(&'^').is_some() {
            text.push('^');
        }
        // `single` is set behind a character that a range may begin with.
        let (mut first, mut single) = (true, false);
        while let Some(c) = self.rest.next() {
            let mut after = true;
            match c {
                ']' if !first => break,
                '[' if self.rest.peek() == Some(&':') => {
                    let name: String = self.rest.by_ref().take_while(|c| *c != ']').collect();
                    text += &format!("[{name}]");
                    after = false;
                }
                '\\' => after = self.class_escape(&mut text, &mut unicode),
                '[' | ']' | '&' | '~' => {
                    text.push('\\');
                    text.push(c);
                }
                // Between two characters a range, else itself; `--` would be an operator in Rust.
                '-' if single && self.rest.peek().is_some_and(|next| *next != ']') => {
                    text.push('-');
                    (first, single) = (false, false);
                    self.range_end(&mut text, &mut unicode);
                    continue;
                }
                '-' => text += "\\-",
                c => {
                    unicode |= !c.is_ascii();
                    text.push(c);
                }
            }
            (first, single) = (false, after);
        }
        text.push(']');
        if unicode {
            // Perl classes stay those of ASCII.
            let text = text.replace("\\w", "0-9A-Za-z_").replace("\\d", "0-9");
            self.push(&format!("(?u:{text})"));
        } else {
            self.push(&text);
        }
    }

    /// The last character of a range.
    fn range_end(&mut self, text: &mut String, unicode: &mut bool) {
        match self.rest.next() {
            Some('\\') => {
                self.class_escape(text, unicode);
            }
            Some(c) if "-[]&~".contains(c) => {
                text.push('\\');
                text.push(c);
            }
            Some(c) => {
                *unicode |= !c.is_ascii();
                text.push(c);
            }
            None => {}
        }
    }

    /// An escape in a class; true when it is one character.
    fn class_escape(&mut self, text: &mut String, unicode: &mut bool) -> bool {
        let next = self.rest.next();
        match next {
            Some('s') => *text += SPACE,
            Some('S') => *text += "\\S",
            Some(c @ ('p' | 'P')) => {
                *unicode = true;
                *text += &self.property(c);
            }
            Some('<') => text.push('<'),
            Some('>') => text.push('>'),
            Some('Q') => {
                // Go knows no quoting in a class: it refuses this, and so does Rust.
                *text += "\\Q";
            }
            Some('x') => {
                let point = self.hex();
                *unicode |= !point.starts_with("\\x") || point.len() > 4;
                *text += &point;
            }
            Some(c @ '0'..='7') => *text += &self.octal(c),
            Some(c) => {
                text.push('\\');
                text.push(c);
            }
            None => text.push('\\'),
        }
        next.is_some_and(|c| !"sSwWdDpP".contains(c))
    }
}

/// A character by number: as an escape in ASCII, else as it is, which is its UTF-8.
fn code_point(value: u32) -> String {
    match char::from_u32(value) {
        Some(c) if !c.is_ascii() => c.to_string(),
        _ => format!("\\x{value:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// True when the translation of `pattern` is found in `text`.
    fn finds(pattern: &str, text: &str) -> bool {
        let found = translate(pattern);
        let regex = crate::rule::matcher::compile(&found);
        regex.unwrap_or_else(|error| panic!("{pattern} -> {found}: {error}")).is_match(text)
    }

    #[test]
    fn what_differs_between_the_two_syntaxes() {
        for (pattern, yes, no) in [
            (r"^a\z", "a", "a\n"),
            (r"(?P<n>x)(?<m>y)", "xy", "x"),
            (r"a{b}", "a{b}", "ab"),
            (r"a{,3}", "a{,3}", "aaa"),
            (r"a{2,3}c", "aac", "ac"),
            (r"\Qa.b\E+", "a.bb", "axb"),
            (r"[a&&b]+$", "a&b", "c"),
            (r"[[a]x", "[x", "bx"),
            (r"[a~~b]", "~", "c"),
            (r"[]a]z", "]z", "bz"),
            (r"[^]a]z", "bz", "]z"),
            (r"\<a\>", "<a>", "a"),
            (r"[\<\>]", "<", "a"),
            (r"\_\-\/", "_-/", "-"),
            (r"[+--]", ",", "a"),
            (r"[\w.-]+=", "a-b=", "!="),
            (r"^[\w-.]+$", "a-.", "a,b"),
            (r"^[a-f-z]+$", "a-z", "g"),
            (r"x\s", "x ", "x\u{b}"),
            (r"[\s]", "\t", "\u{b}"),
            (r"\x{e9}", "é", "e"),
            (r"\x41\101", "AA", "B"),
            (r"[é]+$", "éé", "e"),
            (r"é{2}", "éé", "é"),
            (r"\p{Greek}", "α", "a"),
            (r"[\p{Lu}\d]b", "Äb", "äb"),
            (r"[[:alpha:]_]1", "_1", "11"),
            (r"(?i)KEY", "key", "kez"),
        ] {
            assert!(finds(pattern, yes), "{pattern} {yes}");
            assert!(!finds(pattern, no), "{pattern} {no}");
        }
        assert_eq!(translate("[a-z]{3}"), "[a-z]{3}");
    }
}
