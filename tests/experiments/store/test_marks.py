"""Progress marks."""

import os

from experiments.store.marks import Mark, ProgressMarks


def test_a_mark_is_replaced_in_one_step(tmp_path, monkeypatch):
    marks = ProgressMarks(tmp_path / ".progress")
    marks.write("run", "running", 4)
    seen, replace = [], os.replace

    def observed(*paths):
        seen.append(marks.read())
        replace(*paths)

    monkeypatch.setattr(os, "replace", observed)
    marks.write("run", "running", 5)
    assert seen == [{"run": Mark("running", 4)}]
    assert marks.read() == {"run": Mark("running", 5)}
    marks.clear(["run"])
    assert not marks.folder.exists()
