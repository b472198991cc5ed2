//! A report is the same, byte for byte, however many threads made it.

use super::{ENGINE, hold, noise};
use crate::common::{Place, run, stderr};
use crate::fuzz::Dice;

const NAMES: [&str; 12] = [
    "app.py",
    ".env",
    ".env.local",
    "src/index.js",
    "config.yml",
    "notes.md",
    "dist/app.js",
    "a/b/c/d.tf",
    "Dockerfile",
    ".gitignore",
    "main.go",
    "docker-compose.yml",
];

/// Writes some files anew: examples of rules among noise, in names that checks care for.
fn change(dice: &mut Dice, place: &Place, examples: &[&String]) {
    for _ in 0..12 {
        let name = format!("p{}/{}", dice.roll(4), dice.pick(&NAMES));
        if dice.roll(12) == 0 {
            // It need not be there.
            let _ = std::fs::remove_file(place.path().join(&name));
            continue;
        }
        let mut text = noise(dice, 10);
        for _ in 0..dice.roll(6) {
            text.extend(dice.pick(examples).as_bytes());
            text.extend(b"\n");
            text.extend(noise(dice, 10));
        }
        place.write(&name, text);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let rules = ENGINE.rules().rules().iter();
    let examples: Vec<&String> = rules.flat_map(|c| c.rule.examples.iter()).collect();
    hold(1, |dice| {
        let place = Place::new();
        place.init();
        for day in 1..6 {
            change(dice, &place, &examples);
            place.git(&["add", "-A", "-f"]);
            place.git_at(day, &["commit", "-q", "--allow-empty", "-m", "c"]);
            if dice.roll(3) == 0 {
                place.git(&["gc", "-q"]);
            }
        }
        change(dice, &place, &examples);
        for args in [
            &["scan"][..],
            &["scan", "--history"],
            &["audit"],
            &["scan", "--range", "HEAD~3..HEAD"],
        ] {
            let of = |threads: &str| {
                let more = ["-j", threads, "-v", "--explain", "--no-cache", "-f", "json"];
                let output = run(place.path(), &[args, &more].concat());
                assert!(matches!(output.status.code(), Some(1)), "{args:?}: {}", stderr(&output));
                String::from_utf8(output.stdout).unwrap()
            };
            let one = of("1");
            assert!(one.len() > 2000, "{one}");
            for threads in ["2", "3", "8"] {
                let other = of(threads);
                let differs = one.lines().zip(other.lines()).find(|(a, b)| a != b);
                assert!(other == one, "{args:?} with {threads} threads: {differs:?}");
            }
        }
    });
}
