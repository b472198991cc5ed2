//! What a pattern tells before it runs. The build reads the shipped patterns, too (`build.rs`), so nothing here
//! uses the rest of the crate.

mod anatomy;
mod byteset;
mod lead;
mod packed;
mod program;
mod shapes;
pub(crate) mod writer;

use regex_syntax::hir::Hir;
use regex_syntax::{Parser, ParserBuilder};

pub(crate) use anatomy::{Anatomy, Start, behind, bytes, flat};
pub(crate) use byteset::ByteSet;
pub(crate) use lead::Lead;
pub(crate) use packed::{Programs, read, read_programs, read_sets};
pub(crate) use program::{Outcome, Tries};
pub(crate) use shapes::{Parts, Shapes};

/// Repetitions that may be so many, or more, are without an upper bound in what is made of a pattern.
pub(crate) const LONG: u32 = 1000;

/// What reads all patterns: as bytes, without Unicode, so that invalid UTF-8 may match.
pub(crate) fn parser() -> Parser {
    ParserBuilder::new().unicode(false).utf8(false).build()
}

/// `pattern` as a tree; `None` where it is no regex.
pub(crate) fn parse(pattern: &str) -> Option<Hir> {
    parser().parse(pattern).ok()
}
