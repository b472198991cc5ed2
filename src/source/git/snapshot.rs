//! What a scan of a history leaves for the next one: the ids of all blobs with what they are, and what the
//! scanner noted of blobs. It holds no content and no part of a secret.
//!
//! One file a repository, little-endian throughout, in four parts, each with a CRC-32 of its own and used whole
//! or not at all. The first one has a magic line, the key, the repository and what holds as long as nothing
//! changes (`settled`); the next two what was there (`stock`), for a repository that has only grown. The last one is
//! the snapshot, lists with their lengths in front, which is read where it has changed otherwise.

use std::io::{self, Read as _};

use crate::blob::ObjectId;
use crate::finding::SkipReason;
use crate::source::git::coding::{In, Summed, whole};

/// Begins every file; the number is that of the format.
const MAGIC: &[u8] = b"keylint history 5\n";

/// In place of a position: the object is not there.
pub(crate) const ABSENT: u32 = u32::MAX;

/// What a scan saw in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A blob that is looked at for its name.
    Other,
    /// A blob in which nothing was found.
    Clean,
    /// A blob that was skipped as binary.
    Binary,
    /// A blob that was skipped for its size.
    TooLarge,
    /// A blob that is looked at again: something was found in it, or its name matters.
    Interest,
}

impl What {
    const ALL: [Self; 5] = [Self::Other, Self::Clean, Self::Binary, Self::TooLarge, Self::Interest];

    /// Why a blob was left out, if it was.
    pub(crate) fn left_out(self) -> Option<SkipReason> {
        match self {
            Self::TooLarge => Some(SkipReason::TooLarge),
            Self::Binary => Some(SkipReason::Binary),
            Self::Other | Self::Clean | Self::Interest => None,
        }
    }

    /// As a byte.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What [`What::code`] made a byte of.
    pub(crate) fn of(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Length of an id in bytes.
    pub(crate) hash: usize,
    /// Ids, sorted, one after the other.
    pub(crate) ids: Vec<u8>,
    /// What each object is.
    pub(crate) what: Vec<What>,
    /// Bytes of each blob that was scanned; 0 for all else.
    pub(crate) sizes: Vec<u32>,
    /// What the scanner wants to be told again of blobs of interest, named by their position in [`Snapshot::ids`]
    /// and sorted by it.
    pub(crate) notes: Vec<(u32, Box<[u8]>)>,
}

impl Snapshot {
    /// Number of objects.
    pub(crate) fn len(&self) -> usize {
        self.what.len()
    }

    /// The id at a position.
    pub(crate) fn id(&self, at: usize) -> &[u8] {
        &self.ids[at * self.hash..(at + 1) * self.hash]
    }

    /// True when there is a note of the object at a position.
    pub(crate) fn has_note(&self, at: usize) -> bool {
        let at = u32::try_from(at).unwrap_or(ABSENT);
        self.notes.binary_search_by_key(&at, |(blob, _)| *blob).is_ok()
    }

    /// Calls `met` with the position in `others` and here of each id that is in both. `others` are
    /// sorted; whatever their number, few ids are looked at.
    pub(crate) fn meet<'i>(
        &self,
        others: impl Iterator<Item = &'i [u8]>,
        mut met: impl FnMut(usize, usize),
    ) {
        let mut low = 0;
        for (nth, id) in others.enumerate() {
            let mut step = 1;
            while low + step < self.len() && self.id(low + step) < id {
                low += step;
                step *= 2;
            }
            let mut high = (low + step + 1).min(self.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if self.id(middle) < id { low = middle + 1 } else { high = middle }
            }
            if low == self.len() {
                break;
            }
            if self.id(low) == id {
                met(nth, low);
            }
        }
    }

    /// Writes what stands behind the head, with so many `ids`, sorted, in place of its own.
    ///
    /// # Errors
    /// Those of `to`.
    pub(crate) fn write(
        &self,
        (count, mut ids): (usize, impl Iterator<Item = ObjectId>),
        to: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut out = Summed::new(to);
        out.length(self.hash)?;
        out.length(count * self.hash)?;
        ids.try_for_each(|id| out.put(|out| out.0.extend_from_slice(id.raw())))?;
        out.length(self.what.len())?;
        self.what.iter().try_for_each(|what| out.put(|out| out.byte(what.code())))?;
        out.words(&self.sizes)?;
        out.length(self.notes.len())?;
        self.notes.iter().try_for_each(|(blob, _)| out.put(|out| out.word(*blob)))?;
        self.notes.iter().try_for_each(|(_, note)| out.put(|out| out.bytes(note)))?;
        out.end()
    }

    /// Reads what [`Snapshot::write`] put behind the head; `None` where it is damaged.
    pub(crate) fn decode(file: &[u8]) -> Option<Self> {
        let rest = &mut In(whole(file)?);
        let hash = usize::try_from(rest.length()?).ok()?;
        let ids = rest.bytes()?.to_vec();
        let what: Vec<What> =
            rest.bytes()?.iter().map(|code| What::of(*code)).collect::<Option<_>>()?;
        let sizes = rest.words()?;
        let whole = matches!(hash, 20 | 32) && ids.len() == what.len().checked_mul(hash)?;
        if !whole || sizes.len() != what.len() || !ids.chunks_exact(hash).is_sorted() {
            return None;
        }
        let mut notes = Vec::new();
        for blob in rest.words()? {
            notes.push((blob, Box::from(rest.bytes()?)));
        }
        let object = |at: &u32| (*at as usize) < what.len();
        let noted = notes.is_sorted_by_key(|(blob, _)| blob);
        let sound = rest.0.is_empty() && noted && notes.iter().all(|(blob, _)| object(blob));
        sound.then_some(Self { hash, ids, what, sizes, notes })
    }
}

/// What stands in front of a snapshot.
pub(crate) struct Head<'h> {
    /// What the file depends on.
    pub(crate) key: &'h [u8; 32],
    /// The repository.
    pub(crate) place: &'h [u8],
    /// What holds as long as nothing changes.
    pub(crate) settled: &'h [u8],
}

impl Head<'_> {
    /// Writes it.
    ///
    /// # Errors
    /// Those of `to`.
    pub(crate) fn write(&self, to: &mut dyn io::Write) -> io::Result<()> {
        let mut out = Summed::new(to);
        out.put(|out| out.0.extend_from_slice(MAGIC))?;
        // How long the rest of the head is.
        out.length(32 + 8 + self.place.len() + 8 + self.settled.len())?;
        out.put(|out| out.0.extend_from_slice(self.key))?;
        out.put(|out| out.bytes(self.place))?;
        out.length(self.settled.len())?;
        out.all(self.settled)?;
        out.end()
    }
}

/// Reads the head of a file, up to the snapshot: the key, the repository and the settled part; `None` where it is
/// damaged or of another format.
pub(crate) fn head(file: &mut impl io::Read) -> Option<([u8; 32], Vec<u8>, Vec<u8>)> {
    let mut head = vec![0; MAGIC.len() + 8];
    file.read_exact(&mut head).ok()?;
    let len = In(head.strip_prefix(MAGIC)?).length()?.checked_add(4)?;
    file.take(len).read_to_end(&mut head).ok()?;
    let rest = &mut In(whole(&head)?.get(MAGIC.len() + 8..)?);
    let key = rest.take(32)?.try_into().ok()?;
    let (place, settled) = (rest.bytes()?.to_vec(), rest.bytes()?.to_vec());
    rest.0.is_empty().then_some((key, place, settled))
}

/// Writes a part of the file that is read by itself.
///
/// # Errors
/// Those of `to`.
pub(crate) fn write_part(bytes: &[u8], to: &mut dyn io::Write) -> io::Result<()> {
    let mut out = Summed::new(to);
    out.length(bytes.len())?;
    out.all(bytes)?;
    out.end()
}

/// Reads a part; `None` where it is damaged.
pub(crate) fn read_part(file: &mut impl io::Read) -> Option<Vec<u8>> {
    let mut part = vec![0; 8];
    file.read_exact(&mut part).ok()?;
    let len = In(&part).length()?.checked_add(4)?;
    file.take(len).read_to_end(&mut part).ok()?;
    whole(&part)?;
    part.truncate(part.len() - 4);
    Some(part.split_off(8))
}

/// Passes over a part.
///
/// # Errors
/// Those of `file`.
pub(crate) fn pass_part(file: &mut (impl io::Read + io::Seek)) -> io::Result<()> {
    let mut len = [0; 8];
    file.read_exact(&mut len)?;
    let len = i64::try_from(u64::from_le_bytes(len)).unwrap_or(i64::MAX);
    file.seek_relative(len.saturating_add(4))
}

/// The repository that a file is of and its number of blobs, where the file is whole.
pub fn describe(mut file: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (_, place, _) = head(&mut file)?;
    read_part(&mut file)?;
    read_part(&mut file)?;
    let rest = &mut In(whole(file)?);
    let hash = usize::try_from(rest.length()?).ok()?;
    Some((place, rest.bytes()?.len().checked_div(hash)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Snapshot {
        let ids: Vec<u8> = (0..6_u8).flat_map(|n| [n * 40; 20]).collect();
        Snapshot {
            hash: 20,
            ids,
            what: vec![
                What::Other,
                What::Clean,
                What::Binary,
                What::TooLarge,
                What::Interest,
                What::Other,
            ],
            sizes: vec![0, 7, 0, 0, 9, 0],
            notes: vec![(4, Box::from(*b"[]"))],
        }
    }

    fn encode(snapshot: &Snapshot, front: &Head<'_>) -> Vec<u8> {
        let (mut file, ids) = (Vec::new(), snapshot.ids.chunks_exact(20));
        let ids = (ids.len(), ids.filter_map(ObjectId::from_raw));
        front.write(&mut file).unwrap();
        [b"what was there", &b"ages"[..]]
            .iter()
            .for_each(|part| write_part(part, &mut file).unwrap());
        snapshot.write(ids, &mut file).unwrap();
        file
    }

    #[test]
    fn a_file_is_used_whole_or_not_at_all() {
        let (sample, key) = (sample(), [7; 32]);
        let front = Head { key: &key, place: b"/repo/.git", settled: b"as it was" };
        let read = |mut file: &[u8]| {
            let head = head(&mut file);
            let parts = (read_part(&mut file), read_part(&mut file));
            (head, Snapshot::decode(file).filter(|_| parts.0.is_some() && parts.1.is_some()))
        };
        let file = encode(&sample, &front);
        let mut rest = &file[..];
        head(&mut rest).unwrap();
        let front_len = file.len() - rest.len();
        let good = (key, b"/repo/.git".to_vec(), b"as it was".to_vec());
        assert_eq!(read(&file), (Some(good.clone()), Some(sample.clone())));
        assert_eq!(describe(&file), Some((b"/repo/.git".to_vec(), 6)));
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            for file in [&damaged[..], &file[..at]] {
                let (front, snapshot) = read(file);
                assert_eq!(front.is_some(), at >= front_len, "byte {at}");
                assert!(front.is_none() || snapshot.is_none(), "byte {at}");
                assert_eq!(describe(file), None, "byte {at}");
            }
        }
        // What no scan writes, with a right sum.
        for wrong in [
            Snapshot { notes: vec![(6, Box::default())], ..sample.clone() },
            Snapshot { notes: [5, 4].map(|blob| (blob, Box::default())).into(), ..sample.clone() },
            Snapshot { sizes: vec![1], ..sample.clone() },
            Snapshot { hash: 10, ..sample },
        ] {
            assert_eq!(read(&encode(&wrong, &front)), (Some(good.clone()), None), "{wrong:?}");
        }
    }

    #[test]
    fn ids_in_both_are_met_once_and_in_order() {
        let ids: Vec<[u8; 20]> = (0..200_u8).map(|n| [n; 20]).collect();
        for (every, others) in [(1, 1), (1, 7), (7, 1), (3, 5), (50, 1), (1, 90)] {
            let mine: Vec<u8> = ids.iter().step_by(every).flatten().copied().collect();
            let what = vec![What::Clean; mine.len() / 20];
            let snapshot = Snapshot { hash: 20, ids: mine, what, ..Snapshot::default() };
            let mut met = Vec::new();
            snapshot.meet(ids.iter().step_by(others).map(|id| &id[..]), |other, at| {
                met.push((other * others, at * every));
            });
            let both: Vec<(usize, usize)> =
                (0..200).filter(|n| n % every == 0 && n % others == 0).map(|n| (n, n)).collect();
            assert_eq!(met, both, "{every} {others}");
        }
    }
}
