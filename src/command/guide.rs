//! `keylint explain`, `completions` and `man`: what tells of the program itself.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use keylint::cli::{Shell, pages};
use keylint::disk::{self, Access};
use keylint::ground::Ground;

use super::terminal::quoted;
use crate::CLEAN;

pub(crate) fn explain(name: &str) -> anyhow::Result<u8> {
    let ground = Ground::new(vec![PathBuf::from(".")], None, false)?;
    let page = keylint::explain::page(name, ground.rules()?).map_err(anyhow::Error::msg)?;
    io::stdout().lock().write_all(quoted(&page).as_bytes())?;
    Ok(CLEAN)
}

pub(crate) fn completions(shell: Shell) -> anyhow::Result<u8> {
    io::stdout().lock().write_all(&pages::completions(shell))?;
    Ok(CLEAN)
}

/// The program's page on standard output, or all pages as files.
pub(crate) fn man(folder: Option<&Path>) -> anyhow::Result<u8> {
    let pages = pages::man()?;
    let mut out = io::stdout().lock();
    let Some(folder) = folder else {
        out.write_all(&pages[0].text)?;
        return Ok(CLEAN);
    };
    let written = |path: &Path| format!("{path}: cannot be written", path = path.display());
    std::fs::create_dir_all(folder).with_context(|| written(folder))?;
    for page in &pages {
        let file = folder.join(&page.file);
        disk::replace(&file, &page.text, Access::Usual).with_context(|| written(&file))?;
    }
    let first = folder.join(&pages[0].file);
    writeln!(
        out,
        "{n} pages; read one with: man -l {first}",
        n = pages.len(),
        first = first.display()
    )?;
    Ok(CLEAN)
}
