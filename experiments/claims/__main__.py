"""Runs what the literature's claims need, judges them and writes the verdicts.

    python -m experiments.claims [NUMBER …] [--quick]        all claims, or those of these numbers

Studies are the presets of conf/experiment/, trained into results/ as run.py does; what is there already is not trained
again. In results/claims/: claims.md, claims.csv, figures/, and tables/, by which each claim was judged.
--quick takes three seeds instead of ten and writes to results/claims-quick/; its verdicts are preliminary.
"""

import gzip
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pandas as pd

from experiments.claims.studies import QUICK, SEEDS, measure
from experiments.claims.verdicts import CLAIMS
from experiments.claims.writing import claims_csv, claims_md, judge_all, printed
from experiments.config.errors import ConfigError
from experiments.store.files import RESULTS, write_bytes
from nets.names import nearest


def read_tables(folder: Path) -> dict[int, pd.DataFrame]:
    """Return the tables that are stored in a folder of claims, by number."""
    return {int(path.name[:2]): pd.read_csv(path) for path in sorted((folder / "tables").glob("[0-9][0-9].csv.gz"))}


def _write_table(folder, number, table):
    content = gzip.compress(table.to_csv(index=False, lineterminator="\n").encode(), mtime=0)
    write_bytes(folder / "tables" / f"{number:02}.csv.gz", content)
    return pd.read_csv(BytesIO(content), compression="gzip")


def _draw(folder, number, table):
    from experiments.claims.drawings import DRAWINGS
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
