"""A straight line goes through the times."""

from experiments.benchmark.measuring import Row
from experiments.benchmark.scaling import line


def test_the_line_through_times_is_found():
    rows = {str(size): Row([0.5 + 0.25 * size]) for size in (1, 10, 100)}
    assert line("run", rows) == "0.5 s + 0.25 s per run; no point is further than 0% from this line"
