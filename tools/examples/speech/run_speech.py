#!/usr/bin/env python3
"""Runs what export_speech.py wrote, step by step in tract, and compares each step's logits with PyTorch's in check.npz.

    run_speech.py FOLDER [--tract PROGRAM]

Takes numpy, and tract-run or the tract command: each step is one call of it. A program keeps the three models loaded instead.
Exit status: 0 all steps agree, 3 one does not.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy


class Archive:
    """One archive of the folder: called with arrays by name, gives arrays by name."""

    def __init__(self, folder, entry, tract):
        self.path, self.entry, self.tract = folder / entry["archive"], entry, tract

    def __call__(self, **inputs):
        with tempfile.TemporaryDirectory() as place:
            given, result = f"{place}/in.npz", f"{place}/out.npz"
            numpy.savez(given, **inputs)
            subprocess.run([self.tract, str(self.path), "--nnef-tract-core", "-O", "run", "--input-from-npz", given,
                            "--save-outputs-npz", result], check=True)
            return dict(numpy.load(result))


class Check:
    """Each step's logits against those of PyTorch."""

    def __init__(self, expected):
        self.expected, self.steps, self.largest, self.agrees = expected, 0, 0.0, True

    def step(self, logits):
        wanted = self.expected[self.steps]
        self.agrees &= bool(numpy.allclose(wanted, logits, rtol=5e-4, atol=1e-4 * max(1.0, numpy.sqrt((wanted ** 2).mean()))))
        self.largest = max(self.largest, float(numpy.abs(wanted - logits).max()))
        self.steps += 1


def decode(folder, manifest, tract, bundle):
    """An encoder-decoder: the encoding once, then a token per step."""
    parts = {name: Archive(folder, manifest[name], tract) for name in ("encoder", "cross", "decoder")}
    cross = parts["cross"](**parts["encoder"](features=bundle["features"]))
    cache = {one["input"]: numpy.zeros(one["shape"], numpy.float32) for one in manifest["cache"]}
    check, ids, tokens = Check(bundle["logits"]), manifest["start"], []
    for _ in range(len(bundle["tokens"])):
        result = parts["decoder"](input_ids=numpy.array([ids], numpy.int64), **cache, **cross)
        cache = {one["input"]: result[one["output"]] for one in manifest["cache"]}
        check.step(result["logits"][0, -1])
        tokens.append(int(result["logits"][0, -1].argmax()))
        ids = tokens[-1:]
    return tokens, check


def transduce(folder, manifest, tract, bundle, most=3):
    """A transducer: for each frame, tokens until the blank one."""
    parts = {name: Archive(folder, manifest[name], tract) for name in ("encoder", "predictor", "joiner")}
    encoding = parts["encoder"](features=bundle["features"])["encoding"]
    blank, check, tokens = manifest["blank"], Check(bundle["logits"]), []
    state = {f"state_{i}": numpy.zeros(shape, numpy.float32) for i, shape in enumerate(manifest["state"])}

    def predict(token):
        result = parts["predictor"](token=numpy.array([[token]], numpy.int64), **state)
        state.update({name: result[name.replace("state", "next")] for name in state})
        return result["prediction"][:, 0]

    prediction = predict(blank)
    for frame in range(encoding.shape[1]):
        for _ in range(most):
            logits = parts["joiner"](frame=encoding[:, frame], prediction=prediction)["logits"][0]
            check.step(logits)
            token = int(logits.argmax())
            if token == blank:
                break
            tokens.append(token)
            prediction = predict(token)
    return tokens, check


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tract", default=os.environ.get("TRACT", "tract"), help="default: $TRACT, else tract")
    options = parser.parse_args()
    manifest = json.loads((options.folder / "manifest.json").read_text(encoding="utf-8"))
    bundle = dict(numpy.load(options.folder / "check.npz"))
    run = decode if manifest["kind"] == "encoder-decoder" else transduce
    tokens, check = run(options.folder, manifest, options.tract, bundle)
    agrees = check.agrees and tokens == bundle["tokens"].tolist() and check.steps == len(bundle["logits"])
    print(f"{options.folder}: {check.steps} steps, logits {'agree' if agrees else 'differ'} (max abs {check.largest:.2g})")
    print(",".join(map(str, tokens)))
    return 0 if agrees else 3


if __name__ == "__main__":
    sys.exit(main())
