"""Makes the models of this folder: NAME.pt with its sample inputs inside, by trace_model.py (python3-torch).

    make_examples.py
"""
import os
import subprocess
import sys
from typing import Dict, List, Optional, Tuple

FOLDER = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.basename(__file__)
sys.path.insert(0, os.path.join(FOLDER, "..", "python"))

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from torch2nnef.trace_model import save  # noqa: E402

# The operator that gated_swish.cc registers for torch2nnef, here for the model that calls it.
library = torch.library.Library("mine", "DEF")
library.define("gated_swish(Tensor x, Tensor gate, float beta=1.0) -> Tensor")
library.impl("gated_swish", lambda x, gate, beta=1.0: x * torch.sigmoid(beta * gate), "CompositeImplicitAutograd")


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.value = nn.Linear(6, 8)
        self.gate = nn.Linear(6, 8)

    def forward(self, x):
        return torch.ops.mine.gated_swish(self.value(x), self.gate(x), 1.5)


class SqueezeExcite(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.reduce = nn.Linear(channels, hidden)
        self.expand = nn.Linear(hidden, channels)

    def forward(self, x):
        weight = torch.sigmoid(self.expand(torch.relu(self.reduce(x.mean((2, 3))))))
        return x * weight[:, :, None, None]


class Attention(nn.Module):
    heads = 4

    def __init__(self, width):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x):
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        weight = torch.softmax(query @ key.transpose(2, 3) / query.shape[-1] ** 0.5, -1)
        return self.out((weight @ value).transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = Attention(16)
        self.norm = nn.LayerNorm(16)
        self.activation = nn.SiLU()

    def forward(self, x):
        return self.activation(self.norm(x + self.attention(x)))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.excite = SqueezeExcite(8, 4)
        self.head = nn.Linear(8, 5)

    def forward(self, image):
        return self.head(self.excite(torch.relu(self.stem(image))).mean((2, 3)))


class Smoother(nn.Module):
    """Keeps a running mean from call to call."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.full((1, 4), 0.5))
        self.register_buffer("last", torch.zeros(1, 4))

    def forward(self, x):
        self.mean = self.mean * 0.75 + x * 0.25
        change = self.mean - self.last
        self.last.copy_(self.mean)
        return torch.tanh(change) + x


class Gate(nn.Module):
    """A branch and a loop that the values of the input decide."""

    def forward(self, x):
        if bool(x.abs().max() > 1.0):
            x = x / x.abs().max()
        rounds = 0
        while bool(x.abs().sum() > 1.0):
            x = x * 0.75
            rounds += 1
        return x, rounds


class Pairs(nn.Module):
    """Tuples, lists and dicts of tensors, an argument that may be None, and a method beside forward."""

    def forward(self, pair: Tuple[Tensor, Tensor], parts: List[Tensor], named: Dict[str, Tensor],
                mask: Optional[Tensor] = None):
        first, second = pair
        total = torch.cat(parts, 1).sum(1, keepdim=True)
        if mask is not None:
            total = total * mask
        return {"sum": first + second + total, "scaled": named["scale"] * first}, [second, named["shift"] - total]

    @torch.jit.export
    def first_only(self, x, times: int):
        return torch.relu(x) * times


def main():
    torch.manual_seed(3)
    save(Gated(), torch.randn(2, 6), "gated.pt", dynamic={"x": {0: "B"}})
    save(Encoder(), torch.randn(2, 5, 16), "encoder.pt", dynamic={"x": {0: "B", 1: "T"}})
    save(Classifier(), torch.randn(2, 3, 6, 7), "classifier.pt", dynamic={"image": {0: "B", 2: "H", 3: "W"}})
    torch.jit.save(torch.jit.script(Smoother().eval()), "smoother.pt")
    save(Gate(), torch.tensor([[0.5, -2.0, 1.0, 0.25]]), "gate.pt", script=True)
    pairs = ((torch.randn(2, 3), torch.randn(2, 3)), [torch.randn(2, 4), torch.randn(2, 2)],
             {"scale": torch.randn(2, 3), "shift": torch.randn(2, 1)})
    save(Pairs(), pairs, "pairs.pt", script=True)


if __name__ == "__main__":
    # The archives name their source by the path that the interpreter was given: only the file's name.
    os.chdir(FOLDER)
    again = f"import runpy; runpy.run_path('{SOURCE}', run_name='examples')"
    subprocess.run([sys.executable, "-c", again], check=True)
elif __name__ == "examples":
    main()
