"""Figures of small experiments that are run when they are drawn, always the same: lecture rows L2, L13 and L22."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit
from threadpoolctl import threadpool_limits

from experiments.analysis.statistics import summarise
from experiments.data.sets import load
from experiments.data.split import prepare
from experiments.figures.registry import figure
from experiments.figures.style import INK, MUTED, identity, legend, sheet
from experiments.store.reading import StudyTables
from experiments.streams import stream
from nets.activations import ACTIVATIONS
from nets.initializers import INITIALIZERS
from nets.network import Network, Work
from nets.outputs import OUTPUTS

SEEDS = 5


BATCH = 32


class Trained(NamedTuple):
    """Networks on digits, one to a seed, and their course."""

    network: Network
    work: Work  # holds the test part and its scores
    errors: np.ndarray  # (epochs + 1, 2, seeds): share of training and test rows that are wrong
    stuck: np.ndarray  # (epochs + 1, seeds): share of training rows that are wrong and whose cost has no gradient


@lru_cache
def train(activation: str, hidden: tuple[int, ...], output: str, rate: float, epochs: int) -> Trained:
    """Train by plain stochastic gradient descent on digits, with the splits, draws and order of any study."""
    data = load("digits")
    prepared = prepare(data, range(SEEDS), entropy=0, test=0.2, validation=0.15, dtype="float32")
    unit = OUTPUTS[output]()
    targets = unit.encode(prepared.targets, len(data.classes), "float32")
    function = ACTIVATIONS[activation]()
    network = Network(data.inputs.shape[1], hidden, targets.shape[1], function, SEEDS)
    network.initialise(INITIALIZERS[function.initializer](), lambda replica, layer: stream(0, "init", replica, layer))
    inputs = prepared.inputs if len(prepared.inputs) == SEEDS else np.repeat(prepared.inputs, SEEDS, axis=0)
    batch, parts = Work(network, BATCH), [prepared.split.train, prepared.split.test]
    whole = [Work(network, part.shape[1]) for part in parts]
    seed = np.arange(SEEDS)[:, None]
    errors, stuck = np.empty((epochs + 1, 2, SEEDS)), np.empty((epochs + 1, SEEDS))
    with threadpool_limits(1, "blas"):  # threads would cost more than such small products
        for epoch in range(epochs + 1):
            if epoch:
                order = np.stack(
                    [stream(0, "order", replica, epoch).permutation(parts[0].shape[1]) for replica in range(SEEDS)]
                )
                for start in range(0, order.shape[1] - BATCH + 1, BATCH):
                    rows = np.take_along_axis(parts[0], order[:, start : start + BATCH], axis=1)
                    batch.inputs[:], batch.targets[:] = inputs[seed, rows], targets[rows]
                    unit.gradient(network.forward(batch), batch.targets, batch.delta)
                    batch.delta *= np.float32(rate / BATCH)
                    network.backward(batch)
                    network.parameters -= network.gradient
            for place, (work, rows) in enumerate(zip(whole, parts, strict=True)):
                work.inputs[:], work.targets[:] = inputs[seed, rows], targets[rows]
                scores = network.forward(work)
                wrong = unit.decide(scores) != prepared.targets[rows]
                errors[epoch, place] = wrong.mean(axis=1)
                if not place:
                    unit.gradient(scores, work.targets, work.delta)
                    stuck[epoch] = (wrong & (work.delta == 0).all(axis=2)).mean(axis=1)
    return Trained(network, whole[1], errors, stuck)


def _curve(ax, values, **line):
    """Draw the mean over seeds (last axis) by epoch, in per cent, with its interval."""
    import pandas as pd

    epochs, seeds = values.shape
    frame = pd.DataFrame({"epoch": np.repeat(np.arange(epochs), seeds), "value": 100 * values.ravel()})
    table = summarise(frame, "epoch", "value")
    ax.plot(table["epoch"], table["mean"], **line)
    ax.fill_between(
        table["epoch"], table["low"].clip(lower=0), table["high"].clip(upper=100), color=line["color"], alpha=0.16, lw=0
    )


@figure("collapse", title="Deep linear networks are one affine map, so they do no better than softmax regression")
def collapse(tables: StudyTables) -> Figure:
    """Draw test error on digits without hidden layers, with two linear and two ReLU ones, and the map they are.

    The experiment is fixed and no table is read: 128 units to a layer, softmax cross-entropy, 5 seeds.
    """
    none = train("linear", (), "softmax_ce", 0.3, 20)
    linear = train("linear", (128, 128), "softmax_ce", 0.1, 20)
    relu = train("relu", (128, 128), "softmax_ce", 0.1, 20)
    result = sheet(2.5)
    course, scores = result.subplots(1, 2, width_ratios=[1.5, 1])
    styles = {
        "softmax regression: no hidden layer": (none, {"color": INK, "linestyle": (0, (1, 1.2))}),
        "two linear layers": (linear, {"color": MUTED}),
        "two ReLU layers": (relu, {"color": identity("relu")[0]}),
    }
    for trained, line in styles.values():
        _curve(course, trained.errors[:, 1], **line)
    course.set(title="(a) digits", xlabel="epoch", ylabel="test error (%)", ylim=(0, 12), xlim=(0, 20))
    for (trained, line), size in zip(list(styles.values())[1:], (5, 5), strict=True):
        weight, bias = trained.network.layers[0].weight, trained.network.layers[0].bias
        for layer in trained.network.layers[1:]:
            weight, bias = weight @ layer.weight, bias @ layer.weight + layer.bias
        affine = trained.work.inputs[0, :60] @ weight[0] + bias[0]
        scores.plot(
            affine.ravel(),
            trained.work.scores[0, :60].ravel(),
            ".",
            color=line["color"],
            markersize=size / 2,
            rasterized=True,
        )
    difference = np.abs(
        linear.work.scores - linear.work.inputs @ linear.network.collapse()[0] - linear.network.collapse()[1]
    )
    scores.set(title="(b) test scores, seed 0", xlabel="score of one map, x W₁W₂W₃ + b", ylabel="score of the network")
    scores.text(
        0.97,
        0.04,
        f"linear: equal within {difference.max():.0e}\nof {np.abs(linear.work.scores).max():.0f}",
        transform=scores.transAxes,
        ha="right",
        va="bottom",
    )
    legend(
        result, [(name, line) for name, (_, line) in styles.items()], f"mean and its 95 % interval over {SEEDS} seeds"
    )
    return result


@figure("zigzag", title="Inputs of one sign make gradients of one sign, and the descent zigzags")
def zigzag(tables: StudyTables) -> Figure:
    """Draw the path of two weights trained on one example at a time, with sigmoid and with tanh units below them.

    An example's gradient is (prediction − target) · x. If all x are positive, its components have one sign: a step
    goes up-right or down-left, and a way down-right is a zigzag. The experiment is fixed and no table is read.
    """
    generator = np.random.default_rng(0)
    before = generator.normal(0, 1.5, (400, 2))
    goal, start = np.array([1.5, -1.5]), np.array([-1.5, 1.5])
    result = sheet(2.45)
    panels = result.subplots(1, 3)
    gap = panels[2]
    for ax, letter, (name, inputs) in zip(
        panels, "ab", {"sigmoid": expit(before), "tanh": np.tanh(before)}.items(), strict=False
    ):
        targets = inputs @ goal
        path = [start]
        same = 0
        for x, y in zip(inputs, targets, strict=True):
            gradient = (path[-1] @ x - y) * x
            same += gradient[0] * gradient[1] > 0
            path.append(path[-1] - 0.4 * gradient)
        path = np.array(path)
        color = identity(name)[0]
        grid = np.linspace(-2.6, 2.6, 120)
        weights = np.stack(np.meshgrid(grid, grid), axis=-1)
        cost = 0.5 * np.mean((weights @ inputs.T - targets) ** 2, axis=-1)
        ax.contour(grid, grid, cost, levels=np.geomspace(0.01, 6, 9), colors="0.82", linewidths=0.6)
        shown = 120
        ax.plot(*path[:shown].T, color=color, linewidth=0.9, marker=".", markersize=2)
        ax.plot(*goal, "*", color=INK, markersize=7)
        ax.plot(*start, "o", color=INK, markersize=3.5)
        ax.set(
            xlim=(-2.6, 2.6),
            ylim=(-2.6, 2.6),
            xlabel="w₁",
            ylabel="w₂",
            aspect="equal",
            xticks=(-2, 0, 2),
            yticks=(-2, 0, 2),
        )
        ax.set_title(f"({letter}) {name} inputs")
        ax.text(-2.5, -2.5, f"both signs equal:\n{100 * same / len(inputs):.0f} % of steps", va="bottom")
        gap.plot(np.linalg.norm(path - goal, axis=1), color=color, label=name)
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


@figure("clipped_output", title="Why not clip a linear output to [0, 1]? It stalls")
def clipped_output(tables: StudyTables) -> Figure:
    """Draw the gradient of clipped, sigmoid and linear outputs, one output that starts wrong, and training on digits.

    Outside [0, 1] a clipped output has no gradient, so what is wrong there stays. The experiment is fixed and no table
    is read: 64 ReLU units, learning rate 0.1, 5 seeds.
    """
    styles = {
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
        trained = train("relu", (64,), name, 0.1, 20)
        _curve(digits, trained.errors[:, 0], **line)
        _curve(stuck, trained.stuck, **line)
    slope.set(title="(a) gradient, y = 1", xlabel="score z", ylabel="∂cost/∂z", ylim=(-2.1, 1.1), xlim=(-3, 3))
    single.set(title="(b) from z = −1, y = 1", xlabel="step", ylabel="output", ylim=(-1.1, 1.1), xlim=(0, 60))
    digits.set(title="(c) digits", xlabel="epoch", ylabel="training error (%)", ylim=(0, 100), xlim=(0, 20))
    stuck.set(title="(d) digits", xlabel="epoch", ylabel="wrong without a gradient (%)", ylim=(-2, 100), xlim=(0, 20))
    legend(result, list(styles.values()), f"(c), (d): mean and its 95 % interval over {SEEDS} seeds")
    return result
