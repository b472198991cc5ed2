//! The program: parse, run, render, and the exit code. The only place that prints.

use std::io::{self, IsTerminal as _, Read as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice as Ansi};
use anyhow::Context as _;
use clap::Parser as _;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use keylint::adopt::{Adopt, AdoptError};
use keylint::cli::{
    BaselineCommand, Cli, ColorChoice, Command, ConfigCommand, FixArgs, HookCommand, HookRun,
    MigrateArgs, RulesCommand, StageArg, VerifyCommand,
};
use keylint::finding::{Finding, Report, Severity, Verification};
use keylint::ground::read;
use keylint::hook::{self, Stage};
use keylint::plan::{KeysPlan, Plan};
use keylint::progress::Progress;
use keylint::report::{Format, Style, render, render_keys};
use keylint::rule::set::{RuleSet, RuleText, builtin_files};
use keylint::run::run;
use keylint::scan::Engine;
use keylint::verify::Verifier;

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
    let logging = std::env::var("KEYLINT_LOG").ok().map(|level| keylint::trace::start(&level));
    let outcome = match (logging, cli.command) {
        (Some(Err(error)), _) => Err(anyhow::Error::msg(error)),
        (_, Command::Scan(args)) => {
            Plan::new(*args).map_err(Into::into).and_then(|plan| scan(plan, color))
        }
        (_, Command::Audit(args)) => {
            Plan::audit(*args).map_err(Into::into).and_then(|plan| scan(plan, color))
        }
        (_, Command::Fix(args)) => fix(*args, color),
        (_, Command::Verify(args)) => verify(*args, color),
        (_, Command::Hook { command }) => hook(command, color),
        (_, Command::Rules { command }) => rules(command),
        (_, Command::Config { command }) => config(command),
        (_, Command::Migrate(args)) => migrate(&args),
        (_, Command::Baseline { command }) => baseline(command),
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

fn scan(plan: Plan, color: Ansi) -> anyhow::Result<u8> {
    if plan.verifier.as_ref().is_some_and(Verifier::asks_candidates) {
        warn_of_candidates(color);
    }
    execute(plan, color)
}

/// Runs a plan and writes its report.
fn execute(mut plan: Plan, color: Ansi) -> anyhow::Result<u8> {
    let progress = interruptible()?;
    let quiet = plan.style.quiet;
    let report = with_bar(quiet, &progress, || run(&mut plan, &progress))?;
    let (format, style) = (plan.format, plan.style);
    write((plan.output.as_deref(), style), color, &|style, out| {
        render(&report, format, style, out)
    })?;
    for (format, file) in &plan.reports {
        write((Some(file), style), color, &|style, out| render(&report, *format, style, out))?;
    }
    let code = exit_code(&report, plan.fail_on);
    // The program ends here; to take apart a thousand rules one by one would be a fifth of a short run.
    std::mem::forget(plan.engine);
    Ok(code)
}

fn hook(command: HookCommand, color: Ansi) -> anyhow::Result<u8> {
    let stage = |pre_push| if pre_push { Stage::PrePush } else { Stage::PreCommit };
    let said = match command {
        HookCommand::Install { pre_push, force } => {
            let program = std::env::current_exe().context("this program has no path")?;
            hook::install(stage(pre_push), force, &program)?
        }
        HookCommand::Uninstall { pre_push } => hook::uninstall(stage(pre_push))?,
        HookCommand::Run(args) => return run_hook(*args, color),
    };
    writeln!(io::stdout().lock(), "{said}")?;
    Ok(CLEAN)
}

/// What a hook calls: silent when there is nothing to say, and a way out when there is.
fn run_hook(args: HookRun, color: Ansi) -> anyhow::Result<u8> {
    let mut stdin = String::new();
    if args.stage == StageArg::PrePush {
        io::stdin().lock().read_to_string(&mut stdin).context("standard input cannot be read")?;
    }
    let verbose = args.output.verbose;
    let mut plan = Plan::of_hook(args, &stdin)?;
    plan.style.quiet = !verbose;
    let human = plan.format == Format::Human;
    let code = execute(plan, color)?;
    if code == FINDINGS && human {
        let mut stderr = AutoStream::new(io::stderr().lock(), color);
        // Nothing is left to do when stderr is gone.
        let _ = writeln!(
            stderr,
            "\x1b[1;31mkeylint stopped this\x1b[0m: take the keys out, or end the line with a comment \
             `keylint:allow RULE -- reason`; --no-verify skips all hooks once"
        );
    }
    Ok(code)
}

/// Keys from standard input: 0 when none is live, 1 when one is, 2 when not all could be told.
fn verify(args: VerifyCommand, color: Ansi) -> anyhow::Result<u8> {
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
    write((plan.output.as_deref(), plan.style), color, &rendered(plan.format))?;
    for (format, file) in &plan.reports {
        write((Some(file), plan.style), color, &rendered(*format))?;
    }
    let told = |finding: &Finding| {
        finding.verification.is_live()
            || matches!(finding.verification, Verification::Revoked { .. })
    };
    Ok(if report.interrupted {
        INTERRUPTED
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

/// Said before anything is sent.
fn warn_of_candidates(color: Ansi) {
    let mut stderr = AutoStream::new(io::stderr().lock(), color);
    // Nothing is left to do when stderr is gone.
    let _ = writeln!(
        stderr,
        "\x1b[1;33mwarning\x1b[0m: --verify-candidates shows keys whose provider is not known to \
         the companies they may belong to, one after the other"
    );
}

fn interruptible() -> anyhow::Result<Arc<Progress>> {
    let progress = Arc::new(Progress::default());
    let on_signal = Arc::clone(&progress);
    ctrlc::set_handler(move || stop(&on_signal)).context("cannot listen for Ctrl-C")?;
    Ok(progress)
}

/// The first Ctrl-C ends the scan and reports what was found; the second ends the program.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "the user asked twice")]
fn stop(progress: &Progress) {
    if progress.interrupted() {
        std::process::exit(i32::from(INTERRUPTED));
    }
    progress.interrupt();
}

/// Runs `work`; a second thread draws the bar on a terminal, or now and then writes a line of how
/// many keys are verified elsewhere.
fn with_bar<E>(
    quiet: bool,
    progress: &Progress,
    work: impl FnOnce() -> Result<Report, E>,
) -> Result<Report, E> {
    let done = AtomicBool::new(false);
    let terminal = io::stderr().is_terminal();
    std::thread::scope(|scope| {
        let bar = (!quiet).then(|| {
            scope.spawn(|| if terminal { draw(progress, &done) } else { tell(progress, &done) })
        });
        let report = work();
        done.store(true, Ordering::Relaxed);
        if let Some(bar) = bar {
            bar.thread().unpark();
        }
        report
    })
}

/// Writes a line on stderr every two seconds in which keys were verified.
fn tell(progress: &Progress, done: &AtomicBool) {
    const EVERY: Duration = Duration::from_secs(2);
    let mut last = 0;
    let mut next = Instant::now() + EVERY;
    while !done.load(Ordering::Relaxed) {
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
        if Instant::now() < next {
            continue;
        }
        next += EVERY;
        let (keys, all) = progress.keys();
        if keys > last && keys < all {
            last = keys;
            // Nothing is left to do when stderr is gone.
            let _ = writeln!(io::stderr().lock(), "verified {keys} of {all} keys");
        }
    }
}

/// Draws blobs done, rate and ETA on stderr until `done`.
fn draw(progress: &Progress, done: &AtomicBool) {
    const TICK: Duration = Duration::from_millis(100);
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let plain = "{spinner} {pos} blobs, {msg}, {per_sec}";
    let ranged = "{spinner} [{bar:30}] {pos}/{len} blobs, {msg}, {per_sec}, ETA {eta}";
    let style = |template| ProgressStyle::with_template(template).ok();
    let keys = "{spinner} [{bar:30}] {pos}/{len} keys verified, {per_sec}, ETA {eta}";
    let verifying = style(keys).unwrap_or_else(ProgressStyle::default_bar);
    let mut known = false;
    style(plain).into_iter().for_each(|style| bar.set_style(style));
    while !done.load(Ordering::Relaxed) {
        let (keys, all) = progress.keys();
        if all > 0 {
            bar.set_style(verifying.clone());
            bar.set_length(all);
            bar.set_position(keys);
            bar.tick();
            std::thread::park_timeout(TICK);
            continue;
        }
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
fn write(
    (path, mut style): (Option<&Path>, Style),
    color: Ansi,
    render: &dyn Fn(Style, &mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    match path {
        Some(path) => {
            let part = path.with_added_extension("part");
            let context = || format!("{path}: the report cannot be written", path = path.display());
            let mut text = AutoStream::never(Vec::new());
            render(style, &mut text)?;
            // A device or pipe, such as /dev/null, is written to and never replaced by a file.
            if path.metadata().is_ok_and(|found| !found.is_file()) {
                return std::fs::write(path, text.into_inner()).with_context(context);
            }
            std::fs::write(&part, text.into_inner()).with_context(context)?;
            std::fs::rename(&part, path).with_context(context)
        }
        None => {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                style.width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
            }
            let mut out = AutoStream::new(stdout.lock(), color);
            render(style, &mut out)?;
            Ok(out.flush()?)
        }
    }
}

fn baseline(command: BaselineCommand) -> anyhow::Result<u8> {
    let mut adopt = Adopt::new(command)?;
    let progress = interruptible()?;
    let mut text = String::new();
    let report = with_bar(false, &progress, || {
        let done = adopt.run(&progress)?;
        text = done.text;
        Ok::<Report, AdoptError>(done.report)
    })?;
    writeln!(io::stdout().lock(), "{text}")?;
    for problem in &report.problems {
        let (place, message) = (&problem.place, &problem.message);
        writeln!(io::stderr().lock(), "error: {place}: {message}")?;
    }
    Ok(match (report.interrupted, report.problems.is_empty()) {
        (true, _) => INTERRUPTED,
        (_, false) => INCOMPLETE,
        _ => CLEAN,
    })
}

fn migrate(args: &MigrateArgs) -> anyhow::Result<u8> {
    let progress = interruptible()?;
    let outcome = keylint::migrate::migrate(args, &progress)?;
    let mut out = io::stdout().lock();
    outcome.written.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    let mut err = io::stderr().lock();
    outcome.notes.iter().try_for_each(|line| writeln!(err, "note: {line}"))?;
    Ok(CLEAN)
}

fn config(command: ConfigCommand) -> anyhow::Result<u8> {
    let text = match command {
        ConfigCommand::Show(args) => keylint::settings::show(&args)?,
        ConfigCommand::Schema => keylint::settings::schema()?,
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(CLEAN)
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

/// Shows what mends the findings, and writes it with `--write`.
fn fix(args: FixArgs, color: Ansi) -> anyhow::Result<u8> {
    let FixArgs { paths, write, dry_run: _, rule, show_secrets, filter } = args;
    let mut plan = Plan::fix(paths, filter)?;
    let progress = interruptible()?;
    let report = with_bar(true, &progress, || run(&mut plan, &progress))?;
    let repair = keylint::repair::repair(&plan, &report, &rule);
    let mut out = AutoStream::new(io::stdout().lock(), color);
    for file in &repair.files {
        for line in file.diff(show_secrets).lines() {
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
        writeln!(out, "left: {place}: {why}")?;
    }
    for problem in &report.problems {
        writeln!(out, "error: {place}: {text}", place = problem.place, text = problem.message)?;
    }
    let (keys, files) = (repair.keys, repair.files.len());
    let failed = if write { repair.write().err().unwrap_or_default() } else { Vec::new() };
    failed.iter().try_for_each(|line| writeln!(out, "error: {line}"))?;
    let what = match (write, files) {
        (_, 0) => "nothing to change".to_owned(),
        (true, _) => format!("{keys} keys rewritten, {files} files changed; now rotate the keys"),
        (false, _) => format!("{keys} keys and {files} files would change; --write does it"),
    };
    writeln!(out, "{what}")?;
    let open = !repair.left.is_empty() || (!write && files > 0);
    Ok(match (failed.is_empty() && report.problems.is_empty(), open) {
        (false, _) => INCOMPLETE,
        (true, true) => FINDINGS,
        (true, false) => CLEAN,
    })
}
