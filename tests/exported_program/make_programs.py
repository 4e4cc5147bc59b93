#!/usr/bin/env python3
"""Makes the .pt2 files beside it, of every family and with every construct that the tests ask for.

    make_programs.py [FOLDER]
"""
import json
import pathlib
import sys

import torch

from program_file import (BFLOAT, COMPLEX, FLOAT, LEAF, LONG, Graph, buffer, dict_tree, meta, number, output, pack, parameter, program, records, saved, size,
                          symbol, tensor, tensors, tree, user, write)

WEIGHT, BIAS = [float(i % 5) - 2 for i in range(12)], [0.5, -0.5, 0.25]
B = symbol("s77")


def linear_program(batch=2, **more):
    graph = Graph(["p_w", "p_b", "x"], {"p_w": meta([3, 4]), "p_b": meta([3]), "x": meta([batch, 4])})
    graph.call("torch.ops.aten.linear.default", {"linear": meta([batch, 3])}, input=tensor("x"), weight=tensor("p_w"), bias=tensor("p_b"),
               line=8)
    graph.call("torch.ops.aten.relu.default", {"relu": meta([batch, 3])}, self=tensor("linear"), line=9).result("relu")
    return program(graph, [parameter("p_w", "fc.weight"), parameter("p_b", "fc.bias"), user("x")], [output("relu")], tree(LEAF), LEAF, **more)


def example(*arguments, **keywords):
    return saved((tuple(arguments), keywords))


def ramp(*shape):
    count = 1
    for length in shape:
        count *= length
    return (torch.arange(count, dtype=torch.float32).reshape(shape) - count / 2) / count


# The weight is transposed, the bias begins behind other items of the same storage.
LINEAR = ({"fc.weight": ("weight_0", meta([3, 4], strides=[1, 3])), "fc.bias": ("weight_0", meta([3], offset=12))},
          {"weight_0": pack(WEIGHT + BIAS)})


def linear():
    return records(linear_program(), *LINEAR, samples=example(ramp(2, 4)))


def dynamic():
    return records(linear_program(B, ranges={"s77": {"min_val": 0, "max_val": 64}}, guards=["L['x'].size()[0] <= 64", "L['x'].size()[0] != 2"]),
                   *LINEAR, samples=example(ramp(4, 4)))


def weights():
    return {"fc.weight": torch.tensor(WEIGHT).reshape(3, 4), "fc.bias": torch.tensor(BIAS)}


def pickled():
    """As torch 2.8 writes it."""
    contents = records(linear_program(version=(8, 8)), samples=example(ramp(2, 4)))
    for name in ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json"):
        del contents[name]
    contents.update({"data/weights/model.pt": saved(weights()), "data/constants/model.pt": saved({})})
    return contents


def legacy(version="8.7"):
    """As torch 2.6 and 2.7 write it; the infinity is no JSON."""
    model = linear_program(version=(8, 2))
    model["graph_module"]["graph"]["nodes"][1] = {
        "target": "torch.ops.aten.clamp.default", "outputs": [tensor("relu")], "metadata": {},
        "inputs": [{"name": "self", "arg": tensor("linear")}, {"name": "min", "arg": {"as_int": 0}}, {"name": "max", "arg": {"as_float": float("inf")}}]}
    del model["guards_code"]
    return {"serialized_exported_program.json": json.dumps(model), "serialized_state_dict.pt": saved(weights()),
            "serialized_constants.pt": saved({}), "serialized_example_inputs.pt": example(ramp(2, 4)), "version": version}


def trees():
    """A dict and numbers in, a dict out; a constant that is not persistent."""
    graph = Graph(["b_scale", "d_ids", "d_mask", {"as_int": 3}], {"b_scale": meta([]), "d_ids": meta([2, 3], LONG), "d_mask": meta([2, 3])})
    graph.call("torch.ops.aten.mul.Tensor", {"mul": meta([2, 3])}, self=tensor("d_ids"), other=tensor("d_mask"))
    graph.call("torch.ops.aten.mul.Tensor", {"scaled": meta([2, 3])}, self=tensor("mul"), other=tensor("b_scale"))
    graph.call("torch.ops.aten.add.Tensor", {"moved": meta([2, 3])}, self=tensor("scaled"), other=3)
    graph.result("moved", "d_mask", {"as_none": True})
    model = program(graph, [buffer("b_scale", "scale", False), user("d_ids"), user("d_mask"), {"constant_input": {"name": "k", "value": {"as_int": 3}}}],
                    [output("moved"), output("d_mask"), output({"as_none": True})], tree(dict_tree(mask=LEAF, ids=LEAF), LEAF),
                    dict_tree(last_hidden_state=LEAF, kept=tree(LEAF, LEAF)))
    model["graph_module"]["signature"]["input_specs"][1:3] = [user("d_mask"), user("d_ids")]
    model["graph_module"]["graph"]["inputs"][1:3] = [tensor("d_mask"), tensor("d_ids")]
    contents = records(model, samples=example({"ids": torch.tensor([[1, 2, 3], [4, 5, 6]]), "mask": ramp(2, 3)}, 3),
                       constants={"scale": ("tensor_0", meta([]))})
    contents["data/constants/tensor_0"] = pack([0.5])
    return contents


def multiples():
    """halves = x.reshape(B // 2, 2, 3): the guard says that B is even."""
    half = f"FloorDiv({B}, Integer(2))"
    graph = Graph(["x"], {"x": meta([B, 3])})
    graph.call("torch.ops.aten.sym_size.int", {"rows": None}, self=tensor("x"), dim=0)
    graph.call("_operator.floordiv", {"half": None}, a=number("rows"), b=2)
    graph.call("torch.ops.aten.reshape.default", {"pairs": meta([half, 2, 3])}, self=tensor("x"), shape=[number("half"), 2, 3])
    graph.call("torch.ops.aten.sum.dim_IntList", {"sum": meta([half, 3])}, self=tensor("pairs"), dim=[1]).result("sum")
    return records(program(graph, [user("x")], [output("sum")], tree(LEAF), LEAF, ranges={"s77": {"min_val": 2, "max_val": None}},
                           guards=["(L['x'].size()[0] % 2) == 0"]), samples=example(ramp(4, 3)))


def pinned():
    """An axis that has a symbol, and one size that the guards allow."""
    graph = Graph(["x"], {"x": meta([B, 3])})
    graph.call("torch.ops.aten.relu.default", {"relu": meta([B, 3])}, self=tensor("x")).result("relu")
    return records(program(graph, [user("x")], [output("relu")], tree(LEAF), LEAF, ranges={"s77": {"min_val": 2, "max_val": None}},
                           guards=["(1 + (((-1) + L['x'].size()[0]) // 2)) == 3"]), samples=example(ramp(5, 3)))


def apart():
    """x + table[arange(rows of x)], for a table of at least as many rows: the program has a symbol for each."""
    rows = symbol("s53")
    graph = Graph(["x", "table"], {"x": meta([B, 3]), "table": meta([rows, 3])})
    graph.call("torch.ops.aten.sym_size.int", {"count": None}, self=tensor("x"), dim=0)
    graph.call("torch.ops.aten.arange.default", {"arange": meta([B], LONG)}, end=number("count"))
    graph.call("torch.ops.aten.index_select.default", {"chosen": meta([B, 3])}, self=tensor("table"), dim=0, index=tensor("arange"))
    graph.call("torch.ops.aten.add.Tensor", {"add": meta([B, 3])}, self=tensor("x"), other=tensor("chosen")).result("add")
    ranges = {"s77": {"min_val": 2, "max_val": None}, "s53": {"min_val": 2, "max_val": 2**63}}  # torch 2.6 writes both
    return records(program(graph, [user("x"), user("table")], [output("add")], tree(LEAF, LEAF), LEAF, ranges=ranges),
                   samples=example(ramp(4, 3), ramp(4, 3) * 3))


def branch():
    def side(target):
        return Graph(["x"], {"x": meta([2, 3])}).call(target, {"y": meta([2, 3])}, self=tensor("x")).result("y")

    graph = Graph(["x"], {"x": meta([2, 3])})
    graph.call("torch.ops.aten.sum.default", {"sum": meta([])}, self=tensor("x"))
    graph.call("torch.ops.aten.gt.Scalar", {"gt": meta([], 12)}, self=tensor("sum"), other=0)
    graph.call("torch.ops.higher_order.cond", {"getitem": meta([2, 3])}, tensor("gt"), side("torch.ops.aten.sin.default").as_graph("yes"),
               side("torch.ops.aten.neg.default").as_graph("no"), tensors("x")).result("getitem")
    return records(program(graph, [user("x")], [output("getitem")], tree(LEAF), LEAF), samples=example(ramp(2, 3)))


def loop():
    """while total < 4: x, total = x * 2, total + 1, with total from the data."""
    values = {"x": meta([3]), "n": meta([])}
    goes_on = Graph(["x", "n"], values).call("torch.ops.aten.lt.Scalar", {"lt": meta([], 12)}, self=tensor("n"), other=4).result("lt")
    body = Graph(["x", "n"], values).call("torch.ops.aten.mul.Tensor", {"x2": meta([3])}, self=tensor("x"), other=2)
    body.call("torch.ops.aten.add.Tensor", {"n2": meta([])}, self=tensor("n"), other=1).result("x2", "n2")
    graph = Graph(["x"], {"x": meta([3])})
    graph.call("torch.ops.aten.amax.default", {"top": meta([])}, self=tensor("x"), dim=[0])
    graph.call("torch.ops.higher_order.while_loop", {"a": meta([3]), "b": meta([])}, goes_on.as_graph("goes_on"), body.as_graph("body"),
               tensors("x", "top"), {"as_tensors": []}).result("a", "b")
    return records(program(graph, [user("x")], [output("a"), output("b")], tree(LEAF), tree(LEAF, LEAF)), samples=example(ramp(3)))


def scan():
    """A running sum over a dynamic axis, and its states."""
    round_ = Graph(["h", "x"], {"h": meta([3]), "x": meta([3])})
    round_.call("torch.ops.aten.add.Tensor", {"h2": meta([3])}, self=tensor("h"), other=tensor("x"))
    round_.call("torch.ops.aten.tanh.default", {"y": meta([3])}, self=tensor("h2")).result("h2", "y")
    graph = Graph(["x", "h"], {"x": meta([B, 3]), "h": meta([3])})
    graph.call("torch.ops.higher_order.scan", {"last": meta([3]), "all": meta([B, 3])}, round_.as_graph("round"), tensors("h"), tensors("x"),
               {"as_tensors": []}).result("last", "all")
    return records(program(graph, [user("x"), user("h")], [output("last"), output("all")], tree(LEAF, LEAF), tree(LEAF, LEAF)),
                   samples=example(ramp(5, 3), ramp(3)))


def state():
    """The buffer is written in place, as torch since 2.6 leaves it."""
    graph = Graph(["b_h", "x"], {"b_h": meta([3]), "x": meta([3])})
    graph.call("torch.ops.aten.mul_.Tensor", {"mul_": meta([3])}, self=tensor("b_h"), other=0.5, line=5)
    graph.call("torch.ops.aten.add_.Tensor", {"add_": meta([3])}, self=tensor("mul_"), other=tensor("x"), line=6)
    graph.call("torch.ops.aten.sin.default", {"sin": meta([3])}, self=tensor("b_h")).result("sin")
    return records(program(graph, [buffer("b_h", "h"), user("x")], [output("sin")], tree(LEAF), LEAF), {"h": ("weight_0", meta([3]))},
                   {"weight_0": pack([1.0, 2.0, 3.0])}, samples=example(ramp(3)))


def mutation():
    """The same after run_decompositions()."""
    graph = Graph(["b_h", "x"], {"b_h": meta([3]), "x": meta([3])})
    graph.call("torch.ops.aten.mul.Tensor", {"mul": meta([3])}, self=tensor("b_h"), other=0.5)
    graph.call("torch.ops.aten.add.Tensor", {"add": meta([3])}, self=tensor("mul"), other=tensor("x"))
    graph.call("torch.ops.aten.sin.default", {"sin": meta([3])}, self=tensor("add")).result("add", "sin")
    outputs = [{"buffer_mutation": {"arg": {"name": "add"}, "buffer_name": "h"}}, output("sin")]
    return records(program(graph, [buffer("b_h", "h"), user("x")], outputs, tree(LEAF), LEAF), {"h": ("weight_0", meta([3]))},
                   {"weight_0": pack([1.0, 2.0, 3.0])}, samples=example(ramp(3)))


def stand_ins():
    """Operators that the linked libtorch lacks, and assertions that are left out."""
    graph = Graph(["x"], {"x": meta([1, 6, 1])})
    graph.call("torch.ops.aten._assert_tensor_metadata.default", {}, a=tensor("x"))
    graph.call("torch.ops.aten.squeeze.dims", {"flat": meta([6])}, self=tensor("x"), dim=[0, 2])
    graph.call("torch.ops.aten.alias.default", {"alias": meta([6])}, self=tensor("flat"))
    graph.call("torch.ops.quantized_decomposed.quantize_per_tensor.default", {"codes": meta([6], 2)}, input=tensor("alias"), scale=0.1,
               zero_point=3, quant_min=-128, quant_max=127, dtype={"as_scalar_type": 2})
    graph.call("torch.ops.quantized_decomposed.dequantize_per_tensor.default", {"back": meta([6])}, input=tensor("codes"), scale=0.1,
               zero_point=3, quant_min=-128, quant_max=127, dtype={"as_scalar_type": 2})
    graph.result("back")
    return records(program(graph, [user("x")], [output("back")], tree(LEAF), LEAF), samples=example(ramp(1, 6, 1)))


def autocast():
    """A region in bfloat16 as torch writes it: its casts are told by dtypes alone, of a sum in f32 too."""
    inner = Graph(["p_w", "y"], {"p_w": meta([3, 4]), "y": meta([2, 4])})
    inner.call("torch.ops.aten.linear.default", {"half": meta([2, 3], BFLOAT)}, input=tensor("y"), weight=tensor("p_w"))
    inner.call("torch.ops.aten.softmax.int", {"soft": meta([2, 3])}, self=tensor("half"), dim=1)
    inner.call("torch.ops.aten.add.Tensor", {"sum": meta([2, 3])}, self=tensor("soft"), other=tensor("half")).result("sum")
    graph = Graph(["p_w", "x"], {"p_w": meta([3, 4]), "x": meta([2, 4])})
    graph.call("torch.ops.higher_order.wrap_with_autocast", {"c": meta([2, 3])}, "cpu", {"as_scalar_type": BFLOAT}, True, None,
               inner.as_graph("inner"), tensor("p_w"), tensor("x")).result("c")
    return records(program(graph, [parameter("p_w", "fc.weight"), user("x")], [output("c")], tree(LEAF), LEAF), *LINEAR,
                   samples=example(ramp(2, 4)))


def by_size():
    """A branch that a size decides; one side for the sample, the other for larger ones."""
    sides = [Graph(["y"], {"y": meta([B, 3])}).call(f"torch.ops.aten.{op}.Tensor", {"z": meta([B, 3])}, self=tensor("y"), other=2.0).result("z")
             for op in ("mul", "sub")]
    graph = Graph(["x"], {"x": meta([B, 3])})
    graph.call("torch.ops.aten.sym_size.int", {"n": None}, self=tensor("x"), dim=0)
    graph.call("_operator.gt", {"is_large": None}, a=number("n"), b=4)
    graph.call("torch.ops.higher_order.cond", {"c": meta([B, 3])}, {"as_sym_bool": {"as_name": "is_large"}}, sides[0].as_graph("yes"),
               sides[1].as_graph("no"), tensors("x")).result("c")
    return records(program(graph, [user("x")], [output("c")], tree(LEAF), LEAF, ranges={"s77": {"min_val": 0, "max_val": None}}),
                   samples=example(ramp(3, 3)))


def complex_result():
    graph = Graph(["x"], {"x": meta([6])})
    graph.call("torch.ops.aten.fft_rfft.default", {"c": meta([4], COMPLEX)}, self=tensor("x")).result("c")
    return records(program(graph, [user("x")], [output("c")], tree(LEAF), LEAF), samples=example(ramp(6)))


def vision():
    """An operator of torchvision that the exporter has a definition of."""
    graph = Graph(["x", "boxes"], {"x": meta([1, 2, 6, 6]), "boxes": meta([2, 5])})
    graph.call("torch.ops.torchvision.roi_align.default", {"c": meta([2, 2, 2, 3])}, input=tensor("x"), rois=tensor("boxes"), spatial_scale=1.0,
               pooled_height=2, pooled_width=3, sampling_ratio=2, aligned=True).result("c")
    return records(program(graph, [user("x"), user("boxes")], [output("c")], tree(LEAF, LEAF), LEAF),
                   samples=example(ramp(1, 2, 6, 6), torch.tensor([[0, 0.5, 1, 4, 5], [0, 2, 0, 5, 3.5]])))


def modules():
    """fc(fc(x)) - fc(x) with fc = a module of two operators, and a module whose operators another's are between."""
    def fc(graph, call, result):
        key = ";L__self___fc" + call + ",fc" + call + ",model.Affine"
        graph.call("torch.ops.aten.mul.Tensor", {"m" + result: meta([B, 4])}, self=tensor("x" if call == "" else "y"), other=tensor("p_w"), module=key, line=7)
        graph.call("torch.ops.aten.add.Tensor", {result: meta([B, 4])}, self=tensor("m" + result), other=tensor("p_b"), module=key, line=7)

    graph = Graph(["p_w", "p_b", "x"], {"p_w": meta([4]), "p_b": meta([4]), "x": meta([B, 4])})
    fc(graph, "", "y")
    fc(graph, "@1", "z")
    split = ";L__self___mix,mix,model.Mix"
    graph.call("torch.ops.aten.tanh.default", {"t": meta([B, 4])}, self=tensor("z"), module=split, line=12)
    graph.call("torch.ops.aten.sin.default", {"s": meta([B, 4])}, self=tensor("y"), line=20)
    graph.call("torch.ops.aten.sub.Tensor", {"d": meta([B, 4])}, self=tensor("t"), other=tensor("s"), module=split, line=13).result("d")
    return records(program(graph, [parameter("p_w", "fc.w"), parameter("p_b", "fc.b"), user("x")], [output("d")], tree(LEAF), LEAF,
                           ranges={"s77": {"min_val": 2, "max_val": None}}),
                   {"fc.w": ("weight_0", meta([4])), "fc.b": ("weight_0", meta([4], offset=4))}, {"weight_0": pack(WEIGHT[:8])},
                   samples=example(ramp(3, 4)))


def foreign():
    """Operators that are not executed, and one of higher order that is not followed."""
    graph = Graph(["x"], {"x": meta([3])})
    graph.call("torch.ops.mylib.twice.default", {"a": meta([3])}, x=tensor("x"), line=11)
    graph.call("torch.ops.aten.save.default", {"b": meta([3])}, self=tensor("a"), line=12)
    inner = Graph(["y"], {"y": meta([3])}).call("torch.ops.aten.relu.default", {"z": meta([3])}, self=tensor("y")).result("z")
    graph.call("torch.ops.higher_order.associative_scan", {"c": meta([3])}, inner.as_graph("inner"), tensor("b"), line=13).result("c")
    return records(program(graph, [user("x")], [output("c")], tree(LEAF), LEAF), samples=example(ramp(3)))


def compiled():
    """What AOTInductor writes: no program."""
    return {"archive_format": "pt2", "archive_version": "0", "byteorder": "little", "data/aotinductor/model/model.so": b"\x7fELF"}


def several():
    contents = records(linear_program(), *LINEAR, samples=example(ramp(2, 4)), name="first")
    contents["models/second.json"] = contents["models/first.json"]
    return contents


FILES = {"linear": linear, "dynamic": dynamic, "pickled": pickled, "trees": trees, "multiples": multiples, "pinned": pinned, "apart": apart,
         "branch": branch, "by_size": by_size, "loop": loop, "scan": scan, "autocast": autocast, "vision": vision, "modules": modules, "complex": complex_result, "state": state,
         "mutation": mutation, "stand_ins": stand_ins, "foreign": foreign, "compiled": compiled, "several": several}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    for name, make in FILES.items():
        write(folder / f"{name}.pt2", make())
    write(folder / "legacy.pt2", legacy(), "")
    write(folder / "old.pt2", {**legacy("7.3")}, "")


if __name__ == "__main__":
    main()
