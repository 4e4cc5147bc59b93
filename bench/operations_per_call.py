#!/usr/bin/env python3
"""How many operations of tract a call of PyTorch becomes: exports every case and counts.

    operations_per_call.py TORCH2NNEF FOLDER.. [--jobs N] [--out FILE.tsv]

A case is a folder with a model.pt or model.pt2 and its io.npz. Weights and inputs are not counted. Prints the median
over the cases that export, and the ten with the most operations per call.
"""
import argparse
import concurrent.futures
import json
import pathlib
import statistics
import subprocess
import tempfile


def count(torch2nnef, case):
    model = next(case.glob("model.pt*"))
    about = json.loads((case / "case.json").read_text()) if (case / "case.json").exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        line = [torch2nnef, str(model), "-o", f"{folder}/out.nnef.tar", "--json", "--check=none", "--quiet"]
        line += ["--inputs", str(case / "io.npz")] + about.get("args", [])
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=300)
            report = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, ValueError):
            return None
    if done.returncode != 0 or not report.get("calls"):
        return None
    return report["operations"] - report["tensors"] - len(report["inputs"]), report["calls"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("torch2nnef")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    cases = sorted({path.parent for folder in options.folders for path in folder.rglob("model.pt*")})
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        counted = list(pool.map(lambda case: count(options.torch2nnef, case), cases))
    found = [(operations / calls, operations, calls, case)
             for case, result in zip(cases, counted) if result for operations, calls in [result]]
    found.sort(key=lambda one: -one[0])
    print(f"{len(found)} of {len(cases)} cases export; median {statistics.median(one[0] for one in found):.2f}")
    for ratio, operations, calls, case in found[:10]:
        print(f"{ratio:7.2f}  {operations:6} operations, {calls:5} calls  {case.parent.name}/{case.name}")
    if options.out:
        options.out.write_text("".join(f"{c.parent.name}/{c.name}\t{o}\t{n}\t{r:.3f}\n" for r, o, n, c in found))


if __name__ == "__main__":
    main()
