//! What the details of a finding say, line by line: place, context, evidence, remedy, mark.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line as Row, Span};

use super::board::Board;
use super::view::Look;
use crate::blob::Provenance;
use crate::finding::{Finding, Verification};
use crate::text::plain;

/// A label and its text, as `label: text`.
fn field(label: &str, text: &str, look: Look) -> Row<'static> {
    Row::from(vec![
        Span::styled(format!("{label}: "), look.dim()),
        Span::raw(plain(text.as_bytes())),
    ])
}

/// All that is known of the finding `number`.
pub(super) fn lines(board: &Board, number: usize, look: Look) -> Vec<Row<'static>> {
    let finding = board.finding(number);
    let mut lines = vec![
        Row::from(vec![
            Span::styled(finding.severity.name(), look.severity(finding.severity)),
            Span::styled(format!("[{check}]", check = finding.check), look.bold()),
            Span::raw(format!(" ({sure} confidence)", sure = finding.confidence.name())),
        ]),
        Row::raw(plain(finding.message.as_bytes())),
        excerpt(finding, look),
    ];
    lines.extend(decided(board, number, look));
    lines.extend(origin(finding, look));
    lines.extend(evidence(finding, look));
    if finding.verification != Verification::SKIPPED {
        let detail = finding.verification.detail().map(|detail| format!(", {detail}"));
        let name = finding.verification.name();
        lines.push(field("vendor", &format!("{name}{}", detail.unwrap_or_default()), look));
    }
    if let Some(check) = board.check(number) {
        lines.push(field("fix", &check.remediation, look));
        if !check.env.is_empty() {
            lines.push(field("env", &format!("read it from {}", check.env.join(" or ")), look));
        }
        lines.extend(check.rotate.as_ref().map(|page| field("rotate", page, look)));
    }
    lines.extend(finding.advice.notes.iter().map(|note| field("note", note, look)));
    lines
}

/// The line of the finding, its value redacted and marked.
fn excerpt(finding: &Finding, look: Look) -> Row<'static> {
    let (text, mark) = (&finding.location.excerpt.text, &finding.location.excerpt.mark);
    let part = |from: usize, to: usize| {
        let part: String = text.chars().skip(from).take(to.saturating_sub(from)).collect();
        plain(part.as_bytes())
    };
    let value = Style::new().add_modifier(Modifier::UNDERLINED).add_modifier(Modifier::BOLD);
    Row::from(vec![
        Span::styled(format!("{line} | ", line = finding.location.start.line), look.dim()),
        Span::raw(part(0, mark.start)),
        Span::styled(part(mark.start, mark.end), value),
        Span::raw(part(mark.end, usize::MAX)),
    ])
}

/// The mark, and for how many places it holds.
fn decided(board: &Board, number: usize, look: Look) -> Vec<Row<'static>> {
    let (mark, saved) = board.mark(number);
    let mut lines = Vec::new();
    if let Some(mark) = mark {
        let text = mark.line().unwrap_or_else(|| "in the baseline, without a reason".to_owned());
        let text = if saved { text } else { format!("{text}; not saved") };
        lines.push(Row::from(vec![
            Span::styled("mark: ", look.dim()),
            Span::styled(plain(text.as_bytes()), look.good()),
        ]));
    }
    let places = board.places(number);
    if places > 1 {
        let text = format!("the value is found {places} times at this path; a mark is for all");
        lines.push(field("places", &text, look));
    }
    lines
}

/// Where the history has it from.
fn origin(finding: &Finding, look: Look) -> Option<Row<'static>> {
    let Provenance::Commit { commit, in_head, .. } = &finding.location.provenance else {
        return None;
    };
    let day = commit.date.get(..10).unwrap_or(&commit.date);
    let still = if *in_head { "still at HEAD" } else { "no longer at HEAD" };
    let text = format!(
        "{id} {day} {author}: {subject}; {still}",
        id = commit.id.short(10),
        author = commit.author,
        subject = commit.subject
    );
    Some(field("first commit", &text, look))
}

/// For and against, with weights; then the providers it may belong to.
fn evidence(finding: &Finding, look: Look) -> Vec<Row<'static>> {
    let part = |part: &crate::finding::Part| {
        let (value, line) = (part.secret.redacted(), part.start.line);
        field("with", &format!("{name} {value} on line {line}", name = part.name), look)
    };
    let piece = |piece: &crate::finding::Evidence| match piece.weight {
        0 => field("seen", &piece.what, look),
        n => field("seen", &format!("{n:+} {what}", what = piece.what), look),
    };
    let mut lines: Vec<Row<'static>> = finding.parts.iter().map(part).collect();
    lines.extend(finding.evidence.iter().map(piece));
    if !finding.candidates.is_empty() {
        let of = |c: &crate::finding::Ranked| format!("{} ({:+})", c.vendor, c.score);
        let all: Vec<String> = finding.candidates.iter().map(of).collect();
        lines.push(field("could be", &all.join(", "), look));
    }
    lines
}
