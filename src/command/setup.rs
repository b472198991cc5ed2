//! `keylint baseline`, `migrate` and `config`: what a user sets up.

use std::io::{self, Write as _};

use keylint::adopt::{Adopt, AdoptError};
use keylint::cli::{BaselineCommand, ConfigCommand, MigrateArgs};
use keylint::finding::Report;
use keylint::report::veiled;
use keylint::scan::cover::covered;
use keylint::text::plain_lines;

use super::progress::{interrupted, interruptible, with_bar};
use super::terminal::quoted;
use crate::{CLEAN, INCOMPLETE};

pub(crate) fn baseline(command: BaselineCommand) -> anyhow::Result<u8> {
    let mut adopt = Adopt::new(command)?;
    let progress = interruptible()?;
    let mut text = String::new();
    let report = with_bar(false, &progress, || {
        let done = adopt.run(&progress)?;
        text = done.text;
        Ok::<Report, AdoptError>(done.report)
    })?;
    writeln!(io::stdout().lock(), "{text}", text = quoted(&text))?;
    for problem in &veiled(&report).problems {
        let (place, message) = (&problem.place, &problem.message);
        let text = plain_lines(&format!("error: {place}: {message}"));
        writeln!(io::stderr().lock(), "{text}")?;
    }
    Ok(match (report.interrupted, report.problems.is_empty()) {
        (true, _) => interrupted(&progress),
        (_, false) => INCOMPLETE,
        _ => CLEAN,
    })
}

pub(crate) fn migrate(args: &MigrateArgs) -> anyhow::Result<u8> {
    let progress = interruptible()?;
    let outcome = keylint::migrate::migrate(args, &progress)?;
    let mut out = io::stdout().lock();
    outcome.written.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    let mut err = io::stderr().lock();
    outcome
        .notes
        .iter()
        .try_for_each(|line| writeln!(err, "note: {line}", line = plain_lines(line)))?;
    Ok(CLEAN)
}

pub(crate) fn config(command: ConfigCommand) -> anyhow::Result<u8> {
    let text = match command {
        // A reason or a pattern may hold a key.
        ConfigCommand::Show(args) => covered(&keylint::settings::show(&args)?).into_owned(),
        ConfigCommand::Schema => keylint::settings::schema()?,
    };
    io::stdout().lock().write_all(quoted(&text).as_bytes())?;
    Ok(CLEAN)
}
