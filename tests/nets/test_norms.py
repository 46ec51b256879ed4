"""Norms by themselves: what they standardise, running statistics, gradients, bit-identity in any stack."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from nets.norms import EPSILON, NORMS, SHARE, BatchNorm, Normed, Running

each_norm = pytest.mark.parametrize("norm", [norm() for norm in NORMS.values()], ids=NORMS)


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    """Bit-identity is promised for one BLAS thread, as in training."""
    with threadpool_limits(1, "blas"):
        yield


def arrays(replicas, rows, columns, dtype="float64", seed=0):
    """Return z, scale, bias, delta and running statistics, each replica's from its own generator."""
    shapes = (rows, columns), (1, columns), (1, columns), (rows, columns), (1, columns), (1, columns)
    of_replicas = []
    for replica in range(replicas):
        random = np.random.default_rng([seed, replica])
        of_replicas.append([random.normal(size=shape) * 3 + random.normal() for shape in shapes])
    z, scale, bias, delta, mean, variance = (
        np.stack(values).astype(dtype) for values in zip(*of_replicas, strict=True)
    )
    return z, scale, bias, delta, Running(mean, np.abs(variance))


def passed(norm, z, scale, bias, delta, running, share=SHARE):
    """Return y, the statistics, 1/√(v + ε), and the gradients with respect to γ, β and z."""
    running = Running(*(values.copy() for values in running))
    delta_sum = np.matmul(np.ones((1, z.shape[1]), z.dtype), delta)
    arrays = z.copy(), np.empty_like(z), scale, bias, np.empty_like(scale), delta_sum
    layer = Normed(*arrays, running if norm.runs else None)
    inverse = norm.forward(layer, share)
    y = layer.y.copy()
    layer.y[:] = delta
    norm.backward(layer, inverse, bool(share))
    np.testing.assert_array_equal(layer.y, delta)
    gradients = {"gradient": layer.scale_gradient, "sum": layer.bias_gradient, "z": layer.z}
    return {"y": y, "inverse": inverse, **gradients, **running._asdict()}


@pytest.mark.parametrize(("name", "axis"), [("batch", 1), ("layer", 2)])
def test_batch_norm_standardises_columns_over_the_rows_and_layer_norm_rows_over_the_columns(name, axis):
    z, scale, bias, delta, running = arrays(3, 40, 30)
    norm, variance = NORMS[name](), z.var(axis=axis)
    result = passed(norm, z, np.ones_like(scale), np.zeros_like(bias), delta, running)
    np.testing.assert_allclose(result["y"].mean(axis=axis), 0, atol=1e-14)
    np.testing.assert_allclose(result["y"].var(axis=axis), variance / (variance + EPSILON), rtol=1e-12)
    scaled = passed(norm, z, scale, bias, delta, running)
    np.testing.assert_allclose(scaled["y"], scale * result["y"] + bias, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("share", [1.0, 0.1, 0.25])
def test_the_running_variance_is_the_unbiased_one_of_the_batches(share):
    z, scale, bias, delta, running = arrays(3, 7, 5)
    result = passed(BatchNorm(), z, scale, bias, delta, running, share)
    mean, variance = z.mean(axis=1, keepdims=True), z.var(axis=1, ddof=1, keepdims=True)
    np.testing.assert_allclose(result["mean"], (1 - share) * running.mean + share * mean, rtol=1e-12)
    np.testing.assert_allclose(result["variance"], (1 - share) * running.variance + share * variance, rtol=1e-12)


def test_the_first_batch_replaces_whatever_the_statistics_were():
    z, scale, bias, delta, running = arrays(2, 7, 5)
    results = [passed(BatchNorm(), z, scale, bias, delta, one, 1.0) for one in (running, arrays(2, 7, 5, seed=1)[4])]
    for name in ("mean", "variance", "y"):
        np.testing.assert_array_equal(results[0][name], results[1][name])


def test_without_a_share_the_running_statistics_stand_for_the_batchs():
    z, scale, bias, delta, running = arrays(3, 7, 5)
    result = passed(BatchNorm(), z, scale, bias, delta, running, 0)
    expected = (z - running.mean) / np.sqrt(running.variance + EPSILON) * scale + bias
    np.testing.assert_allclose(result["y"], expected, rtol=1e-12, atol=1e-12)
    for name, values in running._asdict().items():
        np.testing.assert_array_equal(result[name], values)


@each_norm
def test_layer_norm_alone_is_the_same_in_training_and_in_prediction(norm):
    values = arrays(2, 7, 5)
    training, prediction = (passed(norm, *values, share)["y"] for share in (SHARE, 0))
    assert np.array_equal(training, prediction) == (not norm.runs)


@each_norm
def test_a_common_shift_and_factor_of_what_is_standardised_change_nothing_but_epsilon(norm):
    z, scale, bias, delta, running = arrays(2, 9, 6)
    first, second = (passed(norm, values, scale, bias, delta, running)["y"] for values in (z, 1000 * z + 50))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


@each_norm
def test_what_is_constant_becomes_the_shift(norm):
    _, scale, bias, delta, running = arrays(2, 9, 6)
    result = passed(norm, np.full((2, 9, 6), 7.5), scale, bias, delta, running)
    np.testing.assert_array_equal(result["y"], np.broadcast_to(bias, (2, 9, 6)))
    assert np.isfinite(result["z"]).all()


@each_norm
@pytest.mark.parametrize("share", [SHARE, 0])
def test_gradients_equal_central_differences(norm, share):
    z, scale, bias, delta, running = arrays(2, 5, 4)
    result = passed(norm, z, scale, bias, delta, running, share)

    def cost():
        return (passed(norm, z, scale, bias, delta, running, share)["y"] * delta).sum(axis=(1, 2))

    for values, ours in ((z, result["z"]), (scale, result["gradient"]), (bias, result["sum"])):
        exact, step = np.empty_like(values), 1e-5
        for index in np.ndindex(values.shape[1:]):
            middle = values[(slice(None), *index)].copy()
            values[(slice(None), *index)] = middle + step
            above = cost()
            values[(slice(None), *index)] = middle - step
            exact[(slice(None), *index)] = (above - cost()) / (2 * step)
            values[(slice(None), *index)] = middle
        np.testing.assert_allclose(ours, exact, rtol=1e-6, atol=1e-7)


@given(
    norm=st.sampled_from([norm() for norm in NORMS.values()]),
    replicas=st.integers(2, 5),
    rows=st.integers(2, 70) | st.sampled_from([128, 256, 1000]),
    columns=st.integers(1, 70) | st.sampled_from([128, 130, 500]),
    dtype=st.sampled_from(["float32", "float64"]),
    share=st.sampled_from([1.0, SHARE, 0]),
)
@settings(max_examples=150, deadline=None)
def test_mean_variance_and_both_backward_sums_are_bit_identical_in_any_stack(
    norm, replicas, rows, columns, dtype, share
):
    values = arrays(replicas, rows, columns, dtype)
    stacked = passed(norm, *values, share)
    for replica in range(replicas):
        of_one = [array[replica : replica + 1] for array in values[:-1]]
        alone = passed(norm, *of_one, Running(*(array[replica : replica + 1] for array in values[-1])), share)
        for name, array in alone.items():
            assert array.tobytes() == stacked[name][replica : replica + 1].tobytes(), name


@each_norm
def test_a_replica_out_of_range_leaves_its_neighbours_alone(norm):
    z, scale, bias, delta, running = arrays(3, 9, 6, "float32")
    sane = passed(norm, z, scale, bias, delta, running)
    for bad in (np.nan, np.inf, 1e30):
        z[1] = bad
        with np.errstate(all="ignore"):
            result = passed(norm, z, scale, bias, delta, running)
        for name, array in sane.items():
            np.testing.assert_array_equal(result[name][[0, 2]], array[[0, 2]])
