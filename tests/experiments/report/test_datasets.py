"""What a report says of each data set."""

from experiments.report.datasets import baselines
from tests.experiments.report.examples import study


def test_a_baseline_has_its_mean_error_with_the_unit(report):
    (baseline,) = report.baselines
    assert (baseline.dataset, baseline.name, baseline.error, baseline.seeds) == ("digits", "linear SVM", "5.00 %", 2)


def test_one_seed_has_no_spread():
    tables = study(datasets=("digits",))
    (baseline,) = baselines(tables._replace(baselines=tables.baselines[:1]))
    assert (baseline.error, baseline.std) == ("4.00 %", "–")


def test_a_smaller_difference_needs_more_seeds(report):
    needed = report.seeds_needed
    assert needed.differences == ["2 points", "1 point", "0.5 points", "0.2 points"]
    for row in needed.rows:
        counts = [float(count) for count in row.seeds]
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]
