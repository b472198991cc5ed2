#!/usr/bin/env python3
"""Packs programs that are built into npm packages.

usage: packaging/npm.py --out DIR TARGET=PROGRAM ...

Writes one tarball for each program, `@keylint/OS-CPU`, and the package `keylint`, which has only a
launcher and names all packages of packaging/targets.json as optional dependencies, so that npm
installs the one that fits. Nothing is built, and nothing is downloaded here or by an installation
script. Needs npm.
"""
import json
import pathlib
import shutil
import subprocess
import tempfile

from common import CRATE, LICENCES, ROOT, TARGETS, arguments, executable


def name(target):
    entry = TARGETS[target]
    return f"@keylint/{entry['os']}-{entry['cpu']}"


def manifest(package, description, **more):
    shared = {
        "name": package,
        "version": CRATE["version"],
        "description": description,
        "license": f"({CRATE['license']})",
        "repository": {"type": "git", "url": f"git+{CRATE['repository']}.git"},
        "files": ["bin", *LICENCES],
    }
    return shared | more


def pack(manifest, readme, files, out):
    """`files` maps paths in the package to what is copied there; they are made executable."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "package.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(readme, encoding="utf-8")
        for licence in LICENCES:
            shutil.copy(ROOT / licence, folder)
        for path, source in files.items():
            copy = folder / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
            copy.chmod(0o755)
        command = [shutil.which("npm") or "npm", "pack", "--silent", "--pack-destination", str(out.resolve())]
        subprocess.run(command, cwd=folder, check=True)


def main():
    given = arguments(__doc__)
    for target, program in given.programs.items():
        entry = TARGETS[target]
        about = f"The keylint program for {entry['os']} on {entry['cpu']}; install the package keylint"
        package = manifest(name(target), about, os=[entry["os"]], cpu=[entry["cpu"]], preferUnplugged=True)
        pack(package, f"# {name(target)}\n\n{about}.\n", {f"bin/{executable(target)}": program}, given.out)
    package = manifest(
        "keylint",
        CRATE["description"],
        keywords=CRATE["keywords"],
        bin={"keylint": "bin/keylint.js"},
        engines={"node": ">=18"},
        optionalDependencies={name(target): CRATE["version"] for target in TARGETS},
    )
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pack(package, readme, {"bin/keylint.js": ROOT / "packaging/npm/keylint.js"}, given.out)


if __name__ == "__main__":
    main()
