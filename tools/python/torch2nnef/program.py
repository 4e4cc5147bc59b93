"""The program torch2nnef: where it is, and one run of it."""
import os
import pathlib
import shutil
import subprocess
import threading
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from . import installed
from .errors import ProgramNotFound, WrongTorch

NAME = "torch2nnef"


@dataclass(frozen=True)
class Program:
    path: str
    environment: Dict[str, str]


def find_program() -> Program:
    """The program, and the environment to start it in: $TORCH2NNEF, the one in this package, in the build folder of a
    checkout, or on PATH.

    Raises ProgramNotFound; WrongTorch, which is one, when the only program is that of this package, for another torch.
    """
    given = os.environ.get("TORCH2NNEF")
    if given:
        if shutil.which(given):
            return _program(shutil.which(given) or given)
        raise ProgramNotFound(f"$TORCH2NNEF is {given}, which is no program")
    here = pathlib.Path(__file__).resolve().parent
    own = here / "bin" / NAME
    wrong_torch: Optional[WrongTorch] = None
    if _is_program(own):
        try:
            return _program(str(own), _library_path(installed.libtorch((own.parent / "torch_version").read_text().strip())))
        except WrongTorch as error:
            wrong_torch = error
    # The script that pip installs has the same name and would call itself.
    places = [here.parents[2] / "build" / "release", *map(pathlib.Path, os.get_exec_path())]
    for candidate in (place / NAME for place in places):
        if _is_program(candidate) and not _is_script(candidate):
            return _program(str(candidate))
    raise wrong_torch or ProgramNotFound("the program torch2nnef was not found: install a wheel that carries it "
                                         "(tools/python/build_wheel of its repository makes one), or set $TORCH2NNEF to its path")


def _is_program(path: pathlib.Path) -> bool:
    return os.access(path, os.X_OK) and path.is_file()


def _is_script(path: pathlib.Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def _library_path(folder: pathlib.Path) -> Dict[str, str]:
    return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("LD_LIBRARY_PATH")]))}


def _program(path: str, more: Optional[Dict[str, str]] = None) -> Program:
    environment = {**os.environ, **(more or {})}
    library = installed.tract_library()
    if library:  # for tract-run, unless the user names another
        environment.setdefault("TRACT_LIBRARY", str(library))
    return Program(path, environment)


def run(arguments: Sequence[str], progress: Optional[Callable[[str], None]]) -> Tuple[int, str, str]:
    """Exit status, standard output and standard error; `progress` gets each line of the latter as it comes."""
    program = find_program()
    errors: List[str] = []
    with subprocess.Popen([program.path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          env=program.environment) as process:
        def follow():
            for line in process.stderr:
                errors.append(line)
                if progress:
                    progress(line.rstrip("\n"))

        follower = threading.Thread(target=follow)
        follower.start()
        try:
            output = process.stdout.read()
        except BaseException:  # Ctrl-C, and the notebook's stop button
            process.terminate()
            raise
        finally:
            follower.join()
    text = "".join(errors)
    if process.returncode == 127 and "error while loading shared libraries" in text:
        raise ProgramNotFound(f"{program.path} cannot be started: {text.strip()}")
    return process.returncode, output, text
