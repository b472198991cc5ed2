//! Which lines of a changed file are new: those in no parent, a renamed file's old lines aside.

use std::borrow::Cow;

use git2::{DiffOptions, Patch};
use rustc_hash::FxHashMap;

use crate::blob::ObjectId;
use crate::source::git::changes::{Change, Gone};
use crate::source::git::store::{Object, ReadError, Store};
use crate::source::git::tree::{Mode, entries};
use crate::span::{LineIndex, Span};
use crate::text;

/// Files that are compared with a new one to find what it was renamed from.
const MOST_SOURCES: usize = 1000;

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
        store: &Store<'_>,
        (change, removed): (&Change, &[Vec<Gone>]),
        new: &[u8],
    ) -> Result<Self, ReadError> {
        let mut added = Self::default();
        for (at, before) in change.before.iter().enumerate() {
            let old = match before {
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

    /// Leaves only lines that are new against another parent, too.
    fn keep(&mut self, other: &[bool]) {
        match &mut self.lines {
            Some(lines) => lines.iter_mut().zip(other).for_each(|(line, other)| *line &= other),
            None => self.lines = Some(other.to_vec()),
        }
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

/// The removed file that a new one continues: the same content, or the most similar one that
/// shares at least half of the larger file.
fn renamed_from<'s>(
    store: &'s Store<'_>,
    removed: Option<&Vec<Gone>>,
    (blob, new): (ObjectId, &[u8]),
) -> Result<Option<Object<'s>>, ReadError> {
    let mut sources = Vec::new();
    for gone in removed.into_iter().flatten() {
        files(store, *gone, &mut sources)?;
    }
    if sources.contains(&blob) {
        return store.read(blob).map(Some);
    }
    let mut best = None;
    let counts = lines_of(new);
    for id in sources.into_iter().take(MOST_SOURCES) {
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

/// The files of `gone`, folders entered.
fn files(store: &Store<'_>, gone: Gone, found: &mut Vec<ObjectId>) -> Result<(), ReadError> {
    let mut open = vec![gone];
    while let Some(Gone { id, folder }) = open.pop() {
        if !folder {
            found.push(id);
            continue;
        }
        let tree = store.read(id)?;
        open.extend(entries(tree.data(), store.hash()).filter_map(|(mode, _, id)| match mode {
            Mode::Submodule => None,
            mode => Some(Gone { id, folder: mode == Mode::Tree }),
        }));
    }
    Ok(())
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
