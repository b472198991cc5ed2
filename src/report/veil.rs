//! Hides found values wherever else they stand: in a file's name, a commit's subject, a message.
//!
//! Excerpts and values are redacted when a finding is made; this is for text that comes from
//! elsewhere and may hold the same value.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use bstr::{BString, ByteSlice as _};
use zeroize::Zeroizing;

use crate::blob::{Commit, Provenance};
use crate::finding::{Excerpt, Finding, Report, Suppression, Verification};
use crate::secret::{Secret, redact};

/// Shorter values are often words of their own.
const SHORTEST: usize = 8;
/// A longer value stands in no name and no subject.
const LONGEST: usize = 512;

/// `report` with each of its values redacted in all its texts; as it is with `show`, or where no
/// text holds one.
pub(super) fn over(report: &Report, show: bool) -> Cow<'_, Report> {
    let Some(veil) = (if show { None } else { Veil::new(report) }) else {
        return Cow::Borrowed(report);
    };
    let allowed = report.suppressed.iter();
    let holds = report.findings.iter().any(|finding| veil.finding(&mut finding.clone()))
        || allowed.clone().any(|(finding, _)| veil.finding(&mut finding.clone()))
        || allowed.clone().any(|(_, why)| veil.suppression(&mut why.clone()))
        || report.problems.iter().any(|it| veil.holds(&it.place) || veil.holds(&it.message))
        || report.notices.iter().any(|notice| veil.holds(notice))
        || report.stats.skipped.values().flatten().any(|place| veil.holds(place));
    if !holds {
        return Cow::Borrowed(report);
    }
    let mut report = report.clone();
    for finding in &mut report.findings {
        veil.finding(finding);
    }
    for (finding, why) in &mut report.suppressed {
        veil.finding(finding);
        veil.suppression(why);
    }
    for problem in &mut report.problems {
        veil.texts([&mut problem.place, &mut problem.message]);
    }
    veil.texts(&mut report.notices);
    veil.texts(report.stats.skipped.values_mut().flatten());
    Cow::Owned(report)
}

/// All values of a report. Its methods redact them in a text, and say whether there were any.
pub struct Veil {
    values: AhoCorasick,
    /// The values, sorted, and backward: an excerpt may be cut inside one.
    forward: Sorted,
    backward: Sorted,
}

type Sorted = Vec<Zeroizing<Vec<u8>>>;

impl Veil {
    /// The values of `report`; `None` where there is nothing to hide.
    pub fn new(report: &Report) -> Option<Self> {
        let allowed = report.suppressed.iter().map(|(finding, _)| finding);
        let all = report.findings.iter().chain(allowed);
        let values: BTreeSet<&[u8]> = all.flat_map(values).filter(|value| telling(value)).collect();
        if values.is_empty() {
            return None;
        }
        let table = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&values);
        let forward: Sorted = values.iter().map(|value| Zeroizing::new(value.to_vec())).collect();
        let mut backward: Sorted = forward.iter().map(|value| reversed(value)).collect();
        backward.sort_unstable_by(|a, b| a.as_slice().cmp(b));
        // So many values that they fit into no table do not stand in names.
        table.ok().map(|values| Self { values, forward, backward })
    }

    fn holds(&self, text: &str) -> bool {
        self.values.is_match(text)
    }

    fn bytes(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut hidden = Vec::new();
        self.values.is_match(text).then(|| {
            self.values.replace_all_with_bytes(text, &mut hidden, |_, value, into| {
                into.extend_from_slice(redact(value).as_bytes());
                true
            });
            hidden
        })
    }

    /// Redacts the values in `text`; true where there were any.
    pub fn text(&self, text: &mut String) -> bool {
        // Values are UTF-8, and so is what is left between them.
        let hidden = self.bytes(text.as_bytes()).map(|hidden| hidden.to_str_lossy().into_owned());
        hidden.map(|hidden| *text = hidden).is_some()
    }

    fn texts<'t>(&self, texts: impl IntoIterator<Item = &'t mut String>) -> bool {
        texts.into_iter().fold(false, |held, text| self.text(text) | held)
    }

    fn path(&self, path: &mut BString) -> bool {
        self.bytes(path).map(|hidden| *path = hidden.into()).is_some()
    }

    fn finding(&self, finding: &mut Finding) -> bool {
        let Finding { message, location, verification, evidence, parts: _, advice, .. } = finding;
        let edits = advice.edits.iter_mut();
        let edited = edits
            .fold(false, |held, edit| self.path(&mut edit.path) | self.text(&mut edit.text) | held);
        self.text(message)
            | self.provenance(&mut location.provenance)
            | self.excerpt(&mut location.excerpt)
            | self.verification(verification)
            | self.texts(evidence.iter_mut().map(|evidence| &mut evidence.what))
            | self.texts(&mut advice.notes)
            | self.text(&mut advice.title)
            | advice.first.as_mut().is_some_and(|commit| self.commit(commit))
            | edited
    }

    fn provenance(&self, provenance: &mut Provenance) -> bool {
        match provenance {
            Provenance::File { shown, path } | Provenance::Member { shown, path } => {
                self.path(shown) | self.path(path)
            }
            Provenance::Index { path, .. } => self.path(path),
            Provenance::Commit { commit, path, .. } => self.commit(commit) | self.path(path),
            Provenance::Blob { via, .. } => self.text(via),
            Provenance::Stdin => false,
        }
    }

    /// Findings share their commits; only one that changes becomes another.
    fn commit(&self, commit: &mut Arc<Commit>) -> bool {
        let Commit { id: _, author, email, date: _, subject } = &**commit;
        let holds = [author, email, subject].into_iter().any(|text| self.holds(text));
        if holds {
            let Commit { author, email, subject, .. } = Arc::make_mut(commit);
            self.texts([author, email, subject]);
        }
        holds
    }

    /// The text around the mark may hold a value that only another file made known.
    fn excerpt(&self, excerpt: &mut Excerpt) -> bool {
        let Excerpt { text, mark } = excerpt;
        let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |c| c.0);
        let (from, to) = (byte(mark.start), byte(mark.end));
        let (mut before, mut after) = (text[..from].to_owned(), text[to..].to_owned());
        let held = self.texts([&mut before, &mut after]) | self.severed(&mut before, &mut after);
        if held {
            let start = before.chars().count();
            let marked = &text[from..to];
            *excerpt = Excerpt {
                text: format!("{before}{marked}{after}"),
                mark: start..start + mark.len(),
            };
        }
        held
    }

    /// Takes out what is left of a value in which the text around a mark was cut off.
    fn severed(&self, before: &mut String, after: &mut String) -> bool {
        let start = before.strip_prefix('…').and_then(|rest| {
            let at = tail(&reversed(rest.as_bytes()), &self.backward)?;
            Some(format!("…{rest}", rest = &rest[rest.len() - at..]))
        });
        let end = after.strip_suffix('…').and_then(|rest| {
            let at = tail(rest.as_bytes(), &self.forward)?;
            Some(format!("{rest}…", rest = &rest[..at]))
        });
        let held = start.is_some() || end.is_some();
        start.into_iter().for_each(|text| *before = text);
        end.into_iter().for_each(|text| *after = text);
        held
    }

    fn verification(&self, verification: &mut Verification) -> bool {
        match verification {
            Verification::NotTried { reason: detail }
            | Verification::Live { detail }
            | Verification::LiveRestricted { detail }
            | Verification::Revoked { detail } => self.texts(detail),
            Verification::Unknown { reason } => self.text(reason),
        }
    }

    fn suppression(&self, why: &mut Suppression) -> bool {
        match why {
            Suppression::Inline { reason, .. } => self.texts(reason),
            Suppression::Baseline(mark) => {
                self.text(&mut mark.reason) | self.texts(&mut mark.author)
            }
            Suppression::Config { reason } => self.text(reason),
        }
    }
}

fn reversed(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.iter().rev().copied().collect())
}

/// Where the end of `text` begins that is the beginning of one of `values`, and no word.
fn tail(text: &[u8], values: &Sorted) -> Option<usize> {
    let run = text.iter().rev().take(LONGEST).take_while(|b| b.is_ascii_graphic()).count();
    let begins = |at: &usize| {
        let piece = &text[*at..];
        let next = values.partition_point(|value| value.as_slice() < piece);
        values.get(next).is_some_and(|value| value.starts_with(piece))
    };
    (text.len() - run..=text.len().checked_sub(SHORTEST)?).find(begins)
}

#[expect(clippy::disallowed_methods, reason = "the value is looked for to hide it")]
fn values(finding: &Finding) -> impl Iterator<Item = &[u8]> {
    let parts = finding.parts.iter().map(|part| &part.secret);
    std::iter::once(&finding.secret).chain(parts).map(Secret::expose)
}

/// True for what is no word: `postgres` may be a password, and is a folder, too.
fn telling(value: &[u8]) -> bool {
    let has = |wanted: fn(&u8) -> bool| value.iter().any(wanted);
    (SHORTEST..=LONGEST).contains(&value.len())
        && std::str::from_utf8(value).is_ok()
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
}
