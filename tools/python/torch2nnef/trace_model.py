#!/usr/bin/env python3
"""Traces a PyTorch model, checks the trace at other sizes, and saves it with its sample inputs in one file.

    trace_model.py FILE.py:EXPRESSION -o model.pt --input x:1,3,224,224 [--dynamic x:0=B --dynamic x:2=H] [--script]

EXPRESSION makes the module, as in net.py:Net(width=16); it is evaluated in the namespace of FILE.py. An input is
NAME:DIMS, with :DTYPE behind it for another dtype than float32, and gets random values. In a program:

    from torch2nnef.trace_model import save
    save(model, (image,), "model.pt", dynamic={"x": {0: "B"}})

The file is what torch.jit.save writes, with the arguments of forward as inputs.npz inside: `torch2nnef model.pt` finds
them there. Along dynamic axes the model is run at two more sizes, in eager PyTorch and in the trace; where the two differ,
the lines of Python are listed whose numbers the tracer kept from the sample. So are lines that read a value of an input,
for a branch, a loop, a number or numpy. Exit status: 0 saved, 1 the trace does not hold (nothing is saved unless --anyway), 2 usage.

Needs nothing but torch (1.13 or newer).
"""
import argparse
import ctypes
import inspect
import io
import pathlib
import runpy
import struct
import sys
import traceback
import warnings
import zipfile

import torch
from torch.overrides import TorchFunctionMode

DTYPES = {
    torch.float32: "<f4", torch.float64: "<f8", torch.float16: "<f2", torch.int64: "<i8", torch.int32: "<i4",
    torch.int16: "<i2", torch.int8: "|i1", torch.uint8: "|u1", torch.bool: "|b1",
}
INPUTS = "inputs.npz"


class Baked(Exception):
    """The trace is not the model: what differs, a line each."""


# --- the arguments of forward ---

def argument_names(model, args):
    """The names of the arguments by position; those behind `*args` get numbers."""
    names, rest = [], "input"
    for parameter in inspect.signature(getattr(model, "forward", model)).parameters.values():
        if parameter.kind == parameter.VAR_POSITIONAL:
            rest = parameter.name
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return [names[i] if i < len(names) else f"{rest}_{i - len(names)}" for i in range(len(args))]


def leaves(name, value):
    """(name, tensor) of what an argument holds, depth first, named as torch2nnef names its inputs."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from leaves(f"{name}_{place}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(f"{name}_{key}", item)


def mapped(name, value, change):
    """The same structure with other tensors: change(name, tensor)."""
    if isinstance(value, torch.Tensor):
        return change(name, value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(f"{name}_{place}", item, change) for place, item in enumerate(value))
    if isinstance(value, dict):
        return {key: mapped(f"{name}_{key}", item, change) for key, item in value.items()}
    return value


def npy(tensor):
    """The bytes of an .npy file."""
    if tensor.dtype not in DTYPES:
        raise ValueError(f"numpy has no dtype for {tensor.dtype}")
    tensor = tensor.detach().cpu().contiguous()
    shape = "(" + "".join(f"{size}, " for size in tensor.shape) + ")"
    header = f"{{'descr': '{DTYPES[tensor.dtype]}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    items = ctypes.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size()) if tensor.numel() else b""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + items


def npz(tensors):
    """The bytes of an .npz file, the same for the same tensors."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, tensor in tensors:
            archive.writestr(zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0)), npy(tensor))
    return data.getvalue()


# --- what the tracer kept ---

def constants(graph):
    """(what the constant is, the line of Python of who uses it) for every node with one, calls inlined."""
    graph = graph.copy()
    torch._C._jit_pass_inline(graph)
    found = []

    def visit(block):
        for node in block.nodes():
            text = node.kind()
            for value in node.inputs():
                made_by = value.node()
                if made_by.kind() == "prim::Constant":
                    text += f" {value.toIValue()}" if not isinstance(value.toIValue(), torch.Tensor) else \
                        f" {value.toIValue().tolist() if value.toIValue().numel() < 9 else list(value.toIValue().shape)}"
            if node.kind() != "prim::Constant":
                found.append((text, place_of(node)))
            for inner in node.blocks():
                visit(inner)

    visit(graph)
    return found


def place_of(node):
    """The user's own line: the innermost that is not torch's."""
    lines = [line.strip() for line in node.sourceRange().splitlines() if "): " in line]
    own = [line for line in lines if "/torch/" not in line]
    return (own or lines or ["an unknown line"])[0]


def kept_numbers(one, other):
    """Lines whose numbers differ between two traces of a model at two sizes."""
    a, b = constants(one.graph), constants(other.graph)
    for (text, place), (text_again, _) in zip(a, b):
        if text.split()[0] != text_again.split()[0]:
            yield f"{place}: from here on the trace takes another way at another size"
            return
        if text != text_again:
            yield f"{place}: `{text}` is `{text_again}` at another size"
    if len(a) != len(b):
        yield "the trace has another length at another size (a Python loop over a size)"


# --- reads of values ---

# Functions of a tensor whose results are no tensors, and depend on more than its shape and dtype.
READS = {"item", "tolist", "numpy", "is_nonzero", "equal", "allclose", "__array__", "__bool__", "__complex__", "__contains__",
         "__float__", "__index__", "__int__"}
WRITES = {"__set__", "__setitem__"}  # and all whose name ends in "_", as in add_


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(one)


class Watch(TorchFunctionMode):
    """Notes each read of a tensor that may depend on the inputs: all but the model's own, and what is made of those alone."""

    def __init__(self, model):
        super().__init__()
        modules = model.modules() if isinstance(model, torch.nn.Module) else []
        # By identity; they are kept, so that no other tensor gets that of one.
        self.constants = {id(one): one for module in modules for one in tensors_in(vars(module))}
        self.lines = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if all(id(one) in self.constants for one in tensors_in([args, kwargs])):
            self.constants.update((id(one), one) for one in tensors_in(result))
        elif name in READS:
            place, code = own_line()
            if not code.startswith("assert ") or ";" in code:  # which only raises, as the tracer's warning tells
                self.lines.append(f"{place}: {code}")
        elif name in WRITES or (name.endswith("_") and not name.endswith("__")):
            for one in tensors_in(args[:1]):
                self.constants.pop(id(one), None)
        return result


def own_line():
    """The innermost line that is neither torch's nor of this file: where, and its code."""
    torch_folder = pathlib.Path(torch.__file__).parent
    for frame in reversed(traceback.extract_stack()):
        if frame.filename != __file__ and torch_folder not in pathlib.Path(frame.filename).parents:
            return f"{frame.filename}({frame.lineno})", frame.line or ""
    return "an unknown line", ""


def value_reads(model, args):
    """The lines that turn values of the inputs into numbers of Python: a trace keeps those of the sample."""
    with torch.no_grad(), Watch(model) as watch:
        model(*mapped("", args, lambda _, tensor: tensor.clone()))
    return [f"the trace keeps what the sample's values gave in {line}" for line in dict.fromkeys(watch.lines)]


# --- checking ---

def resized(name, tensor, axes, sizes):
    for axis, symbol in axes.get(name, {}).items():
        index = (torch.arange(sizes[symbol]) * 7 + 3) % tensor.shape[axis]
        tensor = tensor.index_select(axis, index)
    return tensor.clone()


def other_sizes(args, names, axes):
    """Two more sizes of each symbol, all different."""
    sample = {}
    for name, value in zip(names, args):
        for leaf, tensor in leaves(name, value):
            for axis, symbol in axes.get(leaf, {}).items():
                sample.setdefault(symbol, tensor.shape[axis])
    for more in (1, 2):
        yield {symbol: size + more * (place + 1) for place, (symbol, size) in enumerate(sample.items())}


def difference(expected, actual):
    a, b = list(leaves("result", expected)), list(leaves("result", actual))
    if len(a) != len(b):
        return f"{len(b)} results instead of {len(a)}"
    for (name, x), (_, y) in zip(a, b):
        if x.shape != y.shape or x.dtype != y.dtype:
            return f"{name} is {y.dtype}{list(y.shape)} instead of {x.dtype}{list(x.shape)}"
        if not torch.allclose(x.double(), y.double(), rtol=1e-3, atol=1e-4, equal_nan=True):
            return f"{name} differs by {float((x.double() - y.double()).abs().max()):.3g}"
    return ""


def trace(model, args):
    with warnings.catch_warnings(record=True) as said, torch.no_grad():
        warnings.simplefilter("always")
        traced = torch.jit.trace(model, mapped("", args, lambda _, tensor: tensor.clone()), check_trace=False,
                                 strict=False)
    frozen = [f"{one.filename}({one.lineno}): {str(one.message).split('.')[0]}" for one in said
              if issubclass(one.category, torch.jit.TracerWarning)]
    return traced, list(dict.fromkeys(frozen))


def problems_of(model, module, args, names, axes, is_traced):
    """What the saved module does otherwise than the model, a line each."""
    def run(what, arguments):
        with torch.no_grad():
            return what(*mapped("", arguments, lambda _, tensor: tensor.clone()))

    if difference(run(model, args), run(model, args)):
        return []  # the model draws random numbers: nothing to compare, and torch2nnef says where it does
    text = difference(run(model, args), run(module, args))
    problems = [f"at the sample sizes: {text}"] if text else []
    for sizes in other_sizes(args, names, axes):
        at = " ".join(f"{name}={size}" for name, size in sizes.items())
        other = tuple(mapped(name, value, lambda leaf, tensor: resized(leaf, tensor, axes, sizes))
                      for name, value in zip(names, args))
        try:
            expected = run(model, other)
        except Exception as error:  # pylint: disable=broad-except
            problems.append(f"the model itself fails at {at}: {str(error).splitlines()[0]}")
            continue
        try:
            text = difference(expected, run(module, other))
        except Exception as error:  # pylint: disable=broad-except
            text = "it fails: " + str(error).strip().splitlines()[-1]
        if not text:
            continue
        problems.append(f"at {at}: {text}")
        if is_traced:
            problems += kept_numbers(module, trace(model, other)[0])
        break
    return problems


def save(model, args, path, dynamic=None, script=False, anyway=False):
    """Traces (or scripts) `model` and saves it with the tuple `args` of sample inputs. Returns notes, a line each.

    `dynamic`: {argument: {axis: symbol}}. Raises Baked, and saves nothing, when the trace does not compute what the model
    does at other sizes or values; with `anyway` that is among the notes.
    """
    model = model.eval()
    args = args if isinstance(args, tuple) else (args,)
    names = argument_names(model, args)
    axes = dynamic or {}
    known = {leaf for name, value in zip(names, args) for leaf, _ in leaves(name, value)}
    for name in axes:
        if name not in known:
            raise ValueError(f"there is no input {name}; there are {', '.join(sorted(known))}")
    if script:
        module, frozen = torch.jit.script(model), []
    else:
        module, frozen = trace(model, args)
    problems = [] if script else value_reads(model, args)
    problems += problems_of(model, module, args, names, axes, not script)
    if problems and not anyway:
        raise Baked("\n".join(problems + frozen))
    tensors = [leaf for name, value in zip(names, args) for leaf in leaves(name, value)]
    torch.jit.save(module, path, _extra_files={INPUTS: npz(tensors)})
    return problems + frozen


# --- the command ---

def input_of(text):
    name, dims, *dtype = text.split(":")
    dtype = getattr(torch, dtype[0]) if dtype else torch.float32
    size = [int(one) for one in dims.split(",") if one]
    if dtype.is_floating_point:
        return name, torch.randn(size).to(dtype)
    return name, torch.randint(0, 2, size).to(dtype)


def axis_of(text):
    name, _, rest = text.partition(":")
    axis, _, symbol = rest.partition("=")
    return name, int(axis), symbol


def main():
    parser = argparse.ArgumentParser(description="trace a model and save it with its sample inputs",
                                     usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("model", metavar="FILE.py:EXPRESSION")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--input", action="append", default=[], metavar="NAME:DIMS[:DTYPE]")
    parser.add_argument("--dynamic", action="append", default=[], type=axis_of, metavar="NAME:AXIS=SYMBOL")
    parser.add_argument("--script", action="store_true", help="torch.jit.script: control flow is kept")
    parser.add_argument("--anyway", action="store_true", help="save a trace that does not hold at other sizes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    options.input = [input_of(text) for text in options.input]
    file, _, expression = options.model.partition(":")
    if not expression:
        parser.error("say what makes the model: FILE.py:EXPRESSION")
    model = eval(expression, runpy.run_path(file, run_name=pathlib.Path(file).stem))  # pylint: disable=eval-used
    inputs = dict(options.input)
    order = [name for name in inspect.signature(model.forward).parameters if name in inputs]
    unknown = [name for name in inputs if name not in order]
    if unknown:
        parser.error(f"forward has no argument {unknown[0]}")
    dynamic = {}
    for name, axis, symbol in options.dynamic:
        dynamic.setdefault(name, {})[axis] = symbol
    try:
        notes = save(model, tuple(inputs[name] for name in order), options.output, dynamic, options.script,
                     options.anyway)
    except Baked as error:
        print(f"trace_model: {options.output} is not written, the trace is not the model:", file=sys.stderr)
        print("\n".join("  " + line for line in str(error).splitlines()), file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"trace_model: {error}", file=sys.stderr)
        return 2
    for note in notes:
        print("trace_model: " + note, file=sys.stderr)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
