//! Facts about patterns as text: the build writes those of the shipped rules, the program reads them when a rule
//! is first needed.

use super::anatomy::{Anatomy, Run, Start};
use super::byteset::ByteSet;
use super::lead::Lead;

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
        ("run", Some(most), Some(number)) => Start::Run(set(number)?, most.parse().ok()?),
        ("near", Some(most), None) => Start::Near(most.parse().ok()?),
        _ => return None,
    };
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
    Some(Anatomy { start, reach, run, leads: fields.map(lead).collect::<Option<_>>()? })
}
