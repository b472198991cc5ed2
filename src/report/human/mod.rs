//! The report for people: the findings of a file together, a block each with the caret under the
//! redacted secret, and a summary.

mod fit;
mod link;
mod summary;

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Ansi};

use crate::blob::Provenance;
use crate::finding::{Finding, Report, Severity, Status, Suppression, Verification};
use crate::report::{Style, allowed_by, in_checkout};
use crate::text::{plain, shown};
use fit::{around, columns, room, wrap};

pub use link::Links;
pub(super) use summary::{messages, tally};

const BOLD: Ansi = Ansi::new().bold();
pub(super) const DIM: Ansi = Ansi::new().dimmed();
const BLUE: Ansi = AnsiColor::Blue.on_default().bold();
pub(super) const GREEN: Ansi = AnsiColor::Green.on_default();
const YELLOW: Ansi = AnsiColor::Yellow.on_default().bold();
pub(super) const RED: Ansi = AnsiColor::Red.on_default().bold();

fn colour(severity: Severity) -> Ansi {
    match severity {
        Severity::Critical | Severity::High => RED,
        Severity::Medium => YELLOW,
        Severity::Low | Severity::Info => AnsiColor::Cyan.on_default().bold(),
    }
}

pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let same = |a: &Finding, b: &Finding| path(a) == path(b);
    // Where each check's remedy stands: it is written once.
    let mut told = BTreeMap::new();
    for group in report.findings.chunk_by(same) {
        if let [first, _, ..] = group {
            let (name, n) = (path(first), group.len());
            writeln!(out, "{BOLD}{name}{BOLD:#}{DIM}: {n} findings{DIM:#}\n")?;
        }
        for finding in group {
            Block::new(report, finding, style).write(&mut told, out)?;
        }
    }
    if style.verbose {
        for (finding, why) in &report.suppressed {
            let why = match allowed_by(why) {
                (what, Some(reason)) => {
                    format!("{what}: {reason}", reason = plain(reason.as_bytes()))
                }
                (what, None) => what,
            };
            let place = place(finding);
            writeln!(out, "{DIM}allowed[{check}] {place} ({why}){DIM:#}", check = finding.check)?;
        }
    } else if !style.quiet {
        rotated(report, out)?;
    }
    messages(report, style, out)?;
    if style.quiet { Ok(()) } else { summary::render(report, style, out) }
}

/// Dead keys that can still be taken out of the files; those of the history stay where they are.
fn rotated(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for (finding, why) in report.suppressed.iter().filter(|(finding, _)| in_checkout(finding)) {
        let Suppression::Baseline(mark) = why else { continue };
        if mark.status == Some(Status::Rotated) {
            let (check, place) = (&finding.check, place(finding));
            let why = plain(mark.line().unwrap_or_default().as_bytes());
            writeln!(out, "{DIM}rotated[{check}] {place} still holds it ({why}){DIM:#}")?;
        }
    }
    Ok(())
}

fn path(finding: &Finding) -> String {
    match &finding.location.provenance {
        Provenance::File { shown: path, .. }
        | Provenance::Member { shown: path, .. }
        | Provenance::Index { path, .. }
        | Provenance::Commit { path, .. } => shown(path),
        other @ (Provenance::Stdin | Provenance::Blob { .. }) => shown(other.shown().as_bytes()),
    }
}

fn place(finding: &Finding) -> String {
    let start = finding.location.start;
    format!(
        "{path}:{line}:{column}",
        path = path(finding),
        line = start.line,
        column = start.column
    )
}

/// One finding.
struct Block<'r> {
    report: &'r Report,
    finding: &'r Finding,
    style: Style,
    links: Links,
    /// As wide as the number of the line.
    pad: String,
}

impl<'r> Block<'r> {
    fn new(report: &'r Report, finding: &'r Finding, style: Style) -> Self {
        let pad = " ".repeat(finding.location.start.line.to_string().len());
        Self { report, finding, style, links: style.links.unwrap_or_default(), pad }
    }

    fn write(&self, told: &mut BTreeMap<&'r str, String>, out: &mut dyn Write) -> io::Result<()> {
        let (finding, pad) = (self.finding, &self.pad);
        self.title(out)?;
        let place = self.links.place(finding, &place(finding));
        writeln!(out, "{pad}{BLUE}-->{BLUE:#} {place}")?;
        self.commit(out)?;
        self.excerpt(out)?;
        self.evidence(out)?;
        if finding.verification != Verification::SKIPPED {
            writeln!(out, "{pad} {BLUE}={BLUE:#} {text}", text = verified(&finding.verification))?;
        }
        self.advice(told, out)?;
        writeln!(out)
    }

    /// What was found.
    fn title(&self, out: &mut dyn Write) -> io::Result<()> {
        let finding = self.finding;
        let (tint, severity) = (colour(finding.severity), finding.severity.name());
        let head = format!("{severity}[{check}]", check = plain(finding.check.as_bytes()));
        let sure = format!("({name} confidence)", name = finding.confidence.name());
        let (first, rest) = (room(self.style.width, columns(&head) + 2), room(self.style.width, 2));
        let lines = wrap(&plain(finding.message.as_bytes()), first, rest);
        let last = lines.last().map_or(0, |line| columns(line));
        let left = if lines.len() == 1 { first } else { rest };
        let gap = if last + 1 + columns(&sure) > left { "\n  " } else { " " };
        writeln!(
            out,
            "{tint}{head}{tint:#}{BOLD}: {message}{BOLD:#}{gap}{DIM}{sure}{DIM:#}",
            message = lines.join("\n  ")
        )
    }

    /// Since when it is in the history.
    fn commit(&self, out: &mut dyn Write) -> io::Result<()> {
        let Provenance::Commit { commit, in_head, .. } = &self.finding.location.provenance else {
            return Ok(());
        };
        let day = commit.date.get(..10).unwrap_or(&commit.date);
        let still = if *in_head { "still at HEAD" } else { "no longer at HEAD" };
        let versions = match self.finding.blobs {
            1 => String::new(),
            n => format!(", in {n} versions of the file"),
        };
        let text = format!(
            "{id} {day} {author} <{email}>, {still}{versions}",
            id = commit.id.short(10),
            author = plain(commit.author.as_bytes()),
            email = plain(commit.email.as_bytes())
        );
        self.note(("first commit", Ansi::new(), " "), &text, out)
    }

    /// The line, cut around what is marked in it.
    fn excerpt(&self, out: &mut dyn Write) -> io::Result<()> {
        let location = &self.finding.location;
        let (pad, tint) = (&self.pad, colour(self.finding.severity));
        let number = location.start.line;
        let text = plain(location.excerpt.text.as_bytes());
        let room = room(self.style.width, pad.len() + 3);
        let shown = around(&text, location.excerpt.mark.clone(), room);
        let (gap, carets) = (" ".repeat(shown.before), "^".repeat(shown.mark.max(1)));
        writeln!(out, "{pad} {BLUE}|{BLUE:#}")?;
        writeln!(out, "{BLUE}{number} |{BLUE:#} {text}", text = shown.text)?;
        writeln!(out, "{pad} {BLUE}|{BLUE:#} {gap}{tint}{carets}{tint:#}")
    }

    /// How the secret was found: decodings and rival providers always, all evidence with `--explain`.
    fn evidence(&self, out: &mut dyn Write) -> io::Result<()> {
        let (finding, explain) = (self.finding, self.style.explain);
        for part in &finding.parts {
            let value = plain(part.secret.display(self.style.show_secrets).as_bytes());
            let text =
                format!("{name} {value} on line {line}", name = part.name, line = part.start.line);
            self.note(("with", DIM, ": "), &text, out)?;
        }
        for piece in &finding.evidence {
            match piece.weight {
                0 => self.note(("note", DIM, ": "), &piece.what, out)?,
                n if explain => {
                    self.note((&format!("{n:>+3}"), Ansi::new(), "  "), &piece.what, out)?;
                }
                _ => {}
            }
        }
        let unnamed = finding.candidates.iter().all(|candidate| candidate.check != finding.check);
        if !finding.candidates.is_empty() && (unnamed || explain) {
            let names: Vec<String> = finding
                .candidates
                .iter()
                .map(|candidate| format!("{} ({:+})", candidate.vendor, candidate.score))
                .collect();
            self.note(("could be", Ansi::new(), ": "), &names.join(", "), out)?;
        }
        Ok(())
    }

    /// What to do about it: the check's remedy where it is not told yet, then what holds here alone.
    fn advice(&self, told: &mut BTreeMap<&'r str, String>, out: &mut dyn Write) -> io::Result<()> {
        let finding = self.finding;
        if let Some(check) = self.report.checks.get(&finding.check) {
            if let Some(place) = told.get(finding.check.as_str()).filter(|_| !self.style.verbose) {
                self.note(("fix", GREEN, ": "), &format!("as for {place} above"), out)?;
            } else {
                told.insert(&finding.check, place(finding));
                self.note(("fix", GREEN, ": "), &check.remediation, out)?;
                if !check.env.is_empty() {
                    let names = format!("read it from {}", check.env.join(" or "));
                    self.note(("env", GREEN, ": "), &names, out)?;
                }
                if let Some(page) = &check.rotate {
                    let link = self.links.page(page, &plain(page.as_bytes()));
                    let pad = &self.pad;
                    writeln!(out, "{pad} {BLUE}={BLUE:#} {GREEN}rotate{GREEN:#}: {link}")?;
                }
            }
        }
        finding.advice.notes.iter().try_for_each(|note| self.note(("note", GREEN, ": "), note, out))
    }

    /// A line of the block: a name, what parts it from the text, and the text, wrapped below itself.
    fn note(
        &self,
        (name, tint, part): (&str, Ansi, &str),
        text: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let pad = &self.pad;
        let used = pad.len() + 3 + columns(name) + columns(part);
        let left = room(self.style.width, used);
        let lines = wrap(&plain(text.as_bytes()), left, left);
        let text = lines.join(&format!("\n{gap}", gap = " ".repeat(used)));
        writeln!(out, "{pad} {BLUE}={BLUE:#} {tint}{name}{tint:#}{part}{text}")
    }
}

/// What asking the vendor showed, on one line.
pub(super) fn verified(verification: &Verification) -> String {
    let (tint, name) = match verification {
        Verification::Live { .. } => (RED, "live"),
        Verification::LiveRestricted { .. } => (RED, "live, restricted"),
        Verification::Revoked { .. } => (GREEN, "revoked"),
        Verification::Unknown { .. } => (YELLOW, "not known whether it is live"),
        Verification::NotTried { .. } => (DIM, "not verified"),
    };
    let detail = verification.detail().map(|detail| format!(": {}", plain(detail.as_bytes())));
    format!("{tint}{name}{tint:#}{detail}", detail = detail.unwrap_or_default())
}
