"""Tests of experiments.figures.registry: every figure is drawn from what a study has, or says what is missing."""

import shlex

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments.figures.registry import Missing, dataset_names, figure
from experiments.store.reading import StudyTables
from experiments.tables import KEY
from tests.experiments.figures.studies import FIGURES, STUDIES, assert_nothing_overlaps, drawings, fake_study, of

OTHERS = ("rates", "tuned outputs", "many", "trials", "trials of numbers", "learning", "learning on two")
BASIC = [study for study in STUDIES if study not in OTHERS]
DRAWN = {
    "activation_curves": {study: [""] for study in BASIC},
    "output_cost_gradients": {study: [""] for study in BASIC},
    "lu_comparison": {study: [""] for study in BASIC}
    | {"pairings": [], "datasets": ["-digits", "-wine"], "crossed": ["-softmax_ce", "-softmax_mse"]},
    "mse_vs_ce": {study: [] for study in BASIC} | {"pairings": [""], "crossed": [""]},
}
DRAWN["gradient_norms"] = DRAWN["lu_comparison"]
# Figures that take what they draw from the same columns in the same way need not be drawn from every study.
PARTED = {
    "three": [""],
    "datasets": ["-digits", "-wine"],
    "hyper": [""],
    "lost": [""],
    "short": [""],
    "regression": [""],
}
MEASURED = {
    "three": [""],
    "datasets": ["-digits", "-wine"],
    "pairings": [""],
    "crossed": [""],
    "hyper": [""],
    "lost": [],
    "regression": [],
}
DRAWN |= {
    "leaderboard": PARTED | {"crossed": [""]},
    "learning_rate_sensitivity": {"three": [], "rates": [""], "tuned outputs": [""]},
    "critical_difference": {"three": [], "datasets": [], "many": [""]},
    "dataset_heatmap": {"three": [], "datasets": [], "many": [""]},
    "pairing_matrix": {"three": [], "pairings": [""], "crossed": [""]},
    "saturation": {"three": [""], "lost": [""], "depths": [""]},
    "activation_statistics": {"three": [""], "lost": [""], "depths": [""]},
    "gradient_flow": {"three": [""], "lost": [""], "depths": [""], "short": [""]},
    "depth": {"three": [], "depths": [""]},
    "signal_propagation": {"three": [""], "lost": [""], "depths": [""], "short": [], "hyper": [""], "all": [""]},
    "phase_diagram": {"three": [""], "depths": [""], "short": [], "hyper": [""], "datasets": ["-digits", "-wine"]},
    "cost_of_activation": {"three": [""], "lost": [""], "regression": [""]},
    "confusion": {"three": [""], "hyper": [""], "lost": []},
    "reliability": MEASURED | {"short": [""], "all": [""]},
    "calibration": MEASURED | {"short": [""], "all": [""]},
    "metrics": MEASURED | {"short": [], "regression": [""], "all": [""]},
    "decision_boundary": {"three": []},
    "budget": {"three": [], "trials": [""], "trials of numbers": [""]},
    "zigzag": {"three": [""]},
    "collapse": {"three": [""]},
    "clipped_output": {"three": [""]},
    "likelihoods": {"three": [""]},
    "learned_parameters": {
        "three": [],
        "all": [],
        "short": [],
        "learning": ["-prelu", "-rational"],
        "learning on two": ["-apl-digits", "-apl-wine"],
    },
}


def test_every_figure_is_tested():
    assert set(DRAWN) == set(FIGURES)


@pytest.mark.parametrize(("name", "study"), [(name, study) for name, studies in DRAWN.items() for study in studies])
def test_every_figure_is_drawn_from_what_a_study_has(name, study):
    result = of(name, study)
    expected = [f"{name}{part}" for part in DRAWN[name][study]]
    assert [stem for stem, drawn in result.items() if isinstance(drawn, Figure)] == expected
    if not expected:
        assert list(result) == [name]
        assert isinstance(result[name], Missing)
    for stem in expected:
        assert_nothing_overlaps(result[stem])


@pytest.mark.parametrize("name", [name for name in DRAWN if [] in DRAWN[name].values()])
def test_what_is_missing_is_one_line_that_ends_with_a_command(name):
    study = next(study for study, parts in DRAWN[name].items() if not parts)
    (reason,) = of(name, study).values()
    line = reason.line("mine", ["wine", "digits"])
    assert line.startswith(f"{reason}; run: python run.py -m ")
    assert line.endswith(" study=mine")
    assert ("dataset=digits,wine" in line) == ("dataset" not in reason.add)
    assert "\n" not in line


@pytest.mark.parametrize("name", ["mse_vs_ce", "pairing_matrix"])
def test_the_pairings_of_a_regression_are_those_of_numbers(name):
    (reason,) = of(name, "regression").values()
    line = reason.line("mine", ["diabetes"])
    assert "-m output=linear_mse,linear_mae,gaussian_nll dataset=diabetes " in line


@pytest.mark.parametrize("name", ["confusion", "reliability", "calibration"])
def test_what_a_regression_cannot_have_is_no_command(name):
    (reason,) = of(name, "regression").values()
    assert reason.line("mine", ["diabetes"]).startswith("a regression has ")
    assert "run.py" not in reason.line("mine", ["diabetes"])


def test_the_command_keeps_the_words_of_the_study():
    words = ["dataset=csv", "dataset.path=a b.csv", "dataset.target=y", "net.hidden=[8]", "activation=elu", "study=old"]
    words.append("activation.alpha=0.5")
    line = Missing("x", "'optimizer.lr=[0.01,0.1]'").line("mine", [], words)
    assert shlex.split(line.partition("; run: ")[2])[3:] == [
        *("optimizer.lr=[0.01,0.1]", "dataset=csv", "dataset.path=a b.csv", "dataset.target=y", "net.hidden=[8]"),
        *("activation=elu", "activation.alpha=0.5", "study=mine"),
    ]
    line = Missing("x", "dataset=moons activation=relu,tanh").line("mine", [], words)
    assert line == "x; run: python run.py -m dataset=moons activation=relu,tanh 'net.hidden=[8]' study=mine"
    line = Missing("x", "+experiment=depth").line("mine", [], ["dataset=iris", "net.hidden=[8]", "seeds=2"])
    assert line == "x; run: python run.py -m +experiment=depth dataset=iris seeds=2 study=mine"


def test_a_file_whose_words_are_not_known_gets_no_command():
    assert Missing("x", "activation=relu,tanh").line("mine", ["csv"]) == "x"


def test_norms_that_were_not_recorded_are_named():
    history, layers, replicas = STUDIES["three"][:3]
    tables = StudyTables(history.assign(gradient_norm=np.nan), layers.iloc[:0].astype(object), replicas)
    (reason,) = drawings("gradient_norms", tables).values()
    assert str(reason) == "no gradient_norm in the study's history"
    assert reason.add == "diagnostics.layers=true"


def test_a_figure_is_one_function():
    try:

        @figure("temporary", title="A figure of a test")
        def temporary(tables):
            return Figure()

        assert isinstance(drawings("temporary", STUDIES["three"])["temporary"], Figure)
        with pytest.raises(ValueError, match="'temporary' is taken"):
            figure("temporary", title="Another")
    finally:
        del FIGURES["temporary"]


def test_networks_without_a_hidden_layer_lack_no_diagnostics():
    for name in ("saturation", "activation_statistics"):
        (reason,) = of(name, "short").values()
        assert str(reason) == "no network has a hidden layer"


def test_a_part_has_a_portable_file_name_of_its_own():
    names = ("moons", "moons, noise=0.4", "moons noise=0.4", "a/b")
    stems = list(drawings("leaderboard", fake_study(("relu", "tanh"), datasets=names)))
    assert stems == [
        *("leaderboard-moons", "leaderboard-moons-noise-0.4", "leaderboard-moons-noise-0.4-2", "leaderboard-a-b")
    ]


def test_a_command_names_the_data_set_of_a_task():
    tables = fake_study(("relu",), datasets=("digits, task=classification",))
    tables = tables._replace(sources={run: {"name": "digits"} for run in tables.replicas["run"]})
    (reason,) = drawings("mse_vs_ce", tables).values()
    assert "dataset=digits " in reason.line("mine", dataset_names(tables))


def with_last_epochs(tables, runs):
    """Return the tables of a study in which these runs have `evaluate=last`."""
    last = {
        name: table[~table["run"].isin(runs) | (table["epoch"] == table.groupby(KEY)["epoch"].transform("max"))]
        for name, table in (("history", tables.history), ("layers", tables.layers))
    }
    evaluate = tables.replicas["run"].isin(runs).map({True: "last", False: np.nan})
    replicas = tables.replicas.copy()
    replicas.insert(replicas.columns.get_loc("seed") + 1, "evaluate", evaluate.astype(object))
    return tables._replace(replicas=replicas, **last)


COURSES = ("lu_comparison", "gradient_norms", "gradient_flow", "saturation", "activation_statistics", "depth")
COURSES = (*COURSES, "cost_of_activation", "signal_propagation")


@pytest.mark.parametrize("name", [name for name in FIGURES if not FIGURES[name].demonstration])
def test_a_study_of_last_epochs_has_every_figure_that_needs_no_other_epoch(name):
    tables = with_last_epochs(STUDIES["three"], set(STUDIES["three"].replicas["run"]))
    for stem, drawn in drawings(name, tables).items():
        if name in COURSES:
            line = drawn.line("mine", ["digits"], ["dataset=digits", "evaluate=last"])
            assert "only the last epoch was evaluated; run: python run.py -m evaluate=every dataset=digits" in line
        else:
            assert type(drawn) is type(of(name, "three")[stem])


@pytest.mark.parametrize("name", ["lu_comparison", "signal_propagation", "cost_of_activation"])
def test_conditions_of_last_epochs_are_left_out_of_courses(name):
    first, *others = STUDIES["three"].replicas["run"].unique()
    (drawn,) = drawings(name, with_last_epochs(STUDIES["three"], {first})).values()
    gids = {line.get_gid() for ax in drawn.axes for line in ax.lines} - {None}
    assert first not in gids
    assert gids & set(others)
