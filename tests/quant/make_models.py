#!/usr/bin/env python3
"""Makes the models of this folder that tests/targets exports for each release: NAME.pt and NAME.inputs.npz.

    python3 make_models.py [NAME...]

Needs PyTorch and numpy (Debian: python3-torch).
"""
import pathlib
import subprocess
import sys

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent


class Bfloat16Weights(nn.Module):
    """A table and a layer whose weights f16 holds, and a layer whose weights are too small for it."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(64, 48)
        self.hidden = nn.Linear(48, 32)
        self.tiny = nn.Linear(32, 16)
        with torch.no_grad():
            self.tiny.weight.mul_(1e-5)

    def forward(self, tokens):
        return self.tiny(torch.tanh(self.hidden(self.embed(tokens))))


class QuantisedLayers(nn.Module):
    """A convolution and linear layers of 8 bits, with a scale for each channel."""

    def __init__(self):
        super().__init__()
        self.quantise = torch.quantization.QuantStub()
        self.conv = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU())
        self.hidden = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
        self.last = nn.Linear(16, 5)
        self.numbers = torch.quantization.DeQuantStub()

    def forward(self, image):
        x = self.conv(self.quantise(image)).mean([2, 3])
        return self.numbers(self.last(self.hidden(x)))


def quantised():
    torch.backends.quantized.engine = "qnnpack"
    model = torch.quantization.fuse_modules(QuantisedLayers().eval(), [["conv.0", "conv.1"], ["hidden.0", "hidden.1"]])
    model.qconfig = torch.quantization.get_default_qconfig("fbgemm")
    model = torch.quantization.prepare(model)
    for _ in range(4):
        model(torch.randn(4, 4, 6, 6))
    return torch.quantization.convert(model)


MODELS = {
    "bfloat16_weights": (lambda: Bfloat16Weights().eval().to(torch.bfloat16), lambda: torch.randint(0, 64, (2, 5))),
    "quantised_layers": (quantised, lambda: torch.randn(2, 4, 6, 6)),
}


def make(name):
    torch.manual_seed(0)
    model, given = (part() for part in MODELS[name])
    with torch.no_grad():
        saved = torch.jit.trace(model, given)
    saved.save(str(HERE / f"{name}.pt"))
    argument = list(saved.graph.inputs())[1].debugName().split(".")[0]
    np.savez(HERE / f"{name}.inputs.npz", **{argument: given.numpy()})


if __name__ == "__main__":
    # In a process that knows the file by its name alone: archives hold source positions, which shall name no machine.
    again = "import runpy; runpy.run_path('make_models.py', run_name='relative')"
    sys.exit(subprocess.run([sys.executable, "-c", again, *sys.argv[1:]], cwd=HERE).returncode)
elif __name__ == "relative":
    for chosen in sys.argv[1:] or MODELS:
        make(chosen)
