#!/usr/bin/env python3
"""Runs keylint and the scanners that are on PATH on hostile inputs and prints how each run ended.

usage: bench/hostile.py [--keylint PROGRAM] [--limit SECONDS] [--memory MB] [--files N] [--only NAME ...]

Each input is built in a folder of its own, which goes afterwards. It holds synthetic keys whose number
is known. A cell is `found/expected, exit code, seconds, peak memory`; `HANGS` is a run that had to be
killed, `SIGNAL n` one that ended by a signal of its own, `PANIC` one that printed a stack of its own. Peak
memory is bounded for every program alike (--memory; address space, since that needs no privilege; programs
in Go and Java reserve much more than they use, so the default is generous). With --files 1000000 the large
tree has a million files. Nothing is built or fetched.
"""
import argparse
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

KEY = "xox" + "b-731905284617-402918573640-Zq8vT2mKx0LrY5nWc7BdHs4J"
# Folder scans; a finding is counted as an occurrence of `count` in what the program prints.
PEERS = {
    "gitleaks": (["gitleaks", "dir", "--no-banner", "--log-level", "error", "-f", "json", "-r", "-", "."],
                 r'"RuleID"'),
    "betterleaks": (["betterleaks", "dir", "--no-banner", "--log-level", "error", "-f", "json", "-r", "-",
                     "."], r'"RuleID"'),
    "trufflehog": (["trufflehog", "filesystem", "--no-verification", "--no-update", "--json", "."],
                   r'"DetectorName"'),
    "kingfisher": (["kingfisher", "scan", "--no-validate", "--git-history", "none", "--format", "jsonl", "."],
                   r'"finding":'),
    "ripsecrets": (["ripsecrets", "."], r"xoxb-"),
    "titus": (["titus", "scan", "--output", ":memory:", "--format", "json", "."], r'"RuleID"'),
}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def links(root):
    write(root / "a/b/k.txt", KEY)
    os.symlink("..", root / "a/b/up")
    os.symlink(".", root / "self")
    os.symlink("ring2", root / "ring1")
    os.symlink("ring1", root / "ring2")
    os.symlink("nowhere", root / "dangling")
    return 1


def specials(root):
    write(root / "k.txt", KEY)
    os.mkfifo(root / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(root / "socket"))
    os.symlink("/dev/zero", root / "zero.txt")
    return 1


def sparse(root):
    write(root / "k.txt", KEY)
    with open(root / "sparse.txt", "wb") as file:
        file.truncate(4 << 30)
    return 1


def long_line(root):
    write(root / "long.js", "x" * (5 << 20) + f' "{KEY}" ' + "y" * (5 << 20))
    return 1


def names(root):
    for name in [b"a\xff.txt", b"a\xfe.txt", b"new\nline.txt", b"esc\x1b[31m.txt", b"Case.txt", b"case.txt"]:
        write(pathlib.Path(os.fsdecode(os.fsencode(root) + b"/" + name)), KEY)
    return 6


def ignore_pipe(root):
    write(root / "k.txt", KEY)
    write(root / "sub/k.txt", KEY)
    os.mkfifo(root / "sub/.gitignore")
    return 2


def ignore_endless(root):
    write(root / "k.txt", KEY)
    write(root / "sub/k.txt", KEY)
    os.symlink("/dev/zero", root / "sub/.gitignore")
    return 2


def own_settings(root):
    """Settings of each program, as a pipe."""
    write(root / "k.txt", KEY)
    for name in ["keylint.toml", ".gitleaks.toml", ".betterleaks.toml", ".gitleaksignore"]:
        os.mkfifo(root / name)
    return 1


def unreadable(root):
    """One file and one folder of three that may not be read. Says nothing where root runs it."""
    for name in ["k.txt", "closed.txt", "closed/k.txt"]:
        write(root / name, KEY)
    os.chmod(root / "closed.txt", 0)
    os.chmod(root / "closed", 0)
    return 3 if os.geteuid() == 0 else 1


def many(files):
    def build(root):
        for at in range(files):
            if at % 1000 == 0:
                (root / f"d{at // 1000}").mkdir()
            with open(root / f"d{at // 1000}/{at}", "wb") as file:
                file.write(b"nothing\n")
        write(root / "d0/k.txt", KEY)
        return 1
    return build


def deep_folders(root):
    here = os.open(root, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("deep", dir_fd=here)
        inner = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    with open(os.open("k.txt", os.O_WRONLY | os.O_CREAT, dir_fd=here), "w") as file:
        file.write(KEY)
    os.close(here)
    write(root / "k.txt", KEY)
    return 2


def run(command, folder, args, limits):
    """Exit code, text, seconds, peak MB; None for the code of a run that was killed."""
    def bound():
        resource.setrlimit(resource.RLIMIT_AS, (args.memory << 20, args.memory << 20))
        if "files" in limits:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limits["files"], limits["files"]))

    env = dict(os.environ, HOME=str(folder.parent), NO_COLOR="1")
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                 env=env, preexec_fn=bound, start_new_session=True)
        code, peak = None, 0
        while time.monotonic() - start < args.limit:
            done, status, usage = os.wait4(child.pid, os.WNOHANG)
            if done:
                code, peak = os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024
                break
            time.sleep(0.01)
        else:
            os.killpg(child.pid, signal.SIGKILL)
            os.wait4(child.pid, 0)
        child.returncode = code
        seconds = time.monotonic() - start
        out.seek(0)
        return code, out.read().decode(errors="replace"), seconds, peak


def cell(command, count, folder, expected, args, limits):
    code, text, seconds, peak = run(command, folder, args, limits)
    if code is None:
        return f"HANGS ({args.limit} s)"
    found = len(re.findall(count, text))
    end = f"SIGNAL {-code}" if code < 0 else f"exit {code}"
    if re.search(r"^panic: |^fatal error: |panicked at|internal fault at|Traceback \(most", text, re.M):
        end += " PANIC"
    return f"{found}/{expected}, {end}, {seconds:.2f} s, {peak:.0f} MB"


def inputs(args):
    return {
        "rings of links": (links, {}),
        "pipe, socket, device": (specials, {}),
        "sparse file of 4 GB": (sparse, {}),
        "line of 10 MB": (long_line, {}),
        "names: no UTF-8, newline, escape, case": (names, {}),
        ".gitignore is a pipe": (ignore_pipe, {}),
        ".gitignore leads to /dev/zero": (ignore_endless, {}),
        "settings are pipes": (own_settings, {}),
        "unreadable file and folder": (unreadable, {}),
        "2,000 folders deep": (deep_folders, {}),
        f"{args.files:,} files": (many(args.files), {}),
        "10,000 files, 32 open at most": (many(10_000), {"files": 32}),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keylint", default=shutil.which("keylint") or "target/release/keylint")
    parser.add_argument("--limit", type=float, default=60, help="seconds after which a run counts as hanging")
    parser.add_argument("--memory", type=int, default=16384, help="MB of address space")
    parser.add_argument("--files", type=int, default=100_000, help="files of the large tree")
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of inputs")
    args = parser.parse_args()
    keylint = [str(pathlib.Path(args.keylint).resolve()), "scan", "-f", "json", "."]
    programs = {"keylint": (keylint, r'"check": "slack')}
    programs.update({name: peer for name, peer in PEERS.items() if shutil.which(name)})
    print("| input | " + " | ".join(programs) + " |")
    print("|---" * (len(programs) + 1) + "|")
    for name, (build, limits) in inputs(args).items():
        if args.only and not any(part in name for part in args.only):
            continue
        place = pathlib.Path(tempfile.mkdtemp())
        try:
            folder = place / "tree"
            folder.mkdir()
            expected = build(folder)
            cells = [cell(command, count, folder, expected, args, limits) for command, count in programs.values()]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        finally:
            # Folders that may not be entered, and those too deep for Python.
            subprocess.run(["chmod", "-R", "u+rwX", str(place)], stderr=subprocess.DEVNULL)
            subprocess.run(["rm", "-rf", str(place)])


if __name__ == "__main__":
    main()
