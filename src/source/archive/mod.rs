//! Members of archives and compressed files, also of archives in archives: zip (and so jar, wheel, apk,
//! docx), 7z, tar (and so images as `docker save` and OCI layouts write them), gzip, zstd, xz and bzip2;
//! rows of SQLite databases and pages of PDF files.
//!
//! Members are read one after the other and never written anywhere, so their names are only text. What
//! they unpack to is bounded by the size of the file, and everything left out goes to the ledger.

mod inner;
pub(in crate::source) mod layers;
pub(in crate::source) mod layout;
mod office;
mod pdf;
mod seven;
mod sqlite;
mod tar;
pub(in crate::source) mod zip;
mod zstd;

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use bstr::{BStr, BString, ByteSlice as _};
use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use zeroize::Zeroizing;

use self::layers::Images;
use self::layout::Layout;
use crate::blob;
use crate::finding::SkipReason;
use crate::progress::Progress;
use crate::source::{Ledger, Limits};
use crate::text;

/// How many archives, one in the other, are opened of a file that is named.
pub const NAMED_DEPTH: usize = 4;
/// Bytes that any file may unpack to.
const LEAST_ROOM: u64 = 64 << 20;
/// Bytes that a file may unpack to for each byte of its own; source text shrinks to a tenth at most.
const RATIO: u64 = 200;
/// Bytes that no file may unpack to.
const MOST_ROOM: u64 = 16 << 30;
/// Members that are looked at in one file.
const MOST_MEMBERS: usize = 1_000_000;
/// Memory for one xz stream, or one block of a 7z archive, in KiB: what `xz -9` needs, and some more.
const XZ_MEMORY: u32 = 80 << 10;
/// Bytes by which a member is told apart from an archive and from a binary.
const HEAD: u64 = 64 << 10;

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A zip archive.
    Zip,
    /// A 7z archive.
    Seven,
    /// A tar archive.
    Tar,
    /// A stream packed by gzip.
    Gzip,
    /// A stream packed by zstd.
    Zstd,
    /// A stream packed by xz.
    Xz,
    /// A stream packed by bzip2.
    Bzip2,
    /// A SQLite database.
    Database,
    /// The write-ahead log of one, or its rollback journal.
    Log,
    /// A PDF file.
    Document,
    /// An archive that is not read.
    Other,
}

/// The kind of archive that begins with `head`, of which 512 bytes are enough.
pub fn kind(head: &[u8]) -> Option<Kind> {
    const MAGIC: [(&[u8], Kind); 13] = [
        (b"PK\x03\x04", Kind::Zip),
        (b"PK\x05\x06", Kind::Zip),
        (b"\x1f\x8b\x08", Kind::Gzip),
        (b"\x28\xb5\x2f\xfd", Kind::Zstd),
        (b"\xfd7zXZ\0", Kind::Xz),
        (b"BZh", Kind::Bzip2),
        (sqlite::MAGIC, Kind::Database),
        (b"\x37\x7f\x06\x82", Kind::Log),
        (b"\x37\x7f\x06\x83", Kind::Log),
        (sqlite::JOURNAL_MAGIC, Kind::Log),
        (pdf::MAGIC, Kind::Document),
        (b"7z\xbc\xaf\x27\x1c", Kind::Seven),
        (b"Rar!\x1a\x07", Kind::Other),
    ];
    if head.get(257..262) == Some(b"ustar") {
        return Some(Kind::Tar);
    }
    // A frame without content may stand before those with it.
    if matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
        return Some(Kind::Zstd);
    }
    let found = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    // A text may begin with the three letters of bzip2, too.
    let bzip2 = head.starts_with(b"BZh") && head.get(4..10) != Some(b"\x31\x41\x59\x26\x53\x59");
    found.filter(|_| !bzip2)
}

/// What all members of a file share.
pub struct Job<'j> {
    /// How many archives, one in the other, are opened.
    pub depth: usize,
    /// Limits on what is read.
    pub limits: Limits,
    /// Takes what is left out; places begin with this name.
    pub ledger: &'j Ledger,
    /// The name of the file.
    pub shown: &'j [u8],
    /// The file on disk, if it is one.
    pub path: Option<&'j Path>,
    /// Where the file is a blob of an OCI layout: which one.
    pub layout: Option<&'j Layout>,
    /// Counts members, and stops the reading.
    pub progress: &'j Progress,
}

/// Called with where a member stands in its file, such as `!/src/app.py`, and its content.
pub type OnMember<'m> = dyn FnMut(&BStr, &[u8]) + 'm;

/// Reads the members of `file`, an archive of `len` bytes, and hands those with text to `each`.
pub fn visit(job: &Job<'_>, file: &mut (impl Read + Seek), len: u64, each: &mut OnMember<'_>) {
    let room = len.saturating_mul(RATIO).saturating_add(LEAST_ROOM).min(MOST_ROOM);
    let left = Cell::new(room);
    let images = Images::default();
    let mut opener =
        Opener { job, left: &left, members: 0, stated: None, stopped: false, images, each };
    let mut head = Vec::new();
    // What cannot be read is told below.
    let _ = file.by_ref().take(16).read_to_end(&mut head);
    if let Err(error) = file.seek(SeekFrom::Start(0)) {
        return opener.lost(BStr::new(""), &error.to_string());
    }
    match kind(&head) {
        Some(Kind::Zip) => opener.zip(BStr::new(""), file, 1),
        Some(Kind::Seven) => opener.seven(BStr::new(""), file, 1),
        Some(Kind::Database) => opener.sqlite(BStr::new(""), file, 1),
        _ => opener.content(BString::default(), None, file, 0),
    }
    let images = opener.images;
    if let Some(layout) = job.layout {
        job.ledger.layout(&layout.folder, |all| all.absorb(&layout.name, images));
    } else if !images.is_empty() {
        job.ledger.images(job.shown, images);
    }
}

/// Reads members of one file.
struct Opener<'o, 'j> {
    job: &'o Job<'j>,
    /// Bytes that may still be unpacked.
    left: &'o Cell<u64>,
    members: usize,
    /// The size of the member that is opened next, where its archive says it.
    stated: Option<u64>,
    /// True once a limit of the whole file is reached.
    stopped: bool,
    /// What is known of images, which are told of at the end.
    images: Images,
    each: &'o mut OnMember<'o>,
}

/// Takes what is read from what is left.
struct Meter<'m, R> {
    inner: R,
    left: &'m Cell<u64>,
}

impl<R: Read> Read for Meter<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => {
                self.left.set(0);
                return Err(io::Error::other("it unpacks to too much"));
            }
        }
        Ok(read)
    }
}

/// In place of a reader that failed: fails again.
struct Fault(String);

impl Read for Fault {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(self.0.clone()))
    }
}

impl Opener<'_, '_> {
    /// Reads what stands at `at`: an archive, or a file to be scanned. `stem` is its name where `at` is
    /// that of the compressed file it comes from. `depth` archives are open already.
    fn content(
        &mut self,
        mut at: BString,
        stem: Option<BString>,
        reader: &mut dyn Read,
        depth: usize,
    ) {
        let stated = self.stated.take();
        if self.is_over() {
            return;
        }
        let mut metered = Meter { inner: reader, left: self.left };
        let mut head = Zeroizing::new(Vec::new());
        // What comes before the fault is still looked at.
        let fault = metered.by_ref().take(HEAD).read_to_end(&mut head).err();
        let mut fault = fault.map(|error| Fault(error.to_string()));
        let reader: &mut dyn Read = match &mut fault {
            Some(fault) => fault,
            None => &mut metered,
        };
        let kind = kind(&head);
        if kind == Some(Kind::Tar) && stem.is_some() {
            // `x.tar.gz` is one archive to whoever made it.
            return self.tar(at.as_bstr(), &mut Cursor::new(&*head).chain(reader), depth);
        }
        if let Some(stem) = stem {
            at = inside(at.as_bstr(), &stem);
        }
        let Some(kind) = kind else { return self.plain(at.as_bstr(), (head, stated), reader) };
        if depth >= self.job.depth {
            return self.skip(SkipReason::Nested, at.as_bstr());
        }
        let mut whole = Cursor::new(&*head).chain(reader);
        let name = stem_of(self.job.shown, &at);
        match kind {
            Kind::Tar => self.tar(at.as_bstr(), &mut whole, depth + 1),
            Kind::Gzip => {
                self.content(at, Some(name), &mut MultiGzDecoder::new(whole), depth + 1);
            }
            Kind::Zstd => {
                self.content(at, Some(name), &mut zstd::Frames::new(whole), depth + 1);
            }
            Kind::Xz => {
                let mut decoder = XzReader::new_mem_limit(whole, true, XZ_MEMORY);
                self.content(at, Some(name), &mut decoder, depth + 1);
            }
            Kind::Bzip2 => {
                self.content(at, Some(name), &mut MultiBzDecoder::new(whole), depth + 1);
            }
            Kind::Zip | Kind::Seven | Kind::Database | Kind::Log | Kind::Document => {
                self.whole(kind, at.as_bstr(), &mut whole, depth + 1);
            }
            Kind::Other => self.skip(SkipReason::Unread, at.as_bstr()),
        }
    }

    /// A file to be scanned, of which `bytes` are read and the size may be `stated`.
    fn plain(
        &mut self,
        at: &BStr,
        (mut bytes, stated): (Zeroizing<Vec<u8>>, Option<u64>),
        reader: &mut dyn Read,
    ) {
        let limits = self.job.limits;
        if !limits.binary && text::is_binary(&bytes) {
            return self.skip(SkipReason::Binary, at);
        }
        // Not unpacked to find that out: it would take the room of all others.
        if stated.is_some_and(|size| size > limits.max_size) {
            return self.skip(SkipReason::TooLarge, at);
        }
        let left = limits.max_size.saturating_add(1).saturating_sub(bytes.len() as u64);
        match reader.take(left).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > limits.max_size => self.skip(SkipReason::TooLarge, at),
            read => {
                self.job.progress.add(bytes.len() as u64);
                self.images.manifest(at, &bytes);
                let joined = office::joined(at, &bytes);
                (self.each)(at, joined.as_ref().unwrap_or(&bytes));
                if let Err(error) = read {
                    self.lost(at, &error.to_string());
                }
            }
        }
    }

    /// Counts a member; true when there have been too many, or no more are wanted.
    fn is_over(&mut self) -> bool {
        self.members += 1;
        if self.members > MOST_MEMBERS && !self.stopped {
            self.stop(&format!("it has more than {MOST_MEMBERS} members"));
        }
        self.stopped || self.job.progress.interrupted()
    }

    fn place(&self, at: &BStr) -> String {
        blob::name(&[self.job.shown, at.as_bytes()].concat())
    }

    fn skip(&self, reason: SkipReason, at: &BStr) {
        self.job.ledger.skip(reason, self.place(at));
    }

    /// Lists what cannot be unpacked, or the whole file where it is made to unpack to too much.
    fn lost(&mut self, at: &BStr, why: &str) {
        if self.stopped {
            return;
        }
        if self.left.get() == 0 {
            return self.stop("it unpacks to too much for its size");
        }
        let text = format!("cannot be unpacked: {why}; what is left of it was not scanned");
        self.job.ledger.problem(self.place(at), text);
    }

    fn stop(&mut self, why: &str) {
        self.stopped = true;
        let file = self.place(BStr::new(""));
        self.job.ledger.notice(format!("{file}: {why}; the rest of it was not scanned"));
        self.job.ledger.skip(SkipReason::TooLarge, file);
    }
}

/// Where the member `name` of the archive at `at` stands.
pub(in crate::source) fn inside(at: &BStr, name: &[u8]) -> BString {
    // A name that begins with slashes is no other than one without.
    let name = name.trim_start_with(|c| c == '/');
    BString::from([at.as_bytes(), b"!/", name].concat())
}

/// The name of what is in the compressed file at `at` of the file `shown`.
fn stem_of(shown: &[u8], at: &BString) -> BString {
    stem(if at.is_empty() { shown } else { at })
}

/// The last part of `path` without the ending of a compressed file.
fn stem(path: &[u8]) -> BString {
    let name = path.rsplit(|&b| b == b'/' || b == b'\\').next().unwrap_or(path);
    let ends: [(&[u8], &[u8]); 8] = [
        (b".tgz", b".tar"),
        (b".tzst", b".tar"),
        (b".txz", b".tar"),
        (b".tbz2", b".tar"),
        (b".gz", b""),
        (b".zst", b""),
        (b".xz", b""),
        (b".bz2", b""),
    ];
    let cut = ends.iter().find_map(|(end, new)| Some([name.strip_suffix(*end)?, *new].concat()));
    BString::from(cut.unwrap_or_else(|| name.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        assert_eq!(kind(b"PK\x03\x04rest"), Some(Kind::Zip));
        assert_eq!(kind(b"\x1f\x8b\x08\0"), Some(Kind::Gzip));
        assert_eq!(kind(b"BZh91AY&SY"), Some(Kind::Bzip2));
        for text in [&b"BZhello world"[..], b"PK", b"", b"Rar!", b"# comment"] {
            assert_eq!(kind(text), None);
        }
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(kind(&tar), Some(Kind::Tar));
        assert_eq!(kind(&tar[..261]), None);
    }

    #[test]
    fn names_of_what_is_compressed() {
        assert_eq!(stem(b"a/dump.sql.gz"), "dump.sql");
        assert_eq!(stem(b"a\\x.tgz"), "x.tar");
        assert_eq!(stem(b"plain"), "plain");
        assert_eq!(inside(BStr::new("!/a.zip"), b"//etc/x"), "!/a.zip!/etc/x");
    }
}
