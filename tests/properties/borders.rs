//! Where a text is cut for the machine's sake (views, windows, buffers) nothing is lost and nothing
//! changes: what stands behind a padding of any length is found as without, only further on.

use std::io::Write as _;
use std::process::Stdio;

use flate2::write::GzEncoder;
use keylint::scan::Candidate;
use keylint::scan::resolve::resolve;

use super::{ENGINE, hold, noise};
use crate::common::{Place, json, key, keylint, parsed};
use crate::fuzz::Dice;

type Found = Vec<(u32, usize, usize)>;

fn found(text: &[u8], less: usize) -> Found {
    let all = ENGINE.scanner().scan(text);
    let one = |c: &Candidate| (c.rule, c.secret.start - less, c.secret.end - less);
    let mut found: Found = all.iter().map(one).collect();
    found.sort_unstable();
    found
}

/// A text with three keys: plain, in base64, and put together of literals.
fn text(dice: &mut Dice) -> Vec<u8> {
    let (head, tail) = (key("openrouter"), key("anthropic"));
    let joined = tail.split_at(20 + dice.roll(60));
    let mut text = noise(dice, 30);
    text.extend(b"\n \n");
    text.extend(format!("a = \"{head}\"\n").bytes());
    text.extend(noise(dice, 30));
    text.extend(format!("\nb = '{}'\n", super::spans::base64(key("slack").as_bytes())).bytes());
    text.extend(format!("c = \"{}\" + \"{}\"\n", joined.0, joined.1).bytes());
    text.extend(noise(dice, 30));
    text
}

#[test]
fn a_padding_of_any_length_moves_findings_and_changes_none() {
    hold(3, |dice| {
        let text = text(dice);
        let line =
            *dice.pick(&[b"\n".as_slice(), b" a line of text that says nothing\n", b"        \n"]);
        let want = found(&[b"\n\n".as_slice(), &text].concat(), 2);
        assert!(want.len() >= 3, "{want:?}");
        let around = |border: usize| (border.saturating_sub(200)..border + 20).step_by(7);
        for length in [256, 512, 4096, 8000, 8192, 1 << 16, 1 << 17].into_iter().flat_map(around) {
            let length = length + dice.roll(7);
            let mut padded = line.repeat(length / line.len() + 1);
            padded.drain(..padded.len() - length);
            padded.extend_from_slice(&text);
            assert_eq!(found(&padded, length), want, "a padding of {length}");
        }
    });
}

/// How a long text is encoded as one: what a byte becomes.
type Encode = fn(&[u8]) -> Vec<u8>;

#[test]
fn a_key_anywhere_in_a_long_encoded_text_is_found() {
    let encodings: [(&str, usize, Encode); 5] = [
        ("base64", 48 << 10, |text| super::spans::base64(text).into_bytes()),
        ("hex", 32 << 10, |text| keylint::text::hex(text).into_bytes()),
        ("percent", 64 << 10, |text| {
            let one = |&b: &u8| if b == b'-' { b"%2D".to_vec() } else { vec![b] };
            text.iter().flat_map(one).collect()
        }),
        ("escapes", 16 << 10, |text| {
            text.iter().flat_map(|b| format!("\\x{b:02x}").into_bytes()).collect()
        }),
        ("joined", 32 << 10, |text| {
            text.iter()
                .flat_map(|&b| if b == b'-' { b"-\" +\n \"".to_vec() } else { vec![b] })
                .collect()
        }),
    ];
    hold(2, |dice| {
        let secret = key("openrouter");
        for (name, border, encode) in encodings {
            // Something that asks for a view long before the key, and again and again.
            let filler = b"a secret is no-thing; ";
            for at in (border - 120..border + 40).step_by(5) {
                let at = at + dice.roll(5);
                let mut text = filler.repeat(at / filler.len() + 1);
                text.truncate(at);
                text[at - 1] = b' ';
                text.extend(secret.bytes());
                // What stands behind it asks for nothing.
                text.extend(b" and so on".repeat(dice.roll(2) * 200));
                if name == "percent" || name == "joined" {
                    text.iter_mut().filter(|b| **b == b' ').for_each(|b| *b = b';');
                }
                let whole = [b"k = \"".as_slice(), &encode(&text), b"\"\n"].concat();
                let all = resolve(ENGINE.rules(), &ENGINE.scanner().scan(&whole), Some(b"a.txt"));
                let rules = ENGINE.rules().rules();
                let own = |c: &&Candidate| rules[c.rule as usize].rule.id() == "openrouter-api-key";
                let values = all.iter().filter(own).map(|c| c.value(&whole));
                let known = keylint::Secret::new(secret.as_bytes());
                assert_eq!(values.filter(|value| *value == known).count(), 1, "{name}, {at}");
            }
        }
    });
}

#[test]
fn a_key_over_the_end_of_a_buffer_is_found_by_every_source() {
    let (place, secret) = (Place::new(), key("openrouter"));
    place.init();
    let (mut count, line) = (0, "a line of text that says nothing at all\n");
    for border in [4096, 8192, 32 << 10, 64 << 10, 128 << 10, 1 << 20] {
        for at in [border - 90, border - 40, border - 1, border] {
            let mut text = line.repeat(at / line.len() + 1);
            text.truncate(at - 1);
            text += &format!(" {secret}\n{line}");
            let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            place.write(&format!("{at}.txt"), &text);
            place.write(&format!("{at}.gz"), packed.finish().unwrap());
            count += 1;
            let mut command = keylint(place.path());
            command
                .args(["scan", "--stdin", "-f", "json"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            starts(&parsed(&child.wait_with_output().unwrap()), 1);
        }
    }
    starts(&json(place.path(), &["scan", "--archives"]), 2 * count);
    place.git(&["add", "*.txt"]);
    place.git(&["commit", "-q", "-m", "all"]);
    starts(&json(place.path(), &["scan", "--history", "--no-cache"]), count);
    place.git(&["repack", "-adq"]);
    starts(&json(place.path(), &["scan", "--history", "--no-cache"]), count);
}

/// Holds that `report` has `count` findings, each where the name of its file says.
fn starts(report: &serde_json::Value, count: usize) {
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), count);
    for finding in findings {
        let (name, start) =
            (finding["path"].as_str().unwrap_or_default(), finding["bytes"][0].to_string());
        let at = name.split(['.', '/']).next().unwrap_or_default();
        assert!(at.is_empty() || at == start, "{name}: {start}");
    }
}
