//! Values that stand where a secret will stand: words, ladders, repetitions and templates.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex_automata::meta::Regex;
use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::rule::{RuleError, data, matcher::any_of};
use crate::scan::{decode, template};
use crate::span::Span;

/// Above this length a value is a key block or a signed document, not a placeholder.
const LONGEST: usize = 256;

/// What is shorter and of letters only is no signature of a JSON Web Token but a word in its place.
const SIGNATURE: usize = 20;

/// The tests of `rules/placeholders.toml`, compiled when a value is first looked at: most starts of the program
/// see none.
pub struct Placeholders {
    words: Vec<String>,
    finder: OnceLock<AhoCorasick>,
    exact: FxHashSet<Vec<u8>>,
    accounts: Vec<String>,
    users: Vec<String>,
    encoded: Vec<String>,
    claims: Vec<String>,
    shapes: Vec<String>,
    compiled: OnceLock<Regex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    words: Vec<String>,
    exact: Vec<String>,
    accounts: Vec<String>,
    users: Vec<String>,
    encoded: Vec<String>,
    claims: Vec<String>,
    shapes: Vec<String>,
}

impl Placeholders {
    /// Compiles the shipped list.
    ///
    /// # Errors
    /// [`RuleError`] when the data file is broken; a test holds that it is not.
    pub fn load() -> Result<Self, RuleError> {
        let data: Data = data("placeholders.toml")?;
        let lower = |word: &String| word.to_ascii_lowercase().into_bytes();
        let exact = data.exact.iter().chain(&data.accounts).map(lower).collect();
        let Data { words, accounts, users, encoded, claims, shapes, .. } = data;
        let (finder, compiled) = (OnceLock::new(), OnceLock::new());
        Ok(Self { words, finder, exact, accounts, users, encoded, claims, shapes, compiled })
    }

    /// True when `secret` is a placeholder.
    pub fn matches(&self, secret: &[u8]) -> bool {
        if secret.len() > LONGEST {
            return false;
        }
        self.exact.contains(&secret.to_ascii_lowercase())
            || repeats(secret)
            || ladder(behind_id(secret))
            || self.words().is_match(secret)
            || template::holds(secret)
            || self.shapes().is_match(secret)
            || self.encodes_one(secret)
    }

    /// True when `secret` is a password that comes with a program.
    pub fn is_default(&self, secret: &[u8]) -> bool {
        self.accounts.iter().any(|word| word.as_bytes() == secret)
    }

    /// True where `text` has one of the words of the list.
    pub fn says_one(&self, text: &[u8]) -> bool {
        self.words().is_match(text)
    }

    /// True for base64 of a text that says so, and for the token that pages about JWT show.
    fn encodes_one(&self, secret: &[u8]) -> bool {
        let mut rest = secret.strip_prefix(b"eyJ").unwrap_or_default().split(|b| *b == b'.');
        if let (Some(_), Some(claims), signature) = (rest.next(), rest.next(), rest.next()) {
            let text = decode::base64_value(claims, Span::new(0, claims.len()));
            let word = |text: &[u8]| {
                (1..SIGNATURE).contains(&text.len()) && text.iter().all(u8::is_ascii_alphabetic)
            };
            return signature.is_some_and(word)
                || text.is_some_and(|text| holds_any(&text.bytes, &self.claims));
        }
        let Some(text) = decode::base64_value(secret, Span::new(0, secret.len())) else {
            return false;
        };
        let printable = |b: &u8| (b' '..=b'~').contains(b);
        let text = text.bytes.to_ascii_lowercase();
        let mut pair = text.splitn(2, |b| *b == b':');
        let user =
            pair.next().is_some_and(|user| self.users.iter().any(|own| own.as_bytes() == user));
        let own = user && pair.next().is_some_and(|password| self.exact.contains(password));
        text.len() >= 9
            && text.iter().all(printable)
            && (own || self.words().is_match(&text) || holds_any(&text, &self.encoded))
    }

    fn words(&self) -> &AhoCorasick {
        self.finder.get_or_init(|| {
            match AhoCorasick::builder().ascii_case_insensitive(true).build(&self.words) {
                Ok(finder) => finder,
                Err(error) => panic!("placeholders.toml: {error}"),
            }
        })
    }

    fn shapes(&self) -> &Regex {
        self.compiled.get_or_init(|| match any_of(self.shapes.iter().map(String::as_str)) {
            Ok(regex) => regex,
            // The list ships with the program, and tests look at it.
            Err(error) => panic!("placeholders.toml: {error}"),
        })
    }
}

fn holds_any(text: &[u8], parts: &[String]) -> bool {
    parts.iter().any(|part| memchr::memmem::find(text, part.as_bytes()).is_some())
}

/// True for a run of one character that chance does not give, for few distinct characters, or for
/// a short period: `xxxx…`, `abababab`, `1234-1234-1234`.
fn repeats(secret: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| secret.iter().any(is);
    let one_case = !(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase));
    let limit = |at: usize| match secret.len() {
        64.. => 8,
        _ if in_hex(secret, at) => 6,
        // Letters of one case and digits are few enough for a run of four in a long value.
        20.. if one_case => 5,
        _ => 4,
    };
    let mut at = 0;
    let long = secret.chunk_by(|a, b| a == b).any(|run| {
        at += run.len();
        run.len() >= limit(at - 1)
    });
    let distinct = {
        let mut seen = [false; 256];
        secret.iter().for_each(|&b| seen[usize::from(b)] = true);
        seen.iter().filter(|&&s| s).count()
    };
    let body =
        &secret[secret.iter().rposition(|&b| b == b'_' || b == b'-').map_or(0, |at| at + 1)..];
    let periodic =
        |period: usize| body.len() >= 3 * period && body[period..] == body[..body.len() - period];
    let few = if secret.iter().all(u8::is_ascii_digit) { 5 } else { 6 };
    long || (secret.len() >= 16 && distinct < few)
        || (body.len() >= 12 && (1..=body.len() / 3).any(periodic))
        || secret.len() < 64 && has_period(secret)
}

/// True for twelve characters or more somewhere that repeat two to five others: `…1234-1234-1234…`.
fn has_period(secret: &[u8]) -> bool {
    (2..=5).any(|period: usize| {
        let same = secret.iter().zip(&secret[period.min(secret.len())..]).map(|(a, b)| a == b);
        let mut run = 0;
        same.into_iter().any(|same| {
            run = if same { run + 1 } else { 0 };
            run + period >= 12
        })
    })
}

/// Hex digits side by side from which chance gives runs of one digit.
const HEX_STRETCH: usize = 24;

/// True where the character at `at` is of a long stretch of hex digits, as behind a prefix, or all
/// letters and digits are hex digits: there are only sixteen, so chance repeats them sooner.
fn in_hex(secret: &[u8], at: usize) -> bool {
    let digits =
        |half: &mut dyn Iterator<Item = &u8>| half.take_while(|b| b.is_ascii_hexdigit()).count();
    let stretch = digits(&mut secret[..=at].iter().rev()) + digits(&mut secret[at + 1..].iter());
    stretch >= HEX_STRETCH
        || secret.iter().filter(|b| b.is_ascii_alphanumeric()).all(u8::is_ascii_hexdigit)
}

/// Least length of what stands behind an id to be judged without it.
const BEHIND_ID: usize = 20;

/// What stands behind an id of digits: `12345678:…`. Whether the id counts up tells nothing of the rest.
fn behind_id(secret: &[u8]) -> &[u8] {
    let Some(at) = memchr::memchr(b':', secret) else { return secret };
    let (id, rest) = (&secret[..at], &secret[at + 1..]);
    let digits = !id.is_empty() && id.iter().all(|b| b.is_ascii_digit() || *b == b'/');
    if digits && rest.len() >= BEHIND_ID { rest } else { secret }
}

/// True for six characters in a row that count up: `abcdef`, `123456`, `567890`.
fn ladder(secret: &[u8]) -> bool {
    let next = |a: u8, b: u8| {
        (b == a.wrapping_add(1) && a.is_ascii_alphanumeric()) || (a == b'9' && b == b'0')
    };
    secret.chunk_by(|&a, &b| next(a, b)).any(|run| run.len() >= 6)
        || climbs(secret)
        || in_turn(secret)
}

/// True where letters and digits take turns and both count up, throughout: `D4E5F6`.
fn in_turn(secret: &[u8]) -> bool {
    let step = |three: &[u8]| {
        three[2] == three[0].wrapping_add(1)
            && three[0].is_ascii_digit() != three[1].is_ascii_digit()
            && three.iter().all(u8::is_ascii_alphanumeric)
    };
    secret.len() >= 6 && secret.windows(3).all(step)
}

/// True for six letters or more that count up or down and are not all hex digits, whatever stands between
/// them and whatever their case is: `a1B2c3D4e5F6g7`, `aabbccddeeffgg`, `p5o4n3m2l1k0`.
fn climbs(secret: &[u8]) -> bool {
    let mut letters: Vec<u8> =
        secret.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
    letters.dedup();
    let up = |a: &u8, b: &u8| *b == a + 1;
    let long = |run: &[u8]| run.len() >= 6 && !run.iter().all(u8::is_ascii_hexdigit);
    letters.chunk_by(up).any(long) || letters.chunk_by(|a, b| up(b, a)).any(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_of_the_reference_are_recognised() {
        let placeholders = Placeholders::load().unwrap();
        for value in [
            "sk-your-api-key",
            "sk-xxxxxxxxxxxxxxxx",
            "sk-your-actual-api-key-here",
            "sk-anthropic-actual-key-here",
            "sk-example-user-key-here",
            "sk-your-new-api-key-here",
            "sk-...",
            "sk-kimi-xxxxxxxxxxxxxxxx",
            "your_api_key_here",
            "YOUR_DASHSCOPE_API_KEY",
            "YOUR_API_KEY_FROM_CLOUD_SILICONFLOW_CN",
            "your-api-key",
            "sk-1234",
            "sk-no-key-required",
            "sk-None-abcdefghij1234567890ABCDEFGHIJ",
            "EMPTY",
            "lm-studio",
            "token-abc123",
            "AKIAIOSFODNN7EXAMPLE",
            "a1b2c3d4e5f6a7b8",
            "${OPENAI_API_KEY}",
            "<your key>",
            "{{ secrets.KEY }}",
            "%API_KEY%",
            "process.env.OPENAI_API_KEY",
            "********",
            "acme-1234-1234-123481b2c7d9e0f3",
            "ZHVtbXkgdGV4dCBmb3IgYWxs",
            "$username:$password",
            "dXNlcm5hbWU6cGFzc3dvcmQ=",
            "Aa1Bb2Cc3Dd4Ee5Ff6Gg7H/aA1bB2cC3",
            "zyxwvutsrq98",
            "D4E5F6",
            "px-k7-f6e5-d4c3-p5o4n3m2l1k0",
            concat!("hal+9ooo", "_da!sY"),
            concat!("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiJvdGhlciJ9.signature"),
            concat!(
                "eyJhbGciOiJIUzI1NiJ9.eyJz",
                "dWIiOiIxMjM0NTY3ODkwIn0.7C3QohCnyG4Q0gM8wSqZ2ZcptrZX1Wq1U32b1qWOMZ"
            ),
        ] {
            assert!(placeholders.matches(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn random_bodies_are_kept() {
        let placeholders = Placeholders::load().unwrap();
        for value in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "sk-Zq8vT2mKx0LrY5nWc7Bd",
            concat!("9f86d08188887d659a2feaa0c55ad015", "-us13"),
            concat!("shp", "at_9f86d08188887d659a2feaa0c55ad015"),
            "7123456789:hG7kQ2vX9mB4tR1zYw8LpZq3TnWb",
            "1/3456789012345670:9f86d081884c7d659a2feaa0c55ad015",
        ] {
            assert!(!placeholders.matches(value.as_bytes()), "{value}");
        }
    }

    /// A small generator of numbers, the same on every run.
    fn random(state: &mut u64, below: usize) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(*state >> 33).unwrap() % below
    }

    #[test]
    fn chance_makes_placeholders_of_few_values() {
        // One in a thousand; four of those with all signs, among which brackets may pair.
        const VALUES: usize = 10_000;
        let placeholders = Placeholders::load().unwrap();
        let of = |ranges: &[std::ops::RangeInclusive<u8>], more: &[u8]| -> Vec<u8> {
            ranges.iter().cloned().flatten().chain(more.iter().copied()).collect()
        };
        let hex = of(&[b'0'..=b'9', b'a'..=b'f'], b"");
        let lower = of(&[b'0'..=b'9', b'a'..=b'z'], b"");
        let base32 = of(&[b'2'..=b'7', b'A'..=b'Z'], b"");
        let base62 = of(&[b'0'..=b'9', b'a'..=b'z', b'A'..=b'Z'], b"");
        let base64url = [base62.as_slice(), b"-_"].concat();
        let printed = of(&[b'!'..=b'~'], b"");
        let state = &mut 11;
        for (alphabet, lengths) in [
            (&of(&[b'0'..=b'9'], b""), [16, 20, 24].as_slice()),
            (&hex, &[16, 32, 40, 56, 64]),
            (&lower, &[16, 20, 24, 32, 40, 50, 63]),
            (&base32, &[16, 20, 32, 40, 52, 63]),
            (&of(&[b'a'..=b'z'], b""), &[16, 20, 32, 40]),
            (&base62, &[12, 16, 20, 24, 32, 40, 43, 64, 86]),
            (&base64url, &[16, 22, 32, 43, 64, 86, 172]),
            (&printed, &[12, 16, 20, 24]),
        ] {
            for &length in lengths {
                let hits = (0..VALUES).filter(|_| {
                    let value: Vec<u8> =
                        (0..length).map(|_| alphabet[random(state, alphabet.len())]).collect();
                    placeholders.matches(&value)
                });
                let hits = hits.count();
                let of = alphabet.len();
                let most = if of > 90 { 4 } else { 1 };
                assert!(
                    hits < VALUES * most / 1000,
                    "{hits} of {VALUES}: {length} characters out of {of}"
                );
            }
        }
    }
}
