#!/usr/bin/env python3
"""Runs the commands that README.md and tools/docs show and compares what they print with the page.

    readme_test.py TORCH2NNEF ROOT

A block's lines that begin with "$ build/release/" are run, in a folder where the page's Python block made the model; the lines after a
command are its output, unless there are none. Errors of floats depend on the CPU, so numbers after "max abs" and "max rel" are not compared;
neither are seconds and speeds.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def masked(text):
    text = re.sub(r"(max abs|max rel) [-+.e\d]+", r"\1 N", text)
    return re.sub(r"[\d.]+ (s\b|tokens per second)", r"N \1", text).strip()


def commands_of(block):
    """(command, shown output) of each command of a block."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        if command.startswith("build/release/"):
            yield command, shown


def main():
    program, root = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    bad = count = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "build").mkdir()
        (folder / "build/release").symlink_to(program.parent)
        for name in ("tests", "tools"):
            (folder / name).symlink_to(root / name)
        for page in [root / "README.md", *sorted((root / "tools/docs").glob("*.md"))]:
            for language, block in FENCE.findall(page.read_text()):
                if language == "python":
                    subprocess.run(["/usr/bin/python3", "-c", block], cwd=folder, check=True, env={**os.environ, "TORCH2NNEF": str(program)})
                for command, shown in commands_of(block) if language == "" else []:
                    done = subprocess.run(shlex.split(command), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                          env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"})
                    count += 1
                    if shown.strip() and masked(shown) != masked(done.stdout):
                        bad += 1
                        print(f"{page.name}: $ {command}\nshown:\n{shown}\nprinted:\n{done.stdout}")
    print(f"{count} commands, {bad} print something else than the page shows")
    return 1 if bad or count < 5 else 0


if __name__ == "__main__":
    sys.exit(main())
