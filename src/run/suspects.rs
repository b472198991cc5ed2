//! What a history has before it is known where that stands.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use bstr::{BString, ByteSlice as _};

use super::packed::Member;
use super::resolve_at;
use crate::blob::{Commit, ObjectId, Provenance};
use crate::fault::locked;
use crate::plan::Plan;
use crate::scan::{Candidate, note};
use crate::source::Ledger;
use crate::source::git::{Handle, History, Noted, Place, read_blob};

/// A blob with candidates, or a member of one that is an archive, until its places are known.
pub(super) struct Suspect {
    pub(super) handle: Handle,
    pub(super) id: ObjectId,
    pub(super) member: Option<Box<Member>>,
    held: Held,
    /// The digest of each one's secret. Of a blob that an earlier scan noted, which was not read, that is found out
    /// when one counts somewhere.
    digests: OnceLock<Box<[[u8; 32]]>>,
}

/// Candidates that wait for their places: a history has hundreds of thousands.
enum Held {
    /// A note of them.
    Note(Box<[u8]>),
    /// Those of which no note can be made.
    Whole(Vec<Candidate>),
}

impl Suspect {
    pub(super) fn new(
        (handle, id, member): (Handle, ObjectId, Option<Member>),
        candidates: Vec<(Candidate, [u8; 32])>,
    ) -> Self {
        let (candidates, digests): (Vec<Candidate>, Vec<[u8; 32]>) = candidates.into_iter().unzip();
        let held = match note::write(&candidates) {
            Some(note) => Held::Note(note.into()),
            None => Held::Whole(candidates),
        };
        let digests = OnceLock::from(Box::from(digests));
        Self { handle, id, member: member.map(Box::new), held, digests }
    }

    /// A blob that an earlier scan noted; `None` where that is no note.
    pub(super) fn noted(Noted { handle, id, note }: &Noted<'_>) -> Option<Self> {
        note::read(note)?;
        let (held, digests) = (Held::Note(Box::from(*note)), OnceLock::new());
        Some(Self { handle: *handle, id: *id, member: None, held, digests })
    }

    /// What the next scan needs to know, so that it need not read the blob.
    pub(super) fn note(&self) -> Option<&[u8]> {
        match &self.held {
            Held::Note(note) if self.member.is_none() => Some(note),
            _ => None,
        }
    }

    /// The candidates.
    pub(super) fn candidates(&self) -> Cow<'_, [Candidate]> {
        match &self.held {
            // It was written or looked at here.
            Held::Note(note) => Cow::Owned(note::read(note).unwrap_or_default()),
            Held::Whole(candidates) => Cow::Borrowed(candidates),
        }
    }

    /// Those of `candidates`, which are its own, that count at `place`, a place of the blob, each with its
    /// number, and the path there.
    fn kept(
        &self,
        candidates: &[Candidate],
        (plan, base): (&Plan, &Path),
        place: &Place,
    ) -> (Vec<(usize, Candidate)>, BString) {
        let inside = self.member.as_ref().map(|member| member.at.as_slice());
        let path = BString::from([place.path.as_slice(), inside.unwrap_or_default()].concat());
        let kept = resolve_at(plan, candidates, (base, Some(place.path.as_bstr())));
        let nth = |kept: &Candidate| candidates.iter().position(|it| it.is_at(kept));
        let numbered = |kept: Candidate| (nth(&kept).unwrap_or(usize::MAX), kept);
        (kept.into_iter().map(numbered).collect(), path)
    }

    /// The groups of what counts at `places`, each with its place.
    pub(super) fn groups(
        &self,
        (plan, base, source): (&Plan, &Path, &dyn Again),
        places: impl Iterator<Item = Place>,
        ledger: &Ledger,
    ) -> Vec<(Place, Group)> {
        let candidates = self.candidates();
        let at_place = |place: Place| {
            let (kept, path) = self.kept(&candidates, (plan, base), &place);
            let place = Place { path, ..place };
            kept.into_iter().map(move |(nth, kept)| (place.clone(), nth, kept.rule))
        };
        let kept: Vec<(Place, usize, u32)> = places.flat_map(at_place).collect();
        if kept.is_empty() {
            return Vec::new();
        }
        if self.digests.get().is_none() {
            let digests = source.read(self).and_then(|bytes| digests(&candidates, &bytes));
            match digests {
                Ok(digests) => _ = self.digests.set(digests),
                Err(error) => {
                    ledger.problem(object(self.id), lost(&error));
                    return Vec::new();
                }
            }
        }
        let digest = |nth: usize| self.digests.get().and_then(|all| all.get(nth)).copied();
        let group = |(place, nth, rule): (Place, usize, u32)| {
            let group = (rule, digest(nth).unwrap_or_default(), place.path.clone());
            (place, group)
        };
        kept.into_iter().map(group).collect()
    }

    /// The one of `candidates`, which are its own, that is of a group.
    pub(super) fn of_group<'c>(
        &self,
        candidates: &'c [Candidate],
        (rule, digest, _): &Group,
    ) -> Option<&'c Candidate> {
        let digests = self.digests.get().into_iter().flatten();
        let mut all = candidates.iter().zip(digests);
        all.find(|(it, own)| it.rule == *rule && *own == digest).map(|(it, _)| it)
    }
}

/// The digests of the secrets of `candidates` of a blob with the content `bytes`.
fn digests(candidates: &[Candidate], bytes: &[u8]) -> Result<Box<[[u8; 32]]>, String> {
    let bytes = crate::text::decode(bytes);
    match note::fits(candidates, &bytes) {
        true => Ok(candidates.iter().map(|it| it.value(&bytes).digest()).collect()),
        false => Err("it is not what it was".to_owned()),
    }
}

/// What is said of findings whose blob cannot be read again.
pub(super) fn lost(error: &str) -> String {
    format!("cannot be read again: {error}; its findings are lost")
}

/// What a history has before its places are known.
pub(super) struct Suspects {
    pub(super) path: PathBuf,
    gathered: Mutex<Vec<Suspect>>,
    sorted: OnceLock<Vec<Suspect>>,
}

impl Suspects {
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), gathered: Mutex::default(), sorted: OnceLock::new() }
    }

    pub(super) fn push(&self, suspect: Suspect) {
        locked(&self.gathered).push(suspect);
    }

    /// All, when no more come: by blob, members of a blob in their order.
    pub(super) fn sorted(&self) -> &[Suspect] {
        self.sorted.get_or_init(|| {
            let mut gathered = locked(&self.gathered);
            let mut all = std::mem::take(&mut *gathered);
            // Members of one blob come from one thread, and stay in their order.
            all.sort_by_key(|suspect| suspect.id);
            all
        })
    }

    /// The blobs, sorted.
    pub(super) fn blobs(&self) -> Vec<ObjectId> {
        let mut ids: Vec<ObjectId> = self.sorted().iter().map(|suspect| suspect.id).collect();
        ids.dedup();
        ids
    }
}

/// What stands for one finding of the history: check, secret and path.
pub(super) type Group = (u32, [u8; 32], BString);

/// The earliest blob of a group.
#[derive(Clone)]
pub(super) struct Earliest {
    pub(super) suspect: usize,
    pub(super) place: Place,
    pub(super) blobs: usize,
    pub(super) in_head: bool,
}

/// Where blobs with findings are read again, and what is known of them there.
pub(super) trait Again: Sync {
    /// The content of a blob.
    fn read(&self, suspect: &Suspect) -> Result<Vec<u8>, String>;

    /// What is said of where it stands.
    fn provenance(&self, suspect: &Suspect, at: &Earliest, commits: &Commits) -> Provenance;
}

/// Facts of commits that were looked up.
pub(super) type Commits = Mutex<BTreeMap<ObjectId, Arc<Commit>>>;

impl Again for History {
    fn read(&self, suspect: &Suspect) -> Result<Vec<u8>, String> {
        self.read(suspect.handle).map_err(|error| error.message)
    }

    fn provenance(&self, suspect: &Suspect, at: &Earliest, commits: &Commits) -> Provenance {
        let blob = suspect.id;
        let facts = |id| {
            let known = locked(commits).get(&id).map(Arc::clone);
            // Two threads may read it at once: nobody waits for the other.
            let read =
                || Arc::clone(locked(commits).entry(id).or_insert(Arc::new(self.commit(id))));
            known.unwrap_or_else(read)
        };
        match at.place.commit {
            Some(id) => Provenance::Commit {
                commit: facts(id),
                path: at.place.path.clone(),
                blob,
                in_head: at.in_head,
            },
            None => Provenance::Blob {
                blob,
                via: self.named_by(suspect.handle).unwrap_or("unreachable").to_owned(),
            },
        }
    }
}

/// The repository at a path, of which nothing but the blobs is looked at.
pub(super) struct Aside<'p>(pub(super) &'p Path);

impl Again for Aside<'_> {
    fn read(&self, suspect: &Suspect) -> Result<Vec<u8>, String> {
        read_blob(self.0, suspect.id).map_err(|error| error.to_string())
    }

    fn provenance(&self, suspect: &Suspect, _: &Earliest, _: &Commits) -> Provenance {
        Provenance::Blob { blob: suspect.id, via: "not placed".to_owned() }
    }
}

/// How an object is named in a problem.
pub(super) fn object(id: ObjectId) -> String {
    format!("object {id}")
}

/// The place of what no tree has.
pub(super) fn nowhere() -> Place {
    Place { path: BString::default(), commit: None, rank: u32::MAX, in_head: false }
}
