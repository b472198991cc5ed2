#!/usr/bin/env python3
"""Packs programs that are built into the archives of a release.

usage: packaging/archive.py --out DIR [--guide PROGRAM] TARGET=PROGRAM ...

Writes `keylint-vVERSION-TARGET.tar.gz`, for Windows `.zip`. In each, in a folder of that name, are the
program, the licences, the README and the changelog, and with --guide the man pages and completions that
PROGRAM, a keylint that runs here, prints. The same input gives the same bytes: files carry the time
of SOURCE_DATE_EPOCH (seconds since 1970), or 1980-01-01.
"""
import gzip
import io
import os
import pathlib
import subprocess
import tarfile
import tempfile
import time
import zipfile

from common import CRATE, LICENCES, ROOT, arguments, executable

EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))
SHELLS = {"bash": "keylint.bash", "zsh": "_keylint", "fish": "keylint.fish", "powershell": "_keylint.ps1"}


def guide(program):
    """Paths in the archive of man pages and completions, and their content."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "man", "--out", folder], check=True, stdout=subprocess.DEVNULL)
        for page in pathlib.Path(folder).iterdir():
            files[f"man/{page.name}"] = page.read_bytes()
    for shell, name in SHELLS.items():
        script = subprocess.run([program, "completions", shell], check=True, stdout=subprocess.PIPE).stdout
        files[f"completions/{name}"] = script
    return files


def tar_up(path, files):
    """`files` maps paths to content and mode."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, (content, mode) in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode, entry.mtime = len(content), mode, EPOCH
                archive.addfile(entry, io.BytesIO(content))


def zip_up(path, files):
    """The same; modes are kept for those who unpack it on Unix."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, time.gmtime(EPOCH)[:6])
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def main():
    given = arguments(
        __doc__, lambda parser: parser.add_argument("--guide", type=pathlib.Path, metavar="PROGRAM")
    )
    texts = {name: (ROOT / name).read_bytes() for name in [*LICENCES, "README.md", "CHANGELOG.md"]}
    if given.guide:
        texts |= guide(given.guide.resolve())
    for target, program in given.programs.items():
        name = f"keylint-v{CRATE['version']}-{target}"
        files = {f"{name}/{executable(target)}": (program.read_bytes(), 0o755)}
        files |= {f"{name}/{path}": (texts[path], 0o644) for path in sorted(texts)}
        suffix, write = (".zip", zip_up) if "windows" in target else (".tar.gz", tar_up)
        archive = given.out / (name + suffix)
        write(archive, files)
        print(archive.name)


if __name__ == "__main__":
    main()
