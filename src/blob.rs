//! Where content comes from: blob ids, commits and the provenance of a finding.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bstr::{BString, ByteVec as _};
use sha1::{Digest as _, Sha1};

/// A git object id, SHA-1 (20 bytes) or SHA-256 (32 bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    bytes: [u8; 32],
    len: u8,
}

impl ObjectId {
    /// From the 20 or 32 raw bytes of an id; `None` for any other length.
    pub fn from_raw(raw: &[u8]) -> Option<Self> {
        if raw.len() != 20 && raw.len() != 32 {
            return None;
        }
        let mut bytes = [0; 32];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(Self { bytes, len: u8::try_from(raw.len()).ok()? })
    }

    /// The SHA-1 id that git gives a blob with this content.
    pub fn of_blob(content: &[u8]) -> Self {
        let mut hash = Sha1::new();
        hash.update(format!("blob {len}\0", len = content.len()));
        hash.update(content);
        let mut bytes = [0; 32];
        bytes[..20].copy_from_slice(&hash.finalize());
        Self { bytes, len: 20 }
    }

    /// The raw bytes.
    pub fn raw(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The first `n` hex digits.
    pub fn short(&self, n: usize) -> String {
        let mut hex = self.to_string();
        hex.truncate(n);
        hex
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The facts of a commit that a report shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Commit id.
    pub id: ObjectId,
    /// Author name, lossily decoded.
    pub author: String,
    /// Author e-mail, lossily decoded.
    pub email: String,
    /// Author date as RFC 3339 in the author's own offset.
    pub date: String,
    /// First line of the message.
    pub subject: String,
}

/// Where the bytes of a finding were read. Paths use `/` on every platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// A file of the work tree.
    File {
        /// Path as the user would type it from the current directory.
        shown: BString,
        /// Path relative to the repository, or to the scanned folder outside one.
        path: BString,
    },
    /// A member of an archive in the work tree.
    Member {
        /// The archive as the user would type it, and the member, such as `a.zip!/src/app.py`.
        shown: BString,
        /// The same, relative to the repository or the scanned folder.
        path: BString,
    },
    /// Standard input.
    Stdin,
    /// What git's index holds for a path.
    Index {
        /// Path in the repository.
        path: BString,
        /// The blob.
        blob: ObjectId,
    },
    /// A blob of the history, at its first commit.
    Commit {
        /// The first commit that has the blob at this path.
        commit: Arc<Commit>,
        /// Path in the repository.
        path: BString,
        /// The blob.
        blob: ObjectId,
        /// True when the commit at HEAD still has a blob with this secret at this path.
        in_head: bool,
    },
    /// A blob that no commit reaches: tagged directly, or unreachable.
    Blob {
        /// The blob.
        blob: ObjectId,
        /// How it was found, such as `refs/tags/x` or `unreachable`.
        via: String,
    },
}

impl Provenance {
    /// The path in the repository, where there is one.
    pub fn path(&self) -> Option<&BString> {
        match self {
            Self::File { path, .. }
            | Self::Member { path, .. }
            | Self::Index { path, .. }
            | Self::Commit { path, .. } => Some(path),
            Self::Stdin | Self::Blob { .. } => None,
        }
    }

    /// What a person is shown as the place: a path, `<stdin>` or a blob id. Bytes of a path that are no
    /// UTF-8 become `\xHH`.
    pub fn shown(&self) -> String {
        match self {
            Self::File { shown: name, .. }
            | Self::Member { shown: name, .. }
            | Self::Index { path: name, .. }
            | Self::Commit { path: name, .. } => self::name(name),
            Self::Stdin => "<stdin>".to_owned(),
            Self::Blob { blob, via } => format!("{via}:{blob}", blob = blob.short(12)),
        }
    }
}

/// The name `bytes` as text. Bytes that are no UTF-8 become `\\xHH`; backslashes of such a name, and of one
/// that holds `\\x` itself, are doubled, so that two names never look the same.
pub fn name(bytes: &[u8]) -> String {
    let mut text = String::new();
    let escape =
        memchr::memmem::find(bytes, br"\x").is_some() || std::str::from_utf8(bytes).is_err();
    for chunk in bytes.utf8_chunks() {
        match escape {
            true => text += &chunk.valid().replace('\\', r"\\"),
            false => text += chunk.valid(),
        }
        chunk.invalid().iter().for_each(|byte| text += &format!(r"\x{byte:02x}"));
    }
    text
}

/// `path` as in [`name`].
pub fn path_name(path: &Path) -> String {
    name(&path_bytes(path))
}

/// The bytes of `path`; where paths are no bytes, those of its text.
pub fn path_bytes(path: &Path) -> BString {
    BString::from(Vec::from_path_lossy(path).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blob_ids_equal_gits() {
        // `printf hello | git hash-object --stdin`
        assert_eq!(
            ObjectId::of_blob(b"hello").to_string(),
            "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"
        );
        assert!(ObjectId::from_raw(&[0; 7]).is_none());
    }

    #[test]
    fn names_that_differ_look_different() {
        let names: [&[u8]; 7] = [
            b"a\xff",
            b"a\xfe",
            br"a\xff",
            br"a\\xff",
            b"a\\\xff",
            "a\u{fffd}".as_bytes(),
            br"a\b",
        ];
        let shown = names.map(name);
        assert_eq!(shown[..3], [r"a\xff", r"a\xfe", r"a\\xff"]);
        // A backslash alone is left as it is.
        assert_eq!(shown[6], r"a\b");
        let different: std::collections::BTreeSet<&String> = shown.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
