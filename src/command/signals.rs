//! The signals that end a run.

use std::io;

/// The signal of Ctrl-C.
#[cfg(not(unix))]
const SIGINT: u8 = 2;

/// Calls `on` with the number of each signal that asks the program to end, on a thread of its own.
///
/// # Errors
/// The I/O error when the system refuses the thread or the handler.
#[cfg(unix)]
pub(crate) fn listen(on: impl Fn(u8) + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // nohup has it ignored, so that the run outlives the terminal.
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup))?;
    let each = move || signals.forever().for_each(|signal| on(u8::try_from(signal).unwrap_or(0)));
    std::thread::Builder::new().name("signals".to_owned()).spawn(each)?;
    Ok(())
}

/// The same where there is only Ctrl-C.
///
/// # Errors
/// As above.
#[cfg(not(unix))]
pub(crate) fn listen(on: impl Fn(u8) + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(move || on(SIGINT)).map_err(io::Error::other)
}

/// True when whoever started the program has it ignore `signal`; where the system does not say, false.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
