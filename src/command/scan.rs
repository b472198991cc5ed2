//! `keylint scan` and `audit`: runs a plan and writes its reports.

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use anstream::{AutoStream, ColorChoice as Ansi};
use anyhow::Context as _;

use keylint::disk::{self, Access};
use keylint::fault::contained;
use keylint::finding::{Report, Severity};
use keylint::plan::Plan;
use keylint::progress::Progress;
use keylint::report::{Style, render};
use keylint::run::run_apart;
use keylint::verify::Verifier;

use super::progress::{interrupted, interruptible, with_bar};
use super::terminal;
use crate::{CLEAN, FINDINGS, INCOMPLETE, complain};

pub(crate) fn scan(plan: Plan, color: Ansi) -> anyhow::Result<u8> {
    if plan.verifier.as_ref().is_some_and(Verifier::asks_candidates) {
        warn_of_candidates(color);
    }
    execute(plan, color)
}

/// Runs a plan and writes its report.
pub(crate) fn execute(plan: Plan, color: Ansi) -> anyhow::Result<u8> {
    let progress = interruptible()?;
    let quiet = plan.style.quiet;
    let start = Instant::now();
    let (report, plan) = with_bar(quiet, &progress, || run_apart(plan, &progress))?;
    let (format, style, scanned) = (plan.format, plan.style, start.elapsed());
    let first = (format, plan.output.as_deref());
    let others = plan.reports.iter().map(|(format, file)| (*format, Some(file.as_path())));
    let written = std::iter::once(first).chain(others).map(|(format, file)| {
        write((file, style), (color, &progress), &|style, out| render(&report, format, style, out))
    });
    // What fails for one report is no fault of the others.
    let mut failed: Vec<anyhow::Error> = written.filter_map(Result::err).collect();
    if let Some(last) = failed.pop() {
        failed.iter().for_each(|error| complain(error, color));
        return Err(last);
    }
    if style.verbose {
        let (scan, all) = (scanned.as_secs_f64(), start.elapsed().as_secs_f64());
        let (report, threads) = (all - scan, plan.threads);
        // Not a part of the report, which is the same each time. Nothing is left to do when stderr is gone.
        let _ = writeln!(
            io::stderr(),
            "time: scan {scan:.2} s, report {report:.2} s; threads: {threads}"
        );
    }
    let code = exit_code(&report, plan.fail_on, &progress);
    // The program ends here; to take apart a thousand rules one by one would be a fifth of a short run.
    std::mem::forget(plan);
    Ok(code)
}

/// Said before anything is sent.
pub(crate) fn warn_of_candidates(color: Ansi) {
    let mut stderr = AutoStream::new(io::stderr().lock(), color);
    // Nothing is left to do when stderr is gone.
    let _ = writeln!(
        stderr,
        "\x1b[1;33mwarning\x1b[0m: --verify-candidates shows keys whose provider is not known to \
         the companies they may belong to, one after the other"
    );
}

fn exit_code(report: &Report, fail_on: Severity, progress: &Progress) -> u8 {
    if report.interrupted {
        interrupted(progress)
    } else if !report.problems.is_empty() {
        INCOMPLETE
    } else if report.findings.iter().any(|finding| finding.severity >= fail_on) {
        FINDINGS
    } else {
        CLEAN
    }
}

/// Writes the report to its file, whole or not at all, or to stdout.
pub(crate) fn write(
    (path, style): (Option<&Path>, Style),
    (color, progress): (Ansi, &Progress),
    render: &dyn Fn(Style, &mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let render: &dyn Fn(Style, &mut dyn Write) -> io::Result<()> =
        &|style: Style, out: &mut dyn Write| {
            let fault = || {
                Err(io::Error::other(
                    "keylint failed on it (an internal fault); please report this",
                ))
            };
            contained(|| render(style, out)).unwrap_or_else(fault)
        };
    match path {
        Some(path) => {
            let context = || format!("{path}: the report cannot be written", path = path.display());
            let mut text = AutoStream::never(Vec::new());
            render(style, &mut text).with_context(context)?;
            let access = if style.show_secrets { Access::Private } else { Access::Usual };
            let write = || disk::replace(path, &text.into_inner(), access);
            // A pipe may have no reader: that ends with a second Ctrl-C.
            match disk::is_file(path) {
                true => progress.unbroken(write).with_context(context),
                false => write().with_context(context),
            }
        }
        None if style.silent => Ok(()),
        None => match terminal::write(style, color, render) {
            // A reader that went away, such as `| head`, is no fault: the exit code says what was found.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_cannot_be_rendered_is_an_error_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        std::fs::write(&file, "old").unwrap();
        let place = (Some(file.as_path()), Style::default());
        let error = write(place, (Ansi::Never, &Progress::default()), &|_, out| {
            out.write_all(b"half")?;
            panic!("hunter2-and-more");
        });
        let text = format!("{:#}", error.unwrap_err());
        assert!(text.contains("report.json: the report cannot be written"), "{text}");
        assert!(text.contains("an internal fault") && !text.contains("hunter2"), "{text}");
        assert_eq!(std::fs::read(&file).unwrap(), b"old");
    }
}
