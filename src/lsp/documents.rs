//! Open documents, the plans that judge them, and the workspace folders that decide which plan is
//! whose.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::FilterArgs;
use crate::config::FILE_NAME;
use crate::finding::SkipReason;
use crate::plan::Plan;
use crate::run::document::{Judged, document, is_ignored};

use super::text::{Encoding, Range, Text};
use super::{path_of, uri_of};

/// A document that the client has open.
pub(super) struct Document {
    /// As the client names it.
    pub(super) uri: String,
    /// Its file; `None` for one that was never saved.
    pub(super) path: Option<PathBuf>,
    /// The client's number of this content.
    pub(super) version: i64,
    /// The content.
    pub(super) text: Text,
    /// What there is to say of it.
    pub(super) judged: Judged,
    /// Why it was not looked at, where it was not.
    pub(super) unseen: Option<&'static str>,
    /// It changed since it was judged.
    changed: bool,
    /// Git ignores it, so that no scan of the folder would read it.
    ignored: bool,
}

/// All of them.
pub(super) struct Documents {
    filter: FilterArgs,
    folders: Vec<PathBuf>,
    /// By the folder that a scan would start from.
    plans: BTreeMap<PathBuf, Plan>,
    open: BTreeMap<String, Document>,
}

impl Documents {
    /// None yet; `filter` is what the command line says of what counts.
    pub(super) fn new(filter: FilterArgs) -> Self {
        Self { filter, folders: Vec::new(), plans: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// Adds and removes workspace folders.
    pub(super) fn folders(&mut self, added: &[String], removed: &[String]) {
        let gone: Vec<PathBuf> = removed.iter().filter_map(|uri| path_of(uri)).collect();
        self.folders.retain(|folder| !gone.contains(folder));
        let new = added.iter().filter_map(|uri| path_of(uri)).filter(|path| path.is_dir());
        self.folders.extend(new);
        self.reload();
    }

    /// Reads configuration, rules and baselines again when they are needed next.
    pub(super) fn reload(&mut self) {
        self.plans.clear();
        for document in self.open.values_mut() {
            document.ignored = document.path.as_deref().is_some_and(is_ignored);
            document.changed = true;
        }
    }

    /// The document `uri`.
    pub(super) fn get(&self, uri: &str) -> Option<&Document> {
        self.open.get(uri)
    }

    /// The open document of the file `path`.
    pub(super) fn at(&self, path: &Path) -> Option<&Document> {
        self.open.values().find(|document| document.path.as_deref() == Some(path))
    }

    /// Takes a new document.
    pub(super) fn open(&mut self, uri: String, version: i64, text: &str) {
        let path = path_of(&uri);
        let ignored = path.as_deref().is_some_and(is_ignored);
        let (text, judged) = (Text::new(text), Judged::default());
        let (unseen, changed) = (None, true);
        let document =
            Document { uri: uri.clone(), path, version, text, judged, unseen, changed, ignored };
        self.open.insert(uri, document);
    }

    /// Changes the content of a document, one change after the other.
    pub(super) fn change<'c>(
        &mut self,
        (uri, version): (&str, i64),
        changes: impl Iterator<Item = (Option<Range>, &'c str)>,
        encoding: Encoding,
    ) {
        let Some(document) = self.open.get_mut(uri) else { return };
        for (range, new) in changes {
            document.text = document.text.with(range, new, encoding);
        }
        (document.version, document.changed) = (version, true);
    }

    /// Notes that a document was saved. One that decides what counts changes all others; true for such
    /// a one.
    pub(super) fn saved(&mut self, uri: &str) -> bool {
        let Some(path) = path_of(uri) else { return false };
        let decides = |plan: &Plan| {
            let baseline = plan.baseline_file.canonicalize();
            let layers = plan.configs.layers();
            let mut rules = layers.iter().flat_map(|layer| {
                let folder = layer.config.folder().to_owned();
                layer.config.rules.files.iter().map(move |file| folder.join(file))
            });
            baseline.is_ok_and(|baseline| baseline == path)
                || rules.any(|file| path.starts_with(file))
        };
        let name = path.file_name().unwrap_or_default();
        if name == FILE_NAME || name == ".gitignore" || self.plans.values().any(decides) {
            self.reload();
            return true;
        }
        if let Some(document) = self.open.get_mut(uri) {
            // What git says of it may have changed.
            document.ignored = is_ignored(&path);
            document.path = Some(path);
            document.changed = true;
        }
        false
    }

    /// Forgets a document.
    pub(super) fn close(&mut self, uri: &str) {
        self.open.remove(uri);
    }

    /// The documents that are to be judged.
    pub(super) fn changed(&self) -> Vec<String> {
        let changed = self.open.values().filter(|document| document.changed);
        changed.map(|document| document.uri.clone()).collect()
    }

    /// Judges the document `uri` if it changed. Gives what keeps it from being judged as the user
    /// wants it, such as a mistake in keylint.toml.
    pub(super) fn judge(&mut self, uri: &str) -> Vec<String> {
        let Some(document) = self.open.get_mut(uri).filter(|document| document.changed) else {
            return Vec::new();
        };
        document.changed = false;
        document.judged = Judged::default();
        document.unseen = None;
        let (path, text) = (document.path.clone(), Arc::clone(document.text.all()));
        let ignored = document.ignored;
        let plan = match self.plan(path.as_deref()) {
            Ok(plan) => plan,
            Err(fault) => return vec![fault],
        };
        if ignored && !plan.no_ignore {
            if let Some(document) = self.open.get_mut(uri) {
                document.unseen = Some(SkipReason::Ignored.name());
            }
            return Vec::new();
        }
        let judged = document_of(plan, path.as_deref(), &text);
        let mut faults: Vec<String> =
            plan.configs.faults().iter().map(ToString::to_string).collect();
        match (judged, self.open.get_mut(uri)) {
            (Ok(judged), Some(document)) => {
                document.unseen = judged.skipped.map(SkipReason::name);
                document.judged = judged;
            }
            (Err(fault), _) => faults.push(fault),
            (Ok(_), None) => {}
        }
        faults
    }

    /// What `text` would be judged as in place of the document `uri`.
    pub(super) fn judge_as(&mut self, uri: &str, text: &str) -> Option<Judged> {
        let path = self.open.get(uri)?.path.clone();
        let plan = self.plan(path.as_deref()).ok()?;
        if let Some(path) = &path {
            plan.open.insert(path.clone(), Arc::from(text));
        }
        document_of(plan, path.as_deref(), text).ok()
    }

    /// The plan for a file, with everything that is open.
    ///
    /// # Errors
    /// What is wrong with the configuration, the rules or the baseline.
    pub(super) fn plan(&mut self, path: Option<&Path>) -> Result<&mut Plan, String> {
        let root = self.root(path);
        if !self.plans.contains_key(&root) {
            let plan = Plan::fix(vec![root.clone()], self.filter.clone());
            self.plans.insert(root.clone(), plan.map_err(|error| error.to_string())?);
        }
        let files = self
            .open
            .values()
            .filter_map(|document| Some((document.path.clone()?, Arc::clone(document.text.all()))));
        let plan = self.plans.get_mut(&root).ok_or_else(String::new)?;
        plan.open = files.collect();
        Ok(plan)
    }

    /// The innermost workspace folder around `path`, else the folder of the file.
    fn root(&self, path: Option<&Path>) -> PathBuf {
        let first = || self.folders.first().cloned().unwrap_or_else(|| PathBuf::from("."));
        let Some(path) = path else { return first() };
        let around = self.folders.iter().filter(|folder| path.starts_with(folder));
        let innermost = around.max_by_key(|folder| folder.components().count()).cloned();
        innermost.or_else(|| path.parent().map(Path::to_owned)).unwrap_or_else(first)
    }

    /// The client's name of the file `path`, and the number of its content where it is open.
    pub(super) fn name(&self, path: &Path) -> Option<(String, Option<i64>)> {
        match self.at(path) {
            Some(document) => Some((document.uri.clone(), Some(document.version))),
            None => Some((uri_of(path)?, None)),
        }
    }
}

fn document_of(plan: &mut Plan, path: Option<&Path>, text: &str) -> Result<Judged, String> {
    document(plan, path, text).map_err(|error| error.to_string())
}
