//! Source maps: the original files in `sourcesContent`, and maps that stand inside a bundle.

use serde_json::Value;

/// Original files with their content.
pub(super) type Sources = Vec<(String, String)>;

/// The original files that the source map `bytes` holds; none when it is no source map.
pub(super) fn sources(bytes: &[u8]) -> Sources {
    // A prefix against inclusion as script may stand before the object.
    let start = memchr::memchr(b'{', bytes).unwrap_or(0);
    let Ok(map) = serde_json::from_slice::<Value>(&bytes[start..]) else { return Vec::new() };
    let mut found = Vec::new();
    collect(&map, &mut found);
    for section in map["sections"].as_array().into_iter().flatten() {
        collect(&section["map"], &mut found);
    }
    found
}

fn collect(map: &Value, found: &mut Sources) {
    let root = map["sourceRoot"].as_str().unwrap_or_default();
    let names = map["sources"].as_array().into_iter().flatten();
    let contents = map["sourcesContent"].as_array().into_iter().flatten();
    for (name, content) in names.zip(contents) {
        if let (Some(name), Some(content)) = (name.as_str(), content.as_str()) {
            found.push((clean(&format!("{root}{name}")), content.to_owned()));
        }
    }
}

/// The name of an original file without scheme and steps upward: `webpack:///./src/a.js`,
/// `../../src/a.js`.
fn clean(name: &str) -> String {
    let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
    let rest = rest.strip_prefix("_N_E/").unwrap_or(rest);
    let parts = rest.split('/').filter(|part| !part.is_empty() && *part != "." && *part != "..");
    parts.collect::<Vec<_>>().join("/")
}

/// The source map inside a bundle: `//# sourceMappingURL=data:…;base64,…`.
pub(super) fn inline(bytes: &[u8]) -> Option<Vec<u8>> {
    let at = memchr::memmem::rfind(bytes, b"sourceMappingURL=data:application/json")?;
    let rest = &bytes[at..];
    let start = memchr::memmem::find(rest, b"base64,")? + 7;
    let end = rest[start..].iter().position(|b| b.is_ascii_whitespace() || *b == b'*');
    base64(&rest[start..end.map_or(rest.len(), |end| start + end)])
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for &byte in text.iter().filter(|&&b| b != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_with_sections_and_inside_bundles() {
        let map = br#"{"version":3,"sections":[{"map":{"sources":["webpack:///./src/a.js"],"sourcesContent":["let a"]}}]}"#;
        assert_eq!(sources(map), [("src/a.js".to_owned(), "let a".to_owned())]);
        // {"sources":["../x.ts"],"sourcesContent":["k"]}
        let code = b"x()\n//# sourceMappingURL=data:application/json;base64,eyJzb3VyY2VzIjpbIi4uL3gudHMiXSwic291cmNlc0NvbnRlbnQiOlsiayJdfQ==\n";
        assert_eq!(sources(&inline(code).unwrap()), [("x.ts".to_owned(), "k".to_owned())]);
        assert_eq!(inline(b"//# sourceMappingURL=a.js.map"), None);
        assert!(sources(b"not json").is_empty());
    }
}
