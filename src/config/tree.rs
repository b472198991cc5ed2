//! Which `keylint.toml` files count for a path: all from its folder upward to the top of the
//! repository, outside of one to the root of the file system, nearer ones before those further up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bstr::{BStr, ByteSlice as _};
use globset::{Glob, GlobMatcher, GlobSet, GlobSetBuilder};
use regex_automata::meta::Regex;
use rustc_hash::FxHashMap;

use crate::config::{Allow, Config, ConfigError, FILE_NAME};
use crate::finding::{Confidence, Severity};

/// Bytes of the longest path that a system opens.
const LONGEST: usize = if cfg!(windows) { 32 << 10 } else { 4096 };

/// The files of one folder, outermost first.
pub type Chain = Arc<[Arc<Layer>]>;

/// One file, compiled.
pub struct Layer {
    /// The file as written.
    pub config: Config,
    /// `[[allow]]`, compiled.
    pub allow: Vec<Entry>,
    folder: PathBuf,
    exclude: GlobSet,
}

/// One `[[allow]]` entry.
pub struct Entry {
    /// As written.
    pub allow: Allow,
    /// Its pattern.
    pub pattern: Option<Regex>,
    path: Option<GlobMatcher>,
    used: AtomicBool,
}

/// What was looked up so far.
#[derive(Default)]
pub struct Tree {
    starts: Vec<PathBuf>,
    tops: Vec<PathBuf>,
    fixed: Option<Chain>,
    folders: Mutex<FxHashMap<PathBuf, Chain>>,
    faults: Mutex<BTreeSet<ConfigError>>,
}

impl Layer {
    /// Compiles `config`, whose globs start from `folder`.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a glob or pattern that cannot be used.
    pub fn new(config: Config, folder: PathBuf) -> Result<Self, ConfigError> {
        let exclude = exclude(&config)?;
        let mut allow = Vec::new();
        for (at, entry) in config.allow.iter().enumerate() {
            let fail =
                |key: &str, message: String| config.error(&format!("allow.{at}.{key}"), message);
            let glob = |glob: &String| Glob::new(glob).map(|glob| glob.compile_matcher());
            let path = entry.path.as_ref().map(glob).transpose();
            let path = path.map_err(|error| fail("path", error.to_string()))?;
            let pattern = entry.pattern.as_deref().map(Regex::new).transpose();
            let pattern = pattern.map_err(|error| {
                let syntax = error.syntax_error().map(ToString::to_string);
                fail("pattern", syntax.unwrap_or_else(|| error.to_string()))
            })?;
            if entry.commit.as_ref().is_some_and(|id| id.len() < 7) {
                return Err(fail("commit", "7 hex digits or more name a commit".to_owned()));
            }
            let allow_ = entry.clone();
            allow.push(Entry { allow: allow_, pattern, path, used: AtomicBool::new(false) });
        }
        Ok(Self { config, allow, folder, exclude })
    }

    /// Line of `key` in the file.
    pub fn line(&self, key: &str) -> usize {
        crate::config::origin::line_of(&self.config.text, key)
    }

    /// `path` of `base` relative to the file's folder; `None` where it is not below.
    fn relative(&self, base: &Path, path: &BStr) -> Option<PathBuf> {
        let whole = base.join(path.to_path_lossy());
        whole.strip_prefix(&self.folder).ok().map(Path::to_owned)
    }
}

impl Entry {
    /// Notes that it allowed something.
    pub fn mark(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// True when it allowed something.
    pub fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// True when its glob matches `path` of `base`, or it has none.
    pub fn path_holds(&self, layer: &Layer, base: &Path, path: Option<&BStr>) -> bool {
        let Some(glob) = &self.path else { return true };
        let inside = path.and_then(|path| layer.relative(base, path));
        inside.is_some_and(|path| glob.is_match(path))
    }
}

/// `[scan] exclude`, compiled; a folder stands for all below it.
fn exclude(config: &Config) -> Result<GlobSet, ConfigError> {
    let fail = |error: globset::Error| config.error("scan.exclude", error.to_string());
    let mut set = GlobSetBuilder::new();
    for glob in &config.scan.exclude {
        let glob = glob.strip_prefix("./").unwrap_or(glob).trim_end_matches('/');
        set.add(Glob::new(glob).map_err(fail)?);
        set.add(Glob::new(&format!("{glob}/**")).map_err(fail)?);
    }
    set.build().map_err(fail)
}

impl Tree {
    /// Looks for files around `starts`, the places that are scanned.
    pub fn around(starts: &[PathBuf]) -> Self {
        let tops = starts.iter().map(|start| top_of(&canonical(start))).collect();
        Self { starts: whole(starts), tops, ..Self::default() }
    }

    /// Only `config`, for every path; its globs start from its folder, or from `base`, the top of
    /// what is scanned, where that is not below it.
    ///
    /// # Errors
    /// As [`Layer::new`].
    pub fn only(config: Config, starts: &[PathBuf], base: &Path) -> Result<Self, ConfigError> {
        let folder = canonical(config.folder());
        let folder = if base.starts_with(&folder) { folder } else { base.to_owned() };
        let layer = Arc::new(Layer::new(config, folder)?);
        let fixed: Option<Chain> = Some(Arc::new([layer]));
        Ok(Self { starts: whole(starts), fixed, ..Self::default() })
    }

    /// No file at all.
    pub fn none() -> Self {
        Self { fixed: Some(Arc::new([])), ..Self::default() }
    }

    /// The files that count in `folder`, a canonical path. A file that cannot be used is left out
    /// and kept for [`Tree::faults`].
    pub fn at(&self, folder: &Path) -> Chain {
        if let Some(fixed) = &self.fixed {
            return Arc::clone(fixed);
        }
        // A commit may name folders that no disk can have.
        let exist = folder.ancestors().skip_while(|it| it.as_os_str().len() > LONGEST);
        let (mut chain, mut unknown): (Chain, _) = (Arc::new([]), Vec::new());
        for folder in exist {
            if let Some(known) = lock(&self.folders).get(folder) {
                chain = Arc::clone(known);
                break;
            }
            unknown.push(folder);
            if self.tops.iter().any(|top| top == folder) {
                break;
            }
        }
        for folder in unknown.into_iter().rev() {
            chain = match self.read(folder) {
                None => chain,
                Some(layer) if layer.config.root => Arc::new([layer]),
                Some(layer) => chain.iter().cloned().chain([layer]).collect(),
            };
            // Two threads may both have read the file; the entries of one of them count.
            chain = Arc::clone(lock(&self.folders).entry(folder.to_owned()).or_insert(chain));
        }
        chain
    }

    fn read(&self, folder: &Path) -> Option<Arc<Layer>> {
        let path = folder.join(FILE_NAME);
        // A directory, a missing file and a dangling link are all no configuration.
        if !path.is_file() {
            return None;
        }
        match Config::read(&path).and_then(|config| Layer::new(config, folder.to_owned())) {
            Ok(layer) => Some(Arc::new(layer)),
            Err(error) => {
                lock(&self.faults).insert(error);
                None
            }
        }
    }

    /// The files that count for `path` of `base`.
    pub fn of(&self, base: &Path, path: Option<&BStr>) -> Chain {
        let inside = path.map(|path| base.join(path.to_path_lossy()));
        self.at(inside.as_deref().and_then(Path::parent).unwrap_or(base))
    }

    /// Files that could not be used, each once.
    pub fn faults(&self) -> Vec<ConfigError> {
        lock(&self.faults).iter().cloned().collect()
    }

    /// True when everything below the folder of `layer` is scanned.
    pub fn covers(&self, layer: &Layer) -> bool {
        self.starts.iter().any(|start| layer.folder.starts_with(start))
    }

    /// All files that were read, sorted by path.
    pub fn layers(&self) -> Vec<Arc<Layer>> {
        let mut all: Vec<Arc<Layer>> = match &self.fixed {
            Some(fixed) => fixed.to_vec(),
            None => lock(&self.folders).values().flat_map(|chain| chain.iter().cloned()).collect(),
        };
        all.sort_by(|a, b| a.config.path.cmp(&b.config.path));
        all.dedup_by(|a, b| a.config.path == b.config.path);
        all
    }
}

/// `starts` without links; those that do not exist are left out.
fn whole(starts: &[PathBuf]) -> Vec<PathBuf> {
    starts.iter().filter_map(|start| start.canonicalize().ok()).collect()
}

/// True when a file of `chain` excludes `path` of `base`.
pub fn excludes(chain: &Chain, base: &Path, path: &BStr) -> bool {
    let hit = |layer: &Arc<Layer>| {
        !layer.exclude.is_empty()
            && layer.relative(base, path).is_some_and(|path| layer.exclude.is_match(path))
    };
    chain.iter().any(hit)
}

/// The severity that the nearest file gives to `rule`.
pub fn severity(chain: &Chain, rule: &str) -> Option<Severity> {
    chain.iter().rev().find_map(|layer| layer.config.rules.severity.get(rule).copied())
}

/// The nearest file's least confidence.
pub fn min_confidence(chain: &Chain) -> Option<Confidence> {
    chain.iter().rev().find_map(|layer| layer.config.scan.min_confidence)
}

/// True when a file of `chain` disables `rule`.
pub fn disables(chain: &Chain, rule: &str) -> bool {
    chain.iter().any(|layer| layer.config.rules.disable.iter().any(|id| id == rule))
}

/// True when a file of `chain` disables any rule.
pub fn disables_any(chain: &Chain) -> bool {
    chain.iter().any(|layer| !layer.config.rules.disable.is_empty())
}

/// The folder of `start`, or `start` where it is one, without links; the current folder where it
/// does not exist.
pub fn canonical(start: &Path) -> PathBuf {
    let start = start.canonicalize().or_else(|_| Path::new(".").canonicalize());
    let start = start.unwrap_or_else(|_| PathBuf::from("."));
    match start.parent() {
        Some(parent) if start.is_file() => parent.to_owned(),
        _ => start,
    }
}

/// The top of the repository around `folder`, else the root of the file system.
fn top_of(folder: &Path) -> PathBuf {
    let repository = folder.ancestors().find(|folder| folder.join(".git").exists());
    repository.or_else(|| folder.ancestors().last()).unwrap_or(folder).to_owned()
}

/// What the paths of findings in `start` are relative to: the top of the repository around it, else
/// its folder.
pub fn base_of(start: &Path) -> PathBuf {
    let folder = canonical(start);
    let repository = folder.ancestors().find(|folder| folder.join(".git").exists());
    repository.map_or(folder.clone(), Path::to_owned)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
