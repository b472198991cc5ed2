//! Rows that were deleted: SQLite marks their room as free and leaves the bytes. What is read here is
//! guessed, so it has to make sense as a row of its table.

use std::ops::Range;

use super::page::{Node, Value, record, size_of, values, varint};

/// Values of a row; what has more is not looked for.
const MOST: usize = 200;

/// The rows that make sense in the part `gap` of `page`. `linked` says that its first four bytes were
/// overwritten when the row was deleted. Rows have `columns` values; any number for 0.
pub(crate) fn rows<'p>(
    page: &'p [u8],
    (gap, linked): (Range<usize>, bool),
    columns: usize,
) -> Vec<Vec<Value<'p>>> {
    let (mut found, mut at, mut linked) = (Vec::new(), gap.start, linked);
    while at < gap.end {
        let bytes = &page[at..gap.end];
        let cut = || headless(bytes.get(4..)?, columns).map(|(row, len)| (row, 4 + len));
        let row = whole(bytes, columns).or_else(|| linked.then(cut).flatten());
        // Rows that are deleted one after the other become one gap, each with its own link.
        linked = row.is_some();
        at += row.as_ref().map_or(1, |(_, len)| *len);
        found.extend(row.map(|(row, _)| row));
    }
    found
}

/// A cell of a table at the start of `bytes`, and its length.
fn whole(bytes: &[u8], columns: usize) -> Option<(Vec<Value<'_>>, usize)> {
    let mut at = 0;
    let len = usize::try_from(varint(bytes, &mut at)?).ok()?;
    varint(bytes, &mut at)?;
    let cell = bytes.get(at..at.checked_add(len)?)?;
    let mut types = 0;
    let head = usize::try_from(varint(cell, &mut types)?).ok()?;
    let (count, body) = measure(cell.get(types..head)?)?;
    let fits = head + body == len && is_count(count, columns);
    let row = record(cell).filter(|row| fits && makes_sense(row))?;
    Some((row, at + len))
}

/// A row whose length, row id and, where they are short, length of the head and first type are lost. In
/// most tables the first column is the row id, which takes no room.
fn headless(bytes: &[u8], columns: usize) -> Option<(Vec<Value<'_>>, usize)> {
    // The length of the head is still there.
    let mut at = 0;
    let head = varint(bytes, &mut at).and_then(|head| usize::try_from(head).ok());
    if let Some(types) = head.and_then(|head| bytes.get(at..head))
        && let Some((count, body)) = measure(types)
        && is_count(count, columns)
        && let Some(row) = row(bytes, (at, types.len()), body)
    {
        return Some((row, at + types.len() + body));
    }
    // The types are all there, or all but the first.
    [columns, columns.saturating_sub(1)].into_iter().filter(|&count| count > 0).find_map(|wanted| {
        let (types, body) = types_of(bytes, wanted)?;
        let lost = bytes.len().checked_sub(types + body)?;
        // The value whose type is lost stands before the others, if it took room.
        let shifts = [0, if wanted < columns { lost } else { 0 }];
        shifts.into_iter().find_map(|shift| {
            let body = bytes.get(types + shift..types + shift + body)?;
            let row = values(&bytes[..types], body).filter(|row| makes_sense(row))?;
            let value =
                if shift == 0 { Value::Null } else { Value::Text(&bytes[types..types + shift]) };
            let first = (wanted < columns).then_some(value);
            let all = first.into_iter().chain(row).collect();
            Some((all, types + shift + body.len()))
        })
    })
}

fn row(bytes: &[u8], (at, len): (usize, usize), body: usize) -> Option<Vec<Value<'_>>> {
    let body = bytes.get(at + len..(at + len).checked_add(body)?)?;
    values(&bytes[at..at + len], body).filter(|row| makes_sense(row))
}

/// Bytes of the first `count` types in `bytes`, and of the values that they are of.
fn types_of(bytes: &[u8], count: usize) -> Option<(usize, usize)> {
    let (mut at, mut body) = (0, 0_usize);
    for _ in 0..count {
        body = body.checked_add(size_of(varint(bytes, &mut at)?)?)?;
    }
    Some((at, body))
}

/// How many types `types` are, and the bytes of their values; `None` where there are too many.
fn measure(types: &[u8]) -> Option<(usize, usize)> {
    let (mut at, mut count, mut body) = (0, 0, 0_usize);
    while at < types.len() {
        body = body.checked_add(size_of(varint(types, &mut at)?)?)?;
        count += 1;
        if count > MOST {
            return None;
        }
    }
    Some((count, body))
}

/// True where a row of a table may have `count` values; older rows have fewer than newer ones.
fn is_count(count: usize, columns: usize) -> bool {
    match columns {
        0 => count > 0,
        _ => count <= columns && count * 2 >= columns,
    }
}

/// True for a row with text, all of it readable.
fn makes_sense(row: &[Value<'_>]) -> bool {
    let readable = |text: &[u8]| {
        std::str::from_utf8(text).is_ok_and(|text| {
            !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        })
    };
    let texts = row.iter().filter_map(|value| match value {
        Value::Text(text) => Some(*text),
        _ => None,
    });
    let long = |value: &Value<'_>| match value {
        Value::Text(bytes) | Value::Blob(bytes) => bytes.len() > 3,
        _ => false,
    };
    row.iter().any(long) && texts.into_iter().all(readable)
}

/// The rows of a leaf that is no longer part of a table, as far as they stand in it.
pub(crate) fn leaf<'p>(node: &Node<'p>) -> Vec<Vec<Value<'p>>> {
    let cells = node.offsets().filter_map(|at| node.cell(at));
    cells.filter_map(|(cell, _)| record(cell.local)).collect()
}
