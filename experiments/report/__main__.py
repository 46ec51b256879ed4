"""Writes a study's report from its stored tables. No network of the study is retrained.

    python -m experiments.report [study=NAME] [compare=OTHER] [select=RULE] [metric=NAME] [margin=NUMBER]
                                  [formats=png,pdf]
    python -m experiments.report figures=NAME,NAME [study=NAME] [select=RULE] [metric=NAME] [margin=NUMBER]
                                  [formats=png,pdf]

Without study=NAME it is the study written last. The folder results/<study>/report/ then contains index.html, a page
that needs no other file and no network; report.md; tables/*.tex for LaTeX's package booktabs; and figures/ as SVG.
With formats=png,pdf the figures are there as PNG and PDF too. Only figures that changed are drawn again. Figures of
fixed experiments, which are not of the study, train small networks when they are first drawn.
With figures=saturation,leaderboard only these figures are drawn, into figures/, and no page is written.
With compare=OTHER the report also compares conditions that have the same data, activation and output in both studies.

select=RULE chooses each condition's learning rate by the mean of another quantity of validation: `error` (the
default), `loss`, or `best_epoch_error`, which reports the test error at the epoch with the lowest validation loss.
metric=NAME ranks, tests and draws by a metric of docs/metrics.md instead of the error. The same metric of validation
chooses the learning rates. A classification has balanced_error, nll, brier, ece_width, ece_mass, auc, f1 and
recall_CLASS; a regression has mae, r2, nll, coverage and crossings.
margin=NUMBER is the largest difference that does not matter, in points of error or in the target's unit. By default it
is 0.5 points, or 2 % of the RMSE of the mean. With metric=NAME it is in the unit of the metric, without a default.
"""

import math
import sys
from collections.abc import Mapping, Sequence

from experiments.analysis.units import ERROR, check_metric
from experiments.analysis.wording import counted, enumeration, verb
from experiments.config.arguments import exit_code, key_values, show_help
from experiments.config.commands import command_line
from experiments.config.errors import ConfigError
from experiments.report.writing import KINDS, draw, write
from experiments.store.files import RESULTS
from experiments.store.reading import ELSEWHERE, check_study, studies
from experiments.tables import SELECT
from nets.names import nearest

ARGUMENTS = ("study", "compare", "select", "metric", "margin", "formats", "figures")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 if nothing could be written, 2 for a bad argument."""
    arguments = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(arguments):
        return show_help(__doc__)
    return exit_code("report", lambda: _report(key_values(arguments, ARGUMENTS)))


def _report(values: Mapping[str, str]) -> int:
    """Write the report and print what the study lacks, the answer and the page."""
    if not values.get("study") and not studies():
        first = f"{command_line('run')} -m activation=relu,tanh"
        raise ConfigError(f"no study in {RESULTS.resolve()}/; {ELSEWHERE}, or run: {first}")
    select = values.get("select", "error")
    if select not in SELECT:
        raise ConfigError(f"select={select}: {nearest(select, SELECT)}")
    metric = _metric(values.get("metric", ERROR), select)
    margin = _margin(values.get("margin"), metric)
    formats = values.get("formats", "svg").split(",")
    for kind in formats:
        if kind not in KINDS:
            raise ConfigError(f"formats={','.join(formats)}: {nearest(kind, KINDS)}")
    study = values.get("study") or studies()[-1]
    check_study(study)
    if "figures" in values:
        return _figures(study, values, select, margin, formats, metric)
    print(f"report of study {study}", flush=True)
    report = write(study, compare=values.get("compare"), select=select, margin=margin, formats=formats, metric=metric)
    folder = RESULTS / study / "report"
    files = sum(path.is_relative_to(folder) for path in report.files)
    print(f"{counted(files, 'file')} in {folder}/")
    if report.missing:
        count = len(report.missing)
        print(
            f"{counted(count, 'part')} {verb(count, 'is', 'are')} missing: {enumeration(report.missing)}; "
            f"{folder / 'report.md'} says why, with the commands that add them"
        )
    for note in report.notes:
        print(note)
    print(report.answer)
    print(f"open {folder / 'index.html'}")
    return 0


def _figures(
    study: str, values: Mapping[str, str], select: str, margin: float | None, formats: Sequence[str], metric: str
) -> int:
    """Draw the figures that were asked for, and print their files and what the study lacks."""
    if "compare" in values:
        raise ConfigError("compare= adds a table to the page, and figures= writes no page: leave out one of them")
    print(f"figures of study {study}", flush=True)
    figures = values["figures"].split(",")
    drawings = draw(study, figures, select=select, margin=margin, formats=formats, metric=metric)
    for note in drawings.notes:
        print(note)
    for path in drawings.written:
        print(path)
    for name, reason in drawings.missing.items():
        print(f"{name} is missing: {reason}")
    return 0 if drawings.written else 1


def _metric(metric: str, select: str) -> str:
    """Return the name of a metric that a study may have."""
    check_metric(metric)
    if metric != ERROR and select != "error":
        raise ConfigError(f"metric={metric} chooses learning rates by itself: leave out select={select}")
    return metric


def _margin(text: str | None, metric: str) -> float | None:
    """Return the margin of equivalence; None without the argument."""
    if text is None:
        return None
    try:
        margin = float(text)
    except ValueError:
        margin = math.nan
    if not 0 < margin < math.inf:
        unit = "points of error or in the target's unit" if metric == ERROR else f"the unit of the metric {metric}"
        raise ConfigError(f"margin={text}: it must be a number above 0, in {unit}")
    return margin


if __name__ == "__main__":
    sys.exit(main())
