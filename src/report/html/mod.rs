//! One HTML file that shows a report to people, with no network and no part but itself.
//!
//! The page is fixed text. All that comes from the report is one block of JSON in ASCII without
//! `<`, `>` and `&`, and the script puts it into the page as text, never as markup. The policy in
//! the page allows its own style and script, by hash, and nothing else.

mod ascii;
mod data;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use sha2::{Digest as _, Sha256};

use crate::finding::Report;
use crate::report::Style;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = concat!(include_str!("page.css"), include_str!("finding.css"));
/// The parts share one scope of their own.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("base.js"),
    include_str!("model.js"),
    include_str!("filter.js"),
    include_str!("charts.js"),
    include_str!("folders.js"),
    include_str!("finding.js"),
    include_str!("list.js"),
    include_str!("main.js"),
    "})();\n"
);

pub(super) fn render(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut json = Vec::new();
    data::page(report, style)
        .serialize(&mut serde_json::Serializer::with_formatter(&mut json, ascii::Ascii))?;
    let policy = policy();
    let parts: [(&str, &[u8]); 4] = [
        ("{{policy}}", policy.as_bytes()),
        ("{{style}}", STYLE.as_bytes()),
        ("{{data}}", &json),
        ("{{script}}", SCRIPT.as_bytes()),
    ];
    let mut rest = PAGE;
    for (name, value) in parts {
        let (before, after) = rest.split_once(name).unwrap_or((rest, ""));
        out.write_all(before.as_bytes())?;
        out.write_all(value)?;
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// What the browser may do with the page: run and use the two texts above, and nothing else. Also
/// forbids, where the browser knows that, every call that makes markup of text.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        style = hash(STYLE),
        script = hash(SCRIPT)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_each_part_once_and_in_order() {
        let mut text = Vec::new();
        render(&Report::default(), Style::default(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with("</html>\n") && !text.contains("{{"));
        assert!(text.is_ascii(), "the encoding does not matter");
        let inner = |from: &str, to: &str| {
            let (_, rest) = text.split_once(from).unwrap();
            rest.split_once(to).unwrap().0.to_owned()
        };
        assert_eq!(inner("<style>", "</style>"), STYLE);
        assert_eq!(inner("<script>", "</script>"), SCRIPT);
        // Neither may close its element early.
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
    }
}
