//! Finds the source files that hold or use a key and hands each, parsed once, to its checks.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::hygiene::client_graph::Reach;
use crate::hygiene::page::Page;
use crate::hygiene::survey::Seen;
use crate::hygiene::{Subject, client_ai_request, client_allow_browser, client_source_key};
use crate::syntax::js::Script;

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut reaches: BTreeMap<usize, Reach> = BTreeMap::new();
    for seen in subject.seen.iter().filter(|seen| wanted(seen)) {
        let Some(bytes) = (subject.read)(&seen.shown) else { continue };
        let ai = seen.marks.authorization && names_ai_host(subject, &bytes);
        if !ai && !seen.marks.hit && !seen.marks.browser_flag {
            continue;
        }
        let page = Page::file(subject, (seen.shown.clone(), seen.path.clone()), &bytes);
        let Some(script) = Script::parse(&seen.path, &page.bytes) else { continue };
        if seen.marks.browser_flag {
            client_allow_browser::judge(&page, &script, found);
        }
        if !ai && page.kept().is_empty() {
            continue;
        }
        let reach = reaches.entry(seen.root).or_insert_with(|| Reach::build(subject, seen.root));
        let Some(chain) = reach.chain(&seen.path) else { continue };
        let from = found.len();
        client_source_key::judge(&page, &script, found);
        if ai {
            client_ai_request::judge(&page, &script, found);
        }
        for finding in &mut found[from..] {
            let note = match chain.len() {
                1 => format!("{path} is sent to browsers", path = chain[0]),
                _ => format!("reaches browsers by {chain}", chain = chain.join(" → ")),
            };
            finding.advice.notes.push(note);
        }
    }
}

fn wanted(seen: &Seen) -> bool {
    let marks = seen.marks;
    marks.script && !marks.built && (marks.hit || marks.authorization || marks.browser_flag)
}

fn names_ai_host(subject: &Subject<'_>, bytes: &[u8]) -> bool {
    subject
        .names
        .ai_hosts()
        .iter()
        .any(|host| memchr::memmem::find(bytes, host.as_bytes()).is_some())
}
