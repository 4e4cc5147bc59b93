#!/usr/bin/env python3
"""Makes the seeds of tests/fuzz/corpus: small inputs of every kind. Files that a fuzzer found are kept beside them."""
import gzip
import io
import pathlib
import struct
import tarfile
import zipfile

corpus = pathlib.Path(__file__).parent / "corpus"


def tensor(code, bits, shape, data, vendor=0):
    dims = list(shape) + [0] * (8 - len(shape))
    head = b"\x4e\xef\x01\x00" + struct.pack("<II8IIHH", len(data), len(shape), *dims, bits, code, vendor)
    return head + bytes(128 - len(head)) + data


TENSORS = {
    "f32": tensor(0, 32, (2, 3), struct.pack("<6f", 1, -2, 0.5, float("inf"), float("nan"), 0)),
    "f16_rank_0": tensor(0, 16, (), b"\x00\x3c"),
    "f64_empty": tensor(0, 64, (2, 0), b""),
    "u4": tensor(1, 4, (3,), b"\x1f\x80"),
    "i12_quantised": tensor(3, 12, (2,), b"\x7f\xf8\x00"),
    "i64": tensor(4, 64, (1, 1), struct.pack("<q", -(2**63))),
    "bits": tensor(5, 1, (9,), b"\xaa\x80"),
    "q4_0": tensor(0x3040, 0xFFFFFFFF, (2, 32), bytes(range(36)), 0x5452),
}

HEAD = "version 1.0;\nextension tract_registry tract_core;\nextension tract_symbol S;\n"
GRAPH = "graph net(x) -> (y)\n{\n  x = tract_core_external(shape = [S, 3], datum_type = 'f32');\n"
TEXTS = {
    "flat": HEAD + GRAPH + "  w = variable(shape = [2, 3], label = 'w');\n  m, v = moments(x, axes = [1]);\n  y = add(m, v);\n}\n",
    "expressions": HEAD
    + "fragment f<? = scalar>(a: tensor<?>, k: (integer, integer)[] = [(1, 2)], c: logical = true) -> (b: tensor<?>)\n"
    "{ b = a * 2.0 if c && !false else concat([for i in range_of(k), p in k if i > 0 yield a], axis = 0); }\n"
    + GRAPH
    + "  s = shape_of(x);\n  y = f<scalar>(-x, c = length_of(s) == 2) + [1.0, 2.0][0] ^ 2.0;\n}\n",
    "scan": HEAD
    + "fragment cell(a: tensor<scalar>, h: tensor<scalar>) -> (n: tensor<scalar>) { n = a + h; }\n"
    + GRAPH
    + "  h = slice(x, axes = [1], begin = [0], end = [1]);\n  y = tract_core_scan(body = 'cell', scan = [('a', x, 1, 1)], "
    "full = [], state = [('h', h, 'n')], output = [('n', 'full', 1, 1)], skip = 0, reset_every_turn = false);\n}\n",
    "sizes": HEAD
    + GRAPH
    + "  s = tract_core_shape_of(x);\n  d = squeeze(slice(s, axes = [0], begin = [1], end = [2]), axes = [0]);\n"
    "  k = tract_core_cast(floor(div(tract_core_cast(d, to = 'f32'), 2.0)), to = 'i64');\n"
    "  y = tile(x, repeats = [mul(d, 2), k]);\n}\n",
    "quant": HEAD
    + "fragment tract_core_properties() -> (p: (string, tensor<scalar>)[]) { p = [('a', 'b'), ('n', [1, 2])]; }\n"
    + GRAPH
    + "  y = relu(x);\n}\n\n%%\n'y': linear_quantize(bits = 8, max = 1.0, min = -1.0);\n"
    "\"x\": zero_point_linear_quantize(zero_point = 0, scale = 0.1, bits = 8, signed = true, symmetric = false);\n",
    "short_forms": HEAD + GRAPH + "  w = [[0.5, 1.0, 2.0]];\n  i\"odd name\" = mul(x, w);\n  y = softmax(i\"odd name\", 1);\n  y = y;\n}\n",
    "khronos": "# khronos\nversion 1.0;\nextension KHR_enable_operator_expressions;\ngraph net(x) -> (y)\n{\n"
    "  x = external<scalar>(shape = [1, 3, 8, 8]);\n  w = variable(shape = [2, 3], label = 'w');\n"
    "  i = variable<integer>(shape = [4], label = 'i');\n  c = cast<scalar>(i);\n"
    "  p = max_pool(x, size = [1, 1, 2, 2], border = 'ignore', padding = [(0, 0), (0, 0), (0, 0), (0, 0)], "
    "stride = [1, 1, 2, 2]);\n  y = pad(p, padding = [(0, 0), (0, 0), (1, 1), (1, 1)], border = 'reflect-even');\n}\n",
    "windows": HEAD
    + "graph net(x) -> (y)\n{\n  x = tract_core_external(shape = [1, 2, 8], datum_type = 'f32');\n"
    "  k = tract_core_cast([[[0.5, 1.0], [2.0, 3.0]]], to = 'f32');\n"
    "  c = conv(x, k, 0.5, padding = [(0, 1)], stride = [2], dilation = [1], groups = 1);\n"
    "  d = deconv(x, [[[1.0], [2.0]]], padding = [], stride = [2]);\n  y = avg_pool(c, size = [1, 1, 2]);\n}\n",
    "errors": HEAD + GRAPH + "  a = exp(x;\n  b = no_such(x);\n  $\n  c = exp(b); y = add(x, 2) + 'z';\n}\n",
}


def tar(entries):
    stream = io.BytesIO()  # entries end on blocks of 512 bytes, the file with two empty ones
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data, kind in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.type = kind
            info.linkname = "graph.nnef" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            archive.addfile(info, io.BytesIO(data))
    data = stream.getvalue().rstrip(b"\0")
    return data + bytes(-len(data) % 512 + 1024)


FILE = tarfile.REGTYPE
NET = [("graph.nnef", TEXTS["flat"].encode(), FILE), ("w.dat", TENSORS["f32"], FILE)]
ARCHIVES = {
    "tar": tar(NET),
    "tgz": gzip.compress(tar(NET), mtime=0),
    "folders": tar([("./", b"", tarfile.DIRTYPE), ("./a/graph.nnef", b"x", FILE), ("./.hidden", b"x", FILE)]),
    "link": tar(NET + [("b.dat", b"", tarfile.SYMTYPE)]),
    "leaves": tar([("../graph.nnef", b"x", FILE)]),
    "twice": tar(NET + NET),
    "quant": gzip.compress(tar(NET + [("graph.quant", b"'y': linear_quantize(bits = 8, max = 1.0, min = -1.0);", FILE)]), mtime=0),
    "empty": b"",
    "bomb": gzip.compress(tar([("graph.nnef", bytes(1 << 21), FILE)]), mtime=0),
}



def zipped(entries, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def npy(text, data):
    text = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


ARRAY = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", bytes(24))
ZIPS = {
    "stored": zipped([("m/data.pkl", b"\x80\x02)."), ("m/data/0", bytes(16))]),
    "deflated": zipped([("a", b"x" * 300), ("b/", b"")], zipfile.ZIP_DEFLATED),
    "empty": zipped([]),
    "cut": zipped([("a", b"x" * 30)])[:-5],
}
ARRAYS = {
    "one": zipped([("x.npy", ARRAY)]),
    "kinds": zipped([("a.npy", npy("{'descr': '|b1', 'fortran_order': True, 'shape': (2, 2), }", b"\0\1\2\3")),
                     ("b.npy", npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", bytes(8)))]),
    "header_only": zipped([("x.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9999, 9999), }", b""))]),
}


def pickled_tensor(kind, size, stride, count):
    storage = b"(X\x07\0\0\0storagectorch\n%sStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK%ctQ" % (kind, count)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(%sK\0(K%ct(K%ct\x89ccollections\nOrderedDict\n)RtR" % (storage, size, stride)


MODULE = b"\x80\x02c__torch__\nM\n)\x81}(X\x01\0\0\0w%sX\x08\0\0\0training\x89ub."
PICKLES = {
    "module": MODULE % pickled_tensor(b"Float", 4, 1, 4),
    "beyond": MODULE % pickled_tensor(b"Bool", 4, 2, 4),
    "lists": b"\x80\x02(ctorch.jit._pickle\nbuild_intlist\n](K\1K\2e\x85Rq\0h\0G?\xf0\0\0\0\0\0\0t.",
    "typed": b"\x80\x02ctorch.jit._pickle\nrestore_type_tag\n}X\x0e\0\0\0Dict[str, int]\x86R.",
    "circle": MODULE % b"]q\1(h\1e",
    "source": b"class M(Module):\n  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return torch.neg((x + -x) if True else x)\n",
}
FRAGMENTS = {
    "relu": b"extension torch2nnef_rows 1;\n\nfragment aten__relu(self: tensor<scalar>) -> (y: tensor<scalar>)\n{\n    y = max(self, 0.0);\n}\n",
    "module": b"extension torch2nnef_rows 1;\nfragment module__Gate(x: tensor<scalar>, weight: tensor<scalar>, scale: scalar = 1.0) -> (y: tensor<scalar>)\n"
    b"{\n    y = x * weight * scale if rank_of(x) > 1 else sigmoid(x);\n}\n",
    "errors": b"extension torch2nnef_rows 1;\nfragment aten__f(self: tensor<scalar>) -> (y: tensor<scalar>) { y = no_such(; }\n",
}
COMMANDS = {
    "export": b"model.pt\n--input\nx:f32:1,3\n-o\nout.nnef.tgz\n--check=none",
    "axes": b"/dev/null\n--dynamic-axes\nx:0=2*S+1\n--symbol\nS=2..64\n--input\nx:i64:3=randint(0,9)",
    "wrong": b"--inptu\n--explain=\n--compression\n99\n-q\n-v\n--target=tract@9.9",
    "asks": b"--list-ops\n--fragments\n/dev/null",
}

PROGRAMS = {
    "srepr": "Add(Mul(Integer(2), Symbol('s77', positive=True, integer=True)), FloorDiv(Symbol('s0', integer=True), Integer(2)))",
    "guard": "(L['p'][1][0].size()[0] % 2) == 0 and torch.sym_max(1, L['x'].size()[1] // 2) <= 64 or not 2**3 != 8",
    "float": "TruncToInt(FloatTrueDiv(ToFloat(Symbol('s0', integer=True)), Float('2.5', precision=53)))",
}
for name in ("linear", "branch", "trees", "scan"):
    with zipfile.ZipFile(corpus.parent.parent / f"exported_program/{name}.pt2") as archive:
        PROGRAMS[f"{name}.json"] = archive.read("model/models/model.json")
with zipfile.ZipFile(corpus.parent.parent / "exported_program/legacy.pt2") as archive:
    PROGRAMS["legacy.json"] = archive.read("serialized_exported_program.json")

for kind, inputs in (("program", PROGRAMS), ("tensor", TENSORS), ("text", TEXTS), ("archive", ARCHIVES), ("zip", ZIPS), ("npz", ARRAYS), ("pickle", PICKLES), ("fragments", FRAGMENTS), ("command", COMMANDS)):
    for name, data in inputs.items():
        path = corpus / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
