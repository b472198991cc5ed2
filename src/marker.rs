//! Marker comments that allow the findings of their line.

/// The marker.
pub const MARKER: &str = "keylint:allow";

/// The rule list of a marker comment in `line`: `None` without a marker, empty for all rules.
///
/// The form is `keylint:allow`, optionally followed by rule ids and `-- reason`.
pub fn marker(line: &[u8]) -> Option<Vec<String>> {
    let at = memchr::memmem::find(line, MARKER.as_bytes())?;
    let rest = &line[at + MARKER.len()..];
    if rest.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-') {
        return None;
    }
    let text = String::from_utf8_lossy(rest);
    let rules = text.split("--").next().unwrap_or_default();
    let is_id = |word: &&str| {
        word.contains('-') && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    Some(rules.split([' ', ',', '\t']).filter(is_id).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_name_rules_or_all() {
        assert_eq!(marker(b"x = 1"), None);
        assert_eq!(marker(b"x = 1 # keylint:allow"), Some(vec![]));
        assert_eq!(
            marker(b"x # keylint:allow github-pat, aws-key -- it is revoked"),
            Some(vec!["github-pat".to_owned(), "aws-key".to_owned()])
        );
        assert_eq!(marker(b"x # keylint:allowed"), None);
    }
}
