"""The figure of likelihoods: data of three kinds, and what output units that suit them and that do not say of them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from experiments.figures.registry import figure
from experiments.figures.style import INK, MUTED, Style, legend, sheet
from experiments.store.reading import StudyTables
from nets.activations import Tanh
from nets.descent import Descent
from nets.distributions import Gaussian, Laplace, Poisson
from nets.initializers import GlorotUniform
from nets.network import Network, Work
from nets.optimizers import Adam
from nets.outputs import OUTPUTS, Output

SEEDS, ROWS, FRESH, STEPS, RATE = 5, 400, 2000, 600, 0.02
SHARE = 0.9
"""The share of the targets that a band is to contain."""

FIT = "#0072B2"
TRUTH: Style = {"color": INK, "linestyle": (0, (4, 1.5)), "linewidth": 1}
BAND: Style = {"color": FIT, "alpha": 0.22, "linewidth": 0}
BEYOND: Style = {"color": MUTED, "markersize": 3, "linestyle": "none", "clip_on": False}

Density = Gaussian | Laplace | Poisson


class Kind(NamedTuple):
    """A kind of data: its truth at x, how targets are drawn, and the pairings that do not and that do suit it."""

    title: str
    truth: Callable[[np.ndarray], np.ndarray]
    draw: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    outputs: tuple[str, str]


def _wave(x: np.ndarray) -> np.ndarray:
    wave: np.ndarray = np.sin(2 * x)
    return wave


def _rate(x: np.ndarray) -> np.ndarray:
    rate: np.ndarray = np.exp(0.9 + 1.2 * np.sin(x))
    return rate


def _growing(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    noise: np.ndarray = 0.05 + 0.15 * (x + 3)
    return _wave(x) + noise * generator.standard_normal(x.shape)


def _outliers(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    far = generator.uniform(size=x.shape) < 0.1
    return _wave(x) + np.where(far, 4, 0.15) * generator.standard_normal(x.shape)


def _counts(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return generator.poisson(_rate(x)).astype(float)


KINDS = (
    Kind("noise that grows", _wave, _growing, ("linear_mse", "gaussian_nll")),
    Kind("one outlier in ten", _wave, _outliers, ("linear_mse", "linear_mae")),
    Kind("counts", _rate, _counts, ("linear_mse", "exp_poisson")),
)


class Fit(NamedTuple):
    """Networks of one pairing, one for each seed, and what they say."""

    band: Density  # of the first network, on a grid
    nll: float  # the mean negative log-likelihood of fresh rows, in nats
    covered: tuple[float, float]  # the shares of fresh rows in the band, where x < 0 and where x > 0


def fit(output: Output, kind: Kind, grid: np.ndarray) -> Fit:
    """Train networks on fresh rows of a kind, one data set for each seed, and return what they say of others."""
    x, y = _rows(kind, ROWS, 0)
    mean, scale = y.mean(axis=1, keepdims=True), y.std(axis=1, keepdims=True)
    if output.scaling == "none":
        mean, scale = np.zeros_like(mean), np.ones_like(scale)
    network = Network(1, (16, 16), output.units("regression", 1), Tanh(), SEEDS, "float64")
    network.initialize(GlorotUniform(), lambda replica, layer: np.random.default_rng([replica, layer]))
    optimizer = Adam()
    descent = Descent(network, output, optimizer, optimizer.state(network.parameters))
    work = Work(network, ROWS, training=True, targets=1)
    work.inputs[:], work.targets[:] = x, (y - mean) / scale
    rate = np.full((SEEDS, 1), RATE)
    factor = (optimizer.gradient_factor(rate) / ROWS)[:, :, None]
    for step in range(STEPS):
        descent.step(work, rate * (1 - step / STEPS), factor)
    spread = output.spread(_scores(network, x), work.targets)

    def distribution_at(inputs: np.ndarray) -> Density:
        distribution = output.distribution(_scores(network, inputs), spread)
        assert isinstance(distribution, Density)
        return distribution.rescaled(mean, scale)

    x, y = _rows(kind, FRESH, 1)
    low, high = distribution_at(x).interval(SHARE)
    band = distribution_at(np.broadcast_to(grid[None, :, None], (SEEDS, len(grid), 1)))
    inside, left = (low <= y) & (y <= high), x < 0
    return Fit(band, float(distribution_at(x).nll(y).mean()), (float(inside[left].mean()), float(inside[~left].mean())))


def _rows(kind: Kind, count: int, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets (seeds, count, 1)."""
    generators = [np.random.default_rng([seed, index]) for seed in range(SEEDS)]
    x = np.stack([generator.uniform(-3, 3, (count, 1)) for generator in generators])
    return x, np.stack([kind.draw(inputs, generator) for inputs, generator in zip(x, generators, strict=True)])


def _scores(network: Network, x: np.ndarray) -> np.ndarray:
    work = Work(network, x.shape[1])
    work.inputs[:] = x
    return network.forward(work).copy()


@figure(
    "likelihoods",
    title="The output unit says which distribution it assumes: bands that suit the data, and bands that do not",
    demonstration=True,
)
def likelihoods(tables: StudyTables) -> Figure:
    """Draw data, prediction and 90 % band of networks: with squared error; below with a pairing that suits the data.

    The experiment is fixed and no table is read: 400 rows, two hidden layers of 16 tanh units, Adam, 600 full batches
    at rates from 0.02 down to 0, 5 seeds with data of their own. Panels show the first seed. Squared and absolute error
    leave the width of their distribution open; it is that of the residuals on the training rows. The negative
    log-likelihood and the shares in the band, where x < 0 and where x > 0, are means over 2,000 fresh rows of a seed.
    The true mean is the median, too, where the noise is symmetric: everywhere but for the counts.
    """
    grid = np.linspace(-3, 3, 241)
    result = sheet(4.0)
    panels = result.subplots(2, len(KINDS), sharex=True, sharey="col")
    with threadpool_limits(1, "blas"):
        for column, kind in zip(panels.T, KINDS, strict=True):
            x, y = (rows[0, :, 0] for rows in _rows(kind, ROWS, 0))
            column[0].set_ylim(_limits(y))
            for ax, name in zip(column, kind.outputs, strict=True):
                fitted = fit(OUTPUTS[name](), kind, grid)
                _panel(ax, kind, fitted, grid, x, y)
                left, right = (f"{100 * share:.0f} %" for share in fitted.covered)
                title = f"({'abcdef'[panels.ravel().tolist().index(ax)]}) {kind.title}: {name}"
                ax.set_title(f"{title}\nNLL {fitted.nll:.2f}, in the band: {left} | {right}")
            column[-1].set_xlabel("x")
    for ax in panels[:, 0]:
        ax.set_ylabel("y")
    marks: list[tuple[str, Style]] = [
        ("training rows", {"color": MUTED, "marker": ".", "linestyle": "none"}),
        ("training rows beyond the axis", {"marker": "^", **BEYOND}),
        ("true mean", TRUTH),
        ("prediction", {"color": FIT}),
        ("90 % band", {"color": FIT, "alpha": 0.3, "linewidth": 6}),
    ]
    legend(result, marks, f"in the band: shares of fresh rows left | right of 0, and their NLL, over {SEEDS} seeds")
    return result


def _panel(ax: Axes, kind: Kind, fitted: Fit, grid: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """Draw the data of the first seed, the truth, and what its network says."""
    low, high = (end[0, :, 0] for end in fitted.band.interval(SHARE))
    bottom, top = ax.get_ylim()
    inside = (bottom <= y) & (y <= top)
    ax.plot(x[inside], y[inside], ".", color=MUTED, markersize=2.5, zorder=1, clip_on=False)
    for marker, edge, beyond in (("^", 1, y > top), ("v", 0, y < bottom)):
        if beyond.any():  # the layout takes an empty line that is not clipped for one at the corner
            ax.plot(x[beyond], np.full(beyond.sum(), edge), marker, **BEYOND, transform=ax.get_xaxis_transform())
    ax.fill_between(grid, low, high, zorder=2, **BAND)
    ax.plot(grid, kind.truth(grid), zorder=3, **TRUTH)
    ax.plot(grid, fitted.band.point[0, :, 0], color=FIT, zorder=4)


def _limits(y: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis of targets. The furthest outliers are beyond: they would press the rest together."""
    low, high = np.quantile(y, [0.02, 0.98])
    return low - 0.35 * (high - low), high + 0.35 * (high - low)
