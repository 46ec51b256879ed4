"""The content of a report: texts and numbers for the page, the Markdown file and the LaTeX tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from experiments.analysis.answer import edge_sentence, findings
from experiments.analysis.epochs import epoch_of_errors, with_early_stopping
from experiments.analysis.units import ERROR, metric_of, unit_of_row
from experiments.report.choosing import alarms, choice, selection
from experiments.report.conditions import StudyComparison, compare_study, comparisons, leaderboard
from experiments.report.curves import Chart, charts
from experiments.report.datasets import Baseline, SeedsNeeded, baselines, needed_seeds
from experiments.report.drawing import Picture
from experiments.report.failures import Diverged, Failed, diverged, failed
from experiments.report.formatting import caption, difference_unit
from experiments.report.initializers import InitializerTable, initializer_tables
from experiments.report.matrices import Matrix, matrices
from experiments.report.metrics import CURVES as METRIC_CURVES
from experiments.report.over import Over, over_table
from experiments.report.overview import Overview, overviews, quantiles
from experiments.report.paper import Paper, paper
from experiments.report.provenance import (
    Command,
    Configuration,
    Environment,
    Records,
    commands,
    configuration,
    environments,
    tuning_seeds,
)
from experiments.report.rankings import MeanRanks, Ranking, mean_ranks, rankings
from experiments.report.table import Table
from experiments.store.reading import StudyTables

CURVES = (
    "With early stopping, a curve goes on to the last trained epoch of each seed, and then keeps its value. The "
    "leaderboard has the errors of the best epoch."
)


@dataclass(frozen=True)
class Content:
    """What a report contains; the template of the page reads these fields by their names.

    Attributes
    ----------
    study
        The name of the study.
    alarms
        What a reader must know first: the study is unfinished, or networks are untrained.
    measure, caption, unit
        The word for what conditions are ranked by, its explanation, and the unit of its differences.
    selection
        The rule that chose the learning rates, if it is not the default.
    sentences
        The answer.
    warnings
        What weakens the answer.
    over
        The comparison over data sets, with three data sets or more.
    overview, quantiles
        The chart beside the answer, and by number of seeds the quantile of its intervals.
    datasets, outputs
        The names by which the page filters.
    leaderboard, comparisons
        Tables of the conditions.
    paper
        Treatments × data sets, as a paper prints them.
    choice
        How the learning rates were chosen.
    edge
        A sentence on conditions at the lowest or highest learning rate; empty if there are none.
    margin
        A sentence with the largest difference that does not matter.
    initializers
        The tables activation × initializer.
    seeds_needed
        How many seeds a given difference needs.
    baselines, rankings, mean_ranks, matrices, charts
        What is known of each data set, and over data sets.
    curves_note
        What the curves show where replicas stop early, or where conditions are ranked by another metric; or no text.
    pictures
        The drawn figures.
    missing
        By figure, what the study lacks and the command that adds it.
    diverged, failed
        Replicas and runs without a full result.
    configuration, environments, commands
        How the study was made.
    study_comparison
        The comparison with another study, if there is one.
    """

    study: str
    alarms: list[str]
    measure: str
    caption: str
    unit: str
    selection: str
    sentences: list[str]
    warnings: list[str]
    over: Over | None
    overview: list[Overview]
    quantiles: list[float]
    datasets: list[str]
    outputs: list[str]
    leaderboard: Table
    comparisons: Table
    paper: Paper
    choice: str
    edge: str
    margin: str
    initializers: list[InitializerTable]
    seeds_needed: SeedsNeeded
    baselines: list[Baseline]
    rankings: list[Ranking]
    mean_ranks: MeanRanks
    matrices: list[Matrix]
    charts: list[Chart]
    curves_note: str
    diverged: list[Diverged]
    failed: list[Failed]
    configuration: Configuration
    environments: list[Environment]
    commands: list[Command]
    study_comparison: StudyComparison | None
    pictures: list[Picture] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def gather(
    study: str,
    tables: StudyTables,
    records: Records,
    other: tuple[str, StudyTables] | None = None,
    *,
    unfinished: Mapping[str, str] | None = None,
    earlier_readings: Mapping[str, str] | None = None,
    select: str = "error",
    margin: float | None = None,
    notes: Sequence[str] = (),
) -> Content:
    """Return the content of a report, without its pictures.

    Parameters
    ----------
    study, tables, records
        The name of the study, all of its tables, and the record of each run.
    other
        Name and tables of a study to compare with.
    unfinished
        By run, the reason why it is not finished.
    earlier_readings
        By run whose file gives other data today, how it was read.
    select
        The rule by which `selected` was set, a key of `experiments.tables.SELECT`.
    margin
        As in `findings`.
    notes
        What a reader must know of the metric that stands for the error in the tables, if one does.
    """
    replicas = tables.replicas
    facts = findings(
        replicas,
        baselines=tables.baselines,
        confusion=tables.confusion,
        reliability=tables.reliability,
        margin=margin,
    )
    board = facts.board
    return Content(
        study=study,
        alarms=[*alarms(replicas, unfinished or {}, earlier_readings or {}), *notes],
        measure=unit_of_row(board.iloc[0]).word,
        caption=caption(board),
        unit=difference_unit(board),
        selection="" if select == "error" else selection(select),
        sentences=facts.sentences,
        warnings=facts.warnings,
        over=over_table(facts.field),
        overview=overviews(tables, board),
        quantiles=quantiles(replicas),
        datasets=sorted(board["dataset"].unique()),
        outputs=sorted(board["output"].unique()),
        leaderboard=leaderboard(board, epoch_of_errors(replicas)),
        paper=paper(facts, replicas),
        choice=choice(replicas, select),
        comparisons=comparisons(board),
        edge=edge_sentence(board),
        margin=facts.margin,
        initializers=initializer_tables(replicas),
        seeds_needed=needed_seeds(board),
        baselines=baselines(tables),
        rankings=rankings(facts, replicas),
        mean_ranks=mean_ranks(facts.over_datasets),
        matrices=matrices(facts, replicas[replicas["selected"]]),
        charts=charts(tables),
        curves_note=" ".join(
            text
            for text, is_needed in {METRIC_CURVES: notes, CURVES: with_early_stopping(replicas).any()}.items()
            if is_needed
        ),
        diverged=diverged(replicas),
        failed=failed(records),
        configuration=configuration(records, tuning_seeds(replicas)),
        environments=environments(records),
        commands=commands(board, records, replicas, select if metric_of(replicas) == ERROR else "metric"),
        study_comparison=compare_study(study, replicas, other[0], other[1].replicas) if other else None,
    )
