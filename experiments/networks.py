"""Trained networks that a run keeps with `save=true`; they predict from raw inputs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from experiments import tables
from experiments.config.choices import build
from experiments.config.commands import command_line
from experiments.config.errors import ConfigError, in_one_line
from experiments.data.columns import Column, Numbers, content, encode, from_records
from experiments.data.imputing import check_missing, fillable, indicators
from experiments.data.split import SCALES
from experiments.store.collecting import collect
from experiments.store.files import RESULTS, arrays
from experiments.store.reading import check_study, recorded_words, run_replicas
from experiments.store.runs import RunFolder
from experiments.store.study import Study
from nets.activations import Activation
from nets.distributions import Distribution
from nets.names import nearest
from nets.network import Network, Recipe, Work
from nets.outputs import Output

if TYPE_CHECKING:
    import pandas as pd

ROWS = 256
"""Number of rows that pass through a network at once."""

CHOICE_FILES = ("replicas.csv", "tuning.json", "environment.json")
"""The files of a run by which its best network is chosen."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """One replica of a run after its last epoch, or with early stopping after its best epoch.

    Attributes
    ----------
    run, lr, seed
        Name of the run, and learning rate and seed of the replica.
    validation_loss
        Its validation loss there.
    task : str
        "classification" or "regression".
    features : list of str
        Names of the inputs in their order.
    classes : list
        The classes: whole numbers or truth values if all classes are, otherwise text. Empty for a regression.
    columns
        The columns of the table that the inputs were encoded from; empty if there was no table.
    network : Network
        A stack of one replica, for scaled inputs.
    scales : dict
        `input_mean` and `input_scale` (d,); for a regression also `target_mean` and `target_scale` (t,). `input_fill`
        (d,) stands for NaN in the inputs; a network that does not impute has none.
    """

    run: str
    lr: float
    seed: int
    validation_loss: float
    task: str
    features: list[str] = field(repr=False)
    classes: list[Any] = field(repr=False)
    columns: tuple[Column, ...] = field(repr=False)
    activation: Activation
    output: Output
    network: Network = field(repr=False)
    scales: dict[str, np.ndarray] = field(repr=False)

    def scores(self, inputs: ArrayLike) -> np.ndarray:
        """Return the raw scores z (n, units) of unscaled inputs (n, d), or of a table that has their columns.

        Raises
        ------
        ValueError
            If the inputs do not fit the network, or one is infinite or too large, or NaN where no column imputes.
        """
        x = as_inputs(inputs, self.features, [column.record for column in self.columns])
        if "input_fill" in self.scales:
            x = np.where(np.isnan(x), self.scales["input_fill"], x)
        with np.errstate(over="ignore"):
            scaled = ((x - self.scales["input_mean"]) / self.scales["input_scale"]).astype(self.network.dtype)
        beyond = np.argwhere(~np.isfinite(scaled))
        if len(beyond):
            row, column = beyond[0]
            name, number = self.features[column], x[row, column]
            raise ValueError(
                f"row {row + 1}: {name} is {number:g}, which a network of {self.network.dtype} cannot hold"
            )
        result = np.empty((len(x), self.network.outputs), self.network.dtype)
        with np.errstate(all="ignore"):
            for rows in np.array_split(np.arange(len(x)), max(1, ceil(len(x) / ROWS))):
                work = Work(self.network, len(rows))
                work.inputs[0] = scaled[rows]
                result[rows] = self.network.forward(work)[0]
        return result

    def predict(self, inputs: ArrayLike) -> np.ndarray:
        """Return the classes (n,). A regression returns values in their own unit, (n, t), or (n,) for a single target.

        They are the means, or the medians if the output predicts those.

        Raises
        ------
        ValueError
            As in `scores`.
        """
        z = self.scores(inputs)[None]
        if self.task == "classification":
            classes: np.ndarray = np.array(self.classes)[self.output.decide(z)[0]]
            return classes
        values: np.ndarray = self.output.predict(z)[0] * self.scales["target_scale"] + self.scales["target_mean"]
        return values[:, 0] if values.shape[1] == 1 else values

    def predict_distribution(self, inputs: ArrayLike) -> Distribution:
        """Return the distribution of each target (n, t) in its own unit, for an output whose scores determine it.

        Raises
        ------
        ValueError
            For other outputs, and as in `scores`.
        """
        distribution = self.output.modelled_distribution(self.scores(inputs))
        return distribution.rescaled(self.scales["target_mean"], self.scales["target_scale"])

    def predict_proba(self, inputs: ArrayLike) -> np.ndarray:
        """Return the probabilities (n, K) of the classes.

        Raises
        ------
        ValueError
            If the output unit gives no probabilities, and as in `scores`.
        """
        if not self.output.probabilities:
            raise ValueError(f"output={self.output.name} gives no probabilities: use scores or predict")
        probabilities: np.ndarray = self.output.class_probabilities(self.scores(inputs)[None])[0]
        return probabilities


@dataclass(frozen=True, eq=False, repr=False)
class TrainedNetworks(Sequence[TrainedNetwork]):
    """All kept replicas of a run, sorted by learning rate and seed; methods stack their results along a first axis.

    Attributes
    ----------
    members
        The networks.
    files
        The content of `CHOICE_FILES` by name; empty if the networks come from a file network.npz alone.
    study
        The name of the study's folder.
    """

    members: tuple[TrainedNetwork, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    study: str = ""

    def __len__(self) -> int:
        return len(self.members)

    @overload
    def __getitem__(self, index: int) -> TrainedNetwork: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[TrainedNetwork, ...]: ...

    def __getitem__(self, index: int | slice) -> TrainedNetwork | tuple[TrainedNetwork, ...]:
        return self.members[index]

    def __iter__(self) -> Iterator[TrainedNetwork]:
        return iter(self.members)

    def __repr__(self) -> str:
        return f"<{len(self)} networks of {self.members[0].run}>"

    @property
    def best(self) -> TrainedNetwork:
        """The network that `selected` returns: by the validation error, or by the loss for a file network.npz alone.

        Its seed was chosen by validation data too. So its validation error is too low as an estimate, and its test
        error is that of one network, not of the condition.
        """
        return self.selected("error" if self.files else "loss")

    def selected(self, select: str) -> TrainedNetwork:
        """Return the network with the lowest final validation error, at the chosen learning rate.

        The learning rate is that of the run's tables. Only reported replicas count. Ties are decided by the
        validation loss. A file network.npz alone holds no errors and does not know the other replicas: there the
        learning rate is chosen among its networks, and only by the loss.

        Parameters
        ----------
        select
            The rule that chooses the learning rate, a key of `tables.SELECT`. For `loss`, the network too is the one
            with the lowest loss.

        Raises
        ------
        ConfigError
            If no network was kept at the chosen learning rate, or a file network.npz alone lacks what the rule needs.
        """
        replicas = run_replicas(self.files) if self.files else self._losses(select)
        reported = replicas[tables.selected(replicas, select)]
        columns = list(tables.SELECT["loss" if select == "loss" else "error"])
        kept = {(member.lr, member.seed): member for member in self.members}
        for rate, seed in reported.sort_values([*columns, "seed"])[["lr", "seed"]].itertuples(index=False):
            if (rate, seed) in kept:
                return kept[rate, seed]
        raise ConfigError(self._none_kept(replicas, float(tables.chosen_rates(replicas, select).iloc[0])))

    def _losses(self, select: str) -> "pd.DataFrame":
        """Return the table `replicas` of a file network.npz alone, as far as it is known."""
        import pandas as pd

        if select != "loss":
            raise ConfigError(
                "a file network.npz alone holds no validation errors: allowed is select=loss, or the run's folder"
            )
        members = ((member.run, member.lr, member.seed, member.validation_loss, "done") for member in self)
        return pd.DataFrame(members, columns=["run", "lr", "seed", "final_validation_loss", "status"])

    def _none_kept(self, replicas: "pd.DataFrame", rate: float) -> str:
        """Return why there is no network at the chosen learning rate, and the command that trains one."""
        reported = replicas[replicas["purpose"] == "report"]
        chosen = reported[reported["lr"] == rate]
        text = f"at its chosen learning rate {rate:g}"
        if len(chosen) and (chosen["status"] == "diverged").all():
            return f"{self.members[0].run} has no network {text}: all of them diverged"
        words = recorded_words(self.files["environment.json"], self.study)
        seeds = sorted(set((chosen if len(chosen) else reported)["seed"].tolist()))
        further = [f"optimizer.lr={rate!r}", f"seeds={seeds}".replace(" ", ""), "save=true"]
        if any(word.startswith("tune.trials=") for word in words):
            further = [further[1], "save=true"]  # the trials choose the same rate again
        else:  # one rate is not tuned
            words = [word for word in words if not word.startswith("tune.")]
        return in_one_line(
            ConfigError(f"{self.members[0].run} keeps no network {text}", [*words, *further]), command_line("run")
        )

    def scores(self, inputs: ArrayLike) -> np.ndarray:
        """Return the scores (R, n, units) as in `TrainedNetwork.scores`."""
        return np.stack([member.scores(inputs) for member in self])

    def predict(self, inputs: ArrayLike) -> np.ndarray:
        """Return the predictions (R, n) or (R, n, t) as in `TrainedNetwork.predict`."""
        return np.stack([member.predict(inputs) for member in self])

    def predict_proba(self, inputs: ArrayLike) -> np.ndarray:
        """Return the probabilities (R, n, K) as in `TrainedNetwork.predict_proba`."""
        return np.stack([member.predict_proba(inputs) for member in self])


def as_inputs(inputs: ArrayLike, features: Sequence[str], columns: Sequence[Any]) -> np.ndarray:
    """Return inputs (n, d) float64, in which NaN stands for a missing cell.

    Parameters
    ----------
    inputs
        Rows of numbers, a table of `features`, or a table of `columns`.
    features
        Names of the inputs.
    columns
        Records of the columns from which the inputs are encoded; may be empty.

    Raises
    ------
    ValueError
        If the inputs do not fit, or one is infinite, or NaN where no column imputes.
    """
    kinds = from_records(columns)
    allowed = fillable(kinds) if kinds else np.zeros(len(features), bool)
    if hasattr(inputs, "columns"):
        is_encoded = {*features} <= {*map(str, inputs.columns)}
        encoded = [Numbers(name, imputes) for name, imputes in zip(features, allowed.tolist(), strict=True)]
        inputs = encode(inputs, kinds if kinds and not is_encoded else encoded)
    try:
        array = np.asarray(inputs)
    except ValueError:
        raise ValueError("inputs must be rows of numbers, or a table: the rows have different lengths") from None
    if array.size and content(array.ravel()) not in ("numbers", "true and false", "no values"):
        raise ValueError(f"inputs must be rows of numbers, or a table, not {content(array.ravel())}")
    x = array.astype(np.float64, copy=False)
    if x.ndim != 2 or x.shape[1] != len(features):
        raise ValueError(f"inputs of shape {x.shape}: allowed is (rows, {len(features)})")
    if numbers := indicators(kinds):
        x = x.copy()
        for indicator, number in numbers.items():
            # An indicator follows from the NaN of its number, as in ONNX; 0 and NaN may stand for it.
            absent = np.isnan(x[:, number])
            x[absent & ((x[:, indicator] == 0) | np.isnan(x[:, indicator])), indicator] = 1
            x[~absent & np.isnan(x[:, indicator]), indicator] = 0
    faulty = ~np.isfinite(x) & ~(np.isnan(x) & allowed)
    if faulty.any():
        names = [(column, features[column]) for column in np.flatnonzero(faulty.any(axis=0)).tolist()]
        places = ", ".join(f"{name} in row {faulty[:, column].argmax() + 1}" for column, name in names)
        raise ValueError(f"inputs are NaN or infinite: {places}")
    check_missing(x, kinds)
    return x


def load(path: str | Path) -> TrainedNetworks:
    """Return the networks of a run's folder, or of a file network.npz alone.

    Raises
    ------
    ConfigError
        If there are no networks, or a file of the run is not the one that status.json describes.
    """
    path = Path(path).resolve()
    files = {"network.npz": path.read_bytes()} if path.is_file() else RunFolder(path).intact_files()
    content = files.get("network.npz")
    try:
        stored = {"parameters": np.empty(0)} if content is None else arrays(content)
        members = tuple(_members(stored, json.loads(str(stored["about"])))) if len(stored["parameters"]) else ()
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{path} is no network.npz of this version: {error}") from error
    if not members:
        raise ConfigError(_why_empty(path, files))
    chosen_by = {name: files[name] for name in CHOICE_FILES if name in files}
    return TrainedNetworks(members, chosen_by, path.parents[1].name if chosen_by else "")


class Chosen(NamedTuple):
    """A network that validation data chose, its run's folder, and why this run won its study, if it was to win one."""

    network: TrainedNetwork
    folder: Path
    won: str

    @property
    def words(self) -> str:
        """How the network was chosen within its run."""
        return f"lr {self.network.lr:g}, seed {self.network.seed} (both chosen by validation data)"


CHOICE = ("study", "run", "dataset", "select")
"""The arguments of a command by which `choose` finds a network."""


def choose(values: Mapping[str, str]) -> Chosen:
    """Return the network that the arguments `CHOICE` of a command name.

    It is `TrainedNetworks.selected` of the run, or of the winner of the study: the condition that `tables.winners`
    has first. Test data choose nothing.

    Raises
    ------
    ConfigError
        If there is no such study or run, if the study has several tasks, or if the run keeps no network.
    """
    select = values.get("select", "error")
    if select not in tables.SELECT:
        raise ConfigError(f"select={select}: {nearest(select, tables.SELECT)}")
    if ("run" in values) == ("study" in values):
        which = "which study or run?" if "run" not in values else "study= and run= are both given: leave out one."
        raise ConfigError(f"{which} Allowed is study=NAME, study=FOLDER or run=results/STUDY/runs/RUN")
    if "run" in values:
        if "dataset" in values:
            raise ConfigError("dataset= chooses a data set of a study, and a run has only one: leave it out")
        folder, won = Path(values["run"]), ""
        if any((path / "runs").is_dir() for path in (folder, RESULTS / folder)):
            raise ConfigError(f"run={folder} is a study, and no run of one: write study={folder} instead")
    else:
        folder, won = _winner(values["study"], values.get("dataset"), select)
    return Chosen(load(folder).selected(select), folder, won)


def _winner(study: str, dataset: str | None, select: str) -> tuple[Path, str]:
    """Return the folder of the run that wins in a study, given by name or folder, and why it does, in words."""
    results = RESULTS
    if Path(study).name != study:
        folder = Path(study).resolve()
        if folder.parent.name == "runs":
            raise ConfigError(f"study={study} is a run: write run={study} instead")
        if folder.is_dir() and not (folder / "runs").is_dir():
            raise ConfigError(f"study={study}: this folder is no study. A study has a folder runs/")
        results, study = folder.parent, folder.name
    try:
        check_study(study, results)
    except ConfigError as error:
        anywhere = "" if results != RESULTS else f"; or name its folder: study=PATH/TO/results/{study}"
        raise ConfigError(f"{error}{anywhere}") from error
    collect(Study(study, results))  # repairs damaged tables
    replicas = tables.read(results / study / "replicas.csv")
    if dataset is not None:
        if dataset not in set(replicas["dataset"]):
            raise ConfigError(f"dataset={dataset}: {nearest(dataset, sorted(set(replicas['dataset'])))}")
        replicas = replicas[replicas["dataset"] == dataset]
    names = sorted(set(replicas["dataset"]))
    if len(names) > 1:
        raise ConfigError(f"study {study!r} has several data sets: allowed is dataset=NAME of {', '.join(names)}")
    if replicas["task_id"].nunique() > 1:
        runs = f"run={results / study / 'runs' / 'RUN'}"
        raise ConfigError(f"study {study!r} has several targets or splits of {names[0]}: allowed is {runs}")
    if select == "loss" and replicas["output"].nunique() > 1:
        raise ConfigError(f"study {study!r} has several outputs, whose losses do not compare: leave out select=loss")
    ranked = tables.winners(replicas, select)
    run = str(ranked.index[0][1])
    mean, seeds = float(ranked[tables.SELECT[select][0]].iloc[0]), int(ranked["seeds"].iloc[0])
    equals = int((ranked["diverged"] == ranked["diverged"].iloc[0]).sum())  # a diverged replica decides before a mean
    few = "" if equals == len(ranked) else " with the smallest share of diverged replicas"
    rivals = f"of {equals} condition{'s' * (equals > 1)}{few}, " if len(ranked) > 1 else ""
    numbers = f"{mean:.4g} over {seeds} seed{'s' * (seeds > 1)}"
    won = f"the winner of study {study} is {run}: {rivals}{tables.SELECT_WORDS[select]}, {numbers}"
    return results / study / "runs" / run, won


def _why_empty(path: Path, files: Mapping[str, bytes]) -> str:
    """Return why a run keeps no networks, and the command that trains it anew."""
    if "replicas.csv" not in files:
        return f"{path} keeps no networks: all of its replicas diverged"
    words = recorded_words(files["environment.json"], path.parents[1].name)
    words = [word for word in words if not word.startswith("save=")]
    replicas = run_replicas(files)
    if (replicas.loc[replicas["purpose"] == "report", "status"] == "diverged").all():
        rate = float(replicas["lr"].min()) / 10
        lower = [word for word in words if not word.startswith(("optimizer.lr=", "tune."))]
        message = f"{path} keeps no networks: all of its replicas diverged. Try a smaller learning rate."
        return in_one_line(ConfigError(message, [*lower, f"optimizer.lr={rate:.1g}", "save=true"]), command_line("run"))
    return in_one_line(ConfigError(f"{path} keeps no networks", [*words, "save=true"]), command_line("run"))


def _members(stored: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> Iterator[TrainedNetwork]:
    """Return the networks of a file's arrays and of its description."""
    output = build("output", about["output"])
    scales = [name for name in SCALES if name in stored]
    outputs = output.units(about["task"], len(about["classes"]) or stored["target_mean"].shape[1])
    for index, parameters in enumerate(stored["parameters"]):
        shape = len(about["features"]), about["net"]["hidden"], outputs
        values = dict(zip(about.get("varied", ()), stored["trial"][index], strict=True)) if "trial" in stored else {}
        activation = build("activation", about["activation"] | _of_group("activation", values))
        net = about["net"] | _of_group("net", values)
        net = {name: value for name, value in net.items() if name in Recipe._fields}
        network = Network(*shape, activation, 1, np.dtype(about["dtype"]), Recipe(**net))
        network.parameters[0] = parameters
        if network.statistics.size:
            network.statistics[0] = stored["statistics"][index]
        yield TrainedNetwork(
            about["run"],
            float(stored["lr"][index]),
            int(stored["seed"][index]),
            float(stored["validation_loss"][index]),
            about["task"],
            about["features"],
            _typed_classes(about["classes"]),
            from_records(about["columns"]),
            activation,
            output,
            network,
            {name: stored[name][index] for name in scales},
        )


def _of_group(group: str, values: Mapping[str, float]) -> dict[str, float]:
    """Return the values of a trial in one group. The first values of learned parameters do not matter any more."""
    begin = f"{group}."
    settings = {key.removeprefix(begin): float(value) for key, value in values.items() if key.startswith(begin)}
    return {name: value for name, value in settings.items() if "." not in name}


def _typed_classes(names: list[str]) -> list[Any]:
    """Return the classes with the type that a reader of the table gives its column, so that they can be compared."""
    if names == ["False", "True"]:
        return [False, True]
    try:
        numbers = [int(name) for name in names]
    except ValueError:
        return names
    return numbers if list(map(str, numbers)) == names else names
