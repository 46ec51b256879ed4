"""Runs what the literature's claims need, judges them and writes the verdicts.

    python -m experiments.claims [NUMBER …] [--quick]        all claims, or those of these numbers

Studies are the presets of conf/experiment/, trained into results/ as run.py does; what is there already is not trained
again. In results/claims/: claims.md, claims.csv, figures/, and tables/, by which each claim was judged.
--quick takes three seeds instead of ten and writes to results/claims-quick/; its verdicts are preliminary.
"""

import gzip
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import pandas as pd

from experiments import run_study
from experiments.claims import neurons
from experiments.claims.tables import KEY, TABLES, fractions, tuned
from experiments.claims.verdicts import CLAIMS
from experiments.claims.writing import claims_csv, claims_md, judge_all, printed
from experiments.config import ConfigError, nearest, sweep
from experiments.store import RESULTS, StudyTables, write_bytes

SEEDS, QUICK = tuple(range(100, 110)), (100, 101, 102)
PRESETS = {
    3: ("nielsen_2015",),
    4: ("hui_belkin_2020",),
    5: ("glorot_2010_sigmoid",),
    6: ("glorot_2010_tanh",),
    7: ("clevert_2015", "clevert_2015_leaky"),
    8: ("clevert_2015", "clevert_2015_leaky", "clevert_2015_shifted"),
    10: ("glorot_2011",),
    11: ("glorot_2011",),
    13: ("klambauer_2017",),
    14: ("maas_2013",),
    15: ("krizhevsky_2012",),
}
"""By claim, what has to be trained for it."""
AUTOENCODERS = {
    "shifted_relu": "clevert_2015_autoencoder",
    "elu": "clevert_2015_autoencoder",
    "relu": "clevert_2015_autoencoder",
    "leaky_relu": "clevert_2015_autoencoder_leaky",
}
"""The one that diverges first stands first: the search for a rate at which none does is short."""
TOPS = (1.0, 0.333, 0.1, 0.0333, 0.01, 0.00333, 0.001, 0.000333, 0.0001)
"""Of these the largest at which all replicas of all autoencoders stay finite is the top rate of claim 9."""


def words(preset: str, seeds: tuple[int, ...], *overrides: str) -> tuple[str, ...]:
    """Return what the command line would say to train a preset."""
    return (f"+experiment={preset}", f"seeds={list(seeds)}".replace(" ", ""), *overrides)


@cache
def train(preset: str, seeds: tuple[int, ...], *overrides: str) -> StudyTables:
    """Train what a preset's study lacks and return history, layers and replicas of the preset, of nothing else.

    Raises
    ------
    RuntimeError
        If a run failed.
    """
    sys.stdout.flush()
    given = words(preset, seeds, *overrides)
    tables = run_study(*given)
    jobs = [settings for settings, _ in sweep(given)]
    own = pd.DataFrame([(job.run, rate, seed) for job in jobs for rate, seed in job.replicas], columns=KEY)
    return StudyTables(*(frame.merge(own) for frame in (tables.history, tables.layers, tables.replicas)))


def together(parts: Iterable[StudyTables]) -> StudyTables:
    """Return the tables of several presets as one."""
    parts = list(parts)
    return StudyTables(*(pd.concat([part[place] for part in parts], ignore_index=True) for place in range(3)))


def first_steps(seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return output, lr, seed and the steps to 50 % training accuracy, each pairing at its tuned rate."""
    from experiments.training import steps_to_error

    (preset,) = PRESETS[3]
    chosen = tuned(train(preset, seeds).replicas)
    rows = []
    for settings, _ in sweep(words(preset, seeds)):
        own = chosen.loc[chosen["run"] == settings.run, ["lr", "seed"]]
        steps = steps_to_error(settings, list(own.itertuples(index=False, name=None)), 0.5)
        rows += [(settings.output.name, rate, seed, count) for (rate, seed), count in steps.items()]
    return pd.DataFrame(rows, columns=["output", "lr", "seed", "steps"])


def autoencoders(seeds: tuple[int, ...]) -> StudyTables:
    """Find the top rate and train at its four fractions.

    Raises
    ------
    RuntimeError
        If there is no rate at which all stay finite.
    """

    def at(name, rates):
        rates = f"optimizer.lr={rates}".replace(" ", "")
        return train(AUTOENCODERS[name], seeds, f"activation={name}", rates)

    def finite(rate):
        return all((at(name, [rate]).replicas["status"] == "done").all() for name in AUTOENCODERS)

    top = next(filter(finite, TOPS), None)
    if top is None:
        raise RuntimeError(f"some autoencoder diverges even at the rate {TOPS[-1]:g}")
    return together(at(name, fractions(top)) for name in AUTOENCODERS)


def measure(number: int, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Run what a claim needs and return the table that it is judged by."""
    if number in (1, 2):
        return neurons.neuron()
    if number == 3:
        return first_steps(seeds)
    if number == 12:
        return neurons.born_dead()
    if number == 9:
        return TABLES[number](autoencoders(seeds))
    return TABLES[number](together(train(preset, seeds) for preset in PRESETS[number]))


def read_tables(folder: Path) -> dict[int, pd.DataFrame]:
    """Return the tables that are stored in a folder of claims, by number."""
    return {int(path.name[:2]): pd.read_csv(path) for path in sorted((folder / "tables").glob("[0-9][0-9].csv.gz"))}


def _write_table(folder, number, table):
    content = gzip.compress(table.to_csv(index=False, lineterminator="\n").encode(), mtime=0)
    write_bytes(folder / "tables" / f"{number:02}.csv.gz", content)
    return pd.read_csv(BytesIO(content), compression="gzip")


def _draw(folder, number, table):
    from experiments.figures.claims import DRAWINGS
    from experiments.figures.style import render

    for stem, draw in DRAWINGS.items():
        if stem.startswith(f"{number:02}"):
            figure = draw(table)
            for kind in ("svg", "png"):
                write_bytes(folder / "figures" / f"{stem}.{kind}", render(figure, kind, CLAIMS[number].text))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 whatever the verdicts, 1 if a study could not run, 2 for a bad argument."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    quick = "--quick" in arguments
    chosen = [argument for argument in arguments if argument != "--quick"]
    unknown = [argument for argument in chosen if argument not in map(str, CLAIMS)]
    if unknown:
        print(
            f"claims: unknown argument {unknown[0]!r}: {nearest(unknown[0], [*map(str, CLAIMS), '--quick'])}",
            file=sys.stderr,
        )
        return 2
    numbers = sorted(set(map(int, chosen))) or sorted(CLAIMS)
    seeds, folder = (QUICK, RESULTS / "claims-quick") if quick else (SEEDS, RESULTS / "claims")
    failed = 0
    for number in numbers:
        try:
            table = _write_table(folder, number, measure(number, seeds))
            _draw(folder, number, table)
        except (RuntimeError, ConfigError) as error:
            failed = 1
            print(f"claims: claim {number} could not be judged: {error}", file=sys.stderr)
        except OSError as error:
            print(f"claims: {error.strerror}: {error.filename}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("claims: interrupted; what was finished is stored, and not trained again", file=sys.stderr)
            return 130
    judged = judge_all(read_tables(folder))
    if judged:
        write_bytes(folder / "claims.csv", claims_csv(judged).encode())
        write_bytes(folder / "claims.md", claims_md(judged).encode())
        printed(judged, numbers)
        print(f"verdicts in {folder}/claims.md and claims.csv, figures in {folder}/figures/")
    return failed


if __name__ == "__main__":
    sys.exit(main())
