//! Runs a plan: sources feed scanners on all threads, then everything is sorted and judged once.

mod added;
mod changes;
mod digests;
pub mod document;
mod haul;
mod history;
mod packed;
mod suspects;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bstr::{BStr, ByteSlice as _};
use zeroize::Zeroizing;

use crate::audit;
use crate::baseline::{Baseline, Scope};
use crate::blob::{Provenance, path_bytes, path_name};
use crate::config::tree;
use crate::finding::{Finding, Problem, Report, Status, Suppression};
use crate::hygiene::survey::Survey;
use crate::hygiene::{CHECKS, Past};
use crate::marker::has_own;
use crate::plan::{Input, Plan};
use crate::progress::Progress;
use crate::report::Format;
use crate::rule::RuleError;
use crate::scan::details;
use crate::scan::resolve::resolve;
use crate::scan::{Candidate, Engine, Scanner};
use crate::source::Ledger;
use crate::source::files::{FileBlob, Walk, walk};
use crate::source::git::{GitError, History};
use crate::text;
use changes::Job;
use haul::Haul;
pub use haul::run_apart;

/// Why a run gives no report at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The repository cannot be opened.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The thread pool cannot be started.
    #[error("the worker threads cannot be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A table of the program is broken.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The thread that looks ended without a word.
    #[error("the thread that looks is gone")]
    Gone,
    /// Standard input cannot be read.
    #[error("standard input cannot be read: {0}")]
    Stdin(#[from] std::io::Error),
}

/// Runs `plan`. `progress` is shared with whoever draws it and may stop the run.
///
/// # Errors
/// [`RunError`] when nothing could be scanned. Single files and objects that fail are problems in
/// the report.
pub fn run(plan: &mut Plan, progress: &Progress) -> Result<Report, RunError> {
    let haul = Haul::default();
    let workers = pool(plan)?;
    let findings = look(plan, (&workers, &haul, progress))?;
    let mut baseline = plan.baseline.take();
    let report = conclude((plan, &mut baseline), findings, (&workers, &haul, progress));
    plan.baseline = baseline;
    Ok(report)
}

/// Makes the report of what was found.
fn conclude(
    (plan, baseline): (&Plan, &mut Option<Baseline>),
    findings: Vec<Finding>,
    (workers, haul, progress): (&rayon::ThreadPool, &Haul, &Progress),
) -> Report {
    let mut report = Report::default();
    settle(plan, findings, &mut report);
    workers.install(|| compare((plan, &plan.scope()), baseline, &mut report));
    report.stats.commits = haul.commits.load(Ordering::Relaxed);
    (report.stats.blobs, report.stats.bytes) = (progress.blobs(), progress.bytes());
    haul.ledger.drain(&mut report.stats, &mut report.problems, &mut report.notices);
    let faults = plan.configs.faults();
    report.problems.extend(faults.into_iter().map(|fault| Problem {
        place: fault.path().display().to_string(),
        message: fault.to_string(),
    }));
    cover(plan, &mut report);
    // Where only a part was looked at, the rest may use an entry.
    if matches!(plan.input, Input::Files(_) | Input::History(_) | Input::Audit(_)) {
        report.notices.extend(plan.suppressions.notices(&plan.starts[0]));
    }
    // Edits need the files again, which may hang.
    let edits = Format::WITH_EDITS.into_iter().any(|form| plan.renders(form));
    if edits && !progress.given_up() {
        report.problems.extend(crate::repair::suggest(plan, &mut report.findings));
    }
    if let Some(verifier) = &plan.verifier {
        let rules = plan.engine.rules();
        let rotated = take_rotated(&mut report);
        let notices = verifier.verify(&mut report.findings, rules, progress);
        report.notices.extend(notices);
        give_back(rotated, &mut report);
    }
    report.interrupted = progress.interrupted();
    report
}

/// Redacts keys in what was said: a message may quote a file that was not scanned.
fn cover(plan: &Plan, report: &mut Report) {
    if plan.style.show_secrets {
        return;
    }
    let problems = report.problems.iter_mut().flat_map(|it| [&mut it.place, &mut it.message]);
    for text in problems.chain(&mut report.notices) {
        if let Cow::Owned(covered) = plan.engine.covered(text) {
            *text = covered;
        }
    }
}

/// Moves findings that are marked as rotated to those that count, so that vendors are asked, too; gives
/// how many counted before, and the marks of the moved ones.
fn take_rotated(report: &mut Report) -> (usize, Vec<Suppression>) {
    let is_rotated = |why: &Suppression| matches!(why, Suppression::Baseline(mark) if mark.status == Some(Status::Rotated));
    let all = std::mem::take(&mut report.suppressed);
    let (rotated, kept): (Vec<_>, _) = all.into_iter().partition(|(_, why)| is_rotated(why));
    report.suppressed = kept;
    let before = report.findings.len();
    let (findings, marks): (Vec<Finding>, _) = rotated.into_iter().unzip();
    report.findings.extend(findings);
    (before, marks)
}

/// Moves them back, but for keys that are live: the mark is wrong, so they count.
fn give_back((before, marks): (usize, Vec<Suppression>), report: &mut Report) {
    let asked = report.findings.split_off(before);
    for (mut finding, mark) in asked.into_iter().zip(marks) {
        if finding.verification.is_live() {
            finding.advice.notes.push("the baseline has it as rotated, but it is live".to_owned());
            report.findings.push(finding);
        } else {
            report.suppressed.push((finding, mark));
        }
    }
    report.findings.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    report.suppressed.sort_by(|a, b| sort_key(&a.0).cmp(&sort_key(&b.0)));
}

/// Sorts `findings` and splits them into those that count and those that are allowed.
fn settle(plan: &Plan, findings: Vec<Finding>, report: &mut Report) {
    let suppressions = &plan.suppressions;
    let mut findings: Vec<Finding> = findings
        .into_iter()
        .filter_map(|finding| suppressions.settle(finding, plan.min_confidence))
        .collect();
    // Two members of an archive may have one name, so that only the secret tells them apart.
    let same = |a: &Finding, b: &Finding| {
        sort_key(a).cmp(&sort_key(b)).then_with(|| a.fingerprint.cmp(&b.fingerprint))
    };
    findings.sort_by(same);
    findings.dedup_by(|a, b| same(a, b).is_eq());
    report.checks = checks(&plan.engine, &findings);
    for finding in findings {
        match suppressions.judge(&finding) {
            Some(why) => report.suppressed.push((finding, why)),
            None => report.findings.push(finding),
        }
    }
}

/// The plan's worker threads. Where the system refuses them, all work is done on the thread that calls.
fn pool(plan: &mut Plan) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(plan.threads).build().or_else(|_| {
        plan.threads = 0;
        rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build()
    })
}

/// All findings of the plan's input; `haul` has them before.
fn look(
    plan: &Plan,
    (pool, haul, progress): (&rayon::ThreadPool, &Haul, &Progress),
) -> Result<Vec<Finding>, RunError> {
    let ledger = &haul.ledger;
    let seen = |commits| haul.commits.fetch_add(commits, Ordering::Relaxed);
    Ok(match &plan.input {
        Input::Files(paths) => pool.install(|| kept(plan, paths, None, (haul, progress)))?,
        Input::Audit(paths) => {
            let past = pool.install(|| past(plan, paths, (haul, progress)))?;
            pool.install(|| kept(plan, paths, Some(&past), (haul, progress)))?
        }
        Input::Stdin => {
            let read = read_stdin(plan.limits.max_size, progress)?;
            stdin(plan, read, (ledger, progress))
        }
        Input::History(paths) => {
            let mut all = Vec::new();
            for path in paths {
                let (found, commits) = pool.install(|| {
                    let memory = plan.memory();
                    let history = History::open(path, memory.as_ref(), (ledger, progress))?
                        .with_archives(plan.archives > 0);
                    let found = history::history(plan, (&history, path), (haul, progress));
                    history.remember((ledger, progress));
                    Ok::<_, GitError>((found, history.commits()))
                })?;
                seen(commits);
                all.extend(found);
            }
            all
        }
        Input::Staged(paths, options) => {
            let job = Job { plan, haul, progress };
            pool.install(|| changes::staged(job, paths, *options))?
        }
        Input::Range(paths, ranges) => {
            let job = Job { plan, haul, progress };
            let mut all = Vec::new();
            for wanted in ranges {
                let (found, commits) = pool.install(|| changes::range(job, paths, wanted))?;
                seen(commits);
                all.extend(found);
            }
            all
        }
    })
}

/// Findings in files, with those of the hygiene checks and of the history where it is looked at.
fn kept(
    plan: &Plan,
    paths: &[PathBuf],
    past: Option<&Past>,
    (haul, progress): (&Haul, &Progress),
) -> Result<Vec<Finding>, RunError> {
    let survey = Survey::default();
    let mut findings = files(plan, paths, &survey, (haul, progress));
    if plan.hygiene {
        let found = audit::judge(plan, survey, &mut findings, past, (&haul.ledger, progress))?;
        findings.extend(found);
    }
    audit::join(plan, &mut findings, past.map_or(&[], |past| past.findings.as_slice()));
    Ok(findings)
}

/// What an audit looks at besides the files: the histories of the repositories around `paths`.
fn past(
    plan: &Plan,
    paths: &[PathBuf],
    (haul, progress): (&Haul, &Progress),
) -> Result<Past, RunError> {
    let ledger = &haul.ledger;
    let mut past = Past::default();
    for path in paths {
        if !History::exists(path) {
            let path = path.display();
            ledger.notice(format!("{path} is in no git repository: there is no history to audit"));
            continue;
        }
        let memory = plan.memory();
        let history = History::open(path, memory.as_ref(), (ledger, progress))?
            .with_archives(plan.archives > 0);
        haul.commits.fetch_add(history.commits(), Ordering::Relaxed);
        past.findings.extend(history::history(plan, (&history, path), (haul, progress)));
        past.env_files.extend(audit::env_files(&history, (ledger, progress)));
        history.remember((ledger, progress));
    }
    Ok(past)
}

/// Takes out what the baseline holds, and names entries of it that hold nothing any more.
fn compare((plan, scope): (&Plan, &Scope), baseline: &mut Option<Baseline>, report: &mut Report) {
    let Some(baseline) = baseline else { return };
    let matches = baseline.matches(&report.findings, &plan.engine, scope);
    let findings = std::mem::take(&mut report.findings);
    for (finding, entry) in findings.into_iter().zip(matches) {
        match entry {
            Some(entry) => {
                let mark = baseline.entries()[entry].mark();
                report.suppressed.push((finding, Suppression::Baseline(mark)));
            }
            None => report.findings.push(finding),
        }
    }
    report.suppressed.sort_by(|a, b| sort_key(&a.0).cmp(&sort_key(&b.0)));
    // A higher bar than the file was made with hides findings that are there.
    if plan.min_confidence.is_none() {
        report.notices.extend(baseline.stale(scope).into_iter().map(|entry| {
            let (path, rule) = (&entry.path, &entry.rule);
            format!(
                "{path}: the baseline's {rule} is there no longer; `keylint baseline prune` \
                 removes it"
            )
        }));
    }
}

/// Report order: place, then position, then check.
fn sort_key(finding: &Finding) -> (Vec<u8>, String, usize, &str) {
    let commit = match &finding.location.provenance {
        Provenance::Commit { blob, .. } | Provenance::Blob { blob, .. } => blob.to_string(),
        Provenance::File { .. }
        | Provenance::Member { .. }
        | Provenance::Index { .. }
        | Provenance::Stdin => String::new(),
    };
    // Names that are no UTF-8 are compared as they are: two of them are two places.
    let place = match &finding.location.provenance {
        Provenance::File { shown: name, .. }
        | Provenance::Member { shown: name, .. }
        | Provenance::Index { path: name, .. }
        | Provenance::Commit { path: name, .. } => name.to_vec(),
        other => other.shown().into_bytes(),
    };
    (place, commit, finding.location.span.start, &finding.check)
}

/// Facts of the rules and checks that `findings` name.
pub(crate) fn checks(
    engine: &Engine,
    findings: &[Finding],
) -> BTreeMap<String, crate::finding::CheckMeta> {
    let named: BTreeSet<&str> = findings.iter().map(|f| f.check.as_str()).collect();
    let rules = engine.rules().rules().iter().filter(|rule| named.contains(rule.rule.id()));
    let checks = named.iter().filter_map(|id| crate::hygiene::meta(id));
    rules
        .map(|rule| rule.rule.meta(&rule.vendor))
        .chain(checks)
        .map(|meta| (meta.id.clone(), meta))
        .collect()
}

/// Findings of one blob whose path is known.
fn judge(
    plan: &Plan,
    bytes: &[u8],
    all: &[Candidate],
    (provenance, base): (&Provenance, &Path),
) -> Vec<Finding> {
    let path = provenance.path().map(|path| path.as_bstr());
    let kept = resolve_at(plan, all, (base, path));
    details::findings(&plan.engine, bytes, (&kept, all), provenance, plan.options())
}

/// [`resolve`] without the rules that a keylint.toml disables for `path` of `base`.
fn resolve_at(
    plan: &Plan,
    all: &[Candidate],
    (base, path): (&Path, Option<&BStr>),
) -> Vec<Candidate> {
    let rules = plan.engine.rules();
    let chain = plan.configs.of(base, path);
    let bytes = path.map(|path| path.as_bytes());
    if !tree::disables_any(&chain) {
        return resolve(rules, all, bytes);
    }
    let runs = |c: &&Candidate| !tree::disables(&chain, rules.get(c.rule).rule.id());
    let enabled: Vec<Candidate> = all.iter().filter(runs).cloned().collect();
    resolve(rules, &enabled, bytes)
}

/// What is to be said of markers, by line.
type Strays = Vec<(u32, String)>;

/// Findings of rules in one file below root number `root`, and what is to be said of its markers by
/// line; `None` where there is neither. What checks may want is noted in `survey`.
fn file(
    plan: &Plan,
    scanner: &mut Scanner<'_>,
    survey: &Survey,
    (root, blob): (usize, &FileBlob<'_>),
) -> Option<(Vec<Finding>, Strays)> {
    let bytes = text::decode(blob.bytes);
    let all = scanner.scan(&bytes);
    if plan.hygiene && !blob.member {
        survey.see(root, (blob.shown, &blob.path), &bytes, !all.is_empty());
    }
    if all.is_empty() && !has_own(&bytes) {
        return None;
    }
    let (shown, path) = (path_bytes(blob.shown), blob.path.clone());
    let provenance = match blob.member {
        true => Provenance::Member { shown, path },
        false => Provenance::File { shown, path },
    };
    let shown = provenance.shown();
    let mut findings = judge(plan, &bytes, &all, (&provenance, blob.base));
    findings.iter_mut().for_each(|finding| finding.base = Some(Arc::clone(blob.base)));
    let checks = CHECKS.map(|check| check.id);
    let rules = plan.engine.rules();
    let lines = plan.suppressions.stray((&bytes, &shown), &findings, rules, &checks);
    Some((findings, lines))
}

fn files(
    plan: &Plan,
    paths: &[PathBuf],
    survey: &Survey,
    (haul, progress): (&Haul, &Progress),
) -> Vec<Finding> {
    let options = Walk {
        hidden: plan.hidden,
        no_ignore: plan.no_ignore,
        threads: plan.threads,
        limits: plan.limits,
        list_ignored: plan.style.verbose,
        archives: plan.archives,
        names: !plan.engine.rules().names_only().is_empty(),
        configs: Arc::clone(&plan.configs),
    };
    let on_file = |root: usize, scanner: &mut Scanner<'_>, blob: &FileBlob<'_>| {
        let Some((findings, lines)) = file(plan, scanner, survey, (root, blob)) else { return };
        let shown = path_name(blob.shown);
        let lines = lines.into_iter().map(|(line, text)| (shown.clone(), line, text));
        haul.file(findings, lines.collect());
    };
    for (root, path) in paths.iter().enumerate() {
        let on_file = |scanner: &mut _, blob: &FileBlob<'_>| on_file(root, scanner, blob);
        walk(path, &options, (&haul.ledger, progress), &|| plan.engine.scanner(), &on_file);
    }
    haul.in_files()
}

/// Findings in what was read of standard input, and whether that is all.
fn stdin(
    plan: &Plan,
    (bytes, whole): (Zeroizing<Vec<u8>>, bool),
    (ledger, progress): (&Ledger, &Progress),
) -> Vec<Finding> {
    if !whole {
        let most = plan.limits.max_size;
        let text = format!("only the first {most} bytes were scanned; --max-size raises that");
        ledger.problem(Provenance::Stdin.shown(), text);
    }
    progress.add(bytes.len() as u64);
    let bytes = text::decode(&bytes);
    let found = ledger.contain(
        || Provenance::Stdin.shown(),
        || {
            let all = plan.engine.scanner().scan(&bytes);
            judge(plan, &bytes, &all, (&Provenance::Stdin, &plan.base))
        },
    );
    found.unwrap_or_default()
}

/// Reads standard input to its end, to where it was when the user stopped the run, or to `most` bytes;
/// false when there is more. A read that blocks cannot be called off, so another thread does it.
pub(crate) fn read_stdin(
    most: u64,
    progress: &Progress,
) -> std::io::Result<(Zeroizing<Vec<u8>>, bool)> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (sender, chunks) = mpsc::sync_channel(4);
    std::thread::Builder::new().spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut chunk = Vec::new();
            let read = stdin.by_ref().take(1 << 20).read_to_end(&mut chunk);
            let end = !matches!(read, Ok(n) if n > 0);
            if sender.send(read.map(|_| chunk)).is_err() || end {
                return;
            }
        }
    })?;
    let mut bytes = Zeroizing::new(Vec::new());
    loop {
        match chunks.recv_timeout(Duration::from_millis(50)) {
            Ok(chunk) => match chunk? {
                chunk if chunk.is_empty() => return Ok((bytes, true)),
                chunk => bytes.extend(chunk),
            },
            Err(mpsc::RecvTimeoutError::Timeout) if !progress.interrupted() => {}
            Err(_) => return Ok((bytes, true)),
        }
        if bytes.len() > most {
            bytes.truncate(most);
            return Ok((bytes, false));
        }
    }
}
