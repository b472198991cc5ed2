//! `keylint fix`.

use std::io::{self, Write as _};

use anstream::{AutoStream, ColorChoice as Ansi};

use keylint::cli::FixArgs;
use keylint::plan::Plan;
use keylint::report::Veil;
use keylint::run::run;

use super::progress::{interrupted, interruptible, with_bar};
use super::terminal::quoted;
use crate::{CLEAN, FINDINGS, INCOMPLETE};

/// Shows what mends the findings, and writes it with `--write`.
pub(crate) fn fix(args: FixArgs, color: Ansi) -> anyhow::Result<u8> {
    let FixArgs { paths, write, dry_run: _, rule, show_secrets, filter } = args;
    let mut plan = Plan::fix(paths, filter)?;
    let progress = interruptible()?;
    let report = with_bar(true, &progress, || run(&mut plan, &progress))?;
    let mut out = AutoStream::new(io::stdout().lock(), color);
    if report.interrupted {
        writeln!(out, "interrupted: nothing is written")?;
        return Ok(interrupted(&progress));
    }
    let repair = keylint::repair::repair(&plan, &report, &rule);
    let veil = if show_secrets { None } else { Veil::new(&report) };
    // A path may hold a key, too.
    let hidden = |mut text: String| {
        veil.iter().for_each(|veil| _ = veil.text(&mut text));
        quoted(&text).into_owned()
    };
    for file in &repair.files {
        for line in hidden(file.diff(show_secrets)).lines() {
            let tint = match line.as_bytes().first() {
                Some(b'+') => "\x1b[32m",
                Some(b'-') => "\x1b[31m",
                Some(b'@') => "\x1b[36m",
                _ => "",
            };
            writeln!(out, "{tint}{line}{end}", end = if tint.is_empty() { "" } else { "\x1b[0m" })?;
        }
    }
    for (place, why) in &repair.left {
        writeln!(out, "{text}", text = hidden(format!("left: {place}: {why}")))?;
    }
    for problem in &report.problems {
        let text = format!("error: {place}: {text}", place = problem.place, text = problem.message);
        writeln!(out, "{text}", text = hidden(text))?;
    }
    let (keys, files) = (repair.keys, repair.files.len());
    let failed: Vec<String> = match write {
        true => progress.unbroken(|| repair.write()).err().unwrap_or_default(),
        false => Vec::new(),
    };
    let written = failed.is_empty();
    failed.into_iter().try_for_each(|line| writeln!(out, "error: {line}", line = hidden(line)))?;
    let what = match (write, files) {
        (_, 0) => "nothing to change".to_owned(),
        (true, _) => format!("{keys} keys rewritten, {files} files changed; now rotate the keys"),
        (false, _) => format!("{keys} keys and {files} files would change; --write does it"),
    };
    writeln!(out, "{what}")?;
    let open = !repair.left.is_empty() || (!write && files > 0);
    Ok(match (written && !repair.failed && report.problems.is_empty(), open) {
        (false, _) => INCOMPLETE,
        (true, true) => FINDINGS,
        (true, false) => CLEAN,
    })
}
