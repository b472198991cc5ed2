//! A real terminal: a shell in a tmux of its own, which is asked what it shows.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::common::Place;

/// A shell in a terminal; both end when it is dropped.
pub(crate) struct Terminal {
    socket: PathBuf,
    _folder: TempDir,
}

impl Terminal {
    /// In `place`, with `size` columns and rows.
    pub(crate) fn new(place: &Place, size: (u16, u16)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let terminal = Self { socket: folder.path().join("tmux"), _folder: folder };
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let path = std::env::var("PATH").unwrap();
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_keylint")).parent().unwrap();
        let path = format!("PATH={}:{path}", program.display());
        let home = format!("HOME={}", place.path().display());
        let folder = place.path().to_str().unwrap();
        let made = ["new-session", "-d", "-x", &columns, "-y", &rows, "-c", folder];
        let shell = ["env", "-i", &path, &home, "TERM=screen-256color", "LC_ALL=C.UTF-8", "sh"];
        terminal.tmux(&[&["-f", "/dev/null", "-u"], &made[..], &shell].concat());
        terminal.enter("PS1='ready> '");
        terminal.wait("ready> ");
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } =
            Command::new("tmux").arg("-S").arg(&self.socket).args(args).output().unwrap();
        assert!(status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// Presses keys, by their tmux names.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Types `text` and Enter.
    pub(crate) fn enter(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.press(&["Enter"]);
    }

    /// Pastes `text` as terminals do.
    pub(crate) fn paste(&self, text: &str) {
        self.tmux(&["set-buffer", text]);
        self.tmux(&["paste-buffer", "-p"]);
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows]);
    }

    /// What is shown.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// What is shown, with its colours as escape sequences.
    pub(crate) fn coloured(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// True while a program has the whole page.
    pub(crate) fn is_taken(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{alternate_on}"]).trim() == "1"
    }

    /// Waits until `text` is shown and nothing changes any more, and gives all that is shown; fails when it
    /// never comes. A page reaches the terminal in parts, which can be far apart on a busy machine.
    pub(crate) fn wait(&self, text: &str) -> String {
        let mut last = String::new();
        for _ in 0..1200 {
            let screen = self.screen();
            let shown = screen.contains(text);
            if shown && screen == last {
                return screen;
            }
            last = screen;
            sleep(Duration::from_millis(if shown { 15 } else { 50 }));
        }
        panic!("no {text:?} in:\n{}", self.screen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have gone with its shell.
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
