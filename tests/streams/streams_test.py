#!/usr/bin/env python3
"""--stream: nets that are streamed at two pulses, with their delays and rates, and nets that are refused with their line.

  streams_test.py TORCH2NNEF       takes tract-run beside it, and tract's library
"""
import fractions
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
TORCH2NNEF = ""


def cases(columns):
    """The rows of streams.cases with so many columns."""
    for line in (HERE / "streams.cases").read_text(encoding="utf-8").splitlines():
        fields = [field.strip() for field in line.split("|")]
        if line and not line.startswith("#") and len(fields) == columns:
            yield fields


def source_line(place):
    """The line of make_streams.py that a place names."""
    if place["file"] != "make_streams.py":
        return ""
    return (HERE / place["file"]).read_text(encoding="utf-8").splitlines()[place["line"] - 1].strip()


def export(name, axis, *flags):
    with tempfile.TemporaryDirectory() as folder:
        command = [TORCH2NNEF, str(HERE / f"{name}.pt"), "--dynamic-axes", f"{axis}=T", "-o", f"{folder}/out.nnef.tar", "--json",
                   *flags]
        run = subprocess.run(command, capture_output=True, text=True, check=False,
                             env={**os.environ, "TRACT": str(pathlib.Path(TORCH2NNEF).parent / "tract-run")})
        return json.loads(run.stdout), pathlib.Path(folder, "out.nnef.tar").exists()


class StreamsTest(unittest.TestCase):
    def test_streams(self):
        names = set()
        for name, axis, pulses, late, rate in cases(5):
            flags = [flag for pulse in pulses.split() for flag in ("--stream", f"T={pulse}")]
            report, is_written = export(name, axis, *flags)
            with self.subTest(name):
                self.assertEqual(report["exit_status"], 0, report["diagnostics"])
                self.assertTrue(is_written)
                self.assertEqual([stream["pulse"] for stream in report["streams"]], [int(one) for one in pulses.split()])
                for stream in report["streams"]:
                    output, = stream["outputs"]
                    self.assertTrue(output["agrees"])
                    self.assertEqual(output["delay"], int(late))
                    self.assertEqual(output["frames"], stream["pulse"] * fractions.Fraction(rate))
                    self.assertGreaterEqual(output["compared"], stream["length"] * fractions.Fraction(rate) / 2)
                    self.assertLess(output["max_abs"], 1e-4)
                names.add(name)
        self.assertGreaterEqual(len(names), 20)

    def test_refused(self):
        names = set()
        for name, axis, operator, line in cases(4):
            report, is_written = export(name, axis, "--stream", "T=4")
            with self.subTest(name):
                self.assertEqual(report["exit_status"], 1)
                self.assertFalse(is_written)
                first = report["diagnostics"][0]
                self.assertEqual((first["code"], first["operator"]), ("T2N-R023", operator))
                self.assertIn(line, [source_line(one) for one in first["source"]])
                self.assertTrue(first["hint"])
                names.add(name)
        self.assertGreaterEqual(len(names), 10)

    def test_a_pulse_that_tract_refuses(self):
        report, _ = export("strided", "input:2", "--stream", "T=3")
        first = report["diagnostics"][0]
        self.assertEqual((report["exit_status"], first["code"]), (1, "T2N-R024"))
        self.assertIn("stride (2) multiple", first["text"])

    def test_a_delay_that_tract_states_wrongly(self):
        report, _ = export("down_and_up", "input:2", "--stream", "T=4")
        self.assertIn("T2N-L015", [one["code"] for one in report["diagnostics"]])

    def test_a_symbol_that_there_is_not(self):
        report, _ = export("causal", "x:2", "--stream", "S=4")
        self.assertEqual((report["exit_status"], report["diagnostics"][0]["code"]), (2, "T2N-U001"))


if __name__ == "__main__":
    TORCH2NNEF = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
