//! What a value is made of and what kind of value it looks like.

use super::part::Part;
use super::signs;
use super::words::{Reading, Words};
use crate::scan::entropy::shannon;
use crate::scan::template;

/// What is common among passwords that leak, in lower case and without digits at the end.
const WEAK: &[&str] = &[
    "admin",
    "adminadmin",
    "administrator",
    "letmein",
    "welcome",
    "dragon",
    "monkey",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "master",
    "superman",
    "batman",
    "trustno",
    "passw",
    "p@ssw",
    "p@ssword",
    "p@ssw0rd",
    "pa$$word",
    "pa$$w0rd",
    "passw0rd",
    "root",
    "toor",
];

/// What is known of a value from what stands beside it.
#[derive(Clone, Copy, Default)]
pub(super) struct Beside<'n> {
    /// The words of its name.
    pub(super) name: &'n [String],
    /// The name is that of a password.
    pub(super) password: bool,
    /// It stands in quotes.
    pub(super) quoted: bool,
}

/// Parts about `value`.
pub(super) fn judge(words: &Words, value: &[u8], beside: Beside<'_>, parts: &mut Vec<Part>) {
    let Beside { name, password, quoted } = beside;
    if value.is_empty() {
        return;
    }
    let classes = Classes::of(value);
    let reading = words.read(value);
    parts.push(length(value.len()));
    if quoted && signs::is_jumble(value) {
        // Its letters tell nothing, whatever words chance or its owner made of them.
        parts.push(Part::Jumble);
        return;
    }
    if is_digest(&classes) {
        // Six letters are no words, however they fall.
        parts.push(Part::LettersUnlikeWords);
    } else {
        letters(&classes, reading, password, parts);
    }
    charset(value, &classes, parts);
    entropy(value, &classes, parts);
    kind(value, &classes, reading, parts);
    if password && signs::is_leet(words, value) {
        parts.push(Part::Leet);
    }
    let generated = is_generated(words, value);
    chosen(value, &classes, (reading, generated), name, parts);
}

/// True for twenty characters or more of a token's alphabet, many letters and digits among them, of
/// which few read like words.
pub(super) fn is_generated(words: &Words, value: &[u8]) -> bool {
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"+/=_.~-".contains(b);
    // The cheap looks first: most values are short.
    if value.len() < 20 || !value.iter().all(token) {
        return false;
    }
    let classes = Classes::of(value);
    if classes.digits < 3 || classes.letters() < 8 {
        return false;
    }
    let reading = words.read(value);
    reading.surprise >= 5.0 && reading.in_words * 4 < value.len()
}

/// How many bytes of each class.
#[derive(Clone, Copy, Debug, Default)]
struct Classes {
    lower: usize,
    upper: usize,
    digits: usize,
    hex: usize,
    other: usize,
    all: usize,
}

impl Classes {
    fn of(value: &[u8]) -> Self {
        let count = |is: fn(&u8) -> bool| value.iter().filter(|b| is(b)).count();
        let (lower, upper) = (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
        let digits = count(u8::is_ascii_digit);
        let hex = count(u8::is_ascii_hexdigit);
        let all = value.len();
        Self { lower, upper, digits, hex, other: all - lower - upper - digits, all }
    }

    fn letters(&self) -> usize {
        self.lower + self.upper
    }
}

fn length(len: usize) -> Part {
    match len {
        ..=5 => Part::Length5,
        6..=7 => Part::Length7,
        8..=11 => Part::Length11,
        12..=19 => Part::Length19,
        20..=31 => Part::Length31,
        32..=63 => Part::Length63,
        _ => Part::LengthMore,
    }
}

fn letters(classes: &Classes, reading: Reading, password: bool, parts: &mut Vec<Part>) {
    if classes.letters() == 0 {
        parts.push(Part::LettersNone);
        return;
    }
    parts.push(match reading.surprise {
        ..3.8 => Part::LettersWords,
        3.8..4.5 => Part::LettersNearWords,
        4.5..5.2 => Part::LettersUnlikeWords,
        5.2..6.2 => Part::LettersRandom,
        _ => Part::LettersVeryRandom,
    });
    if reading.in_words * 10 >= classes.all * 8 {
        parts.push(Part::AllInWords);
    } else if reading.in_words * 2 >= classes.all {
        parts.push(Part::HalfInWords);
    }
    if password && classes.letters() * 2 >= classes.all {
        if reading.surprise >= 4.9 {
            parts.push(Part::PasswordOfRandomLetters);
        } else if reading.surprise < 4.2 {
            parts.push(Part::PasswordOfWords);
        }
    }
}

/// Hex digits as long as a digest.
fn is_digest(classes: &Classes) -> bool {
    classes.hex == classes.all
        && classes.digits > 0
        && classes.letters() > 0
        && [32, 40, 56, 64, 96, 128].contains(&classes.all)
}

fn charset(value: &[u8], classes: &Classes, parts: &mut Vec<Part>) {
    let Classes { lower, upper, digits, hex, other, all } = *classes;
    if other > 0 {
        let joints = value.iter().filter(|b| b"-_.".contains(b)).count();
        if other > joints {
            parts.push(Part::Punctuated);
        }
    }
    if hex == all && digits > 0 && classes.letters() > 0 && all >= 8 {
        parts.push(if is_digest(classes) { Part::HexDigest } else { Part::Hex });
        return;
    }
    let base = |b: &u8| b.is_ascii_alphanumeric() || b"+/=".contains(b);
    if all >= 16 && all % 4 == 0 && value.iter().all(base) && (other > 0) && digits > 0 {
        parts.push(Part::Base64);
    }
    match (lower > 0, upper > 0, digits > 0) {
        (true, true, true) => parts.push(Part::AllClasses),
        (true, false, true) => parts.push(Part::LowerDigits),
        (false, true, true) => parts.push(Part::UpperDigits),
        (true, false, false) if other == 0 => parts.push(Part::OnlyLower),
        (false, true, false) if other == 0 && upper < 12 || is_constant(value) => {
            parts.push(Part::Capitals);
        }
        (_, _, false) if other == 0 => parts.push(Part::OnlyLetters),
        (false, false, true) => parts.push(Part::OnlyDigits),
        _ => {}
    }
}

/// Capitals in stretches of two or more, joined by underlines: the name of a constant or a variable.
fn is_constant(value: &[u8]) -> bool {
    let word = |part: &[u8]| part.len() >= 2 && part.iter().all(u8::is_ascii_uppercase);
    value.contains(&b'_') && value.split(|b| *b == b'_').all(word)
}

/// Shannon entropy against the most that the length and the alphabet allow.
fn entropy(value: &[u8], classes: &Classes, parts: &mut Vec<Part>) {
    let hex = classes.hex == classes.all;
    let most = (value.len() as f32).log2().min(if hex { 4.0 } else { 6.0 });
    let share = shannon(value) / most.max(1.0);
    if share >= 0.88 {
        parts.push(Part::EntropyHigh);
    } else if share < 0.72 {
        parts.push(Part::EntropyLow);
    }
}

/// The one kind of value that it looks like.
fn kind(value: &[u8], classes: &Classes, reading: Reading, parts: &mut Vec<Part>) {
    let text = String::from_utf8_lossy(value);
    let has = |sign: &str| text.contains(sign);
    let worded = reading.in_words * 10 >= classes.letters() * 7 && classes.letters() > 0;
    let joints = |joint: u8| value.iter().filter(|b| **b == joint).count();
    if !value.is_ascii() {
        parts.push(Part::Foreign);
    }
    if is_hash(&text) {
        parts.push(Part::PasswordHash);
    } else if is_uuid(value) {
        parts.push(Part::Uuid);
    } else if has("://") || text.starts_with("www.") || has("@") && worded && has(".") {
        parts.push(Part::Url);
    } else if is_date(value) {
        parts.push(Part::Date);
    } else if is_template(&text) {
        parts.push(Part::Template);
    } else if is_code(text.trim_end_matches('=')) {
        parts.push(Part::Code);
    } else if value.starts_with(b"/") && worded
        || value.starts_with(b"./")
        || value.starts_with(b"../")
        || value.starts_with(b"~/")
        || worded && joints(b'/') > 0
    {
        parts.push(Part::Path);
    } else if has_extension(&text) {
        parts.push(Part::FileName);
    } else if joints(b'.') > 0 && text.split('.').all(is_name) {
        parts.push(Part::Dotted);
    } else if joints(b'-') + joints(b'_') > 0
        && classes.other == joints(b'-') + joints(b'_')
        && worded
    {
        parts.push(Part::Hyphened);
    } else if reading.runs >= 2
        && classes.other == 0
        && classes.digits <= 2
        && worded
        && value[0].is_ascii_alphabetic()
    {
        parts.push(Part::Identifier);
    }
}

/// What people choose: words with digits, their own name, the commonest ones.
fn chosen(
    value: &[u8],
    classes: &Classes,
    (reading, generated): (Reading, bool),
    name: &[String],
    parts: &mut Vec<Part>,
) {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    // Chance makes a word of three letters in what is long and random.
    let least = if generated { 5 } else { 3 };
    let telling = |word: &&String| word.len() >= least;
    if name.iter().filter(telling).any(|word| text.contains(word.as_str()))
        || ["password", "passwd", "secret", "token", "apikey"]
            .iter()
            .any(|word| text.contains(word))
    {
        parts.push(Part::RepeatsName);
    }
    const TESTS: [&str; 9] =
        ["test", "demo", "foo", "bar", "tmp", "temp", "dummy", "sample", "stub"];
    if TESTS.iter().any(|word| text.contains(word)) && classes.all < 24 {
        parts.push(Part::SaysTest);
    }
    if is_mashed(&text) {
        parts.push(Part::Mashed);
    }
    if WEAK.contains(&text.trim_end_matches(|c: char| c.is_ascii_digit() || c == '!')) {
        parts.push(Part::KnownWeak);
    }
    let worded = reading.in_words * 2 >= classes.letters() && classes.letters() >= 3;
    let (few, outer) = (classes.digits > 0 && classes.digits <= 4, classes.other);
    if worded && few && outer == 0 && reading.runs == 1 {
        parts.push(Part::WordAndDigits);
    }
    if classes.digits > 0
        && outer > 0
        && classes.upper > 0
        && classes.lower > 0
        && (8..=24).contains(&classes.all)
    {
        parts.push(Part::WordPassword);
    }
}

/// Four letters or more, all of one row of the keyboard: `asdfgh`, `vbnm`.
fn is_mashed(text: &str) -> bool {
    let row = |row: &str| text.chars().filter(|c| c.is_ascii_alphabetic()).all(|c| row.contains(c));
    let letters = text.chars().filter(char::is_ascii_alphabetic).count();
    letters >= 4 && ["qwertyuiop", "asdfghjkl", "zxcvbnm"].iter().any(|keys| row(keys))
}

/// The forms of crypt(3) and of its heirs, of LDAP and of Django.
fn is_hash(text: &str) -> bool {
    const STARTS: [&str; 22] = [
        "$P$",
        "$H$",
        "$1$",
        "$2a$",
        "$2b$",
        "$2y$",
        "$5$",
        "$6$",
        "$y$",
        "$apr1$",
        "$argon2",
        "$pbkdf2",
        "$scrypt",
        "{SSHA",
        "{SHA",
        "{MD5}",
        "{SMD5}",
        "{CRYPT}",
        "pbkdf2_sha",
        "sha1$",
        "md5$",
        "bcrypt_sha",
    ];
    STARTS.iter().any(|start| text.starts_with(start))
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `2024-11-03T10:00`, `1.2.3-rc1`, `10.0.0.1:80`, `v3`.
fn is_date(value: &[u8]) -> bool {
    let joint = |b: &u8| b"-.:/TZ+vxX_ ".contains(b);
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let joints = value.iter().filter(|b| joint(b)).count();
    digits >= 2 && joints > 0 && value.len() <= 30 && digits + joints == value.len()
}

fn is_template(text: &str) -> bool {
    const SIGNS: [&str; 4] = ["%(", "%s", "%d", "%v"];
    SIGNS.iter().any(|sign| text.contains(sign))
        || template::holds(text.as_bytes())
        || text.starts_with('$')
            && text[1..].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        || text.len() > 2 && text.starts_with('%') && text.ends_with('%')
}

fn is_code(text: &str) -> bool {
    ["(", "[", "->", "::", "=>", "&&", "||", "==", "!=", ".*", ".+"]
        .iter()
        .any(|sign| text.contains(sign))
}

fn has_extension(text: &str) -> bool {
    const ENDS: [&str; 44] = [
        "pem",
        "key",
        "crt",
        "cer",
        "csr",
        "txt",
        "json",
        "yaml",
        "yml",
        "xml",
        "html",
        "htm",
        "js",
        "ts",
        "py",
        "rb",
        "go",
        "java",
        "php",
        "css",
        "md",
        "png",
        "jpg",
        "gif",
        "svg",
        "conf",
        "cfg",
        "ini",
        "properties",
        "env",
        "sh",
        "sql",
        "db",
        "log",
        "jks",
        "p12",
        "pfx",
        "der",
        "pub",
        "com",
        "org",
        "net",
        "io",
        "local",
    ];
    text.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && ENDS.contains(&end))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && text.len() <= 40
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(value: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        let name = [String::from("password")];
        let beside = Beside { name: &name, password: true, quoted: true };
        judge(&Words::load().unwrap(), value.as_bytes(), beside, &mut parts);
        parts
    }

    #[test]
    fn kinds_of_values() {
        for (value, part) in [
            ("7d1c4e92-5b3a-4f08-9c6e-2a8b17f0d364", Part::Uuid),
            ("https://internal.host/path", Part::Url),
            ("2024-11-03", Part::Date),
            ("10.2.3.4:8080", Part::Date),
            ("/etc/shadow/file", Part::Path),
            ("certificate.pem", Part::FileName),
            ("settings.database.name", Part::Dotted),
            ("forgot-your-login", Part::Hyphened),
            ("getUserSettings", Part::Identifier),
            ("${DB_VALUE}", Part::Template),
            ("render()", Part::Code),
            ("9f86d081884c7d659a2feaa0c55ad015", Part::HexDigest),
            ("9f86d081884c", Part::Hex),
            ("Tr0ub4dor&3", Part::WordPassword),
            ("monkey12", Part::WordAndDigits),
            ("letmein1", Part::KnownWeak),
            ("thepassword", Part::RepeatsName),
            ("$2a$10$N9qo8uLOickgx2ZMRZo", Part::PasswordHash),
            ("{MD5}zQ9+x/Lw3Tr2Kp7Vb6Nd3A==", Part::PasswordHash),
            ("asdfdsaf", Part::Mashed),
            ("testpw", Part::SaysTest),
            ("ACLCAT", Part::Capitals),
            ("ZORVUK_CLIENT_ID", Part::Capitals),
            ("пароль", Part::Foreign),
            ("0123498765", Part::OnlyDigits),
            ("hG7kQ2vX9mB4tR1z", Part::AllClasses),
            ("wlumjxyaounrf", Part::PasswordOfRandomLetters),
            ("butterflies", Part::PasswordOfWords),
            ("mid$ummer7", Part::Leet),
            ("q}{{t(Wz)u${f]mor(ny[house>-_$#seven}}", Part::Jumble),
            ("aaaabbbbaaab", Part::EntropyLow),
        ] {
            assert!(parts(value).contains(&part), "{value}: {:?}", parts(value));
        }
    }

    #[test]
    fn random_values_are_of_no_kind() {
        let kinds = [Part::Path, Part::Code, Part::Url, Part::Date, Part::Identifier, Part::Dotted];
        for value in ["hG7kQ2vX9mB4tR1z", "zQ9+x/Lw3Tr2Kp7Vb6Nd3A=="] {
            assert!(!parts(value).iter().any(|part| kinds.contains(part)), "{:?}", parts(value));
        }
    }
}
