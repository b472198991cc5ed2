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
  keys      keys of one kind, each another one, on one line and in no variable
  marks     the examples, each with a marker comment behind it, on one line
  runs      forty keywords, each over and over without a gap, for a fortieth of the text
  tails     forty keywords, each before a fortieth of the text of such bytes
Each is one file of N megabytes (4 unless told), and one of twice that, so that what is super-linear in the
length of a text shows. Printed are megabytes a second of processor time at both sizes and the ratio of the times: 2 is linear.
The corpora are the same on every run.
"""
import argparse
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
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


def keys(_random):
    while True:
        yield "".join(_random.choices("0123456789abcdef", k=32)) + "-us12 "


def marks(_random):
    for example in dense(_random):
        yield example.replace("\n", ";") + " /* keylint:allow */ "


def letters():
    """Each keyword with the bytes that the examples of its rule are made of."""
    for rule in rules():
        own = sorted(set("".join(rule.get("examples", [])) or "x") - set("\n"))
        yield from ((keyword, own) for keyword in rule.get("keywords", []))


def endless(_random):
    tails = list(letters())
    while True:
        keyword, own = _random.choice(tails)
        yield keyword + "".join(_random.choices(own, k=600))


def runs(_random, length):
    # The same keywords at each length.
    for keyword, _ in _random.sample(list(letters()), 41):
        yield keyword * (length // len(keyword)) + "\n"


def tails(_random, length):
    for keyword, own in _random.sample(list(letters()), 41):
        yield keyword + "".join(_random.choices(own, k=length))


CORPORA = {"none": none, "dense": dense, "minified": minified, "near": near, "endless": endless,
           "keys": keys, "marks": marks}
# Their pieces grow with the text.
GROWING = {"runs": runs, "tails": tails}


def write(folder, name, size):
    """Writes one file of `size` bytes."""
    folder.mkdir(parents=True)
    chosen = random.Random(name)
    pieces = CORPORA[name](chosen) if name in CORPORA else GROWING[name](chosen, size // 40)
    text, have = [], 0
    while have < size:
        piece = next(pieces)
        text.append(piece)
        have += len(piece)
    (folder / "0.txt").write_text("".join(text))


def seconds(program, folder):
    command = [program, "scan", "--quiet", "--no-config", "--no-ignore", "--threads", "1", "--max-size", "1G",
               "--format", "jsonl", str(folder)]
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{program} failed on {folder}: {done.stderr.decode()[-500:]}")
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time, so that what else runs on the machine does not look like growth.
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--megabytes", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keylint", default="target/release/keylint")
    args = parser.parse_args()
    print("| corpus | MB/s | MB/s at twice the size | ratio of the times |")
    print("|---|---|---|---|")
    for name in [*CORPORA, *GROWING]:
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
