//! Decoded views of a blob: base64, hex, percent and source escapes, notebooks, Secret manifests and
//! string literals that are put together. A view knows for each of its bytes where it came from.
//!
//! Nothing is decoded on suspicion: the table of keywords also holds the encoded forms of the marks
//! in `rules/decode.toml` and the signs of the other encodings, and a view is made around such a hit.

mod alphabet;
mod text;

pub(in crate::scan) use alphabet::base64_value;
pub(in crate::scan) use text::Joints;

use crate::rule::trigger::{Encoding, Trigger};
use crate::span::Span;

/// A view is at most this many bytes to each side of its trigger.
const REACH: usize = 64 << 10;
/// What begins this near to the end of a view that is cut there may be cut, too, and is decoded again:
/// more than a private key takes in escapes.
const MARGIN: usize = 24 << 10;
/// Encodings inside encodings are followed this far.
pub const DEPTH: usize = 3;

/// Decoded bytes with the place of each in the text that was decoded.
pub struct View {
    /// How it was made.
    pub encoding: Encoding,
    /// The decoded bytes.
    pub bytes: Vec<u8>,
    origin: Vec<(u32, u32)>,
}

impl View {
    fn new(encoding: Encoding) -> Self {
        Self { encoding, bytes: Vec::new(), origin: Vec::new() }
    }

    /// Adds a byte that stands at `from` in the original.
    fn push(&mut self, byte: u8, from: std::ops::Range<usize>) {
        self.bytes.push(byte);
        self.origin.push((fit(from.start), fit(from.end)));
    }

    /// Adds a byte of the original as it is.
    fn copy(&mut self, bytes: &[u8], at: usize) {
        self.push(bytes[at], at..at + 1);
    }

    /// Adds `span` of the original as it is.
    fn copy_all(&mut self, bytes: &[u8], span: Span) {
        self.bytes.extend_from_slice(span.slice(bytes));
        self.origin.extend((span.start..span.end).map(|at| (fit(at), fit(at + 1))));
    }

    /// The bytes of the original that `span` of this view was made from.
    pub fn map(&self, span: Span) -> Span {
        let at = |n: usize| self.origin.get(n).copied();
        let start = at(span.start).or_else(|| self.origin.last().copied()).unwrap_or_default();
        let end = at(span.end.saturating_sub(1)).unwrap_or(start);
        Span::new(start.0 as usize, (end.1 as usize).max(start.0 as usize))
    }
}

/// Blobs above 4 GiB are never scanned (`Limits::max_size`), so that offsets fit.
fn fit(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The views that `hits` ask for: triggers with the offset at which each stands, sorted by offset.
/// What one view covers is not decoded again in the same way.
pub fn views(bytes: &[u8], hits: &[(usize, Trigger)]) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    let mut done: Vec<(Encoding, usize)> = Vec::new();
    let mut joints = Joints::default();
    for &(at, trigger) in hits {
        let Trigger { encoding, shift } = trigger;
        if done.iter().any(|&(other, end)| other == encoding && at < end) {
            continue;
        }
        let made = match encoding {
            Encoding::Base64 => alphabet::base64(bytes, at, usize::from(shift)),
            Encoding::Hex => alphabet::hex(bytes, at),
            Encoding::Percent => text::percent(bytes, at),
            Encoding::Escapes => text::escapes(bytes, at),
            Encoding::Notebook => Some(text::notebook(bytes)),
            Encoding::Manifest => Some(text::manifest(bytes)),
            Encoding::Joined => joints.view(bytes, at),
        };
        if let Some((view, end)) = made {
            done.retain(|(other, _)| *other != encoding);
            let covered = if end < at + REACH { end } else { end - MARGIN };
            done.push((encoding, covered.max(at + 1)));
            if !view.bytes.is_empty() {
                views.push(view);
            }
        }
    }
    views
}

/// The stretch around `at` whose bytes all hold `inside`, at most [`REACH`] to each side.
fn run(bytes: &[u8], at: usize, inside: impl Fn(u8) -> bool) -> Span {
    let from = at.saturating_sub(REACH);
    let to = (at + REACH).min(bytes.len());
    let start = bytes[from..at].iter().rposition(|&b| !inside(b)).map_or(from, |n| from + n + 1);
    let end = bytes[at..to].iter().position(|&b| !inside(b)).map_or(to, |n| at + n);
    Span::new(start, end)
}
