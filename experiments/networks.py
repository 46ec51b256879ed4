"""Trained networks as a run keeps them with `save=true`, asked for predictions on raw inputs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np

from experiments.config.errors import ConfigError
from experiments.config.settings import build
from experiments.store.files import arrays
from experiments.store.runs import RunFolder
from nets.activations import Activation
from nets.network import Network, Work
from nets.outputs import Output

ROWS = 256
"""Rows that are run through a network at once."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """One replica as it was after its last epoch.

    Attributes
    ----------
    run, lr, seed
        Which one it is.
    validation_loss
        Its last.
    task : str
        "classification" or "regression".
    features : list of str
        Names of the inputs in their order.
    classes : list
        Of text, or of whole numbers or true and false where all are such; none in a regression.
    columns
        Of a table, how its columns become the inputs.
    network : Network
        A stack of one, on scaled inputs.
    scales : dict
        `input_mean` and `input_scale` (d,), of a regression `target_mean` and `target_scale` (t,).
    """

    run: str
    lr: float
    seed: int
    validation_loss: float
    task: str
    features: list[str] = field(repr=False)
    classes: list = field(repr=False)
    columns: list = field(repr=False)
    activation: Activation
    output: Output
    network: Network = field(repr=False)
    scales: dict[str, np.ndarray] = field(repr=False)

    def scores(self, inputs) -> np.ndarray:
        """Return the raw scores z (n, units) of inputs (n, d) in their own units, or of a table with their columns.

        Raises
        ------
        ValueError
            If the inputs do not fit, or one is not finite.
        """
        x = as_inputs(inputs, self.features, self.columns)
        scaled = ((x - self.scales["input_mean"]) / self.scales["input_scale"]).astype(self.network.dtype)
        result = np.empty((len(x), self.network.outputs), self.network.dtype)
        with np.errstate(all="ignore"):
            for rows in np.array_split(np.arange(len(x)), max(1, ceil(len(x) / ROWS))):
                work = Work(self.network, len(rows))
                work.inputs[0] = scaled[rows]
                result[rows] = self.network.forward(work)[0]
        return result

    def predict(self, inputs) -> np.ndarray:
        """Return the class (n,), or of a regression the values (n, t), (n,) of a single one, in their unit.

        Raises
        ------
        ValueError
            As `scores`.
        """
        z = self.scores(inputs)[None]
        if self.task == "classification":
            return np.array(self.classes)[self.output.decide(z)[0]]
        values = self.output.predict(z)[0] * self.scales["target_scale"] + self.scales["target_mean"]
        return values[:, 0] if values.shape[1] == 1 else values

    def predict_proba(self, inputs) -> np.ndarray:
        """Return the probabilities (n, K) of the classes.

        Raises
        ------
        ValueError
            If the output unit gives no probabilities, and as `scores`.
        """
        if not self.output.probabilities:
            raise ValueError(f"output={self.output.name} gives no probabilities: use scores or predict")
        return self.output.class_probabilities(self.scores(inputs)[None])[0]


@dataclass(frozen=True, eq=False, repr=False)
class TrainedNetworks(Sequence):
    """All kept replicas of a run, sorted by learning rate and seed; each method stacks theirs along a first axis."""

    members: tuple[TrainedNetwork, ...]

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, place):
        return self.members[place]

    def __iter__(self) -> Iterator[TrainedNetwork]:
        return iter(self.members)

    def __repr__(self):
        return f"<{len(self)} networks of {self.best.run}>"

    @property
    def best(self) -> TrainedNetwork:
        """The one with the lowest last validation loss."""
        return min(self.members, key=lambda member: member.validation_loss)

    def scores(self, inputs) -> np.ndarray:
        """Return the scores (R, n, units) as `TrainedNetwork.scores`."""
        return np.stack([member.scores(inputs) for member in self])

    def predict(self, inputs) -> np.ndarray:
        """Return the predictions (R, n) or (R, n, t) as `TrainedNetwork.predict`."""
        return np.stack([member.predict(inputs) for member in self])

    def predict_proba(self, inputs) -> np.ndarray:
        """Return the probabilities (R, n, K) as `TrainedNetwork.predict_proba`."""
        return np.stack([member.predict_proba(inputs) for member in self])


def as_inputs(inputs, features: Sequence[str], columns: Sequence) -> np.ndarray:
    """Return the inputs (n, d) float64 of such rows, of a frame of them, or of a table that has these columns.

    Raises
    ------
    ValueError
        If they do not fit, or one is not finite.
    """
    if hasattr(inputs, "columns"):
        from experiments.data.files import encode

        whole = all(name in inputs for name in features)
        inputs = encode(inputs, columns if columns and not whole else [(name, None) for name in features])
    try:
        x = np.asarray(inputs, np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"inputs have to be rows of numbers, or a table: {error}") from None
    if x.ndim != 2 or x.shape[1] != len(features):
        raise ValueError(f"inputs of shape {x.shape}: allowed is (rows, {len(features)})")
    if not np.isfinite(x).all():
        named = [features[place] for place in np.flatnonzero(~np.isfinite(x).all(axis=0))]
        raise ValueError(f"inputs are NaN or infinite: {', '.join(named)}")
    return x


def load(path: str | Path) -> TrainedNetworks:
    """Return the networks of a run's folder, whose status has to vouch for them, or of a network.npz by itself.

    Raises
    ------
    ConfigError
        If there are none.
    """
    path = Path(path).resolve()
    if path.is_file():
        content = path.read_bytes()
    else:
        files = RunFolder(path).read().files
        if not files:
            raise ConfigError(f"{path} holds no run whose files are as they were written")
        content = files.get("network.npz")
    try:
        found = {"parameters": []} if content is None else arrays(content)
        members = tuple(_members(found, json.loads(str(found["about"])))) if len(found["parameters"]) else ()
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{path} is no network.npz of this version: {error}") from error
    if not members:
        raise ConfigError(f"{path} keeps no networks: train it with save=true")
    return TrainedNetworks(members)


def _values(names):
    """Return classes as a column of them is read, whole numbers or true and false, so that they can be compared."""
    if names == ["False", "True"]:
        return [False, True]
    try:
        numbers = [int(name) for name in names]
    except ValueError:
        return names
    return numbers if list(map(str, numbers)) == names else names


def _members(found, about):
    activation, output = build("activation", about["activation"]), build("output", about["output"])
    scales = [name for name in ("input_mean", "input_scale", "target_mean", "target_scale") if name in found]
    classes = len(about["classes"])
    outputs = output.units("classification", classes) if classes else found["target_mean"].shape[1]
    for place, parameters in enumerate(found["parameters"]):
        network = Network(
            len(about["features"]), about["net"]["hidden"], outputs, activation, 1, np.dtype(about["dtype"])
        )
        network.parameters[0] = parameters
        yield TrainedNetwork(
            about["run"],
            float(found["lr"][place]),
            int(found["seed"][place]),
            float(found["validation_loss"][place]),
            about["task"],
            about["features"],
            _values(about["classes"]),
            about["columns"],
            activation,
            output,
            network,
            {name: found[name][place] for name in scales},
        )
