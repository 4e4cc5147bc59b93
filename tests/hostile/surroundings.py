"""What a run meets outside of its files: streams, limits, folders, signals, an engine that misbehaves, odd paths."""
import functools
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess

TESTS = pathlib.Path(__file__).resolve().parent.parent
MODEL = TESTS / "models/digits.pt"
INPUTS = ["--inputs", str(MODEL.with_suffix(".inputs.npz"))]


def at_start(r):
    """Something that happens in the process before the program begins."""
    def closes(*descriptors):
        return lambda: [os.close(d) for d in descriptors]

    def in_a_folder_that_is_gone():
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")

    return r.choice([closes(0), closes(1), closes(2), closes(0, 1, 2), closes(0, 2), in_a_folder_that_is_gone, lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN), lambda: os.umask(0o777), lambda: os.umask(0),
                     lambda: os.setsid(), lambda: os.nice(10), lambda: signal.pthread_sigmask(signal.SIG_BLOCK, list(range(1, 32)))])


def limits(r):
    return r.choice([(resource.RLIMIT_NOFILE, r.choice([12, 20, 40])), (resource.RLIMIT_FSIZE, r.choice([0, 1, 512, 4096, 65536])), (resource.RLIMIT_STACK, r.choice([1 << 20, 8 << 20])),
                     (resource.RLIMIT_AS, r.choice([900, 1200, 1600, 2400]) << 20)])  # less is too little to load the libraries


def temporary_folder(r, work):
    if not (work / "empty").exists():
        (work / "loop").symlink_to("loop")
        (work / "empty").mkdir()
        (work / "locked").mkdir()
        (work / "locked").chmod(0o500)
    return r.choice(["/nope", "", "loop", "/proc", "/sys", "/dev/null", "a" * 5000, "empty", "locked", "/dev/full", "\x1b[2J", "empty/../empty", "."])


ENGINES = ["#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 101\n", "#!/bin/sh\nkill -SEGV $$\n", "#!/bin/sh\nyes AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", "#!/bin/sh\nprintf 'tract 0.23.9\\n'; printf '\\033[2J' >&2; exit 1\n",
           "#!/bin/sh\necho tract 0.23.9\nhead -c 200000000 /dev/zero\n", "#!/bin/sh\necho tract 0.23.9\nsleep 600\n", "#!/bin/sh\necho tract 0.23.9\nsleep 600 &\nexit 0\n", "#!/bin/sh\necho tract 99999999999999999999.1.2\n", "#!/nope/sh\n",
           "", "\x7fELF", "#!/bin/sh\ncat /dev/urandom | head -c 100000\n", "#!/bin/sh\necho tract 0.23.9\nfor a; do case $a in *.npz) echo bad >\"$a\";; esac; done\n", "#!/bin/sh\nread x; echo tract 0.23.9\n"]


def engine(r, work):
    file = work / "engine"
    file.write_bytes(r.choice(ENGINES).encode())
    file.chmod(r.choice([0o755, 0o755, 0o755, 0o644]))
    return ["--tract", "./engine", "--check=tract", "--timeout", r.choice(["1", "2", "0.5"])]


def odd_file(r, work, name):
    """A file that is not one, or that has no end."""
    path = work / name
    r.choice([lambda: os.mkfifo(path), path.mkdir, lambda: path.symlink_to(name), lambda: path.symlink_to("/dev/zero"), lambda: path.symlink_to("/dev/null"), lambda: path.symlink_to("/proc/self/mem"),
              lambda: path.symlink_to("/dev/stdin"), lambda: path.symlink_to("nowhere"), lambda: path.symlink_to("/proc/self/fd"), lambda: sparse(path, r.choice([1 << 30, 1 << 40])), lambda: bound(path), lambda: locked(path),
              lambda: path.symlink_to("/proc/kmsg"), lambda: path.symlink_to("/sys/kernel/notes")])()


def sparse(path, size):
    with open(path, "wb") as file:
        file.write(MODEL.read_bytes()[:30])
        file.truncate(size)


def bound(path):
    place = socket.socket(socket.AF_UNIX)
    place.bind(os.path.relpath(path) if len(str(path)) > 90 else str(path))
    place.close()


def locked(path):
    path.write_bytes(MODEL.read_bytes())
    path.chmod(0)


def places(r, work):
    """Where the result goes: onto what is there already, and onto what is read."""
    (work / "m.pt").write_bytes(MODEL.read_bytes())
    (work / "in.npz").write_bytes(MODEL.with_suffix(".inputs.npz").read_bytes())
    (work / "loop").symlink_to("loop")
    (work / "to_model").symlink_to("m.pt")
    os.link(work / "m.pt", work / "same")
    (work / "pipe.nnef.tgz").symlink_to("/dev/full")
    target = r.choice(["m.pt", "./m.pt", "in.npz", "to_model", "same", "loop", "loop/a.nnef.tgz", "m.pt/a.nnef.tgz", "pipe.nnef.tgz", "/dev/full", "/dev/null", "/proc/out.nnef.tgz", "/nope/out.nnef.tgz", "", ".", "..", "/", "out/",
                       "a" * 300 + ".nnef.tgz", "b/" * 2000 + "o.nnef.tgz", "-", "out\n.nnef.tgz", "out\x1b[2J.nnef.tgz", "o/../out.nnef.tgz"])
    option = r.choice(["-o", "-o", "-o", "--report", "--debug-bundle"])
    more = [] if option == "-o" else ["-o", "out.nnef.tgz"]
    return ["m.pt", "--inputs", "in.npz", option, target, *more, r.choice(["--check=none", "--check=reference"]), *r.choice([[], [], ["--force"]])], target



@functools.lru_cache(None)
def unshare():
    """The command that gives a process disks of its own; none where that is not allowed."""
    found = shutil.which("unshare")
    return found if found and subprocess.run([found, "-rm", "true"], stderr=subprocess.DEVNULL).returncode == 0 else None


def small_disk(r):
    """A command in front of the program's: its folders are on a disk that is full soon."""
    size = r.choice(["4k", "16k", "64k", "256k"])
    script = f'/bin/mount -t tmpfs -o size={size} none "$TMPDIR" && /bin/mkdir "$TMPDIR/t" && cd "$TMPDIR" && TMPDIR="$TMPDIR/t" exec "$@"'
    return [unshare(), "-rm", "/bin/sh", "-c", script, "sh"] if unshare() else []
