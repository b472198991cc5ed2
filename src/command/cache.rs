//! `keylint cache`: what is kept between runs in the user's folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use bstr::ByteSlice as _;

use keylint::caches;
use keylint::cli::CacheCommand;
use keylint::source::git::describe;

use crate::CLEAN;

pub(crate) fn cache(command: CacheCommand) -> anyhow::Result<u8> {
    let folder = caches::default_folder().context(
        "the environment names no folder for caches; set HOME or XDG_CACHE_HOME, or work without",
    )?;
    match command {
        CacheCommand::Show => show(&folder)?,
        CacheCommand::Clear => clear(&folder)?,
    }
    Ok(CLEAN)
}

fn show(folder: &Path) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{folder}", folder = folder.display())?;
    for path in files(folder)? {
        let (what, found) = (what(&path), path.metadata()?);
        let size = found.len().div_ceil(1024);
        let age = found.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        let days = age.map_or(0, |age| age.as_secs() / (24 * 3600));
        writeln!(out, "{size:>9} KiB  used {days:>3} days ago  {what}")?;
    }
    Ok(())
}

/// What a file is for.
fn what(path: &Path) -> String {
    if !caches::is_history(path) {
        return "answers of vendors".to_owned();
    }
    let bytes = fs::read(path).unwrap_or_default();
    match describe(&bytes) {
        Some((place, blobs)) => {
            format!(
                "history of {place}, {blobs} blobs",
                place = place.to_str_lossy().escape_debug()
            )
        }
        None => "a history; the file is damaged and will be made anew".to_owned(),
    }
}

fn clear(folder: &Path) -> anyhow::Result<()> {
    let files = files(folder)?;
    for path in &files {
        fs::remove_file(path)
            .with_context(|| format!("{path}: cannot be removed", path = path.display()))?;
    }
    let count = files.len();
    writeln!(
        io::stdout().lock(),
        "{count} files removed from {folder}",
        folder = folder.display()
    )?;
    Ok(())
}

/// The files of the cache, sorted; none where there is no folder.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("{folder}: cannot be read", folder = folder.display()));
        }
    };
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| caches::is_ours(path)).collect();
    files.sort_unstable();
    Ok(files)
}
