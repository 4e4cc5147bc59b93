"""Makes transposed_by_channel.pt, its inputs and results: a transposed convolution quantised by channel, which qnnpack alone packs.

    python3 make_transposed_by_channel.py        Debian's python3-torch
"""
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import quantized as nnq

HERE = pathlib.Path(__file__).parent


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.quantize = nnq.Quantize(torch.tensor(0.02), torch.tensor(60), torch.quint8)
        self.up = nnq.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
        weight = torch.quantize_per_channel(torch.randn(2, 3, 3, 3), torch.tensor([0.02, 0.03, 0.01]).double(),
                                            torch.zeros(3).long(), 1, torch.qint8)
        self.up.set_weight_bias(weight, torch.randn(3))
        self.up.scale, self.up.zero_point = 0.05, 100

    def forward(self, x):
        return self.up(self.quantize(x)).dequantize()


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.backends.quantized.engine = "qnnpack"
    x = torch.randn(1, 2, 5, 4)
    traced = torch.jit.trace(Net().eval(), (x,), check_trace=False)
    traced.save(str(HERE / "transposed_by_channel.pt"))
    np.savez(HERE / "transposed_by_channel.inputs.npz", x=x.numpy())
    np.savez(HERE / "transposed_by_channel.results.npz", y=traced(x).numpy())
