//! Rows as text.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{Row, Value};

/// `row` as text, a line for each value: its column, a colon and the value. Values for which `left_out`
/// holds are not in it.
pub(crate) fn lines(row: &Row<'_>, left_out: &dyn Fn(&Value<'_>) -> bool) -> Zeroizing<Vec<u8>> {
    let len = |value: &Value<'_>| match value {
        Value::Text(bytes) | Value::Blob(bytes) => bytes.len() * 3 / 2,
        _ => 32,
    };
    // Large enough, since a buffer that grows leaves a copy behind that nobody wipes.
    let room: usize = row.values.iter().map(|value| len(value) + 140).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    for (nth, value) in row.values.iter().enumerate() {
        if matches!(value, Value::Null) || left_out(value) {
            continue;
        }
        text.extend_from_slice(name(row, nth).as_bytes());
        text.extend_from_slice(b": ");
        match value {
            Value::Null => {}
            Value::Integer(number) => text.extend_from_slice(number.to_string().as_bytes()),
            Value::Real(number) => text.extend_from_slice(number.to_string().as_bytes()),
            Value::Text(bytes) => text.extend_from_slice(&self::text(bytes, row.wide)),
            Value::Blob(bytes) => text.extend_from_slice(bytes),
        }
        text.push(b'\n');
    }
    text
}

/// The name of column number `nth` of `row`.
pub(crate) fn name<'r>(row: &Row<'r>, nth: usize) -> Cow<'r, str> {
    match row.names.get(nth) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("column {nth}", nth = nth + 1)),
    }
}

/// Text as UTF-8; `wide` says that it is UTF-16, and whether the high byte comes first.
pub(crate) fn text(bytes: &[u8], wide: Option<bool>) -> Cow<'_, [u8]> {
    let encoding = match wide {
        None => return Cow::Borrowed(bytes),
        Some(true) => encoding_rs::UTF_16BE,
        Some(false) => encoding_rs::UTF_16LE,
    };
    match encoding.decode_without_bom_handling(bytes).0 {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
