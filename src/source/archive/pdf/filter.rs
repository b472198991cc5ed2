//! How streams are packed.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use weezl::decode::Decoder;
use weezl::{BitOrder, LzwStatus};
use zeroize::Zeroizing;

use super::object::{Dict, Value, is_blank};

/// Filters of one stream, one in the other.
const MOST: usize = 4;
/// Bytes that LZW gives at a time.
const LZW_STEP: usize = 32 << 10;

/// What became of a stream.
pub(crate) enum Unpacked {
    /// Its content, and what was wrong with it at the end.
    Content(Zeroizing<Vec<u8>>, Option<String>),
    /// A picture.
    Picture,
    /// It is packed in a way that is not read.
    Unread,
    /// It unpacks to more than is wanted.
    TooLarge,
}

/// Unpacks `bytes` as `dict` says, to `most` bytes at most; `resolve` follows references.
pub(crate) fn unpack(
    dict: &Dict,
    bytes: &[u8],
    most: u64,
    resolve: &dyn Fn(&Value) -> Option<Value>,
) -> Unpacked {
    let listed = |long: &str, short: &str| -> Vec<Value> {
        let value = dict.get(long).or_else(|| dict.get(short)).and_then(resolve);
        match value {
            Some(Value::List(all)) => all.iter().filter_map(resolve).collect(),
            other => other.into_iter().collect(),
        }
    };
    let named = dict.get("Filter").or_else(|| dict.get("F"));
    if named.is_some_and(|filter| resolve(filter).is_none()) {
        return Unpacked::Unread;
    }
    let (filters, parameters) = (listed("Filter", "F"), listed("DecodeParms", "DP"));
    if filters.len() > MOST {
        return Unpacked::Unread;
    }
    let mut content = Zeroizing::new(bytes.to_vec());
    let mut fault = None;
    for (nth, filter) in filters.iter().enumerate() {
        let Value::Name(filter) = filter else { return Unpacked::Unread };
        let (next, error) = match filter.as_slice() {
            b"FlateDecode" | b"Fl" => read(ZlibDecoder::new(&content[..]), most),
            b"ASCII85Decode" | b"A85" => (ascii85(&content), None),
            b"ASCIIHexDecode" | b"AHx" => (ascii_hex(&content), None),
            b"RunLengthDecode" | b"RL" => (runs(&content, most), None),
            b"LZWDecode" | b"LZW" => {
                let said = parameters.get(nth).and_then(Value::dict);
                let early = said.and_then(|said| said.number("EarlyChange")) != Some(0.0);
                lzw(&content, early, most)
            }
            // What was encrypted is open already.
            b"Crypt" => (content.clone(), None),
            b"DCTDecode" | b"DCT" | b"JPXDecode" | b"CCITTFaxDecode" | b"CCF" | b"JBIG2Decode" => {
                return Unpacked::Picture;
            }
            _ => return Unpacked::Unread,
        };
        if next.len() as u64 > most {
            return Unpacked::TooLarge;
        }
        content = next;
        fault = fault.or(error.map(|error| error.to_string()));
        if let Some(Value::Dict(parameters)) = parameters.get(nth) {
            let number = |key: &str, or: usize| match parameters.number(key) {
                Some(number) if (1.0..1e6).contains(&number) => number as usize,
                _ => or,
            };
            if number("Predictor", 1) >= 10 {
                let bits = number("Colors", 1).saturating_mul(number("BitsPerComponent", 8));
                // A row that is longer than all there is costs no more than that.
                let width =
                    number("Columns", 1).saturating_mul(bits).div_ceil(8).min(content.len());
                content = unpredict(&content, width, bits.div_ceil(8).max(1));
            }
        }
    }
    Unpacked::Content(content, fault)
}

/// All that `reader` gives, to one byte more than `most`; what comes before an error is kept.
fn read(reader: impl Read, most: u64) -> (Zeroizing<Vec<u8>>, Option<io::Error>) {
    let mut content = Zeroizing::new(Vec::new());
    let error = reader.take(most.saturating_add(1)).read_to_end(&mut content).err();
    (content, error)
}

/// What LZW made of some content; codes grow one step `early` unless the file says otherwise.
fn lzw(bytes: &[u8], early: bool, most: u64) -> (Zeroizing<Vec<u8>>, Option<io::Error>) {
    let mut decoder = match early {
        true => Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
        false => Decoder::new(BitOrder::Msb, 8),
    };
    let (mut content, mut rest) = (Zeroizing::new(Vec::new()), bytes);
    let mut buffer = Zeroizing::new(vec![0; LZW_STEP]);
    while content.len() as u64 <= most {
        let step = decoder.decode_bytes(rest, &mut buffer);
        content.extend_from_slice(&buffer[..step.consumed_out]);
        rest = &rest[step.consumed_in..];
        match step.status {
            Ok(LzwStatus::Ok) => {}
            Ok(LzwStatus::Done) => return (content, None),
            Ok(LzwStatus::NoProgress) => {
                return (content, Some(io::ErrorKind::UnexpectedEof.into()));
            }
            Err(error) => return (content, Some(io::Error::other(error))),
        }
    }
    (content, None)
}

fn ascii_hex(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let digits = bytes.iter().take_while(|&&b| b != b'>');
    let digits: Vec<u8> = digits
        .filter_map(|&b| (b as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    Zeroizing::new(digits.chunks(2).map(|two| two[0] << 4 | two.get(1).unwrap_or(&0)).collect())
}

fn ascii85(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut content = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut group = Vec::with_capacity(5);
    let bytes = bytes.strip_prefix(b"<~").unwrap_or(bytes);
    for &byte in bytes.iter().take_while(|&&b| b != b'~').filter(|&&b| !is_blank(b)) {
        match byte {
            b'z' if group.is_empty() => content.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => group.push(byte - b'!'),
            _ => break,
        }
        if group.len() == 5 {
            content.extend_from_slice(&word85(&group));
            group.clear();
        }
    }
    if group.len() > 1 {
        let len = group.len() - 1;
        group.resize(5, 84);
        content.extend_from_slice(&word85(&group)[..len]);
    }
    content
}

fn word85(group: &[u8]) -> [u8; 4] {
    let word = group
        .iter()
        .fold(0_u32, |word, &digit| word.wrapping_mul(85).wrapping_add(u32::from(digit)));
    word.to_be_bytes()
}

fn runs(bytes: &[u8], most: u64) -> Zeroizing<Vec<u8>> {
    let (mut content, mut rest) = (Zeroizing::new(Vec::new()), bytes);
    while let [len, left @ ..] = rest {
        rest = match (*len, left) {
            (128, _) => break,
            (0..=127, _) => {
                let (run, left) = left.split_at((usize::from(*len) + 1).min(left.len()));
                content.extend_from_slice(run);
                left
            }
            (_, [byte, left @ ..]) => {
                let grown = content.len() + 257 - usize::from(*len);
                content.resize(grown, *byte);
                left
            }
            (_, []) => break,
        };
        if content.len() as u64 > most {
            break;
        }
    }
    content
}

/// Undoes the filters of PNG for rows of `width` bytes and pixels of `step` bytes.
fn unpredict(bytes: &[u8], width: usize, step: usize) -> Zeroizing<Vec<u8>> {
    let mut content = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut above = vec![0; width];
    for coded in bytes.chunks(width + 1) {
        let Some((kind, coded)) = coded.split_first() else { break };
        let mut row = vec![0; width];
        for (at, &byte) in coded.iter().enumerate() {
            let left = if at >= step { row[at - step] } else { 0 };
            let corner = if at >= step { above[at - step] } else { 0 };
            let up: u8 = above[at];
            let guess = match kind {
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, corner),
                _ => 0,
            };
            row[at] = byte.wrapping_add(guess);
        }
        content.extend_from_slice(&row[..coded.len()]);
        above = row;
    }
    content
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let far = |value: u8| (guess - i16::from(value)).abs();
    match (far(left), far(up), far(corner)) {
        (l, u, c) if l <= u && l <= c => left,
        (_, u, c) if u <= c => up,
        _ => corner,
    }
}
