"""Reads weights back from an archive: the values that --quantize stored, which are not quite those of the model."""
import re
import struct
import tarfile

import numpy

HEADER = 128  # bytes of a tensor file before its items
BLOCK = numpy.dtype([("scale", "<f2"), ("codes", "u1", 16)])  # 32 items of Q4_0, in the order of GGML
VARIABLE = re.compile(r"""variable(?:<\w+>)?\([^;]*?label\s*=\s*["']([^"']+)["']""")


def stored_weights(archive):
    """(label, values as f32) of each weight of an archive (.tar or .tgz) that is stored in another form than f32."""
    with tarfile.open(archive) as tar:
        files = {member.name.removeprefix("./"): member for member in tar.getmembers()}
        text = tar.extractfile(files["graph.nnef"]).read().decode()
        for label in sorted(set(VARIABLE.findall(text))):
            values = other_values(tar.extractfile(files[label + ".dat"]).read())
            if values is not None:
                yield label, values


def other_values(data):
    """The items of a tensor file of f16 or Q4_0 as f32; None for any other."""
    rank, = struct.unpack_from("<I", data, 8)
    shape = struct.unpack_from(f"<{rank}I", data, 12)
    bits, code, vendor = struct.unpack_from("<IHH", data, 44)
    if vendor == 0 and code == 0 and bits == 16:
        return numpy.frombuffer(data, "<f2", offset=HEADER).reshape(shape).astype(numpy.float32)
    if vendor != 0 and code == 0x3040:
        blocks = numpy.frombuffer(data, BLOCK, offset=HEADER)
        codes = numpy.concatenate([blocks["codes"] & 15, blocks["codes"] >> 4], axis=1).astype(numpy.float32) - 8
        return (codes * blocks["scale"].astype(numpy.float32)[:, None]).reshape(shape)
    return None


def nearest_form(values, weight):
    """The values in the shape of the weight that they were made of: axes of size 1 added, or transposed; or None."""
    values = values.reshape([size for size in values.shape if size != 1])
    plain = [size for size in weight.shape if size != 1]
    forms = [form.reshape(weight.shape) for form in (values, values.T) if list(form.shape) == plain]
    return min(forms, key=lambda form: numpy.abs(form - weight).max(), default=None)
