"""scikit-learn's own tests of its perceptrons, on ours under their names; docs/scikit-learn.md lists those that differ.

A test of that list has to fail: one that passes is an error here, as is one that fails without being listed.
"""

import importlib.util
import re
from pathlib import Path
from unittest import mock

import pytest
import sklearn
from sklearn import neural_network

from nets.estimators import MLPClassifier, MLPRegressor
from nets.optimizers import SGD, Adam, Momentum, Nesterov

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid"}
OUTPUTS = {"squared_error": "linear_mse"}
SAME = ("batch_size", "max_iter", "shuffle", "random_state", "tol", "verbose", "warm_start", "early_stopping")
SAME += ("validation_fraction", "n_iter_no_change")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Translated:
    """The parameters of scikit-learn's perceptrons with their default values, put into ours.

    Their penalty is divided by the rows of a batch. In the place of L-BFGS, which we lack, is Adam.
    """

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="auto",
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
    ):
        theirs = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        decay = alpha / (200 if batch_size == "auto" else batch_size)
        descent = (Nesterov if nesterovs_momentum else Momentum)(decay, momentum) if momentum else SGD(decay)
        super().__init__(
            hidden_layer_sizes,
            activation=ACTIVATIONS.get(activation, activation),
            output=OUTPUTS.get(loss, loss),
            optimizer=descent if solver == "sgd" else Adam(decay, beta_1, beta_2, epsilon),
            schedule=learning_rate,
            learning_rate_init=0.01 if solver == "lbfgs" else learning_rate_init,
            **{name: theirs[name] for name in SAME},
        )
        vars(self).update({name: value for name, value in theirs.items() if name not in vars(self)})


class Classifier(Translated, MLPClassifier):
    pass


class Regressor(Translated, MLPRegressor):
    pass


def suite():
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    module = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(neural_network, MLPClassifier=Classifier, MLPRegressor=Regressor):
        spec.loader.exec_module(module)
    return module


TESTS = {name: test for name, test in vars(suite()).items() if name.startswith("test_")}
globals().update(TESTS)


@pytest.fixture
def global_random_seed():
    return 42
