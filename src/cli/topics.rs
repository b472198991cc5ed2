//! Examples, notes and exit codes of every command: the table behind [`super::help`].

use super::help::Topic;

type Codes = &'static [(u8, &'static str)];

const SCAN: Codes = &[
    (0, "nothing found at or above --fail-on"),
    (1, "findings at or above --fail-on"),
    (2, "incomplete (something could not be read) or misused"),
    (130, "interrupted (143, 129: SIGTERM, SIGHUP); what was found so far is reported"),
];
const ADOPT: Codes = &[
    (0, "done"),
    (2, "incomplete (something could not be read) or misused; prune changes nothing then"),
    (130, "interrupted (143, 129: SIGTERM, SIGHUP); nothing is written"),
];
const PRINT: Codes = &[(0, "printed"), (2, "misused, or it cannot be written")];

const CACHE: &str = "\
`keylint scan --history` and `keylint audit` keep which objects they saw, so that the next run reads
only new ones and those with candidates. The files hold ids, paths and places, no content and no key;
other rules, options or another build of keylint start anew. --no-cache neither reads nor writes them.";

/// All of them, in the order of the documentation.
pub(super) const TOPICS: &[Topic] = &[
    Topic {
        command: "",
        examples: &[
            ("keylint scan", "the work tree"),
            ("keylint scan --history", "every blob of every ref"),
            ("keylint hook install", "look at every commit before it is made"),
            ("keylint audit", "work tree, history and how keys are kept"),
            ("keylint explain openrouter-api-key", "what a finding means and what to do"),
        ],
        notes: "`keylint COMMAND --help` has the options and examples of a command.",
        codes: &[
            (0, "nothing found that counts"),
            (1, "findings"),
            (2, "incomplete (something could not be read) or misused"),
            (130, "interrupted (143, 129: SIGTERM, SIGHUP); what was found so far is reported"),
        ],
    },
    Topic {
        command: "scan",
        examples: &[
            ("keylint scan .", "the work tree, honouring .gitignore"),
            ("keylint scan --history .", "every blob of every ref, each once"),
            ("keylint scan --staged", "what the next commit would add"),
            ("keylint scan --since-merge-base origin/main", "what this branch adds"),
            ("git diff | keylint scan --stdin", "whatever comes in"),
            ("keylint scan --format sarif -o out.sarif .", "a report for code scanning"),
            ("keylint scan --verify", "ask the vendors which keys are live"),
        ],
        notes: "",
        codes: SCAN,
    },
    Topic {
        command: "audit",
        examples: &[
            ("keylint audit", "this repository: files, history and hygiene"),
            ("keylint audit --as-of 2026-01-31", "ages of keys as of that day"),
            ("keylint audit api web", "two repositories, and keys that both use"),
        ],
        notes: "\
Adds to what `keylint scan` and `keylint scan --history` find: env files that were ever committed,
build folders that git ignores, keys in several environments, too many or too old keys, and keys
that were removed from the files and still stand in the history. docs/hygiene.md lists the checks.",
        codes: SCAN,
    },
    Topic {
        command: "fix",
        examples: &[
            ("keylint fix", "show what would change"),
            ("keylint fix --write src", "change the files below src"),
            ("keylint fix --rule openai-api-key", "the findings of one rule"),
        ],
        notes: "\
Only files are changed, never the history, and a key that was committed has to be rotated all the
same. Every changed file is parsed again; a change that breaks its syntax is not made.
Keys are redacted in the diff unless --show-secrets is given.
Each file is replaced whole or not at all; one that changed meanwhile, a link, and a file with hard
links elsewhere are left.",
        codes: &[
            (0, "nothing to change, or all of it changed"),
            (1, "changes are left to be made, by --write or by hand"),
            (2, "a file could not be read or written, or misused"),
            (130, "interrupted (143, 129: SIGTERM, SIGHUP); nothing is written"),
        ],
    },
    Topic {
        command: "verify",
        examples: &[
            ("keylint verify < keys.txt", "a key a line"),
            ("keylint verify --verify-plan < keys.txt", "only say what would be asked"),
            ("keylint verify -f json < .env", "as JSON, keys redacted"),
        ],
        notes: "\
A line of standard input is one of
  KEY                                       a key that its own form names
  RULE KEY                                  a key of the rule with this id
  NAME=KEY, or any other text               what keylint scan finds in it
  {\"rule\": \"ID\", \"secret\": \"KEY\", \"parts\": {\"NAME\": \"VALUE\"}}

KEYLINT_LOG=debug or trace logs connections to standard error, never a key.",
        codes: &[
            (0, "no key is live"),
            (1, "a key is live"),
            (2, "a key could not be verified, a line holds none, or misused"),
            (130, "interrupted (143, 129: SIGTERM, SIGHUP); what was found so far is reported"),
        ],
    },
    Topic {
        command: "hook install",
        examples: &[
            ("keylint hook install", "before every commit"),
            ("keylint hook install --pre-push", "before every push"),
        ],
        notes: "",
        codes: &[(0, "installed"), (2, "not installed; the message says what helps")],
    },
    Topic {
        command: "hook uninstall",
        examples: &[
            ("keylint hook uninstall", "the pre-commit hook"),
            ("keylint hook uninstall --pre-push", "the pre-push hook"),
        ],
        notes: "",
        codes: &[(0, "gone"), (2, "not changed; the message says what helps")],
    },
    Topic {
        command: "hook run",
        examples: &[
            ("keylint hook run pre-commit", "what is staged"),
            ("keylint hook run pre-commit a.py b.py", "these files only"),
        ],
        notes: "\
pre-commit scans what is staged; with files, only these, and those of them that are not staged are
scanned whole, as when the pre-commit program is asked about all files. Where it names two revisions
(PRE_COMMIT_FROM_REF, PRE_COMMIT_TO_REF), what the commits between them add is scanned.
pre-push reads the refs that git writes to standard input, and scans commits that the remote lacks.
A hook never asks vendors whether a key is live.",
        codes: SCAN,
    },
    Topic {
        command: "cache show",
        examples: &[("keylint cache show", "which repositories, how large, when used")],
        notes: CACHE,
        codes: PRINT,
    },
    Topic {
        command: "cache clear",
        examples: &[("keylint cache clear", "the next scan of a history reads all of it again")],
        notes: CACHE,
        codes: &[(0, "removed, or nothing was there"), (2, "misused, or a file cannot be removed")],
    },
    Topic {
        command: "explain",
        examples: &[
            ("keylint explain openrouter-api-key", "a rule"),
            ("keylint explain env-file-tracked", "a check of key hygiene"),
            ("keylint explain 2", "an exit code"),
        ],
        notes: "",
        codes: PRINT,
    },
    Topic {
        command: "rules list",
        examples: &[("keylint rules list | grep aws", "the rules with aws in their line")],
        notes: "",
        codes: PRINT,
    },
    Topic {
        command: "rules show",
        examples: &[("keylint rules show stripe-secret-key", "its pattern, page and call")],
        notes: "`keylint explain RULE` says what it means and what to do.",
        codes: PRINT,
    },
    Topic {
        command: "rules check",
        examples: &[
            ("keylint rules check", "all shipped rules"),
            ("keylint rules check my-rules.toml", "a file of your own, beside the shipped rules"),
        ],
        notes: "",
        codes: &[
            (0, "every example is found and no negative is"),
            (1, "a rule fails an example or a negative"),
            (2, "a file cannot be read or is no rule file"),
        ],
    },
    Topic {
        command: "baseline create",
        examples: &[
            ("keylint baseline create", "accept what is there"),
            ("keylint baseline create --reason 'before 2026'", "say why, in each entry"),
            ("keylint baseline create --history", "of the whole history"),
        ],
        notes: BASELINE,
        codes: ADOPT,
    },
    Topic {
        command: "baseline update",
        examples: &[("keylint baseline update", "add new findings, follow moved ones")],
        notes: BASELINE,
        codes: ADOPT,
    },
    Topic {
        command: "baseline prune",
        examples: &[("keylint baseline prune", "remove entries whose secret is gone")],
        notes: BASELINE,
        codes: ADOPT,
    },
    Topic {
        command: "triage",
        examples: &[
            ("keylint triage", "walk the findings of this folder; `?` shows the keys"),
            ("keylint triage --history", "those of the whole history"),
            ("keylint triage --report keylint.json", "only those of a JSON report"),
            ("keylint triage --author ada src", "write who decided, too"),
        ],
        notes: "\
Marks go into the baseline (docs/baseline.md), with the reason that you type and the day, when you
press `s`. Later scans are silent about what is marked; a rotated key that still stands in the files is
listed, and does not fail. Values are redacted. A signal ends the program without saving.",
        codes: &[
            (0, "left by the user, or there was nothing to walk"),
            (2, "incomplete (something could not be read), no terminal, or misused"),
            (130, "interrupted (143, 129: SIGTERM, SIGHUP); what was not saved is lost"),
        ],
    },
    Topic {
        command: "lsp",
        examples: &[
            ("keylint lsp", "serve an editor, which starts it; docs/editors.md shows how"),
            ("keylint lsp --min-confidence high", "show only what is sure"),
        ],
        notes: "The server speaks LSP 3.17. Diagnostics come as one types, with the findings of `keylint scan FILE`;\nquick fixes are those of `keylint fix` and a keylint:allow comment. No vendor is asked.",
        codes: &[
            (0, "the client said `shutdown` and `exit`"),
            (1, "it went away without"),
            (2, "standard input or output failed, or misused"),
        ],
    },
    Topic {
        command: "migrate",
        examples: &[
            ("keylint migrate", "the files of this folder"),
            ("keylint migrate --dry-run", "only print what would be written"),
            ("keylint migrate --report old.json", "a report that served as baseline, too"),
        ],
        notes: "docs/migration.md says what is taken over, and how exactly.",
        codes: &[(0, "written"), (2, "nothing is written; the message names file and line")],
    },
    Topic {
        command: "config show",
        examples: &[
            ("keylint config show", "what holds here"),
            ("keylint config show src/api", "what holds for that folder"),
        ],
        notes: "",
        codes: &[(0, "printed"), (2, "a file cannot be used; the message names file and line")],
    },
    Topic {
        command: "config schema",
        examples: &[("keylint config schema > keylint.schema.json", "for editors")],
        notes: "",
        codes: PRINT,
    },
    Topic {
        command: "completions",
        examples: &[
            (
                "keylint completions bash > ~/.local/share/bash-completion/completions/keylint",
                "for bash",
            ),
            ("keylint completions zsh > ~/.zfunc/_keylint", "for zsh, with ~/.zfunc in fpath"),
            ("keylint completions fish > ~/.config/fish/completions/keylint.fish", "for fish"),
        ],
        notes: "",
        codes: PRINT,
    },
    Topic {
        command: "man",
        examples: &[
            ("keylint man | man -l -", "read the page of the program"),
            ("keylint man --out ~/.local/share/man/man1", "all pages; then `man keylint-scan`"),
        ],
        notes: "",
        codes: PRINT,
    },
];

const BASELINE: &str = "\
The file is keylint-baseline.jsonl at the top of the repository unless `baseline` under [scan] in
keylint.toml or --baseline names another. `keylint scan` reads it where it is there.";
