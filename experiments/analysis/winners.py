"""Sentences on who has the lowest error: networks, simple models, or the trivial model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from experiments.analysis.comparison import POPULATION, SPLITS
from experiments.analysis.simple import beats_trivial
from experiments.analysis.statistics import ALPHA, SIGNS, seeds_needed
from experiments.analysis.units import Unit, unit_of_row
from experiments.analysis.verdicts import paired_test
from experiments.analysis.wording import counted, enumeration, in_sentence, p_text, verb

MANY = 5
"""Winners of more data sets than this are counted, not named."""


SIMPLE = "a model without hidden layers has a lower mean test error than the best network"
TRIVIAL = "no network is told from the trivial model"
NO_WINNER = "no network is the best, since networks diverged, were not trained or share no seeds"
"""Why a data set has no winner among the networks, in words."""


def winner_sentences(board: pd.DataFrame, models: pd.DataFrame, margins: Mapping[str, float], rate: str) -> list[str]:
    """Return who has the lowest error on each data set, and how the simple models do there.

    Parameters
    ----------
    board
        `Findings.board` with the column `name`.
    models
        The result of `against_simple_models`.
    margins
        By data set, the largest difference that does not matter.
    rate
        Which learning rate the numbers are for.
    """
    brief = board["dataset"].nunique() > 2
    crowned, beaten, reasons, simple, told = [], list[str](), dict[str, str](), [], []
    for dataset, part in board.groupby("dataset", sort=False):
        first = part.iloc[0]
        if pd.isna(first["rank"]) or not first["n"]:
            beaten.append(_no_winner(part))
            reasons[in_sentence(str(dataset))] = NO_WINNER
            continue
        rivals = models[models["dataset"] == dataset].sort_values("error", kind="stable")
        network = _Network(part, brief, rate)
        if text := _beaten(network, rivals, margins[str(dataset)]):
            beaten.append(text)
            better = rivals.loc[~rivals["trivial"].astype(bool), "difference"]
            reasons[in_sentence(str(dataset))] = SIMPLE if (better.iloc[:1] > 0).any() else TRIVIAL
        else:
            crowned.append(network)
            if len(rivals):
                simple.append(_brief(network, rivals) if brief else _simple(network, rivals))
                told.append(_told_apart(rivals.iloc[0]))
    best = [network.sentence for network in crowned]
    count = board["dataset"].nunique()
    if count > MANY:
        return _counted(crowned, reasons, told, count, rate)
    if brief and crowned:
        best = _brief_best(crowned, rate)
    if brief and simple:
        verdict = "All of these differ" if all(told) else "The others differ" if any(told) else "None can be told"
        test = f"{verdict} from the network {SPLITS} (paired t, Bonferroni for the choice of the best, 5 %)."
        simple = [f"The lowest errors without a network are {'; '.join(simple)}. {test}"]
    return [*best, *beaten, *simple]


def _counted(
    crowned: list["_Network"], reasons: dict[str, str], told: list[bool], datasets: int, rate: str
) -> list[str]:
    """Return the winners of so many data sets that they are counted; the leaderboard and its baselines name each."""
    result = []
    if crowned:
        (first, count), *others = pd.Series([network.name for network in crowned]).value_counts().items()
        text = f"At {rate}, {first} ranks first on {count} of the {datasets} data sets"
        named = [f"{name} on {number}" for name, number in others[:3]]
        if others[3:]:
            more = sum(number for _, number in others[3:])
            named.append(f"{counted(len(others) - 3, 'other')} on {more}")
        result.append(f"{text}{', ' if named else ''}{enumeration(named) if named else ''}.")
    for reason in (SIMPLE, TRIVIAL, NO_WINNER):
        names = [name for name, other in reasons.items() if other == reason]
        if names:
            where = f"all {datasets}" if len(names) == datasets else f"{len(names)} of the {datasets}"
            result.append(f"On {where} data sets {reason}: {enumeration(names)}.")
    if told:
        test = "paired t, Bonferroni for the choice of the best, 5 %"
        result.append(
            f"On {sum(told)} of {counted(len(told), 'other data set')} the first network differs {SPLITS} from the "
            f"best model without hidden layers ({test})."
        )
    return result


def _brief_best(crowned: list["_Network"], rate: str) -> list[str]:
    """Return the best networks of many data sets in one sentence, then the networks with lower means."""
    values = crowned[0].unit.values
    lower = [network.lower for network in crowned if network.lower]
    lowest = "mean" if all(network.alone for network in crowned) else "lowest mean"
    texts = "; ".join(f"{network.name} on {network.dataset}, {network.error}" for network in crowned)
    if lower:
        return [f"These networks rank first at {rate}, with their mean test {values}: {texts}.", *lower]
    return [f"The {lowest} test {values} at {rate} are those of {texts}."]


class _Network:
    """The best network of a data set, in words."""

    def __init__(self, part: pd.DataFrame, brief: bool, rate: str):
        first = part.iloc[0]
        self.dataset, self.unit, self.rate = in_sentence(first["dataset"]), unit_of_row(first), rate
        names = part.loc[part["rank"] == first["rank"], "name"]
        self.name, self.compared = enumeration(names), first["name"]
        self.several, self.alone, self.brief = len(names) > 1, len(part) == 1, brief
        error = self.unit.full_text(first["mean"])
        seeds = "" if brief or self.several else f" ({_seeds(first, self.unit)})"
        lost = first["diverged"]
        replicas = counted(first["n"] + lost, "replica")
        note = f", though {lost} of {replicas} {self.unit.lost_verb}" if lost else ""
        self.error = f"{error}{seeds}{note}"
        self.lower = _lower(part, self.unit)

    @property
    def sentence(self) -> str:
        """The sentence that says that this network is the best."""
        if self.alone:
            return f"The mean test {self.unit.word} of {self.name} at {self.rate} on {self.dataset} is {self.error}."
        has = "have" if self.several else "has"
        if self.lower:
            rank = "rank" if self.several else "ranks"
            measure = f"a mean test {self.unit.word} of {self.error}"
            return f"{self.name} {rank} first at {self.rate} on {self.dataset}, with {measure}. {self.lower}"
        lowest = f"the lowest mean test {self.unit.word}"
        return f"{self.name} {has} {lowest} at {self.rate} on {self.dataset}: {self.error}."


def _lower(part: pd.DataFrame, unit: Unit) -> str:
    """Return the sentences on networks with a lower mean than the first of a data set, which do not rank first."""
    first = part.iloc[0]
    others = part[(part["n"] > 0) & ~part["untrained"] & (part["mean"].round(12) < round(first["mean"], 12))]
    texts = []
    for _, row in others.iterrows():
        on = f" on {in_sentence(row['dataset'])}"
        text, count = f"{row['name']} has {unit.full_text(row['mean'])}{on}", row["n"] + row["diverged"]
        if row["diverged"]:
            kept = "as the mean of its finite values" if unit.may_be_infinite else "where it finished"
            text += f" {kept}, but {row['diverged']} of {counted(count, 'replica')} {unit.lost_verb}"
        else:
            text += f" over {counted(count, 'seed')}"
        texts.append(f"{text}{', but it lacks seeds, so it has no rank' if pd.isna(row['rank']) else ''}.")
    return " ".join(texts)


def _seeds(row: pd.Series, unit: Unit) -> str:
    """Return the number of seeds and the interval of a mean, or why it has none."""
    text = counted(row["n"], "seed")
    if not np.isnan(row["low"]):
        return f"{text}, 95 % interval {unit.text(row['low'])} to {unit.text(row['high'])}"
    if row["n"] > 2:
        return f"{text} with the same {unit.word}, so no interval"
    return f"{text}, too few for an interval"


def _no_winner(part: pd.DataFrame) -> str:
    """Return why a data set has no best condition."""
    dataset, unit = in_sentence(part["dataset"].iloc[0]), unit_of_row(part.iloc[0])
    if part["rank"].notna().any():
        others = part[part["rank"].isna() & (part["n"] > 0) & ~part["untrained"]]
        if others.empty:
            return f"On {dataset} every replica {unit.lost_verb}."
        lost = enumeration(part.loc[part["rank"].notna(), "name"])
        lack = verb(len(others), "lacks", "lack")
        kept = f"{enumeration(others['name'])} {unit.kept_verb} on some seeds"
        return (
            f"On {dataset} every replica of {lost} {unit.lost_verb}, so none is the best. {kept}, but {lack} others "
            f"and {verb(len(others), 'has', 'have')} no rank."
        )
    if part["untrained"].all():
        return f"On {dataset} no hidden layer was trained, so no network is the best."
    return f"On {dataset} the conditions share no seeds, so none is the best."


def _beaten(network: _Network, rivals: pd.DataFrame, margin: float) -> str:
    """Return a sentence if a simple model has a lower error than the best network, or if this is no better than chance.

    The text is empty if the network is the best.
    """
    simple, trivial = (rivals[rivals["trivial"] == kind] for kind in (False, True))
    useless = len(trivial) and not beats_trivial(trivial.iloc[0], margin)
    at = "" if network.brief or network.rate == "the only rate" else f", at {network.rate},"
    best = f"the {'' if network.alone else 'best '}network, {network.name}{at or ','} has {network.error}"
    if network.several:
        best = f"the best networks, {network.name}{at or ','} have {network.error}"
    first = len(simple) and simple["difference"].iloc[0] > 0
    if first and not (useless and trivial["error"].iloc[0] <= simple["error"].iloc[0]):
        row = simple.iloc[0]
        lowest = "the lowest mean test error of networks and simple models"
        lowest = "a lower mean test error than the best network" if network.lower else lowest
        text = f"On {network.dataset} {row['reference']} has {lowest}, {_error(row, network.unit)}"
        sentence = f"{text}; {best}. {_test(row, network, 'The difference')}."
        clause = _useless(trivial.iloc[0], network) if useless else ""
        return " ".join(filter(None, [sentence, network.lower, clause and f"{clause[0].upper()}{clause[1:]}."]))
    if useless:
        row = trivial.iloc[0]
        text = f"On {network.dataset} {_useless(row, network)}: {best}. {_test(row, network, 'The difference')}."
        return f"{text} {network.lower}".rstrip()
    return ""


def _useless(row: pd.Series, network: _Network) -> str:
    """Return that the best network is no better than the trivial model, or worse, as a clause."""
    no = "the network is not" if network.alone else "no network is"
    worse = row["difference"] > 0 and row["p"] < ALPHA
    than = "as good as" if worse else "clearly better than"
    return f"{no} {than} always predicting the {row['reference']}, which has {_error(row, network.unit)}"


def _simple(network: _Network, rivals: pd.DataFrame) -> str:
    """Return how the simple models do where a network is the best."""
    simple, trivial = (rivals[rivals["trivial"] == kind] for kind in (False, True))
    texts = []
    if len(simple):
        row = simple.iloc[0]
        texts.append(f"the best simple model, {row['reference']}, has {_error(row, network.unit)}")
    if len(trivial):
        row = trivial.iloc[0]
        texts.append(f"always predicting the {row['reference']} has {_error(row, network.unit)}")
    text = f"On {network.dataset} {', and '.join(texts)}."
    if simple.empty:
        return text
    return f"{text} {_test(simple.iloc[0], network, 'The difference between network and simple model')}."


def _brief(network: _Network, rivals: pd.DataFrame) -> str:
    """Return the best model that is not a network, and whether the test tells the network from it."""
    row = rivals.iloc[0]
    result = "" if _told_apart(row) else ", too few seeds to decide" if _too_few(row) else ", not told apart"
    return f"{_error(row, network.unit)} on {network.dataset} ({row['reference']}{result})"


def _told_apart(row: Any) -> bool:
    """Return whether the test tells the network from a model that is not a network."""
    return bool(_adjusted(row)["p"] < ALPHA)


def _error(row: pd.Series, unit: Unit) -> str:
    return unit.full_text(row["error"])


def _test(row: Any, network: _Network, subject: str) -> str:
    """Return what the paired test of a network and a simple model says, without a full stop."""
    if np.isnan(row["p"]):
        reason = "there is only one seed" if row["n"] == 1 else "the two seeds have the same difference"
        return f"{subject} is not tested, since {reason}"
    if row["difference"] == 0 and row["std"] == 0:
        model = f"always predicting the {row['reference']}" if row["trivial"] else row["reference"]
        return f"{network.compared} and {model} have the same error on every split"
    choices, p, corrected = _adjusted(row).values()
    kind = "networks" if row["difference"] < 0 else "simple models"
    bonferroni = f"Bonferroni for the best of {choices} {kind}, " if choices > 1 else ""
    paired = f"{paired_test([row['effect']])}, {bonferroni}{p_text(p)}"
    if p >= ALPHA and _too_few(row):
        model = "this prediction" if row["trivial"] else row["reference"]
        differ = f"whether {network.compared} and {model} differ ({paired})"
        return f"{counted(row['n'], 'seed')} are too few to decide {differ}"
    if p >= ALPHA:
        return f"{subject} cannot be told from zero ({paired})"
    if corrected < ALPHA and row["n"] > 2:
        return f"{subject} is significant {SPLITS} and {POPULATION} ({paired}; corrected, {p_text(corrected)})"
    return f"{subject} is significant {SPLITS} ({paired}); {POPULATION} it is not shown"


def _too_few(row: Any) -> bool:
    """Return whether more seeds are needed to show a difference of the margin between a network and a simple model."""
    constant = np.isnan(row["effect"]) and not np.isnan(row["p"])
    return bool(row["n"] < (SIGNS if constant else seeds_needed(row["margin"], row["std"])[0]))


def _adjusted(row: Any) -> dict[str, Any]:
    """Return the number of choices behind the winner, by which both p are multiplied, and these p.

    The winner was chosen by its test error. The trivial model was not chosen, and its corrected test is strict.
    """
    choices = 1 if row["trivial"] else row["choices"]
    p, corrected = (min(1, choices * row[name]) for name in ("p", "p_corrected"))
    return {"choices": choices, "p": p, "corrected": corrected}
