//! Renderers: one report in, bytes out. They see the report and nothing of how it was made.

mod csv;
mod github;
mod gitlab;
mod html;
mod human;
mod json;
mod keys;
mod markdown;
mod review;
mod sarif;
mod veil;
mod xml;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::io::{self, Write};

use crate::blob::Provenance;
use crate::finding::{Finding, Report, Suppression, Verification};
use crate::rule::set::Compiled;
pub use human::Links;
pub use veil::Veil;

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
    /// GitLab's secret detection report.
    Gitlab,
    /// Commands that GitHub Actions shows as annotations.
    Github,
    /// A summary in Markdown.
    Markdown,
    /// One page for a browser.
    Html,
    /// JUnit's XML.
    Junit,
    /// Checkstyle's XML.
    Checkstyle,
    /// reviewdog's diagnostics, one JSON object a line.
    Rdjsonl,
    /// Comma-separated values.
    Csv,
}

impl Format {
    /// Those that say how a finding is mended.
    pub const WITH_EDITS: [Self; 4] = [Self::Json, Self::Jsonl, Self::Sarif, Self::Html];
}

/// How a report looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Secrets in clear.
    pub show_secrets: bool,
    /// List what was skipped and allowed, and tell each finding's remedy in full.
    pub verbose: bool,
    /// Findings and what could not be read only.
    pub quiet: bool,
    /// Show the evidence for and against each finding.
    pub explain: bool,
    /// History-only findings in SARIF.
    pub sarif_history: bool,
    /// Nothing on standard output.
    pub silent: bool,
    /// Columns of the terminal, where there is one.
    pub width: Option<usize>,
    /// Links for people; `None` leaves them to whoever knows the terminal, and is none in a file.
    pub links: Option<Links>,
    /// When the scan started, in seconds since 1970; only GitLab's report shows it.
    pub started: i64,
}

/// `report` with each found value redacted wherever it stands: in a path, a commit's subject, a
/// message.
pub fn veiled(report: &Report) -> Cow<'_, Report> {
    veil::over(report, false)
}

/// Writes `report` as `format`. Unless `style` shows secrets, a found value is redacted wherever
/// else it stands, too: in a path, a commit's subject, a message. ANSI styles are always written; the caller's stream strips them
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
    let report = &*veil::over(report, style.show_secrets);
    match format {
        Format::Human => human::render(report, style, out),
        Format::Json => json::render(report, style, out),
        Format::Jsonl => json::render_lines(report, style, out),
        Format::Sarif => sarif::render(report, style, out),
        Format::Gitlab => gitlab::render(report, style, out),
        Format::Github => github::render(report, out),
        Format::Markdown => markdown::render(report, out),
        Format::Html => html::render(report, style, out),
        Format::Junit => xml::junit(report, out),
        Format::Checkstyle => xml::checkstyle(report, out),
        Format::Rdjsonl => review::render(report, out),
        Format::Csv => csv::render(report, style, out),
    }
}

/// What was found, as a sentence that may leave the machine: the value redacted, the commit named.
pub fn message(finding: &Finding) -> String {
    // Some checks are about a file or a name, not about a value.
    if finding.secret.is_empty() {
        return finding.message.clone();
    }
    let secret = finding.secret.redacted();
    let told = verdict(&finding.verification);
    match &finding.location.provenance {
        Provenance::Commit { commit, .. } => {
            let id = commit.id.short(10);
            format!("{text} Value {secret}, first in commit {id}.{told}", text = finding.message)
        }
        _ => format!("{text} Value {secret}.{told}", text = finding.message),
    }
}

/// What the vendor said, as a sentence: code scanning shows no properties.
fn verdict(verification: &Verification) -> String {
    let told = match verification {
        Verification::NotTried { .. } => return String::new(),
        Verification::Live { .. } => " The key is live",
        Verification::LiveRestricted { .. } => " The key is live, but restricted",
        Verification::Revoked { .. } => " The vendor refuses the key",
        Verification::Unknown { .. } => {
            " The vendor was asked, and it is not known whether the key is live"
        }
    };
    let detail = verification.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    format!("{told}{detail}.")
}

/// True for findings that are in the checkout, so that a place in it can be shown.
fn in_checkout(finding: &Finding) -> bool {
    match &finding.location.provenance {
        Provenance::File { .. }
        | Provenance::Member { .. }
        | Provenance::Index { .. }
        | Provenance::Stdin => true,
        Provenance::Commit { in_head, .. } => *in_head,
        Provenance::Blob { .. } => false,
    }
}

/// What allows a finding, and the reason that was given for it.
fn allowed_by(why: &Suppression) -> (String, Option<String>) {
    match why {
        Suppression::Inline { marker, reason } => (format!("comment {marker}"), reason.clone()),
        Suppression::Config { reason } => ("keylint.toml".to_owned(), Some(reason.clone())),
        Suppression::Baseline(mark) => ("baseline".to_owned(), mark.line()),
    }
}

/// The findings, the most severe and sure ones first, else in report order.
fn worst_first(report: &Report) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|finding| (Reverse(finding.severity), Reverse(finding.confidence)));
    findings
}

/// The whole report in a line.
fn tell(report: &Report) -> String {
    let count = |n: usize, noun: &str| format!("{n} {noun}{s}", s = if n == 1 { "" } else { "s" });
    let mut parts = vec![match report.findings.len() {
        0 => "no secrets found".to_owned(),
        n => count(n, "finding"),
    }];
    if !report.suppressed.is_empty() {
        parts.push(format!("{n} allowed", n = report.suppressed.len()));
    }
    if report.stats.commits > 0 {
        parts.push(count(usize::try_from(report.stats.commits).unwrap_or(usize::MAX), "commit"));
    }
    let noun = if report.stats.commits > 0 { "blob" } else { "file" };
    parts.push(count(usize::try_from(report.stats.blobs).unwrap_or(usize::MAX), noun));
    if report.interrupted {
        parts.push("interrupted".to_owned());
    }
    if !report.problems.is_empty() {
        parts.push(format!("incomplete: {n} could not be read", n = report.problems.len()));
    }
    parts.join(", ")
}

/// Writes what `keylint verify` prints for people: a line a key.
///
/// # Errors
/// Whatever `out` gives.
pub fn render_keys(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    keys::render(&veil::over(report, style.show_secrets), style, out)
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
