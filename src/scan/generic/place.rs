//! How a value is tied to its name, and what kind of line it stands in.

use super::part::Part;
use crate::span::Span;

/// Calls that ask for a value instead of giving one.
const LOOKUPS: &[&str] = &[
    "getenv", "get", "env", "fetch", "config", "param", "find", "property", "query", "select",
    "lookup", "has", "contains", "attr", "read", "load", "resolve", "column", "field", "input",
    "prompt", "header", "cookie", "request", "pick", "remove", "delete", "exists", "require",
    "import", "label", "print", "log", "error", "raise", "warn", "format", "path", "join", "by",
    "include",
];

/// Functions that mark a text for translation.
const TRANSLATE: &[&str] = &[
    "_",
    "__",
    "t",
    "tr",
    "gettext",
    "translate",
    "i18n",
    "trans",
    "ugettext",
    "lang",
    "ugettext_lazy",
    "gettext_lazy",
];

/// Parts about the text between the name and the value; `tie` is that text, `after` what follows
/// the value, `inside` says that a string of double quotes may be open there.
pub(super) fn judge(tie: &[u8], after: &[u8], inside: bool, parts: &mut Vec<Part>) {
    let quote = tie.last().copied().unwrap_or_default();
    let escaped = tie.ends_with(b"\\\"") || tie.ends_with(b"\\'");
    parts.push(match quote {
        b'`' => Part::Backticked,
        b'\'' if !inside => Part::SingleQuoted,
        b'"' | b'\'' => Part::Quoted,
        _ => Part::Bare,
    });
    if parts.last() == Some(&Part::Bare) {
        if tie.starts_with(b"`:") {
            parts.push(Part::Described);
        }
        if words_follow(after) {
            parts.push(Part::WordsFollow);
        }
    }
    if escaped {
        parts.push(Part::Escaped);
    }
    let text: Vec<u8> = tie.iter().copied().filter(|b| !b" \t\"'`\\])".contains(b)).collect();
    let holds = |sign: &[u8]| memchr::memmem::find(&text, sign).is_some();
    if holds(b"==") || holds(b"!=") {
        parts.push(Part::Compared);
    } else if text.first() == Some(&b'(') {
        parts.push(Part::Call);
    } else if text.first() == Some(&b',') {
        parts.push(Part::Comma);
    } else if holds(b"=") {
        parts.push(Part::Assigned);
    } else if holds(b":") {
        parts.push(Part::Colon);
    } else {
        parts.push(Part::Spaced);
    }
    if let Some(call) = called(tie) {
        parts.push(call);
    }
    if after.starts_with(b"\".") || after.starts_with(b"'.") {
        parts.push(Part::Wrapped);
    }
}

/// True where a double quote stands before `at` on its line.
pub(super) fn in_string(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[at.saturating_sub(200)..at];
    before.iter().rev().take_while(|b| **b != b'\n').any(|b| *b == b'"')
}

/// True where a space and a word of letters come next, as in a sentence.
fn words_follow(after: &[u8]) -> bool {
    let Some(rest) = after.strip_prefix(b" ") else { return false };
    let word: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_alphabetic).collect();
    word.len() >= 2 && rest.get(word.len()).is_none_or(|b| b" .,:;".contains(b))
}

/// What the call is that the value is the argument of, where one stands between name and value.
fn called(tie: &[u8]) -> Option<Part> {
    let open = memchr::memrchr(b'(', tie)?;
    let before = tie[..open].trim_ascii_end();
    let start = before
        .iter()
        .rposition(|b| !b.is_ascii_alphanumeric() && *b != b'_')
        .map_or(0, |at| at + 1);
    let name = &before[start..];
    if name.is_empty() {
        return None;
    }
    let exact = String::from_utf8_lossy(name).to_ascii_lowercase();
    let lookup = super::name::words(name).iter().any(|word| LOOKUPS.contains(&word.as_str()));
    Some(if TRANSLATE.contains(&exact.as_str()) {
        Part::Translated
    } else if lookup {
        Part::LookedUp
    } else {
        Part::Wrapped
    })
}

/// Calls whose first argument is a name and whose second is its value.
const SETTERS: [&[u8]; 6] = [b"define", b"putenv", b"setenv", b"setproperty", b"setenvvar", b"set"];

/// True where `before`, the text up to a name, ends in such a call.
pub(super) fn sets(before: &[u8]) -> bool {
    let open = before.trim_ascii_end();
    let open = open.strip_suffix(b"'").or_else(|| open.strip_suffix(b"\"")).unwrap_or(open);
    let Some(call) = open.trim_ascii_end().strip_suffix(b"(") else { return false };
    let letters = call.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
    let name = call[call.len() - letters..].to_ascii_lowercase();
    // The second argument of `getenvOrDefault` and its like is what the variable is when nobody sets it.
    SETTERS.contains(&name.as_slice())
        || memchr::memmem::find(&name, b"env").is_some()
        || name == b"get" && call[..call.len() - letters].ends_with(b"environ.")
}

/// True where a name and its value are two texts of a list: `before`, the text up to the name, ends in a text
/// and a comma, and `after`, what follows the value, goes on with one.
pub(super) fn is_list(before: &[u8], after: &[u8]) -> bool {
    let quote = |b: &u8| b"\"'".contains(b);
    let back = before.iter().rev().filter(|b| !b" \t\r\n".contains(b)).take(3);
    let forth = after.iter().filter(|b| !b" \t\r\n".contains(b)).take(3);
    let joins = |three: Vec<&u8>| {
        three.len() == 3 && quote(three[0]) && *three[1] == b',' && quote(three[2])
    };
    joins(back.collect()) && joins(forth.collect())
}

/// True for a value that is what stands behind a text, as where a name was the end of one:
/// `"New password: "),a="…"`.
pub(super) fn is_behind(value: &[u8]) -> bool {
    let in_name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
    match value {
        [b')' | b']' | b'}', next, ..] => b",;.:)]}+?&|= ".contains(next),
        [b'+', .., b'+'] => true,
        [b'+', rest @ ..] if rest.contains(&b'(') => true,
        [b',', rest @ ..] => {
            let rest = rest.strip_prefix(b"-").unwrap_or(rest);
            let name = rest.iter().take_while(in_name).count();
            name > 0 && rest.get(name).is_some_and(|b| b"=:(.,)]".contains(b))
        }
        _ => false,
    }
}

/// True where a variable of the environment is set: `NAME=value`, `NAME: value` of YAML up to the end of
/// the line, and what a shell takes where there is none, `${NAME:-value}`.
pub(super) fn sets_variable(tie: &[u8], after: &[u8]) -> bool {
    let ends = after.first().is_none_or(|b| b"\r\n".contains(b));
    tie == b"=" || tie == b": " && ends || tie == b":-" && after.starts_with(b"}")
}

/// True where nothing but what closes a statement stands behind a value on its line.
pub(super) fn ends_line(after: &[u8]) -> bool {
    let line = after.split(|b| b"\r\n".contains(b)).next().unwrap_or_default();
    let rest = line.iter().find(|b| !b"\\\"'`,;)}/> ".contains(b));
    rest.is_none_or(|b| *b == b'#')
}

/// True where `before`, the text up to a name, ends in the path of a container image: `image: team/`.
pub(super) fn in_image(before: &[u8]) -> bool {
    before.ends_with(b"/") && !before.ends_with(b"//")
}

/// True where the text up to a name, the name and its tie are no assignment, whatever stands behind:
/// the file of accounts, a folder that is mounted, a part of an address of many, a command.
pub(super) fn is_no_name(before: &[u8], (name, tie): (&[u8], &[u8]), value: &[u8]) -> bool {
    let folder = name.eq_ignore_ascii_case(b"pwd");
    let mounts = value.starts_with(b"/")
        && [b"$".as_slice(), b"$(", b"${"].iter().any(|sign| before.ends_with(sign));
    let part = before.strip_suffix(b":").and_then(<[u8]>::last);
    let chained = tie == b":" && part.is_some_and(u8::is_ascii_alphanumeric);
    let command = tie == b":" && name == b"auth" && value.iter().all(u8::is_ascii_lowercase);
    before.ends_with(b"/etc/") || folder && mounts || chained || command
}

/// Least characters of base64 before a name that make it a part of them.
const DATA: usize = 40;

/// True for a name behind a sign inside of a picture or a program in base64, which has names by chance.
pub(super) fn is_in_data(before: &[u8]) -> bool {
    let own = |b: &&u8| b.is_ascii_alphanumeric() || b"+/".contains(b);
    let data = &before[before.len().saturating_sub(DATA)..];
    let count = |is: fn(&u8) -> bool| data.iter().filter(|b| is(b)).count();
    data.len() == DATA
        && matches!(data.last(), Some(b'+' | b'/'))
        && data.iter().all(|b| own(&b))
        && count(u8::is_ascii_digit) >= 3
        && count(u8::is_ascii_uppercase).min(count(u8::is_ascii_lowercase)) >= 8
}

/// True for letters that make up a statement, or are the next argument, where no string is open.
pub(super) fn is_bare_name(value: &[u8], after: &[u8], inside: bool) -> bool {
    !inside
        && value.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_')
        && after.first().is_none_or(|b| b",;)\r\n".contains(b))
}

/// True where the address around a name is that of a file, a chat or a page whose token is for everyone who has the link.
fn is_shared(before: &[u8]) -> bool {
    const HOSTS: [&[u8]; 3] =
        [b"firebasestorage.googleapis.com", b"qm.qq.com", b"privacypolicygenerator.info"];
    let start = before.iter().rposition(|b| b" \t\r\n\"'`<(".contains(b)).map_or(0, |at| at + 1);
    let address = &before[start..];
    HOSTS.iter().any(|host| memchr::memmem::find(address, host).is_some())
}

/// Parts about the line.
pub(super) fn line(bytes: &[u8], whole: Span, parts: &mut Vec<Part>) {
    let from = whole.start.saturating_sub(200);
    let start = memchr::memrchr(b'\n', &bytes[from..whole.start]).map_or(from, |at| from + at + 1);
    let before = bytes[start..whole.start].trim_ascii_start();
    if is_shared(before) {
        parts.push(Part::SharedLink);
    }
    let comment: [&[u8]; 6] = [b"#", b"//", b"/*", b"* ", b"--", b";"];
    // `--name` is an option of a command.
    let option = before.starts_with(b"--") && before.get(2).is_some_and(u8::is_ascii_alphabetic);
    if !option && comment.iter().any(|sign| before.starts_with(sign)) {
        parts.push(Part::Comment);
    }
    let plain = |word: &&[u8]| word.len() > 1 && word.iter().all(u8::is_ascii_alphabetic);
    if before.split(|b| *b == b' ').filter(plain).count() >= 3 {
        parts.push(Part::Prose);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties() {
        for (tie, part) in [
            ("=\"", Part::Assigned),
            ("\": \"", Part::Colon),
            (": str = '", Part::Assigned),
            (" == \"", Part::Compared),
            ("(\"", Part::Call),
            ("', '", Part::Comma),
            (": _(\"", Part::Translated),
            (" = os.getenv(\"", Part::LookedUp),
            (" = Some(\"", Part::Wrapped),
            ("\\\":\\\"", Part::Escaped),
            (" := `", Part::Backticked),
            ("=", Part::Bare),
        ] {
            let mut parts = Vec::new();
            judge(tie.as_bytes(), b"", false, &mut parts);
            assert!(parts.contains(&part), "{tie}: {parts:?}");
        }
    }

    #[test]
    fn setters() {
        assert!(sets(b"define( '") && sets(b"os.putenv(\""));
        assert!(sets(b"os.environ.get('") && sets(b"utils.GetEnvOrDefault(\""));
        assert!(sets(b"utils.envOverride(\""));
        assert!(!sets(b"session.get('"));
        assert!(!sets(b"assertEquals('") && !sets(b"define "));
    }

    #[test]
    fn lists_and_what_stands_behind_a_text() {
        assert!(is_list(b"['a', '", b"', 'd']") && is_list(b"(\"a\",\n  \"", b"\",\n \"d\")"));
        assert!(!is_list(b"define('", b"');") && !is_list(b"('a', '", b"', 3)"));
        for (value, want) in [
            ("),a=b(", true),
            ("]:x", true),
            (",b=", true),
            (",name:", true),
            (",-1),a=b(", true),
            ("+(a.b", true),
            ("+name+", true),
            ("+x7kQ2vX9", false),
            (")x7kQ2vX9", false),
            (",", false),
            (",7!x", false),
        ] {
            assert_eq!(is_behind(value.as_bytes()), want, "{value}");
        }
    }

    #[test]
    fn variables_are_set_in_three_ways() {
        assert!(sets_variable(b"=", b" x") && sets_variable(b": ", b"\nA: b"));
        assert!(sets_variable(b":-", b"}\"") && sets_variable(b": ", b""));
        assert!(!sets_variable(b": ", b", b") && !sets_variable(b":-", b"/x"));
        assert!(!sets_variable(b": \"", b"\""));
    }

    #[test]
    fn names_that_are_none() {
        let no_name = |before: &str, name: &str, tie: &str, value: &str| {
            is_no_name(before.as_bytes(), (name.as_bytes(), tie.as_bytes()), value.as_bytes())
        };
        assert!(no_name("md5 /etc/", "passwd", ": ", "429b225650b912a2ee067b0a4cf1e949"));
        assert!(no_name("-v $(", "pwd", "):", "/acme") && no_name("-v $", "PWD", ":", "/mnt:z"));
        assert!(no_name("go:api:", "auth", ":", "userpass:MPL-2.0"));
        assert!(no_name("acmectl ", "auth", ":", "whoami"));
        assert!(!no_name("$", "pwd", " = \"", "q8Wn4Zr7Tk") && !no_name("", "PWD", "=", "/x9K"));
        assert!(!no_name("a: ", "auth", ": ", "whoami") && !no_name("", "auth", ":", "q8Wn4Zr7"));
    }

    #[test]
    fn names_in_data() {
        assert!(is_in_data(b"hY82mNwqR5tZc3Lx0KfJv9Sd7Gb1UpXo/4iTzAnQkW6CyBjVgDl/"));
        assert!(!is_in_data(b"hY82mNwqR5tZc3Lx0KfJv9Sd7Gb1UpXo/4iTzAnQkW6CyBjVgDl"));
        assert!(!is_in_data(b"https://acme.example/Some/Path/OfManyWords/v1/And/More?"));
        assert!(!is_in_data(b"hY82mNwqR5tZc3Lx0KfJv9") && !is_in_data(b""));
    }

    #[test]
    fn names_of_code() {
        assert!(is_bare_name(b"rootKeyPEM", b",\n", false) && is_bare_name(b"key_pem", b"", false));
        assert!(!is_bare_name(b"rootKeyPEM", b"\"", false));
        assert!(!is_bare_name(b"rootKeyPEM", b",", true) && !is_bare_name(b"r00tPEM", b",", false));
    }

    #[test]
    fn links_for_everyone() {
        assert!(is_shared(b"img: \"https://firebasestorage.googleapis.com/v0/b/x?alt=media&"));
        assert!(!is_shared(b"https://firebasestorage.googleapis.com/v0 \""));
    }

    #[test]
    fn tags_follow_paths() {
        assert!(in_image(b"image: team/") && !in_image(b"https://") && !in_image(b"image: "));
    }

    #[test]
    fn sentences_go_on() {
        assert!(words_follow(b" in the next chapter"));
        assert!(!words_follow(b" -e NAME=x") && !words_follow(b"; x"));
    }
}
