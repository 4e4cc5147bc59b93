#!/usr/bin/env python3
"""Damaged and hostile .pt2 files: each is an error with the name of the record that is wrong, and no output.

    damage_test.py TORCH2NNEF
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

from program_file import write

FOLDER = pathlib.Path(__file__).parent
PROGRAM, CONFIG, WEIGHT = "models/model.json", "data/weights/model_weights_config.json", "data/weights/weight_0"
SAMPLES = "data/sample_inputs/model.pt"


def contents(name="linear"):
    with zipfile.ZipFile(FOLDER / f"{name}.pt2") as archive:
        return {entry.split("/", 1)[1]: archive.read(entry) for entry in archive.namelist()}


def changed(record, change):
    """The file with the JSON of a record changed in place."""

    def make():
        files = contents()
        document = json.loads(files[record])
        change(document)
        files[record] = json.dumps(document).encode()
        return files

    return make


def replaced(record, data, name="linear"):
    return lambda: {**contents(name), record: data}


def without(record):
    return lambda: {key: data for key, data in contents().items() if key != record}


def graph(document):
    return document["graph_module"]["graph"]


def signature(document):
    return document["graph_module"]["signature"]


def weight_meta(document):
    return document["config"]["fc.weight"]["tensor_meta"]


def deep(levels):
    text = "Integer(1)"
    for _ in range(levels):
        text = f"Add({text})"
    return {"as_expr": {"expr_str": text, "hint": None}}


def set_size(value):
    return lambda document: graph(document)["tensor_values"]["x"]["sizes"].__setitem__(0, value)


# name: (how it is made, what the message must have in it)
CASES = {
    "no program": (without(PROGRAM), "program"),
    "no config of weights": (without(CONFIG), "fc.weight"),
    "no weight": (without(WEIGHT), "weight_0"),
    "empty program": (replaced(PROGRAM, b""), PROGRAM),
    "program cut short": (replaced(PROGRAM, contents()[PROGRAM][:700]), PROGRAM),
    "program is a list": (replaced(PROGRAM, b"[]"), PROGRAM),
    "program nested deeply": (replaced(PROGRAM, b"[" * 100000), PROGRAM),
    "program with a large integer": (replaced(PROGRAM, b'{"schema_version": {"major": 99999999999999999999999}}'), PROGRAM),
    "other byte order": (replaced("byteorder", b"big"), "byteorder"),
    "other format": (replaced("archive_format", b"pt3"), "archive_format"),
    "newer schema": (changed(PROGRAM, lambda d: d["schema_version"].update(major=9)), PROGRAM),
    "older schema": (changed(PROGRAM, lambda d: d["schema_version"].update(major=7)), PROGRAM),
    "no schema": (changed(PROGRAM, lambda d: d.pop("schema_version")), PROGRAM),
    "no nodes": (changed(PROGRAM, lambda d: graph(d).pop("nodes")), PROGRAM),
    "no signature": (changed(PROGRAM, lambda d: d["graph_module"].pop("signature")), PROGRAM),
    "unknown argument": (changed(PROGRAM, lambda d: graph(d)["nodes"][0]["inputs"][0].update(arg={"as_odd": 1})), "as_odd"),
    "empty argument": (changed(PROGRAM, lambda d: graph(d)["nodes"][0]["inputs"][0].update(arg={})), PROGRAM),
    "two arguments": (changed(PROGRAM, lambda d: graph(d)["nodes"][0]["inputs"][0].update(arg={"as_int": 1, "as_bool": True})), PROGRAM),
    "value of another kind": (changed(PROGRAM, lambda d: graph(d)["nodes"][0]["inputs"][0].update(arg={"as_int": "1"})), PROGRAM),
    "used before defined": (changed(PROGRAM, lambda d: graph(d)["nodes"].reverse()), "'linear' is used before"),
    "defined twice": (changed(PROGRAM, lambda d: graph(d)["nodes"].append(graph(d)["nodes"][0])), "defined twice"),
    "unknown result": (changed(PROGRAM, lambda d: graph(d)["outputs"][0]["as_tensor"].update(name="none")), "'none'"),
    "one input too many": (changed(PROGRAM, lambda d: graph(d)["inputs"].append({"as_tensor": {"name": "x"}})), PROGRAM),
    "one spec too few": (changed(PROGRAM, lambda d: signature(d)["input_specs"].pop()), PROGRAM),
    "specs in another order": (changed(PROGRAM, lambda d: signature(d)["input_specs"].reverse()), PROGRAM),
    "outputs without specs": (changed(PROGRAM, lambda d: signature(d)["output_specs"].clear()), PROGRAM),
    "unknown spec": (changed(PROGRAM, lambda d: signature(d)["input_specs"].__setitem__(0, {"odd": {}})), PROGRAM),
    "input without sizes": (changed(PROGRAM, lambda d: graph(d)["tensor_values"].pop("x")), PROGRAM),
    "size without meaning": (changed(PROGRAM, set_size({"as_expr": {"expr_str": "Odd(1)", "hint": None}})), PROGRAM),
    "size nested deeply": (changed(PROGRAM, set_size(deep(5000))), PROGRAM),
    "unknown dtype": (changed(PROGRAM, lambda d: graph(d)["tensor_values"]["x"].update(dtype=99)), "dtype"),
    "dtype that is not computed": (changed(PROGRAM, lambda d: graph(d)["tensor_values"]["relu"].update(dtype=8)), "float64 in the file"),
    "another number of results": (changed(PROGRAM, lambda d: graph(d)["nodes"][0]["outputs"].append({"as_tensor": {"name": "more"}})), "results"),
    "offset beyond the record": (changed(CONFIG, lambda d: weight_meta(d)["storage_offset"].update(as_int=100)), WEIGHT),
    "negative offset": (changed(CONFIG, lambda d: weight_meta(d)["storage_offset"].update(as_int=-1)), WEIGHT),
    "negative size": (changed(CONFIG, lambda d: weight_meta(d)["sizes"][0].update(as_int=-3)), WEIGHT),
    "size beyond 64 bits of items": (changed(CONFIG, lambda d: weight_meta(d)["sizes"][0].update(as_int=2**62)), WEIGHT),
    "stride beyond the record": (changed(CONFIG, lambda d: weight_meta(d)["strides"][0].update(as_int=2**62)), WEIGHT),
    "fewer strides": (changed(CONFIG, lambda d: weight_meta(d)["strides"].pop()), WEIGHT),
    "sparse layout": (changed(CONFIG, lambda d: weight_meta(d).update(layout=1)), "sparse"),
    "float8": (changed(CONFIG, lambda d: weight_meta(d).update(dtype=29)), "float8_e4m3fn"),
    "pickled weight": (changed(CONFIG, lambda d: d["config"]["fc.weight"].update(use_pickle=True)), "fc.weight"),
    "weight in another record": (changed(CONFIG, lambda d: d["config"]["fc.weight"].update(path_name="../../byteorder")), "byteorder"),
    "record cut short": (replaced(WEIGHT, contents()[WEIGHT][:30]), WEIGHT),
    "config is no JSON": (replaced(CONFIG, b"{'config': 1}"), CONFIG),
    "samples are no archive": (replaced(SAMPLES, b"PK\x03\x04"), SAMPLES),
    "samples are text": (replaced(SAMPLES, b"not a pickle"), SAMPLES),
    "samples of another nesting": (replaced(SAMPLES, contents("trees")[SAMPLES]), SAMPLES),
    "pickled weights cut short": (replaced("data/weights/model.pt", contents("pickled")["data/weights/model.pt"][:500], "pickled"),
                                  "data/weights/model.pt"),
    "samples in the place of weights": (replaced("data/weights/model.pt", contents("pickled")[SAMPLES], "pickled"), "data/weights/model.pt"),
}


def damaged_bytes():
    """A flipped bit in a weight and in the directory: the sums and the directory do not agree any more."""
    data = bytearray((FOLDER / "linear.pt2").read_bytes())
    place = data.find(b"model/" + WEIGHT.encode()) + len("model/" + WEIGHT) + 5
    data[place] ^= 1
    return bytes(data)


def main():
    program, bad = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as temporary:
        file, output = pathlib.Path(temporary) / "m.pt2", pathlib.Path(temporary) / "m.nnef.tgz"
        for name, (make, expected) in {**CASES, "flipped bit": (damaged_bytes, WEIGHT)}.items():
            made = make()
            if isinstance(made, bytes):
                file.write_bytes(made)
            else:
                write(file, made)
            done = subprocess.run([program, file, "-o", output, "--check=none"], capture_output=True, text=True, timeout=120)
            problems = []
            if done.returncode not in (1, 2):
                problems.append(f"status {done.returncode}")
            if output.exists():
                problems.append("an output is left")
                output.unlink()
            if expected not in done.stderr:
                problems.append(f"'{expected}' is not in the message")
            if problems:
                bad += 1
                print(f"{name}: {', '.join(problems)}\n{done.stderr}")
    print(f"{len(CASES) + 1} files, {bad} not refused as they should be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
