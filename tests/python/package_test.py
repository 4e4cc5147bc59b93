#!/usr/bin/env python3
"""The Python package, with the torch that is installed: by torch.export where it has one, else by TorchScript.

    package_test.py [--installed]      the package of this checkout, or that of the Python that runs this
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PACKAGE = str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "python")
if "--installed" in sys.argv:
    sys.argv.remove("--installed")
    PACKAGE = ""
else:
    sys.path.insert(0, PACKAGE)

import torch  # noqa: E402
from torch import nn  # noqa: E402

from torch2nnef import (CheckFailed, ExportError, InvalidArguments, NotExportable, ProgramNotFound,  # noqa: E402
                        export_model_to_nnef)

HAS_EXPORT = hasattr(torch, "export") and hasattr(getattr(torch.export, "Dim", None), "AUTO")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3))

    def forward(self, x):
        return self.layers(x)


class Nested(nn.Module):
    def forward(self, x, batch, scale: float = 2.0, bias=None):
        y = x * batch["weight"].sum(0) + batch["pair"][0] - batch["pair"][1]
        return {"y": y * scale, "z": y if bias is None else y + bias}


class Pair(nn.Module):
    def forward(self, x, pair):
        return x * pair[0] - pair[1]


class TwoRandom(nn.Module):
    def forward(self, x):
        noise = torch.randn(3)
        return x + noise + torch.bernoulli(x.sigmoid())


class Branches(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x - 1


class CountsItems(nn.Module):
    def forward(self, x):
        return torch.zeros(int(x.max().item()) + 1, 3) + x.mean()


class UsesNumpy(nn.Module):
    def forward(self, x):
        return torch.from_numpy(x.numpy() * 2)


class Asserts(nn.Module):
    def forward(self, x):
        assert (x > -100).all()
        return x * 2


class ReadsItsOwn(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("times", torch.tensor(3))

    def forward(self, x):
        return x * int(self.times) if x.shape[0] > 1 else x


class KeepsItsLength(nn.Module):
    def forward(self, x):
        total = x[0]
        for i in range(1, len(x)):
            total = total * 0.5 + x[i]
        return total


class Exporting(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        self.folder = tempfile.TemporaryDirectory()
        self.output = pathlib.Path(self.folder.name) / "model.nnef.tgz"

    def tearDown(self):
        self.folder.cleanup()

    def export(self, model, args=(), **more):
        return export_model_to_nnef(model, args, self.output, **more)

    def fails(self, error, words, *arguments, **more):
        with self.assertRaises(error) as caught:
            self.export(*arguments, **more)
        self.assertIn(words, str(caught.exception))
        self.assertFalse(self.output.exists())
        return caught.exception


class PackageTest(Exporting):
    def test_exports_and_checks(self):
        report = self.export(Net(), torch.randn(2, 4))
        self.assertTrue(self.output.exists())
        self.assertEqual([str(one) for one in report.inputs], ["x f32[2,4]"])
        self.assertTrue(report.check.agrees)
        self.assertIn("tract", report.check.engine)
        self.assertIn("<html", report.page)
        self.assertIn("every output agrees with PyTorch", str(report))
        self.assertEqual(bool(report.notes), not HAS_EXPORT)

    def test_has_dynamic_axes(self):
        for size in (1, 3):
            report = self.export(Net(), torch.randn(size, 4), dynamic_axes={"x": {0: "B"}}, output_names=["y"])
            self.assertEqual([str(one) for one in report.outputs], ["y f32[B,3]"])
            self.assertGreater(len({str(one.sizes) for one in report.check.outputs}), 2)

    def test_takes_lists_of_axes_and_new_names(self):
        report = self.export(Net(), torch.randn(2, 5, 4), input_names=["given"], dynamic_axes={"given": [0, 1]})
        self.assertEqual([str(one) for one in report.inputs], ["given f32[given_0,given_1,4]"])

    def test_takes_tuples(self):
        report = self.export(Pair(), (torch.randn(2, 3), (torch.randn(2, 3), torch.randn(2, 3))), dynamic_axes={"x": {0: "B"}, "pair_0": {0: "B"}, "pair_1": {0: "B"}})
        self.assertEqual([str(one) for one in report.inputs], ["x f32[B,3]", "pair_0 f32[B,3]", "pair_1 f32[B,3]"])

    def test_traces_when_told(self):
        report = self.export(Net(), torch.randn(2, 4), via="torchscript", dynamic_axes={"x": {0: "B"}})
        self.assertEqual(str(report.inputs[0]), "x f32[B,4]")

    def test_takes_scripted_modules_and_files(self):
        scripted = torch.jit.script(Net().eval())
        self.export(scripted, torch.randn(2, 4))
        path = pathlib.Path(self.folder.name) / "model.pt"
        scripted.save(str(path))
        report = self.export(path, options=["--input", "x:f32:2,4"])
        self.assertEqual(str(report.inputs[0]), "x f32[2,4]")

    def test_leaves_the_model_as_it_was(self):
        model = Net()
        model.layers[0].eval()
        self.export(model, torch.randn(2, 4))
        self.assertTrue(model.training and model.layers[2].training)
        self.assertFalse(model.layers[0].training)

    def test_names_all_that_cannot_be_exported(self):
        error = self.fails(NotExportable, "aten::bernoulli", TwoRandom(), torch.randn(2, 3))
        errors = [one for one in error.diagnostics if one.severity == "error"]
        self.assertEqual({one.operator for one in errors} or {one.code for one in errors}, {"aten::randn", "aten::bernoulli"})
        self.assertTrue(any("package_test.py" in line.file for one in errors for line in one.source))

    def test_refuses_a_trace_that_keeps_the_length(self):
        self.fails(NotExportable, "the trace does not compute what the model computes", KeepsItsLength(), torch.randn(4, 3),
                   via="torchscript", dynamic_axes={"x": {0: "T"}})

    def test_refuses_a_trace_that_keeps_a_value(self):
        for model in (Branches(), CountsItems(), UsesNumpy()):
            for via in ("auto", "torchscript"):
                with self.subTest(type(model).__name__, via=via):
                    error = self.fails(NotExportable, "the trace keeps what the sample's values gave in ", model, torch.ones(2, 3), via=via)
                    self.assertIn("package_test.py", str(error))

    def test_traces_what_reads_no_input(self):
        self.export(ReadsItsOwn(), torch.randn(2, 3), via="torchscript")

    def test_tells_that_an_assertion_is_not_exported(self):
        report = self.export(Asserts(), torch.randn(2, 3), via="torchscript")
        self.assertTrue(any("package_test.py" in note and "Python boolean" in note for note in report.notes), report.notes)

    def test_traces_what_torch_export_fixes(self):
        arguments = {"input_names": ["x"], "dynamic_axes": {"x": {1: "T"}}}
        model, x = nn.LSTM(4, 3, batch_first=True), torch.randn(1, 9, 4)
        if HAS_EXPORT:  # if torch.export keeps the axis one day, this fails, and the fallback can go
            self.fails(InvalidArguments, "T2N-M008", model, x, via="export", **arguments)
        report = self.export(model, x, **arguments)
        self.assertEqual([symbol.name for symbol in report.symbols], ["T"])
        self.assertEqual("torch.export fixed a size" in report.notes[0], HAS_EXPORT)

    def test_reports_a_failed_check(self):
        error = self.fails(CheckFailed, "T2N-C", Net(), torch.randn(2, 4), options=["--tolerance", "1e-12"])
        self.assertIsNotNone(error.report.check)

    def test_shows_the_steps(self):
        lines = []
        self.export(Net(), torch.randn(2, 4), progress=lines.append)
        self.assertTrue(any("load" in line for line in lines), lines)

    def test_explains_wrong_arguments(self):
        x = torch.randn(2, 4)
        for words, arguments, more in (
                ("names z, which is no input; the inputs are x", (Net(), x), {"dynamic_axes": {"z": {0: "B"}}}),
                ("axis 5 of x, which has 2 axes", (Net(), x), {"dynamic_axes": {"x": {5: "B"}}}),
                ("give {axis: name}", (Net(), x), {"dynamic_axes": {"x": {"B": 0}}}),
                ("S is 2 (axis 0 of x) and 4 (axis 1 of x)", (Net(), x), {"dynamic_axes": {"x": {0: "S", 1: "S"}}}),
                ("input_names is a string", (Net(), x), {"input_names": "x"}),
                ("input_names has 2 names for 1 tensors: x", (Net(), x), {"input_names": ["a", "b"]}),
                ("args has 2 arguments, and forward takes 1: (x)", (Net(), (x, x)), {}),
                ("it is True, False, 'tract' or 'reference'", (Net(), x), {"check": "fast"}),
                ("'onnx' is not a target", (Net(), x), {"inference_target": "onnx"}),
                ("model is a function", (lambda x: x, x), {}),
                ("the class Net, not an instance of it", (Net, x), {}),
                ("weights without the model's code", (Net().state_dict(), x), {}),
                ("torch.from_numpy(array)", (Net(), x.numpy()), {}),
                ("give it as kwargs", (Net(), {"x": x}), {}),
                ("do not fit forward(x): missing a required argument: 'x'", (Net(), ()), {}),
                ("got an unexpected keyword argument 'z'", (Net(), x), {"kwargs": {"z": x}}),
                ("dynamic_axes is ['x']; give {input: {axis: name}}", (Net(), x), {"dynamic_axes": ["x"]}),
                ("dynamic_axes['x'] is 0; give {axis: name}", (Net(), x), {"dynamic_axes": {"x": 0}}),
                ("give a list of flags: ['--keep-nan']", (Net(), x), {"options": "--keep-nan"}),
                ("progress is True; give a function", (Net(), x), {"progress": True}),
                ("it is 0 to 9", (Net(), x), {"compression_level": 10}),
                ("it is 'auto', 'export' or 'torchscript'", (Net(), x), {"via": "onnx"})):
            with self.subTest(words):
                self.fails(InvalidArguments, words, *arguments, **more)

    def test_says_where_the_program_should_be(self):
        before = os.environ.get("TORCH2NNEF")
        os.environ["TORCH2NNEF"] = "/no/such/program"
        try:
            self.fails(ProgramNotFound, "/no/such/program, which is no program", Net(), torch.randn(2, 4))
        finally:
            del os.environ["TORCH2NNEF"]
            if before:
                os.environ["TORCH2NNEF"] = before

    def test_tells_both_when_the_model_itself_fixes_a_size(self):
        words = ("torch.export fixed a size: ", "the model itself fails at F=5") if HAS_EXPORT else ("the model itself fails at F=5",)
        error = self.fails(NotExportable, words[-1], Net(), torch.randn(2, 4), dynamic_axes={"x": {1: "F"}})
        self.assertIn(words[0], str(error))

    def test_tells_of_errors_of_the_model(self):
        error = self.fails(ExportError, "mat1 and mat2", Net(), torch.randn(2, 5))
        self.assertNotIsInstance(error, CheckFailed)

    def test_is_the_command(self):
        done = subprocess.run([sys.executable, "-m", "torch2nnef", "--version"], capture_output=True, text=True, check=True,
                              env={**os.environ, "PYTHONPATH": PACKAGE})
        self.assertIn("torch2nnef", done.stdout)


if HAS_EXPORT:  # the tracer takes neither structures nor arguments by name
    class ByExportTest(Exporting):
        def test_takes_structures(self):
            batch = {"weight": torch.randn(5, 3), "pair": (torch.randn(2, 3), torch.randn(2, 3))}
            report = self.export(Nested(), (torch.randn(2, 3), batch), dynamic_axes={"batch_weight": {0: "K"}})
            self.assertEqual([str(one) for one in report.inputs],
                             ["x f32[2,3]", "batch_weight f32[K,3]", "batch_pair_0 f32[2,3]", "batch_pair_1 f32[2,3]"])
            self.assertEqual(len(report.outputs), 2)

        def test_takes_keywords(self):
            batch = {"weight": torch.randn(5, 3), "pair": (torch.randn(2, 3), torch.randn(2, 3))}
            report = self.export(Nested(), (torch.randn(2, 3), batch), kwargs={"bias": torch.randn(3)})
            self.assertEqual(report.inputs[-1].name, "bias")


if __name__ == "__main__":
    unittest.main()
