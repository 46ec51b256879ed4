"""What a sweep shows while it trains."""

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
