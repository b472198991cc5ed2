//! Reads tree objects.

use bstr::ByteSlice as _;

use crate::blob::ObjectId;

/// What a tree entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Tree,
    Blob,
    Submodule,
}

/// Mode, name and id.
pub(crate) type Entry<'b> = (Mode, &'b [u8], ObjectId);

/// The same, the id as its bytes stand in the tree.
pub(crate) type RawEntry<'b> = (Mode, &'b [u8], &'b [u8]);

/// The entries of a tree. Ends at the first one that is broken.
pub(crate) struct Entries<'b> {
    bytes: &'b [u8],
    hash: usize,
}

/// The entries of a tree with ids of `hash` bytes.
pub(crate) fn entries(bytes: &[u8], hash: usize) -> Entries<'_> {
    Entries { bytes, hash }
}

impl Entries<'_> {
    /// True when there is nothing more that is an entry, but bytes are left.
    pub(crate) fn is_cut(&self) -> bool {
        !self.bytes.is_empty() && self.first().is_none()
    }
}

impl<'b> Entries<'b> {
    fn first(&self) -> Option<(RawEntry<'b>, &'b [u8])> {
        let (mode, rest) = match self.bytes {
            // Nearly all entries are one of these, and there are millions.
            [b'1', b'0', b'0', b'6', b'4', b'4', b' ', rest @ ..] => (Mode::Blob, rest),
            [b'4', b'0', b'0', b'0', b'0', b' ', rest @ ..] => (Mode::Tree, rest),
            bytes => {
                let (mode, _) = bytes[..bytes.find_byte(0)?].split_once_str(" ")?;
                (kind(mode), &bytes[mode.len() + 1..])
            }
        };
        let nul = rest.find_byte(0)?;
        let end = nul + 1 + self.hash;
        Some(((mode, &rest[..nul], rest.get(nul + 1..end)?), &rest[end..]))
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len()
    }

    /// The next entry, as [`Iterator::next`] gives it, but for the id, which is not copied.
    pub(crate) fn next_raw(&mut self) -> Option<RawEntry<'b>> {
        let (entry, rest) = self.first()?;
        self.bytes = rest;
        Some(entry)
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = Entry<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mode, name, id) = self.next_raw()?;
        Some((mode, name, ObjectId::from_raw(id)?))
    }
}

/// As git reads a mode: octal digits, of which those for the kind of file count. All that is neither a folder
/// nor a submodule is looked at as a file.
fn kind(mode: &[u8]) -> Mode {
    let digit = |value: u32, byte: &u8| match byte {
        b'0'..=b'7' => Some(value << 3 | u32::from(byte - b'0')),
        _ => None,
    };
    match mode.iter().try_fold(0, digit).unwrap_or(0) & 0o170_000 {
        0o040_000 => Mode::Tree,
        0o160_000 => Mode::Submodule,
        _ => Mode::Blob,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_git_reads_them() {
        for mode in ["40000", "040000", "0040000", "40755"] {
            assert_eq!(kind(mode.as_bytes()), Mode::Tree, "{mode}");
        }
        assert_eq!(kind(b"160000"), Mode::Submodule);
        for mode in ["100644", "120000", "0", "", "junk", "7777777777777777777"] {
            assert_eq!(kind(mode.as_bytes()), Mode::Blob, "{mode}");
        }
    }

    #[test]
    fn what_is_cut_is_known() {
        let whole = [&b"100644 a\0"[..], &[7; 20], b"40000 b\0", &[8; 20]].concat();
        let read = |bytes: &[u8]| {
            let mut all = entries(bytes, 20);
            (all.by_ref().count(), all.is_cut())
        };
        assert_eq!(read(&whole), (2, false));
        assert_eq!(read(b""), (0, false));
        assert_eq!(read(&whole[..whole.len() - 1]), (1, true));
        assert_eq!(read(b"junk"), (0, true));
        assert_eq!(read(b"100644 a"), (0, true));
    }

    #[test]
    fn an_entry_is_read_alike_however_its_mode_is_written() {
        for (mode, kind) in [("100644", Mode::Blob), ("0100644", Mode::Blob), ("40000", Mode::Tree)]
        {
            let bytes = [mode.as_bytes(), b" a b\0", &[7; 20]].concat();
            let id = ObjectId::from_raw(&[7; 20]).unwrap();
            assert_eq!(entries(&bytes, 20).collect::<Vec<_>>(), [(kind, &b"a b"[..], id)]);
        }
    }
}
