//! Templates: values that another program fills in. A template has a hole, and what stands in a hole is
//! a name or an expression in which all brackets pair; brackets that stand among other signs as chance
//! puts them there are part of a password.

/// What opens a hole wherever it stands, and the brackets that close it.
const HOLES: [(&[u8], &[u8]); 8] = [
    (b"${", b"}"),
    (b"#{", b"}"),
    (b"%{", b"}"),
    (b"@{", b"}"),
    (b"{{", b"}}"),
    (b"$(", b")"),
    (b"<%", b">"),
    (b"<?", b">"),
];

/// True where `value` has a hole, begins inside of one or ends in one.
pub(super) fn holds(value: &[u8]) -> bool {
    let anywhere = (0..value.len()).any(|at| {
        HOLES.iter().any(|&(open, close)| {
            let inside = value[at..].strip_prefix(open);
            let size = inside.and_then(|inside| Some((hole(inside, close)?, inside)));
            // Only these are written with a space inside, at which a value ends.
            let cut = [b"${".as_slice(), b"{{", b"$(", b"<%"].contains(&open);
            size.is_some_and(|(size, inside)| cut || inside[..size].ends_with(close))
        })
    });
    anywhere || is_hole(value) || ends_in_hole(value) || begins_in_hole(value)
}

/// True where all of `value` is in brackets, or would be but for what was cut off: `<your-key>`, `[x`.
fn is_hole(value: &[u8]) -> bool {
    let signs = value.iter().take(1).filter(|b| b"$%#@".contains(b)).count();
    let Some((open, inside)) = value[signs..].split_first() else { return false };
    let Some(close) = partner(*open) else { return false };
    hole(inside, &[close]).is_some()
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
    hole(inside, &value[value.len() - 1..]) == Some(inside.len())
}

/// True where a hole closes that opened before the value, as `name` in `{{ name}}` or the last value of
/// a list in code: no bracket opens and nothing but a name or a path stands before.
fn begins_in_hole(value: &[u8]) -> bool {
    let end = value.iter().rposition(|b| !b"}>)]".contains(b)).map_or(0, |at| at + 1);
    let text = &value[..end];
    let closes = matches!(value.last(), Some(b'}' | b'>'));
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_.-/:+=~$@%".contains(b) || !b.is_ascii();
    let cut = memchr::memmem::find(value, b"}}").or(memchr::memmem::find(value, b"%>"));
    closes && text.iter().all(plain) || cut.is_some_and(|cut| value[..cut].iter().all(plain))
}

/// How much of `text` the inside of a hole and its end take, where the brackets `closes` end it or it is
/// cut off before that; `None` where what stands there is no name and no expression.
fn hole(text: &[u8], closes: &[u8]) -> Option<usize> {
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
                return is_expression(&text[..end]).then_some(at + 1);
            }
        } else if closing {
            return None;
        } else if let Some(close) = partner(byte).filter(|_| byte != b'<') {
            open.push(close);
        } else if b")]}".contains(&byte) {
            return None;
        }
    }
    is_expression(&text[..end]).then_some(text.len())
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
            "q}{{t(Wz)u${f]mor(ny[house>-_$#seven}}",
            "9{}(7w$K]x>",
            "t7$x9#Lq&2}",
            "z${k)p]q",
            "w{{4}o)x}}",
            "value}]",
            "(k]9Lw2",
            "hG7kQ2vX9m",
            "f<9Lw2+q",
            "x{9",
        ] {
            assert!(!holds(value.as_bytes()), "{value}");
        }
    }
}
