"""Optimizers update a flat parameter array (R, P) in place. Schedules scale the learning rate by epoch.

`rate` is (R, 1): the replicas of one stack may have different learning rates. The first `decayed` columns are weights.
Weight decay changes only these, never a bias or a learned slope.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import cos, inf, pi, sqrt
from typing import Annotated, Any, ClassVar

import numpy as np

from nets.hyperparameters import Number, Whole, check

OPTIMIZERS: dict[str, type["Optimizer"]] = {}
SCHEDULES: dict[str, type["Schedule"]] = {}

State = dict[str, np.ndarray]
"""The arrays that an optimizer carries from step to step, by slot."""


@dataclass(frozen=True)
class Optimizer(ABC):
    """An update rule; g below is the gradient of the mean cost, ε the learning rate, λ the weight decay.

    A g whose norm, over all parameters of a network, is above `clip_norm` is scaled down to it (Pascanu et al. 2013).

    Raises
    ------
    ValueError
        If a hyperparameter is out of its range.
    """

    weight_decay: Annotated[float, Number("[0, inf)")] = 0.0
    clip_norm: Annotated[float, Number("(0, inf]")] = field(default=inf, kw_only=True)

    name: ClassVar[str]
    slots: ClassVar[tuple[str, ...]] = ()
    _folds_rate: ClassVar[bool] = True  # whether the rule is linear in ε·g, so that `step` takes this product

    def __init_subclass__(cls, *, name: str) -> None:
        cls.name = name
        OPTIMIZERS[name] = cls

    def __post_init__(self) -> None:
        check(self, "optimizer")

    def state(self, parameters: np.ndarray) -> State:
        """Return the arrays that the rule carries from step to step, all zero, shaped like the parameters."""
        return {slot: np.zeros_like(parameters) for slot in self.slots}

    def gradient_factor(self, rate: np.ndarray) -> np.ndarray:
        """Return the factor (R, 1) on the output gradients that `step` expects: ε for a rule linear in ε·g, else 1.

        It costs less to scale the few output gradients than the gradient of every parameter.
        """
        return rate if self._folds_rate else np.ones_like(rate)

    @abstractmethod
    def step(
        self, parameters: np.ndarray, gradient: np.ndarray, state: State, rate: np.ndarray, decayed: int, count: int
    ) -> None:
        """Update the parameters in place and overwrite the gradient; `count` is 1 at the first step.

        `gradient` is that of the parameters, times `gradient_factor(rate)`.
        """

    def _add_decay(self, parameters: np.ndarray, gradient: np.ndarray, rate: np.ndarray, decayed: int) -> None:
        """Add λW to the weights' gradient: the L2 penalty ½λ‖W‖² as part of the cost."""
        if self.weight_decay:
            factor = rate * self.weight_decay if self._folds_rate else self.weight_decay
            gradient[:, :decayed] += factor * parameters[:, :decayed]

    def _shrink(self, parameters: np.ndarray, rate: np.ndarray, decayed: int) -> None:
        """Set W to (1 − ελ)W: weight decay that is not part of the gradient."""
        if self.weight_decay:
            parameters[:, :decayed] *= 1 - rate * self.weight_decay


@dataclass(frozen=True)
class SGD(Optimizer, name="sgd"):
    """θ ← θ − ε(g + λθ)."""

    def step(
        self, parameters: np.ndarray, gradient: np.ndarray, state: State, rate: np.ndarray, decayed: int, count: int
    ) -> None:
        self._shrink(parameters, rate, decayed)
        parameters -= gradient


@dataclass(frozen=True)
class Momentum(Optimizer, name="momentum"):
    """v ← μv − ε(g + λθ), θ ← θ + v (Polyak 1964).

    The velocity contains the learning rate of each of its steps. PyTorch's v ← μv + g, θ ← θ − εv applies the current
    rate to all of them. Both are the same at a constant rate, and differ where a schedule changes it.
    """

    momentum: Annotated[float, Number("[0, 1)")] = 0.9

    slots = ("velocity",)

    def step(
        self, parameters: np.ndarray, gradient: np.ndarray, state: State, rate: np.ndarray, decayed: int, count: int
    ) -> None:
        self._add_decay(parameters, gradient, rate, decayed)
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity -= gradient
        parameters += velocity


@dataclass(frozen=True)
class Nesterov(Momentum, name="nesterov"):
    """v ← μv − ε(g + λθ), θ ← θ + μv − ε(g + λθ) (Nesterov 1983, as written by Sutskever et al. 2013).

    Under a schedule it differs from PyTorch as `Momentum` does.
    """

    def step(
        self, parameters: np.ndarray, gradient: np.ndarray, state: State, rate: np.ndarray, decayed: int, count: int
    ) -> None:
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

    decay: Annotated[float, Number("[0, 1)")] = 0.9
    epsilon: Annotated[float, Number("(0, inf)")] = 1e-8

    _folds_rate = False
    slots = ("square", "root")

    def step(
        self, parameters: np.ndarray, gradient: np.ndarray, state: State, rate: np.ndarray, decayed: int, count: int
    ) -> None:
        self._add_decay(parameters, gradient, rate, decayed)
        square, root = state["square"], state["root"]
        # The stored average lacks its factor 1 − ρ, which is moved into ε and ϵ. This saves a pass over the arrays.
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

    beta1: Annotated[float, Number("[0, 1)")] = 0.9
    beta2: Annotated[float, Number("[0, 1)")] = 0.999
    epsilon: Annotated[float, Number("(0, inf)")] = 1e-8

    _folds_rate = False
    slots = ("mean", "square")

    def step(
        self, parameters: np.ndarray, gradient: np.ndarray, state: State, rate: np.ndarray, decayed: int, count: int
    ) -> None:
        self._add_decay(parameters, gradient, rate, decayed)
        self._adapt(parameters, gradient, state, rate, count)

    def _adapt(self, parameters: np.ndarray, gradient: np.ndarray, state: State, rate: np.ndarray, count: int) -> None:
        mean, square = state["mean"], state["square"]
        # The stored averages lack their factors 1 − β. These and the bias corrections are moved into ε and ϵ, which
        # saves passes over the arrays.
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
    """θ ← θ − ε·m̂/(√ŝ + ϵ) − ελθ, with g, m̂ and ŝ as in Adam but without λθ (Loshchilov & Hutter 2019).

    g and the decay λθ are both taken at the θ before the step.
    """

    weight_decay: Annotated[float, Number("[0, inf)")] = 0.01

    def step(
        self, parameters: np.ndarray, gradient: np.ndarray, state: State, rate: np.ndarray, decayed: int, count: int
    ) -> None:
        self._shrink(parameters, rate, decayed)
        self._adapt(parameters, gradient, state, rate, count)


@dataclass(frozen=True)
class Schedule(ABC):
    """A factor on the learning rate for each epoch.

    Raises
    ------
    ValueError
        If a hyperparameter is out of its range.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, *, name: str) -> None:
        cls.name = name
        SCHEDULES[name] = cls

    def __post_init__(self) -> None:
        check(self, "schedule")

    @abstractmethod
    def factor(self, epoch: int, epochs: int) -> float:
        """Return the factor of an epoch, from 1 to `epochs`."""


@dataclass(frozen=True)
class Constant(Schedule, name="constant"):
    """The factor is 1 after `warmup` epochs, in which it rises."""

    warmup: Annotated[int, Whole(0)] = field(default=0, kw_only=True)

    def factor(self, epoch: int, epochs: int) -> float:
        return _rise(epoch, self.warmup)


class _Increasing:
    """Lists of increasing epochs."""

    words = "a list of increasing epochs from 1 up, such as [25, 40]"

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, list | tuple) or not all(type(epoch) is int and epoch >= 1 for epoch in value):
            return False
        return list(value) == sorted(set(value))


@dataclass(frozen=True)
class Multistep(Constant, name="multistep"):
    """The factor is multiplied by `drop` after each of the milestones (epochs). It rises in `warmup` epochs."""

    milestones: Annotated[tuple[int, ...], _Increasing()] = (25, 40)
    drop: Annotated[float, Number("(0, 1]")] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "milestones", tuple(self.milestones))

    def factor(self, epoch: int, epochs: int) -> float:
        return super().factor(epoch, epochs) * self.drop ** sum(epoch > milestone for milestone in self.milestones)


@dataclass(frozen=True)
class Cosine(Schedule, name="cosine"):
    """The factor falls from 1 to almost `floor` along half a cosine (Loshchilov & Hutter 2017, without restarts)."""

    floor: Annotated[float, Number("[0, 1)")] = 0.0

    def factor(self, epoch: int, epochs: int) -> float:
        return self.floor + (1 - self.floor) * (1 + cos(pi * (epoch - 1) / epochs)) / 2


@dataclass(frozen=True)
class WarmupCosine(Cosine, name="warmup_cosine"):
    """The factor rises in `warmup` epochs (Goyal et al. 2017), then falls as with `cosine` in the others."""

    warmup: Annotated[int, Whole(0)] = 5

    def factor(self, epoch: int, epochs: int) -> float:
        if epoch <= self.warmup:
            return _rise(epoch, self.warmup)
        return super().factor(epoch - self.warmup, epochs - self.warmup)


def _rise(epoch: int, warmup: int) -> float:
    """Return the factor of a warm-up, which rises in equal steps to 1 in the epoch after it."""
    return min(1.0, epoch / (warmup + 1))
