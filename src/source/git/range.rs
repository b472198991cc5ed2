//! Ranges of commits: what each of them adds.
//!
//! A merge adds what is in none of its parents. Where a shallow clone cuts the range off, the oldest
//! commit that is there is compared with the start of the range, and that is said.

use bstr::BString;
use git2::{Oid, Repository, Sort};
use rustc_hash::FxHashSet;

use crate::blob::ObjectId;
use crate::progress::Progress;
use crate::source::Ledger;
use crate::source::git::GitError;
use crate::source::git::ancestry::Ancestry;
use crate::source::git::changes::{Side, compare};
use crate::source::git::commit;
use crate::source::git::delta::{Delta, Step};
use crate::source::git::loose::Loose;
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
    tip: Oid,
    hidden: Vec<Oid>,
    /// Where the two sides forked.
    base: Option<Oid>,
}

impl Checkout {
    /// What the commits of `wanted` add, oldest first.
    ///
    /// # Errors
    /// [`GitError`]: a revision that is not here, or two that share no history.
    pub fn range(
        self,
        wanted: &Wanted,
        (ledger, progress): (&Ledger, &Progress),
    ) -> Result<Delta, GitError> {
        Loose::of(&self.repo).check_graph()?;
        if let Some(path) = refs::special(&self.repo) {
            let text = format!("{path} is no regular file", path = path.display());
            return Err(git2::Error::from_str(&text).into());
        }
        let (store, edges) = (Store::open(&self.repo)?, refs::shallow(&self.repo));
        let resolved = Finder { repo: &self.repo, store: &store, edges: &edges };
        let resolved = resolved.resolve(wanted, ledger)?;
        drop(store);
        let (base, tip);
        let mut steps = Vec::new();
        let mut cut = 0;
        {
            let store = Store::open(&self.repo)?;
            let tree = |id: Oid| commit::tree_of(&store, object(id)?).map_err(GitError::from);
            base = resolved.base.map(tree).transpose()?;
            tip = tree(resolved.tip)?;
            let finder = Finder { repo: &self.repo, store: &store, edges: &edges };
            for id in finder.commits(&resolved)? {
                if progress.interrupted() {
                    break;
                }
                let at_edge = edges.binary_search(&id).is_ok();
                cut += usize::from(at_edge);
                match step(&store, id, at_edge.then_some(base)) {
                    Ok(step) => steps.push(step),
                    Err(error) => ledger.problem(format!("commit {id}"), error.to_string()),
                }
            }
        }
        if steps.is_empty() && !matches!(wanted, Wanted::Push { .. }) {
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
        Ok(Delta { repo: self.repo, steps, base, tip: Some(tip) })
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
                Some(compare(&Store::open(&self.repo)?, Side::Tree(tip), &base)?)
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
fn step(
    store: &Store<'_>,
    id: ObjectId,
    instead: Option<Option<ObjectId>>,
) -> Result<Step, GitError> {
    let tree = commit::tree_of(store, id)?;
    let parents = match instead {
        Some(tree) => tree.into_iter().collect(),
        None => {
            let parents = commit::head(store.read(id)?.data()).parents.into_iter();
            parents.map(|parent| commit::tree_of(store, parent)).collect::<Result<Vec<_>, _>>()?
        }
    };
    Ok(Step { commit: Some(id), changes: compare(store, Side::Tree(tree), &parents)? })
}

fn object(id: Oid) -> Result<ObjectId, git2::Error> {
    ObjectId::from_raw(id.as_bytes())
        .ok_or_else(|| git2::Error::from_str("an id of no known length"))
}

/// Looks up revisions and commits. Where libgit2 refuses a commit that is not well-formed, our own reading
/// of them takes over.
struct Finder<'f> {
    repo: &'f Repository,
    store: &'f Store<'f>,
    edges: &'f [ObjectId],
}

impl Finder<'_> {
    fn ancestry(&self) -> Ancestry<'_> {
        Ancestry::new(self.store, self.edges)
    }

    /// The commits of a range, parents before children.
    fn commits(&self, resolved: &Resolved) -> Result<Vec<ObjectId>, GitError> {
        match walked(self.repo, resolved) {
            Ok(commits) => Ok(commits.into_iter().map(object).collect::<Result<_, _>>()?),
            Err(_) => {
                let hidden = resolved.hidden.iter().copied().map(object);
                let hidden = hidden.collect::<Result<Vec<_>, _>>()?;
                Ok(self.ancestry().between(object(resolved.tip)?, &hidden)?)
            }
        }
    }

    fn resolve(&self, wanted: &Wanted, ledger: &Ledger) -> Result<Resolved, GitError> {
        let repo = self.repo;
        match wanted {
            Wanted::Range(text) | Wanted::Listed(text) => {
                match text.split_once("...").or_else(|| text.split_once("..")) {
                    Some((from, to)) => Ok(self.between(self.find(from)?, self.find(to)?)),
                    None => Err(GitError::Revision {
                        revision: text.clone(),
                        message: "not a range".to_owned(),
                        help: "Write A..B: what B reaches and A does not; `A^..A` is one commit",
                    }),
                }
            }
            Wanted::SinceMergeBase(revision) => {
                let (from, to) = (self.find(revision)?, self.find("HEAD")?);
                match (self.fork(to, &[from]).is_some(), repo.is_shallow()) {
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
                let mut hidden: Vec<Oid> = known.into_iter().collect();
                hidden.extend(tracked(repo, remote)?);
                let base = self.fork(tip, &hidden);
                Ok(Resolved { tip, hidden, base })
            }
        }
    }

    fn between(&self, from: Oid, to: Oid) -> Resolved {
        let base = self.fork(to, &[from]).or(Some(from));
        Resolved { tip: to, hidden: vec![from], base }
    }

    /// Where `tip` forked from `others`.
    fn fork(&self, tip: Oid, others: &[Oid]) -> Option<Oid> {
        let all: Vec<Oid> = std::iter::once(tip).chain(others.iter().copied()).collect();
        if all.len() < 2 {
            return None;
        }
        match self.repo.merge_base_many(&all) {
            Ok(base) => Some(base),
            Err(error) if error.code() == git2::ErrorCode::NotFound => None,
            Err(_) => {
                let others: Vec<ObjectId> =
                    others.iter().filter_map(|id| object(*id).ok()).collect();
                let base = self.ancestry().fork(object(tip).ok()?, &others)?;
                Oid::from_bytes(base.raw()).ok()
            }
        }
    }

    /// The commit that `revision` names; an empty one is HEAD.
    fn find(&self, revision: &str) -> Result<Oid, GitError> {
        let name = if revision.is_empty() { "HEAD" } else { revision };
        let commit = self.repo.revparse_single(name).and_then(|object| object.peel_to_commit());
        let commit = commit.map(|commit| commit.id()).or_else(|error| {
            let found = self.ancestry().find(self.repo, name);
            found.and_then(|id| Oid::from_bytes(id.raw()).ok()).ok_or(error)
        });
        commit.map_err(|error| GitError::Revision {
            revision: name.to_owned(),
            message: match error.code() {
                git2::ErrorCode::NotFound => "no such commit here".to_owned(),
                _ => error.message().to_owned(),
            },
            help: if self.repo.is_shallow() {
                "This clone is shallow: `git fetch --unshallow` (fetch-depth: 0), or \
             `git fetch --depth=N origin COMMIT`, brings it"
            } else {
                "`git fetch` brings what a remote has; `git log` shows what is here"
            },
        })
    }
}

/// The commits of a range as libgit2 walks them.
fn walked(repo: &Repository, resolved: &Resolved) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = repo.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME | Sort::REVERSE)?;
    walk.push(resolved.tip)?;
    for hidden in &resolved.hidden {
        walk.hide(*hidden)?;
    }
    walk.collect()
}

/// What the tracking refs of `remote` name; those of all remotes for a URL.
fn tracked(repo: &Repository, remote: &str) -> Result<Vec<Oid>, git2::Error> {
    let is_name = repo.find_remote(remote).is_ok();
    let glob =
        if is_name { format!("refs/remotes/{remote}/*") } else { "refs/remotes/*".to_owned() };
    let refs = repo.references_glob(&glob)?;
    let commit = |found: git2::Reference<'_>| found.peel_to_commit().ok().map(|c| c.id());
    Ok(refs.flatten().filter_map(commit).collect())
}
