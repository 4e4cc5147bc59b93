"""Writes a model and its sample inputs to a file that the program reads: an exported program, or a TorchScript archive."""
import contextlib
import inspect
import logging
import pathlib
import warnings
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .errors import InvalidArguments, NotExportable

Axes = Dict[str, Dict[int, str]]  # {input: {axis: symbol}}


@dataclass
class ModelFile:
    """Where the model is, the names of its tensors in the order of the arguments, and what is to be told of it."""
    path: pathlib.Path
    inputs: List[str]
    notes: List[str]


@dataclass
class Sample:
    """The arguments of forward, by position and by name."""
    args: Tuple[Any, ...]
    kwargs: Dict[str, Any]

    def mapped(self, names: List[str], change) -> "Sample":
        """The same structure with change(name, tensor) for each tensor."""
        from .trace_model import mapped
        return Sample(tuple(mapped(name, value, change) for name, value in zip(names, self.args)),
                      {name: mapped(name, value, change) for name, value in self.kwargs.items()})


def argument_names(model, sample: Sample) -> List[str]:
    """The names of the arguments by position. Raises InvalidArguments for more than forward takes."""
    from . import trace_model
    parameters = inspect.signature(getattr(model, "forward", model)).parameters.values()
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(sample.args) > len(names) and not any(one.kind == one.VAR_POSITIONAL for one in parameters):
        raise InvalidArguments(f"args has {len(sample.args)} arguments, and forward takes {len(names)}: ({', '.join(names)})")
    return trace_model.argument_names(model, sample.args)


def check_arguments(model, sample: Sample) -> None:
    """Raises InvalidArguments for arguments that forward does not take, and for arrays of numpy."""
    if len(sample.args) == 1 and isinstance(sample.args[0], dict):
        parameters = inspect.signature(model.forward).parameters
        if sample.args[0] and all(name in parameters for name in sample.args[0]):
            raise InvalidArguments("args is a dict of forward's arguments: give it as kwargs")
    argument_names(model, sample)
    try:
        inspect.signature(model.forward).bind(*sample.args, **sample.kwargs)
    except TypeError as error:
        raise InvalidArguments(f"args and kwargs do not fit forward{inspect.signature(model.forward)}: {error}") from None
    for value in [*sample.args, *sample.kwargs.values()]:
        if type(value).__module__ == "numpy" and hasattr(value, "shape"):
            raise InvalidArguments("args holds an array of numpy; give tensors: torch.from_numpy(array)")


def tensor_names(model, sample: Sample) -> List[str]:
    """The names of all tensors, depth first: x, or states_0 and batch_ids inside of an argument."""
    from .trace_model import leaves
    found = [name for argument, value in zip(argument_names(model, sample), sample.args) for name, _ in leaves(argument, value)]
    return found + [name for argument, value in sample.kwargs.items() for name, _ in leaves(argument, value)]


def normalised_axes(dynamic_axes: Optional[Mapping[str, Any]], inputs: List[str], names: Optional[List[str]]) -> Axes:
    """{input: {axis: symbol}} over the model's own names; a list of axes gets symbols of its own."""
    result: Axes = {}
    given = names or inputs
    if dynamic_axes and not isinstance(dynamic_axes, Mapping):
        raise InvalidArguments(f"dynamic_axes is {dynamic_axes!r}; give {{input: {{axis: name}}}}, as in {{{given[0]!r}: {{0: 'B'}}}}")
    for name, axes in (dynamic_axes or {}).items():
        if name not in given and name not in inputs:
            raise InvalidArguments(f"dynamic_axes names {name}, which is no input; the inputs are {', '.join(given)}")
        own = inputs[given.index(name)] if name in given else name
        if not isinstance(axes, (Mapping, list, tuple, set)):
            raise InvalidArguments(f"dynamic_axes[{name!r}] is {axes!r}; give {{axis: name}}, as in {{0: 'B'}}")
        pairs = axes.items() if isinstance(axes, Mapping) else ((axis, f"{name}_{axis}") for axis in axes)
        for axis, symbol in pairs:
            if not isinstance(axis, int) or not isinstance(symbol, str):
                raise InvalidArguments(f"dynamic_axes[{name!r}] holds {axis!r}: {symbol!r}; give {{axis: name}}, as in {{0: 'B'}}")
            result.setdefault(own, {})[axis] = symbol
    return result


def check_axes(model, sample: Sample, axes: Axes) -> None:
    """Raises InvalidArguments for axes that the tensors do not have, and for symbols with two sizes."""
    sizes: Dict[str, Tuple[int, str]] = {}

    def look(name, tensor):
        for axis, symbol in axes.get(name, {}).items():
            if not -tensor.dim() <= axis < tensor.dim():
                raise InvalidArguments(f"dynamic_axes: axis {axis} of {name}, which has {tensor.dim()} axes: {list(tensor.shape)}")
            size = tensor.shape[axis]
            known = sizes.setdefault(symbol, (size, f"axis {axis} of {name}"))
            if symbol.isidentifier() and known[0] != size:
                raise InvalidArguments(f"dynamic_axes: {symbol} is {known[0]} ({known[1]}) and {size} (axis {axis} of {name})")
        return tensor

    sample.mapped(argument_names(model, sample), look)


def without_size_one(model, sample: Sample, axes: Axes) -> Tuple[Sample, bool]:
    """The sample with two copies along dynamic axes of size 1, which torch.export would fix; whether there were any."""
    import torch
    symbols = set()

    def look(name, tensor):
        symbols.update(symbol for axis, symbol in axes.get(name, {}).items() if tensor.shape[axis] == 1)
        return tensor

    def double(name, tensor):
        for axis, symbol in axes.get(name, {}).items():
            if symbol in symbols:
                tensor = torch.cat([tensor, tensor], axis)
        return tensor

    names = argument_names(model, sample)
    sample.mapped(names, look)
    return (sample.mapped(names, double), True) if symbols else (sample, False)


@contextlib.contextmanager
def evaluating(model):
    """The model in eval mode, and as it was afterwards."""
    modes = [(module, module.training) for module in model.modules()] if hasattr(model, "modules") else []
    if any(training for _, training in modes):
        model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def write_exported(model, sample: Sample, axes: Axes, path: pathlib.Path) -> ModelFile:
    """Writes what torch.export.export gives. Whatever torch raises goes on."""
    import torch
    notes = []
    if isinstance(model, torch.export.ExportedProgram):
        program = model
        names = []
    else:
        names = tensor_names(model, sample)
        sample, is_doubled = without_size_one(model, sample, axes)
        if is_doubled:
            notes.append("the sample was doubled along dynamic axes of size 1, which torch.export would fix")

        def marks(name, tensor):
            return {axis % tensor.dim(): torch.export.Dim.AUTO for axis in axes.get(name, {})} or None

        shapes = sample.mapped(argument_names(model, sample), marks)
        with torch.no_grad(), _quiet():
            program = torch.export.export(model, sample.args, sample.kwargs or None,
                                          dynamic_shapes=_dynamic_shapes(model, sample, shapes) if axes else None, strict=False)
    torch.export.save(program, str(path))
    return ModelFile(path, names, notes)


@contextlib.contextmanager
def _quiet():
    """Without the trace back that torch logs beside what it raises."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _dynamic_shapes(model, sample: Sample, shapes: Sample):
    """By argument, as torch.export wants them; arguments behind *args are a tuple."""
    parameters = inspect.signature(model.forward).parameters.values()
    result: Dict[str, Any] = {}
    for place, parameter in enumerate(parameters):
        if parameter.kind == parameter.VAR_POSITIONAL:
            result[parameter.name] = tuple(_only_tensors(one) for one in shapes.args[place:])
            break
        if place < len(sample.args):
            result[parameter.name] = _only_tensors(shapes.args[place])
    result.update({name: _only_tensors(value) for name, value in shapes.kwargs.items()})
    return result


def _only_tensors(shapes):
    """What is no tensor has no axes."""
    if isinstance(shapes, (list, tuple)):
        return type(shapes)(_only_tensors(one) for one in shapes)
    if isinstance(shapes, dict) and not all(isinstance(key, int) for key in shapes):
        return {key: _only_tensors(one) for key, one in shapes.items()}
    return shapes if isinstance(shapes, dict) else None


def write_traced(model, sample: Sample, axes: Axes, path: pathlib.Path) -> ModelFile:
    """Writes a trace with the sample inputs in it, after the trace was compared with the model at other sizes.

    Raises NotExportable where the two differ.
    """
    import torch

    from .trace_model import Baked, npz, leaves, save
    names = argument_names(model, sample)
    args = list(sample.args)
    for name, parameter in list(inspect.signature(model.forward).parameters.items())[len(args):]:
        if name in sample.kwargs:
            args.append(sample.kwargs[name])
            names.append(name)
        elif any(key in sample.kwargs for key in sample.kwargs if key not in names):
            raise InvalidArguments(f"TorchScript takes arguments by position: give {name} ({parameter}), too, or export with "
                                   "torch.export")
        if len(args) == len(sample.args) + len(sample.kwargs):
            break
    if isinstance(model, torch.jit.ScriptModule):
        tensors = [leaf for name, value in zip(names, args) for leaf in leaves(name, value)]
        torch.jit.save(model, str(path), _extra_files={"inputs.npz": npz(tensors)} if tensors else {})
        return ModelFile(path, [name for name, _ in tensors], [])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated; it is the last resort here
            notes = save(model, tuple(args), str(path), dynamic=axes)
    except Baked as error:
        raise NotExportable("\n".join(["the trace does not compute what the model computes:",
                                       *("    " + line for line in str(error).splitlines()),
                                       "    hint for branches and loops on values: torch.where, torch.cond, or torch.jit.script(model)"])
                            ) from None
    return ModelFile(path, [leaf for name, value in zip(names, args) for leaf, _ in leaves(name, value)], notes)
