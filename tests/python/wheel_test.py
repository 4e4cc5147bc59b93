#!/usr/bin/env python3
"""How a wheel's program is started: on a package laid out as build_wheel does, with a program that tells its surroundings, beside
folders that pass for an installed torch and tract. Needs no torch.

    wheel_test.py             that
    wheel_test.py PYTHON      that, and what the wheel in the environment of this Python exports
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tools" / "python" / "torch2nnef"
TELLS = '#!/bin/sh\necho "library $LD_LIBRARY_PATH"\necho "tract $TRACT_LIBRARY"\nfor one; do echo "argument $one"; done\nexit 3\n'
BREAKS = '#!/bin/sh\necho "$0: error while loading shared libraries: libgomp.so.1: cannot open shared object file" >&2\nexit 127\n'


class WheelTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.site = pathlib.Path(self.temporary.name).resolve()
        shutil.copytree(PACKAGE, self.site / "torch2nnef")
        self.write("torch2nnef/bin/torch_version", "2.15.0\n")
        self.program(self.site / "torch2nnef" / "bin", TELLS)

    def tearDown(self):
        self.temporary.cleanup()

    def write(self, name, text=""):
        path = self.site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def program(self, folder, text):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "torch2nnef").write_text(text)
        (folder / "torch2nnef").chmod(0o755)

    def torch(self, version):
        self.write("torch/__init__.py", "raise SystemExit('torch was imported')\n")
        self.write("torch/version.py", f"__version__ = '{version}'\n")
        for name in ("libtorch_cpu.so", "libc10.so"):
            self.write(f"torch/lib/{name}")

    def run_python(self, *arguments, **more):
        environment = {"PATH": "/nowhere", "PYTHONPATH": str(self.site), **more}
        # -S: nothing that is installed on this machine.
        return subprocess.run([sys.executable, "-S", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)

    def refused(self, words, **more):
        done = self.run_python("-m", "torch2nnef", "--version", **more)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn(words, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_starts_with_the_installed_libtorch(self):
        self.torch("2.15.0+cpu")
        done = self.run_python("-m", "torch2nnef", "model.pt2", "--check", LD_LIBRARY_PATH="/mine")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(done.stdout.splitlines(),
                         [f"library {self.site}/torch/lib:/mine", "tract ", "argument model.pt2", "argument --check"])

    def test_finds_the_library_of_the_package_tract(self):
        self.torch("2.15.0")
        self.write("tract/__init__.py", "raise SystemExit('tract was imported')\n")
        self.write("tract/tract.cpython-311-x86_64-linux-gnu.so")
        self.assertIn(f"tract {self.site}/tract/tract.cpython-311-x86_64-linux-gnu.so", self.run_python("-m", "torch2nnef").stdout)
        self.assertIn("tract /mine.so\n", self.run_python("-m", "torch2nnef", TRACT_LIBRARY="/mine.so").stdout)

    def test_refuses_without_torch(self):
        self.refused("has no torch: pip install torch==2.15.0")

    def test_refuses_another_torch(self):
        for version in ("2.15.1", "2.14.0+cu130", "2.15.0a0", "3.0.0"):
            with self.subTest(version):
                self.torch(version)
                self.refused("runs with torch 2.15.0, and " + sys.executable + " has torch " + version.partition("+")[0] + " (in ")

    def test_refuses_a_torch_without_libtorch(self):
        self.torch("2.15.0")
        (self.site / "torch" / "lib" / "libc10.so").unlink()
        self.refused("has no lib/libc10.so")
        (self.site / "torch" / "version.py").unlink()
        self.refused("has no torch")

    def test_raises_an_error_of_its_own(self):
        self.torch("2.14.0")
        code = """if True:
            import torch2nnef
            try:
                torch2nnef.export_model_to_nnef("model.pt2")
            except torch2nnef.WrongTorch as error:
                print(isinstance(error, torch2nnef.ProgramNotFound), error)"""
        self.assertIn("True the program in this package runs with torch 2.15.0", self.run_python("-c", code).stdout)

    def test_takes_another_program_where_its_own_does_not_fit(self):
        self.torch("2.14.0")
        self.program(self.site / "path", "no script")  # pip's own, of the same name, is one
        code = "from torch2nnef.program import find_program; print(find_program().path)"
        self.assertEqual(self.run_python("-c", code, PATH=f"{self.site}/path").stdout.strip(), f"{self.site}/path/torch2nnef")

    def test_says_which_library_is_missing(self):
        self.torch("2.15.0")
        self.program(self.site / "torch2nnef" / "bin", BREAKS)
        code = """if True:
            import torch2nnef
            try:
                torch2nnef.export_model_to_nnef("model.pt2")
            except torch2nnef.ProgramNotFound as error:
                print(error)"""
        self.assertIn("cannot be started", self.run_python("-c", code).stdout)

    def test_names_the_release_of_tract_that_the_program_checks_with(self):
        place = (ROOT / "src/export/verify/tract_place.h").read_text()
        release = re.search(r'kTractVersion = "([^"]+)"', place)[1]
        self.assertIn(f'"tract=={release}"', (PACKAGE.parent / "pyproject.toml").read_text())


class InstalledTest(unittest.TestCase):
    """The wheel in the environment of a Python, which the command names."""
    python = ""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.folder.cleanup()

    def run_python(self, *arguments):
        keep = {name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "LANG", "TMPDIR")}
        done = subprocess.run([self.python, *arguments], env=keep, cwd=self.folder.name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_the_package_is_the_wheel(self):
        text = self.run_python("-c", "import torch2nnef.program as p; print(p.find_program().path)")
        self.assertRegex(text, r"site-packages/torch2nnef/bin/torch2nnef")

    def test_the_command_says_which_torch_it_runs_with(self):
        version = self.run_python("-c", "import importlib.metadata as m; print(m.version('torch').partition('+')[0])").strip()
        self.assertIn(version, self.run_python("-m", "torch2nnef", "--version"))

    def test_all_of_the_package_test(self):
        test = pathlib.Path(__file__).resolve().with_name("package_test.py")
        self.assertIn("OK", self.run_python(str(test), "--installed"))


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isfile(sys.argv[1]):
        InstalledTest.python = os.path.abspath(sys.argv.pop(1))
    else:
        del InstalledTest
    unittest.main()
