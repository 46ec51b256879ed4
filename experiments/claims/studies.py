"""What has to be trained for each claim, through the ordinary runner, up to the table that the claim is judged by."""

import sys
from collections.abc import Iterable
from functools import cache

import pandas as pd

from experiments import run_study
from experiments.claims import neurons
from experiments.claims.steps import steps_to_error
from experiments.claims.tables import KEY, TABLES, fractions, tuned
from experiments.config.compose import sweep
from experiments.store.reading import StudyTables

SEEDS, QUICK = tuple(range(100, 110)), (100, 101, 102)
PRESETS = {
    3: ("nielsen_2015",),
    4: ("hui_belkin_2020",),
    5: ("glorot_2010_sigmoid",),
    6: ("glorot_2010_tanh",),
    7: ("clevert_2015", "clevert_2015_leaky"),
    8: ("clevert_2015", "clevert_2015_leaky", "clevert_2015_shifted"),
    10: ("glorot_2011",),
    11: ("glorot_2011",),
    13: ("klambauer_2017",),
    14: ("maas_2013",),
    15: ("krizhevsky_2012",),
}
"""By claim, what has to be trained for it."""
AUTOENCODERS = {
    "shifted_relu": "clevert_2015_autoencoder",
    "elu": "clevert_2015_autoencoder",
    "relu": "clevert_2015_autoencoder",
    "leaky_relu": "clevert_2015_autoencoder_leaky",
}
"""The one that diverges first stands first: the search for a rate at which none does is short."""
TOPS = (1.0, 0.333, 0.1, 0.0333, 0.01, 0.00333, 0.001, 0.000333, 0.0001)
"""Of these the largest at which all replicas of all autoencoders stay finite is the top rate of claim 9."""


def words(preset: str, seeds: tuple[int, ...], *overrides: str) -> tuple[str, ...]:
    """Return what the command line would say to train a preset."""
    return (f"+experiment={preset}", f"seeds={list(seeds)}".replace(" ", ""), *overrides)


@cache
def train(preset: str, seeds: tuple[int, ...], *overrides: str) -> StudyTables:
    """Train what a preset's study lacks and return history, layers and replicas of the preset, of nothing else.

    Raises
    ------
    RuntimeError
        If a run failed.
    """
    sys.stdout.flush()
    given = words(preset, seeds, *overrides)
    tables = run_study(*given)
    jobs = [settings for settings, _ in sweep(given)]
    own = pd.DataFrame([(job.run, rate, seed) for job in jobs for rate, seed in job.replicas], columns=KEY)
    return StudyTables(*(frame.merge(own) for frame in (tables.history, tables.layers, tables.replicas)))


def together(parts: Iterable[StudyTables]) -> StudyTables:
    """Return the tables of several presets as one."""
    parts = list(parts)
    return StudyTables(*(pd.concat([part[place] for part in parts], ignore_index=True) for place in range(3)))


def first_steps(seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return output, lr, seed and the steps to 50 % training accuracy, each pairing at its tuned rate."""
    (preset,) = PRESETS[3]
    chosen = tuned(train(preset, seeds).replicas)
    rows = []
    for settings, _ in sweep(words(preset, seeds)):
        own = chosen.loc[chosen["run"] == settings.run, ["lr", "seed"]]
        steps = steps_to_error(settings, list(own.itertuples(index=False, name=None)), 0.5)
        rows += [(settings.output.name, rate, seed, count) for (rate, seed), count in steps.items()]
    return pd.DataFrame(rows, columns=["output", "lr", "seed", "steps"])


def autoencoders(seeds: tuple[int, ...]) -> StudyTables:
    """Find the top rate and train at its four fractions.

    Raises
    ------
    RuntimeError
        If there is no rate at which all stay finite.
    """

    def at(name, rates):
        rates = f"optimizer.lr={rates}".replace(" ", "")
        return train(AUTOENCODERS[name], seeds, f"activation={name}", rates)

    def finite(rate):
        return all((at(name, [rate]).replicas["status"] == "done").all() for name in AUTOENCODERS)

    top = next(filter(finite, TOPS), None)
    if top is None:
        raise RuntimeError(f"some autoencoder diverges even at the rate {TOPS[-1]:g}")
    return together(at(name, fractions(top)) for name in AUTOENCODERS)


def measure(number: int, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Run what a claim needs and return the table that it is judged by."""
    if number in (1, 2):
        return neurons.neuron()
    if number == 3:
        return first_steps(seeds)
    if number == 12:
        return neurons.born_dead()
    if number == 9:
        return TABLES[number](autoencoders(seeds))
    return TABLES[number](together(train(preset, seeds) for preset in PRESETS[number]))
