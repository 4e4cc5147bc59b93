#!/usr/bin/env python3
"""Makes the nets of graph_speed's comparison, with random weights, in every form that other ways to tract start from.

    make_peers.py FOLDER [NAME..]

For each NAME: NAME.pt (a trace, for torch2nnef), NAME.npz (inputs by name), NAME.ts.onnx and NAME.dynamo.onnx (by both
exporters of torch.onnx.export), and NAME.peer.nnef.tgz where torch_to_nnef is installed, which asks the tract command
that $TRACT names for its version; of nets with masks also NAME.peer_plain.nnef.tgz, without tract's operator of
attention, which takes no boolean mask. What a way refuses is printed and left out; files that are there stay. Needs
torch 2.6 or newer, torchvision, transformers, onnx and onnxscript.
"""
import os
import pathlib
import sys
import warnings

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
torch.backends.mha.set_fastpath_enabled(False)  # one operator that the TorchScript exporter does not know


def with_statistics(model):
    """Batch norms that have seen data: of new ones the values vanish in a deep net."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


def vision(name):
    import torchvision

    return with_statistics(getattr(torchvision.models, name)(weights=None)), {"x": torch.randn(1, 3, 224, 224)}


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        from transformers import BertConfig, BertModel

        self.bert = BertModel(BertConfig(num_hidden_layers=4, hidden_size=384, num_attention_heads=6,
                                         intermediate_size=1536, vocab_size=8000), add_pooling_layer=False)

    def forward(self, input_ids, attention_mask):
        return self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


class Recurrent(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


class Conformer(nn.Module):
    """Blocks of half a feed-forward net, attention, a convolution over time, and the other half."""

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.halves = nn.ModuleList(
                nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
                for _ in range(2))
            self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.conv_norm, self.into = nn.LayerNorm(width), nn.Conv1d(width, 2 * width, 1)
            self.depthwise = nn.Conv1d(width, width, 31, padding=15, groups=width)
            self.batch_norm, self.back = nn.BatchNorm1d(width), nn.Conv1d(width, width, 1)
            self.last, self.heads = nn.LayerNorm(width), heads

        def forward(self, x):
            x = x + 0.5 * self.halves[0](x)
            b, t, w = x.shape
            q, k, v = self.qkv(self.norm(x)).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
            x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, w))
            y = F.glu(self.into(self.conv_norm(x).transpose(1, 2)), dim=1)
            x = x + self.back(F.silu(self.batch_norm(self.depthwise(y)))).transpose(1, 2)
            return self.last(x + 0.5 * self.halves[1](x))

    def __init__(self, width=144, heads=4, layers=4):
        super().__init__()
        self.blocks = nn.ModuleList(self.Block(width, heads) for _ in range(layers))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Llama(nn.Module):
    """12 layers of 768, 12 heads on 4 of keys and values, 100 M parameters; the cache is an input and an output."""

    def __init__(self, past, new, width=768, layers=12, heads=12, groups=4, vocabulary=32000, hidden=2048):
        super().__init__()
        self.past, self.new, self.heads, self.groups, self.size = past, new, heads, groups, width // heads
        self.table = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList()
        for _ in range(layers):
            layer = nn.ModuleDict({n: nn.Linear(width, o, bias=False) for n, o in
                                   {"q": width, "k": groups * self.size, "v": groups * self.size, "o": width,
                                    "gate": hidden, "up": hidden}.items()})
            layer["down"] = nn.Linear(hidden, width, bias=False)
            layer["norm_1"], layer["norm_2"] = nn.RMSNorm(width, 1e-6), nn.RMSNorm(width, 1e-6)
            self.layers.append(layer)
        self.norm = nn.RMSNorm(width, 1e-6)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, 0, 0.02)

    def rotate(self, x, cos, sin):
        half = x.shape[-1] // 2
        return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin

    def forward(self, ids, keys, values):
        s, p = ids.shape[1], keys.shape[3]
        places = torch.arange(p, p + s, dtype=torch.float32)
        rates = 1.0 / (10000.0 ** (torch.arange(0, self.size, 2, dtype=torch.float32) / self.size))
        angles = torch.cat([places[:, None] * rates] * 2, -1)
        cos, sin = angles.cos(), angles.sin()
        mask = torch.arange(p + s)[None, :] <= torch.arange(p, p + s)[:, None]
        x, new_keys, new_values = self.table(ids), [], []
        for i, layer in enumerate(self.layers):
            h = layer["norm_1"](x)
            split = lambda t, n: t.view(1, s, n, self.size).transpose(1, 2)
            q = self.rotate(split(layer["q"](h), self.heads), cos, sin)
            k = torch.cat((keys[i], self.rotate(split(layer["k"](h), self.groups), cos, sin)), 2)
            v = torch.cat((values[i], split(layer["v"](h), self.groups)), 2)
            new_keys.append(k)
            new_values.append(v)
            repeat = lambda t: t[:, :, None].expand(-1, -1, self.heads // self.groups, -1, -1).reshape(
                1, self.heads, p + s, self.size)
            y = F.scaled_dot_product_attention(q, repeat(k), repeat(v), attn_mask=mask)
            x = x + layer["o"](y.transpose(1, 2).reshape(1, s, -1))
            h = layer["norm_2"](x)
            x = x + layer["down"](F.silu(layer["gate"](h)) * layer["up"](h))
        return self.norm(x) @ self.table.weight.t(), torch.stack(new_keys), torch.stack(new_values)


def llama(past, new):
    model = Llama(past, new)
    cache = lambda: torch.randn(12, 1, 4, past, 64)
    return model, {"ids": torch.randint(0, 32000, (1, new)), "keys": cache(), "values": cache()}


def bert():
    return Bert(), {"input_ids": torch.randint(0, 8000, (1, 128)), "attention_mask": torch.ones(1, 128).long()}


NETS = {name: (lambda name=name: vision(name)) for name in
        ("resnet18", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "densenet121", "vit_b_32", "swin_t")}
NETS |= {
    "bert_4": bert,
    "lstm": lambda: (Recurrent(nn.LSTM(80, 256, 2, batch_first=True, bidirectional=True)), {"x": torch.randn(1, 100, 80)}),
    "gru": lambda: (Recurrent(nn.GRU(80, 256, 1, batch_first=True)), {"x": torch.randn(1, 100, 80)}),
    "conformer": lambda: (Conformer(), {"x": torch.randn(1, 200, 144)}),
    "llama_decode_128": lambda: llama(128, 1),
    "llama_decode_1024": lambda: llama(1024, 1),
    "llama_prefill_128": lambda: llama(1, 127),
}
WITH_MASKS = {"bert_4", "llama_decode_128", "llama_decode_1024", "llama_prefill_128"}


def attempt(what, path, work):
    if path.exists():
        return
    try:
        work(path)
    except BaseException as error:  # some exporters end the process
        print(f"  {what}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)


def by_peer(model, arguments, names, path, **options):
    import torch_to_nnef

    tract = pathlib.Path(os.environ["TRACT"]) if "TRACT" in os.environ else None
    target = torch_to_nnef.TractNNEF(version="0.23.8", check_io=False, specific_tract_binary_path=tract, **options)
    results = model(*arguments)
    outputs = [f"output_{i}" for i in range(1 if torch.is_tensor(results) else len(results))]
    torch_to_nnef.export_model_to_nnef(model, arguments, path, input_names=names, output_names=outputs,
                                       inference_target=target)


def make(name, folder):
    print(name, flush=True)
    torch.manual_seed(0)
    model, inputs = NETS[name]()
    model.eval()
    arguments, names = tuple(inputs.values()), list(inputs)
    np.savez(folder / f"{name}.npz", **{key: value.numpy() for key, value in inputs.items()})
    with torch.no_grad():
        attempt("trace", folder / f"{name}.pt",
                lambda path: torch.jit.trace(model, arguments, check_trace=False).save(str(path)))
        for way, dynamo in (("ts", False), ("dynamo", True)):
            attempt(way, folder / f"{name}.{way}.onnx",
                    lambda path: torch.onnx.export(model, arguments, str(path), dynamo=dynamo, input_names=names,
                                                   external_data=False, verbose=False))
        attempt("peer", folder / f"{name}.peer.nnef.tgz", lambda path: by_peer(model, arguments, names, path))
        if name in WITH_MASKS:
            attempt("peer, plain", folder / f"{name}.peer_plain.nnef.tgz",
                    lambda path: by_peer(model, arguments, names, path, reify_sdpa_operator=False))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or NETS:
        make(name, folder)


if __name__ == "__main__":
    main()
