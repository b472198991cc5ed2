//! Where history starts: what every ref, HEAD of every worktree, and every stash lead to.

use crate::source::git::pack::Kind;
use rustc_hash::FxHashSet;

use crate::blob::ObjectId;
use crate::source::Ledger;
use crate::source::git::commit;
use crate::source::git::commits::Commits;
use crate::source::git::objects::{Number, Objects};
use crate::source::git::refs::Refs;
use crate::source::git::store::Store;

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
    /// Looks up what `refs` name. A ref whose object is not there goes to `ledger`.
    pub(crate) fn read(
        refs: &Refs,
        store: &Store,
        (objects, commits): (&Objects, &Commits),
        ledger: &Ledger,
    ) -> Self {
        let head = refs.head.and_then(|id| objects.lookup(id.raw()));
        let mut tips = Self { head, ..Self::default() };
        for (name, id) in &refs.named {
            if let Err(error) = tips.add(store, (objects, commits), name, *id) {
                let text = format!("{error}; its history was not scanned; run `git fsck`");
                ledger.problem(name.clone(), text);
            }
        }
        tips.commits.sort_unstable();
        tips.commits.dedup();
        tips
    }

    fn add(
        &mut self,
        store: &Store,
        (objects, commits): (&Objects, &Commits),
        name: &str,
        mut id: ObjectId,
    ) -> Result<(), String> {
        let mut tags = FxHashSet::default();
        loop {
            let number = objects
                .lookup(id.raw())
                .ok_or_else(|| format!("object {id} is not in the object folder"))?;
            if commits.has(number) {
                self.commits.push(number);
                return Ok(());
            }
            let object = store.read(id).map_err(|error| error.to_string())?;
            match object.kind() {
                Kind::Tag if tags.insert(id) => {
                    let next = commit::tagged(object.data());
                    id = next.ok_or_else(|| format!("tag {id} names no object"))?;
                }
                Kind::Tree => {
                    self.trees.push(number);
                    return Ok(());
                }
                Kind::Blob => {
                    self.blobs.push((number, name.to_owned()));
                    return Ok(());
                }
                _ => return Err(format!("object {id} leads to no commit")),
            }
        }
    }
}
