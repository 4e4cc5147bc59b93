"""The program's JSON report as objects; its members are those of tools/report.schema.json."""
import pathlib
import tempfile
import webbrowser
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple, Union

Size = Union[int, str]  # a number, or an expression of symbols


@dataclass(frozen=True)
class SourceLine:
    """A line of the Python that the model was made of."""
    file: str
    line: int
    function: str
    text: str

    def __str__(self):
        return f"{self.file}:{self.line} in {self.function}: {self.text}"


@dataclass(frozen=True)
class Diagnostic:
    """An error, a warning or a note. `source` begins with the innermost line."""
    severity: str
    code: str
    text: str
    hint: str = ""
    operator: str = ""
    count: int = 1
    module_path: str = ""
    module_class: str = ""
    source: Tuple[SourceLine, ...] = ()

    def __str__(self):
        lines = [f"{self.severity} {self.code}: {self.text}" + (f" ({self.count} times)" if self.count > 1 else "")]
        words = ["at"] + ["from"] * len(self.source)
        lines += [f"    {word:4} {line}" for word, line in zip(words, self.source)]
        if self.hint:
            lines.append(f"    hint {self.hint}")
        return "\n".join(lines)


@dataclass(frozen=True)
class TensorFacts:
    """An input or output of the archive."""
    name: str
    dtype: str
    shape: Tuple[Size, ...]

    def __str__(self):
        return f"{self.name} {self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Symbol:
    """A dynamic size, its bounds, and the axes that it is: (input, axis, size)."""
    name: str
    minimum: Optional[int]
    maximum: Optional[int]
    places: Tuple[Tuple[str, int, str], ...]

    def __str__(self):
        is_bounded = self.minimum is not None or self.maximum is not None
        bounds = f"={_or_nothing(self.minimum)}..{_or_nothing(self.maximum)}" if is_bounded else ""
        return f"{self.name}{bounds}: " + ", ".join(f"axis {axis} of {name}" for name, axis, _ in self.places)


@dataclass(frozen=True)
class OutputCheck:
    """One output compared with PyTorch's, at one set of sizes, in one engine."""
    engine: str
    name: str
    sizes: Dict[str, int]
    agrees: bool
    max_abs: Any
    max_rel: Any
    detail: str


@dataclass(frozen=True)
class Check:
    """The comparison with PyTorch."""
    engine: str
    agrees: bool
    not_run_because: str
    outputs: Tuple[OutputCheck, ...]


@dataclass
class Report:
    """What an export did. `json` is the whole report as the program wrote it."""
    json: Dict[str, Any]
    notes: List[str] = field(default_factory=list)  # what happened before the program was called
    page: str = ""                                  # the report as an HTML page

    @property
    def status(self) -> str:
        return self.json.get("status", "")

    @property
    def output(self) -> str:
        return self.json.get("output", "")

    @property
    def inputs(self) -> List[TensorFacts]:
        return [_tensor(one) for one in self.json.get("inputs", [])]

    @property
    def outputs(self) -> List[TensorFacts]:
        return [_tensor(one) for one in self.json.get("outputs", [])]

    @property
    def symbols(self) -> List[Symbol]:
        return [Symbol(one["name"], one.get("minimum"), one.get("maximum"),
                       tuple((place["input"], place["axis"], place["size"]) for place in one["places"]))
                for one in self.json.get("symbols", [])]

    @property
    def constraints(self) -> List[str]:
        """Conditions on sizes that the archive was made under."""
        return self.json.get("constraints", [])

    @property
    def diagnostics(self) -> List[Diagnostic]:
        return [_diagnostic(one) for one in self.json.get("diagnostics", [])]

    @property
    def check(self) -> Optional[Check]:
        """None where the export ended before it."""
        check = self.json.get("check")
        if not check:
            return None
        return Check(check["engine"], check["agrees"], check["not_run_because"],
                     tuple(OutputCheck(**one) for one in check["outputs"]))

    @property
    def divergence(self) -> Optional[Dict[str, Any]]:
        """The first operation whose values differ, after a check that failed."""
        return (self.json.get("check") or {}).get("divergence")

    def show(self) -> None:
        """Shows the page of the report: in a notebook below the cell, else in the browser."""
        try:
            from IPython import get_ipython
            from IPython.display import HTML, display
            if get_ipython() is not None:
                display(HTML(self.page))
                return
        except ImportError:
            pass
        with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False, encoding="utf-8") as file:
            file.write(self.page)
        webbrowser.open(pathlib.Path(file.name).as_uri())

    def __str__(self):
        lines = list(self.notes)
        if self.output:
            lines.append(f"{self.output}: {self.json['archive_bytes']} bytes, {self.json['tensors']} tensors, "
                         f"{self.json['operations']} operations from {self.json['calls']} calls")
        lines += [f"  input   {one}" for one in self.inputs] + [f"  output  {one}" for one in self.outputs]
        lines += [f"  symbol  {one}" for one in self.symbols]
        lines += [f"  only    {one}" for one in self.constraints]
        if self.check:
            verdict = "every output agrees with PyTorch" if self.check.agrees else "outputs differ from PyTorch's"
            lines.append(f"  check   {self.check.engine}: {verdict}" if self.check.outputs else "  check   not run")
            if self.check.not_run_because:
                lines.append(f"          {'not in tract: ' if self.check.outputs else ''}{self.check.not_run_because}")
        return "\n".join(lines + [str(one) for one in self.diagnostics])


def _or_nothing(value: Optional[int]) -> str:
    return "" if value is None else str(value)


def _tensor(one: Dict[str, Any]) -> TensorFacts:
    return TensorFacts(one["name"], one["dtype"], tuple(one["shape"]))


def _diagnostic(one: Dict[str, Any]) -> Diagnostic:
    source = tuple(SourceLine(line["file"], line["line"], line["function"], line["text"]) for line in one["source"])
    return Diagnostic(one["severity"], one["code"], one["text"], one["hint"], one["operator"], one["count"],
                      one["module_path"], one["module_class"], source)
