//! Members of zip archives: apps (`.apk`, `.ipa`, `.aab`) and browser extensions are zips.

use std::io::{Cursor, Read as _};

use super::archive::zip::{Closed, open};

/// Members of one archive that are read at most.
const MOST: usize = 20_000;
/// Bytes that all members of one archive may have together.
const BUDGET: u64 = 1 << 30;

/// Calls `each` with name and content of every member of the zip `bytes` for which `wanted` holds.
/// Members above `max_size`, and what comes when the archive's budget is spent, are not read.
///
/// # Errors
/// What is wrong with the archive, or which members were left out; the others were visited.
pub fn visit(
    bytes: &[u8],
    max_size: u64,
    wanted: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(&str, &[u8]),
) -> Result<(), String> {
    let mut archive = open(Cursor::new(bytes)).map_err(|closed| match closed {
        Closed::TooLarge => "has a directory of more than 16 MiB and was not read".to_owned(),
        Closed::Damaged(why) => format!("is no zip archive that can be read: {why}"),
    })?;
    let (mut left, mut lost) = (BUDGET, Vec::new());
    let mut buffer = Vec::new();
    for at in 0..archive.len().min(MOST) {
        let mut member = match archive.by_index(at) {
            Ok(member) => member,
            Err(error) => {
                lost.push(format!("member {at}: {error}"));
                continue;
            }
        };
        let name = String::from_utf8_lossy(member.name_raw()).into_owned();
        if !member.is_file() || !wanted(&name) {
            continue;
        }
        // The stated size may lie, so the read is limited as well.
        let limit = max_size.min(left);
        buffer.clear();
        match member.by_ref().take(limit + 1).read_to_end(&mut buffer) {
            Ok(n) if n as u64 > limit => lost.push(format!("{name}: too large")),
            Ok(n) => {
                left -= n as u64;
                each(&name, &buffer);
            }
            Err(error) => lost.push(format!("{name}: {error}")),
        }
    }
    if archive.len() > MOST {
        lost.push(format!("{n} members more than are read", n = archive.len() - MOST));
    }
    match lost.is_empty() {
        true => Ok(()),
        false => Err(format!("was read in part: {lost}", lost = lost.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::visit;

    #[test]
    fn a_directory_that_takes_too_much_memory_is_not_read() {
        // The record at the end alone, with the size of the directory where it belongs.
        let record = |size: u32| {
            let mut bytes = b"PK\x05\x06".to_vec();
            bytes.resize(22, 0);
            bytes[12..16].copy_from_slice(&size.to_le_bytes());
            visit(&bytes, 1 << 20, &|_| true, &mut |_, _| {})
        };
        assert_eq!(record(0), Ok(()));
        assert!(record((16 << 20) + 1).unwrap_err().contains("16 MiB"));
    }
}
