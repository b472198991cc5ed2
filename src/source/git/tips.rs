//! Where history starts: what every ref, HEAD of every worktree, and every stash lead to.

use crate::source::git::pack::Kind;
use rustc_hash::FxHashMap;

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
    /// Blobs that a ref names, with the ref, by number.
    blobs: Vec<(Number, String)>,
    /// The commit at HEAD.
    pub(crate) head: Option<Number>,
    /// The id that HEAD leads to.
    pub(crate) head_id: Option<ObjectId>,
    /// What refs name that leads to commits, sorted, and where a tag leads in the end.
    pub(crate) targets: Vec<(ObjectId, Option<ObjectId>)>,
    /// Refs that lead to a tree or a blob, and what they name.
    pub(crate) direct: Vec<(String, ObjectId)>,
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
        let (mut tips, mut ends) =
            (Self { head, head_id: refs.head, ..Self::default() }, FxHashMap::default());
        for (name, id) in &refs.named {
            let (mut end, mut tags) = (*id, Vec::new());
            let added = tips.add(store, (objects, commits), name, (&mut end, &mut tags, &ends));
            match added {
                Ok(true) => tips.targets.push((*id, (end != *id).then_some(end))),
                _ => tips.direct.push((name.clone(), *id)),
            }
            // Each of a chain of tags may have a ref.
            ends.extend(tags.into_iter().map(|tag| (tag, end)));
            if let Err(error) = added {
                let text = format!("{error}; its history was not scanned; run `git fsck`");
                ledger.problem(name.clone(), text);
            }
        }
        tips.commits.sort_unstable();
        tips.commits.dedup();
        tips.targets.sort_unstable();
        tips.targets.dedup();
        // The first name of each stays the first.
        tips.blobs.sort_by_key(|(number, _)| *number);
        tips
    }

    /// The ref that names the blob `number` itself.
    pub(crate) fn name_of(&self, number: Number) -> Option<&str> {
        let at = self.blobs.partition_point(|(other, _)| *other < number);
        self.blobs.get(at).filter(|(other, _)| *other == number).map(|(_, name)| name.as_str())
    }

    /// Adds what `id` is or leads to through `tags`, and leaves there where the way ends; `ends` are those of
    /// tags that were followed before. True for a commit.
    fn add(
        &mut self,
        store: &Store,
        (objects, commits): (&Objects, &Commits),
        name: &str,
        (id, tags, ends): (&mut ObjectId, &mut Vec<ObjectId>, &FxHashMap<ObjectId, ObjectId>),
    ) -> Result<bool, String> {
        loop {
            *id = ends.get(id).copied().unwrap_or(*id);
            let number = objects
                .lookup(id.raw())
                .ok_or_else(|| format!("object {id} is not in the object folder"))?;
            if commits.has(number) {
                self.commits.push(number);
                return Ok(true);
            }
            let object = store.read(*id).map_err(|error| error.to_string())?;
            match object.kind() {
                // What is read has the id of its content, so that there is no ring.
                Kind::Tag => {
                    let next = commit::tagged(object.data());
                    let next = next.ok_or_else(|| format!("tag {id} names no object"))?;
                    tags.push(std::mem::replace(id, next));
                }
                Kind::Tree => {
                    self.trees.push(number);
                    return Ok(false);
                }
                Kind::Blob => {
                    self.blobs.push((number, name.to_owned()));
                    return Ok(false);
                }
                Kind::Commit => return Err(format!("object {id} leads to no commit")),
            }
        }
    }
}
