//! OCI layouts that are folders: their blobs are files without an ending, told apart by content like all
//! archives; the layers among them belong to one image.

use std::path::Path;

use bstr::BString;

use crate::blob::path_bytes;

/// A blob of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The folder of the layout as it is shown; empty for the current one.
    pub(in crate::source) folder: BString,
    /// The blob in it, such as `blobs/sha256/8a3f…`.
    pub(in crate::source) name: BString,
}

impl Layout {
    /// The blob that the file `shown` at `path` is; `None` where it stands in no layout.
    pub fn of(shown: &Path, path: &Path) -> Option<Self> {
        // What most files fail is asked first.
        if path.parent()?.parent()?.file_name()? != "blobs" {
            return None;
        }
        let folder = path.ancestors().nth(3)?;
        let whole = folder.join("oci-layout").is_file() && folder.join("index.json").is_file();
        whole.then(|| split(&path_bytes(shown))).flatten()
    }
}

/// The layout and the blob of a file that is shown as `file`, by its path alone.
pub(in crate::source) fn split(file: &[u8]) -> Option<Layout> {
    let mut parts = file.rsplitn(4, |b| matches!(b, b'/' | b'\\'));
    let (digest, sum, blobs) = (parts.next()?, parts.next()?, parts.next()?);
    let name = BString::from([blobs, sum, digest].join(&b'/'));
    let folder = parts.next().unwrap_or_default().into();
    (blobs == b"blobs").then_some(Layout { folder, name })
}

#[cfg(test)]
mod tests {
    use super::{Layout, split};

    #[test]
    fn blobs_are_told_by_their_path() {
        let of = |folder: &str| Layout { folder: folder.into(), name: "blobs/sha256/aa".into() };
        assert_eq!(split(b"a/b/blobs/sha256/aa"), Some(of("a/b")));
        assert_eq!(split(b"blobs/sha256/aa"), Some(of("")));
        assert_eq!(split(b"a\\blobs\\sha256\\aa"), Some(of("a")));
        for other in [&b"a/sha256/aa"[..], b"sha256/aa", b"blobs/aa", b"aa", b""] {
            assert_eq!(split(other), None);
        }
    }
}
