//! Log lines of the network crates on standard error, for those who look for a proxy or
//! certificate fault. Off unless the environment asks; the crates are never given a key in a form
//! that they would log.

use std::io::Write as _;

use log::{LevelFilter, Log, Metadata, Record};

/// Writes every record of its level to standard error.
struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let (level, target) = (record.level(), record.target());
        // Nothing is left to do when stderr is gone.
        let _ =
            writeln!(std::io::stderr().lock(), "{level} {target}: {args}", args = record.args());
    }

    fn flush(&self) {}
}

/// Starts logging at the level that `wanted` names (`debug`, `trace`, ...).
///
/// # Errors
/// What `wanted` should be.
pub fn start(wanted: &str) -> Result<(), String> {
    let level: LevelFilter = wanted
        .parse()
        .map_err(|_| "KEYLINT_LOG is one of off, error, warn, info, debug, trace".to_owned())?;
    log::set_logger(&Stderr).map_err(|error| error.to_string())?;
    log::set_max_level(level);
    Ok(())
}
