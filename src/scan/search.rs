//! Runs patterns around the hits of their keywords, and finds out what comes of one hit by itself.

use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input};

use crate::rule::pattern::{Outcome, Start};
use crate::rule::probe::Look;
use crate::rule::set::RuleIdx;
use crate::scan::{Candidate, Rejection, Scanner, context, provider};
use crate::span::Span;

impl Scanner<'_> {
    /// The bytes that tell that nothing comes of `rule` at its keyword at `at`, whatever else stands in
    /// `bytes`; `None` where something may. A span that touches an end of `bytes` has seen that it ends.
    pub(super) fn alone(&self, rule: RuleIdx, bytes: &[u8], at: usize) -> Option<Span> {
        let compiled = self.engine.rules.get(rule);
        let anatomy = compiled.anatomy();
        let window = anatomy.window(bytes, at);
        let mut looked = Span::new(at.saturating_sub(1), bytes.len().min(window.end + 1));
        if let Some(look) = self.look(rule, bytes, at, window.end) {
            if !look.may_match {
                return Some(Span::new(looked.start, look.end));
            }
            // With bytes before the keyword it may match in more than one way, unless the first keyword
            // tells all.
            if anatomy.start == Start::At || anatomy.shadow().is_some() {
                looked.end = look.end;
            }
        }
        looked.start = window.start.saturating_sub(1);
        let anchored = match anatomy.start {
            Start::Near(_) => Anchored::No,
            Start::At | Start::Run(..) => Anchored::Yes,
        };
        let mut found = Vec::new();
        let done = self.run(rule, bytes, (window, anchored), (&mut found, &mut looked));
        (done == 0).then_some(looked)
    }

    /// Whether `rule` may match at its keyword at `at` and end before `end`; `None` when that cannot be told.
    fn look(&self, rule: RuleIdx, bytes: &[u8], at: usize, end: usize) -> Option<Look> {
        let compiled = self.engine.rules.get(rule);
        let mut learned = self.learned.borrow_mut();
        let mut told = 0;
        let tried = learned.tried((rule, compiled), |programs, tries| {
            let (outcome, far) = programs.behind?.at(bytes, at, end, tries);
            told = far;
            Some(outcome)
        });
        if tried == Outcome::Unknown {
            let probe = compiled.probe()?;
            return probe.look(learned.probe(rule, probe), bytes, at, end);
        }
        Some(Look { may_match: tried == Outcome::Matches, end: told })
    }

    /// True when the programs of `rule` tell that it has no match in `window`, so that its regex is not needed.
    fn has_none(&self, rule: RuleIdx, bytes: &[u8], (window, anchored): (Span, Anchored)) -> bool {
        let compiled = self.engine.rules.get(rule);
        let tried = self.learned.borrow_mut().tried((rule, compiled), |programs, tries| {
            let window = (window.start..window.end, anchored.is_anchored());
            Some(programs.whole?.within(bytes, window, tries))
        });
        tried == Outcome::Fails
    }

    /// Runs one rule around its keyword hits.
    pub(super) fn run_near(
        &self,
        hits: &[(RuleIdx, usize)],
        bytes: &[u8],
        found: &mut Vec<Candidate>,
    ) {
        let anatomy = self.engine.rules.get(hits[0].0).anatomy();
        match anatomy.start {
            Start::Near(_) => self.run_windows(hits, bytes, found),
            Start::At | Start::Run(..) => self.run_starts(hits, bytes, found),
        }
    }

    /// Runs a rule whose matches start where a hit says; a start is tried once.
    fn run_starts(&self, hits: &[(RuleIdx, usize)], bytes: &[u8], found: &mut Vec<Candidate>) {
        let rule = hits[0].0;
        let anatomy = self.engine.rules.get(rule).anatomy();
        let (mut done, mut last) = (0, None);
        for &(_, at) in hits {
            let window = anatomy.window(bytes, at);
            let window = Span::new(window.start.max(done), window.end);
            if at < done || last.replace(window.start) == Some(window.start) {
                continue;
            }
            done = done.max(self.search(rule, bytes, (window, Anchored::Yes), found));
        }
    }

    /// Runs a rule whose matches start at most `before` bytes before a hit; windows that touch are
    /// joined.
    fn run_windows(&self, hits: &[(RuleIdx, usize)], bytes: &[u8], found: &mut Vec<Candidate>) {
        let rule = hits[0].0;
        let anatomy = self.engine.rules.get(rule).anatomy();
        let mut windows = hits.iter().map(|&(_, at)| anatomy.window(bytes, at));
        let Some(mut open) = windows.next() else {
            return;
        };
        for next in windows {
            if next.start <= open.end {
                open.end = next.end;
            } else {
                // A match may end past its window, so the next one starts behind it.
                let done = self.search(rule, bytes, (open, Anchored::No), found);
                open = Span::new(next.start.max(done).min(next.end), next.end);
            }
        }
        self.search(rule, bytes, (open, Anchored::No), found);
    }

    /// Runs one rule over one window; gives where the last candidate ended.
    pub(super) fn search(
        &self,
        rule: RuleIdx,
        bytes: &[u8],
        window: (Span, Anchored),
        found: &mut Vec<Candidate>,
    ) -> usize {
        self.run(rule, bytes, window, (found, &mut Span::new(0, 0)))
    }

    /// The same; widens `looked` to what judges matches and to a window that had to be longer.
    fn run(
        &self,
        rule: RuleIdx,
        bytes: &[u8],
        (mut window, anchored): (Span, Anchored),
        (found, looked): (&mut Vec<Candidate>, &mut Span),
    ) -> usize {
        if self.has_none(rule, bytes, (window, anchored)) {
            return 0;
        }
        let compiled = self.engine.rules.get(rule);
        let (regex, longest) = (compiled.regex(), compiled.longest());
        let mut learned = self.learned.borrow_mut();
        let learned = learned.of(rule, regex);
        let mut captures = None;
        let mut done = 0;
        while window.start < window.end {
            // Cheap and usually the end of it: is there a match at all, and does the window cut it?
            let input = Input::new(bytes).range(window.start..window.end).anchored(anchored);
            let Some(whole) = regex.search_with(learned, &input) else {
                break;
            };
            let whole = Span::new(whole.start(), whole.end());
            if whole.len() > longest {
                *looked = looked.hull(whole);
                // Nor is one of those that start in between and end with it.
                window.start =
                    if anchored.is_anchored() { window.end } else { whole.end - longest };
                continue;
            }
            if whole.end == window.end && window.end < bytes.len() {
                window.end = longer(window, whole.start.saturating_add(longest)).min(bytes.len());
                looked.end = looked.end.max(bytes.len().min(window.end + 1));
                continue;
            }
            let captures = captures.get_or_insert_with(|| regex.create_captures());
            // No further than the match: what is beyond it cannot change its groups, and costs.
            let inside = input.clone().range(whole.start..whole.end);
            regex.search_captures_with(learned, &inside, captures);
            let secret = group_span(captures, compiled.rule.secret_group, whole);
            let near = compiled.around(whole, bytes.len());
            let judged = self.judge(rule, (near.slice(bytes), near.start), whole, secret);
            let alone = |why: &Rejection| self.is_of_value(*why, secret.slice(bytes));
            let told = if judged.as_ref().is_err_and(alone) { whole } else { near };
            *looked = looked.hull(told);
            match judged {
                Ok(candidate) => {
                    window.start = whole.end.max(whole.start + 1);
                    done = window.start;
                    let sure = if compiled.is_loose(captures) {
                        context::weaken(&self.engine.words, bytes, candidate)
                    } else {
                        Some(candidate)
                    };
                    found.extend(
                        sure.and_then(|c| provider::attribute(&self.engine.rules, bytes, c)),
                    );
                }
                // Another match may start inside one that was refused.
                Err(_) => window.start = secret.start.max(whole.start + 1),
            }
            if anchored.is_anchored() {
                break;
            }
        }
        done
    }
}

/// Where `window` has to end next, when a match in it that can end at `most` may go on behind it.
fn longer(window: Span, most: usize) -> usize {
    let longer = (window.len() * 4).max(4096);
    window.start.saturating_add(longer).min(most.saturating_add(1))
}

/// The secret: the group that the rule names, else the first that took part, else all.
pub(super) fn group_span(captures: &Captures, named: Option<usize>, whole: Span) -> Span {
    let group = match named {
        Some(group) => captures.get_group(group),
        None => (1..captures.group_len()).find_map(|group| captures.get_group(group)),
    };
    group.map_or(whole, |g| Span::new(g.start, g.end))
}
