//! Texts in memory.

use std::fs;
use std::path::Path;

use keylint::Progress;
use keylint::blob::ObjectId;
use keylint::source::git::{History, HistoryBlob};
use keylint::source::{Ledger, Limits};
use keylint::text::is_binary;

/// Of so many blobs one is taken, by its id.
const EVERY: u8 = 64;

/// Texts, and what they are called.
pub struct Corpus {
    pub name: String,
    pub texts: Vec<Vec<u8>>,
}

impl Corpus {
    fn new(path: &Path, what: &str, texts: impl Iterator<Item = Vec<u8>>, most: usize) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut size = 0;
        let fits = |text: &Vec<u8>| {
            size += text.len();
            size <= most
        };
        Self { name: format!("{name}, {what}"), texts: texts.take_while(fits).collect() }
    }

    pub fn size(&self) -> usize {
        self.texts.iter().map(Vec::len).sum()
    }
}

/// The files of a folder that are text, by name.
pub fn tree(path: &Path, most: usize) -> anyhow::Result<Corpus> {
    let walk = ignore::WalkBuilder::new(path).sort_by_file_name(Ord::cmp).build();
    let files = walk.filter_map(Result::ok).filter(|entry| entry.path().is_file());
    let texts = files.filter_map(|entry| fs::read(entry.path()).ok());
    Ok(Corpus::new(path, "tree", texts.filter(|text| !is_binary(text)), most))
}

/// Blobs of a history that are text, by id.
pub fn history(path: &Path, most: usize) -> anyhow::Result<Corpus> {
    let (ledger, progress) = (Ledger::default(), Progress::default());
    let history = History::open(path, None, (&ledger, &progress))?;
    let limits = Limits { max_size: 1 << 20, binary: false };
    let visit = |found: &mut Vec<(ObjectId, Vec<u8>)>, blob: &HistoryBlob<'_, ()>| {
        let id = ObjectId::of_blob(blob.bytes);
        if id.raw()[0] < u8::MAX / EVERY + 1 {
            found.push((id, blob.bytes.to_vec()));
        }
        None
    };
    let found = history.blobs(limits, (&ledger, &progress), &Vec::new, &visit);
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    // By the end of the id: its start is what they were chosen by.
    found.sort_by_key(|(id, _)| id.raw().iter().rev().copied().collect::<Vec<u8>>());
    Ok(Corpus::new(path, "history", found.into_iter().map(|(_, text)| text), most))
}
