"""Tables of studies that no network trained, and what tests read from the figures drawn of them."""

import json
from functools import cache
from itertools import combinations, product

import numpy as np
import pandas as pd

from experiments.figures.boxes import crowded
from experiments.figures.registry import Missing, all_figures, once
from experiments.store.reading import StudyTables
from experiments.tables import CLASS_METRICS, NUMBER_METRICS
from nets.activations import ACTIVATIONS
from nets.outputs import OUTPUTS

FIGURES = all_figures()


def fake_study(
    activations=("relu", "elu", "tanh"),
    outputs=("softmax_ce",),
    datasets=("digits",),
    hidden=((8, 8),),
    hyperparameters=(),
    rates=(0.1,),
    seeds=3,
    epochs=8,
    diverged=1,
    task="classification",
):
    """Return plausible tables of a study in which the last `diverged` seeds of the last activation diverge.

    `hyperparameters` holds (activation, name, values): the conditions of an activation that has several.
    """
    generator = np.random.default_rng(0)
    several = {
        activation: [{f"activation.{name}": value} for value in values] for activation, name, values in hyperparameters
    }
    history, layers, replicas, confusion, reliability, timing = [], [], [], [], [], []
    variants = [(activation, own) for activation in activations for own in several.get(activation, [{}])]
    columns = sorted({column for _, own in variants for column in own})
    for number, condition in enumerate(product(datasets, variants, outputs, hidden)):
        dataset, (activation, own), output, widths = condition
        names = {"run": f"{dataset}-{activation}-{output}-{number:010x}", "dataset": dataset, "activation": activation}
        speed, floor = generator.uniform([0.2, 0.015], [0.8, 0.04])
        for rate, seed in product(rates, range(seeds)):
            replica = names | {"output": output, "lr": rate, "seed": seed}
            fails = activation == activations[-1] and seed >= seeds - diverged
            last = 1 + seed if fails else epochs
            decay = np.exp(-speed * np.arange(last + 1)) * generator.lognormal(0, 0.1, last + 1)
            loss, error, norm = 2.3 * decay + 0.003, 0.9 * decay**1.2 + floor, 1.5 * decay + 0.02
            if fails:
                loss[-2:], error[-1], norm[-2:] = (1e30, np.inf), np.nan, (1e20, np.inf)
            for epoch in range(last + 1):
                parts = {f"{part}_loss": loss[epoch] for part in ("train", "validation", "test")}
                parts |= {
                    "train_error": 0.7 * error[epoch],
                    "validation_error": error[epoch],
                    "test_error": error[epoch],
                }
                history.append(replica | {"epoch": epoch} | parts | {"gradient_norm": norm[epoch]})
                for layer in range(1, len(widths) + 2):
                    delta = norm[epoch] * 0.5 ** (len(widths) + 1 - layer)
                    statistics = {"weight_gradient_norm": delta, "delta_norm": 0.3 * delta}
                    shares = {"zero_fraction": 0.5, "saturated_fraction": 0.1 * layer, "dead_fraction": 0.01 * epoch}
                    shares |= {"activation_mean": speed - 0.5, "activation_std": 0.3 * layer}
                    statistics |= dict.fromkeys(shares) if layer > len(widths) else shares
                    layers.append(replica | {"epoch": epoch, "layer": layer} | statistics)
            settings = dict.fromkeys(columns) | own | {"net.hidden": json.dumps(widths)}
            if not fails and task == "classification":
                counts = generator.integers(0, 4, (2, 2)) + 40 * np.eye(2, dtype=int)
                for true, predicted in np.ndindex(2, 2):
                    pair = {"true": "abc"[true], "predicted": "abc"[predicted], "count": counts[true, predicted]}
                    confusion.append(replica | pair)
            outcome = {"status": "diverged" if fails else "done", "diverged_epoch": last if fails else None}
            outcome["final_test_error"] = error[last]
            measured, bins = fake_metrics(len(replicas), task, output)
            outcome |= dict.fromkeys(measured) if fails else measured
            reliability += [] if fails else [replica | cells for cells in bins]
            replicas.append(replica | settings | {"task": task} | outcome | {"selected": rate == rates[0]})
        size = {"replicas": seeds * len(rates), "epochs": epochs}
        timing.append(names | size | {"training": size["replicas"] * epochs * generator.uniform(0.01, 0.05)})
    replicas = pd.DataFrame(replicas).astype({"diverged_epoch": "Int64"})
    confusion = pd.DataFrame(confusion) if confusion else None
    history, layers = pd.DataFrame(history), pd.DataFrame(layers)
    reliability = pd.DataFrame(reliability) if reliability else None
    return StudyTables(history, layers, replicas, confusion, pd.DataFrame(timing), {}, reliability=reliability)


def fake_metrics(seed, task, output):
    """Return plausible metrics of a replica, and the rows of its table `reliability`, if it has some."""
    generator = np.random.default_rng([seed, 1])
    names = CLASS_METRICS if task == "classification" else NUMBER_METRICS
    metrics = {f"final_test_{name}": generator.uniform(0.1, 0.9) for name in names}
    if task == "regression" or not OUTPUTS[output].probabilities:
        absent = ("nll", "brier", "ece_width", "ece_mass") if task == "classification" else ()
        return metrics | dict.fromkeys(f"final_test_{name}" for name in absent), []
    counts = generator.multinomial(240, np.arange(15) ** 3 / (np.arange(15) ** 3).sum())
    bins, gap = [], 0.0
    for number, count in enumerate(counts.tolist(), 1):
        confidence, right = generator.uniform(number - 1, number) / 15, generator.binomial(count, (number - 1) / 15)
        means = {"confidence": confidence, "accuracy": right / count} if count else dict.fromkeys(MEANS, np.nan)
        bins.append({"bin": number, "count": count} | means)
        gap += abs(right - count * confidence) / 240
    return metrics | {"final_test_ece_width": gap}, bins


MEANS = ("confidence", "accuracy")


def with_learned(tables):
    """Return the tables with what their activations learned: random walks from where they start."""
    generator, layers = np.random.default_rng(0), tables.layers
    inside = layers["activation_mean"].notna()
    for name in layers["activation"].unique():
        rows = inside & (layers["activation"] == name)
        for parameter, value in ACTIVATIONS[name]().init(1, 2, float).items():
            walk = value.flat[0] + generator.normal(0, 0.05, rows.sum()) * layers.loc[rows, "epoch"]
            ends = {"": 0, ".min": -0.1, ".max": 0.1} if value.size > 1 else {"": 0}
            for end, shift in ends.items():
                layers = layers.assign(**{f"{name}.{parameter}{end}": (walk + shift).reindex(layers.index)})
    return tables._replace(layers=layers)


def with_trials(tables):
    """Return the tables with the last two seeds as tuning seeds, of which only the larger rates diverge."""
    replicas = tables.replicas
    tuning = replicas["seed"] >= replicas["seed"].max() - 1
    score = 0.2 + 0.1 * np.abs(np.log10(replicas["lr"].astype(float)) + 1) + 0.01 * replicas["seed"]
    lost = (
        tuning & (replicas["lr"] == replicas["lr"].max()) & (replicas["activation"] == replicas["activation"].iloc[-1])
    )
    status = replicas["status"].mask(tuning & ~lost, "done").mask(lost, "diverged")
    columns = {"purpose": np.where(tuning, "tuning", "report"), "status": status}
    columns |= {
        "final_validation_error": score,
        "final_test_error": score + 0.01,
        "selected": replicas["selected"] & ~tuning,
    }
    return tables._replace(replicas=replicas.assign(**columns))


STUDIES = {
    "three": fake_study(),
    "all": fake_study(activations=tuple(ACTIVATIONS)),
    "datasets": fake_study(datasets=("digits", "wine")),
    "pairings": fake_study(activations=("relu",), outputs=("sigmoid_ce", "sigmoid_mse", "linear_hinge")),
    "crossed": fake_study(outputs=("softmax_ce", "softmax_mse")),
    "depths": fake_study(activations=("relu", "sigmoid"), hidden=((), (8,), (8,) * 6)),
    "hyper": fake_study(
        activations=("relu", "elu", "maxout"),
        hyperparameters=[("elu", "alpha", [0.2, 1.0]), ("maxout", "pieces", [2, 3])],
    ),
    "regression": fake_study(datasets=("diabetes",), outputs=("linear_mse",), task="regression", diverged=0),
    "lost": fake_study(activations=("relu",), diverged=3),
    "short": fake_study(activations=("relu",), hidden=((),), seeds=1, epochs=1, diverged=0),
    "rates": fake_study(rates=(0.1, 0.3)),
    "tuned outputs": fake_study(
        activations=("relu",), outputs=("softmax_ce", "softmax_mse"), rates=(0.1, 0.3), diverged=0
    ),
    "many": fake_study(datasets=("digits", "wine", "iris", "moons"), seeds=2, epochs=3, diverged=0),
    "trials": with_trials(fake_study(rates=(0.01, 0.03, 0.1, 0.3, 1.0), seeds=5, epochs=3)),
    "trials of numbers": with_trials(
        fake_study(rates=(0.01, 0.03, 0.1), seeds=5, epochs=2, outputs=("linear_mse",), task="regression")
    ),
    "learning": with_learned(fake_study(activations=("relu", "prelu", "rational"), hidden=((8,) * 6,))),
    "learning on two": with_learned(fake_study(activations=("apl",), datasets=("digits", "wine"), seeds=1, diverged=0)),
}


def drawings(name, tables):
    """Draw each part of a study. Return by file stem the figure, or the reason why there is none."""
    drawable = FIGURES[name]
    try:
        parts = drawable.parts(tables)
    except Missing as reason:
        return {name: reason}
    stems = drawable.stems(parts)
    return once(name, {stems[part]: drawable.draw_part(content) for part, content in parts.items()})


@cache
def of(name, study):
    """Return what a figure draws of one of `STUDIES`, once for all tests, which only look at it."""
    return drawings(name, STUDIES[study])


def assert_nothing_overlaps(drawn):
    """Lay a figure out and check that texts, panels with their labels, and legends are apart and not cut off."""
    assert crowded(drawn) == []
    drawn.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in drawn.axes] + [legend.get_window_extent() for legend in drawn.legends]
    for one, other in combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        down = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(across, down) <= 1
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= drawn.bbox.x1
        assert box.y1 <= drawn.bbox.y1


def tiny(errors, statuses=None):
    """Return the tables of one run from its seeds' test errors by epoch; a diverged one ends at its last epoch."""
    names = {"run": "digits-relu-softmax_ce-0", "dataset": "digits", "activation": "relu", "output": "softmax_ce"}
    statuses = statuses or ["done"] * len(errors)
    history = [
        names | {"lr": 0.1, "seed": seed, "epoch": epoch, "test_error": error, "train_loss": 2 * error}
        for seed, values in enumerate(errors)
        for epoch, error in enumerate(values)
    ]
    replicas = pd.DataFrame(
        names
        | {"lr": 0.1, "seed": seed, "task": "classification", "status": status, "selected": True}
        | {"final_test_error": errors[seed][-1]}
        | {"diverged_epoch": len(errors[seed]) - 1 if status == "diverged" else None}
        for seed, status in enumerate(statuses)
    ).astype({"diverged_epoch": "Int64"})
    return StudyTables(pd.DataFrame(history), pd.DataFrame({"run": [], "lr": []}), replicas)


def curves(ax):
    """Return the data of a panel's curves by run."""
    return {line.get_gid(): np.array(line.get_data()) for line in ax.lines if line.get_gid()}


def crosses(ax):
    return [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "x"]
