//! Files of work trees: a parallel walk that honours ignore rules, plus what git tracks in spite
//! of them.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bstr::{BString, ByteSlice as _};
use ignore::{DirEntry, WalkBuilder, WalkState};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use zeroize::Zeroizing;

use crate::blob::{path_bytes, path_name};
use crate::config::tree::{self, Chain, Tree};
use crate::disk;
use crate::finding::SkipReason;
use crate::harden::gives_threads;
use crate::progress::{Progress, Reading};
use crate::source::archive::layout::Layout;
use crate::source::hidden::{is_git_folder, wanted};
use crate::source::nested::Nested;
use crate::source::tracked::Tracked;
use crate::source::{Ledger, Limits, archive, ignore_files};
use crate::text::{self, keystore};

/// How to walk.
#[derive(Clone)]
pub struct Walk {
    /// Walk hidden files and folders too.
    pub hidden: bool,
    /// Do not honour ignore files.
    pub no_ignore: bool,
    /// Worker threads; 0 for none besides the one that calls.
    pub threads: usize,
    /// Limits on what is read.
    pub limits: Limits,
    /// Hand on binary files, too, without their content.
    pub names: bool,
    /// List what ignore files leave out, too: costs a second look at each folder.
    pub list_ignored: bool,
    /// How many archives, one in the other, are opened; one that is named always is.
    pub archives: usize,
    /// What keylint.toml files exclude.
    pub configs: Arc<Tree>,
}

/// What the walk met, past ignore files.
#[derive(Default)]
struct Met {
    /// Hidden files and folders that it turned away.
    hidden: Vec<PathBuf>,
    /// All, with whether it is a folder; empty unless ignored ones are to be listed.
    all: HashMap<PathBuf, bool>,
    /// Folders with an ignore file that cannot be read, and that file; they are not entered.
    unruly: Vec<(PathBuf, PathBuf)>,
    /// Git folders that are no `.git`.
    bare: Vec<PathBuf>,
}

/// One file that was read.
pub struct FileBlob<'b> {
    /// As the user would type it.
    pub shown: &'b Path,
    /// Relative to `base`, with `/`.
    pub path: BString,
    /// Top of the repository, or the scanned folder outside one.
    pub base: &'b Arc<Path>,
    /// The content.
    pub bytes: &'b [u8],
    /// True for a member of an archive; the names have it behind `!/`.
    pub member: bool,
}

/// Called for every file, on many threads, with the thread's own state.
pub type OnFile<'f, S> = dyn Fn(&mut S, &FileBlob<'_>) + Sync + 'f;

/// Everything a worker needs.
struct Job<'w, S> {
    walk: &'w Walk,
    root: &'w Path,
    base: Arc<Path>,
    tracked: Option<&'w Tracked>,
    nested: Arc<Nested>,
    ledger: &'w Ledger,
    progress: &'w Progress,
    new: &'w (dyn Fn() -> S + Sync),
    on_file: &'w OnFile<'w, S>,
}

/// Buffer and caller state of one thread.
struct Worker<S> {
    /// Wiped when it goes: files hold secrets.
    buffer: Zeroizing<Vec<u8>>,
    /// The last folder and the configurations that count there.
    folder: (PathBuf, Option<Chain>),
    state: S,
}

/// Walks `root` (a file or a folder) and calls `on_file` for each file read. `new` makes the state
/// of a thread. What is left out goes to `ledger`.
pub fn walk<S: Send>(
    root: &Path,
    walk: &Walk,
    (ledger, progress): (&Ledger, &Progress),
    new: &(dyn Fn() -> S + Sync),
    on_file: &OnFile<'_, S>,
) {
    let canonical = match root.canonicalize() {
        Ok(path) => path,
        Err(error) => return ledger.problem(path_name(root), read_error(&error)),
    };
    let folder = if canonical.is_dir() { canonical.as_path() } else { parent(&canonical) };
    let tracked = Tracked::around(folder, ledger);
    let base = Arc::from(tracked.as_ref().map_or(folder, |tracked| tracked.root()));
    let nested = Arc::new(Nested::new(tracked.iter().flat_map(Tracked::roots).collect()));
    let met = Arc::clone(&nested);
    let tracked = tracked.as_ref();
    let job = Job { walk, root, base, tracked, nested, ledger, progress, new, on_file };
    let folder = || (PathBuf::new(), None);
    let worker = || Worker { buffer: Zeroizing::default(), folder: folder(), state: new() };
    if canonical.is_file() {
        // A file that is named is scanned, whatever ignore rules say.
        job.file(&mut worker(), root, &canonical);
        return;
    }
    job.folder(&canonical, &worker);
    met.tell(ledger);
    let missed = tracked.into_iter().flat_map(|tracked| tracked.unseen(&canonical));
    let missed: Vec<PathBuf> = missed.chain(met.unseen(&canonical)).collect();
    if !missed.is_empty() {
        missed.par_iter().for_each_init(worker, |worker, path| {
            let inside = path.strip_prefix(&canonical).unwrap_or(path);
            if !progress.interrupted() {
                job.file(worker, &join_shown(root, inside), path);
            }
        });
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// `root` and `inside` as the user would type them: no `./` before every path.
fn join_shown(root: &Path, inside: &Path) -> PathBuf {
    if root == Path::new(".") { inside.to_owned() } else { root.join(inside) }
}

impl<S: Send> Job<'_, S> {
    fn folder(&self, canonical: &Path, worker: &(dyn Fn() -> Worker<S> + Sync)) {
        let unruly = match self.walk.no_ignore {
            true => None,
            false => canonical.ancestors().find_map(ignore_files::unreadable),
        };
        if let Some(file) = unruly {
            return self.without_ignoring((self.root, canonical), &file, worker);
        }
        let mut met = self.visit(canonical, worker);
        let skip = |place: &Path, reason, end: &str| {
            let inside = place.strip_prefix(self.root).unwrap_or(place);
            let path = canonical.join(inside);
            let is_tracked = self.tracked.is_some_and(|tracked| tracked.has(&path));
            if !is_tracked && !self.nested.has(&path) {
                let shown = path_name(&join_shown(self.root, inside));
                self.ledger.skip(reason, shown + end);
            }
        };
        met.hidden.iter().for_each(|place| skip(place, SkipReason::Hidden, ""));
        if self.walk.list_ignored && !self.walk.no_ignore && !self.progress.interrupted() {
            ignored(self.root, &met.all, &skip);
        }
        met.bare.sort_unstable();
        for place in &met.bare {
            let inside = place.strip_prefix(self.root).unwrap_or(place);
            self.ledger.notice(format!(
                "{place} is a git repository without a work tree: what its commits hold was not scanned; \
                 `keylint scan --history {place}` does that",
                place = path_name(&join_shown(self.root, inside))
            ));
        }
        met.unruly.sort_unstable();
        for (folder, file) in met.unruly {
            let inside = folder.strip_prefix(self.root).unwrap_or(&folder);
            let place = (join_shown(self.root, inside), canonical.join(inside));
            self.without_ignoring((&place.0, &place.1), &file, worker);
        }
    }

    /// Walks the folder on all threads.
    fn visit(&self, canonical: &Path, worker: &(dyn Fn() -> Worker<S> + Sync)) -> Met {
        let met = Arc::new(Mutex::new(Met::default()));
        let mut builder = self.builder(Arc::clone(&met), canonical);
        let visit = |worker: &mut Worker<S>, entry| {
            if self.progress.interrupted() {
                return WalkState::Quit;
            }
            match entry {
                Ok(entry) => self.entry(worker, &entry, canonical),
                Err(error) => self.walk_error(&error),
            }
            WalkState::Continue
        };
        // The walker panics where it gets no thread.
        if self.walk.threads == 0 || !gives_threads(self.walk.threads) {
            let mut worker = worker();
            let mut entries = builder.build();
            while entries.next().is_some_and(|e| visit(&mut worker, e) != WalkState::Quit) {}
        } else {
            builder.threads(self.walk.threads).build_parallel().run(|| {
                let mut worker = worker();
                Box::new(move |entry| visit(&mut worker, entry))
            });
        }
        std::mem::take(&mut *met.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Walks a folder whose ignore file cannot be read: nothing below it is ignored.
    fn without_ignoring(
        &self,
        (root, canonical): (&Path, &Path),
        file: &Path,
        worker: &(dyn Fn() -> Worker<S> + Sync),
    ) {
        self.ledger.notice(format!(
            "{file}: is no regular file or above 16 MB, so no ignore rules hold in {root}",
            file = path_name(file),
            root = path_name(root)
        ));
        let walk = Walk { no_ignore: true, ..self.walk.clone() };
        let (base, nested) = (Arc::clone(&self.base), Arc::clone(&self.nested));
        Job { walk: &walk, root, base, nested, ..*self }.folder(canonical, worker);
    }

    fn builder(&self, met: Arc<Mutex<Met>>, canonical: &Path) -> WalkBuilder {
        let mut builder = WalkBuilder::new(self.root);
        let on = !self.walk.no_ignore;
        builder.hidden(false).parents(on).ignore(on).git_ignore(on).git_global(on).git_exclude(on);
        builder.ignore_case_insensitive(self.tracked.is_some_and(Tracked::ignores_case));
        let (hidden, list) = (self.walk.hidden, self.walk.list_ignored);
        let (nested, root) = (Arc::clone(&self.nested), self.root.to_owned());
        let canonical = canonical.to_owned();
        // The filter outlives this call, so it shares the list of what it met.
        builder.filter_entry(move |entry| {
            let wanted = entry.depth() == 0 || wanted(entry, hidden);
            let turned_away = !wanted && !is_git_folder(entry);
            let folder = wanted && entry.file_type().is_some_and(|kind| kind.is_dir());
            let unruly = (folder && on).then(|| ignore_files::unreadable(entry.path())).flatten();
            let enter = wanted && unruly.is_none();
            if folder && entry.depth() > 0 {
                let inside = entry.path().strip_prefix(&root).unwrap_or(entry.path());
                nested.meet(&canonical.join(inside));
            }
            let bare = folder && ignore_files::is_bare(entry.path());
            if turned_away || list || unruly.is_some() || bare {
                let mut met = met.lock().unwrap_or_else(PoisonError::into_inner);
                let path = entry.path().to_owned();
                if list {
                    met.all.insert(path.clone(), folder && enter);
                }
                if turned_away {
                    met.hidden.push(path.clone());
                }
                if bare {
                    met.bare.push(path.clone());
                }
                met.unruly.extend(unruly.map(|file| (path, file)));
            }
            enter
        });
        builder
    }

    fn walk_error(&self, error: &ignore::Error) {
        self.ledger.problem(path_name(self.root), error.to_string());
    }

    fn entry(&self, worker: &mut Worker<S>, entry: &DirEntry, canonical: &Path) {
        let Some(kind) = entry.file_type() else { return };
        if kind.is_dir() {
            return;
        }
        let inside = entry.path().strip_prefix(self.root).unwrap_or(entry.path());
        let path = canonical.join(inside);
        let shown = join_shown(self.root, inside);
        if let Some(tracked) = self.tracked {
            tracked.see(&path);
        }
        self.nested.see(&path);
        if kind.is_symlink() {
            self.ledger.skip(SkipReason::Symlink, path_name(&shown));
        } else if !kind.is_file() {
            self.ledger.skip(SkipReason::Special, path_name(&shown));
        } else {
            self.file(worker, &shown, &path);
        }
    }

    /// Looks at one file. A fault in that is a problem of this file.
    fn file(&self, worker: &mut Worker<S>, shown: &Path, path: &Path) {
        let _reads = self.progress.reading(Reading::Named(path_bytes(shown)));
        let done = self.ledger.contain(|| path_name(shown), || self.look(worker, shown, path));
        if done.is_none() {
            worker.state = (self.new)();
        }
    }

    /// Reads one file and hands it on.
    fn look(&self, worker: &mut Worker<S>, shown: &Path, path: &Path) {
        let relative = path.strip_prefix(&self.base).unwrap_or(path);
        let name = slashes(relative);
        if self.excluded(worker, path, &name) {
            return self.ledger.skip(SkipReason::Excluded, path_name(shown));
        }
        let layout = Layout::of(shown, path);
        if self.archive(worker, (shown, layout.as_ref()), (path, &name)) {
            return;
        }
        let skip = |reason| self.ledger.skip(reason, path_name(shown));
        match read(path, self.walk.limits, &mut worker.buffer) {
            Ok(None) => {}
            Ok(Some(SkipReason::Binary)) if self.walk.names => {
                // Its name is judged, its content is not.
                skip(SkipReason::Binary);
                let blob =
                    FileBlob { shown, path: name, base: &self.base, bytes: &[], member: false };
                return (self.on_file)(&mut worker.state, &blob);
            }
            Ok(Some(reason)) => return skip(reason),
            Err(error) => {
                return self.ledger.problem(path_name(shown), read_error(&error));
            }
        }
        self.progress.add(worker.buffer.len() as u64);
        if let Some(layout) = layout.filter(|it| self.depth(shown, Some(it)) > 0) {
            self.ledger.manifest(&layout, &worker.buffer);
        }
        let blob =
            FileBlob { shown, path: name, base: &self.base, bytes: &worker.buffer, member: false };
        (self.on_file)(&mut worker.state, &blob);
    }

    /// How many archives, one in the other, are opened of the file `shown`: one that is named is opened, and
    /// so are the blobs of a layout that is.
    fn depth(&self, shown: &Path, layout: Option<&Layout>) -> usize {
        let folder = layout.and_then(|_| shown.ancestors().nth(3));
        let here = |folder: &Path| folder.as_os_str().is_empty() && self.root == Path::new(".");
        let named = shown == self.root || folder.is_some_and(|it| it == self.root || here(it));
        self.walk.archives.max(if named { archive::NAMED_DEPTH } else { 0 })
    }

    /// Hands on the members of the file where it is an archive that is to be opened; false where it is
    /// none, or cannot be read, which is told by whoever reads it next.
    fn archive(
        &self,
        worker: &mut Worker<S>,
        (shown, layout): (&Path, Option<&Layout>),
        (path, name): (&Path, &BString),
    ) -> bool {
        let depth = self.depth(shown, layout);
        if depth == 0 {
            return false;
        }
        let Ok(mut file) = disk::open(path) else { return false };
        let mut head = Vec::new();
        let read = file.by_ref().take(512).read_to_end(&mut head);
        let (Ok(_), Some(_), Ok(found)) = (read, archive::kind(&head), file.metadata()) else {
            return false;
        };
        if !found.is_file() || file.rewind().is_err() {
            return false;
        }
        let (limits, ledger, progress) = (self.walk.limits, self.ledger, self.progress);
        let outer = path_bytes(shown);
        let path = Some(path);
        let job = archive::Job { depth, limits, ledger, shown: &outer, path, layout, progress };
        archive::visit(&job, &mut BufReader::new(file), found.len(), &mut |at, bytes| {
            let mut shown = shown.as_os_str().to_owned();
            shown.push(at.to_os_str_lossy());
            let path = BString::from([name.as_slice(), at].concat());
            let shown = Path::new(&shown);
            let blob = FileBlob { shown, path, base: &self.base, bytes, member: true };
            (self.on_file)(&mut worker.state, &blob);
        });
        true
    }

    /// True when a keylint.toml from the folder of `path` upward excludes it.
    fn excluded(&self, worker: &mut Worker<S>, path: &Path, name: &BString) -> bool {
        let folder = parent(path);
        if worker.folder.1.is_none() || worker.folder.0 != folder {
            worker.folder = (folder.to_owned(), Some(self.walk.configs.at(folder)));
        }
        let chain = worker.folder.1.as_ref();
        chain.is_some_and(|chain| tree::excludes(chain, &self.base, name.as_bstr()))
    }
}

/// Hands what is in `root` or one of the folders in `met`, but not in `met` itself, to `skip`: ignore
/// files leave it out. The walk has told of folders that cannot be read.
fn ignored(root: &Path, met: &HashMap<PathBuf, bool>, skip: &dyn Fn(&Path, SkipReason, &str)) {
    let folders = met.iter().filter(|(_, folder)| **folder).map(|(path, _)| path.as_path());
    let folders: BTreeSet<&Path> = folders.chain([root]).collect();
    for child in folders.into_iter().filter_map(|path| path.read_dir().ok()).flatten().flatten() {
        let folder = child.file_type().is_ok_and(|kind| kind.is_dir());
        if child.file_name() != ".git" && !met.contains_key(&child.path()) {
            skip(&child.path(), SkipReason::Ignored, if folder { "/" } else { "" });
        }
    }
}

/// What to say of a file that cannot be read.
fn read_error(error: &std::io::Error) -> String {
    format!("cannot be read: {error}; it was not scanned")
}

/// Bytes by which it is told whether a file is binary.
const HEAD: u64 = 64 << 10;

/// Reads `path` into `buffer`; `Some(reason)` when it is not scanned. The file may have changed its kind
/// or its size since the walk saw it, and may do so meanwhile.
fn read(
    path: &Path,
    limits: Limits,
    buffer: &mut Zeroizing<Vec<u8>>,
) -> std::io::Result<Option<SkipReason>> {
    buffer.clear();
    let mut file = disk::open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(Some(SkipReason::Special));
    }
    if found.len() > limits.max_size {
        return Ok(Some(SkipReason::TooLarge));
    }
    let size = usize::try_from(found.len()).unwrap_or(usize::MAX).saturating_add(1);
    if buffer.capacity() < size {
        // A new one, since one that grows leaves a copy behind that nobody wipes.
        *buffer = Zeroizing::new(Vec::with_capacity(size.max(2 * buffer.capacity())));
    }
    // The head decides whether the rest is worth reading.
    file.by_ref().take(HEAD).read_to_end(buffer)?;
    let binary = !limits.binary && text::has_nul(buffer);
    if binary && !keystore::may_be(buffer) {
        return Ok(Some(SkipReason::Binary));
    }
    let left = limits.max_size.saturating_add(1).saturating_sub(buffer.len() as u64);
    file.take(left).read_to_end(buffer)?;
    if buffer.len() as u64 > limits.max_size {
        return Ok(Some(SkipReason::TooLarge));
    }
    // What began like a key store may be none.
    Ok((binary && !keystore::is_one(buffer)).then_some(SkipReason::Binary))
}

/// `path` with `/` on every platform.
pub(crate) fn slashes(path: &Path) -> BString {
    let mut bytes = path_bytes(path);
    if std::path::MAIN_SEPARATOR == '\\' {
        bytes.iter_mut().filter(|b| **b == b'\\').for_each(|b| *b = b'/');
    }
    bytes
}
