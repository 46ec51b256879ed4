"""Faults that a study has to survive, each on the real program: `pytest -m faults`.

After each of them the next invocation of the same command ends with tables that are byte for byte those of an
undisturbed study.
"""

import ctypes
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.store.__main__ import verify
from experiments.store.study import Study

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[1]
SWEEP = ("-m", "activation=relu,tanh,elu", "dataset=iris,moons", "seeds=3", "net.hidden=[8]", "epochs=40")
WORKERS = "workers=2"  # these sweeps are too small to start any by themselves
LONG = (
    "-m",
    "activation=relu,tanh,elu,silu,maxout,prelu",
    "optimizer=sgd,adam",
    "optimizer.lr=0.01",
    "activation_l1=0,0.001",
    "dataset=moons",
    "net.hidden=[8]",
    "seeds=2",
    "epochs=60",
    "checkpoint.every=20",
)
CLOCKS = {"timing.csv", "environment.json", "status.json"}


def start(arguments, cwd, **options):
    command = [sys.executable, "-W", "error", str(ROOT / "run.py"), *arguments]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options
    )


def run(arguments, cwd, code=0, **options):
    process = start(arguments, cwd, **options)
    out, err = process.communicate(timeout=600)
    assert process.returncode == code, err + out
    return out, err


def snapshot(folder):
    """Return the bytes of all files but the clocks; hidden files are the store's own."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in CLOCKS and not any(part.startswith(".") for part in path.parts[-4:])
    }


def half_written(folder):
    """Return files that are left from a write that did not end."""
    return [path for path in folder.rglob(".*.*.*") if path.is_file()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The results folder of `SWEEP`, in peace."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run(SWEEP, folder)
    return folder / "results"


@pytest.fixture
def study(undisturbed, tmp_path):
    """A copy of the undisturbed study to be damaged: its working directory."""
    shutil.copytree(undisturbed, tmp_path / "results")
    return tmp_path


def recovers(cwd, undisturbed, arguments=SWEEP, **options):
    out, _ = run(arguments, cwd, **options)
    assert snapshot(cwd / "results") == snapshot(undisturbed)
    assert not half_written(cwd / "results")
    return out


def wait_for(condition):
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_a_driver_killed_twenty_times(tmp_path):
    (tmp_path / "calm").mkdir()
    (tmp_path / "killed").mkdir()
    run(LONG, tmp_path / "calm")
    moments = random.Random(0)
    killed = 0
    while killed < 20:
        process = start([*LONG, WORKERS], tmp_path / "killed")
        marks = tmp_path / "killed/results/default/.progress"
        wait_for(lambda process=process, marks=marks: marks.exists() or process.poll() is not None)
        time.sleep(moments.uniform(0, 3))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed += 1
    out = recovers(tmp_path / "killed", tmp_path / "calm/results", [*LONG, WORKERS])
    print(f"\n24 runs of 2 replicas, killed {killed} times; the last invocation: {out.splitlines()[-1]}")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_a_signal_leaves_nothing_half_written_and_the_next_goes_on(tmp_path, number, code, workers):
    (tmp_path / "calm").mkdir()
    (tmp_path / "stopped").mkdir()
    one = ("activation=relu", "dataset=moons", "epochs=300", "seeds=4", "checkpoint.every=50")
    run(one, tmp_path / "calm")
    process = start([*one, f"workers={workers}"], tmp_path / "stopped")
    runs = tmp_path / "stopped/results/default/runs"
    wait_for(lambda: list(runs.glob("*/.checkpoints/*.npz")))
    os.killpg(process.pid, number)  # as a terminal does: the workers hear of it too
    _, err = process.communicate(timeout=240)
    assert process.returncode == code
    assert err.count("\n") == 1
    assert "finished runs and the checkpoints of others are stored, and the same command continues" in err
    assert not half_written(tmp_path / "stopped/results")
    assert not list(runs.glob("*/status.json"))
    wait_for(lambda: not session(process))
    recovers(tmp_path / "stopped", tmp_path / "calm/results", one)


@pytest.mark.parametrize("moment", [0.1, 0.3, 0.6, 1, 1.5])
def test_a_signal_while_the_workers_start(tmp_path, moment):
    process = start([*SWEEP, WORKERS], tmp_path)
    wait_for(lambda: (tmp_path / "results/default/.progress").exists())
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=240)
    assert process.returncode in (0, 130)
    assert err.count("\n") == (process.returncode == 130), err
    wait_for(lambda: not session(process))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_interrupt_ends_a_sweep_at_once(tmp_path, workers):
    # An epoch of it takes minutes.
    words = ("dataset=moons", "dataset.samples=300000", "net.hidden=[512,512]", "batch_size=16", "seeds=2")
    process = start([*words, f"workers={workers}"], tmp_path)
    wait_for(lambda: trains(tmp_path))
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    wait_for(lambda: not session(process))


def test_a_signal_keeps_the_runs_that_are_done(tmp_path, undisturbed):
    process = start([*SWEEP, "epochs=400", WORKERS], tmp_path)
    runs = tmp_path / "results/default/runs"
    wait_for(lambda: list(runs.glob("*/status.json")))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=240)
    assert process.returncode == 143
    assert (tmp_path / "results/default/replicas.csv").exists()


def test_a_tuned_sweep_that_is_killed_in_between(tmp_path):
    (tmp_path / "calm").mkdir()
    (tmp_path / "killed").mkdir()
    tuned = [*SWEEP, "optimizer.lr=[0.01,0.1]", "tune.seeds=2", "epochs=100", WORKERS]
    run(tuned, tmp_path / "calm")
    process = start(tuned, tmp_path / "killed")
    runs = tmp_path / "killed/results/default/runs"
    wait_for(lambda: list(runs.glob("*/tuning.json")) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    study = Study("default", tmp_path / "killed/results")
    assert "waits to be trained" in study.unfinished().values()
    recovers(tmp_path / "killed", tmp_path / "calm/results", tuned)
    assert study.unfinished() == {}


def session(process):
    """Return by process what runs in the session of a program that `start` has started."""
    listing = subprocess.run(["ps", "-ww", "-eo", "sid=,pid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 3) for line in listing.stdout.splitlines()]
    return {int(row[1]): row[3] for row in rows if int(row[0]) == process.pid and not row[2].startswith("Z")}


def workers(process):
    """Return the worker processes of a program."""
    return [number for number, command in session(process).items() if "popen_loky" in command]


def trains(folder):
    """Return whether a part of a run has begun."""
    marks = Study("default", folder / "results").marks.read()
    return any(mark.state == "running" for mark in marks.values())


def test_a_killed_worker_costs_nothing_but_time(tmp_path):
    (tmp_path / "calm").mkdir()
    (tmp_path / "killed").mkdir()
    run(LONG, tmp_path / "calm")
    process = start([*LONG, WORKERS], tmp_path / "killed")
    wait_for(lambda: trains(tmp_path / "killed"))
    os.kill(workers(process)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err + out
    assert not err
    assert snapshot(tmp_path / "killed/results") == snapshot(tmp_path / "calm/results")


def test_a_part_that_kills_its_worker_is_given_up_and_the_others_finish(tmp_path):
    (tmp_path / "deadly.py").write_text(
        "import os, signal\n"
        "from experiments.sweep import scheduling, workers\n"
        "def run_task(task):\n"
        "    if task.settings.activation.name == 'tanh':\n"
        "        workers.Board(task.board).begin(task.line)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return workers.run_task(task)\n"
    )
    code = (
        "import sys, deadly; from experiments import run_study; deadly.scheduling.run_task = deadly.run_task\n"
        "try: run_study(*sys.argv[1:])\n"
        "except RuntimeError: sys.exit(1)"
    )
    command = [sys.executable, "-W", "error", "-c", code, *SWEEP[1:], WORKERS]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(
        re.fullmatch(r"failed: (iris|moons)-tanh-.*: its worker process was killed [23] times", line) for line in lines
    )
    assert "12 replicas trained" in done.stdout


def test_workers_and_temporary_files_of_a_killed_driver_go(tmp_path, undisturbed):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    process = start([*SWEEP, "epochs=4000", WORKERS], tmp_path, env=environment)
    wait_for(lambda: trains(tmp_path))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # until no process holds its output
    wait_for(lambda: not session(process))
    (left,) = temporary.glob(".activation-lab-workers-*")
    shutil.rmtree(tmp_path / "results")
    recovers(tmp_path, undisturbed, [*SWEEP, WORKERS], env=environment)
    assert left.exists()  # it is not a minute old: the lock of a sweep that begins may not be held yet
    os.utime(left, (0, 0))
    recovers(tmp_path, undisturbed, [*SWEEP, WORKERS, "force=true"], env=environment)
    assert not list(temporary.glob(".activation-lab-workers-*"))


def test_a_full_temporary_folder_is_one_line(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    _, err = run([*SWEEP, WORKERS], tmp_path, code=1, preexec_fn=limit)
    assert re.fullmatch(r"run.py: File too large \(workers=1 needs no temporary file\): /.*; finished .* stored\n", err)


@pytest.mark.parametrize("words", [["workers=1"], [WORKERS], ["workers=7"], [WORKERS, "checkpoint.every=1"]])
def test_the_number_of_workers_changes_no_byte(tmp_path, undisturbed, words):
    recovers(tmp_path, undisturbed, [*SWEEP, *words])


def test_a_full_disk_is_an_error_and_then_no_loss(undisturbed, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    _, err = run([*SWEEP, "workers=1"], tmp_path, code=1, preexec_fn=limit)
    assert "Traceback" not in err
    assert "File too large" in err
    assert not half_written(tmp_path / "results")
    recovers(tmp_path, undisturbed)


def test_results_that_are_read_only(tmp_path):
    def obey_permissions():
        # Root may write anywhere by a capability, which is dropped here: PR_CAPBSET_DROP, CAP_DAC_OVERRIDE.
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)

    (tmp_path / "results").mkdir(mode=0o555)
    _, err = run(SWEEP, tmp_path, code=2, preexec_fn=obey_permissions)
    assert err.startswith("run.py: results cannot be written to results/default")
    assert err.count("\n") == 1
    assert not list((tmp_path / "results").iterdir())


def plausible(content):
    """Cut a table within its last number, so that what is left is still a table."""
    return content.rstrip(b"\n")[:-3] + b"\n"


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "truncated to a plausible number": plausible,
    "NUL bytes": lambda content: content[:-64] + b"\0" * 64,
    "a bit flipped": lambda content: content[:-12] + bytes([content[-12] ^ 1]) + content[-11:],
    "the header repeated": lambda content: content + content.partition(b"\n")[0] + b"\n",
    "empty": lambda content: b"",
}
OF_A_RUN = ["history.csv", "layers.csv", "replicas.csv", "confusion.csv", "status.json", "status.json"]
OF_THE_STUDY = ["history.csv", "layers.csv", "replicas.csv"] * 2


@pytest.mark.parametrize(("name", "damage"), list(zip(OF_A_RUN, DAMAGES, strict=True)))
def test_a_damaged_file_of_a_run(study, undisturbed, name, damage):
    path = next((study / "results/default/runs").glob(f"moons-relu-*/{name}"))
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert "3 replicas trained, 15 were there already" in recovers(study, undisturbed)


@pytest.mark.parametrize(("name", "damage"), list(zip(OF_THE_STUDY, DAMAGES, strict=True)))
def test_a_damaged_table_of_the_study(study, undisturbed, name, damage):
    path = study / "results/default" / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert "0 replicas trained, 18 were there already" in recovers(study, undisturbed)


def test_a_truncated_checkpoint(study, undisturbed):
    run_folder = next((study / "results/default/runs").glob("moons-relu-*"))
    shutil.rmtree(run_folder)
    process = start([*SWEEP, "checkpoint.every=5", "epochs=40", WORKERS], study)
    wait_for(lambda: list(run_folder.glob(".checkpoints/*.npz")) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for path in run_folder.glob(".checkpoints/*.npz"):
        path.write_bytes(path.read_bytes()[:-100])
    recovers(study, undisturbed)


def test_three_sweeps_into_one_study_at_once(tmp_path, undisturbed):
    reverse = [*SWEEP[:2], "dataset=moons,iris", *SWEEP[3:]]
    processes = [start([*SWEEP, WORKERS], tmp_path), start([*reverse, WORKERS], tmp_path), start(reverse, tmp_path)]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    assert snapshot(tmp_path / "results") == snapshot(undisturbed)


def test_a_study_of_an_older_schema(study, undisturbed):
    for path in (study / "results/default/runs").glob("*/status.json"):
        path.write_text(path.read_text().replace('"schema": 1', '"schema": 0'))
    assert "18 replicas trained, 0 were there already" in recovers(study, undisturbed)


def test_a_clock_that_moved_back(study, undisturbed):
    future = time.time() + 10 * 365 * 86400
    for path in (study / "results").rglob("*"):
        os.utime(path, (future, future))
    assert "0 replicas trained, 18 were there already" in recovers(study, undisturbed)
    shutil.rmtree(next((study / "results/default/runs").glob("iris-elu-*")))
    recovers(study, undisturbed)


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "..", ".hidden"])
def test_a_study_that_would_leave_its_folder_is_refused(tmp_path, name):
    _, err = run([*SWEEP, f"study={name}"], tmp_path, code=2)
    assert err.startswith(f"run.py: study={name!r}")
    assert not list(tmp_path.iterdir())


def test_a_left_lock_or_temporary_file_is_in_nobodys_way(study, undisturbed):
    folder = next((study / "results/default/runs").glob("iris-tanh-*"))
    (study / "results/default/.locks" / f"{folder.name}.lock").touch()
    (folder / ".history.csv.abcd1234").write_bytes(b"half")
    (folder / "status.json").unlink()
    recovers(study, undisturbed)
    assert verify(Study("default", study / "results")) == []
