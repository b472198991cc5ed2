//! The text of hooks.

use std::path::{Path, PathBuf};

/// First line of what keylint writes into a hook.
pub(super) const BEGIN: &str = "# >>> keylint >>>";
/// Last line of it.
pub(super) const END: &str = "# <<< keylint <<<";

/// A hook that keylint can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before a commit: what is staged.
    PreCommit,
    /// Before a push: what is pushed.
    PrePush,
}

impl Stage {
    /// As git names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
        }
    }
}

/// How keylint stands in a hook file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The whole file is keylint's.
    File,
    /// A block in a file of the user's.
    Block,
}

/// Where a hook is kept that stood at `file`.
pub(super) fn aside(file: &Path) -> PathBuf {
    file.with_added_extension("before-keylint")
}

const MISSING: &str = "\
    echo \"keylint: not found; install it again, run 'keylint hook uninstall' or skip it once \\
with --no-verify\" >&2
    exit 1";

/// A hook file: the hook that stood there first, then keylint.
pub(super) fn whole(stage: Stage, program: &Path) -> String {
    let name = stage.name();
    let program = quoted(&program.display().to_string());
    // A pre-push hook reads the refs from standard input, so both need a copy of it.
    let (take, give, run) = match stage {
        Stage::PreCommit => ("", "", format!("exec \"$keylint\" hook run {name} \"$@\"")),
        Stage::PrePush => (
            "refs=$(cat)\n",
            "printf '%s\\n' \"$refs\" | ",
            format!("printf '%s\\n' \"$refs\" | \"$keylint\" hook run {name} \"$@\""),
        ),
    };
    format!(
        "#!/bin/sh
{BEGIN}
# Written by `keylint hook install`; `keylint hook uninstall` removes it.
{take}before=$(dirname \"$0\")/{name}.before-keylint
if [ -x \"$before\" ]; then
    {give}\"$before\" \"$@\" || exit $?
fi
keylint={program}
[ -x \"$keylint\" ] || keylint=keylint
if ! command -v \"$keylint\" >/dev/null 2>&1; then
{MISSING}
fi
{run}
{END}
"
    )
}

/// `rest` of a husky file, with keylint's block at its end. husky's files are the team's, so no path
/// of this machine is in it.
pub(super) fn with_block(rest: &str, stage: Stage) -> String {
    let gap = if rest.is_empty() || rest.ends_with('\n') { "" } else { "\n" };
    format!(
        "{rest}{gap}{BEGIN}
if ! command -v keylint >/dev/null 2>&1; then
{MISSING}
fi
keylint hook run {name} \"$@\" || exit $?
{END}
",
        name = stage.name()
    )
}

/// `text` without keylint's block.
pub(super) fn without_block(text: &str) -> String {
    let Some((before, rest)) = text.split_once(BEGIN) else { return text.to_owned() };
    let after = rest.split_once(END).map_or("", |(_, after)| after);
    format!("{before}{after}", after = after.strip_prefix('\n').unwrap_or(after))
}

/// What lefthook's configuration needs.
pub(super) fn lefthook(stage: Stage) -> String {
    let (name, run) = match stage {
        Stage::PreCommit => ("pre-commit", "keylint hook run pre-commit"),
        Stage::PrePush => ("pre-push", "keylint hook run pre-push {1} {2}"),
    };
    let stdin = if stage == Stage::PrePush { "\n      use_stdin: true" } else { "" };
    format!("{name}:\n  commands:\n    keylint:\n      run: {run}{stdin}")
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{text}'", text = text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_and_go() {
        let with = with_block("npm test", Stage::PreCommit);
        assert!(with.starts_with("npm test\n# >>> keylint >>>\n"));
        assert_eq!(without_block(&with), "npm test\n");
        assert_eq!(without_block(&with_block("", Stage::PrePush)), "");
        let middle = format!("a\n{BEGIN}\nx\n{END}\nb\n");
        assert_eq!(without_block(&middle), "a\nb\n");
    }

    #[test]
    fn programs_with_odd_paths_are_one_word() {
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
