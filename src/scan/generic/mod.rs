//! Generic secrets have no shape of their own: a value assigned to a telling name is judged by a
//! score of named parts, about the name, the value, the place and at last the file.

mod name;
mod part;
mod place;
mod scheme;
mod tie;
mod value;
mod words;

pub use tie::may_follow;
pub use words::Words;

use crate::finding::{Confidence, Evidence};
use crate::scan::Candidate;
use crate::span::Span;
use part::Part;

/// Least sum of a finding.
const REPORT: i32 = 5;
/// From here the confidence is medium.
const MEDIUM: i32 = 20;
/// No file adds more than this, so that what is below without it is dropped at once.
const BEST_FILE: i32 = 15;

/// The evidence about the value at `secret` in the match at `whole`; `None` where no file can make
/// it enough.
pub fn judge(words: &Words, bytes: &[u8], whole: Span, secret: Span) -> Option<Vec<Evidence>> {
    let mut parts = Vec::with_capacity(16);
    match scheme::judge(bytes, whole, secret) {
        Some((part, password)) => {
            parts.push(part);
            if part == Part::UserInfo && scheme::local(&bytes[secret.end..]) {
                parts.push(Part::HostLocal);
            }
            value::judge(words, &password, (&[], false), &mut parts);
        }
        None => assigned(words, bytes, (whole, secret), &mut parts),
    }
    place::line(bytes, whole, &mut parts);
    let sum: i32 = parts.iter().map(|part| part.weight()).sum();
    (sum + BEST_FILE >= REPORT).then(|| parts.iter().map(|part| part.evidence()).collect())
}

/// Parts about a value that is tied to a name.
fn assigned(words: &Words, bytes: &[u8], (whole, secret): (Span, Span), parts: &mut Vec<Part>) {
    let left = &bytes[whole.start..secret.start];
    let in_name = |b: &&u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
    let (name, tie) = left.split_at(left.iter().take_while(in_name).count());
    name::judge(name, parts);
    if name.iter().all(|b| !b.is_ascii_lowercase()) {
        parts.push(Part::Constant);
    }
    let password = parts.contains(&Part::NamePassword);
    value::judge(words, secret.slice(bytes), (&name::words(name), password), parts);
    place::judge(tie, &bytes[secret.end..], parts);
}

/// `candidate` with what its path says, or `None` where the sum is not enough.
pub fn settle(candidate: &Candidate, path: &[u8]) -> Option<Candidate> {
    let mut parts = Vec::new();
    place::file(path, candidate.bare, &mut parts);
    let mut evidence = candidate.evidence.clone();
    evidence.extend(parts.iter().map(|part| part.evidence()));
    let sum: i32 = evidence.iter().map(|piece| piece.weight).sum();
    let confidence = if sum >= MEDIUM { Confidence::Medium } else { Confidence::Low };
    (sum >= REPORT).then(|| Candidate { evidence, confidence, ..candidate.clone() })
}

/// True where no quote stands before the value.
pub fn is_bare(bytes: &[u8], secret: Span) -> bool {
    secret.start == 0 || !b"\"'`".contains(&bytes[secret.start - 1])
}
