//! Single objects out of packs. `pack` reads a pack as a whole, its index included; here a few objects are
//! wanted, so that a large index is searched where it lies. All reads are positioned: what is cut short
//! meanwhile is an error, where libgit2, which maps packs and their indices, would end by a signal.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flate2::bufread::ZlibDecoder;
use rustc_hash::FxHashMap;

use crate::blob::ObjectId;
use crate::fault::locked;
use crate::source::git::instructions::{apply_delta, delta_size};
use crate::source::git::loose::is_named;
use crate::source::git::objects::index_files;
use crate::source::git::pack::{
    self, Base, HEADER, Header, Kind, bad, held, parse_header, read_at,
};
use crate::source::git::packindex::Index;

/// Bytes for which room is made before any are there.
const ROOM: usize = 1 << 20;
/// Bytes of objects that are kept for those that are built on them.
const KEPT: usize = 16 << 20;
/// Bytes that an object which is kept costs besides its content.
const COST: usize = 128;

/// An object: what it is, and its content.
pub(crate) type Found = (Kind, Arc<Vec<u8>>);

/// The packs of a repository and its alternates. Each is opened when something is looked for in it.
pub(crate) struct Packs {
    folders: Vec<PathBuf>,
    hash: usize,
    /// Packs are added while git makes new ones, and keep their places.
    packs: Mutex<Vec<Arc<Pack>>>,
    /// The pack in which something was found last.
    last: AtomicUsize,
    kept: Mutex<Kept>,
}

/// Chains of deltas up to this length are kept whole; git makes longer ones only when told to.
const SHORT: usize = 64;

/// Objects by pack and offset, with how many deltas each is built of, the one kept longest first.
#[derive(Default)]
struct Kept {
    objects: FxHashMap<(usize, u64), (Found, usize)>,
    order: VecDeque<(usize, u64)>,
    bytes: usize,
}

impl Kept {
    fn keep(&mut self, at: (usize, u64), found: &Found, depth: usize) {
        let size = found.1.len() + COST;
        if size > KEPT / 4 || self.objects.insert(at, (found.clone(), depth)).is_some() {
            return;
        }
        self.order.push_back(at);
        self.bytes += size;
        while self.bytes > KEPT {
            let oldest = self.order.pop_front().and_then(|at| self.objects.remove(&at));
            self.bytes -= oldest.map_or(self.bytes, |((_, bytes), _)| bytes.len() + COST);
        }
    }
}

impl Packs {
    /// The packs in `folders`, with ids of `hash` bytes.
    pub(crate) fn new(folders: Vec<PathBuf>, hash: usize) -> Self {
        let (packs, kept) = (Mutex::default(), Mutex::default());
        let all = Self { folders, hash, packs, last: AtomicUsize::new(0), kept };
        all.renew();
        all
    }

    /// Looks for new packs; false where there are none.
    fn renew(&self) -> bool {
        let mut packs = locked(&self.packs);
        let before = packs.len();
        for index in self.folders.iter().flat_map(|folder| index_files(&folder.join("pack"))) {
            if !packs.iter().any(|pack| pack.index == index) {
                packs.push(Arc::new(Pack::new(index, self.hash)));
            }
        }
        packs.len() > before
    }

    /// All packs with their numbers, the one in which something was found last first.
    fn all(&self) -> Vec<(usize, Arc<Pack>)> {
        let packs: Vec<_> = locked(&self.packs).iter().cloned().enumerate().collect();
        let last = self.last.load(Ordering::Relaxed).min(packs.len());
        [&packs[last..], &packs[..last]].concat()
    }

    /// Asks the packs that have `id`, one after the other, until one answers; `None` where none has it.
    ///
    /// # Errors
    /// Why the last one that may have it cannot answer.
    fn ask<T>(
        &self,
        id: ObjectId,
        answer: impl Fn(usize, &Pack, u64) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let mut failed = None;
        loop {
            for (nth, pack) in self.all() {
                let offset = pack.find(id.raw()).transpose();
                match offset.map(|offset| offset.and_then(|at| answer(nth, &pack, at))) {
                    Some(Ok(found)) => {
                        self.last.store(nth, Ordering::Relaxed);
                        return Ok(Some(found));
                    }
                    Some(Err(error)) => failed = Some(pack.named(&error)),
                    None => {}
                }
            }
            // Git may have packed it in the meantime.
            if !self.renew() {
                return failed.map_or(Ok(None), Err);
            }
        }
    }

    /// Reads the object `id`; `None` where no pack has it. Neither it nor what it is built on may have more than
    /// `most` bytes.
    ///
    /// # Errors
    /// The I/O error, or `InvalidData` for what is damaged or too large.
    pub(crate) fn read(&self, id: ObjectId, most: u64) -> io::Result<Option<Found>> {
        self.ask(id, |nth, pack, at| {
            let (kind, bytes) = self.decode((nth, pack), at, most)?;
            match is_named(id, kind, &bytes) {
                true => Ok((kind, bytes)),
                false => Err(bad("it is not what its id says")),
            }
        })
    }

    /// The size of the object `id`; `None` where no pack has it. It is not decoded.
    ///
    /// # Errors
    /// As [`Packs::read`].
    pub(crate) fn size(&self, id: ObjectId) -> io::Result<Option<u64>> {
        self.ask(id, |_, pack, at| pack.size(at))
    }

    /// What the object `id` is; `None` where no pack has it. It is not decoded.
    ///
    /// # Errors
    /// As [`Packs::read`].
    pub(crate) fn kind(&self, id: ObjectId) -> io::Result<Option<Kind>> {
        self.ask(id, |_, pack, at| pack.kind(at))
    }

    /// Adds the ids that begin with the hex digits `prefix` to `found`. A pack that cannot be searched adds
    /// none.
    pub(crate) fn with_prefix(&self, prefix: &str, found: &mut Vec<ObjectId>) {
        for (_, pack) in self.all() {
            // Names only help to find what is read later.
            let _ = pack.index().and_then(|index| index.with_prefix(prefix, found));
        }
    }

    /// Decodes the entry at `offset` of `pack`, which is number `nth`.
    fn decode(&self, (nth, pack): (usize, &Pack), offset: u64, most: u64) -> io::Result<Found> {
        // Deltas between the object and the one that is whole or kept.
        let (mut deltas, mut at) = (Vec::new(), offset);
        let (mut found, mut depth) = loop {
            if let Some(kept) = locked(&self.kept).objects.get(&(nth, at)) {
                break kept.clone();
            }
            let header = pack.header(at)?;
            held(header.size, most)?;
            let base = match pack.base(&header)? {
                Ok(kind) => break ((kind, Arc::new(pack.inflate(at, &header)?)), 0),
                Err(base) => base,
            };
            deltas.push((at, header));
            if deltas.len() > pack.count()? {
                return Err(bad("its deltas are built on each other"));
            }
            at = base;
        };
        let length = depth + deltas.len();
        for (at_delta, header) in deltas.into_iter().rev() {
            // Of a long chain, which would push out itself, a part is kept from which no place of it is far.
            let step = match length {
                ..=SHORT => 1,
                _ => (length * (found.1.len() + COST)).div_ceil(KEPT / 4),
            };
            if depth.is_multiple_of(step) || depth + 1 == length {
                locked(&self.kept).keep((nth, at), &found, depth);
            }
            depth += 1;
            let (mut bytes, mut copies) = (Vec::new(), Vec::new());
            let delta = pack.inflate(at_delta, &header)?;
            held(delta_size(&delta).unwrap_or(0), most)?;
            apply_delta(&found.1, &delta, &mut bytes, &mut copies)?;
            (found, at) = ((found.0, Arc::new(bytes)), at_delta);
        }
        // Commits and trees are asked for again and again.
        if found.0 != Kind::Blob {
            locked(&self.kept).keep((nth, offset), &found, depth);
        }
        Ok(found)
    }
}

/// One pack with its index.
struct Pack {
    index: PathBuf,
    hash: usize,
    opened: Mutex<Option<Arc<Index>>>,
    /// The pack itself and where its entries end.
    data: Mutex<Option<(Arc<File>, u64)>>,
}

impl Pack {
    fn new(index: PathBuf, hash: usize) -> Self {
        Self { index, hash, opened: Mutex::default(), data: Mutex::default() }
    }

    /// `error` with the name of the pack.
    fn named(&self, error: &io::Error) -> io::Error {
        let name = self.index.with_extension("pack");
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        io::Error::new(error.kind(), format!("{name}: {error}"))
    }

    /// The index. One that git has taken away meanwhile has nothing.
    fn index(&self) -> io::Result<Arc<Index>> {
        let mut opened = locked(&self.opened);
        if let Some(index) = &*opened {
            return Ok(Arc::clone(index));
        }
        let index = match Index::open(&self.index, self.hash) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Index::nothing(self.hash),
            index => index?,
        };
        Ok(Arc::clone(opened.insert(Arc::new(index))))
    }

    fn data(&self) -> io::Result<(Arc<File>, u64)> {
        let mut data = locked(&self.data);
        if let Some((file, end)) = &*data {
            return Ok((Arc::clone(file), *end));
        }
        let file = File::open(self.index.with_extension("pack"))?;
        let end = file.metadata()?.len().saturating_sub(self.hash as u64);
        let (file, end) = data.insert((Arc::new(file), end));
        Ok((Arc::clone(file), *end))
    }

    fn count(&self) -> io::Result<usize> {
        Ok(self.index()?.count)
    }

    /// Where the object `id` starts.
    fn find(&self, id: &[u8]) -> io::Result<Option<u64>> {
        self.index()?.find(id)
    }

    fn header(&self, at: u64) -> io::Result<Header> {
        let (file, end) = self.data()?;
        let mut bytes = [0; HEADER];
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(HEADER).min(HEADER);
        let filled = read_at(&file, &mut bytes[..left], at)?;
        parse_header(&bytes[..filled], at, self.hash)
    }

    /// What an entry is, or where that is which it is built on.
    fn base(&self, header: &Header) -> io::Result<Result<Kind, u64>> {
        match header.base {
            Base::Whole(kind) => Ok(Ok(kind)),
            Base::Offset(base) => Ok(Err(base)),
            Base::Id(id) => match self.find(id.raw())? {
                Some(base) => Ok(Err(base)),
                None => Err(bad(format!("its delta base {id} is not in the pack"))),
            },
        }
    }

    /// What the object is whose entry is at `at`.
    fn kind(&self, mut at: u64) -> io::Result<Kind> {
        for _ in 0..=self.count()? {
            match self.base(&self.header(at)?)? {
                Ok(kind) => return Ok(kind),
                Err(base) => at = base,
            }
        }
        Err(bad("its deltas are built on each other"))
    }

    /// What the entry at `at` inflates to.
    fn stream(&self, at: u64, header: &Header) -> io::Result<impl Read> {
        let (file, end) = self.data()?;
        let start = at + header.len as u64;
        if header.size / pack::DENSEST > end.saturating_sub(start) {
            return Err(bad("the entry claims a size that its data cannot have"));
        }
        let room = usize::try_from(header.size).unwrap_or(usize::MAX).clamp(256, 1 << 15);
        let part = Part { file, at: start, end };
        Ok(ZlibDecoder::new(BufReader::with_capacity(room, part)))
    }

    fn inflate(&self, at: u64, header: &Header) -> io::Result<Vec<u8>> {
        let size = usize::try_from(header.size).map_err(|_| bad("entry too large"))?;
        let mut bytes = Vec::with_capacity(size.min(ROOM));
        // One byte more than stated shows that the size is a lie, and that the stream ends well.
        self.stream(at, header)?.take(header.size.saturating_add(1)).read_to_end(&mut bytes)?;
        match bytes.len() == size {
            true => Ok(bytes),
            false => Err(bad("it inflates to another size than it states")),
        }
    }

    /// The size of the object whose entry is at `at`.
    fn size(&self, at: u64) -> io::Result<u64> {
        let header = self.header(at)?;
        if matches!(header.base, Base::Whole(_)) {
            return Ok(header.size);
        }
        let mut head = Vec::new();
        self.stream(at, &header)?.take(pack::DELTA_HEAD).read_to_end(&mut head)?;
        delta_size(&head).ok_or_else(|| bad("a delta says no size"))
    }
}

/// The bytes of a pack from one place on.
struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let read = read_at(&self.file, &mut buffer[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of objects with a pack of ten texts that share most lines; the ids.
    fn packed(folder: &std::path::Path) -> Vec<ObjectId> {
        let repo = git2::Repository::init(folder).unwrap();
        let mut builder = repo.packbuilder().unwrap();
        let mut ids = Vec::new();
        for nth in 0..10 {
            let lines = (0..2000).map(|line| format!("line {}\n", line * line % 7919));
            let id = repo.blob(format!("{}{nth}\n", lines.collect::<String>()).as_bytes()).unwrap();
            builder.insert_object(id, None).unwrap();
            ids.push(ObjectId::from_raw(id.as_bytes()).unwrap());
        }
        builder.write(&folder.join(".git/objects/pack"), 0o644).unwrap();
        ids
    }

    #[test]
    fn a_pack_that_is_cut_short_while_it_is_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let ids = packed(folder.path());
        let objects = folder.path().join(".git/objects");
        let open = || Packs::new(vec![objects.clone()], 20);
        let packs = open();
        for id in &ids {
            let (kind, bytes) = packs.read(*id, u64::MAX).unwrap().unwrap();
            assert_eq!((kind, ObjectId::of_blob(&bytes)), (Kind::Blob, *id));
            assert_eq!(packs.size(*id).unwrap(), Some(bytes.len() as u64));
        }
        assert!(packs.read(ObjectId::of_blob(b"another"), u64::MAX).unwrap().is_none());
        let packs = open();
        packs.size(ids[0]).unwrap();
        let file = index_files(&objects.join("pack"))[0].with_extension("pack");
        // Written anew, since libgit2 makes it read-only.
        let whole = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, &whole).unwrap();
        let packs = (packs, open());
        packs.1.size(ids[0]).unwrap();
        File::options().write(true).open(&file).unwrap().set_len(40).unwrap();
        let read =
            |packs: &Packs| ids.iter().filter(|id| packs.read(**id, u64::MAX).is_err()).count();
        // The first one has the file that is gone open.
        assert_eq!((read(&packs.0), read(&packs.1)), (0, 10));
        let error = packs.1.read(ids[0], u64::MAX).unwrap_err().to_string();
        assert!(error.starts_with("pack-"), "{error}");
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let mut kept = Kept::default();
        let object = (Kind::Tree, Arc::new(vec![0; KEPT / 8 - COST]));
        (0..100).for_each(|at| kept.keep((0, at), &object, 0));
        kept.keep((0, 100), &(Kind::Tree, Arc::new(vec![0; KEPT / 2])), 0);
        assert_eq!((kept.objects.len(), kept.order.len(), kept.bytes), (8, 8, KEPT));
        assert!(kept.objects.contains_key(&(0, 99)));
        // Objects without content cost something, too.
        let nothing = (Kind::Tree, Arc::default());
        (101..1_000_000).for_each(|at| kept.keep((0, at), &nothing, 0));
        assert_eq!((kept.objects.len(), kept.bytes), (KEPT / COST, KEPT));
    }
}
