//! Archives: findings in members, at any depth that was asked for, and tricks that do no harm.

use std::fs;
use std::io::{Cursor, Write as _};
use std::process::Output;

use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::common::{Place, json, key, keylint, parsed, places, run, scrubbed, stderr, stdout};
use crate::sevens::sevened;
use crate::{databases, pdfs};

pub(crate) fn line() -> String {
    format!("k = '{key}'\n", key = key("openrouter"))
}

pub(crate) fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A tar archive; names as they are, also those that no careful program writes.
pub(crate) fn tarred(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

pub(crate) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn xzed(bytes: &[u8]) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(1);
    options.set_check_sum_type(lzma_rust2::CheckType::Crc32);
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    xz.write_all(bytes).unwrap();
    xz.finish().unwrap()
}

pub(crate) fn bzipped(bytes: &[u8]) -> Vec<u8> {
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(bytes).unwrap();
    bzip2.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// The xz file `bytes` with a dictionary of 1.5 GiB in the header of its first block.
fn widened(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let end = 12 + (usize::from(bytes[12]) + 1) * 4;
    let filter = bytes[12..end].windows(2).position(|two| two == b"\x21\x01").unwrap();
    bytes[12 + filter + 2] = 37;
    let sum = crc32fast::hash(&bytes[12..end - 4]);
    bytes[end - 4..end].copy_from_slice(&sum.to_le_bytes());
    bytes
}

pub(crate) fn skipped(report: &Value, reason: &str) -> Vec<String> {
    let list = report["stats"]["skipped"][reason].as_array().cloned().unwrap_or_default();
    list.iter().map(|place| place.as_str().unwrap().to_owned()).collect()
}

#[test]
fn archives_are_opened_when_asked_for_or_named() {
    let place = Place::new();
    let text = format!("\n{}", line());
    place.write("a.zip", zipped(&[("src/app.py", text.as_bytes()), ("logo.png", b"\x89PNG\0")]));
    place.write("b.tar.gz", gzipped(&tarred(&[("etc/x.env", text.as_bytes())])));
    place.write("c.sql.gz", gzipped(text.as_bytes()));
    // Two frames, and one without content before each, are one file.
    let packed = tarred(&[("z.txt", text.as_bytes())]);
    let (empty, halves) = (b"\x50\x2a\x4d\x18\x02\0\0\0ab", packed.split_at(700));
    let frames = [&empty[..], &zstd(halves.0), empty, &zstd(halves.1)].concat();
    place.write("d.tar.zst", frames);
    place.write("e.tar.xz", xzed(&tarred(&[("e.txt", text.as_bytes())])));
    // Two streams one after the other are one file.
    place.write("f.sql.xz", [xzed(b"\n"), xzed(line().as_bytes())].concat());
    place.write("g.tbz2", bzipped(&tarred(&[("g.txt", text.as_bytes())])));
    place.write("h.log.bz2", [bzipped(b"\n"), bzipped(line().as_bytes())].concat());
    let all = [
        "a.zip!/src/app.py:2 openrouter-api-key",
        "b.tar.gz!/etc/x.env:2 openrouter-api-key",
        "c.sql.gz!/c.sql:2 openrouter-api-key",
        "d.tar.zst!/z.txt:2 openrouter-api-key",
        "e.tar.xz!/e.txt:2 openrouter-api-key",
        "f.sql.xz!/f.sql:2 openrouter-api-key",
        "g.tbz2!/g.txt:2 openrouter-api-key",
        "h.log.bz2!/h.log:2 openrouter-api-key",
    ];
    let report = json(place.path(), &["scan", "-v"]);
    assert!(places(&report).is_empty(), "{report}");
    assert_eq!(skipped(&report, "binary").len(), 8);
    // A compressed tar is one archive; the one is not opened twice.
    let report = json(place.path(), &["scan", "-v", "--archives"]);
    assert_eq!(places(&report), all);
    assert_eq!(skipped(&report, "binary"), ["a.zip!/logo.png"]);
    assert_eq!(places(&json(place.path(), &["scan", "a.zip"])), all[..1]);
    place.write("keylint.toml", "[scan]\narchives = 2\n");
    assert_eq!(places(&json(place.path(), &["scan"])), all);
    assert!(places(&json(place.path(), &["scan", "--archives=0"])).is_empty());
}

#[test]
fn a_key_that_formatting_splits_is_found_in_office_files() {
    let key = key("openrouter");
    let (start, end) = key.split_at(20);
    let place = Place::new();
    let word = format!(
        "<?xml version=\"1.0\"?>\n<w:document><w:body><w:p><w:r><w:t>key: {start}</w:t></w:r><w:r><w:rPr>\
         <w:b/></w:rPr><w:t>{end}</w:t></w:r></w:p></w:body></w:document>"
    );
    let sheet = format!("<sst><si><r><t>{start}</t></r><r><t>{end}</t></r></si></sst>");
    let slide = format!("<a:p><a:r><a:t>{start}</a:t></a:r><a:r><a:t>{end}</a:t></a:r></a:p>");
    let open = format!("<text:p>{start}<text:span>{end}</text:span></text:p>");
    // A reader sees letters where the file has numbers.
    let numbers: String = key.bytes().map(|byte| format!("&#{byte};")).collect();
    let numbers = format!("<sst><si><t>key=&quot;{numbers}&quot;</t></si></sst>");
    // Two paragraphs are two texts.
    let apart =
        format!("<w:p><w:r><w:t>{start}</w:t></w:r></w:p><w:p><w:r><w:t>{end}</w:t></w:r></w:p>");
    for (file, part, xml) in [
        ("a.docx", "word/document.xml", &word),
        ("b.xlsx", "xl/sharedStrings.xml", &sheet),
        ("c.pptx", "ppt/slides/slide1.xml", &slide),
        ("d.odt", "content.xml", &open),
        ("e.docx", "word/document.xml", &apart),
        ("f.xlsx", "xl/sharedStrings.xml", &numbers),
    ] {
        place.write(file, zipped(&[(part, xml.as_bytes())]));
    }
    let want = [
        "a.docx!/word/document.xml:2 openrouter-api-key",
        "b.xlsx!/xl/sharedStrings.xml:1 openrouter-api-key",
        "c.pptx!/ppt/slides/slide1.xml:1 openrouter-api-key",
        "d.odt!/content.xml:1 openrouter-api-key",
        "f.xlsx!/xl/sharedStrings.xml:1 openrouter-api-key",
    ];
    assert_eq!(places(&json(place.path(), &["scan", "--archives"])), want);
}

#[test]
fn archives_in_the_history_are_opened_when_asked_for() {
    let place = Place::new();
    place.init();
    let text = line();
    let other = format!("k = '{key}'\n", key = key("openrouter2"));
    let commit = |day: u32, files: &[(&str, Option<Vec<u8>>)]| {
        for (name, bytes) in files {
            match bytes {
                Some(bytes) => drop(place.write(name, bytes)),
                None => fs::remove_file(place.path().join(name)).unwrap(),
            }
        }
        place.git_at(day, &["add", "-A"]);
        place.git_at(day, &["commit", "-qm", &format!("day {day}")]);
        place.git(&["rev-parse", "HEAD"]).trim().to_owned()
    };
    let members = [("src/app.py", text.as_bytes()), ("logo.png", b"\x89PNG\0"), ("same.py", b"")];
    let twice = tarred(&[("same.py", text.as_bytes()), ("same.py", other.as_bytes())]);
    let wheel = zipped(&members);
    let first = commit(
        1,
        &[
            ("dist/x.whl", Some(wheel.clone())),
            ("dist/twice.tar.gz", Some(gzipped(&twice))),
            ("app.db", Some(databases::small())),
            ("cut.zip", Some(wheel[..wheel.len() - 10].to_vec())),
            ("plain.py", Some(b"print()\n".to_vec())),
        ],
    );
    let files = ["dist/x.whl", "dist/twice.tar.gz", "app.db", "cut.zip"];
    commit(2, &files.map(|name| (name, None)));
    place.git(&["gc", "-q"]);
    assert!(places(&json(place.path(), &["scan", "--archives"])).is_empty());
    assert!(places(&json(place.path(), &["scan", "--history"])).is_empty());
    let want = [
        "app.db!/keys/1:2 openrouter-api-key",
        "dist/twice.tar.gz!/same.py:1 openrouter-api-key",
        "dist/twice.tar.gz!/same.py:1 openrouter-api-key",
        "dist/x.whl!/src/app.py:1 openrouter-api-key",
    ];
    // Twice, the second time with what was kept of the first.
    let scan = |args: &[&str]| run(place.path(), &[args, &["-f", "json", "-v"]].concat());
    let output = scan(&["scan", "--history", "--archives"]);
    assert_eq!(output.status.code(), Some(2), "cut.zip is damaged");
    let report = parsed(&output);
    assert_eq!(places(&report), want);
    for finding in report["findings"].as_array().unwrap() {
        assert!(finding.to_string().contains(&first), "{finding}");
    }
    let binary = skipped(&report, "binary");
    assert!(binary.len() == 1 && binary[0].ends_with("!/logo.png"), "{binary:?}");
    for threads in ["1", "3"] {
        let again = scan(&["scan", "--history", "--archives", "-j", threads]);
        assert_eq!(stdout(&again), stdout(&output));
    }
    let has_all = |args: &[&str]| {
        let audited = places(&parsed(&scan(args)));
        want.iter().all(|place| audited.iter().any(|found| found == place))
    };
    assert!(has_all(&["audit", "--archives"]) && !has_all(&["audit"]));
    place.write("keylint.toml", "[scan]\narchives = 1\n");
    assert!(has_all(&["audit"]) && !has_all(&["audit", "--archives=0"]));
}

#[test]
fn what_a_scan_keeps_of_archives_in_the_history_changes_no_report() {
    let (place, text) = (Place::new(), line());
    place.init();
    place.write("a.zip", zipped(&[("a.py", text.as_bytes()), ("b.bin", b"\0")]));
    place.write("clean.zip", zipped(&[("a.py", b"print()"), ("c.bin", b"\0")]));
    place.git_at(1, &["add", "-A"]);
    place.git_at(1, &["commit", "-qm", "x"]);
    let args = ["scan", "--history", "--archives", "-f", "json", "-v"];
    let output = run(place.path(), &args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(skipped(&parsed(&output), "binary").len(), 2);
    assert_eq!(stdout(&run(place.path(), &args)), stdout(&output));
    assert!(places(&json(place.path(), &["scan", "--history"])).is_empty());
}

#[test]
fn every_report_carries_the_member() {
    let place = Place::new();
    place.write("a b.zip", zipped(&[("src/ü.py", line().as_bytes())]));
    for format in
        ["human", "json", "jsonl", "sarif", "gitlab", "github", "markdown", "html", "junit", "csv"]
    {
        let output = run(place.path(), &["scan", "--archives", "-f", format]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let text = stdout(&output);
        let member = [
            "a b.zip!/src/ü.py",
            "a%20b.zip!/src/%C3%BC.py",
            "a b.zip!/src/\\u00fc.py",
            "a b.zip&#33;/src/ü.py",
        ];
        assert!(member.iter().any(|name| text.contains(name)), "{format}: {text}");
    }
    // The same content packed anew is the same finding, and nothing is mended inside.
    let print = |place: &Place| {
        json(place.path(), &["scan", "--archives"])["findings"][0]["fingerprint"].clone()
    };
    let before = print(&place);
    place.write("a b.zip", zipped(&[("first", b"x"), ("src/ü.py", line().as_bytes())]));
    assert_eq!(print(&place), before);
    let packed = fs::read(place.path().join("a b.zip")).unwrap();
    run(place.path(), &["fix", "--write", "a b.zip"]);
    assert_eq!(fs::read(place.path().join("a b.zip")).unwrap(), packed);
}

#[test]
fn names_are_text_and_nothing_is_written() {
    let place = Place::new();
    let text = line();
    let text = text.as_bytes();
    let names = ["../../evil.py", "/etc/evil.py", "a/../../b.py", "x\n.py", "same.py", "same.py"];
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, text)).collect();
    place.write("t.tar", tarred(&members));
    let mut links = tar::Builder::new(Vec::new());
    for (kind, to) in [(tar::EntryType::Symlink, "/etc/passwd"), (tar::EntryType::Link, "../x")] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        links.append_link(&mut header, format!("{kind:?}"), to).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Char);
    header.set_size(0);
    links.append_data(&mut header, "device", &b""[..]).unwrap();
    let long = format!("{}/deep.py", "d/".repeat(120));
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    links.append_data(&mut header, &long, text).unwrap();
    place.write("l.tar", links.into_inner().unwrap());
    let report = json(place.path(), &["scan", "-v", "--archives"]);
    let found = places(&report);
    for name in ["../../evil.py", "etc/evil.py", "a/../../b.py", "same.py"] {
        let want = format!("t.tar!/{name}:1 openrouter-api-key");
        assert!(found.contains(&want), "{want}: {found:?}");
    }
    assert!(found.iter().any(|place| place.contains("d/d/d") && place.contains("deep.py")));
    assert_eq!(skipped(&report, "symlink"), ["l.tar!/Link", "l.tar!/Symlink"]);
    assert_eq!(skipped(&report, "special"), ["l.tar!/device"]);
    let files = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(files, 2, "only the two archives");
}

/// Runs with memory for the program and its rules, and some 200 MiB more.
pub(crate) fn bounded(place: &Place, args: &[&str]) -> Output {
    let program = keylint(place.path()).get_program().to_owned();
    let mut command = scrubbed(std::process::Command::new("prlimit"), place.path());
    command.arg("--as=1400000000").arg(program).args(args).args(["-j", "1"]).output().unwrap()
}

/// A tar archive of `many` members that are 40 MB of blanks each.
fn blanks<W: std::io::Write>(out: W, many: usize) -> W {
    let mut tar = tar::Builder::new(out);
    let text = vec![b' '; 40 << 20];
    for n in 0..many {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, format!("{n}.txt"), &text[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn bombs_are_cut_off() {
    let place = Place::new();
    // Zeros are binary and shown as such by their head; blanks have to be unpacked.
    let flat = gzipped(&vec![b' '; 40 << 20]);
    let best = flate2::Compression::best();
    let gzip = blanks(flate2::write::GzEncoder::new(Vec::new(), best), 40);
    place.write("flat.tar.gz", gzip.finish().unwrap());
    // bzip2 and xz pack blanks much better than gzip.
    place.write("flat.bz2", bzipped(&blanks(Vec::new(), 3)));
    place.write("flat.xz", xzed(&blanks(Vec::new(), 3)));
    // Each of sixteen holds the same sixty times.
    let names: Vec<String> = (0..60).map(|n| format!("{n}.gz")).collect();
    let nested: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), flat.as_slice())).collect();
    place.write("nested.zip", zipped(&nested));
    let mut quine = line().into_bytes();
    for _ in 0..12 {
        quine = gzipped(&quine);
    }
    place.write("twelve.gz", quine);
    let output = bounded(&place, &["scan", "-f", "json", "-v", "--archives=4"]);
    let report = parsed(&output);
    let cut = skipped(&report, "too-large");
    assert!(cut.contains(&"flat.tar.gz".to_owned()), "{report}");
    assert!(cut.contains(&"nested.zip".to_owned()), "{report}");
    assert!(cut.contains(&"flat.bz2".to_owned()), "{report}");
    assert!(cut.contains(&"flat.xz".to_owned()), "{report}");
    assert!(skipped(&report, "nested")[0].starts_with("twelve.gz!/"), "{report}");
    assert!(report["notices"].to_string().contains("unpacks to too much"), "{report}");
}

#[test]
fn members_of_a_zip_that_are_too_large_take_no_room_of_the_others() {
    let place = Place::new();
    let (blanks, text) = (vec![b' '; 40 << 20], line());
    let names: Vec<String> = (0..12).map(|n| format!("{n}.txt")).collect();
    let mut members: Vec<(&str, &[u8])> =
        names.iter().map(|name| (name.as_str(), blanks.as_slice())).collect();
    members.push(("a.py", text.as_bytes()));
    place.write("many.zip", zipped(&members));
    // One that says to be larger than it can be is read.
    let mut lie = zipped(&[("b.py", text.as_bytes())]);
    let directory = lie.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    lie[directory + 24..directory + 28].copy_from_slice(&(40_u32 << 20).to_le_bytes());
    place.write("lie.zip", lie);
    let args = ["scan", "-f", "json", "-v", "--archives", "--max-size=16M"];
    let report = parsed(&run(place.path(), &args));
    let found = ["lie.zip!/b.py:1 openrouter-api-key", "many.zip!/a.py:1 openrouter-api-key"];
    assert_eq!(places(&report), found, "{report}");
    let large = skipped(&report, "too-large");
    assert_eq!(large.len(), 12, "{report}");
    assert!(large.contains(&"many.zip!/11.txt".to_owned()), "{report}");
}

#[test]
fn what_cannot_be_unpacked_is_told_and_the_rest_is_scanned() {
    let place = Place::new();
    let text = line();
    let good = tarred(&[("a.py", text.as_bytes()), ("b.py", &vec![b'#'; 9000])]);
    let whole = gzipped(&good);
    place.write("cut.tar", &good[..good.len() - 6000]);
    place.write("cut.tar.gz", &whole[..whole.len() - 12]);
    let zip = zipped(&[("a.py", text.as_bytes())]);
    place.write("cut.zip", &zip[..zip.len() - 10]);
    let options = SimpleFileOptions::default();
    let mut locked = zip::ZipWriter::new(Cursor::new(Vec::new()));
    locked.start_file("secret.py", options).unwrap();
    locked.write_all(text.as_bytes()).unwrap();
    let mut locked = locked.finish().unwrap().into_inner();
    // The flag of encryption, in the header of the member and in the directory.
    for (magic, at) in [(&b"PK\x03\x04"[..], 6), (b"PK\x01\x02", 8)] {
        let start = locked.windows(4).position(|window| window == magic).unwrap();
        locked[start + at] |= 1;
    }
    place.write("locked.zip", locked);
    place.write("x.rar", b"Rar!\x1a\x07rest\0");
    place.write("bad.tar.xz", b"\xfd7zXZ\0rest\0");
    let xz = xzed(text.as_bytes());
    place.write("cut.xz", &xz[..xz.len() - 12]);
    // The last block of bzip2 goes with its end.
    let bzip2 = [bzipped(text.as_bytes()), bzipped(b"more")].concat();
    place.write("cut.bz2", &bzip2[..bzip2.len() - 5]);
    let database = databases::small();
    place.write("cut.db", &database[..database.len() - 9]);
    let pdf = pdfs::page(&format!("BT /F1 9 Tf 9 9 Td ({text}) Tj ET", text = text.trim()));
    place.write("cut.pdf", &pdf[..pdf.len() - 60]);
    // A dictionary of 1.5 GiB is not made: the size stands in the header of the block.
    place.write("wide.xz", widened(&xz));
    place.write("good.zip", zipped(&[("a.py", text.as_bytes())]));
    let output = run(place.path(), &["scan", "-f", "json", "-v", "--archives"]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = places(&report);
    for name in [
        "cut.tar!/a.py",
        "cut.tar.gz!/a.py",
        "good.zip!/a.py",
        "cut.xz!/cut",
        "cut.bz2!/cut",
        "cut.pdf!/page 1",
    ] {
        assert!(found.contains(&format!("{name}:1 openrouter-api-key")), "{found:?}");
    }
    let problems = report["problems"].to_string();
    for name in [
        "cut.tar",
        "cut.tar.gz",
        "cut.zip",
        "bad.tar.xz",
        "cut.xz",
        "cut.bz2",
        "wide.xz",
        "cut.db",
        "cut.pdf",
    ] {
        assert!(problems.contains(&format!("\"{name}")), "{name}: {problems}");
    }
    assert_eq!(skipped(&report, "encrypted"), ["locked.zip!/secret.py"]);
    assert_eq!(skipped(&report, "unread"), ["x.rar"]);
}

#[test]
fn threads_and_damage_change_nothing_else() {
    let place = Place::new();
    let text = line();
    for n in 0..20 {
        let inner = zipped(&[("deep.py", text.as_bytes())]);
        place.write(
            &format!("{n}.jar"),
            zipped(&[("a.py", text.as_bytes()), ("lib/inner.jar", &inner)]),
        );
    }
    let scan = |threads: &str| {
        stdout(&run(place.path(), &["scan", "-f", "json", "-v", "--archives=3", "-j", threads]))
    };
    let one = scan("1");
    assert!(one.matches("inner.jar!/deep.py").count() >= 20, "{one}");
    assert_eq!(scan("8"), one);
}

#[test]
fn damage_anywhere_neither_ends_the_program_nor_goes_on_for_ever() {
    let text = line();
    let whole = zipped(&[("a.py", text.as_bytes()), ("b.txt", &vec![b'x'; 3000])]);
    let tar = tarred(&[("a.py", text.as_bytes())]);
    let gone = gzipped(&tarred(&[(".wh.a.py", b"")]));
    let list = br#"[{"Layers":["1","2"]}]"#;
    let image = tarred(&[("1", &tar), ("2", &gone), ("manifest.json", list)]);
    let ((start, end), middle) = (text.split_at(20), text.as_bytes()[20]);
    let end = format!("&#{middle};{end}", end = &end[1..]);
    let runs = format!("<w:p><w:r><w:t>{start}</w:t></w:r><w:r><w:t>{end}</w:t></w:r></w:p>");
    let word = zipped(&[("word/document.xml", runs.as_bytes())]);
    let kinds = [
        (whole, "zip"),
        (gzipped(&tar), "tar.gz"),
        (xzed(&tar), "tar.xz"),
        (bzipped(&tar), "tar.bz2"),
        (zstd(&tar), "tar.zst"),
        (sevened(&[("a.py", text.as_bytes()), ("b.txt", &vec![b'x'; 3000])]), "7z"),
        (image, "tar"),
        (word, "docx"),
        (databases::small(), "db"),
        (databases::journal(&[&[(2, &databases::small()[1024..])]]), "db-journal"),
        (
            pdfs::page(&format!("BT /F1 9 Tf ({start}) Tj ({rest}) Tj ET", rest = &text[20..])),
            "pdf",
        ),
    ];
    let damaged = Place::new();
    for (bytes, end) in &kinds {
        for at in (0..bytes.len()).step_by((bytes.len() / 60).max(1)) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x55;
            damaged.write(&format!("{at}.{end}"), bytes);
        }
        damaged.write(&format!("whole.{end}"), bytes);
    }
    let output = run(damaged.path(), &["scan", "--archives=2", "-f", "json"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(!stderr(&output).contains("panicked"));
    let report = parsed(&output);
    assert!(!report["problems"].to_string().contains("internal fault"), "{report}");
    let found = places(&report);
    for (_, end) in &kinds {
        let whole = |place: &&String| place.starts_with(&format!("whole.{end}!/"));
        assert_eq!(found.iter().filter(whole).count(), 1, "{end}: {found:?}");
    }
}
