"""TorchScript archives from their parts, so that each part can be wrong by itself."""
import struct
import zipfile


def text(value):
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + struct.pack("<Q", value & (1 << 64) - 1)


def items(*parts):
    return b"(" + b"".join(parts) + b"t"


def name(module, word):
    return b"c" + module.encode() + b"\n" + word.encode() + b"\n"


def tensor(sizes, strides, offset=0, kind="FloatStorage", key="0", count=4):
    storage = items(text("storage"), name("torch", kind), text(key), text("cpu"), integer(count)) + b"Q"
    return name("torch._utils", "_rebuild_tensor_v2") + items(storage, integer(offset), items(*map(integer, sizes)), items(*map(integer, strides)), b"\x89",
                                                              name("collections", "OrderedDict") + b")R") + b"R"


CODE = """class M(Module):
  __parameters__ = ["w", ]
  __buffers__ = []
  w : Tensor
  training : bool
  def forward(self: __torch__.M,
    x: Tensor) -> %s:
%s
"""


def archive(path, body="    return torch.add(x, self.w)", w=None, data=None, result="Tensor", pickle=None):
    w = tensor([4], [1]) if w is None else w
    pickle = pickle or b"\x80\x02" + name("__torch__", "M") + b")\x81}(" + text("w") + w + text("training") + b"\x89ub."
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("m/data.pkl", pickle)
        target.writestr("m/code/__torch__.py", (CODE % (result, body)).encode("utf-8", "surrogatepass"))
        for key, value in ({"0": struct.pack("<4f", 0, 1, 2, 3)} if data is None else data).items():
            target.writestr("m/data/" + key, value)
        target.writestr("m/constants.pkl", b"\x80\x02).")
        target.writestr("m/version", b"3\n")


# Operators with arguments that kernels may not look at; {n} are numbers, {t} tensors.
CALLS = ["torch.select({t}, {n}, {n})", "torch.slice({t}, {n}, {n}, {n}, {n})", "torch.narrow({t}, {n}, {n}, {n})", "torch.view({t}, [{n}, {n}])", "torch.reshape({t}, [{n}, {n}])",
         "torch.expand({t}, [{n}, {n}])", "torch.as_strided({t}, [{n}, {n}], [{n}, {n}], {n})", "torch.repeat({t}, [{n}, {n}])", "torch.index_select({t}, {n}, torch.tensor([{n}]))",
         "torch.gather({t}, {n}, torch.tensor([[{n}]]))", "torch.constant_pad_nd({t}, [{n}, {n}], 0)", "torch.conv2d({t}, {t}, None, [{n}, {n}], [{n}, {n}], [{n}, {n}], {n})",
         "torch.max_pool2d({t}, [{n}, {n}], [{n}, {n}], [{n}, {n}], [{n}, {n}], True)", "torch.avg_pool2d({t}, [{n}, {n}], [{n}, {n}], [{n}, {n}], False, True, None)", "torch.pixel_shuffle({t}, {n})",
         "torch.roll({t}, [{n}], [{n}])", "torch.cumsum({t}, {n})", "torch.topk({t}, {n}, {n})[0]", "torch.unfold({t}, {n}, {n}, {n})", "torch.upsample_nearest2d({t}, [{n}, {n}], None)",
         "torch.zeros([{n}, {n}])", "torch.arange({n}, {n}, {n})", "torch.linspace({n}, {n}, {n})", "torch.eye({n})", "torch.full([{n}], {n})", "torch.one_hot(torch.to({t}, 4), {n})",
         "torch.embedding({t}, torch.tensor([{n}]))", "torch.softmax({t}, {n})", "torch.matmul({t}, {t})", "torch.div({t}, {n})", "torch.remainder({t}, {n})", "torch.floor_divide({t}, {n})",
         "torch.bitwise_left_shift(torch.to({t}, 4), {n})", "torch.tril({t}, {n})", "torch.diagonal({t}, {n}, {n}, {n})", "torch.layer_norm({t}, [{n}], None, None)", "torch.group_norm({t}, {n}, None, None)",
         "torch.stack([{t}] , {n})", "torch.cat([{t}, {t}], {n})", "torch.split({t}, {n}, {n})[0]", "torch.chunk({t}, {n}, {n})[0]", "torch.permute({t}, [{n}, {n}])", "torch.flip({t}, [{n}])",
         "torch.sum({t}, [{n}, {n}])", "torch.var({t}, [{n}], True)", "torch.sort({t}, {n})[0]", "torch.nonzero({t})", "torch.masked_select({t}, torch.gt({t}, 0))", "torch.sparse_coo_tensor([{n}, {n}])",
         "torch.fft_rfft({t}, {n}, {n})", "torch.stft({t}, {n}, {n}, {n}, None, False, True, True)", "torch.save({t}, \"OWNED.pt\")", "torch.to({t}, {n})", "torch.quantize_per_tensor({t}, 0., {n}, 13)",
         "torch.pow({t}, {n})", "torch.cdist({t}, {t})", "torch.grid_sampler({t}, {t}, {n}, {n}, True)", "torch.channel_shuffle({t}, {n})", "torch.unsqueeze({t}, {n})", "torch.squeeze({t}, {n})"]
STATEMENTS = ["    y = {t}\n    for i in range({n}):\n      y = torch.add(y, x)\n    return y", "    n = torch.remainder({n}, {n})\n    return torch.add(x, n)", "    n = torch.floordiv({n}, {n})\n    return torch.add(x, n)",
              "    l = annotate(List[Any], [])\n    _0 = torch.append(l, l)\n    return l", "    y = [x]\n    return y[{n}]", "    y = {{\"a\": x}}\n    return y[\"b\"]", "    return torch.add(x, self.v)",
              "    return " + "torch.neg(" * 90 + "x" + ")" * 90, "    return " + "torch.neg(" * 9000 + "x" + ")" * 9000, "    return " + "-" * 3000 + "x", "    return x" + " + x" * 3000, "    return x" + ".T" * 3000,
              "    _0 = torch.add_(self.w, {n})\n    return x", "    return self.forward(x)", "    assert False, \"{n}\"\n    return x", "    return torch.tensor([" + "[" * 300 + "1" + "]" * 300 + "])"]


def body(r, edges):
    def number():
        return str(r.choice([0, 1, 1, 2, 3, 4, -1, -2, r.choice([1, -1]) * min(edges(r), (1 << 63) - 1)]))

    def fill(pattern, depth=0):
        while "{n}" in pattern:
            pattern = pattern.replace("{n}", number(), 1)
        while "{t}" in pattern:
            inner = "x" if depth > 2 or r.random() < 0.6 else "self.w" if r.random() < 0.5 else fill(r.choice(CALLS), depth + 1)
            pattern = pattern.replace("{t}", inner, 1)
        return pattern
    return fill(r.choice(STATEMENTS)).replace("{{", "{").replace("}}", "}") if r.random() < 0.25 else "    return " + fill(r.choice(CALLS))


def random_pickle(r, edges):
    """Instructions in any order."""
    parts = [b"(", b"t", b")", b"]", b"}", b"e", b"u", b"s", b"R", b"b", b"Q", b"\x81", b"\x85", b"\x86", b"\x87", b"l", b"d", b"N", b"\x88", b"0", b"a"]
    out = b"\x80\x02"
    for _ in range(r.choice([1, 5, 50, 500])):
        out += r.choice([r.choice(parts), r.choice(parts), integer(edges(r) % (1 << 63)), text(r.choice(["storage", "0", "w", "cpu", "List[" * 500])), name("torch", r.choice(["FloatStorage", "device", "x"])),
                         name("__torch__", "M"), name("torch._utils", "_rebuild_tensor_v2"), name("torch.jit._pickle", r.choice(["build_intlist", "restore_type_tag", "build_tensor_from_id"])),
                         b"q" + bytes([r.randrange(4)]), b"h" + bytes([r.randrange(4)]), b"r" + struct.pack("<I", edges(r) & 0xFFFFFFFF), b"j" + struct.pack("<I", edges(r) & 0xFFFFFFFF), tensor([2], [1])])
    deep = b"\x80\x02" + b"(" * 5000 + b"t" * 5000 + b"."
    circle = b"\x80\x02" + name("__torch__", "M") + b")\x81}(" + text("w") + b"]q\x01(h\x01e" + text("training") + b"\x89ub."
    return r.choice([out + b".", out, deep, circle])
