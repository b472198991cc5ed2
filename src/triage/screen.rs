//! The terminal: taken over for the time of a walk, and given back however it ends.

use std::io::{self, Stdout, Write as _};
use std::panic;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyEventKind,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
    is_raw_mode_enabled,
};

use super::End;
use super::app::App;
use super::view::{self, Look};
use crate::progress::Progress;

/// How often a signal is looked for.
const TICK: Duration = Duration::from_millis(100);

/// The terminal while it shows a triage; gives it back when dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over. From then on a panic gives it back before its message is written.
    ///
    /// # Errors
    /// Whatever the terminal gives; it is as it was then.
    pub fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on it is given back.
        let opened = execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match opened {
            Ok(terminal) => {
                let before = panic::take_hook();
                panic::set_hook(Box::new(move |info| {
                    restore();
                    before(info);
                }));
                Ok(Self { terminal })
            }
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back where it was taken over.
pub fn restore() {
    // To leave the page a second time would put the cursor above what was written since.
    if !is_raw_mode_enabled().unwrap_or(false) {
        return;
    }
    // Nothing is left to do when the terminal is gone.
    let _ = disable_raw_mode();
    let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = io::stdout().flush();
}

/// Shows `app` until the user leaves or `progress` is interrupted.
pub(super) fn walk(mut app: App<'_>, progress: &Progress, color: bool) -> io::Result<End> {
    let mut screen = Screen::open()?;
    while !app.is_done() {
        screen.terminal.draw(|frame| view::draw(&mut app, Look { color }, frame))?;
        if !wait(progress)? {
            return Ok(End::Interrupted(app.board.unsaved()));
        }
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => app.key(key),
            Event::Paste(text) => app.paste(&text),
            // The next drawing takes the new size.
            _ => {}
        }
    }
    Ok(End::Left)
}

/// Waits for an event; false when a signal came first.
fn wait(progress: &Progress) -> io::Result<bool> {
    loop {
        if progress.interrupted() {
            return Ok(false);
        }
        match event::poll(TICK) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            // A signal woke it.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
