//! Reads of a pack. An object mostly lies near one that was read just before, since git writes what is built on
//! an object behind it.

use std::fs::File;
use std::io;

use crate::source::git::pack::read_some;

/// Bytes that are read at once, at least.
const WINDOW: usize = 4096;
/// More bytes are not kept for the next reads.
const KEPT: usize = 1 << 20;

/// What was read last, of one file: of two places, since what builds on an object may lie far from it.
#[derive(Default)]
pub(super) struct Windows([Window; 2]);

/// Bytes from `start` on.
#[derive(Default)]
struct Window {
    start: u64,
    filled: usize,
    bytes: Vec<u8>,
}

impl Windows {
    /// The `len` bytes of `file` from `start` on, or as many as there are until it ends. What `reads` gives lives as
    /// long as the file is read.
    ///
    /// # Errors
    /// The I/O error.
    pub(super) fn read<R>(
        &mut self,
        file: &File,
        (start, len): (u64, usize),
        reads: impl FnOnce() -> R,
    ) -> io::Result<&[u8]> {
        let [last, other] = &mut self.0;
        if last.of(start, len).is_none() {
            std::mem::swap(last, other);
        }
        if last.of(start, len).is_none() {
            let _reads = reads();
            last.fill(file, start, len)?;
        }
        Ok(last.of(start, len).unwrap_or(&last.bytes[..last.filled]))
    }
}

impl Window {
    fn of(&self, start: u64, len: usize) -> Option<&[u8]> {
        let at = usize::try_from(start.checked_sub(self.start)?).ok()?;
        self.bytes[..self.filled].get(at..at.checked_add(len)?)
    }

    fn fill(&mut self, file: &File, start: u64, len: usize) -> io::Result<()> {
        let most = len.max(WINDOW);
        if self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
        if self.bytes.len() < most {
            self.bytes.resize(most, 0);
        }
        (self.start, self.filled) = (start, 0);
        let (read, error) = read_some(file, &mut self.bytes[..most], start);
        // What is behind the wanted bytes may be what cannot be read.
        if let Some(error) = error.filter(|_| read < len) {
            return Err(error);
        }
        self.filled = read;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_is_read_is_what_stands_there() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let all: Vec<u8> = (0..50_000_u32).map(|n| ((n * n) >> 3) as u8).collect();
        file.write_all(&all).unwrap();
        let file = file.reopen().unwrap();
        let mut windows = Windows::default();
        let mut state = 5_usize;
        for _ in 0..3000 {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            let len = if state >> 60 == 0 { 20_000 } else { state >> 20 & 0xfff };
            let start = (state >> 33) % (all.len() + 1000);
            let expected = &all[start.min(all.len())..(start + len).min(all.len())];
            assert_eq!(windows.read(&file, (start as u64, len), || ()).unwrap(), expected);
        }
    }

    #[test]
    fn large_reads_leave_no_large_buffer() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8 << 20).unwrap();
        let mut windows = Windows::default();
        for start in 0..6 {
            windows.read(&file, (start << 20, 2 << 20), || ()).unwrap();
        }
        for start in [0, 7 << 20] {
            windows.read(&file, (start + 9, 4), || ()).unwrap();
        }
        assert!(windows.0.iter().all(|window| window.bytes.len() <= KEPT));
    }
}
