//! What the regexes of one thread have learned of the texts they read.
//!
//! The library builds the automaton of a pattern while it searches, each thread its own. In a history
//! nearly every rule runs at some time, so that with the library's own store, which keeps all, each
//! thread would come to hold tens of MiB.

use regex_automata::hybrid::dfa;
use regex_automata::meta::{Cache, Regex};
use rustc_hash::FxHashMap;

use crate::rule::pattern::{Outcome, Programs, Tries};
use crate::rule::probe::Probe;
use crate::rule::set::{Compiled, RuleIdx};

/// Bytes above which all is forgotten. It is learned anew within few texts, and seldom.
const MOST: usize = 6 << 20;
/// Searches from one look at how much it is to the next.
const ROUND: u32 = 4096;
/// Steps that the programs of a rule may take, about as many as take the time in which its regex is built; and
/// those for one answer.
const TRIES: (usize, usize) = (50_000, 5_000);

/// The automata of one thread, by rule.
#[derive(Default)]
pub(super) struct Learned {
    of_rule: FxHashMap<RuleIdx, Cache>,
    of_probe: FxHashMap<RuleIdx, dfa::Cache>,
    searches: u32,
    trials: FxHashMap<RuleIdx, Trial>,
    tries: Tries,
}

/// What has been tried with the programs of a rule.
struct Trial {
    programs: Programs,
    /// Steps that are left.
    left: usize,
}

impl Learned {
    /// What is known for `regex`, the regex of `rule`.
    pub(super) fn of(&mut self, rule: RuleIdx, regex: &Regex) -> &mut Cache {
        self.count();
        self.of_rule.entry(rule).or_insert_with(|| regex.create_cache())
    }

    /// What is known for `probe`, the probe of `rule`.
    pub(super) fn probe(&mut self, rule: RuleIdx, probe: &Probe) -> &mut dfa::Cache {
        self.count();
        self.of_probe.entry(rule).or_insert_with(|| probe.create_cache())
    }

    /// What the programs of `rule` say when asked by `ask`; nothing once they have been asked so much that its
    /// automata are worth their time.
    pub(super) fn tried(
        &mut self,
        (rule, compiled): (RuleIdx, &Compiled),
        ask: impl FnOnce(&Programs, &mut Tries) -> Option<Outcome>,
    ) -> Outcome {
        let new = || Trial { programs: compiled.rule.programs(), left: TRIES.0 };
        let trial = self.trials.entry(rule).or_insert_with(new);
        let most = trial.left.min(TRIES.1);
        self.tries.left = most;
        let outcome = if most == 0 { None } else { ask(&trial.programs, &mut self.tries) };
        // What is too much once is so again.
        let stuck = outcome == Some(Outcome::Unknown);
        trial.left = if stuck { 0 } else { trial.left - (most - self.tries.left) };
        outcome.unwrap_or(Outcome::Unknown)
    }

    /// Counts a search; now and then forgets all where it is too much.
    fn count(&mut self) {
        self.searches += 1;
        if self.searches == ROUND {
            self.searches = 0;
            let regexes: usize = self.of_rule.values().map(Cache::memory_usage).sum();
            let probes: usize = self.of_probe.values().map(dfa::Cache::memory_usage).sum();
            if regexes + probes > MOST {
                self.of_rule.clear();
                self.of_probe.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use regex_automata::Input;

    use super::*;

    #[test]
    fn it_forgets_before_it_is_too_much_and_finds_the_same() {
        let regexes: Vec<Regex> = (0..400)
            .map(|n| Regex::new(&format!("k{n}_[a-z0-9]{{200}}[A-F]{{60,90}}")).unwrap())
            .collect();
        let mut learned = Learned::default();
        let (mut most, mut fewest) = (0, usize::MAX);
        for round in 0..60 {
            for (rule, regex) in (0..).zip(&regexes) {
                let text = format!("k{rule}_{}{}", "a1".repeat(100), "F".repeat(60 + round % 30));
                let found = regex.search_with(learned.of(rule, regex), &Input::new(&text));
                assert_eq!(found.map(|found| found.end()), Some(text.len()));
            }
            most = most.max(learned.of_rule.len());
            fewest = fewest.min(learned.of_rule.len());
        }
        assert!(most == 400 && fewest < 400, "{most} {fewest}");
    }
}
