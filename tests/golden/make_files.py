#!/usr/bin/env python3
"""Makes files/: what users hand over in place of a TorchScript archive. Needs no PyTorch: the pickles name its classes only.

    python3 tests/golden/make_files.py
"""
import collections
import io
import json
import pathlib
import pickle
import struct
import sys
import types
import zipfile

FILES = pathlib.Path(__file__).parent / "files"
VALUES = struct.pack("<4f", 1.0, 2.0, 3.0, 4.0)


def torch_class(module, name):
    """A stand-in that pickles as `module.name`."""
    kind = type(name, (), {"__module__": module})
    holder = sys.modules.setdefault(module, types.ModuleType(module))
    setattr(holder, name, kind)
    return kind


FloatStorage = torch_class("torch", "FloatStorage")
Linear = torch_class("torch.nn.modules.linear", "Linear")


def _rebuild_tensor_v2(*arguments):
    return arguments


_rebuild_tensor_v2.__module__ = "torch._utils"
sys.modules["torch._utils"] = types.ModuleType("torch._utils")
sys.modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2


class Storage:
    """Pickled as a persistent id, as torch.save does."""


class Tensor:
    def __reduce__(self):
        return _rebuild_tensor_v2, (Storage(), 0, (2, 2), (2, 1), False, collections.OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return ("storage", FloatStorage, "0", "cpu", 4) if isinstance(value, Storage) else None


def pickled(value):
    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def write_zip(name, entries):
    with zipfile.ZipFile(FILES / name, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(zipfile.ZipInfo(entry), content)


def module():
    linear = Linear()
    linear.__dict__.update(training=False, in_features=2, out_features=2, _parameters={"weight": Tensor()})
    return linear


def legacy(value):
    magic, protocol = 0x1950A86A20F9469CFC6C, 1001
    system = {"protocol_version": protocol, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickle.dumps(one, 2) for one in (magic, protocol, system)] + [pickled(value), pickle.dumps(["0"], 2)]
    return b"".join(parts) + struct.pack("<q", 4) + VALUES


def altered(name, source, alter):
    """An archive of make_models with other contents."""
    with zipfile.ZipFile(FILES / source) as archive:
        write_zip(name, {entry: alter(entry, archive.read(entry)) for entry in archive.namelist()})


def npz(name, **arrays):
    """f32 arrays of two axes."""
    entries = {}
    for key, rows in arrays.items():
        shape = (len(rows), len(rows[0]))
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
        text += b" " * (-(len(text) + 11) % 64) + b"\n"
        values = [value for row in rows for value in row]
        entries[key + ".npy"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
        entries[key + ".npy"] += struct.pack(f"<{len(values)}f", *values)
    write_zip(name, entries)


# Stand-ins for the tract command: they say their version and do one thing.
ENGINE = """#!/bin/sh
[ "$1" = --version ] && { echo "tract 0.23.9"; exit 0; }
"""
FAILS = ENGINE + """echo "Error: at line 3, in Tag" >&2
exit 1
"""


def copies(results):
    return ENGINE + f"""while [ "$1" != --save-outputs-npz ]; do shift; done
cp codes/{results} "$2"
"""


# Loses an axis that the operator keeps.
WRONG_ROW = """extension torch2nnef_rows 1;

fragment aten__mul(self: tensor<?>, other: tensor<?>) -> (result: tensor<?>)
{
    result = squeeze(max_reduce(self, axes = [0]), axes = [0]);
}
"""


def programs():
    for name, text in (("codes/engine_that_fails", FAILS), ("codes/engine_that_is_wrong", copies("wrong.npz")),
                       ("codes/engine_that_rounds", copies("rounded.npz"))):
        (FILES / name).write_text(text)
        (FILES / name).chmod(0o755)


def main():
    FILES.mkdir(exist_ok=True)
    weights = collections.OrderedDict([("0.weight", Tensor()), ("0.bias", Tensor())])
    common = {"archive/data/0": VALUES, "archive/version": "3\n"}
    write_zip("state_dict.pt", {"archive/data.pkl": pickled(weights), **common})
    write_zip("checkpoint.pt", {"archive/data.pkl": pickled({"epoch": 3, "model": weights}), **common})
    write_zip("module.pt", {"archive/data.pkl": pickled(module()), **common})
    (FILES / "legacy.pth").write_bytes(legacy(weights))
    write_zip("program.pt2", {"archive_format": "pt2", "version": "6\n", "models/model.json": "{}"})
    write_zip("other.zip", {"readme.txt": "nothing of PyTorch\n"})
    (FILES / "model.onnx").write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x061.13.1:\x10\x12\x04main" + bytes(10))
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    (FILES / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + VALUES)
    (FILES / "text.pt").write_text("import torch\n")
    (FILES / "empty.pt").write_bytes(b"")
    (FILES / "pointer.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 46830571\n")
    (FILES / "page.pt").write_text("\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n")
    write_zip("model.mar", {"model.pt": "", "MAR-INF/MANIFEST.json": "{}"})
    write_zip("compiled.pt2", {"compiled/data/aotinductor/model/model.so": "", "compiled/version": "3\n"})
    (FILES / "program.pte").write_bytes(struct.pack("<I", 24) + b"ET12" + bytes(56))
    write_zip("optimised.pt", {"optimised/data.pkl": "", "optimised/constants.pkl": "",
                               "optimised/code/__torch__.py": "    w = ops.prim.ConstantMKLDNNTensor()\n"})
    altered("codes/unknown_operator.pt", "codes/double.pt", lambda _, content: content.replace(b"torch.mul", b"torch.frobnicate"))
    altered("codes/newer_format.pt", "codes/double.pt", lambda name, content: b"99\n" if name.endswith("version") else content)
    npz("codes/wrong.npz", output=[[2.0, 2.0, 2.0], [2.0, 2.5, 2.0]])
    npz("codes/rounded.npz", output=[[0.0986, 0.0985, 0.0986], [0.0986, 0.0986, 0.0986]])
    programs()
    (FILES / "codes/bad_row.nnef").write_text("extension torch2nnef_rows 1;\nfragment aten__mul(\n")
    (FILES / "codes/wrong_row.nnef").write_text(WRONG_ROW)


if __name__ == "__main__":
    main()
