//! Messages on a stream: `Content-Length` and a JSON body, as the base protocol of LSP 3.17 has
//! them. What is no message is skipped, and reading goes on with the next one.

use std::io::{self, BufRead, Read as _, Write};

use serde_json::Value;

/// Largest body that is read; a larger one is skipped.
const LARGEST: u64 = 256 << 20;
/// Longest line of a header.
const HEADER: u64 = 8 << 10;
/// The header that says how long a body is.
const LENGTH: &[u8] = b"content-length:";

/// What was read.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// A JSON value.
    Message(Value),
    /// Something else, with what is wrong with it. Holds nothing of the content.
    Bad(String),
}

/// Reads the next message; `None` at the end of the stream.
///
/// # Errors
/// Whatever `input` gives.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let Some(length) = length(input)? else { return Ok(None) };
    if length > LARGEST {
        io::copy(&mut input.take(length), &mut io::sink())?;
        return Ok(Some(Incoming::Bad(format!("a message of {length} bytes was skipped"))));
    }
    let mut body = Vec::new();
    if (input.take(length).read_to_end(&mut body)? as u64) < length {
        return Ok(None);
    }
    Ok(Some(match serde_json::from_slice(&body) {
        Ok(value) => Incoming::Message(value),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Incoming::Bad(format!("not JSON at line {line}, column {column}"))
        }
    }))
}

/// Reads headers up to the empty line after one that names a length. Anything before is passed
/// over, so that a stream that was out of step finds its way back.
fn length(input: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if input.take(HEADER).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let lower = line.to_ascii_lowercase();
        if let Some(at) = memchr::memmem::find(&lower, LENGTH) {
            let number = String::from_utf8_lossy(&lower[at + LENGTH.len()..]).trim().parse().ok();
            length = number.or(length);
        } else if line.trim_ascii().is_empty() && length.is_some() {
            return Ok(length);
        }
    }
}

/// Writes one message.
///
/// # Errors
/// Whatever `out` gives.
pub(super) fn write(out: &mut impl Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(out, "Content-Length: {length}\r\n\r\n{body}", length = body.len())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reading_goes_on_after_what_is_no_message() {
        let mut stream = Vec::new();
        write(&mut stream, &json!({"id": 1})).unwrap();
        stream.extend(b"Content-Length: 5\r\n\r\n{nope");
        stream.extend(b"what is this\n\nContent-Length: twelve\r\n\r\n{}");
        stream.extend(b"content-length: 8\r\nContent-Type: x\r\n\r\n{\"id\":2}");
        stream.extend(b"Content-Length: 99\r\n\r\n{}");
        let mut input = stream.as_slice();
        let mut next = || read(&mut input).unwrap();
        assert_eq!(next(), Some(Incoming::Message(json!({"id": 1}))));
        assert!(matches!(next(), Some(Incoming::Bad(text)) if text.starts_with("not JSON")));
        assert_eq!(next(), Some(Incoming::Message(json!({"id": 2}))));
        assert_eq!(next(), None);
    }

    #[test]
    fn what_is_too_large_is_skipped() {
        let big = LARGEST + 1;
        let body = io::repeat(b'x').take(big);
        let head = format!("Content-Length: {big}\r\n\r\n");
        let stream = head.as_bytes().chain(body).chain(&b"Content-Length: 2\r\n\r\n{}"[..]);
        let mut input = io::BufReader::new(stream);
        assert!(matches!(read(&mut input).unwrap(), Some(Incoming::Bad(_))));
        assert_eq!(read(&mut input).unwrap(), Some(Incoming::Message(json!({}))));
    }
}
