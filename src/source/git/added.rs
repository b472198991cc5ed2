//! Which lines of a changed file are new: those in no parent, a renamed file's old lines aside.

use std::borrow::Cow;

use bstr::BStr;
use git2::{DiffOptions, Patch};
use rustc_hash::FxHashMap;

use crate::blob::ObjectId;
use crate::source::git::changes::{Change, Removed};
use crate::source::git::store::{Object, ReadError, Store};
use crate::span::{LineIndex, Span};
use crate::text;

/// Files that are compared with a new one to find what it was renamed from.
const MOST_SOURCES: usize = 1000;
/// Bytes that are compared at most to find what members of an archive were renamed from.
const MOST_COMPARED: usize = 256 << 20;

/// The new lines of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// By line from 0; `None`: the whole file is new.
    lines: Option<Vec<bool>>,
}

impl Added {
    /// Compares the file of `change`, whose decoded content is `new`, with every parent. `removed`
    /// is what the parents have and the new side has not.
    ///
    /// # Errors
    /// [`ReadError`] for old content that cannot be read.
    pub(crate) fn of(
        store: &Store,
        (change, removed): (&Change, &[Removed]),
        new: &[u8],
    ) -> Result<Self, ReadError> {
        let mut added = Self::default();
        for (at, before) in change.before.iter().enumerate() {
            let old = match before {
                // What is too large to be compared had other lines.
                Some(id) if store.size(*id)? > store.most() => None,
                Some(id) => Some(store.read(*id)?),
                None => renamed_from(store, removed.get(at), (change.blob, new))?,
            };
            if let Some(old) = old {
                let fault = |error: git2::Error| ReadError {
                    id: change.blob,
                    message: format!("cannot be compared: {text}", text = error.message()),
                };
                added.keep(&between(&text::decode(old.data()), new).map_err(fault)?);
            }
        }
        Ok(added)
    }

    /// The lines of `new` that are not in `old`.
    ///
    /// # Errors
    /// libgit2's, for content that it cannot compare.
    pub fn between(old: &[u8], new: &[u8]) -> Result<Self, git2::Error> {
        Ok(Self { lines: Some(between(&text::decode(old), new)?) })
    }

    /// True when `span` of the file's decoded `bytes` has a part on a new line.
    pub fn touches(&self, index: &LineIndex, bytes: &[u8], span: Span) -> bool {
        let Some(lines) = &self.lines else { return true };
        let line = |offset: usize| index.point(bytes, offset).line as usize - 1;
        let (first, last) = (line(span.start), line(span.end.max(span.start + 1) - 1));
        lines.iter().take(last + 1).skip(first).any(|added| *added)
    }

    /// Leaves only what is new against another parent, too.
    pub fn join(&mut self, other: Self) {
        if let Some(lines) = other.lines {
            self.keep(&lines);
        }
    }

    /// Leaves only lines that are new against another parent, too.
    fn keep(&mut self, other: &[bool]) {
        match &mut self.lines {
            Some(lines) => lines.iter_mut().zip(other).for_each(|(line, other)| *line &= other),
            None => self.lines = Some(other.to_vec()),
        }
    }
}

/// Texts by their names, until all old versions of them are seen: an archive's members.
pub struct Versions<'n> {
    texts: Vec<Versioned<'n>>,
    by_name: FxHashMap<&'n BStr, Vec<usize>>,
    /// Bytes that may still be compared to see what a text was renamed from.
    left: usize,
    fault: Option<git2::Error>,
}

struct Versioned<'n> {
    new: &'n [u8],
    /// How often each line stands in it, once that was asked for.
    counts: Option<FxHashMap<&'n [u8], usize>>,
    same: Added,
    /// The most similar text that is gone: bytes shared, and what is new against it.
    renamed: Option<(usize, Added)>,
}

impl<'n> Versions<'n> {
    /// Of the texts `all` with their names.
    pub fn of(all: impl Iterator<Item = (&'n BStr, &'n [u8])>) -> Self {
        let mut by_name: FxHashMap<&BStr, Vec<usize>> = FxHashMap::default();
        let text = |(at, (name, new))| {
            by_name.entry(name).or_default().push(at);
            Versioned { new, counts: None, same: Added::default(), renamed: None }
        };
        let texts = all.enumerate().map(text).collect();
        Self { texts, by_name, left: MOST_COMPARED, fault: None }
    }

    /// Compares with the decoded `old` that stood at `name`; one that is `gone` may be what a text was
    /// renamed from.
    pub fn see(&mut self, name: &BStr, old: &[u8], gone: bool) {
        let same = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        for at in same {
            let text = &mut self.texts[*at];
            match Added::between(old, text.new) {
                Ok(added) => text.same.join(added),
                Err(error) => self.fault = Some(error),
            }
        }
        if !gone {
            return;
        }
        for text in self.texts.iter_mut().filter(|text| text.same.lines.is_none()) {
            let (least, larger) = (old.len().min(text.new.len()), old.len().max(text.new.len()));
            if larger / 2 > least || self.left < larger {
                continue;
            }
            self.left -= larger;
            let share = shared(text.counts.get_or_insert_with(|| lines_of(text.new)), old);
            if share * 2 >= larger && text.renamed.as_ref().is_none_or(|(most, _)| share > *most) {
                match Added::between(old, text.new) {
                    Ok(added) => text.renamed = Some((share, added)),
                    Err(error) => self.fault = Some(error),
                }
            }
        }
    }

    /// What is new of each text: against those of its name, or else against what it was renamed from.
    ///
    /// # Errors
    /// libgit2's, for content that it cannot compare.
    pub fn ended(self) -> Result<Vec<Added>, git2::Error> {
        let of = |text: Versioned<'_>| match (text.same.lines.is_some(), text.renamed) {
            (false, Some((_, renamed))) => renamed,
            _ => text.same,
        };
        self.fault.map_or_else(|| Ok(self.texts.into_iter().map(of).collect()), Err)
    }
}

/// For each line of `new` whether it is new. White space at the ends of lines does not count, so
/// that changed line endings add nothing.
fn between(old: &[u8], new: &[u8]) -> Result<Vec<bool>, git2::Error> {
    let (old, new) = (ended(old), ended(new));
    let mut options = DiffOptions::new();
    options.context_lines(0).force_text(true).ignore_whitespace_eol(true);
    let patch = Patch::from_buffers(&old, None, &new, None, Some(&mut options))?;
    let mut lines = vec![false; memchr::memchr_iter(b'\n', &new).count()];
    for at in 0..patch.num_hunks() {
        let (hunk, _) = patch.hunk(at)?;
        let start = (hunk.new_start() as usize).saturating_sub(1);
        lines.iter_mut().skip(start).take(hunk.new_lines() as usize).for_each(|line| *line = true);
    }
    Ok(lines)
}

/// `bytes` with a line end at the end: a line is not new because another follows it.
fn ended(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.ends_with(b"\n") || bytes.is_empty() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned([bytes, b"\n"].concat())
}

/// True when `blob` is among the files of `removed`.
pub(crate) fn is_moved(
    store: &Store,
    removed: Option<&Removed>,
    blob: ObjectId,
) -> Result<bool, ReadError> {
    Ok(removed.map(|it| it.files(store)).transpose()?.is_some_and(|files| files.has(&blob)))
}

/// The removed file that a new one continues: the same content, or the most similar one that
/// shares at least half of the larger file.
fn renamed_from(
    store: &Store,
    removed: Option<&Removed>,
    (blob, new): (ObjectId, &[u8]),
) -> Result<Option<Object>, ReadError> {
    let Some(sources) = removed.map(|it| it.files(store)).transpose()? else { return Ok(None) };
    if sources.has(&blob) {
        return store.read(blob).map(Some);
    }
    let mut best = None;
    let counts = lines_of(new);
    for id in sources.list.iter().copied().take(MOST_SOURCES) {
        let size = usize::try_from(store.size(id)?).unwrap_or(usize::MAX);
        // Half of the larger one cannot be shared when the smaller one is less than that; twice
        // that for files that are transcoded before they are compared.
        if size / 4 > new.len() || new.len() / 4 > size {
            continue;
        }
        let old = store.read(id)?;
        let share = shared(&counts, &text::decode(old.data()));
        let larger = old.data().len().max(new.len());
        if share * 2 >= larger && best.as_ref().is_none_or(|(most, _)| share > *most) {
            best = Some((share, old));
        }
    }
    Ok(best.map(|(_, old)| old))
}

/// How often each line stands in `bytes`.
fn lines_of(bytes: &[u8]) -> FxHashMap<&[u8], usize> {
    let mut counts = FxHashMap::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

/// Bytes of the lines that `old` shares with those counted.
fn shared(counts: &FxHashMap<&[u8], usize>, old: &[u8]) -> usize {
    let old = lines_of(old);
    old.iter().map(|(line, n)| line.len() * n.min(counts.get(line).unwrap_or(&0))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_new_by_content_alone() {
        let new = |old: &str, new: &str| between(old.as_bytes(), new.as_bytes()).unwrap();
        assert_eq!(new("a\nb\n", "a\nx\nb\n"), [false, true, false]);
        assert_eq!(new("a", "a\nb"), [false, true]);
        assert_eq!(new("a\nb\n", "a\r\nb\r\n"), [false, false]);
        assert_eq!(new("", "a\n"), [true]);
        assert!(new("a\n", "").is_empty());
    }

    #[test]
    fn a_span_counts_by_each_of_its_lines() {
        let bytes = b"one\ntwo\nthree\n";
        let index = LineIndex::new(bytes);
        let added = Added { lines: Some(vec![false, true, false]) };
        assert!(!added.touches(&index, bytes, Span::new(0, 4)));
        assert!(added.touches(&index, bytes, Span::new(0, 5)));
        assert!(added.touches(&index, bytes, Span::new(4, 7)));
        assert!(!added.touches(&index, bytes, Span::new(8, 13)));
        assert!(Added::default().touches(&index, bytes, Span::new(8, 13)));
    }
}
