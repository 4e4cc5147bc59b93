"""Writes .pt2 files by hand: the records that torch.export.save writes, without the torch that writes them."""
import io
import json
import struct
import zipfile

FLOAT, LONG, BOOL, INT8, BFLOAT, COMPLEX = 7, 5, 12, 2, 13, 10
ITEM = {FLOAT: "f", LONG: "q", BOOL: "?", INT8: "b"}


def size(value):
    """An axis: a number, or the text of an expression in sympy's srepr."""
    return {"as_int": value} if isinstance(value, int) else {"as_expr": {"expr_str": value, "hint": {"as_int": 4}}}


def symbol(name):
    return f"Symbol('{name}', positive=True, integer=True)"


def meta(shape, dtype=FLOAT, strides=None, offset=0):
    if strides is None:
        strides, step = [], 1
        for length in reversed(shape):
            strides.insert(0, step)
            step *= length if isinstance(length, int) else 1
    return {"dtype": dtype, "sizes": [size(one) for one in shape], "requires_grad": False, "device": {"type": "cpu", "index": None},
            "strides": [{"as_int": one} for one in strides], "storage_offset": {"as_int": offset}, "layout": 7}


def tensor(name):
    return {"as_tensor": {"name": name}}


def tensors(*names):
    return {"as_tensors": [{"name": name} for name in names]}


def number(name):
    return {"as_sym_int": {"as_name": name}}


def value_of(argument):
    """An argument of a call from Python's: names of values are given as tensor(), number() and so on."""
    if isinstance(argument, dict):
        return argument
    for kind, tag in ((bool, "as_bool"), (int, "as_int"), (float, "as_float"), (str, "as_string")):
        if isinstance(argument, kind):
            return {tag: argument}
    if argument is None:
        return {"as_none": True}
    if all(isinstance(one, int) for one in argument):
        return {"as_ints": list(argument)}
    return {"as_sym_ints": [{"as_int": one} if isinstance(one, int) else one["as_sym_int"] for one in argument]}


class Graph:
    """inputs and outputs are arguments; values are name: meta."""

    def __init__(self, inputs, values):
        self.graph = {"inputs": [one if isinstance(one, dict) else tensor(one) for one in inputs], "outputs": [], "nodes": [],
                      "tensor_values": dict(values), "sym_int_values": {}, "sym_bool_values": {}, "sym_float_values": {},
                      "custom_obj_values": {}, "is_single_tensor_return": False}

    def call(self, target, results, /, *unnamed, line=None, module="", **inputs):
        """results: name -> meta, or None for a number. module: ";KEY,PATH,CLASS" of the one inside of the model."""
        arguments = [{"name": "", "arg": value_of(one), "kind": 1} for one in unnamed]
        arguments += [{"name": name, "arg": value_of(one), "kind": 1} for name, one in inputs.items()]
        metadata = {"nn_module_stack": "L__self__,,model.Model" + module}
        if line is not None:
            metadata["stack_trace"] = f'File "/home/someone/secret/model.py", line {line}, in forward\n    {target}'
        self.graph["nodes"].append({"target": target, "inputs": arguments, "metadata": metadata,
                                    "outputs": [number(name) if one is None else tensor(name) for name, one in results.items()],
                                    "is_hop_single_tensor_return": None, "name": next(iter(results), "none")})
        self.graph["tensor_values"].update({name: one for name, one in results.items() if one is not None})
        return self

    def result(self, *names):
        self.graph["outputs"] = [one if isinstance(one, dict) else tensor(one) for one in names]
        return self

    def as_graph(self, name):
        return {"as_graph": {"name": name, "graph": self.graph}}


LEAF = {"type": None, "context": None, "children_spec": []}


def tree(*children, kind="builtins.tuple", context="null"):
    return {"type": kind, "context": context, "children_spec": list(children)}


def dict_tree(**children):
    return tree(*children.values(), kind="builtins.dict", context=json.dumps(list(children)))


def program(graph, input_specs, output_specs, in_spec, out_spec, ranges=None, guards=(), version=(8, 20)):
    signature = {"inputs": [], "outputs": [], "in_spec": json.dumps([1, tree(in_spec, dict_tree())]),
                 "out_spec": json.dumps([1, out_spec]), "forward_arg_names": []}
    return {"graph_module": {"graph": graph.graph, "signature": {"input_specs": input_specs, "output_specs": output_specs},
                             "module_call_graph": [{"fqn": "", "signature": signature}], "metadata": {}, "treespec_namedtuple_fields": {}},
            "opset_version": {"aten": 10}, "range_constraints": ranges or {}, "schema_version": {"major": version[0], "minor": version[1]},
            "verifiers": ["TRAINING"], "torch_version": "2.13.0", "guards_code": list(guards)}


def user(name):
    return {"user_input": {"arg": name if isinstance(name, dict) else tensor(name)}}


def parameter(name, path):
    return {"parameter": {"arg": {"name": name}, "parameter_name": path}}


def buffer(name, path, persistent=True):
    return {"buffer": {"arg": {"name": name}, "buffer_name": path, "persistent": persistent}}


def output(name):
    return {"user_output": {"arg": name if isinstance(name, dict) else tensor(name)}}


def pack(values, dtype=FLOAT):
    return struct.pack(f"<{len(values)}{ITEM[dtype]}", *values)


def saved(value):
    """What torch.save writes. Any torch can do that."""
    import torch

    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def config(entries):
    """entries: path -> (record, meta)."""
    return {"config": {path: {"path_name": record, "is_param": True, "use_pickle": False, "tensor_meta": one}
                       for path, (record, one) in entries.items()}}


def records(model, weights=None, weight_records=None, constants=None, samples=b"", name="model"):
    """The records of an archive of torch 2.9 and later, in its folder."""
    return {f"models/{name}.json": json.dumps(model), f"data/weights/{name}_weights_config.json": json.dumps(config(weights or {})),
            f"data/constants/{name}_constants_config.json": json.dumps(config(constants or {})),
            **{f"data/weights/{record}": data for record, data in (weight_records or {}).items()},
            f"data/sample_inputs/{name}.pt": samples, "archive_format": "pt2", "archive_version": "0", "byteorder": "little",
            ".data/version": "6\n"}


def write(path, contents, folder="model/"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            info = zipfile.ZipInfo(folder + name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, data)
