"""Trains a newcomer by the protocol, compares it with the stored reference, and writes the page."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from experiments.analysis.wording import counted
from experiments.config.catalogue import entries
from experiments.config.commands import command_line
from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.config.settings import Settings
from experiments.evaluate.atlas import FOLDER, Field, check_condition, field, load, reference_folder, store
from experiments.evaluate.cost import step_cost
from experiments.evaluate.drawings import all_figures
from experiments.evaluate.newcomer import Newcomer, nearest_function, newcomer
from experiments.evaluate.page import html, nearest_sentence, part
from experiments.evaluate.protocol import BUDGETS, PROTOCOL, RECIPES, REFERENCE, check_suite, words
from experiments.evaluate.ranking import rankings, store_rankings
from experiments.evaluate.verdict import OfRecipe, answer, of_recipe, reproduction
from experiments.store.files import write_bytes
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.runner import run_sweep
from nets.activations import Activation
from nets.names import nearest
from nets.properties import properties
from nets.theory import TheoryError, chi, gain

MADE = {"processor": "processors", "commit": "commits", "packages": "packages"}
"""What the page says of how the networks were made, by its label."""

PROTOCOL_WORDS = (f"+experiment={PROTOCOL}",)
"""The words of run.py that train the reference."""


class Request(NamedTuple):
    """What is asked for: the arguments of the command."""

    subject: str
    parameters: str
    suite: str
    budget: str
    reference: str
    margin: float

    @property
    def command(self) -> str:
        """The command line."""
        options = [f"parameters={self.parameters}"] if self.parameters else []
        options += [f"{key}={getattr(self, key)}" for key in ("suite", "budget", "reference", "margin")]
        return f"{command_line('evaluate')} {shlex.join([self.subject, *options])}"


def evaluate(request: Request) -> int:
    """Train the newcomer, print the verdict and write its page; return the exit code.

    Raises
    ------
    ConfigError
        If an argument is refused, or there is no reference of this protocol.
    """
    if request.budget not in BUDGETS:
        raise ConfigError(f"budget={request.budget}: {nearest(request.budget, BUDGETS)}")
    check_suite(request.suite)
    new = newcomer(request.subject, request.parameters)
    if not new.activation.trains:
        raise ConfigError(f"{new.name} has the derivative 0 wherever it exists: no hidden layer below it can learn")
    reference = load()
    known = sorted(reference.replicas["activation"].unique())
    if request.reference not in known:
        raise ConfigError(f"reference={request.reference}: {nearest(request.reference, known)}")
    study = f"evaluate-{new.stem}"
    lines = [*words(request.suite, BUDGETS[request.budget], reference.norms), *new.words, f"study={study}"]
    jobs = [Job.of(settings, line) for settings, line in sweep(lines)]
    settings = [job.settings for job in jobs]
    check_condition(reference, settings)
    if new.same_as:
        print(f"{request.subject} is the same function as {new.same_as}, which is trained in its place.")
    if new.name in known:
        print(
            f"The reference has {new.name}. It is trained again here, which shows whether this machine gets the stored "
            "numbers."
        )
    if run_sweep(jobs):
        return 1
    trained = field(Study(study), settings)
    results = _results(trained, reference, new.name, request)
    notes = [*_stored(results, reference, new), _reproduced(trained, reference, new, request)]
    notes = [note for note in [*notes, _cost(settings, request.reference)] if note]
    against = "" if request.reference == REFERENCE else f"-against-{request.reference}"
    page = Study(study).folder / f"evaluation{against}.html"
    write_bytes(page, _page(new, results, trained, reference, lines, request, notes).encode())
    print(*answer(results, new.name, request.reference), *notes, f"open {page}", sep="\n")
    return 0


def store_reference() -> int:
    """Write the reference from the protocol's own study, of each recipe whose runs are finished; return the exit code.

    The other recipes of the reference that is there stay.

    Raises
    ------
    ConfigError
        If no recipe is finished, or what is there was trained otherwise.
    """
    jobs = [settings for settings, _ in sweep(PROTOCOL_WORDS)]
    study = Study(jobs[0].study)
    unfinished = {job.net.norm for job in jobs if not study.run(job.run).path.joinpath("status.json").exists()}
    finished = [job for job in jobs if job.net.norm not in unfinished]
    if not finished:
        raise ConfigError(f"study {study.name!r} is not finished: docs/evaluate.md has the commands that train it")
    reference = field(study, finished)
    for trials in {budget.trials for budget in BUDGETS.values()}:
        reference.chosen(trials)  # it must serve every budget
    if FOLDER.exists():
        reference = reference.with_recipes_of(load())
    for path in [*store(reference), *store_rankings(reference, FOLDER)]:
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    for norm in sorted(unfinished):
        result = "as they were stored" if norm in reference.norms else "left out"
        print(f"{RECIPES[norm]} networks, which this study has not all trained: {result}")
    return 0


def _results(trained: Field, reference: Field, name: str, request: Request) -> list[OfRecipe]:
    """Return the result of each recipe."""
    trials = BUDGETS[request.budget].trials
    new, others = trained.chosen(trials), reference.chosen(trials)
    results = []
    for norm, rows in new.groupby("norm", sort=False):
        field_rows = others[(others["norm"] == norm) & others["dataset"].isin(rows["dataset"].unique())]
        tried = trained.trials[trained.trials["norm"] == norm]
        results.append(
            of_recipe(rows, field_rows, tried, name, request.reference, request.margin, reference.test_to_train)
        )
    return results


def _cost(settings: Sequence[Settings], reference: str) -> str:
    """Return the cost of a step as a sentence, measured on plain networks with the median number of weights."""
    plain = sorted((each for each in settings if each.net.norm == "none"), key=lambda each: each.weights)
    middle = plain[len(plain) // 2]
    if middle.activation.name == reference:
        return ""
    cost = step_cost(middle, replace(middle, activation=entries()[reference].activation))
    return (
        f"A training step takes {cost.median:.2f} times as long as with {reference} (quartiles {cost.low:.2f} to "
        f"{cost.high:.2f}; {middle.data.name}, {len(middle.seeds)} networks in one stack, on this machine)."
    )


def _stored(results: Sequence[OfRecipe], reference: Field, new: Newcomer) -> list[str]:
    """Return the place of an activation that the reference has in the ranking of each recipe, as sentences."""
    found, sentences = rankings(reference), []
    for norm, recipe in RECIPES.items():
        if recipe not in {result.name for result in results} or norm not in found:
            continue
        over, table = found[norm].over, found[norm].table.set_index("activation")
        if new.name in table.index and new.name != REFERENCE:
            rank, verdict = table.loc[new.name, ["rank", "verdict"]]
            word = "not told apart from" if verdict == "not told apart" else f"{verdict} than"
            comparisons = counted(len(table) - 1, "comparison")
            sentences.append(
                f"In the stored ranking of {recipe} networks over {over.datasets} data sets, {new.name} has the mean "
                f"rank {rank:.1f} of {len(table)} activations: {word} {REFERENCE} among {comparisons} (Wilcoxon’s test "
                f"with Holm)."
            )
    return sentences


def _reproduced(trained: Field, reference: Field, new: Newcomer, request: Request) -> str:
    """Return the sentence that says how a stored activation was reproduced; "" for one that is not stored."""
    trials = BUDGETS[request.budget].trials
    return reproduction(trained.chosen(trials), reference.chosen(trials), new.name)


def _page(
    new: Newcomer,
    results: list[OfRecipe],
    trained: Field,
    reference: Field,
    lines: Sequence[str],
    request: Request,
    notes: Sequence[str],
) -> str:
    """Return the page as HTML."""
    budget, near = BUDGETS[request.budget], nearest_function(new.activation)
    if new.same_as and request.subject != new.same_as:
        notes = [f"{request.subject} is the same function as {new.same_as}, which was trained in its place.", *notes]
    every = "every data set" if budget.every == 1 else f"every {budget.every}rd data set in alphabetical order"
    scope = (
        f"By {PROTOCOL} with budget={request.budget}: {every} of {request.suite}, "
        f"{' and '.join(result.name for result in results)} networks, the best of {budget.trials} learning rates for "
        f"each activation and data set, chosen on validation data of tuning seeds, reported on other seeds."
    )
    made = [
        ("reference", f"{reference.replicas['activation'].nunique()} activations, in {reference_folder()}/"),
        *((name, f"{trained.made(fact)}; of the reference: {reference.made(fact)}") for name, fact in MADE.items()),
        ("margin", f"{100 * request.margin:g} points: smaller differences do not matter"),
        ("command", request.command),
        ("training alone", f"{command_line('run')} -m {shlex.join(lines)}"),
    ]  # fmt: skip
    return html(
        all_figures(results, new, near, request.reference, request.margin),
        name=new.name,
        scope=scope,
        answer=answer(results, new.name, request.reference),
        notes=notes,
        parts=[part(result, request.reference, request.margin) for result in results],
        facts=[
            ("f(x)", new.activation.expression),
            ("nearest known function", nearest_sentence(near)),
            *_theory(new.activation),
        ],
        made=made,
    )


def _theory(activation: Activation) -> list[tuple[str, str]]:
    """Return gain, χ₁ and range as labels and texts."""
    facts = []
    try:
        scale = gain(activation)
        slope = chi(activation, 1.0, scale**2)
        change = "keeps" if math.isclose(slope, 1, abs_tol=0.005) else "shrinks" if slope < 1 else "grows"
        size = "its size" if change == "keeps" else f"by the factor {math.sqrt(slope):.3g} a layer"
        facts = [
            ("gain", f"{scale:.4g} = 1/√E[f(z)²] over z ~ N(0, 1): init=variance_preserving"),
            ("χ₁", f"{slope:.3g} with these weights: in a wide network the gradient {change} {size}"),
        ]
    except TheoryError as error:
        facts = [("gain", f"not defined: {error}")]
    if activation.pieces == 1:
        shown = properties(activation)
        facts.append(("range", f"{_number(shown.low)} to {_number(shown.high)}"))
        facts.append(("kinks", ", ".join(map(_number, shown.kinks)) or "none"))
        facts.append(("Lipschitz constant", _number(shown.lipschitz)))
    return facts


def _number(value: float) -> str:
    return f"{value:.4g}".replace("inf", "∞").replace("-", "−")
