//! Candidates in a few bytes each, to be kept and taken up again, without their values: those are read again
//! from the bytes they stand in.

use crate::scan::Candidate;

/// The note of `candidates`; `None` where a value is not written plain, so that the note would have to
/// hold it.
pub fn write(candidates: &[Candidate]) -> Option<Vec<u8>> {
    let plain = |c: &Candidate| {
        c.decoded.is_none() && c.joined.iter().all(|joined| joined.decoded.is_none())
    };
    let all_plain = candidates.iter().all(plain);
    all_plain.then(|| postcard::to_allocvec(candidates).ok()).flatten()
}

/// The candidates of a note; `None` where it is none.
pub fn read(note: &[u8]) -> Option<Vec<Candidate>> {
    let (candidates, rest) = postcard::take_from_bytes(note).ok()?;
    rest.is_empty().then_some(candidates)
}

/// True when `candidates` of a note stand in `bytes`.
pub fn fits(candidates: &[Candidate], bytes: &[u8]) -> bool {
    let fits = |c: &Candidate| {
        let joined = c.joined.iter().map(|joined| joined.span);
        [c.secret, c.whole]
            .into_iter()
            .chain(joined)
            .all(|span| span.start <= span.end && span.end <= bytes.len())
    };
    candidates.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::set::RuleSet;
    use crate::scan::Engine;

    #[test]
    fn candidates_come_back_and_no_value_is_kept() {
        let engine = Engine::new(RuleSet::builtin().unwrap()).unwrap();
        let key = ["sk-or-v1-", "9f3c2a7be1d04c58a6b7f0e2d1c3b4a5968778695a4b3c2d1e0f9a8b7c6d5e4f"]
            .concat();
        let text = format!("OPENROUTER_API_KEY = '{key}'\nname: x\n");
        let found = engine.scanner().scan(text.as_bytes());
        let note = write(&found).unwrap();
        assert!(found.iter().any(|c| c.secret.len() == key.len()), "{found:?}");
        assert!(!note.windows(8).any(|window| key.as_bytes().windows(8).any(|w| w == window)));
        assert_eq!(read(&note), Some(found.clone()));
        assert!(note.len() < 200, "{len} bytes", len = note.len());
        for len in 0..note.len() {
            assert_eq!(read(&note[..len]), None, "{len}");
        }
        assert_eq!(read(&[&note[..], &[0]].concat()), None);
        assert!(fits(&found, text.as_bytes()));
        assert!(!fits(&found, &text.as_bytes()[..20]), "other bytes");

        let coded = text.bytes().map(|b| format!("\\x{b:02x}")).collect::<String>();
        let found = engine.scanner().scan(coded.as_bytes());
        assert!(found.iter().any(|c| c.decoded.is_some()), "{found:?}");
        assert_eq!(write(&found), None);
    }
}
