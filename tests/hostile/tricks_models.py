"""Tricks with what files mean: code, graphs, texts that grow when they are read, and command lines."""
import io
import json
import pathlib
import tarfile

import archives
import programs

TESTS = pathlib.Path(__file__).resolve().parent.parent
DIGITS = TESTS / "models/digits.pt"
SAMPLE = DIGITS.with_suffix(".inputs.npz")
MODEL = ["m.pt", "--input", "x:f32:4", "-o", "out.nnef.tgz"]
GOOD = [str(DIGITS), "--inputs", str(SAMPLE), "-o", "out.nnef.tgz"]
PROGRAM = ["m.pt2", "-o", "out.nnef.tgz"]


def coded(work, body, result="Tensor", more="", **parts):
    """`more`: methods before forward, or classes before the module's."""
    archives.archive(work / "m.pt", body=body, result=result, **parts)
    if not more:
        return MODEL
    records = programs.records_of(work / "m.pt")
    code = records["m/code/__torch__.py"].decode()
    records["m/code/__torch__.py"] = (code.replace("  def forward", more + "  def forward") if more.startswith("  def") else more + code).encode("utf-8", "surrogatepass")
    programs.write(work / "m.pt", records)
    return MODEL


# --- code ---

def calls_in_a_circle(r, work):
    more = "  def f(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return (self).%s(x, )\n" % r.choice(["f", "g", "forward"])
    more += "  def g(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return (self).f(x, )\n"
    return coded(work, "    return (self).f(x, )", more=more)


def endless_loops(r, work):
    return coded(work, r.choice(["    b = True\n    while b:\n      b = True\n    return x", "    b = True\n    y = x\n    while b:\n      y = torch.add(y, x)\n    return y", "    l = annotate(List[int], [])\n    b = True\n    while b:\n      _0 = torch.append(l, 1)\n    return x",
                                 "    n = 0\n    for i in range(9223372036854775807):\n      n = torch.add(n, i)\n    return torch.add(x, n)", "    s = \"a\"\n    for i in range(60):\n      s = torch.add(s, s)\n    return x",
                                 "    l = [1]\n    for i in range(60):\n      l = torch.add(l, l)\n    return x", "    y = x\n    for i in range(60):\n      y = torch.cat([y, y])\n    return y"]))


def multiplied(r, work):
    n = r.choice(["9223372036854775807", "1099511627776", "-1", "4294967296"])
    return coded(work, r.choice([f"    l = torch.mul([1], {n})\n    return x", f"    l = torch.mul([x], {n})\n    return torch.stack(l)", f"    s = torch.mul(\"ab\", {n})\n    return x", f"    return torch.repeat(x, [{n}])", f"    return torch.clone(torch.expand(torch.ones([1]), [{n}]))",
                                 f"    return torch.zeros([{n}])", f"    return torch.sum(torch.expand(x, [{n}, 4]))", f"    return torch.arange({n})", f"    return torch.embedding(torch.zeros([2, 2]), torch.zeros([{n}], dtype=4))"]))


def many_axes(r, work):
    rank = r.choice([17, 64, 65, 300, 2000])
    ones = ", ".join(["1"] * rank)
    return coded(work, r.choice([f"    return torch.zeros([{ones}])", f"    return torch.view(x, [4, {ones}])", "    y = x\n" + "    y = torch.unsqueeze(y, 0)\n" * rank + "    return y", f"    return torch.expand(torch.zeros([]), [{ones}])",
                                 f"    return torch.permute(torch.view(x, [4, {ones}]), [{', '.join(map(str, range(rank, -1, -1)))}])", f"    return torch.sum(torch.view(x, [4, {ones}]), [{', '.join(map(str, range(rank)))}])"]))


def many_results(r, work):
    count = r.choice([100, 3000])
    return coded(work, r.choice(["    return (" + "x, " * count + ")", "    return (" + "torch.neg(x), " * count + ")", "    return {" + ", ".join(f'"k{i}": x' for i in range(count)) + "}", '    return {"\x1b[2J": x, "": x, "a b": x}', "    return [x] if False else annotate(List[Tensor], [])",
                                 '    return "\x1b[2J"', "    return None", "    return (1, 2., True, None)", "    return torch.append([x], x)", "    return torch.complex(x, x)", "    return torch.to_sparse(x)"]), "Any")


def many_arguments(r, work):
    count = r.choice([200, 2000])
    names = [r.choice(["a", "è", "output", "input_", "x_next", "é\u0301", "graph"]) + str(i) for i in range(count)]
    coded(work, "    return x")
    records = programs.records_of(work / "m.pt")
    code = records["m/code/__torch__.py"].decode().replace("x: Tensor)", "x: Tensor,\n    " + ",\n    ".join(f"{n}: {r.choice(['Tensor', 'int=3', 'Optional[Tensor]=None', 'Tensor'])}" for n in names) + ")")
    records["m/code/__torch__.py"] = code.encode()
    programs.write(work / "m.pt", records)
    return MODEL + [word for _ in range(min(count, 300)) for word in ("--input", ":f32:1")]


def code_at_loading(r, work):
    """What runs before anybody asks for forward."""
    name = r.choice(["__setstate__", "__getstate__", "get_all_bundled_inputs", "__init__", "__len__"])
    body = r.choice(["    b = True\n    while b:\n      b = True\n    return None", "    _0 = torch.save(torch.ones([1]), \"OWNED\")\n    return None", "    ops.prim.RaiseException(\"no\")\n    return None", "    return (self).%s(%s)" % (name, "state, " if name == "__setstate__" else ""),
                     "    self.w = torch.zeros([1099511627776])\n    return None"])
    state = ",\n    state: Any" if name == "__setstate__" else ""
    return coded(work, "    return x", more=f"  def {name}(self: __torch__.M{state}) -> Any:\n{body}\n")


def classes(r, work):
    more = r.choice(["class C(Module):\n  __parameters__ = []\n  __buffers__ = []\n  c : __torch__.C\n", "class C(Enum):\n  a : int = 1\n  a : int = 2\n", "class C(NamedTuple):\n  a : int\n  a : Tensor\n", "class C(Interface):\n  def f(self: __torch__.C) -> __torch__.D:\n    pass\n",
                     "class C(object):\n  a : int\n  def __init__(self: __torch__.C) -> None:\n    self.a = 1\n    self.b = 2\n", "class M(Module):\n  x : int\n", "class C(" + "A" * 60000 + "):\n  a : int\n", "".join(f"class C{i}(Module):\n  c : __torch__.C{i + 1}\n" for i in range(400)),
                     "import __torch__\n" * 300, "op_version_set = 99999999999999999999\n", "op_version_set = 1\n" * 100, "from __future__ import *\n"])
    return coded(work, "    return x", more=more)


def bodies_of_lists(r, work):
    return coded(work, r.choice(["    l = [x]\n    _0 = torch.append(l, l[0])\n    return l[-9223372036854775808]", "    l = [x]\n    del l[5]\n    return l[0]", "    d = {1: x}\n    for k in d:\n      _0 = torch._set_item(d, k, x)\n    return d[1]", "    l = [[x]]\n    _0 = torch.append(l, l[0])\n    _1 = torch.append(l[0], x)\n    return l[1][1]",
                                 "    a, b, c, = [x]\n    return a", "    l = torch.slice([1, 2, 3], -9223372036854775808, 9223372036854775807, 0)\n    return x", "    l = [3, 1]\n    _0 = torch.sort(l)\n    return torch.view(x, l)", "    t = (x, )\n    return t[4]",
                                 "    return torch.view(x, [torch.__range_length(0, 9223372036854775807, 1)])", "    s = torch.format(\"{}{}{}\", x)\n    return x", "    s = torch.format(\"{\" , 1)\n    return x", "    n = int(\"9\")\n    return torch.add(x, n)", "    n = torch.ord(\"\")\n    return x",
                                 "    s = torch.join(\"\", [\"a\"])\n    return torch.add(x, torch.len(s))", "    n = torch.floordiv(-9223372036854775808, -1)\n    return torch.add(x, n)", "    n = torch.pow(10, 400)\n    return torch.add(x, n)", "    n = torch.__lshift__(1, 200)\n    return torch.add(x, n)", "    n = int(inf)\n    return torch.add(x, n)"]))


def tables_of_sources(r, work):
    """Where the code is from, as the archive says."""
    records = programs.records_of(DIGITS)
    for name in [n for n in records if n.endswith(".debug_pkl")]:
        data = records[name]
        records[name] = r.choice([b"", b"\x80\x02].", data[:len(data) // 2], data.replace(b"torch", b"\x1b[2Jx"), b"\x80\x02" + b"(" * 3000 + b"t" * 3000 + b".", bytes(r.randrange(256) for _ in data), data.replace(b"K", b"J\xff\xff\xff"), data * 2])
    programs.write(work / "m.pt", records)
    return ["m.pt", *GOOD[1:]]


# --- exported programs ---

def program(work, change, source="dynamic.pt2"):
    records = programs.records_of(programs.PROGRAMS / source)
    name = next(n for n in records if n.endswith("models/model.json"))
    document = json.loads(records[name])
    text = change(document)
    records[name] = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text or json.dumps(document).encode()
    programs.write(work / "m.pt2", records)
    return PROGRAM


def sizes_in(document, text):
    for value in document["graph_module"]["graph"]["tensor_values"].values():
        for size in value["sizes"]:
            if "as_expr" in size:
                size["as_expr"]["expr_str"] = text


def expressions_that_grow(r, work):
    s = "Symbol('s77', positive=True, integer=True)"
    power = f"Add({s}, Integer(1))"
    for _ in range(r.choice([5, 12, 30])):
        power = r.choice([f"Mul({power}, Add({s}, Integer(3)))", f"Pow({power}, Integer(2))" if len(power) < 4000 else power, f"FloorDiv({power}, Integer(2))", f"Max({power}, {s})", f"Mod({power}, Integer(7))"])
    sums = "Pow(Add(" + ", ".join(f"Symbol('s{i}', integer=True)" for i in range(40)) + "), Integer(%d))" % r.choice([3, 9, 1000000])
    return program(work, lambda d: sizes_in(d, r.choice([power, sums, f"Pow({s}, Integer(9223372036854775807))", f"Pow(Integer(-1), {s})", "Add(" + ", ".join([s] * 20000) + ")", f"Mul({', '.join([f'Add({s}, Integer(1))'] * 64)})", f"FloorDiv({s}, Add({s}, Mul(Integer(-1), {s})))"])))


def bounds(r, work):
    def change(document):
        low, high = r.choice([(5, 2), (0, 0), (-5, -2), (1, 1 << 63), (None, None), (2, -1), (1 << 62, (1 << 62) + 1), ("2", "int_oo"), (3.5, 4.5)])
        document["range_constraints"] = {r.choice(["s77", "s78", "", "\x1b[2J"]): {"min_val": low, "max_val": high}}
    return program(work, change)


def texts_of_json(r, work):
    def change(document):
        good = json.dumps(document)
        return r.choice([good.replace('"x"', '"\\u0000x"'), good.replace("7,", "7e400,"), good.replace('"hint"', '"expr_str"'), good.encode("utf-16"), "\ufeff" + good, good[:-1] + ',"graph_module":{}}', good.replace("null", "NaN"), good.replace("false", "flase"), good + good, good.replace('"x"', '"\\ud800"'),
                         good.replace(":", ":" + " " * 5000), good.replace("4", "4" * 400), good.replace("{", "{" * 500, 1), good.replace('"aten": 10', '"aten": -1'), "// " + good, good.replace('"name"', '"n\\u0061me"')])
    return program(work, change)


def names_of_values(r, work):
    def change(document):
        text = json.dumps(document)
        old = r.choice(["linear", "relu", "p_w", "x", "fc.weight"])
        return text.replace(f'"{old}"', json.dumps(r.choice(["\x1b[2J", "a" * 70000, "../../OWNED", "", "x", "output", "s77", "if", "\u202e", "external", "a b", "%s%n", "graph.nnef"])))
    return program(work, change)


def signatures(r, work):
    def change(document):
        signature = document["graph_module"]["signature"]
        kind = r.randrange(6)
        if kind == 0:
            signature["input_specs"] *= 2
        elif kind == 1:
            signature["input_specs"][0] = {"buffer": {"arg": {"name": "nowhere"}, "buffer_name": "\x1b[2J", "persistent": True}}
        elif kind == 2:
            signature["output_specs"] = [{"buffer_mutation": {"arg": {"name": "relu"}, "buffer_name": "fc.weight"}}]
        elif kind == 3:
            signature["output_specs"] = [{"user_input_mutation": {"arg": {"name": "relu"}, "user_input_name": "y"}}]
        elif kind == 4:
            signature["output_specs"] = [{"loss_output": {"arg": {"name": "relu"}}}, {"gradient_to_parameter": {"arg": {"name": "x"}, "parameter_name": "fc.weight"}}]
        else:
            signature["input_specs"].reverse()
    return program(work, change)


def trees(r, work):
    def change(document):
        leaf = {"type": None, "context": None, "children_spec": []}
        deep = leaf
        for _ in range(r.choice([3, 400])):
            deep = {"type": "builtins.list", "context": "null", "children_spec": [deep]}
        wide = {"type": "builtins.dict", "context": json.dumps(["a"] * 50), "children_spec": [leaf] * 40}
        other = {"type": r.choice(["os.system", "collections.namedtuple", "\x1b[2J", "torch.Tensor"]), "context": r.choice(["touch OWNED", "[", "{}", None]), "children_spec": [leaf]}
        document["graph_module"]["module_call_graph"][0]["signature"][r.choice(["in_spec", "out_spec"])] = r.choice(["[1, " + json.dumps(r.choice([deep, wide, other])) + "]", "[", "[2, {}]", "", "[1, [1, [1]]]", "null"])
    return program(work, change, r.choice(["dynamic.pt2", "trees.pt2"]))


def graphs_within_graphs(r, work):
    """Bodies that hold themselves, loops that do not end."""
    source = r.choice(["branch.pt2", "loop.pt2", "scan.pt2"])

    def change(document):
        text = json.dumps(document)
        kind = r.randrange(4)
        if kind == 0:
            return text.replace('"lt"', '"ge"').replace("aten.lt", "aten.ge").replace("aten.gt", "aten.ne")
        found = [p for p in programs.places(document, []) if p[1] == "as_graph"]
        for container, key in found:
            if kind == 1:
                container[key]["graph"]["nodes"] = json.loads(json.dumps(document["graph_module"]["graph"]["nodes"][:1])) * 3
            elif kind == 2:
                container[key]["graph"]["outputs"] = container[key]["graph"]["outputs"] * 2
            else:
                container[key]["graph"]["inputs"] = []
        return json.dumps(document) if len(text) < 1 << 20 else text
    return program(work, change, source)


def weights_elsewhere(r, work):
    records = programs.records_of(programs.PROGRAMS / "dynamic.pt2")
    name = next(n for n in records if n.endswith("model_weights_config.json"))
    config = json.loads(records[name])
    for container, key in programs.places(config, []):
        if key == "path_name":
            container[key] = r.choice(["../../../../etc/passwd", "/etc/passwd", "weight_0", "", "weight_" + "9" * 400, "..", "\x00"])
        elif key in ("sizes", "strides") and r.random() < 0.5 and isinstance(container[key], list):
            container[key] = r.choice([[{"as_int": -1}], [{"as_int": 1 << 40}] * 2, [], [{"as_int": 0}] * 70, [{"as_expr": {"expr_str": "s77"}}]])
        elif key == "dtype" and r.random() < 0.4:
            container[key] = r.choice([0, 99, -1, "float", 12, 20])
        elif key == "storage_offset":
            container[key] = {"as_int": r.choice([0, 5, -1, 1 << 62])}
    records[name] = json.dumps(config).encode()
    programs.write(work / "m.pt2", records)
    return PROGRAM


# --- NNEF ---

HEAD = "version 1.0;\n\nextension tract_registry tract_core;\n\n"


def tarred(work, parts, mode="w:gz", change=None):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=tarfile.PAX_FORMAT) as target:
        for name, data in parts:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if change:
                change(info)
            target.addfile(info, io.BytesIO(data))
    (work / "a.nnef.tgz").write_bytes(stream.getvalue())
    return ["a.nnef.tgz"]


def fragments_that_double(r, work):
    """2 to the 40 operations in 40 lines."""
    lines = ["fragment f0(x: tensor<scalar>) -> (y: tensor<scalar>)\n{\n    y = x + 1.0;\n}\n"]
    lines += [f"fragment f{i}(x: tensor<scalar>) -> (y: tensor<scalar>)\n{{\n    a = f{i - 1}(x);\n    y = f{i - 1}(a);\n}}\n" for i in range(1, 41)]
    body = "".join(lines)
    if r.random() < 0.5:
        (work / "f.nnef").write_text("extension torch2nnef_rows 1;\n" + body + "fragment aten__relu(self: tensor<scalar>) -> (result: tensor<scalar>)\n{\n    result = f40(self);\n}\n")
        return [*GOOD, "--fragments", "f.nnef"], "torch2nnef"
    text = "version 1.0;\n\n" + body + "graph g(x) -> (y)\n{\n    x = external<scalar>(shape = [4]);\n    y = f40(x);\n}\n"
    return tarred(work, [("graph.nnef", text.encode())]), r.choice(["nnef-check", "nnef-dump"])


def graphs_of_text(r, work):
    body = r.choice(["y = x;", "y = y;", "y = add(x, z);\n    z = y;", "x = add(x, x);", "y = variable<scalar>(label = '../../etc/passwd', shape = [1]);", "y = variable<scalar>(label = 'w', shape = [9223372036854775807, 2]);", "y = add(x, " + "9" * 5000 + ".0);", "y = add(x, 1e99999);", "y = add(x, -1e-99999);",
                     "y = [" * 500 + "x" + "]" * 500 + ";", "y = reshape(x, shape = [" + "1," * 5000 + "4]);", "y = transpose(x, axes = [0, 0, 99, -1]);", "y = conv(x, x);", "y = matmul(x, x);", "y = slice(x, axes = [0], begin = [9223372036854775807], end = [-9223372036854775808]);",
                     "y = pad(x, padding = [(0, 9223372036854775807)]);", "y = tile(x, repeats = [4611686018427387904]);", "y = concat([x, x], axis = 70);", "y = tract_core_gather(x, x);", "y = \u202eadd(x, x);", "y = split(x, axis = 0, ratios = [0, 0]);", "(y, y) = add(x, x);", "y = x + " * 30000 + "x;",
                     "y = add(x, x);\n" * 50000])
    text = HEAD + "graph g(x) -> (y)\n{\n    x = external<scalar>(shape = [%s]);\n    %s\n}\n" % (r.choice(["4", "S", "2, 2", "0", "-1", "1" * 30, "S*S*S*S"]), body)
    return tarred(work, [("graph.nnef", text.encode())]), r.choice(["nnef-check", "nnef-dump"])


def heads_of_text(r, work):
    head = r.choice(["version 1.0;\n" * 1000, "version 99999999999999999999.0;\n", "extension tract_symbol " + "S" * 60000 + ";\n", "".join(f"extension tract_symbol S{i};\n" for i in range(20000)), "extension tract_assert " + "(" * 20000 + ";\n", "extension tract_assert S/0 > 1;\n", "\ufeffversion 1.0;\n", "version 1.0;\r\n",
                     "extension tract_assert " + "S*" * 3000 + "S > 0;\n", "extension tract_assert (S+1)*(S+2)*(T+3)*(T+4)*(U+5)*(U+6)*(V+7)*(V+8)*(W+9)*(W+1)*(X+2)*(X+3) > 0;\n", "#" * 70000 + "\n", "\x00version 1.0;\n", "extension KHR_enable_fragment_definitions, KHR_enable_fragment_definitions;\n"])
    text = head + "graph g(x) -> (y)\n{\n    x = external<scalar>(shape = [4]);\n    y = x + 1.0;\n}\n"
    return tarred(work, [("graph.nnef", text.encode("utf-8"))]), r.choice(["nnef-check", "nnef-dump"])


GRAPH = b"version 1.0;\n\ngraph g(x) -> (y)\n{\n    x = external<scalar>(shape = [4]);\n    w = variable<scalar>(label = 'w', shape = [4]);\n    y = x + w;\n}\n"


def members_of_archives(r, work):
    def change(info):
        kind = r.randrange(6)
        if kind == 0:
            info.pax_headers = r.choice([{"size": "99999999999999"}, {"path": "../../OWNED"}, {"path": "a" * 70000}, {"GNU.sparse.size": "9" * 30}, {"": ""}, {"linkpath": "/etc/passwd"}])
        elif kind == 1:
            info.type, info.linkname = r.choice([tarfile.SYMTYPE, tarfile.LNKTYPE]), r.choice(["/etc/passwd", "graph.nnef", "w.dat"])
            info.size = 0
        elif kind == 2:
            info.type = r.choice([tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"Z", b"\x00"])
        elif kind == 3:
            info.name = r.choice(["/graph.nnef", "./graph.nnef", "x/" * 2000 + "graph.nnef", "graph.nnef/", "GRAPH.NNEF", "\x1b[2J"])
        elif kind == 4:
            info.mtime, info.uid, info.mode = r.choice([1 << 40, 0]), r.choice([1 << 31, 0]), 0o7777
    return tarred(work, [("graph.nnef", GRAPH), ("w.dat", b"N\xef\x01\x00" + bytes(140)), ("graph.nnef", GRAPH)], r.choice(["w", "w:gz"]), change), r.choice(["nnef-check", "nnef-dump"])


def packed_streams(r, work):
    """gzip: bombs, members one behind the other, damage behind the end."""
    import gzip
    tarred(work, [("graph.nnef", GRAPH)], "w")
    data = (work / "a.nnef.tgz").read_bytes()
    packed = r.choice([lambda: gzip.compress(data[:512]) + gzip.compress(data[512:]), lambda: gzip.compress(data) + b"garbage" * 9, lambda: gzip.compress(gzip.compress(data)), lambda: gzip.compress(data)[:-4], lambda: gzip.compress(data)[:-8] + bytes(8),
                       lambda: gzip.compress(data[:1024] + bytes(1 << 28)), lambda: b"\x1f\x8b\x08\x1c" + bytes(6) + b"\xff\xff" + b"a" * 70000, lambda: data + gzip.compress(data)])()
    (work / "a.nnef.tgz").write_bytes(packed)
    return ["a.nnef.tgz"], r.choice(["nnef-check", "nnef-dump"])


# --- command lines ---

def axes_that_grow(r, work):
    expression = r.choice(["*".join(["(S+1)"] * 40), "(A+B+C+D)*" * 9 + "1", "/".join(["(S+7)"] * 40), "9223372036854775807*S", "S*9223372036854775807*9223372036854775807", "-9223372036854775808", "S/0", "min(" * 40 + "S" + ",2)" * 40, "S" + "+S" * 20000, "(((((((S-1)/2+1)-1)/2+1)-1)/2+1)*7-S)/3"])
    return [*GOOD, "--dynamic-axes", "image:0=" + expression, *r.choice([[], ["--symbol", "S=1..9223372036854775807"], ["--symbol", "S=9223372036854775807..9223372036854775807"], ["--symbol", "S=0..0"]])]


def patterns(r, work):
    pattern = r.choice(["(a+)+$", "(.*)*(.*)*(.*)*x", "[", "(" * 3000, "a{99999}{99999}", "\\", "*", "(?=.*)*", "((((((((((a{2}){2}){2}){2}){2}){2}){2}){2}){2}){2}", "[[:alpha:]]{1000000}", ".*" * 300 + "x"])
    return [*GOOD, r.choice(["--keep-f32", "--quantize"]), r.choice([pattern, pattern + "=f16", "f16=" + pattern, "q40:" + pattern]), *r.choice([[], ["--cast=f16"]])]


def very_many_flags(r, work):
    word = r.choice([["--symbol", "S=2..4"], ["--input", "image:f32:4,1,8,8"], ["--inputs", str(SAMPLE)], ["--fragments", "/dev/null"], ["--dynamic-axes", "image:0=B"], ["-v"], ["--output-names", ","], ["--arg", "1"]])
    return [*GOOD, *(word * r.choice([50, 3000])), "--check=none"]


def numbers_of_flags(r, work):
    flag = r.choice(["--max-operations", "--max-iterations", "--timeout", "--tolerance", "--seed", "--compression", "--symbol", "--stream", "--jobs", "--color"])
    return [*GOOD, flag, r.choice(["0", "-0", "1e400", "-1e-400", "0x7f", "९", "1_000", " 1", "1 ", "+1", "9" * 400, "nan", "inf", "-inf", "1,5", "S=1e3..2", "S=3", "S=" + "9" * 30, "image:0"]), "--check=none"]


def tables_beside(r, work):
    """Values of --input and --inputs of sizes and names that nobody has."""
    sizes = r.choice(["1," * 64 + "1", "0,0,0,0", "4,1,8," + "8" * 19, "4294967296,4294967296", "4,1,8,8,", ",", "4;1;8;8", "4,1,8,-8", "4,1,8,0x8"])
    dtype = r.choice(["f32", "c64", "q8", "i4", "bool", "u64", "str", "F32", "f32\x1b[2J"])
    return [str(DIGITS), "--input", f"{r.choice(['image', '', 'input_18446744073709551616', 'self', 'image_0'])}:{dtype}:{sizes}" + r.choice(["", "=zeros", "=randint(-9223372036854775808,9223372036854775807)", "=randint(0,1e9)", "=" + str(SAMPLE), "=.", "=image.npy"]), "-o", "out.nnef.tgz", "--check=none"]


TRICKS = [calls_in_a_circle, endless_loops, multiplied, many_axes, many_results, many_arguments, code_at_loading, classes, bodies_of_lists, tables_of_sources, expressions_that_grow, bounds, texts_of_json, names_of_values, signatures,
          trees, graphs_within_graphs, weights_elsewhere, fragments_that_double, graphs_of_text, heads_of_text, members_of_archives, packed_streams, axes_that_grow, patterns, very_many_flags, numbers_of_flags, tables_beside]


def make(r, work):
    """The name of a trick, its command line and the program."""
    trick = r.choice(TRICKS)
    made = trick(r, work)
    arguments, program_ = made if isinstance(made, tuple) else (made, "torch2nnef")
    if program_ == "torch2nnef" and not any(a.startswith("--check") for a in arguments):
        arguments = [*arguments, r.choice(["--check=none", "--check=reference"])]
    return trick.__name__.replace("_", " "), arguments, program_
