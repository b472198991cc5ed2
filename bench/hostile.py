#!/usr/bin/env python3
"""Runs keylint and the scanners that are on PATH on hostile inputs and prints how each run ended.

usage: bench/hostile.py [--keylint PROGRAM] [--limit SECONDS] [--memory MB] [--files N] [--only NAME ...]

Each input is built in a folder of its own, which goes afterwards. It holds synthetic keys whose number
is known. A cell is `found/expected, exit code, seconds, peak memory`; `HANGS` is a run that had to be
killed, `SIGNAL n` one that ended by a signal of its own, `PANIC` one that printed a stack of its own. Peak
memory is bounded for every program alike (--memory; address space, since that needs no privilege; programs
in Go and Java reserve much more than they use, so the default is generous). With --files 1000000 the large
tree has a million files. A second table has git repositories, of which each program scans the history.
Nothing is built or fetched.
"""
import argparse
import hashlib
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
import zlib

KEY = "xox" + "b-731905284617-402918573640-Zq8vT2mKx0LrY5nWc7BdHs4J"
# Another one: some programs report a key once, wherever it stands.
KEY2 = KEY[:-4] + "Rf9c"
# Folder scans; a finding is counted as an occurrence of `count` in what the program prints.
PEERS = {
    "gitleaks": (["gitleaks", "dir", "--no-banner", "--log-level", "error", "-f", "json", "-r", "-", "."],
                 r'"RuleID"'),
    "betterleaks": (["betterleaks", "dir", "--no-banner", "--log-level", "error", "-f", "json", "-r", "-",
                     "."], r'"RuleID"'),
    "trufflehog": (["trufflehog", "filesystem", "--no-verification", "--no-update", "--json", "."],
                   r'"DetectorName"'),
    "kingfisher": (["kingfisher", "scan", "--no-validate", "--no-dedup", "--git-history", "none", "--format",
                    "jsonl", "."], r'"finding":'),
    "ripsecrets": (["ripsecrets", "."], r"xoxb-"),
    "titus": (["titus", "scan", "--output", ":memory:", "--format", "json", "."], r'"RuleID"'),
}
# The same for histories; `{root}` is the repository.
GIT_PEERS = {
    "gitleaks": (["gitleaks", "git", "--no-banner", "--log-level", "error", "-f", "json", "-r", "-", "."],
                 r'"RuleID"'),
    "betterleaks": (["betterleaks", "git", "--no-banner", "--log-level", "error", "-f", "json", "-r", "-",
                     "."], r'"RuleID"'),
    "trufflehog": (["trufflehog", "git", "--no-verification", "--no-update", "--json", "file://{root}"],
                   r'"DetectorName"'),
    "kingfisher": (["kingfisher", "scan", "--no-validate", "--no-dedup", "--git-history", "full", "--format",
                    "jsonl", "."], r'"finding":'),
    "titus": (["titus", "scan", "--git", "--output", ":memory:", "--format", "json", "."], r'"RuleID"'),
}
AUTHOR = "author A <a@example.org> 5 +0000\ncommitter A <a@example.org> 5 +0000\n"


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


def git(root, *words):
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null",
               GIT_AUTHOR_NAME="A", GIT_COMMITTER_NAME="A",
               GIT_AUTHOR_EMAIL="a@example.org", GIT_COMMITTER_EMAIL="a@example.org")
    done = subprocess.run(["git", *words], cwd=root, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def history(root, days=3):
    """A file with a key in the first and in the last commit; both are taken out again."""
    git(root, "init", "-q", "-b", "main")
    for day in range(days):
        write(root / f"f{day}.py", "".join(f"line {n} of {day}\n" for n in range(200)))
        if day in (0, days - 1):
            write(root / f"k{day}.py", f'token = "{KEY if day else KEY2}"\n')
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", f"day {day}")
    git(root, "rm", "-q", "k0.py", f"k{days - 1}.py")
    git(root, "commit", "-q", "-m", "gone")
    return 2


def put(root, kind, body, name=None):
    """Writes a loose object; gives its id."""
    data = f"{kind} {len(body)}\0".encode() + body
    name = name or hashlib.sha1(data).hexdigest()
    write(root / ".git/objects" / name[:2] / name[2:], zlib.compress(data))
    return name


def entry(mode, name, at):
    return f"{mode} {name}\0".encode() + bytes.fromhex(at)


def one_commit(root, tree_of, header=AUTHOR):
    """A repository of one commit, whose tree `tree_of` makes of a blob with a key."""
    git(root, "init", "-q", "-b", "main")
    tree = tree_of(put(root, "blob", f'token = "{KEY}"\n'.encode()))
    commit = put(root, "commit", f"tree {tree}\n{header}\nsubject\n".encode())
    write(root / ".git/refs/heads/main", commit + "\n")
    return commit


def plain(root):
    return lambda blob: put(root, "tree", entry("100644", "k.py", blob))


def after(change):
    """A history to which `change` is done, which is given its `.git`."""
    def build(root):
        found = history(root)
        change(root, root / ".git")
        return found
    return build


def loose(root, name):
    """The file of the loose object that `name` stands for."""
    found = git(root, "rev-parse", name)
    return root / ".git/objects" / found[:2] / found[2:]


def packed_refs(lines):
    return "# pack-refs with: peeled fully-peeled sorted \n" + lines


def many_refs(root, folder):
    head = git(root, "rev-parse", "HEAD")
    write(folder / "packed-refs", packed_refs("".join(f"{head} refs/tags/t{n:06}\n" for n in range(100_000))))


def pipe_object(_, folder):
    (folder / "objects/aa").mkdir(exist_ok=True)
    os.mkfifo(folder / "objects/aa" / ("0" * 38))


def cut_pack(root, folder):
    git(root, "repack", "-adfq")
    pack = next((folder / "objects/pack").glob("*.pack"))
    pack.chmod(0o644)
    os.truncate(pack, pack.stat().st_size // 2)


# What is done to a history that is whole. The second of its four commits is gone in one: what the first one
# has, later ones still have.
CHANGES = {
    "100,000 refs": many_refs,
    "blob that is not there": lambda root, _: loose(root, "HEAD:f1.py").unlink(),
    "commit that is not there": lambda root, _: loose(root, "HEAD~2").unlink(),
    "alternates: itself, in two spellings": lambda _, folder: write(
        folder / "objects/info/alternates", "../../.git/objects\n../objects/../objects\n"),
    "branch that cannot be read": lambda _, folder: write(folder / "refs/heads/other", "garbage\n"),
    "broken line in packed-refs": lambda _, folder: write(folder / "packed-refs", packed_refs("junk\n")),
    "ref that is a pipe": lambda _, folder: os.mkfifo(folder / "refs/heads/pipe"),
    "grafts that are a pipe": lambda _, folder: os.mkfifo(folder / "info/grafts"),
    "loose object that is a pipe": pipe_object,
    "pack cut in half": cut_pack,
}
# Commits whose header is not well-formed.
HEADERS = {
    "date 99999999999999999999": AUTHOR.replace(" 5 ", " 99999999999999999999 "),
    "commit without an author": AUTHOR[AUTHOR.index("committer"):],
}


def headed(header):
    def build(root):
        one_commit(root, plain(root), header)
        return 1
    return build


def corrupt_pack(root):
    """The blob of a file without a key is damaged in the middle."""
    found = history(root, 9)
    git(root, "repack", "-adfq", "--depth=0", "--window=0")
    index = next((root / ".git/objects/pack").glob("*.idx"))
    blob = git(root, "rev-parse", "HEAD:f4.py")
    line = next(line for line in git(root, "verify-pack", "-v", str(index)).splitlines() if line.startswith(blob))
    size, offset = map(int, line.split()[3:5])
    pack = index.with_suffix(".pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[offset + size // 2] ^= 0x55
    pack.write_bytes(data)
    return found


def tag_chain(root):
    last, kind = one_commit(root, plain(root)), "commit"
    for at in range(10_000):
        last = put(root, "tag", f"object {last}\ntype {kind}\ntag t\ntagger A <a@b> 5 +0000\n\nx\n".encode())
        kind = "tag"
    write(root / ".git/refs/tags/t", last + "\n")
    (root / ".git/refs/heads/main").unlink()
    return 1


def tree_names(root):
    names = ["", "..", ".GIT", ".git", "a/b", "k.py"]
    one_commit(root, lambda blob: put(root, "tree", b"".join(entry("100644", name, blob) for name in names)))
    return len(names)


def runs_programs(root):
    """The configuration names a program wherever `git log -p` asks for one."""
    found = history(root)
    script = root / ".git/evil"
    write(script, "#!/bin/sh\ntouch " + str(root / ".git/was-run") + "\nexec cat\n")
    script.chmod(0o755)
    for name, key in [("core", "fsmonitor"), ("core", "pager"), ("diff", "external"), ("diff.e", "textconv")]:
        git(root, "config", f"{name}.{key}", str(script))
    write(root / ".git/info/attributes", "*.py diff=e\n")
    return found


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
    marker = folder / ".git/was-run"
    if marker.exists():
        marker.unlink()
        end += " RUNS THE PROGRAM"
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


def git_inputs():
    made = {
        "blob damaged in a pack": corrupt_pack,
        "chain of 10,000 tags": tag_chain,
        "names in a tree: none, `..`, `.git`, `.GIT`, `a/b`": tree_names,
        "configuration that names programs": runs_programs,
    }
    made.update({name: after(change) for name, change in CHANGES.items()})
    made.update({name: headed(header) for name, header in HEADERS.items()})
    return {name: (build, {}) for name, build in made.items()}


def table(programs, rows, args):
    print("| input | " + " | ".join(programs) + " |")
    print("|---" * (len(programs) + 1) + "|")
    for name, (build, limits) in rows.items():
        if args.only and not any(part in name for part in args.only):
            continue
        place = pathlib.Path(tempfile.mkdtemp())
        try:
            folder = place / "tree"
            folder.mkdir()
            expected = build(folder)
            cells = []
            for command, count in programs.values():
                command = [word.replace("{root}", str(folder)) for word in command]
                cells.append(cell(command, count, folder, expected, args, limits))
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        finally:
            # Folders that may not be entered, and those too deep for Python.
            subprocess.run(["chmod", "-R", "u+rwX", str(place)], stderr=subprocess.DEVNULL)
            subprocess.run(["rm", "-rf", str(place)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keylint", default=shutil.which("keylint") or "target/release/keylint")
    parser.add_argument("--limit", type=float, default=60, help="seconds after which a run counts as hanging")
    parser.add_argument("--memory", type=int, default=16384, help="MB of address space")
    parser.add_argument("--files", type=int, default=100_000, help="files of the large tree")
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of inputs")
    args = parser.parse_args()
    keylint = str(pathlib.Path(args.keylint).resolve())
    files = {"keylint": ([keylint, "scan", "-f", "json", "."], r'"check": "slack')}
    files.update({name: peer for name, peer in PEERS.items() if shutil.which(name)})
    table(files, inputs(args), args)
    print()
    commits = {"keylint": ([keylint, "scan", "--history", "--no-cache", "-f", "json", "."], r'"check": "slack')}
    commits.update({name: peer for name, peer in GIT_PEERS.items() if shutil.which(name)})
    table(commits, git_inputs(), args)


if __name__ == "__main__":
    main()
