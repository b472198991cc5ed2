//! `keylint explain`: what a rule, a check of key hygiene or an exit code means, how it comes about
//! and what to do.

use std::fmt::Write as _;

use crate::blob::Provenance;
use crate::cli::help::{EXIT_CODES, ExitCode, Topic, topics};
use crate::finding::{CheckMeta, Severity};
use crate::hygiene;
use crate::rule::set::{Compiled, RuleSet};
use crate::rule::{Checksum, PathKind, Provider, Rule, parse};
use crate::scan::details::{Options, findings};
use crate::scan::{Candidate, Engine, provider};
use crate::suggest;

/// The page on which each check has a section.
const HYGIENE: &str = include_str!("../docs/hygiene.md");

/// Most names that a message lists.
const LISTED: usize = 8;

/// Columns of prose.
const WIDTH: usize = 96;

/// The page about `name`: a rule of `rules` or of those that are shipped, a check, or an exit code.
///
/// # Errors
/// A message that says which names there are and what may be meant.
pub fn page(name: &str, rules: RuleSet) -> Result<String, String> {
    if let Some(code) = EXIT_CODES.iter().find(|code| name.parse() == Ok(code.code)) {
        return Ok(exit_code(code));
    }
    if let Some(meta) = hygiene::meta(name) {
        return Ok(check(&meta));
    }
    let wanted = |set: &RuleSet| set.rules().iter().any(|c| c.rule.id() == name);
    if wanted(&rules) {
        return rule(name, rules, false);
    }
    let shipped = RuleSet::builtin().map_err(|error| error.to_string())?;
    match wanted(&shipped) {
        true => rule(name, shipped, true),
        false => Err(unknown(name, &rules)),
    }
}

/// What to say of a name that there is not.
fn unknown(name: &str, rules: &RuleSet) -> String {
    let ids = || rules.rules().iter().map(|c| c.rule.id()).chain(hygiene::CHECKS.map(|c| c.id));
    let word = name.to_ascii_lowercase();
    let begin: Vec<&str> = ids().filter(|id| id.starts_with(&word)).collect();
    let hold: Vec<&str> = ids().filter(|id| id.contains(&word)).collect();
    let near = match (suggest::nearest(name, ids()), begin.is_empty()) {
        (Some(other), _) => format!("did you mean `{other}`?"),
        (None, false) => listed(&begin),
        (None, true) if !hold.is_empty() && word.len() > 2 => listed(&hold),
        (None, true) => {
            "`keylint rules list` shows all rules, docs/hygiene.md the checks".to_owned()
        }
    };
    let codes = EXIT_CODES.map(|code| code.code.to_string()).join(", ");
    format!("`{name}` is no rule, no check and no exit code ({codes}); {near}")
}

fn listed(ids: &[&str]) -> String {
    let shown = ids[..ids.len().min(LISTED)].join(", ");
    match ids.len() > LISTED {
        true => format!("there are {shown} and {n} more", n = ids.len() - LISTED),
        false => format!("there is {shown}"),
    }
}

/// A page under work: a title, then sections of indented lines.
struct Text(String);

impl Text {
    fn new(title: &str, sentence: &str) -> Self {
        Self(format!("{title}\n\n{text}\n", text = wrapped(sentence).join("\n")))
    }

    fn section(&mut self, title: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.0 += &format!("\n{title}\n");
        for line in lines.iter().flat_map(|line| line.lines()).flat_map(wrapped) {
            let indent = if line.is_empty() { "" } else { "  " };
            // Writing to a string cannot fail.
            let _ = writeln!(self.0, "{indent}{line}");
        }
    }
}

fn exit_code(code: &ExitCode) -> String {
    let ExitCode { code, title, meaning, remedy } = code;
    let mut text = Text::new(&format!("Exit code {code}: {title}"), meaning);
    text.section("What to do", &[(*remedy).to_owned()]);
    // Commands name the code of Ctrl-C for all signals.
    let listed = if *code > 128 { 130 } else { *code };
    let of = |topic: &Topic| {
        let (_, meaning) = topic.codes.iter().find(|(other, _)| *other == listed)?;
        Some(format!("{name:17} {meaning}", name = topic.command))
    };
    let named = topics().iter().filter(|topic| !topic.command.is_empty());
    let lines: Vec<String> = named.filter_map(of).collect();
    text.section("By command", &lines);
    text.0
}

fn check(meta: &CheckMeta) -> String {
    let title = format!("{id} (a check of key hygiene)", id = meta.id);
    let mut text = Text::new(&title, &meta.description);
    text.section("Why it matters", &[rank(meta), why(meta.severity).to_owned()]);
    let (prose, example) = section_of(&meta.id);
    text.section("How it is found", &[prose]);
    text.section("Example", &[example]);
    text.section("What to do", std::slice::from_ref(&meta.remediation));
    text.section("How to switch it off", &off(&meta.id));
    text.section(
        "See",
        &["docs/hygiene.md, and rules/hygiene.toml for the names it knows".to_owned()],
    );
    text.0
}

/// What docs/hygiene.md says of the check `id`, and its example.
fn section_of(id: &str) -> (String, String) {
    let after = HYGIENE.split_once(&format!("\n### {id}\n")).map_or("", |(_, rest)| rest);
    let end = after.find("\n##").unwrap_or(after.len());
    let (prose, code) = after[..end].split_once("```").unwrap_or((after, ""));
    // Behind the name of the language, up to the closing fence.
    let code = code.split_once('\n').map_or("", |(_, code)| code);
    (joined(prose.trim()), code.trim_end().trim_end_matches("```").trim_end().to_owned())
}

/// Prose with its paragraphs on a line each.
fn joined(prose: &str) -> String {
    let paragraphs = prose.split("\n\n").map(|text| text.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n")
}

/// `line` in pieces that fit `WIDTH`, cut at spaces; patterns and what is indented stay whole.
fn wrapped(line: &str) -> Vec<String> {
    if line.starts_with(' ') || line.starts_with("Pattern: ") {
        return vec![line.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let last = lines.len() - 1;
        if !lines[last].is_empty()
            && (lines[last].clone() + word).trim_end().chars().count() > WIDTH
        {
            lines.push(String::new());
        }
        let last = lines.len() - 1;
        lines[last] += word;
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

fn rank(meta: &CheckMeta) -> String {
    let (severity, confidence) = (meta.severity.name(), meta.confidence.name());
    format!("Severity {severity}, confidence {confidence}.")
}

/// What a severity stands for.
fn why(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Whoever reads it has broad access or spends the owner's money.",
        Severity::High => "Whoever reads it gets into a service or at its data.",
        Severity::Medium => "It gives limited access, or needs something else to be of use.",
        Severity::Low => "Little can be done with it alone.",
        Severity::Info => "It is public by design; worth knowing.",
    }
}

fn off(id: &str) -> Vec<String> {
    vec![
        format!("One line:    a comment on it or above it: keylint:allow {id} -- REASON"),
        format!(
            "Some paths:  [[allow]] rule = \"{id}\", path = \"GLOB\", reason = \"REASON\" in keylint.toml"
        ),
        format!("Everywhere:  [rules] disable = [\"{id}\"] in keylint.toml"),
        "What is there now, but nothing new: keylint baseline create".to_owned(),
    ]
}

/// The page of the rule `id` of `rules`; `disabled` where the configuration leaves it out.
fn rule(id: &str, rules: RuleSet, disabled: bool) -> Result<String, String> {
    let engine = Engine::new(rules).map_err(|error| error.to_string())?;
    let found = engine.rules().rules().iter().find(|c| c.rule.id() == id);
    let compiled = found.ok_or_else(|| unknown(id, engine.rules()))?;
    let (rule, meta) = (&compiled.rule, compiled.rule.meta(&compiled.vendor));
    let mut text = Text::new(&format!("{id} ({vendor})", vendor = meta.vendor), &meta.description);
    let mut bad = vec![rank(&meta), why(meta.severity).to_owned()];
    bad.extend(rule.rotate_days.map(|days| format!("Keys should be replaced every {days} days.")));
    bad.extend(rule.max_keys.map(|most| format!("The vendor allows a user {most} keys.")));
    text.section("Why it matters", &bad);
    text.section("How it is found", &how(compiled));
    if let Some(provider) = &rule.provider {
        text.section("Evidence that it is this provider's", &evidence(provider));
    }
    if rule.generic {
        text.section("Evidence", &GENERIC.map(str::to_owned));
    }
    text.section("Example", &example(&engine, compiled));
    text.section("What to do", &remedy(rule, &meta));
    if disabled {
        let line =
            "It is switched off here: keylint.toml names it, or leaves out the shipped rules.";
        text.section("How to switch it on", &[line.to_owned()]);
    } else {
        text.section("How to switch it off", &off(id));
    }
    let file = format!("{file} has the rule", file = compiled.file);
    text.section("See", &[meta.references.as_slice(), &[file]].concat());
    Ok(text.0)
}

/// How a generic rule decides.
const GENERIC: [&str; 3] = [
    "Such a value has no form of its own. It is scored: its name, its characters, how it is assigned,",
    "its file and its place speak for or against it, in tenths of log-odds that were fitted on labelled",
    "lines (docs/accuracy-generic.md). `keylint scan --explain` shows each piece with its weight.",
];

/// What text the rule needs, and what it leaves alone.
fn how(compiled: &Compiled) -> Vec<String> {
    let rule = &compiled.rule;
    let mut lines = Vec::new();
    if !rule.keywords.is_empty() {
        lines.push(format!("Only in text that holds: {words}", words = rule.keywords.join(", ")));
    }
    lines.push(format!("Pattern: {pattern}", pattern = compiled.pattern()));
    let (digits, entropy) = (rule.min_digits, rule.entropy);
    lines.extend((digits > 0).then(|| format!("It has at least {digits} digits.")));
    lines
        .extend(entropy.map(|bits| format!("It has at least {bits} bits of entropy a character.")));
    lines.extend(rule.checksum.map(|kind| {
        let name = checksum(kind);
        format!(
            "Its checksum ({name}) is computed again; where it is wrong, the confidence is low."
        )
    }));
    if let Some(pair) = &rule.pair {
        let (with, name, within) = (&pair.with, &pair.name, pair.within);
        let alone = if pair.required { " Without it nothing is reported." } else { "" };
        lines.push(format!("Joined with its {name} ({with}) within {within} bytes.{alone}"));
    }
    if !rule.paths.is_empty() {
        lines.push(format!("Only in files like {paths}", paths = rule.paths.join(", ")));
    }
    let skipped: Vec<&str> = rule.skip.iter().map(|kind| path_kind(*kind)).collect();
    if !skipped.is_empty() {
        lines.push(format!("Not in {kinds}.", kinds = skipped.join(", ")));
    }
    lines.extend(rule.allow.iter().map(|allow| format!("Not reported: {why}", why = allow.reason)));
    lines.push(
        "Placeholders and example values are left out unless --placeholders is given.".to_owned(),
    );
    lines
}

fn checksum(kind: Checksum) -> &'static str {
    match kind {
        Checksum::Crc32Base62 => "CRC32 in base62",
        Checksum::GithubFineGrained => "SHA-256 in base32",
        Checksum::GitlabRoutable => "CRC32 in base36",
        Checksum::Confluent => "CRC32 in base64",
        Checksum::Zuplo | Checksum::Atlassian | Checksum::Cloudflare => "CRC32 in hex",
        Checksum::AgeBech32 => "Bech32",
    }
}

fn path_kind(kind: PathKind) -> &'static str {
    match kind {
        PathKind::Lock => "lock files",
        PathKind::Minified => "minified or generated code",
        PathKind::Test => "tests and fixtures",
        PathKind::Docs => "documentation",
        PathKind::BinaryLike => "files of encoded data",
    }
}

/// The words that name a provider whose keys look like those of others, and what they weigh.
fn evidence(provider: &Provider) -> Vec<String> {
    let mut lines = vec![provider::explained()];
    let mut words = |what: &str, words: &[String]| {
        if !words.is_empty() {
            lines.push(format!("{what}: {words}", words = words.join(", ")));
        }
    };
    words("Names", &provider.names);
    words("Hosts", &provider.hosts);
    words("Models", &provider.models);
    words("Imports", &provider.imports);
    lines.extend(provider.marks.iter().map(|m| format!("{:+} {what}", m.weight, what = m.what)));
    lines.push("`keylint scan --explain` shows what spoke for and against a finding.".to_owned());
    lines
}

/// The first example of the rule's file, as a report shows it: the value is redacted.
fn example(engine: &Engine, compiled: &Compiled) -> Vec<String> {
    let texts = crate::rule::builtin();
    let named = texts.iter().find(|(name, _)| compiled.file.strip_prefix("rules/") == Some(name));
    let parsed = named.filter(|_| compiled.shipped).and_then(|(name, text)| parse(name, text).ok());
    let rules = parsed.map_or(Vec::new(), |file| file.rule);
    let own = rules.iter().find(|rule| rule.id() == compiled.rule.id()).unwrap_or(&compiled.rule);
    let Some(text) = own.examples.first() else { return Vec::new() };
    let all = engine.scanner().scan(text.as_bytes());
    let is_own = |c: &&Candidate| engine.rules().get(c.rule).rule.id() == own.id();
    let kept: Vec<Candidate> = all.iter().filter(is_own).take(1).cloned().collect();
    let place = (kept.as_slice(), all.as_slice());
    let shown = findings(engine, text.as_bytes(), place, &Provenance::Stdin, Options::default());
    shown.into_iter().map(|finding| finding.location.excerpt.text).collect()
}

fn remedy(rule: &Rule, meta: &CheckMeta) -> Vec<String> {
    let mut lines = vec![meta.remediation.clone()];
    lines.extend(meta.rotate.as_ref().map(|page| format!("Rotate:  {page}")));
    if !meta.env.is_empty() {
        let names = meta.env.join(" or ");
        lines.push(format!(
            "Read it from the environment: {names}; `keylint fix` rewrites the code."
        ));
    }
    lines.extend(rule.verify.as_ref().map(|verify| {
        let call = &verify.call;
        format!("Does it still work?  `keylint scan --verify` asks the vendor; the call {call}.")
    }));
    lines
}
