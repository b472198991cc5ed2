//! What stands below the options in `--help`: examples, notes and exit codes of every command. The
//! man pages, docs/exit-codes.md and `keylint explain CODE` are made of the same table.

use std::fmt::Write as _;

/// What an exit code means, whichever command ends with it.
#[derive(Clone, Copy, Debug)]
pub struct ExitCode {
    /// The code.
    pub code: u8,
    /// In a few words.
    pub title: &'static str,
    /// When it comes.
    pub meaning: &'static str,
    /// What to do then.
    pub remedy: &'static str,
}

/// All exit codes.
pub const EXIT_CODES: [ExitCode; 6] = [
    ExitCode {
        code: 0,
        title: "clean",
        meaning: "Everything that was asked for was looked at, and nothing at or above --fail-on was found.",
        remedy: "Nothing has to be done. What was skipped on purpose, such as ignored or large files, is \
                 counted in the summary; --verbose lists it.",
    },
    ExitCode {
        code: 1,
        title: "findings",
        meaning: "Something was found that counts: a finding at or above --fail-on (low unless it is set), \
                  a live key, an edit that is left to do, or a rule that fails its examples.",
        remedy: "Rotate what is real, then take it out of the files. `keylint explain RULE` tells how; \
                 `keylint fix` rewrites hardcoded keys. What is no secret is allowed by a comment, by \
                 [[allow]] in keylint.toml or by `keylint baseline create`.",
    },
    ExitCode {
        code: 2,
        title: "incomplete or misused",
        meaning: "The answer may not be complete: a file or object could not be read, a vendor could not be \
                  asked, a configuration or rule is wrong, or the arguments make no sense. It wins over 1: \
                  a report with findings may still be incomplete.",
        remedy: "Read the lines that begin with `error:`; each names the place and what helps. A script must \
                 never take 2 for clean.",
    },
    ExitCode {
        code: 130,
        title: "interrupted",
        meaning: "Ctrl-C stopped the run. What was found until then is reported.",
        remedy: "Run it again, on less (a path, --range, --staged) where it takes too long. A second Ctrl-C \
                 ends the program at once, without a report. Where a file system does not answer, the report \
                 comes after some seconds and names what could not be read.",
    },
    ExitCode {
        code: 143,
        title: "terminated",
        meaning: "SIGTERM stopped the run: a runner that cancels a job, a time limit, `kill`. As 130 otherwise.",
        remedy: "Give the job more time, or scan less (a path, --range, --staged).",
    },
    ExitCode {
        code: 129,
        title: "hung up",
        meaning: "SIGHUP stopped the run: its terminal was closed. As 130 otherwise. Under nohup it goes on.",
        remedy: "Run it under nohup, or in a terminal that stays.",
    },
];

/// A command's part of `--help`.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// Its words after `keylint`; empty for the program itself.
    pub command: &'static str,
    /// Command lines, and what each does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Text between examples and exit codes; may be empty.
    pub notes: &'static str,
    /// Exit codes that it can end with.
    pub codes: &'static [(u8, &'static str)],
}

/// The topic of a command.
pub fn topic(command: &str) -> Option<&'static Topic> {
    super::topics::TOPICS.iter().find(|topic| topic.command == command)
}

/// All topics, in the order of the documentation.
pub fn topics() -> &'static [Topic] {
    super::topics::TOPICS
}

/// `command` and all below it with the texts of the table.
pub(super) fn dress(command: clap::Command) -> clap::Command {
    dressed(command, "")
}

fn dressed(mut command: clap::Command, words: &str) -> clap::Command {
    if let Some(topic) = topic(words) {
        command = command.after_help(topic.text());
    }
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for name in names {
        let words = format!("{words} {name}");
        command = command.mut_subcommand(&name, |sub| dressed(sub, words.trim_start()));
    }
    command
}

impl Topic {
    /// The text below the options.
    fn text(&self) -> String {
        let mut parts = Vec::new();
        let width = self.examples.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
        let mut lines = "Examples:".to_owned();
        for (line, what) in self.examples {
            // Writing to a string cannot fail.
            let _ = write!(lines, "\n  {line:width$}  {what}");
        }
        parts.push(lines);
        parts.push(self.notes.to_owned());
        let mut lines = "Exit codes:".to_owned();
        for (code, meaning) in self.codes {
            let _ = write!(lines, "\n  {code:<4} {meaning}");
        }
        parts.push(lines);
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }
}
