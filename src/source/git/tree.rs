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
    fn first(&self) -> Option<(Entry<'b>, &'b [u8])> {
        let nul = self.bytes.find_byte(0)?;
        let (mode, name) = self.bytes[..nul].split_once_str(" ")?;
        let end = nul + 1 + self.hash;
        let id = ObjectId::from_raw(self.bytes.get(nul + 1..end)?)?;
        Some(((kind(mode), name, id), &self.bytes[end..]))
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = Entry<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        let (entry, rest) = self.first()?;
        self.bytes = rest;
        Some(entry)
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
    }
}
