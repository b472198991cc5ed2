"""What the packers share: the crate's facts, the targets, and the arguments TARGET=PROGRAM."""
import argparse
import json
import pathlib
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATE = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]
TARGETS = {
    entry["target"]: entry
    for entry in json.loads((ROOT / "packaging/targets.json").read_text(encoding="utf-8"))
}
LICENCES = ["LICENSE-APACHE", "LICENSE-MIT"]


def executable(target):
    """The file name of the program on this target."""
    return "keylint.exe" if "windows" in target else "keylint"


def arguments(description, add=lambda parser: None):
    """Reads --out DIR and TARGET=PROGRAM ...; gives them with `programs`, a dict from target to path."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of what is packed")
    parser.add_argument("programs", nargs="+", metavar="TARGET=PROGRAM")
    add(parser)
    given = parser.parse_args()
    programs = {}
    for pair in given.programs:
        target, _, path = pair.partition("=")
        if target not in TARGETS:
            sys.exit(f"{target}: none of the targets {', '.join(TARGETS)} of packaging/targets.json")
        programs[target] = pathlib.Path(path)
        if not programs[target].is_file():
            sys.exit(f"{pair}: there is no such program; build it first")
    given.programs = programs
    given.out.mkdir(parents=True, exist_ok=True)
    return given
