"""The program torch2nnef: where it is, and one run of it."""
import os
import pathlib
import shutil
import subprocess
import threading
from typing import Callable, List, Optional, Sequence, Tuple

from .errors import ProgramNotFound

NAME = "torch2nnef"


def find_program() -> str:
    """The path of the program: $TORCH2NNEF, the one in this package, in the build folder of a checkout, or on PATH.

    Raises ProgramNotFound.
    """
    given = os.environ.get("TORCH2NNEF")
    if given:
        if shutil.which(given):
            return shutil.which(given) or given
        raise ProgramNotFound(f"$TORCH2NNEF is {given}, which is no program")
    here = pathlib.Path(__file__).resolve().parent
    for candidate in (here / "bin" / NAME, here.parents[2] / "build" / "release" / NAME):
        if os.access(candidate, os.X_OK) and candidate.is_file():
            return str(candidate)
    # The script that pip installs has the same name and would call itself.
    for folder in os.get_exec_path():
        candidate = pathlib.Path(folder) / NAME
        if os.access(candidate, os.X_OK) and candidate.is_file() and not _is_script(candidate):
            return str(candidate)
    raise ProgramNotFound("the program torch2nnef was not found: install it (tools/demo of its repository builds it), "
                          "or set $TORCH2NNEF to its path")


def _is_script(path: pathlib.Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def run(arguments: Sequence[str], progress: Optional[Callable[[str], None]]) -> Tuple[int, str, str]:
    """Exit status, standard output and standard error; `progress` gets each line of the latter as it comes."""
    command = [find_program(), *arguments]
    errors: List[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace") as process:
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
    return process.returncode, output, "".join(errors)
