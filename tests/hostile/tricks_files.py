"""Tricks with the formats that files are packed in: zip, pickle, npy. Each is one file and a command line."""
import functools
import io
import pathlib
import pickle
import struct
import warnings
import zipfile
import zlib

import archives

warnings.filterwarnings("ignore", "Duplicate name")

TESTS = pathlib.Path(__file__).resolve().parent.parent
DIGITS = TESTS / "models/digits.pt"
SAMPLE = DIGITS.with_suffix(".inputs.npz")
MODEL = ["m.pt", "--input", "x:f32:4"]
ARRAYS = [str(DIGITS), "--inputs", "in.npz", "-o", "out.nnef.tgz"]


def whole(work, **parts):
    """The bytes of a good archive."""
    archives.archive(work / "m.pt", **parts)
    return bytearray((work / "m.pt").read_bytes())


def put(work, data):
    (work / "m.pt").write_bytes(bytes(data))
    return MODEL


def places_of(data, sign):
    found, at = [], data.find(sign)
    while at >= 0:
        found.append(at)
        at = data.find(sign, at + 1)
    return found


CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


# --- zip ---

def two_records_of_one_name(r, work):
    whole(work)
    with zipfile.ZipFile(work / "m.pt", "a") as target:
        name = r.choice(["m/data.pkl", "m/data/0", "m/code/__torch__.py", "m/version"])
        target.writestr(name, r.choice([b"", b"\x80\x02N.", b"x" * 100]))
    return MODEL


def other_name_in_front(r, work):
    data = whole(work)
    at = r.choice(places_of(data, LOCAL)) + 30
    data[at:at + 2] = b"XX"
    return put(work, data)


def flags_of_records(r, work):
    data = whole(work)
    for at in places_of(data, CENTRAL):
        if r.random() < 0.7:
            struct.pack_into("<H", data, at + 8, r.choice([1, 8, 0x40, 0x2000, 0xFFFF]))
    return put(work, data)


def unknown_compression(r, work):
    data = whole(work)
    method = r.choice([1, 8, 9, 12, 14, 93, 95, 99, 0xFFFF])
    for at in places_of(data, CENTRAL):
        struct.pack_into("<H", data, at + 10, method)
    for at in places_of(data, LOCAL):
        struct.pack_into("<H", data, at + 8, method)
    return put(work, data)


def records_over_each_other(r, work):
    """All entries of the directory name the bytes of one record."""
    data = whole(work)
    for at in places_of(data, CENTRAL):
        struct.pack_into("<I", data, at + 42, r.choice([0, 0, places_of(data, LOCAL)[-1]]))
    return put(work, data)


@functools.lru_cache(None)
def packed_zeros(size):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def bomb(r, work):
    """A few kilobytes that stand for gigabytes, a hundred records of them."""
    count, size = r.choice([1, 100]), 256 << 20
    packed = packed_zeros(size)
    out, directory = b"", b""
    for i in range(count):
        name = f"m/data/{i}".encode()
        header = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0)
        directory += CENTRAL + struct.pack("<H", 20) + header + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name
        out += LOCAL + header + name + packed
    end = END + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(out), 0)
    return put(work, out + directory + end)


def sizes_of_64_bits(r, work):
    data = whole(work)
    at = r.choice(places_of(data, CENTRAL))
    for place in (20, 24, 42):
        if r.random() < 0.6:
            struct.pack_into("<I", data, at + place, 0xFFFFFFFF)
    extra = struct.pack("<HHQQQ", 1, 24, r.choice([1 << 63, (1 << 64) - 1, 16]), r.choice([1 << 62, 16]), r.choice([(1 << 64) - 30, 0]))
    length, own = struct.unpack_from("<HH", data, at + 28)
    data[at + 46 + length:at + 46 + length + own] = extra
    struct.pack_into("<H", data, at + 30, len(extra))
    return put(work, data)


def bytes_in_front(r, work):
    data = whole(work)
    front = r.choice([b"#!/bin/sh\n", bytes(3), b"PK\x03\x04" * 9, bytes(100000)])
    return put(work, front + bytes(data))


def comment_with_an_end(r, work):
    data = whole(work)
    comment = r.choice([bytes(data[data.find(END):]), END * 100, b"x" * 65535])
    struct.pack_into("<H", data, len(data) - 2, len(comment))
    return put(work, bytes(data) + comment)


def end_on_other_disks(r, work):
    data = whole(work)
    at = data.rfind(END)
    struct.pack_into("<HHHH", data, at + 4, r.choice([0, 1, 0xFFFF]), r.choice([0, 1, 0xFFFF]), r.choice([0, 1, 0xFFFF]), r.choice([0, 1, 0xFFFF]))
    return put(work, data)


def directory_elsewhere(r, work):
    data = whole(work)
    at = data.rfind(END)
    struct.pack_into("<II", data, at + 12, r.choice([0, 1, 46, len(data), 0xFFFFFFFF]), r.choice([0, 4, at, len(data), 0xFFFFFFFE]))
    return put(work, data)


def many_records(r, work):
    whole(work)
    with zipfile.ZipFile(work / "m.pt", "a") as target:
        for i in range(r.choice([3000, 70000])):
            target.writestr(f"m/data/extra{i}", b"")
    return MODEL


def names_of_records(r, work):
    whole(work)
    with zipfile.ZipFile(work / "m.pt", "a") as target:
        for name in r.sample(["../../OWNED", "/tmp/OWNED-by-zip", "m\\data\\1", "m/data/" + "a" * 65000, "m//data//0", "m/./data.pkl", "M/DATA.PKL", "m/code/../data/0", "m/\x1b[2J", "m/code/", "m/data/0/", ".", "m/data/\u202e0", "m/code/__torch__/" + "a/" * 3000 + "b.py"], 4):
            target.writestr(name, r.choice([b"", b"x", b"\x80\x02N."]))
    return MODEL


def folders_that_differ(r, work):
    whole(work)
    with zipfile.ZipFile(work / "m.pt") as source:
        records = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(work / "m.pt", "w") as target:
        for i, (name, data) in enumerate(records.items()):
            target.writestr(r.choice([f"{i}/", "", "m/m/", "m/"]) + name.split("/", 1)[1], data)
    return MODEL


def cut_stream(r, work):
    """A packed record that ends early, goes on behind its end, or says another size."""
    archives.archive(work / "m.pt")
    with zipfile.ZipFile(work / "m.pt") as source:
        records = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(work / "m.pt", "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in records.items():
            target.writestr(name, data)
    data = bytearray((work / "m.pt").read_bytes())
    for at in places_of(data, CENTRAL):
        if r.random() < 0.5:
            place = r.choice([20, 24])
            struct.pack_into("<I", data, at + place, max(struct.unpack_from("<I", data, at + place)[0] + r.choice([-1, 1, -5, 1000, 1 << 30]), 0))
    return put(work, data)


# --- pickle ---

def module(state):
    return b"\x80\x02" + archives.name("__torch__", "M") + b")\x81}(" + state + b"ub."


W = archives.text("w") + archives.tensor([4], [1]) + archives.text("training") + b"\x89"


def pickled(work, state=None, raw=None, **parts):
    archives.archive(work / "m.pt", pickle=raw or module(state), **parts)
    return MODEL


def doubled_tuples(r, work):
    """A value of 2 to the 40 items, each made of the one before twice."""
    value = b"K\x01" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(1, 41))
    return pickled(work, W + archives.text("v") + value)


def doubled_lists(r, work):
    value = b"]q\x01K\x01a" + b"".join(b"]q" + bytes([i + 1]) + b"(h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(1, 30))
    return pickled(work, W + archives.text("v") + value)


def large_numbers(r, work):
    size = r.choice([9, 255])
    value = r.choice([b"\x8a" + bytes([size]) + b"\xff" * size, b"\x8b" + struct.pack("<i", 1 << 30), b"\x8b" + struct.pack("<i", -1), b"L99999999999999999999999999L\n", b"I" + b"9" * 5000 + b"\n", b"G\x7f\xf8" + bytes(6)])
    return pickled(work, W + archives.text("v") + value)


def long_texts(r, work):
    value = r.choice([b"\x8d" + struct.pack("<Q", r.choice([1 << 62, (1 << 64) - 1, 5])) + b"abc", b"X" + struct.pack("<I", 0xFFFFFFFF) + b"abc", b"T" + struct.pack("<i", -1), b"\x8e" + struct.pack("<Q", 1 << 40), b"B" + struct.pack("<I", 1 << 31), b"X\x01\x00\x00\x00\xff"])
    return pickled(work, W + archives.text("v") + value)


def frames(r, work):
    good = module(W)[2:]
    raw = b"\x80" + bytes([r.choice([0, 3, 4, 5, 255])]) + b"\x95" + struct.pack("<Q", r.choice([0, 1, len(good), 1 << 63])) + good
    return pickled(work, raw=raw)


def calls(r, work):
    """What Python's own reader would execute."""
    call = archives.name(*r.choice([("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.jit", "load"), ("posix", "system"), ("subprocess", "Popen"), ("__torch__", "M.forward"), ("torch._C", "_from_file")])) + archives.items(archives.text("touch OWNED")) + b"R"
    return pickled(work, r.choice([W + archives.text("v") + call, archives.text("w") + call]))


def odd_state(r, work):
    state = r.choice([b"K\x01", archives.text("w"), b"", W + b"K\x01K\x02", archives.text("training") + b"K\x05", archives.text("w") + b"K\x07" + archives.text("training") + archives.text("yes"), W + W, archives.text("\ud800") + b"N", archives.text("__class__") + b"N" + W])
    return pickled(work, state)


def own_child(r, work):
    raw = b"\x80\x02" + archives.name("__torch__", "M") + b")\x81q\x01}(" + W + archives.text("child") + b"h\x01ub."
    return pickled(work, raw=raw)


def one_storage_of_two_kinds(r, work):
    kinds = ["FloatStorage", "DoubleStorage", "LongStorage", "HalfStorage", "BoolStorage", "ComplexDoubleStorage", "QUInt8Storage", "BFloat16Storage"]
    state = W + archives.text("v") + archives.tensor([2], [1], kind=r.choice(kinds), count=r.choice([1, 2, 4, 1 << 40])) + archives.text("u") + archives.tensor([1 << 40], [0], count=1)
    return pickled(work, state)


def keys_of_storages(r, work):
    key = r.choice(["../data.pkl", "/etc/passwd", "0/../0", "", "\x00", "9" * 5000, "../../../../etc/hostname", "0\n"])
    return pickled(work, archives.text("w") + archives.tensor([4], [1], key=key) + archives.text("training") + b"\x89")


def places_of_storages(r, work):
    place = r.choice([b"cuda:0", b"meta", b"cpu:99", b"xla", b"", b"mps:0", b"privateuseone"])
    tensor = archives.tensor([4], [1]).replace(archives.text("cpu"), archives.text(place.decode()))
    return pickled(work, archives.text("w") + tensor + archives.text("training") + b"\x89")


def many_items(r, work):
    count = r.choice([1000, 400000])
    value = r.choice([b"](" + b"K\x01" * count + b"e", b"(" + b"N" * count + b"t", b"}(" + b"".join(archives.integer(i) + b"N" for i in range(min(count, 100000))) + b"u", b"](" + (archives.text("a" * 50)) * (count // 20) + b"e"])
    return pickled(work, W + archives.text("v") + value)


def rebuilt_otherwise(r, work):
    storage = archives.items(archives.text("storage"), archives.name("torch", "FloatStorage"), archives.text("0"), archives.text("cpu"), archives.integer(4)) + b"Q"
    name = r.choice(["_rebuild_parameter", "_rebuild_sparse_tensor", "_rebuild_qtensor", "_rebuild_tensor", "_rebuild_meta_tensor_no_storage", "_rebuild_device_tensor_from_numpy", "_rebuild_wrapper_subclass"])
    rest = r.choice([storage, b"N", archives.tensor([4], [1]), archives.items(storage, b"K\x01"), archives.items(archives.name("torch", "per_channel_affine"), archives.tensor([4], [1]), archives.tensor([1 << 40], [0], count=1), b"K\x09")])
    value = archives.name("torch._utils", name) + archives.items(storage, archives.integer(0), archives.items(archives.integer(4)), archives.items(archives.integer(1)), rest, b"\x89", b"}") + b"R"
    return pickled(work, archives.text("w") + value + archives.text("training") + b"\x89")


# --- npy and npz ---

def npy(text, version=1, data=bytes(64), length=None):
    body = text.encode("utf-8", "surrogatepass") + b"\n"
    size = len(body) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + (struct.pack("<H", size & 0xFFFF) if version == 1 else struct.pack("<I", size)) + body + data


def arrays(work, *named, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(work / "in.npz", "w", method) as target:
        for name, data in named:
            target.writestr(name, data)
    return ARRAYS


def headers(r, work):
    good = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 1, 8, 8), }"
    text = r.choice([good, good.replace("<f4", "<f4L"), good.replace("(4, 1, 8, 8)", "(4L, 1L, 8L, 8L)"), good.replace("'<f4'", "[('a', '<f4'), ('b', '|O')]"), good.replace("'<f4'", "('<f4', (2,))"), good.replace("False", "True").replace("(4, 1, 8, 8)", "()"),
                     good * 2, good.replace("}", "'shape': (1,), }"), good.replace("(4, 1, 8, 8)", "(" + "1, " * 3000 + ")"), good.replace("(4, 1, 8, 8)", "(4294967296, 4294967296)"), good.replace("(4, 1, 8, 8)", "(0, 9223372036854775807)"),
                     "{" * 5000, good.replace("'descr'", "'d\u0435scr'"), good + " " * 60000, "__import__('os').system('touch OWNED')"])
    return arrays(work, ("image.npy", npy(text, r.choice([1, 2, 3, 0, 255]), bytes(1024), r.choice([None, None, 0, 0xFFFF, 0x7FFFFFFF]))))


def object_arrays(r, work):
    data = pickle.dumps([print, {"a": [1] * 5}], 2)
    return arrays(work, ("image.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", data=data)))


def arrays_within_arrays(r, work):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as target:
        target.writestr("image.npy", SAMPLE.read_bytes())
    return arrays(work, ("image.npz", inner.getvalue()), ("image.npy", inner.getvalue()), ("image", SAMPLE.read_bytes()))


def many_arrays(r, work):
    one = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", data=bytes(4))
    return arrays(work, *((r.choice([f"a{i}.npy", f"arr_{i}.npy", f"input_{i}.npy"]), one) for i in range(r.choice([2000, 20000]))))


def array_bomb(r, work):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (268435456,), }"
    return arrays(work, ("image.npy", npy(text, data=bytes(1 << 27))), method=zipfile.ZIP_DEFLATED)


def values_at_the_ends(r, work):
    values = struct.pack("<4f", *(r.choice([float("nan"), float("inf"), -float("inf"), 3.4e38, 1e-45]) for _ in range(4))) * 64
    return arrays(work, ("image.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 1, 8, 8), }", data=values)))


TRICKS = [two_records_of_one_name, other_name_in_front, flags_of_records, unknown_compression, records_over_each_other, bomb, sizes_of_64_bits, bytes_in_front, comment_with_an_end, end_on_other_disks, directory_elsewhere, many_records,
          names_of_records, folders_that_differ, cut_stream, doubled_tuples, doubled_lists, large_numbers, long_texts, frames, calls, odd_state, own_child, one_storage_of_two_kinds, keys_of_storages, places_of_storages, many_items,
          rebuilt_otherwise, headers, object_arrays, arrays_within_arrays, many_arrays, array_bomb, values_at_the_ends]


def make(r, work):
    """The name of a trick, and its command line."""
    trick = r.choice(TRICKS)
    return trick.__name__.replace("_", " "), trick(r, work)
