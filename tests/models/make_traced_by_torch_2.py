#!/usr/bin/env python3
"""Makes traced_by_torch_2.pt: an archive that knows the sizes of its inputs, since PyTorch 2 traced it, and calls an
operator that PyTorch 1 does not have. No sample inputs lie beside it.

    python3 make_traced_by_torch_2.py

Needs PyTorch 2; the archive here was made by 2.15.
"""
import pathlib

import torch
from torch import nn


class Fn(nn.Module):
    def forward(self, q, k, v, m):
        return nn.functional.scaled_dot_product_attention(q, k, v, m)


if __name__ == "__main__":
    torch.manual_seed(0)
    keys = torch.randn(2, 4, 7, 8)
    arguments = torch.randn(2, 4, 5, 8), keys, keys.clone(), torch.rand(5, 7) > 0.3
    traced = torch.jit.trace(Fn(), arguments)
    traced.save(str(pathlib.Path(__file__).resolve().parent / "traced_by_torch_2.pt"))
