"""Exports PyTorch models to NNEF for the tract engine, and checks them.

    from torch2nnef import export_model_to_nnef
    report = export_model_to_nnef(model, (image,), "model.nnef.tgz", dynamic_axes={"image": {0: "B"}})
    print(report)

The work is done by the program `torch2nnef`; torch is needed only to write the model file that it reads.
"""
from .errors import CheckFailed, ExportError, InvalidArguments, NotExportable, ProgramFailed, ProgramNotFound, WrongTorch
from .export import export_model_to_nnef
from .report import Check, Diagnostic, OutputCheck, Report, SourceLine, Symbol, TensorFacts

__all__ = [
    "Check", "CheckFailed", "Diagnostic", "ExportError", "InvalidArguments", "NotExportable", "OutputCheck", "ProgramFailed",
    "ProgramNotFound", "Report", "SourceLine", "Symbol", "TensorFacts", "WrongTorch",
    "export_model_to_nnef",
]
