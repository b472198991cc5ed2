//! The index of a pack, searched where it lies: a few objects are wanted, and a large index is not read for
//! that.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::blob::ObjectId;
use crate::source::git::objects::parse_hex;
use crate::source::git::pack::{bad, be32, read_at};

/// Larger indices are not read as a whole.
const SMALL: u64 = 1 << 20;
/// Bytes of ids that are read at once when an index is searched.
const WINDOW: usize = 4096;

/// The bytes of an index: a small one is held, so that many packs need few open files.
enum Bytes {
    Held(Vec<u8>),
    File(File),
}

/// An index of version 1 or 2.
pub(super) struct Index {
    bytes: Bytes,
    hash: usize,
    /// How many ids begin with each byte or a lower one.
    fanout: Vec<usize>,
    pub(super) count: usize,
    /// Version 1 has offset and id together, version 2 a table of each.
    first_version: bool,
}

impl Index {
    /// That of no objects.
    pub(super) fn nothing(hash: usize) -> Self {
        let bytes = Bytes::Held(Vec::new());
        Self { bytes, hash, fanout: vec![0; 256], count: 0, first_version: false }
    }

    /// Opens the file at `path`, ids of `hash` bytes.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` for what is no index.
    pub(super) fn open(path: &Path, hash: usize) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(bad("its index is no regular file"));
        }
        let bytes = if found.len() <= SMALL {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Bytes::Held(bytes)
        } else {
            Bytes::File(file)
        };
        let mut index = Self { bytes, hash, fanout: Vec::new(), count: 0, first_version: true };
        index.first_version = index.part(0, 8)? != *b"\xfftOc\0\0\0\x02";
        let start = if index.first_version { 0 } else { 8 };
        let table = index.part(start, 1024)?;
        index.fanout = table.chunks_exact(4).map(|four| be32(four) as usize).collect();
        if !index.fanout.is_sorted() {
            return Err(bad("its index is damaged"));
        }
        index.count = index.fanout.last().copied().unwrap_or(0);
        Ok(index)
    }

    /// Where the object `id` starts in the pack.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` where the index is cut short.
    pub(super) fn find(&self, id: &[u8]) -> io::Result<Option<u64>> {
        let at = self.lower_bound(id)?;
        match at < self.count && self.id(at)? == id {
            true => self.offset(at).map(Some),
            false => Ok(None),
        }
    }

    /// Adds the ids that begin with the hex digits `prefix` to `found`.
    ///
    /// # Errors
    /// As [`Index::find`].
    pub(super) fn with_prefix(&self, prefix: &str, found: &mut Vec<ObjectId>) -> io::Result<()> {
        let least = format!("{prefix:0<width$}", width = 2 * self.hash);
        let Some(least) = parse_hex(least.as_bytes()) else { return Ok(()) };
        for at in self.lower_bound(least.raw())?..self.count {
            let id = ObjectId::from_raw(&self.id(at)?);
            match id.filter(|id| id.to_string().starts_with(prefix)) {
                Some(id) => found.push(id),
                None => break,
            }
        }
        Ok(())
    }

    fn part(&self, at: usize, len: usize) -> io::Result<Vec<u8>> {
        let cut = || bad("its index is cut short");
        match &self.bytes {
            Bytes::Held(bytes) => Ok(bytes.get(at..at + len).ok_or_else(cut)?.to_vec()),
            Bytes::File(file) => {
                let mut bytes = vec![0; len];
                let read = read_at(file, &mut bytes, at as u64)?;
                if read == len { Ok(bytes) } else { Err(cut()) }
            }
        }
    }

    /// Where the ids start, and how far one is from the next.
    fn ids(&self) -> (usize, usize) {
        if self.first_version { (1024 + 4, 4 + self.hash) } else { (8 + 1024, self.hash) }
    }

    fn id(&self, at: usize) -> io::Result<Vec<u8>> {
        let (start, step) = self.ids();
        self.part(start + at * step, self.hash)
    }

    /// The place of the first id that is not below `id`.
    fn lower_bound(&self, id: &[u8]) -> io::Result<usize> {
        let first = usize::from(id[0]);
        let mut low = if first == 0 { 0 } else { self.fanout[first - 1] };
        let mut high = self.fanout[first];
        let (start, step) = self.ids();
        while (high - low) * step > WINDOW {
            let middle = low.midpoint(high);
            if *self.id(middle)? < *id { low = middle + 1 } else { high = middle }
        }
        if low == high {
            return Ok(low);
        }
        let some = self.part(start + low * step, (high - low - 1) * step + self.hash)?;
        let below = some.chunks(step).take_while(|other| other[..self.hash] < *id);
        Ok(low + below.count())
    }

    fn offset(&self, at: usize) -> io::Result<u64> {
        if self.first_version {
            return Ok(u64::from(be32(&self.part(1024 + at * (4 + self.hash), 4)?)));
        }
        let table = 8 + 1024 + self.count * (self.hash + 4);
        let small = be32(&self.part(table + at * 4, 4)?);
        if small >> 31 == 0 {
            return Ok(u64::from(small));
        }
        let wide = table + self.count * 4 + (small & 0x7fff_ffff) as usize * 8;
        let wide = self.part(wide, 8)?;
        Ok(u64::from(be32(&wide)) << 32 | u64::from(be32(&wide[4..])))
    }
}

#[cfg(test)]
mod tests {
    use sha1::{Digest as _, Sha1};

    use super::*;

    /// An index of version 2 over `objects`, ids and offsets, the latter above 2 GB in the table of wide ones.
    fn written(objects: &[(ObjectId, u64)]) -> Vec<u8> {
        let mut bytes = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=255 {
            let count = objects.iter().filter(|(id, _)| id.raw()[0] <= first).count();
            bytes.extend(u32::try_from(count).unwrap().to_be_bytes());
        }
        objects.iter().for_each(|(id, _)| bytes.extend(id.raw()));
        objects.iter().for_each(|_| bytes.extend([0; 4]));
        let mut wide = Vec::new();
        for (_, offset) in objects {
            let small = u32::try_from(*offset).ok().filter(|small| small >> 31 == 0);
            let small = small.unwrap_or_else(|| {
                wide.extend(offset.to_be_bytes());
                1 << 31 | u32::try_from(wide.len() / 8 - 1).unwrap()
            });
            bytes.extend(small.to_be_bytes());
        }
        bytes.extend(wide);
        bytes.extend([0; 20]);
        bytes.extend(Sha1::digest(&bytes));
        bytes
    }

    #[test]
    fn a_large_index_is_searched_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let mut objects: Vec<(ObjectId, u64)> = (0..60_000_u64)
            .map(|nth| (ObjectId::of_blob(&nth.to_le_bytes()), 12 + nth * 100_000))
            .collect();
        objects.sort_unstable();
        let path = folder.path().join("pack-x.idx");
        let bytes = written(&objects);
        std::fs::write(&path, &bytes).unwrap();
        let index = Index::open(&path, 20).unwrap();
        assert!(matches!(index.bytes, Bytes::File(_)));
        for (id, offset) in objects.iter().step_by(97) {
            assert_eq!(index.find(id.raw()).unwrap(), Some(*offset));
            let mut found = Vec::new();
            index.with_prefix(&id.short(12), &mut found).unwrap();
            assert_eq!(found, [*id]);
        }
        for absent in [[0; 20], [255; 20], [7; 20]] {
            assert_eq!(index.find(&absent).unwrap(), None);
        }
        // Cut short while it is open, as by another program.
        std::fs::write(&path, &bytes[..5000]).unwrap();
        let found = index.find(objects[30_000].0.raw());
        assert!(found.is_err_and(|error| error.to_string() == "its index is cut short"));
    }
}
