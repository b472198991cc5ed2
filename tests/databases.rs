//! SQLite databases: rows that are there, rows that were, and files that are made to do harm. Most are
//! written here page by page, so that each fault stands where it should.

use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::archives::{gzipped, line, skipped, zipped};
use crate::common::{Place, json, key, parsed, places, run, stderr};

/// Bytes of a page.
const PAGE: usize = 1024;

/// A value of a row.
#[derive(Clone)]
pub(crate) enum Val {
    Null,
    Int(u8),
    Text(String),
    Blob(Vec<u8>),
}

fn text(text: &str) -> Val {
    Val::Text(text.to_owned())
}

/// A row with its id.
pub(crate) type Row = (u64, Vec<Val>);

fn varint(number: u64) -> Vec<u8> {
    let mut bytes = vec![(number & 0x7f) as u8];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.insert(0, (rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes
}

fn record(values: &[Val]) -> Vec<u8> {
    let (mut types, mut body) = (Vec::new(), Vec::new());
    for value in values {
        let (kind, bytes) = match value {
            Val::Null => (0, Vec::new()),
            Val::Int(number) => (1, vec![*number]),
            Val::Text(text) => (13 + 2 * text.len() as u64, text.clone().into_bytes()),
            Val::Blob(bytes) => (12 + 2 * bytes.len() as u64, bytes.clone()),
        };
        types.extend(varint(kind));
        body.extend(bytes);
    }
    // The length of the head counts itself; one byte is enough here.
    [vec![types.len() as u8 + 1], types, body].concat()
}

/// A cell of a leaf; what does not fit goes to new pages at the end of `pages`, which begin with number
/// `first`.
fn cell((row, values): &Row, (pages, first): (&mut Vec<Vec<u8>>, usize)) -> Vec<u8> {
    let record = record(values);
    let (most, least) = (PAGE - 35, (PAGE - 12) * 32 / 255 - 23);
    let mut cell = [varint(record.len() as u64), varint(*row)].concat();
    if record.len() <= most {
        cell.extend(record);
        return cell;
    }
    let wanted = least + (record.len() - least) % (PAGE - 4);
    let local = if wanted <= most { wanted } else { least };
    cell.extend(&record[..local]);
    cell.extend(((first + pages.len()) as u32).to_be_bytes());
    let mut parts = record[local..].chunks(PAGE - 4).peekable();
    while let Some(part) = parts.next() {
        let next = if parts.peek().is_some() { first + pages.len() + 1 } else { 0 };
        let mut page = [&(next as u32).to_be_bytes()[..], part].concat();
        page.resize(PAGE, 0);
        pages.push(page);
    }
    cell
}

/// A leaf with `cells`; that of the first page leaves room for the head of the file.
fn leaf(cells: &[Vec<u8>], start: usize) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    page[start] = 13;
    page[start + 3..start + 5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
    let mut end = PAGE;
    for (nth, cell) in cells.iter().enumerate() {
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(cell);
        let at = start + 8 + nth * 2;
        assert!(at + 2 <= end, "too much for a page");
        page[at..at + 2].copy_from_slice(&(end as u16).to_be_bytes());
    }
    page[start + 5..start + 7].copy_from_slice(&(end as u16).to_be_bytes());
    page
}

/// The pages of a database with tables that are made by `CREATE TABLE NAME(COLUMNS)`.
fn pages(tables: &[(&str, &str, &[Row])]) -> Vec<Vec<u8>> {
    let (mut leaves, mut more) = (Vec::new(), Vec::new());
    let mut schema = Vec::new();
    for (nth, (name, columns, rows)) in tables.iter().enumerate() {
        let sql = format!("CREATE TABLE {name}({columns})");
        let values =
            vec![text("table"), text(name), text(name), Val::Int(nth as u8 + 2), text(&sql)];
        schema.push(cell(&(nth as u64 + 1, values), (&mut Vec::new(), 0)));
        let room = (&mut more, tables.len() + 2);
        let (more, first) = room;
        let cells: Vec<Vec<u8>> = rows.iter().map(|row| cell(row, (&mut *more, first))).collect();
        leaves.push(leaf(&cells, 0));
    }
    let mut first = leaf(&schema, 100);
    first[..16].copy_from_slice(b"SQLite format 3\0");
    first[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    first[56..60].copy_from_slice(&1_u32.to_be_bytes());
    [vec![first], leaves, more].concat()
}

/// The same as one file.
pub(crate) fn database(tables: &[(&str, &str, &[Row])]) -> Vec<u8> {
    pages(tables).concat()
}

/// A small database with a key in it.
pub(crate) fn small() -> Vec<u8> {
    let row = vec![Val::Null, text("router"), text(&key("openrouter"))];
    database(&[("keys", "id INTEGER PRIMARY KEY, name, value", &[(1, row)])])
}

/// A write-ahead log of frames: page number, size of the database where it is committed, page.
pub(crate) fn log(frames: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let mut log = words(&[0x377f_0682, 3_007_000, PAGE as u32, 0, 77, 78, 0, 0]);
    for (nth, size, page) in frames {
        log.extend(words(&[*nth, *size, 77, 78, 0, 0]));
        log.extend(*page);
    }
    log
}

/// Holds that each of the places `found` begins as that of `starts` does.
fn assert_starts(found: &[String], starts: &[&str]) {
    assert_eq!(found.len(), starts.len(), "{found:?}");
    for (place, start) in found.iter().zip(starts) {
        assert!(place.starts_with(start), "{start}: {found:?}");
    }
}

/// A rollback journal of parts, each with a header of its own: page number and image.
pub(crate) fn journal(parts: &[&[(u32, &[u8])]]) -> Vec<u8> {
    let mut journal = Vec::new();
    for images in parts {
        journal.resize(journal.len().next_multiple_of(512), 0);
        let start = journal.len();
        journal.extend(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7");
        for word in [images.len() as u32, 77, 2, 512, PAGE as u32] {
            journal.extend(word.to_be_bytes());
        }
        journal.resize(start + 512, 0);
        for (nth, image) in *images {
            journal.extend([&nth.to_be_bytes()[..], image, &[0; 4]].concat());
        }
    }
    journal
}

#[test]
fn a_rollback_journal_is_read_with_its_database() {
    let place = Place::new();
    let columns = "id INTEGER PRIMARY KEY, deepseek_api_key";
    let of = |value: &str| pages(&[("keys", columns, &[(1, vec![Val::Null, text(value)])])]);
    let (now, first, second) = (of("none"), of(&key("nbpro")), of(&key("nbpro1")));
    place.write("app.db", now.concat());
    // The first image of a page is what it was; a later part and what is behind the last one are older.
    let head: (u32, &[u8]) = (1, &now[0]);
    let parts = [&[head, (2, &first[1])][..], &[(2, &second[1])]];
    let left = [&2_u32.to_be_bytes()[..], &of(&key("nbpro2"))[1], &[0; 4]].concat();
    place.write("app.db-journal", [journal(&parts), left].concat());
    // Without its database, with another one, and cut.
    let lines = pages(&[("t", "a", &[(5, vec![text(&line())])])]);
    let alone = journal(&[&[(2, &lines[1])]]);
    place.write("alone.db-journal", &alone);
    place.write("other.db", b"no database\n");
    place.write("other.db-journal", &alone);
    place.write("cut.db-journal", &alone[..alone.len() - 99]);
    // One that was put out of use has zeros in front; it is binary.
    place.write("old.db-journal", [&[0; 512], &alone[512..]].concat());
    let report = json(place.path(), &["scan", "--archives", "-v"]);
    let found = places(&report);
    let starts = [
        "alone.db-journal!/(deleted)/page 2/",
        "app.db-journal!/(deleted)/frame 3/",
        "app.db-journal!/(deleted)/frame 4/",
        "app.db-journal!/keys/1:1 deepseek-api-key",
        "other.db-journal!/(deleted)/page 2/",
    ];
    assert_starts(&found, &starts);
    assert_eq!(skipped(&report, "binary"), ["old.db-journal"]);
}

#[test]
fn rows_are_scanned_with_the_names_of_their_columns() {
    let place = Place::new();
    let long = format!("{blanks}\n{line}", blanks = "ab ".repeat(1500), line = line());
    let binary = [b"\x80\x04\0\x95", line().as_bytes()].concat();
    let rows = [
        (1, vec![Val::Null, text("dark"), Val::Int(7)]),
        (300, vec![Val::Null, text(&key("nbpro")), Val::Int(8)]),
    ];
    place.write(
        "app.db",
        database(&[
            ("settings", "id INTEGER PRIMARY KEY, \"deepseek_api_key\" TEXT, n", &rows),
            ("notes", "body", &[(7, vec![text(&long)])]),
            (
                "files",
                "data BLOB",
                &[(1, vec![Val::Blob(gzipped(line().as_bytes()))]), (2, vec![Val::Blob(binary)])],
            ),
        ]),
    );
    let want = [
        "app.db!/files/1/data!/data:1 openrouter-api-key",
        "app.db!/files/2:1 openrouter-api-key",
        "app.db!/notes/7:2 openrouter-api-key",
        "app.db!/settings/300:1 deepseek-api-key",
    ];
    assert_eq!(places(&json(place.path(), &["scan", "app.db"])), want);
    let report = json(place.path(), &["scan", "-v"]);
    assert_eq!(skipped(&report, "binary"), ["app.db"], "not opened unless asked for");
    // In a zip, and not so deep.
    place.write(
        "a.zip",
        zipped(&[("app.db", &std::fs::read(place.path().join("app.db")).unwrap())]),
    );
    let report = json(place.path(), &["scan", "-v", "--archives=2", "a.zip", "app.db"]);
    assert_eq!(places(&report).len(), 8, "a.zip is named, so all of it: {report}");
    let report = json(place.path(), &["scan", "-v", "--archives=1", "."]);
    assert_eq!(places(&report), want[1..]);
    assert_eq!(skipped(&report, "nested"), ["a.zip!/app.db", "app.db!/files/1/data"]);
}

#[test]
fn rows_that_were_deleted_are_found() {
    let place = Place::new();
    let columns = "id INTEGER PRIMARY KEY, name, value";
    let row = |nth: u64, key: &str| (nth, vec![Val::Null, text("router"), text(key)]);
    // All of a table was deleted: its page is free, but not wiped. The first row of the page is that
    // whose start the list of free pages overwrote.
    let mut free =
        pages(&[("left", columns, &[]), ("gone", columns, &[row(1, &key("openrouter"))])]);
    free.push([&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3][..], &[0; PAGE - 12]].concat());
    free[0][103..105].copy_from_slice(&1_u16.to_be_bytes());
    free[0][32..36].copy_from_slice(&4_u32.to_be_bytes());
    free[0][36..40].copy_from_slice(&2_u32.to_be_bytes());
    place.write("free.db", free.concat());
    // One row was deleted: the first four bytes of its cell are a link to the next gap.
    for (file, nth) in [("short.db", 2), ("wide.db", 2000)] {
        let rows = [row(nth - 1, "first"), row(nth, &key("openrouter")), row(nth + 1, "last")];
        let mut all = pages(&[("t", columns, &rows)]);
        let page = &mut all[1];
        let at = |page: &[u8], nth: usize| {
            usize::from(u16::from_be_bytes([page[8 + nth * 2], page[9 + nth * 2]]))
        };
        let (start, end) = (at(page, 1), at(page, 0));
        page[1..3].copy_from_slice(&(start as u16).to_be_bytes());
        page[start..start + 4].copy_from_slice(&[0, 0, 0, (end - start) as u8]);
        page[3..5].copy_from_slice(&2_u16.to_be_bytes());
        page.copy_within(12..14, 10);
        place.write(file, all.concat());
    }
    let report = json(place.path(), &["scan", "--archives"]);
    let found = places(&report);
    assert_eq!(found.len(), 3, "{found:?}");
    for (place, start) in found.iter().zip([
        "free.db!/(deleted)/page 3/",
        "short.db!/(deleted)/page 2/",
        "wide.db!/(deleted)/page 2/",
    ]) {
        assert!(place.starts_with(start) && place.ends_with(":2 openrouter-api-key"), "{found:?}");
    }
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report}");
}

#[test]
fn a_write_ahead_log_is_read_with_its_database() {
    let place = Place::new();
    let columns = "id INTEGER PRIMARY KEY, deepseek_api_key";
    let of = |value: &str| pages(&[("keys", columns, &[(1, vec![Val::Null, text(value)])])]);
    let (empty, first, second) = (of("none"), of(&key("nbpro")), of(&key("nbpro1")));
    // Written twice; then once more, without an end.
    let frames = log(&[(2, 2, &first[1]), (2, 2, &second[1]), (2, 0, &of(&key("nbpro2"))[1])]);
    place.write("app.db", empty.concat());
    place.write("app.db-wal", &frames);
    // Its database is of another kind, or is not there: no names, so no rule that needs one.
    place.write("other.db", small());
    place.write(
        "other.db-wal",
        log(&[(2, 2, &pages(&[("t", "a", &[(5, vec![text(&line())])])])[1])]),
    );
    place.write(
        "alone.db-wal",
        log(&[(2, 2, &pages(&[("t", "a", &[(5, vec![text(&line())])])])[1])]),
    );
    let found = places(&json(place.path(), &["scan", "--archives"]));
    let starts = [
        "alone.db-wal!/(deleted)/page 2/",
        "app.db-wal!/(deleted)/frame 1/",
        "app.db-wal!/(deleted)/frame 3/",
        "app.db-wal!/keys/1:1 deepseek-api-key",
        "other.db!/keys/1:2 openrouter-api-key",
        "other.db-wal!/",
    ];
    assert_starts(&found, &starts);
    let report = json(place.path(), &["scan", "-v"]);
    assert_eq!(skipped(&report, "binary").len(), 5, "{report}");
}

/// Thousands of cells in each of seven leaves that are all the same long one; `first` is the first page.
fn bomb(first: &[u8]) -> Vec<u8> {
    let (size, mut head) = (65536, first.to_vec());
    head[16..18].copy_from_slice(&[0, 1]);
    head.resize(size, 0);
    let cell = cell(&(1, vec![text(&"y".repeat(980))]), (&mut Vec::new(), 0));
    let (at, mut full, mut root) = (size - cell.len(), vec![0; size], vec![0; size]);
    full[at..].copy_from_slice(&cell);
    (full[0], full[3], full[4]) = (13, 0x7c, 0);
    full[8..8 + 2 * 0x7c00].copy_from_slice(&(at as u16).to_be_bytes().repeat(0x7c00));
    (root[0], root[4], root[11]) = (5, 7, 10);
    for nth in 0..7 {
        root[12 + nth * 2..14 + nth * 2].copy_from_slice(&(100 + nth as u16 * 8).to_be_bytes());
        root[103 + nth * 8] = nth as u8 + 3;
    }
    [vec![head, root], vec![full; 8]].concat().concat()
}

/// An inner node above the pages `below`, the first of which is the last.
fn inner(below: &[u32]) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    (page[0], page[4]) = (5, below.len() as u8 - 1);
    page[8..12].copy_from_slice(&below[0].to_be_bytes());
    for (nth, below) in below[1..].iter().enumerate() {
        let at = PAGE - 8 * (nth + 1);
        page[12 + nth * 2..14 + nth * 2].copy_from_slice(&(at as u16).to_be_bytes());
        page[at..at + 4].copy_from_slice(&below.to_be_bytes());
    }
    page
}

#[test]
fn databases_that_are_made_to_do_harm_do_none() {
    let place = Place::new();
    let rows: Vec<Row> = (1..4).map(|nth| (nth, vec![text(&line())])).collect();
    let whole = pages(&[("t", "a", &rows)]);
    let changed = |name: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut pages = whole.clone();
        change(&mut pages);
        place.write(name, pages.concat());
    };
    // A node that is below itself, and one that is there twice; the leaf is read once.
    changed("ring.db", &|pages| {
        let leaf = std::mem::replace(&mut pages[1], inner(&[2, 3, 3]));
        pages.push(leaf);
    });
    changed("nowhere.db", &|pages| {
        let leaf = std::mem::replace(&mut pages[1], inner(&[900_000, 3]));
        pages.push(leaf);
    });
    changed("free.db", &|pages| pages[0][32..36].copy_from_slice(&2_u32.to_be_bytes()));
    changed("cells.db", &|pages| pages[1][3..5].copy_from_slice(&[0xff, 0xff]));
    changed("size.db", &|pages| pages[0][16] = 3);
    // A row that says it is of many terabytes.
    changed("long.db", &|pages| {
        let at = usize::from(u16::from_be_bytes([pages[1][8], pages[1][9]]));
        pages[1][at..at + 6].copy_from_slice(&[0xff; 6]);
    });
    // A chain of pages that leads back to itself.
    let long = (9, vec![text(&format!("{}{}", line(), "x".repeat(5000)))]);
    let mut chain = pages(&[("t", "a", &[long])]);
    let last = chain.len() - 1;
    chain[last - 1][..4].copy_from_slice(&3_u32.to_be_bytes());
    place.write("chain.db", chain.concat());
    place.write("bomb.db", bomb(&whole[0]));
    let output = run(place.path(), &["scan", "--archives", "-f", "json", "-v"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let report = parsed(&output);
    let (found, problems) = (places(&report), report["problems"].to_string());
    assert!(!problems.contains("internal fault"), "{problems}");
    for (file, rows, told) in [
        ("ring.db", 3, "page 3 is used twice"),
        ("nowhere.db", 3, "no page 900000"),
        ("free.db", 3, "page 2 is used twice"),
        ("cells.db", 3, "make no sense"),
        ("size.db", 0, "its first page makes no sense"),
        ("chain.db", 1, "page 3 is used twice"),
    ] {
        let here = |place: &&String| place.starts_with(&format!("{file}!/t/"));
        assert_eq!(found.iter().filter(here).count(), rows, "{file}: {found:?} {problems}");
        assert!(problems.contains(told), "{file}: {problems}");
    }
    let large = skipped(&report, "too-large");
    assert!(large.contains(&"bomb.db".to_owned()), "{large:?}");
    let told = large.iter().any(|place| place.starts_with("long.db!/t/"));
    assert!(told || problems.contains("long.db"), "{large:?} {problems}");
}

#[test]
fn databases_that_sqlite_wrote_are_read() {
    let place = Place::new();
    let (one, two) = (key("openrouter"), key("openrouter2"));
    let script = format!(
        "PRAGMA secure_delete=off; PRAGMA encoding='UTF-16le';\n\
         CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value TEXT);\n\
         CREATE TABLE k(name TEXT, value TEXT, PRIMARY KEY(value)) WITHOUT ROWID;\n\
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)\n\
         INSERT INTO t SELECT i, 'user' || i, CASE i WHEN 1500 THEN '{one}' ELSE 'none' END FROM n;\n\
         INSERT INTO k VALUES ('a', '{two}');\n"
    );
    let plain = script.replace("PRAGMA encoding='UTF-16le';", "");
    let gone = format!("{plain} DELETE FROM t; DELETE FROM k; VACUUM INTO 'clean.db';");
    for (file, script) in [("wide.db", &script), ("plain.db", &plain), ("gone.db", &gone)] {
        let made = Command::new("sqlite3").arg(file).arg(script).current_dir(place.path()).status();
        match made {
            Ok(status) => assert!(status.success(), "{file}"),
            Err(error) => {
                // The runner swallows `print`, so that a skipped check is seen only where it is written.
                let text = format!("skipped: sqlite3 cannot be run: {error}\n");
                return std::io::stderr().write_all(text.as_bytes()).unwrap();
            }
        }
    }
    // A change that has not ended yet, copied with its journal.
    let change = "PRAGMA cache_size=2; BEGIN; UPDATE t SET value='gone', name=hex(randomblob(99));";
    let copies = [".system cp plain.db live.db", ".system cp plain.db-journal live.db-journal"];
    let mut sqlite = Command::new("sqlite3");
    sqlite.arg("plain.db").arg(change).args(copies).arg("ROLLBACK").current_dir(place.path());
    assert!(sqlite.status().unwrap().success());
    let report = json(place.path(), &["scan", "--archives"]);
    let found = places(&report);
    let here = |file: &str| {
        let start = format!("{file}!/");
        found.iter().filter_map(|place| place.strip_prefix(&start)).collect::<Vec<_>>()
    };
    let rows = ["k/1:1 openrouter-api-key", "t/1500:2 openrouter-api-key"];
    assert_eq!(here("wide.db"), rows, "{report}");
    assert_eq!(here("plain.db"), rows, "{report}");
    assert_eq!(here("live.db-journal"), rows[1..], "{report}");
    assert!(here("clean.db").is_empty(), "nothing is left in a copy: {found:?}");
    let gone = here("gone.db");
    assert!(gone.iter().any(|place| place.starts_with("(deleted)/page")), "{found:?}");
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report}");
}
