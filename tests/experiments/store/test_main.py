"""The command: status, verify, prune, collect."""

import json
from dataclasses import replace

import pytest

from experiments.config.errors import ConfigError
from experiments.store.__main__ import main
from experiments.store.files import fingerprint
from experiments.store.reading import check_study
from experiments.training.run import train
from tests.experiments.studies import LINES, SMALL, study_tables


def command(capsys, *arguments):
    code = main(list(arguments))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_status_says_what_each_run_is_worth(sweep, study, capsys):
    _, runs, _ = sweep(*LINES)
    (study.run(runs[0]).path / "history.csv").write_bytes(b"")
    (study.run(runs[1]).path / "status.json").unlink()
    study.run(runs[2]).record_failure("Traceback\nValueError: no", {})
    capsys.readouterr()
    code, out, _ = command(capsys, "status", "study=default")
    assert code == 0
    states = {line.split()[1]: line.split()[0] for line in out.splitlines()[:-1]}
    assert states == dict(zip(runs, ["damaged", "incomplete", "failed", "done"], strict=True))
    assert "ValueError: no" in out
    assert out.splitlines()[-1] == "1 damaged, 1 done, 1 failed, 1 incomplete"


def test_status_says_what_a_sweep_has_planned(sweep, study, capsys):
    _, (run,), _ = sweep(["activation=relu"])
    study.marks.write(run, "running")
    study.marks.write("planned", "waiting")
    capsys.readouterr()
    assert command(capsys, "status", "study=default")[1].splitlines() == [
        f"unfinished  {run}  was interrupted (2 replicas stored)",
        "unfinished  planned  waits to be trained (nothing stored)",
        "2 unfinished",
    ]


def test_verify_finds_what_is_wrong(sweep, study, capsys):
    _, runs, _ = sweep(*LINES)
    capsys.readouterr()
    assert command(capsys, "verify", "study=default")[:2] == (0, "4 runs, 0 problems\n")
    path = study.run(runs[0]).path / "layers.csv"
    path.write_bytes(path.read_bytes()[:-1])
    (study.folder / "history.csv").write_bytes(b"")
    code, out, _ = command(capsys, "verify", "study=default")
    assert code == 1
    assert f"{runs[0]}: damaged: layers.csv" in out
    assert "store collect study=default" in out


@pytest.mark.parametrize(
    ("name", "damage", "column"),
    [
        ("history.csv", lambda content: content.replace(b"0.05,0,0,", b"0.05,0,zero,"), "epoch"),
        ("replicas.csv", lambda content: content[:-1] + b"x\n", "final_test_recall_1"),
    ],
)
def test_verify_reads_the_cells_too(done, study, capsys, name, damage, column):
    run, _ = done()
    path = study.run(run).path / name
    path.write_bytes(damage(path.read_bytes()))
    status = study.run(run).path / "status.json"
    record = json.loads(status.read_text())
    record["files"][name] = fingerprint(name, path.read_bytes())
    status.write_text(json.dumps(record))
    capsys.readouterr()
    code, out, _ = command(capsys, "verify", "study=default")
    assert code == 1
    assert f"{name}: column {column}" in out


def test_prune_removes_what_nothing_uses_again(sweep, study, capsys):
    _, runs, _ = sweep(*LINES)
    kept = study_tables(study)
    _, (broken,), _ = sweep(["activation=mish"])
    (study.run(broken).path / "history.csv").write_bytes(b"")
    left = study.run(runs[0]).path / ".history.csv.abc_123"
    left.write_bytes(b"half")
    study.marks.write("planned", "waiting")
    study.run(runs[1]).record_failure("Traceback\nValueError: more seeds", {})
    capsys.readouterr()
    code, out, _ = command(capsys, "prune", "study=default")
    assert code == 0
    assert sorted(out.splitlines()) == sorted(
        ["forgot what was planned of 1 run", f"removed {study.run(broken).path}", f"removed {left}"]
    )
    assert [run.name for run in study.runs()] == sorted(runs)
    assert study_tables(study) == kept
    assert study.unfinished() == {}


def test_a_study_of_which_nothing_is_finished_exists(study, capsys):
    study.marks.write("planned", "waiting")
    planned = ["unfinished  planned  waits to be trained (nothing stored)", "1 unfinished"]
    assert command(capsys, "status", "study=default")[1].splitlines() == planned
    with pytest.raises(ConfigError, match=r"study 'default' has no finished run yet.* status study=default"):
        check_study("default")
    assert command(capsys, "collect", "study=default")[1] == "nothing to collect: no run is finished\n"
    assert command(capsys, "prune", "study=default")[1] == "forgot what was planned of 1 run\n"


def test_status_says_from_which_epochs_the_parts_of_a_run_continue(settings, study, capsys):
    condition = settings(*SMALL, "checkpoint.every=1")
    folder = study.run(condition.run)
    first, second = condition.replicas
    train(condition, [first], keep=folder.keep_checkpoint)
    assert command(capsys, "status", "study=default")[1].startswith(
        f"incomplete  {folder.name}  parts of it continue from epoch 1\n"
    )
    train(replace(condition, epochs=5), [second], keep=folder.keep_checkpoint)
    assert folder.state()[1] == "parts of it continue from epochs 1 to 4"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats", "study=default"], "unknown command 'stats': did you mean 'status'?"),
        (["status", "study=defautl"], "no study 'defautl' in results/: did you mean 'default'?"),
        (["status"], "study=NAME is needed: allowed: default"),
        (["status", "stduy=default"], "unknown argument 'stduy=default': did you mean 'study'?"),
        (["collect", "study=default", "format=xlsx"], "format=xlsx: allowed: csv, parquet"),
    ],
)
def test_a_bad_argument_is_one_line(done, capsys, arguments, message):
    done()
    capsys.readouterr()
    code, out, err = command(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"store: {message}")
    assert err.count("\n") == 1
