"""Derivatives of functions of arrays, by the graph or by differences, and the check of one against the other.

The layout is the denominator layout: the shape of the gradient of y by x is that of x, then that of y. So ∇ₓy is n × m
for x in Rⁿ and y in Rᵐ, and the gradient of a number by a matrix W is shaped like W. The chain rule runs from right to
left, ∇ₓz = ∇ₓy ∇_y z. The Jacobian is the transpose, m × n.

A function here consists of operators and the gates of `nets.graph`, so it takes arrays and nodes.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nets.graph import Node, backpropagate

WAYS = ("graph", "differences", "complex")

Function = Callable[[Any], Any]
"""A function that takes an array or a node and returns the same, an array or a node."""


def gradient(function: Function, x: ArrayLike, by: str = "graph") -> np.ndarray:
    """Return ∇ₓy of y = function(x), shaped (*x.shape, *y.shape); an entry that does not exist is NaN.

    Parameters
    ----------
    by
        "graph"; "differences", which are central and have about ten correct digits; or "complex", a step off the real
        axis, which is exact up to rounding if every gate is analytic (abs, relu, maximum and minimum are not).
    """
    if by not in WAYS:
        raise ValueError(f"by={by!r}: allowed are {', '.join(WAYS)}")
    x = np.array(x, np.float64)
    if by == "graph":
        leaf = Node(x)
        y: Node = function(leaf)
        columns = [backpropagate(y, [leaf], unit).total[leaf].value for unit in _units(y.shape)]
        return np.stack(columns, axis=-1).reshape(x.shape + y.shape)
    rows = [_slope(function, x, direction, by) for direction in _units(x.shape)]
    return np.stack(rows).reshape(x.shape + rows[0].shape)


def jacobian(function: Function, x: ArrayLike, by: str = "graph") -> np.ndarray:
    """Return J = (∇ₓy)ᵀ of y = function(x), shaped (*y.shape, *x.shape): Δy ≈ J Δx."""
    result = gradient(function, x, by)
    n = np.ndim(x)
    return result.transpose(*range(n, result.ndim), *range(n))


def hessian(function: Function, x: ArrayLike, by: str = "graph") -> np.ndarray:
    """Return ∇ₓ(∇ₓy) of a number y = function(x), shaped (*x.shape, *x.shape); `by` is not "complex"."""
    if by not in ("graph", "differences"):
        raise ValueError(f"by={by!r}: allowed are graph, differences")

    def slope(x: ArrayLike | Node) -> Node:
        leaf = x if isinstance(x, Node) else Node(x)
        return backpropagate(function(leaf), [leaf]).total[leaf]

    return gradient(slope, x, by)


def product_tensor(weight: ArrayLike, x: ArrayLike) -> np.ndarray:
    """Return ∂(Wx)/∂W, the h × m × h tensor whose slice [:, :, i] has xᵀ in row i and zeros elsewhere.

    Its contraction with ∂ℓ/∂(Wx) is the outer product (∂ℓ/∂(Wx)) xᵀ. So backpropagation never builds this tensor; it
    is here to be looked at.
    """
    h, m = np.shape(weight)
    tensor = np.zeros((h, m, h))
    for i in range(h):
        tensor[i, :, i] = x
    return tensor


def check_gradient(
    function: Function,
    claimed: Callable[[np.ndarray], ArrayLike],
    x: ArrayLike,
    analytic: bool = False,
) -> float:
    """Return the largest error of a claimed gradient, relative to its norm; inf if the gradient is NaN.

    The check compares slopes of the function in eight random directions with the gradient's. If a kink is within the
    step, the point moves at random until none is.

    Parameters
    ----------
    function
        A function from an array to a number.
    claimed
        The claimed gradient: a function from an array to an array of the same shape.
    x
        The point; it is converted to float64.
    analytic
        If true, a complex step is taken, which is exact up to rounding. Otherwise differences have about ten digits.

    Raises
    ------
    ValueError
        If there is a kink at every point that was tried, or the claimed gradient has another shape than x.
    """
    random = np.random.default_rng(0)
    x = np.array(x, np.float64)
    worst = 0.0
    for _ in range(8):
        direction = random.normal(size=x.shape)
        direction /= np.linalg.norm(direction)
        point = x
        if not analytic:
            tries = 0
            while _has_kink(function, point, direction):
                tries += 1
                if tries == 30:
                    raise ValueError("the function has a kink at every point that was tried")
                point = x + 10.0 ** random.uniform(-3, -1) * random.normal(size=x.shape)
        slope = _slope(function, point, direction, "complex" if analytic else "differences")
        claim = np.asarray(claimed(point))
        if claim.shape != x.shape:
            raise ValueError(f"the claimed gradient has shape {claim.shape}, the point {x.shape}")
        # The scale is the gradient's norm: in a single direction the slope may be far smaller than the norm.
        difference = abs(float(slope) - float((claim * direction).sum()))
        error = difference * math.sqrt(x.size) / max(float(np.linalg.norm(claim)), 1e-8)
        worst = max(worst, math.inf if math.isnan(error) else error)
    return worst


def top_eigenvalue(
    gradient_at: Callable[[np.ndarray], np.ndarray],
    parameters: np.ndarray,
    iterations: int = 100,
    tolerance: float = 1e-4,
) -> np.ndarray:
    """Return the largest eigenvalue of the Hessian at the parameters, the sharpness, by power iteration.

    A Hessian-vector product is a central difference of gradients, in float64. If the eigenvalue of largest magnitude is
    negative, the Hessian is shifted by it and the iteration starts again.

    Parameters
    ----------
    gradient_at
        A function from parameters to their gradient, both (…, P). Each leading index is a replica, with its own
        function.
    parameters
        The point, (…, P).
    iterations, tolerance
        A replica stops when its estimate changes by at most the share `tolerance`, or after `iterations` products.

    Returns
    -------
    np.ndarray
        Shape (…). No replica's number depends on the other replicas.
    """
    parameters = np.asarray(parameters, np.float64)
    dominant = _power_iteration(gradient_at, parameters, 0.0, iterations, tolerance)
    if (dominant >= 0).all():
        return dominant
    shift = np.minimum(dominant, 0)
    shifted = _power_iteration(gradient_at, parameters, shift[..., None], iterations, tolerance) + shift
    return np.where(dominant < 0, shifted, dominant)


def _power_iteration(
    gradient_at: Callable[[np.ndarray], np.ndarray],
    parameters: np.ndarray,
    shift: float | np.ndarray,
    iterations: int,
    tolerance: float,
) -> np.ndarray:
    """Return the eigenvalue of largest magnitude of the Hessian minus `shift` times the identity."""
    vector = np.random.default_rng(0).normal(size=parameters.shape[-1:])
    vector = np.broadcast_to(vector / np.linalg.norm(vector), parameters.shape)
    size = np.sqrt(np.vecdot(parameters, parameters))[..., None]
    step = np.cbrt(np.finfo(np.float64).eps) * np.maximum(1, size)
    estimate, done = np.full(parameters.shape[:-1], np.nan), np.zeros(parameters.shape[:-1], bool)
    for _ in range(iterations):
        above, below = (np.array(gradient_at(parameters + sign * step * vector), np.float64) for sign in (1, -1))
        product = (above - below) / (2 * step) - shift * vector
        new = np.vecdot(vector, product)
        norm = np.sqrt(np.vecdot(product, product))[..., None]
        vector = np.divide(product, norm, out=np.zeros_like(product), where=norm > 0)
        settled = np.abs(new - estimate) <= tolerance * np.abs(new)
        estimate = np.where(done, estimate, new)
        done |= settled
        if done.all():
            break
    return estimate


def _units(shape: tuple[int, ...]) -> np.ndarray:
    """Return all arrays of a shape that have a single 1 and are 0 elsewhere, in order."""
    size = math.prod(shape)
    return np.eye(size).reshape(size, *shape)


def _slope(function: Function, x: np.ndarray, direction: np.ndarray, by: str) -> np.ndarray:
    """Return the derivative of the function along a direction."""
    if by == "complex":
        slope: np.ndarray = _value(function(x + 1e-30j * direction)).imag / 1e-30
        return slope
    # In this combination of two central differences, the errors of second order cancel.
    far, near = (
        (_value(function(x + h * direction)) - _value(function(x - h * direction))) / (2 * h) for h in _steps(x)
    )
    slope = (4 * near - far) / 3
    return slope


def _has_kink(function: Function, x: np.ndarray, direction: np.ndarray) -> bool:
    """Return whether the slopes ahead and behind differ by more than curvature explains."""
    here = float(_value(function(x)))
    second = []
    for h in _steps(x):
        ahead, behind = (float(_value(function(x + sign * h * direction))) for sign in (1, -1))
        second.append((ahead - 2 * here + behind) / h)
    # For a smooth function the second difference halves with the step; with a kink within the step it does not.
    scale = max(abs(here), abs(ahead - behind) / h, 1e-3)
    return not abs(second[0] - 2 * second[1]) <= 1e-6 * scale


def _steps(x: np.ndarray) -> tuple[float, float]:
    step = 1e-3 * max(1.0, float(np.abs(x).max(initial=0)) ** 0.5)
    return step, step / 2


def _value(y: Any) -> np.ndarray:
    return y.value if isinstance(y, Node) else np.asarray(y)
