#!/usr/bin/env python3
"""Times keylint against the scanners that are on PATH, as paired ratios in one run.

usage: bench/compare.py REPO [REPO ...] [--mode tree|history] [--runs N] [--keylint PROGRAM]

Each run starts the programs in turn (keylint, peer, keylint, peer, ...) so that a machine whose
speed drifts slows both. Printed are the median seconds, peak memory of the largest process, and the
median, least and greatest ratio peer/keylint of the pairs. Nothing is built or fetched.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import time

PEERS = {
    "tree": {
        "gitleaks": ["gitleaks", "dir", "--no-banner", "--log-level", "fatal", "{repo}"],
        "betterleaks": ["betterleaks", "dir", "--no-banner", "--log-level", "fatal", "{repo}"],
        "ripsecrets": ["ripsecrets", "{repo}"],
        "kingfisher": ["kingfisher", "scan", "--no-validate", "--git-history", "none", "{repo}"],
        "trufflehog": ["trufflehog", "filesystem", "--no-verification", "--no-update", "{repo}"],
    },
    "history": {
        "gitleaks": ["gitleaks", "git", "--no-banner", "--log-level", "fatal", "{repo}"],
        "betterleaks": ["betterleaks", "git", "--no-banner", "--log-level", "fatal", "{repo}"],
        "kingfisher": ["kingfisher", "scan", "--no-validate", "--git-history", "full", "{repo}"],
        "trufflehog": ["trufflehog", "git", "--no-verification", "--no-update", "file://{repo}"],
        "git cat-file": ["git", "-C", "{repo}", "cat-file", "--batch-all-objects", "--batch",
                         "--unordered", "--buffer"],
    },
}


def once(command):
    """Seconds and peak MiB of one run; output is thrown away."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("repos", nargs="+")
    parser.add_argument("--mode", choices=PEERS, action="append")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keylint", default="target/release/keylint")
    args = parser.parse_args()
    print("| repo | mode | program | median s | peak MiB | ratio to keylint (min-max) |")
    print("|---|---|---|---|---|---|")
    for repo in args.repos:
        for mode in args.mode or list(PEERS):
            own = [args.keylint, "scan", "--quiet", repo]
            if mode == "history":
                own.insert(2, "--history")
            compare(repo, mode, own, args.runs)


def compare(repo, mode, own, runs):
    name = os.path.basename(os.path.abspath(repo))
    once(own)
    alone = [once(own) for _ in range(runs)]
    row(name, mode, "keylint", alone, "1")
    for peer, template in PEERS[mode].items():
        if not shutil.which(template[0]):
            continue
        command = [part.format(repo=os.path.abspath(repo)) for part in template]
        once(command)
        pairs = [(once(own), once(command)) for _ in range(runs)]
        ratios = [theirs[0] / ours[0] for ours, theirs in pairs]
        spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"
        row(name, mode, peer, [theirs for _, theirs in pairs], spread)


def row(name, mode, program, runs, ratio):
    seconds = statistics.median(run[0] for run in runs)
    memory = max(run[1] for run in runs)
    print(f"| {name} | {mode} | {program} | {seconds:.2f} | {memory:.0f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
