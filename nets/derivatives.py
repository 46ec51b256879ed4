"""Derivatives of functions of arrays, by the graph or by differences, and the check of one against the other.

Denominator layout: the gradient of y by x has the shape of x, then that of y. So ∇ₓy is n × m for x in Rⁿ and y in
Rᵐ, and shaped like the matrix W where a number is differentiated by W; the chain rule runs from right to left,
∇ₓz = ∇ₓy ∇_y z. The Jacobian is the transpose, m × n. A function here is made of operators and the gates of
`nets.graph`, and takes an array as well as a node.
"""

import math
from collections.abc import Callable

import numpy as np

from nets.graph import Node, backpropagate

WAYS = ("graph", "differences", "complex")


def gradient(function: Callable, x, by: str = "graph") -> np.ndarray:
    """Return ∇ₓy of y = function(x), shaped (*x.shape, *y.shape).

    Parameters
    ----------
    by
        "graph"; "differences", central ones, good to some ten digits; or "complex", a step off the real axis,
        which is exact but for rounding where every gate is analytic (abs, relu, maximum and minimum are not).
    """
    if by not in WAYS:
        raise ValueError(f"by={by!r}: allowed are {', '.join(WAYS)}")
    x = np.array(x, np.float64)
    if by == "graph":
        leaf = Node(x)
        y = function(leaf)
        columns = [backpropagate(y, [leaf], one).total[leaf].value for one in _units(y.shape)]
        return np.stack(columns, axis=-1).reshape(x.shape + y.shape)
    rows = [_slope(function, x, direction, by) for direction in _units(x.shape)]
    return np.stack(rows).reshape(x.shape + rows[0].shape)


def jacobian(function: Callable, x, by: str = "graph") -> np.ndarray:
    """Return J = (∇ₓy)ᵀ of y = function(x), shaped (*y.shape, *x.shape): Δy ≈ J Δx."""
    result = gradient(function, x, by)
    n = np.ndim(x)
    return result.transpose(*range(n, result.ndim), *range(n))


def hessian(function: Callable, x, by: str = "graph") -> np.ndarray:
    """Return ∇ₓ(∇ₓy) of a number y = function(x), shaped (*x.shape, *x.shape); "complex" is not offered."""
    if by not in ("graph", "differences"):
        raise ValueError(f"by={by!r}: allowed are graph, differences")

    def slope(x):
        leaf = x if isinstance(x, Node) else Node(x)
        return backpropagate(function(leaf), [leaf]).total[leaf]

    return gradient(slope, x, by)


def product_tensor(weight, x) -> np.ndarray:
    """Return ∂(Wx)/∂W, the h × m × h tensor whose slice [:, :, i] has xᵀ in row i and zeros elsewhere.

    Its contraction with ∂ℓ/∂(Wx) is the outer product (∂ℓ/∂(Wx)) xᵀ; so there is no need ever to build it, other
    than to see that.
    """
    h, m = np.shape(weight)
    tensor = np.zeros((h, m, h))
    for i in range(h):
        tensor[i, :, i] = x
    return tensor


def check_gradient(
    function: Callable, claimed: Callable, x, analytic: bool = False, directions: int = 8, seed: int = 0
) -> float:
    """Return by how much a claimed gradient is off, at worst, relative to its norm; inf where one is NaN.

    The slope of the function in random directions is compared with the gradient's. Where a kink lies within the
    step, the point is moved at random until none does.

    Parameters
    ----------
    function
        From an array to a number.
    claimed
        From an array to what is claimed to be the gradient there, shaped like the array.
    x
        The point, in float64.
    analytic
        Take a complex step, good to the last digits; without, differences good to some ten.

    Raises
    ------
    ValueError
        If there is a kink wherever the point moves.
    """
    random = np.random.default_rng(seed)
    x = np.array(x, np.float64)
    worst = 0.0
    for _ in range(directions):
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
        there = np.asarray(claimed(point))
        if there.shape != x.shape:
            raise ValueError(f"the claimed gradient has shape {there.shape}, the point {x.shape}")
        # In a single direction a gradient's slope may be far below its norm; errors are not.
        off = abs(float(slope) - float((there * direction).sum()))
        error = off * math.sqrt(x.size) / max(float(np.linalg.norm(there)), 1e-8)
        worst = max(worst, math.inf if math.isnan(error) else error)
    return worst


def top_eigenvalue(
    gradient_at: Callable[[np.ndarray], np.ndarray],
    parameters: np.ndarray,
    iterations: int = 100,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> np.ndarray:
    """Return the largest eigenvalue of the Hessian at the parameters, the sharpness, by power iteration.

    A Hessian-vector product is a central difference of gradients, in float64. Where the eigenvalue of largest
    magnitude is negative, it is shifted away and the iteration starts again.

    Parameters
    ----------
    gradient_at
        From parameters to the gradient there, (…, P) both; each leading index, a replica, has a function of its own.
    parameters
        (…, P).
    iterations, tolerance
        A replica is done when its estimate changes by no more than this share, or after so many products.

    Returns
    -------
    np.ndarray
        Shape (…): no replica's number depends on the others.
    """
    parameters = np.asarray(parameters, np.float64)
    dominant = _power_iteration(gradient_at, parameters, 0.0, iterations, tolerance, seed)
    if (dominant >= 0).all():
        return dominant
    shift = np.minimum(dominant, 0)
    shifted = _power_iteration(gradient_at, parameters, shift[..., None], iterations, tolerance, seed) + shift
    return np.where(dominant < 0, shifted, dominant)


def _power_iteration(gradient_at, parameters, shift, iterations, tolerance, seed):
    """Return the eigenvalue of largest magnitude of the Hessian less `shift` times the identity."""
    vector = np.random.default_rng(seed).normal(size=parameters.shape[-1])
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


def _units(shape):
    """Return the arrays of a shape with a single 1, in order."""
    size = math.prod(shape)
    return np.eye(size).reshape(size, *shape)


def _slope(function, x, direction, by):
    """Return the derivative of the function along a direction."""
    if by == "complex":
        return _value(function(x + 1e-30j * direction)).imag / 1e-30
    # Of two central differences, the errors of second order cancel.
    far, near = (
        (_value(function(x + h * direction)) - _value(function(x - h * direction))) / (2 * h) for h in _steps(x)
    )
    return (4 * near - far) / 3


def _has_kink(function, x, direction):
    """Return whether the slopes ahead and behind differ by more than curvature explains, within the step."""
    here = float(_value(function(x)))
    second = []
    for h in _steps(x):
        ahead, behind = (float(_value(function(x + sign * h * direction))) for sign in (1, -1))
        second.append((ahead - 2 * here + behind) / h)
    # Of a smooth function the second halves with the step; a kink within it spoils that.
    scale = max(abs(here), abs(ahead - behind) / h, 1e-3)
    return not abs(second[0] - 2 * second[1]) <= 1e-6 * scale


def _steps(x):
    step = 1e-3 * max(1.0, float(np.abs(x).max(initial=0)) ** 0.5)
    return step, step / 2


def _value(y):
    return y.value if isinstance(y, Node) else np.asarray(y)
