"""What a sweep shows while it trains."""

from contextlib import nullcontext

from experiments.sweep import progress
from experiments.sweep.progress import Lines, live_view, tally


def test_the_live_view_counts_what_jobs_note(jobs):
    waiting, running, done, failed = observed = jobs(
        *([f"activation={name}"] for name in ("relu", "tanh", "elu", "selu"))
    )
    running.study.marks.write(running.run, "running", 4)
    done.study.marks.write(done.run, "done")
    failed.study.marks.write(failed.run, "failed")
    counts, epochs = tally(observed)
    assert counts == {"waiting": 1, "running": 1, "done": 1, "failed": 1}
    assert epochs == 4 + 6 + 6
    assert waiting.work == 6


def test_without_a_terminal_each_run_gets_a_line_as_soon_as_it_has_ended(jobs, capsys):
    first, second, last = observed = jobs(*([f"activation={name}"] for name in ("relu", "tanh", "elu")))
    lines = Lines(observed)
    first.study.marks.write(first.run, "running", 4)
    second.study.marks.write(second.run, "failed")
    lines.print_new()
    assert capsys.readouterr().out == f"failed: {second.run} (1 of 3)\n"
    with live_view(observed[::2]):
        for job in (first, last):
            job.study.marks.write(job.run, "done")
    assert capsys.readouterr().out == f"done: {first.run} (1 of 2)\ndone: {last.run} (2 of 2)\n"
    lines.print_new()
    assert capsys.readouterr().out == f"done: {first.run} (2 of 3)\ndone: {last.run} (3 of 3)\n"


def test_without_a_terminal_the_share_of_trained_epochs_is_printed_until_all_runs_have_ended(jobs, capsys, monkeypatch):
    first, second = observed = jobs(["activation=relu"], ["activation=tanh"])
    times = iter((20, 30))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    lines = Lines(observed)
    first.study.marks.write(first.run, "running", 3)
    lines.print_share()
    second.study.marks.write(second.run, "running", 3)
    lines.print_share()
    assert capsys.readouterr().out.splitlines() == [
        "25 % of the epochs are trained",
        "50 % of the epochs are trained, about 20 seconds left",
    ]
    first.study.marks.write(first.run, "done")
    second.study.marks.write(second.run, "failed", 3)
    lines.print_share()
    assert capsys.readouterr().out == ""


def test_without_a_terminal_a_line_comes_every_ten_seconds(jobs, monkeypatch):
    intervals = {}
    monkeypatch.setattr(
        progress, "_repeated", lambda show, seconds: nullcontext(intervals.update({show.__name__: seconds}))
    )
    with live_view(jobs(["activation=relu"])):
        assert intervals == {"print_share": 10, "print_new": 1}
