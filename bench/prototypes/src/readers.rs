//! Readers over all blobs of a repository. Each adds up bytes and words, so that nothing is optimised away
//! and that all can be seen to have read the same.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gix_object::Kind;
use gix_pack::cache::lru::MemoryCappedHashmap;
use gix_pack::index::Entry;
use gix_pack::index::traverse::{SafetyCheck, with_index};
use gix_utils::progress::{Discard, Progress as Progressing};
use keylint::Progress;
use keylint::source::git::{History, HistoryBlob};
use keylint::source::{Ledger, Limits};

use crate::table::{ratios, spread};

/// Length of an id.
const ID: usize = 20;

/// Bytes of delta bases that gix may keep, on each thread: git's own limit.
const BASES: usize = 96 << 20;

/// What was read.
#[derive(Clone, Copy, Default)]
struct Tally {
    blobs: u64,
    bytes: u64,
    sum: u64,
}

impl Tally {
    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        let sum =
            words.iter().fold(0, |sum: u64, word| sum.wrapping_add(u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(0, |sum: u64, byte| sum.wrapping_add(u64::from(*byte)));
        self.join(Self { blobs: 1, bytes: bytes.len() as u64, sum: sum.wrapping_add(rest) });
    }

    fn join(&mut self, other: Self) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// A reader: repository, ids of its blobs in the order of the pack, threads.
type Reader = fn(&Path, &[[u8; ID]], usize) -> anyhow::Result<Tally>;

const READERS: [(&str, Reader); 5] = [
    ("keylint", keylint),
    ("gix, delta tree", gix_tree),
    ("gix, pack order", gix_ids),
    ("git2, pack order", git2_ids),
    ("git2, checked", git2_checked),
];

/// The yardstick, which is a process of its own.
const GIT: &str = "git cat-file";

/// One run of a reader, in a process of its own: prints seconds, peak KiB, and what was read.
pub fn read(name: &str, repo: &Path, ids: &Path, threads: usize) -> anyhow::Result<()> {
    let ids = fs::read(ids)?;
    let (_, reader) = READERS.iter().find(|(known, _)| *known == name).context("no such reader")?;
    let start = Instant::now();
    let Tally { blobs, bytes, sum } = reader(repo, ids.as_chunks().0, threads)?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = peak_of("self").context("no /proc/self/status")?;
    // Read by `once`.
    writeln!(std::io::stdout(), "{seconds} {peak} {blobs} {bytes} {sum}")?;
    Ok(())
}

/// Peak resident KiB of a process.
fn peak_of(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// keylint's walk in the order of deltas. It also finds the blobs, and reads refs and commits.
fn keylint(repo: &Path, _: &[[u8; ID]], threads: usize) -> anyhow::Result<Tally> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let (ledger, progress) = (Ledger::default(), Progress::default());
    let limits = Limits { max_size: u64::MAX, binary: true };
    pool.install(|| {
        let history = History::open(repo, None, (&ledger, &progress))?;
        let visit = |tally: &mut Tally, blob: &HistoryBlob<'_, ()>| {
            tally.add(blob.bytes);
            None
        };
        let all = history.blobs(limits, (&ledger, &progress), &Tally::default, &visit);
        Ok(all.into_iter().fold(Tally::default(), joined))
    })
}

fn joined(mut one: Tally, other: Tally) -> Tally {
    one.join(other);
    one
}

/// Gives each thread an equal part of `ids`, in one piece, so that neighbours share delta bases.
fn share<'i>(
    ids: &'i [[u8; ID]],
    threads: usize,
    part: impl Fn(&'i [[u8; ID]]) -> anyhow::Result<Tally> + Sync,
) -> anyhow::Result<Tally> {
    let size = ids.len().div_ceil(threads).max(1);
    let all: Vec<anyhow::Result<Tally>> = thread::scope(|scope| {
        let part = &part;
        let workers: Vec<_> = ids.chunks(size).map(|ids| scope.spawn(move || part(ids))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
    });
    all.into_iter().try_fold(Tally::default(), |sum, one| Ok(joined(sum, one?)))
}

/// libgit2, one id after the other; hashes are not checked, as in keylint.
fn git2_ids(repo: &Path, ids: &[[u8; ID]], threads: usize) -> anyhow::Result<Tally> {
    git2::opts::strict_hash_verification(false);
    git2_checked(repo, ids, threads)
}

/// The same as libgit2 does it unasked: each object is hashed.
fn git2_checked(repo: &Path, ids: &[[u8; ID]], threads: usize) -> anyhow::Result<Tally> {
    share(ids, threads, |ids| {
        let odb = git2::Repository::open(repo)?;
        let odb = odb.odb()?;
        let mut tally = Tally::default();
        for id in ids {
            tally.add(odb.read(git2::Oid::from_bytes(id)?)?.data());
        }
        Ok(tally)
    })
}

/// gix, one id after the other, with a cache of delta bases.
fn gix_ids(repo: &Path, ids: &[[u8; ID]], threads: usize) -> anyhow::Result<Tally> {
    let objects = git2::Repository::open(repo)?.commondir().join("objects");
    let store = gix_odb::at(objects, gix_hash::Kind::Sha1)?;
    let handle = store.with_pack_cache(|| Box::new(MemoryCappedHashmap::new(BASES))).into_arc()?;
    let handles = Mutex::new(vec![handle; threads]);
    share(ids, threads, |ids| {
        let handle = handles.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let handle = handle.context("a handle for each thread")?;
        let (mut tally, mut buffer) = (Tally::default(), Vec::new());
        for id in ids {
            let id = gix_hash::oid::try_from_bytes(id)?;
            let found = gix_object::Find::try_find(&handle, id, &mut buffer);
            let found = found.map_err(|error| anyhow::anyhow!("{id}: {error}"))?;
            tally.add(found.with_context(|| format!("{id} is not there"))?.data);
        }
        Ok(tally)
    })
}

/// gix's own walk over a whole pack in the order of deltas; it decodes trees and commits, too.
fn gix_tree(repo: &Path, _: &[[u8; ID]], threads: usize) -> anyhow::Result<Tally> {
    let all = Arc::new(Mutex::new(Tally::default()));
    for index in indexes(repo)? {
        let pack = index.with_extension("pack");
        let pack = gix_pack::data::File::at(&pack, gix_hash::Kind::Sha1)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let index = gix_pack::index::File::at(&index, gix_hash::Kind::Sha1)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let options = with_index::Options {
            check: SafetyCheck::SkipFileAndObjectChecksumVerification,
            thread_limit: Some(threads),
            alloc_limit_bytes: None,
        };
        let mut worker = Worker { tally: Tally::default(), all: Arc::clone(&all) };
        let visit = move |kind, bytes: &[u8], _: &Entry, _: &dyn Progressing| {
            worker.add(kind, bytes);
            Ok(())
        };
        let (mut progress, stop) = (Discard, AtomicBool::new(false));
        index
            .traverse_with_index(&pack, visit, &mut progress, &stop, options)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    let all = all.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(*all)
}

/// gix clones its visitor for each thread and drops the clones: the sums are joined then.
struct Worker {
    tally: Tally,
    all: Arc<Mutex<Tally>>,
}

impl Worker {
    fn add(&mut self, kind: Kind, bytes: &[u8]) {
        if kind == Kind::Blob {
            self.tally.add(bytes);
        }
    }
}

impl Clone for Worker {
    fn clone(&self) -> Self {
        Self { tally: Tally::default(), all: Arc::clone(&self.all) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).join(self.tally);
    }
}

/// Index files of a repository and of its alternates.
fn indexes(repo: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let objects = git2::Repository::open(repo)?.commondir().join("objects");
    let alternates = fs::read_to_string(objects.join("info/alternates")).unwrap_or_default();
    let mut found = Vec::new();
    for folder in std::iter::once(objects.clone()).chain(alternates.lines().map(PathBuf::from)) {
        for entry in fs::read_dir(objects.join(folder).join("pack"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "idx") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Writes the ids of all blobs, in the order of the pack, to a file.
fn list(repo: &Path, file: &Path) -> anyhow::Result<()> {
    let format = "--batch-check=%(objecttype) %(objectname)";
    let arguments = ["cat-file", "--batch-all-objects", "--unordered", "--buffer", format];
    let out = Command::new("git").arg("-C").arg(repo).args(arguments).output()?;
    let text = String::from_utf8(out.stdout)?;
    let mut ids = Vec::new();
    for id in text.lines().filter_map(|line| line.strip_prefix("blob ")) {
        ids.extend_from_slice(git2::Oid::from_str(id)?.as_bytes());
    }
    Ok(fs::write(file, ids)?)
}

/// Seconds, peak KiB and what was read.
struct Run {
    seconds: f64,
    peak: u64,
    read: String,
}

/// git writing all objects, trees and commits too, to nowhere.
fn git(repo: &Path) -> anyhow::Result<Run> {
    let arguments = ["cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer"];
    let start = Instant::now();
    let mut git = Command::new("git");
    let mut git = git.arg("-C").arg(repo).args(arguments).stdout(Stdio::null()).spawn()?;
    let (name, mut peak) = (git.id().to_string(), 0);
    let status = loop {
        peak = peak.max(peak_of(&name).unwrap_or(0));
        match git.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    if !status.success() {
        bail!("git: {status}");
    }
    Ok(Run { seconds: start.elapsed().as_secs_f64(), peak, read: String::new() })
}

fn once(name: &str, repo: &Path, ids: &Path, threads: usize) -> anyhow::Result<Run> {
    if name == GIT {
        return git(repo);
    }
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["read", name]).arg(repo).arg(ids).arg(threads.to_string());
    let out = child.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(out.stdout)?;
    let mut parts = text.trim().splitn(3, ' ');
    let mut next = || parts.next().with_context(|| format!("{name}: {}", out.status));
    Ok(Run { seconds: next()?.parse()?, peak: next()?.parse()?, read: next()?.to_owned() })
}

/// Times all readers in turn.
pub fn compare(
    repos: &[PathBuf],
    runs: usize,
    threads: &[usize],
    only: &[String],
) -> anyhow::Result<()> {
    let ids = std::env::temp_dir().join(format!("prototypes-{}", std::process::id()));
    let known = READERS.iter().map(|(name, _)| *name).chain([GIT]);
    let wanted = |name: &&str| {
        *name == "keylint" || only.is_empty() || only.iter().any(|only| only == *name)
    };
    let names: Vec<&str> = known.filter(wanted).collect();
    let mut out = String::from(
        "| repo | threads | reader | seconds | peak MiB | times keylint's |\n|---|---|---|---|---|---|\n",
    );
    for repo in repos {
        list(repo, &ids)?;
        for &threads in threads {
            let mut all: Vec<Vec<Run>> = names.iter().map(|_| Vec::new()).collect();
            for _ in 0..runs {
                for (name, of_name) in names.iter().zip(&mut all) {
                    of_name.push(once(name, repo, &ids, threads)?);
                }
            }
            rows(&mut out, repo, threads, &names, &all)?;
        }
    }
    fs::remove_file(&ids)?;
    std::io::stdout().write_all(out.as_bytes())?;
    Ok(())
}

/// Adds a row for each reader; what they have read must agree.
fn rows(
    out: &mut String,
    repo: &Path,
    threads: usize,
    names: &[&str],
    all: &[Vec<Run>],
) -> anyhow::Result<()> {
    let seconds = |runs: &[Run]| runs.iter().map(|run| run.seconds).collect::<Vec<f64>>();
    let (ours, read) = (seconds(&all[0]), &all[0][0].read);
    let repo = repo.file_name().unwrap_or_default().to_string_lossy();
    for (name, runs) in names.iter().zip(all) {
        let same = runs.iter().all(|run| run.read == *read || *name == GIT);
        let note = if same { "" } else { " (has read something else)" };
        let peak = runs.iter().map(|run| run.peak).max().unwrap_or(0) / 1024;
        let theirs = seconds(runs);
        let (ratio, theirs) = (spread(ratios(&theirs, &ours), 2), spread(theirs, 2));
        writeln!(out, "| {repo} | {threads} | {name}{note} | {theirs} | {peak} | {ratio} |")?;
    }
    let mut read = read.split(' ');
    let (blobs, bytes) = (read.next().unwrap_or_default(), read.next().unwrap_or_default());
    writeln!(std::io::stderr(), "{repo}: {blobs} blobs, {bytes} bytes")?;
    Ok(())
}
