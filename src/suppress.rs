//! Splits findings into those that count and those that are allowed, applies what the nearest
//! configuration says of them, and reports entries and comments that allowed nothing.

use std::path::Path;
use std::sync::Arc;

use bstr::{BStr, ByteSlice as _};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::blob::Provenance;
use crate::config::tree::{self, Entry, Layer, Tree};
use crate::finding::{Confidence, Finding, Fingerprint, Suppression};
use crate::marker;
use crate::rule::PathKind;
use crate::rule::set::RuleSet;
use crate::suggest;

/// What is allowed, and by whom.
pub struct Suppressions {
    tree: Arc<Tree>,
    base: Arc<Path>,
    inline: bool,
}

impl Suppressions {
    /// `base` is the folder that paths of findings start from where they name none; `inline` says
    /// whether marker comments count.
    pub fn new(tree: Arc<Tree>, base: Arc<Path>, inline: bool) -> Self {
        Self { tree, base, inline }
    }

    fn base<'f>(&'f self, finding: &'f Finding) -> &'f Path {
        finding.base.as_deref().unwrap_or(&self.base)
    }

    /// `finding` with the severity that the configuration gives it; `None` where its confidence is
    /// below `least`, or below what the nearest file asks for.
    pub fn settle(&self, mut finding: Finding, least: Option<Confidence>) -> Option<Finding> {
        let chain = self.tree.of(self.base(&finding), path(&finding));
        let least = least.or_else(|| tree::min_confidence(&chain));
        if least.is_some_and(|least| finding.confidence < least) {
            return None;
        }
        if let Some(severity) = tree::severity(&chain, &finding.check) {
            finding.severity = severity;
        }
        Some(finding)
    }

    /// Why `finding` is allowed, if it is. The nearest file's entries are tried first.
    pub fn judge(&self, finding: &Finding) -> Option<Suppression> {
        if let Some(marker) = finding.marker.as_ref().filter(|_| self.inline) {
            let reason = marker.reason.clone();
            return Some(Suppression::Inline { marker: marker.name, reason });
        }
        let base = self.base(finding);
        let chain = self.tree.of(base, path(finding));
        let entries = chain
            .iter()
            .rev()
            .flat_map(|layer| layer.allow.iter().map(move |entry| (layer, entry)));
        let mut holding = entries.filter(|(layer, entry)| holds(layer, entry, base, finding));
        let (_, entry) = holding.next()?;
        entry.mark();
        Some(Suppression::Config { reason: entry.allow.reason.clone() })
    }

    /// A line for each `keylint:allow` comment of a file that allows none of the file's `findings`,
    /// with its line number. Markers of other tools may be for rules that keylint has not, and those that
    /// name one of `checks` are for what is judged later.
    pub fn stray(
        &self,
        (bytes, shown): (&[u8], &str),
        findings: &[Finding],
        rules: &RuleSet,
        checks: &[&str],
    ) -> Vec<(u32, String)> {
        if !self.inline || !marker::has_own(bytes) {
            return Vec::new();
        }
        // Documentation shows markers that are none.
        if rules.kinds(shown.as_bytes()).contains(&PathKind::Docs) {
            return Vec::new();
        }
        let used: FxHashSet<u32> =
            findings.iter().filter_map(|f| f.marker.as_ref()).map(|marker| marker.line).collect();
        // The first finding of each line.
        let mut on_line: FxHashMap<u32, &Finding> = FxHashMap::default();
        for finding in findings {
            for line in finding.location.start.line..=finding.location.end.line {
                on_line.entry(line).or_insert(finding);
            }
        }
        let markers = marker::find(bytes, false).into_iter().filter(|marker| {
            marker.declared && !marker.rules.iter().any(|id| checks.contains(&id.as_str()))
        });
        let strays = markers.filter_map(|marker| {
            let unknown = marker.rules.iter().find(|id| !rules.knows(id));
            let there = on_line.get(&marker.target);
            let what = match (unknown, there) {
                (Some(id), _) => {
                    let known = rules.rules().iter().map(|rule| rule.rule.id());
                    format!("names `{id}`, which is no rule{}", suggest::hint(id, known))
                }
                _ if used.contains(&marker.line) => return None,
                (None, Some(finding)) => {
                    let id = &finding.check;
                    format!("does not name `{id}`, the rule of the finding there")
                }
                (None, None) => "allows nothing and can go".to_owned(),
            };
            Some((marker.line, format!("{shown}:{line}: keylint:allow {what}", line = marker.line)))
        });
        strays.collect()
    }

    /// A line for each entry that allowed nothing though all below its file was scanned, and one for
    /// what a file in a subfolder sets in vain.
    pub fn notices(&self, start: &Path) -> Vec<String> {
        let mut lines = Vec::new();
        let top = self.tree.at(&tree::canonical(start));
        for layer in self.tree.layers() {
            let file = shown(&layer, &self.base);
            for (at, entry) in layer.allow.iter().enumerate() {
                if !entry.is_used() && self.tree.covers(&layer) {
                    let line = layer.line(&format!("allow.{at}"));
                    let reason = &entry.allow.reason;
                    lines.push(format!(
                        "{file}:{line}: the [[allow]] entry matched nothing and can go: {reason:?}"
                    ));
                }
            }
            if !top.iter().any(|other| other.config.path == layer.config.path) {
                lines.extend(layer.config.run_wide().into_iter().map(|key| {
                    let line = layer.line(key);
                    format!("{file}:{line}: `{key}` counts only for a scan that starts there")
                }));
            }
        }
        lines
    }
}

/// Path of a file as reports show it: relative to `base` where it is below.
pub fn shown(layer: &Layer, base: &Path) -> String {
    let path = layer.config.path.as_deref().unwrap_or(Path::new(crate::config::FILE_NAME));
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

fn path(finding: &Finding) -> Option<&BStr> {
    finding.location.provenance.path().map(|path| path.as_bstr())
}

/// True when `wanted` is the fingerprint of `finding`, or the one that findings of guessable values had
/// before these told less: entries of that time go on holding.
fn has_fingerprint(finding: &Finding, wanted: &str) -> bool {
    let former = || {
        let path = path(finding).map_or(b"".as_slice(), |path| path.as_bytes());
        Fingerprint::of(&[finding.check.as_bytes(), path, &finding.secret.digest()])
    };
    finding.fingerprint.0 == wanted || former().0 == wanted
}

#[expect(clippy::disallowed_methods, reason = "a user's pattern is tried on the value")]
fn holds(layer: &Layer, entry: &Entry, base: &Path, finding: &Finding) -> bool {
    let allow = &entry.allow;
    let in_commit = |id: &String| match &finding.location.provenance {
        Provenance::Commit { commit, .. } => {
            commit.id.to_string().starts_with(&id.to_ascii_lowercase())
        }
        _ => false,
    };
    allow.rule.as_ref().is_none_or(|rule| *rule == finding.check)
        && allow.fingerprint.as_ref().is_none_or(|f| has_fingerprint(finding, f))
        && allow.line.is_none_or(|line| line == finding.location.start.line)
        && allow.commit.as_ref().is_none_or(in_commit)
        && entry.path_holds(layer, base, path(finding))
        && entry.pattern.as_ref().is_none_or(|regex| regex.is_match(finding.secret.expose()))
}
