"""Writes a trained network, or a study, for other programs.

    python -m experiments.export study=NAME [dataset=NAME] [format=onnx|sklearn] [select=error|loss|best_epoch_error]
    python -m experiments.export run=results/STUDY/runs/RUN [format=onnx|sklearn] [select=…]
    python -m experiments.export study=NAME format=tensorboard

`onnx` and `sklearn` write one network, which must have been trained with save=true. With study= it belongs to the
winner: the condition with the lowest mean validation error at its selected learning rate. dataset= is needed if the
study has several data sets. The network has the learning rate that the study's tables select, and the lowest
validation error of its reported networks at this rate. So validation data chose its seed as well.

`select` is the rule for condition and learning rate: `error` (default) or `loss` at the end, or the error at the epoch
of the lowest validation loss. For `loss`, the network too is the one with the lowest validation loss. The written
network is the one after the last epoch, or with early stopping the one after its best epoch.

`onnx` writes network.onnx into the run's folder. Its inputs (n, d) are not scaled; a text column is one-hot, as the
file's `features` name it. Its outputs are the class with probabilities or scores, or the values of a regression, with
their standard deviations (output=gaussian_nll) or quantiles (output=quantile).
If the network was trained with dataset.missing, NaN is a missing number; NaN in all inputs of a text column or a date
is a missing cell. The inputs `NAME=(missing)` that follow from a missing number are not read: pass 0.

`sklearn` writes network.joblib, a fitted pipeline of a scaler and an estimator, and of an imputer for a network trained
with dataset.missing. It predicts from a table's columns too. joblib.load reads it if this package is installed.

`tensorboard` writes results/STUDY/tensorboard/: each replica is a run with its hyperparameters and its losses, errors
and gradient norm by epoch. Look at it with: tensorboard --logdir results/STUDY/tensorboard
"""

import sys
from collections.abc import Callable, Mapping, Sequence

from experiments.config.arguments import exit_code, key_values, show_help
from experiments.config.errors import ConfigError
from experiments.networks import CHOICE, TrainedNetwork, choose
from experiments.store.files import write_bytes
from nets.names import nearest


def onnx(trained: TrainedNetwork) -> bytes:
    """Return the ONNX file of a network."""
    from experiments.export.onnx_file import to_onnx

    return to_onnx(trained)


def sklearn(trained: TrainedNetwork) -> bytes:
    """Return the joblib file of a network's pipeline."""
    from experiments.export.pipeline import to_sklearn

    return to_sklearn(trained)


NETWORKS: dict[str, tuple[str, Callable[[TrainedNetwork], bytes]]] = {
    "onnx": ("network.onnx", onnx),
    "sklearn": ("network.joblib", sklearn),
}
"""By format of a network, the file's name, and the function that returns its content."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if nothing could be written, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        return show_help(__doc__, asked=bool(arguments))
    return exit_code("export", lambda: _export(key_values(arguments, (*CHOICE, "format"))))


def _export(values: Mapping[str, str]) -> int:
    kind = values.get("format", "onnx")
    if kind == "tensorboard":
        return _tensorboard(values)
    if kind not in NETWORKS:
        raise ConfigError(f"format={kind}: {nearest(kind, [*NETWORKS, 'tensorboard'])}")
    name, convert = NETWORKS[kind]
    chosen = choose(values)
    write_bytes(chosen.folder / name, convert(chosen.network))
    if chosen.won:
        print(chosen.won)
    print(f"wrote {chosen.folder / name}: {chosen.words}")
    return 0


def _tensorboard(values: Mapping[str, str]) -> int:
    from experiments.export.tensorboard import write_events

    if values.keys() != {"study", "format"}:
        raise ConfigError("format=tensorboard writes a whole study: allowed is study=NAME alone", _of_study(values))
    folder, count = write_events(values["study"])
    print(f"wrote {count} runs; look at them with: tensorboard --logdir {folder}")
    return 0


def _of_study(values: Mapping[str, str]) -> list[str] | None:
    return [f"study={values['study']}", "format=tensorboard"] if "study" in values else None


if __name__ == "__main__":
    sys.exit(main())
