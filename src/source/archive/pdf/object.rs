//! The words of PDF: numbers, names, strings, lists and dictionaries, in objects as in the streams that
//! draw a page.

/// Lists and dictionaries in one another.
const DEEPEST: usize = 48;
/// Values in one that is read whole; each takes many times the memory of its text.
const MOST_VALUES: usize = 1 << 19;

/// A value. Strings and names are as they are after escapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    List(Vec<Value>),
    Dict(Dict),
    /// Another object, by its number.
    Ref(u32),
    /// Anything else: `true`, `null`, an operator.
    Word(Vec<u8>),
}

/// Keys and values in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dict(pub(super) Vec<(Vec<u8>, Value)>);

impl Dict {
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key.as_bytes()).map(|(_, value)| value)
    }

    /// True where the name `value` stands at `key`.
    pub(crate) fn is(&self, key: &str, value: &str) -> bool {
        matches!(self.get(key), Some(Value::Name(name)) if name == value.as_bytes())
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.number()
    }
}

impl Value {
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }
}

/// Reads values one after the other.
pub(crate) struct Lexer<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) at: usize,
    /// Values in the last one that was read.
    pub(crate) values: usize,
}

impl<'b> Lexer<'b> {
    pub(crate) fn new(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at, values: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Goes past blanks and comments.
    pub(crate) fn blanks(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'%' => {
                    let rest = &self.bytes[self.at..];
                    let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n'));
                    self.at += end.unwrap_or(rest.len());
                }
                byte if is_blank(byte) => self.at += 1,
                _ => return,
            }
        }
    }

    /// The next value; `None` at the end, and at the end of a list.
    pub(crate) fn next(&mut self) -> Option<Value> {
        self.values = 0;
        self.value(0)
    }

    /// True where the last value had more in it than are read.
    pub(crate) fn is_cut(&self) -> bool {
        self.values >= MOST_VALUES
    }

    /// A value, or a reference where numbers lead to one.
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.blanks();
        self.values += 1;
        let rest = &self.bytes[self.at..];
        match rest {
            [] => None,
            [b'<', b'<', ..] => {
                self.at += 2;
                Some(Value::Dict(self.dict(depth + 1)))
            }
            [b'<', ..] => Some(Value::Text(self.hex())),
            [b'(', ..] => Some(Value::Text(self.literal())),
            [b'[', ..] => {
                self.at += 1;
                Some(Value::List(self.list(depth + 1)))
            }
            [b'/', ..] => {
                self.at += 1;
                Some(Value::Name(self.name()))
            }
            [b']' | b'}' | b')', ..] => {
                self.at += 1;
                None
            }
            [b'>', ..] => {
                self.at += if rest.starts_with(b">>") { 2 } else { 1 };
                None
            }
            [b'{', ..] => {
                self.at += 1;
                Some(Value::Word(b"{".to_vec()))
            }
            _ => Some(self.word()),
        }
    }

    fn word(&mut self) -> Value {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|&b| is_blank(b) || is_mark(b)).unwrap_or(rest.len());
        let word = &rest[..len.max(1)];
        self.at += word.len();
        let number = || {
            let first = word.first().is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(b));
            let text = std::str::from_utf8(word).ok().filter(|_| first && word.len() < 40)?;
            text.parse::<f64>().ok().filter(|number| number.is_finite())
        };
        match number() {
            Some(number) => self.reference(number).unwrap_or(Value::Number(number)),
            None => Value::Word(word.to_vec()),
        }
    }

    /// The object that is meant where `0 R` follows the number.
    fn reference(&mut self, number: f64) -> Option<Value> {
        let rest = self.bytes.get(self.at..)?;
        let digits = rest.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
        let tail = rest.get(1 + digits..1 + digits + 2)?;
        let after = rest.get(3 + digits).is_none_or(|&b| is_blank(b) || is_mark(b));
        let meant =
            digits > 0 && is_blank(rest[0]) && is_blank(tail[0]) && tail[1] == b'R' && after;
        if !meant || number.fract() != 0.0 || !(0.0..1e9).contains(&number) {
            return None;
        }
        self.at += digits + 3;
        Some(Value::Ref(number as u32))
    }

    fn list(&mut self, depth: usize) -> Vec<Value> {
        let mut values = Vec::new();
        while depth < DEEPEST && !self.is_cut() && self.at < self.bytes.len() {
            match self.value(depth) {
                Some(Value::Word(word)) if is_end(&word) => break,
                Some(value) => values.push(value),
                None => break,
            }
        }
        values
    }

    fn dict(&mut self, depth: usize) -> Dict {
        let mut dict = Dict::default();
        while depth < DEEPEST && !self.is_cut() && self.at < self.bytes.len() {
            match self.value(depth) {
                Some(Value::Name(key)) => match self.value(depth) {
                    Some(value) => dict.0.push((key, value)),
                    None => break,
                },
                Some(Value::Word(word)) if is_end(&word) => break,
                Some(_) => {}
                None => break,
            }
        }
        dict
    }

    fn name(&mut self) -> Vec<u8> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|&b| is_blank(b) || is_mark(b)).unwrap_or(rest.len());
        self.at += len;
        let (mut name, mut raw) = (Vec::with_capacity(len), &rest[..len]);
        while let [first, left @ ..] = raw {
            let escape = (*first == b'#')
                .then(|| Some(hex_digit(*left.first()?)? << 4 | hex_digit(*left.get(1)?)?));
            match escape.flatten() {
                Some(byte) => {
                    name.push(byte);
                    raw = &left[2..];
                }
                None => {
                    name.push(*first);
                    raw = left;
                }
            }
        }
        name
    }

    /// A string of hex digits.
    fn hex(&mut self) -> Vec<u8> {
        let rest = &self.bytes[self.at + 1..];
        let len = rest.iter().position(|&b| b == b'>').unwrap_or(rest.len());
        self.at = (self.at + len + 2).min(self.bytes.len());
        let digits: Vec<u8> = rest[..len].iter().filter_map(|&b| hex_digit(b)).collect();
        digits.chunks(2).map(|two| two[0] << 4 | two.get(1).unwrap_or(&0)).collect()
    }

    /// A string in parentheses.
    fn literal(&mut self) -> Vec<u8> {
        self.at += 1;
        let (mut text, mut depth) = (Vec::new(), 1);
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\\' => {
                    text.extend(self.escape());
                    continue;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
            text.push(byte);
        }
        text
    }

    /// What stands for the bytes after a backslash.
    fn escape(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\r' => {
                self.at += usize::from(self.peek() == Some(b'\n'));
                return None;
            }
            b'\n' => return None,
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                (value & 0xff) as u8
            }
            other => other,
        })
    }
}

/// Words that end whatever stands before them, in damaged files too.
fn is_end(word: &[u8]) -> bool {
    matches!(word, b"endobj" | b"stream" | b"endstream")
}

pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 12 | b'\r' | b' ')
}

fn is_mark(byte: u8) -> bool {
    b"()<>[]{}/%".contains(&byte)
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
