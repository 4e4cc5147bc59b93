#!/usr/bin/env python3
"""Integer inputs without given values are drawn by what the model uses them for, and the report says how.

    drawn_test.py TORCH2NNEF

Small models, each with the bounds and the use that are right for its input. Exported twice, they give the same bytes.
Uses Debian's python3-torch.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "exported_program"))
import program_file as file  # noqa: E402

PROGRAM = sys.argv.pop(1)


class Table(nn.Module):
    def __init__(self, rows: int, shift: int = 0):
        super().__init__()
        self.table, self.shift = nn.Embedding(rows, 3), shift

    def forward(self, ids: Tensor):
        return self.table(ids.flatten() + self.shift)


class Padded(nn.Module):
    """Knows words by not being 1, as masks do; the table counts."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(40, 3)

    def forward(self, ids: Tensor):
        return self.table(ids) * ids.ne(1).unsqueeze(-1).float()


class Gather(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return x.gather(1, i)


class TakeAlong(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return torch.take_along_dim(x, i, -1)


class Rows(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return x.index_select(0, i) + x[i] + x[:, 2][i].unsqueeze(1)


class Take(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return x.take(i)


class Classes(nn.Module):
    def forward(self, i: Tensor):
        return F.one_hot(i, 7)


class Loss(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return F.cross_entropy(x, i)


class Lengths(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return x * (torch.arange(x.size(1)).unsqueeze(0) < i.unsqueeze(1)).to(x.dtype)


class Last(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return x[torch.arange(x.size(0)), i - 1]


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 3, batch_first=True)

    def forward(self, x, i):
        packed = nn.utils.rnn.pack_padded_sequence(x, i, batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x.shape[1])[0]


class AttentionMask(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return torch.softmax(x + (1.0 - i.to(x.dtype)) * -10000.0, -1)


class Filled(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return x.masked_fill(i == 0, 5.0)


class Plain(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        return x * i


class Hashed(nn.Module):
    """What the table is given is computed: only the sample's own spread is safe."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 3)

    def forward(self, i: Tensor):
        return self.table((i * 31) % 50)


class Few(nn.Module):
    """Takes nothing above 3, by a way of which no call tells."""

    def forward(self, x: Tensor, i: Tensor):
        assert bool((i * i).max() < 10)
        return x * i


class Never(nn.Module):
    def forward(self, x: Tensor, i: Tensor):
        assert bool(i.min() > 100)
        return x * i


TRACED = (Packed,)


class Drawn(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_program(self, path, *flags, engine="reference"):
        out = self.folder / "model.nnef.tgz"
        done = subprocess.run([PROGRAM, str(path), *flags, f"--check={engine}", "--json", "-o", str(out)], capture_output=True, text=True, timeout=120)
        return done, json.loads(done.stdout), out.read_bytes() if out.exists() else b""

    def saved(self, model, *sample):
        path = self.folder / "model.pt"
        torch.manual_seed(0)
        (torch.jit.trace(model.eval(), sample, check_trace=False) if sample else torch.jit.script(model.eval())).save(str(path))
        return path

    def check(self, model, use, lowest, highest, *inputs, sample=(), flags=()):
        path = self.saved(model, *sample)
        flags = [word for one in inputs for word in ("--input", one)] + list(flags)
        done, report, archive = self.run_program(path, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([(one["use"], one["lowest"], one["highest"]) for one in report["drawn"]], [(use, lowest, highest)], report["drawn"])
        self.assertTrue(report["drawn"][0]["why"])
        again = self.run_program(path, *flags)
        self.assertEqual(again[1]["drawn"], report["drawn"])
        self.assertEqual(again[2], archive)
        return report

    def test_rows_of_a_table(self):
        report = self.check(Table(100), "index", 0, "99", "ids:i64:2,5")
        self.assertRegex(report["drawn"][0]["why"], r"^aten::embedding takes it as places along axis 0 of weight \(.*drawn_test.py:\d+\)$")

    def test_rows_behind_a_shift(self):
        self.check(Table(20, 4), "index", 0, "15", "ids:i32:2,5")

    def test_an_index_counts_more_than_a_mask(self):
        self.check(Padded(), "index", 0, "39", "ids:i64:2,6")

    def test_places_along_an_axis(self):
        self.check(Gather(), "index", 0, "5", "x:f32:3,6", "i:i64:3,2")
        self.check(TakeAlong(), "index", 0, "5", "x:f32:3,6", "i:i64:3,2")
        self.check(Rows(), "index", 0, "4", "x:f32:5,3", "i:i64:4")
        self.check(Take(), "index", 0, "14", "x:f32:5,3", "i:i64:4")
        self.check(Last(), "index", 1, "6", "x:f32:3,6,2", "i:i64:3")

    def test_places_along_a_dynamic_axis(self):
        self.check(Gather(), "index", 0, "T-1", "x:f32:3,6", "i:i64:3,2", flags=["--dynamic-axes", "x:1=T"])

    def test_classes(self):
        self.check(Classes(), "index", 0, "6", "i:i64:5")
        self.check(Loss(), "index", 0, "8", "x:f32:4,9", "i:i64:4")

    def test_lengths(self):
        self.check(Lengths(), "length", 1, "6", "x:f32:3,6", "i:i64:3")
        self.check(Lengths(), "length", 1, "T", "x:f32:3,6", "i:i64:3", flags=["--dynamic-axes", "x:1=T"])
        self.check(Packed(), "length", 1, "6", "x:f32:3,6,4", "i:i64:3", sample=(torch.rand(3, 6, 4), torch.tensor([6, 4, 1])))

    def test_masks_stay_zeros_and_ones(self):
        self.check(AttentionMask(), "mask", 0, "1", "x:f32:3,6", "i:i64:3,6")
        self.check(Filled(), "mask", 0, "1", "x:f32:3,6", "i:i64:3,6")

    def test_others_have_a_small_spread(self):
        self.check(Plain(), "unknown", 0, "9", "x:f32:3,6", "i:i64:3,6")
        self.check(Hashed(), "unknown", 0, "9", "i:i64:3,6")

    def test_what_the_model_refuses_is_not_drawn(self):
        report = self.check(Few(), "unknown", 0, "1", "x:f32:3,6", "i:i64:3,6")
        self.assertIn("takes no others", report["drawn"][0]["why"])

    def test_given_values_are_not_drawn(self):
        done, report, _ = self.run_program(self.saved(Table(100)), "--input", "ids:i64:2,5=randint(3,9)")
        self.assertEqual((done.returncode, report["drawn"]), (0, []), done.stderr)

    def test_a_refusal_names_what_was_drawn(self):
        done = subprocess.run([PROGRAM, str(self.saved(Never())), "--input", "x:f32:3", "--input", "i:i64:3", "-o", str(self.folder / "m.nnef.tgz"), "--check=none"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("the values were drawn at random (i: 0 to 1)", done.stderr)

    def test_the_text_report_says_it(self):
        done = subprocess.run([PROGRAM, str(self.saved(Table(100))), "--input", "ids:i64:2,5", "-o", str(self.folder / "m.nnef.tgz"), "--check=none"], capture_output=True, text=True)
        self.assertRegex(done.stdout, r"drawn +ids: 0 to 99 \(index: aten::embedding takes it as places along axis 0 of weight \(.*\)\)\n")

    def test_programs_without_examples(self):
        graph = file.Graph(["p_w", "ids"], {"p_w": file.meta([50, 4]), "ids": file.meta([file.symbol("s0"), 3], file.LONG)})
        graph.call("torch.ops.aten.embedding.default", {"rows": file.meta([file.symbol("s0"), 3, 4])}, weight=file.tensor("p_w"), indices=file.tensor("ids"), line=8).result("rows")
        program = file.program(graph, [file.parameter("p_w", "table.weight"), file.user("ids")], [file.output("rows")], file.tree(file.LEAF), file.LEAF, ranges={"s0": {"min_val": 0, "max_val": 64}})
        weights = {"table.weight": ("weight_0", file.meta([50, 4]))}
        path = self.folder / "model.pt2"
        contents = file.records(program, weights, {"weight_0": file.pack([float(i) for i in range(200)])})
        del contents["data/sample_inputs/model.pt"]
        file.write(path, contents)
        done, report, archive = self.run_program(path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([(one["use"], one["lowest"], one["highest"]) for one in report["drawn"]], [("index", 0, "49")])
        self.assertEqual(self.run_program(path)[2], archive)


if __name__ == "__main__":
    unittest.main()
