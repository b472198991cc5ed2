//! Draws a triage: a line that says where one is, the list, the details of the selected finding, a
//! line for messages and prompts, and one for the keys. All text of others is made plain first.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Wrap};

use super::app::{App, KEYS, Mode, Tone};
use super::details;
use super::line::Line;
use crate::finding::{Finding, Mark, Severity, Status};
use crate::text::{plain, shown};

/// Below this nothing can be shown that makes sense.
const LEAST: (u16, u16) = (40, 10);

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) color: bool,
}

impl Look {
    pub(super) fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn colour(self, colour: Color) -> Style {
        if self.color { self.bold().fg(colour) } else { self.bold() }
    }

    pub(super) fn severity(self, severity: Severity) -> Style {
        self.colour(match severity {
            Severity::Critical | Severity::High => Color::Red,
            Severity::Medium => Color::Yellow,
            Severity::Low | Severity::Info => Color::Cyan,
        })
    }

    pub(super) fn good(self) -> Style {
        self.colour(Color::Green)
    }

    fn fault(self) -> Style {
        self.colour(Color::Red)
    }
}

/// Draws `app` over all of the frame.
pub(super) fn draw(app: &mut App<'_>, look: Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("too small: {} by {} is the least", LEAST.0, LEAST.1);
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
    }
    // Head, message and keys take three lines; the details get more of the rest than the list.
    let list = ((area.height - 3) * 2 / 5).max(3);
    let parts = [
        Constraint::Length(1),
        Constraint::Length(list),
        Constraint::Min(3),
        Constraint::Length(1),
        Constraint::Length(1),
    ];
    let [head, list, details, message, keys] = Layout::vertical(parts).areas(area);
    frame.render_widget(Paragraph::new(heading(app, look)), head);
    frame.render_widget(Paragraph::new(rows(app, look, list)), list);
    pane(app, look, details, frame);
    bottom(app, look, message, frame);
    frame.render_widget(hints(app, look), keys);
    if app.mode == Mode::Help {
        help(look, area, frame);
    }
}

fn heading(app: &App<'_>, look: Look) -> Row<'static> {
    let board = &app.board;
    let at = if board.view().is_empty() { 0 } else { board.position() + 1 };
    let (count, open) = (board.view().len(), board.open());
    let mut text = format!(" keylint triage  {at}/{count}  {open} open");
    if board.len() > count {
        text += &format!("  {hidden} hidden", hidden = board.len() - count);
    }
    if board.unsaved() > 0 {
        text += &format!("  {n} not saved", n = board.unsaved());
    }
    if !board.filter().text().is_empty() {
        text += &format!("  filter: {filter}", filter = plain(board.filter().text().as_bytes()));
    }
    Row::styled(text, look.bold().add_modifier(Modifier::REVERSED))
}

/// The rows of the list around the selected one.
fn rows(app: &App<'_>, look: Look, area: Rect) -> Vec<Row<'static>> {
    let board = &app.board;
    if board.view().is_empty() {
        let why = match board.shows_all() {
            true => " nothing has what the filter asks for; Esc takes it away",
            false => " nothing here; b shows what is in the baseline, Esc takes the filter away",
        };
        return vec![Row::raw(why)];
    }
    let height = usize::from(area.height);
    let first = board.position().saturating_sub(height / 2);
    let first = first.min(board.view().len().saturating_sub(height));
    let near = board.view().iter().enumerate().skip(first).take(height);
    let row = |(at, &number): (usize, &usize)| {
        let (mark, saved) = board.mark(number);
        let chosen = at == board.position();
        row(board.finding(number), (mark, saved, chosen), look, usize::from(area.width))
    };
    near.map(row).collect()
}

fn row(
    finding: &Finding,
    (mark, saved, chosen): (Option<&Mark>, bool, bool),
    look: Look,
    width: usize,
) -> Row<'static> {
    let state = match mark.map(|mark| mark.status) {
        None => "",
        Some(None) => "baseline",
        Some(Some(Status::FalsePositive)) => "false pos",
        Some(Some(status)) => status.words(),
    };
    let (pointer, star) = (if chosen { '>' } else { ' ' }, if saved { ' ' } else { '*' });
    let start = format!("{pointer}{star}{state:<9} ");
    let severity = format!("{:<8} ", finding.severity.name());
    let room = width.saturating_sub(start.len() + severity.len() + 1);
    let wide = 27.min(room / 2);
    let check = fit(&finding.check, wide, false);
    let place = fit(&place(finding), room - wide, true);
    let mut style = if mark.is_some() { look.dim() } else { Style::new() };
    if chosen {
        style = style.add_modifier(Modifier::REVERSED);
    }
    let spans = vec![
        Span::raw(start),
        Span::styled(
            severity,
            if mark.is_some() { style } else { look.severity(finding.severity) },
        ),
        Span::raw(format!("{check:<wide$} ")),
        Span::raw(place),
    ];
    Row::from(spans).style(style)
}

/// `path:line`, and the commit where the finding is one of the history.
pub(super) fn place(finding: &Finding) -> String {
    let location = &finding.location;
    let path = shown(location.provenance.shown().as_bytes());
    let commit = match &location.provenance {
        crate::blob::Provenance::Commit { commit, .. } => format!(" @{}", commit.id.short(10)),
        _ => String::new(),
    };
    format!("{path}:{line}{commit}", line = location.start.line)
}

/// `text` in at most `width` columns: what is too much goes from its end, or its start.
fn fit(text: &str, width: usize, keep_end: bool) -> String {
    if Span::raw(text).width() <= width {
        return text.to_owned();
    }
    let mut kept: Vec<char> = Vec::new();
    let mut used = 1;
    let mut take = |c: char| {
        used += Span::raw(c.to_string()).width();
        used <= width && {
            kept.push(c);
            true
        }
    };
    if keep_end {
        text.chars().rev().take_while(|c| take(*c)).for_each(drop);
        kept.reverse();
        format!("…{kept}", kept = kept.iter().collect::<String>())
    } else {
        text.chars().take_while(|c| take(*c)).for_each(drop);
        format!("{kept}…", kept = kept.iter().collect::<String>())
    }
}

fn pane(app: &mut App<'_>, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let Some(number) = app.board.selected() else { return };
    let lines = details::lines(app.board, number, look);
    let title = format!(" {place} ", place = place(app.board.finding(number)));
    let title = fit(&title, usize::from(area.width).saturating_sub(4), true);
    let block = Block::new().borders(Borders::TOP).title(title);
    // A line that wraps at words may take one row more than its width says.
    let width = usize::from(area.width.max(1));
    let rows = |line: &Row<'_>| line.width().div_ceil(width) + usize::from(line.width() > width);
    let all: usize = lines.iter().map(|line| rows(line).max(1)).sum();
    let most = all.saturating_sub(usize::from(area.height.saturating_sub(1)));
    app.scroll = app.scroll.min(u16::try_from(most).unwrap_or(u16::MAX));
    let text = Paragraph::new(lines).wrap(Wrap { trim: false }).block(block);
    frame.render_widget(text.scroll((app.scroll, 0)), area);
}

/// A prompt with its cursor, a question, or what the last key did.
fn bottom(app: &App<'_>, look: Look, area: Rect, frame: &mut Frame<'_>) {
    let prompt = match &app.mode {
        Mode::Reason { status, numbers, line } => {
            let count = numbers.len();
            let what = if count == 1 { String::new() } else { format!(" {count} findings") };
            Some((format!("reason, {words}{what}: ", words = status.words()), line))
        }
        Mode::Filter(line) => Some(("filter: ".to_owned(), line)),
        _ => None,
    };
    if let Some((label, line)) = prompt {
        return ask(&label, line, (look, area), frame);
    }
    let (style, text) = match (&app.mode, &app.said) {
        (Mode::Quit, _) => {
            let text = format!(
                "{n} not saved: s save and leave, d discard, Esc stay",
                n = app.board.unsaved()
            );
            (look.fault(), text)
        }
        (_, (Tone::Fault, text)) => (look.fault(), text.clone()),
        (_, (Tone::Plain, text)) => (look.bold(), text.clone()),
    };
    frame.render_widget(Paragraph::new(plain(text.as_bytes())).style(style), area);
}

/// Shows what is typed around the cursor.
fn ask(label: &str, line: &Line, (look, area): (Look, Rect), frame: &mut Frame<'_>) {
    let (before, after) = line.halves();
    let room = usize::from(area.width).saturating_sub(label.len() + 1);
    let before = fit(&plain(before.as_bytes()), room, true);
    let column = label.len() + Span::raw(before.as_str()).width();
    let row = Row::from(vec![
        Span::styled(label.to_owned(), look.bold()),
        Span::raw(before),
        Span::raw(plain(after.as_bytes())),
    ]);
    frame.render_widget(Paragraph::new(row), area);
    frame.set_cursor_position((area.x + u16::try_from(column).unwrap_or(area.width), area.y));
}

/// The keys that matter now; below a prompt what was wrong with what was typed.
fn hints(app: &App<'_>, look: Look) -> Paragraph<'static> {
    let keys = match (&app.mode, &app.said) {
        (Mode::Reason { .. } | Mode::Filter(_), (Tone::Fault, text)) => {
            return Paragraph::new(plain(text.as_bytes())).style(look.fault());
        }
        (Mode::Reason { .. }, _) => "Enter mark  Up last reason  Esc cancel",
        (Mode::Filter(_), _) => {
            "Enter filter  Esc cancel   severity: rule: path: status: TEXT -TERM"
        }
        _ => "f false positive  a accepted  r rotated  x unmark  u undo  / filter  s save  ?",
    };
    Paragraph::new(keys).style(look.dim())
}

fn help(look: Look, area: Rect, frame: &mut Frame<'_>) {
    let inner = area.inner(Margin { horizontal: 1, vertical: 1 });
    let row = |(keys, what): &(&str, &str)| {
        Row::from(vec![
            Span::styled(format!(" {keys:<15} "), look.bold()),
            Span::raw((*what).to_owned()),
        ])
    };
    let lines: Vec<Row<'_>> = KEYS.iter().map(row).collect();
    let block = Block::bordered().title(" keys; any key closes this ");
    frame.render_widget(Clear, inner);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), inner);
}
