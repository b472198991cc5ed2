#!/usr/bin/env python3
"""Compares what keylint and other scanners report on labelled examples of secrets.

usage: bench/accuracy.py --corpus DIR [--project NAME ...] [--tool NAME[=PROGRAM] ...]
                         [--misses FILE] [--document FILE]

DIR holds a folder for each project whose examples are used, and in each `pos/` (texts with a
secret), `neg/` (texts without the secret that the project looks for) and `index.tsv` with the
columns file, label and rule. Every scanner that is on PATH (or named by --tool) reads each pos and
neg folder in one run, offline and without verification, with its default rules and settings. A file
counts as reported when at least one finding names it, whatever the rule. Printed are four Markdown
tables: the share of positive files that each scanner reports, the same of those positives that do not
consist of placeholders by rules/placeholders.toml, the share of negative files, and the same of those
negatives that hold no well-formed secret of any kind (`secret_of`). --document puts
them between the two `accuracy` marks of a Markdown file, too, --misses lists the positives that a
scanner misses and the negatives that it reports. Nothing is built or fetched.
"""
import argparse
import base64
import collections
import csv
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

BEGIN, END = "<!-- accuracy:begin -->", "<!-- accuracy:end -->"
PRESET = json.dumps({"rules": [{"id": "@secretlint/secretlint-rule-preset-recommend"}]})

# Each command runs with the scanned folder as its current folder, so that no scanner sees (and
# judges) the names of the folders above it. {out} is an empty scratch folder.
COMMANDS = {
    "keylint": ["scan", "--no-config", "--no-ignore", "--hidden", "--format", "json", "."],
    "keylint --placeholders": ["scan", "--placeholders", "--no-config", "--no-ignore", "--hidden",
                               "--format", "json", "."],
    "gitleaks": ["dir", "--no-banner", "--log-level", "error", "--report-format", "json",
                 "--report-path", "{out}/report.json", "."],
    "betterleaks": ["dir", "--no-banner", "--log-level", "error", "--report-format", "json",
                    "--report-path", "{out}/report.json", "."],
    "trufflehog": ["filesystem", "--no-verification", "--no-update", "--json", "."],
    "kingfisher": ["scan", "--no-validate", "--no-dedup", "--git-history", "none",
                   "--format", "jsonl", "."],
    # With more workers titus loses findings at random (they share one set of known findings).
    "titus": ["scan", "--workers", "1", "--format", "sarif", "--output", ":memory:",
              "--ignore", "/dev/null", "."],
    "detect-secrets": ["scan", "--all-files", "--no-verify", "."],
    "secretlint": ["--format", "json", "--output", "{out}/report.json",
                   "--secretlintrcJSON", PRESET, "**/*", "**/.*"],
    "ripsecrets": ["."],
    "credsweeper": ["--path", ".", "--save-json", "{out}/report.json", "--log", "error"],
}

# These name one path only for files with the same bytes, though they read all of them.
ONE_PATH_A_CONTENT = {"titus"}


def json_lines(text):
    """The JSON objects of a text that has one a line; other lines are a program's talk."""
    for line in text.splitlines():
        if line.startswith(("{", "[")):
            value = json.loads(line)
            yield from value if isinstance(value, list) else [value]


def keylint(output, _report):
    for finding in json.loads(output)["findings"]:
        yield finding["path"], finding["check"]


def gitleaks(_output, report):
    for finding in json.loads(report) or []:
        yield finding["File"], finding["RuleID"]


def trufflehog(output, _report):
    for finding in json_lines(output):
        if "DetectorName" in finding:
            yield finding["SourceMetadata"]["Data"]["Filesystem"]["file"], finding["DetectorName"]


def kingfisher(output, _report):
    # A rule and its findings a line, and a summary at the end.
    for record in json_lines(output):
        for match in record.get("matches", ()):
            yield match["finding"]["path"], match["rule"]["id"]


def titus(output, _report):
    for finding in json.loads(output)["runs"][0]["results"] or []:
        place = finding["locations"][0]["physicalLocation"]
        yield place["artifactLocation"]["uri"], finding["ruleId"]


def detect_secrets(output, _report):
    for path, findings in json.loads(output)["results"].items():
        for finding in findings:
            yield path, finding["type"]


def secretlint(_output, report):
    for file in json.loads(report):
        for message in file["messages"]:
            yield file["filePath"], message["ruleId"]


def ripsecrets(output, _report):
    for line in output.splitlines():
        yield line.split(":", 1)[0], "secret"


def credsweeper(_output, report):
    for finding in json.loads(report) or []:
        for line in finding["line_data_list"]:
            yield line["path"], finding["rule"]


# The tables, by what their texts are.
TABLES = (("pos", "positives"), ("real", "positives that are no placeholders"), ("neg", "negatives"),
          ("none", "negatives that hold no well-formed secret"))

READERS = {"keylint": keylint, "keylint --placeholders": keylint, "gitleaks": gitleaks,
           "betterleaks": gitleaks, "trufflehog": trufflehog, "kingfisher": kingfisher,
           "titus": titus, "detect-secrets": detect_secrets, "secretlint": secretlint,
           "ripsecrets": ripsecrets, "credsweeper": credsweeper}


def reported(tool, program, folder):
    """Runs a scanner; returns the rules of its findings: {path in the folder: {rule, ...}}."""
    with tempfile.TemporaryDirectory() as out:
        command = [program] + [part.format(out=out) if "{out}" in part else part
                               for part in COMMANDS[tool]]
        run = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        try:
            with open(os.path.join(out, "report.json"), encoding="utf-8", errors="replace") as file:
                report = file.read()
        except FileNotFoundError:
            report = ""
    rules = collections.defaultdict(set)
    root = os.path.realpath(folder)
    try:
        for path, rule in READERS[tool](run.stdout.decode("utf-8", "replace"), report):
            path = os.path.realpath(os.path.join(root, path))
            rules[os.path.relpath(path, root)].add(rule)
    except (ValueError, KeyError, TypeError) as error:
        said = run.stderr.decode("utf-8", "replace").strip()[-500:]
        sys.exit(f"{tool} on {folder}: exit code {run.returncode}, no readable report "
                 f"({type(error).__name__}: {error})\n{said}")
    return spread(rules, root) if tool in ONE_PATH_A_CONTENT else rules


def spread(rules, root):
    """Gives what was found in one of several files with the same bytes to all of them."""
    twins = collections.defaultdict(list)
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                twins[file.read()].append(os.path.relpath(path, root))
    for paths in twins.values():
        found = set().union(*(rules.get(path, ()) for path in paths))
        if found:
            rules.update((path, found) for path in paths)
    return rules


def placeholder_words():
    """The words of keylint's own list, whole values among them, in lower case."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "rules", "placeholders.toml"), "rb") as file:
        lists = tomllib.load(file)
    return [word.lower() for word in lists["words"]]


# Values that documents show again and again: the UUID of RFC 4122's readers, digests of no text and
# of the words hello, password and test, the claims of the token on jwt.io, the login of RFC 7617,
# the tokens of Twitter's guide, of RFC 6749, 6750 and 9449, and the secret of one-time passwords.
SHOWN = ("123e4567", "d41d8cd98f00b204e9800998ecf8427e", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c",
         "da39a3ee5e6b4b0d3255bfef95601890afd80709", "5d41402abc4b2a76b9719d911017c592",
         "5f4dcc3b5aa765d61d8327deb882cf99", "098f6bcd4621d373cade4e832627b4f6",
         "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9l".lower(), "open sesame", "open_sesame",
         "open-sesame", "2bulvsea4jtigrisd", "2f40k4moukgsoc", "2yotnfzfejr1zcsicmwpaa", "tgzv3jokf0xg5qx2tlkwia",
         "splxlobezqqybys6wxsbia", "mf_9.b5f-4.1jqm", "kz~8mxk1ealyznwh", "jbswy3dpehpk3pxp")


def counts(text, least):
    """True for `least` characters in a row of which each is the next or each the one before."""
    steps = "".join("+" if ord(b) - ord(a) == 1 or a + b == "90" else
                    "-" if ord(a) - ord(b) == 1 or a + b == "09" else "." for a, b in itertools.pairwise(text))
    return "+" * (least - 1) in steps or "-" * (least - 1) in steps


def is_placeholder(value, words):
    """True for a value with a word of the list, characters in a row that count up or down, also with
    others between them (`ab12cd34ef56`) or each several times (`aaabbbccc`), a run of one character, a
    short period or few characters as chance does not give them, a value that documents show, or base64
    of a text that is one."""
    low = value.lower()
    run = max(len(list(group)) for _, group in itertools.groupby(value))
    letters, digits = re.sub("[^a-z]", "", low), re.sub(r"\D", "", low)
    once = "".join(key for key, _ in itertools.groupby(letters))
    periodic = any(len(match.group()) >= 9 for match in re.finditer(r"(.{1,8})\1\1+", value))
    return (any(word in low for word in words) or any(shown in low for shown in SHOWN) or run >= 6
            or counts(low, 6) or counts(letters, 6) or counts(once, 8) or counts(digits, 8)
            or periodic and len(set(low)) < len(low) // 2 or len(value) >= 32 and len(set(value)) <= 8
            or says_one(value, words))


def says_one(value, words):
    """True for base64 of a printable text that is a placeholder, or of a login of one."""
    try:
        text = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode("ascii")
    except ValueError:
        return False
    if len(text) < 9 or not text.isprintable():
        return False
    return is_placeholder(text, words) or bool(SAYS_ONE.search(text.partition(":")[2]))


# Runs of a token's alphabet; what is behind a tie is judged without the name before it.
RUN = re.compile(r"[A-Za-z0-9_+/=.~!-]{12,}+(?![\"']?\s*[:=])")
# A name of a secret with what ties it to its value.
NAME = re.compile(r"(?i)^[a-z][\w.-]*(?:secret|token|passw|key|access|private|user)\w*=?$")
# Addresses: whom they log in, their host, and their path.
ADDRESS = re.compile(r"(?<=://)([^\s/@\"'`]*@)?[\w.:%\[\]-]+((?:/[\w.%~-]*)*)")
# Values of names that say a password, and the passwords of addresses.
PASSWORD = re.compile(r"(?i)(?:\s-p|pass\w*|pwd|secret)[\"']?\s*(?:=>|[!=]?==?|:|\s)\s*"
                      r"(?:\"([^\"\n]{4,})\"|'([^'\n]{4,})'|[\"']?([^\s\"';,&<>]{4,}))|"
                      r"://[^\s:/@]*:([^\s/@]+)@")
# What another program fills in.
VARIABLE = re.compile(r"^(?:\$[A-Za-z_]\w*$|%\w+%$|[$#]\{|\$\(|\{\{|<%)")
SAYS_ONE = re.compile(r"(?i)^(?:pass|secret|user|test|root|admin|guest|token|here)$|passw|secret$")


def tokens(text):
    """Runs that may be tokens, without names, hosts and the folders of paths."""
    text = ADDRESS.sub(lambda found: (found[1] or "") + " " + found[2].replace("/", " "), text)
    for found in RUN.finditer(text):
        next_one = text[found.end():found.end() + 1]
        if NAME.match(found[0]) and (next_one == " " or next_one in ("'", '"') and found[0].endswith("=")):
            continue
        yield found[0].rstrip("=").rpartition("=")[2] or found[0]


def of_placeholders(path, words):
    """True where all that could be a secret in a text is a placeholder: runs of twelve characters or
    more of a token's alphabet with a digit and a letter, or without such a run the values of passwords,
    where these are the word password itself or one like it. A text with neither is none."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    runs = list(tokens(text))
    keys = [run for run in runs if re.search(r"\d", run) and re.search(r"[A-Za-z]", run)]
    shown = [run for run in runs if run not in keys and is_placeholder(run, words)]
    if keys or shown:
        return all(is_placeholder(key, words) for key in keys)
    passwords = [next(filter(None, found)) for found in PASSWORD.findall(text)]
    return bool(passwords) and all(SAYS_ONE.search(value) or VARIABLE.search(value) or
                                   is_placeholder(value, words) for value in passwords)


# Complete tokens of vendors that can be told without a name: JSON Web Tokens, Google, PEM, Stripe and its
# like, Slack, GitHub, GitLab, Netlify, Vercel, AWS, Bitbucket, Salesforce, OpenAI.
TOKEN = re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}|\bAIza[\w-]{35}\b|"
                   r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\\nA-Za-z0-9+/=\"]{300,}|"
                   r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{24,}|hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{24}|"
                   r"\b(?:gh[pousr]_\w{36}|gl(?:pat|oas)-[\w-]{20,}|xox[bpars]-\d{8,}-[\w-]{20,}|nfp_\w{36}|"
                   r"vcp_\w{40,}|A[KS]IA[A-Z2-7]{16}|BBDC-[\w+/]{40}|3MVG9[\w.]{60,}|"
                   r"sk-(?:proj-)?\w{20}T3BlbkFJ\w{20})")
# Passwords of addresses.
LOGIN = re.compile(r"://[^\s:/@\"']+:([^\s/@\"']{6,})@[\w.%-]+")
# Values of sixteen characters or more under a name that says a secret.
NAMED = re.compile(r"(?i)(?:key|secret|token|passw\w*|passwd|pwd|credentials?|auth\w*)[\w.]{0,12}[\"'\])]{0,3}"
                   r"(?:\s{0,2}(?:=>|:?:?=|:|,|-\s|\svalue=)\s{0,3}(?:\w+\()?|\s)[\"'`]{0,2}(?:bearer |basic |oauth |token )?"
                   r"([A-Za-z0-9_+/=.~:@!#$%^&*?-]{16,})")


def secret_of(path, words):
    """What well-formed secret a text holds, whoever looks for one: `token` where it is a complete token of
    a vendor, `login` for an address with a password, `named` for a random value under a name that says a
    secret: three digits, four letters, nine different characters, no sign that tokens do not have, and no
    placeholder. None where it holds none. The test looks at the text only."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if any(found[0].startswith(("AIza", "---")) or not is_placeholder(found[0], words)
           for found in TOKEN.finditer(text)):
        return "token"
    if any(not is_placeholder(value, words) and not SAYS_ONE.search(value) for value in LOGIN.findall(text)):
        return "login"
    if any(is_random(value.rstrip(".:"), words) for value in NAMED.findall(text)):
        return "named"
    return None


def is_random(value, words):
    """True for a value as `secret_of` describes it."""
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    own = all(one.isalnum() or one in "_+/=.~:-" for one in value)
    return digits >= 3 and letters >= 4 and len(set(value)) >= 9 and own and not is_placeholder(value, words)


def examples(corpus, project):
    """The rows of a project's index: {label: {path in the label's folder: rule}}."""
    rows = {"pos": {}, "neg": {}}
    with open(os.path.join(corpus, project, "index.tsv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            rows[row["label"]][row["file"].split("/", 1)[1]] = row["rule"]
    return rows


def programs(wanted):
    """The scanners to run, {name: program}: those named, else all that are on PATH."""
    chosen = {}
    for word in wanted or list(COMMANDS):
        name, _, program = word.partition("=")
        if name not in COMMANDS:
            sys.exit(f"unknown tool {name}; known are {', '.join(COMMANDS)}")
        found = shutil.which(program or name.split()[0])
        if found:
            chosen[name] = os.path.abspath(found)
        elif wanted:
            sys.exit(f"{name}: no program {program or name.split()[0]}")
    return chosen


def table(title, shares, tools, counts):
    """One Markdown table of shares in percent; a dash where there are no such examples."""
    lines = [title, "", f"| examples of | texts | {' | '.join(tools)} |",
             "|---|" + "---:|" * (len(tools) + 1)]
    for project, count in counts.items():
        cells = [f"{100 * shares[project, tool] / count:.1f}" if count else "-" for tool in tools]
        lines.append(f"| {project} | {count:,} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def document(path, text):
    """Replaces what is between the two marks of a Markdown file."""
    with open(path, encoding="utf-8") as file:
        before, mark, rest = file.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        sys.exit(f"{path}: no marks {BEGIN} and {END}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{text}{END}{after}")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--project", action="append")
    parser.add_argument("--tool", action="append", metavar="NAME[=PROGRAM]")
    parser.add_argument("--misses", metavar="FILE")
    parser.add_argument("--document", metavar="FILE")
    return parser.parse_args()


def main():
    args = arguments()
    projects = args.project or sorted(
        name for name in os.listdir(args.corpus)
        if os.path.isfile(os.path.join(args.corpus, name, "index.tsv")))
    tools = programs(args.tool)
    counts = {kind: {} for kind, _ in TABLES}
    shares, wrong, words = {kind: {} for kind, _ in TABLES}, [], placeholder_words()
    for project in projects:
        for label, texts in examples(args.corpus, project).items():
            counts[label][project] = len(texts)
            folder = os.path.join(args.corpus, project, label)
            looks, subset = (of_placeholders, "real") if label == "pos" else (secret_of, "none")
            rest = {path for path in texts if not looks(os.path.join(folder, path), words)}
            counts[subset][project] = len(rest)
            for tool, program in tools.items():
                start = time.perf_counter()
                rules = reported(tool, program, folder)
                shares[label][project, tool] = sum(path in rules for path in texts)
                shares[subset][project, tool] = sum(path in rules for path in rest)
                print(f"{tool} {project}/{label}: {shares[label][project, tool]} of {len(texts)}, "
                      f"{time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
                wrong += [(tool, project, label, path, rule, ",".join(sorted(rules.get(path, ()))))
                          for path, rule in texts.items() if (path in rules) == (label == "neg")]
    text = "\n".join(table(f"Share of the {name} that is reported, in percent:", shares[kind], tools, counts[kind])
                     for kind, name in TABLES)
    print(text, end="")
    if args.document:
        document(args.document, text)
    if args.misses:
        with open(args.misses, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerow(("tool", "project", "label", "file", "rule", "reported as"))
            writer.writerows(wrong)


if __name__ == "__main__":
    main()
