"""What a step of training costs with a newcomer, in times of the reference's: both are trained here in turns."""

import time
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.config.settings import Settings
from experiments.training.stack import Stack

TURNS = 15
STEPS = 40
"""So many steps of each are timed in each turn."""


class StepCost(NamedTuple):
    """The ratio of two processor times of a step: the median of the turns, and their quartiles."""

    median: float
    low: float
    high: float


def step_cost(new: Settings, reference: Settings) -> StepCost:
    """Return the time of a training step of one condition over that of another, with one thread.

    Parameters
    ----------
    new, reference
        Conditions that differ in the activation only. The reported seeds are trained side by side, at the first rate.
    """
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        pair = [_steps(settings) for settings in (new, reference)]
        for steps in pair:
            next(steps)  # the first step also makes the buffers
        seconds = np.array([[_time(steps) for steps in pair] for _ in range(TURNS)])
    low, median, high = np.quantile(seconds[:, 0] / seconds[:, 1], [0.25, 0.5, 0.75]).tolist()
    return StepCost(median, low, high)


def _steps(settings: Settings) -> Iterator[None]:
    rate = settings.rates[0]
    stack = Stack(settings.at(rate), [(rate, seed) for seed in settings.seeds])
    return (None for epoch in count(1) for _ in stack.train_steps(epoch))


def _time(steps: Iterator[None]) -> float:
    begin = time.thread_time()
    for _ in range(STEPS):
        next(steps)
    return time.thread_time() - begin
