"""How workers start: whatever program calls the library, its `__main__` is never imported again."""

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from experiments.sweep import scheduling
from experiments.sweep.scheduling import number_of_workers
from experiments.sweep.workers import make_pool
from tests.experiments.studies import SMALL

ROOT = Path(__file__).parents[3]
WORDS = ("dataset=iris", "epochs=2", "seeds=4", "net.hidden=[4]", "workers=2")
SCRIPT = f"""
import os, sys
print("begin", file=sys.stderr)
from experiments import run_study
from experiments.sweep import scheduling
make_pool = scheduling.make_pool
def noted(workers):
    pool = make_pool(workers)
    print(type(pool).__name__, pool.workers, file=sys.stderr)
    return pool
scheduling.make_pool = noted
tables = run_study(*{WORDS!r})
print(len(tables.replicas), "networks", file=sys.stderr)
"""
TWO = ["begin", "Processes 2", "4 networks"]
ONE = ["begin", "Thread 1", "4 networks"]


def lines(command, cwd, stdin=None, **environment):
    """Run a program; return what it says on stderr."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


@pytest.mark.faults
def test_a_script_without_a_guard(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    assert lines(["script.py"], tmp_path) == TWO


@pytest.mark.faults
def test_a_command_and_the_standard_input(tmp_path):
    assert lines(["-c", SCRIPT], tmp_path) == TWO
    assert lines(["-", "x"], tmp_path, SCRIPT.replace("seeds=4", "seeds=6"))[1:] == ["Processes 2", "6 networks"]


@pytest.mark.faults
def test_beside_a_thread_and_in_one(tmp_path):
    program = (
        "import threading, time\n"
        "threading.Thread(target=lambda: [time.sleep(.01) for _ in range(10**6)], daemon=True).start()\n"
        f"thread = threading.Thread(target=lambda: exec({SCRIPT!r}, {{}}))\n"
        "thread.start(); thread.join()"
    )
    assert lines(["-c", program], tmp_path) == TWO


@pytest.mark.faults
def test_a_notebook(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{SCRIPT}")]
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(output["text"] for output in notebook.cells[0]["outputs"] if output.get("name") == "stderr")
    assert said.splitlines() == TWO


@pytest.mark.faults
@pytest.mark.parametrize(
    "program",
    [
        "from multiprocessing import get_context\n"
        "with get_context('{method}').Pool(1) as pool: pool.apply(exec, (SCRIPT, {{}}))",
        "import joblib\njoblib.Parallel(2)(joblib.delayed(exec)(SCRIPT, {{}}) for _ in range(1))",
    ],
    ids=["daemonic process", "joblib"],
)
def test_inside_a_worker_it_is_one_worker(tmp_path, program):
    code = f"SCRIPT = {SCRIPT!r}\nif __name__ == '__main__':\n    " + program.format(method="spawn").replace(
        "\n", "\n    "
    )
    (tmp_path / "script.py").write_text(code)
    assert lines(["script.py"], tmp_path) == ONE


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(scheduling.joblib, "cpu_count", lambda: 2)


def test_few_networks_and_small_work_start_no_processes(jobs, two_cores):
    assert number_of_workers(jobs([])) == 1
    assert number_of_workers(jobs(["workers=7"])) == 2  # as many as networks
    assert number_of_workers(jobs(["net.hidden=[512,512]", "epochs=1000", "seeds=1"])) == 1
    assert number_of_workers(jobs(["net.hidden=[512,512]", "epochs=1000"])) == 2


def test_more_workers_than_cores_are_said_to_be_no_faster(jobs, two_cores, capsys, monkeypatch):
    monkeypatch.setattr(scheduling.Scheduler, "run", lambda self: self.pool.shutdown())
    scheduling.train_all(jobs(["workers=2"]))
    assert capsys.readouterr().err == ""
    scheduling.train_all(jobs(["workers=16", "seeds=3"]))
    assert capsys.readouterr().err == "3 workers share 2 cores: that is no faster than workers=2\n"


def test_jobs_of_several_presets_share_the_largest_number_of_workers(jobs, two_cores):
    few, many, auto = ["workers=2", "seeds=5"], ["workers=3", "activation=elu"], ["activation=tanh", "seeds=1"]
    assert number_of_workers(jobs(few, many)) == 3
    assert number_of_workers(jobs(few, auto)) == 1  # the work is small


def test_a_worker_of_ray_starts_no_processes(jobs, two_cores, monkeypatch):
    monkeypatch.setenv("RAY_RAYLET_PID", "1")
    assert number_of_workers(jobs(["workers=2"])) == 1


def test_threads_that_train_at_once_share_nothing(tmp_path, settings, monkeypatch):
    from experiments.sweep.jobs import Job
    from experiments.sweep.scheduling import train_all

    monkeypatch.chdir(tmp_path)
    jobs = [Job.of(settings(*SMALL, f"study={name}")) for name in ("one", "two", "three")]
    threads = [threading.Thread(target=train_all, args=([job],)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, *others = [job.folder.read().files["history.csv"] for job in jobs]
    assert others == [first, first]


@pytest.mark.faults
@pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="a system without this signal")
def test_workers_leave_the_signals_of_a_batch_system_to_the_driver():
    pool = make_pool(2)
    handlers = [pool.submit(signal.getsignal, number).result() for number in (signal.SIGINT, signal.SIGUSR2)]
    pool.shutdown()
    assert handlers == [signal.SIG_IGN, signal.SIG_IGN]


@pytest.mark.faults
def test_workers_do_not_look_for_garbage_in_their_modules():
    pool = make_pool(2)
    count = pool.submit(gc.get_freeze_count).result()
    pool.shutdown()
    assert count > 10_000  # all objects of the modules
