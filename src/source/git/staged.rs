//! The index: what the next commit would add.
//!
//! Compared with HEAD and, in a merge that is not finished, with what is merged. Nothing of the
//! work tree is read.

use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice as _};
use git2::Repository;

use crate::blob::ObjectId;
use crate::disk;
use crate::source::files::slashes;
use crate::source::git::changes::{Change, Side, compare};
use crate::source::git::commit;
use crate::source::git::delta::{Delta, Step};
use crate::source::git::environment::Environment;
use crate::source::git::error::{GitError, open_error};
use crate::source::git::index::{Entry, Index};
use crate::source::git::objects::parse_hex;
use crate::source::git::store::{Store, hash};
use crate::source::{Ledger, ignore_files};

/// Paths named in a message before it says how many more there are.
const FEW: usize = 3;

/// An open repository and the paths in it that are wanted.
pub struct Checkout {
    pub(crate) repo: Repository,
    pub(crate) store: Store,
    /// The file of the index.
    index: PathBuf,
    /// Paths from the top; one that is empty means everything.
    paths: Vec<BString>,
}

impl Checkout {
    /// Opens the repository around the first of `paths`, which limit what is scanned.
    ///
    /// # Errors
    /// [`GitError::Open`], or [`GitError::Outside`] for a path of another place.
    pub fn open(paths: &[PathBuf]) -> Result<Self, GitError> {
        let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
        // Git names its folder to hooks where it is not the one that would be found.
        let environment = Environment::read();
        let named = environment.folder(first);
        let repo = match named {
            Some(folder) => ignore_files::open(folder),
            None => ignore_files::discover(&existing(first)),
        };
        let repo = repo.map_err(|error| open_error(first, &error))?;
        let aside = || named.map(|_| environment.work_tree().to_owned());
        let root = repo.workdir().map(Path::to_owned).or_else(aside);
        let root = root.and_then(|root| root.canonicalize().ok());
        let paths = paths.iter().map(|path| inside(path, root.as_deref()));
        let paths = paths.collect::<Result<_, _>>()?;
        let (index, aside) = environment.places(&repo);
        let index = index.unwrap_or_else(|| repo.path().join("index"));
        Ok(Self { paths, store: Store::open(&repo, aside), index, repo })
    }

    /// True when the user wants to know of `path`.
    pub fn wants(&self, path: &[u8]) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|named| is_under(path, named))
    }

    /// The changes of the index. For a `hook`, files that are named and not staged count as wholly new:
    /// hook runners name such files when they are asked about all files.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn staged(self, hook: bool, ledger: &Ledger) -> Result<Delta, GitError> {
        let file = &self.index;
        if self.repo.is_bare() && !file.exists() {
            return Err(GitError::Bare { path: self.repo.path().to_owned() });
        }
        let mut index = Index::read(file, hash(&self.repo))?;
        self.announce(&index.entries, ledger);
        index.entries.retain(|entry| entry.stage == 0 && !entry.intent);
        let store = &self.store;
        let parents = parents(&self.repo, store)?;
        let side = Side::Index(&index.entries, 0, index.tree.as_ref());
        let mut changes = match index.tree.as_ref().and_then(|tree| tree.id) {
            Some(tree) if parents.contains(&tree) => Default::default(),
            _ => compare(store, side, &parents)?,
        };
        if changes.files.is_empty() && changes.lost.is_empty() && !hook {
            ledger.notice("nothing is staged; `git add` stages what is to be scanned".to_owned());
        }
        changes.files.retain(|change| self.wants(&change.path));
        if hook && !self.paths.is_empty() {
            let staged = |entry: &&Entry| !changes.files.iter().any(|c| c.path == entry.path);
            let named = index.entries.iter().filter(|entry| self.wants(&entry.path));
            let whole = named.filter(staged).filter(|entry| is_file(entry));
            let whole: Vec<Change> = whole
                .map(|entry| Change {
                    path: entry.path.clone(),
                    blob: entry.id,
                    before: Vec::new(),
                })
                .collect();
            changes.files.extend(whole);
        }
        let mut step = Step { commit: None, changes };
        step.tell_lost(ledger);
        Ok(Delta { store: self.store, steps: vec![step], base: None, tip: None })
    }

    /// What of the index is in no commit yet, and what was named in vain.
    fn announce(&self, entries: &[Entry], ledger: &Ledger) {
        let list = |wanted: &dyn Fn(&Entry) -> bool| {
            let mut paths: Vec<&BStr> =
                entries.iter().filter(|e| wanted(e)).map(|e| e.path.as_bstr()).collect();
            paths.dedup();
            let few: Vec<String> = paths.iter().take(FEW).map(ToString::to_string).collect();
            let more = if paths.len() > FEW { ", ..." } else { "" };
            let noun = if paths.len() == 1 { "path" } else { "paths" };
            let few = few.join(", ");
            (!paths.is_empty()).then(|| format!("{n} {noun} ({few}{more})", n = paths.len()))
        };
        if let Some(unmerged) = list(&|entry| entry.stage > 0 && self.wants(&entry.path)) {
            ledger.notice(format!(
                "not merged yet and not scanned: {unmerged}; no commit can hold them before they \
                 are resolved and added"
            ));
        }
        if let Some(intended) = list(&|entry| entry.intent && self.wants(&entry.path)) {
            ledger.notice(format!(
                "marked by `git add --intent-to-add`, nothing of them is staged: {intended}"
            ));
        }
        for path in &self.paths {
            if !path.is_empty() && !entries.iter().any(|entry| is_under(&entry.path, path)) {
                ledger.notice(format!("{path} is not in the index; `git add` puts it there"));
            }
        }
    }
}

/// True when `path` is `named`, below it, or `named` is the top.
fn is_under(path: &[u8], named: &[u8]) -> bool {
    let rest = path.strip_prefix(named);
    named.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

fn is_file(entry: &Entry) -> bool {
    matches!(entry.mode & 0o170_000, 0o100_000 | 0o120_000)
}

/// The trees of HEAD and of what is being merged; none before the first commit.
fn parents(repo: &Repository, store: &Store) -> Result<Vec<ObjectId>, GitError> {
    let mut trees = Vec::new();
    match repo.head() {
        Ok(head) => {
            let id = head.target().and_then(|id| ObjectId::from_raw(id.as_bytes()));
            let id = id.ok_or_else(|| git2::Error::from_str("HEAD names no commit"))?;
            trees.push(commit::tree_of(store, id)?);
        }
        Err(error) if error.code() == git2::ErrorCode::UnbornBranch => {}
        Err(error) => return Err(error.into()),
    }
    let merged = disk::read(&repo.path().join("MERGE_HEAD")).unwrap_or_default();
    for id in merged.lines().filter_map(parse_hex) {
        trees.push(commit::tree_of(store, id)?);
    }
    Ok(trees)
}

/// `path`, or the nearest folder above it that exists.
fn existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = absolute.ancestors().find(|folder| folder.exists());
    found.unwrap_or(&absolute).to_owned()
}

/// `path` from the top of the work tree `root`. It need not exist; a repository without a work tree
/// is wanted whole.
fn inside(path: &Path, root: Option<&Path>) -> Result<BString, GitError> {
    let Some(root) = root else { return Ok(BString::default()) };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // A link is meant itself, not what it leads to.
    let start = match absolute.parent() {
        Some(parent) if !absolute.is_dir() => existing(parent),
        _ => absolute.clone(),
    };
    let rest = absolute.strip_prefix(&start).unwrap_or(Path::new(""));
    let start = start.canonicalize().unwrap_or(start);
    let full = if rest.as_os_str().is_empty() { start } else { start.join(rest) };
    match full.strip_prefix(root) {
        Ok(inside) => Ok(slashes(inside)),
        Err(_) => Err(GitError::Outside { path: path.to_owned(), root: root.to_owned() }),
    }
}
