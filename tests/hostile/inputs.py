"""What a number makes: the input, the command line and the environment of one run."""
import dataclasses
import io
import pathlib
import re
import struct
import tarfile
import typing
import zipfile

import archives
import operators
import programs
import surroundings
import tricks_files
import tricks_models

TESTS = pathlib.Path(__file__).resolve().parent.parent
ESCAPES = ["\x1b]0;owned\x07", "\x1b[2J", "\u202e", "\x9b31m", "\r", "\udcff"]


@dataclasses.dataclass
class Case:
    what: str
    arguments: list
    program: str = "torch2nnef"
    environment: dict = dataclasses.field(default_factory=dict)
    limits: dict = dataclasses.field(default_factory=dict)
    sinks: typing.Dict[str, str] = dataclasses.field(default_factory=dict)
    at_start: typing.Optional[typing.Callable] = None
    wrapper: list = dataclasses.field(default_factory=list)
    may_replace: list = dataclasses.field(default_factory=list)


def edges(r):
    """Numbers at which readers go wrong."""
    bits = r.choice([7, 8, 15, 16, 31, 32, 33, 47, 63, 64])
    return r.choice([0, 1, 2, 255, (1 << bits) - 1, 1 << bits, (1 << bits) + 1, r.randrange(1 << 20)])


def damaged(r, data):
    """Bytes with a few faults of the kinds that disks, downloads and people make."""
    data = bytearray(data)
    for _ in range(r.choice([1, 1, 1, 2, 4, 16])):
        if not data:
            break
        at = r.randrange(len(data))
        kind = r.randrange(6)
        if kind == 0:
            data[at] ^= 1 << r.randrange(8)
        elif kind == 1:
            data[at] = r.randrange(256)
        elif kind == 2:
            del data[at:at + r.choice([1, 4, 64, len(data)])]
        elif kind == 3:
            data[at:at] = bytes(r.randrange(256) for _ in range(r.choice([1, 4, 64])))
        elif kind == 4:
            data[at:at + 4] = struct.pack("<I", edges(r) & 0xFFFFFFFF)
        else:
            other = r.randrange(len(data))
            data[at:at + 16] = data[other:other + 16]
    return bytes(data)


def seed_model(r):
    return r.choice(sorted((TESTS / "models").glob("*.pt")) + sorted((TESTS / "extend/scripts").glob("*.pt"))[:12] + sorted((TESTS / "baked").glob("*.pt"))[:8])


def check(r):
    return r.choice(["--check=none", "--check=reference", "--check=reference"])


def given(path):
    """Sample inputs of a model of the tests, or any."""
    for beside in (path.with_suffix(".inputs.npz"), path.with_suffix(".0.npz")):
        if beside.exists():
            return ["--inputs", str(beside)]
    return ["--input", ":f32:2,3"]


def damaged_file(r, work):
    model = seed_model(r)
    (work / "m.pt").write_bytes(damaged(r, model.read_bytes()))
    return Case("damaged file", ["m.pt", *given(model), check(r)])


def damaged_record(r, work):
    """One record of an archive, which is whole again with its right sum."""
    model = seed_model(r)
    with zipfile.ZipFile(model) as source:
        records = {n: source.read(n) for n in source.namelist()}
    name = r.choice([n for n in records if records[n]])
    records[name] = damaged(r, records[name])
    with zipfile.ZipFile(work / "m.pt", "w", r.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as target:
        for n, data in records.items():
            target.writestr(n, data)
    return Case("damaged record " + name.split("/", 1)[-1], ["m.pt", *given(model), check(r)])


def invented_tensor(r, work):
    rank = r.choice([0, 1, 1, 2, 3, 9, 70])
    sizes = [r.choice([0, 1, 2, 3, edges(r)]) for _ in range(rank)]
    strides = [r.choice([0, 1, 2, 4, -1, edges(r)]) for _ in range(rank if r.random() < 0.9 else rank + 1)]
    kind = r.choice(["Float", "Double", "Long", "Bool", "Half", "QInt8", "ComplexFloat", "Byte", "Nothing"])
    w = archives.tensor(sizes, strides, r.choice([0, 0, 1, edges(r), -edges(r)]), kind + "Storage", count=r.choice([0, 4, 16, edges(r)]))
    archives.archive(work / "m.pt", w=w, data={"0": bytes(r.randrange(256) for _ in range(r.choice([0, 1, 16, 64])))})
    return Case("invented tensor", ["m.pt", "--input", "x:f32:4", check(r)])


def invented_code(r, work):
    archives.archive(work / "m.pt", body=archives.body(r, edges), result="Any" if r.random() < 0.2 else "Tensor")
    shape = r.choice(["4", "2,4", "1,2,4,4", "0", "1,3,8"])
    dtype = r.choice(["f32", "f32", "i64", "bool", "f16"])
    return Case("invented code", ["m.pt", "--input", f"x:{dtype}:{shape}", check(r), *r.choice([[], ["--json"]])])


def invented_pickle(r, work):
    archives.archive(work / "m.pt", pickle=archives.random_pickle(r, edges))
    return Case("invented pickle", ["m.pt", "--input", "x:f32:4", check(r)])


def texts(r, work):
    text = r.choice(ESCAPES) + "x" * r.choice([0, 10, 5000])
    shown = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    body = r.choice(['    ops.prim.RaiseException("%s")\n    return x' % shown, '    print("%s")\n    return x' % shown, "    return torch.%s(x)" % ("a" * r.choice([3, 70000])),
                     "    return ops.%s.f(x)" % ("b" * r.choice([3, 70000]))])
    archives.archive(work / "m.pt", body=body, result="Tensor")
    return Case("texts", ["m.pt", "--input", "x:f32:4", check(r), *r.choice([[], ["--json"], ["--verbose"], ["--dump-after=record"]])])


def names(r, work):
    name = "m" + "".join(r.choice(ESCAPES + ["è", " ", "\n", "'", '"', "-", "="]) for _ in range(r.choice([1, 2, 8]))) + ".pt"
    raw = os_bytes(name)
    model = TESTS / "models/digits.pt"
    (work / raw.decode("utf-8", "surrogateescape")).write_bytes(model.read_bytes())
    return Case("names", [raw, "--inputs", str(model.with_suffix(".inputs.npz")), "-o", "out.nnef.tgz", "--check=none", *r.choice([[], ["--json"]])])


def os_bytes(name):
    return name.encode("utf-8", "surrogateescape")


def numpy_array(r, dtype=None, shape=None, header=None):
    dtype = dtype or r.choice(["<f4", "<f4", "<f8", "<u2", "<u8", ">f4", "|b1", "|O", "<c8", "<i8", "<U9", "|V2"])
    shape = shape if shape is not None else r.choice(["(2, 4)", "(4,)", "()", "(0, 4)", "(99999999999, 9999)", "(2, -4)", "(1048576, 4096)", "(2" * 2000 + ")", "(" + "1," * 100 + ")"])
    text = header or "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (dtype, r.choice(["False", "True", "Maybe"]), shape)
    data = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data) & 0xFFFF) + data + bytes(r.choice([0, 4, 8, 32, 64]))


def arrays(r, work):
    model = TESTS / "models/digits.pt"
    good = model.with_suffix(".inputs.npz").read_bytes()
    if r.random() < 0.4:
        (work / "in.npz").write_bytes(damaged(r, good))
    else:
        with zipfile.ZipFile(work / "in.npz", "w") as target:
            for _ in range(r.choice([1, 2, 5])):
                name = r.choice(["image", "input_0", "input_" + "9" * r.choice([1, 20, 5000]), "arr_" + str(edges(r)), "output_" + "1" * r.choice([1, 30000]), "", "../x", r.choice(ESCAPES[:4])])
                data = numpy_array(r)
                target.writestr(name + ".npy", data if r.random() < 0.7 else damaged(r, data))
    return Case("arrays", [str(model), "--inputs", "in.npz", "-o", "out.nnef.tgz", check(r)])


def arguments_file(r, work):
    """What torch.save would write for --inputs."""
    value = archives.tensor([2, 4], [4, 1], count=r.choice([8, 8, edges(r)]))
    pickle = b"\x80\x02" + r.choice([value, b"(" + value + b"t", b"](" + value + b"e", value + b"q\x01h\x01\x86", b"]q\x01(h\x01e"]) + b"."
    with zipfile.ZipFile(work / "in.pt", "w") as target:
        target.writestr("in/data.pkl", pickle if r.random() < 0.5 else damaged(r, pickle))
        target.writestr("in/data/0", bytes(r.choice([32, 32, 4])))
        target.writestr("in/version", b"3\n")
    return Case("arguments file", [str(TESTS / "models/digits.pt"), "--inputs", "in.pt", "-o", "out.nnef.tgz", check(r)])


FLAGS = ["--input", "--inputs", "--arg", "--dynamic-axes", "--symbol", "--output", "-o", "--target", "--compression", "--naming", "--fragments", "--plugin", "--module", "--method",
         "--state", "--max-iterations", "--check", "--tract", "--tolerance", "--debug-bundle", "--rerun-bundle", "--report", "--dump-after", "--explain", "--input-names", "--output-names",
         "--json", "--verbose", "--quiet", "--list-ops", "--version", "--help", "--nothing", "--warnings-as-errors", "--dry-run", "--comments"]


def value(r):
    word = r.choice(["", "x", "image:f32:4,1,8,8", "image:0=B", "image:0=B-5", "image:0=B/2", "image:0=2*B+1", "image:9=B", "image:0=" + "B+" * 300 + "B", "image:0=" + "(" * 5000, "B=2..4", "B=9..1",
                     "in.npz", "/", ".", "/dev/null", "/dev/full", "/proc/self/mem", "loop", "out.nnef.tgz", "out", "tract@0.23.9", "khronos", "natural", "io", "1e-3", "nan", "-1", str(edges(r)),
                     "a" * r.choice([300, 5000, 70000]), "x:f32:" + ",".join(["1"] * 300), "x:f32:99999999,99999999", "x:i64:4=randint(0,0)", "x:f32:4=" + "9" * 400, "%s%n%d", *ESCAPES])
    return os_bytes(word.replace("\0", ""))


def command_lines(r, work):
    (work / "loop").symlink_to("loop")
    words = [str(TESTS / "models/digits.pt")] * (r.random() < 0.9) + ["-o", "out.nnef.tgz"] * (r.random() < 0.5)
    for _ in range(r.choice([1, 1, 2, 3, 6])):
        words.append(r.choice(FLAGS))
        if r.random() < 0.8:
            words.append(value(r))
    if not any(w in words for w in ("--check", "--list-ops")):
        words.append("--check=none")
    return Case("command line", words if "-o" in words or "--output" in words else words + ["-o", "out.nnef.tgz"])


def environments(r, work):
    case = Case("environment", [str(surroundings.MODEL), *surroundings.INPUTS, "-o", "out.nnef.tgz", r.choice(["--check=none", "--check=reference", "--check=tract"]), *r.choice([[], ["-v"], ["--json"]])])
    for _ in range(r.choice([1, 1, 2])):
        kind = r.randrange(6)
        if kind == 0 and not case.wrapper:
            case.environment["TMPDIR"] = surroundings.temporary_folder(r, work)
        elif kind == 1:
            case.environment[r.choice(["HOME", "PATH", "TRACT", "TRACT_LIBRARY", "XDG_CACHE_HOME", "LANG", "LC_ALL", "OMP_NUM_THREADS", "PYTORCH_JIT", "MALLOC_ARENA_MAX"])] = r.choice(
                [None, "", "/nope", "x" * 5000, "99999", "-1", "/dev/zero", "/bin/false", "tr_TR.UTF-8"])
        elif kind == 2:
            case.sinks[r.choice(["stdout", "stderr"])] = "/dev/full"
        elif kind == 3:
            case.limits.update([surroundings.limits(r)])
        elif kind == 4:
            case.at_start = surroundings.at_start(r)
        elif "TMPDIR" not in case.environment:
            case.wrapper = surroundings.small_disk(r)
    if "TRACT" in case.environment or case.sinks or case.at_start:
        case.arguments = [a for a in case.arguments if a != "--json"]
    return case


def engines(r, work):
    return Case("engine", [str(surroundings.MODEL), *surroundings.INPUTS, "-o", "out.nnef.tgz", *surroundings.engine(r, work), *r.choice([[], ["-v"], ["--debug-bundle", "out_bundle.tgz"], ["--no-sandbox"]])])


def odd_files(r, work):
    surroundings.odd_file(r, work, "odd.pt" if r.random() < 0.5 else "odd.npz")
    if (work / "odd.pt").exists() or (work / "odd.pt").is_symlink():
        return Case("odd file", ["odd.pt", "--input", "x:f32:4", "-o", "out.nnef.tgz", "--check=none"])
    option = r.choice([["--inputs", "odd.npz"], ["--input", "image:f32:4,1,8,8=odd.npz"], ["--fragments", "odd.npz", *surroundings.INPUTS], ["--plugin", "odd.npz", *surroundings.INPUTS], ["--tract", "odd.npz", *surroundings.INPUTS],
                       ["--rerun-bundle", "odd.npz"]])
    if option[0] == "--rerun-bundle":
        return Case("odd file", option)
    return Case("odd file", [str(surroundings.MODEL), *option, "-o", "out.nnef.tgz", "--check=none" if option[0] != "--tract" else "--check=tract"])


def output_places(r, work):
    arguments, target = surroundings.places(r, work)
    return Case("place", arguments, may_replace=[target] if target in ("to_model", "same") and "-o" in arguments and arguments[arguments.index("-o") + 1] == target else [])


def exported_programs(r, work):
    programs.damaged_program(r, work / "m.pt2", edges, damaged)
    return Case("exported program", ["m.pt2", check(r), *r.choice([[], [], ["--json"], ["--input", ":f32:2,4"]])])


def operator_calls(r, work):
    archives.archive(work / "m.pt", body=operators.call(r, edges), result="Any")
    dtype = r.choice(["f32", "f32", "f32", "i64", "bool", "f16", "f64", "u8"])
    return Case("operator call", ["m.pt", "--input", f"x:{dtype}:{r.choice(['4', '2,4', '1,2,4,4', '0', '3,3'])}", check(r)])


def shuffled_code(r, work):
    """TorchScript whose words, lines and numbers change places: much of it can still be read."""
    model = seed_model(r)
    records = programs.records_of(model)
    name = r.choice([n for n in records if n.endswith(".py")])
    text = records[name].decode()
    for _ in range(r.choice([1, 1, 2, 3])):
        kind = r.randrange(4)
        lines = text.split("\n")
        at, other = r.randrange(len(lines)), r.randrange(len(lines))
        if kind == 0:
            lines[at], lines[other] = lines[other], lines[at]
            text = "\n".join(lines)
        elif kind == 1:
            text = "\n".join(lines[:at] + lines[at:at + 1] * r.choice([0, 2, 300]) + lines[at + 1:])
        else:
            pattern = r"-?\b\d+\b" if kind == 2 else r"\b[A-Za-z_][\w.]*"
            found = list(re.finditer(pattern, text))
            if not found:
                continue
            one, another = r.choice(found), r.choice(found)
            word = another.group() if kind == 3 or r.random() < 0.3 else str(r.choice([1, -1]) * min(edges(r), (1 << 63) - 1))
            text = text[:one.start()] + word + text[one.end():]
    records[name] = text.encode()
    programs.write(work / "m.pt", records)
    return Case("shuffled code", ["m.pt", *given(model), check(r)])


def deep_code(r, work):
    depth = r.choice([50, 150, 390, 500, 5000, 100000])
    forms = ["    return " + "(" * depth + "x" + ")" * depth, "    y = " + "[" * depth + "x" + "]" * depth + "\n    return x", "".join("  " * min(i, 300) + "    if True:\n" for i in range(min(depth, 300))) + "  " * 300 + "      pass\n    return x",
             "    return x" + "[0]" * depth, "    y = " + "(x, " * depth + "x" + ")" * depth + "\n    return x", "    return " + "x if True else " * depth + "x", "    return " + "not " * depth + "True",
             "    y : " + "List[" * depth + "int" + "]" * depth + " = []\n    return x", "    y : " + "Optional[" * depth + "int" + "]" * depth + " = None\n    return x", "    y = lambda: " * depth + "x", "    return " + "torch.add(x, " * depth + "x" + ")" * depth,
             "\n".join(f"    def f{i}(x):" for i in range(min(depth, 100))), "    return " + "x.y" * depth, "    return " + '"' + "a" * depth + '"', "    y = {" + '"a": {' * depth + "}" * depth + "}\n    return x", "    return " + "x < " * depth + "x",
             "    return " + "x and " * depth + "x", "    x = x; " * depth, "#" * depth + "\n    return x", "    return x" + " " * depth, "    return " + "-~" * depth + "1"]
    archives.archive(work / "m.pt", body=r.choice(forms), result=r.choice(["Tensor", "Any", "List[" * min(depth, 5000) + "Tensor" + "]" * min(depth, 5000)]) if r.random() < 0.3 else "Tensor")
    return Case("deep code", ["m.pt", "--input", "x:f32:4", "--check=none"])


def beside_the_model(r, work):
    """Sample inputs that nobody named: beside the model, or in it."""
    model = TESTS / "models/digits.pt"
    good = model.with_suffix(".inputs.npz").read_bytes()
    bad = r.choice([lambda: damaged(r, good), lambda: b"", lambda: b"PK\x05\x06" + bytes(18), lambda: archived_array(r)])()
    records = programs.records_of(model)
    folder = next(iter(records)).split("/")[0]
    if r.random() < 0.5:
        (work / "m.inputs.npz").write_bytes(bad)
    else:
        name = r.choice(["extra/inputs.npz", "extra/", "version", "byteorder", "constants.pkl", "traced_inputs.pkl", "data.pkl", "attributes.pkl", "code/__torch__.py.debug_pkl", ".data/serialization_id"])
        records[f"{folder}/{name}"] = r.choice([bad, b"", b"9" * 5000, b"\x80\x02]q\x00h\x00a.", b"-1", b"\xff" * 100])
    programs.write(work / "m.pt", records)
    return Case("beside the model", ["m.pt", "-o", "out.nnef.tgz", check(r), *r.choice([[], ["--input", "image:f32:4,1,8,8"]])])


def archived_array(r):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", r.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as target:
        target.writestr("image.npy", numpy_array(r))
    return stream.getvalue()


def bundles(r, work):
    """What --rerun-bundle is given: names that lead elsewhere, links, parts that are damaged."""
    with tarfile.open(work / "b.tgz", "w:gz") as target:
        for name in ["bundle/run.sh", "bundle/io.npz", "bundle/model.nnef.tgz", r.choice(["bundle/../../OWNED", "/tmp/OWNED-by-bundle", "bundle/a/../../../OWNED", "bundle/" + "d/" * 500 + "x", "bundle/run.sh", "OWNED"])]:
            info = tarfile.TarInfo(name)
            data = {"bundle/run.sh": b"tract model --approx " + r.choice([b"close", b"1e-3,1,2", b"nan", b""]) + b"\n", "bundle/io.npz": archived_array(r)}.get(name, b"mine")
            if r.random() < 0.2:
                info.type, info.linkname = r.choice([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]), r.choice(["/etc/passwd", "../../..", "/dev/zero"])
                target.addfile(info)
                continue
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    if r.random() < 0.4:
        (work / "b.tgz").write_bytes(damaged(r, (work / "b.tgz").read_bytes()))
    return Case("bundle", ["--rerun-bundle", "b.tgz"])


def nnef_archives(r, work):
    parts = {p.name: p.read_bytes() for p in sorted((TESTS / "fuzz/corpus/text").iterdir())}
    text = parts[r.choice(sorted(parts))].split(b"\n%%\n")[0]
    if r.random() < 0.3:
        text = text.replace(b"add", r.choice(["\x1b[2J", "\u202e", "(" * 3000, "[" * 100000, "add" * 20000]).encode())
    tensor = r.choice(sorted((TESTS / "fuzz/corpus/tensor").iterdir())).read_bytes()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=r.choice(["w", "w:gz"])) as target:
        for name, data in (("graph.nnef", text), (r.choice(["w.dat", "../w.dat", "/w.dat", "a/" * 60 + "w.dat"]), tensor)):
            info = tarfile.TarInfo(name)
            data = data if r.random() < 0.5 else damaged(r, data)
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    data = stream.getvalue()
    (work / "a.nnef.tgz").write_bytes(data if r.random() < 0.6 else damaged(r, data))
    program = r.choice(["nnef-check", "nnef-dump", "nnef-dump"])
    return Case("archive", ["a.nnef.tgz", *r.choice([[], ["--tensors"], ["--graph"]] if program == "nnef-dump" else [[], ["--target", "khronos"]])], program)


def fragments(r, work):
    text = b"extension torch2nnef_rows 1;\nfragment aten__relu(self: tensor<scalar>) -> (result: tensor<scalar>)\n{\n    result = max(self, 0.0);\n}\n"
    if r.random() < 0.3:
        text = text.replace(b"max(self, 0.0)", r.choice([b"(" * 50000, b"aten__relu(self)", b"self + " * 5000 + b"self", b"\x1b[2J", b"undefined(self)"]))
    (work / "f.nnef").write_bytes(text if r.random() < 0.4 else damaged(r, text))
    model = TESTS / "models/digits.pt"
    return Case("fragments", [str(model), "--inputs", str(model.with_suffix(".inputs.npz")), "--fragments", "f.nnef", "-o", "out.nnef.tgz", check(r)])


def other_files(r, work):
    begin = r.choice([b"", b"PK", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" + bytes(40), b"\x80\x02", b"\x1f\x8b\x08", b"version https://git-lfs", b"<html>", b"\x93NUMPY", b"ustar", bytes(1000), b"GGUF", b"\x89HDF", b"\x08\x08\x12"])
    (work / "m.pt").write_bytes(begin + bytes(r.randrange(256) for _ in range(r.choice([0, 1, 30, 600]))))
    return Case("other file", ["m.pt", "--input", "x:f32:4"])


def folders(r, work):
    out = work / "out"
    out.mkdir()
    for name in r.sample(["graph.nnef", "w.dat", "precious.txt", ".git", "graph.quant", "a.nnef"], r.choice([0, 1, 2, 4])):
        (out / name).write_text("mine")
    if r.random() < 0.2:
        (out / "link").symlink_to("/etc/passwd")
    model = TESTS / "models/digits.pt"
    return Case("folder", [str(model), "--inputs", str(model.with_suffix(".inputs.npz")), "-o", "out", "--check=none"])


def tricks_with_files(r, work):
    what, arguments = tricks_files.make(r, work)
    return Case(what, arguments if "-o" in arguments else [*arguments, check(r)])


def tricks_with_models(r, work):
    return Case(*tricks_models.make(r, work))


KINDS = [damaged_file, damaged_file, damaged_record, damaged_record, damaged_record, invented_tensor, invented_tensor, invented_code, invented_code, invented_pickle, texts, names, arrays, arrays, arguments_file,
         command_lines, command_lines, environments, environments, environments, nnef_archives, nnef_archives, fragments, other_files, folders, exported_programs, exported_programs, exported_programs, exported_programs,
         operator_calls, operator_calls, operator_calls, operator_calls, shuffled_code, shuffled_code, deep_code, beside_the_model, bundles, odd_files, output_places, engines,
         *[tricks_with_files] * 6, *[tricks_with_models] * 6]


def make(r, work):
    return r.choice(KINDS)(r, work)
