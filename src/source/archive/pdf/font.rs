//! Fonts: which letters the codes of a string stand for, and how wide they are.

use std::collections::HashMap;

use super::file::File;
use super::filter::Unpacked;
use super::object::{Dict, Lexer, Value};

/// Codes that a font names letters for.
const MOST: usize = 1 << 17;

/// A font.
pub(crate) struct Font {
    /// Bytes of a code.
    pub(crate) code: usize,
    /// Letters by code, from the file's own table.
    letters: HashMap<u32, String>,
    /// The letters of a font with codes of one byte.
    simple: Option<Vec<char>>,
    widths: HashMap<u32, f64>,
    /// The width of codes that have none; `None` where it is guessed from the letter.
    width: Option<f64>,
    /// Widths are in units of this size.
    unit: f64,
}

impl Font {
    /// The font that is used where none is known.
    pub(crate) fn unknown() -> Self {
        Self {
            code: 1,
            letters: HashMap::new(),
            simple: Some(latin()),
            widths: HashMap::new(),
            width: None,
            unit: 0.001,
        }
    }

    /// Reads the font `dict`.
    pub(crate) fn new(file: &File<'_>, dict: &Dict) -> Self {
        let mut font = Self::unknown();
        let composed = dict.is("Subtype", "Type0");
        if composed {
            (font.code, font.simple, font.width) = (2, None, Some(1000.0));
            font.composed_widths(file, dict);
        } else {
            font.simple_widths(file, dict);
            font.differences(file, dict);
        }
        if dict.is("Subtype", "Type3")
            && let Some(Value::List(matrix)) =
                dict.get("FontMatrix").and_then(|it| file.resolve(it))
        {
            font.unit = matrix.first().and_then(Value::number).unwrap_or(0.001);
        }
        let map = dict.get("ToUnicode").and_then(|value| match value {
            Value::Ref(number) => file.stream(*number),
            _ => None,
        });
        if let Some(stream) = map
            && let Unpacked::Content(content, _) = file.content(&file.streams[stream], 1 << 20)
        {
            font.letters = letters(&content);
        }
        font
    }

    /// The letters of `code`; `None` where the file does not say.
    pub(crate) fn letters(&self, code: u32) -> Option<String> {
        let named = self.letters.get(&code).cloned();
        named.or_else(|| Some(self.simple.as_ref()?.get(code as usize)?.to_string()))
    }

    /// The width of `code` with these `letters`, for a size of 1.
    pub(crate) fn width(&self, code: u32, letters: &str) -> f64 {
        let known = self.widths.get(&code).copied().or(self.width);
        known.map_or_else(|| guess(letters), |width| width * self.unit)
    }

    fn simple_widths(&mut self, file: &File<'_>, dict: &Dict) {
        let Some(Value::List(widths)) = dict.get("Widths").and_then(|it| file.resolve(it)) else {
            return;
        };
        let first = dict.number("FirstChar").unwrap_or(0.0).max(0.0) as u32;
        let widths = widths.iter().filter_map(|width| file.resolve(width)?.number());
        self.widths = (first..).zip(widths.take(256)).collect();
    }

    fn composed_widths(&mut self, file: &File<'_>, dict: &Dict) {
        let below = match dict.get("DescendantFonts").and_then(|it| file.resolve(it)) {
            Some(Value::List(all)) => all.first().and_then(|it| file.resolve(it)),
            _ => None,
        };
        let Some(Value::Dict(below)) = below else { return };
        self.width = below.number("DW").or(self.width);
        let Some(Value::List(list)) = below.get("W").and_then(|it| file.resolve(it)) else {
            return;
        };
        let mut rest = list.iter();
        while let (Some(first), Some(next)) = (rest.next().and_then(Value::number), rest.next()) {
            let first = first.max(0.0) as u32;
            match file.resolve(next) {
                Some(Value::List(widths)) => {
                    let widths = widths.iter().filter_map(Value::number);
                    self.widths.extend((first..).zip(widths).take(MOST));
                }
                Some(Value::Number(last)) => {
                    let Some(width) = rest.next().and_then(Value::number) else { return };
                    let last = (last.max(0.0) as u32).min(first.saturating_add(0xffff));
                    self.widths.extend((first..=last).map(|code| (code, width)));
                }
                _ => return,
            }
            if self.widths.len() > MOST {
                return;
            }
        }
    }

    /// Takes over the codes that the font gives other letters than usual.
    fn differences(&mut self, file: &File<'_>, dict: &Dict) {
        let Some(Value::Dict(encoding)) = dict.get("Encoding").and_then(|it| file.resolve(it))
        else {
            return;
        };
        let Some(Value::List(list)) = encoding.get("Differences").and_then(|it| file.resolve(it))
        else {
            return;
        };
        let Some(simple) = &mut self.simple else { return };
        let mut code = 0_usize;
        for value in &list {
            match value {
                Value::Number(number) => code = number.max(0.0) as usize,
                Value::Name(name) => {
                    if let (Some(place), Some(letter)) = (simple.get_mut(code), letter(name)) {
                        *place = letter;
                    }
                    code = code.saturating_add(1);
                }
                _ => {}
            }
        }
    }
}

/// The letters of Windows' code page, of which the first half is that of all encodings for Latin letters.
fn latin() -> Vec<char> {
    let bytes: Vec<u8> = (0..=255).collect();
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes).0.chars().collect()
}

/// The letter of a glyph that is called `name`.
fn letter(name: &[u8]) -> Option<char> {
    const NAMES: [(&str, char); 45] = [
        ("space", ' '),
        ("exclam", '!'),
        ("quotedbl", '"'),
        ("numbersign", '#'),
        ("dollar", '$'),
        ("percent", '%'),
        ("ampersand", '&'),
        ("quotesingle", '\''),
        ("quoteright", '\''),
        ("quoteleft", '`'),
        ("parenleft", '('),
        ("parenright", ')'),
        ("asterisk", '*'),
        ("plus", '+'),
        ("comma", ','),
        ("hyphen", '-'),
        ("minus", '-'),
        ("period", '.'),
        ("slash", '/'),
        ("zero", '0'),
        ("one", '1'),
        ("two", '2'),
        ("three", '3'),
        ("four", '4'),
        ("five", '5'),
        ("six", '6'),
        ("seven", '7'),
        ("eight", '8'),
        ("nine", '9'),
        ("colon", ':'),
        ("semicolon", ';'),
        ("less", '<'),
        ("equal", '='),
        ("greater", '>'),
        ("question", '?'),
        ("at", '@'),
        ("bracketleft", '['),
        ("backslash", '\\'),
        ("bracketright", ']'),
        ("asciicircum", '^'),
        ("underscore", '_'),
        ("grave", '`'),
        ("braceleft", '{'),
        ("bar", '|'),
        ("braceright", '}'),
    ];
    let name = std::str::from_utf8(name).ok()?;
    let mut chars = name.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return Some(only);
    }
    if let Some((_, letter)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*letter);
    }
    let code = name.strip_prefix("uni").or_else(|| name.strip_prefix('u'))?;
    char::from_u32(u32::from_str_radix(code.get(..4)?, 16).ok()?)
}

/// How wide `letters` are in most fonts, for a size of 1.
fn guess(letters: &str) -> f64 {
    let width = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | 'f' | 't' | 'I' => 0.28,
        'm' | 'M' | 'W' | '@' | '%' => 0.85,
        'A'..='Z' | '+' | '=' | '<' | '>' | 'w' => 0.68,
        '-' | '(' | ')' | '/' | 'r' | '[' | ']' => 0.33,
        _ => 0.54,
    };
    letters.chars().map(width).sum()
}

/// The letters that a table of a font names.
fn letters(table: &[u8]) -> HashMap<u32, String> {
    let mut found = HashMap::new();
    let mut lexer = Lexer::new(table, 0);
    let mut stack: Vec<Value> = Vec::new();
    while lexer.at < table.len() && found.len() < MOST {
        match lexer.next() {
            Some(Value::Word(word)) => {
                match word.as_slice() {
                    b"endbfchar" => stack.chunks_exact(2).for_each(|pair| {
                        if let [Value::Text(code), Value::Text(to)] = pair {
                            found.insert(number(code), utf16(to));
                        }
                    }),
                    b"endbfrange" => stack.chunks_exact(3).for_each(|three| {
                        range(three, &mut found);
                    }),
                    _ => {}
                }
                stack.clear();
            }
            Some(value) => stack.push(value),
            None => {}
        }
    }
    found
}

/// Notes the letters of a range of codes.
fn range(three: &[Value], found: &mut HashMap<u32, String>) {
    let [Value::Text(first), Value::Text(last), to] = three else { return };
    let (first, last) = (number(first), number(last));
    let codes = first..=last.min(first.saturating_add(0xffff));
    match to {
        Value::List(all) => {
            for (code, to) in codes.zip(all) {
                if let Value::Text(to) = to {
                    found.insert(code, utf16(to));
                }
            }
        }
        Value::Text(to) => {
            let Some((end, before)) = to.split_last_chunk::<2>().map(|(before, end)| (end, before))
            else {
                return;
            };
            let (start, before) = (u32::from(u16::from_be_bytes(*end)), utf16(before));
            for (code, letter) in codes.zip(start..).take(MOST.saturating_sub(found.len())) {
                let letter = char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER);
                found.insert(code, format!("{before}{letter}"));
            }
        }
        _ => {}
    }
}

fn number(code: &[u8]) -> u32 {
    code.iter().take(4).fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn utf16(bytes: &[u8]) -> String {
    encoding_rs::UTF_16BE.decode_without_bom_handling(bytes).0.into_owned()
}
