#!/usr/bin/env python3
"""Times keylint against the programs that are on PATH, as paired ratios in one run.

usage: bench/compare.py REPO [REPO ...] [--mode tree|history] [--cpus N ...] [--runs N] [--keylint PROGRAM]

Each run starts the programs in turn (keylint, peer, keylint, peer, ...) so that a machine whose
speed drifts slows both. With --cpus every program is bound to that many processors. Printed are the
median seconds with least and greatest, peak memory of the largest process, and the median, least and
greatest ratio peer/keylint of the pairs. Nothing is built or fetched.

A peer that fails is named as failed, with its exit code, and gets no ratio.

Besides scanners there are two yardsticks: for trees, ripgrep looking for the keywords of all rules as
fixed strings in the same files; for histories, git writing all objects to nowhere. `keylint, again` is
a history that was scanned before; `keylint, grown` is one to which a commit at HEAD was added before each
run (to a copy that shares the objects).
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import tomllib

PEERS = {
    "tree": {
        "ripgrep": ["rg", "--ignore-case", "--fixed-strings", "--file", "{words}", "--count", "{repo}"],
        "gitleaks": ["gitleaks", "dir", "--no-banner", "--log-level", "fatal", "{repo}"],
        "betterleaks": ["betterleaks", "dir", "--no-banner", "--log-level", "fatal", "{repo}"],
        "ripsecrets": ["ripsecrets", "{repo}"],
        "titus": ["titus", "scan", "--output", ":memory:", "{repo}"],
        "kingfisher": ["kingfisher", "scan", "--no-validate", "--git-history", "none", "{repo}"],
        "trufflehog": ["trufflehog", "filesystem", "--no-verification", "--no-update", "{repo}"],
    },
    "history": {
        "git cat-file": ["git", "-C", "{repo}", "cat-file", "--batch-all-objects", "--batch",
                         "--unordered", "--buffer"],
        "keylint, again": ["{keylint}", "scan", "--quiet", "--history", "{repo}"],
        "keylint, grown": ["{keylint}", "scan", "--quiet", "--history", "{grown}"],
        "gitleaks": ["gitleaks", "git", "--no-banner", "--log-level", "fatal", "{repo}"],
        "betterleaks": ["betterleaks", "git", "--no-banner", "--log-level", "fatal", "{repo}"],
        "titus": ["titus", "scan", "--git", "--output", ":memory:", "{repo}"],
        "kingfisher": ["kingfisher", "scan", "--no-validate", "--git-history", "full", "{repo}"],
        "trufflehog": ["trufflehog", "git", "--no-verification", "--no-update", "{bare}", "file://{repo}"],
    },
}
# Exit codes of a run that was done, with and without findings.
DONE = {"trufflehog": {0}, "git cat-file": {0}}
DONE_OTHERS = {0, 1, 200, 205}


def once(command, scratch):
    """Seconds, peak MiB and exit code of one run; output is thrown away."""
    cache = os.path.join(scratch, "cache")
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "XDG_CACHE_HOME": cache})
    _, status, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def git(repo, *args, text=None):
    """What git prints."""
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org"}
    who |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in who.items()}
    done = subprocess.run(["git", "-C", repo, *args], input=text, env={**os.environ, **who}, check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.rstrip("\n")


def link(source, target):
    """Makes `target` the same file as `source`, or a copy where it is on another disk. Git replaces files, and
    does not change them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def grow(repo):
    """Adds a commit with one more file to HEAD of the bare repository."""
    blob = git(repo, "hash-object", "-w", "--stdin", text=str(time.time_ns()))
    tree = git(repo, "ls-tree", "HEAD") + f"\n100644 blob {blob}\tkeylint-{time.time_ns()}\n"
    tree = git(repo, "mktree", "--missing", text=tree.lstrip("\n"))
    git(repo, "update-ref", "HEAD", git(repo, "commit-tree", tree, "-m", "one more", "-p", "HEAD"))


def keywords(file):
    """Writes the keywords of all rules to `file`, one a line."""
    words = set()
    for path in pathlib.Path(__file__).resolve().parent.parent.glob("rules/*.toml"):
        for rule in tomllib.loads(path.read_text()).get("rule", []):
            words.update(rule.get("keywords", []))
    pathlib.Path(file).write_text("".join(f"{word}\n" for word in sorted(words)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("repos", nargs="+")
    parser.add_argument("--mode", choices=PEERS, action="append")
    parser.add_argument("--cpus", type=int, nargs="+", default=[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", action="append", help="this program alone; may be repeated")
    parser.add_argument("--keylint", default="target/release/keylint")
    args = parser.parse_args()
    print("| repo | mode | CPUs | program | median s (min-max) | peak MiB | ratio to keylint (min-max) |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        keywords(os.path.join(scratch, "words"))
        for repo in args.repos:
            for mode in args.mode or list(PEERS):
                for cpus in args.cpus:
                    compare(repo, mode, cpus, args, scratch)


def compare(repo, mode, cpus, args, scratch):
    bound = ["taskset", "--cpu-list", f"0-{cpus - 1}"] if cpus else []
    own = [*bound, args.keylint, "scan", "--quiet", repo]
    if mode == "history":
        own += ["--history", "--no-cache"]
    names = os.path.basename(os.path.abspath(repo)), mode, cpus or "all"
    once(own, scratch)
    row(names, "keylint", [once(own, scratch) for _ in range(args.runs)], "1")
    grown = os.path.join(scratch, "grown", *map(str, names))
    for peer, template in PEERS[mode].items():
        values = {"repo": os.path.abspath(repo), "words": os.path.join(scratch, "words"),
                  "keylint": args.keylint, "grown": grown,
                  # Without it trufflehog clones a bare repository and fails, after a while that looks like a run.
                  "bare": "" if os.path.exists(os.path.join(repo, ".git")) else "--bare"}
        command = bound + [text for part in template if (text := part.format(**values))]
        if not shutil.which(command[len(bound)]) or (args.only and peer not in args.only):
            continue
        if grown in command:
            shutil.copytree(git(repo, "rev-parse", "--absolute-git-dir"), grown, copy_function=link)
        code = once(command, scratch)[2]
        if code not in DONE.get(peer, DONE_OTHERS):
            print(f"| {' | '.join(map(str, names))} | {peer} | failed (exit code {code}) | | |", flush=True)
            continue
        pairs = []
        for _ in range(args.runs):
            if grown in command:
                grow(grown)
            pairs.append((once(own, scratch), once(command, scratch)))
        ratios = [theirs[0] / ours[0] for ours, theirs in pairs]
        digits = 3 if statistics.median(ratios) < 1 else 1
        spread = f"{statistics.median(ratios):.{digits}f} ({min(ratios):.{digits}f}-{max(ratios):.{digits}f})"
        row(names, peer, [theirs for _, theirs in pairs], spread)


def row(names, program, runs, ratio):
    seconds = [run[0] for run in runs]
    memory = max(run[1] for run in runs)
    where = " | ".join(map(str, names))
    times = f"{statistics.median(seconds):.2f} ({min(seconds):.2f}-{max(seconds):.2f})"
    print(f"| {where} | {program} | {times} | {memory:.0f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
