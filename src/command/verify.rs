//! `keylint verify`.

use std::io::Write;

use anstream::ColorChoice as Ansi;

use keylint::cli::VerifyCommand;
use keylint::finding::{Finding, Verification};
use keylint::plan::KeysPlan;
use keylint::report::{Format, Style, render, render_keys};

use super::progress::{interrupted, interruptible, with_bar};
use super::scan::{warn_of_candidates, write};
use crate::{CLEAN, FINDINGS, INCOMPLETE};

/// Keys from standard input: 0 when none is live, 1 when one is, 2 when not all could be told.
pub(crate) fn verify(args: VerifyCommand, color: Ansi) -> anyhow::Result<u8> {
    let plan = KeysPlan::new(args)?;
    if plan.verifier.asks_candidates() {
        warn_of_candidates(color);
    }
    let progress = interruptible()?;
    let report = with_bar(plan.style.quiet, &progress, || keylint::keys::verify(&plan, &progress))?;
    let rendered = |format: Format| {
        let report = &report;
        move |style: Style, out: &mut dyn Write| match format {
            Format::Human => render_keys(report, style, out),
            format => render(report, format, style, out),
        }
    };
    let with = (color, &*progress);
    write((plan.output.as_deref(), plan.style), with, &rendered(plan.format))?;
    for (format, file) in &plan.reports {
        write((Some(file), plan.style), with, &rendered(*format))?;
    }
    let told = |finding: &Finding| {
        finding.verification.is_live()
            || matches!(finding.verification, Verification::Revoked { .. })
    };
    Ok(if report.interrupted {
        interrupted(&progress)
    } else if !report.problems.is_empty() {
        INCOMPLETE
    } else if plan.verifier.only_plans() {
        CLEAN
    } else if !report.findings.iter().all(told) {
        INCOMPLETE
    } else if report.findings.iter().any(|finding| finding.verification.is_live()) {
        FINDINGS
    } else {
        CLEAN
    })
}
