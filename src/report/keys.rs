//! `keylint verify` for people: a line a key with what the vendor said, and a summary.

use std::io::{self, Write};

use crate::finding::Report;
use crate::report::Style;
use crate::report::human::{DIM, GREEN, RED, messages, tally, verified};
use crate::text::plain;

pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let width = report.findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for finding in &report.findings {
        writeln!(
            out,
            "{DIM}{line:>4}{DIM:#}  {check:width$}  {secret}  {what}",
            line = finding.location.start.line,
            check = finding.check,
            secret = plain(finding.secret.display(style.show_secrets).as_bytes()),
            what = verified(&finding.verification)
        )?;
        let check = report.checks.get(&finding.check).filter(|_| finding.verification.is_live());
        if let Some(check) = check {
            let page = check.rotate.as_ref().map(|page| {
                let links = style.links.unwrap_or_default();
                format!(" {page}", page = links.page(page, &plain(page.as_bytes())))
            });
            let (text, page) = (plain(check.remediation.as_bytes()), page.unwrap_or_default());
            writeln!(out, "      {GREEN}fix{GREEN:#}: {text}{page}")?;
        }
    }
    messages(report, style, out)?;
    let tally = tally(&report.findings);
    if !style.quiet && !tally.is_empty() {
        let keys = if report.findings.len() == 1 { "key" } else { "keys" };
        writeln!(out, "{n} {keys}: {tally}", n = report.findings.len())?;
    }
    if report.interrupted {
        writeln!(out, "{RED}interrupted{RED:#}: this is what was found so far")?;
    }
    Ok(())
}
