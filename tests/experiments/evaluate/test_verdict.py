"""What is said of a newcomer, on tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from experiments.evaluate.verdict import answer, of_recipe, place, reproduction

DATASETS = [f"set{number}" for number in range(12)]
RATIO = 0.2 / (0.8 * 0.85)


def replicas(activation, shift, seed=0, noise=0.004):
    """Return the reported replicas of an activation whose errors are 0.1 + shift."""
    generator = np.random.default_rng(seed)
    rows = [(dataset, "none", activation, number, 0.01) for dataset in DATASETS for number in range(10)]
    table = pd.DataFrame(rows, columns=["dataset", "norm", "activation", "seed", "lr"])
    base = 0.1 + 0.02 * table["seed"] / 10 + 0.01 * table["dataset"].str[3:].astype(int)
    error = base + shift + noise * generator.standard_normal(len(table))
    return table.assign(status="done", final_test_error=error, final_test_loss=2 * error)


def trials(rates=(0.001, 0.01, 0.1)):
    return pd.DataFrame([(dataset, rate) for dataset in DATASETS for rate in rates], columns=["dataset", "lr"])


def field():
    return pd.concat([replicas("relu", 0, 1), replicas("tanh", 0.01, 2), replicas("elu", -0.01, 3)], ignore_index=True)


@pytest.mark.parametrize(("shift", "word"), [(-0.02, "better"), (0.02, "worse"), (0.0, "equivalent")])
def test_a_known_difference_is_found(shift, word):
    result = of_recipe(replicas("new", shift, 4), field(), trials(), "new", "relu", 0.005, RATIO)
    assert result.verdict.word == word
    assert result.datasets == 12


def test_a_bad_activation_is_last_and_a_good_one_first():
    for shift, expected in ((-0.05, "1st of 4"), (0.05, "4th of 4")):
        result = of_recipe(replicas("new", shift, 4), field(), trials(), "new", "relu", 0.005, RATIO)
        assert place(result.ranks, "new") == expected


def test_a_newcomer_that_is_stored_takes_the_place_of_its_stored_results():
    result = of_recipe(replicas("tanh", 0.01, 9), field(), trials(), "tanh", "relu", 0.005, RATIO)
    assert sorted(result.ranks.index) == ["elu", "relu", "tanh"]


def test_diverged_networks_count_as_the_worst():
    new = replicas("new", -0.02, 4).assign(status=lambda table: np.where(table["seed"] < 5, "diverged", "done"))
    result = of_recipe(new, field(), trials(), "new", "relu", 0.005, RATIO)
    assert result.verdict.word == "worse"
    assert result.diverged == 60
    assert place(result.ranks, "new") == "4th of 4"


def test_rates_at_the_ends_are_counted():
    result = of_recipe(replicas("new", 0, 4), field(), trials((0.01, 0.1)), "new", "relu", 0.005, RATIO)
    assert result.edges == 12


def test_the_answer_has_three_sentences_that_name_their_scope():
    result = of_recipe(replicas("new", -0.02, 4), field(), trials(), "new", "relu", 0.005, RATIO)
    sentences = answer([result], "new", "relu")
    assert len(sentences) == 3
    assert "12 data sets" in sentences[0]
    assert "plain networks alone" in sentences[1]
    assert "1st of 4" in sentences[2]


def test_equal_results_are_called_equal_and_others_are_counted():
    stored = field()
    again = replicas("relu", 0, 1)
    assert "are equal, bit by bit" in reproduction(again, stored, "relu")
    again.loc[3, ["final_test_error", "final_test_loss"]] += 0.01
    text = reproduction(again, stored, "relu")
    assert "119 are equal" in text
    assert "1 point" in text
    assert reproduction(again, stored, "unknown") == ""


@pytest.mark.parametrize(
    ("position", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")]
)
def test_places_have_their_endings(position, text):
    ranks = pd.Series({f"a{number}": float(number) for number in range(1, 31)})
    assert place(ranks, f"a{position}") == f"{text} of 30"
