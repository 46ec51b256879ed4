"""Writes a trained network as an ONNX file: scaling and filling of its inputs, network, and classes or values."""

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from experiments.config.errors import ConfigError
from experiments.data.imputing import indicators, spans
from experiments.export.roles import target_roles
from experiments.networks import TrainedNetwork
from nets import graph
from nets.activations import Activation
from nets.expressions import build
from nets.graph import Node
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


def _values(model: _Model, trained: TrainedNetwork, z: str, scales: Mapping[str, str]) -> Outputs:
    """Add the values of a regression in their own unit, and the standard deviations or quantiles of its targets."""
    from onnx import TensorProto

    roles, targets = target_roles(trained), len(trained.scales["target_mean"])

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
