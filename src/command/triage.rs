//! `keylint triage`.

use std::io::{self, IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice as Ansi};
use anyhow::bail;

use keylint::cli::TriageArgs;
use keylint::finding::Report;
use keylint::triage::{Board, End, Triage, TriageError, Walk, screen};

use super::progress::{interrupted as ended_by, interruptible_with, with_bar};
use crate::{CLEAN, INCOMPLETE};

/// Scans, shows the findings in the terminal, and says what is left.
pub(crate) fn triage(args: TriageArgs, color: Ansi) -> anyhow::Result<u8> {
    needs_terminal()?;
    let mut triage = Triage::new(args)?;
    let progress = interruptible_with(screen::restore)?;
    let mut walk = None;
    with_bar(false, &progress, || {
        walk = Some(triage.scan(&progress)?);
        Ok::<Report, TriageError>(Report::default())
    })?;
    let Some(Walk { mut board, missing, problems, interrupted }) = walk else { return Ok(CLEAN) };
    if interrupted {
        return Ok(ended_by(&progress));
    }
    let end = match board.is_empty() {
        true => End::Left,
        false => triage.walk(&mut board, &progress, wants_colour(color))?,
    };
    let mut stderr = AutoStream::new(io::stderr().lock(), color);
    for line in &missing {
        writeln!(stderr, "\x1b[33mnotice\x1b[0m: {line}: in the report, but not found now")?;
    }
    for problem in &problems {
        let (place, message) = (&problem.place, &problem.message);
        writeln!(stderr, "\x1b[1;31merror\x1b[0m: {place}: {message}")?;
    }
    writeln!(io::stdout().lock(), "{text}", text = conclude(&triage, &board))?;
    Ok(match end {
        End::Interrupted(lost) => {
            writeln!(stderr, "\x1b[1;31merror\x1b[0m: ended by a signal; {lost} marks are lost")?;
            ended_by(&progress)
        }
        End::Left if !problems.is_empty() => INCOMPLETE,
        End::Left => CLEAN,
    })
}

/// What is left when the walk is over.
fn conclude(triage: &Triage, board: &Board) -> String {
    let file = triage.file().display();
    match (board.len(), board.open()) {
        (0, _) => "nothing to triage: no findings".to_owned(),
        (_, 0) => format!("nothing is open; the baseline is {file}"),
        (all, open) => format!("{open} of {all} findings are open; the baseline is {file}"),
    }
}

/// Refuses what cannot show a page, before anything is scanned.
fn needs_terminal() -> anyhow::Result<()> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!(
            "keylint triage needs a terminal as standard input and output; in a script use \
             `keylint scan` and `keylint baseline`"
        );
    }
    if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        bail!("TERM=dumb: this terminal cannot show a page; `keylint scan` prints lines");
    }
    Ok(())
}

fn wants_colour(color: Ansi) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match color {
        Ansi::Never => false,
        Ansi::Auto => !refused,
        _ => true,
    }
}
