//! What ends a report: notices, problems, counts, and what was left out and why.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::Style as Ansi;

use crate::finding::{Finding, Report, Severity, SkipReason, Stats, Suppression, Verification};
use crate::report::Style;
use crate::text::{plain, shown};

use super::fit::{columns, room, wrap};
use super::{BOLD, DIM, GREEN, RED, YELLOW, colour};

/// Problems and notices shown without `--verbose`.
const FEW: usize = 10;

/// Notices, unless it shall be quiet, then problems.
pub(in crate::report) fn messages(
    report: &Report,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if !style.quiet {
        list(out, "notice", YELLOW, &report.notices, style)?;
    }
    let problems: Vec<String> = report
        .problems
        .iter()
        .map(|problem| {
            format!(
                "{place}: {text}",
                place = shown(problem.place.as_bytes()),
                text = problem.message
            )
        })
        .collect();
    list(out, "error", RED, &problems, style)
}

/// How many findings are live, revoked and so on; empty when nothing was verified.
pub(in crate::report) fn tally(findings: &[Finding]) -> String {
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

/// The first few of `lines`, or all with `--verbose`.
fn list(
    out: &mut dyn Write,
    kind: &str,
    tint: Ansi,
    lines: &[String],
    style: Style,
) -> io::Result<()> {
    let few = if style.verbose { lines.len() } else { FEW };
    let more = lines.len().saturating_sub(few);
    let more = (more > 0).then(|| format!("and {more} more; --verbose lists all"));
    for line in lines.iter().take(few).chain(&more) {
        let (first, rest) = (room(style.width, kind.len() + 2), room(style.width, 2));
        let text = wrap(&plain(line.as_bytes()), first, rest).join("\n  ");
        writeln!(out, "{tint}{kind}{tint:#}: {text}")?;
    }
    Ok(())
}

/// The summary.
pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    counts(report, style, out)?;
    let verified = tally(&report.findings);
    if !verified.is_empty() {
        writeln!(out, "verified: {verified}")?;
    }
    skipped(&report.stats, style, out)?;
    allowed(report, style, out)?;
    if !report.problems.is_empty() {
        let n = report.problems.len();
        let things = if n == 1 { "thing" } else { "things" };
        writeln!(out, "{RED}incomplete{RED:#}: {n} {things} could not be read")?;
    }
    if report.interrupted {
        writeln!(out, "{RED}interrupted{RED:#}: this is what was found so far")?;
    }
    Ok(())
}

/// Findings by severity, and the columns that they take.
fn found(findings: &[Finding]) -> (String, usize) {
    let mut by_severity: BTreeMap<Severity, usize> = BTreeMap::new();
    for finding in findings {
        *by_severity.entry(finding.severity).or_default() += 1;
    }
    let parts: Vec<(Ansi, String)> = by_severity
        .iter()
        .rev()
        .map(|(severity, n)| (colour(*severity), format!("{n} {name}", name = severity.name())))
        .collect();
    let all = match findings.len() {
        0 => {
            let none = "no secrets found";
            return (format!("{GREEN}{none}{GREEN:#}"), columns(none));
        }
        1 => "1 finding".to_owned(),
        n => format!("{n} findings"),
    };
    let taken: usize = parts.iter().map(|(_, text)| columns(text) + 2).sum();
    let parts: Vec<String> =
        parts.iter().map(|(tint, text)| format!("{tint}{text}{tint:#}")).collect();
    let text = format!("{BOLD}{all}{BOLD:#} ({parts})", parts = parts.join(", "));
    (text, columns(&all) + 1 + taken)
}

/// What was found, and in how much.
fn counts(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (what, taken) = found(&report.findings);
    let stats = &report.stats;
    let (commits, noun) = match stats.commits {
        0 => (String::new(), "file"),
        1 => (" of 1 commit".to_owned(), "blob"),
        n => (format!(" of {n} commits"), "blob"),
    };
    let (blobs, size) = (stats.blobs, size(stats.bytes));
    let s = if blobs == 1 { "" } else { "s" };
    let place = format!("in {blobs} {noun}{s}{commits}, {size}");
    let gap = if columns(&place) + 1 > room(style.width, taken) { "\n  " } else { " " };
    writeln!(out, "{what}{gap}{place}")
}

/// What was left out on purpose, by reason; each place with `--verbose`.
fn skipped(stats: &Stats, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let all = &stats.skipped;
    let count = |(reason, places): (&SkipReason, &Vec<String>)| {
        format!("{n} {reason}", n = places.len(), reason = reason.name())
    };
    let counts: Vec<String> = all.iter().map(count).collect();
    if counts.is_empty() {
        return Ok(());
    }
    dim(
        &format!("skipped: {counts}{hint}", counts = counts.join(", "), hint = hint(style)),
        style,
        out,
    )?;
    for (reason, places) in all.iter().filter(|_| style.verbose) {
        for place in places {
            let (place, reason) = (shown(place.as_bytes()), reason.name());
            writeln!(out, "{DIM}  {place} ({reason}){DIM:#}")?;
        }
    }
    Ok(())
}

/// What is not counted since someone allowed it, by who did.
fn allowed(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, why) in &report.suppressed {
        let who = match why {
            Suppression::Inline { .. } => "comments",
            Suppression::Config { .. } => "keylint.toml",
            Suppression::Baseline { .. } => "the baseline",
        };
        *by.entry(who).or_default() += 1;
    }
    let n = report.suppressed.len();
    let noun = if n == 1 { "finding" } else { "findings" };
    let counts = match Vec::from_iter(by).as_slice() {
        [] => return Ok(()),
        [(who, _)] => format!("{n} {noun} by {who}"),
        several => {
            let parts: Vec<String> =
                several.iter().map(|(who, n)| format!("{n} by {who}")).collect();
            format!("{n} {noun} ({parts})", parts = parts.join(", "))
        }
    };
    dim(&format!("allowed: {counts}{hint}", hint = hint(style)), style, out)
}

fn dim(text: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let lines = wrap(text, room(style.width, 0), room(style.width, 2));
    writeln!(out, "{DIM}{text}{DIM:#}", text = lines.join("\n  "))
}

/// How to see what a count is made of.
fn hint(style: Style) -> &'static str {
    if style.verbose { "" } else { " (--verbose lists them)" }
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
