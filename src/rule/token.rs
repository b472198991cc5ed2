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

/// One form.
pub(crate) struct Token {
    start: Vec<u8>,
    set: ByteSet,
    least: usize,
    most: usize,
}

/// How a value and a form compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It has the form.
    Whole,
    /// A byte is missing, too many or outside the alphabet.
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
        let mut token = Self { start, set: ByteSet::EMPTY, least: 0, most: 0 };
        for part in parts {
            token.least += part.properties().minimum_len()?;
            token.most += part.properties().maximum_len()?;
            token.set.add(&bytes(part));
        }
        let (least, most) = (token.least + token.start.len(), token.most + token.start.len());
        let exact = least >= SHORTEST && most <= least + SPREAD && token.set.len() <= LARGEST;
        exact.then_some(token)
    }

    /// How `value` and the form compare.
    pub(crate) fn fit(&self, value: &[u8]) -> Fit {
        let Some((head, rest)) = value.split_at_checked(self.start.len()) else {
            return Fit::Other;
        };
        if !head.eq_ignore_ascii_case(&self.start) {
            return Fit::Other;
        }
        let own = |b: &u8| {
            self.set.has(*b)
                || self.set.has(b.to_ascii_lowercase())
                || self.set.has(b.to_ascii_uppercase())
        };
        let outside: Vec<u8> = rest.iter().copied().filter(|b| !own(b)).collect();
        let hex = self.set.len() <= LARGEST_HEX;
        if outside.iter().any(|b| JOINTS.contains(b) || !hex && b.is_ascii_alphanumeric()) {
            return Fit::Other;
        }
        let off = self.least.saturating_sub(rest.len()).max(rest.len().saturating_sub(self.most));
        match outside.len() + off {
            0 => Fit::Whole,
            1 => Fit::Near,
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
        ] {
            assert_eq!(form[0].fit(value.as_bytes()), fit, "{value}");
        }
    }

    #[test]
    fn loose_patterns_have_no_form() {
        assert!(token("[a-z]{3,9}").is_empty());
        assert!(token(r"\S{20,400}").is_empty());
        assert!(token("[A-Za-z0-9]{20,}").is_empty());
        assert!(token(r#"[^\s"']{24}"#).is_empty());
    }
}
