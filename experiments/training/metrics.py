"""Metrics of predictions: pure functions of arrays (R, n, …), R replicas with n rows each.

Those that scikit-learn has equal its functions, whose calls for each replica would take far longer. A sum runs over the
rows of one replica, so no replica's numbers depend on the others. docs/metrics.md explains each metric.
"""

from itertools import product

import numpy as np

from experiments.config.settings import Settings
from experiments.tables import CROSSINGS, MEASURED, METRICS, NOMINAL_COVERAGE, RECALL
from nets.distributions import Quantiles
from nets.outputs import Output, SigmoidCE, SoftmaxCE

BINS = 15
"""The number of bins of confidences."""

LEAST_ROWS = 200
"""With fewer rows, the error of calibration would be that of its bins."""

COSTS: dict[str, Output] = {"softmax": SoftmaxCE(), "sigmoid": SigmoidCE()}
"""By the function that makes probabilities, the output whose cost is their negative log-likelihood."""


def metric_columns(settings: Settings) -> list[str]:
    """Return the columns of a condition's metrics in its history; in its replicas their names begin with "final_"."""
    metrics = [*METRICS[settings.data.task], *(RECALL + name for name in settings.data.classes)]
    if "quantile" not in settings.output.roles:
        metrics = [metric for metric in metrics if metric != CROSSINGS]
    return [f"{part}_{metric}" for part, metric in product(MEASURED, metrics)]


def class_metrics(
    output: Output, z: np.ndarray, labels: np.ndarray, decided: np.ndarray, classes: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return the metrics (R,) of a classification by their names.

    Parameters
    ----------
    output
        The output unit. If it gives no probabilities, the metrics that need them are not defined.
    z
        (R, n, units) float64 scores.
    labels, decided
        (R, n): the true class of each row, and the one that is decided.
    classes
        Their names.
    """
    counts = confusion_counts(labels, decided, len(classes))
    metrics = {"balanced_error": balanced_error(counts), "f1": f1(counts)}
    metrics |= {RECALL + name: recall for name, recall in zip(classes, recalls(counts).T, strict=True)}
    if not output.probabilities:
        return metrics | {"auc": auc(z[..., 1:] - z[..., :1] if z.shape[2] == 2 else z, labels)}
    p = output.class_probabilities(z)
    metrics |= {"auc": auc(p[..., 1:] if len(classes) == 2 else p, labels), "brier": brier(p, labels)}
    metrics["nll"] = _surprises(output, z, p, labels).mean(axis=1)
    if labels.shape[1] >= LEAST_ROWS:
        confidence, correct = _of_class(p, decided), decided == labels
        metrics |= {"ece_width": ece_width(confidence, correct), "ece_mass": ece_mass(confidence, correct)}
    return metrics


def _surprises(output: Output, z: np.ndarray, p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return −log p (R, n) of the true classes; from the scores of softmax and sigmoid, so that no p rounds to 0."""
    units = z.shape[2]
    if output.probabilities == "sigmoid" and units > 1:
        logarithms = -np.logaddexp(0, -z)
        shares: np.ndarray = np.logaddexp.reduce(logarithms, axis=2) - _of_class(logarithms, labels)
        return shares
    if output.probabilities in COSTS:
        truth = np.arange(units) == labels[..., None] if units > 1 else labels[..., None]
        return COSTS[output.probabilities].cost(z, truth.astype(z.dtype))
    with np.errstate(divide="ignore"):  # a clipped probability may be 0
        surprises: np.ndarray = -np.log(_of_class(p, labels))
    return surprises


def _of_class(p: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the values (R, n) of these classes (R, n) from those of all classes (R, n, K)."""
    values: np.ndarray = np.take_along_axis(p, classes[..., None], axis=2)[..., 0]
    return values


def confusion_counts(labels: np.ndarray, decided: np.ndarray, classes: int) -> np.ndarray:
    """Return how many rows of each class were decided as each class, (R, true, predicted)."""
    replica = np.arange(len(labels))[:, None]
    cells = (replica * classes + labels) * classes + decided
    counts = np.bincount(cells.ravel(), minlength=len(labels) * classes**2)
    return counts.reshape(len(labels), classes, classes)


def recalls(counts: np.ndarray) -> np.ndarray:
    """Return the share of each class's rows that are decided rightly, (R, K); NaN for a class without rows."""
    return _ratio(np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=2))


def balanced_error(counts: np.ndarray) -> np.ndarray:
    """Return 1 − the mean recall (R,) of the classes that have rows (Brodersen et al. 2010)."""
    error: np.ndarray = 1 - np.nanmean(recalls(counts), axis=1)
    return error


def f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean over classes of 2 TP / (2 TP + FP + FN), (R,); classes that do not occur are left out."""
    scores = _ratio(2 * np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=1) + counts.sum(axis=2))
    mean: np.ndarray = np.nanmean(scores, axis=1)
    return mean


def brier(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean of Σ (p − y)² over the classes, half of it for two classes, (R,) (Brier 1950)."""
    classes = p.shape[2]
    residual = p - (labels[..., None] == np.arange(classes))
    score: np.ndarray = np.vecdot(residual, residual).mean(axis=1)
    return score / 2 if classes == 2 else score


def auc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve (R,), of each class against the rest and averaged over the classes.

    It is the probability that a row of the class has a higher score than another row, half of a tie included. So it
    follows from the ranks (Mann and Whitney 1947), which are averaged where scores are tied. If a class has no rows or
    all of them, it is not defined.

    Parameters
    ----------
    scores
        (R, n, K), or (R, n, 1) for class 1 of two.
    labels
        (R, n).
    """
    scores = np.ascontiguousarray(scores.swapaxes(1, 2))
    *_, classes, rows = scores.shape
    of_class = labels[:, None] == (np.arange(classes)[:, None] if classes > 1 else 1)
    order = scores.argsort(axis=2)
    first, last = _ties(np.take_along_axis(scores, order, axis=2))
    # Twice the average rank is a whole number, and so is the sum.
    ranks = (first + last + 2) * np.take_along_axis(of_class, order, axis=2)
    positive = of_class.sum(axis=2)
    wins = ranks.sum(axis=2) - positive * (positive + 1)
    area: np.ndarray = _ratio(wins, 2 * positive * (rows - positive)).mean(axis=1)
    return area


def _ties(ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last index of the values that are equal to each value, along a sorted last axis."""
    rows = ranked.shape[-1]
    index = np.arange(rows)
    rises = ranked[..., 1:] != ranked[..., :-1]
    first, last = np.zeros((2, *ranked.shape), np.intp)
    np.maximum.accumulate(np.where(rises, index[1:], 0), axis=-1, out=first[..., 1:])
    last[..., -1] = rows - 1
    from_the_end = np.where(rises, index[:-1], rows - 1)[..., ::-1]
    np.minimum.accumulate(from_the_end, axis=-1, out=last[..., -2::-1])
    return first, last


def ece_width(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Return the expected calibration error (R,) with bins of equal width, ](m − 1)/15, m/15] (Guo et al. 2017).

    It is Σ n_m/n |accuracy_m − mean confidence_m| over the bins m.

    Parameters
    ----------
    confidence
        (R, n): the probability of the predicted class.
    correct
        (R, n): whether this is the true class.
    """
    return _gaps(_bins_of_width(confidence), confidence, correct)


def _bins_of_width(confidence: np.ndarray) -> np.ndarray:
    """Return the bin, from 0, of equal width of each confidence."""
    inner_edges = np.linspace(0, 1, BINS + 1)[1:-1]
    return np.searchsorted(inner_edges, confidence)


def reliability(output: Output, z: np.ndarray, labels: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Return, for each bin of `ece_width`, the rows, the sum of their confidences and the right rows, (R, BINS, 3).

    The parameters are those of `class_metrics`. If the output gives no probabilities, all numbers are 0.
    """
    if not output.probabilities:
        return np.zeros((len(labels), BINS, 3))
    confidence = _of_class(output.class_probabilities(z), decided)
    bins, values = _bins_of_width(confidence), (np.ones_like(confidence), confidence, decided == labels)
    return np.stack([_sums(bins, value) for value in values], axis=2)


def ece_mass(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Return the expected calibration error (R,) with bins of equally many rows; equal confidences share a bin.

    The parameters are those of `ece_width`.

    References
    ----------
    Nixon et al. (2019), "Measuring calibration in deep learning"; Roelofs et al. (2022), "Mitigating bias in
    calibration error estimation".
    """
    order = confidence.argsort(axis=1, kind="stable")
    confidence, correct = (np.take_along_axis(values, order, axis=1) for values in (confidence, correct))
    first, _ = _ties(confidence)
    return _gaps(first * BINS // first.shape[1], confidence, correct)


def _gaps(bins: np.ndarray, confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Return Σ |Σ (correct − confidence)| / n over the bins and over their rows."""
    gaps: np.ndarray = np.abs(_sums(bins, correct - confidence)).sum(axis=1) / bins.shape[1]
    return gaps


def _sums(bins: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sum (R, BINS) of the values (R, n) in each bin."""
    replicas = len(bins)
    bins = bins + BINS * np.arange(replicas)[:, None]
    return np.bincount(bins.ravel(), values.ravel(), BINS * replicas).reshape(replicas, BINS)


def number_metrics(
    output: Output,
    z: np.ndarray,
    y: np.ndarray,
    spread: np.ndarray | None,
    scale: np.ndarray | float = 1.0,
    unit: np.ndarray | float = 1.0,
) -> dict[str, np.ndarray]:
    """Return the metrics (R,) of a regression by their names.

    Parameters
    ----------
    output
        The output unit. If it gives no distribution of the targets, the metrics that need one are not defined.
    z
        (R, n, units) float64 scores.
    y
        (R, n, targets) float64 targets, as they are scaled.
    spread
        What `output.spread` estimates from the training part.
    scale, unit
        (R, 1, targets): what a scaled target is multiplied by, for the density in the target's own unit, and for
        absolute errors in theirs.
    """
    point = output.predict(z)
    metrics = {"mae": mae(point, y, unit), "r2": r2(point, y)}
    distribution = output.distribution(z, spread)
    interval = distribution.interval(NOMINAL_COVERAGE) if distribution else None
    if interval:
        metrics["coverage"] = coverage(*interval, y)
    if isinstance(distribution, Quantiles):
        metrics[CROSSINGS] = _mean(distribution.crossings)
    nll = distribution.nll(y) if distribution else None
    if nll is not None:
        # The density of a target in its own unit is that of the scaled target, divided by the scale.
        metrics["nll"] = (nll + np.log(scale)).sum(axis=2).mean(axis=1)
    return metrics


def mae(point: np.ndarray, y: np.ndarray, unit: np.ndarray | float = 1.0) -> np.ndarray:
    """Return the mean absolute error (R,) over rows and targets, multiplied by their unit (R, 1, targets)."""
    return _mean(np.abs(point - y) * unit)


def r2(point: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 1 − Σ (y − point)² / Σ (y − mean y)², averaged over the targets, (R,).

    For a constant target it is 1 if all predictions are right, else 0. For a single row it is not defined.
    """
    if y.shape[1] < 2:
        return np.full(len(y), np.nan)
    point, y = (np.ascontiguousarray(values.swapaxes(1, 2)) for values in (point, y))
    residual = ((y - point) ** 2).sum(axis=2)
    total = ((y - y.mean(axis=2, keepdims=True)) ** 2).sum(axis=2)
    unexplained = (residual > 0).astype(np.float64)
    # The mean of equal numbers may differ from them in its last digit.
    np.divide(residual, total, out=unexplained, where=(total > 0) & (y.min(axis=2) < y.max(axis=2)))
    share: np.ndarray = 1 - unexplained.mean(axis=1)
    return share


def coverage(low: np.ndarray, high: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the share (R,) of rows and targets with low ≤ y ≤ high."""
    return _mean((low <= y) & (y <= high))


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean (R,) over rows and targets."""
    mean: np.ndarray = values.reshape(len(values), -1).mean(axis=1)
    return mean


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return a ratio of counts; NaN where the denominator is 0."""
    ratio: np.ndarray = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio
