"""The live view's numbers."""

from experiments.sweep.progress import tally


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
