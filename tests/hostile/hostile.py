#!/usr/bin/env python3
"""Runs the programs on hostile inputs that are made from seeds: they may only refuse.

    hostile.py BUILD_FOLDER [--count 300] [--first 0] [--jobs 2] [--keep FOLDER]

Each number makes one input, always the same: a damaged or invented model, sample inputs, an archive, a file of
fragments, a command line, an environment. Never right: a signal, exit status 70, an answer that is late, bytes on a
terminal that could drive it, JSON that is none, a file beside the output or in the temporary folder afterwards. What is
wrong is printed with its number, by which it is made again (--first N --count 1). Needs Python 3.9.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile

import inputs

LIMIT = 60  # seconds, on a busy machine
MEMORY = 8 << 30
RIGHT = (0, 1, 2, 3)


def limits(case):
    def apply():
        if case.at_start:
            case.at_start()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for what, value in case.limits.items():
            resource.setrlimit(what, (value, value))
    return apply


def files_below(folder):
    """With what each holds."""
    def contents(path):
        return path.read_bytes() if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 24 else None
    return {str(p.relative_to(folder)): contents(p) for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()}


def faults_of_text(text, is_json):
    faults = []
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        return ["bytes that are not UTF-8"]
    if re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", decoded):
        faults.append("control characters")
    if is_json and decoded:
        try:
            json.loads(decoded)
        except ValueError as error:
            faults.append(f"no JSON: {error}")
    return faults


def attempt(number, build, place):
    folder = place / str(number)
    work, temporary = folder / "work", folder / "tmp"
    for path in (work, temporary):
        path.mkdir(parents=True)
    case = inputs.make(random.Random(number), work)
    before = files_below(folder)
    environment = {**os.environ, "TMPDIR": str(temporary), **case.environment}
    sinks = {name: open(path, "w") for name, path in case.sinks.items()}
    try:
        done = subprocess.run([*case.wrapper, str(build / case.program), *case.arguments], cwd=work, env={k: v for k, v in environment.items() if v is not None}, stdin=subprocess.DEVNULL,
                              stdout=sinks.get("stdout", subprocess.PIPE), stderr=sinks.get("stderr", subprocess.PIPE), timeout=LIMIT, preexec_fn=limits(case))
        status, out, err = done.returncode, done.stdout or b"", done.stderr or b""
    except subprocess.TimeoutExpired:
        return number, case.what, [f"no answer in {LIMIT} s"], ""
    faults = [] if status in RIGHT else [f"status {status}"]
    faults += faults_of_text(out, "--json" in case.arguments and "stdout" not in sinks) + faults_of_text(err, False)
    after = files_below(folder)
    made = {os.fsdecode(value) for name, value in zip(case.arguments, case.arguments[1:]) if name in ("-o", "--output", "--report", "--debug-bundle")} | {"m.nnef"}
    is_made = status == 0 or "stdout" in case.sinks
    more = {f for f in after.keys() - before.keys() if not (is_made and any(f.startswith(f"work/{m}") for m in made)) and not f.startswith("work/out_bundle")}
    faults += [f"files that should not be: {sorted(more)[:3]}"] if more else []
    other = {f for f in before if f not in after or after[f] != before[f]} - {"work/" + o for o in case.may_replace}
    faults += [f"files that are gone or changed: {sorted(other)[:3]}"] if other else []
    if not faults:
        shutil.rmtree(folder)
    return number, case.what, faults, f"{status} " + err.decode(errors="replace").strip().split("\n")[0][:200]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=int(os.environ.get("HOSTILE_COUNT", 300)))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    place = arguments.keep.resolve() if arguments.keep else pathlib.Path(tempfile.mkdtemp(prefix="hostile-"))
    wrong, statuses = 0, {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        numbers = range(arguments.first, arguments.first + arguments.count)
        for number, what, faults, told in pool.map(lambda n: attempt(n, build, place), numbers):
            wrong += bool(faults)
            statuses[told.split(" ")[0]] = statuses.get(told.split(" ")[0], 0) + 1
            if faults or arguments.verbose:
                print(f"{number}\t{what}\t{'; '.join(faults) or 'ok'}\t{ascii(told)}", flush=True)
    print(f"{arguments.count} inputs: {arguments.count - wrong} right, {wrong} not; by status: {statuses}")
    if not arguments.keep:
        shutil.rmtree(place, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
