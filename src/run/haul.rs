//! What a run has found so far, where those can reach it who wait for the threads that look: a read on a
//! file system that hangs never comes back, and what was found before it is reported all the same.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::history;
use super::suspects::Suspects;
use super::{RunError, conclude, look, pool};
use crate::audit;
use crate::blob::{ObjectId, Provenance, path_name};
use crate::fault::locked;
use crate::finding::{Finding, Report};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::source::Ledger;

/// Stack of the thread that looks, as large as that of a main thread.
const STACK: usize = 8 << 20;
/// How often it is looked whether the run was given up.
const TICK: Duration = Duration::from_millis(50);
/// How long it may take to read a blob again after another read did not come back.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is said of a read that does not come back.
const HANGS: &str =
    "a read of it does not come back; what it holds was not scanned or not reported";

/// What is found so far.
#[derive(Default)]
pub(super) struct Haul {
    pub(super) ledger: Ledger,
    /// Commits that were looked at.
    pub(super) commits: AtomicU64,
    /// Findings in files.
    files: Mutex<Vec<Finding>>,
    /// What is to be said of markers, by file and line.
    strays: Mutex<BTreeSet<(String, u32, String)>>,
    /// Findings in histories, in the index or in a range.
    others: Mutex<Vec<Finding>>,
    /// What is found in histories and has no place yet.
    suspects: Mutex<Vec<Arc<Suspects>>>,
}

impl Haul {
    /// Takes what is found in one file.
    pub(super) fn file(&self, mut findings: Vec<Finding>, strays: Vec<(String, u32, String)>) {
        locked(&self.strays).extend(strays);
        locked(&self.files).append(&mut findings);
    }

    /// Takes what is found elsewhere.
    pub(super) fn other(&self, findings: &[Finding]) {
        locked(&self.others).extend_from_slice(findings);
    }

    /// Takes part in what a history has before its places are known.
    pub(super) fn suspects(&self, suspects: Suspects) -> Arc<Suspects> {
        let suspects = Arc::new(suspects);
        locked(&self.suspects).push(Arc::clone(&suspects));
        suspects
    }

    /// What is found in files, sorted, with notes; what is to be said of markers goes to the ledger.
    pub(super) fn in_files(&self) -> Vec<Finding> {
        for (.., text) in std::mem::take(&mut *locked(&self.strays)) {
            self.ledger.notice(text);
        }
        let mut found = locked(&self.files).clone();
        for finding in &mut found {
            if let Provenance::Member { shown, .. } = &finding.location.provenance {
                finding.advice.notes.extend(self.ledger.fate(shown));
            }
        }
        // Threads give them in any order, and a check takes the first place of a key.
        found.sort_by(|a, b| super::sort_key(a).cmp(&super::sort_key(b)));
        found
    }
}

/// As [`super::run`], on threads that are left alone where [`Progress::give_up`] says that they hang: the
/// report then has what was found until then.
///
/// # Errors
/// As [`super::run`].
pub fn run_apart(
    mut plan: Plan,
    progress: &Arc<Progress>,
) -> Result<(Report, Arc<Plan>), RunError> {
    let mut baseline = plan.baseline.take();
    let workers = Arc::new(pool(&mut plan)?);
    let (plan, haul) = (Arc::new(plan), Arc::new(Haul::default()));
    let (sender, done) = mpsc::channel();
    let all = (Arc::clone(&plan), Arc::clone(&workers), Arc::clone(&haul), Arc::clone(progress));
    let work = move || {
        let (plan, workers, haul, progress) = all;
        // Nobody listens to a run that was given up.
        let _ = sender.send(look(&plan, (&workers, &haul, &progress)));
    };
    let builder = thread::Builder::new().name("look".to_owned()).stack_size(STACK);
    // Without threads, all work is that of this one.
    let looker = if plan.threads == 0 { None } else { builder.spawn(work).ok() };
    let Some(looker) = looker else {
        let found = look(&plan, (&workers, &haul, progress))?;
        let report = conclude((&plan, &mut baseline), found, (&workers, &haul, progress));
        return Ok((report, plan));
    };
    let found = progress.awaiting(|| {
        loop {
            match done.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) if !progress.given_up() => {}
                other => return other,
            }
        }
    });
    let report = match found {
        Ok(found) => conclude((&plan, &mut baseline), found?, (&workers, &haul, progress)),
        Err(RecvTimeoutError::Disconnected) => match looker.join() {
            Err(panic) => resume_unwind(panic),
            Ok(()) => return Err(RunError::Gone),
        },
        Err(RecvTimeoutError::Timeout) => {
            let found = left(&plan, &haul, progress);
            // The other one's threads may all hang.
            let workers = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
            conclude((&plan, &mut baseline), found, (&workers, &haul, progress))
        }
    };
    Ok((report, plan))
}

/// What was found before a read that does not come back.
fn left(plan: &Arc<Plan>, haul: &Arc<Haul>, progress: &Progress) -> Vec<Finding> {
    let named = progress.readings();
    for reading in &named {
        haul.ledger.problem(reading.shown(), HANGS.to_owned());
    }
    if named.is_empty() {
        for start in &plan.starts {
            haul.ledger.problem(path_name(start), HANGS.to_owned());
        }
    }
    let suspects = std::mem::take(&mut *locked(&haul.suspects));
    for suspects in &suspects {
        place(plan, haul, suspects);
    }
    let mut found = haul.in_files();
    audit::join(plan, &mut found, &locked(&haul.others));
    found
}

/// Reads the blobs of `suspects` again, for as long as that comes back, and reports them without a place.
fn place(plan: &Arc<Plan>, haul: &Arc<Haul>, suspects: &Arc<Suspects>) {
    let read = Arc::new(AtomicUsize::new(0));
    let reported = |id: &ObjectId| {
        let is_it = |it: &Finding| matches!(&it.location.provenance, Provenance::Blob { blob, .. } if blob == id);
        locked(&haul.others).iter().any(is_it)
    };
    let all = (Arc::clone(plan), Arc::clone(haul), Arc::clone(suspects), Arc::clone(&read));
    let known = locked(&haul.others).clone();
    let work = move || {
        let (plan, haul, suspects, read) = all;
        history::unplaced(&plan, &suspects, &haul.ledger, &mut |made| {
            let new = |finding: &&Finding| {
                let same = |it: &Finding| it.check == finding.check && it.secret == finding.secret;
                !known.iter().any(same)
            };
            haul.other(&made.iter().filter(new).cloned().collect::<Vec<Finding>>());
            read.fetch_add(1, Ordering::Relaxed);
        });
    };
    let Ok(reader) = thread::Builder::new().stack_size(STACK).spawn(work) else { return };
    let (mut before, mut since) = (0, Instant::now());
    while !reader.is_finished() && since.elapsed() < PATIENCE {
        thread::sleep(TICK);
        let now = read.load(Ordering::Relaxed);
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
    if reader.is_finished() {
        return;
    }
    for id in suspects.blobs().into_iter().filter(|id| !reported(id)) {
        let text =
            "something was found in it, and it cannot be read again: a read does not come back";
        haul.ledger.problem(format!("object {id}"), text.to_owned());
    }
}
