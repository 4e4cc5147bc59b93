#!/usr/bin/env python3
"""Makes the archives here: by torch_to_nnef, and by tract from those.

    pip install torch torch_to_nnef        # 2.15 and 0.24.12 made these
    python3 make_foreign.py $(../../../tools/get-tract --library)

Properties that tell of the machine and the day are taken out.
"""
import ctypes
import gzip
import io
import pathlib
import re
import sys
import tarfile
import tempfile

import torch
from torch import nn
from torch_to_nnef import KhronosNNEF, TractNNEF, export_model_to_nnef

HERE = pathlib.Path(__file__).parent


class Mixed(nn.Module):
    def forward(self, x):
        a = torch.where(x > 0, x, torch.exp(x)).view(x.shape[0], -1)
        return a.sum(1) + nn.functional.gelu(x).mean(1), a.argmax(1), torch.cumsum(x, 1), x.to(torch.int64) % 3


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        h = self.table(x)
        return torch.softmax(self.norm(h + self.attention(h, h, h)[0]), -1)


MODELS = {
    "perceptron": (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(2, 3), 1),
    "convolutions": (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.SiLU(), nn.MaxPool2d(2),
                                   nn.ConvTranspose2d(2, 1, 2, stride=2)), torch.randn(1, 1, 4, 4), 1),
    "lstm": (nn.LSTM(2, 3, batch_first=True), torch.randn(2, 4, 2), 3),
    "mixed": (Mixed(), torch.randn(2, 4), 4),
    "attention": (Attention(), torch.randint(0, 5, (2, 3)), 1),
}


def repack(source, target):
    """Without the properties of the day, in a fixed order, without times and owners."""
    entries = {}
    with tarfile.open(source) as archive:
        for entry in archive:
            if entry.isfile():
                entries[entry.name] = archive.extractfile(entry).read()
    text = entries["graph.nnef"].decode()
    private = "export_date|export_cmd|py_version|os|hostname|user"
    text = re.sub(r'\n? *\("(%s)", "[^"]*"\),?' % private, "", text)
    entries["graph.nnef"] = re.sub(r",(\s*)\]", r"\1]", text).encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(entries):
            info = tarfile.TarInfo(name)
            info.size = len(entries[name])
            archive.addfile(info, io.BytesIO(entries[name]))
    target.write_bytes(gzip.compress(stream.getvalue(), mtime=0))


def rewrite(library, source, target):
    """tract reads an archive and writes it."""
    def check(status):
        if status:
            library.tract_get_last_error.restype = ctypes.c_char_p
            raise RuntimeError(library.tract_get_last_error().decode())
    nnef, model = ctypes.c_void_p(), ctypes.c_void_p()
    check(library.tract_nnef_create(ctypes.byref(nnef)))
    check(library.tract_nnef_load(nnef, str(source).encode(), ctypes.byref(model)))
    check(library.tract_nnef_write_model_to_tar_gz(nnef, str(target).encode(), model))


def main():
    library = ctypes.CDLL(sys.argv[1])
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        stub = folder / "tract"
        stub.write_text("#!/bin/sh\necho tract 0.22.0\n")
        stub.chmod(0o755)
        for name, (model, sample, outputs) in MODELS.items():
            for kind in ("tract", "dynamic", "khronos"):
                if kind == "khronos" and name != "perceptron":
                    continue
                axes = {"dynamic_axes": {"input": {0: "B"}}} if kind == "dynamic" else {}
                target = (KhronosNNEF("1.0.5", check_io=False) if kind == "khronos" else
                          TractNNEF("0.22.0", check_io=False, specific_tract_binary_path=stub,
                                    dump_identity_properties=False, **axes))
                made = folder / f"{name}_{kind}.nnef.tgz"
                export_model_to_nnef(model=model.eval(), args=(sample,), file_path_export=made, inference_target=target,
                                     input_names=["input"], output_names=[f"output_{i}" for i in range(outputs)])
                repack(made, HERE / f"torch_to_nnef_{name}_{kind}.tgz")
                if kind == "khronos" or name == "mixed":  # tract has no writer for its own GELU
                    continue
                rewrite(library, made, folder / "again.tgz")
                repack(folder / "again.tgz", HERE / f"tract_{name}_{kind}.tgz")


main()
