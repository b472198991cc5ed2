//! "Did you mean": the known word that is nearest to a misspelt one.

/// The word of `known` that `word` is most likely a misspelling of; `None` when none is near.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let most = (word.chars().count() / 3).clamp(1, 4);
    let near = |other: &&str| other.len().abs_diff(word.len()) <= most * 4;
    let far = known.into_iter().filter(near).map(|other| (distance(word, other), other));
    far.filter(|(distance, _)| *distance <= most).min().map(|(_, other)| other)
}

/// What to put after a message about `word`: empty, or `; did you mean ...?`.
pub fn hint<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map_or(String::new(), |other| format!("; did you mean `{other}`?"))
}

/// [`hint`] for serde's ``unknown field `x`, expected one of `a`, `b` ``, and the like for variants.
pub fn hint_of_serde(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(word) if message.starts_with("unknown ") => hint(word, quoted),
        _ => String::new(),
    }
}

/// Edits that make `b` of `a`: insert, delete, replace, swap neighbours.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (fold(a), fold(b));
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replace = rows[i][j] + usize::from(from != to);
            let mut best = replace.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *to && *from == b[j - 1] {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words_find_the_right_one() {
        let keys = ["exclude", "max-size", "fail-on", "disable"];
        assert_eq!(nearest("exlude", keys), Some("exclude"));
        assert_eq!(nearest("excldue", keys), Some("exclude"));
        assert_eq!(nearest("max_size", keys), Some("max-size"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("x", keys), None);
    }

    #[test]
    fn serdes_message_has_the_words() {
        let text = "unknown field `exlude`, expected one of `exclude`, `max-size`";
        assert_eq!(hint_of_serde(text), "; did you mean `exclude`?");
        let text = "unknown variant `hgih`, expected one of `info`, `high`";
        assert_eq!(hint_of_serde(text), "; did you mean `high`?");
        assert_eq!(hint_of_serde("missing field `reason`"), "");
    }
}
