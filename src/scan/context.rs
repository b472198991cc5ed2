//! What surrounds a secret: token boundaries, seen through the escapes of source code.

use crate::finding::{Confidence, Evidence};
use crate::rule::Boundary;
use crate::scan::Candidate;
use crate::scan::generic::Words;
use crate::span::Span;

/// True when `secret` borders on other characters than those of tokens, as `boundary` asks, and is no part of
/// data.
pub fn bounded(boundary: Boundary, bytes: &[u8], secret: Span) -> bool {
    let left = || starts_token(bytes, secret.start);
    let right = || bytes.get(secret.end).is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_');
    let ends = match boundary {
        Boundary::Both => left() && right() && !is_cut(bytes, secret),
        Boundary::Left => left(),
        Boundary::Right => right(),
        Boundary::None => true,
    };
    ends && !is_in_data(bytes, secret)
}

/// True where one end of `secret` is that of a string in quotes, and at its other end the string goes on
/// behind a sign that no token has: `'q9Zr4Tn7?Wb2Xk8Vd'` holds neither `q9Zr4Tn7` nor `Wb2Xk8Vd`.
fn is_cut(bytes: &[u8], secret: Span) -> bool {
    let at = |place: Option<usize>| place.and_then(|at| bytes.get(at)).copied().unwrap_or_default();
    let (left, right) = (secret.start.checked_sub(1), Some(secret.end));
    let quote = |b: u8| b == b'"' || b == b'\'';
    let goes_on = |sign: u8, next: u8| b"?!^*".contains(&sign) && next.is_ascii_alphanumeric();
    quote(at(left)) && goes_on(at(right), at(Some(secret.end + 1)))
        || quote(at(right)) && goes_on(at(left), at(secret.start.checked_sub(2)))
}

/// Least bytes of base64 around a token that make it part of them.
const DATA: usize = 64;

/// What stands before a digest in base64.
const INTEGRITY: [&[u8]; 3] = [b"sha256-", b"sha384-", b"sha512-"];

/// True where `secret` is the part between two signs of a longer text in base64, of a font or a program in a
/// page or a digest: chance puts the forms of short tokens there.
fn is_in_data(bytes: &[u8], secret: Span) -> bool {
    let (before, behind) = (&bytes[..secret.start], &bytes[secret.end..]);
    let sign = |byte: Option<&u8>| byte.is_some_and(|byte| b"+/".contains(byte));
    if !sign(before.last()) && !sign(behind.first()) {
        return false;
    }
    // Lines are joined.
    let own = |b: &&u8| b.is_ascii_alphanumeric() || b"+/\r\n".contains(b);
    let start = before.len() - before.iter().rev().take_while(own).count();
    let end = behind.iter().take_while(own).count();
    if INTEGRITY.iter().any(|name| before[..start].ends_with(name)) {
        return true;
    }
    // Zeros, which are `A`, tell nothing.
    let around: Vec<u8> = [&before[start..], &behind[..end]].concat();
    let count = |is: fn(&u8) -> bool| around.iter().filter(|b| **b != b'A' && is(b)).count();
    let (lower, upper) = (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
    let (digits, all) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphanumeric));
    // Names in paths are written in one case, nearly.
    all >= DATA && lower.min(upper) >= all / 12 && digits >= all / 32
}

/// Words between a vendor's name and a hex string that say it is a digest.
const DIGESTS: [&[u8]; 8] =
    [b"sha", b"md5", b"commit", b"rev", b"hash", b"digest", b"checksum", b"integrity"];

/// True for a word in lower case that says a digest.
fn says_digest(word: &[u8]) -> bool {
    DIGESTS.iter().any(|digest| memchr::memmem::find(word, digest).is_some())
}

/// True where the last of the words `said` before a value names something that is no secret: an id, a digest, or what
/// a server hands back in an address.
fn is_other(said: &[&[u8]]) -> bool {
    let Some(name) = said.last().map(|word| word.to_ascii_lowercase()) else { return false };
    name.ends_with(b"id")
        || says_digest(&name)
        || [b"code".as_slice(), b"state", b"sig", b"signature"].contains(&name.as_slice())
}

/// True for a vendor's name that goes on as that of an id: `acmeId`.
fn is_id(vendor: &[u8]) -> bool {
    matches!(vendor, [.., b'a'..=b'z', b'I', b'd' | b'D'])
}

/// Lowers the confidence of a match that only stands behind a vendor's name, and drops it when it
/// may as well be a word, a digest or an id: hex and UUIDs count right behind the name only.
pub fn weaken(words: &Words, bytes: &[u8], candidate: Candidate) -> Option<Candidate> {
    let value = candidate.secret.slice(bytes);
    let digest = value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let gap = &bytes[candidate.whole.start..candidate.secret.start];
    let said: Vec<&[u8]> =
        gap.split(|b| !b.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let (vendor, said) =
        said.split_first().map_or((b"".as_slice(), &said[..]), |(first, rest)| (*first, rest));
    let likely = match digest {
        _ if is_other(said) || said.is_empty() && is_id(vendor) => false,
        true => {
            let plain = |word: &[u8]| word.iter().any(u8::is_ascii_lowercase);
            !says_digest(&vendor.to_ascii_lowercase())
                && said.iter().all(|word| !plain(word) && *word != b"SHA" && *word != b"MD5")
        }
        false => words.is_random(value),
    };
    let evidence = Evidence { what: "only the vendor's name stands before it".into(), weight: -1 };
    likely.then(|| Candidate {
        confidence: Confidence::Low,
        evidence: [candidate.evidence.as_slice(), &[evidence]].concat(),
        ..candidate
    })
}

/// True when a token can start at `at`: nothing before it, no token character, or the end of an
/// escape such as `\n`, `\x0a`, `\u0022`, `%20` or a terminal colour.
fn starts_token(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[at.saturating_sub(12)..at];
    let Some(&last) = before.last() else { return true };
    if !last.is_ascii_alphanumeric() && last != b'_' && last != b'-' {
        return true;
    }
    let back = |n: usize| before.len().checked_sub(n).map(|start| &before[start..]);
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let letter = back(2).is_some_and(|e| e[0] == b'\\' && b"nrtbfv0".contains(&e[1]));
    let percent = back(3).is_some_and(|e| e[0] == b'%' && hex(&e[1..]));
    let byte = back(4).is_some_and(|e| e.starts_with(b"\\x") && hex(&e[2..]));
    let unicode = back(6).is_some_and(|e| e.starts_with(b"\\u") && hex(&e[2..]));
    letter || percent || byte || unicode || ends_colour(before)
}

/// True when `text` ends in an ANSI colour sequence.
fn ends_colour(text: &[u8]) -> bool {
    let Some(body) = text.strip_suffix(b"m") else { return false };
    let digits = body.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    body[..body.len() - digits].ends_with(b"\x1b[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_no_tokens_where_they_go_on() {
        for (text, want) in [
            ("'sk-abc'", true),
            ("'sk-abc?d'", false),
            ("'d?sk-abc'", false),
            ("'sk-abc' ? d", true),
            ("d?sk-abc&e", true),
            ("\"sk-abc!\"", true),
        ] {
            let at = text.find("sk").unwrap();
            let span = Span::new(at, at + 6);
            assert_eq!(bounded(Boundary::Both, text.as_bytes(), span), want, "{text}");
        }
    }

    #[test]
    fn what_stands_in_data_is_no_token() {
        let data = "hY82mNwqR5tZc3Lx0KfJv9Sd7Gb1UpXoE4iTzAnQkW6CyBjVgDl";
        for (text, want) in [
            (format!("{data}/«EAAk9»/{data}"), false),
            (format!("{data}\n{data}+«EAAk9»\n"), false),
            (format!("«EAAk9»/{data}\n{data}"), false),
            ("integrity sha512-hY82/«EAAk9»/x".to_owned(), false),
            (format!("{zeros}/«EAAk9»/{zeros}", zeros = "A".repeat(90)), true),
            (format!("{data}/«EAAk9»"), true),
            (format!("{data} «EAAk9»/{data}"), true),
            (format!("x/«EAAk9»/{long}/y", long = "some/path/of/many/words".repeat(9)), true),
        ] {
            let start = text.find('«').unwrap();
            let end = text.find('»').unwrap() - '«'.len_utf8();
            let plain = text.replace(['«', '»'], "");
            let span = Span::new(start, end);
            assert_eq!(bounded(Boundary::Both, plain.as_bytes(), span), want, "{text}");
        }
    }

    #[test]
    fn ids_digests_and_answers_are_no_keys() {
        for (said, want) in [
            (vec!["accountId"], true),
            (vec!["tests", "py", "sha256"], true),
            (vec!["callback", "code"], true),
            (vec!["code", "key"], false),
            (vec![], false),
        ] {
            let words: Vec<&[u8]> = said.iter().map(|word| word.as_bytes()).collect();
            assert_eq!(is_other(&words), want, "{said:?}");
        }
    }

    #[test]
    fn ids_begin_with_their_vendor() {
        assert!(is_id(b"acmeId") && is_id(b"acmeID"));
        assert!(!is_id(b"Plaid") && !is_id(b"acme") && !is_id(b"ID"));
    }

    #[test]
    fn words_before_a_token_are_seen() {
        for (text, want) in [
            ("key=sk-abc", true),
            ("task-sk-abc", false),
            ("xsk-abc", false),
            (r"\nsk-abc", true),
            ("%20sk-abc", true),
            (r"\u0022sk-abc", true),
            (r"\x22sk-abc", true),
            ("\x1b[31msk-abc", true),
            ("_sk-abc", false),
        ] {
            let at = text.len() - 6;
            let span = Span::new(at, text.len());
            assert_eq!(bounded(Boundary::Both, text.as_bytes(), span), want, "{text}");
        }
    }
}
