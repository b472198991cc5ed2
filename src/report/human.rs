//! The report for people: a block a finding, the caret under the redacted secret, and a summary.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Ansi};

use crate::blob::Provenance;
use crate::finding::{Finding, Report, Severity, Stats, Verification};
use crate::report::{Style, allowed_by};
use crate::text::plain;

const BOLD: Ansi = Ansi::new().bold();
pub(super) const DIM: Ansi = Ansi::new().dimmed();
const BLUE: Ansi = AnsiColor::Blue.on_default().bold();
pub(super) const GREEN: Ansi = AnsiColor::Green.on_default();
const YELLOW: Ansi = AnsiColor::Yellow.on_default().bold();
pub(super) const RED: Ansi = AnsiColor::Red.on_default().bold();
/// Problems and notices shown without `--verbose`.
const FEW: usize = 10;

fn colour(severity: Severity) -> Ansi {
    match severity {
        Severity::Critical | Severity::High => RED,
        Severity::Medium => YELLOW,
        Severity::Low | Severity::Info => AnsiColor::Cyan.on_default().bold(),
    }
}

pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        block(report, finding, style, out)?;
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
    }
    messages(report, style, out)?;
    if style.quiet { Ok(()) } else { summary(report, style, out) }
}

/// Notices, then problems.
pub(super) fn messages(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    list(out, "notice", YELLOW, &report.notices, style)?;
    let problems: Vec<String> = report
        .problems
        .iter()
        .map(|problem| format!("{place}: {text}", place = problem.place, text = problem.message))
        .collect();
    list(out, "error", RED, &problems, style)
}

fn place(finding: &Finding) -> String {
    let location = &finding.location;
    let (path, start) = (plain(location.provenance.shown().as_bytes()), location.start);
    format!("{path}:{line}:{column}", line = start.line, column = start.column)
}

fn block(report: &Report, finding: &Finding, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (location, severity) = (&finding.location, finding.severity);
    let (tint, name) = (colour(severity), severity.name());
    let sure = finding.confidence.name();
    writeln!(
        out,
        "{tint}{name}[{check}]{tint:#}{BOLD}: {message}{BOLD:#} {DIM}({sure} confidence){DIM:#}",
        check = finding.check,
        message = finding.message
    )?;
    let number = location.start.line.to_string();
    let pad = " ".repeat(number.len());
    writeln!(out, "{pad}{BLUE}-->{BLUE:#} {place}", place = place(finding))?;
    if let Provenance::Commit { commit, in_head, .. } = &location.provenance {
        let day = commit.date.get(..10).unwrap_or(&commit.date);
        let still = if *in_head { "still at HEAD" } else { "no longer at HEAD" };
        let versions = match finding.blobs {
            1 => String::new(),
            n => format!(", in {n} versions of the file"),
        };
        writeln!(
            out,
            "{pad} {BLUE}={BLUE:#} first commit {id} {day} {author} <{email}>, {still}{versions}",
            id = commit.id.short(10),
            author = plain(commit.author.as_bytes()),
            email = plain(commit.email.as_bytes())
        )?;
    }
    let (text, mark) = (&location.excerpt.text, &location.excerpt.mark);
    let (shown, from) = fit(text, mark.start, mark.len(), style.width, number.len());
    let carets = "^".repeat(mark.len().max(1));
    let gap = " ".repeat(from);
    writeln!(out, "{pad} {BLUE}|{BLUE:#}")?;
    writeln!(out, "{BLUE}{number} |{BLUE:#} {shown}")?;
    writeln!(out, "{pad} {BLUE}|{BLUE:#} {gap}{tint}{carets}{tint:#}")?;
    evidence(finding, style, &pad, out)?;
    if finding.verification != Verification::SKIPPED {
        writeln!(out, "{pad} {BLUE}={BLUE:#} {text}", text = verified(&finding.verification))?;
    }
    advice(report, finding, &pad, out)?;
    writeln!(out)
}

/// What to do about it: the check's remedy, then what holds here alone.
fn advice(report: &Report, finding: &Finding, pad: &str, out: &mut dyn Write) -> io::Result<()> {
    if let Some(check) = report.checks.get(&finding.check) {
        writeln!(
            out,
            "{pad} {BLUE}={BLUE:#} {GREEN}fix{GREEN:#}: {text}",
            text = check.remediation
        )?;
        if !check.env.is_empty() {
            let names = check.env.join(" or ");
            writeln!(out, "{pad} {BLUE}={BLUE:#} {GREEN}env{GREEN:#}: read it from {names}")?;
        }
        if let Some(rotate) = &check.rotate {
            writeln!(out, "{pad} {BLUE}={BLUE:#} {GREEN}rotate{GREEN:#}: {rotate}")?;
        }
    }
    for note in &finding.advice.notes {
        let note = plain(note.as_bytes());
        writeln!(out, "{pad} {BLUE}={BLUE:#} {GREEN}note{GREEN:#}: {note}")?;
    }
    Ok(())
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

/// How many findings are live, revoked and so on; empty when nothing was verified.
pub(super) fn tally(findings: &[Finding]) -> String {
    let mut counts: BTreeMap<u8, (&str, usize)> = BTreeMap::new();
    for finding in findings.iter().filter(|f| f.verification != Verification::SKIPPED) {
        let (at, name) = match finding.verification {
            Verification::Live { .. } => (0, "live"),
            Verification::LiveRestricted { .. } => (1, "live, restricted"),
            Verification::Revoked { .. } => (2, "revoked"),
            Verification::Unknown { .. } => (3, "not known"),
            Verification::NotTried { .. } => (4, "not verified"),
        };
        counts.entry(at).or_insert((name, 0)).1 += 1;
    }
    let parts: Vec<String> = counts.values().map(|(name, n)| format!("{n} {name}")).collect();
    parts.join("; ")
}

/// How the secret was found: decodings and rival providers always, all evidence with `--explain`.
fn evidence(finding: &Finding, style: Style, pad: &str, out: &mut dyn Write) -> io::Result<()> {
    for part in &finding.parts {
        writeln!(
            out,
            "{pad} {BLUE}={BLUE:#} {DIM}with{DIM:#}: {name} {value} on line {line}",
            name = part.name,
            value = plain(part.secret.display(style.show_secrets).as_bytes()),
            line = part.start.line
        )?;
    }
    for piece in &finding.evidence {
        let what = plain(piece.what.as_bytes());
        match piece.weight {
            0 => writeln!(out, "{pad} {BLUE}={BLUE:#} {DIM}note{DIM:#}: {what}")?,
            n if style.explain => writeln!(out, "{pad} {BLUE}={BLUE:#} {n:>+3}  {what}")?,
            _ => {}
        }
    }
    let unnamed = finding.candidates.iter().all(|candidate| candidate.check != finding.check);
    if !finding.candidates.is_empty() && (unnamed || style.explain) {
        let names: Vec<String> = finding
            .candidates
            .iter()
            .map(|candidate| format!("{} ({:+})", candidate.vendor, candidate.score))
            .collect();
        writeln!(out, "{pad} {BLUE}={BLUE:#} could be: {names}", names = names.join(", "))?;
    }
    Ok(())
}

/// Cuts `text` on the left so that its marked part fits `width`; says where the mark starts then.
fn fit(
    text: &str,
    start: usize,
    len: usize,
    width: Option<usize>,
    gutter: usize,
) -> (String, usize) {
    let room = width.unwrap_or(usize::MAX).saturating_sub(gutter + 3).max(20);
    let total = text.chars().count();
    if total <= room {
        return (text.to_owned(), start);
    }
    let left = (start + len + 8).min(total).saturating_sub(room).min(start);
    (text.chars().skip(left).take(room).collect(), start - left)
}

fn list(
    out: &mut dyn Write,
    kind: &str,
    tint: Ansi,
    lines: &[String],
    style: Style,
) -> io::Result<()> {
    let few = if style.verbose { lines.len() } else { FEW };
    for line in lines.iter().take(few) {
        writeln!(out, "{tint}{kind}{tint:#}: {line}", line = plain(line.as_bytes()))?;
    }
    if lines.len() > few {
        let more = lines.len() - few;
        writeln!(out, "{tint}{kind}{tint:#}: and {more} more; --verbose lists all")?;
    }
    Ok(())
}

fn summary(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut by_severity: BTreeMap<Severity, usize> = BTreeMap::new();
    for finding in &report.findings {
        *by_severity.entry(finding.severity).or_default() += 1;
    }
    let parts: Vec<String> = by_severity
        .iter()
        .rev()
        .map(|(severity, count)| {
            let tint = colour(*severity);
            format!("{tint}{count} {name}{tint:#}", name = severity.name())
        })
        .collect();
    let stats = &report.stats;
    let what = match parts.is_empty() {
        true => format!("{GREEN}no secrets found{GREEN:#}"),
        false => {
            let count = report.findings.len();
            let noun = if count == 1 { "finding" } else { "findings" };
            format!("{BOLD}{count} {noun}{BOLD:#} ({parts})", parts = parts.join(", "))
        }
    };
    let commits = match stats.commits {
        0 => String::new(),
        n => format!(" of {n} commits"),
    };
    let unit = match (stats.commits > 0, stats.blobs) {
        (true, 1) => "blob",
        (true, _) => "blobs",
        (false, 1) => "file",
        (false, _) => "files",
    };
    writeln!(
        out,
        "{what} in {blobs} {unit}{commits}, {size}",
        blobs = stats.blobs,
        size = size(stats.bytes)
    )?;
    skipped(stats, style, out)?;
    let verified = tally(&report.findings);
    if !verified.is_empty() {
        writeln!(out, "verified: {verified}")?;
    }
    if !report.suppressed.is_empty() {
        writeln!(out, "{DIM}allowed: {n} findings{DIM:#}", n = report.suppressed.len())?;
    }
    if !report.problems.is_empty() {
        let n = report.problems.len();
        writeln!(out, "{RED}incomplete{RED:#}: {n} things could not be read")?;
    }
    if report.interrupted {
        writeln!(out, "{RED}interrupted{RED:#}: this is what was found so far")?;
    }
    Ok(())
}

/// What was left out on purpose, by reason; each place with `--verbose`.
fn skipped(stats: &Stats, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for (reason, places) in &stats.skipped {
        writeln!(
            out,
            "{DIM}skipped: {n} {reason}{DIM:#}",
            n = places.len(),
            reason = reason.name()
        )?;
        for place in places.iter().filter(|_| style.verbose) {
            writeln!(out, "{DIM}  {place}{DIM:#}", place = plain(place.as_bytes()))?;
        }
    }
    Ok(())
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
