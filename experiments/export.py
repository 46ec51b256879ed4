"""The best network of a run, by its last validation loss, in a form that other programs read.

    python -m experiments.export run=results/STUDY/runs/RUN [format=onnx|sklearn]

`onnx` writes network.onnx into the run's folder: from raw inputs (n, d) to the class and its probabilities or scores,
or to the values of a regression in their unit; a column of text is its one-hot inputs, as the file's `features` say.
`sklearn` writes network.joblib: a fitted pipeline of a scaler and an estimator, which takes a table's own columns too,
for joblib.load where this package is installed. The run must have been trained with save=true.
"""

import ast
import json
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import numpy as np

from experiments.config.arguments import key_values
from experiments.config.errors import ConfigError
from experiments.networks import TrainedNetwork, as_inputs, load
from experiments.store.files import write_bytes
from nets import graph
from nets.expressions import build
from nets.graph import Node
from nets.names import nearest

OPSET, IR = 17, 8
"""Of ONNX 1.12, 2022: what any runtime since then reads."""

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
    "erf": "Erf",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "tanh": "Tanh",
    "maximum": "Max",
    "minimum": "Min",
    "relu": "Relu",
    "abs": "Abs",
}
"""ONNX's name of each gate that an expression may have; the two that ONNX lacks are made of others."""


class _Model:
    """An ONNX graph while it is made; a value is its name."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, value, dtype=np.float32) -> str:
        """Return a constant."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def __call__(self, operator: str, *inputs: str, name: str = "", **attributes) -> str:
        """Return the result of an operator."""
        from onnx import helper

        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def gate(self, name: str, *inputs: str) -> str:
        """Return the result of a gate of `nets.graph`."""
        if name == "expm1":
            return self("Sub", self("Exp", *inputs), self.constant(1))
        if name == "log1p":
            return self("Log", self("Add", *inputs, self.constant(1)))
        return self(OPERATORS[name], *inputs)

    def activation(self, activation, learned, pieces: list[str]) -> str:
        """Return the activation of a layer's pre-activations, by its expression."""
        values = {name: self.constant(values[0, 0]) for name, values in learned.items()}
        names = ["x"] if len(pieces) == 1 else [f"x{place}" for place in range(len(pieces))]
        values |= dict(zip(names, pieces, strict=True))
        # Not parsed by the rules for what a user types: a formula passed them when it was made.
        tree = ast.parse(activation.expression, mode="eval").body
        leaves, made = {}, {}
        for name in {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}:
            if name in values or hasattr(activation, name):
                leaves[name] = Node(0.5 if name in values else getattr(activation, name))
                made[leaves[name]] = values.get(name)
        result, _ = build(tree, leaves)
        for node in graph.history(result):
            if made.get(node) is None:
                inputs = [made[each] for each in node.inputs]
                made[node] = self.gate(node.gate.name, *inputs) if node.gate else self.constant(node.value)
        return made[result]


def to_onnx(trained: TrainedNetwork) -> bytes:
    """Return the ONNX file of a network: float64 inputs, float32 inside.

    Its outputs are `label` (n,) and `probabilities` (n, K), or `scores` (n, units) where the output unit gives no
    probabilities; of a regression `values` (n, t).

    Raises
    ------
    ConfigError
        If the package onnx is missing, or the activation has no expression.
    """
    try:
        from onnx import TensorProto, checker, helper
    except ImportError:
        raise ConfigError("ONNX files need onnx: pip install '.[export]'") from None

    activation, network, output = trained.activation, trained.network, trained.output
    if network.hidden and not activation.expression:
        raise ConfigError(f"activation={activation.name} cannot be exported: it has no `expression`")
    model = _Model()

    def affine(signal, layer, columns=slice(None)):
        product = model("MatMul", signal, model.constant(layer.weight[0][:, columns]))
        return model("Add", product, model.constant(layer.bias[0][:, columns]))

    scales = {name: model.constant(values, np.float64) for name, values in trained.scales.items()}
    signal = model("Div", model("Sub", "inputs", scales["input_mean"]), scales["input_scale"])
    signal = model("Cast", signal, to=TensorProto.FLOAT)
    for layer, units in zip(network.layers, network.hidden, strict=False):
        pieces = [affine(signal, layer, slice(p * units, (p + 1) * units)) for p in range(activation.pieces)]
        signal = model.activation(activation, layer.learned, pieces)
    z = affine(signal, network.layers[-1])
    if trained.task == "regression":
        values = model("Mul", model("Cast", z, to=TensorProto.DOUBLE), scales["target_scale"])
        outputs = {model("Add", values, scales["target_mean"], name="values"): (TensorProto.DOUBLE, network.outputs)}
    else:
        decided = _decision(model, output, z, network.outputs)
        kinds = {str: (object, TensorProto.STRING), int: (np.int64, TensorProto.INT64), bool: (bool, TensorProto.BOOL)}
        dtype, element = kinds[type(trained.classes[0])]
        outputs = {model("Gather", model.constant(trained.classes, dtype), decided, name="label"): (element,)}
        kind, classes = output.probabilities, len(trained.classes)
        if kind == "softmax":
            outputs[model("Softmax", z, axis=1, name="probabilities")] = TensorProto.FLOAT, classes
        elif kind == "sigmoid" and network.outputs == 1:
            parts = model("Sigmoid", model("Neg", z)), model("Sigmoid", z)
            outputs[model("Concat", *parts, axis=1, name="probabilities")] = TensorProto.FLOAT, classes
        elif kind:
            one = model.constant(1.0)
            p = model("Sigmoid", z) if kind == "sigmoid" else model("Clip", z, model.constant(0.0), one)
            if network.outputs == 1:
                shares = model("Concat", model("Sub", one, p), p, axis=1, name="probabilities")
            else:
                total = model("ReduceSum", p, model.constant([1], np.int64))
                some = model("Greater", total, model.constant(0.0))
                alike = model.constant(1 / classes)
                shares = model("Where", some, model("Div", p, total), alike, name="probabilities")
            outputs[shares] = TensorProto.FLOAT, classes
        else:
            outputs[model("Identity", z, name="scores")] = TensorProto.FLOAT, network.outputs
    body = helper.make_graph(
        model.nodes,
        trained.run,
        [helper.make_tensor_value_info("inputs", TensorProto.DOUBLE, ["n", network.inputs])],
        [helper.make_tensor_value_info(name, kind, ["n", *width]) for name, (kind, *width) in outputs.items()],
        model.constants,
    )
    whole = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    about = {"run": trained.run, "lr": trained.lr, "seed": trained.seed}
    about |= {"features": trained.features, "classes": trained.classes}
    helper.set_model_props(whole, {name: json.dumps(value) for name, value in about.items()})
    checker.check_model(whole)
    return whole.SerializeToString(deterministic=True)


def _decision(model, output, z, units):
    """Return the label (n,), as `Output.decide`."""
    from onnx import TensorProto

    if units > 1:
        return model("ArgMax", z, axis=1, keepdims=0)
    positive = model("Greater", z, model.constant(output.threshold))
    return model("Squeeze", model("Cast", positive, to=TensorProto.INT64), model.constant([1], np.int64))


def to_sklearn(trained: TrainedNetwork) -> bytes:
    """Return the file, as joblib writes it, of a fitted pipeline: `StandardScaler`, then an estimator.

    Before them, what takes a table's columns for the inputs, where some are one-hot. The target's scale of a regression
    is within the last layer.
    """
    import joblib
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    from nets.estimators import MLPClassifier, MLPRegressor

    scaler, features = StandardScaler(), len(trained.features)
    scaler.mean_ = np.broadcast_to(trained.scales["input_mean"], features)
    scaler.scale_ = np.broadcast_to(trained.scales["input_scale"], features)
    scaler.var_, scaler.n_features_in_, scaler.n_samples_seen_ = scaler.scale_**2, features, 0
    steps = [scaler]
    if any(categories for _, categories in trained.columns):
        columns = {"features": trained.features, "columns": trained.columns}
        steps.insert(0, FunctionTransformer(as_inputs, kw_args=columns))
    else:
        scaler.feature_names_in_ = np.array(trained.features, object)
    network = deepcopy(trained.network)
    if trained.task == "classification":
        estimator = MLPClassifier.from_network(network, trained.output, trained.classes)
    else:
        last = network.layers[-1]
        last.weight[:] *= trained.scales["target_scale"]
        last.bias[:] = last.bias * trained.scales["target_scale"] + trained.scales["target_mean"]
        estimator = MLPRegressor.from_network(network, trained.output)
    file = BytesIO()
    joblib.dump(make_pipeline(*steps, estimator), file)
    return file.getvalue()


FORMATS: dict[str, tuple[str, Callable[[TrainedNetwork], bytes]]] = {
    "onnx": ("network.onnx", to_onnx),
    "sklearn": ("network.joblib", to_sklearn),
}
"""By name, the file and what makes its content."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if nothing could be written, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0 if arguments else 2
    try:
        values = key_values(arguments, ("run", "format"))
        if "run" not in values:
            raise ConfigError("which run? run=results/STUDY/runs/RUN")
        kind = values.get("format", "onnx")
        if kind not in FORMATS:
            raise ConfigError(f"format={kind}: {nearest(kind, FORMATS)}")
        folder, (name, convert) = Path(values["run"]), FORMATS[kind]
        best = load(folder).best
        target = folder / name
        write_bytes(target, convert(best))
    except ConfigError as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"export: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1
    print(f"wrote {target}: lr {best.lr:g}, seed {best.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
