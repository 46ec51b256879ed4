"""Turns a table into `Data`: infers the types of its columns and the task, and names the columns at fault.

A column of numbers is a feature. A column of text, of true and false or of categories is one-hot. It becomes a feature
`column=category` for each of its categories, in the order of their text. On request, dates become days and weekdays.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from experiments.data.cells import EXACT, Texts, is_exact, listed
from experiments.data.choices import MOST_CATEGORIES, MOST_CLASSES, Choices, pasted
from experiments.data.columns import MISSING, Categories, Column, Dates, Numbers, encode
from experiments.data.plain import plain
from experiments.data.refusals import Refusal
from experiments.data.rows import row_numbers, without_row_names, without_written_index
from experiments.data.source import UNKNOWN, Source
from experiments.data.suspicions import doubtful_numbers, may_be_counts, too_large
from experiments.data.table import Data
from nets.names import guess, nearest


def from_frame(name: str, frame: pd.DataFrame, *, source: Source = UNKNOWN, **values: Any) -> Data:
    """Return the data of a table.

    Parameters
    ----------
    name
        Name of the data set.
    frame
        One row for each example.
    source
        Where the table came from.
    values
        Those of `Choices`.

    Raises
    ------
    ValueError
        If a choice or a column is not allowed; the message is one line.
    """
    choices = Choices(**values)
    frame, notes = _named(frame, choices)
    _check_columns(frame, choices)
    frame = without_row_names(frame.drop(columns=list(choices.drop)), choices.index)
    frame, more, orders = plain(frame, choices, source)
    _check_categories(frame, frame, choices)
    complete = _complete(frame, choices, source)
    if len(complete) < len(frame):
        _check_categories(complete, frame, choices)
    inputs = complete.drop(columns=[choices.target, choices.groups] if choices.groups else [choices.target])
    columns = _columns(inputs, choices, orders)
    targets, classes, task = _targets(complete[choices.target], choices)
    features = [feature for column in columns for feature in column.features]
    check_names(features)
    return Data(
        name,
        task,
        encode(inputs, columns),
        targets,
        classes,
        tuple(features),
        file_sha256=source.sha256,
        columns=columns,
        left_out=len(frame) - len(complete),
        groups=_groups(complete[choices.groups]) if choices.groups else None,
        notes=(
            *source.notes,
            *notes,
            *more,
            *_inferred(inputs, complete[choices.target], columns, choices),
            *_counts(complete[choices.target], targets, classes, choices),
        ),
    )


def _counts(target: pd.Series, targets: np.ndarray, classes: tuple[str, ...], choices: Choices) -> tuple[str, ...]:
    """Return a note if numbers look like counts; not for classes that were asked for."""
    is_number = types.is_numeric_dtype(target) and not types.is_bool_dtype(target)
    asked = choices.task == "classification"
    return may_be_counts(choices.target, targets, classes) if is_number and not asked else ()


def _inferred(inputs: pd.DataFrame, target: pd.Series, columns: Sequence[Column], choices: Choices) -> tuple[str, ...]:
    """Return notes about the inputs: missing cells, and numbers that may be something else."""
    categories: list[str] = []
    filled: list[str] = []
    merged: list[str] = []
    for column, count in zip(columns, inputs.isna().sum().tolist(), strict=True):
        has_category = isinstance(column, Categories) and MISSING in column.categories
        if count:
            (categories if has_category else filled).append(f"{column.name} {count}")
        if has_category and choices.fills and (inputs[column.name].astype(str) == MISSING).any():
            merged.append(column.name)
    notes: list[str] = []
    if filled:
        notes.append(f"missing cells ({listed(filled)}) are filled with values of the training part")
    if categories:
        notes.append(f"missing cells ({listed(categories)}) are a category of their own")
    if merged:
        notes.append(f"the text {MISSING!r} and a missing cell are the same category in {listed(merged)}")
    return (*notes, *doubtful_numbers(inputs, target, choices), *row_numbers(inputs, choices))


def check_names(names: Iterable[str]) -> None:
    """Refuse column names that are empty or repeated.

    Raises
    ------
    ValueError
        With the first name or column at fault.
    """
    names = list(names)
    repeated = [name for name, count in Counter(names).items() if count > 1 and name]
    if repeated:
        raise ValueError(f"the column name {repeated[0]!r} occurs {names.count(repeated[0])} times")
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} has no name: each column needs one")


def _named(frame: pd.DataFrame, choices: Choices) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the table with names that are texts without blanks, and without an index that was written; with notes."""
    names = [str(column) for column in frame]
    stripped = [name.strip() for name in names]
    blanks = sum(name != text for name, text in zip(names, stripped, strict=True))
    frame, notes = without_written_index(frame.set_axis(stripped, axis=1).reset_index(drop=True), choices)
    check_names(frame.columns)
    if blanks:
        notes += (f"blanks around {blanks} column name{'s' if blanks > 1 else ''} are left out",)
    return frame, notes


def _check_columns(frame: pd.DataFrame, choices: Choices) -> None:
    """Refuse columns that are not there, and a column that is chosen twice."""
    single = {"target": choices.target, "groups": choices.groups, "index": choices.index}
    single = {key: column for key, column in single.items() if column or key == "target"}
    several = {"drop": choices.drop, "categories": choices.categories}
    chosen = [*single.items(), *((key, column) for key, columns in several.items() for column in columns)]
    unknown = [(key, column) for key, column in chosen if column not in frame]
    if unknown:
        meant = {column: guess(column, frame) for _, column in unknown}
        reasons = [
            f"dataset.{key}: {f'there is no column {column!r}: ' if column else ''}{nearest(column, frame)}"
            for key, column in unknown
        ]
        options = {key: _renamed(getattr(choices, key), meant) for key, _ in unknown} if all(meant.values()) else {}
        raise Refusal(*reasons, **options)
    for key, column in single.items():
        if column in choices.drop:
            raise ValueError(f"dataset.{key}: column {column!r} is also in dataset.drop")
    if choices.groups == choices.target:
        raise ValueError(f"dataset.groups: column {choices.groups!r} is the target")
    if choices.index and choices.index in (choices.target, choices.groups):
        role = "target" if choices.index == choices.target else "groups"
        raise ValueError(f"dataset.index: column {choices.index!r} is also dataset.{role}")
    if choices.target in choices.categories:
        raise ValueError(
            f"dataset.categories: column {choices.target!r} is the target: dataset.task=classification suits it"
        )


def _renamed(value: Any, meant: Mapping[str, str | None]) -> Any:
    """Return the name of a column, or several, with those that were meant."""
    if isinstance(value, str):
        return meant.get(value, value)
    return tuple(meant.get(column, column) for column in value)


def _complete(frame: pd.DataFrame, choices: Choices, source: Source) -> pd.DataFrame:
    """Return the rows that can be used; refuse empty columns, missing cells and infinite values."""
    absent, count = frame.isna(), len(frame)
    if choices.fills and not absent[choices.target].all():
        has_target = ~absent[choices.target]
        frame, absent = frame[has_target], absent[has_target]
    empty = frame.columns[absent.all()].tolist()
    if choices.target in empty:
        raise ValueError(f"the target {choices.target!r} is empty: choose another column by dataset.target")
    if empty:
        where = " in the rows that have a target" if len(frame) < count else ""
        subject = f"the column {empty[0]!r} is" if len(empty) == 1 else f"the columns {listed(empty)} are"
        raise choices.leave_out(empty, f"{subject} empty{where}")
    if choices.fills:
        if choices.groups and absent[choices.groups].any():
            rows = frame.index[absent[choices.groups]]
            raise ValueError(
                f"dataset.groups: column {choices.groups!r} has missing cells {source.place(rows)}: "
                f"dataset.missing=drop leaves out their rows"
            )
    elif absent.any(axis=None):
        if choices.missing == "refuse":
            raise _missing(frame, absent, choices, source)
        frame = frame[~absent.any(axis=1)]
    if frame.empty:
        raise ValueError("no row is without a missing value")
    numbers = frame.select_dtypes("number")
    infinite = numbers.columns[np.isinf(numbers.to_numpy(np.float64, na_value=np.nan)).any(axis=0)].tolist()
    if infinite:
        raise _infinite(frame[infinite], choices, source)
    return frame


def _infinite(columns: pd.DataFrame, choices: Choices, source: Source) -> ValueError:
    """Return the refusal of columns of numbers with infinite cells, and the place of the first in each."""
    cells = np.isinf(columns.to_numpy(np.float64))
    # The table may lack rows of the file, so its index tells the place.
    rows = columns.index[cells.argmax(axis=0)]
    places = [f"{name} {source.place([row])}" for name, row in zip(columns, rows, strict=True)]
    reason = f"{cells.sum()} cell{' is' if cells.sum() == 1 else 's are'} infinite, the first of {listed(places)}"
    if choices.target in columns:
        return ValueError(f"{reason}: write numbers in the file")
    return choices.leave_out(list(columns), reason)


def _missing(frame: pd.DataFrame, absent: pd.DataFrame, choices: Choices, source: Source) -> Refusal:
    """Return the refusal of missing cells with all ways out."""
    columns = {str(column): int(count) for column, count in absent.sum().items() if count}
    counts = ", ".join(f"{column} {count}" for column, count in list(columns.items())[:10])
    more = f" and {len(columns) - 10} more columns" if len(columns) > 10 else ""
    written: Counter[str] = Counter()
    for column in list(columns)[:10]:
        if source.texts:
            cells = source.texts(column, False)[absent[column].to_numpy()].astype(str).str.strip()
            written.update(text for text in cells if text)
    markers = ", ".join(f"{text!r} {count}" for text, count in written.most_common(5))
    rows = np.flatnonzero(absent.any(axis=1))
    has_inputs = set(columns) - {choices.target, choices.groups}
    ways, options = [], {}
    if len(rows) == 1 and rows[0] == len(frame) - 1 and absent.iloc[-1].mean() >= 0.5:
        ways.append(f"take {source.place(rows).removeprefix('in ')} out of the file if it is no row")
    if len(rows) < len(frame):
        kept = len(frame) - len(rows)
        ways.append(f"leave out their rows by dataset.missing=drop ({kept} of {len(frame)} rows then remain)")
        options = {"missing": "drop"}
    if has_inputs and choices.groups not in columns:
        but = ", which leaves out rows without a target" if choices.target in columns else ""
        ways.append(f"fill them by dataset.missing=impute{but}")
        options = {"missing": "impute"}
        if any(not types.is_numeric_dtype(frame[column]) for column in has_inputs):
            ways.append("make a category of missing texts by dataset.missing=category")
    if has_inputs:
        ways.append("leave out columns by dataset.drop")
    elif not ways:
        ways.append("choose another column")
    *others, last = ways
    return Refusal(
        f"values are missing, by column: {counts}{more}{f' (written as {markers})' if markers else ''}: "
        f"{', '.join(others)}{', or ' if others else ''}{last}",
        **options,
    )


def _columns(inputs: pd.DataFrame, choices: Choices, orders: Mapping[str, str]) -> tuple[Column, ...]:
    """Return the kinds of the inputs' columns; refuse columns of a single value."""
    if not len(inputs.columns):
        raise ValueError("no column is left for the inputs")
    absent = dict(zip(inputs.columns, inputs.isna().any().tolist(), strict=True))
    numbers = inputs.select_dtypes("number")
    values = numbers.to_numpy(np.float64, na_value=np.nan)
    for name in numbers.columns[(np.abs(values) >= EXACT).any(axis=0)]:
        if numbers[name].dtype.kind in "iu" and not is_exact(numbers[name]):
            raise too_large(name, choices, Texts.of(numbers[name]).levels)
    same = dict(zip(numbers.columns, (values == values[:1]).all(axis=0).tolist(), strict=True))
    columns: list[Column] = []
    constant = []
    for name in inputs:
        if name in same:
            columns.append(Numbers(name, choices.fills, choices.fills and absent[name]))
            is_constant = same[name]
        elif inputs[name].dtype.kind == "M":
            years = inputs[name].dt.year
            if years.min() < 1 or years.max() > 9999:
                raise choices.leave_out([name], f"column {name!r} has dates outside the years 1 to 9999")
            first, order = str(inputs[name].min().date()), orders.get(name, "")
            columns.append(Dates(name, first, choices.fills, choices.fills and absent[name], order))
            is_constant = inputs[name].nunique() == 1
        else:
            columns.append(_categories(inputs[name], absent[name], choices))
            is_constant = len(columns[-1].features) == 1
        constant += [name] if is_constant else []
    if constant:
        subject = f"column {constant[0]!r}" if len(constant) == 1 else f"each of the columns {listed(constant)}"
        raise choices.leave_out(constant, f"{subject} has one value only")
    return tuple(columns)


def _categories(column: pd.Series, absent: bool, choices: Choices) -> Categories:
    """Return the categories of a column."""
    name, cells = str(column.name), column.array
    if isinstance(cells, pd.Categorical):
        texts = sorted(cells.categories[np.unique(cells.codes[cells.codes >= 0])])
    else:
        texts = sorted(column.dropna().astype(str).unique())
    if absent and choices.missing == "category":
        return Categories(name, (*(text for text in texts if text != MISSING), MISSING))
    return Categories(name, tuple(texts), choices.fills)


def _check_categories(rows: pd.DataFrame, frame: pd.DataFrame, choices: Choices) -> None:
    """Refuse columns of identifiers and of prose, all at once, by these rows of a table."""
    texts = rows.drop(columns=[choices.target, choices.groups] if choices.groups else [choices.target])
    counts = texts.select_dtypes(exclude=["number", "datetime"]).nunique()
    counts = counts[(counts > MOST_CATEGORIES) | (counts == len(rows))]
    if not len(counts):
        return
    name, count = counts.index[0], counts.iloc[0]
    reason = f"column {name!r} has {count} different texts, but at most {MOST_CATEGORIES} categories are allowed"
    if count == len(rows):
        reason = f"column {name!r} has another text in every row"
        if len(counts) == 1 and not choices.index and frame[name].is_unique:
            option = {"index": str(name)}
            drop = choices.override("drop", [name])
            raise Refusal(f"{reason}: name the rows by {pasted(option)}, or leave it out by {drop}", **option)
    if len(counts) > 1:
        columns = listed([f"{name} {count}" for name, count in counts.items()])
        reason = f"columns have too many different texts for categories ({columns})"
    raise choices.leave_out(list(map(str, counts.index)), reason)


def _groups(column: pd.Series) -> np.ndarray:
    """Return the number of each row's group, in the order of the groups' texts."""
    if column.dtype.kind == "f" and column.abs().max() >= EXACT:
        raise ValueError(f"dataset.groups: column {column.name!r} has numbers beyond 2^53, which float64 rounds")
    numbers: np.ndarray = pd.factorize(column.astype(str), sort=True)[0]
    return numbers


def _targets(column: pd.Series, choices: Choices) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Return the labels or values, the names of the classes, and the task."""
    name, task = str(column.name), choices.task
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        whole = column.dtype.kind in "iu"  # these stay whole: float64 would merge those beyond 2^53
        values = column.to_numpy(f"{column.dtype.kind}8" if whole else np.float64)
        distinct = np.unique(values)
        is_whole = bool((distinct == np.round(distinct)).all())
        if task == "auto":
            task = "classification" if is_whole and len(distinct) <= MOST_CLASSES else "regression"
        if len(distinct) == 1:
            raise ValueError(f"the target {name!r} is the same in every row: {distinct[0]:g}")
        if task == "regression":
            if whole and not is_exact(column):
                raise too_large(name, choices, 0)
            return values.astype(np.float64), (), task
        if not whole and np.abs(distinct).max() >= EXACT:
            raise ValueError(f"the target {name!r} has classes beyond 2^53, which float64 rounds: store them as text")
        classes = tuple(str(int(value)) if is_whole else repr(float(value)) for value in distinct)
        return np.searchsorted(distinct, values), classes, task
    if column.dtype.kind == "M":
        raise ValueError(f"the target {name!r} has dates: allowed are numbers and classes")
    if task == "regression":
        raise ValueError(f"dataset.task=regression: the target {name!r} has no numbers: allowed is classification")
    labels, texts = pd.factorize(column.astype(str), sort=True)
    if len(texts) == 1:
        raise ValueError(f"the target {name!r} is the same in every row: {texts[0]!r}")
    return labels, tuple(texts), "classification"
