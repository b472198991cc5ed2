#!/usr/bin/env python3
"""Precision, recall and F1 of secret scanners on lines of public repositories that were labelled blind.

usage: bench/neutral.py TREES LABELS [--tool NAME=PROGRAM ...] [--save FOLDER] [--generic]
                        [--half H --list missed|false|unknown TOOL]

TREES has a folder for each repository, named owner+name, with its files at the commit that LABELS
says (files with a NUL among their first 8,000 bytes, files above 100,000 bytes and, in repositories
of more than 2,000 files, all but the 2,000 whose paths have the lowest SHA-256 are left out). LABELS is
tab-separated: a row of two columns, repository and commit, stands before the rows of its lines,
whose columns are path, line, label and weight, the inverse of the share of its kind of lines that
was labelled. The labels are `secret`, `token` (a secret of a vendor's form, or a private key),
`placeholder` and `none`.

A secret counts as found where a finding lies on its line. A finding that has no secret on any of
its lines is false where its first line is labelled, and unknown else. What begins in a private key
in PEM counts at the key's first line. A repository is wholly in one half: the first hex digit of
the SHA-256 of its name says which (0-7 train, 8-f held out). Nothing is built or fetched.
"""
import argparse
import collections
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile

from accuracy import COMMANDS, ONE_PATH_A_CONTENT, json_lines
from generic import half


def keylint(output, _report):
    for finding in json.loads(output)["findings"]:
        yield finding["path"], finding["start"][0], finding["end"][0], finding["check"]
        for part in finding.get("parts", ()):
            if part["check"] != finding["check"]:
                yield finding["path"], part["start"][0], part["end"][0], part["check"]


def gitleaks(_output, report):
    for finding in json.loads(report) or []:
        path = finding.get("File") or finding["Attributes"]["path"]
        yield path, finding["StartLine"], finding["EndLine"], finding["RuleID"]


def trufflehog(output, _report):
    for finding in json_lines(output):
        if "DetectorName" in finding:
            place = finding["SourceMetadata"]["Data"]["Filesystem"]
            line = place.get("line", 1)
            yield place["file"], line, line, finding["DetectorName"]


def kingfisher(output, _report):
    for record in json_lines(output):
        for match in record.get("matches", ()):
            line = match["finding"]["line"]
            yield match["finding"]["path"], line, line, match["rule"]["id"]


def titus(output, _report):
    for finding in json.loads(output)["runs"][0]["results"] or []:
        place = finding["locations"][0]["physicalLocation"]
        line = place["region"]["startLine"]
        yield place["artifactLocation"]["uri"], line, place["region"].get("endLine", line), finding["ruleId"]


def detect_secrets(output, _report):
    for path, findings in json.loads(output)["results"].items():
        for finding in findings:
            yield path, finding["line_number"], finding["line_number"], finding["type"]


def credsweeper(_output, report):
    for finding in json.loads(report) or []:
        lines = [line["line_num"] for line in finding["line_data_list"]]
        yield finding["line_data_list"][0]["path"], min(lines), max(lines), finding["rule"]


READERS = {"keylint": keylint, "keylint --placeholders": keylint, "credsweeper": credsweeper,
           "detect-secrets": detect_secrets, "gitleaks": gitleaks, "betterleaks": gitleaks,
           "titus": titus, "kingfisher": kingfisher, "trufflehog": trufflehog}


def scan(tool, program, folder):
    """A scanner's findings in one repository: [path, first line, last line, rule], sorted."""
    with tempfile.TemporaryDirectory() as out:
        command = [program] + [part.format(out=out) for part in COMMANDS[tool]]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        report = ""
        if os.path.exists(os.path.join(out, "report.json")):
            with open(os.path.join(out, "report.json"), encoding="utf-8", errors="replace") as file:
                report = file.read()
    root, found = os.path.realpath(folder), set()
    try:
        for path, start, end, rule in READERS[tool](done.stdout.decode("utf-8", "replace"), report):
            path = os.path.relpath(os.path.realpath(os.path.join(root, path)), root)
            found.add((path, start, end, rule))
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"{tool} on {folder}: exit code {done.returncode}, no readable report ({error})")
    if tool in ONE_PATH_A_CONTENT:
        found |= copies(found, root)
    return sorted(found)


def copies(found, root):
    """The findings again for every other file with the same bytes."""
    twins = collections.defaultdict(list)
    for folder, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                twins[file.read()].append(os.path.relpath(os.path.join(folder, name), root))
    same = {path: paths for paths in twins.values() for path in paths}
    return {(twin, *rest) for path, *rest in found for twin in same.get(path, ())}


def findings(tool, program, trees, repos, keep):
    """{repository: findings}; those kept of an earlier run are used again."""
    kept = keep and os.path.join(keep, tool.replace(" ", "") + ".json")
    if kept and os.path.exists(kept):
        with open(kept, encoding="utf-8") as file:
            return json.load(file)
    result = {repo: scan(tool, program, os.path.join(trees, repo.replace("/", "+"))) for repo in sorted(repos)}
    if kept:
        with open(kept, "w", encoding="utf-8") as file:
            json.dump(result, file)
    return result


def lines_of(trees, repo, path):
    """A file's lines; empty where it is not there."""
    try:
        with open(os.path.join(trees, repo.replace("/", "+"), path), encoding="utf-8", errors="replace", newline="\n") as file:
            return file.read().split("\n")
    except OSError:
        return []


class Folder:
    """Says where a finding counts: what begins inside a private key counts at its first line."""

    def __init__(self, trees):
        self.trees, self.heads = trees, {}

    def line(self, repo, path, line):
        if (repo, path) not in self.heads:
            heads, begun = {}, None
            for at, text in enumerate(lines_of(self.trees, repo, path), 1):
                if "-----BEGIN" in text and "PRIVATE KEY" in text:
                    begun = at
                if begun:
                    heads[at] = begun
                if "-----END" in text:
                    begun = None
            self.heads[repo, path] = heads
        return self.heads[repo, path].get(line, line)


class Labels:
    """The labelled lines, each with its weight, and the commit of each repository."""

    def __init__(self, place, generic):
        self.label, self.weight, self.commits = {}, {}, {}
        with open(place, newline="", encoding="utf-8") as text:
            for row in csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE):
                if len(row) == 2:
                    repo, self.commits[row[0]] = row
                    continue
                spot = repo, row[0], int(row[1])
                self.weight[spot] = float(row[3])
                # A vendor's token counts neither way in the table of generic secrets.
                self.label[spot] = row[2] if row[2] != "token" else "other" if generic else "secret"

    def judge(self, reports, folder):
        """Found secrets, false lines with their rules, and lines that were not labelled, with theirs."""
        found, false, unknown = set(), collections.defaultdict(set), collections.defaultdict(set)
        for repo in self.commits:
            for path, start, end, rule in reports[repo]:
                spots = {(repo, path, folder.line(repo, path, line)) for line in range(start, end + 1)}
                held = {spot for spot in spots if self.label.get(spot) in ("secret", "other")}
                found |= {spot for spot in held if self.label[spot] == "secret"}
                first = repo, path, folder.line(repo, path, start)
                if not held:
                    (false if first in self.label else unknown)[first].add(rule)
        return found, false, unknown


def table(labels, judged):
    """Weighted sums; the last F1 takes as all secrets those that at least one tool reports."""
    pool = set().union(*(found for found, _, _ in judged.values()))
    print("| half | tool | secrets | found | false | of these placeholders | unknown | precision | recall | F1 "
          "| F1, placeholders left out | F1, found by any |")
    print("|---|---|" + "---:|" * 10)
    for part in ("train", "held-out"):
        mine = {spot for spot in labels.label if half(spot[0]) == part}
        secrets = {spot for spot in mine if labels.label[spot] == "secret"}

        def total(spots):
            return sum(labels.weight[spot] for spot in spots)

        for tool, (found, false, unknown) in judged.items():
            hit, wrong = total(found & mine), total(set(false) & mine)
            shown = total(spot for spot in set(false) & mine if labels.label[spot] == "placeholder")
            missed = sum(half(spot[0]) == part for spot in unknown)
            precision, recall = hit / max(1, hit + wrong), hit / max(1, total(secrets))
            scores = [2 * p * r / max(1e-9, p + r) for p, r in (
                (precision, recall), (hit / max(1, hit + wrong - shown), recall),
                (precision, hit / max(1, total(secrets & pool))))]
            cells = [f"{total(secrets):.0f}", f"{hit:.0f}", f"{wrong:.0f}", f"{shown:.0f}", str(missed)]
            cells += [f"{value:.3f}" for value in (precision, recall, *scores)]
            print(f"| {part} | {tool} | {' | '.join(cells)} |")


def listing(trees, labels, judgement, what, part):
    """Prints the missed, false or unknown lines of one half, for reading."""
    found, false, unknown = judgement
    missed = {spot: [f"weight {labels.weight[spot]:.1f}"] for spot, label in labels.label.items()
              if label == "secret" and spot not in found}
    for (repo, path, line), why in sorted({"missed": missed, "false": false, "unknown": unknown}[what].items()):
        if half(repo) == part:
            text = (lines_of(trees, repo, path)[line - 1:line] or [""])[0].strip()[:220]
            label = labels.label.get((repo, path, line), "-")
            print(f"{repo} {path}:{line} [{','.join(sorted(why))}] {label} {text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("trees")
    parser.add_argument("labels")
    parser.add_argument("--tool", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--save", help="folder that keeps the tools' findings; those there are used again")
    parser.add_argument("--generic", action="store_true", help="leave out tokens of vendors and private keys")
    parser.add_argument("--list", nargs=2, metavar=("missed|false|unknown", "TOOL"))
    parser.add_argument("--half", default="train", choices=["train", "held-out"], help="for --list")
    args = parser.parse_args()
    named = dict(tool.split("=", 1) for tool in args.tool)
    labels, folder, judged = Labels(args.labels, args.generic), Folder(args.trees), {}
    for tool in READERS:
        program = named.get(tool) or shutil.which(tool.split()[0])
        kept = args.save and os.path.exists(os.path.join(args.save, tool.replace(" ", "") + ".json"))
        if kept or program:
            reports = findings(tool, program and os.path.abspath(program), args.trees, labels.commits, args.save)
            judged[tool] = labels.judge(reports, folder)
    if args.list:
        listing(args.trees, labels, judged[args.list[1]], args.list[0], args.half)
    else:
        table(labels, judged)


if __name__ == "__main__":
    main()
