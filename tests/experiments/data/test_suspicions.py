"""Text that looks like numbers or dates is refused with what reads it; categories are not."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from experiments.data.columns import encode, from_records
from experiments.data.frames import from_frame
from experiments.data.sets import load

ROWS = 60


def table(values, **columns):
    """Return a table whose column c repeats the values."""
    generator = np.random.default_rng(0)
    c = pd.Series([values[row % len(values)] for row in range(ROWS)])
    return pd.DataFrame({"a": generator.normal(size=ROWS), "c": c, "y": ["u", "v"] * (ROWS // 2), **columns})


def numbers(text, count=30):
    return [text.format(number) for number in range(1, count + 1)]


CATEGORIES = [
    *(["<=50K", ">50K"], ["18-24", "25-34", "65+"], ["1st", "2nd", "3rd"], ["A1", "A2"], ["2-door", "4-door"]),
    *(
        ["<30", ">30", "NO"],
        ["SW1A 1AA", "N1 9GU"],
        ["1.2.3", "1.2.4"],
        ["1.2.10", "1.2.11"],
        ["2019-20", "2020-21", "2021-22"],
        ["10W-40", "5W-30"],
        ["XS", "1X", "2X"],
    ),
    *(["yes", "no"], ["5'11", "6'1"], ["level 1", "level 2"], ["1/2", "1/3"], ["192.168.0.1", "10.0.0.1"]),
    *(["36 months", "60 months"], ["5mg", "10mg", "20mg"], ["2 yrs", "3 mos"], ["10:30", "11:00"]),
]


@pytest.mark.parametrize("values", CATEGORIES, ids=lambda values: values[0])
def test_ordinary_categories_are_read_as_they_are(values):
    data = from_frame("mine", table(values), target="y")
    assert data.features[1:] == tuple(f"c={text}" for text in sorted(values))


def test_categories_with_a_unit_are_said():
    notes = from_frame("mine", table(["36 months", "60 months"]), target="y").notes
    assert notes == ("numbers with a sign or a unit are categories in c",)


LOOKALIKES = [
    (
        ["0", "1", "2", "3+"],
        r"c.* 15 of 60 cells are no numbers: '3\+' \(15\) in lines 5, 9, .*dataset\.categories=\[c\]",
    ),
    ([*numbers("{}"), "?"], r"""1 of 60 .*'\?' in line 32: add 'dataset\.na=\["\?"\]' to read them as missing"""),
    ([*numbers("{}"), "N.A.", "#DIV/0!"], r"""add 'dataset\.na=\["N\.A\.","#DIV/0!"\]'"""),
    ([*numbers("{}"), "<5"], r"remove '<' from the file to read numbers, or add 'dataset\.categories=\[c\]'"),
    (numbers("{}%"), "remove '%' from the file"),
    (numbers("${}"), r"remove '\$' from the file"),
    (numbers("{}.5 kg"), "remove 'kg' from the file"),
    (numbers('"${},100"'), r"remove '\$' from the file and add dataset\.thousands=comma"),
    (numbers('"{},5"'), r"add dataset\.decimal=comma to read it"),
    (
        numbers('"{},100"'),
        r"add dataset\.thousands=comma to read it, or add dataset\.decimal=comma if \d+,100 is \d+\.1",
    ),
    (numbers('"{},000,100"'), r"add dataset\.thousands=comma to read it"),
    (numbers("{}_100"), r"add dataset\.thousands=underscore to read it"),
    (numbers("{}\u2009100"), r"add dataset\.thousands=space to read it"),
    (numbers("{}\u2019100"), r"add dataset\.thousands=apostrophe to read it"),
    (numbers("−{}"), "write numbers below zero as -5"),
    (numbers("{}-"), "write numbers below zero as -5"),
    (numbers("({})"), "write numbers below zero as -5"),
    (numbers("0x{}"), "hexadecimal numbers"),
    (numbers("{}.5D+03"), "exponents after D"),
    (numbers("2026-01-{:02}"), r"has dates, such as '2026-01-01': add dataset\.dates=numeric"),
    (numbers("{:02}/01/2026"), r"add dataset\.dates=numeric"),
    (numbers("12:{}"), "has times, .*such as minutes"),
    (["2026-01", "2026-02"], "has months"),
    (["12/2025", "01/2026"], "has months"),
    (["Dec-2025", "Jan-2026"], "has months"),
    (["2", "3", "4", "5more"], r"add 'dataset\.categories=\[c\]' to read categories, or remove 'more' from the file"),
    (["True", "False", "0", "1"], "has numbers and words for true and false"),
]


@pytest.mark.parametrize(("values", "message"), LOOKALIKES, ids=lambda value: str(value[0]))
def test_what_looks_like_numbers_or_dates_is_refused(values, message, tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f"{row % 7}.5,{values[row % len(values)]},{'uv'[row % 2]}" for row in range(ROWS)]
    path.write_text("\n".join(["a,c,y", *rows]))
    with pytest.raises(ValueError, match=message):
        load("csv", path=str(path), target="y")
    assert load("csv", path=str(path), target="y", categories=["c"]).features[1].startswith("c=")


def test_columns_that_the_same_options_read_are_named_together():
    values = [*numbers("{}"), "?"]
    frame = table(values, d=table([*numbers("{}"), "-"])["c"])
    with pytest.raises(
        ValueError, match=r"the same in d.*dataset\.na=\[\"\?\",\"-\"\].*categories=\[c,d\].*drop=\[c,d\]"
    ):
        from_frame("mine", frame, target="y")
    with pytest.raises(ValueError, match=r"""dataset\.na=\["x","\?","-"\].*dataset\.drop=\[a,c,d\]"""):
        from_frame("mine", frame.assign(e=frame["a"]), target="y", na=["x"], drop=["a"])


def test_only_overrides_that_the_column_allows_are_named(tmp_path):
    path = tmp_path / "mine.csv"

    def refusal(cells, **choices):
        path.write_text("a,c,y\n" + "".join(f"{row % 7}.5,{cell},{'uv'[row % 2]}\n" for row, cell in enumerate(cells)))
        with pytest.raises(ValueError, match=r".") as error:
            load("csv", path=str(path), target="y", **choices)
        return str(error.value)

    assert refusal(numbers("${}", 40)).endswith(
        "remove '$' from the file to read numbers, or add 'dataset.drop=[c]' to leave it out"
    )
    line = refusal([*numbers("{}.5", 356), "?"])
    assert """add 'dataset.na=["?"]' to read them as missing, or add 'dataset.drop=[c]' to leave it out\n""" in line
    assert "categories" not in refusal([2**60 + row for row in range(200)])
    assert "categories" in refusal([2**60 + row % 5 for row in range(200)])
    assert "categories" not in refusal(pd.date_range("2026-01-01", periods=101).astype(str))
    assert "dates=numeric" not in refusal(["2026-01-31", "2026-02-30"] * 20)
    assert "in the file" in refusal(["2026-01-31", "2026-02-28", "week 9"] * 20)
    path.write_text("c,y\n" + "$1,u\n$2,v\n" * 20)
    with pytest.raises(ValueError, match=r"\[c\]' to read categories, or remove '\$' from the file to read numbers$"):
        load("csv", path=str(path), target="y")


def test_markers_do_not_count_where_the_other_cells_tell_what_a_column_holds():
    for other in ("{}.5", "2026-01-{:02}", "{}%", "{}-", "12:{}"):
        frame = table([*numbers(other, 20), *["?"] * 40])
        with pytest.raises(ValueError, match=r"column 'c' (has|looks like) (numbers|dates|times)"):
            from_frame("mine", frame, target="y")
    data = from_frame("mine", table([*["?"] * 40, *"ab" * 10]), target="y")
    assert data.features[1:] == ("c=?", "c=a", "c=b")


def test_objects_of_several_types_are_texts():
    data = from_frame("mine", table(["x", "z", 1.5, 2, np.float64(3), True]), target="y")
    assert data.features[1:] == ("c=1.5", "c=2", "c=3", "c=True", "c=x", "c=z")
    with pytest.raises(ValueError, match="numbers, but 12 of 60 cells are no numbers: 'x'"):
        from_frame("mine", table(["x", 1.5, 2.5, 3, 4]), target="y")


def test_dates_with_several_offsets_count_as_their_local_times():
    first, second = (
        datetime.datetime(2026, 1, day, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=day))) for day in (1, 3)
    )
    data = from_frame("mine", table([first, second, datetime.datetime(2026, 1, 5)]), target="y", dates="numeric")
    assert data.inputs[:3, 1].tolist() == [0.5, 2.5, 4]


def test_a_target_follows_the_same_rules():
    frame = table(["u", "v"]).assign(y=[*numbers("{}", 30), *numbers("{}", 29), "?"])
    with pytest.raises(ValueError, match=r"column 'y' has numbers.*dataset\.task=classification to read classes"):
        from_frame("mine", frame, target="y")
    data = from_frame("mine", frame, target="y", na=["?"], missing="drop")
    assert (data.task, data.left_out, data.targets[:3, 0].tolist()) == ("regression", 1, [1, 2, 3])
    assert from_frame("mine", frame, target="y", task="classification").classes[0] == "1"


def test_markers_are_compared_without_blanks_and_said_where_they_are_categories():
    frame = table([" ?", "red ", "blue"])
    data = from_frame("mine", frame, target="y")
    assert data.features[1:] == ("c=?", "c=blue", "c=red")
    assert data.notes == (
        "blanks around the texts of c are left out",
        """texts that may mean missing cells are categories: '?' in c 20: add 'dataset.na=["?"]' if they do""",
    )
    assert from_frame("mine", frame, target="y", na=[" ? "], missing="drop").left_out == 20


def test_numbers_can_be_markers():
    frame = table(range(40)).replace({"c": {7: -999}})
    data = from_frame("mine", frame, target="y")
    assert data.notes == ("""numbers that may mean missing cells: -999 in c 2: add 'dataset.na=["-999"]' if they do""",)
    assert from_frame("mine", frame, target="y", na=["-999"], missing="drop").left_out == 2


def test_a_marker_that_another_column_holds_as_a_number_is_not_declared_missing():
    frame = table([20, 31, 45, 999], pct=np.arange(ROWS) + 950.5).assign(count=np.arange(ROWS) % 7 + 995)
    assert from_frame("mine", frame, target="y").notes == (
        "numbers that may mean missing cells: 999 in c 15: leave them empty in the file if they do, because count "
        "has 999, too",
    )
    frame = table([20, 31, 45, -9]).assign(y=[-9, 1] * 30)
    assert "because y has -9, too" in from_frame("mine", frame, target="y").notes[0]


def test_dates_beyond_those_of_python_are_refused():
    years = pd.Series(np.arange(2**62, 2**62 + ROWS).view("M8[us]"))
    with pytest.raises(ValueError, match=r"column 'c' has dates outside the years 1 to 9999: .*dataset\.drop=\[c\]"):
        from_frame("mine", table([1], c=years), target="y", dates="numeric")


def test_numbers_near_the_others_are_no_markers():
    for values in ([-9, -1, 0, 5, 9], [99, 98, 60, 70], [-99, -60, 40]):
        assert not from_frame("mine", table([*values, 0.5]), target="y").notes
    for values in ([-9, 0, 1, 2, 3], [9999, 1950, 2020], [-999, 999, 1, 5]):
        assert "may mean missing cells" in from_frame("mine", table(values), target="y").notes[0]


def test_times_are_categories_with_a_note():
    for values in (["8:30 AM", "9:15 PM"], ["10:30", "11:00"]):
        assert from_frame("mine", table(values), target="y").notes == ("times are categories in c",)


def test_missing_cells_are_imputed_or_a_category_on_request():
    frame = table(["red", None, "blue"], n=[None, *range(1, ROWS)]).assign(y=[None, *("uv" * 30)[1:]])
    with pytest.raises(ValueError, match=r"c 20, y 1, n 1: .*missing=drop .*missing=impute, .*missing=category"):
        from_frame("mine", frame, target="y")
    data = from_frame("mine", frame, target="y", missing="impute")
    assert data.features == ("a", "c=blue", "c=red", "n")
    assert (data.left_out, int(np.isnan(data.inputs[:, 1]).sum())) == (1, 20)
    frame.loc[1, "n"] = None
    data = from_frame("mine", frame, target="y", missing="category")
    assert data.features == ("a", "c=blue", "c=red", "c=(missing)", "n", "n=(missing)")
    assert (data.inputs[:, 3].sum(), data.inputs[:, 5].tolist()) == (20, [1, *[0] * 58])
    assert not np.isnan(data.inputs[:, :4]).any()


# --- dates


def test_dates_become_days_and_weekdays_on_request(tmp_path):
    path = tmp_path / "mine.csv"
    for first, second in (("2026-01-31", "2026-02-02"), ("31/01/2026", "02/02/2026"), ("31.1.2026", "2.2.2026")):
        path.write_text("a,day,y\n" + f"1,{first},u\n2,{second} ,v\n" * 20)
        data = load("csv", path=str(path), target="y", dates="numeric")
        assert data.features[1:3] == ("day (days)", "day=Monday")
        assert data.inputs[:2, 1:3].tolist() == [[0, 0], [2, 1]]
    for first, second, why in (
        ("01/02/2026", "03/04/2026", "do not tell the day from the month, such as '01/02/2026' in lines 2, 4"),
        ("31/01/26", "02/02/26", "two digits for the year"),
        ("04-Jun-69", "05-Jul-70", "two digits for the year"),
        ("2026-01-31", "2026-02-30", "there is no '2026-02-30' in lines 3, 5"),
    ):
        path.write_text("a,day,y\n" + f"1,{first},u\n2,{second},v\n" * 20)
        with pytest.raises(ValueError, match=why):
            load("csv", path=str(path), target="y", dates="numeric")


def test_later_rows_have_their_dates_in_the_order_of_the_file(tmp_path):
    path = tmp_path / "mine.csv"
    for order, cells in {
        "day": ("31/01/2026", "2/2/2026", "04.02.2026 12:00"),
        "month": ("01/31/2026", "2/2/2026", "02/04/2026 12:00"),
        "": ("2026/01/31", "2026/2/2", "2026-02-04 12:00"),
    }.items():
        path.write_text("a,day,y\n" + "".join(f"{row}.5,{cells[row % 3]},{'uv'[row % 2]}\n" for row in range(ROWS)))
        data = load("csv", path=str(path), target="y", dates="numeric")
        kind = data.columns[1]
        assert kind.order == order
        assert from_records([kind.record]) == (kind,)
        assert data.inputs[:3, 1].tolist() == [0, 2, 4.5]
        assert (encode(pd.read_csv(path), data.columns) == data.inputs).all()
        for strange in ("13/13/2026", "31.1.26"):
            with pytest.raises(ValueError, match=r"column 'day' must hold dates such as .*2026.*, not '.* in row 1"):
                encode(pd.DataFrame({"a": [1], "day": [strange]}), data.columns)


DAYS = pd.date_range("2026-01-31 12:00", periods=ROWS)
TYPED = {
    "datetime64": DAYS,
    "zone": DAYS.tz_localize("Europe/Berlin"),
    "date": [day.date() for day in DAYS],
}


@pytest.mark.parametrize("kind", TYPED)
def test_typed_dates_are_refused_or_numeric(kind, tmp_path):
    table([1], c=TYPED[kind]).to_parquet(tmp_path / "mine.parquet")
    path = str(tmp_path / "mine.parquet")
    with pytest.raises(ValueError, match=r"column 'c' has dates, such as '2026-01-31.*add dataset\.dates=numeric"):
        load("csv", path=path, target="y")
    days = load("csv", path=path, target="y", dates="numeric").inputs[:, 1]
    assert (np.diff(days) == 1).all()
    assert days[0] == (0 if kind == "date" else 0.5)


def test_dates_are_no_target_but_as_classes():
    frame = table([1.5, 2.5]).assign(y=["2026-01-31", "2026-02-28"] * (ROWS // 2))
    for dates in (frame, frame.assign(y=pd.to_datetime(frame["y"]))):
        with pytest.raises(
            ValueError, match=r"has dates, such as '2026-01-31[^:]*(:00)*': add dataset\.task=classification"
        ):
            from_frame("mine", dates, target="y")
        assert len(from_frame("mine", dates, target="y", task="classification").classes) == 2


@pytest.mark.parametrize(
    ("values", "kind"), [([datetime.time(3)], "time"), ([datetime.timedelta(1)], "timedelta64"), ([1j], "complex128")]
)
def test_other_types_are_refused(values, kind):
    with pytest.raises(ValueError, match=f"column 'c' holds {kind}.*dataset.drop"):
        from_frame("mine", table(values), target="y", dates="numeric")


# --- whole numbers beyond 2^53

HUGE = [2**60 + 1, 2**60 + 2, 2**60 + 300]


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz"])
@pytest.mark.parametrize("values", [HUGE, [*HUGE, None], [2**63 + 1, 2**63 + 2, None]], ids=str)
def test_huge_numbers_are_exact_as_classes_and_groups_and_refused_as_inputs(ending, values, tmp_path):
    path = str(tmp_path / f"mine.{ending}")
    frame = table([1]).assign(c=pd.array([values[row % len(values)] for row in range(ROWS)], "UInt64"))
    if ending == "npz":
        frame = frame.dropna()
        np.savez(path, a=frame["a"], c=frame["c"].to_numpy(np.uint64), y=frame["y"].to_numpy("U1"))
    else:
        getattr(frame, f"to_{ending}")(path, index=False)
    known = sorted(value for value in values if value)
    data = load("csv", path=path, target="c", missing="drop")
    assert data.classes == tuple(map(str, known))
    assert len(set(load("csv", path=path, target="y", groups="c", missing="drop").groups)) == len(known)
    with pytest.raises(ValueError, match=r"column 'c' has whole numbers beyond 2\^53.*dataset\.drop=\[c\].*categories"):
        load("csv", path=path, target="y", missing="drop")
    assert load("csv", path=path, target="y", missing="drop", categories=["c"]).features[1] == f"c={known[0]}"


def test_floats_that_were_rounded_are_no_classes():
    frame = table([float(2**60), float(2**61)])
    for choices in ({"target": "c"}, {"target": "y", "groups": "c"}):
        with pytest.raises(ValueError, match=r"beyond 2\^53, which float64 rounds"):
            from_frame("mine", frame, **choices)


def test_numbers_that_mean_missing_cells_leave_large_ones_exact(tmp_path):
    values = [-9, 2**53 + 1, 2**53 + 2, 2**53 + 3]
    frame = table(values)
    frame.to_parquet(tmp_path / "mine.parquet")
    np.savez(tmp_path / "mine.npz", a=frame["a"], c=frame["c"], y=frame["y"].to_numpy("U1"))
    for ending in ("parquet", "npz"):
        choices = {"path": str(tmp_path / f"mine.{ending}"), "na": ["-9"], "missing": "impute"}
        with pytest.raises(ValueError, match=r"column 'c' has whole numbers beyond 2\^53"):
            load("csv", target="y", **choices)
        assert load("csv", target="c", **choices).classes == tuple(map(str, values[1:]))
        data = load("csv", target="y", categories=["c"], **choices)
        assert data.features[1:] == tuple(f"c={value}" for value in values[1:])


def test_a_column_may_have_the_name_of_a_parameter():
    frame = table([-9, 1, 2]).rename(columns={"c": "self"})
    assert from_frame("mine", frame, target="y", na=["-9"], missing="drop").left_out == 20


# --- columns that number the rows


def test_row_numbers_are_named():
    frame = table([1.5, 2], number=np.arange(7, 7 + ROWS)[::-1], zip=np.arange(ROWS) ** 2)
    assert from_frame("mine", frame, target="y").notes == (
        "whole numbers that differ in every row: number, zip: add 'dataset.drop=[number,zip]' if they number the rows",
    )
    assert not from_frame("mine", frame, target="y", drop=["number"], index="zip").notes
    with pytest.raises(ValueError, match=r"dataset\.index: column 'c' has '1.5' more than once"):
        from_frame("mine", frame, target="y", index="c")


def test_an_index_that_was_written_is_left_out(tmp_path):
    frame = table(["red", "blue"])
    digest = from_frame("mine", frame, target="y").sha256
    path = str(tmp_path / "mine.csv")
    for header in ("", "Unnamed: 0"):
        for index in (frame.index, frame.index + 1, [f"row {row}" for row in range(ROWS)]):
            if header and not isinstance(index, pd.Index):
                continue
            frame.set_index(pd.Index(index, name=header)).to_csv(path)
            data = load("csv", path=path, target="y")
            assert data.sha256 == digest
            assert len(data.notes) == 1
            assert data.notes[0].endswith("the rows and is left out")
    frame.set_index(pd.Index(np.arange(ROWS) % 7, name="patient")).to_parquet(tmp_path / "mine.parquet")
    path = str(tmp_path / "mine.parquet")
    assert load("csv", path=path, target="y").notes == ("the index patient is left out",)
    assert len(set(load("csv", path=path, target="y", groups="patient").groups)) == 7


# --- types of Parquet


def test_categories_of_numbers_stay_categories_and_decimals_are_numbers(tmp_path):
    path = str(tmp_path / "mine.parquet")
    table([1], c=pd.Categorical(np.arange(ROWS) % 3)).to_parquet(path)
    data = load("csv", path=path, target="y")
    assert data.features == ("a", "c=0", "c=1", "c=2")
    assert data.notes == ("the file declares categories in c: they are not read as numbers or dates",)
    table([Decimal("1.50"), Decimal("2.25")]).to_parquet(path)
    assert load("csv", path=path, target="y").inputs[:2, 1].tolist() == [1.5, 2.25]


def test_numbers_that_are_stored_as_text_are_refused():
    with pytest.raises(ValueError, match=r"numbers that are stored as text, such as '1': .*dataset\.categories=\[c\]"):
        from_frame("mine", table(["1", "2"]), target="y")
    assert from_frame("mine", table(["1", "2"]), target="y", categories=["c"]).features[1:] == ("c=1", "c=2")
    assert from_frame("mine", table(["01", "2"]), target="c", drop=["y"]).classes == ("01", "2")


COUNTS = np.random.default_rng(0).poisson(np.exp(np.random.default_rng(1).normal(1, 1, ROWS)))


def test_a_target_that_looks_like_counts_is_said_and_not_chosen():
    data = from_frame("mine", table(["u", "v"], y=COUNTS), target="y", task="regression")
    words = f"whole numbers from 0 to {COUNTS.max()}, most of them small"
    assert data.notes == (f"target 'y' has {words}: output=exp_poisson with optimizer=adam takes them as counts",)
    assert from_frame("mine", table(["u", "v"], y=COUNTS), target="y", task="classification").notes == ()
    few = COUNTS // 4
    (note,) = from_frame("mine", table(["u", "v"], y=few), target="y").notes
    assert note == (
        f"target 'y' has whole numbers from 0 to {few.max()}, most of them small, which were read as classes: "
        "dataset.task=regression with output=exp_poisson and optimizer=adam takes them as counts"
    )
    assert (
        from_frame("mine", table(["u", "v"], y=few).astype({"y": str}), target="y", task="classification").notes == ()
    )


@pytest.mark.parametrize(
    "target",
    [
        COUNTS + 0.5,
        COUNTS - 1,
        1000 * (COUNTS + 50),
        COUNTS.max() - COUNTS,
        np.arange(ROWS),
        np.where(np.arange(ROWS) == 7, 1, 0),
    ],
    ids=["fractions", "negative", "prices", "most are large", "running number", "two values"],
)
def test_other_targets_are_no_counts(target):
    assert from_frame("mine", table(["u", "v"], y=target), target="y", task="regression").notes == ()
