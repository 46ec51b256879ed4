"""Writes the best network of a run for other programs.

    python -m experiments.export run=results/STUDY/runs/RUN [format=onnx|sklearn] [select=error|loss|best_epoch_error]

The run must have been trained with save=true. The best network has the learning rate that the study's tables select,
and the lowest validation error of its reported networks at this rate. So validation data chose its seed as well.

`select` is the rule for the learning rate: `error` (default) or `loss` at the end, or the error at the epoch of the
lowest validation loss. For `loss`, the network too is the one with the lowest validation loss. The written
network is the one after the last epoch, or with early stopping the one after its best epoch.

`onnx` writes network.onnx into the run's folder. Its inputs (n, d) are not scaled; a text column is one-hot, as the
file's `features` name it. Its outputs are the class with probabilities or scores, or the values of a regression, with
their standard deviations (output=gaussian_nll) or quantiles (output=quantile).
If the network was trained with dataset.missing, NaN is a missing number; NaN in all inputs of a text column or a date
is a missing cell. The inputs `NAME=(missing)` that follow from a missing number are not read: pass 0.

`sklearn` writes network.joblib, a fitted pipeline of a scaler and an estimator, and of an imputer for a network trained
with dataset.missing. It predicts from a table's columns too. joblib.load reads it if this package is installed.
"""

import ast
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from experiments.config.arguments import exit_code, key_values
from experiments.config.errors import ConfigError
from experiments.data.imputing import indicators, spans
from experiments.networks import TrainedNetwork, as_inputs, load
from experiments.store.files import write_bytes
from experiments.tables import SELECT
from nets import graph
from nets.activations import Activation
from nets.estimators import MLPClassifier, MLPRegressor
from nets.expressions import build
from nets.graph import Node
from nets.names import nearest
from nets.network import Layer, Network
from nets.norms import EPSILON

OPSET, IR = 17, 8
"""Versions of ONNX 1.12 (2022), which every later runtime reads."""

Outputs = dict[str, tuple[int, ...]]
"""The outputs of an ONNX model by name: element type, then the sizes of the axes after the first."""

OPERATORS = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negate": "Neg",
    "power": "Pow",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "atan": "Atan",
    "asinh": "Asinh",
    "erf": "Erf",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "tanh": "Tanh",
    "maximum": "Max",
    "minimum": "Min",
    "relu": "Relu",
    "abs": "Abs",
    "sign": "Sign",
}
"""ONNX's name of each gate that an expression may have; `gate` composes those that ONNX lacks."""


ARITHMETIC = {"add", "subtract", "multiply", "divide", "negate", "power", "maximum", "minimum", "abs", "sign"}
"""Gates that runtimes compute in float64 too."""


class _Model:
    """An ONNX graph under construction; a value in it is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def __call__(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add an operator and return the name of its result."""
        from onnx import helper

        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def affine(self, signal: str, layer: Layer, columns: slice = slice(None)) -> str:
        """Add the product with a layer's weights and the sum with its biases, for some of its columns."""
        product = self("MatMul", signal, self.constant(layer.weight[0][:, columns]))
        return self("Add", product, self.constant(layer.bias[0][:, columns]))

    def gate(self, name: str, *inputs: str) -> str:
        """Add a gate of `nets.graph`."""
        if name == "expm1":
            return self("Sub", self("Exp", *inputs), self.constant(1))
        if name == "log1p":
            return self("Log", self("Add", *inputs, self.constant(1)))
        if name == "logsigmoid":
            return self("Neg", self("Softplus", self("Neg", *inputs)))
        if name == "step":
            inputs = (*inputs, self.constant(1), self.constant(0))
        if name in ("step", "where"):
            return self("Where", self("Greater", inputs[0], self.constant(0)), *inputs[1:])
        return self(OPERATORS[name], *inputs)

    def norm(self, network: Network, index: int, signal: str) -> str:
        """Add the product with a hidden layer's weights, and its norm as in prediction."""
        layer, running = network.layers[index], network.running[index]
        assert layer.scale is not None
        product = self("MatMul", signal, self.constant(layer.weight[0]))
        inputs = [product, self.constant(layer.scale[0, 0]), self.constant(layer.bias[0, 0])]
        if running is None:
            return self("LayerNormalization", *inputs, axis=-1, epsilon=EPSILON)
        statistics = [self.constant(values[0, 0]) for values in running]
        return self("BatchNormalization", *inputs, *statistics, epsilon=EPSILON)

    def pieces(self, network: Network, index: int, signal: str) -> list[str]:
        """Add the pre-activations of a hidden layer, piece by piece."""
        layer, units, count = network.layers[index], network.hidden[index], network.activation.pieces
        if network.norm is None:
            return [self.affine(signal, layer, slice(p * units, (p + 1) * units)) for p in range(count)]
        whole = self.norm(network, index, signal)
        if count == 1:
            return [whole]
        axes = self.constant([1], np.int64)
        bounds = [self.constant([p * units], np.int64) for p in range(count + 1)]
        return [self("Slice", whole, bounds[p], bounds[p + 1], axes) for p in range(count)]

    def activation(self, activation: Activation, learned: Mapping[str, np.ndarray], pieces: Sequence[str]) -> str:
        """Add the expression of an activation on a layer's pre-activations, which a piecewise one has several of.

        A quotient of arithmetic alone, such as a rational function, is computed in float64: both of its terms may
        overflow in float32, and inf/inf is NaN.
        """
        from onnx import TensorProto

        names = ["x"] if len(pieces) == 1 else [f"x{number}" for number in range(len(pieces))]
        # The rules for a user's text need no second check: a formula was parsed by them when it was made.
        tree = ast.parse(activation.expression, mode="eval").body
        used = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}
        leaves = {name: Node(0.5) for name in [*names, *learned] if name in used}
        fixed = {name: Node(getattr(activation, name)) for name in used - set(leaves) if hasattr(activation, name)}
        y, _ = build(tree, leaves | fixed)
        gates = {node.gate.name for node in graph.history(y) if node.gate}
        is_wide = "divide" in gates and gates <= ARITHMETIC
        dtype = np.float64 if is_wide else np.float32
        signals = [self("Cast", piece, to=TensorProto.DOUBLE) if is_wide else piece for piece in pieces]
        values = {name: self.constant(parameters[0, 0], dtype) for name, parameters in learned.items()}
        values |= dict(zip(names, signals, strict=True))
        results = {leaf: values[name] for name, leaf in leaves.items()}
        for node in graph.history(y):
            if node not in results:
                inputs = [results[source] for source in node.inputs]
                results[node] = self.gate(node.gate.name, *inputs) if node.gate else self.constant(node.value, dtype)
        return self("Cast", results[y], to=TensorProto.FLOAT) if is_wide else results[y]

    def content(self, name: str, inputs: int, outputs: Outputs, properties: Mapping[str, Any]) -> bytes:
        """Return the checked file of this graph, with its properties as JSON."""
        from onnx import TensorProto, checker, helper

        body = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("inputs", TensorProto.DOUBLE, ["n", inputs])],
            [helper.make_tensor_value_info(output, kind, ["n", *width]) for output, (kind, *width) in outputs.items()],
            self.constants,
        )
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        helper.set_model_props(model, {key: json.dumps(value) for key, value in properties.items()})
        checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def to_onnx(trained: TrainedNetwork) -> bytes:
    """Return the ONNX file of a network; its inputs are float64, its parameters float32.

    A classification has the outputs `label` (n,) and `probabilities` (n, K), or `scores` (n, units) if the output unit
    gives no probabilities. A regression has the output `values` (n, t); `std` (n, t) too if the output unit has a
    log-variance, and `quantiles` (n, t, levels) if it has quantiles.

    Raises
    ------
    ConfigError
        If the package onnx is missing, or the activation has no expression.
    """
    if find_spec("onnx") is None:
        raise ConfigError("ONNX files need onnx: pip install '.[export]'")
    if trained.network.hidden and not trained.activation.expression:
        raise ConfigError(f"activation={trained.activation.name} cannot be exported: it has no `expression`")
    model = _Model()
    scales = {name: model.constant(values, np.float64) for name, values in trained.scales.items()}
    z = _scores(model, trained, scales)
    if trained.task == "regression":
        outputs = _values(model, trained, z, scales)
    else:
        outputs = _label(model, trained, z) | _probabilities(model, trained, z)
    properties = {name: getattr(trained, name) for name in ("run", "lr", "seed", "features", "classes")}
    properties |= asdict(trained.output) if "quantile" in trained.output.roles else {}  # the levels
    return model.content(trained.run, trained.network.inputs, outputs, properties)


def _scores(model: _Model, trained: TrainedNetwork, scales: Mapping[str, str]) -> str:
    """Add the network from its raw inputs to its scores."""
    from onnx import TensorProto

    activation, network = trained.activation, trained.network
    inputs = _filled(model, trained, scales) if "input_fill" in scales else "inputs"
    signal = model("Div", model("Sub", inputs, scales["input_mean"]), scales["input_scale"])
    signal = model("Cast", signal, to=TensorProto.FLOAT)
    for index, skip in enumerate(network.skips):
        pieces = model.pieces(network, index, signal)
        h = model.activation(activation, network.layers[index].learned, pieces)
        signal = model("Add", h, signal) if skip else h
    return model.affine(signal, network.layers[-1])


def _filled(model: _Model, trained: TrainedNetwork, scales: Mapping[str, str]) -> str:
    """Add the inputs with what stands for NaN in them. An indicator follows from the NaN of its number."""
    from onnx import TensorProto

    features, numbers = len(trained.features), indicators(trained.columns)
    first = np.arange(features)  # the input that decides whether the cell of an input is missing
    for _, part in spans(trained.columns):
        first[part] = part.start
    is_missing = model("Gather", model("IsNaN", "inputs"), model.constant(first, np.int64), axis=1)
    filled = model("Where", is_missing, scales["input_fill"], "inputs")
    if not numbers:
        return filled
    is_indicator = model.constant(np.isin(np.arange(features), list(numbers)), bool)
    return model("Where", is_indicator, model("Cast", is_missing, to=TensorProto.DOUBLE), filled)


def _roles(trained: TrainedNetwork) -> tuple[str, ...]:
    """Return what each score of a target stands for; ConfigError for what no format contains."""
    roles = trained.output.roles
    for role in roles:
        if role not in ("location", "quantile", "log_mean", "log_variance"):
            raise ConfigError(f"output={trained.output.name} cannot be exported: no format has its score {role!r}")
    return roles


def _values(model: _Model, trained: TrainedNetwork, z: str, scales: Mapping[str, str]) -> Outputs:
    """Add the values of a regression in their own unit, and the standard deviations or quantiles of its targets."""
    from onnx import TensorProto

    roles, targets = _roles(trained), len(trained.scales["target_mean"])

    def scores(index: int) -> str:
        """Add the scores of each target with this index."""
        columns = np.arange(targets) * len(roles) + index
        return z if len(roles) == 1 else model("Gather", z, model.constant(columns, np.int64), axis=1)

    point = scores(trained.output.point_score)
    if roles[trained.output.point_score] == "log_mean":
        point = model("Exp", point)
    values = model("Mul", model("Cast", point, to=TensorProto.DOUBLE), scales["target_scale"])
    model("Add", values, scales["target_mean"], name="values")
    outputs: Outputs = {"values": (TensorProto.DOUBLE, targets)}
    if "log_variance" in roles:
        logarithm = model("Cast", scores(roles.index("log_variance")), to=TensorProto.DOUBLE)
        root = model("Exp", model("Mul", logarithm, model.constant(0.5, np.float64)))
        model("Mul", root, scales["target_scale"], name="std")
        outputs["std"] = (TensorProto.DOUBLE, targets)
    if "quantile" in roles:
        shape = model.constant([0, targets, len(roles)], np.int64)  # 0 stands for n
        values = model("Reshape", model("Cast", z, to=TensorProto.DOUBLE), shape)
        mean, scale = (
            model.constant(trained.scales[name][:, None], np.float64) for name in ("target_mean", "target_scale")
        )
        model("Add", model("Mul", values, scale), mean, name="quantiles")
        outputs["quantiles"] = (TensorProto.DOUBLE, targets, len(roles))
    return outputs


def _label(model: _Model, trained: TrainedNetwork, z: str) -> Outputs:
    """Add the class, decided as by `Output.decide`."""
    from onnx import TensorProto

    if trained.network.outputs > 1:
        index = model("ArgMax", z, axis=1, keepdims=0)
    else:
        is_positive = model("Greater", z, model.constant(trained.output.threshold))
        index = model("Squeeze", model("Cast", is_positive, to=TensorProto.INT64), model.constant([1], np.int64))
    kinds = {str: (object, TensorProto.STRING), int: (np.int64, TensorProto.INT64), bool: (bool, TensorProto.BOOL)}
    dtype, element = kinds[type(trained.classes[0])]
    model("Gather", model.constant(trained.classes, dtype), index, name="label")
    return {"label": (element,)}


def _probabilities(model: _Model, trained: TrainedNetwork, z: str) -> Outputs:
    """Add the probabilities of the classes as `Output.class_probabilities`, or else the scores."""
    from onnx import TensorProto

    units, classes, kind = trained.network.outputs, len(trained.classes), trained.output.probabilities
    if not kind:
        model("Identity", z, name="scores")
        return {"scores": (TensorProto.FLOAT, units)}
    name = "probabilities"
    if kind == "softmax":
        model("Softmax", z, axis=1, name=name)
    elif kind == "sigmoid" and units == 1:
        model("Concat", model("Sigmoid", model("Neg", z)), model("Sigmoid", z), axis=1, name=name)
    else:
        one = model.constant(1.0)
        p = model("Sigmoid", z) if kind == "sigmoid" else model("Clip", z, model.constant(0.0), one)
        if units == 1:
            model("Concat", model("Sub", one, p), p, axis=1, name=name)
        else:
            total = model("ReduceSum", p, model.constant([1], np.int64))
            is_positive = model("Greater", total, model.constant(0.0))
            uniform = model.constant(1 / classes)
            model("Where", is_positive, model("Div", p, total), uniform, name=name)
    return {name: (TensorProto.FLOAT, classes)}


def to_sklearn(trained: TrainedNetwork) -> bytes:
    """Return the joblib file of a fitted pipeline: `StandardScaler`, then an estimator.

    If some columns are one-hot, a first step encodes a table's columns as inputs. If the network imputes, a
    `SimpleImputer` follows. The last layer of a regression contains the scale of the targets.
    """
    scaler, features = StandardScaler(), len(trained.features)
    scaler.mean_ = np.broadcast_to(trained.scales["input_mean"], features)
    scaler.scale_ = np.broadcast_to(trained.scales["input_scale"], features)
    scaler.var_, scaler.n_features_in_, scaler.n_samples_seen_ = scaler.scale_**2, features, 0
    steps: list[Any] = [scaler]
    if "input_fill" in trained.scales:
        # The median of a single row is this row.
        steps.insert(0, SimpleImputer(strategy="median").fit(trained.scales["input_fill"][None]))
    if any(column.features != (column.name,) for column in trained.columns):
        # A file of plain values outlives the classes of the columns.
        records = [column.record for column in trained.columns]
        steps.insert(0, FunctionTransformer(as_inputs, kw_args={"features": trained.features, "columns": records}))
    else:
        steps[0].feature_names_in_ = np.array(trained.features, object)
    network = deepcopy(trained.network)
    if trained.task == "classification":
        estimator = MLPClassifier.from_network(network, trained.output, trained.classes)
    else:
        _unscale(network, trained)
        estimator = MLPRegressor.from_network(network, trained.output)
    file = BytesIO()
    joblib.dump(make_pipeline(*steps, estimator), file)
    return file.getvalue()


def _unscale(network: Network, trained: TrainedNetwork) -> None:
    """Change the last layer so that its scores are those of targets in their own unit."""
    last, roles = network.layers[-1], _roles(trained)
    mean, scale = trained.scales["target_mean"], trained.scales["target_scale"]
    for index, role in enumerate(roles):
        weight, bias = (values[..., index :: len(roles)] for values in (last.weight, last.bias))
        if role in ("location", "quantile"):
            weight *= scale
            bias[:] = bias * scale + mean
        elif role == "log_variance":
            bias += 2 * np.log(scale)  # a count is not scaled, so its role needs no change


FORMATS: dict[str, tuple[str, Callable[[TrainedNetwork], bytes]]] = {
    "onnx": ("network.onnx", to_onnx),
    "sklearn": ("network.joblib", to_sklearn),
}
"""By name of the format: the file's name, and the function that returns its content."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if nothing could be written, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0 if arguments else 2
    return exit_code("export", lambda: _export(key_values(arguments, ("run", "format", "select"))))


def _export(values: Mapping[str, str]) -> int:
    if "run" not in values:
        raise ConfigError("which run? run=results/STUDY/runs/RUN")
    kind = values.get("format", "onnx")
    if kind not in FORMATS:
        raise ConfigError(f"format={kind}: {nearest(kind, FORMATS)}")
    select = values.get("select", "error")
    if select not in SELECT:
        raise ConfigError(f"select={select}: {nearest(select, SELECT)}")
    folder, (name, convert) = Path(values["run"]), FORMATS[kind]
    best = load(folder).selected(select)
    write_bytes(folder / name, convert(best))
    print(f"wrote {folder / name}: lr {best.lr:g}, seed {best.seed} (both chosen by validation data)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
