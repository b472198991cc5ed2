#!/usr/bin/env python3
"""What more rules cost: times keylint with few and with many of its rules.

usage: bench/rules.py REPO [REPO ...] [--counts FEW MANY] [--mode tree|history] [--seeds N ...] [--keylint PROGRAM]

For each seed so many rules are chosen by chance, the few among the many, besides the generic ones, which are
always on; the others are disabled in a configuration. Both sets run in turn on one thread and one processor
without the cache of histories. Printed are the median seconds of processor time, in user mode and in all, and the
median, least and greatest ratio of the pairs of each.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile


def chosen(ids, count, seed):
    """The rules that are off where `count` others than the generic ones are on."""
    others = [name for name in ids if not name.startswith("generic-")]
    random.Random(seed).shuffle(others)
    return sorted(others[count:])


def seconds(command):
    """Seconds of processor time: in user mode, and with what the system does for the program."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        raise SystemExit(f"exit code {code}: {' '.join(command)}")
    return usage.ru_utime, usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("repos", nargs="+")
    parser.add_argument("--mode", choices=["tree", "history"], default="history")
    parser.add_argument("--counts", type=int, nargs=2, default=[300, 1000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--keylint", default="target/release/keylint")
    args = parser.parse_args()
    listed = subprocess.run([args.keylint, "rules", "list"], capture_output=True, text=True, check=True)
    ids = sorted({line.split()[0] for line in listed.stdout.splitlines() if line.strip()})
    few, many = args.counts
    print(f"| repo | mode | time | {few} rules, s | {many} rules, s | ratio (min-max) |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for repo in args.repos:
            pairs = []
            for seed in args.seeds:
                pair = []
                for count in args.counts:
                    config = os.path.join(scratch, f"{count}-{seed}.toml")
                    with open(config, "w", encoding="utf-8") as file:
                        file.write(f"[rules]\ndisable = {json.dumps(chosen(ids, count, seed))}\n")
                    command = ["taskset", "--cpu-list", "0", args.keylint, "scan", "--quiet", "--threads", "1",
                               "--config", config, "--format", "json", "--output", os.devnull, repo]
                    pair.append(seconds(command + (["--history", "--no-cache"] if args.mode == "history" else [])))
                pairs.append(pair)
            name = os.path.basename(os.path.abspath(repo))
            for what, times in zip(("user", "all"), zip(*[zip(*pair) for pair in pairs])):
                ratios = [many / few for few, many in times]
                medians = " | ".join(f"{statistics.median(one):.2f}" for one in zip(*times))
                print(f"| {name} | {args.mode} | {what} | {medians} | {statistics.median(ratios):.2f}"
                      f" ({min(ratios):.2f}-{max(ratios):.2f}) |", flush=True)


if __name__ == "__main__":
    main()
