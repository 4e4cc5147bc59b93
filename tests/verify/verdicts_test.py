#!/usr/bin/env python3
"""The reference evaluator and tract give the same verdict on an archive: "the evaluator agrees" means "tract will agree".

    verdicts_test.py TORCH2NNEF [--only REGEX] [--keep FOLDER]

Makes small models of the kinds that were exported wrongly somewhere: sums of integers, NaN, values at the ends of ranges,
sizes far from the sample's, indices that are inputs. Each is exported twice, checked by the evaluator alone and by tract
alone, on its sample and on other inputs with PyTorch's results. Both must export or refuse alike, and give the same
verdict for each output at each set of inputs. Uses Debian's python3-torch; finds tract as the program does.
"""
import argparse
import concurrent.futures
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

MODELS = {}
GENERATOR = torch.Generator().manual_seed(4)
NAN, INF = float("nan"), float("inf")


def model(name, forward, *inputs, other=(), axes=(), flags=(), script=False, **parts):
    """`other`: tuples of inputs beside the sample; `axes`: values of --dynamic-axes."""
    assert name not in MODELS, name
    MODELS[name] = (forward, inputs, other, axes, flags, script, parts)


def some(*size):
    return torch.rand(*size, generator=GENERATOR) * 2 - 1


def module_of(forward, parts):
    if isinstance(forward, nn.Module):
        return forward.eval()
    module = type("M", (nn.Module,), {"forward": forward})()
    for name, part in parts.items():
        module.register_buffer(name, part) if isinstance(part, Tensor) else setattr(module, name, part)
    return module.eval()


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 4)

    def forward(self, x: Tensor, h: Tensor):
        out = torch.zeros(x.shape[0], x.shape[1], 4)
        for i in range(x.shape[0]):
            h = self.cell(x[i], h)
            out[i] = h
        return out


class Branch(nn.Module):
    def forward(self, x: Tensor, n: Tensor):
        if bool(n.sum() > 3):
            return x * 2 + n.sum()
        return x - 1


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 3, batch_first=True, bidirectional=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x.shape[1])[0]


def wrote(x, n):
    y = x.clone()
    y[:, n] = 7.0
    return y


def integers():
    large, small = 2 ** 31, -(2 ** 31)
    model("sum_of_long", lambda s, x: x.sum(), torch.tensor([1, 2, 3]), other=[(torch.tensor([large, 1, 1]),), (torch.tensor([small, small, 5]),)])
    model("sum_of_int", lambda s, x: x.sum(), torch.tensor([1, 2, 3], dtype=torch.int32), other=[(torch.tensor([large - 1, 1, 1], dtype=torch.int32),)])
    model("sum_along_axis", lambda s, x: x.sum(1).double() / x.shape[1], torch.tensor([[1, 2, 3]]), other=[(torch.tensor([[1700000000, 1700000500, 1700001000]]),)], axes=["x:1=S"])
    model("product_of_long", lambda s, x: x.prod(), torch.tensor([1, 2, 3]), other=[(torch.tensor([large, 3, 5]),)])
    model("cumulated_long", lambda s, x: x.cumsum(0), torch.tensor([1, 2, 3]), other=[(torch.tensor([large, large, large]),)])
    model("times_long", lambda s, x: x * 65537 + 3, torch.tensor([1, 2, 3]), other=[(torch.tensor([large, small, 2 ** 40]),)])
    model("mean_of_byte", lambda s, x: x.float().mean(0) - x.sum(0), torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8), other=[(torch.tensor([[255, 254], [255, 253]], dtype=torch.uint8),)])
    model("char_wraps", lambda s, x: x * 3 - 100, torch.tensor([1, -2, 3], dtype=torch.int8), other=[(torch.tensor([127, -128, 64], dtype=torch.int8),)])
    model("floor_of_negative", lambda s, x: (torch.div(x, 3, rounding_mode="floor"), x % 3, x.abs()), torch.tensor([4, 5, 7]), other=[(torch.tensor([-4, -5, small]),)])
    model("long_as_float", lambda s, x: x.float() * 0.5, torch.tensor([1, 2, 3]), other=[(torch.tensor([2 ** 53 + 1, 2 ** 62, -(2 ** 62)]),)])
    model("float_as_long", lambda s, x: (x * 4).long() + 1, some(4), other=[(torch.tensor([1e9, -1e9, 0.3, -0.3]),)])
    model("shifts", lambda s, x: (x << 3, x >> 1, x & 6, x ^ 5), torch.tensor([1, 2, 3]), other=[(torch.tensor([-1, 2 ** 40, small]),)])
    model("matrix_of_long", lambda s, x, y: x @ y, torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 4]]), other=[(torch.tensor([[65536, 2], [3, 65536]]), torch.tensor([[65536, 1], [1, 65536]]))])


def special_values():
    hard = torch.tensor([0.5, NAN, INF, -INF, -0.0, 1e-42, 3e38])
    plain = some(7)
    for name, f in {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": F.gelu, "exp": torch.exp, "log": lambda x: torch.log(x.abs()), "sqrt": lambda x: torch.sqrt(x.abs()),
                    "softplus": F.softplus, "round": torch.round, "sign": torch.sign, "erf": torch.erf, "silu": F.silu, "reciprocal": torch.reciprocal, "clamp": lambda x: x.clamp(-0.5, 0.5)}.items():
        model("special_" + name, lambda s, x, f=f: f(x), plain, other=[(hard,)])
    model("special_softmax", lambda s, x: F.softmax(x, 0), plain, other=[(torch.tensor([-INF, 0.0, 1.0, -INF, 2.0, 3.0, 80.0]),), (torch.full((7,), -INF),), (hard,)])
    model("special_norm", lambda s, x: F.normalize(x, dim=0), plain, other=[(torch.zeros(7),), (torch.full((7,), 1e-30),), (torch.full((7,), 1e30),)])
    model("special_layer_norm", lambda s, x: F.layer_norm(x, [7]), plain, other=[(torch.full((7,), 3.0),), (plain * 1e-20,), (plain * 1e15,)])
    model("special_maximum", lambda s, x, y: (torch.maximum(x, y), torch.minimum(x, y)), plain, plain.flip(0), other=[(hard, plain), (plain, hard)])
    model("special_comparison", lambda s, x, y: (x < y, x == y, x != y), plain, plain.flip(0), other=[(hard, plain), (hard, hard)])
    model("special_reduction", lambda s, x: (x.max(), x.min(), x.sum(), x.argmax()), plain, other=[(torch.tensor([NAN, 1.0, 2.0, 3.0, 3.0, 0.0, -1.0]),), (torch.tensor([INF, 1.0, -INF, 3.0, 3.0, 0.0, -1.0]),)])
    model("times_zero", lambda s, x: x * 0.0, torch.tensor([1.0, 2.0]), other=[(torch.tensor([INF, 2.0]),)])
    model("beta_of_zero", lambda s, x, y, z: torch.baddbmm(x, y, z, beta=0), torch.full((2, 3, 3), NAN), some(2, 3, 4), some(2, 4, 3), other=[(some(2, 3, 3), some(2, 3, 4), some(2, 4, 3))])
    model("half_overflow", lambda s, x: (x.half() * 3).float(), plain, other=[(plain * 60000,), (plain * 1e-7,)])
    model("power_of_mixed", lambda s, x: (torch.pow(2, x), torch.pow(x.abs(), 2.5), torch.pow(x, 3)), plain, other=[(plain * 50,), (hard,)])
    model("equal_items", lambda s, x: (torch.topk(x, 3)[0], x.sort()[0], x.argmin()), plain, other=[(torch.tensor([2.0, 2.0, 1.0, 1.0, 3.0, 3.0, 3.0]),)])


def sizes():
    model("last_rows", lambda s, x: x[-5:] * 1, some(6, 3), other=[(some(9, 3),), (some(5, 3),)], axes=["x:0=T"])
    model("drop_last", lambda s, x: x[:, :-3].sum(1), some(2, 9), other=[(some(2, 4),)], axes=["x:1=T"])
    model("crop", lambda s, x: x[:64] * 1, some(16, 3), other=[(some(70, 3),), (some(2, 3),)], axes=["x:0=S"])
    model("pad_up_to", lambda s, x: F.pad(x, (0, 12 - x.shape[1])), some(2, 7), other=[(some(2, 12),), (some(2, 9),)], axes=["x:1=T"])
    model("table", lambda s, x: x + s.table[:x.shape[0]], some(5, 3), other=[(some(8, 3),), (some(2, 3),)], axes=["x:0=T"], table=some(8, 3))
    model("positions", lambda s, x: x + s.table(torch.arange(x.shape[0])), some(6, 3), other=[(some(20, 3),)], axes=["x:0=S"], table=nn.Embedding(20, 3))
    model("pieces", lambda s, x: torch.tensor_split(x, 3), some(16, 3), other=[(some(11, 3),)], axes=["x:0=S"])
    model("interleaved", lambda s, x: x.repeat_interleave(2), some(3, 6), other=[(some(2, 4),)], axes=["x:0=A", "x:1=B"])
    model("adaptive_pool", lambda s, x: F.adaptive_avg_pool2d(x, 2), some(1, 2, 8, 8), other=[(some(1, 2, 12, 6),)], axes=["x:2=H", "x:3=W"])
    model("resize", lambda s, x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False), some(1, 2, 4, 5), other=[(some(1, 2, 7, 3),)], axes=["x:2=H", "x:3=W"])
    model("steps", Steps(), some(4, 2, 3), some(2, 4), other=[(some(6, 2, 3), some(2, 4))], axes=["x:0=T"], script=True)
    model("convolution", nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.ReLU(), nn.ConvTranspose1d(3, 2, 4, 2, 1)), some(1, 2, 8), other=[(some(1, 2, 13),), (some(1, 2, 8) * 1e20,)], axes=["0:2=T"])
    model("window_of_audio", lambda s, x: torch.view_as_real(torch.stft(x, 32, 8, 20, s.window, return_complex=True)), some(2, 160), other=[(some(2, 200),)], axes=["x:1=T"], window=torch.hann_window(20))


def indices():
    model("row_of_input", lambda s, x, n: x[n], some(4, 3), torch.tensor(2), other=[(some(4, 3), torch.tensor(-1)), (some(4, 3), torch.tensor(4))])
    model("column_of_input", lambda s, x, n: x[:, n], some(4, 6), torch.tensor(2), other=[(some(4, 6), torch.tensor(5)), (some(4, 6), torch.tensor(-6))])
    model("write_at_input", lambda s, x, n: wrote(x, n), some(4, 6), torch.tensor(2), other=[(some(4, 6), torch.tensor(5))])
    model("rows_of_a_table", lambda s, n: s.table(n), torch.tensor([0, 3, 1]), other=[(torch.tensor([9, 9, 0]),)], table=nn.Embedding(10, 3))
    model("gathered", lambda s, x, n: x.gather(1, n), some(3, 5), torch.tensor([[0], [4], [2]]), other=[(some(3, 5), torch.tensor([[4], [0], [1]]))])
    model("added_at", lambda s, x, n: torch.zeros(5, 3).index_add(0, n, x), some(4, 3), torch.tensor([0, 4, 2, 2]), other=[(some(4, 3), torch.tensor([1, 1, 1, 1]))])
    model("classes", lambda s, n: F.one_hot(n, 5), torch.tensor([0, 4, 2]), other=[(torch.tensor([1, 1, 3]),)])
    model("lengths", lambda s, x, n: x * (torch.arange(x.shape[1])[None] < n[:, None]), some(3, 6), torch.tensor([6, 2, 4]), other=[(some(3, 6), torch.tensor([0, 7, 1]))])
    model("packed", Packed(), some(3, 6, 4), torch.tensor([6, 4, 1]), other=[(some(3, 6, 4), torch.tensor([5, 5, 2]))])
    model("branch_on_values", Branch(), some(3), torch.tensor([1, 1]), other=[(some(3), torch.tensor([2, 2]))], script=True)
    model("best_mask", lambda s, x, y: x[y.argmax()], some(3, 4), torch.tensor([0.1, 0.9, 0.3]), other=[(some(3, 4), torch.tensor([0.4, 0.4, 0.3]))])
    model("loss", lambda s, x, n: F.cross_entropy(x, n), some(4, 5), torch.tensor([0, 4, 2, 1]), other=[(some(4, 5) * 100, torch.tensor([4, 4, 4, 0]))])


def arrays_of(inputs, outputs):
    arrays = {f"input_{i}": value.numpy() for i, value in enumerate(inputs)}
    return {**arrays, **{f"output_{i}": value.contiguous().numpy() for i, value in enumerate(outputs)}}


def outputs_of(module, inputs):
    with torch.no_grad():
        result = module(*copy.deepcopy(inputs))
    return list(result) if isinstance(result, (list, tuple)) else [result]


def save(name, folder):
    """The model and its inputs, with PyTorch's results; those that PyTorch refuses are left out."""
    forward, inputs, other, axes, flags, script, parts = MODELS[name]
    torch.manual_seed(0)
    module = module_of(forward, parts)
    outputs = outputs_of(module, inputs)
    with torch.no_grad():
        saved = torch.jit.script(module) if script else torch.jit.trace(module, copy.deepcopy(inputs), check_trace=False)
    saved.save(str(folder / "model.pt"))
    files = []
    for i, values in enumerate([inputs, *other]):
        try:
            outputs = outputs_of(module, values)
        except (RuntimeError, IndexError):
            continue
        files.append(folder / f"{i}.npz")
        np.savez(files[-1], **arrays_of(values, outputs))
    names = [f"input_{i}" for i in range(len(inputs))]
    dynamic = [flag for axis in axes for flag in ("--dynamic-axes", re.sub(r"^\w+", "input_0", axis))]
    return files, ["--input-names", ",".join(names), "--output-names", ",".join(f"output_{i}" for i in range(len(outputs))), *dynamic, *flags]


def verdict(command, engine, folder):
    done = subprocess.run([*command, f"--check={engine}", "--json", "-o", str(folder / f"{engine}.nnef.tgz")], capture_output=True, text=True, timeout=240)
    report = json.loads(done.stdout)
    outputs = report.get("check", {}).get("outputs", [])
    agree = sorted((one["name"], json.dumps(one["sizes"]), one["agrees"]) for one in outputs if one["engine"].startswith(engine))
    return done.returncode, agree, [one["code"] for one in report.get("errors", [])], done.stderr.strip()


def judge(program, name, folder):
    folder.mkdir(parents=True)
    files, flags = save(name, folder)
    problems, refused = [], 0
    for other in files[1:] or [None]:
        inputs = [flag for file in [files[0], *([other] if other else [])] for flag in ("--inputs", str(file))]
        found = {engine: verdict([program, str(folder / "model.pt"), *inputs, *flags], engine, folder) for engine in ("reference", "tract")}
        refused += found["tract"][0] != 0
        if found["reference"][:3] != found["tract"][:3]:
            problems.append(f"{other and other.name}: the evaluator says {found['reference']}, tract {found['tract']}")
    return problems, refused, len(files[1:]) or 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("torch2nnef")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    for part in (integers, special_values, sizes, indices):
        part()
    bad = pairs = not_equal = 0
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(2) as pool:
        place = arguments.keep or pathlib.Path(temporary)
        chosen = [name for name in MODELS if re.search(arguments.only, name)]
        for name, (problems, refused, count) in zip(chosen, pool.map(lambda n: judge(arguments.torch2nnef, n, place / n), chosen)):
            bad, pairs, not_equal = bad + len(problems), pairs + count, not_equal + refused
            for problem in problems:
                print(f"{name}: {problem}", flush=True)
            if arguments.verbose:
                print(name, count, refused, flush=True)
    print(f"{len(chosen)} models, {pairs} pairs of verdicts: {bad} differ, {not_equal} are that it is wrong or refused")
    return 1 if bad or not pairs else 0


if __name__ == "__main__":
    sys.exit(main())
