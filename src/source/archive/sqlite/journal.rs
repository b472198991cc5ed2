//! Rollback journals: images of pages as they were before a change. One that stays behind, of a program that
//! ended early or keeps its journal, has what was overwritten.

use super::JOURNAL_MAGIC;
use super::page::{Old, is_size, u32_at};

/// Bytes of what a journal says of itself, without what fills its first sector.
const HEADER: usize = 28;
/// The byte of a database that locks are on; its page is never used.
const LOCK: usize = 1 << 30;

/// The size of pages and all images in `journal`, in their order; `None` where it is none.
pub(super) fn images(journal: &[u8]) -> Option<(usize, Vec<Old<'_>>)> {
    let (sector, size) = (u32_at(journal, 20) as usize, u32_at(journal, 24) as usize);
    let fits = sector.is_power_of_two() && (HEADER.next_power_of_two()..=65536).contains(&sector);
    if !journal.starts_with(JOURNAL_MAGIC) || !fits || !is_size(size) {
        return None;
    }
    let (mut all, mut at) = (Vec::new(), sector);
    while let Some(record) = journal.get(at..at + 4 + size) {
        let number = u32_at(record, 0);
        // A later part begins with a header of its own, at the next sector. What is behind the part that
        // counts is left of earlier changes and has the same form.
        let next = at.next_multiple_of(sector);
        if journal.get(next..).is_some_and(|rest| rest.starts_with(JOURNAL_MAGIC))
            && next - at < size
        {
            at = next + sector;
            continue;
        }
        if number == 0 || number as usize == LOCK / size + 1 {
            break;
        }
        all.push(Old { frame: all.len() + 1, number, page: &record[4..] });
        at += size + 8;
    }
    Some((size, all))
}
