//! What must hold of any text, tree and history: random ones from a seed, a fixed number of them with
//! the other tests, and for `KEYLINT_FUZZ_SECONDS` from the seed `KEYLINT_FUZZ_SEED` with
//! `fuzz/run properties::`.

mod borders;
mod prefilter;
mod redaction;
mod spans;
mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use keylint::rule::set::{RuleSet, builtin_files};
use keylint::scan::Engine;

use crate::fuzz::Dice;

/// The shipped rules, with their examples.
static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(RuleSet::new(&builtin_files(), &[]).unwrap()).unwrap());

/// Tries `property` from `rounds` seeds; a failure names its seed.
fn hold(rounds: u64, property: impl Fn(&mut Dice)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let limit = number("KEYLINT_FUZZ_SECONDS").map(Duration::from_secs);
    let first = number("KEYLINT_FUZZ_SEED").unwrap_or(1);
    let start = Instant::now();
    let mut done = 0;
    while limit.map_or(done < rounds, |limit| start.elapsed() < limit) {
        let seed = first + done;
        let held = catch_unwind(AssertUnwindSafe(|| property(&mut Dice::new(seed))));
        assert!(held.is_ok(), "not from the seed {seed}; KEYLINT_FUZZ_SEED={seed} begins with it");
        done += 1;
    }
}

/// Pieces of text that mean nothing, or nearly something.
const PIECES: [&[u8]; 40] = [
    b" ",
    b"  ",
    b"\n",
    b"\n\n",
    b"\r\n",
    b"\t",
    b"=",
    b" = ",
    b": ",
    b"\"",
    b"'",
    b"`",
    b"(",
    b")",
    b", ",
    b"; ",
    b"<",
    b">",
    b"/",
    b"\\",
    b"\\n",
    b"-",
    b"_",
    b"x",
    b"0",
    b"#",
    b"// ",
    b"the value of it ",
    b"let config = ",
    b"password",
    b"secret ",
    b"api_key",
    b"token",
    b"sk-",
    b"AKIA",
    b"Bearer ",
    b"https://example.org/?q=",
    b"\xff\xfe",
    b"\xc3\xa4",
    b"\xf0\x9f\x94\x91",
];

/// Up to `most` such pieces.
fn noise(dice: &mut Dice, most: usize) -> Vec<u8> {
    let count = dice.roll(most + 1);
    (0..count).flat_map(|_| *dice.pick(&PIECES)).copied().collect()
}
