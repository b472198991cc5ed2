//! What keys do: the modes of a triage, its prompts and its messages. Draws nothing.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::board::Board;
use super::filter::Filter;
use super::line::Line;
use crate::baseline::BaselineError;
use crate::finding::Status;

/// Rows that Page Up and Page Down move.
const PAGE: isize = 10;

/// The keys, as `?` shows them.
pub(super) const KEYS: [(&str, &str); 16] = [
    ("j k Down Up", "next, previous finding"),
    ("PgDn PgUp g G", "ten further or back, first, last"),
    ("n", "next open finding"),
    ("J K", "scroll the details"),
    ("f", "mark as false positive: no secret, or it opens nothing"),
    ("a", "mark as accepted: a secret that may stay"),
    ("r", "mark as rotated: it works no longer"),
    ("F A R", "the same for all open findings that are shown"),
    ("x", "take the mark away: the finding counts again"),
    ("u", "undo"),
    ("/", "filter, such as: severity:high rule:slack path:src/** -path:test"),
    ("Esc", "no filter"),
    ("b", "show or hide what was in the baseline before"),
    ("s", "save"),
    ("q Ctrl-C", "leave; asks when something is not saved"),
    ("?", "this help"),
];

/// What the keys mean now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Walk,
    /// A reason is typed for these findings.
    Reason {
        status: Status,
        numbers: Vec<usize>,
        line: Line,
    },
    Filter(Line),
    Help,
    /// Leave without saving?
    Quit,
}

/// Whether a message is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Fault,
}

type Save<'a> = dyn Fn(&mut Board) -> Result<usize, BaselineError> + 'a;

/// A triage in progress.
pub(super) struct App<'a> {
    pub(super) board: &'a mut Board,
    pub(super) mode: Mode,
    /// What the last key did.
    pub(super) said: (Tone, String),
    /// Lines of the details that are scrolled away.
    pub(super) scroll: u16,
    save: &'a Save<'a>,
    file: String,
    /// The last reason that was typed.
    reason: String,
    done: bool,
}

impl<'a> App<'a> {
    /// For `board`; `save` writes it to the file that is shown as `file`.
    pub(super) fn new(board: &'a mut Board, save: &'a Save<'a>, file: String) -> Self {
        let text = match (board.view().is_empty(), board.open()) {
            (false, 0) => "nothing is open: all of this is in the baseline; ? shows the keys",
            _ => "? shows the keys",
        };
        let said = (Tone::Plain, text.to_owned());
        let (mode, scroll, reason) = (Mode::Walk, 0, String::new());
        Self { board, mode, said, scroll, save, file, reason, done: false }
    }

    /// True when the user has left.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    fn say(&mut self, text: impl Into<String>) {
        self.said = (Tone::Plain, text.into());
    }

    /// A key was pressed.
    pub(super) fn key(&mut self, key: KeyEvent) {
        self.say("");
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.interrupt();
        }
        match std::mem::replace(&mut self.mode, Mode::Walk) {
            Mode::Walk => self.walk(key),
            Mode::Reason { status, numbers, line } => self.reason(key, status, numbers, line),
            Mode::Filter(line) => self.filter(key, line),
            // Any key closes the help.
            Mode::Help => {}
            Mode::Quit => self.quit(key),
        }
    }

    /// Text was pasted; outside a prompt it means nothing.
    pub(super) fn paste(&mut self, text: &str) {
        if let Mode::Reason { line, .. } | Mode::Filter(line) = &mut self.mode {
            line.insert(text);
        }
    }

    /// The first time asks, the second time leaves.
    fn interrupt(&mut self) {
        self.done = self.mode == Mode::Quit || self.board.unsaved() == 0;
        self.mode = Mode::Quit;
    }

    fn walk(&mut self, key: KeyEvent) {
        let last = isize::MAX;
        match key.code {
            KeyCode::Char('j') | KeyCode::Down => self.go(1),
            KeyCode::Char('k') | KeyCode::Up => self.go(-1),
            KeyCode::PageDown => self.go(PAGE),
            KeyCode::PageUp => self.go(-PAGE),
            KeyCode::Char('g') | KeyCode::Home => self.go(-last),
            KeyCode::Char('G') | KeyCode::End => self.go(last),
            KeyCode::Char('n') => {
                self.scroll = 0;
                self.board.next_open();
            }
            KeyCode::Char('J') => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Char('K') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Char('f' | 'F') => self.ask(key.code, Status::FalsePositive),
            KeyCode::Char('a' | 'A') => self.ask(key.code, Status::Accepted),
            KeyCode::Char('r' | 'R') => self.ask(key.code, Status::Rotated),
            KeyCode::Char('x') => {
                let text = if self.board.reopen() { "it counts again" } else { "it has no mark" };
                self.say(text);
            }
            KeyCode::Char('u') => {
                let text = if self.board.undo() { "undone" } else { "nothing to undo" };
                self.say(text);
            }
            KeyCode::Char('/') => self.mode = Mode::Filter(Line::new(self.board.filter().text())),
            KeyCode::Esc => self.set_filter(""),
            KeyCode::Char('b') => self.board.toggle_all(),
            KeyCode::Char('s') => self.save(),
            KeyCode::Char('q') if self.board.unsaved() > 0 => self.mode = Mode::Quit,
            KeyCode::Char('q') => self.done = true,
            KeyCode::Char('?') => self.mode = Mode::Help,
            _ => self.say("? shows the keys"),
        }
    }

    fn go(&mut self, by: isize) {
        self.scroll = 0;
        self.board.step(by);
    }

    /// Asks for the reason of a mark: of the selected finding, or for a capital letter of all that
    /// are open.
    fn ask(&mut self, code: KeyCode, status: Status) {
        let all = matches!(code, KeyCode::Char(c) if c.is_ascii_uppercase());
        let numbers =
            if all { self.board.open_shown() } else { self.board.selected().into_iter().collect() };
        if numbers.is_empty() {
            return self.say("there is nothing to mark here");
        }
        self.mode = Mode::Reason { status, numbers, line: Line::default() };
    }

    fn reason(&mut self, key: KeyEvent, status: Status, numbers: Vec<usize>, mut line: Line) {
        match key.code {
            KeyCode::Esc => self.say("not marked"),
            KeyCode::Enter if line.text().trim().is_empty() => {
                self.said = (Tone::Fault, "a reason is needed; Esc marks nothing".to_owned());
                self.mode = Mode::Reason { status, numbers, line };
            }
            KeyCode::Enter => {
                self.board.decide(&numbers, status, line.text());
                let count = numbers.len();
                self.say(match count {
                    1 => format!("marked as {what}", what = status.words()),
                    _ => format!("{count} marked as {what}", what = status.words()),
                });
                line.text().clone_into(&mut self.reason);
                self.scroll = 0;
                self.board.next_open();
            }
            KeyCode::Up => {
                self.mode = Mode::Reason { status, numbers, line: Line::new(&self.reason) };
            }
            _ => {
                line.key(key);
                self.mode = Mode::Reason { status, numbers, line };
            }
        }
    }

    fn filter(&mut self, key: KeyEvent, mut line: Line) {
        match key.code {
            KeyCode::Esc => {}
            KeyCode::Enter => self.set_filter(line.text()),
            _ => {
                line.key(key);
                self.mode = Mode::Filter(line);
            }
        }
    }

    fn set_filter(&mut self, text: &str) {
        match Filter::parse(text) {
            Ok(filter) => {
                self.scroll = 0;
                self.board.set_filter(filter);
            }
            Err(error) => {
                self.said = (Tone::Fault, error);
                self.mode = Mode::Filter(Line::new(text));
            }
        }
    }

    fn quit(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Char('s') => {
                self.save();
                self.done = self.board.unsaved() == 0;
            }
            KeyCode::Char('d') => self.done = true,
            KeyCode::Esc => {}
            _ => self.mode = Mode::Quit,
        }
    }

    fn save(&mut self) {
        let saved = (self.save)(self.board);
        self.said = match saved {
            Ok(count) => (Tone::Plain, format!("{count} saved to {file}", file = self.file)),
            Err(error) => (Tone::Fault, format!("not saved: {error}")),
        };
    }
}
