//! A key in encoded text is reported at exactly the bytes that encode it.

use std::ops::Range;

use keylint::scan::resolve::resolve;

use super::{ENGINE, hold, noise};
use crate::common::key;
use crate::fuzz::Dice;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 without the signs at its end.
pub(super) fn base64(bytes: &[u8]) -> String {
    let bits = |at: usize| {
        let byte = |n: usize| u32::from(bytes.get(n).copied().unwrap_or(0));
        (byte(at * 6 / 8) << 8 | byte(at * 6 / 8 + 1)) >> (10 - at * 6 % 8) & 63
    };
    let length = (bytes.len() * 8).div_ceil(6);
    (0..length).map(|at| char::from(ALPHABET[bits(at) as usize])).collect()
}

/// An encoding, as the test writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Base64,
    Url,
    Hex,
    UpperHex,
    Percent,
    X,
    U,
    Mixed,
}

use Form::{Base64, Hex, Mixed, Percent, U, UpperHex, Url, X};

impl Form {
    /// Encodes `text`; gives the bytes that stand for `span` of it, too.
    fn encode(self, dice: &mut Dice, text: &[u8], span: Range<usize>) -> (Vec<u8>, Range<usize>) {
        if matches!(self, Base64 | Url) {
            let all = base64(text);
            let all = if self == Url { all.replace('+', "-").replace('/', "_") } else { all };
            return (all.into_bytes(), span.start * 8 / 6..(span.end * 8).div_ceil(6));
        }
        let mut out = Vec::new();
        let (mut start, mut end) = (0, 0);
        for (at, &byte) in text.iter().enumerate() {
            if at == span.start {
                start = out.len();
            }
            let plain = String::from(char::from(byte));
            let wide = format!("\\u00{byte:02x}");
            let short = format!("\\x{byte:02X}");
            out.extend(
                match self {
                    Hex => format!("{byte:02x}"),
                    UpperHex => format!("{byte:02X}"),
                    Percent if byte.is_ascii_alphanumeric() && dice.roll(4) > 0 => plain,
                    Percent => format!("%{byte:02X}"),
                    X => short,
                    U => wide,
                    _ => [plain, wide, short][if byte == b'\\' { 1 } else { dice.roll(3) }].clone(),
                }
                .into_bytes(),
            );
            if at + 1 == span.end {
                end = out.len();
            }
        }
        (out, start..end)
    }

    /// What this one may stand around: marks in base64 and hex are known in base64 and hex, everything is
    /// in escapes.
    fn around(self, inner: &[Self]) -> bool {
        match self {
            Base64 | Hex | UpperHex => matches!(inner, [] | [Base64 | Hex]),
            Url | Percent => inner.is_empty(),
            X | U => true,
            Mixed => inner.is_empty() || inner == [Mixed],
        }
    }
}

/// One to three encodings, the innermost first.
fn forms(dice: &mut Dice) -> Vec<Form> {
    let all = [Base64, Url, Hex, UpperHex, Percent, X, U, Mixed];
    let depth = 1 + dice.roll(3);
    let mut forms = Vec::new();
    while forms.len() < depth {
        let next = *dice.pick(&all);
        if next.around(&forms) {
            forms.push(next);
        }
    }
    forms
}

#[test]
fn a_key_is_reported_at_the_bytes_that_encode_it() {
    let names = ["openrouter", "anthropic", "openrouter2"];
    let rules = ENGINE.rules().rules();
    hold(600, |dice| {
        let secret = key(names[dice.roll(3)]);
        let before = &["", "=", "= ", "key=", "api_key: ", "{\"k\": \""];
        let mut text = dice.pick(before).as_bytes().to_vec();
        let mut span = text.len()..text.len() + secret.len();
        text.extend(secret.bytes());
        text.extend(dice.pick(&["", "\n", "\"}", " and more"]).as_bytes());
        let forms = forms(dice);
        for form in &forms {
            (text, span) = form.encode(dice, &text, span);
        }
        let mut whole = noise(dice, 40);
        whole.extend(b"\n \" ");
        let (start, end) = (span.start + whole.len(), span.end + whole.len());
        whole.extend(text);
        whole.extend(b" \n");
        whole.extend(noise(dice, 40));
        let all = resolve(ENGINE.rules(), &ENGINE.scanner().scan(&whole), Some(b"a.txt"));
        let own = |id: &str| id == "openrouter-api-key" || id == "anthropic-api-key";
        let found: Vec<_> = all.iter().filter(|c| own(rules[c.rule as usize].rule.id())).collect();
        let shown = whole.escape_ascii();
        assert_eq!(found.len(), 1, "{forms:?}: {shown}");
        assert_eq!(
            (found[0].secret.start, found[0].secret.end),
            (start, end),
            "{forms:?}: {shown}"
        );
        assert_eq!(found[0].value(&whole), keylint::Secret::new(secret.as_bytes()));
    });
}
