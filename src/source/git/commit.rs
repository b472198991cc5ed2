//! Commits and tags as bytes. libgit2 refuses what is not well-formed, such as a commit without an author or
//! with a date that no clock can show; old conversions left such commits in real histories, and the keys in
//! them are as real as others.

use bstr::{BStr, ByteSlice as _};

use crate::blob::{Commit, ObjectId};
use crate::source::git::objects::parse_hex;
use crate::source::git::pack::Kind;
use crate::source::git::store::{ReadError, Store};

/// Digits of a date that are shown where they are no date.
const MOST_DIGITS: usize = 20;

/// What the graph needs of a commit.
pub(crate) struct Head {
    /// Its tree; `None` where it names none.
    pub(crate) tree: Option<ObjectId>,
    /// Its parents.
    pub(crate) parents: Vec<ObjectId>,
    /// The committer's time; 0 where there is none that can be read.
    pub(crate) time: i64,
    /// True when it names a parent by what is no id.
    pub(crate) odd_parent: bool,
}

/// Reads the header of a commit. What is not there or broken is left out.
pub(crate) fn head(bytes: &[u8]) -> Head {
    let mut head = Head { tree: None, parents: Vec::new(), time: 0, odd_parent: false };
    for (key, value) in fields(bytes) {
        match key {
            b"tree" if head.tree.is_none() => head.tree = parse_hex(value),
            b"parent" => match parse_hex(value) {
                Some(parent) => head.parents.push(parent),
                None => head.odd_parent = true,
            },
            b"committer" => {
                head.time = Signature::of(value).seconds().unwrap_or(0);
                break;
            }
            _ => {}
        }
    }
    head
}

/// The tree of the commit `id`.
///
/// # Errors
/// [`ReadError`]: it cannot be read, or names no tree.
pub(crate) fn tree_of(store: &Store, id: ObjectId) -> Result<ObjectId, ReadError> {
    let object = store.read(id)?;
    let message = "it is no commit, or names no tree; check it with `git fsck`";
    head(object.data()).tree.ok_or_else(|| ReadError { id, message: message.to_owned() })
}

/// The commit that `id` is, or leads to through tags, where that takes no more than `most` objects.
///
/// # Errors
/// Why it is none.
pub(crate) fn peeled(store: &Store, mut id: ObjectId, most: usize) -> Result<ObjectId, String> {
    for _ in 0..most {
        let object = store.read(id).map_err(|error| error.to_string())?;
        let next = match object.kind() {
            Kind::Commit => return Ok(id),
            Kind::Tag => tagged(object.data()),
            Kind::Tree | Kind::Blob => None,
        };
        id = next.ok_or_else(|| format!("object {id} is no commit and leads to none"))?;
    }
    Err(format!("it leads through more than {most} tags"))
}

/// The facts of the commit `id` that a report shows; only the id where it cannot be read.
pub(crate) fn read(store: &Store, id: ObjectId) -> Commit {
    let object = store.read(id).ok();
    facts(id, object.as_ref().map(|object| object.data()).unwrap_or_default())
}

/// The facts of the commit `id` that a report shows. What it does not say is empty.
pub(crate) fn facts(id: ObjectId, bytes: &[u8]) -> Commit {
    let author = fields(bytes).find(|(key, _)| *key == b"author");
    let author = Signature::of(author.map(|(_, value)| value).unwrap_or_default());
    let message = bytes.find("\n\n").map_or(&b""[..], |end| &bytes[end..]);
    let subject = message.trim_start_with(|c| c == '\n').lines().next().unwrap_or_default();
    Commit {
        id,
        author: text(author.name),
        email: text(author.email),
        date: author.date(),
        subject: text(subject),
    }
}

/// What a tag names.
pub(crate) fn tagged(bytes: &[u8]) -> Option<ObjectId> {
    fields(bytes).find(|(key, _)| *key == b"object").and_then(|(_, value)| parse_hex(value))
}

/// The header's lines: key and value.
fn fields(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = bytes.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_once_str(" "))
}

/// As git reads it: what stands behind a NUL is not part of it.
fn text(bytes: &[u8]) -> String {
    let end = bytes.find_byte(0).unwrap_or(bytes.len());
    bytes[..end].to_str_lossy().trim().to_owned()
}

/// Who made a commit, and when.
struct Signature<'b> {
    name: &'b [u8],
    email: &'b [u8],
    /// Seconds and offset, as they are written.
    stamp: [&'b [u8]; 2],
}

impl<'b> Signature<'b> {
    /// Takes `NAME <EMAIL> SECONDS OFFSET` apart; each part may be missing.
    fn of(value: &'b [u8]) -> Self {
        let end = value.rfind_byte(b'>');
        let start = value.find_byte(b'<').filter(|start| end.is_none_or(|end| *start < end));
        let name = &value[..start.or(end).unwrap_or(value.len())];
        let email = start.map_or(&b""[..], |start| &value[start + 1..end.unwrap_or(value.len())]);
        let mut words = value[end.map_or(value.len(), |end| end + 1)..].fields();
        let stamp = [words.next().unwrap_or_default(), words.next().unwrap_or_default()];
        Self { name, email, stamp }
    }

    fn seconds(&self) -> Option<i64> {
        self.stamp[0].to_str().ok()?.parse().ok()
    }

    /// The offset in minutes; 0 for one that no place on earth has.
    fn offset(&self) -> i64 {
        let digits = |word: &[u8]| -> Option<i64> {
            let (sign, digits) = word.split_first()?;
            let value: i64 = digits.to_str().ok()?.parse().ok()?;
            let minutes = value / 100 * 60 + value % 100;
            let is_real = (0..=1459).contains(&value) && value % 100 < 60;
            is_real.then_some(if *sign == b'-' { -minutes } else { minutes })
        };
        digits(self.stamp[1]).unwrap_or(0)
    }

    /// RFC 3339 in its own offset; for a number that is no time, the number.
    fn date(&self) -> String {
        match self.seconds() {
            Some(seconds) => rfc3339(seconds, self.offset()),
            None if self.stamp[0].iter().all(u8::is_ascii_digit) => {
                let shown = &self.stamp[0][..self.stamp[0].len().min(MOST_DIGITS)];
                BStr::new(shown).to_string()
            }
            None => String::new(),
        }
    }
}

fn rfc3339(seconds: i64, offset: i64) -> String {
    let shown = |seconds: i64| {
        let time = jiff::Timestamp::from_second(seconds).ok()?;
        Some(time.to_string().trim_end_matches('Z').to_owned())
    };
    let Some(local) = shown(seconds.saturating_add(offset * 60)) else {
        return seconds.to_string();
    };
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs();
    format!("{local}{sign}{hours:02}:{rest:02}", hours = minutes / 60, rest = minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(author: &str) -> Commit {
        let id = ObjectId::from_raw(&[7; 20]).unwrap();
        facts(id, format!("tree x\nauthor {author}\ncommitter x\n\n\nsubject\nbody\n").as_bytes())
    }

    #[test]
    fn a_signature_may_lack_anything() {
        let whole = of("Ada L. <ada@example.org> 1700000000 -0230");
        assert_eq!((&*whole.author, &*whole.email), ("Ada L.", "ada@example.org"));
        assert_eq!(whole.date, "2023-11-14T19:43:20-02:30");
        assert_eq!(whole.subject, "subject");
        let parts = |author| {
            let Commit { author, email, date, .. } = of(author);
            [author, email, date]
        };
        assert_eq!(parts("A <a@b> -5 +0000"), ["A", "a@b", "1969-12-31T23:59:55+00:00"]);
        assert_eq!(
            parts("A <a@b> 99999999999999999999 +0000"),
            ["A", "a@b", "99999999999999999999"]
        );
        assert_eq!(parts("A <a@b> 999999999999999 +0000"), ["A", "a@b", "999999999999999"]);
        assert_eq!(parts("A <a@b> 5 +9999"), ["A", "a@b", "1970-01-01T00:00:05+00:00"]);
        assert_eq!(parts("A <a@b> soon"), ["A", "a@b", ""]);
        assert_eq!(parts("A <a<b>c> 5 +0100"), ["A", "a<b>c", "1970-01-01T01:00:05+01:00"]);
        assert_eq!(parts("A> <a 5"), ["A", "", ""]);
        assert_eq!(parts("A <a@b"), ["A", "a@b", ""]);
        assert_eq!(parts("A\0B <a\0b> 5 +0000")[..2], ["A", "a"]);
        assert_eq!(parts(""), ["", "", ""]);
    }
}
