"""Runs what the literature's claims need, judges them and writes the verdicts.

    python -m experiments.claims [NUMBER …] [--quick]        all claims, or those of these numbers

Studies are the presets of conf/experiment/, trained by run.py into results/<preset>/, where what is there already is
not trained again. In results/claims/: claims.md, claims.csv, figures/, and tables/, by which each claim was judged.
--quick takes three seeds instead of ten and writes to results/claims-quick/; its verdicts are preliminary.
"""

import gzip
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import pandas as pd

from experiments.claims import neurons
from experiments.claims.tables import TABLES, fractions, tuned
from experiments.claims.verdicts import CLAIMS
from experiments.claims.writing import claims_csv, claims_md, judge_all, printed
from experiments.config import ConfigError, from_record, nearest
from experiments.store import RESULTS, StudyTables, load_records, load_tables, write_bytes

RUN = Path(__file__).parents[2] / "run.py"
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
"""By claim; the first is the name of the study too."""
AUTOENCODERS = {
    "shifted_relu": "clevert_2015_autoencoder",
    "elu": "clevert_2015_autoencoder",
    "relu": "clevert_2015_autoencoder",
    "leaky_relu": "clevert_2015_autoencoder_leaky",
}
TOPS = (1.0, 0.333, 0.1, 0.0333, 0.01, 0.00333, 0.001, 0.000333, 0.0001)
"""Of these the largest at which all replicas of all autoencoders stay finite is the top rate of claim 9."""
SAME = ("net.hidden", "net.output_bias", "epochs", "batch_size", "optimizer.name", "dtype", "entropy", "split.test")


class StudyError(Exception):
    """A study could not be run."""


@cache
def train(preset: str, seeds: tuple[int, ...], *overrides: str) -> None:
    """Train what a preset's study lacks, as `python run.py +experiment=PRESET` does.

    Raises
    ------
    StudyError
        If that fails.
    """
    if not RUN.exists():
        raise ConfigError(f"{RUN} is not there: claims are run from a checkout of the project")
    sys.stdout.flush()
    command = [sys.executable, str(RUN), f"+experiment={preset}", f"seeds={list(seeds)}".replace(" ", ""), *overrides]
    code = subprocess.run(command, check=False).returncode
    if code in (130, 143):
        raise KeyboardInterrupt
    if code:
        raise StudyError(f"run.py +experiment={preset} ended with exit code {code}")


def load(study: str, seeds: Sequence[int]) -> StudyTables:
    """Return the history, layers and replicas of these seeds.

    Raises
    ------
    ConfigError
        If the study holds conditions of another protocol.
    """
    tables = load_tables(study)
    for column in SAME:
        if tables.replicas[column].nunique() > 1:
            raise ConfigError(f"results/{study}/ holds runs that differ in {column}: move what is not the preset's")
    chosen = (frame[frame["seed"].isin(seeds)] for frame in (tables.history, tables.layers, tables.replicas))
    return StudyTables(*chosen)


def first_steps(seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return output, lr, seed and the steps to 50 % training accuracy, each pairing at its tuned rate."""
    from experiments.training import steps_to_error

    study = PRESETS[3][0]
    records = load_records(study)
    rows = []
    for run, replicas in tuned(load(study, seeds).replicas).groupby("run"):
        settings = from_record(records[run]["config"])
        steps = steps_to_error(settings, list(zip(replicas["lr"], replicas["seed"], strict=True)), 0.5)
        rows += [(settings.output.name, rate, seed, count) for (rate, seed), count in steps.items()]
    return pd.DataFrame(rows, columns=["output", "lr", "seed", "steps"])


def autoencoders(seeds: tuple[int, ...]) -> StudyTables:
    """Find the top rate, train at its four fractions and return the study's tables."""
    study = next(iter(AUTOENCODERS.values()))

    def finite(activation, rate):
        train(AUTOENCODERS[activation], seeds, f"activation={activation}", f"optimizer.lr={rate}")
        replicas = load(study, seeds).replicas
        here = replicas[(replicas["activation"] == activation) & (replicas["lr"] == rate)]
        return (here["status"] == "done").all()

    top = next((rate for rate in TOPS if all(finite(name, rate) for name in AUTOENCODERS)), None)
    if top is None:
        raise StudyError(f"autoencoders diverge even at rate {TOPS[-1]}")
    rates = f"optimizer.lr={fractions(top)}".replace(" ", "")
    for name, preset in AUTOENCODERS.items():
        train(preset, seeds, f"activation={name}", rates)
    return load(study, seeds)


def measure(number: int, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Run what a claim needs and return the table that it is judged by."""
    if number in (1, 2):
        return neurons.neuron()
    if number == 12:
        return neurons.born_dead()
    if number == 9:
        return TABLES[number](autoencoders(seeds))
    for preset in PRESETS[number]:
        train(preset, seeds)
    return first_steps(seeds) if number == 3 else TABLES[number](load(PRESETS[number][0], seeds))


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
        except (StudyError, ConfigError) as error:
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
