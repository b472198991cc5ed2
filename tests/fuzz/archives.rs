//! Archives of each kind, and one in the other.

use std::io::{Cursor, Write as _};

use bstr::ByteSlice as _;
use keylint::finding::Stats;
use keylint::progress::Progress;
use keylint::source::archive::{Job, NAMED_DEPTH, visit};
use keylint::source::{Ledger, Limits};

use super::targets::hash;
use super::{Seen, drive};
use crate::archives::{bzipped, gzipped, line, tarred, xzed, zipped, zstd};
use crate::sevens::sevened;
use crate::{databases, pdfs};

/// What no member may be above; small, so that the limit is met.
const MOST: u64 = 256 << 10;

#[test]
fn archives() {
    let text = line();
    let text = text.as_bytes();
    let tar = tarred(&[("etc/a.env", text), ("b.txt", b"")]);
    let zip = zipped(&[("src/a.py", text), ("b/", b"")]);
    let zstd = [zstd(&tar[..700]), zstd(&tar[700..])].concat();
    let runs = "<w:p><w:r><w:t>sk-</w:t></w:r><w:r><w:t>o&#114;&amp;</w:t></w:r></w:p>";
    let mut word = Vec::new();
    let mut zip_writer = zip::ZipWriter::new(Cursor::new(&mut word));
    // Not packed, so that its text is what changes.
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip_writer.start_file("word/document.xml", stored).unwrap();
    zip_writer.write_all(runs.as_bytes()).unwrap();
    zip_writer.finish().unwrap();
    let both = tarred(&[("a.zip", &zip), ("b.gz", &gzipped(text)), ("c.xz", &xzed(text))]);
    let list = br#"[{"Layers":["1","2"]}]"#;
    let gone = tarred(&[("etc/.wh.a.env", b"")]);
    let image = tarred(&[("1", &tar), ("2", &gone), ("manifest.json", list)]);
    let draws = format!("BT /F1 9 Tf ({text}) Tj [(a) -9 (b)] TJ ET", text = text.to_str_lossy());
    let rows = databases::small();
    let log = databases::log(&[(2, 2, &rows[1024..]), (2, 0, &rows[1024..])]);
    let journal = databases::journal(&[&[(2, &rows[1024..])], &[(2, &rows[1024..])]]);
    let mut documents = vec![rows, log, journal, pdfs::page(&draws), pdfs::packed_by_lzw(&draws)];
    documents.extend(["r3.pdf", "r4.pdf", "r6.pdf"].map(pdfs::encrypted));
    let seven = sevened(&[("a.py", text), ("b.zip", &zip)]);
    let streams = [seven, gzipped(&tar), xzed(&tar), bzipped(&tar), zstd, bzipped(&both)];
    let seeds =
        [tar, zipped(&[("in.zip", &zip), ("c.bz2", &bzipped(text))]), zip, both, word, image];
    drive("archives", seeds.into_iter().chain(streams).chain(documents).collect(), 800, members);
}

/// Reads all members and holds what must be true of any bytes.
fn members(bytes: &[u8]) -> Seen {
    let (ledger, progress) = (Ledger::default(), Progress::default());
    let limits = Limits { max_size: MOST, binary: false };
    let job = Job {
        depth: NAMED_DEPTH,
        limits,
        ledger: &ledger,
        shown: b"x",
        path: None,
        layout: None,
        progress: &progress,
    };
    let mut seen = 0;
    visit(&job, &mut Cursor::new(bytes), bytes.len() as u64, &mut |at, member| {
        assert!(at.is_empty() || at.starts_with_str("!/"), "{at}");
        assert!(member.len() as u64 <= MOST);
        seen += 1;
    });
    let (mut stats, mut problems, mut notices) = (Stats::default(), Vec::new(), Vec::new());
    ledger.drain(&mut stats, &mut problems, &mut notices);
    let kinds: Vec<String> = problems.iter().map(|p| super::targets::kind(&p.message)).collect();
    hash((seen, kinds, stats.skipped.keys().map(|r| format!("{r:?}")).collect::<Vec<_>>()))
}
