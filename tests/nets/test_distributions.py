"""Distributions against SciPy and mpmath: impossible targets, extreme parameters, other units; those of outputs."""

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from nets.distributions import Gaussian, Laplace, Poisson, Quantiles
from nets.outputs import OUTPUTS

pytestmark = pytest.mark.filterwarnings("error")

RANDOM = np.random.default_rng(0)
CENTRE, SCALE = 3 * RANDOM.normal(size=(50, 2)), np.exp(RANDOM.normal(size=(50, 2)))
MEAN = np.exp(2 * RANDOM.normal(size=(50, 2)))
CASES = {
    "gaussian": (Gaussian(CENTRE, SCALE), stats.norm(CENTRE, SCALE), RANDOM.normal(size=(50, 2))),
    "laplace": (Laplace(CENTRE, SCALE), stats.laplace(CENTRE, SCALE), RANDOM.normal(size=(50, 2))),
    "poisson": (Poisson(MEAN), stats.poisson(MEAN), RANDOM.poisson(5, size=(50, 2)).astype(float)),
}
each_distribution = pytest.mark.parametrize(("ours", "theirs", "y"), CASES.values(), ids=CASES)
PARAMETERS = [0.0, 5e-324, 1e-300, 1e-3, 1.0, 1e3, 1e300, np.inf, np.nan]


@each_distribution
def test_likelihood_interval_and_moments_are_scipys(ours, theirs, y):
    density = theirs.logpmf if hasattr(theirs.dist, "logpmf") else theirs.logpdf
    np.testing.assert_allclose(ours.nll(y), -density(y), rtol=1e-11)
    np.testing.assert_allclose(ours.std, theirs.std(), rtol=1e-13)
    np.testing.assert_allclose(ours.point, theirs.mean(), rtol=1e-13)
    for share in (0.5, 0.9, 0.99):
        low, high = ours.interval(share)
        np.testing.assert_allclose(low, theirs.ppf((1 - share) / 2), rtol=1e-12)
        np.testing.assert_allclose(high, theirs.ppf((1 + share) / 2), rtol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 3, 10**6])
@pytest.mark.parametrize("mean", [1e-300, 0.1, 3.0, 1e6])
def test_the_likelihood_of_counts_is_mpmaths(mean, count):
    with mpmath.workdps(50):
        terms = [mpmath.mpf(mean), count * mpmath.log(mpmath.mpf(mean)), mpmath.loggamma(count + 1)]
        exact = terms[0] - terms[1] + terms[2]
        got = Poisson(np.array([mean])).nll(np.array([float(count)]))[0]
        assert abs(got - exact) <= 8 * np.finfo(float).eps * max(abs(exact), *map(abs, terms))


@pytest.mark.parametrize("mean", [1e5, 1.01e6, 1e7, 1e8])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_the_interval_of_a_large_mean_is_right_within_a_count(mean, share):
    low, high = Poisson(np.array([mean])).interval(share)
    assert abs(low[0] - stats.poisson.ppf((1 - share) / 2, mean)) <= 1
    assert abs(high[0] - stats.poisson.ppf((1 + share) / 2, mean)) <= 1


def test_the_interval_of_any_mean_is_a_pair_of_numbers():
    """SciPy's function for it gives NaN from a mean of 1e10 on, and for 0."""
    low, high = Poisson(np.array([0, 5e-324, 1e-9, 1e10, 1e12, 1e20, 1e300, np.inf])).interval(0.9)
    assert not np.isnan([low, high]).any()
    assert (low <= high).all()
    np.testing.assert_array_equal([low[:2], high[:2]], 0)


@pytest.mark.parametrize("y", [-1.0, 0.5, 1e-9, -0.5, np.inf])
def test_what_is_no_count_is_impossible(y):
    assert (Poisson(np.array([0.0, 0.1, 5.0, np.inf])).nll(np.array(y)) == np.inf).all()


def test_no_parameter_makes_nan_and_only_a_density_without_width_is_infinite():
    y = np.array([0.0, 1.0, 1e300])
    for centre in (0.0, 1.0, 1e300, np.inf, np.nan):
        for scale in PARAMETERS:
            for kind in (Gaussian, Laplace):
                nll = kind(np.array(centre), np.array(scale)).nll(y)
                assert not np.isnan(nll).any()
                assert ((nll == -np.inf) <= ((scale == 0) & (y == centre))).all()
    for mean in PARAMETERS:
        nll = Poisson(np.array(mean)).nll(y)
        assert (nll >= 0).all()
    assert Poisson(np.array(0.0)).nll(np.array([0.0, 1.0])).tolist() == [0, np.inf]


@pytest.mark.parametrize("ours", [CASES["gaussian"][0], CASES["laplace"][0]], ids=["gaussian", "laplace"])
def test_another_unit_moves_the_point_and_adds_the_logarithm_of_the_scale(ours):
    mean, scale, y = np.array([5.0, -100.0]), np.array([0.01, 30.0]), RANDOM.normal(size=(50, 2))
    other = ours.rescaled(mean, scale)
    np.testing.assert_allclose(other.nll(y * scale + mean), ours.nll(y) + np.log(scale), rtol=1e-9)
    np.testing.assert_allclose(other.point, ours.point * scale + mean)
    np.testing.assert_allclose(other.std, ours.std * scale)
    for end, theirs in zip(other.interval(0.9), ours.interval(0.9), strict=True):
        np.testing.assert_allclose(end, theirs * scale + mean)


def test_counts_are_never_scaled():
    counts = CASES["poisson"][0]
    assert counts.rescaled(np.zeros(2), np.ones(2)) is counts
    for mean, scale in ((1, 1), (0, 2)):
        with pytest.raises(ValueError, match=r"^a Poisson distribution is one of counts, which are never scaled$"):
            counts.rescaled(np.array(mean), np.array(scale))


def test_quantiles_know_their_levels_and_where_they_cross():
    values = np.array([[[1.0, 2.0, 4.0], [3.0, 3.0, 2.0]]])
    known = Quantiles((0.05, 0.5, 0.95), values)
    np.testing.assert_array_equal(known.point, [[2, 3]])
    np.testing.assert_array_equal(known.crossings, [[False, True]])
    np.testing.assert_array_equal(known.interval(0.9), [[[1, 3]], [[4, 2]]])
    assert known.interval(0.8) is None
    assert Quantiles((0.5,), values[..., :1]).interval(0.9) is None
    scaled = known.rescaled(np.array([10.0, 20.0]), np.array([2.0, 3.0]))
    np.testing.assert_array_equal(scaled.values, [[[12, 14, 18], [29, 29, 26]]])
    assert known.nll(np.ones((1, 2))) is None
    assert not hasattr(known, "std")


def test_ties_of_quantiles_are_no_crossings():
    assert not Quantiles((0.1, 0.5), np.array([[2.0, 2.0]])).crossings.any()


# --- from scores to distributions


@pytest.mark.parametrize("name", [name for name, output in OUTPUTS.items() if "regression" in output.tasks])
def test_the_distribution_of_scores_has_the_point_and_is_float64(name):
    output = OUTPUTS[name]()
    z = RANDOM.normal(size=(2, 5, 3 * len(output.roles))).astype(np.float32)
    y = RANDOM.poisson(3, size=(2, 5, 3)).astype(np.float32)
    spread = output.spread(z, y)
    distribution = output.distribution(z, spread)
    assert output.distribution_from_scores == (output.distribution(z) is not None)
    assert (distribution is None) == (spread is None and not output.distribution_from_scores)
    if distribution is None:
        return
    assert distribution.point.shape == (2, 5, 3)
    assert distribution.point.dtype == np.float64
    np.testing.assert_allclose(distribution.point, output.predict(z), rtol=1e-6)
    one = output.distribution(z[0], None if spread is None else spread[0])
    np.testing.assert_array_equal(one.point, distribution.point[0])


def test_only_the_scale_of_hubers_density_is_not_estimated():
    z = np.zeros((1, 2, 3))
    assert OUTPUTS["linear_huber"]().spread(z, z) is None


@pytest.mark.parametrize("name", [name for name, output in OUTPUTS.items() if "regression" not in output.tasks])
def test_outputs_of_classes_have_no_distribution_of_numbers(name):
    assert OUTPUTS[name]().distribution(np.zeros((1, 2, 3))) is None
    assert OUTPUTS[name]().spread(np.zeros((1, 2, 3)), np.zeros((1, 2, 3))) is None
    assert not OUTPUTS[name].distribution_from_scores


@pytest.mark.parametrize("name", ["gaussian_nll", "exp_poisson"])
def test_the_cost_is_the_negative_log_likelihood(name):
    output = OUTPUTS[name]()
    z = RANDOM.normal(size=(2, 40, 3 * len(output.roles)))
    y = RANDOM.poisson(3, size=(2, 40, 3)).astype(float)
    np.testing.assert_allclose(output.cost(z, y), output.distribution(z).nll(y).sum(axis=-1), rtol=1e-12)


@pytest.mark.parametrize(("name", "constant"), [("linear_mse", np.log(2 * np.pi) / 2), ("linear_mae", np.log(2))])
def test_the_cost_is_the_negative_log_likelihood_of_spread_1_up_to_a_constant(name, constant):
    output, z, y = OUTPUTS[name](), RANDOM.normal(size=(1, 40, 2)), RANDOM.normal(size=(1, 40, 2))
    nll = output.distribution(z, np.ones((1, 1, 2))).nll(y).sum(axis=-1)
    np.testing.assert_allclose(output.cost(z, y) + 2 * constant, nll, rtol=1e-12)


@pytest.mark.parametrize("name", ["linear_mse", "linear_mae"])
def test_the_spread_has_the_highest_likelihood(name):
    output, z, y = OUTPUTS[name](), RANDOM.normal(size=(2, 60, 3)), 5 * RANDOM.normal(size=(2, 60, 3))
    spread = output.spread(z, y)
    assert spread.shape == (2, 1, 3)

    def total(factor):
        return output.distribution(z, factor * spread).nll(y).sum(axis=1)

    assert (total(1) < np.minimum(total(0.99), total(1.01))).all()


def test_hubers_least_favourable_density_is_the_exponential_of_his_cost():
    """Huber (1964): (1 − ε)/√2π · exp(−cost) with ε by delta, so that the density is one."""
    output = OUTPUTS["linear_huber"](delta=1.5)

    def density(r):
        return np.exp(-output.cost(np.array([[[r]]]), np.zeros((1, 1, 1)))[0, 0])

    delta = output.delta
    total = integrate.quad(density, -delta, delta)[0] + 2 * np.exp(-(delta**2) / 2) / delta
    share = 1 / (2 * stats.norm.pdf(delta) / delta + 2 * stats.norm.cdf(delta) - 1)  # 1 − ε, his (2.9) for ψ
    assert share / np.sqrt(2 * np.pi) * total == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, np.nan])
@pytest.mark.parametrize("known", [Gaussian, Laplace, Poisson, Quantiles])
def test_an_interval_has_a_share_between_0_and_1(known, share):
    one = np.ones((3, 1))
    distribution = {Poisson: lambda: Poisson(one), Quantiles: lambda: Quantiles((0.5,), one)}.get(
        known, lambda: known(one, one)
    )()
    with pytest.raises(ValueError, match=r"share=.* allowed is a number in"):
        distribution.interval(share)
