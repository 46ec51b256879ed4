"""Jobs of Slurm, with Submitit's local executor and with commands that stand for Slurm's; skipped without Submitit."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.config.compose import sweep
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.runner import run_sweep
from experiments.sweep.slurm import connect
from nets.activations import ACTIVATIONS, ReLU

pytest.importorskip("submitit", reason="in the extra: pip install '.[slurm]'")
pytestmark = [pytest.mark.slurm, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).parents[1]
SWEEP = ("activation=relu,tanh", "dataset=iris", "net.hidden=[8]", "epochs=20", "optimizer.lr=[0.01,0.1]")
LOCAL = ("hydra/launcher=submitit_local",)
SUBMIT = """#!{python}
# Run the tasks of an array one after the other, as Slurm would on its machines.
import os, pathlib, subprocess, sys
text = pathlib.Path(sys.argv[-1]).read_text()
pathlib.Path("submitted").write_text(text)
options = dict(line[len("#SBATCH --"):].partition("=")[::2] for line in text.splitlines() if line.startswith("#SBATCH"))
first, last = options["array"].partition("%")[0].split("-")
for task in range(int(first), int(last) + 1):
    values = {{"JOB_ID": 7, "ARRAY_JOB_ID": 7, "ARRAY_TASK_ID": task, "CPUS_PER_TASK": options["cpus-per-task"]}}
    environment = os.environ | {{f"SLURM_{{name}}": str(value) for name, value in values.items()}}
    subprocess.Popen(["bash", sys.argv[-1]], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print("Submitted batch job 7")
"""
RUN = """#!/bin/bash
while [[ $1 == -* ]]; do
  if [[ $1 == --output || $1 == --error ]]; then shift; fi
  shift
done
exec "$@"
"""
STATES = """#!/bin/bash
echo "JobID|State|NodeList"
echo "7_0|RUNNING|here"
"""


class Failing(ReLU, name="failing"):
    def forward(self, *arguments, **options):
        raise ValueError("out of luck")


class Deadly(ReLU, name="deadly"):
    def forward(self, *arguments, **options):
        os.kill(os.getpid(), signal.SIGKILL)


for activation in (Failing, Deadly):
    del ACTIVATIONS[activation.name]  # where other tests would find it


def start(*arguments, cwd, **environment):
    command = [sys.executable, str(ROOT / "run.py"), "-m", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=os.environ | environment, stdout=pipe, stderr=pipe, text=True)


def run(*arguments, cwd, code=0, **environment):
    process = start(*arguments, cwd=cwd, **environment)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == code, stderr + stdout
    return stdout + stderr


def snapshot(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("results/default/*.csv"))}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The sweep's tables, trained by workers of this machine."""
    folder = tmp_path_factory.mktemp("here")
    run(*SWEEP, "seeds=3", "tune.seeds=2", cwd=folder)
    return snapshot(folder)


def test_jobs_train_into_the_study_what_it_lacks(here, tmp_path):
    assert "10 replicas trained, 0 were there already" in run(
        *SWEEP, "seeds=1", "tune.seeds=2", "workers=2", *LOCAL, cwd=tmp_path
    )
    printed = run(*SWEEP, "seeds=3", "tune.seeds=2", *LOCAL, cwd=tmp_path)
    assert "4 replicas trained, 10 were there already" in printed
    assert snapshot(tmp_path) == here
    assert not list(tmp_path.glob("results/.submitit/data-*"))
    assert {path.name for path in tmp_path.iterdir()} == {"results"}


def test_slurm_itself_is_asked_for_what_its_options_say(here, tmp_path):
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in (("sbatch", SUBMIT.format(python=sys.executable)), ("srun", RUN), ("sacct", STATES)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    words = ("seeds=3", "tune.seeds=2", "hydra/launcher=slurm", "hydra.launcher.partition=long")
    printed = run(*SWEEP, *words, cwd=tmp_path, PATH=f"{commands}:{os.environ['PATH']}")
    assert "14 replicas trained, 0 were there already" in printed
    assert snapshot(tmp_path) == here
    submitted = (tmp_path / "submitted").read_text()
    for option in ("partition=long", "cpus-per-task=4", "job-name=activation-lab", "array=0-1"):
        assert f"#SBATCH --{option}" in submitted


def test_a_machine_without_slurm_is_one_line(tmp_path):
    printed = run(*SWEEP, "hydra/launcher=slurm", cwd=tmp_path, code=2, PATH="")
    assert printed.startswith("run.py: hydra/launcher=slurm: this machine has no Slurm")
    assert "hydra/launcher=submitit_local" in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("activation", "line"),
    [(Failing(), "ValueError: out of luck (traceback in "), (Deadly(), "its job ")],
)
def test_a_run_that_fails_is_named_and_the_others_finish(tmp_path, monkeypatch, capsys, activation, line):
    monkeypatch.chdir(tmp_path)
    ((settings, words),) = sweep(["dataset=iris", "seeds=2", "net.hidden=[4]", "epochs=3"])
    fails = Job.of(replace(settings, activation=activation, study="fails"), words)
    finishes = Job.of(replace(settings, study="finishes"), words)
    assert run_sweep([fails, finishes], connect("local", {"submitit_folder": "results/.slurm/%j"})) == 1
    assert finishes.folder.state() == ("done", "2 replicas")
    assert f"failed: {fails.run}: {line}" in capsys.readouterr().err


def test_an_interrupt_cancels_the_jobs(tmp_path):
    process = start("dataset=iris", "epochs=1000000", "study=long", *LOCAL, cwd=tmp_path)
    study = Study("long", tmp_path / "results")
    end = time.monotonic() + 60
    while time.monotonic() < end and not any(mark.state == "running" for mark in study.marks.read().values()):
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.startswith("run.py: interrupted; finished runs and the checkpoints of others are stored, ")
    while study.unfinished() and "is being trained" in study.unfinished().values() and time.monotonic() < end:
        time.sleep(0.2)
    assert list(study.unfinished().values()) == ["was interrupted"]
