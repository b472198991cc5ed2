#!/usr/bin/env python3
"""Precision, recall and F1 of secret scanners on labelled lines, by train and held-out half.

usage: bench/generic.py FOLDER LABELS [--tool NAME=PROGRAM ...] [--categories A,B,...] [--half H]
                        [--save FILE] [--list WHAT TOOL]

FOLDER holds the files. LABELS is a CSV file, or a folder of them, with the columns RepoName,
FilePath (ending in the path below FOLDER), LineStart, LineEnd, GroundTruth (T, or anything else for
false) and Category: the form of Samsung/CredData's `meta`.

A line that is labelled true counts as found when a finding lies on it. A finding on any other line
of a labelled file, labelled or not, is false. A repository is wholly in one half: the first hex
digit of the SHA-256 of its name says which (0-7 train, 8-f held out). With --categories, true lines
of other categories count neither way. Nothing is built or fetched; tools are found on PATH unless
--tool names the program.
"""
import argparse
import collections
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

GENERIC = "Password,Secret,Token,Key,Auth,API,Credential,Basic Authorization," \
          "Bearer Authorization,URL Credentials,CMD Password,SQL Password,CMD Secret,CMD Token," \
          "Dropbox App secret,CURL User Password,PASSWD_PAIR,ID_PASSWD_PAIR"


def half(repo):
    """The half that a repository is in."""
    return "train" if hashlib.sha256(repo.encode()).hexdigest()[0] < "8" else "held-out"


def keylint(program, folder, out):
    command = [program, "scan", "--quiet", "--hidden", "--no-ignore", "--no-config", "--format", "json",
               "--output", out, folder]
    run(command)
    for finding in json.load(open(out))["findings"]:
        yield finding["shown"], finding["start"][0], finding["end"][0], finding["check"]
        # The other half of a pair, such as the id of an AWS key, is in the finding of the secret.
        for part in finding.get("parts", ()):
            if part["check"] != finding["check"]:
                yield finding["shown"], part["start"][0], part["end"][0], part["check"]


def betterleaks(program, folder, out):
    run([program, "dir", "--no-banner", "--log-level", "fatal", "--exit-code", "0", "-f", "json", "-r", out, folder])
    for finding in json.load(open(out)) or []:
        path = finding.get("File") or finding["Attributes"]["path"]
        yield path, finding["StartLine"], finding["EndLine"], finding["RuleID"]


def credsweeper(program, folder, out):
    run([program, "--path", folder, "--save-json", out, "--no-stdout", "--jobs", "2"])
    for finding in json.load(open(out)):
        lines = [line["line_num"] for line in finding["line_data_list"]]
        yield finding["line_data_list"][0]["path"], min(lines), max(lines), finding["rule"]


TOOLS = {"keylint": keylint, "betterleaks": betterleaks, "gitleaks": betterleaks, "credsweeper": credsweeper}


def run(command):
    """Runs one scanner; its exit status says only that it found something."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1, 2):
        sys.exit(f"{command[0]} failed: {done.stderr[-2000:]}")


def read_labels(place):
    files = [place]
    if os.path.isdir(place):
        files = sorted(os.path.join(place, name) for name in os.listdir(place) if name.endswith(".csv"))
    rows = []
    for name in files:
        with open(name, newline="") as text:
            rows += csv.DictReader(text)
    return rows


class Truth:
    """Labelled files: what stands on which line."""

    def __init__(self, rows, folder, wanted):
        self.repo, self.true, self.other, self.false = {}, {}, set(), set()
        base = os.path.basename(os.path.normpath(folder))
        for row in rows:
            path = row["FilePath"].removeprefix(base + "/")
            if not os.path.exists(os.path.join(folder, path)):
                continue
            self.repo[path] = row["RepoName"]
            spot = (path, int(row["LineStart"]), int(row["LineEnd"]))
            if row["GroundTruth"] != "T":
                self.false.add(spot)
            elif not wanted or set(row["Category"].split(":")) & wanted:
                self.true[spot] = row["Category"]
            else:
                self.other.add(spot)
        self.lines = collections.defaultdict(list)
        for kind, spots in (("true", self.true), ("other", self.other)):
            for path, start, end in spots:
                for line in range(start, end + 1):
                    self.lines[path, line].append((kind, (path, start, end)))

    def judge(self, findings, folder):
        """Found true spots, and false lines with the checks that reported them."""
        found, wrong = set(), collections.defaultdict(set)
        for path, start, end, check in findings:
            path = os.path.relpath(path, folder) if os.path.isabs(path) else path
            if path not in self.repo:
                continue
            hits = [hit for line in range(start, end + 1) for hit in self.lines.get((path, line), [])]
            found.update(spot for kind, spot in hits if kind == "true")
            if not hits:
                wrong[path, start].add(check)
        return found, wrong


def table(truth, results):
    print("| half | tool | true lines | found | false | precision | recall | F1 |")
    print("|---|---|---|---|---|---|---|---|")
    for part in ("train", "held-out"):
        mine = lambda spot: half(truth.repo[spot[0]]) == part
        total = sum(map(mine, truth.true))
        for tool, (found, wrong) in results.items():
            hit, miss = sum(map(mine, found)), sum(map(mine, wrong))
            precision, recall = hit / max(1, hit + miss), hit / max(1, total)
            score = 2 * precision * recall / max(1e-9, precision + recall)
            print(f"| {part} | {tool} | {total} | {hit} | {miss} | {precision:.3f} | {recall:.3f} | {score:.3f} |")


def listing(truth, folder, result, what, part):
    """Prints the missed or false lines of one half, for reading."""
    found, wrong = result
    lost = [(*spot[:2], truth.true[spot]) for spot in truth.true if spot not in found]
    spots = lost if what == "missed" else [(*spot, ",".join(checks)) for spot, checks in wrong.items()]
    for path, line, why in sorted(spots):
        if half(truth.repo[path]) != part:
            continue
        with open(os.path.join(folder, path), errors="replace") as text:
            shown = text.read().split("\n")[line - 1].strip()
        label = "F" if any(spot[:2] == (path, line) for spot in [(path, line)] if (path, line, line) in truth.false) else "-"
        print(f"{path}:{line} [{why}] {label} {shown[:220]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("labels")
    parser.add_argument("--tool", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--categories", default="", help="comma-separated, or `generic`; all by default")
    parser.add_argument("--save", help="folder that keeps the tools' findings; those there are used again")
    parser.add_argument("--list", nargs=2, metavar=("missed|false", "TOOL"))
    parser.add_argument("--half", default="train", choices=["train", "held-out"], help="for --list")
    args = parser.parse_args()
    named = dict(tool.split("=", 1) for tool in args.tool)
    folder = os.path.abspath(args.folder)
    wanted = set(filter(None, (GENERIC if args.categories == "generic" else args.categories).split(",")))
    truth = Truth(read_labels(args.labels), folder, wanted)
    results = {}
    for name, parse in TOOLS.items():
        program = named.get(name) or shutil.which(name)
        kept = args.save and os.path.join(args.save, name + ".json")
        if kept and os.path.exists(kept):
            findings = json.load(open(kept))
        elif program:
            with tempfile.TemporaryDirectory() as scratch:
                findings = list(parse(program, folder, os.path.join(scratch, "out.json")))
            if kept:
                json.dump(findings, open(kept, "w"))
        else:
            continue
        results[name] = truth.judge(findings, folder)
    if args.list:
        listing(truth, folder, results[args.list[1]], args.list[0], args.half)
    else:
        table(truth, results)


if __name__ == "__main__":
    main()
