"""Parts of runs on several workers: the same tables, whatever the workers suffer."""

import os
import pickle
import shutil
from collections import Counter
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest
from joblib.externals.loky.backend.process import LokyProcess

from experiments.store.reading import load_tables
from experiments.sweep import runs, scheduling, workers
from experiments.sweep.jobs import Job
from experiments.sweep.workers import Board, temporary_folder
from experiments.training.run import train
from tests.experiments.studies import LINES, SMALL, study_tables


class Processes:
    """A pool that trains in this process and breaks, as one of processes does, if a part kills its worker."""

    def __init__(self, deadly):
        self.deadly, self.tried = deadly, Counter()
        self.broken, self.workers = False, 2

    def submit(self, function, task):
        future = Future()
        name = task.settings.activation.name
        self.tried[name] += 1
        if self.broken or self.deadly(name, self.tried[name]):
            if not self.broken:
                Board(task.board).begin(task.line)
            self.broken = True
            future.set_exception(BrokenProcessPool())
        else:
            try:
                future.set_result(function(task))
            except Exception as error:
                future.set_exception(error)
        return future

    def start(self, workers):
        self.broken = False
        return self

    def shutdown(self, **options):
        pass


@pytest.fixture
def processes(monkeypatch):
    """Return a function that makes pools whose workers are killed where `deadly(activation, trial)` says so."""

    def use(deadly):
        pool = Processes(deadly)
        monkeypatch.setattr(scheduling, "make_pool", pool.start)
        return pool

    return use


THREE = tuple([f"activation={name}", "workers=2"] for name in ("relu", "tanh", "elu"))


def test_what_a_broken_pool_had_is_trained_again(sweep, study, processes):
    pool = processes(lambda name, trial: name == "tanh" and trial == 1)
    code, runs, _ = sweep(*THREE)
    assert code == 0
    assert pool.tried["tanh"] == 4  # two parts, each of them twice
    assert all(study.run(run).state()[0] == "done" for run in runs)


def test_a_failure_of_an_earlier_sweep_does_not_keep_a_run_from_being_trained_again(sweep, study, processes):
    _, (tanh, elu), _ = sweep(["activation=tanh"], ["activation=elu"])
    for run in (tanh, elu):
        shutil.rmtree(study.run(run).path)
        study.run(run).record_failure("ValueError: of yesterday", {})
    processes(lambda name, trial: name == "tanh" and trial == 1)
    code, _, _ = sweep(*THREE[1:])
    assert code == 0
    assert study.run(tanh).state()[0] == study.run(elu).state()[0] == "done"


def test_a_part_that_kills_its_worker_twice_is_given_up_and_its_run_named(sweep, capsys, processes):
    processes(lambda name, trial: name == "tanh")
    code, runs, _ = sweep(*THREE)
    assert code == 1
    assert f"failed: {runs[1]}: its worker process was killed 2 times" in capsys.readouterr().err
    assert set(load_tables("default").replicas["activation"]) == {"relu", "elu"}


def test_a_run_whose_part_was_given_up_is_trained_by_the_next_job(sweep, processes, capsys):
    processes(lambda name, trial: trial <= 2)
    rates = [[f"optimizer.lr={rate}", "seeds=1", "workers=2"] for rate in (0.1, 0.2)]
    assert sweep(*rates)[0] == 1
    assert capsys.readouterr().err.count("its worker process was killed 2 times") == 1
    assert load_tables("default").replicas["lr"].tolist() == [0.2]


def test_forced_training_never_continues_from_an_earlier_checkpoint(sweep, settings, study, processes, monkeypatch):
    words = ["seeds=4", "workers=2", "force=true"]
    job = Job.of(settings(*SMALL, *words))
    train(settings(*SMALL, "checkpoint.every=1"), job.missing[:1], keep=job.folder.keep_checkpoint)
    assert len(job.folder.checkpoints()) == 1
    processes(lambda name, trial: trial == 1)
    starts, train_part = [], workers.train_part
    monkeypatch.setattr(
        workers, "train_part", lambda *given, **options: starts.append(given[1].starts) or train_part(*given, **options)
    )
    assert sweep(words)[0] == 0
    assert starts == [(), ()]


def test_parts_beside_a_killed_worker_train_side_by_side_again_and_alone_after_the_second_time(sweep, monkeypatch):
    class Together(Processes):
        """A pool that begins with all parts at once; all are broken the first two times."""

        def __init__(self):
            super().__init__(None)
            self.tasks, self.counts = {}, []

        def submit(self, function, task):
            Board(task.board).begin(task.line)
            future = Future()
            self.tasks[future] = function, task
            return future

        def wait(self, futures, *_):
            if self.tasks:
                self.counts.append(len(self.tasks))
            while self.tasks:
                future, (function, task) = self.tasks.popitem()
                if len(self.counts) <= 2:
                    future.set_exception(BrokenProcessPool())
                else:
                    future.set_result(function(task))
            return set(futures), set()

    pool = Together()
    monkeypatch.setattr(scheduling, "make_pool", pool.start)
    monkeypatch.setattr(scheduling, "wait", pool.wait)
    assert sweep(*THREE[:2])[0] == 0
    assert pool.counts == [3, 3, 1, 1, 1]


def test_an_interrupted_sweep_leaves_the_marks_of_unfinished_jobs(sweep, study, monkeypatch, processes):
    train_part = workers.train_part

    def interrupt(settings, *arguments, **options):
        if settings.activation.name == "relu":
            raise KeyboardInterrupt
        return train_part(settings, *arguments, **options)

    processes(lambda name, trial: False)
    lines = [[f"activation={name}", "workers=2"] for name in ("relu", "tanh", "elu")]
    monkeypatch.setattr(workers, "train_part", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep(*lines)
    reasons = study.unfinished()
    assert {run.split("-")[1]: reason for run, reason in reasons.items()} == {
        "relu": "was interrupted",
        "tanh": "waits to be trained",
    }
    sweep(lines[2])
    assert study.unfinished() == reasons
    monkeypatch.setattr(workers, "train_part", train_part)
    sweep(*lines)
    assert study.unfinished() == {}


@pytest.mark.parametrize("count", [2, 3])
def test_any_number_of_workers_gives_the_same_tables(sweep, study, count):
    lines = [[*line, "optimizer.lr=[0.05,0.1]"] for line in LINES]
    sweep(*lines)
    alone = study_tables(study)
    shutil.rmtree(study.folder)
    assert sweep(*([*line, f"workers={count}"] for line in lines))[0] == 0
    assert study_tables(study) == alone


def test_where_no_process_can_start_this_one_trains(sweep, capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("too few semaphores")

    monkeypatch.setattr("joblib.externals.loky.process_executor.ProcessPoolExecutor.__init__", refuse)
    assert sweep(*THREE)[0] == 0
    assert capsys.readouterr().err == "no worker can start (too few semaphores): this process trains alone\n"


def test_a_pool_whose_workers_die_before_they_train_is_given_up(sweep, monkeypatch):
    class Stillborn(Processes):
        def submit(self, function, task):
            future = Future()
            future.set_exception(BrokenProcessPool())
            return future

    monkeypatch.setattr(scheduling, "make_pool", lambda n: Stillborn(None) if n > 1 else workers.make_pool(n))
    assert sweep(*THREE)[0] == 0


def test_an_error_that_cannot_be_sent_is_told(sweep, capsys, study, processes, monkeypatch):
    class Unreadable(Exception):
        def __reduce__(self):
            raise TypeError("no pickle")

    def fail(*arguments, **options):
        raise Unreadable("of the user")

    processes(lambda name, trial: False)
    monkeypatch.setattr(workers, "train_part", fail)
    code, (run, *_), _ = sweep(*THREE)
    assert code == 1
    assert f"failed: {run}: Unreadable: of the user (traceback in" in capsys.readouterr().err.replace(
        f"{__name__}.test_an_error_that_cannot_be_sent_is_told.<locals>.", ""
    )
    with pytest.raises(workers.PartError) as sent:
        workers.train_task(workers.Task(*[None] * 6, 0), Board(None, 2))
    assert pickle.loads(pickle.dumps(sent.value)).args == sent.value.args


def test_jobs_of_one_run_share_the_workers(jobs, monkeypatch):
    lines = [[f"optimizer.lr={rate}", "workers=2", "seeds=4"] for rate in (0.01, 0.1)]
    parts = []
    divide = runs.divide
    monkeypatch.setattr(runs, "divide", lambda *given: parts.append(len(found := divide(*given))) or found)
    monkeypatch.setattr(scheduling, "make_pool", Processes(lambda name, trial: False).start)
    scheduling.train_all(jobs(*lines))
    assert parts == [2, 2]


def test_data_sets_of_equal_numbers_are_not_mixed_up(jobs):
    """With real processes: images are scaled in another way than the same numbers in a table."""
    histories = {}
    for count in (1, 2):
        words = ("dataset=digits", "epochs=1", f"workers={count}", f"study=by-{count}")
        both = jobs([*words, "dataset.pixels=true"], [*words, "dataset.pixels=false"])
        assert scheduling.train_all(both) == {}
        histories[count] = [job.folder.read().files["history.csv"] for job in both]
    assert histories[2] == histories[1]
    assert histories[1][0] != histories[1][1]


def test_only_what_a_killed_sweep_has_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with temporary_folder() as left:
        prefix = left.name[:-8]
    user, unlocked, killed, new = (
        tmp_path / name for name in ("activation-lab-main", f"{prefix}mine", f"{prefix}1", f"{prefix}2")
    )
    for folder in (user, unlocked, killed, new):
        folder.mkdir()
        (folder / "notes").touch()
    for folder in (user, killed, new):
        (folder / "lock").touch()
    for folder in (user, unlocked, killed):
        os.utime(folder, (0, 0))
    with temporary_folder() as current:
        os.utime(current, (0, 0))
        with temporary_folder():
            assert {path.name for path in tmp_path.iterdir()} > {user.name, unlocked.name, new.name, current.name}
            assert not killed.exists()


def test_the_rows_of_many_seeds_are_divided_once(jobs, monkeypatch):
    divided, split = [], runs.split
    monkeypatch.setattr(
        runs, "split", lambda data, seeds, **division: divided.extend(seeds) or split(data, seeds, **division)
    )
    scheduling.train_all(jobs(*([f"activation={name}", "seeds=40", "epochs=0"] for name in ("relu", "elu"))))
    assert sorted(divided) == list(range(40))


def test_nothing_maps_the_files_of_a_sweep_that_has_ended(sweep, processes):
    processes(lambda name, trial: False)
    assert sweep(*THREE)[0] == 0
    assert not workers.read_data.cache_info().currsize


def test_where_only_one_process_can_start_it_is_killed(sweep, capsys, monkeypatch):
    started = []

    def start(process):
        if started:
            raise OSError("too few processes")
        started.append(process)
        LokyProcess.__base__.start(process)

    monkeypatch.setattr(LokyProcess, "start", start, raising=False)
    assert sweep(*THREE)[0] == 0
    assert capsys.readouterr().err == "no worker can start (too few processes): this process trains alone\n"
    started[0].join(10)
    assert started[0].exitcode == -9
