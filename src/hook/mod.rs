//! Installs and removes git hooks that run keylint, beside whatever hooks there are: one that stood
//! there is kept and run first, husky's files get a block of their own, and where lefthook writes the
//! hooks the user is told what to add.

mod script;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{self, Access};
use crate::source::git::{GitError, HooksFolder, Level, Wanted};
pub use script::Stage;
use script::{BEGIN, END, Form};

/// Files by which lefthook is known.
const LEFTHOOK: [&str; 7] = [
    "lefthook.yml",
    "lefthook.yaml",
    "lefthook.toml",
    "lefthook.json",
    ".lefthook.yml",
    ".lefthook.yaml",
    ".lefthook.toml",
];

/// Why a hook is not installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The hooks folder serves other repositories, too.
    #[error(
        "{folder}: core.hooksPath is set there for all your repositories, so a hook would run in \
         each of them; --force installs it all the same"
    )]
    Shared {
        /// The folder.
        folder: PathBuf,
    },
    /// lefthook writes the hooks.
    #[error("lefthook writes the hooks here; add this to {file}:\n\n{snippet}")]
    Lefthook {
        /// Its configuration.
        file: String,
        /// What to add.
        snippet: String,
    },
    /// A hook was kept when keylint's was installed, and another one stands at its name.
    #[error("{path}: a hook is kept here already; move it away or back first")]
    Kept {
        /// Where it is kept.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        error: io::Error,
    },
    /// Standard input of a pre-push hook.
    #[error(
        "standard input: {0:?} is no line of a pre-push hook \
         (LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID); git gives it, see `git help githooks`"
    )]
    Line(String),
}

/// Where a hook belongs.
struct Target {
    file: PathBuf,
    form: Form,
    /// husky's files are there, but git does not look at them yet.
    idle: bool,
}

/// Installs the hook of `stage` in the repository around the current folder; says in a line what
/// was done. `program` is the keylint that the hook runs first of all.
///
/// # Errors
/// [`HookError`]; then nothing has changed.
pub fn install(stage: Stage, force: bool, program: &Path) -> Result<String, HookError> {
    let hooks = HooksFolder::find(Path::new("."))?;
    let target = target(&hooks, stage, force)?;
    let file = &target.file;
    let old = read(file)?;
    let text = match target.form {
        Form::Block => {
            let rest = old.as_deref().map(script::without_block).unwrap_or_default();
            script::with_block(&rest, stage)
        }
        Form::File => script::whole(stage, program),
    };
    let is_ours = old.as_deref().is_some_and(|old| old.contains(BEGIN));
    let mut kept = String::new();
    if let Form::File = target.form
        && !is_ours
        && file.symlink_metadata().is_ok()
    {
        let aside = script::aside(file);
        if aside.symlink_metadata().is_ok() {
            return Err(HookError::Kept { path: aside });
        }
        fs::rename(file, &aside).map_err(io_error(file))?;
        kept = format!("; the hook that stood there runs first, from {}", aside.display());
    }
    write(file, &text)?;
    if target.idle {
        kept += "; git does not run husky's hooks in this clone before `npx husky` is run";
    }
    let done = if is_ours { "written anew" } else { "installed" };
    Ok(format!("{stage} hook {done}: {path}{kept}", stage = stage.name(), path = file.display()))
}

/// Removes what [`install`] has put there; says in a line what was done.
///
/// # Errors
/// [`HookError`]; then nothing has changed.
pub fn uninstall(stage: Stage) -> Result<String, HookError> {
    let hooks = HooksFolder::find(Path::new("."))?;
    let target = target(&hooks, stage, true)?;
    let file = &target.file;
    let (name, shown) = (stage.name(), file.display());
    let Some(old) = read(file)?.filter(|old| old.contains(BEGIN) && old.contains(END)) else {
        return Ok(format!("no {name} hook of keylint at {shown}"));
    };
    if let Form::Block = target.form {
        let rest = script::without_block(&old);
        match rest.trim().is_empty() {
            true => fs::remove_file(file).map_err(io_error(file))?,
            false => write(file, &rest)?,
        }
        return Ok(format!("{name} hook removed from {shown}"));
    }
    let aside = script::aside(file);
    if aside.symlink_metadata().is_ok() {
        fs::rename(&aside, file).map_err(io_error(file))?;
        return Ok(format!("{name} hook removed; {shown} is again what it was before"));
    }
    fs::remove_file(file).map_err(io_error(file))?;
    Ok(format!("{name} hook removed: {shown}"))
}

/// What a push would add: `input` is what git gives a pre-push hook, `remote` the hook's first
/// argument.
///
/// # Errors
/// [`HookError::Line`].
pub fn pushed(input: &str, remote: &str) -> Result<Vec<Wanted>, HookError> {
    let mut wanted = Vec::new();
    for line in input.lines().filter(|line| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[_, tip, _, known] = fields.as_slice() else {
            return Err(HookError::Line(line.to_owned()));
        };
        // All zeros: a ref that is deleted, or is not there yet.
        let is_none = |id: &str| id.bytes().all(|byte| byte == b'0');
        if !is_none(tip) {
            wanted.push(Wanted::Push {
                tip: tip.to_owned(),
                known: Some(known.to_owned()).filter(|id| !is_none(id)),
                remote: remote.to_owned(),
            });
        }
    }
    Ok(wanted)
}

/// The file to write.
fn target(hooks: &HooksFolder, stage: Stage, force: bool) -> Result<Target, HookError> {
    if let Some(root) = &hooks.root {
        let husky = root.join(".husky");
        let in_use = hooks.folder == husky || hooks.folder == husky.join("_");
        if in_use || hooks.level.is_none() && husky.is_dir() {
            let file = husky.join(stage.name());
            return Ok(Target { file, form: Form::Block, idle: !in_use });
        }
        let lefthook = LEFTHOOK.iter().find(|name| root.join(name).is_file());
        if let (Some(file), false) = (lefthook, force) {
            let snippet = script::lefthook(stage);
            return Err(HookError::Lefthook { file: (*file).to_owned(), snippet });
        }
    }
    if hooks.level == Some(Level::Everywhere) && !force {
        return Err(HookError::Shared { folder: hooks.folder.clone() });
    }
    Ok(Target { file: hooks.folder.join(stage.name()), form: Form::File, idle: false })
}

fn read(file: &Path) -> Result<Option<String>, HookError> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(file)(error)),
    }
}

/// Writes an executable file, whole or not at all.
fn write(file: &Path, text: &str) -> Result<(), HookError> {
    let folder = fs::create_dir_all(file.parent().unwrap_or(file));
    folder
        .and_then(|()| disk::replace(file, text.as_bytes(), Access::Program))
        .map_err(io_error(file))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> HookError {
    let path = path.to_owned();
    move |error| HookError::Io { path: path.clone(), error }
}
