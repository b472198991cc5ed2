//! What asks for a view: the encoded forms of marks and the signs of an encoding, as keywords of the
//! one table that every byte is looked up in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::rule::{RuleError, data};
use crate::text::hex;

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

/// What a keyword asks for: a view, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trigger {
    /// How the view is decoded.
    pub encoding: Encoding,
    /// In base64: characters of the first group of four that stand before the keyword.
    pub shift: u8,
}

impl Trigger {
    /// Asks for a view in `encoding`, which has no groups or begins one.
    pub const fn of(encoding: Encoding) -> Self {
        Self { encoding, shift: 0 }
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

/// More of a form is not looked for: so much does not stand in a text by chance, and how far around a change
/// a version of a file is searched again goes by the longest keyword.
const LONGEST: usize = 32;

/// Encodings that announce themselves.
const SIGNS: [(&str, Encoding); 11] = [
    ("\\u00", Encoding::Escapes),
    ("\\x", Encoding::Escapes),
    ("\\/", Encoding::Escapes),
    ("%3d", Encoding::Percent),
    ("%2d", Encoding::Percent),
    ("%5f", Encoding::Percent),
    ("%3a%22", Encoding::Percent),
    ("\"nbformat\"", Encoding::Notebook),
    ("kind: secret", Encoding::Manifest),
    ("\"kind\": \"secret\"", Encoding::Manifest),
    ("\"kind\":\"secret\"", Encoding::Manifest),
];

/// All triggers, from `rules/decode.toml` and the signs above.
///
/// # Errors
/// [`RuleError::Syntax`] when the data file is broken; a test holds that it is not.
pub fn keywords() -> Result<Vec<Keyword>, RuleError> {
    let data: Data = data("decode.toml")?;
    let sign = |(text, encoding): &(&str, Encoding)| Keyword {
        text: text.as_bytes().to_vec(),
        trigger: Trigger::of(*encoding),
        exact: false,
    };
    let mut all: Vec<Keyword> = SIGNS.iter().map(sign).collect();
    for mark in &data.marks {
        for form in forms(mark.as_bytes()) {
            // Encoded twice or three times: the outer view shows the inner form, which then asks for its
            // own view.
            for second in data.deep.contains(mark).then(|| forms(&form.text)).into_iter().flatten()
            {
                all.extend(forms(&second.text));
                all.push(second);
            }
            all.push(form);
        }
    }
    all.iter_mut().for_each(|keyword| keyword.text.truncate(LONGEST));
    all.sort_by(|a, b| (&a.text, a.trigger).cmp(&(&b.text, b.trigger)));
    all.dedup();
    Ok(all)
}

/// `mark` in base64 and in hex.
fn forms(mark: &[u8]) -> Vec<Keyword> {
    let mut all = base64_forms(mark);
    let text = hex(mark);
    if text.len() >= 8 {
        all.push(Keyword {
            text: text.into_bytes(),
            trigger: Trigger::of(Encoding::Hex),
            exact: false,
        });
    }
    all
}

/// The characters of `mark` in base64 that do not depend on its neighbours, for each of the three
/// ways in which it can stand in the groups; forms under four characters say too little.
fn base64_forms(mark: &[u8]) -> Vec<Keyword> {
    let form = |before: usize| {
        let padded = [&vec![0; before], mark].concat();
        let text = STANDARD.encode(&padded).into_bytes();
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        let shift = u8::try_from(first % 4).unwrap_or(0);
        let text = text.get(first..last)?.to_vec();
        (text.len() >= 4).then_some(Keyword {
            text,
            trigger: Trigger { encoding: Encoding::Base64, shift },
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
                STANDARD.encode([&vec![b'x'; before], b"T3BlbkFJ".as_slice(), b"yy"].concat());
            let found = forms
                .iter()
                .find(|form| memchr::memmem::find(text.as_bytes(), &form.text).is_some());
            let form = found.unwrap_or_else(|| panic!("{before}: {texts:?}"));
            let at = memchr::memmem::find(text.as_bytes(), &form.text).unwrap();
            assert_eq!(usize::from(form.trigger.shift), at % 4);
            assert_eq!(form.trigger.encoding, Encoding::Base64);
        }
    }
}
