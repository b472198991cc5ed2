//! Templates: values that another program fills in. A template has a hole, and what stands in a hole is
//! a name or an expression in which all brackets pair; brackets that stand among other signs as chance
//! puts them there are part of a password.

/// What opens a hole wherever it stands, the brackets that close it, and whether it is written with a space
/// inside, at which a value ends.
const HOLES: [(&[u8], &[u8], bool); 8] = [
    (b"${", b"}", true),
    (b"#{", b"}", false),
    (b"%{", b"}", false),
    (b"@{", b"}", false),
    (b"{{", b"}}", true),
    (b"$(", b")", true),
    (b"<%", b">", true),
    (b"<?", b">", false),
];

/// True where `value` has a hole, begins inside of one or ends in one.
pub(super) fn holds(value: &[u8]) -> bool {
    let opens = |at: usize| {
        HOLES.iter().any(|&(open, close, cut)| {
            // `<%>` is none.
            let inside = value[at..].strip_prefix(open).filter(|rest| !rest.starts_with(b">"));
            inside.is_some_and(|inside| match hole(inside, close) {
                Some(hole) => hole.closes || cut && is_name(inside) && is_name(&value[..at]),
                None => false,
            })
        })
    };
    // Asked for each byte of each value: few begin a hole.
    let anywhere = (0..value.len()).any(|at| b"$#%@{<".contains(&value[at]) && opens(at));
    anywhere || is_class(value) || is_hole(value) || ends_in_hole(value) || begins_in_hole(value)
}

/// True for a value that begins with a class of a pattern: `[a-z0-9]{1,20}`.
fn is_class(value: &[u8]) -> bool {
    let holds = |range: &[u8]| memchr::memmem::find(value, range).is_some();
    let ranges: [&[u8]; 3] = [b"a-z", b"A-Z", b"0-9"];
    value.first() == Some(&b'[') && ranges.into_iter().any(holds)
}

/// True where all of `value` is in brackets, or would be but for what was cut off: `<your-key>`, `[x`.
fn is_hole(value: &[u8]) -> bool {
    let signs = value.iter().take(1).filter(|b| b"$%#@".contains(b)).count();
    let Some((open, inside)) = value[signs..].split_first() else { return false };
    let Some(close) = partner(*open) else { return false };
    hole(inside, &[close]).is_some_and(|hole| {
        let (text, rest) = inside.split_at(hole.size);
        let text = &text[..hole.size - usize::from(hole.closes)];
        hole.closes && rest.is_empty() || is_name(text) && is_name(rest)
    })
}

/// True for a hole in plain brackets at the end: `prefix-{name}`, `key-<id>`.
fn ends_in_hole(value: &[u8]) -> bool {
    let open = match value.last() {
        Some(b'}') => b'{',
        Some(b'>') => b'<',
        _ => return false,
    };
    let Some(at) = value.iter().rposition(|b| *b == open) else { return false };
    let inside = &value[at + 1..];
    let whole = |hole: Hole| {
        let (before, text) = (&value[..at], &inside[..hole.size - 1]);
        hole.size == inside.len() && is_name(text) && is_name(before)
    };
    hole(inside, &value[value.len() - 1..]).is_some_and(whole)
}

/// True where a hole closes that opened before the value, as `name` in `{{ name}}` or the last value of
/// a list in code: no bracket opens and nothing but a name or a path stands before.
fn begins_in_hole(value: &[u8]) -> bool {
    let end = value.iter().rposition(|b| !b"}>)]".contains(b)).map_or(0, |at| at + 1);
    let closes = matches!(value.last(), Some(b'}' | b'>'));
    // `${NAME:-default}`, of which the name and the colon were taken for a name and its tie.
    let default = matches!(value.first(), Some(b'-' | b'=' | b'?' | b'+')) && value.ends_with(b"}");
    let cut = memchr::memmem::find(value, b"}}").or(memchr::memmem::find(value, b"%>"));
    default
        || closes && is_name(&value[..end])
        || cut.is_some_and(|cut| is_name(&value[..cut]) && is_name(&value[cut + 2..]))
}

/// True for what names and paths are made of, behind signs, where capitals and digits stand as in words:
/// chance changes between them at every second character.
fn is_name(text: &[u8]) -> bool {
    let signs = text.iter().take_while(|b| b"=-$.!@:#%&*/?+^({[<\"'`".contains(b)).count();
    let text = text[signs..].trim_ascii();
    let own = |b: &u8| b.is_ascii_alphanumeric() || b"_.-/:+=~$@% ".contains(b) || !b.is_ascii();
    let kind = |b: u8| match b {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 0,
    };
    let changes = text.windows(2).filter(|two| {
        let (a, b) = (kind(two[0]), kind(two[1]));
        a != b && a != 0 && b != 0
    });
    text.iter().all(own) && changes.count() * 5 <= text.len() * 2
}

/// How much of a text the inside of a hole and its end take, and whether there is an end.
struct Hole {
    size: usize,
    closes: bool,
}

/// The hole whose inside `text` begins with, where the brackets `closes` end it or it is cut off before
/// that; `None` where what stands there is no name and no expression.
fn hole(text: &[u8], closes: &[u8]) -> Option<Hole> {
    let mut open = closes.to_vec();
    let mut end = text.len();
    for (at, &byte) in text.iter().enumerate() {
        // Between two brackets that close nothing stands.
        let closing = open.len() < closes.len();
        if open.last() == Some(&byte) {
            if open.len() == closes.len() {
                end = at;
            }
            open.pop();
            if open.is_empty() {
                return is_expression(&text[..end]).then_some(Hole { size: at + 1, closes: true });
            }
        } else if closing {
            return None;
        } else if let Some(close) = partner(byte).filter(|_| byte != b'<') {
            open.push(close);
        } else if b")]}".contains(&byte) {
            return None;
        }
    }
    is_expression(&text[..end]).then_some(Hole { size: text.len(), closes: false })
}

/// True for what may stand in a hole: nothing, or a name, number or path behind a sign or two, such as
/// `:name`, `-.name` and `!!name`.
fn is_expression(text: &[u8]) -> bool {
    let inner = text.trim_ascii();
    let signs = inner.iter().take(3).take_while(|b| b"=-$.!@:#%&*/?+^({[<".contains(b)).count();
    let first = inner[signs..].trim_ascii_start().first();
    first.is_none_or(|b| b.is_ascii_alphanumeric() || b"_\"'`)}]".contains(b) || !b.is_ascii())
}

/// The bracket that closes what `open` opens.
pub(super) fn partner(open: u8) -> Option<u8> {
    Some(match open {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'<' => b'>',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_seen() {
        for value in [
            "${NAME}",
            "${NAME:-default/path}",
            "a-${name}.b",
            "${1}",
            "${{",
            "{{ name }}",
            "{{.Values.name}}",
            "{{",
            "name}}",
            "name}}-suffix",
            "#{expr(a[0], {b: 1})}",
            "#{expr",
            "%{name}",
            "%%{name}",
            "$(cat",
            "$(cat file)",
            "<%= name %>",
            "<?php",
            "<your-key>",
            "<your",
            "<yourApiKey",
            "[a-zA-Z0-9_+=.@-]{1,64}",
            "${DB_PASSWORD",
            "-S3cr3t}",
            "-$2a$14$hG7kQ2vX9mB4tR1z}",
            "{name}",
            "{0}",
            "{}",
            "{:?}",
            "(none)",
            "[redacted]",
            "prefix-{name}",
            "key-<id>",
            "value}",
            "@{variables('name')}",
        ] {
            assert!(holds(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn brackets_among_signs_are_no_holes() {
        for value in [
            "f54j6Auj0NT8g;5<%>Aa7Ke",
            "q}{{t(Wz)u${f]mor(ny[house>-_$#seven}}",
            "9{}(7w$K]x>",
            "t7$x9#Lq&2}",
            "z${k)p]q",
            "w{{4}o)x}}",
            "value}]",
            "(k]9Lw2",
            "hG7kQ2vX9m",
            "f<9Lw2+q",
            "[9Lw2qXk4Tz",
            "k4T{x9Lw2q}",
            "(a9B)4TzQ!",
            "k4Tz9LXw2q>",
            "q7${k4Tz9Xw",
            "x{9",
        ] {
            assert!(!holds(value.as_bytes()), "{value}");
        }
    }
}
