//! Where history starts: every ref, HEAD of every worktree, and every stash.

use crate::source::Ledger;
use crate::source::git::loose::Loose;
use crate::source::git::objects::{Number, Objects};

/// Objects that refs name, by kind, each once.
#[derive(Debug, Default)]
pub(crate) struct Tips {
    /// Commits.
    pub(crate) commits: Vec<Number>,
    /// Trees that a ref names without a commit.
    pub(crate) trees: Vec<Number>,
    /// Blobs that a ref names, with the ref.
    pub(crate) blobs: Vec<(Number, String)>,
    /// The commit at HEAD.
    pub(crate) head: Option<Number>,
}

impl Tips {
    /// Reads all refs of `repo`. A ref whose object is not there goes to `ledger`.
    pub(crate) fn read(
        (repo, loose): (&git2::Repository, &Loose),
        objects: &Objects,
        ledger: &Ledger,
    ) -> Self {
        let mut tips = Self::default();
        let mut named: Vec<(String, git2::Oid)> = Vec::new();
        match repo.references() {
            Ok(references) => named.extend(references.filter_map(|reference| {
                let reference = reference.ok()?;
                Some((lossy(reference.name_bytes()), reference.target()?))
            })),
            Err(error) => ledger.problem(
                repo.path().display().to_string(),
                format!("its refs cannot be read: {error}; history may be missing"),
            ),
        }
        if let Some(id) = repo.head().ok().and_then(|head| head.target()) {
            named.push(("HEAD".to_owned(), id));
            tips.head = objects.lookup(id.as_bytes());
        }
        named.extend(stashes(repo));
        named.extend(worktree_heads(repo));
        named.sort();
        for (name, id) in named {
            tips.add((repo, loose), objects, &name, id).unwrap_or_else(|error| {
                ledger
                    .problem(name, format!("{error}; its history was not scanned; run `git fsck`"));
            });
        }
        tips.commits.sort_unstable();
        tips.commits.dedup();
        tips
    }

    fn add(
        &mut self,
        (repo, loose): (&git2::Repository, &Loose),
        objects: &Objects,
        name: &str,
        id: git2::Oid,
    ) -> Result<(), String> {
        let find = |id| loose.check(id).and_then(|()| repo.find_object(id, None));
        let mut object = find(id).map_err(|e| e.message().to_owned())?;
        while let Some(tag) = object.as_tag() {
            object = find(tag.target_id()).map_err(|e| e.message().to_owned())?;
        }
        let number = objects
            .lookup(object.id().as_bytes())
            .ok_or_else(|| format!("object {id} is not in the object folder", id = object.id()))?;
        match object.kind() {
            Some(git2::ObjectType::Commit) => self.commits.push(number),
            Some(git2::ObjectType::Tree) => self.trees.push(number),
            Some(git2::ObjectType::Blob) => self.blobs.push((number, name.to_owned())),
            _ => {}
        }
        Ok(())
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Older stashes are only in the reflog of `refs/stash`.
fn stashes(repo: &git2::Repository) -> Vec<(String, git2::Oid)> {
    let Ok(reflog) = repo.reflog("refs/stash") else { return Vec::new() };
    let entry =
        |(at, entry): (usize, git2::ReflogEntry<'_>)| (format!("stash@{{{at}}}"), entry.id_new());
    reflog.iter().enumerate().map(entry).filter(|(_, id)| !id.is_zero()).collect()
}

/// HEAD of linked worktrees, which may be detached from every branch.
fn worktree_heads(repo: &git2::Repository) -> Vec<(String, git2::Oid)> {
    let Ok(names) = repo.worktrees() else { return Vec::new() };
    let head = |name: &str| {
        let worktree = repo.find_worktree(name).ok()?;
        let inner = git2::Repository::open_from_worktree(&worktree).ok()?;
        let id = inner.head().ok()?.target()?;
        Some((format!("worktrees/{name}/HEAD"), id))
    };
    names.iter().flatten().flatten().filter_map(head).collect()
}
