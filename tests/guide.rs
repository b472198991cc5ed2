//! What tells of the program itself: help, explanations, completions in real shells, man pages.

use std::process::Command;

use keylint::cli::help::{EXIT_CODES, topic, topics};
use keylint::rule::set::RuleSet;

use crate::common::{Place, keylint, run, stderr, stdout};

/// Every command that does something, by its words.
fn leaves(command: &clap::Command, above: &str, all: &mut Vec<String>) {
    let subs: Vec<_> = command.get_subcommands().filter(|s| s.get_name() != "help").collect();
    if subs.is_empty() {
        all.push(above.to_owned());
    }
    for sub in subs {
        leaves(sub, format!("{above} {name}", name = sub.get_name()).trim_start(), all);
    }
}

#[test]
fn every_command_has_examples_that_parse_and_exit_codes() {
    let mut commands = Vec::new();
    leaves(&keylint::cli::command(), "", &mut commands);
    for name in &commands {
        let topic = topic(name).unwrap_or_else(|| panic!("src/cli/topics.rs has no `{name}`"));
        assert!(!topic.examples.is_empty() && !topic.codes.is_empty(), "{name}");
    }
    for topic in topics().iter().filter(|topic| !topic.command.is_empty()) {
        assert!(commands.iter().any(|name| name == topic.command), "no command {}", topic.command);
        for (code, _) in topic.codes {
            assert!(EXIT_CODES.iter().any(|known| known.code == *code), "{code}");
        }
        for (line, _) in topic.examples {
            let own = line.split(['|', '>', '<']).find(|part| part.trim().starts_with("keylint"));
            let own = own.unwrap().trim().replace("'before 2026'", "reason");
            let words = own.split_whitespace();
            keylint::cli::command()
                .try_get_matches_from(words)
                .unwrap_or_else(|e| panic!("{line}: {e}"));
            assert!(own.starts_with(&format!("keylint {}", topic.command)), "{line}");
        }
    }
    let text = stdout(&run(Place::new().path(), &["rules", "list", "--help"]));
    assert!(text.contains("Examples:\n  keylint rules list"), "{text}");
    assert!(text.contains("Exit codes:\n  0    printed\n  2 "), "{text}");
}

fn explained(name: &str) -> String {
    keylint::explain::page(name, RuleSet::builtin().unwrap()).unwrap()
}

#[test]
fn rules_are_explained_and_their_examples_redacted() {
    for id in [
        "openrouter-api-key",
        "deepseek-api-key",
        "generic-secret",
        "github-pat",
        "aws-secret-access-key",
    ] {
        let text = explained(id);
        for title in [
            "Why it matters",
            "How it is found",
            "Example",
            "What to do",
            "How to switch it off",
            "See",
        ] {
            assert!(text.contains(&format!("\n{title}\n  ")), "{id}: {title}: {text}");
        }
        let files = keylint::rule::builtin();
        let rules =
            files.iter().flat_map(|(name, text)| keylint::rule::parse(name, text).unwrap().rule);
        let examples: Vec<String> =
            rules.filter(|r| r.id() == id).flat_map(|r| r.examples).collect();
        let shown = text.split_once("\nExample\n  ").unwrap().1.lines().next().unwrap();
        assert!(shown.contains('…') && !examples.iter().any(|e| e.contains(shown)), "{shown}");
    }
    let text = explained("deepseek-api-key");
    assert!(
        text.contains("Hosts: api.deepseek.com") && text.contains("on the same line: name 6"),
        "{text}"
    );
    assert!(explained("github-pat").contains("Its checksum (CRC32 in base62)"));
    assert!(
        explained("openrouter-api-key").contains("Rotate:  https://openrouter.ai/settings/keys")
    );
}

#[test]
fn checks_and_exit_codes_are_explained() {
    for check in keylint::hygiene::CHECKS {
        let text = explained(check.id);
        assert!(text.contains(check.remediation.split(' ').next().unwrap()), "{text}");
        assert!(text.contains("\nExample\n  ") && !text.contains("```"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 130), "{text}");
    }
    for code in EXIT_CODES {
        let text = explained(&code.code.to_string());
        assert!(text.starts_with(&format!("Exit code {}: {}", code.code, code.title)), "{text}");
        assert!(text.contains("\nBy command\n  scan "), "{text}");
    }
}

#[test]
fn unknown_names_get_the_nearest_one() {
    let place = Place::new();
    let error = |name: &str| {
        let output = run(place.path(), &["explain", name]);
        assert_eq!(output.status.code(), Some(2));
        stderr(&output)
    };
    assert!(error("opnrouter-api-key").contains("did you mean `openrouter-api-key`?"));
    assert!(error("env-file-traked").contains("did you mean `env-file-tracked`?"));
    assert!(error("stripe").contains("there is stripe-live-secret-key, "));
    assert!(error("qqqq").contains("`keylint rules list` shows all rules"));
    let output = run(place.path(), &["rules", "show", "opnrouter-api-key"]);
    assert!(stderr(&output).contains("did you mean `openrouter-api-key`?"));
}

#[test]
fn own_and_disabled_rules_are_explained_where_they_hold() {
    let place = Place::new();
    place.write(
        "keylint.toml",
        "[rules]\ndisable = [\"openrouter-api-key\"]\nfiles = [\"own.toml\"]\n",
    );
    place.write(
        "own.toml",
        "[vendor]\nname = \"Own\"\n[[rule]]\nid = \"own-key\"\ndescription = \"Own key.\"\n\
         severity = \"high\"\nconfidence = \"high\"\nkeywords = [\"own_\"]\npattern = 'own_[a-z]{20}'\n",
    );
    let text = stdout(&run(place.path(), &["explain", "own-key"]));
    assert!(
        text.starts_with("own-key (Own)\n\nOwn key.\n") && text.contains("own.toml has the rule"),
        "{text}"
    );
    let text = stdout(&run(place.path(), &["explain", "openrouter-api-key"]));
    assert!(text.contains("How to switch it on\n  It is switched off here"), "{text}");
}

/// What `shell` prints for a script; fails where the shell is missing.
fn shell(shell: &str, place: &Place, script: &str) -> String {
    let output = Command::new("timeout")
        .args(["60", shell])
        .args(if shell == "fish" { &["--no-config"][..] } else { &[] })
        .args(["-c", script])
        .current_dir(place.path())
        .env("HOME", place.path())
        .env("TERM", "dumb")
        .output()
        .unwrap();
    assert!(output.status.success(), "{shell}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// A folder with the completion script of a shell.
fn completions(name: &str, file: &str) -> Place {
    let place = Place::new();
    let script = run(place.path(), &["completions", name]);
    assert_eq!(script.status.code(), Some(0));
    place.write(file, script.stdout);
    place
}

#[test]
fn completions_work_in_bash() {
    let place = completions("bash", "keylint.bash");
    let of = |words: &str, word: usize| {
        let script = format!(
            "source ./keylint.bash; complete -p keylint >/dev/null; COMP_WORDS=({words}); COMP_CWORD={word}; \
             _keylint keylint \"${{COMP_WORDS[{word}]}}\" \"${{COMP_WORDS[{word}-1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        shell("bash", &place, &script)
    };
    assert_eq!(of("keylint com", 1), "completions\n");
    assert_eq!(of("keylint baseline pr", 2), "prune\n");
    assert_eq!(of("keylint scan --since", 2), "--since-merge-base\n");
    assert!(of("keylint scan --format ''", 3).contains("sarif"));
}

#[test]
fn completions_work_in_fish() {
    let place = completions("fish", "keylint.fish");
    let of =
        |line: &str| shell("fish", &place, &format!("source keylint.fish; complete -C '{line}'"));
    assert_eq!(of("keylint comp"), "completions\tPrint the completion script of a shell\n");
    assert!(of("keylint baseline ").contains("prune\t"));
    assert!(of("keylint scan --format sa").starts_with("sarif\t"));
}

#[test]
fn completions_work_in_zsh() {
    let place = completions("zsh", "functions/_keylint");
    let script = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D; print re""ady'
zpty -r shell seen '*ready*'
zpty -w -n shell $'keylint compl\tzs\t'
zpty -r shell seen '*completions*zsh *'
print -r -- "$seen""#;
    // Between the words stand the control characters of the line editor.
    let seen = shell("zsh", &place, script);
    assert!(seen.contains("keylint completions") && seen.contains("zsh"), "{seen}");
}

#[test]
fn man_pages_are_clean_and_complete() {
    let place = Place::new();
    let said = stdout(&run(place.path(), &["man", "--out", "man"]));
    let mut commands = Vec::new();
    leaves(&keylint::cli::command(), "", &mut commands);
    for name in ["".to_owned()].iter().chain(&commands) {
        let file = format!(
            "man/keylint{}{}.1",
            if name.is_empty() { "" } else { "-" },
            name.replace(' ', "-")
        );
        let output = Command::new("groff")
            .args(["-man", "-ww", "-Tutf8", "-P-cbou", &file])
            .current_dir(place.path())
            .output()
            .unwrap();
        assert_eq!(stderr(&output), "", "{file}");
        let text = stdout(&output);
        assert!(text.contains("EXAMPLES\n") && text.contains("EXIT STATUS\n"), "{file}: {text}");
    }
    assert!(said.ends_with("pages; read one with: man -l man/keylint.1\n"), "{said}");
    let one = keylint(place.path()).arg("man").output().unwrap();
    assert_eq!(one.stdout, std::fs::read(place.path().join("man/keylint.1")).unwrap());
    let output = run(place.path(), &["man", "--out", "man/keylint.1/x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("man/keylint.1/x: cannot be written"));
}
