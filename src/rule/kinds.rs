//! The kinds of paths of `rules/paths.toml`.

use std::collections::HashMap;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::rule::{PathKind, RuleError, data};

/// The globs, compiled.
pub(super) struct Kinds {
    set: GlobSet,
    kind_of: Vec<PathKind>,
}

impl Kinds {
    /// Compiles the shipped table.
    ///
    /// # Errors
    /// [`RuleError`] when it is broken; a test holds that it is not.
    pub(super) fn load() -> Result<Self, RuleError> {
        let table: HashMap<PathKind, Vec<String>> = data("paths.toml")?;
        let mut set = GlobSetBuilder::new();
        let mut kind_of = Vec::new();
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort();
        for (kind, globs) in entries {
            for glob in globs {
                set.add(glob_of(&glob)?);
                kind_of.push(kind);
            }
        }
        let set = set.build().map_err(|error| RuleError::Compile(error.to_string()))?;
        Ok(Self { set, kind_of })
    }

    /// The kinds of `path`.
    pub(super) fn of(&self, path: &[u8]) -> Vec<PathKind> {
        let path = bstr::ByteSlice::to_str_lossy(path);
        self.set.matches(path.as_ref()).into_iter().map(|at| self.kind_of[at]).collect()
    }
}

/// A set of `globs`; `None` where there are none.
///
/// # Errors
/// [`RuleError::Compile`] for one that is no glob.
pub(super) fn globs(globs: &[String]) -> Result<Option<GlobSet>, RuleError> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(glob_of(glob)?);
    }
    let set = set.build().map_err(|error| RuleError::Compile(error.to_string()))?;
    Ok(Some(set).filter(|_| !globs.is_empty()))
}

fn glob_of(glob: &str) -> Result<Glob, RuleError> {
    Glob::new(glob).map_err(|error| RuleError::Compile(format!("glob `{glob}`: {error}")))
}
