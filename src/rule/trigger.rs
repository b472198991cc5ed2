//! What asks for a view: the encoded forms of marks and the signs of an encoding, as keywords of the
//! one automaton that passes over every byte.

use serde::Deserialize;

use crate::rule::{RuleError, data_file};

/// How a view was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// Base64, standard or URL-safe.
    Base64,
    /// Pairs of hex digits.
    Hex,
    /// `%41`.
    Percent,
    /// `\x41`, `\u0041`, `\n`, `\/`.
    Escapes,
    /// The strings of a Jupyter notebook, lines joined.
    Notebook,
    /// The `data` of a Kubernetes Secret.
    Manifest,
    /// String literals joined by an operator or by standing side by side.
    Joined,
}

impl Encoding {
    /// What to tell a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Percent => "percent encoding",
            Self::Escapes => "escapes",
            Self::Notebook => "a notebook's strings",
            Self::Manifest => "a Kubernetes Secret",
            Self::Joined => "joined string literals",
        }
    }
}

/// A keyword that asks for a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// A mark in base64, `shift` characters after the start of a group of four.
    Base64 {
        /// Characters of its first group that stand before it.
        shift: u8,
    },
    /// A mark in hex.
    Hex,
    /// A percent-encoded character that is otherwise written plain.
    Percent,
    /// An escape in source code.
    Escapes,
    /// A Jupyter notebook.
    Notebook,
    /// A Kubernetes Secret.
    Manifest,
    /// A rule's keyword with a joint of literals behind it.
    Joined,
}

impl Trigger {
    /// The encoding of the view that it asks for.
    pub fn encoding(self) -> Encoding {
        match self {
            Self::Base64 { .. } => Encoding::Base64,
            Self::Hex => Encoding::Hex,
            Self::Percent => Encoding::Percent,
            Self::Escapes => Encoding::Escapes,
            Self::Notebook => Encoding::Notebook,
            Self::Manifest => Encoding::Manifest,
            Self::Joined => Encoding::Joined,
        }
    }
}

/// A trigger with the text that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// The text, in its case.
    pub text: Vec<u8>,
    /// What it asks for.
    pub trigger: Trigger,
    /// True when the case of the text counts.
    pub exact: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    marks: Vec<String>,
    deep: Vec<String>,
}

/// Encodings that announce themselves.
const SIGNS: [(&str, Trigger); 11] = [
    ("\\u00", Trigger::Escapes),
    ("\\x", Trigger::Escapes),
    ("\\/", Trigger::Escapes),
    ("%3d", Trigger::Percent),
    ("%2d", Trigger::Percent),
    ("%5f", Trigger::Percent),
    ("%3a%22", Trigger::Percent),
    ("\"nbformat\"", Trigger::Notebook),
    ("kind: secret", Trigger::Manifest),
    ("\"kind\": \"secret\"", Trigger::Manifest),
    ("\"kind\":\"secret\"", Trigger::Manifest),
];

/// All triggers, from `rules/decode.toml` and the signs above.
///
/// # Errors
/// [`RuleError::Syntax`] when the data file is broken; a test holds that it is not.
pub fn keywords() -> Result<Vec<Keyword>, RuleError> {
    let name = "decode.toml";
    let data: Data = toml::from_str(data_file(name)?)
        .map_err(|error| RuleError::Syntax { file: name.to_owned(), message: error.to_string() })?;
    let sign = |(text, trigger): &(&str, Trigger)| Keyword {
        text: text.as_bytes().to_vec(),
        trigger: *trigger,
        exact: false,
    };
    let mut all: Vec<Keyword> = SIGNS.iter().map(sign).collect();
    for mark in &data.marks {
        for form in forms(mark.as_bytes()) {
            // Twice encoded: the outer view shows the inner form, which then asks for its own view.
            if data.deep.contains(mark) {
                all.extend(forms(&form.text));
            }
            all.push(form);
        }
    }
    all.sort_by(|a, b| (&a.text, a.trigger).cmp(&(&b.text, b.trigger)));
    all.dedup();
    Ok(all)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `bytes` in standard base64, padded.
pub(crate) fn encode_base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3)
            .fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        let sextet = |at: u32| ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
        for at in 0..4_u32 {
            text.push(if at as usize <= group.len() { sextet(at) } else { b'=' });
        }
    }
    text
}

/// `mark` in base64 and in hex.
fn forms(mark: &[u8]) -> Vec<Keyword> {
    let mut all = base64_forms(mark);
    let text: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
    if text.len() >= 8 {
        all.push(Keyword { text: text.into_bytes(), trigger: Trigger::Hex, exact: false });
    }
    all
}

/// The characters of `mark` in base64 that do not depend on its neighbours, for each of the three
/// ways in which it can stand in the groups; forms under four characters say too little.
fn base64_forms(mark: &[u8]) -> Vec<Keyword> {
    let form = |before: usize| {
        let padded = [&vec![0; before], mark].concat();
        let text = encode_base64(&padded);
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        let shift = u8::try_from(first % 4).unwrap_or(0);
        let text = text.get(first..last)?.to_vec();
        (text.len() >= 4).then_some(Keyword {
            text,
            trigger: Trigger::Base64 { shift },
            exact: true,
        })
    };
    let mut forms: Vec<Keyword> = (0..3).filter_map(form).collect();
    // The URL-safe alphabet differs in two characters.
    let url: Vec<Keyword> = forms
        .iter()
        .filter(|form| form.text.iter().any(|b| b"+/".contains(b)))
        .map(|form| {
            let swap = |&b: &u8| match b {
                b'+' => b'-',
                b'/' => b'_',
                b => b,
            };
            Keyword { text: form.text.iter().map(swap).collect(), ..form.clone() }
        })
        .collect();
    forms.extend(url);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_has_one_form_for_each_alignment() {
        let forms = base64_forms(b"T3BlbkFJ");
        let texts: Vec<&[u8]> = forms.iter().map(|form| form.text.as_slice()).collect();
        for before in 0..3 {
            let text =
                encode_base64(&[&vec![b'x'; before], b"T3BlbkFJ".as_slice(), b"yy"].concat());
            let found = forms.iter().find(|form| memchr::memmem::find(&text, &form.text).is_some());
            let form = found.unwrap_or_else(|| panic!("{before}: {texts:?}"));
            let at = memchr::memmem::find(&text, &form.text).unwrap();
            assert_eq!(form.trigger, Trigger::Base64 { shift: u8::try_from(at % 4).unwrap() });
        }
    }
}
