import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import products
from nets.activations import Tanh
from nets.network import Network, Work
from nets.products import product


@pytest.fixture(autouse=True)
def _kernels_that_do_not_pack_small_products(monkeypatch):
    monkeypatch.setattr(products, "multiplies_without_packing", lambda: True)


def operands(replicas, rows, terms, columns, transposed=(), dtype="float64"):
    """Return matrices whose products are whole numbers, so that no order of summation rounds them."""
    generator = np.random.default_rng(rows)

    def draw(name, m, n):
        if name in transposed:
            return generator.integers(-9, 10, (replicas, n, m)).astype(dtype).mT
        return generator.integers(-9, 10, (replicas, m, n)).astype(dtype)

    return draw("left", rows, terms), draw("right", terms, columns), np.full((replicas, rows, columns), np.nan, dtype)


sizes = st.sampled_from([0, 1, 2, 10, 31, 32, 37, 64, 100, 128, 225, 300])


@given(st.integers(1, 3), sizes, sizes, sizes, st.sampled_from([(), ("left",), ("right",), ("left", "right")]))
@settings(deadline=None)
def test_a_cut_product_is_the_product(replicas, rows, terms, columns, transposed):
    left, right, out = operands(replicas, rows, terms, columns, transposed)
    np.matmul(*product(left, right, out))
    np.testing.assert_array_equal(out, left @ right)


def blocks(*sizes, transposed=()):
    _, right, out = product(*operands(2, *sizes, transposed))
    assert right.shape[:-2] == out.shape[:-2]
    return out.shape[1:] if out.ndim == 4 else None


def test_a_product_is_cut_where_that_makes_it_small():
    assert blocks(32, 128, 128) is None
    assert blocks(32, 512, 512) == (16, 32, 32)
    assert blocks(225, 128, 128) == (4, 225, 32)
    # A Bᵀ goes without packing only if its result is small and its sums are not too short.
    assert blocks(32, 128, 128, transposed=("right",)) == (4, 32, 32)
    assert blocks(32, 10, 128, transposed=("right",)) is None
    assert blocks(8, 128, 128, transposed=("right",)) is None
    # Nothing is cut into slivers, or into unequal blocks.
    assert blocks(32, 512, 509) is None
    assert blocks(5000, 512, 512) is None


def test_the_views_follow_what_the_arrays_hold():
    left, right, out = operands(2, 32, 512, 512)
    views = product(left, right, out)
    for array in (left, right):
        array *= 2
    np.matmul(*views)
    np.testing.assert_array_equal(out, left @ right)


def test_nothing_is_cut_for_other_kernels(monkeypatch):
    monkeypatch.setattr(products, "multiplies_without_packing", lambda: False)
    assert blocks(32, 512, 512) is None


def test_scores_and_gradients_are_those_of_uncut_products(monkeypatch):
    network = Network(64, (512, 128), 10, Tanh(), 2, "float64")
    generator = np.random.default_rng(0)
    network.parameters[:] = generator.normal(size=network.parameters.shape) / 10
    inputs, delta = generator.normal(size=(2, 32, 64)), generator.normal(size=(2, 32, 10))
    results = []
    for unpacked in (True, False):
        monkeypatch.setattr(products, "multiplies_without_packing", lambda unpacked=unpacked: unpacked)
        work = Work(network, 32)
        assert {views[2].ndim for views in work.outer} == ({3, 4} if unpacked else {3})
        work.inputs[:], work.delta[:] = inputs, delta
        scores = network.forward(work).copy()
        network.backward(work)
        results.append((scores, network.gradient.copy()))
    for cut, whole in zip(*results, strict=True):
        np.testing.assert_allclose(cut, whole, rtol=1e-12, atol=1e-12)
