"""Calls of every operator that libtorch has, with arguments that its kernels may not look at."""
import functools
import re

SHAPES = ["[0]", "[1]", "[4]", "[2, 3]", "[1, 2, 4, 4]", "[2, 0, 3]", "[3, 3]", "[1, 1, 1, 1, 1]", "[]"]


@functools.lru_cache(None)
def schemas():
    import torch  # Debian's: of the release that the program is linked with

    def is_called(schema):
        texts = [str(a.type) for a in schema.arguments]
        return schema.name.startswith(("aten::", "quantized::")) and "out" not in schema.overload_name and "Tensor" in " ".join(texts) and not any(re.search("Generator|Stream|Future|Await|__torch__|^t$|^t\\[", t) for t in texts)
    return [s for s in sorted(torch._C._jit_get_all_schemas(), key=str) if is_called(s)]


def number(r, edges):
    return r.choice([0, 1, 1, 2, 3, 4, -1, -2, r.choice([1, -1]) * min(edges(r), (1 << 63) - 1)])


def tensor(r, edges):
    """A tensor as an expression: of odd sizes, dtypes, values and strides."""
    shape = r.choice(SHAPES)
    value = r.choice([lambda: "x", lambda: "self.w", lambda: f"torch.ones({shape})", lambda: f"torch.full({shape}, {number(r, edges)}, dtype=4)", lambda: f"torch.full({shape}, {r.choice(['inf', 'nan', '-1.', '1e38'])})",
                      lambda: f"torch.zeros({shape}, dtype=11)", lambda: f"torch.ones({shape}, dtype={r.choice([0, 1, 2, 3, 4, 5, 7, 9, 11, 15])})", lambda: f"torch.expand(torch.ones([1]), [{r.choice([3, 1 << 20])}, 4])",
                      lambda: "torch.t(torch.ones([3, 4]))", lambda: "torch.quantize_per_tensor(torch.ones([2, 3]), 0.1, 0, 13)", lambda: "torch.to_sparse(torch.ones([2, 3]))", lambda: f"torch.arange({r.choice([0, 4, 9])})",
                      lambda: f"torch.select(torch.ones([4, 4]), {r.choice([0, 1])}, 1)"])()
    return value


def text(r):
    return r.choice(['"none"', '"mean"', '"sum"', '"constant"', '"reflect"', '"floor"', '"trunc"', '"ij"', '"bilinear"', '"zeros"', '""', '"' + "i" * 70 + '"', '"i,j->ijk"', '"fro"', '"nuc"'])


def argument(r, kind, edges):
    kind = kind.strip()
    if kind.startswith("Optional["):
        return "None" if r.random() < 0.5 else argument(r, kind[9:-1], edges)
    if kind.startswith("List["):
        inner = kind[5:-1]
        if inner.startswith("Optional["):
            inner = "Tensor"
        count = r.choice([0, 1, 2, 2, 3, 4])
        items = [argument(r, inner, edges) for _ in range(count)]
        empty = {"Tensor": "annotate(List[Tensor], [])", "int": "annotate(List[int], [])", "float": "annotate(List[float], [])", "bool": "annotate(List[bool], [])"}
        return "[" + ", ".join(items) + "]" if items else empty.get(inner, "[]")
    if kind == "Tensor":
        return tensor(r, edges)
    if kind == "int":
        return str(number(r, edges))
    if kind == "float":
        return r.choice(["0.", "1.", "-1.", "0.5", "inf", "nan", "1e308", "1e-45"])
    if kind == "bool":
        return r.choice(["True", "False"])
    if kind == "str":
        return text(r)
    if kind == "Device":
        return 'torch.device("cpu")'
    if kind in ("number", "Scalar", "Union[complex, float, int]"):
        return r.choice([str(number(r, edges)), "0.5", "inf", "nan"])
    return "None"


def call(r, edges):
    """Statements of a forward that calls one operator."""
    schema = r.choice(schemas())
    parts = []
    for place, a in enumerate(schema.arguments):
        if a.has_default_value() and r.random() < 0.4 or a.kwarg_only and a.name in ("layout", "memory_format", "pin_memory", "device"):
            continue
        value = argument(r, str(a.type), edges)
        parts.append(f"{a.name}={value}" if a.kwarg_only or len(parts) != place else value)
    space, name = schema.name.split("::")
    written = f"ops.{space}.{name}({', '.join(parts)})"
    results = len(schema.returns)
    if results == 0:
        return f"    _0 = {written}\n    return x"
    if results > 1:
        names = ", ".join(f"_{i}" for i in range(results))
        return f"    {names}, = {written}\n    return _0"
    return f"    return {written}"
