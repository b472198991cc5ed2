//! The form of a vendor's token, read from its rule: how it begins, which bytes it is made of and how
//! long it is. It tells a value that only misses that form, as one that is cut short.

use regex_syntax::hir::{Hir, HirKind};

use crate::rule::Rule;
use crate::rule::pattern::{ByteSet, bytes, flat, parse};

/// A shorter token is too common a form to say anything.
const SHORTEST: usize = 16;
/// Above this the lengths of a form are a guess of whoever wrote the rule.
const SPREAD: usize = 16;
/// More different bytes are no alphabet of tokens.
const LARGEST: usize = 72;
/// Hex digits in both cases and a hyphen: any other letter is outside such an alphabet by mistake.
const LARGEST_HEX: usize = 23;
/// What stands in the tokens of some vendors: one with these is of another form.
const JOINTS: &[u8] = b"-_.~+/=:";

/// Joints between parts that are judged by themselves.
const SEAMS: &[u8] = b":.-";
/// Least length of parts that are hardly parted so by chance.
const LONG: usize = 5;

/// Most signs that a token was changed by; one with more was made of them.
const FEW: usize = 3;

/// One form.
pub(crate) struct Token {
    start: Vec<u8>,
    parts: Vec<Piece>,
}

/// What stands between two joints of a form.
struct Piece {
    set: ByteSet,
    least: usize,
    most: usize,
    /// The joint behind it; none of its own bytes is one.
    joint: Option<u8>,
}

impl Piece {
    const EMPTY: Self = Self { set: ByteSet::EMPTY, least: 0, most: 0, joint: None };

    /// How many bytes of `text` are too many, missing or outside the alphabet; `None` where it is
    /// something else.
    fn off(&self, text: &[u8]) -> Option<usize> {
        let own = |b: &u8| {
            self.set.has(*b)
                || self.set.has(b.to_ascii_lowercase())
                || self.set.has(b.to_ascii_uppercase())
        };
        let outside: Vec<u8> = text.iter().copied().filter(|b| !own(b)).collect();
        let hex = self.set.len() <= LARGEST_HEX;
        if outside.iter().any(|b| JOINTS.contains(b) || !hex && b.is_ascii_alphanumeric()) {
            return None;
        }
        let off = self.least.saturating_sub(text.len()).max(text.len().saturating_sub(self.most));
        Some(outside.len() + off)
    }
}

/// True for a byte that may stand in some vendor's tokens.
fn of_tokens(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || JOINTS.contains(&byte)
}

/// How a value and a form compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It has the form.
    Whole,
    /// A byte is missing, too many or outside the alphabet; two where a joint stands in its place.
    Near,
    /// Something else.
    Other,
}

impl Token {
    /// The forms of the secrets that `rule` finds with `pattern`; none where it does not say exactly
    /// what they are made of.
    pub(crate) fn of(rule: &Rule, pattern: &str) -> Vec<Self> {
        let Some(hir) = parse(rule.value.as_deref().unwrap_or(pattern)) else {
            return Vec::new();
        };
        let wanted = rule.secret_group.unwrap_or(1);
        let secret = if rule.value.is_some() { None } else { group(&hir, wanted) };
        let secret = secret.unwrap_or(&hir);
        let branches = match secret.kind() {
            HirKind::Alternation(branches) => branches.iter().collect(),
            _ => vec![secret],
        };
        branches.into_iter().filter_map(Self::read).collect()
    }

    /// The form of what `hir` matches.
    fn read(hir: &Hir) -> Option<Self> {
        let mut parts = flat(&[hir]).into_iter().peekable();
        let mut start = Vec::new();
        while let Some(fixed) = parts.next_if(|part| letters(part).is_some()) {
            start.extend(letters(fixed)?);
        }
        let mut pieces = vec![Piece::EMPTY];
        for part in parts {
            let (least, most) =
                (part.properties().minimum_len()?, part.properties().maximum_len()?);
            let literal: &[u8] =
                if let HirKind::Literal(literal) = part.kind() { &literal.0 } else { b"" };
            for &byte in literal {
                let last = pieces.last_mut()?;
                if SEAMS.contains(&byte) && last.most > 0 && !last.set.has(byte) {
                    last.joint = Some(byte);
                    pieces.push(Piece::EMPTY);
                } else {
                    last.set.add(&ByteSet::of(&[byte]));
                    (last.least, last.most) = (last.least + 1, last.most + 1);
                }
            }
            let last = pieces.last_mut().filter(|_| literal.is_empty());
            if let Some(last) = last {
                last.set.add(&bytes(part));
                (last.least, last.most) = (last.least + least, last.most + most);
            }
        }
        let joints = start.len() + pieces.len() - 1;
        let least = joints + pieces.iter().map(|piece| piece.least).sum::<usize>();
        let most = joints + pieces.iter().map(|piece| piece.most).sum::<usize>();
        let small = pieces.iter().all(|piece| piece.set.len() <= LARGEST);
        let exact = least >= SHORTEST && most <= least + SPREAD && small;
        exact.then_some(Self { start, parts: pieces })
    }

    /// True where `value` has a few signs that neither the form nor most tokens have: as many as a hand
    /// puts into one.
    pub(crate) fn lacks(&self, value: &[u8]) -> bool {
        let own = |b: &&u8| {
            of_tokens(**b) || **b == b'%' || self.parts.iter().any(|piece| piece.set.has(**b))
        };
        (1..=FEW).contains(&value.iter().filter(|b| !own(b)).count())
    }

    /// How `value` and the form compare.
    pub(crate) fn fit(&self, value: &[u8]) -> Fit {
        let Some((head, mut rest)) = value.split_at_checked(self.start.len()) else {
            return Fit::Other;
        };
        if !head.eq_ignore_ascii_case(&self.start) {
            return Fit::Other;
        }
        let mut off = 0;
        for piece in &self.parts {
            let end = piece.joint.map_or(Some(rest.len()), |joint| memchr::memchr(joint, rest));
            let Some(wrong) = end.and_then(|end| piece.off(&rest[..end])) else {
                return Fit::Other;
            };
            off += wrong;
            rest = &rest[end.map_or(0, |end| rest.len().min(end + 1))..];
        }
        // A joint between long parts tells more where it stands in its place.
        let parted = self.parts.len() > 1 && self.parts.iter().all(|piece| piece.least >= LONG);
        let most = if parted { 2 } else { 1 };
        match off {
            0 => Fit::Whole,
            wrong if wrong <= most => Fit::Near,
            _ => Fit::Other,
        }
    }
}

/// The group of `hir` that captures under the number `wanted`.
fn group(hir: &Hir, wanted: usize) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.index as usize == wanted => Some(&capture.sub),
        HirKind::Capture(capture) => group(&capture.sub, wanted),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().find_map(|part| group(part, wanted))
        }
        HirKind::Repetition(repetition) => group(&repetition.sub, wanted),
        _ => None,
    }
}

/// The bytes of a part that is one text, in one case or in any.
fn letters(part: &Hir) -> Option<Vec<u8>> {
    if let HirKind::Literal(literal) = part.kind() {
        return Some(literal.0.to_vec());
    }
    let HirKind::Class(_) = part.kind() else { return None };
    let set = bytes(part);
    let lower = (b'a'..=b'z').find(|&letter| set.has(letter))?;
    (set.len() == 2 && set.has(lower.to_ascii_uppercase())).then(|| vec![lower])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(value: &str) -> Vec<Token> {
        Token::read(&parse(value).unwrap()).into_iter().collect()
    }

    #[test]
    fn values_are_compared_with_the_form() {
        let hex = token("[0-9a-f]{32}");
        let acme = token("acme_[A-Za-z0-9]{20}");
        let bot = token("[0-9]{5,16}:A[A-Za-z0-9_-]{20}");
        for (form, value, fit) in [
            (&hex, "6b1f0c7d92e84a35b0d6f1827c94e3a5", Fit::Whole),
            (&hex, "6B1F0C7D92E84A35B0D6F1827C94E3A5", Fit::Whole),
            (&hex, "6b1f0c7d92e84a35b0d6f1827c94e3a", Fit::Near),
            (&hex, "6b1f0c7d92e84a35b0d6f1827c94e3a51", Fit::Near),
            (&hex, "6b1f0c7d92e84a35b0d6f1827r94e3a5", Fit::Near),
            (&hex, "6b1f0c7d92e84a35-0d6f1827c94e3a5", Fit::Other),
            (&hex, "6b1f0c7d92e84a35b0d6f1827c94", Fit::Other),
            (&hex, "hG7kQ2vX9mB4tR1zYw8LpQ2vX9mB4tR1", Fit::Other),
            (&acme, "acme_Q7m2Zr4Tn7Wb2Xk8Vd5J", Fit::Whole),
            (&acme, "acme_Q7m2Zr4Tn7Wb2Xk8Vd5", Fit::Near),
            (&acme, "acme_Q7m2Zr4Tn7", Fit::Other),
            (&acme, "Q7m2Zr4Tn7Wb2Xk8Vd5J", Fit::Other),
            (&bot, "48210375:AQ7m2Zr4Tn7Wb2Xk8Vd5J", Fit::Whole),
            (&bot, "482103756:AQ7m2Zr4Tn7Wb2Xk8Vd5Jx", Fit::Near),
            (&bot, "48210375:AQ7m2Zr4Tn7Wb2Xk8Vd5", Fit::Near),
            (&bot, "48210375:AQ7m2Zr4Tn7Wb2Xk8Vd5Jxy", Fit::Near),
            (&bot, "48210375:AQ7m2Zr4Tn7Wb2Xk8Vd5Jxyz", Fit::Other),
            (&bot, "48210375AQ7m2Zr4Tn7Wb2Xk8Vd5J", Fit::Other),
        ] {
            assert_eq!(form[0].fit(value.as_bytes()), fit, "{value}");
        }
    }

    #[test]
    fn signs_are_lacking() {
        let hex = &token("[0-9a-f]{32}")[0];
        let signs = &token("[a-z!?]{24}")[0];
        assert!(hex.lacks(b"q9Zr4^n7Wb2") && signs.lacks(b"q9Zr4^n7Wb2"));
        assert!(hex.lacks(b"q9Zr4!n7Wb2") && !signs.lacks(b"q9Zr4!n7Wb2"));
        assert!(!hex.lacks(b"q9Zr-Tn7_Wb2=") && !hex.lacks(b"q9%Zr4Tn7Wb2"));
        assert!(!hex.lacks(b"q!9?Zr&4(Tn7Wb2"));
    }

    #[test]
    fn loose_patterns_have_no_form() {
        assert!(token("[a-z]{3,9}").is_empty());
        assert!(token(r"\S{20,400}").is_empty());
        assert!(token("[A-Za-z0-9]{20,}").is_empty());
        assert!(token(r#"[^\s"']{24}"#).is_empty());
    }
}
