"""export_model_to_nnef(): a model of Python's, by a model file and the program, to an archive."""
import json
import os
import pathlib
import tempfile
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

from . import model_file, program
from .errors import CheckFailed, ExportError, InvalidArguments, NotExportable, ProgramFailed
from .report import Report

_ERRORS = {1: NotExportable, 2: InvalidArguments, 3: CheckFailed}


def export_model_to_nnef(
        model: Any,
        args: Any = (),
        file_path_export: Union[str, os.PathLike] = "model.nnef.tgz",
        *,
        kwargs: Optional[Dict[str, Any]] = None,
        input_names: Optional[Sequence[str]] = None,
        output_names: Optional[Sequence[str]] = None,
        dynamic_axes: Optional[Mapping[str, Any]] = None,
        inference_target: str = "tract",
        check: Union[bool, str] = True,
        compression_level: int = 0,
        nnef_variable_naming_scheme: Optional[str] = None,
        debug_bundle_path: Union[str, os.PathLike, None] = None,
        via: str = "auto",
        verbose: bool = False,
        progress: Optional[Callable[[str], None]] = None,
        options: Sequence[str] = ()) -> Report:
    """Exports `model` to the NNEF archive `file_path_export`, and compares it with PyTorch.

    model: a torch.nn.Module, a torch.export.ExportedProgram, a torch.jit.ScriptModule, or the path of a .pt or .pt2 file.
    args: the arguments of forward (one tensor, or a tuple); `kwargs` those by name. Nested lists, tuples and dicts are
        inputs by their tensors: `states_0`, `batch_ids`.
    file_path_export: NAME.nnef.tgz, NAME.nnef.tar or a folder.
    input_names, output_names: names in the archive, one per tensor; by default those of forward's arguments.
    dynamic_axes: {input: {axis: symbol}}, or {input: [axes]}; one symbol is one size everywhere. The archive is checked at
        other sizes than the sample's.
    inference_target: "tract", "tract@VERSION" or "khronos".
    check: True (the built-in evaluator, and tract where it is found), "tract", "reference", or False.
    compression_level: of a .tgz, 0 (stored) to 9.
    nnef_variable_naming_scheme: "natural", "natural_verbose" or "numeric".
    debug_bundle_path: where to write what reproduces a failed check.
    via: "export" (torch.export), "torchscript" (torch.jit.trace, compared with the model at other sizes), or "auto": the
        first, and the second where torch has no torch.export, or that fails or fixes a dynamic axis; the report's notes say so.
    verbose: prints the steps; `progress` gets each line of them instead.
    options: more flags of the program, as in ["--keep-nan"].

    Returns the Report. Raises InvalidArguments, NotExportable, CheckFailed, ProgramFailed or ProgramNotFound; then there is
    no archive. The model is in eval mode meanwhile, and left as it was.
    """
    if via not in ("auto", "export", "torchscript"):
        raise InvalidArguments(f"via is {via!r}; it is 'auto', 'export' or 'torchscript'")
    if compression_level not in range(10):
        raise InvalidArguments(f"compression_level is {compression_level!r}; it is 0 to 9")
    if isinstance(options, str):
        raise InvalidArguments(f"options is a string; give a list of flags: [{options!r}]")
    if progress is not None and not callable(progress):
        raise InvalidArguments(f"progress is {progress!r}; give a function that takes a line, or verbose=True")
    program.find_program()  # before the work
    flags = ["-o", os.fspath(file_path_export), "--target", inference_target]
    flags += _check_flags(check)
    if compression_level:  # 0 is the program's own, and only a .tgz may have another
        flags += ["--compression", str(compression_level)]
    if nnef_variable_naming_scheme:
        flags += ["--naming", nnef_variable_naming_scheme]
    if debug_bundle_path:
        flags += ["--debug-bundle", os.fspath(debug_bundle_path)]
    for flag, names in (("--input-names", input_names), ("--output-names", output_names)):
        if isinstance(names, str):
            raise InvalidArguments(f"{flag[2:].replace('-', '_')} is a string; give a list of names")
        if names:
            flags += [flag, ",".join(names)]
    if verbose or progress:
        flags.append("--verbose")
        progress = progress or print
    with tempfile.TemporaryDirectory(prefix="torch2nnef-") as folder:
        def attempt(way, notes=()):
            file = _model_file(model, args, kwargs or {}, dynamic_axes, list(input_names or []), way, pathlib.Path(folder))
            file.notes[:0] = notes
            axes = _axis_flags(dynamic_axes, list(input_names or file.inputs), file.inputs)
            return _run(file, flags + axes + list(options), pathlib.Path(folder) / "report.html", progress)

        try:
            return attempt(via)
        except InvalidArguments as error:
            fixed = [one.text for one in error.diagnostics if one.code == "T2N-M008"]
            if not fixed or via != "auto" or isinstance(model, (str, os.PathLike)) or _is_program(model):
                raise
            reason = f"torch.export fixed a size: {fixed[0]}"
            try:
                return attempt("torchscript", [f"exported by torch.jit.trace: {reason}"])
            except ExportError as traced:
                raise type(traced)(f"{reason}\n{traced}", traced.report) from None


def _check_flags(check: Union[bool, str]) -> List[str]:
    if check is True:
        return []
    if check is False:
        return ["--check=none"]
    if check in ("tract", "reference", "none"):
        return [f"--check={check}"]
    raise InvalidArguments(f"check is {check!r}; it is True, False, 'tract' or 'reference'")


def _axis_flags(dynamic_axes, names: List[str], inputs: List[str]) -> List[str]:
    flags = []
    axes = model_file.normalised_axes(dynamic_axes, inputs, names) if inputs else dynamic_axes or {}
    for own, places in axes.items():
        name = names[inputs.index(own)] if inputs else own
        for axis, symbol in places.items():
            flags += ["--dynamic-axes", f"{name}:{axis}={symbol}"]
    return flags


def _model_file(model, args, kwargs, dynamic_axes, input_names, via, folder) -> model_file.ModelFile:
    if isinstance(model, (str, os.PathLike)):
        if args != () or kwargs:
            raise InvalidArguments("model is a file: its sample inputs are in it, or given by options=['--inputs', FILE]")
        return model_file.ModelFile(pathlib.Path(model), [], [])
    import torch
    if not isinstance(model, torch.nn.Module) and not _is_program(model):
        raise InvalidArguments(f"model is {_kind(model)}; give a torch.nn.Module, an ExportedProgram, or a file")
    sample = model_file.Sample(tuple(args) if isinstance(args, (tuple, list)) else (args,), dict(kwargs))
    if _is_program(model):
        return model_file.write_exported(model, sample, {}, folder / "model.pt2")
    model_file.check_arguments(model, sample)
    for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
        if tensor.device.type != "cpu":
            raise InvalidArguments(f"{name} is on {tensor.device}; move the model and its inputs to the CPU: model.cpu()")
    inputs = model_file.tensor_names(model, sample)
    if input_names and len(input_names) != len(inputs):
        raise InvalidArguments(f"input_names has {len(input_names)} names for {len(inputs)} tensors: {', '.join(inputs)}")
    axes = model_file.normalised_axes(dynamic_axes, inputs, input_names)
    model_file.check_axes(model, sample, axes)
    with model_file.evaluating(model):
        return _written(model, sample, axes, via, folder)


def _kind(model) -> str:
    if isinstance(model, type):
        return f"the class {model.__name__}, not an instance of it"
    if isinstance(model, Mapping):
        return f"a {type(model).__name__}: weights without the model's code"
    return f"a {type(model).__name__}"


def _is_program(model) -> bool:
    return type(model).__name__ == "ExportedProgram"


def _written(model, sample, axes, via, folder) -> model_file.ModelFile:
    import torch
    reason = ""
    if via != "torchscript" and not isinstance(model, torch.jit.ScriptModule):
        if not hasattr(torch, "export") or not hasattr(getattr(torch.export, "Dim", None), "AUTO"):
            reason = f"torch {torch.__version__} has no torch.export of today (2.6)"
        else:
            try:
                return model_file.write_exported(model, sample, axes, folder / "model.pt2")
            except Exception as error:  # pylint: disable=broad-except  # anything of the user's model, and of torch
                reason = f"torch.export failed: {_first_line(error)}"
                if via == "export":
                    raise NotExportable(f"{reason}\n    hint via='torchscript' traces the model instead") from error
        if via == "export":
            raise NotExportable(reason)
    try:
        file = model_file.write_traced(model, sample, axes, folder / "model.pt")
    except ExportError as error:
        raise type(error)("\n".join(filter(None, [reason, str(error)]))) from None
    except Exception as error:  # pylint: disable=broad-except
        traced = f"torch.jit.trace failed: {_first_line(error)}"
        raise NotExportable("\n".join(filter(None, [reason, traced]))) from error
    if reason:
        file.notes.insert(0, f"exported by torch.jit.trace: {reason}")
    return file


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def _run(file, flags, page, progress) -> Report:
    status, output, errors = program.run([str(file.path), *flags, "--json", "--report", str(page)], progress)
    try:
        contents = json.loads(output)
    except ValueError:
        # An error of the command line is said before there is a report.
        raise _ERRORS.get(status, ProgramFailed)(errors.strip() or f"torch2nnef ended with status {status}") from None
    report = Report(contents, file.notes, page.read_text(encoding="utf-8") if page.exists() else "")
    if status == 0:
        return report
    reasons = [str(one) for one in report.diagnostics if one.severity == "error"]
    message = "\n".join(file.notes + (reasons or [errors.strip()]))
    raise _ERRORS.get(status, ProgramFailed)(message, report)
