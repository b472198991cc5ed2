//! Text that quotes what somebody wrote, made fit to print: an error quotes an argument, a message the
//! line of a configuration, and a key may stand in each.

use std::borrow::Cow;

use crate::rule::set::RuleSet;
use crate::scan::{Engine, details};
use crate::secret::redact;
use crate::span::Span;

impl Engine {
    /// `text` with the secrets redacted that have a form of their own; what is told by its name only may
    /// be any word of a message.
    pub fn covered<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let shaped = self.scanner().scan(text.as_bytes()).into_iter().filter(|c| {
            let rule = &self.rules().get(c.rule).rule;
            !rule.generic && !c.secret.is_empty()
        });
        let spans: Vec<Span> = details::join(shaped.map(|c| c.secret).collect());
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut at) = (String::new(), 0);
        for span in spans {
            let part = |from, to| String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned();
            shown += &part(at, span.start);
            shown += &redact(span.slice(text.as_bytes()));
            at = span.end;
        }
        shown += &String::from_utf8_lossy(&text.as_bytes()[at..]);
        Cow::Owned(shown)
    }
}

/// [`Engine::covered`] with the rules that ship, for what is said where there is no engine (yet). Takes
/// some hundredths of a second.
pub fn covered(text: &str) -> Cow<'_, str> {
    // A test holds that the shipped rules are sound.
    match RuleSet::builtin().and_then(Engine::new) {
        Ok(engine) => engine.covered(text),
        Err(_) => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_message_is_redacted_and_the_rest_stays() {
        let key = ["sk-or-", "v1-3f9a1c7e5b2d8064af13c95e7b08d2461fa7c3e95b0d824c6e1f39a7d5b08c24"]
            .concat();
        for (before, after) in
            [("no rule `", "`; see"), ("", ": no such file"), ("\x1b[33m", "\x1b[0m ä")]
        {
            let text = format!("{before}{key}{after}");
            assert_eq!(covered(&text), format!("{before}sk-o…8c24[73]{after}"));
        }
        assert_eq!(covered("password = hunter2hunter2"), "password = hunter2hunter2");
    }
}
