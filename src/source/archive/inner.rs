//! What has to be read whole: archives with a directory at their end in other archives, databases and
//! documents.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice as _};
use zeroize::Zeroizing;

use super::sqlite::{Database, Met, Row, Value, lines, name};
use super::{Kind, Opener, inside, kind, pdf};
use crate::disk;
use crate::finding::SkipReason;
use crate::text;

/// Largest value of a database that is scanned though it is binary: objects that programs keep there are
/// small, pictures are not.
const MOST_BINARY: usize = 1 << 20;
/// Ends the name of a write-ahead log, or of a rollback journal; before that stands the name of its database.
const LOGS: [&str; 2] = ["-wal", "-journal"];

impl Opener<'_, '_> {
    /// Reads what stands at `at` to its end, and then its members; `depth` archives are open, this one
    /// included.
    pub(super) fn whole(&mut self, kind: Kind, at: &BStr, reader: &mut dyn Read, depth: usize) {
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = self.job.limits.max_size;
        let fault = match reader.take(limit.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(read) if read as u64 > limit => return self.skip(SkipReason::TooLarge, at),
            read => read.err(),
        };
        let mut cursor = Cursor::new(&**bytes);
        match kind {
            // Its directory stands at its end.
            Kind::Zip | Kind::Seven if fault.is_some() => {}
            Kind::Seven => self.seven(at, &mut cursor, depth),
            Kind::Database => self.sqlite(at, &mut cursor, depth),
            Kind::Log => self.log(at, &bytes, depth),
            Kind::Document => self.pdf(at, &bytes, depth),
            _ => self.zip(at, &mut cursor, depth),
        }
        if let Some(error) = fault {
            self.lost(at, &error.to_string());
        }
    }

    /// Reads the rows of the database at `at`.
    pub(super) fn sqlite(&mut self, at: &BStr, file: &mut (impl Read + Seek), depth: usize) {
        match Database::open(file, self.job.limits.max_size) {
            Ok(database) => self.rows(at, database, depth),
            Err(why) => self.lost(at, &why),
        }
    }

    /// Reads the rows of the write-ahead log or rollback journal at `at`, with the help of the database beside it.
    fn log(&mut self, at: &BStr, log: &[u8], depth: usize) {
        let most = self.job.limits.max_size;
        let beside = self.job.path.filter(|_| at.is_empty()).and_then(database_of);
        let opened = match beside {
            Some(file) => Database::open_log(BufReader::new(file), log, most)
                .map(|database| self.rows(at, database, depth)),
            None => Database::open_log(Cursor::new(&[]), log, most)
                .map(|database| self.rows(at, database, depth)),
        };
        if let Err(why) = opened {
            self.lost(at, &why);
        }
    }

    fn rows(&mut self, at: &BStr, mut database: Database<'_, impl Read + Seek>, depth: usize) {
        let mut bytes = 0;
        let ended = database.visit(&mut |met| {
            match met {
                Met::Row(row) => bytes += self.row(at, &row, depth),
                Met::TooLarge(place) => {
                    self.skip(SkipReason::TooLarge, inside(at, place.as_bytes()).as_bstr());
                }
            }
            !self.stopped && !self.job.progress.interrupted()
        });
        self.job.progress.add(bytes);
        if let Err(why) = ended {
            self.lost(at, &why);
        }
    }

    /// Hands on one row, and the archives in it; gives the bytes of its text.
    fn row(&mut self, at: &BStr, row: &Row<'_>, depth: usize) -> u64 {
        let place = inside(at, row.place.as_bytes());
        let packed =
            |value: &Value<'_>| matches!(value, Value::Blob(bytes) if kind(bytes).is_some());
        let binary = self.job.limits.binary;
        let picture = |value: &Value<'_>| {
            let large =
                |bytes: &[u8]| bytes.len() > MOST_BINARY && !binary && text::is_binary(bytes);
            matches!(value, Value::Blob(bytes) if large(bytes))
        };
        let text = lines(row, &|value| packed(value) || picture(value));
        let len = text.len() as u64;
        if !self.spend(at, len) {
            return 0;
        }
        (self.each)(place.as_bstr(), &text);
        for (nth, value) in row.values.iter().enumerate() {
            let Value::Blob(bytes) = value else { continue };
            let column = || BString::from(format!("{place}/{name}", name = name(row, nth)));
            if packed(value) {
                self.content(column(), None, &mut &bytes[..], depth);
            } else if picture(value) {
                self.skip(SkipReason::Binary, column().as_bstr());
            }
        }
        len
    }

    /// Reads the pages of the PDF file `bytes` at `at`, and the files in it.
    fn pdf(&mut self, at: &BStr, bytes: &[u8], depth: usize) {
        let (left, most) = (self.left, self.job.limits.max_size);
        let mut read = 0;
        let ended = pdf::visit(bytes, most, left, &mut |met| {
            let place = |place: String| inside(at, place.as_bytes());
            match met {
                pdf::Met::Text(name, text) => {
                    read += text.len() as u64;
                    if self.spend(at, text.len() as u64) {
                        (self.each)(place(name).as_bstr(), text);
                    }
                }
                pdf::Met::Inner(name, mut bytes) => {
                    self.content(place(name), None, &mut bytes, depth);
                }
                pdf::Met::Encrypted => self.skip(SkipReason::Encrypted, at),
                pdf::Met::Unread(name) => self.skip(SkipReason::Unread, place(name).as_bstr()),
                pdf::Met::TooLarge(_) if left.get() == 0 => self.lost(at, ""),
                pdf::Met::TooLarge(name) => self.skip(SkipReason::TooLarge, place(name).as_bstr()),
            }
            !self.stopped && !self.job.progress.interrupted()
        });
        self.job.progress.add(read);
        if let Err(why) = ended {
            self.lost(at, &why);
        } else if left.get() == 0 {
            self.lost(at, "");
        }
    }

    /// Takes `bytes` from what the file at `at` may still unpack to; false where that is too little.
    fn spend(&mut self, at: &BStr, bytes: u64) -> bool {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or(0));
        if left.is_none() {
            self.lost(at, "");
        }
        left.is_some()
    }
}

/// The database beside the write-ahead log or rollback journal at `path`, where there is one.
fn database_of(path: &Path) -> Option<File> {
    let name = path.file_name()?.to_str()?;
    let name = LOGS.iter().find_map(|end| name.strip_suffix(end))?;
    let beside: PathBuf = path.with_file_name(name);
    let file = disk::open(&beside).ok()?;
    file.metadata().is_ok_and(|found| found.is_file()).then_some(file)
}
