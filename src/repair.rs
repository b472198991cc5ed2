//! Turns the findings of a scan into changed files: hardcoded keys become look-ups in the
//! environment, `.env.example` learns their names, `.gitignore` learns `.env`.
//!
//! Nothing is written here but by [`Repair::write`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice as _};

use crate::blob::{Provenance, path_name};
use crate::disk;
use crate::fault;
use crate::finding::{Edit, Finding, Problem, Report};
use crate::fix::{self, Change, Literal, Outcome};
use crate::hygiene::envs::{self, Kind};
use crate::plan::Plan;
use crate::rule::Rule;
use crate::secret::{Secret, redact};
use crate::source::status::Status;
use crate::span::{LineIndex, Span};

/// A file as it was and as it would be.
pub struct FileRepair {
    /// As the user would type it.
    pub shown: PathBuf,
    /// The content that was scanned; empty for a new file.
    pub old: Vec<u8>,
    /// The content that mends it.
    pub new: Vec<u8>,
    hide: Vec<Secret>,
}

/// Everything that can be mended, and what cannot.
#[derive(Default)]
pub struct Repair {
    /// Changed and new files, by path.
    pub files: Vec<FileRepair>,
    /// Keys that are rewritten.
    pub keys: usize,
    /// Places that are left, with the reason.
    pub left: Vec<(String, String)>,
    /// True where keylint itself failed on a file.
    pub failed: bool,
}

/// Which variable stands for which key: one key has one name, and one name one key.
#[derive(Default)]
struct NameBook {
    by_key: BTreeMap<[u8; 32], String>,
    taken: BTreeSet<String>,
    /// The number to try next behind a name; smaller ones are taken.
    next: BTreeMap<String, u32>,
}

impl NameBook {
    fn name(&mut self, finding: &Finding, rule: &Rule, bytes: &[u8]) -> String {
        let digest = finding.secret.digest();
        if let Some(name) = self.by_key.get(&digest) {
            return name.clone();
        }
        let assigned = fix::assigned_name(bytes, finding.location.span.start);
        let of_id = rule.id().replace('-', "_").to_ascii_uppercase();
        let first = rule.env.first().unwrap_or(&of_id);
        let mut choices = [Some(first), assigned.as_ref(), Some(&of_id)].into_iter().flatten();
        let free = choices.find(|name| !self.taken.contains(*name)).cloned();
        let name = free.unwrap_or_else(|| {
            let next = self.next.entry(first.clone()).or_insert(2);
            loop {
                let name = format!("{first}_{next}");
                *next += 1;
                if !self.taken.contains(&name) {
                    break name;
                }
            }
        });
        self.taken.insert(name.clone());
        self.by_key.insert(digest, name.clone());
        name
    }
}

/// A file with keys, and what becomes of each.
struct Mend<'f> {
    shown: PathBuf,
    path: &'f BString,
    /// Its content; empty where it cannot be read any more.
    bytes: Vec<u8>,
    findings: Vec<&'f Finding>,
    outcomes: Vec<Outcome>,
}

/// What becomes of the keys of all files, the same for `fix` and for reports; of rules only those of
/// `only` count, if any are named. One file at a time is read, since all of them may be large.
fn mends<'f>(
    plan: &Plan,
    findings: &'f [Finding],
    only: &[String],
) -> impl Iterator<Item = Mend<'f>> {
    let mut book = NameBook::default();
    let client = client_files(findings);
    by_file(plan, findings, only).into_iter().filter_map(move |(shown, findings)| {
        let path = findings[0].location.provenance.path()?;
        // An env file is where a key may be; that git keeps out of it is another check's matter.
        if Kind::of(path) == Some(Kind::Dotenv) && !envs::is_example(path) {
            return None;
        }
        let bytes = match plan.content(&shown) {
            Ok(bytes) => bytes,
            Err(error) => {
                let why = format!("the file cannot be read any more: {error}");
                let outcomes = findings.iter().map(|_| Outcome::Left(why.clone())).collect();
                return Some(Mend { shown, path, bytes: Vec::new(), findings, outcomes });
            }
        };
        let named = |finding: &&Finding| {
            let rule = rule_of(plan, &finding.check)?;
            let name = book.name(finding, rule, &bytes);
            Some(Literal { span: finding.location.span, name })
        };
        let literals: Vec<Literal> = findings.iter().filter_map(named).collect();
        let outcomes = match client.contains(path.as_slice()) {
            true => literals.iter().map(|_| Outcome::Left(CLIENT.to_owned())).collect(),
            false => guarded(literals.len(), || outcomes(path, &bytes, &findings, &literals)),
        };
        Some(Mend { shown, path, bytes, findings, outcomes })
    })
}

/// What becomes of `count` keys of one file as `work` says; all are left where it panics.
fn guarded(count: usize, work: impl FnOnce() -> Vec<Outcome>) -> Vec<Outcome> {
    let left = || vec![Outcome::Left(fault::TEXT.to_owned()); count];
    fault::contained(work).unwrap_or_else(left)
}

/// True of a key that is left for a fault of keylint.
fn is_fault(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Left(why) if why == fault::TEXT)
}

/// What is to be done for `report`; of its rules only those of `only`, if any are named.
pub fn repair(plan: &Plan, report: &Report, only: &[String]) -> Repair {
    let mut repair = Repair::default();
    let mut names: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    for mend in mends(plan, &report.findings, only) {
        for (finding, outcome) in mend.findings.iter().zip(&mend.outcomes) {
            match outcome {
                Outcome::Rewritten { name, .. } => {
                    repair.keys += 1;
                    let root = root(&mend.shown, mend.path);
                    names.entry(root).or_default().insert(name.clone());
                }
                Outcome::Left(why) => {
                    repair.failed |= is_fault(outcome);
                    repair.left.push((place(finding), why.clone()));
                }
            }
        }
        let new = fix::apply(&mend.bytes, &mend.outcomes);
        if new != mend.bytes {
            repair.files.push(FileRepair::new(plan, mend.shown, mend.bytes, new));
        }
    }
    for finding in report.findings.iter().filter(|f| f.check == "env-file-not-ignored") {
        if let Provenance::File { shown, path } = &finding.location.provenance {
            names.entry(root(&PathBuf::from(shown.to_string()), path)).or_default();
        }
    }
    for (root, names) in names {
        for (name, made) in
            [(EXAMPLE, example(plan, &root, &names)), (GITIGNORE, gitignore(plan, &root))]
        {
            match made {
                Ok(file) => repair.files.extend(file),
                Err(error) => {
                    let place = shown_in(&root, name).display().to_string();
                    repair.left.push((place, format!("it cannot be added to: {error}")));
                }
            }
        }
    }
    repair.files.sort_by(|a, b| a.shown.cmp(&b.shown));
    repair
}

const CLIENT: &str =
    "the file is sent to browsers, which have no environment: move the call to a server";

/// Adds to each finding the edits that `fix` would make, for reports that tools read. Files that do
/// not exist yet are left out: a report can only say how to change what is there. Gives the files on which
/// keylint failed.
pub fn suggest(plan: &Plan, findings: &mut [Finding]) -> Vec<Problem> {
    let mut faults = Vec::new();
    let mut edits: BTreeMap<(String, Span, String), (Vec<Edit>, String)> = BTreeMap::new();
    // A value that stands in a file twice has one fingerprint, so the place tells what is whose.
    let place = |finding: &Finding| {
        let location = &finding.location;
        (location.provenance.shown(), location.span, finding.check.clone())
    };
    // To ask git what it ignores reads its index: once a root, however many findings are below it.
    let mut ignored: BTreeMap<PathBuf, Option<Edit>> = BTreeMap::new();
    for mend in mends(plan, findings, &[]) {
        let root = root(&mend.shown, mend.path);
        let lines = LineIndex::new(&mend.bytes);
        if mend.outcomes.iter().any(is_fault) {
            let place = format!("edits of {file}", file = path_name(&mend.shown));
            faults.push(Problem { place, message: fault::TEXT.to_owned() });
        }
        for (finding, outcome) in mend.findings.iter().zip(mend.outcomes) {
            let Outcome::Rewritten { changes, name } = outcome else { continue };
            let mut made: Vec<Edit> = changes
                .into_iter()
                .map(|change| edit(mend.path, (&mend.bytes, &lines), change))
                .collect();
            let names = BTreeSet::from([name.clone()]);
            let example = example(plan, &root, &names).ok().flatten();
            made.extend(example.and_then(|repair| appending(EXAMPLE, &repair)));
            let ignore = ignored.entry(root.clone()).or_insert_with(|| {
                let ignore = gitignore(plan, &root).ok().flatten();
                ignore.and_then(|repair| appending(GITIGNORE, &repair))
            });
            made.extend(ignore.clone());
            edits.insert(place(finding), (made, format!("Read the value from {name}")));
        }
    }
    for finding in findings {
        let found = edits.get(&place(finding)).cloned();
        if let Some((edits, title)) = found {
            (finding.advice.edits, finding.advice.title) = (edits, title);
        }
    }
    faults
}

/// What `repair` adds at the end of `file`, unless it would make the file.
fn appending(file: &str, repair: &FileRepair) -> Option<Edit> {
    let end = repair.old.len();
    let text = String::from_utf8_lossy(&repair.new[end..]).into_owned();
    let change = Change { span: Span::new(end, end), text };
    let lines = LineIndex::new(&repair.old);
    (end > 0).then(|| edit(&BString::from(file), (&repair.old, &lines), change))
}

/// `change` of the file `path`, whose content is `bytes`, with `lines` and columns.
fn edit(path: &BString, (bytes, lines): (&[u8], &LineIndex), change: Change) -> Edit {
    Edit {
        path: path.clone(),
        start: lines.point(bytes, change.span.start),
        end: lines.point(bytes, change.span.end),
        span: change.span,
        text: change.text,
    }
}

/// Paths of files that a check has seen to reach browsers.
fn client_files(findings: &[Finding]) -> BTreeSet<Vec<u8>> {
    let client = findings.iter().filter(|finding| finding.check == "client-source-key");
    client
        .filter_map(|finding| finding.location.provenance.path())
        .map(|path| path.to_vec())
        .collect()
}

fn rule_of<'p>(plan: &'p Plan, id: &str) -> Option<&'p Rule> {
    let rules = plan.engine.rules().rules();
    let rule = &rules.iter().find(|compiled| compiled.rule.id() == id)?.rule;
    (!rule.public).then_some(rule)
}

/// The findings of rules by file, in order of place, each place once.
fn by_file<'f>(
    plan: &Plan,
    findings: &'f [Finding],
    only: &[String],
) -> BTreeMap<PathBuf, Vec<&'f Finding>> {
    let mut files: BTreeMap<PathBuf, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let Provenance::File { shown, .. } = &finding.location.provenance else { continue };
        let wanted = only.is_empty() || only.contains(&finding.check);
        if !wanted || rule_of(plan, &finding.check).is_none() {
            continue;
        }
        let Ok(shown) = shown.to_path() else { continue };
        files.entry(shown.to_owned()).or_default().push(finding);
    }
    for findings in files.values_mut() {
        findings.sort_by_key(|finding| finding.location.span);
        findings.dedup_by_key(|finding| finding.location.span);
    }
    files
}

fn place(finding: &Finding) -> String {
    let location = &finding.location;
    format!(
        "{path}:{line}:{column} {check}",
        path = location.provenance.shown(),
        line = location.start.line,
        column = location.start.column,
        check = finding.check
    )
}

/// What becomes of the keys of one file.
fn outcomes(
    path: &[u8],
    bytes: &[u8],
    findings: &[&Finding],
    literals: &[Literal],
) -> Vec<Outcome> {
    let plain = |finding: &&&Finding| {
        let span = finding.location.span;
        bytes.get(span.start..span.end).is_some_and(|text| Secret::new(text) == finding.secret)
    };
    if findings.iter().filter(plain).count() < findings.len() {
        let why = "a key in the file is encoded: rewrite it by hand";
        return literals.iter().map(|_| Outcome::Left(why.to_owned())).collect();
    }
    match Kind::of(path) {
        Some(kind) => literals.iter().map(|literal| variable(kind, path, bytes, literal)).collect(),
        None => fix::rewrite(path, bytes, literals),
    }
}

/// A key in a file that sets environment variables.
fn variable(kind: Kind, path: &[u8], bytes: &[u8], literal: &Literal) -> Outcome {
    let variables = kind.variables(bytes);
    let own = variables.iter().find(|variable| variable.span == literal.span);
    let Some(own) = own else {
        return Outcome::Left(format!("it is no whole value of this {kind}", kind = kind.name()));
    };
    let name = &own.name;
    let text = match kind {
        Kind::Dotenv if envs::is_example(path) => String::new(),
        Kind::Dotenv => {
            let why = "an env file is where it may be, as long as git ignores the file";
            return Outcome::Left(why.to_owned());
        }
        Kind::Compose => format!("${{{name}}}"),
        Kind::Workflow => format!("${{{{ secrets.{name} }}}}"),
        Kind::Systemd | Kind::Dockerfile | Kind::Vercel => {
            return Outcome::Left("see docs/hygiene.md, env-literal-secret".to_owned());
        }
    };
    Outcome::Rewritten { changes: vec![Change { span: literal.span, text }], name: name.clone() }
}

/// The folder that `path` is relative to.
fn root(shown: &Path, path: &[u8]) -> PathBuf {
    let full = shown.canonicalize().unwrap_or_else(|_| shown.to_owned());
    let depth = path.split(|&b| b == b'/').count();
    full.ancestors().nth(depth).map_or_else(PathBuf::new, Path::to_owned)
}

/// A file of `root` as the user would type it.
fn shown_in(root: &Path, name: &str) -> PathBuf {
    let full = root.join(name);
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    full.strip_prefix(&here).map_or_else(|_| full.clone(), Path::to_owned)
}

const EXAMPLE: &str = ".env.example";
const GITIGNORE: &str = ".gitignore";

/// `.env.example` with the names that it lacks.
fn example(plan: &Plan, root: &Path, names: &BTreeSet<String>) -> io::Result<Option<FileRepair>> {
    let shown = shown_in(root, EXAMPLE);
    let old = extendable(plan, &shown)?;
    let known: BTreeSet<String> =
        crate::hygiene::dotenv::parse(&old).into_iter().map(|variable| variable.name).collect();
    let lines: String = names
        .iter()
        .filter(|name| !known.contains(*name))
        .map(|name| format!("{name}=\n"))
        .collect();
    Ok((!lines.is_empty()).then(|| appended(plan, shown, old, &lines)))
}

/// `.gitignore` with `.env`, where git would take such a file.
fn gitignore(plan: &Plan, root: &Path) -> io::Result<Option<FileRepair>> {
    match Status::around(root) {
        Some(status) if !status.ignores(b".env") => {
            let shown = shown_in(root, GITIGNORE);
            let old = extendable(plan, &shown)?;
            Ok(Some(appended(plan, shown, old, ".env\n")))
        }
        _ => Ok(None),
    }
}

/// The content of a file that is added to; empty where there is none. A link may lead out of the
/// repository, so it is no such file.
fn extendable(plan: &Plan, path: &Path) -> io::Result<Vec<u8>> {
    if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return Err(io::Error::other("it is a symbolic link"));
    }
    match plan.content(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

fn appended(plan: &Plan, shown: PathBuf, old: Vec<u8>, lines: &str) -> FileRepair {
    let mut new = old.clone();
    if !new.is_empty() && !new.ends_with(b"\n") {
        new.push(b'\n');
    }
    new.extend_from_slice(lines.as_bytes());
    FileRepair::new(plan, shown, old, new)
}

impl FileRepair {
    /// A change of the file `shown`, whose secrets its diff hides, also those that are left as they are.
    fn new(plan: &Plan, shown: PathBuf, old: Vec<u8>, new: Vec<u8>) -> Self {
        let all = plan.engine.scanner().scan(&old);
        let mut hide: Vec<Secret> = all.iter().map(|c| Secret::new(c.secret.slice(&old))).collect();
        // One that holds another goes first.
        hide.sort_by_key(|secret| Reverse(secret.len()));
        Self { shown, old, new, hide }
    }

    /// The change as a unified diff; keys are redacted unless `show` is set.
    pub fn diff(&self, show: bool) -> String {
        let (old, new) = (self.text(&self.old, show), self.text(&self.new, show));
        let path = self.shown.display();
        let before = if self.old.is_empty() { "/dev/null".to_owned() } else { format!("a/{path}") };
        similar::TextDiff::from_lines(&old, &new)
            .unified_diff()
            .context_radius(2)
            .header(&before, &format!("b/{path}"))
            .to_string()
    }

    #[expect(clippy::disallowed_methods, reason = "the value is looked for to hide it")]
    fn text(&self, bytes: &[u8], show: bool) -> String {
        let mut bytes = bytes.to_vec();
        if !show {
            for secret in self.hide.iter().filter(|secret| !secret.is_empty()) {
                let value = secret.expose();
                // The lines behind it keep their numbers.
                let lines = "\n".repeat(memchr::memchr_iter(b'\n', value).count());
                bytes = bytes.replace(value, redact(value) + &lines);
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Repair {
    /// Writes all files, each whole or not at all. A file that changed since it was scanned is not
    /// touched.
    ///
    /// # Errors
    /// A line for each file that was not written.
    pub fn write(&self) -> Result<(), Vec<String>> {
        let written = |file: &FileRepair| {
            let path = file.shown.display();
            disk::change(&file.shown, (&file.old, &file.new))
                .map_err(|error| format!("{path}: cannot be written: {error}"))
        };
        let failed: Vec<String> =
            self.files.iter().filter_map(|file| written(file).err()).collect();
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_configuration_become_references() {
        let literal = |text: &str| Literal {
            span: Span::new(text.find('@').unwrap(), text.find('@').unwrap() + 1),
            name: "N".to_owned(),
        };
        let text = |kind, path: &str, text: &str| {
            let outcome = variable(kind, path.as_bytes(), text.as_bytes(), &literal(text));
            String::from_utf8(fix::apply(text.as_bytes(), &[outcome])).unwrap()
        };
        assert_eq!(text(Kind::Dotenv, ".env.example", "A=@\n"), "A=\n");
        assert_eq!(text(Kind::Dotenv, ".env", "A=@\n"), "A=@\n");
        let compose = "services:\n  w:\n    environment:\n      A: \"@\"\n";
        assert!(text(Kind::Compose, "compose.yml", compose).contains("A: \"${A}\""));
        let workflow = "env:\n  A: @\n";
        assert_eq!(text(Kind::Workflow, "x.yml", workflow), "env:\n  A: ${{ secrets.A }}\n");
    }

    #[test]
    fn a_fault_in_one_file_leaves_its_keys() {
        let outcomes = guarded(3, || panic!("hunter2-and-more"));
        assert!(outcomes.len() == 3 && outcomes.iter().all(is_fault));
        assert!(!guarded(1, || vec![Outcome::Left("a reason".to_owned())]).iter().any(is_fault));
    }
}
