//! Faults of keylint itself in steps that no caller of the library can reach into: a trap in the ledger makes
//! the contained work of one source file panic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use zeroize::Zeroizing;

use super::haul::Haul;
use super::{conclude, look, pool, stdin};
use crate::blob::Provenance;
use crate::cli::{InputArgs, ScanArgs, VerifyArgs};
use crate::fault;
use crate::finding::Report;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::source::git::example;

fn key(nth: usize) -> String {
    ["sk-", &format!("7c1e0b5f93a8462dd08f57c1ea3942b{nth}")].concat()
}

fn plan(folder: &Path) -> Plan {
    let paths = vec![folder.to_owned()];
    let input = InputArgs { paths, history: true, ..InputArgs::default() };
    let verification = VerifyArgs { no_cache: true, ..VerifyArgs::default() };
    Plan::new(ScanArgs { input, verification, ..ScanArgs::default() }).unwrap()
}

/// The report of a run with a fault in the contained work of `file` after `before` others.
fn run(folder: &Path, trap: Option<(&'static str, usize)>) -> Report {
    let (mut plan, haul, progress) = (plan(folder), Haul::default(), Progress::default());
    if let Some((file, before)) = trap {
        haul.ledger.set_trap(file, before);
    }
    let workers = pool(&mut plan).unwrap();
    let found = look(&plan, (&workers, &haul, &progress)).unwrap();
    conclude((&plan, &mut None), found, (&workers, &haul, &progress))
}

/// Blob and check of each finding.
fn found(report: &Report) -> Vec<(String, String)> {
    let of = |provenance: &Provenance| match provenance {
        Provenance::Commit { blob, .. } => blob.to_string(),
        other => panic!("{other:?}"),
    };
    let all = report.findings.iter();
    all.map(|it| (of(&it.location.provenance), it.check.clone())).collect()
}

#[test]
fn a_fault_in_making_a_historys_findings_is_a_problem_of_one_blob() {
    let folder = tempfile::tempdir().unwrap();
    let file = |nth| (format!("f{nth}.py"), format!("api_key = '{}'\n", key(nth)));
    example::commit(folder.path(), &[file(0), file(1), file(2)]).unwrap();
    let exact = found(&run(folder.path(), None));
    assert_eq!(exact.len(), 3);
    let mut faults = 0;
    loop {
        let report = run(folder.path(), Some(("run/history.rs", faults)));
        let Some(problem) = report.problems.first() else { break };
        faults += 1;
        assert_eq!((report.problems.len(), problem.message.as_str()), (1, fault::TEXT));
        let blob = problem.place.strip_prefix("object ").unwrap();
        let mut want = exact.clone();
        want.retain(|(of, _)| of != blob);
        assert_eq!((found(&report), want.len()), (want, 2));
    }
    // Each blob: what it is grouped by, what is read again of it, and what is made of that.
    assert_eq!(faults, 9);
}

#[test]
fn a_fault_on_standard_input_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let read = || (Zeroizing::new(format!("api_key = '{}'\n", key(1)).into_bytes()), true);
    for (trap, found, problems) in [(false, 1, vec![]), (true, 0, vec!["<stdin>"])] {
        let (mut plan, haul, progress) =
            (plan(folder.path()), Haul::default(), Progress::default());
        if trap {
            haul.ledger.set_trap("run/mod.rs", 0);
        }
        let workers = pool(&mut plan).unwrap();
        let all = stdin(&plan, read(), (&haul.ledger, &progress));
        let report = conclude((&plan, &mut None), all, (&workers, &haul, &progress));
        assert_eq!(report.findings.len(), found);
        let places: Vec<&str> = report.problems.iter().map(|it| it.place.as_str()).collect();
        assert_eq!(places, problems);
    }
}
