//! The text that a stream of a page draws: strings one after the other on a line are one text, since
//! programs part them anywhere, and a space is where there is a gap between two.

use std::collections::HashMap;
use std::rc::Rc;

use zeroize::Zeroizing;

use super::font::Font;
use super::object::{Lexer, Value, is_blank};

/// Operands of one operator.
const MOST_OPERANDS: usize = 64;
/// States that are put aside, one on the other.
const MOST_STATES: usize = 64;
/// A gap of this part of the font's size is a space.
const SPACE: f64 = 0.17;
/// A step across the line of this part of the font's size begins a new one.
const LINE: f64 = 0.3;
/// A step back of this part of the font's size begins a new line.
const BACK: f64 = 0.6;

/// A matrix of PDF: `a b c d e f`.
type Matrix = [f64; 6];

const ONE: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// Fonts by the name that a stream uses.
pub(crate) type Fonts = HashMap<Vec<u8>, Rc<Font>>;

/// What is put aside by `q` and taken back by `Q`.
#[derive(Clone)]
struct State {
    matrix: Matrix,
    font: Rc<Font>,
    size: f64,
    between: f64,
    word: f64,
    stretch: f64,
    leading: f64,
}

/// Draws without drawing.
struct Painter<'f> {
    fonts: &'f Fonts,
    state: State,
    kept: Vec<State>,
    text: Matrix,
    line: Matrix,
    /// Where the last letter ended.
    last: Option<(f64, f64)>,
    out: Zeroizing<Vec<u8>>,
    /// Codes for which the file names no letter.
    unnamed: usize,
}

/// The text of the stream `bytes`, and how many of its codes are no known letters.
pub(crate) fn text(bytes: &[u8], fonts: &Fonts) -> (Zeroizing<Vec<u8>>, usize) {
    let state = State {
        matrix: ONE,
        font: Rc::new(Font::unknown()),
        size: 1.0,
        between: 0.0,
        word: 0.0,
        stretch: 1.0,
        leading: 0.0,
    };
    let mut painter = Painter {
        fonts,
        state,
        kept: Vec::new(),
        text: ONE,
        line: ONE,
        last: None,
        out: Zeroizing::new(Vec::with_capacity(bytes.len())),
        unnamed: 0,
    };
    let (mut lexer, mut operands) = (Lexer::new(bytes, 0), Vec::new());
    while lexer.at < bytes.len() {
        match lexer.next() {
            Some(Value::Word(word)) if word == b"ID" => {
                lexer.at = after_picture(bytes, lexer.at);
                operands.clear();
            }
            Some(Value::Word(word)) => {
                painter.act(&word, &operands);
                operands.clear();
            }
            Some(value) if operands.len() < MOST_OPERANDS => operands.push(value),
            _ => {}
        }
    }
    (painter.out, painter.unnamed)
}

/// Where the picture in a stream ends whose bytes begin at `at`.
fn after_picture(bytes: &[u8], at: usize) -> usize {
    let ends = memchr::memmem::find_iter(&bytes[at..], b"EI").map(|end| at + end);
    let blank = |at: usize| bytes.get(at).is_none_or(|&byte| is_blank(byte));
    ends.filter(|&end| end > at && blank(end - 1) && blank(end + 2))
        .map(|end| end + 2)
        .next()
        .unwrap_or(bytes.len())
}

impl Painter<'_> {
    fn act(&mut self, operator: &[u8], operands: &[Value]) {
        let number = |nth: usize| operands.get(nth).and_then(Value::number).unwrap_or(0.0);
        let matrix = || [number(0), number(1), number(2), number(3), number(4), number(5)];
        match operator {
            b"q" if self.kept.len() < MOST_STATES => self.kept.push(self.state.clone()),
            b"Q" => {
                if let Some(state) = self.kept.pop() {
                    self.state = state;
                }
            }
            b"cm" => self.state.matrix = times(matrix(), self.state.matrix),
            b"BT" => (self.text, self.line) = (ONE, ONE),
            b"Tf" => {
                self.state.size = number(1);
                let font = match operands.first() {
                    Some(Value::Name(name)) => self.fonts.get(name).cloned(),
                    _ => None,
                };
                self.state.font = font.unwrap_or_else(|| Rc::new(Font::unknown()));
            }
            b"Tc" => self.state.between = number(0),
            b"Tw" => self.state.word = number(0),
            b"Tz" => self.state.stretch = number(0) / 100.0,
            b"TL" => self.state.leading = number(0),
            b"Tm" => (self.text, self.line) = (matrix(), matrix()),
            b"Td" => self.step(number(0), number(1)),
            b"TD" => {
                self.state.leading = -number(1);
                self.step(number(0), number(1));
            }
            b"T*" => self.step(0.0, -self.state.leading),
            b"Tj" | b"TJ" => operands.iter().for_each(|value| self.show(value)),
            b"'" | b"\"" => {
                if operator == b"\"" {
                    (self.state.word, self.state.between) = (number(0), number(1));
                }
                self.step(0.0, -self.state.leading);
                operands.last().into_iter().for_each(|value| self.show(value));
            }
            _ => {}
        }
    }

    /// Goes to another line, from the start of the present one.
    fn step(&mut self, x: f64, y: f64) {
        self.line = times([1.0, 0.0, 0.0, 1.0, x, y], self.line);
        self.text = self.line;
    }

    /// Shows a string, or strings with steps between them.
    fn show(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.string(text),
            Value::List(all) => {
                for value in all {
                    match value {
                        Value::Number(back) => {
                            self.forward(-back / 1000.0 * self.state.size * self.state.stretch);
                        }
                        Value::Text(text) => self.string(text),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn string(&mut self, text: &[u8]) {
        let font = Rc::clone(&self.state.font);
        self.gap();
        for code in text.chunks(font.code) {
            let code = code.iter().fold(0, |code, &byte| code << 8 | u32::from(byte));
            let letters = font.letters(code);
            self.unnamed += usize::from(letters.is_none());
            let letters = letters.unwrap_or_else(|| char::REPLACEMENT_CHARACTER.to_string());
            self.out.extend_from_slice(letters.as_bytes());
            let State { size, between, word, stretch, .. } = self.state;
            let word = if font.code == 1 && code == 32 { word } else { 0.0 };
            self.forward((font.width(code, &letters) * size + between + word) * stretch);
        }
        self.last = Some(self.place());
    }

    fn forward(&mut self, by: f64) {
        self.text = times([1.0, 0.0, 0.0, 1.0, by, 0.0], self.text);
    }

    /// Where the next letter begins on the page.
    fn place(&self) -> (f64, f64) {
        let all = times(self.text, self.state.matrix);
        (all[4], all[5])
    }

    /// Writes what is between the last letter and the next one: nothing, a space or a new line.
    fn gap(&mut self) {
        let Some(last) = self.last else { return };
        let all = times(self.text, self.state.matrix);
        let length = all[0].hypot(all[1]);
        let size = (self.state.size * length).abs();
        let step = (all[4] - last.0, all[5] - last.1);
        let (along, across) = match length > 0.0 {
            true => (
                (step.0 * all[0] + step.1 * all[1]) / length,
                (step.1 * all[0] - step.0 * all[1]) / length,
            ),
            false => (0.0, f64::INFINITY),
        };
        let along = if self.state.size < 0.0 { -along } else { along };
        if across.abs() > LINE * size || along < -BACK * size {
            self.out.push(b'\n');
        } else if along > SPACE * size && !self.out.ends_with(b" ") {
            self.out.push(b' ');
        }
    }
}

/// `first`, then `second`.
fn times(first: Matrix, second: Matrix) -> Matrix {
    let [a, b, c, d, e, f] = first;
    let [g, h, i, j, k, l] = second;
    [
        a * g + b * i,
        a * h + b * j,
        c * g + d * i,
        c * h + d * j,
        e * g + f * i + k,
        e * h + f * j + l,
    ]
}
