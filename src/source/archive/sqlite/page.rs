//! Pages of a SQLite database, as they are with the write-ahead log or the rollback journal in place, and what
//! stands in them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{Read, Seek, SeekFrom};

use zeroize::Zeroizing;

use super::{LOG_MAGIC, MAGIC, journal};

/// Begins the first page; what belongs to the tree comes behind it.
pub(crate) const HEADER: usize = 100;

/// Bytes of one page.
pub(crate) type Page = Zeroizing<Vec<u8>>;

/// The pages of one database.
pub(crate) struct Pages<'w, R> {
    file: R,
    /// Bytes of a page.
    size: usize,
    /// Bytes of a page that are for content.
    pub(crate) usable: usize,
    /// Number of pages.
    pub(crate) count: u32,
    /// The first page of the list of free ones.
    pub(crate) free: u32,
    /// How text is stored: 2 and 3 are UTF-16.
    pub(crate) encoding: u32,
    log: Log<'w>,
}

/// A version of a page in a write-ahead log or rollback journal.
pub(crate) struct Old<'w> {
    /// Its place in the log, from 1.
    pub(crate) frame: usize,
    /// The page.
    pub(crate) number: u32,
    /// Its bytes.
    pub(crate) page: &'w [u8],
}

/// The pages in a write-ahead log. Those in a rollback journal take their place: the database as it was.
#[derive(Default)]
struct Log<'w> {
    /// Bytes of a page.
    size: usize,
    /// The last committed version of each page.
    now: HashMap<u32, &'w [u8]>,
    /// All other versions.
    old: Vec<Old<'w>>,
}

impl<'w, R: Read + Seek> Pages<'w, R> {
    /// Opens the database in `file` as it is with the write-ahead log `log`, which is empty for none.
    ///
    /// # Errors
    /// What is wrong with its first page, or that the log is none of it.
    pub(crate) fn open(mut file: R, log: &'w [u8]) -> Result<Self, String> {
        let len = file.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?;
        let mut pages = Self::new(file, 512);
        pages.count = 1;
        let head = pages.stored(1)?;
        let size = match usize::from(u16_at(&head, 16)) {
            1 => 65536,
            size => size,
        };
        if !head.starts_with(MAGIC) || !is_size(size) {
            return Err("its first page makes no sense".to_owned());
        }
        pages.size = size;
        // What the header counts may be that of an old version.
        pages.count = u32::try_from(len / size as u64).unwrap_or(u32::MAX);
        if !log.is_empty() {
            pages.log = Log::read(log).filter(|log| log.size == size).ok_or(NO_LOG)?;
            let most = pages.log.now.keys().max().copied().unwrap_or(0);
            pages.count = pages.count.max(most);
        }
        pages.settle();
        Ok(pages)
    }

    /// Opens the write-ahead log `log` alone; `file` is empty.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn of_log(file: R, log: &'w [u8]) -> Result<Self, String> {
        let log = Log::read(log).ok_or(NO_LOG)?;
        let mut pages = Self::new(file, log.size);
        pages.log = log;
        pages.settle();
        Ok(pages)
    }

    fn new(file: R, size: usize) -> Self {
        let log = Log::default();
        Self { file, size, usable: size, count: 0, free: 0, encoding: 1, log }
    }

    /// Takes over what the first page says, where it is there.
    fn settle(&mut self) {
        let head = self.read(1).unwrap_or_default();
        let reserved = usize::from(head.get(20).copied().unwrap_or(0));
        self.usable = if self.size - reserved < 480 { self.size } else { self.size - reserved };
        (self.free, self.encoding) = (u32_at(&head, 32), u32_at(&head, 56));
    }

    /// Page number `nth`, from 1.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn read(&mut self, nth: u32) -> Result<Page, String> {
        match self.log.now.get(&nth) {
            Some(page) => Ok(Zeroizing::new(page.to_vec())),
            None => self.stored(nth),
        }
    }

    /// The page as the database has it, whatever the log says.
    fn stored(&mut self, nth: u32) -> Result<Page, String> {
        if nth == 0 || nth > self.count {
            return Err(format!("there is no page {nth}"));
        }
        let at = u64::from(nth - 1) * self.size as u64;
        let mut page = Zeroizing::new(vec![0; self.size]);
        let read = self.file.seek(SeekFrom::Start(at));
        let read = read.and_then(|_| self.file.read_exact(&mut page));
        read.map_err(|error| format!("page {nth}: {error}"))?;
        Ok(page)
    }

    /// True where the log has page number `nth`.
    pub(crate) fn is_logged(&self, nth: u32) -> bool {
        self.log.now.contains_key(&nth)
    }

    /// The pages that the log has, in order.
    pub(crate) fn logged(&self) -> Vec<(u32, &'w [u8])> {
        let mut all: Vec<(u32, &[u8])> =
            self.log.now.iter().map(|(nth, page)| (*nth, *page)).collect();
        all.sort_unstable_by_key(|(nth, _)| *nth);
        all
    }

    /// Pages in the log that were not committed, or are followed by another version.
    pub(crate) fn outdated(&mut self) -> Vec<Old<'w>> {
        std::mem::take(&mut self.log.old)
    }
}

/// What is said where a log cannot be read.
const NO_LOG: &str = "it is no log of this database";

/// True where pages may have that many bytes.
pub(super) fn is_size(size: usize) -> bool {
    size.is_power_of_two() && (512..=65536).contains(&size)
}

impl<'w> Log<'w> {
    /// Of the images in a rollback journal: the first one of a page is what goes back.
    fn of_images(size: usize, images: Vec<Old<'w>>) -> Self {
        let mut read = Self { size, ..Self::default() };
        for image in images {
            match read.now.entry(image.number) {
                Entry::Vacant(entry) => _ = entry.insert(image.page),
                Entry::Occupied(_) => read.old.push(image),
            }
        }
        read
    }

    /// Reads the frames in `log`, pages with a head each; `None` where it is no log.
    fn read(log: &'w [u8]) -> Option<Self> {
        if let Some((size, images)) = journal::images(log) {
            return Some(Self::of_images(size, images));
        }
        let size = u32_at(log, 8) as usize;
        if !log.starts_with(LOG_MAGIC) || log.len() < 32 || !is_size(size) {
            return None;
        }
        let (mut read, mut newest) = (Self { size, ..Self::default() }, HashMap::new());
        let frames: Vec<(&[u8], &[u8])> =
            log[32..].chunks_exact(24 + size).map(|frame| frame.split_at(24)).collect();
        // Frames of an earlier use of the file have another salt.
        let valid = frames.iter().take_while(|(head, _)| head[8..16] == log[16..24]).count();
        let committed = frames[..valid].iter().rposition(|(head, _)| u32_at(head, 4) > 0);
        let committed = committed.map_or(0, |last| last + 1);
        for (frame, (head, page)) in frames.into_iter().enumerate() {
            let new = Old { frame: frame + 1, number: u32_at(head, 0), page };
            match frame < committed {
                true => read.old.extend(newest.insert(new.number, new)),
                false => read.old.push(new),
            }
        }
        read.now = newest.into_iter().map(|(number, new)| (number, new.page)).collect();
        Some(read)
    }
}

/// A node of a tree.
pub(crate) struct Node<'p> {
    /// What of the page is for content.
    pub(crate) page: &'p [u8],
    /// Where its head begins.
    start: usize,
    usable: usize,
    /// What it is.
    pub(crate) kind: u8,
    cells: usize,
}

/// Inner node of an index, or of a table without row ids.
pub(crate) const INDEX_INNER: u8 = 2;
/// Inner node of a table.
pub(crate) const TABLE_INNER: u8 = 5;
/// Leaf of an index, or of a table without row ids.
pub(crate) const INDEX_LEAF: u8 = 10;
/// Leaf of a table.
pub(crate) const TABLE_LEAF: u8 = 13;

/// One entry of a leaf, or one with content of an inner node.
pub(crate) struct Cell<'p> {
    /// The row, where rows have ids.
    pub(crate) row: Option<i64>,
    /// Bytes of the whole record.
    pub(crate) len: u64,
    /// What of it stands in the page.
    pub(crate) local: &'p [u8],
    /// The first page of the rest; 0 where there is none.
    pub(crate) next: u32,
}

impl<'p> Node<'p> {
    /// The node in page number `nth`; `None` where it is no node.
    pub(crate) fn of(page: &'p [u8], nth: u32, usable: usize) -> Option<Self> {
        let start = if nth == 1 { HEADER } else { 0 };
        let kind = *page.get(start)?;
        let known = [INDEX_INNER, TABLE_INNER, INDEX_LEAF, TABLE_LEAF].contains(&kind);
        let cells = usize::from(u16_at(page, start + 3));
        known.then_some(Self { page: page.get(..usable)?, start, usable, kind, cells })
    }

    fn head_len(&self) -> usize {
        if matches!(self.kind, INDEX_INNER | TABLE_INNER) { 12 } else { 8 }
    }

    /// Where the cells stand; those that are outside the page are left out.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = usize> + use<'p> {
        let list = self.page.get(self.start + self.head_len()..).unwrap_or_default();
        let usable = self.usable;
        let pairs = list.chunks_exact(2).take(self.cells);
        pairs.map(|pair| usize::from(u16_at(pair, 0))).filter(move |&at| at + 4 <= usable)
    }

    /// How many cells are outside the page.
    pub(crate) fn strays(&self) -> usize {
        self.cells - self.offsets().count().min(self.cells)
    }

    /// True where cells hold rows.
    pub(crate) fn has_rows(&self) -> bool {
        self.kind != TABLE_INNER
    }

    /// The nodes below an inner one.
    pub(crate) fn below(&self) -> Vec<u32> {
        if !matches!(self.kind, INDEX_INNER | TABLE_INNER) {
            return Vec::new();
        }
        let left = self.offsets().map(|at| u32_at(self.page, at));
        left.chain([u32_at(self.page, self.start + 8)]).collect()
    }

    /// The cell at `at` and where it ends; `None` where it has no content, or makes no sense.
    pub(crate) fn cell(&self, at: usize) -> Option<(Cell<'p>, usize)> {
        let mut at = match self.kind {
            TABLE_INNER => return None,
            INDEX_INNER => at + 4,
            _ => at,
        };
        let len = varint(self.page, &mut at)?;
        let row = match self.kind {
            TABLE_LEAF => Some(varint(self.page, &mut at)?.cast_signed()),
            _ => None,
        };
        let (usable, total) = (self.usable as u64, len);
        let most = match self.kind {
            TABLE_LEAF => usable - 35,
            _ => (usable - 12) * 64 / 255 - 23,
        };
        let least = (usable - 12) * 32 / 255 - 23;
        let local = match total <= most {
            true => total,
            false => {
                Some(least + (total - least) % (usable - 4)).filter(|&n| n <= most).unwrap_or(least)
            }
        };
        let end = at.checked_add(usize::try_from(local).ok()?)?;
        let bytes = self.page.get(at..end)?;
        let next = if local < total { u32_at(self.page, end) } else { 0 };
        Some((Cell { row, len, local: bytes, next }, end + if next > 0 { 4 } else { 0 }))
    }

    /// The parts of the page that belong to no cell and are not empty, each with whether its first four
    /// bytes are a link to the next one.
    pub(crate) fn gaps(&self) -> Vec<(std::ops::Range<usize>, bool)> {
        let list_end = self.start + self.head_len() + self.cells * 2;
        let content = match usize::from(u16_at(self.page, self.start + 5)) {
            0 => 65536,
            content => content,
        };
        let mut gaps = Vec::new();
        if list_end < content && content <= self.usable {
            gaps.push((list_end..content, false));
        }
        let mut free = usize::from(u16_at(self.page, self.start + 1));
        // They stand in order, so that there is no ring.
        while free > 0 && free + 4 <= self.usable {
            let end = free + usize::from(u16_at(self.page, free + 2));
            if end <= self.usable && end > free + 4 {
                gaps.push((free..end, true));
            }
            let next = usize::from(u16_at(self.page, free));
            free = if next > free { next } else { 0 };
        }
        gaps.retain(|(gap, linked)| {
            let from = gap.start + if *linked { 4 } else { 0 };
            self.page[from..gap.end].iter().any(|&byte| byte != 0)
        });
        gaps
    }
}

/// A value of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'b> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'b [u8]),
    Blob(&'b [u8]),
}

/// The values of the record `bytes`, of which the end may be missing; `None` where it makes no sense.
pub(crate) fn record(bytes: &[u8]) -> Option<Vec<Value<'_>>> {
    let mut at = 0;
    let head = usize::try_from(varint(bytes, &mut at)?).ok()?;
    let types = bytes.get(at..head.min(bytes.len()))?;
    values(types, bytes.get(head..).unwrap_or_default())
}

/// The values in `body` by their `types`.
pub(crate) fn values<'b>(types: &[u8], body: &'b [u8]) -> Option<Vec<Value<'b>>> {
    let (mut at, mut from, mut found) = (0, 0_usize, Vec::new());
    while at < types.len() {
        let kind = varint(types, &mut at)?;
        let len = size_of(kind)?;
        let end = from.saturating_add(len).min(body.len());
        let bytes = &body[from.min(end)..end];
        from = end;
        let number = || {
            let negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
            let start = if negative { -1_i64 } else { 0 };
            bytes.iter().fold(start, |number, &byte| number << 8 | i64::from(byte))
        };
        found.push(match kind {
            1..=6 if bytes.len() == len => Value::Integer(number()),
            7 if bytes.len() == len => Value::Real(f64::from_bits(number().cast_unsigned())),
            8 | 9 => Value::Integer(i64::from(kind == 9)),
            12.. if kind % 2 == 0 => Value::Blob(bytes),
            12.. => Value::Text(bytes),
            _ => Value::Null,
        });
    }
    Some(found)
}

/// Bytes of a value of a type; `None` for a type that is none.
pub(crate) fn size_of(kind: u64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => usize::try_from((kind - 12) / 2).ok(),
    }
}

/// The number at `at`, which moves behind it.
pub(crate) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0_u64;
    for nth in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if nth == 8 {
            return Some(number << 8 | u64::from(byte));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

/// The number of two bytes at `at`; 0 where there is none.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
}

/// The number of four bytes at `at`; 0 where there is none.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}
