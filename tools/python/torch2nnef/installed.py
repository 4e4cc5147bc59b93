"""What this Python has installed that the program uses: torch, whose libtorch the program of a wheel takes, and tract.

Neither is imported: torch takes seconds and all of CUDA.
"""
import importlib.util
import pathlib
import re
import sys
from dataclasses import dataclass
from typing import Optional

from .errors import WrongTorch


@dataclass(frozen=True)
class Torch:
    folder: pathlib.Path
    version: str  # "2.15.0", without what a build adds to it ("+cpu")


def _folder(package: str) -> Optional[pathlib.Path]:
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module that something else has put in its place
        return None
    places = list(spec.submodule_search_locations or []) if spec else []
    return pathlib.Path(places[0]) if places else None


def torch() -> Optional[Torch]:
    folder = _folder("torch")
    try:
        found = re.search(r"__version__ = ['\"]([^'\"+]+)", (folder / "version.py").read_text()) if folder else None
    except OSError:
        found = None
    return Torch(folder, found[1]) if found else None


def libtorch(version: str) -> pathlib.Path:
    """The folder of the libraries of the installed torch. Raises WrongTorch unless it has that version: as for a plugin,
    nothing less makes sure that the program and the library agree on what is in memory."""
    found = torch()
    if not found:
        raise WrongTorch(f"the program in this package runs with torch {version}, and {sys.executable} has no torch: "
                         f"pip install torch=={version}")
    if found.version != version:
        raise WrongTorch(f"the program in this package runs with torch {version}, and {sys.executable} has torch "
                         f"{found.version} (in {found.folder}): pip install torch=={version}, or make a wheel for your torch "
                         f"(tools/python/build_wheel --torch {sys.executable}, in a clone of the repository)")
    for name in ("libtorch_cpu.so", "libc10.so"):
        if not (found.folder / "lib" / name).is_file():
            raise WrongTorch(f"torch {version} in {found.folder} has no lib/{name}: pip install --force-reinstall torch=={version}")
    return found.folder / "lib"


def tract_library() -> Optional[pathlib.Path]:
    """tract's shared library out of its package, when that is installed."""
    folder = _folder("tract")
    found = sorted(folder.glob("*.so")) if folder else []
    return found[0] if len(found) == 1 else None
