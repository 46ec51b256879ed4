"""A run whose file is read differently today stays, and every listing names it."""

import hashlib
import json
from pathlib import Path

import pytest

from experiments.analysis.comparison import leaderboard
from experiments.analysis.labels import name_tasks
from experiments.config.settings import from_record
from experiments.report.choosing import alarms
from experiments.store.__main__ import print_states
from experiments.store.earlier import BY_EITHER, BY_RULES, FROM_CONTENT
from experiments.store.reading import load_tables
from experiments.sweep.jobs import Job
from experiments.sweep.planning import plan
from experiments.sweep.runner import run_sweep
from tests.experiments.data.examples import OWN, table

FILE = Path("mine.csv")


@pytest.fixture
def job(settings, study):
    """Return a function that makes a job of the file."""
    return lambda *further: Job.of(settings(*OWN, f"dataset.path={FILE}", *further))


def environment(job):
    return json.loads((job.folder.path / "environment.json").read_text())


def record_file(job, digest):
    """Store the digest of a run's file, or no digest, as an earlier version does."""
    facts = environment(job) | {"file_sha256": digest}
    facts = {key: value for key, value in facts.items() if value is not None}
    (job.folder.path / "environment.json").write_text(json.dumps(facts))


def test_a_run_records_the_bytes_of_its_file(job, sweep):
    table().to_csv(FILE, index=False)
    own = job()
    run_sweep([own])
    assert environment(own)["file_sha256"] == hashlib.sha256(FILE.read_bytes()).hexdigest()
    built_in = sweep(["activation=relu"])[1][0]
    assert "file_sha256" not in (own.study.run(built_in).path / "environment.json").read_text()


@pytest.mark.parametrize("task", ["auto", "autoencode"])
def test_a_file_that_is_read_as_before_is_not_named(job, study, task):
    table().to_csv(FILE, index=False)
    own = job(f"task={task}")
    run_sweep([own])
    assert study.earlier_readings() == {}
    assert from_record(own.settings.record | {"seeds": [0], "lr": [0.05]}).run == own.run
    FILE.unlink()
    assert study.earlier_readings() == {}


@pytest.mark.parametrize("reading", [BY_RULES, BY_EITHER, FROM_CONTENT])
def test_a_run_of_other_data_stays_and_is_named_with_the_reason(job, study, capsys, reading):
    table().to_csv(FILE, index=False)
    earlier = job()
    run_sweep([earlier])
    table(seed=1).to_csv(FILE, index=False)
    today = hashlib.sha256(FILE.read_bytes()).hexdigest()
    if reading != FROM_CONTENT:
        record_file(earlier, today if reading == BY_RULES else None)
    later = job()
    sentence = f"mine: 1 earlier run stays: {earlier.run}, which was {reading}"
    assert list(plan([later], 1))[1] == sentence
    capsys.readouterr()
    run_sweep([later])
    assert sentence in capsys.readouterr().out.splitlines()
    assert study.earlier_readings() == {earlier.run: reading}
    print_states(study)
    words = next(line for line in capsys.readouterr().out.splitlines() if earlier.run in line)
    assert words.endswith(reading)
    run_sweep([job()])  # nothing is trained, so nothing is said
    assert "earlier" not in capsys.readouterr().out


def test_a_file_that_is_refused_today_is_read_by_earlier_rules(job, study):
    table().to_csv(FILE, index=False)
    earlier = job()
    run_sweep([earlier])
    FILE.write_text("refused")
    record_file(earlier, hashlib.sha256(FILE.read_bytes()).hexdigest())
    assert study.earlier_readings() == {earlier.run: BY_RULES}


def test_two_readings_of_a_file_are_two_tasks_which_are_not_compared(job, study):
    jobs = []
    for seed in (0, 1):
        table(seed=seed).to_csv(FILE, index=False)
        jobs.append(job())
        run_sweep(jobs[-1:])
    replicas = name_tasks(load_tables("default")).replicas
    names = replicas.drop_duplicates("run").set_index("run")["dataset"]
    digests = [job.settings.data.sha256[:6] for job in jobs]
    assert [names[job.run] for job in jobs] == [f"mine, sha256={digest}" for digest in digests]
    assert leaderboard(replicas)["reference"].isna().all()
    (alarm,) = alarms(replicas, {}, study.earlier_readings())
    assert alarm.startswith(f"mine, sha256={digests[0]}: 1 condition was {FROM_CONTENT}")
