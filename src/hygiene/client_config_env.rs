//! Build configuration that puts values into client code whatever they are called: `env` of
//! next.config, `define` of Vite and esbuild, webpack's DefinePlugin, Nuxt's public runtimeConfig.

use crate::finding::{Confidence, Finding, Severity};
use crate::hygiene::page::Page;
use crate::hygiene::{Check, Subject, base_name};
use crate::syntax::js::{Script, entries};
use crate::syntax::{Node, each, span, text};

/// A secret that the build writes into client code.
pub(super) const CHECK: Check = Check {
    id: "client-config-env",
    description: "The build configuration writes a secret into the code of every visitor.",
    severity: Severity::High,
    confidence: Confidence::Medium,
    remediation: "Take the entry out and read the value on the server, where it needs no such entry.",
};

/// A place in a configuration whose entries end up in client code.
#[derive(Clone, Copy)]
enum Place {
    /// `env: { NAME: … }` of next.config.
    NextEnv,
    /// `define: { 'process.env.NAME': … }`.
    Define,
    /// `runtimeConfig: { public: { name: … } }`.
    NuxtPublic,
}

impl Place {
    fn what(self) -> &'static str {
        match self {
            Self::NextEnv => "`env` of next.config",
            Self::Define => "`define`",
            Self::NuxtPublic => "Nuxt's public runtimeConfig",
        }
    }
}

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for seen in subject.seen.iter().filter(|seen| seen.marks.script) {
        if !is_config(&seen.path) {
            continue;
        }
        let Some(page) = Page::read(subject, seen) else { continue };
        let Some(script) = Script::parse(&seen.path, &page.bytes) else { continue };
        let next = base_name(&seen.path).starts_with(b"next.config");
        each(script.root(), &mut |node| {
            if let Some((place, object)) = place(node, &page.bytes, next) {
                for (key, at, value) in entries(object, &page.bytes) {
                    found.extend(judge(&page, place, (&key, at), value));
                }
            }
            true
        });
    }
}

fn is_config(path: &[u8]) -> bool {
    let name = String::from_utf8_lossy(base_name(path)).to_ascii_lowercase();
    let known = [
        "next.config.",
        "vite.config.",
        "nuxt.config.",
        "webpack.",
        "astro.config.",
        "svelte.config.",
        "vue.config.",
        "rollup.config.",
        "rspack.config.",
        "rsbuild.config.",
        "esbuild.",
        "craco.config.",
        "tsup.config.",
        "quasar.config.",
        "electron.vite.config.",
        "vitest.config.",
        "craco.",
    ];
    known.iter().any(|stem| name.starts_with(stem))
}

/// The object below `node` whose entries are published.
fn place<'t>(node: Node<'t>, bytes: &[u8], next: bool) -> Option<(Place, Node<'t>)> {
    match node.kind() {
        "pair" => {
            let key = crate::syntax::js::key(node.child_by_field_name("key")?, bytes)?;
            let object = object(node.child_by_field_name("value")?)?;
            match key.as_str() {
                "env" if next => Some((Place::NextEnv, object)),
                "define" => Some((Place::Define, object)),
                "public" if within(node, "runtimeConfig", bytes) => {
                    Some((Place::NuxtPublic, object))
                }
                _ => None,
            }
        }
        "new_expression" => {
            let name = text(node.child_by_field_name("constructor")?, bytes);
            if !name.ends_with(b"DefinePlugin") && !name.ends_with(b"EnvironmentPlugin") {
                return None;
            }
            let object = object(node.child_by_field_name("arguments")?.named_child(0)?)?;
            Some((Place::Define, object))
        }
        _ => None,
    }
}

fn object(node: Node<'_>) -> Option<Node<'_>> {
    (node.kind() == "object").then_some(node)
}

/// True when a pair above `node` has the key `key`.
fn within(node: Node<'_>, key: &str, bytes: &[u8]) -> bool {
    std::iter::successors(node.parent(), Node::parent).any(|above| {
        above.kind() == "pair"
            && above
                .child_by_field_name("key")
                .and_then(|node| crate::syntax::js::key(node, bytes))
                .is_some_and(|name| name == key)
    })
}

fn judge(
    page: &Page<'_>,
    place: Place,
    (key, at): (&str, Node<'_>),
    value: Node<'_>,
) -> Option<Finding> {
    let names = page.names();
    let what = place.what();
    let (at, inside) = (span(at), span(value));
    let known = page.known(inside).filter(|candidate| !page.rule(candidate).public);
    let used = used_names(value, &page.bytes);
    let last = key.rsplit('.').next().unwrap_or(key);
    let whole = matches!(place, Place::Define)
        && key == "process.env"
        && value.kind() != "object"
        && !text(value, &page.bytes).starts_with(b"{}");
    let named =
        std::iter::once(last.to_owned()).chain(used).find(|name| names.secrecy(name).is_some());
    let (text, severity, confidence) = match (known, named) {
        (Some(candidate), _) => (
            format!("{what} writes the key at `{key}` into client code."),
            Severity::Critical,
            candidate.confidence,
        ),
        (None, Some(name)) => (
            format!("{what} writes {name} into client code as `{key}`."),
            Severity::High,
            match names.secrecy(&name) {
                Some(crate::hygiene::names::Secrecy::Sure) => Confidence::High,
                _ => Confidence::Medium,
            },
        ),
        (None, None) if whole => (
            format!("{what} writes the whole environment into client code as `process.env`."),
            Severity::High,
            Confidence::Medium,
        ),
        (None, None) => return None,
    };
    let secret = known.map(|candidate| candidate.secret);
    let mut finding = page.finding(&CHECK, (at, secret), key.as_bytes(), text);
    (finding.severity, finding.confidence) = (severity, confidence);
    Some(finding)
}

/// The members that `value` reads: `X` of `process.env.X`, `env.X` and `env["X"]`.
fn used_names(value: Node<'_>, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    each(value, &mut |node| {
        let name = match node.kind() {
            "member_expression" => node.child_by_field_name("property"),
            "subscript_expression" => node.child_by_field_name("index"),
            _ => None,
        };
        if let Some(name) = name.and_then(|name| crate::syntax::js::key(name, bytes))
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            found.push(name);
        }
        true
    });
    found
}
