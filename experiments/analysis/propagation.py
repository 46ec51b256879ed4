"""Signal propagation in the networks of a study: what the theory predicts by layer, and what drawn networks measure."""

import contextlib
import json
import math
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nets import theory
from nets.activations import ACTIVATIONS, Activation
from nets.formula import Formula
from nets.initializers import INITIALIZERS, Initializer
from nets.network import Network, Work

PAIRS, NETWORKS, START = 16, 4, 0.5
"""Pairs of inputs, networks, and the correlation of a pair, with which the correlation by layer is measured."""


def rebuild(row: pd.Series) -> Activation:
    """Return the activation that a row of `replicas` names, with its hyperparameters; a formula loses its name."""
    variant = ACTIVATIONS.get(row["activation"], Formula)  # a formula's name is the user's
    kinds: dict[str, type] = {item.name: type(item.default) for item in fields(variant)}
    values = {name: row.get(f"activation.{name}") for name in kinds if name != "name"}
    return variant(**{name: kinds[name](value) for name, value in values.items() if not pd.isna(value)})


class Weights(NamedTuple):
    """A condition's networks before training: the activation, and the variances of what is drawn, by hidden layer."""

    activation: Activation
    initializer: Initializer
    hidden: list[int]
    variances: list[float]  # E[w²] of hidden layers 2, 3, …
    biases: float

    @property
    def gains(self) -> list[float]:
        """σ_w² of hidden layers 2, 3, …."""
        return [units * variance for units, variance in zip(self.hidden[:-1], self.variances, strict=True)]


def weights_of(row: pd.Series, activation: Activation) -> Weights | None:
    """Return the networks of a row of `replicas` and its activation; None where the theory does not apply.

    That is a network with a norm, with residual connections or with pre-training, or one of a single hidden layer.
    """
    hidden = json.loads(row["net.hidden"])
    absent = {"net.norm": "none", "net.residual": False, "pretrain.epochs": 0}
    if len(hidden) < 2 or any(key in row and not pd.isna(row[key]) and row[key] != off for key, off in absent.items()):
        return None
    name = row.get("init.name")
    variant = INITIALIZERS[activation.initializer if name is None or pd.isna(name) else name]
    initializer = variant(**_settings(row, variant))
    factors = initializer.factors(activation)
    variances = [factors.hidden * initializer.mean_square(*pair) for pair in pairwise(hidden)]
    return Weights(activation, initializer, hidden, variances, factors.biases)


def _settings(row: pd.Series, variant: type[Initializer]) -> dict[str, Any]:
    names = [name.removeprefix("init.") for name in row.index if name.startswith("init.") and name != "init.name"]
    return {name: row[f"init.{name}"] for name in names if hasattr(variant, name) and not pd.isna(row[f"init.{name}"])}


class Prediction(NamedTuple):
    """What the theory says of a network, by hidden layer; NaN where it says nothing."""

    square: np.ndarray  # E[h²]
    delta: np.ndarray  # the root mean square of δ, over that of the last hidden layer


def predicted(weights: Weights, square: float) -> Prediction:
    """Return the prediction for networks whose first hidden layer has this E[h²]."""
    hidden, pieces = weights.hidden, weights.activation.pieces
    squares, slopes = np.full(len(hidden), np.nan), np.full(len(hidden), np.nan)
    q = length_of(weights.activation, square)
    for layer, gain in enumerate([*weights.gains, 0.0]):
        if math.isnan(q):
            break
        try:
            moments = theory.moments(weights.activation, q)
        except theory.TheoryError:
            break
        squares[layer], slopes[layer] = moments.square, moments.slope / pieces
        q = gain * moments.square + weights.biases
    # δ comes from the next layer through the weights between them, and is multiplied by f'.
    factors = slopes[:-1] * pieces * np.array(hidden[1:]) * np.array(weights.variances)
    delta = np.sqrt(np.cumprod([1.0, *factors[::-1]])[::-1])
    return Prediction(squares, delta)


def length_of(activation: Activation, square: float) -> float:
    """Return the q at which E[f(z)²] is `square`, by Newton's method for their logarithms; NaN if none is found."""
    log_q = 0.0
    for _ in range(40):
        try:
            moments = theory.moments(activation, math.exp(log_q))
        except theory.TheoryError:  # the tails are too heavy
            return math.nan
        slope = math.exp(log_q) * moments.growth
        if not (square > 0 and moments.square > 0 and slope > 0):
            return math.nan
        step = math.log(square / moments.square) * moments.square / slope
        log_q += min(2.0, max(-2.0, step))
        if abs(log_q) > 20:
            return math.nan
        if abs(step) < 1e-8:
            return math.exp(log_q)
    return math.nan


def correlations(weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation of two pre-activations by hidden layer: measured in networks, and predicted."""
    activation, hidden, inputs = weights.activation, weights.hidden, weights.hidden[0]
    measured = np.zeros(len(hidden))
    for number in range(NETWORKS):
        network = Network(inputs, hidden, 1, activation, 1)
        network.initialize(weights.initializer, partial(_generator, number))
        work = Work(network, 2 * PAIRS)
        work.inputs[0] = np.concatenate(_pairs(inputs, number))
        with np.errstate(all="ignore"):
            network.forward(work)
            for layer, pre in enumerate(work.pre):
                a, b = pre[0, :PAIRS].astype(float), pre[0, PAIRS:].astype(float)
                products = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
                measured[layer] += products / NETWORKS
    first = weights.initializer.factors(activation).first * weights.initializer.mean_square(inputs, hidden[0]) * inputs
    q, c = first + weights.biases, (first * START + weights.biases) / (first + weights.biases)
    expected = np.full(len(hidden), np.nan)
    for layer, gain in enumerate([*weights.gains, 0.0]):
        expected[layer] = c
        try:
            following = theory.length_map(activation, q, gain, weights.biases)
            c = theory.correlation_map(activation, q, c, gain, weights.biases) if layer + 1 < len(hidden) else c
        except theory.TheoryError:
            break
        q = following
    return measured, expected


def _generator(number: int, replica: int, layer: int) -> np.random.Generator:
    return np.random.default_rng([number, layer])


def _pairs(inputs: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two inputs (PAIRS, inputs) of mean square 1 and correlation `START`, for each pair."""
    one, other = np.random.default_rng(number).standard_normal((2, PAIRS, inputs))
    one /= np.sqrt(np.mean(one**2, axis=1, keepdims=True))
    if inputs > 1:
        other -= one * np.mean(one * other, axis=1, keepdims=True)
    other /= np.sqrt(np.mean(other**2, axis=1, keepdims=True))
    return one, START * one + math.sqrt(1 - START**2) * other


def critical_line(activation: Activation, top: float) -> np.ndarray:
    """Return σ_w, σ_b and V'(q*) at the critical points of an activation, (n, 3), sorted by q*.

    σ_b is NaN where it is above `top` or none exists. The line is finer where it enters and leaves what is shown.
    """

    def biases(q: float) -> float:
        return theory.critical_at(activation, q)[1]

    lengths: list[float] = []
    with contextlib.suppress(theory.TheoryError):  # the tails are too heavy from some q on
        for q in np.geomspace(1e-3, 1e4, 60).tolist():
            if not theory.moments(activation, q).slope > theory.FAINTEST:
                continue  # the dead zone of a function such as soft_shrink
            value = biases(q)
            if lengths:
                low, previous = lengths[-1], biases(lengths[-1])
                levels = [level for level in (0.0, top**2) if (value > level) != (previous > level)]
                ends = sorted([low, *(_crossing(biases, level, low, q) for level in levels), q])
                count = 12 if levels else 2
                lengths += [point for pair in pairwise(ends) for point in np.geomspace(*pair, count)[1:].tolist()]
            else:
                lengths.append(q)
    rows = []
    for q in lengths:
        variance, value = theory.critical_at(activation, q)
        at_zero = 0.0 if abs(value) < 1e-9 * q else value
        deviation = math.sqrt(at_zero) if 0 <= at_zero <= top**2 * (1 + 1e-6) else math.nan
        rows.append((math.sqrt(variance), deviation, variance * theory.moments(activation, q).growth))
    return np.array(rows).reshape(-1, 3)


def _crossing(function: Callable[[float], float], level: float, low: float, high: float) -> float:
    """Return where a function crosses a level between two points, by bisection."""
    is_above = function(low) > level
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if (function(middle) > level) == is_above else (low, middle)
    return math.sqrt(low * high)
