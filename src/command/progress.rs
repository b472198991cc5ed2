//! Ctrl-C, and the bar or the lines that say how far a run is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::DirEntry;
use std::io::{self, IsTerminal as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use keylint::progress::{Progress, Reading};

use super::signals;
use crate::SIGNALLED;

/// How long all threads may be at a standstill after a signal.
const STANDSTILL: Duration = Duration::from_secs(3);
/// Hundredths of a second that a thread which works has in that time even on a machine that is busy; one
/// that looks for work now and then has less.
const BUSY: u64 = 24;

pub(crate) fn interruptible() -> anyhow::Result<Arc<Progress>> {
    interruptible_with(|| {})
}

/// The same; `last` runs before a second signal ends the program at once.
pub(crate) fn interruptible_with(
    last: impl Fn() + Send + Sync + 'static,
) -> anyhow::Result<Arc<Progress>> {
    let progress = Arc::new(Progress::default());
    let on_signal = Arc::clone(&progress);
    let last = Arc::new(last);
    signals::listen(move |signal| {
        if on_signal.interrupted() {
            leave(&on_signal, signal, &*last);
        }
        on_signal.interrupt_by(signal);
        let (progress, last) = (Arc::clone(&on_signal), Arc::clone(&last));
        // Without it, a second signal helps.
        let _ = std::thread::Builder::new().spawn(move || watch(&progress, signal, &*last));
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(progress)
}

/// The exit code of a run that `progress` says was ended by a signal, as shells have it.
pub(crate) fn interrupted(progress: &Progress) -> u8 {
    SIGNALLED + progress.signal()
}

/// Ends the program between two files that it writes.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the user asked twice, or nothing else helps"
)]
fn leave(progress: &Progress, signal: u8, last: &dyn Fn()) -> ! {
    progress.unbroken(|| {
        last();
        std::process::exit(i32::from(SIGNALLED + signal))
    })
}

/// Waits for the end of a run that was asked to end. A read that does not come back, on a file system that
/// hangs, cannot be called off: where no thread works any more the run is given up. Where nobody reports what
/// it has found, the program ends.
fn watch(progress: &Progress, signal: u8, last: &dyn Fn()) {
    const STEP: Duration = Duration::from_millis(50);
    let (mut before, mut since) = (ticks(), Instant::now());
    let mut last_seen = seen(progress);
    while !progress.finished() {
        std::thread::sleep(STEP);
        if since.elapsed() < STANDSTILL {
            continue;
        }
        let (now, seen) = (ticks(), seen(progress));
        let spent = |(task, ticks): (&OsString, &u64)| ticks - before.get(task).unwrap_or(&0);
        // Where the system does not say, all may work.
        let stands = !now.is_empty() && seen == last_seen;
        if stands && now.iter().all(|task| spent(task) < BUSY) && !progress.give_up() {
            let text = "interrupted, and a read does not come back: nothing is reported";
            // Nothing is left to do when stderr is gone.
            let _ = writeln!(io::stderr(), "error: {text}");
            leave(progress, signal, last);
        }
        (before, since, last_seen) = (now, Instant::now(), seen);
    }
}

/// What changes while reads come back, however slowly.
fn seen(progress: &Progress) -> (u64, u64, Vec<Reading>) {
    (progress.blobs(), progress.bytes(), progress.readings())
}

/// Hundredths of a second of processor time that each thread has had, where the system says that.
fn ticks() -> BTreeMap<OsString, u64> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of_task = |task: DirEntry| {
        let text = std::fs::read_to_string(task.path().join("stat")).ok()?;
        // `id (name) state …`; the name may hold anything. In user and in system mode, from there.
        let (_, rest) = text.rsplit_once(") ")?;
        let numbers =
            rest.split(' ').skip(11).take(2).filter_map(|number| number.parse::<u64>().ok());
        Some((task.file_name(), numbers.sum::<u64>()))
    };
    tasks.filter_map(of_task).collect()
}

/// Runs `work`; a second thread draws the bar on a terminal, or now and then writes a line of how
/// many keys are verified elsewhere.
pub(crate) fn with_bar<T, E>(
    quiet: bool,
    progress: &Progress,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let done = AtomicBool::new(false);
    let terminal = io::stderr().is_terminal();
    std::thread::scope(|scope| {
        let show = || if terminal { draw(progress, &done) } else { tell(progress, &done) };
        // Where the system refuses one more thread, nothing is shown.
        let thread = std::thread::Builder::new();
        let bar = (!quiet).then(|| thread.spawn_scoped(scope, show).ok()).flatten();
        // A fault in it must not leave the other thread waiting, and with it the program.
        let report = catch_unwind(AssertUnwindSafe(work));
        progress.finish();
        done.store(true, Ordering::Relaxed);
        if let Some(bar) = bar {
            bar.thread().unpark();
        }
        report.unwrap_or_else(|panic| resume_unwind(panic))
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
    const PATIENCE: Duration = Duration::from_millis(300);
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let plain = "{spinner} {pos} blobs, {msg}, {per_sec}";
    let ranged = "{spinner} [{bar:30}] {pos}/{len} blobs, {msg}, {per_sec}, ETA {eta}";
    let style = |template| ProgressStyle::with_template(template).ok();
    let keys = "{spinner} [{bar:30}] {pos}/{len} keys verified, {per_sec}, ETA {eta}";
    let verifying = style(keys).unwrap_or_else(ProgressStyle::default_bar);
    let mut known = false;
    style(plain).into_iter().for_each(|style| bar.set_style(style));
    // A short run needs no bar.
    std::thread::park_timeout(PATIENCE);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_ends_the_thread_that_shows_how_far_the_run_is() {
        let work = || -> Result<(), io::Error> { panic!("hunter2-and-more") };
        let ended = catch_unwind(|| with_bar(false, &Progress::default(), work));
        assert!(ended.is_err());
    }
}
