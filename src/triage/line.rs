//! One line of text that is being typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The text, and the cursor as a byte offset at a border of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    text: String,
    at: usize,
}

impl Line {
    /// `text` with the cursor behind it.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), at: text.len() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor, and from it on.
    pub(super) fn halves(&self) -> (&str, &str) {
        self.text.split_at(self.at)
    }

    /// Types `text`; line breaks and other control characters of a paste become spaces.
    pub(super) fn insert(&mut self, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.text.insert_str(self.at, &text);
        self.at += text.len();
    }

    /// Moves or edits; keys that mean nothing here do nothing.
    pub(super) fn key(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if control => self.at = 0,
            KeyCode::Char('e') if control => self.at = self.text.len(),
            KeyCode::Char('u') if control => {
                self.text.drain(..self.at);
                self.at = 0;
            }
            KeyCode::Char('w') if control => self.erase_word(),
            KeyCode::Char(c) if !control => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Left => self.at = self.before(),
            KeyCode::Right => self.at = self.after(),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.text.len(),
            KeyCode::Backspace => {
                let from = self.before();
                self.text.drain(from..self.at);
                self.at = from;
            }
            KeyCode::Delete => {
                let to = self.after();
                self.text.drain(self.at..to);
            }
            _ => {}
        }
    }

    fn before(&self) -> usize {
        self.text[..self.at].char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8())
    }

    fn erase_word(&mut self) {
        let kept = self.text[..self.at].trim_end();
        let from = kept.rfind(' ').map_or(0, |at| at + 1);
        self.text.drain(from..self.at);
        self.at = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[KeyCode]) -> Line {
        let mut line = Line::default();
        keys.iter().for_each(|code| line.key(KeyEvent::new(*code, KeyModifiers::NONE)));
        line
    }

    #[test]
    fn characters_of_any_width_are_edited_whole() {
        use KeyCode::{Backspace, Char, Delete, Left};
        let line = typed(&[Char('ä'), Char('漢'), Left, Char('b'), Delete, Left, Left, Delete]);
        assert_eq!((line.text(), line.halves()), ("b", ("", "b")));
        assert_eq!(typed(&[Backspace, Delete, Left, Char('x'), Backspace]).text(), "");
        let mut line = Line::new("not a secret");
        line.key(KeyEvent::new(Char('w'), KeyModifiers::CONTROL));
        line.insert("key\n\x1b[2J");
        assert_eq!(line.text(), "not a key  [2J");
    }
}
