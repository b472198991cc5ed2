//! Zip archives, and what is one under another name: jar, wheel, apk, docx.

use std::io::{self, Read, Seek, SeekFrom};

use bstr::{BStr, ByteSlice as _};
use zip::ZipArchive;
use zip::result::ZipError;

use super::{Opener, inside};
use crate::finding::SkipReason;

/// Largest directory of an archive in bytes; it is held in memory several times as large.
const MOST_DIRECTORY: u64 = 16 << 20;
/// Bytes that one byte of a zip archive unpacks to, at most: by deflate, with which nearly all are made.
const DENSEST: u64 = 1032;
/// The record at the end of an archive without its comment.
const END: usize = 22;

impl Opener<'_, '_> {
    /// Reads the members of the zip archive at `at`; `depth` archives are open, this one included.
    pub(super) fn zip(&mut self, at: &BStr, reader: &mut (impl Read + Seek), depth: usize) {
        let mut archive = match open(reader) {
            Ok(archive) => archive,
            Err(Closed::TooLarge) => return self.skip(SkipReason::TooLarge, at),
            Err(Closed::Damaged(why)) => return self.lost(at, &why),
        };
        for nth in 0..archive.len() {
            if self.stopped {
                return;
            }
            let name = archive.name_for_index(nth).and_then(Result::ok).unwrap_or_default();
            let place = inside(at, name.as_bytes());
            match archive.by_index(nth) {
                Ok(member) if member.is_dir() => {}
                Ok(member) if member.is_symlink() => {
                    self.skip(SkipReason::Symlink, place.as_bstr());
                }
                Ok(mut member) => {
                    // One that says to be larger than its bytes can make it is read, as far as that goes.
                    let possible = member.compressed_size().saturating_mul(DENSEST);
                    self.stated = Some(member.size()).filter(|size| *size <= possible);
                    self.content(place, None, &mut member, depth);
                }
                Err(ZipError::UnsupportedArchive(why)) => {
                    let locked = why == ZipError::PASSWORD_REQUIRED;
                    let reason = if locked { SkipReason::Encrypted } else { SkipReason::Unread };
                    self.skip(reason, place.as_bstr());
                }
                Err(error) => self.lost(place.as_bstr(), &error.to_string()),
            }
        }
    }
}

/// Why an archive is not opened.
#[derive(Debug)]
pub(in crate::source) enum Closed {
    /// Its directory would take too much memory.
    TooLarge,
    /// It has no directory that can be read.
    Damaged(String),
}

/// Opens the zip archive in `reader`.
///
/// # Errors
/// It has no directory that can be read, or one above [`MOST_DIRECTORY`].
pub(in crate::source) fn open<R: Read + Seek>(mut reader: R) -> Result<ZipArchive<R>, Closed> {
    match directory(&mut reader) {
        Ok(Some(size)) if size <= MOST_DIRECTORY => {}
        Ok(Some(_)) => return Err(Closed::TooLarge),
        Ok(None) => return Err(Closed::Damaged("it has no directory at its end".to_owned())),
        Err(error) => return Err(Closed::Damaged(error.to_string())),
    }
    ZipArchive::new(reader).map_err(|error| Closed::Damaged(error.to_string()))
}

/// Bytes of the directory by the record at the end; `None` where there is no such record. The archives
/// of 64 bits write the largest number there.
fn directory(reader: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let len = reader.seek(SeekFrom::End(0))?;
    let tail = len.min(END as u64 + u64::from(u16::MAX));
    reader.seek(SeekFrom::Start(len - tail))?;
    let mut bytes = Vec::new();
    reader.by_ref().take(tail).read_to_end(&mut bytes)?;
    reader.seek(SeekFrom::Start(0))?;
    let record = bytes.rfind(b"PK\x05\x06").and_then(|at| bytes.get(at..at + END));
    let size = |record: &[u8]| Some(u32::from_le_bytes(record.get(12..16)?.try_into().ok()?));
    Ok(record.and_then(size).map(u64::from))
}
