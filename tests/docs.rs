//! Generated documents are up to date. `KEYLINT_UPDATE=1 cargo test docs` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use keylint::cli::help::{EXIT_CODES, ExitCode, topics};
use keylint::rule::set::{Compiled, RuleSet};
use keylint::rule::verify::{Means, VerifySpec};

use crate::common::{Place, run, stdout};

pub(crate) fn same(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("KEYLINT_UPDATE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let old = fs::read_to_string(&file).unwrap_or_default();
    assert!(old == text, "{path} is old; run `KEYLINT_UPDATE=1 cargo test docs`");
}

fn rule(page: &mut String, compiled: &Compiled) {
    let meta = compiled.rule.meta(&compiled.vendor);
    let (severity, confidence) = (meta.severity.name(), meta.confidence.name());
    writeln!(page, "\n### {}\n\n{}\n", meta.id, meta.description).unwrap();
    writeln!(page, "- Severity {severity}, confidence {confidence}").unwrap();
    if !meta.env.is_empty() {
        writeln!(page, "- Environment: `{}`", meta.env.join("`, `")).unwrap();
    }
    if let Some(rotate) = &meta.rotate {
        writeln!(page, "- Rotate: <{rotate}>").unwrap();
    }
    writeln!(page, "- Remedy: {}", meta.remediation).unwrap();
    for link in &meta.references {
        writeln!(page, "- See <{link}>").unwrap();
    }
}

#[test]
fn docs_of_rules_are_up_to_date() {
    let set = RuleSet::builtin().unwrap();
    let mut page =
        format!("# Rules\n\nGenerated from `rules/*.toml`. {} rules.\n", set.rules().len());
    let mut vendor = "";
    for compiled in set.rules() {
        if compiled.vendor.name != vendor {
            vendor = &compiled.vendor.name;
            writeln!(page, "\n## {vendor}").unwrap();
        }
        rule(&mut page, compiled);
    }
    same("docs/rules.md", &page);
}

/// How docs/verification.md begins.
const VERIFICATION: &str = "\
# Verification

Generated from the `verify` blocks of `rules/*.toml`.

`keylint scan --verify` and `keylint verify < keys` ask the vendor of each distinct key once whether it works. Nothing is sent
without one of the two. `--verify-plan` says what would be asked and sends nothing.

| verdict | meaning |
|---|---|
| live | the key works |
| live-restricted | it works, but may not make this call |
| revoked | the vendor refuses it: revoked, expired or never issued |
| unknown | the vendor was asked; the answer shows neither (timeouts, 429 and 5xx after retries, a page that is not the vendor's) |
| not-tried | nobody was asked, or the request could not be made; the reason is given |

- **Calls only read.** A block that names a call that generates, searches, mints, rotates or revokes is refused when it is
  loaded, whoever wrote it. NB Pro has only its generating endpoint; it is asked with an empty JSON object, without the prompt
  that it needs to make an image.
- **Only the vendor that the finding names is asked.** Where the form of a key is shared and nothing near it names a provider,
  nobody is, unless you pass `--verify-candidates`: then the ranked ones are asked in turn, after a warning.
- **A host that came from scanned text, or from a rule of your own, is never contacted** unless `--verify-allow-host` names it,
  and never a private, loopback or link-local address. `--verify-endpoint PROVIDER=URL` is your word for a gateway of yours and
  may have one. Redirects are followed on the same host only.
- **A positive verdict needs the vendor's form**: a login page or a firewall's 403 is unknown.
- **One key, one question, one verdict.** Rules that ask the same are asked once; a finding whose provider is not evident, or that
  lacks a part, takes what another finding of the same key was told.
- Regional vendors are asked in all regions before a key counts as revoked. Where others can run the same software, a refusal by
  the vendor's own host is unknown.
- TLS by rustls with the system's roots and `--ca-cert`; proxies from the environment; `--verify-rate` requests a second for each
  host, 4 at once; `--verify-concurrency` in all; `Retry-After` is kept up to 30 s; a host that asks for more, or that fails 20
  times in a row, is left alone. An `http` endpoint of yours is asked without a proxy, who could read the key.
- Answers are cached for an hour (`--cache-ttl`, `--no-cache`) under a salted hash of the key, in a file that only you can read.
- The key is in no log, also not in that of `KEYLINT_LOG=trace`.

A rule's block, with all it may say, is described at `VerifySpec` in `src/rule/verify.rs`.
";

fn list(statuses: &[u16]) -> String {
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
}

/// The meanings of a block's answers, as `statuses: what they show`.
fn meanings(verify: &VerifySpec) -> String {
    let mut parts = Vec::new();
    for (name, statuses) in
        [("live", &verify.live), ("restricted", &verify.restricted), ("revoked", &verify.revoked)]
    {
        if !statuses.is_empty() {
            parts.push(format!("{name} {}", list(statuses)));
        }
    }
    for answer in &verify.answers {
        let name = match answer.means {
            Means::Live => "live",
            Means::Restricted => "restricted",
            Means::Revoked => "revoked",
            Means::Unknown => "unknown",
        };
        let mut when = vec![list(&answer.status)];
        when.extend(answer.contains.as_ref().map(|text| format!("`{text}`")));
        when.extend(answer.at.as_ref().map(|at| match &answer.is {
            Some(is) => format!("`{at}` is {is}"),
            None => format!("`{at}` is there"),
        }));
        when.extend(answer.says.as_ref().map(|says| format!("({says})")));
        when.retain(|part| !part.is_empty());
        parts.push(format!("{name} {}", when.join(" ")));
    }
    parts.join("; ")
}

#[test]
fn docs_of_verification_are_up_to_date() {
    let set = RuleSet::builtin().unwrap();
    let with = set.rules().iter().filter_map(|c| Some((c.rule.id(), c.rule.verify.as_ref()?)));
    let with: Vec<(&str, &VerifySpec)> = with.collect();
    let mut page = VERIFICATION.to_owned();
    writeln!(page, "\n## Calls\n\n{} rules have one.\n", with.len()).unwrap();
    writeln!(page, "| rule | call | what it does | cost | meaning of statuses |").unwrap();
    writeln!(page, "|---|---|---|---|---|").unwrap();
    for (id, verify) in with {
        let call = verify.url().replace("{host}", &verify.hosts.join(" or "));
        let (method, meanings) = (verify.method.name(), meanings(verify));
        let (what, cost) = (&verify.call, &verify.cost);
        writeln!(page, "| {id} | `{method} {call}` | {what} | {cost} | {meanings} |").unwrap();
    }
    same("docs/verification.md", &page);
}

#[test]
fn docs_of_checks_are_up_to_date() {
    let mut page =
        "# Checks\n\nGenerated. [Key hygiene](hygiene.md) says how each is decided, with a \
        transcript; `keylint explain ID` prints the same.\n\n\
        | check | severity | confidence | what was found | remedy |\n|---|---|---|---|---|\n"
            .to_owned();
    for check in keylint::hygiene::CHECKS {
        let (id, what, remedy) = (check.id, check.description, check.remediation);
        let (severity, confidence) = (check.severity.name(), check.confidence.name());
        writeln!(
            page,
            "| [{id}](hygiene.md#{id}) | {severity} | {confidence} | {what} | {remedy} |"
        )
        .unwrap();
    }
    same("docs/checks.md", &page);
}

#[test]
fn the_schema_of_the_configuration_is_up_to_date() {
    let place = Place::new();
    same("docs/keylint.schema.json", &stdout(&run(place.path(), &["config", "schema"])));
}

#[test]
fn docs_of_the_command_line_are_up_to_date() {
    let place = Place::new();
    let mut page = "# Command line\n\nGenerated from `--help`.\n".to_owned();
    let mut commands = Vec::new();
    words_of(&keylint::cli::command(), &[], &mut commands);
    for command in commands {
        let name = command.join(" ");
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let text = stdout(&run(place.path(), &words));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        writeln!(page, "\n## keylint {name}\n\n```text\n{}\n```", lines.join("\n")).unwrap();
    }
    same("docs/cli.md", &page.replace("keylint \n", "keylint\n"));
}

/// The words of `command` and of all commands below it.
fn words_of(command: &clap::Command, above: &[String], all: &mut Vec<Vec<String>>) {
    all.push(above.to_vec());
    for sub in command.get_subcommands() {
        words_of(sub, &[above, &[sub.get_name().to_owned()]].concat(), all);
    }
}

/// How docs/exit-codes.md begins.
const CODES: &str = "\
# Exit codes

Generated from the table that `--help` and `keylint explain CODE` read.

| code | | when | what to do |
|---|---|---|---|
";

#[test]
fn docs_of_exit_codes_are_up_to_date() {
    let mut page = CODES.to_owned();
    for code in EXIT_CODES {
        let ExitCode { code, title, meaning, remedy } = code;
        writeln!(page, "| {code} | {title} | {meaning} | {remedy} |").unwrap();
    }
    page += "\n## By command\n\n| command | code | meaning |\n|---|---|---|\n";
    for topic in topics().iter().filter(|topic| !topic.command.is_empty()) {
        for (code, meaning) in topic.codes {
            writeln!(page, "| `keylint {name}` | {code} | {meaning} |", name = topic.command)
                .unwrap();
        }
    }
    page += "\nA hook stops a commit or push for any code but 0. In a script:\n\n```sh\n\
        keylint scan --quiet || case $? in\n  1) echo 'keys found' ;;\n  *) echo 'not scanned completely' ;;\nesac\n```\n";
    same("docs/exit-codes.md", &page);
}
