"""The ranking of the reference follows from its stored tables."""

import numpy as np
import pandas as pd
import pytest

from experiments.evaluate.atlas import FOLDER, load
from experiments.evaluate.protocol import RECIPES
from experiments.evaluate.ranking import rankings, store_rankings
from tests.programs import ROOT

REFERENCE = ROOT / FOLDER


@pytest.fixture(scope="module")
def stored():
    return load()


def ranking_of(recipe):
    table = pd.read_csv(REFERENCE / "ranking.csv", index_col="activation")
    return table[table["recipe"] == recipe]


def test_the_stored_ranking_follows_from_the_stored_tables(stored, tmp_path):
    paths = store_rankings(stored, tmp_path)
    assert {path.name for path in paths} == {
        "ranking.csv",
        *(f"critical_difference-{norm}.png" for norm in stored.norms),
    }
    assert all(path.stat().st_size > 1000 for path in paths)
    assert (tmp_path / "ranking.csv").read_text() == (REFERENCE / "ranking.csv").read_text()


def test_a_ranking_counts_data_sets_and_ranks_by_mean_errors(stored):
    replicas = stored.replicas
    few = replicas[replicas["activation"].isin(["relu", "silu", "gcu"]) & (replicas["norm"] == "none")]
    (ranking,) = rankings(stored._replace(replicas=few)).values()
    best = few[few["best_of_16"]].pivot_table(index="dataset", columns="activation", values="final_test_error")
    ranks = best.round(12).rank(axis=1).mean()
    table = ranking.table.set_index("activation")
    assert table["rank"].to_dict() == pytest.approx(ranks.to_dict())
    assert table.loc["gcu", "higher"] == (best["gcu"].round(12) > best["relu"].round(12)).sum()
    assert table["verdict"].to_dict() == {"silu": "better", "relu": "reference", "gcu": "worse"}  # of two comparisons
    assert ranking_of("plain").loc["silu", "verdict"] == "not told apart"  # of 32


def test_the_guide_shows_every_mean_rank_and_marks_those_that_are_told_apart():
    guide = (ROOT / "docs/evaluate.md").read_text()
    table = pd.read_csv(REFERENCE / "ranking.csv")
    marked = table["rank"].map("{:.1f}".format) + np.where(table["verdict"].isin(["better", "worse"]), "\\*", "")
    wide = table.assign(text=marked).pivot(index="activation", columns="recipe", values="text")
    order = table[table["recipe"] == "plain"].sort_values("rank", kind="stable")["activation"]
    rows = [f"| {name} | {' | '.join(wide.loc[name, list(RECIPES.values())])} |" for name in order]
    assert "\n".join(rows) in guide
