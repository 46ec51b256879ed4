"""scikit-learn's own tests of its perceptrons, put to ours; docs/scikit-learn.md lists those that differ by design.

A test of that list has to fail in each of its cases. One that passes is an error here, so the list is exact.
"""

import importlib.util
import re
from math import prod
from pathlib import Path
from unittest import mock

import pytest
from sklearn import neural_network

from nets.estimators import MLPClassifier, MLPRegressor
from nets.optimizers import SGD, Adam, Momentum, Nesterov

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid"}
OUTPUTS = {"squared_error": "linear_mse", "poisson": "exp_poisson"}
SAME = ("batch_size", "max_iter", "shuffle", "random_state", "tol", "verbose", "warm_start", "early_stopping")
SAME += ("validation_fraction", "n_iter_no_change")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Translated:
    """The parameters of scikit-learn's perceptrons with their default values, put into ours.

    Their penalty is divided by the rows of a batch. Adam stands in the place of L-BFGS, which we lack. Every estimator
    has a seed.
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
        random_state=0,
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


def cases(test):
    """Return how often pytest runs a test."""
    marks = getattr(test, "pytestmark", ())
    return prod(len(mark.args[1]) for mark in marks if mark.name == "parametrize")


PAGE = (Path(__file__).parents[2] / "docs/scikit-learn.md").read_text()
TESTS = {name: test for name, test in vars(suite()).items() if name.startswith("test_")}
COUNTS = {name: cases(test) for name, test in TESTS.items()}
DIFFERENT = re.findall(r"^\| `(test_\w+)(\[\w+\])?` \| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)
REASONS = {name + case: reason for name, case, _, reason in DIFFERENT}
globals().update(TESTS)


@pytest.fixture(autouse=True)
def listed(request):
    name = request.node.name
    reason = REASONS.get(name, REASONS.get(request.node.originalname))
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture
def global_random_seed():
    return 42


def test_the_page_counts_the_tests():
    for name, case, count, _ in DIFFERENT:
        assert int(count) == (1 if case else COUNTS[name])
    everything, different = sum(COUNTS.values()), sum(int(count) for _, _, count, _ in DIFFERENT)
    assert f"scikit-learn 1.9 has {everything} tests of its perceptrons." in PAGE
    assert f": {everything - different} pass. These {different} have to fail:" in PAGE
