//! A history that is read: its objects, commits and refs, and what an earlier scan knows of them.

use std::io;
use std::path::{Path, PathBuf};

use bstr::BString;
use rustc_hash::FxHashSet;

use crate::progress::Progress;
use crate::source::git::announce;
use crate::source::git::commits::{Age, Commits};
use crate::source::git::earlier::Earlier;
use crate::source::git::graph::{self, Place};
use crate::source::git::objects::{Number, Objects};
use crate::source::git::pack::Kind;
use crate::source::git::recall::{Known, Memory, Record};
use crate::source::git::refs::Refs;
use crate::source::git::settled::Settled;
use crate::source::git::snapshot::{Snapshot, What};
use crate::source::git::state::{Contents, State};
use crate::source::git::stock::Stock;
use crate::source::git::store::Store;
use crate::source::git::tips::Tips;
use crate::source::git::{Handle, Noted, OnBlob, visit};
use crate::source::{Ledger, Limits};

/// Where a repository is.
pub(crate) struct At {
    /// The git folder of the work tree.
    git: PathBuf,
    /// The folder that all work trees share.
    common: PathBuf,
}

impl At {
    /// Where `repo` is.
    pub(crate) fn of(repo: &git2::Repository) -> Self {
        Self { git: repo.path().to_owned(), common: repo.commondir().to_owned() }
    }

    /// The folder of objects.
    pub(crate) fn objects(&self) -> PathBuf {
        self.common.join("objects")
    }

    /// True when git may fetch missing objects later: it marks packs of such clones.
    pub(crate) fn partial(&self) -> bool {
        let packs = std::fs::read_dir(self.objects().join("pack"));
        let promisor = |entry: std::fs::DirEntry| {
            entry.path().extension().is_some_and(|extension| extension == "promisor")
        };
        packs.into_iter().flatten().flatten().any(promisor)
    }
}

/// All of it.
pub(crate) struct Whole {
    at: At,
    pub(crate) objects: Objects,
    pub(crate) commits: Commits,
    pub(crate) tips: Tips,
    known: Option<Known>,
    /// What is seen, where it is to be kept.
    pub(crate) record: Option<Record>,
    /// Trees of commits that a partial clone does not have.
    pub(crate) trees: usize,
}

impl Whole {
    /// Reads the commits of the repository `at`. What `old` has is not read again; with `keeps`, what is seen is recorded.
    pub(crate) fn read(
        at: At,
        (refs, store): (&Refs, &Store),
        (old, keeps): (Option<Snapshot>, bool),
        (ledger, progress): (&Ledger, &Progress),
    ) -> Self {
        let old = old.filter(|old| old.hash == store.hash());
        let objects = Objects::open(&at.objects(), store.hash(), Earlier::of(old.as_ref()), ledger);
        let known = old.map(|old| Known::new(old, &objects));
        let commits = Commits::read(&objects, (progress, ledger));
        let tips = Tips::read(refs, store, (&objects, &commits), ledger);
        let record = keeps.then(Record::default);
        Self { at, objects, commits, tips, known, record, trees: 0 }
    }

    /// How many commits the refs reach.
    pub(crate) fn count(&self) -> u64 {
        self.commits.count(&self.tips.commits) as u64
    }

    /// The tree at HEAD.
    pub(crate) fn head(&self) -> Option<Number> {
        self.tips.head.and_then(|head| self.commits.tree(head))
    }

    /// True when git may fetch missing objects later.
    pub(crate) fn partial(&self) -> bool {
        self.at.partial()
    }

    /// Scans every unique blob once, reachable or not, but for those that are known.
    pub(crate) fn blobs<S: Send, M>(
        &self,
        options: (Limits, bool),
        (ledger, progress): (&Ledger, &Progress),
        new: &(dyn Fn() -> S + Sync),
        on_blob: &OnBlob<'_, S, M>,
    ) -> Vec<S> {
        progress.expect(self.objects.count(Kind::Blob) as u64);
        self.replay((ledger, progress));
        let to = (self.record.as_ref(), 0);
        visit::blobs(&self.objects, to, options, (ledger, progress), (new, on_blob))
    }

    /// Counts and lists the blobs that are known from before, as if they had been read.
    fn replay(&self, (ledger, progress): (&Ledger, &Progress)) {
        let mut noted = Vec::new();
        for (number, what, size) in self.known.iter().flat_map(Known::seen) {
            let is_noted = || self.known.as_ref().is_some_and(|known| known.has_note(number));
            if let Some(reason) = what.left_out() {
                ledger.skip(reason, format!("blob {id}", id = self.objects.id(number)));
                continue;
            }
            let of_note = what == What::Interest && is_noted();
            if of_note {
                noted.push((number, What::Clean, size));
            }
            if of_note || what == What::Clean {
                progress.expect(1);
                progress.add(u64::from(size));
            }
        }
        if let Some(record) = &self.record {
            record.blobs(noted);
        }
    }

    /// The blobs of which there is a note.
    pub(crate) fn noted(&self) -> impl Iterator<Item = Noted<'_>> {
        let noted = self.known.iter().flat_map(Known::noted);
        noted.map(|(number, note)| Noted {
            handle: Handle(number),
            id: self.objects.id(number),
            note,
        })
    }

    /// Where the blobs of `numbers` stand, in their order; no place for a blob that nothing reaches, unless
    /// `unreachable` commits count too. Goes through all trees, for what they name and is not here.
    pub(crate) fn places(
        &self,
        numbers: &[Number],
        unreachable: bool,
        (ledger, progress): (&Ledger, &Progress),
    ) -> Vec<Vec<Place>> {
        // What was found before an interruption still needs its places, so this is not stopped.
        let progress = &progress.aside();
        let partial = self.partial();
        let trees = graph::Trees::read(&self.objects, numbers, partial, (progress, ledger));
        if let Some(record) = &self.record {
            record.interest(numbers);
            if partial {
                record.missing(trees.missing());
            }
        }
        let missing = trees.missing().count() as u64;
        if partial && (missing > 0 || self.trees > 0) {
            announce::partial(&self.at.git, (missing, self.trees), ledger);
        }
        let mut order = self.commits.oldest_first(&self.objects, Some(&self.tips.commits));
        if unreachable {
            // Reachable commits come first, so a blob that both reach names a reachable one.
            let reached: FxHashSet<Number> = order.iter().map(|(_, node)| node.commit).collect();
            let mut all = self.commits.oldest_first(&self.objects, None);
            all.retain(|(_, node)| !reached.contains(&node.commit));
            order.extend(all.into_iter().map(|(age, node)| (Age { unreached: true, ..age }, node)));
        }
        if !partial {
            trees.announce(&self.objects, (&order, &self.tips.trees), ledger);
        }
        let ends = (self.head(), &self.tips.trees[..]);
        let (places, cut) = trees.places(&self.objects, numbers.len(), &order, ends);
        if let Some(record) = &self.record {
            record.places(numbers, unreachable, &places);
        }
        if cut {
            if let Some(record) = &self.record {
                record.cut();
            }
            ledger.problem(
                self.at.git.display().to_string(),
                "folders with findings nest deeper than 2048 or are made to have millions of paths; \
                 not all places of findings are listed"
                    .to_owned(),
            );
        }
        places
    }

    /// Every blob that has a name for which `wanted` holds, in any commit.
    pub(crate) fn named(
        &self,
        wanted: &(dyn Fn(&[u8]) -> bool + Sync),
        (ledger, progress): (&Ledger, &Progress),
    ) -> Vec<Number> {
        // The trees are walked a second time, which is not what the bar counts.
        let progress = &progress.aside();
        let found = graph::named(&self.objects, wanted, (progress, ledger));
        let numbers = found.into_iter().filter_map(|id| self.objects.lookup(id.raw()));
        let mut found: Vec<Number> = numbers.collect();
        found.sort_unstable();
        if let Some(record) = &self.record {
            record.named(&found);
        }
        found
    }

    /// Keeps in `memory` what was seen of the repository at `place`, if all of it was, with what holds as long as
    /// it is in `state`, in which it was before it was read; `refs` is a part of that, `rest` the number of
    /// commits and the submodules.
    ///
    /// # Errors
    /// The I/O error.
    pub(crate) fn remember(
        &self,
        memory: &Memory,
        place: &Path,
        (state, refs, rest): (Option<&State>, &[u8; 32], (u64, &[BString])),
    ) -> io::Result<()> {
        let Some(record) = &self.record else { return Ok(()) };
        if !self.commits.are_whole() || record.is_cut() {
            return Ok(());
        }
        let objects = (&*self.at.objects(), self.objects.hash());
        let still = state.and_then(|state| {
            Contents::still(objects, (state, refs)).ok().flatten().map(|now| (state, now))
        });
        let known = self.known.as_ref();
        let settled = still.as_ref().map(|(state, _)| {
            let named_by = |blob| self.tips.name_of(blob).map(str::to_owned);
            let of_blobs = record.settled(&|number| self.objects.id(number), known, &named_by);
            let (commits, submodules) = (rest.0, rest.1.to_vec());
            memory.settle(state, &Settled { commits, submodules, ..of_blobs })
        });
        let stock = still.map(|(_, contents)| self.stock(contents, record));
        let (snapshot, order) = record.snapshot(&self.objects, known);
        let (settled, stock) = (settled.unwrap_or_default(), stock.unwrap_or_default());
        let (commits, parents) = self.commits.table(&self.objects, &self.tips.commits);
        let commits = (&commits[..], &parents[..]);
        memory.write(place, (&settled, &stock), commits, (&snapshot, &order, &self.objects))
    }

    /// What the next scan is to find, with those `contents`.
    fn stock(&self, contents: Contents, record: &Record) -> Stock {
        let ends = self.commits.ends(&self.tips.commits).into_iter();
        Stock {
            contents,
            refs: self.tips.targets.clone(),
            direct: self.tips.direct.clone(),
            head: self.tips.head_id,
            ends: ends.map(|commit| self.objects.id(commit)).collect(),
            missing: record.all_missing(),
            count: (self.objects.len() as u64, 0),
            since: Vec::new(),
            turned: Vec::new(),
        }
    }
}
