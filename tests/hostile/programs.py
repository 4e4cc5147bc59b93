"""Files of torch.export that are damaged where their meaning lies: in the JSON of programs and tables, in expressions."""
import copy
import json
import pathlib
import zipfile

import archives

PROGRAMS = pathlib.Path(__file__).resolve().parent.parent / "exported_program"
SAMPLES = "data/sample_inputs/model.pt"


def records_of(path):
    with zipfile.ZipFile(path) as source:
        return {name: source.read(name) for name in source.namelist()}


def write(path, records, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in records.items():
            target.writestr(name, data)


def nested(r, levels):
    """An expression, or a tree of JSON, of that depth."""
    return r.choice([lambda: {"as_expr": {"expr_str": "Add(" * levels + "Integer(1)" + ")" * levels, "hint": None}},
                     lambda: json.loads("[" * min(levels, 400) + "]" * min(levels, 400)),
                     lambda: {"as_expr": {"expr_str": "Mul(" + "Symbol('s77', positive=True, integer=True), " * levels + "Integer(2))", "hint": {"as_int": 2}}}])()


EXPRESSIONS = ["Integer(0)", "Integer(-1)", "Integer(9223372036854775808)", "Pow(Integer(2), Integer(70))", "Mod(Symbol('s77'), Integer(0))", "FloorDiv(Integer(5), Integer(0))", "Symbol('s77', positive=True, integer=True)",
               "Add(Symbol('s77', positive=True, integer=True), Integer(-9223372036854775807))", "Pow(Symbol('s77', positive=True, integer=True), Symbol('s77', positive=True, integer=True))", "Max()", "Rational(1, 0)",
               "Pow(Integer(0), Integer(-1))", "Float('nan', precision=53)", "oo", "zoo", "True", "__import__('os').system('touch OWNED')", "Symbol('s77'", "Symbol('" + "s" * 70000 + "')", "Where(True, 1, 2)", "\x1b[2J", ""]


def random_json(r, edges):
    return r.choice([lambda: None, lambda: r.random() < 0.5, lambda: edges(r), lambda: -edges(r), lambda: 1e308, lambda: float("nan"), lambda: "", lambda: r.choice(["x", "../../etc/passwd", "\x1b]0;owned\x07", "s" * 70000]),
                     lambda: [], lambda: {}, lambda: {"as_int": edges(r)}, lambda: {"as_int": -edges(r)}, lambda: {"as_expr": {"expr_str": r.choice(EXPRESSIONS), "hint": None}}, lambda: {"as_none": True},
                     lambda: {"as_ints": [edges(r)] * r.choice([0, 1, 5000])}, lambda: {"as_tensor": {"name": r.choice(["x", "relu", "none", ""])}}, lambda: nested(r, r.choice([3, 300, 30000]))])()


def places(value, found):
    """All (container, key) below a value."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []:
        found.append((value, key))
        places(value[key], found)
    return found


def change(r, document, edges):
    """One fault in a document; the kinds that a careless writer and an attacker make."""
    found = places(document, [])
    if not found:
        return
    container, key = r.choice(found)
    if r.random() < 0.3:  # what is asked for least often is near the top
        container, key = min((r.choice(found) for _ in range(3)), key=lambda place: len(json.dumps(place[0])) * -1)
    kind = r.randrange(6)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    elif kind == 2:
        other, at = r.choice(found)
        container[key] = copy.deepcopy(other[at]) if at in (other if isinstance(other, dict) else range(len(other))) else None
    elif kind == 3 and isinstance(container, list):
        r.shuffle(container)
    elif isinstance(container[key], str) and r.random() < 0.5:
        container[key] = r.choice([*EXPRESSIONS, container[key] + container[key], container[key][1:], "torch.ops.aten.save.default", "torch.ops.aten.from_file.default", "_operator.pow", "_operator.floordiv",
                                   "torch.ops.higher_order.cond", "torch.ops.higher_order.while_loop", "torch.ops.aten.sym_size.int", "torch.ops.aten.reshape.default", "torch.ops.aten._assert_scalar.default"])
    elif isinstance(container[key], int) and r.random() < 0.7:
        container[key] = r.choice([edges(r), -edges(r), 0, 1, -1, container[key] + 1])
    else:
        container[key] = random_json(r, edges)


def circle(r, records):
    """A value that is made from itself, a graph that calls itself by name, a name that is defined twice."""
    name = next(n for n in records if n.endswith("models/model.json"))
    document = json.loads(records[name])
    graph = document["graph_module"]["graph"]
    node = r.choice(graph["nodes"])
    if r.random() < 0.5:
        text = json.dumps(node["inputs"]).replace('"x"', json.dumps(node["outputs"][0].get("as_tensor", {}).get("name", "x")))
        node["inputs"] = json.loads(text)
    else:
        graph["nodes"] *= r.choice([2, 50])
    records[name] = json.dumps(document).encode()


def damaged_program(r, path, edges, damaged):
    source = r.choice(sorted(PROGRAMS.glob("*.pt2")))
    records = records_of(source)
    tables = [n for n in records if n.endswith(".json")] or sorted(records)
    kind = r.randrange(8)
    if kind == 0:
        circle(r, records) if any(n.endswith("models/model.json") for n in records) else None
    elif kind == 1:
        name = r.choice(sorted(records))
        records[name] = damaged(r, records[name])
    elif kind == 2:
        name = r.choice(sorted(records))
        records[r.choice([name + "x", "../" + name, "/etc/" + name, name.upper()])] = records.pop(name)
    elif kind == 3:
        name = r.choice(tables)
        records[name] = r.choice([b"[" * 200000, b'{"a":' * 200000, b"{}", b"", b"\xef\xbb\xbf{}", b'{"a": 1' + b"0" * 5000 + b"}", b'"\\ud800"', records[name][:len(records[name]) // 2]])
    elif kind == 4 and any(n.endswith(SAMPLES) for n in records):
        name = next(n for n in records if n.endswith(SAMPLES))
        archives.archive(path, pickle=archives.random_pickle(r, edges))
        records[name] = path.read_bytes()
    else:
        for _ in range(r.choice([1, 1, 2, 4])):
            name = r.choice(tables)
            try:
                document = json.loads(records[name])
            except ValueError:
                records[name] = damaged(r, records[name])
                continue
            change(r, document, edges)
            records[name] = json.dumps(document).encode("utf-8", "surrogatepass")
    write(path, records, r.choice([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
