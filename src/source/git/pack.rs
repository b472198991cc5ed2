//! One pack file and its index: ids, offsets, and the compressed bytes of an entry.
//!
//! Formats: git's gitformat-pack documentation, index versions 1 and 2. Packs are read with
//! positioned reads, not mapped: resident memory stays small and a file that shrinks under us is
//! an error, not a signal.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

use flate2::read::ZlibDecoder;
use libdeflater::Decompressor;
use rayon::slice::ParallelSliceMut as _;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::blob::ObjectId;
use crate::source::git::ids::Ids;
use crate::source::git::instructions::delta_size;
use crate::source::git::offsets::Offsets;
use crate::source::git::windows::Windows;

/// Longest entry header: ten bytes of size, then ten of offset or an id of 32 bytes.
pub(super) const HEADER: usize = 48;
/// Deflate never shrinks below a thousandth; more is a lie that would cost memory.
pub(super) const DENSEST: u64 = 1100;
/// Larger objects are not unpacked, unless the user wants files that are: a few kB may say that they are some
/// GB of blanks. Git makes no differences of what is above 512 MB.
pub(super) const LARGEST: u64 = 128 << 20;
/// Bytes at the start of a delta that say how large the object is.
pub(super) const DELTA_HEAD: u64 = 24;
/// Longer entries are not read as a whole before it is known how long they may be.
const LARGE: usize = 1 << 20;
/// Bytes read at once when headers are scanned.
const WINDOW: usize = 1 << 20;

/// Object types as packs number them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
    /// An annotated tag.
    Tag,
}

impl Kind {
    /// Its name in loose objects.
    pub(crate) fn name(self) -> &'static [u8] {
        match self {
            Self::Commit => b"commit",
            Self::Tree => b"tree",
            Self::Blob => b"blob",
            Self::Tag => b"tag",
        }
    }

    /// The kind of that name.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag].into_iter().find(|it| it.name() == name)
    }
}

/// What an entry is built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// Nothing: the entry is whole.
    Whole(Kind),
    /// The entry at this offset of the same pack.
    Offset(u64),
    /// The object with this id.
    Id(ObjectId),
}

/// The header of one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Inflated size of what follows: the object, or the delta.
    pub(crate) size: u64,
    /// What it is built on.
    pub(crate) base: Base,
    /// Length of the header.
    pub(crate) len: usize,
}

/// An open pack.
pub(crate) struct Pack {
    file: File,
    hash: usize,
    ids: Ids,
    offsets: Offsets,
    /// Positions in id order, sorted by offset.
    by_offset: Vec<u32>,
    /// Where the entries end and the trailer starts.
    end: u64,
}

/// An error that says what is damaged.
pub(super) fn bad(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// Refuses an object or delta of `size` bytes where only `most` are unpacked.
pub(super) fn held(size: u64, most: u64) -> io::Result<()> {
    match size > most {
        true => Err(bad(format!("it has {size} bytes, and more than {most} are not unpacked"))),
        false => Ok(()),
    }
}

pub(super) fn be32(bytes: &[u8]) -> u32 {
    bytes[..4].iter().fold(0, |n, &b| n << 8 | u32::from(b))
}

impl Pack {
    /// Opens the pack of an index file; `hash` is the length of an id in bytes.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` saying what is wrong with the index.
    pub(crate) fn open(index: &Path, hash: usize) -> io::Result<Self> {
        let file = File::open(index.with_extension("pack"))?;
        let size = file.metadata()?.len();
        let end = size.checked_sub(hash as u64).ok_or_else(|| bad("the pack is cut short"))?;
        let mut bytes = Vec::new();
        File::open(index)?.read_to_end(&mut bytes)?;
        let sorted = || {
            let (fanout, ids, mut entries) = match bytes.starts_with(b"\xfftOc\0\0\0\x02") {
                true => read_v2(&bytes, hash),
                false => read_v1(&bytes, hash),
            }?;
            entries.par_sort_unstable();
            let offsets = Offsets::of(entries.iter().map(|(offset, _)| *offset));
            Some((fanout, ids, offsets, entries.into_iter().map(|(_, at)| at).collect()))
        };
        let (whole, read) = rayon::join(|| is_whole(&bytes, hash), sorted);
        if !whole {
            return Err(bad("the index does not match its checksum"));
        }
        let (fanout, ids, offsets, by_offset) =
            read.ok_or_else(|| bad("the index is cut short"))?;
        Ok(Self { file, hash, ids: Ids::new(hash, fanout, ids), offsets, by_offset, end })
    }

    /// Number of objects.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The id at a position in id order.
    pub(crate) fn id(&self, at: u32) -> ObjectId {
        self.ids.of(at)
    }

    /// All ids, sorted.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &[u8]> {
        self.ids.iter()
    }

    /// The position of an id.
    pub(crate) fn lookup(&self, id: &[u8]) -> Option<u32> {
        self.ids.position(id)
    }

    /// Positions in id order, sorted by offset.
    pub(crate) fn by_offset(&self) -> &[u32] {
        &self.by_offset
    }

    /// Offset of the `nth` entry in offset order.
    pub(crate) fn nth_offset(&self, nth: usize) -> u64 {
        self.offsets.get(nth)
    }

    /// Where the entry that starts at `offset` stands in offset order, if that is before the `nth`.
    pub(crate) fn find_before(&self, nth: usize, offset: u64) -> Option<usize> {
        self.offsets.find_before(nth, offset)
    }

    /// Where the `nth` entry in offset order ends.
    fn nth_end(&self, nth: usize) -> u64 {
        if nth + 1 < self.len() { self.nth_offset(nth + 1) } else { self.end }
    }

    /// True when the `nth` entry in offset order starts where the pack has ended: it was cut short.
    pub(crate) fn is_cut(&self, nth: usize) -> bool {
        self.nth_offset(nth) >= self.end
    }

    /// How many entries are behind the end.
    pub(crate) fn cut(&self) -> usize {
        (0..self.len()).rev().take_while(|nth| self.is_cut(*nth)).count()
    }

    /// Reads the headers of the entries `some`, by offset order. One that cannot be read or makes no sense is an
    /// `Err`.
    pub(crate) fn headers(
        &self,
        some: Range<usize>,
        mut each: impl FnMut(usize, io::Result<Header>),
    ) {
        let mut window = vec![0; WINDOW];
        let (mut start, mut filled) = (0_u64, 0_usize);
        for nth in some.clone() {
            let offset = self.nth_offset(nth);
            if self.is_cut(nth) {
                each(nth, Err(bad("the pack is cut short")));
                continue;
            }
            if nth == some.start || offset + HEADER as u64 > start + filled as u64 {
                let (read, error) = read_some(&self.file, &mut window, offset);
                (start, filled) = (offset, read);
                if let Some(error) = error.filter(|_| read < HEADER) {
                    each(nth, Err(error));
                    continue;
                }
            }
            let at = (offset - start) as usize;
            let slice = &window[at.min(filled)..filled.min(at + HEADER)];
            each(nth, parse_header(slice, offset, self.hash));
        }
    }

    /// Reads the header of the `nth` entry in offset order.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` for a header that makes no sense.
    pub(crate) fn header(&self, nth: usize) -> io::Result<Header> {
        let (offset, mut bytes) = (self.nth_offset(nth), [0; HEADER]);
        let filled = read_at(&self.file, &mut bytes, offset)?;
        parse_header(&bytes[..filled], offset, self.hash)
    }

    /// True when the `nth` entry in offset order may be larger than `size`, as far as that shows in its packed
    /// length.
    pub(crate) fn may_exceed(&self, nth: usize, size: u64) -> bool {
        self.nth_end(nth).saturating_sub(self.nth_offset(nth)) > size / DENSEST
    }

    /// The size of the object that the `nth` entry in offset order is a delta of, or that it is.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` for what makes no sense.
    pub(crate) fn size(&self, nth: usize) -> io::Result<u64> {
        let header = self.header(nth)?;
        if matches!(header.base, Base::Whole(_)) {
            return Ok(header.size);
        }
        let (mut packed, mut head) = ([0; 512], Vec::new());
        let filled = read_at(&self.file, &mut packed, self.nth_offset(nth) + header.len as u64)?;
        // As much as is there says the size, or nothing does.
        let _ = ZlibDecoder::new(&packed[..filled]).take(DELTA_HEAD).read_to_end(&mut head);
        delta_size(&head).ok_or_else(|| bad("a delta says no size"))
    }

    /// Inflates the `nth` entry in offset order into `out`. `windows` are of this pack; what `reads` gives lives as
    /// long as the file is read.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` when the entry does not inflate to its size.
    pub(super) fn inflate<R>(
        &self,
        nth: usize,
        (inflater, windows): (&mut Decompressor, &mut Windows),
        out: &mut Vec<u8>,
        reads: impl FnOnce() -> R,
    ) -> io::Result<()> {
        let (start, end) = (self.nth_offset(nth), self.nth_end(nth));
        let mut len =
            usize::try_from(end.saturating_sub(start)).map_err(|_| bad("entry too large"))?;
        // A hole behind an entry would cost memory.
        if len > LARGE {
            len = len.min(most_packed(self.header(nth)?.size));
        }
        let packed = windows.read(&self.file, (start, len), reads)?;
        if packed.len() < len {
            return Err(bad("the pack is cut short"));
        }
        let header = parse_header(packed, start, self.hash)?;
        let size = usize::try_from(header.size).map_err(|_| bad("entry too large"))?;
        if header.size / DENSEST > len as u64 {
            return Err(bad("the entry claims a size that its data cannot have"));
        }
        out.resize(size, 0);
        let got = inflater
            .zlib_decompress(&packed[header.len..], out)
            .map_err(|error| bad(format!("does not inflate: {error}")))?;
        if got == size { Ok(()) } else { Err(bad("inflates to another size than it states")) }
    }
}

/// The most bytes that deflate, as git has it written, makes of `size` bytes, header included.
fn most_packed(size: u64) -> usize {
    usize::try_from(size + size / 8).unwrap_or(usize::MAX).saturating_add(4096)
}

/// Reads from `offset` on until `buffer` is full or the file ends; says how much was read.
///
/// # Errors
/// The I/O error.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let (done, error) = read_some(file, buffer, offset);
    error.map_or(Ok(done), Err)
}

/// The same; what was read before an error counts.
pub(super) fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> (usize, Option<io::Error>) {
    #[cfg(unix)]
    let read = std::os::unix::fs::FileExt::read_at;
    #[cfg(windows)]
    let read = std::os::windows::fs::FileExt::seek_read;
    let mut done = 0;
    while done < buffer.len() {
        match read(file, &mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Some(error)),
        }
    }
    (done, None)
}

/// True when `index` ends with the hash of all before it. An id that is damaged would hide the places of
/// its object without a word.
pub(super) fn is_whole(index: &[u8], hash: usize) -> bool {
    let Some((body, sum)) = index.len().checked_sub(hash).map(|at| index.split_at(at)) else {
        return false;
    };
    match hash {
        20 => Sha1::digest(body)[..] == *sum,
        _ => Sha256::digest(body)[..] == *sum,
    }
}

/// The fanout, the ids, and of each entry offset and position in id order.
type Index = (Vec<u32>, Vec<u8>, Vec<(u64, u32)>);

fn read_fanout(bytes: &[u8]) -> Option<(Vec<u32>, usize)> {
    let fanout: Vec<u32> = bytes.get(..1024)?.chunks_exact(4).map(be32).collect();
    let count = *fanout.last()? as usize;
    fanout.is_sorted().then_some((fanout, count))
}

fn read_v2(bytes: &[u8], hash: usize) -> Option<Index> {
    let bytes = &bytes[8..];
    let (fanout, count) = read_fanout(bytes)?;
    let rest = &bytes[1024..];
    let ids = rest.get(..count.checked_mul(hash)?)?.to_vec();
    let small = rest.get(count * (hash + 4)..count * (hash + 8))?;
    let large = &rest[count * (hash + 8)..];
    let mut entries = Vec::with_capacity(count);
    for (at, entry) in (0..).zip(small.chunks_exact(4)) {
        let mut offset = u64::from(be32(entry));
        if offset >> 31 == 1 {
            let wide = (offset & 0x7fff_ffff) as usize * 8;
            let wide = large.get(wide..wide + 8)?;
            offset = u64::from(be32(wide)) << 32 | u64::from(be32(&wide[4..]));
        }
        entries.push((offset, at));
    }
    Some((fanout, ids, entries))
}

fn read_v1(bytes: &[u8], hash: usize) -> Option<Index> {
    let (fanout, count) = read_fanout(bytes)?;
    let table = bytes.get(1024..1024 + count.checked_mul(4 + hash)?)?;
    let mut ids = Vec::with_capacity(count * hash);
    let mut entries = Vec::with_capacity(count);
    for (at, entry) in (0..).zip(table.chunks_exact(4 + hash)) {
        entries.push((u64::from(be32(entry)), at));
        ids.extend_from_slice(&entry[4..]);
    }
    Some((fanout, ids, entries))
}

/// Parses an entry header at the start of `bytes`; `offset` is where it stands in the pack.
pub(super) fn parse_header(bytes: &[u8], offset: u64, hash: usize) -> io::Result<Header> {
    let cut = || bad("an entry header is cut short");
    let mut len = 1;
    let first = *bytes.first().ok_or_else(cut)?;
    let mut size = u64::from(first & 15);
    let mut more = first & 0x80 != 0;
    let mut shift = 4;
    while more {
        let byte = *bytes.get(len).ok_or_else(cut)?;
        if shift > 57 {
            return Err(bad("an entry header is too long"));
        }
        size |= u64::from(byte & 0x7f) << shift;
        (shift, len, more) = (shift + 7, len + 1, byte & 0x80 != 0);
    }
    let base = match first >> 4 & 7 {
        1 => Base::Whole(Kind::Commit),
        2 => Base::Whole(Kind::Tree),
        3 => Base::Whole(Kind::Blob),
        4 => Base::Whole(Kind::Tag),
        6 => {
            let mut byte = *bytes.get(len).ok_or_else(cut)?;
            len += 1;
            let mut back = u64::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = *bytes.get(len).ok_or_else(cut)?;
                len += 1;
                back = back
                    .checked_add(1)
                    .and_then(|back| back.checked_mul(128))
                    .ok_or_else(|| bad("a delta offset is too large"))?
                    | u64::from(byte & 0x7f);
            }
            let base = offset.checked_sub(back).filter(|_| back > 0);
            Base::Offset(base.ok_or_else(|| bad("a delta points before the pack"))?)
        }
        7 => {
            let id = bytes.get(len..len + hash).and_then(ObjectId::from_raw).ok_or_else(cut)?;
            len += hash;
            Base::Id(id)
        }
        other => return Err(bad(format!("unknown entry type {other}"))),
    };
    Ok(Header { size, base, len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_headers_are_errors() {
        for bytes in [&b""[..], &[0x80], &[0x00], &[0x50], &[0xe0; 4], &[0x60, 0x80]] {
            assert!(parse_header(bytes, 12, 20).is_err(), "{bytes:?}");
        }
    }
}
