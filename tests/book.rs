//! The documentation as a book: every page is in it, and every link leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_automata::meta::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages, from the top of the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md"), PathBuf::from("CHANGELOG.md")];
    pages.extend(["SECURITY.md"].map(PathBuf::from));
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name();
        if Path::new(&name).extension().is_some_and(|ending| ending == "md") {
            pages.push(Path::new("docs").join(name));
        }
    }
    pages.retain(|page| root().join(page).is_file());
    pages.sort();
    pages
}

/// A page without what stands in fences and between backticks, where nothing is a link.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let plain: Vec<&str> = line.split('`').step_by(2).collect();
            prose += &plain.join("");
            prose.push('\n');
        }
    }
    prose
}

/// The anchors of a page, as GitHub and mdBook make them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let heading = line.trim_start_matches('#');
        if fenced || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let keep = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor: String = heading.trim().to_lowercase().chars().filter(keep).collect();
        let anchor = anchor.replace(' ', "-");
        let before = seen.entry(anchor.clone()).or_default();
        anchors.insert(if *before == 0 { anchor } else { format!("{anchor}-{before}") });
        *before += 1;
    }
    anchors
}

/// Targets of all links of a page.
fn links(text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let prose = prose(text);
    let mut captures = link.create_captures();
    let mut found = Vec::new();
    let mut at = 0;
    while at < prose.len() {
        link.captures(&prose[at..], &mut captures);
        let Some(span) = captures.get_group(1) else { break };
        found.push(prose[at..][span.range()].to_owned());
        at += span.end;
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(root().join(&page)).unwrap();
        for link in links(&text).iter().filter(|link| !link.contains("://")) {
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let full = root().join(&target);
            assert!(full.exists(), "{page}: nothing is at {link}", page = page.display());
            if !anchor.is_empty() {
                let known = anchors(&fs::read_to_string(full).unwrap());
                let page = page.display();
                assert!(known.contains(anchor), "{page}: {link} is none of {known:?}");
            }
        }
    }
    assert!(count > 40, "{count} links");
}

#[test]
fn every_page_is_in_the_book() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let mut listed: Vec<PathBuf> =
        links(&summary).iter().map(|link| Path::new("docs").join(link)).collect();
    listed.push(PathBuf::from("docs/SUMMARY.md"));
    listed.sort();
    let pages: Vec<PathBuf> = pages().into_iter().filter(|page| page.starts_with("docs")).collect();
    assert_eq!(listed, pages, "docs/SUMMARY.md lists each page of docs/ once");
}
