//! What a pattern tells before it runs. The build reads the shipped patterns, too (`build.rs`), so nothing here
//! uses the rest of the crate.

mod anatomy;
mod byteset;
mod lead;
mod packed;
mod program;
mod shapes;
pub(crate) mod writer;

use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};
use regex_syntax::{Parser, ParserBuilder};

pub(crate) use anatomy::{Anatomy, Start, behind, bytes, flat};
pub(crate) use byteset::ByteSet;
pub(crate) use lead::Lead;
pub(crate) use packed::{Programs, read, read_programs, read_sets};
pub(crate) use program::{Outcome, Tries};
pub(crate) use shapes::{Parts, Shapes};

/// Repetitions that may be so many, or more, are without an upper bound in what is made of a pattern.
const LONG: u32 = 1000;

/// What reads all patterns: as bytes, without Unicode, so that invalid UTF-8 may match.
pub(crate) fn parser() -> Parser {
    ParserBuilder::new().unicode(false).utf8(false).build()
}

/// `pattern` as a tree; `None` where it is no regex.
pub(crate) fn parse(pattern: &str) -> Option<Hir> {
    parser().parse(pattern).ok()
}

/// `hir` without its long upper bounds: it matches all that `hir` does, and more.
pub(crate) fn endless(hir: &Hir) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(endless).collect();
    match hir.kind() {
        HirKind::Repetition(Repetition { min, max, greedy, sub }) => Hir::repetition(Repetition {
            min: *min,
            max: max.filter(|max| *max < LONG),
            greedy: *greedy,
            sub: Box::new(endless(sub)),
        }),
        HirKind::Capture(Capture { index, name, sub }) => {
            Hir::capture(Capture { index: *index, name: name.clone(), sub: Box::new(endless(sub)) })
        }
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}
