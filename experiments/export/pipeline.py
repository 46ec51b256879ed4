"""Writes a trained network as a fitted scikit-learn pipeline."""

from copy import deepcopy
from io import BytesIO
from typing import Any

import joblib
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from experiments.export.roles import target_roles
from experiments.networks import TrainedNetwork, as_inputs
from nets.estimators import MLPClassifier, MLPRegressor
from nets.network import Network


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
    last, roles = network.layers[-1], target_roles(trained)
    mean, scale = trained.scales["target_mean"], trained.scales["target_scale"]
    for index, role in enumerate(roles):
        weight, bias = (values[..., index :: len(roles)] for values in (last.weight, last.bias))
        if role in ("location", "quantile"):
            weight *= scale
            bias[:] = bias * scale + mean
        elif role == "log_variance":
            bias += 2 * np.log(scale)  # a count is not scaled, so its role needs no change
