"""No function of the catalogue is another one up to scaling of input and output, g(x) = a f(bx) with a, b > 0."""

import itertools
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from experiments.config.catalogue import entries
from nets.formula import Formula

SAME = 1e-4
STEP, MOST = 0.01, np.log(200.0)
NEAR = np.exp(np.arange(np.log(0.01), np.log(3.0), STEP))
"""Points at which functions are compared; in steps of 1 %, so that scaling the input is a shift."""
WIDE = NEAR[0] * np.exp(STEP * np.arange(len(NEAR) + int(MOST / STEP) + 1))
FAR = np.concatenate([np.geomspace(1e-4, 60, 241), -np.geomspace(1e-4, 60, 241)])

BANDS = np.digitize(np.abs(FAR), [0.001, 0.01, 0.1, 0.5, 1, 2, 4, 8, 16, 32]) * 2 + (FAR < 0)
"""The number of the band that a point of `FAR` is in."""

ONE_PIECE = {name: entry.activation for name, entry in entries().items() if entry.activation.pieces == 1}
FIXED = {name: function for name, function in ONE_PIECE.items() if not function.init(1, 1, np.float64)}
PERIODIC = {name for name, entry in entries().items() if entry.family == "periodic"}
# Every CELU is a scaled ELU. Both are built-in classes, so both stay.
KNOWN = {("celu", "elu")}
# What a learned function equals at its initial values. Groups, since all members of a group are equal there.
KNOWN_INITIALLY = [
    {"acon_c", "silu", "swish_beta", "xsilu"},
    {"adaptive_tanh", "tanh"},
    {"apl", "frelu", "relu"},
    {"atlu", "xatlu"},
    {"bent_identity", "blu"},
    {"celu", "elu", "mpelu", "pelu"},
    {"fts", "pfts"},
    {"gelu", "xgelu"},
    {"leaky_relu", "spline"},
    {"max_x_tanh", "ptelu"},
    {"preu", "reu"},
    {"scaled_softsign", "softsign"},
]


def both_sides(function, x):
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.concatenate([function(x), function(-x)]))


@cache
def directions(function):
    """Return the values on both sides, of length 1, for every shift: the rows belong to f(bx) with growing b."""
    left, right = np.split(both_sides(function, WIDE), 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.stack([left, right]), len(NEAR), axis=1)
    rows = np.concatenate(list(windows), axis=1)
    rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-300)  # squares of an exponential overflow
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)).astype(np.float32)


def difference(f, g, b, reach=60.0):
    """Return the largest difference between g(x) and a f(bx) with the best a > 0; 1 if there is none.

    It is relative to the largest value of g among points of the same size and sign; f is looked at up to `reach`.
    """
    shown = np.abs(FAR) <= reach / b
    with np.errstate(all="ignore"):
        shown &= np.isfinite(f(b * FAR)) & np.isfinite(g(FAR))
    with np.errstate(all="ignore"):
        inner, outer = f(b * FAR[shown]), g(FAR[shown])
        scale = float(inner @ outer / (inner @ inner)) if np.abs(inner).max() < 1e3 else np.median(outer / inner)
        if not (np.isfinite(scale) and scale > 0):
            return 1.0
        gap = np.abs(outer - scale * inner)
    floor = 1e-6 * np.abs(outer).max(initial=0, where=np.abs(FAR[shown]) <= 3)
    bands = BANDS[shown]
    largest = [np.abs(outer).max(initial=floor, where=bands == band) for band in range(BANDS.max() + 1)]
    return float((gap / np.maximum(np.array(largest)[bands], 1e-300)).max())


def jumps(function):
    return function.jumps


def scaling(f, g, cosines=None, least=0.8):
    """Return b ≥ 1 such that g(x) = a f(bx), or None.

    Only shifts at which the functions point in about the same direction are looked at: cosines of `least` and more.
    """
    if cosines is None:
        cosines = directions(f) @ directions(g)[0]
    if cosines.max() < least:
        return None
    shifts = np.flatnonzero(cosines >= cosines.max() - 1e-6)
    shifts = np.unique(np.append(shifts[:: max(1, len(shifts) // 40)], cosines.argmax()))
    near = np.array([STEP * shift for shift in shifts])
    gaps = [difference(f, g, np.exp(log_b)) for log_b in near]
    reach = STEP * max(1, len(np.flatnonzero(cosines >= cosines.max() - 1e-6)) // 40) + STEP
    if min(gaps) > 0.5 and not jumps(f) and not jumps(g):
        return None
    grid = near[int(np.argmin(gaps))] + np.linspace(-reach, reach, 41)
    start = grid[int(np.argmin([difference(f, g, np.exp(log_b)) for log_b in grid]))]
    found = minimize_scalar(
        lambda log_b: difference(f, g, np.exp(log_b)),
        bounds=(start - reach / 20, start + reach / 20),
        method="bounded",
        options={"xatol": 1e-14},
    )
    best = min([float(found.x), start, 0.0], key=lambda log_b: difference(f, g, np.exp(log_b)))
    return float(np.exp(best)) if difference(f, g, np.exp(best), np.inf) < SAME else None


def equal(f, g):
    """Return whether f and g are equal up to scaling."""
    return scaling(f, g) is not None or scaling(g, f) is not None


def least(one, other):
    """Return the least cosine of equal functions of which one is shifted by up to half a step too far."""
    if {one, other} <= PERIODIC:
        return 0.8
    return 0.99 if jumps(ONE_PIECE[one]) or jumps(ONE_PIECE[other]) else 0.9999


def equal_pairs(functions, others):
    """Return the pairs of names of which one function is a scaling of the other."""
    unshifted = np.stack([directions(function)[0] for function in others.values()], axis=1)
    pairs = set()
    for one, f in functions.items():
        for (other, g), cosines in zip(others.items(), (directions(f) @ unshifted).T, strict=True):
            if one != other and scaling(f, g, cosines, least(one, other)) is not None:
                pairs.add(tuple(sorted((one, other))))
    return pairs


def test_no_fixed_function_has_two_names():
    assert equal_pairs(FIXED, FIXED) == KNOWN


def test_learned_functions_are_others_at_their_initial_values_only_where_it_is_known():
    learned = {name: function for name, function in ONE_PIECE.items() if name not in FIXED}
    known = {pair for group in KNOWN_INITIALLY for pair in itertools.combinations(sorted(group), 2)}
    found = equal_pairs(learned, ONE_PIECE)
    assert found <= known
    assert found >= {(one, other) for one, other in known if one in learned} - KNOWN


def test_no_function_of_two_pieces_has_two_names():
    """Equal functions point in one direction. Scales of x0 and x1 alone are not looked for."""
    z = np.random.default_rng(0).normal(size=(200, 2))
    several = [entry.activation for entry in entries().values() if entry.activation.pieces > 1]
    values = np.stack([function(z)[:, 0] for function in several])
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    assert (np.abs(values @ values.T) - np.eye(len(several)) < 0.999).all()


@pytest.mark.parametrize(
    ("name", "alias"),
    [(name, alias) for name, entry in entries().items() for alias in entry.aliases if alias.expression],
    ids=lambda value: getattr(value, "name", value),
)
def test_an_alias_is_the_function_up_to_scaling(name, alias):
    assert equal(Formula("alias", alias.expression), entries()[name].activation)


# Learned functions that only learn a scale of a fixed one: docs/catalogue.md names them.
LEARNED_SCALES = {
    "swish_beta": "silu",
    "pelu": "elu",
    "preu": "reu",
    "relun": "relu6",
    "scaled_softsign": "softsign",
    "adaptive_tanh": "tanh",
}


@pytest.mark.parametrize("name", LEARNED_SCALES)
def test_some_learned_functions_learn_only_a_scale(name):
    entry = entries()[name]
    learned = {key: value.item() for key, value in entry.activation.init(1, 1, np.float64).items()}
    for factor in (1.0, 1.7):
        parameters = {key: value * factor**power for power, (key, value) in enumerate(learned.items(), start=1)}
        moved = Formula("moved", entry.activation.expression, parameters)
        assert equal(moved, entries()[LEARNED_SCALES[name]].activation)


def test_a_scaled_function_is_found_and_a_similar_one_is_not():
    assert scaling(Formula("a", "tanh(x)"), Formula("b", "3*tanh(2.5*x)")) == pytest.approx(2.5)
    assert not equal(Formula("a", "tanh(x)"), Formula("b", "tanh(x) + 1e-4*x"))
    assert not equal(Formula("a", "tanh(x)"), Formula("b", "-tanh(x)"))
