//! Passwords that are words: nothing about such a value tells it from any other text, but in a file that
//! configures a program or fills its database, a name that says password and nothing else has one.

use super::part::Part;
use super::{name, place};

/// Least and most characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=64;

/// Least length of one that a person took care to choose.
const CHOSEN: usize = 8;

/// What a password is said to be, or how it is stored, in the place of one.
#[rustfmt::skip] // a word a line would be most of the file
const TOLD: &[&str] = &[
    "always", "bcrypt", "disabled", "enabled", "encrypted", "file", "generate", "generated", "input", "never",
    "on_create", "optional", "plain", "plaintext", "prompt", "random", "required", "scram-sha-256", "text", "unset",
    "unused", "varchar", "vault",
];

/// Words that a value has which stands for its name.
const OWN: &[&str] = &[
    "a", "for", "here", "is", "key", "my", "new", "of", "old", "pass", "passwd", "password", "pwd",
    "secret", "that", "the", "this", "to", "token", "top", "user", "value", "your",
];

/// Parts that say what other thing a value is.
const OTHER: &[Part] = &[
    Part::Code,
    Part::Compared,
    Part::Date,
    Part::Described,
    Part::FileName,
    Part::HostLocal,
    Part::Foreign,
    Part::ImageTag,
    Part::LettersNone,
    Part::LookedUp,
    Part::NameAbout,
    Part::NameEncrypted,
    Part::NameGoesOn,
    Part::NameHashed,
    Part::NameIdentifier,
    Part::NameNegated,
    Part::NamePublic,
    Part::NameShown,
    Part::NameText,
    Part::PasswordHash,
    Part::Path,
    Part::SaysTest,
    Part::Template,
    Part::Translated,
    Part::Url,
    Part::WordsFollow,
];

/// What a `value` is that is set to a password of these words, between `tie` and `after`: one that is plain,
/// or none where `parts` say something else.
pub(super) fn judge(
    (words, value): (&[String], &[u8]),
    (tie, after): (&[u8], &[u8]),
    parts: &[Part],
) -> Option<Part> {
    // The cheap looks first: nearly nothing is a password.
    let quoted = tie.last().is_some_and(|b| b"\"'`".contains(b));
    if !LENGTHS.contains(&value.len())
        || !tie.iter().any(|b| b"=:".contains(b))
        || tie.contains(&b'(')
        || !(quoted || place::ends_line(after))
        || parts.iter().any(|part| OTHER.contains(part))
    {
        return None;
    }
    let of_password = name::is_password(words);
    let named = !value.iter().all(u8::is_ascii_alphanumeric);
    let variable = !named && parts.contains(&Part::Constant) && (tie == b"=" || tie == b":-");
    let plain = (of_password || name::is_secret(words))
        && value.iter().all(|b| b.is_ascii_graphic() && !b"\"'`<>{}()[]\\|,;".contains(b))
        && !has_variable(value)
        && !TOLD.iter().any(|told| value.eq_ignore_ascii_case(told.as_bytes()));
    let has = |is: &dyn Fn(&u8) -> bool| value.iter().any(is);
    // No name of a variable and no word on a page has one.
    let sign = has(&|b| b"!@#$%^&*+?".contains(b));
    let (digit, upper) = (has(&u8::is_ascii_digit), has(&u8::is_ascii_uppercase));
    let chosen = usize::from(sign) + usize::from(digit) + usize::from(upper) >= 2;
    match () {
        () if !plain => None,
        // What a secret is called in a cluster or a store has no sign, or is no variable.
        () if !of_password && sign && value.len() >= CHOSEN => Some(Part::PlainPassword),
        () if !of_password && !variable => None,
        () if chosen && value.len() >= CHOSEN => Some(Part::PlainChosen),
        () if sign || digit => Some(Part::PlainPassword),
        () if is_title(value) || is_own(words, value) => None,
        () => Some(Part::PlainWord),
    }
}

/// True where the value of a variable of a shell stands in it: `acme:$VERSION-x`.
fn has_variable(value: &[u8]) -> bool {
    value.windows(3).any(|three| three[0] == b'$' && three[1..].iter().all(u8::is_ascii_uppercase))
}

/// True for one word with a capital, as on a page: `Passwort`.
fn is_title(value: &[u8]) -> bool {
    value[0].is_ascii_uppercase() && value[1..].iter().all(u8::is_ascii_lowercase)
}

/// True for a value that has no words but those of its name: `db_password: db-password`.
fn is_own(words: &[String], value: &[u8]) -> bool {
    let constant = value.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    let says = |word: &String| OWN.contains(&word.as_str());
    let of_value = name::words(value);
    let own = of_value.iter().all(|word| words.contains(word) || says(word));
    let joined = of_value.concat();
    // `PGSSLPASSWORD: sslpassword`
    let part = joined.contains("pass") && words.concat().contains(&joined);
    constant || own && of_value.iter().any(says) || part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str, value: &str) -> Option<Part> {
        judge((&name::words(name.as_bytes()), value.as_bytes()), (b": ", b"\n"), &[])
    }

    #[test]
    fn words_are_passwords_under_names_that_say_only_that() {
        for name in ["DB_PASSWORD", "spring.datasource.password", "keystorePassword", "db_pass"] {
            assert_eq!(plain(name, "greenfinch"), Some(Part::PlainWord), "{name}");
            assert_eq!(plain(name, "finch7"), Some(Part::PlainPassword), "{name}");
            assert_eq!(plain(name, "Finch@7up"), Some(Part::PlainChosen), "{name}");
        }
        for name in ["pass", "update_password", "PASSWORD_FILE", "password_policy", "user", "token"]
        {
            assert_eq!(plain(name, "greenfinch"), None, "{name}");
        }
        for value in [
            "Passwort",
            "required",
            "db-password",
            "DB_PASS",
            "cat",
            "a b c d",
            "get(x)",
            "acme:$VERSION-x1",
        ] {
            assert_eq!(plain("DB_PASSWORD", value), None, "{value}");
        }
        assert_eq!(plain("DB_PASSWORD", "DB"), None);
        assert_eq!(plain("PGSSLPASSWORD", "sslpassword"), None);
        assert_eq!(plain("CRATE_PASSWORD", "crate"), Some(Part::PlainWord));
        assert_eq!(plain("jwt.secret", "green#finch"), Some(Part::PlainPassword));
        assert_eq!(plain("jwt.secret", "greenfinch7"), None);
        let words = name::words(b"JWT_SECRET");
        let set = |value: &[u8]| judge((&words, value), (b"=", b"\n"), &[Part::Constant]);
        assert_eq!(set(b"greenfinch"), Some(Part::PlainWord));
        assert_eq!(set(b"green-finch-tls"), None);
    }

    #[test]
    fn without_quotes_nothing_follows() {
        let words = name::words(b"password");
        let judged = |tie: &[u8], after: &[u8]| judge((&words, b"greenfinch"), (tie, after), &[]);
        assert!(judged(b"=", b"").is_some() && judged(b"=", b" \\\n").is_some());
        assert!(judged(b": \"", b"\" user=\"x\"").is_some());
        assert!(judged(b": ", b" # local\n").is_some());
        assert!(judged(b": ", b" for all\n").is_none() && judged(b"(\"", b"\")").is_none());
    }
}
