//! 7z archives: blocks of members that are packed together, and a directory at the end.

use std::io::{self, Read, Seek, SeekFrom};

use bstr::{BStr, ByteSlice as _};
use sevenz_rust2::{Archive, ArchiveEntry, Block, BlockDecoder, EncoderMethod, Error, Password};

use super::{Meter, Opener, XZ_MEMORY, inside};
use crate::finding::SkipReason;

/// Largest directory of an archive in bytes, unpacked; it may be held a hundred times as large.
const MOST_DIRECTORY: u64 = 4 << 20;
/// Bytes in front of all else, and in them where and how large the directory is.
const HEAD: usize = 32;
/// Attributes that are those of Unix have this bit, and the kind of file in their upper half.
const UNIX: u32 = 0x8000;

impl Opener<'_, '_> {
    /// Reads the members of the 7z archive at `at`; `depth` archives are open, this one included.
    pub(super) fn seven(&mut self, at: &BStr, reader: &mut (impl Read + Seek), depth: usize) {
        let none = Password::empty();
        let memory = match directory(reader) {
            Ok(Some(size)) if size <= MOST_DIRECTORY => XZ_MEMORY as usize,
            Ok(Some(_)) => return self.skip(SkipReason::TooLarge, at),
            Ok(None) => MOST_DIRECTORY as usize >> 10,
            Err(error) => return self.lost(at, &error.to_string()),
        };
        let archive = match Archive::read_with_memory_limit(reader, &none, memory) {
            Ok(archive) => archive,
            Err(error) => return self.closed(at, &error),
        };
        for (nth, block) in archive.blocks.iter().enumerate() {
            if self.stopped || self.job.progress.interrupted() {
                return;
            }
            let decoder = BlockDecoder::new_with_memory_limit(
                1,
                XZ_MEMORY as usize,
                nth,
                &archive,
                &none,
                reader,
            );
            let entries = decoder.entries().iter().filter(|entry| entry.has_stream());
            if is_locked(block) {
                entries
                    .for_each(|entry| self.skip(SkipReason::Encrypted, place(at, entry).as_bstr()));
                continue;
            }
            let names: Vec<_> = entries.map(|entry| place(at, entry)).collect();
            let read = decoder.for_each_entries(&mut |entry, member| {
                Ok(!entry.has_stream() || self.member(at, (entry, member), depth))
            });
            match read {
                Err(Error::UnsupportedCompressionMethod(_)) => {
                    names.iter().for_each(|name| self.skip(SkipReason::Unread, name.as_bstr()));
                }
                Err(error) if !self.stopped => self.closed(at, &error),
                _ => {}
            }
        }
    }

    /// Reads one member; false where no more are wanted.
    fn member(
        &mut self,
        at: &BStr,
        (entry, mut member): (&ArchiveEntry, &mut dyn Read),
        depth: usize,
    ) -> bool {
        let place = place(at, entry);
        let attributes = entry.windows_attributes();
        if attributes & UNIX != 0 && (attributes >> 16) & 0o170_000 == 0o120_000 {
            self.skip(SkipReason::Symlink, place.as_bstr());
        } else {
            self.content(place, None, &mut member, depth);
        }
        // The next one begins behind all of this one, which costs as much as to scan it.
        let mut rest = Meter { inner: member, left: self.left };
        let read = io::copy(&mut rest, &mut io::sink());
        if read.is_err() && self.left.get() == 0 {
            self.lost(at, "");
        }
        !self.stopped && !self.job.progress.interrupted()
    }

    /// Lists an archive, or one of its blocks, that cannot be read.
    fn closed(&mut self, at: &BStr, error: &Error) {
        match error {
            Error::UnsupportedCompressionMethod(name) if name.starts_with("AES") => {
                self.skip(SkipReason::Encrypted, at);
            }
            Error::UnsupportedCompressionMethod(_) => self.skip(SkipReason::Unread, at),
            Error::MaxMemLimited { .. } => {
                self.lost(at, &format!("some of it takes more than {XZ_MEMORY} KiB of memory"));
            }
            Error::Io(error, _) => self.lost(at, &error.to_string()),
            Error::Other(why) | Error::Unsupported(why) => self.lost(at, why),
            error => self.lost(at, &format!("{error:?}")),
        }
    }
}

/// Where a member of the archive at `at` stands.
fn place(at: &BStr, entry: &ArchiveEntry) -> bstr::BString {
    inside(at, entry.name().as_bytes())
}

/// True where a password is needed.
fn is_locked(block: &Block) -> bool {
    block.coders.iter().any(|it| it.encoder_method_id() == EncoderMethod::ID_AES256_SHA256)
}

/// Bytes of the directory, unpacked, as the archive says; `None` where that makes no sense.
fn directory(reader: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let (mut head, mut start) = (Vec::new(), Vec::new());
    reader.seek(SeekFrom::Start(0))?;
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let number = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
    // Without a sum the directory is somewhere else.
    let known = head.get(8..12).is_some_and(|sum| sum != [0; 4]);
    let (Some(offset), Some(size), true) = (number(12), number(20), known) else { return Ok(None) };
    if size > MOST_DIRECTORY {
        return Ok(Some(size));
    }
    reader.seek(SeekFrom::Start(offset.saturating_add(HEAD as u64)))?;
    reader.by_ref().take(size).read_to_end(&mut start)?;
    Ok(match start.first() {
        Some(1) => Some(size),
        _ => Words { bytes: &start, at: 0 }.unpacked(),
    })
}

/// What stands in front of a directory that is packed.
struct Words<'w> {
    bytes: &'w [u8],
    at: usize,
}

impl Words<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.at += 1;
        self.bytes.get(self.at - 1).copied()
    }

    /// True where the next byte is this one.
    fn is(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then_some(())
    }

    /// A number: the leading ones of its first byte say how many more there are.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let high = if more < 7 { u64::from(first) & (0x7f >> more) } else { 0 };
        let mut number = 0;
        for nth in 0..more {
            number |= u64::from(self.byte()?) << (8 * nth);
        }
        Some(number | high.checked_shl(8 * more).unwrap_or(0))
    }

    fn skip(&mut self, bytes: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(bytes).ok()?)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    /// Bytes that the most of its coders give.
    fn unpacked(&mut self) -> Option<u64> {
        self.is(0x17)?;
        self.is(6)?;
        self.number()?;
        let packed = self.number()?;
        while let kind @ (9 | 10) = self.byte()? {
            match kind {
                9 => (0..packed).try_for_each(|_| self.number().map(|_| ()))?,
                // Sums of all of them.
                _ => {
                    self.is(1)?;
                    self.skip(packed.checked_mul(4)?)?;
                }
            }
        }
        self.is(7)?;
        self.is(11)?;
        self.is(1)?;
        self.is(0)?;
        let (mut inputs, mut outputs) = (0_u64, 0_u64);
        for _ in 0..self.number()? {
            let flags = self.byte()?;
            self.skip(u64::from(flags & 0xf))?;
            let many = flags & 0x10 != 0;
            inputs = inputs.checked_add(if many { self.number()? } else { 1 })?;
            outputs = outputs.checked_add(if many { self.number()? } else { 1 })?;
            if flags & 0x20 != 0 {
                let size = self.number()?;
                self.skip(size)?;
            }
        }
        let bound = outputs.checked_sub(1)?;
        let free = inputs.checked_sub(bound)?;
        let more = if free > 1 { free } else { 0 };
        (0..bound.checked_mul(2)?.checked_add(more)?)
            .try_for_each(|_| self.number().map(|_| ()))?;
        self.is(12)?;
        let mut most = None;
        for _ in 0..outputs {
            most = most.max(Some(self.number()?));
        }
        most
    }
}
