"""The field of a study: its reference, its units, and where it stands in the answer."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.answer import findings
from experiments.analysis.comparison import treatments_over_datasets
from experiments.analysis.field import comparable, field

DATASETS = ("iris", "wine", "digits", "moons", "spirals", "xor", "circles")


def conditions(datasets=DATASETS, gain=0.0, activations=("relu", "elu", "tanh")):
    return [
        {"dataset": dataset, "activation": name, "error": 0.1 + 0.02 * index - (gain if name == "elu" else 0)}
        for index, dataset in enumerate(datasets)
        for name in activations
    ]


def field_of(replicas, **arguments):
    return field(replicas, treatments_over_datasets(replicas), **arguments)


def test_the_reference_is_that_of_most_data_sets_and_every_treatment_is_compared(study):
    replicas = study(*conditions(gain=0.02))
    result = field_of(replicas)
    assert result.reference == "relu"
    assert result.datasets == 7
    assert result.table.set_index("treatment")["verdict"]["elu"] == "better"
    assert result.margin == pytest.approx(0.005)
    assert field_of(replicas, margin=2.0).margin == pytest.approx(0.02)


def test_few_data_sets_or_one_treatment_have_no_field(study):
    assert field_of(study(*conditions(DATASETS[:2]))) is None
    assert field_of(study(*conditions(activations=("relu",)))) is None


def test_a_study_of_two_data_sets_has_the_answer_that_it_had(study):
    replicas = study(*conditions(DATASETS[:2]))
    facts = findings(replicas)
    assert len(facts.sentences) == 3
    assert facts.sentences[2].endswith(facts.over_datasets.sentence)


def test_with_three_data_sets_the_answer_begins_with_all_of_them(study):
    facts = findings(study(*conditions(gain=0.02)))
    assert facts.sentences[0].startswith("Over these 7 data sets, at the only rate, elu is better than relu. ")
    assert facts.sentences[0].endswith(facts.over_datasets.sentence)
    assert facts.sentences[3] == "None of the 84 networks diverged."
    few = findings(study(*conditions(DATASETS[:3])))
    assert few.sentences[0].startswith("Over these 3 data sets, at the only rate, none of the other 2 treatments can")
    assert "So few data sets could not show a difference." in few.sentences[0]


def test_the_winners_of_many_data_sets_are_counted(study):
    facts = findings(study(*conditions(gain=0.02)))
    assert facts.sentences[1] == "At the only rate, elu ranks first on 7 of the 7 data sets."


def test_the_errors_of_regressions_are_divided_by_those_of_the_reference(study):
    replicas = study(*conditions(gain=0.02)).assign(task="regression")
    over = treatments_over_datasets(replicas)
    compared = comparable(replicas, over)
    means = compared.table.groupby(["dataset", "treatment"])["error"].mean().unstack()
    np.testing.assert_allclose(means["relu"], 1)
    assert compared.margin == 0.02
    assert compared.scale.label == "% of the RMSE of relu"
    mixed = replicas.assign(task=np.where(replicas["dataset"] == "iris", "classification", "regression"))
    assert comparable(mixed, over) is None
    assert findings(mixed).sentences[0] == findings(mixed).over_datasets.sentence


def test_scores_are_normalised_by_the_model_that_ignores_the_inputs(study):
    replicas = study(*conditions())
    simple = pd.DataFrame(
        [(dataset, "majority class", seed, 0.5) for dataset in DATASETS for seed in range(4)],
        columns=["dataset", "baseline", "seed", "test_error"],
    )
    assert field_of(replicas).scores == "1 − error"
    assert field_of(replicas, baselines=simple).scores == "1 − error / error of the model that ignores the inputs"
    some = simple[simple["dataset"] != "iris"]
    assert field_of(replicas, baselines=some).scores == "1 − error"


def test_a_metric_without_a_margin_has_no_probabilities(study):
    replicas = study(*conditions(gain=0.02)).assign(metric="brier")
    result = field_of(replicas)
    assert np.isnan(result.margin)
    assert result.table["better"].isna().all()
    assert result.scores == ""
    assert result.scale.label == "units of the Brier score"


def test_copies_of_a_data_set_count_once(study):
    replicas = study(*conditions())
    ids = {name: f"c{name}" for name in DATASETS} | {"wine": "ciris"}
    replicas = replicas.assign(task_id=replicas["dataset"].map(ids))
    assert field_of(replicas).datasets == 6
