"""Starts the project's programs as a user does, in processes of their own that find the libraries imported already.

This file is also the script of the process that has them imported; it divides in two for each program.
"""

import gc
import json
import os
import runpy
import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARIES = (
    "hydra.main",
    "jinja2",
    "matplotlib.pyplot",
    "pandas",
    "rich.console",
    "scipy.stats",
    "sklearn.datasets",
    "sklearn.model_selection",
)


def python(*arguments, cwd, root=ROOT, code=0, **environment):
    """Run `python FILE …`, `-m MODULE …` or `-c CODE`; the modules of the project are those below `root`.

    Warnings are errors. The exit code has to be `code`; the result has it beside `stdout` and `stderr`.
    """
    server = _server()
    with tempfile.TemporaryDirectory() as folder:
        outputs = [str(Path(folder, name)) for name in ("stdout", "stderr")]
        request = [*map(str, arguments)], str(Path(cwd).resolve()), str(root), environment, outputs
        print(json.dumps(request), file=server.stdin, flush=True)
        ended = int(server.stdout.readline())
        stdout, stderr = (Path(output).read_text() for output in outputs)
    assert ended == code, stderr + stdout
    return subprocess.CompletedProcess(arguments, ended, stdout, stderr)


@cache
def _server():
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-W", "error", __file__], stdin=pipe, stdout=pipe, text=True)


def _divide():
    """Return what a new process has to do, in that process; the first one stays here."""
    for line in sys.stdin:
        process = os.fork()
        if not process:
            return json.loads(line)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
    sys.exit()


if __name__ == "__main__":
    for name in LIBRARIES:
        import_module(name)
    gc.freeze()  # else each process ends with a look at every object of the libraries, half a second
    arguments, cwd, root, environment, outputs = _divide()
    for number, path in enumerate([os.devnull, *outputs]):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    os.chdir(cwd)
    os.environ.update(environment)
    sys.path[0] = root
    sys.argv[:] = arguments if arguments[0].endswith(".py") else arguments[1:]
    if arguments[0] == "-m":
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        exec(arguments[1], {"__name__": "__main__"})
    else:
        runpy.run_path(arguments[0], run_name="__main__")
