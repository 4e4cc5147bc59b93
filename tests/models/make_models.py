#!/usr/bin/env python3
"""Makes the other small models of this folder: NAME.pt, NAME.inputs.npz (arguments by name) and NAME.results.npz (what
eager PyTorch makes of them: result_0.., depth first).

    python3 make_models.py [NAME...]

Needs PyTorch and numpy (Debian: python3-torch). Random weights from a fixed seed, scaled so that every layer keeps the
size of its input. Each model is there for one thing that exporters get wrong.
"""
import pathlib
import subprocess
import sys
from typing import Dict, List, Tuple

import numpy as np
import torch
from torch import Tensor, nn

HERE = pathlib.Path(__file__).resolve().parent


def condition(model):
    """Weights with variance 1 / fan_in, running statistics that are not the initial ones."""
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        elif "weight" in name:
            nn.init.uniform_(parameter, 0.5, 1.5)
        else:
            nn.init.normal_(parameter, std=0.1)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            nn.init.normal_(buffer, std=0.2)
        elif name.endswith("running_var"):
            nn.init.uniform_(buffer, 0.5, 1.5)
    return model.eval()


class IfOnValues(nn.Module):
    """The branch depends on the values of the input: one branch alone would be right for half of the inputs."""

    def __init__(self):
        super().__init__()
        self.positive = nn.Linear(4, 3)
        self.negative = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            y = self.positive(x)
        else:
            y = torch.tanh(self.negative(x))
        return y + 1


class RoundingCell(nn.Module):
    """A loop that calls a module: libtorch must not compile it, which may leave out what rounds the state."""

    class Cell(nn.Module):
        def forward(self, x: Tensor, state: Tensor) -> Tensor:
            return (x + state * 0.75).to(torch.bfloat16).to(torch.float32)

    def __init__(self):
        super().__init__()
        self.cell = RoundingCell.Cell()

    def forward(self, x: Tensor) -> Tensor:
        state = x[0]
        for i in range(x.size(0)):
            state = self.cell(x[i], state)
        return state


class IfOnSize(nn.Module):
    """The branch depends on a size only: it is decided when exporting."""

    def forward(self, x: Tensor) -> Tensor:
        if x.size(1) > 2:
            return x[:, 1:] * 2
        return x - 1


class ScaleByMaximum(nn.Module):
    """A number read out of a tensor of data: written as a constant it would be wrong for any other input."""

    def forward(self, x: Tensor) -> Tensor:
        return x * float(x.abs().max())


class WriteThroughViews(nn.Module):
    """In-place writes through views, a base read after them, and an in-place transpose of a live view."""

    def forward(self, x: Tensor) -> Tensor:
        base = x.clone()
        row = base[0]
        row.mul_(10.0)
        turned = base.view(4, 3)
        turned.t_()
        turned[0].add_(1.0)
        base[:, 1::2] = -base[:, 1::2]
        return base + turned.t().reshape(base.shape)


class LoopOverLayers(nn.Module):
    """A loop over modules, lists, tuples and a dict: all of it happens when exporting."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(5, 5) for _ in range(3)])

    def forward(self, x: Tensor, scale: float = 0.5) -> Tuple[Tensor, Dict[str, Tensor]]:
        kept: List[Tensor] = []
        for layer in self.layers:
            x = torch.relu(layer(x)) + x * scale
            kept.append(x)
        return torch.stack(kept, dim=1), {"last": x, "mean": torch.stack(kept).mean(0)}


class Recurrent(nn.Module):
    """A bidirectional LSTM of two layers with its state given and returned, then a GRU."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(16, 5, batch_first=True)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        y, (h, c) = self.lstm(x, (h, c))
        return self.gru(y)[0], h, c


class SizesInTheGraph(nn.Module):
    """Shapes computed from the sizes of the input: with dynamic axes they must stay expressions."""

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, channels = x.shape
        heads = x.reshape(batch, steps, 2, channels // 2).transpose(1, 2)
        scores = torch.softmax(heads @ heads.transpose(2, 3) / (channels // 2) ** 0.5, dim=-1)
        mixed = (scores @ heads).transpose(1, 2).reshape(batch, steps, channels)
        return mixed + torch.arange(steps, dtype=x.dtype).unsqueeze(1)


class ConvolutionsAndNorms(nn.Module):
    """Strided, dilated, grouped, transposed convolutions, batch and group norm, two kinds of average pooling."""

    def __init__(self):
        super().__init__()
        self.strided = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.dilated = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4, bias=False)
        self.batch_norm = nn.BatchNorm2d(8)
        self.group_norm = nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.batch_norm(self.dilated(self.strided(x))))
        x = nn.functional.avg_pool2d(x, 3, 1, 1) + nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return self.up(self.group_norm(x))


class Embedding(nn.Module):
    """Integer inputs, a boolean mask, integer and boolean results."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(11, 6)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        rows = self.table(tokens).masked_fill(~mask.unsqueeze(-1), 0.0)
        return rows.sum(1), rows.sum(-1).argmax(1), mask & (tokens > 4)


# name: (class, scripted?, arguments). Traced models lose their control flow; those that are about it are scripted.
class StoredWeights(nn.Module):
    """A weight in every use that --quantize tells apart: a table that is the last layer's matrix too, products of inputs
    of 2 and 3 axes and from the other side, a filter, a depthwise one, a factor, and what no form fits."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(96, 64)
        self.mix = nn.Conv1d(64, 64, 3, padding=1)
        self.depthwise = nn.Conv1d(64, 64, 3, padding=1, groups=64)
        self.hidden = nn.Linear(64, 96)
        self.back = nn.Parameter(torch.randn(96, 64))
        self.scale = nn.Parameter(torch.randn(1, 64))
        self.norm = nn.LayerNorm(64)
        self.narrow = nn.Linear(20, 64)
        self.pooled = nn.Linear(64, 32)
        self.head = nn.Linear(64, 96, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor, features: Tensor) -> Tuple[Tensor, Tensor]:
        x = self.embed(tokens) + self.narrow(features)
        x = x + self.depthwise(self.mix(x.transpose(1, 2))).transpose(1, 2)
        x = self.norm(x + torch.relu(self.hidden(x)) @ self.back) * self.scale
        return self.head(x), self.pooled(x.mean(1))


MODELS = {
    "if_on_values": (IfOnValues, True, lambda: [torch.randn(2, 4)]),
    "rounding_cell": (RoundingCell, True, lambda: [torch.randn(9, 4) * 100]),
    "if_on_size": (IfOnSize, True, lambda: [torch.randn(2, 4)]),
    "scale_by_maximum": (ScaleByMaximum, True, lambda: [torch.randn(2, 3)]),
    "write_through_views": (WriteThroughViews, True, lambda: [torch.randn(3, 4)]),
    "loop_over_layers": (LoopOverLayers, True, lambda: [torch.randn(2, 5)]),
    "recurrent": (Recurrent, False, lambda: [torch.randn(2, 7, 6), torch.randn(4, 2, 8), torch.randn(4, 2, 8)]),
    "sizes_in_the_graph": (SizesInTheGraph, True, lambda: [torch.randn(2, 5, 8)]),
    "convolutions_and_norms": (ConvolutionsAndNorms, False, lambda: [torch.randn(2, 3, 12, 10)]),
    "stored_weights": (StoredWeights, False, lambda: [torch.randint(0, 96, (2, 5)), torch.randn(2, 5, 20)]),
    "embedding": (Embedding, False, lambda: [torch.randint(0, 11, (2, 5)), torch.rand(2, 5) > 0.3]),
}


def flattened(value):
    """The tensors of a result, depth first."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    return [tensor for item in value for tensor in flattened(item)]


def make(name):
    torch.manual_seed(0)
    model_class, scripted, arguments = MODELS[name]
    model = condition(model_class())
    given = arguments()
    with torch.no_grad():
        saved = torch.jit.script(model) if scripted else torch.jit.trace(model, given)
        results = flattened(model(*[tensor.clone() for tensor in given]))
    saved.save(str(HERE / f"{name}.pt"))
    names = [argument.debugName().split(".")[0] for argument in list(saved.graph.inputs())[1:]]
    np.savez(HERE / f"{name}.inputs.npz", **{key: tensor.numpy() for key, tensor in zip(names, given)})
    np.savez(HERE / f"{name}.results.npz", **{f"result_{i}": tensor.numpy() for i, tensor in enumerate(results)})
    print(f"{name}({', '.join(names)}): {len(results)} results")


if __name__ == "__main__":
    # In a process that knows the file by its name alone: archives hold source positions, which shall name no machine.
    again = "import runpy; runpy.run_path('make_models.py', run_name='relative')"
    sys.exit(subprocess.run([sys.executable, "-c", again, *sys.argv[1:]], cwd=HERE).returncode)
elif __name__ == "relative":
    for chosen in sys.argv[1:] or MODELS:
        make(chosen)
