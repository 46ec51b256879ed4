"""In-place updates of a flat parameter array (R, P), and the schedules that scale the learning rate by epoch.

`rate` is (R, 1): replicas of one stack may differ in it. The first `decayed` columns are weights; weight decay
touches only those, never a bias or a learned slope.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from math import cos, inf, pi, sqrt
from typing import ClassVar

import numpy as np

OPTIMIZERS: dict[str, type["Optimizer"]] = {}
SCHEDULES: dict[str, type["Schedule"]] = {}


def _check(variant, choice, field, allowed, holds):
    value = getattr(variant, field)
    try:
        valid = not isinstance(value, bool) and holds(value)
    except TypeError:
        valid = False
    if not valid:
        value = list(value) if isinstance(value, tuple) else value
        raise ValueError(f"{choice}.{field}={value!r} of {variant.name}: allowed is {allowed}")


@dataclass(frozen=True)
class Optimizer(ABC):
    """An update rule; g below is the gradient of the mean cost, ε the learning rate.

    A rule that is linear in ε·g is handed that product (`folds_rate`): the caller scales the few output
    gradients once instead of every parameter's.

    Raises
    ------
    ValueError
        If a hyperparameter is out of its range.
    """

    weight_decay: float = 0.0

    name: ClassVar[str]
    folds_rate: ClassVar[bool] = True
    slots: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, name):
        cls.name = name
        OPTIMIZERS[name] = cls

    def __post_init__(self):
        _check(self, "optimizer", "weight_decay", "a number from 0 up", lambda value: 0 <= value < inf)
        for field in fields(self):
            if field.name in ("momentum", "decay", "beta1", "beta2"):
                _check(self, "optimizer", field.name, "0 ≤ value < 1", lambda value: 0 <= value < 1)
            elif field.name == "epsilon":
                _check(self, "optimizer", field.name, "a number above 0", lambda value: 0 < value < inf)

    def state(self, parameters: np.ndarray) -> dict[str, np.ndarray]:
        """Make the arrays that the rule carries from step to step, all zero, shaped like the parameters."""
        return {slot: np.zeros_like(parameters) for slot in self.slots}

    def gradient_factor(self, rate: np.ndarray) -> np.ndarray:
        """Return the factor (R, 1) on the output gradients that `step` expects: ε where the rule is linear in ε·g.

        To scale the few output gradients costs less than to scale every parameter's.
        """
        return rate if self.folds_rate else np.ones_like(rate)

    @abstractmethod
    def step(self, parameters, gradient, state, rate, decayed, count):
        """Update the parameters in place; `count` is 1 at the first step; the gradient is overwritten."""

    def _add_decay(self, parameters, gradient, rate, decayed):
        """Add λW to the weights' gradient: the L2 penalty ½λ‖W‖² as part of the cost."""
        if self.weight_decay:
            factor = rate * self.weight_decay if self.folds_rate else self.weight_decay
            gradient[:, :decayed] += factor * parameters[:, :decayed]

    def _shrink(self, parameters, rate, decayed):
        """Set W to (1 − ελ)W: decay apart from the gradient."""
        if self.weight_decay:
            parameters[:, :decayed] *= 1 - rate * self.weight_decay


@dataclass(frozen=True)
class SGD(Optimizer, name="sgd"):
    """θ ← θ − ε(g + λθ)."""

    def step(self, parameters, gradient, state, rate, decayed, count):
        self._shrink(parameters, rate, decayed)
        parameters -= gradient


@dataclass(frozen=True)
class Momentum(Optimizer, name="momentum"):
    """v ← μv − ε(g + λθ), θ ← θ + v (Polyak 1964)."""

    momentum: float = 0.9

    slots = ("velocity",)

    def step(self, parameters, gradient, state, rate, decayed, count):
        self._add_decay(parameters, gradient, rate, decayed)
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity -= gradient
        parameters += velocity


@dataclass(frozen=True)
class Nesterov(Momentum, name="nesterov"):
    """v ← μv − ε(g + λθ), θ ← θ + μv − ε(g + λθ) (Nesterov 1983, as written by Sutskever et al. 2013)."""

    def step(self, parameters, gradient, state, rate, decayed, count):
        self._add_decay(parameters, gradient, rate, decayed)
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity -= gradient
        parameters -= gradient
        np.multiply(velocity, self.momentum, out=gradient)
        parameters += gradient


@dataclass(frozen=True)
class RMSProp(Optimizer, name="rmsprop"):
    """s ← ρs + (1 − ρ)g², θ ← θ − εg/(√s + ϵ), g including λθ (Tieleman & Hinton 2012)."""

    decay: float = 0.9
    epsilon: float = 1e-8

    folds_rate = False
    slots = ("square", "root")

    def step(self, parameters, gradient, state, rate, decayed, count):
        self._add_decay(parameters, gradient, rate, decayed)
        square, root = state["square"], state["root"]
        # The average is kept without its factor 1 − ρ, which moves into the rate and ϵ: one pass fewer.
        scale = sqrt(1 - self.decay)
        square *= self.decay
        np.multiply(gradient, gradient, out=root)
        square += root
        np.sqrt(square, out=root)
        root += self.epsilon / scale
        gradient /= root
        gradient *= rate / scale
        parameters -= gradient


@dataclass(frozen=True)
class Adam(Optimizer, name="adam"):
    """m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², θ ← θ − ε·m̂/(√ŝ + ϵ), g including λθ (Kingma & Ba 2015)."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    folds_rate = False
    slots = ("mean", "square")

    def step(self, parameters, gradient, state, rate, decayed, count):
        self._add_decay(parameters, gradient, rate, decayed)
        self._adapt(parameters, gradient, state, rate, count)

    def _adapt(self, parameters, gradient, state, rate, count):
        mean, square = state["mean"], state["square"]
        # Both averages are kept without their factors 1 − β, which with the bias corrections move into the rate
        # and ϵ: fewer passes over the arrays.
        mean_scale = (1 - self.beta1) / (1 - self.beta1**count)
        root_scale = sqrt((1 - self.beta2) / (1 - self.beta2**count))
        mean *= self.beta1
        mean += gradient
        square *= self.beta2
        gradient *= gradient
        square += gradient
        np.sqrt(square, out=gradient)
        gradient += self.epsilon / root_scale
        np.divide(mean, gradient, out=gradient)
        gradient *= rate * (mean_scale / root_scale)
        parameters -= gradient


@dataclass(frozen=True)
class AdamW(Adam, name="adamw"):
    """Adam on the bare gradient, then W shrunk by 1 − ελ (Loshchilov & Hutter 2019)."""

    weight_decay: float = 0.01

    def step(self, parameters, gradient, state, rate, decayed, count):
        self._shrink(parameters, rate, decayed)
        self._adapt(parameters, gradient, state, rate, count)


@dataclass(frozen=True)
class Schedule(ABC):
    """The factor on the learning rate in each epoch.

    Raises
    ------
    ValueError
        If a setting is out of its range.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, *, name):
        cls.name = name
        SCHEDULES[name] = cls

    @abstractmethod
    def factor(self, epoch: int, epochs: int) -> float:
        """Return the factor for epoch 1 … epochs."""


@dataclass(frozen=True)
class Constant(Schedule, name="constant"):
    """1 throughout."""

    def factor(self, epoch, epochs):
        return 1.0


@dataclass(frozen=True)
class Multistep(Schedule, name="multistep"):
    """Multiplied by `drop` after each of the milestones (epochs)."""

    milestones: tuple[int, ...] = (25, 40)
    drop: float = 0.1

    def __post_init__(self):
        def increasing(value):
            return all(type(epoch) is int and epoch >= 1 for epoch in value) and list(value) == sorted(set(value))

        allowed = "a list of increasing epochs from 1 up, such as [25, 40]"
        _check(self, "schedule", "milestones", allowed, increasing)
        object.__setattr__(self, "milestones", tuple(self.milestones))
        _check(self, "schedule", "drop", "0 < value ≤ 1", lambda value: 0 < value <= 1)

    def factor(self, epoch, epochs):
        return self.drop ** sum(epoch > milestone for milestone in self.milestones)


@dataclass(frozen=True)
class Cosine(Schedule, name="cosine"):
    """From 1 down to almost `floor` along half a cosine (Loshchilov & Hutter 2017, without restarts)."""

    floor: float = 0.0

    def __post_init__(self):
        _check(self, "schedule", "floor", "0 ≤ value < 1", lambda value: 0 <= value < 1)

    def factor(self, epoch, epochs):
        return self.floor + (1 - self.floor) * (1 + cos(pi * (epoch - 1) / epochs)) / 2
