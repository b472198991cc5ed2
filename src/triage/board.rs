//! The findings of a triage: which are shown, what is decided about each, and the way back. Knows
//! no terminal.

use std::collections::BTreeMap;
use std::path::Path;

use super::filter::{Facts, Filter, State};
use crate::baseline::{Baseline, BaselineError, Entry, path_of};
use crate::finding::{CheckMeta, Finding, Mark, Report, Status};
use crate::report::{Veil, veiled};
use crate::scan::Engine;

/// One value at one path: what is decided holds for all places where it stands there.
struct Decision {
    /// One of its findings.
    first: usize,
    /// How many findings it has.
    places: usize,
    /// The path of its entry in the baseline, where it has one.
    entry: Option<String>,
    /// It was in the baseline when the triage began.
    known: bool,
    saved: Option<Mark>,
    now: Option<Mark>,
}

/// Decisions as they were, and the finding that was selected.
struct Step {
    before: Vec<(usize, Option<Mark>)>,
    selected: usize,
}

/// The state of a triage.
pub struct Board {
    /// With their values, which the baseline needs.
    findings: Vec<Finding>,
    /// The same findings with values redacted everywhere, for the eyes.
    shown: Report,
    veil: Option<Veil>,
    /// For each finding its decision.
    of: Vec<usize>,
    decisions: Vec<Decision>,
    steps: Vec<Step>,
    filter: Filter,
    /// Those that were in the baseline are shown, too.
    all: bool,
    /// Numbers of the findings that are shown.
    view: Vec<usize>,
    /// Position in `view`.
    at: usize,
    today: String,
    author: Option<String>,
}

impl Board {
    /// The findings of `report`; `entries` and `weak` say for each which entry of the baseline it has
    /// and whether its value can be guessed. Marks get the day and, where there is one, the author.
    pub(super) fn new(
        report: Report,
        (entries, weak): (&[Option<Entry>], &[bool]),
        (today, author): (String, Option<String>),
    ) -> Self {
        let mut decisions: Vec<Decision> = Vec::new();
        let mut numbers = BTreeMap::new();
        let mut of = Vec::new();
        for (at, finding) in report.findings.iter().enumerate() {
            // Entries of values that nobody can guess hold for every rule.
            let rule = if weak[at] { finding.check.as_str() } else { "" };
            let key = (path_of(finding), finding.secret.digest(), rule);
            let number = *numbers.entry(key).or_insert_with(|| {
                let entry = entries[at].as_ref();
                decisions.push(Decision {
                    first: at,
                    places: 0,
                    entry: entry.map(|entry| entry.path.clone()),
                    known: entry.is_some(),
                    saved: entry.map(Entry::mark),
                    now: entry.map(Entry::mark),
                });
                decisions.len() - 1
            });
            decisions[number].places += 1;
            of.push(number);
        }
        let shown = veiled(&report).into_owned();
        let veil = Veil::new(&report);
        let findings = report.findings;
        let all = decisions.iter().all(|decision| decision.known);
        let (steps, filter, view, at) = (Vec::new(), Filter::default(), Vec::new(), 0);
        let mut board = Self {
            findings,
            shown,
            veil,
            of,
            decisions,
            steps,
            filter,
            all,
            view,
            at,
            today,
            author,
        };
        board.look(0);
        board
    }

    /// How many findings there are.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// True when there is nothing to walk.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Decisions that are not saved.
    pub fn unsaved(&self) -> usize {
        self.decisions.iter().filter(|decision| decision.now != decision.saved).count()
    }

    /// Findings about which nothing is decided, and that are in no baseline.
    pub fn open(&self) -> usize {
        self.of.iter().filter(|&&number| self.decisions[number].now.is_none()).count()
    }

    /// Numbers of the findings that are shown, in report order.
    pub(super) fn view(&self) -> &[usize] {
        &self.view
    }

    /// Position of the selected finding in [`Board::view`].
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The selected finding.
    pub(super) fn selected(&self) -> Option<usize> {
        self.view.get(self.at).copied()
    }

    /// A finding with its values redacted everywhere.
    pub(super) fn finding(&self, number: usize) -> &Finding {
        &self.shown.findings[number]
    }

    /// What is known of the check of a finding.
    pub(super) fn check(&self, number: usize) -> Option<&CheckMeta> {
        self.shown.checks.get(&self.findings[number].check)
    }

    /// What is decided about a finding, and whether that is saved.
    pub(super) fn mark(&self, number: usize) -> (Option<&Mark>, bool) {
        let decision = &self.decisions[self.of[number]];
        (decision.now.as_ref(), decision.now == decision.saved)
    }

    /// In how many places of its file the value of a finding stands.
    pub(super) fn places(&self, number: usize) -> usize {
        self.decisions[self.of[number]].places
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// True when those that were in the baseline are shown, too.
    pub(super) fn shows_all(&self) -> bool {
        self.all || self.filter.names_states()
    }

    fn state(&self, number: usize) -> State {
        match self.mark(number).0 {
            None => State::Open,
            Some(Mark { status: None, .. }) => State::Unreviewed,
            Some(Mark { status: Some(status), .. }) => State::Marked(*status),
        }
    }

    /// Makes the view anew and selects the finding `number`, or the next one that is shown.
    fn look(&mut self, number: usize) {
        let shows_all = self.shows_all();
        let wanted = |&at: &usize| {
            let path = self.shown.findings[at].location.provenance.shown();
            let facts = Facts {
                severity: self.findings[at].severity,
                check: &self.findings[at].check,
                path: &path,
                state: self.state(at),
            };
            (shows_all || !self.decisions[self.of[at]].known) && self.filter.holds(&facts)
        };
        self.view = (0..self.findings.len()).filter(wanted).collect();
        let next = self.view.iter().position(|&at| at >= number);
        self.at = next.unwrap_or(self.view.len().saturating_sub(1));
    }

    pub(super) fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        self.look(self.selected().unwrap_or(0));
    }

    /// Shows or hides those that were in the baseline.
    pub(super) fn toggle_all(&mut self) {
        self.all = !self.all;
        self.look(self.selected().unwrap_or(0));
    }

    /// Selects the finding `by` places further, at most the last one and at least the first.
    pub(super) fn step(&mut self, by: isize) {
        let last = self.view.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    /// Selects the next open finding that is shown, from the top again after the last one.
    pub(super) fn next_open(&mut self) {
        let after = self.at + 1..self.view.len();
        let mut order = after.chain(0..self.at);
        let open = order.find(|&at| self.state(self.view[at]) == State::Open);
        self.at = open.unwrap_or(self.at);
    }

    /// Numbers of the open findings that are shown.
    pub(super) fn open_shown(&self) -> Vec<usize> {
        let open = |at: &&usize| self.state(**at) == State::Open;
        self.view.iter().filter(open).copied().collect()
    }

    /// Marks the findings `numbers`. Values that were found are redacted in `reason`.
    pub(super) fn decide(&mut self, numbers: &[usize], status: Status, reason: &str) {
        let mut reason = reason.trim().to_owned();
        if let Some(veil) = &self.veil {
            veil.text(&mut reason);
        }
        let (date, author) = (Some(self.today.clone()), self.author.clone());
        let mark = Mark { status: Some(status), reason, date, author };
        self.change(numbers, Some(&mark));
    }

    /// Takes the mark of the selected finding, so that it counts again. False where it has none.
    pub(super) fn reopen(&mut self) -> bool {
        let marked = self.selected().filter(|&number| self.mark(number).0.is_some());
        marked.is_some_and(|number| {
            self.change(&[number], None);
            true
        })
    }

    fn change(&mut self, numbers: &[usize], mark: Option<&Mark>) {
        let mut before = Vec::new();
        for &number in numbers {
            let decision = self.of[number];
            let was = std::mem::replace(&mut self.decisions[decision].now, mark.cloned());
            before.push((decision, was));
        }
        self.steps.push(Step { before, selected: self.selected().unwrap_or(0) });
    }

    /// Takes back the last change; false where there is none.
    pub(super) fn undo(&mut self) -> bool {
        let Some(Step { before, selected }) = self.steps.pop() else { return false };
        // Two of the findings may have had one decision: the first of its states was the true one.
        for (decision, was) in before.into_iter().rev() {
            self.decisions[decision].now = was;
        }
        self.at = self.view.iter().position(|&at| at == selected).unwrap_or(self.at);
        true
    }

    /// Forgets what is not saved.
    pub(super) fn forget(&mut self) {
        for decision in &mut self.decisions {
            decision.now.clone_from(&decision.saved);
        }
        self.steps.clear();
    }

    /// Writes all decisions that are not saved into `file`, beside what stands there by now; gives how
    /// many.
    ///
    /// # Errors
    /// [`BaselineError`]; the file is as it was, and nothing counts as saved.
    pub(super) fn save(&mut self, file: &Path, engine: &Engine) -> Result<usize, BaselineError> {
        let mut baseline = if file.exists() { Baseline::read(file)? } else { Baseline::new()? };
        let changed: Vec<usize> = (0..self.decisions.len())
            .filter(|&at| self.decisions[at].now != self.decisions[at].saved)
            .collect();
        let decided = changed.iter().map(|&at| {
            let Decision { first, entry, now, .. } = &self.decisions[at];
            (&self.findings[*first], entry.as_deref(), now.clone())
        });
        baseline.decide(&decided.collect::<Vec<_>>(), engine);
        baseline.write(file)?;
        for &at in &changed {
            let decision = &mut self.decisions[at];
            decision.saved.clone_from(&decision.now);
            let path = path_of(&self.findings[decision.first]);
            decision.entry = decision.now.is_some().then_some(path);
        }
        Ok(changed.len())
    }
}
