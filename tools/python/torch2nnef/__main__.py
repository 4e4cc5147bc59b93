"""`python -m torch2nnef` is the program itself: the same flags, the same exit status."""
import os
import sys

from .errors import ProgramNotFound
from .program import find_program


def main() -> int:
    try:
        program = find_program()
    except ProgramNotFound as error:
        print(f"torch2nnef: {error}", file=sys.stderr)
        return 2
    os.execve(program.path, ["torch2nnef", *sys.argv[1:]], program.environment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
