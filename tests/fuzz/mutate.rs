//! Random changes of inputs.

/// A small random number generator; the seed names all that follows.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `sides`, which is not 0.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize % sides
    }

    pub(crate) fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.roll(all.len())]
    }
}

/// Bytes that parsers care for.
const MARKS: [&[u8]; 34] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc3",
    b"\xf0\x9f\x94\x91",
    b"\"",
    b"'",
    b"`",
    b"\\",
    b"\\u0041",
    b"\\x41",
    b"%41",
    b"%",
    b"${",
    b"}",
    b"{",
    b"[",
    b"]",
    b"[[",
    b"=",
    b":",
    b"#",
    b"\"\"\"",
    b"-",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x80\0\0\0",
    b"99999999999999999999",
    b"-1",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
    b"AAAA",
];

/// A new input from one or two of `pool`.
pub(super) fn mutate(dice: &mut Dice, pool: &[Vec<u8>], longest: usize) -> Vec<u8> {
    let mut bytes = dice.pick(pool).clone();
    for _ in 0..=dice.roll(4) {
        change(dice, pool, &mut bytes);
    }
    bytes.truncate(longest);
    bytes
}

fn change(dice: &mut Dice, pool: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let (at, end) = stretch(dice, bytes.len());
    match dice.roll(10) {
        0 if at < end => bytes[at] ^= 1 << dice.roll(8),
        1 if at < end => bytes[at] = dice.roll(256) as u8,
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(end..end, part);
        }
        // Many times the same: what is not linear shows.
        5 => {
            let part = bytes[at..end.min(at + 64)].to_vec();
            let times = 1 << dice.roll(9);
            bytes.splice(at..at, part.repeat(times));
        }
        6 => {
            let other = dice.pick(pool);
            let (from, to) = stretch(dice, other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        7 => {
            let other = dice.pick(pool).clone();
            bytes.splice(at..at, other);
        }
        8 => {
            let to = dice.roll(bytes.len() + 1).max(at);
            bytes[at..to].reverse();
        }
        _ => {
            let mark = *dice.pick(&MARKS);
            let gone = if dice.roll(2) == 0 { at } else { (at + mark.len()).min(bytes.len()) };
            bytes.splice(at..gone, mark.iter().copied());
        }
    }
}

/// A range in `len` bytes, mostly a short one.
fn stretch(dice: &mut Dice, len: usize) -> (usize, usize) {
    let at = dice.roll(len + 1);
    let most = match dice.roll(3) {
        0 => 4,
        1 => 40,
        _ => len + 1,
    };
    (at, (at + dice.roll(most)).min(len))
}
