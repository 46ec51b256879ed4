"""Figures of small experiments. The experiments are fixed and run when their figures are drawn.

They show that deep linear networks are one affine map, why inputs of one sign make descent zigzag, and why a clipped
output stalls.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit
from threadpoolctl import threadpool_limits

from experiments.analysis.statistics import summarise
from experiments.config.choices import REGISTRIES, hyperparameters
from experiments.config.settings import Settings, defaults, resolve
from experiments.figures.curves import INTERVAL
from experiments.figures.registry import figure
from experiments.figures.style import CLASSES, INK, MUTED, Style, identity, legend, sheet
from experiments.store.reading import StudyTables
from experiments.training.stack import Stack
from nets.network import Network, Work
from nets.outputs import OUTPUTS

SEEDS, EPOCHS = 5, 20


class Trained(NamedTuple):
    """Networks on one data set, one for each seed, and their errors on one part of the data during training."""

    network: Network
    work: Work  # the buffers that hold the part and its scores
    errors: np.ndarray  # (epochs + 1, seeds): the share of wrong rows
    stuck: np.ndarray  # (epochs + 1, seeds): the share of rows that are wrong and whose cost has no gradient


def train(
    activation: str, hidden: tuple[int, ...], output: str, rate: float, part: str, dataset: str = "digits"
) -> Trained:
    """Train by plain stochastic gradient descent, with the splits, draws and order of any study.

    The errors are those on the part "train" or "test" of the data.
    """
    settings = _settings(dataset, activation, hidden, output, rate)
    errors, stuck = np.empty((EPOCHS + 1, SEEDS)), np.empty((EPOCHS + 1, SEEDS))
    with threadpool_limits(1, "blas"):  # threads would cost more than such small products
        stack = Stack(settings, settings.replicas)
        rows = getattr(stack.prepared.split, part)[stack.seed_index]
        for epoch in range(EPOCHS + 1):
            if epoch:
                stack.train_epoch(epoch)
            work, wrong = _wrong(stack, rows)
            errors[epoch] = wrong.mean(axis=1)
            settings.output.gradient(work.scores, work.targets, work.delta)
            stuck[epoch] = (wrong & (work.delta == 0).all(axis=2)).mean(axis=1)
    return Trained(stack.network, work, errors, stuck)


def _converged(dataset: str) -> np.ndarray:
    """Return the test error (seeds,) of logistic regression without a penalty, on the splits of `train`."""
    from sklearn.linear_model import LogisticRegression

    settings = _settings(dataset, "linear", (), "softmax_ce", 0.1)
    stack = Stack(settings, settings.replicas)
    errors = []
    parts = [getattr(stack.prepared.split, part)[stack.seed_index] for part in ("train", "test")]
    inputs = [stack.gather(rows).inputs.copy() for rows in parts]
    targets = [stack.labels[rows] for rows in parts]
    for x, y, test_x, test_y in zip(inputs[0], targets[0], inputs[1], targets[1], strict=True):
        model = LogisticRegression(C=math.inf, max_iter=1000).fit(x, y)
        errors.append(np.mean(model.predict(test_x) != test_y))
    return np.array(errors)


def _settings(dataset: str, activation: str, hidden: tuple[int, ...], output: str, rate: float) -> Settings:
    """Return the settings of a demonstration; Hydra would need a second to compose all of them."""
    config = defaults()
    choices = {"activation": activation, "output": output, "init": "auto", "schedule": "constant"}
    return resolve(
        config
        | {choice: _node(choice, name) for choice, name in choices.items()}
        | {"dataset": _node("dataset", dataset) | {"batch_size": 32, "lr": rate}}
        | {"batch_size": 32, "optimizer": _node("optimizer", "sgd") | {"lr": [rate]}}
        | {"net": config["net"] | {"hidden": list(hidden)}, "epochs": EPOCHS, "seeds": SEEDS}
    )


def _node(choice: str, option: str) -> dict[str, Any]:
    """Return the node of a choice with the defaults of its option."""
    variant = REGISTRIES[choice].get(option)
    return {"name": option} | ({key: value for key, (_, value) in hyperparameters(variant).items()} if variant else {})


def _wrong(stack: Stack, rows: np.ndarray) -> tuple[Work, np.ndarray]:
    """Return the buffers of these rows (R, n) with their scores, and which rows are wrong (R, n)."""
    work = stack.gather(rows)
    decided = stack.settings.output.decide(stack.network.forward(work))
    return work, decided != stack.labels[rows]


def _curve(ax: Axes, values: np.ndarray, **line: Any) -> None:
    """Draw the mean over seeds (last axis) by epoch, in per cent, with its interval."""
    epochs, seeds = values.shape
    frame = pd.DataFrame({"epoch": np.repeat(np.arange(epochs), seeds), "value": 100 * values.ravel()})
    table = summarise(frame, "epoch", "value")
    ax.plot(table["epoch"], table["mean"], **line)
    ax.fill_between(
        table["epoch"], table["low"].clip(lower=0), table["high"].clip(upper=100), color=line["color"], alpha=0.16, lw=0
    )


@figure(
    "collapse",
    title="Deep linear networks are one affine map: they end where logistic regression does, whatever their depth",
    demonstration=True,
)
def collapse(tables: StudyTables) -> Figure:
    """Draw the test error on moons of linear and ReLU networks, and the affine map that the linear ones are.

    The experiment is fixed and no table is read: 64 units to a layer, softmax cross-entropy, learning rate 0.3, 5
    seeds. No line divides the two moons. The dotted line is logistic regression that has converged, without a penalty.
    """
    nets = {depth: train("linear", (64,) * depth, "softmax_ce", 0.3, "test", "moons") for depth in (1, 3)}
    relu = train("relu", (64, 64), "softmax_ce", 0.3, "test", "moons")
    styles: dict[str, tuple[Trained, Style]] = {
        "one linear hidden layer": (nets[1], {"color": MUTED, "linestyle": (0, (4, 1.5))}),
        "three linear hidden layers": (nets[3], {"color": CLASSES[0]}),
        "two ReLU hidden layers": (relu, {"color": identity("relu")[0]}),
    }
    result = sheet(2.5)
    course, scores = result.subplots(1, 2, width_ratios=[1.5, 1])
    for trained, line in styles.values():
        _curve(course, trained.errors, **line)
    regression: Style = {"color": INK, "linestyle": (0, (1, 1.2))}
    course.axhline(100 * _converged("moons").mean(), **regression)
    course.set(title="(a) moons", xlabel="epoch", ylabel="test error (%)", ylim=(0, 30), xlim=(0, EPOCHS))
    course.set_xticks(range(0, EPOCHS + 1, 5))
    _draw_affine(scores, [styles[name] for name in ("two ReLU hidden layers", "three linear hidden layers")])
    weight, bias = nets[3].network.collapse()
    largest = np.abs(nets[3].work.scores).max()
    difference = np.abs(nets[3].work.scores - nets[3].work.inputs @ weight - bias).max()
    entries = [(name, line) for name, (_, line) in styles.items()]
    entries.append(("logistic regression, converged", regression))
    equal = f"(b): linear scores, up to {largest:.0f}, differ from those of the map by {difference:.0e} at most"
    legend(result, entries, f"{INTERVAL} over {SEEDS} seeds\n{equal}")
    return result


def _draw_affine(ax: Axes, networks: list[tuple[Trained, Style]]) -> None:
    """Draw the scores of 60 test rows against those of the affine map that ignores the activations."""
    for trained, line in networks:
        weight, bias = trained.network.layers[0].weight, trained.network.layers[0].bias
        for layer in trained.network.layers[1:]:
            weight, bias = weight @ layer.weight, bias @ layer.weight + layer.bias
        affine = trained.work.inputs[0, :60] @ weight[0] + bias[0]
        ax.plot(
            affine.ravel(),
            trained.work.scores[0, :60].ravel(),
            ".",
            color=line["color"],
            markersize=2.5,
            rasterized=True,
        )
    ax.set(title="(b) test scores, seed 0", xlabel="score of one map, x W₁W₂… + b", ylabel="score of the network")


GOAL, START = np.array([1.5, -1.5]), np.array([-1.5, 1.5])
"""The weights that make the targets of `zigzag`, and those at which its descent begins."""


@figure("zigzag", title="Inputs of one sign make gradients of one sign, and the descent zigzags", demonstration=True)
def zigzag(tables: StudyTables) -> Figure:
    """Draw the path of two weights trained on one example at a time, with sigmoid and with tanh units below them.

    An example's gradient is (prediction − target) · x. If all x are positive, its components have one sign. Then a step
    goes up and right or down and left, and the way to the lower right is a zigzag. The experiment is fixed and no table
    is read.
    """
    before = np.random.default_rng(0).normal(0, 1.5, (400, 2))
    result = sheet(2.45)
    first, second, gap = result.subplots(1, 3)
    for ax, letter, name, inputs in ((first, "a", "sigmoid", expit(before)), (second, "b", "tanh", np.tanh(before))):
        path, same = _path(inputs)
        color = identity(name)[0]
        _draw_path(ax, path, inputs, color)
        ax.set_title(f"({letter}) {name} inputs")
        ax.text(-2.5, -2.5, f"{100 * same:.0f} % of gradients\nhave one sign", va="bottom")
        gap.plot(np.linalg.norm(path - GOAL, axis=1), color=color, label=name)
    gap.set(
        title="(c) distance to the goal",
        xlabel="step",
        ylabel="‖w − goal‖₂",
        yscale="log",
        xlim=(0, 200),
        ylim=(1e-3, 6),
    )
    legend(
        result,
        [
            ("sigmoid inputs", {"color": identity("sigmoid")[0]}),
            ("tanh inputs", {"color": identity("tanh")[0]}),
            ("start", {"color": INK, "marker": "o", "linestyle": "none"}),
            ("goal", {"color": INK, "marker": "*", "markersize": 7, "linestyle": "none"}),
        ],
    )
    return result


def _path(inputs: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the weights before and after each step (steps + 1, 2), and the share of gradients of one sign."""
    path, same = [START], 0
    for x, y in zip(inputs, inputs @ GOAL, strict=True):
        gradient = (path[-1] @ x - y) * x
        same += int(gradient[0] * gradient[1] > 0)
        path.append(path[-1] - 0.4 * gradient)
    return np.array(path), same / len(inputs)


def _draw_path(ax: Axes, path: np.ndarray, inputs: np.ndarray, color: str) -> None:
    """Draw the first 120 weights of a path over the contours of the mean cost."""
    axis = np.linspace(-2.6, 2.6, 120)
    weights = np.stack(np.meshgrid(axis, axis), axis=-1)
    cost = 0.5 * np.mean((weights @ inputs.T - inputs @ GOAL) ** 2, axis=-1)
    ax.contour(axis, axis, cost, levels=np.geomspace(0.01, 6, 9), colors="0.82", linewidths=0.6)
    ax.plot(*path[:120].T, color=color, linewidth=0.9, marker=".", markersize=2)
    ax.plot(*GOAL, "*", color=INK, markersize=7)
    ax.plot(*START, "o", color=INK, markersize=3.5)
    ax.set(
        xlim=(-2.6, 2.6),
        ylim=(-2.6, 2.6),
        xlabel="w₁",
        ylabel="w₂",
        aspect="equal",
        xticks=(-2, 0, 2),
        yticks=(-2, 0, 2),
    )


@figure("clipped_output", title="Why not clip a linear output to [0, 1]? It stalls", demonstration=True)
def clipped_output(tables: StudyTables) -> Figure:
    """Draw the gradient of clipped, sigmoid and linear outputs, one output that starts wrong, and training on digits.

    Outside [0, 1] a clipped output has no gradient, so a wrong output stays wrong there. The experiment is fixed and no
    table is read: 64 ReLU units, learning rate 0.1, 5 seeds.
    """
    styles: dict[str, tuple[str, Style]] = {
        "clipped_mse": ("clipped linear, squared error", {"color": INK}),
        "sigmoid_ce": ("sigmoid, cross-entropy", {"color": INK, "linestyle": (0, (4, 1.5))}),
        "linear_mse": ("linear, squared error", {"color": MUTED, "linestyle": (0, (1, 1.2))}),
    }
    result = sheet(2.5)
    slope, single, digits, stuck = result.subplots(1, 4)
    z = np.linspace(-3, 3, 601)[None, :, None]
    for name, (_, line) in styles.items():
        unit = OUTPUTS[name]()
        gradient = np.empty_like(z)
        unit.gradient(z, np.ones_like(z), gradient)
        slope.plot(z.ravel(), gradient.ravel(), **line)
        score, path = np.full((1, 1, 1), -1.0), []
        step = np.empty_like(score)
        for _ in range(61):
            path.append(float(unit.predict(score)[0, 0, 0]))
            unit.gradient(score, np.ones_like(score), step)
            score = score - 0.3 * step
        single.plot(path, **line)
        trained = train("relu", (64,), name, 0.1, "train")
        _curve(digits, trained.errors, **line)
        _curve(stuck, trained.stuck, **line)
    slope.set(title="(a) gradient, y = 1", xlabel="score z", ylabel="∂cost/∂z", ylim=(-2.1, 1.1), xlim=(-3, 3))
    single.set(title="(b) from z = −1, y = 1", xlabel="step", ylabel="output", ylim=(-1.1, 1.1), xlim=(0, 60))
    digits.set(title="(c) digits", xlabel="epoch", ylabel="training error (%)", ylim=(0, 100), xlim=(0, 20))
    stuck.set(title="(d) digits", xlabel="epoch", ylabel="wrong without a gradient (%)", ylim=(-2, 100), xlim=(0, 20))
    legend(result, list(styles.values()), f"(c), (d): {INTERVAL} over {SEEDS} seeds")
    return result
