//! Marker comments that allow findings: keylint's own, and those that people already have for other
//! tools.
//!
//! A marker counts for its line; `keylint:allow` for the next one where nothing but the comment stands
//! on its own, and those of other tools where these have it. `keylint:allow` may name rules and give a reason: `keylint:allow RULE, RULE -- reason`.

use memchr::memmem;
use rustc_hash::FxHashMap;

use std::collections::BTreeMap;

/// keylint's own marker.
pub const MARKER: &str = "keylint:allow";

/// How a marker is written, what it is called in reports, and whether it is for the next line only.
/// Sources: gitleaks README "gitleaks:allow", betterleaks README "betterleaks:allow", trufflehog
/// README "trufflehog:ignore", detect-secrets `filters/allowlist.py`.
const FORMS: [(&str, &str, Place); 9] = [
    (MARKER, MARKER, Place::Here),
    ("gitleaks:allow", "gitleaks:allow", Place::Here),
    ("betterleaks:allow", "betterleaks:allow", Place::Here),
    ("trufflehog:ignore", "trufflehog:ignore", Place::Here),
    ("pragma: allowlist secret", "pragma: allowlist secret", Place::Here),
    ("pragma: allowlist nextline secret", "pragma: allowlist nextline secret", Place::Next),
    ("pragma:allowlist secret", "pragma: allowlist secret", Place::Here),
    ("pragma:allowlist nextline secret", "pragma: allowlist nextline secret", Place::Next),
    ("pragma: whitelist secret", "pragma: whitelist secret", Place::Here),
];

/// What opens a comment; the end of the text before a marker that is meant as one.
const OPENERS: [&str; 12] = ["#", "//", "/*", "*", "--", "<!--", ";", "%", "'", "{-", "(*", "{/*"];

/// Where a form counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Here,
    Next,
}

/// One marker comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// How it is written, such as `keylint:allow`.
    pub name: &'static str,
    /// The line that it stands on, from 1.
    pub line: u32,
    /// The line that it counts for.
    pub target: u32,
    /// Ids of the rules that it allows; empty for all.
    pub rules: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// True when a comment begins with it: text about markers is not meant as one.
    pub declared: bool,
}

impl Marker {
    /// True when it allows a finding of `rule` on lines `first` to `last`.
    pub fn allows(&self, rule: &str, first: u32, last: u32) -> bool {
        (first..=last).contains(&self.target)
            && (self.rules.is_empty() || self.rules.iter().any(|id| id == rule))
    }

    /// The marker without a reason that holds one of `values`: it is shown in reports.
    #[must_use]
    pub fn without(mut self, values: &Values<'_>) -> Self {
        self.reason = self.reason.filter(|reason| !values.are_in(reason.as_bytes()));
        self
    }

    /// True for keylint's own.
    pub fn is_own(&self) -> bool {
        self.name == MARKER
    }
}

/// Checks on keys. Their findings stand where one of a rule does, so that a marker there may name them.
pub const KEY_CHECKS: [&str; 5] = [
    "key-reuse-environments",
    "key-reuse-repositories",
    "key-limit",
    "key-age",
    "key-removed-in-history",
];

/// The markers of a text. A line may hold thousands of them, and of findings.
pub struct Markers {
    all: Vec<Marker>,
    /// By the line that they count for.
    lines: BTreeMap<u32, OnLine>,
}

/// Markers that count for one line, by their numbers.
#[derive(Default)]
struct OnLine {
    /// The first one that allows all rules.
    all: Option<usize>,
    /// The first one that names a rule.
    named: FxHashMap<String, usize>,
}

impl Markers {
    /// Those of `bytes`; only keylint's own unless `foreign`.
    pub fn of(bytes: &[u8], foreign: bool) -> Self {
        let all = find(bytes, foreign);
        let mut lines: BTreeMap<u32, OnLine> = BTreeMap::new();
        for (at, marker) in all.iter().enumerate() {
            let line = lines.entry(marker.target).or_default();
            if marker.rules.is_empty() {
                line.all.get_or_insert(at);
            }
            for rule in &marker.rules {
                line.named.entry(rule.clone()).or_insert(at);
            }
        }
        Self { all, lines }
    }

    /// The first one that allows a finding of rule `id` on lines `first` to `last`.
    pub fn allowing(&self, id: &str, (first, last): (u32, u32)) -> Option<&Marker> {
        let on_line = |line: &OnLine| line.all.into_iter().chain(line.named.get(id).copied()).min();
        let lines = self.lines.range(first..=last.max(first));
        lines.filter_map(|(_, line)| on_line(line)).min().map(|at| &self.all[at])
    }

    /// Those that name one of [`KEY_CHECKS`] on lines `first` to `last`.
    pub fn of_keys(&self, lines: (u32, u32)) -> Vec<&Marker> {
        let named = |id: &&str| self.allowing(id, lines).filter(|marker| !marker.rules.is_empty());
        KEY_CHECKS.iter().filter_map(named).collect()
    }
}

/// Values that a reason must not hold. A file may have thousands of them, and as many reasons.
pub struct Values<'v>(Vec<&'v [u8]>);

impl<'v> Values<'v> {
    /// All of `values`.
    pub fn new(mut values: Vec<&'v [u8]>) -> Self {
        values.sort_unstable();
        // Where a value stands, those that it begins with stand, too, so these are enough.
        values.dedup_by(|next, kept| next.starts_with(kept));
        Self(values)
    }

    /// True when one of them stands in `text`.
    fn are_in(&self, text: &[u8]) -> bool {
        // None begins with another, so one that stands here is the last that is not greater.
        let here = |at: usize| {
            let rest = &text[at..];
            let last = self.0.partition_point(|value| *value <= rest).checked_sub(1);
            last.is_some_and(|last| rest.starts_with(self.0[last]))
        };
        (0..text.len()).any(here)
    }
}

/// True when `bytes` hold keylint's marker.
pub fn has_own(bytes: &[u8]) -> bool {
    memmem::find(bytes, MARKER.as_bytes()).is_some()
}

/// All markers of `bytes` in the order of their places; only keylint's own unless `foreign`.
pub fn find(bytes: &[u8], foreign: bool) -> Vec<Marker> {
    let forms = if foreign { &FORMS[..] } else { &FORMS[..1] };
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (at, (text, ..)) in forms.iter().enumerate() {
        places.extend(memmem::find_iter(bytes, text.as_bytes()).map(|start| (start, at)));
    }
    places.sort_unstable();
    let (mut line, mut counted, mut found) = (1_u32, 0, Vec::new());
    for (start, form) in places {
        let newlines = memchr::memchr_iter(b'\n', &bytes[counted..start]).count();
        line += u32::try_from(newlines).unwrap_or(u32::MAX - line);
        counted = start;
        found.extend(read(bytes, start, FORMS[form], line));
    }
    found
}

/// How much of a line before and behind a marker is looked at: a line may hold thousands of them.
const NEAR: usize = 1024;

/// Reads the marker of `form` at `start`, on line `line`.
fn read(
    bytes: &[u8],
    start: usize,
    (text, name, place): (&str, &'static str, Place),
    line: u32,
) -> Option<Marker> {
    let end = start + text.len();
    let near = start.saturating_sub(NEAR);
    let newline = memchr::memrchr(b'\n', &bytes[near..start]);
    let from = newline.map_or(near, |at| near + at + 1);
    // True when what stands before it on its line is seen in full.
    let seen = newline.is_some() || near == 0;
    let far = bytes.len().min(end + NEAR);
    let to = memchr::memchr(b'\n', &bytes[end..far]).map_or(far, |at| end + at);
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
    if bytes.get(end).is_some_and(is_word) || (start > from && is_word(&bytes[start - 1])) {
        return None;
    }
    let before = String::from_utf8_lossy(&bytes[from..start]);
    let before = before.trim();
    let rest = String::from_utf8_lossy(&bytes[end..to]);
    let (comment, after) = split_comment(&rest);
    // Nothing but the comment's beginning before it: the comment has the line for itself.
    let alone = seen && after.trim().is_empty() && (before.is_empty() || OPENERS.contains(&before));
    let target = match (place, alone) {
        // Code before it would make a marker for the next line easy to overlook.
        (Place::Next, false) => return None,
        (Place::Next, true) => line.saturating_add(1),
        // For other tools a marker counts for its own line only.
        (Place::Here, alone) if alone && name == MARKER => line.saturating_add(1),
        (Place::Here, _) => line,
    };
    let (rules, reason) = if name == MARKER { arguments(comment) } else { (Vec::new(), None) };
    // A string of code that has markers in it, as tests of scanners have.
    let in_string = before.replace("\\\"", "").matches('"').count() % 2 == 1 && rest.contains('"');
    let declared = !in_string && OPENERS.iter().any(|opener| before.ends_with(opener));
    Some(Marker { name, line, target, rules, reason, declared })
}

/// What is left of the comment in `rest`, and what follows the comment.
fn split_comment(rest: &str) -> (&str, &str) {
    let ends =
        ["*/", "-->", "-}", "*)"].iter().filter_map(|end| Some((rest.find(end)?, end.len())));
    ends.min().map_or((rest, ""), |(at, len)| (&rest[..at], &rest[at + len..]))
}

/// The rule ids and the reason that follow `keylint:allow`.
fn arguments(rest: &str) -> (Vec<String>, Option<String>) {
    let (ids, reason) = match rest.split_once("--") {
        Some((ids, reason)) => (ids, Some(reason)),
        None => (rest, None),
    };
    let is_id = |word: &&str| {
        word.contains('-') && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let words = ids.split([' ', ',', '\t']).filter(|word| !word.is_empty());
    let rules = words.take_while(is_id).map(str::to_owned).collect();
    let reason = reason.map(|text| text.trim().to_owned());
    (rules, reason.filter(|reason| !reason.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Marker {
        let mut found = find(text.as_bytes(), true);
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    }

    #[test]
    fn markers_name_rules_or_all_and_say_why() {
        assert!(find(b"x = 1", true).is_empty());
        assert!(find(b"x # keylint:allowed", true).is_empty());
        assert!(find(b"x # notkeylint:allow", true).is_empty());
        let marker = one("x = 1 # keylint:allow");
        assert!(marker.allows("any", 1, 1) && marker.reason.is_none() && marker.declared);
        let marker = one("x # keylint:allow github-pat, aws-key -- it is -- revoked");
        assert_eq!(marker.rules, ["github-pat", "aws-key"]);
        assert_eq!(marker.reason.as_deref(), Some("it is -- revoked"));
        assert!(marker.allows("aws-key", 1, 1) && !marker.allows("other-key", 1, 1));
        let marker = one("<b>x</b> <!-- keylint:allow a-b -- a test -->");
        assert_eq!(
            (marker.rules.as_slice(), marker.reason.as_deref()),
            (&["a-b".to_owned()][..], Some("a test"))
        );
        assert_eq!(one("x <!-- keylint:allow -->").reason, None);
        assert_eq!(one("int x; /* keylint:allow */").rules, Vec::<String>::new());
    }

    #[test]
    fn a_marker_alone_on_its_line_is_for_the_next_one() {
        for text in [
            "a\n  # keylint:allow\nb",
            "a\n// keylint:allow x-y -- why\nb",
            "a\n/* keylint:allow */\nb",
        ] {
            let marker = one(text);
            assert_eq!((marker.line, marker.target), (2, 3), "{text}");
        }
        assert_eq!(one("a\nb = 1  # keylint:allow\nc").target, 2);
        assert_eq!(one("a\n/* keylint:allow */ b\nc").target, 2);
        assert_eq!(one("a\n# gitleaks:allow\nb").target, 2);
        assert_eq!(one("a\n`, // keylint:allow\nb").target, 2);
        // A multi-line secret is allowed from any of its lines.
        assert!(one("a\nb # keylint:allow\nc").allows("x", 1, 3));
        assert!(!one("a\nb # keylint:allow\nc").allows("x", 3, 4));
    }

    #[test]
    fn far_from_a_marker_its_line_does_not_matter() {
        let far = format!(
            "{code} # keylint:allow x-y -- {reason}",
            code = "x;".repeat(NEAR),
            reason = "é".repeat(NEAR)
        );
        let marker = one(&format!("a\n{far}\nb"));
        assert_eq!((marker.line, marker.target, marker.declared), (2, 2, true));
        assert!(marker.reason.unwrap().starts_with("éé"));
        // What is too far away to be seen is not taken for nothing.
        let marker = one(&format!("a\nx = 1{gap}# keylint:allow\nb", gap = " ".repeat(NEAR)));
        assert_eq!((marker.line, marker.target), (2, 2));
    }

    #[test]
    fn a_reason_holds_a_value_wherever_it_stands() {
        let texts = ["", "a", "ab", "abc", "b", "bca", "cab", "xxabxx", "xb"];
        for values in [&["ab", "abc", "ca"][..], &["b"], &["abc", "xx"], &[]] {
            let known = Values::new(values.iter().map(|value| value.as_bytes()).collect());
            for text in texts {
                let holds = values.iter().any(|value| text.contains(value));
                assert_eq!(known.are_in(text.as_bytes()), holds, "{values:?} {text}");
            }
        }
    }

    #[test]
    fn markers_of_other_tools_count_unless_turned_off() {
        for (text, name) in [
            ("x # gitleaks:allow", "gitleaks:allow"),
            ("x # betterleaks:allow", "betterleaks:allow"),
            ("x // trufflehog:ignore", "trufflehog:ignore"),
            ("x # pragma: allowlist secret", "pragma: allowlist secret"),
            ("x # pragma: whitelist secret", "pragma: whitelist secret"),
            ("# pragma: allowlist nextline secret", "pragma: allowlist nextline secret"),
        ] {
            assert_eq!(one(text).name, name);
            assert!(find(text.as_bytes(), false).is_empty(), "{text}");
        }
        assert!(find(b"x = 1 # pragma: allowlist nextline secret", true).is_empty());
        assert!(!one("see `keylint:allow` for that").declared);
        assert!(!one("write(\"k = \\\"x\\\" # keylint:allow\\n\")").declared);
        assert!(one("k = \"x\" # keylint:allow -- \"why\"").declared);
    }
}
