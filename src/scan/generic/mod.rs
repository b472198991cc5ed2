//! Generic secrets have no shape of their own: a value assigned to a telling name is judged by a
//! score of named parts, about the name, the value, the place and at last the file.

mod file;
mod name;
mod part;
mod place;
mod plain;
mod scheme;
mod signs;
mod tie;
mod value;
mod words;

pub use file::File;
pub use part::Part;
pub use tie::{follows, may_follow, refuses};
pub use words::Words;

pub(in crate::scan) use name::words as name_words;

use crate::finding::Confidence;
use crate::scan::Candidate;
use crate::span::Span;
use value::Beside;

/// Least sum of a finding.
const REPORT: i32 = 2;
/// From here the confidence is medium.
const MEDIUM: i32 = 22;
/// Longer values are documents, keys in blocks or data, unless they are random throughout.
const LONGEST: usize = 200;
/// What is longer still is data.
const LONGEST_RANDOM: usize = 2000;
/// No file adds more than this, so that what is below without it is dropped at once.
const BEST_FILE: i32 = 6;

/// So many letters or more may be a key though there is nothing else.
const FEW_LETTERS: usize = 12;

/// What [`Part::ConfiguredPassword`] weighs: more than all that can speak against a word.
const CONFIGURED: i32 = 150;

/// What is a secret only where the file makes it one.
const PLAIN: [Part; 3] = [Part::PlainPassword, Part::PlainChosen, Part::PlainWord];

/// What is seen of the value at `secret` in the match at `whole`; `None` where no file can make
/// it enough. `of_vendor` says that the name is a vendor's, so that a key is one that opens something.
pub fn judge(
    words: &Words,
    bytes: &[u8],
    (whole, secret): (Span, Span),
    of_vendor: bool,
) -> Option<Vec<Part>> {
    if secret.len() > LONGEST && !is_long_token(words, secret.slice(bytes)) {
        return None;
    }
    let mut parts = Vec::with_capacity(16);
    match scheme::judge(bytes, whole, secret) {
        Some((part, password)) => {
            // `a basic knowledge`
            if part == Part::SchemeBroken && password.iter().all(u8::is_ascii_alphabetic) {
                return None;
            }
            parts.push(part);
            if part == Part::UserInfo && scheme::local(&bytes[secret.end..]) {
                parts.push(Part::HostLocal);
            }
            value::judge(words, &password, Beside::default(), &mut parts);
            if part == Part::UserInfo {
                let named = ([String::from("password")], b"=\"".as_slice());
                parts.extend(plain::judge((&named.0, &password), (named.1, b""), &parts));
            }
        }
        None if is_stray_word(words, bytes, (whole, secret)) => return None,
        None if !is_bare(bytes, secret) && place::is_behind(secret.slice(bytes)) => return None,
        None if !assigned(words, bytes, (whole, secret), &mut parts) => return None,
        None => {}
    }
    if of_vendor {
        opens(words, secret.slice(bytes), &mut parts)?;
    }
    place::line(bytes, whole, &mut parts);
    (may_be_configured(&parts) || sum(&parts) + BEST_FILE >= REPORT).then_some(parts)
}

/// What `parts` weigh together.
fn sum(parts: &[Part]) -> i32 {
    parts.iter().map(|part| part.weight()).sum()
}

/// True for a long value that may be a token: random, not above the limit, and no certificate or key
/// in DER, whose base64 begins in `MI`.
fn is_long_token(words: &Words, value: &[u8]) -> bool {
    value.len() <= LONGEST_RANDOM && !value.starts_with(b"MI") && value::is_generated(words, value)
}

/// Takes a key in `parts` for one that opens something; `None` where there is none, or `value` is no token
/// but a digest or what was changed by hand.
fn opens(words: &Words, value: &[u8], parts: &mut Vec<Part>) -> Option<()> {
    let end = value.iter().rposition(|b| *b != b'=').unwrap_or_default();
    let cases = [u8::is_ascii_lowercase, u8::is_ascii_uppercase].map(|is| value.iter().any(is));
    let hex = parts.contains(&Part::Hex) || parts.contains(&Part::HexDigest);
    // No program prints a digest in both cases.
    let random = if hex { cases == [true, true] } else { value::is_generated(words, value) };
    if !random || value[..end].contains(&b'=') {
        return None;
    }
    *parts.iter_mut().find(|part| **part == Part::NameKey)? = Part::NameOpeningKey;
    parts.retain(|part| *part != Part::KeyOfPart);
    let generated = parts.iter_mut().find(|part| **part == Part::GeneratedKey);
    generated.into_iter().for_each(|part| *part = Part::Generated);
    Some(())
}

/// True for a value that only a space ties to its name and no quotes hold together, unless it is random
/// throughout and no digest: `the key abcdef…`.
fn is_stray_word(words: &Words, bytes: &[u8], (whole, secret): (Span, Span)) -> bool {
    let left = &bytes[whole.start..secret.start];
    let (name, tie) = split_name(left);
    // Behind a hyphen it is an option of a command.
    let spaced = tie == b" " && !name.is_empty() && !name.starts_with(b"-");
    let value = secret.slice(bytes);
    let digest = value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    spaced && (digest || !value::is_generated(words, value))
}

/// The name with which `left` begins, a match up to its value, and what ties the value to it.
pub(super) fn split_name(left: &[u8]) -> (&[u8], &[u8]) {
    let in_name = |b: &&u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
    left.split_at(left.iter().take_while(in_name).count())
}

/// Adds parts about a value that is tied to a name; false where it is none.
fn assigned(
    words: &Words,
    bytes: &[u8],
    (whole, secret): (Span, Span),
    parts: &mut Vec<Part>,
) -> bool {
    let left = &bytes[whole.start..secret.start];
    let (name, tie) = match split_name(left) {
        // `"value" == name`: the quote is the match's, the rest stands behind the value.
        ([], _) => turned(&bytes[secret.end..whole.end]),
        named => named,
    };
    let before = &bytes[..whole.start];
    if place::is_no_name(before, (name, tie), secret.slice(bytes)) || place::is_in_data(before) {
        return false;
    }
    let compared = tie.windows(2).any(|two| two == b"==" || two == b"!=");
    let name = if compared { name::of_field(name) } else { name };
    let name = &name::spoken(&bytes[..whole.start], name);
    name::judge(name, parts);
    if name.iter().all(|b| !b.is_ascii_lowercase()) {
        parts.push(Part::Constant);
    }
    let password = parts.contains(&Part::NamePassword);
    let quoted = !is_bare(bytes, secret);
    let beside = Beside { name: &name::words(name), password, quoted };
    value::judge(words, secret.slice(bytes), beside, parts);
    let member = tie.first().is_some_and(|b| b"\"'\\".contains(b));
    if parts.contains(&Part::Uuid) && beside.name == ["key"] && member {
        parts.push(Part::KeyOfPart);
    }
    if name::is_territory(name, secret.slice(bytes)) {
        parts.push(Part::NameTerritory);
    }
    // People choose passwords; machines make tokens, and of other signs.
    if parts.contains(&Part::NameToken) && signs::has_stray(secret.slice(bytes), 0) {
        parts.retain(|part| *part != Part::WordPassword);
    }
    parts.extend(generated(words, secret.slice(bytes), parts));
    if tie == b":" && place::in_image(&bytes[..whole.start]) {
        parts.push(Part::ImageTag);
    }
    placed(bytes, (whole, secret), tie, parts);
    if parts.contains(&Part::Call) && beside.name.first().is_some_and(|word| word == "set") {
        parts.push(Part::Setter);
    }
    doubted(beside.name, secret.slice(bytes), parts);
    let after = &bytes[secret.end..];
    if password && place::sets_variable(tie, after) {
        parts.extend(environment(secret.slice(bytes), parts));
    }
    let whole = (beside.name, secret.slice(bytes));
    parts.extend(plain::judge(whole, (tie, after), parts));
    let key = parts.contains(&Part::NameKey) && !parts.contains(&Part::NamePublic);
    if key && tie == b"=" && parts.contains(&Part::HexDigest) && parts.contains(&Part::Constant) {
        parts.push(Part::EnvironmentKey);
    }
    true
}

/// Adds parts about how the value is tied to its name, and what stands around both.
fn placed(bytes: &[u8], (whole, secret): (Span, Span), tie: &[u8], parts: &mut Vec<Part>) {
    let inside = place::in_string(bytes, secret.start);
    let (before, after) = (&bytes[..whole.start], &bytes[secret.end..]);
    place::judge(tie, after, inside, parts);
    let random = [Part::LettersRandom, Part::LettersVeryRandom];
    if parts.contains(&Part::Bare)
        && place::is_bare_name(secret.slice(bytes), after, inside)
        && !parts.iter().any(|part| random.contains(part))
    {
        parts.push(Part::BareLetters);
    }
    if parts.contains(&Part::Comma) && place::sets(before) {
        parts.push(Part::Set);
    } else if parts.contains(&Part::Comma) && place::is_list(before, after) {
        parts.push(Part::Listed);
    }
}

/// Adds what speaks against the `value` of a key or a token of this name.
fn doubted(name: &[String], value: &[u8], parts: &mut Vec<Part>) {
    // A key may be a pass phrase, a token is made by a machine.
    let stray = if parts.contains(&Part::NameToken) { 12 } else { 20 };
    let of_secret = name.iter().any(|word| word.ends_with("secret"));
    let token = [Part::NameToken, Part::NameOpeningKey, Part::NameKey];
    if !of_secret && parts.iter().any(|p| token.contains(p)) && signs::has_stray(value, stray) {
        parts.push(Part::Stray);
    }
    let letters = value.iter().all(u8::is_ascii_alphabetic);
    // A token by no other name may be one that a model reads.
    let mere = name == ["token"];
    let vague = [Part::NameKey, Part::NameAuth];
    // The environment has variables for keys that people choose.
    if letters
        && value.len() < FEW_LETTERS
        && (mere || parts.iter().any(|p| vague.contains(p)))
        && !parts.contains(&Part::Constant)
    {
        parts.push(Part::FewLetters);
    }
}

/// What it counts that a password is set in the form of an environment, of which `parts` tell the rest.
fn environment(value: &[u8], parts: &[Part]) -> Option<Part> {
    let bare = !parts.contains(&Part::WordsFollow) && !parts.contains(&Part::RepeatsName);
    let digits = value.len() >= 8 && value.iter().any(u8::is_ascii_digit);
    let about = [Part::NameAbout, Part::NameIdentifier, Part::NamePublic];
    match () {
        () if !parts.contains(&Part::Constant) || parts.iter().any(|p| about.contains(p)) => None,
        () if signs::is_word(value) && bare => Some(Part::EnvironmentWord),
        () if digits => Some(Part::EnvironmentPassword),
        () => None,
    }
}

/// The name and the tie of `" == name`, which stands behind a value; the tie begins with its signs and
/// ends with its quote, as one before a value does.
fn turned(right: &[u8]) -> (&[u8], &[u8]) {
    let start = right.iter().rposition(|b| !b.is_ascii_alphanumeric() && !b"_.-".contains(b));
    let (tie, name) = right.split_at(start.map_or(0, |at| at + 1));
    let signs = if tie.contains(&b'!') { b"!=\"".as_slice() } else { b"==\"" };
    (name, signs)
}

/// True where what [`judge`] saw is enough whatever the file is.
pub fn is_enough(parts: &[Part]) -> bool {
    sum(parts) >= REPORT
}

/// What it counts that `value` is long and random throughout, under a name that says a secret; a value
/// of a known kind, such as a digest or an address, is judged as that.
fn generated(words: &Words, value: &[u8], parts: &[Part]) -> Option<Part> {
    use Part::{
        Date, FileName, Hex, HexDigest, NameAbout, NameCredential, NameIdentifier, NameKey,
        NameOpeningKey, NamePassword, NamePublic, NameSecret, NameToken, PasswordHash, Path,
        Template, Url, Uuid,
    };
    let known = [
        Date,
        FileName,
        Hex,
        HexDigest,
        NameAbout,
        NameIdentifier,
        NamePublic,
        PasswordHash,
        Path,
        Template,
        Url,
        Uuid,
    ];
    if parts.iter().any(|part| known.contains(part)) || !value::is_generated(words, value) {
        return None;
    }
    let of_secret = [NamePassword, NameSecret, NameToken, NameOpeningKey, NameCredential];
    if parts.iter().any(|part| of_secret.contains(part)) {
        return Some(Part::Generated);
    }
    parts.contains(&NameKey).then_some(Part::GeneratedKey)
}

/// `candidate` with the evidence of its parts and of the `file` it stands in, or `None` where the sum is not
/// enough.
pub fn settle(candidate: &Candidate, file: &File) -> Option<Candidate> {
    let of_file = file.parts(&candidate.parts, candidate.bare);
    let sum = sum(&candidate.parts) + sum(&of_file);
    if sum < REPORT {
        return None;
    }
    // What only the kind of the file says is no more than a guess.
    let configured = of_file.contains(&Part::ConfiguredPassword);
    let sure = sum >= MEDIUM && !(configured && sum < MEDIUM + CONFIGURED);
    let confidence = if sure { Confidence::Medium } else { Confidence::Low };
    let told = candidate.parts.iter().chain(&of_file).map(|part| part.evidence());
    let evidence = candidate.evidence.iter().cloned().chain(told).collect();
    Some(Candidate { evidence, confidence, ..candidate.clone() })
}

/// True where the kind of the file may make a secret of what [`judge`] saw.
pub fn may_be_configured(parts: &[Part]) -> bool {
    PLAIN.iter().any(|part| parts.contains(part))
}

/// True where no quote stands before the value.
pub fn is_bare(bytes: &[u8], secret: Span) -> bool {
    secret.start == 0 || !b"\"'`".contains(&bytes[secret.start - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum for `text`, in which the value stands between `«` and `»`; the match begins at `‹`,
    /// or where the text does.
    fn sum(text: &str) -> i32 {
        let begin = text.find('‹');
        let text = &text.replace('‹', "");
        let start = text.find('«').unwrap();
        let end = text.find('»').unwrap() - '«'.len_utf8();
        let plain = text.replace(['«', '»'], "");
        let whole = Span::new(begin.unwrap_or(0), end);
        let words = Words::load().unwrap();
        let parts = judge(&words, plain.as_bytes(), (whole, Span::new(start, end)), false);
        parts.map_or(-99, |all| super::sum(&all))
    }

    #[test]
    fn secrets_reach_the_sum_and_words_do_not() {
        for text in [
            "client_secret = \"«hG7kQ2vX9mB4tR1z»\"",
            "DB_PASSWORD=«wlumjxyaounrf»",
            "REDIS_PASSWORD=«Cabbage77!»",
            "  ‹KEYSTORE_PASSWORD: «greenfinch»\n",
            "${‹QUEUE_PASSWORD:-«greenfinch»}",
            "${‹QUEUE_TOKEN:-«q9Zr4Tn7Wb2Xk8Vd5Jm3»}",
            "password: '«Tr0ub4dor&3»'",
            "apiToken=«vs6_k42_ohaumt8ql=nechzdrj5uiw3t»",
            "token - '«epg6wik0b273hrk8ubc3xk8e00yg0o22»'",
            "define('‹DB_PASSWORD', '«q8Wn4Zr7Tk»')",
            "\"apiKey\": \"«9f86d081884c7d659a2feaa0c55ad015»\"",
            "ACCESS_TOKEN «epg6wik0b273hrk8ubc3xk8e00yg0o22»",
            "if ‹pwField.text == \"«Qz@9rm@7h@2248»\" {",
        ] {
            assert!(sum(text) >= REPORT, "{text}: {}", sum(text));
        }
        for text in [
            "password: '«forgot-your-login»'",
            "\"passwordLabel\": \"«Passwort»\"",
            "token_type = \"«application/json»\"",
            "secret = \"«app-secret»\"",
            "token «9f86d081884c7d659a2feaa0c55ad015»",
            "secret «acme-frontend-a7x2-settings»",
            "password = \"«correcthorse»\"",
            "  ‹KEYSTORE_PASSWORD: «greenfinch», // a variable",
            "image: team/‹appsecrets:«1.13.5-k8s-xzqv»",
            "secretKey: «ZORVUK_CLIENT_ID»",
            "String ‹encryptedSecret = \"«zQ9+x/Lw3Tr2Kp7Vb6Nd3Ahx1k9=»\"",
            "key = \"«getUserSettings»\"",
            "password: \"«$2a$10$N9qo8uLOickgx2ZMRZoMye»\"",
            "\"‹key\": \"«7d1c4e92-5b3a-4f08-9c6e-2a8b17f0d364»\",",
            "\"‹hashed_secret\": \"«3f8a1c9e5b7d2046a8c1e3f5079b2d4c6e8f0a1b»\"",
            "‹admin_password = settings.get(\"«Hq7Wr2xk»\")",
            "- `‹vendor_api_key`: «Acme7x» the key",
            "['a', '‹app_token', '«Kq7Wr2xk9»', 'b']",
            "\"oauth_client_‹id\": \"«hG7kQ2vX9mB4tR1zYw8Lp5Nd3Ax6Ws0»\"",
        ] {
            assert!(sum(text) < REPORT, "{text}: {}", sum(text));
        }
    }

    #[test]
    fn a_digest_has_one_case() {
        let words = Words::load().unwrap();
        for (value, want) in [
            ("7bC1f09e4A3d6E2b8f5a0c9D1e4B7a36", true),
            ("7bc1f09e4a3d6e2b8f5a0c9d1e4b7a36", false),
            ("7BC1F09E4A3D6E2B8F5A0C9D1E4B7A36", false),
        ] {
            let text = format!("acme_key={value}");
            let spans = (Span::new(0, text.len()), Span::new(9, text.len()));
            let judged = judge(&words, text.as_bytes(), spans, true);
            assert_eq!(judged.is_some_and(|all| is_enough(&all)), want, "{value}");
        }
    }

    #[test]
    fn no_file_adds_more_than_is_allowed_for() {
        for path in ["a.py", "a.yml", "docs/a.md", "tests/example.env", "locale/test.md", "a.html"]
        {
            for bare in [false, true] {
                let parts = File::of(path.as_bytes()).parts(&[], bare);
                assert!(super::sum(&parts) <= BEST_FILE, "{path}");
            }
        }
    }
}
