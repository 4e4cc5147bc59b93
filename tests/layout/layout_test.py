"""The rooms of the source tree: who may include whom, what must not be in which room, how large files and classes are.

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
    ("export/torchscript/", "export/lower/claims.h"): "a front end reports the claims that no module met",
    ("export/exported_program/", "export/lower/claims.h"): "as above",
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

# A class that needs more is two: its members have names that end in "_", its methods are defined in its room.
MOST_MEMBERS = 15
MOST_FILES = 2
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)
CLASS = re.compile(r"(?<!enum )\b(?:class|struct)\s+(?:[A-Z0-9_]+\s+)?(\w+)\s*(?:final\s*)?(?::(?!:)[^;{}()]*)?\{")
MEMBER = re.compile(r"\b[a-z]\w*_\b(?!\s*\()")
METHOD = re.compile(r"^(?![\s#])[^;{}()\n]*\b([A-Z]\w+)::~?\w+\(", re.M)


def room_of(path):
    """The room of a path below src, such as "export/record/slot.h"."""
    parts = path.split("/")
    if parts[0] != "export":
        return parts[0]
    if len(parts) > 2:
        return "/".join(parts[:2])
    return "export/data" if parts[1].split(".")[0] in DATA else "export/driver"


# Each of these folders has a README of at most a page, and what it names is there. Names are in backticks; one in the
# first column of a table is a file or folder of this folder, with or without its ending.
READMES = ["src/nnef", "src/quant", "src/export", "tests", "bench", "tools"]
PAGE = 60
PATH = re.compile(r"`((?:[\w.*-]+/)+[\w.*-]*|[\w.*-]+\.(?:h|cc|def|md|py|txt|nnef))`")
OF_THE_USER = re.compile(r"^build/|^graph\.nnef$|\b[A-Z]+\.\w")  # what is built or written, and ID.quirk
FIRST_COLUMN = re.compile(r"^\| ([^|]*`[^|]*) \|", re.M)


def without_comments(text):
    """The code alone, on the same lines: strings and characters are empty."""
    return NOT_CODE.sub(lambda found: "\n" * found[0].count("\n"), text)


def members_of_classes(code):
    """(line, name, number of data members) of each class; what nested braces hold is not counted."""
    for found in CLASS.finditer(code):
        depth, at, own = 1, found.end(), []
        while depth and at < len(code):
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            own.append(code[at] if depth == 1 else "")
            at += 1
        yield code.count("\n", 0, found.start()) + 1, found[1], len(set(MEMBER.findall("".join(own))))


class Check:
    def __init__(self, source):
        self.source = source
        self.problems = []
        self.used = set()
        self.files_of_class = collections.defaultdict(set)

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
        self.check_classes(path, file.suffix, without_comments(text))

    def check_classes(self, path, suffix, code):
        for line, name, members in members_of_classes(code):
            if members > MOST_MEMBERS:
                self.problem(path, line, f"{name} has {members} data members; a class has at most {MOST_MEMBERS}")
        for name in set(METHOD.findall(code)) if suffix == ".cc" else ():
            files = self.files_of_class[path.rpartition("/")[0], name]
            files.add(path)
            if len(files) == MOST_FILES + 1:
                self.problem(path, 1, f"{name} has methods in {sorted(files)}; a class is in at most {MOST_FILES} files")

    def check_readme(self, folder):
        readme = self.source / folder / "README.md"
        if not readme.is_file():
            return self.problems.append(f"{folder} has no README.md")
        text = readme.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > PAGE:
            self.problems.append(f"{folder}/README.md has {lines} lines; a page has {PAGE}")
        named = {name for name in PATH.findall(text) if not OF_THE_USER.search(name)}
        for row in FIRST_COLUMN.findall(text):
            for names in re.findall(r"`([\w .*/-]+)`", row):
                named.update(names.split())
        for name in sorted(named):
            places = [self.source / folder, self.source, self.source / "src"]
            globs = [place.glob(name + ending) for place in places for ending in ("", ".*")]
            if "." in name and "/" not in name:
                globs.append((self.source / folder).rglob(name))  # named in the row of its folder
            if not any(any(found) for found in globs):
                self.problems.append(f"{folder}/README.md names {name}, which is not there")
        for inner in sorted(path.name for path in (self.source / folder).iterdir() if path.is_dir()):
            if not re.search(rf"`(?:[^`\n]* )?{inner}\b", text) and any((self.source / folder / inner).glob("*.*")):
                self.problems.append(f"{folder}/README.md does not name the folder {inner}")
        return None

    def run(self):
        for folder in READMES:
            self.check_readme(folder)
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
        return [key for table in (INCLUDES_ALLOWED, LONG_FILES) for key in table
                if key not in self.used]


# A file each that breaks one rule, and a part of the problem that must be found in it; "" when others break it with it.
BROKEN = {
    "export/record/k.cc": ("void f(const torch::jit::Node* node);\n", "node of a front end"),
    "nnef/a.cc": ("#include <torch/script.h>\n", "no header of torch"),
    "nnef/b.cc": ('#include "export/request.h"\n', "lies above it"),
    "quant/c.cc": ('#include "export/tape/tape.h"\n', "lies above it"),
    "export/verify/d.cc": ('#include "export/ops/e.h"\n', "none of its business"),
    "export/tape/f.cc": ('#include "export/export.h"\n', "lies above it"),
    "export/lower/g.cc": ('#include "export/new_room/h.h"\n', "not a room"),
    "export/sizes/i.cc": ("\n" * 501, "at most 500"),
    "export/sizes/j.cc": ("class Wide {\n void f() { g(); }\n int " + ", ".join(f"m{i}_ = 0" for i in range(16)) + ";\n};\n",
                          "16 data members"),
    "export/sizes/l1.cc": ("void Long::f() {}\n", ""),
    "export/sizes/l2.cc": ("int Long::g(int x) const {\n", ""),
    "export/sizes/l3.cc": ("Long::Long(int x) : x_(x) {}\n", "at most 2 files"),
}

BROKEN_READMES = {
    "src/nnef": "Start with `gone/file.h`, then `quant/c.cc`.\n",
    "src/quant": "\n" * 61,
    "tests": "| folder |\n| --- |\n| `gone` | why? |\n| `README` | this |\n",
}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder)
        for header in ("export/request.h", "export/export.h", "export/tape/tape.h", "export/ops/e.h", "export/new_room/h.h"):
            (source / "src" / header).parent.mkdir(parents=True, exist_ok=True)
            (source / "src" / header).touch()
        for path, (text, _) in BROKEN.items():
            (source / "src" / path).parent.mkdir(parents=True, exist_ok=True)
            (source / "src" / path).write_text(text, encoding="utf-8")
        (source / "tools/unnamed").mkdir(parents=True)
        (source / "tools/unnamed/file.py").touch()
        for folder in READMES:
            (source / folder).mkdir(parents=True, exist_ok=True)
            inner = "".join(f"`{path.name}` " for path in (source / folder).iterdir() if path.name != "unnamed")
            (source / folder / "README.md").write_text(inner + BROKEN_READMES.get(folder, "\n"), encoding="utf-8")
        problems = Check(source).run()
    bugs = {path: part for path, (_, part) in BROKEN.items() if part}
    bugs.update({"src/nnef/README.md": "names gone/", "src/quant/README.md": "61 lines", "tests/README.md": "names gone",
                 "tools/README.md": "name the folder unnamed"})
    missed = [path for path, part in bugs.items() if not any(path in p and part in p for p in problems)]
    return [f"the bug in {path} is not found" for path in missed] + ([] if len(problems) == len(bugs) else problems)


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
