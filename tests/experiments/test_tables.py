"""The tables of a run: columns, rows and cells; their exact text and back; merging."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from experiments import tables
from experiments.training.run import train

IDENTITY = ["run", "dataset", "activation", "output", "lr", "seed"]
LOSSES = ["train_loss", "train_error", "validation_loss", "validation_error", "test_loss", "test_error"]
FINAL_AND_BEST = [f"{when}_{column}" for when in ("final", "best") for column in LOSSES]
ACTIVATION = [
    "activation_mean", "activation_median", "activation_std", "zero_fraction", "saturated_fraction", "dead_fraction"
]  # fmt: skip
METRICS = [
    f"final_{part}_{metric}"
    for part in ("validation", "test")
    for metric in (
        "balanced_error", "nll", "brier", "ece_width", "ece_mass", "auc", "f1",
        "recall_class_0", "recall_class_1", "recall_class_2",
    )
]  # fmt: skip
NORMS = ["weight_gradient_norm", "delta_norm", "weight_norm"]
SETTINGS = {
    "activation.alpha": 1.0,
    "net.hidden": "[6, 5]",
    "net.output_bias": 0.0,
    "init.name": "he_normal",
    "init.gain": 1.0,
    "optimizer.name": "nesterov",
    "optimizer.weight_decay": 0.0,
    "optimizer.momentum": 0.9,
    "schedule.name": "multistep",
    "schedule.milestones": "[25, 40]",
    "schedule.drop": 0.1,
    "epochs": 4,
    "batch_size": 16,
    "activation_l1": 0.0,
    "class_weight": "none",
    "split.test": 0.2,
    "split.validation": 0.15,
    "dtype": "float64",
    "entropy": 0,
    "diagnostics.layers": True,
    "diagnostics.sharpness": False,
}
OVERRIDES = [
    "dataset=wine", "net.hidden=[6,5]", "activation=elu", "optimizer=nesterov", "optimizer.lr=[0.1,0.02]",
    "schedule=multistep", "epochs=4", "batch_size=16", "seeds=3", "dtype=float64",
]  # fmt: skip
REPLICAS = [(lr, seed) for lr in (0.02, 0.1) for seed in range(3)]


@pytest.fixture(scope="module")
def condition(settings):
    """A condition with settings of every kind; 121 training rows, 36 test rows, 3 classes."""
    return settings(*OVERRIDES)


@pytest.fixture(scope="module")
def frames(condition):
    return train(condition, condition.replicas).frames


def csv(frame):
    return tables.to_csv(tables.to_text(frame))


def of(frame, lr, seed):
    return frame[(frame["lr"] == lr) & (frame["seed"] == seed)].reset_index(drop=True)


# --- columns, rows, cells


def test_columns_are_as_documented(frames):
    assert {name: list(frame.columns) for name, frame in frames.items()} == {
        "history": [*IDENTITY, "epoch", *LOSSES, "gradient_norm"],
        "layers": [*IDENTITY, "epoch", "layer", *NORMS, "update_ratio", *ACTIVATION],
        "replicas": [
            *IDENTITY, *SETTINGS, "task", "parameters", "status", "diverged_epoch", "best_epoch", *FINAL_AND_BEST,
            *METRICS,
        ],
        "confusion": [*IDENTITY, "true", "predicted", "count"],
        "reliability": [*IDENTITY, "bin", "count", "confidence", "accuracy"],
        "timing": [
            *IDENTITY[:4], "replicas", "epochs", "threads", "total", "training", "evaluation", "diagnostics"
        ],
    }  # fmt: skip


def test_rows_are_sorted_and_complete(frames):
    sizes = (("replicas", 1), ("history", 5), ("layers", 5 * 3), ("confusion", 3 * 3), ("reliability", 15))
    for name, rows in sizes:
        index = frames[name][["lr", "seed"]].itertuples(index=False, name=None)
        assert list(index) == [replica for replica in REPLICAS for _ in range(rows)]
    assert frames["history"]["epoch"].tolist() == [0, 1, 2, 3, 4] * 6
    assert frames["layers"]["epoch"].tolist() == [epoch for epoch in range(5) for _ in range(3)] * 6
    assert frames["layers"]["layer"].tolist() == [1, 2, 3] * 5 * 6


def test_identity_and_settings_are_those_of_the_condition(condition, frames):
    for frame in frames.values():
        assert (frame[IDENTITY[:4]] == [condition.run, "wine", "elu", "softmax_ce"]).all(axis=None)
    for row in frames["replicas"].to_dict("records"):
        assert {key: row[key] for key in SETTINGS} == SETTINGS
        assert (row["task"], row["status"]) == ("classification", "done")
        assert row["parameters"] == (13 + 1) * 6 + (6 + 1) * 5 + (5 + 1) * 3


def test_cells_are_empty_only_where_they_have_no_meaning(frames):
    layers = frames["layers"]
    np.testing.assert_array_equal(layers["update_ratio"].isna(), layers["epoch"] == 0)
    for column in ACTIVATION:
        np.testing.assert_array_equal(layers[column].isna(), layers["layer"] == 3)
    assert frames["replicas"]["diverged_epoch"].isna().all()
    calibration = [column for column in METRICS if "_ece_" in column]  # not of so few rows
    assert frames["replicas"][calibration].isna().all(axis=None)
    reliability = frames["reliability"]
    for column in ("confidence", "accuracy"):
        np.testing.assert_array_equal(reliability[column].isna(), reliability["count"] == 0)
    meaningful = [
        layers.drop(columns=["update_ratio", *ACTIVATION]),
        frames["replicas"].drop(columns=["diverged_epoch", *calibration]),
        reliability[reliability["count"] > 0],
        *(frames[name] for name in ("history", "confusion", "timing")),
    ]
    assert all(frame.notna().all(axis=None) for frame in meaningful)


def test_final_and_best_are_rows_of_the_history(frames):
    for lr, seed in REPLICAS:
        replica, history = (of(frames[name], lr, seed) for name in ("replicas", "history"))
        best = history["validation_loss"].astype(float).idxmin()
        assert replica["best_epoch"].item() == best
        assert replica[FINAL_AND_BEST].to_numpy().tolist() == [[*history[LOSSES].loc[4], *history[LOSSES].loc[best]]]


def test_confusion_counts_the_test_rows(condition, frames):
    classes = list(condition.data.classes)
    for lr, seed in REPLICAS:
        confusion = of(frames["confusion"], lr, seed)
        assert confusion["true"].tolist() == [name for name in classes for _ in classes]
        assert confusion["predicted"].tolist() == classes * 3
        # The test part is stratified, whatever is predicted for it.
        assert confusion.groupby("true")["count"].sum().tolist() == pytest.approx([59 / 5, 71 / 5, 48 / 5], abs=1)
        wrong = confusion["count"][confusion["true"] != confusion["predicted"]].sum()
        assert confusion["count"].sum() == 36
        assert wrong / 36 == pytest.approx(of(frames["replicas"], lr, seed)["final_test_error"].item())


def test_reliability_counts_the_same_test_rows(frames):
    for lr, seed in REPLICAS:
        bins, counts = (of(frames[name], lr, seed) for name in ("reliability", "confusion"))
        assert bins["bin"].tolist() == list(range(1, 16))
        assert bins["count"].sum() == 36
        right = (bins["count"] * bins["accuracy"].fillna(0)).sum()
        assert right == pytest.approx(counts["count"][counts["true"] == counts["predicted"]].sum())
        filled = bins[bins["count"] > 0]
        assert (filled["confidence"] > (filled["bin"] - 1) / 15).all()
        assert (filled["confidence"] <= filled["bin"] / 15 + 1e-12).all()


def test_metrics_are_those_of_the_confusion_matrix(condition, frames):
    for lr, seed in REPLICAS:
        (row,) = of(frames["replicas"], lr, seed).to_dict("records")
        counts = of(frames["confusion"], lr, seed).pivot(index="true", columns="predicted", values="count")
        counts = counts.loc[list(condition.data.classes), list(condition.data.classes)].to_numpy(int)
        recalls = np.diag(counts) / counts.sum(axis=1)
        assert [row[f"final_test_recall_{name}"] for name in condition.data.classes] == recalls.tolist()
        assert row["final_test_balanced_error"] == pytest.approx(1 - recalls.mean())


def test_a_studys_metrics_are_sorted_by_part_and_the_recalls_by_name():
    columns = ["seed", *reversed(METRICS), "final_test_loss", "final_test_recall_", "final_test_crossings"]
    ordered = tables.sorted_metrics(columns)
    assert ordered == [*METRICS[:10], *METRICS[10:17], "final_test_crossings", "final_test_recall_", *METRICS[17:]]


def test_a_header_may_hold_any_name():
    for names in (["a", "b"], ["a,b", 'say "x"', "two\nlines", "größe", "", " "]):
        csv = tables.to_csv(pd.DataFrame([["1\n2"] * len(names)], columns=names))
        header = tables.header_line(csv)
        assert tables.columns_of(header.decode()) == names
        assert tables.from_csv(csv[: len(header) + 1]).empty
        assert csv[len(header) + 1 :].startswith(b'"1\n2"')


def test_rows_are_counted_below_a_header_with_line_breaks_and_damage_ends_the_search():
    assert tables.number_of_rows(tables.to_csv(pd.DataFrame({"two\nlines": ["1", "2"]}))) == 2
    assert tables.number_of_rows(b"a,b\n") == 0
    for damaged in (b"", b"a", b'"a\n1\n2\n'):
        assert tables.header_line(damaged) == damaged
        assert tables.number_of_rows(damaged) == -1


def test_timing_is_one_row_of_seconds(frames):
    (row,) = frames["timing"].to_dict("records")
    assert (row["replicas"], row["epochs"]) == (6, 4)
    stages = [row["training"], row["evaluation"], row["diagnostics"]]
    assert min(stages) > 0
    assert row["total"] >= sum(stages) / row["threads"]


def test_sharpness_is_a_further_column_of_the_history(settings, frames):
    condition = settings(*OVERRIDES, "diagnostics.sharpness=true")
    history = train(condition, condition.replicas).frames["history"]
    assert tuple(history.columns) == (*tables.HISTORY, "sharpness")
    assert (history["sharpness"].astype(float) > 0).all()
    pd.testing.assert_frame_equal(history.drop(columns=["sharpness", "run"]), frames["history"].drop(columns="run"))


def test_without_diagnostics_there_are_no_layers(settings, frames):
    condition = settings(*OVERRIDES, "diagnostics.layers=false")
    bare = train(condition, condition.replicas).frames
    assert list(bare["layers"].columns) == list(frames["layers"].columns)
    assert bare["layers"].empty
    assert bare["history"]["gradient_norm"].isna().all()
    assert bare["history"][LOSSES].equals(frames["history"][LOSSES])


@pytest.mark.parametrize("name", ["diabetes", "linnerud"])
def test_a_regression_confuses_no_classes(settings, frames, name):
    condition = settings(f"dataset={name}", "epochs=1", "seeds=2")
    regression = train(condition, condition.replicas).frames
    assert regression["replicas"]["task"].tolist() == ["regression"] * 2
    assert list(regression["confusion"].columns) == list(frames["confusion"].columns)
    assert regression["confusion"].empty
    assert list(regression["reliability"].columns) == list(frames["reliability"].columns)
    assert regression["reliability"].empty


# --- text and back


def test_tables_read_back_as_they_were(frames):
    for frame in frames.values():
        read = tables.read(BytesIO(csv(frame)))
        assert list(read.columns) == list(frame.columns)
        assert read.astype(object).where(read.notna(), None).to_dict("list") == frame.to_dict("list")
        assert tables.to_csv(tables.from_csv(csv(frame))) == csv(frame)


def bits(values):
    """Return the bytes of float64 values, all NaNs being one."""
    values = np.array([np.nan if value is None else value for value in values])
    return np.where(np.isnan(values), np.nan, values).tobytes()


@given(values=st.lists(st.floats() | st.none()))
@hypothesis_settings(max_examples=50, deadline=None)
def test_text_is_exact(values):
    values += [5e-324, 1.7976931348623157e308, -0.0, 1e-05, 0.1, np.inf, -np.inf, np.nan, None]
    text = csv(pd.DataFrame({"lr": values, "train_loss": values}, dtype=object))
    read = tables.read(BytesIO(text))
    assert bits(read["lr"]) == bits(read["train_loss"]) == bits(values)
    assert text.decode().splitlines()[-5:] == ["0.1,0.1", "inf,inf", "-inf,-inf", "nan,nan", ","]


def test_words_stay_words():
    """A class may be called 0 or nan, and an activation null."""
    words = {"activation": ["null", "nan"], "true": ["0", "nan"], "init.name": ["none", "NA"]}
    read = tables.read(BytesIO(csv(pd.DataFrame(words, dtype=object))))
    assert read.to_dict("list") == words


def test_whole_numbers_with_gaps_stay_whole():
    read = tables.read(BytesIO(b"status,diverged_epoch\ndone,\ndiverged,3\n"))
    assert read["diverged_epoch"].dtype == "Int64"
    assert read["diverged_epoch"].isna().tolist() == [True, False]
    assert read["diverged_epoch"][1] == 3


def test_a_table_is_read_from_a_path_too(tmp_path):
    path = tmp_path / "history.csv"
    path.write_bytes(b"lr,epoch\n0.1,0\n")
    assert tables.read(path).to_dict("list") == {"lr": [0.1], "epoch": [0]}


# --- merging


def test_merging_takes_the_newer_rows_and_sorts_numbers_as_numbers():
    def texts(rows):
        return pd.DataFrame(rows, columns=["run", "lr", "seed", "epoch", "train_loss"], dtype=str)

    old = texts([("r", "0.5", "10", "0", "old"), ("r", "0.5", "2", "0", "old"), ("r", "0.5", "2", "10", "old")])
    new = texts([("r", "0.5", "2", "10", "new"), ("r", "0.5", "2", "9", "new"), ("r", "1e-05", "30", "0", "new")])
    assert tables.merge("history", old, new).to_numpy().tolist() == [
        ["r", "1e-05", "30", "0", "new"],
        ["r", "0.5", "2", "9", "new"],
        ["r", "0.5", "2", "10", "new"],
        ["r", "0.5", "10", "0", "old"],
    ]


def test_merged_parts_are_the_tables_of_the_whole(condition, frames):
    first, second = (train(condition, condition.replicas[start::2]).frames for start in range(2))
    for name in ("history", "layers", "replicas", "confusion", "reliability"):
        merged = tables.merge(name, tables.to_text(first[name]), tables.to_text(second[name]))
        assert tables.to_csv(merged) == csv(frames[name])
    clocks = tables.merge("timing", tables.to_text(first["timing"]), tables.to_text(second["timing"]))
    assert clocks["replicas"].tolist() == ["3", "3"]


def test_merging_a_table_with_itself_changes_nothing(frames):
    for name in ("history", "layers", "replicas", "confusion", "reliability"):
        text = tables.to_text(frames[name])
        assert tables.to_csv(tables.merge(name, text, text)) == csv(frames[name])


# --- the chosen learning rate


def scored(*rows, run="r"):
    """Return a table `replicas` from tuples: rate, seed, validation error and loss, and further cells by name."""
    records = []
    for lr, seed, error, loss, *further in rows:
        cells = {"run": run, "lr": lr, "seed": seed, "status": "done"}
        cells |= {
            f"{when}_validation_{what}": v
            for when in ("final", "best")
            for what, v in (("error", error), ("loss", loss))
        }
        records.append(cells | (further[0] if further else {}))
    return pd.DataFrame(records)


DISAGREEING = scored(
    # The small rate is trained least: it has the lower loss, and the large one makes fewer errors.
    (0.003, 0, 0.09, 0.30, {"best_validation_error": 0.080}),
    (0.003, 1, 0.08, 0.31, {"best_validation_error": 0.080}),
    (0.1, 0, 0.06, 0.40, {"best_validation_error": 0.070}),
    (0.1, 1, 0.05, 0.42, {"best_validation_error": 0.070}),
    (0.3, 0, 0.07, 0.50, {"best_validation_error": 0.040}),
    (0.3, 1, 0.07, 0.51, {"best_validation_error": 0.040}),
)


def test_the_rate_is_chosen_by_what_is_reported():
    assert tables.chosen_rates(DISAGREEING).to_dict() == {"r": 0.1}
    assert DISAGREEING.loc[tables.selected(DISAGREEING), "lr"].tolist() == [0.1, 0.1]


@pytest.mark.parametrize(("select", "rate"), [("error", 0.1), ("loss", 0.003), ("best_epoch_error", 0.3)])
def test_another_rule_chooses_another_rate_and_text_cells_give_the_same(select, rate):
    for replicas in (DISAGREEING, tables.to_text(DISAGREEING)):
        assert tables.chosen_rates(replicas, select).to_dict() == {"r": rate}
        assert set(replicas.loc[tables.selected(replicas, select), "lr"].astype(float)) == {rate}


def test_ties_are_decided_by_the_loss_then_by_the_smaller_rate():
    # Both sums are 0.6 in exact arithmetic; as float64 they differ.
    errors, others = (0.1, 0.2, 0.3), (0.3, 0.2, 0.1)
    assert sum(errors) != sum(others)
    tied = [(1.0, seed, error, 0.5) for seed, error in enumerate(errors)]
    tied += [(0.1, seed, error, 0.6) for seed, error in enumerate(others)]
    assert tables.chosen_rates(scored(*tied)).to_dict() == {"r": 1.0}
    assert tables.chosen_rates(scored(*((*row[:3], 0.5) for row in tied))).to_dict() == {"r": 0.1}


def test_numbers_far_from_one_are_told_apart():
    assert tables.chosen_rates(scored((0.1, 0, 2e-14, 1.0), (0.2, 0, 1e-14, 1.0))).to_dict() == {"r": 0.2}


def test_a_rate_with_a_diverged_replica_ranks_last():
    diverged, lost = {"status": "diverged"}, {"final_validation_error": np.nan}
    replicas = scored((0.1, 0, 0.0, 0.0), (0.1, 1, 0.0, 0.0, diverged), (0.2, 0, 0.5, 1.0), (0.2, 1, 0.5, 1.0))
    assert tables.chosen_rates(replicas).to_dict() == {"r": 0.2}
    assert tables.chosen_rates(scored((0.2, 0, 0.0, 0.0, lost), (0.3, 0, 0.5, 1.0))).to_dict() == {"r": 0.3}
    everywhere = scored((0.3, 0, 0.0, 0.0, diverged), (0.2, 0, 0.1, 0.0, diverged))
    assert tables.chosen_rates(everywhere).to_dict() == {"r": 0.2}
    assert tables.selected(everywhere).tolist() == [False, True]


def test_tuning_rows_choose_and_reported_rows_are_selected():
    tuning, report = {"purpose": "tuning"}, {"purpose": "report"}
    tuned = scored(
        (0.1, 9, 0.2, 1.0, tuning), (0.2, 9, 0.1, 1.0, tuning), (0.1, 0, 0.0, 0.0, report), (0.2, 0, 0.3, 2.0, report)
    )
    other = scored((0.1, 0, 0.0, 0.0, report), (0.2, 0, 0.3, 2.0, report), run="without tuning seeds")
    both = pd.concat([tuned, other], ignore_index=True)
    assert tables.chosen_rates(both).to_dict() == {"r": 0.2, "without tuning seeds": 0.1}
    assert tables.selected(both).tolist() == [False, False, False, True, True, False]


def test_a_run_that_is_not_reported_at_its_chosen_rate_has_no_selected_row():
    tuning, report = {"purpose": "tuning"}, {"purpose": "report"}
    waiting = scored((0.1, 9, 0.2, 1.0, tuning), (0.2, 9, 0.1, 1.0, tuning), (0.1, 0, 0.0, 0.0, report))
    assert tables.chosen_rates(waiting).to_dict() == {"r": 0.2}
    assert not tables.selected(waiting).any()


def test_rates_are_compared_on_the_seeds_that_all_of_them_have():
    uneven = scored(
        *[(0.1, seed, 0.20, 1.0) for seed in (1, 2)],
        *[(0.3, seed, error, 1.0) for seed, error in ((1, 0.21), (2, 0.21), (3, 0.05))],
    )
    assert tables.chosen_rates(uneven).to_dict() == {"r": 0.1}
    nothing_shared = uneven[(uneven["lr"] == 0.1) == (uneven["seed"] < 3)]
    assert tables.chosen_rates(nothing_shared).to_dict() == {"r": 0.3}


def test_a_diverged_rate_ranks_last_whatever_seeds_it_has_and_leaves_the_others_theirs():
    diverged = {"status": "diverged"}
    rows = [(0.1, 1, 0.1, 1.0), (0.1, 2, 0.4, 1.0), (0.2, 1, 0.2, 1.0), (0.2, 2, 0.2, 1.0)]
    assert tables.chosen_rates(scored(*rows, (0.3, 1, 0.0, 0.0), (0.3, 9, 0.0, 0.0, diverged))).to_dict() == {"r": 0.2}
    assert tables.chosen_rates(scored(*rows, (0.3, 1, 0.0, 0.0, diverged))).to_dict() == {"r": 0.2}


def test_rates_that_are_equal_to_twelve_digits_are_one_rate():
    above = 0.1 + 0.2
    split = scored((0.3, 0, 0.2, 1.0), (0.1, 0, 0.3, 1.0), (above, 1, 0.4, 1.0), (0.1, 1, 0.25, 1.0))
    assert above > 0.3
    assert tables.chosen_rates(split)["r"] == 0.1  # 0.3 alone has the lowest error
    better = scored((0.1, 0, 0.5, 1.0), (0.3, 0, 0.2, 1.0), (above, 0, 0.2, 1.0), (above, 1, 0.4, 1.0))
    assert tables.selected(better).tolist() == [False, True, False, True]
    assert tables.chosen_rates(scored((above, 0, 0.2, 1.0)))["r"] == above
    assert tables.edge(above, [0.1, 0.3]) == "highest"
