//! The line hash by which GitHub code scanning matches alerts between uploads.
//!
//! The upload action computes `primaryLocationLineHash` where a SARIF file lacks it; giving the
//! same value keeps alerts stable with the plain upload API too. The hash covers 100 UTF-16 units
//! from the start of the line, without spaces and tabs, with CR and CRLF read as LF.

use std::collections::HashMap;

use bstr::ByteSlice as _;

/// Units under the hash.
const BLOCK: usize = 100;
const BASE: u64 = 37;
/// Stands for the end of the file; then zeros.
const END: u16 = 0xffff;

/// Hashes of all lines of `bytes`, from line 1: `hex:n`, where n counts earlier equal lines.
pub fn line_hashes(bytes: &[u8]) -> Vec<String> {
    let (units, starts) = normalise(bytes);
    let mut seen: HashMap<u64, u32> = HashMap::new();
    let hash_from = |start: usize| {
        let end = (start + BLOCK).min(units.len());
        let mut hash = units[start.min(end)..end]
            .iter()
            .fold(0_u64, |hash, &unit| hash.wrapping_mul(BASE).wrapping_add(u64::from(unit)));
        for _ in end.saturating_sub(start)..BLOCK {
            hash = hash.wrapping_mul(BASE);
        }
        hash
    };
    let mut out = Vec::with_capacity(starts.len());
    for start in starts {
        let hash = hash_from(start);
        let count = seen.entry(hash).or_insert(0);
        *count += 1;
        out.push(format!("{hash:x}:{count}"));
    }
    out
}

/// The units under the hash, and where each line starts in them.
fn normalise(bytes: &[u8]) -> (Vec<u16>, Vec<usize>) {
    let mut units = Vec::with_capacity(bytes.len() + 1);
    let mut starts = vec![0];
    let mut after_cr = false;
    let mut pair = [0; 2];
    for unit in bytes.chars().flat_map(|c| c.encode_utf16(&mut pair).to_vec()) {
        let skip = unit == u16::from(b' ')
            || unit == u16::from(b'\t')
            || (after_cr && unit == u16::from(b'\n'));
        after_cr = unit == u16::from(b'\r');
        if skip {
            continue;
        }
        if after_cr || unit == u16::from(b'\n') {
            units.push(u16::from(b'\n'));
            starts.push(units.len());
        } else {
            units.push(unit);
        }
    }
    units.push(END);
    (units, starts)
}
