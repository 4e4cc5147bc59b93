"""The rooms of the source tree: who may include whom, and what must not be in which room.

  layout_test.py SOURCE_FOLDER
  layout_test.py --self-test      every rule, on a tree that breaks it

Rooms are listed from the bottom up; a file includes what lies below its room, or next to it. Exceptions are listed with
their reason; one that nothing needs any more is printed, to be taken out.
"""

import collections
import pathlib
import re
import sys
import tempfile

# Rooms of one line are on one level.
ROOMS = [
    ["nnef"],
    ["quant"],
    ["export/tape", "export/data"],  # export/data: the headers of plain data in src/export itself
    ["export/operators"],
    ["export/sizes"],
    ["export/record"],
    ["export/load"],
    ["export/torchscript", "export/exported_program"],
    ["export/lower"],
    ["export/ops"],
    ["export/modules", "export/simplify", "export/weights"],
    ["export/report", "export/verify"],
    ["export/driver"],
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}

# Files of src/export itself that hold data; the others there are the driver.
DATA = {"diagnostics", "divergence", "outcome", "request", "torch_compat", "version", "codes"}

# Although they are lower, these rooms have no business with the others.
APART = {
    "export/report": {"export/ops", "export/record", "export/torchscript", "export/exported_program", "export/load"},
    "export/verify": {"export/ops", "export/torchscript", "export/exported_program", "export/load"},
    "export/lower": {"export/torchscript", "export/exported_program", "export/load", "export/record"},
    "export/ops": {"export/torchscript", "export/exported_program", "export/load", "export/record"},
}

WITHOUT_TORCH = {"nnef", "quant"}
TORCH = re.compile(r"(torch|ATen|c10|caffe2)/|export/torch_compat\.h")

# (from, to) -> why; a folder ends in "/".
INCLUDES_ALLOWED = {
    ("export/lower/registry.cc", "export/ops/families.def"): "the list of what registers itself, not code",
    ("export/torchscript/", "export/lower/lowering.h"): "the registry says which modules an extractor claims",
    ("export/exported_program/", "export/lower/lowering.h"): "the registry says which operators of the user's it lowers",
    ("export/lower/", "export/ops/number_types/promote.h"): "promotion is next to the other rules of number types",
    ("export/lower/", "export/ops/number_types/bfloat16.h"): "as above",
    ("export/lower/", "export/ops/number_types/quantised.h"): "as above",
    ("export/verify/coarser_outputs.cc", "export/ops/number_types/bfloat16.h"): "as above",
}

NODE = re.compile(r"\bjit::Node\b|\bNode\s*\*")

LONGEST = 500
LONG_FILES = {
    "src/export/operators/operators.def": "a row per operator, searched by name",
    "src/nnef/text/parser.cc": "one recursive descent over one grammar",
    "src/export/ops/elementwise/comparison.nnef": "rows: a list, searched by name",
    "src/export/ops/elementwise/elementwise.nnef": "rows: a list, searched by name",
}

# Names of aten operators stand in operators/operators.def, in the lowerings and in the kernels of compatibility
# operators. Three in a row elsewhere are a list that will drift from these.
NAMES_ROOMS = ("export/operators", "export/ops", "export/load")
NAMES = re.compile(r'(?:"aten::[\w.]+"[\s,{}]*){3,}')
LISTS_ALLOWED = {}


def room_of(path):
    """The room of a path below src, such as "export/record/slot.h"."""
    parts = path.split("/")
    if parts[0] != "export":
        return parts[0]
    if len(parts) > 2:
        return "/".join(parts[:2])
    return "export/data" if parts[1].split(".")[0] in DATA else "export/driver"


class Check:
    def __init__(self, source):
        self.source = source
        self.problems = []
        self.used = set()

    def problem(self, path, line, text):
        self.problems.append(f"src/{path}:{line}: {text}")

    def allowed(self, table, path, target=None):
        """Whether the table excuses the file, by itself or by its folder."""
        for key in table:
            file = key if target is None else key[0]
            if target is not None and key[1] != target:
                continue
            if path == file or (file.endswith("/") and path.startswith(file)):
                self.used.add(key)
                return True
        return False

    def check_include(self, path, line, target):
        room = room_of(path)
        if room in WITHOUT_TORCH and TORCH.match(target):
            return self.problem(path, line, f"{room} includes no header of torch, but this includes {target}")
        if not (self.source / "src" / target).is_file():
            return None
        below = room_of(target)
        if below not in LEVEL or room not in LEVEL:
            return self.problem(path, line, f"{below if room in LEVEL else room} is not a room that layout_test.py knows")
        runs_up = LEVEL[below] > LEVEL[room]
        if not (runs_up or below in APART.get(room, ())):
            return None
        if self.allowed(INCLUDES_ALLOWED, path, target):
            return None
        why = "lies above it" if runs_up else "is none of its business"
        return self.problem(path, line, f"{room} includes {target}, but {below} {why}")

    def check_file(self, file):
        path = file.relative_to(self.source / "src").as_posix()
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        if len(lines) > LONGEST and not self.allowed(LONG_FILES, f"src/{path}"):
            self.problem(path, len(lines), f"{len(lines)} lines; a file has at most {LONGEST}")
        if file.suffix == ".nnef":
            return
        for number, line in enumerate(lines, 1):
            include = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if include:
                self.check_include(path, number, include[1])
            if path.startswith("export/record/") and NODE.search(line):
                self.problem(path, number, "record/ knows no node of a front end, but this names one")
        if not path.startswith(NAMES_ROOMS) and file.suffix != ".def":
            for found in NAMES.finditer(text):
                if not self.allowed(LISTS_ALLOWED, path):
                    number = text.count("\n", 0, found.start()) + 1
                    self.problem(path, number, "a list of aten operators outside of operators/operators.def")

    def run(self):
        counts = collections.Counter()
        for file in sorted((self.source / "src").rglob("*")):
            if file.suffix in {".cc", ".h", ".def", ".nnef"}:
                self.check_file(file)
                counts[file.suffix] += 1
        if not counts[".cc"]:
            self.problems.append(f"there are no sources below {self.source / 'src'}")
        return self.problems

    def unused(self):
        """The exceptions that nothing needs any more."""
        return [key for table in (INCLUDES_ALLOWED, LONG_FILES, LISTS_ALLOWED) for key in table
                if key not in self.used]


# A file each that breaks one rule, and a part of the problem that must be found in it.
BROKEN = {
    "export/record/k.cc": ("void f(const torch::jit::Node* node);\n", "node of a front end"),
    "nnef/a.cc": ("#include <torch/script.h>\n", "no header of torch"),
    "nnef/b.cc": ('#include "export/request.h"\n', "lies above it"),
    "quant/c.cc": ('#include "export/tape/tape.h"\n', "lies above it"),
    "export/verify/d.cc": ('#include "export/ops/e.h"\n', "none of its business"),
    "export/tape/f.cc": ('#include "export/export.h"\n', "lies above it"),
    "export/lower/g.cc": ('#include "export/new_room/h.h"\n', "not a room"),
    "export/sizes/i.cc": ("\n" * 501, "at most 500"),
    "export/sizes/j.cc": ('f({"aten::add", "aten::sub",\n "aten::mul"});\n', "list of aten operators"),
}


def self_test():
    # Without the exceptions that the tree of today needs.
    LISTS_ALLOWED.clear()
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder)
        for header in ("export/request.h", "export/export.h", "export/tape/tape.h", "export/ops/e.h", "export/new_room/h.h"):
            (source / "src" / header).parent.mkdir(parents=True, exist_ok=True)
            (source / "src" / header).touch()
        for path, (text, _) in BROKEN.items():
            (source / "src" / path).parent.mkdir(parents=True, exist_ok=True)
            (source / "src" / path).write_text(text, encoding="utf-8")
        problems = Check(source).run()
    missed = [path for path, (_, part) in BROKEN.items() if not any(path in p and part in p for p in problems)]
    return [f"the bug in {path} is not found" for path in missed] + ([] if len(problems) == len(BROKEN) else problems)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--self-test":
        problems = self_test()
        print("\n".join(problems) or "every rule finds its bug")
        sys.exit(1 if problems else 0)
    check = Check(pathlib.Path(sys.argv[1]))
    problems = check.run()
    for key in check.unused():
        print(f"no longer needed, to be taken out of layout_test.py: {key}")
    print("\n".join(problems) or "every file is where it may be")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
