"""Treatments over data sets: ranks and their tests, differences from a reference, wins, normalised scores, verdicts.

The unit is the data set. A table over data sets has a row for each data set, seed and treatment, with the columns
`dataset`, `seed`, `treatment`, `error` (lower is better; inf of a diverged replica) and `test_to_train`, the test rows
over the training rows. Its errors have one unit on all data sets. `trivial` may hold the error of the model that
ignores the inputs.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr

from experiments.analysis.normalised import POINTS, Scale, interquartile_means
from experiments.analysis.paired import TTest, signed_rank_p, t_test
from experiments.analysis.pooled import Posterior, RandomEffects, correlated_t, random_effects, signed_rank
from experiments.analysis.statistics import ALPHA, holm
from experiments.analysis.wording import counted, enumeration, p_text, verb

SURE = 0.95
"""The probability from which a verdict calls two treatments equivalent."""


class OverDatasets(NamedTuple):
    """Treatments compared over data sets: Friedman's test of their ranks and Nemenyi's test of each pair.

    Attributes
    ----------
    datasets
        How many there are.
    ranks
        Mean rank of each treatment; 1 is the best.
    p
        Of Friedman's test; NaN if there is none.
    critical_difference
        Mean ranks that differ by at least this differ at 5 % (Nemenyi); NaN if it is not defined.
    pairs
        Nemenyi's p, treatment × treatment.
    sentence
        The result in words.
    """

    datasets: int
    ranks: pd.Series
    p: float
    critical_difference: float
    pairs: pd.DataFrame
    sentence: str


def over_datasets(scores: pd.DataFrame) -> OverDatasets:
    """Rank treatments within each data set and test whether they differ; the unit is the data set, not the seed.

    Parameters
    ----------
    scores
        A row per data set, a column per treatment. Smaller is better, and only the order within a row counts.

    References
    ----------
    Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7.
    """
    n, k = scores.shape
    ranks = scores.rank(axis=1)
    critical = _critical_difference(n, k) if n > 1 and k > 2 else math.nan
    untested = OverDatasets(
        n,
        ranks.mean().sort_values(kind="stable"),
        math.nan,
        critical,
        pd.DataFrame(np.nan, scores.columns, scores.columns),
        "",
    )
    if n < 2:
        return untested._replace(sentence="One data set says nothing about any other.")
    if k < 3:
        there = "there is 1" if k == 1 else f"there are {k or 'none'}"
        few = f"Friedman's test needs at least three treatments on all {n} data sets; {there}."
        return untested._replace(sentence=few)
    if critical >= k - 1:
        few = (
            f"{n} data sets are too few to compare {k} treatments over data sets: mean ranks would have to differ by "
            f"{critical:.1f}, but they cannot differ by more than {k - 1}."
        )
        return untested._replace(sentence=few)
    from scikit_posthocs import posthoc_nemenyi_friedman
    from scipy.stats import friedmanchisquare

    all_tied = (ranks.nunique(axis=1) == 1).all()
    p = 1.0 if all_tied else float(friedmanchisquare(*ranks.to_numpy().T).pvalue)
    pairs = posthoc_nemenyi_friedman(ranks.to_numpy())
    pairs = pd.DataFrame(pairs.to_numpy(), scores.columns, scores.columns)
    result, pairwise = "cannot be told apart", ""
    if p < ALPHA:
        result, pairwise = (
            "differ",
            f"; a pair differs if its mean ranks are at least {critical:.1f} apart (Nemenyi, 5 %)",
        )
    rough = "; with so few data sets this p is rough" if n < 10 else ""
    sentence = f"Over {n} data sets the {k} treatments {result} (Friedman, {p_text(p)}{rough}){pairwise}."
    return untested._replace(p=p, pairs=pairs, sentence=sentence)


def _critical_difference(n: int, k: int) -> float:
    """Return Nemenyi's critical difference at 5 % for k treatments on n data sets: q/√2 · √(k(k + 1)/(6n))."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(0.95, k, np.inf) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n)))


def differences(table: pd.DataFrame, reference: str, margin: float = math.nan) -> pd.DataFrame:
    """Return each treatment's difference from the reference on each data set.

    Returns
    -------
    DataFrame
        One row per data set and treatment other than the reference. A data set without a shared seed has none.

        - `dataset`, `treatment`;
        - `n`: shared seeds on which both finished; `diverged` and `reference_diverged`: shared seeds on which the one
          or the other diverged;
        - the columns of `paired.TTest`, over the seeds on which both finished. But `difference` is inf if the treatment
          diverged on more seeds than the reference, −inf if on fewer, and 0 if both diverged on all;
        - `p_holm` and `p_corrected_holm`: adjusted for all comparisons on the data set;
        - `variance`: s²(1/n + test/training) of the difference; NaN where it has none;
        - `better`, `equivalent`, `worse`: of `correlated_t`; certain where the difference is infinite.
    """
    rows: list[dict[str, float | str]] = []
    for dataset, part in table.groupby("dataset", sort=False):
        scores = part.pivot(index="seed", columns="treatment", values="error")
        if reference not in scores:
            continue
        ratio = float(part["test_to_train"].iloc[0])
        columns = {str(name): column for name, column in zip(scores, scores.to_numpy(float).T, strict=True)}
        others = (name for name in columns if name != reference)
        rows += [
            {"dataset": str(dataset), "treatment": name} | row
            for name in others
            if (row := _difference(columns[name], columns[reference], ratio, margin))
        ]
    names = ["dataset", "treatment", "n", "diverged", "reference_diverged", *TTest._fields, "variance"]
    result = pd.DataFrame(rows, columns=[*names, *Posterior._fields])
    for name in ("p", "p_corrected"):
        adjusted = [holm(p) for _, p in result.groupby("dataset")[name]]
        result[f"{name}_holm"] = pd.concat(adjusted).reindex(result.index) if adjusted else math.nan
    return result


def _difference(run: np.ndarray, reference: np.ndarray, ratio: float, margin: float) -> dict[str, float]:
    """Return the numbers of `differences` for one pair; nothing if they share no seed."""
    both = np.stack([run, reference], axis=1)
    both = both[~np.isnan(both).any(axis=1)]
    if not len(both):
        return {}
    finished = both[np.isfinite(both).all(axis=1)]
    lost, other_lost = np.isinf(both).sum(axis=0).tolist()
    n = len(finished)
    test = t_test(finished, ratio, margin)
    gaps = np.subtract(*finished.T)
    posterior, difference = correlated_t(gaps, ratio, margin), float(gaps.mean()) if n else 0.0
    if lost != other_lost:
        difference = math.copysign(math.inf, lost - other_lost)
        posterior = Posterior(float(lost < other_lost), 0.0, float(lost > other_lost))
    elif n > 1:
        difference = test.difference  # without rounding errors
    variance = test.std**2 * (1 / n + ratio) if n > 1 else math.nan
    counts = {"n": n, "diverged": lost, "reference_diverged": other_lost}
    return counts | test._asdict() | {"difference": difference, "variance": variance} | posterior._asdict()


class SignedRank(NamedTuple):
    """Wilcoxon's signed-rank test over data sets: two-sided p, the smallest p that it could have, and the sign.

    The sign is that of the sum of signed ranks: −1 where the treatment is better.
    """

    p: float
    least: float
    sign: int


def wilcoxon(differences: np.ndarray) -> SignedRank:
    """Return the exact signed-rank test of one difference per data set, which may be ±inf; zeros are left out.

    References
    ----------
    Demšar (2006), JMLR 7. Benavoli, Corani and Mangili (2016), "Should we really use post-hoc tests based on
    mean-ranks?", JMLR 17: unlike Nemenyi's test, it does not depend on the other treatments.
    """
    changed = differences[differences != 0]
    if not len(changed):
        return SignedRank(1.0, 1.0, 0)
    p = signed_rank_p(changed, np.zeros(len(changed)))
    total = np.sign(changed) @ pd.Series(np.abs(changed).round(12)).rank().to_numpy()
    return SignedRank(p, 2.0 ** (1 - len(changed)), int(np.sign(total)))


def wins(table: pd.DataFrame) -> pd.DataFrame:
    """Return on how many data sets the row's treatment wins against the column's.

    A win is a lower mean error by the paired t test with the corrected variance of Nadeau and Bengio, over the seeds on
    which both finished, adjusted by Holm for all pairs of the data set, at 5 %. A treatment of which more replicas
    diverged does not win. If it diverged on every shared seed, and the other on none, it loses. The rest are ties.
    """
    names = sorted(table["treatment"].unique())
    first, second = np.triu_indices(len(names), 1)
    result = np.zeros((len(names), len(names)), int)
    for _, part in table.groupby("dataset", sort=False):
        scores = part.pivot(index="seed", columns="treatment", values="error").reindex(columns=names).to_numpy(float)
        one, other = scores[:, first], scores[:, second]
        shared = ~np.isnan(one) & ~np.isnan(other)
        finished = np.isfinite(one) & np.isfinite(other)
        n = finished.sum(axis=0)
        gap = np.where(finished, np.subtract(one, other, out=np.zeros_like(one), where=finished), 0)
        mean = gap.sum(axis=0) / np.maximum(n, 1)
        square = (np.where(finished, gap - mean, 0) ** 2).sum(axis=0) / np.maximum(n - 1, 1)
        ratio = float(part["test_to_train"].iloc[0])
        error = np.sqrt(square * (1 / np.maximum(n, 1) + ratio))
        tested = (n > 1) & (error > 1e-12)
        t = np.divide(-np.abs(mean), error, out=np.zeros_like(mean), where=tested)
        p = np.where(tested, 2 * stdtr(np.maximum(n - 1, 1), t), 1.0)
        significant = holm(pd.Series(p)).to_numpy() < ALPHA
        lost = [(np.isinf(side) & shared).sum(axis=0) for side in (one, other)]
        everywhere = [(own == shared.sum(axis=0)) & (own > 0) & (others == 0) for own, others in (lost, lost[::-1])]
        ahead = (significant & (mean < 0) & (lost[0] <= lost[1])) | everywhere[1]
        behind = (significant & (mean > 0) & (lost[0] >= lost[1])) | everywhere[0]
        np.add.at(result, (first[ahead], second[ahead]), 1)
        np.add.at(result, (second[behind], first[behind]), 1)
    return pd.DataFrame(result, names, names)


class Field(NamedTuple):
    """All treatments of a table compared with a reference over data sets.

    Attributes
    ----------
    reference
        Its name.
    datasets
        How many data sets there are.
    table
        A row per treatment, by mean rank: `treatment` and `rank`; `lower`, `higher` and `equal`, the numbers of data
        sets by the mean error against the reference's; `wins` and `losses` against it, as in the function `wins`;
        `diverged`, a number of replicas; `p` and `p_holm` of Wilcoxon's test; `verdict`; `mean`, `low`, `high`, `tau`
        and `i2` of `random_effects`; `better`, `equivalent` and `worse` of `signed_rank`; the columns of
        `Scores.table`. The reference has NaN where it is compared.
    pairs
        The result of `differences`.
    wins
        The result of `wins`.
    margin, scale
        The largest difference that does not matter, and how it is shown.
    scores
        What the normalised scores are, in words.
    sentences
        The result in words.
    """

    reference: str
    datasets: int
    table: pd.DataFrame
    pairs: pd.DataFrame
    wins: pd.DataFrame
    margin: float
    scale: Scale
    scores: str
    sentences: list[str]


def field_over_datasets(
    table: pd.DataFrame,
    reference: str,
    over: OverDatasets,
    margin: float = math.nan,
    scale: Scale = POINTS,
    rate: str = "",
) -> Field:
    """Compare every treatment with the reference over data sets: Wilcoxon's test first, with Holm over all of them.

    Parameters
    ----------
    table
        A table over data sets, in which every treatment has every data set.
    reference
        The treatment with which the others are compared.
    over
        The ranks of the treatments.
    margin, scale
        The largest difference that does not matter, in the table's unit, and how differences are shown.
    rate
        At which learning rate the errors were measured, such as "at the rate that validation chose".
    """
    pairs = differences(table, reference, margin)
    matrix, scores = wins(table), interquartile_means(table, scale)
    rows = []
    for name in over.ranks.index:
        row = {"treatment": name, "rank": over.ranks[name]}
        errors = table.loc[table["treatment"] == name, "error"]
        row["diverged"] = int(np.isinf(errors).sum())
        if name != reference:
            part = pairs[pairs["treatment"] == name]
            gaps = part["difference"].to_numpy(float)
            row |= {"lower": int((gaps < 0).sum()), "higher": int((gaps > 0).sum()), "equal": int((gaps == 0).sum())}
            row |= {"wins": matrix.loc[name, reference], "losses": matrix.loc[reference, name]}
            row |= wilcoxon(gaps)._asdict()
            effects = random_effects(gaps, part["variance"].to_numpy(float))
            row |= {"mean_datasets": effects.datasets} | effects._asdict() | {"p": row["p"]}
            row |= signed_rank(gaps, margin)._asdict()
        if len(scores.table):
            row |= scores.table.loc[name].to_dict()
        rows.append(row)
    result = pd.DataFrame(rows).drop(columns="datasets", errors="ignore")
    if "p" in result:
        compared = result["treatment"] != reference
        result["p_holm"] = holm(result.loc[compared, "p"]).reindex(result.index)
        words = np.where(result["sign"] < 0, "better", "worse")
        result["verdict"] = np.where(compared, np.where(result["p_holm"] < ALPHA, words, "not told apart"), "reference")
    count = table["dataset"].nunique()
    sentences = _field_sentences(result, reference, count, scale, rate)
    return Field(reference, count, result, pairs, matrix, margin, scale, scores.scale, sentences)


def _field_sentences(table: pd.DataFrame, reference: str, datasets: int, scale: Scale, rate: str) -> list[str]:
    """Return which treatments differ from the reference over data sets, which ranks first, and by how much."""
    compared = table[table["treatment"] != reference]
    k = len(compared)
    start = f"Over these {datasets} data sets,{f' {rate},' if rate else ''}"
    result: list[str] = []
    for word in ("better", "worse"):
        names = compared.loc[compared["verdict"] == word, "treatment"]
        if len(names):
            text = f"{enumeration(names)} {verb(len(names), 'is', 'are')} {word} than {reference}."
            result.append(text if result else f"{start} {text}")
    others = compared.loc[compared["verdict"] == "not told apart", "treatment"]
    one = others.iloc[0] if len(others) == 1 else f"none of the other {len(others)} treatments"
    if not result:
        result.append(f"{start} {one} {'cannot' if len(others) == 1 else 'can'} be told from {reference}.")
    elif len(others):
        rest = f"{one} is" if len(others) == 1 else f"The other {len(others)} are"
        result.append(f"{rest} not told apart from {reference}.")
    family = f", with Holm for {k} comparisons" if k > 1 else ""
    result.append(f"This is Wilcoxon’s signed-rank test of mean test errors over data sets{family}, at 5 %.")
    if compared["least"].min() * k >= ALPHA:
        result.append("So few data sets could not show a difference.")
    first = table[table["rank"] == table["rank"].min()]
    result.append(
        f"{enumeration(first['treatment'])} {verb(len(first), 'has', 'have')} the lowest mean rank, "
        f"{first['rank'].iloc[0]:.3g} of {len(table)}."
    )
    best = first.iloc[0]
    if len(first) == 1 and best["treatment"] != reference and not math.isnan(best["low"]):
        whole = best["mean_datasets"] == datasets
        part = "" if whole else f" on the {best['mean_datasets']:.0f} data sets where neither diverged more"
        result.append(
            f"Its mean difference from {reference}{part} is {scale.text(best['mean'])}, 95 % interval "
            f"{scale.number(best['low'])} to {scale.number(best['high'])} (random effects over data sets: those with "
            f"precise differences count more)."
        )
    return result


class OverVerdict(NamedTuple):
    """A newcomer compared with a reference over data sets.

    Attributes
    ----------
    word
        "better", "worse", "equivalent", "not told apart" or "too few data sets". Wilcoxon's test decides the first
        two; otherwise a posterior probability of at least 95 % decides "equivalent".
    datasets
        How many there are.
    differences
        By data set, the columns of the function `differences`.
    lower, higher, equal
        On how many data sets the newcomer's mean error is lower, higher and equal.
    wins, losses
        On how many data sets the corrected paired test finds the newcomer better and worse, each at 5 %.
    test
        Wilcoxon's signed-rank test over data sets.
    posterior
        The Bayesian signed-rank test over data sets.
    mean
        The random-effects mean of the difference.
    iqm, iqm_seeds, iqm_datasets
        The newcomer's interquartile mean of the normalised scores − the reference's, higher is better, with its 95 %
        intervals if seeds and if data sets are drawn; NaN if there are no such scores.
    sentences
        Three: the test, the size of the difference, the margin.
    """

    word: str
    datasets: int
    differences: pd.DataFrame
    lower: int
    higher: int
    equal: int
    wins: int
    losses: int
    test: SignedRank
    posterior: Posterior
    mean: RandomEffects
    iqm: float
    iqm_seeds: tuple[float, float]
    iqm_datasets: tuple[float, float]
    sentences: tuple[str, str, str]


def verdict_over_datasets(
    table: pd.DataFrame,
    newcomer: str,
    reference: str,
    margin: float,
    scale: Scale = POINTS,
    rate: str = "",
) -> OverVerdict:
    """Return whether the newcomer is better than the reference over data sets.

    Parameters
    ----------
    table
        A table over data sets; its other treatments are ignored.
    newcomer, reference
        The treatments.
    margin
        The largest difference that does not matter, in the table's unit: 0.005 for half a point.
    scale, rate
        As in `field_over_datasets`.

    Raises
    ------
    ValueError
        If no data set has both treatments on a shared seed.
    """
    pair = table[table["treatment"].isin([newcomer, reference])]
    pairs = differences(pair, reference, margin)
    if pairs.empty:
        raise ValueError(f"no data set has a seed on which both {newcomer} and {reference} were trained")
    pair = pair[pair["dataset"].isin(pairs["dataset"])]
    gaps = pairs["difference"].to_numpy(float)
    matrix, scores = wins(pair), interquartile_means(pair, scale)
    gain = dict.fromkeys(("seeds", "datasets"), (math.nan, math.nan))
    if len(scores.table):
        for name in gain:
            drawn = getattr(scores, name)
            low, high = np.quantile(drawn[newcomer] - drawn[reference], [0.025, 0.975])
            gain[name] = (float(low), float(high))
    test, posterior = wilcoxon(gaps), signed_rank(gaps, margin)
    word = "not told apart"
    if test.p < ALPHA:
        word = "better" if test.sign < 0 else "worse"
    elif posterior.equivalent >= SURE:
        word = "equivalent"
    elif 2.0 ** (1 - len(gaps)) >= ALPHA:
        word = "too few data sets"
    verdict = OverVerdict(
        word=word,
        datasets=len(pairs),
        differences=pairs,
        lower=int((gaps < 0).sum()),
        higher=int((gaps > 0).sum()),
        equal=int((gaps == 0).sum()),
        wins=int(matrix.loc[newcomer, reference]),
        losses=int(matrix.loc[reference, newcomer]),
        test=test,
        posterior=posterior,
        mean=random_effects(gaps, pairs["variance"].to_numpy(float)),
        iqm=float(scores.table["iqm"][newcomer] - scores.table["iqm"][reference]) if len(scores.table) else math.nan,
        iqm_seeds=gain["seeds"],
        iqm_datasets=gain["datasets"],
        sentences=("", "", ""),
    )
    return verdict._replace(sentences=_verdict_sentences(verdict, newcomer, reference, margin, scale, rate))


def _verdict_sentences(
    verdict: OverVerdict, newcomer: str, reference: str, margin: float, scale: Scale, rate: str
) -> tuple[str, str, str]:
    """Return the test, the size of the difference and the margin in words."""
    number = verdict.datasets
    scope = f"{'On' if number == 1 else 'Over'} {verb(number, 'this', 'these')} {counted(number, 'data set')},"
    scope += f" {rate}," if rate else ""
    result = {
        "better": f"{newcomer} is better than {reference}",
        "worse": f"{newcomer} is worse than {reference}",
        "equivalent": f"{newcomer} is as good as {reference} within {scale.margin(margin)}",
        "not told apart": f"{newcomer} cannot be told from {reference}",
        "too few data sets": f"{newcomer} cannot be told from {reference}: the test needs at least six",
    }[verdict.word]
    counts = f"lower mean error on {verdict.lower}, higher on {verdict.higher}"
    counts += f", equal on {verdict.equal}" if verdict.equal else ""
    one = f"{scope} {result} ({counts}; Wilcoxon’s signed-rank test, {p_text(verdict.test.p)})."
    lost = [int(verdict.differences[name].sum()) for name in ("diverged", "reference_diverged")]
    if any(lost):
        both = enumeration(f"{number} of {name}" for number, name in zip(lost, (newcomer, reference), strict=True))
        one += f" Where more replicas of one diverged, that one counts as worse ({both} diverged)."
    mean = verdict.mean
    if math.isnan(mean.low):
        two = "Fewer than two data sets have a difference with a variance, so no mean over data sets is given."
    else:
        whole = mean.datasets == verdict.datasets
        part = "" if whole else f" over the {mean.datasets} data sets where neither diverged more"
        two = (
            f"The mean difference{part} is {scale.text(mean.mean)}, 95 % interval {scale.number(mean.low)} to "
            f"{scale.number(mean.high)} (random effects over data sets: those with precise differences count more)."
        )
    if math.isnan(margin):
        return one, two, "No margin is known, so equivalence is not judged."
    better, equivalent, worse = map(probability_text, verdict.posterior)
    limit = scale.margin(margin)
    three = (
        f"It is better by more than {limit} with probability {better}, equivalent within {limit} with {equivalent}, "
        f"and worse by more with {worse} (Bayesian signed-rank test over these data sets)."
    )
    return one, two, three


def probability_text(value: float) -> str:
    """Return a probability with two decimals; draws cannot tell one below 0.01 from 0, or above 0.99 from 1."""
    return "< 0.01" if value < 0.01 else "> 0.99" if value > 0.99 else f"{value:.2f}"
