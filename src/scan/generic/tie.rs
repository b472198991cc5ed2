//! A cheap look behind a keyword: most stand in prose and calls, and only few before a value.

use crate::rule::Follow;

/// Types that may stand between a name and its value.
const TYPES: [&[u8]; 9] = [
    b"&'static str",
    b"&str",
    b"string",
    b"String",
    b"str",
    b"char *",
    b"char",
    b"[]byte",
    b"byte[]",
];

/// Bytes behind a keyword that are looked at.
const FOLLOWS: usize = 192;

/// More than the bytes that are compared from one place on, such as the longest of the types.
const WORD: usize = 16;

/// False where what stands from `at` on, just behind a keyword, cannot be what `follow` says.
pub fn may_follow(follow: Follow, bytes: &[u8], at: usize) -> bool {
    follows(follow, bytes, at).0
}

/// The same, with how many bytes from `at` on tell that, at most.
pub fn follows(follow: Follow, bytes: &[u8], at: usize) -> (bool, usize) {
    look(follow, &bytes[at..bytes.len().min(at + FOLLOWS)])
}

/// True where `near`, which stands just behind a keyword, cannot be what `follow` says, whatever stands
/// behind it.
pub fn refuses(follow: Follow, near: &[u8]) -> bool {
    let (may, looked) = look(follow, near);
    !may && looked < near.len()
}

/// Whether `near` can be what `follow` says, and how many bytes of it tell that, at most.
fn look(follow: Follow, near: &[u8]) -> (bool, usize) {
    match follow {
        Follow::Assignment => may_assign(near),
        Follow::UserInfo => {
            let end = near.iter().position(|b| b"@/?# \t\n\"'`<>".contains(b));
            let may = end.is_some_and(|end| near[end] == b'@' && near[..end].contains(&b':'));
            (may, end.unwrap_or(near.len()))
        }
    }
}

/// Whether `near` can go on with the rest of a name, a tie and a value, and how many bytes tell that.
fn may_assign(near: &[u8]) -> (bool, usize) {
    let name = skip(near, |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    // `name[32] = "…"` of C.
    let sized = name.first() == Some(&b'[') && name.get(1).is_some_and(u8::is_ascii_digit);
    let rest = skip(name, |b| b"\\\"'`[])".contains(&b) || sized && b.is_ascii_digit());
    let typed = skip(rest, |b| b": ".contains(&b));
    let of_type = TYPES.iter().find_map(|name| typed.strip_prefix(*name));
    // A type that is none, as in `key: stringify`, is still a value behind a colon.
    if rest.first() == Some(&b':') {
        return (true, near.len());
    }
    let rest = skip(of_type.unwrap_or(rest), |b| b"[] \t".contains(&b));
    // `IDENTIFIED BY 'x'`, `PASSWORD "x"`; the quote may have been taken for the end of a name.
    let value = skip(name, |b| b == b' ');
    let quoted = value.len() < name.len() && value.first().is_some_and(|b| b"\"'`".contains(b));
    let mut least = typed.len().min(rest.len()).min(value.len());
    let may = match rest.first() {
        Some(b'=' | b'!' | b'?' | b'+' | b'|' | b':' | b'>') => true,
        Some(b',' | b'(') => {
            let call =
                skip(&rest[1..], |b| b.is_ascii_alphanumeric() || b"_.[]({@$ \t\r\n".contains(&b));
            least = least.min(call.len());
            call.first().is_some_and(|b| b"\"'`\\".contains(b))
        }
        Some(b'v') => rest.starts_with(b"value"),
        Some(b'.') => rest.starts_with(b".="),
        Some(b'-') => rest.starts_with(b"- '") || rest.starts_with(b"- \""),
        Some(_) if quoted => true,
        Some(_) => {
            let (token, behind) = begins_token(name);
            least = least.min(behind);
            token
        }
        None => false,
    };
    (may, near.len() - least + WORD)
}

/// Least length of a value that a space alone ties to its name.
const TOKEN: usize = 20;

/// Whether a space and so much of a token's alphabet come next, with a digit, and how much is left behind
/// what tells that.
fn begins_token(text: &[u8]) -> (bool, usize) {
    let Some(rest) = text.strip_prefix(b" ") else { return (false, text.len()) };
    let own = |b: &&u8| b.is_ascii_alphanumeric() || b"_=+/-".contains(b);
    let length = rest.iter().take(TOKEN).take_while(own).count();
    let (word, behind) = rest.split_at(length);
    (length == TOKEN && word.iter().any(u8::is_ascii_digit), behind.len())
}

/// `text` without the bytes at its start for which `is` holds.
fn skip(text: &[u8], is: impl Fn(u8) -> bool) -> &[u8] {
    &text[text.iter().take_while(|b| is(**b)).count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_calls_are_passed_over() {
        for (text, want) in [
            ("_hash = \"x\"", true),
            ("\": \"x\"", true),
            (": str = 'x'", true),
            (" string = \"x\"", true),
            ("(\"x\")", true),
            ("', new Text('x')", true),
            (">x</", true),
            ("\" value=\"x\"", true),
            ("[] = \"x\"", true),
            ("[32] = \"x\"", true),
            (" .= \"x\"", true),
            (" - 'x'", true),
            (" - a", false),
            (" 'x'", true),
            (" q9Zr4Tn7Wb2Xk8Vd5Jm3", true),
            (" q9Zr4Tn7Wb2Xk8Vd5Jm", false),
            (" internationalization", false),
            (" is not set", false),
            ("(user, 1)", false),
            (", value in items", false),
            ("word", false),
            ("", false),
        ] {
            assert_eq!(may_follow(Follow::Assignment, text.as_bytes(), 0), want, "{text}");
        }
    }
}
