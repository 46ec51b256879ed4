"""Dropout by itself: how much is dropped, what is kept of mean and variance, what is passed on."""

import numpy as np
import pytest

from nets.activations import ACTIVATIONS, SELU
from nets.dropout import ALPHA, Dropout

each_kind = pytest.mark.parametrize("kind", ["standard", "alpha"])


def applied(dropout, h, seed=0):
    """Return the mask, and what is passed on of h."""
    bits = np.random.default_rng(seed).integers(65536, size=h.shape, dtype=np.uint16)
    mask, out = np.empty_like(h), np.empty_like(h)
    dropout.fill(mask, bits)
    dropout.apply(h, mask, out)
    return mask, out


@each_kind
@pytest.mark.parametrize("p", [0.05, 0.1, 0.25, 0.5, 0.9])
def test_a_share_of_p_is_dropped(kind, p):
    dropout = Dropout.of(kind, p)
    assert dropout.p == pytest.approx(p, abs=1 / 65536)
    mask, _ = applied(dropout, np.ones((1, 1000, 1000), np.float32))
    assert set(np.unique(mask)) == {0, np.float32(dropout.factor)}
    assert (mask == 0).mean() == pytest.approx(dropout.p, abs=5 * np.sqrt(p * (1 - p)) / 1000)


@each_kind
def test_every_value_of_16_bits_is_decided_by_p(kind):
    every = np.arange(65536, dtype=np.uint16)
    for p in (1e-9, 1 / 65536, 0.25, 0.3, 0.999999):
        dropout, mask = Dropout.of(kind, p), np.empty(65536)
        dropout.fill(mask, every)
        assert (mask == 0).mean() == dropout.p
        assert 0 < dropout.p < 1
        assert np.isfinite(dropout.factor)


@pytest.mark.parametrize("p", [0.25, 0.5])
def test_standard_dropout_keeps_the_mean_of_every_unit(p):
    dropout = Dropout.of("standard", p)
    h = np.linspace(-2, 3, 6)[None, None].repeat(100_000, axis=1)
    mask, out = applied(dropout, h)
    np.testing.assert_allclose(out[mask > 0], h[mask > 0] / (1 - p))
    assert not out[mask == 0].any()
    np.testing.assert_allclose(out.mean(axis=1), h[:, 0], atol=0.05)


@pytest.mark.parametrize("p", [0.05, 0.25, 0.5])
def test_alpha_dropout_keeps_mean_0_and_variance_1(p):
    h = np.random.default_rng(1).normal(size=(1, 1000, 1000))
    _, out = applied(Dropout.of("alpha", p), h)
    assert out.mean() == pytest.approx(0, abs=0.01)
    assert out.var() == pytest.approx(1, abs=0.01)
    _, standard = applied(Dropout.of("standard", p), h)
    assert standard.var() > 1 + p / 2


@pytest.mark.parametrize("p", [0.05, 0.25, 0.5])
def test_alpha_dropout_is_the_papers_affine_map_of_what_is_dropped_to_the_limit(p):
    """a (x d + α′ (1 − d)) + b with a = (q + α′² q (1 − q))^(−1/2) and b = −a (1 − q) α′, as PyTorch's AlphaDropout."""
    dropout = Dropout.of("alpha", p)
    q = 1 - dropout.p
    a = (q + ALPHA**2 * q * (1 - q)) ** -0.5
    h = np.random.default_rng(1).normal(size=(1, 50, 20))
    mask, out = applied(dropout, h)
    kept = mask > 0
    np.testing.assert_allclose(out, a * np.where(kept, h, ALPHA) - a * (1 - q) * ALPHA, rtol=1e-12, atol=1e-12)


def test_the_limit_is_that_of_selu():
    assert pytest.approx(ALPHA, rel=1e-12) == SELU()(np.array([-100.0])).item()
    assert {name for name, activation in ACTIVATIONS.items() if activation.dropout == "alpha"} == {"selu"}
    assert {activation.dropout for activation in ACTIVATIONS.values()} == {"alpha", "standard"}


@each_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_passed_on_may_be_written_over_h(kind, dtype):
    dropout, h = Dropout.of(kind, 0.5), np.random.default_rng(1).normal(size=(2, 5, 4)).astype(dtype)
    mask, out = applied(dropout, h)
    assert out.dtype == dtype
    dropout.apply(h, mask, h)
    np.testing.assert_array_equal(h, out)
