//! 7z archives: members that are packed together, passwords, damage and what is made to do harm. Those with a
//! password, and one of a kind that is not read, were made by 7-Zip (tests/data/made).

use std::fs;
use std::io::Cursor;
use std::path::Path;

use sevenz_rust2::encoder_options::PpmdOptions;
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration, SourceReader};

use crate::archives::{bounded, gzipped, line, skipped, zipped};
use crate::common::{Place, json, parsed, places, run, stderr};

/// A 7z archive whose members are packed together.
pub(crate) fn sevened(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    let entries = members.iter().map(|(name, _)| ArchiveEntry::new_file(name)).collect();
    let readers = members.iter().map(|(_, bytes)| SourceReader::new(*bytes)).collect();
    writer.push_archive_entries(entries, readers).unwrap();
    writer.finish().unwrap().into_inner()
}

fn made(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/made").join(name)).unwrap()
}

#[test]
fn members_are_read_in_order_also_in_other_archives() {
    let place = Place::new();
    let text = format!("\n{}", line());
    let inner = sevened(&[("deep.py", text.as_bytes())]);
    let members = [
        ("logo.png", &b"\x89PNG\0"[..]),
        ("i/i.txt", text.as_bytes()),
        ("empty", b""),
        ("in.gz", &gzipped(text.as_bytes())),
        ("../last.py", text.as_bytes()),
    ];
    place.write("a.7z", sevened(&members));
    place.write("b.zip", zipped(&[("in.7z", &inner)]));
    // Each in a block of its own.
    let mut apart = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    for name in ["x.py", "y.py"] {
        apart.push_archive_entry(ArchiveEntry::new_file(name), Some(text.as_bytes())).unwrap();
    }
    place.write("c.7z", apart.finish().unwrap().into_inner());
    let one = ["a.7z!/../last.py", "a.7z!/i/i.txt", "c.7z!/x.py", "c.7z!/y.py"];
    let report = json(place.path(), &["scan", "--archives", "-v"]);
    assert_eq!(
        places(&report),
        one.map(|place| format!("{place}:2 openrouter-api-key")),
        "{report}"
    );
    assert_eq!(skipped(&report, "binary"), ["a.7z!/logo.png"]);
    assert_eq!(skipped(&report, "nested"), ["a.7z!/in.gz", "b.zip!/in.7z"]);
    let found = places(&json(place.path(), &["scan", "--archives=2"]));
    assert_eq!(found.len(), 6, "{found:?}");
    assert!(found.contains(&"b.zip!/in.7z!/deep.py:2 openrouter-api-key".to_owned()), "{found:?}");
    assert_eq!(places(&json(place.path(), &["scan", "a.7z"])).len(), 3);
}

/// The archive `bytes` with a dictionary of 1.5 GiB in the directory.
fn widened(mut bytes: Vec<u8>) -> Vec<u8> {
    // A coder with properties, LZMA2, of one byte.
    let coder = bytes.windows(3).rposition(|three| three == [0x21, 0x21, 1]).unwrap();
    bytes[coder + 3] = 37;
    summed(bytes)
}

/// The archive `bytes` with the sums of its directory made anew.
fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    let start = 32 + u64::from_le_bytes(bytes[12..20].try_into().unwrap()) as usize;
    let sum = crc32fast::hash(&bytes[start..]);
    bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    let sum = crc32fast::hash(&bytes[12..32]);
    bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn what_is_locked_damaged_or_too_large_is_told() {
    let (place, text) = (Place::new(), line());
    let whole = sevened(&[("a.py", text.as_bytes()), ("b.py", b"print()")]);
    place.write("cut.7z", &whole[..whole.len() - 9]);
    place.write("bad.7z", b"7z\xbc\xaf\x27\x1crest\0");
    place.write("wide.7z", widened(whole.clone()));
    // A member whose sum is wrong is scanned all the same.
    let mut wrong = sevened(&[("a.py", text.as_bytes())]);
    let at = wrong.windows(4).position(|four| four == &text.as_bytes()[..4]).unwrap();
    wrong[at] ^= 1;
    place.write("wrong.7z", wrong);
    place.write("good.7z", &whole);
    for name in ["locked.7z", "hidden.7z", "ppmd.7z"] {
        place.write(name, made(name));
    }
    // Packed in a way that nobody knows.
    let mut unknown = whole.clone();
    let coder = unknown.windows(3).rposition(|three| three == [0x21, 0x21, 1]).unwrap();
    unknown[coder + 1] = 0x7f;
    place.write("unknown.7z", summed(unknown));
    // A model of 100 MiB.
    let model = EncoderConfiguration::from(PpmdOptions::from_order_memory_size(6, 100 << 20));
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.set_content_methods(vec![model]);
    writer.push_archive_entry(ArchiveEntry::new_file("a.py"), Some(text.as_bytes())).unwrap();
    place.write("model.7z", writer.finish().unwrap().into_inner());
    // A directory that says it is of 5 MiB is not made.
    let names: Vec<String> = (0..900).map(|n| format!("{n}{x}", x = "x".repeat(3000))).collect();
    let long: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    place.write("names.7z", sevened(&long));
    let output = bounded(&place, &["scan", "-f", "json", "-v", "--archives"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let (report, problems) = (parsed(&output), parsed(&output)["problems"].to_string());
    let found = ["good.7z", "ppmd.7z", "wrong.7z"];
    let found = found.map(|name| format!("{name}!/a.py:1 openrouter-api-key"));
    assert_eq!(places(&report), found, "{report}");
    for name in ["cut.7z", "bad.7z", "wide.7z", "wrong.7z", "model.7z"] {
        assert!(problems.contains(&format!("\"{name}")), "{name}: {problems}");
    }
    assert!(problems.contains("81920 KiB of memory"), "{problems}");
    assert_eq!(skipped(&report, "encrypted"), ["hidden.7z", "locked.7z!/a.py"]);
    assert_eq!(skipped(&report, "unread"), ["unknown.7z!/a.py", "unknown.7z!/b.py"]);
    assert_eq!(skipped(&report, "too-large"), ["names.7z"]);
    let again = run(place.path(), &["scan", "-f", "json", "-v", "--archives", "-j", "8"]);
    assert_eq!(output.stdout, again.stdout);
    // Members that are not scanned have to be unpacked for the next one.
    let flat = sevened(&[("a.bin", &vec![0; 70 << 20]), ("b.py", text.as_bytes())]);
    place.write("flat.7z", flat);
    let report = parsed(&bounded(&place, &["scan", "-f", "json", "-v", "flat.7z"]));
    assert_eq!(skipped(&report, "too-large"), ["flat.7z"]);
    assert!(places(&report).is_empty(), "{report}");
}
