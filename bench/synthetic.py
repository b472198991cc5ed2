#!/usr/bin/env python3
"""Writes synthetic corpora that are hard on a scanner, and times keylint on them at two sizes.

usage: bench/synthetic.py DIR [--megabytes N] [--runs N] [--keylint PROGRAM]

In DIR, which is made or emptied of these folders, come to lie:
  none      text without any keyword
  dense     the examples of all rules, over and over
  minified  the same on lines of one megabyte
  near      what nearly matches: every example of every rule without its last characters, and its
            negatives; nothing of it is a finding of its own rule
  endless   for each keyword of each rule a long tail of the bytes that its examples are made of, with
            no end in sight: what makes a careless pattern super-linear
Each is written at N megabytes (4 unless told) and at twice that. Printed are megabytes a second at both
sizes and the ratio of the times: 2 is linear. The corpora are the same on every run.
"""
import argparse
import pathlib
import random
import shutil
import statistics
import subprocess
import time
import tomllib

RULES = pathlib.Path(__file__).resolve().parent.parent / "rules"
WORDS = "fn loop item size total map iter value add sum list of for in if else row cell".split()


def rules():
    for path in sorted(RULES.glob("*.toml")):
        yield from tomllib.loads(path.read_text()).get("rule", [])


def none(_random):
    while True:
        yield " ".join(_random.choice(WORDS) for _ in range(12)) + ";\n"


def dense(_random):
    examples = [example for rule in rules() for example in rule.get("examples", [])]
    while True:
        yield _random.choice(examples) + "\n"


def minified(_random):
    for example in dense(_random):
        yield example.replace("\n", ";") + ";"


def near(_random):
    texts = []
    for rule in rules():
        texts += rule.get("negatives", [])
        texts += [example[: -_random.randint(3, 9)] for example in rule.get("examples", [])]
    while True:
        yield _random.choice(texts) + "\n"


def endless(_random):
    tails = []
    for rule in rules():
        letters = sorted(set("".join(rule.get("examples", [])) or "x") - set("\n"))
        tails += [(keyword, letters) for keyword in rule.get("keywords", [])]
    while True:
        keyword, letters = _random.choice(tails)
        yield keyword + "".join(_random.choice(letters) for _ in range(600))


CORPORA = {"none": none, "dense": dense, "minified": minified, "near": near, "endless": endless}


def write(folder, name, size):
    """Writes files of at most a megabyte, `size` bytes in all."""
    folder.mkdir(parents=True)
    pieces = CORPORA[name](random.Random(name))
    for number in range(max(1, size >> 20)):
        text, have = [], 0
        while have < 1 << 20:
            piece = next(pieces)
            text.append(piece)
            have += len(piece)
        (folder / f"{number:04}.txt").write_text("".join(text))


def seconds(program, folder):
    command = [program, "scan", "--quiet", "--no-config", "--no-ignore", "--threads", "1", "--format", "jsonl", str(folder)]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{program} failed on {folder}: {done.stderr.decode()[-500:]}")
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--megabytes", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keylint", default="target/release/keylint")
    args = parser.parse_args()
    print("| corpus | MB/s | MB/s at twice the size | ratio of the times |")
    print("|---|---|---|---|")
    for name in CORPORA:
        sizes = [args.megabytes << 20, args.megabytes << 21]
        folders = [args.dir / f"{name}-{size >> 20}" for size in sizes]
        for folder, size in zip(folders, sizes):
            shutil.rmtree(folder, ignore_errors=True)
            write(folder, name, size)
        pairs = [[seconds(args.keylint, folder) for folder in folders] for _ in range(args.runs)]
        once, twice = (statistics.median(pair[at] for pair in pairs) for at in (0, 1))
        ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
        mb = args.megabytes
        print(f"| {name} | {mb / once:.1f} | {2 * mb / twice:.1f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
