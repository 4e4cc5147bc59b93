"""Real reports against tools/report.schema.json: of exports, refusals, failed checks and mistyped command lines.

    schema_test.py TORCH2NNEF SOURCE_FOLDER [--rebase]

Every member of a report is declared, and none that was ever declared (report_members.txt) is gone; --rebase adds new ones
to that list.
"""
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import jsonschema

TORCH2NNEF = pathlib.Path(sys.argv[1]).resolve()
SOURCE = pathlib.Path(sys.argv[2]).resolve()
SCHEMA = json.loads((SOURCE / "tools/report.schema.json").read_text())
MEMBERS = SOURCE / "tests/report/report_members.txt"
MODELS, FILES = SOURCE / "tests/models", SOURCE / "tests/golden/files"


def strict(schema):
    """The schema without room for members that it does not name."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        result.setdefault("additionalProperties", False)
    return result


def members(schema, path=""):
    """Paths of all members that a schema names: "check.outputs[].name"."""
    for name, below in schema.get("properties", {}).items():
        yield f"{path}{name}"
        yield from members(below, f"{path}{name}.")
    if isinstance(schema.get("items"), dict):
        yield from members(schema["items"], path.removesuffix(".") + "[].")


def report(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FILES, folder, dirs_exist_ok=True)
        run = subprocess.run([TORCH2NNEF, *arguments, "--json"], cwd=folder, capture_output=True, text=True, timeout=300)
    result = json.loads(run.stdout)
    assert result["exit_status"] == run.returncode, (result["exit_status"], run.returncode)
    return result


class Schema(unittest.TestCase):
    def check(self, status, *arguments):
        with tempfile.TemporaryDirectory() as folder:  # nothing is left beside the models
            made = report(*arguments, *(["-o", pathlib.Path(folder) / "model.nnef.tgz"] if status == 0 else []))
        self.assertEqual(made["exit_status"], status, made)
        jsonschema.Draft202012Validator(strict(SCHEMA)).validate(made)
        return made

    def test_schema_is_one(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_exports(self):
        inputs = MODELS / "sizes_in_the_graph.inputs.npz"
        made = self.check(0, MODELS / "sizes_in_the_graph.pt", "--inputs", inputs, "--dynamic-axes", "x:1=S", "--symbol",
                          "S=2..64", "--dump-after=lower")
        self.assertTrue(made["check"]["outputs"] and made["symbols"] and made["dump"])
        made = self.check(0, MODELS / "digits.pt", "--dynamic-axes", "image:0=B", "--check=none")
        self.assertEqual(made["batch"]["form"], "scan")
        stored = [MODELS / "stored_weights.pt", "--inputs", MODELS / "stored_weights.inputs.npz"]
        made = self.check(0, *stored, "--quantize", "q4_0", "--calibrate")
        layers = [one["output"] for one in made["weights"] if "output" in one]
        self.assertTrue(layers and all(one["error"] < one["plain_error"] for one in layers))
        made = self.check(0, *stored, "--cast", "f16")
        self.assertGreater(made["half_precision"]["operations"], 0)
        self.check(0, "codes/notes.pt", "--input", "x:f32:4,3", "--check=none")

    def test_refusals(self):
        self.check(1, "unsupported.pt", "--input", "x:f32:3,3")
        self.check(1, "text.pt")
        self.check(2, "text.pt", "--chek")
        self.check(2, "codes/double.pt")

    def test_failed_checks(self):
        for engine in ("engine_that_fails", "engine_that_is_wrong"):
            made = self.check(3, "codes/double.pt", "--input", "x:f32:2,3=ones", "--tract", f"codes/{engine}")
            self.assertTrue(made["diagnostics"])
            self.assertFalse(made["check"]["agrees"])
            self.assertIn("divergence", made["check"])

    def test_wrong_reports_are_found(self):
        made = report("codes/double.pt", "--input", "x:f32:2,3", "--check=none")
        for damage in (lambda r: r.pop("check"), lambda r: r.update(exit_status="0"), lambda r: r.update(more=1),
                       lambda r: r["inputs"][0].pop("shape"), lambda r: r.update(format=2)):
            wrong = copy.deepcopy(made)
            damage(wrong)
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.Draft202012Validator(strict(SCHEMA)).validate(wrong)

    def test_members_are_only_added(self):
        declared, known = set(members(SCHEMA)), set(MEMBERS.read_text().split())
        self.assertEqual(known - declared, set(), "gone from the schema")
        self.assertEqual(declared - known, set(), "not in report_members.txt: --rebase")


if __name__ == "__main__":
    if "--rebase" in sys.argv:
        MEMBERS.write_text("".join(f"{one}\n" for one in sorted(set(MEMBERS.read_text().split() if MEMBERS.exists() else []) | set(members(SCHEMA)))))
        sys.exit(0)
    unittest.main(argv=sys.argv[:1])
