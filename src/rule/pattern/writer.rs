//! Writes the program of a pattern; `program` says what that is.

use regex_syntax::hir::{Capture, Hir, HirKind, Look, Repetition};

use super::byteset::ByteSet;
use super::program::{ANY, EITHER, GO, KNOWN, LOOK, MATCH, RUN, SET, TEXT, WORD};

/// Bytes of the longest program; a pattern that needs more has none.
const LONGEST: usize = 1 << 15;

/// Writes programs; gives each set of bytes its number.
pub(crate) struct Writer<'n> {
    code: Vec<u8>,
    number: &'n mut dyn FnMut(&ByteSet) -> Option<u16>,
}

impl<'n> Writer<'n> {
    /// The program of `hir`; `None` for a pattern that has none.
    pub(crate) fn write(
        hir: &Hir,
        number: &'n mut dyn FnMut(&ByteSet) -> Option<u16>,
    ) -> Option<Vec<u8>> {
        let mut writer = Self { code: Vec::new(), number };
        let first = writer.first(hir)?;
        writer.short(first);
        writer.put(hir)?;
        writer.code.push(MATCH);
        (writer.code.len() <= LONGEST).then_some(writer.code)
    }

    fn short(&mut self, number: u16) {
        self.code.extend(number.to_le_bytes());
    }

    /// The number of the set of the first byte of `hir`.
    fn first(&mut self, hir: &Hir) -> Option<u16> {
        self.first_of(std::slice::from_ref(hir))
    }

    /// The same for any of `branches`.
    fn first_of(&mut self, branches: &[Hir]) -> Option<u16> {
        if branches.iter().any(may_be_empty) { Some(ANY) } else { self.set(&first(branches)) }
    }

    fn set(&mut self, set: &ByteSet) -> Option<u16> {
        (self.number)(set).filter(|number| *number != ANY)
    }

    fn put(&mut self, hir: &Hir) -> Option<()> {
        // Rounds of rounds may double with each level.
        if self.code.len() > LONGEST {
            return None;
        }
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Literal(literal) => self.text(&literal.0, TEXT)?,
            HirKind::Class(class) => {
                self.code.push(SET);
                let number = self.set(&ByteSet::of_class(class))?;
                self.short(number);
            }
            HirKind::Look(look) => self.look(*look)?,
            HirKind::Capture(capture) => self.put(&capture.sub)?,
            HirKind::Concat(parts) => self.sequence(parts)?,
            HirKind::Alternation(branches) => self.either(branches)?,
            HirKind::Repetition(repetition) => self.rounds(repetition)?,
        }
        Some(())
    }

    /// Parts one after the other; letters in both cases side by side are one word.
    fn sequence(&mut self, parts: &[Hir]) -> Option<()> {
        let mut rest = parts;
        while let Some((part, others)) = rest.split_first() {
            let word: Vec<u8> = rest.iter().map_while(folded).flatten().collect();
            let letters = rest.iter().map_while(folded).count();
            if word.is_empty() || matches!(part.kind(), HirKind::Literal(_)) && letters == 1 {
                self.put(part)?;
                rest = others;
            } else {
                self.text(&word, WORD)?;
                rest = &rest[letters..];
            }
        }
        Some(())
    }

    fn text(&mut self, text: &[u8], kind: u8) -> Option<()> {
        self.code.extend([kind, u8::try_from(text.len()).ok()?]);
        self.code.extend(text);
        Some(())
    }

    fn look(&mut self, look: Look) -> Option<()> {
        let number = (0..).zip(KNOWN).find(|(_, known)| *known == look)?.0;
        self.code.extend([LOOK, number]);
        Some(())
    }

    /// Branches. Those that begin with the same bytes are told apart behind that, so that a byte is looked for
    /// in few sets; which one is tried first makes no difference.
    fn either(&mut self, branches: &[Hir]) -> Option<()> {
        let mut groups: Vec<(u16, Vec<&Hir>)> = Vec::new();
        for branch in branches {
            let first = self.first(branch)?;
            match groups.iter_mut().find(|group| group.0 == first) {
                Some(group) => group.1.push(branch),
                None => groups.push((first, vec![branch])),
            }
        }
        let any = self.first_of(branches)?;
        let firsts: Vec<u16> = groups.iter().map(|group| group.0).collect();
        let slots = self.ways(any, &firsts)?;
        let mut ends = Vec::new();
        for (slot, (first, branches)) in slots.into_iter().zip(groups) {
            self.point(slot)?;
            let inner = match branches[..] {
                [_] => vec![slot],
                _ => self.ways(ANY, &vec![first; branches.len()])?,
            };
            for (slot, branch) in inner.into_iter().zip(branches) {
                self.point(slot)?;
                self.put(branch)?;
                ends.push(self.go());
            }
        }
        ends.into_iter().try_for_each(|end| self.point(end))
    }

    /// Several ways to go on, which begin with bytes of the sets of these numbers, all of which are in `any`;
    /// gives where it is to be written where they are.
    fn ways(&mut self, any: u16, firsts: &[u16]) -> Option<Vec<usize>> {
        self.code.extend([EITHER, u8::try_from(firsts.len()).ok()?]);
        self.short(any);
        let slot = |&first: &u16| {
            self.short(first);
            self.short(0);
            self.code.len() - 2
        };
        Some(firsts.iter().map(slot).collect())
    }

    /// Goes on elsewhere; gives where it is to be written where.
    fn go(&mut self) -> usize {
        self.code.extend([GO, 0, 0]);
        self.code.len() - 2
    }

    /// Has `slot` lead to what is written next.
    fn point(&mut self, slot: usize) -> Option<()> {
        let here = u16::try_from(self.code.len()).ok()?;
        self.code[slot..slot + 2].copy_from_slice(&here.to_le_bytes());
        Some(())
    }

    fn rounds(&mut self, Repetition { min, max, sub, .. }: &Repetition) -> Option<()> {
        if let Some(set) = single(sub) {
            self.code.push(RUN);
            let number = self.set(&set)?;
            let bound = |bound: u32| u16::try_from(bound).ok().filter(|bound| *bound != ANY);
            for number in [number, bound(*min)?, max.map_or(Some(ANY), bound)?] {
                self.short(number);
            }
            return Some(());
        }
        for _ in 0..*min {
            self.put(sub)?;
        }
        let first = self.first(sub)?;
        let Some(max) = max else {
            // A round without a byte would have no end.
            (first != ANY).then_some(())?;
            let round = u16::try_from(self.code.len()).ok()?;
            let slots = self.ways(ANY, &[first, ANY])?;
            self.point(slots[0])?;
            self.put(sub)?;
            let back = self.go();
            self.code[back..back + 2].copy_from_slice(&round.to_le_bytes());
            return self.point(slots[1]);
        };
        let mut ends = Vec::new();
        for _ in *min..*max {
            let slots = self.ways(ANY, &[first, ANY])?;
            self.point(slots[0])?;
            self.put(sub)?;
            ends.push(slots[1]);
        }
        ends.into_iter().try_for_each(|end| self.point(end))
    }
}

/// The bytes of a part that is a letter in both cases, or none in any.
fn folded(part: &Hir) -> Option<Vec<u8>> {
    match part.kind() {
        HirKind::Literal(literal) => {
            let plain = !literal.0.iter().any(u8::is_ascii_alphabetic);
            plain.then(|| literal.0.to_vec())
        }
        HirKind::Class(class) => {
            let set = ByteSet::of_class(class);
            let letter = (b'a'..=b'z').find(|letter| set.has(*letter))?;
            let both = set.len() == 2 && set.has(letter.to_ascii_uppercase());
            both.then(|| vec![letter])
        }
        HirKind::Capture(capture) => folded(&capture.sub),
        _ => None,
    }
}

/// The bytes of a part that always matches one byte.
fn single(part: &Hir) -> Option<ByteSet> {
    match part.kind() {
        HirKind::Class(class) => Some(ByteSet::of_class(class)),
        HirKind::Literal(literal) => (literal.0.len() == 1).then(|| ByteSet::of(&literal.0)),
        HirKind::Capture(capture) => single(&capture.sub),
        _ => None,
    }
}

/// True for a part that may match no byte at all.
fn may_be_empty(part: &Hir) -> bool {
    part.properties().minimum_len() == Some(0)
}

/// The bytes with which what any of `branches` matches can begin, if it has a byte.
fn first(branches: &[Hir]) -> ByteSet {
    let mut all = ByteSet::EMPTY;
    for branch in branches {
        all.add(&match branch.kind() {
            HirKind::Empty | HirKind::Look(_) => ByteSet::EMPTY,
            HirKind::Literal(literal) => ByteSet::of(literal.0.get(..1).unwrap_or_default()),
            HirKind::Class(class) => ByteSet::of_class(class),
            HirKind::Capture(Capture { sub, .. }) | HirKind::Repetition(Repetition { sub, .. }) => {
                first(std::slice::from_ref(sub))
            }
            HirKind::Concat(parts) => {
                let end = parts.iter().position(|part| !may_be_empty(part));
                first(&parts[..end.map_or(parts.len(), |at| at + 1)])
            }
            HirKind::Alternation(branches) => first(branches),
        });
    }
    all
}
