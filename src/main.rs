//! The program: parse, run, render, and the exit code. The only place that prints.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice as Ansi};
use anyhow::Context as _;
use clap::Parser as _;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use keylint::cli::{Cli, ColorChoice, Command, RulesCommand, ScanArgs};
use keylint::finding::{Report, Severity};
use keylint::plan::{Plan, read};
use keylint::progress::Progress;
use keylint::report::render;
use keylint::rule::set::{RuleSet, RuleText, builtin_files};
use keylint::run::{RunError, run};
use keylint::scan::Engine;

/// Nothing found that counts.
const CLEAN: u8 = 0;
/// Findings at or above `--fail-on`.
const FINDINGS: u8 = 1;
/// Incomplete or misused.
const INCOMPLETE: u8 = 2;
/// Ctrl-C.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let color = match cli.color {
        ColorChoice::Auto => Ansi::Auto,
        ColorChoice::Always => Ansi::AlwaysAnsi,
        ColorChoice::Never => Ansi::Never,
    };
    let outcome = match cli.command {
        Command::Scan(args) => scan(*args, color),
        Command::Rules { command } => rules(command),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        // A reader that went away, such as `| head`, is no fault of the scan.
        Err(error) if is_closed_pipe(&error) => ExitCode::from(INCOMPLETE),
        Err(error) => {
            let mut stderr = AutoStream::new(io::stderr().lock(), color);
            // Nothing is left to do when stderr is gone, too.
            let _ = writeln!(stderr, "\x1b[1;31merror\x1b[0m: {error:#}");
            ExitCode::from(INCOMPLETE)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(broken))
}

fn scan(args: ScanArgs, color: Ansi) -> anyhow::Result<u8> {
    let mut plan = Plan::new(args)?;
    let progress = Arc::new(Progress::default());
    let on_signal = Arc::clone(&progress);
    ctrlc::set_handler(move || stop(&on_signal)).context("cannot listen for Ctrl-C")?;
    let report = run_with_bar(&mut plan, &progress)?;
    write(&plan, &report, color)?;
    Ok(exit_code(&report, plan.fail_on))
}

/// The first Ctrl-C ends the scan and reports what was found; the second ends the program.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "the user asked twice")]
fn stop(progress: &Progress) {
    if progress.interrupted() {
        std::process::exit(i32::from(INTERRUPTED));
    }
    progress.interrupt();
}

/// Runs the plan; a second thread draws the bar on a terminal.
fn run_with_bar(plan: &mut Plan, progress: &Progress) -> Result<Report, RunError> {
    let done = AtomicBool::new(false);
    let show = !plan.style.quiet && io::stderr().is_terminal();
    std::thread::scope(|scope| {
        let bar = show.then(|| scope.spawn(|| draw(progress, &done)));
        let report = run(plan, progress);
        done.store(true, Ordering::Relaxed);
        if let Some(bar) = bar {
            bar.thread().unpark();
        }
        report
    })
}

/// Draws blobs done, rate and ETA on stderr until `done`.
fn draw(progress: &Progress, done: &AtomicBool) {
    const TICK: Duration = Duration::from_millis(100);
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let plain = "{spinner} {pos} blobs, {msg}, {per_sec}";
    let ranged = "{spinner} [{bar:30}] {pos}/{len} blobs, {msg}, {per_sec}, ETA {eta}";
    let style = |template| ProgressStyle::with_template(template).ok();
    let mut known = false;
    style(plain).into_iter().for_each(|style| bar.set_style(style));
    while !done.load(Ordering::Relaxed) {
        if progress.total() > 0 && !known {
            known = true;
            style(ranged).into_iter().for_each(|style| bar.set_style(style));
        }
        if known {
            bar.set_length(progress.total().max(progress.blobs()));
        }
        bar.set_position(progress.blobs());
        bar.set_message(HumanBytes(progress.bytes()).to_string());
        bar.tick();
        std::thread::park_timeout(TICK);
    }
    bar.finish_and_clear();
}

fn exit_code(report: &Report, fail_on: Severity) -> u8 {
    if report.interrupted {
        INTERRUPTED
    } else if !report.problems.is_empty() {
        INCOMPLETE
    } else if report.findings.iter().any(|finding| finding.severity >= fail_on) {
        FINDINGS
    } else {
        CLEAN
    }
}

/// Writes the report to its file, whole or not at all, or to stdout.
fn write(plan: &Plan, report: &Report, color: Ansi) -> anyhow::Result<()> {
    let mut style = plan.style;
    match &plan.output {
        Some(path) => {
            let part = path.with_added_extension("part");
            let context = || format!("{path}: the report cannot be written", path = path.display());
            let mut text = AutoStream::never(Vec::new());
            render(report, plan.format, style, &mut text)?;
            std::fs::write(&part, text.into_inner()).with_context(context)?;
            std::fs::rename(&part, path).with_context(context)
        }
        None => {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                style.width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
            }
            let mut out = AutoStream::new(stdout.lock(), color);
            render(report, plan.format, style, &mut out)?;
            Ok(out.flush()?)
        }
    }
}

fn rules(command: RulesCommand) -> anyhow::Result<u8> {
    let mut out = io::stdout().lock();
    match command {
        RulesCommand::List => {
            for rule in RuleSet::builtin()?.rules() {
                let severity = rule.rule.severity.name();
                writeln!(
                    out,
                    "{id:44} {severity:9} {text}",
                    id = rule.rule.id(),
                    text = rule.rule.description
                )?;
            }
            Ok(CLEAN)
        }
        RulesCommand::Show { id } => {
            let set = RuleSet::builtin()?;
            let found = set.rules().iter().find(|rule| rule.rule.id() == id);
            let rule =
                found.with_context(|| format!("no rule `{id}`; `keylint rules list` shows all"))?;
            keylint::report::rule_page(rule, &mut out)?;
            Ok(CLEAN)
        }
        RulesCommand::Check { files } => check_rules(&files, &mut out),
    }
}

/// Runs the examples and negatives of `files`, or of all shipped rules.
fn check_rules(files: &[std::path::PathBuf], out: &mut dyn Write) -> anyhow::Result<u8> {
    let mut texts = builtin_files();
    let mut wanted: Option<Vec<String>> = None;
    for path in files {
        let text = read(path)?;
        let name =
            format!("rules/{name}", name = path.file_name().unwrap_or_default().to_string_lossy());
        let parsed = keylint::rule::parse(&path.display().to_string(), &text)?;
        wanted.get_or_insert_default().extend(parsed.rule.iter().map(|rule| rule.id().to_owned()));
        // A file under work stands in for the shipped one of the same name.
        texts.retain(|other| other.name != name);
        texts.push(RuleText { name, text });
    }
    let engine = Engine::new(RuleSet::new(&texts, &[])?)?;
    let is_wanted =
        |id: &str| wanted.as_ref().is_none_or(|ids| ids.iter().any(|other| other == id));
    let faults = keylint::selftest::check(&engine, &is_wanted);
    for fault in &faults {
        writeln!(out, "{rule}: {text}", rule = fault.rule, text = fault.message)?;
    }
    let count = engine.rules().rules().iter().filter(|rule| is_wanted(rule.rule.id())).count();
    writeln!(out, "{count} rules checked, {n} faults", n = faults.len())?;
    Ok(if faults.is_empty() { CLEAN } else { FINDINGS })
}
