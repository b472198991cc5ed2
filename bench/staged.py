#!/usr/bin/env python3
"""Times `keylint scan --staged` against `git diff --cached`, as paired ratios in one run.

usage: bench/staged.py REPO [--files N ...] [--runs N] [--keylint PROGRAM]

REPO is cloned (objects shared) into a temporary folder; there N text files get five lines more and
are staged. As in a hook, git has written the trees of its index before. Both programs run in turn.
Printed are the median milliseconds of each, the least of keylint, and the median ratio of the pairs.
"""
import argparse
import pathlib
import statistics
import subprocess
import tempfile
import time

LINES = "".join(f"# a line that was added, number {n}\n" for n in range(5))


def git(folder, *args):
    return subprocess.run(["git", "-C", folder, *args], check=True, capture_output=True).stdout


def stage(folder, count):
    """Stages `count` changed files, spread over the repository."""
    git(folder, "reset", "-q", "--hard")
    names = git(folder, "ls-files", "-z").split(b"\0")[:-1]
    texts = [name.decode() for name in names if name.endswith((b".py", b".c", b".h", b".rst", b".js"))]
    for name in texts[:: max(1, len(texts) // count)][:count]:
        with open(pathlib.Path(folder, name), "a", encoding="utf-8") as file:
            file.write(LINES)
    git(folder, "add", "-A")
    git(folder, "write-tree")


def once(command, folder):
    """Milliseconds of one run."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{command} exited with {done.returncode}")
    return (time.perf_counter() - start) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("repo")
    parser.add_argument("--files", type=int, nargs="+", default=[1, 5, 50])
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--keylint", default="target/release/keylint")
    args = parser.parse_args()
    own = [str(pathlib.Path(args.keylint).resolve()), "scan", "--staged"]
    peer = ["git", "diff", "--cached"]
    with tempfile.TemporaryDirectory() as folder:
        git(".", "clone", "-q", "--shared", args.repo, folder)
        count = len(git(folder, "ls-files").splitlines())
        print(f"{count} files in the index, {args.runs} pairs\n")
        print("| staged files | keylint ms | least | git diff --cached ms | ratio |")
        print("|---|---|---|---|---|")
        for files in args.files:
            stage(folder, files)
            once(own, folder), once(peer, folder)
            pairs = [(once(own, folder), once(peer, folder)) for _ in range(args.runs)]
            ours, theirs = zip(*pairs)
            ratio = statistics.median(mine / other for mine, other in pairs)
            print(
                f"| {files} | {statistics.median(ours):.1f} | {min(ours):.1f} "
                f"| {statistics.median(theirs):.1f} | {ratio:.1f} |"
            )


if __name__ == "__main__":
    main()
