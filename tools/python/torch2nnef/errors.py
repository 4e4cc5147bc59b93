"""What an export raises."""
from typing import Optional

from .report import Report


class ExportError(Exception):
    """An export that gave no archive. `report` holds the diagnostics, when there was a model file to report about."""

    def __init__(self, message: str, report: Optional[Report] = None):
        super().__init__(message)
        self.report = report

    @property
    def diagnostics(self):
        return self.report.diagnostics if self.report else []


class NotExportable(ExportError):
    """The model cannot be exported faithfully: every reason, with the line of Python it comes from."""


class InvalidArguments(ExportError, ValueError):
    """The arguments do not fit the model, or each other."""


class CheckFailed(ExportError):
    """The archive does not compute what PyTorch computes; `report.divergence` is where they part first."""


class ProgramFailed(ExportError):
    """torch2nnef itself failed: a bug to be reported."""


class ProgramNotFound(ExportError):
    """The program torch2nnef is not installed."""


class WrongTorch(ProgramNotFound):
    """The program that this package carries runs with another torch than the one that is installed."""
