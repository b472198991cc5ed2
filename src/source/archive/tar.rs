//! Tar archives: entries one after the other, long names of GNU and POSIX.

use std::io::{self, Read};

use bstr::{BStr, ByteSlice as _};

use super::layers::Layer;
use super::{Opener, inside};
use crate::finding::SkipReason;

/// Longest name, and longest list of extended headers, in bytes.
const LONGEST: u64 = 64 << 10;

impl Opener<'_, '_> {
    /// Reads the members of the tar archive at `at`; `depth` archives are open, this one included.
    pub(super) fn tar(&mut self, at: &BStr, reader: &mut dyn Read, depth: usize) {
        let mut layer = Layer::default();
        self.entries(at, reader, depth, &mut layer);
        if self.may_be_layer(at) {
            self.images.layer(at, layer);
        }
    }

    fn may_be_layer(&self, at: &BStr) -> bool {
        !at.is_empty() || self.job.layout.is_some()
    }

    fn entries(&mut self, at: &BStr, reader: &mut dyn Read, depth: usize, layer: &mut Layer) {
        let mut archive = ::tar::Archive::new(reader);
        let entries = match archive.entries() {
            // As they are: the library would read names of any length into memory.
            Ok(entries) => entries.raw(true),
            Err(error) => return self.lost(at, &error.to_string()),
        };
        let mut long = None;
        for entry in entries {
            let mut entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.lost(at, &error.to_string()),
            };
            let kind = entry.header().entry_type();
            let named = if kind.is_gnu_longname() {
                short_text(&mut entry).map(|name| Some(name.trim_end_with(|c| c == '\0').to_vec()))
            } else if kind.is_pax_local_extensions() {
                short_text(&mut entry).map(|list| path_of(&list))
            } else {
                Ok(None)
            };
            match named {
                Ok(Some(name)) => long = Some(name),
                Ok(None) => {}
                Err(error) => return self.lost(at, &error.to_string()),
            }
            if kind.is_gnu_longname()
                || kind.is_gnu_longlink()
                || kind.is_pax_local_extensions()
                || kind.is_pax_global_extensions()
            {
                continue;
            }
            let name = long.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            let place = inside(at, &name);
            if self.may_be_layer(at) && !kind.is_dir() {
                layer.entry(&name);
            }
            if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
                self.content(place, None, &mut entry, depth);
            } else if kind.is_symlink() || kind.is_hard_link() {
                self.skip(SkipReason::Symlink, place.as_bstr());
            } else if !kind.is_dir() {
                self.skip(SkipReason::Special, place.as_bstr());
            }
            if self.stopped {
                return;
            }
        }
    }
}

/// The content of an entry that says something of the next one.
fn short_text(entry: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    entry.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("a name is longer than 64 KiB"));
    }
    Ok(text)
}

/// The `path` of a list of extended headers, each `LENGTH KEY=VALUE` and a line feed.
fn path_of(list: &[u8]) -> Option<Vec<u8>> {
    let mut rest = list;
    let mut path = None;
    while let Some((digits, _)) = rest.split_once_str(" ") {
        let len: usize = digits.to_str().ok()?.parse().ok()?;
        let record = rest.get(digits.len() + 1..len)?;
        if let Some(value) = record.strip_prefix(b"path=") {
            path = Some(value.strip_suffix(b"\n").unwrap_or(value).to_vec());
        }
        rest = rest.get(len..)?;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn extended_headers_name_the_path() {
        assert_eq!(path_of(b"16 mtime=1.2345\n14 path=a/b c\n"), Some(b"a/b c".to_vec()));
        assert_eq!(path_of(b"16 mtime=1.2345\n"), None);
        for broken in [&b"999 path=x\n"[..], b"x path=y\n", b"3 path=x\n", b"0 path=x\n", b""] {
            assert_eq!(path_of(broken), None, "{broken:?}");
        }
    }
}
