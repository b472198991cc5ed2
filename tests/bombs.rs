//! Objects of git that unpack to far more than they take: a repository of a few MB may say that it has files of
//! many GB.

use flate2::{Compress, Compression, FlushCompress};

use crate::archives::{bounded, skipped};
use crate::common::{Place, key, parsed, stderr};
use crate::fuzz::repo::{Entry, id, write_pack_as};
use crate::hostile_objects::{commit, lost, paths, put, raw};

const MIB: usize = 1 << 20;

/// `text` and `count` MiB of NUL bytes behind it, as zlib packs them.
fn zeros(text: &[u8], count: usize) -> Vec<u8> {
    let mut packer = Compress::new(Compression::fast(), false);
    let mut pack = |bytes: &[u8]| {
        let mut out = Vec::with_capacity(bytes.len() + 100);
        packer.compress_vec(bytes, &mut out, FlushCompress::Full).unwrap();
        out
    };
    let (text_packed, block) = (pack(text), pack(&vec![0; MIB]));
    let (mut a, mut b) = (1_u64, 0_u64);
    for byte in text {
        a = (a + u64::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    b = (b + a * (count * MIB) as u64) % 65521;
    let sum = u32::try_from(b << 16 | a).unwrap().to_be_bytes();
    // The last block is empty.
    [&b"\x78\x01"[..], &text_packed, &block.repeat(count), &[1, 0, 0, 0xff, 0xff], &sum].concat()
}

/// A loose blob of `count` MiB, under a false id.
fn loose(place: &Place, count: usize) -> String {
    let id = "ee".repeat(20);
    let header = format!("blob {}\0", count * MIB);
    place.write(&format!(".git/objects/ee/{}", &id[2..]), zeros(header.as_bytes(), count));
    id
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tree, parents and name of a commit on `main`.
fn committed(place: &Place, files: &[(&str, &[u8])], more: &str) -> String {
    let entry = |(name, id): &(&str, &[u8])| [b"100644 ", name.as_bytes(), b"\0", id].concat();
    let tree = put(place, "tree", &files.iter().flat_map(entry).collect::<Vec<u8>>(), None);
    commit(place, &tree, more)
}

#[test]
fn a_blob_of_gigabytes_is_counted_and_not_unpacked() {
    let place = Place::new();
    place.init();
    let huge = loose(&place, 4096);
    let small = put(&place, "blob", format!("k = '{}'\n", key("openrouter")).as_bytes(), None);
    let start = committed(&place, &[], "");
    let first = committed(&place, &[("a.py", &raw(&small))], &format!("parent {start}\n"));
    committed(&place, &[("a.py", &raw(&huge))], &format!("parent {first}\n"));
    for args in [&["scan", "--history", "--no-cache"][..], &["scan", "--range", "HEAD~2..HEAD"]] {
        let output = bounded(&place, &[args, &["-f", "json", "-v"]].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
        let report = parsed(&output);
        assert_eq!(paths(&report), ["a.py"], "{args:?}");
        assert_eq!(skipped(&report, "too-large").len(), 1, "{args:?}: {report:#}");
    }
    // A new version of it is compared with nothing.
    let last = put(&place, "blob", format!("k = '{}'\n", key("slack")).as_bytes(), None);
    let head = place.git(&["rev-parse", "HEAD"]);
    committed(&place, &[("a.py", &raw(&last))], &format!("parent {head}\n"));
    let output = bounded(&place, &["scan", "--range", "HEAD~1..HEAD", "-f", "json"]);
    assert_eq!(paths(&parsed(&output)), ["a.py"], "{}", stderr(&output));
}

/// A number as deltas have it.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn what_is_built_on_a_large_object_is_found_or_named() {
    let place = Place::new();
    place.init();
    let text = |kind: &str| format!("k = '{}'\n", key(kind)).into_bytes();
    let inserts = |base: usize, text: &[u8]| {
        [number(base), number(text.len()), vec![u8::try_from(text.len()).unwrap()], text.to_vec()]
            .concat()
    };
    // Copies of the longest stretch that one instruction can say.
    let copies = |base: usize, times: usize| {
        [number(base), number(times * 0xff_ffff), [0xf0, 0xff, 0xff, 0xff].repeat(times)].concat()
    };
    let entry = |kind, base, payload| Entry { kind, base, payload };
    let (huge, large) = (130 * MIB, 70 * MIB);
    // Findings are read again, and are then to be what their id says.
    let real = raw(&put(&place, "blob", &text("openrouter"), None));
    let name = |at: usize| if at == 4 { real.clone().try_into().unwrap() } else { id(at) };
    let loose = place.path().join(".git/objects").join(hex(&real[..1])).join(hex(&real[1..]));
    std::fs::remove_file(loose).unwrap();
    write_pack_as(
        &place,
        &[
            entry(3, 0, vec![0; huge]),
            entry(6, 0, inserts(huge, &text("slack"))),
            entry(6, 0, copies(huge, 8)),
            entry(3, 0, vec![0; large]),
            entry(6, 3, inserts(large, &text("openrouter"))),
            // A few bytes that say they are of 16 GB.
            entry(6, 3, copies(large, 1000)),
            entry(6, 5, inserts(16_777_215_000, &text("slack"))),
        ],
        &name,
    );
    let ids: Vec<[u8; 20]> = (0..7).map(name).collect();
    let names = ["0.py", "1.py", "2.py", "3.py", "4.py", "5.py", "6.py"];
    let files: Vec<(&str, &[u8])> = names.into_iter().zip(ids.iter().map(|id| &id[..])).collect();
    let start = committed(&place, &[], "");
    committed(&place, &files, &format!("parent {start}\n"));
    let output = bounded(&place, &["scan", "--history", "--no-cache", "-f", "json", "-v"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let report = parsed(&output);
    let object = |at: usize| format!("object {at:02}{}", "11".repeat(19));
    assert_eq!(paths(&report), ["4.py"], "{report:#}");
    assert_eq!(lost(&report), [object(1), object(6)], "{report:#}");
    let too_large = [0, 2, 3, 5].map(|at| object(at).replace("object", "blob"));
    assert_eq!(skipped(&report, "too-large"), too_large);
    // Single objects are no other.
    let output = bounded(&place, &["scan", "--range", "HEAD~1..HEAD", "-f", "json", "-v"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let report = parsed(&output);
    assert_eq!(paths(&report), ["4.py"], "{report:#}");
    assert_eq!(lost(&report), ["1.py", "6.py"], "{report:#}");
    assert!(report["problems"][0].to_string().contains("are not unpacked"), "{report:#}");
    assert_eq!(skipped(&report, "too-large"), ["0.py", "2.py", "3.py", "5.py"]);
}

/// Ten thousand versions of a file, each stored as what it changes in the one before, in no order.
#[test]
fn a_chain_of_deltas_without_end_is_read_in_any_order() {
    const COUNT: usize = 10_000;
    let place = Place::new();
    place.init();
    let text = |nth: usize| format!("{nth:08}{}", "a line of a text\n".repeat(480)).into_bytes();
    let len = text(0).len();
    let rest = u16::try_from(len - 8).unwrap().to_le_bytes();
    let entry = |nth: usize| match nth {
        0 => Entry { kind: 3, base: 0, payload: text(0) },
        _ => {
            let new = [&[8][..], format!("{nth:08}").as_bytes()].concat();
            // The rest is that of the base, from its ninth byte on.
            let copy = [&[0xb1, 8][..], &rest].concat();
            Entry {
                kind: 6,
                base: nth - 1,
                payload: [number(len), number(len), new, copy].concat(),
            }
        }
    };
    let ids: Vec<[u8; 20]> = (0..COUNT)
        .map(|nth| {
            let id = keylint::blob::ObjectId::of_blob(&text(nth));
            id.raw().try_into().unwrap()
        })
        .collect();
    write_pack_as(&place, &(0..COUNT).map(entry).collect::<Vec<_>>(), &|nth| ids[nth]);
    let names: Vec<String> = (0..COUNT).map(|nth| format!("{:08}", nth * 7919 % COUNT)).collect();
    let mut files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(ids.iter().map(|id| &id[..])).collect();
    files.sort_unstable();
    let start = committed(&place, &[], "");
    committed(&place, &files, &format!("parent {start}\n"));
    for args in [&["scan", "--history", "--no-cache"][..], &["scan", "--range", "HEAD~1..HEAD"]] {
        let start = std::time::Instant::now();
        let output = bounded(&place, &[args, &["-f", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        assert_eq!(parsed(&output)["stats"]["blobs"], COUNT, "{args:?}");
        // 0.2 s here, 25 s before.
        assert!(start.elapsed().as_secs() < 10, "{args:?}: {:?}", start.elapsed());
    }
}
