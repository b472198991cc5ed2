//! Facts about patterns as text: the build writes those of the shipped rules, the program reads them when a rule
//! is first needed.

use super::anatomy::{Anatomy, Run, Start};
use super::byteset::ByteSet;
use super::lead::Lead;
use super::program::Program;

/// Sets of bytes that the build has written, which facts name by their number; `None` for another text.
pub(crate) fn read_sets(text: &str) -> Option<Vec<ByteSet>> {
    let set = |text: &str| {
        let mut words = [0; 4];
        let mut given = text.split(',');
        for word in &mut words {
            *word = given.next()?.parse().ok()?;
        }
        Some(ByteSet(words))
    };
    text.split(' ').map(set).collect()
}

/// The facts that the build has written as `text`; `None` for another text.
pub(crate) fn read(text: &str, sets: &[ByteSet]) -> Option<Anatomy> {
    let set = |number: &str| sets.get(number.parse::<usize>().ok()?).cloned();
    let mut fields = text.split(' ');
    let mut start = fields.next()?.split(':');
    let start = match (start.next()?, start.next(), start.next()) {
        ("at", None, None) => Start::At,
        ("run" | "name", Some(most), Some(number)) => Start::Run(set(number)?, most.parse().ok()?),
        ("near", Some(most), None) => Start::Near(most.parse().ok()?),
        _ => return None,
    };
    let goes_on = text.starts_with("name");
    let reach = fields.next()?.parse().ok()?;
    let run = match fields.next()?.split_once(':') {
        Some((len, number)) => Some(Run { len: len.parse().ok()?, set: set(number)? }),
        None => None,
    };
    let lead = |text: &str| {
        let (before, all) = text.split_once(':')?;
        let before = if before.is_empty() { None } else { Some(set(before)?) };
        let all = all.split(',').filter(|number| !number.is_empty());
        Some(Lead { sets: all.map(set).collect::<Option<_>>()?, before })
    };
    let leads = fields.map(lead).collect::<Option<_>>()?;
    Some(Anatomy { start, reach, run, leads, goes_on })
}

/// The programs of a shipped pattern, where they have not become too long.
#[derive(Clone, Copy, Default)]
pub(crate) struct Programs {
    /// Of the pattern.
    pub(crate) whole: Option<Program<'static>>,
    /// Of what stands in all matches from a keyword on.
    pub(crate) behind: Option<Program<'static>>,
    /// True where no keyword has a place of its own, so that nothing can be asked behind it.
    pub(crate) nowhere: bool,
}

/// The programs that the build has named by `text`, among all of them and their `sets`.
pub(crate) fn read_programs(
    text: &str,
    all: &'static [u8],
    sets: &'static [ByteSet],
) -> Option<Programs> {
    let program = |text: &str| {
        let (from, len) = text.split_once(':')?;
        let (from, len): (usize, usize) = (from.parse().ok()?, len.parse().ok()?);
        Some(Program { code: all.get(from..from + len)?, sets })
    };
    let (whole, behind) = text.split_once(' ')?;
    Some(Programs { whole: program(whole), behind: program(behind), nowhere: behind == "-" })
}
