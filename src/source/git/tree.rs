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

/// The entries of a tree with ids of `hash` bytes: mode, name, id. Stops at the first one that is
/// broken.
pub(crate) fn entries(
    mut bytes: &[u8],
    hash: usize,
) -> impl Iterator<Item = (Mode, &[u8], ObjectId)> {
    std::iter::from_fn(move || {
        let nul = bytes.find_byte(0)?;
        let (mode, name) = bytes[..nul].split_once_str(" ")?;
        let id = ObjectId::from_raw(bytes.get(nul + 1..nul + 1 + hash)?)?;
        bytes = &bytes[nul + 1 + hash..];
        let mode = match mode {
            b"40000" | b"040000" => Mode::Tree,
            b"160000" => Mode::Submodule,
            _ => Mode::Blob,
        };
        Some((mode, name, id))
    })
}
