//! The digests of secrets that an earlier scan noted. A note holds no part of a secret, but numbers: those of equal
//! secrets are equal, so that one blob is read for all that have a secret in common.

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use rustc_hash::{FxHashMap, FxHashSet};

use super::suspects::{Again, Kept, Suspect, lost, object};
use crate::source::Ledger;

/// The digest of a secret.
pub(super) type Digest = [u8; 32];

/// Digests by number, as far as they are known.
#[derive(Default)]
pub(super) struct Digests(FxHashMap<u32, Digest>);

impl Digests {
    /// Finds out the digests of what counts of `suspects`, `kept` of each, for which as few of them as can be are
    /// read. What then has none is lost, and told to `ledger`.
    pub(super) fn learn(
        &mut self,
        suspects: &[Suspect],
        kept: &[Vec<Kept>],
        (source, ledger): (&dyn Again, &Ledger),
    ) {
        let all = || suspects.iter().zip(kept).filter(|(_, kept)| !kept.is_empty());
        let mut failed = FxHashSet::default();
        loop {
            let mut asked = FxHashSet::default();
            let mut wanted = Vec::new();
            for (suspect, kept) in all().filter(|(it, _)| !it.has_digests()) {
                let unknown = |kept: &Kept| {
                    let number = suspect.number(kept.nth);
                    !self.0.contains_key(&number) && !asked.contains(&number)
                };
                if !failed.contains(&suspect.handle) && kept.iter().any(unknown) {
                    asked.extend(kept.iter().map(|kept| suspect.number(kept.nth)));
                    wanted.push(suspect);
                }
            }
            let digests = read(&wanted, (source, ledger));
            for (suspect, digests) in wanted.iter().zip(digests) {
                match digests {
                    Some(digests) => self.0.extend(suspect.numbered(&digests)),
                    None => _ = failed.insert(suspect.handle),
                }
            }
            if wanted.is_empty() {
                break;
            }
        }
        all().for_each(|(suspect, _)| suspect.digests_by(|number| self.0.get(&number).copied()));
    }

    /// What the next scan is to be told of `suspects`, each with its note: numbers that are known are kept, and
    /// secrets that have none get new ones.
    pub(super) fn notes<'s>(
        &self,
        suspects: &'s [Suspect],
    ) -> impl Iterator<Item = (&'s Suspect, Vec<u8>)> {
        let used = suspects.iter().flat_map(Suspect::numbers).copied();
        let mut next = used.max().map_or(0, |most| most.saturating_add(1));
        let mut known: FxHashMap<Digest, u32> = FxHashMap::default();
        for (number, digest) in &self.0 {
            known
                .entry(*digest)
                .and_modify(|least| *least = (*least).min(*number))
                .or_insert(*number);
        }
        suspects.iter().filter_map(move |suspect| {
            let note = suspect.note(|digest| {
                *known.entry(digest).or_insert_with(|| {
                    next = next.saturating_add(1);
                    next - 1
                })
            })?;
            Some((suspect, note))
        })
    }
}

/// The digests of the secrets of each suspect; `None` for one that cannot be read, which is told to `ledger`.
fn read(
    suspects: &[&Suspect],
    (source, ledger): (&dyn Again, &Ledger),
) -> Vec<Option<Box<[Digest]>>> {
    let of_suspect = |suspect: &&Suspect| {
        let read = || match suspect.read_digests(source) {
            Ok(digests) => Some(digests),
            Err(error) => {
                ledger.problem(object(suspect.id), lost(&error));
                None
            }
        };
        ledger.contain(|| object(suspect.id), read).flatten()
    };
    match suspects {
        // Also where there are no threads left that do not hang.
        [] | [_] => suspects.iter().map(of_suspect).collect(),
        _ => suspects.par_iter().map(of_suspect).collect(),
    }
}
