"""Ranks on each data set and over data sets."""

from experiments.analysis.answer import findings
from experiments.analysis.comparison import treatments_over_datasets
from experiments.report.rankings import mean_ranks, rankings
from tests.experiments.report.examples import study


def test_a_ranking_has_a_column_for_each_way_of_ranking():
    replicas = study(rates=(0.1, 0.3)).replicas
    first, second = rankings(findings(replicas), replicas)
    assert (first.dataset, second.dataset) == ("digits", "wine")
    assert [column.partition(",")[0] for column in first.columns] == [
        *("tuned learning rate", "learning rate 0.1", "learning rate 0.3")
    ]
    assert sorted(row.name for row in first.rows) == ["elu", "relu", "tanh"]
    assert sorted(row.ranks[0] for row in first.rows) == ["1", "2", "3"]


def test_mean_ranks_need_two_data_sets(report):
    assert len(report.mean_ranks.ranks) == 3
    assert mean_ranks(treatments_over_datasets(study(datasets=("digits",)).replicas)).ranks == {}
