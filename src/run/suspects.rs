//! What a history has before it is known where that stands.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use bstr::{BString, ByteSlice as _};

use super::digests::Digest;
use super::packed::Member;
use super::resolve_at;
use crate::blob::{Commit, ObjectId, Provenance};
use crate::fault::locked;
use crate::plan::Plan;
use crate::scan::{Candidate, note};
use crate::source::git::{Age, Handle, History, Noted, Place, read_blob};

/// A blob with candidates, or a member of one that is an archive, until its places are known.
pub(super) struct Suspect {
    pub(super) handle: Handle,
    pub(super) id: ObjectId,
    pub(super) member: Option<Box<Member>>,
    held: Held,
    /// Of a blob that an earlier scan noted, the number of each one's secret: equal ones are of equal secrets.
    numbers: Box<[u32]>,
    /// The digest of each one's secret. Of a blob that an earlier scan noted, which was not read, they are found out
    /// when one counts somewhere, and none stands for what does not.
    digests: OnceLock<Box<[Digest]>>,
}

/// A candidate that counts at a place of its blob.
pub(super) struct Kept {
    /// The place, in an archive with what is inside.
    pub(super) place: Place,
    /// Which one of the blob it is.
    pub(super) nth: usize,
    rule: u32,
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
        candidates: Vec<(Candidate, Digest)>,
    ) -> Self {
        let (candidates, digests): (Vec<Candidate>, Vec<Digest>) = candidates.into_iter().unzip();
        let held = match note::write(&candidates) {
            Some(note) => Held::Note(note.into()),
            None => Held::Whole(candidates),
        };
        let digests = OnceLock::from(Box::from(digests));
        Self { handle, id, member: member.map(Box::new), held, numbers: Box::default(), digests }
    }

    /// A blob that an earlier scan noted; `None` where that is no note.
    pub(super) fn noted(Noted { handle, id, note }: &Noted<'_>) -> Option<Self> {
        let (numbers, note): (Box<[u32]>, _) = postcard::take_from_bytes(note).ok()?;
        let fits = note::read(note)?.len() == numbers.len();
        let (held, digests) = (Held::Note(Box::from(note)), OnceLock::new());
        fits.then_some(Self { handle: *handle, id: *id, member: None, held, numbers, digests })
    }

    /// What the next scan needs to know, so that it need not read the blob, with the number that `number` gives the
    /// secret of a digest.
    pub(super) fn note(&self, number: impl FnMut(Digest) -> u32) -> Option<Vec<u8>> {
        let Held::Note(note) = &self.held else { return None };
        let numbers = match &self.numbers[..] {
            [] => Box::from_iter(self.digests.get()?.iter().copied().map(number)),
            _ => self.numbers.clone(),
        };
        let with_note = |numbers: Vec<u8>| [&numbers[..], note].concat();
        self.member.is_none().then(|| postcard::to_allocvec(&numbers).ok().map(with_note)).flatten()
    }

    /// The numbers of the secrets, where an earlier scan noted them.
    pub(super) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// The candidates.
    pub(super) fn candidates(&self) -> Cow<'_, [Candidate]> {
        match &self.held {
            // It was written or looked at here.
            Held::Note(note) => Cow::Owned(note::read(note).unwrap_or_default()),
            Held::Whole(candidates) => Cow::Borrowed(candidates),
        }
    }

    /// What counts at `places`.
    pub(super) fn kept(
        &self,
        (plan, base): (&Plan, &Path),
        places: impl Iterator<Item = Place>,
    ) -> Vec<Kept> {
        let candidates = self.candidates();
        let inside = self.member.as_ref().map(|member| member.at.as_slice());
        let at_place = |place: Place| {
            let kept = resolve_at(plan, &candidates, (base, Some(place.path.as_bstr())));
            let path = BString::from([place.path.as_slice(), inside.unwrap_or_default()].concat());
            let place = Place { path, ..place };
            let nth = |kept: &Candidate| candidates.iter().position(|it| it.is_at(kept));
            let kept = kept.into_iter().filter_map(|it| Some((nth(&it)?, it.rule)));
            kept.map(|(nth, rule)| Kept { place: place.clone(), nth, rule }).collect::<Vec<_>>()
        };
        places.flat_map(at_place).collect()
    }

    /// True when the digests of its secrets are known.
    pub(super) fn has_digests(&self) -> bool {
        self.digests.get().is_some()
    }

    /// The number of a secret, where an earlier scan noted it.
    pub(super) fn number(&self, nth: usize) -> u32 {
        self.numbers.get(nth).copied().unwrap_or(u32::MAX)
    }

    /// The numbers of the secrets with `digests` of them.
    pub(super) fn numbered(&self, digests: &[Digest]) -> impl Iterator<Item = (u32, Digest)> {
        self.numbers.iter().copied().zip(digests.iter().copied())
    }

    /// Takes digests by number, where none are known.
    pub(super) fn digests_by(&self, digest: impl Fn(u32) -> Option<Digest>) {
        let all = || self.numbers.iter().map(|number| digest(*number).unwrap_or(NONE)).collect();
        self.digests.get_or_init(all);
    }

    /// Reads the blob for the digests of its secrets.
    pub(super) fn read_digests(&self, source: &dyn Again) -> Result<Box<[Digest]>, String> {
        let bytes = source.read(self)?;
        let (candidates, bytes) = (self.candidates(), crate::text::decode(&bytes));
        match note::fits(&candidates, &bytes) {
            true => Ok(candidates.iter().map(|it| it.value(&bytes).digest()).collect()),
            false => Err("it is not what it was".to_owned()),
        }
    }

    /// The groups of what was `kept`, each with its place. What has no digest is lost.
    pub(super) fn groups(&self, kept: Vec<Kept>) -> impl Iterator<Item = (Place, Group)> {
        kept.into_iter().filter_map(|Kept { place, nth, rule }| {
            let digest = *self.digests.get()?.get(nth)?;
            let group = (rule, digest, place.path.clone());
            (digest != NONE).then_some((place, group))
        })
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

/// In place of a digest that is not known.
const NONE: Digest = [0; 32];

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
pub(super) type Group = (u32, Digest, BString);

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
    Place { path: BString::default(), commit: None, age: Age::NONE, in_head: false }
}
