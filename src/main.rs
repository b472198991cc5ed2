//! The program: parse, run, render, and the exit code. The only place that prints.

mod command;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice as Ansi};

use keylint::cli::{Cli, ColorChoice, Command};
use keylint::plan::Plan;
use keylint::scan::cover::covered;

use command::{cache, fix, guide, hook, lsp, rules, scan, setup, triage, verify};

/// Nothing found that counts.
const CLEAN: u8 = 0;
/// Findings at or above `--fail-on`.
const FINDINGS: u8 = 1;
/// Incomplete or misused.
const INCOMPLETE: u8 = 2;
/// Ended by a signal, whose number is added: 130 is Ctrl-C.
const SIGNALLED: u8 = 128;

/// What is released for Linux is built with musl, whose own allocator takes a third longer for a history.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keylint::harden::harden();
    // The message of a panic may quote the text that was scanned.
    std::panic::set_hook(Box::new(on_panic));
    std::panic::catch_unwind(run).unwrap_or(ExitCode::from(INCOMPLETE))
}

/// Says where. A thread that cannot be started ends the program: others may wait for it.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "a thread is missing")]
fn on_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    if place.contains("std/src/thread/") {
        let text = "the system refuses to start a thread; -j 1 needs the fewest";
        let _ = writeln!(io::stderr(), "error: {text}");
        std::process::exit(i32::from(INCOMPLETE));
    }
    keylint::fault::tell(panic);
}

fn run() -> ExitCode {
    let cli = Cli::read();
    let color = match cli.color {
        ColorChoice::Auto => Ansi::Auto,
        ColorChoice::Always => Ansi::AlwaysAnsi,
        ColorChoice::Never => Ansi::Never,
    };
    let logging = std::env::var("KEYLINT_LOG").ok().map(|level| keylint::trace::start(&level));
    let outcome = match (logging, cli.command) {
        (Some(Err(error)), _) => Err(anyhow::Error::msg(error)),
        (_, Command::Scan(args)) => {
            Plan::new(*args).map_err(Into::into).and_then(|plan| scan::scan(plan, color))
        }
        (_, Command::Audit(args)) => {
            Plan::audit(*args).map_err(Into::into).and_then(|plan| scan::scan(plan, color))
        }
        (_, Command::Fix(args)) => fix::fix(*args, color),
        (_, Command::Verify(args)) => verify::verify(*args, color),
        (_, Command::Hook { command }) => hook::hook(command, color),
        (_, Command::Rules { command }) => rules::rules(command),
        (_, Command::Config { command }) => setup::config(command),
        (_, Command::Lsp(args)) => lsp::lsp(*args),
        (_, Command::Triage(args)) => triage::triage(*args, color),
        (_, Command::Migrate(args)) => setup::migrate(&args),
        (_, Command::Baseline { command }) => setup::baseline(command),
        (_, Command::Cache { command }) => cache::cache(command),
        (_, Command::Explain { name }) => guide::explain(&name),
        (_, Command::Completions { shell }) => guide::completions(shell),
        (_, Command::Man { out }) => guide::man(out.as_deref()),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        // A reader that went away, such as `| head`, is no fault of the scan.
        Err(error) if is_closed_pipe(&error) => ExitCode::from(INCOMPLETE),
        Err(error) => {
            complain(&error, color);
            ExitCode::from(INCOMPLETE)
        }
    }
}

/// Says an error, which may quote a file of the repository, or a key that was given in place of a name.
fn complain(error: &anyhow::Error, color: Ansi) {
    let mut stderr = AutoStream::new(io::stderr().lock(), color);
    let text = keylint::text::plain_lines(&covered(&format!("{error:#}")));
    // Nothing is left to do when stderr is gone, too.
    let _ = writeln!(stderr, "\x1b[1;31merror\x1b[0m: {text}");
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(broken))
}
