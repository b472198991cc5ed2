//! Text of Office files that formatting splits: what stands between two runs of one paragraph or cell is
//! left out, so that a key in several runs is one text. References such as `&amp;` and `&#115;` become the
//! characters that a reader sees.

use std::borrow::Cow;

use bstr::{BStr, ByteSlice as _};
use memchr::memmem;
use zeroize::Zeroizing;

/// Parts that hold text, by the start of their path in the file.
const PARTS: [&[u8]; 4] = [b"word/", b"xl/", b"ppt/", b"content.xml"];
/// A value of that many bytes in a tag is kept.
const LONG: usize = 16;
/// Elements that part texts: where one of them begins or ends, nothing is joined.
const BREAKS: [&[u8]; 13] = [
    b"p",
    b"h",
    b"si",
    b"is",
    b"c",
    b"rPh",
    b"br",
    b"cr",
    b"tab",
    b"tc",
    b"s",
    b"line-break",
    b"fld",
];

/// Longest reference to a character, from `&` to `;`.
const LONGEST: usize = 12;

/// The XML `bytes` of the member at `at` with its runs joined and references read; `None` where it is no
/// such file, or where there is nothing of both. Tags between two runs go, but for those with long values, which follow at
/// the end: they may be links.
pub(super) fn joined(at: &BStr, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let name = at.rfind("!/").map(|start| &at[start + 2..])?;
    let part = PARTS.iter().any(|part| name.starts_with(part)) && name.ends_with(b".xml");
    if !part || !bytes.trim_start().starts_with(b"<") {
        return None;
    }
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() + bytes.len() / LONG));
    let mut moved: Vec<&[u8]> = Vec::new();
    let (mut rest, mut any) = (bytes, false);
    while let Some(tag) = memchr::memchr(b'<', rest) {
        text.extend_from_slice(&rest[..tag]);
        rest = &rest[tag..];
        let after_text = !matches!(text.last(), None | Some(b'>'));
        let gap = if after_text { gap(rest) } else { 0 };
        let end = tag_len(rest).unwrap_or(rest.len());
        let (tags, left) = rest.split_at(gap.max(end));
        match gap {
            0 => text.extend_from_slice(tags),
            _ => moved.extend(long(tags).then_some(tags)),
        }
        any |= gap > 0;
        rest = left;
    }
    text.extend_from_slice(rest);
    moved.into_iter().for_each(|tags| {
        text.push(b'\n');
        text.extend_from_slice(tags);
    });
    match read_references(&text) {
        Cow::Owned(read) => Some(Zeroizing::new(read)),
        Cow::Borrowed(_) => any.then_some(text),
    }
}

/// `text` with characters in the place of references to them; what is none is left as it is.
fn read_references(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'&') {
        return Cow::Borrowed(text);
    }
    // As large as it can get, so that it does not grow and leave copies behind.
    let (mut read, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(start) = memchr::memchr(b'&', rest) {
        let (before, reference) = rest.split_at(start);
        let end = reference.iter().take(LONGEST).position(|&b| b == b';');
        let Some((end, c)) = end.and_then(|end| Some((end, character(&reference[1..end])?))) else {
            let (plain, left) = rest.split_at(start + 1);
            read.extend_from_slice(plain);
            rest = left;
            continue;
        };
        read.extend_from_slice(before);
        read.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &reference[end + 1..];
    }
    if read.len() + rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    read.extend_from_slice(rest);
    Cow::Owned(read)
}

/// The character that `name` of a reference stands for. NUL is none in XML.
fn character(name: &[u8]) -> Option<char> {
    let number = |digits: &[u8], radix| u32::from_str_radix(digits.to_str().ok()?, radix).ok();
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x', digits @ ..] => number(digits, 16).and_then(char::from_u32),
        [b'#', digits @ ..] => number(digits, 10).and_then(char::from_u32),
        _ => None,
    }
    .filter(|&c| c != '\0')
}

/// True where one of the quoted values in `tags` is long enough for a key.
fn long(tags: &[u8]) -> bool {
    tags.split(|b| matches!(b, b'"' | b'\''))
        .any(|value| value.len() >= LONG && !value.contains(&b'<') && !value.contains(&b'>'))
}

/// Bytes of the tags at the start of `rest` up to the next text, which belongs to the same paragraph; 0
/// where a paragraph ends before it, or where there is none.
fn gap(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(len) = tag_len(&rest[at..]) {
        if breaks(&rest[at..at + len]) {
            return 0;
        }
        at += len;
    }
    if at == rest.len() { 0 } else { at }
}

/// Length of the tag that `rest` begins with; `None` where it begins with none, or one without end.
fn tag_len(rest: &[u8]) -> Option<usize> {
    let ends: &[u8] = match rest {
        [b'<', b'!', b'-', b'-', ..] => b"-->",
        [b'<', ..] => b">",
        _ => return None,
    };
    memmem::find(rest, ends).map(|at| at + ends.len())
}

/// True for the tag of an element that parts texts.
fn breaks(tag: &[u8]) -> bool {
    let name = tag.trim_start_with(|c| c == '<' || c == '/');
    let end = name.find_byteset(b" \t\r\n/>").unwrap_or(name.len());
    let local = name[..end].rsplit(|&b| b == b':').next().unwrap_or_default();
    BREAKS.contains(&local) || tag.starts_with(b"<!") || tag.starts_with(b"<?")
}

#[cfg(test)]
mod tests {
    use super::joined;

    fn of(name: &str, xml: &str) -> Option<String> {
        let text = joined(name.into(), xml.as_bytes())?;
        Some(String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn runs_of_a_paragraph_are_one_text_and_paragraphs_are_not() {
        let word = "<w:p><w:r><w:t>ab</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t xml:space=\"preserve\">\
                    cd</w:t></w:r></w:p><w:p><w:r><w:t>ef</w:t><w:br/><w:t>gh</w:t></w:r></w:p>";
        let want = "<w:p><w:r><w:t>abcd</w:t></w:r></w:p><w:p><w:r><w:t>ef</w:t><w:br/><w:t>gh</w:t></w:r></w:p>";
        assert_eq!(of("!/word/document.xml", word).unwrap(), want);
        let cells = "<sst><si><r><t>ab</t></r><r><t>cd</t></r></si><si><t>ef</t></si></sst>";
        let want = "<sst><si><r><t>abcd</t></r></si><si><t>ef</t></si></sst>";
        assert_eq!(of("!/a.zip!/xl/sharedStrings.xml", cells).unwrap(), want);
        let odt = "<text:p>ab<text:span text:style-name=\"T1\">cd</text:span>ef</text:p><text:p>gh</text:p>";
        let want = "<text:p>abcdef</text:p><text:p>gh</text:p>";
        assert_eq!(of("!/content.xml", odt).unwrap(), want);
    }

    #[test]
    fn links_between_runs_are_kept() {
        let link = "<text:p>ab<text:a xlink:href=\"https://example.com/?k=v\">cd</text:a></text:p>";
        let want =
            "<text:p>abcd</text:a></text:p>\n<text:a xlink:href=\"https://example.com/?k=v\">";
        assert_eq!(of("!/content.xml", link).unwrap(), want);
    }

    #[test]
    fn references_are_read_as_a_reader_sees_them() {
        let cell = "<t>&#115;&#x6b;-a&amp;b&lt;c&#10;&quot;&apos;&gt;</t>";
        assert_eq!(of("!/xl/sharedStrings.xml", cell).unwrap(), "<t>sk-a&b<c\n\"'></t>");
        // Runs are joined first, and nothing is read twice.
        let runs = "<t>a&amp;</t><x/><t>lt;b</t>";
        assert_eq!(of("!/word/a.xml", runs).unwrap(), "<t>a&lt;b</t>");
        for none in
            ["<t>a & b;</t>", "<t>&#0;&#xd800;&#99999999;&nbsp;&;&#;&#x;</t>", "<t>&amp</t>"]
        {
            assert_eq!(of("!/word/a.xml", none), None, "{none}");
        }
    }

    #[test]
    fn other_files_and_damaged_ones_stay_as_they_are() {
        let runs = "<p>ab<b/>cd</p>";
        for (name, xml) in [
            ("!/src/a.xml", runs),
            ("!/word/a.rels", runs),
            ("!/word/a.xml", "<p>ab"),
            ("!/word/a.xml", "<p>ab<b cd"),
            ("!/word/a.xml", "ab<b/>cd"),
            ("!/word/a.xml", "<p>ab<!-- > -->cd</p>"),
            ("", runs),
        ] {
            assert_eq!(of(name, xml), None, "{name}: {xml}");
        }
    }
}
