//! Sets of bytes.

use regex_syntax::hir::Class;

/// A set of bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ByteSet(pub(crate) [u64; 4]);

impl ByteSet {
    pub(crate) const EMPTY: Self = Self([0; 4]);

    pub(crate) fn add(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().zip(&other.0) {
            *own |= more;
        }
    }

    /// The bytes that are in one of both.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }

    /// The bytes that are in both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|nth| self.0[nth] & other.0[nth]))
    }

    /// How many bytes are in it.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        for &byte in bytes {
            set.insert(byte);
        }
        set
    }

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    /// True when `byte` is in it.
    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// Adds the bytes from `first` to `last`.
    fn insert_range(&mut self, first: u8, last: u8) {
        for (nth, word) in (0..).zip(&mut self.0) {
            let (low, high) = (nth * 64, nth * 64 + 63);
            let (from, to) = (first.max(low), last.min(high));
            if from <= to {
                *word |= u64::MAX >> (63 - (to - from)) << (from - low);
            }
        }
    }

    pub(crate) fn of_class(class: &Class) -> Self {
        let mut set = Self::EMPTY;
        match class {
            Class::Bytes(class) => {
                class.iter().for_each(|range| set.insert_range(range.start(), range.end()));
            }
            // Patterns are compiled without Unicode, so that no class goes beyond a byte.
            Class::Unicode(class) => class.iter().for_each(|range| {
                let byte = |c: char| u8::try_from(u32::from(c)).unwrap_or(u8::MAX);
                set.insert_range(byte(range.start()), byte(range.end()));
            }),
        }
        set
    }

    /// True for a set that tells a token from prose: no space, quote or bracket is in it.
    pub(crate) fn is_telling(&self) -> bool {
        !b" \t\n\"'(){}<>,".iter().any(|&byte| self.has(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_its_bytes() {
        for class in ["[a-z]", "[^a-z]", r"\w", r"[\x00-\xff]", r"[\x3f\x40\x7f-\x80\xc0]", "[@-_]"]
        {
            let hir = super::super::parse(class).unwrap();
            let regex = crate::rule::matcher::compile(class).unwrap();
            let regex_syntax::hir::HirKind::Class(inside) = hir.kind() else { panic!("{class}") };
            let set = ByteSet::of_class(inside);
            for byte in 0..=255_u8 {
                assert_eq!(set.has(byte), regex.is_match(&[byte]), "{class} {byte}");
            }
        }
    }
}
