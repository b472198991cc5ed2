//! Quick fixes: what `keylint fix` would do, and a comment that allows the finding.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bstr::ByteSlice as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::finding::{Edit, Finding};
use crate::repair;
use crate::span::Span;

use super::documents::Documents;
use super::text::{Range, Text};
use super::{Client, Uri, diagnostics, ignore};

const KIND: &str = "quickfix";

/// The parameters of `textDocument/codeAction`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    text_document: Uri,
    range: Range,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    only: Option<Vec<String>>,
}

/// Edits of a document: bytes that go, and what comes in their place.
type Edits = BTreeMap<PathBuf, Vec<(Span, String)>>;

/// The actions for the findings that touch the range.
pub(super) fn answer(documents: &mut Documents, client: Client, asked: &Asked) -> Value {
    let uri = asked.text_document.uri.as_str();
    let wanted = |kind: &String| kind.is_empty() || kind == KIND;
    if asked.context.only.as_ref().is_some_and(|only| !only.iter().any(wanted)) {
        return json!([]);
    }
    // What the client sees may be older than what it has sent.
    documents.judge(uri);
    let Some(document) = documents.get(uri) else { return json!([]) };
    let (from, to) = (
        document.text.offset(asked.range.start, client.encoding),
        document.text.offset(asked.range.end, client.encoding),
    );
    let path = document.path.clone();
    let touches = |finding: &&Finding| {
        let span = finding.location.span;
        span.start <= to && from <= span.end
    };
    let mut findings = document.judged.report.findings.clone();
    if let Ok(plan) = documents.plan(path.as_deref()) {
        repair::suggest(plan, &mut findings);
    }
    let mut actions = Vec::new();
    for finding in findings.iter().filter(touches) {
        actions.extend(fix(documents, client, (uri, finding)));
        actions.extend(allow(documents, client, (uri, finding)));
    }
    json!(actions)
}

/// What `keylint fix` does for the finding.
fn fix(documents: &Documents, client: Client, (uri, finding): (&str, &Finding)) -> Option<Value> {
    let base = finding.base.as_deref()?;
    let mut edits = Edits::new();
    for Edit { path, span, text, .. } in &finding.advice.edits {
        let file = base.join(path.to_path().ok()?);
        edits.entry(file).or_default().push((*span, text.clone()));
    }
    let edit = workspace(documents, client, &edits)?;
    let title = format!("{title} (keylint fix)", title = finding.advice.title);
    Some(action(documents, client, (uri, finding), (&title, edit, true)))
}

/// A comment that allows the finding, where one can stand that does.
fn allow(
    documents: &mut Documents,
    client: Client,
    (uri, finding): (&str, &Finding),
) -> Option<Value> {
    let document = documents.get(uri)?;
    let path = document.path.clone()?;
    let name = finding.location.provenance.path()?;
    let places = ignore::places(name, &document.text, (finding.location.span, &finding.check));
    let all = document.text.all().clone();
    let works = |documents: &mut Documents, text: &str| {
        let judged = documents.judge_as(uri, text);
        judged.is_some_and(|judged| {
            let same = |other: &Finding| {
                other.fingerprint == finding.fingerprint
                    && other.location.excerpt == finding.location.excerpt
            };
            !judged.report.findings.iter().any(same)
        })
    };
    let place = places.into_iter().find(|place| works(documents, &place.apply(&all)))?;
    let edits = Edits::from([(path, vec![(Span::new(place.at, place.at), place.text)])]);
    let edit = workspace(documents, client, &edits)?;
    let title = format!("Allow {check} here with a comment", check = finding.check);
    Some(action(documents, client, (uri, finding), (&title, edit, false)))
}

fn action(
    documents: &Documents,
    client: Client,
    (uri, finding): (&str, &Finding),
    (title, edit, preferred): (&str, Value, bool),
) -> Value {
    let diagnostics: Vec<Value> = documents
        .get(uri)
        .map(|document| diagnostics::one(document, finding, client))
        .into_iter()
        .collect();
    json!({
        "title": title,
        "kind": KIND,
        "diagnostics": diagnostics,
        "isPreferred": preferred,
        "edit": edit,
    })
}

/// `edits` as a workspace edit; `None` where there are none or a file is no UTF-8.
fn workspace(documents: &Documents, client: Client, edits: &Edits) -> Option<Value> {
    if edits.is_empty() {
        return None;
    }
    let mut changes = serde_json::Map::new();
    let mut documented = Vec::new();
    for (path, edits) in edits {
        let (uri, version) = documents.name(path)?;
        let read;
        let text = match documents.at(path) {
            Some(document) => &document.text,
            None => {
                read = Text::new(&std::fs::read_to_string(path).ok()?);
                &read
            }
        };
        let list: Value = edits
            .iter()
            .map(|(span, new)| json!({"range": text.range(*span, client.encoding), "newText": new}))
            .collect();
        documented.push(json!({"textDocument": {"uri": uri, "version": version}, "edits": list}));
        changes.insert(uri, list);
    }
    Some(match client.document_changes {
        true => json!({"documentChanges": documented}),
        false => json!({"changes": changes}),
    })
}
