//! PDF files: text of pages as it is drawn, and all else that holds text. The files are written here, but for
//! the encrypted ones, which qpdf made of such a file.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::archives::{line, skipped, zipped};
use crate::common::{Place, json, key, parsed, places, run, stderr};

/// A stream as zlib packs it.
pub(crate) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(bytes).unwrap();
    zlib.finish().unwrap()
}

/// An object with a dictionary, which is closed here, and a stream.
fn stream(dict: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("<< {dict} /Length {len} >>\nstream\n", len = bytes.len());
    [head.as_bytes(), bytes, b"\nendstream"].concat()
}

/// A file of these objects, the first one being number 1, the catalog.
fn file(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    for (nth, object) in objects.iter().enumerate() {
        bytes.extend(format!("{nth} 0 obj\n", nth = nth + 1).as_bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    bytes.extend(format!("trailer\n<< /Root 1 0 R {trailer} >>\nstartxref\n0\n%%EOF\n").as_bytes());
    bytes
}

/// Objects of a document of one page, whose resources are number 4 and whose content is number 5.
fn document(resources: &str, content: Vec<u8>) -> Vec<Vec<u8>> {
    let plain = |text: &str| text.as_bytes().to_vec();
    vec![
        plain("<< /Type /Catalog /Pages 2 0 R >>"),
        plain("<< /Type /Pages /Kids [3 0 R] /Count 1 >>"),
        plain("<< /Type /Page /Parent 2 0 R /Resources 4 0 R /Contents [5 0 R] >>"),
        plain(resources),
        content,
    ]
}

const FONT: &str = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>";

/// A file with one page that `content` draws.
pub(crate) fn page(content: &str) -> Vec<u8> {
    let packed = stream("/Filter /FlateDecode", &deflated(content.as_bytes()));
    file(&document(FONT, packed), "")
}

/// The same, packed by LZW.
pub(crate) fn packed_by_lzw(content: &str) -> Vec<u8> {
    let packed = stream("/Filter /LZWDecode", &lzw(content.as_bytes(), true));
    file(&document(FONT, packed), "")
}

/// `bytes` as ASCII85 writes them.
fn ascii85(bytes: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    for group in bytes.chunks(4) {
        let mut word = [0; 4];
        word[..group.len()].copy_from_slice(group);
        let mut number = u32::from_be_bytes(word);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = (number % 85) as u8 + b'!';
            number /= 85;
        }
        coded.extend(&digits[..=group.len()]);
    }
    coded.extend(b"~>");
    coded
}

/// `bytes` as LZW writes them; codes grow one step `early` as readers expect unless the file says otherwise.
pub(crate) fn lzw(bytes: &[u8], early: bool) -> Vec<u8> {
    use weezl::{BitOrder, encode::Encoder};
    let mut encoder = match early {
        true => Encoder::with_tiff_size_switch(BitOrder::Msb, 8),
        false => Encoder::new(BitOrder::Msb, 8),
    };
    encoder.encode(bytes).unwrap()
}

/// A file that qpdf encrypted: a page and a link, with a key each.
pub(crate) fn encrypted(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/made");
    fs::read(folder.join(name)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_key_that_is_drawn_in_parts_is_found() {
    let place = Place::new();
    let key = key("openrouter");
    let (start, end) = key.split_at(20);
    // Kerning, another font in the middle, a new position right behind the first part.
    let kerned = format!("BT /F1 10 Tf 72 700 Td [(key: {start}) 20 ({end}) -800 (rest)] TJ ET");
    let fonts = format!("BT /F1 10 Tf 72 700 Td ({start}) Tj /F2 10 Tf ({end}) Tj ET");
    let width = start.len() as f64 * 6.0;
    let moved = format!(
        "q .5 0 0 .5 0 0 cm BT /F1 10 Tf 1 0 0 1 72 700 Tm ({start}) Tj ET Q q .5 0 0 .5 0 0 cm \
         BT /F1 10 Tf 1 0 0 1 {x} 700 Tm ({end}) Tj ET Q",
        x = 72.0 + width
    );
    let quoted = format!("BT /F1 10 Tf 12 TL 72 700 Td (a) Tj ({start}\\\n{end}) ' ET");
    // Two columns and two lines are two texts.
    let columns = format!("BT /F1 10 Tf 72 700 Td ({start}) Tj 300 0 Td ({end}) Tj ET");
    let lines = format!("BT /F1 10 Tf 12 TL 72 700 Td ({start}) Tj T* ({end}) Tj ET");
    let courier = "<< /Type /Font /Subtype /Type1 /FirstChar 32 /Widths [600";
    let widths = format!("{courier}{more}] >>", more = " 600".repeat(95));
    let resources = format!("<< /Font << /F1 {widths} /F2 {widths} >> >>");
    for (name, content) in [
        ("a.pdf", &kerned),
        ("b.pdf", &fonts),
        ("c.pdf", &moved),
        ("d.pdf", &quoted),
        ("e.pdf", &columns),
        ("f.pdf", &lines),
    ] {
        let packed = stream("/Filter [/FlateDecode]", &deflated(content.as_bytes()));
        place.write(name, file(&document(&resources, packed), ""));
    }
    let want = [
        "a.pdf!/page 1:1 openrouter-api-key",
        "b.pdf!/page 1:1 openrouter-api-key",
        "c.pdf!/page 1:1 openrouter-api-key",
        "d.pdf!/page 1:2 openrouter-api-key",
    ];
    let report = json(place.path(), &["scan", "--archives"]);
    assert_eq!(places(&report), want, "{report}");
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report}");
}

#[test]
fn letters_are_read_through_the_tables_of_a_font() {
    let place = Place::new();
    let key = key("openrouter");
    // Glyph numbers instead of letters, as most programs write them: each letter plus three.
    let codes: Vec<u8> = key.bytes().flat_map(|byte| [0, byte + 3]).collect();
    let content = format!("BT /F1 10 Tf <{codes}> Tj ET", codes = hex(&codes));
    let table = b"1 beginbfchar <0030> <002d> endbfchar 2 beginbfrange <0033> <003c> <0030>\n\
                  <0064> <007d> [<0061> <0062> <0063> <0064> <0065> <0066> <0067> <0068> <0069> <006a>\n\
                  <006b> <006c> <006d> <006e> <006f> <0070> <0071> <0072> <0073> <0074> <0075> <0076>\n\
                  <0077> <0078> <0079> <007a>] endbfrange";
    let font = "<< /Font << /F1 << /Type /Font /Subtype /Type0 /ToUnicode 6 0 R >> >> >>";
    let mut named = document(font, stream("", content.as_bytes()));
    named.push(stream("", table));
    place.write("named.pdf", file(&named, ""));
    // Without the table nobody knows the letters, which is told.
    place.write("unnamed.pdf", file(&named[..5], ""));
    // Codes of one byte with names of letters.
    let codes: Vec<u8> = key.bytes().map(|byte| if byte == b'-' { 1 } else { byte }).collect();
    let content = format!("BT /F1 10 Tf <{codes}> Tj ET", codes = hex(&codes));
    let font =
        "<< /Font << /F1 << /Subtype /Type1 /Encoding << /Differences [1 /hyphen] >> >> >> >>";
    place.write("differences.pdf", file(&document(font, stream("", content.as_bytes())), ""));
    let report = json(place.path(), &["scan", "--archives", "-v"]);
    let want =
        ["differences.pdf!/page 1:1 openrouter-api-key", "named.pdf!/page 1:1 openrouter-api-key"];
    assert_eq!(places(&report), want, "{report}");
    assert_eq!(skipped(&report, "unread"), ["unnamed.pdf!/page 1"]);
}

#[test]
fn all_that_holds_text_is_read() {
    let place = Place::new();
    let key = key("openrouter");
    let draws = format!("BT /F1 10 Tf ({key}) Tj ET");
    let write = |name: &str, objects: &[Vec<u8>]| place.write(name, file(objects, ""));
    write("a85.pdf", &document(FONT, stream("/Filter /ASCII85Decode", &ascii85(draws.as_bytes()))));
    write("hex.pdf", &document(FONT, stream("/Filter /AHx", hex(draws.as_bytes()).as_bytes())));
    let both = ascii85(&deflated(draws.as_bytes()));
    write("both.pdf", &document(FONT, stream("/Filter [/A85 /Fl]", &both)));
    // A wrong length, and one that stands elsewhere.
    let long = [b"<< /Length 99999 >>\nstream\r\n", draws.as_bytes(), b"\r\nendstream"].concat();
    write("long.pdf", &document(FONT, long));
    // A form of its own, a link, an attached archive, and what was replaced by a later version.
    let empty = || document(FONT, stream("", b""));
    let with = |object: Vec<u8>| [empty(), vec![object]].concat();
    write("form.pdf", &with(stream("/Type /XObject /Subtype /Form", draws.as_bytes())));
    let uri = format!("<< /A << /S /URI /URI (https://example.com/?key={key}) >> >>");
    write("link.pdf", &with(uri.into_bytes()));
    let wide: Vec<u8> = key.encode_utf16().flat_map(u16::to_be_bytes).collect();
    write(
        "field.pdf",
        &with(format!("<< /FT /Tx /V <feff{wide}> >>", wide = hex(&wide)).into_bytes()),
    );
    let zip = zipped(&[("a.py", line().as_bytes())]);
    write("attached.pdf", &with(stream("/Type /EmbeddedFile", &zip)));
    write("script.pdf", &with(stream("", line().as_bytes())));
    let old = file(&document(FONT, stream("", draws.as_bytes())), "");
    place.write(
        "old.pdf",
        [
            old,
            b"5 0 obj\n<< /Length 0 >>\nstream\n\nendstream\nendobj\n".to_vec(),
            b"startxref\n".to_vec(),
        ]
        .concat(),
    );
    // Objects in a stream, behind a filter that is one of pictures.
    let objects = format!("6 0 7 33 << /Title (nothing of value) >>  << /Author ({key}) >>");
    let first = "6 0 7 33 ".len();
    let rows: Vec<u8> =
        objects.as_bytes().chunks(20).flat_map(|row| [&[0], row].concat()).collect();
    let dict = format!(
        "/Type /ObjStm /N 2 /First {first} /Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 20 >>"
    );
    write("packed.pdf", &[empty(), vec![stream(&dict, &deflated(&rows))]].concat());
    let report = json(place.path(), &["scan", "--archives=2", "-v"]);
    let want = [
        "a85.pdf!/page 1:1",
        "attached.pdf!/object 6!/a.py:1",
        "both.pdf!/page 1:1",
        "field.pdf!/object 6:1",
        "form.pdf!/object 6:1",
        "hex.pdf!/page 1:1",
        "link.pdf!/object 6:1",
        "long.pdf!/page 1:1",
        "old.pdf!/object 5:1",
        "packed.pdf!/object 7:1",
        "script.pdf!/object 6:1",
    ]
    .map(|place| format!("{place} openrouter-api-key"));
    assert_eq!(places(&report), want, "{report}");
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report}");
}

/// A row of 10^17 bytes, of which there are a few.
#[test]
fn rows_that_cannot_be_are_no_longer_than_what_there_is() {
    let place = Place::new();
    let dict = "/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 999999 /Colors 999999 \
                /BitsPerComponent 999999 >>";
    let text = format!("\0BT /F1 9 Tf ({key}) Tj ET", key = key("openrouter"));
    let content = stream(dict, &deflated(text.as_bytes()));
    place.write("wide.pdf", file(&document(FONT, content), ""));
    let report = json(place.path(), &["scan", "--archives"]);
    assert_eq!(places(&report), ["wide.pdf!/page 1:1 openrouter-api-key"], "{report}");
}

#[test]
fn streams_that_lzw_packed_are_read() {
    let place = Place::new();
    let draws = format!("BT /F1 10 Tf ({key}) Tj ET", key = key("openrouter"));
    place.write("lzw.pdf", packed_by_lzw(&draws));
    // Long enough for wider codes, which begin one step later where that is said.
    let many =
        format!("{draws}\n% {more}", more = (0..900).map(|n| n.to_string()).collect::<String>());
    let late = "/Filter [/LZW] /DecodeParms [<< /EarlyChange 0 >>]";
    let late = stream(late, &lzw(many.as_bytes(), false));
    place.write("late.pdf", file(&document(FONT, late), ""));
    let report = json(place.path(), &["scan", "--archives", "-v"]);
    let want = ["late.pdf", "lzw.pdf"].map(|name| format!("{name}!/page 1:1 openrouter-api-key"));
    assert_eq!(places(&report), want, "{report}");
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report}");
}

#[test]
fn files_that_are_locked_or_made_to_do_harm_do_none() {
    let place = Place::new();
    let draws = format!("BT /F1 10 Tf ({key}) Tj ET", key = key("openrouter"));
    let content = stream("", draws.as_bytes());
    place.write("locked.pdf", file(&document(FONT, content.clone()), "/Encrypt 9 0 R"));
    let plain = |text: &str| text.as_bytes().to_vec();
    let mut ring = document(FONT, content.clone());
    ring[1] = plain("<< /Type /Pages /Kids [2 0 R 3 0 R 2 0 R 99 0 R] /Resources 4 0 R >>");
    ring.extend(
        ["7 0 R", "6 0 R", "<< /Length 8 0 R /Filter 6 0 R >>\nstream\nabc\nendstream"].map(plain),
    );
    place.write("ring.pdf", file(&ring, ""));
    place.write("deep.pdf", file(&[plain(&"[".repeat(200_000)), plain(&"<<".repeat(200_000))], ""));
    let blanks = vec![b' '; 80 << 20];
    let bomb = stream("/Filter /FlateDecode", &deflated(&blanks));
    place.write("bomb.pdf", file(&[document(FONT, content.clone()), vec![bomb; 4]].concat(), ""));
    // Packed in a way that is not read, and LZW that has no end, or unpacks to 80 MB.
    place.write("odd.pdf", file(&document(FONT, stream("/Filter /OddDecode", b"\x80\x0b")), ""));
    let whole = lzw(draws.as_bytes(), true);
    let cut = stream("/Filter /LZWDecode", &whole[..whole.len() - 2]);
    place.write("cut.pdf", file(&document(FONT, cut), ""));
    let bomb = stream("/Filter /LZWDecode", &lzw(&blanks, true));
    place.write("large.pdf", file(&document(FONT, bomb), ""));
    let output = run(place.path(), &["scan", "--archives", "-f", "json", "-v"]);
    let report = parsed(&output);
    assert!(!report["problems"].to_string().contains("internal fault"), "{}", stderr(&output));
    let found = places(&report);
    let want = ["bomb.pdf", "cut.pdf", "ring.pdf"];
    assert_eq!(found, want.map(|name| format!("{name}!/page 1:1 openrouter-api-key")), "{report}");
    assert_eq!(skipped(&report, "encrypted"), ["locked.pdf"]);
    assert_eq!(skipped(&report, "unread"), ["odd.pdf!/page 1", "ring.pdf!/object 8"]);
    assert!(report["problems"].to_string().contains("\"cut.pdf\""), "{report}");
    let large = skipped(&report, "too-large");
    assert!(large.iter().any(|place| place.starts_with("bomb.pdf")), "{large:?}");
    assert!(large.contains(&"large.pdf!/page 1".to_owned()), "{large:?}");
}

/// RC4 of 40 and 128 bits, AES of 128 and 256 bits in both of its forms; the last one has objects in streams.
const ENCRYPTED: [&str; 5] = ["r2.pdf", "r3.pdf", "r4.pdf", "r5.pdf", "r6.pdf"];

#[test]
fn what_an_empty_password_opens_is_read() {
    let place = Place::new();
    for name in ENCRYPTED.into_iter().chain(["locked.pdf"]) {
        let bytes = encrypted(name);
        let key = key("openrouter");
        assert!(!bytes.windows(20).any(|window| window == &key.as_bytes()[..20]));
        place.write(name, bytes);
    }
    let report = json(place.path(), &["scan", "--archives", "-v"]);
    let found = places(&report);
    for name in ENCRYPTED {
        let here: Vec<&String> = found.iter().filter(|it| it.starts_with(name)).collect();
        let page = format!("{name}!/page 1:1 openrouter-api-key");
        assert!(here.len() == 2 && here.contains(&&page), "{name}: {found:?}");
    }
    assert_eq!(found.len(), 2 * ENCRYPTED.len(), "{found:?}");
    assert_eq!(skipped(&report, "encrypted"), ["locked.pdf"]);
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report}");
}

#[test]
fn a_damaged_lock_does_no_harm() {
    let place = Place::new();
    for name in ENCRYPTED {
        let bytes = encrypted(name);
        // What says how it is encrypted stands near the end.
        let lock = bytes.windows(7).rposition(|window| window == b"/Filter").unwrap() - 200;
        for at in (0..bytes.len()).step_by(40).chain((lock..lock + 500).step_by(7)) {
            let mut bytes = bytes.clone();
            let Some(byte) = bytes.get_mut(at) else { continue };
            *byte ^= 0x15;
            place.write(&format!("{at}-{name}"), bytes);
        }
    }
    let output = run(place.path(), &["scan", "--archives", "-f", "json", "-v"]);
    let report = parsed(&output);
    assert!(!report["problems"].to_string().contains("internal fault"), "{report}");
    let locked = skipped(&report, "encrypted").len();
    // A hash that is changed opens nothing, one changed byte elsewhere leaves what it is not in.
    assert!(locked > 20 && places(&report).len() > 150, "{locked} {n}", n = places(&report).len());
}
