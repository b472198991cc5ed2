//! How patterns are read: as bytes, without Unicode, so that invalid UTF-8 may match.

use regex_automata::util::syntax;
use regex_syntax::hir::Hir;

/// The flags of all patterns.
pub(super) fn config() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// `pattern` as a tree; `None` where it is no regex.
pub(super) fn parse(pattern: &str) -> Option<Hir> {
    syntax::parse_with(pattern, &config()).ok()
}
