//! Ranges of commits: what each of them adds.
//!
//! A merge adds what is in none of its parents. Where a shallow clone cuts the range off, the oldest
//! commit that is there is compared with the start of the range, and that is said.

use bstr::BString;
use git2::Repository;
use rustc_hash::FxHashSet;

use crate::blob::ObjectId;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::git::GitError;
use crate::source::git::ancestry::{Ancestry, NOTHING};
use crate::source::git::changes::{MOST_OF_ALL, Side, compare, compare_some};
use crate::source::git::commit;
use crate::source::git::delta::{Delta, Step};
use crate::source::git::refs;
use crate::source::git::staged::Checkout;
use crate::source::git::store::Store;

/// Which commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `A..B`: those that B reaches and A does not. `A...B`: the same, counted from where the two
    /// forked. Either side may be left out for HEAD.
    Range(String),
    /// The same range from a hook runner, which names the files that differ between its two ends. A
    /// file that does not differ cannot be named; one that a commit changes counts all the same.
    Listed(String),
    /// Those of HEAD that the named revision does not reach, from where the two forked.
    SinceMergeBase(String),
    /// Those of one commit that no ref of a remote reaches, nor what is known to be there.
    Push {
        /// The commit that is pushed.
        tip: String,
        /// What the remote has at the ref, where it has something.
        known: Option<String>,
        /// The remote's name, or its URL where it has none.
        remote: String,
    },
}

/// A range with its revisions looked up.
struct Resolved {
    tip: ObjectId,
    hidden: Vec<ObjectId>,
    /// Where the two sides forked.
    base: Option<ObjectId>,
}

impl Checkout {
    /// What the commits of `wanted` add, oldest first. A commit that cannot be read goes to `ledger`.
    ///
    /// # Errors
    /// [`GitError`]: a revision that is not here, or two that share no history.
    pub fn range(
        self,
        wanted: &Wanted,
        (ledger, progress): (&Ledger, &Progress),
    ) -> Result<Delta, GitError> {
        if let Some(path) = refs::special(&self.repo) {
            let text = format!("{path} is no regular file", path = path.display());
            return Err(git2::Error::from_str(&text).into());
        }
        let (store, edges) = (&self.store, refs::shallow(&self.repo));
        let ancestry = Ancestry::new(store, &edges);
        let mut finder = Finder { repo: &self.repo, store, ancestry };
        let resolved = finder.resolve(wanted, ledger)?;
        let base = resolved.base.map(|id| commit::tree_of(store, id)).transpose()?;
        let tip = commit::tree_of(store, resolved.tip)?;
        let span = finder.ancestry.between(resolved.tip, &resolved.hidden)?;
        for error in span.lost {
            let text = format!("{error}; what it adds, and what is behind it, was not scanned");
            ledger.problem(format!("commit {id}", id = error.id), text);
        }
        let (mut steps, mut cut, mut room) = (Vec::new(), 0, MOST_OF_ALL);
        for id in span.commits {
            if progress.interrupted() {
                break;
            }
            let at_edge = edges.binary_search(&id).is_ok();
            cut += usize::from(at_edge);
            match step(store, id, at_edge.then_some(base), &mut room) {
                Ok(mut step) => {
                    step.tell_lost(ledger);
                    steps.push(step);
                }
                Err(error) => {
                    let text = format!("{error}; what this commit adds was not scanned");
                    ledger.problem(format!("commit {id}"), text);
                }
            }
        }
        if steps.is_empty() && !matches!(wanted, Wanted::Push { .. }) && !ledger.has_problems() {
            ledger.notice("the range holds no commit: its end adds nothing".to_owned());
        }
        if cut > 0 {
            let from = if base.is_some() { "the start of the range" } else { "nothing" };
            ledger.notice(format!(
                "this shallow clone cuts the range off at {cut} commits, which were compared with \
                 {from}; what was added and removed before them is not seen; \
                 `git fetch --unshallow` (fetch-depth: 0) brings it"
            ));
        }
        let unnamed = self.unnamed(wanted, base, Some(tip))?;
        for step in &mut steps {
            step.changes.files.retain(|change| self.wants(&change.path) || unnamed(&change.path));
        }
        Ok(Delta { store: self.store, steps, base, tip: Some(tip) })
    }
}

impl Checkout {
    /// Tests whether a file counts although its path is not wanted.
    fn unnamed(
        &self,
        wanted: &Wanted,
        base: Option<ObjectId>,
        tip: Option<ObjectId>,
    ) -> Result<impl Fn(&BString) -> bool + use<>, GitError> {
        let changes = match (wanted, tip) {
            (Wanted::Listed(_), Some(tip)) => {
                let base: Vec<ObjectId> = base.into_iter().collect();
                Some(compare(&self.store, Side::Tree(tip), &base)?)
            }
            _ => None,
        };
        let named = changes.map(|changes| {
            changes.files.into_iter().map(|change| change.path).collect::<FxHashSet<BString>>()
        });
        Ok(move |path: &BString| named.as_ref().is_some_and(|named| !named.contains(path)))
    }
}

/// What one commit adds to its parents, or to `instead` of them.
/// There is `room` for changed paths.
fn step(
    store: &Store,
    id: ObjectId,
    instead: Option<Option<ObjectId>>,
    room: &mut usize,
) -> Result<Step, GitError> {
    let tree = commit::tree_of(store, id)?;
    let parents = match instead {
        Some(tree) => tree.into_iter().collect(),
        None => {
            let parents = commit::head(store.read(id)?.data()).parents.into_iter();
            parents.map(|parent| commit::tree_of(store, parent)).collect::<Result<Vec<_>, _>>()?
        }
    };
    let changes = compare_some(store, Side::Tree(tree), &parents, room)?;
    Ok(Step { commit: Some(id), changes })
}

/// Looks up revisions.
struct Finder<'f> {
    repo: &'f Repository,
    store: &'f Store,
    ancestry: Ancestry<'f>,
}

impl Finder<'_> {
    fn resolve(&mut self, wanted: &Wanted, ledger: &Ledger) -> Result<Resolved, GitError> {
        let repo = self.repo;
        match wanted {
            Wanted::Range(text) | Wanted::Listed(text) => {
                match text.split_once("...").or_else(|| text.split_once("..")) {
                    Some((from, to)) => {
                        let (from, to) = (self.find(from)?, self.find(to)?);
                        Ok(self.between(from, to))
                    }
                    None => Err(GitError::Revision {
                        revision: text.clone(),
                        message: "not a range".to_owned(),
                        help: "Write A..B: what B reaches and A does not; `A^..A` is one commit",
                    }),
                }
            }
            Wanted::SinceMergeBase(revision) => {
                let (from, to) = (self.find(revision)?, self.find("HEAD")?);
                match (self.ancestry.fork(to, &[from]).is_some(), repo.is_shallow()) {
                    (true, _) => {}
                    (false, true) => ledger.notice(format!(
                        "the commit at which HEAD and {revision} forked is not in this shallow clone; \
                         HEAD was compared with {revision} itself; \
                         `git fetch --unshallow` (fetch-depth: 0) brings it"
                    )),
                    (false, false) => {
                        return Err(GitError::Revision {
                            revision: revision.clone(),
                            message: "it shares no commit with HEAD".to_owned(),
                            help: "--range A..B scans between any two commits",
                        });
                    }
                }
                Ok(self.between(from, to))
            }
            Wanted::Push { tip, known, remote } => {
                let tip = self.find(tip)?;
                // What the remote has may never have been fetched.
                let known = known.as_deref().and_then(|known| self.find(known).ok());
                let mut hidden: Vec<ObjectId> = known.into_iter().collect();
                hidden.extend(self.tracked(remote)?);
                let base = self.ancestry.fork(tip, &hidden);
                Ok(Resolved { tip, hidden, base })
            }
        }
    }

    fn between(&mut self, from: ObjectId, to: ObjectId) -> Resolved {
        let base = self.ancestry.fork(to, &[from]).or(Some(from));
        Resolved { tip: to, hidden: vec![from], base }
    }

    /// The commit that `revision` names; an empty one is HEAD.
    fn find(&self, revision: &str) -> Result<ObjectId, GitError> {
        let name = if revision.is_empty() { "HEAD" } else { revision };
        let found = match self.ancestry.find(self.repo, name) {
            Some(found) => found,
            None => self.look_up(name),
        };
        found.map_err(|message| GitError::Revision {
            revision: name.to_owned(),
            message,
            help: if self.repo.is_shallow() {
                "This clone is shallow: `git fetch --unshallow` (fetch-depth: 0), or \
             `git fetch --depth=N origin COMMIT`, brings it"
            } else {
                "`git fetch` brings what a remote has; `git log` shows what is here"
            },
        })
    }

    /// Has libgit2 look up a revision that is written in one of the rare ways, such as `HEAD@{1}`.
    fn look_up(&self, name: &str) -> Result<ObjectId, String> {
        self.store.loose().check_graph().map_err(|error| error.to_string())?;
        let words = |error: git2::Error| match error.code() {
            git2::ErrorCode::NotFound => NOTHING.to_owned(),
            _ => error.message().to_owned(),
        };
        let found = self.repo.revparse_single(name).map_err(words)?;
        let id = ObjectId::from_raw(found.id().as_bytes()).ok_or(NOTHING)?;
        self.ancestry.commit(id)
    }

    /// What the tracking refs of `remote` name; those of all remotes for a URL.
    fn tracked(&self, remote: &str) -> Result<Vec<ObjectId>, git2::Error> {
        let is_name = self.repo.find_remote(remote).is_ok();
        let glob =
            if is_name { format!("refs/remotes/{remote}/*") } else { "refs/remotes/*".to_owned() };
        let refs = self.repo.references_glob(&glob)?;
        let commit = |found: git2::Reference<'_>| {
            let id = found.resolve().ok()?.target()?;
            self.ancestry.commit(ObjectId::from_raw(id.as_bytes())?).ok()
        };
        Ok(refs.flatten().filter_map(commit).collect())
    }
}
