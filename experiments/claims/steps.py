"""The number of minibatch steps that a training needs to reach an error."""

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.config.settings import Settings
from experiments.tables import Replica
from experiments.training.pretraining import pretrain
from experiments.training.stack import Stack


def steps_to_error(settings: Settings, replicas: Sequence[Replica], error: float) -> dict[Replica, int]:
    """Return for each (learning rate, seed) after how many minibatch steps its training error was first this low.

    The training is that of a run, but the error is computed after each step instead of each epoch. A replica that does
    not reach the error is censored: the number of all its steps is returned.
    """
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        stack = Stack(settings, replicas)
        rows = stack.prepared.split.train[stack.seed_index]
        labels = stack.labels[rows]
        steps = np.zeros(len(replicas), int)
        pretrain(stack)
        for epoch in range(1, settings.epochs + 1):
            for _ in stack.train_steps(epoch):
                scores = stack.network.forward(stack.gather(rows))
                wrong = (settings.output.decide(scores) != labels).mean(axis=1)
                steps[(steps == 0) & (wrong <= error)] = stack.descent.steps
                if steps.all():
                    return dict(zip(replicas, steps.tolist(), strict=True))
    return dict(zip(replicas, np.where(steps, steps, stack.descent.steps).tolist(), strict=True))
