//! What the terminal on standard output can do, and writing to it.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice as Ansi};

use keylint::report::{Links, Style};
use keylint::text::plain_lines;

/// Writes what `render` makes to standard output, as wide and with what links its terminal has.
pub(crate) fn write(
    mut style: Style,
    color: Ansi,
    render: &dyn Fn(Style, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let mut links = Links::NONE;
    if stdout.is_terminal() {
        style.width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        links = known(&|name| std::env::var(name).ok());
    }
    let links = *style.links.get_or_insert(links);
    let color = if color == Ansi::Auto { AutoStream::choice(&stdout) } else { color };
    if color == Ansi::Never && links != Links::NONE {
        // A stream without colours would take the links out, too.
        let mut text = Vec::new();
        render(style, &mut text)?;
        stdout.write_all(&without_colours(&text))?;
        return stdout.flush();
    }
    let mut out = AutoStream::new(stdout, color);
    render(style, &mut out)?;
    out.flush()
}

/// `text`, which quotes files of a repository, for standard output: on a terminal nothing in it acts.
pub(crate) fn quoted(text: &str) -> Cow<'_, str> {
    match io::stdout().is_terminal() {
        true => Cow::Owned(plain_lines(text)),
        false => Cow::Borrowed(text),
    }
}

/// `text` without the sequences that colour it. There are no others with a bracket in a report.
fn without_colours(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\x1b[") {
        plain.extend_from_slice(&rest[..at]);
        let end = rest[at..].iter().position(|&b| b == b'm').map_or(rest.len(), |n| at + n + 1);
        rest = &rest[end..];
    }
    plain.extend_from_slice(rest);
    plain
}

/// The links that the terminal described by `env` is known to open.
fn known(env: &dyn Fn(&str) -> Option<String>) -> Links {
    let (term, program) =
        (env("TERM").unwrap_or_default(), env("TERM_PROGRAM").unwrap_or_default());
    let version = |name: &str| {
        let text = env(name).unwrap_or_default();
        let mut parts = text.split('.').map(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().unwrap_or(0)
        });
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    // What is said of the terminal around a multiplexer does not hold within it.
    let within = env("TMUX").is_some() || env("STY").is_some() || term.starts_with("screen");
    let opens = if within || program == "tmux" {
        program == "tmux" && version("TERM_PROGRAM_VERSION") >= (3, 4)
    } else {
        term.starts_with("foot")
            || matches!(term.as_str(), "xterm-kitty" | "xterm-ghostty" | "alacritty" | "contour")
            || matches!(
                program.as_str(),
                "iTerm.app" | "WezTerm" | "vscode" | "ghostty" | "Hyper" | "Tabby" | "rio" | "zed"
            )
            || ["WT_SESSION", "DOMTERM", "KITTY_WINDOW_ID"].iter().any(|name| env(name).is_some())
            || version("VTE_VERSION") >= (5000, 0)
            || version("KONSOLE_VERSION") >= (20_12_00, 0)
    };
    Links {
        pages: opens,
        // Over ssh a file is on another machine than the terminal.
        files: opens && env("SSH_CONNECTION").is_none(),
        lines: term == "xterm-kitty" || matches!(program.as_str(), "iTerm.app" | "vscode"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Links {
        known(&|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned()))
    }

    #[test]
    fn links_are_for_terminals_that_open_them() {
        let without_lines = Links { lines: false, ..Links::ALL };
        assert_eq!(of(&[]), Links::NONE);
        assert_eq!(of(&[("TERM", "xterm-256color")]), Links::NONE);
        assert_eq!(of(&[("TERM", "xterm-kitty")]), Links::ALL);
        assert_eq!(of(&[("TERM_PROGRAM", "vscode")]), Links::ALL);
        assert_eq!(of(&[("VTE_VERSION", "7006")]), without_lines);
        assert_eq!(of(&[("VTE_VERSION", "4000")]), Links::NONE);
        assert!(!of(&[("TERM", "foot"), ("SSH_CONNECTION", "a b")]).files);
        let tmux = [("TMUX", "x"), ("VTE_VERSION", "7006"), ("TERM_PROGRAM", "tmux")];
        let with = |version| of(&[tmux.as_slice(), &[("TERM_PROGRAM_VERSION", version)]].concat());
        assert_eq!(with("3.4"), without_lines);
        assert_eq!(with("3.10a"), without_lines);
        assert_eq!(with("3.3a"), Links::NONE);
    }

    #[test]
    fn links_stay_without_colours() {
        let text = b"\x1b[1;31mred\x1b[0m \x1b]8;;https://a\x1b\\link\x1b]8;;\x1b\\ \x1b[";
        assert_eq!(without_colours(text), b"red \x1b]8;;https://a\x1b\\link\x1b]8;;\x1b\\ ");
    }
}
