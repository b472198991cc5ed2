//! What is said of a history besides what is found in it.

use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice as _};
use git2::Repository;
use rustc_hash::FxHashSet;

use crate::blob::ObjectId;
use crate::source::files::slashes;
use crate::source::git::store::Store;
use crate::source::git::whole::Whole;
use crate::source::git::{commit, place, refs, tree};
use crate::source::{Ledger, ignore_files};

/// Says what a shallow clone does not have, and what the commits of `whole` name in vain.
pub(crate) fn gaps(repo: &Repository, whole: &mut Whole, ledger: &Ledger) {
    let place = repo.path().display();
    let cuts = refs::shallow(repo);
    if repo.is_shallow() {
        ledger.notice(format!(
            "{place} is a shallow clone: history before its cut ({cuts}) was not scanned; \
             `git fetch --unshallow` brings it",
            cuts = few(&cuts.iter().map(|id| id.short(12)).collect::<Vec<_>>())
        ));
    }
    let tips = (&whole.tips.commits[..], &cuts[..], whole.partial());
    whole.trees = whole.commits.announce(&whole.objects, tips, ledger);
}

/// Says how much the partial clone with the git folder `git` does not have: objects that trees name, and trees of
/// commits.
pub(crate) fn partial(git: &Path, (missing, trees): (u64, usize), ledger: &Ledger) {
    let mut count = format!("{missing} blobs");
    if trees > 0 {
        count += &format!(", {trees} trees and what they have");
    }
    ledger.notice(format!(
        "{place} is a partial clone: {count} are not here and were not scanned; \
         `git fetch --refetch --no-filter` brings them",
        place = git.display(),
    ));
}

/// Says what has a history of its own: the folders `nested` of the work tree, and `submodules`.
pub(crate) fn others(
    repo: &Repository,
    (nested, submodules): (&[PathBuf], &[BString]),
    ledger: &Ledger,
) {
    nested_ones(repo, nested, submodules, ledger);
    for path in submodules {
        let top = repo.workdir().unwrap_or_else(|| repo.path());
        let open = path.to_path().map(|path| ignore_files::submodule(top, path));
        let state = match open {
            Ok(Ok(Some(_))) => "its own history was not scanned",
            Ok(Ok(None)) => "it is not checked out",
            Ok(Err(_)) | Err(_) => "it cannot be opened",
        };
        let name = crate::blob::name(path);
        ledger.notice(format!("submodule {name}: {state}; name its folder to scan it"));
    }
}

/// Says which of the `nested` ones are repositories of their own, besides `submodules`.
fn nested_ones(repo: &Repository, nested: &[PathBuf], submodules: &[BString], ledger: &Ledger) {
    let Some(top) = repo.workdir() else { return };
    let (here, mut found) = (place(repo), Vec::new());
    for path in nested {
        // Another work tree of this repository has no history of its own.
        let is_own = |repo: Repository| place(&repo) == here;
        let known = ignore_files::submodule(top, path).is_ok_and(|it| it.is_some_and(is_own));
        let name = slashes(path);
        if !known && !submodules.contains(&name) {
            found.push(crate::blob::name(&name));
        }
    }
    let noun = match found.len() {
        0 => return,
        1 => "a git repository of its own",
        _ => "git repositories of their own",
    };
    ledger.notice(format!(
        "nested in the work tree and {noun}: {few}; what their commits hold was not scanned; \
         `keylint scan --history FOLDER` does that",
        few = few(&found)
    ));
}

/// Paths of submodules in the tree of the commit `head`. What of it cannot be read is named by who reads all trees.
pub(crate) fn submodules(store: &Store, head: Option<ObjectId>) -> Vec<BString> {
    let head = head.and_then(|head| commit::tree_of(store, head).ok());
    let (mut found, mut seen) = (Vec::new(), FxHashSet::default());
    let mut open: Vec<(ObjectId, BString)> =
        head.map(|id| (id, BString::default())).into_iter().collect();
    while let Some((id, path)) = open.pop() {
        // Ten trees that each name the next one ten times have a billion paths.
        let tree = seen.insert(id).then(|| store.read(id));
        let Some(Ok(tree)) = tree else { continue };
        for (mode, name, id) in tree::entries(tree.data(), store.hash()) {
            let inner = || BString::from([&path[..], name].concat());
            match mode {
                tree::Mode::Submodule => found.push(inner()),
                tree::Mode::Tree => {
                    open.push((id, BString::from([&inner()[..], b"/"].concat())));
                }
                tree::Mode::Blob => {}
            }
        }
    }
    found.sort_unstable();
    found
}

/// How many things of a kind are named.
const SHOWN: usize = 3;

/// The first of `names`, and how many more there are.
fn few(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
