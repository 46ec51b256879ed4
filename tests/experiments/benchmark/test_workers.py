"""What several workers gain is computed correctly, and the comparisons run. No test looks at a time."""

import numpy as np
import pytest

from experiments.benchmark import workers
from experiments.benchmark.measuring import Benchmark, Training, all_cores
from experiments.benchmark.task import Task
from experiments.benchmark.waiting import RUN, TRIVIAL


def test_the_serial_share_is_the_part_of_the_time_in_which_a_core_trains_nothing():
    trained = Training(seconds=10.0, test_error=None, busy=18.0)
    assert workers.serial_share(trained, 2) == pytest.approx(0.1)
    assert workers.projected(trained, 2, 2) == pytest.approx(10.0)
    assert workers.projected(trained, 2, 1) == pytest.approx(19.0)
    assert workers.projected(trained, 2, 18) == pytest.approx(2.0)  # 1 s that remains, and 18 s divided by 18


def test_a_core_is_busy_when_it_is_not_idle():
    ticks = np.array([[[100, 50], [100, 50]], [[110, 50], [110, 60]], [[120, 55], [110, 60]]], float)
    assert workers.busy_shares(ticks).tolist() == [[1.0, 0.0], [0.5, 0.0]]


def test_a_timeline_is_drawn_with_bars_of_text():
    assert workers.sparkline(np.array([0, 0.5, 1])) == " ▄█"
    assert workers.sparkline(np.repeat([0.0, 1.0], 150)) == " " * 50 + "█" * 50


def test_all_workers_and_one_take_turns(monkeypatch):
    monkeypatch.setattr(workers, "STUDIES", {"tiny": ("2×4", [Task((4, 4), seeds=2), Task((4, 4), "elu", seeds=2)], 1)})
    (result,) = workers.workers(Benchmark(repeats=1)).values()
    assert result.title == "2×4, 4 networks × 1 epochs, inside the run"
    assert any("projection, not measured" in label for label in result.rows)
    assert any("serial share" in note for note in result.notes)
    assert result.rows[result.reference].cold is not None


def test_the_timeline_has_a_row_for_each_core(monkeypatch):
    monkeypatch.setattr(workers, "MAIN_JOB", (*RUN, *TRIVIAL))
    result = workers.timeline(Benchmark(repeats=1, epochs=1))["timeline"]
    if result.rows:
        assert list(result.rows) == [f"core {core}" for core in all_cores()]
        assert all(0 <= value <= 100 for row in result.rows.values() for value in row.values)
