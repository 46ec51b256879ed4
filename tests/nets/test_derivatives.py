"""Derivatives: identities of matrix calculus, three ways that agree, and a checker that catches what is wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import nets.graph as g
from nets.activations import Tanh
from nets.derivatives import WAYS, check_gradient, gradient, hessian, jacobian, product_tensor, top_eigenvalue
from nets.network import Network, Work
from nets.outputs import SoftmaxCE

R = np.random.default_rng(0)
W, X, H = R.normal(size=(3, 4)), R.normal(size=4), R.normal(size=4)


def smooth(x):
    return g.sum(g.tanh(W @ x) ** 2) + g.exp(g.sum(x) / 4)


def kinked(x):
    return g.sum(g.relu(W @ x)) + g.sum(g.absolute(x))


# --- identities of matrix calculus, in the denominator layout


@pytest.mark.parametrize("by", WAYS)
def test_the_gradient_of_a_linear_map_is_the_transpose(by):
    assert gradient(lambda x: W @ x, X, by).shape == (4, 3)
    np.testing.assert_allclose(gradient(lambda x: W @ x, X, by), W.T, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(jacobian(lambda x: W @ x, X, by), W, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("by", WAYS)
def test_the_gradient_of_a_squared_distance(by):
    np.testing.assert_allclose(gradient(lambda x: g.sum((x - H) ** 2), X, by), 2 * (X - H), rtol=1e-10, atol=1e-10)


def test_the_chain_rule_runs_from_right_to_left():
    inner, outer = (lambda x: g.tanh(W @ x)), (lambda y: g.exp(W.T @ y))
    y = inner(X).value
    whole = gradient(lambda x: outer(inner(x)), X)
    np.testing.assert_allclose(whole, gradient(inner, X) @ gradient(outer, y), rtol=1e-13)


@pytest.mark.parametrize("by", WAYS)
def test_a_number_by_a_matrix_has_the_matrix_shape(by):
    result = gradient(lambda weight: g.sum(g.tanh(weight @ X)), W, by)
    assert result.shape == W.shape
    np.testing.assert_allclose(result, np.outer(1 - np.tanh(W @ X) ** 2, X), rtol=1e-9, atol=1e-10)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_product_tensor_contracts_to_an_outer_product(h, m, seed):
    random = np.random.default_rng(seed)
    weight, x, upstream = random.normal(size=(h, m)), random.normal(size=m), random.normal(size=h)
    tensor = product_tensor(weight, x)
    assert tensor.shape == (h, m, h)
    np.testing.assert_array_equal(tensor, gradient(lambda weight: weight @ x, weight))
    np.testing.assert_allclose(tensor @ upstream, np.outer(upstream, x), rtol=1e-15)
    for i in range(h):
        np.testing.assert_array_equal(tensor[i, :, i], x)
        assert not np.delete(tensor[:, :, i], i, axis=0).any()


# --- ways that agree, shapes


@given(arrays(float, 4, elements=st.floats(-2, 2)))
@settings(deadline=None)
def test_three_ways_agree(x):
    exact = gradient(smooth, x)
    np.testing.assert_allclose(gradient(smooth, x, "complex"), exact, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(gradient(smooth, x, "differences"), exact, rtol=1e-8, atol=1e-8)


@given(arrays(float, 4, elements=st.floats(-2, 2)))
@settings(max_examples=25, deadline=None)
def test_the_hessian_is_symmetric_and_agrees_with_differences(x):
    exact = hessian(smooth, x)
    assert exact.shape == (4, 4)
    np.testing.assert_allclose(exact, exact.T, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(hessian(smooth, x, "differences"), exact, rtol=1e-7, atol=1e-7)


def test_the_hessian_of_a_quadratic_form():
    a = R.normal(size=(4, 4))
    np.testing.assert_allclose(hessian(lambda x: x @ (a @ x), X), a + a.T, rtol=1e-13)


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_shapes(shape, by):
    x = np.full(shape, 0.3)
    assert gradient(lambda x: g.broadcast(x, shape=(5, *np.shape(x))), x, by).shape == (*shape, 5, *shape)
    assert jacobian(lambda x: g.broadcast(x, shape=(5, *np.shape(x))), x, by).shape == (5, *shape, *shape)


def test_unknown_ways_are_refused():
    with pytest.raises(ValueError, match="by='magic': allowed are graph, differences, complex"):
        gradient(smooth, X, "magic")
    with pytest.raises(ValueError, match="by='complex': allowed are graph, differences"):
        hessian(smooth, X, "complex")


# --- the check


@pytest.mark.parametrize(("function", "analytic", "limit"), [(smooth, True, 1e-12), (smooth, False, 1e-8)])
def test_a_right_gradient_passes(function, analytic, limit):
    assert check_gradient(function, lambda x: gradient(function, x), X, analytic) < limit


@pytest.mark.parametrize("x", [X, np.zeros(4)], ids=["away", "on the kink"])
def test_a_kink_is_avoided(x):
    assert check_gradient(kinked, lambda x: gradient(kinked, x), x) < 1e-8


@pytest.mark.parametrize(("function", "analytic"), [(smooth, True), (smooth, False), (kinked, False)])
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda right: 1.001 * right, id="all off by 0.1 %"),
        pytest.param(lambda right: right * [1, 1, 1.004, 1], id="one entry"),
        pytest.param(lambda right: right[::-1], id="reversed"),
        pytest.param(lambda right: right * np.nan, id="nan"),
    ],
)
def test_a_wrong_gradient_is_caught(function, analytic, wrong):
    assert check_gradient(function, lambda x: wrong(gradient(function, x)), X, analytic) > 2e-4


def test_the_check_refuses_what_it_cannot_judge():
    with pytest.raises(ValueError, match=r"has shape \(2,\), the point \(4,\)"):
        check_gradient(smooth, lambda x: x[:2], X)
    noise = np.random.default_rng(0)
    with pytest.raises(ValueError, match="a kink at every point"):
        check_gradient(lambda x: noise.normal(), lambda x: x, X)


# --- the top eigenvalue


@pytest.mark.parametrize("shift", [0, 9, -9], ids=["indefinite", "positive", "negative"])
def test_the_top_eigenvalue_of_a_quadratic(shift):
    values = np.array([-2.0, 0.3, 1.0, 4.0]) + shift
    q = np.linalg.qr(R.normal(size=(4, 4)))[0]
    matrix = q * values @ q.T
    np.testing.assert_allclose(top_eigenvalue(lambda p: p @ matrix, X), values.max(), rtol=2e-3)


def test_the_top_eigenvalue_of_a_network_is_that_of_its_hessian():
    network = Network(2, [3], 2, Tanh(), 2, "float64")
    network.parameters[:] = R.normal(size=network.parameters.shape)
    work, output = Work(network, 12), SoftmaxCE()
    work.inputs[:] = R.normal(size=work.inputs.shape)
    work.targets[:] = 0.5

    def gradient_at(parameters):
        network.parameters[:] = parameters
        output.gradient(network.forward(work), work.targets, work.delta)
        network.backward(work)
        return network.gradient

    start = network.parameters.copy()
    found = top_eigenvalue(gradient_at, start, tolerance=1e-7, iterations=500)
    for replica in range(2):
        rows = []
        for one in np.eye(start.shape[1]):
            above, below = (gradient_at(start + sign * 1e-5 * one)[replica].copy() for sign in (1, -1))
            rows.append((above - below) / 2e-5)
        np.testing.assert_allclose(found[replica], np.linalg.eigvalsh(rows)[-1], rtol=1e-4)


def test_the_top_eigenvalue_of_a_replica_does_not_depend_on_others():
    matrices = R.normal(size=(5, 4, 4))
    matrices = matrices + matrices.swapaxes(1, 2)
    start = R.normal(size=(5, 4))

    def gradient_at(which):
        return lambda p: np.vecdot(p[:, None, :], matrices[which])

    together = top_eigenvalue(gradient_at(np.arange(5)), start)
    alone = [top_eigenvalue(gradient_at([index]), start[[index]])[0] for index in range(5)]
    assert together.tolist() == alone


def test_the_top_eigenvalue_of_a_plane_is_zero():
    assert top_eigenvalue(lambda p: np.ones_like(p), X) == 0
