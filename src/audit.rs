//! Gathers what the hygiene checks look at, runs them, and joins their findings with those of the
//! rules. A scan does this for its files, an audit for files and history together.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bstr::{BString, ByteSlice as _};

use crate::blob::{Provenance, path_bytes, path_name};
use crate::config::tree;
use crate::disk;
use crate::finding::{Finding, Fingerprint, SkipReason};
use crate::hygiene::names::Names;
use crate::hygiene::survey::{Seen, Survey};
use crate::hygiene::{self, Built, Past, PastFile, Root, Subject, client_bundle, envs};
use crate::plan::{Input, Plan};
use crate::progress::{Progress, Reading};
use crate::rule::RuleError;
use crate::scan::Scanner;
use crate::source::Ledger;
use crate::source::files::{FileBlob, Walk, walk};
use crate::source::git::{History, Place};
use crate::text;

/// Runs the checks on what a scan saw. `findings` are those of rules; the history's are in `past`.
/// Gives the findings of checks; those of rules may change in severity, and what a check says
/// better goes.
///
/// # Errors
/// [`RuleError`] when the shipped data is broken; a test holds that it is not.
pub fn judge(
    plan: &Plan,
    survey: Survey,
    findings: &mut Vec<Finding>,
    past: Option<&Past>,
    (ledger, progress): (&Ledger, &Progress),
) -> Result<Vec<Finding>, RuleError> {
    let seen = survey.into_seen();
    let roots = roots(&plan.input);
    let mut built = binaries(&seen, &roots, ledger);
    if past.is_some() {
        built.extend(build_folders(plan, &seen, (ledger, progress)));
    }
    if seen.is_empty() && built.is_empty() && findings.is_empty() && past.is_none() {
        return Ok(Vec::new());
    }
    let names = Names::load()?;
    let cache = RefCell::new(BTreeMap::new());
    let subject = Subject {
        engine: &plan.engine,
        names: &names,
        roots: &roots,
        seen: &seen,
        built: &built,
        findings,
        past,
        read: &|path| match plan.opened(path) {
            Some(text) => Some(text.as_bytes().to_vec()),
            None => {
                let _reads = progress.reading(Reading::Named(path_bytes(path)));
                read(path, plan.limits.max_size, &cache, ledger)
            }
        },
        problem: &|place, message| ledger.problem(place, message),
        max_size: plan.limits.max_size,
        options: plan.options(),
        now: plan.now,
    };
    let mut found = hygiene::judge(&subject);
    for finding in &mut found {
        finding.base = finding.base.take().or_else(|| base(finding));
    }
    found.retain(|finding| {
        let base = finding.base.as_deref().unwrap_or(&plan.base);
        let path = finding.location.provenance.path().map(|path| path.as_bstr());
        !tree::disables(&plan.configs.of(base, path), &finding.check)
    });
    client_bundle::escalate(findings, &found);
    Ok(found)
}

/// The folder that the path of a finding in a file starts from; `None` for members of archives and
/// versions in the history, which are taken for the run's own.
fn base(finding: &Finding) -> Option<Arc<Path>> {
    let Provenance::File { shown, path } = &finding.location.provenance else { return None };
    let full = shown.to_path().ok()?.canonicalize().ok()?;
    full.ancestors().nth(path.split_str("/").count()).map(Arc::from)
}

/// The folders of a plan, canonical.
fn roots(input: &Input) -> Vec<Root> {
    let (Input::Files(paths) | Input::Audit(paths)) = input else { return Vec::new() };
    let folder = |path: &PathBuf| {
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let up = || path.parent().map(Path::to_owned);
        if path.is_dir() { path } else { up().unwrap_or_default() }
    };
    paths.iter().map(|path| Root::new(folder(path))).collect()
}

type Cache = RefCell<BTreeMap<PathBuf, Option<Vec<u8>>>>;
/// Files above this are read again instead of kept.
const CACHED: usize = 1 << 18;

fn read(path: &Path, max_size: u64, cache: &Cache, ledger: &Ledger) -> Option<Vec<u8>> {
    if let Some(bytes) = cache.borrow().get(path) {
        return bytes.clone();
    }
    let bytes = match path.metadata() {
        Ok(meta) if meta.len() > max_size => None,
        _ => match disk::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let text = format!("cannot be read: {error}; its hygiene was not checked");
                ledger.problem(path_name(path), text);
                None
            }
        },
    };
    if bytes.as_ref().is_none_or(|bytes| bytes.len() <= CACHED) {
        cache.borrow_mut().insert(path.to_owned(), bytes.clone());
    }
    bytes
}

/// Takes out findings of generic rules where a check says more of the same value.
fn supersede(plan: &Plan, findings: &mut Vec<Finding>) {
    const BETTER: [&str; 2] = ["env-literal-secret", "env-example-real-value"];
    let rules = plan.engine.rules().rules();
    let generic = |id: &str| rules.iter().any(|rule| rule.rule.id() == id && rule.rule.generic);
    let place =
        |finding: &Finding| (finding.location.provenance.path().cloned(), finding.secret.digest());
    let better: Vec<_> =
        findings.iter().filter(|f| BETTER.contains(&f.check.as_str())).map(place).collect();
    if !better.is_empty() {
        findings.retain(|finding| !generic(&finding.check) || !better.contains(&place(finding)));
    }
}

/// Apps, extensions and WebAssembly that the walk left out as binary.
fn binaries(seen: &[Seen], roots: &[Root], ledger: &Ledger) -> Vec<Built> {
    if roots.is_empty() {
        return Vec::new();
    }
    let places = ledger.take(SkipReason::Binary, &|place| {
        client_bundle::is_binary_output(place.as_bytes())
            && seen.iter().all(|seen| seen.shown != Path::new(place))
            && Path::new(place).exists()
    });
    let built = |place: String| {
        let shown = PathBuf::from(&place);
        let full = shown.canonicalize().ok()?;
        let inside = |(_, root): &(usize, &Root)| full.starts_with(root.folder());
        let (at, root) = roots.iter().enumerate().find(inside)?;
        let path = full.strip_prefix(root.folder()).ok()?.to_path_buf();
        Some(Built { shown, path: BString::from(path.to_string_lossy().as_ref()), root: at })
    };
    places.into_iter().filter_map(built).collect()
}

/// Output of builds that git ignores: it is shipped all the same. Only files with a hit are kept.
fn build_folders(
    plan: &Plan,
    seen: &[Seen],
    (ledger, progress): (&Ledger, &Progress),
) -> Vec<Built> {
    let found = Mutex::new(Vec::new());
    let manifests =
        seen.iter().filter(|seen| seen.marks.manifest && seen.path.ends_with(b"package.json"));
    for manifest in manifests {
        let folder = manifest.shown.parent().unwrap_or(Path::new(""));
        for name in client_bundle::BUILD_FOLDERS {
            let place = folder.join(name);
            let walked = seen.iter().any(|seen| seen.shown.starts_with(&place));
            if !place.is_dir() || walked {
                continue;
            }
            let on_file = |scanner: &mut Scanner<'_>, blob: &FileBlob<'_>| {
                let wanted = client_bundle::is_built(&blob.path) || blob.path.ends_with(b".map");
                let archive = client_bundle::is_binary_output(&blob.path);
                if archive || (wanted && !scanner.scan(&text::decode(blob.bytes)).is_empty()) {
                    let file = Built {
                        shown: blob.shown.to_owned(),
                        path: blob.path.clone(),
                        root: manifest.root,
                    };
                    found.lock().unwrap_or_else(PoisonError::into_inner).push(file);
                }
            };
            let options = Walk {
                hidden: true,
                no_ignore: true,
                threads: plan.threads,
                limits: crate::source::Limits { binary: true, ..plan.limits },
                configs: Arc::clone(&plan.configs),
                archives: 0,
                names: false,
                list_ignored: false,
            };
            let new = || plan.engine.scanner();
            walk(&place, &options, (ledger, progress), &new, &on_file);
        }
    }
    let mut built = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    built.sort_by(|a, b| a.shown.cmp(&b.shown));
    built.dedup_by(|a, b| a.shown == b.shown);
    built
}

/// Every version of every env file in `history`, oldest first.
pub fn env_files(history: &History, (ledger, progress): (&Ledger, &Progress)) -> Vec<PastFile> {
    let is_env = |name: &[u8]| envs::Kind::of(name) == Some(envs::Kind::Dotenv);
    let handles = history.named(&is_env, (ledger, progress));
    if handles.is_empty() {
        return Vec::new();
    }
    let places = history.places(&handles, false, (&Ledger::default(), progress));
    let mut files = Vec::new();
    for (handle, places) in handles.iter().zip(places) {
        let bytes = match history.read(*handle) {
            Ok(bytes) => bytes,
            Err(error) => {
                let text =
                    format!("{message}; its hygiene was not checked", message = error.message);
                ledger.problem(format!("object {id}", id = error.id), text);
                continue;
            }
        };
        // The same content may stand elsewhere under a name that is none of an env file.
        let is_env = |place: &Place| is_env(place.path.rsplit_str("/").next().unwrap_or_default());
        for place in places.into_iter().filter(is_env) {
            let since = place.since();
            let Some(commit) = place.commit else { continue };
            let provenance = Provenance::Commit {
                commit: Arc::new(history.commit(commit)),
                path: place.path,
                blob: history.id(*handle),
                in_head: place.in_head,
            };
            files.push((since, PastFile { provenance, bytes: bytes.clone() }));
        }
    }
    files.sort_by_key(|(since, file): &(_, PastFile)| (*since, file.provenance.shown()));
    files.into_iter().map(|(_, file)| file).collect()
}

/// Puts findings of files and of the history together: one that is in both is the file's, with its
/// first commit as a note. What a check says better than a generic rule goes.
pub fn join(plan: &Plan, files: &mut Vec<Finding>, past: &[Finding]) {
    let mut first: BTreeMap<&Fingerprint, &Finding> = BTreeMap::new();
    for finding in past {
        first.entry(&finding.fingerprint).or_insert(finding);
    }
    for finding in files.iter_mut() {
        let Some(old) = first.get(&finding.fingerprint) else { continue };
        if let Provenance::Commit { commit, .. } = &old.location.provenance {
            let day = commit.date.get(..10).unwrap_or(&commit.date);
            let text = format!("in the history since {id} of {day}", id = commit.id.short(10));
            finding.advice.notes.push(text);
            finding.advice.first = Some(Arc::clone(commit));
        }
    }
    let here: std::collections::BTreeSet<Fingerprint> =
        files.iter().map(|finding| finding.fingerprint.clone()).collect();
    let only = past.iter().filter(|finding| !here.contains(&finding.fingerprint));
    files.extend(only.cloned());
    supersede(plan, files);
}
