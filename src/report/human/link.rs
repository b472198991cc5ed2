//! Links that a terminal opens on a click (OSC 8): to the line of a file, and to a page.

use std::path::Path;

use crate::blob::Provenance;
use crate::finding::Finding;
use crate::text::percent;

/// Which links a terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Pages on the web, such as the one where a key is revoked.
    pub pages: bool,
    /// Files of this machine.
    pub files: bool,
    /// `#LINE` after the name of a file: some terminals open the file there, others not at all.
    pub lines: bool,
}

impl Links {
    /// None at all.
    pub const NONE: Self = Self { pages: false, files: false, lines: false };
    /// All of them.
    pub const ALL: Self = Self { pages: true, files: true, lines: true };

    /// `text`, which opens `page` where that is an address of the web.
    pub(in crate::report) fn page(self, page: &str, text: &str) -> String {
        let web = page.starts_with("https://") && page.bytes().all(|b| b.is_ascii_graphic());
        if self.pages && web { linked(page, text) } else { text.to_owned() }
    }

    /// `text`, which opens the place of `finding` where that is a file on disk.
    pub(super) fn place(self, finding: &Finding, text: &str) -> String {
        let (Provenance::File { path, .. }, Some(base)) =
            (&finding.location.provenance, finding.base.as_deref())
        else {
            return text.to_owned();
        };
        if !self.files {
            return text.to_owned();
        }
        let mut address = address(base, path);
        if self.lines {
            address += &format!("#{line}", line = finding.location.start.line);
        }
        linked(&address, text)
    }
}

fn linked(address: &str, text: &str) -> String {
    format!("\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\")
}

/// The `file:` URI of `path` in `base`.
fn address(base: &Path, path: &[u8]) -> String {
    let base = base.to_string_lossy().replace('\\', "/");
    // A drive's letter on Windows, which begins with no slash.
    let slash = if base.starts_with('/') { "" } else { "/" };
    let base = percent(base.trim_end_matches('/').as_bytes());
    format!("file://{slash}{base}/{path}", path = percent(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_nothing_that_ends_a_link() {
        let path = b"a b\x1b\\\xff#?%\n.py";
        assert_eq!(
            address(Path::new("/home/ä"), path),
            "file:///home/%C3%A4/a%20b%1B%5C%FF%23%3F%25%0A.py"
        );
        for page in ["http://a.example", "javascript:x", "https://a.example/\x1b\\", "https://a b"]
        {
            assert_eq!(Links::ALL.page(page, "text"), "text", "{page}");
        }
        assert_eq!(Links::NONE.page("https://a.example", "text"), "text");
        let link = Links::ALL.page("https://a.example", "text");
        assert_eq!(link, "\x1b]8;;https://a.example\x1b\\text\x1b]8;;\x1b\\");
    }
}
