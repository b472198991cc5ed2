//! Fuzzing on the stable compiler: each target is a test that runs a fixed number of mutated inputs
//! from a fixed seed, and as long as it is told to by `fuzz/run`.
//!
//! An input is at fault when the target panics, takes longer than [`SLOWEST`], or needs more memory
//! than [`MOST_MEMORY`]. It is then written to `target/fuzz/`; what was mended lies as
//! `fixtures/fuzz/TARGET/*` and is run first, always.

mod archives;
mod mutate;
pub(crate) mod repo;
mod targets;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) use mutate::Dice;

/// One input may take this long; common ones take less than a hundredth.
const SLOWEST: Duration = Duration::from_secs(10);
/// Resident memory of the whole test program, in KiB.
const MOST_MEMORY: u64 = 3 << 20;
/// Inputs that showed something new are mutated further, up to this many.
const MOST_KEPT: usize = 4000;
/// Inputs do not grow beyond this.
const LONGEST: usize = 64 << 10;

/// What an input did, so that inputs that do something new are kept.
pub(crate) type Seen = u64;

/// Runs `target` on `seeds`, on what was found before, and on mutations of all of them: `rounds`, or
/// for `KEYLINT_FUZZ_SECONDS` from the seed `KEYLINT_FUZZ_SEED`; the file `KEYLINT_FUZZ_INPUT` alone,
/// where one is named.
pub(crate) fn drive(
    name: &str,
    mut pool: Vec<Vec<u8>>,
    rounds: u64,
    target: impl Fn(&[u8]) -> Seen,
) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let limit = number("KEYLINT_FUZZ_SECONDS").map(Duration::from_secs);
    let mut dice = Dice::new(number("KEYLINT_FUZZ_SEED").unwrap_or(1));
    if let Some(path) = std::env::var_os("KEYLINT_FUZZ_INPUT") {
        Watch::start(name).run(&std::fs::read(path).unwrap(), &target);
        return;
    }
    let known = found_before(name);
    pool.splice(0..0, known);
    let watch = Watch::start(name);
    let mut new = BTreeSet::new();
    for input in &pool {
        new.insert(watch.run(input, &target));
    }
    let (start, seeds) = (Instant::now(), pool.len());
    let mut done = 0_u64;
    while limit.map_or(done < rounds, |limit| start.elapsed() < limit) {
        let input = mutate::mutate(&mut dice, &pool, LONGEST);
        if new.insert(watch.run(&input, &target)) && pool.len() < seeds + MOST_KEPT {
            pool.push(input);
        }
        done += 1;
    }
    if limit.is_some() {
        let (more, (worst, slowest)) = (pool.len() - seeds, watch.worst());
        keep(name, "slowest", &slowest);
        let _ = std::fs::write(
            out_folder().join(format!("{name}.log")),
            format!("{name}: {seeds} seeds, {done} inputs, {more} kept, slowest {worst:?}\n"),
        );
    }
}

/// Inputs that were at fault once.
fn found_before(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz").join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn out_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn keep(name: &str, fault: &str, input: &[u8]) -> PathBuf {
    let id = keylint::blob::ObjectId::of_blob(input).short(12);
    let path = out_folder().join(format!("{name}-{fault}-{id}"));
    std::fs::write(&path, input).unwrap();
    path
}

/// The input that is being tried, and since when.
type Current = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// Looks from outside at an input that does not come back.
struct Watch {
    name: String,
    now: Current,
    /// The longest that an input took, and that input.
    worst: Mutex<(Duration, Vec<u8>)>,
}

impl Watch {
    fn start(name: &str) -> Self {
        let now: Current = Arc::default();
        let (seen, owner) = (Arc::downgrade(&now), name.to_owned());
        std::thread::spawn(move || {
            while let Some(now) = seen.upgrade() {
                let stuck = |(since, _): &&(Instant, Vec<u8>)| {
                    since.elapsed() > SLOWEST * 3 || resident() > MOST_MEMORY
                };
                if let Some((_, input)) = now.lock().unwrap().as_ref().filter(stuck) {
                    let path = keep(&owner, "hang", input);
                    // A loop without end cannot be called off; the test's own output would be lost.
                    let text =
                        format!("{path}: no end, or too much memory\n", path = path.display());
                    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
                    std::process::abort();
                }
                drop(now);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self { name: name.to_owned(), now, worst: Mutex::default() }
    }

    fn run(&self, input: &[u8], target: &impl Fn(&[u8]) -> Seen) -> Seen {
        let start = Instant::now();
        *self.now.lock().unwrap() = Some((start, input.to_vec()));
        let done = catch_unwind(AssertUnwindSafe(|| target(input)));
        *self.now.lock().unwrap() = None;
        let took = start.elapsed();
        let mut worst = self.worst.lock().unwrap();
        if took > worst.0 {
            *worst = (took, input.to_vec());
        }
        drop(worst);
        let fault = match &done {
            Err(_) => "panic",
            Ok(_) if took > SLOWEST => "slow",
            Ok(_) => return done.unwrap(),
        };
        let path = keep(&self.name, fault, input);
        panic!("{path}: {fault} after {took:?}", path = path.display());
    }

    fn worst(&self) -> (Duration, Vec<u8>) {
        self.worst.lock().unwrap().clone()
    }
}

/// Resident memory of this program in KiB; 0 where the system does not say.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
