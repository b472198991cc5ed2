//! Renderers: one report in, bytes out. They see the report and nothing of how it was made.

mod human;
mod json;
mod keys;
mod sarif;

use std::io::{self, Write};

use crate::finding::Report;
use crate::rule::set::Compiled;

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
}

/// How a report looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Secrets in clear.
    pub show_secrets: bool,
    /// List what was skipped.
    pub verbose: bool,
    /// Findings only.
    pub quiet: bool,
    /// Show the evidence for and against each finding.
    pub explain: bool,
    /// History-only findings in SARIF.
    pub sarif_history: bool,
    /// Columns of the terminal, where there is one.
    pub width: Option<usize>,
}

/// Writes `report` as `format`. ANSI styles are always written; the caller's stream strips them
/// where they are not wanted.
///
/// # Errors
/// Whatever `out` gives.
pub fn render(
    report: &Report,
    format: Format,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Human => human::render(report, style, out),
        Format::Json => json::render(report, style, out),
        Format::Jsonl => json::render_lines(report, style, out),
        Format::Sarif => sarif::render(report, style, out),
    }
}

/// Writes what `keylint verify` prints for people: a line a key.
///
/// # Errors
/// Whatever `out` gives.
pub fn render_keys(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    keys::render(report, style, out)
}

/// Writes what `keylint rules show` prints of one rule.
///
/// # Errors
/// Whatever `out` gives.
pub fn rule_page(compiled: &Compiled, out: &mut dyn Write) -> io::Result<()> {
    let rule = &compiled.rule;
    let meta = rule.meta(&compiled.vendor);
    let (severity, confidence) = (meta.severity.name(), meta.confidence.name());
    writeln!(
        out,
        "{id} ({vendor})\n\n{text}\n",
        id = meta.id,
        vendor = meta.vendor,
        text = meta.description
    )?;
    writeln!(out, "severity    {severity}\nconfidence  {confidence}")?;
    writeln!(out, "keywords    {words}", words = rule.keywords.join(", "))?;
    writeln!(out, "pattern     {pattern}", pattern = compiled.pattern())?;
    if !meta.env.is_empty() {
        writeln!(out, "env         {names}", names = meta.env.join(", "))?;
    }
    if let Some(page) = &meta.rotate {
        writeln!(out, "rotate      {page}")?;
    }
    if let Some(verify) = &rule.verify {
        let (method, url) = (verify.method.name(), verify.url());
        writeln!(out, "verify      {method} {url}: {call}", call = verify.call)?;
    }
    writeln!(out, "\nRemedy: {text}", text = meta.remediation)?;
    meta.references.iter().try_for_each(|link| writeln!(out, "See {link}"))
}
