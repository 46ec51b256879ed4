"""From seeds to files: trains what claims need, stores and draws their tables, and writes the verdicts."""

import gzip
import json
import sys
from io import BytesIO
from pathlib import Path

import matplotlib
import pandas as pd

from experiments.claims.registry import MODULES, load_claim
from experiments.claims.studies import QUICK_SEEDS, SEEDS, Protocol, origin
from experiments.claims.writing import claims_csv, claims_md, judge, print_verdicts
from experiments.config.errors import ConfigError, disk_line
from experiments.figures.style import RC, render
from experiments.store.files import RESULTS, write_bytes


def judge_claims(numbers: list[int], quick: bool, select: str) -> int:
    """Measure these claims and write the verdicts on all claims that have a table; return the exit code.

    A claim that cannot be measured is reported, and the others are still measured.
    """
    protocol = Protocol(QUICK_SEEDS if quick else SEEDS, select)
    folder = RESULTS / f"claims{'-quick' * quick}{'' if select == 'error' else f'-{select}'}"
    code = 0
    for number in numbers:
        try:
            table = store_table(folder, number, load_claim(number).measure(protocol))
            store_figures(folder, number, table)
            store_origin(folder, number, protocol)
        except (RuntimeError, ConfigError) as error:
            code = 1
            print(f"claims: claim {number} could not be judged: {error}", file=sys.stderr)
        except OSError as error:
            print(f"claims: {disk_line(error)}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("claims: interrupted; finished runs are kept and will not be retrained", file=sys.stderr)
            return 130
    write_verdicts(folder, numbers, select)
    return code


def read_tables(folder: Path) -> dict[int, pd.DataFrame]:
    """Return the tables of claims that are stored in a folder, by number.

    A table without a record of its origin is of an earlier protocol, and it is left out.
    """
    return {number: pd.read_csv(folder / "tables" / f"{number:02}.csv.gz") for number in read_origins(folder)}


def read_origins(folder: Path) -> dict[int, dict[str, list[str]]]:
    """Return on which processors and with which commits a folder's tables were measured, by number."""
    paths = {number: folder / "tables" / f"{number:02}.json" for number in MODULES}
    return {number: json.loads(path.read_text("utf-8")) for number, path in paths.items() if path.exists()}


def store_table(folder: Path, number: int, table: pd.DataFrame) -> pd.DataFrame:
    """Write the table of a claim and return it as it will be read."""
    content = gzip.compress(table.to_csv(index=False, lineterminator="\n").encode(), mtime=0)
    write_bytes(folder / "tables" / f"{number:02}.csv.gz", content)
    return pd.read_csv(BytesIO(content), compression="gzip")


def store_origin(folder: Path, number: int, protocol: Protocol) -> None:
    """Write on which processors and with which commits a claim's table was measured."""
    content = json.dumps(origin(load_claim(number).presets, protocol), indent=2) + "\n"
    write_bytes(folder / "tables" / f"{number:02}.json", content.encode())


def store_figures(folder: Path, number: int, table: pd.DataFrame) -> None:
    """Draw a claim's figures in the style of all figures and write them as SVG and PNG."""
    claim = load_claim(number)
    for suffix, draw in claim.drawings.items():
        with matplotlib.rc_context(RC):
            figure = draw(table)
        for kind in ("svg", "png"):
            write_bytes(folder / "figures" / f"{number:02}{suffix}.{kind}", render(figure, kind, claim.text))


def write_verdicts(folder: Path, numbers: list[int], select: str = "error") -> None:
    """Write the verdicts on all claims that have a table in a folder; print those on the claims of these numbers."""
    judged = [judge(number, table) for number, table in read_tables(folder).items()]
    if not judged:
        return
    write_bytes(folder / "claims.csv", claims_csv(judged, select).encode())
    write_bytes(folder / "claims.md", claims_md(judged, read_origins(folder), select).encode())
    print_verdicts([row for row in judged if row.number in numbers], select)
    print(f"verdicts in {folder}/claims.md and claims.csv, figures in {folder}/figures/")
